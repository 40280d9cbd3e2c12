//! Changes of the router that undo themselves unless somebody keeps them.
//!
//! In go a list of commands and who wants it; out comes a change that runs, with a countdown. Before
//! anything is sent, a file says what was before ([`book`]); so it is undone also if the appliance or
//! the router dies in between. Several people's changes may wait at once as long as they touch
//! different things; undoing one leaves the others alone.

mod book;
mod commit;
pub(crate) mod record;
mod touch;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use access::audit::{AuditLog, Entry, Outcome};
use access::{Actor, Caller};
use events::Events;
use model::{NewEvent, Severity, Timestamp};
use serde::Serialize;
use serde_json::json;
use store::{Store, StoreError};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until};

pub use book::BookError;
pub use record::{Change, State};

use crate::api::{Harm, Request, check_command};
use crate::client::{AskError, Client, Session};
use crate::config::{Command, Node};
use crate::secrets::shown;
use book::{Book, Pending, Stage};
use commit::{Committed, Said, Saved, Undone, commit, confirmed, save, undo};
use touch::{builds_on, overlap, undone, untouched};

/// The shortest countdown.
pub const SHORTEST_COUNTDOWN: Duration = Duration::from_secs(1);
/// The longest countdown.
pub const LONGEST_COUNTDOWN: Duration = Duration::from_secs(60 * 60);
/// The countdown if nobody says another.
pub const USUAL_COUNTDOWN: Duration = Duration::from_secs(2 * 60);
/// How much later than we the router itself takes a change back, in minutes: only if we are gone.
const ROUTER_LATER: u32 = 3;
/// How many changes may wait at once.
const MOST_WAITING: usize = 64;
/// Why what was kept is not there all the same.
const LOST: &str = "the router restarted without it and does not take it again";
/// After how long undoing is tried again.
const AGAIN: Duration = Duration::from_secs(10);

