//! Runs the room of flows, and tells it what discovery knows: the networks around, and whose
//! addresses are and were.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use discovery::Discovery;
use discovery::edge::InterfaceKind;
use flows::answers::{Talker, World};
use flows::book::{Book, Known, Lease, Peer};
use flows::collect::Surroundings;
use flows::world::Prefix;
use flows::{Answers, Flows};
use model::Timestamp;
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::rooms::House;
use crate::health::Health;
use crate::lifecycle::Lifecycle;

/// The room's name.
pub(super) const NAME: &str = "flows";
/// How often flows are summed and addresses looked up anew.
const EVERY: Duration = Duration::from_secs(60);
/// How long the router may take to tell its configuration.
const PATIENCE: Duration = Duration::from_secs(5);

/// Collects until the end, and begins again when the settings have changed.
pub(super) async fn run(
    house: House,
    mut options: watch::Receiver<flows::Options>,
    health: Health,
    lifecycle: Lifecycle,
) -> Result<()> {
    loop {
        let wanted = options.borrow_and_update().clone();
        let here = house.clone();
        let peers = peers(&house).await;
        spawn_blocking(move || {
            look_around(&here, peers);
            here.flows.start(&wanted)
        })
        .await??;
        let is_end = tokio::select! {
            failed = keep(&house, &health) => {
                stop(house.flows.clone()).await?;
                return failed;
            }
            () = lifecycle.ended() => true,
            // The sender lives as long as the control socket is answered.
            changed = options.changed() => changed.is_err(),
        };
        // What waits is written before the room ends.
        stop(house.flows.clone()).await?;
        if is_end {
            return Ok(());
        }
    }
}

async fn stop(flows: Flows) -> Result<()> {
    Ok(spawn_blocking(move || flows.stop()).await?)
}

/// Sums, and shows what fails.
async fn keep(house: &House, health: &Health) -> Result<()> {
    let mut minute = interval(EVERY);
    minute.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        minute.tick().await;
        let here = house.clone();
        let peers = peers(house).await;
        let status = spawn_blocking(move || {
            look_around(&here, peers);
            if let Err(error) = here.flows.upkeep(Timestamp::now()) {
                tracing::warn!(%error, "flows are not summed up; tried again in a minute");
            }
            here.flows.status()
        })
        .await?;
        match status.failure() {
            Some(why) => health.degraded(NAME, why),
            None => health.ok(NAME),
        }
    }
}

/// Peers of VPNs as the router's configuration names them; as it was last read where the router does
/// not answer.
async fn peers(house: &House) -> Vec<Peer> {
    let config = match timeout(PATIENCE, house.router.config()).await {
        Ok(Ok(config)) => Some(config),
        _ => house.router.last_config(),
    };
    let all = config.map(|root| vyos::facts::vpn_peers(&root)).unwrap_or_default();
    let peer = |peer: vyos::facts::VpnPeer| Peer {
        networks: peer.networks.iter().filter_map(|text| text.parse().ok()).collect(),
        interface: peer.interface,
        name: peer.name,
    };
    all.into_iter().map(peer).collect()
}

/// Tells the room what discovery and the router know now.
fn look_around(house: &House, peers: Vec<Peer>) {
    let around = surroundings(&house.discovery);
    tell(&house.book, &house.discovery, &around, peers);
    house.flows.set_surroundings(around);
    house.flows.set_geo(house.atlas.known());
}

/// What pages and the API ask about flows.
pub(super) fn answers(flows: &Flows) -> Answers {
    let (known, watched) = (flows.clone(), flows.clone());
    let world = move || World {
        ours: known.ours(),
        interfaces: known.interfaces(Timestamp::now()),
        book: known.book(),
        geo: known.geo(),
    };
    let live = move || {
        let rates = watched.live().rows;
        let bits = |octets: u64| octets as f64 * 8.0;
        let talker = |rate: flows::Rate| Talker {
            whose: rate.whose,
            sent_bps: bits(rate.sent),
            received_bps: bits(rate.received),
        };
        Some(rates.into_iter().map(talker).collect())
    };
    Answers::new(flows.dir(), world, live)
}

/// The networks of the LANs, and all addresses of the router.
fn surroundings(discovery: &Discovery) -> Surroundings {
    let segments = discovery.segments();
    let networks = segments.iter().flat_map(|segment| {
        segment
            .networks
            .iter()
            .filter_map(|network| Some((Prefix::new(network.own, network.prefix)?, segment.index)))
    });
    let interfaces = discovery.interfaces();
    let own = interfaces.iter().flat_map(|interface| &interface.addresses);
    Surroundings {
        // All links share fe80::/10: it says nothing about which one.
        networks: networks.filter(|(network, _)| !is_link_local(*network)).collect(),
        own: own.map(|(address, _)| *address).collect(),
    }
}

fn is_link_local(network: Prefix) -> bool {
    matches!(network.first(), std::net::IpAddr::V6(v6) if v6.is_unicast_link_local())
}

fn tell(book: &Arc<Book>, discovery: &Discovery, around: &Surroundings, peers: Vec<Peer>) {
    let leases = discovery.with_all(|devices| {
        let of_one = |device: &discovery::Device| {
            let id = device.id.0;
            let lease = move |address: &discovery::Address| Lease {
                address: address.ip,
                device: id,
                first: address.first_seen,
                last: (!address.current).then_some(address.last_seen),
            };
            device.addresses.iter().map(lease).collect::<Vec<_>>()
        };
        devices.flat_map(of_one).collect()
    });
    let interfaces = discovery.interfaces();
    let tunnels = interfaces.iter().filter(|one| one.kind == InterfaceKind::WireGuard);
    let tunnels = tunnels.flat_map(|one| &one.addresses);
    book.replace(Known {
        leases,
        own: around.own.clone(),
        tunnels: tunnels.filter_map(|(own, length)| Prefix::new(*own, *length)).collect(),
        peers,
        ours: around.ours(),
    });
}
