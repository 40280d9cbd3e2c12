//! Reads what the configuration is made of: files, environment, flags.

use std::io::ErrorKind;
use std::path::Path;

use crate::config::{
    DEFAULT_FILE, DEFINITIONS, FILE_VARIABLE, FileText, Place, Problem, Problems, Sources,
    VYOS_FILE, VYOS_FILE_VARIABLE,
};

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
    let variable = |wanted: &str| {
        environment.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone())
    };
    let named = matches.get_one::<String>("config").cloned().or_else(|| variable(FILE_VARIABLE));
    let file = match named {
        Some(name) => Some(read(&name)?),
        None if Path::new(DEFAULT_FILE).exists() => Some(read(DEFAULT_FILE)?),
        None => None,
    };
    let vyos = read_if_there(&vyos_file())?;
    let flags = DEFINITIONS
        .iter()
        .filter_map(|d| matches.get_one::<String>(d.key).map(|value| (d.key, value.clone())))
        .collect();
    Ok(Sources { file, vyos, environment, flags })
}

/// Where what `VyOS` was told is kept.
pub(super) fn vyos_file() -> String {
    std::env::var(VYOS_FILE_VARIABLE).unwrap_or_else(|_| VYOS_FILE.to_owned())
}

fn read_if_there(name: &str) -> Result<Option<FileText>, CliError> {
    match std::fs::read(name) {
        Ok(bytes) => as_text(name, bytes).map(Some),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            Err(CliError::Failed(format!("no permission to read {name}: run this as root")))
        }
        Err(source) => Err(unreadable(name, source)),
    }
}

fn unreadable(name: &str, source: std::io::Error) -> CliError {
    CliError::Io { what: format!("reading the configuration {name}"), source }
}

fn read(name: &str) -> Result<FileText, CliError> {
    let bytes = std::fs::read(name).map_err(|source| unreadable(name, source))?;
    as_text(name, bytes)
}

fn as_text(name: &str, bytes: Vec<u8>) -> Result<FileText, CliError> {
    let text = String::from_utf8(bytes).map_err(|error| {
        let sound = error.as_bytes().iter().take(error.utf8_error().valid_up_to());
        let line = sound.filter(|byte| **byte == b'\n').count() + 1;
        let place = Place::File { name: name.to_owned(), line };
        let message = "this is no UTF-8: save the file with that encoding".to_owned();
        Problems(vec![Problem { place, message }])
    })?;
    Ok(FileText { name: name.to_owned(), text })
}
