//! `NetFlow` version 5: a header of 24 octets and records of 48. The layout is Cisco's, as in the
//! `NetFlow` services solutions guide.

use std::net::{IpAddr, Ipv4Addr};

use model::Timestamp;

use super::domain::{Domain, Pass};
use super::layout::Field;
use super::plan::{Moment, TimeKind};
use super::sampling::sound;
use super::wire::Reader;
use super::{Record, Version};
use crate::flow::Flow;

pub(crate) const HEADER: usize = 24;
const RECORD: usize = 48;
/// No datagram holds more.
const MOST: u16 = 30;

/// A header.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Header {
    count: u16,
    pub(crate) uptime: u32,
    pub(crate) sent: Timestamp,
    sequence: u32,
    /// Engine type × 256 + engine.
    pub(crate) domain: u32,
    sampling: u16,
}

const fn field(id: u16, length: u16) -> Field {
    Field { pen: 0, id, length }
}

/// A record as a template would have it.
const FIELDS: [Field; 20] = [
    field(8, 4),
    field(12, 4),
    field(15, 4),
    field(10, 2),
    field(14, 2),
    field(2, 4),
    field(1, 4),
    field(22, 4),
    field(21, 4),
    field(7, 2),
    field(11, 2),
    field(210, 1),
    field(6, 1),
    field(4, 1),
    field(5, 1),
    field(16, 2),
    field(17, 2),
    field(9, 1),
    field(13, 1),
    field(210, 2),
];

/// The header, if the datagram can hold what it says.
pub(crate) fn header(bytes: &[u8]) -> Option<Header> {
    let mut reader = Reader::new(bytes);
    reader.be16()?;
    let count = reader.be16()?;
    let uptime = reader.be32()?;
    let seconds = reader.be32()?;
    // Some exporters put microseconds here; which they are cannot be told, and it is under 1 s.
    let nanoseconds = reader.be32()?.min(999_999_999);
    let sequence = reader.be32()?;
    let domain = u32::from(reader.be16()?);
    let sampling = reader.be16()?;
    let fits = (1..=MOST).contains(&count) && reader.len() >= usize::from(count) * RECORD;
    let sent = Timestamp(i64::from(seconds) * 1000 + i64::from(nanoseconds / 1_000_000));
    fits.then_some(Header { count, uptime, sent, sequence, domain, sampling })
}

/// Reads the records; what follows the last one is ignored.
pub(crate) fn decode(header: &Header, bytes: &[u8], domain: &mut Domain, pass: &mut Pass<'_>) {
    let count = usize::from(header.count);
    let restarted = domain.restarted(header.uptime);
    let told = domain.sequence.take(header.sequence, Some(header.count.into()), 0, restarted);
    pass.sequence(told);
    // The mode, in the upper two bits, is not set by all that sample.
    let rate = sound(u64::from(header.sampling & 0x3fff)).unwrap_or(1);
    let moment = Moment { sent: header.sent, uptime: Some(header.uptime), started: None };
    let complete = pass.sink.complete();
    let mut flow = Flow { sampling: rate, sensor: pass.exporter, ..Flow::UNKNOWN };
    let mut flows = 0;
    let records = bytes.get(HEADER..).unwrap_or_default().as_chunks::<RECORD>().0;
    for record in records.iter().take(count) {
        read(record, &moment, rate, &mut flow);
        let traffic = flow.bytes != 0 || flow.packets != 0;
        if traffic {
            flows += 1;
            pass.sink.flow(&flow);
        }
        if complete {
            pass.sink.record(&Record {
                exporter: pass.exporter,
                version: Version::Netflow5,
                domain: header.domain,
                template: 0,
                flow: &flow,
                reverse: None,
                fields: &FIELDS,
                bytes: record,
            });
        }
    }
    pass.stats.records += count as u64;
    pass.stats.flows += flows;
    pass.stats.without_traffic += count as u64 - flows;
    pass.stats.sampling = rate;
}

/// Offsets of Cisco's table.
#[inline]
fn read(record: &[u8; RECORD], moment: &Moment, rate: u32, flow: &mut Flow) {
    let four = |at: usize| {
        u32::from_be_bytes([record[at], record[at + 1], record[at + 2], record[at + 3]])
    };
    let two = |at: usize| u16::from_be_bytes([record[at], record[at + 1]]);
    let address = |at| IpAddr::V4(Ipv4Addr::from(four(at)));
    let time = |at| moment.time(TimeKind::Uptime, four(at).into()).unwrap_or(moment.sent.0);
    flow.source = address(0);
    flow.destination = address(4);
    flow.input = two(12).into();
    flow.output = two(14).into();
    flow.packets = u64::from(four(16)) * u64::from(rate);
    flow.bytes = u64::from(four(20)) * u64::from(rate);
    let (start, end) = (time(24), time(28));
    flow.start = Timestamp(start.min(end));
    flow.end = Timestamp(end);
    flow.source_port = two(32);
    flow.destination_port = two(34);
    flow.tcp_flags = record[37];
    flow.protocol = record[38];
    flow.tos = record[39];
    flow.source_as = two(40).into();
    flow.destination_as = two(42).into();
}

/// Whether it looks like version 5, to find it on any port.
pub(crate) fn looks_like(bytes: &[u8]) -> bool {
    header(bytes).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_are_a_record() {
        assert_eq!(super::super::layout::least(&FIELDS), RECORD);
    }
}
