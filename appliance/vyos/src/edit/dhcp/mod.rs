//! The DHCP servers of both families: networks, fixed addresses of stations, pools, what clients are
//! told. Which family is meant says the prefix.

mod mapping;
mod subnet;

use serde::{Deserialize, Serialize};

use super::{Draft, EditError};
use crate::facts::dhcp::Range;
use crate::facts::{Family, StaticMapping, Subnet, dhcp_server, net};

/// A station whose address is fixed, as it shall be.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct StaticMappingEdit {
    /// Its name.
    pub name: String,
    /// Its hardware address.
    pub mac: Option<String>,
    /// Its DHCP identifier instead (1.5 and later).
    pub duid: Option<String>,
    /// An address of the subnet; without one it gets one of the pool.
    pub address: Option<String>,
    /// A prefix that is delegated to it (IPv6).
    pub prefix: Option<String>,
    /// What to call it (1.5 and later).
    pub description: Option<String>,
    /// Switched off.
    pub disabled: bool,
}

impl From<&StaticMapping> for StaticMappingEdit {
    fn from(mapping: &StaticMapping) -> Self {
        Self {
            name: mapping.name.clone(),
            mac: mapping.mac.clone(),
            duid: mapping.duid.clone(),
            address: mapping.address.clone(),
            prefix: mapping.prefix.clone(),
            description: mapping.description.clone(),
            disabled: mapping.disabled,
        }
    }
}

/// What a subnet gives and tells, as it shall be. IPv6 knows pools, DNS servers, domains that are
/// tried and how long leases last.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SubnetEdit {
    /// In seconds; none: a day.
    pub lease_seconds: Option<u32>,
    /// Pools, all of them.
    pub ranges: Vec<RangeEdit>,
    /// Addresses within pools that are not given.
    pub excluded: Vec<String>,
    /// The gateway.
    pub default_router: Option<String>,
    /// DNS servers.
    pub name_servers: Vec<String>,
    /// The domain they are in.
    pub domain_name: Option<String>,
    /// Domains that they try.
    pub domain_search: Vec<String>,
    /// Time servers.
    pub ntp_servers: Vec<String>,
}

/// A pool, both ends included.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RangeEdit {
    /// Its name, often a number; 1.4 has none for IPv6, then it does not count.
    pub name: String,
    /// The first address.
    pub start: String,
    /// The last address.
    pub stop: String,
}

impl From<&Range> for RangeEdit {
    fn from(range: &Range) -> Self {
        Self {
            name: range.name.clone(),
            start: range.start.clone().unwrap_or_default(),
            stop: range.stop.clone().unwrap_or_default(),
        }
    }
}

/// A pool from one address to another: others are a whole prefix, and stay as they are.
fn has_ends(range: &Range) -> bool {
    range.prefix.is_none()
}

impl From<&Subnet> for SubnetEdit {
    fn from(subnet: &Subnet) -> Self {
        let options = subnet.options.clone();
        Self {
            lease_seconds: subnet.lease_seconds,
            ranges: subnet
                .ranges
                .iter()
                .filter(|range| has_ends(range))
                .map(RangeEdit::from)
                .collect(),
            excluded: subnet.excluded.clone(),
            default_router: options.default_router,
            name_servers: options.name_servers,
            domain_name: options.domain_name,
            domain_search: options.domain_search,
            ntp_servers: options.ntp_servers,
        }
    }
}

/// The family of a prefix.
pub fn family_of(prefix: &str) -> Family {
    if prefix.contains(':') { Family::Ipv6 } else { Family::Ipv4 }
}

impl Draft<'_> {
    fn dhcp_subnet(&self, network: &str, prefix: &str) -> Result<Subnet, EditError> {
        let server = dhcp_server(self.tree(), family_of(prefix));
        let mut networks = server.into_iter().flat_map(|server| server.networks);
        let network = networks.find(|known| known.name == network);
        let network =
            network.ok_or_else(|| EditError::of("network", "there is no such shared network"))?;
        let found = network.subnets.into_iter().find(|known| known.prefix == prefix);
        found.ok_or_else(|| EditError::of("subnet", "there is no such subnet in this network"))
    }
}

fn server_word(family: Family) -> &'static str {
    match family {
        Family::Ipv4 => "dhcp-server",
        Family::Ipv6 => "dhcpv6-server",
    }
}

fn subnet_path<'a>(network: &'a str, prefix: &'a str) -> Vec<&'a str> {
    let server = server_word(family_of(prefix));
    vec!["service", server, "shared-network-name", network, "subnet", prefix]
}

fn within(prefix: &str, address: &str) -> bool {
    address.parse().is_ok_and(|address| net::contains(prefix, address) == Some(true))
}
