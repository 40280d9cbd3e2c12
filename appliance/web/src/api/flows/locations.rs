//! Named locations for programs, and what passed between them and the world.

use ::flows::query::{End, Mapping, PlacePair, Places};
use axum::extract::{Path, State};
use axum::http::Method;
use axum::response::Response;
use model::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Asked, SumsShown, shown};
use crate::api::{Body, Listed, Params, answer, created, done};
use crate::http::{Entry, Failure, Route, Routes, Schema, Visitor};
use crate::pages::flows::located::{self, COLOURS, Location};
use crate::pages::flows::{LOOK, map};
use crate::site::Site;

const PATH: &str = "/api/v1/flows/locations";
const ONE: &str = "/api/v1/flows/locations/{id}";

pub(super) fn routes() -> Routes<Site> {
    let edit = Entry::Needs(access::Permission::SettingsEdit);
    Routes::new()
        .add(
            Route::new(Method::GET, PATH, LOOK, list, "Named locations, by name")
                .gives(Schema::page(schema(true))),
        )
        .add(
            Route::new(Method::POST, PATH, edit, create, "Name a location")
                .takes(schema(false))
                .gives(schema(true)),
        )
        .add(Route::new(Method::GET, ONE, LOOK, one, "A named location").gives(schema(true)))
        .add(
            Route::new(Method::PUT, ONE, edit, replace, "Change a location")
                .takes(schema(false))
                .gives(schema(true)),
        )
        .add(Route::new(Method::DELETE, ONE, edit, delete, "Forget a location"))
        .add(
            Route::new(
                Method::GET,
                "/api/v1/flows/connections",
                LOOK,
                connections,
                "What passed between locations, networks of ours and countries; only what was seen",
            )
            .query("location", "string", "Pairs of which one end is this: a location's name or number, a network such as 10.0.0.0/24, two letters of a country, or elsewhere.")
            .query("other", "string", "The same of the other end.")
            .query("min_packets", "integer", "Pairs with at least so many packets.")
            .query("from", "integer", "Not before this; a day before `to` if absent.")
            .query("to", "integer", "Before this; now if absent.")
            .query("limit", "integer", "1 to 200; 50 if absent.")
            .gives(pairs_schema()),
        )
}

fn schema(with_id: bool) -> Schema {
    let text = |about: &str| Schema::value("string", about);
    let words: Vec<&str> = COLOURS.iter().map(|(word, _, _)| *word).collect();
    let degrees = json!({
        "type": ["array", "null"],
        "items": { "type": "number" },
        "description": "Latitude and longitude in degrees; null for nowhere on the map.",
    });
    let mut fields = vec![
        ("name", text("Its name, which no other location has.")),
        ("networks", Schema::list(text("A network, such as 192.168.7.0/24 or 2001:db8:7::/48."))),
        ("at?", Schema(degrees)),
        ("description?", text("What it is.")),
        ("colour?", Schema(json!({ "type": "string", "enum": words }))),
    ];
    if with_id {
        fields.insert(0, ("id", Schema::value("integer", "Its number, which stays.")));
    }
    Schema::object(&fields)
}

fn pairs_schema() -> Schema {
    let number = |about: &str| Schema::value("integer", about);
    let pair = Schema::object(&[
        ("from", end_schema()),
        ("to", end_schema()),
        ("sums", super::sums_schema()),
        ("networks", number("Networks (/24 or /64) of both ends that were seen.")),
        ("mappings", number("Pairs of such networks that were seen.")),
        ("first_seen", number("When first, within the time.")),
        ("last_seen", number("When last, within the time.")),
    ]);
    Schema::object(&[
        ("items", Schema::list(pair)),
        ("pairs", number("How many pairs there are, those that are not listed included.")),
        (
            "bounded",
            Schema::value(
                "boolean",
                "Networks and their pairs are the least that there were: too many to be told apart.",
            ),
        ),
    ])
}

/// What an end is, for people and for programs.
pub(super) fn end_schema() -> Schema {
    let text = |about: &str| Schema::value("string", about);
    Schema::object(&[
        ("name", text("What people call it.")),
        ("location?", Schema::value("integer", "The number of a named location.")),
        ("network?", text("A network of ours.")),
        ("country?", text("The two letters of a country.")),
    ])
}

#[derive(Serialize)]
pub(super) struct EndShown {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    network: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    country: Option<String>,
}

impl EndShown {
    pub(super) fn new(end: End, all: &[Location]) -> Self {
        let (mut location, mut network, mut country) = (None, None, None);
        match end {
            End::Site(id) => location = Some(id),
            End::Network(of) => network = Some(of.to_string()),
            End::Country(code) => country = Some(String::from_utf8_lossy(&code).into_owned()),
            End::Elsewhere | End::Rest => {}
        }
        Self { name: map::end(end, all).label, location, network, country }
    }
}

#[derive(Serialize)]
struct PairShown {
    from: EndShown,
    to: EndShown,
    sums: SumsShown,
    networks: u64,
    mappings: u64,
    first_seen: Timestamp,
    last_seen: Timestamp,
}

/// Two networks between which something passed, with the places in which they are.
#[derive(Serialize)]
pub(super) struct MappingShown {
    from: String,
    to: String,
    from_place: EndShown,
    to_place: EndShown,
    sums: SumsShown,
    first_seen: Timestamp,
    last_seen: Timestamp,
}

