//! What people do to devices, on a real store: nothing acknowledged is lost, whoever waits for it.

use std::path::Path;
use std::time::Duration;

use events::Events;
use model::{DeviceId, Mac, Timestamp};
use panoptikon_discovery::edit::{DevicePatch, NewDevice};
use panoptikon_discovery::{Discovery, DiscoveryError, ROOM};
use store::{Options, Store, StoreError};

const NOW: Timestamp = Timestamp(1_800_000_000_000);

fn open(dir: &Path) -> (Store, Discovery) {
    let store = Store::open(Options {
        dir: dir.to_owned(),
        rooms: vec![events::ROOM, ROOM],
        built: Timestamp(0),
        max_bytes: 64 << 20,
        keep_backups: 1,
    })
    .expect("opens");
    let discovery = Discovery::open(store.clone(), Events::new(store.clone()), NOW).expect("opens");
    (store, discovery)
}

async fn add(discovery: &Discovery, last: u8) -> DeviceId {
    let new = NewDevice { mac: Mac([0x3c, 6, 0x30, 0, 0, last]), name: None, notes: None };
    discovery.create(new, NOW, |_, _| Ok(())).await.expect("is new").id
}

async fn rows(store: &Store) -> i64 {
    let count = "SELECT count(*) FROM devices";
    store
        .read(move |r| Ok::<_, StoreError>(r.main().query_row(count, [], |row| row.get(0))?))
        .await
        .expect("reads")
}

fn named(name: &str) -> DevicePatch {
    DevicePatch { name: Some(name.to_owned()), ..DevicePatch::default() }
}

#[tokio::test]
async fn of_two_edits_at_once_both_are_kept() {
    let dir = tempfile::tempdir().expect("a folder");
    let (_store, discovery) = open(dir.path());
    let id = add(&discovery, 1).await;
    let notes = DevicePatch { notes: Some("in the attic".to_owned()), ..DevicePatch::default() };
    let (a, b) = tokio::join!(
        discovery.edit(id, named("Radio"), |_| Ok(())),
        discovery.edit(id, notes, |_| Ok(())),
    );
    assert!(a.is_ok() && b.is_ok());
    let person = discovery.get(id).expect("is there").person;
    assert_eq!((person.name.as_deref(), person.notes.as_str()), (Some("Radio"), "in the attic"));
}

#[tokio::test]
async fn a_change_goes_through_when_nobody_waits_for_it_any_more() {
    let dir = tempfile::tempdir().expect("a folder");
    let (store, discovery) = open(dir.path());
    let (kept, gone) = (add(&discovery, 1).await, add(&discovery, 2).await);
    {
        let edit = std::pin::pin!(discovery.edit(kept, named("Radio"), |_| Ok(())));
        let forget = std::pin::pin!(discovery.forget(gone, NOW, |_| Ok(())));
        // Far enough that both are in the writer's queue, and then nobody asks again.
        let _ = tokio::time::timeout(Duration::ZERO, edit).await;
        let _ = tokio::time::timeout(Duration::ZERO, forget).await;
    }
    let end = std::time::Instant::now() + Duration::from_secs(10);
    loop {
        let named = discovery.get(kept).and_then(|d| d.person.name);
        if named.as_deref() == Some("Radio") && discovery.get(gone).is_none() {
            break;
        }
        assert!(std::time::Instant::now() < end, "engine and tables differ");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(rows(&store).await, 1);
}

#[tokio::test]
async fn a_number_is_never_given_again() {
    let dir = tempfile::tempdir().expect("a folder");
    let (store, discovery) = open(dir.path());
    add(&discovery, 1).await;
    let last = add(&discovery, 2).await;
    discovery.forget(last, NOW, |_| Ok(())).await.expect("forgets");
    store.close();
    let (_store, discovery) = open(dir.path());
    assert!(add(&discovery, 3).await > last);
}

#[tokio::test]
async fn two_that_are_one_become_one_and_the_old_number_leads_there() {
    let dir = tempfile::tempdir().expect("a folder");
    let (store, discovery) = open(dir.path());
    let (wifi, cable) = (add(&discovery, 1).await, add(&discovery, 2).await);
    let merged = discovery.merge(cable, wifi, NOW, |_| Ok(())).await.expect("joins");
    assert_eq!(merged.macs.len(), 2);
    assert!(discovery.get(cable).is_none());
    assert_eq!(discovery.merged_into(cable).await.expect("reads"), Some(wifi));
    let again = discovery.edit(cable, named("x"), |_| Ok(())).await;
    assert!(matches!(again, Err(DiscoveryError::NotFound(_))));
    store.close();
    let (_store, discovery) = open(dir.path());
    assert_eq!(discovery.get(wifi).expect("is there").macs.len(), 2);
}

#[tokio::test]
async fn a_change_whose_line_in_the_audit_log_fails_is_not_made() {
    let dir = tempfile::tempdir().expect("a folder");
    let (store, discovery) = open(dir.path());
    let id = add(&discovery, 1).await;
    let refuse = |_: &mut store::Writing<'_>| Err(StoreError::Broken("audit"));
    assert!(discovery.edit(id, named("Radio"), refuse).await.is_err());
    assert!(discovery.forget(id, NOW, refuse).await.is_err());
    assert_eq!(discovery.get(id).expect("is there").person.name, None);
    assert_eq!(rows(&store).await, 1);
}
