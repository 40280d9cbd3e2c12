//! Changes of the router that undo themselves unless somebody keeps them.
//!
//! In go a list of commands and who wants it; out comes a change that runs, with a countdown. Before
//! anything is sent, a file says what was before ([`book`]); so it is undone also if the appliance or
//! the router dies in between. Several people's changes may wait at once as long as they touch
//! different things; undoing one leaves the others alone.

mod book;
mod commit;
mod hold;
mod make;
mod merge;
mod notes;
pub(crate) mod record;
mod settle;
mod touch;
mod words;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use access::Caller;
use access::audit::{AuditLog, Entry, Outcome};
use events::Events;
use model::Timestamp;
use store::Store;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

pub use book::BookError;
pub use record::{Change, State};
pub use words::{ChangeError, LONGEST_COUNTDOWN, SHORTEST_COUNTDOWN, USUAL_COUNTDOWN, Unsettled};

use crate::api::Request;
use crate::client::{AskError, Client};
use crate::config::{Command, Node};
use book::{Book, Found, Pending, Stage};

/// How much later than we the router itself takes a change back, in minutes: only if we are gone.
const ROUTER_LATER: u32 = 3;
/// How many changes may wait at once.
const MOST_WAITING: usize = 64;
/// Why what was kept is not there all the same.
const LOST: &str = "the router restarted without it and does not take it again";
/// After how long undoing is tried again.
const AGAIN: Duration = Duration::from_secs(10);

struct Live {
    pending: Pending,
    until: Instant,
    busy: bool,
    /// Whether the router may be working on something of ours that an earlier process sent, or
    /// that it gave no answer to.
    unsure: bool,
    problem: Option<String>,
}

/// What we ourselves changed.
#[derive(Default)]
pub(crate) struct Own {
    commands: Vec<Command>,
    /// The changes that were settled meanwhile.
    settled: Vec<i64>,
}

impl Own {
    /// A configuration from before in which all that we touched is as it is now: what it still
    /// differs in was changed by others.
    pub(crate) fn without(&self, before: &Node, now: &Node) -> Node {
        touch::undone(before, now, &self.commands)
    }
}

/// All changes of one router. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Changes {
    inner: Arc<Inner>,
}

struct Inner {
    client: Client,
    store: Store,
    audit: AuditLog,
    events: Events,
    book: Book,
    /// Held while the book is written: two writes of one file at once would spoil it.
    writing: tokio::sync::Mutex<()>,
    live: Mutex<BTreeMap<i64, Live>>,
    /// What was sent since the configuration was last read.
    sent: Mutex<Own>,
    wake: Notify,
    /// Counts what happened to changes, for those who show them.
    told: watch::Sender<u64>,
}

/// What is to be changed.
pub(crate) struct Wanted {
    pub(crate) commands: Vec<Command>,
    pub(crate) why: String,
    pub(crate) countdown: Duration,
    /// The configuration that its person saw.
    pub(crate) seen: Arc<Node>,
    /// Whether the router can be told to take it back by itself as well.
    pub(crate) confirm: bool,
}

