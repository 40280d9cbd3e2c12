//! What people change, and the commands that it takes.

use panoptikon_vyos::config::{Document, Node, diff};
use panoptikon_vyos::dialect::Dialect;
use panoptikon_vyos::edit::{
    ChainEdit, DnsForwardingEdit, DomainEdit, Draft, EditError, GroupEdit, HostMappingEdit,
    HttpsEdit, InterfaceEdit, NatRuleEdit, NtpEdit, PeerEdit, Place, PortForwardEdit, RangeEdit,
    RouteEdit, RuleEdit, SshEdit, StaticMappingEdit, Steering, SubnetEdit, TimeServerEdit,
    WireGuardEdit, ZoneEdit, ZoneFromEdit, steerings,
};
use panoptikon_vyos::facts::matches::{GroupMatch, Limit, Time};
use panoptikon_vyos::facts::nat::Translation;
use panoptikon_vyos::facts::routes::Discard;
use panoptikon_vyos::facts::{
    self, ChainFamily, ChainId, Family, GroupKind, Hook, Hop, InterfaceMatch, Matches, NatTable,
    Side, Table,
};
use proptest::prelude::*;

const SAGITTA: &str = include_str!("data/sagitta.config.boot");
const CURRENT: &str = include_str!("data/current.config.boot");
const HOUSE: &str = include_str!("data/house.boot");
const KEY: &str = "QQyTOGkXr8o1hyWYCbNBhxNbFhDqXxMRcQ8ODmAgiCc=";
const OTHER_KEY: &str = "iJJyEARGK52Ls1GYRCcFvPuTj7WyWYDo//BknoDU0XY=";

/// Makes changes and checks what holds for all of them: the commands, carried out, make the draft,
/// and what turns the result back makes the configuration it came from.
fn change<T>(text: &str, edit: impl FnOnce(&mut Draft<'_>) -> Result<T, EditError>) -> Changed {
    let document = Document::parse(text).expect("a configuration");
    let dialect = Dialect::of(&document);
    let mut draft = Draft::new(&document.root, &dialect);
    if let Err(error) = edit(&mut draft) {
        panic!("{error}");
    }
    let wanted = draft.tree().clone();
    let commands = draft.commands();
    let mut after = document.root.clone();
    after.apply(&commands).expect("commands that can be carried out");
    assert!(after.means_the_same(&wanted), "{}", Listed(&diff(&after, &wanted)));
    let mut back = after.clone();
    back.apply(&diff(&after, &document.root)).expect("a way back");
    assert!(back.means_the_same(&document.root), "{}", Listed(&diff(&back, &document.root)));
    Changed { root: after, lines: commands.iter().map(ToString::to_string).collect() }
}

struct Changed {
    root: Node,
    lines: Vec<String>,
}

struct Listed<'a>(&'a [panoptikon_vyos::config::Command]);

impl std::fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|command| writeln!(f, "{command}"))
    }
}

