//! What each sensor told of, for programs: how busy it is, and between which networks it saw
//! something pass.

use std::net::{IpAddr, Ipv4Addr};

use ::flows::query::{Range, Sensor, Sensors, SensorsQuery, Sighting};
use axum::extract::State;
use axum::http::Method;
use axum::response::Response;
use model::Timestamp;
use serde::{Deserialize, Serialize};

use super::{SumsShown, shown, sums_schema};
use crate::api::{Params, answer, page_query};
use crate::http::{Failure, Route, Routes, Schema};
use crate::pages::flows::{LOOK, names::Names};
use crate::site::Site;

const HOUR_MS: i64 = 3_600_000;
/// A week.
pub(crate) const MOST_HOURS: i64 = 168;
/// Whoever told of fewer is not busy.
pub(crate) const FEWEST_PACKETS: u64 = 1_000;

pub(super) fn routes() -> Routes<Site> {
    let number = |about: &str| Schema::value("integer", about);
    let text = |about: &str| Schema::value("string", about);
    let who = || {
        vec![
            ("exporter?", text("The address of an exporter; absent for the router's connections.")),
            ("name", text("What people call it.")),
            ("interface", number("Index of the interface where it was seen; 0 is not known.")),
            ("interface_name", text("What the interface is called.")),
            ("sums", sums_schema()),
            ("first_seen", number("When first, within the time.")),
            ("last_seen", number("When last, within the time.")),
        ]
    };
    let mut sensor = who();
    sensor.push(("networks", number("Networks (/24 or /64) of both ends that were seen.")));
    sensor.push(("sightings", number("Pairs of such networks that were seen.")));
    let mut sighting = who();
    sighting.push(("from", text("The sender's network.")));
    sighting.push(("to", text("The receiver's.")));
    let list = |rows: Vec<(&'static str, Schema)>| {
        Schema::object(&[
            ("items", Schema::list(Schema::object(&rows))),
            ("total", number("How many there are, those that are not listed included.")),
            (
                "bounded",
                Schema::value(
                    "boolean",
                    "There was more than is told apart: the numbers are the least that there were.",
                ),
            ),
        ])
    };
    let hours = "How far back, 1 to 168; 24 if absent.";
    let busy = "How busy each sensor is: an exporter or the router's connections, by interface";
    let seen = "Between which networks each sensor saw something pass, and how often";
    Routes::new()
        .add(
            Route::new(Method::GET, "/api/v1/flows/sensors", LOOK, sensors, busy)
                .query("hours", "integer", hours)
                .query("min_packets", "integer", "Those with at least so many; 1000 if absent.")
                .gives(list(sensor)),
        )
        .add(
            Route::new(Method::GET, "/api/v1/flows/sightings", LOOK, sightings, seen)
                .query("hours", "integer", hours)
                .query(
                    "exporter",
                    "string",
                    "Of this exporter alone; `connections` for the router's.",
                )
                .query("interface", "integer", "Of this interface alone, by its index.")
                .query("min_packets", "integer", "Those with at least so many; 1 if absent.")
                .query("limit", "integer", "1 to 200; 50 if absent.")
                .gives(list(sighting)),
        )
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    hours: Option<i64>,
    min_packets: Option<u64>,
    exporter: Option<String>,
    interface: Option<u32>,
    limit: Option<u32>,
}

#[derive(Serialize)]
struct Row {
    #[serde(skip_serializing_if = "Option::is_none")]
    exporter: Option<IpAddr>,
    name: String,
    interface: u32,
    interface_name: String,
    sums: SumsShown,
    first_seen: Timestamp,
    last_seen: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    networks: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sightings: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<String>,
}

#[derive(Serialize)]
struct Found {
    items: Vec<Row>,
    total: usize,
    bounded: bool,
}

impl Asked {
    async fn ask(&self, site: &Site) -> Result<Sensors, Failure> {
        let hours = self.hours.unwrap_or(24);
        if !(1..=MOST_HOURS).contains(&hours) {
            return Err(Failure::invalid(format!("hours: give 1 to {MOST_HOURS}.")));
        }
        if self.min_packets == Some(0) {
            return Err(Failure::invalid("min_packets: give 1 or more."));
        }
        let sensor =
            match self.exporter.as_deref() {
                None => None,
                Some("connections") => Some(Ipv4Addr::UNSPECIFIED.into()),
                Some(text) => Some(text.parse::<IpAddr>().map_err(|_| {
                    Failure::invalid("exporter: give an IP address, or connections.")
                })?),
            };
        let query = SensorsQuery { range: last(hours), sensor, interface: self.interface };
        Ok(site.flows.ask(query.range.to, move |desk| desk.sensors(&query)).await?)
    }
}

/// The last hours.
pub(crate) fn last(hours: i64) -> Range {
    let now = Timestamp::now();
    Range { from: Timestamp(now.0.saturating_sub(hours.saturating_mul(HOUR_MS))), to: now }
}

async fn sensors(
    State(site): State<Site>,
    Params(asked): Params<Asked>,
) -> Result<Response, Failure> {
    if asked.exporter.is_some() || asked.interface.is_some() || asked.limit.is_some() {
        return Err(Failure::invalid("Give hours and min_packets alone: all sensors are listed."));
    }
    let found = asked.ask(&site).await?;
    let fewest = asked.min_packets.unwrap_or(FEWEST_PACKETS);
    let names = Names::new(&site);
    let row = |one: &Sensor| Row {
        networks: Some(one.networks),
        sightings: Some(one.sightings),
        ..row(&names, (one.address, one.interface), shown(&one.sums), one.seen)
    };
    let busy = found.sensors.iter().filter(|one| one.sums.packets >= fewest);
    let items: Vec<Row> = busy.map(row).collect();
    answer(&Found { total: items.len(), items, bounded: found.is_bounded })
}

async fn sightings(
    State(site): State<Site>,
    Params(asked): Params<Asked>,
) -> Result<Response, Failure> {
    let limit = page_query(asked.limit, None)?.limit() as usize;
    let mut found = asked.ask(&site).await?;
    let fewest = asked.min_packets.unwrap_or(1);
    found.sightings.retain(|one| one.sums.packets >= fewest);
    let names = Names::new(&site);
    let row = |one: &Sighting| Row {
        from: Some(one.from.to_string()),
        to: Some(one.to.to_string()),
        ..row(&names, (one.sensor, one.interface), shown(&one.sums), one.seen)
    };
    let items = found.sightings.iter().take(limit).map(row).collect();
    answer(&Found { items, total: found.sightings.len(), bounded: found.is_bounded })
}

fn row(
    names: &Names<'_>,
    (sensor, interface): (IpAddr, u32),
    sums: SumsShown,
    (first_seen, last_seen): (Timestamp, Timestamp),
) -> Row {
    Row {
        exporter: (!sensor.is_unspecified()).then_some(sensor),
        name: names.sensor(sensor).label,
        interface,
        interface_name: names.interface(interface),
        sums,
        first_seen,
        last_seen,
        networks: None,
        sightings: None,
        from: None,
        to: None,
    }
}
