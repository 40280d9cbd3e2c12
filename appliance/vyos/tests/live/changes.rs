//! Changes: applied, kept, undone, refused, and what remains of them when something dies.

use std::time::Duration;

use panoptikon_vyos::config::Document;
use panoptikon_vyos::dialect::Dialect;
use panoptikon_vyos::edit::Draft;
use panoptikon_vyos::{ChangeError, State};
use tokio::time::Instant;
use vyos_sim::Release;

use crate::bed::{Bed, House, LONG, list, person, plan, until};

#[tokio::test]
async fn a_change_that_is_kept_runs_and_is_saved() {
    for release in [Release::Sagitta, Release::Current, Release::Newer] {
        let bed = Bed::new(release).await;
        let number = bed.apply("set system host-name edge", LONG).await.unwrap();
        assert_eq!(bed.runs("system host-name").as_deref(), Some("edge"));
        assert_eq!(bed.saved("system host-name").as_deref(), Some("vyos"));
        assert_eq!(bed.state(number).await, State::Waiting);
        bed.router().keep(number, &person("ana")).await.unwrap();
        assert_eq!(bed.saved("system host-name").as_deref(), Some("edge"));
        assert_eq!(bed.state(number).await, State::Kept);
        assert!(bed.router().unsettled().is_empty());
        let file = bed.changes_dir().join(format!("{number}.json"));
        assert!(!file.exists(), "it is settled, and still in the book");
    }
}

#[tokio::test]
async fn what_is_sent_is_what_was_shown() {
    let bed = Bed::new(Release::Current).await;
    let text = "delete system name-server 9.9.9.9\nset system name-server 1.1.1.1";
    let plan = bed.plan(text).await;
    let shown: Vec<String> = plan.commands.iter().map(ToString::to_string).collect();
    assert_eq!(shown.join("\n"), text);
    bed.sim.forget_requests();
    bed.router().apply(&plan, LONG, &person("ana")).await.unwrap();
    let sent: Vec<_> =
        bed.sim.requests().into_iter().filter(|seen| seen.path == "/configure").collect();
    assert_eq!(sent.len(), 1, "more than one request");
    let body: serde_json::Value = serde_json::from_str(&sent[0].body).unwrap();
    let words = |at: usize| -> String {
        let one = &body["commands"][at];
        let path = one["path"].as_array().unwrap().iter().map(|w| w.as_str().unwrap());
        format!("{} {}", one["op"].as_str().unwrap(), path.collect::<Vec<_>>().join(" "))
    };
    assert_eq!([words(0), words(1)].join("\n"), text);
}

#[tokio::test]
async fn a_change_that_nobody_keeps_is_undone_within_a_second_of_its_deadline() {
    let bed = Bed::new(Release::Current).await;
    let before = bed.sim.running();
    let began = Instant::now();
    let number = bed.apply("set system host-name edge", Duration::from_secs(2)).await.unwrap();
    until("the undoing", async || bed.runs("system host-name").as_deref() == Some("vyos")).await;
    let took = began.elapsed();
    assert!(took >= Duration::from_secs(2), "too early: {took:?}");
    assert!(took < Duration::from_millis(3_500), "too late: {took:?}");
    until("the end", async || bed.router().unsettled().is_empty()).await;
    assert_eq!(bed.state(number).await, State::Undone);
    assert_eq!(bed.sim.running(), before);
    assert!(matches!(
        bed.router().keep(number, &person("ana")).await,
        Err(ChangeError::Settled(_))
    ));
}

#[tokio::test]
async fn undoing_spares_what_others_changed_meanwhile() {
    let bed = Bed::new(Release::Current).await;
    let number = bed.apply("set system host-name edge", LONG).await.unwrap();
    bed.sim.change_outside(&list("set system time-zone UTC"));
    bed.router().undo(number, &person("ben")).await.unwrap();
    assert_eq!(bed.runs("system host-name").as_deref(), Some("vyos"));
    assert_eq!(bed.runs("system time-zone").as_deref(), Some("UTC"));
}

#[tokio::test]
async fn undoing_spares_what_others_made_of_the_very_setting_and_says_so() {
    let bed = Bed::new(Release::Current).await;
    let text = "set system host-name edge\nset system time-zone UTC";
    let number = bed.apply(text, LONG).await.unwrap();
    bed.sim.change_outside(&list("set system host-name theirs"));
    bed.router().undo(number, &person("ben")).await.unwrap();
    assert_eq!(bed.runs("system host-name").as_deref(), Some("theirs"));
    assert_ne!(bed.runs("system time-zone").as_deref(), Some("UTC"));
    let change = bed.router().change(number).await.unwrap().unwrap();
    assert_eq!(change.state, State::Undone);
    assert!(change.said.contains("`system host-name`"), "{}", change.said);
}

