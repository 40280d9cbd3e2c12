//! `WireGuard` interfaces and peers. Keys are made elsewhere; a private one passes through here into
//! the commands and is in no error and no debug output.

use std::fmt;

use serde::Deserialize;

use super::draft::below;
use super::{Check, Draft, EditError, value};
use crate::facts::wireguard::Endpoint;
use crate::facts::{Peer, WireGuard, wireguard};

/// A `WireGuard` interface as it shall be, without its peers.
#[derive(Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct WireGuardEdit {
    /// What to call it.
    pub description: Option<String>,
    /// Prefixes of its own.
    pub addresses: Vec<String>,
    /// The UDP port it listens on.
    pub port: Option<u16>,
    /// In bytes; none: 1420.
    pub mtu: Option<u32>,
    /// Switched off.
    pub disabled: bool,
    /// A new private key; none: that which it has.
    pub private_key: Option<String>,
}

impl fmt::Debug for WireGuardEdit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WireGuardEdit")
            .field("description", &self.description)
            .field("addresses", &self.addresses)
            .field("port", &self.port)
            .field("mtu", &self.mtu)
            .field("disabled", &self.disabled)
            .field("private_key", &self.private_key.as_ref().map(|_| "(hidden)"))
            .finish()
    }
}

impl From<&WireGuard> for WireGuardEdit {
    fn from(one: &WireGuard) -> Self {
        Self {
            description: one.description.clone(),
            addresses: one.addresses.clone(),
            port: one.port,
            mtu: one.mtu,
            disabled: one.disabled,
            private_key: None,
        }
    }
}

/// A peer as it shall be.
#[derive(Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct PeerEdit {
    /// Its name.
    pub name: String,
    /// What to call it.
    pub description: Option<String>,
    /// Base64 of 32 bytes.
    pub public_key: String,
    /// A new pre-shared key; none: that which it has.
    pub preshared_key: Option<String>,
    /// Prefixes behind it; at least one.
    pub allowed_ips: Vec<String>,
    /// Where it is reached; both address and port.
    pub endpoint_address: Option<String>,
    /// UDP.
    pub endpoint_port: Option<u16>,
    /// In seconds.
    pub keepalive: Option<u16>,
    /// Switched off.
    pub disabled: bool,
}

impl fmt::Debug for PeerEdit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeerEdit")
            .field("name", &self.name)
            .field("public_key", &self.public_key)
            .field("allowed_ips", &self.allowed_ips)
            .field("preshared_key", &self.preshared_key.as_ref().map(|_| "(hidden)"))
            .finish_non_exhaustive()
    }
}

impl From<&Peer> for PeerEdit {
    fn from(peer: &Peer) -> Self {
        let endpoint = peer.endpoint.as_ref();
        Self {
            name: peer.name.clone(),
            description: peer.description.clone(),
            public_key: peer.public_key.clone().unwrap_or_default(),
            preshared_key: None,
            allowed_ips: peer.allowed_ips.clone(),
            endpoint_address: endpoint.map(|Endpoint { host, .. }| host.clone()),
            endpoint_port: endpoint.and_then(|Endpoint { port, .. }| *port),
            keepalive: peer.keepalive,
            disabled: peer.disabled,
        }
    }
}

