//! What people change about the firewall and NAT, and the commands that it takes.

mod support;

use panoptikon_vyos::config::{Document, Node, diff};
use panoptikon_vyos::dialect::Dialect;
use panoptikon_vyos::edit::{
    ChainEdit, Draft, GroupEdit, NatRuleEdit, Place, PortForwardEdit, RuleEdit, ZoneEdit,
    ZoneFromEdit,
};
use panoptikon_vyos::facts::matches::{GroupMatch, Limit, Time};
use panoptikon_vyos::facts::nat::Translation;
use panoptikon_vyos::facts::{
    self, ChainFamily, ChainId, GroupKind, Hook, InterfaceMatch, Matches, NatTable, Side,
};
use proptest::prelude::*;
use support::{CURRENT, HOUSE, change, forward, refused, rule, texts};

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
