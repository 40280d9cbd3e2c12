//! Connections of the kernel become flows: what each has carried since it was last told of. Pure.
//!
//! In come looks at the whole table, each entry with counters that only grow, and entries that
//! ended; out go flows whose sum is exactly what the counters say. An entry is told of when it is
//! first seen, then whenever enough has come together, at last when it ends; so a connection that
//! lasts for days counts while it lasts.
//!
//! A flow of a connection has the true hosts at its ends, whatever NAT made of them, and its
//! [`Nat`](crate::Nat) the face that the other side saw.

mod saved;

use std::collections::HashSet;
use std::hash::BuildHasher as _;

use model::Timestamp;
use netlink::conntrack::{Amount, Connection};

use super::idle::Timeouts;
use crate::hash::{FastMap, Seeded};
use crate::{Flow, Nat};

/// Connections that are remembered: with 80 octets each this is 18 MB. Of those beyond it what they
/// carried is told when they end.
const MOST: usize = 229_376;
/// Ended connections remembered until the next look, which may still show them.
const MOST_ENDED: usize = 65_536;
/// Less than this many octets waits to be told until [`LONGEST_WAIT_MS`].
const WORTH: u64 = 4_096;
const LONGEST_WAIT_MS: i64 = 120_000;
/// The shortest time from one telling to the next, however often is looked.
pub(crate) const USUAL_PAUSE_MS: i64 = 30_000;
/// Looks in a row that an entry may be missing from before it is given up: a table that changes
/// while it is read may hide one.
const MISSES: u32 = 2;

/// What became of connections.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Account {
    /// Connections that are there.
    pub known: u64,
    /// Those of the last look without counters: they began before accounting was switched on.
    pub uncounted: u64,
    /// Connections that ended.
    pub ended: u64,
    /// Connections that were gone without a word, so that their last octets are not known.
    pub vanished: u64,
    /// Those of the last look beyond what is remembered.
    pub beyond: u64,
    /// Flows told.
    pub flows: u64,
}

/// Who takes what was told.
pub(crate) trait Take {
    /// Traffic in one direction, to be kept.
    fn flow(&mut self, flow: &Flow);

    /// The same octets for those who watch: all that passed since the last look, kept or not yet.
    fn passed(&mut self, flow: &Flow);
}

/// A connection as it was last told of.
#[derive(Debug, Clone, Copy)]
struct Known {
    told: [Amount; 2],
    /// Octets at the last look.
    seen: [u64; 2],
    /// Until when it was told of.
    until: Timestamp,
    /// The number of the last look that showed it.
    look: u32,
}

/// All connections.
pub(crate) struct Connections {
    known: FastMap<u64, Known>,
    ended: HashSet<u64, Seeded>,
    keys: Seeded,
    timeouts: Timeouts,
    look: u32,
    /// When the last whole look began, and the one that is under way.
    last: Option<Timestamp>,
    now: Timestamp,
    /// What was there before the first look counts for nothing: nobody knows when it passed.
    is_first: bool,
    account: Account,
}

impl Connections {
    pub(crate) fn new(timeouts: Timeouts) -> Self {
        Self {
            known: FastMap::default(),
            ended: HashSet::default(),
            keys: Seeded::default(),
            timeouts,
            look: 0,
            last: None,
            now: Timestamp(0),
            is_first: true,
            account: Account::default(),
        }
    }

    pub(crate) fn account(&self) -> Account {
        Account { known: self.known.len() as u64, ..self.account }
    }

    /// A look at the whole table begins.
    pub(crate) fn begin(&mut self, now: Timestamp) {
        self.look = self.look.wrapping_add(1);
        self.now = now;
        (self.account.uncounted, self.account.beyond) = (0, 0);
    }

    /// An entry of the look that is under way. Told of only where `counts`; else another source
    /// tells of the same octets.
    pub(crate) fn entry(&mut self, connection: &Connection, counts: bool, take: &mut dyn Take) {
        let Some(carried) = carried(connection) else {
            self.account.uncounted += 1;
            return;
        };
        let key = self.key(connection);
        if self.ended.contains(&key) {
            return;
        }
        let (now, look) = (self.now, self.look);
        let seen = carried.map(|amount| amount.bytes);
        let is_new = !self.known.contains_key(&key);
        if is_new && self.known.len() >= MOST {
            self.account.beyond += 1;
            return;
        }
        if is_new && (self.is_first || !counts) {
            self.known.insert(key, Known { told: carried, seen, until: now, look });
            return;
        }
        let began = self.began(connection);
        let fresh = Known { told: [Amount::default(); 2], seen: [0; 2], until: began, look };
        let last = self.last.unwrap_or(now).max(began.min(now));
        let known = self.known.entry(key).or_insert(fresh);
        known.look = look;
        let before = std::mem::replace(&mut known.seen, seen);
        if !counts {
            (known.told, known.until) = (carried, now);
            return;
        }
        if seen != before {
            let since = [0, 1]
                .map(|side| Amount { packets: 0, bytes: seen[side].saturating_sub(before[side]) });
            flows(connection, since, (last, now), |flow| take.passed(flow));
        }
        let waited = now.0.saturating_sub(known.until.0);
        let rest = minus(carried, known.told);
        let octets = rest[0].bytes.saturating_add(rest[1].bytes);
        let due = waited >= LONGEST_WAIT_MS || octets >= WORTH && waited >= USUAL_PAUSE_MS;
        if (is_new || due || waited < 0) && rest != [Amount::default(); 2] {
            let start = known.until.min(now);
            (known.told, known.until) = (carried, now);
            let times = (start, last_packet(&self.timeouts, connection, start, now));
            self.account.flows += flows(connection, rest, times, |flow| take.flow(flow));
        }
    }

