//! What each answer of the system means. Pure: answers in, checks out.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::Path;

use nix::errno::Errno;

use super::probe::{Clock, Directory, Disk};
use super::{Check, RouterApi, State};
use crate::config::Config;

/// Bytes of a MiB.
const MIB: u64 = 1024 * 1024;

/// 2025-01-01: any earlier and the clock was never set.
const SANE_CLOCK: u64 = 1_735_689_600;

/// Below this nothing more can be stored.
const LEAST_FREE: u64 = 64 * MIB;

/// Day files, backups, temporary files.
const LEAST_INODES: u64 = 1_000;

/// 2 000 slow connections must leave room for others.
const WANTED_FILES: u64 = 4_096;

/// Below this not even a few people and the database fit.
const LEAST_FILES: u64 = 256;

/// What the appliance may grow to, with some room.
const WANTED_MEMORY: u64 = 96 * MIB;

pub(super) fn raw_sockets(answer: Result<(), Errno>, program: &str) -> Check {
    const NAME: &str = "raw sockets";
    match answer {
        Ok(()) => Check::ok(NAME, "packet sockets can be opened"),
        Err(errno) => Check::short(
            NAME,
            State::Missing,
            format!("opening a packet socket failed: {}", errno.desc()),
            "No listening on the LAN. The kernel is asked for hosts instead, slowly and on networks \
             of /22 or smaller: without what they say of themselves.",
            format!(
                "run as root, or: sudo setcap cap_net_raw+ep \
                 {program}"
            ),
        ),
    }
}

pub(super) fn neighbours(answer: Result<(), Errno>) -> Check {
    const NAME: &str = "netlink neighbours";
    match answer {
        Ok(()) => Check::ok(NAME, "changes of the neighbour table can be subscribed to"),
        Err(errno) => Check::short(
            NAME,
            State::Missing,
            format!("subscribing failed: {}", errno.desc()),
            "Devices that speak with the router are found by sweeps only, not at once.",
            "run where netlink route sockets are allowed, for instance with \
             RestrictAddressFamilies=AF_NETLINK in the systemd unit",
        ),
    }
}

pub(super) fn interfaces(config: &Config, up: &BTreeMap<String, Vec<String>>) -> Check {
    const NAME: &str = "interfaces";
    let list =
        |names: Vec<&String>| names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if let Some(wanted) = &config.interfaces {
        let absent: Vec<&String> = wanted.iter().filter(|name| !up.contains_key(*name)).collect();
        return if absent.is_empty() {
            Check::ok(NAME, format!("{} up", list(wanted.iter().collect())))
        } else {
            Check::short(
                NAME,
                State::Missing,
                format!("{} missing or down", list(absent)),
                "Nothing is discovered there.",
                format!("correct the setting `interfaces`; up are: {}", list(up.keys().collect())),
            )
        };
    }
    let usable: Vec<&String> = up
        .iter()
        .filter(|(name, addresses)| {
            !addresses.is_empty() && !config.exclude_interfaces.contains(name)
        })
        .map(|(name, _)| name)
        .collect();
    if usable.is_empty() {
        Check::short(
            NAME,
            State::Degraded,
            "no interface is up and has an address",
            "Nothing is discovered until there is one.",
            "ip address show",
        )
    } else {
        Check::ok(NAME, format!("{} up with addresses", list(usable)))
    }
}

pub(super) fn vyos(release: Option<&str>, api: &RouterApi) -> Check {
    const NAME: &str = "VyOS API";
    let at = &api.at;
    match (release, &api.answer) {
        (release, Ok(version)) => {
            let said = version.as_ref().map(|version| format!("VyOS {version}"));
            let name = said.or_else(|| release.map(str::to_owned));
            let name = name.unwrap_or_else(|| "the router".to_owned());
            Check::ok(NAME, format!("{name}, {at} answers"))
        }
        (Some(release), Err(why)) => Check::short(
            NAME,
            State::Degraded,
            format!("{release}, but {at}: {why}"),
            "Observation works; the router's configuration is neither shown nor changed.",
            "configure; set service https api keys id panoptikon key <secret>; from 1.5 on also: set \
             service https api rest; commit; save",
        ),
        (None, Err(why)) => Check::short(
            NAME,
            State::Degraded,
            format!("this system is not VyOS, and no router answers at {at}: {why}"),
            "Observation works; there is no router configuration to show or change.",
            "install on VyOS 1.4 or later, or set router_api to where the router's API is",
        ),
    }
}

pub(super) fn directory(name: &'static str, path: &Path, answer: &Directory) -> Check {
    let shown = path.display();
    match answer {
        Directory::Writable => Check::ok(name, format!("{shown} can be written to")),
        Directory::Creatable => Check::ok(name, format!("{shown} will be created")),
        Directory::Refused(nearest) => Check::short(
            name,
            State::Missing,
            format!("{} cannot be written to", nearest.display()),
            "The appliance does not start.",
            format!("sudo install -d -m 0700 -o \"$(id -un)\" {shown}"),
        ),
    }
}

