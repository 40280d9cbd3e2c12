//! The DHCP servers of both families: shared networks, subnets, pools, options, static mappings.

use serde::Serialize;

use super::read::Reader;
use super::routes::Family;
use crate::config::Node;

/// A DHCP server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DhcpServer {
    /// Which of the two.
    pub family: Family,
    /// It is configured and not switched off.
    pub enabled: bool,
    /// Addresses that it listens on; all of its subnets' where there are none.
    pub listen_addresses: Vec<String>,
    /// Interfaces that it listens on.
    pub listen_interfaces: Vec<String>,
    /// What it serves.
    pub networks: Vec<SharedNetwork>,
    /// All else, in the configuration's words.
    pub other: Vec<String>,
}

/// Subnets on one wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SharedNetwork {
    /// Its name.
    pub name: String,
    /// What somebody said of it.
    pub description: Option<String>,
    /// Switched off.
    pub disabled: bool,
    /// It refuses addresses that other servers gave.
    pub authoritative: bool,
    /// For all its subnets.
    pub options: DhcpOptions,
    /// Its subnets.
    pub subnets: Vec<Subnet>,
    /// All else, in the configuration's words.
    pub other: Vec<String>,
}

/// A subnet that addresses are given in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Subnet {
    /// The name of its shared network.
    pub network: String,
    /// Its prefix.
    pub prefix: String,
    /// The number by which Kea knows it (1.5 and later).
    pub id: Option<u32>,
    /// What somebody said of it.
    pub description: Option<String>,
    /// Switched off.
    pub disabled: bool,
    /// In seconds; 86 400 for IPv4 where none is configured.
    pub lease_seconds: Option<u32>,
    /// Pools.
    pub ranges: Vec<Range>,
    /// Addresses within pools that are not given.
    pub excluded: Vec<String>,
    /// What clients are told.
    pub options: DhcpOptions,
    /// Stations whose address is fixed.
    pub mappings: Vec<StaticMapping>,
    /// All else, in the configuration's words.
    pub other: Vec<String>,
}

/// A pool of addresses, both ends included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Range {
    /// Its name; 1.4 has none for IPv6, then it is the first address.
    pub name: String,
    /// The first address.
    pub start: Option<String>,
    /// The last address.
    pub stop: Option<String>,
    /// A whole prefix instead (IPv6).
    pub prefix: Option<String>,
    /// All else, in the configuration's words.
    pub other: Vec<String>,
}

/// What clients are told.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct DhcpOptions {
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
    /// All else, in the configuration's words.
    pub other: Vec<String>,
}

/// A station whose address is fixed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StaticMapping {
    /// Its name, which it may be known by.
    pub name: String,
    /// Its hardware address as it is written.
    pub mac: Option<String>,
    /// Its DHCP identifier instead.
    pub duid: Option<String>,
    /// The address that it gets; without one it gets one of the pool.
    pub address: Option<String>,
    /// The prefix that is delegated to it (IPv6).
    pub prefix: Option<String>,
    /// What somebody said of it (1.5 and later).
    pub description: Option<String>,
    /// Switched off.
    pub disabled: bool,
    /// All else, in the configuration's words.
    pub other: Vec<String>,
}

/// The DHCP server of a family; none where it is not configured.
pub fn dhcp_server(root: &Node, family: Family) -> Option<DhcpServer> {
    let word = match family {
        Family::Ipv4 => "dhcp-server",
        Family::Ipv6 => "dhcpv6-server",
    };
    let mut reader = Reader::new(root.at(["service", word])?);
    Some(DhcpServer {
        family,
        // 1.3 and earlier wrote `disabled true|false`.
        enabled: !reader.flag("disable"),
        listen_addresses: reader.texts("listen-address"),
        listen_interfaces: reader.texts("listen-interface"),
        networks: reader.each("shared-network-name").into_iter().map(network).collect(),
        other: reader.rest(),
    })
}

fn network((name, mut reader): (String, Reader<'_>)) -> SharedNetwork {
    let subnets = reader.each("subnet").into_iter();
    SharedNetwork {
        subnets: subnets.map(|(prefix, reader)| subnet(&name, prefix, reader)).collect(),
        description: reader.text("description"),
        disabled: reader.flag("disable"),
        authoritative: reader.flag("authoritative"),
        options: options(&mut reader),
        other: reader.rest(),
        name,
    }
}

fn subnet(network: &str, prefix: String, mut reader: Reader<'_>) -> Subnet {
    let mut other = Vec::new();
    let mut ranges: Vec<Range> = reader.each("range").into_iter().map(range).collect();
    if let Some(mut old) = reader.group("address-range") {
        for (start, mut range) in old.each("start") {
            let stop = range.text("stop");
            let (name, start) = (start.clone(), Some(start));
            ranges.push(Range { name, start, stop, prefix: None, other: range.rest() });
        }
        for (prefix, range) in old.each("prefix") {
            let (name, prefix) = (prefix.clone(), Some(prefix));
            ranges.push(Range { name, start: None, stop: None, prefix, other: range.rest() });
        }
        old.rest_in("address-range", &mut other);
    }
    let mut lease_seconds = reader.number("lease");
    if let Some(mut lease) = reader.group("lease-time") {
        lease_seconds = lease.number("default");
        lease.rest_in("lease-time", &mut other);
    }
    let mut subnet = Subnet {
        network: network.to_owned(),
        prefix,
        id: reader.number("subnet-id"),
        description: reader.text("description"),
        disabled: reader.flag("disable"),
        lease_seconds,
        ranges,
        excluded: reader.texts("exclude"),
        options: options(&mut reader),
        mappings: reader.each("static-mapping").into_iter().map(mapping).collect(),
        other,
    };
    subnet.other.extend(reader.rest());
    subnet
}

fn range((name, mut reader): (String, Reader<'_>)) -> Range {
    Range {
        name,
        start: reader.text("start"),
        stop: reader.text("stop"),
        prefix: reader.text("prefix"),
        other: reader.rest(),
    }
}

fn mapping((name, mut reader): (String, Reader<'_>)) -> StaticMapping {
    let mut either = |one: &str, two: &str| reader.text(one).or_else(|| reader.text(two));
    StaticMapping {
        mac: either("mac", "mac-address"),
        duid: either("duid", "identifier"),
        address: either("ip-address", "ipv6-address"),
        prefix: reader.text("ipv6-prefix"),
        description: reader.text("description"),
        disabled: reader.flag("disable"),
        other: reader.rest(),
        name,
    }
}

/// Options stand in a group of their own (1.5), or among the rest (1.4).
fn options(reader: &mut Reader<'_>) -> DhcpOptions {
    let read = |reader: &mut Reader<'_>| DhcpOptions {
        default_router: reader.text("default-router"),
        name_servers: reader.texts("name-server"),
        domain_name: reader.text("domain-name"),
        domain_search: reader.texts("domain-search"),
        ntp_servers: reader.texts("ntp-server"),
        other: Vec::new(),
    };
    let mut options = read(reader);
    for word in ["option", "common-options"] {
        let Some(mut group) = reader.group(word) else { continue };
        let own = read(&mut group);
        options.default_router = own.default_router.or(options.default_router);
        options.domain_name = own.domain_name.or(options.domain_name);
        options.name_servers.extend(own.name_servers);
        options.domain_search.extend(own.domain_search);
        options.ntp_servers.extend(own.ntp_servers);
        options.other.extend(group.rest());
    }
    options
}