#[tokio::test]
async fn undoing_brings_back_the_remarks_of_what_was_deleted() {
    for release in [Release::Sagitta, Release::Current] {
        let bed = Bed::new(release).await;
        let remark = "comment nat source rule 100 'to the Internet'";
        bed.sim.change_outside(&list(remark));
        let before = bed.sim.running();
        let text = "delete nat source rule 100\ncomment system 'for a while'";
        let number = bed.apply(text, LONG).await.unwrap();
        assert!(bed.runs("nat source rule 100 outbound-interface name").is_none());
        bed.router().undo(number, &person("ben")).await.unwrap();
        assert_eq!(bed.sim.running(), before, "{release:?}");
    }
}

#[tokio::test]
async fn a_second_click_on_apply_lands_on_the_change_that_the_first_began() {
    let bed = Bed::new(Release::Current).await;
    bed.sim.commit_takes(Duration::from_millis(400));
    let plan = bed.plan("set system host-name edge").await;
    bed.sim.forget_requests();
    let (router, by) = (bed.router(), person("ana"));
    // The first one's browser goes away, as it does on a double click.
    let gone =
        tokio::time::timeout(Duration::from_millis(50), router.apply(&plan, LONG, &by)).await;
    assert!(gone.is_err());
    let (second, third) =
        tokio::join!(router.apply(&plan, LONG, &by), router.apply(&plan, LONG, &by));
    let number = second.unwrap();
    assert_eq!(third.unwrap(), number);
    assert_eq!(plan.applied(), Some(number));
    let sent = bed.sim.requests().into_iter().filter(|s| s.body.contains("edge")).count();
    assert_eq!(sent, 1);
    router.keep(number, &by).await.unwrap();
    assert_eq!(router.apply(&plan, LONG, &by).await.unwrap(), number, "it was made twice");
}

#[tokio::test]
async fn what_the_router_refuses_changes_nothing_and_is_told_in_its_words() {
    for release in [Release::Sagitta, Release::Current] {
        let bed = Bed::new(release).await;
        let before = bed.sim.running();
        let error = bed.apply("set system host-name bad_name!", LONG).await.unwrap_err();
        assert!(
            matches!(&error, ChangeError::Refused(said) if said.contains("Set failed")),
            "{error}"
        );
        assert_eq!(bed.sim.running(), before);
        assert!(bed.router().unsettled().is_empty());
    }
}

#[tokio::test]
async fn a_commit_that_passed_in_part_is_noticed_and_undone() {
    let bed = Bed::new(Release::Current).await;
    let before = bed.sim.running();
    let text = "set system host-name partial\nset nat source rule 201 outbound-interface name eth0";
    let error = bed.apply(text, LONG).await.unwrap_err();
    assert!(error.to_string().contains("translation"), "{error}");
    assert_eq!(bed.sim.running(), before, "a part of it still runs");
    assert!(bed.router().unsettled().is_empty());
}

#[tokio::test]
async fn an_answer_that_was_lost_is_found_out_and_nothing_is_sent_twice() {
    let bed = Bed::new(Release::Current).await;
    let plan = bed.plan("set system host-name edge").await;
    bed.sim.forget_requests();
    bed.sim.lose_next_answer_to("/configure");
    let number = bed.router().apply(&plan, LONG, &person("ana")).await.unwrap();
    assert_eq!(bed.state(number).await, State::Waiting);
    let sent = bed.sim.requests().into_iter().filter(|s| s.body.contains("edge")).count();
    assert_eq!(sent, 1);
}

#[tokio::test]
async fn a_change_of_the_https_service_is_waited_for_although_it_is_answered_at_once() {
    for release in [Release::Sagitta, Release::Current] {
        let bed = Bed::new(release).await;
        let number = bed
            .apply("set service https api keys id guest key GUEST-0123456789", LONG)
            .await
            .unwrap();
        assert_eq!(bed.state(number).await, State::Waiting);
        assert_eq!(
            bed.runs("service https api keys id guest key").as_deref(),
            Some("GUEST-0123456789")
        );
        bed.router().undo(number, &person("ana")).await.unwrap();
        assert_eq!(bed.runs("service https api keys id guest key"), None);
    }
}

#[tokio::test]
async fn a_plan_whose_ground_has_changed_is_not_applied() {
    let bed = Bed::new(Release::Current).await;
    let plan = bed.plan("set system host-name edge").await;
    bed.sim.change_outside(&list("set system host-name other"));
    let error = bed.router().apply(&plan, LONG, &person("ana")).await.unwrap_err();
    assert!(matches!(error, ChangeError::Stale), "{error}");
    assert_eq!(bed.runs("system host-name").as_deref(), Some("other"));
}

