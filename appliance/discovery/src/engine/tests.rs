//! The engine with frames as the decoders hand them over.

use std::net::{IpAddr, Ipv4Addr};

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::decode::{Arp, Dhcp4, Dhcp4Kind, Fact, Heard, Mdns, RouterAdvertisement};
use crate::segment::Network;

mod bounds;
mod times;

const START: Timestamp = Timestamp(1_800_000_000_000);
const PHONE: Mac = Mac([0x3c, 0x06, 0x30, 1, 2, 3]);
const OTHER: Mac = Mac([0x3c, 0x06, 0x30, 9, 9, 9]);
const OWN: Mac = Mac([0x00, 0x15, 0x17, 0, 0, 1]);

fn after(secs: u64) -> Timestamp {
    START.plus(Duration::from_secs(secs))
}

fn ip(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(192, 168, 1, last)
}

fn lan() -> Segment {
    let own = IpAddr::from(ip(1));
    Segment { index: 2, name: "lan0".into(), mac: OWN, networks: vec![Network { own, prefix: 24 }] }
}

fn engine() -> Engine {
    let mut engine = Engine::new(Vec::new(), 1, Settings::default(), START);
    engine.set_own([OWN]);
    engine
}

fn frame(source: Mac, address: Option<Ipv4Addr>, fact: Fact) -> Heard {
    let ip = address.map(IpAddr::from);
    Heard { source, destination: Mac::BROADCAST, vlan: None, ip, hop_limit: None, fact }
}

fn arp(sender: Mac, sender_ip: Ipv4Addr) -> Heard {
    let (target, target_ip) = (Mac::ZERO, ip(1));
    frame(sender, None, Fact::Arp(Arp { reply: false, sender, sender_ip, target, target_ip }))
}

fn message(client: Mac) -> Dhcp4 {
    Dhcp4 {
        from_client: false,
        kind: None,
        transaction: 7,
        client,
        current: None,
        given: None,
        relay: None,
        server: None,
        requested: None,
        lease_seconds: None,
        host_name: None,
        fqdn: None,
        vendor_class: None,
        client_id: None,
        parameters: Vec::new(),
    }
}

fn dhcp(client: Mac, name: &str, client_id: &[u8]) -> Heard {
    let request = Dhcp4 {
        from_client: true,
        kind: Some(Dhcp4Kind::Request),
        host_name: Some(name.to_owned()),
        client_id: Some(client_id.to_owned()),
        parameters: vec![1, 3, 6, 15, 119, 252],
        ..message(client)
    };
    frame(client, None, Fact::Dhcp4(Box::new(request)))
}

/// The kinds of what was told, after newcomers were introduced.
fn kinds(engine: &mut Engine) -> Vec<&'static str> {
    engine.introduce(after(1_000_000));
    engine.take_changes().events.iter().map(|e| e.kind).collect()
}

#[test]
fn the_first_frame_makes_a_device_once() {
    let mut engine = engine();
    engine.hear(START, &lan(), &arp(PHONE, ip(7)));
    engine.hear(after(1), &lan(), &arp(PHONE, ip(7)));
    let device = engine.by_mac(PHONE).expect("is a device");
    assert!(device.presence.online);
    assert_eq!(device.main_address().map(|a| a.ip), Some(ip(7).into()));
    assert_eq!(device.vendor(), Some("Apple"));
    assert_eq!(kinds(&mut engine), ["new_device"]);
}

#[test]
fn a_known_device_that_tells_of_another_service_is_worth_a_question() {
    let offers = |services: &[&str]| {
        let services = services.iter().map(|&s| s.to_owned()).collect();
        let mdns = Mdns { response: true, services, ..Mdns::default() };
        frame(PHONE, Some(ip(7)), Fact::Mdns(mdns.into()))
    };
    let mut engine = engine();
    engine.hear(START, &lan(), &arp(PHONE, ip(7)));
    engine.introduce(after(10));
    assert!(engine.take_services_told(), "at the start everything is looked at");
    assert!(!engine.take_services_told());
    engine.hear(after(11), &lan(), &offers(&["_companion-link._tcp"]));
    assert!(engine.take_services_told());
    engine.hear(after(12), &lan(), &offers(&["_companion-link._tcp"]));
    assert!(!engine.take_services_told(), "it said so before");
    engine.hear(after(13), &lan(), &offers(&["_companion-link._tcp", "_ssh._tcp"]));
    assert!(engine.take_services_told());
}

