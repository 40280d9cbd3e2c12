//! Static routes of both families, in the main table, in numbered tables and in VRFs.

use serde::{Deserialize, Serialize};

use super::read::Reader;
use crate::config::Node;

/// IPv4 or IPv6.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// IPv4.
    #[default]
    Ipv4,
    /// IPv6.
    Ipv6,
}

/// Where routes are kept.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Table {
    /// The main one.
    #[default]
    Main,
    /// One of `protocols static table`, 1 to 200, chosen by policy routes.
    Number(u32),
    /// That of a VRF.
    Vrf(String),
}

impl Table {
    /// Where its static routes are configured.
    pub fn path(&self) -> Vec<String> {
        let words: Vec<&str> = match self {
            Self::Main => vec!["protocols", "static"],
            Self::Number(number) => {
                let number = number.to_string();
                return ["protocols", "static", "table", &number].map(str::to_owned).to_vec();
            }
            Self::Vrf(name) => vec!["vrf", "name", name, "protocols", "static"],
        };
        words.into_iter().map(str::to_owned).collect()
    }
}

/// A static route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StaticRoute {
    /// Of its destination.
    pub family: Family,
    /// A prefix.
    pub destination: String,
    /// Where it is kept.
    pub table: Table,
    /// What somebody said of it.
    pub description: Option<String>,
    /// Gateways and interfaces; several of one distance share the load.
    pub hops: Vec<Hop>,
    /// Packets are dropped without a word.
    pub blackhole: Option<Discard>,
    /// Packets are answered with "unreachable".
    pub reject: Option<Discard>,
    /// The interface whose DHCP gateway is used.
    pub dhcp_interface: Option<String>,
    /// All else, in the configuration's words.
    pub other: Vec<String>,
}

/// A next hop: a gateway, an interface, or both.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Hop {
    /// The next router.
    pub gateway: Option<String>,
    /// The interface it is on, or that packets go out of.
    pub interface: Option<String>,
    /// The VRF that it is in, where that is another.
    pub vrf: Option<String>,
    /// 1 to 255; the lowest is used, and 1 where none is configured.
    pub distance: Option<u8>,
    /// Switched off.
    pub disabled: bool,
    /// All else, in the configuration's words.
    pub other: Vec<String>,
}

/// A route to nowhere.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Discard {
    /// 1 to 255.
    pub distance: Option<u8>,
    /// A number for route maps.
    pub tag: Option<u32>,
}

/// All static routes.
pub fn static_routes(root: &Node) -> Vec<StaticRoute> {
    let mut routes = Vec::new();
    if let Some(node) = root.at(["protocols", "static"]) {
        let mut reader = Reader::new(node);
        in_table(&mut reader, &Table::Main, &mut routes);
        for (number, mut table) in reader.each("table") {
            in_table(&mut table, &Table::Number(number.parse().unwrap_or_default()), &mut routes);
        }
    }
    for (name, mut vrf) in Reader::of(root.at(["vrf"])).each("name") {
        let protocols = vrf.node("protocols").and_then(|node| node.at(["static"]));
        in_table(&mut Reader::of(protocols), &Table::Vrf(name), &mut routes);
    }
    routes
}

fn in_table(reader: &mut Reader<'_>, table: &Table, into: &mut Vec<StaticRoute>) {
    // `interface-route` is what 1.2 wrote.
    for (word, family) in [
        ("route", Family::Ipv4),
        ("interface-route", Family::Ipv4),
        ("route6", Family::Ipv6),
        ("interface-route6", Family::Ipv6),
    ] {
        for (destination, route) in reader.each(word) {
            into.push(one(family, destination, table.clone(), route));
        }
    }
}

fn one(family: Family, destination: String, table: Table, mut reader: Reader<'_>) -> StaticRoute {
    let mut hops = Vec::new();
    for (gateway, mut hop) in reader.each("next-hop") {
        let interface = hop.text("interface").or_else(|| hop.text("next-hop-interface"));
        hops.push(Hop { gateway: Some(gateway), interface, ..hop_of(hop) });
    }
    for word in ["interface", "next-hop-interface"] {
        for (interface, hop) in reader.each(word) {
            hops.push(Hop { interface: Some(interface), ..hop_of(hop) });
        }
    }
    let mut discard = |word: &str| {
        let mut reader = reader.group(word)?;
        let found = Discard { distance: reader.number("distance"), tag: reader.number("tag") };
        Some((found, reader.rest()))
    };
    let (blackhole, reject) = (discard("blackhole"), discard("reject"));
    let mut route = StaticRoute {
        family,
        destination,
        table,
        description: reader.text("description"),
        hops,
        dhcp_interface: reader.text("dhcp-interface"),
        blackhole: None,
        reject: None,
        other: Vec::new(),
    };
    for (word, found, to) in
        [("blackhole", blackhole, &mut route.blackhole), ("reject", reject, &mut route.reject)]
    {
        if let Some((discard, rest)) = found {
            *to = Some(discard);
            route.other.extend(rest.into_iter().map(|words| format!("{word} {words}")));
        }
    }
    route.other.extend(reader.rest());
    route
}

fn hop_of(mut reader: Reader<'_>) -> Hop {
    Hop {
        gateway: None,
        interface: None,
        vrf: reader.text("vrf").or_else(|| reader.text("next-hop-vrf")),
        distance: reader.number("distance"),
        disabled: reader.flag("disable"),
        other: reader.rest(),
    }
}
