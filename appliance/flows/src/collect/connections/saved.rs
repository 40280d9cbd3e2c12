//! What is known of connections as octets, so that a restart of the program counts none twice and
//! leaves none out.
//!
//! A mark, the seed of the keys and the time of the last look (8 octets each), then for each
//! connection its key, packets and octets of both directions as last told, and until when: six
//! numbers of 8 octets. Lowest octet first.

use model::Timestamp;
use netlink::conntrack::Amount;

use super::{Connections, Known, MOST};
use crate::hash::Seeded;

/// The last octet is the format's version.
const MAGIC: u64 = u64::from_le_bytes(*b"pfconn\0\x01");
const HEAD: usize = 3 * 8;
const ENTRY: usize = 6 * 8;

impl Connections {
    /// What must survive a restart.
    pub(crate) fn save(&self) -> Vec<u8> {
        let Some(last) = self.last else { return Vec::new() };
        let mut out = Vec::with_capacity(HEAD + self.known.len() * ENTRY);
        let mut put = |number: u64| out.extend(number.to_le_bytes());
        [MAGIC, self.keys.seed(), last.0 as u64].into_iter().for_each(&mut put);
        for (key, known) in &self.known {
            let [sent, received] = known.told;
            let until = known.until.0 as u64;
            [*key, sent.packets, sent.bytes, received.packets, received.bytes, until]
                .into_iter()
                .for_each(&mut put);
        }
        out
    }

    /// Takes over what was saved at most `stale` milliseconds ago. False where it was not: it is
    /// something else, too old or from the future.
    pub(crate) fn restore(&mut self, bytes: &[u8], now: Timestamp, stale: i64) -> bool {
        let number = |bytes: &[u8]| bytes.try_into().map_or(0, u64::from_le_bytes);
        let (Some(head), Some(entries)) = (bytes.get(..HEAD), bytes.get(HEAD..)) else {
            return false;
        };
        let head: Vec<u64> = head.chunks_exact(8).map(number).collect();
        let [MAGIC, seed, last] = head[..] else { return false };
        let last = Timestamp(last as i64);
        if !(0..stale).contains(&now.0.saturating_sub(last.0)) {
            return false;
        }
        self.keys = Seeded::of(seed);
        self.last = Some(last);
        self.is_first = false;
        for entry in entries.chunks_exact(ENTRY).take(MOST) {
            let numbers: Vec<u64> = entry.chunks_exact(8).map(number).collect();
            let [key, packets, bytes, back, back_bytes, until] = numbers[..] else { continue };
            let told = [Amount { packets, bytes }, Amount { packets: back, bytes: back_bytes }];
            let until = Timestamp(until as i64).min(now);
            self.known.insert(
                key,
                Known { told, seen: told.map(|amount| amount.bytes), until, look: self.look },
            );
        }
        true
    }
}
