//! The session against an appliance in memory, cut anywhere.

use proptest::prelude::*;
use tempfile::TempDir;
use wire::{Ask, FromAgent, FromAppliance, Hello, Inbox, Set, Taken, Welcome, batch_messages};

use super::session::{Out, Over, Session};
use crate::book::Book;
use crate::buffer::{Kind, Outbox};

fn outbox() -> (TempDir, Outbox) {
    let folder = tempfile::tempdir().unwrap();
    let book = Book::open(&folder.path().join("state.json")).unwrap();
    let outbox = Outbox::open(&folder.path().join("buffer"), book, 64 << 20).unwrap();
    (folder, outbox)
}

fn hello() -> Hello {
    Hello { proto: [1, 1], interval_s: 10, ..Hello::default() }
}

fn welcome(acked: u64) -> String {
    let welcome = Welcome { proto: 1, acked, interval_s: 10, ..Welcome::default() };
    FromAppliance::Welcome(Box::new(welcome)).encode()
}

fn live(outbox: &mut Outbox) -> Session {
    let mut session = Session::new(hello(), 0);
    session.text(&welcome(0), 0, outbox).unwrap();
    session.poll(0, outbox).unwrap();
    session
}

#[test]
fn hello_is_first_and_reports_wait_for_the_welcome() {
    let (_folder, mut outbox) = outbox();
    outbox.push(Kind::Report, "{}".into(), 0);
    let mut session = Session::new(hello(), 0);
    let out = session.poll(0, &mut outbox).unwrap();
    assert!(matches!(&out[..], [Out::Text(text)] if text.starts_with("{\"t\":\"hello\"")));
    session.text(&welcome(6), 1, &mut outbox).unwrap();
    let out = session.poll(1, &mut outbox).unwrap();
    assert!(matches!(&out[0], Out::Welcomed(welcome) if welcome.acked == 6));
    assert_eq!(out[1], Out::Text("{\"t\":\"report\",\"seq\":7}".into()));
}

#[test]
fn an_appliance_that_does_not_begin_with_a_welcome_is_left() {
    let (_folder, mut outbox) = outbox();
    let mut session = Session::new(hello(), 0);
    assert!(matches!(
        session.text("{\"t\":\"ack\",\"seq\":1}", 0, &mut outbox),
        Err(Over::NoWelcome)
    ));
    assert!(matches!(session.text("no", 0, &mut outbox), Err(Over::Garbage(_))));
    assert!(session.text("{\"t\":\"news\"}", 0, &mut outbox).is_ok());
    assert_eq!(session.ignored(), 1);
    assert!(session.poll(9_999, &mut outbox).is_ok());
    assert!(matches!(session.poll(10_000, &mut outbox), Err(Over::NoWelcome)));
    let other = welcome(0).replace("\"proto\":1", "\"proto\":2");
    assert!(matches!(session.text(&other, 0, &mut outbox), Err(Over::Protocol(2))));
}

#[test]
fn a_quiet_link_is_pinged_and_a_dead_one_given_up() {
    let (_folder, mut outbox) = outbox();
    let mut session = live(&mut outbox);
    assert_eq!(session.deadline(), 20_000);
    assert_eq!(session.poll(19_999, &mut outbox).unwrap(), []);
    assert_eq!(session.poll(20_000, &mut outbox).unwrap(), [Out::Ping]);
    session.heard(21_000);
    assert_eq!(session.deadline(), 41_000);
    assert_eq!(session.poll(41_000, &mut outbox).unwrap(), [Out::Ping]);
    assert_eq!(session.deadline(), 61_000);
    assert_eq!(session.poll(61_000, &mut outbox).unwrap(), [Out::Ping]);
    assert_eq!(session.deadline(), 66_000);
    assert!(matches!(session.poll(66_000, &mut outbox), Err(Over::Silence(45))));
}

#[test]
fn a_long_interval_makes_the_watchdog_patient_for_two_of_them() {
    let (_folder, mut outbox) = outbox();
    let mut session = live(&mut outbox);
    let set = FromAppliance::Set(Set { interval_s: Some(300), ..Set::default() }).encode();
    session.text(&set, 0, &mut outbox).unwrap();
    assert_eq!(session.poll(0, &mut outbox).unwrap().len(), 1);
    assert_eq!(session.deadline(), 30_000);
    assert!(session.poll(599_999, &mut outbox).is_ok());
    assert!(session.poll(600_000, &mut outbox).is_err());
}

