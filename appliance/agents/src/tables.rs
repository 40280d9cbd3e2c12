//! The rows of agents, tokens and reports.

use model::{DeviceId, Timestamp};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde::Serialize;
use serde::de::DeserializeOwned;
use store::{Migration, Retention, Room, StoreError};
use wire::{Hello, Report};

use crate::alarm::Watchman;
use crate::{AgentId, HostSettings, mesh};

/// This room's tables.
pub const ROOM: Room = Room {
    name: "agents",
    migrations: &[
        Migration { number: 1, name: "agents", sql: include_str!("tables.sql") },
        Migration { number: 2, name: "measurements", sql: include_str!("mesh.sql") },
    ],
    day_kinds: &[],
    retention: &[
        Retention {
            table: "agent_minutes",
            column: "at",
            only: "1",
            setting: "retention.agent_minutes_days",
            default_days: 14,
        },
        Retention {
            table: "agent_hours",
            column: "at",
            only: "1",
            setting: "retention.agent_hours_days",
            default_days: 400,
        },
        Retention {
            table: "agent_lost",
            column: "at",
            only: "1",
            setting: "retention.agent_hours_days",
            default_days: 400,
        },
        Retention {
            table: "agent_measures",
            column: "at",
            only: "1",
            setting: "retention.agent_measures_days",
            default_days: 90,
        },
        Retention {
            table: "agent_tokens",
            column: "until",
            only: "1",
            setting: "retention.agent_tokens_days",
            default_days: 30,
        },
    ],
};

/// Whether an agent is let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It is.
    Active,
    /// Its identity was seen on two hosts: not before somebody says that it is to be trusted.
    Copied,
    /// Never again.
    Revoked,
}

impl State {
    /// The stored and displayed word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Copied => "copied",
            Self::Revoked => "revoked",
        }
    }

    fn of(word: &str) -> Self {
        match word {
            "active" => Self::Active,
            "copied" => Self::Copied,
            _ => Self::Revoked,
        }
    }
}

/// An agent as it is kept.
#[derive(Debug, Clone)]
pub(crate) struct AgentRow {
    pub(crate) id: AgentId,
    pub(crate) name: String,
    pub(crate) note: String,
    pub(crate) enrolled_at: Timestamp,
    pub(crate) enrolled_by: String,
    pub(crate) state: State,
    pub(crate) key: [u8; 32],
    pub(crate) next_key: Option<[u8; 32]>,
    pub(crate) expires_at: Timestamp,
    pub(crate) machine: String,
    pub(crate) counter: u64,
    pub(crate) acked: u64,
    pub(crate) rolled: u64,
    pub(crate) seen_at: Option<Timestamp>,
    pub(crate) online: bool,
    pub(crate) clock_ms: i64,
    pub(crate) lost: u64,
    pub(crate) gaps: u64,
    pub(crate) device: Option<DeviceId>,
    pub(crate) hello: Hello,
    pub(crate) known: Report,
    pub(crate) settings: HostSettings,
    pub(crate) watchman: Watchman,
}

const COLUMNS: &str = "id, name, note, enrolled_at, enrolled_by, state, key, next_key, expires_at,
    machine, counter, acked, rolled, seen_at, online, clock_ms, lost, gaps, device, hello, known,
    settings, watchman";

fn number(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column).map(i64::cast_unsigned)
}

/// JSON of an older or newer release that does not fit is taken as if it were not there.
fn json<T: DeserializeOwned + Default>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    let text = row
        .get_ref(column)?
        .as_str()
        .map_err(|e| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(e)))?;
    Ok(serde_json::from_str(text).unwrap_or_default())
}

pub(crate) fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|_| "{}".to_owned())
}

/// A report of nothing.
fn report(row: &Row<'_>, column: usize) -> rusqlite::Result<Report> {
    Ok(json::<Option<Report>>(row, column)?.unwrap_or_default())
}

