//! The list of events.

use access::Permission as P;
use axum::http::Method;
use axum::response::Response;
use events::EventQuery;
use model::{DeviceId, Severity};

use super::{Ask, local_time, rows};
use crate::http::{Entry, Failure, Route, Routes};
use crate::site::Site;
use crate::view::{Empty, EventsPage, Filter, Pager, Place, Query};

/// Kinds to filter by. Counting those in the table would read all of it.
const KINDS: [&str; 31] = [
    "new_device",
    "device_online",
    "device_offline",
    "address_changed",
    "ip_conflict",
    "arp_spoof",
    "dhcp_rogue",
    "router_advertisement_rogue",
    "device_merged",
    "device_forgotten",
    "ports_scanned",
    "ports_changed",
    "wake_sent",
    "storage_failing",
    "storage_recovered",
    "discovery_degraded",
    "discovery_recovered",
    "wan_degraded",
    "wan_recovered",
    "service_failed",
    "service_recovered",
    "tunnel_down",
    "tunnel_up",
    "certificate_expiring",
    "certificate_renewed",
    "storage_near_cap",
    "storage_below_cap",
    "collector_silent",
    "collector_heard",
    "appliance_updated",
    "update_failed",
];

/// Rooms that tell events.
const SOURCES: [&str; 4] = ["discovery", "storage", "system", "panoptikon"];

pub(super) fn routes() -> Routes<Site> {
    let read = Entry::Needs(P::EventsRead);
    Routes::new().add(Route::new(Method::GET, "/events", read, list, "The events"))
}

/// What the query string asks for; times are in the router's zone.
pub(crate) fn wanted(query: &Query, limit: u32) -> EventQuery {
    let words = |key| query.get(key).map(str::to_owned).into_iter().collect();
    EventQuery {
        kinds: words("kind"),
        sources: words("source"),
        severity: query.get("severity").and_then(|s| s.parse().ok()),
        device: query.get("device").and_then(|id| id.parse().ok().map(DeviceId)),
        text: query.get("q").unwrap_or_default().to_owned(),
        from: query.get("from").and_then(local_time),
        to: query.get("to").and_then(local_time),
        before: query.get("before").and_then(|id| id.parse().ok()),
        limit: limit as usize,
    }
}

async fn list(ask: Ask) -> Result<Response, Failure> {
    let (site, query) = (&ask.site, ask.query.clone());
    let (shell, page) = tokio::join!(
        ask.shell("Events", Some(Place::Events)),
        site.events.list(wanted(&query, ask.rows())),
    );
    let page = page?;
    let rows: Vec<_> = page.events.iter().map(|e| rows::event(site, e, ask.now)).collect();
    let empty = rows.is_empty().then(|| {
        if query.pairs().is_empty() {
            let text = "What devices do, what people do and what breaks is kept here.";
            Empty::new("events", "Nothing has happened yet", text)
        } else {
            Empty::no_match("/events")
        }
    });
    let next = page.next.map(|id| id.to_string());
    let shown = if rows.is_empty() { String::new() } else { format!("{} shown", rows.len()) };
    ask.page(&EventsPage {
        filters: filters(site, &query),
        pager: Pager::keyset(&query, next.as_deref(), "Older", shown),
        rows,
        empty,
        shell,
        query,
    })
}

fn filters(site: &Site, query: &Query) -> Vec<Filter> {
    let severities = Severity::ALL.into_iter().rev().map(|s| {
        let above = if s == Severity::Critical { "" } else { " and above" };
        (s.as_str(), format!("{}{above}", rows::capital(s.as_str())))
    });
    let mut filters = vec![
        Filter::of(query, "severity", "Severity", severities),
        Filter::of(query, "kind", "Kind", with_chosen(&KINDS, query.get("kind"))),
        Filter::of(query, "source", "Source", with_chosen(&SOURCES, query.get("source"))),
    ];
    // Thousands of devices fit into no menu: the one chosen is there to be taken back.
    if let Some(id) = query.get("device") {
        let link = id.parse().ok().and_then(|id| rows::device_link(site, DeviceId(id)));
        let label = link.map_or_else(|| format!("Device {id}"), |link| link.label);
        filters.push(Filter::of(query, "device", "Device", [(id, label.as_str())]));
    }
    filters
}

/// The usual words, and the one chosen if it is none of them.
fn with_chosen(usual: &[&str], chosen: Option<&str>) -> Vec<(String, String)> {
    let other = chosen.filter(|word| !usual.contains(word));
    let words = usual.iter().copied().chain(other);
    words.map(|word| (word.to_owned(), rows::capital(&word.replace('_', " ")))).collect()
}
