//! Which networks talked to which, month by month, for much longer than the flows themselves are
//! kept: what passes between /24s and /64s of ours and of the world.
//!
//! In come blocks of flows; out go rows of `traffic_monthly` in `rollups.db`, with how far each day
//! was read in the same transaction, so that reading a day again adds nothing. They are written once
//! an hour: each row of a month lies on a page of its own.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Instant;

use model::Timestamp;
use rusqlite::{Transaction, params};

use super::account::Interfaces;
use super::keep::{RollupError, Rollups};
use crate::block::BlockError;
use crate::days::{Day, DaysError, Entry, list};
use crate::hash::FastMap;
use crate::query::{Loader, Rows, Sums, network_of, share};
use crate::world::{Geo, Ours, Prefix};

/// Pairs of networks of one month that are told apart: a megabyte. What comes beyond is one row.
const MOST_PAIRS: usize = 10_000;
/// A flow that lasted longer is told of by a broken clock: it counts in the month of its end.
const LONGEST_MS: i64 = 30 * 86_400_000;

/// How far days were read stands apart from that of the other sums, which are made more often.
pub(super) const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS traffic_monthly (
        month INTEGER NOT NULL,
        source BLOB NOT NULL,
        source_place INTEGER NOT NULL,
        destination BLOB NOT NULL,
        destination_place INTEGER NOT NULL,
        bytes INTEGER NOT NULL,
        packets INTEGER NOT NULL,
        flows INTEGER NOT NULL,
        first INTEGER NOT NULL,
        last INTEGER NOT NULL,
        PRIMARY KEY (month, source, source_place, destination, destination_place)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS progress_monthly (day INTEGER PRIMARY KEY, block INTEGER NOT NULL)
        STRICT;";

/// A network at one end, and where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Side {
    /// The network, a /24 or /64; None for all networks beyond those that are told apart.
    pub network: Option<Prefix>,
    /// Whose it is.
    pub place: Whereabouts,
}

/// Where a network is, as it was known when its flows were summed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Whereabouts {
    /// Not known.
    Unknown,
    /// It is ours.
    Ours,
    /// In this country.
    Country([u8; 2]),
}

impl Whereabouts {
    fn key(self) -> i64 {
        match self {
            Self::Unknown => 0,
            Self::Ours => 1,
            Self::Country(code) => u16::from_be_bytes(code).into(),
        }
    }

    fn from_key(key: i64) -> Self {
        match u16::try_from(key) {
            Ok(1) => Self::Ours,
            Ok(code @ 2..) => Self::Country(code.to_be_bytes()),
            _ => Self::Unknown,
        }
    }
}

impl Side {
    const REST: Self = Self { network: None, place: Whereabouts::Unknown };

    /// The first octets of the network, as many as it is long.
    fn octets(self) -> Vec<u8> {
        match self.network.map(Prefix::first) {
            Some(IpAddr::V4(v4)) => v4.octets()[..3].to_vec(),
            Some(IpAddr::V6(v6)) => v6.octets()[..8].to_vec(),
            None => Vec::new(),
        }
    }

    fn read(octets: &[u8], place: i64) -> Self {
        let network = match *octets {
            [a, b, c] => Prefix::new(Ipv4Addr::new(a, b, c, 0).into(), 24),
            _ => <[u8; 8]>::try_from(octets).ok().and_then(|high| {
                let bits = u128::from(u64::from_be_bytes(high)) << 64;
                Prefix::new(Ipv6Addr::from_bits(bits).into(), 64)
            }),
        };
        Self { network, place: Whereabouts::from_key(place) }
    }
}

/// What passed in one direction between two networks in one month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MonthRow {
    /// Months since January 1970, UTC.
    pub month: i64,
    /// Who sent.
    pub source: Side,
    /// Who received.
    pub destination: Side,
    /// What; a flow counts in the month in which it ended.
    pub sums: Sums,
    /// When it was first and last seen within the month.
    pub seen: (Timestamp, Timestamp),
}

type Key = (i64, Side, Side);

/// What months are summed with: which networks are ours, where others are, and which records tell of
/// what others told already.
pub type MonthsKnow<'a> = (&'a Ours, &'a dyn Geo, &'a Interfaces);

/// The sums of blocks in memory.
#[derive(Default)]
struct Months {
    places: FastMap<Key, u32>,
    rows: Vec<MonthRow>,
}

