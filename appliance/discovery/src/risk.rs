//! How much of a risk a device is, in points with their reasons.
//!
//! In: the device and its last port scan. Out: a sum of points, at most 100, each with the sentence
//! that explains it. Trust is what is left to 100.

use std::time::Duration;

use model::Timestamp;
use serde::Serialize;

use crate::device::Device;
use crate::ports::{self, Risk};
use crate::scan::PortScan;

/// The formula in words, for the page.
pub const FORMULA: &str = "Risk is the sum of the points below, at most 100; trust is 100 less \
    that. Each open port has points of its own by what it lets others do (0 to 40). 10 more where \
    nobody has confirmed that the device belongs here, 5 more in its first day, 10 more where it \
    also hides its real address, 5 more where nothing tells what it is. Below 15 is low, below 50 \
    medium; a port marked red makes it medium at least.";

const UNCONFIRMED: u8 = 10;
const FIRST_DAY: u8 = 5;
const RANDOMISED: u8 = 10;
const NAMELESS: u8 = 5;
const AMBER_FROM: u8 = 15;
const RED_FROM: u8 = 50;
const DAY: Duration = Duration::from_secs(86_400);
/// A scan that is older is worth little.
const STALE: Duration = Duration::from_secs(30 * 86_400);

/// How much of a risk a device is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RiskScore {
    /// 0 (nothing speaks against it) to 100.
    pub score: u8,
    /// The score as a colour.
    pub level: Risk,
    /// What it is made of, the weightiest first; those without points are remarks.
    pub reasons: Vec<Reason>,
}

/// Why a device is a risk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// What it adds.
    pub points: u8,
    /// In a sentence.
    pub text: String,
}

impl RiskScore {
    /// The opposite: 100 (nothing speaks against it) to 0.
    pub const fn trust(&self) -> u8 {
        100 - self.score
    }
}

