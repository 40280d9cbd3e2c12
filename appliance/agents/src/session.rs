//! One link to an agent, without I/O: frames and the clock in, steps to take out.
//!
//! Times are milliseconds of a clock that only runs forwards. The first message must be `hello`;
//! what is numbered is handed on once and acknowledged when its commit is known; whoever is silent
//! for too long, talks garbage or too much is let go with a code that says why.

use std::collections::BTreeMap;

use wire::{
    Answer, AnswerError, Ask, EventItem, FrameError, FromAgent, FromAppliance, Hello, Inbox,
    Report, Set, Taken, Welcome, close, limits,
};

/// How long an agent may take to say who it is.
const HELLO_MS: u64 = 10_000;
/// Text frames that may come at once, and how many more a second.
const BURST: f64 = 2_000.0;
const A_SECOND: f64 = 500.0;
/// Commands that may be under way at a time.
pub(crate) const MOST_ASKS: usize = 8;
/// An agent is given so much longer for a command than it is told.
const ASK_GRACE_MS: u64 = 5_000;

/// Something numbered that an agent sent.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Numbered {
    pub(crate) seq: u64,
    /// Numbers before it that never came.
    pub(crate) gap: Option<(u64, u64)>,
    pub(crate) what: What,
}

/// What it is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum What {
    Report(Box<Report>),
    Events(Vec<EventItem>),
    Lost { from: u64, why: String },
}

/// What to do.
#[derive(Debug, PartialEq)]
pub(crate) enum Step {
    /// Judge this and answer with [`Session::welcome`] or a close.
    Greet(Box<Hello>),
    /// Store these; then [`Session::committed`].
    Store(Vec<Numbered>),
    /// Make a certificate of this request.
    Renew(String),
    /// Hand this to whoever asked.
    Answer(Answer),
    /// Send this text.
    Send(String),
    /// Send a ping.
    Ping,
    /// Close with this code.
    Close(u16, String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Opening,
    Judging,
    Open,
    Closed,
}

/// A command under way.
#[derive(Debug)]
struct Asked {
    until: u64,
    octets_left: u64,
}

/// The state of a link.
#[derive(Debug)]
pub(crate) struct Session {
    phase: Phase,
    began: u64,
    heard: u64,
    pinged: u64,
    interval_ms: u64,
    inbox: Inbox,
    ack_due: bool,
    acked_at: Option<u64>,
    allowance: f64,
    allowed_at: u64,
    asks: BTreeMap<u64, Asked>,
    next_ask: u64,
    /// Messages of kinds that are not known here.
    pub(crate) unknown: u64,
}

impl Session {
    pub(crate) fn new(now: u64) -> Self {
        Self {
            phase: Phase::Opening,
            began: now,
            heard: now,
            pinged: now,
            interval_ms: 10_000,
            inbox: Inbox::new(0),
            ack_due: false,
            acked_at: None,
            allowance: BURST,
            allowed_at: now,
            asks: BTreeMap::new(),
            next_ask: 1,
            unknown: 0,
        }
    }

    /// A text frame came.
    pub(crate) fn text(&mut self, now: u64, text: &str) -> Vec<Step> {
        if let Err(step) = self.hear(now, 1.0) {
            return step;
        }
        match FromAgent::decode(text) {
            Ok(Some(message)) => self.message(now, message),
            Ok(None) => {
                self.unknown += 1;
                Vec::new()
            }
            Err(error) => self.garbage(&error),
        }
    }

    /// A binary frame came.
    pub(crate) fn binary(&mut self, now: u64, frame: &[u8]) -> Vec<Step> {
        if let Err(step) = self.hear(now, 1.0) {
            return step;
        }
        if self.phase != Phase::Open {
            return self.close(close::GARBAGE, "The first message must be hello.");
        }
        let (messages, unknown) = match wire::batch_messages(frame) {
            Ok(read) => read,
            Err(error) => return self.garbage(&error),
        };
        self.unknown += unknown;
        let mut numbered = Vec::new();
        for message in messages {
            if let Err(step) = self.number(message, &mut numbered) {
                return step;
            }
        }
        self.store(now, numbered)
    }

    /// A pong, a ping or anything else that shows life.
    pub(crate) fn alive(&mut self, now: u64) -> Vec<Step> {
        self.hear(now, 0.2).err().unwrap_or_default()
    }

    /// A frame over the limit of the WebSocket came.
    pub(crate) fn too_big(&mut self) -> Vec<Step> {
        self.close(close::TOO_BIG, "A frame is longer than any may be.")
    }

