//! Chosen devices go out through another interface, such as a VPN: a policy route that sends their
//! packets through a table of its own, whose only way out is that interface. With the kill switch
//! the table also has a way to nowhere, which holds when the interface is gone.
//!
//! What goes to the router's own networks keeps the main table, so that devices still reach their
//! printers. All of it bears one name, by which it is found and taken away again.

use serde::{Deserialize, Serialize};

use super::draft::below;
use super::{Check, Draft, EditError, value};
use crate::config::Node;
use crate::facts::{Family, Interface, Table, interfaces, net, policy_routes, static_routes};

/// Devices that go out through another interface.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Steering {
    /// Of the policy routes that do it.
    pub name: String,
    /// Devices by address, network or hardware address.
    pub devices: Vec<String>,
    /// Interfaces that they are behind.
    pub from: Vec<String>,
    /// The interface that they go out through.
    pub via: String,
    /// The table, 1 to 200; none: the next that is free.
    pub table: Option<u32>,
    /// Nothing of them leaves when that interface is gone.
    pub kill_switch: bool,
}

/// A distance that no other way of the table has.
const LAST: &str = "254";
const POLICIES: [(Family, &str, &str); 2] =
    [(Family::Ipv4, "route", "0.0.0.0/0"), (Family::Ipv6, "route6", "::/0")];

/// All policy routes of this kind that a configuration has, also those that people wrote.
pub fn steerings(root: &Node) -> Vec<Steering> {
    let routes = static_routes(root);
    let mut all: Vec<Steering> = Vec::new();
    for policy in policy_routes(root) {
        let table = policy.rules.iter().find_map(|rule| rule.set_table.as_ref()?.parse().ok());
        let Some(table) = table else { continue };
        let own = |destination: &str| {
            let table = Table::Number(table);
            let mut own = routes.iter().filter(move |route| route.table == table);
            own.find(|route| route.destination == destination)
        };
        let Some(way) = own("0.0.0.0/0").or(own("::/0")) else { continue };
        let via = way.hops.iter().find_map(|hop| hop.interface.clone());
        let Some(via) = via else { continue };
        let device = |rule: &crate::facts::PolicyRule| {
            let is_own = rule.set_table == Some(table.to_string());
            let source = &rule.matches.source;
            source.address.clone().or(source.mac.clone()).filter(|_| is_own)
        };
        let devices = policy.rules.iter().filter_map(device);
        let kill_switch = way.blackhole.is_some() || way.reject.is_some();
        match all.iter_mut().find(|one| one.name == policy.name) {
            Some(one) => {
                for device in devices {
                    if !one.devices.contains(&device) {
                        one.devices.push(device);
                    }
                }
            }
            None => all.push(Steering {
                devices: devices.collect(),
                name: policy.name,
                from: policy.interfaces,
                via,
                table: Some(table),
                kill_switch,
            }),
        }
    }
    all
}

