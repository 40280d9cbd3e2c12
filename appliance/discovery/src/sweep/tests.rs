//! The planner against a simulated LAN.

use std::collections::{BTreeSet, HashMap};

use proptest::prelude::*;

use super::*;

fn subnet(text: &str) -> Subnet {
    text.parse().unwrap()
}

fn plan(subnets: &[&str]) -> Plan {
    Plan {
        subnets: subnets.iter().map(|text| subnet(text)).collect(),
        own: Vec::new(),
        known: Vec::new(),
        pace: Pace::FAST,
        seed: 1,
    }
}

/// A cheap generator of chances; the same seed gives the same LAN.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> f64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Hosts behind a link: clean, or the Wi-Fi model of 2–82 ms, 3 % loss each way and 15 % hosts that
/// answer only a repeat 0.15–5 s after the request before.
struct Lan {
    hosts: BTreeSet<Ipv4Addr>,
    sleepy: BTreeSet<Ipv4Addr>,
    asked: HashMap<Ipv4Addr, Instant>,
    is_wifi: bool,
    chance: Chance,
}

impl Lan {
    fn new(hosts: impl Iterator<Item = Ipv4Addr>, is_wifi: bool, seed: u64) -> Self {
        let mut chance = Chance(seed);
        let hosts: BTreeSet<_> = hosts.collect();
        let sleepy = hosts.iter().copied().filter(|_| is_wifi && chance.next() < 0.15).collect();
        Self { hosts, sleepy, asked: HashMap::new(), is_wifi, chance }
    }

    /// When the answer to a request arrives, if at all.
    fn ask(&mut self, ip: Ipv4Addr, now: Instant) -> Option<Instant> {
        if !self.hosts.contains(&ip) {
            return None;
        }
        if !self.is_wifi {
            return Some(now + Duration::from_micros(200 + (self.chance.next() * 1000.0) as u64));
        }
        if self.chance.next() < 0.03 {
            return None;
        }
        let before = self.asked.insert(ip, now);
        let wakes = Duration::from_millis(150)..=Duration::from_secs(5);
        if self.sleepy.contains(&ip) && !before.is_some_and(|t| wakes.contains(&(now - t))) {
            return None;
        }
        if self.chance.next() < 0.03 {
            return None;
        }
        Some(now + Duration::from_millis(2 + (self.chance.next() * 80.0) as u64))
    }
}

struct Run {
    sent: Vec<(Instant, Probe)>,
    found: BTreeSet<Ipv4Addr>,
    took: Duration,
    progress: Progress,
}

fn run(plan: Plan, lan: &mut Lan) -> Run {
    let mut sweep = Sweep::new(plan).unwrap();
    let start = Instant::now();
    let mut now = start;
    let mut answers: BTreeSet<(Instant, Ipv4Addr)> = BTreeSet::new();
    let mut sent = Vec::new();
    let mut found = BTreeSet::new();
    loop {
        while answers.first().is_some_and(|(at, _)| *at <= now) {
            let Some((at, ip)) = answers.pop_first() else {
                break;
            };
            sweep.answered(ip, at);
            found.insert(ip);
        }
        match sweep.poll(now) {
            Step::Send(probe) => {
                sent.push((now, probe));
                if let Some(at) = lan.ask(probe.ip, now) {
                    answers.insert((at, probe.ip));
                }
            }
            Step::Wait(until) => {
                assert!(until > now, "waiting for the past");
                now = answers.first().map_or(until, |(at, _)| until.min(*at).max(now));
            }
            Step::Done => break,
        }
        assert!(now - start < Duration::from_secs(3_600), "no end");
    }
    Run { sent, found, took: now - start, progress: sweep.progress() }
}

fn hosts_of(subnet: Subnet, count: u32, seed: u64) -> impl Iterator<Item = Ipv4Addr> {
    let order = Order::new(subnet.hosts() as u32, seed);
    (0..count).map(move |place| subnet.host(order.at(place)))
}

#[test]
fn a_clean_24_with_200_hosts_is_found_whole_in_under_a_second() {
    let mut lan = Lan::new(hosts_of(subnet("192.0.2.0/24"), 200, 5), false, 1);
    let run = run(plan(&["192.0.2.0/24"]), &mut lan);
    assert_eq!(run.found, lan.hosts);
    assert!(run.took < Duration::from_secs(1), "{:?}", run.took);
    assert_eq!(run.sent.len(), 200 + 54 * 3);
    assert_eq!((run.progress.addresses, run.progress.answered), (254, 200));
}