/// The month of a moment: months since January 1970, UTC.
pub fn month_of(at: Timestamp) -> i64 {
    // Days since 1 March of the year 0, in eras of 400 years, which are all alike.
    let days = at.day() + 719_468;
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    // From March on, months of 31, 30, 31, 30, 31 days come round and round.
    let month = (5 * of_year + 2) / 153;
    (days.div_euclid(146_097) * 400 + year - 1_970) * 12 + month + 2
}

/// When a month begins.
pub fn month_start(month: i64) -> Timestamp {
    // Not later than the month's first day, and less than four weeks before it.
    let mut day = (month * 30_436_875).div_euclid(1_000_000) - 3;
    while month_of(Timestamp::from_day(day)) < month {
        day += 1;
    }
    Timestamp::from_day(day)
}

impl Months {
    fn add(
        &mut self,
        rows: &Rows<'_>,
        (ours, geo, interfaces): MonthsKnow<'_>,
        (day, is_block): (i64, bool),
    ) -> Result<(), BlockError> {
        let places = rows.places(geo);
        let side = |(address, place): (IpAddr, &crate::world::Place)| {
            let place = match place.country {
                _ if ours.contains(address) => Whereabouts::Ours,
                Some(code) => Whereabouts::Country(code),
                None => Whereabouts::Unknown,
            };
            Some(Side { network: Some(network_of(address)?), place })
        };
        let sides: Vec<Option<Side>> = rows.dictionary.iter().zip(places).map(side).collect();
        let [starts, ends] = rows.times()?;
        let (bytes, packets) = (rows.bytes()?, rows.packets()?);
        let (ways, way) = rows.paths()?;
        let counts = interfaces.counted(ways, is_block);
        // Rows lie by their ends: the next one is mostly of the same pair.
        let mut last: Option<((u32, u32, i64), u32)> = None;
        for row in 0..rows.len() {
            let (from, to) = (rows.ends.source[row], rows.ends.destination[row]);
            let (Some(source), Some(destination)) = (sides[from as usize], sides[to as usize])
            else {
                continue;
            };
            if !counts[way[row] as usize] {
                continue;
            }
            let (start, end) = match (starts[row], ends[row]) {
                times if Timestamp(times.1).day() == day => times,
                // Of an exporter whose clock is wrong: it lies in the day on which it was told.
                _ => (Timestamp::from_day(day).0, Timestamp::from_day(day).0),
            };
            let lasted = end.saturating_sub(start);
            let began = if (0..=LONGEST_MS).contains(&lasted) { start } else { end };
            let (first, final_month) = (month_of(Timestamp(began)), month_of(Timestamp(end)));
            for month in first..=final_month {
                let place = match last {
                    Some((known, place)) if known == (from, to, month) => place,
                    _ => self.place((month, source, destination)),
                };
                last = Some(((from, to, month), place));
                let Some(known) = self.rows.get_mut(place as usize) else { continue };
                let border = |month| month_start(month).0;
                let from = if month == first { i64::MIN } else { border(month) };
                let to = if month == final_month { i64::MAX } else { border(month + 1) };
                let part = |amount| share(amount, (start, end), (from, to));
                let flows = u64::from(month == final_month);
                known.sums.add(&Sums {
                    bytes: part(bytes[row]),
                    packets: part(packets[row]),
                    flows,
                });
                let seen = (Timestamp(from.max(began)), Timestamp(to.min(end)));
                known.seen = (known.seen.0.min(seen.0), known.seen.1.max(seen.1));
            }
        }
        Ok(())
    }

    fn place(&mut self, (month, source, destination): Key) -> u32 {
        let next = self.rows.len() as u32;
        let full = self.rows.len() >= 2 * MOST_PAIRS;
        let key = (month, source, destination);
        let key = if full && !self.places.contains_key(&key) {
            (month, Side::REST, Side::REST)
        } else {
            key
        };
        let place = *self.places.entry(key).or_insert(next);
        if place == next {
            let (month, source, destination) = key;
            let seen = (Timestamp(i64::MAX), Timestamp(i64::MIN));
            let sums = Sums::default();
            self.rows.push(MonthRow { month, source, destination, sums, seen });
        }
        place
    }

    fn add_block(
        &mut self,
        loader: &mut Loader,
        (day, entry): (&Day, &Entry),
        knowledge: MonthsKnow<'_>,
    ) -> Result<(), DaysError> {
        loader.dictionary(day, entry)?;
        let rows = loader.rows(day, entry)?;
        let is_block = entry.block().is_some();
        let of = (day.file().day, is_block);
        self.add(&rows, knowledge, of).map_err(DaysError::block(&day.file().path))
    }

