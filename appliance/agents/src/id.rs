//! What names an agent: 64 random bits, written as 16 hexadecimal digits.

use std::fmt;
use std::str::FromStr;

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use serde::{Serialize, Serializer};

/// An agent's name in certificates, tables and addresses of pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AgentId(pub u64);

/// The text names no agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the id of an agent: it has 16 hexadecimal digits")]
pub struct ParseAgentIdError;

impl fmt::Display for AgentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for AgentId {
    type Err = ParseAgentIdError;

    fn from_str(text: &str) -> Result<Self, ParseAgentIdError> {
        let digits = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if text.len() != 16 || !digits {
            return Err(ParseAgentIdError);
        }
        u64::from_str_radix(text, 16).map(Self).map_err(|_| ParseAgentIdError)
    }
}

impl Serialize for AgentId {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

// SQLite's numbers are signed; the bits are the same.
impl ToSql for AgentId {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.cast_signed().into())
    }
}

impl FromSql for AgentId {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_i64().map(|n| Self(n.cast_unsigned())).map_err(|_| FromSqlError::InvalidType)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_sixteen_digits_and_nothing_else() {
        let id = AgentId(0xf00d);
        assert_eq!(id.to_string(), "000000000000f00d");
        assert_eq!(id.to_string().parse(), Ok(id));
        for bad in ["", "f00d", "000000000000F00D", "+00000000000f00d", "000000000000f00d0"] {
            assert_eq!(bad.parse::<AgentId>(), Err(ParseAgentIdError), "{bad}");
        }
    }
}
