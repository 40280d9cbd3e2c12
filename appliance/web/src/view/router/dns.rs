//! DNS: the forwarder, domains with servers of their own, the router's own host names.

use askama::Template;

use crate::view::{Choice, Empty, Field, Shell};

/// A line of a list: its name, what it leads to, and the way to change it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DnsRow {
    /// Domain or host.
    pub name: String,
    /// Servers or addresses.
    pub values: Vec<String>,
    /// What else is to be said.
    pub notes: Vec<String>,
    /// To change it.
    pub href: String,
}

/// A record that the forwarder answers itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordRow {
    /// Its whole name.
    pub name: String,
    /// `A`, `MX` …
    pub kind: String,
    /// What is answered.
    pub values: Vec<String>,
}

/// `GET /router/dns`.
#[derive(Debug, Clone, Template)]
#[template(path = "router/dns.html")]
pub struct DnsPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// What the forwarder does: what, and in which words; empty where it is not set up.
    pub facts: Vec<(&'static str, Vec<String>)>,
    /// What else is configured, in the configuration's words.
    pub other: Vec<String>,
    /// Domains that are asked of servers of their own.
    pub domains: Vec<DnsRow>,
    /// The router's own host names.
    pub hosts: Vec<DnsRow>,
    /// Records of domains that it answers itself.
    pub records: Vec<RecordRow>,
    /// What stands there if the forwarder is not set up.
    pub empty: Option<Empty>,
}

/// `GET /router/dns/forwarder`.
#[derive(Debug, Clone, Template)]
#[template(path = "router/dns_forwarder.html")]
pub struct DnsForwarderPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// Addresses it answers on.
    pub listen: Field,
    /// Networks whose questions it answers.
    pub allow: Field,
    /// Servers that it asks.
    pub servers: Field,
    /// It asks the router's own servers as well.
    pub system: bool,
    /// Answers kept.
    pub cache: Field,
    /// Whether signatures are checked.
    pub dnssec: Vec<Choice>,
    /// What is wrong with no field of its own.
    pub said: String,
}

/// `GET /router/dns/domain`.
#[derive(Debug, Clone, Template)]
#[template(path = "router/dns_domain.html")]
pub struct DnsDomainPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// The domain that is changed; empty for a new one.
    pub old: String,
    /// The domain.
    pub domain: Field,
    /// Its servers.
    pub servers: Field,
    /// They are resolvers.
    pub recursion: bool,
    /// Signatures are not demanded.
    pub unsigned: bool,
    /// What is wrong with no field of its own.
    pub said: String,
}

/// `GET /router/dns/host`.
#[derive(Debug, Clone, Template)]
#[template(path = "router/dns_host.html")]
pub struct DnsHostPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// The host that is changed; empty for a new one.
    pub old: String,
    /// Its name.
    pub name: Field,
    /// Its addresses.
    pub addresses: Field,
    /// Its other names.
    pub aliases: Field,
    /// What is wrong with no field of its own.
    pub said: String,
}
