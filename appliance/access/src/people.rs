//! People: adding and removing them, changing roles, passwords and preferences.

use model::{PersonId, Timestamp};
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::json;

use crate::audit::{Entry, record};
use crate::limit::Verdict;
use crate::memory::{KnownPerson, Used, read_role};
use crate::password::check_new;
use crate::person::{NewPerson, Person, Preferences, check_name, name_key};
use crate::{Access, AccessError, Caller, Permission, Role, Secret, SignedIn};

/// Most people: an appliance for a house or a small firm, all kept in memory.
const MAX_PEOPLE: usize = 256;

impl Access {
    /// Everybody, by name. Needs `people:read`.
    pub fn people(&self, by: &Caller, now: Timestamp) -> Result<Vec<Person>, AccessError> {
        by.require(Permission::PeopleRead)?;
        let memory = self.memory();
        let mut people: Vec<_> =
            memory.people.iter().map(|(id, p)| Person::of(&memory, *id, p, now)).collect();
        model::sort_by_key(&mut people, |p| name_key(&p.name));
        Ok(people)
    }

    /// Adds somebody. Needs `people:manage`.
    pub async fn add_person(
        &self,
        by: &Caller,
        new: NewPerson,
        now: Timestamp,
    ) -> Result<PersonId, AccessError> {
        by.require(Permission::PeopleManage)?;
        let name = check_name(&new.name)?;
        check_new(&new.password, &name)?;
        if self.memory().people.len() >= MAX_PEOPLE {
            return Err(AccessError::TooMany { what: "people", limit: MAX_PEOPLE });
        }
        let hash = self.hasher().hash(new.password).await?;
        let (by, shared, role) = (by.clone(), self.shared().clone(), new.role);
        self.store()
            .write_synced("people", move |w| {
                let id = insert(w.main(), &name, role, &hash, now)?;
                let detail = json!({ "name": name, "role": role });
                record(w, Entry::new(&by, "person.add", subject(id), now).with(detail))?;
                shared.follow(w, move |m| {
                    m.people.insert(id, fresh(&name, role));
                });
                Ok(id)
            })
            .await
    }

    /// Removes somebody with their sessions and keys. Needs `people:manage`.
    pub async fn remove_person(
        &self,
        by: &Caller,
        id: PersonId,
        now: Timestamp,
    ) -> Result<(), AccessError> {
        by.require(Permission::PeopleManage)?;
        let (by, shared) = (by.clone(), self.shared().clone());
        self.store()
            .write_synced("people", move |w| {
                let name = keep_an_administrator(w.main(), id)?;
                w.main().prepare_cached("DELETE FROM people WHERE id = ?1")?.execute([id.0])?;
                let detail = json!({ "name": name });
                record(w, Entry::new(&by, "person.remove", subject(id), now).with(detail))?;
                shared.follow(w, move |m| {
                    m.people.remove(&id);
                    m.sessions.retain(|_, s| s.person != id);
                    m.keys.retain(|_, k| k.person != id);
                });
                Ok(())
            })
            .await
    }

    /// Gives somebody another role, at once and in all their sessions. Needs `people:manage`.
    pub async fn set_role(
        &self,
        by: &Caller,
        id: PersonId,
        role: Role,
        now: Timestamp,
    ) -> Result<(), AccessError> {
        by.require(Permission::PeopleManage)?;
        let (by, shared) = (by.clone(), self.shared().clone());
        self.store()
            .write_synced("people", move |w| {
                let (name, old) = name_and_role(w.main(), id)?;
                if role != Role::Administrator {
                    keep_an_administrator(w.main(), id)?;
                }
                w.main()
                    .prepare_cached("UPDATE people SET role = ?2 WHERE id = ?1")?
                    .execute(params![id.0, role.as_str()])?;
                let detail = json!({ "name": name, "from": old, "to": role });
                record(w, Entry::new(&by, "person.role", subject(id), now).with(detail))?;
                shared.follow(w, move |m| {
                    if let Some(person) = m.people.get_mut(&id) {
                        person.role = role;
                    }
                });
                Ok(())
            })
            .await
    }

