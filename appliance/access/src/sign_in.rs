//! Signing in with a name and a password.

use std::net::IpAddr;

use model::{PersonId, Timestamp};
use rusqlite::{OptionalExtension, params};
use serde_json::json;

use crate::audit::{Entry, Outcome};
use crate::limit::{Limiter, Rate, Verdict, address_group};
use crate::people::{password_hash, subject};
use crate::person::name_key;
use crate::sessions::{NewSession, Origin, Ticket};
use crate::{Access, AccessError, Actor, Caller, Secret};

/// Addresses whose attempts are counted.
const ADDRESSES: usize = 4_096;
/// Names whose failures are counted, known or not.
const NAMES: usize = 1_024;

/// A name and a password, from somewhere.
#[derive(Debug, Clone)]
pub struct SignIn {
    /// The name as typed.
    pub name: String,
    /// The password as typed.
    pub password: Secret,
    /// Where from.
    pub address: IpAddr,
    /// What the browser calls itself.
    pub user_agent: String,
}

/// Who tried how often.
pub(crate) struct Limits {
    addresses: Limiter<IpAddr>,
    names: Limiter<String>,
    pub(crate) own_password: Limiter<PersonId>,
}

impl Limits {
    pub(crate) fn new() -> Self {
        Self {
            addresses: Limiter::new(Rate::SIGN_IN, ADDRESSES),
            names: Limiter::new(Rate::ACCOUNT, NAMES),
            own_password: Limiter::new(Rate::SIGN_IN, NAMES),
        }
    }
}

impl Access {
    /// Signs somebody in. Every attempt, right or wrong, ends up in the audit log, but for those
    /// over the limit, of which the first does.
    ///
    /// Two limits hold. One is for the address, so that one guesser is slow. The other is for
    /// the name, so that many addresses together are slow, too; it does not hold for addresses
    /// from which this person has signed in before, so that nobody can lock the owner out.
    ///
    /// On a full disk the session lives in memory only, until the next start, and the line goes
    /// to the system log.
    pub async fn sign_in(
        &self,
        attempt: SignIn,
        now: Timestamp,
    ) -> Result<NewSession, AccessError> {
        let address = attempt.address.to_canonical();
        let by = Caller::anonymous(address);
        self.admit(&by, address, "session.start", now).await?;
        let key = bounded(name_key(&attempt.name));
        let found = self.find(key.clone()).await?;
        let id = found.as_ref().map(|f| f.id);
        let counted = self.admit_name(&by, id, &key, address, now).await?;

        let disabled = found.as_ref().map(|f| f.disabled);
        let usable = found.filter(|f| !f.disabled);
        let hash = usable.as_ref().map(|f| f.hash.clone());
        let right = self.hasher().verify(attempt.password.clone(), hash).await;
        if counted && !matches!(right, Ok(false)) {
            // Only wrong passwords count against the name.
            self.limits().names.give_back(&key);
        }
        let right = right?;
        let Some(found) = usable.filter(|_| right) else {
            // A name that is nobody's may be a password typed into the wrong field: not kept.
            let reason = match disabled {
                None => "unknown name",
                Some(true) => "disabled",
                Some(false) => "wrong password",
            };
            let entry = Entry::new(&by, "session.start", id.map(subject).unwrap_or_default(), now)
                .ended(Outcome::Refused)
                .with(json!({ "reason": reason }));
            self.audit().note(entry).await;
            return Err(AccessError::WrongCredentials);
        };

        let renewed = if self.hasher().is_outdated(&found.hash) {
            Some(self.hasher().hash(attempt.password).await?)
        } else {
            None
        };
        let origin = Origin { address, user_agent: attempt.user_agent };
        let ticket = Ticket::new()?;
        let (shared, id) = (self.shared().clone(), found.id);
        let kept = self
            .store()
            .write_synced("sign-in", {
                let (ticket, origin) = (ticket.clone(), origin.clone());
                move |w| {
                    // The password may have been changed while it was being checked.
                    if password_hash(w.main(), id)? != found.hash || is_disabled(w.main(), id)? {
                        return Err(AccessError::WrongCredentials);
                    }
                    if let Some(renewed) = renewed {
                        w.main()
                            .prepare_cached("UPDATE people SET password_hash = ?2 WHERE id = ?1")?
                            .execute(params![id.0, renewed])?;
                    }
                    let actor = {
                        let memory = shared.lock();
                        let person = memory.person(id)?;
                        Actor::Person { id, name: person.name.clone(), role: person.role }
                    };
                    ticket.begin(w, &shared, actor, id, &origin, now)
                }
            })
            .await;
        match kept {
            // Whoever is to make room on a full disk must be able to sign in.
            Err(AccessError::Store(error)) if error.is_full() => {
                tracing::warn!(%error, person = %id, %address, "signed in without a record");
                ticket.begin_in_memory(self.shared(), id, &origin, now);
            }
            other => other?,
        }
        self.begun(ticket.cookie, now)
    }

