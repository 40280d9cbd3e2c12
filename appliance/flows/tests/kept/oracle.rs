//! What a question's answer must be, worked out flow by flow.

use std::net::IpAddr;

use panoptikon_flows::Flow;
use panoptikon_flows::filter::{Filter, Side, Test};
use panoptikon_flows::query::{Range, Sums};

fn sides<T>(side: Side, (from, to): (T, T), met: impl Fn(T) -> bool) -> bool {
    match side {
        Side::Source => met(from),
        Side::Destination => met(to),
        Side::Either => met(from) || met(to),
    }
}

/// Whether a flow meets a filter; the country of an address is that of [`country`].
pub(crate) fn meets(filter: &Filter, flow: &Flow) -> bool {
    let test = match filter {
        Filter::All(all) => return all.iter().all(|filter| meets(filter, flow)),
        Filter::Any(any) => return any.iter().any(|filter| meets(filter, flow)),
        Filter::Not(filter) => return !meets(filter, flow),
        Filter::Test(test) => *test,
    };
    let addresses = (flow.source, flow.destination);
    let lasted = (flow.end.0 - flow.start.0) as u64;
    match test {
        Test::Network(side, net) => sides(side, addresses, |address| net.contains(address)),
        Test::Port(side, first, last) => {
            sides(side, (flow.source_port, flow.destination_port), |p| first <= p && p <= last)
        }
        Test::Country(side, code) => sides(side, addresses, |address| country(address) == code),
        Test::System(side, system) => sides(
            side,
            (
                if flow.source_as == 0 { system_of(flow.source) } else { flow.source_as },
                if flow.destination_as == 0 {
                    system_of(flow.destination)
                } else {
                    flow.destination_as
                },
            ),
            |its| its == system,
        ),
        Test::Translated(side, net) => flow.nat.is_some_and(|nat| {
            sides(side, (nat.source, nat.destination), |address| net.contains(address))
        }),
        Test::TranslatedPort(side, first, last) => flow.nat.is_some_and(|nat| {
            sides(side, (nat.source_port, nat.destination_port), |p| first <= p && p <= last)
        }),
        Test::Protocol(protocol) => flow.protocol == protocol,
        Test::Version6(v6) => flow.source.is_ipv6() == v6,
        Test::Interface(side, index) => sides(side, (flow.input, flow.output), |its| its == index),
        Test::Flags(flags) => flow.tcp_flags & flags == flags,
        Test::Tos(tos) => flow.tos == tos,
        Test::Vlan(vlan) => flow.vlan == vlan,
        Test::Bytes(compare, number) => compare.holds(flow.bytes, number),
        Test::Packets(compare, number) => compare.holds(flow.packets, number),
        Test::Duration(compare, number) => compare.holds(lasted, number),
    }
}

/// A country by an address's last octet.
pub(crate) fn country(address: IpAddr) -> [u8; 2] {
    [b'A' + last(address) % 7, b'Z']
}

/// A system by an address's last octet.
pub(crate) fn system_of(address: IpAddr) -> u32 {
    1 + u32::from(last(address) % 5)
}

fn last(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(v4) => v4.octets()[3],
        IpAddr::V6(v6) => v6.octets()[15],
    }
}

/// The part of a flow that falls into a range.
pub(crate) fn part(flow: &Flow, range: Range) -> Sums {
    let (start, end) = (i128::from(flow.start.0), i128::from(flow.end.0));
    let passed = |amount: u64, at: i64| match i128::from(at) {
        at if at <= start => 0,
        at if at >= end => amount,
        at => (u128::from(amount) * (at - start) as u128 / (end - start) as u128) as u64,
    };
    let share = |amount| passed(amount, range.to.0) - passed(amount, range.from.0);
    let seen = flow.start < range.to && flow.end >= range.from;
    Sums { bytes: share(flow.bytes), packets: share(flow.packets), flows: u64::from(seen) }
}
