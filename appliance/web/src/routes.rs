//! All that the front door serves, in one table.

use std::sync::Arc;

use access::Permission as P;
use axum::extract::{Query, State, WebSocketUpgrade};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue, Method};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::http::{Client, Entry, Failure, Front, Route, Routes, Visitor};
use crate::metrics::{self, Metrics};
use crate::pages;
use crate::rooms_metrics::RoomsMetrics;
use crate::site::Site;
use crate::{api, assets, live};

/// Series of one number that people are shown.
const SERIES: usize = 12;

/// Everything behind the front door: pages, API, files, live updates, health and metrics. `metrics`
/// are those of who is not in the [`Site`]: the door, the listeners and whatever the binary counts.
pub fn router(site: &Site, front: &Front, metrics: Vec<Arc<dyn Metrics>>) -> Router {
    routes(site, metrics).build_within(site.clone(), front, |router| {
        router.layer(from_fn_with_state(site.clone(), pages::explain))
    })
}

/// The same as a table, for the list of public addresses and the API's document.
pub fn routes(site: &Site, mut metrics: Vec<Arc<dyn Metrics>>) -> Routes<Site> {
    metrics.push(Arc::new(site.live.clone()));
    metrics.push(Arc::new(RoomsMetrics::new(site)));
    api::described(pages::routes().merge(api::routes()).merge(standing(metrics.into())))
}

/// What is neither a page nor part of the API.
fn standing(rooms: Arc<[Arc<dyn Metrics>]>) -> Routes<Site> {
    let numbers = {
        let rooms = Arc::clone(&rooms);
        move || {
            let rooms = Arc::clone(&rooms);
            async move {
                let kind = HeaderValue::from_static(metrics::CONTENT_TYPE);
                ([(CONTENT_TYPE, kind)], metrics::text(&rooms).await)
            }
        }
    };
    let inside = {
        let rooms = Arc::clone(&rooms);
        move |ask: pages::Ask| {
            let rooms = Arc::clone(&rooms);
            async move { pages::numbers(&ask, metrics::shown(&rooms, SERIES).await).await }
        }
    };
    let twin = move || {
        let rooms = Arc::clone(&rooms);
        async move { Json(Value::Object(metrics::object(&rooms).await)) }
    };
    let scrapers = Entry::ScrapersOr(P::MetricsRead);
    let metrics_read = Entry::Needs(P::MetricsRead);
    let files = "Style, script and pictures";
    Routes::new()
        .add(Route::new(Method::GET, assets::PATH, Entry::Public, assets::serve, files))
        .add(Route::new(Method::GET, "/favicon.ico", Entry::Public, favicon, files))
        .add(Route::new(Method::GET, "/health", Entry::Public, health, "Whether it is well"))
        .add(Route::new(Method::GET, "/metrics", scrapers, numbers, "Numbers for Prometheus"))
        .add(Route::new(Method::GET, "/about/numbers", metrics_read, inside, "Numbers inside"))
        .add(
            Route::new(
                Method::GET,
                "/api/v1/system/metrics",
                metrics_read,
                twin,
                "All numbers of /metrics as an object",
            )
            .gives(api::numbers()),
        )
        .add(Route::new(Method::GET, "/live", Entry::Needs(P::DevicesRead), open, "Live updates"))
}

async fn favicon(headers: HeaderMap) -> Result<Response, Failure> {
    assets::at_fixed_address("favicon.svg", &headers)
}

/// Says no more than whether somebody should look: anybody may ask.
async fn health(State(site): State<Site>) -> Json<Value> {
    let stored = site.store.health().borrow().clone();
    let parts = (site.components)();
    let well = !stored.full
        && stored.failing.is_none()
        && parts.iter().all(|part| matches!(part.status, "ok" | "starting"));
    Json(json!({ "status": if well { "ok" } else { "degraded" } }))
}

#[derive(Deserialize)]
struct Topics {
    topics: Option<String>,
}

async fn open(
    State(site): State<Site>,
    Query(query): Query<Topics>,
    visitor: Visitor,
    client: Client,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    let access = site.access.clone();
    let topics = query.topics.as_deref();
    let opened: Result<Response, Failure> =
        live::Live::open(&site.live, upgrade, visitor, client, &headers, topics, access);
    opened.unwrap_or_else(IntoResponse::into_response)
}
