//! Commands that need no running appliance.

use std::io::Write as _;
use std::process::ExitCode;

use super::CliError;
use super::table::table;
use crate::config::{Config, Resolved};
use crate::doctor::{self, Check, State};

/// Writes to standard output; a reader that went away (`| head`) is no failure.
pub(super) fn print(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}

/// Prints a value as indented JSON.
pub(super) fn print_json(value: &impl serde::Serialize) -> Result<(), CliError> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| CliError::Failed(format!("writing the answer as JSON: {error}")))?;
    print(&(text + "\n"));
    Ok(())
}

pub(super) fn check_config(resolved: &Resolved, json: bool) -> Result<ExitCode, CliError> {
    if json {
        print_json(&resolved.settings)?;
    } else {
        let rows: Vec<Vec<String>> = resolved
            .settings
            .iter()
            .map(|s| vec![s.key.to_owned(), s.value.clone(), s.place.to_string()])
            .collect();
        print(&table(&["setting", "value", "from"], &rows));
        print("The configuration is fine.\n");
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn doctor(config: &Config, json: bool) -> Result<ExitCode, CliError> {
    let checks = doctor::examine(config);
    let verdict = doctor::verdict(&checks);
    if json {
        print_json(&serde_json::json!({ "verdict": verdict, "checks": checks }))?;
    } else {
        print(&as_text(&checks));
        print(match verdict {
            State::Ok => "All is there.\n",
            State::Degraded => "All that is needed is there.\n",
            State::Missing => "Something that is needed is missing.\n",
        });
    }
    Ok(if verdict == State::Missing {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

fn as_text(checks: &[Check]) -> String {
    let mut lines = Vec::new();
    for check in checks {
        let state = match check.state {
            State::Ok => "ok",
            State::Degraded => "degraded",
            State::Missing => "missing",
        };
        lines.push(format!("{state:<9} {:<24} {}", check.name, check.found));
        lines.extend(check.means.iter().map(|means| format!("{:34} {means}", "")));
        lines.extend(
            check
                .remedy
                .iter()
                .map(|remedy| format!("{:34} -> {remedy}", "")),
        );
    }
    lines.push(String::new());
    lines.join("\n")
}
