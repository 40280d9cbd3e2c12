//! Changes of the router that undo themselves unless somebody keeps them.
//!
//! In go a list of commands and who wants it; out comes a change that runs, with a countdown. Before
//! anything is sent, a file says what was before ([`book`]); so it is undone also if the appliance or
//! the router dies in between. Several people's changes may wait at once as long as they touch
//! different things; undoing one leaves the others alone.

mod book;
mod commit;
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

use crate::api::{Request, check_command};
use crate::client::{AskError, Client};
use crate::config::{Command, Node};
use crate::secrets::shown;
use book::{Book, Pending, Stage};
use commit::{Committed, Said, commit};
use touch::{builds_on, overlap, undone, untouched};

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
pub(crate) struct Own(Vec<Command>);

impl Own {
    /// A configuration from before in which all that we touched is as it is now: what it still
    /// differs in was changed by others.
    pub(crate) fn without(&self, before: &Node, now: &Node) -> Node {
        touch::undone(before, now, &self.0)
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
        let (found, unreadable) = book.read()?;
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
            sent: Mutex::default(),
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

    /// Makes a change. It goes on if its caller goes away.
    pub(crate) async fn apply(&self, wanted: Wanted, by: Caller) -> Result<i64, ChangeError> {
        let own = self.clone();
        let work = tokio::spawn(async move { own.apply_to_the_end(wanted, by).await });
        work.await.unwrap_or_else(|e| Err(ChangeError::NotDone(e.to_string())))
    }

    async fn apply_to_the_end(&self, wanted: Wanted, by: Caller) -> Result<i64, ChangeError> {
        if wanted.commands.is_empty() {
            return Err(ChangeError::Empty);
        }
        wanted.commands.iter().try_for_each(check_command)?;
        let session = self.inner.client.session().await?;
        let before = session.config().await?;
        for back in undone(&Node::default(), &before, &wanted.commands).commands() {
            if check_command(&back).is_err() {
                let words = touch::path(&back);
                let setting = words.split_last().map_or(words, |(_, setting)| setting);
                return Err(ChangeError::NoWayBack(setting.join(" ")));
            }
        }
        if !untouched(&before, &wanted.seen, &wanted.commands) {
            return Err(ChangeError::Stale);
        }
        self.nothing_in_the_way(&wanted.commands)?;
        let confirm = wanted.confirm && self.live().is_empty();
        let mut pending = self.write_down(&wanted, &by, before, confirm).await?;
        let number = pending.number;

        let minutes = pending.seconds.div_ceil(60) as u32;
        let confirm_minutes = confirm.then_some(minutes + ROUTER_LATER);
        let sent = commit(&session, &pending.before, &pending.commands, confirm_minutes).await;
        self.sent(&pending.commands);
        let (outcome, result) = match sent {
            Committed::Whole(warnings) => {
                pending.stage = Stage::Waiting;
                pending.deadline = Timestamp::now().plus(wanted.countdown);
                let until = Instant::now() + wanted.countdown;
                // Unwritten it is undone after a crash, which is safe.
                if let Err(error) = self.write(&pending).await {
                    tracing::error!(%error, change = number, "the countdown is not on disk");
                }
                self.mark(number, State::Waiting, &warnings).await;
                let waits = Live {
                    pending: pending.clone(),
                    until,
                    busy: false,
                    unsure: false,
                    problem: None,
                };
                // Before the next one's turn, which must see it.
                self.live().insert(number, waits);
                drop(session);
                (Outcome::Ok, Ok(number))
            }
            Committed::Nothing(said) => {
                let (Said::Router(text) | Said::Us(text)) = &said;
                self.settle(number, State::Refused, text).await;
                let error = match said {
                    Said::Router(text) => ChangeError::Refused(text),
                    Said::Us(text) => ChangeError::NotDone(text),
                };
                (Outcome::Refused, Err(error))
            }
            Committed::Part(Said::Router(why) | Said::Us(why)) | Committed::Unknown(why) => {
                pending.stage = Stage::Undoing;
                if let Err(error) = self.write(&pending).await {
                    tracing::error!(%error, change = number, "what to undo is not on disk");
                }
                let undoes = Live {
                    pending: pending.clone(),
                    until: Instant::now(),
                    busy: true,
                    unsure: true,
                    problem: None,
                };
                self.live().insert(number, undoes);
                drop(session);
                let undone = self.undo_now(number, &why).await;
                let error =
                    if undone { ChangeError::Refused(why) } else { ChangeError::Partly(why) };
                (Outcome::Failed, Err(error))
            }
        };
        let said = result.as_ref().err().map(ToString::to_string);
        self.note(&by, "router.apply", &pending, outcome, said.as_deref()).await;
        self.tell();
        result
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
        self.own().0.extend_from_slice(commands);
    }

    fn own(&self) -> std::sync::MutexGuard<'_, Own> {
        self.inner.sent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn nothing_in_the_way(&self, commands: &[Command]) -> Result<(), ChangeError> {
        let live = self.live();
        if live.len() >= MOST_WAITING {
            return Err(ChangeError::TooMany);
        }
        match live.values().find(|Live { pending, .. }| {
            overlap(&pending.commands, commands)
                || builds_on(&pending.before, &pending.commands, commands)
        }) {
            Some(other) => Err(ChangeError::InTheWay {
                number: other.pending.number,
                actor: other.pending.actor.clone(),
            }),
            None => Ok(()),
        }
    }

    /// Into the table and into the book, before anything is sent.
    async fn write_down(
        &self,
        wanted: &Wanted,
        by: &Caller,
        before: Node,
        confirm: bool,
    ) -> Result<Pending, ChangeError> {
        let now = Timestamp::now();
        let lines: Vec<String> = wanted.commands.iter().map(shown).collect();
        let row = Change {
            number: 0,
            at: now,
            actor: by.actor.name().to_owned(),
            address: by.address.map(|address| address.to_string()),
            why: wanted.why.clone(),
            commands: lines.join("\n"),
            state: State::Applying,
            said: String::new(),
            ended: None,
        };
        let stored = row.clone();
        let store = &self.inner.store;
        let number = store.write("router change", move |w| record::insert(w, &stored)).await?;
        let pending = Pending {
            number,
            stage: Stage::Applying,
            actor: row.actor,
            address: row.address,
            why: row.why,
            made: now,
            deadline: now,
            seconds: wanted.countdown.as_secs(),
            confirm,
            commands: wanted.commands.clone(),
            before,
            saved: false,
        };
        if let Err(error) = self.write(&pending).await {
            self.mark(number, State::Failed, &error.to_string()).await;
            return Err(error.into());
        }
        Ok(pending)
    }

    /// Strikes a change out of the book and says in the table how it ended.
    async fn settle(&self, number: i64, state: State, said: &str) {
        self.mark(number, state, said).await;
        // Both at once: nobody must write it down again.
        let _alone = self.inner.writing.lock().await;
        let book = self.inner.book.clone();
        if let Err(error) = blocking(move || book.remove(number)).await {
            tracing::error!(%error, change = number, "a settled change stays in the book");
        }
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

    /// Takes a change to work on, where the condition holds, and says how far it is from now on.
    fn take(
        &self,
        number: i64,
        stage: Option<Stage>,
        fit: impl FnOnce(&Live) -> bool,
    ) -> Result<Pending, ChangeError> {
        let mut live = self.live();
        match live.get_mut(&number) {
            Some(one) if one.busy => Err(ChangeError::Busy(number)),
            Some(one) if fit(one) => {
                one.busy = true;
                one.pending.stage = stage.unwrap_or(one.pending.stage);
                Ok(one.pending.clone())
            }
            _ => Err(ChangeError::Settled(number)),
        }
    }

    fn stage(&self, number: i64, stage: Stage) {
        if let Some(live) = self.live().get_mut(&number) {
            live.pending.stage = stage;
        }
    }

    fn release(&self, number: i64, problem: Option<String>) {
        if let Some(live) = self.live().get_mut(&number) {
            live.busy = false;
            live.unsure |= problem.is_some();
            live.problem = problem;
            if live.pending.stage != Stage::Waiting {
                live.until = Instant::now() + AGAIN;
            }
        }
        self.inner.wake.notify_one();
    }

    fn again(&self, number: i64, problem: String) {
        self.release(number, Some(problem));
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
