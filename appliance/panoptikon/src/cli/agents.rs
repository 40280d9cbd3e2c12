//! `panoptikon agents`: what may be written, what is meant, and answers for people.

use std::fmt::Write as _;

use clap::{Arg, ArgMatches, Command};
use model::Timestamp;
use serde_json::Value;

use super::report::{age, list, time, word};
use super::table::table;
use crate::control::HostDeed;

/// What a host may be asked, as words.
const QUESTIONS: [&str; 7] = ["processes", "tail", "ping", "trace", "scan", "update", "restart"];

pub(super) fn command() -> Command {
    let host = || Arg::new("host").value_name("HOST").required(true).help("Its name or its id");
    let of_one =
        |name: &'static str, about: &'static str| Command::new(name).about(about).arg(host());
    Command::new("agents")
        .about("Show hosts with agents, add them and ask them")
        .subcommand(Command::new("list").about("List all, which is what happens anyway"))
        .subcommand(of_one("show", "Show one"))
        .subcommand(
            Command::new("token")
                .about("Make a token, which lets one host in")
                .arg(Arg::new("name").value_name("NAME").help("The host's name; its own if absent"))
                .arg(
                    Arg::new("minutes")
                        .long("minutes")
                        .value_name("MINUTES")
                        .value_parser(clap::value_parser!(u64).range(1..=10_080))
                        .help("How long it is good, 1 to 10080 [default: 15]"),
                ),
        )
        .subcommand(of_one("revoke", "Let its agent in no more"))
        .subcommand(of_one("trust", "Let it in again though its identity was seen twice"))
        .subcommand(of_one("delete", "Delete it with all that it reported"))
        .subcommand(
            of_one("rename", "Call it otherwise")
                .arg(Arg::new("name").value_name("NAME").required(true).help("How")),
        )
        .subcommand(
            of_one("ask", "Ask it for something")
                .arg(Arg::new("what").value_name("WHAT").required(true).value_parser(QUESTIONS))
                .arg(
                    Arg::new("about")
                        .value_name("ABOUT")
                        .default_value("")
                        .help("A unit or a file, an address, a network"),
                ),
        )
}

/// What is meant.
pub(super) fn deed(matches: &ArgMatches) -> HostDeed {
    let Some((name, sub)) = matches.subcommand() else {
        return HostDeed::List;
    };
    let text = |id: &str| -> String {
        let found = sub.try_get_one::<String>(id).ok().flatten();
        found.cloned().unwrap_or_default()
    };
    let host = text("host");
    match name {
        "show" => HostDeed::Show { host },
        "token" => {
            let minutes = sub.get_one::<u64>("minutes").copied().unwrap_or(15);
            HostDeed::Token { name: text("name"), minutes }
        }
        "revoke" => HostDeed::Revoke { host },
        "trust" => HostDeed::Trust { host },
        "delete" => HostDeed::Delete { host },
        "rename" => HostDeed::Rename { host, name: text("name") },
        "ask" => HostDeed::Ask { host, what: text("what"), about: text("about") },
        _ => HostDeed::List,
    }
}

/// An answer for people.
pub(super) fn as_text(deed: &HostDeed, answer: &Value, now: Timestamp) -> String {
    match deed {
        HostDeed::List => hosts(answer, now),
        HostDeed::Show { .. } => host(&answer["host"], now),
        HostDeed::Token { .. } => format!(
            "{}\n\nGood until {}. On the host, as root; it asks for the token:\n\n{}\n",
            word(&answer["token"]),
            time(&answer["until"]),
            word(&answer["line"])
        ),
        HostDeed::Ask { .. } => {
            let parts = list(&answer["parts"]).chain([&answer["done"]]);
            let lines = parts.filter(|part| !part.is_null()).map(|part| match part {
                Value::String(text) => text.clone() + "\n",
                other => format!("{other}\n"),
            });
            lines.collect()
        }
        _ => format!("{}\n", word(&answer["message"])),
    }
}

fn state(host: &Value) -> String {
    let online = if host["online"] == true { "online" } else { "offline" };
    if host["state"] == "active" { online.to_owned() } else { word(&host["state"]) }
}

fn percent(value: &Value) -> String {
    value.as_f64().map_or_else(|| "-".to_owned(), |share| format!("{share:.0} %"))
}

