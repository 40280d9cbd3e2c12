use serde_json::json;

use super::*;

const NOW: Timestamp = Timestamp(1_790_000_000_000);

fn later(seconds: u64) -> Timestamp {
    NOW.plus(Duration::from_secs(seconds))
}

fn rows(value: Value) -> Vec<Map<String, Value>> {
    value.as_array().unwrap().iter().map(|row| row.as_object().unwrap().clone()).collect()
}

fn keys(happenings: &[Happening]) -> Vec<&str> {
    happenings.iter().map(|happening| happening.key.as_str()).collect()
}

fn device(state: i64) -> Vec<Map<String, Value>> {
    rows(json!([{"mac": "AA:BB:CC:00:01:01", "name": "ap-hall", "state": state, "uptime": 5}]))
}

#[test]
fn a_device_goes_offline_and_comes_back_after_so_long() {
    let mut watch = Watch::default();
    assert_eq!(watch.devices(&device(1), NOW), [], "how things are is no event");
    assert_eq!(watch.devices(&device(1), later(5)), []);
    for passing in [4, 5, 6] {
        assert_eq!(watch.devices(&device(passing), later(6)), [], "state {passing} passes");
    }
    let offline = watch.devices(&device(0), later(60));
    assert_eq!(keys(&offline), ["derived.device.offline"]);
    assert_eq!(offline[0].facts["name"], "ap-hall");
    assert_eq!(watch.devices(&device(0), later(65)), [], "told once");
    let online = watch.devices(&device(1), later(360));
    assert_eq!(keys(&online), ["derived.device.online"]);
    assert_eq!(online[0].facts["duration"], 300);
    assert_ne!(online[0].id, offline[0].id);
}

#[test]
fn heat_battery_and_updates_of_devices_are_told() {
    let mut watch = Watch::default();
    let state = |hot: bool, battery: bool, firmware: &str| {
        rows(json!([{
            "mac": "aa:bb:cc:00:11:22", "overheating": hot, "upgradable": !firmware.is_empty(),
            "upgrade_to_firmware": firmware,
            "vbms_table": {"is_battery_mode": battery, "battpool": {"batteryLevel": 97}},
        }]))
    };
    assert_eq!(watch.devices(&state(false, false, "7.0.1"), NOW), []);
    let told = watch.devices(&state(true, true, "7.0.2"), later(1));
    assert_eq!(
        keys(&told),
        ["derived.device.update", "derived.device.hot", "derived.power.battery"]
    );
    assert_eq!((&told[0].facts["from"], &told[0].facts["to"]), (&json!("7.0.1"), &json!("7.0.2")));
    assert_eq!(told[2].facts["percent"], 97);
    let told = watch.devices(&state(false, false, ""), later(2));
    assert_eq!(keys(&told), ["derived.device.cool", "derived.power.mains"]);
}

#[test]
fn a_line_that_fails_and_the_way_out_that_moves_are_told() {
    let mut watch = Watch::default();
    let gateway = |first: bool, uplink: u8| {
        rows(json!([{
            "mac": "aa:bb:cc:00:00:09", "name": "gw",
            "wan1": {"up": first, "is_uplink": uplink == 1},
            "wan2": {"up": true, "is_uplink": uplink == 2},
        }]))
    };
    watch.devices(&gateway(true, 1), NOW);
    let told = watch.devices(&gateway(false, 2), later(9));
    assert_eq!(keys(&told), ["derived.line.down", "derived.wan.moved"]);
    assert_eq!(told[0].facts["line"], "WAN1");
    assert_eq!((&told[1].facts["from"], &told[1].facts["to"]), (&json!("WAN1"), &json!("WAN2")));
}