impl Changes {
    /// Opens the book in a folder of the configuration, and takes up what is in it.
    pub(crate) async fn open(
        client: Client,
        store: Store,
        events: Events,
        dir: PathBuf,
        now: Timestamp,
    ) -> Result<Self, ChangeError> {
        let book = Book::open(dir)?;
        let Found { pending: found, settled, unreadable } = book.read()?;
        // What of it the router runs is ours, whatever it ran when it was last looked at.
        let mut own = Own::default();
        for change in settled.iter().chain(&found) {
            own.commands.extend_from_slice(&change.commands);
        }
        own.settled.extend(settled.iter().map(|change| change.number));
        let numbers: Vec<i64> = found.iter().map(|change| change.number).collect();
        store
            .write("router changes", move |w| record::end_forgotten(w, &numbers, &unreadable, now))
            .await?;
        let live = found.into_iter().map(|pending| {
            let left = (pending.deadline.0 - now.0).max(0) as u64;
            // A clock that was set back must not make it wait longer than it was meant to.
            let left = match pending.stage {
                Stage::Waiting => left.min(pending.seconds * 1_000),
                _ => 0,
            };
            let until = Instant::now() + Duration::from_millis(left);
            let unsure = pending.stage != Stage::Waiting;
            (pending.number, Live { pending, until, busy: false, unsure, problem: None })
        });
        let inner = Inner {
            audit: AuditLog::new(store.clone()),
            live: Mutex::new(live.collect()),
            sent: Mutex::new(own),
            client,
            store,
            events,
            book,
            writing: tokio::sync::Mutex::default(),
            wake: Notify::new(),
            told: watch::Sender::new(0),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Turns whenever something happens to a change.
    pub(crate) fn told(&self) -> watch::Receiver<u64> {
        self.inner.told.subscribe()
    }

    /// What is not settled, oldest first.
    pub(crate) fn unsettled(&self) -> Vec<Unsettled> {
        let live = self.live();
        let now = Instant::now();
        live.values()
            .map(|one| Unsettled {
                number: one.pending.number,
                actor: one.pending.actor.clone(),
                why: one.pending.why.clone(),
                state: match one.pending.stage {
                    Stage::Applying => State::Applying,
                    Stage::Waiting => State::Waiting,
                    Stage::Keeping => State::Kept,
                    Stage::Undoing => State::Undoing,
                },
                deadline: one.pending.deadline,
                seconds: match one.pending.stage {
                    Stage::Waiting => one.until.saturating_duration_since(now).as_secs(),
                    _ => 0,
                },
                problem: one.problem.clone(),
            })
            .collect()
    }

    /// What the router runs, and what of it we changed since this was last asked.
    pub(crate) async fn read(&self) -> Result<(Node, Own), AskError> {
        let session = self.inner.client.session().await?;
        let config = session.config().await?;
        // Within the turn: nothing of ours is sent between the two.
        let own = std::mem::take(&mut *self.own());
        drop(session);
        Ok((config, own))
    }

    /// Lets go of what was only kept to tell our own changes from those of others: what the router
    /// runs with them is known for good.
    pub(crate) async fn seen(&self, own: Own) {
        let _alone = self.inner.writing.lock().await;
        let book = self.inner.book.clone();
        let work = move || own.settled.into_iter().try_for_each(|number| book.forget(number));
        if let Err(error) = blocking(work).await {
            tracing::warn!(%error, "a settled change stays in the book");
        }
    }

    /// Makes what runs what the router starts with.
    pub(crate) async fn save_all(&self, by: &Caller) -> Result<(), ChangeError> {
        let session = self.inner.client.session().await?;
        self.saving(0).await;
        let saved = session.ask(&Request::Save).await;
        drop(session);
        let outcome = if saved.is_ok() { Outcome::Ok } else { Outcome::Failed };
        let entry = Entry::new(by, "router.save", "router", Timestamp::now()).ended(outcome);
        self.inner.audit.append(entry).await?;
        self.tell();
        Ok(saved.map(drop)?)
    }

    fn sent(&self, commands: &[Command]) {
        self.own().commands.extend_from_slice(commands);
    }

    fn own(&self) -> std::sync::MutexGuard<'_, Own> {
        self.inner.sent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Strikes a change out of the book and says in the table how it ended.
    async fn settle(&self, number: i64, state: State, said: &str) {
        self.mark(number, state, said).await;
        // Both at once: nobody must write it down again.
        let _alone = self.inner.writing.lock().await;
        let book = self.inner.book.clone();
        if let Err(error) = blocking(move || book.settle(number)).await {
            tracing::error!(%error, change = number, "a settled change stays in the book");
        }
        self.own().settled.push(number);
        self.live().remove(&number);
    }

    async fn mark(&self, number: i64, state: State, said: &str) {
        let said = said.to_owned();
        let now = Timestamp::now();
        let written = self
            .inner
            .store
            .write("router change", move |w| record::update(w, number, state, &said, now))
            .await;
        if let Err(error) = written {
            tracing::error!(%error, change = number, "how a change stands is not in the table");
        }
    }

    /// Into the book.
    async fn write(&self, pending: &Pending) -> Result<(), BookError> {
        let _alone = self.inner.writing.lock().await;
        let (book, pending) = (self.inner.book.clone(), pending.clone());
        blocking(move || book.write(&pending)).await
    }

    /// Into the book, as it is by then; nothing if it is settled.
    async fn write_live(&self, number: i64) -> Result<(), BookError> {
        let _alone = self.inner.writing.lock().await;
        let found = self.live().get(&number).map(|live| live.pending.clone());
        let Some(pending) = found else { return Ok(()) };
        let book = self.inner.book.clone();
        blocking(move || book.write(&pending)).await
    }

    async fn write_or_log(&self, number: i64) {
        // A book that cannot be written must not keep anything from being undone.
        if let Err(error) = self.write_live(number).await {
            tracing::error!(%error, change = number, "how a change stands is not on disk");
        }
    }

    fn live(&self) -> std::sync::MutexGuard<'_, BTreeMap<i64, Live>> {
        self.inner.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self) {
        self.inner.told.send_modify(|count| *count += 1);
        self.inner.wake.notify_one();
    }
}

/// Writes to a disk off the threads that everything else runs on.
async fn blocking(
    work: impl FnOnce() -> Result<(), BookError> + Send + 'static,
) -> Result<(), BookError> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|e| Err(BookError::ended(e)))
}
