//! What passed between places month by month, for programs and as a file.

use std::fmt::Write as _;

use ::flows::answers::MonthPair;
use axum::extract::State;
use axum::http::Method;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use discovery::export::push_field;
use model::Timestamp;
use serde::{Deserialize, Serialize};

use super::locations::{EndShown, end_schema};
use super::{SumsShown, shown, sums_schema};
use crate::api::{Listed, Params, one_of, page_query};
use crate::http::{Failure, Route, Routes, Schema};
use crate::pages::flows::located::{self, Location};
use crate::pages::flows::{LOOK, map, names};
use crate::site::Site;

/// Months that are kept.
const MOST_MONTHS: i64 = 25;
/// Months where nothing is said.
pub(crate) const USUAL_MONTHS: i64 = 12;

pub(super) fn routes() -> Routes<Site> {
    let number = |about: &str| Schema::value("integer", about);
    let row = Schema::object(&[
        ("month", Schema::value("string", "The month (UTC), such as 2026-11.")),
        ("local", end_schema()),
        ("remote", end_schema()),
        ("bytes", number("Octets of both directions.")),
        ("packets", number("Packets of both directions.")),
        ("sent", sums_schema()),
        ("received", sums_schema()),
        ("networks", number("Networks (/24 or /64) of both places that were seen.")),
        ("mappings", number("Pairs of such networks that talked.")),
        ("first_seen", number("When first, within the month.")),
        ("last_seen", number("When last, within the month.")),
    ]);
    let what = "What passed between places month by month, for longer than flows are kept";
    Routes::new().add(
        Route::new(Method::GET, "/api/v1/traffic/monthly", LOOK, monthly, what)
            .query("months", "integer", "How many, this one included, 1 to 25; 12 if absent.")
            .query(
                "limit",
                "integer",
                "Pairs of each month, 1 to 200; 50 if absent. A file has all.",
            )
            .query("format", "string", "json (usual) or csv.")
            .gives(Schema::page(row)),
    )
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    months: Option<i64>,
    limit: Option<u32>,
    format: Option<String>,
}

#[derive(Serialize)]
struct Row {
    month: String,
    local: EndShown,
    remote: EndShown,
    bytes: u64,
    packets: u64,
    sent: SumsShown,
    received: SumsShown,
    networks: u64,
    mappings: u64,
    first_seen: Timestamp,
    last_seen: Timestamp,
}

async fn monthly(
    State(site): State<Site>,
    Params(asked): Params<Asked>,
) -> Result<Response, Failure> {
    let months = asked.months.unwrap_or(USUAL_MONTHS);
    if !(1..=MOST_MONTHS).contains(&months) {
        return Err(Failure::invalid(format!("months: give 1 to {MOST_MONTHS}.")));
    }
    let limit = page_query(asked.limit, None)?.limit() as usize;
    let forms = [("json", false), ("csv", true)];
    if one_of("format", asked.format.as_deref().unwrap_or("json"), &forms)? {
        return file(&site, months).await;
    }
    let (all, pairs) = pairs(&site, months).await?;
    let (mut month, mut listed) = (i64::MAX, 0);
    let mut rows = Vec::new();
    for pair in &pairs {
        // The latest month comes first, and of each the largest.
        listed = if pair.month == month { listed + 1 } else { 0 };
        month = pair.month;
        if listed < limit {
            rows.push(row(pair, &all));
        }
    }
    Listed::whole(rows)
}

async fn pairs(site: &Site, months: i64) -> Result<(Vec<Location>, Vec<MonthPair>), Failure> {
    let all = located::all(site).await?;
    let sites = located::sites(&all);
    let asked = site.flows.ask(Timestamp::now(), move |desk| desk.months(&sites, months));
    Ok((all, asked.await?))
}

fn row(pair: &MonthPair, all: &[Location]) -> Row {
    Row {
        month: names::month(pair.month),
        local: EndShown::new(pair.local, all),
        remote: EndShown::new(pair.remote, all),
        bytes: pair.bytes(),
        packets: pair.packets(),
        sent: shown(&pair.sent),
        received: shown(&pair.received),
        networks: pair.networks,
        mappings: pair.mappings,
        first_seen: pair.seen.0,
        last_seen: pair.seen.1,
    }
}

/// All pairs of some months as CSV.
pub(crate) async fn file(site: &Site, months: i64) -> Result<Response, Failure> {
    let (all, pairs) = pairs(site, months).await?;
    let mut text = "month,local,remote,bytes,packets,flows,sent_bytes,received_bytes,networks,\
                    mappings,first_seen,last_seen\r\n"
        .to_owned();
    for pair in &pairs {
        text.push_str(&names::month(pair.month));
        for end in [pair.local, pair.remote] {
            text.push(',');
            push_field(&mut text, &map::end(end, &all).label);
        }
        let flows = pair.sent.flows.saturating_add(pair.received.flows);
        let (bytes, packets) = (pair.bytes(), pair.packets());
        let (sent, received) = (pair.sent.bytes, pair.received.bytes);
        let (networks, mappings) = (pair.networks, pair.mappings);
        let (first, last) = (pair.seen.0.rfc3339(), pair.seen.1.rfc3339());
        let _ = write!(
            text,
            ",{bytes},{packets},{flows},{sent},{received},{networks},{mappings},{first},{last}\r\n"
        );
    }
    let name = "attachment; filename=\"traffic-by-month.csv\"";
    let headers = [(CONTENT_TYPE, "text/csv; charset=utf-8"), (CONTENT_DISPOSITION, name)];
    Ok((headers, text).into_response())
}
