//! The hosts as they are at this moment, in memory: their rows, what they reported last, their
//! links. What is here is in the tables, but for the links.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use model::{DeviceId, Timestamp};
use serde::Serialize;
use tokio::sync::{mpsc, oneshot, watch};
use wire::{Answer, Ask, Hello, Report, Set};

use crate::alarm::{CLOCK_OFF_MS, Trouble};
use crate::history::{memory_share, put_over};
use crate::tables::{AgentRow, State, StoredReport};
use crate::{AgentId, HostSettings};

/// Values of the small charts in the list.
const RECENT: usize = 60;

/// Two numbers of one report.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Sample {
    /// When.
    pub at: Timestamp,
    /// Busy processors, per cent.
    pub cpu: f32,
    /// Memory in use, per cent.
    pub memory: f32,
}

/// What the task of a link is told.
pub(crate) enum Order {
    Set(Set),
    Ask { ask: Ask, answers: mpsc::Sender<Answer>, number: oneshot::Sender<Option<u64>> },
    Cancel(u64),
    Close(u16, String),
}

/// A link that is up.
pub(crate) struct Link {
    /// Tells links of the same agent apart.
    pub(crate) number: u64,
    pub(crate) orders: mpsc::Sender<Order>,
    /// The highest number in the tables.
    pub(crate) committed: watch::Sender<u64>,
    pub(crate) since: Timestamp,
    pub(crate) address: SocketAddr,
    /// Where it came in here.
    pub(crate) local: SocketAddr,
}

/// A host.
pub(crate) struct Member {
    /// As in the tables, but that `known` is up to the last report.
    pub(crate) row: AgentRow,
    pub(crate) recent: VecDeque<Sample>,
    pub(crate) link: Option<Link>,
    /// Since when there is no link.
    pub(crate) gone_since: Timestamp,
    /// Until when somebody looks at it.
    pub(crate) attended_until: Timestamp,
    /// Whether its next link is told to make a new key.
    pub(crate) rotate: bool,
    /// The highest number that is in minutes and hours, and when that was.
    pub(crate) rolled: (u64, Timestamp),
    pub(crate) renewed_at: Timestamp,
}

impl Member {
    pub(crate) fn new(row: AgentRow, now: Timestamp) -> Self {
        Self {
            rolled: (row.rolled, now),
            row,
            recent: VecDeque::new(),
            link: None,
            gone_since: now,
            attended_until: Timestamp::default(),
            rotate: false,
            renewed_at: Timestamp::default(),
        }
    }

    /// Takes a report over what is known.
    pub(crate) fn take(&mut self, at: Timestamp, report: Report) {
        if let Some(cpu) = report.cpu.as_ref().map(|cpu| cpu.pct) {
            let memory = memory_share(&report).unwrap_or_default() as f32;
            if self.recent.len() >= RECENT {
                self.recent.pop_front();
            }
            self.recent.push_back(Sample { at, cpu, memory });
        }
        put_over(&mut self.row.known, report);
    }

    /// How old its newest report is, or its link while there is none; None while it is offline.
    pub(crate) fn lag(&self, now: Timestamp) -> Option<Duration> {
        let link = self.link.as_ref()?;
        // What the agent kept while it was away comes first.
        let newest = self.recent.back().map_or(link.since, |sample| sample.at.max(link.since));
        Some(now.since(newest))
    }

    /// What the tables hold of it, after a start. Newest report first.
    pub(crate) fn recall(&mut self, latest: Vec<StoredReport>) {
        for stored in latest.into_iter().rev() {
            if stored.seq > self.row.rolled {
                self.take(stored.at, stored.report);
            } else if let Some(cpu) = stored.report.cpu.as_ref().map(|cpu| cpu.pct) {
                let memory = memory_share(&stored.report).unwrap_or_default() as f32;
                self.recent.push_back(Sample { at: stored.at, cpu, memory });
            }
        }
        let surplus = self.recent.len().saturating_sub(RECENT);
        self.recent.drain(..surplus);
    }

    fn host(&self) -> Host {
        let row = &self.row;
        Host {
            id: row.id,
            name: row.name.clone(),
            note: row.note.clone(),
            state: row.state,
            online: self.link.is_some(),
            since: self.link.as_ref().map_or(self.gone_since, |link| link.since),
            seen_at: row.seen_at,
            address: self.link.as_ref().map(|link| link.address),
            enrolled_at: row.enrolled_at,
            enrolled_by: row.enrolled_by.clone(),
            expires_at: row.expires_at,
            acked: row.acked,
            lost: row.lost,
            gaps: row.gaps,
            clock_ms: row.clock_ms,
            device: row.device,
            hello: row.hello.clone(),
            known: row.known.clone(),
            recent: self.recent.iter().copied().collect(),
            settings: row.settings.clone(),
            troubles: row.watchman.told().iter().cloned().collect(),
        }
    }
}

/// A host as pages and programs see it.
#[derive(Debug, Clone, Serialize)]
pub struct Host {
    /// What names it.
    pub id: AgentId,
    /// What people call it.
    pub name: String,
    /// What people wrote about it.
    pub note: String,
    /// Whether its agent is let in.
    pub state: State,
    /// Whether its agent is connected.
    pub online: bool,
    /// Since when it is online or offline.
    pub since: Timestamp,
    /// When anything was heard of it last.
    pub seen_at: Option<Timestamp>,
    /// From where it is connected.
    pub address: Option<SocketAddr>,
    /// When it was enrolled.
    pub enrolled_at: Timestamp,
    /// Who made the token.
    pub enrolled_by: String,
    /// When its certificate ends.
    pub expires_at: Timestamp,
    /// The highest number of its messages in the tables.
    pub acked: u64,
    /// Messages that its buffer had to drop.
    pub lost: u64,
    /// Messages that never came and nobody said why.
    pub gaps: u64,
    /// How far its clock is ahead, milliseconds.
    pub clock_ms: i64,
    /// The device that it is.
    pub device: Option<DeviceId>,
    /// What its agent said of itself.
    pub hello: Hello,
    /// What it reported, the last of each part.
    pub known: Report,
    /// Its last values.
    pub recent: Vec<Sample>,
    /// What people said about it.
    pub settings: HostSettings,
    /// What was told and is not over.
    pub troubles: Vec<Trouble>,
}

impl Host {
    /// Whether its clock is so wrong that its times were put right.
    pub fn clock_is_off(&self) -> bool {
        self.clock_ms.abs() >= CLOCK_OFF_MS
    }
}

/// All hosts.
#[derive(Default)]
pub(crate) struct Members(Mutex<HashMap<AgentId, Member>>);

impl Members {
    pub(crate) fn lock(&self) -> MutexGuard<'_, HashMap<AgentId, Member>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One host.
    pub(crate) fn get(&self, id: AgentId) -> Option<Host> {
        self.lock().get(&id).map(Member::host)
    }

    /// All of them, by name.
    pub(crate) fn all(&self) -> Vec<Host> {
        let mut hosts: Vec<Host> = self.lock().values().map(Member::host).collect();
        model::sort_by_cached_key(&mut hosts, |host| (host.name.to_lowercase(), host.id));
        hosts
    }

    /// Something of one host.
    pub(crate) fn with<T>(&self, id: AgentId, f: impl FnOnce(&mut Member) -> T) -> Option<T> {
        self.lock().get_mut(&id).map(f)
    }
}
