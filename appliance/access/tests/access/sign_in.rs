use access::{AccessError, Role};

use crate::house::{ADDRESS, House, PASSWORD, T0, after, caller, holds};

#[tokio::test]
async fn the_right_password_signs_in_whatever_the_case_of_the_name() {
    let (house, ada) = House::with_ada().await;
    let again = house.sign_in(" ADA ", PASSWORD, ADDRESS, T0).await.unwrap();
    assert_eq!(again.signed_in.person, ada.signed_in.person);
    assert_ne!(again.cookie, ada.cookie);
    let rows = house.audit().await;
    let row = rows.last().unwrap();
    assert_eq!((row.action.as_str(), row.outcome.as_str()), ("session.start", "ok"));
    assert_eq!((row.actor.as_str(), row.address.as_deref()), ("ada", Some(ADDRESS)));
}

#[tokio::test]
async fn a_wrong_password_an_unknown_name_and_a_disabled_person_get_the_same_answer() {
    let (house, ada) = House::with_ada().await;
    let bob = house.add(&ada.signed_in, "bob", Role::Viewer).await;
    house.access.set_disabled(&caller(&ada.signed_in), bob, true, T0).await.unwrap();
    let mut answers = Vec::new();
    for (name, password) in [("ada", "wrong horse"), ("nobody", PASSWORD), ("bob", PASSWORD)] {
        let error = house.sign_in(name, password, ADDRESS, T0).await.unwrap_err();
        assert_eq!(house.last_audit().await, "session.start refused");
        answers.push(error.explain());
    }
    answers.dedup();
    assert_eq!(answers.len(), 1);
}

#[tokio::test]
async fn a_password_typed_into_the_name_is_kept_nowhere() {
    let (house, _) = House::with_ada().await;
    let slip = "my-secret-passphrase";
    assert!(house.sign_in(slip, slip, ADDRESS, T0).await.is_err());
    assert!(house.sign_in("ada", slip, ADDRESS, T0).await.is_err());
    let disk = house.disk();
    assert!(!holds(&disk, slip) && !holds(&disk, PASSWORD));
}

#[tokio::test]
async fn the_eleventh_attempt_at_once_waits_and_only_the_first_refusal_is_noted() {
    let (house, _) = House::with_ada().await;
    for _ in 0..10 {
        let error = house.sign_in("ada", "wrong horse", "192.0.2.66", T0).await.unwrap_err();
        assert!(matches!(error, AccessError::WrongCredentials));
    }
    let before = house.audit().await.len();
    for _ in 0..3 {
        let error = house.sign_in("ada", PASSWORD, "192.0.2.66", T0).await.unwrap_err();
        assert_eq!(error.code(), "too_many_attempts");
        assert_eq!(error.retry_after().unwrap().as_secs(), 12);
    }
    assert_eq!(house.audit().await.len(), before + 1);
    house.sign_in("ada", PASSWORD, "192.0.2.67", T0).await.unwrap();
    house.sign_in("ada", PASSWORD, "192.0.2.66", after(12)).await.unwrap();
}

#[tokio::test]
async fn many_addresses_together_are_slowed_down_but_the_owner_is_not() {
    let (house, _) = House::with_ada().await;
    let mut refused = 0;
    for i in 0..60 {
        let from = format!("198.51.100.{i}");
        let error = house.sign_in("ada", "wrong horse", &from, T0).await.unwrap_err();
        refused += usize::from(error.code() == "too_many_attempts");
    }
    assert_eq!(refused, 40, "twenty guesses for one name, wherever from");
    house.sign_in("ada", PASSWORD, ADDRESS, T0).await.unwrap();
    let elsewhere = house.sign_in("ada", PASSWORD, "203.0.113.1", T0).await;
    assert_eq!(elsewhere.unwrap_err().code(), "too_many_attempts");
    house.sign_in("ada", PASSWORD, "203.0.113.1", after(30)).await.unwrap();

    // The owner's address is still known after a restart.
    let house = house.restart(after(31)).await;
    for i in 0..30 {
        let from = format!("198.51.100.{i}");
        let _ = house.sign_in("ada", "wrong horse", &from, after(31)).await;
    }
    house.sign_in("ada", PASSWORD, ADDRESS, after(31)).await.unwrap();
}

#[tokio::test]
async fn a_guesser_in_the_same_ipv6_network_does_not_use_up_the_owners_attempts() {
    let (house, _) = House::with_ada().await;
    house.sign_in("ada", PASSWORD, "2001:db8::1", T0).await.unwrap();
    for i in 0..20 {
        let _ = house.sign_in("bob", "wrong horse", &format!("2001:db8::bad:{i}"), T0).await;
    }
    let neighbour = house.sign_in("ada", PASSWORD, "2001:db8::2", T0).await;
    assert_eq!(neighbour.unwrap_err().code(), "too_many_attempts");
    house.sign_in("ada", PASSWORD, "2001:db8::1", T0).await.unwrap();
}

#[tokio::test]
async fn right_passwords_do_not_count_against_the_name() {
    let (house, _) = House::with_ada().await;
    for i in 0..40 {
        house.sign_in("ada", PASSWORD, &format!("198.51.100.{i}"), T0).await.unwrap();
    }
}

#[tokio::test]
async fn on_a_full_disk_one_can_still_sign_in_and_out() {
    let (house, ada) = House::with_ada().await;
    house.fill_disk(&caller(&ada.signed_in)).await;
    let wrong = house.sign_in("ada", "wrong horse", ADDRESS, T0).await.unwrap_err();
    assert_eq!(wrong.code(), "wrong_credentials", "the disk is no excuse");
    let session = house.sign_in("ada", PASSWORD, ADDRESS, T0).await.unwrap();
    let cookie = session.cookie.expose();
    assert_eq!(house.access.check_session(cookie, after(9)).unwrap().role, Role::Administrator);
    let by = caller(&session.signed_in);
    let add =
        access::NewPerson { name: "bob".into(), role: Role::Viewer, password: PASSWORD.into() };
    assert_eq!(house.access.add_person(&by, add, T0).await.unwrap_err().code(), "storage");
    for session in [&session, &ada] {
        let error = house.access.end_session(&by, session.signed_in.session, T0).await.unwrap_err();
        assert_eq!(error.code(), "storage");
        assert_eq!(house.access.check_session(session.cookie.expose(), T0), None);
    }
    house.free_disk().await;
    house.sign_in("ada", PASSWORD, ADDRESS, T0).await.unwrap();
    let sound = house.access.audit().verify(None).await.unwrap();
    assert!(matches!(sound, access::audit::Verdict::Intact { .. }), "{sound:?}");
}
