//! What passed between places, month by month: networks as they were summed, and the locations that
//! people have named by now.

use std::collections::HashSet;

use model::Timestamp;

use super::{AnswerError, Desk, Sites};
use crate::hash::{FastMap, Seeded};
use crate::query::{End, QueryError, Sums};
use crate::rollup::{MonthRow, Side, Whereabouts, month_of};
use crate::world::{Geo, Prefix};

/// Two places and what passed between them in a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MonthPair {
    /// Months since January 1970, UTC.
    pub month: i64,
    /// The one that is ours, or the first of two alike.
    pub local: End,
    /// The other.
    pub remote: End,
    /// What the first sent.
    pub sent: Sums,
    /// What it received.
    pub received: Sums,
    /// Networks (/24 or /64) of both that were seen.
    pub networks: u64,
    /// Pairs of such networks that talked.
    pub mappings: u64,
    /// When it was first and last seen within the month.
    pub seen: (Timestamp, Timestamp),
}

impl MonthPair {
    /// Octets of both directions.
    pub fn bytes(&self) -> u64 {
        self.sent.bytes.saturating_add(self.received.bytes)
    }

    /// Packets of both directions.
    pub fn packets(&self) -> u64 {
        self.sent.packets.saturating_add(self.received.packets)
    }
}

/// Networks and the number of the place where they are, the longest first.
type Named = Vec<(Prefix, u32)>;

impl Desk {
    /// What passed between places in the last months, this one included; the latest month first, and
    /// of each the pair with the most octets. A location counts where a whole /24 or /64 lies in it.
    pub fn months(&self, sites: &Sites, months: i64) -> Result<Vec<MonthPair>, AnswerError> {
        let Some(rollups) = self.summed()? else { return Ok(Vec::new()) };
        let mut named: Named = sites
            .iter()
            .flat_map(|site| site.networks.iter().map(|network| (*network, site.number)))
            .collect();
        named.sort_unstable_by_key(|(network, number)| {
            (std::cmp::Reverse(network.length()), *number)
        });
        let world = &self.world;
        let geo: &dyn Geo = &*world.geo;
        let knowledge = (&world.ours, geo, &world.interfaces);
        let first = month_of(self.now).saturating_sub(months.saturating_sub(1));
        let rows = rollups.months(first, knowledge, Some(self.deadline))?;
        let rows = rows.ok_or(QueryError::TooLong)?;
        Ok(paired(&rows, &named))
    }
}

fn paired(rows: &[MonthRow], named: &Named) -> Vec<MonthPair> {
    let mut places: FastMap<(i64, End, End), usize> = FastMap::default();
    let mut pairs: Vec<MonthPair> = Vec::new();
    let mut networks = HashSet::<(usize, Prefix), Seeded>::default();
    let mut mappings = HashSet::<(usize, Prefix, Prefix), Seeded>::default();
    for row in rows {
        let (source, destination) = (end(row.source, named), end(row.destination, named));
        let is_theirs = |side: Side| side.place != Whereabouts::Ours;
        let order = |side: Side, end| (is_theirs(side), end, side);
        let forth = order(row.source, source) <= order(row.destination, destination);
        let (local, remote) = if forth { (source, destination) } else { (destination, source) };
        let place = *places.entry((row.month, local, remote)).or_insert(pairs.len());
        if place == pairs.len() {
            let (sent, received, seen) = (Sums::default(), Sums::default(), row.seen);
            let (month, networks, mappings) = (row.month, 0, 0);
            let pair = MonthPair { month, local, remote, sent, received, networks, mappings, seen };
            pairs.push(pair);
        }
        let Some(pair) = pairs.get_mut(place) else { continue };
        let sums = if forth { &mut pair.sent } else { &mut pair.received };
        sums.add(&row.sums);
        pair.seen = (pair.seen.0.min(row.seen.0), pair.seen.1.max(row.seen.1));
        if let Some((one, other)) = row.source.network.zip(row.destination.network) {
            let mapping = (place, one.min(other), one.max(other));
            pair.mappings += u64::from(mappings.insert(mapping));
            for network in [one, other] {
                pair.networks += u64::from(networks.insert((place, network)));
            }
        }
    }
    pairs.sort_unstable_by_key(|pair| {
        let order = std::cmp::Reverse((pair.month, pair.bytes()));
        (order, pair.local, pair.remote)
    });
    pairs
}

fn end(side: Side, named: &Named) -> End {
    let Some(network) = side.network else { return End::Rest };
    let holds = |site: &&(Prefix, u32)| {
        site.0.length() <= network.length() && site.0.contains(network.first())
    };
    match (named.iter().find(holds), side.place) {
        (Some((_, number)), _) => End::Site(*number),
        (None, Whereabouts::Ours) => End::Network(network),
        (None, Whereabouts::Country(code)) => End::Country(code),
        (None, Whereabouts::Unknown) => End::Elsewhere,
    }
}
