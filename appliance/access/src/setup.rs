//! The first run, and starting anew after everybody has lost their way in.
//!
//! Whoever can read the router's console or disk holds the setup token; nobody on the network can
//! claim the box. The token lies in a file that only root reads, and as a hash in the database.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{ErrorKind, Write};
use std::net::IpAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use model::Timestamp;
use rusqlite::params;
use serde_json::json;

use crate::audit::{Entry, Outcome, record};
use crate::password::check_new;
use crate::people::{drop_sessions, fresh, id_by_key, insert, subject};
use crate::person::{check_name, name_key};
use crate::secret::{Hash, digest, normal_text, random_text, same};
use crate::sessions::{NewSession, Origin, Ticket};
use crate::{Access, AccessError, Actor, Caller, Permission, Role, Secret};

/// The token's file, in the folder given to [`Access::open`].
pub const TOKEN_FILE: &str = "setup-token";
/// Characters of a token: 28 of five bits are 140 bits.
const TOKEN_CHARS: usize = 28;
/// Characters between two hyphens, for reading it aloud.
const GROUP: usize = 4;
const DOMAIN: &str = "panoptikon setup token 1";

/// Claims the appliance.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The token as typed.
    pub token: Secret,
    /// The administrator's name.
    pub name: String,
    /// The administrator's password.
    pub password: Secret,
    /// Where from.
    pub address: IpAddr,
    /// What the browser calls itself.
    pub user_agent: String,
}

/// Whether the appliance waits for somebody to claim it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetupState {
    /// Nobody has an account yet.
    First,
    /// There are people, and a new token was asked for on the console or by an administrator.
    Again,
    /// Nothing to claim.
    Done,
}

impl Access {
    /// Whether the appliance waits for somebody to claim it.
    pub fn setup_state(&self) -> SetupState {
        let memory = self.memory();
        match (memory.setup_token.is_some(), memory.people.is_empty()) {
            (false, _) => SetupState::Done,
            (true, true) => SetupState::First,
            (true, false) => SetupState::Again,
        }
    }

    /// Makes an administrator, with the token. Works once; of several at the same time exactly
    /// one. After [`Access::reset_auth`] the name may be one that exists: that person then has the
    /// new password and is administrator.
    pub async fn setup(&self, setup: Setup, now: Timestamp) -> Result<NewSession, AccessError> {
        let expected = self.memory().setup_token.ok_or(AccessError::AlreadySetUp)?;
        let address = setup.address.to_canonical();
        let by = Caller::anonymous(address);
        self.admit(&by, address, "setup.finish", now).await?;
        if !same(&hash_token(setup.token.expose()), &expected) {
            let entry = Entry::new(&by, "setup.finish", "", now)
                .ended(Outcome::Refused)
                .with(json!({ "reason": "the setup code was wrong" }));
            self.audit().note(entry).await;
            return Err(AccessError::WrongSetupToken);
        }
        let name = check_name(&setup.name)?;
        check_new(&setup.password, &name)?;
        let hash = self.hasher().hash(setup.password).await?;

        let _one_at_a_time = self.token_lock().await;
        let origin = Origin { address, user_agent: setup.user_agent };
        let ticket = Ticket::new()?;
        let cookie = ticket.cookie.clone();
        let shared = self.shared().clone();
        self.store()
            .write_synced("setup", move |w| {
                let kept: Option<Hash> =
                    w.main().query_row("SELECT token_hash FROM setup", [], |r| r.get(0))?;
                match kept {
                    None => return Err(AccessError::AlreadySetUp),
                    Some(kept) if !same(&kept, &expected) => {
                        return Err(AccessError::WrongSetupToken);
                    }
                    Some(_) => {}
                }
                w.main().execute("UPDATE setup SET token_hash = NULL, done_at = ?1", [now.0])?;
                let role = Role::Administrator;
                let existing = id_by_key(w.main(), &name_key(&name))?;
                let id = match existing {
                    None => insert(w.main(), &name, role, &hash, now)?,
                    Some(id) => {
                        w.main().execute(
                            "UPDATE people SET password_hash = ?2, role = ?3, disabled = 0
                             WHERE id = ?1",
                            params![id.0, hash, role.as_str()],
                        )?;
                        drop_sessions(w.main(), id, None)?;
                        id
                    }
                };
                let actor = Actor::Person { id, name: name.as_str().into(), role };
                let by = Caller { actor: actor.clone(), address: Some(address) };
                let detail = json!({ "name": name, "existed": existing.is_some() });
                record(w, Entry::new(&by, "setup.finish", subject(id), now).with(detail))?;
                shared.follow(w, move |m| {
                    m.setup_token = None;
                    m.sessions.retain(|_, s| s.person != id);
                    let person = m.people.entry(id).or_insert_with(|| fresh(&name, role));
                    (person.role, person.disabled) = (role, false);
                });
                ticket.begin(w, &shared, actor, id, &origin, now)
            })
            .await?;
        self.tidy_file().await;
        self.begun(cookie, now)
    }

    /// The token, for the console; `None` once the setup is done. Makes a new one when its file is
    /// lost.
    pub async fn setup_token(&self, now: Timestamp) -> Result<Option<Secret>, AccessError> {
        let _one_at_a_time = self.token_lock().await;
        let Some(expected) = self.memory().setup_token else {
            return Ok(None);
        };
        let path = self.token_file().to_owned();
        let text = blocking(move || read(&path)).await?;
        if let Some(text) = text.filter(|t| same(&hash_token(t), &expected)) {
            return Ok(Some(Secret::new(text)));
        }
        self.issue(&Caller::console(), false, now).await.map(Some)
    }