#[test]
fn a_20_over_bad_wifi_is_found_to_99_percent_within_7_seconds() {
    for seed in 1..=20 {
        let net = subnet("10.77.0.0/20");
        let mut lan = Lan::new(hosts_of(net, 1_000, seed), true, seed);
        let run = run(Plan { seed, ..plan(&["10.77.0.0/20"]) }, &mut lan);
        assert!(run.found.len() >= 990, "found {} with seed {seed}", run.found.len());
        assert!(run.took < Duration::from_secs(7), "{:?} with seed {seed}", run.took);
    }
}

#[test]
fn a_24_over_bad_wifi_is_found_to_99_percent() {
    let found: usize = (1..=20)
        .map(|seed| {
            let mut lan = Lan::new(hosts_of(subnet("192.0.2.0/24"), 200, seed), true, seed);
            run(Plan { seed, ..plan(&["192.0.2.0/24"]) }, &mut lan).found.len()
        })
        .sum();
    assert!(found >= 20 * 198, "{found} of {}", 20 * 200);
}

#[test]
fn the_rate_is_kept_in_every_window_of_100_ms() {
    for pace in [Pace::FAST, Pace::BACKGROUND] {
        let mut lan = Lan::new(std::iter::empty(), false, 1);
        let run = run(Plan { pace, ..plan(&["10.0.0.0/22"]) }, &mut lan);
        let most = pace.rate as usize / 10 + 1;
        for (at, (from, _)) in run.sent.iter().enumerate() {
            let window = Duration::from_millis(100);
            let inside = run.sent[at..].iter().take_while(|(t, _)| *t - *from < window).count();
            assert!(inside <= most, "{inside} in 100 ms at {}", pace.rate);
        }
    }
}

#[test]
fn a_late_caller_catches_up_by_little() {
    let mut sweep = Sweep::new(plan(&["10.0.0.0/24"])).unwrap();
    let start = Instant::now();
    assert!(matches!(sweep.poll(start), Step::Send(_)));
    let late = start + Duration::from_millis(100);
    let burst = (0..254).take_while(|_| matches!(sweep.poll(late), Step::Send(_))).count();
    assert_eq!(burst, 51); // 20 ms at 2500 a second, and the one that is due
}

#[test]
fn a_repeat_follows_after_300_ms_to_2_s_and_only_to_the_silent() {
    for pace in [Pace::FAST, Pace::BACKGROUND] {
        let mut lan = Lan::new(hosts_of(subnet("10.0.0.0/21"), 500, 3), false, 1);
        let run = run(Plan { pace, ..plan(&["10.0.0.0/21"]) }, &mut lan);
        let mut last: HashMap<Ipv4Addr, Instant> = HashMap::new();
        for (at, probe) in run.sent {
            if let Some(before) = last.insert(probe.ip, at) {
                assert!(!lan.hosts.contains(&probe.ip), "{} had answered", probe.ip);
                let gap = at - before;
                // Skipping those who answered shortens a repeat by their share of the pass.
                let bounds = Duration::from_millis(250)..Duration::from_millis(2_100);
                assert!(bounds.contains(&gap), "{gap:?} at {}", pace.rate);
            }
        }
    }
}

#[test]
fn known_hosts_are_asked_first_and_by_unicast() {
    let mac = Mac([2, 0, 0, 0, 0, 7]);
    let (here, gone) = (Ipv4Addr::new(192, 0, 2, 9), Ipv4Addr::new(192, 0, 2, 10));
    let elsewhere = Ipv4Addr::new(198, 51, 100, 1);
    let known = vec![(here, mac), (gone, mac), (elsewhere, mac), (here, Mac::BROADCAST)];
    let mut lan = Lan::new([here].into_iter(), false, 1);
    let run = run(Plan { known, ..plan(&["192.0.2.0/28"]) }, &mut lan);
    let first: Vec<_> = run.sent.iter().take(2).map(|(_, probe)| *probe).collect();
    assert_eq!(first, [Probe { ip: here, to: Some(mac) }, Probe { ip: gone, to: Some(mac) }]);
    let later = &run.sent[2..];
    assert!(later.iter().all(|(_, probe)| probe.to.is_none() && probe.ip != here));
    assert_eq!(later.iter().filter(|(_, probe)| probe.ip == gone).count(), 3);
}

