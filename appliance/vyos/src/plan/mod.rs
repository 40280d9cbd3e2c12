//! A change before it is made: the commands as they will be sent, what they put at risk, and where
//! the person filled them in.

pub(crate) mod risk;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use access::Actor;
use tokio::time::Instant;

use crate::config::{Command, Node};
use risk::{Operator, Risk, Stake, risks};

/// How long a plan can be applied after it was made. Others change the router, too.
const LASTS: Duration = Duration::from_secs(60 * 60);
/// Plans that are kept at once; the oldest give way.
const MOST: usize = 256;
/// The most commands of a plan.
pub const MOST_COMMANDS: usize = 20_000;

/// The longest plan, in bytes of its words.
pub(crate) const LONGEST_PLAN: usize = 4 << 20;
/// What all plans may take together, in bytes; the oldest give way.
const MOST_BYTES: usize = 64 << 20;
/// What a node of a configuration takes about, in bytes.
const NODE: usize = 160;

/// Where a plan was filled in, to go back there if the router refuses it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Origin {
    /// The page with the form, a path of the site.
    pub url: String,
    /// What was in its fields, secrets left out.
    pub fields: Vec<(String, String)>,
}

/// A change that was not made yet.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Names it; not to be guessed.
    pub id: String,
    /// What it is for, in a few words.
    pub why: String,
    /// What is shown is what is sent.
    pub commands: Vec<Command>,
    /// What it puts at risk, the gravest first.
    pub risks: Vec<Risk>,
    /// Where it was filled in.
    pub origin: Origin,
    /// The configuration for which it was made.
    pub(crate) seen: Arc<Node>,
    /// What has to be typed to apply it where it may cut somebody off.
    pub word: String,
    pub(crate) fate: Arc<Fate>,
    by: Actor,
    made: Instant,
    /// What it takes alone, and what the configuration does that it may share with others.
    bytes: (usize, usize),
}

/// What became of a plan so far.
#[derive(Debug, Default)]
pub(crate) struct Fate {
    /// The change that it became. Held by who applies it.
    pub(crate) applied: tokio::sync::Mutex<Option<i64>>,
    /// What was said when it was refused.
    said: Mutex<String>,
}

impl Plan {
    /// The change that it became, if it was applied.
    pub fn applied(&self) -> Option<i64> {
        self.fate.applied.try_lock().ok().and_then(|applied| *applied)
    }

    /// Keeps what was said when it was refused, for the form that it came from.
    pub fn refuse(&self, said: &str) {
        let mut kept = self.fate.said.lock().unwrap_or_else(PoisonError::into_inner);
        said.clone_into(&mut kept);
    }

    /// What was said when it was refused; empty if it was not.
    pub fn said(&self) -> String {
        self.fate.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether it may cut somebody off, so that it must be confirmed by typing [`Plan::word`].
    pub fn cuts(&self) -> bool {
        self.risks.iter().any(|risk| risk.stake == Stake::Cuts)
    }

    /// Why it is never applied, if so.
    pub fn refused(&self) -> Option<&str> {
        self.risks.iter().find(|risk| risk.stake == Stake::Refused).map(|risk| &*risk.text)
    }

    /// The command that the router's words are about, by its number in the list.
    pub fn culprit(&self, said: &str) -> Option<usize> {
        culprit(&self.commands, said)
    }
}

/// The router repeats the path of a command that it does not take at once; of one that fails in the
/// commit it mostly names the values.
fn culprit(commands: &[Command], said: &str) -> Option<usize> {
    if let [_] = commands {
        return Some(0);
    }
    let words: Vec<&str> = said
        .split(|c: char| c.is_whitespace() || "[](),;'\"".contains(c))
        .map(|word| word.trim_end_matches(['.', ':']))
        .filter(|word| !word.is_empty())
        .collect();
    let points = |command: &Command| {
        let (Command::Set(path) | Command::Delete(path) | Command::Comment(path, _)) = command;
        // All words in a row: that one. Else as many of its words as are told.
        let row = path.iter().flat_map(|word| word.split_whitespace()).collect::<Vec<_>>();
        if !row.is_empty() && words.windows(row.len()).any(|part| part == row) {
            return 1_000;
        }
        path.iter().skip(1).filter(|word| words.contains(&word.as_str())).count()
    };
    let best = commands.iter().enumerate().map(|(at, command)| (points(command), at));
    let (points, at) = best.max_by_key(|(points, at)| (*points, usize::MAX - at))?;
    (points >= 1).then_some(at)
}

/// The plans that people look at right now.
#[derive(Default)]
pub(crate) struct Plans(Mutex<HashMap<String, Arc<Plan>>>);

/// What a plan is made of.
pub struct Draft {
    /// The commands.
    pub commands: Vec<Command>,
    /// What it is for, in a few words.
    pub why: String,
    /// Where it was filled in.
    pub origin: Origin,
}

impl Draft {
    /// How long all its words are.
    pub(crate) fn bytes(&self) -> usize {
        let command = |command: &Command| {
            let (Command::Set(path) | Command::Delete(path) | Command::Comment(path, _)) = command;
            let text = if let Command::Comment(_, text) = command { text.len() } else { 0 };
            text + path.iter().map(String::len).sum::<usize>()
        };
        let fields = self.origin.fields.iter().map(|(name, value)| name.len() + value.len());
        self.commands.iter().map(command).chain(fields).sum::<usize>() + self.origin.url.len()
    }
}

impl Plans {
    /// Keeps a plan under a new name.
    pub(crate) fn make(
        &self,
        draft: Draft,
        seen: Arc<Node>,
        after: Option<&Node>,
        by: Actor,
        operator: Operator,
    ) -> Arc<Plan> {
        let risks = match after {
            Some(after) => risks(&seen, after, operator),
            None => unknown(&draft.commands),
        };
        let word = seen.value_at(["system", "host-name"]).unwrap_or("vyos").to_owned();
        let words: usize = draft.commands.len() * 8;
        let bytes = (draft.bytes() + words * size_of::<String>(), seen.count() * NODE);
        let Draft { commands, why, origin } = draft;
        let (id, made, fate) = (new_id(), Instant::now(), Arc::default());
        let plan = Plan { id, why, commands, risks, origin, seen, word, fate, by, made, bytes };
        let plan = Arc::new(plan);
        let mut plans = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        plans.retain(|_, plan| plan.made.elapsed() < LASTS);
        while plans.len() >= MOST || taken(&plans) + bytes.0 + bytes.1 > MOST_BYTES {
            let oldest = plans.values().min_by_key(|plan| plan.made).map(|plan| plan.id.clone());
            let Some(oldest) = oldest else { break };
            plans.remove(&oldest);
        }
        plans.insert(plan.id.clone(), plan.clone());
        plan
    }

