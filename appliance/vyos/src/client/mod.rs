//! Speaks with the router's HTTP API: one request at a time, in the order in which they were asked.
//!
//! What may pass by itself (another commit, a restart of the API) is waited for; what may have been
//! done although no answer came is reported as such and never sent twice.

mod keys;
mod leftovers;
mod pin;
mod probe;
mod transport;

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::{Instant, sleep};

pub use keys::KeySource;
pub use pin::{Fingerprint, NoFingerprint, any_certificate};
pub use probe::Abilities;
pub use transport::{Address, TransportError};

use crate::api::{Answer, Harm, KeyError, Refusal, Request, read};
use crate::config::{Document, Node};
use leftovers::Leftovers;
use transport::Transport;

/// Requests that may wait for their turn; more are told that the queue is full.
const MOST_WAITING: usize = 256;
/// How long another commit, a restart of the API or a foreign load is waited for.
const PATIENCE: Duration = Duration::from_secs(90);
/// How long somebody who only looks waits for an API that is not there.
const LOOKING: Duration = Duration::from_secs(4);
/// How long a read may take.
const READING: Duration = Duration::from_secs(60);
/// How long a commit may take; firewalls with thousands of rules take minutes on small routers.
const COMMITTING: Duration = Duration::from_secs(900);
/// The first pause before a request is sent again; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(3);

/// Why the router did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// It would have harmed the router, or arrived changed.
    #[error(transparent)]
    Harmful(#[from] Harm),
    /// There is no key to ask with.
    #[error("no API key: {0}")]
    NoKey(String),
    /// Too many wait already.
    #[error("{MOST_WAITING} requests wait for the router already")]
    Crowded,
    /// It said no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It could not be reached, or fell silent.
    #[error(transparent)]
    Silent(#[from] TransportError),
    /// The configuration that it gave cannot be read.
    #[error("the router's configuration cannot be read: {0}")]
    Unreadable(String),
}

impl AskError {
    /// Whether the API was not there, or went away: it may come back.
    fn is_away(&self) -> bool {
        match self {
            Self::Refused(refusal) => matches!(refusal, Refusal::Down(_)),
            Self::Silent(silent) => {
                !matches!(silent, TransportError::TimedOut { .. } | TransportError::Stranger { .. })
            }
            _ => false,
        }
    }

    /// Whether it may have been done in spite of the error.
    pub fn may_be_done(&self) -> bool {
        match self {
            Self::Silent(error) => error.may_be_done(),
            // The web server in between got no answer to what it passed on.
            Self::Refused(refusal) => matches!(refusal, Refusal::Down(502 | 504)),
            _ => false,
        }
    }
}

/// The way to one router. Cheap to clone; all clones share the queue.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    transport: Transport,
    keys: KeySource,
    leftovers: Leftovers,
    /// Held together with the turn by all but those who undo and keep: these wait for the one whose
    /// turn it is, and for nobody else.
    queue: Mutex<()>,
    turn: Mutex<()>,
    waiting: AtomicUsize,
}

impl Client {
    /// A client that has not spoken yet.
    pub fn new(address: Address, pinned: Option<Fingerprint>, keys: KeySource) -> Self {
        let transport = Transport::new(address, pinned);
        let (queue, turn, waiting) = Default::default();
        let leftovers = Leftovers::new(None);
        let inner = Inner { transport, keys, leftovers, queue, turn, waiting };
        Self { inner: Arc::new(inner) }
    }

    /// The same, and sees by this file of the router whether a commit is under way. Only for a
    /// client that has no clones yet.
    #[must_use]
    pub fn watching(mut self, commit_lock: Option<PathBuf>) -> Self {
        if let Some(inner) = Arc::get_mut(&mut self.inner) {
            inner.leftovers = Leftovers::new(commit_lock);
        }
        self
    }

    /// Where it asks.
    pub fn address(&self) -> &Address {
        self.inner.transport.address()
    }

    /// The certificate of the router's web server that is trusted by now.
    pub fn pinned(&self) -> Option<Fingerprint> {
        self.inner.transport.pinned()
    }

    /// Asks, once it is its turn.
    pub async fn ask(&self, request: &Request) -> Result<Answer, AskError> {
        let _turn = self.turn().await?;
        self.ask_in_turn(request, LOOKING).await
    }

