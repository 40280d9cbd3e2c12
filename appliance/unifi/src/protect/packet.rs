//! Packets of Protect's private update socket (`/proxy/protect/ws/updates`): an action frame and a
//! data frame. Octets in; both frames, or why they are none, out.
//!
//! A frame is a header of eight octets and its payload: kind (1 action, 2 data), format (1 JSON,
//! 2 UTF-8 text, 3 octets), 1 if the payload is deflated (zlib, RFC 1950), an octet without meaning,
//! and the length of the payload as sent, 32 bits, most significant octet first.

use std::borrow::Cow;
use std::fmt;
use std::io::Read as _;

use flate2::read::ZlibDecoder;
use serde_json::Value;

use crate::json::{self, JsonError};

/// Octets of the longest message that is taken.
pub const LONGEST_MESSAGE: usize = 16 << 20;
/// Octets that a payload may have when it is inflated.
pub const LONGEST_PAYLOAD: usize = 8 << 20;

const HEADER: usize = 8;
/// Octets of the longest word of an action; ids have 36 at most.
const LONGEST_WORD: usize = 256;
const ACTION: u8 = 1;
const DATA: u8 = 2;

/// One of the two frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// What is done to which object.
    Action,
    /// The object, or what changed of it.
    Data,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Action => "action",
            Self::Data => "data",
        })
    }
}

/// Why a message is no packet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PacketError {
    /// It is longer than anything that a console sends.
    #[error("the packet has {0} octets, more than the {LONGEST_MESSAGE} that are taken")]
    TooLong(usize),
    /// It ends before a frame does.
    #[error("the packet is cut off in its {0} frame")]
    Truncated(Part),
    /// There is something behind its frames.
    #[error("the packet has {0} octets behind its data frame")]
    Trailing(usize),
    /// The frames are not action and data, in this order.
    #[error("a frame of kind {kind} stands where the {part} frame belongs")]
    Kind {
        /// The frame that should be there.
        part: Part,
        /// What its header says.
        kind: u8,
    },
    /// A format that is not known, or not one that an action can have.
    #[error("the {part} frame is of format {format}, which is not known there")]
    Format {
        /// The frame.
        part: Part,
        /// What its header says.
        format: u8,
    },
    /// The payload is said to be deflated and is not.
    #[error("the {0} frame cannot be inflated")]
    Inflate(Part),
    /// The payload grows beyond all measure.
    #[error("the {0} frame has more than {LONGEST_PAYLOAD} octets when inflated")]
    TooLarge(Part),
    /// The payload is said to be JSON and is not taken as such.
    #[error("the {part} frame is {error}")]
    Json {
        /// The frame.
        part: Part,
        /// Why.
        error: JsonError,
    },
    /// The payload is said to be text and is not.
    #[error("the data frame is no UTF-8 text")]
    Text,
    /// The action does not say what must be known of it, or not in a few words.
    #[error("the action frame has no usable {0}")]
    Action(&'static str),
}

/// What is done to the object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// It is new; the data frame has all of it.
    Add,
    /// It changed; the data frame has what did.
    Update,
    /// It is gone.
    Remove,
    /// Something that this program does not know.
    Other,
}

/// What an action frame says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    /// What is done.
    pub verb: Verb,
    /// Where the stream is after this packet; what it is resumed with.
    pub update_id: String,
    /// The kind of object, such as `event` or `camera`.
    pub model: String,
    /// The object's id; that of an event names the event.
    pub id: String,
}

/// The payload of a data frame.
#[derive(Debug, Clone, PartialEq)]
pub enum Data {
    /// Nothing, as when an object is removed.
    Empty,
    /// JSON.
    Json(Value),
    /// Text.
    Text(String),
    /// Octets.
    Octets(Vec<u8>),
}

/// A packet.
#[derive(Debug, Clone, PartialEq)]
pub struct Packet {
    /// What is done to which object.
    pub action: Action,
    /// The object, or what changed of it.
    pub data: Data,
}

/// Format of a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// JSON.
    Json,
    /// UTF-8 text.
    Text,
    /// Octets.
    Octets,
}

/// Both payloads, inflated, as they were sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payloads<'a> {
    /// The action, which is JSON.
    pub action: Cow<'a, [u8]>,
    /// How the data are to be read.
    pub format: Format,
    /// The data.
    pub data: Cow<'a, [u8]>,
}

