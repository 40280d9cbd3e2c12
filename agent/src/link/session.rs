//! One connection from `hello` to its end, without sockets and clocks: texts and the time in, frames
//! and what the rest of the agent must do out.

use wire::{Answer, Ask, FromAgent, FromAppliance, Hello, PROTOCOL, Set, Welcome, limits};

use crate::buffer::Outbox;
use crate::files::FileError;

/// How long the appliance may take for its welcome, milliseconds.
const WELCOME_MS: u64 = 10_000;
/// How long the end of the WebSocket may take after it was announced, milliseconds.
const CLOSING_MS: u64 = 5000;
/// Messages and octets of a packed batch: small, so that packing takes little memory.
const BATCH: (usize, usize) = (1000, 256 * 1024);
/// Octets that are sent before the appliance has to acknowledge some of them.
const WINDOW: usize = 1024 * 1024;
/// Answers that may wait; more only come when they are sent.
const ANSWERS: usize = 64;

/// What the edge must do.
#[derive(Debug, PartialEq)]
pub(crate) enum Out {
    /// Send a text frame.
    Text(String),
    /// Send a binary frame.
    Binary(Vec<u8>),
    /// Send a ping.
    Ping,
    /// The link stands.
    Welcomed(Box<Welcome>),
    /// Settings changed.
    Set(Set),
    /// A command.
    Ask(Ask),
    /// The end of a command.
    Cancel(u64),
    /// The certificate that was asked for.
    Certificate(String),
}

/// The session is over.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Over {
    /// The appliance speaks no protocol of ours.
    #[error("the appliance speaks protocol {0}; this agent speaks {PROTOCOL}: update one of them")]
    Protocol(u16),
    /// What came makes no sense.
    #[error("what the appliance says makes no sense: {0}")]
    Garbage(wire::FrameError),
    /// Something came before the welcome.
    #[error("the appliance did not begin with a welcome")]
    NoWelcome,
    /// Nothing was heard for too long.
    #[error("nothing was heard for {0} s")]
    Silence(u64),
    /// The appliance says why it closes.
    #[error("the appliance closes the link: {0}")]
    Told(String),
    /// The numbers could not be written down.
    #[error(transparent)]
    File(#[from] FileError),
}

/// A connection.
pub(crate) struct Session {
    began: u64,
    heard: u64,
    pinged: u64,
    live: bool,
    interval_s: u32,
    out: Vec<Out>,
    answers: usize,
    flight: std::collections::VecDeque<(u64, usize)>,
    ignored: u64,
    /// What the appliance said before it closes, and when.
    told: Option<(String, u64)>,
}

impl Session {
    /// Begins with `hello`.
    pub(crate) fn new(hello: Hello, now: u64) -> Self {
        let interval_s = hello.interval_s;
        let hello = FromAgent::Hello(Box::new(hello)).encode();
        Self {
            began: now,
            heard: now,
            pinged: now,
            live: false,
            interval_s,
            out: vec![Out::Text(hello)],
            answers: 0,
            flight: std::collections::VecDeque::new(),
            ignored: 0,
            told: None,
        }
    }

    /// Whether the welcome came.
    pub(crate) fn live(&self) -> bool {
        self.live
    }

    /// Why the appliance closes, if it said so.
    pub(crate) fn told(&self) -> Option<&str> {
        self.told.as_ref().map(|(why, _)| why.as_str())
    }

    /// Messages of a kind that this agent does not know.
    pub(crate) fn ignored(&self) -> u64 {
        self.ignored
    }

    /// Any frame came, a ping or pong for instance.
    pub(crate) fn heard(&mut self, now: u64) {
        self.heard = now;
    }

