use std::io::Write as _;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use proptest::prelude::*;
use serde_json::json;

use super::*;

fn deflated(payload: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(payload).unwrap();
    encoder.finish().unwrap()
}

fn encoded(kind: u8, format: u8, deflate: bool, payload: &[u8]) -> Vec<u8> {
    let payload = if deflate { deflated(payload) } else { payload.to_vec() };
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&[kind, format, u8::from(deflate), 0][..], &length, &payload].concat()
}

fn action() -> Vec<u8> {
    let action = json!({"action": "add", "newUpdateId": "u1", "modelKey": "event", "id": "e1"});
    serde_json::to_vec(&action).unwrap()
}

fn packet(format: u8, deflate: bool, data: &[u8]) -> Vec<u8> {
    [encoded(1, 1, deflate, &action()), encoded(2, format, deflate, data)].concat()
}

#[test]
fn json_text_and_octets_come_out_deflated_or_not() {
    for deflate in [false, true] {
        let data = |format, data: &[u8]| decode(&packet(format, deflate, data)).unwrap().data;
        assert_eq!(data(1, br#"{"end":null}"#), Data::Json(json!({"end": null})));
        assert_eq!(data(2, "grüß".as_bytes()), Data::Text("grüß".to_owned()));
        assert_eq!(data(3, &[0, 255]), Data::Octets(vec![0, 255]));
    }
    let decoded = decode(&packet(1, true, b"{}")).unwrap().action;
    assert_eq!(decoded.verb, Verb::Add);
    assert_eq!([decoded.update_id, decoded.model, decoded.id], ["u1", "event", "e1"]);
}

#[test]
fn a_data_frame_may_be_empty_whatever_its_format() {
    for format in 1..=3 {
        for deflate in [0, 1] {
            let data = [2, format, deflate, 0, 0, 0, 0, 0];
            let message = [encoded(1, 1, true, &action()), data.to_vec()].concat();
            assert_eq!(decode(&message).unwrap().data, Data::Empty);
        }
    }
}

#[test]
fn the_octet_without_meaning_has_none() {
    let mut message = packet(1, true, b"[]");
    message[3] = 77;
    assert!(decode(&message).is_ok());
}

#[test]
fn every_shortened_packet_is_cut_off_and_a_lengthened_one_has_too_much() {
    let message = packet(1, true, br#"{"score":80}"#);
    let data_begins = 8 + usize::from(message[7]);
    for length in 0..message.len() {
        let part = if length < data_begins { Part::Action } else { Part::Data };
        assert_eq!(decode(&message[..length]), Err(PacketError::Truncated(part)), "{length}");
    }
    assert_eq!(decode(&[&message[..], b"abc"].concat()), Err(PacketError::Trailing(3)));
}

#[test]
fn a_length_with_its_highest_bit_set_is_a_great_length_and_no_negative_one() {
    let mut message = packet(1, false, b"{}");
    message[4] = 0xff;
    assert_eq!(decode(&message), Err(PacketError::Truncated(Part::Action)));
}

#[test]
fn frames_in_the_wrong_order_or_of_an_unknown_kind_or_format_are_refused() {
    let wrong = [encoded(2, 1, true, b"{}"), encoded(1, 1, true, &action())].concat();
    assert_eq!(decode(&wrong), Err(PacketError::Kind { part: Part::Action, kind: 2 }));
    let twice = [encoded(1, 1, true, &action()), encoded(1, 1, true, &action())].concat();
    assert_eq!(decode(&twice), Err(PacketError::Kind { part: Part::Data, kind: 1 }));
    let unknown = packet(4, true, b"{}");
    assert_eq!(decode(&unknown), Err(PacketError::Format { part: Part::Data, format: 4 }));
    let text = [encoded(1, 2, true, &action()), encoded(2, 1, true, b"{}")].concat();
    assert_eq!(decode(&text), Err(PacketError::Format { part: Part::Action, format: 2 }));
}

#[test]
fn what_is_not_what_it_is_said_to_be_is_refused() {
    let mut damaged = packet(1, true, br#"{"end":1643055812428}"#);
    let last = damaged.len() - 1;
    damaged[last] ^= 0xff;
    assert_eq!(decode(&damaged), Err(PacketError::Inflate(Part::Data)));
    let mut plain = packet(1, false, b"{}");
    plain[2] = 1;
    assert_eq!(decode(&plain), Err(PacketError::Inflate(Part::Action)));
    assert!(matches!(
        decode(&packet(1, true, b"{\"end\":")),
        Err(PacketError::Json { part: Part::Data, .. })
    ));
    assert_eq!(decode(&packet(2, true, &[0xff])), Err(PacketError::Text));
}

#[test]
fn an_action_must_say_what_is_done_to_which_object_and_where_the_stream_is() {
    for name in ["action", "newUpdateId", "modelKey", "id"] {
        let mut action: Value = serde_json::from_slice(&action()).unwrap();
        for wrong in [Value::Null, json!(7), json!("x".repeat(257))] {
            action[name] = wrong;
            let action = serde_json::to_vec(&action).unwrap();
            let message = [encoded(1, 1, true, &action), encoded(2, 1, true, b"{}")].concat();
            assert_eq!(decode(&message), Err(PacketError::Action(name)));
        }
    }
    let list = [encoded(1, 1, false, b"[1]"), encoded(2, 1, false, b"{}")].concat();
    assert_eq!(decode(&list), Err(PacketError::Action("action")));
}

#[test]
fn a_payload_that_inflates_beyond_eight_mebibytes_is_refused_and_one_of_them_is_not() {
    let octets = vec![b' '; LONGEST_PAYLOAD];
    assert_eq!(decode(&packet(3, true, &octets)).unwrap().data, Data::Octets(octets.clone()));
    let bomb = vec![0; LONGEST_PAYLOAD + 1];
    assert_eq!(decode(&packet(3, true, &bomb)), Err(PacketError::TooLarge(Part::Data)));
    let bomb = [encoded(1, 1, true, &bomb), encoded(2, 1, true, b"{}")].concat();
    assert_eq!(decode(&bomb), Err(PacketError::TooLarge(Part::Action)));
    let long = vec![0; LONGEST_MESSAGE + 1];
    assert_eq!(decode(&long), Err(PacketError::TooLong(LONGEST_MESSAGE + 1)));
}

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<Option<i64>>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        ".*".prop_map(Value::from),
        proptest::collection::btree_map("[a-zA-Z]{1,8}", any::<u32>(), 0..5)
            .prop_map(|map| map.into_iter().map(|(k, v)| (k, Value::from(v))).collect()),
    ]
}

proptest! {
    #[test]
    fn what_was_encoded_is_decoded(
        data in proptest::collection::btree_map("[a-zA-Z]{1,12}", leaf(), 0..8),
        deflate: bool,
        words in proptest::collection::vec(".*", 3),
    ) {
        let data: Value = data.into_iter().collect();
        let action =
            json!({"action": "update", "newUpdateId": words[0], "modelKey": words[1], "id": words[2]});
        let message = [
            encoded(1, 1, deflate, &serde_json::to_vec(&action).unwrap()),
            encoded(2, 1, deflate, &serde_json::to_vec(&data).unwrap()),
        ]
        .concat();
        let Packet { action, data: decoded } = decode(&message).unwrap();
        prop_assert_eq!(decoded, Data::Json(data));
        prop_assert_eq!(vec![action.update_id, action.model, action.id], words);
        prop_assert_eq!(action.verb, Verb::Update);
    }

    #[test]
    fn a_packet_with_an_octet_changed_never_panics(at: prop::sample::Index, to: u8, deflate: bool) {
        let mut message = packet(1, deflate, br#"{"smartDetectTypes":["person"],"score":52}"#);
        let at = at.index(message.len());
        message[at] = to;
        let _ = decode(&message);
    }

    #[test]
    fn octets_of_any_kind_never_panic(bytes: Vec<u8>) {
        let _ = decode(&bytes);
        let _ = decode(&[&[1, 1, 0, 0, 0, 0, 0, 2][..], b"{}", &bytes].concat());
    }
}
