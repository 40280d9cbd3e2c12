//! Named parts of sentences: what an event tells under a name, in words for people. The event, the
//! name and who knows names of devices in; words out, or none where it tells nothing.

use std::time::Duration;

use model::Mac;
use serde_json::Value;

use super::family;
use crate::json::{at, text, tidy};
use crate::{Happening, Source};

/// Tells the name that people gave a device or an object, by its MAC address in lower case with
/// colons or by its id.
pub type Names<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Characters of the longest part.
const LONGEST: usize = 80;

/// Words in a sentence.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Words {
    pub(super) text: String,
    /// They are no name, and begin with a capital at the beginning of a sentence.
    pub(super) common: bool,
}

impl Words {
    fn common(text: impl Into<String>) -> Self {
        Self { text: text.into(), common: true }
    }

    fn name(text: &str) -> Option<Self> {
        let text = tidy(text, LONGEST);
        let common = text.starts_with("the ");
        (!text.is_empty()).then(|| Self { text: text.into_owned(), common })
    }
}

/// Other names under which a part may be told.
const ALIASES: [(&str, &[&str]); 12] = [
    ("camera", &["cameraName", "metadata.cameraId", "device", "cameraId"]),
    ("device", &["camera", "deviceName", "metadata.deviceName", "metadata.deviceId"]),
    ("sensorName", &["metadata.sensorId", "device"]),
    ("lightName", &["metadata.lightId", "device"]),
    ("doorlockName", &["metadata.doorlockId", "device"]),
    ("client", &["user", "guest", "hostname"]),
    ("guest", &["user", "client", "hostname"]),
    ("user", &["client", "guest", "hostname"]),
    ("name", &["device", "client"]),
    ("admin", &["admin_name", "user"]),
    ("network_name", &["network"]),
    ("xput_download", &["download"]),
];

/// What is said where nothing is told.
const UNTOLD: [(&str, &[&str]); 8] = [
    ("a camera", &["camera"]),
    ("a client", &["client", "user", "guest", "CLIENT", "SRC_CLIENT"]),
    ("a device", &["device", "name", "DEVICE"]),
    ("an access point", &["ap", "ap_from", "ap_to", "DEVICE_FROM", "DEVICE_TO"]),
    ("a sensor", &["sensorName", "lightName", "doorlockName"]),
    ("the Wi-Fi", &["ssid", "WLAN"]),
    ("somebody", &["admin", "ADMIN"]),
    ("something", &["smartDetectTypes"]),
];

/// Kinds of devices by their letters.
const UNITS: [(&str, &str); 9] = [
    ("AP", "access point"),
    ("BB", "building bridge"),
    ("DM", "console"),
    ("GW", "gateway"),
    ("LTE", "LTE backup"),
    ("SW", "switch"),
    ("UPS", "power supply"),
    ("USP", "power device"),
    ("XG", "gateway"),
];

/// What an event tells under a name.
pub(super) fn told(happening: &Happening, part: &str, names: Names<'_>) -> Option<Words> {
    if part == "unit" {
        return Some(unit(happening, names));
    }
    let own = [part.to_owned(), format!("metadata.{part}"), format!("parameters.{part}")];
    let aliases = ALIASES.iter().filter(|(of, _)| *of == part).flat_map(|(_, paths)| *paths);
    own.iter()
        .map(String::as_str)
        .chain(aliases.copied())
        .find_map(|path| value(happening, path, at(&happening.facts, path)?, names))
}

/// What is said of a part that is not told.
pub(super) fn untold(happening: &Happening, part: &str) -> Option<Words> {
    if part == "user" && happening.source == Source::Protect {
        return Some(Words::common("somebody"));
    }
    let row = UNTOLD.iter().find(|(_, parts)| parts.contains(&part));
    row.map(|(words, _)| Words::common(*words))
}

/// The device that an event of Network is about, such as `switch sw-hall` or `a switch`.
pub(super) fn unit(happening: &Happening, names: Names<'_>) -> Words {
    let letters = family(&happening.key).map_or("", |(letters, _)| letters);
    let kind = UNITS.iter().find(|(of, _)| *of == letters).map_or(&"device", |(_, kind)| kind);
    let own = letters.to_ascii_lowercase();
    let facts = &happening.facts;
    let name = [own.as_str(), "ap", "sw", "gw", "dm", "xg", "bb", "usp"]
        .into_iter()
        .filter(|path| !path.is_empty())
        .find_map(|path| value(happening, path, at(facts, path)?, names));
    let article = if kind.starts_with(['a', 'e', 'i', 'o', 'u', 'L']) { "an" } else { "a" };
    match name {
        // `Cellar switch` says already what it is.
        Some(name) if name.text.to_ascii_lowercase().contains(*kind) => name,
        Some(name) => Words::common(format!("{kind} {}", name.text)),
        None => Words::common(format!("{article} {kind}")),
    }
}

