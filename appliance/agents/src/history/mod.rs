//! What hosts were over time: minutes for two weeks, hours for a year, a few octets a value.
//!
//! In come the rows of reports, each of which is taken in once (`rolled` in the agent's row says how
//! far); out come points for charts. A report that comes late goes where it belongs.

mod block;
mod samples;

use std::collections::BTreeMap;

use model::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};
use serde::Serialize;
use store::StoreError;

pub use block::Slot;
pub use samples::{NAMED, memory_share, share};

use crate::AgentId;
use crate::tables::{self, StoredReport};
use block::Block;
pub(crate) use samples::put_over;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 86_400_000;
/// Reports that are kept as they came, for people and programs that look closely.
pub const KEPT_REPORTS: u64 = 500;
/// Reports taken in at a time, so that other writers never wait long.
const AT_ONCE: usize = 500;
/// The most points of a series in an answer.
pub const MOST_POINTS: usize = 1_000;
/// From this width of a point on hours are fine enough.
const COARSE_MS: i64 = 2 * HOUR_MS;

/// What a series was in a piece of time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Point {
    /// When that piece begins.
    pub at: Timestamp,
    /// The least value.
    pub least: f64,
    /// The mean.
    pub mean: f64,
    /// The greatest.
    pub greatest: f64,
}

/// Series by name.
pub type Series = BTreeMap<String, Vec<Point>>;

/// One of the two tables.
#[derive(Clone, Copy)]
struct Shelf {
    load: &'static str,
    save: &'static str,
    oldest: &'static str,
    span: &'static str,
    /// Time that a block covers.
    block_ms: i64,
    /// Time that a slot covers.
    slot_ms: i64,
}

const MINUTES: Shelf = Shelf {
    load: "SELECT block FROM agent_minutes WHERE agent = ?1 AND at = ?2",
    save: "INSERT OR REPLACE INTO agent_minutes (agent, at, block) VALUES (?1, ?2, ?3)",
    oldest: "SELECT min(at) FROM agent_minutes WHERE agent = ?1",
    span: "SELECT at, block FROM agent_minutes WHERE agent = ?1 AND at >= ?2 AND at < ?3
               ORDER BY at",
    block_ms: HOUR_MS,
    slot_ms: MINUTE_MS,
};
const HOURS: Shelf = Shelf {
    load: "SELECT block FROM agent_hours WHERE agent = ?1 AND at = ?2",
    save: "INSERT OR REPLACE INTO agent_hours (agent, at, block) VALUES (?1, ?2, ?3)",
    oldest: "SELECT min(at) FROM agent_hours WHERE agent = ?1",
    span: "SELECT at, block FROM agent_hours WHERE agent = ?1 AND at >= ?2 AND at < ?3
               ORDER BY at",
    block_ms: DAY_MS,
    slot_ms: HOUR_MS,
};

impl Shelf {
    fn load(self, conn: &Connection, agent: AgentId, at: i64) -> Result<Block, StoreError> {
        let mut statement = conn.prepare_cached(self.load)?;
        let packed: Option<Vec<u8>> =
            statement.query_row(params![agent, at], |row| row.get(0)).optional()?;
        // One that cannot be read is of no use to anybody.
        Ok(packed.and_then(|packed| Block::unpack(&packed)).unwrap_or_default())
    }

    fn save(
        self,
        conn: &Connection,
        agent: AgentId,
        at: i64,
        block: &Block,
    ) -> Result<(), StoreError> {
        conn.prepare_cached(self.save)?.execute(params![agent, at, block.pack()])?;
        Ok(())
    }

    fn add(
        self,
        conn: &Connection,
        agent: AgentId,
        reports: &[StoredReport],
    ) -> Result<(), StoreError> {
        let mut blocks: BTreeMap<i64, Block> = BTreeMap::new();
        for stored in reports {
            let at = stored.at.0.div_euclid(self.block_ms) * self.block_ms;
            let block = match blocks.entry(at) {
                std::collections::btree_map::Entry::Occupied(found) => found.into_mut(),
                std::collections::btree_map::Entry::Vacant(room) => {
                    room.insert(self.load(conn, agent, at)?)
                }
            };
            let slot = (stored.at.0 - at) / self.slot_ms;
            samples::each(&stored.report, |name, value| {
                block.add(name, slot as u8, Slot::of(value));
            });
        }
        blocks.iter().try_for_each(|(at, block)| self.save(conn, agent, *at, block))
    }

