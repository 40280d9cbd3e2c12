//! Answers requests: status and endings by itself, everything else through the rooms, in time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use model::{Explained, Timestamp, human_age};
use serde_json::{Value, json};
use tokio::runtime::Handle;

use super::Appliance;
use super::command::{Command, Request};
use crate::health::{Health, Status};
use crate::lifecycle::{Ending, Lifecycle};
use crate::version;

/// How often the async side shows that it lives.
const BEAT: Duration = Duration::from_millis(500);

/// Silence of the async side after which it counts as stuck.
const STUCK: Duration = Duration::from_secs(5);

/// Shows whether the async side still runs.
#[derive(Clone)]
pub struct Heartbeat {
    origin: Instant,
    last_ms: Arc<AtomicU64>,
}

impl Default for Heartbeat {
    fn default() -> Self {
        Self { origin: Instant::now(), last_ms: Arc::default() }
    }
}

impl Heartbeat {
    /// Beats until the runtime ends.
    pub async fn beat(self) {
        loop {
            let now = self.origin.elapsed().as_millis();
            self.last_ms.store(u64::try_from(now).unwrap_or(u64::MAX), Ordering::Relaxed);
            tokio::time::sleep(BEAT).await;
        }
    }

    /// Time since the last beat.
    pub fn silence(&self) -> Duration {
        let last = Duration::from_millis(self.last_ms.load(Ordering::Relaxed));
        self.origin.elapsed().saturating_sub(last)
    }
}

/// What the status shows besides how parts are doing.
pub type Facts = Box<dyn Fn() -> Value + Send + Sync>;

/// Everything that is needed to answer.
pub struct Desk {
    health: Health,
    lifecycle: Lifecycle,
    heartbeat: Heartbeat,
    runtime: Handle,
    started: Timestamp,
    facts: Facts,
    rooms: OnceLock<Arc<dyn Appliance>>,
}

impl Desk {
    /// A desk that knows no rooms yet. `facts` are shown in the status as they are just then.
    pub fn new(
        health: Health,
        lifecycle: Lifecycle,
        heartbeat: Heartbeat,
        runtime: Handle,
        facts: Facts,
    ) -> Self {
        let (started, rooms) = (Timestamp::now(), OnceLock::new());
        Self { health, lifecycle, heartbeat, runtime, started, facts, rooms }
    }

    /// Hands in the rooms once they are open. The first ones stay.
    pub fn open(&self, rooms: Arc<dyn Appliance>) {
        let _ = self.rooms.set(rooms);
    }

    /// Answers one request; takes at most [`Request::time_out`].
    pub fn answer(&self, request: Request) -> Result<Value, Explained> {
        let limit = request.time_out();
        match request {
            Request::Status => Ok(self.status()),
            Request::Stop => self.end(Ending::Stop, "The appliance is stopping."),
            Request::Restart => self.end(Ending::Restart, "The appliance is starting anew."),
            Request::Restore { file } => {
                // Looked at before anything ends: a wrong file must not cost a new start.
                crate::serve::check_backup(&file)?;
                self.end_and_wait(limit, |reply| Ending::Restore { file, reply })
            }
            Request::ResetDatabase => self.end_and_wait(limit, |reply| Ending::Reset { reply }),
            Request::Ask(command) => self.ask(command, limit),
        }
    }

    fn status(&self) -> Value {
        let silence = self.heartbeat.silence();
        let stuck = silence > STUCK;
        let status = if stuck { Status::Degraded } else { self.health.worst() };
        json!({
            "status": status,
            "version": version::VERSION,
            "git_hash": version::GIT_HASH,
            "build_date": version::BUILD_DATE,
            "pid": std::process::id(),
            "started": self.started,
            "async_side": if stuck {
                format!("stuck for {}", human_age(silence))
            } else {
                "running".to_owned()
            },
            "components": self.health.components(),
            "facts": (self.facts)(),
        })
    }

    fn end(&self, ending: Ending, message: &str) -> Result<Value, Explained> {
        if self.lifecycle.end(ending) {
            Ok(json!({ "message": message }))
        } else {
            Err(already_ending())
        }
    }

    fn end_and_wait(
        &self,
        limit: Duration,
        ending: impl FnOnce(std::sync::mpsc::SyncSender<Result<String, Explained>>) -> Ending,
    ) -> Result<Value, Explained> {
        let (reply, outcome) = sync_channel(1);
        if !self.lifecycle.end(ending(reply)) {
            return Err(already_ending());
        }
        match outcome.recv_timeout(limit) {
            Ok(outcome) => outcome.map(|message| json!({ "message": message })),
            Err(_) => Err(Explained::new("timeout", "closing the database takes too long")),
        }
    }

    fn ask(&self, command: Command, limit: Duration) -> Result<Value, Explained> {
        if self.lifecycle.has_ended() {
            return Err(already_ending());
        }
        let Some(rooms) = self.rooms.get() else {
            let message = "the appliance is still starting; try again in a moment";
            return Err(Explained::new("starting", message));
        };
        let (sender, answer) = sync_channel(1);
        let task = self.runtime.spawn({
            let rooms = Arc::clone(rooms);
            async move {
                // The asker may have given up; then nobody wants the answer.
                let _ = sender.send(rooms.answer(command).await);
            }
        });
        answer.recv_timeout(limit).unwrap_or_else(|error| {
            task.abort();
            Err(match error {
                RecvTimeoutError::Timeout => Explained::new(
                    "timeout",
                    format!("no answer within {} s; see panoptikon status", limit.as_secs()),
                ),
                RecvTimeoutError::Disconnected => Explained::new(
                    "internal",
                    "the room that was asked has failed; the log says why",
                ),
            })
        })
    }
}

fn already_ending() -> Explained {
    Explained::new("ending", "the appliance is ending already")
}
