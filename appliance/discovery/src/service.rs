//! Discovery at work: threads that listen, rounds on schedule, the engine between them, and what it
//! finds on its way into the tables.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use model::Timestamp;
use serde::Serialize;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use crate::browse::keep_browsing;
use crate::decode::{Fact, Protocol};
use crate::discovery::Discovery;
use crate::edge::neighbours::interfaces;
use crate::edge::{Listener, NeighbourState, NetworkChange, Round, Watcher};
use crate::error::DiscoveryError;
use crate::lan::{self, LanOptions};
use crate::leases::LeaseFiles;
use crate::rounds::{self, ScanReport, network};
use crate::segment::Segment;
use crate::settings::Settings;

/// Rounds of the listener that wait for the engine, of at most 128 frames an interface; what comes
/// on top is dropped and counted.
const ROUNDS: usize = 32;
/// Tellings of the kernel that wait; the thread behind them waits too, and the kernel's queue.
const TELLINGS: usize = 4;
/// What changed within this time is stored at once.
const GATHER: Duration = Duration::from_millis(100);
/// How often silence is looked for.
const TICK: Duration = Duration::from_secs(1);
/// Pauses between attempts to store while the disk refuses.
const RETRY: [Duration; 4] = [
    Duration::from_millis(250),
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(15),
];
/// A clock that moves otherwise than time does by more than this was set.
const CLOCK_STEP: Duration = Duration::from_secs(5);
/// How often it is looked whether the router serves DHCP and forwards IPv6.
const FACTS: Duration = Duration::from_secs(30);
/// How often the DHCP server's leases are looked at.
const LEASES: Duration = Duration::from_secs(30);
/// How often names are asked for, and of how many addresses at once.
const NAMING: Duration = Duration::from_secs(20);
const NAMES_AT_ONCE: usize = 16;
/// How soon after the start the first round begins: the interfaces must be known by then.
const FIRST_ROUND: Duration = Duration::from_millis(1_500);

/// How discovery is doing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Status {
    /// It runs.
    pub running: bool,
    /// A round of questions is under way.
    pub scanning: bool,
    /// The last round that ended.
    pub last_scan: Option<ScanReport>,
    /// Interfaces that cannot be listened to, and why.
    pub failures: BTreeMap<String, String>,
    /// Frames read.
    pub frames: u64,
    /// Frames dropped by the kernel or because the engine was behind.
    pub dropped: u64,
    /// Frames that broke their protocol's rules, by protocol; only those that occurred.
    pub malformed: BTreeMap<&'static str, u64>,
    /// Times that a new station was not taken in because there were too many at once.
    pub refused: u64,
    /// When that was the last time.
    pub refused_at: Option<Timestamp>,
}

