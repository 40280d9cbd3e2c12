//! How alerts come about, and what people do with them.

use std::time::Duration;

use model::{AlertId, DeviceId, Explained, Severity};
use panoptikon_detect::{Action, AlertChange, AlertError, AlertQuery, NewMute, Status};
use serde_json::json;
use store::StoreError;

use crate::bed::{NOON, about, all, bed, listed, next, open, raise, start, start_with, wait_for};
use crate::lists::fill;

#[tokio::test]
async fn an_event_becomes_an_alert_that_is_told_after_it_is_stored() {
    let bed = bed().await;
    let mut changes = bed.alerts.subscribe();
    let running = start(&bed.alerts, &bed.events);
    let event = bed.events.publish(about("new_device", 4, 0)).await.unwrap();
    let change = next(&mut changes).await;
    let AlertChange::Raised { alert } = &*change else {
        panic!("{change:?}");
    };
    assert_eq!(alert.title, "New device: d4");
    let details = bed.alerts.get(alert.id).await.unwrap().unwrap();
    assert_eq!(&details.alert, alert);
    assert_eq!(details.evidence, [event]);
    assert_eq!(details.history[0].change, "raised");
    running.stop().await;
}

#[tokio::test]
async fn a_device_that_returns_is_told_as_recovered() {
    let bed = bed().await;
    let mut changes = bed.alerts.subscribe();
    let running = start(&bed.alerts, &bed.events);
    bed.events.publish(about("device_offline", 4, 0)).await.unwrap();
    let mut back = about("device_online", 4, 3);
    back.data["absent_seconds"] = json!(180);
    bed.events.publish(back).await.unwrap();
    assert!(matches!(&*next(&mut changes).await, AlertChange::Raised { .. }));
    let change = next(&mut changes).await;
    let AlertChange::Recovered { alert } = &*change else {
        panic!("{change:?}");
    };
    assert_eq!(alert.status, Status::Resolved);
    assert_eq!(alert.resolution, "Back up after 3 min.");
    running.stop().await;
}

