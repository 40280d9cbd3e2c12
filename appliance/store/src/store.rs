//! The handle that rooms hold.

use std::fs::DirBuilder;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use model::Timestamp;
use rusqlite::Connection;
use serde::Serialize;
use tokio::sync::{Semaphore, mpsc, watch};

use crate::clock::ClockWatch;
use crate::writer::{Days, Given, Job, Write, Written};
use crate::{
    Reading, Room, SettingVersion, StoreError, Writing, backup, days, schema, settings, writer,
};

/// The main database's file name.
pub const DATABASE: &str = "panoptikon.db";
/// `PNOP`: marks a database file as ours (SQLite's `application_id`).
pub(crate) const APPLICATION_ID: i32 = 0x504e_4f50;
/// Jobs that may wait for the writer before callers have to.
const QUEUE: usize = 1024;
/// Connections that read at the same time: a router has few cores.
const READERS: usize = 3;

/// Where the tables lie and which there are.
#[derive(Debug, Clone)]
pub struct Options {
    /// The data folder; made where it does not exist, readable by its owner only.
    pub dir: PathBuf,
    /// The rooms, lowest floor first.
    pub rooms: Vec<Room>,
    /// When this program was built, for judging the clock.
    pub built: Timestamp,
    /// Size of all tables together, in bytes, above which the oldest days are deleted. Backups may
    /// take as much again.
    pub max_bytes: u64,
    /// How many hourly backups are kept, besides one a day for seven days.
    pub keep_backups: usize,
}

/// What of the options may change while the store is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// As [`Options::max_bytes`].
    pub max_bytes: u64,
    /// As [`Options::keep_backups`].
    pub keep_backups: usize,
}

/// How the writer is doing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Health {
    /// The last failure, while no later write has succeeded.
    pub failing: Option<String>,
    /// True when that failure was a full disk.
    pub full: bool,
}

/// All tables. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) options: Options,
    bounds: Mutex<Bounds>,
    pub(crate) opened: Instant,
    queue: Mutex<Option<mpsc::Sender<Job>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    readers: Mutex<Vec<Reading>>,
    reading: Arc<Semaphore>,
    shared: Arc<Shared>,
    pub(crate) clock: Mutex<ClockWatch>,
    /// Held while a backup is made.
    pub(crate) backing_up: Mutex<()>,
    settings: watch::Sender<u64>,
}

/// What the writer thread tells the others.
#[derive(Default)]
pub(crate) struct Shared {
    health: watch::Sender<Health>,
    commits: AtomicU64,
}

impl Shared {
    pub(crate) fn committed(&self) {
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.health.send_if_modified(|health| {
            let changed = health.failing.is_some();
            if changed {
                tracing::info!("the database can be written again");
            }
            *health = Health::default();
            changed
        });
    }

    /// The writer thread has ended although nobody closed the store.
    pub(crate) fn broke_off(&self) {
        let why = "the writer has broken off, nothing is stored any more; restart Panoptikon";
        tracing::error!("{why}");
        self.health.send_replace(Health { failing: Some(why.to_owned()), full: false });
    }

    #[cfg(test)]
    pub(crate) fn health(&self) -> Health {
        self.health.borrow().clone()
    }

    pub(crate) fn failed(&self, error: &rusqlite::Error) {
        let error = StoreError::commit(error);
        self.health.send_if_modified(|health| {
            let now = Health { failing: Some(error.to_string()), full: error.is_full() };
            let changed = *health != now;
            if changed {
                tracing::error!(%error, "the database cannot be written");
            }
            *health = now;
            changed
        });
    }
}

