//! The firewall: chains with their rules, zones, groups, the log.

use askama::Template;

use crate::view::{Empty, Filter, Link, Moment, Query, Shell, Tab, Tone};

/// `GET /router/firewall`, and a page for each chain.
#[derive(Debug, Clone, Template)]
#[template(path = "router/firewall/chains.html")]
pub struct FirewallPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// Parts of the firewall.
    pub parts: Vec<Tab>,
    /// The page's heading.
    pub title: String,
    /// What cannot be shown now, and why.
    pub missing: Vec<String>,
    /// Without the rules that were hit, or the way to that; none where hits are not known.
    pub unused: Option<UnusedFilter>,
    /// The chains.
    pub chains: Vec<ChainCard>,
    /// All chains are there, so that new ones can be made.
    pub is_whole: bool,
    /// Options for all: name and value.
    pub global: Vec<(String, String)>,
    /// Tables for connections that skip the rules.
    pub flowtables: Vec<FlowtableLine>,
    /// What is not understood, in the configuration's words.
    pub other: Vec<String>,
    /// What stands there if there is no chain.
    pub empty: Option<Empty>,
}

/// Whether only rules are shown that no packet has met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnusedFilter {
    /// It is so now.
    pub on: bool,
    /// The other way.
    pub href: String,
    /// How many rules no packet has met.
    pub count: usize,
}

/// A chain.
#[derive(Debug, Clone)]
pub struct ChainCard {
    /// Its own page, where its forms go as well.
    pub href: String,
    /// Its name for people.
    pub title: String,
    /// When packets come to it.
    pub when: &'static str,
    /// What somebody said of it.
    pub description: String,
    /// What becomes of packets that no rule decides on.
    pub default: String,
    /// Its colour.
    pub tone: Tone,
    /// How many packets that was; empty where it is not known.
    pub default_hits: String,
    /// Where that is in the log; empty where it is not logged.
    pub default_log: String,
    /// What sends packets to it.
    pub used_by: Vec<String>,
    /// How many rules it has.
    pub total: usize,
    /// Its rules, or those that pass the filter; none where only the page of its own shows them.
    pub rules: Vec<RuleLine>,
    /// The rules are shown.
    pub is_open: bool,
    /// Nothing sends packets to it.
    pub is_idle: bool,
    /// Counters are known.
    pub counted: bool,
    /// What is not understood, in the configuration's words.
    pub other: Vec<String>,
}

/// A rule of a chain.
#[derive(Debug, Clone)]
#[allow(clippy::struct_excessive_bools)] // a mark each
pub struct RuleLine {
    /// Its place.
    pub number: u32,
    /// What somebody said of it.
    pub description: String,
    /// What packets it is for, a condition each.
    pub words: Vec<String>,
    /// What it does.
    pub action: String,
    /// Its colour.
    pub tone: Tone,
    /// The chain that it sends packets to.
    pub target: Option<Link>,
    /// Switched off.
    pub off: bool,
    /// How many packets met it; empty where it is not known.
    pub packets: String,
    /// And bytes.
    pub bytes: String,
    /// No packet has.
    pub never: bool,
    /// Where its packets are in the log; empty where it does not log.
    pub log: String,
    /// There is a rule before it.
    pub up: bool,
    /// There is a rule behind it.
    pub down: bool,
}

/// A table for connections that skip the rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowtableLine {
    /// Its name.
    pub name: String,
    /// Of which interfaces.
    pub interfaces: String,
    /// In software or hardware.
    pub offload: String,
    /// What somebody said of it, and all else.
    pub description: String,
}

/// `GET /router/firewall/zones`.
#[derive(Debug, Clone, Template)]
#[template(path = "router/firewall/zones.html")]
pub struct ZonesPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// Parts of the firewall.
    pub parts: Vec<Tab>,
    /// Zones, in the order of rows and columns.
    pub zones: Vec<ZoneLine>,
    /// What passes from the row's zone to the column's.
    pub rows: Vec<(String, Vec<ZoneWay>)>,
    /// What stands there if there are none.
    pub empty: Option<Empty>,
}

