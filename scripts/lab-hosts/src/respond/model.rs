//! How simulated hosts answer: who they are, when they reply, what gets lost. Pure; time is
//! handed in as microseconds since any fixed moment.
//!
//! The lossy manner is the "wifi" bed of the project's ARP measurements: 2 to 82 ms, 3 % lost each
//! way, 15 % of hosts asleep until asked again 0.15 to 5 s later.

use std::collections::HashMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use model::Mac;

use crate::frame;
use crate::net::{Dice, Net, mix};

/// OUIs of makers that are met in homes, so that vendor columns look as they do in one.
const OUIS: [[u8; 3]; 16] = [
    [0xf0, 0x18, 0x98], // Apple
    [0x8c, 0x79, 0xf5], // Samsung
    [0x3c, 0xd9, 0x2b], // HP
    [0x00, 0x80, 0x77], // Brother
    [0x00, 0x11, 0x32], // Synology
    [0x78, 0x28, 0xca], // Sonos
    [0x24, 0x6f, 0x28], // Espressif
    [0xdc, 0xa6, 0x32], // Raspberry Pi
    [0xa0, 0x88, 0x69], // Intel
    [0xb0, 0xa7, 0x37], // Roku
    [0x98, 0xb6, 0xe9], // Nintendo
    [0x74, 0xac, 0xb9], // Ubiquiti
    [0xa8, 0x23, 0xfe], // LG
    [0x54, 0x60, 0x09], // Google
    [0x70, 0xb5, 0xe8], // Dell
    [0x50, 0xec, 0x50], // Xiaomi
];

/// Delays, losses and sleep of a LAN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Manner {
    /// Shortest and longest time to an answer, in microseconds.
    delay: (u64, u64),
    /// Lost on each way, of a thousand.
    loss: u64,
    /// Hosts asleep, of a hundred.
    sleepy: u64,
}

impl Manner {
    /// A wired LAN.
    pub(crate) const CLEAN: Self = Self { delay: (200, 1_200), loss: 0, sleepy: 0 };
    /// A busy wireless LAN with phones on it.
    pub(crate) const WIFI: Self = Self { delay: (2_000, 82_000), loss: 30, sleepy: 15 };
}

/// A sleepy host answers when it was first asked at least this long ago ...
const WAKES_AFTER: u64 = 150_000;
/// ... and at most this long ago; then it sleeps again.
const SLEEPS_AFTER: u64 = 5_000_000;

/// What becomes of one question to one host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The answer arrives this many microseconds later.
    Answers(u64),
    /// The question never reached the host.
    QuestionLost,
    /// The host sleeps.
    Asleep,
    /// The host answered; nobody heard it.
    AnswerLost,
}

/// One simulated host.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) mac: Mac,
    pub(crate) address: Ipv4Addr,
    /// Time to live of its packets: 64 for Unix, 128 for Windows, 255 for network gear.
    pub(crate) ttl: u8,
    sleepy: bool,
    woken: Option<u64>,
    asked: u64,
}

/// The hosts of one LAN.
#[derive(Debug)]
pub(crate) struct Hosts {
    net: Net,
    manner: Manner,
    seed: u64,
    all: Vec<Host>,
    /// Index into `all` for each offset of the net, `NOBODY` where no host lives.
    by_offset: Vec<u32>,
    by_mac: HashMap<Mac, u32>,
}

const NOBODY: u32 = u32::MAX;

impl Hosts {
    /// `count` hosts at addresses of `net` chosen by `seed`; never the network's own address,
    /// broadcast or one of `taken`. Fewer when the net is too small.
    pub(crate) fn settle(
        net: Net,
        count: usize,
        taken: &[Ipv4Addr],
        manner: Manner,
        seed: u64,
    ) -> Self {
        let mut dice = Dice::new(seed);
        let mut offsets: Vec<u32> =
            (1..net.size() - 1).filter(|o| !taken.contains(&net.address(*o))).collect();
        let count = count.min(offsets.len());
        for place in 0..count {
            let other = place + dice.below((offsets.len() - place) as u64) as usize;
            offsets.swap(place, other);
        }
        let mut by_offset = vec![NOBODY; net.size() as usize];
        let mut by_mac = HashMap::with_capacity(count);
        let mut all = Vec::with_capacity(count);
        // An odd factor permutes the 24 bits, so that no two hosts share an address.
        let scatter = mix(seed) | 1;
        for (index, offset) in offsets.into_iter().take(count).enumerate() {
            let [a, b, c] = OUIS[dice.below(OUIS.len() as u64) as usize];
            let [.., d, e, f] = (index as u64 + 1).wrapping_mul(scatter).to_be_bytes();
            let mac = Mac([a, b, c, d, e, f]);
            let address = net.address(offset);
            by_offset[offset as usize] = index as u32;
            by_mac.insert(mac, index as u32);
            let ttl = [64, 64, 128, 255][dice.below(4) as usize];
            let sleepy = dice.below(100) < manner.sleepy;
            all.push(Host { mac, address, ttl, sleepy, woken: None, asked: 0 });
        }
        Self { net, manner, seed, all, by_offset, by_mac }
    }

    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    pub(crate) fn get(&self, index: usize) -> &Host {
        &self.all[index]
    }

    /// The host that has `address`.
    pub(crate) fn at(&self, address: Ipv4Addr) -> Option<usize> {
        let offset = self.net.offset(address)?;
        let index = self.by_offset[offset as usize];
        (index != NOBODY).then_some(index as usize)
    }

    /// The host that has the link-local address `address`.
    pub(crate) fn at_link_local(&self, address: Ipv6Addr) -> Option<usize> {
        self.by_mac.get(&frame::mac_of(address)?).map(|index| *index as usize)
    }

