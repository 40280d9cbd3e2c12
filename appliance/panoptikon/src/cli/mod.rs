//! The command line: what is asked for, and with which configuration.
//!
//! Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 3 the appliance is not
//! running, or not yet or no longer ready.

mod arguments;
mod health;
mod offline;
mod online;
mod sources;
mod table;
mod update;
mod vyos;

use std::process::ExitCode;

use crate::config::{Problems, Resolved};
use crate::control::{AskError, Command, Request};

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
    let matches = arguments::command().get_matches();
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

fn dispatch(matches: &clap::ArgMatches) -> Result<ExitCode, CliError> {
    let Some((name, matches)) = matches.subcommand() else {
        return Err(CliError::Failed("no command given; see panoptikon --help".to_owned()));
    };
    if name == "config-reference" {
        offline::print(&crate::config::reference());
        return Ok(ExitCode::SUCCESS);
    }
    if name == "vyos" {
        return vyos::run(matches);
    }
    let resolved: Resolved = crate::config::resolve(&sources::gather(matches)?)?;
    let (config, json) = (&resolved.config, matches.get_flag("json"));
    let ask = |request| online::ask(config, &request, json);
    match name {
        "serve" => match crate::serve::serve(config)? {
            crate::serve::Ended::Stop => Ok(ExitCode::SUCCESS),
            crate::serve::Ended::Restart => Err(crate::serve::start_anew().into()),
        },
        "check-config" => offline::check_config(&resolved, json),
        "doctor" => offline::doctor(config, json),
        "address" => offline::address(config, json),
        "health" => health::run(config, json),
        "status" => ask(Request::Status),
        "devices" => ask(Request::Ask(Command::Devices)),
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
        "router" => ask(Request::Ask(router(matches))),
        "update" => update::run(config, matches, json),
        "restart" => ask(Request::Restart),
        "stop" => ask(Request::Stop),
        other => Err(CliError::Failed(format!("no such command: {other}"))),
    }
}
