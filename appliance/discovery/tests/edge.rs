//! The edge against the real kernel, each test in a network namespace of its own.

#[path = "namespace/mod.rs"]
mod namespace;

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use model::Mac;
use namespace::{LIMIT, Responder, in_namespace, index, ip, send_from, until};
use panoptikon_discovery::decode::{Fact, Protocol};
use panoptikon_discovery::edge::{
    Interface, InterfaceKind, Job, Listener, NeighbourState, NetworkChange, Overheard, Watcher,
    nudge, prober,
};
use panoptikon_discovery::segment::{Network, Segment};
use panoptikon_discovery::sweep::frames::{self, Sender};
use panoptikon_discovery::sweep::{Pace, Subnet};

const ROUTER: Mac = Mac([2, 0, 0, 0, 0, 1]);
const HOST: Sender<Ipv4Addr> =
    Sender { mac: Mac([2, 0, 0, 0, 1, 7]), ip: Ipv4Addr::new(10, 9, 0, 7) };

/// A cable from the router's `lan0` to `far0`, on which the hosts are.
fn cable() {
    ip("link add lan0 address 02:00:00:00:00:01 type veth peer name far0");
    ip("address add 10.9.0.1/24 dev lan0");
    ip("link set lan0 up");
    ip("link set far0 up");
}

fn segment(prefix: u8) -> Segment {
    let own = IpAddr::V4(Ipv4Addr::new(10, 9, 0, 1));
    let networks = vec![Network { own, prefix }];
    Segment { index: index("lan0"), name: "lan0".to_owned(), mac: ROUTER, networks }
}

fn job(prefix: u8) -> Job {
    let segment = segment(prefix);
    Job { subnets: prober::subnets(&segment), segment, known: vec![], pace: Pace::FAST, seed: 1 }
}

fn neighbour_table() -> Vec<String> {
    ip("neighbour show nud all")
        .lines()
        .filter(|l| l.contains("10.9."))
        .map(str::to_owned)
        .collect()
}

fn listen(interfaces: &[u32]) -> (Listener, Receiver<Overheard>) {
    listen_for(interfaces, false)
}

fn listen_for(interfaces: &[u32], names: bool) -> (Listener, Receiver<Overheard>) {
    let (sender, heard) = channel();
    let listener = Listener::start(move |round| round.heard().all(|h| sender.send(h).is_ok()))
        .expect("the listener starts");
    listener.watch(interfaces, names);
    (listener, heard)
}

/// What is asked for to find out whether somebody listens.
const HELLO: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 250);

/// Sends until it is heard, since nobody says when a socket is open.
fn wait_for_ears(far: u32, heard: &Receiver<Overheard>) {
    let hello = frames::arp_request(HOST, HELLO, None);
    until("the listener hears", || {
        send_from(far, &hello);
        heard.recv_timeout(Duration::from_millis(50)).is_ok()
    });
}

/// What is heard next, late hellos left out.
fn next(heard: &Receiver<Overheard>) -> Overheard {
    loop {
        let overheard = heard.recv_timeout(LIMIT).expect("something is heard");
        if !matches!(overheard.heard.fact, Fact::Arp(arp) if arp.target_ip == HELLO) {
            return overheard;
        }
    }
}

#[test]
fn a_sweep_finds_every_host_and_leaves_the_neighbour_table_alone() {
    in_namespace(|| {
        cable();
        let hosts: BTreeSet<_> = (20..220).map(|low| Ipv4Addr::new(10, 9, 0, low)).collect();
        let responder = Responder::start(index("far0"), hosts.clone());
        let outcome = prober::sweep(&job(24), &AtomicBool::new(false)).unwrap();
        let found: BTreeSet<_> = outcome.found.iter().map(|found| found.ip).collect();
        assert_eq!(found, hosts);
        assert!(outcome.found.iter().all(|found| found.mac == Responder::mac(found.ip)));
        assert!(outcome.is_whole);
        assert_eq!(outcome.progress.addresses, 253);
        assert_eq!(neighbour_table(), Vec::<String>::new());
        drop(responder);
    });
}

