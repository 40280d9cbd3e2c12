//! The router's table of connections, with what NAT makes of them.

use std::net::IpAddr;
use std::time::Duration;

use axum::http::Method;
use axum::response::Response;
use system::conntrack::{Connection, Counts, Filter, Order, State, Table, protocol_name};

use super::{TOOLS, tabs};
use crate::http::{Failure, Route, Routes};
use crate::pages::errors::sentence;
use crate::pages::{Ask, rows};
use crate::site::Site;
use crate::view::router::{ConnectionRow, ConnectionsPage, EndView};
use crate::view::{Choice, Empty, Field, Pager, Query, Tab, Tone, bytes, count, span};

const HERE: &str = "/router/tools/connections";
/// The furthest that is paged; beyond, narrow the filter.
const FURTHEST: usize = 10_000;

const STATES: [State; 13] = [
    State::Established,
    State::SynSent,
    State::SynReceived,
    State::FinWait,
    State::CloseWait,
    State::LastAck,
    State::TimeWait,
    State::Close,
    State::SynSent2,
    State::Assured,
    State::Replied,
    State::Unreplied,
    State::None,
];
/// Protocols that can be chosen.
const PROTOCOLS: [u8; 7] = [6, 17, 1, 58, 47, 50, 132];

pub(super) fn routes() -> Routes<Site> {
    Routes::new().add(
        Route::new(Method::GET, HERE, TOOLS, show, "The router's connections")
            .query("address", "string", "An address of either end.")
            .query("port", "integer", "A port of either end.")
            .query("protocol", "integer", "An IP protocol's number.")
            .query("state", "string", "Such as `ESTABLISHED`.")
            .query("nat", "boolean", "Only those that NAT has changed.")
            .query("order", "string", "`timeout` or `source` instead of bytes.")
            .query("offset", "integer", "How many to pass over."),
    )
}

async fn show(ask: Ask) -> Result<Response, Failure> {
    let query = &ask.query;
    let get = |key: &str| query.get(key).unwrap_or_default().trim();
    let ip = get("address").parse::<IpAddr>().ok();
    let port = get("port").parse::<u16>().ok();
    let field = |key: &str, well: bool, why: &str| {
        let text: String = get(key).chars().take(100).collect();
        if text.is_empty() || well { Field::new(text) } else { Field::refused(text, why) }
    };
    let address = field("address", ip.is_some(), "Give an IP address.");
    let port_field = field("port", port.is_some(), "Give a port from 0 to 65535.");
    let filter = Filter {
        address: ip,
        port,
        protocol: get("protocol").parse().ok(),
        state: STATES.into_iter().find(|state| state.as_str() == get("state")),
        only_nat: get("nat") == "1",
    };
    let order = match get("order") {
        "timeout" => Order::Timeout,
        "source" => Order::Source,
        _ => Order::Bytes,
    };
    let offset = get("offset").parse::<usize>().unwrap_or(0).min(FURTHEST);
    let limit = ask.rows() as usize;
    let wrong = !address.error.is_empty() || !port_field.error.is_empty();
    let read = ask.site.system.connections(filter.clone(), order, offset, limit).await;
    let (table, failure) = match read {
        Ok(table) => (table, None),
        Err(error) => (Table::default(), Some(sentence(&error.to_string()))),
    };
    let shown = if wrong { Vec::new() } else { table.connections.clone() };
    let empty = shown.is_empty().then(|| match failure.clone() {
        Some(why) => Empty::failed(why),
        None if wrong || filter != Filter::default() => Empty::no_match(HERE),
        None => Empty::new("network", "No connections", "The kernel tracks none just now."),
    });
    let page = ConnectionsPage {
        tools: tabs(&ask),
        total: total(&table),
        percent: match (table.size, table.capacity) {
            (Some(size), Some(capacity)) if capacity > 0 => {
                Some((size * 100 / capacity).min(100) as u8)
            }
            _ => None,
        },
        counts: counts(query, &table.counts),
        address,
        port: port_field,
        protocols: Choice::list(
            [(String::new(), "any".to_owned())]
                .into_iter()
                .chain(PROTOCOLS.map(|n| (n.to_string(), protocol_name(n)))),
            get("protocol"),
        ),
        states: Choice::list(
            [("", "any".to_owned())]
                .into_iter()
                .chain(STATES.map(|state| (state.as_str(), words(state)))),
            get("state"),
        ),
        orders: Choice::list(
            [("", "most bytes"), ("timeout", "most recent"), ("source", "by source")],
            get("order"),
        ),
        only_nat: filter.only_nat,
        notes: notes(&table, failure.is_some()),
        rows: shown.iter().map(|one| row(&ask.site, one)).collect(),
        empty,
        pager: pager(query, &table, offset, shown.len()),
        shell: ask.router_shell("Connections").await,
    };
    ask.page(&page)
}