    /// The look ends; `is_whole` says whether it showed the whole table.
    pub(crate) fn finish(&mut self, is_whole: bool) {
        if !is_whole {
            return;
        }
        let look = self.look;
        let before = self.known.len();
        self.known.retain(|_, known| look.wrapping_sub(known.look) < MISSES);
        self.account.vanished += (before - self.known.len()) as u64;
        self.ended.clear();
        self.last = Some(self.now);
        self.is_first = false;
    }

    /// A connection ended; these are its last counters.
    pub(crate) fn ended(
        &mut self,
        connection: &Connection,
        counts: bool,
        now: Timestamp,
        take: &mut dyn Take,
    ) {
        let key = self.key(connection);
        let known = self.known.remove(&key);
        self.account.ended += 1;
        if self.ended.len() < MOST_ENDED {
            self.ended.insert(key);
        }
        // Before the first look nobody knows since when it was there.
        let counts = counts && (known.is_some() || !self.is_first);
        let Some(carried) = carried(connection).filter(|_| counts) else { return };
        let start = known.map_or_else(|| self.began(connection), |known| known.until).min(now);
        let told = known.map(|known| known.told).unwrap_or_default();
        let times = (start, last_packet(&self.timeouts, connection, start, now));
        let seen = known.map(|known| known.seen).unwrap_or_default();
        let rest = minus(carried, told);
        let since = [0, 1].map(|side| Amount {
            packets: 0,
            bytes: carried[side].bytes.saturating_sub(seen[side]),
        });
        flows(connection, since, times, |flow| take.passed(flow));
        self.account.flows += flows(connection, rest, times, |flow| take.flow(flow));
    }

    /// When a connection began that nobody has seen before: after the last look, if not noted.
    fn began(&self, connection: &Connection) -> Timestamp {
        let noted = connection.began.map(|ns| Timestamp((ns / 1_000_000) as i64));
        noted.or(self.last).unwrap_or(self.now)
    }

    fn key(&self, connection: &Connection) -> u64 {
        let its = &connection.original;
        let ports = (its.source_port, its.destination_port, connection.protocol, connection.zone);
        self.keys.hash_one((connection.id, its.source, its.destination, ports))
    }
}

/// When its last packet passed. An estimate that cannot be, because something has passed since
/// `after`, is replaced by now.
fn last_packet(
    timeouts: &Timeouts,
    connection: &Connection,
    after: Timestamp,
    now: Timestamp,
) -> Timestamp {
    let idle = timeouts.idle_ms(connection).unwrap_or(0);
    let estimate = Timestamp(now.0.saturating_sub(idle));
    if estimate >= after { estimate } else { now.max(after) }
}

fn carried(connection: &Connection) -> Option<[Amount; 2]> {
    Some([connection.sent?, connection.received?])
}

/// What was added. Counters that went back began anew.
fn minus(now: [Amount; 2], before: [Amount; 2]) -> [Amount; 2] {
    [0, 1].map(|side| {
        let (now, before) = (now[side], before[side]);
        match (now.packets.checked_sub(before.packets), now.bytes.checked_sub(before.bytes)) {
            (Some(packets), Some(bytes)) => Amount { packets, bytes },
            _ => now,
        }
    })
}

/// The flows of a connection's two directions, as far as anything passed; gives how many.
fn flows(
    connection: &Connection,
    amounts: [Amount; 2],
    (start, end): (Timestamp, Timestamp),
    mut give: impl FnMut(&Flow),
) -> u64 {
    let (original, reply) = (&connection.original, &connection.reply);
    let is_translated = connection.source_nat().is_some() || connection.destination_nat().is_some();
    // Of an echo both ports are its number, which is no port.
    let port = |port: Option<u16>| port.filter(|_| !connection.is_echo()).unwrap_or(0);
    let icmp = |own: u16, port: u16| if connection.is_echo() { own } else { port };
    let [sent, received] = amounts;
    let forth = Flow {
        start,
        end,
        source: original.source,
        destination: reply.source,
        source_port: port(original.source_port),
        destination_port: icmp(original.icmp, port(reply.source_port)),
        protocol: connection.protocol,
        bytes: sent.bytes,
        packets: sent.packets,
        nat: is_translated.then_some(Nat {
            source: reply.destination,
            destination: original.destination,
            source_port: port(reply.destination_port),
            destination_port: port(original.destination_port),
        }),
        ..Flow::UNKNOWN
    };
    let back = Flow {
        source: forth.destination,
        destination: forth.source,
        source_port: port(reply.source_port),
        destination_port: icmp(reply.icmp, forth.source_port),
        bytes: received.bytes,
        packets: received.packets,
        nat: forth.nat.map(|nat| Nat {
            source: nat.destination,
            destination: nat.source,
            source_port: nat.destination_port,
            destination_port: nat.source_port,
        }),
        ..forth
    };
    let mut given = 0;
    for flow in [forth, back] {
        if flow.bytes > 0 || flow.packets > 0 {
            give(&flow);
            given += 1;
        }
    }
    given
}

#[cfg(test)]
mod tests;
