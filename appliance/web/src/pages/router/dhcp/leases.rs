//! Leases of both families, with the way to make one fixed.

use std::net::IpAddr;

use axum::http::Method;
use axum::response::Response;
use model::Timestamp;
use vyos::facts::{DhcpServer, Family, Subnet, dhcp_server, net};
use vyos::runtime::{Lease, LeaseState};

use super::{device, leases_of, seconds, subnets, tabs};
use crate::http::{Failure, Route, Routes};
use crate::pages::Ask;
use crate::pages::router::LOOK;
use crate::site::Site;
use crate::view::router::{LeaseRow, LeasesPage};
use crate::view::{Choice, Empty, Moment, Pager, Query, Tone, count, span};

const HERE: &str = "/router/dhcp/leases";

pub(super) fn routes() -> Routes<Site> {
    Routes::new().add(
        Route::new(Method::GET, HERE, LOOK, list, "The DHCP leases")
            .query("family", "string", "v6, or else IPv4.")
            .query("state", "string", "all, or else only those that stations have.")
            .query("q", "string", "Part of an address, a name or a hardware address.")
            .query("from", "integer", "How many to pass over."),
    )
}

async fn list(ask: Ask) -> Result<Response, Failure> {
    let config = ask.config("DHCP leases").await?;
    let query = ask.query.clone();
    let chosen = query.get("family").unwrap_or_default();
    let family = if chosen == "v6" { Family::Ipv6 } else { Family::Ipv4 };
    let state = query.get("state").unwrap_or_default();
    let server = dhcp_server(&config, family);
    let (mut leases, missing) = leases_of(&ask, family).await;
    let now = seconds(ask.now);
    let any = !leases.is_empty();
    let search = query.get("q").unwrap_or_default().trim().to_lowercase();
    leases.retain(|lease| {
        let has = matches!(lease.state(now), LeaseState::Active | LeaseState::Declined);
        (has || state == "all") && (search.is_empty() || holds(lease, &search, &ask))
    });
    model::sort_by_key(&mut leases, |lease| {
        (lease.state(now) != LeaseState::Active, lease.address.parse::<IpAddr>().ok())
    });
    let from: usize = query.get("from").and_then(|text| text.parse().ok()).unwrap_or(0);
    let shown = leases.iter().skip(from).take(ask.rows() as usize);
    let rows: Vec<LeaseRow> = shown.map(|lease| row(lease, server.as_ref(), &ask)).collect();
    let end = from.saturating_add(rows.len());
    let all = leases.len();
    let empty = (rows.is_empty() && missing.is_empty()).then(|| match (any, &server) {
        (true, _) if search.is_empty() && from == 0 => {
            Empty::new("router", "No lease lasts", "All that were given are over.")
                .with_action("Show all", query.with("state", "all").href())
        }
        (true, _) => Empty::no_match(HERE),
        (false, Some(_)) => {
            let text = "As soon as a station asks for an address, it stands here.";
            Empty::new("router", "No leases yet", text)
        }
        (false, None) => {
            Empty::new("router", "No DHCP server", "The router gives no addresses of this family.")
        }
    });
    let page = LeasesPage {
        shell: ask.router_shell("DHCP leases").await,
        tabs: tabs(HERE),
        families: Choice::list([("", "IPv4"), ("v6", "IPv6")], chosen),
        states: Choice::list([("", "Given now"), ("all", "All")], state),
        pager: Pager {
            first: if from > 0 { query.without("from").href() } else { String::new() },
            next: if end < all {
                query.with("from", &end.to_string()).href()
            } else {
                String::new()
            },
            next_label: "Next",
            shown: format!("{} of {}", count(rows.len() as u64), count(all as u64)),
        },
        rows,
        missing,
        empty,
        query,
    };
    ask.page(&page)
}

fn holds(lease: &Lease, search: &str, ask: &Ask) -> bool {
    let name = device(ask, lease.mac.as_deref()).map(|(name, _)| name);
    let words = [&lease.mac, &lease.client_id, &lease.hostname, &name].into_iter().flatten();
    words.chain([&lease.address]).any(|word| word.to_lowercase().contains(search))
}

/// The subnet that a lease is in, as configured.
fn subnet_of<'a>(lease: &Lease, server: Option<&'a DhcpServer>) -> Option<&'a Subnet> {
    let address: IpAddr = lease.address.parse().ok()?;
    subnets(server?).find(|subnet| net::contains(&subnet.prefix, address) == Some(true))
}

fn row(lease: &Lease, server: Option<&DhcpServer>, ask: &Ask) -> LeaseRow {
    let now = seconds(ask.now);
    let subnet = subnet_of(lease, server);
    let same = |a: &Option<String>, b: &Option<String>| match (a, b) {
        (Some(a), Some(b)) => a.eq_ignore_ascii_case(b),
        _ => false,
    };
    let mappings = subnet.map(|subnet| subnet.mappings.as_slice()).unwrap_or_default();
    let fixed = mappings
        .iter()
        .any(|mapping| same(&mapping.mac, &lease.mac) || same(&mapping.duid, &lease.client_id));
    let (state, tone) = match lease.state(now) {
        LeaseState::Active => ("given", Tone::Ok),
        LeaseState::Expired => ("over", Tone::Quiet),
        LeaseState::Released => ("given back", Tone::Quiet),
        LeaseState::Declined => ("refused: in use by another", Tone::Bad),
        LeaseState::Free => ("free", Tone::Quiet),
    };
    let moment = |at: u64| Timestamp::from_secs(i64::try_from(at).unwrap_or(i64::MAX / 1_000));
    let is_v4 = server.is_some_and(|server| server.family == Family::Ipv4);
    let fix = match (subnet, &lease.mac) {
        (Some(subnet), Some(mac)) if is_v4 => Query::new("/router/dhcp/fixed/edit")
            .with("place", &super::fixed::place(&subnet.network, &subnet.prefix))
            .with("name", &name_for(lease))
            .with("mac", mac)
            .with("address", &lease.address)
            .href(),
        _ => String::new(),
    };
    let left = lease.remaining(now).filter(|_| lease.state(now) == LeaseState::Active);
    LeaseRow {
        address: match lease.prefix_length {
            Some(length) => format!("{}/{length}", lease.address),
            None => lease.address.clone(),
        },
        name: lease.hostname.clone().unwrap_or_default(),
        device: device(ask, lease.mac.as_deref()),
        station: lease.mac.clone().or_else(|| lease.client_id.clone()).unwrap_or_default(),
        state,
        tone,
        start: lease.start.map(|at| Moment::ago(moment(at), ask.now)),
        end: lease.end.map(|at| Moment::exact(moment(at))),
        left: left.map(|s| span(std::time::Duration::from_secs(s))).unwrap_or_default(),
        pool: subnet.map(|subnet| subnet.network.clone()).unwrap_or_default(),
        fix,
        fixed,
    }
}

/// A name that the router takes: what the station calls itself, or else by its hardware address.
fn name_for(lease: &Lease) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    let own = lease.hostname.as_deref().unwrap_or_default();
    let own: String =
        own.split('.').next().unwrap_or_default().chars().map(plain).take(63).collect();
    let own = own.trim_matches('-');
    if own.is_empty() {
        let mac: String =
            lease.mac.iter().flat_map(|mac| mac.chars()).filter(|c| *c != ':').collect();
        format!("host-{mac}")
    } else {
        own.to_owned()
    }
}
