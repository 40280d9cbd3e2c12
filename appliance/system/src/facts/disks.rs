//! File systems on disks, and how full they are.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Serialize;

use super::proc::{Mount, mounts};

/// More are not shown.
const MOST: usize = 32;

/// A file system on a disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Disk {
    /// Where it is mounted; of several places, the one with the shortest path.
    pub path: String,
    /// The device, such as `/dev/sda3`.
    pub device: String,
    /// The kind of file system.
    pub kind: String,
    /// Bytes of the whole.
    pub total: u64,
    /// Bytes that programs can still write.
    pub available: u64,
    /// Nothing can be written.
    pub is_read_only: bool,
}

impl Disk {
    /// The share in use, in percent.
    pub fn used_percent(&self) -> f64 {
        100.0 * self.total.saturating_sub(self.available) as f64 / self.total.max(1) as f64
    }
}

pub(super) fn read(proc: &Path) -> Vec<Disk> {
    let text = fs::read_to_string(proc.join("self/mounts")).unwrap_or_default();
    choose(mounts(&text)).into_iter().filter_map(measure).collect()
}

/// The mounts that lie on disks, each device once. The image itself is squashed and always full.
fn choose(all: Vec<Mount>) -> Vec<Mount> {
    let mut by_device: BTreeMap<String, Mount> = BTreeMap::new();
    let mut root = None;
    for mount in all {
        let on_disk = mount.device.starts_with("/dev/") && !mount.device.starts_with("/dev/loop");
        if on_disk && !matches!(mount.kind.as_str(), "squashfs" | "iso9660") {
            let kept = by_device.entry(mount.device.clone()).or_insert_with(|| mount.clone());
            if mount.path.len() < kept.path.len() {
                *kept = mount;
            }
        } else if mount.path == "/" {
            root = Some(mount);
        }
    }
    // A container sees an overlay only.
    let mut chosen: Vec<_> = by_device.into_values().collect();
    if chosen.is_empty() {
        chosen.extend(root);
    }
    model::sort_by(&mut chosen, |a, b| a.path.cmp(&b.path));
    chosen.truncate(MOST);
    chosen
}

fn measure(mount: Mount) -> Option<Disk> {
    let measured = nix::sys::statvfs::statvfs(mount.path.as_str()).ok()?;
    let unit = measured.fragment_size();
    Some(Disk {
        path: mount.path,
        device: mount.device,
        kind: mount.kind,
        total: measured.blocks().saturating_mul(unit),
        available: measured.blocks_available().saturating_mul(unit),
        is_read_only: mount.is_read_only,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_mounted_at_several_places_stands_once_and_the_image_not_at_all() {
        let text = "overlay / overlay rw 0 0\n\
                    /dev/loop0 /usr/lib/live/mount/rootfs/1.squashfs squashfs ro 0 0\n\
                    /dev/sda3 /usr/lib/live/mount/persistence ext4 rw 0 0\n\
                    /dev/sda3 /opt/vyatta/etc/config ext4 rw 0 0\n\
                    /dev/sda2 /boot/efi vfat rw 0 0\n\
                    tmpfs /tmp tmpfs rw 0 0\n";
        let chosen = choose(mounts(text));
        let seen: Vec<_> = chosen.iter().map(|m| m.path.as_str()).collect();
        assert_eq!(seen, ["/boot/efi", "/opt/vyatta/etc/config"]);
    }

    #[test]
    fn a_container_is_shown_its_overlay() {
        let chosen = choose(mounts("overlay / overlay rw 0 0\nproc /proc proc rw 0 0\n"));
        assert_eq!(chosen.len(), 1);
    }
}
