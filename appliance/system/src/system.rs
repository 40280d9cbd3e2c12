//! The handle that others hold: what the router is like now and was like before.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use events::Events;
use model::Timestamp;
use store::{Store, StoreError};
use tokio::sync::{Notify, Semaphore, watch};

use crate::conntrack::{self, Filter, Order, Table};
use crate::facts::Places;
use crate::interfaces::{Interface, Ring, SLOT, SLOTS, Span, TrafficPoint};
use crate::metrics::{Metrics, Point};
use crate::quality::{self, LineQuality};
use crate::routes::{self, Family, Routes, Vtysh};
use crate::settings::QualitySettings;
use crate::snapshot::{Overview, Snapshot, vrfs};
use crate::tools::{Gate, Tools};
use crate::{SystemError, service};

/// Series of an interface's receive rate, in bits a second; its label is the interface.
pub const RX: &str = "interface_rx_bps";
/// Series of an interface's transmit rate, in bits a second.
pub const TX: &str = "interface_tx_bps";
/// Series of the share of time that the processors are busy.
pub const CPU: &str = "cpu_busy_percent";
/// Series of the share of memory that programs use.
pub const MEMORY: &str = "memory_used_percent";
/// Series of temperatures, by sensor.
pub const TEMPERATURE: &str = "temperature_celsius";

/// Where this room looks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// Where the facts are read.
    pub places: Places,
    /// How FRR is asked.
    pub vtysh: Vtysh,
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
    /// Somebody has begun to watch.
    pub(crate) woken: Notify,
    pub(crate) settings: Mutex<QualitySettings>,
    tools: Tools,
    pub(crate) gate: Gate,
    pub(crate) device: Arc<Semaphore>,
}

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
            woken: Notify::new(),
            settings: Mutex::new(settings),
            tools: Tools::default(),
            gate: Gate::default(),
            device: Arc::new(Semaphore::new(1)),
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

    /// A snapshot a second for as long as somebody holds this; without watchers there is one every
    /// five seconds.
    pub fn watch(&self) -> watch::Receiver<Arc<Snapshot>> {
        let receiver = self.inner.snapshot.subscribe();
        self.inner.woken.notify_one();
        receiver
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

    pub(crate) fn rings(&self) -> MutexGuard<'_, HashMap<String, Ring>> {
        self.inner.rings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
