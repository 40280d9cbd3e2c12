use proptest::prelude::*;
use serde_json::json;

use super::*;

fn hello() -> String {
    FromAgent::Hello(Box::new(Hello { proto: [1, 1], ..Hello::default() })).encode()
}

fn report(seq: u64) -> String {
    FromAgent::Report(Box::new(Report { seq, ..Report::default() })).encode()
}

fn open_at(acked: u64) -> Session {
    let mut session = Session::new(0);
    assert!(matches!(session.text(0, &hello())[..], [Step::Greet(_)]));
    let welcome = Welcome { acked, interval_s: 10, ..Welcome::default() };
    assert!(matches!(session.welcome(welcome)[..], [Step::Send(_)]));
    session
}

fn closed(steps: &[Step]) -> Option<u16> {
    steps.iter().find_map(|step| match step {
        Step::Close(code, _) => Some(*code),
        _ => None,
    })
}

fn stored(steps: &[Step]) -> Vec<u64> {
    let stores = steps.iter().filter_map(|step| match step {
        Step::Store(numbered) => Some(numbered),
        _ => None,
    });
    stores.flatten().map(|n| n.seq).collect()
}

fn acks(steps: &[Step]) -> Vec<u64> {
    let sent = steps.iter().filter_map(|step| match step {
        Step::Send(text) => FromAppliance::decode(text).unwrap(),
        _ => None,
    });
    sent.filter_map(|message| if let FromAppliance::Ack(n) = message { Some(n) } else { None })
        .collect()
}

#[test]
fn whoever_does_not_begin_with_hello_is_let_go() {
    for first in [report(1), "{}".to_owned(), "\u{0}".to_owned()] {
        let mut session = Session::new(0);
        assert_eq!(closed(&session.text(0, &first)), Some(close::GARBAGE), "{first}");
    }
    let mut session = Session::new(0);
    assert_eq!(closed(&session.binary(0, &wire::batch(["{}"]).unwrap())), Some(close::GARBAGE));
    let mut session = Session::new(0);
    assert_eq!(closed(&session.tick(HELLO_MS)), Some(close::GARBAGE));
}

#[test]
fn a_protocol_that_is_not_spoken_here_is_said() {
    let mut session = Session::new(0);
    let other = Hello { proto: [2, 9], ..Hello::default() };
    let steps = session.text(0, &FromAgent::Hello(Box::new(other)).encode());
    assert_eq!(closed(&steps), Some(close::NO_PROTOCOL));
}

