//! The thread that keeps flows, so that who receives them never waits for a disk.
//!
//! In come batches by a bounded queue; what does not fit is counted and shown, not waited for.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use model::Timestamp;

use super::{DaysError, Keeper, Kept, Retention, forget};
use crate::Flow;

/// Batches that may wait.
const QUEUE: usize = 64;
/// Empty lists of batches that are kept to be filled again, while flows come in: as many as come
/// while a block is written, also on a busy machine.
const SPARES: usize = 16;
/// How often what is due is looked for while flows come in without a pause.
const TICK: Duration = Duration::from_secs(1);
/// How often days are forgotten, at the most.
const FORGET_EVERY: Duration = Duration::from_secs(600);
/// How often it wakes while nothing comes.
const RARELY: Duration = Duration::from_secs(3_600);
/// How long it waits after a failure.
const AFTER_FAILURE: Duration = Duration::from_secs(5);

/// What became of flows since the start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// What was written.
    pub kept: Kept,
    /// Flows for which the queue had no room.
    pub dropped: u64,
    /// Octets written on this UTC day.
    pub written_today: u64,
    /// What went wrong last, until it goes right again.
    pub failing: Option<String>,
}

#[derive(Default, Clone)]
struct State {
    kept: Kept,
    failing: Option<String>,
    /// A day, and what had been written when it began.
    day: (i64, u64),
}

#[derive(Default)]
struct Shared {
    dropped: AtomicU64,
    spares: Mutex<Vec<Vec<Flow>>>,
    state: Mutex<State>,
}

/// Hands flows to the thread that keeps them. When it is dropped, what waits is written first.
pub struct FlowWriter {
    queue: Option<SyncSender<Vec<Flow>>>,
    thread: Option<JoinHandle<()>>,
    shared: Arc<Shared>,
}

impl FlowWriter {
    /// Opens the folder and starts the thread.
    pub fn start(dir: PathBuf, keep: Retention) -> Result<Self, DaysError> {
        let keeper = Keeper::open(&dir, Timestamp::now())?;
        let (queue, batches) = sync_channel(QUEUE);
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        let path = dir.clone();
        let thread = std::thread::Builder::new()
            .name("flow-writer".to_owned())
            .spawn(move || run(keeper, &dir, keep, &batches, &theirs))
            .map_err(DaysError::io("start the writer for", &path))?;
        Ok(Self { queue: Some(queue), thread: Some(thread), shared })
    }

    /// Queues flows. False where there was no room: they are counted as dropped.
    pub fn offer(&self, flows: Vec<Flow>) -> bool {
        let refused = match self.queue.as_ref().map(|queue| queue.try_send(flows)) {
            Some(Ok(())) => return true,
            Some(Err(TrySendError::Full(flows) | TrySendError::Disconnected(flows))) => flows.len(),
            None => 0,
        };
        self.shared.dropped.fetch_add(refused as u64, Relaxed);
        false
    }

    /// An empty list for the next batch; one that was filled before, if there is any, because memory
    /// fresh from the system costs more than what is put into it.
    pub fn spare(&self) -> Vec<Flow> {
        self.shared.spares.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    /// What became of flows so far.
    pub fn counts(&self) -> Counts {
        let state = self.shared.state.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let State { kept, failing, day: (day, before) } = state;
        let is_today = day == Timestamp::now().day();
        let written_today = if is_today { kept.written.saturating_sub(before) } else { 0 };
        let dropped = self.shared.dropped.load(Relaxed);
        Counts { kept, dropped, written_today, failing }
    }
}

impl Drop for FlowWriter {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            // It has nothing to tell: what failed was shown.
            let _ = thread.join();
        }
    }
}

fn run(
    mut keeper: Keeper,
    dir: &std::path::Path,
    keep: Retention,
    batches: &Receiver<Vec<Flow>>,
    shared: &Shared,
) {
    let mut looked: Option<Instant> = None;
    let mut forgot: Option<Instant> = None;
    let mut failed = false;
    loop {
        let due = keeper.due(Timestamp::now());
        let due = if failed { due.map(|due| due.max(AFTER_FAILURE)) } else { due };
        let next = match due {
            Some(due) => batches.recv_timeout(due),
            None => batches.recv_timeout(RARELY),
        };
        let mut done = match next {
            Ok(mut flows) => {
                let done = keeper.add(&flows, Timestamp::now());
                flows.clear();
                let mut spares = shared.spares.lock().unwrap_or_else(PoisonError::into_inner);
                if spares.len() < SPARES {
                    spares.push(flows);
                }
                done
            }
            Err(RecvTimeoutError::Timeout) => {
                // Quiet: the memory goes back.
                *shared.spares.lock().unwrap_or_else(PoisonError::into_inner) = Vec::new();
                looked = None;
                Ok(())
            }
            Err(RecvTimeoutError::Disconnected) => break,
        };
        if looked.is_none_or(|at| at.elapsed() >= TICK) {
            looked = Some(Instant::now());
            let now = Timestamp::now();
            done = done.and(keeper.tick(now));
            if forgot.is_none_or(|at| at.elapsed() >= FORGET_EVERY) {
                forgot = Some(Instant::now());
                done = done.and(forget_days(&mut keeper, dir, now.day(), keep));
            }
        }
        failed = done.is_err();
        publish(shared, &keeper, done);
    }
    let done = keeper.flush();
    publish(shared, &keeper, done);
}

fn forget_days(
    keeper: &mut Keeper,
    dir: &std::path::Path,
    today: i64,
    keep: Retention,
) -> Result<(), DaysError> {
    let forgotten = forget(dir, today, keep)?;
    if forgotten.too_old + forgotten.too_much > 0 {
        keeper.release();
        tracing::info!(
            days = forgotten.too_old + forgotten.too_much,
            bytes = forgotten.bytes,
            "forgot flows"
        );
    }
    Ok(())
}

fn publish(shared: &Shared, keeper: &Keeper, done: Result<(), DaysError>) {
    let failing = done.err().map(|error| error.to_string());
    let (kept, today) = (keeper.kept(), Timestamp::now().day());
    let mut state = shared.state.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(why) = &failing
        && state.failing.is_none()
    {
        tracing::error!(why, "flows cannot be kept");
    }
    if state.day.0 != today {
        state.day = (today, state.kept.written);
    }
    (state.kept, state.failing) = (kept, failing);
}
