//! Packets of a real recorder: each decodes to what another program makes of it, and together they
//! tell the events that they are of.

use std::collections::BTreeMap;

use flate2::read::ZlibDecoder;
use model::Timestamp;
use panoptikon_unifi::catalogue::sentence;
use panoptikon_unifi::derive::Watch;
use panoptikon_unifi::protect::grow::{Growing, Grown};
use panoptikon_unifi::protect::packet::{Data, PacketError, Verb, decode};
use panoptikon_unifi::{Happening, offline};
use serde_json::{Map, Value};

const FILE: &str = include_str!("data/protect_packets.json");

fn recorded() -> Vec<Value> {
    serde_json::from_str::<Vec<Value>>(FILE).expect("the recording is a list")
}

fn octets(packet: &Value) -> Vec<u8> {
    let text = packet["raw_b64"].as_str().expect("base64");
    let letter = |c: u8| match c {
        b'A'..=b'Z' => c - b'A',
        b'a'..=b'z' => c - b'a' + 26,
        b'0'..=b'9' => c - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let bits: String = text
        .trim_end_matches('=')
        .bytes()
        .fold(String::new(), |bits, c| bits + &format!("{:06b}", letter(c)));
    let octets = bits.as_bytes().chunks_exact(8);
    octets.map(|bits| bits.iter().fold(0, |octet, bit| octet << 1 | (bit - b'0'))).collect()
}

fn objects() -> Vec<(Verb, String, String, Map<String, Value>)> {
    let packets = recorded().into_iter().map(|packet| decode(&octets(&packet)).expect("a packet"));
    let object = |data| match data {
        Data::Json(Value::Object(object)) => object,
        other => panic!("{other:?} is no object"),
    };
    packets.map(|it| (it.action.verb, it.action.model, it.action.id, object(it.data))).collect()
}

#[test]
fn every_recorded_packet_decodes_to_what_it_is_known_to_hold() {
    let recorded = recorded();
    assert!(recorded.len() >= 25, "{}", recorded.len());
    for packet in &recorded {
        let decoded = decode(&octets(packet)).expect("a packet");
        assert_eq!(decoded.data, Data::Json(packet["data"].clone()));
        let known = &packet["action"];
        assert_eq!(decoded.action.update_id, known["newUpdateId"].as_str().unwrap());
        assert_eq!(decoded.action.model, known["modelKey"].as_str().unwrap());
        assert_eq!(decoded.action.id, known["id"].as_str().unwrap());
        let verb = if known["action"] == "add" { Verb::Add } else { Verb::Update };
        assert_eq!(decoded.action.verb, verb);
    }
}

#[test]
fn no_recorded_packet_decodes_when_it_is_shortened_or_lengthened() {
    for packet in recorded() {
        let octets = octets(&packet);
        let halves = [1, 7, 8, octets.len() / 2, octets.len() - 1];
        for length in halves {
            assert!(matches!(decode(&octets[..length]), Err(PacketError::Truncated(_))));
        }
        let longer = [&octets[..], &[0]].concat();
        assert_eq!(decode(&longer), Err(PacketError::Trailing(1)));
    }
}

#[test]
fn the_offline_tool_tells_each_packet_as_it_was_sent() {
    let mut lines = Vec::new();
    let count = offline::decode(FILE.as_bytes(), &mut |line| {
        lines.push(line.to_owned());
        true
    });
    let recorded = recorded();
    assert_eq!((count.good, count.bad, count.cut), (recorded.len() as u64, 0, false));
    for (line, packet) in lines.iter().zip(&recorded) {
        let told: Value = serde_json::from_str(line).unwrap();
        assert_eq!(told["action"], packet["action"]);
        assert_eq!(told["data"], packet["data"]);
        // To the last digit, which a number read and written again may lose.
        let mut plain = String::new();
        let octets = octets(packet);
        let action = u32::from_be_bytes(octets[4..8].try_into().unwrap()) as usize;
        std::io::Read::read_to_string(&mut ZlibDecoder::new(&octets[16 + action..]), &mut plain)
            .unwrap();
        let plain = plain.replace("\": ", "\":").replace(", ", ",");
        assert!(line.ends_with(&format!("\"data\":{plain}}}")), "{line}\n{plain}");
    }
}

#[test]
fn the_recorded_events_are_told_once_and_read_as_sentences() {
    let mut growing = Growing::default();
    let mut events: BTreeMap<String, Happening> = BTreeMap::new();
    let (mut new, mut unknown) = (0, 0);
    for (verb, model, id, object) in objects() {
        if model != "event" {
            continue;
        }
        match growing.take(&id, object, verb == Verb::Add, Timestamp(1_643_055_800_000)) {
            Grown::New(event) => {
                new += 1;
                assert!(events.insert(id, event).is_none());
            }
            Grown::Changed(event) => {
                events.insert(id, event);
            }
            Grown::Unknown => unknown += 1,
            Grown::Same => {}
        }
    }
    assert_eq!((new, events.len()), (7, 7), "{events:?}");
    assert_eq!(unknown, 2, "two began before the recording");
    let motion = &events["8d9bae8359268f6048d92ed3"];
    assert_eq!(motion.end, Some(Timestamp(1_643_055_812_428)));
    assert_eq!(motion.facts["score"], 100);
    let names = |id: &str| (id == "1c9a2db4df6efda47a3509be").then(|| "Yard".to_owned());
    let said: Vec<_> = events.values().map(|event| sentence(event, &names)).collect();
    for expected in ["Person at Yard", "Something moved at a camera", "Ludycyq Xbnkli was opened"] {
        assert!(said.iter().any(|said| said == expected), "{said:?}");
    }
}

#[test]
fn states_of_a_healthy_recorder_and_its_cameras_are_no_events() {
    let mut watch = Watch::default();
    let mut objects = objects();
    objects.retain(|(_, model, ..)| model != "event");
    assert!(objects.len() > 12);
    for (_, model, id, object) in objects {
        let told = watch.protect(&model, &id, &object, Timestamp(1_643_055_800_000));
        assert_eq!(told, [], "{model} {id}");
    }
}
