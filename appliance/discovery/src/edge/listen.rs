//! Hears what is said on the LAN: one thread waits for the packet sockets of all interfaces and
//! hands over the frames together with interface and time. Whoever takes them decodes one after the
//! other: what a frame says then lives in memory that the one before has just left.
//!
//! After each round it rests for some milliseconds while frames queue in the kernel. On a chatty
//! network that halves the wake-ups, and in a storm it bounds the CPU time; what does not fit is
//! dropped and counted.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use model::Timestamp;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use ring::PacketSocket;

use super::wake::{self, Wake, Waker};
use super::{EdgeError, filter};
use crate::decode::{self, Heard, Protocol};

/// Something that was heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overheard {
    /// Index of the interface that heard it.
    pub interface: u32,
    /// When it was read.
    pub at: Timestamp,
    /// What it says.
    pub heard: Heard,
}

/// Frames that were read together.
#[derive(Debug)]
pub struct Round {
    bytes: Vec<u8>,
    frames: Vec<Frame>,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Frame {
    interface: u32,
    at: Timestamp,
    /// Where it ends among the round's bytes.
    end: usize,
}

impl Round {
    /// Decodes one frame after the other. Those that break their protocol's rules are counted and
    /// left out.
    pub fn heard(&self) -> impl Iterator<Item = Overheard> + '_ {
        let mut start = 0;
        self.frames.iter().filter_map(move |frame| {
            let bytes = self.bytes.get(start..frame.end).unwrap_or_default();
            start = frame.end;
            match decode::ethernet(bytes) {
                Ok(heard) => Some(Overheard { interface: frame.interface, at: frame.at, heard }),
                Err(error) => {
                    let counter = &self.shared.malformed[error.protocol as usize];
                    counter.fetch_add(1, Ordering::Relaxed);
                    None
                }
            }
        })
    }
}

/// Totals since the start.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Counters {
    /// Frames read.
    pub frames: u64,
    /// Frames that the kernel dropped because they came faster than they were read.
    pub kernel_drops: u64,
    /// Frames that were not taken because whoever takes them was behind.
    pub queue_drops: u64,
    /// Frames that break their protocol's rules, by protocol; counted when they are decoded.
    pub malformed: [u64; Protocol::ALL.len()],
}

/// The thread that listens. It stops when this is dropped.
#[derive(Debug)]
pub struct Listener {
    shared: Arc<Shared>,
    waker: Waker,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    frames: AtomicU64,
    kernel_drops: AtomicU64,
    queue_drops: AtomicU64,
    malformed: [AtomicU64; Protocol::ALL.len()],
    /// Interfaces, and whether answers of name servers to the LAN are heard.
    wanted: Mutex<(Vec<u32>, bool)>,
    failures: Mutex<BTreeMap<u32, String>>,
}

/// Frames queue so long before they are looked at: each time that nobody wakes is a time saved.
const REST: Duration = Duration::from_millis(100);
/// The same after a full round, when more is waiting.
const BUSY_REST: Duration = Duration::from_millis(5);
/// Frames of one interface that are read in a row: 25 000 a second with the rest in between.
const ROUND: usize = 128;
/// An interface that could not be opened is tried again.
const RETRY: Duration = Duration::from_secs(5);
/// The kernel's drop counters are read so long after frames came in.
const COUNT_AFTER: Duration = Duration::from_secs(1);
const LONGEST_FRAME: usize = filter::SNAP_LENGTH as usize;

impl Listener {
    /// Starts a thread that listens to no interface yet. `sink` gets what was read at a time, and
    /// returns false when it could not take it, which is counted; it must not wait.
    pub fn start(mut sink: impl FnMut(Round) -> bool + Send + 'static) -> Result<Self, EdgeError> {
        let failed = |source| EdgeError::Thread { name: "listen", source };
        let (waker, wake) = wake::pair().map_err(failed)?;
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("listen".to_owned())
            .spawn(move || run(&theirs, &wake, &mut sink))
            .map_err(failed)?;
        Ok(Self { shared, waker, thread: Some(thread) })
    }

    /// Listens to these interfaces from now on, and to no others; with `names` also to what name
    /// servers answer to the LAN.
    pub fn watch(&self, interfaces: &[u32], names: bool) {
        let mut wanted = lock(&self.shared.wanted);
        if wanted.0 != interfaces || wanted.1 != names {
            *wanted = (interfaces.to_vec(), names);
            drop(wanted);
            self.waker.wake();
        }
    }

    /// Totals since the start; the kernel's drops are up to a second old.
    pub fn counters(&self) -> Counters {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counters {
            frames: read(&self.shared.frames),
            kernel_drops: read(&self.shared.kernel_drops),
            queue_drops: read(&self.shared.queue_drops),
            malformed: std::array::from_fn(|at| read(&self.shared.malformed[at])),
        }
    }

    /// False once the thread died, which only a panicking sink can make it do.
    pub fn is_running(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }

    /// Interfaces that should be listened to and cannot be, and why.
    pub fn failures(&self) -> BTreeMap<u32, String> {
        lock(&self.shared.failures).clone()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        self.waker.wake();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Open {
    interface: u32,
    names: bool,
    socket: PacketSocket,
}

fn run(shared: &Arc<Shared>, wake: &Wake, sink: &mut impl FnMut(Round) -> bool) {
    let mut open: Vec<Open> = Vec::new();
    let mut buffer = Vec::new();
    let mut adjust_at = None;
    let mut count_at = None;
    while !shared.stop.load(Ordering::Acquire) {
        let now = Instant::now();
        let until = [adjust_at, count_at].into_iter().flatten().min();
        let Ready { is_woken, sockets } =
            wait(wake, &open, until.map(|at: Instant| at.saturating_duration_since(now)));
        let (mut most, mut frames) = (None, Vec::new());
        for at in sockets.into_iter().rev() {
            match read_round(shared, &open[at], &mut buffer, &mut frames) {
                Ok(read) => most = most.max(Some(read)),
                Err(error) => {
                    let gone = open.remove(at);
                    lock(&shared.failures).insert(gone.interface, error.to_string());
                    adjust_at = Some(Instant::now() + RETRY);
                }
            }
        }
        let count = frames.len() as u64;
        let round = Round { bytes: buffer.as_slice().into(), frames, shared: Arc::clone(shared) };
        buffer.clear();
        if count > 0 && !sink(round) {
            shared.queue_drops.fetch_add(count, Ordering::Relaxed);
        }
        if let Some(read) = most {
            count_at = count_at.or_else(|| Some(Instant::now() + COUNT_AFTER));
            thread::sleep(if read == ROUND { BUSY_REST } else { REST });
        }
        if is_woken || adjust_at.is_some_and(|at| at <= Instant::now()) {
            adjust_at = adjust(shared, &mut open).then(|| Instant::now() + RETRY);
        }
        if count_at.is_some_and(|at| at <= Instant::now()) {
            count_at = None;
            count_drops(shared, &open);
        }
    }
}

/// Opens and closes sockets so that they are those wanted; true when one failed.
fn adjust(shared: &Shared, open: &mut Vec<Open>) -> bool {
    let (wanted, names) = lock(&shared.wanted).clone();
    open.retain(|known| wanted.contains(&known.interface) && known.names == names);
    let filter = if names { filter::discovery_and_names() } else { filter::discovery() };
    let mut failures = BTreeMap::new();
    for interface in wanted {
        if open.iter().any(|known| known.interface == interface) {
            continue;
        }
        match PacketSocket::open_hearing(interface, &filter, names) {
            Ok(socket) => open.push(Open { interface, names, socket }),
            Err(error) => {
                failures.insert(interface, error.to_string());
            }
        }
    }
    let has_failed = !failures.is_empty();
    *lock(&shared.failures) = failures;
    has_failed
}

struct Ready {
    is_woken: bool,
    /// Places of the sockets that have something to say, in order.
    sockets: Vec<usize>,
}

fn wait(wake: &Wake, open: &[Open], timeout: Option<Duration>) -> Ready {
    let timeout = timeout.map_or(PollTimeout::NONE, |timeout| {
        // Rounded up, or the last millisecond would be spent spinning.
        PollTimeout::try_from(timeout.as_millis() + 1).unwrap_or(PollTimeout::MAX)
    });
    let mut fds = vec![PollFd::new(wake.as_fd(), PollFlags::POLLIN)];
    fds.extend(open.iter().map(|open| PollFd::new(open.socket.as_fd(), PollFlags::POLLIN)));
    if poll(&mut fds, timeout).is_err() {
        return Ready { is_woken: false, sockets: Vec::new() }; // a signal
    }
    let is_ready = |fd: &PollFd<'_>| fd.any().unwrap_or(true);
    let is_woken = is_ready(&fds[0]);
    if is_woken {
        wake.clear();
    }
    let sockets = (0..open.len()).filter(|at| is_ready(&fds[at + 1])).collect();
    Ready { is_woken, sockets }
}

/// How many frames it read, [`ROUND`] at the most.
fn read_round(
    shared: &Shared,
    open: &Open,
    bytes: &mut Vec<u8>,
    frames: &mut Vec<Frame>,
) -> io::Result<usize> {
    let mut frame = [0; LONGEST_FRAME];
    for read in 0..ROUND {
        let length = match open.socket.receive(&mut frame, Duration::ZERO) {
            Ok(Some(length)) => length,
            Ok(None) => return Ok(read),
            // Said once when the interface goes down; the socket goes on when it is up again.
            Err(error) if error.raw_os_error() == Some(Errno::ENETDOWN as i32) => return Ok(read),
            Err(error) => return Err(error),
        };
        shared.frames.fetch_add(1, Ordering::Relaxed);
        bytes.extend_from_slice(&frame[..length.min(LONGEST_FRAME)]);
        let (interface, at) = (open.interface, Timestamp::now());
        frames.push(Frame { interface, at, end: bytes.len() });
    }
    Ok(ROUND)
}

fn count_drops(shared: &Shared, open: &[Open]) {
    for statistics in open.iter().filter_map(|open| open.socket.statistics().ok()) {
        shared.kernel_drops.fetch_add(u64::from(statistics.dropped), Ordering::Relaxed);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