#[test]
fn nobody_asks_for_network_broadcast_or_own_address() {
    let own = vec![Ipv4Addr::new(192, 0, 2, 1)];
    let mut lan = Lan::new(std::iter::empty(), false, 1);
    let run = run(Plan { own, ..plan(&["192.0.2.0/29"]) }, &mut lan);
    let asked: BTreeSet<_> = run.sent.iter().map(|(_, probe)| probe.ip.octets()[3]).collect();
    assert_eq!(asked, BTreeSet::from([2, 3, 4, 5, 6]));
}

#[test]
fn both_ends_of_a_31_and_the_one_address_of_a_32_are_asked() {
    let asked = |net: &str, own: [u8; 4]| {
        let own = vec![Ipv4Addr::from(own)];
        let mut lan = Lan::new(std::iter::empty(), false, 1);
        let run = run(Plan { own, ..plan(&[net]) }, &mut lan);
        run.sent.iter().map(|(_, probe)| probe.ip.octets()[3]).collect::<BTreeSet<_>>()
    };
    assert_eq!(asked("192.0.2.0/31", [192, 0, 2, 0]), BTreeSet::from([1]));
    assert_eq!(asked("192.0.2.0/31", [0; 4]), BTreeSet::from([0, 1]));
    assert_eq!(asked("192.0.2.5/32", [0; 4]), BTreeSet::from([5]));
    assert_eq!(asked("192.0.2.5/32", [192, 0, 2, 5]), BTreeSet::new());
}

#[test]
fn a_sweep_in_which_all_answer_ends_at_once() {
    let mut lan = Lan::new(hosts_of(subnet("192.0.2.0/24"), 254, 1), false, 1);
    let run = run(plan(&["192.0.2.0/24"]), &mut lan);
    assert_eq!(run.sent.len(), 254);
    assert!(run.took < Duration::from_millis(140), "{:?}", run.took);
}

#[test]
fn a_subnet_inside_another_is_asked_once() {
    let mut lan = Lan::new(hosts_of(subnet("10.0.0.0/24"), 254, 1), false, 1);
    let run = run(plan(&["10.0.0.128/25", "10.0.0.0/24", "10.0.0.0/24"]), &mut lan);
    assert_eq!((run.sent.len(), run.found.len()), (254, 254));
}

#[test]
fn what_is_too_large_or_too_fast_is_refused() {
    let refused = |plan: Plan| Sweep::new(plan).unwrap_err();
    let message = refused(plan(&["10.0.0.0/15"])).to_string();
    assert_eq!(message, "sweeping 10.0.0.0/15: larger than /16, name smaller subnets");
    let five = plan(&["10.0.0.0/16", "10.1.0.0/16", "10.2.0.0/16", "10.3.0.0/16", "10.4.0.0/16"]);
    assert!(matches!(refused(five), SweepError::TooMany(_)));
    for (rate, passes) in [(0, 1), (10_001, 1), (1, 0), (1, 11)] {
        let pace = Pace { rate, passes };
        assert_eq!(refused(Plan { pace, ..plan(&[]) }), SweepError::Pace { rate, passes });
    }
    assert!(Sweep::new(plan(&["10.0.0.0/16"])).is_ok());
    let mut nothing = Sweep::new(plan(&[])).unwrap();
    assert_eq!(nothing.poll(Instant::now()), Step::Done);
}

#[test]
fn subnets_are_read_and_shown() {
    assert_eq!(subnet("192.0.2.77/24").to_string(), "192.0.2.0/24");
    assert_eq!(subnet("0.0.0.0/0").last(), Ipv4Addr::BROADCAST);
    assert!("192.0.2.0".parse::<Subnet>().is_err());
    assert!("192.0.2.0/33".parse::<Subnet>().is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn every_silent_host_is_asked_in_every_pass(
        address: u32, prefix in 22_u8..=32, passes in 1_u8..4, seed: u64, own: u32,
    ) {
        let net = Subnet::new(address.into(), prefix).unwrap();
        let own = Ipv4Addr::from(own & !(u32::MAX << 2) | u32::from(net.network()));
        let pace = Pace { rate: 10_000, passes };
        let plan = Plan { subnets: vec![net], own: vec![own], known: vec![], pace, seed };
        let mut lan = Lan::new(std::iter::empty(), false, seed);
        let run = run(plan, &mut lan);
        let mut asked: HashMap<Ipv4Addr, u8> = HashMap::new();
        for (_, probe) in run.sent {
            *asked.entry(probe.ip).or_default() += 1;
        }
        let expected = (0..net.hosts() as u32).map(|at| net.host(at)).filter(|ip| *ip != own);
        let expected: HashMap<_, _> = expected.map(|ip| (ip, passes)).collect();
        prop_assert_eq!(asked, expected);
    }
}
