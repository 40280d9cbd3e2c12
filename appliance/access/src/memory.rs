//! What every request asks for, kept in memory: people, sessions, keys.
//!
//! The tables are the truth. Memory follows them after each commit, on the writer thread and so in
//! the order of the commits; no request waits for the disk to learn who sends it.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use model::{PersonId, Timestamp};
use rusqlite::Connection;
use store::Writing;
use tokio::sync::watch;

use crate::person::Preferences;
use crate::policy::SessionPolicy;
use crate::secret::Hash;
use crate::{AccessError, Role};

/// Addresses remembered for each person.
const ADDRESSES: usize = 8;
/// How long an address counts as one that a person signs in from.
const ADDRESS_AGE: Duration = Duration::from_secs(30 * 24 * 3600);
/// Time that passes before a moment of use is written again: flash wears out.
pub(crate) const WRITE_EVERY: Duration = Duration::from_secs(60);

/// A moment of use, and what the table says about it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Used {
    pub(crate) at: Option<Timestamp>,
    written: Option<Timestamp>,
}

impl Used {
    pub(crate) fn as_written(at: Option<Timestamp>) -> Self {
        Self { at, written: at }
    }

    pub(crate) fn now(&mut self, now: Timestamp) {
        self.at = Some(self.at.map_or(now, |at| at.max(now)));
    }

    /// The moment to write, if the table is more than a minute behind, or at all for `force`.
    pub(crate) fn due(&mut self, force: bool) -> Option<Timestamp> {
        let at = self.at?;
        let behind = self.written.is_none_or(|w| at.since(w) >= WRITE_EVERY || force && at > w);
        behind.then(|| {
            self.written = Some(at);
            at
        })
    }
}

#[derive(Debug, Clone)]
pub(crate) struct KnownPerson {
    pub(crate) name: Arc<str>,
    pub(crate) role: Role,
    pub(crate) disabled: bool,
    pub(crate) prefs: Preferences,
    pub(crate) seen: Used,
    /// Newest first.
    pub(crate) addresses: VecDeque<IpAddr>,
}

impl KnownPerson {
    pub(crate) fn signed_in_from(&mut self, address: IpAddr) {
        self.addresses.retain(|a| *a != address);
        self.addresses.push_front(address);
        self.addresses.truncate(ADDRESSES);
    }
}

#[derive(Debug, Clone)]
pub(crate) struct KnownSession {
    pub(crate) id: i64,
    pub(crate) person: PersonId,
    pub(crate) created: Timestamp,
    pub(crate) used: Used,
    pub(crate) address: Arc<str>,
    pub(crate) user_agent: Arc<str>,
}

impl KnownSession {
    pub(crate) fn last_seen(&self) -> Timestamp {
        self.used.at.unwrap_or(self.created)
    }
}

#[derive(Debug, Clone)]
pub(crate) struct KnownKey {
    pub(crate) id: i64,
    pub(crate) hash: Hash,
    pub(crate) person: PersonId,
    pub(crate) name: Arc<str>,
    pub(crate) role: Role,
    pub(crate) created: Timestamp,
    pub(crate) expires: Option<Timestamp>,
    pub(crate) used: Used,
}

#[derive(Debug, Default)]
pub(crate) struct Memory {
    pub(crate) people: HashMap<PersonId, KnownPerson>,
    /// By the hash of the secret.
    pub(crate) sessions: HashMap<Hash, KnownSession>,
    /// By the public part of the key.
    pub(crate) keys: HashMap<String, KnownKey>,
    /// While the setup is open.
    pub(crate) setup_token: Option<Hash>,
    pub(crate) policy: SessionPolicy,
}

impl Memory {
    pub(crate) fn person(&self, id: PersonId) -> Result<&KnownPerson, AccessError> {
        self.people.get(&id).ok_or(AccessError::NoSuchPerson(id))
    }

    /// Whether anybody has signed in from exactly this address of late.
    pub(crate) fn is_known_address(&self, address: IpAddr) -> bool {
        self.people.values().any(|p| p.addresses.contains(&address))
    }

    pub(crate) fn load(conn: &Connection, now: Timestamp) -> Result<Self, AccessError> {
        let mut memory = Self {
            policy: store::read_setting(conn, crate::sessions::POLICY_SETTING)?
                .and_then(|policy: SessionPolicy| policy.check().ok())
                .unwrap_or_default(),
            setup_token: conn.query_row("SELECT token_hash FROM setup", [], |r| r.get(0))?,
            ..Self::default()
        };
        memory.load_people(conn, now)?;
        memory.load_sessions(conn)?;
        memory.load_keys(conn)?;
        Ok(memory)
    }