#[test]
fn where_packet_sockets_are_denied_the_kernel_asks_and_its_table_tells_who_is_there() {
    in_namespace(|| {
        cable();
        let hosts: BTreeSet<_> = [3, 9, 14].map(|low| Ipv4Addr::new(10, 9, 0, low)).into();
        let responder = Responder::start(index("far0"), hosts.clone());
        // One is in the table already: the kernel will not tell of it, for nothing changes.
        ip("neighbour add 10.9.0.3 lladdr 02:00:0a:09:00:03 nud reachable dev lan0");
        let job = Job { subnets: vec!["10.9.0.0/28".parse().unwrap()], ..job(24) };
        let outcome = nudge::sweep(&job, &AtomicBool::new(false)).unwrap();
        assert!(outcome.is_whole);
        assert_eq!((outcome.progress.addresses, outcome.progress.sent), (13, 13));
        let found: BTreeSet<_> = outcome.found.iter().map(|found| found.ip).collect();
        assert_eq!(found, hosts);
        drop(responder);
    });
}

#[test]
fn the_kernel_is_not_asked_for_what_is_not_on_the_link() {
    in_namespace(|| {
        cable();
        ip("route add default via 10.9.0.2");
        let job = Job { subnets: vec!["10.9.0.248/29".parse().unwrap()], ..job(29) };
        // The interface is a /29 here: 10.9.0.0 to 10.9.0.7.
        assert!(nudge::sweep(&job, &AtomicBool::new(false)).unwrap().found.is_empty());
        assert_eq!(neighbour_table(), Vec::<String>::new(), "something was asked for");
    });
}

#[test]
fn known_hosts_are_found_by_unicast() {
    in_namespace(|| {
        cable();
        let host = Ipv4Addr::new(10, 9, 0, 50);
        let responder = Responder::start(index("far0"), BTreeSet::from([host]));
        let known = vec![(host, Responder::mac(host))];
        let subnets = vec![Subnet::new(host, 32).unwrap()];
        let job = Job { known, subnets, ..job(24) };
        let outcome = prober::sweep(&job, &AtomicBool::new(false)).unwrap();
        assert_eq!(outcome.progress.sent, 1);
        assert_eq!(outcome.found.len(), 1);
        drop(responder);
    });
}

#[test]
fn a_sweep_that_is_called_off_ends_soon() {
    in_namespace(|| {
        cable();
        let outcome = prober::sweep(&job(16), &AtomicBool::new(true)).unwrap();
        assert!(!outcome.is_whole);
        assert!(prober::sweep(&job(15), &AtomicBool::new(false)).is_err());
    });
}

#[test]
fn a_sweep_of_an_interface_that_is_down_says_so() {
    in_namespace(|| {
        cable();
        ip("link set lan0 down");
        let error = prober::sweep(&job(24), &AtomicBool::new(false)).unwrap_err();
        assert!(error.to_string().contains(&format!("interface {}", index("lan0"))), "{error}");
    });
}

#[test]
fn what_a_host_says_is_heard_with_its_interface() {
    in_namespace(|| {
        cable();
        let (lan, far) = (index("lan0"), index("far0"));
        let (listener, heard) = listen(&[lan]);
        wait_for_ears(far, &heard);
        // A multicast group that the kernel itself has not joined.
        send_from(far, &frames::ssdp_search(HOST));
        let overheard = next(&heard);
        assert_eq!((overheard.interface, overheard.heard.source), (lan, HOST.mac));
        assert!(matches!(overheard.heard.fact, Fact::Ssdp(_)), "{overheard:?}");
        assert!(listener.failures().is_empty() && listener.is_running());
    });
}

#[test]
fn what_the_router_itself_sends_is_not_heard() {
    in_namespace(|| {
        cable();
        let (lan, far) = (index("lan0"), index("far0"));
        let (_listener, heard) = listen(&[lan]);
        wait_for_ears(far, &heard);
        let own = Sender { mac: ROUTER, ip: Ipv4Addr::new(10, 9, 0, 1) };
        prober::send_once(lan, &[frames::ssdp_search(own), frames::wake(ROUTER, HOST.mac)])
            .unwrap();
        send_from(far, &frames::arp_request(HOST, own.ip, None));
        let overheard = next(&heard);
        assert!(matches!(overheard.heard.fact, Fact::Arp(_)), "{overheard:?}");
    });
}