    /// The agent is let in.
    pub(crate) fn welcome(&mut self, welcome: Welcome) -> Vec<Step> {
        if self.phase != Phase::Judging {
            return Vec::new();
        }
        self.phase = Phase::Open;
        self.inbox = Inbox::new(welcome.acked);
        self.set_interval(welcome.interval_s);
        vec![Step::Send(FromAppliance::Welcome(Box::new(welcome)).encode())]
    }

    /// Everything up to this number is in the tables.
    pub(crate) fn committed(&mut self, now: u64, seq: u64) -> Vec<Step> {
        self.inbox.commit(seq);
        self.ack_due = true;
        self.acknowledge(now).into_iter().collect()
    }

    /// Another interval, or other things to watch.
    pub(crate) fn set(&mut self, set: Set) -> Vec<Step> {
        if self.phase != Phase::Open {
            return Vec::new();
        }
        if let Some(interval) = set.interval_s {
            self.set_interval(interval);
        }
        vec![Step::Send(FromAppliance::Set(set).encode())]
    }

    /// Asks for something; the number of the question, or None while too many are under way.
    pub(crate) fn ask(&mut self, now: u64, mut ask: Ask) -> Option<(u64, Step)> {
        if self.phase != Phase::Open || self.asks.len() >= MOST_ASKS {
            return None;
        }
        ask.id = self.next_ask;
        self.next_ask += 1;
        let until = now + u64::from(ask.limit_s) * 1_000 + ASK_GRACE_MS;
        self.asks.insert(ask.id, Asked { until, octets_left: ask.limit_bytes });
        Some((ask.id, Step::Send(FromAppliance::Ask(ask).encode())))
    }

    /// Nobody wants the answer any more.
    pub(crate) fn cancel(&mut self, id: u64) -> Vec<Step> {
        let asked = self.asks.remove(&id);
        asked.map(|_| Step::Send(FromAppliance::Cancel(id).encode())).into_iter().collect()
    }

    /// The link is to end.
    pub(crate) fn close(&mut self, code: u16, why: &str) -> Vec<Step> {
        if self.phase == Phase::Closed {
            return Vec::new();
        }
        self.phase = Phase::Closed;
        let mut steps: Vec<Step> = self.asks.keys().map(|id| ended(*id, "failed", why)).collect();
        self.asks.clear();
        steps.push(Step::Send(FromAppliance::Close(why.to_owned()).encode()));
        steps.push(Step::Close(code, why.to_owned()));
        steps
    }

    /// Time has passed. To be called when [`Session::wake_at`] says.
    pub(crate) fn tick(&mut self, now: u64) -> Vec<Step> {
        let mut steps = Vec::new();
        match self.phase {
            Phase::Closed => return steps,
            Phase::Opening if now >= self.began + HELLO_MS => {
                return self.close(close::GARBAGE, "Nothing was said for too long.");
            }
            _ => {}
        }
        if now >= self.heard + self.silence() {
            let why = "Nothing was heard for two intervals.";
            return self.close(close::GARBAGE, why);
        }
        if now >= self.pinged + self.ping_every() {
            self.pinged = now;
            steps.push(Step::Ping);
        }
        let late: Vec<u64> =
            self.asks.iter().filter(|(_, asked)| now >= asked.until).map(|(id, _)| *id).collect();
        for id in late {
            steps.extend(self.cancel(id));
            steps.push(ended(id, "late", "The host did not answer in time."));
        }
        steps.extend(self.acknowledge(now));
        steps
    }

    /// When something is to be done though nothing comes.
    pub(crate) fn wake_at(&self) -> u64 {
        let mut next = (self.heard + self.silence()).min(self.pinged + self.ping_every());
        if self.phase == Phase::Opening {
            next = next.min(self.began + HELLO_MS);
        }
        if let Some(until) = self.asks.values().map(|asked| asked.until).min() {
            next = next.min(until);
        }
        if let (true, Some(at)) = (self.ack_due, self.acked_at) {
            next = next.min(at + limits::ACK_EVERY_MS);
        }
        next
    }

    #[cfg(test)]
    pub(crate) fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    fn silence(&self) -> u64 {
        (2 * self.interval_ms).max(limits::SILENCE_S * 1_000)
    }

    fn ping_every(&self) -> u64 {
        self.interval_ms.clamp(limits::PING_S * 1_000, 30_000)
    }

    fn set_interval(&mut self, seconds: u32) {
        let (least, most) = (*limits::INTERVAL_S.start(), *limits::INTERVAL_S.end());
        self.interval_ms = u64::from(seconds.clamp(least, most)) * 1_000;
    }

    /// Notes a sign of life, and refuses what comes too fast.
    fn hear(&mut self, now: u64, cost: f64) -> Result<(), Vec<Step>> {
        if self.phase == Phase::Closed {
            return Err(Vec::new());
        }
        self.heard = now;
        let passed = now.saturating_sub(self.allowed_at) as f64 / 1_000.0;
        self.allowed_at = now;
        self.allowance = (self.allowance + passed * A_SECOND).min(BURST) - cost;
        if self.allowance < 0.0 {
            return Err(self.close(close::TOO_MUCH, "Frames come too fast."));
        }
        Ok(())
    }

