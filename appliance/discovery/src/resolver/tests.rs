//! The resolver against a server on loopback.

use std::net::UdpSocket as Socket;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::message::tests::reply;
use super::*;
use crate::testing::block_on;

struct Server {
    resolver: Resolver,
    asked: Arc<AtomicUsize>,
    /// The most questions that waited for an answer at a time.
    most: Arc<AtomicUsize>,
    _dir: tempfile::TempDir,
}

/// A resolver whose only server answers with these flags and this name, after so long.
fn server(flags: u16, name: Option<&'static str>, after: Option<Duration>) -> Server {
    let socket = Socket::bind("127.0.0.1:0").expect("a port");
    let port = socket.local_addr().expect("bound").port();
    let asked = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let open = Arc::new(AtomicUsize::new(0));
    let (count, highest) = (Arc::clone(&asked), Arc::clone(&most));
    thread::spawn(move || {
        let mut buffer = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            count.fetch_add(1, Ordering::SeqCst);
            let Some(after) = after else { continue };
            highest.fetch_max(open.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            let open = Arc::clone(&open);
            let question = buffer[..length].to_vec();
            let socket = socket.try_clone().expect("a copy");
            thread::spawn(move || {
                thread::sleep(after);
                open.fetch_sub(1, Ordering::SeqCst);
                let mut wrong = reply(&question, 0x8180, Some("evil"));
                wrong[0] ^= 0x55;
                let _ = socket.send_to(&wrong, from);
                let _ = socket.send_to(&reply(&question, flags, name), from);
            });
        }
    });
    let dir = tempfile::tempdir().expect("a folder");
    let (hosts, resolv) = (dir.path().join("hosts"), dir.path().join("resolv.conf"));
    std::fs::write(&hosts, "192.168.1.5 printer.lan printer\n").expect("written");
    std::fs::write(&resolv, "nameserver 127.0.0.1\n").expect("written");
    Server { resolver: Resolver::with_port(hosts, resolv, Some(port)), asked, most, _dir: dir }
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("valid")
}

#[test]
fn a_name_is_asked_for_once_and_then_remembered() {
    let server = server(0x8180, Some("nas.home.lan"), Some(Duration::ZERO));
    block_on(async {
        for _ in 0..3 {
            let name = server.resolver.name_of(ip("192.168.1.7")).await;
            assert_eq!(name.as_deref(), Some("nas.home.lan"));
        }
    });
    assert_eq!(server.asked.load(Ordering::SeqCst), 1);
}

#[test]
fn the_hosts_file_comes_first_and_asks_nobody() {
    let server = server(0x8180, Some("wrong"), Some(Duration::ZERO));
    let name = block_on(server.resolver.name_of(ip("192.168.1.5")));
    assert_eq!(name.as_deref(), Some("printer.lan"));
    assert_eq!(server.asked.load(Ordering::SeqCst), 0);
}

#[test]
fn nobody_is_asked_about_public_addresses() {
    let server = server(0x8180, Some("wrong"), Some(Duration::ZERO));
    block_on(async {
        for public in ["8.8.8.8", "2001:db8::1", "127.0.0.1"] {
            assert_eq!(server.resolver.name_of(ip(public)).await, None, "{public}");
        }
    });
    assert_eq!(server.asked.load(Ordering::SeqCst), 0);
}

#[test]
fn that_there_is_no_name_is_remembered_too() {
    let server = server(0x8183, None, Some(Duration::ZERO));
    block_on(async {
        for _ in 0..3 {
            assert_eq!(server.resolver.name_of(ip("fd00::7")).await, None);
        }
    });
    assert_eq!(server.asked.load(Ordering::SeqCst), 1);
}

#[test]
fn a_silent_server_costs_two_seconds_and_no_more() {
    let server = server(0x8180, None, None);
    let began = std::time::Instant::now();
    block_on(async {
        assert_eq!(server.resolver.name_of(ip("10.0.0.1")).await, None);
        let took = began.elapsed();
        assert!((1_900..4_000).contains(&took.as_millis()), "{took:?}");
        let probe = server.resolver.probe().await.expect("a server is set");
        assert!(!probe.answered);
    });
    let asked = server.asked.load(Ordering::SeqCst);
    assert!((4..=6).contains(&asked), "a lost question is repeated: {asked}");
}

#[test]
fn no_more_than_sixteen_are_asked_at_a_time() {
    let server = server(0x8180, Some("a.lan"), Some(Duration::from_millis(100)));
    block_on(async {
        let mut asking = tokio::task::JoinSet::new();
        for last in 0..40 {
            let resolver = server.resolver.clone();
            asking.spawn(async move { resolver.name_of(ip(&format!("10.9.0.{last}"))).await });
        }
        let names = asking.join_all().await;
        assert!(names.iter().all(|name| name.as_deref() == Some("a.lan")));
    });
    let most = server.most.load(Ordering::SeqCst);
    assert!((2..=AT_ONCE).contains(&most), "{most}");
}

#[test]
fn a_resolver_outside_is_not_told_of_addresses_inside() {
    assert!(may_know(ip("127.0.0.53")) && may_know(ip("192.168.1.1")) && may_know(ip("fe80::1")));
    assert!(!may_know(ip("1.1.1.1")) && !may_know(ip("2606:4700::1111")));
}

#[test]
fn a_probe_says_whether_the_resolver_answers() {
    let server = server(0x8180, None, Some(Duration::ZERO));
    block_on(async {
        for _ in 0..2 {
            assert!(server.resolver.probe().await.expect("a server is set").answered);
        }
        let none = Resolver::new("/nonexistent/hosts".into(), "/nonexistent/resolv".into());
        assert_eq!(none.probe().await, None);
        assert_eq!(none.name_of(ip("10.0.0.1")).await, None);
    });
    assert_eq!(server.asked.load(Ordering::SeqCst), 1, "and remembers it for a minute");
}

#[test]
fn what_is_remembered_is_bounded() {
    let server = server(0x8180, None, None);
    for n in 0..10_000_u32 {
        let ip = IpAddr::from(std::net::Ipv4Addr::from_bits(0x0a00_0000 + n));
        server.resolver.remember(ip, None, NAMELESS);
        assert!(server.resolver.known().names.len() <= REMEMBERED);
        assert!(server.resolver.remembered(ip).is_some(), "the latest stays");
    }
}
