//! The network's health as one number, by a formula that is shown with it.
//!
//! In: facts, each of which may be unknown. Out: a score, and the parts that it is made of. What
//! cannot be known is left out and counts neither way.

use std::fs;

use model::Timestamp;
use serde::Serialize;

use crate::device::Device;
use crate::discovery::Discovery;
use crate::edge::Interface;
use crate::lan;

/// The formula in words, for the page.
pub const FORMULA: &str = "Score = 100 × sum(weight × part) ÷ sum(weight), over the parts that are \
    known. Each part lies between 0 and 1: internet link (weight 30: half for a default route, half \
    for the link it uses), DNS (20: 1 if the router's resolver answers within half a second, ½ if \
    later, else 0), devices that matter (20: the share of favourites and of devices with \
    criticality 2 or more that are online), listening (15: the share of LAN interfaces that are \
    listened to), storage (10: 1 if what is found can be stored, ½ if it can and less than a tenth \
    of the disk is free, else 0), clock (5: 1 if it is in sync, else 0). Above 80 is good, above \
    60 fair.";

/// A resolver that takes longer makes pages feel slow.
const SLOW_DNS_MS: u32 = 500;
/// Share of the disk below which it is nearly full.
const LITTLE_SPACE: f64 = 0.1;
/// The criticality from which on a device should always be there.
const MATTERS: u8 = 2;

/// What is known; `None` for what is not.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    /// The way to the internet.
    pub wan: Option<Wan>,
    /// The router's resolver.
    pub dns: Option<DnsAnswer>,
    /// Devices that should be there: how many are, of how many.
    pub watched: Option<(usize, usize)>,
    /// Interfaces that are listened to, of all that should be.
    pub listening: Option<(usize, usize)>,
    /// The tables.
    pub storage: Option<Storage>,
    /// The clock is in sync.
    pub clock: Option<bool>,
}

/// The way to the internet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wan {
    /// There is a default route, for IPv4 or IPv6.
    pub has_route: bool,
    /// The interface that it uses is up and has a carrier.
    pub has_link: bool,
}

/// How the resolver does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DnsAnswer {
    /// It has answered.
    pub answered: bool,
    /// Milliseconds that it took.
    pub took_ms: u32,
}

/// How storing does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Storage {
    /// The last write succeeded.
    pub writable: bool,
    /// Free share of the disk, 0 to 1, where it is known.
    pub free: Option<f64>,
}

/// The network's health.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Health {
    /// 0 to 100; `None` where nothing is known.
    pub score: Option<u8>,
    /// What it is made of, the heaviest first.
    pub parts: Vec<Part>,
}

/// A part of the score.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Part {
    /// What it is about.
    pub name: &'static str,
    /// How much it counts.
    pub weight: u32,
    /// 0 to 1.
    pub score: f64,
    /// Why, in a sentence.
    pub detail: String,
}

impl Health {
    /// `good` above 80, `fair` above 60, else `bad`; `unknown` where nothing is known.
    pub const fn word(&self) -> &'static str {
        match self.score {
            None => "unknown",
            Some(81..) => "good",
            Some(61..) => "fair",
            Some(_) => "bad",
        }
    }
}

/// Applies [`FORMULA`].
pub fn health(facts: &Facts) -> Health {
    let share = |(part, whole): (usize, usize)| part.min(whole) as f64 / whole as f64;
    let some = |(part, whole): (usize, usize)| (whole > 0).then_some((part, whole));
    let parts: Vec<Part> = [
        facts.wan.map(wan),
        facts.dns.map(dns),
        facts.watched.and_then(some).map(|of| {
            let detail = format!("{} of {} devices that matter are online", of.0, of.1);
            part("Devices that matter", 20, share(of), detail)
        }),
        facts.listening.and_then(some).map(|of| {
            let detail = format!("{} of {} LAN interfaces are listened to", of.0, of.1);
            part("Listening", 15, share(of), detail)
        }),
        facts.storage.map(storage),
        facts.clock.map(|synced| {
            let say = if synced { "The clock is in sync" } else { "The clock is not in sync" };
            part("Clock", 5, f64::from(u8::from(synced)), say.to_owned())
        }),
    ]
    .into_iter()
    .flatten()
    .collect();
    let weight: u32 = parts.iter().map(|p| p.weight).sum();
    let sum: f64 = parts.iter().map(|p| f64::from(p.weight) * p.score).sum();
    let score = (weight > 0).then(|| (100.0 * sum / f64::from(weight)).round() as u8);
    Health { score, parts }
}

fn part(name: &'static str, weight: u32, score: f64, detail: String) -> Part {
    let score = if score.is_finite() { score.clamp(0.0, 1.0) } else { 0.0 };
    Part { name, weight, score, detail }
}

fn wan(wan: Wan) -> Part {
    let (score, detail) = match (wan.has_route, wan.has_link) {
        (true, true) => (1.0, "The internet link is up and has a default route"),
        (true, false) => (0.5, "There is a default route, and its link is down"),
        (false, true) => (0.5, "The internet link is up and has no default route"),
        (false, false) => (0.0, "There is no default route"),
    };
    part("Internet link", 30, score, detail.to_owned())
}

