//! Every page with nothing, one thing, many things, and hostile words in all text, for the render
//! tests and the gallery.

mod router_change;
mod router_firewall;
mod router_look;
mod router_network;

use std::collections::BTreeMap;
use std::time::Duration;

use askama::Template;
use model::Timestamp;
use panoptikon_web::view::*;

/// Now, for all samples.
pub(crate) const NOW: Timestamp = Timestamp(1_795_273_200_000);

/// What to fill the pages with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    /// Nothing in any list.
    Empty,
    /// One thing in each list.
    One,
    /// A full page of things.
    Many,
    /// One thing, with text that attacks.
    Hostile,
}

/// Markup, quotes, a template's own signs, an unbroken run and a right-to-left mark.
pub(crate) const HOSTILE: &str = "\"'><script>alert(1)</script>{{7*7}}&amp;\u{202e}\
    wwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwww";

const THINGS: [(&str, &str, &str, &str); 14] = [
    ("Anna's iPhone", "phone", "Phone", ""),
    ("living-room-tv", "tv", "TV", "LG Electronics"),
    ("ThinkPad X1", "laptop", "Laptop", "Intel Corporate"),
    ("Brother HL-L2350DW", "printer", "Printer", "Brother Industries"),
    ("diskstation", "nas", "NAS", "Synology Incorporated"),
    ("Hue Bridge", "iot", "IoT", "Signify"),
    ("Nintendo Switch", "gaming", "Gaming", "Nintendo Co., Ltd"),
    ("kitchen-homepod", "speaker", "Speaker", "Apple, Inc."),
    ("pixel-8", "phone", "Phone", ""),
    ("office-desktop", "desktop", "Desktop", "ASUSTek Computer Inc."),
    ("front-door-camera", "camera", "Camera", "Ubiquiti Inc"),
    ("proxmox", "server", "Server", "Super Micro Computer"),
    ("iPad of Ben", "tablet", "Tablet", "Apple, Inc."),
    ("02:9a:4f:11:20:c8", "device", "", ""),
];

impl Mood {
    /// How many things a list of at most `page` holds.
    fn n(self, page: usize) -> usize {
        match self {
            Self::Empty => 0,
            Self::One | Self::Hostile => 1,
            Self::Many => page,
        }
    }

    /// A text, or the hostile one.
    fn t(self, text: &str) -> String {
        if self == Self::Hostile { HOSTILE.to_owned() } else { text.to_owned() }
    }

    fn link(self, label: &str, href: &str) -> Link {
        Link { label: self.t(label), href: href.to_owned() }
    }

    fn empty(self, page: usize, empty: Empty) -> Option<Empty> {
        (self.n(page) == 0).then_some(empty)
    }
}

fn ago(secs: u64) -> Moment {
    Moment::ago(NOW.minus(Duration::from_secs(secs)), NOW)
}

/// Changes of the router that wait.
fn waiting(mood: Mood) -> Waiting {
    let change = |number: i64| WaitingChange {
        number,
        why: mood.t("Port forward to the NAS"),
        actor: mood.t("robert"),
        deadline: (number % 2 == 1).then_some(NOW.0 + 100_000),
        left: "1:40".to_owned(),
        problem: if mood == Mood::Hostile { mood.t("") } else { String::new() },
    };
    let changes = match mood {
        Mood::Empty | Mood::Many => Vec::new(),
        Mood::One => vec![change(1)],
        Mood::Hostile => vec![change(1), change(2)],
    };
    Waiting { changes, unsaved: matches!(mood, Mood::One | Mood::Hostile) }
}

