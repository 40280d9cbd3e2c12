//! What is said about a host by people: how often it reports, what it watches, when to warn.

use std::time::Duration;

use model::Timestamp;
use serde::{Deserialize, Serialize};
use wire::Watch;

/// The longest name or note of a host, characters.
pub const LONGEST_NAME: usize = 64;
const LONGEST_NOTE: usize = 500;
/// The most things of a kind that a host is told to watch.
const MOST_WATCHED: usize = 32;
/// The longest path or unit.
const LONGEST_WATCHED: usize = 256;

/// What people said about a host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HostSettings {
    /// Time between two reports, seconds: 1 to 300.
    pub interval_s: u32,
    /// Whether the host may not be made to send probes.
    pub passive: bool,
    /// What it watches.
    pub watch: Watch,
    /// When to warn.
    pub thresholds: Thresholds,
    /// No warning about it before this.
    pub muted_until: Option<Timestamp>,
}

impl Default for HostSettings {
    fn default() -> Self {
        Self {
            interval_s: 10,
            passive: false,
            watch: Watch { auth: true, ..Watch::default() },
            thresholds: Thresholds::default(),
            muted_until: None,
        }
    }
}

/// When to warn about a host. None is never.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// Busy processors, per cent.
    pub cpu_pct: Option<u8>,
    /// Memory in use, per cent.
    pub memory_pct: Option<u8>,
    /// A file system in use, per cent.
    pub disk_pct: Option<u8>,
    /// A temperature, degrees Celsius.
    pub temperature_c: Option<u8>,
    /// How long a value must stay over its limit, seconds: 0 to 3600.
    pub for_s: u32,
    /// How long the host must be gone, seconds: 0 to 3600. None is never.
    pub offline_s: Option<u32>,
    /// Whether failed units are told.
    pub units: bool,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            cpu_pct: Some(95),
            memory_pct: Some(95),
            disk_pct: Some(90),
            temperature_c: Some(90),
            for_s: 300,
            offline_s: Some(60),
            units: true,
        }
    }
}

/// A value that is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct Invalid {
    /// The field.
    pub field: &'static str,
    /// What is wrong, and what is accepted.
    pub problem: String,
}

impl Invalid {
    pub(crate) fn new(field: &'static str, problem: impl Into<String>) -> Self {
        Self { field, problem: problem.into() }
    }
}

/// A host's name as it is kept: without what cannot be seen, 1 to 64 characters.
pub(crate) fn name(text: &str) -> Result<String, Invalid> {
    let text: String = text.trim().chars().filter(|c| !model::is_hidden(*c)).collect();
    if (1..=LONGEST_NAME).contains(&text.chars().count()) {
        Ok(text)
    } else {
        Err(Invalid::new("name", format!("give 1 to {LONGEST_NAME} characters")))
    }
}

/// A note as it is kept.
pub(crate) fn note(text: &str) -> Result<String, Invalid> {
    if text.chars().count() > LONGEST_NOTE {
        return Err(Invalid::new("note", format!("give at most {LONGEST_NOTE} characters")));
    }
    Ok(text.trim().to_owned())
}

impl HostSettings {
    /// Checks all values.
    pub fn check(&self) -> Result<(), Invalid> {
        let within = |field, value: u32, least: u32, most: u32, unit: &str| {
            if (least..=most).contains(&value) {
                Ok(())
            } else {
                Err(Invalid::new(field, format!("give {least} to {most}{unit}")))
            }
        };
        within("interval_s", self.interval_s, 1, 300, " seconds")?;
        let limits = &self.thresholds;
        for (field, value) in [
            ("cpu_pct", limits.cpu_pct),
            ("memory_pct", limits.memory_pct),
            ("disk_pct", limits.disk_pct),
        ] {
            within(field, value.map_or(1, u32::from), 1, 100, " per cent, or nothing")?;
        }
        let celsius = limits.temperature_c.map_or(30, u32::from);
        within("temperature_c", celsius, 30, 150, " degrees Celsius, or nothing")?;
        within("for_s", limits.for_s, 0, 3_600, " seconds")?;
        within("offline_s", limits.offline_s.unwrap_or(0), 0, 3_600, " seconds, or nothing")?;
        let lists = [
            ("files", &self.watch.files, true),
            ("units", &self.watch.units, false),
            ("logs", &self.watch.logs, true),
        ];
        for (field, list, are_paths) in lists {
            if list.len() > MOST_WATCHED {
                return Err(Invalid::new(field, format!("give at most {MOST_WATCHED}")));
            }
            for one in list {
                let is_path = one.starts_with('/') && !one.split('/').any(|part| part == "..");
                let is_unit =
                    one.bytes().all(|b| b.is_ascii_alphanumeric() || b"@._:-\\".contains(&b))
                        && !one.starts_with('-');
                let sound = (1..=LONGEST_WATCHED).contains(&one.len())
                    && !one.chars().any(model::is_hidden)
                    && if are_paths { is_path } else { is_unit };
                if !sound {
                    let problem = if are_paths {
                        "give absolute paths without `..`"
                    } else {
                        "give names of units, such as sshd.service"
                    };
                    return Err(Invalid::new(field, problem));
                }
            }
        }
        Ok(())
    }

    /// Whether warnings are silent now.
    pub fn is_muted(&self, now: Timestamp) -> bool {
        self.muted_until.is_some_and(|until| now < until)
    }

    /// How long the host must be gone before somebody is told.
    pub(crate) fn grace(&self) -> Option<Duration> {
        self.thresholds.offline_s.map(|s| Duration::from_secs(s.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_settings_are_accepted_and_others_say_which_field_is_wrong() {
        assert_eq!(HostSettings::default().check(), Ok(()));
        let wrong = |change: fn(&mut HostSettings)| {
            let mut settings = HostSettings::default();
            change(&mut settings);
            settings.check().unwrap_err().field
        };
        assert_eq!(wrong(|s| s.interval_s = 0), "interval_s");
        assert_eq!(wrong(|s| s.interval_s = 301), "interval_s");
        assert_eq!(wrong(|s| s.thresholds.cpu_pct = Some(0)), "cpu_pct");
        assert_eq!(wrong(|s| s.thresholds.for_s = 4_000), "for_s");
        assert_eq!(wrong(|s| s.watch.files = vec!["etc".into()]), "files");
        assert_eq!(wrong(|s| s.watch.files = vec!["/a/../b".into()]), "files");
        assert_eq!(wrong(|s| s.watch.units = vec!["-x".into()]), "units");
        assert_eq!(wrong(|s| s.watch.logs = vec!["/x".into(); 33]), "logs");
    }

    #[test]
    fn a_name_is_never_empty_and_has_nothing_hidden() {
        assert_eq!(name(" nas\u{200b} ").unwrap(), "nas");
        assert!(name(" ").is_err());
        assert!(name(&"x".repeat(65)).is_err());
    }
}