impl Store {
    /// Opens the tables, brings them to the newest shape and starts the writer.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] for a file that is no sound database, [`StoreError::Newer`] for one
    /// of a newer release, [`StoreError::Io`] where the folder cannot be used.
    pub fn open(options: Options) -> Result<Self, StoreError> {
        for folder in
            [options.dir.clone(), options.dir.join(days::FOLDER), options.dir.join(backup::FOLDER)]
        {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(&folder)
                .map_err(StoreError::io("create", &folder))?;
        }
        let mut options = options;
        let Options { max_bytes, keep_backups, .. } = options;
        let bounds = Bounds { max_bytes, keep_backups };
        options.rooms.insert(0, schema::OWN);
        let path = options.dir.join(DATABASE);
        let main =
            open_main(&path, &options).map_err(|e| explain_damage(e, &path, &options.dir))?;
        let kinds: Vec<_> = options.rooms.iter().flat_map(|r| r.day_kinds).copied().collect();
        for file in days::list(&options.dir)? {
            if let Some(kind) = kinds.iter().find(|k| k.name == file.kind) {
                days::open_for_writing(&options.dir, kind, file.day)?;
            }
        }
        let readers = (0..READERS)
            .map(|_| Reading::open(&options.dir, &path))
            .collect::<Result<Vec<_>, _>>()?;
        let (queue, jobs) = mpsc::channel(QUEUE);
        let shared = Arc::new(Shared::default());
        let days = Days::new(options.dir.clone(), kinds);
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn({
                let shared = Arc::clone(&shared);
                move || writer::run(main, days, jobs, shared)
            })
            .map_err(StoreError::io("start the writer for", &path))?;
        Ok(Self {
            inner: Arc::new(Inner {
                bounds: Mutex::new(bounds),
                options,
                opened: Instant::now(),
                queue: Mutex::new(Some(queue)),
                thread: Mutex::new(Some(thread)),
                readers: Mutex::new(readers),
                reading: Arc::new(Semaphore::new(READERS)),
                shared,
                clock: Mutex::default(),
                backing_up: Mutex::default(),
                settings: watch::Sender::new(0),
            }),
        })
    }