fn hosts(answer: &Value, now: Timestamp) -> String {
    let row = |host: &Value| {
        let newest = host["recent"].as_array().and_then(|all| all.last());
        let newest = newest.cloned().unwrap_or_default();
        vec![
            word(&host["name"]),
            state(host),
            word(&host["hello"]["version"]),
            percent(&newest["cpu"]),
            percent(&newest["memory"]),
            age(&host["seen_at"], now),
            word(&host["id"]),
        ]
    };
    let rows: Vec<Vec<String>> = list(&answer["hosts"]).map(row).collect();
    if rows.is_empty() {
        return "No host has an agent yet. To add one: panoptikon agents token\n".to_owned();
    }
    table(&["host", "state", "agent", "cpu", "memory", "heard", "id"], &rows)
}

fn host(host: &Value, now: Timestamp) -> String {
    let (hello, known) = (&host["hello"], &host["known"]);
    let addresses: Vec<String> =
        list(&hello["addresses"]).flat_map(|a| list(&a["ips"])).map(word).collect();
    let disks: Vec<String> = list(&known["disks"])
        .map(|disk| {
            let share = disk["used"].as_f64().zip(disk["total"].as_f64());
            let share = share.map_or(0.0, |(used, total)| used * 100.0 / total.max(1.0));
            format!("{} {share:.0} %", word(&disk["mount"]))
        })
        .collect();
    let failed: Vec<String> = list(&known["units"]["failed"]).map(word).collect();
    let rows = [
        ("Id", word(&host["id"])),
        ("State", state(host)),
        ("For", age(&host["since"], now)),
        ("System", word(&hello["os"])),
        ("Kernel", word(&hello["kernel"])),
        ("Agent", word(&hello["version"])),
        ("Addresses", addresses.join(" ")),
        ("Processors", percent(&known["cpu"]["pct"])),
        ("Load", list(&known["cpu"]["load"]).map(word).collect::<Vec<_>>().join(" ")),
        ("Disks", disks.join(", ")),
        ("Failed units", failed.join(" ")),
        ("Reports", word(&host["acked"])),
        ("Enrolled", time(&host["enrolled_at"])),
        ("Certificate", format!("until {}", time(&host["expires_at"]))),
        ("Note", word(&host["note"])),
    ];
    let mut text = format!("{}\n\n", word(&host["name"]));
    for (label, value) in rows.iter().filter(|(_, value)| !value.is_empty() && value != "-") {
        // Writing to text does not fail.
        let _ = writeln!(text, "{label:14}{value}");
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn meant(words: &[&str]) -> HostDeed {
        let all = [&["agents"], words].concat();
        deed(&command().try_get_matches_from(all).expect("understood"))
    }

    #[test]
    fn words_mean_what_they_say() {
        assert_eq!(meant(&[]), HostDeed::List);
        assert_eq!(meant(&["show", "nas"]), HostDeed::Show { host: "nas".into() });
        let token = HostDeed::Token { name: "nas".into(), minutes: 60 };
        assert_eq!(meant(&["token", "nas", "--minutes", "60"]), token);
        let (host, what) = ("nas".to_owned(), "ping".to_owned());
        let about = "192.0.2.1".to_owned();
        assert_eq!(
            meant(&["ask", "nas", "ping", "192.0.2.1"]),
            HostDeed::Ask { host, what, about }
        );
        assert!(command().try_get_matches_from(["agents", "ask", "nas", "dance"]).is_err());
    }

    #[test]
    fn a_token_is_told_beside_the_line_that_asks_for_it_and_not_in_it() {
        let deed = HostDeed::Token { name: String::new(), minutes: 15 };
        let answer = json!({"token": "pa1.x", "line": "curl … | sh", "until": 0});
        let text = as_text(&deed, &answer, Timestamp(0));
        assert!(text.starts_with("pa1.x\n") && text.ends_with("\n\ncurl … | sh\n"), "{text}");
        assert!(text.contains("as root; it asks for the token"), "{text}");
    }

    #[test]
    fn hosts_are_listed_with_their_newest_values() {
        let answer = json!({"hosts": [{
            "name": "nas", "online": true, "state": "active", "id": "0123456789abcdef",
            "hello": {"version": "0.1.0"}, "recent": [{"cpu": 1.0, "memory": 2.0},
            {"cpu": 12.4, "memory": 50.0}], "seen_at": 1_000,
        }]});
        let text = hosts(&answer, Timestamp(4_000));
        let line = text.lines().nth(1).expect("a line");
        assert!(line.starts_with("nas   online  0.1.0  12 %  50 %"), "{text}");
    }
}