pub(super) fn disk(config: &Config, answer: Result<Disk, Errno>) -> Check {
    const NAME: &str = "free disk";
    let disk = match answer {
        Ok(disk) => disk,
        Err(errno) => {
            return Check::short(
                NAME,
                State::Degraded,
                format!("asking about {} failed: {}", config.data_dir.display(), errno.desc()),
                "Whether data fits is unknown.",
                format!("df {}", config.data_dir.display()),
            );
        }
    };
    let mut found = format!("{} MiB free", disk.free / MIB);
    if let Some(inodes) = disk.inodes {
        found = format!("{found}, {inodes} inodes");
    }
    // The database at its largest and one backup of it.
    let wanted = config.database_max_mb.saturating_mul(2 * MIB);
    if disk.free < LEAST_FREE || disk.inodes.is_some_and(|n| n < LEAST_INODES) {
        let means = "The database cannot grow: new data is soon refused.";
        let remedy = format!(
            "free space, or move data_dir; what is large: du -xh {} | sort -h",
            config.data_dir.display()
        );
        Check::short(NAME, State::Missing, found, means, remedy)
    } else if disk.free < wanted {
        let means = format!(
            "Less than the database at its largest and a backup of it take ({} MiB).",
            wanted / MIB
        );
        Check::short(NAME, State::Degraded, found, means, "free space, or lower database_max_mb")
    } else {
        Check::ok(NAME, found)
    }
}

pub(super) fn clock(answer: &Clock) -> Check {
    const NAME: &str = "clock";
    if answer.seconds < SANE_CLOCK {
        return Check::short(
            NAME,
            State::Missing,
            format!("stands at {} s after 1970", answer.seconds),
            "Times shown are wrong, and nothing old is removed until the clock is right.",
            "set the time, for instance with: chronyc makestep",
        );
    }
    match answer.keeper {
        Some((keeper, true)) => Check::ok(NAME, format!("in sync, kept by {keeper}")),
        Some((keeper, false)) => Check::short(
            NAME,
            State::Degraded,
            format!("{keeper} runs and is not in sync"),
            "Times may be off, and sessions or certificates with them.",
            "check that the time servers can be reached",
        ),
        None => Check::short(
            NAME,
            State::Degraded,
            "plausible, but no time service is known to keep it",
            "Times may drift.",
            "run chrony or systemd-timesyncd; on VyOS: set service ntp server pool.ntp.org",
        ),
    }
}

pub(super) fn port(
    endpoint: SocketAddr,
    answer: Result<(), io::ErrorKind>,
    running: bool,
) -> Check {
    const NAME: &str = "port";
    let remedy = match answer {
        Ok(()) => return Check::ok(NAME, format!("{endpoint} is free")),
        Err(io::ErrorKind::AddrInUse) if running => {
            return Check::ok(NAME, format!("{endpoint} is held by the running appliance"));
        }
        Err(io::ErrorKind::AddrInUse) => format!(
            "see who has it: ss -ltnp 'sport = :{}'; or set `listen` to another port",
            endpoint.port()
        ),
        Err(io::ErrorKind::PermissionDenied) => {
            "run as root, or set `listen` to a port above 1023".to_owned()
        }
        Err(_) => "set `listen` to an address that this machine has: ip address show".to_owned(),
    };
    let found = answer.err().map_or_else(String::new, |kind| format!("{endpoint}: {kind}"));
    Check::short(NAME, State::Missing, found, "Pages cannot be served there.", remedy)
}

pub(super) fn agents_port(
    endpoint: SocketAddr,
    answer: Result<(), io::ErrorKind>,
    running: bool,
) -> Check {
    const NAME: &str = "agents' port";
    let kind = match answer {
        Ok(()) => return Check::ok(NAME, format!("{endpoint} is free")),
        Err(io::ErrorKind::AddrInUse) if running => {
            return Check::ok(NAME, format!("{endpoint} is held by the running appliance"));
        }
        Err(kind) => kind,
    };
    let port = endpoint.port();
    let remedy = format!(
        "see who has it: ss -ltnp 'sport = :{port}'; or set `agents_listen` to another address"
    );
    let means = "Agents on hosts cannot come in there.";
    Check::short(NAME, State::Degraded, format!("{endpoint}: {kind}"), means, remedy)
}

pub(super) fn open_files(answer: Result<(u64, u64), Errno>) -> Check {
    const NAME: &str = "open files";
    let remedy =
        format!("LimitNOFILE={WANTED_FILES} in the systemd unit, or: ulimit -Hn {WANTED_FILES}");
    match answer {
        Ok((_, hard)) if hard >= WANTED_FILES => Check::ok(NAME, format!("up to {hard}")),
        Ok((_, hard)) => Check::short(
            NAME,
            if hard < LEAST_FILES { State::Missing } else { State::Degraded },
            format!("up to {hard}"),
            "Fewer people and collectors can be connected at the same time.",
            remedy,
        ),
        Err(errno) => Check::short(
            NAME,
            State::Degraded,
            format!("asking for the limit failed: {}", errno.desc()),
            "How many connections can be held is unknown.",
            remedy,
        ),
    }
}