/// The surroundings of a page.
pub(crate) fn shell(mood: Mood, title: &str, here: Option<Place>, path: &str) -> Shell {
    Shell {
        title: title.to_owned(),
        areas: Vec::new(),
        here,
        theme: Theme::Dark,
        csrf: "vQ3xkq0jPzqk2m6Xo8cJdF0aE1y9S4tLwR7uBhGnIiM".to_owned(),
        person: Some(Whom { name: mood.t("robert"), role: "administrator".to_owned() }),
        can: Can::everything(),
        bell: Bell { unread: if mood == Mood::Many { 3 } else { 0 }, items: bell(mood, 8) },
        flash: if mood == Mood::Hostile {
            vec![Flash { tone: Tone::Bad, text: mood.t("") }]
        } else {
            Vec::new()
        },
        waiting: waiting(mood),
        search: String::new(),
        path: path.to_owned(),
        now: NOW.0,
        expires: Some(NOW.0 + 43_200_000),
        live: true,
        refresh: None,
        site: mood.t("gw.home.internal"),
        build: Build {
            version: "0.1.0".to_owned(),
            git: "80b711a".to_owned(),
            date: "2026-11-21".to_owned(),
        },
    }
}

fn bell(mood: Mood, most: usize) -> Vec<BellItem> {
    const ALERTS: [(&str, &str, Tone); 4] = [
        ("New device Nintendo Switch on eth1.20", "low", Tone::Info),
        ("diskstation has been away for 6 min", "medium", Tone::Warn),
        ("02:9a:4f:11:20:c8 uses the address of living-room-tv", "high", Tone::Bad),
        ("The disk is 92 % full", "critical", Tone::Bad),
    ];
    (0..mood.n(most))
        .map(|i| {
            let (title, severity, tone) = ALERTS[i % ALERTS.len()];
            BellItem {
                href: format!("/alerts/{i}"),
                title: mood.t(title),
                severity: severity.to_owned(),
                tone,
                at: ago(40 + 950 * i as u64),
                unread: i < 3,
            }
        })
        .collect()
}

/// One device of the list.
pub(crate) fn device(mood: Mood, i: usize) -> DeviceRow {
    let (name, icon, kind, vendor) = THINGS[i % THINGS.len()];
    let presence = match i % 7 {
        4 => Presence::Offline,
        6 if i > 7 => Presence::Unknown,
        _ => Presence::Online,
    };
    let spans: Vec<_> =
        (0..48).map(|s| if s < 6 { None } else { Some((s + i * 5) % 23 > i % 11) }).collect();
    DeviceRow {
        id: i as i64 + 1,
        name: mood.t(name),
        icon: icon.to_owned(),
        presence,
        new: i.is_multiple_of(6),
        favourite: i == 2,
        randomised: vendor.is_empty(),
        address: mood.t(&format!("192.168.{}.{}", 1 + i % 2 * 19, 20 + i)),
        more_addresses: (i % 3) as u32,
        mac: format!("a4:83:e7:{:02x}:20:{:02x}", i, i * 7 % 256),
        vendor: mood.t(vendor),
        kind: kind.to_owned(),
        interface: if i.is_multiple_of(2) { "eth1" } else { "eth1.20" }.to_owned(),
        strip: Strip::new(&spans, ""),
        seen: (presence != Presence::Unknown).then(|| ago(3 + 37 * i as u64)),
    }
}

fn filters(query: &Query, mood: Mood) -> Vec<Filter> {
    let own = mood.t("Apple, Inc.");
    vec![
        Filter::of(query, "type", "Type", [("phone", "Phone"), ("laptop", "Laptop"), ("tv", "TV")]),
        Filter::of(
            query,
            "interface",
            "Interface",
            [("eth1", "eth1 · LAN"), ("eth1.20", "eth1.20 · Guests")],
        ),
        Filter::of(query, "vendor", "Vendor", [(own.clone(), own)]),
    ]
}

