//! Static routes.

use serde::{Deserialize, Serialize};

use super::draft::{below, words};
use super::{Check, Draft, EditError, value};
use crate::facts::routes::Discard;
use crate::facts::{Family, Hop, StaticRoute, Table};

/// A static route as it shall be.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RouteEdit {
    /// A prefix of either family.
    pub destination: String,
    /// Where it is kept.
    pub table: Table,
    /// What to call it.
    pub description: Option<String>,
    /// Gateways and interfaces.
    pub hops: Vec<Hop>,
    /// Drops packets without a word.
    pub blackhole: Option<Discard>,
    /// Answers with "unreachable".
    pub reject: Option<Discard>,
}

impl From<&StaticRoute> for RouteEdit {
    fn from(route: &StaticRoute) -> Self {
        Self {
            destination: route.destination.clone(),
            table: route.table.clone(),
            description: route.description.clone(),
            hops: route.hops.clone(),
            blackhole: route.blackhole.clone(),
            reject: route.reject.clone(),
        }
    }
}

impl RouteEdit {
    fn family(&self) -> Family {
        if self.destination.contains(':') { Family::Ipv6 } else { Family::Ipv4 }
    }
}

fn path_of(table: &Table, family: Family, destination: &str) -> Vec<String> {
    let word = match family {
        Family::Ipv4 => "route",
        Family::Ipv6 => "route6",
    };
    let mut path = table.path();
    path.extend([word.to_owned(), destination.to_owned()]);
    path
}

impl Draft<'_> {
    /// Makes or changes the route to a destination. Hops that it does not have any more go.
    pub fn set_route(&mut self, edit: &RouteEdit) -> Result<(), EditError> {
        self.check_route(edit)?;
        let path = path_of(&edit.table, edit.family(), &edit.destination);
        let path = words(&path);
        self.node(&path);
        self.put(&below(&path, &["description"]), edit.description.as_ref());
        for (word, gateways) in [("next-hop", true), ("interface", false)] {
            let name = |hop: &Hop| match (&hop.gateway, &hop.interface) {
                (Some(gateway), _) => gateways.then(|| gateway.clone()),
                (None, interface) => interface.clone().filter(|_| !gateways),
            };
            let wanted: Vec<(String, &Hop)> =
                edit.hops.iter().filter_map(|hop| Some((name(hop)?, hop))).collect();
            for old in self.names(&below(&path, &[word])) {
                if !wanted.iter().any(|(name, _)| *name == old) {
                    self.remove(&below(&path, &[word, &old]));
                }
            }
            for (name, hop) in wanted {
                let hop_path = below(&path, &[word, &name]);
                self.node(&hop_path);
                if gateways {
                    self.put(&below(&hop_path, &["interface"]), hop.interface.as_ref());
                }
                self.put(&below(&hop_path, &["vrf"]), hop.vrf.as_ref());
                self.put(&below(&hop_path, &["distance"]), hop.distance);
                self.flag(&below(&hop_path, &["disable"]), hop.disabled);
            }
        }
        for (word, discard) in [("blackhole", &edit.blackhole), ("reject", &edit.reject)] {
            let path = below(&path, &[word]);
            match discard {
                Some(discard) => {
                    self.node(&path);
                    self.put(&below(&path, &["distance"]), discard.distance);
                    self.put(&below(&path, &["tag"]), discard.tag);
                }
                None => self.remove(&path),
            }
        }
        Ok(())
    }

    /// Takes a route away.
    pub fn delete_route(&mut self, table: &Table, destination: &str) -> Result<(), EditError> {
        let family = if destination.contains(':') { Family::Ipv6 } else { Family::Ipv4 };
        let path = path_of(table, family, destination);
        if !self.exists(&words(&path)) {
            return Err(EditError::of("destination", format!("there is no route {destination}")));
        }
        self.remove(&words(&path));
        self.prune(&words(&table.path()), usize::from(matches!(table, Table::Vrf(_))) * 3);
        Ok(())
    }

    fn check_route(&self, edit: &RouteEdit) -> Result<(), EditError> {
        let mut check = Check::default();
        check.is("destination", &edit.destination, value::prefix);
        check.maybe("description", edit.description.as_ref(), value::text);
        match &edit.table {
            Table::Main => {}
            Table::Number(number) => check.range("table", Some(*number), 1, 200),
            Table::Vrf(name) => {
                check.that(self.exists(&["vrf", "name", name]), "table", "there is no such VRF");
            }
        }
        let goes = !edit.hops.is_empty() || edit.blackhole.is_some() || edit.reject.is_some();
        let asks = self.exists(&below(
            &words(&path_of(&edit.table, edit.family(), &edit.destination)),
            &["dhcp-interface"],
        ));
        check.that(goes || asks, "hops", "a gateway, an interface, a blackhole or a rejection");
        let both = edit.blackhole.is_some() && edit.reject.is_some();
        check.that(!both, "blackhole", "either a blackhole or a rejection, not both");
        for hop in &edit.hops {
            check.that(hop.gateway.is_some() || hop.interface.is_some(), "hops", "is empty");
            let of_family = match edit.family() {
                Family::Ipv4 => value::ipv4,
                Family::Ipv6 => value::ipv6,
            };
            check.maybe("hops", hop.gateway.as_ref(), of_family);
            check.maybe("hops", hop.interface.as_ref(), value::interface);
            check.range("distance", hop.distance.map(u32::from), 1, 255);
            if let Some(vrf) = hop.vrf.as_ref().filter(|vrf| *vrf != "default") {
                check.that(self.exists(&["vrf", "name", vrf]), "hops", "there is no such VRF");
            }
        }
        for discard in [&edit.blackhole, &edit.reject].into_iter().flatten() {
            check.range("distance", discard.distance.map(u32::from), 1, 255);
            check.range("tag", discard.tag, 1, u32::MAX);
        }
        check.done()
    }
}
