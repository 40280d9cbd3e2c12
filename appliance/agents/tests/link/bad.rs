use std::time::Duration;

use access::Caller;
use model::Timestamp;
use panoptikon_agents::State;
use tokio_tungstenite::tungstenite::Message;
use wire::{FromAgent, close, limits};

use crate::bed::{Bed, until};
use crate::client::dial;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_before_and_after_hello_ends_the_link_with_a_code_and_is_counted() {
    let dir = tempfile::tempdir().unwrap();
    let bed = Bed::open(dir.path()).await;
    let mut host = bed.enrol("nas").await;
    let mut link = host.open(bed.address).await.unwrap();
    link.send(Message::text("no JSON")).await;
    assert_eq!(link.closed().await, close::GARBAGE);
    for frame in [
        Message::text("{"),
        Message::text(r#"{"t":"report"}"#),
        Message::binary(vec![9_u8; 100]),
        Message::binary(vec![1, 1, 0, 0, 0, 9, 0, 0]),
    ] {
        let (mut link, _) = host.link(bed.address).await.unwrap();
        link.send(frame.clone()).await;
        assert_eq!(link.closed().await, close::GARBAGE, "{frame:?}");
    }
    until("it is counted", || bed.agents.counts().closures().get(&4400) == Some(&5)).await;
    bed.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_over_the_limit_end_the_link() {
    let dir = tempfile::tempdir().unwrap();
    let bed = Bed::open(dir.path()).await;
    let mut host = bed.enrol("nas").await;
    for frame in [
        Message::text("x".repeat(limits::TEXT + 1)),
        Message::binary(vec![1_u8; limits::BINARY + 1]),
        // It says that it unpacks to 4 GiB.
        Message::binary(vec![1, 1, 255, 255, 255, 255, 0]),
    ] {
        let (mut link, _) = host.link(bed.address).await.unwrap();
        let size = frame.len();
        link.send(frame).await;
        assert_eq!(link.closed().await, close::TOO_BIG, "{size}");
    }
    bed.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_of_somebody_else_is_not_taken() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let bed = Bed::open(dir.path()).await;
    let elsewhere = Bed::open(other.path()).await;
    let mut foreign = elsewhere.enrol("nas").await;
    // It trusts the other appliance only: no link comes about at all.
    assert_eq!(foreign.link(bed.address).await.err(), Some(0));
    until("it is counted", || {
        bed.agents
            .counts()
            .numbers()
            .iter()
            .any(|(name, _, n)| name.contains("handshakes_failed") && *n == 1)
    })
    .await;
    bed.close().await;
    elsewhere.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_speaks_no_tls_or_nothing_at_all_costs_a_place_for_a_moment_only() {
    let dir = tempfile::tempdir().unwrap();
    let bed = Bed::open(dir.path()).await;
    let mut silent = Vec::new();
    for _ in 0..70 {
        silent.push(tokio::net::TcpStream::connect(bed.address).await.unwrap());
    }
    // The limit of one address is reached; when they have gone there is room again.
    drop(silent);
    let mut host = None;
    for _ in 0..100 {
        let dialled = dial(bed.address, &crate::client::stranger()).await;
        if dialled.is_ok() {
            host = Some(bed.enrol("nas").await);
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(host.expect("room again").link(bed.address).await.is_ok());
    bed.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_protocol_is_refused_by_its_code() {
    let dir = tempfile::tempdir().unwrap();
    let bed = Bed::open(dir.path()).await;
    let mut host = bed.enrol("nas").await;
    let mut hello = host.hello();
    hello.proto = [2, 3];
    assert_eq!(host.link_as(bed.address, hello).await.err(), Some(close::NO_PROTOCOL));
    bed.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copied_identity_is_told_and_shut_out_until_somebody_trusts_it() {
    let dir = tempfile::tempdir().unwrap();
    let bed = Bed::open(dir.path()).await;
    let mut host = bed.enrol("nas").await;
    let mut copy = host.clone();
    let (mut link, _) = host.link(bed.address).await.unwrap();
    copy.machine = "another machine".into();
    copy.counter = 10;
    assert_eq!(copy.link(bed.address).await.err(), Some(close::COPIED));
    assert_eq!(bed.host(&host).state, State::Copied);
    assert!(bed.host(&host).online, "the link that was there first stays");
    link.report(1, 1.0).await;
    link.acked(1).await.unwrap();
    let told = bed.told(&["host_copied"]).await;
    assert_eq!(told.len(), 1);
    assert!(told[0].summary.starts_with("nas: "), "{}", told[0].summary);
    drop(link);
    until("it is offline", || !bed.host(&host).online).await;
    assert_eq!(host.link(bed.address).await.err(), Some(close::COPIED));
    let id = host.id.parse().unwrap();
    bed.agents.trust(&Caller::console(), id, Timestamp::now()).await.unwrap();
    assert!(copy.link(bed.address).await.is_ok(), "whichever comes first is the one");
    assert_eq!(bed.told(&["host_copied_over"]).await.len(), 1);
    bed.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_counter_that_was_used_before_gives_a_copy_away() {
    let dir = tempfile::tempdir().unwrap();
    let bed = Bed::open(dir.path()).await;
    let mut host = bed.enrol("nas").await;
    let mut stolen = host.clone();
    drop(host.link(bed.address).await.unwrap());
    assert_eq!(stolen.link(bed.address).await.err(), Some(close::COPIED));
    bed.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newer_link_of_the_same_host_takes_over() {
    let dir = tempfile::tempdir().unwrap();
    let bed = Bed::open(dir.path()).await;
    let mut host = bed.enrol("nas").await;
    let (mut first, _) = host.link(bed.address).await.unwrap();
    let (mut second, _) = host.link(bed.address).await.unwrap();
    assert_eq!(first.closed().await, close::SUPERSEDED);
    second.report(1, 1.0).await;
    second.acked(1).await.unwrap();
    assert!(bed.host(&host).online);
    bed.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_whose_clock_is_off_by_a_day_is_kept_with_both_times_and_flagged() {
    let dir = tempfile::tempdir().unwrap();
    let bed = Bed::open(dir.path()).await;
    let mut host = bed.enrol("nas").await;
    let day = 86_400_000;
    let mut hello = host.hello();
    hello.at += day;
    let (mut link, _) = host.link_as(bed.address, hello).await.unwrap();
    let mut report = crate::client::report(1, 1.0);
    report.at += day;
    link.say(&FromAgent::Report(Box::new(report))).await;
    link.acked(1).await.unwrap();
    let id = host.id.parse().unwrap();
    let stored = bed.agents.reports(id, 1).await.unwrap().remove(0);
    let off = stored.report.at - stored.received.0;
    assert!((off - day).abs() < 60_000, "what the host said: {off}");
    assert!(stored.received.since(stored.at) < Duration::from_secs(60), "put right");
    until("it is flagged", || bed.host(&host).clock_is_off()).await;
    let mut told = Vec::new();
    for _ in 0..100 {
        told = bed.told(&["host_clock"]).await;
        if !told.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(told[0].summary.contains("ahead"), "{}", told[0].summary);
    bed.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_from_outside_is_not_even_greeted() {
    let dir = tempfile::tempdir().unwrap();
    let bed = Bed::open(dir.path()).await;
    bed.agents.admit_only(std::sync::Arc::new(|address| !address.is_loopback()));
    assert!(dial(bed.address, &crate::client::stranger()).await.is_err());
    let refused = |bed: &Bed| {
        let numbers = bed.agents.counts().numbers();
        numbers.iter().find(|(name, ..)| name.contains("agents_refused")).map(|(.., n)| *n)
    };
    assert_eq!(refused(&bed), Some(1));
    bed.close().await;
}
