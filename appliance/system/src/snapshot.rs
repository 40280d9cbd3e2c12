//! What this room shows: the router at a moment.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use model::Timestamp;
use serde::Serialize;

use crate::facts::{ClockState, Disk, Identity, Load, Temperature};
use crate::interfaces::{Interface, Kind};
use crate::quality::LineQuality;
use crate::routes::{Family, Gateway};

/// The router at a moment.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Snapshot {
    /// The moment; the epoch before the first reading.
    pub at: Timestamp,
    /// Who it is.
    pub identity: Arc<Identity>,
    /// How busy it is.
    pub load: Load,
    /// Its temperatures.
    pub temperatures: Arc<Vec<Temperature>>,
    /// Its disks.
    pub disks: Arc<Vec<Disk>>,
    /// Whether its clock follows a time server.
    pub clock: ClockState,
    /// Its ways to the Internet, the preferred ones first.
    pub ways_out: Arc<Vec<WayOut>>,
    /// Its interfaces, sorted by name.
    pub interfaces: Vec<Interface>,
    /// Why a part could not be read, if so.
    pub failure: Option<String>,
}

/// A default route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WayOut {
    /// IPv4 or IPv6.
    pub family: Family,
    /// The interface it leaves by.
    pub interface: String,
    /// The router there; None on a point-to-point line.
    pub gateway: Option<IpAddr>,
    /// Less is preferred.
    pub metric: u32,
    /// The kernel's table: 254 is the main one.
    pub table: u32,
    /// The VRF that the table belongs to.
    pub vrf: Option<String>,
    /// It is a line to the Internet: in the main table or that of a VRF, and no tunnel over
    /// another line.
    pub is_line: bool,
}

impl WayOut {
    /// Default routes with the names of what they lead through. Those of unknown interfaces are left
    /// out.
    pub(crate) fn name(gateways: &[Gateway], interfaces: &[Interface]) -> Vec<Self> {
        let by_index: BTreeMap<u32, _> =
            interfaces.iter().map(|i| (i.link.index, &i.link)).collect();
        let vrfs = vrfs(interfaces);
        let named = gateways.iter().filter_map(|gateway| {
            let link = by_index.get(&gateway.interface)?;
            let vrf = vrfs.get(&gateway.table).cloned();
            let is_tunnel = matches!(
                link.kind,
                Kind::WireGuard
                    | Kind::Tun
                    | Kind::Tunnel
                    | Kind::Dummy
                    | Kind::Loopback
                    | Kind::Vrf
            );
            Some(Self {
                family: gateway.family,
                interface: link.name.clone(),
                gateway: gateway.ip,
                metric: gateway.metric,
                table: gateway.table,
                is_line: !is_tunnel && (gateway.table == MAIN || vrf.is_some()),
                vrf,
            })
        });
        named.collect()
    }
}

/// The kernel's main table.
const MAIN: u32 = 254;

/// The names of VRFs by their tables.
pub(crate) fn vrfs(interfaces: &[Interface]) -> BTreeMap<u32, String> {
    let tables = interfaces.iter().filter_map(|i| Some((i.link.vrf_table?, i.link.name.clone())));
    tables.collect()
}

/// A line to the Internet.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Wan {
    /// Its interface, with addresses, counters and rates.
    pub interface: Interface,
    /// Its default routes.
    pub ways_out: Vec<WayOut>,
    /// How good it is; None before the first round, or while it is not watched.
    pub quality: Option<LineQuality>,
}

/// What an overview shows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Overview {
    /// The router.
    #[serde(flatten)]
    pub snapshot: Arc<Snapshot>,
    /// Its lines to the Internet, the preferred one first.
    pub wans: Vec<Wan>,
}

impl Overview {
    pub(crate) fn new(snapshot: Arc<Snapshot>, quality: &[LineQuality]) -> Self {
        let mut wans: Vec<Wan> = Vec::new();
        for way in snapshot.ways_out.iter().filter(|way| way.is_line) {
            if let Some(wan) = wans.iter_mut().find(|w| w.interface.link.name == way.interface) {
                wan.ways_out.push(way.clone());
                continue;
            }
            let own = snapshot.interfaces.iter().find(|i| i.link.name == way.interface);
            wans.extend(own.map(|interface| Wan {
                interface: interface.clone(),
                ways_out: vec![way.clone()],
                quality: quality.iter().find(|line| line.interface == way.interface).cloned(),
            }));
        }
        Self { snapshot, wans }
    }
}
