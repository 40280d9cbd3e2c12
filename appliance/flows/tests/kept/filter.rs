//! The filter language: what is not understood is pointed at.

use panoptikon_flows::filter::{Compare, Filter, Side, Test, parse, reference};
use proptest::prelude::*;

fn read(text: &str) -> Result<Filter, String> {
    let names = |name: &str| (name == "eth1").then_some(4);
    parse(text, &names).map_err(|error| error.to_string())
}

fn test(text: &str) -> Test {
    match read(text) {
        Ok(Filter::Test(only)) => only,
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn each_condition_is_understood() {
    let net = |text: &str| text.parse().unwrap();
    assert_eq!(test("10.0.0.5"), Test::Network(Side::Either, net("10.0.0.5/32")));
    assert_eq!(test("src 10.0.0.5"), Test::Network(Side::Source, net("10.0.0.5/32")));
    assert_eq!(
        test("dst net 2001:DB8::/32"),
        Test::Network(Side::Destination, net("2001:db8::/32"))
    );
    assert_eq!(test("host ::1"), Test::Network(Side::Either, net("::1/128")));
    assert_eq!(test("port 6000-6063"), Test::Port(Side::Either, 6_000, 6_063));
    assert_eq!(test("SPORT 53"), Test::Port(Side::Source, 53, 53));
    assert_eq!(test("dst country de"), Test::Country(Side::Destination, *b"DE"));
    assert_eq!(test("src as AS3320"), Test::System(Side::Source, 3_320));
    assert_eq!(test("nat 203.0.113.7"), Test::Translated(Side::Either, net("203.0.113.7/32")));
    assert_eq!(test("src nat ::/8"), Test::Translated(Side::Source, net("::/8")));
    assert_eq!(test("dst natport 1-9"), Test::TranslatedPort(Side::Destination, 1, 9));
    assert_eq!(test("proto icmp6"), Test::Protocol(58));
    assert_eq!(test("ipv6"), Test::Version6(true));
    assert_eq!(test("in eth1"), Test::Interface(Side::Source, 4));
    assert_eq!(test("iface 7"), Test::Interface(Side::Either, 7));
    assert_eq!(test("flags SA"), Test::Flags(0x12));
    assert_eq!(test("bytes>1M"), Test::Bytes(Compare::More, 1_000_000));
    assert_eq!(test("packets <= 2Ki"), Test::Packets(Compare::AtMost, 2_048));
    assert_eq!(test("duration > 10s"), Test::Duration(Compare::More, 10_000));
    assert_eq!(test("duration != 3"), Test::Duration(Compare::Unequal, 3_000));
}

#[test]
fn and_binds_closer_than_or_and_parentheses_closer_than_both() {
    let one = |text| Filter::Test(test(text));
    let both = Filter::All(vec![one("port 1"), one("port 2")]);
    assert_eq!(read("port 3 or port 1 and port 2"), Ok(Filter::Any(vec![one("port 3"), both])));
    let either = Filter::Any(vec![one("port 3"), one("port 1")]);
    let not = Filter::Not(Box::new(either));
    assert_eq!(
        read("not (port 3 or port 1) and port 2"),
        Ok(Filter::All(vec![not, one("port 2")]))
    );
    assert_eq!(read("   "), Ok(Filter::default()));
}

#[test]
fn what_is_not_understood_is_pointed_at_with_what_would_be() {
    for (text, column, found, accepted) in [
        ("src 10.0.0.5 and dprt 443", 18, "`dprt`", "dport"),
        ("src 10.0.0.5 dport 443", 14, "`dport`", "and, or"),
        ("dport 70000", 7, "`70000`", "65535"),
        ("port 9-3", 6, "`9-3`", "6000-6063"),
        ("bytes 5", 7, "`5`", ">="),
        ("bytes > many", 9, "`many`", "10k"),
        ("host 10.0.0", 6, "`10.0.0`", "an address"),
        ("net 10.0.0.0/33", 5, "`10.0.0.0/33`", "a network"),
        ("country Germany", 9, "`germany`", "two letters"),
        ("in eth9", 4, "`eth9`", "interface"),
        ("flags X", 7, "`x`", "FSRPAUEC"),
        ("duration > 3y", 12, "`3y`", "500ms"),
        ("src proto tcp", 5, "`proto`", "host, net, port, country, as"),
        ("(port 3", 8, "ends too early", "closing parenthesis"),
        ("port 3 and", 11, "ends too early", "host"),
        ("ä and port 3", 1, "`ä`", "an address"),
    ] {
        let error = parse(text, &|_| None).unwrap_err();
        assert_eq!(error.column, column, "{text}: {error}");
        assert!(error.found.contains(found), "{text}: {error}");
        assert!(error.accepted.contains(accepted), "{text}: {error}");
    }
}

#[test]
fn nesting_and_length_are_bounded() {
    assert!(read(&"(".repeat(4_000)).unwrap_err().contains("at most 64 levels"));
    assert!(read(&"not ".repeat(1_000)).unwrap_err().contains("at most 64 levels"));
    assert!(read(&" ".repeat(5_000)).unwrap_err().contains("at most 4096 characters"));
}

#[test]
fn the_page_about_filters_is_what_the_table_says_and_its_examples_are_understood() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/flow-filters.md");
    let page = reference();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, &page).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap(), page, "run this test with UPDATE_DOCS=1");
    let rows = page.lines().filter(|line| line.starts_with("| ") && line.ends_with("` |"));
    let examples: Vec<&str> = rows.filter_map(|row| row.rsplit('`').nth(1)).collect();
    assert!(examples.len() > 15);
    let shown = page.lines().filter_map(|line| line.strip_prefix("    "));
    for example in examples.into_iter().chain(shown) {
        assert!(read(example).is_ok(), "{example}: {:?}", read(example));
    }
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text: String) {
        let _ = read(&text);
    }

    #[test]
    fn no_words_of_the_language_make_the_parser_panic(
        words in prop::collection::vec(prop::sample::select(vec![
            "src", "dst", "host", "net", "port", "and", "or", "not", "(", ")", "10.0.0.1", "53",
            "bytes", ">", "<=", "1M", "!", "flags", "S", "duration", "10.0.0.0/8", "in", "as",
        ]), 0..30),
    ) {
        let _ = read(&words.join(" "));
    }
}