    fn load_people(&mut self, conn: &Connection, now: Timestamp) -> Result<(), AccessError> {
        let mut select =
            conn.prepare("SELECT id, name, role, disabled, prefs, last_seen_at FROM people")?;
        let mut rows = select.query([])?;
        while let Some(r) = rows.next()? {
            let (role, prefs): (String, String) = (r.get(2)?, r.get(4)?);
            let person = KnownPerson {
                name: r.get::<_, String>(1)?.into(),
                role: read_role(&role)?,
                disabled: r.get(3)?,
                prefs: serde_json::from_str(&prefs).unwrap_or_default(),
                seen: Used::as_written(r.get::<_, Option<i64>>(5)?.map(Timestamp)),
                addresses: VecDeque::new(),
            };
            self.people.insert(PersonId(r.get(0)?), person);
        }
        // Oldest first, so that the newest end up in front.
        let mut select = conn.prepare(
            "SELECT actor_id, address FROM (
                 SELECT seq, actor_id, address FROM audit
                 WHERE action = 'session.start' AND outcome = 'ok' AND at > ?1
                 ORDER BY seq DESC LIMIT 1000)
             ORDER BY seq",
        )?;
        let mut rows = select.query([now.minus(ADDRESS_AGE).0])?;
        while let Some(r) = rows.next()? {
            let (id, address): (Option<i64>, Option<String>) = (r.get(0)?, r.get(1)?);
            let person = id.and_then(|id| self.people.get_mut(&PersonId(id)));
            if let (Some(person), Some(Ok(address))) = (person, address.map(|a| a.parse())) {
                person.signed_in_from(address);
            }
        }
        Ok(())
    }

    fn load_sessions(&mut self, conn: &Connection) -> Result<(), AccessError> {
        let mut select = conn.prepare(
            "SELECT hash, id, person, created_at, last_seen_at, address, user_agent FROM sessions",
        )?;
        let mut rows = select.query([])?;
        while let Some(r) = rows.next()? {
            let session = KnownSession {
                id: r.get(1)?,
                person: PersonId(r.get(2)?),
                created: Timestamp(r.get(3)?),
                used: Used::as_written(Some(Timestamp(r.get(4)?))),
                address: r.get::<_, String>(5)?.into(),
                user_agent: r.get::<_, String>(6)?.into(),
            };
            self.sessions.insert(r.get(0)?, session);
        }
        Ok(())
    }

    fn load_keys(&mut self, conn: &Connection) -> Result<(), AccessError> {
        let mut select = conn.prepare(
            "SELECT prefix, id, hash, person, name, role, created_at, expires_at, last_used_at
             FROM api_keys",
        )?;
        let mut rows = select.query([])?;
        while let Some(r) = rows.next()? {
            let role: String = r.get(5)?;
            let key = KnownKey {
                id: r.get(1)?,
                hash: r.get(2)?,
                person: PersonId(r.get(3)?),
                name: r.get::<_, String>(4)?.into(),
                role: read_role(&role)?,
                created: Timestamp(r.get(6)?),
                expires: r.get::<_, Option<i64>>(7)?.map(Timestamp),
                used: Used::as_written(r.get::<_, Option<i64>>(8)?.map(Timestamp)),
            };
            self.keys.insert(r.get(0)?, key);
        }
        Ok(())
    }
}

/// A role as the table holds it.
pub(crate) fn read_role(text: &str) -> Result<Role, AccessError> {
    text.parse()
        .map_err(|e: crate::UnknownWord| AccessError::Kept { what: "role", detail: e.to_string() })
}

/// Memory, shared with the closures that run after a commit.
#[derive(Debug, Clone)]
pub(crate) struct Shared {
    memory: Arc<Mutex<Memory>>,
    changes: watch::Sender<u64>,
}

impl Shared {
    pub(crate) fn new(memory: Memory) -> Self {
        Self { memory: Arc::new(Mutex::new(memory)), changes: watch::Sender::new(0) }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Lets memory follow once what this job wrote is committed.
    pub(crate) fn follow(
        &self,
        w: &mut Writing<'_>,
        change: impl FnOnce(&mut Memory) + Send + 'static,
    ) {
        let shared = self.clone();
        w.after_commit(move || shared.change(change));
    }

    /// Changes memory now, and tells those who hold connections open.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Memory)) {
        change(&mut self.lock());
        self.changes.send_modify(|n| *n += 1);
    }
}
