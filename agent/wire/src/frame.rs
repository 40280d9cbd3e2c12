//! Frames: a text frame is one JSON object whose field `t` names its kind; a binary frame is a
//! packed batch of them.
//!
//! A batch is `1`, `1` (zstd), the length of its content as 32 bits big endian, and one zstd frame
//! (RFC 8878) whose content is objects with newlines between.

use std::borrow::Cow;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::hello::{Answer, Events, Hello, Lost};
use crate::limits;
use crate::report::Report;

const VERSION: u8 = 1;
const ZSTD: u8 = 1;
const HEAD: usize = 6;
/// Fast, and good enough for text that repeats itself.
const LEVEL: i32 = 1;

/// What is wrong with a frame. None of it quotes what came.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// It is longer than anything may be.
    #[error("a frame of {size} octets came; {limit} are the limit")]
    TooLong {
        /// Octets.
        size: usize,
        /// Octets.
        limit: usize,
    },
    /// It is no JSON object with a kind, or lacks what its kind must have.
    #[error("a message makes no sense at column {column}")]
    Malformed {
        /// Where.
        column: usize,
    },
    /// A report or events without a number.
    #[error("a message that needs a number has none")]
    NoNumber,
    /// The batch's first octets are not those of a batch.
    #[error("a binary frame is no batch of version 1 packed by zstd")]
    NoBatch,
    /// The batch does not unpack to what it says.
    #[error("a batch is damaged or not as long as it says")]
    Damaged,
    /// More messages in a batch than anybody sends.
    #[error("a batch holds more than {} messages", limits::BATCH_MESSAGES)]
    TooMany,
    /// A kind that must not stand in a batch.
    #[error("a batch holds what only text frames may")]
    NotInBatch,
}

/// A message from an agent.
#[derive(Debug, Clone, PartialEq)]
pub enum FromAgent {
    /// The first one.
    Hello(Box<Hello>),
    /// How the host is.
    Report(Box<Report>),
    /// What happened.
    Events(Events),
    /// What is gone.
    Lost(Lost),
    /// To a command.
    Answer(Answer),
    /// A certificate request in PEM.
    Renew(String),
}

#[derive(Serialize, Deserialize)]
struct Renew {
    csr: String,
}

impl FromAgent {
    /// The text frame.
    pub fn encode(&self) -> String {
        match self {
            Self::Hello(hello) => text("hello", hello),
            Self::Report(report) => text("report", report),
            Self::Events(events) => text("events", events),
            Self::Lost(lost) => text("lost", lost),
            Self::Answer(answer) => text("answer", answer),
            Self::Renew(csr) => text("renew", &Renew { csr: csr.clone() }),
        }
    }

    /// Reads a text frame; `None` is a kind that this version does not know.
    pub fn decode(text: &str) -> Result<Option<Self>, FrameError> {
        let kind = kind(text)?;
        let message = match kind.as_ref() {
            "hello" => Self::Hello(body(text)?),
            "report" => Self::Report(body(text)?),
            "events" => Self::Events(body(text)?),
            "lost" => Self::Lost(body(text)?),
            "answer" => Self::Answer(body(text)?),
            "renew" => Self::Renew(body::<Renew>(text)?.csr),
            _ => return Ok(None),
        };
        if message.seq() == Some(0) { Err(FrameError::NoNumber) } else { Ok(Some(message)) }
    }

    /// The number, of those that have one.
    pub fn seq(&self) -> Option<u64> {
        match self {
            Self::Report(report) => Some(report.seq),
            Self::Events(events) => Some(events.seq),
            Self::Lost(lost) => Some(lost.seq),
            Self::Hello(_) | Self::Answer(_) | Self::Renew(_) => None,
        }
    }
}

#[derive(Deserialize)]
struct Kind<'a> {
    #[serde(borrow)]
    t: Cow<'a, str>,
}

pub(crate) fn kind(text: &str) -> Result<Cow<'_, str>, FrameError> {
    if text.len() > limits::TEXT {
        return Err(FrameError::TooLong { size: text.len(), limit: limits::TEXT });
    }
    serde_json::from_str(text).map(|kind: Kind<'_>| kind.t).map_err(|e| malformed(&e))
}

