//! The front door under 2 000 half-open and slow-header connections, with the file limit that
//! systemd gives by default: others are still served, memory stays bounded, and all is well after.
//!
//! The door runs in a process of its own (this test program again), so that its file limit and its
//! memory are its own.

#![allow(clippy::unwrap_used)] // helpers of tests, outside of #[test]

mod common;

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::{Options, ask_tls, connect_from, connector, open, tls_from};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::io::AsyncWriteExt;

/// Set for the process that is the door.
const IS_DOOR: &str = "PANOPTIKON_TEST_IS_DOOR";

const ATTACKERS: u8 = 20;
const EACH: u16 = 100;
const FILES: u64 = 1024;
const MOST_GROWTH_KIB: u64 = 40 * 1024;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_door_itself() {
    if std::env::var_os(IS_DOOR).is_none() {
        return;
    }
    let door = open(Options { per_minute: 0, ..Options::default() }).await;
    println!("door {} {}", door.tls.port(), door.ca.replace('\n', "|"));
    tokio::time::sleep(Duration::from_secs(120)).await;
}

struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Process {
    fn resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id())).unwrap();
        let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).unwrap();
        line.split_whitespace().next().unwrap().parse().unwrap()
    }

    fn files(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.0.id())).unwrap().count()
    }
}

fn start() -> (Process, SocketAddr, String) {
    let mut child = Command::new("prlimit")
        .arg(format!("--nofile={FILES}:{FILES}"))
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "the_door_itself", "--nocapture"])
        .env(IS_DOOR, "1")
        .stdout(Stdio::piped())
        .spawn()
        .expect("prlimit comes with Debian's package util-linux");
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let door = lines.find_map(|l| l.unwrap().split_once("door ").map(|(_, r)| r.to_owned()));
    let door = door.expect("the door did not open");
    let (port, ca) = door.split_once(' ').unwrap();
    let address = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port.parse().unwrap());
    (Process(child), address, ca.replace('|', "\n"))
}

/// How many of 20 requests from an honest address are served, and the slowest of them.
async fn served(tls: &tokio_rustls::TlsConnector, to: SocketAddr) -> (usize, Duration) {
    let (mut good, mut slowest) = (0, Duration::ZERO);
    for _ in 0..20 {
        let started = Instant::now();
        let asked = ask_tls(tls, Ipv4Addr::new(127, 0, 9, 9), to, "GET /health");
        let answer = tokio::time::timeout(Duration::from_secs(5), asked).await;
        good += usize::from(answer.is_ok_and(|a| a.status == 200));
        slowest = slowest.max(started.elapsed());
    }
    (good, slowest)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_slow_connections_do_not_keep_others_out() {
    if std::env::var_os(IS_DOOR).is_some() {
        return;
    }
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, most.min(8192), most).unwrap();
    let (process, to, ca) = start();
    let tls = connector(&ca);
    assert_eq!(served(&tls, to).await.0, 20, "before");
    let before = process.resident_kib();

    let mut silent = Vec::new();
    let mut slow = Vec::new();
    for n in 0..EACH {
        for attacker in 1..=ATTACKERS {
            let source = Ipv4Addr::new(127, 0, 7, attacker);
            if n % 2 == 0 {
                silent.extend(connect_from(source, to).await);
            } else if let Ok(mut stream) = tls_from(&tls, source, to).await {
                let _ = stream.write_all(b"GET /health HTTP/1.1\r\nHost: router.lan\r\nX: ").await;
                slow.push(stream);
            }
        }
    }
    let tried = silent.len() + slow.len();
    let trickle = async {
        loop {
            for stream in &mut slow {
                let _ = stream.write_all(b"a").await;
                let _ = stream.flush().await;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    };
    let asked = async {
        let (good, slowest) = served(&tls, to).await;
        (good, slowest, process.resident_kib(), process.files())
    };
    let (good, slowest, during, files) = tokio::select! {
        asked = asked => asked,
        () = trickle => unreachable!("it has no end"),
    };
    println!(
        "{tried} connections: {good}/20 served, slowest {slowest:?}, {files} files, \
         {before} -> {during} KiB"
    );
    assert!(tried > 1500, "{tried}");
    assert_eq!(good, 20, "during");
    assert!(slowest < Duration::from_secs(1), "{slowest:?}");
    assert!(files < FILES as usize * 4 / 5, "{files}");
    assert!(during.saturating_sub(before) < MOST_GROWTH_KIB, "{before} -> {during} KiB");

    drop((silent, slow));
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(served(&tls, to).await.0, 20, "after");
    assert!(process.files() < 40, "{} files left open", process.files());
    assert!(process.resident_kib().saturating_sub(before) < MOST_GROWTH_KIB);
}
