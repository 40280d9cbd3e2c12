//! The command line: what is asked for, and with which configuration.
//!
//! Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 3 the appliance is not
//! running, or not yet or no longer ready.

mod agents;
mod arguments;
mod bundle;
mod flows;
mod flows_import;
mod flows_query;
mod follow;
mod health;
mod logs;
mod offline;
mod online;
mod op_mode;
mod report;
mod sources;
mod table;
mod tar;
mod unifi;
mod update;
mod vyos;
mod vyos_files;

use std::ffi::OsString;
use std::process::ExitCode;

use crate::config::{Problems, Resolved};
use crate::control::{AskError, Command, LATEST_EVENTS, Request};

/// Why a command came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The configuration is wrong.
    #[error("{0}")]
    Configuration(#[from] Problems),
    /// Some file could not be read or written.
    #[error("{what}: {source}")]
    Io {
        /// What was attempted, on what.
        what: String,
        /// Why it failed.
        source: std::io::Error,
    },
    /// The running appliance did not do it.
    #[error("{0}")]
    Ask(#[from] AskError),
    /// The appliance itself failed, or something done in its absence.
    #[error("{0:#}")]
    Appliance(#[from] anyhow::Error),
    /// Anything else, already put in words.
    #[error("{0}")]
    Failed(String),
}

impl CliError {
    fn code(&self) -> u8 {
        match self {
            Self::Configuration(_) => 2,
            Self::Ask(AskError::NotRunning(_)) => 3,
            Self::Ask(AskError::Refused { code, .. }) if NOT_READY.contains(&code.as_str()) => 3,
            Self::Io { .. } | Self::Ask(_) | Self::Appliance(_) | Self::Failed(_) => 1,
        }
    }
}

/// Refusals of an appliance that is starting or ending.
const NOT_READY: [&str; 2] = ["starting", "ending"];

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let mut words: Vec<OsString> = std::env::args_os().collect();
    if words.get(1).is_some_and(|word| word == op_mode::WORD) {
        let typed: Option<Vec<String>> =
            words.drain(2..).map(|word| word.into_string().ok()).collect();
        // What an operator typed never meets the parser of flags.
        match typed.and_then(|typed| op_mode::meant(&typed)) {
            Some(op_mode::Meaning::Ours(ours)) => {
                words = words.into_iter().take(1).chain(ours.into_iter().map(Into::into)).collect();
            }
            Some(op_mode::Meaning::Log) => return op_mode::watch_log(),
            None => {
                eprintln!("Invalid command");
                return ExitCode::from(2);
            }
        }
    }
    let matches = arguments::command().get_matches_from(words);
    match dispatch(&matches) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(error.code())
        }
    }
}

fn router(matches: &clap::ArgMatches) -> Command {
    let settle = |keep, sub: &clap::ArgMatches| Command::Settle {
        keep,
        number: sub.get_one::<i64>("number").copied(),
    };
    match matches.subcommand() {
        Some(("keep", sub)) => settle(true, sub),
        Some(("undo", sub)) => settle(false, sub),
        Some(("save", _)) => Command::SaveRouter,
        _ => Command::Router,
    }
}

/// Reads the configuration again as it was read at the start.
fn reread(matches: &clap::ArgMatches) -> crate::serve::Reread {
    let matches = matches.clone();
    std::sync::Arc::new(move || {
        let sources = sources::gather(&matches).map_err(|error| error.to_string())?;
        crate::config::resolve(&sources).map_err(|problems| problems.to_string())
    })
}

/// The command that systemd runs as root for each request to act on a service.
const UNIT_HELPER: &str = "unit-helper";

fn help_with_units() -> Result<ExitCode, CliError> {
    let (mut input, mut output) = (std::io::stdin(), std::io::stdout());
    let systemctl = std::path::Path::new("/usr/bin/systemctl");
    system::services::answer_helper(systemctl, &mut input, &mut output)
        .map_err(|source| CliError::Io { what: "answering a request".to_owned(), source })?;
    Ok(ExitCode::SUCCESS)
}

fn dispatch(matches: &clap::ArgMatches) -> Result<ExitCode, CliError> {
    let Some((name, matches)) = matches.subcommand() else {
        return Err(CliError::Failed("no command given; see panoptikon --help".to_owned()));
    };
    if name == "config-reference" {
        offline::print(&crate::config::reference());
        return Ok(ExitCode::SUCCESS);
    }
    match name {
        "flows" => return flows::run(matches),
        "unifi" => return unifi::run(matches),
        "vyos" => return vyos::run(matches),
        "logs" => return logs::run(matches),
        UNIT_HELPER => return help_with_units(),
        "vyos-register" | "vyos-unregister" => return vyos_files::register(name, matches),
        _ => {}
    }
    let resolved: Resolved = crate::config::resolve(&sources::gather(matches)?)?;
    let (config, json) = (&resolved.config, matches.get_flag("json"));
    let ask = |request| online::ask(config, &request, json);
    match name {
        "serve" => match crate::serve::serve(&resolved, reread(matches))? {
            crate::serve::Ended::Stop => Ok(ExitCode::SUCCESS),
            crate::serve::Ended::Restart => Err(crate::serve::start_anew().into()),
        },
        "check-config" => offline::check_config(&resolved, json),
        "doctor" => offline::doctor(config, json),
        "address" => offline::address(config, json),
        "health" => health::run(config, json),
        "status" => ask(Request::Status),
        "devices" => ask(Request::Ask(Command::Devices)),
        "device" => {
            let word = matches.get_one::<String>("word").cloned().unwrap_or_default();
            ask(Request::Ask(Command::Device { word }))
        }
        "alerts" => ask(Request::Ask(Command::Alerts)),
        "events" => {
            let number = matches.get_one::<u8>("number").map(|n| usize::from(*n));
            let limit = number.unwrap_or(LATEST_EVENTS);
            if matches.get_flag("follow") {
                return follow::events(config, limit, json);
            }
            ask(Request::Ask(Command::Events { after: None, limit }))
        }
        "reload" => ask(Request::Ask(Command::Reload)),
        "complete" => {
            let kind = matches.get_one::<String>("kind").map(String::as_str).unwrap_or_default();
            Ok(online::complete(config, kind))
        }
        "support-bundle" => {
            let folder = matches.get_one::<String>("folder").map_or("/tmp", String::as_str);
            bundle::write(&resolved, folder, json)
        }
        "vyos-commit" => {
            vyos_files::commit(config, matches.get_flag("check"), matches.get_flag("booting"))
        }
        "scan" => {
            let interface = matches.get_one::<String>("interface").cloned();
            ask(Request::Ask(Command::Scan { interface }))
        }
        "setup-token" => ask(Request::Ask(Command::SetupToken)),
        "backup" => ask(Request::Ask(Command::Backup)),
        "restore" => {
            let name = matches.get_one::<String>("file").map(String::as_str).unwrap_or_default();
            online::restore(config, name, json)
        }
        "reset-auth" => ask(Request::Ask(Command::ResetAuth)),
        "db" => {
            let force = matches.subcommand().is_some_and(|(_, reset)| reset.get_flag("force"));
            online::reset(config, force, json)
        }
        "audit" => ask(Request::Ask(Command::VerifyAudit)),
        "agents" => ask(Request::Ask(Command::Agents(agents::deed(matches)))),
        "router" => ask(Request::Ask(router(matches))),
        "update" => update::run(config, matches, json),
        "restart" => ask(Request::Restart),
        "stop" => ask(Request::Stop),
        other => Err(CliError::Failed(format!("no such command: {other}"))),
    }
}
