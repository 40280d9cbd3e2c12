//! Sessions of browsers: made, checked, listed, ended.

use std::net::IpAddr;
use std::sync::Arc;

use model::{PersonId, Timestamp};
use rusqlite::params;
use serde::Serialize;
use serde_json::json;
use store::Writing;

use crate::audit::{Entry, record};
use crate::memory::{KnownSession, Memory, Shared, Used};
use crate::people::{drop_sessions, subject};
use crate::person::Preferences;
use crate::policy::SessionPolicy;
use crate::secret::{Hash, digest, from_hex, random, to_hex};
use crate::{Access, AccessError, Actor, Caller, Permission, Role, Secret, csrf};

/// Keeps a session's hash apart from its form token.
const DOMAIN: &str = "panoptikon session 1";
/// Sessions that one person can have; the one unused for longest goes first.
const PER_PERSON: usize = 32;
/// Longest user agent that is kept, characters.
const MAX_USER_AGENT: usize = 200;
/// The setting that holds the [`SessionPolicy`].
pub(crate) const POLICY_SETTING: &str = "access.sessions";

/// Somebody whose browser showed a session that stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedIn {
    /// The session's row.
    pub session: i64,
    /// Whose it is.
    pub person: PersonId,
    /// Their name.
    pub name: Arc<str>,
    /// What they may do.
    pub role: Role,
    /// How they like the site.
    pub preferences: Preferences,
    /// When the session ends unless it is used; for warning beforehand.
    pub ends_at: Timestamp,
    /// What every form of theirs must carry; checked by [`csrf::matches`].
    pub form_token: String,
}

impl SignedIn {
    /// The person as an actor.
    pub fn actor(&self) -> Actor {
        Actor::Person { id: self.person, name: Arc::clone(&self.name), role: self.role }
    }

    /// The person at an address.
    pub fn caller(&self, address: IpAddr) -> Caller {
        Caller { actor: self.actor(), address: Some(address) }
    }
}

/// A session that was just made.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// What goes into the cookie; kept nowhere in clear.
    pub cookie: Secret,
    /// Who is signed in by it.
    pub signed_in: SignedIn,
}

/// A session as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SessionRow {
    /// The row.
    pub id: i64,
    /// Whose it is.
    pub person: PersonId,
    /// When they signed in.
    pub created_at: Timestamp,
    /// When it was last used.
    pub last_seen_at: Timestamp,
    /// When it ends unless it is used.
    pub ends_at: Timestamp,
    /// Where they signed in from.
    pub address: String,
    /// What the browser called itself.
    pub user_agent: String,
}

impl Access {
    /// Whose session a cookie is, noting that it was used. Memory only: well below a
    /// microsecond's work beside one hash, no disk.
    pub fn check_session(&self, cookie: &str, now: Timestamp) -> Option<SignedIn> {
        self.look_up(cookie, now, true)
    }

    /// As [`Access::check_session`] for requests that nobody made by hand, such as a live page's
    /// own: they do not keep a session from ending.
    pub fn peek_session(&self, cookie: &str, now: Timestamp) -> Option<SignedIn> {
        self.look_up(cookie, now, false)
    }

    fn look_up(&self, cookie: &str, now: Timestamp, used: bool) -> Option<SignedIn> {
        let hash = digest(DOMAIN, &from_hex::<32>(cookie)?);
        let form_token = csrf::token(cookie)?;
        let mut memory = self.memory();
        let memory = &mut *memory;
        let session = memory.sessions.get_mut(&hash)?;
        let person = memory.people.get_mut(&session.person)?;
        if person.disabled || !memory.policy.alive(session.created, session.last_seen(), now) {
            return None;
        }
        if used {
            session.used.now(now);
            person.seen.now(now);
        }
        Some(SignedIn {
            session: session.id,
            person: session.person,
            name: Arc::clone(&person.name),
            role: person.role,
            preferences: person.prefs,
            ends_at: memory.policy.ends_at(session.created, session.last_seen()),
            form_token,
        })
    }

    /// The sessions of one person that stand, last used first. One's own, or with `people:manage`
    /// anybody's.
    pub fn sessions(
        &self,
        by: &Caller,
        person: PersonId,
        now: Timestamp,
    ) -> Result<Vec<SessionRow>, AccessError> {
        by.require_own(person)?;
        let memory = self.memory();
        let policy = memory.policy;
        let mut rows: Vec<_> = memory
            .sessions
            .values()
            .filter(|s| s.person == person && policy.alive(s.created, s.last_seen(), now))
            .map(|s| SessionRow {
                id: s.id,
                person,
                created_at: s.created,
                last_seen_at: s.last_seen(),
                ends_at: policy.ends_at(s.created, s.last_seen()),
                address: s.address.as_ref().to_owned(),
                user_agent: s.user_agent.as_ref().to_owned(),
            })
            .collect();
        model::sort_by_key(&mut rows, |s| (std::cmp::Reverse(s.last_seen_at), s.id));
        Ok(rows)
    }

    /// Ends a session: one's own (signing out, or another device), or with `people:manage`
    /// anybody's. Where the disk is full it ends in memory at least, and the error tells.
    pub async fn end_session(
        &self,
        by: &Caller,
        session: i64,
        now: Timestamp,
    ) -> Result<(), AccessError> {
        let person = self.memory().sessions.values().find(|s| s.id == session).map(|s| s.person);
        let person = person.ok_or(AccessError::NoSuchSession(session))?;
        by.require_own(person)?;
        // At once, whatever becomes of the row.
        self.shared().change(|m| m.sessions.retain(|_, s| s.id != session));
        let by = by.clone();
        self.store()
            .write_synced("sessions", move |w| {
                w.main()
                    .prepare_cached("DELETE FROM sessions WHERE id = ?1")?
                    .execute([session])?;
                let detail = json!({ "session": session });
                record(w, Entry::new(&by, "session.end", subject(person), now).with(detail))?;
                Ok(())
            })
            .await
    }

