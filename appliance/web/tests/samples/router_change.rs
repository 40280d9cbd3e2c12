//! The pages of a change of the router, and of its configuration.

use askama::Template;
use panoptikon_web::view::router::*;
use panoptikon_web::view::{Choice, Empty, Field, Pager, Place, Tone};

use super::{HOSTILE, Mood, NOW, ago, shell};
use model::Timestamp;
use panoptikon_web::view::Moment;

fn command(mood: Mood, i: usize) -> CommandLine {
    let kinds = ["add", "remove", "note"];
    CommandLine {
        text: mood.t("set nat destination rule 100 translation address 192.168.1.10"),
        kind: kinds[i % 3],
        said: if mood == Mood::Hostile { mood.t("") } else { String::new() },
    }
}

fn row(mood: Mood, i: usize) -> ChangeRow {
    ChangeRow {
        number: i as i64 + 1,
        at: ago(60 * i as u64 + 5),
        actor: mood.t("robert"),
        address: mood.t("192.168.1.50"),
        why: mood.t("Port forward HTTPS to the NAS"),
        state: "waits to be kept",
        tone: Tone::Warn,
        commands: "3".to_owned(),
    }
}

/// Every page of this area, by name.
pub(crate) fn pages(mood: Mood) -> Vec<(&'static str, askama::Result<String>)> {
    let shell = |title: &str, path: &str| shell(mood, title, Some(Place::Router), path);
    let field = |value: &str| match mood {
        Mood::Hostile => Field::refused(HOSTILE, HOSTILE),
        _ => Field::new(value),
    };
    let commands = || (0..mood.n(40)).map(|i| command(mood, i)).collect::<Vec<_>>();
    let none = |title: &str| {
        (mood == Mood::Empty).then(|| Empty::new("router", title, "It will stand here."))
    };
    let choices = || Choice::list([("1".to_owned(), mood.t("before the move"))], "1");
    let exact = || Moment::exact(Timestamp(NOW.0 - 60_000));
    vec![
        (
            "router-plan",
            PlanPage {
                shell: shell("Apply a change", "/router/plans/0"),
                id: "0f".repeat(12),
                why: mood.t("Port forward HTTPS to the NAS"),
                commands: commands(),
                risks: (0..mood.n(4))
                    .map(|_| RiskLine { tone: Tone::Warn, text: mood.t("It changes SSH.") })
                    .collect(),
                word: if mood == Mood::Empty { String::new() } else { mood.t("vyos") },
                typed_wrong: mood == Mood::Many,
                refused: mood == Mood::One,
                minutes: Choice::list([("2", "2 minutes")], "2"),
                said: if mood == Mood::Hostile { mood.t("") } else { String::new() },
                cancel: "/router".to_owned(),
                correct: if mood == Mood::Many {
                    "/router?said=x".to_owned()
                } else {
                    String::new()
                },
            }
            .render(),
        ),
        (
            "router-changes",
            ChangesPage {
                shell: shell("Changes", "/router/changes"),
                rows: (0..mood.n(50)).map(|i| row(mood, i)).collect(),
                empty: none("No changes yet"),
                pager: Pager::default(),
            }
            .render(),
        ),
        (
            "router-change",
            ChangePage {
                shell: shell("A change", "/router/changes/1"),
                row: row(mood, 0),
                commands: commands(),
                said: mood.t("A warning of the commit."),
                ended: (mood == Mood::Many).then(exact),
                waits: mood != Mood::Many,
            }
            .render(),
        ),
        (
            "router-trouble",
            TroublePage {
                shell: shell("Configuration", "/router/config"),
                title: mood.t("Configuration"),
                text: mood.t("The router does not accept the API key."),
                advice: mood.t("Give it another one."),
                commands: (0..mood.n(5)).map(|_| mood.t("commit")).collect(),
            }
            .render(),
        ),
        (
            "router-config",
            ConfigPage {
                shell: shell("Configuration", "/router/config"),
                search: if mood == Mood::Many { mood.t("eth0") } else { String::new() },
                path: vec![(mood.t("interfaces"), "/router/config?at=interfaces".to_owned())],
                lines: (0..mood.n(50))
                    .map(|_| ConfigLine {
                        above: mood.t("interfaces ethernet"),
                        name: mood.t("address"),
                        values: vec![mood.t("192.168.1.1/24")],
                        remark: mood.t("to the switch"),
                        href: String::new(),
                        below: "3 nodes".to_owned(),
                    })
                    .collect(),
                more: mood.n(9),
                empty: none("Nothing below"),
                commands: (0..mood.n(9)).map(|_| mood.t("set system host-name vyos")).collect(),
                size: "1 204".to_owned(),
            }
            .render(),
        ),
        (
            "router-raw",
            RawPage {
                shell: shell("As text", "/router/config/raw"),
                text: mood.t("system {\n    host-name vyos\n}\n"),
                lines: 3,
            }
            .render(),
        ),
        (
            "router-commands",
            CommandsPage {
                shell: shell("Commands", "/router/config/commands"),
                why: field("Second name server"),
                commands: field("set system name-server 1.1.1.1"),
                said: if mood == Mood::Hostile { mood.t("") } else { String::new() },
            }
            .render(),
        ),
        (
            "router-snapshots",
            SnapshotsPage {
                shell: shell("Snapshots", "/router/config/snapshots"),
                rows: (0..mood.n(50))
                    .map(|i| SnapshotRow {
                        number: i as i64 + 1,
                        at: ago(3_600 * i as u64 + 5),
                        author: mood.t("robert"),
                        label: if i % 2 == 0 { mood.t("before the move") } else { String::new() },
                        reason: mood.t("before: Port forward"),
                        size: "5.6 KiB".to_owned(),
                    })
                    .collect(),
                from: choices(),
                to: choices(),
                empty: none("No snapshots yet"),
                pager: Pager::default(),
            }
            .render(),
        ),
        (
            "router-snapshot",
            SnapshotPage {
                shell: shell("A snapshot", "/router/config/snapshots/1"),
                title: mood.t("before the move"),
                row: SnapshotRow {
                    number: 1,
                    at: ago(5),
                    author: mood.t("robert"),
                    label: mood.t("before the move"),
                    reason: mood.t("kept by hand"),
                    size: "5.6 KiB".to_owned(),
                },
                commands: commands(),
                said: if mood == Mood::One { mood.t("It is busy.") } else { String::new() },
            }
            .render(),
        ),
        (
            "router-archive",
            ArchivePage {
                shell: shell("Archive of commits", "/router/config/archive"),
                rows: (0..mood.n(50))
                    .map(|i| ArchiveRow {
                        revision: i,
                        at: ago(60 * i as u64 + 5),
                        user: mood.t("vyos"),
                        via: mood.t("cli"),
                        comment: mood.t("commit"),
                    })
                    .collect(),
                empty: none("No archive"),
            }
            .render(),
        ),
        (
            "router-diff",
            DiffPage {
                shell: shell("What changed", "/router/config/diff"),
                from: mood.t("before the move"),
                to: mood.t("what runs now"),
                commands: commands(),
                restore: (mood != Mood::Empty).then_some(1),
            }
            .render(),
        ),
    ]
}
