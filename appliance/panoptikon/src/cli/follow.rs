//! Events as they come, until somebody presses Ctrl-C.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use super::CliError;
use super::report::{self, list};
use crate::config::Config;
use crate::control::{self, Command, Request};

/// How soon an event is shown.
const EVERY: Duration = Duration::from_secs(1);

/// The most events between two looks.
const MOST: usize = 200;

/// Fails when nobody reads any more, which ends the whole.
fn show(text: &str) -> Result<(), CliError> {
    let mut out = std::io::stdout();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|source| CliError::Io { what: "showing an event".to_owned(), source })
}

/// The latest events, then all that come. One line of JSON each, or text for people.
pub(super) fn events(config: &Config, limit: usize, json: bool) -> Result<ExitCode, CliError> {
    let (mut after, mut limit) = (None, limit);
    loop {
        let request = Request::Ask(Command::Events { after, limit });
        let answer = control::ask(&config.control_socket, &request)?;
        if answer["cut"] == true && !json {
            show("(more happened than can be shown)\n")?;
        }
        for event in list(&answer["events"]) {
            show(&if json { format!("{event}\n") } else { report::event(event) })?;
        }
        // Nothing yet: what comes first has an id above any.
        after = answer["cursor"].as_i64().or(Some(after.unwrap_or(0)));
        limit = MOST;
        std::thread::sleep(EVERY);
    }
}
