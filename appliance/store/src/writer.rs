//! The one thread that writes.
//!
//! Jobs wait in a bounded queue. The thread takes what is there, runs each job in a savepoint of one
//! transaction, commits, and only then answers: what has been acknowledged is in the write-ahead
//! log. What was queued is written even where its caller has gone away.
//!
//! Day files are committed before the main database, so that a cursor kept there never points past
//! what is stored. The price: where the main database cannot be committed after they were, their
//! jobs are answered with an error although their lines are in the day files. Who then tries again
//! stores them a second time. Days hold everything at least once, not exactly once; after an error
//! nothing is missing, but a day may hold a line twice.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::store::Shared;
use crate::{DayKind, StoreError, days};

/// The most jobs that share one transaction.
const BATCH: usize = 256;
/// How many day files the writer keeps open between batches.
const OPEN_DAYS: usize = 4;

/// What a writing closure sees.
pub struct Writing<'a> {
    main: &'a Connection,
    days: &'a mut Days,
    after: &'a mut Vec<Box<dyn FnOnce() + Send>>,
}

impl Writing<'_> {
    /// The main database, inside this job's savepoint.
    pub fn main(&self) -> &Connection {
        self.main
    }

    /// The file of one UTC day, made where it does not exist, inside this job's savepoint.
    pub fn day(&mut self, kind: &'static str, day: i64) -> Result<&Connection, StoreError> {
        self.days.enter(kind, day)
    }

    /// Runs something once everything this job wrote is committed; never if it is not. It runs on
    /// the writer thread, before the answer, also where nobody waits for that any more.
    pub fn after_commit(&mut self, f: impl FnOnce() + Send + 'static) {
        self.after.push(Box::new(f));
    }
}

/// What a closure gave, its type hidden, so that one queue and one kind of answer serve all of them.
pub(crate) type Given = Box<dyn Any + Send>;

/// A closure that writes, its types hidden.
pub(crate) type Write = Box<dyn FnOnce(&mut Writing<'_>) -> Written + Send>;

/// What a writing closure gave.
pub(crate) struct Written {
    keep: bool,
    given: Given,
}

impl Written {
    /// Of its result, a `Result<T, E>`.
    pub(crate) fn of<T: Send + 'static, E: Send + 'static>(result: Result<T, E>) -> Self {
        Self { keep: result.is_ok(), given: Box::new(result) }
    }
}

/// One closure in the queue and where its result goes.
pub(crate) struct Job {
    what: &'static str,
    /// True when the commit must reach the disk before the answer.
    synced: bool,
    write: Option<Write>,
    written: Option<Result<Written, StoreError>>,
    reply: oneshot::Sender<Result<Given, StoreError>>,
}

impl Job {
    /// A job, and where its answer will come.
    pub(crate) fn new(
        what: &'static str,
        synced: bool,
        write: Write,
    ) -> (Self, oneshot::Receiver<Result<Given, StoreError>>) {
        let (reply, answer) = oneshot::channel();
        (Self { what, synced, write: Some(write), written: None, reply }, answer)
    }

    /// Runs the closure; true to keep what it wrote.
    fn run(&mut self, writing: &mut Writing<'_>) -> bool {
        let Some(write) = self.write.take() else { return false };
        let written = catch_unwind(AssertUnwindSafe(|| write(writing)));
        let written = written.map_err(|_| StoreError::Broken(self.what));
        let keep = written.as_ref().is_ok_and(|written| written.keep);
        self.written = Some(written);
        keep
    }

    /// Answers, with the outcome of the commit.
    fn answer(self, commit: Result<(), StoreError>) {
        let result = match (self.written, commit) {
            (Some(Ok(written)), Ok(())) => Ok(written.given),
            (Some(Ok(written)), Err(_)) if !written.keep => Ok(written.given),
            (Some(Ok(_)) | None, Err(error)) | (Some(Err(error)), _) => Err(error),
            (None, Ok(())) => Err(StoreError::Broken(self.what)),
        };
        // Nobody may be waiting any more: the write counts all the same.
        let _ = self.reply.send(result);
    }
}

/// Tells when the writer thread ends other than by being closed.
struct Watchman(Arc<Shared>);

impl Drop for Watchman {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.broke_off();
        }
    }
}

/// The writer thread's body; returns when all senders are gone.
pub(crate) fn run(
    main: Connection,
    mut days: Days,
    mut queue: mpsc::Receiver<Job>,
    shared: Arc<Shared>,
) {
    let _watchman = Watchman(Arc::clone(&shared));
    let mut batch: Vec<Job> = Vec::with_capacity(BATCH);
    while let Some(first) = queue.blocking_recv() {
        batch.push(first);
        while batch.len() < BATCH {
            match queue.try_recv() {
                Ok(job) => batch.push(job),
                Err(_) => break,
            }
        }
        write_batch(&main, &mut days, &mut batch, &shared);
    }
    days.close();
    if let Err((_, error)) = main.close() {
        tracing::warn!(%error, "closing the database");
    }
}

fn write_batch(main: &Connection, days: &mut Days, batch: &mut Vec<Job>, shared: &Shared) {
    let synced = batch.iter().any(|job| job.synced);
    let mut after = Vec::new();
    let outcome = begin(main, days, synced).and_then(|()| {
        for job in batch.iter_mut() {
            run_in_savepoint(main, days, job, &mut after)?;
        }
        days.commit()?;
        main.execute_batch("COMMIT")
    });
    match outcome {
        Ok(()) => {
            shared.committed();
            for f in after {
                shielded("what follows a commit", f);
            }
            for job in batch.drain(..) {
                shielded("an answer", move || job.answer(Ok(())));
            }
        }
        Err(error) => {
            days.roll_back();
            if !main.is_autocommit() {
                let _ = main.execute_batch("ROLLBACK");
            }
            shared.failed(&error);
            for job in batch.drain(..) {
                let commit = Err(StoreError::commit(&error));
                shielded("an answer", move || job.answer(commit));
            }
        }
    }
    days.trim();
}