    /// The session that was just made.
    pub(crate) fn begun(&self, cookie: Secret, now: Timestamp) -> Result<NewSession, AccessError> {
        let signed_in =
            self.check_session(cookie.expose(), now).ok_or(AccessError::WrongCredentials)?;
        Ok(NewSession { cookie, signed_in })
    }

    /// Uses up one of the address's attempts.
    pub(crate) async fn admit(
        &self,
        by: &Caller,
        address: IpAddr,
        action: &'static str,
        now: Timestamp,
    ) -> Result<(), AccessError> {
        // An address that somebody signed in from counts for itself: a guesser in the same /64
        // does not use up its attempts.
        let known = self.memory().is_known_address(address);
        let bucket = if known { address } else { address_group(address) };
        let verdict = self.limits().addresses.take(&bucket, now);
        self.answer(verdict, by, action, "too many attempts from this address", now).await
    }

    /// Uses up one of the name's attempts, unless the address is familiar; whether it did.
    async fn admit_name(
        &self,
        by: &Caller,
        id: Option<PersonId>,
        key: &String,
        address: IpAddr,
        now: Timestamp,
    ) -> Result<bool, AccessError> {
        let familiar = id.is_some_and(|id| {
            self.memory().person(id).is_ok_and(|p| p.addresses.contains(&address))
        });
        if familiar {
            return Ok(false);
        }
        let verdict = self.limits().names.take(key, now);
        self.answer(verdict, by, "session.start", "too many attempts for this name", now).await?;
        Ok(true)
    }

    async fn answer(
        &self,
        verdict: Verdict,
        by: &Caller,
        action: &'static str,
        reason: &str,
        now: Timestamp,
    ) -> Result<(), AccessError> {
        let Verdict::Refused { retry_after, first } = verdict else {
            return Ok(());
        };
        if first {
            let entry = Entry::new(by, action, "", now)
                .ended(Outcome::Refused)
                .with(json!({ "reason": reason }));
            self.audit().note(entry).await;
        }
        Err(AccessError::TooManyAttempts { retry_after })
    }

    async fn find(&self, key: String) -> Result<Option<Found>, AccessError> {
        self.store()
            .read(move |r| {
                Ok(r.main()
                    .prepare_cached(
                        "SELECT id, password_hash, disabled FROM people WHERE name_key = ?1",
                    )?
                    .query_row([key], |r| {
                        let id = PersonId(r.get(0)?);
                        Ok(Found { id, hash: r.get(1)?, disabled: r.get(2)? })
                    })
                    .optional()?)
            })
            .await
    }
}

struct Found {
    id: PersonId,
    hash: String,
    disabled: bool,
}

/// Longer than any name: all such count as one.
fn bounded(key: String) -> String {
    if key.len() > 512 { String::new() } else { key }
}

fn is_disabled(conn: &rusqlite::Connection, id: PersonId) -> Result<bool, AccessError> {
    Ok(conn
        .prepare_cached("SELECT disabled FROM people WHERE id = ?1")?
        .query_row([id.0], |r| r.get(0))?)
}
