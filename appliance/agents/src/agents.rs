//! The handle on agents: opens the room, answers questions, does what people ask.

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use access::{Limiter, Rate};
use events::Events;
use model::{DeviceId, Mac, NewEvent, Severity, Timestamp};
use rusqlite::params;
use serde_json::json;
use store::{Store, StoreError, Writing, read_setting};
use tokio::sync::{Semaphore, mpsc};
use wire::Set;

use crate::authority::Authority;
use crate::counts::Counts;
use crate::edge::TlsCell;
use crate::history::{self, Series};
use crate::intake::{self, Parcel};
use crate::members::{Member, Members, Order};
use crate::mesh::{MESH_KEY, Mesh, MeshSettings};
use crate::tables::{self, LostRange, StoredReport, TokenRow};
use crate::{AgentId, AgentsError, Host, Shelf};

/// The most hosts.
pub const MOST_HOSTS: usize = 2_000;
/// Addresses whose attempts to enrol are remembered.
const REMEMBERED: usize = 4_096;
/// For how long a host sends everything in every report once somebody has looked.
const ATTENDED: Duration = Duration::from_secs(90);
/// For how long the links of the last run may take to come back, before hosts count as gone.
const START_GRACE: Duration = Duration::from_secs(60);
/// Octets of messages that wait for their commit.
pub(crate) const WAITING: usize = 16 << 20;
/// Files that are on their way to hosts at a time.
const DOWNLOADS: usize = 4;
/// Parcels that wait for their commit.
const PARCELS: usize = 1_024;

/// What the room needs to know from the start.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where the agents' CA and the key of their door lie.
    pub keys: PathBuf,
    /// Where the files of agents lie.
    pub files: PathBuf,
}

/// Tells which device has one of these addresses.
pub type Finder = Box<dyn Fn(&[Mac], &[IpAddr]) -> Option<DeviceId> + Send + Sync>;

/// Whose connections are taken.
pub type Admits = Arc<dyn Fn(IpAddr) -> bool + Send + Sync>;

/// All agents. Cheap to clone.
#[derive(Clone)]
pub struct Agents(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) store: Store,
    pub(crate) events: Events,
    pub(crate) authority: Authority,
    pub(crate) shelf: Shelf,
    pub(crate) members: Members,
    pub(crate) counts: Counts,
    pub(crate) tries: Mutex<Limiter<IpAddr>>,
    pub(crate) finder: Finder,
    pub(crate) parcels: mpsc::Sender<Parcel>,
    /// Taken by the task that commits.
    pub(crate) inbox: Mutex<Option<mpsc::Receiver<Parcel>>>,
    pub(crate) room: Arc<Semaphore>,
    /// Turns to fetch a file.
    pub(crate) downloads: Arc<Semaphore>,
    /// Hosts of which events may be there that are not yet noted as seen: this program, or the one
    /// before it, may have been killed between two commits.
    pub(crate) doubtful: Mutex<HashSet<AgentId>>,
    pub(crate) links: AtomicU64,
    pub(crate) tls: TlsCell,
    pub(crate) mesh: Mesh,
    pub(crate) listening: Mutex<Vec<SocketAddr>>,
    admits: OnceLock<Admits>,
}

/// A token that was just made: the only time that it is seen.
#[derive(Clone)]
pub struct NewToken {
    /// What is kept of it.
    pub row: TokenRow,
    /// The token in clear.
    pub text: String,
}

/// What a token is made for.
#[derive(Debug, Clone, Default)]
pub struct TokenWish {
    /// The host's name; empty for the one that it says itself.
    pub name: String,
    /// What people write about it.
    pub note: String,
    /// How long it is good: one minute to seven days.
    pub lasts: Duration,
    /// The host that it enrols anew.
    pub agent: Option<AgentId>,
}

