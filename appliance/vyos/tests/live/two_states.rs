//! A change is there or it is not, in what runs and in what is saved, and it takes nothing of others
//! along.

use std::sync::Arc;
use std::time::Duration;

use panoptikon_vyos::{ChangeError, Plan, State};
use vyos_sim::Release;

use crate::bed::{Bed, House, LONG, list, person, plan, until};

#[tokio::test]
async fn undoing_what_was_the_first_in_its_group_spares_what_was_kept_there_since() {
    let bed = Bed::new(Release::Current).await;
    bed.sim.change_outside(&list("delete nat"));
    let first = bed
        .apply(
            "set nat source rule 900 outbound-interface name eth0\n\
             set nat source rule 900 translation address masquerade",
            LONG,
        )
        .await
        .unwrap();
    let second = bed
        .apply(
            "set nat destination rule 910 inbound-interface name eth0\n\
             set nat destination rule 910 translation address 192.168.1.9",
            LONG,
        )
        .await
        .unwrap();
    bed.router().keep(second, &person("ben")).await.unwrap();
    bed.router().undo(first, &person("ana")).await.unwrap();
    assert_eq!(bed.state(first).await, State::Undone);
    assert!(bed.runs("nat destination rule 910 translation address").is_some(), "it is gone");
    assert_eq!(bed.runs("nat source rule 900 translation address"), None);
    assert!(bed.saved("nat destination rule 910 translation address").is_some());
    assert_eq!(bed.saved("nat source rule 900 translation address"), None, "saved all the same");
}

#[tokio::test]
async fn what_was_saved_together_with_another_is_not_saved_any_more_once_undone() {
    let bed = Bed::new(Release::Current).await;
    let first = bed.apply("set system host-name edge", Duration::from_secs(3)).await.unwrap();
    let second = bed.apply("set system time-zone UTC", LONG).await.unwrap();
    bed.router().keep(second, &person("ben")).await.unwrap();
    let Bed { sim, house, dir } = bed;
    house.kill().await;
    let house = House::open(dir.path()).await;
    let bed = Bed { sim, house, dir };
    until("the undoing", async || bed.state(first).await == State::Undone).await;
    assert_eq!(bed.runs("system host-name").as_deref(), Some("vyos"));
    assert_eq!(bed.saved("system host-name").as_deref(), Some("vyos"));
    assert_eq!(bed.saved("system time-zone").as_deref(), Some("UTC"));
}

#[tokio::test]
async fn what_is_saved_by_hand_while_it_waits_is_not_saved_any_more_once_undone() {
    let bed = Bed::new(Release::Current).await;
    let number = bed.apply("set system host-name edge", LONG).await.unwrap();
    bed.router().save(&person("ben")).await.unwrap();
    assert_eq!(bed.saved("system host-name").as_deref(), Some("edge"));
    bed.router().undo(number, &person("ana")).await.unwrap();
    assert_eq!(bed.saved("system host-name").as_deref(), Some("vyos"));
}

#[tokio::test]
async fn what_is_kept_runs_even_if_the_router_restarted_without_it() {
    for release in [Release::Current, Release::Newer] {
        let bed = Bed::new(release).await;
        until("the probe", async || bed.router().status().borrow().abilities.is_some()).await;
        let number = bed.apply("set system host-name edge", LONG).await.unwrap();
        bed.sim.reboot().await;
        assert_eq!(bed.runs("system host-name").as_deref(), Some("vyos"));
        bed.router().keep(number, &person("ana")).await.unwrap();
        assert_eq!(bed.runs("system host-name").as_deref(), Some("edge"));
        assert_eq!(bed.saved("system host-name").as_deref(), Some("edge"));
    }
}

