//! The overview, the map, and what happened.

use std::collections::BTreeMap;
use std::time::Duration;

use panoptikon_web::view::*;

use super::{Mood, NOW, THINGS, ago, bell, device, shell};

pub(crate) fn home(mood: Mood) -> HomePage {
    let part = |label: &str, weight, reached, detail: &str, tone| RingPart {
        label: label.to_owned(),
        weight,
        reached,
        detail: detail.to_owned(),
        tone,
        href: "/about".to_owned(),
    };
    let parts = vec![
        part("WAN up", 4.0, 1.0, "pppoe0, since 12 d", Tone::Ok),
        part("Discovery", 3.0, 1.0, "4 of 4 interfaces", Tone::Ok),
        part("Devices", 2.0, 0.94, "34 of 36 known ones", Tone::Ok),
        part("Storage", 1.0, 0.08, "disk 92 % full", Tone::Bad),
    ];
    let busy = mood == Mood::Many;
    let wave: Vec<f64> = if mood == Mood::Empty {
        vec![]
    } else {
        (0..60)
            .map(|i| 31.0 + f64::from((i * 7 + i * i / 9) % 6) - f64::from(i % 23 / 20))
            .collect()
    };
    let card = |key,
                title: &str,
                icon,
                href: &str,
                value: &str,
                unit: &str,
                tone,
                facts: &[(&str, &str)],
                spark| StatCard {
        key,
        title: title.to_owned(),
        icon,
        href: href.to_owned(),
        value: mood.t(value),
        unit: unit.to_owned(),
        tone,
        facts: facts.iter().map(|(a, b)| ((*a).to_owned(), mood.t(b))).collect(),
        spark,
    };
    HomePage {
        shell: shell(mood, "Overview", Some(Place::Overview), "/"),
        health: PortionRing::new(&parts),
        parts,
        formula: "WAN counts four parts, discovery three, known devices online two, storage one; each is reached between 0 and 100 %.".to_owned(),
        cards: vec![
            card("router", "Router", "router", "/about", "4 of 4", "interfaces up", Tone::Ok, &[("Up", "12 d 4 h"), ("CPU", "4 %")], None),
            card("devices", "Devices", "devices", "/devices", "34", "online", Tone::Ok, &[("New", "2"), ("Offline", "12")], (!wave.is_empty()).then(|| Sparkline::new(&wave, "devices online, 60 min"))),
            card("alerts", "Alerts", "bell", "/alerts", if busy { "3" } else { "0" }, "active", if busy { Tone::Warn } else { Tone::Ok }, &[("Unread", "3"), ("Today", "7")], None),
            card("lan", "LAN activity", "events", "/events", "212", "frames/s", Tone::Info, &[("Events today", "1 204")], (!wave.is_empty()).then(|| Sparkline::new(&wave, "frames a second, 60 min"))),
        ],
        online: Chart::new("chart-online", "Devices online, last 60 minutes", "online", NOW.minus(Duration::from_secs(3600)), 60_000, wave),
        alerts: bell(mood, 6),
        newest: (0..mood.n(6)).map(|i| device(mood, i)).collect(),
        kinds: KindShare::list((0..mood.n(7)).map(|i| {
            (mood.t(["Phones", "Laptops", "TVs", "IoT", "Printers", "Servers", "Unknown"][i]),
             ["phone", "laptop", "tv", "iot", "printer", "server", "device"][i].to_owned(),
             [11, 7, 4, 9, 1, 2, 3][i], "/devices?type=phone".to_owned())
        })),
        since: (mood != Mood::One).then(|| SinceLast {
            at: ago(61_000),
            changes: (0..mood.n(3)).map(|i| mood.link(["2 new devices", "1 device gone", "4 alerts"][i], "/devices?status=new")).collect(),
        }),
        interfaces: interfaces(mood),
    }
}

pub(crate) fn interfaces(mood: Mood) -> Vec<InterfaceLine> {
    (0..mood.n(3))
        .map(|i| InterfaceLine {
            name: ["eth1", "eth1.20", "eth1.30"][i].to_owned(),
            description: mood.t(["LAN", "Guests", "Things"][i]),
            addresses: ["192.168.1.1/24, 2001:db8:4:1::1/64", "192.168.20.1/24", "10.30.0.1/22"][i]
                .to_owned(),
            state: mood.t(["Watched", "Watched", "Not watched: raw sockets are missing"][i]),
            tone: [Tone::Ok, Tone::Ok, Tone::Warn][i],
            devices: [22, 9, 3][i],
            href: "/devices?interface=eth1".to_owned(),
        })
        .collect()
}