impl Agents {
    /// Opens the room. `store` must have been opened with [`crate::ROOM`].
    pub fn open(
        store: Store,
        events: Events,
        options: &Options,
        finder: Finder,
        now: Timestamp,
    ) -> Result<Self, AgentsError> {
        let authority = Authority::open(&options.keys, now)?;
        let (parcels, inbox) = mpsc::channel(PARCELS);
        let mesh: Option<MeshSettings> =
            store.read_blocking(|r| read_setting(r.main(), MESH_KEY))?;
        let mesh = mesh.filter(|settings| settings.check().is_ok()).unwrap_or_default();
        let inner = Inner {
            tls: TlsCell::new(&authority, now)?,
            mesh: Mesh::new(mesh, now),
            authority,
            shelf: Shelf::new(&options.files),
            members: Members::default(),
            counts: Counts::default(),
            tries: Mutex::new(Limiter::new(Rate::SIGN_IN, REMEMBERED)),
            finder,
            parcels,
            inbox: Mutex::new(Some(inbox)),
            room: Arc::new(Semaphore::new(WAITING)),
            downloads: Arc::new(Semaphore::new(DOWNLOADS)),
            doubtful: Mutex::default(),
            links: AtomicU64::new(0),
            listening: Mutex::default(),
            admits: OnceLock::new(),
            store,
            events,
        };
        let agents = Self(Arc::new(inner));
        agents.recall(now)?;
        Ok(agents)
    }

    /// Reads the tables into memory.
    fn recall(&self, now: Timestamp) -> Result<(), AgentsError> {
        let read = self.0.store.read_blocking(|r| {
            let mut all = Vec::new();
            for row in tables::all(r.main())? {
                let latest = tables::latest_reports(r.main(), row.id, 60)?;
                let behind = tables::reports_after(r.main(), row.id, row.rolled, 500)?;
                all.push((row, latest, behind));
            }
            Ok::<_, StoreError>(all)
        })?;
        let mut members = self.0.members.lock();
        let mut doubtful = self.0.doubtful.lock().unwrap_or_else(PoisonError::into_inner);
        for (row, latest, mut behind) in read {
            doubtful.insert(row.id);
            let mut member = Member::new(row, now.plus(START_GRACE));
            // The newest ones are in both.
            let first = latest.last().map_or(u64::MAX, |report| report.seq);
            behind.retain(|report| report.seq < first);
            behind.reverse();
            member.recall(behind);
            member.recall(latest);
            members.insert(member.row.id, member);
        }
        Ok(())
    }

    /// Takes connections of these addresses only. What is said first holds.
    pub fn admit_only(&self, admits: Admits) {
        let _ = self.0.admits.set(admits);
    }

    pub(crate) fn admits(&self, address: IpAddr) -> bool {
        self.0.admits.get().is_none_or(|admits| admits(address))
    }

    /// What tells this appliance to hosts.
    pub fn authority(&self) -> &Authority {
        &self.0.authority
    }

    /// The files of agents that can be had here.
    pub fn shelf(&self) -> &Shelf {
        &self.0.shelf
    }

    /// What was counted since the start.
    pub fn counts(&self) -> &Counts {
        &self.0.counts
    }

