//! Services that let people in or tell the time: where they listen, and for whom.

use serde::{Deserialize, Serialize};

use super::draft::below;
use super::{Check, Draft, EditError, value};
use crate::config::Node;
use crate::facts::read::Reader;

/// SSH as it shall be.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SshEdit {
    /// It runs at all.
    pub enabled: bool,
    /// None: 22.
    pub ports: Vec<u16>,
    /// None: all.
    pub listen_addresses: Vec<String>,
    /// Keys only.
    pub without_passwords: bool,
}

/// The web server of the router's API as it shall be.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct HttpsEdit {
    /// None: 443.
    pub port: Option<u16>,
    /// None: all.
    pub listen_addresses: Vec<String>,
    /// Who may use the API; none: everybody.
    pub allowed: Vec<String>,
}

/// The time server as it shall be.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct NtpEdit {
    /// Servers that it asks; at least one.
    pub servers: Vec<TimeServerEdit>,
    /// None: all.
    pub listen_addresses: Vec<String>,
    /// Who may ask it.
    pub allowed: Vec<String>,
}

/// A server that is asked for the time.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TimeServerEdit {
    /// Name or address.
    pub server: String,
    /// It is asked for a secured answer (NTS).
    pub nts: bool,
    /// It stands for many servers.
    pub pool: bool,
    /// It is believed first.
    pub prefer: bool,
}

const SSH: [&str; 2] = ["service", "ssh"];
const HTTPS: [&str; 2] = ["service", "https"];
const NTP: [&str; 2] = ["service", "ntp"];

impl SshEdit {
    /// As it is configured.
    pub fn of(root: &Node) -> Self {
        let node = root.at(SSH);
        let mut reader = Reader::of(node);
        Self {
            enabled: node.is_some(),
            ports: reader.texts("port").iter().filter_map(|port| port.parse().ok()).collect(),
            listen_addresses: reader.texts("listen-address"),
            without_passwords: reader.flag("disable-password-authentication"),
        }
    }
}

impl HttpsEdit {
    /// As it is configured; none where it is not.
    pub fn of(root: &Node) -> Option<Self> {
        let mut reader = Reader::new(root.at(HTTPS)?);
        let allowed = reader.group("allow-client").map(|mut group| group.texts("address"));
        Some(Self {
            port: reader.number("port"),
            listen_addresses: reader.texts("listen-address"),
            allowed: allowed.unwrap_or_default(),
        })
    }
}

impl NtpEdit {
    /// As it is configured; none where it is not.
    pub fn of(root: &Node) -> Option<Self> {
        let mut reader = Reader::new(root.at(NTP)?);
        let allowed = reader.group("allow-client").map(|mut group| group.texts("address"));
        let server = |(server, mut options): (String, Reader<'_>)| TimeServerEdit {
            server,
            nts: options.flag("nts"),
            pool: options.flag("pool"),
            prefer: options.flag("prefer"),
        };
        Some(Self {
            servers: reader.each("server").into_iter().map(server).collect(),
            listen_addresses: reader.texts("listen-address"),
            allowed: allowed.unwrap_or_default(),
        })
    }
}

impl Draft<'_> {
    /// Changes SSH, sets it up or takes it away with all its settings.
    pub fn edit_ssh(&mut self, edit: &SshEdit) -> Result<(), EditError> {
        if !edit.enabled {
            self.remove(&SSH);
            return Ok(());
        }
        let mut check = Check::default();
        check.that(!edit.ports.contains(&0), "ports", "ports from 1 to 65535");
        let ports: Vec<String> = edit.ports.iter().map(u16::to_string).collect();
        check.each("ports", &ports, value::port_range);
        check.each("listen_addresses", &edit.listen_addresses, value::listen);
        check.done()?;
        self.node(&SSH);
        self.fill(&below(&SSH, &["port"]), &ports);
        self.fill(&below(&SSH, &["listen-address"]), &edit.listen_addresses);
        self.flag(&below(&SSH, &["disable-password-authentication"]), edit.without_passwords);
        Ok(())
    }

    /// Changes the web server of the router's API.
    pub fn edit_https(&mut self, edit: &HttpsEdit) -> Result<(), EditError> {
        let mut check = Check::default();
        check.that(self.exists(&HTTPS), "port", "the web server is not configured");
        check.that(edit.port != Some(0), "port", "a port from 1 to 65535");
        check.each("listen_addresses", &edit.listen_addresses, value::listen);
        check.each("allowed", &edit.allowed, value::address_or_prefix);
        check.done()?;
        self.put(&below(&HTTPS, &["port"]), edit.port);
        self.fill(&below(&HTTPS, &["listen-address"]), &edit.listen_addresses);
        self.fill(&below(&HTTPS, &["allow-client", "address"]), &edit.allowed);
        self.prune(&below(&HTTPS, &["allow-client"]), HTTPS.len());
        Ok(())
    }

    /// Changes the time server, or sets one up.
    pub fn edit_ntp(&mut self, edit: &NtpEdit) -> Result<(), EditError> {
        let mut check = Check::default();
        check.that(!edit.servers.is_empty(), "servers", "at least one is needed");
        let names: Vec<String> = edit.servers.iter().map(|one| one.server.clone()).collect();
        let server = |text: &str| value::address(text).or_else(|_| value::fqdn(text));
        check.each("servers", &names, server);
        check.each("listen_addresses", &edit.listen_addresses, value::listen);
        check.each("allowed", &edit.allowed, value::address_or_prefix);
        check.done()?;
        for old in self.names(&below(&NTP, &["server"])) {
            if !names.contains(&old) {
                self.remove(&below(&NTP, &["server", &old]));
            }
        }
        for one in &edit.servers {
            let path = below(&NTP, &["server", &one.server]);
            self.node(&path);
            self.flag(&below(&path, &["nts"]), one.nts);
            self.flag(&below(&path, &["pool"]), one.pool);
            self.flag(&below(&path, &["prefer"]), one.prefer);
        }
        self.fill(&below(&NTP, &["listen-address"]), &edit.listen_addresses);
        self.fill(&below(&NTP, &["allow-client", "address"]), &edit.allowed);
        self.prune(&below(&NTP, &["allow-client"]), NTP.len());
        Ok(())
    }
}
