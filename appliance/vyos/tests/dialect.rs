//! Which words a router's configuration is written in.

use panoptikon_vyos::config::{Document, Node, commands};
use panoptikon_vyos::dialect::{
    ApiForm, Components, Dhcp4Form, Dhcp6Form, Dialect, DialectError, NetflowForm, Release, Train,
};

const SAGITTA: &str = include_str!("data/sagitta.config.boot");
const CURRENT: &str = include_str!("data/current.config.boot");

fn read(text: &str) -> Document {
    Document::parse(text).expect("a configuration")
}

#[test]
fn releases_are_known_by_their_version_text() {
    for (text, train, day) in [
        ("1.4.0", Train::Sagitta, None),
        ("VyOS 1.4.2", Train::Sagitta, None),
        ("1.4.0-epa3", Train::Sagitta, None),
        ("1.5.0", Train::Circinus, None),
        ("1.5-stream-2025-Q1", Train::Circinus, None),
        ("1.5-rolling-202410150007", Train::Rolling, Some(20_241_015)),
        ("2026.02.03-0027-rolling", Train::Rolling, Some(20_260_203)),
        ("999.202603041234", Train::Rolling, Some(20_260_304)),
    ] {
        let release = Release::parse(text).unwrap();
        assert_eq!((release.train, release.day), (train, day), "{text}");
    }
    for text in ["", "TESTBED-current-202410", "7.1", "2026-rolling", "1.x"] {
        assert!(matches!(Release::parse(text), Err(DialectError::Release { .. })), "{text}");
    }
}

#[test]
fn the_versions_at_the_end_of_a_file_decide() {
    let old = Dialect::decide(&Node::default(), &Components::of(&read(SAGITTA)), None);
    assert_eq!(old.dhcp4(), Ok(Dhcp4Form::Plain));
    assert_eq!(old.dhcp6(), Ok(Dhcp6Form::Plain));
    assert_eq!(old.api(), Ok(ApiForm::Plain));
    assert_eq!(old.netflow(), Ok(NetflowForm::Interface));
    let new = Dialect::decide(&Node::default(), &Components::of(&read(CURRENT)), None);
    assert_eq!(new.dhcp4(), Ok(Dhcp4Form::Option));
    assert_eq!(new.dhcp6(), Ok(Dhcp6Form::Option));
    assert_eq!(new.api(), Ok(ApiForm::Rest));
    assert_eq!(new.firewall(), Ok(()));
}

#[test]
fn the_form_in_use_wins_over_all_else() {
    let release = Release::parse("1.4.0").unwrap();
    let document = read(CURRENT);
    let dialect = Dialect::decide(&document.root, &Components::default(), Some(&release));
    assert_eq!(dialect.dhcp4(), Ok(Dhcp4Form::Option));
    assert_eq!(dialect.api(), Ok(ApiForm::Rest));
    assert_eq!(dialect.dhcp6(), Ok(Dhcp6Form::Plain), "nothing of it is in use");
}

#[test]
fn what_nothing_tells_is_an_error_that_says_so() {
    let dialect = Dialect::decide(&Node::default(), &Components::default(), None);
    let error = dialect.dhcp4().unwrap_err().to_string();
    assert!(error.contains("the DHCP server could not be determined"), "{error}");
    // Between the two days of the change of the API, and in a stream of which it is not known.
    for text in ["1.5-rolling-202409150007", "1.5-stream-2025-Q1"] {
        let release = Release::parse(text).unwrap();
        let dialect = Dialect::decide(&Node::default(), &Components::default(), Some(&release));
        assert!(dialect.api().is_err(), "{text}");
        assert_eq!(dialect.dhcp4(), Ok(Dhcp4Form::Option), "{text}");
    }
}

#[test]
fn a_firewall_of_1_3_is_not_touched() {
    let document = read("firewall {\n    name LAN {\n        default-action drop\n    }\n}\n");
    let error = Dialect::of(&document).firewall().unwrap_err();
    assert_eq!(error, DialectError::TooOld { what: "the firewall" });
}

#[test]
fn commands_change_a_tree_as_the_router_would() {
    let mut root = read(CURRENT).root;
    let text = "set interfaces ethernet eth1 mtu 1400\nset interfaces ethernet eth1 mtu 1500\n\
                set system name-server 1.1.1.1\nset interfaces ethernet eth2 disable\n\
                delete interfaces ethernet eth2 hw-id\n\
                delete firewall group mac-group BLOCKED\ndelete system no-such-thing\n\
                set firewall group domain-group ADS address ads.example\n\
                comment system 'The box'\n";
    root.apply(&commands::parse(text).unwrap()).unwrap();
    assert_eq!(root.value_at(["interfaces", "ethernet", "eth1", "mtu"]), Some("1500"));
    assert_eq!(root.at(["system", "name-server"]).unwrap().values(), ["9.9.9.9", "1.1.1.1"]);
    assert!(root.at(["interfaces", "ethernet", "eth2", "disable"]).is_some());
    assert!(root.at(["firewall", "group", "mac-group"]).is_none(), "it stood for no more");
    assert_eq!(root.at(["system"]).unwrap().comment.as_deref(), Some("The box"));
    let printed = Document { root: root.clone(), footer: vec![] }.print();
    assert!(
        printed.contains("domain-group ADS {\n            address \"ads.example\""),
        "{printed}"
    );
    let before = root.clone();
    assert!(root.apply(&commands::parse("set a b\nset q r s").unwrap()).is_err());
    assert!(root.apply(&commands::parse("set system host-name a b").unwrap()).is_err());
    assert!(root.apply(&commands::parse("delete system\ncomment system x").unwrap()).is_err());
    assert_eq!(root, before, "nothing is changed at an error");
}
