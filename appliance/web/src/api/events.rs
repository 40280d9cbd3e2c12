//! What happened.

use access::Permission as P;
use axum::extract::{Path, State};
use axum::http::Method;
use axum::response::Response;
use events::EventQuery;
use model::{DeviceId, EventId, Severity, Timestamp};
use serde::Deserialize;

use super::{Listed, Params, answer, page_query, schema, words};
use crate::http::{Entry, Failure, Route, Routes, Schema};
use crate::site::Site;

pub(super) fn routes() -> Routes<Site> {
    let read = Entry::Needs(P::EventsRead);
    let get = Method::GET;
    Routes::new()
        .add(
            Route::new(get.clone(), "/api/v1/events", read, list, "Events, newest first")
                .query("kind", "string", "Kinds, separated by commas.")
                .query("source", "string", "Sources, separated by commas.")
                .query("severity", "string", "The mildest: info, low, medium, high or critical.")
                .query("device", "integer", "About this device.")
                .query("q", "string", "Words of the summary.")
                .query("from", "integer", "Not earlier than this.")
                .query("to", "integer", "Earlier than this.")
                .paged()
                .gives(Schema::page(Schema::named("Event"))),
        )
        .add(
            Route::new(
                get.clone(),
                "/api/v1/events/kinds",
                read,
                kinds,
                "Kinds of events, with how many there are of each",
            )
            .gives(schema::event_kinds()),
        )
        .add(
            Route::new(get, "/api/v1/events/{id}", read, one, "An event")
                .gives(Schema::named("Event")),
        )
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    kind: Option<String>,
    source: Option<String>,
    severity: Option<Severity>,
    device: Option<DeviceId>,
    q: Option<String>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    limit: Option<u32>,
    cursor: Option<String>,
}

async fn list(
    State(site): State<Site>,
    Params(query): Params<ListQuery>,
) -> Result<Response, Failure> {
    let page = page_query(query.limit, query.cursor)?;
    let query = EventQuery {
        kinds: words(query.kind.as_deref()),
        sources: words(query.source.as_deref()),
        severity: query.severity,
        device: query.device,
        text: query.q.unwrap_or_default(),
        from: query.from,
        to: query.to,
        before: page.after::<EventId>()?,
        limit: page.limit() as usize,
    };
    let found = site.events.list(query).await?;
    Listed::page(found.events, found.next)
}

async fn kinds(State(site): State<Site>) -> Result<Response, Failure> {
    Listed::whole(site.events.kinds().await?)
}

async fn one(State(site): State<Site>, Path(id): Path<EventId>) -> Result<Response, Failure> {
    let found = site.events.get(id).await?;
    let lost = || Failure::not_found(format!("There is no event {id}; it may be too old."));
    answer(&found.ok_or_else(lost)?)
}
