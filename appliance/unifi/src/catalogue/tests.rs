use model::Timestamp;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;
use crate::network::{frame, log};

fn nobody(_: &str) -> Option<String> {
    None
}

fn people(id: &str) -> Option<String> {
    let name = match id {
        "00:00:00:00:00:01" => "Anna's phone",
        "80:2a:a8:00:01:02" => "Hall",
        "fc:ec:da:11:22:33" => "Cellar switch",
        "1ee3895eb4ef2170046f9f2c" => "Front door",
        _ => return None,
    };
    Some(name.to_owned())
}

fn happening(source: Source, key: &str, facts: Value) -> Happening {
    let facts: Map<String, Value> = facts.as_object().unwrap().clone();
    Happening { source, id: "1".into(), key: key.into(), at: Timestamp(0), end: None, facts }
}

fn said(source: Source, key: &str, facts: Value) -> String {
    sentence(&happening(source, key, facts), &people)
}

#[test]
fn every_line_is_sound_found_and_in_its_place() {
    assert!(TABLE.is_ascii() && TABLE.ends_with('\n') && TABLE.len() < 24_000);
    let kinds: Vec<_> = TABLE.lines().map(|line| line.split('|').next().unwrap()).collect();
    assert!(kinds.is_sorted_by(|a, b| a < b), "sorted, each once");
    assert!(kinds.len() > 250);
    for row in TABLE.lines() {
        let (kind, _) = row.split_once('|').unwrap();
        assert_eq!(line(kind), Some(row));
        assert_eq!(row.split('|').count(), 5, "{row}");
        let entry = Entry::read(row).expect(row);
        assert!(entry.clears.is_empty() || line(entry.clears).is_some(), "{row}");
        let plain = entry.template.replace(['{', '}', '[', ']'], "");
        assert!(plain.len() > 5 && !plain.ends_with('.'), "{row}");
        for (open, close) in [('{', '}'), ('[', ']')] {
            let count = |c| entry.template.matches(c).count();
            assert_eq!(count(open), count(close), "{row}");
        }
        // With nothing told there is a sentence all the same.
        for source in [Source::Network, Source::Log, Source::Protect] {
            let said = sentence(&happening(source, kind, json!({})), &nobody);
            assert!(said.len() > 5 && !said.contains(['{', '[', '|', '*']), "{row}: {said}");
            assert!(said.starts_with(|c: char| c.is_uppercase()), "{row}: {said}");
        }
    }
    for kind in ["", "A", "zzz", "EVT_", "EVT_*", "\n", "EVT_SW", "derived.device"] {
        assert_eq!(entry(kind), None, "{kind:?}");
    }
}

#[test]
fn a_kind_of_a_family_is_known_by_the_rest_of_its_key_and_exceptions_stand_above_it() {
    let of = |kind| entry(kind).map(|entry| (entry.severity, entry.suggestion));
    assert_eq!(of("EVT_SW_Lost_Contact"), Some((Severity::High, Suggestion::Notify)));
    assert_eq!(of("EVT_GW_Lost_Contact"), Some((Severity::Critical, Suggestion::Notify)));
    assert_eq!(of("EVT_WU_Connected"), Some((Severity::Info, Suggestion::Ignored)));
    assert_eq!(of("EVT_SW_Connected"), Some((Severity::Info, Suggestion::Notify)));
    assert_eq!(of("motion"), Some((Severity::Info, Suggestion::Ignored)));
    assert_eq!(of("EVT_SW_Unheard_Of"), None);
}

#[test]
fn what_says_that_all_is_well_clears_what_said_that_it_is_not() {
    for (well, bad) in [
        ("EVT_SW_Connected", "EVT_SW_Lost_Contact"),
        ("EVT_AP_Connected", "EVT_AP_Lost_Contact"),
        ("DEVICE_RECONNECTED", "DEVICE_UNREACHABLE"),
        ("sensorClosed", "sensorOpened"),
        ("derived.wan.up", "derived.wan.down"),
    ] {
        assert_eq!(clears(well).as_deref(), Some(bad));
        assert!(entry(bad).is_some());
        assert_eq!(clears(bad), None);
    }
}