#[test]
fn what_the_router_itself_sends_is_no_device() {
    let mut engine = engine();
    engine.hear(START, &lan(), &arp(OWN, ip(1)));
    engine.neighbour(START, &lan(), ip(1).into(), OWN);
    assert_eq!(engine.tally().devices, 0);
}

#[test]
fn addresses_off_the_link_are_not_believed() {
    let mut engine = engine();
    engine.hear(START, &lan(), &arp(PHONE, Ipv4Addr::new(8, 8, 8, 8)));
    assert!(engine.by_mac(PHONE).expect("is a device").addresses.is_empty());
}

#[test]
fn silence_makes_it_offline_and_a_frame_brings_it_back() {
    let mut engine = engine();
    engine.hear(START, &lan(), &arp(PHONE, ip(7)));
    engine.tick(after(301));
    engine.tick(after(302));
    engine.hear(after(400), &lan(), &arp(PHONE, ip(7)));
    assert_eq!(kinds(&mut engine), ["new_device", "device_offline", "device_online"]);
}

#[test]
fn an_address_that_moves_belongs_to_the_new_one_only() {
    let mut engine = engine();
    engine.hear(START, &lan(), &arp(PHONE, ip(7)));
    engine.hear(after(1), &lan(), &arp(OTHER, ip(7)));
    let current = |mac| {
        let device = engine.by_mac(mac).expect("is a device");
        device.addresses.iter().filter(|a| a.current).count()
    };
    assert_eq!((current(PHONE), current(OTHER)), (0, 1));
    assert_eq!(engine.by_ip(ip(7).into()).map(|d| d.mac), Some(OTHER));
}

#[test]
fn a_made_up_address_that_claims_anothers_is_the_only_one_to_have_it() {
    let mut engine = engine();
    engine.hear(START, &lan(), &dhcp(RANDOM_1, "Kims-iPhone", DUID));
    engine.hear(START, &lan(), &arp(PHONE, ip(252)));
    engine.hear(after(75), &lan(), &arp(RANDOM_2, ip(252)));
    engine.tick(after(78));
    let current = |mac| {
        let device = engine.by_mac(mac).expect("is a device");
        device.addresses.iter().filter(|a| a.current).count()
    };
    assert_eq!((current(PHONE), current(RANDOM_2)), (0, 1));
    assert_eq!(engine.by_ip(ip(252).into()).map(|d| d.mac), Some(RANDOM_2));
}

#[test]
fn an_address_that_moves_after_a_restart_belongs_to_the_new_one_only() {
    let mut before = engine();
    before.hear(START, &lan(), &arp(PHONE, ip(7)));
    let stored: Vec<Device> = before.iter().cloned().collect();
    let mut engine = Engine::new(stored, 2, Settings::default(), after(10));
    engine.hear(after(20), &lan(), &arp(OTHER, ip(7)));
    let phone = engine.by_mac(PHONE).expect("is a device");
    assert!(phone.addresses.iter().all(|a| !a.current), "{:?}", phone.addresses);
    assert!(engine.take_changes().dirty.len() == 2, "and that is stored");
}

#[test]
fn nobody_has_the_networks_own_or_its_broadcast_address() {
    let mut engine = engine();
    for last in [0, 255] {
        engine.hear(START, &lan(), &arp(PHONE, ip(last)));
        engine.neighbour(START, &lan(), ip(last).into(), PHONE);
    }
    assert!(engine.by_mac(PHONE).is_none_or(|d| d.addresses.is_empty()));
}

#[test]
fn two_that_fight_over_an_address_are_told_once() {
    let mut engine = engine();
    for n in 0..20 {
        engine.hear(after(n), &lan(), &arp(if n % 2 == 0 { PHONE } else { OTHER }, ip(7)));
    }
    let conflicts = kinds(&mut engine).iter().filter(|k| **k == "ip_conflict").count();
    assert_eq!(conflicts, 1);
}

#[test]
fn a_dhcp_request_names_the_device_at_once() {
    let mut engine = engine();
    engine.hear(START, &lan(), &dhcp(PHONE, "Kims-iPhone", b"\x01abcdef"));
    assert_eq!(engine.by_mac(PHONE).expect("is a device").name(), "Kims-iPhone");
}

const RANDOM_1: Mac = Mac([0x02, 1, 1, 1, 1, 1]);
const RANDOM_2: Mac = Mac([0x06, 2, 2, 2, 2, 2]);
const DUID: &[u8] = b"\xff\x00\x00\x00\x01\x00\x01\x00\x01\x2a\x2b\x2c\x2d\x3c\x06\x30\x01\x02\x03";

