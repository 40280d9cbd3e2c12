//! A round of round trips: every host that can is asked to ping every other one and the router.

use std::net::IpAddr;

use access::audit::{Entry, record};
use access::{Caller, Permission as P};
use model::Timestamp;
use serde_json::{Value, json};
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinSet;
use wire::command;

use super::{End, Kind, MOST_IN_ROUND, Measured, Peer, Progress};
use crate::{AgentId, Agents, AgentsError};

/// What one pair costs, octets: three echo requests of 98 with their answers, and about a thousand
/// between the router and the host that is asked.
pub const PAIR_OCTETS: u64 = 1_800;
const PINGS: u32 = 3;
/// Hosts that are asked at the same time, each for one pair.
const AT_ONCE: usize = 4;
/// What one question may take, seconds and octets.
const LIMITS: (u32, u64) = (20, 8 << 10);

/// What one host is to measure.
type Task = (AgentId, Vec<(End, IpAddr)>);

/// Who pings whom. Hosts behind the same address are not told apart by it and are left out.
fn tasks(peers: &[Peer]) -> Vec<Task> {
    let of = |peer: &Peer| {
        let others = peers.iter().filter(|other| other.ip != peer.ip);
        let mut all: Vec<_> = others.map(|other| (End::Host(other.id), other.ip)).collect();
        if peer.router.ip() != peer.ip {
            all.insert(0, (End::Router, peer.router.ip()));
        }
        (peer.id, all)
    };
    peers.iter().map(of).filter(|(_, all)| !all.is_empty()).collect()
}

impl Agents {
    /// Begins a round; how many pairs it has. None is begun where there is nothing to measure.
    pub async fn measure_latencies(
        &self,
        by: &Caller,
        now: Timestamp,
    ) -> Result<usize, AgentsError> {
        by.require(P::AgentsProbe)?;
        let turn = self.take_turn()?;
        let entry = Entry::new(by, "agent.mesh", "agents", now);
        self.0.store.write_synced("audit", move |w| record(w, entry)).await?;
        Ok(self.begin_round(by.actor.name().to_owned(), turn, now))
    }

    /// Begins a round where it is time for one.
    pub(crate) fn round_if_due(&self, now: Timestamp) {
        let is_due = {
            let state = self.0.mesh.state();
            // A clock that was set back must not make it wait for ever.
            let since = now.since(state.last_round.min(now));
            state.settings.enabled && since >= state.settings.interval()
        };
        // Whoever measures just now is let finish.
        if let Some(turn) = is_due.then(|| self.take_turn().ok()).flatten() {
            self.begin_round(String::new(), turn, now);
        }
    }

    fn begin_round(&self, by: String, turn: OwnedSemaphorePermit, now: Timestamp) -> usize {
        let mut peers = self.peers(command::PING);
        peers.truncate(MOST_IN_ROUND);
        let tasks = tasks(&peers);
        let of: usize = tasks.iter().map(|(_, all)| all.len()).sum();
        {
            let mut state = self.0.mesh.state();
            state.last_round = now;
            state.progress = (of > 0).then_some(Progress { done: 0, of });
        }
        if of > 0 {
            tokio::spawn(round(self.clone(), tasks, by, turn));
        }
        of
    }

    async fn ping_all(self, (id, targets): Task, by: String) -> Vec<Measured> {
        let mut all = Vec::with_capacity(targets.len());
        for (to, ip) in targets {
            let asked = self.ping(id, ip).await;
            let mut one = Measured {
                at: Timestamp::now(),
                kind: Kind::Latency,
                from: End::Host(id),
                to,
                by: by.clone(),
                sent: u64::from(PINGS),
                received: 0,
                value: None,
                least: None,
                greatest: None,
                why: String::new(),
            };
            match asked {
                Ok(said) => said.over(&mut one),
                Err(error) => one.why = error.to_string(),
            }
            all.push(one);
            if let Some(progress) = &mut self.0.mesh.state().progress {
                progress.done += 1;
            }
        }
        all
    }