    /// The plan of that name, if this actor made it.
    pub(crate) fn find(&self, id: &str, by: &Actor) -> Option<Arc<Plan>> {
        let plans = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        plans.get(id).filter(|plan| &plan.by == by && plan.made.elapsed() < LASTS).cloned()
    }
}

/// What plans take together, in bytes.
fn taken(plans: &HashMap<String, Arc<Plan>>) -> usize {
    let seen: HashMap<_, _> =
        plans.values().map(|plan| (Arc::as_ptr(&plan.seen), plan.bytes.1)).collect();
    plans.values().map(|plan| plan.bytes.0).sum::<usize>() + seen.values().sum::<usize>()
}

/// The risks of commands of which it is not known what they lead to.
fn unknown(commands: &[Command]) -> Vec<Risk> {
    let api = ["service", "https", "api"];
    let touches = |command: &Command| {
        let (Command::Set(path) | Command::Delete(path) | Command::Comment(path, _)) = command;
        path.iter().zip(api).all(|(word, own)| word == own)
    };
    let text = "What this leads to could not be worked out beforehand";
    vec![if commands.iter().any(touches) {
        let text = format!("{text}, and it touches the HTTP API that Panoptikon itself uses.");
        Risk { stake: Stake::Refused, text }
    } else {
        Risk { stake: Stake::Cuts, text: format!("{text}.") }
    }]
}

fn new_id() -> String {
    let mut bytes = [0; 12];
    // Without randomness the clock still tells plans apart, and only their maker may use them.
    if getrandom::fill(&mut bytes).is_err() {
        bytes[..8].copy_from_slice(&model::Timestamp::now().0.to_le_bytes());
    }
    bytes.iter().fold(String::new(), |mut id, byte| {
        let _ = write!(id, "{byte:02x}");
        id
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(text: usize) -> Draft {
        let path = ["system", "host-name", &"x".repeat(text)].map(str::to_owned).to_vec();
        let commands = vec![Command::Set(path)];
        Draft { commands, why: String::new(), origin: Origin::default() }
    }

    #[test]
    fn long_plans_push_out_old_ones_and_not_the_memory_of_the_router() {
        let (plans, seen) = (Plans::default(), Arc::new(Node::default()));
        let made: Vec<_> = (0..40)
            .map(|_| {
                plans.make(draft(3 << 20), seen.clone(), None, Actor::System, Operator::default())
            })
            .collect();
        let found = |plan: &Arc<Plan>| plans.find(&plan.id, &Actor::System).is_some();
        let kept = made.iter().filter(|plan| found(plan)).count();
        assert!((15..=21).contains(&kept), "{kept}");
        assert!(found(&made[39]) && !found(&made[0]));
    }
}
