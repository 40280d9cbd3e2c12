//! Logs of the router's services and of the appliance.

use access::Permission as P;
use axum::extract::{Path, State};
use axum::http::Method;
use axum::response::Response;
use serde::Deserialize;
use serde_json::json;
use system::logs::{LogQuery, MOST_LINES, Redactor};

use super::{Listed, Params, answer, schema};
use crate::http::{Entry, Failure, Route, Routes, Schema};
use crate::monitor::failed;
use crate::pages::logs::{found, names};
use crate::site::Site;

/// Lines when the client does not say.
const USUAL: usize = 100;

pub(super) fn routes() -> Routes<Site> {
    let read = Entry::Needs(P::LogsRead);
    Routes::new()
        .add(
            Route::new(Method::GET, "/api/v1/logs", read, list, "Services whose logs can be read")
                .gives(schema::log_names()),
        )
        .add(
            Route::new(
                Method::GET,
                "/api/v1/logs/{service}",
                read,
                lines,
                "The newest lines of a service's log, oldest first",
            )
            .query("lines", "integer", "1 to 5000; 100 if absent.")
            .query("q", "string", "Only lines with this text.")
            .query("redact", "boolean", "Mask addresses, MACs and secrets, to share it.")
            .gives(schema::log_lines()),
        )
        .add(
            Route::new(
                Method::GET,
                "/api/v1/log-files",
                read,
                files,
                "The appliance's own files of log",
            )
            .gives(Schema::page(schema::log_file())),
        )
        .add(
            Route::new(
                Method::GET,
                "/api/v1/log-files/{name}",
                read,
                file,
                "The last 1000 lines of one of them",
            )
            .gives(schema::log_text()),
        )
}

async fn list(State(site): State<Site>) -> Result<Response, Failure> {
    let (all, trouble) = names(&site).await;
    let all: Vec<_> =
        all.iter().map(|(name, label)| json!({ "service": name, "label": label })).collect();
    answer(&json!({ "services": all, "trouble": trouble }))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    lines: Option<usize>,
    q: Option<String>,
    redact: Option<bool>,
}

async fn lines(
    State(site): State<Site>,
    Path(service): Path<String>,
    Params(wanted): Params<Wanted>,
) -> Result<Response, Failure> {
    let lines = wanted.lines.unwrap_or(USUAL);
    if !(1..=MOST_LINES).contains(&lines) {
        return Err(Failure::invalid(format!("lines: give a number from 1 to {MOST_LINES}.")));
    }
    let search = wanted.q.unwrap_or_default();
    if search.chars().count() > 200 {
        return Err(Failure::invalid("q: at most 200 characters."));
    }
    let source = found(&site, &service).await?;
    let query = LogQuery { lines, search };
    let mut lines = site.system.log(&source, &query).await.map_err(|error| failed(&error))?;
    if wanted.redact == Some(true) {
        let mut redactor = Redactor::default();
        for line in &mut lines {
            line.message = redactor.line(&line.message);
        }
    }
    answer(&json!({ "service": service, "lines": lines }))
}

async fn files(State(site): State<Site>) -> Result<Response, Failure> {
    let looked = tokio::task::spawn_blocking(move || site.system.log_files()).await;
    let looked = looked.map_err(|error| Failure::internal("Looking at a folder", error))?;
    Listed::whole(looked.map_err(|error| failed(&error))?)
}

async fn file(State(site): State<Site>, Path(name): Path<String>) -> Result<Response, Failure> {
    let wanted = name.clone();
    let read = tokio::task::spawn_blocking(move || site.system.log_file(&wanted)).await;
    let read = read.map_err(|error| Failure::internal("Reading a file", error))?;
    let lines = read.map_err(|error| failed(&error))?;
    let lines = lines.ok_or_else(|| Failure::not_found("There is no such file of log."))?;
    answer(&json!({ "name": name, "lines": lines }))
}
