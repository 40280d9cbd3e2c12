//! Names from the DHCP server's leases, for hosts that asked before anybody listened.
//!
//! Kea's memory file is CSV with a header line, one line a change, the last one counts (VyOS 1.5);
//! ISC's `dhcpd.leases` is a log of blocks of which the last for an address counts (VyOS 1.4).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use model::Mac;

/// Where the servers keep them.
const FILES: [&str; 4] = [
    "/config/dhcp/dhcp4-leases.csv",
    "/config/dhcpd.leases",
    "/var/lib/kea/kea-leases4.csv",
    "/var/lib/dhcp/dhcpd.leases",
];
/// The most that is read of a file: a lease takes some hundred bytes.
const MAX_BYTES: u64 = 8 << 20;

/// Reads the lease files again when they have changed.
#[derive(Debug, Default)]
pub(crate) struct LeaseFiles {
    seen: BTreeMap<PathBuf, SystemTime>,
}

impl LeaseFiles {
    /// Names by station, from files that have changed since the last call. Reads files: not for an
    /// async worker.
    pub(crate) fn changed(&mut self) -> BTreeMap<Mac, String> {
        let mut names = BTreeMap::new();
        for path in FILES.map(Path::new) {
            let Ok(facts) = std::fs::metadata(path) else { continue };
            let Ok(modified) = facts.modified() else { continue };
            if facts.len() > MAX_BYTES || self.seen.get(path) == Some(&modified) {
                continue;
            }
            if let Ok(text) = std::fs::read_to_string(path) {
                names.append(&mut read(&text));
                self.seen.insert(path.to_owned(), modified);
            }
        }
        names
    }
}

/// Names by station, from a lease file of either server.
pub fn read(text: &str) -> BTreeMap<Mac, String> {
    if text.starts_with("address,") { read_kea(text) } else { read_isc(text) }
}

fn read_kea(text: &str) -> BTreeMap<Mac, String> {
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap_or_default().split(',').collect();
    let column = |name: &str| header.iter().position(|h| *h == name);
    let (Some(mac), Some(name)) = (column("hwaddr"), column("hostname")) else {
        return BTreeMap::new();
    };
    let mut names = BTreeMap::new();
    for line in lines {
        let cells: Vec<&str> = line.split(',').collect();
        let station = cells.get(mac).and_then(|text| text.parse::<Mac>().ok());
        // Kea writes a comma inside a name as &#x2c.
        let name = cells.get(name).map(|n| n.replace("&#x2c", ",")).filter(|n| !n.is_empty());
        if let (Some(station), Some(name)) = (station, name) {
            names.insert(station, name);
        }
    }
    names
}

fn read_isc(text: &str) -> BTreeMap<Mac, String> {
    let mut names = BTreeMap::new();
    let (mut station, mut name) = (None, None);
    for line in text.lines() {
        let line = line.trim();
        if line.starts_with("lease ") {
            (station, name) = (None, None);
        } else if let Some(text) = line.strip_prefix("hardware ethernet ") {
            station = text.trim_end_matches(';').parse::<Mac>().ok();
        } else if let Some(text) = line.strip_prefix("client-hostname ") {
            name = Some(text.trim_end_matches(';').trim_matches('"').to_owned());
        } else if line == "}"
            && let (Some(station), Some(name)) = (station.take(), name.take())
        {
            names.insert(station, name);
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const STATION: Mac = Mac([0x3c, 0x06, 0x30, 1, 2, 3]);

    #[test]
    fn keas_last_line_for_a_station_counts() {
        let text = "address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,\
                    hostname,state,user_context,pool_id\n\
                    192.168.50.10,3c:06:30:01:02:03,,3600,1700000000,1,0,0,old,0,,0\n\
                    192.168.50.10,3c:06:30:01:02:03,,3600,1700003600,1,0,0,kims-ipad,0,,0\n\
                    192.168.50.11,3c:06:30:01:02:04,,3600,1700003600,1,0,0,,0,,0\n";
        assert_eq!(read(text), BTreeMap::from([(STATION, "kims-ipad".to_owned())]));
    }

    #[test]
    fn iscs_last_block_for_a_station_counts() {
        let block = |name: &str| {
            format!(
                "lease 192.168.1.10 {{\n  starts 4 2026/11/19 10:00:00;\n  binding state active;\n  \
                 hardware ethernet 3c:06:30:01:02:03;\n  client-hostname \"{name}\";\n}}\n"
            )
        };
        let text = format!("# written by dhcpd\n{}{}", block("old"), block("kims-ipad"));
        assert_eq!(read(&text), BTreeMap::from([(STATION, "kims-ipad".to_owned())]));
    }

    proptest! {
        #[test]
        fn no_file_panics(text: String) {
            let _ = (read(&text), read_kea(&text), read_isc(&text));
        }
    }
}
