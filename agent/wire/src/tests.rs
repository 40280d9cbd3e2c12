//! What must hold of frames, tokens and numbers.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn token() -> Token {
    Token { id: [1, 2, 3, 4, 5], secret: *b"0123456789abcdef", ca: [7; 32] }
}

#[test]
fn a_token_comes_back_as_it_was_written() {
    let text = token().to_string();
    let lengths: Vec<usize> = text.split('.').map(str::len).collect();
    assert_eq!(lengths, [3, 8, 26, 43]);
    assert_eq!(text.parse(), Ok(token()));
    assert_eq!(format!(" {text}\n").parse(), Ok(token()));
}

#[test]
fn a_token_shows_its_secret_neither_in_debug_nor_in_errors() {
    let secret = text::base32(&token().secret);
    assert!(!format!("{:?}", token()).contains(&secret));
    let damaged = token().to_string().replace("pa1.", "pa1.1");
    let error = damaged.parse::<Token>().unwrap_err();
    assert!(!format!("{error} {error:?}").contains(&secret));
}

#[test]
fn a_token_with_a_damaged_part_is_refused_by_the_name_of_the_part() {
    let text = token().to_string();
    assert_eq!("hello".parse::<Token>(), Err(TokenError::Form));
    assert_eq!(format!("{text}.x").parse::<Token>(), Err(TokenError::Form));
    let cut = &text[..text.len() - 1];
    assert_eq!(cut.parse::<Token>(), Err(TokenError::Part("last part")));
}

