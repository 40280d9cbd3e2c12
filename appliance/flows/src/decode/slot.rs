//! Which information elements a flow is made of, and where their values are put while a record is
//! read. The numbers are IANA's; RFC 5103 for those of the reverse direction.

use super::layout::Field;
use super::{Version, plan::TimeKind};

/// Places of numbers. Those of addresses of 16 octets follow at [`WIDE`].
pub(crate) const SOURCE4: u8 = 0;
pub(crate) const DESTINATION4: u8 = 1;
pub(crate) const NAT_SOURCE4: u8 = 3;
pub(crate) const NAT_DESTINATION4: u8 = 4;
pub(crate) const SOURCE_PORT: u8 = 5;
pub(crate) const DESTINATION_PORT: u8 = 6;
pub(crate) const PROTOCOL: u8 = 7;
pub(crate) const FLAGS: u8 = 8;
pub(crate) const TOS: u8 = 9;
pub(crate) const BYTES: u8 = 10;
pub(crate) const PACKETS: u8 = 11;
pub(crate) const POST_BYTES: u8 = 12;
pub(crate) const POST_PACKETS: u8 = 13;
pub(crate) const TOTAL_BYTES: u8 = 14;
pub(crate) const TOTAL_PACKETS: u8 = 15;
pub(crate) const INITIATOR_BYTES: u8 = 16;
pub(crate) const INITIATOR_PACKETS: u8 = 17;
pub(crate) const RESPONDER_BYTES: u8 = 18;
pub(crate) const RESPONDER_PACKETS: u8 = 19;
pub(crate) const REVERSE_BYTES: u8 = 20;
pub(crate) const REVERSE_PACKETS: u8 = 21;
pub(crate) const REVERSE_TOTAL_BYTES: u8 = 22;
pub(crate) const REVERSE_TOTAL_PACKETS: u8 = 23;
pub(crate) const REVERSE_FLAGS: u8 = 24;
pub(crate) const REVERSE_TOS: u8 = 25;
pub(crate) const INPUT: u8 = 26;
pub(crate) const OUTPUT: u8 = 27;
pub(crate) const DIRECTION: u8 = 28;
pub(crate) const SOURCE_AS: u8 = 29;
pub(crate) const DESTINATION_AS: u8 = 30;
pub(crate) const VLAN: u8 = 31;
pub(crate) const SOURCE_MAC: u8 = 32;
pub(crate) const DESTINATION_MAC: u8 = 33;
pub(crate) const NAT_SOURCE_PORT: u8 = 34;
pub(crate) const NAT_DESTINATION_PORT: u8 = 35;
pub(crate) const ICMP: u8 = 36;
pub(crate) const ICMP_TYPE: u8 = 37;
pub(crate) const ICMP_CODE: u8 = 38;
pub(crate) const START: u8 = 39;
pub(crate) const END: u8 = 40;
pub(crate) const DURATION: u8 = 41;
pub(crate) const DURATION_MICROS: u8 = 42;
pub(crate) const SYSTEM_INIT: u8 = 43;
pub(crate) const SAMPLER: u8 = 44;
pub(crate) const SELECTOR: u8 = 45;
pub(crate) const RATE: u8 = 46;
pub(crate) const INTERVAL: u8 = 47;
pub(crate) const SPACE: u8 = 48;
pub(crate) const SIZE: u8 = 49;
pub(crate) const POPULATION: u8 = 50;
pub(crate) const FLOW_ID: u8 = 51;
pub(crate) const END_REASON: u8 = 52;
/// How many numbers there are.
pub(crate) const NUMBERS: usize = 64;
/// Where addresses of 16 octets begin.
pub(crate) const WIDE: u8 = 64;
pub(crate) const SOURCE6: u8 = 64;
pub(crate) const DESTINATION6: u8 = 65;
pub(crate) const NAT_SOURCE6: u8 = 67;
pub(crate) const NAT_DESTINATION6: u8 = 68;
/// How many wide addresses there are.
pub(crate) const WIDES: usize = 8;
/// Not part of a flow.
pub(crate) const NONE: u8 = 255;

/// Enterprise of the reverse direction's elements (RFC 5103).
pub(crate) const REVERSE: u32 = 29_305;

/// Where a field's value goes, how good a source of it this is (0 is the best), and for times how
/// they are told.
pub(crate) fn slot(field: Field, version: Version) -> Option<(u8, u8, TimeKind)> {
    let (slot, rank, kind) = match field.pen {
        0 => by_iana(field.id, version)?,
        REVERSE => (reverse(field.id)?, 0, TimeKind::None),
        _ => return None,
    };
    let fits = match slot {
        SOURCE4..=NAT_DESTINATION4 => field.length == 4,
        SOURCE_MAC | DESTINATION_MAC => field.length == 6,
        WIDE.. => field.length == 16,
        // NTP's format has no shorter form.
        _ if kind == TimeKind::Ntp => field.length == 8,
        _ => (1..=8).contains(&field.length),
    };
    fits.then_some((slot, rank, kind))
}

