use proptest::prelude::*;

use super::*;

const DUID: &[u8] =
    &[0xff, 1, 2, 3, 4, 0, 2, 0, 0, 0xab, 0x11, 0x5c, 0x7e, 0x1d, 0x90, 0x33, 0x21, 0x8f, 0x02];

fn trace(mac: u64, client_id: Option<&[u8]>, hostname: Option<&str>) -> Trace {
    Trace {
        client_id: client_id.map(Into::into),
        hostname: hostname.map(Into::into),
        parameters: vec![1, 121, 3, 6, 15, 108, 114, 119, 252],
        vendor_class: None,
        ..Trace::new(Mac::from_u64(0x0200_0000_0000 | mac))
    }
}

fn offline(device: i64, trace: Trace) -> Candidate {
    Candidate { device: DeviceId(device), online: false, trace }
}

#[test]
fn a_phone_that_rotates_its_address_stays_one_device_by_its_name() {
    let old = offline(7, trace(1, None, Some("Johns-iPhone")));
    let merge = same_device(&trace(2, None, Some("johns-iphone.local")), &[old]).unwrap();
    assert_eq!(merge.device, DeviceId(7));
    assert!(merge.reason.contains("johns-iphone"), "{}", merge.reason);
    assert!(merge.reason.contains("02:00:00:00:00:01"), "{}", merge.reason);
}

#[test]
fn a_laptop_that_rotates_its_address_stays_one_device_by_its_client_id() {
    for (old_name, new_name) in [(None, None), (Some("ada"), None), (Some("ada"), Some("ADA"))] {
        let old = offline(3, trace(1, Some(DUID), old_name));
        let merge = same_device(&trace(2, Some(DUID), new_name), &[old]).unwrap();
        assert_eq!(merge.device, DeviceId(3));
        assert!(merge.reason.contains("client identifier"), "{}", merge.reason);
    }
}

#[test]
fn a_client_id_with_two_different_names_is_two_devices() {
    let old = offline(3, trace(1, Some(DUID), Some("ada")));
    assert_eq!(same_device(&trace(2, Some(DUID), Some("bob")), &[old]), None);
}

#[test]
fn a_device_that_is_online_is_never_merged() {
    for (id, name) in [(Some(DUID), None), (None, Some("johns-iphone"))] {
        let mut old = offline(3, trace(1, id, name));
        old.online = true;
        assert_eq!(same_device(&trace(2, id, name), &[old]), None);
    }
}

#[test]
fn an_online_device_that_fits_as_well_stops_the_merge() {
    let away = offline(3, trace(1, Some(DUID), None));
    let mut here = offline(4, trace(5, Some(DUID), None));
    here.online = true;
    assert_eq!(same_device(&trace(2, Some(DUID), None), &[away, here]), None);
}

#[test]
fn the_newcomers_own_row_is_no_reason_against_merging() {
    let new = trace(2, Some(DUID), Some("johns-iphone"));
    let own = Candidate { device: DeviceId(9), online: true, trace: new.clone() };
    let old = offline(3, trace(1, Some(DUID), None));
    assert_eq!(same_device(&new, &[own, old]).map(|merge| merge.device), Some(DeviceId(3)));
}

#[test]
fn a_device_that_is_online_under_another_address_is_never_merged() {
    let old = offline(3, trace(1, None, Some("johns-iphone")));
    let mut other = offline(3, trace(5, None, None));
    other.online = true;
    assert_eq!(same_device(&trace(2, None, Some("johns-iphone")), &[old, other]), None);
}

#[test]
fn addresses_from_a_maker_are_never_merged() {
    let mut real = trace(1, Some(DUID), Some("johns-iphone"));
    real.mac = Mac([0, 0x11, 0x22, 0x33, 0x44, 0x55]);
    let random = trace(2, Some(DUID), Some("johns-iphone"));
    assert_eq!(same_device(&random, &[offline(1, real.clone())]), None);
    assert_eq!(same_device(&real, &[offline(1, random)]), None);
}

#[test]
fn names_that_many_devices_have_merge_nothing() {
    for name in [
        "iPhone",
        "iphone-2",
        "iPad",
        "android",
        "localhost",
        "ESP_A1B2C3",
        "Galaxy-S23",
        "Pixel-7-Pro",
        "SM-G991B",
        "Redmi-Note-12",
        "MacBook-Pro",
        "DESKTOP",
        "my-phone",
        "pc",
        "OnePlus-9",
        "Galaxy-Tab-A8",
        "raspberrypi",
        "Samsung-Galaxy-A54-5G",
        "ubuntu",
    ] {
        assert!(is_generic_name(name), "{name}");
        let old = offline(1, trace(1, None, Some(name)));
        assert_eq!(same_device(&trace(2, None, Some(name)), &[old]), None, "{name}");
    }
    for name in ["johns-iphone", "DESKTOP-4F7G2K1", "Ada", "iPad-von-Ömer", "anna-pixel-7"] {
        assert!(!is_generic_name(name), "{name}");
    }
}

