//! The audit log: read, checked, taken away as a file.

use access::Permission as P;
use access::audit::{Entry as Line, Filter, Format, Head, Outcome, Verdict};
use axum::body::Body;
use axum::extract::State;
use axum::http::Method;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use model::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Listed, Params, answer, one_of, page_query, schema};
use crate::http::{Entry, Failure, Route, Routes, Schema, Visitor};
use crate::site::Site;

pub(super) fn routes() -> Routes<Site> {
    let (read, export) = (Entry::Needs(P::AuditRead), Entry::Needs(P::AuditExport));
    Routes::new()
        .add(
            filtered(Route::new(
                Method::GET,
                "/api/v1/audit",
                read,
                list,
                "Lines of the audit log, newest first",
            ))
            .paged()
            .gives(Schema::page(Schema::named("AuditLine"))),
        )
        .add(
            Route::new(
                Method::POST,
                "/api/v1/audit/verify",
                read,
                verify,
                "Check the whole chain of lines, which is noted in the log",
            )
            .query("head", "string", "A head of the log that was noted elsewhere.")
            .gives(schema::audit_verdict())
            .patient(),
        )
        .add(
            filtered(Route::new(
                Method::GET,
                "/api/v1/audit/export",
                export,
                take_away,
                "The audit log as a file, oldest line first",
            ))
            .query("format", "string", "csv (usual) or json.")
            .patient(),
        )
}

fn filtered(route: Route<Site>) -> Route<Site> {
    route
        .query("actor", "string", "The actor's name.")
        .query("action", "string", "An action, or a family of them that ends in a dot: person.")
        .query("outcome", "string", "ok, refused or failed.")
        .query("q", "string", "Text in subject, detail, address or actor.")
        .query("from", "integer", "Not earlier than this.")
        .query("to", "integer", "Earlier than this.")
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    actor: Option<String>,
    action: Option<String>,
    outcome: Option<String>,
    q: Option<String>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    limit: Option<u32>,
    cursor: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExportQuery {
    actor: Option<String>,
    action: Option<String>,
    outcome: Option<String>,
    q: Option<String>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    format: Option<String>,
}

const OUTCOMES: [(&str, Outcome); 3] =
    [("ok", Outcome::Ok), ("refused", Outcome::Refused), ("failed", Outcome::Failed)];

fn outcome(word: Option<String>) -> Result<Option<String>, Failure> {
    if let Some(word) = &word {
        one_of("outcome", word, &OUTCOMES)?;
    }
    Ok(word)
}

/// A line as programs get it: its facts as JSON, not as text.
#[derive(Serialize)]
struct Shown {
    seq: i64,
    at: Timestamp,
    actor: String,
    actor_kind: String,
    actor_id: Option<i64>,
    address: Option<String>,
    action: String,
    subject: String,
    outcome: String,
    detail: Value,
    prev_hash: String,
    hash: String,
}

fn hex(hash: &[u8]) -> String {
    hash.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

async fn list(
    State(site): State<Site>,
    visitor: Visitor,
    Params(query): Params<ListQuery>,
) -> Result<Response, Failure> {
    let page = page_query(query.limit, query.cursor)?;
    let filter = Filter {
        actor: query.actor,
        action: query.action,
        outcome: outcome(query.outcome)?,
        from: query.from,
        to: query.to,
        text: query.q,
        after: page.after::<i64>()?,
        limit: page.limit(),
    };
    let found = site.access.audit().page(&visitor.caller, filter).await?;
    let rows = found.rows.into_iter().map(|row| Shown {
        seq: row.seq,
        at: row.at,
        actor: row.actor,
        actor_kind: row.actor_kind,
        actor_id: row.actor_id,
        address: row.address,
        action: row.action,
        subject: row.subject,
        outcome: row.outcome,
        detail: serde_json::from_str(&row.detail).unwrap_or(Value::String(row.detail)),
        prev_hash: hex(&row.prev_hash),
        hash: hex(&row.hash),
    });
    Listed::page(rows.collect(), found.next)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct VerifyQuery {
    head: Option<String>,
}

async fn verify(
    State(site): State<Site>,
    visitor: Visitor,
    Params(query): Params<VerifyQuery>,
) -> Result<Response, Failure> {
    let note = query.head.map(|text| text.parse::<Head>()).transpose();
    let note = note.map_err(|e| Failure::invalid(format!("head: {e}.")))?;
    let log = site.access.audit();
    let verdict = log.verify(note).await?;
    let line = Line::new(&visitor.caller, "audit.verify", "", Timestamp::now());
    let (line, told) = match verdict {
        Verdict::Intact { rows, head } => {
            let facts = json!({ "rows": rows, "head": head.to_string() });
            let told = json!({ "intact": true, "rows": rows, "head": head.to_string() });
            (line.with(facts), told)
        }
        Verdict::Broken(fault) => {
            let facts = json!({ "fault": fault.to_string() });
            let told = json!({ "intact": false, "fault": fault.to_string() });
            (line.with(facts).ended(Outcome::Failed), told)
        }
    };
    log.append(line).await?;
    answer(&told)
}

async fn take_away(
    State(site): State<Site>,
    visitor: Visitor,
    Params(query): Params<ExportQuery>,
) -> Result<Response, Failure> {
    let formats = [("csv", Format::Csv), ("json", Format::Json)];
    let format = one_of("format", query.format.as_deref().unwrap_or("csv"), &formats)?;
    let filter = Filter {
        actor: query.actor,
        action: query.action,
        outcome: outcome(query.outcome)?,
        from: query.from,
        to: query.to,
        text: query.q,
        ..Filter::default()
    };
    let now = Timestamp::now();
    let export = site.access.audit().export(&visitor.caller, filter, format, now).await?;
    let pieces = stream::try_unfold(export, async |mut export| {
        Ok::<_, access::AccessError>(export.next().await?.map(|piece| (piece, export)))
    });
    let (kind, name) = match format {
        Format::Csv => ("text/csv; charset=utf-8", "attachment; filename=\"audit.csv\""),
        Format::Json => ("application/json", "attachment; filename=\"audit.json\""),
    };
    let headers = [(CONTENT_TYPE, kind), (CONTENT_DISPOSITION, name)];
    Ok((headers, Body::from_stream(pieces)).into_response())
}
