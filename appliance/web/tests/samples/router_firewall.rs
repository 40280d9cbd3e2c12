//! The router's firewall, NAT and policy routes, and a form of theirs.

use askama::Template;
use panoptikon_web::view::router::*;
use panoptikon_web::view::*;

use super::{HOSTILE, Mood, NOW, shell};

type Pages = Vec<(&'static str, askama::Result<String>)>;

fn around(mood: Mood, title: &str, path: &str) -> Shell {
    let mut shell = shell(mood, title, Some(Place::Router), path);
    let tab = |label: &str, href: &str| Tab {
        label: label.to_owned(),
        href: href.to_owned(),
        count: None,
        key: "",
        current: href == path,
    };
    shell.areas = vec![tab("Firewall", "/router/firewall"), tab("NAT", "/router/nat")];
    shell
}

fn parts() -> Vec<Tab> {
    ["Rules", "Zones", "Groups", "Log"]
        .map(|label| Tab {
            label: label.to_owned(),
            href: "/router/firewall".to_owned(),
            count: None,
            key: "",
            current: label == "Rules",
        })
        .to_vec()
}

fn empty(mood: Mood) -> Option<Empty> {
    mood.empty(1, Empty::new("lock", "Nothing yet", "Nothing.").with_action("Make one", "/router"))
}

fn texts(mood: Mood, all: &[&str]) -> Vec<String> {
    all.iter().take(mood.n(all.len())).map(|text| mood.t(text)).collect()
}

fn rule(mood: Mood, i: usize) -> RuleLine {
    RuleLine {
        number: 10 * (i as u32 + 1),
        description: mood.t("Web to the servers"),
        words: texts(mood, &["protocol tcp", "to address group SERVERS", "to port group WEB"]),
        action: mood.t("accept"),
        tone: Tone::Ok,
        target: (i == 1).then(|| mood.link("FROM-WAN", "/router/firewall/ipv4/name/FROM-WAN")),
        off: i == 2,
        packets: "182 345".to_owned(),
        bytes: "95 MiB".to_owned(),
        never: i == 3,
        log: if i == 0 { "/router/firewall/log?rule=x".to_owned() } else { String::new() },
        up: i > 0,
        down: true,
    }
}

fn chain(mood: Mood, rules: usize) -> ChainCard {
    ChainCard {
        href: "/router/firewall/ipv4/forward/filter".to_owned(),
        title: mood.t("IPv4 forward"),
        when: "through the router",
        description: mood.t("Through the house"),
        default: mood.t("drop"),
        tone: Tone::Bad,
        default_hits: "912".to_owned(),
        default_log: "/router/firewall/log?rule=x".to_owned(),
        used_by: texts(mood, &["zone GUEST from LAN"]),
        total: rules,
        rules: (0..mood.n(rules)).map(|i| rule(mood, i)).collect(),
        is_open: true,
        is_idle: false,
        counted: true,
        other: texts(mood, &["default-something 7"]),
    }
}

fn chains(mood: Mood, is_whole: bool) -> FirewallPage {
    FirewallPage {
        shell: around(mood, "Firewall", "/router/firewall"),
        parts: parts(),
        title: mood.t("Firewall"),
        missing: texts(mood, &["Hit counters cannot be read: nft is missing."]),
        unused: (mood != Mood::Empty).then(|| UnusedFilter {
            on: !is_whole,
            href: "/router/firewall?unused=1".to_owned(),
            count: 3,
        }),
        chains: (0..mood.n(1)).map(|_| chain(mood, 20)).collect(),
        is_whole,
        global: (0..mood.n(2)).map(|_| (mood.t("Connections invalid"), mood.t("drop"))).collect(),
        flowtables: (0..mood.n(1))
            .map(|_| FlowtableLine {
                name: mood.t("FAST"),
                interfaces: mood.t("eth0, eth1"),
                offload: mood.t("software"),
                description: mood.t("Fast"),
            })
            .collect(),
        other: texts(mood, &["resolver-cache"]),
        empty: empty(mood),
    }
}

fn zones(mood: Mood) -> ZonesPage {
    let n = mood.n(4);
    let way = |own| ZoneWay {
        chains: if own { Vec::new() } else { vec![mood.link("LAN-GUEST", "/router/firewall")] },
        action: mood.t("drop"),
        tone: Tone::Bad,
        own,
    };
    ZonesPage {
        shell: around(mood, "Zones", "/router/firewall"),
        parts: parts(),
        zones: (0..n)
            .map(|_| ZoneLine {
                name: mood.t("GUEST"),
                href: "/router/firewall/zones/GUEST".to_owned(),
                description: mood.t("Visitors"),
                members: mood.t("eth1.20"),
                default: mood.t("drop"),
                other: texts(mood, &["something"]),
            })
            .collect(),
        rows: (0..n).map(|i| (mood.t("GUEST"), (0..n).map(|j| way(i == j)).collect())).collect(),
        empty: empty(mood),
    }
}

fn group(mood: Mood) -> GroupLine {
    GroupLine {
        name: mood.t("SERVERS"),
        href: "/router/firewall/groups/address/SERVERS".to_owned(),
        kind: "IPv4 addresses",
        description: mood.t("Ours"),
        members: texts(mood, &["192.168.1.10", "192.168.1.20-192.168.1.29"]),
        more: 7,
        used_in: (0..mood.n(2)).map(|_| mood.link("ipv4 forward rule 10", "/router")).collect(),
    }
}

fn log(mood: Mood) -> FirewallLogPage {
    let query = Query::parse(
        "/router/firewall/log",
        if mood == Mood::Hostile { "q=%3Cb%3E%22" } else { "" },
    );
    FirewallLogPage {
        shell: around(mood, "Firewall log", "/router/firewall"),
        parts: parts(),
        filter: Filter::of(&query, "rule", "Rule", [(mood.t("x"), mood.t("x"))]),
        query,
        rows: (0..mood.n(40))
            .map(|i| LogRow {
                at: (i != 1).then(|| Moment::ago(NOW, NOW)),
                rule: mood.link("IPv4 forward 10", "/router/firewall"),
                action: "drop",
                tone: Tone::Bad,
                way: mood.t("eth1 → eth0"),
                source: mood.t("192.168.1.20:40000"),
                source_device: (i % 2 == 0).then(|| mood.link("tv", "/devices/1")),
                destination: mood.t("192.0.2.9:443"),
                destination_device: None,
                protocol: mood.t("TCP"),
            })
            .collect(),
        empty: empty(mood),
        looked: mood.t("40 of 40 logged packets."),
    }
}

fn nat(mood: Mood) -> NatPage {
    let forward = |i: usize| ForwardLine {
        href: "/router/nat/destination/100".to_owned(),
        number: 100 + i as u32,
        description: mood.t("HTTPS to NAS"),
        from: mood.t("tcp port 443 by eth0"),
        to: mood.t("192.168.1.10:443"),
        device: Some(mood.link("diskstation", "/devices/5")),
        passage: mood.t("lets it in:"),
        tone: Tone::Ok,
        rule: Some(mood.link("rule 10 of IPv4 forward", "/router/firewall")),
        offer: i == 1,
        hairpin: mood.t("works"),
        hits: "77".to_owned(),
        off: i == 2,
    };
    let line = |i: usize| NatLine {
        href: "/router/nat/source/100".to_owned(),
        number: 100 + i as u32,
        description: mood.t("Masquerade LAN"),
        words: texts(mood, &["going out by eth0"]),
        becomes: mood.t("the address of the interface"),
        hits: "91 822".to_owned(),
        never: i == 1,
        log: if i == 0 { "/router/firewall/log?rule=x".to_owned() } else { String::new() },
        off: i == 2,
        up: i > 0,
        down: true,
    };
    let list =
        NatList { word: "source", title: "Source NAT", rules: (0..mood.n(10)).map(line).collect() };
    NatPage {
        shell: around(mood, "NAT", "/router/nat"),
        missing: texts(mood, &["Hit counters cannot be read."]),
        counted: mood != Mood::Empty,
        forwards: (0..mood.n(10)).map(forward).collect(),
        lists: (0..mood.n(1)).map(|_| list.clone()).collect(),
        other: texts(mood, &["cgnat pool external x"]),
        empty: empty(mood),
    }
}

fn policy(mood: Mood) -> PolicyPage {
    let line = |i: usize| SteeringLine {
        name: mood.t("TV"),
        href: "/router/policy/TV".to_owned(),
        devices: vec![
            mood.link("living-room-tv", "/devices/2"),
            Link { label: mood.t("192.168.1.77"), href: String::new() },
        ],
        from: mood.t("eth1"),
        via: mood.t("wg0"),
        table: "100".to_owned(),
        kill_switch: i == 0,
        families: "IPv4 and IPv6",
        off: i == 1,
    };
    PolicyPage {
        shell: around(mood, "Policy routing", "/router/policy"),
        steerings: (0..mood.n(8)).map(line).collect(),
        others: (0..mood.n(2)).map(|_| (mood.t("MARK"), texts(mood, &["10: mark 7"]))).collect(),
        empty: empty(mood),
    }
}

fn form(mood: Mood) -> FormPage {
    let hostile = mood == Mood::Hostile;
    let error = || if hostile { HOSTILE.to_owned() } else { String::new() };
    let input = |name: &str| Input {
        name: name.to_owned(),
        label: mood.t("Address"),
        field: Field { value: mood.t("192.0.2.1"), error: error() },
        hint: mood.t("An address."),
        options: texts(mood, &["eth0", "eth1"]),
    };
    let tick = |name: &str| Tick {
        name: name.to_owned(),
        label: mood.t("Log its packets"),
        more: mood.t("All of them."),
        on: mood == Mood::Many,
        error: error(),
    };
    let select = Select {
        name: "action".to_owned(),
        label: mood.t("Action"),
        choices: Choice::list([(mood.t("drop"), mood.t("drop"))], ""),
        error: error(),
        hint: mood.t("What becomes of them."),
    };
    let ticks = Ticks {
        legend: mood.t("States"),
        boxes: vec![tick("states.new"), tick("states.old")],
        error: error(),
        id: "states".to_owned(),
    };
    let controls = [
        Control::Pair(vec![Control::Text(input("source.address")), Control::Select(select)]),
        Control::Area(input("members")),
        Control::Check(tick("log")),
        Control::Checks(ticks),
        Control::Note(mood.t("A note.")),
    ];
    FormPage {
        shell: around(mood, "Rule", "/router/firewall/ipv4/forward/filter/10"),
        action: "/router/firewall/ipv4/forward/filter/10".to_owned(),
        up: mood.link("IPv4 forward", "/router/firewall"),
        title: mood.t("Rule 10 of IPv4 forward"),
        lead: mood.t("What it is."),
        about: error(),
        facts: (0..mood.n(2)).map(|_| (mood.t("Hits"), mood.t("7"))).collect(),
        sets: vec![
            Fieldset::new(&mood.t("What it does"), controls),
            Fieldset::new(
                &mood.t("More"),
                [Control::Text(Input {
                    name: "more".to_owned(),
                    label: mood.t("More"),
                    ..Input::default()
                })],
            )
            .folded(),
        ],
        button: "Review",
        deeds: vec![Deed { value: mood.t("delete"), label: mood.t("Delete"), danger: true }],
        links: vec![mood.link("Copy", "/router/firewall")],
    }
}

fn services(mood: Mood) -> OpeningsPage {
    let line = |i: usize| ServicePortLine {
        name: mood.t(&format!("service-{i}")),
        label: mood.t("SSH"),
        ports: mood.t("tcp 22"),
        state: "open",
        tone: Tone::Ok,
        rules: if i == 1 { vec![mood.link("rule 9000", "/router/firewall")] } else { Vec::new() },
        stale: false,
    };
    OpeningsPage {
        shell: around(mood, "Ports of services", "/router/firewall/services"),
        parts: parts(),
        rows: (0..mood.n(10)).map(line).collect(),
        stale: mood == Mood::Many,
        interfaces: texts(mood, &["eth0", "eth1"]),
        empty: empty(mood),
    }
}

/// The pages, by name.
pub(crate) fn pages(mood: Mood) -> Pages {
    let field = || match mood {
        Mood::Hostile => Field::refused(HOSTILE, HOSTILE),
        _ => Field::new("02:00:00:00:00:01"),
    };
    let group_page = GroupPage {
        shell: around(mood, "SERVERS", "/router/firewall"),
        group: group(mood),
        editable: true,
        add: field(),
        hint: "An address.",
        description: field(),
        includes: Some(Control::Check(Tick {
            name: "includes.MORE".to_owned(),
            label: mood.t("MORE"),
            ..Tick::default()
        })),
        about: mood.t("Not so."),
        other: texts(mood, &["something"]),
    };
    let mut viewer = group_page.clone();
    viewer.shell.can = Can::default();
    let mut only_looks = form(mood);
    only_looks.shell.can = Can::default();
    vec![
        ("router-firewall", chains(mood, true).render()),
        ("router-chain", chains(mood, false).render()),
        ("router-zones", zones(mood).render()),
        (
            "router-groups",
            GroupsPage {
                shell: around(mood, "Groups", "/router/firewall"),
                parts: parts(),
                groups: (0..mood.n(20)).map(|_| group(mood)).collect(),
                empty: empty(mood),
            }
            .render(),
        ),
        ("router-group", group_page.render()),
        ("router-group-viewer", viewer.render()),
        ("router-firewall-log", log(mood).render()),
        ("router-services", services(mood).render()),
        ("router-nat", nat(mood).render()),
        ("router-policy", policy(mood).render()),
        ("router-form", form(mood).render()),
        ("router-form-viewer", only_looks.render()),
    ]
}
