//! What a host is: name, system, kernel, machine, addresses.

use std::path::Path;

use nix::ifaddrs::getifaddrs;
use wire::Address;
use wire::report::System;

use super::tree::{Tree, short};

/// The system's name and version: os-release(5).
pub(crate) fn system_name(text: &str) -> Option<String> {
    let value = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='))?;
        let plain = line.trim().trim_matches(['"', '\'']);
        (!plain.is_empty()).then(|| short(plain))
    };
    value("PRETTY_NAME").or_else(|| value("NAME"))
}

/// What changes seldom.
pub(crate) fn system(tree: &mut Tree) -> System {
    let os = ["etc/os-release", "usr/lib/os-release"]
        .iter()
        .find_map(|path| system_name(tree.read(path)?));
    let marks = ["run/reboot-required", "var/run/reboot-required", "run/needrestart/reboot"];
    System {
        os: os.unwrap_or_else(|| "Linux".into()),
        kernel: tree.line("proc/sys/kernel/osrelease").unwrap_or_default(),
        reboot_needed: marks.iter().any(|mark| tree.path(mark).exists()),
        updates: None,
    }
}

/// The host's name.
pub(crate) fn name(tree: &mut Tree) -> String {
    tree.line("proc/sys/kernel/hostname").unwrap_or_default()
}

/// SHA-256 of the machine's id, so that the id itself stays here; [`None`] if it has none.
pub(crate) fn machine(tree: &mut Tree) -> Option<String> {
    let paths = ["etc/machine-id", "var/lib/dbus/machine-id"];
    let id = paths.iter().find_map(|path| tree.line(path).filter(|id| id.len() >= 16))?;
    Some(wire::text::sha256_hex(format!("panoptikon{id}").as_bytes()))
}

/// Kind of virtual machine or container; [`None`] on bare metal as far as anybody can tell.
pub(crate) fn virtualisation(tree: &mut Tree) -> Option<String> {
    if let Some(kind) = tree.line("run/systemd/container") {
        return Some(kind);
    }
    for (mark, kind) in [("run/.containerenv", "podman"), (".dockerenv", "docker")] {
        if tree.path(mark).exists() {
            return Some(kind.into());
        }
    }
    if let Some(kind) = tree.line("sys/hypervisor/type") {
        return Some(kind);
    }
    let makers = [
        ("QEMU", "kvm"),
        ("KVM", "kvm"),
        ("VMware", "vmware"),
        ("VirtualBox", "virtualbox"),
        ("innotek", "virtualbox"),
        ("Microsoft Corporation", "hyper-v"),
        ("Xen", "xen"),
        ("Parallels", "parallels"),
        ("Amazon EC2", "kvm"),
        ("Google", "kvm"),
    ];
    for file in ["sys_vendor", "product_name"] {
        let Some(text) = tree.line(&format!("sys/class/dmi/id/{file}")) else { continue };
        if let Some((_, kind)) = makers.iter().find(|(maker, _)| text.contains(maker)) {
            return Some((*kind).to_owned());
        }
    }
    let hypervisor = tree
        .read("proc/cpuinfo")
        .and_then(|text| text.lines().find(|line| line.starts_with("flags")))
        .is_some_and(|flags| flags.ends_with(" hypervisor") || flags.contains(" hypervisor "));
    hypervisor.then(|| "vm".to_owned())
}

/// Interfaces with their addresses, without the loopback.
pub(crate) fn addresses(tree: &mut Tree) -> Vec<Address> {
    let mut list: Vec<Address> = Vec::new();
    for entry in getifaddrs().into_iter().flatten() {
        if entry.interface_name == "lo" {
            continue;
        }
        let name = short(&entry.interface_name);
        let at = list.iter().position(|known| known.interface == name);
        let known = if let Some(at) = at {
            list.get_mut(at)
        } else if list.len() < 48 {
            let mac = tree.line(&format!("sys/class/net/{name}/address")).unwrap_or_default();
            let mac = if mac == "00:00:00:00:00:00" { String::new() } else { mac };
            list.push(Address { interface: name, mac, ips: Vec::new() });
            list.last_mut()
        } else {
            None
        };
        let (Some(known), Some(address)) = (known, entry.address) else { continue };
        let mask = entry.netmask;
        let text = if let Some(v4) = address.as_sockaddr_in() {
            let mask = mask.as_ref().and_then(|mask| mask.as_sockaddr_in());
            let bits = mask.map_or(32, |mask| u32::from(mask.ip()).count_ones());
            format!("{}/{bits}", v4.ip())
        } else if let Some(v6) = address.as_sockaddr_in6() {
            let mask = mask.as_ref().and_then(|mask| mask.as_sockaddr_in6());
            let bits = mask.map_or(128, |mask| u128::from(mask.ip()).count_ones());
            format!("{}/{bits}", v6.ip())
        } else {
            continue;
        };
        if known.ips.len() < 16 {
            known.ips.push(text);
        }
    }
    list
}

/// SHA-256 of the running program's own file.
pub(crate) fn own_hash() -> String {
    let hash = crate::files::sha256_of(Path::new("/proc/self/exe"), u64::MAX);
    hash.map(|hash| wire::text::hex(&hash)).unwrap_or_default()
}