impl Discovery {
    /// Listens, asks and stores until `stop` turns true.
    ///
    /// # Errors
    /// [`DiscoveryError::Network`] where the threads cannot be started. An interface that cannot be
    /// opened is no error: it is shown in [`Status::failures`] and tried again.
    pub async fn run(
        &self,
        options: LanOptions,
        mut stop: watch::Receiver<bool>,
    ) -> Result<(), DiscoveryError> {
        let (rounds, mut heard) = mpsc::channel::<Round>(ROUNDS);
        let listener = Listener::start(move |round| rounds.try_send(round).is_ok())
            .map_err(|e| network("listen", &e.to_string()))?;
        let (tellings, mut kernel) = mpsc::channel::<Vec<NetworkChange>>(TELLINGS);
        let watcher = Watcher::start(move |changes| tellings.blocking_send(changes).is_ok())
            .map_err(|e| network("follow the interfaces", &e.to_string()))?;
        if !options.dns_names {
            self.inner.names.forget();
        }
        let mut room = Room {
            discovery: self.clone(),
            options,
            listener,
            segments: HashMap::new(),
            store_at: Instant::now(),
            refusals: 0,
            leases: LeaseFiles::default(),
            last_tick: (Timestamp::now(), Instant::now()),
            ways_out: ways_out(),
            facts_at: Instant::now(),
        };
        // Dropped with this function, whichever way it ends.
        let mut helpers = JoinSet::new();
        helpers.spawn(keep_asking(self.clone(), stop.clone()));
        helpers.spawn(keep_naming(self.clone()));
        helpers.spawn(keep_browsing(self.clone()));
        let mut settings = self.inner.store.settings_changed();
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut leases = interval(LEASES);
        leases.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut due = None;
        self.inner.status.send_modify(|s| s.running = true);
        while !*stop.borrow() {
            tokio::select! {
                _ = stop.changed() => break,
                round = heard.recv() => match round {
                    Some(round) => room.hear(&round),
                    None => break,
                },
                changes = kernel.recv() => match changes {
                    Some(changes) => changes.into_iter().for_each(|word| room.take_word(word)),
                    None => break,
                },
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
                _ = tick.tick() => room.tick(),
                _ = leases.tick() => room.read_leases().await,
                () = self.inner.wake.notified() => {}
                _ = settings.changed() => room.reload().await,
            }
            due = room.store_when_due().await;
        }
        self.inner.status.send_modify(|s| s.running = false);
        helpers.abort_all();
        drop(watcher);
        self.engine().finish(Timestamp::now());
        room.store().await;
        Ok(())
    }

    /// Looks at once which interfaces there are, so that whoever needs the LANs need not wait until
    /// [`run`](Self::run) has been told of them.
    ///
    /// # Errors
    /// [`DiscoveryError::Network`] where the kernel does not tell.
    pub fn look_at_interfaces(&self, options: &LanOptions) -> Result<(), DiscoveryError> {
        let all = interfaces().map_err(|e| network("read the interfaces", &e.to_string()))?;
        self.inner.interfaces.send_replace(Arc::new(all));
        self.choose_lans(ways_out(), options);
        Ok(())
    }

    /// Chooses the LANs among the interfaces by the routes as they are.
    fn choose_lans(&self, ways_out: [Option<IpAddr>; 2], options: &LanOptions) -> Vec<Segment> {
        let all = Arc::clone(&self.inner.interfaces.borrow());
        let routes = std::fs::read_to_string("/proc/net/route").unwrap_or_default();
        let mut routes = lan::default_routes(&routes);
        let leads_out = |ip: &IpAddr| all.iter().find(|i| i.addresses.iter().any(|a| a.0 == *ip));
        routes.extend(ways_out.iter().flatten().filter_map(leads_out).map(|i| i.name.clone()));
        let forward = std::fs::read_to_string("/proc/sys/net/ipv4/ip_forward");
        let is_router = forward.is_ok_and(|text| text.trim() == "1");
        let chosen = lan::choose(&all, &routes, is_router, options);
        self.inner.segments.send_if_modified(|old| {
            let changed = **old != chosen;
            if changed {
                let names: Vec<_> = chosen.iter().map(|s| s.name.as_str()).collect();
                tracing::info!(interfaces = ?names, "looking for devices");
                *old = Arc::new(chosen.clone());
            }
            changed
        });
        chosen
    }

    /// How it is doing, and word whenever that changes.
    pub fn status(&self) -> watch::Receiver<Status> {
        self.inner.status.subscribe()
    }
}

async fn keep_asking(discovery: Discovery, mut stop: watch::Receiver<bool>) {
    let mut next = Instant::now() + FIRST_ROUND;
    let mut settings = discovery.inner.store.settings_changed();
    for number in 0_u64.. {
        loop {
            tokio::select! {
                () = sleep_until(next) => break,
                // A shorter interval counts from now on.
                _ = settings.changed() => {
                    next = next.min(Instant::now() + rounds::pause(&discovery.settings()));
                }
                _ = stop.changed() => return,
            }
        }
        next = Instant::now() + rounds::pause(&discovery.settings());
        discovery.scheduled_round(number).await;
    }
}

