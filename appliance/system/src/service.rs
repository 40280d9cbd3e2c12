//! Reads the router again and again, measures its lines, and stores minutes.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use events::EventQuery;
use model::{NewEvent, Severity, Timestamp};
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until, timeout};

use crate::facts::{self, Reader};
use crate::interfaces::{Counters, Interface, Kind, Rates, SLOT, SLOTS, Sampler};
use crate::quality::{self, Change, LineQuality, Watcher};
use crate::routes::{Gateway, gateways};
use crate::settings::QualitySettings;
use crate::snapshot::{Snapshot, WayOut};
use crate::system::{CPU, DISK, LOAD, MEMORY, RX, SWAP, System, TEMPERATURE, TX};
use crate::{SystemError, upkeep};

/// From one reading to the next while somebody watches.
const WATCHED: Duration = Duration::from_secs(3);
/// How often disks and the clock are asked.
const SLOWLY: Duration = Duration::from_secs(60);
/// How often temperatures and default routes are asked.
const SOMETIMES: Duration = Duration::from_secs(10);
/// Reading the default routes takes long where there are many routes; it may take this share of the
/// time: one in.
const ROUTES_SHARE: u32 = 200;
/// How often it is looked whether the router was read for the first time.
const BEFORE_THE_FIRST: Duration = Duration::from_millis(100);
/// Events that are looked at for the state of lines before the start.
const RECALLED: usize = 50;
/// Minutes are stored this often.
const MINUTE: Duration = Duration::from_secs(60);
/// The most interfaces whose last hour is kept in memory: 1.5 MB.
const MOST_RINGS: usize = 256;
/// How long the last minutes may take to be stored at the end.
const AT_THE_END: Duration = Duration::from_secs(2);

pub(crate) async fn run(
    system: System,
    mut ended: watch::Receiver<bool>,
) -> Result<(), SystemError> {
    // Dropped with this function, whichever way it ends.
    let mut helpers = JoinSet::new();
    helpers.spawn(keep_measuring(system.clone()));
    helpers.spawn(keep_storing(system.clone()));
    helpers.spawn(keep_asking_the_clock(system.clone()));
    helpers.spawn(upkeep::keep_watching_services(system.clone()));
    helpers.spawn(upkeep::keep_watching_tunnels(system.clone()));
    helpers.spawn(upkeep::keep_reading_own(system.clone()));
    let places = system.inner.options.places.clone();
    let mut eyes = Some(Eyes::open(Reader::new(places))?);
    let mut rates = SlotRates::default();
    let mut next = Instant::now();
    loop {
        tokio::select! {
            () = sleep_until(next) => {}
            () = system.inner.woken.notified() => {}
            _ = ended.wait_for(|ended| *ended) => break,
        }
        let Some(mut looking) = eyes.take() else { break };
        let read = tokio::task::spawn_blocking(move || {
            let seen = looking.look();
            (looking, seen)
        });
        let Ok((looking, seen)) = read.await else { break };
        eyes = Some(looking);
        show(&system, &mut rates, seen);
        next = Instant::now() + if system.is_watched() { WATCHED } else { SLOT };
    }
    helpers.abort_all();
    let last = system.inner.metrics.flush(Timestamp::now(), true);
    if let Ok(Err(error)) = timeout(AT_THE_END, last).await {
        tracing::warn!(%error, "the last minute of metrics is not stored");
    }
    Ok(())
}

/// What reads the router; on a thread that may block.
struct Eyes {
    reader: Reader,
    sampler: Sampler,
    links_at: Option<Instant>,
    some_at: Option<Instant>,
    slow_at: Option<Instant>,
    routes_at: Option<Instant>,
    gateways: Vec<Gateway>,
    last: Snapshot,
}

impl Eyes {
    fn open(reader: Reader) -> Result<Self, SystemError> {
        Ok(Self {
            sampler: Sampler::open()?,
            reader,
            links_at: None,
            some_at: None,
            slow_at: None,
            routes_at: None,
            gateways: Vec::new(),
            last: Snapshot::default(),
        })
    }