#[test]
fn a_new_randomised_address_with_the_same_identifier_is_the_same_device() {
    let mut engine = engine();
    engine.hear(START, &lan(), &dhcp(RANDOM_1, "Kims-iPhone", DUID));
    engine.tick(after(3));
    engine.tick(after(1_000));
    engine.hear(after(1_001), &lan(), &dhcp(RANDOM_2, "Kims-iPhone", DUID));
    engine.tick(after(1_003));
    assert_eq!(engine.tally().devices, 1);
    let device = engine.by_mac(RANDOM_2).expect("is known");
    assert_eq!(device.macs, [RANDOM_1, RANDOM_2]);
    assert!(device.presence.online);
    let kinds = kinds(&mut engine);
    assert_eq!(kinds, ["new_device", "device_offline", "device_online", "device_merged"]);
}

#[test]
fn what_a_newcomer_shows_while_it_waits_counts() {
    let mut engine = engine();
    engine.hear(START, &lan(), &dhcp(RANDOM_1, "Kims-iPhone", DUID));
    engine.hear(after(1), &lan(), &dhcp(RANDOM_2, "Annas-iPhone", b"\x01\x06\x02\x02\x02\x02\x02"));
    assert!(engine.by_mac(RANDOM_2).is_none(), "it waits to be recognised");
    engine.tick(after(3));
    let device = engine.by_mac(RANDOM_2).expect("is a device");
    assert_eq!((device.name().as_str(), device.os_family()), ("Annas-iPhone", Some("iOS")));
}

#[test]
fn one_that_is_recognised_late_is_absorbed() {
    let mut engine = engine();
    engine.hear(START, &lan(), &dhcp(RANDOM_1, "Kims-iPhone", DUID));
    // The change comes while the old address still counts as there.
    engine.hear(after(10), &lan(), &dhcp(RANDOM_2, "Kims-iPhone", DUID));
    engine.tick(after(12));
    assert_eq!(engine.tally().devices, 2);
    let absorbed = engine.by_mac(RANDOM_2).expect("is a device").id;
    engine.hear(after(200), &lan(), &arp(RANDOM_2, ip(9)));
    engine.tick(after(201));
    assert_eq!(engine.tally().devices, 1);
    let into = engine.by_mac(RANDOM_2).expect("is known").id;
    assert_eq!(engine.take_changes().merged, [(absorbed, into)]);
}

#[test]
fn a_device_on_cable_and_wifi_does_not_change_with_every_frame() {
    let mut engine = engine();
    engine.hear(START, &lan(), &arp(PHONE, ip(7)));
    engine.hear(START, &lan(), &arp(OTHER, ip(8)));
    let (wifi, cable) = (engine.id_of(PHONE), engine.id_of(OTHER));
    let (wifi, cable) = (wifi.expect("is a device"), cable.expect("is a device"));
    let mut merged = engine.get(wifi).expect("is a device").clone();
    merged.take_over(&engine.get(cable).expect("is a device").clone());
    engine.merged_by_person(cable, merged);
    engine.hear(after(1), &lan(), &arp(PHONE, ip(7)));
    engine.hear(after(1), &lan(), &arp(OTHER, ip(8)));
    let present = engine.get(wifi).expect("is a device").mac;
    drop(engine.take_changes());
    for second in 2..50 {
        engine.hear(after(second), &lan(), &arp(PHONE, ip(7)));
        engine.hear(after(second), &lan(), &arp(OTHER, ip(8)));
    }
    assert_eq!(engine.get(wifi).map(|d| d.mac), Some(present));
    assert!(engine.take_changes().is_empty());
    let other = if present == PHONE { OTHER } else { PHONE };
    for second in 50..150 {
        engine.hear(after(second), &lan(), &arp(other, ip(8)));
    }
    assert_eq!(engine.get(wifi).map(|d| d.mac), Some(other), "the cable was pulled");
}

#[test]
fn a_second_dhcp_server_is_a_stranger() {
    let mut engine = engine();
    let offer = |server: Ipv4Addr| {
        let offer = Dhcp4 { kind: Some(Dhcp4Kind::Offer), server: Some(server), ..message(PHONE) };
        Fact::Dhcp4(Box::new(offer))
    };
    engine.hear(START, &lan(), &frame(PHONE, Some(ip(2)), offer(ip(2))));
    engine.hear(after(1), &lan(), &frame(OTHER, Some(ip(3)), offer(ip(3))));
    engine.hear(after(2), &lan(), &frame(OTHER, Some(ip(3)), offer(ip(3))));
    let rogues = kinds(&mut engine).iter().filter(|k| **k == "dhcp_rogue").count();
    assert_eq!(rogues, 1);
}

