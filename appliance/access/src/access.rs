//! The handle that rooms hold, opening it, and its housekeeping.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::{PersonId, Timestamp};
use rusqlite::params;
use store::{Migration, Room, Store};
use tokio::sync::watch;

use crate::AccessError;
use crate::audit::AuditLog;
use crate::memory::{Memory, Shared};
use crate::password::{Cost, Hasher};
use crate::setup::TOKEN_FILE;
use crate::sign_in::Limits;

/// The tables of this room, for opening the store.
pub const ROOM: Room = Room {
    name: "access",
    migrations: &[Migration {
        number: 1,
        name: "people, sessions, API keys, setup, audit",
        sql: include_str!("schema.sql"),
    }],
    day_kinds: &[],
    // Expired sessions go by the policy, the audit log by `AuditLog::prune`, which keeps its chain.
    retention: &[],
};

/// How to open [`Access`].
#[derive(Debug, Clone)]
pub struct Options {
    /// The folder for the setup token's file.
    pub token_dir: PathBuf,
    /// What a password costs to check.
    pub cost: Cost,
}

impl Options {
    /// With passwords at their usual cost.
    pub fn new(token_dir: impl Into<PathBuf>) -> Self {
        Self { token_dir: token_dir.into(), cost: Cost::default() }
    }
}

/// People, sessions, keys, roles and the audit log. Cheap to clone.
#[derive(Clone)]
pub struct Access {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    audit: AuditLog,
    hasher: Hasher,
    shared: Shared,
    limits: Mutex<Limits>,
    token_file: PathBuf,
    /// Held while the token's file and its hash are brought in line.
    token_lock: tokio::sync::Mutex<()>,
}

impl Access {
    /// Reads people, sessions and keys into memory, and issues a setup token where nobody has
    /// claimed the appliance yet.
    pub async fn open(store: Store, options: Options, now: Timestamp) -> Result<Self, AccessError> {
        let memory = store.read(move |r| Memory::load(r.main(), now)).await?;
        let access = Self {
            inner: Arc::new(Inner {
                audit: AuditLog::new(store.clone()),
                hasher: Hasher::new(options.cost).await?,
                shared: Shared::new(memory),
                limits: Mutex::new(Limits::new()),
                token_file: options.token_dir.join(TOKEN_FILE),
                token_lock: tokio::sync::Mutex::new(()),
                store,
            }),
        };
        access.prepare_setup(now).await?;
        Ok(access)
    }

    /// The audit log.
    pub fn audit(&self) -> &AuditLog {
        &self.inner.audit
    }

    /// A number that changes with every change to people, roles, sessions or keys. Whoever holds
    /// a connection open, such as a live page, checks its session again when it does.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.inner.shared.changes()
    }

    /// Where the setup token lies while the setup is open.
    pub fn token_file(&self) -> &Path {
        &self.inner.token_file
    }

    /// Writes when sessions and keys were last used, and removes sessions that have ended. Call
    /// it once a minute; `last` at the end writes all. Nothing is written when nothing was used.
    pub async fn keep_house(&self, now: Timestamp, last: bool) -> Result<(), AccessError> {
        let due = self.due(now, last);
        if due.is_empty() {
            return Ok(());
        }
        let shared = self.shared().clone();
        self.store()
            .write("sessions", move |w| {
                let conn = w.main();
                for (id, at) in &due.sessions {
                    conn.prepare_cached("UPDATE sessions SET last_seen_at = ?2 WHERE id = ?1")?
                        .execute(params![id, at.0])?;
                }
                for (id, at) in &due.people {
                    conn.prepare_cached("UPDATE people SET last_seen_at = ?2 WHERE id = ?1")?
                        .execute(params![id.0, at.0])?;
                }
                for (id, at) in &due.keys {
                    conn.prepare_cached("UPDATE api_keys SET last_used_at = ?2 WHERE id = ?1")?
                        .execute(params![id, at.0])?;
                }
                for id in &due.ended {
                    conn.prepare_cached("DELETE FROM sessions WHERE id = ?1")?.execute([id])?;
                }
                if !due.ended.is_empty() {
                    shared.follow(w, move |m| {
                        m.sessions.retain(|_, s| !due.ended.contains(&s.id));
                    });
                }
                Ok(())
            })
            .await
    }

    fn due(&self, now: Timestamp, last: bool) -> Due {
        let mut memory = self.memory();
        let memory = &mut *memory;
        let mut due = Due::default();
        for session in memory.sessions.values_mut() {
            if !memory.policy.alive(session.created, session.last_seen(), now) {
                due.ended.push(session.id);
            } else if let Some(at) = session.used.due(last) {
                due.sessions.push((session.id, at));
            }
        }
        due.people = memory
            .people
            .iter_mut()
            .filter_map(|(id, p)| p.seen.due(last).map(|at| (*id, at)))
            .collect();
        due.keys = memory
            .keys
            .values_mut()
            .filter_map(|k| k.used.due(last).map(|at| (k.id, at)))
            .collect();
        due
    }

    pub(crate) fn store(&self) -> &Store {
        &self.inner.store
    }

    pub(crate) fn hasher(&self) -> &Hasher {
        &self.inner.hasher
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.inner.shared
    }

    pub(crate) fn memory(&self) -> MutexGuard<'_, Memory> {
        self.inner.shared.lock()
    }

    pub(crate) fn limits(&self) -> MutexGuard<'_, Limits> {
        self.inner.limits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) async fn token_lock(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.inner.token_lock.lock().await
    }
}

/// What the tables do not know yet.
#[derive(Default)]
struct Due {
    sessions: Vec<(i64, Timestamp)>,
    people: Vec<(PersonId, Timestamp)>,
    keys: Vec<(i64, Timestamp)>,
    ended: Vec<i64>,
}

impl Due {
    fn is_empty(&self) -> bool {
        self.sessions.is_empty()
            && self.people.is_empty()
            && self.keys.is_empty()
            && self.ended.is_empty()
    }
}
