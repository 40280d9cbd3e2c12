//! Makes flows of a record's values: one for the direction it tells of, and one for the way back
//! if it tells of both.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use model::{Mac, Timestamp};

use super::plan::{Counters, Moment, Plan, TimeKind, Values};
use super::slot;
use super::totals::{Told, Totals};
use crate::flow::{Direction, Flow, Nat};

const ICMP: u8 = 1;
const ICMP6: u8 = 58;

/// A time this far ahead of the message is none, in ms.
const AHEAD: i64 = 86_400_000;
/// Nor is one before the year 2000. Older ones than the message's are: of a capture that is replayed.
const EARLIEST: i64 = 946_684_800_000;
/// No flow lasts longer, in ms.
const LONGEST: i64 = 400 * 86_400_000;

/// What a record's flows depend on besides its values.
pub(crate) struct Builder<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) moment: Moment,
    pub(crate) totals: &'a mut Totals,
    /// Times that were replaced.
    pub(crate) odd_times: u64,
}

impl Builder<'_> {
    /// The flow that the record tells of, its counters times `rate`.
    #[inline]
    pub(crate) fn forward(&mut self, values: &Values, rate: u32, flow: &mut Flow) {
        let plan = self.plan;
        address(plan, values, slot::SOURCE4, slot::SOURCE6, &mut flow.source);
        address(plan, values, slot::DESTINATION4, slot::DESTINATION6, &mut flow.destination);
        // One of both may be all zero; a record of IPv6 has none of IPv4.
        if flow.source.is_ipv4() != flow.destination.is_ipv4() {
            one_family(plan, values, flow);
        }
        flow.source_port = values.number(slot::SOURCE_PORT) as u16;
        flow.destination_port = values.number(slot::DESTINATION_PORT) as u16;
        flow.protocol = values.number(slot::PROTOCOL) as u8;
        if flow.protocol == ICMP || flow.protocol == ICMP6 {
            icmp(plan, values, flow);
        }
        flow.tcp_flags = values.number(slot::FLAGS) as u8;
        flow.tos = values.number(slot::TOS) as u8;
        flow.input = values.number(slot::INPUT) as u32;
        flow.output = values.number(slot::OUTPUT) as u32;
        flow.direction = match values.number(slot::DIRECTION) {
            0 if plan.has(slot::DIRECTION) => Direction::Ingress,
            1 => Direction::Egress,
            _ => Direction::Unknown,
        };
        flow.source_as = values.number(slot::SOURCE_AS) as u32;
        flow.destination_as = values.number(slot::DESTINATION_AS) as u32;
        flow.vlan = values.number(slot::VLAN) as u16 & 0xfff;
        flow.source_mac = mac(values.number(slot::SOURCE_MAC));
        flow.destination_mac = mac(values.number(slot::DESTINATION_MAC));
        flow.nat = if plan.nat { nat(plan, values, flow) } else { None };
        flow.sampling = rate;
        (flow.start, flow.end) = self.times(values);
        self.count(plan.forward, values, false, flow);
    }

    /// The way back of a record of both directions; false if nothing went back.
    pub(crate) fn backward(&mut self, values: &Values, forward: &Flow, flow: &mut Flow) -> bool {
        if self.plan.backward == Counters::None {
            return false;
        }
        *flow = Flow {
            source: forward.destination,
            destination: forward.source,
            source_port: forward.destination_port,
            destination_port: forward.source_port,
            tcp_flags: values.number(slot::REVERSE_FLAGS) as u8,
            tos: values.number(slot::REVERSE_TOS) as u8,
            input: forward.output,
            output: forward.input,
            source_as: forward.destination_as,
            destination_as: forward.source_as,
            source_mac: forward.destination_mac,
            destination_mac: forward.source_mac,
            nat: forward.nat.map(|nat| Nat {
                source: nat.destination,
                destination: nat.source,
                source_port: nat.destination_port,
                destination_port: nat.source_port,
            }),
            ..*forward
        };
        if forward.protocol == ICMP || forward.protocol == ICMP6 {
            // Type and code are no port to come back from.
            (flow.source_port, flow.destination_port) = (0, 0);
        }
        (flow.start, flow.end) = self.times(values);
        self.count(self.plan.backward, values, true, flow);
        flow.bytes != 0 || flow.packets != 0
    }

    #[inline]
    fn count(&mut self, counters: Counters, values: &Values, backward: bool, flow: &mut Flow) {
        let (bytes, packets) = match counters {
            Counters::None => (0, 0),
            Counters::Delta(bytes, packets) => (values.number(bytes), values.number(packets)),
            Counters::Total(bytes, packets) => {
                let now = Told {
                    bytes: values.number(bytes),
                    packets: values.number(packets),
                    start: flow.start.0,
                    end: flow.end.0,
                };
                let key = (
                    backward,
                    (flow.source, flow.destination, flow.source_port, flow.destination_port),
                    (flow.protocol, flow.input, flow.direction as u8, flow.vlan),
                    values.number(slot::FLOW_ID),
                );
                // 1 idle, 3 end seen, 4 forced, 5 no room; 2 only tells of it so far.
                let ended = matches!(values.number(slot::END_REASON), 1 | 3..=5);
                let told = self.totals.since_last(key, now, ended);
                flow.start = Timestamp(told.start);
                (told.bytes, told.packets)
            }
        };
        let rate = u64::from(flow.sampling);
        flow.bytes = bytes.saturating_mul(rate);
        flow.packets = packets.saturating_mul(rate);
    }

    #[inline]
    /// When it began and ended; the message's time where the record does not tell.
    fn times(&mut self, values: &Values) -> (Timestamp, Timestamp) {
        let plan = self.plan;
        let mut moment = self.moment;
        if plan.has(slot::SYSTEM_INIT) {
            moment.started = i64::try_from(values.number(slot::SYSTEM_INIT)).ok();
            moment.uptime = None;
        }
        let start = self.time(&moment, plan.start, values.number(slot::START));
        let end = self.time(&moment, plan.end, values.number(slot::END));
        let lasted = if plan.has(slot::DURATION) {
            values.number(slot::DURATION)
        } else {
            values.number(slot::DURATION_MICROS) / 1000
        };
        let lasted = i64::try_from(lasted).unwrap_or(0).clamp(0, LONGEST);
        let (start, end) = match (start, end) {
            (Some(start), Some(end)) => (start, end),
            (Some(start), None) if lasted > 0 => (start, start.saturating_add(lasted)),
            (Some(start), None) => (start, self.moment.sent.0),
            (None, Some(end)) => (end.saturating_sub(lasted), end),
            (None, None) => (self.moment.sent.0 - lasted, self.moment.sent.0),
        };
        (Timestamp(start.min(end)), Timestamp(end))
    }

    #[inline]
    fn time(&mut self, moment: &Moment, kind: TimeKind, value: u64) -> Option<i64> {
        if value == 0 && kind != TimeKind::Uptime {
            return None;
        }
        let time = moment.time(kind, value)?;
        let latest = moment.sent.0.saturating_add(AHEAD);
        let sound = (EARLIEST..=latest).contains(&time);
        self.odd_times += u64::from(!sound);
        sound.then_some(time)
    }
}

