//! Routes: those that FRR or the kernel has, and the static ones of the configuration.

mod fixed;

use std::collections::BTreeSet;
use std::net::IpAddr;

use axum::http::Method;
use axum::response::Response;
use system::routes::{Family, HopKind, NextHop, Route as Live, Source};

use super::LOOK;
use crate::http::{Failure, Route, Routes};
use crate::pages::Ask;
use crate::site::Site;
use crate::view::router::{RouteRow, RoutesPage};
use crate::view::{Empty, Filter, Pager, Query, Tab, Tone, count, span};

pub(super) fn routes() -> Routes<Site> {
    Routes::new()
        .add(
            Route::new(Method::GET, "/router/routes", LOOK, list, "The routes in use")
                .query("family", "string", "v6, or else IPv4.")
                .query("q", "string", "Part of a destination or next hop, or an address.")
                .query("protocol", "string", "Who knows them.")
                .query("vrf", "string", "The VRF they are in.")
                .query("from", "integer", "How many to pass over."),
        )
        .merge(fixed::routes())
}

async fn list(ask: Ask) -> Result<Response, Failure> {
    let query = ask.query.clone();
    let family = if query.get("family") == Some("v6") { Family::V6 } else { Family::V4 };
    let shell = ask.router_shell("Routes").await;
    let (all, told, failed) = match ask.site.system.routes(family).await {
        Ok(read) => {
            let told = told(&read);
            (read.routes, told, None)
        }
        Err(error) => (Vec::new(), String::new(), Some(Empty::failed(error.to_string()))),
    };
    let names = |of: fn(&Live) -> &str| -> BTreeSet<String> {
        all.iter().map(|route| of(route).to_owned()).collect()
    };
    let pairs = |names: BTreeSet<String>| names.into_iter().map(|name| (name.clone(), name));
    let vrfs = names(|route| &route.vrf);
    let mut filters =
        vec![Filter::of(&query, "protocol", "Known by", pairs(names(|route| &route.protocol)))];
    if vrfs.len() > 1 {
        filters.push(Filter::of(&query, "vrf", "VRF", pairs(vrfs)));
    }
    let found: Vec<&Live> = all.iter().filter(|route| passes(route, &query)).collect();
    let from: usize = query.get("from").and_then(|text| text.parse().ok()).unwrap_or(0);
    let rows: Vec<RouteRow> =
        found.iter().skip(from).take(ask.rows() as usize).map(|route| row(route)).collect();
    let end = from.saturating_add(rows.len());
    let pager = Pager {
        first: if from > 0 { query.without("from").href() } else { String::new() },
        next: if end < found.len() {
            query.with("from", &end.to_string()).href()
        } else {
            String::new()
        },
        next_label: "Next",
        shown: format!("{} of {}", count(rows.len() as u64), count(found.len() as u64)),
    };
    let empty = failed.or_else(|| {
        rows.is_empty().then(|| {
            if all.is_empty() {
                Empty::new("router", "No routes", "The router has no routes of this family.")
            } else {
                Empty::no_match("/router/routes")
            }
        })
    });
    let tabs = [("", "IPv4"), ("v6", "IPv6")].map(|(value, label)| {
        let current = query.get("family").unwrap_or_default() == value;
        let own = Query::new("/router/routes").with("family", value);
        Tab { label: label.to_owned(), href: own.href(), count: None, key: "", current }
    });
    ask.page(&RoutesPage { shell, tabs: tabs.into(), filters, rows, told, empty, pager, query })
}

/// Who told the routes, where that matters.
fn told(read: &system::routes::Routes) -> String {
    let mut words = Vec::new();
    if read.source == Source::Kernel {
        let why = read.note.as_deref().map(|why| format!(" ({why})")).unwrap_or_default();
        words.push(format!(
            "These are the kernel's: FRR, which knows ages and routes that are not in use, could \
             not be asked{why}."
        ));
    }
    if read.left_out > 0 {
        words.push(format!("{} more are not shown.", count(read.left_out)));
    }
    words.join(" ")
}

fn passes(route: &Live, query: &Query) -> bool {
    let is = |name, value: &str| query.get(name).is_none_or(|wanted| wanted == value);
    if !is("protocol", &route.protocol) || !is("vrf", &route.vrf) {
        return false;
    }
    let Some(search) = query.get("q").map(str::trim).filter(|text| !text.is_empty()) else {
        return true;
    };
    if let Ok(address) = search.parse::<IpAddr>() {
        let leads = vyos::facts::net::contains(&route.destination(), address) == Some(true);
        return leads || route.hops.iter().any(|hop| hop.gateway == Some(address));
    }
    let search = search.to_lowercase();
    route.destination().contains(&search)
        || route.hops.iter().any(|hop| way(hop).to_lowercase().contains(&search))
}

fn row(route: &Live) -> RouteRow {
    let (state, tone) = match (route.is_selected, route.is_installed) {
        (true, true) => ("in use", Tone::Ok),
        (true, false) => ("not installed", Tone::Warn),
        (false, _) => ("in reserve", Tone::Quiet),
    };
    let protocol = match route.vrf.as_str() {
        "default" => route.protocol.clone(),
        vrf => format!("{} in VRF {vrf}", route.protocol),
    };
    RouteRow {
        destination: route.destination(),
        is_default: route.is_default(),
        protocol,
        hops: route.hops.iter().map(way).collect(),
        cost: match route.distance {
            Some(distance) => format!("{distance}/{}", route.metric),
            None => route.metric.to_string(),
        },
        age: route.age.map(span).unwrap_or_default(),
        state,
        tone,
    }
}

fn way(hop: &NextHop) -> String {
    let mut words = match hop.kind {
        HopKind::Gateway => hop.gateway.map(|ip| ip.to_string()).unwrap_or_default(),
        HopKind::Connected => "direct".to_owned(),
        HopKind::Blackhole => "dropped".to_owned(),
        HopKind::Unreachable => "rejected: unreachable".to_owned(),
        HopKind::Prohibited => "rejected: prohibited".to_owned(),
    };
    if let Some(interface) = &hop.interface {
        words.push_str(" on ");
        words.push_str(interface);
    }
    if hop.weight > 1 {
        words = format!("{words}, weight {}", hop.weight);
    }
    if !hop.is_active {
        words.push_str(", unusable");
    }
    words
}