impl MappingShown {
    pub(super) fn new(mapping: &Mapping, all: &[Location]) -> Self {
        Self {
            from: mapping.from.to_string(),
            to: mapping.to.to_string(),
            from_place: EndShown::new(mapping.ends.0, all),
            to_place: EndShown::new(mapping.ends.1, all),
            sums: shown(&mapping.sums),
            first_seen: mapping.seen.0,
            last_seen: mapping.seen.1,
        }
    }
}

pub(super) fn pair_shown(pair: &PlacePair, all: &[Location]) -> impl Serialize + use<> {
    PairShown {
        from: EndShown::new(pair.from, all),
        to: EndShown::new(pair.to, all),
        sums: shown(&pair.sums),
        networks: pair.networks,
        mappings: pair.mappings,
        first_seen: pair.seen.0,
        last_seen: pair.seen.1,
    }
}

#[derive(Serialize)]
struct Shown {
    id: u32,
    name: String,
    networks: Vec<String>,
    at: Option<(f64, f64)>,
    description: String,
    colour: String,
}

impl From<Location> for Shown {
    fn from(location: Location) -> Self {
        let Location { id, name, networks, at, description, colour } = location;
        Self { id, name, networks, at, description, colour }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    name: String,
    networks: Vec<String>,
    #[serde(default)]
    at: Option<(f64, f64)>,
    #[serde(default)]
    description: String,
    #[serde(default)]
    colour: String,
}

impl Wanted {
    fn numbered(self, id: u32) -> Location {
        let Self { name, networks, at, description, colour } = self;
        Location { id, name, networks, at, description, colour }
    }
}

async fn list(State(site): State<Site>) -> Result<Response, Failure> {
    Listed::whole(located::all(&site).await?.into_iter().map(Shown::from).collect())
}

async fn one(State(site): State<Site>, Path(id): Path<u32>) -> Result<Response, Failure> {
    let found = located::all(&site).await?.into_iter().find(|location| location.id == id);
    let found = found.ok_or_else(|| Failure::not_found("There is no such location."))?;
    answer(&Shown::from(found))
}

async fn create(
    State(site): State<Site>,
    visitor: Visitor,
    Body(wanted): Body<Wanted>,
) -> Result<Response, Failure> {
    let now = Timestamp::now();
    let kept = located::keep(&site, &visitor.caller, wanted.numbered(0), now).await?;
    created(&format!("{PATH}/{}", kept.id), &Shown::from(kept))
}

async fn replace(
    State(site): State<Site>,
    visitor: Visitor,
    Path(id): Path<u32>,
    Body(wanted): Body<Wanted>,
) -> Result<Response, Failure> {
    if id == 0 {
        return Err(Failure::not_found("There is no such location."));
    }
    let now = Timestamp::now();
    let kept = located::keep(&site, &visitor.caller, wanted.numbered(id), now).await?;
    answer(&Shown::from(kept))
}

async fn delete(
    State(site): State<Site>,
    visitor: Visitor,
    Path(id): Path<u32>,
) -> Result<Response, Failure> {
    located::forget(&site, &visitor.caller, id, Timestamp::now()).await?;
    Ok(done())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Between {
    location: Option<String>,
    other: Option<String>,
    min_packets: Option<u64>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    limit: Option<u32>,
}

async fn connections(
    State(site): State<Site>,
    Params(asked): Params<Between>,
) -> Result<Response, Failure> {
    #[derive(Serialize)]
    struct Found<T> {
        items: Vec<T>,
        pairs: usize,
        bounded: bool,
    }
    let now = Timestamp::now();
    let limit = crate::api::page_query(asked.limit, None)?.limit() as usize;
    let all = located::all(&site).await?;
    let read = |name: &str, text: &Option<String>| {
        text.as_deref().map(|text| end(text, &all).ok_or_else(|| no_end(name))).transpose()
    };
    let (one, other) = (read("location", &asked.location)?, read("other", &asked.other)?);
    let fewest = asked.min_packets.unwrap_or(0);
    let times = Asked { from: asked.from, to: asked.to, ..Asked::default() };
    let (range, sites) = (times.range(now), located::sites(&all));
    let Places { mut pairs, is_bounded, .. } =
        site.flows.ask(now, move |desk| desk.places(range, &sites)).await?;
    let fits = |wanted: Option<End>, end: End| wanted.is_none_or(|wanted| wanted == end);
    pairs.retain(|pair| {
        let (from, to) = (pair.from, pair.to);
        let ends = fits(one, from) && fits(other, to) || fits(one, to) && fits(other, from);
        ends && pair.sums.packets >= fewest
    });
    let items = pairs.iter().take(limit).map(|pair| pair_shown(pair, &all)).collect();
    answer(&Found { items, pairs: pairs.len(), bounded: is_bounded })
}

fn no_end(name: &str) -> Failure {
    Failure::invalid(format!(
        "{name}: give the name or number of a location, a network of ours such as 10.0.0.0/24, \
         the two letters of a country, or elsewhere."
    ))
}

/// An end, as people and programs give it.
fn end(text: &str, all: &[Location]) -> Option<End> {
    if let Some(found) = all.iter().find(|l| l.name == text || l.id.to_string() == text) {
        return Some(End::Site(found.id));
    }
    if text == "elsewhere" {
        return Some(End::Elsewhere);
    }
    if let [first @ b'A'..=b'Z', second @ b'A'..=b'Z'] = *text.as_bytes() {
        return Some(End::Country([first, second]));
    }
    text.contains('/').then(|| text.parse().ok()).flatten().map(End::Network)
}