fn tagged(frame: &[u8], tag: [u8; 2]) -> Vec<u8> {
    [&frame[..12], &[0x81, 0], &tag, &frame[12..]].concat()
}

#[test]
fn a_tagged_frame_is_not_its_parents_and_a_priority_tag_changes_nothing() {
    in_namespace(|| {
        cable();
        let (lan, far) = (index("lan0"), index("far0"));
        let (_listener, heard) = listen(&[lan]);
        wait_for_ears(far, &heard);
        let ask = |low| frames::arp_request(HOST, Ipv4Addr::new(10, 9, 0, low), None);
        send_from(far, &tagged(&ask(2), [0, 100]));
        send_from(far, &tagged(&ask(3), [0xe0, 0]));
        send_from(far, &ask(4));
        let target = || match next(&heard).heard.fact {
            Fact::Arp(arp) => arp.target_ip.octets()[3],
            other => panic!("{other:?}"),
        };
        assert_eq!((target(), target()), (3, 4));
    });
}

#[test]
fn a_tagged_frame_is_heard_once_and_on_the_vlan() {
    in_namespace(|| {
        cable();
        if !namespace::add_vlan("lan0", "lan0.100", 100) {
            return;
        }
        ip("link set lan0.100 up");
        let (lan, vlan, far) = (index("lan0"), index("lan0.100"), index("far0"));
        let (_listener, heard) = listen(&[lan, vlan]);
        wait_for_ears(far, &heard);
        let plain = frames::arp_request(HOST, Ipv4Addr::new(10, 9, 0, 2), None);
        send_from(far, &tagged(&plain, [0, 100]));
        assert_eq!(next(&heard).interface, vlan);
        send_from(far, &plain);
        assert_eq!(next(&heard).interface, lan);
    });
}

/// A name server at `10.9.0.1` answers that `a.example` has the address 192.0.2.1.
fn answer() -> Vec<u8> {
    let dns = [
        &[0, 7, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0][..],
        b"\x01a\x07example\0\0\x01\0\x01",
        &[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1],
    ]
    .concat();
    let length = |more: usize| ((dns.len() + more) as u16).to_be_bytes();
    let mut frame = [&[0x02; 6][..], &ROUTER.0, &[8, 0, 0x45, 0], &length(28)].concat();
    frame.extend([0, 0, 0, 0, 64, 17, 0, 0, 10, 9, 0, 1, 10, 9, 0, 250, 0, 53, 0x9c, 0x40]);
    frame.extend(length(8));
    frame.extend([0, 0]);
    [frame, dns].concat()
}

#[test]
fn answers_to_the_lan_are_heard_where_names_are_wanted_only() {
    in_namespace(|| {
        cable();
        let (lan, far) = (index("lan0"), index("far0"));
        let (listener, heard) = listen_for(&[lan], true);
        wait_for_ears(far, &heard);
        send_from(lan, &answer());
        let Fact::Answers(found) = next(&heard).heard.fact else { panic!("no answer") };
        assert_eq!(
            (found.name.as_str(), found.addresses),
            ("a.example", vec![[192, 0, 2, 1].into()])
        );
        drop(listener);
        let (_listener, heard) = listen_for(&[lan], false);
        wait_for_ears(far, &heard);
        send_from(lan, &answer());
        wait_for_ears(far, &heard);
        while let Ok(one) = heard.recv_timeout(Duration::from_millis(200)) {
            assert!(!matches!(one.heard.fact, Fact::Answers(_)));
        }
    });
}