impl Draft<'_> {
    /// Makes a `WireGuard` interface, or changes one. The router demands a peer of each: add one in
    /// the same draft.
    pub fn set_wireguard(&mut self, name: &str, edit: &WireGuardEdit) -> Result<(), EditError> {
        let path = ["interfaces", "wireguard", name];
        let mut check = Check::default();
        let number = name.strip_prefix("wg").filter(|n| n.bytes().all(|b| b.is_ascii_digit()));
        let is_name = number.is_some_and(|number| (1..=13).contains(&number.len()));
        check.that(is_name, "name", "wg and a number, such as wg0");
        check.maybe("description", edit.description.as_ref(), value::text);
        check.each("addresses", &edit.addresses, value::interface_address);
        let asks = edit.addresses.iter().any(|address| address.starts_with("dhcp"));
        check.that(!asks, "addresses", "this kind of interface cannot ask for one");
        check.that(edit.port != Some(0), "port", "a port from 1 to 65535");
        check.range("mtu", edit.mtu, 68, 16_000);
        check.maybe("private_key", edit.private_key.as_ref(), value::wireguard_key);
        let has_key = edit.private_key.is_some() || self.exists(&below(&path, &["private-key"]));
        check.that(has_key, "private_key", "a new interface needs one");
        let others = wireguard(self.tree());
        let mut others = others.iter().filter(|other| other.name != name);
        let taken = others.any(|other| other.port.is_some() && other.port == edit.port);
        check.that(!taken, "port", "another WireGuard interface listens there");
        check.done()?;
        self.put(&below(&path, &["description"]), edit.description.as_ref());
        self.fill(&below(&path, &["address"]), &edit.addresses);
        self.put(&below(&path, &["port"]), edit.port);
        self.put(&below(&path, &["mtu"]), edit.mtu);
        self.flag(&below(&path, &["disable"]), edit.disabled);
        if edit.private_key.is_some() {
            self.put(&below(&path, &["private-key"]), edit.private_key.as_ref());
        }
        Ok(())
    }

    /// Takes a `WireGuard` interface away, with its peers.
    pub fn delete_wireguard(&mut self, name: &str) -> Result<(), EditError> {
        self.delete_at(&["interfaces", "wireguard", name], "name")
    }

    /// Makes a peer, or changes one; `old_name` where it gets another name.
    pub fn set_peer(
        &mut self,
        interface: &str,
        old_name: Option<&str>,
        edit: &PeerEdit,
    ) -> Result<(), EditError> {
        self.check_peer(interface, old_name, edit)?;
        let peers = ["interfaces", "wireguard", interface, "peer"];
        if let Some(old) = old_name.filter(|old| *old != edit.name) {
            let kept = self.take(&below(&peers, &[old])).unwrap_or_default();
            self.place(&below(&peers, &[&edit.name]), kept);
        }
        let path = below(&peers, &[&edit.name]);
        self.put(&below(&path, &["description"]), edit.description.as_ref());
        self.put(&below(&path, &["public-key"]), Some(&edit.public_key));
        self.fill(&below(&path, &["allowed-ips"]), &edit.allowed_ips);
        self.put(&below(&path, &["port"]), edit.endpoint_port);
        self.put(&below(&path, &["persistent-keepalive"]), edit.keepalive);
        self.flag(&below(&path, &["disable"]), edit.disabled);
        if edit.preshared_key.is_some() {
            self.put(&below(&path, &["preshared-key"]), edit.preshared_key.as_ref());
        }
        // Newer releases keep a name in a setting of its own; it stays while it is not changed.
        let by_name = below(&path, &["host-name"]);
        let named = self.tree().value_at(by_name.iter().copied()).map(str::to_owned);
        if named.is_none() || named != edit.endpoint_address {
            self.remove(&by_name);
            self.put(&below(&path, &["address"]), edit.endpoint_address.as_ref());
        }
        Ok(())
    }

    /// Takes a peer away, unless it is the last.
    pub fn delete_peer(&mut self, interface: &str, name: &str) -> Result<(), EditError> {
        let peers = ["interfaces", "wireguard", interface, "peer"];
        if self.names(&peers) == [name] {
            let message = "the router demands a peer of each interface: delete the interface";
            return Err(EditError::of("name", message));
        }
        self.delete_at(&below(&peers, &[name]), "name")
    }

    fn check_peer(
        &self,
        interface: &str,
        old_name: Option<&str>,
        edit: &PeerEdit,
    ) -> Result<(), EditError> {
        let all = wireguard(self.tree());
        let found = all.iter().find(|one| one.name == interface);
        let found =
            found.ok_or_else(|| EditError::of("interface", "there is no such interface"))?;
        let mut check = Check::default();
        if old_name != Some(&edit.name) {
            check.is("name", &edit.name, value::name);
        }
        check.maybe("description", edit.description.as_ref(), value::text);
        check.is("public_key", &edit.public_key, value::wireguard_key);
        check.maybe("preshared_key", edit.preshared_key.as_ref(), value::wireguard_key);
        check.each("allowed_ips", &edit.allowed_ips, value::prefix);
        check.that(!edit.allowed_ips.is_empty(), "allowed_ips", "at least one is needed");
        let kept = found.peers.iter().find(|peer| Some(peer.name.as_str()) == old_name);
        let kept_host = kept.and_then(|peer| peer.endpoint.as_ref()).map(|end| &end.host);
        if edit.endpoint_address.as_ref() != kept_host {
            check.maybe("endpoint_address", edit.endpoint_address.as_ref(), value::listen);
        }
        let both = edit.endpoint_address.is_some() == edit.endpoint_port.is_some();
        check.that(both, "endpoint_port", "address and port together, or neither");
        check.that(edit.endpoint_port != Some(0), "endpoint_port", "a port from 1 to 65535");
        check.that(edit.keepalive != Some(0), "keepalive", "1 to 65535 seconds");
        check.that(old_name.is_none() || kept.is_some(), "name", "it is not there any more");
        for other in found.peers.iter().filter(|peer| Some(peer.name.as_str()) != old_name) {
            check.that(other.name != edit.name, "name", "there is one of this name");
            let same = other.public_key.as_ref() == Some(&edit.public_key);
            check.that(!same, "public_key", &format!("{} has it already", other.name));
            if let Some(twice) = other.allowed_ips.iter().find(|ip| edit.allowed_ips.contains(ip)) {
                check.fail("allowed_ips", format!("{twice} is behind {} already", other.name));
            }
        }
        check.done()
    }
}
