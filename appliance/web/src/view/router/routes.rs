//! Routes: those in use, and the static ones of the configuration.

use askama::Template;

use crate::view::{Choice, Empty, Field, Filter, Pager, Query, Shell, Tab, Tone};

/// A route in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteRow {
    /// Its prefix.
    pub destination: String,
    /// It leads everywhere else.
    pub is_default: bool,
    /// Who knows it, and where it is: `static`, `bgp in VRF blue`.
    pub protocol: String,
    /// Ways, each in words.
    pub hops: Vec<String>,
    /// Distance and metric.
    pub cost: String,
    /// How long it has been there; empty where that is not known.
    pub age: String,
    /// Whether it is used.
    pub state: &'static str,
    /// The colour of that.
    pub tone: Tone,
}

/// `GET /router/routes`.
#[derive(Debug, Clone, Template)]
#[template(path = "router/routes.html")]
pub struct RoutesPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// This page's own query.
    pub query: Query,
    /// IPv4 and IPv6.
    pub tabs: Vec<Tab>,
    /// Protocol and VRF.
    pub filters: Vec<Filter>,
    /// The routes that pass.
    pub rows: Vec<RouteRow>,
    /// Who told them, and what is not known.
    pub told: String,
    /// What stands there if there are none.
    pub empty: Option<Empty>,
    /// Neighbouring pages.
    pub pager: Pager,
}

/// A static route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaticRow {
    /// Its prefix.
    pub destination: String,
    /// Where it is kept, in words; empty for the main table.
    pub table: String,
    /// The same as forms say it.
    pub table_value: String,
    /// What somebody said of it.
    pub description: String,
    /// Ways, each in words.
    pub hops: Vec<String>,
    /// What else is configured.
    pub other: Vec<String>,
    /// To change it.
    pub href: String,
}

/// `GET /router/routes/static`.
#[derive(Debug, Clone, Template)]
#[template(path = "router/static_routes.html")]
pub struct StaticRoutesPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// All of them.
    pub rows: Vec<StaticRow>,
    /// What stands there if there are none.
    pub empty: Option<Empty>,
}

/// Fields of a way of a route.
#[derive(Debug, Clone)]
pub struct HopFields {
    /// Its place, from 1; part of the fields' names.
    pub number: usize,
    /// The next router.
    pub gateway: Field,
    /// The interface.
    pub interface: Field,
    /// Distance.
    pub distance: Field,
    /// It is switched off.
    pub disabled: bool,
    /// The VRF that it is in; empty for that of the route.
    pub vrf: String,
}

/// `GET /router/routes/static/edit`.
#[derive(Debug, Clone, Template)]
#[template(path = "router/static_route.html")]
pub struct StaticRoutePage {
    /// What surrounds the page.
    pub shell: Shell,
    /// The route that is changed; empty for a new one.
    pub old: String,
    /// The table that it is in.
    pub old_table: String,
    /// Its prefix.
    pub destination: Field,
    /// Where it is kept.
    pub tables: Vec<Choice>,
    /// What is wrong with the table; empty if nothing.
    pub table_error: String,
    /// What somebody said of it.
    pub description: Field,
    /// What happens to packets.
    pub kinds: Vec<Choice>,
    /// Ways, and empty places for more.
    pub hops: Vec<HopFields>,
    /// What is wrong with the ways; empty if nothing.
    pub hops_error: String,
    /// Distance of a route to nowhere.
    pub distance: Field,
    /// Names of interfaces.
    pub interfaces: Vec<String>,
    /// What is wrong with no field of its own.
    pub said: String,
}