/// Applies [`FORMULA`].
pub fn risk(device: &Device, scan: Option<&PortScan>, now: Timestamp) -> RiskScore {
    let mut reasons = Vec::new();
    let mut add = |points, text: String| reasons.push(Reason { points, text });
    let mut worst = Risk::None;
    match scan {
        None => add(0, "Its ports have never been scanned".to_owned()),
        Some(scan) => {
            for port in scan.open() {
                let info = ports::info(port.port, port.protocol);
                let points = info.map_or(0, |i| i.points);
                worst = worst.max(port.risk);
                if points > 0 {
                    let why =
                        if port.why.is_empty() { String::new() } else { format!(": {}", port.why) };
                    let (number, protocol) = (port.port, port.protocol);
                    add(
                        points,
                        format!("Port {number}/{protocol} ({}) is open{why}", port.service),
                    );
                }
            }
            let age = now.since(scan.at);
            if age > STALE {
                let age = model::human_age(age);
                add(0, format!("Its ports were last scanned {age} ago: scan them again"));
            }
        }
    }
    if !device.person.known {
        add(UNCONFIRMED, "Nobody has confirmed that it belongs here".to_owned());
        if !device.manual && now.since(device.presence.first_seen) < DAY {
            add(FIRST_DAY, "It was first seen less than a day ago".to_owned());
        }
        if device.evidence.randomised_mac {
            add(RANDOMISED, "It hides its real address behind a random one".to_owned());
        }
        let is_nameless = device.device_type().is_none()
            && device.vendor().is_none()
            && device.hostname().is_none();
        if is_nameless {
            add(NAMELESS, "Nothing tells what it is: no maker, no name, no type".to_owned());
        }
    }
    model::sort_by_key(&mut reasons, |reason| std::cmp::Reverse(reason.points));
    let sum: u32 = reasons.iter().map(|r| u32::from(r.points)).sum();
    let score = sum.min(100) as u8;
    let level = match score {
        RED_FROM.. => Risk::Red,
        AMBER_FROM.. => Risk::Amber,
        _ if worst == Risk::Red => Risk::Amber,
        _ => Risk::None,
    };
    RiskScore { score, level, reasons }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ports::{Transport, known};
    use crate::scan::{PortFinding, PortState};
    use crate::testing::{NOW, device};

    fn scan(open: &[u16]) -> PortScan {
        let finding = |port: &u16| {
            let info = ports::info(*port, Transport::Tcp).expect("a known port");
            PortFinding {
                port: *port,
                protocol: Transport::Tcp,
                state: PortState::Open,
                service: info.service.clone(),
                version: None,
                risk: info.risk,
                why: info.why.clone(),
            }
        };
        PortScan {
            device: model::DeviceId(1),
            at: NOW,
            duration_ms: 1,
            ip: "10.0.0.9".parse().expect("valid"),
            asked: 200,
            closed: 0,
            silent: 0,
            ports: open.iter().map(finding).collect(),
        }
    }

    fn confirmed() -> Device {
        let mut device = device(1, "10.0.0.9", "eth1");
        device.person.known = true;
        device
    }

    #[test]
    fn a_known_device_without_open_ports_is_no_risk() {
        let score = risk(&confirmed(), Some(&scan(&[443])), NOW);
        assert_eq!((score.score, score.trust(), score.level), (0, 100, Risk::None));
        assert!(score.reasons.is_empty(), "{:?}", score.reasons);
    }

    #[test]
    fn every_point_has_its_reason() {
        let score = risk(&confirmed(), Some(&scan(&[22, 23])), NOW);
        assert_eq!((score.score, score.level), (34, Risk::Amber));
        assert_eq!(score.reasons[0].points, 30);
        assert_eq!(
            score.reasons[0].text,
            "Port 23/tcp (telnet) is open: Remote login that sends passwords unencrypted; the \
             first thing that malware tries."
        );
        let level = risk(&confirmed(), Some(&scan(&[80])), NOW).level;
        assert_eq!(level, Risk::Amber, "red ports show however few points they have");
        assert_eq!(risk(&confirmed(), Some(&scan(&[2375, 23])), NOW).level, Risk::Red);
    }

    #[test]
    fn a_new_stranger_that_hides_is_worth_a_look() {
        let mut stranger = device(1, "10.0.0.9", "eth1");
        stranger.evidence.randomised_mac = true;
        stranger.evidence.vendor = None;
        let score = risk(&stranger, None, NOW);
        assert_eq!(score.score, 30);
        assert_eq!(score.reasons.last().map(|r| r.points), Some(0), "never scanned: a remark");
        let later = risk(&stranger, None, NOW.plus(DAY));
        assert_eq!(later.score, 25);
        stranger.person.known = true;
        assert_eq!(risk(&stranger, None, NOW).score, 0);
    }

    #[test]
    fn a_port_that_has_closed_counts_no_more() {
        let mut scan = scan(&[23]);
        scan.ports[0].state = PortState::Closed;
        assert_eq!(risk(&confirmed(), Some(&scan), NOW).score, 0);
        let old = risk(&confirmed(), Some(&scan), NOW.plus(STALE * 2));
        assert!(old.reasons[0].text.contains("60 d ago"), "{:?}", old.reasons);
    }

    proptest! {
        #[test]
        fn a_score_is_the_sum_of_its_reasons_and_bounded(
            at in prop::collection::btree_set(0_usize..150, 0..60),
            known_device: bool,
            randomised: bool,
        ) {
            let tcp: Vec<u16> = at.iter().map(|at| known()[*at].port).collect();
            let mut device = confirmed();
            device.person.known = known_device;
            device.evidence.randomised_mac = randomised;
            let score = risk(&device, Some(&scan(&tcp)), NOW);
            let sum: u32 = score.reasons.iter().map(|r| u32::from(r.points)).sum();
            prop_assert_eq!(u32::from(score.score), sum.min(100));
            prop_assert!(score.reasons.windows(2).all(|w| w[0].points >= w[1].points));
            prop_assert!(score.reasons.iter().all(|r| !r.text.is_empty()));
        }
    }
}
