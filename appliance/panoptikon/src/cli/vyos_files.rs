//! What `VyOS` and the package hand over: the node of a commit, and the caches to be known to.

use std::io::Read as _;
use std::path::Path;
use std::process::{Command as Program, ExitCode, Stdio};

use clap::ArgMatches;
use serde_json::Value;

use super::offline::print;
use super::{CliError, sources};
use crate::config::Config;
use crate::control::{self, AskError, Command, Request};
use crate::vyos_commit::{self, Wanted};
use crate::vyos_register;

/// Larger than any node with its certificates.
const LARGEST: u64 = 4 << 20;

/// The unit of the service.
const UNIT: &str = "panoptikon.service";

/// Makes the commands known to `VyOS`'s caches, or takes them out.
pub(super) fn register(name: &str, matches: &ArgMatches) -> Result<ExitCode, CliError> {
    let root = Path::new(matches.get_one::<String>("root").map_or("/", String::as_str));
    let done = match name {
        "vyos-register" => vyos_register::register(root),
        _ => vyos_register::unregister(root),
    };
    let done = done.map_err(|error| CliError::Failed(error.to_string()))?;
    print(&done.into_iter().map(|line| line + "\n").collect::<String>());
    Ok(ExitCode::SUCCESS)
}

/// Takes over what `service panoptikon` says, or only finds out whether it would be taken.
pub(super) fn commit(config: &Config, check: bool, booting: bool) -> Result<ExitCode, CliError> {
    let layer = sources::vyos_file();
    let layer = Path::new(&layer);
    let wanted = vyos_commit::read(&handed_over()?, layer)
        .map_err(|problems| CliError::Failed(problems.join("\n")))?;
    if check {
        return find_out(config, wanted.as_ref(), booting);
    }
    let failed = |error: vyos_commit::PlaceError| CliError::Failed(error.to_string());
    let placed = vyos_commit::place(layer, wanted.as_ref()).map_err(failed)?;
    match control::ask(&config.control_socket, &Request::Ask(Command::Reload)) {
        Ok(answer) => {
            // Nothing of the node does; somebody has changed the file as well.
            if answer["restart"].as_array().is_some_and(|list| !list.is_empty()) {
                print(&format!("WARNING: {}\n", answer["message"].as_str().unwrap_or_default()));
            }
        }
        // It reads the layer when it starts; one that has given up needs a push.
        Err(AskError::NotRunning(_)) => {
            if systemctl(&["--quiet", "is-failed", UNIT]).is_ok() {
                systemctl(&["--no-block", "restart", UNIT])?;
            }
        }
        Err(error) => {
            placed.undo().map_err(failed)?;
            return Err(CliError::Failed(format!("the service did not take it: {error}")));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn find_out(config: &Config, wanted: Option<&Wanted>, booting: bool) -> Result<ExitCode, CliError> {
    let Some(wanted) = wanted else {
        return Ok(ExitCode::SUCCESS);
    };
    let status = control::ask(&config.control_socket, &Request::Status).ok();
    let own = status.and_then(|status| u32::try_from(status["pid"].as_u64()?).ok());
    let verdict = vyos_commit::judge(wanted, &vyos_commit::look(own), booting);
    for warning in &verdict.warnings {
        print(&format!("WARNING: {warning}\n"));
    }
    if verdict.refusals.is_empty() {
        Ok(ExitCode::SUCCESS)
    } else {
        Err(CliError::Failed(verdict.refusals.join("\n")))
    }
}

fn handed_over() -> Result<Value, CliError> {
    let mut text = String::new();
    let read = std::io::stdin().take(LARGEST + 1).read_to_string(&mut text);
    read.map_err(|source| CliError::Io { what: "reading the node".to_owned(), source })?;
    if text.len() as u64 > LARGEST {
        return Err(CliError::Failed("the node is larger than 4 MiB".to_owned()));
    }
    // The text may hold a key: only where it is broken is told.
    serde_json::from_str(&text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        CliError::Failed(format!("the node is no JSON (line {line}, column {column})"))
    })
}

fn systemctl(words: &[&str]) -> Result<(), CliError> {
    let what = || format!("running systemctl {}", words.join(" "));
    let done = Program::new("systemctl").args(words).stdin(Stdio::null()).output();
    let done = done.map_err(|source| CliError::Io { what: what(), source })?;
    if done.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&done.stderr);
    Err(CliError::Failed(format!("{} failed: {}", what(), said.trim())))
}