#[test]
fn rows_of_network_read_as_sentences_with_names_of_devices() {
    let network = |key, facts| said(Source::Network, key, facts);
    let joined = json!({"user": "00:00:00:00:00:01", "ssid": "Home", "ap": "80:2a:a8:00:01:02",
        "channel": 44, "hostname": "host-7"});
    assert_eq!(
        network("EVT_WU_Connected", joined.clone()),
        "Anna's phone has joined Home on Hall (channel 44)"
    );
    assert_eq!(
        sentence(&happening(Source::Network, "EVT_WU_Connected", joined), &nobody),
        "host-7 has joined Home on 80:2a:a8:00:01:02 (channel 44)"
    );
    let left = json!({"user": "00:11:22:33:44:55", "ssid": "Home", "duration": 477});
    assert_eq!(network("EVT_WU_Disconnected", left), "00:11:22:33:44:55 has left Home after 7 min");
    let switch = json!({"sw": "fc:ec:da:11:22:33", "sw_name": "Switch 16"});
    assert_eq!(
        network("EVT_SW_Lost_Contact", switch.clone()),
        "Cellar switch has stopped responding"
    );
    assert_eq!(
        sentence(&happening(Source::Network, "EVT_SW_Lost_Contact", switch), &nobody),
        "Switch 16 has stopped responding"
    );
    let hall = json!({"ap": "80:2a:a8:00:01:02"});
    assert_eq!(network("EVT_AP_Restarted", hall), "Access point Hall was restarted");
    assert_eq!(network("EVT_AP_Lost_Contact", json!({})), "An access point has stopped responding");
    let threat = json!({"src_ip": "192.168.100.199", "dest_ip": "192.0.2.7",
        "inner_alert_category": "Trojan", "inner_alert_signature": "Bad agent"});
    assert_eq!(
        network("EVT_IPS_IpsAlert", threat),
        "Threat (Trojan): 192.168.100.199 to 192.0.2.7, Bad agent"
    );
}

#[test]
fn rows_of_the_log_read_as_sentences_with_names_of_devices() {
    let log = |key, parameters| said(Source::Log, key, json!({"parameters": parameters}));
    let roamed = json!({
        "CLIENT": {"id": "00:00:00:00:00:01", "name": "Phone", "ip": "192.0.2.10"},
        "DEVICE_FROM": {"id": "80:2a:a8:00:01:02", "name": "ap-1"},
        "DEVICE_TO": {"id": "aa:bb:cc:00:01:02", "name": "ap-attic"},
    });
    assert_eq!(log("CLIENT_ROAMED", roamed), "Anna's phone went from Hall to ap-attic");
    let down = json!({"WAN_NAME": {"name": "Fiber"}, "ISP_NAME": {"name": "Example ISP"}});
    assert_eq!(log("NETWORK_WAN_FAILED", down), "Fiber (Example ISP) is down");
    let admin = json!({"ADMIN": {"id": "64b0", "name": "Admin One"}, "IP": {"id": "192.0.2.50"}});
    assert_eq!(log("ADMIN_ACCESS", admin), "Admin One has opened UniFi Network from 192.0.2.50");
    let blocked = json!({"SRC_IP": {"name": "198.51.100.7"}, "DST_IP": {"name": "192.0.2.20"}});
    assert_eq!(log("THREAT_BLOCKED", blocked), "A threat was blocked: 198.51.100.7 to 192.0.2.20");
}

#[test]
fn events_of_protect_read_as_sentences_with_names_of_cameras() {
    let protect = |key, facts| said(Source::Protect, key, facts);
    let door = "1ee3895eb4ef2170046f9f2c";
    assert_eq!(protect("motion", json!({"camera": door})), "Something moved at Front door");
    assert_eq!(protect("ring", json!({"device": door})), "Somebody rang at Front door");
    let unknown = json!({"camera": "586ab7c2bb6423c3fdd47e95"});
    assert_eq!(protect("motion", unknown), "Something moved at a camera");
    let seen = json!({"camera": door, "smartDetectTypes": ["person", "licensePlate"]});
    assert_eq!(protect("smartDetectZone", seen), "Person, license plate at Front door");
    let sensor = json!({"metadata": {"sensorId": {"text": "x"}, "sensorName": {"text": "Garage"}}});
    assert_eq!(protect("sensorOpened", sensor), "Garage was opened");
    let lost = json!({"camera": door, "metadata": {"reason": "CONNECTION_LOSS"}});
    assert_eq!(protect("disconnect", lost), "Front door has disconnected (connection loss)");
    assert_eq!(
        protect("access", json!({"user": "8593657a25b7826a4288b6af"})),
        "Somebody has used Protect"
    );
}