#[test]
fn unknown_fields_are_ignored_and_unknown_kinds_are_none() {
    let report =
        FromAgent::decode(r#"{"t":"report","seq":4,"new":{"x":[1]},"cpu":{"pct":3.5,"z":1}}"#);
    let Ok(Some(FromAgent::Report(report))) = report else { panic!("{report:?}") };
    assert_eq!((report.seq, report.cpu.map(|cpu| cpu.pct)), (4, Some(3.5)));
    assert_eq!(FromAgent::decode(r#"{"t":"dance"}"#), Ok(None));
    assert_eq!(FromAppliance::decode(r#"{"t":"dance","seq":"x"}"#), Ok(None));
}

#[test]
fn a_report_without_its_number_is_refused() {
    assert!(FromAgent::decode(r#"{"t":"report"}"#).is_err());
    assert_eq!(FromAgent::decode(r#"{"t":"report","seq":0}"#), Err(FrameError::NoNumber));
    assert!(FromAgent::decode("[]").is_err());
    assert!(FromAgent::decode("{}").is_err());
}

#[test]
fn a_text_beyond_the_limit_is_refused_unread() {
    let long = format!("{{\"t\":\"report\",\"seq\":1,\"x\":\"{}\"}}", "y".repeat(limits::TEXT));
    assert!(matches!(FromAgent::decode(&long), Err(FrameError::TooLong { .. })));
    assert!(matches!(FromAppliance::decode(&long), Err(FrameError::TooLong { .. })));
}

#[test]
fn every_message_of_the_appliance_comes_back() {
    let watch = Watch { auth: true, files: vec!["/etc".into()], ..Watch::default() };
    let messages = [
        FromAppliance::Welcome(Box::new(Welcome { acked: 7, watch, ..Welcome::default() })),
        FromAppliance::Ack(9),
        FromAppliance::Set(Set::default()),
        FromAppliance::Ask(Ask {
            id: 1,
            cmd: "ping".into(),
            args: json!({"to": "a"}),
            ..Ask::default()
        }),
        FromAppliance::Cancel(1),
        FromAppliance::Certificate("pem".into()),
        FromAppliance::Close("bye".into()),
    ];
    for message in messages {
        assert_eq!(FromAppliance::decode(&message.encode()), Ok(Some(message)));
    }
    assert_eq!(FromAppliance::Set(Set::default()).encode(), r#"{"t":"set"}"#);
}

#[test]
fn every_message_of_an_agent_comes_back() {
    let answer = Answer { id: 3, part: Some(json!([1])), ..Answer::default() };
    let messages = [
        FromAgent::Hello(Box::new(Hello { proto: [1, 1], counter: 4, ..Hello::default() })),
        FromAgent::Report(Box::new(Report { seq: 1, ..Report::default() })),
        FromAgent::Events(Events { seq: 2, list: vec![EventItem::default()] }),
        FromAgent::Lost(Lost { seq: 5, from: 3, to: 5, why: "full".into() }),
        FromAgent::Answer(answer),
        FromAgent::Renew("csr".into()),
    ];
    for message in messages {
        assert_eq!(FromAgent::decode(&message.encode()), Ok(Some(message)));
    }
}

#[test]
fn an_event_of_a_kind_yet_to_come_is_a_line_of_a_log() {
    let text = r#"{"t":"events","seq":1,"list":[{"kind":"weather"},{"kind":"auth"}]}"#;
    let Ok(Some(FromAgent::Events(events))) = FromAgent::decode(text) else { panic!() };
    let kinds: Vec<EventKind> = events.list.iter().map(|event| event.kind).collect();
    assert_eq!(kinds, [EventKind::Log, EventKind::Auth]);
}

fn report(seq: u64) -> FromAgent {
    FromAgent::Report(Box::new(Report { seq, at: 1_800_000_000_000, ..Report::default() }))
}

#[test]
fn a_batch_comes_back_and_is_smaller_than_its_content() {
    let texts: Vec<String> = (1..=500).map(|seq| report(seq).encode()).collect();
    let frame = batch(texts.iter().map(String::as_str)).unwrap();
    assert!(frame.len() * 5 < texts.iter().map(String::len).sum());
    let (messages, unknown) = batch_messages(&frame).unwrap();
    assert_eq!((messages.len(), unknown), (500, 0));
    assert_eq!(messages.last(), Some(&report(500)));
}

#[test]
fn a_batch_that_says_less_or_more_than_it_holds_is_damaged() {
    let good = batch(["{\"t\":\"report\",\"seq\":1}"]).unwrap();
    for change in [1_i64, -1] {
        let mut frame = good.clone();
        frame[5] = (i64::from(frame[5]) + change) as u8;
        assert_eq!(batch_messages(&frame), Err(FrameError::Damaged));
    }
    let twice = [good.as_slice(), &good[6..]].concat();
    assert_eq!(batch_messages(&twice), Err(FrameError::Damaged));
    assert_eq!(batch_messages(&good[..good.len() - 1]), Err(FrameError::Damaged));
    assert_eq!(batch_messages(&[2, 1, 0, 0, 0, 0]), Err(FrameError::NoBatch));
    assert_eq!(batch_messages(&[]), Err(FrameError::NoBatch));
}

#[test]
fn a_batch_that_says_it_is_huge_is_refused_before_memory_is_taken() {
    let mut frame = batch(["{\"t\":\"report\",\"seq\":1}"]).unwrap();
    frame[2..6].copy_from_slice(&u32::MAX.to_be_bytes());
    assert!(matches!(batch_messages(&frame), Err(FrameError::TooLong { .. })));
    // A bomb: 64 MiB of the same letter pack into some kilobytes.
    let bomb = zstd::bulk::compress(&vec![b'x'; 64 << 20], 1).unwrap();
    let mut frame = vec![1, 1];
    frame.extend((limits::UNPACKED as u32).to_be_bytes());
    frame.extend(bomb);
    assert_eq!(batch_messages(&frame), Err(FrameError::Damaged));
}

#[test]
fn a_batch_holds_numbered_messages_only_and_not_endless_many() {
    let hello = FromAgent::Hello(Box::default()).encode();
    assert_eq!(batch_messages(&batch([hello.as_str()]).unwrap()), Err(FrameError::NotInBatch));
    let many = vec!["{}"; limits::BATCH_MESSAGES + 1];
    assert_eq!(batch(many), Err(FrameError::TooMany));
}

#[test]
fn a_common_protocol_is_the_highest_that_both_speak() {
    assert_eq!(common_protocol([1, 3], [2, 5]), Some(3));
    assert_eq!(common_protocol([1, 1], [2, 5]), None);
    assert_eq!(common_protocol([1, 1], [0, 0]), None);
}

#[test]
fn an_inbox_tells_new_repeated_missing_and_lost_apart() {
    let mut inbox = Inbox::new(10);
    assert_eq!(inbox.take(10), Taken::Repeated);
    assert_eq!(inbox.take(11), Taken::New);
    assert_eq!(inbox.take(14), Taken::Gap { from: 12, to: 13 });
    assert_eq!(inbox.take_lost(20, 15, 20), Taken::New);
    assert_eq!(inbox.take_lost(20, 15, 20), Taken::Repeated);
    assert_eq!(inbox.take_lost(25, 18, 25), Taken::New);
    assert_eq!(inbox.take_lost(30, 28, 30), Taken::Gap { from: 26, to: 27 });
    assert_eq!(inbox.take_lost(40, 31, 39), Taken::Nonsense);
    assert_eq!(inbox.take_lost(31, 32, 31), Taken::Nonsense);
    assert_eq!(inbox.take(0), Taken::Nonsense);
    assert_eq!((inbox.taken(), inbox.committed()), (30, 10));
    inbox.commit(99);
    assert_eq!(inbox.committed(), 30);
    inbox.take(31);
    inbox.roll_back();
    assert_eq!(inbox.take(31), Taken::New);
}

proptest! {
    #[test]
    fn octets_come_back_from_every_alphabet(octets: [u8; 16]) {
        prop_assert_eq!(text::from_hex(&text::hex(&octets)), Some(octets));
        prop_assert_eq!(text::from_base32(&text::base32(&octets)), Some(octets));
        prop_assert_eq!(text::from_base64_url(&text::base64_url(&octets)), Some(octets));
    }

    #[test]
    fn any_octets_are_a_batch_or_an_error(octets: Vec<u8>) {
        let frame = [&[1, 1, 0, 0, 1, 0], octets.as_slice()].concat();
        let _ = batch_messages(&frame);
        let _ = batch_messages(&octets);
    }

    #[test]
    fn any_text_is_a_message_or_an_error(text: String) {
        let _ = FromAgent::decode(&text);
        let _ = FromAppliance::decode(&text);
        let _ = text.parse::<Token>();
    }

    /// However links are cut and batches sent again, each number is new exactly once.
    #[test]
    fn each_number_is_taken_once(cuts in prop::collection::vec((0_u64..40, 0_u64..40), 0..30)) {
        let mut inbox = Inbox::new(0);
        let mut taken = Vec::new();
        for (length, committed) in cuts {
            // A new link: the agent sends from acked + 1, the appliance knows what it committed.
            inbox = Inbox::new(inbox.committed());
            taken.retain(|seq| *seq <= inbox.committed());
            for seq in inbox.committed() + 1..=inbox.committed() + length {
                prop_assert_eq!(inbox.take(seq), Taken::New);
                taken.push(seq);
                prop_assert_eq!(inbox.take(seq), Taken::Repeated);
            }
            inbox.commit(inbox.committed() + committed);
        }
        taken.retain(|seq| *seq <= inbox.committed());
        prop_assert_eq!(taken, (1..=inbox.committed()).collect::<Vec<_>>());
    }
}
