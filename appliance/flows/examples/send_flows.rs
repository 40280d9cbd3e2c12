//! Sends the made-up traffic of a site as an exporter would, to any collector:
//! `send_flows v5|v9|ipfix ADDRESS:PORT FLOWS RATE [DATAGRAMS_A_BURST]`. All datagrams are made
//! before the first is sent. Prints what was sent, to compare with what was kept.

#[path = "../tests/kept/traffic.rs"]
mod traffic;

use std::net::{IpAddr, UdpSocket};
use std::time::{Duration, Instant};

use model::Timestamp;
use panoptikon_flows::Flow;
use traffic::Traffic;

/// What the exporter was up for when it sent the first flow, in ms.
const UPTIME: i64 = 100_000_000;
/// Templates are sent again after so many datagrams.
const AGAIN: u32 = 500;

/// Field and length: addresses apart, as both families have all the rest.
const FIELDS: [(u16, u16); 11] =
    [(7, 2), (11, 2), (4, 1), (5, 1), (6, 1), (10, 4), (14, 4), (1, 4), (2, 4), (22, 4), (21, 4)];

struct Exporter {
    kind: String,
    began: i64,
    sequence: u32,
    datagrams: u32,
}

impl Exporter {
    fn uptime(&self, at: Timestamp) -> u32 {
        (at.0 - self.began + UPTIME) as u32
    }

    /// How many flows go into a datagram.
    fn room(&self) -> usize {
        match self.kind.as_str() {
            "v5" => 30,
            "v9" => 25,
            _ => 20,
        }
    }

    fn datagram(&mut self, flows: &[Flow]) -> Vec<u8> {
        let now = flows.iter().map(|flow| flow.end).max().unwrap_or_default();
        let uptime = self.uptime(now);
        let (seconds, rest) = (now.0.div_euclid(1_000) as u32, now.0.rem_euclid(1_000) as u32);
        let mut out = match self.kind.as_str() {
            "v5" => {
                let count = 5 << 16 | flows.len() as u32;
                words(&[count, uptime, seconds, rest * 1_000_000, self.sequence, 0])
            }
            "v9" => words(&[9 << 16 | flows.len() as u32, uptime, seconds, self.sequence, 1]),
            _ => words(&[0, seconds, self.sequence, 1]),
        };
        if self.kind == "v5" {
            out.extend(flows.iter().flat_map(|flow| self.fifth(flow)));
        } else {
            self.sets(flows, &mut out);
        }
        if self.kind == "ipfix" {
            let head = 10 << 16 | out.len() as u32;
            out[..4].copy_from_slice(&head.to_be_bytes());
        }
        self.datagrams += 1;
        self.sequence += if self.kind == "v9" { 1 } else { flows.len() as u32 };
        out
    }

    fn sets(&self, flows: &[Flow], out: &mut Vec<u8>) {
        if self.datagrams.is_multiple_of(AGAIN) {
            let id = if self.kind == "v9" { 0 } else { 2 };
            set(id, &[template(256, [8, 12], 4), template(257, [27, 28], 16)].concat(), out);
            if self.kind == "ipfix" {
                // Milliseconds since the exporter's start mean nothing without it.
                let options = [258, 2, 1, 130, 4, 160, 8].map(u16::to_be_bytes).concat();
                set(3, &options, out);
                let start = (self.began - UPTIME) as u64;
                set(258, &[&[127, 0, 0, 1][..], &start.to_be_bytes()].concat(), out);
            }
        }
        for v6 in [false, true] {
            let of_family = flows.iter().filter(|flow| flow.source.is_ipv6() == v6);
            let records: Vec<u8> = of_family.flat_map(|flow| self.record(flow)).collect();
            if !records.is_empty() {
                set(256 + u16::from(v6), &records, out);
            }
        }
    }

