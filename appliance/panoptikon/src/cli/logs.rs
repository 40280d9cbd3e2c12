//! Logs of the router's services on the console: becomes `journalctl` with words of ours.

use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

use clap::{Arg, ArgAction};
use system::logs::{ALIASES, LogSource, MOST_LINES, source};

use super::CliError;

/// Lines if none are asked for.
const USUAL: u32 = 100;

/// The command with its flags.
pub(super) fn command() -> clap::Command {
    clap::Command::new("logs")
        .about("Show the log of a service of the router, or of the appliance")
        .arg(
            Arg::new("service")
                .value_name("SERVICE")
                .help("A service with or without .service, kernel, or all [default: panoptikon]"),
        )
        .arg(
            Arg::new("follow")
                .short('f')
                .long("follow")
                .action(ArgAction::SetTrue)
                .help("Go on with lines that come"),
        )
        .arg(
            Arg::new("lines")
                .short('n')
                .long("lines")
                .value_name("NUMBER")
                .value_parser(clap::value_parser!(u32).range(1..=MOST_LINES as i64))
                .help("How many, 1 to 5000 [default: 100]"),
        )
}

/// What `journalctl` is given; None for a service that is not watched.
fn words(service: &str, lines: u32, follow: bool, json: bool) -> Option<Vec<String>> {
    let mut words = vec!["--no-hostname".to_owned(), "--no-pager".to_owned()];
    words.push(format!("--lines={lines}"));
    words.extend(follow.then(|| "--follow".to_owned()));
    words.extend(json.then(|| "--output=json".to_owned()));
    match source(service, None)? {
        LogSource::Units(units) => words.extend(units.iter().map(|unit| format!("--unit={unit}"))),
        LogSource::Kernel => words.push("--dmesg".to_owned()),
        LogSource::All => {}
    }
    Some(words)
}

/// Becomes the program that shows the log. Comes back only when that cannot be.
pub(super) fn run(matches: &clap::ArgMatches) -> Result<ExitCode, CliError> {
    let service = matches.get_one::<String>("service").map_or("panoptikon", String::as_str);
    let lines = matches.get_one::<u32>("lines").copied().unwrap_or(USUAL);
    let (follow, json) = (matches.get_flag("follow"), matches.get_flag("json"));
    let words = words(service, lines, follow, json).ok_or_else(|| {
        let aliases: Vec<&str> = ALIASES.iter().map(|(alias, _)| *alias).collect();
        CliError::Failed(format!(
            "{service:?} is no service that is watched; give a unit such as ssh or frr, kernel, all, \
             or one of {}",
            aliases.join(", ")
        ))
    })?;
    let source = Command::new("journalctl").args(words).exec();
    Err(CliError::Io { what: "running journalctl".to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_becomes_words_of_ours_and_nothing_else_gets_through() {
        let of = |service: &str| words(service, 50, true, false);
        let ssh = ["--no-hostname", "--no-pager", "--lines=50", "--follow", "--unit=ssh.service"];
        assert_eq!(of("ssh"), Some(ssh.map(str::to_owned).to_vec()));
        assert_eq!(of("ssh.service"), of("ssh"));
        assert!(of("kernel").is_some_and(|words| words.contains(&"--dmesg".to_owned())));
        assert!(of("openvpn").is_some_and(|w| w.contains(&"--unit=openvpn@*.service".to_owned())));
        assert!(of("all").is_some_and(|words| words.len() == 4));
        for wrong in ["getty@tty1", "--file=/etc/shadow", "ssh --file=x", "../x", ""] {
            assert_eq!(of(wrong), None, "{wrong}");
        }
    }
}
