//! Containers: what their engine lists, with what their control groups use.

use std::collections::HashMap;

use wire::report::Container;

use super::tree::{rate, rounded, short};
use super::{Collector, asked};

impl Collector {
    /// Containers with what their control groups tell.
    pub(super) fn contained(&mut self, list: Vec<asked::Listed>, now: u64) -> Vec<Container> {
        let mut spent = HashMap::new();
        let mut containers = Vec::new();
        for listed in list {
            let plain = listed.id.chars().all(|c| c.is_ascii_hexdigit());
            if !plain || listed.id.len() < 12 {
                continue;
            }
            let (used, mem) = self.control_group(&listed.id);
            let mut cpu_pct = 0.0;
            if let Some(used) = used {
                if let Some((was, then)) = self.spent.get(&listed.id) {
                    let us = rate(used.saturating_sub(*was), now.saturating_sub(*then));
                    cpu_pct = rounded(us as f64 / 10_000.0);
                }
                spent.insert(listed.id.clone(), (used, now));
            }
            let name = listed.names.first().map(|name| short(name.trim_start_matches('/')));
            containers.push(Container {
                id: listed.id.chars().take(12).collect(),
                name: name.unwrap_or_default(),
                image: short(&listed.image),
                state: short(&listed.state),
                cpu_pct,
                mem: mem.unwrap_or(0),
            });
        }
        self.spent = spent;
        containers
    }

    /// Processor time in microseconds and memory of a container.
    fn control_group(&mut self, id: &str) -> (Option<u64>, Option<u64>) {
        let folders = [
            format!("system.slice/docker-{id}.scope"),
            format!("docker/{id}"),
            format!("machine.slice/libpod-{id}.scope"),
            format!("libpod_parent/libpod-{id}"),
        ];
        for folder in &folders {
            let stat = self.tree.read(&format!("sys/fs/cgroup/{folder}/cpu.stat"));
            let used = stat.and_then(|text| {
                text.lines().find_map(|line| line.strip_prefix("usage_usec ")?.trim().parse().ok())
            });
            if used.is_some() {
                let mem = self.tree.value(&format!("sys/fs/cgroup/{folder}/memory.current"));
                return (used, mem);
            }
            // Version 1 of control groups counts nanoseconds.
            let used: Option<u64> =
                self.tree.value(&format!("sys/fs/cgroup/cpuacct/{folder}/cpuacct.usage"));
            if let Some(used) = used {
                let path = format!("sys/fs/cgroup/memory/{folder}/memory.usage_in_bytes");
                return (Some(used / 1000), self.tree.value(&path));
            }
        }
        (None, None)
    }
}
