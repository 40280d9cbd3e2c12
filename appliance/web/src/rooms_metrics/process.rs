//! The process itself, as proc(5) tells, under the names that Prometheus' own libraries use.

use std::fs;

use super::{counter, gauge};
use crate::metrics::Family;

/// Clock ticks a second in `/proc`: `USER_HZ`, which Linux has fixed for programs.
const TICKS: f64 = 100.0;

/// What can be read.
pub(super) fn families() -> Vec<Family> {
    let mut all = Vec::new();
    if let Ok(status) = fs::read_to_string("/proc/self/status") {
        let kib = |name| field(&status, name).map(|n| n as f64 * 1_024.0);
        let resident =
            kib("VmRSS").map(|n| gauge("process_resident_memory_bytes", "Resident memory.", n));
        let virtual_size =
            kib("VmSize").map(|n| gauge("process_virtual_memory_bytes", "Virtual memory.", n));
        let threads =
            field(&status, "Threads").map(|n| gauge("process_threads", "Threads.", n as f64));
        all.extend([resident, virtual_size, threads].into_iter().flatten());
    }
    if let Some(ticks) = fs::read_to_string("/proc/self/stat").ok().as_deref().and_then(cpu) {
        let help = "User and system time spent.";
        all.push(counter("process_cpu_seconds_total", help, ticks as f64 / TICKS));
    }
    if let Ok(open) = fs::read_dir("/proc/self/fd") {
        // One of them is the folder itself.
        let open = open.count().saturating_sub(1);
        all.push(gauge("process_open_fds", "Open file descriptors.", open as f64));
    }
    let limits = fs::read_to_string("/proc/self/limits").ok();
    if let Some(most) = limits.as_deref().and_then(most_files) {
        all.push(gauge("process_max_fds", "File descriptors allowed.", most as f64));
    }
    all
}

/// The number behind a name of `/proc/self/status`.
fn field(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find(|l| l.split(':').next() == Some(name))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// User and system ticks of `/proc/self/stat`: the 14th and 15th field, counted behind the
/// program's name, which may hold anything.
fn cpu(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

fn most_files(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|l| l.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_programs_name_cannot_shift_the_fields() {
        let stat = "7 (a) b (c)) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0 5 0 100";
        assert_eq!(cpu(stat), Some(300));
        assert_eq!(cpu("7 (x"), None);
    }

    #[test]
    fn numbers_are_found_by_their_whole_name() {
        let status = "Name:\tVmRSS\nVmRSSx:\t 1 kB\nVmRSS:\t  2048 kB\nThreads:\t9\n";
        assert_eq!(field(status, "VmRSS"), Some(2_048));
        assert_eq!(field(status, "Threads"), Some(9));
        assert_eq!(field(status, "Vm"), None);
        let limits = "Limit  Soft Limit  Hard Limit\nMax open files   1024   4096   files\n";
        assert_eq!(most_files(limits), Some(1_024));
    }

    #[test]
    fn this_process_can_be_read() {
        assert_eq!(families().len(), 6);
    }
}