    /// The configuration that the router runs, without remarks. Waits until no commit is under way.
    pub async fn config(&self) -> Result<Node, AskError> {
        let _turn = self.turn().await?;
        self.config_in_turn(LOOKING).await
    }

    /// The configuration with its remarks and with what names things of a kind, where the text form
    /// says the same as the exact one; else without.
    pub async fn config_with_remarks(&self) -> Result<Node, AskError> {
        let _turn = self.turn().await?;
        let exact = self.config_in_turn(LOOKING).await?;
        Ok(self.remarked_in_turn(exact).await)
    }

    async fn remarked_in_turn(&self, exact: Node) -> Node {
        match self.ask_in_turn(&Request::RawConfig, LOOKING).await {
            Ok(Answer::Data(Value::String(raw))) => told_by_both(raw_tree(&raw), exact),
            _ => exact,
        }
    }

    /// Waits for the turn and keeps it: several requests with nothing of ours in between.
    pub(crate) async fn session(&self) -> Result<Session<'_>, AskError> {
        let turn = self.turn().await?;
        Ok(Session { client: self, _turn: turn })
    }

    /// The same before all others who wait: for what has a deadline.
    pub(crate) async fn urgent_session(&self) -> Session<'_> {
        Session { client: self, _turn: (self.inner.turn.lock().await, None) }
    }

    async fn turn(&self) -> Result<Turn<'_>, AskError> {
        let _counted = Waiting::enter(&self.inner.waiting)?;
        let queue = self.inner.queue.lock().await;
        Ok((self.inner.turn.lock().await, Some(queue)))
    }

    /// `away`: how long an API that is not there is waited for.
    async fn config_in_turn(&self, away: Duration) -> Result<Node, AskError> {
        let began = Instant::now();
        let mut pause = FIRST_PAUSE;
        let leftovers = &self.inner.leftovers;
        let mut dropped = false;
        loop {
            let mut dirty = 0;
            let found = match self.once(&Request::Config, READING).await {
                Ok(Answer::Data(data)) => {
                    dirty = hash_of(&data);
                    clean_tree(&data)?
                }
                Ok(Answer::InBackground) => None,
                // Nothing is set at all.
                Err(AskError::Refused(Refusal::Said(text))) if text.contains("path is empty") => {
                    Some(Node::default())
                }
                Err(error) if error.is_away() && began.elapsed() < away => None,
                Err(AskError::Refused(Refusal::Down(status))) => {
                    return Err(Refusal::Down(status).into());
                }
                Err(AskError::Refused(refusal)) if refusal.passes() => None,
                Err(error) => return Err(error),
            };
            if let Some(tree) = found {
                leftovers.none();
                return Ok(tree);
            }
            let stale = leftovers.are_stale(dirty);
            if began.elapsed() > PATIENCE {
                return Err(Refusal::Dirty.into());
            }
            if stale && !dropped {
                dropped = true;
                tracing::warn!("the router's API session holds uncommitted changes; dropping them");
                // A refusal is what is asked for.
                let _ = self.once(&Request::Discard, COMMITTING).await;
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn ask_in_turn(&self, request: &Request, away: Duration) -> Result<Answer, AskError> {
        request.check()?;
        let patience = if request.writes() || matches!(request, Request::Configure { .. }) {
            COMMITTING
        } else {
            READING
        };
        let began = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            let error = match self.once(request, patience).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let again = match &error {
                error if error.is_away() => {
                    began.elapsed() < away && !(request.writes() && error.may_be_done())
                }
                AskError::Refused(refusal) => refusal.passes(),
                _ => false,
            };
            if !again || began.elapsed() > PATIENCE {
                return Err(error);
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// One request, sent once.
    async fn once(&self, request: &Request, patience: Duration) -> Result<Answer, AskError> {
        let no_key = |error: KeyError| AskError::NoKey(error.to_string());
        let key = self.inner.keys.read().map_err(AskError::NoKey)?;
        let key = key.map_err(no_key)?;
        let endpoint = request.endpoint();
        let body = request.body(&key);
        let (status, body) =
            self.inner.transport.send(request.is_get(), endpoint, body, patience).await?;
        Ok(read(endpoint, status, &body, &key)?)
    }
}

fn hash_of(data: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    data.hash(&mut hasher);
    hasher.finish()
}

/// The turn; given back before the place at the head of the queue.
type Turn<'a> = (MutexGuard<'a, ()>, Option<MutexGuard<'a, ()>>);

/// The turn, kept.
pub(crate) struct Session<'a> {
    client: &'a Client,
    _turn: Turn<'a>,
}

impl Session<'_> {
    pub(crate) async fn ask(&self, request: &Request) -> Result<Answer, AskError> {
        self.client.ask_in_turn(request, PATIENCE).await
    }

    pub(crate) async fn config(&self) -> Result<Node, AskError> {
        self.client.config_in_turn(PATIENCE).await
    }

    /// A configuration that was just read, with its remarks where they can be read.
    pub(crate) async fn remarked(&self, exact: Node) -> Node {
        self.client.remarked_in_turn(exact).await
    }

    /// The configuration once every commit that the router was asked for is done: one of nothing
    /// ends after all those before it. The first read makes sure that there is nothing it could
    /// commit.
    pub(crate) async fn config_after_commits(&self) -> Result<Node, AskError> {
        self.config().await?;
        self.ask(&Request::configure(Vec::new())).await?;
        self.config().await
    }
}

/// One who waits, counted as long as it lives.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn enter(count: &'a AtomicUsize) -> Result<Self, AskError> {
        let waiting = Self(count);
        if count.fetch_add(1, Ordering::Relaxed) < MOST_WAITING {
            Ok(waiting)
        } else {
            Err(AskError::Crowded)
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The tree of a configuration without uncommitted changes; none where it has marks of such.
fn clean_tree(data: &Value) -> Result<Option<Node>, AskError> {
    let marked = data
        .as_object()
        .is_some_and(|all| all.keys().any(|name| name.starts_with(['>', '+', '-'])));
    if marked {
        return Ok(None);
    }
    Node::from_json(data).map(Some).map_err(|error| AskError::Unreadable(error.to_string()))
}

/// The text form without the column for marks; none where a line has one, or it cannot be read.
fn raw_tree(raw: &str) -> Option<Node> {
    let mut text = String::with_capacity(raw.len());
    // The outermost lines of the whole configuration may come without that column.
    let column = raw.lines().all(|line| line.is_empty() || line.starts_with([' ', '+', '-', '>']));
    for line in raw.lines() {
        match line.chars().next() {
            Some('+' | '-' | '>') => return None,
            Some(' ') if column => text.push_str(&line[1..]),
            _ => text.push_str(line),
        }
        text.push('\n');
    }
    Document::parse(&text).ok().map(|document| document.root)
}

fn told_by_both(remarked: Option<Node>, exact: Node) -> Node {
    match remarked {
        Some(tree) if without_remarks(&tree).means_the_same(&exact) => tree,
        _ => exact,
    }
}

fn without_remarks(node: &Node) -> Node {
    let mut plain = node.clone();
    plain.forget_remarks();
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    const RAW: &str =
        " system {\n     host-name vyos\n /* two servers */\n     name-server 9.9.9.9\n }\n";

    #[test]
    fn remarks_come_from_the_text_and_values_from_the_exact_form() {
        let exact = Node::from_json(&serde_json::json!({
            "system": { "host-name": "vyos", "name-server": "9.9.9.9" }
        }))
        .unwrap();
        let both = told_by_both(raw_tree(RAW), exact.clone());
        let server = both.at(["system", "name-server"]).unwrap();
        assert_eq!(server.comment.as_deref(), Some("two servers"));

        let other =
            Node::from_json(&serde_json::json!({ "system": { "host-name": "x" } })).unwrap();
        assert_eq!(told_by_both(raw_tree(RAW), other.clone()), other);
    }

    #[test]
    fn text_with_uncommitted_lines_is_not_believed() {
        assert!(raw_tree(" system {\n>    host-name two\n }\n").is_none());
    }

    #[test]
    fn a_tree_with_marks_is_not_what_runs() {
        let marked = serde_json::json!({ ">host-name": "two" });
        assert!(clean_tree(&marked).unwrap().is_none());
        assert!(clean_tree(&serde_json::json!({ "system": {} })).unwrap().is_some());
    }
}
