//! Commands that the running appliance carries out, and how its answers look to people.

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

use model::Timestamp;
use serde_json::{Value, json};

use super::CliError;
use super::offline::{print, print_json};
use super::report::{self, age, list, word};
use super::table::table;
use crate::config::Config;
use crate::control::{self, AskError, Command, Request, Socket, Words};
use crate::serve;

/// Asks the appliance and prints what it answers. Fails also when the answer is that the audit
/// chain is broken.
pub(super) fn ask(config: &Config, request: &Request, json: bool) -> Result<ExitCode, CliError> {
    let answer = control::ask(&config.control_socket, request)?;
    if json {
        print_json(&answer)?;
    } else {
        print(&as_text(request, &answer, Timestamp::now()));
    }
    let fine = *request != Request::Ask(Command::VerifyAudit) || answer["intact"] == true;
    Ok(if fine { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Words for completion. Says nothing when there are none to be had: somebody is typing.
pub(super) fn complete(config: &Config, kind: &str) -> ExitCode {
    let words = if kind == "devices" { Words::Devices } else { Words::Interfaces };
    let request = Request::Ask(Command::Words(words));
    let Ok(answer) = control::ask(&config.control_socket, &request) else {
        return ExitCode::FAILURE;
    };
    let words: Vec<&str> = list(&answer["words"]).filter_map(Value::as_str).collect();
    print(&(words.join(" ") + "\n"));
    ExitCode::SUCCESS
}

/// Restores a backup: through the appliance if it runs, else here. A damaged database keeps the
/// appliance from starting, and this is the way out of that.
pub(super) fn restore(config: &Config, file: &str, json: bool) -> Result<ExitCode, CliError> {
    let file = std::path::absolute(file)
        .map_err(|source| CliError::Io { what: format!("finding {file}"), source })?;
    match ask(config, &Request::Restore { file: file.clone() }, json) {
        Err(CliError::Ask(AskError::NotRunning(_))) => {
            let _place = Socket::bind(&config.control_socket).map_err(anyhow::Error::new)?;
            done(serve::restore(&config.data_dir, &file)?, json)
        }
        outcome => outcome,
    }
}

/// Empties the database: through the appliance if it runs, else here.
pub(super) fn reset(config: &Config, force: bool, json: bool) -> Result<ExitCode, CliError> {
    let question = format!(
        "This removes all devices, events, accounts and settings under {}; backups stay.",
        config.data_dir.display()
    );
    if !force && !confirmed(&question)? {
        return Err(CliError::Failed("nothing was removed".to_owned()));
    }
    match ask(config, &Request::ResetDatabase, json) {
        Err(CliError::Ask(AskError::NotRunning(_))) => {
            let _place = Socket::bind(&config.control_socket).map_err(anyhow::Error::new)?;
            done(serve::reset(&config.data_dir)?, json)
        }
        outcome => outcome,
    }
}

fn done(message: String, json: bool) -> Result<ExitCode, CliError> {
    if json {
        print_json(&json!({ "message": message }))?;
    } else {
        print(&(message + "\n"));
    }
    Ok(ExitCode::SUCCESS)
}

/// Asks whether that is what is wanted.
pub(super) fn confirmed(what: &str) -> Result<bool, CliError> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        let message = format!("{what} There is nobody to ask; give -f if that is wanted.");
        return Err(CliError::Failed(message));
    }
    print(&format!("{what}\nType yes to go on: "));
    let _ = std::io::stdout().flush();
    let mut line = String::new();
    stdin
        .read_line(&mut line)
        .map_err(|source| CliError::Io { what: "reading the answer".to_owned(), source })?;
    Ok(line.trim() == "yes")
}

/// An answer for people.
fn as_text(request: &Request, answer: &Value, now: Timestamp) -> String {
    match request {
        Request::Status => status(answer, now),
        Request::Ask(Command::Devices) => devices(answer, now),
        Request::Ask(Command::Router) => router(answer),
        Request::Ask(Command::Device { .. }) => report::device(answer, now),
        Request::Ask(Command::Alerts) => report::alerts(answer, now),
        Request::Ask(Command::Events { .. }) => report::events(answer),
        Request::Ask(Command::Agents(deed)) => super::agents::as_text(deed, answer, now),
        Request::Ask(Command::SetupToken) => format!("{}\n", word(&answer["token"])),
        Request::Ask(Command::ResetAuth) => {
            format!("{}\n{}\n", word(&answer["message"]), word(&answer["token"]))
        }
        _ => format!("{}\n", word(&answer["message"])),
    }
}

fn status(answer: &Value, now: Timestamp) -> String {
    let rows: Vec<Vec<String>> = list(&answer["components"])
        .map(|part| {
            let columns = ["name", "status", "since", "restarts", "message"];
            columns
                .map(|column| match column {
                    "since" => age(&part[column], now),
                    _ => word(&part[column]),
                })
                .to_vec()
        })
        .collect();
    let head = ["part", "status", "for", "restarts", "message"];
    format!(
        "panoptikon {} ({} {}): {}, process {}, up {}, async side {}\n\n{}",
        word(&answer["version"]),
        word(&answer["git_hash"]),
        word(&answer["build_date"]),
        word(&answer["status"]),
        word(&answer["pid"]),
        age(&answer["started"], now),
        word(&answer["async_side"]),
        table(&head, &rows),
    )
}

fn devices(answer: &Value, now: Timestamp) -> String {
    let rows: Vec<Vec<String>> = list(&answer["devices"])
        .map(|device| {
            let online = if device["online"] == true { "online" } else { "offline" };
            let addresses: Vec<String> = list(&device["addresses"]).map(word).collect();
            vec![
                word(&device["name"]),
                online.to_owned(),
                addresses.join(" "),
                word(&device["mac"]),
                word(&device["vendor"]),
                age(&device["last_seen"], now),
            ]
        })
        .collect();
    if rows.is_empty() {
        return "No device was seen yet.\n".to_owned();
    }
    table(&["name", "state", "addresses", "mac", "vendor", "seen"], &rows)
}

fn router(answer: &Value) -> String {
    let mut text = match answer["link"]["state"].as_str() {
        Some("up") => format!("{}: the API answers.\n", word(&answer["host_name"])),
        Some("down") => {
            format!("The router's API does not answer. {}\n", word(&answer["link"]["why"]))
        }
        _ => "The router was not asked yet.\n".to_owned(),
    };
    if let Value::String(version) = &answer["version"] {
        text = format!("{text}VyOS {}\n", word(&json!(version)));
    }
    if answer["unsaved"] == true {
        text.push_str("It runs changes that are not saved; to save them: panoptikon router save\n");
    }
    let rows: Vec<Vec<String>> = list(&answer["changes"])
        .map(|change| {
            let left = match change["state"].as_str() {
                Some("waiting") => format!("{} s", word(&change["seconds"])),
                _ => word(&change["state"]),
            };
            let columns = ["number", "why", "actor"].map(|column| word(&change[column]));
            columns.into_iter().chain([left, word(&change["problem"])]).collect()
        })
        .collect();
    if rows.is_empty() {
        return text + "No change waits.\n";
    }
    let head = ["change", "what for", "by", "undone in", "problem"];
    format!("{text}\n{}", table(&head, &rows))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_a_table_and_their_names_cannot_steer_the_terminal() {
        let answer = json!({ "devices": [
            { "name": "nas", "mac": "00:11:22:aa:bb:cc", "vendor": "Synology",
              "addresses": ["192.168.1.5", "fe80::1"], "online": true, "last_seen": 55_000 },
            { "name": "\u{1b}[31mred", "mac": "02:11:22:aa:bb:cc", "vendor": null,
              "addresses": [], "online": false, "last_seen": 0 },
        ]});
        let text = as_text(&Request::Ask(Command::Devices), &answer, Timestamp(60_000));
        let expected = "\
NAME      STATE    ADDRESSES            MAC                VENDOR    SEEN
nas       online   192.168.1.5 fe80::1  00:11:22:aa:bb:cc  Synology  5 s
\u{fffd}[31mred  offline                       02:11:22:aa:bb:cc  -         1 min
";
        assert_eq!(text, expected);
    }

    #[test]
    fn a_change_that_waits_is_shown_with_the_time_that_is_left() {
        let answer = json!({
            "link": { "state": "up" }, "host_name": "edge", "version": "1.4.0", "unsaved": true,
            "changes": [{ "number": 7, "why": "Port forward", "actor": "ana", "state": "waiting",
                          "seconds": 93, "problem": null }],
        });
        let text = as_text(&Request::Ask(Command::Router), &answer, Timestamp(0));
        let expected = "\
edge: the API answers.
VyOS 1.4.0
It runs changes that are not saved; to save them: panoptikon router save

CHANGE  WHAT FOR      BY   UNDONE IN  PROBLEM
7       Port forward  ana  93 s       -
";
        assert_eq!(text, expected);
    }

    #[test]
    fn an_empty_list_says_so() {
        let text =
            as_text(&Request::Ask(Command::Devices), &json!({ "devices": [] }), Timestamp(0));
        assert_eq!(text, "No device was seen yet.\n");
    }

    #[test]
    fn a_token_stands_alone_so_that_scripts_can_take_it() {
        let request = Request::Ask(Command::SetupToken);
        assert_eq!(as_text(&request, &json!({ "token": "abc" }), Timestamp(0)), "abc\n");
    }
}