fn devices(mood: Mood, cards: bool) -> DevicesPage {
    let query = Query::parse(
        "/devices",
        match (mood, cards) {
            (Mood::Hostile, _) => "q=%3Cscript%3E%22&type=phone",
            (_, true) => "view=cards",
            _ => "",
        },
    );
    let tab = |value, label, n, key| Tab::of(&query, "status", value, label).counted(n, key);
    DevicesPage {
        shell: shell(mood, "Devices", Some(Place::Devices), "/devices"),
        tabs: vec![
            tab("", "All", 1204, "devices-all"),
            tab("online", "Online", 34, "devices-online"),
            tab("offline", "Offline", 12, "devices-offline"),
            tab("unknown", "Unknown", 3, "devices-unknown"),
            tab("new", "New", 2, "devices-new"),
        ],
        filters: filters(&query, mood),
        columns: vec![
            Column::sortable(&query, "Device", "name", "name"),
            Column::sortable(&query, "State", "state", "name"),
            Column::sortable(&query, "Address", "ip", "name"),
            Column::sortable(&query, "Type", "type", "name"),
            Column::plain("Interface"),
            Column::plain("Last 24 h"),
            Column::sortable(&query, "Last seen", "seen", "name"),
        ],
        rows: (0..mood.n(50)).map(|i| device(mood, i)).collect(),
        empty: mood
            .empty(50, if cards { DevicesPage::first_scan() } else { DevicesPage::nothing_yet() }),
        pager: Pager::keyset(
            &query,
            (mood == Mood::Many).then_some("k50"),
            "Next",
            "50 of 1 204".into(),
        ),
        cards,
        scanning: if cards { mood.t("192.168.1.0/24, 40 %") } else { String::new() },
        query,
    }
}

fn story(mood: Mood) -> Vec<StoryLine> {
    const STORY: [(&str, &str, Tone); 5] = [
        ("Came back after 42 min", "up", Tone::Ok),
        ("Went away", "down", Tone::Quiet),
        ("Has the address 192.168.1.57 now, was 192.168.1.20", "network", Tone::Info),
        ("Port scan found 3 open ports", "scan", Tone::Warn),
        ("First seen", "plus", Tone::New),
    ];
    (0..mood.n(5))
        .map(|i| {
            let (text, icon, tone) = STORY[i];
            StoryLine {
                at: ago(120 + 8000 * i as u64),
                text: mood.t(text),
                icon: icon.to_owned(),
                tone,
                href: if i.is_multiple_of(2) {
                    format!("/events#event-{i}")
                } else {
                    String::new()
                },
            }
        })
        .collect()
}

