//! Client files of `OpenVPN`: what they say, what is refused, and the settings of the router that
//! they become.

mod support;

use panoptikon_vyos::config::{Document, commands};
use panoptikon_vyos::edit::OpenVpnEdit;
use panoptikon_vyos::ovpn::{Fate, LARGEST, Profile};
use panoptikon_vyos::secrets;
use panoptikon_vyos::{Operator, Stake, risks};
use proptest::prelude::*;
use support::{CURRENT, SAGITTA, change, refused};

const FILE: &str = include_str!("data/client.ovpn");

/// The file with a line in front of it.
fn with(line: &str) -> String {
    format!("{line}\n{FILE}")
}

/// The file without what begins so, up to the end of its block if it is one.
fn without(start: &str) -> String {
    let mut out = String::new();
    let mut lines = FILE.lines();
    while let Some(line) = lines.next() {
        if line.starts_with(start) {
            if let Some(name) = line.strip_prefix('<') {
                let end = format!("</{name}");
                assert!(lines.any(|line| line == end), "{start}");
            }
            continue;
        }
        out.push_str(line);
        out.push('\n');
    }
    assert_ne!(out, FILE, "{start} is in it");
    out
}

fn parsed(text: &str) -> Profile {
    Profile::parse(text).unwrap_or_else(|error| panic!("{error}"))
}

fn problems(text: &str) -> String {
    Profile::parse(text).expect_err("it is refused").to_string()
}

fn wanted() -> OpenVpnEdit {
    OpenVpnEdit {
        name: "vtun0".to_owned(),
        description: Some("Provider".to_owned()),
        username: Some("anna".to_owned()),
        password: Some("s3cret".to_owned()),
        routes: false,
    }
}

#[test]
fn a_providers_file_becomes_settings_of_both_releases() {
    for (release, ciphers) in [(SAGITTA, "ncp-ciphers"), (CURRENT, "data-ciphers")] {
        let lines = change(release, |draft| draft.add_openvpn(&parsed(FILE), &wanted())).lines;
        let has = |line: &str| {
            assert!(lines.iter().any(|l| l.starts_with(line)), "no {line} in {lines:#?}");
        };
        let own = "set interfaces openvpn vtun0";
        for line in [
            "mode client",
            "description Provider",
            "remote-host vpn.example.net",
            "remote-host vpn2.example.net",
            "remote-port 1194",
            "persistent-tunnel",
            "hash sha256",
            "tls tls-version-min 1.2",
            "tls ca-certificate openvpn-vtun0",
            "tls certificate openvpn-vtun0",
            "tls auth-key openvpn-vtun0",
            "authentication username anna",
            "authentication password s3cret",
            "openvpn-option 'remote-cert-tls server'",
            "openvpn-option 'verify-x509-name vpn.example.net name'",
            "openvpn-option 'keepalive 10 60'",
            "openvpn-option route-nopull",
        ] {
            has(&format!("{own} {line}"));
        }
        for cipher in ["aes256gcm", "aes128gcm", "aes256"] {
            has(&format!("{own} encryption {ciphers} {cipher}"));
        }
        has("set pki ca openvpn-vtun0 certificate MII");
        has("set pki certificate openvpn-vtun0 certificate MII");
        // The older form of the key is wrapped: `openssl pkey -check` takes what comes out.
        has("set pki certificate openvpn-vtun0 private key MIGTAgEAMBMGByqGSM49AgEG");
        has("set pki openvpn shared-secret openvpn-vtun0 key 0123456789abcdef");
        has("set pki openvpn shared-secret openvpn-vtun0 version 1");
        // VyOS 1.5 refuses it for clients, and udp is what it does without being told.
        assert!(!lines.iter().any(|l| l.contains("encryption cipher ") || l.contains("protocol")));
        assert!(!lines.iter().any(|l| l.contains("redirect-gateway")), "{lines:#?}");
    }
}