    /// A text frame came.
    pub(crate) fn text(&mut self, text: &str, now: u64, outbox: &mut Outbox) -> Result<(), Over> {
        self.heard = now;
        let Some(message) = FromAppliance::decode(text).map_err(Over::Garbage)? else {
            self.ignored += 1;
            return Ok(());
        };
        match message {
            FromAppliance::Welcome(welcome) if !self.live => {
                if welcome.proto != PROTOCOL {
                    return Err(Over::Protocol(welcome.proto));
                }
                outbox.welcome(welcome.acked)?;
                self.live = true;
                self.interval(welcome.interval_s);
                self.out.push(Out::Welcomed(welcome));
            }
            FromAppliance::Close(why) => {
                // The code comes with the end of the WebSocket.
                let plain = why.chars().filter(|c| !c.is_control()).take(300).collect();
                self.told = Some((plain, now));
            }
            _ if !self.live => return Err(Over::NoWelcome),
            // Said twice: nothing new.
            FromAppliance::Welcome(_) => self.ignored += 1,
            FromAppliance::Ack(seq) => {
                // What was never sent cannot be acknowledged.
                let sent = self.flight.back().map_or(0, |(last, _)| *last);
                if seq <= sent {
                    outbox.ack(seq);
                    self.flight.retain(|(last, _)| *last > seq);
                } else if !self.flight.is_empty() {
                    self.ignored += 1;
                }
            }
            FromAppliance::Set(set) => {
                if let Some(seconds) = set.interval_s {
                    self.interval(seconds);
                }
                self.out.push(Out::Set(set));
            }
            FromAppliance::Ask(ask) => self.out.push(Out::Ask(ask)),
            FromAppliance::Cancel(id) => self.out.push(Out::Cancel(id)),
            FromAppliance::Certificate(chain) => {
                if chain.len() <= limits::CERTIFICATE {
                    self.out.push(Out::Certificate(chain));
                }
            }
        }
        Ok(())
    }

    fn interval(&mut self, seconds: u32) {
        if limits::INTERVAL_S.contains(&seconds) {
            self.interval_s = seconds;
        }
    }

    /// Whether an answer finds room.
    pub(crate) fn takes_answers(&self) -> bool {
        self.live && self.answers < ANSWERS
    }

    /// Sends an answer; gives it up if there is no link.
    pub(crate) fn answer(&mut self, answer: Answer) {
        if self.live {
            self.answers += 1;
            self.out.push(Out::Text(FromAgent::Answer(answer).encode()));
        }
    }

    /// Asks for a certificate.
    pub(crate) fn renew(&mut self, request: String) {
        if self.live {
            self.out.push(Out::Text(FromAgent::Renew(request).encode()));
        }
    }

    fn ping_ms(&self) -> u64 {
        u64::from(self.interval_s).clamp(limits::PING_S, 30) * 1000
    }

    fn silence_ms(&self) -> u64 {
        (u64::from(self.interval_s) * 2).max(limits::SILENCE_S) * 1000
    }

    /// When [`Session::poll`] has something to do even if nothing happens, milliseconds.
    pub(crate) fn deadline(&self) -> u64 {
        if let Some((_, at)) = &self.told {
            return at + CLOSING_MS;
        }
        if !self.live {
            return self.began + WELCOME_MS;
        }
        (self.pinged.max(self.heard) + self.ping_ms()).min(self.heard + self.silence_ms())
    }

    /// What there is to do now, in order.
    pub(crate) fn poll(&mut self, now: u64, outbox: &mut Outbox) -> Result<Vec<Out>, Over> {
        if let Some((why, at)) = &self.told {
            let over = now.saturating_sub(*at) >= CLOSING_MS;
            return if over { Err(Over::Told(why.clone())) } else { Ok(Vec::new()) };
        }
        let silent = now.saturating_sub(self.heard);
        if !self.live && now.saturating_sub(self.began) >= WELCOME_MS {
            return Err(Over::NoWelcome);
        }
        if silent >= self.silence_ms() {
            return Err(Over::Silence(silent / 1000));
        }
        let mut out = std::mem::take(&mut self.out);
        self.answers = 0;
        if !self.live {
            return Ok(out);
        }
        // A link on which acknowledgements come needs no ping.
        if now >= self.pinged.max(self.heard) + self.ping_ms() {
            self.pinged = now;
            out.push(Out::Ping);
        }
        while self.flight.iter().map(|(_, octets)| octets).sum::<usize>() < WINDOW {
            let frames = outbox.take(BATCH.0, BATCH.1);
            let Some((last, _)) = frames.last() else { break };
            self.flight.push_back((*last, frames.iter().map(|(_, text)| text.len()).sum()));
            // One alone is small as it is; several are much alike.
            if frames.len() == 1 {
                out.extend(frames.into_iter().map(|(_, text)| Out::Text(text)));
                continue;
            }
            match wire::batch(frames.iter().map(|(_, text)| text.as_str())) {
                Ok(batch) => out.push(Out::Binary(batch)),
                // What does not pack into one frame goes one by one.
                Err(_) => out.extend(frames.into_iter().map(|(_, text)| Out::Text(text))),
            }
        }
        Ok(out)
    }
}