    /// Ends all of one's sessions but this one; how many.
    pub async fn end_other_sessions(
        &self,
        me: &SignedIn,
        by: &Caller,
        now: Timestamp,
    ) -> Result<usize, AccessError> {
        by.require(Permission::AccountOwn)?;
        let (by, shared) = (by.clone(), self.shared().clone());
        let (person, keep) = (me.person, me.session);
        self.store()
            .write_synced("sessions", move |w| {
                let ended = drop_sessions(w.main(), person, Some(keep))?;
                let detail = json!({ "sessions_ended": ended, "kept": keep });
                record(
                    w,
                    Entry::new(&by, "session.end_others", subject(person), now).with(detail),
                )?;
                shared.follow(w, move |m| {
                    m.sessions.retain(|_, s| s.person != person || s.id == keep);
                });
                Ok(ended)
            })
            .await
    }

    /// How long sessions last.
    pub fn session_policy(&self) -> SessionPolicy {
        self.memory().policy
    }

    /// Lets sessions last longer or shorter, those that stand too. Needs `settings:edit`.
    pub async fn set_session_policy(
        &self,
        by: &Caller,
        policy: SessionPolicy,
        now: Timestamp,
    ) -> Result<(), AccessError> {
        by.require(Permission::SettingsEdit)?;
        let policy = policy.check()?;
        let old = self.session_policy();
        let (by, shared) = (by.clone(), self.shared().clone());
        self.store()
            .write_synced("sessions", move |w| {
                store::write_setting(w.main(), POLICY_SETTING, &policy, now, by.actor.name())?;
                let detail = json!({ "from": old, "to": policy });
                let entry = Entry::new(&by, "settings.change", POLICY_SETTING, now);
                record(w, entry.with(detail))?;
                shared.follow(w, move |m| m.policy = policy);
                Ok::<_, AccessError>(())
            })
            .await?;
        self.store().announce_settings();
        Ok(())
    }
}

/// Where a session comes from.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    pub(crate) address: IpAddr,
    pub(crate) user_agent: String,
}

impl Origin {
    fn user_agent(&self) -> String {
        let printable = self.user_agent.chars().filter(|c| !c.is_control());
        printable.take(MAX_USER_AGENT).collect()
    }
}

/// A session's secret, before there is a row.
#[derive(Clone)]
pub(crate) struct Ticket {
    pub(crate) cookie: Secret,
    hash: Hash,
}

impl Ticket {
    pub(crate) fn new() -> Result<Self, AccessError> {
        let raw: [u8; 32] = random()?;
        Ok(Self { cookie: Secret::new(to_hex(&raw)), hash: digest(DOMAIN, &raw) })
    }

    /// Makes the session's row, with a line in the audit log, and drops what is too many.
    pub(crate) fn begin(
        &self,
        w: &mut Writing<'_>,
        shared: &Shared,
        actor: Actor,
        person: PersonId,
        origin: &Origin,
        now: Timestamp,
    ) -> Result<(), AccessError> {
        let (address, user_agent) = (origin.address.to_canonical(), origin.user_agent());
        w.main()
            .prepare_cached(
                "INSERT INTO sessions (hash, person, created_at, last_seen_at, address, user_agent)
                 VALUES (?1, ?2, ?3, ?3, ?4, ?5)",
            )?
            .execute(params![self.hash, person.0, now.0, address.to_string(), user_agent])?;
        let id = w.main().last_insert_rowid();
        let dropped = drop_excess(w, person, id)?;
        let by = Caller { actor, address: Some(address) };
        let detail = json!({ "session": id, "user_agent": user_agent });
        record(w, Entry::new(&by, "session.start", subject(person), now).with(detail))?;
        let (ticket, origin) = (self.clone(), origin.clone());
        shared.follow(w, move |m| {
            m.sessions.retain(|_, s| !dropped.contains(&s.id));
            ticket.remember(m, id, person, &origin, now);
        });
        Ok(())
    }

    /// Makes a session that no table holds. It has a negative row.
    pub(crate) fn begin_in_memory(
        &self,
        shared: &Shared,
        person: PersonId,
        origin: &Origin,
        now: Timestamp,
    ) {
        let mut memory = shared.lock();
        let id = memory.sessions.values().map(|s| s.id).min().unwrap_or(0).min(0) - 1;
        self.remember(&mut memory, id, person, origin, now);
    }

    fn remember(
        &self,
        memory: &mut Memory,
        id: i64,
        person: PersonId,
        origin: &Origin,
        now: Timestamp,
    ) {
        let address = origin.address.to_canonical();
        let session = KnownSession {
            id,
            person,
            created: now,
            used: Used::as_written(Some(now)),
            address: address.to_string().into(),
            user_agent: origin.user_agent().into(),
        };
        memory.sessions.insert(self.hash, session);
        if let Some(person) = memory.people.get_mut(&person) {
            person.seen.now(now);
            person.signed_in_from(address);
        }
    }
}

/// Deletes the sessions of a person that are too many, never the one just made.
fn drop_excess(w: &Writing<'_>, person: PersonId, made: i64) -> Result<Vec<i64>, AccessError> {
    let mut delete = w.main().prepare_cached(
        "DELETE FROM sessions WHERE id IN (
             SELECT id FROM sessions WHERE person = ?1 AND id <> ?2
             ORDER BY last_seen_at DESC, id DESC LIMIT -1 OFFSET ?3)
         RETURNING id",
    )?;
    let rows = delete.query_map(params![person.0, made, PER_PERSON as i64 - 1], |r| r.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}