#[test]
fn each_line_is_told_what_becomes_of_it() {
    let profile = parsed(FILE);
    let fates = |name: &str| -> Vec<Fate> {
        let all = profile.notes.iter().filter(|note| note.directive == name);
        all.map(|note| note.fate).collect()
    };
    assert_eq!(fates("remote"), [Fate::Setting, Fate::Setting, Fate::Left]);
    for (name, fate) in [
        ("client", Fate::Own),
        ("remote-cert-tls", Fate::Option),
        ("redirect-gateway", Fate::Route),
        ("dhcp-option", Fate::Left),
        ("x-vendor", Fate::Left),
        ("auth", Fate::Setting),
        ("ca", Fate::Setting),
    ] {
        assert_eq!(fates(name), [fate], "{name}");
    }
    let line = profile.notes.iter().find(|note| note.directive == "x-vendor").map(|n| n.line);
    assert_eq!(line, FILE.lines().position(|l| l.starts_with("x-vendor")).map(|at| at + 1));
    assert!(profile.notes.iter().all(|note| !note.text.is_empty()));
}

#[test]
fn what_runs_programs_is_refused_by_its_line() {
    for name in [
        "up /etc/openvpn/update-resolv-conf",
        "script-security 2",
        "down \"/bin/sh -c reboot\"",
        "--route-up x",
        "plugin /tmp/a.so",
        "management 127.0.0.1 7505",
        "config /config/config.boot",
        "tls-verify /bin/true",
        "auth-user-pass-verify /bin/true via-env",
        "iproute /bin/sh",
        "learn-address x",
    ] {
        let said = problems(&with(name));
        assert!(said.starts_with("line 1: "), "{name}: {said}");
        assert!(said.contains("other programs"), "{name}: {said}");
    }
    let block = "<connection>\nremote a.example 1\nup /bin/sh\n</connection>";
    assert!(problems(&with(block)).contains("line 3: "), "{}", problems(&with(block)));
    assert!(problems(&with("<plugin>\nx\n</plugin>")).contains("other programs"));
}

#[test]
fn what_cannot_work_is_told_with_what_to_do() {
    for (text, said) in [
        (without("<ca>"), "between <ca> and </ca>"),
        (without("<key>"), "belong together"),
        (without("remote "), "no `remote`"),
        (without("key-direction"), "key-direction 1"),
        (with("ca provider.crt"), "put its text between <ca> and </ca>"),
        (with("pkcs12 anna.p12"), "as PEM"),
        (with("server 10.8.0.0 255.255.255.0"), "makes a server"),
        (with("remote 'x y' 1194"), "line 1"),
        (with("remote vpn.example.net 99999"), "1 to 65535"),
        (with("proto sctp"), "udp or tcp"),
        (with("<ca>\nnothing\n</ca>"), "no certificate"),
        (with("<tls-crypt-v2>\nx\n</tls-crypt-v2>"), "second version"),
        (format!("{FILE}<ca>\nA"), "has no end"),
        (FILE.replace("EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY"), "openssl pkey"),
        (FILE.replace("EC PRIVATE KEY", "DSA PRIVATE KEY"), "not known"),
        (FILE.replace("MHcCAQEE", "MHcC!QEE"), "cannot be read"),
        ("x".repeat(LARGEST + 1), "256 kB"),
        ("\0".to_owned(), "no text file"),
        (String::new(), "no `remote`"),
    ] {
        assert!(problems(&text).contains(said), "{said}: {}", problems(&text));
    }
}

#[test]
fn options_are_handed_on_only_where_no_sign_has_a_meaning() {
    for line in [
        "verify-x509-name \"C=NL, CN=a b\" subject",
        "remote-cert-tls 'server%n'",
        "tls-cipher 'A;reboot'",
        "reneg-sec '$(reboot)'",
        "keepalive 10 --up",
        "tls-cipher 'A --up'",
    ] {
        let profile = parsed(&with(line));
        assert_eq!(profile.notes[0].fate, Fate::Left, "{line}");
        assert_eq!(profile.options, parsed(FILE).options, "{line}");
    }
    assert!(parsed(&with("pull-filter ignore \"redirect-gateway\"")).routes.len() == 2);
}

