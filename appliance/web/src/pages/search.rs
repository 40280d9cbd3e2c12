//! Search over everything, for the page and the command palette.

use access::Permission as P;
use axum::http::Method;
use axum::response::Response;
use detect::{AlertQuery, Shown};
use events::EventQuery;
use model::Timestamp;

use super::{Ask, rows};
use crate::http::{Entry, Failure, Route, Routes, Visitor};
use crate::site::Site;
use crate::view::{Moment, Query, SearchGroup, SearchHit, SearchPage};

/// Fewer characters find everything.
const SHORTEST: usize = 2;
/// The longest text that is looked for, in characters.
const LONGEST: usize = 200;
/// Hits of each kind on the page.
const HITS: usize = 20;

pub(super) fn routes() -> Routes<Site> {
    let read = Entry::Needs(P::DevicesRead);
    Routes::new().add(Route::new(Method::GET, "/search", read, page, "Search everything"))
}

async fn page(ask: Ask) -> Result<Response, Failure> {
    let text = ask.query.get("q").unwrap_or_default().trim();
    let (shell, groups) = tokio::join!(
        ask.shell("Search", None),
        find(&ask.site, &ask.visitor, text, HITS, ask.now),
    );
    let too_short = !text.is_empty() && text.chars().count() < SHORTEST;
    ask.page(&SearchPage { shell, too_short, groups: groups? })
}

/// What fits, by kind, as far as the visitor may see it. Nothing for less than two characters.
pub(crate) async fn find(
    site: &Site,
    visitor: &Visitor,
    text: &str,
    limit: usize,
    now: Timestamp,
) -> Result<Vec<SearchGroup>, Failure> {
    let text: String = text.trim().chars().take(LONGEST).collect();
    if text.chars().count() < SHORTEST {
        return Ok(Vec::new());
    }
    let mut groups = Vec::new();
    if visitor.may(P::DevicesRead) {
        let found = site.discovery.search(&text, limit).await?;
        let items = found.into_iter().map(|(id, name, hint)| SearchHit {
            icon: site.discovery.with(id, |d| rows::icon(d).to_owned()).unwrap_or_default(),
            text: name,
            hint,
            href: format!("/devices/{id}"),
        });
        groups.push(group("Devices", items.collect(), limit, "/devices", &text));
    }
    if visitor.may(P::AlertsRead) {
        let query =
            AlertQuery { shown: Shown::All, text: text.clone(), limit, ..AlertQuery::default() };
        let found = site.alerts.list(query).await?.alerts;
        let items = found.into_iter().map(|alert| SearchHit {
            hint: format!("{}, {}", alert.status, Moment::ago(alert.last_at, now).text),
            text: alert.title,
            href: format!("/alerts/{}", alert.id),
            icon: "bell".to_owned(),
        });
        groups.push(group("Alerts", items.collect(), limit, "/alerts?status=all", &text));
    }
    if visitor.may(P::EventsRead) {
        let query = EventQuery { text: text.clone(), limit, ..EventQuery::default() };
        let found = site.events.list(query).await?.events;
        let items = found.into_iter().map(|event| SearchHit {
            hint: Moment::ago(event.at, now).text,
            text: event.summary,
            href: rows::event_href(event.id),
            icon: "events".to_owned(),
        });
        groups.push(group("Events", items.collect(), limit, "/events", &text));
    }
    groups.retain(|group| !group.items.is_empty());
    Ok(groups)
}

/// A group; when it is full there may be more in the list.
fn group(label: &str, items: Vec<SearchHit>, limit: usize, list: &str, text: &str) -> SearchGroup {
    let (path, raw) = list.split_once('?').unwrap_or((list, ""));
    let full = items.len() >= limit;
    let more = if full { Query::parse(path, raw).with("q", text).href() } else { String::new() };
    SearchGroup { label: label.to_owned(), items, more }
}
