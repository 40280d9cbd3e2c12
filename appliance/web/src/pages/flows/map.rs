//! Which networks and places talk to which, as a map and as tables.

use std::collections::BTreeMap;

use ::flows::answers::MonthPair;
use ::flows::query::{End, PlacePair, Places, SeenNetwork};
use axum::http::Method;
use axum::response::Response;

use super::asked::time;
use super::located::{self, Location};
use super::names::{Names, country, month};
use super::{LOOK, nothing_then, told};
use crate::api::flows::{USUAL_MONTHS, months_file};
use crate::http::{Failure, Route, Routes};
use crate::pages::Ask;
use crate::site::Site;
use crate::view::flows::{MapPage, MonthLine, NetworkLine, PairLine, Who};
use crate::view::{MapSpot, Moment, WorldMap, bytes, count, world};

/// Pairs that are shown.
const PAIRS: usize = 100;
/// Pairs of each month that are shown.
const PAIRS_OF_MONTH: usize = 15;

pub(super) fn routes() -> Routes<Site> {
    let file = "Traffic between places by month, as a file";
    Routes::new()
        .add(Route::new(Method::GET, "/flows/map", LOOK, show, "Traffic between places").query(
            "range",
            "string",
            "`1h`, `7d`, `30d` or `1y` instead of a day.",
        ))
        .add(Route::new(Method::GET, "/flows/months", LOOK, months, file))
}

async fn months(ask: Ask) -> Result<Response, Failure> {
    months_file(&ask.site, USUAL_MONTHS).await
}

async fn show(ask: Ask) -> Result<Response, Failure> {
    let time = time(&ask.query, ask.now);
    let sites = located::all(&ask.site).await?;
    let (range, asked) = (time.range, located::sites(&sites));
    let answer = ask.site.flows.ask(ask.now, move |desk| {
        Ok((desk.places(range, &asked)?, desk.months(&asked, USUAL_MONTHS)?))
    });
    let mut page = MapPage {
        note: String::new(),
        world: None,
        pairs: Vec::new(),
        more: String::new(),
        networks: Vec::new(),
        months: Vec::new(),
        empty: None,
        span: time.span,
        shell: ask.flows_shell("Map").await,
    };
    match answer.await {
        Err(error) => page.empty = Some(told(error)?),
        Ok((places, months)) => {
            page.months = by_month(&months, &sites);
            if places.pairs.is_empty() {
                page.empty = Some(nothing_then(places.evidence.kept));
            } else {
                fill(&ask, &mut page, &sites, &places);
            }
        }
    }
    ask.page(&page)
}

/// The largest pairs of each month.
fn by_month(pairs: &[MonthPair], sites: &[Location]) -> Vec<MonthLine> {
    let line = |pair: &MonthPair| MonthLine {
        month: month(pair.month),
        local: end(pair.local, sites),
        local_colour: colour(pair.local, sites),
        remote: end(pair.remote, sites),
        remote_colour: colour(pair.remote, sites),
        bytes: bytes(pair.bytes()),
        packets: count(pair.packets()),
        networks: count(pair.networks),
        mappings: count(pair.mappings),
    };
    let months = pairs.chunk_by(|one, next| one.month == next.month);
    months.flat_map(|month| month.iter().take(PAIRS_OF_MONTH).map(line)).collect()
}

