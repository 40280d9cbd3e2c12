use access::{Caller, NewPerson, Permission, Preferences, Role, Theme};
use model::PersonId;

use crate::house::{ADDRESS, House, PASSWORD, T0, caller};

#[tokio::test]
async fn the_last_administrator_cannot_be_removed() {
    let (house, ada) = House::with_ada().await;
    let (by, id) = (caller(&ada.signed_in), ada.signed_in.person);
    let last = "last_administrator";
    assert_eq!(house.access.remove_person(&by, id, T0).await.unwrap_err().code(), last);
    let demote = house.access.set_role(&by, id, Role::Viewer, T0).await;
    assert_eq!(demote.unwrap_err().code(), last);
    let disable = house.access.set_disabled(&by, id, true, T0).await;
    assert_eq!(disable.unwrap_err().code(), last);

    let bob = house.add(&ada.signed_in, "bob", Role::Administrator).await;
    house.access.set_disabled(&by, bob, true, T0).await.unwrap();
    let error = house.access.remove_person(&by, id, T0).await.unwrap_err();
    assert_eq!(error.code(), last, "one who cannot sign in does not count");
    house.access.set_disabled(&by, bob, false, T0).await.unwrap();
    house.access.remove_person(&by, id, T0).await.unwrap();
    assert_eq!(house.access.check_session(ada.cookie.expose(), T0), None);
}

#[tokio::test]
async fn changing_the_password_drops_other_sessions() {
    let (house, ada) = House::with_ada().await;
    let other = house.sign_in("ada", PASSWORD, ADDRESS, T0).await.unwrap();
    let (me, by) = (&ada.signed_in, caller(&ada.signed_in));
    let change = |current: &str, new: &str| {
        house.access.change_password(me, &by, current.into(), new.into(), T0)
    };
    assert_eq!(change("wrong horse", "another horse").await.unwrap_err().code(), "wrong_password");
    assert_eq!(house.last_audit().await, "person.password refused");
    assert_eq!(change(PASSWORD, "short").await.unwrap_err().code(), "bad_password");
    change(PASSWORD, "another horse").await.unwrap();
    assert_eq!(house.last_audit().await, "person.password ok");

    assert!(house.access.check_session(ada.cookie.expose(), T0).is_some());
    assert_eq!(house.access.check_session(other.cookie.expose(), T0), None);
    assert!(house.sign_in("ada", PASSWORD, ADDRESS, T0).await.is_err());
    house.sign_in("ada", "another horse", ADDRESS, T0).await.unwrap();
    let house = house.restart(T0).await;
    assert_eq!(house.access.check_session(other.cookie.expose(), T0), None);
}

#[tokio::test]
async fn guessing_the_current_password_in_a_stolen_session_is_limited() {
    let (house, ada) = House::with_ada().await;
    let (me, by) = (&ada.signed_in, caller(&ada.signed_in));
    let mut codes = Vec::new();
    for _ in 0..12 {
        let (guess, new) = ("wrong horse".into(), "another horse".into());
        let error = house.access.change_password(me, &by, guess, new, T0).await.unwrap_err();
        codes.push(error.code());
    }
    assert_eq!(codes[9], "wrong_password");
    assert_eq!(codes[10], "too_many_attempts");
}

#[tokio::test]
async fn a_reset_of_a_password_ends_all_sessions_of_that_person_only() {
    let (house, ada) = House::with_ada().await;
    let bob = house.add(&ada.signed_in, "bob", Role::Analyst).await;
    let session = house.sign_in("bob", PASSWORD, ADDRESS, T0).await.unwrap();
    let by = caller(&ada.signed_in);
    house.access.reset_password(&by, bob, "another horse".into(), T0).await.unwrap();
    assert_eq!(house.access.check_session(session.cookie.expose(), T0), None);
    assert!(house.access.check_session(ada.cookie.expose(), T0).is_some());
    house.sign_in("bob", "another horse", ADDRESS, T0).await.unwrap();
    let own = house.access.reset_password(&by, ada.signed_in.person, "another horse".into(), T0);
    assert_eq!(own.await.unwrap_err().code(), "forbidden", "that takes the current password");
}

