//! What lies between hosts, and between hosts and the router: round trips of all pairs, and how
//! much passes between two ends when somebody wants to know.
//!
//! In come people's wishes and the time; out go questions to hosts and rows of what was measured.
//! Rounds of round trips are off until somebody turns them on; only one measurement is under way at
//! a time, so that none spoils another.

mod round;
mod rows;
mod trial;

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use access::audit::{Entry, record};
use access::{Caller, Permission as P};
use model::Timestamp;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::json;
use store::{StoreError, write_setting};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

pub use round::PAIR_OCTETS;
pub(crate) use rows::forget;
pub use trial::{LONGEST_TRIAL, Trial};

use crate::host::Invalid;
use crate::tables::State;
use crate::{AgentId, Agents, AgentsError};

/// The key under which the settings of rounds are kept.
pub const MESH_KEY: &str = "agents.mesh";
/// The most hosts of a round, the first by name: pairs grow with their square.
pub const MOST_IN_ROUND: usize = 20;
/// Minutes between two rounds.
const EVERY: std::ops::RangeInclusive<u32> = 5..=1_440;
/// A round is worth little once it is older than so many of its intervals.
const STALE: u32 = 3;

/// One end of what was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum End {
    /// The router, where the appliance runs.
    Router,
    /// A host.
    Host(AgentId),
}

impl End {
    /// The host; None for the router.
    pub const fn host(self) -> Option<AgentId> {
        match self {
            Self::Router => None,
            Self::Host(id) => Some(id),
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Router => f.write_str("router"),
            Self::Host(id) => id.fmt(f),
        }
    }
}

impl FromStr for End {
    type Err = crate::ParseAgentIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "router" { Ok(Self::Router) } else { text.parse().map(Self::Host) }
    }
}

impl Serialize for End {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

/// What was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Round trips.
    Latency,
    /// Octets through one TCP connection.
    Throughput,
    /// Loss and jitter of datagrams.
    Jitter,
}

impl Kind {
    /// The stored and displayed word, which is that of the host's command but for latency.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Latency => "latency",
            Self::Throughput => "throughput",
            Self::Jitter => "jitter",
        }
    }

    /// The kind of a word.
    pub fn of(word: &str) -> Option<Self> {
        [Self::Latency, Self::Throughput, Self::Jitter].into_iter().find(|k| k.as_str() == word)
    }
}

/// What came of a measurement.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measured {
    /// When it ended.
    pub at: Timestamp,
    /// What was measured.
    pub kind: Kind,
    /// Who sent.
    pub from: End,
    /// To whom.
    pub to: End,
    /// Who wanted it; empty: nobody, it was time.
    pub by: String,
    /// Echo requests, octets or datagrams sent.
    pub sent: u64,
    /// How many of them arrived, or were answered.
    pub received: u64,
    /// The mean round trip in ms, bits a second, or jitter in ms; None where it failed.
    pub value: Option<f64>,
    /// The least round trip, ms.
    pub least: Option<f64>,
    /// The greatest round trip, ms.
    pub greatest: Option<f64>,
    /// Why it failed; empty where it did not.
    pub why: String,
}

impl Measured {
    /// What was lost, 0 to 100 per cent. Of what passed by TCP nothing is.
    pub fn loss_percent(&self) -> f64 {
        match self.sent {
            0 => 0.0,
            sent => 100.0 * sent.saturating_sub(self.received) as f64 / sent as f64,
        }
    }
}

/// When round trips are measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MeshSettings {
    /// By itself at all.
    pub enabled: bool,
    /// Minutes from one round to the next, 5 to 1440.
    pub every_minutes: u32,
}

impl Default for MeshSettings {
    fn default() -> Self {
        Self { enabled: false, every_minutes: 15 }
    }
}

impl MeshSettings {
    /// Checks all values.
    pub fn check(self) -> Result<(), Invalid> {
        if EVERY.contains(&self.every_minutes) {
            return Ok(());
        }
        let problem = format!("give {} to {} minutes", EVERY.start(), EVERY.end());
        Err(Invalid::new("every_minutes", problem))
    }

    fn interval(self) -> Duration {
        Duration::from_secs(u64::from(self.every_minutes) * 60)
    }

    /// From when on what was measured says something about now.
    pub fn fresh_since(self, now: Timestamp) -> Timestamp {
        let hour = Duration::from_secs(3_600);
        now.minus((self.interval() * STALE).max(hour))
    }
}

/// How far a round is: pairs measured, and how many there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// Measured so far.
    pub done: usize,
    /// All of them.
    pub of: usize,
}

/// What the room remembers of measuring.
pub(crate) struct Mesh {
    state: Mutex<Remembered>,
    /// One at a time.
    turn: Arc<Semaphore>,
    /// Who waits for a connection of a host to the router, by token.
    sinks: Mutex<HashMap<String, oneshot::Sender<Poured>>>,
    /// How many wait: asked for each connection.
    awaited: AtomicUsize,
}

struct Remembered {
    settings: MeshSettings,
    last_round: Timestamp,
    progress: Option<Progress>,
}

