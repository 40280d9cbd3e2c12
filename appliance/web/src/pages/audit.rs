//! The audit log: read, checked, taken away as a file.

use access::Permission as P;
use access::audit::{Entry as Line, Filter as Which, Format, Outcome, Row, Verdict};
use axum::body::Body;
use axum::http::{Method, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde_json::{Value, json};

use super::form::local_time;
use super::{Ask, done};
use crate::http::{Entry, Failure, Route, Routes};
use crate::site::Site;
use crate::view::{
    AuditPage, AuditRow, Chain, Empty, Filter, Moment, Pager, Place, Query, Tone, count,
};

/// What a check of the chain is called in the log itself.
const VERIFY: &str = "audit.verify";

/// Families of actions that the filter offers.
const ACTIONS: [(&str, &str); 10] = [
    ("session.", "Signing in and out"),
    ("person.", "People"),
    ("api_key.", "API keys"),
    ("settings.", "Settings"),
    ("device.", "Devices"),
    ("alert.", "Alerts"),
    ("backup.", "Backups"),
    ("maintenance.", "Maintenance"),
    ("setup.", "Setup"),
    ("audit.", "Audit log"),
];

/// Outcomes, as the log has them and as people read them.
const OUTCOMES: [(&str, &str); 3] = [("ok", "Done"), ("refused", "Refused"), ("failed", "Failed")];

pub(super) fn routes() -> Routes<Site> {
    let read = Entry::Needs(P::AuditRead);
    let export_may = Entry::Needs(P::AuditExport);
    Routes::new()
        .add(Route::new(Method::GET, "/audit", read, list, "Audit log page"))
        .add(Route::new(Method::POST, "/audit/verify", read, verify, "Check the chain").patient())
        .add(
            Route::new(Method::GET, "/audit/export", export_may, export, "Audit log as a file")
                .patient(),
        )
}

async fn list(ask: Ask) -> Result<Response, Failure> {
    let mut shell = ask.shell("Audit log", Some(Place::Audit)).await;
    let by = &ask.visitor.caller;
    let log = ask.site.access.audit();
    let which = which(&ask.query, ask.rows());
    let narrow =
        Which { after: None, ..which.clone() } != Which { limit: which.limit, ..Which::default() };
    let chain = chain(&ask).await;
    let found = log.page(by, which).await;
    let (rows, next, empty) = match found {
        Ok(page) if page.rows.is_empty() && narrow => {
            (Vec::new(), None, Some(Empty::no_match("/audit")))
        }
        Ok(page) if page.rows.is_empty() => {
            let empty = Empty::new("audit", "Nothing yet", "Whatever people change is told here.");
            (Vec::new(), None, Some(empty))
        }
        Ok(page) => (page.rows, page.next, None),
        Err(error) => {
            let failure = Failure::from(error);
            (Vec::new(), None, Some(Empty::failed(failure.explained.message)))
        }
    };
    let people = ask.site.access.people(by, ask.now).unwrap_or_default();
    let mut names: Vec<String> = people.into_iter().map(|p| p.name).collect();
    names.extend(["console", "system", "anonymous"].map(str::to_owned));
    let query = ask.query.clone();
    let filters = vec![
        Filter::of(&query, "actor", "Who", names.iter().map(|n| (n.as_str(), n.as_str()))),
        Filter::of(&query, "action", "What", ACTIONS),
        Filter::of(&query, "outcome", "Outcome", OUTCOMES),
    ];
    let next = next.map(|n| n.to_string());
    let pager =
        Pager::keyset(&query, next.as_deref(), "Older", count(rows.len() as u64) + " shown");
    shell.live = false;
    let page = AuditPage {
        shell,
        filters,
        rows: rows.into_iter().map(row).collect(),
        empty,
        pager,
        chain,
        query,
    };
    ask.page(&page)
}

/// The lines that a query asks for.
fn which(query: &Query, limit: u32) -> Which {
    let text = |key: &str| query.get(key).map(|v| v.chars().take(200).collect::<String>());
    Which {
        actor: text("actor"),
        action: text("action"),
        outcome: text("outcome"),
        from: query.get("from").and_then(local_time),
        to: query.get("to").and_then(local_time),
        text: text("q"),
        after: query.get("before").and_then(|b| b.parse().ok()),
        limit,
    }
}

fn row(row: Row) -> AuditRow {
    let detail: Value = serde_json::from_str(&row.detail).unwrap_or(Value::Null);
    let commands = detail.get("commands").and_then(Value::as_array);
    let commands = commands.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
    let commands: Vec<String> = commands.collect();
    let empty = detail.as_object().is_some_and(serde_json::Map::is_empty);
    let known = OUTCOMES.iter().find(|(word, _)| *word == row.outcome);
    AuditRow {
        seq: row.seq,
        at: Moment::exact(row.at),
        address: row.address.unwrap_or_default(),
        target: row.subject.replacen(':', " ", 1),
        tone: match row.outcome.as_str() {
            "ok" => Tone::Ok,
            "refused" => Tone::Warn,
            _ => Tone::Bad,
        },
        outcome: known.map_or(row.outcome.clone(), |(_, words)| (*words).to_owned()),
        detail: match detail {
            Value::Null => row.detail,
            _ if empty => String::new(),
            other => serde_json::to_string_pretty(&other).unwrap_or_default(),
        },
        commands,
        hash: row.hash.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}")),
        actor: row.actor,
        action: row.action,
    }
}

