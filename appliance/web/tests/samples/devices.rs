//! Devices: lists, one of them, its story.

use std::time::Duration;

use panoptikon_web::view::*;

use super::{HOSTILE, Mood, THINGS, ago, shell};

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

pub(crate) fn filters(query: &Query, mood: Mood) -> Vec<Filter> {
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

pub(crate) fn devices(mood: Mood, cards: bool) -> DevicesPage {
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

pub(crate) fn story(mood: Mood) -> Vec<StoryLine> {
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

pub(crate) fn detail(mood: Mood) -> DeviceDetailPage {
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
        agent: None,
        merge_choices: Choice::list(
            (0..n(3)).map(|i| (i.to_string(), mood.t("diskstation-lan2"))),
            "",
        ),
        device: d,
    }
}
