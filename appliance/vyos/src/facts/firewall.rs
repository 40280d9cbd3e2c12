//! The firewall: chains with their rules, flow tables and options for all. Groups and zones have
//! modules of their own.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::groups::{Group, groups};
use super::matches::Matches;
use super::read::Reader;
use super::zones::{Zone, zones};
use crate::config::Node;

/// Everything under `firewall`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Firewall {
    /// Chains: those that packets pass by themselves, and those that rules and zones send them to.
    pub chains: Vec<Chain>,
    /// Zones.
    pub zones: Vec<Zone>,
    /// Groups of all kinds.
    pub groups: Vec<Group>,
    /// Tables for connections that skip the rules.
    pub flowtables: Vec<Flowtable>,
    /// Options for all.
    pub global: GlobalOptions,
    /// All else, in the configuration's words; the whole of a firewall of 1.3.
    pub other: Vec<String>,
}

/// A family of packets.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum ChainFamily {
    /// IPv4.
    #[default]
    Ipv4,
    /// IPv6.
    Ipv6,
    /// Frames that pass a bridge.
    Bridge,
}

/// When packets come to a chain.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Hook {
    /// Before it is known where they go.
    Prerouting,
    /// Through the router.
    #[default]
    Forward,
    /// To the router itself.
    Input,
    /// From the router itself.
    Output,
    /// When a rule or a zone sends them there.
    Name,
}

/// Which chain.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ChainId {
    /// Of its packets.
    pub family: ChainFamily,
    /// When packets come to it.
    pub hook: Hook,
    /// `filter` or `raw`, or the name it was given.
    pub name: String,
}

/// A list of rules; the first that says what becomes of a packet decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Chain {
    /// Which.
    pub id: ChainId,
    /// What becomes of packets that no rule decides on, where it is configured. Otherwise `accept`
    /// at a hook and `drop` in a chain with a name.
    pub default_action: Option<String>,
    /// The chain that they are sent to then.
    pub default_jump_target: Option<String>,
    /// They are logged.
    pub default_log: bool,
    /// What somebody said of it.
    pub description: Option<String>,
    /// In their order.
    pub rules: Vec<Rule>,
    /// Rules and zones that send packets to it.
    pub used_by: Vec<String>,
    /// All else, in the configuration's words.
    pub other: Vec<String>,
}

/// A rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rule {
    /// Its place, 1 to 999 999.
    pub number: u32,
    /// `accept`, `drop`, `reject`, `jump`, `return`, `continue`, `queue`, `offload`, `synproxy`.
    pub action: Option<String>,
    /// The chain that it sends packets to.
    pub jump_target: Option<String>,
    /// What somebody said of it.
    pub description: Option<String>,
    /// Switched off.
    pub disabled: bool,
    /// Packets are logged.
    pub log: bool,
    /// What packets it is for.
    pub matches: Matches,
    /// All else that it does or demands, in the configuration's words.
    pub other: Vec<String>,
}

/// A table for connections that skip the rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Flowtable {
    /// Its name.
    pub name: String,
    /// What somebody said of it.
    pub description: Option<String>,
    /// Interfaces whose connections may.
    pub interfaces: Vec<String>,
    /// `software` (also where it is not configured) or `hardware`.
    pub offload: Option<String>,
    /// All else, in the configuration's words.
    pub other: Vec<String>,
}

/// Options for all of the firewall.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct GlobalOptions {
    /// What becomes of packets by the state of their connection, before any rule.
    pub state_policies: Vec<StatePolicy>,
    /// All else, in the configuration's words.
    pub other: Vec<String>,
}

/// What becomes of packets of a state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StatePolicy {
    /// `established`, `related` or `invalid`.
    pub state: String,
    /// `accept`, `drop` or `reject`.
    pub action: Option<String>,
    /// Packets are logged.
    pub log: bool,
    /// All else, in the configuration's words.
    pub other: Vec<String>,
}

impl ChainFamily {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Ipv4, Self::Ipv6, Self::Bridge];

    /// The configuration's word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
            Self::Bridge => "bridge",
        }
    }
}

impl Hook {
    /// The configuration's word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Prerouting => "prerouting",
            Self::Forward => "forward",
            Self::Input => "input",
            Self::Output => "output",
            Self::Name => "name",
        }
    }

    /// The word in log lines and in the comments of the kernel's rules.
    pub const fn short(self) -> &'static str {
        match self {
            Self::Prerouting => "PRE",
            Self::Forward => "FWD",
            Self::Input => "INP",
            Self::Output => "OUT",
            Self::Name => "NAM",
        }
    }
}

impl ChainId {
    /// A chain that packets come to by themselves: `filter`, or `raw` at prerouting.
    pub fn base(family: ChainFamily, hook: Hook) -> Self {
        let name = if hook == Hook::Prerouting { "raw" } else { "filter" };
        Self { family, hook, name: name.to_owned() }
    }

    /// A chain with a name.
    pub fn named(family: ChainFamily, name: &str) -> Self {
        Self { family, hook: Hook::Name, name: name.to_owned() }
    }

    /// Where it is configured.
    pub fn path(&self) -> Vec<String> {
        ["firewall", self.family.word(), self.hook.word(), &self.name].map(str::to_owned).to_vec()
    }

    /// The name by which log lines and counters know a rule of it: `ipv4-FWD-filter-10`.
    pub fn rule_key(&self, number: u32) -> String {
        format!("{}-{number}", self.key())
    }

