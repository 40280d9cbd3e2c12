//! What packets a rule is for: the part that firewall, NAT and policy routes have in common.

use serde::{Deserialize, Serialize};

use super::read::Reader;

/// What packets a rule is for. All of it must be so at once.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Matches {
    /// `tcp`, `udp`, `tcp_udp`, `icmp`, a number …; with `!` in front all others.
    pub protocol: Option<String>,
    /// Where they come from.
    pub source: Side,
    /// Where they go.
    pub destination: Side,
    /// The interface they came in by.
    pub inbound: Option<InterfaceMatch>,
    /// The interface they go out by.
    pub outbound: Option<InterfaceMatch>,
    /// States of their connection: `new`, `established`, `related`, `invalid`. None: all.
    pub states: Vec<String>,
    /// Marks of their connection.
    pub connection_marks: Vec<String>,
    /// Their connection's addresses were changed: `destination` or `source`.
    pub connection_nat: Option<String>,
    /// Marks of the packet.
    pub mark: Option<String>,
    /// ICMP of either family.
    pub icmp: Option<Icmp>,
    /// So many at most in a time.
    pub limit: Option<Limit>,
    /// So many from one address in a time.
    pub recent: Option<Limit>,
    /// When.
    pub time: Option<Time>,
    /// All other conditions, in the configuration's words.
    pub other: Vec<String>,
}

/// One end of a packet's way.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Side {
    /// Address, prefix or range; with `!` in front all others.
    pub address: Option<String>,
    /// Ports, ranges and service names with commas between; with `!` in front all others.
    pub port: Option<String>,
    /// Hardware address.
    pub mac: Option<String>,
    /// A name that is resolved every few minutes.
    pub fqdn: Option<String>,
    /// Two-letter codes of countries.
    pub countries: Vec<String>,
    /// All countries but these.
    pub countries_inverted: bool,
    /// Groups.
    pub groups: Vec<GroupMatch>,
    /// All else, in the configuration's words.
    pub other: Vec<String>,
}

/// A group that an address or port must be in.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct GroupMatch {
    /// The configuration's word: `address-group`, `port-group` …
    pub kind: String,
    /// Its name.
    pub name: String,
    /// It must not be in it.
    pub inverted: bool,
}

/// An interface, or a group of them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct InterfaceMatch {
    /// Its name, which may end in `*`.
    pub name: Option<String>,
    /// The name of a group instead.
    pub group: Option<String>,
    /// All but these.
    pub inverted: bool,
}

/// Kinds of ICMP.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Icmp {
    /// By name, such as `echo-request`.
    pub type_name: Option<String>,
    /// By number.
    pub kind: Option<String>,
    /// By number.
    pub code: Option<String>,
}

/// A rate.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Limit {
    /// As it is written: `10/second`; a count of `recent`.
    pub rate: Option<String>,
    /// Packets over it at once; the time of `recent`.
    pub burst: Option<String>,
}

/// When a rule holds.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Time {
    /// `YYYY-MM-DD`.
    pub start_date: Option<String>,
    /// `HH:MM[:SS]`, by the router's clock.
    pub start_time: Option<String>,
    /// `YYYY-MM-DD`.
    pub stop_date: Option<String>,
    /// `HH:MM[:SS]`, by the router's clock.
    pub stop_time: Option<String>,
    /// With commas between.
    pub weekdays: Option<String>,
}

impl Matches {
    pub(crate) fn read(rule: &mut Reader<'_>) -> Self {
        let mut other = Vec::new();
        let mut side = |word: &str| rule.group(word).map(Side::read).unwrap_or_default();
        let (source, destination) = (side("source"), side("destination"));
        let mut interface = |word: &str| {
            // 1.3 wrote the interface itself.
            if let Some(name) = rule.text(word) {
                return Some(InterfaceMatch::of(Some(name), None));
            }
            let mut reader = rule.group(word)?;
            let mut either = |one: &str, two: &str| reader.text(one).or_else(|| reader.text(two));
            let name = either("name", "interface-name");
            let group = either("group", "interface-group");
            reader.rest_in(word, &mut other);
            (name.is_some() || group.is_some()).then(|| InterfaceMatch::of(name, group))
        };
        let (inbound, outbound) = (interface("inbound-interface"), interface("outbound-interface"));
        let mut states = rule.texts("state");
        // `state established enable` in rolling releases of 2023 and before.
        if states.is_empty()
            && let Some(mut old) = rule.group("state")
        {
            for state in ["established", "invalid", "new", "related"] {
                if old.flag(state) {
                    states.push(state.to_owned());
                }
            }
            old.rest_in("state", &mut other);
        }
        let mut icmp = None;
        for word in ["icmp", "icmpv6"] {
            if let Some(mut reader) = rule.group(word) {
                icmp = Some(Icmp {
                    type_name: reader.text("type-name"),
                    kind: reader.text("type"),
                    code: reader.text("code"),
                });
                reader.rest_in(word, &mut other);
            }
        }
        let mut pair = |word: &str, one: &str, two: &str| {
            let mut reader = rule.group(word)?;
            let limit = Limit { rate: reader.text(one), burst: reader.text(two) };
            reader.rest_in(word, &mut other);
            Some(limit)
        };
        let limit = pair("limit", "rate", "burst");
        let recent = pair("recent", "count", "time");
        let time = rule.group("time").map(|mut reader| {
            let time = Time {
                start_date: reader.text("startdate"),
                start_time: reader.text("starttime"),
                stop_date: reader.text("stopdate"),
                stop_time: reader.text("stoptime"),
                weekdays: reader.text("weekdays"),
            };
            reader.rest_in("time", &mut other);
            time
        });
        let connection_nat = rule.group("connection-status").and_then(|mut reader| {
            let nat = reader.text("nat");
            reader.rest_in("connection-status", &mut other);
            nat
        });
        Self {
            protocol: rule.text("protocol"),
            source,
            destination,
            inbound,
            outbound,
            states,
            connection_marks: rule.texts("connection-mark"),
            connection_nat,
            mark: rule.text("mark"),
            icmp,
            limit,
            recent,
            time,
            other,
        }
    }

