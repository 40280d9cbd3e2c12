//! What the agent says of itself, on standard error; with a level where systemd reads it.

use std::fmt::Display;

/// Something worth knowing.
pub(crate) fn info(line: impl Display) {
    say(6, &line);
}

/// Something that needs a look.
pub(crate) fn warn(line: impl Display) {
    say(4, &line);
}

fn say(level: u8, line: &dyn Display) {
    // A line that came over the wire in part must not look like several, or steer a terminal.
    let line: String =
        line.to_string().chars().map(|c| if c.is_control() { ' ' } else { c }).take(2000).collect();
    if std::env::var_os("JOURNAL_STREAM").is_some() {
        eprintln!("<{level}>{line}");
    } else {
        eprintln!("{line}");
    }
}