    /// Asks one host at `now` (microseconds); the same seed and questions give the same outcomes.
    pub(crate) fn ask(&mut self, index: usize, now: u64) -> Outcome {
        let host = &mut self.all[index];
        host.asked += 1;
        let mut dice = Dice::new(self.seed ^ mix(index as u64) ^ mix(host.asked << 32));
        if dice.below(1000) < self.manner.loss {
            return Outcome::QuestionLost;
        }
        if host.sleepy {
            let since = host.woken.map(|woken| now.saturating_sub(woken));
            match since {
                Some(since) if since < WAKES_AFTER => return Outcome::Asleep,
                Some(since) if since <= SLEEPS_AFTER => {
                    host.woken = Some(now - WAKES_AFTER.min(now));
                }
                _ => {
                    host.woken = Some(now);
                    return Outcome::Asleep;
                }
            }
        }
        if dice.below(1000) < self.manner.loss {
            return Outcome::AnswerLost;
        }
        let (shortest, longest) = self.manner.delay;
        Outcome::Answers(shortest + dice.below(longest - shortest + 1))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    fn hosts(net: &str, count: usize, manner: Manner, seed: u64) -> Hosts {
        Hosts::settle(net.parse().unwrap(), count, &[Ipv4Addr::new(10, 77, 0, 1)], manner, seed)
    }

    #[test]
    fn a_thousand_hosts_have_a_thousand_macs_and_addresses() {
        let lan = hosts("10.77.0.0/20", 1000, Manner::CLEAN, 1);
        let macs: HashSet<Mac> = lan.all.iter().map(|h| h.mac).collect();
        let addresses: HashSet<Ipv4Addr> = lan.all.iter().map(|h| h.address).collect();
        assert_eq!((macs.len(), addresses.len()), (1000, 1000));
        assert!(macs.iter().all(|m| m.is_station() && !m.is_locally_administered()));
    }

    #[test]
    fn nobody_lives_at_the_taken_addresses_or_at_the_edges() {
        let lan = hosts("10.77.0.0/24", 10_000, Manner::CLEAN, 1);
        assert_eq!(lan.len(), 253);
        for taken in [[10, 77, 0, 0], [10, 77, 0, 1], [10, 77, 0, 255], [10, 78, 0, 1]] {
            assert_eq!(lan.at(Ipv4Addr::from(taken)), None);
        }
    }

    #[test]
    fn a_clean_lan_answers_every_question_within_its_delay() {
        let mut lan = hosts("10.77.0.0/24", 100, Manner::CLEAN, 3);
        for index in 0..100 {
            let Outcome::Answers(delay) = lan.ask(index, 0) else {
                panic!("host {index} was silent")
            };
            assert!((200..=1_200).contains(&delay));
        }
    }

    #[test]
    fn a_sleepy_host_answers_only_a_repeat_that_is_neither_too_soon_nor_too_late() {
        let quiet = Manner { loss: 0, sleepy: 100, ..Manner::WIFI };
        let mut lan = hosts("10.77.0.0/24", 1, quiet, 3);
        assert_eq!(lan.ask(0, 1_000_000), Outcome::Asleep);
        assert_eq!(lan.ask(0, 1_100_000), Outcome::Asleep, "100 ms later");
        assert!(matches!(lan.ask(0, 1_200_000), Outcome::Answers(_)), "200 ms later");
        assert!(matches!(lan.ask(0, 1_200_001), Outcome::Answers(_)), "awake now");
        assert_eq!(lan.ask(0, 9_000_000), Outcome::Asleep, "slept again");
    }

    #[test]
    fn the_wifi_manner_loses_and_sleeps_as_it_says() {
        let mut lan = hosts("10.77.0.0/16", 20_000, Manner::WIFI, 5);
        let mut counts = [0; 4];
        for index in 0..20_000 {
            let slot = match lan.ask(index, 0) {
                Outcome::Answers(delay) => {
                    assert!((2_000..=82_000).contains(&delay));
                    0
                }
                Outcome::QuestionLost => 1,
                Outcome::Asleep => 2,
                Outcome::AnswerLost => 3,
            };
            counts[slot] += 1;
        }
        assert!((500..700).contains(&counts[1]), "3 % of questions: {}", counts[1]);
        assert!((2700..3150).contains(&counts[2]), "15 % of the rest: {}", counts[2]);
        assert!((400..600).contains(&counts[3]), "3 % of answers: {}", counts[3]);
    }

    #[test]
    fn three_passes_half_a_second_apart_find_99_of_100_hosts() {
        let mut lan = hosts("10.77.0.0/20", 1000, Manner::WIFI, 9);
        let found = (0..1000)
            .filter(|index| {
                (0..3).any(|pass| matches!(lan.ask(*index, pass * 500_000), Outcome::Answers(_)))
            })
            .count();
        assert!(found >= 980, "{found}");
    }

    proptest! {
        #[test]
        fn every_host_is_found_at_its_addresses(count in 0_usize..300, seed: u64) {
            let lan = hosts("10.77.0.0/23", count, Manner::WIFI, seed);
            for index in 0..lan.len() {
                prop_assert_eq!(lan.at(lan.get(index).address), Some(index));
                prop_assert_eq!(lan.at_link_local(frame::link_local(lan.get(index).mac)), Some(index));
            }
        }

        #[test]
        fn the_same_seed_gives_the_same_outcomes(seed: u64, times in proptest::collection::vec(0_u64..10_000_000, 1..50)) {
            let (mut a, mut b) = (hosts("10.77.0.0/24", 5, Manner::WIFI, seed), hosts("10.77.0.0/24", 5, Manner::WIFI, seed));
            for (n, now) in times.into_iter().enumerate() {
                prop_assert_eq!(a.ask(n % 5, now), b.ask(n % 5, now));
            }
        }
    }
}
