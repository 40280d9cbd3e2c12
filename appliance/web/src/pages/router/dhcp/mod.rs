//! DHCP of both families: pools and how full they are, leases, fixed addresses.

mod fixed;
mod leases;
mod network;
mod pool;

use std::path::{Path, PathBuf};

use axum::http::Method;
use axum::response::Response;
use model::{Mac, Timestamp};
use vyos::config::Node;
use vyos::edit::family_of;
use vyos::facts::dhcp::Range;
use vyos::facts::{DhcpOptions, DhcpServer, Family, SharedNetwork, Subnet, dhcp_server};
use vyos::runtime::{Lease, fetch_leases, pool_usage};

use super::LOOK;
use crate::http::{Failure, Route, Routes};
use crate::pages::Ask;
use crate::pages::errors::sentence;
use crate::site::Site;
use crate::view::router::{DhcpPage, DhcpServerView, NetworkView, SubnetView};
use crate::view::{Empty, Query, Tab, Tone, count, span};

/// Where a router keeps its leases, if its start file does not say otherwise.
const CONFIG: &str = "/config";
/// How long leases last where nothing is configured, in seconds.
const USUAL_LEASE: u32 = 86_400;

pub(super) fn routes() -> Routes<Site> {
    Routes::new()
        .add(Route::new(Method::GET, "/router/dhcp", LOOK, show, "The DHCP servers"))
        .merge(leases::routes())
        .merge(fixed::routes())
        .merge(pool::routes())
        .merge(network::routes())
}

/// The pages of DHCP, as tabs.
fn tabs(current: &str) -> Vec<Tab> {
    let all = [
        ("/router/dhcp", "Pools"),
        ("/router/dhcp/leases", "Leases"),
        ("/router/dhcp/fixed", "Fixed addresses"),
    ];
    let tab = |(href, label): (&str, &str)| Tab {
        label: label.to_owned(),
        href: href.to_owned(),
        count: None,
        key: "",
        current: href == current,
    };
    all.map(tab).into()
}

/// Leases of a family, and what kept them from being read.
async fn leases_of(ask: &Ask, family: Family) -> (Vec<Lease>, String) {
    let folder = ask.site.router.config_folder().map_or(PathBuf::from(CONFIG), Path::to_owned);
    let read = tokio::task::spawn_blocking(move || fetch_leases(&folder, family)).await;
    match read {
        Ok(Ok(leases)) => (leases, String::new()),
        Ok(Err(error)) => {
            (Vec::new(), format!("The leases are not known: {}", sentence(&error.to_string())))
        }
        Err(_) => (Vec::new(), "The leases are not known: the appliance is ending.".to_owned()),
    }
}

/// Now, in seconds since 1970.
fn seconds(now: Timestamp) -> u64 {
    u64::try_from(now.as_secs()).unwrap_or_default()
}

/// Name and page of the device with a hardware address.
fn device(ask: &Ask, mac: Option<&str>) -> Option<(String, String)> {
    let device = ask.site.discovery.by_mac(mac?.parse::<Mac>().ok()?)?;
    Some((device.name(), format!("/devices/{}", device.id.0)))
}

/// All subnets of a server.
fn subnets(server: &DhcpServer) -> impl Iterator<Item = &Subnet> {
    server.networks.iter().flat_map(|network| &network.subnets)
}

/// A subnet by the names of its network and its prefix.
fn subnet_of(config: &Node, network: &str, prefix: &str) -> Result<Subnet, Failure> {
    let server = dhcp_server(config, family_of(prefix));
    let found = server.iter().flat_map(subnets);
    let mut found = found.filter(|one| one.network == network && one.prefix == prefix);
    let missing = || Failure::not_found("The DHCP server has no such subnet.");
    found.next().cloned().ok_or_else(missing)
}

async fn show(ask: Ask) -> Result<Response, Failure> {
    let config = ask.config("DHCP").await?;
    let mut servers = Vec::new();
    let mut missing = String::new();
    for family in [Family::Ipv4, Family::Ipv6] {
        let Some(server) = dhcp_server(&config, family) else { continue };
        let (leases, problem) = leases_of(&ask, family).await;
        let known = problem.is_empty().then_some(leases.as_slice());
        servers.push(server_view(&server, known, seconds(ask.now)));
        if missing.is_empty() {
            missing = problem;
        }
    }
    let empty = servers.is_empty().then(|| {
        let text = "The router gives no addresses. Its networks get them elsewhere, or not at all.";
        Empty::new("router", "No DHCP server", text)
            .with_action("Look at the services", "/router/services")
    });
    let page = DhcpPage {
        shell: ask.router_shell("DHCP").await,
        tabs: tabs("/router/dhcp"),
        servers,
        missing,
        empty,
    };
    ask.page(&page)
}