fn dns(answer: DnsAnswer) -> Part {
    let (score, detail) = match answer {
        DnsAnswer { answered: false, .. } => (0.0, "The router's resolver does not answer".into()),
        DnsAnswer { took_ms, .. } if took_ms > SLOW_DNS_MS => {
            (0.5, format!("The router's resolver is slow: {took_ms} ms"))
        }
        DnsAnswer { took_ms, .. } => {
            (1.0, format!("The router's resolver answers in {took_ms} ms"))
        }
    };
    part("DNS", 20, score, detail)
}

fn storage(storage: Storage) -> Part {
    let free = storage.free.map(|free| (free * 100.0).clamp(0.0, 100.0));
    let (score, detail) = match (storage.writable, free) {
        (false, _) => (0.0, "What is found cannot be stored".to_owned()),
        (true, Some(free)) if free < LITTLE_SPACE * 100.0 => {
            (0.5, format!("Only {free:.0} % of the disk is free"))
        }
        (true, Some(free)) => (1.0, format!("All is stored, {free:.0} % of the disk is free")),
        (true, None) => (1.0, "All is stored".to_owned()),
    };
    part("Storage", 10, score, detail)
}

/// True for a device that should always be there.
pub fn matters(device: &Device) -> bool {
    device.person.favourite || device.person.criticality >= MATTERS
}

impl Discovery {
    /// The network's health now. Asks the resolver, whose answer counts for a minute.
    pub async fn health(&self, now: Timestamp) -> Health {
        let store = self.inner.store.clone();
        let sizes = tokio::task::spawn_blocking(move || store.sizes()).await.unwrap_or_default();
        let mut facts = self.health_facts();
        facts.dns = self.inner.resolver.probe().await;
        // A clock behind the program's own build is surely wrong; another may be right.
        if now < self.inner.store.options().built {
            facts.clock = Some(false);
        }
        if let Some(storage) = &mut facts.storage
            && sizes.disk > 0
        {
            storage.free = Some(sizes.free as f64 / sizes.disk as f64);
        }
        health(&facts)
    }

    /// The facts that discovery knows itself; the resolver's answer
    /// ([`Resolver::probe`](crate::resolver::Resolver::probe)), the disk's free share and the clock
    /// are for the caller to add.
    pub fn health_facts(&self) -> Facts {
        let watched = self.with_all(|devices| {
            devices
                .filter(|d| matters(d))
                .fold((0, 0), |(online, all), d| (online + usize::from(d.presence.online), all + 1))
        });
        let segments = self.segments().len();
        let failures = self.inner.status.borrow().failures.len();
        let interfaces = self.interfaces();
        let writable = self.inner.store.health().borrow().failing.is_none();
        Facts {
            wan: (!interfaces.is_empty()).then(|| {
                // Both are made in memory by the kernel: reading them waits for no disk.
                let v4 = fs::read_to_string("/proc/net/route").unwrap_or_default();
                let v6 = fs::read_to_string("/proc/net/ipv6_route").unwrap_or_default();
                way_out(&v4, &v6, &interfaces)
            }),
            dns: None,
            watched: Some(watched),
            listening: Some((segments.saturating_sub(failures), segments)),
            storage: Some(Storage { writable, free: None }),
            clock: None,
        }
    }
}

/// The way to the internet, from the texts of `/proc/net/route` and `/proc/net/ipv6_route`.
fn way_out(proc_net_route: &str, proc_net_ipv6_route: &str, interfaces: &[Interface]) -> Wan {
    let mut names = lan::default_routes(proc_net_route);
    names.extend(default_routes_v6(proc_net_ipv6_route));
    // One that is not in the list, such as a tunnel just made, gets the benefit of the doubt.
    let has_link = |name: &String| {
        interfaces.iter().find(|i| i.name == *name).is_none_or(|i| i.is_up && i.has_carrier)
    };
    Wan { has_route: !names.is_empty(), has_link: names.iter().any(has_link) }
}

