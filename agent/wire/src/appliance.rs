//! What an appliance says.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::frame::{self, FrameError};

/// The answer to `hello`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Welcome {
    /// The protocol from now on.
    pub proto: u16,
    /// The agent's id.
    pub agent: String,
    /// What people call it.
    pub name: String,
    /// The appliance's clock, Unix milliseconds.
    pub at: i64,
    /// The highest number in the appliance's tables.
    pub acked: u64,
    /// Time between two reports, seconds.
    pub interval_s: u32,
    /// For so long somebody looks: send everything in every report.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attend_s: Option<u32>,
    /// Whether probes are forbidden.
    pub passive: bool,
    /// What to watch.
    pub watch: Watch,
    /// Make a new key now.
    pub rotate: bool,
}

/// What an agent watches, as far as its host allows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Watch {
    /// Sign-ins.
    pub auth: bool,
    /// Files and folders.
    pub files: Vec<String>,
    /// Units whose journal is followed.
    pub units: Vec<String>,
    /// Log files that are followed.
    pub logs: Vec<String>,
    /// Processes that begin and end, with their command lines.
    pub processes: bool,
}

/// Changes while the link is up; absent is as before.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Set {
    /// Time between two reports, seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval_s: Option<u32>,
    /// For so long somebody looks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attend_s: Option<u32>,
    /// Whether probes are forbidden.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passive: Option<bool>,
    /// What to watch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub watch: Option<Watch>,
}

/// A command.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Ask {
    /// What answers refer to.
    pub id: u64,
    /// Which ([`crate::command`]).
    pub cmd: String,
    /// Its arguments, an object.
    #[serde(default)]
    pub args: Value,
    /// It ends after so long, seconds.
    #[serde(default)]
    pub limit_s: u32,
    /// It ends after so many octets of answers.
    #[serde(default)]
    pub limit_bytes: u64,
}

#[derive(Serialize, Deserialize)]
struct Ack {
    seq: u64,
}

#[derive(Serialize, Deserialize)]
struct Cancel {
    id: u64,
}

#[derive(Serialize, Deserialize)]
struct Certificate {
    certificate: String,
}

#[derive(Serialize, Deserialize)]
struct Close {
    #[serde(default)]
    why: String,
}

/// A message from the appliance.
#[derive(Debug, Clone, PartialEq)]
pub enum FromAppliance {
    /// The answer to `hello`.
    Welcome(Box<Welcome>),
    /// Everything up to this number is in the tables.
    Ack(u64),
    /// Changes.
    Set(Set),
    /// A command.
    Ask(Ask),
    /// Ends the command with this id.
    Cancel(u64),
    /// The chain in PEM that a request was answered with.
    Certificate(String),
    /// Why the link is closed next.
    Close(String),
}

impl FromAppliance {
    /// The text frame.
    pub fn encode(&self) -> String {
        match self {
            Self::Welcome(welcome) => frame::text("welcome", welcome),
            Self::Ack(seq) => frame::text("ack", &Ack { seq: *seq }),
            Self::Set(set) => frame::text("set", set),
            Self::Ask(ask) => frame::text("ask", ask),
            Self::Cancel(id) => frame::text("cancel", &Cancel { id: *id }),
            Self::Certificate(chain) => {
                frame::text("certificate", &Certificate { certificate: chain.clone() })
            }
            Self::Close(why) => frame::text("close", &Close { why: why.clone() }),
        }
    }

    /// Reads a text frame; `None` is a kind that this version does not know.
    pub fn decode(text: &str) -> Result<Option<Self>, FrameError> {
        let kind = frame::kind(text)?;
        Ok(Some(match kind.as_ref() {
            "welcome" => Self::Welcome(frame::body(text)?),
            "ack" => Self::Ack(frame::body::<Ack>(text)?.seq),
            "set" => Self::Set(frame::body(text)?),
            "ask" => Self::Ask(frame::body(text)?),
            "cancel" => Self::Cancel(frame::body::<Cancel>(text)?.id),
            "certificate" => Self::Certificate(frame::body::<Certificate>(text)?.certificate),
            "close" => Self::Close(frame::body::<Close>(text)?.why),
            _ => return Ok(None),
        }))
    }
}
