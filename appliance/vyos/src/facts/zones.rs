//! Zones, and the matrix of what passes from one to another.

use serde::Serialize;

use super::firewall::ChainFamily;
use super::read::Reader;
use crate::config::Node;

/// A zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Zone {
    /// Its name.
    pub name: String,
    /// What somebody said of it.
    pub description: Option<String>,
    /// Its interfaces.
    pub interfaces: Vec<String>,
    /// Its VRFs (newer releases).
    pub vrfs: Vec<String>,
    /// It is the router itself.
    pub is_local: bool,
    /// For what comes in without a chain of its own: `drop` (also where none is configured) or
    /// `reject`.
    pub default_action: Option<String>,
    /// That is logged.
    pub default_log: bool,
    /// What passes between its own interfaces; everything where it is not configured.
    pub intra: Option<Intra>,
    /// Chains for what comes from other zones.
    pub from: Vec<ZoneFrom>,
    /// All else, in the configuration's words.
    pub other: Vec<String>,
}

/// What passes between the interfaces of a zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Intra {
    /// `accept` or `drop`.
    pub action: Option<String>,
    /// The chain that decides on IPv4.
    pub ipv4: Option<String>,
    /// The chain that decides on IPv6.
    pub ipv6: Option<String>,
}

/// What comes into a zone from another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ZoneFrom {
    /// The other zone.
    pub zone: String,
    /// The chain that decides on IPv4.
    pub ipv4: Option<String>,
    /// The chain that decides on IPv6.
    pub ipv6: Option<String>,
}

/// What passes from every zone (a row) to every zone (a column).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ZoneMatrix {
    /// Rows and columns.
    pub zones: Vec<String>,
    /// By row, then by column.
    pub cells: Vec<Vec<ZoneCell>>,
}

/// What passes from one zone to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ZoneCell {
    /// Chains decide; a family without a chain has the default action.
    Chains {
        /// On IPv4.
        ipv4: Option<String>,
        /// On IPv6.
        ipv6: Option<String>,
        /// For a family without a chain, and for what a chain returns.
        default_action: String,
    },
    /// One action for all: `accept`, `drop` or `reject`.
    Action {
        /// Which.
        action: String,
    },
}

impl Zone {
    /// Chains that it sends packets to, with the place that says so.
    pub(crate) fn chains(&self) -> Vec<(&str, ChainFamily, String)> {
        let from = self
            .from
            .iter()
            .map(|from| (&from.ipv4, &from.ipv6, format!("zone {} from {}", self.name, from.zone)));
        let intra = self
            .intra
            .iter()
            .map(|intra| (&intra.ipv4, &intra.ipv6, format!("zone {} within itself", self.name)));
        let mut chains = Vec::new();
        for (ipv4, ipv6, place) in from.chain(intra) {
            let both = [(ipv4, ChainFamily::Ipv4), (ipv6, ChainFamily::Ipv6)];
            for (name, family) in both {
                chains.extend(name.as_deref().map(|name| (name, family, place.clone())));
            }
        }
        chains
    }

    /// What it does with what has no chain of its own.
    pub fn default_verdict(&self) -> &str {
        self.default_action.as_deref().unwrap_or("drop")
    }

    /// What comes into it from another zone, or from itself.
    pub fn entry(&self, from: &str) -> ZoneCell {
        let action = |action: &str| ZoneCell::Action { action: action.to_owned() };
        if from == self.name {
            return match &self.intra {
                None => action("accept"),
                Some(Intra { action: said, ipv4: None, ipv6: None }) => {
                    action(said.as_deref().unwrap_or("accept"))
                }
                Some(intra) => ZoneCell::Chains {
                    ipv4: intra.ipv4.clone(),
                    ipv6: intra.ipv6.clone(),
                    default_action: intra.action.clone().unwrap_or_else(|| "accept".to_owned()),
                },
            };
        }
        match self.from.iter().find(|known| known.zone == from) {
            Some(ZoneFrom { ipv4, ipv6, .. }) if ipv4.is_some() || ipv6.is_some() => {
                ZoneCell::Chains {
                    ipv4: ipv4.clone(),
                    ipv6: ipv6.clone(),
                    default_action: self.default_verdict().to_owned(),
                }
            }
            _ => action(self.default_verdict()),
        }
    }
}

impl ZoneMatrix {
    /// Of all zones.
    pub fn of(zones: &[Zone]) -> Self {
        let row = |from: &Zone| zones.iter().map(|to| to.entry(&from.name)).collect();
        Self {
            zones: zones.iter().map(|zone| zone.name.clone()).collect(),
            cells: zones.iter().map(row).collect(),
        }
    }
}

/// All zones of a configuration.
pub fn zones(root: &Node) -> Vec<Zone> {
    Reader::of(root.at(["firewall"])).each("zone").into_iter().map(zone).collect()
}

fn zone((name, mut reader): (String, Reader<'_>)) -> Zone {
    let mut other = Vec::new();
    let mut from = Vec::new();
    for (zone, mut source) in reader.each("from") {
        let (ipv4, ipv6) = chains(&mut source, &format!("from {zone}"), &mut other);
        source.rest_in(&format!("from {zone}"), &mut other);
        from.push(ZoneFrom { zone, ipv4, ipv6 });
    }
    let intra = reader.group("intra-zone-filtering").map(|mut intra| {
        let (ipv4, ipv6) = chains(&mut intra, "intra-zone-filtering", &mut other);
        let action = intra.text("action");
        intra.rest_in("intra-zone-filtering", &mut other);
        Intra { action, ipv4, ipv6 }
    });
    let mut interfaces = reader.texts("interface");
    let mut vrfs = Vec::new();
    if let Some(mut member) = reader.group("member") {
        interfaces.extend(member.texts("interface"));
        vrfs = member.texts("vrf");
        member.rest_in("member", &mut other);
    }
    let mut zone = Zone {
        name,
        description: reader.text("description"),
        interfaces,
        vrfs,
        is_local: reader.flag("local-zone"),
        default_action: reader.text("default-action"),
        default_log: reader.flag("default-log") || reader.flag("enable-default-log"),
        intra,
        from,
        other,
    };
    zone.other.extend(reader.rest());
    zone
}

fn chains(
    reader: &mut Reader<'_>,
    place: &str,
    other: &mut Vec<String>,
) -> (Option<String>, Option<String>) {
    let Some(mut firewall) = reader.group("firewall") else { return (None, None) };
    let found = (firewall.text("name"), firewall.text("ipv6-name"));
    firewall.rest_in(&format!("{place} firewall"), other);
    found
}