#[test]
fn what_is_derived_reads_as_a_sentence() {
    let derived = |key, facts| said(Source::Derived, key, facts);
    let back = json!({"device": "80:2a:a8:00:01:02", "duration": 300});
    assert_eq!(derived("derived.device.online", back), "Hall is back online after 5 min");
    let new = json!({"client": "00:11:22:33:44:55", "client_name": "tv", "ip": "192.0.2.9"});
    assert_eq!(derived("derived.client.new", new), "A new device is on the network: tv, 192.0.2.9");
    let drives = json!({"unhealthy": 1, "total": 3});
    assert_eq!(
        derived("derived.storage.unhealthy", drives),
        "Of 3 drives for recordings 1 are damaged"
    );
    assert_eq!(
        derived("derived.restarted", json!({"name": "the recorder"})),
        "The recorder has restarted"
    );
}

#[test]
fn kinds_that_nobody_knows_are_readable_all_the_same() {
    let row = json!({"message_raw": "{UNKNOWN_PARAM} happened to {CLIENT} [x]",
        "parameters": {"CLIENT": {"id": "00:00:00:00:00:01", "name": "Test"}}});
    assert_eq!(
        said(Source::Log, "BRAND_NEW_EVENT", row),
        "Unknown param happened to Anna's phone [x]"
    );
    assert_eq!(
        said(Source::Log, "BRAND_NEW", json!({"title_raw": "Something New"})),
        "Something New"
    );
    let msg = json!({"sw": "fc:ec:da:11:22:33", "user": "00:11:22:33:44:55", "hostname": "tv",
        "msg": "Switch[fc:ec:da:11:22:33] says [x] of User['00:11:22:33:44:55'] and AP[00:00:00:00:00:09]"});
    assert_eq!(
        said(Source::Network, "EVT_SW_New", msg),
        "Cellar switch says [x] of tv and AP 00:00:00:00:00:09"
    );
    assert_eq!(
        said(Source::Network, "EVT_SW_DoorBell", json!({"sw": "fc:ec:da:11:22:33"})),
        "Cellar switch: door bell"
    );
    let new = json!({"camera": "1ee3895eb4ef2170046f9f2c"});
    assert_eq!(said(Source::Protect, "petFellAsleep", new), "Pet fell asleep: Front door");
    assert_eq!(said(Source::Network, "toaster:burnt", json!({})), "Toaster burnt");
}

#[test]
fn what_the_console_says_of_an_unknown_kinds_severity_counts() {
    let of = |source, facts| severity(&happening(source, "NEVER_SEEN", facts));
    assert_eq!(of(Source::Log, json!({"severity": "VERY_HIGH"})), Severity::Critical);
    assert_eq!(of(Source::Log, json!({"severity": "LOW"})), Severity::Info);
    assert_eq!(of(Source::Network, json!({"severity": "VERY_HIGH"})), Severity::Info);
    assert_eq!(of(Source::Network, json!({"is_negative": true})), Severity::Medium);
    let known = happening(Source::Log, "NETWORK_WAN_RESTORED", json!({"severity": "VERY_HIGH"}));
    assert_eq!(severity(&known), Severity::Info);
}

#[test]
fn names_of_others_cannot_deceive() {
    let facts = json!({"ssid": "Home\u{202e}\n<b>", "user": "00:11:22:33:44:55", "hostname": "x".repeat(900)});
    let said = said(Source::Network, "EVT_WU_Connected", facts);
    assert!(!said.chars().any(model::is_hidden) && said.chars().count() <= 300, "{said}");
}

proptest! {
    #[test]
    fn no_row_panics_and_every_row_has_a_short_sentence(
        key in "[ -~]{0,20}|EVT_[A-Z]{2}_[a-z]{0,9}|[A-Z_]{1,12}",
        part in "[a-zA-Z_]{1,9}",
        text in ".{0,40}|[\\[\\]{}a-c:]{0,40}",
    ) {
        let row = json!({"key": key, part: text, "msg": text, "message_raw": text});
        let text = json!({"meta": {"rc": "ok", "message": "events"}, "data": [row]}).to_string();
        let frame = frame::decode(text.as_bytes(), Timestamp(1)).unwrap();
        let row = log::row(row.as_object().unwrap().clone(), Timestamp(1));
        for happening in frame.happenings.iter().chain([&row]) {
            let said = sentence(happening, &people);
            prop_assert!(said.chars().count() <= 300 && !said.chars().any(model::is_hidden));
        }
    }
}
