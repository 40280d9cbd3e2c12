//! A router with a host inside and a server outside, each in a network namespace of its own; the
//! test's thread is the router.

use std::fs::File;
use std::net::IpAddr;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::thread;

use model::Timestamp;
use nix::sched::{CloneFlags, setns};
use panoptikon_flows::collect::{Exporters, Source, Surroundings};
use panoptikon_flows::days::{Day, Retention, list};
use panoptikon_flows::rollup::{AddressBook, Whose};
use panoptikon_flows::{EVENT_ROOM, Flow, Flows, Options};

use super::{run, wait_for};

pub(crate) const HOST: &str = "10.77.0.5";
pub(crate) const SERVER: &str = "192.0.2.9";
pub(crate) const OUTSIDE: &str = "192.0.2.1";

static NUMBER: AtomicU32 = AtomicU32::new(0);

/// The namespaces of one test. They go with it.
pub(crate) struct Bed {
    host: String,
    server: String,
}

impl Bed {
    /// Made in the namespace of this thread, which forwards, masquerades and counts.
    pub(crate) fn new() -> Self {
        let number = NUMBER.fetch_add(1, Relaxed);
        let name = |what: &str| format!("pnflow-{what}-{}-{number}", std::process::id());
        let bed = Self { host: name("in"), server: name("out") };
        for (space, ours, theirs, prefix) in
            [(&bed.host, "lan0", HOST, "10.77.0.1"), (&bed.server, "wan0", SERVER, OUTSIDE)]
        {
            ip(&format!("netns add {space}"));
            ip(&format!("link add {ours} type veth peer name eth0 netns {space}"));
            ip(&format!("addr add {prefix}/24 dev {ours}"));
            ip(&format!("link set {ours} up"));
            ip(&format!("-n {space} link set lo up"));
            ip(&format!("-n {space} addr add {theirs}/24 dev eth0"));
            ip(&format!("-n {space} link set eth0 up"));
        }
        for ours in ["lan0", "wan0"] {
            wait_for("cable", || run("ip", &["-o", "link", "show", ours]).contains("state UP"));
        }
        ip(&format!("-n {} route add default via 10.77.0.1", bed.host));
        for (name, value) in [
            ("ipv4/ip_forward", "1"),
            ("netfilter/nf_conntrack_acct", "1"),
            ("netfilter/nf_conntrack_tcp_timeout_time_wait", "5"),
        ] {
            std::fs::write(format!("/proc/sys/net/{name}"), value).expect(name);
        }
        nft("add table ip t");
        nft("add chain ip t post { type nat hook postrouting priority 100 ; }");
        nft("add rule ip t post oifname wan0 masquerade");
        bed
    }

    /// Runs something inside.
    pub(crate) fn inside<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        within(&self.host, work).join().expect("it works inside")
    }

    /// Runs something outside.
    pub(crate) fn outside<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> thread::JoinHandle<T> {
        within(&self.server, work)
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        for space in [&self.host, &self.server] {
            let _ = Command::new("ip").args(["netns", "del", space]).status();
        }
    }
}

fn within<T: Send + 'static>(
    space: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> thread::JoinHandle<T> {
    let file = File::open(format!("/run/netns/{space}")).expect("a namespace");
    thread::spawn(move || {
        setns(file, CloneFlags::CLONE_NEWNET).expect("entered");
        work()
    })
}

pub(crate) fn ip(words: &str) {
    run("ip", &words.split_whitespace().collect::<Vec<_>>());
}

pub(crate) fn nft(words: &str) {
    run("nft", &words.split_whitespace().collect::<Vec<_>>());
}

/// Ours are devices by their last octet, this machine is the router.
pub(crate) struct Book;

impl AddressBook for Book {
    fn whose(&self, address: IpAddr, _: Timestamp) -> Whose {
        match address {
            IpAddr::V4(v4) if v4.octets()[..3] == [10, 77, 0] => match v4.octets()[3] {
                1 => Whose::Router,
                last => Whose::Device(last.into()),
            },
            other if other.to_string() == OUTSIDE => Whose::Router,
            other if other.is_loopback() => Whose::Router,
            _ => Whose::Remote,
        }
    }
}

pub(crate) fn options(source: Source) -> Options {
    Options {
        source,
        listen: Vec::new(),
        exporters: Exporters::Lan,
        keep: Retention { days: 30, bytes: u64::MAX },
        event_room: EVENT_ROOM,
        memory: None,
    }
}

/// The room of a folder, with the bed around it.
pub(crate) fn room(folder: &std::path::Path) -> Flows {
    let flows = Flows::new(folder, Arc::new(Book));
    flows.set_surroundings(Surroundings {
        networks: vec![("10.77.0.0/24".parse().expect("a network"), 7)],
        own: vec!["10.77.0.1".parse().expect("ours"), OUTSIDE.parse().expect("ours")],
    });
    flows
}

/// All flows of a folder, those in tails among them.
pub(crate) fn kept(folder: &std::path::Path) -> Vec<Flow> {
    let mut flows = Vec::new();
    for file in list(folder).expect("days") {
        let day = Day::open(&file).expect("a day");
        for entry in day.entries() {
            flows.extend(day.flows(entry).expect("flows"));
        }
    }
    flows
}

/// With hardly any room for events.
pub(crate) fn small_room(options: Options) -> Options {
    Options { event_room: 4_096, ..options }
}
