//! Scans of hosts in a network namespace.

use std::io::{Read, Write};
use std::net::{TcpListener, UdpSocket};
use std::thread;

use ring::{Instruction, PacketSocket};

use super::*;
use crate::testing::{NOW, block_on, device, in_namespace, index, ip, lan, segment};

fn answer(port: u16, wait: bool, say: &'static [u8]) {
    let listener = TcpListener::bind(("10.77.0.2", port)).expect("a free port");
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            if wait && stream.read(&mut [0; 512]).is_err() {
                continue;
            }
            let _ = stream.write_all(say);
        }
    });
}

/// A host at 10.77.0.2 on the link of `lo`: this machine, without a wire between.
fn host() {
    ip("link set lo up");
    ip("addr add 10.77.0.1/24 dev lo");
    ip("addr add 10.77.0.2/24 dev lo");
}

fn later(secs: u64) -> Timestamp {
    NOW.plus(Duration::from_secs(secs))
}

#[test]
fn open_ports_are_found_named_and_kept_and_changes_told() {
    in_namespace(|| {
        host();
        answer(22, false, b"SSH-2.0-OpenSSH_9.2p1\r\n");
        answer(80, true, b"HTTP/1.0 200 OK\r\nServer: tiny/1\r\n\r\n");
        let ntp = UdpSocket::bind("10.77.0.2:123").expect("free");
        thread::spawn(move || {
            let mut buffer = [0; 64];
            while let Ok((length, from)) = ntp.recv_from(&mut buffer) {
                buffer[1] = 3;
                let _ = ntp.send_to(&buffer[..length], from);
            }
        });
        let lan = lan(&[device(7, "10.77.0.2", "lo")], vec![segment(1, "lo", "10.77.0.1/24")]);
        let discovery = &lan.discovery;
        block_on(async {
            assert_eq!(discovery.port_scan(DeviceId(7)).await.expect("read"), None);
            let first = discovery.scan_ports(DeviceId(7), NOW, |_| Ok(())).await.expect("scans");
            let found: Vec<_> = first
                .open()
                .map(|p| (p.port, p.service.as_str(), p.version.as_deref(), p.risk))
                .collect();
            assert_eq!(
                found,
                [
                    (22, "ssh", Some("OpenSSH 9.2p1"), Risk::Amber),
                    (80, "http", Some("tiny/1"), Risk::Red),
                    (123, "ntp", Some("stratum 3"), Risk::None),
                ]
            );
            assert_eq!(first.closed as usize, ports::known().len() - 3);
            assert!(first.duration_ms > 2_000, "polite: {} ms", first.duration_ms);
            assert_eq!(discovery.port_scan(DeviceId(7)).await.expect("read"), Some(first));

            let soon = discovery.scan_ports(DeviceId(7), later(59), |_| Ok(())).await;
            assert!(matches!(soon, Err(DiscoveryError::TooSoon { seconds: 1, .. })), "{soon:?}");

            answer(21, false, b"220 hello\r\n");
            let again = discovery.scan_ports(DeviceId(7), later(60), |_| Ok(())).await;
            let states: Vec<_> =
                again.expect("scans").ports.iter().map(|p| (p.port, p.state)).collect();
            assert!(states.contains(&(21, PortState::Open)), "{states:?}");
            let told = discovery.timeline(DeviceId(7), 10).await.expect("read");
            let told: Vec<_> = told.iter().map(|e| (e.kind.as_str(), e.severity)).collect();
            assert_eq!(
                told,
                [("ports_changed", Severity::Medium), ("ports_scanned", Severity::Info)]
            );
        });
    });
}

#[test]
fn an_interface_that_is_gone_is_said() {
    in_namespace(|| {
        let lan = lan(&[device(7, "10.77.0.2", "eth9")], vec![segment(9, "eth9", "10.77.0.1/24")]);
        let error = block_on(lan.discovery.scan_ports(DeviceId(7), NOW, |_| Ok(())))
            .expect_err("no such interface");
        assert!(
            error.to_string().contains("cannot scan the ports: on eth9: the interface is gone"),
            "{error}"
        );
    });
}

#[test]
fn only_current_addresses_on_a_link_of_ours_are_asked() {
    let segments = [segment(2, "eth1", "10.77.0.1/24")];
    let mut host = device(7, "10.77.0.2", "eth1");
    let ip_of = |host: &Device| target(host, &segments).map(|t| t.ip.to_string());
    assert_eq!(ip_of(&host).as_deref(), Some("10.77.0.2"));
    host.lose("10.77.0.2".parse().expect("valid"));
    assert_eq!(ip_of(&host), None, "it has lost it");
    for strange in ["8.8.8.8", "10.78.0.9", "10.77.0.1", "224.0.0.1", "127.0.0.1"] {
        assert_eq!(ip_of(&device(8, strange, "eth1")), None, "{strange}");
    }
    assert_eq!(ip_of(&device(8, "10.77.0.9", "eth2")), None, "no such interface");
    host.hold("fe80::7".parse().expect("valid"), "eth1", NOW);
    assert_eq!(ip_of(&host).as_deref(), Some("fe80::7"));
}

