//! API keys, `pnk_<id>_<secret>`: for scripts, Prometheus, agents.

use std::sync::Arc;

use model::{PersonId, Timestamp};
use rusqlite::params;
use serde::Serialize;
use serde_json::json;

use crate::audit::{Entry, record};
use crate::memory::{KnownKey, Used};
use crate::person::check_name;
use crate::secret::{Hash, digest, random_text, same};
use crate::{Access, AccessError, Actor, Caller, Permission, Role, Secret};

const MARK: &str = "pnk_";
/// Characters of the public part; five bits each.
const ID_CHARS: usize = 10;
/// Characters of the secret part: 260 bits, so a fast hash at rest is enough.
const SECRET_CHARS: usize = 52;
const DOMAIN: &str = "panoptikon api key 1";
/// Most keys of all people together; all are kept in memory.
const MAX_KEYS: usize = 512;

/// A key to make.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// What it is for.
    pub name: String,
    /// What it may do; no more than its maker.
    pub role: Role,
    /// When it stops working.
    pub expires_at: Option<Timestamp>,
}

/// A key as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ApiKey {
    /// The row.
    pub id: i64,
    /// How the key starts, for finding it in a script.
    pub starts: String,
    /// What it is for.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// Whose it is.
    pub owner: PersonId,
    /// Their name.
    pub owner_name: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it stops working.
    pub expires_at: Option<Timestamp>,
    /// When it was last used.
    pub last_used_at: Option<Timestamp>,
}

/// A fresh key: the public part, its hash, and the whole in clear.
fn fresh() -> Result<(String, Hash, Secret), AccessError> {
    let prefix = random_text::<ID_CHARS>()?.to_lowercase();
    let key = format!("{MARK}{prefix}_{}", random_text::<SECRET_CHARS>()?.to_lowercase());
    Ok((prefix, digest(DOMAIN, key.as_bytes()), Secret::new(key)))
}

impl Access {
    /// Who a key stands for, noting that it was used. Memory only.
    pub fn check_key(&self, key: &str, now: Timestamp) -> Option<Actor> {
        let (prefix, _) = key.strip_prefix(MARK)?.split_once('_')?;
        let hash = digest(DOMAIN, key.as_bytes());
        let mut memory = self.memory();
        let memory = &mut *memory;
        let known = memory.keys.get_mut(prefix)?;
        let owner = memory.people.get(&known.person)?;
        let expired = known.expires.is_some_and(|at| at <= now);
        if !same(&hash, &known.hash) || expired || owner.disabled {
            return None;
        }
        known.used.now(now);
        Some(Actor::ApiKey {
            id: known.id,
            name: Arc::clone(&known.name),
            role: known.role,
            owner: known.person,
            owner_role: owner.role,
        })
    }