#[tokio::test]
async fn a_new_role_holds_at_once_in_sessions_that_stand() {
    let (house, ada) = House::with_ada().await;
    let bob = house.add(&ada.signed_in, "bob", Role::Viewer).await;
    let session = house.sign_in("bob", PASSWORD, ADDRESS, T0).await.unwrap();
    let may = |p| house.access.check_session(session.cookie.expose(), T0).unwrap().role.may(p);
    assert!(!may(Permission::DevicesWake));
    let mut changes = house.access.changes();
    changes.mark_unchanged();
    let by = caller(&ada.signed_in);
    house.access.set_role(&by, bob, Role::Responder, T0).await.unwrap();
    assert!(may(Permission::DevicesWake));
    assert!(changes.has_changed().unwrap(), "live pages look again");
}

#[tokio::test]
async fn only_administrators_manage_people() {
    let (house, ada) = House::with_ada().await;
    for role in &Role::ALL[1..] {
        let name = format!("a {role}");
        let id = house.add(&ada.signed_in, &name, *role).await;
        let session = house.sign_in(&name, PASSWORD, &format!("192.0.2.{id}"), T0).await.unwrap();
        let by = caller(&session.signed_in);
        let new = NewPerson { name: "eve".into(), role: *role, password: PASSWORD.into() };
        let ada = ada.signed_in.person;
        let results = [
            house.access.add_person(&by, new, T0).await.map(|_| ()),
            house.access.remove_person(&by, ada, T0).await,
            house.access.set_role(&by, id, Role::Administrator, T0).await,
            house.access.set_disabled(&by, ada, true, T0).await,
            house.access.reset_password(&by, ada, "another horse".into(), T0).await,
            house.access.sessions(&by, ada, T0).map(|_| ()),
            house.access.set_session_policy(&by, house.access.session_policy(), T0).await,
        ];
        for result in results {
            assert_eq!(result.unwrap_err().code(), "forbidden", "{role}");
        }
        assert_eq!(house.access.people(&by, T0).is_ok(), *role == Role::Auditor);
    }
    assert!(house.access.people(&Caller::anonymous(ADDRESS.parse().unwrap()), T0).is_err());
}

#[tokio::test]
async fn a_name_is_taken_in_any_case_and_a_removed_id_never_returns() {
    let (house, ada) = House::with_ada().await;
    let by = caller(&ada.signed_in);
    let umlaut = house.add(&ada.signed_in, "Jörg", Role::Viewer).await;
    for name in ["ADA", "jÖRG"] {
        let new = NewPerson { name: name.into(), role: Role::Viewer, password: PASSWORD.into() };
        let error = house.access.add_person(&by, new, T0).await.unwrap_err();
        assert_eq!(error.code(), "name_taken");
    }
    house.access.remove_person(&by, umlaut, T0).await.unwrap();
    let next = house.add(&ada.signed_in, "Jörg", Role::Viewer).await;
    assert!(next > umlaut);
    let gone = house.access.remove_person(&by, PersonId(999), T0).await;
    assert_eq!(gone.unwrap_err().code(), "not_found");
}

#[tokio::test]
async fn preferences_and_the_list_of_people_outlive_a_restart() {
    let (house, ada) = House::with_ada().await;
    let prefs = Preferences { theme: Theme::Light, refresh_seconds: 60, avatar_hue: 12 };
    let by = caller(&ada.signed_in);
    house.access.set_preferences(&ada.signed_in, &by, prefs, T0).await.unwrap();
    house.access.keep_house(T0, true).await.unwrap();
    let house = house.restart(T0).await;
    let who = house.access.check_session(ada.cookie.expose(), T0).unwrap();
    assert_eq!(who.preferences, prefs);
    let people = house.access.people(&by, T0).unwrap();
    assert_eq!((people[0].name.as_str(), people[0].sessions), ("ada", 1));
    assert_eq!(people[0].last_seen_at, Some(T0));
}
