//! Looks at services and tunnels once in a while, whoever looks or not, and tells as events when one
//! fails and when it is well again.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use events::EventQuery;
use model::{NewEvent, Severity, Timestamp};
use serde_json::{Value, json};
use tokio::time::{MissedTickBehavior, interval};

use crate::own;
use crate::quality::{self, Errand, Role};
use crate::services::{News, Unit, Watch};
use crate::system::System;
use crate::tunnels::{self, Tunnel};

/// How often services are looked at.
const SERVICES_EVERY: Duration = Duration::from_secs(30);
/// How often tunnels are.
const TUNNELS_EVERY: Duration = Duration::from_secs(60);
/// How often values of one's own are read.
const OWN_EVERY: Duration = Duration::from_secs(60);
/// Echo requests to the other end of a tunnel.
const PINGS: u16 = 3;
/// Events that are looked at for what was told before the start.
const RECALLED: usize = 100;

/// Kinds of events.
const SERVICE_FAILED: &str = "service_failed";
const SERVICE_RECOVERED: &str = "service_recovered";
const TUNNEL_DOWN: &str = "tunnel_down";
const TUNNEL_UP: &str = "tunnel_up";
const OWN_FAILED: &str = "own_value_failed";
const OWN_RECOVERED: &str = "own_value_recovered";

/// Watches services for ever. Where there is no systemd, that is no news.
pub(crate) async fn keep_watching_services(system: System) {
    let mut watch = Watch::default();
    for unit in recall(&system, [SERVICE_FAILED, SERVICE_RECOVERED], "unit").await {
        watch.remember(&unit);
    }
    let mut tick = interval(system.inner.options.services_every.unwrap_or(SERVICES_EVERY));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        let board = match system.services().await {
            Ok(board) => board,
            Err(error) => {
                tracing::debug!(%error, "services are not looked at");
                continue;
            }
        };
        for (unit, news) in watch.take(board.at, &board.units) {
            tell_service(&system, board.at, &unit, news).await;
        }
    }
}

async fn tell_service(system: &System, at: Timestamp, unit: &Unit, news: News) {
    let (name, label) = (&unit.name, &unit.label);
    let (kind, severity, summary, why) = match news {
        News::Failed { result } => {
            let text = format!("{label} ({name}) has failed: {result}");
            (SERVICE_FAILED, Severity::High, text, result)
        }
        News::Restarting { times } => {
            let text = format!("{label} ({name}) was restarted {times} times within 10 min");
            (SERVICE_FAILED, Severity::High, text, "restarts".to_owned())
        }
        News::Recovered => {
            (SERVICE_RECOVERED, Severity::Info, format!("{label} ({name}) is well"), String::new())
        }
    };
    tell(system, at, kind, severity, summary, json!({ "unit": name, "why": why })).await;
}

/// Watches tunnels for ever.
pub(crate) async fn keep_watching_tunnels(system: System) {
    let mut watch = tunnels::Watch::default();
    for interface in recall(&system, [TUNNEL_DOWN, TUNNEL_UP], "interface").await {
        watch.remember(&interface);
    }
    let mut tick = interval(TUNNELS_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        let snapshot = system.snapshot();
        if snapshot.at == Timestamp::default() {
            tick.reset_after(Duration::from_secs(1));
            continue;
        }
        let settings = system.quality_settings();
        let mut found: Vec<Tunnel> = Vec::new();
        for one in snapshot.interfaces.iter().filter(|one| one.link.is_up).take(tunnels::MOST) {
            let leads_out = snapshot.ways_out.iter().any(|way| way.interface == one.link.name);
            let others: &[IpAddr] = if leads_out { &settings.targets } else { &[] };
            found.extend(Tunnel::of(one, others));
        }
        let errand = |tunnel: &Tunnel| {
            let ip = tunnel.asked.filter(|_| tunnel.is_up && settings.enabled)?;
            Some(Errand { interface: tunnel.interface.clone(), role: Role::Far, ip })
        };
        let errands = found.iter().filter_map(errand).collect();
        for (errand, outcome) in quality::run(errands, PINGS).await {
            let asked = found.iter_mut().find(|tunnel| tunnel.interface == errand.interface);
            if let Some(tunnel) = asked {
                tunnel.measured = outcome.measured;
            }
        }
        let now = Timestamp::now();
        for (interface, news) in watch.take(&found) {
            let (kind, severity, summary, why) = match news {
                tunnels::News::Failed(why) => {
                    let text = format!("The tunnel {interface} does not work: {why}");
                    (TUNNEL_DOWN, Severity::Medium, text, why)
                }
                tunnels::News::Recovered => {
                    let text = format!("The tunnel {interface} works, or is gone");
                    (TUNNEL_UP, Severity::Info, text, String::new())
                }
            };
            let data = json!({ "interface": interface, "why": why });
            tell(&system, now, kind, severity, summary, data).await;
        }
        system.inner.tunnels.send_replace(Arc::new(found));
    }
}

