//! Flows become sums by the minute, in memory. Pure.

use std::net::IpAddr;

use model::Timestamp;

use super::account::{AddressBook, Interfaces, Scope, Whose};
use super::{Amounts, Kind};
use crate::Flow;
use crate::hash::FastMap;
use crate::query::share;
use crate::world::{Geo, Place};

pub(super) const MINUTE_MS: i64 = 60_000;
/// A flow that lasted longer is told of by a broken clock: it counts in its last minute.
const LONGEST_MS: i64 = 30 * 86_400_000;

/// What is summed, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Slot {
    /// Minutes since the Unix epoch.
    pub(super) minute: i64,
    pub(super) kind: Kind,
    pub(super) key: i64,
    pub(super) scope: Scope,
}

/// What the sums are made with.
pub(super) struct Knowledge<'a> {
    pub(super) book: &'a dyn AddressBook,
    pub(super) geo: &'a dyn Geo,
    pub(super) interfaces: &'a Interfaces,
}

#[derive(Default)]
pub(super) struct Gathered {
    pub(super) sums: FastMap<Slot, Amounts>,
    /// Flows that were summed.
    pub(super) counted: u64,
    /// Flows that another record tells of.
    pub(super) mirrored: u64,
    places: FastMap<IpAddr, Place>,
}

impl Gathered {
    pub(super) fn add(&mut self, flow: &Flow, knowledge: &Knowledge<'_>) {
        if !knowledge.interfaces.counts(flow) {
            self.mirrored += 1;
            return;
        }
        self.counted += 1;
        let source = knowledge.book.whose(flow.source, flow.end);
        let destination = knowledge.book.whose(flow.destination, flow.end);
        let scope = Scope::between(source, destination);
        let mut add = |kind, key, sent, received| {
            spread(flow, |minute, part| {
                let sums = self.sums.entry(Slot { minute, kind, key, scope }).or_default();
                sums.add(&Amounts {
                    sent: if sent { part.sent } else { 0 },
                    received: if received { part.sent } else { 0 },
                    sent_packets: if sent { part.sent_packets } else { 0 },
                    received_packets: if received { part.sent_packets } else { 0 },
                    flows: part.flows,
                });
            });
        };
        // Seen from ours: what passes between two of ours, or through, counts as sent.
        let incoming = source == Whose::Remote && destination != Whose::Remote;
        add(Kind::Total, 0, !incoming, incoming);
        match (source.key(), destination.key()) {
            (Some(one), Some(other)) if one == other => add(Kind::Account, one, true, true),
            (one, other) => {
                if let Some(key) = one {
                    add(Kind::Account, key, true, false);
                }
                if let Some(key) = other {
                    add(Kind::Account, key, false, true);
                }
            }
        }
        match knowledge.interfaces.ours(flow) {
            (Some(one), Some(other)) if one == other => {
                add(Kind::Interface, one.into(), true, true);
            }
            (input, output) => {
                if let Some(key) = input {
                    add(Kind::Interface, key.into(), true, false);
                }
                if let Some(key) = output {
                    add(Kind::Interface, key.into(), false, true);
                }
            }
        }
        let port = flow.source_port.min(flow.destination_port);
        let service = i64::from(flow.protocol) << 16 | i64::from(port);
        add(Kind::Service, service, !incoming, incoming);
        let remote = match (source, destination) {
            (_, Whose::Remote) => Some((flow.destination, flow.destination_as)),
            (Whose::Remote, _) => Some((flow.source, flow.source_as)),
            _ => None,
        };
        if let Some((address, told)) = remote {
            let places = &mut self.places;
            let place = *places.entry(address).or_insert_with(|| knowledge.geo.place(address));
            let country = place.country.map_or(0, |code| u16::from_be_bytes(code).into());
            add(Kind::Country, country, !incoming, incoming);
            let system = if told == 0 { place.system.unwrap_or(0) } else { told };
            add(Kind::System, system.into(), !incoming, incoming);
        }
    }

    /// What was found out about places, which may take much memory, is forgotten.
    pub(super) fn forget_places(&mut self) {
        self.places.clear();
    }
}

/// Gives each minute its part of a flow; the flow itself counts where it ended.
fn spread(flow: &Flow, mut give: impl FnMut(i64, Amounts)) {
    let lasted = flow.end.0.saturating_sub(flow.start.0);
    let start = if (0..=LONGEST_MS).contains(&lasted) { flow.start } else { flow.end };
    let minute = |at: Timestamp| at.0.div_euclid(MINUTE_MS);
    let (first, last) = (minute(start), minute(flow.end));
    if first == last {
        let (sent, sent_packets) = (flow.bytes, flow.packets);
        return give(last, Amounts { sent, sent_packets, flows: 1, ..Amounts::default() });
    }
    let times = (start.0, flow.end.0);
    for minute in first..=last {
        let begin = minute.saturating_mul(MINUTE_MS);
        // Its last octet passes at its end, which may be where a minute begins.
        let to = if minute == last { i64::MAX } else { begin.saturating_add(MINUTE_MS) };
        let from = if minute == first { i64::MIN } else { begin };
        let part = |amount| share(amount, times, (from, to));
        let (sent, sent_packets) = (part(flow.bytes), part(flow.packets));
        let flows = u64::from(minute == last);
        give(minute, Amounts { sent, sent_packets, flows, ..Amounts::default() });
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_minutes_of_a_flow_are_the_flow(
            start in 0_i64..10_000_000,
            lasted in prop_oneof![0_i64..90_000, 0_i64..90_000_000, any::<i64>()],
            bytes: u64,
            packets: u64,
        ) {
            let end = Timestamp(start.saturating_add(lasted));
            let flow = Flow { start: Timestamp(start), end, bytes, packets, ..Flow::UNKNOWN };
            let mut minutes = BTreeMap::new();
            let mut sums = (0_u128, 0_u128, 0);
            spread(&flow, |minute, part| {
                assert!(minutes.insert(minute, part).is_none(), "each minute once");
                sums.0 += u128::from(part.sent);
                sums.1 += u128::from(part.sent_packets);
                sums.2 += part.flows;
            });
            prop_assert_eq!(sums, (bytes.into(), packets.into(), 1));
        }
    }

    #[test]
    fn a_long_flow_lies_in_all_minutes_that_it_lasted() {
        let (start, end) = (Timestamp(30_000), Timestamp(150_000));
        let flow = Flow { start, end, bytes: 1_201, ..Flow::UNKNOWN };
        let mut minutes = Vec::new();
        spread(&flow, |minute, part| minutes.push((minute, part.sent)));
        assert_eq!(minutes, [(0, 300), (1, 600), (2, 301)]);
    }
}
