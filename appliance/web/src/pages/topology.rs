//! The map of the network.

use std::collections::{BTreeMap, BTreeSet};

use access::{Caller, Permission as P};
use axum::http::Method;
use axum::response::Response;
use discovery::topology::{Graph, Node, NodeKind, ROUTER, UNPLACED};
use model::Timestamp;
use serde_json::json;

use super::{Ask, deeds, done};
use crate::http::{Entry, Failure, Route, Routes};
use crate::site::Site;
use crate::view::{Empty, Place, Query, Spot, SpotGroup, Tone, TopologyPage, arrange};

pub(super) fn routes() -> Routes<Site> {
    let (read, edit) = (Entry::Needs(P::TopologyRead), Entry::Needs(P::TopologyEdit));
    Routes::new()
        .add(Route::new(Method::GET, "/topology", read, show, "The map of the network"))
        .add(Route::new(Method::POST, "/topology/reset", edit, reset, "Forget moved positions"))
}

/// The whole graph: groups that discovery would draw as one node are opened.
async fn graph(site: &Site) -> Result<Graph, Failure> {
    let router = &site.facts.host.get();
    let graph = site.discovery.topology(router, &BTreeSet::new()).await?;
    let more: BTreeSet<&str> =
        graph.nodes.iter().filter(|n| n.kind == NodeKind::More).map(|n| n.id.as_str()).collect();
    if more.is_empty() {
        return Ok(graph);
    }
    let closed = graph.edges.iter().filter(|e| more.contains(e.to.as_str()));
    let closed: BTreeSet<String> = closed.map(|e| e.from.clone()).collect();
    Ok(site.discovery.topology(router, &closed).await?)
}

async fn show(ask: Ask) -> Result<Response, Failure> {
    let (shell, graph, positions) = tokio::join!(
        ask.shell("Topology", Some(Place::Topology)),
        graph(&ask.site),
        ask.site.discovery.positions(),
    );
    let (graph, positions) = (graph?, positions?);
    let groups = groups(&graph);
    let router = graph.nodes.iter().find(|n| n.id == ROUTER).map(router);
    let saved: BTreeMap<String, (f64, f64)> =
        positions.iter().map(|(key, at)| (key.clone(), (at.x, at.y))).collect();
    let nothing = groups.is_empty() || router.is_none();
    let text = "The map fills itself as devices appear.";
    let empty = nothing.then(|| Empty::new("topology", "Nothing to draw yet", text));
    let router = router.unwrap_or_else(|| spot(ROUTER, &ask.site.facts.host.get()));
    ask.page(&TopologyPage {
        shell,
        map: arrange(&router, &groups, &saved),
        groups,
        moved: !saved.is_empty(),
        empty,
    })
}

/// Subnets with their devices. A subnet hangs on its interface, perhaps by way of a switch.
fn groups(graph: &Graph) -> Vec<SpotGroup> {
    let parents: BTreeMap<&str, &str> =
        graph.edges.iter().map(|e| (e.to.as_str(), e.from.as_str())).collect();
    let nodes: BTreeMap<&str, &Node> = graph.nodes.iter().map(|n| (n.id.as_str(), n)).collect();
    let interface = |id: &str| {
        let mut at = id;
        while let Some(parent) = parents.get(at) {
            at = parent;
            if let Some(node) = nodes.get(at).filter(|n| n.kind == NodeKind::Interface) {
                return Some(*node);
            }
        }
        None
    };
    let mut groups = Vec::new();
    for hub in graph.nodes.iter().filter(|n| n.kind == NodeKind::Subnet) {
        let parent = interface(&hub.id);
        let uplink = parents.get(hub.id.as_str()).and_then(|id| nodes.get(id));
        let uplink = uplink.filter(|n| n.kind == NodeKind::Uplink).map(|n| device(n));
        let below = graph.nodes.iter().filter(|n| parents.get(n.id.as_str()) == Some(&&*hub.id));
        let href = parent.map_or_else(
            || "/devices".to_owned(),
            |n| Query::new("/devices").with("interface", &n.label).href(),
        );
        let devices: Vec<Spot> = uplink.into_iter().chain(below.map(device)).collect();
        // A router's own subnet is shown without devices too; a catch-all is not.
        if devices.is_empty() && (hub.id == UNPLACED || hub.id.ends_with("-other")) {
            continue;
        }
        let name = parent.map(|n| n.label.clone());
        let (label, hint) = match name {
            Some(name) => (name, hub.label.clone()),
            None => (hub.label.clone(), hub.detail.clone()),
        };
        let spot = Spot {
            hint,
            icon: "network".to_owned(),
            state: format!("{} of {} online", hub.devices_online, hub.devices),
            tone: Tone::Ok,
            href,
            ..spot(&hub.id, &label)
        };
        groups.push(SpotGroup { spot, devices });
    }
    groups
}

fn router(node: &Node) -> Spot {
    Spot {
        hint: node.detail.clone(),
        icon: "brand".to_owned(),
        tone: Tone::Ok,
        href: "/about".to_owned(),
        ..spot(&node.id, &node.label)
    }
}

fn device(node: &Node) -> Spot {
    let online = node.online.unwrap_or(node.devices_online > 0);
    Spot {
        hint: node.detail.clone(),
        icon: node.device_type.unwrap_or("device").to_owned(),
        state: if online { "Online" } else { "Offline" }.to_owned(),
        tone: if online { Tone::Ok } else { Tone::Quiet },
        href: node.device.map_or_else(|| "/devices".to_owned(), |id| format!("/devices/{id}")),
        ..spot(&node.id, &node.label)
    }
}

fn spot(key: &str, label: &str) -> Spot {
    Spot {
        key: key.to_owned(),
        label: label.to_owned(),
        hint: String::new(),
        icon: "device".to_owned(),
        state: String::new(),
        tone: Tone::Quiet,
        href: "/topology".to_owned(),
        bps: 0,
    }
}

async fn reset(ask: Ask) -> Result<Response, Failure> {
    forget_positions(&ask.site, &ask.visitor.caller, ask.now).await?;
    Ok(done("/topology", Tone::Ok, "Everything is back in its place."))
}

/// Forgets where people have put things.
pub(crate) async fn forget_positions(
    site: &Site,
    by: &Caller,
    now: Timestamp,
) -> Result<(), Failure> {
    by.require(P::TopologyEdit)?;
    let also = deeds::audited(by, "topology.reset", "", now, json!({}));
    Ok(site.discovery.reset_positions(also).await?)
}
