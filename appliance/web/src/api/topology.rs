//! The map of the network, and where people have moved things on it.

use std::collections::BTreeSet;

use access::Permission as P;
use axum::extract::{Path, State};
use axum::http::Method;
use axum::response::Response;
use model::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Body, Listed, Params, answer, done, schema, words};
use crate::http::{Entry, Failure, Route, Routes, Schema, Visitor};
use crate::pages::deeds;
use crate::pages::topology::forget_positions;
use crate::site::Site;

pub(super) fn routes() -> Routes<Site> {
    let (read, edit) = (Entry::Needs(P::TopologyRead), Entry::Needs(P::TopologyEdit));
    let positions = "/api/v1/topology/positions";
    let position = "/api/v1/topology/positions/{node}";
    Routes::new()
        .add(
            Route::new(Method::GET, "/api/v1/topology", read, map, "The network as a graph")
                .query("expand", "string", "Nodes of groups to show whole, separated by commas.")
                .gives(schema::topology()),
        )
        .add(
            Route::new(Method::GET, positions, read, list, "Where people have moved things")
                .gives(Schema::page(Schema::named("Position"))),
        )
        .add(
            Route::new(Method::PUT, position, edit, put, "Move a node of the map")
                .takes(schema::new_position()),
        )
        .add(Route::new(
            Method::DELETE,
            positions,
            edit,
            reset,
            "Forget where people have moved things",
        ))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct MapQuery {
    expand: Option<String>,
}

async fn map(
    State(site): State<Site>,
    Params(query): Params<MapQuery>,
) -> Result<Response, Failure> {
    let expanded: BTreeSet<String> = words(query.expand.as_deref()).into_iter().collect();
    answer(&site.discovery.topology(&site.facts.host.get(), &expanded).await?)
}

async fn list(State(site): State<Site>) -> Result<Response, Failure> {
    #[derive(Serialize)]
    struct Position {
        node: String,
        x: f64,
        y: f64,
        pinned: bool,
    }
    let all = site.discovery.positions().await?.into_iter();
    let items = all.map(|(node, p)| Position { node, x: p.x, y: p.y, pinned: p.pinned });
    Listed::whole(items.collect())
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    x: f64,
    y: f64,
    #[serde(default = "pinned")]
    pinned: bool,
}

const fn pinned() -> bool {
    true
}

async fn put(
    State(site): State<Site>,
    visitor: Visitor,
    Path(node): Path<String>,
    Body(Place { x, y, pinned }): Body<Place>,
) -> Result<Response, Failure> {
    let by = &visitor.caller;
    by.require(P::TopologyEdit)?;
    let detail = json!({ "x": x, "y": y, "pinned": pinned });
    let subject = format!("node:{node}");
    let also = deeds::audited(by, "topology.move", subject, Timestamp::now(), detail);
    site.discovery.save_position(&node, x, y, pinned, also).await?;
    Ok(done())
}

async fn reset(State(site): State<Site>, visitor: Visitor) -> Result<Response, Failure> {
    forget_positions(&site, &visitor.caller, Timestamp::now()).await?;
    Ok(done())
}
