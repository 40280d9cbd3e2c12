//! Who is signed in, and which ports wait for peers and whose they are.

use std::collections::HashSet;

use wire::report::{Port, User};

use super::{Collector, ports, processes, users};

impl Collector {
    pub(super) fn signed_in(&mut self) -> Vec<User> {
        let sessions = self.tree.names("run/systemd/sessions", 256);
        if self.tree.path("run/systemd/sessions").is_dir() {
            // Beside a session lies its `.ref`.
            let files = sessions.iter().filter(|name| !name.contains('.'));
            let mut read = |name: &String| {
                self.tree.read(&format!("run/systemd/sessions/{name}")).and_then(users::session)
            };
            return files.filter_map(&mut read).take(64).collect();
        }
        let octets = std::fs::read(self.tree.path("run/utmp")).unwrap_or_default();
        users::utmp(&octets, cfg!(target_arch = "aarch64"))
    }

    pub(super) fn open_ports(&mut self) -> Vec<Port> {
        let mut open = Vec::new();
        for (file, proto) in [("tcp", "tcp"), ("tcp6", "tcp"), ("udp", "udp"), ("udp6", "udp")] {
            if let Some(text) = self.tree.read(&format!("proc/net/{file}")) {
                ports::parse(text, proto, &mut open);
            }
        }
        open.sort();
        open.dedup_by(|a, b| (a.proto, a.port, a.address) == (b.proto, b.port, b.address));
        // Looking through the files of every process is dear: only for a port that is new.
        let inodes: HashSet<u64> = open.iter().map(|port| port.inode).collect();
        self.owners.retain(|inode, _| inodes.contains(inode));
        if inodes.iter().any(|inode| !self.owners.contains_key(inode)) {
            self.find_owners(&inodes);
        }
        let port = |open: ports::Open| {
            let owner = self.owners.get(&open.inode).filter(|(pid, _)| *pid != 0);
            Port {
                proto: open.proto.to_owned(),
                addr: open.address.to_string(),
                port: open.port,
                pid: owner.map(|(pid, _)| *pid),
                name: owner.map(|(_, name)| name.clone()),
            }
        };
        open.into_iter().map(port).collect()
    }

    /// Sockets of processes that this user may look into; the others are remembered as unknown.
    fn find_owners(&mut self, inodes: &HashSet<u64>) {
        for inode in inodes {
            self.owners.entry(*inode).or_insert((0, String::new()));
        }
        for name in self.tree.names("proc", processes::MOST) {
            let Ok(pid) = name.parse::<u32>() else { continue };
            let Ok(files) = std::fs::read_dir(self.tree.path(&format!("proc/{pid}/fd"))) else {
                continue;
            };
            for file in files.flatten().take(4096) {
                let Ok(target) = std::fs::read_link(file.path()) else { continue };
                let inode = target.to_str().and_then(|text| {
                    text.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
                });
                if let Some(inode) = inode.filter(|inode: &u64| inodes.contains(inode)) {
                    let name = self.tree.line(&format!("proc/{pid}/comm")).unwrap_or_default();
                    self.owners.insert(inode, (pid, name));
                }
            }
        }
    }
}