#[tokio::test]
async fn a_restart_in_the_middle_neither_loses_nor_doubles() {
    let dir = tempfile::tempdir().unwrap();
    let mut published = 0;
    // Days apart, and out of their order, so that the cursor of one day alone would not do.
    for round in 0..6_u64 {
        let (store, events, alerts) = open(dir.path());
        let offset = [0, 2_880, 1_440, 1_441, 4_320, 1][round as usize];
        let early = events.clone();
        for n in 0..10 {
            let device = i64::try_from(round * 100 + n).unwrap();
            early.publish(about("ip_conflict", device, offset)).await.unwrap();
            early.publish(about("tick", device, offset)).await.unwrap();
            published += 1;
        }
        let running = start(&alerts, &events);
        for n in 10..18 {
            let device = i64::try_from(round * 100 + n).unwrap();
            let event = about("ip_conflict", device, offset);
            events.publish(event).await.unwrap();
            published += 1;
        }
        if round % 2 == 0 {
            // Cut off wherever it is.
            running.1.abort();
            let _ = running.1.await;
        } else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            running.stop().await;
        }
        store.close();
    }
    let (_store, events, alerts) = open(dir.path());
    let running = start(&alerts, &events);
    // Grouping folds many into one: the sum of the counts tells of each event once.
    let mut total = 0;
    for _ in 0..300 {
        total = listed(&alerts).await.iter().map(|a| a.count).sum();
        if total >= published {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(listed(&alerts).await.iter().map(|a| a.count).sum::<u64>(), total);
    assert_eq!(total, published);
    running.stop().await;
}

#[tokio::test]
async fn a_listener_that_lags_reads_the_table() {
    let bed = bed().await;
    let bus = bed.events.subscribe();
    let mut late = bed.events.subscribe();
    // More than the bus holds, while nobody reads from it.
    let events = bed.events.clone();
    bed.store
        .write("flood", move |w| {
            for n in 0..3_000_u64 {
                let kind = if n % 300 == 0 { "ip_conflict" } else { "tick" };
                events.append(w, about(kind, i64::try_from(n).unwrap(), 0))?;
            }
            Ok::<_, StoreError>(())
        })
        .await
        .unwrap();
    assert!(late.recv().await.is_err(), "the bus must have overflowed");
    let running = start_with(&bed.alerts, bus);
    assert_eq!(wait_for(&bed.alerts, 10).await.len(), 10);
    bed.events.publish(about("ip_conflict", 9_999, 1)).await.unwrap();
    assert_eq!(wait_for(&bed.alerts, 11).await.len(), 11);
    assert!(listed(&bed.alerts).await.iter().all(|a| a.count == 1));
    running.stop().await;
}

#[tokio::test]
async fn an_event_that_cannot_be_stored_does_not_hold_up_the_others() {
    let bed = bed().await;
    bed.store
        .write("trap", |w| {
            w.main().execute_batch(
                "CREATE TRIGGER trap BEFORE INSERT ON alerts WHEN new.device = 13
                 BEGIN SELECT raise(ABORT, 'no'); END",
            )?;
            Ok::<_, StoreError>(())
        })
        .await
        .unwrap();
    for device in [12, 13, 14] {
        let event = about("ip_conflict", device, 0);
        bed.events.publish(event).await.unwrap();
    }
    let running = start(&bed.alerts, &bed.events);
    let found = wait_for(&bed.alerts, 2).await;
    let devices: Vec<_> = found.iter().map(|a| a.device.unwrap().0).collect();
    assert_eq!(devices, [14, 12]);
    running.stop().await;
}

#[tokio::test]
async fn answered_alerts_are_forgotten_after_their_time_and_new_ones_wait() {
    let bed = bed().await;
    fill(&bed.store, 100).await;
    let day = |days: u64| NOON.plus(Duration::from_secs(days * 86_400));
    bed.store.maintain(day(89)).await.unwrap();
    assert_eq!(bed.alerts.count(all()).await.unwrap(), 100);
    bed.store.close();
    // A step and a start at a time: a clock that leaps is not believed.
    for days in [91, 120] {
        let (store, _, alerts) = open(bed.dir.path());
        store.maintain(day(days)).await.unwrap();
        let left = listed(&alerts).await;
        store.close();
        assert_eq!(left.len(), 5);
        assert!(left.iter().all(|a| a.status == Status::New));
    }
}

#[tokio::test]
async fn what_is_muted_stays_silent_and_is_counted() {
    let bed = bed().await;
    let hour = NOON.plus(Duration::from_secs(3_600));
    let mute = |device, kind: Option<&str>| NewMute {
        device,
        kind: kind.map(str::to_owned),
        until: hour,
        from: None,
    };
    let alerts = &bed.alerts;
    let first = alerts.mute(mute(Some(DeviceId(1)), None), "kim", NOON).await.unwrap();
    alerts.mute(mute(Some(DeviceId(1)), None), "kim", NOON).await.unwrap();
    alerts.mute(mute(None, Some("new_device")), "kim", NOON).await.unwrap();
    let held = alerts.mutes(NOON).await.unwrap();
    assert_eq!(held.len(), 2, "the second took the place of the first");
    assert!(held.iter().all(|m| m.id != first.id));
    for event in [
        about("device_offline", 1, 1),
        about("new_device", 2, 1),
        about("device_offline", 3, 1),
        about("device_offline", 1, 61),
    ] {
        bed.events.publish(event).await.unwrap();
    }
    let running = start(alerts, &bed.events);
    let found = wait_for(alerts, 2).await;
    running.stop().await;
    let devices: Vec<_> = found.iter().map(|a| a.device.unwrap().0).collect();
    assert_eq!(devices, [1, 3], "device 1 once its mute had ended");
    let held = alerts.mutes(NOON).await.unwrap();
    assert!(held.iter().all(|m| m.suppressed == 1), "{held:?}");
    alerts.unmute(held[0].id, "kim", NOON).await.unwrap();
    assert_eq!(alerts.mutes(NOON).await.unwrap().len(), 1);
    assert!(matches!(alerts.unmute(held[0].id, "kim", NOON).await, Err(AlertError::NoSuchMute(_))));
    assert!(matches!(
        alerts.mute(mute(None, None), "kim", hour).await,
        Err(AlertError::BadMute { .. })
    ));
}

#[tokio::test]
async fn an_alert_goes_from_new_to_acknowledged_to_resolved_and_back() {
    let bed = bed().await;
    let id = raise(&bed, &["ip_conflict"]).await[0].id;
    let act = |action| bed.alerts.act(id, action, "kim", NOON);
    let words = |text: &str| text.to_owned();
    let alert = act(Action::Acknowledge { note: words(" looking into it ") }).await.unwrap();
    assert_eq!(alert.status, Status::Acknowledged);
    assert_eq!(alert.acknowledged_by.as_deref(), Some("kim"));
    assert_eq!(alert.acknowledged_at, Some(NOON));
    assert_eq!(alert.note, "looking into it");
    assert_eq!(alert.read_at, Some(NOON), "whoever acts on it has read it");
    let again = act(Action::Acknowledge { note: words("") }).await;
    assert!(matches!(again, Err(AlertError::AlreadyAcknowledged { .. })));
    let alert = act(Action::Assign { to: Some(words("robin")) }).await.unwrap();
    assert_eq!(alert.assignee.as_deref(), Some("robin"));
    let alert = act(Action::Resolve { note: words("gave it another address") }).await.unwrap();
    assert_eq!(alert.resolved_by.as_deref(), Some("kim"));
    let again = act(Action::Resolve { note: words("") }).await.unwrap_err();
    let explained = Explained::from(&again);
    assert_eq!(explained.code, "conflict");
    assert_eq!(
        explained.message,
        format!("Cannot resolve alert {id}: it was resolved by kim already; reopen it first.")
    );
    let alert = act(Action::Reopen).await.unwrap();
    assert_eq!((alert.status, alert.resolved_at), (Status::New, None));
    assert!(matches!(act(Action::Reopen).await, Err(AlertError::NotResolved(_))));
    let too_long = act(Action::Acknowledge { note: "x".repeat(2_001) });
    assert!(matches!(too_long.await, Err(AlertError::NoteTooLong { .. })));
    let details = bed.alerts.get(id).await.unwrap().unwrap();
    let changes: Vec<_> = details.history.iter().map(|e| e.change.as_str()).collect();
    assert_eq!(changes, ["reopened", "resolved", "assigned", "acknowledged", "raised"]);
    assert!(matches!(
        bed.alerts.act(AlertId(99), Action::Read, "kim", NOON).await,
        Err(AlertError::NotFound(_))
    ));
}

#[tokio::test]
async fn an_alert_whose_cause_is_open_elsewhere_cannot_be_reopened() {
    let bed = bed().await;
    let old = raise(&bed, &["ip_conflict"]).await[0].id;
    let resolve = Action::Resolve { note: String::new() };
    bed.alerts.act(old, resolve, "kim", NOON).await.unwrap();
    // Past the window, the same cause is a new alert.
    bed.events.publish(about("ip_conflict", 1, 120)).await.unwrap();
    let running = start(&bed.alerts, &bed.events);
    let newer = wait_for(&bed.alerts, 2).await[0].id;
    running.stop().await;
    let error = bed.alerts.act(old, Action::Reopen, "kim", NOON).await;
    assert!(matches!(error, Err(AlertError::Superseded { newer: n, .. }) if n == newer));
}

#[tokio::test]
async fn reading_counting_and_deleting_reach_one_or_all() {
    let bed = bed().await;
    let found = raise(&bed, &["ip_conflict", "arp_spoof", "new_device"]).await;
    let alerts = &bed.alerts;
    assert_eq!(alerts.unread().await.unwrap(), 3);
    assert_eq!(alerts.last().await.unwrap(), found);
    alerts.act(found[0].id, Action::Read, "kim", NOON).await.unwrap();
    assert_eq!(alerts.unread().await.unwrap(), 2);
    assert_eq!(alerts.read_all("kim", NOON).await.unwrap(), 2);
    assert_eq!(alerts.read_all("kim", NOON).await.unwrap(), 0);
    let history = alerts.get(found[1].id).await.unwrap().unwrap().history;
    assert_eq!((history.len(), history[0].change.as_str()), (2, "read"));
    let counts = alerts.counts().await.unwrap();
    assert_eq!(counts.iter().count(), 15, "every pair is there");
    assert_eq!(counts.get(Severity::Critical, Status::New), 1);
    assert_eq!(counts.get(Severity::Info, Status::Resolved), 0);
    assert_eq!(counts.open(), 3);
    alerts.delete(found[0].id, "kim").await.unwrap();
    assert!(matches!(alerts.delete(found[0].id, "kim").await, Err(AlertError::NotFound(_))));
    let grave = AlertQuery { severity: Some(Severity::Critical), ..all() };
    assert_eq!(alerts.delete_all(grave, "kim").await.unwrap(), 1);
    assert_eq!(alerts.delete_all(all(), "kim").await.unwrap(), 1);
    assert_eq!(listed(alerts).await, []);
    let left: i64 = bed
        .store
        .read(|r| {
            let sql = "SELECT count(*) FROM alert_history";
            Ok::<_, StoreError>(r.main().query_row(sql, [], |row| row.get(0))?)
        })
        .await
        .unwrap();
    assert_eq!(left, 0, "their history went with them");
}
