//! One search over everything: devices, alerts, events, pages.

use access::Permission as P;
use axum::extract::State;
use axum::http::Method;
use axum::response::Response;
use model::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Params, answer, schema};
use crate::http::{Entry, Failure, Route, Routes, Visitor};
use crate::pages::search::find;
use crate::site::Site;
use crate::view::{SearchGroup, SearchHit};

/// Fewer characters find everything.
const SHORTEST: usize = 2;
const LONGEST: usize = 200;
/// Of each kind.
const MOST: usize = 5;

/// The pages: name, further words, address, what is needed to see them, icon.
const PAGES: [(&str, &str, &str, P, &str); 10] = [
    ("Overview", "dashboard home health", "/", P::DevicesRead, "overview"),
    ("Devices", "hosts assets inventory", "/devices", P::DevicesRead, "devices"),
    ("Topology", "map network", "/topology", P::TopologyRead, "topology"),
    ("Events", "log history", "/events", P::EventsRead, "events"),
    ("Alerts", "warnings mutes", "/alerts", P::AlertsRead, "bell"),
    ("Settings", "scanning retention storage backup", "/settings", P::SettingsRead, "settings"),
    ("People", "users roles accounts", "/settings/people", P::PeopleRead, "person"),
    ("Audit log", "changes who", "/audit", P::AuditRead, "audit"),
    ("Your account", "password sessions keys theme", "/account", P::AccountOwn, "person"),
    ("About", "version licences components", "/about", P::SystemRead, "info"),
];

pub(super) fn routes() -> Routes<Site> {
    Routes::new().add(
        Route::new(
            Method::GET,
            "/api/v1/search",
            Entry::Needs(P::DevicesRead),
            search,
            "Devices, alerts, events and pages, at most five of each",
        )
        .query("q", "string", "At least two characters, which all stand for themselves.")
        .gives(schema::search()),
    )
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    q: String,
}

#[derive(Serialize)]
struct Found {
    groups: Vec<SearchGroup>,
}

async fn search(
    State(site): State<Site>,
    visitor: Visitor,
    Params(Wanted { q }): Params<Wanted>,
) -> Result<Response, Failure> {
    let length = q.trim().chars().count();
    if !(SHORTEST..=LONGEST).contains(&length) {
        let message = format!("q: give {SHORTEST} to {LONGEST} characters.");
        return Err(Failure::invalid(message));
    }
    let mut groups = find(&site, &visitor, &q, MOST, Timestamp::now()).await?;
    let items = pages(&visitor, q.trim());
    if !items.is_empty() {
        groups.push(SearchGroup { label: "Pages".to_owned(), items, more: String::new() });
    }
    answer(&Found { groups })
}

fn pages(visitor: &Visitor, text: &str) -> Vec<SearchHit> {
    let wanted = text.to_lowercase();
    let fits = |name: &str, more: &str| {
        name.to_lowercase().contains(&wanted) || more.split(' ').any(|w| w.starts_with(&wanted))
    };
    PAGES
        .iter()
        .filter(|(name, more, _, needs, _)| visitor.may(*needs) && fits(name, more))
        .take(MOST)
        .map(|(name, _, href, _, icon)| SearchHit {
            text: (*name).to_owned(),
            hint: String::new(),
            href: (*href).to_owned(),
            icon: (*icon).to_owned(),
        })
        .collect()
}
