//! The router as the rest of the house knows it: what it runs, how it can be reached, what waits to
//! be kept, and how it is changed.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use access::{Actor, Caller};
use events::Events;
use model::{NewEvent, Severity, Timestamp};
use serde::Serialize;
use serde_json::json;
use store::{Store, StoreError, Vault};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::api::{Answer, Harm, OpVerb, Refusal, Request, check_command};
use crate::archive::{self, ArchiveError, Archived};
use crate::change::{Changes, Wanted, record};
use crate::client::{Abilities, Address, AskError, Client, Fingerprint, KeySource, TransportError};
use crate::config::{Document, Node, diff};
use crate::plan::risk::Operator;
use crate::plan::{Draft, MOST_COMMANDS, Plan, Plans};
use crate::secrets::shown;
use crate::snapshots::{Kept, Snapshot, SnapshotError, Snapshots, Taken};
use crate::{Change, ChangeError, LONGEST_COUNTDOWN, SHORTEST_COUNTDOWN, State, Unsettled};

/// How often the router is asked whether somebody else changed it.
const LOOK: Duration = Duration::from_secs(60);
/// How often it is asked again while it cannot be reached.
const LOOK_AGAIN: Duration = Duration::from_secs(10);
/// How often the time of the router's own file is looked at, which costs nothing.
const GLANCE: Duration = Duration::from_secs(2);
/// How long a configuration that was read is good enough for a page.
const FRESH: Duration = Duration::from_secs(5);
/// How long a page waits for a router that is busy with a commit.
const BUSY: Duration = Duration::from_secs(2);
/// The largest `config.boot` that is read, in bytes.
const LARGEST_FILE: u64 = 16 * 1024 * 1024;
/// Commands of a change by others that are written down; the snapshots have the rest.
const MOST_LINES: usize = 500;

/// How to reach the router, and where its things lie.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Its API.
    pub address: Address,
    /// The certificate of its web server, where it is known.
    pub pinned: Option<Fingerprint>,
    /// Where its key is read.
    pub keys: KeySource,
    /// The folder for changes that are not settled.
    pub changes: PathBuf,
    /// The file the router starts with; none where it cannot be read from here.
    pub boot_file: Option<PathBuf>,
}

/// Why the room cannot open.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct OpenError(#[from] ChangeError);

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// Nothing would change.
    #[error("nothing would change: the router is so already")]
    Nothing,
    /// Too long.
    #[error("a change has at most {MOST_COMMANDS} commands; make several of it")]
    TooLong,
    /// A command would arrive changed or harm the router.
    #[error("`{command}`: {harm}")]
    Harmful {
        /// The command, secrets struck out.
        command: String,
        /// What is wrong with it.
        harm: Harm,
    },
    /// The router cannot be asked what it runs.
    #[error(transparent)]
    Ask(#[from] AskError),
}

/// What keeps the router from answering, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Trouble {
    /// What is the matter.
    pub text: String,
    /// What to do.
    pub advice: String,
    /// Commands for the router's console that mend it, if any do.
    pub commands: Vec<String>,
}

/// Whether the router answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum Link {
    /// Not known yet.
    #[default]
    Asking,
    /// It does.
    Up,
    /// It does not.
    Down(Trouble),
}

