//! Who moves how much just now: octets of the last minute by account, in memory, and only while
//! somebody watches. In come flows, out go rates.

use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use model::Timestamp;

use crate::Flow;
use crate::hash::FastMap;
use crate::query::share;
use crate::rollup::{AddressBook, Whose};

/// How far back it goes, in milliseconds, and the length of the pieces that it is kept in.
const SPAN_MS: i64 = 60_000;
const PIECE_MS: i64 = 5_000;
/// Nobody has asked for this long: nobody watches any more. Prometheus asks every minute.
const FORGOTTEN_MS: i64 = 90_000;
/// Accounts of a piece; more are summed up with the unknown.
const MOST: usize = 4_096;

/// An address book that threads share.
pub type SharedBook = Arc<dyn AddressBook + Send + Sync>;

/// One account's rates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Whose.
    pub whose: Whose,
    /// Octets a second that it sends.
    pub sent: u64,
    /// Octets a second that it receives.
    pub received: u64,
}

/// The rates of all accounts, the largest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rates {
    /// The seconds that they are of; few when somebody has just begun to watch.
    pub seconds: u64,
    /// By account.
    pub rows: Vec<Rate>,
}

type Piece = FastMap<i64, [u64; 2]>;

/// Keeps the last minute.
pub(crate) struct LiveView {
    book: SharedBook,
    asked_at: AtomicI64,
    pieces: Mutex<Pieces>,
}

#[derive(Default)]
struct Pieces {
    /// By the number of the piece.
    kept: std::collections::BTreeMap<i64, Piece>,
    since: Timestamp,
}

impl LiveView {
    pub(crate) fn new(book: SharedBook) -> Self {
        let (asked_at, pieces) = (AtomicI64::new(i64::MIN), Mutex::default());
        Self { book, asked_at, pieces }
    }

    /// Whether anybody has asked of late.
    pub(crate) fn is_watched(&self, now: Timestamp) -> bool {
        let asked = self.asked_at.load(Relaxed);
        (asked..asked.saturating_add(FORGOTTEN_MS)).contains(&now.0)
    }

    /// Adds what passed in a flow.
    pub(crate) fn add(&self, flow: &Flow, now: Timestamp) {
        let accounts = [
            self.book.whose(flow.source, flow.end).key(),
            self.book.whose(flow.destination, flow.end).key(),
        ];
        let (first, last) = (flow.start.0.div_euclid(PIECE_MS), flow.end.0.div_euclid(PIECE_MS));
        let oldest = (now.0 - SPAN_MS).div_euclid(PIECE_MS);
        let mut pieces = self.pieces.lock().unwrap_or_else(PoisonError::into_inner);
        for number in first.max(oldest)..=last.min(now.0.div_euclid(PIECE_MS)) {
            let from = if number == first { i64::MIN } else { number * PIECE_MS };
            let to = if number == last { i64::MAX } else { (number + 1) * PIECE_MS };
            let part = share(flow.bytes, (flow.start.0, flow.end.0), (from, to));
            let piece = pieces.kept.entry(number).or_default();
            for (side, key) in accounts.iter().enumerate() {
                let Some(key) = key else { continue };
                let has_room = piece.len() < MOST || piece.contains_key(key);
                let sums = piece.entry(if has_room { *key } else { 0 }).or_default();
                if let Some(sum) = sums.get_mut(side) {
                    *sum = sum.saturating_add(part);
                }
            }
        }
        while pieces.kept.first_key_value().is_some_and(|(number, _)| *number < oldest) {
            pieces.kept.pop_first();
        }
    }

    /// The rates, and whether somebody watches who did not before.
    pub(crate) fn rates(&self, now: Timestamp) -> (Rates, bool) {
        let is_new = !self.is_watched(now);
        self.asked_at.store(now.0, Relaxed);
        let mut pieces = self.pieces.lock().unwrap_or_else(PoisonError::into_inner);
        if is_new {
            *pieces = Pieces { since: now, ..Pieces::default() };
        }
        // From where a piece begins, or somebody began to watch.
        let first = (now.0 - SPAN_MS).div_euclid(PIECE_MS);
        let from = pieces.since.0.max(first * PIECE_MS);
        let span = now.0.saturating_sub(from).max(1_000);
        let mut sums = Piece::default();
        for piece in pieces.kept.range(first..) {
            for (key, amounts) in piece.1 {
                let sum = sums.entry(*key).or_default();
                *sum = [0, 1].map(|side| sum[side].saturating_add(amounts[side]));
            }
        }
        let seconds = span as u64 / 1_000;
        let mut rows: Vec<Rate> = sums
            .into_iter()
            .map(|(key, [sent, received])| Rate {
                whose: Whose::from_key(key),
                sent: sent / seconds,
                received: received / seconds,
            })
            .collect();
        model::sort_by_key(&mut rows, |rate| {
            (std::cmp::Reverse(rate.sent.saturating_add(rate.received)), rate.whose)
        });
        (Rates { seconds, rows }, is_new)
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    struct LastOctet;

    impl AddressBook for LastOctet {
        fn whose(&self, address: IpAddr, _: Timestamp) -> Whose {
            match address {
                IpAddr::V4(v4) if v4.is_private() => Whose::Device(v4.octets()[3].into()),
                _ => Whose::Remote,
            }
        }
    }

    fn flow(device: u8, start: i64, end: i64, bytes: u64) -> Flow {
        Flow {
            source: [10, 0, 0, device].into(),
            destination: [192, 0, 2, 1].into(),
            start: Timestamp(start),
            end: Timestamp(end),
            bytes,
            ..Flow::UNKNOWN
        }
    }

    #[test]
    fn rates_are_those_of_the_last_minute_largest_first() {
        let view = LiveView::new(Arc::new(LastOctet));
        let began = Timestamp(10_000_000);
        assert!(!view.is_watched(began));
        let (rates, is_new) = view.rates(began);
        assert!(is_new && rates.rows.is_empty());
        let now = Timestamp(began.0 + 60_000);
        view.rates(Timestamp(now.0 - 35_000));
        view.rates(Timestamp(now.0 - 10_000));
        assert!(view.is_watched(now));
        // Half of it before the minute.
        view.add(&flow(7, began.0 - 60_000, now.0, 120_000), now);
        view.add(&flow(8, now.0 - 1_000, now.0 - 1_000, 6_000_000), now);
        let back = Flow {
            source: [192, 0, 2, 1].into(),
            destination: [10, 0, 0, 8].into(),
            ..flow(0, now.0 - 30_000, now.0, 600)
        };
        view.add(&back, now);
        let (rates, is_new) = view.rates(now);
        assert!(!is_new);
        assert_eq!(rates.seconds, 60);
        let row = |whose, sent, received| Rate { whose, sent, received };
        assert_eq!(
            rates.rows,
            [row(Whose::Device(8), 100_000, 10), row(Whose::Device(7), 1_000, 0)]
        );
        // A minute later all of it is over.
        view.rates(Timestamp(now.0 + 25_000));
        view.rates(Timestamp(now.0 + 50_000));
        assert!(view.rates(Timestamp(now.0 + 70_000)).0.rows.is_empty());
    }

    #[test]
    fn who_has_not_asked_for_long_begins_anew() {
        let view = LiveView::new(Arc::new(LastOctet));
        view.rates(Timestamp(1_000_000));
        view.add(&flow(7, 1_000_000, 1_001_000, 5_000), Timestamp(1_001_000));
        let (rates, is_new) = view.rates(Timestamp(1_001_000 + FORGOTTEN_MS));
        assert!(is_new && rates.rows.is_empty());
    }
}