#[test]
fn two_scans_run_at_once_and_a_device_has_one() {
    let lan = lan(&[], Vec::new());
    let first = Running::begin(&lan.discovery, DeviceId(1)).expect("free");
    assert!(Running::begin(&lan.discovery, DeviceId(1)).is_err());
    let _second = Running::begin(&lan.discovery, DeviceId(2)).expect("free");
    assert!(Running::begin(&lan.discovery, DeviceId(3)).is_err());
    drop(first);
    assert!(Running::begin(&lan.discovery, DeviceId(3)).is_ok());
}

#[test]
fn only_a_newly_open_port_is_worth_a_look() {
    let host = device(7, "10.77.0.2", "eth1");
    let scan = |open: &[u16]| PortScan {
        device: host.id,
        at: NOW,
        duration_ms: 1,
        ip: "10.77.0.2".parse().expect("valid"),
        asked: 3,
        closed: 0,
        silent: 0,
        ports: open
            .iter()
            .filter_map(|port| ports::info(*port, Transport::Tcp))
            .map(|info| finding(info, Answer::Open(Vec::new())))
            .collect(),
    };
    let told = |is: &[u16], was: Option<&[u16]>| {
        let told = event(&host, &scan(is), was.map(&scan).as_ref());
        (told.kind, told.severity)
    };
    assert_eq!(told(&[22], None), ("ports_scanned", Severity::Info));
    assert_eq!(told(&[22], Some(&[22])), ("ports_scanned", Severity::Info));
    assert_eq!(told(&[], Some(&[22])), ("ports_changed", Severity::Info));
    assert_eq!(told(&[22, 23], Some(&[22])), ("ports_changed", Severity::Medium));
    let summary = event(&host, &scan(&[22, 23]), Some(&scan(&[22]))).summary;
    assert!(summary.ends_with("has newly opened 23/tcp (telnet)"), "{summary}");
}

#[test]
fn nothing_ever_takes_the_default_route() {
    in_namespace(|| {
        for (name, peer) in [("wan0", "far0"), ("eth1", "far1")] {
            ip(&format!("link add {name} type veth peer name {peer}"));
            ip(&format!("link set {name} up"));
            ip(&format!("link set {peer} up"));
        }
        ip("addr add 192.0.2.2/24 dev wan0");
        ip("addr add 10.77.0.1/24 dev eth1");
        ip("neigh add 192.0.2.1 lladdr 02:00:00:00:00:99 dev wan0");
        ip("route add default via 192.0.2.1");
        let arp_or_ipv4 = [
            Instruction { code: 0x28, jump_true: 0, jump_false: 0, operand: 12 },
            Instruction { code: 0x15, jump_true: 1, jump_false: 0, operand: 0x0800 },
            Instruction { code: 0x15, jump_true: 0, jump_false: 1, operand: 0x0806 },
            Instruction { code: 0x06, jump_true: 0, jump_false: 0, operand: 64 },
            Instruction { code: 0x06, jump_true: 0, jump_false: 0, operand: 0 },
        ];
        let hear = |peer| PacketSocket::open(index(peer), &arp_or_ipv4).expect("a socket");
        let (wan, one) = (hear("far0"), hear("far1"));
        let frames = |socket: &PacketSocket| {
            let mut buffer = [0; 64];
            let mut count = 0;
            while let Ok(Some(_)) = socket.receive(&mut buffer, Duration::from_millis(50)) {
                count += 1;
            }
            count
        };
        let lan = lan(
            // The second one has only given itself an address, to which no route leads.
            &[device(7, "10.77.0.9", "eth1"), device(8, "169.254.3.4", "eth1")],
            vec![segment(index("eth1"), "eth1", "10.77.0.1/24")],
        );
        for id in [7, 8] {
            let scan = block_on(lan.discovery.scan_ports(DeviceId(id), NOW, |_| Ok(())))
                .expect("nobody answers, which is an answer");
            assert_eq!((scan.silent, scan.ports.len()), (scan.asked, 0));
            assert!(frames(&one) > 0, "somebody is looked for");
            assert_eq!(frames(&wan), 0);
        }
    });
}