/// Reads values of one's own for ever, where there is a folder for them.
pub(crate) async fn keep_reading_own(system: System) {
    let Some(folder) = system.inner.options.own_values.clone() else {
        return std::future::pending().await;
    };
    let mut watch = own::Watch::default();
    for name in recall(&system, [OWN_FAILED, OWN_RECOVERED], "value").await {
        watch.remember(&name);
    }
    let mut tick = interval(system.inner.options.services_every.unwrap_or(OWN_EVERY));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        let mut all = BTreeMap::new();
        for (name, program) in own::programs(&folder) {
            // One after the other: none of them is in a hurry.
            let read = match program {
                Ok(program) => own::value(&program).await.map_err(|error| error.to_string()),
                Err(why) => Err(why),
            };
            if let Ok(value) = read {
                system.inner.metrics.record(Timestamp::now(), own::OWN, &name, value);
            }
            all.insert(name, read.err());
        }
        let now = Timestamp::now();
        for (name, news) in watch.take(&all) {
            let (kind, severity, summary, why) = match news {
                own::News::Failed(why) => {
                    let text = format!("The value {name} cannot be had: {why}");
                    (OWN_FAILED, Severity::Medium, text, why)
                }
                own::News::Recovered => {
                    let text = format!("The value {name} can be had again, or is gone");
                    (OWN_RECOVERED, Severity::Info, text, String::new())
                }
            };
            let data = json!({ "value": name, "why": why });
            tell(&system, now, kind, severity, summary, data).await;
        }
    }
}

async fn tell(
    system: &System,
    at: Timestamp,
    kind: &'static str,
    severity: Severity,
    summary: String,
    data: Value,
) {
    let event = NewEvent { at, source: "system", kind, severity, device: None, summary, data };
    if let Err(error) = system.inner.events.publish(event).await {
        tracing::error!(%error, kind, "what became of the router could not be stored");
    }
}

/// What was unwell when the appliance ended, as the events tell: that whose last word was the first
/// of both kinds.
async fn recall(system: &System, kinds: [&str; 2], field: &str) -> Vec<String> {
    let [bad, _] = kinds;
    let query = EventQuery {
        kinds: kinds.map(str::to_owned).to_vec(),
        limit: RECALLED,
        ..EventQuery::default()
    };
    let page = match system.inner.events.list(query).await {
        Ok(page) => page,
        Err(error) => {
            tracing::warn!(%error, "cannot read what was unwell before");
            return Vec::new();
        }
    };
    let (mut seen, mut unwell) = (BTreeSet::new(), Vec::new());
    for event in page.events {
        let Some(what) = event.data.get(field).and_then(Value::as_str) else { continue };
        // Newest first: the first word about it is the one that holds.
        if seen.insert(what.to_owned()) && event.kind == bad {
            unwell.push(what.to_owned());
        }
    }
    unwell
}