/// Runs what belongs to others, which must not end the thread that writes for everybody.
fn shielded(what: &str, f: impl FnOnce()) {
    if catch_unwind(AssertUnwindSafe(f)).is_err() {
        tracing::error!(what, "panicked on the writer thread; what was committed stays");
    }
}

fn begin(main: &Connection, days: &mut Days, synced: bool) -> rusqlite::Result<()> {
    // NORMAL survives kill -9 without fsync; FULL also survives a power cut, at one fsync a batch.
    let level = if synced { "FULL" } else { "NORMAL" };
    main.execute_batch(&format!("PRAGMA synchronous = {level}; BEGIN IMMEDIATE"))?;
    days.synchronous = level;
    Ok(())
}

fn run_in_savepoint(
    main: &Connection,
    days: &mut Days,
    job: &mut Job,
    after: &mut Vec<Box<dyn FnOnce() + Send>>,
) -> rusqlite::Result<()> {
    main.execute_batch("SAVEPOINT job")?;
    let mut mine = Vec::new();
    let keep = job.run(&mut Writing { main, days, after: &mut mine });
    still_open(main)?;
    let end = if keep { "RELEASE job" } else { "ROLLBACK TO job; RELEASE job" };
    days.leave(end)?;
    main.execute_batch(end)?;
    if keep {
        after.append(&mut mine);
    }
    Ok(())
}

/// A full disk makes SQLite roll the whole transaction back by itself, which only shows in that there
/// is none any more.
fn still_open(conn: &Connection) -> rusqlite::Result<()> {
    if !conn.is_autocommit() {
        return Ok(());
    }
    let full = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_FULL);
    Err(rusqlite::Error::SqliteFailure(full, Some("rolled back by a full disk".to_owned())))
}

/// The day files that are open for writing.
pub(crate) struct Days {
    dir: PathBuf,
    kinds: Vec<DayKind>,
    open: BTreeMap<(&'static str, i64), OpenDay>,
    synchronous: &'static str,
}

struct OpenDay {
    conn: Connection,
    in_batch: bool,
    in_job: bool,
}

impl Days {
    pub(crate) fn new(dir: PathBuf, kinds: Vec<DayKind>) -> Self {
        Self { dir, kinds, open: BTreeMap::new(), synchronous: "NORMAL" }
    }

    fn enter(&mut self, kind: &'static str, day: i64) -> Result<&Connection, StoreError> {
        use std::collections::btree_map::Entry;
        let slot = match self.open.entry((kind, day)) {
            Entry::Occupied(slot) => slot.into_mut(),
            Entry::Vacant(slot) => {
                let kind = self
                    .kinds
                    .iter()
                    .find(|k| k.name == kind)
                    .ok_or(StoreError::Broken("a day of an undeclared kind"))?;
                let conn = days::open_for_writing(&self.dir, kind, day)?;
                slot.insert(OpenDay { conn, in_batch: false, in_job: false })
            }
        };
        if !slot.in_batch {
            let level = self.synchronous;
            slot.conn.execute_batch(&format!("PRAGMA synchronous = {level}; BEGIN IMMEDIATE"))?;
            slot.in_batch = true;
        }
        if !slot.in_job {
            slot.conn.execute_batch("SAVEPOINT job")?;
            slot.in_job = true;
        }
        Ok(&slot.conn)
    }

    fn leave(&mut self, end: &str) -> rusqlite::Result<()> {
        for day in self.open.values_mut().filter(|d| d.in_job) {
            day.in_job = false;
            still_open(&day.conn)?;
            day.conn.execute_batch(end)?;
        }
        Ok(())
    }

    fn commit(&mut self) -> rusqlite::Result<()> {
        for day in self.open.values_mut().filter(|d| d.in_batch) {
            day.conn.execute_batch("COMMIT")?;
            day.in_batch = false;
        }
        Ok(())
    }

    fn roll_back(&mut self) {
        for day in self.open.values_mut() {
            if !day.conn.is_autocommit() {
                let _ = day.conn.execute_batch("ROLLBACK");
            }
            (day.in_batch, day.in_job) = (false, false);
        }
    }

    /// Closes what has not been used of late, and files that retention has deleted.
    fn trim(&mut self) {
        let dir = self.dir.clone();
        self.open.retain(|(kind, day), _| days::path(&dir, kind, *day).exists());
        while self.open.len() > OPEN_DAYS {
            self.open.pop_first();
        }
    }

    fn close(&mut self) {
        self.open.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_writer_that_breaks_off_is_shown_and_one_that_is_closed_is_not() {
        let shared = Arc::new(Shared::default());
        drop(Watchman(Arc::clone(&shared)));
        assert_eq!(shared.health().failing, None);
        let watchman = Watchman(Arc::clone(&shared));
        let thread = std::thread::spawn(move || {
            let _watchman = watchman;
            panic!("on purpose");
        });
        assert!(thread.join().is_err());
        let health = shared.health();
        assert!(health.failing.is_some_and(|why| why.contains("restart")));
        assert!(!health.full);
    }
}
