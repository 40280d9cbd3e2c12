//! The router as the rest of the house knows it: what it runs, how it can be reached, what waits to
//! be kept, and how it is changed.

mod seen;
mod watch;
mod words;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use access::{Actor, Caller};
use events::Events;
use model::Timestamp;
use store::{Store, StoreError, Vault};
use tokio::sync::watch as channel;
use tokio::time::{Instant, timeout};

use seen::Seen;
pub use words::{Link, OpenError, PlanError, Settings, SnapshotTrouble, Status, Trouble};

use crate::api::{Answer, OpVerb, Request, check_command};
use crate::archive::{self, ArchiveError, Archived};
use crate::change::{Changes, Wanted, record};
use crate::client::{AskError, Client};
use crate::config::{Document, Node};
use crate::plan::risk::Operator;
use crate::plan::{Draft, LONGEST_PLAN, MOST_COMMANDS, Plan, Plans};
use crate::secrets::shown;
use crate::snapshots::{Kept, Snapshot, SnapshotError, Snapshots, Taken};
use crate::{Change, ChangeError, LONGEST_COUNTDOWN, SHORTEST_COUNTDOWN, Unsettled};

/// How long a configuration that was read is good enough for a page.
const FRESH: Duration = Duration::from_secs(5);
/// How long a page waits for a router that is busy with a commit.
const BUSY: Duration = Duration::from_secs(2);
/// The largest `config.boot` that is read, in bytes.
const LARGEST_FILE: u64 = 16 * 1024 * 1024;

/// One router. Cheap to clone.
#[derive(Clone)]
pub struct Router {
    inner: Arc<Inner>,
}

struct Inner {
    client: Client,
    changes: Changes,
    plans: Plans,
    snapshots: Snapshots,
    store: Store,
    events: Events,
    boot_file: Option<PathBuf>,
    known: Mutex<Option<Known>>,
    seen: Seen,
    /// Held by the one who looks; others wait for what that finds.
    looking: tokio::sync::Mutex<()>,
    status: channel::Sender<Arc<Status>>,
}

#[derive(Clone)]
struct Known {
    config: Arc<Node>,
    read: Instant,
    /// What we had done by then.
    deeds: u64,
}

