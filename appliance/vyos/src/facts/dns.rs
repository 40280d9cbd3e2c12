//! DNS: the forwarder, its overrides and own records, and the router's own host names.

use serde::Serialize;

use super::read::Reader;
use crate::config::Node;

/// The DNS forwarder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DnsForwarding {
    /// Addresses that it answers on.
    pub listen_addresses: Vec<String>,
    /// 53 where none is configured.
    pub port: Option<u16>,
    /// Prefixes whose questions it answers.
    pub allow_from: Vec<String>,
    /// Servers that it asks; without any it asks the root servers itself.
    pub name_servers: Vec<NameServer>,
    /// It asks the router's own servers as well.
    pub uses_system: bool,
    /// Interfaces whose DHCP servers it asks as well.
    pub uses_dhcp_of: Vec<String>,
    /// Answers kept.
    pub cache_size: Option<u32>,
    /// `off`, `process-no-validate`, `process`, `log-fail` or `validate`.
    pub dnssec: Option<String>,
    /// It does not answer from the router's own host names.
    pub ignores_hosts_file: bool,
    /// Domains that are asked of servers of their own.
    pub domains: Vec<DomainOverride>,
    /// Domains that it answers itself.
    pub zones: Vec<AuthoritativeZone>,
    /// All else, in the configuration's words.
    pub other: Vec<String>,
}

/// A server to ask.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NameServer {
    /// Its address.
    pub address: String,
    /// 53 where none is configured.
    pub port: Option<u16>,
    /// All else, in the configuration's words.
    pub other: Vec<String>,
}

/// A domain that is asked of servers of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DomainOverride {
    /// The domain.
    pub domain: String,
    /// The servers.
    pub name_servers: Vec<NameServer>,
    /// They are resolvers, not the servers of the domain.
    pub recursion_desired: bool,
    /// Signatures are not demanded of it.
    pub negative_trust_anchor: bool,
    /// All else, in the configuration's words.
    pub other: Vec<String>,
}

/// A domain that the forwarder answers itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuthoritativeZone {
    /// The domain.
    pub domain: String,
    /// Switched off.
    pub disabled: bool,
    /// Its records.
    pub records: Vec<Record>,
    /// All else, in the configuration's words.
    pub other: Vec<String>,
}

/// A name in a domain and what is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Record {
    /// `a`, `aaaa`, `cname`, `mx`, `txt` …
    pub kind: String,
    /// Relative to the domain; `@` for the domain itself.
    pub name: String,
    /// Addresses, target or texts; servers and entries in the configuration's words.
    pub values: Vec<String>,
    /// In seconds; 300 where none is configured.
    pub ttl: Option<u32>,
    /// Switched off.
    pub disabled: bool,
}

/// A host that the router itself knows by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HostMapping {
    /// Its name.
    pub name: String,
    /// Its addresses.
    pub addresses: Vec<String>,
    /// Its other names.
    pub aliases: Vec<String>,
    /// All else, in the configuration's words.
    pub other: Vec<String>,
}

/// The DNS forwarder; none where it is not configured.
pub fn dns_forwarding(root: &Node) -> Option<DnsForwarding> {
    let mut reader = Reader::new(root.at(["service", "dns", "forwarding"])?);
    Some(DnsForwarding {
        listen_addresses: reader.texts("listen-address"),
        port: reader.number("port"),
        allow_from: reader.texts("allow-from"),
        name_servers: reader.each("name-server").into_iter().map(server).collect(),
        uses_system: reader.flag("system"),
        uses_dhcp_of: reader.texts("dhcp"),
        cache_size: reader.number("cache-size"),
        dnssec: reader.text("dnssec"),
        ignores_hosts_file: reader.flag("ignore-hosts-file"),
        domains: reader.each("domain").into_iter().map(domain).collect(),
        zones: reader.each("authoritative-domain").into_iter().map(zone).collect(),
        other: reader.rest(),
    })
}

/// The router's own host names.
pub fn host_mappings(root: &Node) -> Vec<HostMapping> {
    let mut reader = Reader::of(root.at(["system", "static-host-mapping"]));
    let one = |(name, mut host): (String, Reader<'_>)| HostMapping {
        name,
        addresses: host.texts("inet"),
        aliases: host.texts("alias"),
        other: host.rest(),
    };
    reader.each("host-name").into_iter().map(one).collect()
}

fn server((address, mut reader): (String, Reader<'_>)) -> NameServer {
    NameServer { address, port: reader.number("port"), other: reader.rest() }
}

fn domain((domain, mut reader): (String, Reader<'_>)) -> DomainOverride {
    let word = if reader.has("name-server") { "name-server" } else { "server" };
    DomainOverride {
        domain,
        name_servers: reader.each(word).into_iter().map(server).collect(),
        recursion_desired: reader.flag("recursion-desired"),
        negative_trust_anchor: reader.flag("addnta"),
        other: reader.rest(),
    }
}

fn zone((domain, mut reader): (String, Reader<'_>)) -> AuthoritativeZone {
    let mut records = Vec::new();
    let kinds = reader.node("records").and_then(Node::children);
    for (kind, names) in kinds.into_iter().flat_map(crate::config::Children::iter) {
        for (name, node) in names.children().into_iter().flat_map(crate::config::Children::iter) {
            let mut record = Reader::new(node);
            let (ttl, disabled) = (record.number("ttl"), record.flag("disable"));
            let mut values = record.texts("address");
            values.extend(record.texts("target"));
            values.extend(record.texts("value"));
            values.extend(record.rest());
            let (kind, name) = (kind.to_owned(), name.to_owned());
            records.push(Record { kind, name, values, ttl, disabled });
        }
    }
    AuthoritativeZone { domain, disabled: reader.flag("disable"), records, other: reader.rest() }
}
