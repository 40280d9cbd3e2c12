//! What people do with hosts: each with its right and a line in the audit log, in one transaction.

use access::audit::{Entry, record};
use access::{Caller, Permission as P};
use model::{Severity, Timestamp};
use serde_json::json;
use wire::{Set, close};

use crate::agents::{subject, tell};
use crate::members::Order;
use crate::tables::{self, AgentRow, State, TokenRow};
use crate::{AgentId, Agents, AgentsError, Host, HostSettings, Invalid, LONGEST_NAME, host};

impl Agents {
    /// Changes what people call a host, or wrote about it.
    pub async fn rename(
        &self,
        by: &Caller,
        id: AgentId,
        name: &str,
        note: &str,
        now: Timestamp,
    ) -> Result<(), AgentsError> {
        let (name, note) = (host::name(name)?, host::note(note)?);
        let detail = json!({ "name": name });
        self.change(by, id, "agent.rename", detail, now, move |row| {
            row.name = name;
            row.note = note;
        })
        .await
    }

    /// Changes when a host reports, what it watches and when to warn.
    pub async fn configure(
        &self,
        by: &Caller,
        id: AgentId,
        settings: HostSettings,
        now: Timestamp,
    ) -> Result<(), AgentsError> {
        settings.check()?;
        let set = Set {
            interval_s: Some(settings.interval_s),
            attend_s: None,
            passive: Some(settings.passive),
            watch: Some(settings.watch.clone()),
        };
        let detail = json!(settings);
        let change = move |row: &mut AgentRow| row.settings = settings;
        self.change(by, id, "agent.configure", detail, now, change).await?;
        let _ = self.0.members.with(id, |member| tell(member, Order::Set(set)));
        Ok(())
    }

    /// Lets no agent with this identity in any more.
    pub async fn revoke(
        &self,
        by: &Caller,
        id: AgentId,
        now: Timestamp,
    ) -> Result<(), AgentsError> {
        let change = |row: &mut AgentRow| row.state = State::Revoked;
        self.change(by, id, "agent.revoke", json!({}), now, change).await?;
        self.hang_up(id, close::REVOKED, "This agent was revoked.", now);
        Ok(())
    }

    /// Lets an identity in again that was seen on two hosts: whichever comes next is the one.
    pub async fn trust(&self, by: &Caller, id: AgentId, now: Timestamp) -> Result<(), AgentsError> {
        let host = self.get(id).ok_or(AgentsError::NotFound(id))?;
        if host.state == State::Revoked {
            return Err(AgentsError::Revoked(host.name));
        }
        let change = |row: &mut AgentRow| {
            row.state = State::Active;
            row.machine.clear();
            row.counter = 0;
        };
        self.change(by, id, "agent.trust", json!({}), now, change).await?;
        let what = format!("{} is trusted again", host.name);
        self.publish(id, "host_copied_over", Severity::Info, what, json!({}), now).await?;
        Ok(())
    }

    /// Has a host make a new key, with its next link, which is now.
    pub async fn rotate(
        &self,
        by: &Caller,
        id: AgentId,
        now: Timestamp,
    ) -> Result<(), AgentsError> {
        self.change(by, id, "agent.rotate", json!({}), now, |_| ()).await?;
        let _ = self.0.members.with(id, |member| member.rotate = true);
        // RFC 6455 has no word for `come back at once`; 1012 says that the other side starts anew.
        self.hang_up(id, 1012, "Come back and make a new key.", now);
        Ok(())
    }

    /// Deletes a host with all that it reported.
    pub async fn delete(
        &self,
        by: &Caller,
        id: AgentId,
        now: Timestamp,
    ) -> Result<String, AgentsError> {
        by.require(P::AgentsManage)?;
        let name = self.get(id).ok_or(AgentsError::NotFound(id))?.name;
        let entry = Entry::new(by, "agent.delete", subject(id), now).with(json!({ "name": name }));
        self.0
            .store
            .write_synced("agent deletion", move |w| {
                tables::delete(w.main(), id)?;
                record(w, entry)
            })
            .await?;
        self.hang_up(id, close::REVOKED, "This agent was deleted.", now);
        self.0.members.lock().remove(&id);
        Ok(name)
    }