    fn merge(&mut self, row: &MonthRow) {
        let next = self.rows.len() as u32;
        let key = (row.month, row.source, row.destination);
        let place = *self.places.entry(key).or_insert(next);
        match self.rows.get_mut(place as usize) {
            Some(known) => {
                known.sums.add(&row.sums);
                known.seen = (known.seen.0.min(row.seen.0), known.seen.1.max(row.seen.1));
            }
            None => self.rows.push(*row),
        }
    }
}

impl Rollups {
    /// Sums by month the blocks that have not been. Running again adds nothing. To be called about
    /// once an hour.
    pub fn run_monthly(&mut self, knowledge: MonthsKnow<'_>) -> Result<(), RollupError> {
        let mut loader = Loader::default();
        for file in list(&self.dir)? {
            let done = self.progress_monthly(file.day)?;
            let day = Day::open(&file)?;
            let (mut months, mut last) = (Months::default(), done);
            for entry in day.entries() {
                let Some(block) = entry.block().filter(|block| *block > done) else { continue };
                months.add_block(&mut loader, (&day, entry), knowledge)?;
                last = block;
            }
            if last == done {
                continue;
            }
            months.rows.sort_unstable_by_key(|row| (row.month, row.source, row.destination));
            let write = || {
                let transaction = self.connection.unchecked_transaction()?;
                store(&transaction, &months.rows)?;
                transaction.execute(
                    "INSERT INTO progress_monthly (day, block) VALUES (?1, ?2)
                         ON CONFLICT (day) DO UPDATE SET block = excluded.block",
                    [file.day, last],
                )?;
                transaction.commit()
            };
            write().map_err(|error| self.failed("write months to", error))?;
        }
        Ok(())
    }

    /// What passed between networks from a month on, with what is in no sum yet; None where that is
    /// not read by `until`.
    pub fn months(
        &self,
        first: i64,
        knowledge: MonthsKnow<'_>,
        until: Option<Instant>,
    ) -> Result<Option<Vec<MonthRow>>, RollupError> {
        let (mut months, mut loader) = (Months::default(), Loader::default());
        // How far the sums go and what they are belong to the same moment.
        let _moment = self
            .connection
            .unchecked_transaction()
            .map_err(|error| self.failed("read months of", error))?;
        for file in list(&self.dir)? {
            let done = self.progress_monthly(file.day)?;
            let day = Day::open(&file)?;
            for entry in day.entries() {
                if entry.block().is_some_and(|block| block <= done) {
                    continue;
                }
                if until.is_some_and(|until| Instant::now() >= until) {
                    return Ok(None);
                }
                months.add_block(&mut loader, (&day, entry), knowledge)?;
            }
        }
        let mut all = Months::default();
        self.kept_months(first, &mut all).map_err(|error| self.failed("read months of", error))?;
        for row in months.rows.iter().filter(|row| row.month >= first) {
            all.merge(row);
        }
        Ok(Some(all.rows))
    }

    fn kept_months(&self, first: i64, into: &mut Months) -> rusqlite::Result<()> {
        if !self.has_months()? {
            return Ok(());
        }
        let sql = "SELECT month, source, source_place, destination, destination_place, bytes,
                       packets, flows, first, last FROM traffic_monthly WHERE month >= ?1";
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query([first])?;
        while let Some(row) = rows.next()? {
            let number = |at| row.get::<_, i64>(at).map(|number| number.max(0) as u64);
            let octets = |at| row.get_ref(at)?.as_blob().map_err(rusqlite::Error::from);
            let sums = Sums { bytes: number(5)?, packets: number(6)?, flows: number(7)? };
            into.rows.push(MonthRow {
                month: row.get(0)?,
                source: Side::read(octets(1)?, row.get(2)?),
                destination: Side::read(octets(3)?, row.get(4)?),
                sums,
                seen: (Timestamp(row.get(8)?), Timestamp(row.get(9)?)),
            });
        }
        for (place, row) in (0..).zip(&into.rows) {
            into.places.insert((row.month, row.source, row.destination), place);
        }
        Ok(())
    }

