//! Plans an ARP sweep: whom to ask when, at a bounded rate, repeating only for those who stay
//! silent. Time and answers in, probes out; no sockets, no clock.
//!
//! Addresses are asked in random order and in chunks small enough that a repeat follows the first
//! request by 0.3 to 2 s: a sleeping Wi-Fi host is woken by the first and answers the second.
//! [`frames`] builds the frames.

pub mod frames;
mod order;
mod subnet;
#[cfg(test)]
mod tests;

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use model::Mac;

pub use subnet::{Subnet, SubnetError};

use order::Order;

/// How fast and how often to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Requests a second, 1 to 10 000.
    pub rate: u32,
    /// How often an address that stays silent is asked, 1 to 10.
    pub passes: u8,
}

impl Pace {
    /// A person waits for it: 1.2 Mbit/s on the wire while it lasts.
    pub const FAST: Self = Self { rate: 2_500, passes: 3 };
    /// On a schedule: leaves air for others on Wi-Fi, where a broadcast takes about 1 ms.
    pub const BACKGROUND: Self = Self { rate: 500, passes: 3 };
}

/// What to sweep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The subnets of one interface, /16 at the largest. One inside another is asked once.
    pub subnets: Vec<Subnet>,
    /// The router's own addresses, which are not asked for.
    pub own: Vec<Ipv4Addr>,
    /// Who was seen where: these are asked first and by unicast, which costs the others nothing.
    pub known: Vec<(Ipv4Addr, Mac)>,
    /// How fast and how often.
    pub pace: Pace,
    /// Decides the order.
    pub seed: u64,
}

/// A sweep that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SweepError {
    /// It would take hours and flood the link.
    #[error("sweeping {0}: larger than /16, name smaller subnets")]
    TooLarge(Subnet),
    /// More than [`MOST_ADDRESSES`] in all.
    #[error("sweeping {0} addresses at once: at most {MOST_ADDRESSES}")]
    TooMany(u64),
    /// Rate or passes outside of their bounds.
    #[error(
        "sweeping at {rate} requests a second, {passes} passes: at most 10000 and 10, at least 1"
    )]
    Pace {
        /// What was given.
        rate: u32,
        /// What was given.
        passes: u8,
    },
}

/// Whom to ask now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probe {
    /// The address asked for.
    pub ip: Ipv4Addr,
    /// The station asked, `None` for all by broadcast.
    pub to: Option<Mac>,
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Send this, then poll again.
    Send(Probe),
    /// Poll again at this time, or when there was an answer.
    Wait(Instant),
    /// The sweep is over.
    Done,
}

/// How far a sweep is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Addresses to ask for.
    pub addresses: u32,
    /// Addresses that answered.
    pub answered: u32,
    /// Requests sent.
    pub sent: u32,
}

/// The most addresses of one sweep: four subnets of /16.
pub const MOST_ADDRESSES: u64 = 4 << 16;

const LARGEST_PREFIX: u8 = 16;
/// Bounds the time from a request to its repeat.
const LARGEST_CHUNK: u32 = 1_024;
const SMALLEST_CHUNK: u32 = 64;
/// A repeat comes no later than this (but in a chunk of the smallest size).
const LONGEST_PASS: u32 = 2;
/// A repeat comes no sooner than this: a host needs about 0.15 s to wake.
const SHORTEST_PASS: Duration = Duration::from_millis(300);
/// So long known hosts have to answer the unicast before the broadcast.
const KNOWN_GRACE: Duration = Duration::from_millis(100);
/// So long after the last request or answer it is over: Wi-Fi power saving holds an answer back
/// for up to a beacon interval of 102.4 ms.
const QUIET: Duration = Duration::from_millis(200);
/// When the caller is late it may catch up by so much at once.
const MOST_LAG: Duration = Duration::from_millis(20);

