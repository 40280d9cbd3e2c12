//! The thread that follows the kernel's connections: it looks at the whole table now and then and
//! hears of those that end in between.
//!
//! It sleeps until a connection ends or a look is due, and rests after each: events wait in the
//! socket meanwhile. A look takes at most a fixed share of the time, however many connections there
//! are. Counters are only read, never set to zero: others read them too.

use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use model::Timestamp;
use netlink::conntrack::{DESTROYED, GET, HEADER, connection};
use netlink::wire::Request;
use netlink::{Dump, Heard, Listener, NETFILTER, Netlink};

use super::batch::Outlet;
use super::connections::{Account, Connections};
use super::idle::Timeouts;
use super::stop::Bell;

/// `NFNLGRP_CONNTRACK_DESTROY` of `linux/netfilter/nfnetlink_compat.h`.
const GROUP_DESTROY: u32 = 3;
/// From one look to the next, usually and while somebody watches.
const PAUSE: Duration = Duration::from_secs(30);
const WATCHED_PAUSE: Duration = Duration::from_secs(2);
/// A look takes at most one in so many parts of the time, also while somebody watches.
const SHARE: u32 = 200;
const WATCHED_SHARE: u32 = 20;
/// After events were lost the table is read again, but not more often than this.
const AGAIN: Duration = Duration::from_secs(2);
/// Events wait this long for others, and less where there are many.
const REST: Duration = Duration::from_secs(1);
const SHORT_REST: Duration = Duration::from_millis(50);
const MANY: usize = 1_000;
/// How long until it is tried again when the kernel refuses.
const RETRY: Duration = Duration::from_secs(60);
/// A table saved longer ago is not taken up.
const STALE_MS: i64 = 3_600_000;
/// The most entries that are read.
const MOST_READ: u64 = 2_000_000;
/// An exporter on this machine was heard within this time: it goes on telling.
pub(crate) const LOCAL_MS: i64 = 600_000;

/// How the kernel's connections are followed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KernelStatus {
    /// Whether the kernel counts octets; None where it tracks no connections at all.
    pub is_accounting: Option<bool>,
    /// Connections that the kernel tracks, as of the last look.
    pub tracked: u64,
    /// What became of them.
    pub account: Account,
    /// Whether flows are made of them; false while an exporter on this machine tells of the same.
    pub counts: bool,
    /// Times the kernel dropped events because there was no room; a look followed each.
    pub overruns: u64,
    /// When the last whole look was, and how long it took, in microseconds.
    pub looked_at: Option<Timestamp>,
    /// See `looked_at`.
    pub took_us: u64,
    /// Why nothing can be read.
    pub failing: Option<String>,
}

/// What the thread is started with.
pub(crate) struct Options {
    pub(crate) outlet: Outlet,
    /// When an exporter on this machine last told of flows, where that makes this source stand by.
    pub(crate) local: Option<Arc<AtomicI64>>,
    /// Octets of events that may wait.
    pub(crate) room: usize,
    /// Where what is known is kept over a restart of the program, in memory of the machine.
    pub(crate) saved: Option<PathBuf>,
}

/// The thread. It ends when this is dropped.
pub(crate) struct Kernel {
    bell: Bell,
    thread: Option<JoinHandle<()>>,
    status: Arc<Mutex<KernelStatus>>,
}

impl Kernel {
    pub(crate) fn start(options: Options) -> io::Result<Self> {
        let (bell, status) = (Bell::new()?, Arc::<Mutex<KernelStatus>>::default());
        let (theirs, shown) = (bell.clone(), Arc::clone(&status));
        let thread = std::thread::Builder::new()
            .name("flow-kernel".to_owned())
            .spawn(move || Follower::new(options, theirs, shown).run())?;
        Ok(Self { bell, thread: Some(thread), status })
    }

    pub(crate) fn status(&self) -> KernelStatus {
        self.status.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Somebody begins to watch: look more often.
    pub(crate) fn wake(&self) {
        self.bell.ring();
    }
}

impl Drop for Kernel {
    fn drop(&mut self) {
        self.bell.end();
        if let Some(thread) = self.thread.take() {
            // It has nothing to tell: what failed was shown.
            let _ = thread.join();
        }
    }
}

struct Follower {
    outlet: Outlet,
    local: Option<Arc<AtomicI64>>,
    saved: Option<PathBuf>,
    room: usize,
    bell: Bell,
    shown: Arc<Mutex<KernelStatus>>,
    status: KernelStatus,
    connections: Connections,
    looked: Option<Instant>,
    took: Duration,
}

impl Follower {
    fn new(options: Options, bell: Bell, shown: Arc<Mutex<KernelStatus>>) -> Self {
        let Options { outlet, local, room, saved } = options;
        let mut connections = Connections::new(Timeouts::read());
        let before = saved.as_ref().and_then(|path| fs::read(path).ok());
        if let Some(before) = before {
            let now = Timestamp::now();
            let taken = connections.restore(&before, now, STALE_MS);
            tracing::debug!(taken, "connections that were followed before the restart");
        }
        let status = KernelStatus::default();
        let (looked, took) = (None, Duration::ZERO);
        Self { outlet, local, saved, room, bell, shown, status, connections, looked, took }
    }

    fn run(mut self) {
        while !self.bell.is_over() {
            let failed = match self.follow() {
                Ok(()) => break,
                Err(error) => error,
            };
            let told = explain(&failed);
            if self.status.failing.as_ref() != Some(&told) {
                tracing::warn!(why = told, "the kernel's connections cannot be followed");
            }
            self.status.failing = Some(told);
            self.outlet.flush();
            self.publish();
            let _ = self.bell.wait(&[], Some(RETRY));
        }
        self.outlet.flush();
        self.save();
    }