#[tokio::test]
async fn two_changes_wait_side_by_side_unless_they_touch_the_same() {
    let bed = Bed::new(Release::Current).await;
    let first = bed.apply("set system host-name edge", LONG).await.unwrap();
    let second = bed.apply("set system time-zone UTC", LONG).await.unwrap();
    let third = plan(bed.router(), "set system host-name third", &person("ben")).await;
    let error = bed.router().apply(&third, LONG, &person("ben")).await.unwrap_err();
    assert!(matches!(error, ChangeError::InTheWay { number, .. } if number == first), "{error}");
    bed.router().undo(first, &person("ana")).await.unwrap();
    assert_eq!(bed.runs("system time-zone").as_deref(), Some("UTC"));
    bed.router().keep(second, &person("ana")).await.unwrap();
    assert_eq!(bed.saved("system host-name").as_deref(), Some("vyos"));
}

#[tokio::test]
async fn what_others_build_on_is_undone_together_with_theirs() {
    let bed = Bed::new(Release::Current).await;
    let before = bed.sim.running();
    let group = bed
        .apply("set firewall group address-group GUESTS address 192.168.1.77", LONG)
        .await
        .unwrap();
    bed.apply(
        "set firewall ipv4 forward filter rule 20 action drop\n\
         set firewall ipv4 forward filter rule 20 source group address-group GUESTS",
        LONG,
    )
    .await
    .unwrap();
    bed.router().undo(group, &person("ana")).await.unwrap();
    until("both undone", async || bed.sim.running() == before).await;
}

#[tokio::test]
async fn fifty_people_who_press_apply_at_once_are_served_one_after_the_other() {
    let bed = Bed::new(Release::Current).await;
    let mut waiting = Vec::new();
    for n in 0..50 {
        let by = person(&format!("person-{n}"));
        let text = format!("set firewall group address-group P{n} address 192.168.1.{}", n + 1);
        let plan = plan(bed.router(), &text, &by).await;
        let router = bed.router().clone();
        waiting.push(tokio::spawn(async move { (n, router.apply(&plan, LONG, &by).await) }));
    }
    let mut told = Vec::new();
    for one in waiting {
        let (n, result) = one.await.unwrap();
        told.push((n, result.is_ok()));
        if let Err(error) = &result {
            panic!("person {n} was told: {error}");
        }
    }
    assert_eq!(bed.sim.most_at_once(), 1);
    for (n, applied) in told {
        let path = format!("firewall group address-group P{n} address");
        assert_eq!(bed.runs(&path).is_some(), applied, "person {n} was not told the truth");
    }
}

#[tokio::test]
async fn fifty_people_who_change_the_same_at_once_hear_who_was_first() {
    let bed = Bed::new(Release::Current).await;
    let mut waiting = Vec::new();
    for n in 0..50 {
        let by = person(&format!("person-{n}"));
        let plan = plan(bed.router(), &format!("set system host-name host-{n}"), &by).await;
        let router = bed.router().clone();
        waiting.push(tokio::spawn(async move { (n, router.apply(&plan, LONG, &by).await) }));
    }
    let mut winners = Vec::new();
    for one in waiting {
        match one.await.unwrap() {
            (n, Ok(_)) => winners.push(n),
            (_, Err(ChangeError::InTheWay { .. } | ChangeError::Stale)) => {}
            (n, Err(other)) => panic!("person {n} was told: {other}"),
        }
    }
    assert_eq!(winners.len(), 1);
    assert_eq!(bed.runs("system host-name"), Some(format!("host-{}", winners[0])));
}

#[tokio::test]
async fn a_change_survives_the_appliance_and_is_undone_at_its_time_all_the_same() {
    let bed = Bed::new(Release::Current).await;
    let before = bed.sim.running();
    let number = bed.apply("set system host-name edge", Duration::from_secs(2)).await.unwrap();
    let Bed { sim, house, dir } = bed;
    house.kill().await;
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert_eq!(sim.running().value_at(["system", "host-name"]), Some("edge"));
    let house = House::open(dir.path()).await;
    let began = Instant::now();
    until("the undoing", async || sim.running() == before).await;
    assert!(began.elapsed() < Duration::from_secs(1), "late: {:?}", began.elapsed());
    let bed = Bed { sim, house, dir };
    until("the end", async || bed.state(number).await == State::Undone).await;
}

