//! Asks the kernel for interfaces and counters. For threads that may block.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use super::decode::{self, RawLink};
use super::link::{Address, Counters, Duplex, Interface, Kind, Link, Rates};
use crate::SystemError;
use netlink::wire::{Message, Request};
use netlink::{Dump, Netlink};

/// The most interfaces that are shown; a server of dial-in lines may have more.
const MOST: usize = 1_024;
/// How often a table that changes while it is read is read again.
const ATTEMPTS: usize = 4;
/// How many masters an interface may have above each other.
const DEPTH: usize = 4;

/// Reads interfaces and remembers their counters, so that it can tell rates.
pub struct Sampler {
    netlink: Netlink,
    links: BTreeMap<u32, Arc<Link>>,
    before: HashMap<u32, (Counters, Instant)>,
}

impl Sampler {
    /// Opens a socket in the network namespace of the calling thread.
    pub fn open() -> Result<Self, SystemError> {
        let netlink =
            Netlink::open(netlink::ROUTE).map_err(SystemError::io("open", "a netlink socket"))?;
        Ok(Self { netlink, links: BTreeMap::new(), before: HashMap::new() })
    }

    /// Asks for all interfaces and their addresses anew.
    pub fn refresh(&mut self) -> Result<(), SystemError> {
        let request = Request::all(decode::GET_LINK, &[0; decode::LINK_HEADER])
            .with(decode::EXT_MASK, &decode::SKIP_STATS.to_ne_bytes());
        let raw: Vec<RawLink> = self.all("the interfaces", &request, decode::link)?;
        let request = Request::all(decode::GET_ADDRESS, &[0; decode::ADDRESS_HEADER]);
        let mut addresses: HashMap<u32, Vec<Address>> = HashMap::new();
        for (index, address) in self.all("the addresses", &request, decode::address)? {
            addresses.entry(index).or_default().push(address);
        }
        let by_index: HashMap<u32, &RawLink> = raw.iter().map(|l| (l.index, l)).collect();
        let mut links = BTreeMap::new();
        for link in raw.iter().take(MOST) {
            let own = addresses.remove(&link.index).unwrap_or_default();
            let fresh = describe(link, &by_index, own);
            // What has not changed is not kept twice.
            let kept = self.links.remove(&link.index).filter(|old| **old == fresh);
            links.insert(link.index, kept.unwrap_or_else(|| Arc::new(fresh)));
        }
        self.links = links;
        let links = &self.links;
        self.before.retain(|index, _| links.contains_key(index));
        Ok(())
    }

    /// Reads the counters of all interfaces, and how fast they have grown since the last time.
    /// Sorted by name, numbers in names as numbers.
    pub fn sample(&mut self) -> Result<Vec<Interface>, SystemError> {
        // struct if_stats_msg: the mask of what is wanted is its last number.
        let mut header = [0; decode::STATS_HEADER];
        header[8..].copy_from_slice(&1_u32.to_ne_bytes());
        let request = Request::all(decode::GET_STATS, &header);
        let stats = self.all("the counters", &request, decode::stats)?;
        let now = Instant::now();
        if stats.iter().any(|(index, _)| !self.links.contains_key(index)) && self.links.len() < MOST
        {
            self.refresh()?; // a new interface
        }
        let mut interfaces = Vec::with_capacity(self.links.len());
        for (index, counters) in stats {
            let Some(link) = self.links.get(&index) else {
                continue;
            };
            let before = self.before.insert(index, (counters, now));
            let rates = before
                .and_then(|(old, then)| Rates::between(&old, &counters, now.duration_since(then)));
            interfaces.push(Interface { link: Arc::clone(link), counters, rates });
        }
        model::sort_by_cached_key(&mut interfaces, |i| natural(&i.link.name));
        Ok(interfaces)
    }

    /// All entries of a table, read until it holds still.
    fn all<T>(
        &mut self,
        what: &'static str,
        request: &Request,
        decode: impl Fn(&Message<'_>) -> Option<T>,
    ) -> Result<Vec<T>, SystemError> {
        let mut found = Vec::new();
        for _ in 0..ATTEMPTS {
            found.clear();
            let each = |message: &Message<'_>| {
                found.extend(decode(message));
                ControlFlow::Continue(())
            };
            let outcome = self
                .netlink
                .dump(request.clone(), each)
                .map_err(SystemError::io("ask the kernel for", what))?;
            if outcome == Dump::Whole {
                break;
            }
        }
        Ok(found)
    }
}

fn describe(raw: &RawLink, all: &HashMap<u32, &RawLink>, mut addresses: Vec<Address>) -> Link {
    let name = |index: Option<u32>| Some(all.get(&index?)?.name.clone());
    let masters = std::iter::successors(Some(raw), |link| all.get(&link.master?).copied());
    let vrf = masters.take(DEPTH).skip(1).find(|link| link.kind == Kind::Vrf);
    model::sort_by_key(&mut addresses, |a| a.ip.is_ipv6());
    let (speed_mbps, duplex) = line(raw);
    Link {
        index: raw.index,
        name: raw.name.clone(),
        alias: raw.alias.clone(),
        mac: raw.mac,
        mtu: raw.mtu,
        kind: raw.kind,
        driver: raw.driver.clone(),
        is_up: raw.is_up,
        oper: raw.oper,
        has_carrier: raw.has_carrier,
        parent: name(raw.parent),
        master: name(raw.master),
        vrf: vrf.map(|link| link.name.clone()),
        vrf_table: raw.vrf_table,
        vlan: raw.vlan,
        speed_mbps,
        duplex,
        addresses,
    }
}

/// Speed and duplex, which rtnetlink does not have. Only what has a line or is made of such is
/// asked.
fn line(raw: &RawLink) -> (Option<u32>, Option<Duplex>) {
    let has_line = matches!(raw.kind, Kind::Ethernet | Kind::Bond | Kind::Veth);
    if !has_line || !raw.is_up || raw.name.contains('/') {
        return (None, None);
    }
    let read = |file: &str| fs::read_to_string(format!("/sys/class/net/{}/{file}", raw.name)).ok();
    // -1 is "unknown".
    let speed = read("speed").and_then(|text| text.trim().parse().ok()).filter(|mbps| *mbps > 0);
    let duplex = read("duplex").and_then(|text| match text.trim() {
        "full" => Some(Duplex::Full),
        "half" => Some(Duplex::Half),
        _ => None,
    });
    (speed, duplex)
}

/// A key by which `eth2` comes before `eth10`.
fn natural(name: &str) -> Vec<(String, u64)> {
    let mut parts = Vec::new();
    let mut rest = name;
    while !rest.is_empty() {
        let letters = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let (text, tail) = rest.split_at(letters);
        let digits = tail.find(|c: char| !c.is_ascii_digit()).unwrap_or(tail.len());
        let (number, tail) = tail.split_at(digits);
        parts.push((text.to_owned(), number.parse().unwrap_or(0)));
        rest = tail;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_names_sort_as_numbers() {
        let mut names = ["eth10", "eth2", "br0", "eth2.100", "eth2.20", "lo"];
        names.sort_by_cached_key(|name| natural(name));
        assert_eq!(names, ["br0", "eth2", "eth2.20", "eth2.100", "eth10", "lo"]);
    }
}
