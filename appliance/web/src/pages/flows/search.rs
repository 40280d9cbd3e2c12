//! Who talked to an address, or two addresses to each other: yes or no, how much, and how sure.

use std::net::IpAddr;

use ::flows::answers::Searched;
use ::flows::query::{Confidence, SearchQuery};
use axum::http::Method;
use axum::response::Response;

use super::asked::{MOST_OF_NAME, time};
use super::explore::kept;
use super::names::{Names, service};
use super::overview::plain;
use super::{LOOK, told};
use crate::http::{Failure, Route, Routes};
use crate::pages::Ask;
use crate::site::Site;
use crate::view::flows::{FlowSearchPage, FoundView};
use crate::view::{Empty, Field, Link, Tone, bytes, count};

/// Rows of a ranking.
const ROWS: usize = 25;

pub(super) fn routes() -> Routes<Site> {
    Routes::new().add(
        Route::new(Method::GET, "/flows/search", LOOK, show, "Who talked to an address")
            .query("one", "string", "An address, or a name that was asked for lately.")
            .query("other", "string", "Another one.")
            .query("range", "string", "A usual time.")
            .query("from", "string", "A chosen time.")
            .query("to", "string", "Its end."),
    )
}

async fn show(ask: Ask) -> Result<Response, Failure> {
    let time = time(&ask.query, ask.now);
    let read = |name: &str| {
        let text: String =
            ask.query.get(name).unwrap_or_default().trim().chars().take(253).collect();
        match text.parse::<IpAddr>() {
            _ if text.is_empty() => (None, Field::default()),
            Ok(address) => (Some(address), Field::new(text)),
            Err(_) => match *ask.site.discovery.addresses_of_name(&text, MOST_OF_NAME) {
                [] => {
                    let why = "Give an IP address, such as 10.0.0.5 or 2001:db8::7, or a name that \
                               was asked for lately.";
                    (None, Field::refused(text, why))
                }
                [address] => (Some(address), Field::new(text)),
                _ => {
                    let why = "This name has several addresses: list the flows with the filter \
                               \u{201c}host\u{201d} and the name.";
                    (None, Field::refused(text, why))
                }
            },
        }
    };
    let ((one, one_field), (other, other_field)) = (read("one"), read("other"));
    let wrong = time.wrong || !one_field.error.is_empty() || !other_field.error.is_empty();
    let mut page = FlowSearchPage {
        one: one_field,
        other: other_field,
        keep: kept(&ask.query),
        found: None,
        empty: None,
        span: time.span,
        shell: ask.flows_shell("Who talked to whom").await,
    };
    if wrong {
        return ask.refused(&page);
    }
    let Some(one) = one.or(other) else {
        page.empty = Some(Empty::new(
            "search",
            "Whom to look for?",
            "Give an address to see whom it talked to, or two to see whether they talked.",
        ));
        return ask.page(&page);
    };
    let other = other.filter(|other| *other != one);
    let query = SearchQuery { range: time.range, one, other };
    match ask.site.flows.ask(ask.now, move |desk| desk.search(&query, ROWS)).await {
        Err(error) => page.empty = Some(told(error)?),
        Ok(found) => page.found = Some(view(&ask, &query, &found)),
    }
    ask.page(&page)
}

fn view(ask: &Ask, query: &SearchQuery, searched: &Searched) -> FoundView {
    let names = Names::new(&ask.site);
    let found = &searched.found;
    let one = names.label(query.one);
    let (tone, verdict) = match (found.seen, query.other, found.confidence) {
        (Some(_), Some(other), _) => {
            (Tone::Info, format!("Yes: {one} and {} talked", names.label(other)))
        }
        (Some(_), None, _) => (Tone::Info, format!("Yes: {one} was seen")),
        (None, _, Confidence::None) => (Tone::Warn, "Nobody can tell".to_owned()),
        (None, Some(other), _) => {
            (Tone::Quiet, format!("No: {one} and {} were not seen to talk", names.label(other)))
        }
        (None, None, _) => (Tone::Quiet, format!("No: {one} was not seen")),
    };
    let kept = found.evidence.kept.map_or_else(
        || "No flows are kept.".to_owned(),
        |(first, last)| format!("Flows are kept from {} to {}.", first.local(), last.local()),
    );
    let confidence = match found.confidence {
        Confidence::High => format!("Sure: flows are kept for all of this time. {kept}"),
        Confidence::Partial => {
            format!("Not sure: flows are kept for a part of this time only. {kept}")
        }
        Confidence::None => format!("Nothing is kept of this time. {kept}"),
    };
    let all = found.sent.bytes.saturating_add(found.received.bytes);
    let mut figures = vec![
        ("sent", bytes(found.sent.bytes)),
        ("received", bytes(found.received.bytes)),
        ("flows", count(found.sent.flows.saturating_add(found.received.flows))),
    ];
    if let Some((first, last)) = found.seen {
        figures.push(("first seen", first.local()));
        figures.push(("last seen", last.local()));
    } else {
        figures.clear();
    }
    let peers = searched.peers.iter().map(|(peer, sums)| {
        let mut who = names.address(*peer);
        let pair = ask.query.with("one", &query.one.to_string());
        who.href = pair.with("other", &peer.to_string()).href();
        (who, sums.bytes)
    });
    let used = searched.services.iter();
    let used = used.map(|(number, port, sums)| (service(*number, *port), sums.bytes));
    let mut rankings = Vec::new();
    if found.seen.is_some() {
        if query.other.is_none() {
            rankings.push(plain("With whom", peers.collect(), all));
        }
        rankings.push(plain("By what", used.collect(), all));
    }
    let filter = match query.other {
        Some(other) => format!("host {} and host {other}", query.one),
        None => format!("host {}", query.one),
    };
    let bare = ask.query.without("one").without("other").with("filter", &filter);
    let link =
        |label: &str, path: &str| Link { label: label.to_owned(), href: bare.moved(path).href() };
    let mut links = vec![link("List the flows", "/flows/list"), link("Explore", "/flows/explore")];
    if query.other.is_none() {
        let translated = bare.with("filter", &format!("nat {}", query.one));
        let href = translated.moved("/flows/list").href();
        links.push(Link { label: "Flows translated to it".to_owned(), href });
    }
    FoundView {
        verdict,
        tone,
        confidence,
        who: [query.one].into_iter().chain(query.other).map(|ip| names.address(ip)).collect(),
        figures,
        rankings,
        links,
    }
}