    /// Ends all sessions and issues a new setup token. People, roles, passwords and API keys
    /// stay. For the console, and with `people:manage`.
    pub async fn reset_auth(&self, by: &Caller, now: Timestamp) -> Result<Secret, AccessError> {
        by.require(Permission::PeopleManage)?;
        let _one_at_a_time = self.token_lock().await;
        self.issue(by, true, now).await
    }

    /// Brings the file in line with the database, at the start.
    pub(crate) async fn prepare_setup(&self, now: Timestamp) -> Result<(), AccessError> {
        let done = self
            .store()
            .read(|r| {
                let done: Option<i64> =
                    r.main().query_row("SELECT done_at FROM setup", [], |r| r.get(0))?;
                Ok::<_, AccessError>(done.is_some())
            })
            .await?;
        if self.memory().setup_token.is_some() {
            self.setup_token(now).await?;
        } else if done {
            self.tidy_file().await;
        } else {
            let _one_at_a_time = self.token_lock().await;
            self.issue(&Caller::system(), false, now).await?;
        }
        Ok(())
    }

    async fn issue(
        &self,
        by: &Caller,
        end_sessions: bool,
        now: Timestamp,
    ) -> Result<Secret, AccessError> {
        let token = grouped(&random_text::<TOKEN_CHARS>()?);
        let hash = hash_token(&token);
        // The file first: a token in the database alone could never be shown.
        let (path, text) = (self.token_file().to_owned(), token.clone());
        blocking(move || write(&path, &text)).await?;
        let (by, shared) = (by.clone(), self.shared().clone());
        self.store()
            .write_synced("setup", move |w| {
                w.main().execute("UPDATE setup SET token_hash = ?1", [hash])?;
                let action = if end_sessions { "auth.reset" } else { "setup.open" };
                let mut ended = 0;
                if end_sessions {
                    ended = w.main().execute("DELETE FROM sessions", [])?;
                }
                let detail = json!({ "sessions_ended": ended });
                record(w, Entry::new(&by, action, "", now).with(detail))?;
                shared.follow(w, move |m| {
                    m.setup_token = Some(hash);
                    if end_sessions {
                        m.sessions.clear();
                    }
                });
                Ok::<_, AccessError>(())
            })
            .await?;
        tracing::info!(file = %self.token_file().display(), "a setup token was issued");
        Ok(Secret::new(token))
    }

    /// Removes the file of a token that is void; where that fails, the next start tries again.
    async fn tidy_file(&self) {
        if let Err(error) = self.remove_file().await {
            tracing::warn!(%error, "the used setup token stays on the disk");
        }
    }

    async fn remove_file(&self) -> Result<(), AccessError> {
        let path = self.token_file().to_owned();
        blocking(move || match fs::remove_file(&path) {
            Err(source) if source.kind() != ErrorKind::NotFound => {
                Err(AccessError::TokenFile { attempt: "remove", path, source })
            }
            _ => Ok(()),
        })
        .await
    }
}

fn hash_token(typed: &str) -> Hash {
    digest(DOMAIN, normal_text(typed).as_bytes())
}

fn grouped(text: &str) -> String {
    let mut grouped = String::with_capacity(text.len() + text.len() / GROUP);
    for (i, c) in text.chars().enumerate() {
        if i > 0 && i % GROUP == 0 {
            grouped.push('-');
        }
        grouped.push(c);
    }
    grouped
}

async fn blocking<T: Send + 'static>(
    job: impl FnOnce() -> Result<T, AccessError> + Send + 'static,
) -> Result<T, AccessError> {
    match tokio::task::spawn_blocking(job).await {
        Ok(result) => result,
        Err(_) => Err(store::StoreError::Broken("the setup token").into()),
    }
}

fn read(path: &Path) -> Result<Option<String>, AccessError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text.trim().to_owned())),
        // Whatever it is, it is not the token.
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::InvalidData) => Ok(None),
        Err(source) => {
            Err(AccessError::TokenFile { attempt: "read", path: path.to_owned(), source })
        }
    }
}

/// Writes the file in one step, readable by its owner from its first moment.
fn write(path: &Path, token: &str) -> Result<(), AccessError> {
    let failed = |attempt, path: &Path| {
        let path: PathBuf = path.to_owned();
        move |source| AccessError::TokenFile { attempt, path, source }
    };
    if let Some(folder) = path.parent() {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.map_err(failed("make the folder of", path))?;
    }
    let new = path.with_extension("new");
    match fs::remove_file(&new) {
        Err(e) if e.kind() != ErrorKind::NotFound => return Err(failed("replace", &new)(e)),
        _ => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&new)
        .map_err(failed("create", &new))?;
    file.write_all(format!("{token}\n").as_bytes()).map_err(failed("write", &new))?;
    file.sync_all().map_err(failed("write", &new))?;
    fs::rename(&new, path).map_err(failed("put in place", path))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_token_reads_well_and_is_taken_as_people_type_it() {
        let token = grouped("0123456789ABCDEFGHJKMNPQRSTV");
        assert_eq!(token, "0123-4567-89AB-CDEF-GHJK-MNPQ-RSTV");
        assert_eq!(hash_token(&token), hash_token(" o123 4567 89ab cdef ghjk mnpq rstv\n"));
        assert_ne!(hash_token(&token), hash_token(&token[1..]));
    }

    #[test]
    fn the_file_is_for_its_owner_only_even_over_a_loose_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("made").join(TOKEN_FILE);
        write(&path, "first").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        write(&path, "second").unwrap();
        assert_eq!(read(&path).unwrap().as_deref(), Some("second"));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }
}
