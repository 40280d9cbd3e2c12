use std::time::Duration;

use access::Caller;
use model::Timestamp;
use panoptikon_agents::{AgentId, State, TokenWish};
use wire::FromAppliance;

use crate::bed::{Bed, until};
use crate::client::{self, enrol, request, stranger};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_enrols_once_with_a_token_and_is_online_with_the_name_that_it_was_given() {
    let dir = tempfile::tempdir().unwrap();
    let bed = Bed::open(dir.path()).await;
    let token = bed.token("nas").await;
    let mut host = enrol(bed.address, &token, "localhost").await.unwrap();
    assert_eq!(bed.host(&host).name, "nas");
    assert!(!bed.host(&host).online);
    let (_link, welcome) = host.link(bed.address).await.unwrap();
    assert_eq!(
        (welcome.name.as_str(), welcome.acked, welcome.agent.as_str()),
        ("nas", 0, &*host.id)
    );
    assert!(bed.host(&host).online);
    // The token is used up.
    let (status, answer) = enrol(bed.address, &token, "other").await.err().unwrap();
    assert_eq!(status, 403);
    assert!(answer.contains("token") && !answer.contains(&token), "{answer}");
    bed.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_is_old_taken_back_or_made_up_lets_nobody_in() {
    let dir = tempfile::tempdir().unwrap();
    let bed = Bed::open(dir.path()).await;
    let wish = TokenWish { lasts: Duration::from_secs(60), ..TokenWish::default() };
    let past = Timestamp::now().minus(Duration::from_secs(61));
    let old = bed.agents.make_token(&Caller::console(), wish.clone(), past).await.unwrap();
    let now = Timestamp::now();
    let back = bed.agents.make_token(&Caller::console(), wish, now).await.unwrap();
    bed.agents.revoke_token(&Caller::console(), &back.row.id, now).await.unwrap();
    let good = bed.token("").await;
    let made_up = good.replace("pa1.", "pa1.aaaaaaaa.").replacen(&good[4..13], "", 1);
    for token in [&old.text, &back.text, &made_up, "", "x"] {
        let refused = enrol(bed.address, token, "h").await.err().map(|(status, _)| status);
        assert_eq!(refused, Some(403), "{token}");
    }
    assert_eq!(bed.agents.all().len(), 0);
    bed.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_guesses_tokens_is_slowed_down_and_written_down() {
    let dir = tempfile::tempdir().unwrap();
    let bed = Bed::open(dir.path()).await;
    let mut last = 0;
    for _ in 0..12 {
        last = enrol(bed.address, "x", "h").await.err().unwrap().0;
    }
    assert_eq!(last, 429);
    let audit = access::audit::AuditLog::new(bed.store.clone());
    let lines = audit.page(&Caller::console(), access::audit::Filter::default()).await.unwrap();
    let refused = lines.rows.iter().filter(|row| row.action == "agent.enrol").count();
    assert!((10..=12).contains(&refused), "{refused}");
    bed.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_is_revoked_is_let_go_at_once_and_enrols_anew_under_its_name() {
    let dir = tempfile::tempdir().unwrap();
    let bed = Bed::open(dir.path()).await;
    let mut host = bed.enrol("nas").await;
    let (mut link, _) = host.link(bed.address).await.unwrap();
    link.report(1, 5.0).await;
    link.acked(1).await.unwrap();
    let id: AgentId = host.id.parse().unwrap();
    bed.agents.revoke(&Caller::console(), id, Timestamp::now()).await.unwrap();
    assert_eq!(link.closed().await, 4403);
    assert_eq!(host.link(bed.address).await.err(), Some(4403));
    let lasts = panoptikon_agents::USUAL_LIFE;
    let wish = TokenWish { lasts, agent: Some(id), ..TokenWish::default() };
    let made = bed.agents.make_token(&Caller::console(), wish, Timestamp::now()).await.unwrap();
    let mut anew = enrol(bed.address, &made.text, "whatever").await.unwrap();
    assert_eq!((anew.id.as_str(), bed.host(&anew).name.as_str()), (&*host.id, "nas"));
    assert_eq!(bed.host(&anew).state, State::Active);
    assert!(anew.link(bed.address).await.is_ok());
    assert_eq!(host.link(bed.address).await.err(), Some(4403), "the old key is of no use");
    bed.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_key_is_good_from_its_first_link_on_and_the_old_one_until_then() {
    let dir = tempfile::tempdir().unwrap();
    let bed = Bed::open(dir.path()).await;
    let mut host = bed.enrol("nas").await;
    let (mut link, _) = host.link(bed.address).await.unwrap();
    let (key, csr) = client::key();
    link.say(&wire::FromAgent::Renew(csr)).await;
    let chain = loop {
        if let FromAppliance::Certificate(chain) = link.hear().await.unwrap() {
            break chain;
        }
    };
    let mut renewed = host.clone();
    renewed.tls = client::tls(bed.agents.authority().ca_pem(), &chain, &key);
    let (_link, _) = host.link(bed.address).await.expect("the old key before the new one");
    renewed.counter = host.counter;
    let (_link, _) = renewed.link(bed.address).await.expect("the new key");
    host.counter = renewed.counter;
    assert_eq!(host.link(bed.address).await.err(), Some(4403), "the old key after it");
    bed.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_administrator_can_have_a_host_make_a_new_key() {
    let dir = tempfile::tempdir().unwrap();
    let bed = Bed::open(dir.path()).await;
    let mut host = bed.enrol("nas").await;
    let (mut link, welcome) = host.link(bed.address).await.unwrap();
    assert!(!welcome.rotate);
    let id = host.id.parse().unwrap();
    bed.agents.rotate(&Caller::console(), id, Timestamp::now()).await.unwrap();
    assert_eq!(link.closed().await, 1012);
    assert!(host.link(bed.address).await.unwrap().1.rotate);
    assert!(!host.link(bed.address).await.unwrap().1.rotate, "once");
    bed.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_door_gives_the_script_and_the_files_of_agents_and_nothing_else_to_strangers() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("files")).unwrap();
    std::fs::write(dir.path().join("files/x86_64"), "program").unwrap();
    let bed = Bed::open(dir.path()).await;
    let get = |path: &'static str| async move {
        request(bed.address, &stranger(), &format!("GET {path}"), "").await
    };
    let (status, script) = get("/install.sh").await;
    assert_eq!(status, 200);
    assert!(script.starts_with("#!/bin/sh\n") && script.lines().count() <= 80);
    assert_eq!(get("/agent/x86_64").await, (200, "program".to_owned()));
    for (path, status) in
        [("/agent/aarch64", 404), ("/agent/../keys/ca.json", 404), ("/", 404), ("/link", 403)]
    {
        assert_eq!(get(path).await.0, status, "{path}");
    }
    let long = "x".repeat(20_000);
    let (status, _) = request(bed.address, &stranger(), "POST /enrol", &long).await;
    assert_eq!(status, 413);
    bed.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_is_deleted_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let bed = Bed::open(dir.path()).await;
    let mut host = bed.enrol("nas").await;
    let (mut link, _) = host.link(bed.address).await.unwrap();
    link.report(1, 5.0).await;
    link.acked(1).await.unwrap();
    let id: AgentId = host.id.parse().unwrap();
    bed.agents.delete(&Caller::console(), id, Timestamp::now()).await.unwrap();
    assert_eq!(link.closed().await, 4403);
    until("it is gone", || bed.agents.all().is_empty()).await;
    let rows: i64 = bed
        .store
        .read(|r| {
            let count =
                "SELECT (SELECT count(*) FROM agents) + (SELECT count(*) FROM agent_reports)
                             + (SELECT count(*) FROM agent_minutes)";
            Ok::<_, store::StoreError>(r.main().query_row(count, [], |row| row.get(0))?)
        })
        .await
        .unwrap();
    assert_eq!(rows, 0);
    bed.close().await;
}
