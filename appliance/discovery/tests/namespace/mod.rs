//! A network namespace for one test, hosts in it, and patience.

#![allow(dead_code)] // each test file uses its part

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::net::Ipv4Addr;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use model::Mac;
use nix::sched::{CloneFlags, unshare};
use panoptikon_discovery::decode::{Fact, ethernet};
use panoptikon_discovery::edge::prober;
use ring::{Instruction, PacketSocket};

/// Nothing takes as long; whoever waits longer has failed.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// Runs a test on a thread in a new, empty network namespace, which goes away with its last socket.
///
/// Without the right to make one the test fails, unless `PANOPTIKON_NO_NETNS=1` says that this
/// machine cannot have any.
pub(crate) fn in_namespace(test: impl FnOnce() + Send + 'static) {
    if std::env::var("PANOPTIKON_NO_NETNS").is_ok_and(|value| value == "1") {
        eprintln!("skipped: PANOPTIKON_NO_NETNS=1");
        return;
    }
    let run = thread::spawn(|| {
        unshare(CloneFlags::CLONE_NEWNET)
            .expect("a new network namespace: run as root, or set PANOPTIKON_NO_NETNS=1");
        // The kernel's own IPv6 chatter would mix with what the test sends.
        fs::write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1").expect("IPv6 is off");
        test();
    });
    if let Err(panic) = run.join() {
        std::panic::resume_unwind(panic);
    }
}

/// Runs `ip` in the namespace and returns what it prints.
pub(crate) fn ip(arguments: &str) -> String {
    let output = Command::new("ip").args(arguments.split(' ')).output().expect("iproute2");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ip {arguments}: {error}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Adds a VLAN; false when this kernel has none.
pub(crate) fn add_vlan(parent: &str, name: &str, number: u16) -> bool {
    let output = Command::new("ip")
        .args(["link", "add", "link", parent, "name", name, "type", "vlan", "id"])
        .arg(number.to_string())
        .output()
        .expect("iproute2");
    let error = String::from_utf8_lossy(&output.stderr);
    if error.contains("Unknown device type") {
        eprintln!("skipped: this kernel has no VLAN devices");
        return false;
    }
    assert!(output.status.success(), "{error}");
    true
}

/// Runs many `ip` commands, one a line; those that fail do not matter.
pub(crate) fn ip_batch(commands: &str) {
    let mut child = Command::new("ip")
        .args(["-force", "-batch", "-"])
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("iproute2");
    child.stdin.take().expect("piped").write_all(commands.as_bytes()).expect("ip reads");
    child.wait().expect("ip ends");
}

/// The index of an interface.
pub(crate) fn index(name: &str) -> u32 {
    let line = ip(&format!("-o link show {name}"));
    line.split(':').next().and_then(|number| number.parse().ok()).expect("an index")
}

/// Sends one frame from the hosts' side.
pub(crate) fn send_from(interface: u32, frame: &[u8]) {
    prober::send_once(interface, &[frame.to_vec()]).expect("the frame goes out");
}

/// Tries until it holds.
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + LIMIT;
    while !holds() {
        assert!(Instant::now() < end, "{what}: not within {LIMIT:?}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Answers ARP for many hosts, each with a MAC address of its own.
pub(crate) struct Responder {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Responder {
    pub(crate) fn start(interface: u32, hosts: BTreeSet<Ipv4Addr>) -> Self {
        let everything = [Instruction { code: 0x06, jump_true: 0, jump_false: 0, operand: 1_518 }];
        let socket = PacketSocket::open(interface, &everything).expect("a packet socket");
        let stop = Arc::new(AtomicBool::new(false));
        let theirs = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let mut buffer = [0; 1_518];
            while !theirs.load(Ordering::Relaxed) {
                let heard = socket.receive(&mut buffer, Duration::from_millis(20));
                let Ok(Some(length)) = heard else { continue };
                let Ok(Fact::Arp(arp)) = ethernet(&buffer[..length]).map(|heard| heard.fact) else {
                    continue;
                };
                if !arp.reply && hosts.contains(&arp.target_ip) {
                    let mac = Self::mac(arp.target_ip);
                    let reply = [
                        &arp.sender.0[..],
                        &mac.0,
                        &[8, 6, 0, 1, 8, 0, 6, 4, 0, 2],
                        &mac.0,
                        &arp.target_ip.octets(),
                        &arp.sender.0,
                        &arp.sender_ip.octets(),
                    ];
                    socket.send(&reply.concat()).expect("the reply goes out");
                }
            }
        });
        Self { stop, thread: Some(thread) }
    }

    pub(crate) fn mac(ip: Ipv4Addr) -> Mac {
        let [a, b, c, d] = ip.octets();
        Mac([2, 1, a, b, c, d])
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
