//! Counters of the firewall's and NAT's rules, from `nft -j list ruleset`. Rules are known by the
//! comments that the router gives them, which are those of `ChainId::rule_key` and
//! `NatTable::rule_key`.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::RuntimeError;
use crate::facts::{ChainFamily, ChainId, Hook};

/// What a rule has seen since it was last loaded; a commit that touches the firewall starts anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Counter {
    /// Packets.
    pub packets: u64,
    /// Bytes.
    pub bytes: u64,
}

/// Counters by the keys of rules.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Counters(BTreeMap<String, Counter>);

impl Counters {
    /// Of a firewall rule; none where it is switched off or not loaded yet.
    pub fn rule(&self, chain: &ChainId, number: u32) -> Option<Counter> {
        self.get(&chain.rule_key(number))
    }

    /// Of what no rule of a chain decided on.
    pub fn default_action(&self, chain: &ChainId) -> Option<Counter> {
        self.get(&chain.default_key())
    }

    /// By key, such as `ipv4-FWD-filter-10` or `DST-NAT-100`.
    pub fn get(&self, key: &str) -> Option<Counter> {
        self.0.get(key).copied()
    }

    /// All of them by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Counter)> {
        self.0.iter().map(|(key, counter)| (key.as_str(), *counter))
    }
}

/// Reads the JSON of `nft -j list ruleset`, or of `list table …`. Tables that are not the router's
/// own are passed over.
pub fn parse_nft(text: &str) -> Result<Counters, RuntimeError> {
    let failed = |problem: String| RuntimeError::Form { what: "nft's rules", problem };
    let json: Value = serde_json::from_str(text).map_err(|error| failed(error.to_string()))?;
    let items = json["nftables"].as_array();
    let items = items.ok_or_else(|| failed("there is no `nftables` list".to_owned()))?;
    let mut counters = BTreeMap::new();
    for rule in items.iter().filter_map(|item| item.get("rule")) {
        let text = |name: &str| rule[name].as_str().unwrap_or_default();
        if !text("table").starts_with("vyos_") {
            continue;
        }
        let mut expressions = rule["expr"].as_array().into_iter().flatten();
        let Some(counter) = expressions.find_map(|e| e.get("counter")) else { continue };
        let number = |name: &str| counter[name].as_u64().unwrap_or_default();
        let counter = Counter { packets: number("packets"), bytes: number("bytes") };
        let Some(key) = key(text("family"), text("chain"), text("comment")) else { continue };
        // A rule for two protocols is two rules in the kernel.
        let sum: &mut Counter = counters.entry(key).or_default();
        sum.packets = sum.packets.saturating_add(counter.packets);
        sum.bytes = sum.bytes.saturating_add(counter.bytes);
    }
    Ok(Counters(counters))
}

/// The comment itself, but for default actions, whose comment does not tell the family.
fn key(family: &str, chain: &str, comment: &str) -> Option<String> {
    if !comment.contains(" default-action ") {
        return (!comment.is_empty()).then(|| comment.to_owned());
    }
    let family = match family {
        "ip" => ChainFamily::Ipv4,
        "ip6" => ChainFamily::Ipv6,
        "bridge" => ChainFamily::Bridge,
        _ => return None,
    };
    let hooks = [
        ("FORWARD", Hook::Forward),
        ("INPUT", Hook::Input),
        ("OUTPUT", Hook::Output),
        // So the router spells it for bridges.
        ("OUTUT", Hook::Output),
        ("PREROUTING", Hook::Prerouting),
    ];
    let base = chain.strip_prefix("VYOS_").and_then(|rest| {
        let rest = rest.strip_prefix("IPV6_").unwrap_or(rest);
        let (hook, name) = rest.split_once('_')?;
        let (_, hook) = hooks.iter().find(|(word, _)| *word == hook)?;
        Some(ChainId { family, hook: *hook, name: name.to_owned() })
    });
    let named = || {
        let (_, name) = chain.split_once('_').filter(|(start, _)| start.starts_with("NAME"))?;
        Some(ChainId::named(family, name))
    };
    base.or_else(named).map(|id| id.default_key())
}
