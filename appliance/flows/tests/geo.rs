//! Databases of addresses, written here as the vendors write them.

#![allow(missing_docs, clippy::unwrap_used)]

use std::net::IpAddr;
use std::path::Path;

use panoptikon_flows::geo::Atlas;
use panoptikon_flows::world::{Geo, Place};
use proptest::prelude::*;

/// A value of a record.
#[derive(Clone)]
enum Value {
    Text(&'static str),
    Number(u32),
    Real(f64),
    Map(Vec<(&'static str, Value)>),
    List(Vec<Value>),
}
use Value::{List, Map, Number, Real, Text};

fn control(kind: u8, size: usize, out: &mut Vec<u8>) {
    assert!(size < 285);
    let (low, more) = if size < 29 { (size as u8, None) } else { (29, Some((size - 29) as u8)) };
    if kind > 7 {
        out.extend([low, kind - 7]);
    } else {
        out.push(kind << 5 | low);
    }
    out.extend(more);
}

fn put(value: &Value, out: &mut Vec<u8>) {
    match value {
        Text(text) => {
            control(2, text.len(), out);
            out.extend(text.as_bytes());
        }
        Number(number) => {
            let octets = number.to_be_bytes();
            let used = &octets[octets.iter().take_while(|o| **o == 0).count()..];
            control(6, used.len(), out);
            out.extend(used);
        }
        Real(number) => {
            control(3, 8, out);
            out.extend(number.to_be_bytes());
        }
        List(values) => {
            control(11, values.len(), out);
            for value in values {
                put(value, out);
            }
        }
        Map(pairs) => {
            control(7, pairs.len(), out);
            for (key, value) in pairs {
                put(&Text(key), out);
                put(value, out);
            }
        }
    }
}

/// A tree of networks: nodes of two ways, each to a node (positive), nowhere (0), or to the record
/// of that number (negative, from -1).
fn database(kind: &'static str, bits: u32, networks: &[(&str, Value)]) -> Vec<u8> {
    let mut nodes: Vec<[i64; 2]> = vec![[0, 0]];
    let mut data = Vec::new();
    let mut places = Vec::new();
    for (network, value) in networks {
        places.push(data.len() as u32);
        put(value, &mut data);
        let (address, length) = network.split_once('/').unwrap();
        let (prefix, length) = match address.parse().unwrap() {
            IpAddr::V4(v4) => (u128::from(v4.to_bits()), 96 + length.parse::<u32>().unwrap()),
            IpAddr::V6(v6) => (v6.to_bits(), length.parse().unwrap()),
        };
        let mut node = 0;
        for depth in 0..length {
            let way = (prefix >> (127 - depth) & 1) as usize;
            if depth + 1 == length {
                nodes[node][way] = -(places.len() as i64);
            } else {
                if nodes[node][way] <= 0 {
                    nodes.push([0, 0]);
                    nodes[node][way] = nodes.len() as i64 - 1;
                }
                node = nodes[node][way] as usize;
            }
        }
    }
    let count = nodes.len() as u32;
    let record = |way: i64| match way {
        0 => count,
        node @ 1.. => node as u32,
        leaf => count + 16 + places[(-leaf - 1) as usize],
    };
    let mut file = Vec::new();
    for [left, right] in nodes.iter().map(|node| node.map(record)) {
        let (l, r) = (left.to_be_bytes(), right.to_be_bytes());
        match bits {
            24 => file.extend([l[1], l[2], l[3], r[1], r[2], r[3]]),
            28 => file.extend([l[1], l[2], l[3], l[0] << 4 | r[0], r[1], r[2], r[3]]),
            _ => file.extend(l.into_iter().chain(r)),
        }
    }
    file.extend([0; 16]);
    file.extend(&data);
    file.extend(b"\xab\xcd\xefMaxMind.com");
    put(
        &Map(vec![
            ("node_count", Number(count)),
            ("record_size", Number(bits)),
            ("ip_version", Number(6)),
            ("database_type", Text(kind)),
            ("build_epoch", Number(1_795_000_000)),
        ]),
        &mut file,
    );
    file
}

fn country(code: &'static str) -> Value {
    Map(vec![
        ("continent", Map(vec![("code", Text("EU"))])),
        ("country", Map(vec![("geoname_id", Number(2_921_044)), ("iso_code", Text(code))])),
        ("registered_country", Map(vec![("iso_code", Text("ZZ"))])),
    ])
}

fn system(number: u32, name: &'static str) -> Value {
    Map(vec![
        ("autonomous_system_number", Number(number)),
        ("autonomous_system_organization", Text(name)),
    ])
}

fn countries(bits: u32) -> Vec<u8> {
    database(
        "GeoLite2-Country",
        bits,
        &[
            ("192.0.2.0/24", country("DE")),
            ("198.51.100.0/25", country("FR")),
            ("2001:db8::/32", country("JP")),
            ("2001:db9:0:1::/64", country("NO")),
        ],
    )
}

fn names(name: &'static str) -> (&'static str, Value) {
    ("names", Map(vec![("de", Text("anders")), ("en", Text(name)), ("ja", Text("\u{753a}"))]))
}

fn at(latitude: f64, longitude: f64) -> (&'static str, Value) {
    ("location", Map(vec![("latitude", Real(latitude)), ("longitude", Real(longitude))]))
}

/// As `MaxMind` writes it: numbers of places and codes everywhere.
fn of_maxmind(town: &'static str, region: &'static str) -> Value {
    let numbered = |number| ("geoname_id", Number(number));
    Map(vec![
        ("city", Map(vec![numbered(2_820_256), names(town)])),
        ("continent", Map(vec![("code", Text("EU")), numbered(6_255_148), names("Europe")])),
        ("country", Map(vec![numbered(2_921_044), ("iso_code", Text("DE")), names("Germany")])),
        at(48.4, 10.0),
        ("postal", Map(vec![("code", Text("89073"))])),
        (
            "subdivisions",
            List(vec![
                Map(vec![numbered(2_953_481), ("iso_code", Text("BW")), names(region)]),
                Map(vec![numbered(1), ("iso_code", Text("XX")), names("a smaller part")]),
            ]),
        ),
    ])
}

/// As DB-IP writes it: names alone.
fn of_dbip(town: &'static str, region: &'static str) -> Value {
    Map(vec![
        ("city", Map(vec![("names", Map(vec![("en", Text(town))]))])),
        ("continent", Map(vec![("code", Text("NA"))])),
        ("country", Map(vec![("iso_code", Text("US")), ("is_in_european_union", Number(0))])),
        at(37.4225, -122.085),
        ("subdivisions", List(vec![Map(vec![("names", Map(vec![("en", Text(region))]))])])),
    ])
}

fn place(known: &dyn Geo, address: &str) -> (Option<String>, Option<u32>) {
    let Place { country, system } = known.place(address.parse().unwrap());
    (country.map(|code| String::from_utf8_lossy(&code).into_owned()), system)
}

fn write(dir: &Path, name: &str, octets: &[u8]) {
    std::fs::write(dir.join(name), octets).unwrap();
}

#[test]
fn countries_and_systems_come_from_several_files_in_every_size_of_records() {
    for bits in [24, 28, 32] {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), "country.mmdb", &countries(bits));
        let systems = [
            ("192.0.2.0/25", system(64_500, "Example Networks")),
            ("2001:db8::/48", system(64_501, "Sixth Carrier")),
        ];
        write(dir.path(), "asn.mmdb", &database("GeoLite2-ASN", bits, &systems));
        write(dir.path(), "notes.txt", b"not looked at");
        let known = Atlas::new(dir.path()).refresh();
        for (address, code, number) in [
            ("192.0.2.1", Some("DE"), Some(64_500)),
            ("192.0.2.200", Some("DE"), None),
            ("::ffff:192.0.2.1", Some("DE"), Some(64_500)),
            ("198.51.100.127", Some("FR"), None),
            ("198.51.100.128", None, None),
            ("10.0.0.1", None, None),
            ("255.255.255.255", None, None),
            ("2001:db8::1", Some("JP"), Some(64_501)),
            ("2001:db8:1::1", Some("JP"), None),
            ("2001:db9:0:1:2::3", Some("NO"), None),
            ("2001:db9:0:2::", None, None),
            ("ffff::", None, None),
        ] {
            let wanted = (code.map(str::to_owned), number);
            assert_eq!(place(known.as_ref(), address), wanted, "{bits} bits: {address}");
        }
        assert_eq!(known.system_name(64_500).as_deref(), Some("Example Networks"));
        assert_eq!(known.system_name(64_501).as_deref(), Some("Sixth Carrier"));
        assert_eq!(known.system_name(1), None);
        let kinds: Vec<&str> = known.databases.iter().map(|d| d.kind.as_str()).collect();
        assert_eq!(kinds, ["GeoLite2-ASN", "GeoLite2-Country"]);
    }
}

#[test]
fn a_folder_that_is_not_there_knows_nothing_and_one_that_changes_is_read_anew() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("geoip");
    let atlas = Atlas::new(&folder);
    assert!(atlas.refresh().databases.is_empty());
    assert_eq!(place(atlas.refresh().as_ref(), "192.0.2.1"), (None, None));
    std::fs::create_dir(&folder).unwrap();
    write(&folder, "a.mmdb", &countries(28));
    assert_eq!(place(atlas.refresh().as_ref(), "192.0.2.1").0.as_deref(), Some("DE"));
    let flat = Map(vec![("country", Text("US")), ("asn", Text("AS64502"))]);
    write(&folder, "a.mmdb", &database("dbip-country-lite", 24, &[("192.0.2.0/24", flat)]));
    let wanted = (Some("US".to_owned()), Some(64_502));
    assert_eq!(place(atlas.refresh().as_ref(), "192.0.2.1"), wanted);
    std::fs::remove_file(folder.join("a.mmdb")).unwrap();
    assert_eq!(place(atlas.refresh().as_ref(), "192.0.2.1"), (None, None));
}