#[tokio::test]
async fn what_was_kept_stays_kept_even_if_the_appliance_dies_before_it_is_saved() {
    let bed = Bed::new(Release::Current).await;
    let number = bed.apply("set system host-name edge", LONG).await.unwrap();
    bed.sim.down_for(Duration::from_secs(2));
    let router = bed.router().clone();
    let keeps = tokio::spawn(async move { router.keep(number, &person("ana")).await });
    let file = bed.changes_dir().join(format!("{number}.json"));
    until("the word kept on disk", async || {
        std::fs::read_to_string(&file).is_ok_and(|text| text.contains("keeping"))
    })
    .await;
    keeps.abort();
    let Bed { sim, house, dir } = bed;
    house.kill().await;
    let house = House::open(dir.path()).await;
    let bed = Bed { sim, house, dir };
    until("saving", async || bed.saved("system host-name").as_deref() == Some("edge")).await;
    assert_eq!(bed.runs("system host-name").as_deref(), Some("edge"));
}

#[tokio::test]
async fn a_reboot_of_the_router_brings_back_what_was_saved() {
    let bed = Bed::new(Release::Current).await;
    let before = bed.sim.running();
    bed.apply("set system host-name edge", Duration::from_secs(4)).await.unwrap();
    bed.sim.reboot().await;
    until("the end", async || bed.router().unsettled().is_empty()).await;
    assert_eq!(bed.sim.running(), before);
}

#[tokio::test]
async fn a_router_that_confirms_by_itself_is_told_to_wait_longer_than_we_do() {
    let bed = Bed::new(Release::Newer).await;
    until("the probe", async || bed.router().status().borrow().abilities.is_some()).await;
    bed.sim.forget_requests();
    let number = bed.apply("set system host-name edge", Duration::from_secs(90)).await.unwrap();
    let asked = bed.sim.requests().into_iter().any(|s| s.body.contains("\"confirm_time\":5"));
    assert!(asked, "no confirm_time was sent");
    bed.router().keep(number, &person("ana")).await.unwrap();
    let confirmed = bed.sim.requests().into_iter().any(|s| s.body.contains("\"confirm\""));
    assert!(confirmed, "the router was not told that it is kept");
}

#[tokio::test]
async fn every_change_is_in_the_audit_log_with_its_commands_and_no_secret() {
    let bed = Bed::new(Release::Current).await;
    let number =
        bed.apply("set service https api keys id guest key GUEST-0123456789", LONG).await.unwrap();
    bed.router().undo(number, &person("ana")).await.unwrap();
    let log = access::audit::AuditLog::new(bed.house.store.clone());
    let filter = access::audit::Filter { limit: 50, ..access::audit::Filter::default() };
    let page = log.page(&access::Caller::console(), filter).await.unwrap();
    let actions: Vec<_> = page.rows.iter().map(|row| row.action.as_str()).collect();
    assert_eq!(actions, ["router.undo", "router.apply"]);
    for row in &page.rows {
        assert_eq!((row.actor.as_str(), row.address.as_deref()), ("ana", Some("192.168.1.50")));
        assert!(row.detail.contains("set service https api keys id guest key"), "{}", row.detail);
        assert!(!row.detail.contains("GUEST-0123456789"), "{}", row.detail);
    }
    let change = bed.router().change(number).await.unwrap().unwrap();
    assert!(!change.commands.contains("GUEST-0123456789"));
}

#[tokio::test]
async fn our_own_way_to_the_router_is_never_cut() {
    let bed = Bed::new(Release::Current).await;
    for text in [
        "delete service https api",
        "delete service https",
        "delete service https api rest",
        "delete service https api keys id panoptikon",
    ] {
        let plan = bed.plan(text).await;
        assert!(plan.refused().is_some(), "{text}");
        assert!(bed.router().apply(&plan, LONG, &person("ana")).await.is_err(), "{text}");
    }
    assert!(bed.runs("service https api keys id panoptikon key").is_some());
}

#[tokio::test]
async fn a_router_is_made_to_count_connections_and_the_undoing_ends_that() {
    for release in [Release::Sagitta, Release::Current, Release::Newer] {
        let bed = Bed::new(release).await;
        let runs = || bed.sim.running().at(["system", "conntrack", "flow-accounting"]).is_some();
        let document = Document { root: bed.sim.running(), footer: Vec::new() };
        let dialect = Dialect::of(&document);
        let mut draft = Draft::new(&document.root, &dialect);
        draft.count_connections(true);
        let commands: Vec<String> = draft.commands().iter().map(ToString::to_string).collect();
        let number = bed.apply(&commands.join("\n"), LONG).await.unwrap();
        assert!(runs());
        bed.router().undo(number, &person("ana")).await.unwrap();
        until("the undoing", async || !runs()).await;
    }
}
