//! What `systemctl show` says of units (systemctl(1), org.freedesktop.systemd1(5)): text in, units out.

use std::collections::HashMap;
use std::time::Duration;

use model::Timestamp;
use serde::Serialize;

use super::list::watched;

/// What is asked of each unit.
pub(super) const PROPERTIES: &str = "--property=Id,Description,LoadState,ActiveState,SubState,\
    Result,Type,MainPID,NRestarts,UnitFileState,StateChangeTimestampMonotonic,\
    ExecMainStartTimestampMonotonic,MemoryCurrent,TasksCurrent,CPUUsageNSec";
/// The most units that are taken; a router has some hundred.
const MOST: usize = 300;

/// A service as systemd has it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Unit {
    /// Its name, such as `ssh.service`.
    pub name: String,
    /// What people call it.
    pub label: String,
    /// What its author says of it.
    pub description: String,
    /// `active`, `inactive`, `failed`, `activating`, `deactivating`, `reloading`.
    pub active: String,
    /// More closely: `running`, `exited`, `dead`, `auto-restart` …
    pub sub: String,
    /// How it ended last, such as `exit-code`; `success` if well.
    pub result: String,
    /// Whether it starts with the router: `enabled`, `disabled`, `static` …
    pub starts: String,
    /// Since when it is as it is; None where systemd does not say.
    pub since: Option<Timestamp>,
    /// When its main process began.
    pub started: Option<Timestamp>,
    /// How often systemd has restarted it by itself.
    pub restarts: u32,
    /// Its main process.
    pub main_pid: Option<u32>,
    /// Bytes of memory of all its processes.
    pub memory: Option<u64>,
    /// Processes and threads of all of it.
    pub tasks: Option<u64>,
    /// Processor time that all of it has taken, in nanoseconds.
    pub cpu_ns: Option<u64>,
    /// It does its work and ends.
    pub is_oneshot: bool,
}

impl Unit {
    /// It runs, or has done what it does once.
    pub fn is_well(&self) -> bool {
        matches!(self.active.as_str(), "active" | "reloading")
    }

    /// It could not start, or ended badly, or is about to be started again for that.
    pub fn has_failed(&self) -> bool {
        self.active == "failed" || self.sub == "auto-restart"
    }
}

/// Reads the answer. Units that are not there, or that nobody watches, are left out. `booted` is
/// when the clock of systemd's times began.
pub(super) fn units(text: &str, booted: Timestamp) -> Vec<Unit> {
    let mut found: Vec<Unit> = Vec::new();
    for block in text.split("\n\n") {
        let fields: HashMap<&str, &str> =
            block.lines().filter_map(|line| line.split_once('=')).collect();
        let unit = unit(&fields, booted);
        // A unit may be named by several patterns.
        found.extend(unit.filter(|one| !found.iter().any(|known| known.name == one.name)));
        if found.len() >= MOST {
            break;
        }
    }
    model::sort_by(&mut found, |a, b| a.name.cmp(&b.name));
    found
}

fn unit(fields: &HashMap<&str, &str>, booted: Timestamp) -> Option<Unit> {
    let word = |name: &str| fields.get(name).copied().unwrap_or_default();
    // 2^64 - 1 is "not counted".
    let number = |name: &str| word(name).parse::<u64>().ok().filter(|n| *n != u64::MAX);
    let time = |name: &str| {
        let micros = number(name).filter(|n| *n > 0)?;
        Some(booted.plus(Duration::from_micros(micros)))
    };
    if !matches!(word("LoadState"), "loaded" | "masked") {
        return None;
    }
    let name = word("Id");
    let line = watched(name)?;
    let instance = name.split_once('@').map(|(_, rest)| rest.trim_end_matches(".service"));
    let container = name.strip_prefix("vyos-container-").map(|n| n.trim_end_matches(".service"));
    let label = match instance.or(container) {
        Some(which) => format!("{} {which}", line.label),
        None => line.label.to_owned(),
    };
    let clean = |text: &str| text.chars().filter(|c| !model::is_hidden(*c)).take(120).collect();
    Some(Unit {
        name: name.to_owned(),
        label,
        description: clean(word("Description")),
        active: clean(word("ActiveState")),
        sub: clean(word("SubState")),
        result: clean(word("Result")),
        starts: clean(word("UnitFileState")),
        since: time("StateChangeTimestampMonotonic"),
        started: time("ExecMainStartTimestampMonotonic"),
        restarts: number("NRestarts").and_then(|n| n.try_into().ok()).unwrap_or_default(),
        main_pid: number("MainPID").and_then(|n| n.try_into().ok()).filter(|pid| *pid > 0),
        memory: number("MemoryCurrent"),
        tasks: number("TasksCurrent"),
        cpu_ns: number("CPUUsageNSec"),
        is_oneshot: word("Type") == "oneshot",
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BOOT: Timestamp = Timestamp(1_700_000_000_000);
    const TEXT: &str = "Type=notify\nMainPID=812\nNRestarts=2\nResult=success\n\
        ExecMainStartTimestampMonotonic=9000000\nMemoryCurrent=5242880\nTasksCurrent=1\n\
        CPUUsageNSec=120000000\nId=ssh.service\nDescription=OpenBSD Secure Shell server\n\
        LoadState=loaded\nActiveState=active\nSubState=running\nUnitFileState=disabled\n\
        StateChangeTimestampMonotonic=9500000\n\n\
        Id=isc-dhcp-server.service\nLoadState=not-found\nActiveState=inactive\nMainPID=0\n\n\
        Id=getty@tty1.service\nLoadState=loaded\nActiveState=active\n\n\
        Id=ssh.service\nLoadState=loaded\nActiveState=active\n\n\
        Id=dhclient@eth0.service\nLoadState=loaded\nActiveState=failed\nSubState=failed\n\
        Result=exit-code\nMainPID=0\nMemoryCurrent=[not set]\nTasksCurrent=18446744073709551615\n\
        NRestarts=5\n";

    #[test]
    fn watched_units_that_are_there_are_read_once_with_their_times() {
        let all = units(TEXT, BOOT);
        let names: Vec<_> = all.iter().map(|unit| unit.name.as_str()).collect();
        assert_eq!(names, ["dhclient@eth0.service", "ssh.service"]);
        let ssh = &all[1];
        assert_eq!((ssh.label.as_str(), ssh.main_pid, ssh.restarts), ("SSH", Some(812), 2));
        assert_eq!(ssh.since, Some(Timestamp(BOOT.0 + 9_500)));
        assert_eq!((ssh.memory, ssh.tasks), (Some(5_242_880), Some(1)));
        assert!(ssh.is_well() && !ssh.has_failed());
        let client = &all[0];
        assert_eq!(client.label, "DHCP client eth0");
        assert_eq!((client.main_pid, client.memory, client.tasks), (None, None, None));
        assert!(client.has_failed());
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "([A-Za-z]{1,8}=[^\\n]{0,20}\\n|\\n|Id=ssh.service\\n)*") {
            let _ = units(&text, BOOT);
        }
    }
}
