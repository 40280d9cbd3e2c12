//! The node as it was handed over, read into settings.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use serde_json::Value;

use super::beside;
use super::pki::{self, Pair};
use crate::config::{FileText, Sources, resolve};

/// The node's leaves and the settings that they mean. Addresses and ports of both doors and the
/// certificate are settings made of several.
pub const NODES: [(&str, &str); 17] = [
    ("agent directory", "agents_dir"),
    ("allow-client address", "allow_clients"),
    ("backup-keep", "backup_keep"),
    ("database-size", "database_max_mb"),
    ("dns-names", "dns_names"),
    ("exclude-interface", "exclude_interfaces"),
    ("flow exporter", "flows_exporters"),
    ("flow keep-days", "flows_keep_days"),
    ("flow size", "flows_max_mb"),
    ("flow source", "flows_source"),
    ("host-name", "hostname"),
    ("lan-interface", "interfaces"),
    ("log-file directory", "log_dir"),
    ("log-file size", "log_max_mb"),
    ("log-level", "log_level"),
    ("metrics-access", "metrics_access"),
    ("trusted-proxy", "trusted_proxies"),
];

/// A door: its leaves for addresses and port, the port when none is set, and the setting.
pub(super) struct Doors {
    addresses: &'static str,
    port: &'static str,
    usual: u16,
    setting: &'static str,
}

pub(super) const PAGES: Doors =
    Doors { addresses: "listen-address", port: "port", usual: 8443, setting: "listen" };
pub(super) const AGENTS: Doors = Doors {
    addresses: "agent listen-address",
    port: "agent port",
    usual: 8444,
    setting: "agents_listen",
};

/// Where a door is: as it was set, or where it usually is.
pub(super) fn doors(set: &[SocketAddr], door: &Doors) -> Vec<SocketAddr> {
    if !set.is_empty() {
        return set.to_vec();
    }
    let any: [IpAddr; 2] = [Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()];
    any.map(|ip| SocketAddr::new(ip, door.usual)).to_vec()
}

/// The most values of one leaf.
const MOST_VALUES: usize = 256;

/// What a node asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The layer of the configuration.
    pub toml: String,
    /// Where the front door is to listen; empty where the node says nothing of it.
    pub listen: Vec<SocketAddr>,
    /// The port, where one is set.
    pub port: Option<u16>,
    /// Where agents are to be let in; empty where the node says nothing of it.
    pub agents_listen: Vec<SocketAddr>,
    /// Their port, where one is set.
    pub agents_port: Option<u16>,
    /// Interfaces to discover on.
    pub interfaces: Vec<String>,
    /// Interfaces to leave alone.
    pub excluded: Vec<String>,
    /// Certificate and key, in PEM.
    pub pair: Option<Pair>,
}

/// Reads a node; `layer` is the file that the settings will be in. None for one that was deleted.
/// Refuses with all mistakes at once.
pub fn read(node: &Value, layer: &Path) -> Result<Option<Wanted>, Vec<String>> {
    if node.is_null() {
        return Ok(None);
    }
    let mut given = BTreeMap::new();
    let mut problems = Vec::new();
    flatten(node, "", &mut given, &mut problems);
    let mut wanted = Wanted::default();
    for (path, key) in NODES {
        if let Some(values) = given.remove(path) {
            setting(&mut wanted.toml, path, key, &values, &mut problems);
            match path {
                "lan-interface" => wanted.interfaces = values,
                "exclude-interface" => wanted.excluded = values,
                _ => {}
            }
        }
    }
    let toml = &mut wanted.toml;
    (wanted.listen, wanted.port) = listen(toml, &mut given, &PAGES, &mut problems);
    (wanted.agents_listen, wanted.agents_port) = listen(toml, &mut given, &AGENTS, &mut problems);
    if let Some(names) = given.remove("certificate") {
        match names.first().ok_or_else(String::new).and_then(|name| pki::pair(node, name)) {
            Ok(pair) => wanted.pair = Some(pair),
            Err(why) => problems.push(why),
        }
        let (certificate, key) = beside(layer);
        for (setting, path) in [("tls_certificate", certificate), ("tls_key", key)] {
            line(&mut wanted.toml, setting, &[path.display().to_string()]);
        }
    }
    for path in given.keys() {
        problems.push(format!("{path}: this release of panoptikon does not know it"));
    }
    if problems.is_empty() { Ok(Some(wanted)) } else { Err(problems) }
}

