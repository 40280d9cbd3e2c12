//! The thread that receives export traffic. It decodes and hands on; it never waits for a disk.
//!
//! It sleeps until a datagram comes, reads until there is none, and rests some milliseconds: most
//! of what receiving costs is being woken. What it knows of templates it keeps in a file.

use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use model::Timestamp;

use super::batch::Outlet;
use super::queue;
use super::sockets::{Inbox, Listening};
use super::stop::Bell;
use super::surroundings::Exporters;
use crate::decode::{Decoder, ExporterStats, Sink};
use crate::{Direction, Flow};

/// How long it rests when all was read.
const REST: Duration = Duration::from_millis(5);
/// Flows wait in the batch at most this long, so that the writer is not woken for each datagram.
const HOLD: Duration = Duration::from_millis(500);
/// Readings of one socket in a row, so that each has its turn.
const TURN: usize = 16;
/// How often counters are shown, queues looked at and old waiting sets forgotten.
const SHOW: Duration = Duration::from_secs(1);
const LOOK: Duration = Duration::from_secs(10);
/// How often templates are kept, where they have changed.
const KEEP: Duration = Duration::from_secs(300);

/// One exporter, as the decoder counts it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExporterStatus {
    /// Who.
    pub address: IpAddr,
    /// Its counters.
    pub stats: ExporterStats,
    /// It runs on this machine, so that it tells of what the kernel's connections tell of too.
    pub is_local: bool,
}

/// How export traffic is received.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UdpStatus {
    /// Where it is listened, with the octets that each queue has.
    pub listening: Vec<(SocketAddr, usize)>,
    /// Where it cannot be listened, and why.
    pub failing: Vec<(SocketAddr, String)>,
    /// Datagrams received.
    pub datagrams: u64,
    /// Flows handed on to be kept.
    pub flows: u64,
    /// Flows of exporters on this machine that were not kept: the kernel's connections are.
    pub told_twice: u64,
    /// Datagrams of senders whose export traffic is not taken.
    pub refused: u64,
    /// The last of them.
    pub refused_from: Option<IpAddr>,
    /// Datagrams that were no export traffic.
    pub unknown: u64,
    /// Datagrams of exporters beyond those that can be kept.
    pub beyond: u64,
    /// Datagrams for which the kernel's queues had no room.
    pub dropped: u64,
    /// The exporters that were heard.
    pub exporters: Vec<ExporterStatus>,
}

/// What the thread is started with.
pub(crate) struct Options {
    pub(crate) outlet: Outlet,
    pub(crate) listen: Vec<SocketAddr>,
    pub(crate) exporters: Exporters,
    /// Whether flows of exporters on this machine are kept.
    pub(crate) keep_local: bool,
    /// When an exporter on this machine last told of flows, and of such that went out.
    pub(crate) local: Arc<AtomicI64>,
    pub(crate) egress: Arc<AtomicI64>,
    /// Where templates are kept.
    pub(crate) templates: PathBuf,
}

/// The thread. It ends when this is dropped.
pub(crate) struct Udp {
    bell: Bell,
    thread: Option<JoinHandle<()>>,
    status: Arc<Mutex<UdpStatus>>,
}

impl Udp {
    pub(crate) fn start(options: Options) -> io::Result<Self> {
        let bell = Bell::new()?;
        let mut status = UdpStatus::default();
        let mut sockets = Vec::new();
        for at in &options.listen {
            match Listening::bind(*at) {
                Ok(socket) => {
                    status.listening.push((socket.at, socket.room));
                    sockets.push(socket);
                }
                Err(error) => {
                    tracing::warn!(%at, %error, "flows of exporters cannot be received here");
                    status.failing.push((*at, error.to_string()));
                }
            }
        }
        let shown = Arc::new(Mutex::new(status.clone()));
        let (theirs, bell_of_theirs) = (Arc::clone(&shown), bell.clone());
        let thread =
            std::thread::Builder::new().name("flow-receiver".to_owned()).spawn(move || {
                let receiver = Receiver::new(options, sockets, status, theirs);
                receiver.run(&bell_of_theirs);
            })?;
        Ok(Self { bell, thread: Some(thread), status: shown })
    }