fn server_view(server: &DhcpServer, leases: Option<&[Lease]>, now: u64) -> DhcpServerView {
    let (state, tone) =
        if server.enabled { ("on", Tone::Ok) } else { ("switched off", Tone::Quiet) };
    let mut notes = Vec::new();
    if !server.listen_addresses.is_empty() {
        notes.push(format!("Listens on {}.", server.listen_addresses.join(", ")));
    }
    if !server.listen_interfaces.is_empty() {
        notes.push(format!("Listens on {}.", server.listen_interfaces.join(", ")));
    }
    let is_v4 = server.family == Family::Ipv4;
    let networks = server.networks.iter();
    DhcpServerView {
        title: if is_v4 { "DHCP for IPv4" } else { "DHCP for IPv6" },
        state,
        tone,
        notes,
        networks: networks.map(|network| network_view(network, leases, now, is_v4)).collect(),
        other: server.other.clone(),
    }
}

fn network_view(
    network: &SharedNetwork,
    leases: Option<&[Lease]>,
    now: u64,
    is_v4: bool,
) -> NetworkView {
    let mut notes: Vec<String> = network.description.iter().cloned().collect();
    if network.disabled {
        notes.push("Switched off.".to_owned());
    }
    if network.authoritative {
        notes.push("Refuses addresses that other servers gave.".to_owned());
    }
    let options = options_of(&network.options).into_iter();
    notes.extend(options.map(|(what, words)| format!("{what}: {}", words.join(", "))));
    let subnets = network.subnets.iter();
    NetworkView {
        name: network.name.clone(),
        notes,
        subnets: subnets.map(|subnet| subnet_view(subnet, leases, now, is_v4)).collect(),
        other: [network.other.clone(), network.options.other.clone()].concat(),
    }
}

fn subnet_view(subnet: &Subnet, leases: Option<&[Lease]>, now: u64, is_v4: bool) -> SubnetView {
    let usage = leases.map(|leases| pool_usage(subnet, leases, now)).filter(|usage| usage.size > 0);
    let big = |n: u128| match u64::try_from(n) {
        Ok(n) if n < 1_000_000_000 => count(n),
        _ => "very many".to_owned(),
    };
    let mut facts: Vec<(&'static str, Vec<String>)> = Vec::new();
    if !subnet.ranges.is_empty() {
        facts.push(("Pools", subnet.ranges.iter().map(range_words).collect()));
    }
    if !subnet.excluded.is_empty() {
        facts.push(("Not given", vec![subnet.excluded.join(", ")]));
    }
    let lasts = subnet.lease_seconds.or(is_v4.then_some(USUAL_LEASE));
    facts.extend(lasts.map(|seconds| {
        let usual = if subnet.lease_seconds.is_none() { " (usual)" } else { "" };
        let lasts = span(std::time::Duration::from_secs(seconds.into()));
        ("Leases last", vec![format!("{lasts}{usual}")])
    }));
    facts.extend(options_of(&subnet.options));
    if !subnet.mappings.is_empty() {
        facts.push(("Fixed addresses", vec![count(subnet.mappings.len() as u64)]));
    }
    let query = Query::new("/router/dhcp/pool").with("network", &subnet.network);
    SubnetView {
        prefix: subnet.prefix.clone(),
        description: subnet.description.clone().unwrap_or_default(),
        disabled: subnet.disabled,
        used: usage.map(|usage| {
            let share = usage.used.saturating_mul(100).div_ceil(usage.size).min(100);
            u8::try_from(share).unwrap_or(100)
        }),
        usage: usage
            .map(|usage| format!("{} of {} addresses given", big(usage.used), big(usage.size)))
            .unwrap_or_default(),
        facts,
        other: [subnet.other.clone(), subnet.options.other.clone()].concat(),
        href: query.with("subnet", &subnet.prefix).href(),
    }
}

fn range_words(range: &Range) -> String {
    let mut words = match (&range.start, &range.stop, &range.prefix) {
        (Some(start), Some(stop), _) => format!("{start} – {stop}"),
        (_, _, Some(prefix)) => prefix.clone(),
        (start, stop, _) => {
            [start, stop].into_iter().flatten().cloned().collect::<Vec<_>>().join(" ")
        }
    };
    for other in &range.other {
        words.push_str(", ");
        words.push_str(other);
    }
    words
}

fn options_of(options: &DhcpOptions) -> Vec<(&'static str, Vec<String>)> {
    let all = [
        ("Gateway", options.default_router.iter().cloned().collect::<Vec<_>>()),
        ("DNS servers", options.name_servers.clone()),
        ("Domain", options.domain_name.iter().cloned().collect()),
        ("Domains tried", options.domain_search.clone()),
        ("Time servers", options.ntp_servers.clone()),
    ];
    all.into_iter().filter(|(_, words)| !words.is_empty()).collect()
}