fn detail(mood: Mood) -> DeviceDetailPage {
    let n = |page| mood.n(page);
    let mut d = device(mood, usize::from(mood == Mood::Many) * 4);
    d.randomised = true;
    let spans: Vec<_> = (0..96).map(|s| if s < 9 { None } else { Some(s % 31 > 6) }).collect();
    let evidence = |label: &str, value: &str, reason: &str, confidence: &str| Evidence {
        label: label.to_owned(),
        value: mood.t(value),
        reason: mood.t(reason),
        confidence: confidence.to_owned(),
        by_person: confidence.is_empty(),
    };
    let port =
        |port: &str, service: &str, version: &str, risk: &str, tone, reason: &str| PortLine {
            port: port.to_owned(),
            service: service.to_owned(),
            version: mood.t(version),
            risk: risk.to_owned(),
            tone,
            reason: reason.to_owned(),
        };
    DeviceDetailPage {
        shell: shell(mood, "Device", Some(Place::Devices), "/devices/5"),
        first_seen: (mood != Mood::Empty).then(|| ago(8_000_000)),
        identity: vec![
            evidence(
                "Name",
                "diskstation",
                "mDNS answer diskstation.local, DHCP option 12",
                "sure",
            ),
            evidence("Type", "NAS", "Announces _adisk._tcp and _smb._tcp", "likely"),
            evidence("Operating system", "Linux, DSM 7", "A person said so", ""),
            evidence(
                "Brand",
                "Synology",
                "Hardware address block of Synology Incorporated",
                "sure",
            ),
        ]
        .into_iter()
        .take(n(4))
        .collect(),
        corrected: mood == Mood::Many,
        addresses: (0..n(4))
            .map(|i| AddressLine {
                address: mood.t([
                    "192.168.1.57",
                    "2001:db8:4:1:211:32ff:feaa:bbcc",
                    "fe80::211:32ff:feaa:bbcc",
                    "192.168.1.20",
                ][i]),
                kind: ["IPv4", "IPv6", "link-local", "IPv4"][i].to_owned(),
                subnet: ["192.168.1.0/24", "2001:db8:4:1::/64", "fe80::/10", "192.168.1.0/24"][i]
                    .to_owned(),
                interface: "eth1".to_owned(),
                current: i < 3,
                since: ago(90_000),
                seen: ago(12),
            })
            .collect(),
        presence: PresenceView {
            ranges: TimelineRange::all(5, "24h"),
            strip: Strip::new(if mood == Mood::Empty { &[] } else { &spans }, "there 82 % of 24 h"),
            uptime: percent(0.8203),
            changes: "6 times".to_owned(),
            ticks: ["24 h ago", "18 h", "12 h", "6 h", "now"].map(str::to_owned).into(),
            spells: (0..n(6))
                .map(|i| {
                    let state =
                        if i.is_multiple_of(2) { Presence::Online } else { Presence::Offline };
                    (ago(4000 * i as u64), state, span(Duration::from_secs(4000)))
                })
                .collect(),
        },
        services: (0..n(3))
            .map(|i| ServiceLine {
                service: mood.t(["_smb._tcp", "_adisk._tcp", "_http._tcp"][i]),
                meaning: ["Windows file sharing", "Time Machine", ""][i].to_owned(),
                detail: mood.t("diskstation"),
                via: "mDNS".to_owned(),
                seen: ago(60),
            })
            .collect(),
        ports: PortScan {
            at: (mood != Mood::Empty).then(|| ago(7200)),
            running: if mood == Mood::One {
                "412 of 1 000 ports".to_owned()
            } else {
                String::new()
            },
            wait: if mood == Mood::Many {
                "Wait 40 s between scans.".to_owned()
            } else {
                String::new()
            },
            lines: [
                port(
                    "22/tcp",
                    "ssh",
                    "OpenSSH 8.2",
                    "Medium",
                    Tone::Warn,
                    "Remote control; use keys, not passwords.",
                ),
                port("80/tcp", "http", "nginx", "High", Tone::Bad, "Web page without encryption."),
                port("443/tcp", "https", "", "Low", Tone::Ok, ""),
            ]
            .into_iter()
            .take(n(3))
            .collect(),
            risk: if mood == Mood::Empty { String::new() } else { "Medium".to_owned() },
            tone: Tone::Warn,
            reasons: if mood == Mood::Empty {
                vec![]
            } else {
                vec![mood.t("A web page without encryption asks for a password.")]
            },
        },
        notes: if mood == Mood::Empty {
            String::new()
        } else {
            mood.t("In the cellar, behind the boiler.\nDisk 2 replaced in March.")
        },
        tags: (0..n(2)).map(|i| mood.t(["backup", "cellar"][i])).collect(),
        criticality: "High".to_owned(),
        story: story(mood),
        form: DeviceForm {
            name: if mood == Mood::Hostile {
                Field::refused(HOSTILE, HOSTILE)
            } else {
                Field::new("")
            },
            automatic_name: mood.t("diskstation"),
            icons: Choice::list([("", "Automatic"), ("nas", "NAS")], ""),
            kinds: Choice::list([("", "Automatic"), ("nas", "NAS")], "nas"),
            os: Field::new(mood.t("Linux, DSM 7")),
            brand: Field::default(),
            model: Field::default(),
            tags: Field::new("backup, cellar"),
            criticality: Choice::list([("normal", "Normal"), ("high", "High")], "high"),
            notes: Field::new(mood.t("In the cellar")),
            known: true,
            favourite: false,
        },
        merge_choices: Choice::list(
            (0..n(3)).map(|i| (i.to_string(), mood.t("diskstation-lan2"))),
            "",
        ),
        device: d,
    }
}

