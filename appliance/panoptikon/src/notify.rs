//! Tells the service manager how the appliance is doing: ready, starting anew, stopping, alive.
//!
//! Small datagrams to the socket that `NOTIFY_SOCKET` names, as `sd_notify(3)` describes them.
//! Without that variable nobody listens and nothing is sent.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::Arc;
use std::time::Duration;

use nix::sys::time::TimeValLike as _;
use nix::time::{ClockId, clock_gettime};

/// The shortest watchdog period that is kept; a shorter one is a mistake in the unit.
const SHORTEST: Duration = Duration::from_millis(500);

/// The longest status line, in bytes.
const LONGEST_STATUS: usize = 300;

/// Why the service manager cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum NotifyError {
    /// `NOTIFY_SOCKET` is neither a path nor an abstract name.
    #[error("NOTIFY_SOCKET={0:?} is neither an absolute path nor an abstract name (@…)")]
    Address(OsString),
    /// The system refused.
    #[error("reaching the service manager at {address:?}: {source}")]
    Io {
        /// Where it listens.
        address: OsString,
        /// Why it failed.
        source: io::Error,
    },
}

/// The way to the service manager. Cheap to clone; without a manager it does nothing.
#[derive(Clone, Default)]
pub struct Notifier(Option<Arc<Manager>>);

struct Manager {
    socket: UnixDatagram,
    address: SocketAddr,
    watchdog: Option<Duration>,
}

impl Notifier {
    /// The manager that started this process, if one did and listens.
    ///
    /// # Errors
    /// [`NotifyError`] where it said that it listens and cannot be reached.
    pub fn from_environment() -> Result<Self, NotifyError> {
        let Some(address) = std::env::var_os("NOTIFY_SOCKET") else {
            return Ok(Self::default());
        };
        let text = |name| std::env::var(name).ok();
        let watchdog =
            watchdog(text("WATCHDOG_USEC").as_deref(), text("WATCHDOG_PID").as_deref(), pid());
        Self::open(&address, watchdog)
    }

    /// A manager at an address, written as in `NOTIFY_SOCKET`.
    ///
    /// # Errors
    /// [`NotifyError`] if there can be none.
    pub fn open(address: &OsStr, watchdog: Option<Duration>) -> Result<Self, NotifyError> {
        let io = |source| NotifyError::Io { address: address.to_owned(), source };
        let parsed = match address.as_bytes() {
            [b'/', ..] => SocketAddr::from_pathname(address).map_err(io)?,
            [b'@', name @ ..] => SocketAddr::from_abstract_name(name).map_err(io)?,
            _ => return Err(NotifyError::Address(address.to_owned())),
        };
        let socket = UnixDatagram::unbound().map_err(io)?;
        // A manager that does not read must not hold up whoever tells it something.
        socket.set_nonblocking(true).map_err(io)?;
        Ok(Self(Some(Arc::new(Manager { socket, address: parsed, watchdog }))))
    }

    /// Within which time the manager wants to hear [`Notifier::alive`] again, if it watches.
    pub fn watchdog(&self) -> Option<Duration> {
        self.0.as_ref()?.watchdog
    }

    /// Everything is open.
    pub fn ready(&self, status: &str) {
        let mut message = format!("READY=1\nSTATUS={}", one_line(status));
        if let Some(period) = self.watchdog() {
            // What took its time before this may have asked for more.
            message = format!("{message}\nWATCHDOG_USEC={}\nWATCHDOG=1", period.as_micros());
        }
        self.send(&message);
    }

    /// What is settable is read anew, or the process starts itself anew; [`Notifier::ready`] follows.
    pub fn reloading(&self) {
        let now = clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(0, |now| now.num_microseconds());
        self.send(&format!("RELOADING=1\nMONOTONIC_USEC={now}\nSTATUS=Starting anew"));
    }

    /// The end has begun.
    pub fn stopping(&self) {
        self.send("STOPPING=1\nSTATUS=Ending");
    }

    /// Something begins that may take as long as `limit` without a sign of life.
    pub fn busy_for(&self, limit: Duration, status: &str) {
        let micros = limit.as_micros();
        let mut message = format!("STATUS={}\nEXTEND_TIMEOUT_USEC={micros}", one_line(status));
        if self.watchdog().is_some() {
            message = format!("{message}\nWATCHDOG_USEC={micros}\nWATCHDOG=1");
        }
        self.send(&message);
    }