/// Octets that came, and in which time.
pub(crate) type Poured = (u64, Duration);

impl Mesh {
    /// The first round comes when an interval has passed: hosts have come back by then.
    pub(crate) fn new(settings: MeshSettings, now: Timestamp) -> Self {
        Self {
            state: Mutex::new(Remembered { settings, last_round: now, progress: None }),
            turn: Arc::new(Semaphore::new(1)),
            sinks: Mutex::default(),
            awaited: AtomicUsize::new(0),
        }
    }

    fn state(&self) -> MutexGuard<'_, Remembered> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether any connection may be one of a measurement.
    pub(crate) fn awaits(&self) -> bool {
        self.awaited.load(Ordering::Relaxed) > 0
    }

    /// Who waits for this token; it is good once.
    pub(crate) fn take_sink(&self, token: &str) -> Option<oneshot::Sender<Poured>> {
        let sink = self.sinks.lock().unwrap_or_else(PoisonError::into_inner).remove(token)?;
        self.awaited.fetch_sub(1, Ordering::Relaxed);
        Some(sink)
    }

    fn await_sink(&self, token: &str) -> oneshot::Receiver<Poured> {
        let (sink, poured) = oneshot::channel();
        let mut sinks = self.sinks.lock().unwrap_or_else(PoisonError::into_inner);
        if sinks.insert(token.to_owned(), sink).is_none() {
            self.awaited.fetch_add(1, Ordering::Relaxed);
        }
        poured
    }
}

/// A host that can be measured, and where it is.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    pub(crate) id: AgentId,
    /// From where its agent is connected.
    pub(crate) ip: IpAddr,
    /// Where it reached the router, with the port.
    pub(crate) router: std::net::SocketAddr,
}

impl Agents {
    /// When round trips are measured.
    pub fn mesh_settings(&self) -> MeshSettings {
        self.0.mesh.state().settings
    }

    /// How far a round is; None while none is under way.
    pub fn mesh_progress(&self) -> Option<Progress> {
        self.0.mesh.state().progress
    }

    /// Changes when round trips are measured.
    pub async fn set_mesh(
        &self,
        by: &Caller,
        settings: MeshSettings,
        now: Timestamp,
    ) -> Result<(), AgentsError> {
        by.require(P::AgentsManage)?;
        settings.check()?;
        let old = self.mesh_settings();
        if old == settings {
            return Ok(());
        }
        let who = by.actor.name().to_owned();
        let detail = json!({ "from": old, "to": settings });
        let entry = Entry::new(by, "settings.change", MESH_KEY, now).with(detail);
        let store = self.0.store.clone();
        self.0
            .store
            .write_synced("settings", move |w| {
                write_setting(w.main(), MESH_KEY, &settings, now, &who)?;
                record(w, entry)?;
                w.after_commit(move || store.announce_settings());
                Ok::<_, StoreError>(())
            })
            .await?;
        self.0.mesh.state().settings = settings;
        Ok(())
    }

    /// The last round trip of each pair that was measured, as far as both still are.
    pub async fn latencies(&self) -> Result<Vec<Measured>, AgentsError> {
        let mut all = self.0.store.read(|r| rows::latencies(r.main())).await?;
        let members = self.0.members.lock();
        let is_there = |end: End| end.host().is_none_or(|id| members.contains_key(&id));
        all.retain(|one| is_there(one.from) && is_there(one.to));
        Ok(all)
    }

    /// What was tried when somebody asked for it, the newest first.
    pub async fn trials(&self, most: usize) -> Result<Vec<Measured>, AgentsError> {
        Ok(self.0.store.read(move |r| rows::trials(r.main(), most)).await?)
    }

    /// Hosts that can be asked for this now, by name.
    fn peers(&self, command: &str) -> Vec<Peer> {
        let members = self.0.members.lock();
        let mut all: Vec<(String, Peer)> = members
            .values()
            .filter_map(|member| {
                let (row, link) = (&member.row, member.link.as_ref()?);
                let is_able = row.hello.abilities.iter().any(|word| word == command);
                let is_active =
                    row.state == State::Active && !row.settings.passive && !row.hello.passive;
                let (ip, router) = (link.address.ip(), link.local);
                (is_able && is_active)
                    .then(|| (row.name.to_lowercase(), Peer { id: row.id, ip, router }))
            })
            .collect();
        model::sort_by(&mut all, |a, b| (&a.0, a.1.id).cmp(&(&b.0, b.1.id)));
        all.into_iter().map(|(_, peer)| peer).collect()
    }

    /// The turn to measure, if nobody else has it.
    fn take_turn(&self) -> Result<OwnedSemaphorePermit, AgentsError> {
        let turn = Arc::clone(&self.0.mesh.turn).try_acquire_owned();
        turn.map_err(|_| AgentsError::Measuring)
    }

    async fn keep_measured(&self, all: Vec<Measured>) -> Result<(), AgentsError> {
        Ok(self.0.store.write("measurements", move |w| rows::insert(w.main(), &all)).await?)
    }
}