fn home(mood: Mood) -> HomePage {
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

fn interfaces(mood: Mood) -> Vec<InterfaceLine> {
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

fn topology(mood: Mood) -> TopologyPage {
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

fn events(mood: Mood) -> EventsPage {
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

fn alerts(mood: Mood) -> AlertsPage {
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

fn audit(mood: Mood) -> AuditPage {
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

fn settings(mood: Mood) -> SettingsPage {
    let field = |value: &str| {
        if mood == Mood::Hostile { Field::refused(HOSTILE, HOSTILE) } else { Field::new(value) }
    };
    SettingsPage {
        shell: shell(mood, "Settings", Some(Place::Settings), "/settings"),
        scanning: ScanningForm {
            subnets: field(""),
            automatic: mood.t("192.168.1.0/24 on eth1, 192.168.20.0/24 on eth1.20"),
            interval: field("60"),
            rate: field("500"),
            enabled: true,
            sweep: true,
            services: true,
            names: false,
            interfaces: interfaces(mood),
        },
        grace: field("300"),
        alerts: AlertsForm {
            offline: Choice::list([("important", "Favourites'"), ("all", "Everybody's")], "all"),
            window: field("60"),
            flapping: field("6"),
            group: field("20"),
        },
        retention: RetentionForm {
            events: field("90"),
            presence: field("365"),
            alerts: field("90"),
            unanswered: field("365"),
            audit: field("2557"),
            maintenance: field("90"),
            mutes: field("30"),
            habits: field("90"),
        },
        storage: StorageView {
            size: bytes(88_000_000),
            used: 8,
            of: "84 MiB of 1.0 GiB".to_owned(),
            free: bytes(7_400_000_000),
            kinds: (0..mood.n(3))
                .map(|i| (mood.t(["Events", "Presence", "Audit log"][i]), "12 MiB".to_owned()))
                .collect(),
            backup_dir: mood.t("/config/panoptikon/backup"),
            backups: (0..mood.n(4))
                .map(|i| BackupLine {
                    name: mood.t("panoptikon-2026-11-21T14.db"),
                    size: bytes(14_000_000),
                    at: ago(3600 * i as u64),
                })
                .collect(),
        },
        sessions: SessionsForm { idle: field("12"), longest: field("7") },
        names: NamesView {
            name: mood.t("gw.home.internal"),
            covered: (0..mood.n(3))
                .map(|i| mood.t(["gw.home.internal", "router.internal", "192.168.1.1"][i]))
                .collect(),
            fingerprint: "AB:CD:".repeat(10) + "EF",
            expires: Some(Moment::ago(NOW.plus(Duration::from_secs(30_000_000)), NOW)),
            ca_href: "/settings/ca.crt".to_owned(),
            profile_href: "/settings/ca.mobileconfig".to_owned(),
        },
    }
}

fn people(mood: Mood) -> PeoplePage {
    let roles = |now| {
        Choice::list(
            ["administrator", "analyst", "responder", "viewer", "auditor"].map(|r| (r, r)),
            now,
        )
    };
    PeoplePage {
        shell: shell(mood, "People", Some(Place::Settings), "/settings/people"),
        people: (0..mood.n(4))
            .map(|i| PersonLine {
                id: i as i64,
                name: mood.t(["robert", "anna", "ben", "grafana"][i]),
                roles: roles(["administrator", "analyst", "viewer", "auditor"][i]),
                enabled: i != 2,
                active: (i != 3).then(|| ago(60 * i as u64)),
                sessions: 2 - i as u64 % 3,
                me: i == 0,
                last_admin: i == 0,
            })
            .collect(),
        name: if mood == Mood::Hostile {
            Field::refused(HOSTILE, HOSTILE)
        } else {
            Field::default()
        },
        roles: roles("viewer"),
        password_error: if mood == Mood::Hostile { HOSTILE.to_owned() } else { String::new() },
        password_min: 8,
        meanings: vec![
            ("administrator".into(), "Everything, people and settings too.".into()),
            ("responder".into(), "Look at all, handle alerts, act on devices.".into()),
            ("viewer".into(), "Look at devices, events and alerts.".into()),
        ],
        fresh: (mood == Mood::Hostile).then(|| (HOSTILE.to_owned(), HOSTILE.to_owned())),
    }
}

fn account(mood: Mood) -> AccountPage {
    AccountPage {
        shell: shell(mood, "Your account", None, "/account"),
        current_error: if mood == Mood::Hostile { HOSTILE.to_owned() } else { String::new() },
        password_error: String::new(),
        password_min: 8,
        sessions: (0..mood.n(3))
            .map(|i| SessionLine {
                id: format!("s{i}"),
                agent: mood.t("Firefox on Linux"),
                address: "192.168.1.20".into(),
                since: ago(90_000),
                seen: ago(10),
                current: i == 0,
            })
            .collect(),
        keys: (0..mood.n(2))
            .map(|i| KeyLine {
                id: i as i64,
                name: mood.t("prometheus"),
                prefix: "pnk_4f9a".into(),
                scope: "metrics:read".into(),
                expires: (i == 0)
                    .then(|| Moment::ago(NOW.plus(Duration::from_secs(7_000_000)), NOW)),
                used: None,
            })
            .collect(),
        scopes: Choice::list([("read", "Read everything")], ""),
        days: Choice::list([("30", "in 30 days"), ("365", "in a year")], "30"),
        fresh_key: if mood == Mood::Many {
            "pnk_4f9a2c1e88d04b7f9a2c1e88d04b7f9a2c1e88d0".into()
        } else {
            String::new()
        },
        themes: Choice::list(Theme::ALL.map(|t| (t.as_str(), t.as_str())), "dark"),
        refresh: Choice::list([("0", "never"), ("30", "every 30 s")], "0"),
        rows: Choice::list([("25", "25"), ("50", "50")], "50"),
    }
}

fn search(mood: Mood) -> SearchPage {
    let mut shell = shell(mood, "Search", None, "/search");
    shell.search = if mood == Mood::Empty { String::new() } else { mood.t("appl") };
    SearchPage {
        shell,
        too_short: false,
        groups: (0..mood.n(2))
            .map(|g| SearchGroup {
                label: ["Devices", "Alerts"][g].into(),
                items: (0..mood.n(4))
                    .map(|i| SearchHit {
                        text: mood.t(THINGS[i].0),
                        hint: mood.t("192.168.1.20 · Apple, Inc."),
                        href: "/devices/1".into(),
                        icon: THINGS[i].1.into(),
                    })
                    .collect(),
                more: "/devices?q=appl".into(),
            })
            .collect(),
    }
}

fn about(mood: Mood) -> AboutPage {
    AboutPage {
        shell: shell(mood, "About", None, "/about"),
        facts: vec![
            ("Version".into(), "0.1.0".into()),
            ("Commit".into(), "80b711a".into()),
            ("Running".into(), mood.t("12 d 4 h")),
            ("Memory".into(), "31 MiB".into()),
        ],
        components: (0..mood.n(5))
            .map(|i| ComponentLine {
                name: ["discovery", "events", "store", "detect", "web"][i].into(),
                state: if i == 3 { "degraded" } else { "running" }.into(),
                tone: if i == 3 { Tone::Warn } else { Tone::Ok },
                text: mood.t("212 frames/s on 3 interfaces"),
            })
            .collect(),
        capabilities: (0..mood.n(3))
            .map(|i| CapabilityLine {
                name: ["Raw sockets", "Netlink", "Clock in sync"][i].into(),
                have: i != 2,
                text: mood.t("Needed to see and ask devices."),
                fix: if i == 2 {
                    mood.t("Turn on NTP: set service ntp server …")
                } else {
                    String::new()
                },
            })
            .collect(),
        licences: (0..mood.n(6))
            .map(|i| (format!("crate-{i}"), mood.t("MIT OR Apache-2.0")))
            .collect(),
    }
}

fn confirm(mood: Mood) -> ConfirmPage {
    ConfirmPage {
        shell: shell(mood, "Forget a device", Some(Place::Devices), "/devices/5/forget"),
        question: mood.t("Forget diskstation?"),
        consequences: (0..mood.n(3))
            .map(|i| {
                mood.t([
                    "Its addresses, presence and notes are deleted for good.",
                    "Its events stay until they expire.",
                    "If it is still attached it comes back as new.",
                ][i])
            })
            .collect(),
        action: "/devices/5/forget".into(),
        fields: (0..mood.n(1)).map(|_| ("seen".to_owned(), mood.t("1"))).collect(),
        button: mood.t("Forget it"),
        danger: true,
        cancel: "/devices/5".into(),
    }
}

fn bare(mood: Mood, title: &str) -> Shell {
    Shell {
        person: None,
        live: false,
        expires: None,
        can: Can::default(),
        ..shell(mood, title, None, "/")
    }
}

/// Every page, by name.
pub(crate) fn pages(mood: Mood) -> Vec<(&'static str, String)> {
    let mut list: Vec<(&'static str, askama::Result<String>)> = vec![
        ("home", home(mood).render()),
        ("devices", devices(mood, false).render()),
        ("devices-cards", devices(mood, true).render()),
        ("device", detail(mood).render()),
        ("topology", topology(mood).render()),
        ("events", events(mood).render()),
        ("alerts", alerts(mood).render()),
        ("audit", audit(mood).render()),
        ("settings", settings(mood).render()),
        ("people", people(mood).render()),
        ("account", account(mood).render()),
        ("search", search(mood).render()),
        ("about", about(mood).render()),
        ("confirm", confirm(mood).render()),
    ];
    list.extend(router_network::pages(mood));
    let story = story(mood);
    list.push((
        "alert",
        AlertPage {
            shell: shell(mood, "Alert", Some(Place::Alerts), "/alerts/1"),
            alert: alert(mood, 0),
            device_id: Some(7),
            people: Choice::list([("", "nobody"), ("1", "robert")], ""),
            story,
        }
        .render(),
    ));
    let hostile = mood == Mood::Hostile;
    let field = |v: &str| if hostile { Field::refused(HOSTILE, HOSTILE) } else { Field::new(v) };
    list.push((
        "device-new",
        DeviceNewPage {
            shell: shell(mood, "Add a device", Some(Place::Devices), "/devices/new"),
            mac: field(""),
            name: field(""),
            kinds: Choice::list([("", "Automatic")], ""),
            notes: field(""),
            existing: (mood != Mood::Empty).then(|| mood.link("diskstation", "/devices/5")),
        }
        .render(),
    ));
    list.push((
        "setup",
        SetupPage {
            shell: bare(mood, "Welcome"),
            token: field(""),
            name: field(""),
            password_error: if hostile { HOSTILE.into() } else { String::new() },
            password_min: 8,
        }
        .render(),
    ));
    list.push((
        "sign-in",
        SignInPage {
            shell: bare(mood, "Sign in"),
            name: mood.t(""),
            error: if mood == Mood::One {
                "Name or password is wrong.".into()
            } else if hostile {
                HOSTILE.into()
            } else {
                String::new()
            },
            next: "/".into(),
            wait: if mood == Mood::Many { 42 } else { 0 },
            fingerprint: "AB:CD:".repeat(10) + "EF",
        }
        .render(),
    ));
    for (name, status) in [
        ("problem-403", 403),
        ("problem-404", 404),
        ("problem-409", 409),
        ("problem-429", 429),
        ("problem-500", 500),
    ] {
        let mut problem = Problem::of(status, if hostile { HOSTILE } else { "" });
        problem.reference = mood.t("req-4f9a2c");
        list.push((name, problem.page(shell(mood, "", None, "/x"))));
    }
    list.push(("problem-bare", Problem::of(404, "").page(bare(mood, ""))));
    // What a viewer sees where an administrator sees forms.
    let mut viewer = detail(mood);
    viewer.shell.can = Can::default();
    viewer.shell.person = Some(Whom { name: "guest".into(), role: "viewer".into() });
    list.push(("device-viewer", viewer.render()));
    list.extend(router_change::pages(mood));
    list.extend(router_firewall::pages(mood));
    list.extend(router_look::pages(mood));
    list.into_iter()
        .map(|(name, html)| (name, html.unwrap_or_else(|e| panic!("{name}: {e}"))))
        .collect()
}