    /// The hosts whose names a pattern matches, as `*` and `?` have it, whatever the case; by name.
    /// Nothing is done to them.
    pub fn matching(&self, pattern: &str) -> Result<Vec<(AgentId, String)>, AgentsError> {
        let pattern = pattern.trim().to_lowercase();
        if !(1..=LONGEST_NAME).contains(&pattern.chars().count()) {
            let problem = "give a pattern of 1 to 64 characters, such as old-*";
            return Err(Invalid::new("pattern", problem).into());
        }
        let pattern: Vec<char> = pattern.chars().collect();
        let named = |host: &Host| {
            let name: Vec<char> = host.name.to_lowercase().chars().collect();
            is_like(&pattern, &name)
        };
        let hosts = self.all().into_iter().filter(named);
        Ok(hosts.map(|host| (host.id, host.name)).collect())
    }

    /// Takes a token back.
    pub async fn revoke_token(
        &self,
        by: &Caller,
        token: &str,
        now: Timestamp,
    ) -> Result<(), AgentsError> {
        by.require(P::AgentsManage)?;
        let id = token.to_owned();
        let entry = Entry::new(by, "agent.token_revoke", format!("agent-token:{id}"), now);
        self.0
            .store
            .write_synced("agent token", move |w| {
                let row = tables::token(w.main(), &id)?;
                let usable = |row: &TokenRow| row.used_at.is_none() && row.revoked_at.is_none();
                let mut row = row.filter(usable).ok_or(AgentsError::NoToken(id))?;
                row.revoked_at = Some(now);
                tables::put_token(w.main(), &row)?;
                record(w, entry)?;
                Ok(())
            })
            .await
    }

    /// Changes a host's row, with a line in the audit log.
    async fn change(
        &self,
        by: &Caller,
        id: AgentId,
        action: &'static str,
        detail: serde_json::Value,
        now: Timestamp,
        change: impl FnOnce(&mut AgentRow) + Send + 'static,
    ) -> Result<(), AgentsError> {
        by.require(P::AgentsManage)?;
        let entry = Entry::new(by, action, subject(id), now).with(detail);
        let written = self
            .0
            .store
            .write_synced("agent", move |w| {
                let mut row = tables::find(w.main(), id)?.ok_or(AgentsError::NotFound(id))?;
                change(&mut row);
                tables::put(w.main(), &row)?;
                record(w, entry)?;
                Ok::<_, AgentsError>(row)
            })
            .await?;
        let _ = self.0.members.with(id, |member| {
            let row = &mut member.row;
            (row.name, row.note, row.settings) = (written.name, written.note, written.settings);
            (row.state, row.machine, row.counter) =
                (written.state, written.machine, written.counter);
        });
        Ok(())
    }
}

/// Whether a name is like a pattern: `*` is any text, also none, `?` any one character.
fn is_like(pattern: &[char], name: &[char]) -> bool {
    // Where the last `*` was, and what it has taken so far: no other one has to be tried again.
    let (mut at, mut here, mut star) = (0, 0, None);
    while let Some(letter) = name.get(here) {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, here));
                at += 1;
            }
            Some(wanted) if *wanted == '?' || wanted == letter => {
                at += 1;
                here += 1;
            }
            _ => match star {
                Some((before, taken)) => {
                    star = Some((before, taken + 1));
                    (at, here) = (before + 1, taken + 1);
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(at).all(|rest| *rest == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_whole_names_and_nothing_else() {
        let like = |pattern: &str, name: &str| {
            let letters = |text: &str| text.chars().collect::<Vec<_>>();
            is_like(&letters(pattern), &letters(name))
        };
        for (pattern, name) in [
            ("old-*", "old-"),
            ("old-*", "old-server"),
            ("*", ""),
            ("*", "nas"),
            ("?as", "nas"),
            ("*-0?", "web-01"),
            ("a*b*c", "a1b2b3c"),
            ("a*a", "aaa"),
            ("n\u{e4}s*", "n\u{e4}s"),
        ] {
            assert!(like(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("old-*", "very-old-server"),
            ("nas", "nas2"),
            ("?", ""),
            ("?as", "as"),
            ("a*b", "abc"),
            ("", "nas"),
            ("*-0?", "web-0"),
        ] {
            assert!(!like(pattern, name), "{pattern} {name}");
        }
    }

    #[test]
    fn a_pattern_that_would_try_everything_ends_soon() {
        let pattern: Vec<char> = "a*".repeat(32).chars().chain(['b']).collect();
        let name = vec!['a'; 64];
        assert!(!is_like(&pattern, &name));
    }
}
