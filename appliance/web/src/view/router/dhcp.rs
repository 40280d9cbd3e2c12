//! DHCP: pools, leases, fixed addresses.

use askama::Template;

use crate::view::{Choice, Empty, Field, Moment, Pager, Query, Shell, Tab, Tone};

/// A subnet that addresses are given in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubnetView {
    /// Its prefix.
    pub prefix: String,
    /// What somebody said of it.
    pub description: String,
    /// It is switched off.
    pub disabled: bool,
    /// How full its pools are, in percent; none where that is not known.
    pub used: Option<u8>,
    /// The same in words; empty where it is not known.
    pub usage: String,
    /// What it gives and tells: what, and in which words.
    pub facts: Vec<(&'static str, Vec<String>)>,
    /// What else is configured, in the configuration's words.
    pub other: Vec<String>,
    /// To change it; empty where that cannot be done here.
    pub href: String,
}

/// Subnets on one wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkView {
    /// Its name.
    pub name: String,
    /// What is to be said of it.
    pub notes: Vec<String>,
    /// Its subnets.
    pub subnets: Vec<SubnetView>,
    /// What else is configured, in the configuration's words.
    pub other: Vec<String>,
}

/// The server of a family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DhcpServerView {
    /// Such as `DHCP for IPv4`.
    pub title: &'static str,
    /// Whether it runs, as configured.
    pub state: &'static str,
    /// The colour of that.
    pub tone: Tone,
    /// Where it listens.
    pub notes: Vec<String>,
    /// What it serves.
    pub networks: Vec<NetworkView>,
    /// What else is configured, in the configuration's words.
    pub other: Vec<String>,
}

/// `GET /router/dhcp`.
#[derive(Debug, Clone, Template)]
#[template(path = "router/dhcp.html")]
pub struct DhcpPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// Pools, leases, fixed addresses.
    pub tabs: Vec<Tab>,
    /// The servers that are configured.
    pub servers: Vec<DhcpServerView>,
    /// What is not known and why; empty if all is.
    pub missing: String,
    /// What stands there if there is none.
    pub empty: Option<Empty>,
}

/// A lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseRow {
    /// The address, or the prefix.
    pub address: String,
    /// What the station calls itself.
    pub name: String,
    /// The device's name and page, where it is known.
    pub device: Option<(String, String)>,
    /// The station's hardware address, or its identifier.
    pub station: String,
    /// What is with it.
    pub state: &'static str,
    /// The colour of that.
    pub tone: Tone,
    /// When it began.
    pub start: Option<Moment>,
    /// When it ends.
    pub end: Option<Moment>,
    /// How long it still lasts; empty if it is over.
    pub left: String,
    /// The shared network it is in; empty where that is not configured any more.
    pub pool: String,
    /// To make its address fixed; empty where that cannot be done.
    pub fix: String,
    /// The station's address is fixed already.
    pub fixed: bool,
}

/// `GET /router/dhcp/leases`.
#[derive(Debug, Clone, Template)]
#[template(path = "router/leases.html")]
pub struct LeasesPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// Pools, leases, fixed addresses.
    pub tabs: Vec<Tab>,
    /// This page's own query.
    pub query: Query,
    /// IPv4 and IPv6.
    pub families: Vec<Choice>,
    /// Which leases are shown.
    pub states: Vec<Choice>,
    /// The leases that pass.
    pub rows: Vec<LeaseRow>,
    /// What is not known and why; empty if all is.
    pub missing: String,
    /// What stands there if there are none.
    pub empty: Option<Empty>,
    /// Neighbouring pages.
    pub pager: Pager,
}

/// A station whose address is fixed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FixedRow {
    /// Its name.
    pub name: String,
    /// What somebody said of it.
    pub description: String,
    /// Its address, or the prefix that it is given; empty for one of the pool.
    pub address: String,
    /// Its hardware address, or its identifier.
    pub station: String,
    /// The device's name and page, where it is known.
    pub device: Option<(String, String)>,
    /// The shared network it is in.
    pub network: String,
    /// The subnet it is in.
    pub subnet: String,
    /// It is switched off.
    pub disabled: bool,
    /// What it is at odds with.
    pub conflicts: Vec<String>,
    /// What else is configured, in the configuration's words.
    pub other: Vec<String>,
    /// To change it; empty where that cannot be done here.
    pub href: String,
}

/// `GET /router/dhcp/fixed`.
#[derive(Debug, Clone, Template)]
#[template(path = "router/fixed.html")]
pub struct FixedPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// Pools, leases, fixed addresses.
    pub tabs: Vec<Tab>,
    /// All of them.
    pub rows: Vec<FixedRow>,
    /// What is not known and why; empty if all is.
    pub missing: String,
    /// One can be added.
    pub can_add: bool,
    /// What stands there if there are none.
    pub empty: Option<Empty>,
}

/// `GET /router/dhcp/fixed/edit`.
#[derive(Debug, Clone, Template)]
#[template(path = "router/fixed_edit.html")]
pub struct FixedEditPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// The mapping that is changed; empty for a new one.
    pub old: String,
    /// Shared network and subnet that it is in; empty for a new one.
    pub place: String,
    /// Shared network and subnet, of which one is chosen.
    pub subnets: Vec<Choice>,
    /// Its name.
    pub name: Field,
    /// Its hardware address; none where the release has none.
    pub mac: Option<Field>,
    /// Its DHCP identifier instead; none where the release has none.
    pub duid: Option<Field>,
    /// Its address.
    pub address: Field,
    /// A prefix that is delegated to it; only for IPv6.
    pub prefix: Option<Field>,
    /// What to call it; none where the release keeps none.
    pub description: Option<Field>,
    /// It is on.
    pub enabled: bool,
    /// The address is leased to another, which can be accepted.
    pub leased: bool,
    /// What is wrong with no field of its own.
    pub said: String,
}

/// What a subnet gives and tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolFields {
    /// Pools, one a line.
    pub ranges: Field,
    /// Addresses that are not given; only for IPv4.
    pub excluded: Option<Field>,
    /// Seconds.
    pub lease: Field,
    /// The gateway; only for IPv4.
    pub default_router: Option<Field>,
    /// DNS servers.
    pub name_servers: Field,
    /// The domain; only for IPv4.
    pub domain_name: Option<Field>,
    /// Domains that are tried.
    pub domain_search: Field,
    /// Time servers; only for IPv4.
    pub ntp_servers: Option<Field>,
    /// What is wrong with no field of its own.
    pub said: String,
}

/// Where a new subnet shall be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPool {
    /// The shared network, new or there already.
    pub network: Field,
    /// The prefix.
    pub subnet: Field,
}

/// `GET /router/dhcp/pool` and `GET /router/dhcp/new`.
#[derive(Debug, Clone, Template)]
#[template(path = "router/pool.html")]
pub struct PoolPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// The shared network; empty for a new one.
    pub network: String,
    /// The subnet; empty for a new one.
    pub subnet: String,
    /// Of a new one.
    pub new: Option<NewPool>,
    /// What it gives and tells.
    pub fields: PoolFields,
}