    /// A sign of life, with what is shown beside the service.
    pub fn alive(&self, status: &str) {
        self.send(&format!("WATCHDOG=1\nSTATUS={}", one_line(status)));
    }

    fn send(&self, message: &str) {
        let Some(manager) = &self.0 else { return };
        if let Err(error) = manager.socket.send_to_addr(message.as_bytes(), &manager.address) {
            tracing::warn!(%error, "the service manager could not be told");
        }
    }
}

fn pid() -> u32 {
    std::process::id()
}

/// The watchdog period that was asked of the process `pid`.
fn watchdog(micros: Option<&str>, whose: Option<&str>, pid: u32) -> Option<Duration> {
    let micros: u64 = micros?.trim().parse().ok()?;
    let ours = whose.is_none_or(|whose| whose.trim().parse() == Ok(pid));
    (ours && micros > 0).then(|| Duration::from_micros(micros).max(SHORTEST))
}

/// A line end would begin another assignment.
fn one_line(text: &str) -> String {
    let mut line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let mut end = line.len().min(LONGEST_STATUS);
    while !line.is_char_boundary(end) {
        end -= 1;
    }
    line.truncate(end);
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(socket: &UnixDatagram) -> String {
        let mut buffer = [0; 4096];
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let length = socket.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }

    #[test]
    fn a_manager_at_a_path_hears_everything_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        let notifier = Notifier::open(path.as_os_str(), Some(Duration::from_secs(60))).unwrap();
        notifier.ready("8 parts\nWATCHDOG=trigger");
        notifier.alive("all well");
        notifier.busy_for(Duration::from_secs(300), "Restoring");
        notifier.reloading();
        notifier.stopping();
        assert_eq!(
            heard(&manager),
            "READY=1\nSTATUS=8 parts WATCHDOG=trigger\nWATCHDOG_USEC=60000000\nWATCHDOG=1"
        );
        assert_eq!(heard(&manager), "WATCHDOG=1\nSTATUS=all well");
        assert_eq!(
            heard(&manager),
            "STATUS=Restoring\nEXTEND_TIMEOUT_USEC=300000000\nWATCHDOG_USEC=300000000\nWATCHDOG=1"
        );
        assert!(heard(&manager).starts_with("RELOADING=1\nMONOTONIC_USEC="));
        assert_eq!(heard(&manager), "STOPPING=1\nSTATUS=Ending");
    }

    #[test]
    fn an_abstract_name_works_as_well() {
        let name = format!("@panoptikon-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name.as_bytes()[1..]).unwrap();
        let manager = UnixDatagram::bind_addr(&address).unwrap();
        Notifier::open(OsStr::new(&name), None).unwrap().ready("up");
        assert_eq!(heard(&manager), "READY=1\nSTATUS=up");
    }

    #[test]
    fn a_manager_that_has_gone_or_never_was_is_no_trouble() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        Notifier::open(path.as_os_str(), None).unwrap().ready("up");
        Notifier::default().alive("up");
        assert!(Notifier::default().watchdog().is_none());
        assert!(matches!(
            Notifier::open(OsStr::new("vsock:2:1"), None),
            Err(NotifyError::Address(_))
        ));
    }

    #[test]
    fn only_a_watchdog_for_this_process_counts() {
        let minute = Some(Duration::from_secs(60));
        assert_eq!(watchdog(Some("60000000"), Some("7"), 7), minute);
        assert_eq!(watchdog(Some("60000000"), None, 7), minute);
        assert_eq!(watchdog(Some("60000000"), Some("8"), 7), None);
        assert_eq!(watchdog(Some("0"), None, 7), None);
        assert_eq!(watchdog(Some("soon"), None, 7), None);
        assert_eq!(watchdog(Some("1"), None, 7), Some(SHORTEST));
    }

    #[test]
    fn a_long_status_is_cut_between_letters() {
        let line = one_line(&"ä".repeat(400));
        assert!(line.len() <= LONGEST_STATUS && line.ends_with('ä'), "{line}");
    }
}