#[test]
fn a_database_at_fault_says_why_and_spoils_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let whole = countries(28);
    write(dir.path(), "a.mmdb", &whole);
    write(dir.path(), "foreign.mmdb", b"<!doctype html>");
    write(dir.path(), "short.mmdb", &whole[whole.len() / 2..]);
    let names = [("192.0.2.0/24", Map(vec![("city", Text("Ulm"))]))];
    write(dir.path(), "useless.mmdb", &database("Cities", 28, &names));
    let known = Atlas::new(dir.path()).refresh();
    assert_eq!(place(known.as_ref(), "192.0.2.1").0.as_deref(), Some("DE"));
    let why = |name: &str| {
        let found = known.databases.iter().find(|d| d.file == name).unwrap();
        found.problem.clone().unwrap_or_default()
    };
    let told = known.problem().unwrap_or_default();
    assert_eq!(told, "foreign.mmdb: it is no MaxMind DB file");
    assert_eq!(why("a.mmdb"), "");
    assert_eq!(why("foreign.mmdb"), "it is no MaxMind DB file");
    assert!(why("short.mmdb").contains("damaged"), "{}", why("short.mmdb"));
    assert!(why("useless.mmdb").contains("neither countries"));
}

#[test]
fn towns_are_looked_up_in_files_of_both_vendors_in_every_size_of_records() {
    for bits in [24, 28, 32] {
        let dir = tempfile::tempdir().unwrap();
        let town = |known: &dyn Geo, address: &str| {
            known.city(address.parse().unwrap()).map(|city| (city.name, city.region, city.at))
        };
        let told = |name: &str, region: &str, at| Some((name.to_owned(), region.to_owned(), at));
        let ulm = told("Ulm", "Baden-W\u{fc}rttemberg", Some((48.4, 10.0)));
        let networks = [
            ("192.0.2.0/25", of_maxmind("Ulm", "Baden-W\u{fc}rttemberg")),
            ("192.0.2.128/25", country("FR")),
            (
                "198.51.100.0/24",
                Map(vec![
                    ("country", Map(vec![("iso_code", Text("JP"))])),
                    at(91.0, 0.0),
                    ("city", Map(vec![names("Nowhere")])),
                ]),
            ),
            ("2001:db8::/32", of_maxmind("Neu-Ulm", "Bavaria")),
        ];
        write(dir.path(), "a.mmdb", &database("GeoLite2-City", bits, &networks));
        let atlas = Atlas::new(dir.path());
        let known = atlas.refresh();
        for _ in 0..2 {
            // Read the first time, remembered the second.
            assert_eq!(town(known.as_ref(), "192.0.2.1"), ulm);
            assert_eq!(town(known.as_ref(), "::ffff:192.0.2.1"), ulm);
            assert_eq!(town(known.as_ref(), "192.0.2.200"), None);
            // What is no place on earth is none.
            assert_eq!(town(known.as_ref(), "198.51.100.7"), told("Nowhere", "", None));
            let near = told("Neu-Ulm", "Bavaria", Some((48.4, 10.0)));
            assert_eq!(town(known.as_ref(), "2001:db8:1::1"), near);
            assert_eq!(town(known.as_ref(), "203.0.113.1"), None);
        }
        assert_eq!(place(known.as_ref(), "192.0.2.1").0.as_deref(), Some("DE"));
        // Another vendor's beside it: the last one counts.
        let networks = [("192.0.2.0/24", of_dbip("Mountain View", "California"))];
        write(dir.path(), "b.mmdb", &database("DBIP-City-Lite", bits, &networks));
        let known = atlas.refresh();
        let there = told("Mountain View", "California", Some((37.4225, -122.085)));
        assert_eq!(town(known.as_ref(), "192.0.2.1"), there);
        assert_eq!(place(known.as_ref(), "192.0.2.1").0.as_deref(), Some("US"));
        assert_eq!(town(known.as_ref(), "2001:db8:1::1"), None);
        // Without a database of towns there are none, and nothing fails.
        write(dir.path(), "a.mmdb", &countries(bits));
        std::fs::remove_file(dir.path().join("b.mmdb")).unwrap();
        let known = atlas.refresh();
        assert_eq!(town(known.as_ref(), "192.0.2.1"), None);
        assert_eq!(place(known.as_ref(), "192.0.2.1").0.as_deref(), Some("DE"));
    }
}

#[test]
fn a_tree_that_leads_back_into_itself_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mut file = countries(32);
    // The second way of the first node leads to the first node.
    file[4..8].copy_from_slice(&[0; 4]);
    write(dir.path(), "loop.mmdb", &file);
    let known = Atlas::new(dir.path()).refresh();
    let why = known.databases[0].problem.clone().unwrap_or_default();
    assert!(why.contains("leads back"), "{why}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn no_octet_that_is_changed_makes_the_reader_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut: Option<prop::sample::Index>,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let mut file = database("GeoLite2-City", 28, &[
            ("192.0.2.0/24", of_maxmind("Ulm", "Bavaria")), ("2001:db8::/32", country("JP")),
        ]);
        for (place, octet) in changes {
            let place = place.index(file.len());
            file[place] = octet;
        }
        if let Some(cut) = cut {
            file.truncate(cut.index(file.len()));
        }
        write(dir.path(), "a.mmdb", &file);
        let known = Atlas::new(dir.path()).refresh();
        let _ = place(known.as_ref(), "192.0.2.1");
        let _ = known.city("192.0.2.1".parse().unwrap());
    }
}
