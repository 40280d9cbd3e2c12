//! What a restore revives, and what it must not.

use access::{Caller, NewKey, Readmitted, Role, settle_emptied, settle_restored};

use crate::house::*;

/// Puts a backup back as the appliance does.
fn restore(house: House, backup: &std::path::Path) -> (tempfile::TempDir, Readmitted) {
    let House { dir, store, access } = house;
    drop(access);
    store.close();
    let settled = store::restore(dir.path(), backup, &[access::ROOM], |conn, before| {
        settle_restored(conn, before, &Caller::console(), "b.db", "old.db", after(100))
    });
    (dir, settled.unwrap())
}

async fn key(house: &House, by: &Caller, name: &str) -> (i64, access::Secret) {
    let new = NewKey { name: name.to_owned(), role: Role::Viewer, expires_at: None };
    house.access.create_key(by, new, T0).await.unwrap()
}

#[tokio::test]
async fn what_was_ended_since_the_backup_stays_ended() {
    let (house, ada) = House::with_ada().await;
    let by = caller(&ada.signed_in);
    let eve = house.add(&ada.signed_in, "eve", Role::Analyst).await;
    let (stays, good) = key(&house, &by, "prometheus").await;
    let (lost, bad) = key(&house, &by, "lost").await;
    let backup = house.store.back_up(after(10)).await.unwrap();
    house.access.revoke_key(&by, lost, after(20)).await.unwrap();
    house.access.remove_person(&by, eve, after(20)).await.unwrap();
    house
        .access
        .change_password(&ada.signed_in, &by, PASSWORD.into(), "another horse".into(), after(30))
        .await
        .unwrap();
    let head = house.access.audit().head().await.unwrap();

    let (dir, settled) = restore(house, &backup.path);
    assert!(settled.compared && settled.sessions_ended > 0, "{settled:?}");
    assert_eq!(settled.keys_ended.len(), 1);
    assert_eq!(settled.people_kept, ["ada", "eve"]);
    let house = House::open(dir, after(200)).await;
    assert!(house.access.check_session(ada.cookie.expose(), after(200)).is_none());
    assert!(house.access.check_key(bad.expose(), after(200)).is_none(), "{stays} {lost}");
    assert!(house.access.check_key(good.expose(), after(200)).is_some());
    assert!(house.sign_in("ada", PASSWORD, ADDRESS, after(200)).await.is_err());
    assert!(house.sign_in("eve", PASSWORD, ADDRESS, after(200)).await.is_err());
    assert!(house.sign_in("ada", "another horse", ADDRESS, after(300)).await.is_ok());
    let rows = house.audit().await;
    let line = rows.iter().find(|row| row.action == "database.restore").unwrap();
    assert_eq!((line.actor_kind.as_str(), line.subject.as_str()), ("console", "b.db"));
    assert!(line.detail.contains(&head.to_string()) && line.detail.contains("old.db"), "{line:?}");
    let verdict = house.access.audit().verify(None).await.unwrap();
    assert!(matches!(verdict, access::audit::Verdict::Intact { .. }));
}

#[tokio::test]
async fn a_backup_of_another_appliance_brings_its_people_and_its_keys_are_listed() {
    let (old, ada) = House::with_ada().await;
    let (_, good) = key(&old, &caller(&ada.signed_in), "prometheus").await;
    let backup = old.store.back_up(after(10)).await.unwrap();
    let (dir, settled) = restore(House::empty().await, &backup.path);
    assert!(!settled.compared && settled.people_kept.is_empty());
    assert_eq!(settled.keys_of_the_backup.len(), 1);
    assert!(settled.to_string().contains(&settled.keys_of_the_backup[0]), "{settled}");
    let house = House::open(dir, after(200)).await;
    assert!(house.access.check_key(good.expose(), after(200)).is_some());
    assert!(house.sign_in("ada", PASSWORD, ADDRESS, after(200)).await.is_ok());
}

#[tokio::test]
async fn an_emptied_database_knows_who_emptied_it_and_how_the_old_log_ended() {
    let (house, _) = House::with_ada().await;
    let head = house.access.audit().head().await.unwrap();
    let House { dir, store, access } = house;
    drop(access);
    store.close();
    store::reset(dir.path(), &[access::ROOM], |conn, before| {
        settle_emptied(conn, before, &Caller::console(), after(100))
    })
    .unwrap();
    let house = House::open(dir, after(200)).await;
    let rows = house.audit().await;
    assert_eq!(rows[0].action, "database.reset");
    assert!(rows[0].detail.contains(&head.to_string()), "{:?}", rows[0]);
}
