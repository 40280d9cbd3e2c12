//! The room: collectors, writer and sums of one folder, started and stopped as one.
//!
//! In come settings, what is around and an address book; out go the files of the folder, how all
//! of it goes, and who moves how much just now. It owns threads and no clock of its own: sums and
//! old ones are seen to by [`Flows::upkeep`], which whoever holds this calls every minute.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use model::Timestamp;

use crate::collect::{
    self, Exporters, Kernel, KernelOptions, KernelStatus, Outlet, Source, Surroundings, Udp,
    UdpOptions, UdpStatus,
};
use crate::days::{Counts, DaysError, FlowWriter, Retention};
use crate::live::{LiveView, Rates, SharedBook};
use crate::rollup::{Ages, Interfaces, RollupError, Rollups};
use crate::world::{Geo, NoGeo, Ours};

/// Where addresses are, for threads that share it.
pub type SharedGeo = Arc<dyn Geo + Send + Sync>;

/// How long sums are kept: minutes for the graphs of two days, hours for those of two months, pairs
/// of networks for two years before this one's month.
const AGES: Ages = Ages { minutes: 2, hours: 62, days: 3_660, months: 24 };
/// An exporter on this machine that told of flows going out within this time tells of all twice.
const EGRESS_MS: i64 = 3_600_000;
/// Months are summed, and old sums looked for, this often.
const FORGET_MS: i64 = 3_600_000;
/// After the start it is not done before so long: months are summed for good, so that networks and
/// databases of places must be known.
const SETTLE_MS: i64 = 300_000;

/// Room for some tens of thousands of events.
pub const EVENT_ROOM: usize = 16 << 20;

/// Settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Where flows are taken from.
    pub source: Source,
    /// Where export traffic is received.
    pub listen: Vec<SocketAddr>,
    /// Whose.
    pub exporters: Exporters,
    /// How much is kept.
    pub keep: Retention,
    /// Octets of the kernel's events that may wait until they are read: [`EVENT_ROOM`], or less for
    /// a test.
    pub event_room: usize,
    /// A folder in the machine's memory, for what must survive a restart of the program only.
    pub memory: Option<PathBuf>,
}

/// Why the room cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum FlowsError {
    /// The folder cannot be used.
    #[error("{0}")]
    Days(#[from] DaysError),
    /// A thread cannot be started.
    #[error("cannot start the thread that {what}: {source}")]
    Thread {
        /// What it would do.
        what: &'static str,
        /// Why not.
        source: std::io::Error,
    },
}

/// How sums go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sums {
    /// Flows summed since the start.
    pub counted: u64,
    /// Flows that another record told of as well.
    pub mirrored: u64,
    /// When blocks were last summed.
    pub at: Option<Timestamp>,
}

/// How all of it goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// It runs.
    pub is_running: bool,
    /// Where flows are taken from, by the settings.
    pub source: Source,
    /// The kernel's connections, where they are followed.
    pub kernel: Option<KernelStatus>,
    /// Export traffic, where it is received.
    pub udp: Option<UdpStatus>,
    /// What was kept.
    pub kept: Counts,
    /// What was summed.
    pub sums: Sums,
    /// Why sums fail, if they do.
    pub sums_failing: Option<String>,
}

impl Status {
    /// What a person should know and do, the worst first; nothing where all is well.
    pub fn troubles(&self) -> Vec<String> {
        let mut all = Vec::new();
        all.extend(self.kept.failing.iter().map(|why| format!("Flows cannot be kept: {why}")));
        all.extend(self.sums_failing.iter().map(|why| format!("Flows cannot be summed up: {why}")));
        if let Some(kernel) = &self.kernel {
            all.extend(kernel.failing.clone());
            all.extend(kernel.advice());
        }
        if let Some(udp) = &self.udp {
            all.extend(
                udp.failing.iter().map(|(at, why)| {
                    format!("Flows of exporters cannot be received at {at}: {why}")
                }),
            );
        }
        all
    }

    /// Whether it fails at what it is for; advice alone is none.
    pub fn failure(&self) -> Option<String> {
        let kernel = self.kernel.as_ref().and_then(|kernel| kernel.failing.clone());
        let udp = self.udp.as_ref().and_then(|udp| udp.failing.first());
        self.kept
            .failing
            .clone()
            .or_else(|| self.sums_failing.clone())
            .or(kernel)
            .or_else(|| udp.map(|(at, why)| format!("cannot receive flows at {at}: {why}")))
    }
}

