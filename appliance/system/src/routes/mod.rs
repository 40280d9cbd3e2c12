//! The routing tables: as FRR tells them, with protocol, distance and age, or as the kernel has
//! them where FRR cannot be asked.

mod frr;
mod kernel;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use serde::Serialize;

pub use frr::{Vtysh, parse};
pub use kernel::{Gateway, gateways};

use crate::SystemError;

/// The most routes of an answer. A router that takes part in the Internet's routing has a million.
pub const MOST_ROUTES: usize = 20_000;

/// IPv4 or IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// Who told the routes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// FRR, the routing programs of VyOS.
    Frr,
    /// The kernel, which does not know of routes that were not selected.
    Kernel,
}

/// What happens to a packet that takes a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum HopKind {
    /// It goes to another router.
    Gateway,
    /// Its destination is on this link.
    Connected,
    /// It is dropped without a word.
    Blackhole,
    /// It is dropped and its sender told that the destination cannot be reached.
    Unreachable,
    /// It is dropped and its sender told that it is forbidden.
    Prohibited,
}

/// One way of a route; a route with several spreads its packets over them (ECMP).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NextHop {
    /// What happens to the packets.
    pub kind: HopKind,
    /// The router they go to.
    pub gateway: Option<IpAddr>,
    /// The interface they leave by.
    pub interface: Option<String>,
    /// It can be used.
    pub is_active: bool,
    /// The kernel has it.
    pub is_installed: bool,
    /// Its gateway is reached by another route.
    pub is_recursive: bool,
    /// Its share beside the others'; 1 where none is given.
    pub weight: u32,
}

/// A route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Route {
    /// The destination's network.
    pub network: IpAddr,
    /// Bits of the network's part.
    pub prefix: u8,
    /// Who knows the route, such as `static`, `connected`, `bgp`, `kernel`.
    pub protocol: String,
    /// The VRF; `default` outside any.
    pub vrf: String,
    /// The kernel's table.
    pub table: Option<u32>,
    /// Of several routes to this destination it is the one in use.
    pub is_selected: bool,
    /// The kernel has it.
    pub is_installed: bool,
    /// How far its protocol is believed; less is more (administrative distance).
    pub distance: Option<u32>,
    /// The cost that its protocol gives; less is better.
    pub metric: u32,
    /// How long it has been there.
    pub age: Option<Duration>,
    /// All of its ways.
    pub hops: Vec<NextHop>,
}

impl Route {
    /// Such as `10.0.0.0/8`.
    pub fn destination(&self) -> String {
        format!("{}/{}", self.network, self.prefix)
    }

    /// It leads everywhere that no other route leads to.
    pub const fn is_default(&self) -> bool {
        self.prefix == 0
    }

    /// IPv4 or IPv6.
    pub const fn family(&self) -> Family {
        if self.network.is_ipv4() { Family::V4 } else { Family::V6 }
    }
}

/// The routes of one family.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Routes {
    /// Who told them.
    pub source: Source,
    /// Sorted by VRF, then destination, then distance.
    pub routes: Vec<Route>,
    /// Routes beyond [`MOST_ROUTES`] that are not among them.
    pub left_out: u64,
    /// Why FRR was not asked, or could not tell.
    pub note: Option<String>,
}

impl Routes {
    fn new(source: Source, mut routes: Vec<Route>, left_out: u64) -> Self {
        model::sort_by(&mut routes, |a, b| {
            let default = |route: &Route| route.vrf != "default";
            (default(a), &a.vrf, a.network, a.prefix, a.distance, a.metric).cmp(&(
                default(b),
                &b.vrf,
                b.network,
                b.prefix,
                b.distance,
                b.metric,
            ))
        });
        Self { source, routes, left_out, note: None }
    }
}

/// Reads all routes of a family: from FRR, or where it cannot tell them, from the kernel. `vrfs`
/// has the names of VRFs by their tables, `links` the names of interfaces by their numbers.
///
/// # Errors
/// Where the kernel cannot tell them, either.
pub async fn read(
    vtysh: &Vtysh,
    family: Family,
    vrfs: BTreeMap<u32, String>,
    links: BTreeMap<u32, String>,
) -> Result<Routes, SystemError> {
    let why = match vtysh.routes(family).await {
        Ok(routes) => return Ok(routes),
        Err(error) => error.to_string(),
    };
    let read = tokio::task::spawn_blocking(move || kernel::read(family, &vrfs, &links));
    let mut routes = read.await.map_err(|_| SystemError::TimedOut {
        what: "the kernel's routing table".to_owned(),
        seconds: 0,
    })??;
    routes.note = Some(why);
    Ok(routes)
}