pub(super) fn memory(answer: Option<u64>) -> Check {
    const NAME: &str = "memory";
    match answer {
        Some(bytes) if bytes >= WANTED_MEMORY => {
            Check::ok(NAME, format!("{} MiB available", bytes / MIB))
        }
        Some(bytes) => Check::short(
            NAME,
            State::Degraded,
            format!("{} MiB available", bytes / MIB),
            "The appliance may be killed when much happens at once.",
            format!("free memory or allow more; {} MiB are enough", WANTED_MEMORY / MIB),
        ),
        None => Check::short(
            NAME,
            State::Degraded,
            "/proc/meminfo cannot be read",
            "How much memory is left is unknown.",
            "mount /proc",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_packet_socket_names_the_exact_command() {
        let check = raw_sockets(Err(Errno::EPERM), "/usr/bin/panoptikon");
        assert_eq!(check.state, State::Missing);
        let remedy = check.remedy.unwrap();
        assert!(remedy.contains("setcap cap_net_raw+ep"), "{remedy}");
        assert!(remedy.ends_with("/usr/bin/panoptikon"), "{remedy}");
    }

    #[test]
    fn a_clock_in_1970_is_missing_and_an_unkept_one_degraded() {
        assert_eq!(clock(&Clock { seconds: 60, keeper: None }).state, State::Missing);
        let now = SANE_CLOCK + 1;
        assert_eq!(clock(&Clock { seconds: now, keeper: None }).state, State::Degraded);
        assert_eq!(clock(&Clock { seconds: now, keeper: Some(("chrony", true)) }).state, State::Ok);
    }

    #[test]
    fn a_port_held_by_the_appliance_itself_is_fine() {
        let endpoint = "127.0.0.1:8443".parse().unwrap();
        let in_use = Err(io::ErrorKind::AddrInUse);
        assert_eq!(port(endpoint, in_use, true).state, State::Ok);
        let other = port(endpoint, in_use, false);
        assert_eq!(other.state, State::Missing);
        assert!(other.remedy.unwrap().contains("8443"));
    }

    #[test]
    fn a_full_disk_is_missing_whether_by_bytes_or_by_inodes() {
        let config = Config { database_max_mb: 256, ..Config::default() };
        let judged = |free, inodes| disk(&config, Ok(Disk { free, inodes })).state;
        assert_eq!(judged(10 * 1024 * MIB, Some(1_000_000)), State::Ok);
        assert_eq!(judged(10 * 1024 * MIB, None), State::Ok);
        assert_eq!(judged(10 * 1024 * MIB, Some(3)), State::Missing);
        assert_eq!(judged(MIB, Some(1_000_000)), State::Missing);
        assert_eq!(judged(300 * MIB, Some(1_000_000)), State::Degraded);
    }

    #[test]
    fn an_api_that_answers_is_well_wherever_it_is() {
        let answer = Ok(Some("1.4.0".to_owned()));
        let check = vyos(None, &RouterApi { at: "https://127.0.0.1:443".to_owned(), answer });
        assert_eq!(check.state, State::Ok);
        assert_eq!(check.found, "VyOS 1.4.0, https://127.0.0.1:443 answers");
    }

    #[test]
    fn a_configured_interface_that_is_down_is_missing() {
        let up = BTreeMap::from([("eth1".to_owned(), vec!["192.168.1.1".to_owned()])]);
        let with = |names: &[&str]| Config {
            interfaces: Some(names.iter().map(ToString::to_string).collect()),
            ..Config::default()
        };
        assert_eq!(interfaces(&with(&["eth1"]), &up).state, State::Ok);
        let check = interfaces(&with(&["eth1", "eth7"]), &up);
        assert_eq!((check.state, check.found.as_str()), (State::Missing, "eth7 missing or down"));
    }

    #[test]
    fn whatever_is_not_well_says_what_it_means_and_what_to_do() {
        let refused = Directory::Refused("/config".into());
        let nowhere = RouterApi { at: "/run/api.sock".into(), answer: Err("not there".into()) };
        let checks = [
            raw_sockets(Err(Errno::EPERM), "x"),
            neighbours(Err(Errno::EAFNOSUPPORT)),
            vyos(None, &nowhere),
            vyos(Some("VyOS 1.4"), &nowhere),
            directory("data directory", Path::new("/config/panoptikon"), &refused),
            disk(&Config::default(), Err(Errno::ENOENT)),
            open_files(Ok((64, 64))),
            open_files(Err(Errno::EPERM)),
            memory(None),
            memory(Some(MIB)),
        ];
        for check in checks {
            assert_ne!(check.state, State::Ok);
            assert!(check.means.is_some_and(|text| text.ends_with('.')), "{}", check.name);
            assert!(check.remedy.is_some_and(|text| !text.is_empty()), "{}", check.name);
        }
    }
}
