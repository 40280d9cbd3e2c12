//! What lies between hosts, and between hosts and the router.

use access::Permission as P;
use agents::mesh::{End, Kind, MeshSettings, Trial};
use axum::extract::State;
use axum::http::Method;
use axum::response::Response;
use model::Timestamp;
use serde::Deserialize;
use serde_json::json;

use super::super::{Body, Listed, Params, answer, one_of, schema};
use crate::http::{Entry, Failure, Route, Routes, Schema, Visitor};
use crate::site::Site;

const MESH: &str = "/api/v1/agents/mesh";
const TRIALS: &str = "/api/v1/agents/measurements";
const KINDS: [(&str, Kind); 2] = [("throughput", Kind::Throughput), ("jitter", Kind::Jitter)];

pub(super) fn routes() -> Routes<Site> {
    let (read, manage) = (Entry::Needs(P::AgentsRead), Entry::Needs(P::AgentsManage));
    let (get, post) = (|| Method::GET, || Method::POST);
    let measured = || Schema::named("Measured");
    let settings = schema::mesh_settings;
    let set = "When round trips are measured";
    let round_at = "/api/v1/agents/mesh/round";
    let tried = "What was measured when somebody asked for it, newest first";
    Routes::new()
        .add(Route::new(get(), MESH, read, mesh, "Round trips of pairs").gives(schema::mesh()))
        .add(Route::new(Method::PUT, MESH, manage, put, set).takes(settings()).gives(settings()))
        .add(
            Route::new(
                post(),
                round_at,
                Entry::Needs(P::AgentsProbe),
                round,
                "Begin to measure all round trips",
            )
            .gives(Schema::object(&[("pairs", Schema::value("integer", "How many there are."))])),
        )
        .add(
            Route::new(get(), TRIALS, read, trials, tried)
                .query("limit", "integer", "1 to 200; 50 if absent.")
                .gives(Schema::page(measured())),
        )
        .add(
            Route::new(
                post(),
                TRIALS,
                Entry::Needs(P::AgentsThroughput),
                trial,
                "Measure how much passes between two ends",
            )
            .takes(schema::trial())
            .gives(measured())
            .patient(),
        )
}

async fn mesh(State(site): State<Site>) -> Result<Response, Failure> {
    let agents = &site.agents;
    answer(&json!({
        "settings": agents.mesh_settings(),
        "progress": agents.mesh_progress(),
        "items": agents.latencies().await?,
    }))
}

async fn put(
    State(site): State<Site>,
    visitor: Visitor,
    Body(settings): Body<MeshSettings>,
) -> Result<Response, Failure> {
    site.agents.set_mesh(&visitor.caller, settings, Timestamp::now()).await?;
    answer(&site.agents.mesh_settings())
}

async fn round(State(site): State<Site>, visitor: Visitor) -> Result<Response, Failure> {
    let pairs = site.agents.measure_latencies(&visitor.caller, Timestamp::now()).await?;
    answer(&json!({ "pairs": pairs }))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Newest {
    limit: Option<usize>,
}

async fn trials(
    State(site): State<Site>,
    Params(newest): Params<Newest>,
) -> Result<Response, Failure> {
    let limit = newest.limit.unwrap_or(50);
    if !(1..=200).contains(&limit) {
        return Err(Failure::invalid("limit: give a number from 1 to 200."));
    }
    Listed::whole(site.agents.trials(limit).await?)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    kind: String,
    from: String,
    to: String,
    seconds: Option<u32>,
}

async fn trial(
    State(site): State<Site>,
    visitor: Visitor,
    Body(wanted): Body<Wanted>,
) -> Result<Response, Failure> {
    let end = |name: &str, text: &str| {
        let end = text.parse::<End>();
        end.map_err(|_| Failure::invalid(format!("{name}: give the id of a host, or router.")))
    };
    let trial = Trial {
        kind: one_of("kind", &wanted.kind, &KINDS)?,
        from: end("from", &wanted.from)?,
        to: end("to", &wanted.to)?,
        seconds: wanted.seconds.unwrap_or(5),
    };
    answer(&site.agents.measure(&visitor.caller, trial, Timestamp::now()).await?)
}
