//! Chains and rules of the firewall.

use serde::{Deserialize, Serialize};

use super::draft::{below, words};
use super::rule::Rules;
use super::{Check, Draft, EditError, Place, value};
use crate::facts::{Chain, ChainFamily, ChainId, Hook, Matches, Rule, firewall};

/// A rule as it shall be.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RuleEdit {
    /// `accept`, `drop`, `reject`, `jump`, `return`, `continue` or `queue`; an existing rule may
    /// keep an action that is not among them.
    pub action: String,
    /// The chain that it sends packets to, with `jump` only.
    pub jump_target: Option<String>,
    /// What to call it.
    pub description: Option<String>,
    /// Switched off.
    pub disabled: bool,
    /// Packets are logged.
    pub log: bool,
    /// What packets it is for. What is in `other` there stays as it is in the configuration.
    pub matches: Matches,
}

impl From<&Rule> for RuleEdit {
    fn from(rule: &Rule) -> Self {
        Self {
            action: rule.action.clone().unwrap_or_default(),
            jump_target: rule.jump_target.clone(),
            description: rule.description.clone(),
            disabled: rule.disabled,
            log: rule.log,
            matches: rule.matches.clone(),
        }
    }
}

/// What can be changed about a chain beside its rules.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ChainEdit {
    /// `accept` or `drop`; chains with a name also take `reject`, `return`, `continue` and `jump`.
    /// None: `accept`, or `drop` for a chain with a name.
    pub default_action: Option<String>,
    /// The chain that packets are sent to in the end, with `jump` only.
    pub default_jump_target: Option<String>,
    /// Packets that no rule decides on are logged.
    pub default_log: bool,
    /// What to call it.
    pub description: Option<String>,
}

impl From<&Chain> for ChainEdit {
    fn from(chain: &Chain) -> Self {
        Self {
            default_action: chain.default_action.clone(),
            default_jump_target: chain.default_jump_target.clone(),
            default_log: chain.default_log,
            description: chain.description.clone(),
        }
    }
}

/// Actions that need nothing beside them.
const ACTIONS: [&str; 7] = ["accept", "continue", "drop", "jump", "queue", "reject", "return"];