fn total(table: &Table) -> String {
    let known = table.size.unwrap_or(table.counts.read);
    match table.capacity {
        Some(capacity) => format!("{} of at most {} connections", count(known), count(capacity)),
        None => format!("{} connections", count(known)),
    }
}

fn notes(table: &Table, failed: bool) -> Vec<String> {
    let mut notes = Vec::new();
    if !table.is_accounted && !failed {
        notes.push(
            "The kernel counts no bytes; `set system conntrack flow-accounting` makes it."
                .to_owned(),
        );
    }
    if table.is_partial {
        notes.push("The table changed while it was read; some entries may be missing.".to_owned());
    }
    notes
}

/// Counts by protocol and state, each a way to those.
fn counts(query: &Query, counts: &Counts) -> Vec<Tab> {
    let query = query.without("offset");
    let tab = |key: &str, value: &str, label: String, n: u64| {
        let current = query.get(key) == Some(value);
        let to = if current { query.without(key) } else { query.with(key, value) };
        Tab { label, href: to.href(), count: Some(count(n)), key: "", current }
    };
    let mut all: Vec<Tab> = counts
        .by_protocol
        .iter()
        .take(8)
        .map(|(number, n)| tab("protocol", &number.to_string(), protocol_name(*number), *n))
        .collect();
    all.extend(counts.by_state.iter().map(|(s, n)| tab("state", s.as_str(), words(*s), *n)));
    if counts.translated > 0 {
        all.push(tab("nat", "1", "NAT".to_owned(), counts.translated));
    }
    all
}

fn words(state: State) -> String {
    state.as_str().to_lowercase().replace('_', " ")
}

fn pager(query: &Query, table: &Table, offset: usize, shown: usize) -> Pager {
    let end = offset + shown;
    let more = (end as u64) < table.counts.matching && end < FURTHEST && shown > 0;
    let first = query.without("offset");
    Pager {
        first: if offset > 0 { first.href() } else { String::new() },
        next: if more { first.with("offset", &end.to_string()).href() } else { String::new() },
        next_label: "More",
        shown: match shown {
            0 => String::new(),
            _ => format!(
                "{} to {} of {}",
                count(offset as u64 + 1),
                count(end as u64),
                count(table.counts.matching)
            ),
        },
    }
}

fn row(site: &Site, one: &Connection) -> ConnectionRow {
    let end = |ip: IpAddr, port: Option<u16>, nat: Option<(IpAddr, Option<u16>)>| EndView {
        address: socket(ip, port.filter(|_| !one.is_echo())),
        device: site.discovery.by_ip(ip).and_then(|id| rows::device_link(site, id)),
        translated: nat.map(|(ip, port)| socket(ip, port)).unwrap_or_default(),
    };
    let (tuple, seconds) = (&one.original, one.timeout);
    ConnectionRow {
        protocol: match tuple.source_port {
            Some(number) if one.is_echo() => format!("{} {number}", one.protocol_name()),
            _ => one.protocol_name(),
        },
        ends: [
            end(tuple.source, tuple.source_port, one.source_nat()),
            end(tuple.destination, tuple.destination_port, one.destination_nat()),
        ],
        state: words(one.state),
        tone: match one.state {
            State::Established | State::Assured | State::Replied => Tone::Ok,
            State::SynSent | State::SynSent2 | State::SynReceived | State::Unreplied => Tone::Warn,
            _ => Tone::Quiet,
        },
        sent: one.sent.map(|amount| bytes(amount.bytes)).unwrap_or_default(),
        received: one.received.map(|amount| bytes(amount.bytes)).unwrap_or_default(),
        left: seconds.map(|s| span(Duration::from_secs(s.into()))).unwrap_or_default(),
        offloaded: one.is_offloaded,
    }
}

fn socket(ip: IpAddr, port: Option<u16>) -> String {
    match (ip, port) {
        (ip, None) => ip.to_string(),
        (IpAddr::V4(ip), Some(port)) => format!("{ip}:{port}"),
        (IpAddr::V6(ip), Some(port)) => format!("[{ip}]:{port}"),
    }
}
