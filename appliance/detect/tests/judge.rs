//! Judging one event, case by case.

use std::time::Duration;

use model::{AlertId, DeviceId, Event, EventId, Severity, Timestamp};
use panoptikon_detect::{
    Decision, Draft, Known, Mute, OfflineAlerts, Presence, Recent, Repeat, Settings, Status, cause,
    judge, settle,
};
use serde_json::{Value, json};

const NOW: Timestamp = Timestamp(1_800_000_000_000);
const DEVICE: DeviceId = DeviceId(7);

fn ago(minutes: u64) -> Timestamp {
    NOW.minus(Duration::from_secs(minutes * 60))
}

fn event(kind: &str, data: Value) -> Event {
    Event {
        id: EventId::new(20_833, 5),
        at: NOW,
        source: "discovery".to_owned(),
        kind: kind.to_owned(),
        severity: Severity::Info,
        device: Some(DEVICE),
        summary: "It happened.".to_owned(),
        data,
    }
}

fn plain(event: &Event) -> Decision {
    judge(event, &Recent::default(), &Settings::default(), &[], NOW)
}

fn raised(decision: Decision) -> Draft {
    match decision {
        Decision::Raise(draft) => draft,
        other => panic!("not raised: {other:?}"),
    }
}

fn known(status: Status, last_at: Timestamp) -> Known {
    Known { id: AlertId(3), status, last_at }
}

fn nas_offline() -> Event {
    event("device_offline", json!({ "name": "NAS", "favourite": true, "criticality": 0 }))
}

#[test]
fn unknown_kinds_never_alert() {
    for kind in ["", "tick", "NEW_DEVICE", "scan_finished"] {
        assert_eq!(plain(&event(kind, json!({}))), Decision::Nothing, "{kind}");
    }
}

#[test]
fn a_new_device_is_medium_and_one_with_a_random_address_low() {
    let data = json!({ "vendor": "Apple", "mac": "00:03:93:00:00:01", "ip": "192.0.2.4" });
    let draft = raised(plain(&event("new_device", data)));
    assert_eq!(draft.severity, Severity::Medium);
    assert_eq!(draft.title, "New device: Apple (00:03:93:00:00:01)");
    assert_eq!(draft.detail, "It happened.");
    assert_eq!(draft.evidence, Some(EventId::new(20_833, 5)));
    assert!(!draft.recommendation.is_empty());
    let random = json!({ "hostname": "Kims-iPhone", "randomised_mac": true });
    let draft = raised(plain(&event("new_device", random)));
    assert_eq!(draft.severity, Severity::Low);
    assert_eq!(draft.title, "New device: Kims-iPhone");
}

#[test]
fn what_endangers_the_network_is_high_or_critical() {
    for (kind, severity) in [
        ("ip_conflict", Severity::High),
        ("dhcp_rogue", Severity::High),
        ("router_advertisement_rogue", Severity::High),
        ("arp_spoof", Severity::Critical),
        ("storage_failing", Severity::Critical),
        ("discovery_degraded", Severity::Medium),
    ] {
        let draft = raised(plain(&event(kind, json!({}))));
        assert_eq!((draft.kind, draft.severity), (kind, severity));
    }
}

#[test]
fn only_devices_that_matter_alert_when_they_go_unless_all_shall() {
    use OfflineAlerts::{All, Important, Never};
    let of = |data: Value, offline| {
        let settings = Settings { offline, ..Settings::default() };
        let event = event("device_offline", data);
        match judge(&event, &Recent::default(), &settings, &[], NOW) {
            Decision::Raise(draft) => Some(draft.severity),
            _ => None,
        }
    };
    assert_eq!(of(json!({}), Important), None);
    assert_eq!(of(json!({ "criticality": 2 }), Important), None);
    assert_eq!(of(json!({ "favourite": true }), Important), Some(Severity::Medium));
    assert_eq!(of(json!({ "criticality": 3 }), Important), Some(Severity::Medium));
    assert_eq!(of(json!({ "criticality": 4 }), Important), Some(Severity::High));
    assert_eq!(of(json!({}), All), Some(Severity::Low));
    assert_eq!(of(json!({ "criticality": 4 }), Never), None);
}