/// A sweep under way.
#[derive(Debug)]
pub struct Sweep {
    targets: Targets,
    order: Order,
    known: Vec<(Ipv4Addr, Mac)>,
    passes: u8,
    interval: Duration,
    chunk_size: u32,
    place: Place,
    /// The next request goes out no sooner; `None` before the first.
    next_at: Option<Instant>,
    pass_began: Option<Instant>,
    /// The last request or new answer.
    last_sign: Option<Instant>,
    progress: Progress,
}

#[derive(Debug)]
enum Place {
    Known { next: usize },
    Chunk { first: u32, pass: u8, next: u32 },
    Quiet,
}

impl Sweep {
    /// Checks the plan; nothing is due before the first [`Sweep::poll`].
    pub fn new(plan: Plan) -> Result<Self, SweepError> {
        let Pace { rate, passes } = plan.pace;
        if !(1..=10_000).contains(&rate) || !(1..=10).contains(&passes) {
            return Err(SweepError::Pace { rate, passes });
        }
        let mut targets = Targets::new(plan.subnets)?;
        let mut own = 0;
        for address in plan.own {
            own += u32::from(targets.tick(address));
        }
        let known: Vec<_> = plan
            .known
            .into_iter()
            .filter(|(ip, mac)| mac.is_station() && targets.is_open(*ip))
            .collect();
        let chunks =
            targets.count.div_ceil((rate * LONGEST_PASS).clamp(SMALLEST_CHUNK, LARGEST_CHUNK));
        Ok(Self {
            order: Order::new(targets.count, plan.seed),
            known,
            passes,
            interval: Duration::from_secs(1) / rate,
            // Chunks of one size, or the last and smallest would be repeated too soon.
            chunk_size: targets.count.div_ceil(chunks.max(1)).max(1),
            place: Place::Known { next: 0 },
            next_at: None,
            pass_began: None,
            last_sign: None,
            progress: Progress { addresses: targets.count - own, ..Progress::default() },
            targets,
        })
    }

    /// What to do at `now`, which must not go backwards.
    pub fn poll(&mut self, now: Instant) -> Step {
        if let Some(at) = self.next_at.filter(|at| *at > now) {
            return Step::Wait(at);
        }
        loop {
            match self.place {
                Place::Known { next } => {
                    if let Some(&(ip, mac)) = self.known.get(next) {
                        self.place = Place::Known { next: next + 1 };
                        if self.targets.is_open(ip) {
                            return self.send(now, Probe { ip, to: Some(mac) });
                        }
                        continue;
                    }
                    let grace = self.last_sign.map(|last| last + KNOWN_GRACE);
                    if let Some(at) = grace.filter(|at| *at > now) {
                        return Step::Wait(at);
                    }
                    self.place = Place::Chunk { first: 0, pass: 0, next: 0 };
                }
                Place::Chunk { first, pass, next } => {
                    if let Some(at) = self.pass_not_before(pass, next).filter(|at| *at > now) {
                        if self.targets.is_any_open() {
                            return Step::Wait(at);
                        }
                        self.place = Place::Quiet;
                        continue;
                    }
                    if next == 0 {
                        self.pass_began = Some(now);
                    }
                    if let Some(probe) = self.next_open(first, pass, next) {
                        return self.send(now, probe);
                    }
                    self.place = self.after(first, pass);
                }
                Place::Quiet => {
                    let over = self.last_sign.map(|last| last + QUIET);
                    return match over.filter(|at| *at > now && self.targets.is_any_open()) {
                        Some(at) => Step::Wait(at),
                        None => Step::Done,
                    };
                }
            }
        }
    }

    /// An address answered, or was heard to be there. Returns true when that is news to the sweep.
    pub fn answered(&mut self, ip: Ipv4Addr, now: Instant) -> bool {
        let is_new = self.targets.tick(ip);
        if is_new {
            self.progress.answered += 1;
            self.last_sign = Some(now);
        }
        is_new
    }

    /// How far it is.
    pub const fn progress(&self) -> Progress {
        self.progress
    }