/// Why a change was not made, or not kept.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// It would arrive changed, or harm the router.
    #[error(transparent)]
    Harmful(#[from] Harm),
    /// It holds nothing.
    #[error("there is nothing to change")]
    Empty,
    /// What it touches is not as it was when it was planned.
    #[error("the router's configuration has changed since this was planned; look at it again")]
    Stale,
    /// Another change that may yet be undone touches the same.
    #[error("change {number} of {actor} touches the same and is not settled yet")]
    InTheWay {
        /// That change.
        number: i64,
        /// Who made it.
        actor: String,
    },
    /// What it takes away could not be put back.
    #[error("it takes away what the API could not put back, `{0}`: do it on the router's console")]
    NoWayBack(String),
    /// Too many wait.
    #[error("{MOST_WAITING} changes wait to be kept or undone; settle one first")]
    TooMany,
    /// The router said no, in its own words; nothing of it runs.
    #[error("{0}")]
    Refused(String),
    /// It went wrong on the way; nothing of it runs.
    #[error("{0}")]
    NotDone(String),
    /// It was done in part and is being undone.
    #[error("the router did only a part of it, which is being undone: {0}")]
    Partly(String),
    /// There is no such change, or it is settled.
    #[error("change {0} is settled already, or never was")]
    Settled(i64),
    /// Something is being done with it right now.
    #[error("change {0} is being worked on; wait a moment")]
    Busy(i64),
    /// The router could not be asked.
    #[error(transparent)]
    Ask(#[from] AskError),
    /// It could not be written down, and is not made without that.
    #[error(transparent)]
    Book(#[from] BookError),
    /// It could not be written down, and is not made without that.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A change that is not settled, as pages show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unsettled {
    /// Its number.
    pub number: i64,
    /// Who made it.
    pub actor: String,
    /// What for.
    pub why: String,
    /// How it stands.
    pub state: State,
    /// When it is undone unless somebody keeps it.
    pub deadline: Timestamp,
    /// Whole seconds until then; 0 while it is being undone.
    pub seconds: u64,
    /// Why undoing has not worked so far.
    pub problem: Option<String>,
}

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

    /// Keeps a change: from now on it is the configuration that the router starts with.
    pub(crate) async fn keep(&self, number: i64, by: Caller) -> Result<(), ChangeError> {
        let own = self.clone();
        let work = tokio::spawn(async move { own.keep_to_the_end(number, by).await });
        work.await.unwrap_or_else(|e| Err(ChangeError::NotDone(e.to_string())))
    }

    async fn keep_to_the_end(&self, number: i64, by: Caller) -> Result<(), ChangeError> {
        let pending = self.take(number, Some(Stage::Keeping), |live| {
            live.pending.stage == Stage::Waiting && live.until > Instant::now()
        })?;
        if let Err(error) = self.write_live(number).await {
            self.stage(number, Stage::Waiting);
            self.release(number, None);
            return Err(error.into());
        }
        let kept = self.save(&pending).await;
        let outcome = if matches!(kept, Saved::Whole(_)) { Outcome::Ok } else { Outcome::Failed };
        let (said, result) = match &kept {
            Saved::Whole(said) => ((*said).to_owned(), Ok(())),
            Saved::Not(why) => (
                why.clone(),
                Err(ChangeError::NotDone(format!("it is kept, but not saved yet: {why}"))),
            ),
            Saved::Lost(why) => (why.clone(), Err(ChangeError::NotDone(format!("{LOST}: {why}")))),
        };
        self.note(&by, "router.keep", &pending, outcome, Some(&said)).await;
        self.kept(number, kept).await;
        self.tell();
        result
    }

    /// What follows from how saving ended.
    async fn kept(&self, number: i64, how: Saved) {
        match how {
            Saved::Whole(said) => self.settle(number, State::Kept, said).await,
            // It stays kept; saving is tried again.
            Saved::Not(why) => self.again(number, why),
            Saved::Lost(why) => {
                self.stage(number, Stage::Undoing);
                self.write_or_log(number).await;
                self.undo_now(number, &format!("{LOST}: {why}")).await;
            }
        }
    }

    /// Undoes a change that waits.
    pub(crate) async fn undo(&self, number: i64, by: Caller) -> Result<(), ChangeError> {
        let own = self.clone();
        let work = tokio::spawn(async move {
            let pending = own
                .take(number, Some(Stage::Undoing), |live| live.pending.stage == Stage::Waiting)?;
            own.write_or_log(number).await;
            let undone = own.undo_now(number, "").await;
            let outcome = if undone { Outcome::Ok } else { Outcome::Failed };
            own.note(&by, "router.undo", &pending, outcome, None).await;
            own.tell();
            Ok(())
        });
        work.await.unwrap_or_else(|e| Err(ChangeError::NotDone(e.to_string())))
    }

    /// Undoes what nobody kept in time, and finishes what an end of the appliance interrupted.
    /// Never returns.
    pub(crate) async fn run(&self) {
        loop {
            let due: Vec<i64> = {
                let live = self.live();
                let now = Instant::now();
                live.values()
                    .filter(|one| !one.busy && one.until <= now)
                    .map(|one| one.pending.number)
                    .collect()
            };
            for number in due {
                self.finish(number).await;
            }
            let next = self.live().values().filter(|one| !one.busy).map(|one| one.until).min();
            let next = next.unwrap_or_else(|| Instant::now() + Duration::from_secs(3600));
            tokio::select! {
                () = sleep_until(next) => {}
                () = self.inner.wake.notified() => {}
            }
        }
    }

    /// Brings a change to its end whose time is up, or that a start found unfinished.
    async fn finish(&self, number: i64) {
        let Ok(pending) = self.take(number, None, |live| live.until <= Instant::now()) else {
            return;
        };
        if pending.stage == Stage::Keeping {
            let how = self.save(&pending).await;
            self.kept(number, how).await;
            return self.tell();
        }
        let found = pending.stage;
        self.stage(number, Stage::Undoing);
        self.write_or_log(number).await;
        self.mark(number, State::Undoing, "").await;
        let why = match found {
            Stage::Applying => "Panoptikon was stopped while it was being made.",
            Stage::Waiting => "Nobody kept it in time.",
            Stage::Undoing | Stage::Keeping => "",
        };
        let undone = self.undo_now(number, why).await;
        if undone || found != Stage::Undoing {
            let outcome = if undone { Outcome::Ok } else { Outcome::Failed };
            self.note(&Caller::system(), "router.undo", &pending, outcome, Some(why)).await;
        }
        self.tell();
    }

    /// Undoes; if the router does not let it, together with all that were made after it, for they
    /// may build on it. Whether it is undone.
    async fn undo_now(&self, number: i64, why: &str) -> bool {
        let session = self.inner.client.urgent_session().await;
        let found = self.live().get(&number).map(|live| (live.pending.clone(), live.unsure));
        let Some((pending, unsure)) = found else { return false };
        let how = undo(&session, &pending.before, &pending.commands, unsure).await;
        self.sent(&pending.commands);
        let problem = match how {
            Undone::Whole => match self.forget_on_the_router(&session, &pending).await {
                Ok(()) => {
                    drop(session);
                    let remarks =
                        pending.commands.iter().any(|c| matches!(c, Command::Comment(..)));
                    let stay = if remarks { " The remarks that it made stay." } else { "" };
                    self.settle(number, State::Undone, format!("{why}{stay}").trim()).await;
                    self.publish("router_change_undone", Severity::Low, &pending, why).await;
                    return true;
                }
                Err(error) => error.to_string(),
            },
            Undone::Not(Said::Us(problem)) => problem,
            Undone::Not(Said::Router(problem)) => {
                // Only a router that says no may say so because of what was built on it.
                self.bring_forward_later(number);
                problem
            }
        };
        drop(session);
        let first = self.live().get(&number).is_some_and(|live| live.problem.is_none());
        if first {
            self.publish("router_undo_failing", Severity::Critical, &pending, &problem).await;
        }
        self.mark(number, State::Undoing, &problem).await;
        self.again(number, problem);
        false
    }

    /// Ends what else the router has of an undone change: its own waiting, and the file that it
    /// starts with where another change was saved together with this one.
    async fn forget_on_the_router(
        &self,
        session: &Session<'_>,
        pending: &Pending,
    ) -> Result<(), AskError> {
        if pending.confirm {
            confirmed(session).await?;
        }
        if pending.saved {
            self.saving(pending.number).await;
            session.ask(&Request::Save).await?;
        }
        Ok(())
    }

    /// Notes of all other changes that are not settled that the file may hold them from now on: to
    /// save is to save all that runs. Only with the turn.
    async fn saving(&self, number: i64) {
        let others: Vec<i64> = {
            let mut live = self.live();
            let others = live.values_mut().filter(|one| one.pending.number != number);
            others
                .filter_map(|one| {
                    let known = std::mem::replace(&mut one.pending.saved, true);
                    (!known).then_some(one.pending.number)
                })
                .collect()
        };
        for number in others {
            self.write_or_log(number).await;
        }
    }

    /// Lets the time of all later changes be up.
    fn bring_forward_later(&self, number: i64) {
        let mut live = self.live();
        let waiting = |one: &&mut Live| !one.busy && one.pending.stage == Stage::Waiting;
        for (_, later) in live.range_mut(number + 1..) {
            if waiting(&later) {
                later.until = Instant::now();
            }
        }
        drop(live);
        self.inner.wake.notify_one();
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

    async fn save(&self, pending: &Pending) -> Saved {
        let session = self.inner.client.urgent_session().await;
        self.saving(pending.number).await;
        let saved = save(&session, &pending.before, &pending.commands, pending.confirm).await;
        if !matches!(saved, Saved::Whole("")) {
            self.sent(&pending.commands);
        }
        saved
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

    async fn note(
        &self,
        by: &Caller,
        action: &'static str,
        change: &Pending,
        outcome: Outcome,
        said: Option<&str>,
    ) {
        let lines: Vec<String> = change.commands.iter().map(shown).collect();
        let detail = json!({
            "why": change.why,
            "commands": lines,
            "seconds": change.seconds,
            "made_by": if by.actor == Actor::System { Some(&change.actor) } else { None },
            "said": said.filter(|said| !said.is_empty()),
        });
        let entry = Entry::new(by, action, format!("change:{}", change.number), Timestamp::now());
        let entry = entry.with(detail).ended(outcome);
        if let Err(error) = self.inner.audit.append(entry).await {
            tracing::error!(%error, change = change.number, action, "not in the audit log");
        }
    }

    async fn publish(&self, kind: &'static str, severity: Severity, change: &Pending, why: &str) {
        let Pending { number, actor, why: purpose, .. } = change;
        let summary = match kind {
            "router_undo_failing" => {
                format!("Change {number} of {actor} cannot be undone yet: {why}")
            }
            _ => format!("Change {number} of {actor} was undone: {purpose}"),
        };
        let event = NewEvent {
            at: Timestamp::now(),
            source: "router",
            kind,
            severity,
            device: None,
            summary: summary.chars().take(400).collect(),
            data: json!({ "change": number, "actor": actor, "why": why }),
        };
        if let Err(error) = self.inner.events.publish(event).await {
            tracing::error!(%error, "an event about the router is lost");
        }
    }
}

/// Writes to a disk off the threads that everything else runs on.
async fn blocking(
    work: impl FnOnce() -> Result<(), BookError> + Send + 'static,
) -> Result<(), BookError> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|e| Err(BookError::ended(e)))
}