#[test]
fn malformed_frames_and_a_full_queue_are_counted() {
    in_namespace(|| {
        cable();
        let (lan, far) = (index("lan0"), index("far0"));
        let listener = Listener::start(|round| {
            round.heard().for_each(drop);
            false
        })
        .unwrap();
        listener.watch(&[lan], false);
        let hello = frames::arp_request(HOST, HELLO, None);
        let bad = &hello[..20];
        until("malformed ARP is counted", || {
            send_from(far, bad);
            send_from(far, &hello);
            let counters = listener.counters();
            counters.malformed[Protocol::Arp as usize] > 0 && counters.queue_drops > 0
        });
    });
}

#[test]
fn an_interface_that_cannot_be_heard_is_told_and_tried_again() {
    in_namespace(|| {
        let (listener, _heard) = listen(&[4_242]);
        until("the failure is told", || listener.failures().contains_key(&4_242));
        listener.watch(&[], false);
        until("the failure is forgotten", || listener.failures().is_empty());
    });
}

#[test]
fn a_link_that_went_down_is_heard_when_it_is_up_again() {
    in_namespace(|| {
        cable();
        let (lan, far) = (index("lan0"), index("far0"));
        let (_listener, heard) = listen(&[lan]);
        wait_for_ears(far, &heard);
        ip("link set lan0 down");
        while heard.recv_timeout(Duration::from_millis(200)).is_ok() {}
        ip("link set lan0 up");
        wait_for_ears(far, &heard);
    });
}

fn watch() -> (Watcher, Receiver<NetworkChange>) {
    let (sender, changes) = channel();
    let watcher =
        Watcher::start(move |told| told.into_iter().all(|change| sender.send(change).is_ok()))
            .expect("the watcher starts");
    (watcher, changes)
}

/// Waits for a change that is as described.
fn wait_for<T>(
    what: &str,
    changes: &Receiver<NetworkChange>,
    mut is_it: impl FnMut(NetworkChange) -> Option<T>,
) -> T {
    let end = Instant::now() + LIMIT;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let change = changes.recv_timeout(left).unwrap_or_else(|_| panic!("{what}: not told"));
        if let Some(found) = is_it(change) {
            return found;
        }
    }
}

fn wait_for_interface(
    changes: &Receiver<NetworkChange>,
    name: &str,
    is_it: impl Fn(&Interface) -> bool,
) -> Interface {
    wait_for(name, changes, |change| match change {
        NetworkChange::Interfaces(all) => all.into_iter().find(|i| i.name == name && is_it(i)),
        _ => None,
    })
}

#[test]
fn interfaces_present_and_added_later_are_seen_with_their_facts() {
    in_namespace(|| {
        cable();
        ip("link set lo up");
        let (_watcher, changes) = watch();
        let lan = wait_for_interface(&changes, "lan0", |_| true);
        assert_eq!((lan.index, lan.mac), (index("lan0"), Some(ROUTER)));
        assert!(lan.is_up && lan.has_carrier && lan.kind == InterfaceKind::Veth);
        assert!(lan.addresses.contains(&(IpAddr::from([10, 9, 0, 1]), 24)));
        ip("link add link lan0 name mv0 type macvlan");
        let later = wait_for_interface(&changes, "mv0", |_| true);
        assert_eq!(later.kind, InterfaceKind::Other("macvlan".to_owned()));
        assert_eq!((later.parent, later.master), (Some(lan.index), None));
        ip("link add br0 type bridge");
        ip("link set mv0 master br0");
        let port = wait_for_interface(&changes, "mv0", |i| i.master.is_some());
        assert_eq!(port.master, Some(index("br0")));
        ip("address add 10.9.1.1/25 dev br0");
        let address = (IpAddr::from([10, 9, 1, 1]), 25);
        let bridge = wait_for_interface(&changes, "br0", |i| i.addresses.contains(&address));
        assert_eq!(bridge.kind, InterfaceKind::Bridge);
        ip("address del 10.9.1.1/25 dev br0");
        wait_for_interface(&changes, "br0", |i| !i.addresses.contains(&address));
        ip("link set mv0 nomaster");
        wait_for_interface(&changes, "mv0", |i| i.master.is_none());
        ip("link del br0");
        wait_for("br0 is gone", &changes, |change| match change {
            NetworkChange::Interfaces(all) => all.iter().all(|i| i.name != "br0").then_some(()),
            _ => None,
        });
    });
}