    /// False where the sums were made by a release that knew no months.
    fn has_months(&self) -> rusqlite::Result<bool> {
        let sql = "SELECT count(*) FROM sqlite_schema
                       WHERE name IN ('traffic_monthly', 'progress_monthly')";
        self.connection.query_row(sql, [], |row| row.get::<_, i64>(0)).map(|made| made == 2)
    }

    fn progress_monthly(&self, day: i64) -> Result<i64, RollupError> {
        let read = || {
            if !self.has_months()? {
                return Ok(0);
            }
            let sql = "SELECT coalesce(max(block), 0) FROM progress_monthly WHERE day = ?1";
            self.connection.prepare_cached(sql)?.query_row([day], |row| row.get(0))
        };
        read().map_err(|error| self.failed("read", error))
    }
}

/// Deletes months before one, and how far days were read that are gone.
pub(super) fn forget(
    transaction: &Transaction<'_>,
    first: i64,
    oldest_day: i64,
) -> rusqlite::Result<u64> {
    let gone = transaction.execute("DELETE FROM traffic_monthly WHERE month < ?1", [first])?;
    transaction.execute("DELETE FROM progress_monthly WHERE day < ?1", [oldest_day])?;
    Ok(gone as u64)
}

/// Adds rows to those that are kept. What has no room goes into the row of the rest.
fn store(transaction: &Transaction<'_>, rows: &[MonthRow]) -> rusqlite::Result<()> {
    // Sums beyond what `SQLite`'s integers hold stay just below their end.
    let mut update = transaction.prepare_cached(
        "UPDATE traffic_monthly SET
             bytes = CAST(min(bytes + ?6, 9.2e18) AS INTEGER),
             packets = CAST(min(packets + ?7, 9.2e18) AS INTEGER),
             flows = CAST(min(flows + ?8, 9.2e18) AS INTEGER),
             first = min(first, ?9), last = max(last, ?10)
             WHERE month = ?1 AND source = ?2 AND source_place = ?3
                 AND destination = ?4 AND destination_place = ?5",
    )?;
    let mut insert = transaction.prepare_cached(
        "INSERT INTO traffic_monthly VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?;
    let mut count = transaction.prepare_cached(
        "SELECT count(*) FROM traffic_monthly WHERE month = ?1 AND length(source) > 0",
    )?;
    let mut made: FastMap<i64, i64> = FastMap::default();
    for row in rows {
        let put = |statement: &mut rusqlite::Statement<'_>, source: Side, destination: Side| {
            let whole = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
            statement.execute(params![
                row.month,
                source.octets(),
                source.place.key(),
                destination.octets(),
                destination.place.key(),
                whole(row.sums.bytes),
                whole(row.sums.packets),
                whole(row.sums.flows),
                row.seen.0.0,
                row.seen.1.0,
            ])
        };
        if put(&mut update, row.source, row.destination)? > 0 {
            continue;
        }
        if row.source == Side::REST {
            put(&mut insert, Side::REST, Side::REST)?;
            continue;
        }
        let known = match made.get(&row.month) {
            Some(known) => *known,
            None => count.query_row([row.month], |row| row.get(0))?,
        };
        made.insert(row.month, known);
        if known < MOST_PAIRS as i64 {
            put(&mut insert, row.source, row.destination)?;
            made.insert(row.month, known + 1);
        } else if put(&mut update, Side::REST, Side::REST)? == 0 {
            put(&mut insert, Side::REST, Side::REST)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_moment_lies_in_its_month() {
        for (text, month) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1969-12-31T23:59:59Z", -1),
            ("2000-02-29T12:00:00Z", 361),
            ("2000-03-01T00:00:00Z", 362),
            ("2026-11-30T23:59:59Z", 682),
            ("2026-12-01T00:00:00Z", 683),
            ("2100-03-01T00:00:00Z", 1_562),
        ] {
            assert_eq!(month_of(Timestamp::parse_rfc3339(text).unwrap()), month, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_month_begins_where_the_one_before_ends(month in -1_000_i64..5_000) {
            let begins = month_start(month);
            prop_assert_eq!(month_of(begins), month);
            prop_assert_eq!(month_of(Timestamp(begins.0 - 1)), month - 1);
        }

        #[test]
        fn a_side_survives_its_row(address: IpAddr, code in 0_i64..70_000) {
            let network = network_of(address);
            let side = Side { network, place: Whereabouts::from_key(code) };
            prop_assert_eq!(Side::read(&side.octets(), side.place.key()), side);
        }
    }
}
