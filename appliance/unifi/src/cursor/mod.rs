//! Where a stream was, so that nothing that a console tells is missed. What happens to a connection
//! in; when to connect, what to ask for and what to store, with the place to go on from, out.
//!
//! On each connection frames are kept back while history is asked for from five minutes before the
//! time up to which all is known; its rows are stored first, then what was kept back. Whatever is
//! stored twice is the same event by its id. Every five minutes history is asked for anyway, because
//! sockets lose events. The place is stored in the transaction of the events that lead up to it.

pub mod pulse;
#[cfg(test)]
mod tests;

use std::time::Duration;

use model::Timestamp;

use crate::Happening;

/// How far before the known time history is asked for: events are told late and out of order.
const OVERLAP: Duration = Duration::from_secs(300);
/// How often history is asked for while the connection holds.
const EVERY: Duration = Duration::from_secs(300);
/// How soon it is asked for again when the question failed.
const AGAIN: Duration = Duration::from_secs(30);
/// Clocks of consoles are off by so much.
const SKEW: Duration = Duration::from_secs(3600);
/// A connection that held for less was refused.
const QUICK: Duration = Duration::from_secs(5);
/// After so many of them in a row the place is given up.
const MOST_QUICK: u8 = 3;
/// Happenings that are kept back at most; then they are stored before history.
const MOST_KEPT: usize = 10_000;
/// Pauses before connecting again, in seconds; the last one for ever.
const PAUSES: [u64; 5] = [0, 5, 15, 30, 60];
/// The first pause after a refused sign-in, which doubles to the longest, in seconds.
const REFUSED: u64 = 120;
const LONGEST: u64 = 1_920;

/// The place in a stream: what is stored with its events.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place {
    /// Up to this time, by the console's clock, all is stored.
    pub known: Option<Timestamp>,
    /// The last packet that was decoded, of streams that can go on from one.
    pub update_id: Option<String>,
}

/// Why a connection ended or did not come about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    /// The network, the console or an application on it.
    Lost,
    /// The console refuses the credentials.
    Refused,
    /// The console wants to be left alone for so long.
    Later(Duration),
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Open the socket, from this packet on where it can.
    Connect(Option<String>),
    /// Ask for history from this time on; None is the first time ever, whose rows are of the past
    /// and told to nobody.
    Ask(Option<Timestamp>),
    /// Say that what happened between these times may be missing.
    Gap(Timestamp, Timestamp),
}