#[test]
fn a_device_that_returns_resolves_its_absence_and_says_how_long_it_was() {
    let event = event("device_online", json!({ "name": "NAS", "absent_seconds": 720 }));
    let recent = Recent { latest: Some(known(Status::Acknowledged, ago(12))), ..Recent::default() };
    let everything = mute(None, None);
    let decision = judge(&event, &recent, &Settings::default(), &[everything], NOW);
    assert_eq!(
        decision,
        Decision::Resolve { id: AlertId(3), note: "Back up after 12 min.".to_owned() }
    );
    assert_eq!(plain(&event), Decision::Nothing);
}

#[test]
fn the_same_cause_is_counted_renewed_reopened_or_raised_by_its_age() {
    let how = |status, minutes| {
        let recent = Recent { latest: Some(known(status, ago(minutes))), ..Recent::default() };
        match judge(&nas_offline(), &recent, &Settings::default(), &[], NOW) {
            Decision::Bump { repeat, .. } => Some(repeat),
            Decision::Raise(_) => None,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(how(Status::New, 5), Some(Repeat::Quiet));
    assert_eq!(how(Status::Acknowledged, 5), Some(Repeat::Quiet));
    assert_eq!(how(Status::Acknowledged, 61), Some(Repeat::Renewed));
    assert_eq!(how(Status::Resolved, 5), Some(Repeat::Reopened));
    assert_eq!(how(Status::Resolved, 61), None);
}

#[test]
fn causes_are_told_apart_by_what_they_are_about() {
    let key = |kind: &str, data| cause(&event(kind, data)).unwrap().key;
    assert_eq!(key("device_offline", json!({})), "device_offline:7");
    assert_eq!(key("device_online", json!({})), "device_offline:7");
    assert_eq!(key("ip_conflict", json!({ "ip": "192.0.2.9" })), "ip_conflict:192.0.2.9");
    assert_eq!(
        key("storage_failing", json!({ "what": "main" })),
        key("storage_recovered", json!({ "what": "main" }))
    );
    assert_eq!(
        key("wan_degraded", json!({ "interface": "eth0" })),
        key("wan_recovered", json!({ "interface": "eth0" }))
    );
    for (bad, good, field) in [
        ("service_failed", "service_recovered", "unit"),
        ("tunnel_down", "tunnel_up", "interface"),
        ("certificate_expiring", "certificate_renewed", "certificate"),
        ("storage_near_cap", "storage_below_cap", "what"),
        ("collector_silent", "collector_heard", "exporter"),
    ] {
        let of = |kind, about: &str| {
            let mut data = serde_json::Map::new();
            data.insert(field.to_owned(), about.into());
            key(kind, serde_json::Value::Object(data))
        };
        assert_eq!(of(bad, "a"), of(good, "a"), "{bad}");
        assert_ne!(of(bad, "a"), of(bad, "b"), "{bad}");
    }
    let nobody = Event { device: None, ..nas_offline() };
    assert!(cause(&nobody).is_none());
}

fn mute(device: Option<DeviceId>, kind: Option<&str>) -> Mute {
    Mute {
        id: 9,
        device,
        kind: kind.map(str::to_owned),
        until: NOW.plus(Duration::from_secs(1)),
        by: "kim".to_owned(),
        at: ago(1),
        suppressed: 0,
    }
}

#[test]
fn a_mute_silences_its_device_its_kind_or_everything_until_it_ends() {
    let with = |mute: Mute| {
        let mutes = [mute];
        let decision = judge(&nas_offline(), &Recent::default(), &Settings::default(), &mutes, NOW);
        decision == Decision::Muted { mute: 9 }
    };
    assert!(with(mute(None, None)));
    assert!(with(mute(Some(DEVICE), None)));
    assert!(with(mute(Some(DEVICE), Some("device_offline"))));
    assert!(!with(mute(Some(DeviceId(8)), None)));
    assert!(!with(mute(None, Some("new_device"))));
    assert!(!with(Mute { until: NOW, ..mute(None, None) }));
}

#[test]
fn more_changes_an_hour_than_allowed_are_one_flapping_alert() {
    let presence = |changes: u64| Presence {
        online: true,
        severity: Some(Severity::Medium),
        name: "NAS".to_owned(),
        changes: (1..=changes).rev().map(ago).collect(),
    };
    let with = |changes, flapping| {
        let recent = Recent { presence: Some(presence(changes)), flapping, ..Recent::default() };
        judge(&nas_offline(), &recent, &Settings::default(), &[], NOW)
    };
    assert_eq!(raised(with(5, None)).kind, "device_offline");
    let draft = raised(with(6, None));
    assert_eq!((draft.kind, draft.key.as_str()), ("flapping", "flapping:7"));
    assert_eq!(draft.title, "Comes and goes: NAS");
    // Once told, absences are only counted until it is quiet.
    let open = Some(known(Status::New, ago(10)));
    assert!(matches!(with(0, open), Decision::Bump { repeat: Repeat::Quiet, .. }));
}

#[test]
fn a_flapping_device_that_calms_down_is_settled_and_missed_if_it_stayed_away() {
    let flapping = known(Status::New, ago(70));
    let presence = |online, minutes: &[u64]| Presence {
        online,
        severity: Some(Severity::Medium),
        name: "NAS".to_owned(),
        changes: minutes.iter().copied().map(ago).collect(),
    };
    let of = |presence: &Presence| {
        settle(DEVICE, flapping, presence, None, &Settings::default(), &[], NOW)
    };
    assert_eq!(of(&presence(true, &[50, 40, 30, 20])), []);
    let online = of(&presence(true, &[90, 80, 75, 70, 20]));
    assert!(matches!(online.as_slice(), [Decision::Resolve { .. }]));
    let away = of(&presence(false, &[90, 80, 75, 70]));
    match away.as_slice() {
        [Decision::Resolve { .. }, Decision::Raise(draft)] => {
            assert_eq!(draft.key, "device_offline:7");
            assert_eq!(draft.title, "Offline: NAS");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn many_alerts_of_one_kind_at_once_become_one() {
    let event = event("new_device", json!({ "name": "TV" }));
    let with = |raised, group| {
        let recent = Recent { raised, group, ..Recent::default() };
        judge(&event, &recent, &Settings::default(), &[], NOW)
    };
    assert_eq!(raised(with(19, None)).key, "new_device:7");
    let many = raised(with(20, None));
    assert_eq!((many.key.as_str(), many.device), ("new_device:*", None));
    assert_eq!(many.title, "Many at once: new device");
    assert_eq!(many.detail, "New device: TV: It happened.");
    let open = Some(known(Status::New, ago(3)));
    assert!(matches!(with(0, open), Decision::Bump { .. }));
}

#[test]
fn hostile_names_are_cut_and_lose_their_control_characters() {
    let name = format!("\u{1b}[31m{}\n", "x".repeat(5_000));
    let draft = raised(plain(&event("new_device", json!({ "hostname": name }))));
    assert!(draft.title.chars().count() < 100);
    assert!(!draft.title.contains(char::is_control));
}

#[test]
fn a_host_is_named_by_its_name_and_one_that_was_renamed_is_the_same_cause() {
    let event = |kind: &str, name: &str, what: &str| {
        let data = json!({"agent": "0123456789abcdef", "name": name, "what": what});
        Event {
            id: EventId::new(20_000, 1),
            at: Timestamp::from_secs(1_728_000_000),
            source: "agents".into(),
            kind: kind.into(),
            severity: Severity::Medium,
            device: None,
            summary: String::new(),
            data,
        }
    };
    let title =
        |event: &Event| match judge(event, &Recent::default(), &Settings::default(), &[], event.at)
        {
            Decision::Raise(draft) => draft.title,
            other => panic!("{other:?}"),
        };
    assert_eq!(title(&event("host_offline", "nas", "")), "Host offline: nas");
    assert_eq!(title(&event("host_disk", "nas", "/var")), "Disk nearly full: nas /var");
    assert_eq!(title(&event("host_cpu", "nas", "")), "Processor busy: nas");
    let key = |event: &Event| cause(event).expect("a cause").key;
    assert_eq!(key(&event("host_offline", "nas", "")), key(&event("host_online", "store", "")));
    let (disk, other) = (event("host_disk", "nas", "/var"), event("host_disk", "nas", "/"));
    assert_ne!(key(&disk), key(&other));
    assert_eq!(key(&disk), key(&event("host_disk_over", "nas", "/var")));
}