    async fn ping(&self, id: AgentId, ip: IpAddr) -> Result<Said, AgentsError> {
        let host = self.may_be_asked(id, command::PING, true)?;
        let args = json!({ "to": ip, "count": PINGS });
        let (_, done) = self.send(&host, command::PING, args, LIMITS).await?.all().await?;
        Ok(Said(done))
    }
}

/// What a host says that it has measured.
struct Said(Value);

impl Said {
    fn over(&self, one: &mut Measured) {
        let of = |name: &str| self.0.get(name);
        let time = |name| of(name).and_then(Value::as_f64).filter(|ms| (0.0..1e6).contains(ms));
        let count = |name| of(name).and_then(Value::as_u64).map(|n| n.min(u64::from(PINGS)));
        one.sent = count("sent").unwrap_or(one.sent).max(1);
        one.received = count("received").unwrap_or(0).min(one.sent);
        (one.value, one.least, one.greatest) = (time("avg_ms"), time("min_ms"), time("max_ms"));
        if one.received == 0 || one.value.is_none() {
            (one.received, one.value, one.least, one.greatest) = (0, None, None, None);
            "nobody answered".clone_into(&mut one.why);
        }
    }
}

async fn round(agents: Agents, tasks: Vec<Task>, by: String, turn: OwnedSemaphorePermit) {
    let (mut all, mut asked) = (Vec::new(), JoinSet::new());
    for task in tasks {
        if asked.len() >= AT_ONCE
            && let Some(Ok(measured)) = asked.join_next().await
        {
            all.extend(measured);
        }
        asked.spawn(agents.clone().ping_all(task, by.clone()));
    }
    while let Some(measured) = asked.join_next().await {
        all.extend(measured.into_iter().flatten());
    }
    if let Err(error) = agents.keep_measured(all).await {
        tracing::warn!(%error, "what was measured between hosts could not be kept");
    }
    agents.0.mesh.state().progress = None;
    drop(turn);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(id: u64, ip: &str) -> Peer {
        let router = "192.0.2.1:8444".parse().expect("an address");
        Peer { id: AgentId(id), ip: ip.parse().expect("an address"), router }
    }

    #[test]
    fn everybody_pings_the_router_and_everybody_behind_another_address() {
        let peers = [peer(1, "192.0.2.5"), peer(2, "192.0.2.6"), peer(3, "192.0.2.6")];
        let all = tasks(&peers);
        let ends = |at: usize| all[at].1.iter().map(|(end, _)| *end).collect::<Vec<_>>();
        let host = |id| End::Host(AgentId(id));
        assert_eq!(ends(0), [End::Router, host(2), host(3)]);
        assert_eq!(ends(1), [End::Router, host(1)]);
        // A host on the router itself has no way to it.
        assert_eq!(tasks(&[peer(1, "192.0.2.1")]), []);
    }

    #[test]
    fn what_a_host_says_is_taken_within_reason() {
        let of = |said: Value| {
            let mut one = Measured {
                at: Timestamp(0),
                kind: Kind::Latency,
                from: End::Router,
                to: End::Router,
                by: String::new(),
                sent: 3,
                received: 0,
                value: None,
                least: None,
                greatest: None,
                why: String::new(),
            };
            Said(said).over(&mut one);
            (one.sent, one.received, one.value, one.why)
        };
        let good = json!({"sent": 3, "received": 2, "min_ms": 0.1, "avg_ms": 0.2, "max_ms": 0.3});
        assert_eq!(of(good), (3, 2, Some(0.2), String::new()));
        let nobody = "nobody answered".to_owned();
        assert_eq!(of(json!({"sent": 3, "received": 0})), (3, 0, None, nobody.clone()));
        assert_eq!(of(json!("nonsense")), (3, 0, None, nobody.clone()));
        let odd = json!({"sent": 9e9, "received": 99, "avg_ms": -1});
        assert_eq!(of(odd), (3, 0, None, nobody));
    }
}