fn fill(ask: &Ask, page: &mut MapPage, sites: &[Location], places: &Places) {
    let names = Names::new(&ask.site);
    let line = |pair: &PlacePair| PairLine {
        from: end(pair.from, sites),
        from_colour: colour(pair.from, sites),
        to: end(pair.to, sites),
        to_colour: colour(pair.to, sites),
        bytes: bytes(pair.sums.bytes),
        packets: count(pair.sums.packets),
        networks: format!("{}{}", count(pair.networks), if places.is_bounded { "+" } else { "" }),
        first: Moment::ago(pair.seen.0, ask.now),
        last: Moment::ago(pair.seen.1, ask.now),
    };
    page.pairs = places.pairs.iter().take(PAIRS).map(line).collect();
    if places.pairs.len() > PAIRS {
        page.more = format!("{} more have less.", count((places.pairs.len() - PAIRS) as u64));
    }
    let network = |seen: &SeenNetwork| NetworkLine {
        network: end(End::Network(seen.network), sites),
        hosts: count(seen.hosts),
        interface: names.interface(seen.interface),
        sent: bytes(seen.sent.bytes),
        received: bytes(seen.received.bytes),
        first: Moment::ago(seen.seen.0, ask.now),
        last: Moment::ago(seen.seen.1, ask.now),
    };
    page.networks = places.networks.iter().map(network).collect();
    // What went to a place and what came from it lie upon each other.
    let mut spots: BTreeMap<String, (MapSpot, u64)> = BTreeMap::new();
    for pair in &places.pairs {
        for its in [pair.from, pair.to] {
            let Some((at, is_named)) = spot(its, sites) else { continue };
            let who = end(its, sites).label;
            let colour = colour(its, sites);
            let fresh = MapSpot { label: who.clone(), at, weight: 0.0, named: is_named, colour };
            let (spot, octets) = spots.entry(who).or_insert((fresh, 0));
            *octets = octets.saturating_add(pair.sums.bytes);
            spot.weight = *octets as f64;
            if pair.from == pair.to {
                break;
            }
        }
    }
    let mut spots: Vec<(MapSpot, u64)> = spots.into_values().collect();
    spots.sort_unstable_by_key(|(_, octets)| std::cmp::Reverse(*octets));
    for (spot, octets) in &mut spots {
        spot.label = format!("{}: {}", spot.label, bytes(*octets));
    }
    let spots: Vec<MapSpot> = spots.into_iter().map(|(spot, _)| spot).collect();
    let home = spots.iter().find(|spot| spot.named).map(|spot| spot.at);
    if let Some(problem) = names.problem() {
        page.note = format!("A database of addresses cannot be used: {problem}.");
    } else if spots.is_empty() {
        "No place in the world is known: put a database of addresses (GeoLite2 or DB-IP, as .mmdb) \
         into the folder geoip beside the appliance's configuration, or name locations."
            .clone_into(&mut page.note);
    }
    if !spots.is_empty() {
        let few: Vec<&str> = spots.iter().take(5).map(|spot| spot.label.as_str()).collect();
        let label = format!("Map of the world. Most traffic: {}", few.join(", "));
        page.world = Some(WorldMap::new(&spots, home, label));
    }
}

/// What an end is called.
pub(crate) fn end(end: End, sites: &[Location]) -> Who {
    match end {
        End::Site(id) => {
            let found = sites.iter().find(|location| location.id == id);
            Who {
                label: found.map_or_else(|| format!("Location {id}"), |l| l.name.clone()),
                note: found.map(|l| l.description.clone()).unwrap_or_default(),
                href: String::new(),
            }
        }
        End::Network(network) => Who {
            label: network.to_string(),
            note: String::new(),
            href: format!("/flows/explore?filter=net+{network}"),
        },
        End::Country(code) => {
            let letters = String::from_utf8_lossy(&code).into_owned();
            let href = format!("/flows/explore?by=remote&filter=country+{letters}");
            Who { href, ..country(Some(code)) }
        }
        End::Elsewhere => Who { label: "Elsewhere".to_owned(), ..Who::default() },
        End::Rest => Who { label: "Others".to_owned(), ..Who::default() },
    }
}

/// Where an end is on the map, and whether people have named it.
fn spot(end: End, sites: &[Location]) -> Option<((f64, f64), bool)> {
    match end {
        End::Site(id) => Some((sites.iter().find(|location| location.id == id)?.at?, true)),
        End::Country(code) => Some((world::country(code)?.1, false)),
        _ => None,
    }
}

/// The class of the colour that people gave an end; empty without one.
fn colour(end: End, sites: &[Location]) -> &'static str {
    let End::Site(id) = end else { return "" };
    sites.iter().find(|location| location.id == id).map_or("", |l| located::class(&l.colour))
}