    /// Makes a key. Its text is returned once and kept nowhere. Needs a person with
    /// `api_keys:own`: keys do not make keys.
    pub async fn create_key(
        &self,
        by: &Caller,
        new: NewKey,
        now: Timestamp,
    ) -> Result<(i64, Secret), AccessError> {
        by.require(Permission::ApiKeysOwn)?;
        let Actor::Person { id: person, role, .. } = by.actor else {
            return Err(AccessError::NeedsPerson);
        };
        if !role.covers(new.role) {
            return Err(AccessError::RoleTooHigh { role: new.role });
        }
        if new.expires_at.is_some_and(|at| at <= now) {
            let accepted = "in the future";
            return Err(AccessError::BadValue { what: "the key's expiry", accepted });
        }
        let name = check_name(&new.name)?;
        if self.memory().keys.len() >= MAX_KEYS {
            return Err(AccessError::TooMany { what: "API keys", limit: MAX_KEYS });
        }
        let (prefix, hash, secret) = fresh()?;
        let (by, shared) = (by.clone(), self.shared().clone());
        let id = self
            .store()
            .write_synced("api keys", move |w| {
                w.main()
                    .prepare_cached(
                        "INSERT INTO api_keys (prefix, hash, person, name, role, created_at,
                                               expires_at)
                         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                    )?
                    .execute(params![
                        prefix,
                        hash,
                        person.0,
                        name,
                        new.role.as_str(),
                        now.0,
                        new.expires_at.map(|t| t.0),
                    ])?;
                let id = w.main().last_insert_rowid();
                let detail = json!({
                    "name": name, "role": new.role, "starts": starts(&prefix),
                    "expires_at": new.expires_at,
                });
                record(w, Entry::new(&by, "api_key.create", subject(id), now).with(detail))?;
                let key = KnownKey {
                    id,
                    hash,
                    person,
                    name: name.into(),
                    role: new.role,
                    created: now,
                    expires: new.expires_at,
                    used: Used::as_written(None),
                };
                shared.follow(w, move |m| {
                    m.keys.insert(prefix, key);
                });
                Ok::<_, AccessError>(id)
            })
            .await?;
        Ok((id, secret))
    }

    /// One's own keys, or with `people:manage` all, oldest first.
    pub fn keys(&self, by: &Caller) -> Result<Vec<ApiKey>, AccessError> {
        let all = by.actor.may(Permission::PeopleManage);
        if !all {
            by.require(Permission::ApiKeysOwn)?;
        }
        let memory = self.memory();
        let mut keys: Vec<_> = memory
            .keys
            .iter()
            .filter(|(_, k)| all || by.actor.person() == Some(k.person))
            .map(|(prefix, k)| ApiKey {
                id: k.id,
                starts: starts(prefix),
                name: k.name.as_ref().to_owned(),
                role: k.role,
                owner: k.person,
                owner_name: memory.person(k.person).map(|p| p.name.to_string()).unwrap_or_default(),
                created_at: k.created,
                expires_at: k.expires,
                last_used_at: k.used.at,
            })
            .collect();
        model::sort_by_key(&mut keys, |k| k.id);
        Ok(keys)
    }

    /// Gives a key a new text, under the same name, role and expiry; the old one stops working.
    /// One's own only.
    pub async fn rotate_key(
        &self,
        by: &Caller,
        id: i64,
        now: Timestamp,
    ) -> Result<Secret, AccessError> {
        by.require(Permission::ApiKeysOwn)?;
        let owner = self.key_owner(id)?;
        if by.actor.person() != Some(owner) {
            return Err(AccessError::NeedsPerson);
        }
        let (prefix, hash, secret) = fresh()?;
        let (by, shared) = (by.clone(), self.shared().clone());
        self.store()
            .write_synced("api keys", move |w| {
                let n = w
                    .main()
                    .prepare_cached("UPDATE api_keys SET prefix = ?2, hash = ?3 WHERE id = ?1")?
                    .execute(params![id, prefix, hash])?;
                if n == 0 {
                    return Err(AccessError::NoSuchKey(id));
                }
                let detail = json!({ "starts": starts(&prefix) });
                record(w, Entry::new(&by, "api_key.rotate", subject(id), now).with(detail))?;
                shared.follow(w, move |m| {
                    let old = m.keys.iter().find(|(_, k)| k.id == id).map(|(p, _)| p.clone());
                    if let Some(mut key) = old.and_then(|old| m.keys.remove(&old)) {
                        key.hash = hash;
                        m.keys.insert(prefix, key);
                    }
                });
                Ok(())
            })
            .await?;
        Ok(secret)
    }

    /// Ends a key: one's own, or with `people:manage` anybody's.
    pub async fn revoke_key(
        &self,
        by: &Caller,
        id: i64,
        now: Timestamp,
    ) -> Result<(), AccessError> {
        let owner = self.key_owner(id)?;
        by.require_own(owner)?;
        let (by, shared) = (by.clone(), self.shared().clone());
        self.store()
            .write_synced("api keys", move |w| {
                let n =
                    w.main().prepare_cached("DELETE FROM api_keys WHERE id = ?1")?.execute([id])?;
                if n == 0 {
                    return Err(AccessError::NoSuchKey(id));
                }
                record(w, Entry::new(&by, "api_key.revoke", subject(id), now))?;
                shared.follow(w, move |m| m.keys.retain(|_, k| k.id != id));
                Ok(())
            })
            .await
    }

    fn key_owner(&self, id: i64) -> Result<PersonId, AccessError> {
        let memory = self.memory();
        let key = memory.keys.values().find(|k| k.id == id);
        key.map(|k| k.person).ok_or(AccessError::NoSuchKey(id))
    }
}

fn subject(id: i64) -> String {
    format!("api_key:{id}")
}

pub(crate) fn starts(prefix: &str) -> String {
    format!("{MARK}{prefix}_")
}
