//! Whether the router counts what its connections carry.

use super::Draft;

/// The same in 1.4, 1.5 and rolling: the sysctl `net.netfilter.nf_conntrack_acct`.
const ACCOUNTING: [&str; 3] = ["system", "conntrack", "flow-accounting"];

impl Draft<'_> {
    /// Whether connections are counted.
    pub fn counts_connections(&self) -> bool {
        self.exists(&ACCOUNTING)
    }

    /// Makes the router count the octets of connections, or no longer. It counts those that begin
    /// from then on.
    pub fn count_connections(&mut self, counts: bool) {
        self.flag(&ACCOUNTING, counts);
    }
}