pub(crate) fn body<T: DeserializeOwned>(text: &str) -> Result<T, FrameError> {
    serde_json::from_str(text).map_err(|e| malformed(&e))
}

fn malformed(error: &serde_json::Error) -> FrameError {
    FrameError::Malformed { column: error.column() }
}

pub(crate) fn text(kind: &str, body: &impl Serialize) -> String {
    // Nothing that is sent has keys other than strings, so this cannot fail.
    let body = serde_json::to_string(body).unwrap_or_else(|_| "{}".into());
    let rest = body.strip_prefix('{').unwrap_or("}");
    let comma = if rest.starts_with('}') { "" } else { "," };
    format!("{{\"t\":\"{kind}\"{comma}{rest}")
}

/// A batch of text frames of kind `report`, `events` or `lost`, each without a newline.
pub fn batch<'a>(messages: impl IntoIterator<Item = &'a str>) -> Result<Vec<u8>, FrameError> {
    let mut content = String::new();
    let mut count = 0;
    for message in messages {
        count += 1;
        if !content.is_empty() {
            content.push('\n');
        }
        content.push_str(message);
    }
    if count > limits::BATCH_MESSAGES {
        return Err(FrameError::TooMany);
    }
    if content.len() > limits::UNPACKED {
        return Err(FrameError::TooLong { size: content.len(), limit: limits::UNPACKED });
    }
    let mut frame = vec![VERSION, ZSTD];
    frame.extend((content.len() as u32).to_be_bytes());
    frame.extend(zstd::bulk::compress(content.as_bytes(), LEVEL).map_err(|_| FrameError::Damaged)?);
    if frame.len() > limits::BINARY {
        return Err(FrameError::TooLong { size: frame.len(), limit: limits::BINARY });
    }
    Ok(frame)
}

/// An unpacked batch.
pub struct Batch {
    content: Vec<u8>,
}

impl Batch {
    /// Unpacks a binary frame. No more is allocated than it says, and never more than
    /// [`limits::UNPACKED`].
    pub fn unpack(frame: &[u8]) -> Result<Self, FrameError> {
        if frame.len() > limits::BINARY {
            return Err(FrameError::TooLong { size: frame.len(), limit: limits::BINARY });
        }
        let Some(([VERSION, ZSTD, length @ ..], packed)) = frame.split_first_chunk::<HEAD>() else {
            return Err(FrameError::NoBatch);
        };
        let length = u32::from_be_bytes(*length) as usize;
        if length > limits::UNPACKED {
            return Err(FrameError::TooLong { size: length, limit: limits::UNPACKED });
        }
        // One frame and nothing behind it.
        if zstd::zstd_safe::find_frame_compressed_size(packed) != Ok(packed.len()) {
            return Err(FrameError::Damaged);
        }
        let content = zstd::bulk::decompress(packed, length).map_err(|_| FrameError::Damaged)?;
        if content.len() != length || std::str::from_utf8(&content).is_err() {
            return Err(FrameError::Damaged);
        }
        let batch = Self { content };
        let messages = batch.content.split(|octet| *octet == b'\n').count();
        if messages > limits::BATCH_MESSAGES { Err(FrameError::TooMany) } else { Ok(batch) }
    }

    /// The messages one by one, as [`FromAgent::decode`] takes them.
    pub fn messages(&self) -> impl Iterator<Item = &str> {
        // It was checked to be UTF-8.
        std::str::from_utf8(&self.content).unwrap_or_default().split('\n').filter(|m| !m.is_empty())
    }
}

/// The messages of a binary frame: kinds that this version does not know are left out and counted
/// in the second value.
pub fn batch_messages(frame: &[u8]) -> Result<(Vec<FromAgent>, u64), FrameError> {
    let batch = Batch::unpack(frame)?;
    let (mut messages, mut unknown) = (Vec::new(), 0);
    for text in batch.messages() {
        match FromAgent::decode(text)? {
            Some(message) if message.seq().is_some() => messages.push(message),
            Some(_) => return Err(FrameError::NotInBatch),
            None => unknown += 1,
        }
    }
    Ok((messages, unknown))
}