impl Draft<'_> {
    /// Sends devices out through an interface, or changes how; tells the table that is used.
    ///
    /// A device known by its IPv4 address only is not known by it in IPv6: name hardware addresses
    /// to catch all of it. With the kill switch, IPv6 that the interface does not carry is dropped.
    pub fn set_steering(&mut self, edit: &Steering) -> Result<u32, EditError> {
        self.dialect.firewall()?;
        let all = interfaces(self.tree());
        let table = self.check_steering(edit, &all)?;
        let known = steerings(self.tree());
        if let Some(old) = known.iter().find(|old| old.name == edit.name).and_then(|old| old.table)
        {
            self.clear_steering(&edit.name, old);
        }
        let number = table.to_string();
        let name = edit.name.as_str();
        let table_path = ["protocols", "static", "table", &number];
        let said = format!("{name} via {}", edit.via);
        self.put(&below(&table_path, &["description"]), Some(said));
        for (family, word, everywhere) in POLICIES {
            let devices = edit.devices.iter().filter(|device| is_of(device, family));
            let devices: Vec<&String> = devices.collect();
            if devices.is_empty() {
                continue;
            }
            let route = below(&table_path, &[word, everywhere]);
            self.node(&below(&route, &["interface", &edit.via]));
            if edit.kill_switch {
                self.put(&below(&route, &["blackhole", "distance"]), Some(LAST));
            }
            let policy = ["policy", word, name];
            self.fill(&below(&policy, &["interface"]), &edit.from);
            let mut at = 0;
            let mut rule = |draft: &mut Self, side: [&str; 2], what: &str, table: &str| {
                at += 10;
                let at = at.to_string();
                let path = below(&policy, &["rule", &at]);
                draft.put(&below(&path, &side), Some(what));
                draft.put(&below(&path, &["set", "table"]), Some(table));
            };
            for network in own_networks(&all, &edit.via, family) {
                rule(self, ["destination", "address"], &network, "main");
            }
            for device in devices {
                let is_mac = value::mac(device).is_ok();
                let side = if is_mac { "mac-address" } else { "address" };
                rule(self, ["source", side], device, &number);
            }
        }
        Ok(table)
    }

    /// Lets devices go out as all others do.
    pub fn delete_steering(&mut self, name: &str) -> Result<(), EditError> {
        let known = steerings(self.tree());
        let found = known.iter().find(|one| one.name == name).and_then(|one| one.table);
        let table = found.ok_or_else(|| EditError::of("name", format!("there is no {name}")))?;
        self.clear_steering(name, table);
        Ok(())
    }

    fn clear_steering(&mut self, name: &str, table: u32) {
        for (_, word, _) in POLICIES {
            self.remove(&["policy", word, name]);
        }
        self.prune(&["policy"], 0);
        let still_used = steerings(self.tree()).iter().any(|one| one.table == Some(table));
        if !still_used {
            let number = table.to_string();
            self.remove(&["protocols", "static", "table", &number]);
            self.prune(&["protocols", "static"], 0);
        }
    }

    fn check_steering(&self, edit: &Steering, all: &[Interface]) -> Result<u32, EditError> {
        let mut check = Check::default();
        check.is("name", &edit.name, value::name);
        let device = |text: &str| {
            let plain = value::mac(text).or_else(|_| value::address_or_prefix(text));
            plain.map_err(|_| "an address, a network or a hardware address".to_owned())
        };
        check.each("devices", &edit.devices, device);
        check.that(!edit.devices.is_empty(), "devices", "at least one is needed");
        check.each("from", &edit.from, value::interface);
        check.that(!edit.from.is_empty(), "from", "at least one is needed");
        check.is("via", &edit.via, value::interface);
        let known = |name: &String| all.iter().any(|one| one.name == *name);
        check.that(known(&edit.via), "via", "there is no such interface");
        check.that(edit.from.iter().all(known), "from", "there is no such interface");
        check.that(!edit.from.contains(&edit.via), "via", "they come in by it");
        check.range("table", edit.table, 1, 200);
        let own = steerings(self.tree()).into_iter().find(|one| one.name == edit.name);
        let exists = [POLICIES[0].1, POLICIES[1].1]
            .iter()
            .any(|word| self.exists(&["policy", word, &edit.name]));
        let foreign = exists && own.is_none();
        check.that(!foreign, "name", "a policy route of this name does something else");
        let own = own.and_then(|one| one.table);
        let is_free =
            |table: u32| !self.exists(&["protocols", "static", "table", &table.to_string()]);
        if let Some(table) = edit.table.filter(|table| own != Some(*table)) {
            check.that(is_free(table), "table", "it is used for something else");
        }
        let table = edit.table.or(own).or_else(|| (100..=200).chain(1..100).find(|t| is_free(*t)));
        check.that(table.is_some(), "table", "no table is free");
        check.done()?;
        table.ok_or_else(|| EditError::of("table", "no table is free"))
    }
}

/// Whether a policy of a family can know a device; by its hardware address, both can.
fn is_of(device: &str, family: Family) -> bool {
    value::mac(device).is_ok() || device.contains(':') == (family == Family::Ipv6)
}

/// Networks that the router is in, but for that behind an interface.
fn own_networks(all: &[Interface], but: &str, family: Family) -> Vec<String> {
    let others = all.iter().filter(|one| one.name != but && !one.disabled && one.vrf.is_none());
    let network = |own: &String| {
        let (low, high) = net::span(own)?;
        let is_one = low == high || low.is_loopback();
        let fits = low.is_ipv6() == (family == Family::Ipv6);
        (fits && !is_one).then(|| format!("{low}/{}", own.split('/').nth(1).unwrap_or_default()))
    };
    let mut networks: Vec<String> =
        others.flat_map(|one| one.addresses.iter().filter_map(network)).collect();
    model::sort_by(&mut networks, Ord::cmp);
    networks.dedup();
    networks
}
