use std::os::unix::fs::PermissionsExt;

use access::{AccessError, Caller, Role, Secret, Setup, SetupState};

use crate::house::{House, T0, after, caller, holds};

#[tokio::test]
async fn the_first_setup_makes_an_administrator_who_is_signed_in() {
    let house = House::empty().await;
    assert_eq!(house.access.setup_state(), SetupState::First);
    let session = house.access.setup(house.claim("ada").await, T0).await.unwrap();
    assert_eq!(session.signed_in.role, Role::Administrator);
    assert_eq!(house.access.setup_state(), SetupState::Done);
    let who = house.access.check_session(session.cookie.expose(), T0).unwrap();
    assert_eq!(&*who.name, "ada");
}

#[tokio::test]
async fn a_second_setup_is_refused() {
    let house = House::empty().await;
    let claim = house.claim("ada").await;
    house.access.setup(claim.clone(), T0).await.unwrap();
    let again = house.access.setup(Setup { name: "eve".into(), ..claim }, T0).await;
    assert_eq!(again.unwrap_err().code(), "already_set_up");
    assert_eq!(house.access.people(&Caller::console(), T0).unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_setups_at_once_exactly_one_wins() {
    let house = House::empty().await;
    let claim = house.claim("ada").await;
    let tasks: Vec<_> = (0..9)
        .map(|i| {
            let access = house.access.clone();
            let claim = Setup { name: format!("person {i}"), ..claim.clone() };
            tokio::spawn(async move { access.setup(claim, T0).await })
        })
        .collect();
    let mut won = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(_) => won += 1,
            Err(error) => assert_eq!(error.code(), "already_set_up", "{error}"),
        }
    }
    assert_eq!(won, 1);
    assert_eq!(house.access.people(&Caller::console(), T0).unwrap().len(), 1);
}

#[tokio::test]
async fn the_token_lies_in_a_private_file_until_it_is_used() {
    let house = House::empty().await;
    let file = house.access.token_file().to_owned();
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let token = house.access.setup_token(T0).await.unwrap().unwrap();
    assert_eq!(std::fs::read_to_string(&file).unwrap().trim(), token.expose());
    assert!(!holds(&house.disk(), token.expose()), "only the file holds it in clear");

    house.access.setup(house.claim("ada").await, T0).await.unwrap();
    assert!(!file.exists());
    assert_eq!(house.access.setup_token(T0).await.unwrap(), None);
}

#[tokio::test]
async fn a_wrong_token_is_refused_noted_and_limited() {
    let house = House::empty().await;
    let claim = Setup { token: Secret::from("AAAA-BBBB"), ..house.claim("eve").await };
    for _ in 0..10 {
        let error = house.access.setup(claim.clone(), T0).await.unwrap_err();
        assert!(matches!(error, AccessError::WrongSetupToken), "{error}");
    }
    assert_eq!(house.last_audit().await, "setup.finish refused");
    let error = house.access.setup(house.claim("ada").await, T0).await.unwrap_err();
    assert_eq!(error.retry_after().unwrap().as_secs(), 12);
    house.access.setup(house.claim("ada").await, after(12)).await.unwrap();
}

#[tokio::test]
async fn a_bad_name_or_password_does_not_use_up_the_token() {
    let house = House::empty().await;
    let claim = house.claim("ada").await;
    let short = Setup { password: "short".into(), ..claim.clone() };
    assert_eq!(house.access.setup(short, T0).await.unwrap_err().code(), "bad_password");
    let nameless = Setup { name: " ".into(), ..claim.clone() };
    assert_eq!(house.access.setup(nameless, T0).await.unwrap_err().code(), "bad_name");
    house.access.setup(claim, T0).await.unwrap();
}

#[tokio::test]
async fn the_token_stays_the_same_over_a_restart_and_a_lost_file_makes_a_new_one() {
    let house = House::empty().await;
    let first = house.access.setup_token(T0).await.unwrap().unwrap();
    let house = house.restart(T0).await;
    assert_eq!(house.access.setup_token(T0).await.unwrap().as_ref(), Some(&first));
    std::fs::remove_file(house.access.token_file()).unwrap();
    let second = house.access.setup_token(T0).await.unwrap().unwrap();
    assert_ne!(first, second);
    std::fs::write(house.access.token_file(), [0xff, 0xfe]).unwrap();
    let house = house.restart(T0).await;
    let third = house.access.setup_token(T0).await.unwrap().unwrap();
    assert_ne!(second, third);
    let old = Setup { token: second, ..house.claim("ada").await };
    assert_eq!(house.access.setup(old, T0).await.unwrap_err().code(), "wrong_setup_token");
}

#[tokio::test]
async fn a_token_left_behind_by_a_crash_is_removed_at_the_next_start() {
    let (house, _) = House::with_ada().await;
    std::fs::write(house.access.token_file(), "left\n").unwrap();
    let house = house.restart(T0).await;
    assert!(!house.access.token_file().exists());
    assert_eq!(house.access.setup_state(), SetupState::Done);
}

#[tokio::test]
async fn a_reset_ends_all_sessions_and_lets_the_owner_back_in() {
    let (house, ada) = House::with_ada().await;
    house.add(&ada.signed_in, "bob", Role::Viewer).await;
    let bob = house.sign_in("bob", crate::house::PASSWORD, "192.0.2.20", T0).await.unwrap();
    let error = house.access.reset_auth(&caller(&bob.signed_in), T0).await.unwrap_err();
    assert_eq!(error.code(), "forbidden");

    let token = house.access.reset_auth(&Caller::console(), T0).await.unwrap();
    assert_eq!(house.last_audit().await, "auth.reset ok");
    assert_eq!(house.access.setup_state(), SetupState::Again);
    for session in [&ada, &bob] {
        assert_eq!(house.access.check_session(session.cookie.expose(), T0), None);
    }
    let house = house.restart(T0).await;
    assert_eq!(house.access.check_session(ada.cookie.expose(), T0), None);

    let claim = Setup { token, password: "another horse".into(), ..house.claim("ADA").await };
    let back = house.access.setup(claim, T0).await.unwrap();
    assert_eq!(back.signed_in.person, ada.signed_in.person, "the same person, not another");
    assert_eq!(house.access.people(&Caller::console(), T0).unwrap().len(), 2);
    let old = house.sign_in("ada", crate::house::PASSWORD, "192.0.2.20", T0).await;
    assert_eq!(old.unwrap_err().code(), "wrong_credentials");
}