pub(crate) fn topology(mood: Mood) -> TopologyPage {
    let spot = |key: String, label: &str, hint: &str, icon: &str, tone, bps| Spot {
        key,
        label: mood.t(label),
        hint: mood.t(hint),
        icon: icon.to_owned(),
        state: if tone == Tone::Ok { "Online" } else { "Offline" }.to_owned(),
        tone,
        href: "/devices/1".to_owned(),
        bps,
    };
    let router = spot("router".into(), "gw", "", "brand", Tone::Ok, 0);
    let group = |g: usize, n: usize| SpotGroup {
        spot: spot(
            format!("net-{g}"),
            ["LAN", "Guests", "Things"][g],
            ["192.168.1.0/24", "192.168.20.0/24", "10.30.0.0/22"][g],
            "network",
            Tone::Ok,
            4_000_000,
        ),
        devices: (0..n)
            .map(|i| {
                let (name, icon, ..) = THINGS[(i + g * 5) % THINGS.len()];
                spot(
                    format!("device-{g}-{i}"),
                    name,
                    "192.168.1.20",
                    icon,
                    if i % 7 == 4 { Tone::Quiet } else { Tone::Ok },
                    10_u64.pow(i as u32 % 9),
                )
            })
            .collect(),
    };
    let groups = match mood {
        Mood::Empty => vec![],
        Mood::One | Mood::Hostile => vec![group(0, 14)],
        Mood::Many => vec![group(0, 40), group(1, 14), group(2, 6)],
    };
    let saved = if mood == Mood::Many {
        BTreeMap::from([("device-1-3".to_owned(), (-260.0, -300.0))])
    } else {
        BTreeMap::new()
    };
    TopologyPage {
        shell: shell(mood, "Topology", Some(Place::Topology), "/topology"),
        map: arrange(&router, &groups, &saved),
        groups,
        moved: mood == Mood::Many,
        empty: mood.empty(
            1,
            Empty::new(
                "topology",
                "Nothing to draw yet",
                "The map fills itself as devices appear.",
            ),
        ),
    }
}

pub(crate) fn events(mood: Mood) -> EventsPage {
    let query =
        Query::parse("/events", if mood == Mood::Hostile { "q=%22%3E&from=%22" } else { "" });
    EventsPage {
        shell: shell(mood, "Events", Some(Place::Events), "/events"),
        filters: vec![
            Filter::of(&query, "severity", "Severity", [("info", "info"), ("high", "high")]),
            Filter::of(&query, "kind", "Kind", [("device_online", "device_online")]),
            Filter::of(&query, "source", "Source", [("discovery", "discovery")]),
        ],
        rows: (0..mood.n(50))
            .map(|i| EventRow {
                id: 2_789_000_000_000 + i as i64,
                at: ago(20 + 61 * i as u64),
                severity: ["info", "low", "medium", "high", "critical"][i * i % 5].to_owned(),
                tone: [Tone::Info, Tone::Info, Tone::Warn, Tone::Bad, Tone::Bad][i * i % 5],
                source: "discovery".to_owned(),
                kind: mood.t("device_online"),
                device: Some(mood.link(THINGS[i % 14].0, "/devices/1")),
                summary: mood.t(&format!("{} came back on eth1", THINGS[i % 14].0)),
                data: mood.t("{\n  \"address\": \"192.168.1.20\",\n  \"away_ms\": 912000\n}"),
            })
            .collect(),
        empty: mood.empty(50, Empty::no_match("/events")),
        pager: Pager::keyset(&query, Some("x"), "Older", "50 shown".into()),
        query,
    }
}

