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
    by: Actor,
    made: Instant,
}

impl Plan {
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
        let mut risks = match after {
            Some(after) => risks(&seen, after, operator),
            None => unknown(&draft.commands),
        };
        if draft.commands.iter().any(|command| matches!(command, Command::Comment(..))) {
            let text = "Remarks are not undone with the rest if nobody keeps it.".to_owned();
            risks.push(Risk { stake: Stake::Note, text });
        }
        let word = seen.value_at(["system", "host-name"]).unwrap_or("vyos").to_owned();
        let Draft { commands, why, origin } = draft;
        let (id, made) = (new_id(), Instant::now());
        let plan = Arc::new(Plan { id, why, commands, risks, origin, seen, word, by, made });
        let mut plans = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        plans.retain(|_, plan| plan.made.elapsed() < LASTS);
        while plans.len() >= MOST {
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

    /// Lets a plan go.
    pub(crate) fn forget(&self, id: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }
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