#[test]
fn a_vlan_is_seen_with_its_number_and_parent() {
    in_namespace(|| {
        cable();
        if !namespace::add_vlan("lan0", "lan0.7", 7) {
            return;
        }
        let (_watcher, changes) = watch();
        let vlan = wait_for_interface(&changes, "lan0.7", |_| true);
        assert_eq!((vlan.kind, vlan.parent), (InterfaceKind::Vlan(7), Some(index("lan0"))));
    });
}

#[test]
fn the_watcher_ends_when_nobody_wants_to_know() {
    in_namespace(|| {
        let (watcher, changes) = watch();
        drop(changes);
        ip("link set lo up"); // something to tell
        until("the thread ends", || !watcher.is_running());
    });
}

#[test]
fn neighbours_that_come_change_and_go_are_told() {
    in_namespace(|| {
        cable();
        ip("neighbour add 10.9.0.5 lladdr 02:00:00:00:00:05 nud stale dev lan0");
        let (_watcher, changes) = watch();
        let neighbour = |address: [u8; 4], state| {
            wait_for("neighbour", &changes, |change| match change {
                NetworkChange::Neighbour(n) => {
                    (n.ip == IpAddr::from(address) && n.state == state).then_some(n)
                }
                _ => None,
            })
        };
        let present = neighbour([10, 9, 0, 5], NeighbourState::Stale);
        assert_eq!(present.mac, Some(Mac([2, 0, 0, 0, 0, 5])));
        assert_eq!(present.interface, index("lan0"));
        ip("neighbour add 10.9.0.6 lladdr 02:00:00:00:00:06 nud reachable dev lan0");
        neighbour([10, 9, 0, 6], NeighbourState::Reachable);
        ip("neighbour del 10.9.0.5 dev lan0");
        wait_for("10.9.0.5 is gone", &changes, |change| match change {
            NetworkChange::NeighbourGone { ip, .. } => {
                (ip == IpAddr::from([10, 9, 0, 5])).then_some(())
            }
            _ => None,
        });
        ip("link del lan0");
        wait_for("10.9.0.6 is gone with its link", &changes, |change| match change {
            NetworkChange::NeighbourGone { ip, .. } => {
                (ip == IpAddr::from([10, 9, 0, 6])).then_some(())
            }
            _ => None,
        });
    });
}

#[test]
fn a_picture_is_whole_again_after_messages_were_lost() {
    in_namespace(|| {
        cable();
        // A sink that sleeps while thousands of messages overflow the socket.
        let (sender, changes) = channel();
        let mut is_first = true;
        let watcher = Watcher::start(move |told| {
            if std::mem::take(&mut is_first) {
                std::thread::sleep(Duration::from_secs(2));
            }
            told.into_iter().all(|change| sender.send(change).is_ok())
        })
        .unwrap();
        let mut batch = String::new();
        for round in 0..12 {
            for low in 0..=255 {
                let (verb, rest) = if round % 2 == 0 {
                    ("replace", "lladdr 02:00:00:00:00:09 nud stale ")
                } else {
                    ("del", "")
                };
                batch.extend([
                    "neighbour ",
                    verb,
                    " 10.9.0.",
                    &low.to_string(),
                    " ",
                    rest,
                    "dev lan0\n",
                ]);
            }
        }
        batch += "neighbour replace 10.9.0.77 lladdr 02:00:00:00:00:77 nud stale dev lan0\n";
        namespace::ip_batch(&batch);
        let mut table = BTreeSet::new();
        wait_for("the last neighbour alone", &changes, |change| {
            match change {
                NetworkChange::Neighbour(n) if n.ip.is_ipv4() => {
                    table.insert(n.ip);
                }
                NetworkChange::NeighbourGone { ip, .. } => {
                    table.remove(&ip);
                }
                _ => {}
            }
            (table == BTreeSet::from([IpAddr::from([10, 9, 0, 77])])).then_some(())
        });
        assert!(watcher.losses() > 0, "nothing was lost");
    });
}