fn by_iana(id: u16, version: Version) -> Option<(u8, u8, TimeKind)> {
    let timed = |slot, rank, kind| Some((slot, rank, kind));
    match id {
        // Of several sources of a time the most exact one is taken.
        152 => return timed(START, 0, TimeKind::Milliseconds),
        153 => return timed(END, 0, TimeKind::Milliseconds),
        154 | 156 => return timed(START, 1, TimeKind::Ntp),
        155 | 157 => return timed(END, 1, TimeKind::Ntp),
        22 => return timed(START, 2, TimeKind::Uptime),
        21 => return timed(END, 2, TimeKind::Uptime),
        150 => return timed(START, 3, TimeKind::Seconds),
        151 => return timed(END, 3, TimeKind::Seconds),
        158 => return timed(START, 4, TimeKind::DeltaMicroseconds),
        159 => return timed(END, 4, TimeKind::DeltaMicroseconds),
        323 => return timed(END, 5, TimeKind::Milliseconds),
        324 | 325 => return timed(END, 6, TimeKind::Ntp),
        322 => return timed(END, 7, TimeKind::Seconds),
        _ => {}
    }
    let (slot, rank) = match id {
        8 => (SOURCE4, 0),
        44 => (SOURCE4, 1),
        12 => (DESTINATION4, 0),
        45 => (DESTINATION4, 1),
        27 => (SOURCE6, 0),
        170 => (SOURCE6, 1),
        28 => (DESTINATION6, 0),
        169 => (DESTINATION6, 1),
        225 => (NAT_SOURCE4, 0),
        226 => (NAT_DESTINATION4, 0),
        227 => (NAT_SOURCE_PORT, 0),
        228 => (NAT_DESTINATION_PORT, 0),
        281 => (NAT_SOURCE6, 0),
        282 => (NAT_DESTINATION6, 0),
        // Older firewalls of Cisco.
        40_001 if version == Version::Netflow9 => (NAT_SOURCE4, 1),
        40_002 if version == Version::Netflow9 => (NAT_DESTINATION4, 1),
        40_003 if version == Version::Netflow9 => (NAT_SOURCE_PORT, 1),
        40_004 if version == Version::Netflow9 => (NAT_DESTINATION_PORT, 1),
        7 => (SOURCE_PORT, 0),
        180 | 182 => (SOURCE_PORT, 1),
        11 => (DESTINATION_PORT, 0),
        181 | 183 => (DESTINATION_PORT, 1),
        4 => (PROTOCOL, 0),
        6 => (FLAGS, 0),
        5 => (TOS, 0),
        1 => (BYTES, 0),
        2 => (PACKETS, 0),
        23 => (POST_BYTES, 0),
        24 => (POST_PACKETS, 0),
        85 => (TOTAL_BYTES, 0),
        171 => (TOTAL_BYTES, 1),
        86 => (TOTAL_PACKETS, 0),
        172 => (TOTAL_PACKETS, 1),
        231 => (INITIATOR_BYTES, 0),
        232 => (RESPONDER_BYTES, 0),
        298 => (INITIATOR_PACKETS, 0),
        299 => (RESPONDER_PACKETS, 0),
        10 => (INPUT, 0),
        252 => (INPUT, 1),
        14 => (OUTPUT, 0),
        253 => (OUTPUT, 1),
        61 => (DIRECTION, 0),
        16 => (SOURCE_AS, 0),
        17 => (DESTINATION_AS, 0),
        58 => (VLAN, 0),
        243 => (VLAN, 1),
        59 => (VLAN, 2),
        56 => (SOURCE_MAC, 0),
        81 => (SOURCE_MAC, 1),
        80 => (DESTINATION_MAC, 0),
        57 => (DESTINATION_MAC, 1),
        32 => (ICMP, 0),
        139 => (ICMP, 1),
        176 => (ICMP_TYPE, 0),
        178 => (ICMP_TYPE, 1),
        177 => (ICMP_CODE, 0),
        179 => (ICMP_CODE, 1),
        161 => (DURATION, 0),
        162 => (DURATION_MICROS, 0),
        160 => (SYSTEM_INIT, 0),
        48 => (SAMPLER, 0),
        302 => (SELECTOR, 0),
        34 => (RATE, 0),
        50 => (RATE, 1),
        305 => (INTERVAL, 0),
        306 => (SPACE, 0),
        309 => (SIZE, 0),
        310 => (POPULATION, 0),
        148 => (FLOW_ID, 0),
        136 => (END_REASON, 0),
        _ => return None,
    };
    Some((slot, rank, TimeKind::None))
}

fn reverse(id: u16) -> Option<u8> {
    Some(match id {
        1 => REVERSE_BYTES,
        2 => REVERSE_PACKETS,
        85 => REVERSE_TOTAL_BYTES,
        86 => REVERSE_TOTAL_PACKETS,
        6 => REVERSE_FLAGS,
        5 => REVERSE_TOS,
        _ => return None,
    })
}
