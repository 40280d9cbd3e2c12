//! The handle that others hold: what the router is like now and was like before.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use events::Events;
use model::Timestamp;
use store::{Store, StoreError};
use tokio::sync::{Notify, Semaphore, watch};
use tokio::time::Instant;

use crate::conntrack::{self, Filter, Order, Table};
use crate::facts::Places;
use crate::interfaces::{Interface, Ring, SLOT, SLOTS, Span, TrafficPoint};
use crate::live::{LivePoint, Recorder};
use crate::logs::{self, Following, LogFile, LogLine, LogQuery, LogSource};
use crate::metrics::{Metrics, Point};
use crate::quality::{self, LineQuality};
use crate::routes::{self, Family, Routes, Vtysh};
use crate::services::{self, Board, Process, Programs, Services, Verb};
use crate::settings::QualitySettings;
use crate::snapshot::{Overview, Snapshot, vrfs};
use crate::sockets::{self, Sockets};
use crate::tools::{Gate, Tools};
use crate::tunnels::Tunnel;
use crate::{SystemError, service};

/// Series of an interface's receive rate, in bits a second; its label is the interface.
pub const RX: &str = "interface_rx_bps";
/// Series of an interface's transmit rate, in bits a second.
pub const TX: &str = "interface_tx_bps";
/// Series of the share of time that the processors are busy.
pub const CPU: &str = "cpu_busy_percent";
/// Series of the share of memory that programs use.
pub const MEMORY: &str = "memory_used_percent";
/// Series of the share of swap space in use.
pub const SWAP: &str = "swap_used_percent";
/// Series of the load averaged over a minute.
pub const LOAD: &str = "load_average";
/// Series of how full file systems are, by where they are mounted.
pub const DISK: &str = "disk_used_percent";
/// Series of temperatures, by sensor.
pub const TEMPERATURE: &str = "temperature_celsius";

/// Where this room looks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// Where the facts are read.
    pub places: Places,
    /// How FRR is asked.
    pub vtysh: Vtysh,
    /// How systemd and the journal are asked.
    pub programs: Programs,
    /// From one look at services to the next, instead of half a minute; tests have no time.
    pub services_every: Option<Duration>,
    /// The folder with programs that give values of one's own, where there may be any.
    pub own_values: Option<PathBuf>,
    /// The folder with the appliance's own files of log, where it writes any.
    pub log_dir: Option<PathBuf>,
    /// From one round of echo requests to the next, instead of what is set; tests have no time.
    pub round_every: Option<Duration>,
    /// The file with the authorities that servers of speed tests are checked by, instead of the
    /// machine's own.
    pub roots: Option<PathBuf>,
}

/// The router's own state. Cheap to clone.
#[derive(Clone)]
pub struct System {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) options: Options,
    pub(crate) store: Store,
    pub(crate) events: Events,
    pub(crate) metrics: Metrics,
    pub(crate) snapshot: watch::Sender<Arc<Snapshot>>,
    pub(crate) lines: watch::Sender<Arc<Vec<LineQuality>>>,
    rings: Mutex<HashMap<String, Ring>>,
    pub(crate) recorder: Mutex<Recorder>,
    /// Somebody has begun to watch.
    pub(crate) woken: Notify,
    pub(crate) settings: Mutex<QualitySettings>,
    tools: Tools,
    pub(crate) gate: Gate,
    pub(crate) device: Arc<Semaphore>,
    services: Services,
    pub(crate) tunnels: watch::Sender<Arc<Vec<Tunnel>>>,
    sockets: tokio::sync::Mutex<Option<(Instant, Arc<Sockets>)>>,
    /// How many logs are read at a time.
    readers: Semaphore,
}

/// How long a look at sockets counts as new.
const SOCKETS_FRESH: Duration = Duration::from_secs(3);
/// Logs that are read at a time; each takes a process.
const MOST_READERS: usize = 3;

/// How the way to one target was.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize)]
pub struct QualityHistory {
    /// Round-trip time in ms.
    pub rtt: Vec<Point>,
    /// Jitter in ms.
    pub jitter: Vec<Point>,
    /// Loss in percent.
    pub loss: Vec<Point>,
}