    /// Every condition in a few words each; none for a rule that is for all packets.
    pub fn words(&self) -> Vec<String> {
        let mut words = Vec::new();
        let mut say = |what: &str, value: Option<String>| {
            words.extend(value.map(|value| format!("{what} {value}")));
        };
        say("protocol", self.protocol.clone());
        say("coming in by", self.inbound.as_ref().map(InterfaceMatch::words));
        say("going out by", self.outbound.as_ref().map(InterfaceMatch::words));
        for (way, side) in [("from", &self.source), ("to", &self.destination)] {
            for word in side.words() {
                say(way, Some(word));
            }
        }
        let listed = |list: &[String]| (!list.is_empty()).then(|| list.join(", "));
        say("state", listed(&self.states));
        say("connection mark", listed(&self.connection_marks));
        say("connection with changed", self.connection_nat.clone());
        say("mark", self.mark.clone());
        say("ICMP", self.icmp.as_ref().map(Icmp::words));
        let limit = |l: &Limit, between: &str| {
            let parts = [l.rate.clone(), l.burst.clone()];
            parts.into_iter().flatten().collect::<Vec<_>>().join(between)
        };
        say("at most", self.limit.as_ref().map(|l| limit(l, ", burst ")));
        say("recent", self.recent.as_ref().map(|l| limit(l, " a ")));
        say("time", self.time.as_ref().map(Time::words));
        words.extend(self.other.iter().cloned());
        words
    }
}

impl Side {
    fn read(mut reader: Reader<'_>) -> Self {
        let mut other = Vec::new();
        let mut groups = Vec::new();
        if let Some(mut group) = reader.group("group") {
            for kind in GROUP_WORDS {
                if let Some(name) = group.text(kind) {
                    let plain = name.trim_start_matches('!');
                    groups.push(GroupMatch {
                        kind: (*kind).to_owned(),
                        inverted: plain.len() < name.len(),
                        name: plain.to_owned(),
                    });
                }
            }
            group.rest_in("group", &mut other);
        }
        let (mut countries, mut countries_inverted) = (Vec::new(), false);
        if let Some(mut geoip) = reader.group("geoip") {
            countries = geoip.texts("country-code");
            countries_inverted = geoip.flag("inverse-match");
            geoip.rest_in("geoip", &mut other);
        }
        let mut side = Self {
            // NAT of IPv6 calls it by another name.
            address: reader.text("address").or_else(|| reader.text("prefix")),
            port: reader.text("port"),
            mac: reader.text("mac-address"),
            fqdn: reader.text("fqdn"),
            countries,
            countries_inverted,
            groups,
            other,
        };
        // An address together with a mask stays in the words it has.
        side.other.extend(reader.rest());
        side
    }

    /// It is for all packets.
    pub fn is_any(&self) -> bool {
        *self == Self::default()
    }

    /// Every condition in a few words each.
    pub fn words(&self) -> Vec<String> {
        let mut words: Vec<String> = self.address.iter().cloned().collect();
        words.extend(self.fqdn.clone());
        words.extend(self.mac.clone());
        for group in &self.groups {
            let not = if group.inverted { "not " } else { "" };
            words.push(format!("{not}{} {}", group.kind.replace('-', " "), group.name));
        }
        if !self.countries.is_empty() {
            let not = if self.countries_inverted { "all countries but " } else { "" };
            words.push(format!("{not}{}", self.countries.join(", ")));
        }
        words.extend(self.port.as_ref().map(|port| format!("port {port}")));
        words.extend(self.other.iter().cloned());
        words
    }
}

impl InterfaceMatch {
    fn of(name: Option<String>, group: Option<String>) -> Self {
        let is_inverted = |text: &Option<String>| text.as_ref().is_some_and(|t| t.starts_with('!'));
        let plain = |text: Option<String>| text.map(|t| t.trim_start_matches('!').to_owned());
        let inverted = is_inverted(&name) || is_inverted(&group);
        Self { inverted, name: plain(name), group: plain(group) }
    }

    /// In a few words.
    pub fn words(&self) -> String {
        let not = if self.inverted { "not " } else { "" };
        match (&self.name, &self.group) {
            (Some(name), Some(group)) => format!("{not}{name} and group {group}"),
            (Some(name), None) => format!("{not}{name}"),
            (None, Some(group)) => format!("{not}group {group}"),
            (None, None) => String::new(),
        }
    }
}

impl Icmp {
    fn words(&self) -> String {
        let kind = self.kind.as_ref().map(|kind| format!("type {kind}"));
        let code = self.code.as_ref().map(|code| format!("code {code}"));
        let parts = [self.type_name.clone(), kind, code];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }
}

impl Time {
    fn words(&self) -> String {
        let part = |what: &str, value: &Option<String>| {
            value.as_ref().map(|value| format!("{what}{value}"))
        };
        let parts = [
            part("on ", &self.weekdays),
            part("from day ", &self.start_date),
            part("to day ", &self.stop_date),
            part("from ", &self.start_time),
            part("to ", &self.stop_time),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }
}

/// Words for groups below `source group` and `destination group`.
pub(crate) const GROUP_WORDS: &[&str] = &[
    "address-group",
    "domain-group",
    "dynamic-address-group",
    "ipv4-address-group",
    "ipv4-network-group",
    "ipv6-address-group",
    "ipv6-network-group",
    "mac-group",
    "network-group",
    "port-group",
    "remote-group",
];
