//! Decodes the same export traffic again and again and prints records a second of this thread's
//! processor time: `decode-speed [v5|v9|ipfix] [ROUNDS]`. What v9 and IPFIX send is what a router
//! with NAT sends: 20 fields, a fifth of it IPv6.

use std::net::{IpAddr, Ipv4Addr};

use model::Timestamp;
use nix::time::{ClockId, clock_gettime};
use panoptikon_flows::Flow;
use panoptikon_flows::decode::Decoder;

const NOW: u32 = 1_700_000_000;
const DATAGRAMS: u32 = 400;

fn template(id: u16, six: bool) -> (Vec<u8>, usize) {
    let addresses: [(u16, u16); 3] =
        if six { [(27, 16), (28, 16), (62, 16)] } else { [(8, 4), (12, 4), (15, 4)] };
    let rest: [(u16, u16); 17] = [
        (7, 2),
        (11, 2),
        (4, 1),
        (6, 1),
        (5, 1),
        (10, 4),
        (14, 4),
        (1, 4),
        (2, 4),
        (22, 4),
        (21, 4),
        (61, 1),
        (16, 4),
        (17, 4),
        (9, 1),
        (13, 1),
        (210, 2),
    ];
    let fields: Vec<_> = addresses.into_iter().chain(rest).collect();
    let mut out = [id, fields.len() as u16].map(u16::to_be_bytes).concat();
    out.extend(
        fields.iter().flat_map(|(id, length)| [*id, *length].map(u16::to_be_bytes).concat()),
    );
    (out, fields.iter().map(|(_, length)| usize::from(*length)).sum())
}

fn set(id: u16, body: &[u8]) -> Vec<u8> {
    [&id.to_be_bytes()[..], &(body.len() as u16 + 4).to_be_bytes(), body].concat()
}

/// Octets that differ from record to record; the pattern is of no meaning.
fn record(length: usize, number: u32) -> Vec<u8> {
    (0..length).map(|at| (number.wrapping_mul(2_654_435_761) >> (at % 24)) as u8 | 1).collect()
}

fn traffic(kind: &str) -> (Vec<Vec<u8>>, u64) {
    let (four, length4) = template(256, false);
    let (six, length6) = template(257, true);
    let mut number = 0;
    let mut make = |length: usize, count: u32| -> Vec<u8> {
        (0..count)
            .flat_map(|_| {
                number += 1;
                record(length, number)
            })
            .collect()
    };
    let mut records = 0;
    let datagrams = (0..DATAGRAMS).map(|at| {
        let head =
            |words: &[u32]| words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<u8>>();
        if kind == "v5" {
            records += 30;
            return [head(&[0x0005_001e, 100_000, NOW, 0, at * 30, 0]), make(48, 30)].concat();
        }
        records += 25;
        let nine = kind == "v9";
        let mut sets = Vec::new();
        if at == 0 {
            sets.extend(set(if nine { 0 } else { 2 }, &[&four[..], &six].concat()));
        }
        sets.extend(set(256, &make(length4, 20)));
        sets.extend(set(257, &make(length6, 5)));
        let head = if nine {
            head(&[0x0009_0019, 100_000, NOW, at, 1])
        } else {
            head(&[0x000a_0000 | (sets.len() as u32 + 16), NOW, at * 25, 1])
        };
        [head, sets].concat()
    });
    (datagrams.collect(), records)
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let kind = arguments.next().unwrap_or_else(|| "v9".to_owned());
    let rounds = arguments.next().and_then(|rounds| rounds.parse().ok()).unwrap_or(500_u64);
    let (datagrams, records) = traffic(&kind);
    let mut decoder = Decoder::default();
    let exporter = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let (mut flows, mut bytes) = (0_u64, 0_u64);
    let thread = || {
        clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)
            .map_or(0, |time| time.tv_sec() * 1_000_000_000 + time.tv_nsec())
    };
    let began = thread();
    for _ in 0..rounds {
        for datagram in &datagrams {
            let mut count = |flow: &Flow| {
                flows += 1;
                bytes = bytes.wrapping_add(flow.bytes ^ u64::from(flow.source_port));
            };
            decoder.datagram(exporter, Timestamp::from_secs(NOW.into()), datagram, &mut count);
        }
    }
    let took = (thread() - began).max(1);
    assert_eq!(flows, rounds * records, "every record is a flow");
    let (flows, took) = (flows as f64, took as f64);
    println!(
        "{kind}: {:.1} M records/s, {:.1} ns a record ({bytes:x})",
        flows * 1e3 / took,
        took / flows
    );
}
