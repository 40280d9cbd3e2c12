//! sFlow version 5 (sflow.org, `sflow_version_5.txt`): samples of packets, scaled by their rate.
//! A sample is a point in time and counts as many packets as one in which it was drawn.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use model::{Mac, Timestamp};

use super::domain::Pass;
use super::layout::Field;
use super::packet::{self, Link};
use super::sampling::sound;
use super::sequence::{Sequence, Unit};
use super::stats::Malformed;
use super::wire::Reader;
use super::{Record, Version};
use crate::flow::{Direction, Flow, Nat};

/// Sub-agents of an exporter, and sources of samples of each.
const MAX_AGENTS: usize = 32;
const MAX_SOURCES: usize = 1024;
/// More samples or records than a datagram can hold are not looked for.
const MAX_ITEMS: u32 = 2048;
/// The agent itself, where an interface is told (own traffic of a router).
const LOCAL: u32 = 0x3fff_ffff;

/// What is remembered of a sub-agent.
#[derive(Debug)]
pub(crate) struct Agent {
    id: u32,
    sequence: Sequence,
    uptime: u32,
    /// Samples that it dropped, as last told, by source.
    drops: HashMap<u64, u32>,
}

/// The header: sub-agent, sequence, uptime in ms and number of samples.
fn header(bytes: &[u8]) -> Option<([u32; 4], Reader<'_>)> {
    let mut reader = Reader::new(bytes);
    reader.be32()?;
    address(&mut reader)?;
    let told = [reader.be32()?, reader.be32()?, reader.be32()?, reader.be32()?];
    Some((told, reader))
}

fn address(reader: &mut Reader<'_>) -> Option<IpAddr> {
    match reader.be32()? {
        0 => Some(Ipv4Addr::UNSPECIFIED.into()),
        1 => Some(Ipv4Addr::from(reader.be32()?).into()),
        2 => Some(Ipv6Addr::from(reader.array::<16>()?).into()),
        _ => None,
    }
}

/// Whether it looks like sFlow, to find it on any port.
pub(crate) fn looks_like(bytes: &[u8]) -> bool {
    let first = |mut reader: Reader<'_>| {
        reader.be32()?;
        let length = reader.be32()? as usize;
        reader.take(length).map(|_| ())
    };
    matches!(header(bytes), Some(([.., samples], reader))
        if samples == 0 && reader.len() == 0 || samples > 0 && first(reader).is_some())
}

/// Reads a datagram; `None` if its header cannot be.
pub(crate) fn decode(bytes: &[u8], agents: &mut Vec<Agent>, pass: &mut Pass<'_>) -> Option<()> {
    let ([id, sequence, uptime, samples], mut reader) = header(bytes)?;
    let at = agents.iter().position(|agent| agent.id == id).unwrap_or_else(|| {
        if agents.len() >= MAX_AGENTS {
            agents.remove(0);
            pass.stats.count(Malformed::TooMany);
        }
        let sequence = Sequence::new(Unit::Messages);
        agents.push(Agent { id, sequence, uptime: 0, drops: HashMap::new() });
        agents.len() - 1
    });
    let agent = agents.get_mut(at)?;
    let was = std::mem::replace(&mut agent.uptime, uptime);
    let restarted = uptime < was && was - uptime > 60_000 && was < u32::MAX - 3_600_000;
    let told = agent.sequence.take(sequence, Some(samples), 0, restarted);
    pass.sequence(told);
    for _ in 0..samples.min(MAX_ITEMS) {
        let sample = (|| {
            let format = reader.be32()?;
            let length = reader.be32()?;
            Some((format, reader.take(length as usize)?))
        })();
        let Some((format, body)) = sample else {
            pass.stats.count(Malformed::Set);
            break;
        };
        let read = match format {
            1 => flow_sample(body, false, agent, pass),
            3 => flow_sample(body, true, agent, pass),
            // Counters and discarded packets are no traffic.
            _ => Some(()),
        };
        if read.is_none() {
            pass.stats.count(Malformed::Sample);
        }
    }
    Some(())
}

