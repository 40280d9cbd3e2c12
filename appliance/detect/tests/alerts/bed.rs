//! A store with events and alerts, and a judge that can be started and stopped.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use events::Events;
use model::{DeviceId, Event, NewEvent, Severity, Timestamp};
use panoptikon_detect::{Alert, AlertChange, AlertQuery, Alerts, ROOM, Shown};
use serde_json::json;
use store::{Options, Store, StoreError};
use tokio::sync::{broadcast, oneshot};
use tokio::task::JoinHandle;

pub(crate) const NOON: Timestamp = Timestamp(20_000 * 86_400_000 + 43_200_000);

pub(crate) fn open(dir: &Path) -> (Store, Events, Alerts) {
    let store = Store::open(Options {
        dir: dir.to_owned(),
        rooms: vec![events::ROOM, ROOM],
        built: Timestamp(0),
        max_bytes: 1 << 30,
        keep_backups: 1,
    })
    .unwrap();
    let events = Events::new(store.clone());
    let alerts = Alerts::new(store.clone(), events.clone());
    (store, events, alerts)
}

pub(crate) struct Bed {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) store: Store,
    pub(crate) events: Events,
    pub(crate) alerts: Alerts,
}

pub(crate) async fn bed() -> Bed {
    let dir = tempfile::tempdir().unwrap();
    let (store, events, alerts) = open(dir.path());
    // The day's file stands before anybody reads it.
    events.publish(about("tick", 0, 0)).await.unwrap();
    Bed { dir, store, events, alerts }
}

/// A running judge, and how to stop it.
pub(crate) struct Running(
    pub(crate) oneshot::Sender<()>,
    pub(crate) JoinHandle<Result<(), StoreError>>,
);

pub(crate) fn start_with(alerts: &Alerts, bus: broadcast::Receiver<Arc<Event>>) -> Running {
    let (stop, stopped) = oneshot::channel::<()>();
    let run = alerts.clone().run(bus, async move {
        let _ = stopped.await;
    });
    Running(stop, tokio::spawn(run))
}

pub(crate) fn start(alerts: &Alerts, events: &Events) -> Running {
    start_with(alerts, events.subscribe())
}

impl Running {
    pub(crate) async fn stop(self) {
        drop(self.0);
        self.1.await.unwrap().unwrap();
    }
}

pub(crate) async fn next(changes: &mut broadcast::Receiver<Arc<AlertChange>>) -> Arc<AlertChange> {
    let change = tokio::time::timeout(Duration::from_secs(10), changes.recv());
    change.await.expect("a change comes").unwrap()
}

pub(crate) fn about(kind: &'static str, device: i64, minute: u64) -> NewEvent {
    NewEvent {
        at: NOON.plus(Duration::from_secs(minute * 60)),
        source: "discovery",
        kind,
        severity: Severity::Info,
        device: Some(DeviceId(device)),
        summary: format!("{kind} of device {device}"),
        data: json!({ "name": format!("d{device}"), "favourite": true, "criticality": 0 }),
    }
}

pub(crate) fn all() -> AlertQuery {
    AlertQuery { shown: Shown::All, limit: 200, ..AlertQuery::default() }
}

pub(crate) async fn listed(alerts: &Alerts) -> Vec<Alert> {
    alerts.list(all()).await.unwrap().alerts
}

/// Waits until so many alerts are there.
pub(crate) async fn wait_for(alerts: &Alerts, count: usize) -> Vec<Alert> {
    for _ in 0..500 {
        let found = listed(alerts).await;
        if found.len() >= count {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{count} alerts never came");
}

/// One open alert of each kind of event given.
pub(crate) async fn raise(bed: &Bed, kinds: &[&'static str]) -> Vec<Alert> {
    for (n, kind) in kinds.iter().enumerate() {
        bed.events.publish(about(kind, 1, n as u64)).await.unwrap();
    }
    let running = start(&bed.alerts, &bed.events);
    let found = wait_for(&bed.alerts, kinds.len()).await;
    running.stop().await;
    found
}