    /// Reads what is due. What cannot be read stays as it was, and the snapshot says why.
    fn look(&mut self) -> Snapshot {
        let now = Instant::now();
        let is_due = |at: Option<Instant>, every: Duration| at.is_none_or(|at| now >= at + every);
        let mut failure = None;
        // A little less, so that every reading of an idle appliance has fresh ones.
        if is_due(self.links_at, SLOT.mul_f64(0.9)) {
            self.links_at = Some(now);
            failure = self.sampler.refresh().err();
        }
        match self.sampler.sample() {
            Ok(interfaces) => self.last.interfaces = interfaces,
            Err(error) => failure = Some(error),
        }
        match self.reader.load() {
            // Two readings at nearly the same moment tell no share; the one before stands.
            Ok(load) => {
                let cpu = load.cpu.clone().or_else(|| self.last.load.cpu.take());
                self.last.load = facts::Load { cpu, ..load };
            }
            Err(error) => failure = Some(error),
        }
        if is_due(self.some_at, SOMETIMES) {
            self.some_at = Some(now);
            self.last.temperatures = Arc::new(self.reader.temperatures());
        }
        if is_due(self.slow_at, SLOWLY) {
            self.slow_at = Some(now);
            self.last.identity = Arc::new(self.reader.identity());
            self.last.disks = Arc::new(self.reader.disks());
        }
        if is_due(self.routes_at, Duration::ZERO) {
            match gateways() {
                Ok(gateways) => self.gateways = gateways,
                Err(error) => failure = Some(error),
            }
            let pause = (now.elapsed() * ROUTES_SHARE).max(SOMETIMES);
            self.routes_at = Some(Instant::now() + pause);
        }
        let ways_out = WayOut::name(&self.gateways, &self.last.interfaces);
        if *self.last.ways_out != ways_out {
            self.last.ways_out = Arc::new(ways_out);
        }
        self.last.at = Timestamp::now();
        self.last.failure = failure.map(|error| error.to_string());
        self.last.clone()
    }
}

/// The mean rates of slots, however often the counters are read.
#[derive(Default)]
struct SlotRates {
    before: HashMap<String, Counters>,
    at: Option<Instant>,
}

impl SlotRates {
    /// The rates since the slot before; None while the slot lasts, or at the first reading.
    fn take(&mut self, interfaces: &[Interface]) -> Option<Vec<(String, Rates)>> {
        let now = Instant::now();
        let elapsed = self.at.map(|at| now.duration_since(at));
        if elapsed.is_some_and(|elapsed| elapsed < SLOT.mul_f64(0.9)) {
            return None;
        }
        self.at = Some(now);
        let fresh = interfaces.iter().filter(|i| i.link.kind != Kind::Loopback);
        let fresh: HashMap<_, _> =
            fresh.take(MOST_RINGS).map(|i| (i.link.name.clone(), i.counters)).collect();
        let before = std::mem::replace(&mut self.before, fresh);
        let elapsed = elapsed?;
        let rates = self.before.iter().filter_map(|(name, counters)| {
            let rates = Rates::between(before.get(name)?, counters, elapsed)?;
            Some((name.clone(), rates))
        });
        Some(rates.collect())
    }
}

fn show(system: &System, rates: &mut SlotRates, snapshot: Snapshot) {
    let now = snapshot.at;
    system.inner.recorder.lock().unwrap_or_else(PoisonError::into_inner).take(&snapshot);
    if let Some(rates) = rates.take(&snapshot.interfaces) {
        let metrics = &system.inner.metrics;
        let mut rings = system.rings();
        let hour = SLOT * SLOTS as u32;
        rings.retain(|_, ring| ring.is_fresh(now.minus(hour)));
        for (name, rates) in rates {
            metrics.record(now, RX, &name, rates.rx_bps);
            metrics.record(now, TX, &name, rates.tx_bps);
            if rings.len() < MOST_RINGS || rings.contains_key(&name) {
                rings.entry(name).or_default().push(now, rates.rx_bps, rates.tx_bps);
            }
        }
        drop(rings);
        if let Some(cpu) = &snapshot.load.cpu {
            metrics.record(now, CPU, "router", cpu.busy);
        }
        let memory = &snapshot.load.memory;
        metrics.record(now, MEMORY, "router", memory.used_percent());
        metrics.record(now, SWAP, "router", memory.swap_used_percent());
        metrics.record(now, LOAD, "router", snapshot.load.average[0]);
        for disk in snapshot.disks.iter() {
            metrics.record(now, DISK, &disk.path, disk.used_percent());
        }
        for sensor in snapshot.temperatures.iter() {
            metrics.record(now, TEMPERATURE, &sensor.name, sensor.celsius);
        }
    }
    system.inner.snapshot.send_modify(|shown| {
        let clock = shown.clock;
        *shown = Arc::new(Snapshot { clock, ..snapshot });
    });
}

/// Stores the minutes that have ended. A disk that refuses is told of once.
async fn keep_storing(system: System) {
    let mut minute = interval(MINUTE);
    minute.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut is_refused = false;
    loop {
        minute.tick().await;
        let stored = system.inner.metrics.flush(Timestamp::now(), false).await;
        if let (Err(error), false) = (&stored, is_refused) {
            tracing::error!(%error, "metrics cannot be stored; kept in memory and tried again");
        }
        is_refused = stored.is_err();
    }
}