    /// The beginning of the oldest block.
    fn oldest(self, conn: &Connection, agent: AgentId) -> Result<Option<i64>, StoreError> {
        Ok(conn.prepare_cached(self.oldest)?.query_row([agent], |row| row.get(0))?)
    }
}

/// Takes in the reports that have come since the last time; whether there may be more.
pub(crate) fn roll(conn: &Connection, agent: AgentId) -> Result<bool, StoreError> {
    let Some(mut row) = tables::find(conn, agent)? else {
        return Ok(false);
    };
    let reports = tables::reports_after(conn, agent, row.rolled, AT_ONCE)?;
    let Some(last) = reports.last().map(|report| report.seq) else {
        return Ok(false);
    };
    MINUTES.add(conn, agent, &reports)?;
    HOURS.add(conn, agent, &reports)?;
    let more = reports.len() == AT_ONCE;
    for stored in reports {
        samples::put_over(&mut row.known, stored.report);
    }
    conn.prepare_cached("UPDATE agents SET rolled = ?2, known = ?3 WHERE id = ?1")?
        .execute(params![agent, last.cast_signed(), tables::to_json(&row.known)])?;
    conn.prepare_cached("DELETE FROM agent_reports WHERE agent = ?1 AND seq <= ?2")?
        .execute(params![agent, last.saturating_sub(KEPT_REPORTS).cast_signed()])?;
    Ok(more)
}

/// All series whose name `wanted` takes between two moments, in at most `points` points each.
pub(crate) fn query(
    conn: &Connection,
    agent: AgentId,
    wanted: &dyn Fn(&str) -> bool,
    (from, to): (Timestamp, Timestamp),
    points: usize,
) -> Result<Series, StoreError> {
    let mut gather = Gather { from: from.0, width: 1, series: BTreeMap::new() };
    if to <= from {
        return Ok(Series::new());
    }
    let parts = points.clamp(1, MOST_POINTS) as i64;
    gather.width = ((to.0 - from.0) / parts).max(1);
    // What is older than all minutes has hours only, where there are any.
    let beyond = match (MINUTES.oldest(conn, agent)?, HOURS.oldest(conn, agent)?) {
        (Some(minutes), Some(hours)) => from.0 < minutes && hours < minutes - DAY_MS,
        _ => false,
    };
    let is_coarse = gather.width >= COARSE_MS || beyond;
    let shelf = if is_coarse { HOURS } else { MINUTES };
    gather.width = gather.width.max(shelf.slot_ms);
    let first = from.0.div_euclid(shelf.block_ms) * shelf.block_ms;
    let mut statement = conn.prepare_cached(shelf.span)?;
    let mut rows = statement.query(params![agent, first, to.0])?;
    while let Some(row) = rows.next()? {
        let start: i64 = row.get(0)?;
        let Some(block) = Block::unpack(row.get_ref(1)?.as_blob().unwrap_or_default()) else {
            continue;
        };
        for (name, slots) in block.series().filter(|(name, _)| wanted(name)) {
            for (slot, value) in slots {
                let at = start + i64::from(*slot) * shelf.slot_ms;
                if at + shelf.slot_ms > from.0 && at < to.0 {
                    gather.take(name, at, *value);
                }
            }
        }
    }
    // What has come since the last time that reports were taken in.
    let rolled = tables::find(conn, agent)?.map_or(0, |row| row.rolled);
    for stored in tables::reports_after(conn, agent, rolled, AT_ONCE)? {
        if (from..to).contains(&stored.at) {
            samples::each(&stored.report, |name, value| {
                if wanted(name) {
                    gather.take(name, stored.at.0, Slot::of(value));
                }
            });
        }
    }
    Ok(gather.finish())
}

/// Puts values that share a piece of time together.
struct Gather {
    from: i64,
    width: i64,
    series: BTreeMap<String, BTreeMap<i64, Slot>>,
}

impl Gather {
    fn take(&mut self, name: &str, at: i64, value: Slot) {
        let piece = self.from + (at - self.from).max(0) / self.width * self.width;
        if !self.series.contains_key(name) {
            self.series.insert(name.to_owned(), BTreeMap::new());
        }
        if let Some(points) = self.series.get_mut(name) {
            points.entry(piece).and_modify(|held| held.add(value)).or_insert(value);
        }
    }

    fn finish(self) -> Series {
        let point = |(at, slot): (i64, Slot)| Point {
            at: Timestamp(at),
            least: slot.least,
            mean: slot.mean,
            greatest: slot.greatest,
        };
        let series = self.series.into_iter();
        series.map(|(name, slots)| (name, slots.into_iter().map(point).collect())).collect()
    }
}