fn flow_sample(body: &[u8], expanded: bool, agent: &mut Agent, pass: &mut Pass<'_>) -> Option<()> {
    let mut reader = Reader::new(body);
    reader.be32()?; // sequence
    let (source_type, source) = if expanded {
        (reader.be32()?, reader.be32()?)
    } else {
        let id = reader.be32()?;
        (id >> 24, id & 0x00ff_ffff)
    };
    let rate = reader.be32()?;
    reader.be32()?; // pool
    let drops = reader.be32()?;
    let mut interface = || {
        let (format, index) = if expanded {
            (reader.be32()?, reader.be32()?)
        } else {
            let value = reader.be32()?;
            (value >> 30, value & LOCAL)
        };
        // Discarded, several, or the router itself: no interface that has an index.
        Some(if format == 0 && index != LOCAL { index } else { 0 })
    };
    let (input, output) = (interface()?, interface()?);
    let records = reader.be32()?;

    let key = u64::from(source_type) << 32 | u64::from(source);
    if agent.drops.contains_key(&key) || agent.drops.len() < MAX_SOURCES {
        let before = agent.drops.insert(key, drops).unwrap_or(drops);
        // Going back is a restart.
        pass.stats.samples_dropped += u64::from(drops.saturating_sub(before));
    }
    let mut seen = Seen::new(pass.received, sound(rate.into()).unwrap_or(1));
    seen.flow.input = input;
    seen.flow.output = output;
    seen.flow.direction = match (source_type, source) {
        (0, 0) => Direction::Unknown,
        (0, index) if index == input => Direction::Ingress,
        (0, index) if index == output => Direction::Egress,
        _ => Direction::Unknown,
    };
    for _ in 0..records.min(MAX_ITEMS) {
        let format = reader.be32()?;
        let length = reader.be32()? as usize;
        seen.record(format, reader.take(length)?)?;
    }
    seen.hand_on(agent.id, pass);
    Some(())
}

/// What the records of a sample tell of one packet.
struct Seen<'a> {
    flow: Flow,
    /// Whether addresses are known.
    ip: bool,
    /// Octets of the frame as it was on the wire; 0 if not told.
    frame: u32,
    nat: Option<Nat>,
    nat_ports: (u16, u16),
    /// The packet's first octets.
    head: &'a [u8],
}

impl<'a> Seen<'a> {
    fn new(at: Timestamp, sampling: u32) -> Self {
        let flow = Flow { start: at, end: at, packets: 1, sampling, ..Flow::UNKNOWN };
        Self { flow, ip: false, frame: 0, nat: None, nat_ports: (0, 0), head: &[] }
    }

    fn record(&mut self, format: u32, body: &'a [u8]) -> Option<()> {
        let mut reader = Reader::new(body);
        match format {
            1 => self.header(&mut reader)?,
            2 => {
                // Ethernet addresses are filled up to 8 octets.
                reader.be32()?;
                let source = reader.array::<8>()?;
                let destination = reader.array::<8>()?;
                let mac = |bytes: [u8; 8]| bytes.first_chunk::<6>().copied().map(Mac);
                self.flow.source_mac = self.flow.source_mac.or(mac(source));
                self.flow.destination_mac = self.flow.destination_mac.or(mac(destination));
            }
            3 | 4 if !self.ip => self.sampled_ip(&mut reader, format == 4)?,
            1001 => {
                let vlan = reader.be32()? as u16 & 0xfff;
                self.flow.vlan = if self.flow.vlan == 0 { vlan } else { self.flow.vlan };
            }
            1003 => {
                address(&mut reader)?;
                reader.be32()?;
                self.flow.source_as = reader.be32()?;
                reader.be32()?;
                // Segments of the path; its last member is the destination's.
                for _ in 0..reader.be32()?.min(16) {
                    reader.be32()?;
                    for _ in 0..reader.be32()?.min(256) {
                        self.flow.destination_as = reader.be32()?;
                    }
                }
            }
            1007 => {
                let (source, destination) = (address(&mut reader)?, address(&mut reader)?);
                self.nat = Some(Nat { source, destination, source_port: 0, destination_port: 0 });
            }
            1020 => self.nat_ports = (reader.be32()? as u16, reader.be32()? as u16),
            _ => {}
        }
        Some(())
    }

