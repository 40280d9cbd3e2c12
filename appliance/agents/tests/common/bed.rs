//! An appliance's room of agents with everything below it, on a port of its own.

#![allow(dead_code)] // each user takes what it needs

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use access::Caller;
use events::{EventQuery, Events};
use model::{DeviceId, Event, Timestamp};
use panoptikon_agents::{AgentId, Agents, Host, Options, TokenWish};
use store::Store;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::client::{self, Identity};

pub(crate) struct Bed {
    pub(crate) store: Store,
    pub(crate) events: Events,
    pub(crate) agents: Agents,
    pub(crate) address: SocketAddr,
    end: watch::Sender<bool>,
    listen: watch::Sender<Vec<SocketAddr>>,
    task: JoinHandle<()>,
}

/// Waits until something is so.
pub(crate) async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..1_500 {
        if is_so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("never so: {what}");
}

impl Bed {
    /// Opens the room in this folder, anew or as it was.
    pub(crate) async fn open(dir: &Path) -> Self {
        let store = Store::open(store::Options {
            dir: dir.join("data"),
            rooms: vec![events::ROOM, access::ROOM, panoptikon_agents::ROOM],
            built: Timestamp::default(),
            max_bytes: 1 << 30,
            keep_backups: 1,
        })
        .expect("a store");
        let events = Events::new(store.clone());
        let options = Options { keys: dir.join("keys"), files: dir.join("files") };
        let finder = |macs: &[model::Mac], _: &[std::net::IpAddr]| {
            let nas = "02:00:00:00:00:07".parse().ok()?;
            macs.contains(&nas).then_some(DeviceId(7))
        };
        let agents = Agents::open(
            store.clone(),
            events.clone(),
            &options,
            Box::new(finder),
            Timestamp::now(),
        )
        .expect("the room");
        let (end, ended) = watch::channel(false);
        let (listen, listening) = watch::channel(vec!["127.0.0.1:0".parse().expect("address")]);
        let room = agents.clone();
        let task = tokio::spawn(async move { room.run(listening, ended).await.expect("it runs") });
        until("it listens", || !agents.listening().is_empty()).await;
        let address = agents.listening()[0];
        Self { store, events, agents, address, end, listen, task }
    }

    /// Ends the room as a stop of the appliance does.
    pub(crate) async fn close(self) {
        self.end.send_replace(true);
        self.task.await.expect("ended");
        self.store.close();
    }

    /// Ends it as a kill does, as far as a test in the same process can.
    pub(crate) async fn kill(self) {
        self.task.abort();
        let _ = self.task.await;
        self.store.close();
    }

    /// Listens elsewhere, as a reload with another `agents_listen` does; where.
    pub(crate) async fn move_door(&self) -> SocketAddr {
        let before = self.agents.listening();
        self.listen.send_replace(vec!["127.0.0.1:0".parse().expect("address")]);
        until("it listens elsewhere", || {
            let now = self.agents.listening();
            !now.is_empty() && now != before
        })
        .await;
        self.agents.listening()[0]
    }

    /// A token in clear.
    pub(crate) async fn token(&self, name: &str) -> String {
        let lasts = panoptikon_agents::USUAL_LIFE;
        let wish = TokenWish { name: name.into(), lasts, ..TokenWish::default() };
        let made = self.agents.make_token(&Caller::console(), wish, Timestamp::now()).await;
        made.expect("a token").text
    }

    /// A host that is enrolled.
    pub(crate) async fn enrol(&self, name: &str) -> Identity {
        let token = self.token(name).await;
        client::enrol(self.address, &token, name).await.expect("enrolled")
    }

    pub(crate) fn host(&self, identity: &Identity) -> Host {
        let id: AgentId = identity.id.parse().expect("an id");
        self.agents.get(id).expect("a host")
    }

    /// All events of these kinds, oldest first.
    pub(crate) async fn told(&self, kinds: &[&str]) -> Vec<Event> {
        let kinds = kinds.iter().map(|kind| (*kind).to_owned()).collect();
        let query = EventQuery { kinds, limit: 200, ..EventQuery::default() };
        let mut events = self.events.list(query).await.expect("events").events;
        events.reverse();
        events
    }

    /// Numbers of the reports in the table, in order.
    pub(crate) async fn numbers(&self, identity: &Identity) -> Vec<u64> {
        let id = identity.id.parse().expect("an id");
        let reports = self.agents.reports(id, 500).await.expect("reports");
        let mut numbers: Vec<u64> = reports.iter().map(|report| report.seq).collect();
        numbers.reverse();
        numbers
    }
}