fn read(row: &Row<'_>) -> rusqlite::Result<AgentRow> {
    Ok(AgentRow {
        id: row.get(0)?,
        name: row.get(1)?,
        note: row.get(2)?,
        enrolled_at: Timestamp(row.get(3)?),
        enrolled_by: row.get(4)?,
        state: State::of(row.get_ref(5)?.as_str().unwrap_or_default()),
        key: row.get(6)?,
        next_key: row.get(7)?,
        expires_at: Timestamp(row.get(8)?),
        machine: row.get(9)?,
        counter: number(row, 10)?,
        acked: number(row, 11)?,
        rolled: number(row, 12)?,
        seen_at: row.get::<_, Option<i64>>(13)?.map(Timestamp),
        online: row.get(14)?,
        clock_ms: row.get(15)?,
        lost: number(row, 16)?,
        gaps: number(row, 17)?,
        device: row.get::<_, Option<i64>>(18)?.map(DeviceId),
        hello: json(row, 19)?,
        known: report(row, 20)?,
        settings: json(row, 21)?,
        watchman: json(row, 22)?,
    })
}

/// All agents.
pub(crate) fn all(conn: &Connection) -> Result<Vec<AgentRow>, StoreError> {
    let mut statement = conn.prepare(&format!("SELECT {COLUMNS} FROM agents"))?;
    let rows = statement.query_map([], read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// One agent.
pub(crate) fn find(conn: &Connection, id: AgentId) -> Result<Option<AgentRow>, StoreError> {
    let mut statement =
        conn.prepare_cached(&format!("SELECT {COLUMNS} FROM agents WHERE id = ?1"))?;
    Ok(statement.query_row([id], read).optional()?)
}

/// Writes an agent, over one of the same id.
pub(crate) fn put(conn: &Connection, row: &AgentRow) -> Result<(), StoreError> {
    let sql = format!(
        "INSERT OR REPLACE INTO agents ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9,
             ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23)"
    );
    conn.prepare_cached(&sql)?.execute(params![
        row.id,
        row.name,
        row.note,
        row.enrolled_at.0,
        row.enrolled_by,
        row.state.as_str(),
        row.key,
        row.next_key,
        row.expires_at.0,
        row.machine,
        row.counter.cast_signed(),
        row.acked.cast_signed(),
        row.rolled.cast_signed(),
        row.seen_at.map(|at| at.0),
        row.online,
        row.clock_ms,
        row.lost.cast_signed(),
        row.gaps.cast_signed(),
        row.device.map(|d| d.0),
        to_json(&row.hello),
        to_json(&row.known),
        to_json(&row.settings),
        to_json(&row.watchman),
    ])?;
    Ok(())
}

/// Removes an agent with all that it reported; whether there was one.
pub(crate) fn delete(conn: &Connection, id: AgentId) -> Result<bool, StoreError> {
    for table in ["agent_reports", "agent_lost", "agent_minutes", "agent_hours"] {
        conn.execute(&format!("DELETE FROM {table} WHERE agent = ?1"), [id])?;
    }
    mesh::forget(conn, id)?;
    Ok(conn.execute("DELETE FROM agents WHERE id = ?1", [id])? > 0)
}

/// A token as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TokenRow {
    /// What names it.
    pub id: String,
    #[serde(skip)]
    pub(crate) secret: Vec<u8>,
    /// The host's name once it is enrolled; empty for the one that it says itself.
    pub name: String,
    /// What people wrote about it.
    pub note: String,
    /// When it was made.
    pub made_at: Timestamp,
    /// By whom.
    pub made_by: String,
    /// Until when it is good.
    pub until: Timestamp,
    /// When it was used.
    pub used_at: Option<Timestamp>,
    /// When it was taken back.
    pub revoked_at: Option<Timestamp>,
    /// The host that it let in, or is for.
    pub agent: Option<AgentId>,
    /// Whether it enrols a host anew that there is.
    pub replaces: bool,
}

const TOKEN: &str = "id, secret, name, note, made_at, made_by, until, used_at, revoked_at, agent,
    replaces";

fn read_token(row: &Row<'_>) -> rusqlite::Result<TokenRow> {
    Ok(TokenRow {
        id: row.get(0)?,
        secret: row.get(1)?,
        name: row.get(2)?,
        note: row.get(3)?,
        made_at: Timestamp(row.get(4)?),
        made_by: row.get(5)?,
        until: Timestamp(row.get(6)?),
        used_at: row.get::<_, Option<i64>>(7)?.map(Timestamp),
        revoked_at: row.get::<_, Option<i64>>(8)?.map(Timestamp),
        agent: row.get(9)?,
        replaces: row.get(10)?,
    })
}

