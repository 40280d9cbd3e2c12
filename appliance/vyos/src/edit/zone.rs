//! Zones of the firewall.

use serde::{Deserialize, Serialize};

use super::draft::below;
use super::{Check, Draft, EditError, value};
use crate::facts::{ChainFamily, ChainId, Zone, zones};

/// A zone as it shall be.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ZoneEdit {
    /// What to call it.
    pub description: Option<String>,
    /// Its interfaces; none for the router itself.
    pub interfaces: Vec<String>,
    /// It is the router itself.
    pub is_local: bool,
    /// `drop` or `reject`; none: `drop`.
    pub default_action: Option<String>,
    /// What the default action takes is logged.
    pub default_log: bool,
    /// Between its own interfaces: `accept` or `drop`; none: as it is.
    pub intra_action: Option<String>,
    /// Chains for what comes from other zones, all of them.
    pub from: Vec<ZoneFromEdit>,
}

/// Chains for what comes from a zone.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ZoneFromEdit {
    /// The other zone.
    pub zone: String,
    /// For IPv4.
    pub ipv4: Option<String>,
    /// For IPv6.
    pub ipv6: Option<String>,
}

impl From<&Zone> for ZoneEdit {
    fn from(zone: &Zone) -> Self {
        let from = zone.from.iter().map(|from| ZoneFromEdit {
            zone: from.zone.clone(),
            ipv4: from.ipv4.clone(),
            ipv6: from.ipv6.clone(),
        });
        Self {
            description: zone.description.clone(),
            interfaces: zone.interfaces.clone(),
            is_local: zone.is_local,
            default_action: zone.default_action.clone(),
            default_log: zone.default_log,
            intra_action: zone.intra.as_ref().and_then(|intra| intra.action.clone()),
            from: from.collect(),
        }
    }
}

impl Draft<'_> {
    /// Makes a zone, or changes one.
    pub fn set_zone(&mut self, name: &str, edit: &ZoneEdit) -> Result<(), EditError> {
        self.dialect.firewall()?;
        self.check_zone(name, edit)?;
        let path = ["firewall", "zone", name];
        // Newer releases keep interfaces one level deeper; the form in use stays.
        let all = self.names(&["firewall", "zone"]);
        let is_deeper = all.iter().any(|zone| self.exists(&["firewall", "zone", zone, "member"]));
        let interfaces = if is_deeper { vec!["member", "interface"] } else { vec!["interface"] };
        self.node(&path);
        self.put(&below(&path, &["description"]), edit.description.as_ref());
        self.fill(&below(&path, &interfaces), &edit.interfaces);
        self.prune(&below(&path, &["member"]), path.len());
        self.flag(&below(&path, &["local-zone"]), edit.is_local);
        self.put(&below(&path, &["default-action"]), edit.default_action.as_ref());
        self.flag(&below(&path, &["default-log"]), edit.default_log);
        let intra = below(&path, &["intra-zone-filtering"]);
        if edit.intra_action.is_some() || self.exists(&below(&intra, &["action"])) {
            self.put(&below(&intra, &["action"]), edit.intra_action.as_ref());
            self.prune(&intra, path.len());
        }
        for old in self.names(&below(&path, &["from"])) {
            if !edit.from.iter().any(|from| from.zone == old) {
                self.remove(&below(&path, &["from", &old]));
            }
        }
        for from in &edit.from {
            let path = below(&path, &["from", &from.zone, "firewall"]);
            self.put(&below(&path, &["name"]), from.ipv4.as_ref());
            self.put(&below(&path, &["ipv6-name"]), from.ipv6.as_ref());
        }
        Ok(())
    }

    /// Takes a zone away, unless others still name it.
    pub fn delete_zone(&mut self, name: &str) -> Result<(), EditError> {
        let zones = zones(self.tree());
        let names = |zone: &&Zone| zone.name != name && zone.from.iter().any(|f| f.zone == name);
        let used: Vec<&str> = zones.iter().filter(names).map(|zone| zone.name.as_str()).collect();
        if !used.is_empty() {
            let message = format!("chains are still set from it to {}", used.join(", "));
            return Err(EditError::of("name", message));
        }
        self.delete_at(&["firewall", "zone", name], "name")?;
        self.prune(&["firewall"], 0);
        Ok(())
    }

    fn check_zone(&self, name: &str, edit: &ZoneEdit) -> Result<(), EditError> {
        let zones = zones(self.tree());
        let mut check = Check::default();
        if !zones.iter().any(|zone| zone.name == name) {
            check.is("name", name, value::name);
        }
        check.maybe("description", edit.description.as_ref(), value::text);
        check.each("interfaces", &edit.interfaces, value::interface);
        let others = || zones.iter().filter(|zone| zone.name != name);
        if edit.is_local {
            check.that(edit.interfaces.is_empty(), "interfaces", "the router itself has none");
            let one = !others().any(|zone| zone.is_local);
            check.that(one, "is_local", "another zone is the router itself already");
        } else {
            let own_vrf = zones.iter().any(|zone| zone.name == name && !zone.vrfs.is_empty());
            let has = !edit.interfaces.is_empty() || own_vrf;
            check.that(has, "interfaces", "at least one, unless it is the router itself");
        }
        for zone in others() {
            for taken in zone.interfaces.iter().filter(|own| edit.interfaces.contains(own)) {
                check.fail("interfaces", format!("{taken} is in zone {} already", zone.name));
            }
        }
        let takes = |value: &Option<String>, known: &[&str]| {
            value.as_deref().is_none_or(|value| known.contains(&value))
        };
        let known = takes(&edit.default_action, &["drop", "reject"]);
        check.that(known, "default_action", "drop or reject");
        let known = takes(&edit.intra_action, &["accept", "drop"]);
        check.that(known, "intra_action", "accept or drop");
        for from in &edit.from {
            let exists = others().any(|zone| zone.name == from.zone);
            check.that(exists, "from", &format!("there is no other zone {}", from.zone));
            let some = from.ipv4.is_some() || from.ipv6.is_some();
            check.that(some, "from", "a chain for IPv4, for IPv6, or both");
            let chains = [(&from.ipv4, ChainFamily::Ipv4), (&from.ipv6, ChainFamily::Ipv6)];
            for (chain, family) in chains {
                let Some(chain) = chain else { continue };
                let path = ChainId::named(family, chain).path();
                let exists = self.exists(&path.iter().map(String::as_str).collect::<Vec<_>>());
                let message = format!("there is no chain {chain} for {}", family.word());
                check.that(exists, "from", &message);
            }
        }
        check.done()
    }
}
