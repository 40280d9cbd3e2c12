//! DHCP leases, from the files of Kea (1.5 and later) and of ISC's server (1.4).

mod isc;
mod kea;

pub use isc::parse_isc;
pub use kea::parse_kea;

use serde::Serialize;

use crate::facts::{Subnet, net};

/// An address or prefix that a station was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Lease {
    /// The address; of a delegated prefix its first.
    pub address: String,
    /// Of a delegated prefix.
    pub prefix_length: Option<u8>,
    /// The station's hardware address, with `:` and small letters; IPv6 may not tell it.
    pub mac: Option<String>,
    /// The identifier that it gave (IPv6, and IPv4 where it gave one).
    pub client_id: Option<String>,
    /// What it calls itself.
    pub hostname: Option<String>,
    /// When it began, in seconds since 1970.
    pub start: Option<u64>,
    /// When it ends, in seconds since 1970; none: never.
    pub end: Option<u64>,
    /// As the server noted it; see `state`.
    pub noted: LeaseState,
    /// The number of its subnet (Kea).
    pub subnet_id: Option<u32>,
}

/// What is with a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LeaseState {
    /// The station has it.
    Active,
    /// Its time is over.
    Expired,
    /// It was given back, or taken back.
    Released,
    /// A station found it used by another.
    Declined,
    /// It is none: free, or kept for the other of two servers.
    Free,
}

impl Lease {
    /// What is with it now, in seconds since 1970.
    pub fn state(&self, now: u64) -> LeaseState {
        match (self.noted, self.end) {
            (LeaseState::Active, Some(end)) if end <= now => LeaseState::Expired,
            (noted, _) => noted,
        }
    }

    /// Seconds that it still lasts; none if it is over or never ends.
    pub fn remaining(&self, now: u64) -> Option<u64> {
        self.end?.checked_sub(now).filter(|left| *left > 0)
    }
}

/// How full the pools of a subnet are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct PoolUsage {
    /// Addresses in pools, without those that are excluded.
    pub size: u128,
    /// Of these, how many stations have.
    pub used: u128,
}

/// How full the pools of a subnet are now, in seconds since 1970.
pub fn pool_usage(subnet: &Subnet, leases: &[Lease], now: u64) -> PoolUsage {
    let span = |range: &crate::facts::dhcp::Range| match (&range.start, &range.stop, &range.prefix)
    {
        (Some(start), Some(stop), _) => net::span(&format!("{start}-{stop}")),
        (_, _, Some(prefix)) => net::span(prefix),
        _ => None,
    };
    let spans: Vec<_> = subnet.ranges.iter().filter_map(span).collect();
    let bits = |address: std::net::IpAddr| match address {
        std::net::IpAddr::V4(address) => u128::from(address.to_bits()),
        std::net::IpAddr::V6(address) => address.to_bits(),
    };
    let inside = |text: &str| {
        let address = text.parse::<std::net::IpAddr>().ok();
        address.is_some_and(|address| {
            spans.iter().any(|(low, high)| *low <= address && address <= *high)
        })
    };
    let all: u128 = spans.iter().fold(0, |sum: u128, (low, high)| {
        sum.saturating_add((bits(*high) - bits(*low)).saturating_add(1))
    });
    let excluded = subnet.excluded.iter().filter(|address| inside(address)).count() as u128;
    let used = |lease: &&Lease| {
        let holds = matches!(lease.state(now), LeaseState::Active | LeaseState::Declined);
        holds && lease.prefix_length.is_none() && inside(&lease.address)
    };
    let used = leases.iter().filter(used).count() as u128;
    PoolUsage { size: all.saturating_sub(excluded), used }
}
