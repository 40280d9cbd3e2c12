//! Backups and upkeep of the database.

use access::Permission as P;
use access::audit::{Entry as Line, Outcome};
use axum::extract::State;
use axum::http::Method;
use axum::response::Response;
use model::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{Backup, StoreError};

use super::system::sizes;
use super::{Listed, Params, answer, page_query, schema};
use crate::http::{Entry, Failure, Route, Routes, Schema, Visitor};
use crate::site::Site;

pub(super) fn routes() -> Routes<Site> {
    let read = Entry::Needs(P::SettingsRead);
    Routes::new()
        .add(
            Route::new(Method::GET, "/api/v1/storage", read, show, "What the disk holds")
                .gives(Schema::named("Storage")),
        )
        .add(
            Route::new(
                Method::POST,
                "/api/v1/storage/vacuum",
                Entry::Needs(P::MaintenanceRun),
                vacuum,
                "Give the databases' free space back to the disk",
            )
            .gives(Schema::named("Storage"))
            .patient(),
        )
        .add(
            Route::new(
                Method::GET,
                "/api/v1/storage/maintenance",
                read,
                maintenance,
                "The log of maintenance, newest first",
            )
            .query("limit", "integer", "1 to 200; 50 if absent.")
            .gives(Schema::page(schema::maintenance())),
        )
        .add(
            Route::new(Method::GET, "/api/v1/backups", read, backups, "Backups, newest first")
                .gives(Schema::page(Schema::named("Backup"))),
        )
        .add(
            Route::new(
                Method::POST,
                "/api/v1/backups",
                Entry::Needs(P::BackupCreate),
                back_up,
                "Make a backup",
            )
            .gives(Schema::named("Backup"))
            .patient(),
        )
}

async fn show(State(site): State<Site>) -> Result<Response, Failure> {
    answer(&sizes(&site).await?)
}

async fn vacuum(State(site): State<Site>, visitor: Visitor) -> Result<Response, Failure> {
    let now = Timestamp::now();
    visitor.caller.require(P::MaintenanceRun)?;
    let before = sizes(&site).await?.main;
    let line = Line::new(&visitor.caller, "maintenance.vacuum", "", now);
    match site.store.vacuum(now).await {
        Ok(after) => {
            let freed = json!({ "bytes_freed": before.saturating_sub(after.main) });
            site.access.audit().append(line.with(freed)).await?;
            answer(&after)
        }
        Err(error) => Err(failed(&site, line, error).await),
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LogQuery {
    limit: Option<u32>,
}

async fn maintenance(
    State(site): State<Site>,
    Params(query): Params<LogQuery>,
) -> Result<Response, Failure> {
    let limit = page_query(query.limit, None)?.limit();
    Listed::whole(site.store.maintenance_log(limit).await?)
}

/// A backup as programs get it: where it lies is not theirs to know.
#[derive(Serialize)]
struct Shown {
    name: String,
    at: Timestamp,
    bytes: u64,
}

impl From<Backup> for Shown {
    fn from(backup: Backup) -> Self {
        let name = backup.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Self { name, at: backup.at, bytes: backup.bytes }
    }
}

async fn backups(State(site): State<Site>) -> Result<Response, Failure> {
    let store = site.store.clone();
    let looked = tokio::task::spawn_blocking(move || store.backups()).await;
    let all = looked.map_err(|e| Failure::internal("Looking at the disk", e))??;
    Listed::whole(all.into_iter().map(Shown::from).collect())
}

async fn back_up(State(site): State<Site>, visitor: Visitor) -> Result<Response, Failure> {
    let now = Timestamp::now();
    visitor.caller.require(P::BackupCreate)?;
    let line = Line::new(&visitor.caller, "backup.create", "", now);
    match site.store.back_up(now).await {
        Ok(made) => {
            let made = Shown::from(made);
            let facts = json!({ "file": made.name, "bytes": made.bytes });
            site.access.audit().append(line.with(facts)).await?;
            answer(&made)
        }
        Err(error) => Err(failed(&site, line, error).await),
    }
}

/// Notes a failure in the audit log. On a full disk even this cannot be written, and the error
/// itself says so.
async fn failed(site: &Site, line: Line, error: StoreError) -> Failure {
    let line = line.ended(Outcome::Failed).with(json!({ "error": error.to_string() }));
    if let Err(error) = site.access.audit().append(line).await {
        tracing::warn!(%error, "a failure was not noted in the audit log");
    }
    error.into()
}