/// How things stand with the router.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct Status {
    /// Whether it answers.
    pub link: Link,
    /// What its API can do; none before it answered.
    pub abilities: Option<Abilities>,
    /// Its name.
    pub host_name: Option<String>,
    /// Changes that wait to be kept or are being undone.
    pub unsettled: Vec<Unsettled>,
    /// Whether what it runs differs from what it would start with; none where that is not to be
    /// seen.
    pub unsaved: Option<bool>,
    /// Counts the configurations that were seen.
    pub revision: u64,
}

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
    /// Held by the one who looks; others wait for what that finds.
    looking: tokio::sync::Mutex<()>,
    status: watch::Sender<Arc<Status>>,
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
        let Settings { address, pinned, keys, changes, boot_file } = settings;
        let client = Client::new(address, pinned, keys);
        let changes =
            Changes::open(client.clone(), store.clone(), events.clone(), changes, now).await?;
        let inner = Inner {
            snapshots: Snapshots::new(store.clone(), vault),
            plans: Plans::default(),
            status: watch::Sender::default(),
            known: Mutex::default(),
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
    pub async fn run(&self, mut ended: watch::Receiver<bool>) {
        tokio::select! {
            () = self.inner.changes.run() => {}
            () = self.look_on() => {}
            _ = ended.wait_for(|ended| *ended) => {}
        }
    }

    /// How things stand, and whenever that changes.
    pub fn status(&self) -> watch::Receiver<Arc<Status>> {
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
        if draft.commands.len() > MOST_COMMANDS {
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
    /// number. Where it may cut somebody off, the caller has checked what was typed.
    pub async fn apply(
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
        let applied = self.inner.changes.apply(wanted, by.clone()).await;
        if applied.is_ok() {
            self.inner.plans.forget(&plan.id);
        }
        applied
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

    /// Looks at the router whenever there may be something new.
    async fn look_on(&self) {
        let mut told = self.inner.changes.told();
        loop {
            let answers = self.look().await.is_ok();
            if answers && self.status().borrow().abilities.is_none() {
                match self.inner.client.probe().await {
                    Ok(found) => self.tell(|status| status.abilities = Some(found)),
                    Err(error) => tracing::warn!(%error, "what the router can do is not known"),
                }
            }
            let file = self.boot_file_time();
            let next = Instant::now() + if answers { LOOK } else { LOOK_AGAIN };
            loop {
                tokio::select! {
                    () = sleep_until(next) => break,
                    changed = told.changed() => {
                        if changed.is_err() {
                            return;
                        }
                        break;
                    }
                    () = sleep(GLANCE) => {
                        self.tell(|_| {});
                        if self.boot_file_time() != file {
                            break;
                        }
                    }
                }
            }
        }
    }

    fn boot_file_time(&self) -> Option<SystemTime> {
        let path = self.inner.boot_file.as_ref()?;
        std::fs::metadata(path).and_then(|file| file.modified()).ok()
    }

    /// Reads the router's configuration; tells of what others changed. To its end in any case, for
    /// what it finds out about others must not be lost.
    async fn look(&self) -> Result<Arc<Node>, AskError> {
        let own = self.clone();
        let look = tokio::spawn(async move {
            let _alone = own.inner.looking.lock().await;
            own.look_to_the_end().await
        });
        look.await.unwrap_or_else(|e| Err(AskError::Unreadable(e.to_string())))
    }

    async fn look_to_the_end(&self) -> Result<Arc<Node>, AskError> {
        let deeds = self.deeds();
        let read = self.inner.changes.read().await;
        let (config, own) = match read {
            Ok(read) => read,
            // That is about us and not about the router.
            Err(error @ AskError::Crowded) => return Err(error),
            Err(error) => {
                let trouble = trouble(&error, self.inner.client.address());
                // Another release may answer next.
                self.tell(|status| {
                    status.link = Link::Down(trouble);
                    status.abilities = None;
                });
                return Err(error);
            }
        };
        let before = self.known();
        let changed = before.as_ref().is_none_or(|before| !before.config.means_the_same(&config));
        // Plans hold on to the configuration that they were made for: the same one is held once.
        let config = match &before {
            Some(before) if !changed => before.config.clone(),
            _ => Arc::new(config),
        };
        let known = Known { config: config.clone(), read: Instant::now(), deeds };
        self.inner.known.lock().unwrap_or_else(PoisonError::into_inner).replace(known);
        if let Some(before) = before.filter(|_| changed) {
            let by_others = diff(&own.without(&before.config, &config), &config);
            if !by_others.is_empty() {
                let lines: Vec<String> = by_others.iter().map(shown).collect();
                self.changed_by_others(lines).await;
            }
        }
        let unsaved = self.boot_document().await.map(|mut file| {
            file.root.forget_remarks();
            !file.root.means_the_same(&config)
        });
        self.tell(|status| {
            status.link = Link::Up;
            status.unsaved = unsaved;
            status.host_name = config.value_at(["system", "host-name"]).map(str::to_owned);
            status.revision += u64::from(changed);
        });
        Ok(config)
    }

    async fn changed_by_others(&self, lines: Vec<String>) {
        let now = Timestamp::now();
        let count = lines.len();
        let mut commands = lines.iter().take(MOST_LINES).cloned().collect::<Vec<_>>().join("\n");
        if count > MOST_LINES {
            let _ = write!(commands, "\n# and {} more", count - MOST_LINES);
        }
        // The router's own log knows who, if its commit is the newest.
        let newest = self.archive().await.into_iter().next();
        let who = newest.filter(|commit| now.since(commit.at) < 2 * LOOK);
        let actor = who.map_or_else(|| "outside".to_owned(), |c| format!("{} ({})", c.user, c.via));
        let row = Change {
            number: 0,
            at: now,
            actor,
            address: None,
            why: "Changed on the router itself or by another program".to_owned(),
            commands,
            state: State::Outside,
            said: String::new(),
            ended: Some(now),
        };
        let store = &self.inner.store;
        let number = store.write("router change", move |w| record::insert(w, &row)).await;
        let number = number.map_err(|error| tracing::error!(%error, "a change is not recorded"));
        let summary = format!(
            "The router's configuration was changed outside Panoptikon: {}{}",
            lines.first().map_or("", String::as_str),
            if count > 1 { format!(" and {} more", count - 1) } else { String::new() }
        );
        let event = NewEvent {
            at: now,
            source: "router",
            kind: "router_changed_outside",
            severity: Severity::Low,
            device: None,
            summary: summary.chars().take(400).collect(),
            data: json!({ "change": number.ok(), "commands": count }),
        };
        if let Err(error) = self.inner.events.publish(event).await {
            tracing::error!(%error, "an event about the router is lost");
        }
        // Off the path of whoever is waiting for the configuration.
        let own = self.clone();
        tokio::spawn(async move {
            let reason = "after a change by others".to_owned();
            if let Err(error) = own.keep_snapshot("outside", String::new(), reason).await {
                tracing::warn!(%error, "no snapshot after a change by others");
            }
        });
    }

    fn tell(&self, change: impl FnOnce(&mut Status)) {
        let unsettled = self.inner.changes.unsettled();
        self.inner.status.send_if_modified(|status| {
            let mut next = (**status).clone();
            change(&mut next);
            next.unsettled = unsettled;
            let differs = next != **status;
            if differs {
                *status = Arc::new(next);
            }
            differs
        });
    }

    /// What waits right now, with the seconds that are left.
    pub fn unsettled(&self) -> Vec<Unsettled> {
        self.inner.changes.unsettled()
    }
}

/// Why what runs could not be kept.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotTrouble {
    /// It could not be read.
    #[error(transparent)]
    Ask(#[from] AskError),
    /// It could not be kept.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
}

/// What an error means to the router's owner.
fn trouble(error: &AskError, address: &Address) -> Trouble {
    let api = ["configure", "set service https api keys id panoptikon key YOUR-LONG-RANDOM-KEY"];
    let rest = ["set service https api rest", "commit", "save", "exit"];
    let lines = |parts: &[&[&str]]| parts.concat().iter().map(|line| (*line).to_owned()).collect();
    let (text, advice, commands) = match error {
        AskError::NoKey(why) => (
            format!("There is no key for the router's API: {why}."),
            "Switch the API on, on the router's console. In VyOS 1.4 leave out the line with rest.",
            lines(&[&api, &rest]),
        ),
        AskError::Refused(Refusal::WrongKey) => (
            "The router does not accept the API key.".to_owned(),
            "Look which keys it knows, and give Panoptikon one of them.",
            lines(&[&["show configuration commands | match 'https api keys'"]]),
        ),
        AskError::Refused(Refusal::NotOffered(_)) => (
            "The router's API runs, but does not answer over REST.".to_owned(),
            "Newer releases need it switched on by itself, on the router's console.",
            lines(&[&["configure"], &rest]),
        ),
        AskError::Refused(Refusal::NotAdmitted) => (
            "The router's web server does not let this address in.".to_owned(),
            "Take 127.0.0.1 into the addresses that may use the API.",
            lines(&[&[
                "configure",
                "set service https allow-client address 127.0.0.1",
                "commit",
                "save",
            ]]),
        ),
        AskError::Refused(Refusal::Down(_)) | AskError::Silent(TransportError::Connect { .. }) => (
            format!("The router's API does not run at {address}."),
            "If the router is starting, wait a minute. Else switch the API on, on its console; in \
             VyOS 1.4 leave out the line with rest.",
            lines(&[&api, &rest]),
        ),
        AskError::Silent(_) => (
            format!("The router's API at {address} does not answer."),
            "It may be busy with a long commit. If it stays so, start it anew on the console.",
            lines(&[&["sudo systemctl restart vyos-http-api"]]),
        ),
        AskError::Refused(Refusal::Dirty | Refusal::Locked) => (
            "The router is busy with another commit.".to_owned(),
            "Wait until it is done.",
            Vec::new(),
        ),
        other => (other.to_string(), "Look into the router's own log for more.", Vec::new()),
    };
    Trouble { text, advice: advice.to_owned(), commands }
}
