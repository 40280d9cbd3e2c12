//! The overview: is all well, and what is new.

mod health;
mod visit;

use std::time::Duration;

use access::Permission as P;
use axum::http::Method;
use axum::response::Response;
use detect::{AlertQuery, Counts, Shown, Status};
use discovery::list::{DeviceFilter, Sort};
use model::{Severity, Timestamp};

use super::devices::Survey;
use super::{Ask, rows};
use crate::http::{Entry, Failure, Route, Routes};
use crate::site::Site;
use crate::view::{
    Chart, HomePage, InterfaceLine, KindShare, Place, PortionRing, Query, Sparkline, StatCard,
    Tone, count, span,
};

/// The chart: one point a minute for an hour, both ends included.
const SPAN: Duration = Duration::from_secs(3_600);
const POINTS: usize = 61;
/// Rows of the short lists.
const FEW: usize = 6;

pub(super) fn routes() -> Routes<Site> {
    let read = Entry::Needs(P::DevicesRead);
    Routes::new().add(Route::new(Method::GET, "/", read, show, "The overview"))
}

async fn show(ask: Ask) -> Result<Response, Failure> {
    let (site, now) = (&ask.site, ask.now);
    let newest = DeviceFilter {
        sort: Sort::FirstSeen,
        descending: true,
        limit: FEW,
        ..DeviceFilter::default()
    };
    let recent = AlertQuery { shown: Shown::All, limit: FEW, ..AlertQuery::default() };
    let (shell, history, newest, alerts, counts, unread, since, (parts, formula)) = tokio::join!(
        ask.shell("Overview", Some(Place::Overview)),
        site.discovery.online_history(now, SPAN, POINTS),
        site.discovery.list(newest, now),
        site.alerts.list(recent),
        site.alerts.counts(),
        site.alerts.unread(),
        visit::since_last(&ask),
        health::parts(site, now),
    );
    let history = history?;
    let wave: Vec<f64> = history.iter().map(|(_, n)| f64::from(*n)).collect();
    let from = history.first().map_or(now, |(at, _)| *at);
    let survey = Survey::of(site, now);
    let interfaces = interfaces(site);
    ask.page(&HomePage {
        shell,
        health: PortionRing::new(&parts),
        parts,
        formula,
        cards: vec![
            router_card(site, &interfaces, now),
            devices_card(&survey, &wave),
            alerts_card(&counts?, unread?),
            lan_card(site),
        ],
        online: Chart::new(
            "chart-online",
            "Devices online, last 60 minutes",
            "online",
            from,
            60_000,
            wave,
        ),
        alerts: alerts?.alerts.into_iter().map(|a| rows::alert_item(a, now)).collect(),
        newest: rows::devices(site, &newest?.ids, now).await,
        kinds: kinds(&survey),
        since: since?,
        interfaces,
    })
}

fn fact(label: &str, value: impl ToString) -> (String, String) {
    (label.to_owned(), value.to_string())
}

fn router_card(site: &Site, interfaces: &[InterfaceLine], now: Timestamp) -> StatCard {
    let well = interfaces.iter().filter(|i| i.tone == Tone::Ok).count();
    let running = span(now.since(site.facts.started));
    let tone = match interfaces.len() {
        n if n == well && n > 0 => Tone::Ok,
        _ => Tone::Warn,
    };
    StatCard {
        key: "router",
        title: site.facts.host.get(),
        icon: "router",
        href: "/about".to_owned(),
        value: format!("{well} of {}", interfaces.len()),
        unit: "interfaces watched".to_owned(),
        tone,
        facts: vec![fact("Running", running), fact("Version", site.facts.version)],
        spark: None,
    }
}

