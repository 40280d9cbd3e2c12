//! Sign-ins: from the journal, otherwise from the log that the system keeps of them.

use std::path::Path;

use wire::{EventItem, EventKind};

use super::follow::{self, journal};
use super::{Source, event, line};

/// Who writes about sign-ins.
const SPEAKERS: [&str; 8] =
    ["sshd", "sshd-session", "sudo", "su", "login", "dropbear", "systemd-logind", "polkitd"];
const LOGS: [&str; 2] = ["/var/log/auth.log", "/var/log/secure"];

/// Follows until the end.
pub(super) fn follow(source: &Source) {
    let options = SPEAKERS.map(|speaker| format!("--identifier={speaker}"));
    let there = journal(source, &options, |entry| {
        if let Some(mut event) = sign_in(entry.identifier(), &entry.message()) {
            event.at = entry.at().unwrap_or(event.at);
            source.tell(event);
        }
    });
    let Some(path) = LOGS.iter().map(Path::new).find(|path| path.exists()) else { return };
    if !there {
        follow::lines(
            source,
            path,
            |path| std::fs::File::open(path).ok(),
            |text| {
                if let Some((speaker, message)) = spoken(text)
                    && let Some(event) = sign_in(speaker, message)
                {
                    source.tell(event);
                }
            },
        );
    }
}

/// Speaker and message of a line of syslog: `… host sshd[77]: message`.
pub(super) fn spoken(text: &str) -> Option<(&str, &str)> {
    let (head, message) = text.split_once(": ")?;
    let speaker = head.rsplit(' ').next()?;
    Some((speaker.split('[').next()?, message))
}

/// What a message says about somebody who signs in; [`None`] if it is about something else.
pub(super) fn sign_in(speaker: &str, message: &str) -> Option<EventItem> {
    let words: Vec<&str> = message.split_ascii_whitespace().collect();
    let after = |word: &str| {
        let at = words.iter().position(|other| *other == word)?;
        words.get(at + 1).copied()
    };
    // "for invalid user NAME from": the name comes last before "from".
    let before_from = || {
        let at = words.iter().position(|word| *word == "from")?;
        words.get(at.checked_sub(1)?).copied()
    };
    let (outcome, severity, user) = match speaker {
        "sshd" | "sshd-session" => match words.as_slice() {
            ["Accepted", ..] => ("success", "info", after("for")),
            ["Failed", ..] | ["Invalid", "user", ..] => ("failure", "medium", before_from()),
            _ => return None,
        },
        "dropbear" if message.contains("auth succeeded for") => {
            ("success", "info", after("for").map(|user| user.trim_matches('\'')))
        }
        "dropbear" if message.contains("Bad password attempt for") => {
            ("failure", "medium", after("for").map(|user| user.trim_matches('\'')))
        }
        "sudo" if message.contains("COMMAND=") && !message.contains("incorrect password") => {
            ("success", "low", words.first().copied())
        }
        "sudo" | "su" if message.contains("authentication failure") => {
            ("failure", "medium", words.iter().find_map(|word| word.strip_prefix("user=")))
        }
        "sudo" if message.contains("incorrect password") => {
            ("failure", "medium", words.first().copied())
        }
        "su" | "login" if message.contains("session opened for user") => {
            let user = after("user").map(|user| user.split('(').next().unwrap_or(user));
            ("success", "low", user)
        }
        "login" if words.starts_with(&["FAILED", "LOGIN"]) => ("failure", "medium", after("FOR")),
        _ => return None,
    };
    let mut event = event(EventKind::Auth);
    event.severity = severity.into();
    event.message = line(message);
    let mut field = |name: &str, value: Option<&str>| {
        if let Some(value) = value {
            event.fields.insert(name.into(), line(value).into());
        }
    };
    field("outcome", Some(outcome));
    field("service", Some(speaker));
    field("user", user.map(|user| user.trim_matches([',', '\''])));
    field("ip", after("from").filter(|word| word.parse::<std::net::IpAddr>().is_ok()));
    Some(event)
}
