//! Lines as they come: from the journal by `journalctl`, or from the end of a file.

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::fd::AsFd as _;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde::Deserialize;
use serde_json::Value;
use wire::EventKind;

use super::{Source, event, line, shown};
use crate::commands::{Lines, open_log};
use crate::config::Config;
use crate::log;

const JOURNALCTL: &str = "/usr/bin/journalctl";
/// Where a log is looked at again, and a journal asked anew when it ended.
const PAUSE: Duration = Duration::from_secs(1);
const AGAIN: Duration = Duration::from_secs(30);

/// An entry of the journal, as `--output=json` writes it (systemd's Journal Export Formats).
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Entry {
    #[serde(rename = "MESSAGE")]
    message: Value,
    #[serde(rename = "SYSLOG_IDENTIFIER")]
    identifier: Value,
    #[serde(rename = "_SYSTEMD_UNIT")]
    unit: Value,
    #[serde(rename = "PRIORITY")]
    priority: Value,
    #[serde(rename = "__REALTIME_TIMESTAMP")]
    micros: Value,
}

impl Entry {
    /// Text, or octets where it is none.
    pub(super) fn message(&self) -> String {
        match &self.message {
            Value::String(text) => line(text),
            Value::Array(octets) => {
                let octets: Vec<u8> =
                    octets.iter().filter_map(|octet| u8::try_from(octet.as_u64()?).ok()).collect();
                line(&String::from_utf8_lossy(&octets))
            }
            _ => String::new(),
        }
    }

    pub(super) fn identifier(&self) -> &str {
        self.identifier.as_str().unwrap_or_default()
    }

    fn unit(&self) -> &str {
        self.unit.as_str().unwrap_or_default()
    }

    /// Levels of syslog (RFC 5424, 6.2.1).
    fn severity(&self) -> &'static str {
        match self.priority.as_str().and_then(|level| level.parse::<u8>().ok()) {
            Some(0..=1) => "critical",
            Some(2) => "high",
            Some(3) => "medium",
            Some(4) => "low",
            _ => "info",
        }
    }

    /// When, Unix milliseconds.
    pub(super) fn at(&self) -> Option<i64> {
        self.micros.as_str()?.parse::<i64>().ok().map(|micros| micros / 1000)
    }
}

struct Journal(Child);

impl Drop for Journal {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Follows the journal with these options; gives up only when there is no journal.
pub(super) fn journal(source: &Source, options: &[String], mut take: impl FnMut(&Entry)) -> bool {
    if !Path::new(JOURNALCTL).exists() {
        return false;
    }
    while source.goes_on() {
        let child = Command::new(JOURNALCTL)
            .args(["--no-pager", "--quiet", "--output=json", "--follow", "--lines=0"])
            .args(options)
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        match child {
            Ok(child) => read(source, Journal(child), &mut take),
            Err(error) => log::warn(format!("{JOURNALCTL}: {error}")),
        }
        source.rest(AGAIN);
    }
    true
}

fn read(source: &Source, mut journal: Journal, take: &mut impl FnMut(&Entry)) {
    let Some(mut out) = journal.0.stdout.take() else { return };
    let mut lines = Lines::default();
    let mut octets = vec![0; 16 * 1024];
    while source.goes_on() {
        let mut fds = [PollFd::new(out.as_fd(), PollFlags::POLLIN)];
        if poll(&mut fds, PollTimeout::from(250_u8)).is_ok_and(|ready| ready == 0) {
            continue;
        }
        let Ok(count @ 1..) = out.read(&mut octets) else { return };
        for text in lines.take(octets.get(..count).unwrap_or_default(), false) {
            if let Ok(entry) = serde_json::from_str(&text) {
                take(&entry);
            }
        }
    }
}

/// Follows the journal of units.
pub(super) fn units(source: &Source, units: &[String]) {
    let options: Vec<String> = units.iter().map(|unit| format!("--unit={unit}")).collect();
    journal(source, &options, |entry| {
        let mut event = event(EventKind::Log);
        event.at = entry.at().unwrap_or(event.at);
        event.severity = entry.severity().into();
        event.message = entry.message();
        for (name, value) in [("unit", entry.unit()), ("service", entry.identifier())] {
            if !value.is_empty() {
                event.fields.insert(name.into(), line(value).into());
            }
        }
        source.tell(event);
    });
}

/// Follows a log file that the host shows.
pub(super) fn file(source: &Source, path: &Path, config: &Config) {
    lines(
        source,
        path,
        |path| open_log(path, config),
        |text| {
            let mut event = event(EventKind::Log);
            event.message = line(text);
            event.fields.insert("file".into(), shown(path).into());
            source.tell(event);
        },
    );
}

/// Lines that are written to a file from now on, across rotation.
pub(super) fn lines(
    source: &Source,
    path: &Path,
    open: impl Fn(&Path) -> Option<File>,
    mut take: impl FnMut(&str),
) {
    let mut current: Option<File> = None;
    let mut first = true;
    let mut said = Lines::default();
    let mut octets = vec![0; 16 * 1024];
    while source.goes_on() {
        let Some(file) = &mut current else {
            current = open(path);
            // What was there before the start is old; a file that came later is new.
            if let Some(file) = &mut current
                && first
            {
                let _ = file.seek(SeekFrom::End(0));
            }
            first = false;
            if current.is_none() {
                source.rest(PAUSE * 10);
            }
            continue;
        };
        match file.read(&mut octets) {
            Ok(0) => {}
            Ok(count) => {
                let new = said.take(octets.get(..count).unwrap_or_default(), false);
                for text in &new {
                    take(text);
                }
                continue;
            }
            Err(_) => current = None,
        }
        if let Some(file) = &mut current {
            let (at, here) = (file.stream_position().unwrap_or(0), file.metadata().ok());
            let there = fs::metadata(path).ok();
            let number = |about: &Option<fs::Metadata>| about.as_ref().map(MetadataExt::ino);
            if here.as_ref().is_some_and(|about| about.len() < at) {
                let _ = file.seek(SeekFrom::Start(0));
            } else if there.is_some() && number(&there) != number(&here) {
                current = None;
            }
        }
        source.rest(PAUSE);
    }
}