#[test]
fn routes_of_the_file_are_taken_only_where_that_is_wanted() {
    let edit = OpenVpnEdit { routes: true, ..wanted() };
    let lines = change(CURRENT, |draft| draft.add_openvpn(&parsed(FILE), &edit)).lines;
    let option = |text: &str| lines.iter().any(|l| l.ends_with(&format!("openvpn-option {text}")));
    assert!(option("'redirect-gateway def1'") && !option("route-nopull"), "{lines:#?}");
}

#[test]
fn letting_the_server_set_routes_is_told_as_a_risk() {
    let before = Document::parse(CURRENT).unwrap().root;
    let stakes = |routes: bool| {
        let edit = OpenVpnEdit { routes, ..wanted() };
        let after = change(CURRENT, |draft| draft.add_openvpn(&parsed(FILE), &edit)).root;
        let again = risks(&after, &after, Operator::default());
        assert!(again.is_empty(), "told once only");
        let found = risks(&before, &after, Operator::default());
        found.iter().map(|risk| risk.stake).collect::<Vec<_>>()
    };
    assert_eq!(stakes(true), [Stake::Cuts]);
    assert!(stakes(false).is_empty());
}

#[test]
fn one_family_and_tcp_are_written_as_the_release_has_them() {
    let text = FILE.replace("proto udp\n", "proto tcp6-client\n");
    let lines =
        |release| change(release, |draft| draft.add_openvpn(&parsed(&text), &wanted())).lines;
    let (old, new) = (lines(SAGITTA), lines(CURRENT));
    let has = |lines: &[String], end: &str| lines.iter().any(|line| line.ends_with(end));
    assert!(has(&old, "protocol tcp-active") && has(&new, "protocol tcp-active"));
    assert!(has(&old, "openvpn-option 'proto tcp6-client'") && !has(&old, "ip-version ipv6"));
    assert!(has(&new, "ip-version ipv6") && !has(&new, "openvpn-option 'proto tcp6-client'"));
}

#[test]
fn a_name_and_a_password_are_demanded_where_the_server_asks_for_them() {
    let bare = OpenVpnEdit { username: None, password: None, ..wanted() };
    let error = refused(CURRENT, |draft| draft.add_openvpn(&parsed(FILE), &bare));
    assert!(error.field("username").is_some() && error.field("password").is_some());
    let inline = with("<auth-user-pass>\nben\npa ss\n</auth-user-pass>");
    let lines = change(CURRENT, |draft| draft.add_openvpn(&parsed(&inline), &bare)).lines;
    assert!(lines.iter().any(|line| line.ends_with("authentication password 'pa ss'")));
    let quoted = OpenVpnEdit { password: Some("it's".to_owned()), ..wanted() };
    let error = refused(CURRENT, |draft| draft.add_openvpn(&parsed(FILE), &quoted));
    assert!(error.field("password").is_some_and(|said| said.contains("quotes")));
    let silent = without("auth-user-pass");
    let lines = change(CURRENT, |draft| draft.add_openvpn(&parsed(&silent), &bare)).lines;
    assert!(!lines.iter().any(|line| line.contains("authentication")));
}

#[test]
fn a_second_client_shares_the_authority_and_both_go_without_a_trace() {
    let changed = change(CURRENT, |draft| {
        draft.add_openvpn(&parsed(FILE), &wanted())?;
        draft.add_openvpn(&parsed(FILE), &OpenVpnEdit { name: "vtun1".to_owned(), ..wanted() })
    });
    let has = |line: &str| changed.lines.iter().any(|known| known.starts_with(line));
    assert!(has("set interfaces openvpn vtun1 tls ca-certificate openvpn-vtun0"));
    assert!(has("set interfaces openvpn vtun1 tls certificate openvpn-vtun1"));
    assert!(!has("set pki ca openvpn-vtun1"));

    let start = Document::parse(CURRENT).unwrap();
    let mut both = start.clone();
    both.root = changed.root;
    let one = change(&both.print(), |draft| draft.delete_openvpn("vtun0"));
    let left = one.root.commands().iter().map(ToString::to_string).collect::<Vec<_>>();
    assert!(left.iter().any(|line| line.starts_with("set pki ca openvpn-vtun0")), "still used");
    assert!(!left.iter().any(|line| line.starts_with("set pki certificate openvpn-vtun0")));
    let mut rest = start.clone();
    rest.root = one.root;
    let two = change(&rest.print(), |draft| draft.delete_openvpn("vtun1"));
    assert!(two.root.means_the_same(&start.root), "what came with them went with them");
}