#[test]
fn whoever_claims_the_routers_own_address_is_told_of_once_an_hour() {
    let mut engine = engine();
    for second in 0..20 {
        engine.hear(after(second), &lan(), &arp(OTHER, ip(1)));
    }
    engine.hear(after(4_000), &lan(), &arp(OTHER, ip(1)));
    let spoofs = kinds(&mut engine).iter().filter(|k| **k == "arp_spoof").count();
    assert_eq!(spoofs, 2);
    assert!(engine.by_ip(ip(1).into()).is_none(), "and does not get it");
}

#[test]
fn on_a_router_another_router_is_a_stranger() {
    let settings = Settings { forwards_ipv6: true, ..Settings::default() };
    let mut engine = Engine::new(Vec::new(), 1, settings, START);
    let advertisement = RouterAdvertisement {
        lifetime: 1800,
        managed: false,
        other: false,
        source_link: Some(OTHER),
        prefixes: Vec::new(),
    };
    let mut heard = frame(OTHER, None, Fact::RouterAdvertisement(advertisement));
    heard.ip = Some("fe80::9".parse().expect("valid"));
    engine.hear(START, &lan(), &heard);
    engine.hear(after(1), &lan(), &heard);
    let rogues = kinds(&mut engine).iter().filter(|k| **k == "router_advertisement_rogue").count();
    assert_eq!(rogues, 1);
}

#[test]
fn a_flood_of_made_up_addresses_is_bounded_and_counted() {
    let mut engine = engine();
    for n in 0..30_000_u64 {
        let mac = Mac::from_u64(0x3c06_3000_0000 + n);
        engine.hear(START, &lan(), &frame(mac, None, Fact::Other));
    }
    let tally = engine.tally();
    assert!(tally.devices <= 6_000, "{tally:?}");
    assert_eq!(tally.devices as u64 + tally.refused, 30_000);
    assert!(tally.flood(START).is_some_and(|text| text.contains("24000 times")), "{tally:?}");
    assert_eq!(tally.flood(after(3_601)), None);
}

#[test]
fn changes_that_could_not_be_stored_come_again_in_order() {
    let mut engine = engine();
    engine.hear(START, &lan(), &arp(PHONE, ip(7)));
    let first = engine.take_changes();
    engine.tick(after(301));
    engine.give_back(first);
    assert_eq!(kinds(&mut engine), ["new_device", "device_offline"]);
}

#[test]
fn a_quiet_device_is_stored_again_only_every_five_minutes() {
    let mut engine = engine();
    engine.hear(START, &lan(), &arp(PHONE, ip(7)));
    let id = engine.by_mac(PHONE).expect("is a device").id;
    engine.tick(after(3));
    drop(engine.take_changes());
    for second in 4..300 {
        engine.hear(after(second), &lan(), &arp(PHONE, ip(7)));
        engine.tick(after(second));
        assert!(engine.take_changes().is_empty(), "second {second}");
    }
    engine.hear(after(301), &lan(), &arp(PHONE, ip(7)));
    engine.tick(after(301));
    assert!(engine.take_changes().dirty.contains(&id));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_order_of_frames_leaves_two_holders_of_an_address(
        frames in prop::collection::vec(
            (0_u8..6, any::<bool>(), any::<bool>(), 2_u8..6, 0_u64..400_000), 1..120
        )
    ) {
        let mut engine = engine();
        // Made-up addresses wait to be recognised only once there is one to recognise.
        engine.hear(START, &lan(), &dhcp(RANDOM_1, "Kims-iPhone", DUID));
        let mut now = START.plus(Duration::from_secs(3));
        for (station, made_up, asks, address, gap) in frames {
            // Half of the gaps are shorter than the wait.
            now = now.plus(Duration::from_millis(if gap % 2 == 0 { gap } else { gap / 200 }));
            let mac = Mac([if made_up { 0x3e } else { 0x3c }, 0x06, 0x30, 0, 0, station]);
            if asks {
                engine.hear(now, &lan(), &dhcp(mac, "Kims-iPhone", DUID));
            }
            engine.hear(now, &lan(), &arp(mac, ip(address)));
            engine.tick(now);
            for last in 2..6 {
                let holders = engine
                    .iter()
                    .filter(|d| d.addresses.iter().any(|a| a.current && a.ip == IpAddr::from(ip(last))))
                    .count();
                prop_assert!(holders <= 1, "{last}: {holders}");
            }
            prop_assert!(made_up || engine.by_mac(mac).is_some_and(|d| d.presence.online));
        }
    }
}