/// A token.
pub(crate) fn token(conn: &Connection, id: &str) -> Result<Option<TokenRow>, StoreError> {
    let mut statement =
        conn.prepare_cached(&format!("SELECT {TOKEN} FROM agent_tokens WHERE id = ?1"))?;
    Ok(statement.query_row([id], read_token).optional()?)
}

/// The tokens that may still be used, the first to end first.
pub(crate) fn tokens(conn: &Connection, now: Timestamp) -> Result<Vec<TokenRow>, StoreError> {
    let mut statement = conn.prepare_cached(&format!(
        "SELECT {TOKEN} FROM agent_tokens
         WHERE until > ?1 AND used_at IS NULL AND revoked_at IS NULL ORDER BY until LIMIT 200"
    ))?;
    let rows = statement.query_map([now.0], read_token)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Writes a token, over one of the same id.
pub(crate) fn put_token(conn: &Connection, row: &TokenRow) -> Result<(), StoreError> {
    let sql = format!(
        "INSERT OR REPLACE INTO agent_tokens ({TOKEN})
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"
    );
    conn.prepare_cached(&sql)?.execute(params![
        row.id,
        row.secret,
        row.name,
        row.note,
        row.made_at.0,
        row.made_by,
        row.until.0,
        row.used_at.map(|at| at.0),
        row.revoked_at.map(|at| at.0),
        row.agent,
        row.replaces,
    ])?;
    Ok(())
}

/// A report as it came.
#[derive(Debug, Clone, Serialize)]
pub struct StoredReport {
    /// Its number.
    pub seq: u64,
    /// When, by the appliance's clock as far as it can be told.
    pub at: Timestamp,
    /// When it came.
    pub received: Timestamp,
    /// What it said.
    pub report: Report,
}

/// Stores a report.
pub(crate) fn insert_report(
    conn: &Connection,
    agent: AgentId,
    (at, received): (Timestamp, Timestamp),
    report: &Report,
) -> Result<(), StoreError> {
    conn.prepare_cached(
        "INSERT OR IGNORE INTO agent_reports (agent, seq, at, received, body)
         VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![agent, report.seq.cast_signed(), at.0, received.0, to_json(report)])?;
    Ok(())
}

/// Reports with a higher number than `after`, in order, at most `most`.
pub(crate) fn reports_after(
    conn: &Connection,
    agent: AgentId,
    after: u64,
    most: usize,
) -> Result<Vec<StoredReport>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT seq, at, received, body FROM agent_reports
         WHERE agent = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3",
    )?;
    let rows =
        statement.query_map(params![agent, after.cast_signed(), most as i64], read_report)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The newest reports, newest first.
pub(crate) fn latest_reports(
    conn: &Connection,
    agent: AgentId,
    most: usize,
) -> Result<Vec<StoredReport>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT seq, at, received, body FROM agent_reports
         WHERE agent = ?1 ORDER BY seq DESC LIMIT ?2",
    )?;
    let rows = statement.query_map(params![agent, most as i64], read_report)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn read_report(row: &Row<'_>) -> rusqlite::Result<StoredReport> {
    Ok(StoredReport {
        seq: number(row, 0)?,
        at: Timestamp(row.get(1)?),
        received: Timestamp(row.get(2)?),
        report: report(row, 3)?,
    })
}

/// Numbers that are gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LostRange {
    /// The first.
    pub first: u64,
    /// The last.
    pub last: u64,
    /// When this was known.
    pub at: Timestamp,
    /// Why; empty where they never came and nobody said why.
    pub why: String,
}

/// Notes numbers that are gone.
pub(crate) fn insert_lost(
    conn: &Connection,
    agent: AgentId,
    lost: &LostRange,
) -> Result<(), StoreError> {
    conn.prepare_cached(
        "INSERT OR REPLACE INTO agent_lost (agent, first, last, at, why)
         VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![
        agent,
        lost.first.cast_signed(),
        lost.last.cast_signed(),
        lost.at.0,
        lost.why
    ])?;
    Ok(())
}

/// What is gone, the newest first, at most 20.
pub(crate) fn lost(conn: &Connection, agent: AgentId) -> Result<Vec<LostRange>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT first, last, at, why FROM agent_lost WHERE agent = ?1 ORDER BY first DESC LIMIT 20",
    )?;
    let rows = statement.query_map([agent], |row| {
        let (first, last) = (number(row, 0)?, number(row, 1)?);
        Ok(LostRange { first, last, at: Timestamp(row.get(2)?), why: row.get(3)? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