/// One alert of the list.
pub(crate) fn alert(mood: Mood, i: usize) -> AlertRow {
    let status = [
        AlertStatus::Active,
        AlertStatus::Active,
        AlertStatus::Acknowledged,
        AlertStatus::Resolved,
    ][i % 4];
    let said = || Said {
        who: mood.t("robert"),
        at: ago(300),
        note: mood.t("That is the neighbour's boy."),
    };
    AlertRow {
        id: i as i64,
        title: mood.t("New device Nintendo Switch on eth1.20"),
        text: mood.t("A hardware address never seen before joined Guests."),
        severity: ["low", "medium", "high", "critical"][i % 4].to_owned(),
        tone: [Tone::Info, Tone::Warn, Tone::Bad, Tone::Bad][i % 4],
        status,
        unread: i < 2,
        count: 1 + (i % 3) as u64,
        first: ago(9000),
        last: ago(60 * (i as u64 + 1)),
        device: Some(mood.link("Nintendo Switch", "/devices/7")),
        assignee: if i.is_multiple_of(3) { mood.t("robert") } else { String::new() },
        acknowledged: (status != AlertStatus::Active).then(said),
        resolved: (status == AlertStatus::Resolved).then(said),
        evidence: vec![mood.link("ARP request at 14:02", "/events#event-1")],
        recommendation: mood
            .t("If you know it, mark it as known. If not, look at who may use the guest password."),
    }
}

pub(crate) fn alerts(mood: Mood) -> AlertsPage {
    let query = Query::new("/alerts");
    let tab = |value, label, n, key| Tab::of(&query, "status", value, label).counted(n, key);
    AlertsPage {
        shell: shell(mood, "Alerts", Some(Place::Alerts), "/alerts"),
        tabs: vec![
            tab("", "Active", 3, "alerts-active"),
            tab("acknowledged", "Acknowledged", 9, ""),
            tab("resolved", "Resolved", 41, ""),
            tab("all", "All", 53, ""),
        ],
        filters: vec![
            Filter::of(&query, "severity", "Severity", [("high", "high and above")]),
            Filter::of(&query, "unread", "Unread", [("1", "Only unread")]),
        ],
        rows: (0..mood.n(25)).map(|i| alert(mood, i)).collect(),
        empty: mood.empty(25, AlertsPage::all_quiet()),
        pager: Pager::keyset(
            &query,
            (mood == Mood::Many).then_some("x"),
            "Older",
            "25 of 53".into(),
        ),
        mutes: (0..mood.n(1))
            .map(|i| MuteLine {
                id: i as i64,
                what: mood.t("living-room-tv"),
                until: Moment::ago(NOW.plus(Duration::from_secs(7000)), NOW),
                by: mood.t("robert"),
            })
            .collect(),
        query,
    }
}

pub(crate) fn audit(mood: Mood) -> AuditPage {
    let query = Query::parse("/audit", if mood == Mood::Hostile { "q=%22%3E" } else { "" });
    AuditPage {
        shell: shell(mood, "Audit log", Some(Place::Audit), "/audit"),
        filters: vec![Filter::of(&query, "actor", "Actor", [(mood.t("robert"), mood.t("robert"))])],
        rows: (0..mood.n(50))
            .map(|i| AuditRow {
                seq: 1204 - i as i64,
                at: ago(300 * i as u64),
                actor: mood.t("robert"),
                address: "192.168.1.20".to_owned(),
                action: mood.t(["device.correct", "session.start", "settings.scanning"][i % 3]),
                target: mood.t("device 12"),
                outcome: ["done", "done", "refused"][i % 3].to_owned(),
                tone: [Tone::Ok, Tone::Ok, Tone::Bad][i % 3],
                detail: mood.t("{\n  \"name\": [\"tv\", \"living-room-tv\"]\n}"),
                commands: if i.is_multiple_of(5) {
                    vec![mood.t("ip neigh flush dev eth1")]
                } else {
                    vec![]
                },
                hash: "9f2c6b1d0a".repeat(6),
            })
            .collect(),
        empty: mood.empty(
            50,
            Empty::new(
                "audit",
                "Nothing written yet",
                "Every sign-in and every change is kept here.",
            ),
        ),
        pager: Pager::keyset(&query, Some("x"), "Older", "50 shown".into()),
        chain: match mood {
            Mood::Empty => Chain { tone: Tone::Quiet, text: "Never verified".into(), at: None },
            Mood::Hostile => Chain { tone: Tone::Bad, text: mood.t(""), at: Some(ago(5)) },
            _ => Chain {
                tone: Tone::Ok,
                text: "The chain holds: 1 204 entries".into(),
                at: Some(ago(60)),
            },
        },
        query,
    }
}