fn devices_card(survey: &Survey, wave: &[f64]) -> StatCard {
    StatCard {
        key: "devices",
        title: "Devices".to_owned(),
        icon: "devices",
        href: "/devices".to_owned(),
        value: survey.online.to_string(),
        unit: "online".to_owned(),
        tone: Tone::Ok,
        facts: vec![
            fact("New", count(survey.new)),
            fact("Unknown", count(survey.unknown)),
            fact("Offline", count(survey.all - survey.online)),
        ],
        spark: (survey.all > 0).then(|| Sparkline::new(wave, "devices online, 60 min")),
    }
}

fn alerts_card(counts: &Counts, unread: u64) -> StatCard {
    let open = |least: Severity| {
        let open = counts.iter().filter(|(s, status, _)| *s >= least && status.is_open());
        open.map(|(_, _, n)| n).sum::<u64>()
    };
    let tone = match (open(Severity::High), open(Severity::Medium)) {
        (0, 0) => Tone::Ok,
        (0, _) => Tone::Warn,
        _ => Tone::Bad,
    };
    StatCard {
        key: "alerts",
        title: "Alerts".to_owned(),
        icon: "bell",
        href: "/alerts".to_owned(),
        value: count(counts.of_status(Status::New)),
        unit: "active".to_owned(),
        tone,
        facts: vec![
            fact("Unread", count(unread)),
            fact("Acknowledged", count(counts.of_status(Status::Acknowledged))),
        ],
        spark: None,
    }
}

fn lan_card(site: &Site) -> StatCard {
    let status = site.discovery.status().borrow().clone();
    let malformed: u64 = status.malformed.values().sum();
    let mut facts = vec![fact("Malformed", count(malformed)), fact("Lost", count(status.dropped))];
    if let Some(scan) = &status.last_scan {
        facts.push(fact("Last scan", format!("{} answered", count(scan.answered))));
    }
    StatCard {
        key: "lan",
        title: "LAN activity".to_owned(),
        icon: "events",
        href: "/events".to_owned(),
        value: count(status.frames),
        unit: "frames heard".to_owned(),
        tone: if status.running { Tone::Info } else { Tone::Warn },
        facts,
        spark: None,
    }
}

fn kinds(survey: &Survey) -> Vec<KindShare> {
    let typed: u64 = survey.kinds.values().sum();
    let known = survey.kinds.iter().map(|(kind, n)| {
        let href = Query::new("/devices").with("type", kind.as_str()).href();
        (rows::kind(*kind), kind.as_str().to_owned(), *n, href)
    });
    let rest = survey.all - typed;
    let unknown = (rest > 0).then(|| {
        ("Not known".to_owned(), "device".to_owned(), rest, "/devices?sort=-type".to_owned())
    });
    KindShare::list(known.chain(unknown))
}

/// The interfaces that devices are looked for on.
fn interfaces(site: &Site) -> Vec<InterfaceLine> {
    let failures = site.discovery.status().borrow().failures.clone();
    let online = site.discovery.with_all(|devices| {
        let mut online = std::collections::HashMap::<String, u64>::new();
        for name in devices.filter(|d| d.presence.online).filter_map(|d| d.interface.as_ref()) {
            match online.get_mut(name) {
                Some(n) => *n += 1,
                None => drop(online.insert(name.clone(), 1)),
            }
        }
        online
    });
    let segments = site.discovery.segments();
    let lines = segments.iter().map(|segment| {
        let addresses = segment.networks.iter().map(|n| format!("{}/{}", n.own, n.prefix));
        let (state, tone) = match failures.get(&segment.name) {
            Some(why) => (format!("Not watched: {why}"), Tone::Warn),
            None => ("Watched".to_owned(), Tone::Ok),
        };
        InterfaceLine {
            name: segment.name.clone(),
            description: String::new(),
            addresses: addresses.collect::<Vec<_>>().join(", "),
            state,
            tone,
            devices: online.get(&segment.name).copied().unwrap_or_default(),
            href: Query::new("/devices").with("interface", &segment.name).href(),
        }
    });
    lines.collect()
}