/// Asks the router's resolver for the names of devices that gave none.
async fn keep_naming(discovery: Discovery) {
    loop {
        tokio::time::sleep(NAMING).await;
        if !discovery.settings().reverse_dns_enabled {
            continue;
        }
        let nameless: Vec<IpAddr> = discovery.with_all(|all| {
            all.filter(|d| d.presence.online && d.hostname().is_none())
                .filter_map(|d| d.main_address().map(|a| a.ip))
                .collect()
        });
        // The resolver remembers what has no name and asks for a few at a time.
        for some in nameless.chunks(NAMES_AT_ONCE) {
            let asked =
                some.iter().map(|ip| async { (*ip, discovery.inner.resolver.name_of(*ip).await) });
            for (ip, name) in futures_util::future::join_all(asked).await {
                if let Some(name) = name {
                    discovery.engine().named(Timestamp::now(), ip, &name);
                }
            }
        }
        discovery.inner.wake.notify_one();
    }
}

/// The own addresses from which the Internet would be spoken to, by IPv4 and IPv6, as the routing
/// table is now. Connecting a datagram socket asks it and sends nothing; the addresses are for
/// documentation (RFC 5737, RFC 3849).
fn ways_out() -> [Option<IpAddr>; 2] {
    let way = |from: &str, to: &str| {
        let socket = std::net::UdpSocket::bind((from, 0)).ok()?;
        socket.connect((to, 9)).ok()?;
        Some(socket.local_addr().ok()?.ip())
    };
    [way("0.0.0.0", "192.0.2.1"), way("::", "2001:db8::1")]
}

struct Room {
    discovery: Discovery,
    options: LanOptions,
    listener: Listener,
    segments: HashMap<u32, Segment>,
    /// Nothing is stored sooner: more may come that is stored with it, or the disk refuses.
    store_at: Instant,
    refusals: usize,
    leases: LeaseFiles,
    last_tick: (Timestamp, Instant),
    ways_out: [Option<IpAddr>; 2],
    facts_at: Instant,
}

impl Room {
    fn hear(&mut self, round: &Round) {
        let mut engine = self.discovery.engine();
        for frame in round.heard() {
            if let Fact::Answers(answers) = &frame.heard.fact {
                // Nobody is seen by it: this machine sent it on.
                self.discovery.hear_answers(answers, frame.at);
                continue;
            }
            if let Some(segment) = self.segments.get(&frame.interface) {
                engine.hear(frame.at, segment, &frame.heard);
            }
        }
    }

    fn choose(&mut self) {
        let chosen = self.discovery.choose_lans(self.ways_out, &self.options);
        let indexes: Vec<u32> = chosen.iter().map(|s| s.index).collect();
        self.listener.watch(&indexes, self.options.dns_names);
        self.segments = chosen.into_iter().map(|s| (s.index, s)).collect();
    }

    /// What nobody tells of: a route that comes after its address, a DHCP server that starts later.
    fn look_around(&mut self, moment: Instant) {
        let ways_out = ways_out();
        if ways_out != self.ways_out {
            self.ways_out = ways_out;
            self.choose();
        }
        if moment.duration_since(self.facts_at) >= FACTS {
            self.facts_at = moment;
            // Files are read before the engine is held, not while.
            let settings = with_facts(self.discovery.settings());
            self.discovery.engine().set_settings(settings);
        }
    }

    fn take_word(&mut self, word: NetworkChange) {
        match word {
            NetworkChange::Interfaces(all) => {
                self.discovery.engine().set_own(all.iter().filter_map(|i| i.mac));
                self.discovery.inner.interfaces.send_replace(Arc::new(all));
                self.choose();
            }
            NetworkChange::Neighbour(neighbour) => {
                let segment = self.segments.get(&neighbour.interface);
                let confirmed = neighbour.state == NeighbourState::Reachable;
                if let (Some(segment), Some(mac), true) = (segment, neighbour.mac, confirmed) {
                    let mut engine = self.discovery.engine();
                    engine.neighbour(Timestamp::now(), segment, neighbour.ip, mac);
                }
            }
            NetworkChange::NeighbourGone { .. } => {}
        }
    }