fn console(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

#[test]
fn the_consoles_frames_tell_of_internet_restarts_versions_and_applications() {
    let mut watch = Watch::default();
    let frame = |internet: bool, uptime: i64, now: Timestamp, running: bool, version: &str| {
        console(json!({
            "type": "SYSTEM",
            "apps": {"controllers": [
                {"name": "protect", "isInstalled": true, "isRunning": running, "version": version,
                 "updateAvailable": null},
                {"name": "talk", "isInstalled": false, "isRunning": false},
            ]},
            "system": {
                "info": {"uptime": uptime, "now": now.0,
                         "hardware": {"firmwareVersion": "5.1.26"}},
                "hasInternet": internet, "deviceState": "ready",
            },
            "firmware": {"latest": {"version": "v5.1.26"}},
        }))
    };
    assert_eq!(watch.console(&frame(true, 86_400, NOW, true, "7.2.84"), NOW), []);
    let drifted = frame(true, 86_402, later(5), true, "7.2.84");
    assert_eq!(watch.console(&drifted, later(5)), [], "clocks are not exact");
    let told = watch.console(&frame(false, 30, later(400), false, "7.2.90"), later(400));
    assert_eq!(
        keys(&told),
        ["derived.wan.down", "derived.restarted", "derived.application.stopped", "derived.updated"]
    );
    assert_eq!(told[2].facts["application"], "protect");
    let part = json!({
        "type": "DEVICE_STATE_CHANGED",
        "system": {"hasInternet": true, "deviceState": "updating"},
    });
    let told = watch.console(&console(part), later(500));
    assert_eq!(keys(&told), ["derived.wan.up", "derived.console.state"]);
    assert_eq!(told[0].facts["duration"], 100);
    let update = json!({
        "type": "SYSTEM", "firmware": {"latest": {"version": "v5.1.30"}},
        "system": {"info": {"hardware": {"firmwareVersion": "5.1.26"}}},
        "apps": {"controllers": [{"name": "protect", "updateAvailable": "7.3.1"}]},
    });
    let told = watch.console(&console(update.clone()), later(600));
    assert_eq!(keys(&told), ["derived.system.update", "derived.system.update"]);
    assert_eq!((&told[0].facts["to"], &told[1].facts["to"]), (&json!("5.1.30"), &json!("7.3.1")));
    assert_eq!(watch.console(&console(update), later(700)), []);
}

#[test]
fn an_outage_that_the_console_tells_is_not_told_again_from_health() {
    let health = |status: &str| {
        rows(json!([
            {"subsystem": "wlan", "status": "warning"}, {"subsystem": "www", "status": status},
        ]))
    };
    let mut watch = Watch::default();
    watch.health(&health("ok"), NOW);
    assert_eq!(watch.health(&health("unknown"), later(1)), []);
    assert_eq!(keys(&watch.health(&health("error"), later(2))), ["derived.wan.down"]);
    assert_eq!(keys(&watch.health(&health("ok"), later(3))), ["derived.wan.up"]);
    watch.console(&console(json!({"system": {"hasInternet": true}})), later(4));
    assert_eq!(watch.health(&health("error"), later(5)), []);
}

#[test]
fn cameras_drives_and_restarts_of_the_recorder_are_told_from_parts_of_their_objects() {
    let mut watch = Watch::default();
    let camera = |state: &str| console(json!({"state": state}));
    assert_eq!(watch.protect("camera", "c1", &camera("CONNECTED"), NOW), []);
    assert_eq!(watch.protect("camera", "c1", &console(json!({"lastMotion": 5})), NOW), []);
    assert_eq!(watch.protect("camera", "c1", &camera("CONNECTING"), later(1)), []);
    let told = watch.protect("camera", "c1", &camera("DISCONNECTED"), later(2));
    assert_eq!(keys(&told), ["derived.device.offline"]);
    assert_eq!(told[0].facts["device"], "c1");
    let nvr = |healthy: bool, used: i64, recycling: bool| {
        console(json!({"upSince": NOW.0 - 5000, "systemInfo": {"storage": {
            "used": used, "size": 100, "isRecycling": recycling,
            "devices": [{"healthy": true}, {"healthy": healthy}],
        }}}))
    };
    assert_eq!(watch.protect("nvr", "n", &nvr(true, 50, false), NOW), []);
    let told = watch.protect("nvr", "n", &nvr(false, 96, true), later(1));
    assert_eq!(keys(&told), ["derived.storage.unhealthy"], "a full disk is written anew");
    assert_eq!((&told[0].facts["unhealthy"], &told[0].facts["total"]), (&json!(1), &json!(2)));
    let told = watch.protect("nvr", "n", &nvr(true, 96, false), later(2));
    assert_eq!(keys(&told), ["derived.storage.full", "derived.storage.healthy"]);
    assert_eq!(
        watch.protect("nvr", "n", &nvr(true, 92, false), later(3)),
        [],
        "it is not free yet"
    );
    let told = watch.protect("nvr", "n", &nvr(true, 80, false), later(4));
    assert_eq!(keys(&told), ["derived.storage.free"]);
    let started = console(json!({"upSince": NOW.0 + 600_000}));
    assert_eq!(keys(&watch.protect("nvr", "n", &started, later(700))), ["derived.restarted"]);
}

#[test]
fn a_client_is_new_only_after_all_are_known() {
    let mut watch = Watch::default();
    let client = |mac: &str| rows(json!([{"mac": mac, "hostname": "phone"}, {"mac": "no"}]));
    assert_eq!(watch.clients(&client("aa:bb:cc:00:00:01"), false, NOW), []);
    assert_eq!(watch.clients(&client("aa:bb:cc:00:00:02"), true, NOW), []);
    assert_eq!(watch.clients(&client("AA:BB:CC:00:00:01"), false, later(1)), []);
    let told = watch.clients(&client("ae:bb:cc:00:00:03"), false, later(2));
    assert_eq!(keys(&told), ["derived.client.new"]);
    assert_eq!(told[0].facts["client_name"], "phone");
    assert_eq!(told[0].facts["random"], true);
    assert_eq!(watch.clients(&client("ae:bb:cc:00:00:03"), false, later(3)), []);
}

#[test]
fn what_changed_during_an_absence_is_told_after_it() {
    let mut before = Watch::default();
    before.devices(&device(1), NOW);
    before.clients(&rows(json!([{"mac": "aa:bb:cc:00:00:01"}])), true, NOW);
    let saved = before.save().to_string();
    let mut after = Watch::restore(&serde_json::from_str(&saved).unwrap());
    assert_eq!(after.save().to_string(), saved);
    assert_eq!(keys(&after.devices(&device(0), later(900))), ["derived.device.offline"]);
    let new = after.clients(&rows(json!([{"mac": "aa:bb:cc:00:00:07"}])), false, later(900));
    assert_eq!(keys(&new), ["derived.client.new"]);
    let key = "reachable aa:bb:cc:00:01:01";
    for odd in [
        json!(null),
        json!({"known": [[1], "x"], "clients": [{}]}),
        json!({"known": {key: 7}}),
        json!({"known": {key: "well"}}),
    ] {
        let mut watch = Watch::restore(&odd);
        assert_eq!(watch.devices(&device(0), NOW), [], "{odd}");
        assert_eq!(keys(&watch.devices(&device(1), NOW)), ["derived.device.online"]);
    }
}

#[test]
fn a_device_that_was_removed_is_seen_for_the_first_time_when_it_comes_back() {
    let mut watch = Watch::default();
    watch.devices(&device(1), NOW);
    watch.forget("aa:bb:cc:00:01:01");
    assert_eq!(watch.devices(&device(0), later(1)), []);
}

#[test]
fn memory_is_bounded() {
    let mut watch = Watch::default();
    for number in 0..MOST_CLIENTS as u64 + 100 {
        let mac = Mac::from_u64(0x0200_0000_0000 + number).to_string();
        watch.clients(&rows(json!([{"mac": mac}])), number == 0, later(number));
        let id = format!("c{number}");
        for copy in 0..2 {
            let camera = console(json!({"state": "CONNECTED"}));
            watch.protect("camera", &format!("{id}-{copy}"), &camera, NOW);
        }
    }
    assert_eq!((watch.clients.len(), watch.known.len()), (MOST_CLIENTS, MOST));
}

#[test]
fn the_table_has_every_facet_once() {
    let mut words: Vec<_> = Facet::TABLE.iter().map(|row| row.1).collect();
    words.sort_unstable();
    words.dedup();
    assert_eq!(words.len(), Facet::TABLE.len());
    assert!(Facet::TABLE.iter().all(|row| row.0.row().0 == row.1));
}

#[test]
fn the_catalogue_has_all_that_is_derived_and_each_reads_well() {
    let others = [
        unreachable("192.0.2.1", Duration::from_secs(90), NOW),
        reached("192.0.2.1", Duration::from_secs(90), NOW),
        gap("the log", NOW, later(60), NOW),
        stalled("Protect", Duration::from_secs(300), NOW),
        refused("192.0.2.1", NOW),
        happening("derived.client.new", Map::new(), NOW),
    ];
    let facets = Facet::TABLE.iter().flat_map(|row| [row.2, row.3, row.4]);
    for key in facets.chain(others.iter().map(|it| it.key.as_str())).filter(|key| !key.is_empty()) {
        assert!(crate::catalogue::entry(key).is_some(), "{key}");
    }
    let said: Vec<_> =
        others.iter().map(|it| crate::catalogue::sentence(it, &|_| None)).take(5).collect();
    assert_eq!(
        said,
        [
            "The console 192.0.2.1 has not been reached for 1 min",
            "The console 192.0.2.1 is reached again after 1 min",
            "Events of the log between 2026-09-21T14:13 UTC and 2026-09-21T14:14 UTC may be missing",
            "Protect has told nothing for 5 min",
            "The console 192.0.2.1 refuses the name or the password",
        ]
    );
}
