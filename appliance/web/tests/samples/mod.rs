//! Every page with nothing, one thing, many things, and hostile words in all text, for the render
//! tests and the gallery.

mod devices;
mod home;
mod hosts;
mod house;
mod router_change;
mod router_firewall;
mod router_look;
mod router_monitor;
mod router_network;

use std::time::Duration;

use askama::Template;
use model::Timestamp;
use panoptikon_web::view::*;

pub(crate) use devices::device;
use devices::{detail, devices, story};
pub(crate) use home::alert;
use home::{alerts, audit, events, home, interfaces, topology};
use house::{about, account, confirm, people, search, settings};

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
        answers_form: false,
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

fn bare(mood: Mood, title: &str) -> Shell {
    Shell {
        person: None,
        live: false,
        answers_form: false,
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
    list.extend(hosts::all(mood));
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
    list.extend(router_monitor::pages(mood));
    list.into_iter()
        .map(|(name, html)| (name, html.unwrap_or_else(|e| panic!("{name}: {e}"))))
        .collect()
}
