//! The REST API under `/api/v1`: all that the pages show and do, for programs.
//!
//! Handlers ask the same rooms as the pages and change things by the same deeds. In come typed
//! paths, queries and JSON bodies, in which an unknown field or a value out of bounds is refused;
//! out go JSON objects, lists by cursor, and errors as `{code,message}`. Times are milliseconds
//! since the Unix epoch.

mod account;
mod agents;
mod alerts;
mod audit;
mod devices;
mod document;
mod events;
mod extract;
pub(crate) mod flows;
mod keys;
mod logs;
mod monitoring;
mod mutes;
mod people;
mod router;
mod schema;
mod search;
mod settings;
mod storage;
mod system;
mod topology;

pub(crate) use document::described;

use axum::body::Body as Bytes;
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use self::extract::{Body, Params};
use crate::http::{Cursor, Failure, PageQuery, Routes, Schema};
use crate::site::Site;

/// Rows of a page when the client does not say, as [`PageQuery`] has it, and the most.
const MOST_ROWS: u32 = 200;

/// All routes for programs but the document that describes them; see [`described`].
pub fn routes() -> Routes<Site> {
    [
        devices::routes(),
        agents::routes(),
        events::routes(),
        flows::routes(),
        alerts::routes(),
        mutes::routes(),
        topology::routes(),
        search::routes(),
        settings::routes(),
        people::routes(),
        account::routes(),
        keys::routes(),
        audit::routes(),
        system::routes(),
        router::routes(),
        monitoring::routes(),
        logs::routes(),
        storage::routes(),
    ]
    .into_iter()
    .fold(schema::named(Routes::new()), Routes::merge)
}

/// What `/api/v1/system/metrics` gives.
pub(crate) fn numbers() -> Schema {
    schema::numbers()
}

/// JSON that is written already.
fn json(body: Vec<u8>) -> Response {
    let mut response = Response::new(Bytes::from(body));
    let kind = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

/// A value as JSON.
fn answer(value: &impl Serialize) -> Result<Response, Failure> {
    let body = serde_json::to_vec(value).map_err(|e| Failure::internal("Writing JSON", e))?;
    Ok(json(body))
}

/// 201: something new, with where it is.
fn created(place: &str, value: &impl Serialize) -> Result<Response, Failure> {
    let mut response = answer(value)?;
    *response.status_mut() = StatusCode::CREATED;
    if let Ok(place) = HeaderValue::from_str(place) {
        response.headers_mut().insert(LOCATION, place);
    }
    Ok(response)
}

/// 204: done.
fn done() -> Response {
    StatusCode::NO_CONTENT.into_response()
}

/// Checks what a query says about its page.
fn page_query(limit: Option<u32>, cursor: Option<String>) -> Result<PageQuery, Failure> {
    if limit.is_some_and(|l| l == 0 || l > MOST_ROWS) {
        return Err(Failure::invalid(format!("limit: give a number from 1 to {MOST_ROWS}.")));
    }
    Ok(PageQuery { limit, cursor })
}

/// One page of a list.
#[derive(Serialize)]
struct Listed<T> {
    items: Vec<T>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<Cursor>,
}

impl<T: Serialize> Listed<T> {
    fn page<K: Serialize>(items: Vec<T>, next: Option<K>) -> Result<Response, Failure> {
        answer(&Self { items, next: next.as_ref().map(Cursor::new) })
    }

    fn whole(items: Vec<T>) -> Result<Response, Failure> {
        answer(&Self { items, next: None })
    }
}

/// Words separated by commas; none where there is no text.
fn words(text: Option<&str>) -> Vec<String> {
    let words = text.unwrap_or_default().split(',').map(str::trim).filter(|w| !w.is_empty());
    words.map(str::to_owned).collect()
}

/// A word of a list of words, or what would be accepted.
fn one_of<T: Copy>(name: &str, word: &str, all: &[(&'static str, T)]) -> Result<T, Failure> {
    all.iter().find(|(w, _)| *w == word).map(|(_, value)| *value).ok_or_else(|| {
        let accepted: Vec<&str> = all.iter().map(|(w, _)| *w).collect();
        Failure::invalid(format!("{name}: give one of {}.", accepted.join(", ")))
    })
}