    /// Runs `f` on the writer thread, inside a savepoint of a batch; answers after the commit.
    ///
    /// An error from `f` undoes what `f` wrote and nothing else. An acknowledged write survives the
    /// end of the process; after a power cut the last moments may be missing, but see
    /// [`Store::write_synced`].
    pub async fn write<T, E, F>(&self, what: &'static str, f: F) -> Result<T, E>
    where
        F: FnOnce(&mut Writing<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        revealed(self.enqueue(what, false, Box::new(|w| Written::of(f(w)))).await)
    }

    /// As [`Store::write`], and on the disk before it answers. For what people do: it costs an fsync.
    pub async fn write_synced<T, E, F>(&self, what: &'static str, f: F) -> Result<T, E>
    where
        F: FnOnce(&mut Writing<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        revealed(self.enqueue(what, true, Box::new(|w| Written::of(f(w)))).await)
    }

    /// As [`Store::write`], for threads outside the async runtime.
    pub fn write_blocking<T, E, F>(&self, what: &'static str, f: F) -> Result<T, E>
    where
        F: FnOnce(&mut Writing<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        revealed(self.enqueue_blocking(what, Box::new(|w| Written::of(f(w)))))
    }

    fn enqueue_blocking(&self, what: &'static str, write: Write) -> Result<Given, StoreError> {
        let queue = self.queue()?;
        let (job, answer) = Job::new(what, false, write);
        queue.blocking_send(job).map_err(|_| StoreError::Closed)?;
        drop(queue);
        answer.blocking_recv().unwrap_or(Err(StoreError::Closed))
    }

    async fn enqueue(
        &self,
        what: &'static str,
        synced: bool,
        write: Write,
    ) -> Result<Given, StoreError> {
        let queue = self.queue()?;
        let (job, answer) = Job::new(what, synced, write);
        queue.send(job).await.map_err(|_| StoreError::Closed)?;
        drop(queue);
        answer.await.unwrap_or(Err(StoreError::Closed))
    }

    fn queue(&self) -> Result<mpsc::Sender<Job>, StoreError> {
        let queue = self.inner.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.clone().ok_or(StoreError::Closed)
    }

    /// Runs `f` on a read-only connection, off the async workers. At most a few run at a time; the
    /// others wait their turn. One whose caller goes away before its turn never runs; one that runs
    /// already goes on.
    pub async fn read<T, E, F>(&self, f: F) -> Result<T, E>
    where
        F: FnOnce(&mut Reading) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        revealed(self.query(Box::new(|r| Box::new(f(r)))).await)
    }

    async fn query(&self, query: Query) -> Result<Given, StoreError> {
        let turns = Arc::clone(&self.inner.reading);
        let turn = turns.acquire_owned().await.map_err(|_| StoreError::Closed)?;
        let inner = Arc::clone(&self.inner);
        let task = tokio::task::spawn_blocking(move || {
            let given = inner.read(query);
            // Here, because the future may be gone long before the query ends.
            drop(turn);
            given
        });
        task.await.unwrap_or(Err(StoreError::Broken("a query")))
    }

    /// As [`Store::read`], on the calling thread.
    pub fn read_blocking<T, E, F>(&self, f: F) -> Result<T, E>
    where
        F: FnOnce(&mut Reading) -> Result<T, E>,
        E: From<StoreError>,
    {
        self.inner.read(f)?
    }

    /// How the writer is doing, and word whenever that changes.
    pub fn health(&self) -> watch::Receiver<Health> {
        self.inner.shared.health.subscribe()
    }

    /// Batches committed since the start.
    pub fn commits(&self) -> u64 {
        self.inner.shared.commits.load(Ordering::Relaxed)
    }

    /// Word whenever somebody has changed a setting.
    pub fn settings_changed(&self) -> watch::Receiver<u64> {
        self.inner.settings.subscribe()
    }

    /// Tells all who listen that a setting has changed. Call it after the commit.
    pub fn announce_settings(&self) {
        self.inner.settings.send_modify(|n| *n += 1);
    }

    /// The history of all settings, newest first.
    pub async fn settings_history(&self, limit: u32) -> Result<Vec<SettingVersion>, StoreError> {
        self.read(move |r| settings::history(r.main(), limit)).await
    }

    /// The options it was opened with.
    pub fn options(&self) -> &Options {
        &self.inner.options
    }

    /// How much may be kept, as it is now.
    pub fn bounds(&self) -> Bounds {
        *self.inner.bounds.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Other bounds from the next maintenance and backup on.
    pub fn set_bounds(&self, bounds: Bounds) {
        *self.inner.bounds.lock().unwrap_or_else(PoisonError::into_inner) = bounds;
    }

    pub(crate) fn inner(&self) -> &Inner {
        &self.inner
    }

    /// Writes what is queued, then closes the files. Later calls get [`StoreError::Closed`].
    pub fn close(&self) {
        // Readers first: the last connection to close folds the write-ahead log back into the file,
        // which a read-only one cannot do.
        self.inner.reading.close();
        self.inner.readers.lock().unwrap_or_else(PoisonError::into_inner).clear();
        let queue = self.inner.queue.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(queue);
        let thread = self.inner.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
        self.inner.readers.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

impl Inner {
    pub(crate) fn is_closed(&self) -> bool {
        self.reading.is_closed()
    }

    fn read<T>(&self, f: impl FnOnce(&mut Reading) -> T) -> Result<T, StoreError> {
        let mut reading = self.take_reader()?;
        let given = f(&mut reading);
        self.give_back(reading);
        Ok(given)
    }

    fn give_back(&self, reading: Reading) {
        let mut idle = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < READERS && !self.is_closed() {
            idle.push(reading);
        }
    }

    fn take_reader(&self) -> Result<Reading, StoreError> {
        let idle = self.readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        // One more than usual, or one lost to a panic: open another.
        idle.map_or_else(|| Reading::open(&self.options.dir, &self.options.dir.join(DATABASE)), Ok)
    }
}

/// A closure that reads, its types hidden.
type Query = Box<dyn FnOnce(&mut Reading) -> Given + Send>;

/// The result of a closure, its type known again.
fn revealed<T, E>(given: Result<Given, StoreError>) -> Result<T, E>
where
    T: 'static,
    E: From<StoreError> + 'static,
{
    match given?.downcast::<Result<T, E>>() {
        Ok(result) => *result,
        Err(_) => Err(StoreError::Broken("an answer").into()),
    }
}

fn open_main(path: &Path, options: &Options) -> Result<Connection, StoreError> {
    let mut conn = Connection::open(path)?;
    let private = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(path, private).map_err(StoreError::io("protect", path))?;
    conn.execute_batch(
        "PRAGMA auto_vacuum = INCREMENTAL;
         PRAGMA journal_mode = WAL;
         PRAGMA foreign_keys = ON;
         PRAGMA busy_timeout = 5000;
         PRAGMA cache_size = -4096;
         PRAGMA journal_size_limit = 4194304;",
    )?;
    let found: String = conn.query_row("PRAGMA quick_check(1)", [], |r| r.get(0))?;
    if found != "ok" {
        return Err(damaged(path, &options.dir, found));
    }
    conn.pragma_update(None, "application_id", APPLICATION_ID)?;
    conn.set_prepared_statement_cache_capacity(128);
    schema::migrate(&mut conn, path, &options.rooms)?;
    Ok(conn)
}

fn explain_damage(error: StoreError, path: &Path, dir: &Path) -> StoreError {
    match error {
        StoreError::Sqlite(e) if StoreError::is_damage(&e) => damaged(path, dir, e.to_string()),
        other => other,
    }
}

fn damaged(path: &Path, dir: &Path, detail: String) -> StoreError {
    let newest = backup::list(dir).ok().and_then(|all| all.into_iter().next());
    let remedy = newest.map_or_else(
        || {
            format!(
                "There is no backup in {}; to start afresh, move the file away",
                dir.join(backup::FOLDER).display()
            )
        },
        |b| format!("Get the last good copy back with: panoptikon restore {}", b.path.display()),
    );
    StoreError::Damaged { path: path.to_owned(), detail, remedy }
}