    /// Where agents are listened for now.
    pub fn listening(&self) -> Vec<SocketAddr> {
        self.0.listening.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// All hosts, by name.
    pub fn all(&self) -> Vec<Host> {
        self.0.members.all()
    }

    /// One host.
    pub fn get(&self, id: AgentId) -> Option<Host> {
        self.0.members.get(id)
    }

    /// How many hosts there are, and how many of them are online.
    pub fn online(&self) -> (usize, usize) {
        let members = self.0.members.lock();
        (members.len(), members.values().filter(|member| member.link.is_some()).count())
    }

    /// How far the reports of the host that lags most are behind.
    pub fn greatest_lag(&self, now: Timestamp) -> Duration {
        let members = self.0.members.lock();
        members.values().filter_map(|member| member.lag(now)).max().unwrap_or_default()
    }

    /// The host that is this device.
    pub fn of_device(&self, device: DeviceId) -> Option<Host> {
        let id = {
            let members = self.0.members.lock();
            members.values().find(|m| m.row.device == Some(device)).map(|m| m.row.id)
        };
        id.and_then(|id| self.get(id))
    }

    /// Somebody looks at a host: for a while it sends everything in every report.
    pub fn attend(&self, id: AgentId, now: Timestamp) {
        let set = Set { attend_s: Some(ATTENDED.as_secs() as u32), ..Set::default() };
        let _ = self.0.members.with(id, |member| {
            // Not with each click.
            if member.attended_until < now.plus(ATTENDED / 2) {
                member.attended_until = now.plus(ATTENDED);
                tell(member, Order::Set(set));
            }
        });
    }

    /// The newest reports as they came, newest first, at most 500.
    pub async fn reports(
        &self,
        id: AgentId,
        limit: usize,
    ) -> Result<Vec<StoredReport>, AgentsError> {
        self.0.members.get(id).ok_or(AgentsError::NotFound(id))?;
        let limit = limit.clamp(1, history::KEPT_REPORTS as usize);
        Ok(self.0.store.read(move |r| tables::latest_reports(r.main(), id, limit)).await?)
    }

    /// What is gone of its reports, the newest first.
    pub async fn lost(&self, id: AgentId) -> Result<Vec<LostRange>, AgentsError> {
        Ok(self.0.store.read(move |r| tables::lost(r.main(), id)).await?)
    }

    /// Series of a host between two moments: those named, or with `kinds` all that begin with one
    /// of the words.
    pub async fn history(
        &self,
        id: AgentId,
        names: Vec<String>,
        kinds: bool,
        span: (Timestamp, Timestamp),
        points: usize,
    ) -> Result<Series, AgentsError> {
        let names: HashSet<String> = names.into_iter().collect();
        let series = self.0.store.read(move |r| {
            let wanted = |name: &str| {
                let kind = name.split(' ').next().unwrap_or(name);
                names.contains(name) || (kinds && names.contains(kind))
            };
            history::query(r.main(), id, &wanted, span, points)
        });
        Ok(series.await?)
    }

    /// The tokens that may still be used.
    pub async fn tokens(&self, now: Timestamp) -> Result<Vec<TokenRow>, AgentsError> {
        Ok(self.0.store.read(move |r| tables::tokens(r.main(), now)).await?)
    }

    /// Ends a host's link.
    pub(crate) fn hang_up(&self, id: AgentId, code: u16, why: &str, now: Timestamp) {
        let _ = self.0.members.with(id, |member| {
            if let Some(link) = member.link.take() {
                // One whose queue is full ends because its orders do.
                let _ = link.orders.try_send(Order::Close(code, why.to_owned()));
                member.gone_since = now;
            }
        });
    }

    /// Publishes an event about a host.
    pub(crate) async fn publish(
        &self,
        id: AgentId,
        kind: &'static str,
        severity: Severity,
        summary: String,
        data: serde_json::Value,
        now: Timestamp,
    ) -> Result<(), AgentsError> {
        let Some((name, device)) =
            self.0.members.with(id, |member| (member.row.name.clone(), member.row.device))
        else {
            return Ok(());
        };
        let event = event_of(id, &name, device, (kind, severity, summary), data, now);
        self.0.events.publish(event).await?;
        Ok(())
    }

    /// Notes that a host is online or offline as far as somebody was told.
    pub(crate) fn set_told(
        &self,
        w: &mut Writing<'_>,
        id: AgentId,
        online: bool,
        event: NewEvent,
    ) -> Result<(), StoreError> {
        w.main()
            .prepare_cached("UPDATE agents SET online = ?2 WHERE id = ?1")?
            .execute(params![id, online])?;
        self.0.events.append(w, event)?;
        Ok(())
    }

    /// Puts parcels of links into the tables until the end; see [`intake`].
    pub(crate) async fn take_in(&self) -> Result<(), AgentsError> {
        intake::run(self).await
    }

    pub(crate) fn next_link(&self) -> u64 {
        self.0.links.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Where its files of agents lie.
    pub fn files_dir(&self) -> &Path {
        self.0.shelf.dir()
    }
}

/// Tells the task of a link; one that is behind misses it and gets it with its next welcome.
pub(crate) fn tell(member: &Member, order: Order) {
    if let Some(link) = &member.link {
        let _ = link.orders.try_send(order);
    }
}

/// An agent in the audit log.
pub(crate) fn subject(id: AgentId) -> String {
    format!("agent:{id}")
}

/// An event about a host.
pub(crate) fn event_of(
    id: AgentId,
    name: &str,
    device: Option<DeviceId>,
    (kind, severity, summary): (&'static str, Severity, String),
    mut data: serde_json::Value,
    at: Timestamp,
) -> NewEvent {
    if let Some(fields) = data.as_object_mut() {
        fields.insert("agent".to_owned(), json!(id));
        fields.insert("name".to_owned(), json!(name));
    }
    NewEvent { at, source: "agents", kind, severity, device, summary, data }
}
