//! What a device, or all of them, did over time.

use std::time::Duration;

use access::Permission as P;
use axum::extract::{Path, State};
use axum::http::Method;
use axum::response::Response;
use discovery::uptime::Stretch;
use discovery::{Device, DiscoveryError};
use model::{DeviceId, EventId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::api::{Listed, Params, answer, page_query, schema};
use crate::http::{Entry, Failure, Route, Routes, Schema};
use crate::site::Site;

const DAY: Duration = Duration::from_secs(86_400);
const MOST_POINTS: usize = 1_000;
const MOST_HOURS: u64 = 24 * 365;

pub(super) fn routes() -> Routes<Site> {
    let (devices, events) = (Entry::Needs(P::DevicesRead), Entry::Needs(P::EventsRead));
    let get = Method::GET;
    Routes::new()
        .add(
            Route::new(
                get.clone(),
                "/api/v1/devices/{id}/uptime",
                devices,
                uptime,
                "How much of the last days a device was there",
            )
            .query("days", "integer", "1 to 365; 7 if absent.")
            .gives(schema::uptime()),
        )
        .add(
            Route::new(
                get.clone(),
                "/api/v1/devices/{id}/events",
                events,
                list_events,
                "Events about a device, newest first",
            )
            .paged()
            .gives(Schema::page(Schema::named("Event"))),
        )
        .add(
            Route::new(
                get.clone(),
                "/api/v1/devices/{id}/timeline",
                events,
                timeline,
                "The last events about a device and those that it absorbed",
            )
            .query("limit", "integer", "1 to 200; 50 if absent.")
            .gives(Schema::page(Schema::named("Event"))),
        )
        .add(
            Route::new(
                get,
                "/api/v1/devices/history",
                devices,
                online,
                "How many devices were online over time",
            )
            .query("hours", "integer", "1 to 8760; 24 if absent.")
            .query("points", "integer", "2 to 1000; 97 if absent.")
            .gives(schema::online_history()),
        )
}

fn known(site: &Site, id: DeviceId) -> Result<(), Failure> {
    let known = site.discovery.with(id, |_: &Device| ());
    Ok(known.ok_or(DiscoveryError::NotFound(id))?)
}

/// A number of the query within its bounds.
fn within(
    name: &str,
    value: Option<u64>,
    usual: u64,
    least: u64,
    most: u64,
) -> Result<u64, Failure> {
    let value = value.unwrap_or(usual);
    if !(least..=most).contains(&value) {
        return Err(Failure::invalid(format!("{name}: give a number from {least} to {most}.")));
    }
    Ok(value)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Days {
    days: Option<u64>,
}

#[derive(Serialize)]
struct UptimeShown {
    from: Timestamp,
    to: Timestamp,
    percent: Option<f64>,
    stretches: Vec<Stretch>,
}

async fn uptime(
    State(site): State<Site>,
    Path(id): Path<DeviceId>,
    Params(query): Params<Days>,
) -> Result<Response, Failure> {
    let days = within("days", query.days, 7, 1, 365)?;
    let to = Timestamp::now();
    let from = to.minus(DAY * days as u32);
    let found = site.discovery.uptime(id, from, to).await?;
    answer(&UptimeShown { from, to, percent: found.percent, stretches: found.stretches })
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Paged {
    limit: Option<u32>,
    cursor: Option<String>,
}

async fn list_events(
    State(site): State<Site>,
    Path(id): Path<DeviceId>,
    Params(query): Params<Paged>,
) -> Result<Response, Failure> {
    known(&site, id)?;
    let page = page_query(query.limit, query.cursor)?;
    let query = events::EventQuery {
        device: Some(id),
        before: page.after::<EventId>()?,
        limit: page.limit() as usize,
        ..events::EventQuery::default()
    };
    let found = site.events.list(query).await?;
    Listed::page(found.events, found.next)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Limit {
    limit: Option<u32>,
}

async fn timeline(
    State(site): State<Site>,
    Path(id): Path<DeviceId>,
    Params(query): Params<Limit>,
) -> Result<Response, Failure> {
    known(&site, id)?;
    let limit = page_query(query.limit, None)?.limit();
    Listed::whole(site.discovery.timeline(id, limit as usize).await?)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Span {
    hours: Option<u64>,
    points: Option<u64>,
}

async fn online(
    State(site): State<Site>,
    Params(query): Params<Span>,
) -> Result<Response, Failure> {
    #[derive(Serialize)]
    struct Point {
        at: Timestamp,
        online: u32,
    }
    let hours = within("hours", query.hours, 24, 1, MOST_HOURS)?;
    let points = within("points", query.points, 97, 2, MOST_POINTS as u64)?;
    let span = Duration::from_secs(hours * 3_600);
    let found = site.discovery.online_history(Timestamp::now(), span, points as usize).await?;
    let points = found.into_iter().map(|(at, online)| Point { at, online });
    Listed::whole(points.collect())
}