#[test]
fn a_device_that_is_heard_while_a_person_enters_it_is_one() {
    let mut engine = engine();
    let mut entered = Device::first_heard(engine.reserve_id(), PHONE, "", START);
    entered.manual = true;
    entered.person.name = Some("Kitchen radio".to_owned());
    engine.hear(START, &lan(), &arp(PHONE, ip(7)));
    engine.insert_manual(entered.clone());
    assert_eq!(engine.tally().devices, 1);
    let device = engine.by_mac(PHONE).expect("is a device");
    assert_eq!((device.id, device.name().as_ref()), (entered.id, "Kitchen radio"));
    assert!(device.presence.online && device.manual);
    assert_eq!(device.main_address().map(|a| a.ip), Some(ip(7).into()));
    let changes = engine.take_changes();
    assert_eq!(changes.dirty.iter().copied().collect::<Vec<_>>(), [entered.id]);
}

#[test]
fn a_relay_is_not_called_by_the_names_of_its_clients() {
    let mut engine = engine();
    let mut relayed = dhcp(PHONE, "Annas-iPhone", b"anna");
    relayed.source = OTHER;
    if let Fact::Dhcp4(dhcp) = &mut relayed.fact {
        dhcp.relay = Some(ip(200));
    }
    engine.hear(START, &lan(), &arp(OTHER, ip(200)));
    engine.hear(START, &lan(), &relayed);
    assert_eq!(engine.by_mac(OTHER).expect("is a device").hostname(), None);
    assert!(engine.by_mac(PHONE).is_none());
}

#[test]
fn a_made_up_address_that_claims_the_routers_own_is_told_of_at_once() {
    let mut engine = engine();
    let private = Mac([0x06, 1, 2, 3, 4, 5]);
    engine.hear(START, &lan(), &dhcp(private, "Annas-iPhone", b"anna"));
    let made_up = Mac([0x02, 0xde, 0xad, 0, 0, 0x77]);
    engine.hear(after(1), &lan(), &arp(made_up, ip(9)));
    assert!(engine.by_mac(made_up).is_none(), "it may yet be the phone");
    engine.take_changes();
    engine.hear(after(2), &lan(), &arp(made_up, ip(1)));
    let told: Vec<_> = engine.take_changes().events.iter().map(|e| e.kind).collect();
    assert!(told.contains(&"arp_spoof"), "{told:?}");
}

#[test]
fn a_name_that_was_leased_before_anybody_listened_is_the_devices() {
    let mut engine = engine();
    engine.leased(START, PHONE, "kims-ipad");
    assert_eq!(engine.tally().devices, 0);
    engine.hear(after(1), &lan(), &arp(PHONE, ip(7)));
    assert_eq!(engine.by_mac(PHONE).expect("is a device").hostname(), Some("kims-ipad"));
}

#[test]
fn a_server_that_was_trusted_before_the_router_served_itself_is_a_stranger_then() {
    let mut engine = engine();
    let offer = |engine: &mut Engine, at| {
        let mut answer = message(PHONE);
        (answer.kind, answer.server) = (Some(Dhcp4Kind::Offer), Some(ip(66)));
        engine.hear(at, &lan(), &frame(OTHER, Some(ip(66)), Fact::Dhcp4(Box::new(answer))));
        engine.take_changes().events.iter().any(|e| e.kind == "dhcp_rogue")
    };
    assert!(!offer(&mut engine, START), "the first is taken for the right one");
    engine.set_settings(Settings { serves_dhcp: true, ..engine.settings().clone() });
    assert!(offer(&mut engine, after(1)));
}

#[test]
fn who_is_let_go_for_age_is_told_of() {
    let mut engine = engine();
    engine.hear(START, &lan(), &arp(PHONE, ip(7)));
    let id = engine.by_mac(PHONE).expect("is a device").id;
    engine.tick(after(600));
    engine.take_changes();
    engine.tick(after(400 * 86_400));
    let changes = engine.take_changes();
    assert_eq!(changes.gone, [id]);
    let told = changes.events.iter().find(|e| e.kind == "device_forgotten").expect("is told");
    assert_eq!(told.data["forgotten"], json!(id));
}
