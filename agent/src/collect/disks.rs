//! File systems and block devices: `/proc/self/mounts`, `/proc/diskstats`, `/proc/mdstat`.

use wire::report::{Array, DiskIo};

use super::tree::{rate, rounded, short};

/// What lies on a device that can be full.
const REAL: [&str; 16] = [
    "ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "vfat", "exfat", "ntfs", "ntfs3", "jfs",
    "reiserfs", "bcachefs", "nilfs2", "ubifs",
];
/// More are not reported.
const MOST: usize = 64;

/// A real file system that is mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mount {
    pub(crate) device: String,
    pub(crate) at: String,
    pub(crate) kind: String,
}

/// Reads `/proc/self/mounts`: each real file system once, where it was mounted first.
pub(crate) fn mounts(text: &str) -> Vec<Mount> {
    let mut mounts: Vec<Mount> = Vec::new();
    for line in text.lines() {
        let mut columns = line.split(' ');
        let (Some(device), Some(at), Some(kind)) = (columns.next(), columns.next(), columns.next())
        else {
            continue;
        };
        // A live system's root is an overlay, and may be full as any.
        let real = REAL.contains(&kind) || kind == "overlay" && at == "/";
        let again = mounts.iter().any(|mount| mount.device == device && kind != "overlay");
        if real && !again && mounts.len() < MOST {
            let (device, at) = (unescape(device), unescape(at));
            mounts.push(Mount { device, at, kind: kind.to_owned() });
        }
    }
    mounts
}

/// The kernel writes white space and backslashes as three octal digits.
fn unescape(text: &str) -> String {
    let mut parts = text.split('\\');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let code = part.get(..3).and_then(|digits| u8::from_str_radix(digits, 8).ok());
        if let Some(code) = code.filter(u8::is_ascii) {
            out.push(char::from(code));
            out.push_str(part.get(3..).unwrap_or_default());
        } else {
            out.push('\\');
            out.push_str(part);
        }
    }
    short(&out)
}

/// One device's counters since the start of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Counters {
    name: String,
    read: u64,
    written: u64,
    busy_ms: u64,
}

/// The unit of `/proc/diskstats`, whatever the device's own is.
const SECTOR: u64 = 512;

/// Reads `/proc/diskstats`: the devices for which `whole` says that they are no partition, and that
/// did anything yet.
pub(crate) fn counters(text: &str, mut whole: impl FnMut(&str) -> bool) -> Vec<Counters> {
    let mut devices = Vec::new();
    for line in text.lines() {
        let columns: Vec<&str> = line.split_ascii_whitespace().take(14).collect();
        let number = |at: usize| columns.get(at).and_then(|c| c.parse::<u64>().ok());
        let (Some(name), Some(read), Some(written), Some(busy_ms)) =
            (columns.get(2), number(5), number(9), number(12))
        else {
            continue;
        };
        let made_up = ["loop", "ram", "zram", "fd", "sr"].iter().any(|kind| {
            name.strip_prefix(kind)
                .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
        });
        if made_up || read + written == 0 || devices.len() == MOST || !whole(name) {
            continue;
        }
        let (read, written) = (read.wrapping_mul(SECTOR), written.wrapping_mul(SECTOR));
        devices.push(Counters { name: short(name), read, written, busy_ms });
    }
    devices
}

/// What happened between two looks that are `ms` apart. A device that is new, or whose counters went
/// back, has no rates yet.
pub(crate) fn between(before: &[Counters], now: &[Counters], ms: u64) -> Vec<DiskIo> {
    let rates = |device: &Counters| {
        let was = before.iter().find(|was| was.name == device.name)?;
        // The kernel's millisecond counter has 32 bits and begins anew after 49 days.
        let busy = (device.busy_ms as u32).wrapping_sub(was.busy_ms as u32);
        let busy_pct = if ms == 0 { 0.0 } else { f64::from(busy) * 100.0 / ms as f64 };
        Some(DiskIo {
            dev: device.name.clone(),
            r_bps: rate(device.read.checked_sub(was.read)?, ms),
            w_bps: rate(device.written.checked_sub(was.written)?, ms),
            busy_pct: rounded(busy_pct.min(100.0)),
        })
    };
    now.iter().filter_map(rates).collect()
}

/// Reads `/proc/mdstat`.
pub(crate) fn arrays(text: &str) -> Vec<Array> {
    let mut arrays: Vec<Array> = Vec::new();
    for line in text.lines() {
        if let Some((name, rest)) = line.split_once(" : ")
            && name.starts_with("md")
        {
            let state = if rest.starts_with("active") { "clean" } else { "inactive" };
            arrays.push(Array { dev: short(name), state: state.into() });
            continue;
        }
        let Some(array) = arrays.last_mut() else { continue };
        let doing = ["resync", "recovery", "reshape", "check"];
        if let Some(word) = doing.iter().find(|word| line.contains(&format!("{word} ="))) {
            (*word).clone_into(&mut array.state);
        } else if line.rsplit('[').next().is_some_and(|disks| {
            disks.contains('_')
                && disks.trim_end().trim_end_matches(']').chars().all(|c| "U_".contains(c))
        }) {
            array.state = "degraded".into();
        }
    }
    arrays
}