#[tokio::test]
async fn a_router_that_was_told_already_that_it_is_kept_is_saved_all_the_same() {
    let bed = Bed::new(Release::Newer).await;
    until("the probe", async || bed.router().status().borrow().abilities.is_some()).await;
    let number = bed.apply("set system host-name edge", LONG).await.unwrap();
    // As after a stop between the two.
    let confirm = panoptikon_vyos::api::Request::Confirm;
    bed.router().client().ask(&confirm).await.unwrap();
    bed.router().keep(number, &person("ana")).await.unwrap();
    assert_eq!(bed.saved("system host-name").as_deref(), Some("edge"));
}

#[tokio::test]
async fn undoing_goes_before_all_who_wait() {
    let bed = Bed::with(Release::Current, |options| {
        options.timing.commit = Duration::from_millis(300);
    })
    .await;
    let first = bed.apply("set system host-name edge", LONG).await.unwrap();
    let mut plans = Vec::new();
    for n in 0..20 {
        let text = format!("set firewall group address-group P{n} address 192.168.1.{}", n + 1);
        plans.push(plan(bed.router(), &text, &person("ben")).await);
    }
    let apply = |plan: Arc<Plan>| {
        let router = bed.router().clone();
        tokio::spawn(async move {
            router.apply(&plan, LONG, &person("ben")).await.unwrap();
        })
    };
    let waiting: Vec<_> = plans.into_iter().map(apply).collect();
    until("a crowd", async || bed.router().unsettled().len() >= 3).await;
    bed.router().undo(first, &person("ana")).await.unwrap();
    let left = waiting.iter().filter(|one| !one.is_finished()).count();
    assert!(left >= 12, "only {left} still waited");
    for one in waiting {
        one.await.unwrap();
    }
}

#[tokio::test]
async fn what_a_waiting_change_has_made_is_not_built_on() {
    let bed = Bed::new(Release::Current).await;
    let first = bed
        .apply("set firewall group address-group GUESTS address 192.168.1.77", LONG)
        .await
        .unwrap();
    let second =
        plan(bed.router(), "set firewall group address-group GUESTS description x", &person("ben"))
            .await;
    let error = bed.router().apply(&second, LONG, &person("ben")).await.unwrap_err();
    assert!(matches!(error, ChangeError::InTheWay { number, .. } if number == first), "{error}");
}

#[tokio::test]
async fn a_router_that_cannot_be_reached_does_not_undo_the_changes_of_others() {
    let bed = Bed::new(Release::Current).await;
    let first = bed.apply("set system host-name edge", LONG).await.unwrap();
    let second = bed.apply("set system time-zone UTC", LONG).await.unwrap();
    let key = bed.sim.key();
    bed.sim.only_key("another");
    std::fs::write(
        bed.dir.path().join("http-api-state"),
        r#"{"keys":{"id":{"panoptikon":{"key":"wrong"}}}}"#,
    )
    .unwrap();
    bed.router().undo(first, &person("ana")).await.unwrap();
    assert_eq!(bed.state(first).await, State::Undoing);
    assert_eq!(bed.state(second).await, State::Waiting);
    bed.sim.only_key(&key);
    std::fs::write(
        bed.dir.path().join("http-api-state"),
        format!(r#"{{"keys":{{"id":{{"panoptikon":{{"key":"{key}"}}}}}}}}"#),
    )
    .unwrap();
    bed.router().keep(second, &person("ben")).await.unwrap();
    until("the undoing", async || bed.state(first).await == State::Undone).await;
    assert_eq!(bed.saved("system time-zone").as_deref(), Some("UTC"));
}

#[tokio::test]
async fn a_change_of_which_nothing_can_be_read_any_more_is_not_said_to_have_been_unsent() {
    let bed = Bed::new(Release::Current).await;
    let number = bed.apply("set system host-name edge", LONG).await.unwrap();
    std::fs::write(bed.changes_dir().join(format!("{number}.json")), "{").unwrap();
    let Bed { sim, house, dir } = bed;
    house.kill().await;
    let house = House::open(dir.path()).await;
    let bed = Bed { sim, house, dir };
    let change = bed.router().change(number).await.unwrap().unwrap();
    assert_eq!(change.state, State::Failed);
    assert!(change.said.contains("may run"), "{}", change.said);
}
