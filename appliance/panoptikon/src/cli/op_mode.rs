//! The words that `VyOS`'s command line hands over, and nothing else.
//!
//! Operators of `VyOS` 1.4 and 1.5 may run the program behind this as root with whatever words they
//! like. So these words are no flags and no files: each is one of a list, or the name of a device or
//! an interface made of harmless characters.

use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

/// The word that leads here.
pub(super) const WORD: &str = "op-mode";

/// The longest name.
const LONGEST: usize = 63;

/// What is meant.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// A command of ours, with flags.
    Ours(Vec<String>),
    /// The service's log, as it is written.
    Log,
}

/// The meaning of words, if they are allowed.
pub(super) fn meant(words: &[String]) -> Option<Meaning> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let (words, json) = match words.as_slice() {
        ["show", rest @ .., "json"] if !matches!(rest, [] | ["version" | "device"]) => (rest, true),
        ["show", rest @ ..] => (rest, false),
        ["monitor", "events"] => return Some(ours(&["events", "--follow"])),
        ["monitor", "log"] => return Some(Meaning::Log),
        ["force", "scan"] => return Some(ours(&["scan"])),
        ["force", "scan", "interface", name] if is_name(name) => {
            return Some(ours(&["scan", "--", name]));
        }
        ["complete", kind @ ("devices" | "interfaces")] => return Some(ours(&["complete", kind])),
        _ => return None,
    };
    let mut command = match words {
        ["version"] => vec!["--version"],
        ["address"] => vec!["address"],
        ["agents"] => vec!["agents"],
        ["alerts"] => vec!["alerts"],
        ["devices"] => vec!["devices"],
        ["doctor"] => vec!["doctor"],
        ["events"] => vec!["events"],
        ["router"] => vec!["router"],
        ["status"] => vec!["status"],
        ["device", name] if is_name(name) => vec!["device", "--", name],
        _ => return None,
    };
    if json {
        command.insert(0, "--json");
    }
    Some(ours(&command))
}

fn ours(words: &[&str]) -> Meaning {
    Meaning::Ours(words.iter().map(ToString::to_string).collect())
}

/// A name, an address or a MAC address.
fn is_name(word: &str) -> bool {
    (1..=LONGEST).contains(&word.len())
        && word.starts_with(|c: char| c.is_ascii_alphanumeric())
        && word.bytes().all(|b| b.is_ascii_alphanumeric() || b":._-".contains(&b))
}

/// Becomes the program that shows the log. Comes back only when there is none.
pub(super) fn watch_log() -> ExitCode {
    let error = Command::new("journalctl")
        .args(["--no-hostname", "--no-pager", "--follow", "--boot", "--unit", "panoptikon.service"])
        .exec();
    eprintln!("the log cannot be shown: running journalctl failed: {error}");
    ExitCode::FAILURE
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn every_command_for_operators_is_taken_and_none_of_the_others() {
        let op = vyos_definitions::read(vyos_definitions::OP_MODE).expect("read");
        let mut seen = 0;
        for command in vyos_definitions::commands(&op) {
            let handed = command.run.strip_prefix("sudo ${vyos_op_scripts_dir}/panoptikon ");
            assert_eq!(handed.is_some(), command.operators);
            let Some(handed) = handed else {
                continue;
            };
            let handed: Vec<String> = handed
                .split(' ')
                .map(
                    |word| if word.starts_with("\"$") { "nas".to_owned() } else { word.to_owned() },
                )
                .collect();
            let meaning = meant(&handed);
            assert!(meaning.is_some(), "{handed:?}");
            if let Some(Meaning::Ours(ours)) = meaning {
                let parsed = super::super::arguments::command()
                    .try_get_matches_from([&["panoptikon".to_owned()], ours.as_slice()].concat());
                let is_version = ours == ["--version"];
                assert!(parsed.is_ok() || is_version, "{ours:?}");
            }
            seen += 1;
        }
        assert!(seen > 15, "{seen}");
    }

    #[test]
    fn completion_is_taken_too() {
        assert!(meant(&words("complete devices")).is_some());
        assert!(meant(&words("complete interfaces")).is_some());
        assert!(meant(&words("complete files")).is_none());
    }

    #[test]
    fn a_value_is_one_word_behind_the_end_of_all_flags() {
        assert_eq!(
            meant(&words("show device 00:11:22:33:44:55 json")),
            Some(Meaning::Ours(words("--json device -- 00:11:22:33:44:55")))
        );
        // A device may be called so.
        assert_eq!(meant(&words("show device json")), Some(Meaning::Ours(words("device -- json"))));
    }

    #[test]
    fn nothing_reaches_what_operators_must_not_do() {
        for wrong in [
            "reset-auth",
            "show setup-token",
            "setup-token",
            "reset auth",
            "restart",
            "show status --config=/etc/shadow",
            "--config /etc/shadow show status",
            "show device --config=/etc/shadow",
            "show device -h",
            "show device $(id)",
            "show device a;id",
            "show device ../x",
            "show device a b",
            "force scan interface --json",
            "monitor log --file=/etc/shadow",
            "db reset -f",
            "restore /tmp/x",
            "support-bundle /etc",
            "show",
            "show json",
            "show version json",
            "",
        ] {
            assert_eq!(meant(&words(wrong)), None, "{wrong}");
        }
        assert_eq!(meant(&[]), None);
        assert_eq!(meant(&["show".to_owned(), "device".to_owned(), "x".repeat(64)]), None);
        assert_eq!(meant(&["show".to_owned(), "device".to_owned(), "a\nb".to_owned()]), None);
    }
}
