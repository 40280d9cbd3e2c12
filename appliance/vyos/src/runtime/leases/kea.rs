//! Kea's memory file: a CSV with a header line, one line a change; the last of an address counts.

use std::collections::BTreeMap;

use super::{Lease, LeaseState};
use crate::facts::Family;
use crate::runtime::RuntimeError;

/// More addresses than this have no lease that is shown.
const MOST: usize = 262_144;
/// A lifetime that means "for ever".
const FOR_EVER: u64 = 0xffff_ffff;

/// Reads the files of a server, the oldest first.
pub fn parse_kea<'a>(
    family: Family,
    files: impl Iterator<Item = &'a str>,
) -> Result<Vec<Lease>, RuntimeError> {
    let mut leases = BTreeMap::new();
    for text in files {
        let mut lines = text.lines();
        // Before the first lease there may be nothing at all.
        let Some(header) = lines.next() else { continue };
        let header: Vec<&str> = header.split(',').collect();
        let column = |name: &str| header.iter().position(|known| *known == name);
        let Some(address_at) = column("address") else {
            let problem = "the first line names no address".to_owned();
            return Err(RuntimeError::Form { what: "Kea's leases", problem });
        };
        let columns = Columns {
            address: address_at,
            mac: column("hwaddr"),
            client: column(match family {
                Family::Ipv4 => "client_id",
                Family::Ipv6 => "duid",
            }),
            lifetime: column("valid_lifetime"),
            expire: column("expire"),
            subnet: column("subnet_id"),
            hostname: column("hostname"),
            state: column("state"),
            kind: column("lease_type"),
            prefix: column("prefix_len"),
        };
        for line in lines {
            let cells: Vec<&str> = line.split(',').collect();
            let Some((key, lease)) = columns.read(&cells) else { continue };
            match lease {
                Some(lease) if leases.len() < MOST || leases.contains_key(&key) => {
                    leases.insert(key, lease);
                }
                Some(_) => {}
                None => {
                    leases.remove(&key);
                }
            }
        }
    }
    let mut leases: Vec<Lease> = leases.into_values().collect();
    model::sort_by_cached_key(&mut leases, |lease| lease.address.parse::<std::net::IpAddr>().ok());
    Ok(leases)
}

/// An address, or a prefix with its length.
type Key = (String, Option<u8>);

struct Columns {
    address: usize,
    mac: Option<usize>,
    client: Option<usize>,
    lifetime: Option<usize>,
    expire: Option<usize>,
    subnet: Option<usize>,
    hostname: Option<usize>,
    state: Option<usize>,
    kind: Option<usize>,
    prefix: Option<usize>,
}

impl Columns {
    /// A line's lease, or its address alone where the line takes the lease away.
    fn read(&self, cells: &[&str]) -> Option<(Key, Option<Lease>)> {
        let text =
            |at: Option<usize>| cells.get(at?).filter(|t| !t.is_empty()).map(|t| unescape(t));
        let number = |at: Option<usize>| text(at)?.parse::<u64>().ok();
        let address = text(Some(self.address))?;
        address.parse::<std::net::IpAddr>().ok()?;
        let lifetime = number(self.lifetime)?;
        let expire = number(self.expire)?;
        // 2 is a prefix (RFC 8415, section 21.21, by Kea's numbering of lease types).
        let prefix_length =
            number(self.prefix).filter(|_| number(self.kind) == Some(2)).map(|length| length as u8);
        let key = (address.clone(), prefix_length);
        if lifetime == 0 {
            return Some((key, None));
        }
        let noted = match number(self.state) {
            None | Some(0) => LeaseState::Active,
            Some(1) => LeaseState::Declined,
            Some(2) => LeaseState::Expired,
            Some(_) => LeaseState::Released,
        };
        let end = (lifetime != FOR_EVER).then_some(expire);
        let lease = Lease {
            address,
            prefix_length,
            mac: text(self.mac).map(|mac| mac.to_ascii_lowercase()),
            client_id: text(self.client),
            hostname: text(self.hostname).map(|name| name.trim_end_matches('.').to_owned()),
            start: end.and_then(|end| end.checked_sub(lifetime)),
            end,
            noted,
            subnet_id: number(self.subnet).and_then(|id| u32::try_from(id).ok()),
        };
        Some((key, Some(lease)))
    }
}

/// `&#x2c` is a comma: Kea writes so what would divide its cells.
fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("&#x") {
        out.push_str(before);
        let code = after.get(..2).and_then(|code| u8::from_str_radix(code, 16).ok());
        if let (Some(code), Some(behind)) = (code, after.get(2..)) {
            out.push(char::from(code));
            rest = behind;
        } else {
            out.push_str("&#x");
            rest = after;
        }
    }
    out.push_str(rest);
    out
}