    /// Follows until the end is asked for, or something fails.
    fn follow(&mut self) -> io::Result<()> {
        let mut listener = Listener::open(NETFILTER, GROUP_DESTROY, self.room)?;
        let mut asking = Netlink::open(NETFILTER)?;
        let mut is_lost = false;
        while !self.bell.is_over() {
            self.outlet.refresh(Timestamp::now());
            let due = self.due(is_lost);
            if due.is_zero() {
                self.look(&mut asking)?;
                is_lost = false;
                continue;
            }
            let has = self.bell.wait(&[listener.as_fd()], Some(due))?;
            if has.first() != Some(&true) {
                continue;
            }
            let events = self.hear_all(&mut listener, &mut is_lost)?;
            self.outlet.flush();
            self.publish();
            let rest = if events > MANY { SHORT_REST } else { REST };
            self.bell.wait(&[], Some(rest.min(self.due(is_lost))))?;
        }
        // What ended just now is not told again.
        self.hear_all(&mut listener, &mut is_lost).map(drop)
    }

    /// Hears what there is; gives how many events.
    fn hear_all(&mut self, listener: &mut Listener, is_lost: &mut bool) -> io::Result<usize> {
        let mut events = 0;
        // A flood must not keep looks and the end from coming.
        while events < 10 * MANY {
            match self.hear(listener)? {
                Heard::Some(count) => events += count,
                Heard::Lost => {
                    self.status.overruns += 1;
                    *is_lost = true;
                }
                Heard::Nothing => break,
            }
        }
        Ok(events)
    }

    /// How long until the next look.
    fn due(&self, is_lost: bool) -> Duration {
        let Some(looked) = self.looked else { return Duration::ZERO };
        let (usual, share) = match (is_lost, self.outlet.is_watched()) {
            (true, _) => (AGAIN, WATCHED_SHARE),
            (false, true) => (WATCHED_PAUSE, WATCHED_SHARE),
            (false, false) => (PAUSE, SHARE),
        };
        usual.max(self.took * share).saturating_sub(looked.elapsed())
    }

    fn counts(&self, now: Timestamp) -> bool {
        self.local.as_ref().is_none_or(|heard| {
            let heard = heard.load(Relaxed);
            !(heard..heard.saturating_add(LOCAL_MS)).contains(&now.0)
        })
    }

    fn hear(&mut self, listener: &mut Listener) -> io::Result<Heard> {
        let now = Timestamp::now();
        let counts = self.counts(now);
        let (connections, outlet) = (&mut self.connections, &mut self.outlet);
        listener.read(|message| {
            if message.kind == DESTROYED
                && let Some(gone) = connection(message)
            {
                connections.ended(&gone, counts, now, outlet);
            }
        })
    }

    fn look(&mut self, asking: &mut Netlink) -> io::Result<()> {
        let (began, now) = (Instant::now(), Timestamp::now());
        self.status.counts = self.counts(now);
        let counts = self.status.counts;
        let (connections, outlet) = (&mut self.connections, &mut self.outlet);
        connections.begin(now);
        let mut read = 0;
        // struct nfgenmsg, all families.
        let outcome = asking.dump(Request::all(GET, &[0; HEADER]), |message| {
            if let Some(one) = connection(message) {
                read += 1;
                connections.entry(&one, counts, outlet);
            }
            if read < MOST_READ { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        let is_whole = matches!(outcome, Ok(Dump::Whole));
        connections.finish(is_whole);
        outlet.flush();
        self.looked = Some(Instant::now());
        self.took = began.elapsed();
        if outcome? == Dump::Stopped {
            *asking = Netlink::open(NETFILTER)?;
        }
        self.status.tracked = read;
        let is_accounting = accounting();
        if is_accounting == Some(false) && self.status.is_accounting != is_accounting {
            let remedy = crate::ACCOUNTING;
            tracing::warn!(
                "the kernel does not count the octets of connections; on VyOS: {remedy}"
            );
        }
        self.status.is_accounting = is_accounting;
        self.status.took_us = self.took.as_micros() as u64;
        if is_whole {
            self.status.looked_at = Some(now);
        }
        if self.status.failing.take().is_some() {
            tracing::info!("the kernel's connections are followed again");
        }
        self.publish();
        self.save();
        Ok(())
    }

    fn publish(&mut self) {
        self.status.account = self.connections.account();
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&self.status);
    }

    /// Keeps what is known for the next start of the program. The file lies in memory: nothing is
    /// worn, and after a start of the machine there are no old connections.
    fn save(&self) {
        let Some(path) = &self.saved else { return };
        let beside = path.with_extension("new");
        let written = fs::write(&beside, self.connections.save());
        if let Err(error) = written.and_then(|()| fs::rename(&beside, path)) {
            tracing::debug!(%error, path = %path.display(), "connections are not kept");
        }
    }
}

/// Whether the kernel counts octets of connections; None where it tracks none.
pub(crate) fn accounting() -> Option<bool> {
    let text = fs::read_to_string("/proc/sys/net/netfilter/nf_conntrack_acct").ok()?;
    Some(text.trim() != "0")
}

fn explain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied => "reading the kernel's connections is not allowed: \
             use the service of the package, run as root, or grant CAP_NET_ADMIN"
            .to_owned(),
        _ => format!("reading the kernel's connections failed: {error}"),
    }
}
