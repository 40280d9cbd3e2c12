//! NAT rules, and port forwards as people think of them.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use super::draft::below;
use super::rule::Rules;
use super::{Check, Draft, EditError, Place, RuleEdit, value};
use crate::facts::nat::Translation;
use crate::facts::{
    ChainFamily, ChainId, Hook, InterfaceMatch, Matches, NatRule, NatTable, Side, forwards,
    interfaces, nat,
};

/// A NAT rule as it shall be.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct NatRuleEdit {
    /// What to call it.
    pub description: Option<String>,
    /// Switched off.
    pub disabled: bool,
    /// Its packets are left as they are.
    pub exclude: bool,
    /// Packets are logged.
    pub log: bool,
    /// What packets it is for: addresses, ports, protocol, interface.
    pub matches: Matches,
    /// What becomes of them.
    pub translation: Translation,
}

impl From<&NatRule> for NatRuleEdit {
    fn from(rule: &NatRule) -> Self {
        Self {
            description: rule.description.clone(),
            disabled: rule.disabled,
            exclude: rule.exclude,
            log: rule.log,
            matches: rule.matches.clone(),
            translation: rule.translation.clone(),
        }
    }
}

/// What comes to a port of the router goes to a host.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PortForwardEdit {
    /// What to call it.
    pub description: Option<String>,
    /// Where it comes in: an interface.
    pub interface: String,
    /// `tcp`, `udp` or `tcp_udp`.
    pub protocol: String,
    /// Port or range that it comes to.
    pub port: String,
    /// The host that it goes to.
    pub target: String,
    /// Port or range there; none: the same.
    pub target_port: Option<String>,
    /// Who may; none: everybody.
    pub source: Option<String>,
    /// Also makes the firewall rule that lets it in.
    pub with_firewall_rule: bool,
    /// Also makes it work from the target's own network, for this address of the router outside.
    pub hairpin_for: Option<String>,
}