#[test]
fn the_same_name_with_another_fingerprint_is_another_device() {
    let old = offline(1, trace(1, None, Some("johns-thing")));
    let mut new = trace(2, None, Some("johns-thing"));
    new.vendor_class = Some("MSFT 5.0".to_owned());
    assert_eq!(same_device(&new, std::slice::from_ref(&old)), None);
    new.vendor_class = None;
    new.parameters = Vec::new();
    assert_eq!(same_device(&new, &[old]), None);
}

#[test]
fn the_same_name_with_two_stable_client_ids_is_two_devices() {
    let mut other = DUID.to_vec();
    other[12] ^= 0xff;
    let old = offline(1, trace(1, Some(&other), Some("johns-thing")));
    assert_eq!(same_device(&trace(2, Some(DUID), Some("johns-thing")), &[old]), None);
}

#[test]
fn two_devices_that_fit_are_left_alone() {
    let known = [1, 2].map(|n| offline(n, trace(n as u64, Some(DUID), None)));
    assert_eq!(same_device(&trace(9, Some(DUID), None), &known), None);
}

#[test]
fn only_identifiers_that_outlive_the_address_are_stable() {
    assert!(is_stable_client_id(DUID));
    let uuid = [&[0xff, 0, 0, 0, 1, 0, 4][..], b"0123456789abcdef"].concat();
    assert!(is_stable_client_id(&uuid));
    for id in [
        &[][..],
        &[1, 2, 0, 0, 0, 0, 1],
        &[0, b'i', b'p', b'h', b'o', b'n', b'e'],
        &[0xff, 1, 2, 3, 4],
        &[0xff, 1, 2, 3, 4, 0, 2, 0, 0, 0, 0, 0, 0],
        &[0xff, 1, 2, 3, 4, 0, 9, 1, 2, 3, 4, 5, 6],
        &[0xff, 1, 2, 3, 4, 0, 4, 1, 2, 3],
    ] {
        assert!(!is_stable_client_id(id), "{id:?}");
    }
}

fn any_trace() -> impl Strategy<Value = Trace> {
    (
        prop_oneof![0_u64..4, 0x0200_0000_0000_u64..0x0200_0000_0006],
        prop_oneof![
            Just(None),
            Just(Some(DUID.to_vec())),
            Just(Some(vec![1, 2, 0, 0, 0, 0, 1])),
            proptest::collection::vec(any::<u8>(), 0..24).prop_map(Some),
        ],
        prop_oneof![
            Just(None),
            Just(Some("johns-iphone".to_owned())),
            Just(Some("iphone".to_owned())),
            any::<String>().prop_map(Some),
        ],
        prop_oneof![Just(vec![]), Just(vec![1, 3, 6])],
    )
        .prop_map(|(mac, client_id, hostname, parameters)| Trace {
            client_id,
            hostname,
            parameters,
            ..Trace::new(Mac::from_u64(mac))
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_merge_never_joins_devices_online_at_once_nor_addresses_from_a_maker(
        newcomer in any_trace(),
        known in proptest::collection::vec((0_i64..4, any::<bool>(), any_trace()), 0..6),
    ) {
        let candidates: Vec<_> = known.into_iter().map(|(n, online, trace)| Candidate { device: DeviceId(n), online, trace })
            .collect();
        if let Some(merge) = same_device(&newcomer, &candidates) {
            prop_assert!(newcomer.mac.is_locally_administered());
            let mut random = false;
            for old in candidates.iter().filter(|c| c.device == merge.device) {
                prop_assert!(!old.online);
                random |= old.trace.mac.is_locally_administered() && old.trace.mac != newcomer.mac;
            }
            prop_assert!(random);
            prop_assert!(!merge.reason.is_empty());
        }
    }

    #[test]
    fn who_is_asked_first_does_not_matter(
        newcomer in any_trace(),
        known in proptest::collection::vec((0_i64..4, any::<bool>(), any_trace()), 0..6),
    ) {
        let mut candidates: Vec<_> = known.into_iter().map(|(n, online, trace)| Candidate { device: DeviceId(n), online, trace })
            .collect();
        let there = same_device(&newcomer, &candidates);
        candidates.reverse();
        let back = same_device(&newcomer, &candidates).map(|merge| merge.device);
        prop_assert_eq!(back, there.map(|merge| merge.device));
    }

    #[test]
    fn nobody_is_merged_without_a_name_or_an_identifier(mac in 0_u64..9, other in 0_u64..9) {
        let old = offline(1, trace(mac, None, None));
        prop_assert_eq!(same_device(&trace(other, None, None), &[old]), None);
    }
}