#[test]
fn a_newer_agent_that_speaks_ours_as_well_is_let_in_and_its_news_are_counted() {
    let mut session = Session::new(0);
    let newer = Hello { proto: [1, 7], ..Hello::default() };
    let steps = session.text(0, &FromAgent::Hello(Box::new(newer)).encode());
    assert!(matches!(steps[..], [Step::Greet(_)]));
    session.welcome(Welcome::default());
    assert_eq!(session.text(1, r#"{"t":"dance","x":1}"#), []);
    assert_eq!((session.unknown, session.is_open()), (1, true));
}

#[test]
fn what_was_taken_before_is_dropped_and_acknowledged_again() {
    let mut session = open_at(5);
    assert_eq!(stored(&session.text(1, &report(6))), [6]);
    assert_eq!(acks(&session.committed(2, 6)), [6]);
    let steps = session.text(500, &report(4));
    assert_eq!(stored(&steps), Vec::<u64>::new());
    assert_eq!(acks(&session.tick(600)).last().or(acks(&steps).last()), Some(&6));
}

#[test]
fn nothing_is_acknowledged_before_its_commit_and_not_too_often() {
    let mut session = open_at(0);
    let steps = session.text(1, &report(1));
    assert_eq!((stored(&steps), acks(&steps)), (vec![1], vec![]));
    assert_eq!(acks(&session.committed(10, 1)), [1]);
    session.text(20, &report(2));
    assert_eq!(acks(&session.committed(30, 2)), Vec::<u64>::new());
    assert_eq!(session.wake_at(), 210);
    assert_eq!(acks(&session.tick(210)), [2]);
}

#[test]
fn a_gap_is_handed_on_and_one_that_is_explained_is_none() {
    let mut session = open_at(0);
    let steps = session.text(1, &report(4));
    let [Step::Store(numbered)] = &steps[..] else { panic!("{steps:?}") };
    assert_eq!(numbered[0].gap, Some((1, 3)));
    let lost = wire::Lost { seq: 9, from: 5, to: 9, why: "full".into() };
    let steps = session.text(2, &FromAgent::Lost(lost).encode());
    let [Step::Store(numbered)] = &steps[..] else { panic!("{steps:?}") };
    assert_eq!((numbered[0].seq, numbered[0].gap), (9, None));
}

#[test]
fn a_host_that_is_silent_for_two_intervals_is_let_go() {
    let mut session = open_at(0);
    assert_eq!(closed(&session.tick(44_999)), None);
    assert_eq!(closed(&session.tick(45_000)), Some(close::GARBAGE));
    let mut slow = open_at(0);
    slow.set(Set { interval_s: Some(300), ..Set::default() });
    assert_eq!(closed(&slow.tick(599_999)), None);
    assert_eq!(closed(&slow.tick(600_000)), Some(close::GARBAGE));
}

#[test]
fn a_link_without_news_is_pinged() {
    let mut session = open_at(0);
    assert_eq!(session.wake_at(), 20_000);
    assert_eq!(session.tick(20_000), [Step::Ping]);
    session.alive(20_100);
    assert_eq!(closed(&session.tick(60_000)), None);
}

#[test]
fn frames_that_come_too_fast_end_the_link() {
    let mut session = open_at(0);
    let ends = (1..4_000).find_map(|seq| closed(&session.text(1, &report(seq))));
    assert_eq!(ends, Some(close::TOO_MUCH));
}

#[test]
fn an_answer_reaches_who_asked_and_a_late_or_long_one_is_cut() {
    let mut session = open_at(0);
    let ask = || Ask { cmd: "ping".into(), limit_s: 10, limit_bytes: 50, ..Ask::default() };
    let (id, _) = session.ask(0, ask()).unwrap();
    let part = |id, text: &str| {
        let part = Some(json!(text));
        FromAgent::Answer(Answer { id, part, ..Answer::default() }).encode()
    };
    assert!(matches!(&session.text(1, &part(id, "x"))[..], [Step::Answer(a)] if a.id == id));
    assert_eq!(session.text(2, &part(99, "not asked for")), []);
    let long = session.text(3, &part(id, &"x".repeat(60)));
    assert!(
        matches!(&long[..], [Step::Send(_), Step::Answer(a)]
            if a.error.as_ref().is_some_and(|e| e.code == "too_much")),
        "{long:?}"
    );
    let (id, _) = session.ask(100, ask()).unwrap();
    let late = session.tick(15_100);
    assert!(late.iter().any(|step| matches!(step, Step::Answer(a)
        if a.id == id && a.error.as_ref().is_some_and(|e| e.code == "late"))));
}

#[test]
fn no_more_than_a_few_commands_are_under_way() {
    let mut session = open_at(0);
    let many = (0..20).filter_map(|_| session.ask(0, Ask::default())).count();
    assert_eq!(many, MOST_ASKS);
    let steps = session.close(close::SUPERSEDED, "A newer one.");
    let failed = steps.iter().filter(|step| matches!(step, Step::Answer(_))).count();
    assert_eq!(failed, MOST_ASKS, "all who asked are told");
}

proptest! {
    /// An agent that sends from what was acknowledged on after each cut, an appliance that commits
    /// some of what it took and loses the rest: each number is in the tables once.
    #[test]
    fn over_random_cuts_each_report_is_stored_once(
        cuts in proptest::collection::vec((1..30_u64, 0..30_usize, 0..5_u64), 1..40)
    ) {
        let (mut tables, mut acked, mut now) = (Vec::new(), 0, 0);
        for (sends, commits, repeats) in cuts {
            let table: u64 = tables.last().copied().unwrap_or(0);
            let mut session = open_at(table);
            now += 1_000;
            // It may not have seen the last acknowledgement.
            let from = acked.min(table).saturating_sub(repeats) + 1;
            let mut taken = Vec::new();
            for seq in from..from + sends {
                taken.extend(stored(&session.text(now, &report(seq))));
            }
            taken.truncate(commits);
            for seq in taken {
                tables.push(seq);
                for ack in acks(&session.committed(now, seq)) {
                    prop_assert!(tables.contains(&ack));
                    acked = acked.max(ack);
                }
                now += 150;
            }
        }
        let wanted: Vec<u64> = (1..=tables.len() as u64).collect();
        prop_assert_eq!(tables, wanted);
    }

    #[test]
    fn no_frames_upset_it(frames in proptest::collection::vec(any::<Vec<u8>>(), 0..20)) {
        let mut session = open_at(0);
        for (now, frame) in frames.iter().enumerate() {
            let _ = session.binary(now as u64, frame);
            let _ = session.text(now as u64, &String::from_utf8_lossy(frame));
        }
    }
}
