//! Traffic for programs: single flows, groups of them, sums over time, files.

mod files;
mod flow;
mod locations;
mod months;
mod sensors;
mod summary;
mod traffic;

use std::net::IpAddr;

use ::flows::answers::{AnswerError, Desk};
use ::flows::filter::{self, Filter};
use ::flows::query::{
    Confidence, Cursor as At, Key, ListQuery, Range, SearchQuery, SeriesQuery, Sums, TopQuery,
};
use ::flows::rollup::Whose;
use axum::extract::State;
use axum::http::Method;
use axum::response::Response;
use model::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Listed, MOST_ROWS, Params, answer, one_of, page_query};
use crate::http::{Failure, Route, Routes, Schema};
use crate::pages::flows::asked::{By, DIMENSIONS, MEASURES, MOST_OF_NAME};
use crate::pages::flows::{LOOK, names::Names};
use crate::site::Site;

pub(crate) use files::{Form, file};
use flow::{FlowShown, flow_schema, place, place_schema};
pub(crate) use months::{USUAL_MONTHS, file as months_file};
pub(crate) use sensors::{FEWEST_PACKETS, MOST_HOURS, last};

const DAY_MS: i64 = 86_400_000;

pub(super) fn routes() -> Routes<Site> {
    let get = || Method::GET;
    let number = |about: &str| Schema::value("integer", about);
    let sums = sums_schema;
    let found = Schema::object(&[
        ("found", Schema::value("boolean", "Whether they were seen.")),
        (
            "confidence",
            Schema::value("string", "high, partial or none: how much of the time is kept."),
        ),
        ("sent", sums()),
        ("received", sums()),
        ("first_seen?", number("When first, within the time.")),
        ("last_seen?", number("When last, within the time.")),
        ("kept_from?", number("The earliest flow that is kept.")),
        ("kept_to?", number("The latest flow that is kept.")),
        ("place?", place_schema()),
    ]);
    let group = Schema::object(&[
        ("key", Schema(json!({}))),
        ("name", Schema::value("string", "What people call it.")),
        ("place?", place_schema()),
        ("sums", sums()),
        (
            "missed",
            number(
                "How much more of the measure it may have; 0 unless there were too many groups.",
            ),
        ),
    ]);
    let top = Schema::object(&[
        ("items", Schema::list(group)),
        ("total", sums()),
        ("groups", number("How many groups there are.")),
        (
            "unlisted",
            number(
                "The most that a group which is not listed may have; 0 unless there were too many.",
            ),
        ),
    ]);
    let point = Schema::object(&[("at", number("When the step began.")), ("sums", sums())]);
    Routes::new()
        .add(
            timed(Route::new(get(), "/api/v1/flows", LOOK, list, "Flows, the latest start first"))
                .paged()
                .gives(Schema::page(flow_schema())),
        )
        .add(
            timed(Route::new(get(), "/api/v1/flows/top", LOOK, top_of, "Groups of flows, ranked"))
                .query("by", "string", "device (usual), remote, service, country, as, conversation, local, host, source, destination, pair, connection, sport, dport, protocol, in or out.")
                .query("measure", "string", "bytes (usual), packets or flows.")
                .query("limit", "integer", "1 to 200; 50 if absent.")
                .gives(top),
        )
        .add(
            timed(Route::new(get(), "/api/v1/flows/series", LOOK, series, "Flows over time"))
                .query("step", "integer", "Milliseconds of a step, at least 1000; 60000 if absent.")
                .gives(Schema::page(point)),
        )
        .add(
            timed(Route::new(get(), "/api/v1/flows/search", LOOK, search, "Whether an address, or a pair, was seen"))
                .query("one", "string", "An address.")
                .query("other", "string", "The other one; anybody if absent.")
                .gives(found),
        )
        .add(
            timed(Route::new(get(), "/api/v1/flows/export", LOOK, export, "Flows as a file"))
                .query("format", "string", "csv (usual), json or ndjson.")
                .patient(),
        )
        .merge(locations::routes())
        .merge(months::routes())
        .merge(sensors::routes())
        .merge(summary::routes())
        .merge(traffic::routes())
}

fn sums_schema() -> Schema {
    let number = |about: &str| Schema::value("integer", about);
    Schema::object(&[
        ("bytes", number("Octets of layer 3.")),
        ("packets", number("Packets.")),
        ("flows", number("Flows.")),
    ])
}

fn timed(route: Route<Site>) -> Route<Site> {
    route
        .query("filter", "string", "Which flows, in the language of filters.")
        .query("from", "integer", "Not before this; a day before `to` if absent.")
        .query("to", "integer", "Before this; now if absent.")
}

