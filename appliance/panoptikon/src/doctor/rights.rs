//! What the appliance may do: the one that runs, or this process where none does.
//!
//! Root asks more often than not, and root may do everything: only the rights of the service tell
//! what its pages can show.

use std::os::unix::net::UnixStream;
use std::path::Path;

use nix::errno::Errno;
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use nix::unistd::geteuid;
use system::services::HELPER_SOCKET;

use super::{Check, State};

/// Bits of capability sets (linux/capability.h).
const CAP_NET_ADMIN: u32 = 12;
const CAP_NET_RAW: u32 = 13;

/// Where VyOS has podman.
const PODMAN: &str = "/usr/bin/podman";

/// What a process may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rights {
    user: u32,
    capabilities: u64,
}

impl Rights {
    /// Of the appliance behind a control socket; none where none can be asked.
    pub(super) fn of_running(socket: &Path) -> Option<Self> {
        let stream = UnixStream::connect(socket).ok()?;
        let peer = getsockopt(&stream, PeerCredentials).ok()?;
        let status = std::fs::read_to_string(format!("/proc/{}/status", peer.pid())).ok()?;
        Some(Self { user: peer.uid(), capabilities: effective(&status)? })
    }

    /// Of this process.
    pub(super) fn own() -> Self {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        Self { user: geteuid().as_raw(), capabilities: effective(&status).unwrap_or_default() }
    }

    fn may(self, capability: u32) -> bool {
        self.capabilities >> capability & 1 == 1
    }

    /// Whether it may give sockets longer queues than others.
    pub(super) fn may_exceed_queues(self) -> bool {
        self.may(CAP_NET_ADMIN)
    }

    /// Whether it may open packet sockets, in the kernel's words.
    pub(super) fn packets(self) -> Result<(), Errno> {
        if self.may(CAP_NET_RAW) { Ok(()) } else { Err(Errno::EPERM) }
    }
}

/// The set of effective capabilities in a `/proc/PID/status`, see `proc(5)`.
fn effective(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"))?;
    u64::from_str_radix(line.trim(), 16).ok()
}

pub(super) fn administration(rights: Rights) -> Check {
    const NAME: &str = "network administration";
    if rights.may(CAP_NET_ADMIN) {
        return Check::ok(NAME, "granted");
    }
    Check::short(
        NAME,
        State::Degraded,
        "not granted",
        "Counters of firewall rules, connections and WireGuard's peers are not shown.",
        "use the service of the package, or run as root, or grant CAP_NET_ADMIN",
    )
}

/// Nothing to say where there is no podman.
pub(super) fn containers(rights: Rights) -> Option<Check> {
    Path::new(PODMAN).exists().then(|| judge_containers(rights))
}

fn judge_containers(rights: Rights) -> Check {
    const NAME: &str = "containers";
    if rights.user == 0 {
        return Check::ok(NAME, "podman can be asked");
    }
    Check::short(
        NAME,
        State::Degraded,
        "podman tells root only, and the appliance is not root",
        "The pages do not show which containers run.",
        "see them on the console: sudo podman ps",
    )
}

/// Nothing to say where systemd does not run.
pub(super) fn services(rights: Rights) -> Option<Check> {
    let runs = Path::new("/run/systemd/system").exists();
    runs.then(|| judge_services(rights, Path::new(HELPER_SOCKET).exists()))
}

fn judge_services(rights: Rights, has_helper: bool) -> Check {
    const NAME: &str = "services of the router";
    if rights.user == 0 || has_helper {
        return Check::ok(NAME, "can be started, stopped and restarted");
    }
    Check::short(
        NAME,
        State::Degraded,
        format!("the helper at {HELPER_SOCKET} is not there"),
        "The pages show services, but cannot start, stop or restart them.",
        "sudo systemctl enable --now panoptikon-units.socket",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_acted_on_by_root_or_by_the_helper() {
        assert_eq!(judge_services(SERVICE, true).state, State::Ok);
        assert_eq!(judge_services(SERVICE, false).state, State::Degraded);
        assert_eq!(judge_services(Rights { user: 0, ..NOBODY }, false).state, State::Ok);
    }

    const SERVICE: Rights = Rights { user: 997, capabilities: 0x3000 };
    const NOBODY: Rights = Rights { user: 65534, capabilities: 0 };

    #[test]
    fn the_service_may_listen_and_count_and_not_ask_podman() {
        assert_eq!(SERVICE.packets(), Ok(()));
        assert_eq!(administration(SERVICE).state, State::Ok);
        assert_eq!(judge_containers(SERVICE).state, State::Degraded);
    }

    #[test]
    fn who_has_no_capability_is_told() {
        assert_eq!(NOBODY.packets(), Err(Errno::EPERM));
        let check = administration(NOBODY);
        assert!(check.means.is_some_and(|text| text.ends_with('.')));
    }

    #[test]
    fn capabilities_are_read_from_the_status_of_a_process() {
        let status = "Name:\tpanoptikon\nCapPrm:\tffff\nCapEff:\t0000000000003000\nSeccomp:\t2\n";
        assert_eq!(effective(status), Some(0x3000));
        assert_eq!(effective("Name:\tx\n"), None);
    }

    #[test]
    fn the_process_behind_a_socket_is_the_one_that_is_asked_about() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control.sock");
        assert_eq!(Rights::of_running(&path), None);
        let _listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        assert_eq!(Rights::of_running(&path), Some(Rights::own()));
    }
}