/// A value in words.
fn value(happening: &Happening, path: &str, value: &Value, names: Names<'_>) -> Option<Words> {
    match value {
        Value::String(text) => word(happening, path, text, names),
        Value::Number(number) => Some(match number.as_u64().filter(|_| path == "duration") {
            Some(seconds) => Words::common(model::human_age(Duration::from_secs(seconds))),
            None => Words::common(number.to_string()),
        }),
        Value::Bool(is) => Some(Words::common(if *is { "yes" } else { "no" })),
        Value::Array(list) => {
            let words = list.iter().filter_map(Value::as_str).take(6).map(words);
            let words = words.collect::<Vec<_>>().join(", ");
            (!words.is_empty()).then(|| Words::common(tidy(&words, LONGEST)))
        }
        Value::Object(object) => {
            let ours = text(object, "id").and_then(|id| known(id, names));
            let word = |path| word(happening, path, text(object, path)?, names);
            ours.or_else(|| ["name", "hostname", "text", "ip", "id"].into_iter().find_map(word))
        }
        Value::Null => None,
    }
}

/// The name that people gave to a MAC address or an id.
fn known(id: &str, names: Names<'_>) -> Option<Words> {
    match mac(id) {
        Some(mac) => Words::name(&names(&mac.to_string())?),
        None if is_opaque(id) => Words::name(&names(id)?),
        None => None,
    }
}

/// A MAC address in one of the ways in which consoles write it. `192.168.100.199` has twelve digits,
/// too.
fn mac(text: &str) -> Option<Mac> {
    let is_one = matches!(text.len(), 12 | 17) && !text.contains('.');
    is_one.then(|| text.parse().ok()).flatten()
}

/// True for ids that mean nothing to people: 24 hex digits, or a UUID.
fn is_opaque(text: &str) -> bool {
    let hex = text.bytes().filter(u8::is_ascii_hexdigit).count();
    matches!((text.len(), hex), (24, 24) | (36, 32))
}

fn word(happening: &Happening, path: &str, said: &str, names: Names<'_>) -> Option<Words> {
    let mac = mac(said);
    if mac.is_none() && !is_opaque(said) {
        let is_constant = said.contains('_')
            && said.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
        return if is_constant { Some(Words::common(words(said))) } else { Words::name(said) };
    }
    known(said, names).or_else(|| named(happening, path)).or_else(|| Words::name(&mac?.to_string()))
}

/// The name that the console itself tells beside an address.
fn named(happening: &Happening, path: &str) -> Option<Words> {
    let facts = &happening.facts;
    let is_client = matches!(path, "user" | "client" | "guest");
    [format!("{path}_displayName"), format!("{path}_name"), "hostname".to_owned()]
        .iter()
        .filter(|path| is_client || *path != "hostname")
        .find_map(|path| Words::name(text(facts, path)?))
}

/// `sensor water leak` of `sensorWaterLeak`, `connection loss` of `CONNECTION_LOSS`.
pub(super) fn words(key: &str) -> String {
    let mut text = String::new();
    let mut was_lower = false;
    for c in key.chars().take(LONGEST) {
        if c.is_ascii() && !c.is_ascii_alphanumeric() {
            was_lower = false;
            if !text.is_empty() && !text.ends_with(' ') {
                text.push(' ');
            }
            continue;
        }
        if c.is_ascii_uppercase() && was_lower {
            text.push(' ');
        }
        was_lower = !c.is_ascii_uppercase();
        text.push(c.to_ascii_lowercase());
    }
    text.truncate(text.trim_end().len());
    text
}

/// The message of a console in which devices stand as `Switch[aa:bb:cc:00:01:01]`: with their names
/// instead.
pub(super) fn readable(happening: &Happening, message: &str, names: Names<'_>) -> String {
    let mut text = String::new();
    let mut rest = message;
    while let Some((before, behind)) = rest.split_once('[') {
        let Some((inside, after)) = behind.split_once(']') else { break };
        let address = inside.trim_matches(['\'', '"', ' ']);
        if mac(address).is_some() {
            let told = happening.facts.iter().find(|(_, value)| value.as_str() == Some(address));
            let path = told.map_or("", |(path, _)| path.as_str());
            let name = word(happening, path, address, names).map(|words| words.text);
            let name = name.unwrap_or_else(|| address.to_owned());
            let kind = before.trim_end_matches(|c: char| c.is_ascii_alphabetic());
            let is_name = mac(&name).is_none();
            text.push_str(if is_name { kind } else { before });
            if !is_name && !before.ends_with([' ']) && !before.is_empty() {
                text.push(' ');
            }
            text.push_str(&name);
        } else {
            text.push_str(before);
            text.push('[');
            text.push_str(inside);
            text.push(']');
        }
        rest = after;
    }
    text.push_str(rest);
    text
}
