//! Steps of the clock, and who is let go.

use super::*;

const HOUR: u64 = 3_600;
const DAY: u64 = 86_400;

fn silent_since(id: i64, mac: Mac, last_seen: Timestamp) -> Device {
    let mut device = Device::first_heard(DeviceId(id), mac, "lan0", last_seen);
    device.presence.online = false;
    device
}

#[test]
fn a_step_forwards_makes_nobody_offline() {
    let mut engine = engine();
    engine.hear(START, &lan(), &arp(PHONE, ip(7)));
    engine.clock_stepped(after(HOUR));
    engine.tick(after(HOUR + 1));
    assert!(engine.by_mac(PHONE).expect("is a device").presence.online);
    engine.tick(after(HOUR + 301));
    assert!(!engine.by_mac(PHONE).expect("is a device").presence.online);
}

#[test]
fn after_a_step_backwards_silence_counts() {
    let mut engine = engine();
    engine.hear(START, &lan(), &arp(PHONE, ip(7)));
    let now = START.minus(Duration::from_secs(3_650 * DAY));
    engine.clock_stepped(now);
    engine.tick(now.plus(Duration::from_secs(299)));
    assert!(engine.by_mac(PHONE).expect("is a device").presence.online);
    engine.tick(now.plus(Duration::from_secs(310)));
    let device = engine.by_mac(PHONE).expect("is a device");
    assert!(!device.presence.online && device.presence.last_seen <= now);
    assert!(device.addresses.iter().all(|a| a.last_seen <= now));
}

#[test]
fn a_clock_that_is_wrong_at_start_loses_no_time_of_the_past() {
    let stored = silent_since(1, PHONE, START);
    let wrong = Timestamp(0);
    let mut engine = Engine::new(vec![stored], 2, Settings::default(), wrong);
    assert_eq!(engine.by_mac(PHONE).expect("is known").presence.last_seen, wrong);
    engine.clock_stepped(after(10));
    assert_eq!(engine.by_mac(PHONE).expect("is known").presence.last_seen, START);
}

#[test]
fn two_that_are_there_are_not_joined_by_a_step() {
    let mut engine = engine();
    engine.hear(START, &lan(), &dhcp(RANDOM_1, "Kims-iPhone", DUID));
    engine.hear(START, &lan(), &dhcp(RANDOM_2, "Kims-iPhone", DUID));
    engine.tick(after(2));
    engine.clock_stepped(after(HOUR / 2));
    engine.tick(after(HOUR / 2 + 1));
    assert_eq!(engine.tally().devices, 2);
}

#[test]
fn at_the_limit_the_longest_silent_make_room() {
    let many = i64::try_from(MAX_DEVICES).expect("fits");
    let mut stored: Vec<Device> = (1..=many)
        .map(|n| {
            let mac = Mac::from_u64(0x3c06_3000_0000 + n.unsigned_abs());
            silent_since(n, mac, START.minus(Duration::from_secs(n.unsigned_abs())))
        })
        .collect();
    stored[MAX_DEVICES - 1].person.known = true;
    let (touched, oldest) = (DeviceId(many), DeviceId(many - 1));
    let mut engine = Engine::new(stored, many + 1, Settings::default(), START);
    let new = Mac([0x3c, 0x06, 0x31, 0, 0, 0]);
    engine.hear(START, &lan(), &arp(new, ip(7)));
    assert!(engine.by_mac(new).is_some());
    assert!(engine.get(touched).is_some() && engine.get(oldest).is_none());
    let gone = engine.take_changes().gone;
    assert!(gone.contains(&oldest) && gone.len() as u64 == engine.tally().evicted);
}

#[test]
fn who_is_silent_for_very_long_is_let_go_unless_a_person_touched_it() {
    let random = silent_since(1, RANDOM_1, START);
    let fixed = silent_since(2, PHONE, START);
    let mut touched = silent_since(3, RANDOM_2, START);
    touched.person.notes = "Kim's".to_owned();
    let mut engine = Engine::new(vec![random, fixed, touched], 4, Settings::default(), START);
    engine.tick(after(29 * DAY));
    assert_eq!(engine.tally().devices, 3);
    engine.tick(after(31 * DAY));
    assert_eq!(engine.take_changes().gone, [DeviceId(1)]);
    engine.tick(after(366 * DAY));
    assert_eq!(engine.take_changes().gone, [DeviceId(2)]);
    assert_eq!((engine.tally().devices, engine.tally().evicted), (1, 2));
}

#[test]
fn changes_name_no_device_that_is_gone() {
    let mut engine = engine();
    engine.hear(START, &lan(), &dhcp(RANDOM_1, "Kims-iPhone", DUID));
    engine.hear(after(10), &lan(), &dhcp(RANDOM_2, "Kims-iPhone", DUID));
    engine.tick(after(12));
    let absorbed = engine.id_of(RANDOM_2).expect("is a device");
    engine.hear(after(200), &lan(), &arp(RANDOM_2, ip(9)));
    engine.tick(after(201));
    let into = engine.id_of(RANDOM_2).expect("is known");
    engine.hear(after(201), &lan(), &arp(PHONE, ip(7)));
    let last = engine.by_mac(PHONE).expect("is a device").clone();
    let failed = engine.take_changes();
    assert_eq!(failed.merged, [(absorbed, into)]);
    engine.merged_by_person(into, last.clone());
    engine.give_back(failed.clone());
    let changes = engine.take_changes();
    assert_eq!(changes.merged, [(absorbed, last.id), (into, last.id)]);
    assert!(changes.presence.iter().all(|(of, _, _)| *of == last.id));
    assert!(changes.events.iter().all(|e| e.device == Some(last.id)));
    engine.forget(last.id);
    engine.give_back(changes);
    let changes = engine.take_changes();
    assert!(changes.merged.is_empty() && changes.dirty.is_empty() && changes.presence.is_empty());
    assert!(changes.events.iter().all(|e| e.device.is_none()));
    for id in [absorbed, into, last.id] {
        assert!(changes.gone.contains(&id));
    }
}
