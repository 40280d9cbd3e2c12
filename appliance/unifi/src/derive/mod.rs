//! What only a comparison shows: states of devices, clients, the console and the recorder as they
//! are told every few seconds, in; what changed that people want to hear of, out.
//!
//! What is seen for the first time is how things are and no event. So that changes during an absence
//! are not missed, [`Watch::save`] is kept with the events and handed to [`Watch::restore`].

mod readings;
#[cfg(test)]
mod tests;

use std::time::Duration;

use model::{Mac, Timestamp};
use serde_json::{Map, Value, json};

use crate::happening::fingerprint;
use crate::{Happening, Source};

use readings::Readings;

/// Things about devices that are remembered. A site with a thousand devices has some thousand.
const MOST: usize = 16_384;
/// Clients that are remembered; those that were not seen for longest are forgotten first.
const MOST_CLIENTS: usize = 8_192;
/// Octets of the longest name of something that is remembered.
const LONGEST_SUBJECT: usize = 128;
/// Clocks and rounding move the time of a start by so much.
const JITTER: i64 = 30_000;

/// A side of something that is told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Facet {
    Reachable,
    DeviceUpdate,
    SystemUpdate,
    Heat,
    Power,
    Internet,
    Line,
    Uplink,
    Drives,
    Space,
    Start,
    Version,
    Running,
    State,
}

impl Facet {
    /// Its stored word, and the kinds of events when it turns bad, well, or to another value.
    const TABLE: [(Self, &'static str, &'static str, &'static str, &'static str); 14] = [
        (Self::Reachable, "reachable", "derived.device.offline", "derived.device.online", ""),
        (Self::DeviceUpdate, "update", "", "", "derived.device.update"),
        (Self::SystemUpdate, "system-update", "", "", "derived.system.update"),
        (Self::Heat, "heat", "derived.device.hot", "derived.device.cool", ""),
        (Self::Power, "power", "derived.power.battery", "derived.power.mains", ""),
        (Self::Internet, "internet", "derived.wan.down", "derived.wan.up", ""),
        (Self::Line, "line", "derived.line.down", "derived.line.up", ""),
        (Self::Uplink, "uplink", "", "", "derived.wan.moved"),
        (Self::Drives, "drives", "derived.storage.unhealthy", "derived.storage.healthy", ""),
        (Self::Space, "space", "derived.storage.full", "derived.storage.free", ""),
        (Self::Start, "start", "", "", "derived.restarted"),
        (Self::Version, "version", "", "", "derived.updated"),
        (
            Self::Running,
            "running",
            "derived.application.stopped",
            "derived.application.started",
            "",
        ),
        (Self::State, "state", "", "", "derived.console.state"),
    ];

    fn row(self) -> (&'static str, [&'static str; 3]) {
        let row = Self::TABLE.into_iter().find(|row| row.0 == self);
        row.map_or(("", [""; 3]), |(_, word, bad, well, other)| (word, [bad, well, other]))
    }
}

/// How a facet is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Is {
    Bad,
    Well,
    Value(String),
}

impl Is {
    /// What it is kept as; values have a mark that tells them from the other two.
    fn text(&self) -> String {
        match self {
            Self::Bad => "bad".to_owned(),
            Self::Well => "well".to_owned(),
            Self::Value(value) => format!("={value}"),
        }
    }
}

/// States as they were told last. They are held as JSON, in which they are kept, too.
#[derive(Debug, Default)]
pub struct Watch {
    /// `word subject`, and `milliseconds value` since when it is so.
    known: Map<String, Value>,
    /// MAC addresses, and milliseconds when they were seen last.
    clients: Map<String, Value>,
    clients_are_known: bool,
    has_internet_told: bool,
}

impl Watch {
    /// Takes states of Network's devices, in whole or in part.
    pub fn devices(&mut self, rows: &[Map<String, Value>], now: Timestamp) -> Vec<Happening> {
        let mut readings = Readings::default();
        for row in rows {
            readings.device(row);
        }
        self.compare(readings, now)
    }

    /// Takes the subsystems of `stat/health`.
    pub fn health(&mut self, rows: &[Map<String, Value>], now: Timestamp) -> Vec<Happening> {
        let mut readings = Readings::default();
        // The console's own word is the better one, and one outage is told once.
        for row in rows.iter().filter(|_| !self.has_internet_told) {
            readings.health(row);
        }
        self.compare(readings, now)
    }

    /// Takes a state of the console.
    pub fn console(&mut self, frame: &Map<String, Value>, now: Timestamp) -> Vec<Happening> {
        let mut readings = Readings::default();
        self.has_internet_told |= readings.console(frame, now);
        self.compare(readings, now)
    }

    /// Takes an object of Protect that is no event, in whole or in part.
    pub fn protect(
        &mut self,
        model: &str,
        id: &str,
        object: &Map<String, Value>,
        now: Timestamp,
    ) -> Vec<Happening> {
        let mut readings = Readings::default();
        readings.protect(model, id, object);
        self.compare(readings, now)
    }