    fn record(&self, flow: &Flow) -> Vec<u8> {
        let mut out = [octets(flow.source), octets(flow.destination)].concat();
        out.extend([flow.source_port, flow.destination_port].map(u16::to_be_bytes).concat());
        out.extend([flow.protocol, flow.tos, flow.tcp_flags]);
        out.extend(words(&[
            flow.input,
            flow.output,
            flow.bytes as u32,
            flow.packets as u32,
            self.uptime(flow.start),
            self.uptime(flow.end),
        ]));
        out
    }

    fn fifth(&self, flow: &Flow) -> Vec<u8> {
        let mut out = [octets(flow.source), octets(flow.destination), vec![0; 4]].concat();
        out.extend([flow.input as u16, flow.output as u16].map(u16::to_be_bytes).concat());
        out.extend(words(&[
            flow.packets as u32,
            flow.bytes as u32,
            self.uptime(flow.start),
            self.uptime(flow.end),
        ]));
        out.extend([flow.source_port, flow.destination_port].map(u16::to_be_bytes).concat());
        out.extend([0, flow.tcp_flags, flow.protocol, flow.tos]);
        out.extend([0; 8]);
        out
    }
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    }
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

fn set(id: u16, body: &[u8], out: &mut Vec<u8>) {
    out.extend([id, body.len() as u16 + 4].map(u16::to_be_bytes).concat());
    out.extend(body);
}

fn template(id: u16, addresses: [u16; 2], length: u16) -> Vec<u8> {
    let addresses = addresses.map(|id| (id, length));
    let fields: Vec<(u16, u16)> = addresses.into_iter().chain(FIELDS).collect();
    let mut out = [id, fields.len() as u16].map(u16::to_be_bytes).concat();
    out.extend(
        fields.iter().flat_map(|(id, length)| [*id, *length].map(u16::to_be_bytes).concat()),
    );
    out
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [kind, to, number, rate, rest @ ..] = &words[..] else {
        eprintln!("usage: send_flows v5|v9|ipfix ADDRESS:PORT FLOWS RATE [DATAGRAMS_A_BURST]");
        std::process::exit(2);
    };
    let count: usize = number.parse().expect("FLOWS is a number");
    let rate: f64 = rate.parse().expect("RATE is a number, in flows a second");
    let burst: usize = rest.first().map_or(1, |text| text.parse().expect("a number"));
    // IPv6 does not go into version 5.
    let of_version = |flow: &Flow| kind != "v5" || flow.source.is_ipv4();
    // The last flow ends now: what ends later is of the future, and nobody is told of it.
    let flows = |began| Traffic::new(7, Timestamp(began)).filter(of_version).take(count);
    let span = flows(0).map(|flow| flow.end.0).max().unwrap_or(0);
    let began = Timestamp::now().0 - span;
    let mut exporter = Exporter { kind: kind.clone(), began, sequence: 0, datagrams: 0 };
    let (mut bytes, mut packets) = (0_u64, 0_u64);
    let mut some = Vec::new();
    let mut datagrams = Vec::new();
    for flow in flows(began) {
        bytes += flow.bytes;
        packets += flow.packets;
        some.push(flow);
        if some.len() == exporter.room() {
            datagrams.push((some.len(), exporter.datagram(&some)));
            some.clear();
        }
    }
    if !some.is_empty() {
        datagrams.push((some.len(), exporter.datagram(&some)));
    }
    let socket = UdpSocket::bind(("127.0.0.1", 0)).expect("a socket");
    socket.connect(to.as_str()).expect("an address");
    eprintln!("ready");
    let began = Instant::now();
    let mut sent = 0;
    for some in datagrams.chunks(burst) {
        let due = began + Duration::from_secs_f64(sent as f64 / rate);
        while Instant::now() < due {
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        for (flows, datagram) in some {
            // A collector that is not there is told by an error now and then; the next may arrive.
            let _ = socket.send(datagram);
            sent += flows;
        }
    }
    let took = began.elapsed().as_secs_f64();
    println!(
        "{sent} flows {bytes} bytes {packets} packets {} datagrams {took:.3} seconds",
        datagrams.len()
    );
}
