//! How much one server gives away, and for how long. Numbers are from measurements of what
//! browsers need and what slow or hostile clients can hold.

use std::time::Duration;

use super::admission::Caps;

/// Most connections at once when the file limit allows.
const MOST_CONNECTIONS: usize = 1024;

/// Most connections of one address; a browser opens six, a script a few more.
const MOST_PER_ADDRESS: usize = 32;

/// Limits of the front door. [`Limits::default`] is what a router should have.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections altogether; lowered further to three quarters of the file limit.
    pub connections: usize,
    /// Connections of one address or IPv6 /64.
    pub per_address: usize,
    /// Time for the TLS handshake, from the first moment.
    pub handshake: Duration,
    /// Time for a request's headers, from its first byte; also for the first byte of a new
    /// connection.
    pub headers: Duration,
    /// How long a connection may wait between requests.
    pub idle: Duration,
    /// How long a busy connection may move no byte; longer than a request may take.
    pub stalled: Duration,
    /// Time from a request to the last byte of its answer, but for answers that a route declared
    /// as patient: whoever reads slower than that holds a place for nothing.
    pub answer: Duration,
    /// How long open requests may take to finish when the server stops.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: MOST_CONNECTIONS,
            per_address: MOST_PER_ADDRESS,
            handshake: Duration::from_secs(10),
            headers: Duration::from_secs(10),
            idle: Duration::from_secs(60),
            stalled: Duration::from_secs(40),
            answer: Duration::from_secs(90),
            drain: Duration::from_secs(5),
        }
    }
}

impl Limits {
    /// The connection caps under a limit of open files; a quarter is left for databases, captures
    /// and agents.
    pub fn caps(&self, open_files: Option<usize>) -> Caps {
        let total = open_files.map_or(self.connections, |n| self.connections.min(n / 4 * 3));
        Caps { total: total.max(1), per_address: self.per_address.max(1) }
    }
}

/// The soft limit of open files of this process, from `/proc/self/limits`.
pub fn open_file_limit() -> Option<usize> {
    parse_open_files(&std::fs::read_to_string("/proc/self/limits").ok()?)
}

fn parse_open_files(limits: &str) -> Option<usize> {
    let line = limits.lines().find_map(|l| l.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_file_limit_lowers_the_cap_and_leaves_a_quarter() {
        let limits = Limits::default();
        assert_eq!(limits.caps(Some(1024)).total, 768);
        assert_eq!(limits.caps(Some(8192)).total, 1024);
        assert_eq!(limits.caps(None).total, 1024);
    }

    #[test]
    fn the_file_limit_is_read_as_the_kernel_writes_it() {
        let text = "Limit                     Soft Limit           Hard Limit           Units     \n\
                    Max open files            1024                 524288               files     \n";
        assert_eq!(parse_open_files(text), Some(1024));
        assert_eq!(parse_open_files("Max open files  unlimited unlimited files"), None);
        assert!(open_file_limit().is_some());
    }
}
