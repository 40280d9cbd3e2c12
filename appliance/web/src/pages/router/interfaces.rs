//! The router's interfaces: what is configured beside what the kernel has, and what goes through.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::Path;
use axum::http::Method;
use axum::response::Response;
use system::Snapshot;
use system::interfaces::{Interface as Live, OperState, TrafficPoint};
use vyos::config::Node;
use vyos::edit::{Draft, EditError, InterfaceEdit};
use vyos::facts::{self, Interface};

use super::filled::{Filled, list as values, maybe, number};
use super::{CHANGE, LOOK, propose};
use crate::http::{Failure, Route, Routes};
use crate::pages::{Ask, Form};
use crate::site::Site;
use crate::view::router::{
    CounterLine, InterfaceForm, InterfacePage, InterfaceRow, InterfacesPage,
};
use crate::view::{Chart, Empty, Sparkline, Tone, bytes, count};

/// Points of a chart of the last hour: one in thirty seconds.
const POINTS: i64 = 120;
/// Points of a small line of the last hour.
const SMALL_POINTS: i64 = 40;
/// An hour in milliseconds.
const HOUR_MS: i64 = 3_600_000;

pub(super) fn routes() -> Routes<Site> {
    let (get, post, own) = (Method::GET, Method::POST, "/router/interfaces/{name}");
    Routes::new()
        .add(Route::new(get.clone(), "/router/interfaces", LOOK, list, "The interfaces"))
        .add(Route::new(get, own, LOOK, show, "An interface"))
        .add(Route::new(post.clone(), own, CHANGE, change, "Plan a change of an interface"))
        .add(Route::new(
            post,
            "/router/interfaces/{name}/switch",
            CHANGE,
            switch,
            "Plan to switch an interface on or off",
        ))
}

/// An interface as configured, as the kernel has it, or both.
struct Both {
    configured: Option<Interface>,
    live: Option<Live>,
}

impl Both {
    fn name(&self) -> &str {
        let configured = self.configured.as_ref().map(|one| one.name.as_str());
        let live = self.live.as_ref().map(|one| one.link.name.as_str());
        configured.or(live).unwrap_or_default()
    }
}

/// All interfaces: those of the configuration and those that only the kernel has.
fn all(config: &Node, snapshot: &Snapshot) -> Vec<Both> {
    let mut all: Vec<Both> = facts::interfaces(config)
        .into_iter()
        .map(|one| Both {
            live: snapshot.interfaces.iter().find(|live| live.link.name == one.name).cloned(),
            configured: Some(one),
        })
        .collect();
    for live in &snapshot.interfaces {
        if !all.iter().any(|one| one.name() == live.link.name) {
            all.push(Both { configured: None, live: Some(live.clone()) });
        }
    }
    model::sort_by_cached_key(&mut all, |one| natural(one.name()));
    all
}

/// Numbers within names count as numbers: `eth10` comes behind `eth9`.
fn natural(name: &str) -> Vec<(String, u64)> {
    let mut parts: Vec<(String, u64)> = Vec::new();
    for part in name.split_inclusive(|c: char| !c.is_ascii_digit()) {
        let digits: String = part.chars().filter(char::is_ascii_digit).collect();
        let rest: String = part.chars().filter(|c| !c.is_ascii_digit()).collect();
        match parts.last_mut() {
            Some((_, last)) if !digits.is_empty() => *last = digits.parse().unwrap_or(u64::MAX),
            _ => {}
        }
        parts.push((rest, 0));
    }
    parts
}

/// What of the kernel's view is not known, and why.
fn missing(snapshot: &Snapshot) -> String {
    match &snapshot.failure {
        Some(why) => format!("States and counters may be old: {why}."),
        None if snapshot.at.0 == 0 => {
            "States and counters have not been read yet; they are there in a moment.".to_owned()
        }
        None => String::new(),
    }
}

