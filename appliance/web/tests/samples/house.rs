//! The house itself: settings, people, one's account, search, what this is.

use std::time::Duration;

use panoptikon_web::view::*;

use super::{HOSTILE, Mood, NOW, THINGS, ago, interfaces, shell};

pub(crate) fn settings(mood: Mood) -> SettingsPage {
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

pub(crate) fn people(mood: Mood) -> PeoplePage {
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

pub(crate) fn account(mood: Mood) -> AccountPage {
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

pub(crate) fn search(mood: Mood) -> SearchPage {
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

pub(crate) fn about(mood: Mood) -> AboutPage {
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

pub(crate) fn confirm(mood: Mood) -> ConfirmPage {
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