    /// Lets somebody sign in no longer, or again. Ends their sessions; their keys rest meanwhile.
    /// Needs `people:manage`.
    pub async fn set_disabled(
        &self,
        by: &Caller,
        id: PersonId,
        disabled: bool,
        now: Timestamp,
    ) -> Result<(), AccessError> {
        by.require(Permission::PeopleManage)?;
        let (by, shared) = (by.clone(), self.shared().clone());
        self.store()
            .write_synced("people", move |w| {
                let (name, _) = name_and_role(w.main(), id)?;
                if disabled {
                    keep_an_administrator(w.main(), id)?;
                    drop_sessions(w.main(), id, None)?;
                }
                w.main()
                    .prepare_cached("UPDATE people SET disabled = ?2 WHERE id = ?1")?
                    .execute(params![id.0, disabled])?;
                let action = if disabled { "person.disable" } else { "person.enable" };
                let detail = json!({ "name": name });
                record(w, Entry::new(&by, action, subject(id), now).with(detail))?;
                shared.follow(w, move |m| {
                    if let Some(person) = m.people.get_mut(&id) {
                        person.disabled = disabled;
                    }
                    if disabled {
                        m.sessions.retain(|_, s| s.person != id);
                    }
                });
                Ok(())
            })
            .await
    }

    /// Changes one's own password and ends all of one's other sessions. Attempts are limited as
    /// those of signing in.
    pub async fn change_password(
        &self,
        me: &SignedIn,
        by: &Caller,
        current: Secret,
        new: Secret,
        now: Timestamp,
    ) -> Result<(), AccessError> {
        by.require(Permission::AccountOwn)?;
        let id = me.person;
        check_new(&new, &me.name)?;
        if let Verdict::Refused { retry_after, .. } = self.limits().own_password.take(&id, now) {
            return Err(AccessError::TooManyAttempts { retry_after });
        }
        let old = self.store().read(move |r| password_hash(r.main(), id)).await?;
        if !self.hasher().verify(current, Some(old.clone())).await? {
            let entry = Entry::new(by, "person.password", subject(id), now)
                .ended(crate::audit::Outcome::Refused)
                .with(json!({ "reason": "wrong current password" }));
            self.audit().note(entry).await;
            return Err(AccessError::WrongPassword);
        }
        self.limits().own_password.give_back(&id);
        let hash = self.hasher().hash(new).await?;
        self.store_password(by, id, hash, Some(old), Some(me.session), now).await
    }

    /// Gives somebody else a new password and ends all of their sessions. Needs `people:manage`;
    /// a stolen session does not get at its owner's password this way.
    pub async fn reset_password(
        &self,
        by: &Caller,
        id: PersonId,
        new: Secret,
        now: Timestamp,
    ) -> Result<(), AccessError> {
        by.require(Permission::PeopleManage)?;
        if by.actor.person() == Some(id) {
            return Err(AccessError::OwnPassword);
        }
        let name = self.memory().person(id)?.name.clone();
        check_new(&new, &name)?;
        let hash = self.hasher().hash(new).await?;
        self.store_password(by, id, hash, None, None, now).await
    }

    /// `expected` is the hash that the current password was checked against; `keep` a session that
    /// stays.
    async fn store_password(
        &self,
        by: &Caller,
        id: PersonId,
        hash: String,
        expected: Option<String>,
        keep: Option<i64>,
        now: Timestamp,
    ) -> Result<(), AccessError> {
        let (by, shared) = (by.clone(), self.shared().clone());
        self.store()
            .write_synced("people", move |w| {
                let old = password_hash(w.main(), id)?;
                if expected.is_some_and(|expected| expected != old) {
                    return Err(AccessError::WrongPassword);
                }
                w.main()
                    .prepare_cached("UPDATE people SET password_hash = ?2 WHERE id = ?1")?
                    .execute(params![id.0, hash])?;
                let ended = drop_sessions(w.main(), id, keep)?;
                let action = if keep.is_some() { "person.password" } else { "person.reset" };
                let detail = json!({ "sessions_ended": ended });
                record(w, Entry::new(&by, action, subject(id), now).with(detail))?;
                shared.follow(w, move |m| {
                    m.sessions.retain(|_, s| s.person != id || Some(s.id) == keep);
                });
                Ok(())
            })
            .await
    }