    fn tick(&mut self) {
        let (now, moment) = (Timestamp::now(), Instant::now());
        let (then, since) = std::mem::replace(&mut self.last_tick, (now, moment));
        let expected = then.plus(moment.duration_since(since));
        let mut engine = self.discovery.engine();
        if now.since(expected).max(expected.since(now)) > CLOCK_STEP {
            tracing::warn!(from = %expected, to = %now, "the clock was set");
            engine.clock_stepped(now);
        }
        engine.tick(now);
        let (refused, refused_at) = engine.refusals();
        drop(engine);
        self.look_around(moment);
        let counters = self.listener.counters();
        let name = |index: &u32| {
            self.segments.get(index).map_or_else(|| index.to_string(), |s| s.name.clone())
        };
        let failures: BTreeMap<String, String> =
            self.listener.failures().iter().map(|(i, why)| (name(i), why.clone())).collect();
        let malformed: BTreeMap<&'static str, u64> = Protocol::ALL
            .iter()
            .map(|p| (p.as_str(), counters.malformed[*p as usize]))
            .filter(|(_, count)| *count > 0)
            .collect();
        self.discovery.inner.status.send_if_modified(|status| {
            let fresh = Status {
                failures,
                frames: counters.frames,
                dropped: counters.kernel_drops + counters.queue_drops,
                malformed,
                refused,
                refused_at,
                ..status.clone()
            };
            let news = (&fresh.failures, fresh.refused) != (&status.failures, status.refused);
            *status = fresh;
            news
        });
    }

    async fn read_leases(&mut self) {
        let mut files = std::mem::take(&mut self.leases);
        let read = tokio::task::spawn_blocking(move || {
            let names = files.changed();
            (files, names)
        });
        let Ok((files, names)) = read.await else { return };
        self.leases = files;
        let now = Timestamp::now();
        let mut engine = self.discovery.engine();
        for (mac, name) in names {
            engine.leased(now, mac, &name);
        }
    }

    async fn reload(&mut self) {
        let loaded = self.discovery.inner.store.read(|r| Settings::load(r.main())).await;
        match loaded {
            Ok(settings) => self.discovery.engine().set_settings(with_facts(settings)),
            Err(error) => tracing::warn!(%error, "cannot read the settings; the old ones stay"),
        }
    }

    /// Stores what changed if it is time; else when it will be.
    async fn store_when_due(&mut self) -> Option<Instant> {
        if !self.discovery.engine().has_changes() {
            return None;
        }
        if Instant::now() >= self.store_at {
            self.store().await;
        }
        Some(self.store_at)
    }

    async fn store(&mut self) {
        let pause = match self.discovery.flush(Timestamp::now()).await {
            Ok(()) => {
                self.refusals = 0;
                GATHER
            }
            Err(error) => {
                if self.refusals == 0 {
                    tracing::error!(%error, "devices cannot be stored; kept in memory and tried again");
                }
                self.refusals += 1;
                RETRY[(self.refusals - 1).min(RETRY.len() - 1)]
            }
        };
        self.store_at = Instant::now() + pause;
    }
}

/// Adds what is not set but found out.
pub(crate) fn with_facts(settings: Settings) -> Settings {
    let sockets = std::fs::read_to_string("/proc/net/udp").unwrap_or_default();
    let forwarding = std::fs::read_to_string("/proc/sys/net/ipv6/conf/all/forwarding");
    Settings {
        serves_dhcp: lan::serves_dhcp(&sockets),
        forwards_ipv6: forwarding.is_ok_and(|text| text.trim() == "1"),
        ..settings
    }
}