    pub(crate) fn status(&self) -> UdpStatus {
        self.status.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Udp {
    fn drop(&mut self) {
        self.bell.end();
        if let Some(thread) = self.thread.take() {
            // It has nothing to tell: what failed was shown.
            let _ = thread.join();
        }
    }
}

struct Receiver {
    options: Options,
    sockets: Vec<Listening>,
    decoder: Decoder,
    status: UdpStatus,
    shown: Arc<Mutex<UdpStatus>>,
    kept: Vec<u8>,
}

impl Receiver {
    fn new(
        options: Options,
        sockets: Vec<Listening>,
        status: UdpStatus,
        shown: Arc<Mutex<UdpStatus>>,
    ) -> Self {
        let mut decoder = Decoder::default();
        let kept = fs::read(&options.templates).unwrap_or_default();
        if !kept.is_empty()
            && let Err(error) = decoder.restore(Timestamp::now(), &kept)
        {
            tracing::warn!(%error, "templates of exporters are awaited anew");
        }
        Self { options, sockets, decoder, status, shown, kept }
    }

    fn run(mut self, bell: &Bell) {
        let mut inbox = Inbox::new();
        let (mut shown, mut looked, mut kept) = (Instant::now(), Instant::now(), Instant::now());
        let mut held: Option<Instant> = None;
        let mut is_shown = true;
        while !bell.is_over() {
            // With nothing left to do there is nothing to wake for.
            let handing_on = held.map(|since| HOLD.saturating_sub(since.elapsed()));
            let show = (!is_shown).then(|| SHOW.saturating_sub(shown.elapsed()));
            let time = [handing_on, show].into_iter().flatten().min();
            let fds: Vec<_> = self.sockets.iter().map(|socket| socket.as_fd()).collect();
            let ready = match bell.wait(&fds, time) {
                Ok(ready) => ready,
                Err(error) => {
                    tracing::error!(%error, "waiting for flows of exporters failed");
                    break;
                }
            };
            self.options.outlet.refresh(Timestamp::now());
            let mut came = 0;
            for (place, _) in ready.iter().enumerate().filter(|(_, is_ready)| **is_ready) {
                came += self.read(place, &mut inbox);
            }
            if came > 0 {
                is_shown = false;
                held = held.or_else(|| (!self.options.outlet.is_empty()).then(Instant::now));
            }
            if held.is_some_and(|since| since.elapsed() >= HOLD) {
                self.options.outlet.flush();
                held = None;
            }
            if !is_shown && shown.elapsed() >= SHOW {
                (shown, is_shown) = (Instant::now(), true);
                if looked.elapsed() >= LOOK {
                    looked = Instant::now();
                    self.look();
                }
                if kept.elapsed() >= KEEP {
                    kept = Instant::now();
                    self.keep();
                }
                self.publish();
            }
            if came > 0 && bell.wait(&[], Some(REST)).is_err() {
                break;
            }
        }
        self.options.outlet.flush();
        self.look();
        self.publish();
        self.keep();
    }

    /// Reads a socket until it is empty or its turn is over; gives how many datagrams came.
    fn read(&mut self, place: usize, inbox: &mut Inbox) -> usize {
        let Some(socket) = self.sockets.get(place) else { return 0 };
        let mut came = 0;
        let now = Timestamp::now();
        for _ in 0..TURN {
            let Self { options, decoder, status, .. } = self;
            let read = inbox.read(socket, |from, bytes| {
                if !options.outlet.around().takes(&options.exporters, from) {
                    status.refused += 1;
                    status.refused_from = Some(from);
                    return;
                }
                let is_local = options.outlet.around().is_own(from);
                let keeps = !is_local || options.keep_local;
                let mut intake = Intake {
                    outlet: &mut options.outlet,
                    is_local,
                    keeps,
                    flows: 0,
                    is_egress: false,
                };
                decoder.datagram(from, now, bytes, &mut intake);
                let Intake { flows, is_egress, .. } = intake;
                *(if keeps { &mut status.flows } else { &mut status.told_twice }) += flows;
                if is_local && flows > 0 {
                    options.local.store(now.0, Relaxed);
                }
                if is_local && is_egress {
                    options.egress.store(now.0, Relaxed);
                }
            });
            match read {
                Ok((count, more)) => {
                    came += count;
                    status.datagrams += count as u64;
                    if !more {
                        break;
                    }
                }
                // Such as an ICMP error that somebody sent back: it says nothing about the socket.
                Err(error) => {
                    tracing::debug!(%error, at = %socket.at, "receiving failed");
                    break;
                }
            }
        }
        came
    }

    fn look(&mut self) {
        self.decoder.expire(Timestamp::now());
        let dropped = self.sockets.iter().filter_map(|socket| queue::dropped(socket.as_fd()));
        self.status.dropped = dropped.sum();
    }

    fn publish(&mut self) {
        let around = self.options.outlet.around();
        self.status.exporters = self
            .decoder
            .exporters()
            .map(|(address, stats)| ExporterStatus {
                address,
                stats: stats.clone(),
                is_local: around.is_own(address),
            })
            .collect();
        model::sort_by_key(&mut self.status.exporters, |exporter| exporter.address);
        self.status.unknown = self.decoder.unknown();
        self.status.beyond = self.decoder.refused();
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&self.status);
    }

    fn keep(&mut self) {
        let octets = self.decoder.save();
        if octets == self.kept || self.decoder.exporters().next().is_none() {
            return;
        }
        match write(&self.options.templates, &octets) {
            Ok(()) => self.kept = octets,
            Err(error) => tracing::warn!(
                %error, file = %self.options.templates.display(),
                "templates of exporters cannot be kept; after a restart they are awaited anew"
            ),
        }
    }
}

/// Replaces a file as a whole.
fn write(path: &Path, octets: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("new");
    fs::write(&beside, octets)?;
    fs::rename(&beside, path)
}

/// Takes the flows of one datagram.
struct Intake<'a> {
    outlet: &'a mut Outlet,
    is_local: bool,
    keeps: bool,
    flows: u64,
    is_egress: bool,
}

impl Sink for Intake<'_> {
    fn flow(&mut self, flow: &Flow) {
        self.flows += 1;
        self.is_egress |= flow.direction == Direction::Egress;
        if !self.keeps {
            return;
        }
        if self.is_local {
            self.outlet.put(flow);
        } else {
            // Another machine's interfaces have other numbers, which mean nothing here.
            self.outlet.put(&Flow { input: 0, output: 0, ..*flow });
        }
        self.outlet.show(flow);
    }
}