/// A zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZoneLine {
    /// Its name.
    pub name: String,
    /// Its page.
    pub href: String,
    /// What somebody said of it.
    pub description: String,
    /// Its interfaces, or that it is the router.
    pub members: String,
    /// What becomes of what has no chain.
    pub default: String,
    /// All else, in the configuration's words.
    pub other: Vec<String>,
}

/// What passes from one zone to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZoneWay {
    /// Chains that decide.
    pub chains: Vec<Link>,
    /// What becomes of the rest.
    pub action: String,
    /// Its colour.
    pub tone: Tone,
    /// Within one zone.
    pub own: bool,
}

/// `GET /router/firewall/groups`.
#[derive(Debug, Clone, Template)]
#[template(path = "router/firewall/groups.html")]
pub struct GroupsPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// Parts of the firewall.
    pub parts: Vec<Tab>,
    /// The groups, by kind.
    pub groups: Vec<GroupLine>,
    /// What stands there if there are none.
    pub empty: Option<Empty>,
}

/// A group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupLine {
    /// Its name.
    pub name: String,
    /// Its page.
    pub href: String,
    /// What it holds.
    pub kind: &'static str,
    /// What somebody said of it.
    pub description: String,
    /// The first of its members.
    pub members: Vec<String>,
    /// How many more it has.
    pub more: usize,
    /// Where it is used.
    pub used_in: Vec<Link>,
}

/// `GET /router/firewall/groups/{kind}/{name}`.
#[derive(Debug, Clone, Template)]
#[template(path = "router/firewall/group.html")]
pub struct GroupPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// The group, with all of its members.
    pub group: GroupLine,
    /// Members can be put in and taken out.
    pub editable: bool,
    /// What to put in, and what was wrong with it.
    pub add: crate::view::Field,
    /// What may be put in.
    pub hint: &'static str,
    /// Its description.
    pub description: crate::view::Field,
    /// Groups of its kind that may be included, with those that are.
    pub includes: Option<super::Control>,
    /// What is wrong with neither.
    pub about: String,
    /// All else, in the configuration's words.
    pub other: Vec<String>,
}

/// `GET /router/firewall/log`.
#[derive(Debug, Clone, Template)]
#[template(path = "router/firewall/log.html")]
pub struct FirewallLogPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// Parts of the firewall.
    pub parts: Vec<Tab>,
    /// What is shown.
    pub query: Query,
    /// By rule.
    pub filter: Filter,
    /// The lines, newest first.
    pub rows: Vec<LogRow>,
    /// What stands there if there are none.
    pub empty: Option<Empty>,
    /// How many lines were looked through.
    pub looked: String,
}

/// A packet that was logged.
#[derive(Debug, Clone)]
pub struct LogRow {
    /// When; none where the line does not tell.
    pub at: Option<Moment>,
    /// The rule.
    pub rule: Link,
    /// What became of it.
    pub action: &'static str,
    /// Its colour.
    pub tone: Tone,
    /// In and out.
    pub way: String,
    /// Sender's address and port.
    pub source: String,
    /// Its device; empty where it is none.
    pub source_device: Option<Link>,
    /// Receiver's address and port.
    pub destination: String,
    /// Its device.
    pub destination_device: Option<Link>,
    /// `TCP` and so on.
    pub protocol: String,
}

/// `GET /router/firewall/services`.
#[derive(Debug, Clone, Template)]
#[template(path = "router/firewall/services.html")]
pub struct OpeningsPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// Parts of the firewall.
    pub parts: Vec<Tab>,
    /// The services.
    pub rows: Vec<ServicePortLine>,
    /// A rule opens what its service has not.
    pub stale: bool,
    /// Interfaces to choose from.
    pub interfaces: Vec<String>,
    /// What stands there if there are none.
    pub empty: Option<Empty>,
}

/// A service of the router.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServicePortLine {
    /// The configuration's word.
    pub name: String,
    /// What people call it.
    pub label: String,
    /// Protocol and ports.
    pub ports: String,
    /// Whether rules of its own open it.
    pub state: &'static str,
    /// Its colour.
    pub tone: Tone,
    /// Those rules.
    pub rules: Vec<Link>,
    /// They open something else.
    pub stale: bool,
}
