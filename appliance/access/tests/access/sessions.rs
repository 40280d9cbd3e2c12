use std::time::Instant;

use access::{Role, SessionPolicy, csrf};

use crate::house::{ADDRESS, House, PASSWORD, T0, after, caller, holds};

const DAY: u64 = 86_400;

#[tokio::test]
async fn sessions_are_not_stored_in_clear() {
    let (house, ada) = House::with_ada().await;
    house.access.keep_house(after(120), true).await.unwrap();
    let disk = house.disk();
    assert!(holds(&disk, "session.start"), "the database was looked at");
    assert!(!holds(&disk, ada.cookie.expose()));
    assert!(!holds(&disk, &ada.signed_in.form_token));
}

#[tokio::test]
async fn a_session_ends_after_a_day_without_use_and_is_swept_away() {
    let (house, ada) = House::with_ada().await;
    let cookie = ada.cookie.expose();
    assert!(house.access.check_session(cookie, after(DAY - 1)).is_some());
    assert!(house.access.check_session(cookie, after(2 * DAY - 2)).is_some());
    assert_eq!(house.access.check_session(cookie, after(3 * DAY)), None);
    house.access.keep_house(after(3 * DAY), false).await.unwrap();
    let house = house.restart(T0).await;
    assert_eq!(house.access.check_session(cookie, T0), None);
}

#[tokio::test]
async fn looking_at_a_session_does_not_keep_it() {
    let (house, ada) = House::with_ada().await;
    assert!(house.access.peek_session(ada.cookie.expose(), after(DAY - 1)).is_some());
    assert_eq!(house.access.peek_session(ada.cookie.expose(), after(DAY)), None);
}

#[tokio::test]
async fn the_policy_can_be_changed_and_outlives_a_restart() {
    let (house, ada) = House::with_ada().await;
    let by = caller(&ada.signed_in);
    let bad = SessionPolicy { idle_seconds: 1, absolute_seconds: 2 };
    assert_eq!(
        house.access.set_session_policy(&by, bad, T0).await.unwrap_err().code(),
        "bad_value"
    );
    let short = SessionPolicy { idle_seconds: 600, absolute_seconds: 3_600 };
    house.access.set_session_policy(&by, short, T0).await.unwrap();
    assert_eq!(house.last_audit().await, "settings.change ok");
    let house = house.restart(T0).await;
    assert_eq!(house.access.session_policy(), short);
    assert_eq!(house.access.check_session(ada.cookie.expose(), after(600)), None);
}

#[tokio::test]
async fn last_use_is_written_at_most_once_a_minute() {
    let (house, ada) = House::with_ada().await;
    house.access.keep_house(T0, true).await.unwrap();
    let commits = house.store.commits();
    for second in 0..59 {
        house.access.check_session(ada.cookie.expose(), after(second));
        house.access.keep_house(after(second), false).await.unwrap();
    }
    assert_eq!(house.store.commits(), commits);
    house.access.check_session(ada.cookie.expose(), after(60));
    house.access.keep_house(after(60), false).await.unwrap();
    assert_eq!(house.store.commits(), commits + 1);
    let house = house.restart(after(60)).await;
    let rows = house.access.sessions(&caller(&ada.signed_in), ada.signed_in.person, after(60));
    assert_eq!(rows.unwrap()[0].last_seen_at, after(60));
}

#[tokio::test]
async fn a_check_takes_far_less_than_a_millisecond_and_no_disk() {
    let (house, ada) = House::with_ada().await;
    let commits = house.store.commits();
    house.store.close();
    let start = Instant::now();
    for _ in 0..1_000 {
        assert!(house.access.check_session(ada.cookie.expose(), T0).is_some());
    }
    assert!(start.elapsed().as_millis() < 1_000, "{:?}", start.elapsed());
    assert_eq!(house.store.commits(), commits);
}

#[tokio::test]
async fn one_ends_ones_own_sessions_and_only_an_administrator_others() {
    let (house, ada) = House::with_ada().await;
    house.add(&ada.signed_in, "bob", Role::Analyst).await;
    let here = house.sign_in("bob", PASSWORD, "192.0.2.20", T0).await.unwrap();
    let there = house.sign_in("bob", PASSWORD, "192.0.2.21", after(5)).await.unwrap();
    let bob = caller(&here.signed_in);

    let rows = house.access.sessions(&bob, here.signed_in.person, after(5)).unwrap();
    assert_eq!(
        rows.iter().map(|r| r.id).collect::<Vec<_>>(),
        [there.signed_in.session, here.signed_in.session]
    );
    assert_eq!(rows[0].address, "192.0.2.21");
    let error = house.access.end_session(&bob, ada.signed_in.session, T0).await.unwrap_err();
    assert_eq!(error.code(), "forbidden");

    house.access.end_session(&bob, there.signed_in.session, T0).await.unwrap();
    assert_eq!(house.access.check_session(there.cookie.expose(), after(5)), None);
    let by = caller(&ada.signed_in);
    house.access.end_session(&by, here.signed_in.session, T0).await.unwrap();
    assert_eq!(house.last_audit().await, "session.end ok");
    assert_eq!(house.access.check_session(here.cookie.expose(), after(5)), None);
    let again = house.access.end_session(&by, here.signed_in.session, T0).await;
    assert_eq!(again.unwrap_err().code(), "not_found");
}

#[tokio::test]
async fn all_other_sessions_end_at_one_word() {
    let (house, ada) = House::with_ada().await;
    for _ in 0..3 {
        house.sign_in("ada", PASSWORD, ADDRESS, T0).await.unwrap();
    }
    let by = caller(&ada.signed_in);
    assert_eq!(house.access.end_other_sessions(&ada.signed_in, &by, T0).await.unwrap(), 3);
    let rows = house.access.sessions(&by, ada.signed_in.person, T0).unwrap();
    assert_eq!(rows.len(), 1);
}

#[tokio::test]
async fn the_sessions_of_one_person_are_bounded() {
    let (house, ada) = House::with_ada().await;
    let mut newest = None;
    for i in 1..=40 {
        // Far enough apart for the limit on attempts.
        newest = house.sign_in("ada", PASSWORD, ADDRESS, after(i * 60)).await.ok();
    }
    let rows = house.access.sessions(&caller(&ada.signed_in), ada.signed_in.person, after(2_400));
    assert_eq!(rows.unwrap().len(), 32);
    let newest = newest.unwrap();
    assert!(house.access.check_session(newest.cookie.expose(), after(2_400)).is_some());
    assert_eq!(house.access.check_session(ada.cookie.expose(), after(2_400)), None);
}

#[tokio::test]
async fn a_sessions_form_token_belongs_to_its_cookie() {
    let (house, ada) = House::with_ada().await;
    let other = house.sign_in("ada", PASSWORD, ADDRESS, T0).await.unwrap();
    assert!(csrf::matches(ada.cookie.expose(), &ada.signed_in.form_token));
    assert!(!csrf::matches(other.cookie.expose(), &ada.signed_in.form_token));
}

#[tokio::test]
async fn no_text_passes_for_a_session() {
    let (house, _) = House::with_ada().await;
    for cookie in ["", "0", &"0".repeat(64), &"é".repeat(32), &"g".repeat(64)] {
        assert_eq!(house.access.check_session(cookie, T0), None);
    }
}