    /// Keeps how somebody likes the site.
    pub async fn set_preferences(
        &self,
        me: &SignedIn,
        by: &Caller,
        prefs: Preferences,
        now: Timestamp,
    ) -> Result<(), AccessError> {
        by.require(Permission::AccountOwn)?;
        let prefs = prefs.check()?;
        let (by, shared, id) = (by.clone(), self.shared().clone(), me.person);
        self.store()
            .write_synced("people", move |w| {
                let detail = json!(prefs);
                w.main()
                    .prepare_cached("UPDATE people SET prefs = ?2 WHERE id = ?1")?
                    .execute(params![id.0, detail.to_string()])?;
                record(w, Entry::new(&by, "person.preferences", subject(id), now).with(detail))?;
                shared.follow(w, move |m| {
                    if let Some(person) = m.people.get_mut(&id) {
                        person.prefs = prefs;
                    }
                });
                Ok(())
            })
            .await
    }
}

/// The person as the audit log names them.
pub(crate) fn subject(id: PersonId) -> String {
    format!("person:{id}")
}

/// Somebody who was just added.
pub(crate) fn fresh(name: &str, role: Role) -> KnownPerson {
    KnownPerson {
        name: name.into(),
        role,
        disabled: false,
        prefs: Preferences::default(),
        seen: Used::as_written(None),
        addresses: std::collections::VecDeque::new(),
    }
}

pub(crate) fn insert(
    conn: &Connection,
    name: &str,
    role: Role,
    hash: &str,
    now: Timestamp,
) -> Result<PersonId, AccessError> {
    let key = name_key(name);
    if id_by_key(conn, &key)?.is_some() {
        return Err(AccessError::NameTaken { name: name.to_owned() });
    }
    conn.prepare_cached(
        "INSERT INTO people (name, name_key, role, password_hash, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![name, key, role.as_str(), hash, now.0])?;
    Ok(PersonId(conn.last_insert_rowid()))
}

pub(crate) fn id_by_key(conn: &Connection, key: &str) -> Result<Option<PersonId>, AccessError> {
    Ok(conn
        .prepare_cached("SELECT id FROM people WHERE name_key = ?1")?
        .query_row([key], |r| r.get(0).map(PersonId))
        .optional()?)
}

pub(crate) fn password_hash(conn: &Connection, id: PersonId) -> Result<String, AccessError> {
    conn.prepare_cached("SELECT password_hash FROM people WHERE id = ?1")?
        .query_row([id.0], |r| r.get(0))
        .optional()?
        .ok_or(AccessError::NoSuchPerson(id))
}

fn name_and_role(conn: &Connection, id: PersonId) -> Result<(String, Role), AccessError> {
    let (name, role): (String, String) = conn
        .prepare_cached("SELECT name, role FROM people WHERE id = ?1")?
        .query_row([id.0], |r| Ok((r.get(0)?, r.get(1)?)))
        .optional()?
        .ok_or(AccessError::NoSuchPerson(id))?;
    Ok((name, read_role(&role)?))
}

/// Refuses when no administrator who can sign in would be left without this person, whose name
/// it returns.
fn keep_an_administrator(conn: &Connection, id: PersonId) -> Result<String, AccessError> {
    let (name, role) = name_and_role(conn, id)?;
    let others: i64 = conn
        .prepare_cached(
            "SELECT count(*) FROM people WHERE role = ?2 AND disabled = 0 AND id <> ?1",
        )?
        .query_row(params![id.0, Role::Administrator.as_str()], |r| r.get(0))?;
    if role == Role::Administrator && others == 0 {
        return Err(AccessError::LastAdministrator { name });
    }
    Ok(name)
}

/// Ends the sessions of a person but for one; how many.
pub(crate) fn drop_sessions(
    conn: &Connection,
    id: PersonId,
    keep: Option<i64>,
) -> Result<usize, AccessError> {
    Ok(conn
        .prepare_cached("DELETE FROM sessions WHERE person = ?1 AND id IS NOT ?2")?
        .execute(params![id.0, keep])?)
}
