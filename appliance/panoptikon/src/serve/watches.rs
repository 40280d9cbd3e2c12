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
const OWN: &str = "of Panoptikon itself";

const EXPIRING: &str = "certificate_expiring";
const RENEWED: &str = "certificate_renewed";
const SILENCE: &str = "collector_silent";
const HEARD: &str = "collector_heard";

/// Watches until the end.
pub(super) async fn run(house: House, tls: Arc<Tls>, lifecycle: Lifecycle) -> Result<()> {
    let mut ending = recall(&house, [EXPIRING, RENEWED], "certificate").await?;
    let mut silent = recall(&house, [SILENCE, HEARD], "exporter").await?;
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
            for (kind, severity, text, name) in certificates(&ends, &mut ending, is_known, now) {
                house.tell(kind, severity, text, "certificate", &name).await?;
            }
        }
        let udp = house.flows.status().udp;
        let heard = udp.iter().flat_map(|udp| &udp.exporters);
        let heard = heard.map(|one| (one.address.to_string(), one.stats.last_seen));
        for (kind, severity, text, name) in exporters(heard, &mut silent, now) {
            house.tell(kind, severity, text, "exporter", &name).await?;
        }
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
            let label = if kind == "ca" { format!("ca {name}") } else { name.to_owned() };
            ends.extend(end.map(|end| (label, end)));
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

/// Something to tell: kind of event, how bad, what, and of what.
type Word = (&'static str, Severity, String, String);

/// What there is to tell of certificates. `told` are those of which was told that they end; the
/// router's are gone only where it was asked (`is_known`).
fn certificates(
    ends: &BTreeMap<String, Timestamp>,
    told: &mut BTreeSet<String>,
    is_known: bool,
    now: Timestamp,
) -> Vec<Word> {
    let mut words = Vec::new();
    for (name, end) in ends {
        let ends_soon = *end < now.plus(SOON);
        if ends_soon && told.insert(name.clone()) {
            let text = if *end <= now {
                format!("The certificate {name} has ended on {}", end.local())
            } else {
                let days = end.since(now).as_secs() / 86_400;
                format!("The certificate {name} ends in {days} days, on {}", end.local())
            };
            words.push((EXPIRING, Severity::Medium, text, name.clone()));
        } else if !ends_soon && told.remove(name) {
            let text = format!("The certificate {name} is renewed, until {}", end.local());
            words.push((RENEWED, Severity::Info, text, name.clone()));
        }
    }
    told.retain(|name| {
        let is_gone = !ends.contains_key(name) && (is_known || name == OWN);
        if is_gone {
            let text = format!("The certificate {name} is gone");
            words.push((RENEWED, Severity::Info, text, name.clone()));
        }
        !is_gone
    });
    words
}

/// What there is to tell of exporters, by when they were last heard. `told` are the silent ones.
fn exporters(
    heard: impl Iterator<Item = (String, Timestamp)>,
    told: &mut BTreeSet<String>,
    now: Timestamp,
) -> Vec<Word> {
    let mut words = Vec::new();
    for (name, last) in heard {
        let is_silent = now.since(last) > SILENT;
        if is_silent && told.insert(name.clone()) {
            let text = format!("The exporter {name} was last heard on {}", last.local());
            words.push((SILENCE, Severity::Medium, text, name));
        } else if !is_silent && told.remove(&name) {
            let text = format!("The exporter {name} is heard again");
            words.push((HEARD, Severity::Info, text, name));
        }
    }
    words
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

    fn told(words: Vec<Word>) -> Vec<(&'static str, String)> {
        words.into_iter().map(|(kind, _, text, _)| (kind, text)).collect()
    }

    #[test]
    fn a_certificate_that_ends_within_thirty_days_is_told_once_and_so_is_its_renewal() {
        let now = Timestamp(1_795_273_200_000);
        let ends =
            |days: i64| BTreeMap::from([("web".to_owned(), Timestamp(now.0 + days * 86_400_000))]);
        let mut open = BTreeSet::new();
        assert!(certificates(&ends(31), &mut open, true, now).is_empty());
        let words = told(certificates(&ends(29), &mut open, true, now));
        assert_eq!(words[0].0, EXPIRING);
        assert!(words[0].1.starts_with("The certificate web ends in 29 days, on 20"));
        assert!(certificates(&ends(28), &mut open, true, now).is_empty());
        // A router that does not answer says nothing about its certificates.
        assert!(certificates(&BTreeMap::new(), &mut open, false, now).is_empty());
        assert_eq!(told(certificates(&ends(90), &mut open, true, now))[0].0, RENEWED);
        let words = told(certificates(&ends(-1), &mut open, true, now));
        assert!(words[0].1.contains("has ended on"), "{words:?}");
        assert_eq!(told(certificates(&BTreeMap::new(), &mut open, true, now))[0].0, RENEWED);
        assert!(open.is_empty());
    }

    #[test]
    fn an_exporter_that_is_silent_for_a_quarter_of_an_hour_is_told_and_so_is_its_return() {
        let now = Timestamp(1_795_273_200_000);
        let mut silent = BTreeSet::new();
        let mut look = |seconds: u64| {
            let last = now.minus(Duration::from_secs(seconds));
            let words = exporters([("10.0.0.9".to_owned(), last)].into_iter(), &mut silent, now);
            words.first().map(|(kind, ..)| *kind)
        };
        assert_eq!(look(899), None);
        assert_eq!(look(901), Some(SILENCE));
        assert_eq!(look(960), None);
        assert_eq!(look(5), Some(HEARD));
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
        assert_eq!(names, ["ca root", "web"]);
        let wanted = Timestamp::parse_rfc3339("2027-01-02T00:00:00Z");
        assert_eq!(ends.get("web").copied(), wanted);
    }
}
