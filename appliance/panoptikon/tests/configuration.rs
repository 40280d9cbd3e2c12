//! What a person meets who configures the appliance: precedence, mistakes, the reference page.

use std::path::PathBuf;

use panoptikon::config::{
    Config, DEFINITIONS, FileText, Place, Sources, definition, reference, resolve,
};
use proptest::option;
use proptest::prelude::*;

/// Two good values a key that differ from each other and from the default.
fn good(key: &str) -> [&'static str; 3] {
    match key {
        "data_dir" | "config_dir" | "control_socket" | "tls_certificate" | "tls_key"
        | "router_key_file" | "router_boot_file" | "geoip_dir" | "log_dir" | "agents_dir" => {
            ["/a", "/b/c", "/d"]
        }
        "router_api" => ["/run/a.sock", "https://127.0.0.1", "https://[::1]:8443"],
        "router_fingerprint" => [
            "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
            "01:23:45:67:89:AB:CD:EF:01:23:45:67:89:AB:CD:EF:01:23:45:67:89:AB:CD:EF:01:23:45:67:89:AB:CD:EF",
            "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        ],
        "listen" => ["127.0.0.1:1", "[::1]:2,10.0.0.1:3", "0.0.0.0:4"],
        "plain_listen" => ["127.0.0.1:1", "[::1]:2", "127.9.9.9:3"],
        "log_level" => ["error", "debug", "trace"],
        "log_format" => ["json", "text", "json"],
        "log_max_mb" => ["4", "33", "512"],
        "hostname" => ["a", "b.example", "c-1"],
        "metrics_access" => ["lan", "key", "loopback"],
        "database_max_mb" => ["32", "64", "1048576"],
        "backup_keep" => ["1", "2", "1000"],
        "allow_clients" => ["any", "private,203.0.113.0/24", "2001:db8::7"],
        "trusted_proxies" => ["127.0.0.1", "10.0.0.0/8,fd00::/8", "::1"],
        "interfaces" => ["eth0", "eth1,eth2", "auto"],
        "exclude_interfaces" => ["eth3", "wlan0,eth4", "br0"],
        "dns_names" => ["false", "true", "false"],
        "flows_source" => ["conntrack", "exporters", "off"],
        "flows_listen" => ["127.0.0.1:2055", "[::1]:2,10.0.0.1:3", "[::]:4739"],
        "agents_listen" => ["127.0.0.1:8444", "[::1]:2,10.0.0.1:3", "[::]:4444"],
        "flows_exporters" => ["any", "192.0.2.7,2001:db8::/32", "10.0.0.0/8"],
        "flows_keep_days" => ["1", "7", "3660"],
        "flows_max_mb" => ["16", "64", "1048576"],
        "threads" => ["1", "2", "64"],
        other => panic!("give {other} some good values"),
    }
}

/// What must be given as well for a key to be accepted.
fn partner(key: &str) -> Option<(&'static str, String)> {
    match key {
        "tls_certificate" => Some(("tls_key", "/k".to_owned())),
        "tls_key" => Some(("tls_certificate", "/c".to_owned())),
        _ => None,
    }
}

fn file(text: impl Into<String>) -> FileText {
    FileText { name: "panoptikon.toml".to_owned(), text: text.into() }
}

fn in_file(key: &str, value: &str) -> String {
    let is_number = value.parse::<u64>().is_ok();
    if is_number { format!("{key} = {value}\n") } else { format!("{key} = \"{value}\"\n") }
}

fn messages(sources: &Sources) -> String {
    resolve(sources).expect_err("a mistake is found").to_string()
}

proptest! {
    #[test]
    fn flag_beats_environment_beats_file_beats_default(
        index in 0..DEFINITIONS.len(),
        in_toml in option::of(0..3_usize),
        in_environment in option::of(0..3_usize),
        as_flag in option::of(0..3_usize),
    ) {
        let d = &DEFINITIONS[index];
        let value = |n: usize| good(d.key)[n];
        let given = as_flag.or(in_environment).or(in_toml).is_some();
        let sources = Sources {
            file: in_toml.map(|n| file(in_file(d.key, value(n)))),
            vyos: None,
            environment: in_environment
                .map(|n| (d.variable.to_owned(), value(n).to_owned()))
                .into_iter()
                .collect(),
            flags: as_flag
                .map(|n| (d.key, value(n).to_owned()))
                .into_iter()
                .chain(partner(d.key).filter(|_| given))
                .collect(),
        };
        let resolved = resolve(&sources).expect("good values are accepted");
        let setting = resolved.settings.iter().find(|s| s.key == d.key).expect("all are listed");
        let expected = as_flag.or(in_environment).or(in_toml).map_or(d.default, value);
        prop_assert_eq!(&setting.value, expected);
        let place = match (as_flag, in_environment, in_toml) {
            (Some(_), _, _) => Place::Flag(d.flag.to_owned()),
            (_, Some(_), _) => Place::Environment(d.variable.to_owned()),
            (_, _, Some(_)) => Place::File { name: "panoptikon.toml".to_owned(), line: 1 },
            _ => Place::Default,
        };
        prop_assert_eq!(&setting.place, &place);
        // The same value alone gives the same configuration, whichever way it came.
        let flags = partner(d.key).filter(|_| given).into_iter().chain([(d.key, expected.to_owned())]).collect();
        let alone = Sources { flags, ..Sources::default() };
        prop_assert_eq!(resolve(&alone).expect("accepted").config, resolved.config);
    }

    #[test]
    fn no_file_makes_the_reader_panic(text in "\\PC{0,200}") {
        let _ = resolve(&Sources { file: Some(file(text)), ..Sources::default() });
    }

    #[test]
    fn no_value_makes_a_setting_panic(index in 0..DEFINITIONS.len(), text in "\\PC{0,60}") {
        let flags = vec![(DEFINITIONS[index].key, text)];
        let _ = resolve(&Sources { flags, ..Sources::default() });
    }
}

#[test]
fn the_defaults_are_accepted_and_complete() {
    let resolved = resolve(&Sources::default()).expect("the defaults are fine");
    assert_eq!(resolved.settings.len(), DEFINITIONS.len());
    assert_ne!(resolved.config, Config::default(), "the table fills the configuration");
    assert_eq!(resolved.config.data_dir, PathBuf::from("/var/lib/panoptikon"));
    assert_eq!(resolved.config.listen.len(), 2);
    assert_eq!(resolved.config.interfaces, None);
}

#[test]
fn an_unknown_key_is_shown_with_its_line_and_the_one_that_was_meant() {
    let text = "# home\n\ndata_dir = \"/data\"\n\n\n\nlisen = \"0.0.0.0:80\"\n";
    let message = messages(&Sources { file: Some(file(text)), ..Sources::default() });
    let start =
        "panoptikon.toml:7: unknown key `lisen`; did you mean `listen`? accepted: data_dir, ";
    assert!(message.starts_with(start), "{message}");
}

#[test]
fn a_key_inside_a_table_is_unknown_as_well() {
    let message =
        messages(&Sources { file: Some(file("[web]\nlisten = 1\n")), ..Sources::default() });
    assert!(message.starts_with("panoptikon.toml:1: unknown key `web`;"), "{message}");
}

#[test]
fn a_bad_value_is_shown_with_its_line_and_the_accepted_ones() {
    let text = "log_format = \"text\"\nlog_level = \"loud\"\n";
    let message = messages(&Sources { file: Some(file(text)), ..Sources::default() });
    let expected = "panoptikon.toml:2: log_level: `loud` is not one of them; accepted: error, warn, \
                    info, debug or trace";
    assert_eq!(message, expected);
}

#[test]
fn a_value_of_another_type_is_refused() {
    for (text, says) in [
        ("threads = \"4\"", "threads: is a string, not a number"),
        ("data_dir = 4", "data_dir: is a number, not a string in quotes"),
        ("listen = [1]", "listen: an entry is a number, not a string"),
        ("interfaces = true", "interfaces: is true or false, not a list of strings"),
    ] {
        let message = messages(&Sources { file: Some(file(text)), ..Sources::default() });
        assert!(message.contains(says), "{message}");
    }
}

#[test]
fn every_mistake_is_shown_at_once_even_where_a_flag_overrules_it() {
    let sources = Sources {
        file: Some(file("threads = 65\nbackup_keep = 0\n")),
        vyos: None,
        environment: vec![
            ("PANOPTIKON_LISTEN".to_owned(), "localhost".to_owned()),
            ("PATH".to_owned(), "/bin".to_owned()),
        ],
        flags: vec![("threads", "4".to_owned())],
    };
    let message = messages(&sources);
    assert_eq!(message.lines().count(), 3, "{message}");
    assert!(message.contains("panoptikon.toml:1: threads: 65 is out of range"), "{message}");
    assert!(message.contains("PANOPTIKON_LISTEN: listen: `localhost` is no address"), "{message}");
}

#[test]
fn an_unknown_variable_of_ours_is_an_error_with_its_near_miss() {
    let environment = vec![("PANOPTIKON_DATADIR".to_owned(), "/x".to_owned())];
    let message = messages(&Sources { environment, ..Sources::default() });
    let expected = "PANOPTIKON_DATADIR: unknown variable `PANOPTIKON_DATADIR`; did you mean \
                    `PANOPTIKON_DATA_DIR`?";
    assert!(message.starts_with(expected), "{message}");
}

#[test]
fn a_key_that_is_given_twice_is_named() {
    let text = "data_dir = \"/a\"\nthreads = 1\nthreads = 2\n";
    let message = messages(&Sources { file: Some(file(text)), ..Sources::default() });
    assert_eq!(
        message,
        "panoptikon.toml:3: `threads` is given a second time; keep one of the two lines"
    );
}

#[test]
fn what_is_no_toml_is_shown_with_its_line() {
    let text = "data_dir = \"/a\"\nlisten = [\n";
    let message = messages(&Sources { file: Some(file(text)), ..Sources::default() });
    assert!(message.contains("this is no TOML"), "{message}");
    assert!(message.starts_with("panoptikon.toml:"), "{message}");
}

#[test]
fn a_certificate_needs_its_key() {
    let flags = vec![("tls_certificate", "/c".to_owned())];
    let message = messages(&Sources { flags: flags.clone(), ..Sources::default() });
    assert!(message.starts_with("--tls-certificate: "), "{message}");
    let with_key = [flags, vec![("tls_key", "/k".to_owned())]].concat();
    assert!(resolve(&Sources { flags: with_key, ..Sources::default() }).is_ok());
}

#[test]
fn lists_may_be_arrays_or_text_with_commas() {
    for text in ["interfaces = [\"eth1\", \"eth2\"]", "interfaces = \"eth1, eth2\""] {
        let resolved =
            resolve(&Sources { file: Some(file(text)), ..Sources::default() }).expect(text);
        let expected = vec!["eth1".to_owned(), "eth2".to_owned()];
        assert_eq!(resolved.config.interfaces, Some(expected));
    }
}

#[test]
fn the_examples_of_the_reference_page_are_accepted_as_they_stand() {
    let page = reference();
    let blocks: Vec<&str> =
        page.split("```toml\n").skip(1).filter_map(|b| b.split("```").next()).collect();
    assert_eq!(blocks.len(), DEFINITIONS.len());
    let all = blocks.concat();
    let resolved =
        resolve(&Sources { file: Some(file(all)), ..Sources::default() }).expect("accepted");
    assert_eq!(resolved.config, resolve(&Sources::default()).expect("fine").config);
}

#[test]
fn the_reference_page_is_what_the_table_says() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");
    let page = std::fs::read_to_string(path).expect("docs/configuration.md exists");
    assert_eq!(page, reference(), "run: panoptikon config-reference > docs/configuration.md");
    assert!(definition("listen").is_some_and(|d| page.contains(d.help)));
}

#[test]
fn what_vyos_says_stands_between_the_file_and_the_environment() {
    let vyos = FileText { name: "vyos.toml".to_owned(), text: "\nbackup_keep = 5\n".to_owned() };
    let mut sources =
        Sources { file: Some(file("backup_keep = 3\n")), vyos: Some(vyos), ..Sources::default() };
    let kept = |sources: &Sources| {
        let resolved = resolve(sources).expect("accepted");
        let setting = resolved.settings.iter().find(|s| s.key == "backup_keep").expect("listed");
        (setting.value.clone(), setting.place.to_string())
    };
    let expected = ("5".to_owned(), "service panoptikon (vyos.toml:2)".to_owned());
    assert_eq!(kept(&sources), expected);
    sources.environment = vec![("PANOPTIKON_BACKUP_KEEP".to_owned(), "7".to_owned())];
    assert_eq!(kept(&sources).0, "7");
}
