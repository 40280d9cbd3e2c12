//! What a state says, one side after the other. Objects as consoles send them in, in whole or in
//! part; readings out, only of what they have.

use model::{Mac, Timestamp};
use serde_json::{Map, Value, json};

use super::{Facet, Is, object};
use crate::json::{at, text, tidy, time};

/// How full is full, and how empty is no longer full, in percent.
const FULL: f64 = 95.0;
const FREE: f64 = 90.0;
/// Characters of a name.
const NAME: usize = 64;

/// One side of one thing.
pub(super) struct Reading {
    pub(super) subject: String,
    pub(super) facet: Facet,
    pub(super) is: Is,
    pub(super) facts: Map<String, Value>,
}

/// All that a state says.
#[derive(Default)]
pub(super) struct Readings {
    pub(super) all: Vec<Reading>,
}

fn whether(bad: bool) -> Is {
    if bad { Is::Bad } else { Is::Well }
}

fn flag(object: &Map<String, Value>, path: &str) -> Option<bool> {
    at(object, path)?.as_bool()
}

/// A version, without the letter before it.
fn version(object: &Map<String, Value>, path: &str) -> Option<String> {
    let version = tidy(text(object, path)?, NAME).trim_start_matches('v').to_owned();
    (!version.is_empty()).then_some(version)
}

fn named(row: &Map<String, Value>) -> Map<String, Value> {
    let name = ["name", "displayName", "model"].into_iter().find_map(|path| text(row, path));
    let mut facts = Map::new();
    if let Some(name) = name {
        facts.insert("name".to_owned(), Value::from(tidy(name, NAME)));
    }
    facts
}

/// What is told of a new client.
pub(super) fn client(row: &Map<String, Value>, mac: Mac) -> Map<String, Value> {
    let name = ["name", "hostname"].into_iter().find_map(|path| text(row, path));
    object(json!({
        "client": mac.to_string(),
        "client_name": name.map(|name| tidy(name, NAME)),
        "ip": text(row, "ip"),
        "network": text(row, "essid").or_else(|| text(row, "network")),
        "random": mac.is_locally_administered(),
    }))
}

impl Readings {
    fn add(&mut self, subject: &str, facet: Facet, is: Option<Is>, facts: Map<String, Value>) {
        if let Some(is) = is {
            self.all.push(Reading { subject: subject.to_owned(), facet, is, facts });
        }
    }

    /// A device of Network, as `device:sync` and `stat/device` tell it.
    pub(super) fn device(&mut self, row: &Map<String, Value>) {
        let Some(mac) = text(row, "mac").and_then(|mac| mac.parse::<Mac>().ok()) else { return };
        let mac = mac.to_string();
        let facts = || named(row);
        // 0 is offline and 1 online; all others pass: upgrading, provisioning, a missed heartbeat.
        let reachable = match at(row, "state").and_then(Value::as_i64) {
            Some(0) => Some(Is::Bad),
            Some(1) => Some(Is::Well),
            _ => None,
        };
        self.add(&mac, Facet::Reachable, reachable, facts());
        let update = flag(row, "upgradable").and_then(|is| {
            if is { version(row, "upgrade_to_firmware") } else { Some(String::new()) }
        });
        self.add(&mac, Facet::DeviceUpdate, update.map(Is::Value), facts());
        self.add(&mac, Facet::Heat, flag(row, "overheating").map(whether), facts());
        let battery = flag(row, "vbms_table.is_battery_mode").map(whether);
        let mut power = facts();
        for (name, path) in [
            ("percent", "vbms_table.battpool.batteryLevel"),
            ("left", "vbms_table.battpool.timeToRemain"),
        ] {
            if let Some(value) = at(row, path).filter(|value| value.is_number()) {
                power.insert(name.to_owned(), value.clone());
            }
        }
        self.add(&mac, Facet::Power, battery, power);
        self.lines(&mac, row);
    }

    /// Lines out of a gateway: `wan1`, `wan2`, ….
    fn lines(&mut self, mac: &str, row: &Map<String, Value>) {
        for (number, line) in (1..=4).map(|number| (number, format!("wan{number}"))) {
            let Some(Value::Object(wan)) = row.get(&line) else { continue };
            let mut facts = named(row);
            facts.insert("line".to_owned(), Value::from(format!("WAN{number}")));
            let subject = format!("{mac}/{line}");
            self.add(&subject, Facet::Line, flag(wan, "up").map(|up| whether(!up)), facts.clone());
            if flag(wan, "is_uplink") == Some(true) {
                let uplink = Is::Value(format!("WAN{number}"));
                self.add(mac, Facet::Uplink, Some(uplink), facts);
            }
        }
    }