/// Leaves by their path. What belongs to `pki` is no part of the node.
fn flatten(
    node: &Value,
    above: &str,
    given: &mut BTreeMap<String, Vec<String>>,
    problems: &mut Vec<String>,
) {
    let Some(object) = node.as_object() else {
        return problems.push("what was handed over is no node".to_owned());
    };
    for (name, value) in object.iter().filter(|(name, _)| !above.is_empty() || *name != "pki") {
        let path = if above.is_empty() { name.clone() } else { format!("{above} {name}") };
        let text = |value: &Value| match value {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        };
        let values = match value {
            Value::Object(_) => {
                flatten(value, &path, given, problems);
                continue;
            }
            Value::Array(values) if values.len() > MOST_VALUES => {
                problems.push(format!("{path}: more than {MOST_VALUES} values"));
                continue;
            }
            Value::Array(values) => values.iter().map(text).collect::<Option<Vec<_>>>(),
            value => text(value).map(|text| vec![text]),
        };
        match values {
            Some(values) => drop(given.insert(path, values)),
            None => problems.push(format!("{path}: this is no value")),
        }
    }
}

/// One setting, checked by the table of settings, with the node's name in what is wrong.
fn setting(
    toml: &mut String,
    path: &str,
    key: &str,
    values: &[String],
    problems: &mut Vec<String>,
) {
    let mut text = String::new();
    line(&mut text, key, values);
    let file = FileText { name: String::new(), text: text.clone() };
    match resolve(&Sources { vyos: Some(file), ..Sources::default() }) {
        Ok(_) => toml.push_str(&text),
        Err(refused) => problems.extend(refused.0.into_iter().map(|problem| {
            let why = problem.message;
            let why = why.strip_prefix(&format!("{key}: ")).unwrap_or(&why);
            format!("{path}: {why}")
        })),
    }
}

/// A line of TOML. Whether it is a list, a number or text is the table's to say.
fn line(toml: &mut String, key: &str, values: &[String]) {
    use crate::config::{Shape, definition};
    // JSON's strings are strings of TOML.
    let quoted = |text: &String| Value::String(text.clone()).to_string();
    let shape = definition(key).map_or(Shape::Text, |definition| definition.shape);
    let value = match (shape, values) {
        (Shape::Number, [number]) if number.bytes().all(|b| b.is_ascii_digit()) => number.clone(),
        (Shape::Text | Shape::Switch, [text]) => quoted(text),
        _ => format!("[{}]", values.iter().map(quoted).collect::<Vec<_>>().join(", ")),
    };
    // Writing to a String cannot fail.
    let _ = writeln!(toml, "{key} = {value}");
}

/// Address and port together say where a door is; either may be missing.
fn listen(
    toml: &mut String,
    given: &mut BTreeMap<String, Vec<String>>,
    door: &Doors,
    problems: &mut Vec<String>,
) -> (Vec<SocketAddr>, Option<u16>) {
    let (addresses, port) = (given.remove(door.addresses), given.remove(door.port));
    if addresses.is_none() && port.is_none() {
        return (Vec::new(), None);
    }
    let mut chosen = None;
    if let Some(text) = port.as_ref().and_then(|values| values.first()) {
        match text.parse::<u16>() {
            Ok(port) if port > 0 => chosen = Some(port),
            _ => problems.push(format!("{}: `{text}` is no port", door.port)),
        }
    }
    let port = chosen.unwrap_or(door.usual);
    let everywhere: [IpAddr; 2] = [Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()];
    let addresses = match addresses {
        None => everywhere.to_vec(),
        Some(texts) => {
            let (good, bad): (Vec<_>, Vec<_>) =
                texts.iter().map(|text| text.parse().map_err(|_| text)).partition(Result::is_ok);
            let bad = bad.into_iter().filter_map(Result::err);
            let name = door.addresses;
            problems.extend(bad.map(|text| format!("{name}: `{text}` is no address")));
            good.into_iter().filter_map(Result::ok).collect()
        }
    };
    let listen: Vec<SocketAddr> =
        addresses.into_iter().map(|ip| SocketAddr::new(ip, port)).collect();
    let texts: Vec<String> = listen.iter().map(ToString::to_string).collect();
    if problems.is_empty() {
        setting(toml, door.addresses, door.setting, &texts, problems);
    }
    (listen, chosen)
}
