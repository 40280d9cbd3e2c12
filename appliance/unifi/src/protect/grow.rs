//! Events of Protect: they begin, change while they last and end, and stay one event all the while.
//! Additions and changes in; the event as it then is, if anything about it is new, out.
//!
//! A change carries neither the kind of the event nor all of it, may come before the addition, may
//! come twice, and the end may never come.

use std::collections::HashMap;
use std::time::Duration;

use model::Timestamp;
use serde_json::{Map, Value};

use crate::happening::{LONGEST_NAME, MOST_FACTS, name};
use crate::json;
use crate::{Happening, Source};

/// Events that are remembered at once. Twelve busy cameras have some dozens.
const MOST: usize = 2048;
/// How long one without an end is waited for after it was last heard of.
const LASTS: Duration = Duration::from_secs(3600);
/// How long one with an end is remembered: pictures and descriptions come later.
const ENDED: Duration = Duration::from_secs(300);
/// How long changes wait for their event.
const UNTOLD: Duration = Duration::from_secs(60);

/// What came of an addition or a change.
#[derive(Debug, Clone, PartialEq)]
pub enum Grown {
    /// A new event; it may have ended already.
    New(Happening),
    /// An event that is known has changed.
    Changed(Happening),
    /// Nothing that was not known.
    Same,
    /// A change of an event that is not known; it is kept until the event comes. What is missing
    /// can be asked for.
    Unknown,
}

/// What is to be done about events that were not heard of for long.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Swept {
    /// Ids of events whose beginning was never told: only asking tells what they are.
    pub unknown: Vec<String>,
    /// Events that never ended, so far as is known.
    pub endless: usize,
}

/// Events that last, or ended a short time ago.
#[derive(Debug, Default)]
pub struct Growing {
    events: HashMap<String, Known>,
}

#[derive(Debug)]
struct Known {
    facts: Map<String, Value>,
    heard: Timestamp,
}

impl Known {
    fn kind(&self) -> Option<&str> {
        name(&self.facts, "type")
    }

    fn patience(&self) -> Duration {
        if self.kind().is_none() {
            UNTOLD
        } else if self.facts.contains_key("end") {
            ENDED
        } else {
            LASTS
        }
    }

    fn happening(&self, id: &str) -> Option<Happening> {
        let key = self.kind()?.to_owned();
        let at = json::time(&self.facts, "start").unwrap_or(self.heard);
        let end = json::time(&self.facts, "end");
        let facts = self.facts.clone();
        Some(Happening { source: Source::Protect, id: id.to_owned(), key, at, end, facts })
    }
}

impl Growing {
    /// How many are remembered.
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether none is remembered.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Takes what was told of an event: that it was added, or what changed, or what REST answers.
    /// An addition is older than all changes, so what they said stands above it. Null says nothing.
    pub fn take(
        &mut self,
        id: &str,
        mut told: Map<String, Value>,
        added: bool,
        now: Timestamp,
    ) -> Grown {
        if id.is_empty() || id.len() > LONGEST_NAME {
            return Grown::Same;
        }
        json::blank_secrets(&mut told);
        if !self.events.contains_key(id) && self.events.len() >= MOST {
            self.forget_oldest();
        }
        let known = self
            .events
            .entry(id.to_owned())
            .or_insert_with(|| Known { facts: Map::new(), heard: now });
        known.heard = known.heard.max(now);
        let was_told = known.kind().is_some();
        let mut changed = false;
        for (name, value) in told {
            let stands = known.facts.get(&name);
            let says_nothing = value.is_null() || added && stands.is_some();
            if !says_nothing && stands != Some(&value) {
                changed = true;
                known.facts.insert(name, value);
            }
        }
        if changed {
            json::lighten(&mut known.facts, MOST_FACTS);
        }
        match known.happening(id) {
            None => Grown::Unknown,
            Some(happening) if !was_told => Grown::New(happening),
            Some(happening) if changed => Grown::Changed(happening),
            Some(_) => Grown::Same,
        }
    }

    /// Forgets what was not heard of for long.
    pub fn sweep(&mut self, now: Timestamp) -> Swept {
        let mut swept = Swept::default();
        self.events.retain(|id, known| {
            let stays = now.since(known.heard) < known.patience();
            if !stays {
                if known.kind().is_none() {
                    swept.unknown.push(id.clone());
                } else if known.patience() == LASTS {
                    swept.endless += 1;
                }
            }
            stays
        });
        swept
    }

    fn forget_oldest(&mut self) {
        let oldest = self.events.iter().min_by_key(|(_, known)| known.heard);
        if let Some(id) = oldest.map(|(id, _)| id.clone()) {
            self.events.remove(&id);
        }
    }
}

#[cfg(test)]
mod tests;
