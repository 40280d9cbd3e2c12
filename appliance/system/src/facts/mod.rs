//! What the router says of itself: release, load, memory, temperatures, disks, clock.
//!
//! [`proc`] understands the kernel's files; [`Reader`] reads them from folders that tests can choose.
//! Every reading takes a few small files and no other program.

mod clock;
mod disks;
pub(crate) mod proc;
mod temperature;
mod version;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use model::Timestamp;
use serde::Serialize;

pub use clock::ClockState;
pub use clock::ask_clock;
pub use disks::Disk;
pub use proc::{CpuTimes, CpuUse, Memory, Softnet};
pub use temperature::Temperature;
pub use version::VyosVersion;

use crate::SystemError;

/// Where the facts are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// The kernel's `/proc`.
    pub proc: PathBuf,
    /// The kernel's `/sys`.
    pub sys: PathBuf,
    /// The file in which VyOS tells its release (vyos-1x, python/vyos/version.py).
    pub version: PathBuf,
}

impl Default for Places {
    fn default() -> Self {
        Self {
            proc: "/proc".into(),
            sys: "/sys".into(),
            version: "/usr/share/vyos/version.json".into(),
        }
    }
}

/// What changes rarely.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Identity {
    /// The router's name.
    pub hostname: String,
    /// The kernel's release, such as `6.6.32-amd64-vyos`.
    pub kernel: String,
    /// The machine, such as `x86_64`.
    pub machine: String,
    /// The processor's name; empty where the kernel does not tell.
    pub processor: String,
    /// The release of VyOS; None where this is no VyOS, or a container that does not see its file.
    pub vyos: Option<VyosVersion>,
}

/// What changes from second to second.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Load {
    /// Time since the start.
    pub uptime: Duration,
    /// Processes that run or wait, averaged over 1, 5 and 15 minutes.
    pub average: [f64; 3],
    /// How busy the processors were since the reading before; None at the first.
    pub cpu: Option<CpuUse>,
    /// Memory.
    pub memory: Memory,
    /// When the machine started; the epoch where the kernel does not tell.
    pub booted: Timestamp,
    /// What became of packets that came in; None where the kernel does not tell.
    pub softnet: Option<Softnet>,
}

/// Reads facts and remembers the processors' times, so that it can tell how busy they are.
#[derive(Debug)]
pub struct Reader {
    places: Places,
    before: Option<CpuTimes>,
}

impl Reader {
    /// Reads from these places.
    pub fn new(places: Places) -> Self {
        Self { places, before: None }
    }

    /// Who this router is.
    pub fn identity(&self) -> Identity {
        let text = |path: &str| {
            let text = fs::read_to_string(self.places.proc.join(path)).unwrap_or_default();
            text.trim().to_owned()
        };
        let machine = nix::sys::utsname::uname()
            .map(|names| names.machine().to_string_lossy().into_owned())
            .unwrap_or_default();
        Identity {
            hostname: text("sys/kernel/hostname"),
            kernel: text("sys/kernel/osrelease"),
            machine,
            processor: proc::processor(&text("cpuinfo")),
            vyos: version::read(&self.places.version),
        }
    }

    /// How busy it is.
    ///
    /// # Errors
    /// Where `/proc` cannot be read or understood.
    pub fn load(&mut self) -> Result<Load, SystemError> {
        let read = |name: &str| {
            let path = self.places.proc.join(name);
            fs::read_to_string(&path).map_err(SystemError::reading(&path)).map(|text| (path, text))
        };
        let understood = |path: &Path, what: &str| {
            SystemError::malformed(path.display().to_string(), format!("no {what} in it"))
        };
        let (path, text) = read("stat")?;
        let times = proc::cpu_times(&text).ok_or_else(|| understood(&path, "processor times"))?;
        let booted = proc::booted(&text).unwrap_or_default();
        let softnet = read("net/softnet_stat").ok().and_then(|(_, text)| proc::softnet(&text));
        let (path, text) = read("meminfo")?;
        let memory = proc::memory(&text).ok_or_else(|| understood(&path, "memory"))?;
        let (path, text) = read("loadavg")?;
        let average = proc::load_average(&text).ok_or_else(|| understood(&path, "averages"))?;
        let (path, text) = read("uptime")?;
        let uptime = proc::uptime(&text).ok_or_else(|| understood(&path, "uptime"))?;
        let cpu = self.before.as_ref().and_then(|before| CpuUse::between(before, &times));
        // Two readings within one tick of the kernel's clock say nothing.
        if cpu.is_some() || self.before.is_none() {
            self.before = Some(times);
        }
        Ok(Load { uptime, average, cpu, memory, booted, softnet })
    }

    /// All temperatures that sensors tell.
    pub fn temperatures(&self) -> Vec<Temperature> {
        temperature::read(&self.places.sys)
    }

    /// All file systems that lie on disks.
    pub fn disks(&self) -> Vec<Disk> {
        disks::read(&self.places.proc)
    }
}