impl KernelStatus {
    /// What keeps the kernel's connections from being counted, and what to do about it.
    pub fn advice(&self) -> Option<String> {
        match self.is_accounting {
            _ if self.looked_at.is_none() => None,
            None => Some(
                "The kernel tracks no connections, so that no traffic is counted: it begins to \
                 when the router has a firewall or NAT."
                    .to_owned(),
            ),
            Some(false) => Some(format!(
                "The kernel does not count the octets of connections. On VyOS: {ACCOUNTING}"
            )),
            Some(true) if self.account.uncounted > 0 => Some(format!(
                "{} connections are not counted, because they began before accounting was switched \
                 on; those that begin now are.",
                self.account.uncounted
            )),
            Some(true) => None,
        }
    }
}

/// What makes `VyOS` count the octets of connections (1.4, 1.5 and rolling).
pub const ACCOUNTING: &str = "set system conntrack flow-accounting";

/// The room. Clones are the same.
#[derive(Clone)]
pub struct Flows(Arc<Inner>);

struct Inner {
    dir: PathBuf,
    book: SharedBook,
    geo: RwLock<SharedGeo>,
    around: Arc<RwLock<Arc<Surroundings>>>,
    live: Arc<LiveView>,
    running: Mutex<Option<Running>>,
    /// Held while sums are made.
    work: Mutex<Work>,
    sums: Mutex<(Sums, Option<String>)>,
}

#[derive(Default)]
struct Work {
    /// Blocks that were written when they were last summed; None before the first time.
    blocks: Option<u64>,
    forgot: Timestamp,
}

/// Collectors first: they hand on what they have when they end, and the writer writes it.
struct Running {
    kernel: Option<Kernel>,
    udp: Option<Udp>,
    writer: Arc<FlowWriter>,
    source: Source,
    egress: Arc<AtomicI64>,
}

impl Flows {
    /// The room of a folder, not running yet.
    pub fn new(dir: &Path, book: SharedBook) -> Self {
        Self(Arc::new(Inner {
            dir: dir.to_owned(),
            live: Arc::new(LiveView::new(Arc::clone(&book))),
            book,
            geo: RwLock::new(Arc::new(NoGeo)),
            around: Arc::default(),
            running: Mutex::default(),
            work: Mutex::default(),
            sums: Mutex::default(),
        }))
    }

    /// Opens the folder and starts the collectors; those that run already are stopped. Blocks.
    ///
    /// # Errors
    /// Where the folder cannot be used, or another process keeps it. A port that is taken and a
    /// kernel that refuses are shown by [`Flows::status`] instead.
    pub fn start(&self, options: &Options) -> Result<(), FlowsError> {
        let mut running = self.running();
        *running = None;
        if options.source == Source::Off {
            return Ok(());
        }
        let writer = Arc::new(FlowWriter::start(self.0.dir.clone(), options.keep)?);
        let long_ago = || Arc::new(AtomicI64::new(i64::MIN));
        let (local, egress) = (long_ago(), long_ago());
        let around = &self.0.around;
        let outlet =
            || Outlet::new(Arc::clone(&writer), Arc::clone(&self.0.live), Arc::clone(around));
        let udp = (!options.listen.is_empty())
            .then(|| {
                Udp::start(UdpOptions {
                    outlet: outlet(),
                    listen: options.listen.clone(),
                    exporters: options.exporters.clone(),
                    keep_local: options.source != Source::Conntrack,
                    local: Arc::clone(&local),
                    egress: Arc::clone(&egress),
                    templates: self.0.dir.join("templates"),
                })
            })
            .transpose()
            .map_err(|source| FlowsError::Thread { what: "hears exporters", source })?;
        let kernel = (options.source != Source::Exporters)
            .then(|| {
                Kernel::start(KernelOptions {
                    outlet: outlet(),
                    local: (options.source == Source::Auto).then_some(local),
                    room: options.event_room,
                    saved: options.memory.as_ref().map(|folder| folder.join("connections")),
                })
            })
            .transpose()
            .map_err(|source| FlowsError::Thread { what: "follows connections", source })?;
        *running = Some(Running { kernel, udp, writer, source: options.source, egress });
        self.work().blocks = None;
        Ok(())
    }

