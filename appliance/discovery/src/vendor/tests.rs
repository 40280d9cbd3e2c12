use std::time::Instant;

use proptest::prelude::*;

use super::build::{Assignment, read_registry, write_table};
use super::*;

fn mac(text: &str) -> Mac {
    text.parse().unwrap()
}

fn table_of(rows: &[(&[u8], &str)]) -> Vec<u8> {
    let rows: Vec<_> = rows
        .iter()
        .map(|(prefix, name)| Assignment {
            prefix: prefix.to_vec(),
            organisation: (*name).to_owned(),
        })
        .collect();
    write_table(&rows).unwrap()
}

#[test]
fn the_table_compiled_in_is_whole_and_sorted() {
    let table = Table::parse(&UNPACKED).unwrap();
    assert!(table.len() > 46_000, "{}", table.len());
    assert!(!table.is_empty());
    assert!((UNPACKED.len() as u64) < LARGEST, "{} bytes", UNPACKED.len());
    assert!(table.large.is_sorted());
    assert!(table.medium.is_sorted());
    assert!(table.small.is_sorted());
}

#[test]
fn prefixes_of_all_four_registries_resolve() {
    for (address, vendor) in [
        ("f0:18:98:12:34:56", "Apple"),                   // MA-L
        ("00:00:0c:12:34:56", "Cisco Systems"),           // MA-L
        ("24:0a:c4:00:00:01", "Espressif"),               // MA-L
        ("b8:27:eb:00:00:01", "Raspberry Pi Foundation"), // MA-L
        ("20:85:93:b0:00:01", "IOG Products"),            // MA-M
        ("70:b3:d5:71:90:01", "2M Technology"),           // MA-S
        ("00:50:c2:7d:50:01", "Deuta-Werke"),             // IAB
    ] {
        assert_eq!(lookup(mac(address)), Some(vendor), "{address}");
    }
}

#[test]
fn a_randomised_or_unregistered_address_has_no_vendor() {
    assert_eq!(lookup(mac("f2:18:98:12:34:56")), None);
    assert_eq!(lookup(Mac::BROADCAST), None);
    assert_eq!(lookup(Mac::ZERO), None);
    assert_eq!(lookup(mac("01:00:5e:00:00:fb")), None);
}

#[test]
fn the_longest_prefix_wins_even_when_its_owner_is_not_named() {
    let bytes = table_of(&[
        (&[0x70, 0xb3, 0xd5], "Large Inc."),
        (&[0x70, 0xb3, 0xd5, 0x10], "Medium Inc."),
        (&[0x70, 0xb3, 0xd5, 0x12, 0x30], "Small Inc."),
        (&[0x70, 0xb3, 0xd5, 0x12, 0x40], "Private"),
    ]);
    let table = Table::parse(&bytes).unwrap();
    assert_eq!(table.lookup(mac("70:b3:d5:12:3f:ff")), Some("Small"));
    assert_eq!(table.lookup(mac("70:b3:d5:12:4f:ff")), None);
    assert_eq!(table.lookup(mac("70:b3:d5:1f:ff:ff")), Some("Medium"));
    assert_eq!(table.lookup(mac("70:b3:d5:20:00:00")), Some("Large"));
    assert_eq!(table.lookup(mac("70:b3:d4:20:00:00")), None);
}

#[test]
fn a_registry_file_is_read_with_its_quotes_and_bad_rows_are_named() {
    let head = "Registry,Assignment,Organization Name,Organization Address\r\n";
    let rows =
        read_registry(&format!("{head}MA-M,741AE09,\"Foo, \"\"Bar\"\" Ltd\",x\r\n")).unwrap();
    assert_eq!(rows[0].prefix, [0x74, 0x1a, 0xe0, 0x90]);
    assert_eq!(rows[0].organisation, "Foo, \"Bar\" Ltd");
    let error = read_registry(&format!("{head}MA-L,74-1A,Foo,x\n")).unwrap_err();
    assert!(error.to_string().contains("line 2"), "{error}");
    assert!(read_registry("<html>").is_err());
}

#[test]
fn damage_anywhere_is_refused() {
    let good = table_of(&[(&[0, 0, 12], "Cisco Systems, Inc"), (&[0, 0, 13], "Fibronics Ltd.")]);
    assert!(Table::parse(&good).is_ok());
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 0x41;
        assert!(Table::parse(&bad).is_err(), "octet {at}");
        assert!(Table::parse(&good[..at]).is_err(), "cut at {at}");
    }
}

#[test]
fn a_lookup_is_quick_enough_for_every_frame() {
    lookup(Mac::ZERO);
    let rounds = 200_000_u32;
    let start = Instant::now();
    let mut found = 0;
    for n in 0..u64::from(rounds) {
        found += usize::from(
            lookup(Mac::from_u64(n.wrapping_mul(0x9e37_79b9_7f4a) & 0xfcff_ffff_ffff)).is_some(),
        );
    }
    let each = start.elapsed() / rounds;
    assert!(found < rounds as usize);
    // 200 ns is meant; a debug build on a busy machine gets twenty times that.
    let limit = if cfg!(debug_assertions) { 4_000 } else { 400 };
    assert!(each.as_nanos() < limit, "{each:?} a lookup");
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes: Vec<u8>) {
        let _ = Table::parse(&bytes);
    }

    // With the checksum put right, so that the checks behind it are reached.
    #[test]
    fn no_table_with_a_right_checksum_makes_it_panic(
        counts in proptest::array::uniform5(0_u32..6),
        body in proptest::collection::vec(any::<u8>(), 0..90),
        address: [u8; 6],
    ) {
        let mut rest: Vec<u8> = counts.iter().flat_map(|n| n.to_le_bytes()).collect();
        rest.extend_from_slice(&body);
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&LAYOUT.to_le_bytes());
        bytes.extend_from_slice(&fnv1a(&rest).to_le_bytes());
        bytes.extend_from_slice(&rest);
        if let Ok(table) = Table::parse(&bytes) {
            let _ = table.lookup(Mac(address));
        }
    }

    #[test]
    fn every_prefix_that_went_in_comes_out(
        rows in proptest::collection::btree_map(0_u32..1 << 24, "[A-Z][a-z]{3,9}", 1..40),
    ) {
        let assignments: Vec<_> = rows
            .iter()
            .map(|(prefix, name)| Assignment {
                prefix: (prefix & 0xfcff_ffff).to_be_bytes()[1..].to_vec(),
                organisation: name.clone(),
            })
            .collect();
        let bytes = write_table(&assignments).unwrap();
        let table = Table::parse(&bytes).unwrap();
        for row in &assignments {
            let [a, b, c] = row.prefix[..] else { unreachable!() };
            let address = Mac([a, b, c, 1, 2, 3]);
            let named = table.lookup(address).is_some();
            prop_assert_eq!(named, address.is_station() && !address.is_locally_administered());
        }
    }
}
