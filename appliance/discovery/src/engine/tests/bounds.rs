//! What a hostile or merely large network must not be able to do.

use std::time::Instant;

use super::*;
use crate::engine::telling::MAX_WAITING_EVENTS;

/// A randomised address by number.
fn random(n: u64) -> Mac {
    Mac::from_u64(0x0200_0000_0000 + n)
}

fn offer(server: Ipv4Addr) -> Fact {
    let offer = Dhcp4 { kind: Some(Dhcp4Kind::Offer), server: Some(server), ..message(PHONE) };
    Fact::Dhcp4(Box::new(offer))
}

fn count(engine: &mut Engine, kind: &str) -> usize {
    engine.take_changes().events.iter().filter(|e| e.kind == kind).count()
}

#[test]
fn one_that_changes_its_address_with_every_frame_is_told_of_once_a_span() {
    let mut engine = engine();
    for n in 0..25_000_u64 {
        let last = u8::try_from(2 + n % 250).expect("fits");
        engine.hear(after(n / 50), &lan(), &arp(PHONE, ip(last)));
    }
    assert_eq!(count(&mut engine, "address_changed"), 1);
    engine.tick(after(700));
    assert_eq!(count(&mut engine, "address_changed"), 1, "the present one, at the end of the span");
    engine.tick(after(1_400));
    assert_eq!(count(&mut engine, "address_changed"), 0);
}

#[test]
fn one_that_changes_its_address_with_every_frame_is_stored_a_few_times_a_minute() {
    let mut engine = engine();
    engine.hear(START, &lan(), &arp(PHONE, ip(7)));
    let mut stored = 0;
    for n in 0..600_u64 {
        let last = u8::try_from(2 + n % 250).expect("fits");
        engine.hear(after(n / 10), &lan(), &arp(PHONE, ip(last)));
        stored += engine.take_changes().dirty.len();
    }
    assert!((1..=21).contains(&stored), "{stored}");
    engine.tick(after(61));
    assert_eq!(engine.take_changes().dirty.len(), 1, "what was put off is stored");
}

#[test]
fn events_never_pile_up() {
    let mut engine = engine();
    for round in 0..40_u64 {
        for n in 0..500 {
            let mac = Mac::from_u64(0x3c06_3000_0000 + n);
            engine.hear(after(round * 400), &lan(), &frame(mac, None, Fact::Other));
        }
        engine.tick(after(round * 400 + 399));
    }
    let lost = engine.tally().events_lost;
    let events = engine.take_changes().events.len();
    assert!(events <= MAX_WAITING_EVENTS, "{events}");
    assert!(lost > 0 && events as u64 + lost >= 40_000, "{events} {lost}");
}

#[test]
fn two_thousand_randomised_devices_cost_little() {
    let mut engine = engine();
    let named = |n: u64| dhcp(random(n), &format!("Kims-tablet-no{n}"), b"\x01abcdef");
    for n in 0..2_000 {
        engine.hear(START, &lan(), &named(n));
    }
    engine.tick(after(2));
    engine.tick(after(4));
    assert_eq!(engine.tally().devices, 2_000);
    let begun = Instant::now();
    for n in 0..10 {
        engine.tick(after(5 + n));
    }
    let a_tick = begun.elapsed() / 10;
    assert!(a_tick < Duration::from_millis(400), "{a_tick:?}");
    let begun = Instant::now();
    for n in 0..1_000 {
        engine.hear(after(20), &lan(), &named(n));
    }
    let a_frame = begun.elapsed() / 1_000;
    assert!(a_frame < Duration::from_millis(20), "{a_frame:?}");
}

#[test]
fn many_of_one_name_cost_little_and_stay_apart() {
    let mut engine = engine();
    let named = |n: u64| dhcp(random(n), "Kims-tablet", DUID);
    for n in 0..1_000 {
        engine.hear(START, &lan(), &named(n));
    }
    engine.tick(after(2));
    let begun = Instant::now();
    for n in 0..10 {
        engine.tick(after(500 + n));
    }
    let a_tick = begun.elapsed() / 10;
    assert!(a_tick < Duration::from_millis(400), "{a_tick:?}");
    assert_eq!(engine.tally().devices, 1_000);
}

#[test]
fn the_addresses_of_one_device_are_bounded() {
    let mut engine = engine();
    for n in 0..50_u64 {
        let start = n * 1_000;
        engine.hear(after(start), &lan(), &dhcp(random(n), "Kims-iPhone", DUID));
        engine.tick(after(start + 2));
        engine.tick(after(start + 900));
    }
    let device = engine.by_mac(random(49)).expect("is known");
    assert!(device.macs.len() <= 32, "{}", device.macs.len());
    assert_eq!(device.mac, random(49));
    assert!(engine.by_mac(random(0)).is_none(), "the oldest is given up");
    assert_eq!(engine.tally().devices, 1);
}

#[test]
fn a_seventeenth_stranger_is_told_of_as_well() {
    let mut engine = engine();
    for n in 2..40 {
        engine.hear(START, &lan(), &frame(OTHER, Some(ip(n)), offer(ip(n))));
        engine.hear(after(1), &lan(), &frame(OTHER, Some(ip(n)), offer(ip(n))));
    }
    assert_eq!(count(&mut engine, "dhcp_rogue"), 37);
}

#[test]
fn a_stranger_that_comes_back_after_a_day_is_told_of_again() {
    let mut engine = engine();
    for second in [0, 1, 2, 90_000] {
        engine.hear(after(second), &lan(), &frame(PHONE, Some(ip(2)), offer(ip(2))));
        engine.hear(after(second), &lan(), &frame(OTHER, Some(ip(3)), offer(ip(3))));
    }
    assert_eq!(count(&mut engine, "dhcp_rogue"), 2);
}

#[test]
fn a_stranger_with_a_randomised_address_is_told_of_once_it_is_a_device() {
    let mut engine = engine();
    engine.hear(START, &lan(), &dhcp(random(1), "Kims-iPhone", DUID));
    engine.hear(START, &lan(), &frame(PHONE, Some(ip(2)), offer(ip(2))));
    engine.hear(after(1), &lan(), &frame(random(2), Some(ip(3)), offer(ip(3))));
    engine.tick(after(4));
    engine.hear(after(5), &lan(), &frame(random(2), Some(ip(3)), offer(ip(3))));
    assert_eq!(count(&mut engine, "dhcp_rogue"), 1);
}

#[test]
fn a_device_with_another_name_and_number_in_every_frame_is_stored_some_times_a_minute() {
    let mut engine = engine();
    let mut stores = 0;
    for n in 0..3_000_u64 {
        let now = START.plus(Duration::from_millis(n * 20));
        let name = format!("name-{n}");
        engine.hear(now, &lan(), &dhcp(PHONE, &name, name.as_bytes()));
        engine.tick(now);
        stores += engine.take_changes().dirty.len();
    }
    assert!((2..=30).contains(&stores), "{stores} stores in a minute");
    engine.tick(after(61));
    assert!(!engine.take_changes().dirty.is_empty(), "the last name is stored in the end");
}