async fn list(ask: Ask) -> Result<Response, Failure> {
    let config = ask.config("Interfaces").await?;
    let snapshot = ask.site.system.snapshot();
    let mut rows = Vec::new();
    for one in all(&config, &snapshot) {
        let mut row = row(&one, &snapshot);
        let points = history(&ask, one.name(), SMALL_POINTS).await;
        let sums: Vec<f64> = points.iter().map(|p| p.rx.avg + p.tx.avg).collect();
        let most = sums.iter().copied().fold(0.0, f64::max);
        row.hour = (sums.len() > 1)
            .then(|| Sparkline::new(&sums, format!("In the last hour at most {}", rate(most))));
        rows.push(row);
    }
    let empty = rows
        .is_empty()
        .then(|| Empty::new("router", "No interfaces", "The router's configuration has none."));
    let page = InterfacesPage {
        shell: ask.router_shell("Interfaces").await,
        rows,
        missing: missing(&snapshot),
        empty,
    };
    ask.page(&page)
}

async fn show(ask: Ask, Path(name): Path<String>) -> Result<Response, Failure> {
    let config = ask.config("Interface").await?;
    let page = page(&ask, &config, &name, &Filled::fresh(&ask)).await?;
    ask.page(&page)
}

async fn change(ask: Ask, Path(name): Path<String>, form: Form) -> Result<Response, Failure> {
    let config = ask.config("Interface").await?;
    configured(&config, &name)?;
    let dialect = ask.dialect(&config).await;
    let mut draft = Draft::new(&config, &dialect);
    match read(&form).and_then(|edit| draft.edit_interface(&name, &edit)) {
        Ok(()) => {
            let why = format!("Change the interface {name}");
            propose(&ask, &form, &href(&name), why, draft.commands()).await
        }
        Err(error) => {
            let page = page(&ask, &config, &name, &Filled::refused(&ask, &form, &error)).await?;
            ask.refused(&page)
        }
    }
}

async fn switch(ask: Ask, Path(name): Path<String>, form: Form) -> Result<Response, Failure> {
    let config = ask.config("Interface").await?;
    configured(&config, &name)?;
    let (dialect, on) = (ask.dialect(&config).await, form.ticked("on"));
    let mut draft = Draft::new(&config, &dialect);
    draft.enable_interface(&name, on).map_err(|error| Failure::invalid(error.to_string()))?;
    let why = format!("Switch the interface {name} {}", if on { "on" } else { "off" });
    propose(&ask, &form, &href(&name), why, draft.commands()).await
}

fn configured(config: &Node, name: &str) -> Result<Interface, Failure> {
    let found = facts::interfaces(config).into_iter().find(|one| one.name == name);
    found.ok_or_else(|| Failure::not_found("The configuration has no such interface."))
}

fn read(form: &Form) -> Result<InterfaceEdit, EditError> {
    Ok(InterfaceEdit {
        description: maybe(form.get("description")),
        mtu: number(form, "mtu")?,
        addresses: values(form.get("addresses")),
        disabled: !form.ticked("enabled"),
    })
}