/// Tries a change that is refused, and checks that it leaves nothing behind.
fn refused<T>(text: &str, edit: impl FnOnce(&mut Draft<'_>) -> Result<T, EditError>) -> EditError {
    let document = Document::parse(text).expect("a configuration");
    let dialect = Dialect::of(&document);
    let mut draft = Draft::new(&document.root, &dialect);
    let error = edit(&mut draft).err().expect("it is refused");
    assert_eq!(draft.commands(), [], "nothing is left of it");
    error
}

fn forward() -> ChainId {
    ChainId::base(ChainFamily::Ipv4, Hook::Forward)
}

fn rule(action: &str) -> RuleEdit {
    RuleEdit { action: action.to_owned(), ..RuleEdit::default() }
}

fn texts(list: &[&str]) -> Vec<String> {
    list.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn an_interface_is_changed_by_no_more_than_what_differs() {
    let changed = change(CURRENT, |draft| {
        draft.edit_interface(
            "eth1",
            &InterfaceEdit {
                description: Some("Home".to_owned()),
                mtu: Some(1400),
                addresses: texts(&["192.168.1.1/24", "10.0.0.1/24"]),
                disabled: false,
            },
        )?;
        draft.enable_interface("eth2", false)
    });
    assert_eq!(
        changed.lines,
        [
            "delete interfaces ethernet eth1 description LAN",
            "set interfaces ethernet eth1 address 10.0.0.1/24",
            "set interfaces ethernet eth1 description Home",
            "set interfaces ethernet eth1 mtu 1400",
            "set interfaces ethernet eth2 disable",
        ]
    );
    let vlan = change(HOUSE, |draft| draft.enable_interface("eth1.20", true));
    assert_eq!(vlan.lines, ["delete interfaces ethernet eth1 vif 20 disable"]);
    let emptied = change(CURRENT, |draft| draft.edit_interface("eth1", &InterfaceEdit::default()));
    assert!(!emptied.lines.iter().any(|line| line == "delete interfaces ethernet eth1"));
}

#[test]
fn what_an_interface_cannot_be_is_refused_field_by_field() {
    let error = refused(CURRENT, |draft| {
        draft.edit_interface(
            "eth1",
            &InterfaceEdit {
                description: Some("it's".to_owned()),
                mtu: Some(1),
                addresses: texts(&["dhcp", "192.168.1.0/24"]),
                disabled: false,
            },
        )
    });
    let fields: Vec<&str> = error.fields.iter().map(|field| field.field.as_str()).collect();
    assert_eq!(fields, ["description", "mtu", "addresses"]);
    assert!(refused(CURRENT, |draft| draft.enable_interface("eth9", true)).field("name").is_some());
    assert!(
        refused(CURRENT, |draft| draft.enable_interface("lo", false)).field("disabled").is_some()
    );
}

#[test]
fn routes_are_made_changed_and_taken_away() {
    let edit = RouteEdit {
        destination: "2001:db8:2::/48".to_owned(),
        description: Some("Lab".to_owned()),
        hops: vec![Hop {
            gateway: Some("2001:db8::9".to_owned()),
            distance: Some(5),
            ..Hop::default()
        }],
        blackhole: Some(Discard { distance: Some(250), tag: None }),
        ..RouteEdit::default()
    };
    let changed = change(HOUSE, |draft| draft.set_route(&edit));
    let routes = facts::static_routes(&changed.root);
    let made = routes.iter().find(|route| route.destination == edit.destination).unwrap();
    assert_eq!(RouteEdit::from(made), edit);
    let changed = change(HOUSE, |draft| {
        draft.delete_route(&Table::Main, "0.0.0.0/0")?;
        draft.delete_route(&Table::Number(100), "0.0.0.0/0")
    });
    assert_eq!(
        changed.lines,
        ["delete protocols static route 0.0.0.0/0", "delete protocols static table"]
    );
    let error = refused(HOUSE, |draft| {
        draft.set_route(&RouteEdit {
            destination: "10.0.0.1/8".to_owned(),
            hops: vec![Hop { gateway: Some("2001:db8::9".to_owned()), ..Hop::default() }],
            ..RouteEdit::default()
        })
    });
    assert!(error.field("destination").unwrap().contains("10.0.0.0/8"));
    assert!(error.field("hops").is_some());
}

#[test]
fn a_fixed_address_is_written_in_the_words_of_the_release() {
    let edit = StaticMappingEdit {
        name: "tv".to_owned(),
        mac: Some("02:00:00:00:10:AA".to_owned()),
        address: Some("192.168.1.30".to_owned()),
        ..StaticMappingEdit::default()
    };
    let at = |text: &str| {
        change(text, |draft| draft.set_static_mapping("LAN", "192.168.1.0/24", None, &edit)).lines
    };
    let path =
        "set service dhcp-server shared-network-name LAN subnet 192.168.1.0/24 static-mapping tv";
    let address = format!("{path} ip-address 192.168.1.30");
    assert_eq!(at(SAGITTA), [address.clone(), format!("{path} mac-address 02:00:00:00:10:aa")]);
    assert_eq!(at(CURRENT), [address, format!("{path} mac 02:00:00:00:10:aa")]);
}

#[test]
fn a_fixed_address_that_is_taken_or_elsewhere_is_refused() {
    let attempt = |text: &str, edit: StaticMappingEdit| {
        refused(text, |draft| draft.set_static_mapping("LAN", "192.168.1.0/24", None, &edit))
    };
    let edit = StaticMappingEdit {
        name: "tv".to_owned(),
        mac: Some("02:00:00:00:10:10".to_owned()),
        address: Some("192.168.1.20".to_owned()),
        ..StaticMappingEdit::default()
    };
    let error = attempt(CURRENT, edit.clone());
    assert_eq!(error.field("mac"), Some("nas has it already"));
    assert_eq!(error.field("address"), Some("printer has it already"));
    let error = attempt(
        SAGITTA,
        StaticMappingEdit {
            address: Some("192.168.2.20".to_owned()),
            description: Some("x".to_owned()),
            mac: None,
            ..edit
        },
    );
    assert!(error.field("address").is_some() && error.field("description").is_some());
    assert!(error.field("mac").is_some());
}

#[test]
fn a_fixed_address_gets_another_name_and_goes() {
    let changed = change(CURRENT, |draft| {
        let edit = StaticMappingEdit {
            name: "laser".to_owned(),
            mac: Some("02:00:00:00:10:20".to_owned()),
            address: Some("192.168.1.20".to_owned()),
            ..StaticMappingEdit::default()
        };
        draft.set_static_mapping("LAN", "192.168.1.0/24", Some("printer"), &edit)?;
        draft.delete_static_mapping("LAN", "192.168.1.0/24", "nas")
    });
    let dhcp = facts::dhcp_server(&changed.root, Family::Ipv4).unwrap();
    let names: Vec<_> =
        dhcp.networks[0].subnets[0].mappings.iter().map(|m| m.name.clone()).collect();
    assert_eq!(names, ["laser"]);
}

#[test]
fn pools_and_options_are_what_was_asked_for_in_both_releases() {
    let edit = SubnetEdit {
        lease_seconds: Some(3600),
        ranges: vec![RangeEdit {
            name: "1".to_owned(),
            start: "192.168.1.50".to_owned(),
            stop: "192.168.1.60".to_owned(),
        }],
        excluded: texts(&["192.168.1.55"]),
        default_router: Some("192.168.1.1".to_owned()),
        name_servers: texts(&["192.168.1.1", "9.9.9.9"]),
        domain_name: Some("home.arpa".to_owned()),
        domain_search: texts(&["home.arpa"]),
        ntp_servers: texts(&["192.168.1.1"]),
    };
    for text in [SAGITTA, CURRENT] {
        let changed = change(text, |draft| draft.edit_dhcp_subnet("LAN", "192.168.1.0/24", &edit));
        let dhcp = facts::dhcp_server(&changed.root, Family::Ipv4).unwrap();
        assert_eq!(SubnetEdit::from(&dhcp.networks[0].subnets[0]), edit);
        assert_eq!(
            changed.lines.iter().any(|line| line.contains("option")),
            text == CURRENT,
            "{:?}",
            changed.lines
        );
    }
    let error = refused(CURRENT, |draft| {
        let mut twice = edit.clone();
        twice.ranges.push(RangeEdit { name: "2".to_owned(), ..twice.ranges[0].clone() });
        draft.edit_dhcp_subnet("LAN", "192.168.1.0/24", &twice)
    });
    assert_eq!(error.field("ranges"), Some("1 and 2 overlap"));
}

#[test]
fn dns_is_what_was_asked_for() {
    let dns = |root: &Node| facts::dns_forwarding(root).unwrap();
    let before = Document::parse(HOUSE).unwrap().root;
    let mut edit = DnsForwardingEdit::from(&dns(&before));
    edit.name_servers.remove(0);
    edit.name_servers.push(panoptikon_vyos::edit::ServerEdit {
        address: "1.1.1.1".to_owned(),
        port: Some(5353),
    });
    edit.uses_system = true;
    edit.cache_size = Some(0);
    let domain = DomainEdit {
        domain: "ads.example".to_owned(),
        name_servers: vec![panoptikon_vyos::edit::ServerEdit {
            address: "127.0.0.1".to_owned(),
            port: None,
        }],
        recursion_desired: true,
        negative_trust_anchor: false,
    };
    let host = HostMappingEdit {
        name: "tv".to_owned(),
        addresses: texts(&["192.168.1.30"]),
        aliases: vec![],
    };
    let changed = change(HOUSE, |draft| {
        draft.edit_dns_forwarding(&edit)?;
        draft.set_dns_domain(&domain)?;
        draft.delete_dns_domain("corp.example")?;
        draft.set_host_mapping(&host)?;
        draft.delete_host_mapping("nas")
    });
    let after = dns(&changed.root);
    assert_eq!(DnsForwardingEdit::from(&after), edit);
    assert_eq!(after.domains.iter().map(DomainEdit::from).collect::<Vec<_>>(), [domain]);
    let hosts = facts::host_mappings(&changed.root);
    assert_eq!(hosts.iter().map(HostMappingEdit::from).collect::<Vec<_>>(), [host]);
}

#[test]
fn a_rule_is_made_with_every_condition_that_was_asked_for() {
    let edit = RuleEdit {
        action: "drop".to_owned(),
        description: Some("Night".to_owned()),
        log: true,
        matches: Matches {
            protocol: Some("tcp".to_owned()),
            source: Side {
                groups: vec![GroupMatch {
                    kind: "mac-group".to_owned(),
                    name: "KIDS".to_owned(),
                    inverted: false,
                }],
                ..Side::default()
            },
            destination: Side {
                address: Some("!10.0.0.0/8".to_owned()),
                port: Some("80,443".to_owned()),
                ..Side::default()
            },
            inbound: Some(InterfaceMatch {
                group: Some("LANS".to_owned()),
                ..InterfaceMatch::default()
            }),
            states: texts(&["new"]),
            limit: Some(Limit { rate: Some("1/minute".to_owned()), burst: None }),
            time: Some(Time { start_time: Some("21:00".to_owned()), ..Time::default() }),
            ..Matches::default()
        },
        ..RuleEdit::default()
    };
    let changed = change(HOUSE, |draft| draft.add_rule(&forward(), Place::After(20), &edit));
    let firewall = facts::firewall(&changed.root);
    let rule = firewall.chain(&forward()).unwrap().rule(25).expect("halfway between 20 and 30");
    assert_eq!(RuleEdit::from(rule), edit);
    assert!(changed.lines.iter().all(|line| line.contains(" rule 25 ")), "{:?}", changed.lines);
}

#[test]
fn editing_a_rule_keeps_what_the_form_does_not_know() {
    let changed = change(HOUSE, |draft| {
        let firewall = facts::firewall(draft.tree());
        let mut edit = RuleEdit::from(firewall.chain(&forward()).unwrap().rule(40).unwrap());
        edit.disabled = false;
        edit.matches.source.port = None;
        draft.edit_rule(&forward(), 40, &edit)
    });
    assert_eq!(
        changed.lines,
        [
            "delete firewall ipv4 forward filter rule 40 disable",
            "delete firewall ipv4 forward filter rule 40 source port",
        ]
    );
}

#[test]
fn a_rule_that_the_router_would_refuse_is_refused_here() {
    let error = refused(HOUSE, |draft| {
        let mut edit = rule("jump");
        edit.jump_target = Some("NOWHERE".to_owned());
        edit.matches.destination = Side {
            port: Some("80".to_owned()),
            address: Some("2001:db8::1".to_owned()),
            fqdn: Some("a.example".to_owned()),
            groups: vec![GroupMatch {
                kind: "address-group".to_owned(),
                name: "ABSENT".to_owned(),
                inverted: false,
            }],
            ..Side::default()
        };
        draft.add_rule(&forward(), Place::Last, &edit)
    });
    let mut fields: Vec<&str> = error.fields.iter().map(|field| field.field.as_str()).collect();
    fields.sort_unstable();
    assert_eq!(
        fields,
        ["destination.address", "destination.groups", "jump_target", "protocol"],
        "{error}"
    );
    let error = refused(HOUSE, |draft| {
        let id = ChainId::named(ChainFamily::Ipv4, "FROM-WAN");
        let mut edit = rule("jump");
        edit.jump_target = Some("FROM-WAN".to_owned());
        draft.add_rule(&id, Place::Last, &edit)
    });
    assert!(error.field("jump_target").unwrap().contains("lead back"));
    let old = "firewall {\n    name LAN {\n        default-action drop\n    }\n}\n";
    let error = refused(old, |draft| draft.add_rule(&forward(), Place::Last, &rule("drop")));
    assert!(error.field("release").unwrap().contains("before 1.4"));
}

#[test]
fn a_rule_is_moved_and_neighbours_only_make_room() {
    let numbers = |root: &Node| -> Vec<u32> {
        let firewall = facts::firewall(root);
        firewall.chain(&forward()).unwrap().rules.iter().map(|rule| rule.number).collect()
    };
    let changed = change(HOUSE, |draft| draft.move_rule(&forward(), 40, Place::First));
    assert_eq!(numbers(&changed.root), [5, 10, 20, 30]);
    let firewall = facts::firewall(&changed.root);
    let moved = firewall.chain(&forward()).unwrap().rule(5).unwrap();
    assert_eq!(moved.description.as_deref(), Some("Bedtime"));
    assert_eq!(moved.other.len(), 3, "with all that it had: {:?}", moved.other);
    // Three that touch: the two behind move up by one.
    let tight = HOUSE
        .replace(
            "rule 20 {\n                    action \"jump\"",
            "rule 11 {\n                    action \"jump\"",
        )
        .replace(
            "rule 30 {\n                    action \"accept\"\n                    inbound",
            "rule 12 {\n                    action \"accept\"\n                    inbound",
        );
    let changed =
        change(&tight, |draft| draft.add_rule(&forward(), Place::After(10), &rule("drop")));
    assert_eq!(numbers(&changed.root), [10, 11, 12, 13, 40]);
    let firewall = facts::firewall(&changed.root);
    let actions: Vec<_> = firewall
        .chain(&forward())
        .unwrap()
        .rules
        .iter()
        .map(|rule| rule.action.clone().unwrap())
        .collect();
    assert_eq!(actions, ["offload", "drop", "jump", "accept", "drop"]);
}

#[test]
fn chains_go_only_when_nobody_jumps_to_them() {
    let named = |name: &str| ChainId::named(ChainFamily::Ipv4, name);
    let error = refused(HOUSE, |draft| draft.delete_chain(&named("FROM-WAN")));
    assert_eq!(error.field("name"), Some("still used by ipv4 forward filter rule 20"));
    let error = refused(HOUSE, |draft| draft.delete_chain(&named("LAN-GUEST")));
    assert_eq!(error.field("name"), Some("still used by zone GUEST from LAN"));
    let changed = change(HOUSE, |draft| {
        draft.delete_rule(&forward(), 20)?;
        draft.delete_chain(&named("FROM-WAN"))?;
        let edit = ChainEdit { default_action: Some("accept".to_owned()), ..ChainEdit::default() };
        draft.set_chain(&forward(), &edit)?;
        draft.set_chain(&named("NEW"), &ChainEdit { default_log: true, ..ChainEdit::default() })
    });
    let firewall = facts::firewall(&changed.root);
    assert!(firewall.chain(&named("FROM-WAN")).is_none());
    assert!(firewall.chain(&named("NEW")).unwrap().default_log);
    assert_eq!(firewall.chain(&forward()).unwrap().default_verdict(), "accept");
    let edit = ChainEdit { default_action: Some("reject".to_owned()), ..ChainEdit::default() };
    let error = refused(HOUSE, |draft| draft.set_chain(&forward(), &edit));
    assert!(error.field("default_action").is_some());
}

#[test]
fn groups_are_changed_and_go_only_when_unused() {
    let changed = change(HOUSE, |draft| {
        draft.set_group(
            GroupKind::Network,
            "BLOCKED",
            &GroupEdit {
                description: Some("Bad nets".to_owned()),
                members: texts(&["203.0.113.0/24"]),
                includes: texts(&["PRIVATE"]),
            },
        )?;
        draft.add_group_member(GroupKind::Mac, "KIDS", "02:00:00:00:00:02")?;
        draft.remove_group_member(GroupKind::Port, "WEB", "80")?;
        draft.delete_group(GroupKind::Address, "UNUSED")
    });
    assert_eq!(
        changed.lines,
        [
            "delete firewall group address-group UNUSED",
            "delete firewall group port-group WEB port 80",
            "set firewall group mac-group KIDS mac-address 02:00:00:00:00:02",
            "set firewall group network-group BLOCKED description 'Bad nets'",
            "set firewall group network-group BLOCKED include PRIVATE",
            "set firewall group network-group BLOCKED network 203.0.113.0/24",
        ]
    );
    let error = refused(HOUSE, |draft| draft.delete_group(GroupKind::Mac, "KIDS"));
    assert!(
        error.field("name").unwrap().contains("forward filter rule 40 source group"),
        "{error}"
    );
    let error = refused(HOUSE, |draft| {
        let includes = texts(&["SERVERS"]);
        let edit = GroupEdit { includes, members: texts(&["::1"]), ..GroupEdit::default() };
        draft.set_group(GroupKind::Address, "MORE", &edit)
    });
    assert!(
        error.field("includes").unwrap().contains("itself") && error.field("members").is_some()
    );
    let error =
        refused(HOUSE, |draft| draft.set_group(GroupKind::Port, "a b", &GroupEdit::default()));
    assert!(error.field("name").is_some());
}

#[test]
fn zones_are_made_and_go() {
    let edit = ZoneEdit {
        interfaces: texts(&["eth0"]),
        default_action: Some("drop".to_owned()),
        from: vec![ZoneFromEdit {
            zone: "LAN".to_owned(),
            ipv4: Some("FROM-WAN".to_owned()),
            ipv6: None,
        }],
        ..ZoneEdit::default()
    };
    let changed = change(HOUSE, |draft| {
        draft.set_zone("WAN", &edit)?;
        draft.delete_zone("LOCAL")
    });
    let zones = facts::zones(&changed.root);
    assert_eq!(ZoneEdit::from(zones.iter().find(|zone| zone.name == "WAN").unwrap()), edit);
    let error = refused(HOUSE, |draft| draft.delete_zone("LAN"));
    assert!(error.field("name").unwrap().contains("GUEST"));
    let error = refused(HOUSE, |draft| {
        draft.set_zone("NEW", &ZoneEdit { interfaces: texts(&["eth1"]), ..ZoneEdit::default() })
    });
    assert_eq!(error.field("interfaces"), Some("eth1 is in zone LAN already"));
}

#[test]
fn a_port_forward_comes_with_its_firewall_rule_and_hairpin() {
    let edit = PortForwardEdit {
        description: Some("Games".to_owned()),
        interface: "eth0".to_owned(),
        protocol: "udp".to_owned(),
        port: "27000-27010".to_owned(),
        target: "192.168.1.40".to_owned(),
        with_firewall_rule: true,
        hairpin_for: Some("203.0.113.1".to_owned()),
        ..PortForwardEdit::default()
    };
    let changed = change(HOUSE, |draft| draft.add_port_forward(&edit));
    let (nat, firewall) = (facts::nat(&changed.root), facts::firewall(&changed.root));
    let interfaces = facts::interfaces(&changed.root);
    let forwards = facts::port_forwards(&nat, &firewall, &interfaces);
    let made = forwards.iter().find(|forward| forward.number == 150).unwrap();
    let facts::Passage::Accepted { by } = &made.firewall else { panic!("{:?}", made.firewall) };
    assert_eq!(
        (by.chain.clone(), by.number),
        (forward(), 15),
        "behind the rule for known connections"
    );
    let hairpin = made.hairpin.clone().unwrap();
    assert_eq!((hairpin.destination_rule, hairpin.source_rule), (160, Some(10)));
    let error = refused(HOUSE, |draft| {
        draft.add_port_forward(&PortForwardEdit {
            interface: "eth9".to_owned(),
            protocol: "icmp".to_owned(),
            port: "0".to_owned(),
            target: "nas".to_owned(),
            ..PortForwardEdit::default()
        })
    });
    assert_eq!(error.fields.len(), 4, "{error}");
}

#[test]
fn nat_rules_are_made_changed_and_taken_away() {
    let edit = NatRuleEdit {
        matches: Matches {
            outbound: Some(InterfaceMatch {
                name: Some("wg0".to_owned()),
                ..InterfaceMatch::default()
            }),
            source: Side { address: Some("192.168.1.0/24".to_owned()), ..Side::default() },
            ..Matches::default()
        },
        translation: Translation {
            address: Some("masquerade".to_owned()),
            ..Translation::default()
        },
        ..NatRuleEdit::default()
    };
    let changed = change(HOUSE, |draft| {
        draft.add_nat_rule(NatTable::Source, Place::Last, &edit)?;
        draft.enable_nat_rule(NatTable::Destination, 140, true)?;
        draft.delete_nat_rule(NatTable::Destination, 110)?;
        draft.delete_nat_rule(NatTable::Source66, 10)
    });
    let nat = facts::nat(&changed.root);
    assert_eq!(NatRuleEdit::from(nat.rule(NatTable::Source, 120).unwrap()), edit);
    assert!(!nat.rule(NatTable::Destination, 140).unwrap().disabled);
    assert!(changed.lines.contains(&"delete nat66".to_owned()), "{:?}", changed.lines);
    let v6 = NatRuleEdit {
        matches: Matches {
            source: Side { address: Some("fd00::/64".to_owned()), ..Side::default() },
            ..Matches::default()
        },
        translation: Translation {
            address: Some("masquerade".to_owned()),
            ..Translation::default()
        },
        ..NatRuleEdit::default()
    };
    let changed = change(CURRENT, |draft| draft.add_nat_rule(NatTable::Source66, Place::Last, &v6));
    assert_eq!(changed.lines[0], "set nat66 source rule 100 source prefix fd00::/64");
    let error = refused(HOUSE, |draft| {
        draft.edit_nat_rule(NatTable::Destination, 100, &NatRuleEdit::default())
    });
    assert!(error.field("translation.address").is_some());
}

#[test]
fn wireguard_peers_are_made_changed_and_taken_away() {
    let peer = PeerEdit {
        name: "tablet".to_owned(),
        public_key: OTHER_KEY.to_owned(),
        allowed_ips: texts(&["10.99.0.9/32"]),
        endpoint_address: Some("198.51.100.7".to_owned()),
        endpoint_port: Some(51820),
        keepalive: Some(25),
        ..PeerEdit::default()
    };
    let changed = change(CURRENT, |draft| {
        draft.set_peer("wg0", None, &peer)?;
        draft.delete_peer("wg0", "phone")?;
        draft.set_wireguard(
            "wg1",
            &WireGuardEdit {
                addresses: texts(&["10.98.0.1/24"]),
                port: Some(51821),
                private_key: Some(OTHER_KEY.to_owned()),
                ..WireGuardEdit::default()
            },
        )?;
        draft.set_peer("wg1", None, &peer)
    });
    let all = facts::wireguard(&changed.root);
    assert_eq!(
        all[0].peers.iter().map(PeerEdit::from).collect::<Vec<_>>(),
        std::slice::from_ref(&peer)
    );
    assert!(all[1].has_private_key);
    let error = refused(CURRENT, |draft| {
        draft.set_peer(
            "wg0",
            None,
            &PeerEdit {
                public_key: KEY.to_owned(),
                allowed_ips: texts(&["10.99.0.2/32"]),
                keepalive: Some(0),
                endpoint_port: None,
                ..peer.clone()
            },
        )
    });
    assert_eq!(error.field("public_key"), Some("phone has it already"));
    assert_eq!(error.fields.len(), 4, "{error}");
    assert!(refused(CURRENT, |draft| draft.delete_peer("wg0", "phone")).field("name").is_some());
    let secret = WireGuardEdit { private_key: Some(KEY.to_owned()), ..WireGuardEdit::default() };
    assert!(!format!("{secret:?}").contains(KEY), "no key in debug output");
    let error = refused(CURRENT, |draft| {
        draft.set_wireguard(
            "wg7",
            &WireGuardEdit { private_key: Some("hunter2".to_owned()), ..WireGuardEdit::default() },
        )
    });
    assert!(!error.to_string().contains("hunter2"));
}

#[test]
fn services_are_what_was_asked_for() {
    let ssh = SshEdit {
        enabled: true,
        ports: vec![22, 2022],
        listen_addresses: texts(&["192.168.1.1"]),
        without_passwords: true,
    };
    let ntp = NtpEdit {
        servers: vec![TimeServerEdit {
            server: "time.example".to_owned(),
            nts: true,
            ..TimeServerEdit::default()
        }],
        listen_addresses: vec![],
        allowed: texts(&["192.168.1.0/24"]),
    };
    let https = HttpsEdit { port: None, listen_addresses: texts(&["127.0.0.1"]), allowed: vec![] };
    let changed = change(CURRENT, |draft| {
        draft.edit_ssh(&ssh)?;
        draft.edit_ntp(&ntp)?;
        draft.edit_https(&https)
    });
    assert_eq!(SshEdit::of(&changed.root), ssh);
    assert_eq!(NtpEdit::of(&changed.root), Some(ntp));
    assert_eq!(HttpsEdit::of(&changed.root), Some(https));
    let changed = change(CURRENT, |draft| draft.edit_ssh(&SshEdit::default()));
    assert_eq!(changed.lines, ["delete service ssh"]);
    let changed =
        change(CURRENT, |draft| draft.edit_ssh(&SshEdit { enabled: true, ..SshEdit::default() }));
    assert_eq!(changed.lines, ["delete service ssh port"], "it still runs, on its own port");
}

#[test]
fn devices_are_sent_through_a_tunnel_and_back() {
    let edit = Steering {
        name: "TV".to_owned(),
        devices: texts(&["192.168.1.30", "02:00:00:00:00:03"]),
        from: texts(&["eth1"]),
        via: "wg0".to_owned(),
        table: None,
        kill_switch: true,
    };
    let changed = change(CURRENT, |draft| draft.set_steering(&edit));
    let found = steerings(&changed.root);
    assert_eq!(found, [Steering { table: Some(100), ..edit.clone() }]);
    for line in [
        "set policy route TV interface eth1",
        "set policy route TV rule 10 destination address 192.168.1.0/24",
        "set policy route TV rule 10 set table main",
        "set policy route TV rule 20 source address 192.168.1.30",
        "set policy route TV rule 20 set table 100",
        "set policy route6 TV rule 10 source mac-address 02:00:00:00:00:03",
        "set protocols static table 100 route 0.0.0.0/0 blackhole distance 254",
        "set protocols static table 100 route 0.0.0.0/0 interface wg0",
        "set protocols static table 100 route6 ::/0 blackhole distance 254",
    ] {
        assert!(changed.lines.iter().any(|known| known == line), "{line}: {:#?}", changed.lines);
    }
    let again = change(CURRENT, |draft| {
        draft.set_steering(&edit)?;
        draft.set_steering(&Steering {
            kill_switch: false,
            devices: texts(&["192.168.1.31"]),
            ..edit.clone()
        })
    });
    assert!(!again.lines.iter().any(|line| line.contains("blackhole") || line.contains("route6")));
    let back = change(CURRENT, |draft| {
        draft.set_steering(&edit)?;
        draft.delete_steering("TV")
    });
    assert_eq!(back.lines, [""; 0]);
    let error = refused(CURRENT, |draft| {
        draft.set_steering(&Steering {
            via: "eth1".to_owned(),
            devices: texts(&["tv"]),
            ..edit.clone()
        })
    });
    assert!(error.field("via").is_some() && error.field("devices").is_some());
}

#[test]
fn containers_are_switched() {
    let changed = change(HOUSE, |draft| draft.enable_container("adguard", false));
    assert_eq!(changed.lines, ["set container name adguard disable"]);
    assert!(refused(HOUSE, |draft| draft.enable_container("nope", true)).field("name").is_some());
}

fn text_of_any_kind() -> impl Strategy<Value = String> {
    prop_oneof!["[ -~]{0,12}", "\\PC{0,6}", "[a-zA-Z0-9_-]{1,8}"]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever a change is asked for, it is made exactly or refused without a trace.
    #[test]
    fn a_change_is_made_exactly_or_not_at_all(
        description in proptest::option::of(text_of_any_kind()),
        name in text_of_any_kind(),
        port in prop_oneof![Just("80".to_owned()), "[0-9,!-]{0,8}"],
        members in prop::collection::vec(prop_oneof!["10\\.0\\.0\\.[0-9]{1,3}", text_of_any_kind()], 0..4),
        numbers in prop::collection::btree_set(1_u32..30, 1..20),
        moves in prop::collection::vec((0_usize..20, 0_usize..20, any::<bool>()), 0..6),
    ) {
        let document = Document::parse(CURRENT).unwrap();
        let dialect = Dialect::of(&document);
        let mut draft = Draft::new(&document.root, &dialect);
        let id = ChainId::base(ChainFamily::Ipv6, Hook::Forward);
        let mut order = Vec::new();
        for number in &numbers {
            let mut edit = rule("accept");
            edit.description = Some(number.to_string());
            draft.add_rule(&id, Place::Number(*number), &edit).unwrap();
            order.push(number.to_string());
        }
        let now = |draft: &Draft<'_>| -> Vec<(u32, String)> {
            let firewall = facts::firewall(draft.tree());
            let rules = firewall.chain(&id).map(|chain| chain.rules.clone()).unwrap_or_default();
            rules.into_iter().map(|rule| (rule.number, rule.description.unwrap_or_default())).collect()
        };
        for (from, to, before) in moves {
            let rules = now(&draft);
            let (from, to) = (from % rules.len(), to % rules.len());
            let place = if before { Place::Before(rules[to].0) } else { Place::After(rules[to].0) };
            draft.move_rule(&id, rules[from].0, place).unwrap();
            if from != to {
                let moved = order.remove(from);
                let to = if from < to { to - 1 } else { to };
                order.insert(if before { to } else { to + 1 }, moved);
            }
            let names: Vec<String> = now(&draft).into_iter().map(|(_, name)| name).collect();
            prop_assert_eq!(&names, &order);
        }
        let mut edit = rule("drop");
        edit.description.clone_from(&description);
        edit.matches.protocol = Some("tcp".to_owned());
        edit.matches.destination.port = Some(port);
        let before = draft.tree().clone();
        if let Ok(number) = draft.add_rule(&forward(), Place::First, &edit) {
            let firewall = facts::firewall(draft.tree());
            let made = RuleEdit::from(firewall.chain(&forward()).unwrap().rule(number).unwrap());
            prop_assert_eq!(made, edit);
        } else {
            prop_assert_eq!(draft.tree(), &before);
        }
        let group = GroupEdit { description, members, includes: vec![] };
        let before = draft.tree().clone();
        if draft.set_group(GroupKind::Address, &name, &group).is_ok() {
            let groups = facts::groups(draft.tree());
            let made = groups.iter().find(|g| g.kind == GroupKind::Address && g.name == name);
            prop_assert_eq!(made.map(GroupEdit::from), Some(group));
        } else {
            prop_assert_eq!(draft.tree(), &before);
        }
        let wanted = draft.tree().clone();
        let mut after = document.root.clone();
        after.apply(&draft.commands()).unwrap();
        prop_assert!(after.means_the_same(&wanted));
        // A file carries it unharmed.
        let file = Document { root: after.clone(), footer: vec![] }.print();
        prop_assert!(Document::parse(&file).unwrap().root.means_the_same(&after));
        let back = diff(&after, &document.root);
        after.apply(&back).unwrap();
        prop_assert!(after.means_the_same(&document.root));
    }
}