#[test]
fn a_client_is_switched_off_and_on_and_others_are_no_business_of_this() {
    let changed = change(CURRENT, |draft| {
        draft.add_openvpn(&parsed(FILE), &wanted())?;
        draft.enable_openvpn("vtun0", false)
    });
    assert!(changed.lines.iter().any(|line| line == "set interfaces openvpn vtun0 disable"));
    refused(CURRENT, |draft| draft.enable_openvpn("vtun7", true));
    let error = refused(CURRENT, |draft| {
        draft.add_openvpn(&parsed(FILE), &OpenVpnEdit { name: "eth0".to_owned(), ..wanted() })
    });
    assert!(error.field("name").is_some());
    let mut server = Document::parse(CURRENT).unwrap();
    server
        .root
        .apply(&commands::parse("set interfaces openvpn vtun0 mode server").unwrap())
        .unwrap();
    let error = refused(&server.print(), |draft| draft.delete_openvpn("vtun0"));
    assert!(error.field("name").is_some_and(|said| said.contains("no client")));
}

#[test]
fn no_secret_of_a_file_is_in_what_people_see() {
    let profile = parsed(FILE);
    let document = Document::parse(CURRENT).unwrap();
    let dialect = panoptikon_vyos::dialect::Dialect::of(&document);
    let mut draft = panoptikon_vyos::edit::Draft::new(&document.root, &dialect);
    draft.add_openvpn(&profile, &wanted()).unwrap();
    let list = draft.commands();
    let shown: String = list.iter().map(|command| secrets::shown(command) + "\n").collect();
    let seen = format!("{shown}{profile:?}{:?}", wanted());
    for secret in ["s3cret", "0123456789abcdef0123", "MIGTAgEAMBMG"] {
        assert!(!seen.contains(secret), "{secret}");
        let sent: String = list.iter().map(|command| command.to_string() + "\n").collect();
        assert!(sent.contains(secret), "{secret} is sent");
    }
}

proptest! {
    #[test]
    fn no_text_breaks_the_reader(text in "(?s).{0,400}") {
        let _ = Profile::parse(&text);
    }

    #[test]
    fn no_line_makes_more_of_a_file_than_settings_of_its_interface(
        name in "(remote|proto|cipher|auth|setenv|route|keepalive|comp-lzo|dev|[a-z-]{1,12})",
        words in proptest::collection::vec("[ -~]{0,12}", 0..4),
    ) {
        let line = format!("{name} {}", words.join(" "));
        if let Ok(profile) = Profile::parse(&with(&line)) {
            let edit = OpenVpnEdit { routes: true, ..wanted() };
            let document = Document::parse(CURRENT).unwrap();
            let dialect = panoptikon_vyos::dialect::Dialect::of(&document);
            let mut draft = panoptikon_vyos::edit::Draft::new(&document.root, &dialect);
            draft.add_openvpn(&profile, &edit).unwrap();
            for command in draft.commands() {
                let text = command.to_string();
                let own = ["set interfaces openvpn vtun0", "set pki "];
                prop_assert!(own.iter().any(|start| text.starts_with(start)), "{}", text);
                if let Some((_, option)) = text.split_once("openvpn-option ") {
                    let option = option.trim_matches('\'');
                    let plain = |c: char| c.is_ascii_alphanumeric() || " ._:/=,@+-".contains(c);
                    prop_assert!(option.chars().all(plain), "{}", text);
                    prop_assert!(!option.contains("--"), "{}", text);
                }
            }
        }
    }
}
