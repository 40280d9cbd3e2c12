//! One line of the audit log.

use std::net::IpAddr;

use model::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::chain::Link;
use crate::secret::{Hash, to_hex};
use crate::{Actor, Caller};

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Done.
    Ok,
    /// Not allowed, or not proved.
    Refused,
    /// Tried, and it went wrong.
    Failed,
}

impl Outcome {
    /// The word that the table holds.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

/// What is to be written down.
#[derive(Debug, Clone)]
pub struct Entry {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: Actor,
    /// From where.
    pub address: Option<IpAddr>,
    /// What, as `thing.verb`: `person.add`, `settings.change`, `vyos.commit`.
    pub action: &'static str,
    /// To what, such as `device:12` or `person:3`; empty where there is nothing to name.
    pub subject: String,
    /// How it ended.
    pub outcome: Outcome,
    /// Further facts as a JSON object: old and new values, the exact commands. Secrets are struck
    /// out before it is kept.
    pub detail: Value,
}

impl Entry {
    /// Something this caller did, successfully and without further facts.
    pub fn new(
        by: &Caller,
        action: &'static str,
        subject: impl Into<String>,
        at: Timestamp,
    ) -> Self {
        Self {
            at,
            actor: by.actor.clone(),
            address: by.address,
            action,
            subject: subject.into(),
            outcome: Outcome::Ok,
            detail: Value::Object(serde_json::Map::new()),
        }
    }

    /// With further facts.
    #[must_use]
    pub fn with(mut self, detail: Value) -> Self {
        self.detail = detail;
        self
    }

    /// With another end.
    #[must_use]
    pub fn ended(mut self, outcome: Outcome) -> Self {
        self.outcome = outcome;
        self
    }
}

/// A line as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// Its place in the log, from 1, without gaps.
    pub seq: i64,
    /// When.
    pub at: Timestamp,
    /// Who, by name.
    pub actor: String,
    /// `person`, `api_key`, `console`, `system` or `anonymous`.
    pub actor_kind: String,
    /// The row of the person or key.
    pub actor_id: Option<i64>,
    /// From where.
    pub address: Option<String>,
    /// What.
    pub action: String,
    /// To what.
    pub subject: String,
    /// `ok`, `refused` or `failed`.
    pub outcome: String,
    /// Further facts, JSON text.
    pub detail: String,
    /// The hash of the row before.
    #[serde(serialize_with = "as_hex")]
    pub prev_hash: Hash,
    /// The hash of this row.
    #[serde(serialize_with = "as_hex")]
    pub hash: Hash,
}

impl Row {
    /// What the hash is made of.
    pub(crate) fn link(&self) -> Link<'_> {
        Link {
            seq: self.seq,
            at: self.at.0,
            actor: &self.actor,
            actor_kind: &self.actor_kind,
            actor_id: self.actor_id,
            address: self.address.as_deref(),
            action: &self.action,
            subject: &self.subject,
            outcome: &self.outcome,
            detail: &self.detail,
            prev_hash: &self.prev_hash,
        }
    }
}

fn as_hex<S: serde::Serializer>(hash: &Hash, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&to_hex(hash))
}