    /// A subsystem of `stat/health`; only `www` tells of the internet as such.
    pub(super) fn health(&mut self, row: &Map<String, Value>) {
        if text(row, "subsystem") == Some("www") {
            let status = text(row, "status").filter(|status| *status != "unknown");
            let facts = status.map(|status| object(json!({"status": tidy(status, NAME)})));
            let is = status.map(|status| whether(status != "ok"));
            self.add("internet", Facet::Internet, is, facts.unwrap_or_default());
        }
    }

    /// The console's own state. True where it tells whether there is internet.
    pub(super) fn console(&mut self, frame: &Map<String, Value>, now: Timestamp) -> bool {
        let none = Map::new;
        let internet = flag(frame, "system.hasInternet");
        self.add("internet", Facet::Internet, internet.map(|has| whether(!has)), none());
        let state = text(frame, "system.deviceState").map(|state| tidy(state, NAME).into_owned());
        self.add("console", Facet::State, state.map(Is::Value), none());
        let uptime = at(frame, "system.info.uptime").and_then(Value::as_i64);
        let clock = time(frame, "system.info.now").unwrap_or(now);
        let start = uptime.map(|uptime| clock.0.saturating_sub(uptime.saturating_mul(1000)));
        let os = || object(json!({"name": "the console", "application": "UniFi OS"}));
        self.add("console", Facet::Start, start.map(|start| Is::Value(start.to_string())), os());
        let runs = version(frame, "system.info.hardware.firmwareVersion");
        if let (Some(runs), Some(latest)) = (&runs, version(frame, "firmware.latest.version")) {
            let update = if latest == *runs { String::new() } else { latest };
            self.add("console", Facet::SystemUpdate, Some(Is::Value(update)), os());
        }
        self.add("console", Facet::Version, runs.map(Is::Value), os());
        let rows = |path| at(frame, path).and_then(Value::as_array).into_iter().flatten();
        for row in rows("apps.controllers").filter_map(Value::as_object).take(32) {
            let Some(name) = text(row, "name").filter(|_| flag(row, "isInstalled") != Some(false))
            else {
                continue;
            };
            let name = tidy(name, NAME);
            let facts = || object(json!({"name": name, "application": name}));
            let subject = format!("console/{name}");
            let running = flag(row, "isRunning").map(|runs| whether(!runs));
            self.add(&subject, Facet::Running, running, facts());
            self.add(&subject, Facet::Version, version(row, "version").map(Is::Value), facts());
            let update = version(row, "updateAvailable").unwrap_or_default();
            let update = row.contains_key("updateAvailable").then_some(Is::Value(update));
            self.add(&subject, Facet::SystemUpdate, update, facts());
        }
        for row in rows("system.info.storage").filter_map(Value::as_object).take(32) {
            // Disks for recordings fill up and are written anew; the recorder tells of them.
            if text(row, "type") != Some("hdd") {
                let id = row.get("id").and_then(Value::as_i64).unwrap_or(0);
                self.space(&format!("console/storage{id}"), "the console", row);
            }
        }
        internet.is_some()
    }

    /// An object of Protect.
    pub(super) fn protect(&mut self, model: &str, id: &str, row: &Map<String, Value>) {
        if model != "nvr" {
            let reachable = match text(row, "state") {
                Some("DISCONNECTED") => Some(Is::Bad),
                Some("CONNECTED") => Some(Is::Well),
                Some(_) => None,
                None => flag(row, "isConnected").map(|is| whether(!is)),
            };
            self.add(id, Facet::Reachable, reachable, named(row));
            return;
        }
        let facts = || object(json!({"name": "the recorder", "application": "Protect"}));
        let start = time(row, "upSince").map(|start| Is::Value(start.0.to_string()));
        self.add(id, Facet::Start, start, facts());
        self.add(id, Facet::Version, version(row, "version").map(Is::Value), facts());
        let Some(Value::Object(storage)) = at(row, "systemInfo.storage") else { return };
        if flag(storage, "isRecycling") != Some(true) {
            self.space(id, "the recorder", storage);
        }
        let Some(Value::Array(drives)) = storage.get("devices") else { return };
        let healthy = |drive: &&Value| drive.get("healthy").and_then(Value::as_bool) == Some(false);
        let unhealthy = drives.iter().filter(healthy).count();
        let facts = object(json!({"unhealthy": unhealthy, "total": drives.len()}));
        self.add(id, Facet::Drives, Some(whether(unhealthy > 0)), facts);
    }

    fn space(&mut self, subject: &str, name: &str, row: &Map<String, Value>) {
        let number = |path| at(row, path).and_then(Value::as_f64);
        let size = number("size").filter(|size| *size > 0.0);
        let (Some(used), Some(size)) = (number("used"), size) else { return };
        let percent = used / size * 100.0;
        let is = if percent >= FULL { Some(Is::Bad) } else { (percent < FREE).then_some(Is::Well) };
        let facts = object(json!({"name": name, "percent": percent.round() as i64}));
        self.add(subject, Facet::Space, is, facts);
    }
}
