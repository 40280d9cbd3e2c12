//! `panoptikon health`: one line and an exit code, within three seconds.

use std::process::ExitCode;

use super::CliError;
use super::offline::{print, print_json};
use crate::checkup;
use crate::config::Config;

pub(super) fn run(config: &Config, json: bool) -> Result<ExitCode, CliError> {
    let verdict = checkup::look(config);
    if json {
        print_json(&verdict)?;
    } else {
        print(&format!("{}\n", verdict.line));
    }
    Ok(if verdict.healthy { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
