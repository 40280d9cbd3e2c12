//! The command line: what is asked for, and with which configuration.
//!
//! Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 3 the appliance is not running.

mod arguments;
mod offline;
mod sources;
mod table;

use std::process::ExitCode;

use crate::config::{Problems, Resolved};

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
    /// Anything else, already put in words.
    #[error("{0}")]
    Failed(String),
}

impl CliError {
    fn code(&self) -> u8 {
        match self {
            Self::Configuration(_) => 2,
            Self::Io { .. } | Self::Failed(_) => 1,
        }
    }
}

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

fn dispatch(matches: &clap::ArgMatches) -> Result<ExitCode, CliError> {
    let Some((name, matches)) = matches.subcommand() else {
        return Err(CliError::Failed(
            "no command given; see panoptikon --help".to_owned(),
        ));
    };
    if name == "config-reference" {
        offline::print(&crate::config::reference());
        return Ok(ExitCode::SUCCESS);
    }
    let resolved: Resolved = crate::config::resolve(&sources::gather(matches)?)?;
    let json = matches.get_flag("json");
    match name {
        "check-config" => offline::check_config(&resolved, json),
        "doctor" => offline::doctor(&resolved.config, json),
        other => Err(CliError::Failed(format!("no such command: {other}"))),
    }
}
