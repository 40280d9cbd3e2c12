//! Reads what the configuration is made of: file, environment, flags.

use std::path::Path;

use crate::config::{DEFAULT_FILE, DEFINITIONS, FILE_VARIABLE, FileText, Sources};

use super::CliError;

/// Meant for the package's own scripts while an update goes back; they call this program, too.
const DOWNGRADE: &str = "PANOPTIKON_ALLOW_DOWNGRADE";

/// Gathers the sources. A file that was named must exist; the default one need not.
pub(super) fn gather(matches: &clap::ArgMatches) -> Result<Sources, CliError> {
    let environment: Vec<(String, String)> = std::env::vars_os()
        .map(|(name, value)| {
            (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned())
        })
        .filter(|(name, _)| name != DOWNGRADE)
        .collect();
    let by_variable =
        environment.iter().find(|(name, _)| name == FILE_VARIABLE).map(|(_, value)| value.clone());
    let named = matches.get_one::<String>("config").cloned().or(by_variable);
    let file = match named {
        Some(name) => Some(read(&name)?),
        None if Path::new(DEFAULT_FILE).exists() => Some(read(DEFAULT_FILE)?),
        None => None,
    };
    let flags = DEFINITIONS
        .iter()
        .filter_map(|d| matches.get_one::<String>(d.key).map(|value| (d.key, value.clone())))
        .collect();
    Ok(Sources { file, environment, flags })
}

fn read(name: &str) -> Result<FileText, CliError> {
    let text = std::fs::read_to_string(name).map_err(|source| CliError::Io {
        what: format!("reading the configuration {name}"),
        source,
    })?;
    Ok(FileText { name: name.to_owned(), text })
}
