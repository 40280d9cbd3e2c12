//! Made-up traffic of a site: 500 devices (Zipf 0.8) talk to 200 000 remotes (Zipf 1.0), a fifth of
//! them by IPv6, 85 % are answered. The same seed gives the same flows.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use model::Timestamp;
use panoptikon_flows::{Direction, Flow};

/// Random numbers that are the same each time (`SplitMix64`).
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    /// Any number.
    pub(crate) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.roll() % end
    }

    /// From 0 to 1.
    pub(crate) fn share(&mut self) -> f64 {
        (self.roll() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Lognormal, by its median and the deviation of its logarithm.
    fn lognormal(&mut self, median: f64, sigma: f64) -> f64 {
        let normal = (-2.0 * self.share().max(1e-12).ln()).sqrt()
            * (2.0 * std::f64::consts::PI * self.share()).cos();
        median * (sigma * normal).exp()
    }
}

/// Makes flows at a rate of 5 000 a second.
pub(crate) struct Traffic {
    dice: Dice,
    devices: Vec<f64>,
    remotes: Vec<f64>,
    now: f64,
    kept: Option<Flow>,
}

/// Services by protocol, port and weight.
const SERVICES: [(u8, u16, u64); 12] = [
    (6, 443, 42),
    (17, 443, 18),
    (17, 53, 20),
    (6, 80, 5),
    (17, 123, 3),
    (6, 993, 2),
    (6, 22, 2),
    (17, 3_478, 2),
    (6, 5_223, 2),
    (6, 8_080, 1),
    (1, 0, 2),
    (17, 1_900, 1),
];

/// Milliseconds between flows at 5 000 a second.
const STEP: f64 = 0.2;

impl Traffic {
    /// Traffic that begins at `start`.
    pub(crate) fn new(seed: u64, start: Timestamp) -> Self {
        Self {
            dice: Dice(seed),
            devices: zipf(500, 0.8),
            remotes: zipf(200_000, 1.0),
            now: start.0 as f64,
            kept: None,
        }
    }

    /// A device's address in either family.
    pub(crate) fn device(number: usize, v6: bool) -> IpAddr {
        if v6 {
            let bits = 0x2001_0db8_0000_0001_u128 << 64 | u128::from(Dice(number as u64).roll());
            return Ipv6Addr::from_bits(bits).into();
        }
        Ipv4Addr::from_bits(0xc0a8_0000 + 10 + number as u32).into()
    }

    /// A remote address in either family.
    pub(crate) fn remote(number: usize, v6: bool) -> IpAddr {
        let bits = Dice(0x5eed_0000_0000 + number as u64).roll();
        if v6 {
            let low = Dice(bits).roll();
            let prefix = 0x2a00_0000_0000_0000 | bits >> 8 & 0x00ff_ffff_ffff;
            return Ipv6Addr::from_bits(u128::from(prefix) << 64 | u128::from(low)).into();
        }
        Ipv4Addr::from_bits(0x0b00_0000 + (bits % 0xb000_0000) as u32).into()
    }
}

impl Iterator for Traffic {
    type Item = Flow;

    fn next(&mut self) -> Option<Flow> {
        self.now += STEP;
        if let Some(flow) = self.kept.take() {
            return Some(flow);
        }
        let dice = &mut self.dice;
        let device = pick(&self.devices, dice.share());
        let remote = pick(&self.remotes, dice.share());
        let v6 = remote.is_multiple_of(5);
        let mut point = dice.below(100);
        let (protocol, port, _) = SERVICES
            .into_iter()
            .find(|(_, _, weight)| {
                let found = point < *weight;
                point = point.saturating_sub(*weight);
                found
            })
            .unwrap_or(SERVICES[0]);
        let packets = dice.lognormal(if protocol == 6 { 12.0 } else { 2.0 }, 1.3).max(1.0) as u64;
        let size = dice.lognormal(160.0, 0.5).clamp(40.0, 1_500.0);
        let bytes = (packets as f64 * size) as u64;
        let lasted = if packets == 1 { 0 } else { dice.lognormal(800.0, 1.6).min(60_000.0) as i64 };
        let end = self.now as i64;
        let client = if protocol == 1 { 0 } else { 32_768 + dice.below(28_232) as u16 };
        let flow = Flow {
            start: Timestamp(end - lasted),
            end: Timestamp(end),
            source: Self::device(device, v6),
            destination: Self::remote(remote, v6),
            source_port: client,
            destination_port: port,
            protocol,
            tcp_flags: if protocol == 6 {
                [0x1b, 0x1b, 0x1b, 0x1f, 0x02][dice.below(5) as usize]
            } else {
                0
            },
            bytes,
            packets,
            input: 2,
            output: 3,
            direction: Direction::Ingress,
            ..Flow::UNKNOWN
        };
        if dice.below(100) < 85 {
            let wait = dice.lognormal(25.0, 0.6) as i64;
            let factor = dice.lognormal(2.0, 0.9);
            let packets = (packets as f64 * factor.min(3.0)).max(1.0) as u64;
            let size = dice.lognormal(500.0, 0.7).clamp(40.0, 1_500.0);
            self.kept = Some(Flow {
                start: Timestamp(flow.start.0 + wait),
                end: Timestamp(flow.end.0 + wait),
                source: flow.destination,
                destination: flow.source,
                source_port: port,
                destination_port: client,
                bytes: (packets as f64 * size) as u64,
                packets,
                input: 3,
                output: 2,
                ..flow
            });
        }
        Some(flow)
    }
}

/// Running sums of Zipf's weights, up to 1.
fn zipf(count: usize, exponent: f64) -> Vec<f64> {
    let weights: Vec<f64> = (1..=count).map(|rank| (rank as f64).powf(-exponent)).collect();
    let all: f64 = weights.iter().sum();
    let mut sum = 0.0;
    weights
        .into_iter()
        .map(|weight| {
            sum += weight / all;
            sum
        })
        .collect()
}

fn pick(sums: &[f64], share: f64) -> usize {
    sums.partition_point(|sum| *sum < share).min(sums.len() - 1)
}