/// Written in place: an address that is returned and then copied stalls the processor, which is
/// half of a record's time.
#[inline]
fn address(plan: &Plan, values: &Values, narrow: u8, wide: u8, into: &mut IpAddr) {
    if plan.has_wide(wide) {
        let address = Ipv6Addr::from(values.wide(wide));
        if !plan.has(narrow) || !address.is_unspecified() {
            match address.to_ipv4_mapped() {
                Some(mapped) => *into = IpAddr::V4(mapped),
                None => *into = IpAddr::V6(address),
            }
            return;
        }
    }
    *into = IpAddr::V4(Ipv4Addr::from(values.number(narrow) as u32));
}

/// A record with places for both families, of whose IPv6 addresses one is all zero.
fn one_family(plan: &Plan, values: &Values, flow: &mut Flow) {
    if plan.has_wide(slot::SOURCE6) && plan.has_wide(slot::DESTINATION6) {
        flow.source = IpAddr::V6(Ipv6Addr::from(values.wide(slot::SOURCE6)));
        flow.destination = IpAddr::V6(Ipv6Addr::from(values.wide(slot::DESTINATION6)));
    }
}

fn icmp(plan: &Plan, values: &Values, flow: &mut Flow) {
    if plan.has(slot::ICMP_TYPE) {
        let kind = values.number(slot::ICMP_TYPE) as u8;
        let code = values.number(slot::ICMP_CODE) as u8;
        flow.destination_port = u16::from_be_bytes([kind, code]);
    } else if plan.has(slot::ICMP) {
        flow.destination_port = values.number(slot::ICMP) as u16;
    }
}

fn mac(number: u64) -> Option<Mac> {
    (number != 0).then(|| Mac::from_u64(number))
}

/// What the record says that became of the flow's addresses, unless they stayed as they were.
fn nat(plan: &Plan, values: &Values, flow: &Flow) -> Option<Nat> {
    let translated = |narrow, wide, own: IpAddr| {
        let mut told = own;
        address(plan, values, narrow, wide, &mut told);
        if told.is_unspecified() { own } else { told }
    };
    let port = |slot, own| match values.number(slot) as u16 {
        0 => own,
        port => port,
    };
    let nat = Nat {
        source: translated(slot::NAT_SOURCE4, slot::NAT_SOURCE6, flow.source),
        destination: translated(slot::NAT_DESTINATION4, slot::NAT_DESTINATION6, flow.destination),
        source_port: port(slot::NAT_SOURCE_PORT, flow.source_port),
        destination_port: port(slot::NAT_DESTINATION_PORT, flow.destination_port),
    };
    let own = Nat {
        source: flow.source,
        destination: flow.destination,
        source_port: flow.source_port,
        destination_port: flow.destination_port,
    };
    (nat != own).then_some(nat)
}