impl Draft<'_> {
    /// Makes a rule at a place of a chain, and tells its number. Neighbours are renumbered only
    /// where no number is free between them.
    pub fn add_rule(
        &mut self,
        chain: &ChainId,
        place: Place,
        edit: &RuleEdit,
    ) -> Result<u32, EditError> {
        self.check_rule(chain, None, edit)?;
        self.attempt(|draft| {
            let list = chain.path();
            let number = draft.make_room(&words(&list), place)?;
            draft.write_rule(chain, number, edit);
            Ok(number)
        })
    }

    /// Changes a rule in its place.
    pub fn edit_rule(
        &mut self,
        chain: &ChainId,
        number: u32,
        edit: &RuleEdit,
    ) -> Result<(), EditError> {
        self.rule_exists(chain, number)?;
        self.check_rule(chain, Some(number), edit)?;
        self.write_rule(chain, number, edit);
        Ok(())
    }

    /// Takes a rule away.
    pub fn delete_rule(&mut self, chain: &ChainId, number: u32) -> Result<(), EditError> {
        self.rule_exists(chain, number)?;
        self.remove(&below(&words(&chain.path()), &["rule", &number.to_string()]));
        Ok(())
    }

    /// Switches a rule on or off.
    pub fn enable_rule(
        &mut self,
        chain: &ChainId,
        number: u32,
        enabled: bool,
    ) -> Result<(), EditError> {
        self.rule_exists(chain, number)?;
        let number = number.to_string();
        self.flag(&below(&words(&chain.path()), &["rule", &number, "disable"]), !enabled);
        Ok(())
    }

    /// Moves a rule to another place of its chain, and tells its number there.
    pub fn move_rule(
        &mut self,
        chain: &ChainId,
        number: u32,
        place: Place,
    ) -> Result<u32, EditError> {
        self.dialect.firewall()?;
        let list = chain.path();
        self.attempt(|draft| draft.move_in(&words(&list), number, place))
    }

    /// Makes a chain with a name, or changes what any chain does in the end.
    pub fn set_chain(&mut self, chain: &ChainId, edit: &ChainEdit) -> Result<(), EditError> {
        self.dialect.firewall()?;
        let mut check = Check::default();
        let path = chain.path();
        let path = words(&path);
        if chain.hook == Hook::Name && !self.exists(&path) {
            check.is("name", &chain.name, value::name);
        }
        let base = ["filter", "raw"].contains(&chain.name.as_str());
        check.that(chain.hook == Hook::Name || base, "name", "filter, or raw at prerouting");
        let action = edit.default_action.as_deref();
        let known = match chain.hook {
            Hook::Name => ["accept", "drop", "reject", "return", "continue", "jump"].as_slice(),
            _ => &["accept", "drop"],
        };
        let takes = action.is_none_or(|action| known.contains(&action));
        check.that(takes, "default_action", &format!("one of {}", known.join(", ")));
        match (&edit.default_jump_target, action) {
            (Some(target), Some("jump")) => {
                self.check_jump(&mut check, chain, target, "default_jump_target");
            }
            (None, Some("jump")) => check.fail("default_jump_target", "the chain to jump to"),
            (Some(_), _) => check.fail("default_jump_target", "only with the action jump"),
            (None, _) => {}
        }
        check.maybe("description", edit.description.as_ref(), value::text);
        check.done()?;
        self.node(&path);
        self.put(&below(&path, &["default-action"]), edit.default_action.as_ref());
        self.put(&below(&path, &["default-jump-target"]), edit.default_jump_target.as_ref());
        self.flag(&below(&path, &["default-log"]), edit.default_log);
        self.put(&below(&path, &["description"]), edit.description.as_ref());
        Ok(())
    }

    /// Takes a chain with a name away, unless rules or zones still send packets to it.
    pub fn delete_chain(&mut self, chain: &ChainId) -> Result<(), EditError> {
        let firewall = firewall(self.tree());
        let found = firewall.chain(chain).filter(|_| chain.hook == Hook::Name);
        let found = found.ok_or_else(|| EditError::of("name", "there is no such chain"))?;
        let own = format!("{chain} rule");
        let used: Vec<&str> = found
            .used_by
            .iter()
            .map(String::as_str)
            .filter(|place| !place.starts_with(&own))
            .collect();
        if !used.is_empty() {
            return Err(EditError::of("name", format!("still used by {}", used.join(", "))));
        }
        self.remove(&words(&chain.path()));
        self.prune(&["firewall", chain.family.word()], 0);
        Ok(())
    }

    fn rule_exists(&self, chain: &ChainId, number: u32) -> Result<(), EditError> {
        self.dialect.firewall()?;
        if self.exists(&below(&words(&chain.path()), &["rule", &number.to_string()])) {
            return Ok(());
        }
        Err(EditError::of("number", format!("there is no rule {number} in {chain}")))
    }

    fn check_rule(
        &self,
        chain: &ChainId,
        number: Option<u32>,
        edit: &RuleEdit,
    ) -> Result<(), EditError> {
        self.dialect.firewall()?;
        let mut check = Check::default();
        let path = chain.path();
        if chain.hook == Hook::Name {
            check.that(self.exists(&words(&path)), "chain", "there is no such chain");
        }
        let kept = number.and_then(|number| {
            let number = number.to_string();
            let path = below(&words(&path), &["rule", &number, "action"]);
            self.tree().value_at(path).map(str::to_owned)
        });
        let known = ACTIONS.contains(&edit.action.as_str()) || kept.as_ref() == Some(&edit.action);
        check.that(known, "action", &format!("one of {}", ACTIONS.join(", ")));
        let rejects = edit.action == "reject" && chain.family == ChainFamily::Bridge;
        check.that(!rejects, "action", "a bridge cannot reject");
        match (&edit.jump_target, edit.action.as_str()) {
            (Some(target), "jump") => self.check_jump(&mut check, chain, target, "jump_target"),
            (None, "jump") => check.fail("jump_target", "the chain to jump to"),
            (Some(_), _) => check.fail("jump_target", "only with the action jump"),
            (None, _) => {}
        }
        check.maybe("description", edit.description.as_ref(), value::text);
        let not_out = chain.hook == Hook::Input || chain.hook == Hook::Prerouting;
        let has_out = edit.matches.outbound.is_some();
        check.that(!(not_out && has_out), "outbound", "packets do not go out from here");
        let has_in = edit.matches.inbound.is_some();
        let not_in = chain.hook == Hook::Output;
        check.that(!(not_in && has_in), "inbound", "packets do not come in here");
        self.check_matches(&mut check, &edit.matches, rules_of(chain.family));
        check.done()
    }

    /// A jump must lead somewhere, and not back.
    fn check_jump(&self, check: &mut Check, from: &ChainId, target: &str, field: &str) {
        let firewall = firewall(self.tree());
        let mut pending = vec![target.to_owned()];
        let mut at = 0;
        while let Some(name) = pending.get(at).cloned() {
            let id = ChainId::named(from.family, &name);
            let Some(chain) = firewall.chain(&id) else {
                check.fail(field, format!("there is no chain {name}"));
                return;
            };
            if id == *from {
                check.fail(field, format!("from {target} jumps lead back to {}", from.name));
                return;
            }
            let jumps = chain.rules.iter().filter_map(|rule| rule.jump_target.clone());
            for next in jumps.chain(chain.default_jump_target.clone()) {
                if !pending.contains(&next) {
                    pending.push(next);
                }
            }
            at += 1;
        }
    }

    fn write_rule(&mut self, chain: &ChainId, number: u32, edit: &RuleEdit) {
        let number = number.to_string();
        let list = chain.path();
        let path = below(&words(&list), &["rule", &number]);
        self.node(&path);
        self.put(&below(&path, &["action"]), Some(&edit.action));
        self.put(&below(&path, &["jump-target"]), edit.jump_target.as_ref());
        self.put(&below(&path, &["description"]), edit.description.as_ref());
        self.flag(&below(&path, &["disable"]), edit.disabled);
        self.flag(&below(&path, &["log"]), edit.log);
        if !edit.log {
            // The router takes them only with the log on.
            self.remove(&below(&path, &["log-options"]));
        }
        self.write_matches(&path, &edit.matches, rules_of(chain.family));
    }
}

fn rules_of(family: ChainFamily) -> Rules {
    match family {
        ChainFamily::Ipv4 => Rules::Ipv4,
        ChainFamily::Ipv6 => Rules::Ipv6,
        ChainFamily::Bridge => Rules::Bridge,
    }
}
