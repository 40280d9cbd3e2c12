//! Reads what the configuration is made of: file, environment, flags.

use std::path::Path;

use crate::config::{
    DEFAULT_FILE, DEFINITIONS, FILE_VARIABLE, FileText, Place, Problem, Problems, Sources,
};

use super::CliError;

/// Gathers the sources. A file that was named must exist; the default one need not.
pub(super) fn gather(matches: &clap::ArgMatches) -> Result<Sources, CliError> {
    let environment: Vec<(String, String)> = std::env::vars_os()
        .map(|(name, value)| {
            (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned())
        })
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
    let bytes = std::fs::read(name).map_err(|source| CliError::Io {
        what: format!("reading the configuration {name}"),
        source,
    })?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let sound = error.as_bytes().iter().take(error.utf8_error().valid_up_to());
        let line = sound.filter(|byte| **byte == b'\n').count() + 1;
        let place = Place::File { name: name.to_owned(), line };
        let message = "this is no UTF-8: save the file with that encoding".to_owned();
        Problems(vec![Problem { place, message }])
    })?;
    Ok(FileText { name: name.to_owned(), text })
}