    fn pass_not_before(&self, pass: u8, next: u32) -> Option<Instant> {
        let is_repeat = pass > 0 && next == 0;
        self.pass_began.filter(|_| is_repeat).map(|began| began + SHORTEST_PASS)
    }

    /// The next address of the chunk that has not answered; moves the place behind it.
    fn next_open(&mut self, first: u32, pass: u8, from: u32) -> Option<Probe> {
        let size = self.chunk_size.min(self.targets.count - first);
        for next in from..size {
            let number = self.order.at(first + next);
            if !self.targets.is_ticked(number) {
                self.place = Place::Chunk { first, pass, next: next + 1 };
                return Some(Probe { ip: self.targets.address(number), to: None });
            }
        }
        None
    }

    fn after(&self, first: u32, pass: u8) -> Place {
        if pass + 1 < self.passes && self.is_chunk_open(first) {
            return Place::Chunk { first, pass: pass + 1, next: 0 };
        }
        match first + self.chunk_size {
            next if next < self.targets.count => Place::Chunk { first: next, pass: 0, next: 0 },
            _ => Place::Quiet,
        }
    }

    fn is_chunk_open(&self, first: u32) -> bool {
        let end = self.targets.count.min(first + self.chunk_size);
        (first..end).any(|place| !self.targets.is_ticked(self.order.at(place)))
    }

    fn send(&mut self, now: Instant, probe: Probe) -> Step {
        let due = self.next_at.unwrap_or(now);
        let due = now.checked_sub(MOST_LAG).map_or(due, |earliest| due.max(earliest));
        self.next_at = Some(due + self.interval);
        self.last_sign = Some(now);
        self.progress.sent = self.progress.sent.saturating_add(1);
        Step::Send(probe)
    }
}

/// The hosts of all subnets, numbered, and which of them are ticked off.
#[derive(Debug)]
struct Targets {
    /// Each with the number of its first host.
    subnets: Vec<(u32, Subnet)>,
    count: u32,
    ticks: Vec<u64>,
    open: u32,
}

impl Targets {
    fn new(mut wanted: Vec<Subnet>) -> Result<Self, SweepError> {
        if let Some(large) = wanted.iter().find(|s| s.prefix() < LARGEST_PREFIX) {
            return Err(SweepError::TooLarge(*large));
        }
        model::sort_by_key(&mut wanted, |subnet| (subnet.prefix(), subnet.network()));
        let mut subnets: Vec<(u32, Subnet)> = Vec::new();
        let mut count = 0_u64;
        for subnet in wanted {
            if !subnets.iter().any(|(_, known)| known.covers(subnet)) {
                subnets.push((count as u32, subnet));
                count += subnet.hosts();
            }
            if count > MOST_ADDRESSES {
                return Err(SweepError::TooMany(count));
            }
        }
        let count = count as u32;
        Ok(Self { subnets, count, ticks: vec![0; count.div_ceil(64) as usize], open: count })
    }

    fn address(&self, number: u32) -> Ipv4Addr {
        let after = self.subnets.partition_point(|(first, _)| *first <= number);
        let (first, subnet) = self.subnets[after - 1];
        subnet.host(number - first)
    }

    fn number(&self, address: Ipv4Addr) -> Option<u32> {
        self.subnets
            .iter()
            .find_map(|(first, subnet)| subnet.host_number(address).map(|at| first + at))
    }

    fn is_ticked(&self, number: u32) -> bool {
        self.ticks[number as usize / 64] & 1 << (number % 64) != 0
    }

    fn is_open(&self, address: Ipv4Addr) -> bool {
        self.number(address).is_some_and(|number| !self.is_ticked(number))
    }

    const fn is_any_open(&self) -> bool {
        self.open > 0
    }

    /// Returns true when the address is one of them and was not ticked before.
    fn tick(&mut self, address: Ipv4Addr) -> bool {
        let Some(number) = self.number(address).filter(|number| !self.is_ticked(*number)) else {
            return false;
        };
        self.ticks[number as usize / 64] |= 1 << (number % 64);
        self.open -= 1;
        true
    }
}