/// Happenings to be stored in one transaction, with the place after them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Batch {
    /// What happened; stored by source and id, later ones above earlier ones.
    pub happenings: Vec<Happening>,
    /// Where the stream is then.
    pub place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Link {
    /// Not connected; to be connected then.
    Down(Timestamp),
    Connecting,
    /// Connected since then.
    Up(Timestamp),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Question {
    from: Option<Timestamp>,
    asked: Timestamp,
    /// The latest time that was told before the question.
    told: Option<Timestamp>,
}

/// A stream of a console.
#[derive(Debug)]
pub struct Cursor {
    place: Place,
    link: Link,
    question: Option<Question>,
    next_question: Timestamp,
    /// What was told since the connection, before history was complete.
    kept: Vec<Happening>,
    keeps: bool,
    /// The last packet that was decoded; the place's is that before all that is kept back.
    latest: Option<String>,
    ready: Vec<Happening>,
    is_moved: bool,
    told: Option<Timestamp>,
    gap_told: bool,
    failures: usize,
    refusals: u32,
    quick: u8,
}

impl Cursor {
    /// A stream that goes on from the place that was stored last.
    pub fn new(place: Place, now: Timestamp) -> Self {
        Self {
            latest: place.update_id.clone(),
            place,
            link: Link::Down(now),
            question: None,
            next_question: now,
            kept: Vec::new(),
            keeps: false,
            ready: Vec::new(),
            is_moved: false,
            told: None,
            gap_told: false,
            failures: 0,
            refusals: 0,
            quick: 0,
        }
    }

    /// What is due. To be called at least every second.
    pub fn tick(&mut self, now: Timestamp) -> Option<Step> {
        match self.link {
            Link::Down(until) if until <= now => {
                self.link = Link::Connecting;
                Some(Step::Connect(self.place.update_id.clone()))
            }
            Link::Up(_) if self.question.is_none() && self.next_question <= now => {
                Some(self.ask(now))
            }
            _ => None,
        }
    }

    /// The socket is open.
    pub fn opened(&mut self, now: Timestamp) -> Step {
        self.link = Link::Up(now);
        self.keeps = true;
        self.ask(now)
    }

    /// The place in the stream as the console tells it outside of the stream, where there was none.
    pub fn place_told(&mut self, update_id: &str) {
        if self.latest.is_none() {
            self.latest = Some(update_id.to_owned());
            self.settle();
        }
    }

    /// A frame was decoded: what happened, if anything, and its place in the stream, if it has one.
    pub fn told(&mut self, happenings: Vec<Happening>, update_id: Option<String>, now: Timestamp) {
        self.failures = 0;
        self.refusals = 0;
        self.quick = 0;
        self.remember(&happenings, now);
        self.kept.extend(happenings);
        self.latest = update_id.or_else(|| self.latest.take());
        if !self.keeps || self.kept.len() > MOST_KEPT {
            self.ready.append(&mut self.kept);
        }
        self.settle();
    }

    /// Rows of the history that was asked for.
    pub fn answered(&mut self, rows: Vec<Happening>, now: Timestamp) {
        self.remember(&rows, now);
        if let Some(question) = &mut self.question {
            question.told = question.told.max(rows.iter().map(|row| row.at.min(now)).max());
        }
        self.ready.extend(rows);
    }

    /// The history is complete, back to `reaches` if it does not reach to where it was asked from.
    pub fn complete(&mut self, reaches: Option<Timestamp>, now: Timestamp) -> Option<Step> {
        let question = self.question.take()?;
        let told = question.told.unwrap_or_else(|| question.asked.minus(SKEW));
        self.place.known = self.place.known.max(Some(told));
        self.is_moved = true;
        self.next_question = now.plus(EVERY);
        self.release();
        self.gap_told = false;
        match (question.from, reaches) {
            (Some(from), Some(to)) if from < to => Some(Step::Gap(from, to)),
            _ => None,
        }
    }

    /// The history could not be had. It is asked for again; until then something may be missing.
    pub fn failed(&mut self, now: Timestamp) -> Option<Step> {
        let question = self.question.take()?;
        self.next_question = now.plus(AGAIN);
        self.release();
        let from = question.from?;
        // Once for all failures in a row.
        (!std::mem::replace(&mut self.gap_told, true)).then_some(Step::Gap(from, question.asked))
    }

    /// The connection ended, or did not come about. `reason` is what the console says; `random` is
    /// any number, which spreads the moments at which many connect again.
    pub fn closed(&mut self, why: Closed, reason: &str, random: u16, now: Timestamp) {
        let was_quick = matches!(self.link, Link::Up(since) if now.since(since) < QUICK);
        self.quick = self.quick.saturating_add(u8::from(was_quick));
        if reason.contains("lastUpdateId") || self.quick >= MOST_QUICK {
            self.latest = None;
            self.quick = 0;
        }
        // What was kept back is not lost, and the question is asked again.
        self.question = None;
        self.release();
        let pause = match why {
            Closed::Lost => {
                self.failures += 1;
                let pause = PAUSES.get(self.failures - 1).or(PAUSES.last());
                Duration::from_secs(pause.copied().unwrap_or_default())
            }
            Closed::Refused => {
                let pause = Duration::from_secs((REFUSED << self.refusals.min(4)).min(LONGEST));
                self.refusals += 1;
                pause
            }
            Closed::Later(pause) => {
                pause.clamp(Duration::from_secs(1), Duration::from_secs(LONGEST))
            }
        };
        let spread = pause.mul_f64(f64::from(random) / f64::from(u16::MAX) / 4.0);
        self.link = Link::Down(now.plus(pause + spread));
    }

    /// What is to be stored, if anything is.
    pub fn take(&mut self) -> Option<Batch> {
        let is_moved = std::mem::replace(&mut self.is_moved, false);
        let happenings = std::mem::take(&mut self.ready);
        let place = || self.place.clone();
        (is_moved || !happenings.is_empty()).then(|| Batch { happenings, place: place() })
    }

    /// Whether the socket is open and all history is known.
    pub fn is_whole(&self) -> bool {
        matches!(self.link, Link::Up(_)) && !self.keeps && !self.gap_told
    }

    fn ask(&mut self, now: Timestamp) -> Step {
        let from = self.place.known.map(|known| known.minus(OVERLAP));
        self.question = Some(Question { from, asked: now, told: self.told });
        Step::Ask(from)
    }

    /// A console whose clock is ahead must not make what follows look old.
    fn remember(&mut self, happenings: &[Happening], now: Timestamp) {
        self.told = self.told.max(happenings.iter().map(|it| it.at.min(now)).max());
    }

    fn release(&mut self) {
        self.keeps = false;
        self.ready.append(&mut self.kept);
        self.settle();
    }

    /// Moves the place on, unless something before it is kept back.
    fn settle(&mut self) {
        if self.kept.is_empty() && self.place.update_id != self.latest {
            self.place.update_id.clone_from(&self.latest);
            self.is_moved = true;
        }
    }
}
