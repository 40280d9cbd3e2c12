//! Interfaces and counters against the real kernel.

mod namespace;

use std::net::{IpAddr, UdpSocket};

use namespace::{can, in_namespace, ip, until};
use panoptikon_system::interfaces::{Interface, Kind, OperState, Sampler, Scope};

fn find<'a>(all: &'a [Interface], name: &str) -> &'a Interface {
    all.iter().find(|i| i.link.name == name).unwrap_or_else(|| panic!("no {name}"))
}

#[test]
fn interfaces_are_told_with_all_their_addresses_and_what_they_belong_to() {
    in_namespace(|| {
        ip("link add lan0 address 02:00:00:00:00:01 type veth peer name far0");
        ip("link add br0 type bridge");
        ip("link set lan0 master br0 mtu 1400 alias office");
        ip("address add 10.9.0.1/24 dev br0");
        ip("address add 10.9.1.1/24 dev br0");
        ip("address add 2001:db8::1/64 dev br0 nodad");
        ip("address add 192.0.2.1 peer 192.0.2.2/32 dev far0");
        for link in ["lan0", "far0", "br0", "lo"] {
            ip(&format!("link set {link} up"));
        }
        let mut sampler = Sampler::open().expect("a sampler");
        until("the cable is up", || {
            sampler.refresh().expect("refreshed");
            let all = sampler.sample().expect("sampled");
            find(&all, "br0").link.oper == OperState::Up
        });
        let all = sampler.sample().expect("sampled");
        let lan = &find(&all, "lan0").link;
        assert_eq!((lan.kind, lan.mtu, lan.master.as_deref()), (Kind::Veth, 1_400, Some("br0")));
        assert_eq!(lan.alias.as_deref(), Some("office"));
        assert_eq!(lan.mac.map(|m| m.to_string()).as_deref(), Some("02:00:00:00:00:01"));
        assert!(lan.is_up && lan.has_carrier);
        let bridge = &find(&all, "br0").link;
        assert_eq!(bridge.kind, Kind::Bridge);
        let global: Vec<String> = bridge
            .addresses
            .iter()
            .filter(|a| a.scope == Scope::Global)
            .map(|a| format!("{}/{}", a.ip, a.prefix))
            .collect();
        assert_eq!(global, ["10.9.0.1/24", "10.9.1.1/24", "2001:db8::1/64"]);
        let line = &find(&all, "far0").link.addresses[0];
        assert_eq!(line.peer, Some(IpAddr::from([192, 0, 2, 2])));
        assert_eq!(find(&all, "lo").link.kind, Kind::Loopback);
    });
}

#[test]
fn a_vlan_and_a_vrf_are_told_where_the_kernel_has_them() {
    in_namespace(|| {
        ip("link add lan0 type veth peer name far0");
        let mut sampler = Sampler::open().expect("a sampler");
        if can("link add link lan0 name lan0.5 type vlan id 5") {
            sampler.refresh().expect("refreshed");
            let all = sampler.sample().expect("sampled");
            let vlan = &find(&all, "lan0.5").link;
            assert_eq!((vlan.vlan, vlan.parent.as_deref()), (Some(5), Some("lan0")));
        }
        if can("link add red type vrf table 100") {
            ip("link set lan0 master red");
            sampler.refresh().expect("refreshed");
            let all = sampler.sample().expect("sampled");
            assert_eq!(find(&all, "lan0").link.vrf.as_deref(), Some("red"));
            assert_eq!(find(&all, "red").link.vrf_table, Some(100));
        }
    });
}

#[test]
fn rates_are_what_went_through() {
    in_namespace(|| {
        ip("link set lo up");
        let mut sampler = Sampler::open().expect("a sampler");
        let first = sampler.sample().expect("sampled");
        assert_eq!(find(&first, "lo").rates, None, "one look tells no rate");
        let before = find(&first, "lo").counters;
        let socket = UdpSocket::bind("127.0.0.1:0").expect("bound");
        let to = socket.local_addr().expect("an address");
        for _ in 0..100 {
            socket.send_to(&[0; 972], to).expect("sent");
        }
        let second = sampler.sample().expect("sampled");
        let (after, rates) = (find(&second, "lo").counters, find(&second, "lo").rates);
        assert_eq!(after.tx_packets - before.tx_packets, 100);
        assert_eq!(after.tx_bytes - before.tx_bytes, 100_000);
        let rates = rates.expect("two looks");
        assert!(rates.tx_bps > 0.0 && (rates.tx_bps - rates.rx_bps).abs() < 1.0, "{rates:?}");
        assert!((rates.tx_bps / rates.tx_pps - 1_000.0 * 8.0).abs() < 0.1, "{rates:?}");
    });
}

#[test]
fn a_new_interface_is_seen_at_the_next_sample_and_a_deleted_one_is_not() {
    in_namespace(|| {
        let mut sampler = Sampler::open().expect("a sampler");
        sampler.sample().expect("sampled");
        ip("link add lan0 type veth peer name far0");
        let all = sampler.sample().expect("sampled");
        assert_eq!(find(&all, "lan0").link.kind, Kind::Veth);
        ip("link delete lan0");
        let all = sampler.sample().expect("sampled");
        assert!(all.iter().all(|i| i.link.name != "lan0"));
    });
}
