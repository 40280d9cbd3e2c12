//! What the command line of `VyOS` asks: one device, alerts, events, words for completion.

use std::collections::BTreeMap;
use std::net::IpAddr;

use detect::AlertQuery;
use discovery::Device;
use events::EventQuery;
use model::{DeviceId, EventId, Explained, Mac};
use serde_json::{Value, json};

use super::answers::failed;
use super::rooms::House;
use crate::control::Words;

/// The most alerts or events in one answer; the tables give no more at once.
const MOST: usize = 200;

/// Alerts and events that are shown with a device.
const WITH_DEVICE: usize = 10;

/// The longest word for a device: what `VyOS` takes as an argument.
const LONGEST_WORD: usize = 63;

impl House {
    /// A device by whatever people call it.
    pub(super) async fn device(&self, word: &str) -> Result<Value, Explained> {
        let found = self.discovery.with_all(|all| {
            let mut found: Vec<(u8, DeviceId, String)> = all
                .filter_map(|device| Some((meant(device, word)?, device.id, device.name())))
                .collect();
            let best = found.iter().map(|(rank, ..)| *rank).min();
            found.retain(|(rank, ..)| Some(*rank) == best);
            found
        });
        let id = match found.as_slice() {
            [(_, id, _)] => *id,
            [] => {
                let message = format!(
                    "no device is called {word:?}; give a name, an address or a MAC address of \
                     those in: panoptikon devices"
                );
                return Err(Explained::new("not_found", message));
            }
            several => {
                let message = format!(
                    "{} devices are called {word:?}; give the MAC address of one",
                    several.len()
                );
                return Err(Explained::new("bad_request", message));
            }
        };
        let alerts = AlertQuery { device: Some(id), limit: WITH_DEVICE, ..AlertQuery::default() };
        let alerts = self.alerts.list(alerts).await.map_err(failed)?.alerts;
        let events = EventQuery { device: Some(id), limit: WITH_DEVICE, ..EventQuery::default() };
        let events = self.events.list(events).await.map_err(failed)?.events;
        let described = self.discovery.with(id, described);
        let mut answer =
            described.ok_or_else(|| Explained::new("not_found", "the device was just removed"))?;
        answer["alerts"] = json!(alerts);
        answer["events"] = json!(events);
        Ok(answer)
    }

    pub(super) async fn open_alerts(&self) -> Result<Value, Explained> {
        let query = AlertQuery { limit: MOST, ..AlertQuery::default() };
        let page = self.alerts.list(query).await.map_err(failed)?;
        let open = self.alerts.counts().await.map_err(failed)?.open();
        let mut alerts = Vec::with_capacity(page.alerts.len());
        for alert in &page.alerts {
            let mut row = json!(alert);
            row["device_name"] = json!(alert.device.and_then(|id| self.name_of(id)));
            alerts.push(row);
        }
        Ok(json!({ "alerts": alerts, "open": open }))
    }

    /// The latest events, or those after one that was given before.
    pub(super) async fn latest_events(
        &self,
        after: Option<i64>,
        limit: usize,
    ) -> Result<Value, Explained> {
        let limit = limit.clamp(1, MOST);
        let query = EventQuery { limit, ..EventQuery::default() };
        let mut events = self.events.list(query).await.map_err(failed)?.events;
        let all = events.len();
        events.retain(|event| after.is_none_or(|after| event.id > EventId(after)));
        events.reverse();
        let cursor = events.last().map(|event| event.id.0).or(after);
        let rows: Vec<Value> = events
            .iter()
            .map(|event| {
                let mut row = json!(event);
                row["device_name"] = json!(event.device.and_then(|id| self.name_of(id)));
                row
            })
            .collect();
        // Between the one that was given before and the first of these there may be more.
        let cut = after.is_some() && rows.len() == all && all == limit;
        Ok(json!({ "events": rows, "cursor": cursor, "cut": cut }))
    }