    fn garbage(&mut self, error: &FrameError) -> Vec<Step> {
        let code = match error {
            FrameError::TooLong { .. } => close::TOO_BIG,
            FrameError::TooMany => close::TOO_MUCH,
            _ => close::GARBAGE,
        };
        self.close(code, &format!("{error}."))
    }

    fn message(&mut self, now: u64, message: FromAgent) -> Vec<Step> {
        match (self.phase, message) {
            (Phase::Opening, FromAgent::Hello(hello)) => {
                if wire::common_protocol([wire::PROTOCOL; 2], hello.proto).is_none() {
                    let why = format!("This appliance speaks protocol {}.", wire::PROTOCOL);
                    return self.close(close::NO_PROTOCOL, &why);
                }
                self.phase = Phase::Judging;
                vec![Step::Greet(hello)]
            }
            (Phase::Open, FromAgent::Answer(answer)) => self.answer(answer),
            (Phase::Open, FromAgent::Renew(csr)) if csr.len() <= limits::CERTIFICATE => {
                vec![Step::Renew(csr)]
            }
            (Phase::Open, message) if message.seq().is_some() => {
                let mut numbered = Vec::new();
                match self.number(message, &mut numbered) {
                    Ok(()) => self.store(now, numbered),
                    Err(steps) => steps,
                }
            }
            (Phase::Open, _) => self.close(close::GARBAGE, "That was said at the wrong time."),
            _ => self.close(close::GARBAGE, "The first message must be hello."),
        }
    }

    fn number(&mut self, message: FromAgent, to: &mut Vec<Numbered>) -> Result<(), Vec<Step>> {
        let (seq, taken, what) = match message {
            FromAgent::Report(report) => {
                (report.seq, self.inbox.take(report.seq), What::Report(report))
            }
            FromAgent::Events(events) => {
                if events.list.len() > limits::EVENTS {
                    return Err(self.close(close::TOO_MUCH, "Too many events in one message."));
                }
                (events.seq, self.inbox.take(events.seq), What::Events(events.list))
            }
            FromAgent::Lost(lost) => {
                let taken = self.inbox.take_lost(lost.seq, lost.from, lost.to);
                (lost.seq, taken, What::Lost { from: lost.from, why: lost.why })
            }
            FromAgent::Hello(_) | FromAgent::Answer(_) | FromAgent::Renew(_) => return Ok(()),
        };
        let gap = match taken {
            Taken::New => None,
            Taken::Gap { from, to } => Some((from, to)),
            Taken::Repeated => {
                self.ack_due = true;
                return Ok(());
            }
            Taken::Nonsense => {
                return Err(self.close(close::GARBAGE, "Numbers of messages make no sense."));
            }
        };
        to.push(Numbered { seq, gap, what });
        Ok(())
    }

    fn store(&mut self, now: u64, numbered: Vec<Numbered>) -> Vec<Step> {
        let mut steps: Vec<Step> = self.acknowledge(now).into_iter().collect();
        if !numbered.is_empty() {
            steps.push(Step::Store(numbered));
        }
        steps
    }

    fn acknowledge(&mut self, now: u64) -> Option<Step> {
        let waits = self.acked_at.is_some_and(|at| now < at + limits::ACK_EVERY_MS);
        if !self.ack_due || waits || self.phase != Phase::Open {
            return None;
        }
        self.ack_due = false;
        self.acked_at = Some(now);
        Some(Step::Send(FromAppliance::Ack(self.inbox.committed()).encode()))
    }

    fn answer(&mut self, answer: Answer) -> Vec<Step> {
        let id = answer.id;
        let size = answer.part.as_ref().map_or(0, |part| part.to_string().len() as u64);
        let Some(asked) = self.asks.get_mut(&id) else {
            // One that was cancelled meanwhile.
            return Vec::new();
        };
        if size > asked.octets_left {
            let mut steps = self.cancel(id);
            steps.push(ended(id, "too_much", "The answer is longer than was asked for."));
            return steps;
        }
        asked.octets_left -= size;
        if answer.done.is_some() || answer.error.is_some() {
            self.asks.remove(&id);
        }
        vec![Step::Answer(answer)]
    }
}

fn ended(id: u64, code: &str, say: &str) -> Step {
    let error = AnswerError { code: code.to_owned(), say: say.to_owned() };
    Step::Answer(Answer { id, error: Some(error), ..Answer::default() })
}

#[cfg(test)]
mod tests;