impl Draft<'_> {
    /// The number that a new rule of a list gets.
    pub fn next_nat_number(&self, table: NatTable) -> u32 {
        let last = self.numbers(&table.path()).last().copied().unwrap_or(0);
        if last == 0 { 100 } else { (last / 10 + 1) * 10 }
    }

    /// Makes a rule at a place of a list, and tells its number.
    pub fn add_nat_rule(
        &mut self,
        table: NatTable,
        place: Place,
        edit: &NatRuleEdit,
    ) -> Result<u32, EditError> {
        self.check_nat(table, None, edit)?;
        self.attempt(|draft| {
            let is_first = draft.numbers(&table.path()).is_empty() && place == Place::Last;
            let place = if is_first { Place::Number(draft.next_nat_number(table)) } else { place };
            let number = draft.make_room(&table.path(), place)?;
            draft.write_nat(table, number, edit);
            Ok(number)
        })
    }

    /// Changes a rule in its place.
    pub fn edit_nat_rule(
        &mut self,
        table: NatTable,
        number: u32,
        edit: &NatRuleEdit,
    ) -> Result<(), EditError> {
        self.nat_exists(table, number)?;
        self.check_nat(table, Some(number), edit)?;
        self.write_nat(table, number, edit);
        Ok(())
    }

    /// Takes a rule away.
    pub fn delete_nat_rule(&mut self, table: NatTable, number: u32) -> Result<(), EditError> {
        self.nat_exists(table, number)?;
        self.remove(&below(&table.path(), &["rule", &number.to_string()]));
        self.prune(&table.path(), 0);
        Ok(())
    }

    /// Switches a rule on or off.
    pub fn enable_nat_rule(
        &mut self,
        table: NatTable,
        number: u32,
        enabled: bool,
    ) -> Result<(), EditError> {
        self.nat_exists(table, number)?;
        self.flag(&below(&table.path(), &["rule", &number.to_string(), "disable"]), !enabled);
        Ok(())
    }

    /// Moves a rule to another place of its list, and tells its number there.
    pub fn move_nat_rule(
        &mut self,
        table: NatTable,
        number: u32,
        place: Place,
    ) -> Result<u32, EditError> {
        self.attempt(|draft| draft.move_in(&table.path(), number, place))
    }

    /// The firewall rule that lets a port forward in: to offer, or to make.
    pub fn firewall_rule_for(&self, number: u32) -> Result<RuleEdit, EditError> {
        let nat = nat(self.tree());
        let rule = nat.rule(NatTable::Destination, number);
        let rule =
            rule.ok_or_else(|| EditError::of("number", format!("there is no rule {number}")))?;
        let (target, port) = forwards::target(rule)
            .ok_or_else(|| EditError::of("translation.address", "it goes to no single host"))?;
        let destination = Side { address: Some(target.to_string()), port, ..Side::default() };
        let matches = Matches {
            protocol: rule.matches.protocol.clone(),
            inbound: rule.matches.inbound.clone(),
            source: Side { other: Vec::new(), ..rule.matches.source.clone() },
            destination,
            states: vec!["new".to_owned()],
            ..Matches::default()
        };
        let description = rule.description.clone();
        Ok(RuleEdit { action: "accept".to_owned(), description, matches, ..RuleEdit::default() })
    }

    /// Makes a port forward, with what it needs beside it, and tells the number of its NAT rule.
    ///
    /// The firewall rule is put before all others of the forward chain, behind what decides by the
    /// state of connections only.
    pub fn add_port_forward(&mut self, edit: &PortForwardEdit) -> Result<u32, EditError> {
        self.check_forward(edit)?;
        self.attempt(|draft| draft.forward(edit))
    }

    fn forward(&mut self, edit: &PortForwardEdit) -> Result<u32, EditError> {
        let inbound = |name: &str| {
            Some(InterfaceMatch { name: Some(name.to_owned()), ..InterfaceMatch::default() })
        };
        let side = |address: Option<&String>, port: Option<&String>| Side {
            address: address.cloned(),
            port: port.cloned(),
            ..Side::default()
        };
        let rule = NatRuleEdit {
            description: edit.description.clone(),
            matches: Matches {
                protocol: Some(edit.protocol.clone()),
                inbound: inbound(&edit.interface),
                source: side(edit.source.as_ref(), None),
                destination: side(None, Some(&edit.port)),
                ..Matches::default()
            },
            translation: Translation {
                address: Some(edit.target.clone()),
                port: edit.target_port.clone(),
                ..Translation::default()
            },
            ..NatRuleEdit::default()
        };
        let number = self.add_nat_rule(NatTable::Destination, Place::Last, &rule)?;
        if edit.with_firewall_rule {
            let rule = self.firewall_rule_for(number)?;
            let chain = ChainId::base(ChainFamily::Ipv4, Hook::Forward);
            let place = self.behind_states(&chain);
            self.add_rule(&chain, place, &rule)?;
        }
        if let Some(outside) = &edit.hairpin_for {
            self.hairpin(edit, outside, rule)?;
        }
        Ok(number)
    }

    fn hairpin(
        &mut self,
        edit: &PortForwardEdit,
        outside: &str,
        forward: NatRuleEdit,
    ) -> Result<(), EditError> {
        let target: Ipv4Addr = edit.target.parse().unwrap_or(Ipv4Addr::UNSPECIFIED);
        let all = interfaces(self.tree());
        let lan = forwards::lan_of(target.into(), &all);
        let lan = lan.ok_or_else(|| {
            EditError::of("hairpin_for", "no interface is in the target's network")
        })?;
        let network = lan.addresses.iter().find_map(|own| {
            let holds = crate::facts::net::contains(own, target.into()) == Some(true);
            let (low, _) = crate::facts::net::span(own).filter(|_| holds)?;
            Some(format!("{low}/{}", own.split('/').nth(1)?))
        });
        let said = edit.description.as_ref().map(|said| format!("{said}, from inside"));
        let said = said.filter(|said| value::text(said).is_ok());
        let lan = || InterfaceMatch { name: Some(lan.name.clone()), ..InterfaceMatch::default() };
        let mut inside = forward;
        inside.description.clone_from(&said);
        inside.matches.inbound = Some(lan());
        inside.matches.source = Side::default();
        inside.matches.destination.address = Some(outside.to_owned());
        self.add_nat_rule(NatTable::Destination, Place::Last, &inside)?;
        let back = NatRuleEdit {
            description: said,
            matches: Matches {
                protocol: Some(edit.protocol.clone()),
                outbound: Some(lan()),
                source: Side { address: network, ..Side::default() },
                destination: Side {
                    address: Some(edit.target.clone()),
                    port: Some(edit.target_port.clone().unwrap_or_else(|| edit.port.clone())),
                    ..Side::default()
                },
                ..Matches::default()
            },
            translation: Translation {
                address: Some("masquerade".to_owned()),
                ..Translation::default()
            },
            ..NatRuleEdit::default()
        };
        self.add_nat_rule(NatTable::Source, Place::First, &back)?;
        Ok(())
    }

    /// Right behind the rules at the top that look at the state of connections only.
    fn behind_states(&self, chain: &ChainId) -> Place {
        let firewall = crate::facts::firewall(self.tree());
        let rules = firewall.chain(chain).map(|chain| chain.rules.clone()).unwrap_or_default();
        let of_state = |rule: &&crate::facts::Rule| {
            let old = |state: &String| ["established", "related", "invalid"].contains(&&**state);
            !rule.matches.states.is_empty() && rule.matches.states.iter().all(old)
        };
        let last = rules.iter().take_while(of_state).last().map(|rule| rule.number);
        last.map_or(Place::First, Place::After)
    }

    fn check_forward(&self, edit: &PortForwardEdit) -> Result<(), EditError> {
        let mut check = Check::default();
        check.maybe("description", edit.description.as_ref(), value::text);
        check.is("interface", &edit.interface, value::interface);
        let known = interfaces(self.tree()).iter().any(|one| one.name == edit.interface);
        check.that(known, "interface", "there is no such interface");
        let known = ["tcp", "udp", "tcp_udp"].contains(&edit.protocol.as_str());
        check.that(known, "protocol", "tcp, udp or tcp_udp");
        check.is("port", &edit.port, value::port_range);
        check.maybe("target_port", edit.target_port.as_ref(), value::port_range);
        check.is("target", &edit.target, value::ipv4);
        check.maybe("source", edit.source.as_ref(), value::rule_address);
        check.maybe("hairpin_for", edit.hairpin_for.as_ref(), value::ipv4);
        check.done()
    }

    fn nat_exists(&self, table: NatTable, number: u32) -> Result<(), EditError> {
        if self.exists(&below(&table.path(), &["rule", &number.to_string()])) {
            return Ok(());
        }
        Err(EditError::of("number", format!("there is no rule {number}")))
    }

    fn check_nat(
        &self,
        table: NatTable,
        number: Option<u32>,
        edit: &NatRuleEdit,
    ) -> Result<(), EditError> {
        let mut check = Check::default();
        check.maybe("description", edit.description.as_ref(), value::text);
        self.check_matches(&mut check, &edit.matches, rules_of(table));
        let (wrong, field) = if table.is_inbound() {
            (edit.matches.outbound.is_some(), "outbound")
        } else {
            (edit.matches.inbound.is_some(), "inbound")
        };
        check.that(!wrong, field, "rules of this list look at the other interface only");
        let Translation { address, port, redirect_port, .. } = &edit.translation;
        let is_source = matches!(table, NatTable::Source | NatTable::Source66);
        if let Some(address) = address.as_deref().filter(|a| !(is_source && *a == "masquerade")) {
            let is_ipv6 = matches!(table, NatTable::Source66 | NatTable::Destination66);
            let fits = address.contains(':') == is_ipv6 && !address.starts_with('!');
            check.is("translation.address", address, value::rule_address);
            check.that(fits, "translation.address", "an address of the same family");
        }
        check.maybe("translation.port", port.as_ref(), value::port_range);
        check.maybe("translation.redirect_port", redirect_port.as_ref(), value::port_range);
        let redirects = redirect_port.is_some() && table != NatTable::Destination;
        check.that(!redirects, "translation.redirect_port", "only in destination rules");
        let balances = number.is_some_and(|number| {
            let number = number.to_string();
            self.exists(&below(&table.path(), &["rule", &number, "load-balance", "backend"]))
        });
        let goes = address.is_some() || port.is_some() || redirect_port.is_some();
        let needs = !edit.exclude && !balances;
        check.that(goes || !needs, "translation.address", "an address, a port or both are needed");
        let ports = port.is_some() || redirect_port.is_some();
        let protocol = edit.matches.protocol.as_deref().unwrap_or("all");
        let fits = !ports || ["tcp", "udp", "tcp_udp"].contains(&protocol);
        check.that(fits, "protocol", "tcp, udp or tcp_udp, as ports are named");
        check.done()
    }

    fn write_nat(&mut self, table: NatTable, number: u32, edit: &NatRuleEdit) {
        let (list, number) = (table.path(), number.to_string());
        let path = below(&list, &["rule", &number]);
        self.node(&path);
        self.put(&below(&path, &["description"]), edit.description.as_ref());
        self.flag(&below(&path, &["disable"]), edit.disabled);
        self.flag(&below(&path, &["exclude"]), edit.exclude);
        self.flag(&below(&path, &["log"]), edit.log);
        self.write_matches(&path, &edit.matches, rules_of(table));
        let translation = below(&path, &["translation"]);
        self.put(&below(&translation, &["address"]), edit.translation.address.as_ref());
        self.put(&below(&translation, &["port"]), edit.translation.port.as_ref());
        let redirect = below(&translation, &["redirect"]);
        self.put(&below(&redirect, &["port"]), edit.translation.redirect_port.as_ref());
        self.prune(&redirect, path.len());
    }
}

fn rules_of(table: NatTable) -> Rules {
    match table {
        NatTable::Destination | NatTable::Source | NatTable::Static => Rules::Nat,
        NatTable::Destination66 => Rules::Nat66,
        NatTable::Source66 => Rules::Nat66Source,
    }
}