#[derive(Serialize)]
struct SumsShown {
    bytes: u64,
    packets: u64,
    flows: u64,
}

fn shown(sums: &Sums) -> SumsShown {
    SumsShown { bytes: sums.bytes, packets: sums.packets, flows: sums.flows }
}

/// The parameters of all questions about flows.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    filter: Option<String>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    limit: Option<u32>,
    cursor: Option<String>,
    by: Option<String>,
    measure: Option<String>,
    step: Option<i64>,
    one: Option<IpAddr>,
    other: Option<IpAddr>,
    format: Option<String>,
}

impl Asked {
    fn range(&self, now: Timestamp) -> Range {
        let to = self.to.unwrap_or(now);
        Range { from: self.from.unwrap_or(Timestamp(to.0.saturating_sub(DAY_MS))), to }
    }

    fn filter(&self, site: &Site) -> Result<Filter, Failure> {
        let interfaces = site.discovery.interfaces();
        let by_name = |name: &str| {
            interfaces.iter().find(|i| i.name.eq_ignore_ascii_case(name)).map(|i| i.index)
        };
        let hosts = |name: &str| site.discovery.addresses_of_name(name, MOST_OF_NAME);
        filter::parse_named(self.filter.as_deref().unwrap_or_default(), &by_name, &hosts)
            .map_err(|error| Failure::invalid(format!("filter: {error}.")))
    }
}

async fn list(State(site): State<Site>, Params(asked): Params<Asked>) -> Result<Response, Failure> {
    let now = Timestamp::now();
    let (range, filter) = (asked.range(now), asked.filter(&site)?);
    let page = page_query(asked.limit, asked.cursor)?;
    let after = page.after::<(Timestamp, u64, u64)>()?;
    let after = after.map(|(start, content, alike)| At { start, content, alike });
    let query = ListQuery { range, filter, after, limit: page.limit() as usize };
    let (flows, next) = site.flows.ask(now, move |desk| piece(desk, &query)).await?;
    Listed::page(flows, next.map(|at| (at.start, at.content, at.alike)))
}

/// Some flows, and where the next ones begin.
fn piece(desk: &Desk, query: &ListQuery) -> Result<(Vec<FlowShown>, Option<At>), AnswerError> {
    let listed = desk.list(query)?;
    let all = listed.flows.iter().zip(&listed.mirrored);
    let shown = all.map(|(flow, mirrored)| FlowShown::new(flow, *mirrored, desk.world()));
    Ok((shown.collect(), listed.next))
}

#[derive(Serialize)]
struct GroupShown {
    key: Value,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<Value>,
    sums: SumsShown,
    missed: u64,
}

async fn top_of(
    State(site): State<Site>,
    Params(asked): Params<Asked>,
) -> Result<Response, Failure> {
    #[derive(Serialize)]
    struct Top {
        items: Vec<GroupShown>,
        total: SumsShown,
        groups: u64,
        unlisted: u64,
    }
    let now = Timestamp::now();
    let by = DIMENSIONS.map(|(word, _, by)| (word, by));
    let by = one_of("by", asked.by.as_deref().unwrap_or("device"), &by)?;
    let measure = MEASURES.map(|(word, _, measure)| (word, measure));
    let measure = one_of("measure", asked.measure.as_deref().unwrap_or("bytes"), &measure)?;
    let limit = page_query(asked.limit, None)?.limit().min(MOST_ROWS) as usize;
    let (range, filter) = (asked.range(now), asked.filter(&site)?);
    let (names, world) = (Names::new(&site), site.flows.world());
    let dimension = match by {
        By::Of(dimension) => dimension,
        By::Owner => ::flows::query::Dimension::Local,
    };
    let query = TopQuery { range, filter, by: dimension, measure, limit };
    let (items, top) = if by == By::Owner {
        let (owners, top) = site.flows.ask(now, move |desk| desk.top_owners(&query)).await?;
        let item = |owner: &::flows::answers::Owner| GroupShown {
            key: whose(owner.whose),
            name: names.whose(owner.whose).label,
            place: None,
            sums: shown(&owner.sums),
            missed: 0,
        };
        (owners.iter().map(item).collect(), top)
    } else {
        let top = site.flows.ask(now, move |desk| desk.top(&query)).await?;
        let item = |row: &::flows::query::TopRow| GroupShown {
            key: key(&row.key),
            name: names.key(&row.key).label,
            place: match row.key {
                Key::Address(address) => place(&world, address),
                _ => None,
            },
            sums: shown(&row.sums),
            missed: row.missed,
        };
        (top.rows.iter().map(item).collect(), top)
    };
    let (total, groups, unlisted) = (shown(&top.total), top.groups, top.unlisted);
    answer(&Top { items, total, groups, unlisted })
}

