//! The socket against the real kernel, each test in a network namespace of its own.

use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, unshare};
use panoptikon_ring::{Instruction, PacketSocket};

/// Accepts everything, cut to so many octets.
const fn accept(length: u32) -> [Instruction; 1] {
    [Instruction { code: 0x06, jump_true: 0, jump_false: 0, operand: length }]
}

const LIMIT: Duration = Duration::from_secs(30);
const SHORT: Duration = Duration::from_millis(200);

/// An Ethernet frame of a type for experiments (IEEE 802), to a group nobody joined.
fn frame(number: u8) -> Vec<u8> {
    [&[0x01, 0, 0x5e, 1, 2, 3][..], &[2, 0, 0, 0, 0, 9], &[0x88, 0xb5], &[number; 60]].concat()
}

/// Runs a test with a cable between `one` and `two`, and their indices.
fn with_cable(test: impl FnOnce(u32, u32) + Send + 'static) {
    if std::env::var("PANOPTIKON_NO_NETNS").is_ok_and(|value| value == "1") {
        eprintln!("skipped: PANOPTIKON_NO_NETNS=1");
        return;
    }
    let run = thread::spawn(|| {
        unshare(CloneFlags::CLONE_NEWNET)
            .expect("a new network namespace: run as root, or set PANOPTIKON_NO_NETNS=1");
        std::fs::write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1").expect("IPv6 is off");
        ip("link add one type veth peer name two");
        ip("link set one up");
        ip("link set two up");
        test(index("one"), index("two"));
    });
    if let Err(panic) = run.join() {
        std::panic::resume_unwind(panic);
    }
}

fn ip(arguments: &str) -> String {
    let output = Command::new("ip").args(arguments.split(' ')).output().expect("iproute2");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn index(name: &str) -> u32 {
    let line = ip(&format!("-o link show {name}"));
    line.split(':').next().and_then(|number| number.parse().ok()).expect("an index")
}

#[test]
fn a_frame_arrives_on_the_other_end_and_not_on_its_own() {
    with_cable(|one, two| {
        let here = PacketSocket::open(one, &accept(1_518)).expect("open");
        let there = PacketSocket::open(two, &accept(1_518)).expect("open");
        here.send(&frame(1)).expect("send");
        let mut buffer = [0; 1_518];
        let length = there.receive(&mut buffer, LIMIT).expect("receive").expect("a frame");
        assert_eq!(buffer[..length], frame(1));
        assert_eq!(here.receive(&mut buffer, SHORT).expect("receive"), None);
    });
}

#[test]
fn the_filter_cuts_and_drops() {
    with_cable(|one, two| {
        let sender = PacketSocket::open(one, &accept(0)).expect("open");
        let cut = PacketSocket::open(two, &accept(20)).expect("open");
        let deaf = PacketSocket::open(two, &accept(0)).expect("open");
        sender.send(&frame(1)).expect("send");
        let mut buffer = [0; 1_518];
        assert_eq!(cut.receive(&mut buffer, LIMIT).expect("receive"), Some(20));
        assert_eq!(deaf.receive(&mut buffer, SHORT).expect("receive"), None);
        assert_eq!(deaf.statistics().expect("statistics").frames, 0);
    });
}

#[test]
fn a_short_buffer_cuts_and_a_timeout_is_kept() {
    with_cable(|one, two| {
        let sender = PacketSocket::open(one, &accept(0)).expect("open");
        let receiver = PacketSocket::open(two, &accept(1_518)).expect("open");
        let mut buffer = [0; 14];
        let began = Instant::now();
        assert_eq!(receiver.receive(&mut buffer, SHORT).expect("receive"), None);
        assert!(began.elapsed() >= SHORT);
        sender.send(&frame(1)).expect("send");
        assert_eq!(receiver.receive(&mut buffer, LIMIT).expect("receive"), Some(14));
        assert_eq!(buffer, frame(1)[..14]);
    });
}

#[test]
fn frames_and_drops_are_counted_from_call_to_call() {
    with_cable(|one, two| {
        let sender = PacketSocket::open(one, &accept(0)).expect("open");
        let receiver = PacketSocket::open(two, &accept(1_518)).expect("open");
        let (mut frames, mut dropped) = (0, 0);
        let end = Instant::now() + LIMIT;
        while dropped == 0 {
            assert!(Instant::now() < end, "no drop after {frames} frames");
            for number in 0..200 {
                sender.send(&frame(number)).expect("send");
            }
            let statistics = receiver.statistics().expect("statistics");
            frames += statistics.frames;
            dropped += statistics.dropped;
        }
        assert!(frames > dropped);
        assert_eq!(receiver.statistics().expect("statistics").dropped, 0);
    });
}

#[test]
fn what_this_machine_sends_is_heard_by_who_asks_for_it() {
    with_cable(|one, two| {
        let sender = PacketSocket::open(one, &accept(1_518)).expect("open");
        let own = PacketSocket::open_hearing(one, &accept(1_518), true).expect("open");
        let other = PacketSocket::open(one, &accept(1_518)).expect("open");
        let there = PacketSocket::open(two, &accept(1_518)).expect("open");
        sender.send(&frame(1)).expect("send");
        let mut buffer = [0; 1_518];
        for socket in [&own, &there] {
            let heard = socket.receive(&mut buffer, Duration::from_secs(10)).expect("receive");
            assert_eq!(heard, Some(frame(1).len()));
        }
        assert_eq!(other.receive(&mut buffer, Duration::ZERO).expect("receive"), None);
    });
}

#[test]
fn all_multicast_ends_with_the_socket() {
    with_cable(|one, _| {
        let is_on = || ip("-d link show one").contains("allmulti 1 ");
        assert!(!is_on());
        let socket = PacketSocket::open(one, &accept(0)).expect("open");
        assert!(is_on());
        drop(socket);
        assert!(!is_on());
    });
}

#[test]
fn what_cannot_be_opened_or_sent_is_an_error() {
    with_cable(|one, _| {
        assert!(PacketSocket::open(0, &accept(0)).is_err());
        assert!(PacketSocket::open(u32::MAX, &accept(0)).is_err());
        assert!(PacketSocket::open(4_242, &accept(0)).is_err());
        assert!(PacketSocket::open(one, &[]).is_err(), "an empty filter");
        let socket = PacketSocket::open(one, &accept(0)).expect("open");
        assert!(socket.send(&vec![0; 100_000]).is_err());
        assert!(socket.send(&[]).is_err());
        ip("link set one down");
        assert!(socket.send(&frame(1)).is_err());
    });
}
