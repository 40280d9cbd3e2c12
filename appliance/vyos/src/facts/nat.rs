//! NAT of both families: port forwards, source NAT, one-to-one.

use serde::{Deserialize, Serialize};

use super::matches::Matches;
use super::read::Reader;
use crate::config::Node;

/// Everything under `nat` and `nat66`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Nat {
    /// By table and number.
    pub rules: Vec<NatRule>,
    /// All else, in the configuration's words.
    pub other: Vec<String>,
}

/// A list of NAT rules.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum NatTable {
    /// Destinations of IPv4 are changed: port forwards.
    #[default]
    Destination,
    /// Sources of IPv4 are changed.
    Source,
    /// One IPv4 address stands for another both ways.
    Static,
    /// Destinations of IPv6 are changed.
    Destination66,
    /// Sources of IPv6 are changed.
    Source66,
}

/// A NAT rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NatRule {
    /// Of which list.
    pub table: NatTable,
    /// Its place, 1 to 999 999.
    pub number: u32,
    /// What somebody said of it.
    pub description: Option<String>,
    /// Switched off.
    pub disabled: bool,
    /// Its packets are left as they are.
    pub exclude: bool,
    /// Packets are logged.
    pub log: bool,
    /// What packets it is for. Without a protocol, all.
    pub matches: Matches,
    /// What becomes of them.
    pub translation: Translation,
    /// Addresses that share the load, with their share in percent.
    pub backends: Vec<Backend>,
    /// All else, in the configuration's words.
    pub other: Vec<String>,
}

/// What a packet's address and port become.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Translation {
    /// Address, prefix, range, or `masquerade`: that of the interface.
    pub address: Option<String>,
    /// Port or range.
    pub port: Option<String>,
    /// A port of the router itself instead.
    pub redirect_port: Option<String>,
    /// All else, in the configuration's words.
    pub other: Vec<String>,
}

/// An address that takes a share of the load.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Backend {
    /// The address.
    pub address: String,
    /// In percent.
    pub weight: Option<u8>,
}

impl NatTable {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Destination, Self::Source, Self::Static, Self::Destination66, Self::Source66];

    /// Where its rules are configured.
    pub const fn path(self) -> [&'static str; 2] {
        match self {
            Self::Destination => ["nat", "destination"],
            Self::Source => ["nat", "source"],
            Self::Static => ["nat", "static"],
            Self::Destination66 => ["nat66", "destination"],
            Self::Source66 => ["nat66", "source"],
        }
    }

    /// The comment by which the kernel's rules are known: `DST-NAT-100`.
    pub fn rule_key(self, number: u32) -> String {
        let word = match self {
            Self::Destination => "DST-NAT",
            Self::Source => "SRC-NAT",
            Self::Static => "STATIC-DST-NAT",
            Self::Destination66 => "DST-NAT66",
            Self::Source66 => "SRC-NAT66",
        };
        format!("{word}-{number}")
    }

    /// Its rules look at where packets came in; otherwise at where they go out.
    pub const fn is_inbound(self) -> bool {
        matches!(self, Self::Destination | Self::Destination66 | Self::Static)
    }
}

impl Nat {
    /// The rules of a list, in their order.
    pub fn of(&self, table: NatTable) -> impl Iterator<Item = &NatRule> {
        self.rules.iter().filter(move |rule| rule.table == table)
    }

    /// A rule by its number.
    pub fn rule(&self, table: NatTable, number: u32) -> Option<&NatRule> {
        self.of(table).find(|rule| rule.number == number)
    }
}

/// NAT of a configuration; none where none is configured.
pub fn nat(root: &Node) -> Nat {
    let (mut rules, mut other) = (Vec::new(), Vec::new());
    for word in ["nat", "nat66"] {
        let mut top = Reader::of(root.at([word]));
        for table in NatTable::ALL.into_iter().filter(|table| table.path()[0] == word) {
            let Some(mut list) = top.group(table.path()[1]) else { continue };
            for (number, rule) in list.each("rule") {
                match number.parse() {
                    Ok(number) => rules.push(read_rule(table, number, rule)),
                    Err(_) => rule.rest_in(&table.path().join(" "), &mut other),
                }
            }
            list.rest_in(&table.path().join(" "), &mut other);
        }
        top.rest_in(word, &mut other);
    }
    model::sort_by_key(&mut rules, |rule| (rule.table, rule.number));
    Nat { rules, other }
}

fn read_rule(table: NatTable, number: u32, mut reader: Reader<'_>) -> NatRule {
    let mut other = Vec::new();
    let translation = reader.group("translation").map(translation).unwrap_or_default();
    let mut backends = Vec::new();
    if let Some(mut balance) = reader.group("load-balance") {
        for (address, mut backend) in balance.each("backend") {
            backends.push(Backend { weight: backend.number("weight"), address });
        }
        balance.rest_in("load-balance", &mut other);
    }
    let mut rule = NatRule {
        table,
        number,
        description: reader.text("description"),
        disabled: reader.flag("disable"),
        exclude: reader.flag("exclude"),
        log: reader.flag("log"),
        matches: Matches::read(&mut reader),
        translation,
        backends,
        other,
    };
    rule.other.extend(reader.rest());
    rule
}

fn translation(mut reader: Reader<'_>) -> Translation {
    let mut other = Vec::new();
    let redirect_port = reader.group("redirect").and_then(|mut redirect| {
        let port = redirect.text("port");
        redirect.rest_in("redirect", &mut other);
        port
    });
    let mut found = Translation {
        address: reader.text("address"),
        port: reader.text("port"),
        redirect_port,
        other,
    };
    found.other.extend(reader.rest());
    found
}