async fn keep_asking_the_clock(system: System) {
    let mut tick = interval(SLOWLY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        let clock = facts::ask_clock().await;
        system.inner.snapshot.send_if_modified(|shown| {
            let changed = shown.clock != clock;
            if changed {
                Arc::make_mut(shown).clock = clock;
            }
            changed
        });
    }
}

/// Round after round of echo requests, out of all lines at the same time.
async fn keep_measuring(system: System) {
    let mut watcher = recall(&system).await;
    let mut changed = system.inner.store.settings_changed();
    let mut settings = load_settings(&system).await;
    while system.snapshot().at == Timestamp::default() {
        sleep(BEFORE_THE_FIRST).await;
    }
    loop {
        let pause = system.inner.options.round_every.unwrap_or_else(|| settings.interval());
        let next = Instant::now() + pause;
        let ways = Arc::clone(&system.inner.snapshot.borrow().ways_out);
        if settings.enabled {
            let errands = Watcher::errands(&ways, &settings);
            let round = quality::run(errands, settings.pings).await;
            let now = Timestamp::now();
            let news = watcher.take(now, round, &settings);
            let lines = watcher.shown();
            record(&system, now, &lines);
            system.inner.lines.send_replace(Arc::new(lines));
            for (line, change) in news {
                tell(&system, now, &line, change).await;
            }
        } else {
            watcher = Watcher::default();
            system.inner.lines.send_if_modified(|lines| {
                let had_some = !lines.is_empty();
                *lines = Arc::default();
                had_some
            });
        }
        tokio::select! {
            () = sleep_until(next) => {}
            _ = changed.changed() => {
                settings = load_settings(&system).await;
                sleep_until(next).await;
            }
        }
    }
}

/// The lines that were degraded when the appliance ended, as the events tell.
async fn recall(system: &System) -> Watcher {
    let kinds = vec!["wan_degraded".to_owned(), "wan_recovered".to_owned()];
    let query = EventQuery { kinds, limit: RECALLED, ..EventQuery::default() };
    let mut watcher = Watcher::default();
    match system.inner.events.list(query).await {
        Ok(page) => {
            let mut known = BTreeSet::new();
            for event in page.events {
                let word = |field: &str| event.data.get(field).and_then(|value| value.as_str());
                let Some(interface) = word("interface") else { continue };
                // Newest first: the first word about a line is the one that holds.
                if known.insert(interface.to_owned()) && event.kind == "wan_degraded" {
                    watcher.remember(interface, word("why").unwrap_or_default(), event.at);
                }
            }
        }
        Err(error) => tracing::warn!(%error, "cannot read which lines were degraded"),
    }
    watcher
}

async fn load_settings(system: &System) -> QualitySettings {
    let loaded = system.inner.store.read(|r| QualitySettings::load(r.main())).await;
    let mut kept = system.inner.settings.lock().unwrap_or_else(PoisonError::into_inner);
    match loaded {
        Ok(settings) => *kept = settings,
        Err(error) => tracing::warn!(%error, "cannot read the settings; the old ones stay"),
    }
    kept.clone()
}

fn record(system: &System, now: Timestamp, lines: &[LineQuality]) {
    let metrics = &system.inner.metrics;
    for line in lines {
        for target in &line.targets {
            let Some(last) = target.last else { continue };
            let label = quality::label(&line.interface, &target.label);
            metrics.record(now, quality::LOSS, &label, last.loss_percent());
            if let Some(ms) = last.rtt_ms {
                metrics.record(now, quality::RTT, &label, ms);
            }
            if let Some(ms) = last.jitter_ms {
                metrics.record(now, quality::JITTER, &label, ms);
            }
        }
    }
}

async fn tell(system: &System, at: Timestamp, line: &str, change: Change) {
    let (kind, severity, summary, data) = match change {
        Change::Degraded { why, is_dead } => (
            "wan_degraded",
            if is_dead { Severity::High } else { Severity::Medium },
            format!("The line {line} is degraded: {why}"),
            json!({ "interface": line, "why": why, "is_dead": is_dead }),
        ),
        Change::Recovered => (
            "wan_recovered",
            Severity::Info,
            format!("The line {line} is fine again"),
            json!({ "interface": line }),
        ),
    };
    let event = NewEvent { at, source: "system", kind, severity, device: None, summary, data };
    if let Err(error) = system.inner.events.publish(event).await {
        tracing::error!(%error, line, "a change of a line could not be stored");
    }
}