impl System {
    /// Opens the room. Nothing is read before [`System::run`].
    ///
    /// # Errors
    /// Where the settings cannot be read.
    pub fn open(store: Store, events: Events, options: Options) -> Result<Self, SystemError> {
        let settings = store.read_blocking(|r| QualitySettings::load(r.main()))?;
        let inner = Inner {
            options,
            metrics: Metrics::new(store.clone()),
            store,
            events,
            snapshot: watch::Sender::default(),
            lines: watch::Sender::default(),
            rings: Mutex::default(),
            recorder: Mutex::default(),
            woken: Notify::new(),
            settings: Mutex::new(settings),
            tools: Tools::default(),
            gate: Gate::default(),
            device: Arc::new(Semaphore::new(1)),
            services: Services::default(),
            tunnels: watch::Sender::default(),
            sockets: tokio::sync::Mutex::default(),
            readers: Semaphore::new(MOST_READERS),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Reads, measures and stores until told to end.
    ///
    /// # Errors
    /// Where the kernel cannot be asked at all.
    pub async fn run(&self, ended: watch::Receiver<bool>) -> Result<(), SystemError> {
        service::run(self.clone(), ended).await
    }

    /// The router as it was last read, at most five seconds ago.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.inner.snapshot.borrow())
    }

    /// The router and its lines to the Internet.
    pub fn overview(&self) -> Overview {
        let lines = Arc::clone(&self.inner.lines.borrow());
        Overview::new(self.snapshot(), &lines)
    }

    /// All interfaces.
    pub fn interfaces(&self) -> Vec<Interface> {
        self.snapshot().interfaces.clone()
    }

    /// The last ten minutes, a point every ten seconds, oldest first.
    pub fn last_minutes(&self) -> Vec<LivePoint> {
        self.inner.recorder.lock().unwrap_or_else(PoisonError::into_inner).points()
    }

    /// A snapshot every three seconds for as long as somebody holds this; without watchers there is
    /// one every five seconds.
    pub fn watch(&self) -> watch::Receiver<Arc<Snapshot>> {
        let receiver = self.inner.snapshot.subscribe();
        self.inner.woken.notify_one();
        receiver
    }

    /// Somebody holds [`System::watch`].
    pub fn is_watched(&self) -> bool {
        self.inner.snapshot.receiver_count() > 0
    }

    /// How the lines to the Internet are, by the last round.
    pub fn quality(&self) -> Arc<Vec<LineQuality>> {
        Arc::clone(&self.inner.lines.borrow())
    }

    /// How the lines are, and word after every round.
    pub fn watch_quality(&self) -> watch::Receiver<Arc<Vec<LineQuality>>> {
        self.inner.lines.subscribe()
    }

    /// The settings of line quality as they are in force.
    pub fn quality_settings(&self) -> QualitySettings {
        self.inner.settings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The metrics of all rooms.
    pub fn metrics(&self) -> &Metrics {
        &self.inner.metrics
    }

    /// What went through an interface between two moments, in at most `points` points, oldest
    /// first: in steps of five seconds within the last hour, of minutes or hours before.
    pub async fn history(
        &self,
        interface: &str,
        from: Timestamp,
        to: Timestamp,
        points: usize,
    ) -> Result<Vec<TrafficPoint>, StoreError> {
        let hour = SLOT * SLOTS as u32;
        if from >= Timestamp::now().minus(hour) {
            let rings = self.rings();
            return Ok(rings.get(interface).map_or_else(Vec::new, |r| r.history(from, to, points)));
        }
        let metrics = self.metrics();
        let rx = metrics.query(RX, interface, from, to, points).await?;
        let tx = metrics.query(TX, interface, from, to, points).await?;
        let mut tx: HashMap<Timestamp, Span> = tx.into_iter().map(|p| (p.at, p.value)).collect();
        // Both are measured together, so that one has what the other has.
        let pairs = rx
            .into_iter()
            .filter_map(|p| Some(TrafficPoint { at: p.at, rx: p.value, tx: tx.remove(&p.at)? }));
        Ok(pairs.collect())
    }

    /// How the way out of an interface to a target was; `target` is
    /// [`quality::TargetQuality::label`].
    pub async fn quality_history(
        &self,
        interface: &str,
        target: &str,
        from: Timestamp,
        to: Timestamp,
        points: usize,
    ) -> Result<QualityHistory, StoreError> {
        let (label, metrics) = (quality::label(interface, target), self.metrics());
        Ok(QualityHistory {
            rtt: metrics.query(quality::RTT, &label, from, to, points).await?,
            jitter: metrics.query(quality::JITTER, &label, from, to, points).await?,
            loss: metrics.query(quality::LOSS, &label, from, to, points).await?,
        })
    }

    /// Ping, the way to a host, a port, a name.
    pub fn tools(&self) -> &Tools {
        &self.inner.tools
    }

    /// All routes of a family, of all VRFs.
    ///
    /// # Errors
    /// Where neither FRR nor the kernel tells them.
    pub async fn routes(&self, family: Family) -> Result<Routes, SystemError> {
        let snapshot = self.snapshot();
        let links =
            snapshot.interfaces.iter().map(|i| (i.link.index, i.link.name.clone())).collect();
        routes::read(&self.inner.options.vtysh, family, vrfs(&snapshot.interfaces), links).await
    }

    /// A page of the table of connections.
    ///
    /// # Errors
    /// Where the kernel refuses.
    pub async fn connections(
        &self,
        filter: Filter,
        order: Order,
        offset: usize,
        limit: usize,
    ) -> Result<Table, SystemError> {
        let read =
            tokio::task::spawn_blocking(move || conntrack::read(&filter, order, offset, limit));
        read.await.unwrap_or(Err(SystemError::Busy { what: "the appliance is ending" }))
    }

    /// The router's services, as systemd has them; at most two seconds old.
    ///
    /// # Errors
    /// Where there is no systemd, or it does not answer.
    pub async fn services(&self) -> Result<Arc<Board>, SystemError> {
        let booted = self.snapshot().load.booted;
        self.inner.services.board(&self.inner.options.programs, booted).await
    }

    /// The services as they were last looked at, which is done every half minute; None where that
    /// was not possible.
    pub fn last_services(&self) -> Option<Arc<Board>> {
        self.inner.services.last()
    }

    /// The router's tunnels, as they were within the last minute.
    pub fn tunnels(&self) -> Arc<Vec<Tunnel>> {
        Arc::clone(&self.inner.tunnels.borrow())
    }

    /// A process; None where it is gone or hidden. Reads two small files.
    pub fn process(&self, pid: u32) -> Option<Process> {
        let booted = self.snapshot().load.booted;
        self.inner.services.process(&self.inner.options.places.proc, pid, booted)
    }

    /// Starts, stops or restarts a service of the list, and waits until that is done.
    ///
    /// # Errors
    /// Where the list does not allow it, nobody here may, or systemd refuses.
    pub async fn act(&self, verb: Verb, unit: &str) -> Result<(), SystemError> {
        let outcome = services::act(&self.inner.options.programs, verb, unit).await;
        self.inner.services.forget().await;
        outcome
    }

    /// Who is connected to the router itself; at most three seconds old.
    ///
    /// # Errors
    /// Where the kernel refuses.
    pub async fn sockets(&self) -> Result<Arc<Sockets>, SystemError> {
        let mut looked = self.inner.sockets.lock().await;
        if let Some((at, sockets)) = &*looked
            && at.elapsed() < SOCKETS_FRESH
        {
            return Ok(Arc::clone(sockets));
        }
        let snapshot = self.snapshot();
        let all = snapshot.interfaces.iter().flat_map(|one| &one.link.addresses);
        let own: BTreeSet<_> = all.map(|address| address.ip).collect();
        let read = tokio::task::spawn_blocking(move || sockets::read(&own)).await;
        let read = read.unwrap_or(Err(SystemError::Busy { what: "the appliance is ending" }))?;
        let sockets = Arc::new(read);
        *looked = Some((Instant::now(), Arc::clone(&sockets)));
        Ok(sockets)
    }

    /// The newest lines of a log, oldest first.
    ///
    /// # Errors
    /// Where there is no journal, we may not read it, or too many read already.
    pub async fn log(
        &self,
        source: &LogSource,
        query: &LogQuery,
    ) -> Result<Vec<LogLine>, SystemError> {
        let permit = self.inner.readers.try_acquire();
        let _permit =
            permit.map_err(|_| SystemError::Busy { what: "three logs are being read" })?;
        logs::read(&self.inner.options.programs, source, query).await
    }

    /// A log from now on, as it is written.
    ///
    /// # Errors
    /// Where there is no journal.
    pub fn follow(&self, source: &LogSource) -> Result<Following, SystemError> {
        Following::start(&self.inner.options.programs, source)
    }

    /// The appliance's own files of log, newest first. Blocks.
    ///
    /// # Errors
    /// Where the folder cannot be read.
    pub fn log_files(&self) -> Result<Vec<LogFile>, SystemError> {
        self.inner.options.log_dir.as_deref().map_or_else(|| Ok(Vec::new()), logs::list)
    }

    /// The last lines of a file of [`System::log_files`]; None where there is none of that name.
    /// Blocks.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn log_file(&self, name: &str) -> Result<Option<Vec<String>>, SystemError> {
        let folder = self.inner.options.log_dir.as_deref();
        folder.map_or(Ok(None), |folder| logs::tail(folder, name))
    }

    pub(crate) fn rings(&self) -> MutexGuard<'_, HashMap<String, Ring>> {
        self.inner.rings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