fn href(name: &str) -> String {
    // Names come from the router; a stranger one must not lead elsewhere.
    let plain = |b: &u8| b.is_ascii_alphanumeric() || b".-_@:".contains(b);
    let name: String = name
        .bytes()
        .map(|b| if plain(&b) { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect();
    format!("/router/interfaces/{name}")
}

async fn history(ask: &Ask, name: &str, points: i64) -> Vec<TrafficPoint> {
    // A little less than an hour, which is kept in memory.
    let from = ask.now.minus(Duration::from_millis(HOUR_MS.unsigned_abs() - 10_000));
    let read = ask.site.system.history(name, from, ask.now, points.unsigned_abs() as usize).await;
    read.unwrap_or_default()
}

async fn page(
    ask: &Ask,
    config: &Node,
    name: &str,
    filled: &Filled<'_>,
) -> Result<InterfacePage, Failure> {
    let snapshot: Arc<Snapshot> = ask.site.system.snapshot();
    let every = all(config, &snapshot);
    let one = every.iter().find(|one| one.name() == name);
    let one = one.ok_or_else(|| Failure::not_found("The router has no such interface."))?;
    let points = history(ask, name, POINTS).await;
    let below = every.iter().filter(|other| is_below(other, name));
    let below = below.map(|other| (other.name().to_owned(), href(other.name()))).collect();
    let form = one.configured.as_ref().map(|now| InterfaceForm {
        description: filled.field("description", now.description.as_deref().unwrap_or_default()),
        mtu: filled.field("mtu", &now.mtu.map(|mtu| mtu.to_string()).unwrap_or_default()),
        addresses: filled.field("addresses", &now.addresses.join("\n")),
        enabled: filled.ticked("enabled", !now.disabled),
        said: filled.said(&["description", "mtu", "addresses"]),
    });
    Ok(InterfacePage {
        shell: ask.router_shell(name).await,
        row: row(one, &snapshot),
        facts: facts_of(one),
        charts: charts(&points),
        counters: one.live.as_ref().map(counters).unwrap_or_default(),
        below,
        other: one.configured.as_ref().map(|one| one.other.clone()).unwrap_or_default(),
        form,
        missing: missing(&snapshot),
    })
}

/// It is a VLAN on that interface, or a member of it.
fn is_below(one: &Both, name: &str) -> bool {
    let configured = one.configured.as_ref().is_some_and(|one| {
        [&one.parent, &one.member_of, &one.vrf].into_iter().flatten().any(|of| of == name)
    });
    let live = one.live.as_ref().is_some_and(|live| {
        [&live.link.parent, &live.link.master].into_iter().flatten().any(|of| of == name)
    });
    configured || live
}

fn row(one: &Both, snapshot: &Snapshot) -> InterfaceRow {
    let (configured, live) = (one.configured.as_ref(), one.live.as_ref());
    let (state, tone) = state(configured, live, snapshot.at.0 != 0);
    let mut belongs = Vec::new();
    if let Some(vlan) = configured.and_then(|one| one.vlan) {
        let parent = configured.and_then(|one| one.parent.as_deref()).unwrap_or_default();
        let what = if vlan.is_service { "service VLAN" } else { "VLAN" };
        belongs.push(format!("{what} {} on {parent}", vlan.id));
    } else if let Some(parent) = live.and_then(|live| live.link.parent.as_deref()) {
        let vlan = live.and_then(|live| live.link.vlan);
        belongs.push(vlan.map_or(format!("on {parent}"), |id| format!("VLAN {id} on {parent}")));
    } else if let Some(source) = configured.and_then(|one| one.source_interface.as_deref()) {
        belongs.push(format!("over {source}"));
    }
    let vrf = configured.and_then(|one| one.vrf.clone());
    let vrf = vrf.or_else(|| live.and_then(|live| live.link.vrf.clone())).unwrap_or_default();
    let owner = configured.and_then(|one| one.member_of.clone());
    let owner = owner.or_else(|| live.and_then(|live| live.link.master.clone()));
    belongs.extend(owner.filter(|owner| *owner != vrf).map(|owner| format!("in {owner}")));
    if let Some(members) = configured.map(|one| &one.members).filter(|all| !all.is_empty()) {
        belongs.push(format!("of {}", members.join(", ")));
    }
    if configured.is_none() {
        belongs.push("not configured".to_owned());
    }
    let mtu = live.map(|live| live.link.mtu).or_else(|| configured.and_then(|one| one.mtu));
    let description = configured.and_then(|one| one.description.clone());
    let alias = || live.and_then(|live| live.link.alias.clone());
    InterfaceRow {
        name: one.name().to_owned(),
        href: href(one.name()),
        description: description.or_else(alias).unwrap_or_default(),
        kind: configured
            .map(|one| one.kind.clone())
            .or_else(|| {
                let link = &live?.link;
                let named = link.kind != system::interfaces::Kind::Other || link.driver.is_empty();
                Some(if named { link.kind.as_str().to_owned() } else { link.driver.clone() })
            })
            .unwrap_or_default(),
        belongs,
        state,
        tone,
        addresses: addresses(configured, live),
        mtu: mtu.map(|mtu| mtu.to_string()).unwrap_or_default(),
        vrf,
        rates: live.and_then(|live| live.rates).map(|r| (rate(r.rx_bps), rate(r.tx_bps))),
        hour: None,
        configured: configured.is_some(),
        disabled: configured.is_some_and(|one| one.disabled),
        switchable: configured.is_some_and(|one| one.kind != "loopback"),
    }
}

/// The kernel's addresses, and those that are configured and that it does not have.
fn addresses(configured: Option<&Interface>, live: Option<&Live>) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    let asks = |word: &str| {
        configured.is_some_and(|one| one.addresses.iter().any(|address| address == word))
    };
    for address in live.map(|live| &live.link.addresses).into_iter().flatten() {
        let how = match address.ip {
            _ if address.is_duplicate => " (another host has it, too)",
            ip if ip.is_ipv4() && address.is_dynamic && asks("dhcp") => " by DHCP",
            _ => "",
        };
        all.push(format!("{}/{}{how}", address.ip, address.prefix));
    }
    for address in configured.map(|one| &one.addresses).into_iter().flatten() {
        if !all.iter().any(|known| known.split(' ').next() == Some(address)) {
            let has_any = |v4: bool| {
                let all = live.map(|live| live.link.addresses.as_slice()).unwrap_or_default();
                all.iter().any(|one| one.ip.is_ipv4() == v4 && one.is_dynamic)
            };
            match address.as_str() {
                "dhcp" if has_any(true) => {}
                "dhcpv6" if has_any(false) => {}
                "dhcp" => all.push("by DHCP".to_owned()),
                "dhcpv6" => all.push("by DHCPv6".to_owned()),
                _ => all.push(address.clone()),
            }
        }
    }
    all
}

fn state(configured: Option<&Interface>, live: Option<&Live>, known: bool) -> (String, Tone) {
    let is_off = configured.is_some_and(|one| one.disabled);
    let (word, tone) = match live {
        _ if is_off => ("switched off", Tone::Quiet),
        None if !known => ("not known yet", Tone::Quiet),
        None => ("not there", Tone::Warn),
        Some(live) => match (live.link.is_up, live.link.oper) {
            (false, _) => ("down", if configured.is_some() { Tone::Warn } else { Tone::Quiet }),
            (true, OperState::Up | OperState::Unknown) => ("up", Tone::Ok),
            (true, OperState::Down) if !live.link.has_carrier => ("no cable", Tone::Warn),
            (true, other) => (other.as_str(), Tone::Warn),
        },
    };
    (word.to_owned(), tone)
}

fn facts_of(one: &Both) -> Vec<(&'static str, Vec<String>)> {
    let (configured, live) = (one.configured.as_ref(), one.live.as_ref());
    let mut facts: Vec<(&'static str, Vec<String>)> = Vec::new();
    let mut fact = |name, words: Vec<String>| {
        if !words.is_empty() {
            facts.push((name, words));
        }
    };
    let row = row(one, &Snapshot::default());
    fact("Kind", vec![[vec![row.kind], row.belongs].concat().join(", ")]);
    fact("Addresses", row.addresses);
    let mac = live.and_then(|live| live.link.mac.map(|mac| mac.to_string()));
    let given = configured.and_then(|one| one.mac.clone());
    fact("Hardware address", mac.or(given).into_iter().collect());
    fact("VRF", Some(row.vrf).filter(|vrf| !vrf.is_empty()).into_iter().collect());
    fact("Largest packet", Some(row.mtu).filter(|mtu| !mtu.is_empty()).into_iter().collect());
    if let Some(live) = live {
        let link = &live.link;
        let switched = if link.is_up { "on" } else { "off" };
        let signal = if link.has_carrier { "there" } else { "none" };
        fact("Switched", vec![switched.to_owned()]);
        fact("Link", vec![format!("{}, signal {signal}", link.oper.as_str())]);
        let duplex = link.duplex.map_or("", |duplex| match duplex {
            system::interfaces::Duplex::Half => ", half duplex",
            system::interfaces::Duplex::Full => ", full duplex",
        });
        let speed = link.speed_mbps.map(|mbps| format!("{}{duplex}", rate(f64::from(mbps) * 1e6)));
        fact("Speed", speed.into_iter().collect());
        if let Some(rates) = live.rates {
            let words = [
                format!("↓ {}, {:.0} packets/s", rate(rates.rx_bps), rates.rx_pps),
                format!("↑ {}, {:.0} packets/s", rate(rates.tx_bps), rates.tx_pps),
            ];
            fact("Now", words.to_vec());
        }
    }
    facts
}

fn counters(live: &Live) -> Vec<CounterLine> {
    let all = &live.counters;
    vec![
        ("Bytes", bytes(all.rx_bytes), bytes(all.tx_bytes)),
        ("Packets", count(all.rx_packets), count(all.tx_packets)),
        ("Errors", count(all.rx_errors), count(all.tx_errors)),
        ("Dropped", count(all.rx_dropped), count(all.tx_dropped)),
    ]
}

/// In and out over the last hour, from the first measurement on.
fn charts(points: &[TrafficPoint]) -> Vec<Chart> {
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return Vec::new() };
    let step = HOUR_MS / POINTS;
    let slots = (last.at.0 - first.at.0) / step + 1;
    if slots < 2 {
        return Vec::new();
    }
    let chart = |id, title: &str, value: &dyn Fn(&TrafficPoint) -> f64| {
        let most = points.iter().map(value).fold(0.0, f64::max);
        let (unit, size) = unit_of(most);
        let mut values = vec![0.0; usize::try_from(slots).unwrap_or_default()];
        for point in points {
            let slot = usize::try_from((point.at.0 - first.at.0) / step).unwrap_or_default();
            if let Some(place) = values.get_mut(slot) {
                *place = value(point) / size;
            }
        }
        Chart::new(id, format!("{title}, {unit}"), unit, first.at, step, values)
    };
    vec![
        chart("chart-rx", "In", &|point| point.rx.avg),
        chart("chart-tx", "Out", &|point| point.tx.avg),
    ]
}

/// The unit in which a rate is easy to read, and its size in bits a second.
const fn unit_of(bps: f64) -> (&'static str, f64) {
    match bps {
        1e9.. => ("Gbit/s", 1e9),
        1e6.. => ("Mbit/s", 1e6),
        1e3.. => ("kbit/s", 1e3),
        _ => ("bit/s", 1.0),
    }
}

/// Bits a second: `12.4 Mbit/s`.
fn rate(bps: f64) -> String {
    let (unit, size) = unit_of(bps);
    let value = bps / size;
    if value < 9.95 && size > 1.0 {
        let text = format!("{value:.1}");
        format!("{} {unit}", text.trim_end_matches(".0"))
    } else {
        format!("{value:.0} {unit}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_ordered_as_people_count() {
        let mut names = ["eth10", "eth9", "eth1.20", "eth1", "lo", "eth1.3", "bond0"];
        names.sort_by_cached_key(|name| natural(name));
        assert_eq!(names, ["bond0", "eth1", "eth1.3", "eth1.20", "eth9", "eth10", "lo"]);
    }

    #[test]
    fn rates_are_short() {
        let texts = [0.0, 999.0, 1_000.0, 12_345_678.0, 1e9, 2.5e9].map(rate);
        let short = ["0 bit/s", "999 bit/s", "1 kbit/s", "12 Mbit/s", "1 Gbit/s", "2.5 Gbit/s"];
        assert_eq!(texts, short);
    }

    #[test]
    fn an_address_of_a_page_holds_what_a_name_may_hold() {
        assert_eq!(href("eth1.20"), "/router/interfaces/eth1.20");
        assert_eq!(href("a/../b?<"), "/router/interfaces/a%2F..%2Fb%3F%3C");
    }
}
