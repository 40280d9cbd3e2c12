use std::time::Duration;

use access::Caller;
use model::{DeviceId, Timestamp};
use panoptikon_agents::{HostSettings, Thresholds, Trouble};
use tokio_tungstenite::tungstenite::Message;
use wire::{Address, EventItem, EventKind, Events, FromAgent, FromAppliance, Lost};

use crate::bed::{Bed, until};
use crate::client::{now_ms, report};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reports_come_into_the_tables_once_whatever_is_sent_again() {
    let dir = tempfile::tempdir().unwrap();
    let bed = Bed::open(dir.path()).await;
    let mut host = bed.enrol("nas").await;
    let (mut link, _) = host.link(bed.address).await.unwrap();
    for seq in [1, 2, 3, 2, 3] {
        link.report(seq, 5.0).await;
    }
    link.acked(3).await.unwrap();
    drop(link);
    let (mut link, welcome) = host.link(bed.address).await.unwrap();
    assert_eq!(welcome.acked, 3);
    let frames: Vec<String> =
        (2..=50).map(|seq| FromAgent::Report(Box::new(report(seq, 7.0))).encode()).collect();
    let batch = wire::batch(frames.iter().map(String::as_str)).unwrap();
    link.send(Message::binary(batch)).await;
    link.acked(50).await.unwrap();
    assert_eq!(bed.numbers(&host).await, (1..=50).collect::<Vec<u64>>());
    assert_eq!(bed.host(&host).known.cpu.unwrap().pct, 7.0);
    bed.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_cuts_of_the_link_and_ends_of_the_room_each_report_is_stored_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut bed = Bed::open(dir.path()).await;
    let mut host = bed.enrol("nas").await;
    // What the agent has made; what is acknowledged leaves its buffer.
    let (mut made, mut acked) = (0_u64, 0_u64);
    for round in 0..12_u64 {
        let (mut link, welcome) = host.link(bed.address).await.unwrap();
        assert!(welcome.acked >= acked, "what was acknowledged is in the tables");
        acked = welcome.acked;
        made += 20;
        for seq in acked + 1..=made {
            link.report(seq, 1.0).await;
        }
        // At times it waits for the answer, at times it is gone before it.
        if round % 3 == 0 {
            link.acked(made).await.unwrap();
            acked = made;
        } else {
            let some = Duration::from_millis(round * 90);
            let _ = tokio::time::timeout(some, link.acked(made)).await;
            acked = acked.max(link.acked);
        }
        drop(link);
        if round % 4 == 1 {
            bed.kill().await;
            bed = Bed::open(dir.path()).await;
        }
    }
    let (mut link, welcome) = host.link(bed.address).await.unwrap();
    for seq in welcome.acked + 1..=made {
        link.report(seq, 1.0).await;
    }
    link.acked(made).await.unwrap();
    assert_eq!(bed.numbers(&host).await, (1..=made).collect::<Vec<u64>>());
    assert_eq!((bed.host(&host).gaps, bed.host(&host).lost), (0, 0));
    bed.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_never_came_is_counted_and_what_was_dropped_is_told_with_its_reason() {
    let dir = tempfile::tempdir().unwrap();
    let bed = Bed::open(dir.path()).await;
    let mut host = bed.enrol("nas").await;
    let (mut link, _) = host.link(bed.address).await.unwrap();
    link.report(4, 1.0).await;
    let lost = Lost { seq: 9, from: 5, to: 9, why: "the buffer was full".into() };
    link.say(&FromAgent::Lost(lost)).await;
    link.report(10, 1.0).await;
    link.acked(10).await.unwrap();
    until("it is counted", || bed.host(&host).lost == 5).await;
    assert_eq!(bed.host(&host).gaps, 3);
    let lost = bed.agents.lost(host.id.parse().unwrap()).await.unwrap();
    let ranges: Vec<_> = lost.iter().map(|l| (l.first, l.last, l.why.as_str())).collect();
    assert_eq!(ranges, [(5, 9, "the buffer was full"), (1, 3, "")]);
    bed.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_of_a_host_are_events_of_the_house_with_its_name_and_device() {
    let dir = tempfile::tempdir().unwrap();
    let bed = Bed::open(dir.path()).await;
    let mut host = bed.enrol("nas").await;
    let mut hello = host.hello();
    hello.addresses = vec![Address { mac: "02:00:00:00:00:07".into(), ..Address::default() }];
    let (mut link, _) = host.link_as(bed.address, hello).await.unwrap();
    let item = EventItem {
        at: now_ms(),
        kind: EventKind::Auth,
        severity: "medium".into(),
        message: "wrong password for root".into(),
        ..EventItem::default()
    };
    link.say(&FromAgent::Events(Events { seq: 1, list: vec![item.clone(), item] })).await;
    link.acked(1).await.unwrap();
    let told = bed.told(&["host_auth"]).await;
    assert_eq!(told.len(), 2);
    assert_eq!(told[0].summary, "nas: wrong password for root");
    assert_eq!(told[0].device, Some(DeviceId(7)));
    assert_eq!(told[0].data["agent"], *host.id);
    assert_eq!(bed.host(&host).device, Some(DeviceId(7)));
    bed.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_is_offline_at_once_and_told_once_with_its_name_after_its_grace() {
    let dir = tempfile::tempdir().unwrap();
    let bed = Bed::open(dir.path()).await;
    let mut host = bed.enrol("nas").await;
    let id = host.id.parse().unwrap();
    let (link, _) = host.link(bed.address).await.unwrap();
    let mut told = Vec::new();
    for _ in 0..200 {
        told = bed.told(&["host_online"]).await;
        if !told.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(told[0].summary, "nas is online");
    drop(link);
    until("it is offline", || !bed.host(&host).online).await;
    bed.agents.look_round(Timestamp::now()).await.unwrap();
    assert_eq!(bed.told(&["host_offline"]).await.len(), 0, "it may be back in a moment");
    let later = Timestamp::now().plus(Duration::from_secs(61));
    bed.agents.look_round(later).await.unwrap();
    bed.agents.look_round(later).await.unwrap();
    let told = bed.told(&["host_offline"]).await;
    assert_eq!(told.len(), 1);
    assert!(told[0].summary.starts_with("nas has been offline"), "{}", told[0].summary);
    // A host that is muted is not told.
    drop(host.link(bed.address).await.unwrap());
    until("it is offline", || !bed.host(&host).online).await;
    let muted_until = Some(later.plus(Duration::from_secs(3_600)));
    let settings = HostSettings { muted_until, ..HostSettings::default() };
    bed.agents.configure(&Caller::console(), id, settings, later).await.unwrap();
    bed.agents.look_round(later).await.unwrap();
    bed.agents.look_round(later.plus(Duration::from_secs(600))).await.unwrap();
    assert_eq!(bed.told(&["host_offline"]).await.len(), 1);
    bed.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_interval_reaches_a_host_that_is_connected_and_one_that_comes_later() {
    let dir = tempfile::tempdir().unwrap();
    let bed = Bed::open(dir.path()).await;
    let mut host = bed.enrol("nas").await;
    let id = host.id.parse().unwrap();
    let (mut link, _) = host.link(bed.address).await.unwrap();
    let settings = HostSettings { interval_s: 1, ..HostSettings::default() };
    bed.agents.configure(&Caller::console(), id, settings, Timestamp::now()).await.unwrap();
    let set = loop {
        if let FromAppliance::Set(set) = link.hear().await.unwrap() {
            break set;
        }
    };
    assert_eq!(set.interval_s, Some(1));
    bed.agents.attend(id, Timestamp::now());
    let set = loop {
        if let FromAppliance::Set(set) = link.hear().await.unwrap() {
            break set;
        }
    };
    assert_eq!(set.attend_s, Some(90));
    assert_eq!(host.link(bed.address).await.unwrap().1.interval_s, 1);
    bed.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_that_is_crossed_is_told_and_so_is_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let bed = Bed::open(dir.path()).await;
    let mut host = bed.enrol("nas").await;
    let thresholds = Thresholds { cpu_pct: Some(80), for_s: 0, ..Thresholds::default() };
    let settings = HostSettings { thresholds, ..HostSettings::default() };
    let id = host.id.parse().unwrap();
    bed.agents.configure(&Caller::console(), id, settings, Timestamp::now()).await.unwrap();
    let (mut link, _) = host.link(bed.address).await.unwrap();
    for (seq, pct) in [(1, 85.0), (2, 90.0), (3, 20.0)] {
        link.report(seq, pct).await;
        link.acked(seq).await.unwrap();
    }
    let mut kinds = Vec::new();
    for _ in 0..200 {
        let told = bed.told(&["host_cpu", "host_cpu_over"]).await;
        kinds = told.into_iter().map(|event| event.kind).collect();
        if kinds.len() == 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(kinds, ["host_cpu", "host_cpu_over"]);
    bed.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn history_has_what_was_rolled_up_and_what_has_just_come_also_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let bed = Bed::open(dir.path()).await;
    let mut host = bed.enrol("nas").await;
    let id = host.id.parse().unwrap();
    let (mut link, _) = host.link(bed.address).await.unwrap();
    // Two hours of a report a minute come at once, as after a long cut.
    let start = now_ms() - 7_200_000;
    let frames: Vec<String> = (1..=120)
        .map(|seq| {
            let mut report = report(seq, 10.0 + (seq % 10) as f32);
            report.at = start + i64::try_from(seq).unwrap() * 60_000;
            FromAgent::Report(Box::new(report)).encode()
        })
        .collect();
    link.send(Message::binary(wire::batch(frames.iter().map(String::as_str)).unwrap())).await;
    link.acked(120).await.unwrap();
    bed.agents.look_round(Timestamp::now()).await.unwrap();
    link.report(121, 99.0).await;
    link.acked(121).await.unwrap();
    let ask = |agents: panoptikon_agents::Agents| async move {
        let now = Timestamp::now();
        let span = (now.minus(Duration::from_secs(3 * 3_600)), now);
        let names = vec!["cpu".to_owned(), "received".to_owned()];
        agents.history(id, names, true, span, 180).await.unwrap()
    };
    let series = ask(bed.agents.clone()).await;
    let cpu = &series["cpu"];
    assert!((119..=122).contains(&cpu.len()), "{}", cpu.len());
    assert!(cpu.iter().all(|p| (9.9..=99.1).contains(&p.mean)));
    assert!((cpu.last().unwrap().greatest - 99.0).abs() < 0.1);
    assert!(series["received eth0"].iter().all(|p| (p.mean - 1_000.0).abs() < 6.0));
    bed.close().await;
    let bed = Bed::open(dir.path()).await;
    assert_eq!(ask(bed.agents.clone()).await["cpu"].len(), cpu.len());
    assert_eq!(bed.host(&host).known.cpu.unwrap().pct, 99.0);
    assert_eq!(bed.host(&host).recent.len(), 60);
    bed.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn upkeep_can_forget_rows_of_every_table_of_hosts() {
    let dir = tempfile::tempdir().unwrap();
    let bed = Bed::open(dir.path()).await;
    let cleaned = bed.store.maintain(Timestamp::now()).await.unwrap();
    assert_eq!(cleaned.failed, Vec::<String>::new());
    assert_eq!(cleaned.held_back, None, "it was tried");
    bed.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_chart_of_a_young_host_is_as_fine_as_any() {
    let dir = tempfile::tempdir().unwrap();
    let bed = Bed::open(dir.path()).await;
    let mut host = bed.enrol("nas").await;
    let (mut link, _) = host.link(bed.address).await.unwrap();
    link.report(1, 5.0).await;
    link.acked(1).await.unwrap();
    let now = Timestamp::now();
    let span = (now.minus(Duration::from_secs(3_600)), now.plus(Duration::from_secs(1)));
    let id = host.id.parse().unwrap();
    let names = vec!["cpu".to_owned()];
    let series = bed.agents.history(id, names, false, span, 180).await.unwrap();
    let at = series["cpu"][0].at;
    assert!(now.since(at) < Duration::from_secs(120), "{at:?} is not the last minute");
    bed.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_of_a_commit_that_was_cut_off_are_not_stored_again() {
    let dir = tempfile::tempdir().unwrap();
    let bed = Bed::open(dir.path()).await;
    let mut host = bed.enrol("nas").await;
    let events = |seq: u64| {
        let item =
            EventItem { at: now_ms(), message: format!("event {seq}"), ..EventItem::default() };
        FromAgent::Events(Events { seq, list: vec![item] })
    };
    let (mut link, _) = host.link(bed.address).await.unwrap();
    for seq in 1..=3 {
        link.say(&events(seq)).await;
    }
    link.acked(3).await.unwrap();
    // The file of the day was committed, the main database was not.
    bed.store
        .write("a kill", |w| {
            Ok::<_, store::StoreError>(w.main().execute("UPDATE agents SET acked = 1", [])?)
        })
        .await
        .unwrap();
    bed.kill().await;
    let bed = Bed::open(dir.path()).await;
    let (mut link, welcome) = host.link(bed.address).await.unwrap();
    assert_eq!(welcome.acked, 1);
    for seq in 2..=5 {
        link.say(&events(seq)).await;
    }
    link.acked(5).await.unwrap();
    let told = bed.told(&["host_log"]).await;
    let told: Vec<&str> = told.iter().map(|event| event.summary.as_str()).collect();
    let wanted: Vec<String> = (1..=5).map(|seq| format!("nas: event {seq}")).collect();
    assert_eq!(told, wanted);
    bed.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_door_that_is_moved_lets_in_elsewhere_and_links_that_are_up_stay() {
    let dir = tempfile::tempdir().unwrap();
    let bed = Bed::open(dir.path()).await;
    let mut host = bed.enrol("nas").await;
    let (mut link, _) = host.link(bed.address).await.unwrap();
    let elsewhere = bed.move_door().await;
    assert_eq!(
        host.open(bed.address).await.err().map(|e| e.kind()),
        Some(std::io::ErrorKind::ConnectionRefused)
    );
    link.report(1, 5.0).await;
    link.acked(1).await.unwrap();
    drop(link);
    assert_eq!(host.link(elsewhere).await.unwrap().1.acked, 1);
    bed.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_is_connected_and_whose_reports_lag_is_told_once_until_one_of_now_comes() {
    let dir = tempfile::tempdir().unwrap();
    let bed = Bed::open(dir.path()).await;
    let mut host = bed.enrol("nas").await;
    let (mut link, _) = host.link(bed.address).await.unwrap();
    link.report(1, 5.0).await;
    link.acked(1).await.unwrap();
    until("it is known", || !bed.host(&host).recent.is_empty()).await;
    let later = |seconds| Timestamp::now().plus(Duration::from_secs(seconds));
    bed.agents.look_round(later(120)).await.unwrap();
    assert_eq!(bed.told(&["host_lag"]).await.len(), 0);
    bed.agents.look_round(later(300)).await.unwrap();
    bed.agents.look_round(later(310)).await.unwrap();
    let told = bed.told(&["host_lag"]).await;
    assert_eq!(told.len(), 1, "{told:?}");
    let (summary, data) = (&told[0].summary, &told[0].data);
    assert!(summary.starts_with("nas: it is connected, but its newest report"), "{summary}");
    assert_eq!(data["agent"], host.id);
    assert_eq!(bed.host(&host).troubles, [Trouble::Lag]);
    link.report(2, 5.0).await;
    link.acked(2).await.unwrap();
    until("it is over", || bed.host(&host).troubles.is_empty()).await;
    for _ in 0..500 {
        if !bed.told(&["host_lag_over"]).await.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let over = bed.told(&["host_lag_over"]).await;
    assert_eq!(over[0].summary, "nas: it reports as it should");
    bed.close().await;
}
