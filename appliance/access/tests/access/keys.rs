use access::{Actor, Caller, NewKey, Permission, Role};

use crate::house::{ADDRESS, House, PASSWORD, T0, after, caller, holds, ip};

fn key(name: &str, role: Role) -> NewKey {
    NewKey { name: name.into(), role, expires_at: None }
}

#[tokio::test]
async fn a_key_works_until_it_is_revoked_and_is_not_stored_in_clear() {
    let (house, ada) = House::with_ada().await;
    let by = caller(&ada.signed_in);
    let (id, secret) =
        house.access.create_key(&by, key("prometheus", Role::Viewer), T0).await.unwrap();
    assert!(secret.expose().starts_with("pnk_"));
    let house = house.restart(T0).await;
    let actor = house.access.check_key(secret.expose(), after(60)).unwrap();
    assert_eq!((actor.kind(), actor.name()), ("api_key", "prometheus"));
    assert!(actor.may(Permission::MetricsRead) && !actor.may(Permission::DevicesEdit));

    house.access.keep_house(after(60), false).await.unwrap();
    let tail = secret.expose().rsplit('_').next().unwrap();
    assert!(!holds(&house.disk(), tail));
    let house = house.restart(after(60)).await;
    let rows = house.access.keys(&by).unwrap();
    assert_eq!(rows[0].last_used_at, Some(after(60)));
    assert!(secret.expose().starts_with(&rows[0].starts));

    house.access.revoke_key(&by, id, after(60)).await.unwrap();
    assert_eq!(house.access.check_key(secret.expose(), after(60)), None);
    assert_eq!(house.last_audit().await, "api_key.revoke ok");
}

#[tokio::test]
async fn no_text_passes_for_a_key() {
    let (house, ada) = House::with_ada().await;
    let by = caller(&ada.signed_in);
    let (_, secret) = house.access.create_key(&by, key("a", Role::Viewer), T0).await.unwrap();
    let secret = secret.expose();
    let mut wrong = secret.to_owned();
    let last = if wrong.pop() == Some('0') { '1' } else { '0' };
    wrong.push(last);
    for text in ["", "pnk_", "pnk__", &secret[..secret.len() - 1], &format!("{secret}0"), &wrong] {
        assert_eq!(house.access.check_key(text, T0), None, "{text}");
    }
    assert!(house.access.check_key(secret, T0).is_some());
}

#[tokio::test]
async fn a_key_does_no_more_than_its_maker_even_later() {
    let (house, ada) = House::with_ada().await;
    let bob = house.add(&ada.signed_in, "bob", Role::Analyst).await;
    let session = house.sign_in("bob", PASSWORD, ADDRESS, T0).await.unwrap();
    let by = caller(&session.signed_in);
    for role in [Role::Administrator, Role::Responder, Role::Auditor] {
        let error = house.access.create_key(&by, key("x", role), T0).await.unwrap_err();
        assert_eq!(error.code(), "forbidden");
    }
    let (_, secret) = house.access.create_key(&by, key("x", Role::Analyst), T0).await.unwrap();
    let may = |p| house.access.check_key(secret.expose(), T0).unwrap().may(p);
    assert!(may(Permission::DevicesEdit));
    let admin = caller(&ada.signed_in);
    house.access.set_role(&admin, bob, Role::Viewer, T0).await.unwrap();
    assert!(!may(Permission::DevicesEdit) && may(Permission::DevicesRead));
    house.access.set_disabled(&admin, bob, true, T0).await.unwrap();
    assert_eq!(house.access.check_key(secret.expose(), T0), None);
    house.access.remove_person(&admin, bob, T0).await.unwrap();
    assert!(house.access.keys(&admin).unwrap().is_empty());
}

#[tokio::test]
async fn a_key_expires_and_a_rotated_one_has_a_new_text() {
    let (house, ada) = House::with_ada().await;
    let by = caller(&ada.signed_in);
    let new = NewKey { expires_at: Some(after(100)), ..key("x", Role::Viewer) };
    let late = house.access.create_key(&by, new.clone(), after(100)).await;
    assert_eq!(late.unwrap_err().code(), "bad_value");
    let (id, old) = house.access.create_key(&by, new, T0).await.unwrap();
    let rotated = house.access.rotate_key(&by, id, T0).await.unwrap();
    assert_eq!(house.access.check_key(old.expose(), T0), None);
    assert!(house.access.check_key(rotated.expose(), after(99)).is_some());
    assert_eq!(house.access.check_key(rotated.expose(), after(100)), None);
    let house = house.restart(T0).await;
    assert!(house.access.check_key(rotated.expose(), T0).is_some());
}

#[tokio::test]
async fn keys_do_not_make_keys_and_people_see_only_their_own() {
    let (house, ada) = House::with_ada().await;
    let by = caller(&ada.signed_in);
    let (id, secret) =
        house.access.create_key(&by, key("root", Role::Administrator), T0).await.unwrap();
    let actor = house.access.check_key(secret.expose(), T0).unwrap();
    assert!(matches!(actor, Actor::ApiKey { .. }));
    let script = Caller { actor, address: Some(ip(ADDRESS)) };
    let error = house.access.create_key(&script, key("y", Role::Viewer), T0).await.unwrap_err();
    assert_eq!(error.code(), "forbidden");

    house.add(&ada.signed_in, "bob", Role::Analyst).await;
    let bob = house.sign_in("bob", PASSWORD, ADDRESS, T0).await.unwrap();
    let bob = caller(&bob.signed_in);
    assert!(house.access.keys(&bob).unwrap().is_empty());
    assert_eq!(house.access.revoke_key(&bob, id, T0).await.unwrap_err().code(), "forbidden");
    assert_eq!(house.access.rotate_key(&bob, id, T0).await.unwrap_err().code(), "forbidden");
}
