//! The DNS forwarder, domains with servers of their own, and the router's own host names.

use serde::{Deserialize, Serialize};

use super::draft::below;
use super::{Check, Draft, EditError, value};
use crate::facts::dns::{DnsForwarding, DomainOverride, HostMapping, NameServer};

/// The DNS forwarder as it shall be.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct DnsForwardingEdit {
    /// Addresses that it answers on; at least one.
    pub listen_addresses: Vec<String>,
    /// Prefixes whose questions it answers; at least one.
    pub allow_from: Vec<String>,
    /// Servers that it asks; without any it asks the root servers itself.
    pub name_servers: Vec<ServerEdit>,
    /// It asks the router's own servers as well.
    pub uses_system: bool,
    /// Answers kept.
    pub cache_size: Option<u32>,
    /// `off`, `process-no-validate`, `process`, `log-fail` or `validate`.
    pub dnssec: Option<String>,
}

/// A DNS server.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ServerEdit {
    /// Its address.
    pub address: String,
    /// None: 53.
    pub port: Option<u16>,
}

/// A domain with servers of its own, as it shall be.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct DomainEdit {
    /// The domain.
    pub domain: String,
    /// At least one.
    pub name_servers: Vec<ServerEdit>,
    /// They are resolvers, not the servers of the domain.
    pub recursion_desired: bool,
    /// Signatures are not demanded of it.
    pub negative_trust_anchor: bool,
}

/// A host that the router knows by name, as it shall be.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct HostMappingEdit {
    /// Its name.
    pub name: String,
    /// At least one.
    pub addresses: Vec<String>,
    /// Its other names.
    pub aliases: Vec<String>,
}

impl From<&NameServer> for ServerEdit {
    fn from(server: &NameServer) -> Self {
        Self { address: server.address.clone(), port: server.port }
    }
}

impl From<&DnsForwarding> for DnsForwardingEdit {
    fn from(dns: &DnsForwarding) -> Self {
        Self {
            listen_addresses: dns.listen_addresses.clone(),
            allow_from: dns.allow_from.clone(),
            name_servers: dns.name_servers.iter().map(ServerEdit::from).collect(),
            uses_system: dns.uses_system,
            cache_size: dns.cache_size,
            dnssec: dns.dnssec.clone(),
        }
    }
}

impl From<&DomainOverride> for DomainEdit {
    fn from(one: &DomainOverride) -> Self {
        Self {
            domain: one.domain.clone(),
            name_servers: one.name_servers.iter().map(ServerEdit::from).collect(),
            recursion_desired: one.recursion_desired,
            negative_trust_anchor: one.negative_trust_anchor,
        }
    }
}

impl From<&HostMapping> for HostMappingEdit {
    fn from(host: &HostMapping) -> Self {
        Self {
            name: host.name.clone(),
            addresses: host.addresses.clone(),
            aliases: host.aliases.clone(),
        }
    }
}

const FORWARDING: [&str; 3] = ["service", "dns", "forwarding"];
const HOSTS: [&str; 3] = ["system", "static-host-mapping", "host-name"];

