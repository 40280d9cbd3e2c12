//! Events on a real store.

use std::time::Duration;

use model::{DeviceId, NewEvent, Severity, Timestamp};
use panoptikon_events::{EventQuery, Events, ROOM};
use proptest::prelude::*;
use store::{Options, Store, StoreError};

const NOON: Timestamp = Timestamp(20_000 * 86_400_000 + 43_200_000);

struct Bed {
    _dir: tempfile::TempDir,
    store: Store,
    events: Events,
}

fn bed() -> Bed {
    let dir = tempfile::tempdir().expect("a folder");
    let store = Store::open(Options {
        dir: dir.path().to_owned(),
        rooms: vec![ROOM],
        built: Timestamp(0),
        max_bytes: 1 << 30,
        keep_backups: 1,
    })
    .expect("opens");
    Bed { _dir: dir, events: Events::new(store.clone()), store }
}

fn event(hours: u64, kind: &'static str, summary: &str) -> NewEvent {
    NewEvent {
        at: NOON.plus(Duration::from_secs(hours * 3_600)),
        source: "discovery",
        kind,
        severity: Severity::Info,
        device: Some(DeviceId(i64::try_from(hours % 3).expect("small"))),
        summary: summary.to_owned(),
        data: serde_json::json!({ "hours": hours }),
    }
}

fn query(limit: usize) -> EventQuery {
    EventQuery { limit, ..EventQuery::default() }
}

#[tokio::test]
async fn pages_run_across_days_without_gap_or_double() {
    let bed = bed();
    for hours in 0..100 {
        bed.events.publish(event(hours, "tick", "tick")).await.unwrap();
    }
    let (mut seen, mut cursor) = (Vec::new(), None);
    loop {
        let page = bed.events.list(EventQuery { before: cursor, ..query(7) }).await.unwrap();
        seen.extend(page.events.iter().map(|e| e.data["hours"].as_u64().unwrap()));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen, (0..100).rev().collect::<Vec<_>>());
}

#[tokio::test]
async fn the_bus_tells_an_event_only_once_it_is_stored() {
    let bed = bed();
    let mut bus = bed.events.subscribe();
    let events = bed.events.clone();
    let failed = bed.store.write("failing", move |w| {
        events.append(w, event(0, "lost", "never"))?;
        Err::<(), _>(StoreError::Closed)
    });
    assert!(failed.await.is_err());
    let stored = bed.events.publish(event(1, "kept", "yes")).await.unwrap();
    let told = bus.recv().await.unwrap();
    assert_eq!(told.id, stored.id);
    assert_eq!(bed.events.get(told.id).await.unwrap().unwrap(), *told);
}

#[tokio::test]
async fn filters_narrow_together() {
    let bed = bed();
    for hours in 0..30 {
        let kind = if hours % 2 == 0 { "even" } else { "odd" };
        bed.events
            .publish(event(hours, kind, &format!("hour {hours} of Kim's iPad")))
            .await
            .unwrap();
    }
    let of = |q: EventQuery| async { bed.events.list(q).await.unwrap().events.len() };
    assert_eq!(of(EventQuery { kinds: vec!["odd".into()], ..query(200) }).await, 15);
    assert_eq!(of(EventQuery { device: Some(DeviceId(0)), ..query(200) }).await, 10);
    assert_eq!(of(EventQuery { text: "KIM'S ipad".into(), ..query(200) }).await, 30);
    assert_eq!(of(EventQuery { text: "hour 29".into(), ..query(200) }).await, 1);
    assert_eq!(of(EventQuery { severity: Some(Severity::High), ..query(200) }).await, 0);
    let from = NOON.plus(Duration::from_secs(20 * 3_600));
    assert_eq!(of(EventQuery { from: Some(from), ..query(200) }).await, 10);
}

#[tokio::test]
async fn kinds_are_counted_over_all_days() {
    let bed = bed();
    for hours in 0..50 {
        bed.events.publish(event(hours, if hours < 40 { "a" } else { "b" }, "x")).await.unwrap();
    }
    let kinds = bed.events.kinds().await.unwrap();
    assert_eq!(
        kinds.iter().map(|k| (k.kind.as_str(), k.count)).collect::<Vec<_>>(),
        [("a", 40), ("b", 10)]
    );
}

#[tokio::test]
async fn overlong_text_is_cut_and_kept() {
    let bed = bed();
    let stored = bed.events.publish(event(0, "long", &"ü".repeat(5_000))).await.unwrap();
    assert!(stored.summary.len() < 600);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_search_text_breaks_the_query(text in "\\PC{0,40}") {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let bed = bed();
            bed.events.publish(event(0, "x", "some \"quoted\" text")).await.unwrap();
            let page = bed.events.list(EventQuery { text: text.clone(), ..query(10) }).await;
            prop_assert!(page.is_ok(), "{:?}", page);
            Ok(())
        })?;
    }
}