    /// Takes clients. `all` says that these are all that the console ever knew, after which one that
    /// is not known is new.
    pub fn clients(
        &mut self,
        rows: &[Map<String, Value>],
        all: bool,
        now: Timestamp,
    ) -> Vec<Happening> {
        let mut new = Vec::new();
        for row in rows {
            let Some(mac) = crate::json::text(row, "mac").and_then(|mac| mac.parse::<Mac>().ok())
            else {
                continue;
            };
            // Of those that were forgotten for want of room nobody can say that they are new.
            let is_full = self.clients.len() >= MOST_CLIENTS;
            let was_known = self.clients.insert(mac.to_string(), Value::from(now.0)).is_some();
            if self.clients_are_known && !was_known && !is_full {
                new.push(happening("derived.client.new", readings::client(row, mac), now));
            }
        }
        self.clients_are_known |= all;
        while self.clients.len() > MOST_CLIENTS {
            let oldest = self.clients.iter().min_by_key(|(_, seen)| seen.as_i64());
            let Some(mac) = oldest.map(|(mac, _)| mac.clone()) else { break };
            self.clients.remove(&mac);
        }
        new
    }

    /// Forgets a device that was removed.
    pub fn forget(&mut self, subject: &str) {
        let subject = subject.to_ascii_lowercase();
        self.known.retain(|key, _| {
            let of = key.split_once(' ').and_then(|(_, of)| of.strip_prefix(&subject));
            !of.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        });
    }

    fn compare(&mut self, readings: Readings, now: Timestamp) -> Vec<Happening> {
        let mut changes = Vec::new();
        for reading in readings.all {
            if reading.subject.len() > LONGEST_SUBJECT {
                continue;
            }
            let (word, keys) = reading.facet.row();
            let key = format!("{word} {}", reading.subject.to_ascii_lowercase());
            let is = reading.is.text();
            let known = self.known.get(&key).and_then(Value::as_str).and_then(|known| {
                let (since, known) = known.split_once(' ')?;
                Some((Timestamp(since.parse().ok()?), known))
            });
            let stays = known.is_some_and(|(_, known)| {
                known == is || reading.facet == Facet::Start && !is_later(known, &is)
            });
            if stays || known.is_none() && self.known.len() >= MOST {
                continue;
            }
            let before = known.map(|(since, known)| (since, known.to_owned()));
            self.known.insert(key, Value::from(format!("{} {is}", now.0)));
            let Some((since, before)) = before else { continue };
            if reading.is == Is::Value(String::new()) {
                // There is no update any more.
                continue;
            }
            let [bad, well, other] = keys;
            let kind = match reading.is {
                Is::Bad => bad,
                Is::Well => well,
                Is::Value(_) => other,
            };
            let mut facts = reading.facts;
            facts.insert("device".to_owned(), Value::from(reading.subject));
            facts.insert("duration".to_owned(), Value::from(now.since(since).as_secs()));
            if let (Is::Value(value), Some(before)) = (reading.is, before.strip_prefix('=')) {
                facts.insert("to".to_owned(), Value::from(value));
                if !before.is_empty() {
                    facts.insert("from".to_owned(), Value::from(before));
                }
            }
            changes.push(happening(kind, facts, now));
        }
        changes
    }

    /// What is known, as JSON to be kept.
    pub fn save(&self) -> Value {
        let clients = self.clients_are_known.then(|| self.clients.clone());
        json!({"known": self.known, "clients": clients, "internet": self.has_internet_told})
    }

    /// What was saved; what is not understood of it is as if it had never been told.
    pub fn restore(saved: &Value) -> Self {
        let map = |name: &str| saved.get(name).and_then(Value::as_object);
        Self {
            known: map("known").cloned().unwrap_or_default(),
            clients: map("clients").cloned().unwrap_or_default(),
            clients_are_known: map("clients").is_some(),
            has_internet_told: saved.get("internet").and_then(Value::as_bool).unwrap_or(false),
        }
    }
}

/// Whether a start, in milliseconds, is another than the one that is known.
fn is_later(known: &str, is: &str) -> bool {
    let number = |text: &str| text.strip_prefix('=').and_then(|text| text.parse::<i64>().ok());
    match (number(known), number(is)) {
        (Some(known), Some(is)) => is > known.saturating_add(JITTER),
        _ => true,
    }
}

/// Something that this program concludes.
fn happening(key: &str, mut facts: Map<String, Value>, now: Timestamp) -> Happening {
    facts.insert("at".to_owned(), Value::from(now.0));
    let id = fingerprint(Source::Derived, key, &facts);
    Happening { source: Source::Derived, id, key: key.to_owned(), at: now, end: None, facts }
}

/// The console has not been reached for this long.
pub fn unreachable(host: &str, lasting: Duration, now: Timestamp) -> Happening {
    let facts = json!({"host": host, "duration": lasting.as_secs()});
    happening("derived.console.unreachable", object(facts), now)
}

/// The console is reached again.
pub fn reached(host: &str, lasted: Duration, now: Timestamp) -> Happening {
    let facts = json!({"host": host, "duration": lasted.as_secs()});
    happening("derived.console.reached", object(facts), now)
}

/// Events of a stream between two times could not be asked for.
pub fn gap(stream: &str, from: Timestamp, to: Timestamp, now: Timestamp) -> Happening {
    let minute = |at: Timestamp| format!("{} UTC", at.rfc3339().get(..16).unwrap_or_default());
    let facts = json!({"stream": stream, "from": minute(from), "to": minute(to)});
    happening("derived.source.gap", object(facts), now)
}

/// A stream has told nothing for this long.
pub fn stalled(stream: &str, lasting: Duration, now: Timestamp) -> Happening {
    let facts = json!({"stream": stream, "duration": lasting.as_secs()});
    happening("derived.source.stalled", object(facts), now)
}

/// The console refuses the credentials.
pub fn refused(host: &str, now: Timestamp) -> Happening {
    happening("derived.auth.failed", object(json!({"host": host})), now)
}

fn object(value: Value) -> Map<String, Value> {
    if let Value::Object(map) = value { map } else { Map::new() }
}
