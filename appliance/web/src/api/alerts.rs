//! Alerts: lists, one by one, what people do about them.

use access::Permission as P;
use axum::extract::{Path, State};
use axum::http::Method;
use axum::response::Response;
use detect::{Action, AlertError, AlertQuery, Shown, Status};
use model::{AlertId, DeviceId, Severity, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Body, Listed, Params, answer, done, one_of, page_query, schema, words};
use crate::http::{Entry, Failure, Route, Routes, Schema, Visitor};
use crate::pages::alerts::deeds;
use crate::site::Site;

pub(super) fn routes() -> Routes<Site> {
    let (read, manage) = (Entry::Needs(P::AlertsRead), Entry::Needs(P::AlertsManage));
    let get = Method::GET;
    Routes::new()
        .add(
            filtered(Route::new(
                get.clone(),
                "/api/v1/alerts",
                read,
                list,
                "Alerts, the last seen first",
            ))
            .paged()
            .gives(Schema::page(Schema::named("Alert"))),
        )
        .add(
            filtered(Route::new(
                Method::DELETE,
                "/api/v1/alerts",
                manage,
                delete_all,
                "Delete all alerts of a filter, on all its pages; status must be given",
            ))
            .gives(schema::alerts_changed()),
        )
        .add(
            Route::new(get.clone(), "/api/v1/alerts/counts", read, counts, "How many alerts")
                .gives(schema::alert_counts()),
        )
        .add(
            Route::new(
                Method::POST,
                "/api/v1/alerts/read-all",
                manage,
                read_all,
                "Mark all alerts as read",
            )
            .gives(schema::alerts_changed()),
        )
        .add(
            Route::new(
                get,
                "/api/v1/alerts/{id}",
                read,
                one,
                "An alert with its history and the events behind it",
            )
            .gives(schema::alert_details()),
        )
        .add(
            Route::new(Method::PATCH, "/api/v1/alerts/{id}", manage, patch, "Act on an alert")
                .takes(schema::alert_action())
                .gives(Schema::named("Alert")),
        )
        .add(Route::new(
            Method::DELETE,
            "/api/v1/alerts/{id}",
            manage,
            delete,
            "Delete an alert with its history",
        ))
}

fn filtered(route: Route<Site>) -> Route<Site> {
    route
        .query("status", "string", "open (usual), new, acknowledged, resolved or all.")
        .query("severity", "string", "The mildest: info, low, medium, high or critical.")
        .query("kind", "string", "Kinds, separated by commas.")
        .query("unread", "boolean", "Only those that nobody has read.")
        .query("device", "integer", "About this device.")
        .query("q", "string", "Words of title and detail.")
}

const SHOWN: [(&str, Shown); 5] = [
    ("open", Shown::Open),
    ("new", Shown::Only(Status::New)),
    ("acknowledged", Shown::Only(Status::Acknowledged)),
    ("resolved", Shown::Only(Status::Resolved)),
    ("all", Shown::All),
];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    status: Option<String>,
    severity: Option<Severity>,
    kind: Option<String>,
    unread: Option<bool>,
    device: Option<DeviceId>,
    q: Option<String>,
    limit: Option<u32>,
    cursor: Option<String>,
}

impl ListQuery {
    fn wanted(self) -> Result<AlertQuery, Failure> {
        let page = page_query(self.limit, self.cursor)?;
        let before = page.after::<String>()?.map(|text| text.parse()).transpose();
        let wrong = |e: detect::ParseCursorError| Failure::invalid(format!("cursor: {e}."));
        Ok(AlertQuery {
            shown: one_of("status", self.status.as_deref().unwrap_or("open"), &SHOWN)?,
            severity: self.severity,
            kinds: words(self.kind.as_deref()),
            unread: self.unread.unwrap_or_default(),
            device: self.device,
            text: self.q.unwrap_or_default(),
            before: before.map_err(wrong)?,
            limit: page.limit() as usize,
        })
    }
}

async fn list(
    State(site): State<Site>,
    Params(query): Params<ListQuery>,
) -> Result<Response, Failure> {
    let found = site.alerts.list(query.wanted()?).await?;
    Listed::page(found.alerts, found.next)
}

async fn delete_all(
    State(site): State<Site>,
    visitor: Visitor,
    Params(query): Params<ListQuery>,
) -> Result<Response, Failure> {
    if query.status.is_none() {
        return Err(Failure::invalid("status: say which alerts; all for all of them."));
    }
    if query.limit.is_some() || query.cursor.is_some() {
        return Err(Failure::invalid("limit, cursor: all pages of the filter are deleted."));
    }
    let query = query.wanted()?;
    let count = deeds::delete_all(&site, &visitor.caller, query, Timestamp::now()).await?;
    answer(&json!({ "alerts": count }))
}

async fn counts(State(site): State<Site>) -> Result<Response, Failure> {
    #[derive(Serialize)]
    struct Count {
        severity: Severity,
        status: Status,
        alerts: u64,
    }
    #[derive(Serialize)]
    struct Counts {
        open: u64,
        unread: u64,
        by: Vec<Count>,
    }
    let counts = site.alerts.counts().await?;
    let unread = site.alerts.unread().await?;
    let by = counts.iter().map(|(severity, status, alerts)| Count { severity, status, alerts });
    answer(&Counts { open: counts.open(), unread, by: by.collect() })
}

async fn one(State(site): State<Site>, Path(id): Path<AlertId>) -> Result<Response, Failure> {
    let found = site.alerts.get(id).await?;
    answer(&found.ok_or(AlertError::NotFound(id))?)
}

/// What to do with an alert.
#[derive(Debug, Deserialize)]
#[serde(tag = "action", rename_all = "lowercase", deny_unknown_fields)]
enum Wanted {
    Read {},
    Acknowledge {
        #[serde(default)]
        note: String,
    },
    Assign {
        #[serde(default)]
        to: Option<String>,
    },
    Resolve {
        #[serde(default)]
        note: String,
    },
    Reopen {},
}

impl From<Wanted> for Action {
    fn from(wanted: Wanted) -> Self {
        match wanted {
            Wanted::Read {} => Self::Read,
            Wanted::Acknowledge { note } => Self::Acknowledge { note },
            Wanted::Assign { to } => Self::Assign { to },
            Wanted::Resolve { note } => Self::Resolve { note },
            Wanted::Reopen {} => Self::Reopen,
        }
    }
}

async fn patch(
    State(site): State<Site>,
    visitor: Visitor,
    Path(id): Path<AlertId>,
    Body(wanted): Body<Wanted>,
) -> Result<Response, Failure> {
    let (by, now) = (&visitor.caller, Timestamp::now());
    answer(&deeds::act(&site, by, id, wanted.into(), now).await?)
}

async fn read_all(State(site): State<Site>, visitor: Visitor) -> Result<Response, Failure> {
    let count = deeds::read_all(&site, &visitor.caller, Timestamp::now()).await?;
    answer(&json!({ "alerts": count }))
}

async fn delete(
    State(site): State<Site>,
    visitor: Visitor,
    Path(id): Path<AlertId>,
) -> Result<Response, Failure> {
    deeds::delete(&site, &visitor.caller, id, Timestamp::now()).await?;
    Ok(done())
}