    /// Ends the collectors and writes what waits. Blocks.
    pub fn stop(&self) {
        *self.running() = None;
    }

    /// Sums up what was written since the last time and forgets old sums. To be called every
    /// minute, where blocking is allowed.
    pub fn upkeep(&self, now: Timestamp) -> Result<(), RollupError> {
        let blocks = self.running().as_ref().map(|running| running.writer.counts().kept.blocks);
        let mut work = self.work();
        if work.forgot == Timestamp::default() {
            work.forgot = Timestamp(now.0 - FORGET_MS + SETTLE_MS);
        }
        let forgets = !(0..FORGET_MS).contains(&now.0.saturating_sub(work.forgot.0));
        if blocks.is_none() || work.blocks == blocks && !forgets {
            return Ok(());
        }
        let (geo, interfaces) = (self.geo(), self.interfaces(now));
        let run = Rollups::open(&self.0.dir).and_then(|mut rollups| {
            let run = rollups.run(&*self.0.book, &*geo, &interfaces)?;
            if forgets {
                let geo: &dyn Geo = &*geo;
                rollups.run_monthly((&self.ours(), geo, &interfaces))?;
                rollups.forget(now.day(), AGES)?;
            }
            Ok(run)
        });
        let mut shown = self.0.sums.lock().unwrap_or_else(PoisonError::into_inner);
        shown.1 = run.as_ref().err().map(ToString::to_string);
        let run = run?;
        work.blocks = blocks;
        if forgets {
            work.forgot = now;
        }
        if run.blocks > 0 {
            shown.0.at = Some(now);
        }
        shown.0.counted += run.counted;
        shown.0.mirrored += run.mirrored;
        Ok(())
    }

    /// How all of it goes.
    pub fn status(&self) -> Status {
        let mut status = Status::default();
        if let Some(running) = &*self.running() {
            status.is_running = true;
            status.source = running.source;
            status.kernel = running.kernel.as_ref().map(Kernel::status);
            status.udp = running.udp.as_ref().map(Udp::status);
            status.kept = running.writer.counts();
        } else {
            status.source = Source::Off;
        }
        let shown = self.0.sums.lock().unwrap_or_else(PoisonError::into_inner);
        (status.sums, status.sums_failing) = shown.clone();
        status
    }

    /// Who moves how much just now. Counted only while somebody asks: the first answer is empty.
    pub fn live(&self) -> Rates {
        let (rates, is_new) = self.0.live.rates(Timestamp::now());
        if is_new && let Some(kernel) = self.running().as_ref().and_then(|r| r.kernel.as_ref()) {
            kernel.wake();
        }
        rates
    }

    /// What is around has changed.
    pub fn set_surroundings(&self, around: Surroundings) {
        let mut kept = self.0.around.write().unwrap_or_else(PoisonError::into_inner);
        if **kept != around {
            *kept = Arc::new(around);
        }
    }

    /// Another database of places.
    pub fn set_geo(&self, geo: SharedGeo) {
        *self.0.geo.write().unwrap_or_else(PoisonError::into_inner) = geo;
    }

    /// Where addresses are.
    pub fn geo(&self) -> SharedGeo {
        Arc::clone(&self.0.geo.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whose addresses were.
    pub fn book(&self) -> SharedBook {
        Arc::clone(&self.0.book)
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.0.dir
    }

    /// The networks that are ours.
    pub fn ours(&self) -> Ours {
        self.around().ours()
    }

    /// How the exporters of this machine look at its interfaces.
    pub fn interfaces(&self, now: Timestamp) -> Interfaces {
        let egress = self.running().as_ref().is_some_and(|running| {
            let told = running.egress.load(Relaxed);
            (told..told.saturating_add(EGRESS_MS)).contains(&now.0)
        });
        let lan = self.around().networks.iter().map(|(_, index)| *index).collect();
        Interfaces { lan, egress }
    }

    fn around(&self) -> Arc<Surroundings> {
        Arc::clone(&self.0.around.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn running(&self) -> MutexGuard<'_, Option<Running>> {
        self.0.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) -> MutexGuard<'_, Work> {
        self.0.work.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the kernel counts octets of connections; None where it tracks none.
pub fn is_accounting() -> Option<bool> {
    collect::accounting()
}
