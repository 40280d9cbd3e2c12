//! Whether an agent is let in once it has said who it is, and under which identity it comes.
//!
//! The judgement ([`judge`]) is pure. What it decides is in the tables before the agent hears of it:
//! a counter that was seen once is never good again, whatever happens to this process.

use std::net::SocketAddr;

use access::Caller;
use access::audit::{Entry, record};
use model::{Severity, Timestamp};
use serde_json::json;
use tokio::sync::{mpsc, watch};
use wire::{Hello, Welcome, close};

use crate::agents::{event_of, subject};
use crate::authority::Issued;
use crate::enrol::tidy;
use crate::members::{Link, Order};
use crate::tables::{self, AgentRow, State};
use crate::{AgentId, Agents, AgentsError};

/// How soon an agent may ask for another certificate, milliseconds.
const RENEW_EVERY_MS: i64 = 60_000;

/// What becomes of a hello.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Let in.
    Welcome,
    /// Let in, and its new key is the only one from now on.
    WelcomeWithNewKey,
    /// Not let in.
    Refused(u16, &'static str),
    /// Not let in: the identity is on two hosts.
    Copied(&'static str),
}

/// Judges a hello. `live` is the machine of the link that is up.
pub(crate) fn judge(
    row: Option<&AgentRow>,
    key: &[u8; 32],
    hello: &Hello,
    live: Option<&str>,
) -> Verdict {
    let Some(row) = row.filter(|row| row.state != State::Revoked) else {
        return Verdict::Refused(
            close::REVOKED,
            "This agent is revoked or unknown. Enrol it again.",
        );
    };
    let is_new = row.next_key.as_ref() == Some(key);
    if row.key != *key && !is_new {
        return Verdict::Refused(close::REVOKED, "This key is not this agent's. Enrol it again.");
    }
    if row.state == State::Copied {
        let why = "This identity was seen on two hosts. Trust it again on its page, or revoke it.";
        return Verdict::Refused(close::COPIED, why);
    }
    if live.is_some_and(|machine| machine != hello.machine) {
        return Verdict::Copied("it is connected from another machine at this moment");
    }
    if !row.machine.is_empty() && row.machine != hello.machine {
        return Verdict::Copied("it came from another machine than before");
    }
    if hello.counter <= row.counter {
        return Verdict::Copied("it came with a counter that was used before");
    }
    if is_new { Verdict::WelcomeWithNewKey } else { Verdict::Welcome }
}

/// A link that was let in.
pub(crate) struct Admitted {
    pub(crate) welcome: Welcome,
    pub(crate) number: u64,
    pub(crate) orders: mpsc::Receiver<Order>,
    pub(crate) committed: watch::Receiver<u64>,
}

impl Agents {
    /// Judges a hello that came from `address` to `local` by the key with this hash.
    pub(crate) async fn admit(
        &self,
        (id, key): (AgentId, [u8; 32]),
        hello: Hello,
        (address, local): (SocketAddr, SocketAddr),
        now: Timestamp,
    ) -> Result<Result<Admitted, (u16, String)>, AgentsError> {
        let hello = tidy(hello);
        let live = self
            .0
            .members
            .with(id, |member| member.link.as_ref().map(|_| member.row.hello.machine.clone()));
        let live = live.flatten();
        let device = self.find_device(&hello, Some(address.ip()));
        let clock_ms = if hello.at == 0 { 0 } else { hello.at.saturating_sub(now.0) };
        let (said, room) = (hello.clone(), self.clone());
        let (verdict, row) = self
            .0
            .store
            .write("agent link", move |w| {
                let row = tables::find(w.main(), id)?;
                let verdict = judge(row.as_ref(), &key, &said, live.as_deref());
                let Some(mut row) = row else {
                    return Ok::<_, AgentsError>((verdict, None));
                };
                match verdict {
                    Verdict::Refused(..) => return Ok((verdict, None)),
                    Verdict::Copied(why) => {
                        row.state = State::Copied;
                        let entry = Entry::new(&Caller::system(), "agent.copied", subject(id), now);
                        record(w, entry.with(json!({ "why": why, "address": address.ip() })))?;
                        let what = format!("{}: its identity is used twice: {why}", row.name);
                        let data = json!({ "why": why, "address": address.ip() });
                        let what = ("host_copied", Severity::High, what);
                        room.0
                            .events
                            .append(w, event_of(id, &row.name, row.device, what, data, now))?;
                    }
                    Verdict::Welcome | Verdict::WelcomeWithNewKey => {
                        if verdict == Verdict::WelcomeWithNewKey {
                            row.key = key;
                            row.next_key = None;
                        }
                        row.machine.clone_from(&said.machine);
                        row.counter = said.counter;
                        row.clock_ms = clock_ms;
                        row.seen_at = Some(now);
                        row.device = device.or(row.device);
                        row.hello = said;
                    }
                }
                tables::put(w.main(), &row)?;
                Ok((verdict, Some(row)))
            })
            .await?;
        let row = match (verdict, row) {
            (Verdict::Refused(code, why), _) => return Ok(Err((code, why.to_owned()))),
            (Verdict::Copied(why), row) => {
                if let Some(row) = row {
                    let _ = self.0.members.with(id, |member| member.row.state = row.state);
                }
                let why = format!("This identity is used twice: {why}.");
                return Ok(Err((close::COPIED, why)));
            }
            (_, None) => return Ok(Err((close::REVOKED, "This agent is unknown.".to_owned()))),
            (_, Some(row)) => row,
        };
        Ok(self
            .link_up(row, (address, local), now)
            .ok_or((close::REVOKED, "It was deleted.".to_owned())))
    }

    fn link_up(
        &self,
        row: AgentRow,
        (address, local): (SocketAddr, SocketAddr),
        now: Timestamp,
    ) -> Option<Admitted> {
        let (orders, receiver) = mpsc::channel(crate::session::MOST_ASKS * 2);
        let (committed, commits) = watch::channel(row.acked);
        let number = self.next_link();
        let link = Link { number, orders, committed, since: now, address, local };
        let mut members = self.0.members.lock();
        let member = members.get_mut(&row.id)?;
        if let Some(before) = member.link.replace(link) {
            let why = "A newer connection of the same agent took over.".to_owned();
            let _ = before.orders.try_send(Order::Close(close::SUPERSEDED, why));
        }
        let known = std::mem::take(&mut member.row.known);
        let watchman = std::mem::take(&mut member.row.watchman);
        let acked = row.acked;
        member.row = AgentRow { known, watchman, ..row };
        let rotate = std::mem::take(&mut member.rotate);
        let (name, settings) = (member.row.name.clone(), member.row.settings.clone());
        let attended = member.attended_until.since(now).as_secs();
        let welcome = Welcome {
            proto: wire::PROTOCOL,
            agent: member.row.id.to_string(),
            name,
            at: now.0,
            acked,
            interval_s: settings.interval_s,
            attend_s: (attended > 0).then_some(attended as u32),
            passive: settings.passive,
            watch: settings.watch,
            rotate,
        };
        Some(Admitted { welcome, number, orders: receiver, committed: commits })
    }

    /// A link has ended.
    pub(crate) fn link_down(&self, id: AgentId, number: u64, now: Timestamp) {
        let _ = self.0.members.with(id, |member| {
            if member.link.as_ref().is_some_and(|link| link.number == number) {
                member.link = None;
                member.gone_since = now;
            }
        });
    }

    /// A certificate for the new key of an agent that is connected.
    pub(crate) async fn renew(
        &self,
        id: AgentId,
        request: &str,
        now: Timestamp,
    ) -> Result<Issued, AgentsError> {
        let soon = self.0.members.with(id, |member| {
            let soon = (now.0 - member.renewed_at.0).abs() < RENEW_EVERY_MS;
            if !soon {
                member.renewed_at = now;
            }
            soon
        });
        match soon {
            None => return Err(AgentsError::NotFound(id)),
            Some(true) => return Err(AgentsError::Busy(format!("the agent {id}"))),
            Some(false) => {}
        }
        let issued = self.0.authority.certify(id, request, now)?;
        let (next, until) = (issued.key, issued.not_after);
        let entry = Entry::new(&Caller::system(), "agent.renew", subject(id), now);
        self.0
            .store
            .write_synced("agent key", move |w| {
                let mut row = tables::find(w.main(), id)?.ok_or(AgentsError::NotFound(id))?;
                // The same key again stays as good as it is.
                row.next_key = (row.key != next).then_some(next);
                row.expires_at = until;
                tables::put(w.main(), &row)?;
                record(w, entry)?;
                Ok::<_, AgentsError>(())
            })
            .await?;
        let _ = self.0.members.with(id, |member| {
            member.row.next_key = Some(next);
            member.row.expires_at = until;
        });
        Ok(issued)
    }
}

#[cfg(test)]
mod tests {
    use wire::Report;

    use super::*;
    use crate::HostSettings;

    fn row() -> AgentRow {
        AgentRow {
            id: AgentId(7),
            name: "nas".into(),
            note: String::new(),
            enrolled_at: Timestamp(0),
            enrolled_by: "ana".into(),
            state: State::Active,
            key: [1; 32],
            next_key: Some([2; 32]),
            expires_at: Timestamp(0),
            machine: "m".into(),
            counter: 5,
            acked: 0,
            rolled: 0,
            seen_at: None,
            online: false,
            clock_ms: 0,
            lost: 0,
            gaps: 0,
            device: None,
            hello: Hello::default(),
            known: Report::default(),
            settings: HostSettings::default(),
            watchman: crate::Watchman::default(),
        }
    }

    fn hello(machine: &str, counter: u64) -> Hello {
        Hello { machine: machine.into(), counter, ..Hello::default() }
    }

    #[test]
    fn a_known_key_from_its_machine_with_a_new_counter_is_let_in() {
        let row = row();
        assert_eq!(judge(Some(&row), &[1; 32], &hello("m", 6), None), Verdict::Welcome);
        assert_eq!(judge(Some(&row), &[1; 32], &hello("m", 6), Some("m")), Verdict::Welcome);
        let new = judge(Some(&row), &[2; 32], &hello("m", 6), None);
        assert_eq!(new, Verdict::WelcomeWithNewKey);
    }

    #[test]
    fn a_copied_key_is_noticed_by_machine_counter_and_live_link() {
        let row = row();
        for (hello, live) in
            [(hello("other", 6), None), (hello("m", 5), None), (hello("m", 6), Some("other"))]
        {
            let verdict = judge(Some(&row), &[1; 32], &hello, live);
            assert!(matches!(verdict, Verdict::Copied(_)), "{hello:?}: {verdict:?}");
        }
        let copied = AgentRow { state: State::Copied, ..row };
        let verdict = judge(Some(&copied), &[1; 32], &hello("m", 9), None);
        assert!(matches!(verdict, Verdict::Refused(close::COPIED, _)));
    }

    #[test]
    fn whoever_is_revoked_unknown_or_has_another_key_is_refused() {
        let row = row();
        let revoked = AgentRow { state: State::Revoked, ..row.clone() };
        for (row, key) in [(None, [1; 32]), (Some(&row), [9; 32]), (Some(&revoked), [1; 32])] {
            let verdict = judge(row, &key, &hello("m", 6), None);
            assert!(matches!(verdict, Verdict::Refused(close::REVOKED, _)), "{verdict:?}");
        }
    }

    #[test]
    fn a_host_that_is_trusted_again_may_be_any_machine_with_any_counter() {
        let trusted = AgentRow { machine: String::new(), counter: 0, ..row() };
        assert_eq!(judge(Some(&trusted), &[1; 32], &hello("new", 1), None), Verdict::Welcome);
    }
}