/// Whose something is, as programs get it.
fn whose(whose: Whose) -> Value {
    match whose {
        Whose::Device(id) => json!({ "device": id }),
        Whose::VpnPeer(id) => json!({ "vpn_peer": id }),
        Whose::Router => json!({ "router": true }),
        Whose::Unknown | Whose::Remote => json!({ "unknown": true }),
    }
}

fn key(key: &Key) -> Value {
    match *key {
        Key::Address(address) => json!({ "address": address }),
        Key::Port(port) => json!({ "port": port }),
        Key::Protocol(protocol) => json!({ "protocol": protocol }),
        Key::Service(protocol, port) => json!({ "protocol": protocol, "port": port }),
        Key::Interface(index) => json!({ "interface": index }),
        Key::Country(code) => {
            json!({ "country": code.map(|code| String::from_utf8_lossy(&code).into_owned()) })
        }
        Key::System(number) => json!({ "as": number }),
        Key::Pair(one, other) => json!({ "addresses": [one, other] }),
        Key::Tuple(source, destination, source_port, destination_port, protocol) => json!({
            "source": source,
            "destination": destination,
            "source_port": source_port,
            "destination_port": destination_port,
            "protocol": protocol,
        }),
    }
}

async fn series(
    State(site): State<Site>,
    Params(asked): Params<Asked>,
) -> Result<Response, Failure> {
    #[derive(Serialize)]
    struct Point {
        at: Timestamp,
        sums: SumsShown,
    }
    let now = Timestamp::now();
    let step = asked.step.unwrap_or(60_000);
    if step < 1_000 {
        return Err(Failure::invalid("step: give at least 1000 milliseconds."));
    }
    let (range, filter) = (asked.range(now), asked.filter(&site)?);
    let query = SeriesQuery { range, step, filter, hosts: Vec::new() };
    let series = site.flows.ask(now, move |desk| desk.series(&query)).await?;
    let begins = (0..).map(|n: i64| Timestamp(series.from.0.saturating_add(n * series.step)));
    let points = begins.zip(&series.points);
    Listed::whole(points.map(|(at, point)| Point { at, sums: shown(&point.sent) }).collect())
}

async fn search(
    State(site): State<Site>,
    Params(asked): Params<Asked>,
) -> Result<Response, Failure> {
    #[derive(Serialize)]
    struct Verdict {
        found: bool,
        confidence: &'static str,
        sent: SumsShown,
        received: SumsShown,
        #[serde(skip_serializing_if = "Option::is_none")]
        first_seen: Option<Timestamp>,
        #[serde(skip_serializing_if = "Option::is_none")]
        last_seen: Option<Timestamp>,
        #[serde(skip_serializing_if = "Option::is_none")]
        kept_from: Option<Timestamp>,
        #[serde(skip_serializing_if = "Option::is_none")]
        kept_to: Option<Timestamp>,
        #[serde(skip_serializing_if = "Option::is_none")]
        place: Option<Value>,
    }
    let now = Timestamp::now();
    let one = asked.one.ok_or_else(|| Failure::invalid("one: give an address."))?;
    if asked.filter.is_some() {
        return Err(Failure::invalid("filter: a search takes addresses instead."));
    }
    let query = SearchQuery { range: asked.range(now), one, other: asked.other };
    let found = site.flows.ask(now, move |desk| desk.search(&query, 1)).await?.found;
    answer(&Verdict {
        found: found.seen.is_some(),
        confidence: match found.confidence {
            Confidence::High => "high",
            Confidence::Partial => "partial",
            Confidence::None => "none",
        },
        sent: shown(&found.sent),
        received: shown(&found.received),
        first_seen: found.seen.map(|(first, _)| first),
        last_seen: found.seen.map(|(_, last)| last),
        kept_from: found.evidence.kept.map(|(first, _)| first),
        kept_to: found.evidence.kept.map(|(_, last)| last),
        place: place(&site.flows.world(), one),
    })
}

async fn export(
    State(site): State<Site>,
    Params(asked): Params<Asked>,
) -> Result<Response, Failure> {
    let now = Timestamp::now();
    let form = Form::of(asked.format.as_deref())?;
    let (range, filter) = (asked.range(now), asked.filter(&site)?);
    file(&site, range, filter, form, now).await
}