    pub(super) fn words(&self, words: Words) -> Value {
        let mut found = match words {
            Words::Interfaces => self.discovery.segments().iter().map(|s| s.name.clone()).collect(),
            Words::Devices => self.discovery.with_all(|all| {
                let all: Vec<(Option<String>, Mac)> =
                    all.map(|device| (word_of(&device.name()), device.mac)).collect();
                let mut times = BTreeMap::new();
                for (word, _) in &all {
                    *times.entry(word.clone()).or_insert(0_u32) += 1;
                }
                all.into_iter()
                    .map(|(word, mac)| match word {
                        Some(word) if times.get(&Some(word.clone())) == Some(&1) => word,
                        _ => mac.to_string(),
                    })
                    .collect::<Vec<_>>()
            }),
        };
        found.sort_unstable();
        json!({ "words": found })
    }

    pub(super) async fn counts(&self) -> Result<Value, Explained> {
        let kinds = self.events.kinds().await.map_err(failed)?;
        let events: BTreeMap<_, _> = kinds.into_iter().map(|k| (k.kind, k.count)).collect();
        let audit = self.access.audit().counts().await.map_err(|e| e.explain())?;
        let audit: BTreeMap<_, _> = audit.into_iter().collect();
        Ok(json!({ "events": events, "audit": audit }))
    }

    fn name_of(&self, id: DeviceId) -> Option<String> {
        self.discovery.with(id, Device::name)
    }
}

/// How well a word names a device: 0 when it is its own, 1 when it is its name, 2 when it is what
/// completion makes of the name.
fn meant(device: &Device, word: &str) -> Option<u8> {
    let is_own = word.parse::<Mac>().is_ok_and(|mac| device.macs.contains(&mac))
        || word
            .parse::<IpAddr>()
            .is_ok_and(|ip| device.addresses.iter().any(|a| a.current && a.ip == ip))
        || word.parse::<i64>().is_ok_and(|number| device.id.0 == number);
    let name = device.name();
    if is_own {
        Some(0)
    } else if name.to_lowercase() == word.to_lowercase() {
        Some(1)
    } else {
        word_of(&name).filter(|made| made.eq_ignore_ascii_case(word)).map(|_| 2)
    }
}

/// A name as one word that `VyOS` takes as an argument, if anything of it is left.
fn word_of(name: &str) -> Option<String> {
    let is_fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let word: String = name.chars().map(|c| if is_fine(c) { c } else { '_' }).collect();
    let word = word.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
    let word: String = word.chars().take(LONGEST_WORD).collect();
    (!word.is_empty()).then_some(word)
}

fn described(device: &Device) -> Value {
    json!({
        "id": device.id,
        "name": device.name(),
        "mac": device.mac,
        "macs": device.macs,
        "vendor": device.vendor(),
        "type": device.device_type(),
        "brand": device.brand(),
        "model": device.model(),
        "os": device.os_family(),
        "os_version": device.os_version(),
        "hostname": device.hostname(),
        "interface": device.interface,
        "online": device.presence.online,
        "since": device.presence.since,
        "first_seen": device.presence.first_seen,
        "last_seen": device.presence.last_seen,
        "addresses": device.addresses,
        "services": device.services(),
        "known": device.person.known,
        "tags": device.person.tags,
        "notes": device.person.notes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Timestamp;

    fn device(name: &str) -> Device {
        let mac = "02:00:00:00:00:07".parse().expect("a MAC address");
        let mut device = Device::first_heard(DeviceId(7), mac, "eth1", Timestamp(0));
        device.person.name = Some(name.to_owned());
        device
    }

    #[test]
    fn a_device_is_known_by_all_that_it_is_called() {
        let nas = device("Küche Größe");
        for (word, rank) in [
            ("02:00:00:00:00:07", Some(0)),
            ("02-00-00-00-00-07", Some(0)),
            ("7", Some(0)),
            ("küche größe", Some(1)),
            ("k_che_gr__e", Some(2)),
            ("nas", None),
            ("", None),
        ] {
            assert_eq!(meant(&nas, word), rank, "{word}");
        }
    }

    #[test]
    fn a_name_becomes_a_word_that_vyos_takes() {
        for (name, word) in [
            ("nas", Some("nas")),
            ("Ana's iPhone", Some("Ana_s_iPhone")),
            ("-rf /", Some("rf__")),
            ("$(id)", Some("id_")),
            ("日本", None),
            ("", None),
        ] {
            assert_eq!(word_of(name).as_deref(), word, "{name}");
        }
        assert_eq!(word_of(&"x".repeat(300)).map(|word| word.len()), Some(LONGEST_WORD));
    }
}
