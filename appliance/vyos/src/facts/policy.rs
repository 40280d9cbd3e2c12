//! Policy routes: packets that are sent through a table of their own.

use serde::Serialize;

use super::matches::Matches;
use super::read::Reader;
use super::routes::Family;
use crate::config::Node;

/// A list of rules for what comes in by some interfaces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PolicyRoute {
    /// Of its packets.
    pub family: Family,
    /// Its name.
    pub name: String,
    /// What somebody said of it.
    pub description: Option<String>,
    /// What comes in here.
    pub interfaces: Vec<String>,
    /// Packets that no rule is for are logged.
    pub default_log: bool,
    /// In their order.
    pub rules: Vec<PolicyRule>,
    /// All else, in the configuration's words.
    pub other: Vec<String>,
}

/// A rule of a policy route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PolicyRule {
    /// Its place, 1 to 999 999.
    pub number: u32,
    /// What somebody said of it.
    pub description: Option<String>,
    /// Switched off.
    pub disabled: bool,
    /// `accept`, `drop`, `reject` or `return`, if it does not set a table.
    pub action: Option<String>,
    /// Packets are logged.
    pub log: bool,
    /// What packets it is for.
    pub matches: Matches,
    /// The table that they are sent through: a number or `main`.
    pub set_table: Option<String>,
    /// The VRF that they are sent through.
    pub set_vrf: Option<String>,
    /// The mark that they get.
    pub set_mark: Option<String>,
    /// All else, in the configuration's words.
    pub other: Vec<String>,
}

/// All policy routes.
pub fn policy_routes(root: &Node) -> Vec<PolicyRoute> {
    let mut policy = Reader::of(root.at(["policy"]));
    let mut routes = Vec::new();
    for (word, family) in
        [("route", Family::Ipv4), ("route6", Family::Ipv6), ("ipv6-route", Family::Ipv6)]
    {
        for (name, mut reader) in policy.each(word) {
            let mut other = Vec::new();
            let mut rules: Vec<PolicyRule> = Vec::new();
            for (number, rule) in reader.each("rule") {
                match number.parse() {
                    Ok(number) => rules.push(read_rule(number, rule)),
                    Err(_) => rule.rest_in(&format!("rule {number}"), &mut other),
                }
            }
            model::sort_by_key(&mut rules, |rule| rule.number);
            let mut route = PolicyRoute {
                family,
                name,
                description: reader.text("description"),
                interfaces: reader.texts("interface"),
                default_log: reader.flag("default-log") || reader.flag("enable-default-log"),
                rules,
                other,
            };
            route.other.extend(reader.rest());
            routes.push(route);
        }
    }
    routes
}

fn read_rule(number: u32, mut reader: Reader<'_>) -> PolicyRule {
    let mut other = Vec::new();
    let (mut set_table, mut set_vrf, mut set_mark) = (None, None, None);
    if let Some(mut set) = reader.group("set") {
        set_table = set.text("table");
        set_vrf = set.text("vrf");
        set_mark = set.text("mark");
        set.rest_in("set", &mut other);
    }
    let mut rule = PolicyRule {
        number,
        description: reader.text("description"),
        disabled: reader.flag("disable"),
        action: reader.text("action"),
        log: reader.flag("log"),
        matches: Matches::read(&mut reader),
        set_table,
        set_vrf,
        set_mark,
        other,
    };
    rule.other.extend(reader.rest());
    rule
}
