//! A report: how a host is.
//!
//! Sizes are octets, times Unix milliseconds, shares 0 to 100 with at most one decimal. Slow parts
//! come every minute or so; [`Option::None`] means as before, an empty list means none.

use serde::{Deserialize, Serialize};

/// How a host is. What is absent is as before; an empty list means none.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Number in the agent's sequence.
    pub seq: u64,
    /// The host's clock, Unix milliseconds.
    #[serde(default)]
    pub at: i64,
    /// Time since the host's start, seconds.
    #[serde(default)]
    pub up_s: u64,
    /// Processor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<Cpu>,
    /// Memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mem: Option<Memory>,
    /// Pressure stall information (kernel 4.20 and later).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub psi: Option<Pressure>,
    /// Real file systems.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disks: Option<Vec<Disk>>,
    /// Block devices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub io: Option<Vec<DiskIo>>,
    /// Interfaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nets: Option<Vec<Net>>,
    /// Temperatures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temps: Option<Vec<Temperature>>,
    /// Fans.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fans: Option<Vec<Fan>>,
    /// Batteries and power supplies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub power: Option<Vec<Power>>,
    /// Units of systemd.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub units: Option<Units>,
    /// Containers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub containers: Option<Vec<Container>>,
    /// Processes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub procs: Option<Processes>,
    /// Open ports that wait for peers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ports: Option<Vec<Port>>,
    /// Who is signed in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub users: Option<Vec<User>>,
    /// System.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sys: Option<System>,
    /// Disks' own health.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub smart: Option<Vec<Smart>>,
    /// Pools of ZFS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zfs: Option<Vec<Pool>>,
    /// Arrays of the kernel's software RAID.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub md: Option<Vec<Array>>,
    /// Graphics processors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpus: Option<Vec<Gpu>>,
}

/// Processor. Shares are 0 to 100 of all cores together.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Cpu {
    /// Cores.
    pub n: u32,
    /// Busy share.
    pub pct: f32,
    /// Share in programs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<f32>,
    /// Share in the kernel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sys: Option<f32>,
    /// Share waiting for disks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub io: Option<f32>,
    /// Share that the host of a virtual machine took.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steal: Option<f32>,
    /// Busy share of each.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cores: Option<Vec<f32>>,
    /// Load of 1, 5 and 15 minutes.
    pub load: [f32; 3],
    /// Clock, MHz, the highest of all cores.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub freq: Option<u32>,
}

/// Memory, octets.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Memory {
    /// All.
    pub total: u64,
    /// What programs could get.
    pub avail: u64,
    /// Swap.
    pub swap_total: u64,
    /// Swap in use.
    pub swap_used: u64,
    /// Page cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cached: Option<u64>,
}

/// Share of the last 10 s in which some task waited, 0 to 100.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Pressure {
    /// For a processor.
    pub cpu: f32,
    /// For memory.
    pub mem: f32,
    /// For disks.
    pub io: f32,
}

/// A file system.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Disk {
    /// Where.
    pub mount: String,
    /// Its kind.
    pub fs: String,
    /// Its device.
    pub dev: String,
    /// Size, octets.
    pub total: u64,
    /// In use, octets.
    pub used: u64,
    /// Share of inodes in use; absent without a fixed number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inodes_pct: Option<f32>,
}

/// A block device.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DiskIo {
    /// Its name.
    pub dev: String,
    /// Read, octets a second.
    pub r_bps: u64,
    /// Written, octets a second.
    pub w_bps: u64,
    /// Share of time with requests under way.
    pub busy_pct: f32,
}

/// An interface.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Net {
    /// Its name.
    #[serde(rename = "if")]
    pub interface: String,
    /// Its MAC address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mac: Option<String>,
    /// Addresses with prefix length.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ips: Option<Vec<String>>,
    /// Whether it carries traffic.
    pub up: bool,
    /// Speed, Mbit/s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mbit: Option<u32>,
    /// Received since the host's start, octets.
    pub rx: u64,
    /// Sent since the host's start, octets.
    pub tx: u64,
    /// Received, octets a second.
    pub rx_bps: u64,
    /// Sent, octets a second.
    pub tx_bps: u64,
    /// Errors since the host's start; absent for none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub err: Option<u64>,
    /// Dropped since the host's start; absent for none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drop: Option<u64>,
}

/// A sensor.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Temperature {
    /// Its name.
    pub name: String,
    /// Degrees Celsius.
    pub c: f32,
    /// What the device calls critical.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crit: Option<f32>,
}

/// A fan.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Fan {
    /// Its name.
    pub name: String,
    /// Turns a minute.
    pub rpm: u32,
}

/// A battery or supply.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Power {
    /// Its name.
    pub name: String,
    /// Charge.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pct: Option<f32>,
    /// `charging`, `discharging`, `full`, `online`, `offline` or the driver's word.
    pub state: String,
}

/// Units of systemd that need a look.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Units {
    /// Failed ones.
    pub failed: Vec<String>,
    /// Those that were restarted since the host's start.
    pub restarted: Vec<Restarted>,
}

/// A unit that was restarted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Restarted {
    /// Its name.
    pub name: String,
    /// How often.
    pub n: u32,
}

/// A container.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Container {
    /// First 12 digits.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its image.
    pub image: String,
    /// `running`, `exited`, …
    pub state: String,
    /// Share of one core; may be over 100.
    pub cpu_pct: f32,
    /// Memory, octets.
    pub mem: u64,
}

/// Processes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Processes {
    /// How many.
    pub n: u32,
    /// Those that use most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top: Option<Vec<Process>>,
}

/// A process.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// Its name.
    pub name: String,
    /// Whose.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Share of one core; may be over 100.
    pub cpu_pct: f32,
    /// Resident memory, octets.
    pub rss: u64,
}

/// A port that waits for peers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Port {
    /// `tcp` or `udp`.
    pub proto: String,
    /// Local address.
    pub addr: String,
    /// Number.
    pub port: u16,
    /// Process, where the agent may see it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// Who is signed in.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct User {
    /// Name.
    pub name: String,
    /// Terminal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tty: Option<String>,
    /// From where.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Since when, Unix milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<i64>,
}

/// System.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct System {
    /// Name and version.
    pub os: String,
    /// The kernel's release.
    pub kernel: String,
    /// Whether an update waits for a start.
    pub reboot_needed: bool,
    /// Updates that wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updates: Option<u32>,
}

/// A disk's own health.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Smart {
    /// Device.
    pub dev: String,
    /// Whether it calls itself well.
    pub ok: bool,
    /// Degrees Celsius.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temp: Option<f32>,
    /// Wear, 100 is its promised life.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wear_pct: Option<f32>,
    /// Hours of use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hours: Option<u64>,
}

/// A pool of ZFS.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Pool {
    /// Name.
    pub pool: String,
    /// `ONLINE`, `DEGRADED`, …
    pub state: String,
}

/// An array.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Array {
    /// Device.
    pub dev: String,
    /// `clean`, `degraded`, `resync`, …
    pub state: String,
}

/// A graphics processor.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Gpu {
    /// Name.
    pub name: String,
    /// Busy share.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub busy_pct: Option<f32>,
    /// Memory in use, octets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mem_used: Option<u64>,
    /// Memory, octets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mem_total: Option<u64>,
    /// Degrees Celsius.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub c: Option<f32>,
}