/// Interfaces of IPv6 default routes: `::/0` that is not to be refused (flag `RTF_REJECT`).
fn default_routes_v6(proc_net_ipv6_route: &str) -> impl Iterator<Item = String> + '_ {
    const REJECT: u32 = 0x200;
    let rows = proc_net_ipv6_route.lines().map(|row| row.split_whitespace().collect::<Vec<_>>());
    rows.filter_map(|columns| {
        let [to, prefix, .., flags, name] = columns.as_slice() else {
            return None;
        };
        let is_default = *prefix == "00" && to.len() == 32 && to.bytes().all(|b| b == b'0');
        let flags = u32::from_str_radix(flags, 16).ok()?;
        (is_default && flags & REJECT == 0 && *name != "lo").then(|| (*name).to_owned())
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{device, lan, segment};

    fn well() -> Facts {
        Facts {
            wan: Some(Wan { has_route: true, has_link: true }),
            dns: Some(DnsAnswer { answered: true, took_ms: 4 }),
            watched: Some((3, 3)),
            listening: Some((2, 2)),
            storage: Some(Storage { writable: true, free: Some(0.6) }),
            clock: Some(true),
        }
    }

    #[test]
    fn all_well_is_a_hundred() {
        let health = health(&well());
        assert_eq!((health.score, health.word()), (Some(100), "good"));
        assert_eq!(health.parts.iter().map(|p| p.weight).sum::<u32>(), 100);
    }

    #[test]
    fn the_formula_names_every_part_with_its_weight() {
        for (part, words) in health(&well()).parts.iter().zip([
            "internet link (weight 30",
            "DNS (20",
            "devices that matter (20",
            "listening (15",
            "storage (10",
            "clock (5",
        ]) {
            assert!(FORMULA.contains(words), "{words}");
            assert!(words.to_lowercase().contains(&part.name.to_lowercase()));
            assert!(words.ends_with(&part.weight.to_string()));
        }
    }

    #[test]
    fn what_is_unknown_counts_neither_way() {
        let facts = Facts { watched: None, clock: None, ..well() };
        assert_eq!(health(&facts).score, Some(100));
        let facts = Facts { watched: Some((0, 0)), ..Facts::default() };
        assert_eq!(health(&facts), Health::default());
        assert_eq!(health(&facts).word(), "unknown");
        // 30 of 30 + 20.
        let dns = Some(DnsAnswer { answered: false, took_ms: 0 });
        let facts = Facts { wan: well().wan, dns, ..Facts::default() };
        assert_eq!(health(&facts).score, Some(60));
        assert_eq!(health(&facts).word(), "bad");
    }

    #[test]
    fn what_is_wrong_is_said() {
        let facts = Facts {
            wan: Some(Wan { has_route: false, has_link: false }),
            dns: Some(DnsAnswer { answered: true, took_ms: 900 }),
            watched: Some((1, 4)),
            storage: Some(Storage { writable: true, free: Some(0.02) }),
            ..well()
        };
        let health = health(&facts);
        let scores: Vec<_> = health.parts.iter().map(|p| p.score).collect();
        assert_eq!(scores, [0.0, 0.5, 0.25, 1.0, 0.5, 1.0]);
        assert_eq!(health.parts[2].detail, "1 of 4 devices that matter are online");
        assert_eq!(health.parts[4].detail, "Only 2 % of the disk is free");
    }

    #[test]
    fn default_routes_are_read_from_the_kernels_tables() {
        let v6 = "\
00000000000000000000000000000000 00 00000000000000000000000000000000 00 fe800000000000000000000000000001 00000400 00000001 00000000 00000003 eth0
00000000000000000000000000000000 00 00000000000000000000000000000000 00 00000000000000000000000000000000 ffffffff 00000001 00000000 00200200 lo
fe800000000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001 eth1
";
        assert_eq!(default_routes_v6(v6).collect::<Vec<_>>(), ["eth0"]);
        assert_eq!(way_out("", v6, &[]), Wan { has_route: true, has_link: true });
        assert_eq!(way_out("", "", &[]), Wan { has_route: false, has_link: false });
    }

    #[test]
    fn favourites_and_what_much_depends_on_are_watched() {
        let mut devices = [1, 2, 3, 4].map(|id| device(id, "10.0.0.9", "eth1"));
        devices[0].person.favourite = true;
        devices[1].person.criticality = 2;
        devices[1].presence.online = false;
        devices[2].person.criticality = 1;
        let lan = lan(&devices, vec![segment(1, "eth1", "10.0.0.1/24")]);
        let facts = lan.discovery.health_facts();
        assert_eq!(facts.watched, Some((1, 2)));
        assert_eq!(facts.listening, Some((1, 1)));
        assert_eq!(facts.storage, Some(Storage { writable: true, free: None }));
        assert_eq!(facts.wan, None, "nobody has looked at the interfaces yet");
    }

    proptest! {
        #[test]
        fn a_score_is_within_its_bounds_and_never_worse_for_better_news(
            route: Option<bool>,
            link: bool,
            dns: Option<(bool, u32)>,
            watched: Option<(usize, usize)>,
            free: Option<Option<f64>>,
            writable: bool,
            clock: Option<bool>,
        ) {
            let facts = Facts {
                wan: route.map(|has_route| Wan { has_route, has_link: link }),
                dns: dns.map(|(answered, took_ms)| DnsAnswer { answered, took_ms }),
                watched,
                listening: None,
                storage: free.map(|free| Storage { writable, free }),
                clock,
            };
            let was = health(&facts);
            prop_assert!(was.score.is_none_or(|s| s <= 100));
            prop_assert!(was.parts.iter().all(|p| (0.0..=1.0).contains(&p.score)));
            let better = Facts {
                wan: facts.wan.map(|w| Wan { has_route: true, ..w }),
                clock: facts.clock.map(|_| true),
                ..facts
            };
            prop_assert!(health(&better).score >= was.score);
        }

        #[test]
        fn no_route_table_panics(text: String) {
            let _ = way_out(&text, &text, &[]);
        }
    }
}