/// Takes a message apart without reading its payloads.
pub fn unpack(message: &[u8]) -> Result<Payloads<'_>, PacketError> {
    if message.len() > LONGEST_MESSAGE {
        return Err(PacketError::TooLong(message.len()));
    }
    let (action, rest) = frame(message, Part::Action)?;
    let (data, rest) = frame(rest, Part::Data)?;
    // Lengths first: nothing of a message that is not whole is inflated.
    if !rest.is_empty() {
        return Err(PacketError::Trailing(rest.len()));
    }
    if action.format()? != Format::Json {
        let format = action.header[1];
        return Err(PacketError::Format { part: Part::Action, format });
    }
    let format = data.format()?;
    Ok(Payloads { action: action.inflated()?, format, data: data.inflated()? })
}

/// Decodes a message of the socket.
pub fn decode(message: &[u8]) -> Result<Packet, PacketError> {
    unpack(message)?.read()
}

impl Payloads<'_> {
    /// Reads what the payloads say.
    pub fn read(&self) -> Result<Packet, PacketError> {
        let of = |part| move |error| PacketError::Json { part, error };
        let action = json::parse(&self.action).map_err(of(Part::Action))?;
        let data = match self.format {
            _ if self.data.is_empty() => Data::Empty,
            Format::Json => Data::Json(json::parse(&self.data).map_err(of(Part::Data))?),
            Format::Text => {
                Data::Text(std::str::from_utf8(&self.data).map_err(|_| PacketError::Text)?.into())
            }
            Format::Octets => Data::Octets(self.data.to_vec()),
        };
        Ok(Packet { action: Action::read(&action)?, data })
    }
}

impl Action {
    fn read(action: &Value) -> Result<Self, PacketError> {
        let text = |name: &'static str| {
            let text = action.get(name).and_then(Value::as_str);
            text.filter(|text| text.len() <= LONGEST_WORD)
                .map(str::to_owned)
                .ok_or(PacketError::Action(name))
        };
        let verb = match text("action")?.as_str() {
            "add" => Verb::Add,
            "update" => Verb::Update,
            "remove" => Verb::Remove,
            _ => Verb::Other,
        };
        Ok(Self {
            verb,
            update_id: text("newUpdateId")?,
            model: text("modelKey")?,
            id: text("id")?,
        })
    }
}

struct Frame<'a> {
    part: Part,
    header: [u8; HEADER],
    payload: &'a [u8],
}

fn frame(bytes: &[u8], part: Part) -> Result<(Frame<'_>, &[u8]), PacketError> {
    let truncated = || PacketError::Truncated(part);
    let (header, rest) = bytes.split_first_chunk::<HEADER>().ok_or_else(truncated)?;
    let [kind, _, _, _, length @ ..] = *header;
    let wanted = if part == Part::Action { ACTION } else { DATA };
    if kind != wanted {
        return Err(PacketError::Kind { part, kind });
    }
    let length = usize::try_from(u32::from_be_bytes(length)).map_err(|_| truncated())?;
    let (payload, rest) = rest.split_at_checked(length).ok_or_else(truncated)?;
    Ok((Frame { part, header: *header, payload }, rest))
}

impl<'a> Frame<'a> {
    fn format(&self) -> Result<Format, PacketError> {
        match self.header[1] {
            1 => Ok(Format::Json),
            2 => Ok(Format::Text),
            3 => Ok(Format::Octets),
            format => Err(PacketError::Format { part: self.part, format }),
        }
    }

    fn inflated(&self) -> Result<Cow<'a, [u8]>, PacketError> {
        let is_deflated = self.header[2] != 0 && !self.payload.is_empty();
        let mut plain = Cow::Borrowed(self.payload);
        if is_deflated {
            let mut inflated = Vec::new();
            // One octet more tells a payload that is too long from one that just fits.
            ZlibDecoder::new(self.payload)
                .take(LONGEST_PAYLOAD as u64 + 1)
                .read_to_end(&mut inflated)
                .map_err(|_| PacketError::Inflate(self.part))?;
            plain = Cow::Owned(inflated);
        }
        if plain.len() > LONGEST_PAYLOAD {
            return Err(PacketError::TooLarge(self.part));
        }
        Ok(plain)
    }
}

#[cfg(test)]
mod tests;