/// What the last check found, as the log itself says.
async fn chain(ask: &Ask) -> Chain {
    let which = Which { action: Some(VERIFY.to_owned()), limit: 1, ..Which::default() };
    let found = ask.site.access.audit().page(&ask.visitor.caller, which).await;
    let Some(last) = found.ok().and_then(|p| p.rows.into_iter().next()) else {
        let text = "The chain of entries has not been checked yet".to_owned();
        return Chain { tone: Tone::Quiet, text, at: None };
    };
    let detail: Value = serde_json::from_str(&last.detail).unwrap_or(Value::Null);
    let (tone, text) = if let Some(fault) = detail.get("fault").and_then(Value::as_str) {
        (Tone::Bad, format!("The chain is broken: {fault}"))
    } else {
        let rows = detail.get("rows").and_then(Value::as_u64).unwrap_or_default();
        (Tone::Ok, format!("The chain holds: {} entries", count(rows)))
    };
    Chain { tone, text, at: Some(Moment::ago(last.at, ask.now)) }
}

async fn verify(ask: Ask) -> Result<Response, Failure> {
    let log = ask.site.access.audit();
    let verdict = log.verify(None).await?;
    let line = Line::new(&ask.visitor.caller, VERIFY, "", ask.now);
    let (line, tone, text) = match verdict {
        Verdict::Intact { rows, head } => (
            line.with(json!({ "rows": rows, "head": head.to_string() })),
            Tone::Ok,
            format!("The chain holds: {} entries, none changed, none missing.", count(rows)),
        ),
        Verdict::Broken(fault) => (
            line.ended(Outcome::Failed).with(json!({ "fault": fault.to_string() })),
            Tone::Bad,
            format!(
                "The chain is broken: {fault}. Somebody changed the database behind the \
                 appliance's back; compare with a backup and with the heads in the system log."
            ),
        ),
    };
    log.append(line).await?;
    Ok(done("/audit", tone, &text))
}

async fn export(ask: Ask) -> Result<Response, Failure> {
    let (format, kind, ending) = match ask.query.get("format") {
        Some("csv") | None => (Format::Csv, "text/csv; charset=utf-8", "csv"),
        Some("json") => (Format::Json, "application/json", "json"),
        Some(_) => return Err(Failure::invalid("The format is csv or json.")),
    };
    let which = which(&ask.query, 0);
    let log = ask.site.access.audit();
    let export = log.export(&ask.visitor.caller, which, format, ask.now).await?;
    let pieces = stream::unfold(Some(export), async |export| {
        let mut export = export?;
        match export.next().await {
            Ok(piece) => piece.map(|p| (Ok(p), Some(export))),
            Err(error) => {
                tracing::error!(%error, "an export of the audit log broke off");
                Some((Err(error), None))
            }
        }
    });
    let day: String = ask.now.rfc3339().chars().take(10).collect();
    let name = format!("attachment; filename=\"panoptikon-audit-{day}.{ending}\"");
    let headers = [(header::CONTENT_TYPE, kind.to_owned()), (header::CONTENT_DISPOSITION, name)];
    Ok((headers, Body::from_stream(pieces)).into_response())
}
