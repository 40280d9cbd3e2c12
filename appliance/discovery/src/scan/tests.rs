//! Scans of hosts in a network namespace.

use std::io::{Read, Write};
use std::net::{TcpListener, UdpSocket};
use std::thread;

use super::*;
use crate::testing::{NOW, block_on, device, in_namespace, ip, lan, segment};

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
        assert!(error.to_string().contains("cannot scan the ports: on eth9"), "{error}");
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