impl Router {
    /// Opens the room; nothing is asked of the router yet.
    pub async fn open(
        settings: Settings,
        store: Store,
        events: Events,
        vault: Vault,
        now: Timestamp,
    ) -> Result<Self, OpenError> {
        let Settings { address, pinned, keys, changes, boot_file, commit_lock } = settings;
        let client = Client::new(address, pinned, keys).watching(commit_lock);
        let seen = Seen::new(&changes, vault.clone());
        let changes =
            Changes::open(client.clone(), store.clone(), events.clone(), changes, now).await?;
        let inner = Inner {
            snapshots: Snapshots::new(store.clone(), vault),
            plans: Plans::default(),
            status: channel::Sender::default(),
            known: Mutex::default(),
            seen,
            looking: tokio::sync::Mutex::default(),
            client,
            changes,
            store,
            events,
            boot_file,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Watches the router and undoes what nobody keeps, until the flag turns true.
    pub async fn run(&self, mut ended: channel::Receiver<bool>) {
        tokio::select! {
            () = self.inner.changes.run() => {}
            () = self.look_on() => {}
            _ = ended.wait_for(|ended| *ended) => {}
        }
    }

    /// Waits until no look at the router is under way: one that was begun goes on to its end, also
    /// when [`run`](Self::run) has ended.
    pub async fn at_rest(&self) {
        drop(self.inner.looking.lock().await);
    }

    /// How things stand, and whenever that changes.
    pub fn status(&self) -> channel::Receiver<Arc<Status>> {
        self.inner.status.subscribe()
    }

    /// The way to the API, for what this room does not wrap.
    pub fn client(&self) -> &Client {
        &self.inner.client
    }

    /// What the router runs, as read within the last seconds.
    pub async fn config(&self) -> Result<Arc<Node>, AskError> {
        match self.known() {
            Some(known) if self.is_fresh(&known) => Ok(known.config),
            // While a long commit runs, what ran before it is better than no page.
            Some(known) => {
                let look = async {
                    // One reads for all who wait.
                    drop(self.inner.looking.lock().await);
                    match self.known() {
                        Some(known) if self.is_fresh(&known) => Ok(known.config),
                        _ => self.look().await,
                    }
                };
                timeout(BUSY, look).await.unwrap_or(Ok(known.config))
            }
            None => self.look().await,
        }
    }

    fn is_fresh(&self, known: &Known) -> bool {
        known.read.elapsed() < FRESH && known.deeds == self.deeds()
    }

    /// What the router ran when it last answered.
    pub fn last_config(&self) -> Option<Arc<Node>> {
        self.known().map(|known| known.config)
    }

    /// What the router runs with its remarks, and the remarks at the end of its file, as a file of
    /// its own would say it.
    pub async fn document(&self) -> Result<Document, AskError> {
        let root = self.inner.client.config_with_remarks().await?;
        let footer = self.boot_document().await.map(|file| file.footer).unwrap_or_default();
        Ok(Document { root, footer })
    }

    /// The folder of the router's own files, its leases among them; none where it cannot be read
    /// from here.
    pub fn config_folder(&self) -> Option<&Path> {
        self.inner.boot_file.as_deref().and_then(Path::parent)
    }

    /// The file that the router starts with, where it can be read from here.
    pub async fn boot_document(&self) -> Option<Document> {
        let path = self.inner.boot_file.clone()?;
        let read = move || {
            let small = std::fs::metadata(&path).is_ok_and(|file| file.len() <= LARGEST_FILE);
            small.then(|| std::fs::read_to_string(&path).ok()).flatten()
        };
        let text = tokio::task::spawn_blocking(read).await.ok().flatten()?;
        Document::parse(&text).ok()
    }

    /// An op-mode command that looks; gives its text. What it says may be a program's failure: the
    /// API calls that a success.
    pub async fn show(&self, words: &[&str]) -> Result<String, AskError> {
        self.op(OpVerb::Show, words).await
    }

    /// An op-mode command.
    pub async fn op(&self, verb: OpVerb, words: &[&str]) -> Result<String, AskError> {
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        match self.inner.client.ask(&Request::Op(verb, words)).await? {
            Answer::Data(data) => Ok(data.as_str().unwrap_or_default().to_owned()),
            Answer::InBackground => Ok(String::new()),
        }
    }

    /// Works out what commands would do, and keeps them for their maker to look at.
    pub async fn plan(
        &self,
        draft: Draft,
        by: &Caller,
        operator: Operator,
    ) -> Result<Arc<Plan>, PlanError> {
        if draft.commands.len() > MOST_COMMANDS || draft.bytes() > LONGEST_PLAN {
            return Err(PlanError::TooLong);
        }
        for command in &draft.commands {
            check_command(command)
                .map_err(|harm| PlanError::Harmful { command: shown(command), harm })?;
        }
        let seen = self.look().await?;
        let mut after = (*seen).clone();
        let known = after.apply(&draft.commands).is_ok();
        if known && after.means_the_same(&seen) {
            return Err(PlanError::Nothing);
        }
        let after = known.then_some(&after);
        Ok(self.inner.plans.make(draft, seen, after, by.actor.clone(), operator))
    }

    /// A plan, for the one who made it.
    pub fn find_plan(&self, id: &str, by: &Actor) -> Option<Arc<Plan>> {
        self.inner.plans.find(id, by)
    }

    /// Applies a plan; it is undone after the countdown unless it is kept. Gives the change's
    /// number: the same one to all who apply the same plan, however often. Where it may cut
    /// somebody off, the caller has checked what was typed.
    pub async fn apply(
        &self,
        plan: &Arc<Plan>,
        countdown: Duration,
        by: &Caller,
    ) -> Result<i64, ChangeError> {
        let (own, plan, by) = (self.clone(), plan.clone(), by.clone());
        // To its end, also if its browser goes away: the next click must find what became of it.
        let work = tokio::spawn(async move {
            let mut applied = plan.fate.applied.lock().await;
            if let Some(number) = *applied {
                return Ok(number);
            }
            let number = own.apply_once(&plan, countdown, &by).await?;
            *applied = Some(number);
            Ok(number)
        });
        work.await.unwrap_or_else(|e| Err(ChangeError::NotDone(e.to_string())))
    }

    async fn apply_once(
        &self,
        plan: &Plan,
        countdown: Duration,
        by: &Caller,
    ) -> Result<i64, ChangeError> {
        let countdown = countdown.clamp(SHORTEST_COUNTDOWN, LONGEST_COUNTDOWN);
        if let Some(why) = plan.refused() {
            return Err(ChangeError::Refused(why.to_owned()));
        }
        let reason = format!("before: {}", plan.why);
        let kept = self.keep_snapshot(by.actor.name(), String::new(), reason).await;
        if let Err(error) = kept {
            return Err(ChangeError::NotDone(format!("no snapshot could be kept before: {error}")));
        }
        let confirm =
            self.status().borrow().abilities.as_ref().is_some_and(|abilities| abilities.confirm);
        let wanted = Wanted {
            commands: plan.commands.clone(),
            why: plan.why.clone(),
            countdown,
            seen: plan.seen.clone(),
            confirm,
        };
        self.inner.changes.apply(wanted, by.clone()).await
    }

    /// Keeps a change: it is saved and will not be undone.
    pub async fn keep(&self, number: i64, by: &Caller) -> Result<(), ChangeError> {
        self.inner.changes.keep(number, by.clone()).await
    }

    /// Undoes a change that waits.
    pub async fn undo(&self, number: i64, by: &Caller) -> Result<(), ChangeError> {
        self.inner.changes.undo(number, by.clone()).await
    }

    /// Makes what runs what the router starts with.
    pub async fn save(&self, by: &Caller) -> Result<(), ChangeError> {
        self.inner.changes.save_all(by).await
    }

    /// A page of changes, newest first, those before a number.
    pub async fn changes(
        &self,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Change>, StoreError> {
        record::page(&self.inner.store, before, limit).await
    }

    /// One change.
    pub async fn change(&self, number: i64) -> Result<Option<Change>, StoreError> {
        record::find(&self.inner.store, number).await
    }

    /// Keeps what the router runs now. With a name it is kept until somebody deletes it.
    pub async fn keep_snapshot(
        &self,
        author: &str,
        label: String,
        reason: String,
    ) -> Result<Kept, SnapshotTrouble> {
        let document = self.document().await?;
        let at = Timestamp::now();
        let taken = Taken { at, author: author.to_owned(), label, reason, document };
        Ok(self.inner.snapshots.keep(taken).await?)
    }

    /// Keeps a configuration that somebody brought, such as one of the router's own archive.
    pub async fn keep_document(
        &self,
        author: &str,
        label: String,
        reason: String,
        at: Timestamp,
        document: Document,
    ) -> Result<Kept, SnapshotError> {
        let taken = Taken { at, author: author.to_owned(), label, reason, document };
        self.inner.snapshots.keep(taken).await
    }

    /// The commits that the router's own archive holds, newest first; none where it cannot be read
    /// from here.
    pub async fn archive(&self) -> Vec<Archived> {
        let Some(folder) = self.archive_folder() else { return Vec::new() };
        let list = tokio::task::spawn_blocking(move || archive::list(&folder));
        list.await.unwrap_or_default()
    }

    /// The configuration after a commit of the router's own archive.
    pub async fn archived(&self, revision: usize) -> Result<Document, ArchiveError> {
        let none = || ArchiveError::Unreadable(revision, std::io::ErrorKind::NotFound.into());
        let folder = self.archive_folder().ok_or_else(none)?;
        let read = tokio::task::spawn_blocking(move || archive::read(&folder, revision));
        read.await.unwrap_or(Err(ArchiveError::Damaged(revision)))
    }

    fn archive_folder(&self) -> Option<PathBuf> {
        Some(self.inner.boot_file.as_ref()?.parent()?.join("archive"))
    }

    /// All snapshots, newest first.
    pub async fn snapshots(&self) -> Result<Vec<Snapshot>, StoreError> {
        self.inner.snapshots.list().await
    }

    /// A snapshot with its configuration.
    pub async fn snapshot(&self, number: i64) -> Result<(Snapshot, Document), SnapshotError> {
        self.inner.snapshots.open(number).await
    }

    /// Gives a snapshot a name, or takes it away.
    pub async fn name_snapshot(&self, number: i64, label: String) -> Result<(), SnapshotError> {
        self.inner.snapshots.name(number, label).await
    }

    /// Deletes a snapshot.
    pub async fn delete_snapshot(&self, number: i64) -> Result<(), SnapshotError> {
        self.inner.snapshots.delete(number).await
    }

    /// Counts what we did to the router.
    fn deeds(&self) -> u64 {
        *self.inner.changes.told().borrow()
    }

    fn known(&self) -> Option<Known> {
        self.inner.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What waits right now, with the seconds that are left.
    pub fn unsettled(&self) -> Vec<Unsettled> {
        self.inner.changes.unsettled()
    }
}
