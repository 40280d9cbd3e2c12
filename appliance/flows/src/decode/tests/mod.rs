//! Datagrams written by hand, one trap each, and whatever bytes proptest thinks of.

mod any;
mod hostile;
mod ipfix;
mod netflow;
mod samples;

use std::net::{IpAddr, Ipv4Addr};

use model::Timestamp;

use super::*;

pub(super) const ROUTER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
/// Seconds since the Unix epoch at which messages are sent and received.
pub(super) const NOW: u32 = 1_700_000_000;

/// A message of v9 or IPFIX in the making.
#[derive(Clone)]
pub(super) struct Message {
    version: Version,
    sequence: u32,
    domain: u32,
    uptime: u32,
    seconds: u32,
    sets: Vec<u8>,
}

/// Number and length of a field; numbers of enterprises are `pen << 16 | number`.
pub(super) type FieldSpec = (u64, u16);

impl Message {
    pub(super) fn new(version: Version) -> Self {
        let sets = Vec::new();
        Self { version, sequence: 0, domain: 7, uptime: 100_000, seconds: NOW, sets }
    }

    pub(super) fn sequence(mut self, sequence: u32) -> Self {
        self.sequence = sequence;
        self
    }

    pub(super) fn domain(mut self, domain: u32) -> Self {
        self.domain = domain;
        self
    }

    pub(super) fn time(mut self, seconds: u32, uptime: u32) -> Self {
        (self.seconds, self.uptime) = (seconds, uptime);
        self
    }

    pub(super) fn set(mut self, id: u16, body: &[u8]) -> Self {
        self.sets.extend(id.to_be_bytes());
        self.sets.extend((body.len() as u16 + 4).to_be_bytes());
        self.sets.extend(body);
        self
    }

    pub(super) fn raw(mut self, bytes: &[u8]) -> Self {
        self.sets.extend(bytes);
        self
    }

    pub(super) fn template(self, id: u16, fields: &[FieldSpec]) -> Self {
        let head = [id.to_be_bytes(), (fields.len() as u16).to_be_bytes()].concat();
        let set = if self.version == Version::Ipfix { 2 } else { 0 };
        self.set(set, &[head, specs(fields)].concat())
    }

    /// The first `scopes` fields are the scope.
    pub(super) fn options(self, id: u16, scopes: usize, fields: &[FieldSpec]) -> Self {
        let (set, lengths) = if self.version == Version::Ipfix {
            (3, [fields.len(), scopes])
        } else {
            (1, [4 * scopes, 4 * (fields.len() - scopes)])
        };
        let head = [id, lengths[0] as u16, lengths[1] as u16].map(u16::to_be_bytes).concat();
        self.set(set, &[head, specs(fields)].concat())
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut out = self.version.number().to_be_bytes().to_vec();
        if self.version == Version::Ipfix {
            out.extend((self.sets.len() as u16 + 16).to_be_bytes());
        } else {
            out.extend([0, 1]);
            out.extend(self.uptime.to_be_bytes());
        }
        out.extend([self.seconds, self.sequence, self.domain].map(u32::to_be_bytes).concat());
        out.extend(&self.sets);
        out
    }
}

fn specs(fields: &[FieldSpec]) -> Vec<u8> {
    let mut out = Vec::new();
    for (id, length) in fields {
        let pen = (id >> 16) as u32;
        let id = *id as u16 | if pen == 0 { 0 } else { 0x8000 };
        out.extend([id.to_be_bytes(), length.to_be_bytes()].concat());
        if pen != 0 {
            out.extend(pen.to_be_bytes());
        }
    }
    out
}

pub(super) fn v9() -> Message {
    Message::new(Version::Netflow9)
}

pub(super) fn ipfix() -> Message {
    Message::new(Version::Ipfix)
}

/// Both addresses, octets and packets, of 4 octets each.
pub(super) const PLAIN: [FieldSpec; 4] = [(8, 4), (12, 4), (1, 4), (2, 4)];

pub(super) fn plain(last: u8, bytes: u32, packets: u32) -> Vec<u8> {
    [[10, 0, 0, last], [203, 0, 113, last], bytes.to_be_bytes(), packets.to_be_bytes()].concat()
}

/// A decoder and what it told so far.
#[derive(Default)]
pub(super) struct Heard {
    pub(super) decoder: Decoder,
    pub(super) flows: Vec<Flow>,
}

impl Heard {
    pub(super) fn take_at(&mut self, seconds: u32, bytes: &[u8]) -> &mut Self {
        let mut keep = |flow: &Flow| self.flows.push(*flow);
        self.decoder.datagram(ROUTER, Timestamp::from_secs(seconds.into()), bytes, &mut keep);
        self
    }

    pub(super) fn take(&mut self, message: &Message) -> &mut Self {
        self.take_at(NOW, &message.bytes())
    }

    pub(super) fn stats(&self) -> &ExporterStats {
        self.decoder.exporters().find(|(address, _)| *address == ROUTER).expect("heard").1
    }

    pub(super) fn malformed(&self, what: Malformed) -> u64 {
        self.stats().malformed[what as usize]
    }

    /// Octets of each flow.
    pub(super) fn bytes(&self) -> Vec<u64> {
        self.flows.iter().map(|flow| flow.bytes).collect()
    }
}

/// What a template and one record of it give.
pub(super) fn one(message: Message, fields: &[FieldSpec], record: &[u8]) -> Vec<Flow> {
    let mut heard = Heard::default();
    heard.take(&message.template(256, fields).set(256, record));
    heard.flows
}

pub(super) fn be(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_be_bytes()).collect()
}

pub(super) fn ms(flow: &Flow) -> (i64, i64) {
    let now = i64::from(NOW) * 1000;
    (flow.start.0 - now, flow.end.0 - now)
}