#[test]
fn commands_settings_and_certificates_are_handed_on() {
    let (_folder, mut outbox) = outbox();
    let mut session = live(&mut outbox);
    let ask = Ask { id: 5, cmd: "ping".into(), ..Ask::default() };
    for message in [
        FromAppliance::Ask(ask.clone()),
        FromAppliance::Cancel(5),
        FromAppliance::Certificate("pem".into()),
    ] {
        session.text(&message.encode(), 0, &mut outbox).unwrap();
    }
    let out = session.poll(0, &mut outbox).unwrap();
    assert_eq!(out, [Out::Ask(ask), Out::Cancel(5), Out::Certificate("pem".into())]);
    // After the word that it closes nothing is sent, and its end is waited for.
    let close = FromAppliance::Close("bye\n".into()).encode();
    session.text(&close, 100, &mut outbox).unwrap();
    outbox.push(Kind::Report, "{}".into(), 100);
    assert_eq!((session.told(), session.deadline()), (Some("bye"), 5100));
    assert_eq!(session.poll(5099, &mut outbox).unwrap(), []);
    assert!(matches!(session.poll(5100, &mut outbox), Err(Over::Told(why)) if why == "bye"));
}

#[test]
fn many_waiting_messages_are_packed_and_the_window_bounds_what_is_under_way() {
    let (_folder, mut outbox) = outbox();
    let body = format!("{{\"x\":\"{}\"}}", "y".repeat(1000));
    for _ in 0..4000 {
        outbox.push(Kind::Report, body.clone(), 0);
    }
    let mut session = Session::new(hello(), 0);
    session.text(&welcome(0), 0, &mut outbox).unwrap();
    let mut numbers = Vec::new();
    let mut rounds = 0;
    while numbers.last() != Some(&4000) {
        rounds += 1;
        for out in session.poll(1, &mut outbox).unwrap() {
            if let Out::Binary(frame) = out {
                numbers.extend(batch_messages(&frame).unwrap().0.iter().filter_map(FromAgent::seq));
            }
        }
        assert_eq!(session.poll(1, &mut outbox).unwrap(), []);
        let ack = FromAppliance::Ack(*numbers.last().unwrap()).encode();
        session.text(&ack, 1, &mut outbox).unwrap();
    }
    assert_eq!(numbers, (1..=4000).collect::<Vec<_>>());
    assert!((3..=5).contains(&rounds), "{rounds}");
}

#[test]
fn an_acknowledgement_of_what_was_never_sent_frees_nothing() {
    let (_folder, mut outbox) = outbox();
    let mut session = live(&mut outbox);
    outbox.push(Kind::Report, "{}".into(), 0);
    session.poll(0, &mut outbox).unwrap();
    outbox.push(Kind::Report, "{}".into(), 0);
    session.text("{\"t\":\"ack\",\"seq\":2}", 0, &mut outbox).unwrap();
    assert_eq!((outbox.waiting(), session.ignored()), (2, 1));
    session.text("{\"t\":\"ack\",\"seq\":1}", 0, &mut outbox).unwrap();
    assert_eq!(outbox.waiting(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Links end at any frame in either direction; the tables hold each message once, in order.
    #[test]
    fn cuts_anywhere_lose_and_repeat_nothing(
        links in prop::collection::vec((0_usize..12, 0_usize..8, 0_u64..30, any::<bool>()), 1..20)
    ) {
        let (_folder, mut outbox) = outbox();
        let mut inbox = Inbox::new(0);
        let mut tables: Vec<i64> = Vec::new();
        let mut made = 0_i64;
        let last = (40, usize::MAX, u64::MAX, true);
        for (make, frames, commits, acks) in links.into_iter().chain([last]) {
            let mut session = Session::new(hello(), 0);
            session.poll(0, &mut outbox).unwrap();
            inbox.roll_back();
            tables.truncate(inbox.committed() as usize);
            session.text(&welcome(inbox.committed()), 0, &mut outbox).unwrap();
            let mut passed = 0;
            for round in 0..3 {
                for _ in 0..make {
                    made += 1;
                    outbox.push(Kind::Report, format!("{{\"at\":{made}}}"), 0);
                }
                for out in session.poll(round, &mut outbox).unwrap() {
                    let messages = match out {
                        Out::Text(text) => vec![FromAgent::decode(&text).unwrap().unwrap()],
                        Out::Binary(frame) => batch_messages(&frame).unwrap().0,
                        _ => continue,
                    };
                    if passed == frames {
                        break;
                    }
                    passed += 1;
                    for message in messages {
                        let FromAgent::Report(report) = message else { panic!("{message:?}") };
                        prop_assert_eq!(inbox.take(report.seq), Taken::New);
                        tables.push(report.at);
                    }
                }
                if passed == frames {
                    break;
                }
                inbox.commit(inbox.committed().saturating_add(commits));
                if acks {
                    let ack = FromAppliance::Ack(inbox.committed()).encode();
                    session.text(&ack, round, &mut outbox).unwrap();
                }
            }
            outbox.settle(0, false);
        }
        prop_assert_eq!(tables, (1..=made).collect::<Vec<_>>());
        prop_assert_eq!(outbox.waiting(), 0);
    }
}
