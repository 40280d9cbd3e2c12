//! What only the whole house can watch: certificates of the router and of our own front door, and
//! exporters of flows that fell silent. Told as events, once each way.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use events::EventQuery;
use model::{Severity, Timestamp};
use system::certificates::{SOON, validity};
use tokio::time::{MissedTickBehavior, interval};
use vyos::config::Node;
use web::tls::Tls;

use super::rooms::House;
use crate::lifecycle::Lifecycle;

/// How often all of it is looked at.
const EVERY: Duration = Duration::from_secs(60);
/// Certificates are looked at each so many times.
const CERTIFICATES: u64 = 60;
/// An exporter that was not heard for so long is silent; all of them send more often.
const SILENT: Duration = Duration::from_secs(900);
/// Events that are looked at for what was told before the start.
const RECALLED: usize = 200;
/// The name of our own certificate.
const OWN: &str = "panoptikon";

const EXPIRING: &str = "certificate_expiring";
const RENEWED: &str = "certificate_renewed";
const SILENCE: &str = "collector_silent";
const HEARD: &str = "collector_heard";

/// Watches until the end.
pub(super) async fn run(house: House, tls: Arc<Tls>, lifecycle: Lifecycle) -> Result<()> {
    let mut certificates = recall(&house, [EXPIRING, RENEWED], "certificate").await?;
    let mut exporters = recall(&house, [SILENCE, HEARD], "exporter").await?;
    let mut tick = interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut is_known = false;
    for number in 0_u64.. {
        tokio::select! {
            () = lifecycle.ended() => break,
            _ = tick.tick() => {}
        }
        let now = Timestamp::now();
        let config = house.router.last_config();
        // The router's are known once it was asked; that is looked at soon after.
        if number.is_multiple_of(CERTIFICATES) || (config.is_some() && !is_known) {
            is_known = config.is_some();
            let mut ends = config.as_deref().map(of_router).unwrap_or_default();
            if let Some(end) = tls.not_after() {
                ends.insert(OWN.to_owned(), end);
            }
            tell_certificates(&house, &ends, &mut certificates, is_known, now).await?;
        }
        tell_exporters(&house, &mut exporters, now).await?;
    }
    Ok(())
}

/// When certificates and authorities of the router's configuration end, by their names.
fn of_router(config: &Node) -> BTreeMap<String, Timestamp> {
    let mut ends = BTreeMap::new();
    for kind in ["certificate", "ca"] {
        let named = config.at(["pki", kind]).and_then(Node::children).into_iter();
        for (name, node) in named.flat_map(vyos::config::Children::iter) {
            let text = node.at(["certificate"]).map(|one| one.values().concat());
            let end = text.as_deref().and_then(end_of);
            ends.extend(end.map(|end| (format!("{kind} {name}"), end)));
        }
    }
    ends
}

/// VyOS keeps the base64 of a certificate in one line.
fn end_of(base64: &str) -> Option<Timestamp> {
    let plain = base64.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/=".contains(&b));
    let pem = format!("-----BEGIN CERTIFICATE-----\n{base64}\n-----END CERTIFICATE-----\n");
    let der = web::tls::first_certificate(pem.as_bytes()).filter(|_| plain)?;
    Some(validity(&der)?.1)
}

async fn tell_certificates(
    house: &House,
    ends: &BTreeMap<String, Timestamp>,
    told: &mut BTreeSet<String>,
    is_known: bool,
    now: Timestamp,
) -> Result<()> {
    for (name, end) in ends {
        let ends_soon = *end < now.plus(SOON);
        if ends_soon && told.insert(name.clone()) {
            let text = if *end <= now {
                format!("The certificate {name} has ended on {}", end.local())
            } else {
                let days = end.since(now).as_secs() / 86_400;
                format!("The certificate {name} ends in {days} days, on {}", end.local())
            };
            house.tell(EXPIRING, Severity::Medium, text, "certificate", name).await?;
        } else if !ends_soon && told.remove(name) {
            let text = format!("The certificate {name} is renewed, until {}", end.local());
            house.tell(RENEWED, Severity::Info, text, "certificate", name).await?;
        }
    }
    // What the router had is gone only where it was asked.
    let gone: Vec<String> = told
        .iter()
        .filter(|name| !ends.contains_key(*name) && (is_known || name.as_str() == OWN))
        .cloned()
        .collect();
    for name in gone {
        told.remove(&name);
        let text = format!("The certificate {name} is gone");
        house.tell(RENEWED, Severity::Info, text, "certificate", &name).await?;
    }
    Ok(())
}

async fn tell_exporters(house: &House, told: &mut BTreeSet<String>, now: Timestamp) -> Result<()> {
    let Some(udp) = house.flows.status().udp else { return Ok(()) };
    for exporter in &udp.exporters {
        let (name, last) = (exporter.address.to_string(), exporter.stats.last_seen);
        let is_silent = now.since(last) > SILENT;
        if is_silent && told.insert(name.clone()) {
            let text = format!("The exporter {name} was last heard on {}", last.local());
            house.tell(SILENCE, Severity::Medium, text, "exporter", &name).await?;
        } else if !is_silent && told.remove(&name) {
            let text = format!("The exporter {name} is heard again");
            house.tell(HEARD, Severity::Info, text, "exporter", &name).await?;
        }
    }
    Ok(())
}

/// What was told before the start and is not over.
pub(super) async fn recall(
    house: &House,
    kinds: [&str; 2],
    field: &str,
) -> Result<BTreeSet<String>> {
    let [bad, _] = kinds;
    let kinds = kinds.map(str::to_owned).to_vec();
    let query = EventQuery { kinds, limit: RECALLED, ..EventQuery::default() };
    let (mut seen, mut open) = (BTreeSet::new(), BTreeSet::new());
    for event in house.events.list(query).await?.events {
        let Some(name) = event.data.get(field).and_then(|value| value.as_str()) else { continue };
        // Newest first: the first word about it is the one that holds.
        if seen.insert(name.to_owned()) && event.kind == bad {
            open.insert(name.to_owned());
        }
    }
    Ok(open)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(year: i32) -> String {
        let mut parameters = rcgen::CertificateParams::new(vec!["x".to_owned()]).unwrap();
        parameters.not_after = rcgen::date_time_ymd(year, 1, 2);
        let key = rcgen::KeyPair::generate().unwrap();
        let pem = parameters.self_signed(&key).unwrap().pem();
        pem.lines().filter(|line| !line.starts_with("-----")).collect()
    }

    #[test]
    fn certificates_and_authorities_of_the_configuration_are_read_and_others_left_out() {
        let text = format!(
            "pki {{\n    ca root {{\n        certificate \"{}\"\n    }}\n    certificate web {{\n        \
             certificate \"{}\"\n    }}\n    certificate broken {{\n        certificate \
             \"nonsense\"\n    }}\n    certificate later {{\n    }}\n}}\n",
            made(2061),
            made(2027)
        );
        let root = vyos::config::Document::parse(&text).unwrap().root;
        let ends = of_router(&root);
        let names: Vec<_> = ends.keys().map(String::as_str).collect();
        assert_eq!(names, ["ca root", "certificate web"]);
        let wanted = Timestamp::parse_rfc3339("2027-01-02T00:00:00Z");
        assert_eq!(ends.get("certificate web").copied(), wanted);
    }
}