    /// The name by which log lines and counters know what it does in the end.
    pub fn default_key(&self) -> String {
        format!("{}-default", self.key())
    }

    fn key(&self) -> String {
        let family = match self.family {
            ChainFamily::Ipv4 => "ipv4",
            ChainFamily::Ipv6 => "ipv6",
            ChainFamily::Bridge => "bri",
        };
        format!("{family}-{}-{}", self.hook.short(), self.name)
    }
}

impl fmt::Display for ChainId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.family.word(), self.hook.word(), self.name)
    }
}

impl Chain {
    /// What becomes of packets that no rule decides on.
    pub fn default_verdict(&self) -> &str {
        self.default_action.as_deref().unwrap_or(match self.id.hook {
            Hook::Name => "drop",
            _ => "accept",
        })
    }

    /// The rule of a number.
    pub fn rule(&self, number: u32) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.number == number)
    }
}

impl Firewall {
    /// The chain of this id, where it is configured.
    pub fn chain(&self, id: &ChainId) -> Option<&Chain> {
        self.chains.iter().find(|chain| chain.id == *id)
    }

    /// The group of a kind and name.
    pub fn group(&self, kind: super::groups::GroupKind, name: &str) -> Option<&Group> {
        self.groups.iter().find(|group| group.kind == kind && group.name == name)
    }
}

/// The firewall of a configuration; an empty one where none is configured.
pub fn firewall(root: &Node) -> Firewall {
    let mut reader = Reader::of(root.at(["firewall"]));
    let (mut chains, mut other) = (Vec::new(), Vec::new());
    for family in ChainFamily::ALL {
        let Some(mut hooks) = reader.group(family.word()) else { continue };
        for hook in [Hook::Prerouting, Hook::Forward, Hook::Input, Hook::Output] {
            for (name, chain) in hooks.each(hook.word()) {
                chains.push(read_chain(ChainId { family, hook, name }, chain));
            }
        }
        for (name, chain) in hooks.each("name") {
            chains.push(read_chain(ChainId::named(family, &name), chain));
        }
        hooks.rest_in(family.word(), &mut other);
    }
    reader.elsewhere(&["group", "zone"]);
    let zones = zones(root);
    note_uses(&mut chains, &zones);
    let mut firewall = Firewall {
        chains,
        zones,
        groups: groups(root),
        flowtables: reader.each("flowtable").into_iter().map(flowtable).collect(),
        global: reader.group("global-options").map(global).unwrap_or_default(),
        other,
    };
    firewall.other.extend(reader.rest());
    firewall
}

fn read_chain(id: ChainId, mut reader: Reader<'_>) -> Chain {
    let mut rules: Vec<Rule> = Vec::new();
    let mut other = Vec::new();
    for (number, rule) in reader.each("rule") {
        match number.parse() {
            Ok(number) => rules.push(read_rule(number, rule)),
            Err(_) => rule.rest_in(&format!("rule {number}"), &mut other),
        }
    }
    model::sort_by_key(&mut rules, |rule| rule.number);
    let mut chain = Chain {
        id,
        default_action: reader.text("default-action"),
        default_jump_target: reader.text("default-jump-target"),
        default_log: reader.flag("default-log") || reader.flag("enable-default-log"),
        description: reader.text("description"),
        rules,
        used_by: Vec::new(),
        other,
    };
    chain.other.extend(reader.rest());
    chain
}

fn read_rule(number: u32, mut reader: Reader<'_>) -> Rule {
    Rule {
        number,
        action: reader.text("action"),
        jump_target: reader.text("jump-target"),
        description: reader.text("description"),
        disabled: reader.flag("disable"),
        log: reader.flag("log"),
        matches: Matches::read(&mut reader),
        other: reader.rest(),
    }
}

fn note_uses(chains: &mut [Chain], zones: &[Zone]) {
    let mut uses: Vec<(ChainId, String)> = Vec::new();
    for chain in &*chains {
        for rule in &chain.rules {
            if let Some(target) = &rule.jump_target {
                let id = ChainId::named(chain.id.family, target);
                uses.push((id, format!("{} rule {}", chain.id, rule.number)));
            }
        }
        if let Some(target) = &chain.default_jump_target {
            let id = ChainId::named(chain.id.family, target);
            uses.push((id, format!("{} default action", chain.id)));
        }
    }
    for zone in zones {
        for (name, family, place) in zone.chains() {
            uses.push((ChainId::named(family, name), place));
        }
    }
    for chain in chains {
        let own = uses.iter().filter(|(id, _)| *id == chain.id);
        chain.used_by = own.map(|(_, place)| place.clone()).collect();
    }
}

fn flowtable((name, mut reader): (String, Reader<'_>)) -> Flowtable {
    Flowtable {
        name,
        description: reader.text("description"),
        interfaces: reader.texts("interface"),
        offload: reader.text("offload"),
        other: reader.rest(),
    }
}

fn global(mut reader: Reader<'_>) -> GlobalOptions {
    let (mut state_policies, mut other) = (Vec::new(), Vec::new());
    if let Some(mut states) = reader.group("state-policy") {
        for state in ["established", "related", "invalid"] {
            if let Some(mut policy) = states.group(state) {
                state_policies.push(StatePolicy {
                    state: state.to_owned(),
                    action: policy.text("action"),
                    log: policy.flag("log"),
                    other: policy.rest(),
                });
            }
        }
        states.rest_in("state-policy", &mut other);
    }
    other.extend(reader.rest());
    GlobalOptions { state_policies, other }
}
