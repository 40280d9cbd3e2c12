//! Sums of traffic for programs: over time, by device, just now.

use ::flows::query::Range;
use ::flows::rollup::{Amounts, Kind, Scope, Whose};
use axum::extract::State;
use axum::http::Method;
use axum::response::Response;
use model::{DeviceId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::whose;
use crate::api::{Listed, Params, answer, one_of};
use crate::http::{Failure, Route, Routes, Schema};
use crate::pages::flows::asked::SCOPES;
use crate::pages::flows::{LOOK, names::Names};
use crate::site::Site;

const MINUTE_MS: i64 = 60_000;
/// A year of minutes.
const MOST_MINUTES: i64 = 366 * 1_440;
const MOST_ROWS: usize = 200;

pub(super) fn routes() -> Routes<Site> {
    let number = |about: &str| Schema::value("integer", about);
    let amounts = amounts_schema;
    let mut point = vec![("at", number("When the step began."))];
    point.extend(amounts());
    let mut row = vec![
        ("key", Schema(serde_json::json!({}))),
        ("name", Schema::value("string", "What people call it.")),
    ];
    row.extend(amounts());
    let rate = |about: &str| Schema::value("number", about);
    let talker = Schema::object(&[
        ("key", Schema(serde_json::json!({}))),
        ("name", Schema::value("string", "What people call it.")),
        ("sent_bps", rate("Bits a second sent.")),
        ("received_bps", rate("Bits a second received.")),
    ]);
    let get = || Method::GET;
    Routes::new()
        .add(
            windowed(Route::new(get(), "/api/v1/traffic/history", LOOK, history, "Traffic over time"))
                .query("step", "integer", "Minutes of a step; 1 if absent. Of whole hours and days the sums are kept for longer.")
                .gives(Schema::page(Schema::object(&point))),
        )
        .add(
            windowed(Route::new(get(), "/api/v1/traffic/top", LOOK, top, "Who had the most"))
                .query("limit", "integer", "1 to 200; 10 if absent.")
                .gives(Schema::page(Schema::object(&row))),
        )
        .add(
            windowed(Route::new(get(), "/api/v1/traffic/export", LOOK, export, "Traffic over time as a file"))
                .query("step", "integer", "Minutes of a step; 1 if absent.")
                .query("format", "string", "csv (usual) or json."),
        )
        .add(
            Route::new(get(), "/api/v1/traffic/now", LOOK, now, "Who sends and receives just now; empty where nothing is collected")
                .gives(Schema::page(talker)),
        )
}

pub(super) fn amounts_schema() -> Vec<(&'static str, Schema)> {
    let number = |about: &str| Schema::value("integer", about);
    vec![
        ("sent", number("Octets sent.")),
        ("received", number("Octets received.")),
        ("sent_packets", number("Packets sent.")),
        ("received_packets", number("Packets received.")),
        ("flows", number("Flows that ended.")),
    ]
}

fn windowed(route: Route<Site>) -> Route<Site> {
    route
        .query("minutes", "integer", "How far back, 1 to 527040; 60 if absent.")
        .query("scope", "string", "internet (usual), local, router or all.")
        .query("device", "integer", "Of this device alone.")
        .query("vpn_peer", "integer", "Of this peer of a VPN alone, by the number in keys.")
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    minutes: Option<i64>,
    scope: Option<String>,
    device: Option<DeviceId>,
    vpn_peer: Option<i64>,
    step: Option<i64>,
    limit: Option<usize>,
    format: Option<String>,
}

impl Asked {
    /// Exactly so many minutes, the one that has begun included.
    fn range(&self, now: Timestamp) -> Result<Range, Failure> {
        let minutes = self.minutes.unwrap_or(60);
        if !(1..=MOST_MINUTES).contains(&minutes) {
            return Err(Failure::invalid(format!("minutes: give 1 to {MOST_MINUTES}.")));
        }
        let to = now.0.div_euclid(MINUTE_MS).saturating_add(1) * MINUTE_MS;
        Ok(Range { from: Timestamp(to - minutes * MINUTE_MS), to: Timestamp(to) })
    }

    fn whose(&self) -> Option<Whose> {
        let device = self.device.map(|id| Whose::Device(id.0));
        device.or_else(|| self.vpn_peer.filter(|id| *id >= 0).map(Whose::VpnPeer))
    }

    fn scopes(&self) -> Result<Vec<Scope>, Failure> {
        let all = SCOPES
            .map(|(word, _, scopes)| (if word.is_empty() { "internet" } else { word }, scopes));
        Ok(one_of("scope", self.scope.as_deref().unwrap_or("internet"), &all)?.to_vec())
    }
}

#[derive(Serialize)]
pub(super) struct AmountsShown {
    sent: u64,
    received: u64,
    sent_packets: u64,
    received_packets: u64,
    flows: u64,
}

impl AmountsShown {
    pub(super) fn octets(&self) -> u64 {
        self.sent.saturating_add(self.received)
    }
}

impl From<&Amounts> for AmountsShown {
    fn from(amounts: &Amounts) -> Self {
        Self {
            sent: amounts.sent,
            received: amounts.received,
            sent_packets: amounts.sent_packets,
            received_packets: amounts.received_packets,
            flows: amounts.flows,
        }
    }
}

#[derive(Serialize)]
struct PointShown {
    at: Timestamp,
    #[serde(flatten)]
    amounts: AmountsShown,
}

async fn points(site: &Site, asked: &Asked) -> Result<Vec<PointShown>, Failure> {
    let now = Timestamp::now();
    let (range, scopes) = (asked.range(now)?, asked.scopes()?);
    let step = asked.step.unwrap_or(1);
    if !(1..=10_080).contains(&step) {
        return Err(Failure::invalid("step: give 1 to 10080 minutes."));
    }
    let minutes = (range.to.0 - range.from.0) / MINUTE_MS;
    if minutes / step > 2_000 {
        return Err(Failure::invalid("step: that is more than 2000 points; take longer steps."));
    }
    let whose = asked.whose();
    let steps = site
        .flows
        .ask(now, move |desk| desk.history(whose, &scopes, range, step.saturating_mul(MINUTE_MS)));
    let steps = steps.await?;
    let begins = (0..).map(|n: i64| Timestamp(steps.from.0.saturating_add(n * steps.length)));
    let of = steps.of.first().map(Vec::as_slice).unwrap_or_default();
    Ok(begins.zip(of).map(|(at, amounts)| PointShown { at, amounts: amounts.into() }).collect())
}

async fn history(
    State(site): State<Site>,
    Params(asked): Params<Asked>,
) -> Result<Response, Failure> {
    Listed::whole(points(&site, &asked).await?)
}

async fn export(
    State(site): State<Site>,
    Params(asked): Params<Asked>,
) -> Result<Response, Failure> {
    use std::fmt::Write as _;

    use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
    use axum::response::IntoResponse as _;

    let forms = [("csv", true), ("json", false)];
    let is_csv = one_of("format", asked.format.as_deref().unwrap_or("csv"), &forms)?;
    let points = points(&site, &asked).await?;
    if !is_csv {
        return answer(&points);
    }
    let mut text = "at,sent,received,sent_packets,received_packets,flows\r\n".to_owned();
    for PointShown { at, amounts } in &points {
        let AmountsShown { sent, received, sent_packets, received_packets, flows } = amounts;
        let at = at.rfc3339();
        let _ =
            write!(text, "{at},{sent},{received},{sent_packets},{received_packets},{flows}\r\n");
    }
    let name = "attachment; filename=\"traffic.csv\"";
    let headers = [(CONTENT_TYPE, "text/csv; charset=utf-8"), (CONTENT_DISPOSITION, name)];
    Ok((headers, text).into_response())
}

async fn top(State(site): State<Site>, Params(asked): Params<Asked>) -> Result<Response, Failure> {
    #[derive(Serialize)]
    struct Row {
        key: Value,
        name: String,
        #[serde(flatten)]
        amounts: AmountsShown,
    }
    let now = Timestamp::now();
    let (range, scopes) = (asked.range(now)?, asked.scopes()?);
    let limit = asked.limit.unwrap_or(10);
    if !(1..=MOST_ROWS).contains(&limit) {
        return Err(Failure::invalid(format!("limit: give a number from 1 to {MOST_ROWS}.")));
    }
    let found =
        site.flows.ask(now, move |desk| desk.sums(Kind::Account, &scopes, range, usize::MAX));
    let (rows, _) = found.await?;
    let names = Names::new(&site);
    let mut rows: Vec<_> = rows.iter().map(|row| (Whose::from_key(row.key), row)).collect();
    if let Some(of) = asked.whose() {
        rows.retain(|(whose, _)| *whose == of);
    }
    let row = |(of, row): (Whose, &::flows::rollup::RollupRow)| Row {
        key: whose(of),
        name: names.whose(of).label,
        amounts: (&row.amounts).into(),
    };
    Listed::whole(rows.into_iter().take(limit).map(row).collect())
}

async fn now(State(site): State<Site>) -> Result<Response, Failure> {
    #[derive(Serialize)]
    struct Row {
        key: Value,
        name: String,
        sent_bps: f64,
        received_bps: f64,
    }
    let names = Names::new(&site);
    let row = |talker: ::flows::answers::Talker| Row {
        key: whose(talker.whose),
        name: names.whose(talker.whose).label,
        sent_bps: talker.sent_bps,
        received_bps: talker.received_bps,
    };
    let talkers = site.flows.talkers().unwrap_or_default();
    Listed::whole(talkers.into_iter().take(MOST_ROWS).map(row).collect())
}