    /// The first octets of the packet.
    fn header(&mut self, reader: &mut Reader<'a>) -> Option<()> {
        let protocol = reader.be32()?;
        let frame = reader.be32()?;
        let stripped = reader.be32()?;
        let length = reader.be32()? as usize;
        let head = reader.take(length)?;
        self.head = head;
        self.frame = frame;
        let found = match protocol {
            1 => packet::ethernet(head),
            11 | 12 => Some((Link::default(), head)),
            _ => None,
        };
        let Some((link, bytes)) = found else { return Some(()) };
        let Some(ip) = packet::ip(bytes) else { return Some(()) };
        let transport = packet::transport(&ip);
        self.ip = true;
        let flow = &mut self.flow;
        (flow.source, flow.destination) = (ip.source, ip.destination);
        (flow.protocol, flow.tos) = (ip.protocol, ip.tos);
        flow.source_port = transport.source_port;
        flow.destination_port = transport.destination_port;
        flow.tcp_flags = transport.tcp_flags;
        (flow.source_mac, flow.destination_mac) = (link.source, link.destination);
        flow.vlan = if link.vlan == 0 { flow.vlan } else { link.vlan };
        // Layer 3, as other exporters count: the frame without what is around the packet, and
        // never more than the packet itself says, because frames are filled up.
        let around = (head.len() - bytes.len()) as u32;
        let carried = frame.saturating_sub(stripped).saturating_sub(around);
        flow.bytes = u64::from(match (carried, ip.length) {
            (0, 0) => bytes.len() as u32,
            (0, length) => length,
            (carried, 0) => carried,
            (carried, length) => carried.min(length),
        });
        Some(())
    }

    fn sampled_ip(&mut self, reader: &mut Reader<'_>, six: bool) -> Option<()> {
        let flow = &mut self.flow;
        flow.bytes = reader.be32()?.into();
        flow.protocol = reader.be32()? as u8;
        if six {
            flow.source = Ipv6Addr::from(reader.array::<16>()?).into();
            flow.destination = Ipv6Addr::from(reader.array::<16>()?).into();
        } else {
            flow.source = Ipv4Addr::from(reader.be32()?).into();
            flow.destination = Ipv4Addr::from(reader.be32()?).into();
        }
        flow.source_port = reader.be32()? as u16;
        flow.destination_port = reader.be32()? as u16;
        flow.tcp_flags = reader.be32()? as u8;
        flow.tos = reader.be32()? as u8;
        self.ip = true;
        Some(())
    }

    fn hand_on(mut self, agent: u32, pass: &mut Pass<'_>) {
        pass.stats.records += 1;
        if !self.ip {
            pass.stats.not_ip += 1;
            pass.stats.without_traffic += 1;
            return;
        }
        let flow = &mut self.flow;
        let raw_bytes = flow.bytes;
        flow.bytes = flow.bytes.saturating_mul(flow.sampling.into());
        flow.packets = flow.sampling.into();
        flow.sensor = pass.exporter;
        flow.nat = self.nat.map(|nat| Nat {
            source_port: if self.nat_ports.0 == 0 { flow.source_port } else { self.nat_ports.0 },
            destination_port: match self.nat_ports.1 {
                0 => flow.destination_port,
                port => port,
            },
            ..nat
        });
        pass.stats.flows += 1;
        pass.stats.sampling = flow.sampling;
        pass.sink.flow(flow);
        if pass.sink.complete() {
            self.show(agent, raw_bytes, pass);
        }
    }

    /// The sample as a template would have it.
    fn show(&self, agent: u32, raw_bytes: u64, pass: &mut Pass<'_>) {
        let flow = &self.flow;
        let mut fields = Vec::new();
        let mut bytes = Vec::new();
        let mut put = |id: u16, value: &[u8]| {
            fields.push(Field { pen: 0, id, length: value.len() as u16 });
            bytes.extend_from_slice(value);
        };
        put(305, &1_u32.to_be_bytes());
        put(306, &(flow.sampling - 1).to_be_bytes());
        put(1, &raw_bytes.to_be_bytes());
        put(10, &flow.input.to_be_bytes());
        put(14, &flow.output.to_be_bytes());
        put(5, &[flow.tos]);
        put(6, &[flow.tcp_flags]);
        put(58, &flow.vlan.to_be_bytes());
        if let (Some(source), Some(destination)) = (flow.source_mac, flow.destination_mac) {
            put(56, &source.0);
            put(80, &destination.0);
        }
        if self.frame != 0 {
            put(312, &(self.frame as u16).to_be_bytes());
            put(315, self.head.get(..usize::from(u16::MAX) - 1).unwrap_or(self.head));
        }
        pass.sink.record(&Record {
            exporter: pass.exporter,
            version: Version::Sflow5,
            domain: agent,
            template: 0,
            flow,
            reverse: None,
            fields: &fields,
            bytes: &bytes,
        });
    }
}