impl Draft<'_> {
    /// Changes the DNS forwarder, or sets one up.
    pub fn edit_dns_forwarding(&mut self, edit: &DnsForwardingEdit) -> Result<(), EditError> {
        let mut check = Check::default();
        check.each("listen_addresses", &edit.listen_addresses, value::listen);
        check.each("allow_from", &edit.allow_from, value::prefix);
        let listens = !edit.listen_addresses.is_empty();
        check.that(listens, "listen_addresses", "at least one is needed");
        check.that(!edit.allow_from.is_empty(), "allow_from", "at least one is needed");
        check_servers(&mut check, &edit.name_servers);
        check.range("cache_size", edit.cache_size, 0, 2_147_483_647);
        let modes = ["off", "process-no-validate", "process", "log-fail", "validate"];
        let known = edit.dnssec.as_deref().is_none_or(|mode| modes.contains(&mode));
        check.that(known, "dnssec", "one of off, process-no-validate, process, log-fail, validate");
        check.done()?;
        self.fill(&below(&FORWARDING, &["listen-address"]), &edit.listen_addresses);
        self.fill(&below(&FORWARDING, &["allow-from"]), &edit.allow_from);
        self.set_servers(&FORWARDING, &edit.name_servers);
        self.flag(&below(&FORWARDING, &["system"]), edit.uses_system);
        self.put(&below(&FORWARDING, &["cache-size"]), edit.cache_size);
        self.put(&below(&FORWARDING, &["dnssec"]), edit.dnssec.as_ref());
        Ok(())
    }

    /// Gives a domain servers of its own, or changes them.
    pub fn set_dns_domain(&mut self, edit: &DomainEdit) -> Result<(), EditError> {
        let mut check = Check::default();
        check.is("domain", &edit.domain, value::fqdn);
        check_servers(&mut check, &edit.name_servers);
        check.that(!edit.name_servers.is_empty(), "name_servers", "at least one is needed");
        let has_dns = self.exists(&FORWARDING);
        check.that(has_dns, "domain", "DNS forwarding is not set up yet");
        check.done()?;
        let path = below(&FORWARDING, &["domain", &edit.domain]);
        self.set_servers(&path, &edit.name_servers);
        self.flag(&below(&path, &["recursion-desired"]), edit.recursion_desired);
        self.flag(&below(&path, &["addnta"]), edit.negative_trust_anchor);
        Ok(())
    }

    /// Lets a domain be asked like all others.
    pub fn delete_dns_domain(&mut self, domain: &str) -> Result<(), EditError> {
        self.delete_at(&below(&FORWARDING, &["domain", domain]), "domain")
    }

    /// Gives a host a name on the router, or changes it.
    pub fn set_host_mapping(&mut self, edit: &HostMappingEdit) -> Result<(), EditError> {
        let mut check = Check::default();
        check.is("name", &edit.name, value::host);
        check.each("addresses", &edit.addresses, value::address);
        check.each("aliases", &edit.aliases, value::host);
        check.that(!edit.addresses.is_empty(), "addresses", "at least one is needed");
        check.done()?;
        let path = below(&HOSTS, &[&edit.name]);
        self.fill(&below(&path, &["inet"]), &edit.addresses);
        self.fill(&below(&path, &["alias"]), &edit.aliases);
        Ok(())
    }

    /// Takes a host's name away.
    pub fn delete_host_mapping(&mut self, name: &str) -> Result<(), EditError> {
        self.delete_at(&below(&HOSTS, &[name]), "name")?;
        self.prune(&["system", "static-host-mapping"], 1);
        Ok(())
    }

    /// Takes away what must be there.
    pub(super) fn delete_at(&mut self, path: &[&str], field: &str) -> Result<(), EditError> {
        if !self.exists(path) {
            let name = path.last().copied().unwrap_or_default();
            return Err(EditError::of(field, format!("there is no {name}")));
        }
        self.remove(path);
        Ok(())
    }

    fn set_servers(&mut self, path: &[&str], servers: &[ServerEdit]) {
        for old in self.names(&below(path, &["name-server"])) {
            if !servers.iter().any(|server| server.address == old) {
                self.remove(&below(path, &["name-server", &old]));
            }
        }
        for server in servers {
            let path = below(path, &["name-server", &server.address]);
            self.node(&path);
            self.put(&below(&path, &["port"]), server.port);
        }
    }
}

fn check_servers(check: &mut Check, servers: &[ServerEdit]) {
    let addresses: Vec<String> = servers.iter().map(|server| server.address.clone()).collect();
    check.each("name_servers", &addresses, value::address);
    let has_port = servers.iter().all(|server| server.port != Some(0));
    check.that(has_port, "name_servers", "a port from 1 to 65535");
}
