//! The kernel's connections, with real NAT and real traffic: what we make of them is compared with
//! conntrack(8), and with what was sent.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::mpsc::channel;

use panoptikon_flows::collect::Source;
use panoptikon_flows::query::Range;
use panoptikon_flows::rollup::{Kind, Rollups, Scope, Whose};
use panoptikon_flows::world::NoGeo;
use panoptikon_flows::{ACCOUNTING, Flow, Flows};

use super::bed::{Bed, Book, HOST, OUTSIDE, SERVER, kept, nft, options, room};
use super::{Timestamp, in_namespace, run, wait_for};

fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// Waits for the first look, before which nothing counts.
fn look(flows: &Flows) {
    wait_for("look at the connections", || {
        flows.live();
        flows.status().kernel.is_some_and(|kernel| kernel.looked_at.is_some())
    });
}

/// What flows from one address to another carried.
fn carried(flows: &[Flow], source: &str, destination: &str, protocol: u8) -> (u64, u64) {
    let (source, destination) = (address(source), address(destination));
    flows
        .iter()
        .filter(|f| (f.source, f.destination, f.protocol) == (source, destination, protocol))
        .fold((0, 0), |sum, flow| (sum.0 + flow.bytes, sum.1 + flow.packets))
}

/// Octets of both directions of the connections to the server, as conntrack(8) tells them.
fn by_conntrack(protocol: &str) -> (u64, u64) {
    let table = run("conntrack", &["-L", "-o", "extended", "-p", protocol, "-d", SERVER]);
    let mut sums = (0, 0);
    for line in table.lines().filter(|line| line.contains(&format!("src={HOST}"))) {
        let mut bytes = line.split_whitespace().filter_map(|word| word.strip_prefix("bytes="));
        let mut next = || bytes.next().and_then(|n| n.parse::<u64>().ok()).expect("a counter");
        sums = (sums.0 + next(), sums.1 + next());
    }
    sums
}

#[test]
fn octets_of_hosts_behind_nat_are_those_that_the_kernel_counted() {
    in_namespace(|| {
        let bed = Bed::new();
        let folder = tempfile::tempdir().expect("a folder");
        let flows = room(folder.path());
        flows.start(&options(Source::Auto)).expect("it starts");
        look(&flows);
        let (ready, is_ready) = channel();
        let server = bed.outside(move || {
            let listener = TcpListener::bind((SERVER, 8_080)).expect("bound");
            let mute = UdpSocket::bind((SERVER, 9_000)).expect("bound");
            ready.send(()).expect("heard");
            for _ in 0..5 {
                let (mut stream, _) = listener.accept().expect("a connection");
                let mut data = vec![0; 1 << 20];
                stream.read_exact(&mut data).expect("1 MiB");
                stream.write_all(&data[..100_000]).expect("sent");
            }
            drop(mute);
        });
        is_ready.recv().expect("the server listens");
        bed.inside(|| {
            for _ in 0..5 {
                let mut stream = TcpStream::connect((SERVER, 8_080)).expect("connected");
                stream.write_all(&vec![1; 1 << 20]).expect("sent");
                let mut answer = Vec::new();
                stream.read_to_end(&mut answer).expect("read");
                assert_eq!(answer.len(), 100_000);
            }
            let socket = UdpSocket::bind((HOST, 4_444)).expect("bound");
            for _ in 0..100 {
                socket.send_to(&[7; 1_000], (SERVER, 9_000)).expect("sent");
            }
        });
        server.join().expect("the server is done");
        // What stays on the router is its own business; what it sends itself counts.
        let own = UdpSocket::bind("0.0.0.0:0").expect("bound");
        own.send_to(&[0; 500], "127.0.0.1:9").expect("sent");
        own.send_to(&[0; 500], (SERVER, 9_999)).expect("sent");
        let (tcp, udp) = (by_conntrack("tcp"), by_conntrack("udp"));
        assert_eq!(udp.0, 100 * 1_028, "with the headers of layer 3");
        run("conntrack", &["-F"]);
        wait_for("end of the connections", || {
            flows.status().kernel.is_some_and(|kernel| kernel.account.ended >= 8)
        });
        flows.stop();
        let all = kept(folder.path());
        assert_eq!(carried(&all, HOST, SERVER, 6).0, tcp.0);
        assert_eq!(carried(&all, SERVER, HOST, 6).0, tcp.1);
        assert_eq!(carried(&all, HOST, SERVER, 17), (udp.0, 100));
        assert!(!all.iter().any(|flow| flow.destination.is_loopback()), "it stayed here");
        assert_eq!(carried(&all, OUTSIDE, SERVER, 17), (528, 1));
        let translated = all.iter().find(|f| f.source == address(HOST) && f.protocol == 6);
        let translated = translated.expect("a flow");
        assert_eq!(translated.nat.map(|nat| nat.source), Some(address(OUTSIDE)));
        assert_eq!((translated.input, translated.output), (7, 0));
        // The same by account, as pages ask.
        flows.start(&options(Source::Exporters)).expect("it starts");
        let now = Timestamp::now();
        let range = Range { from: Timestamp(now.0 - 600_000), to: Timestamp(now.0 + 60_000) };
        let rollups = Rollups::open(folder.path()).expect("sums");
        let live = rollups.live(&Book, &NoGeo, &flows.interfaces(now)).expect("live sums");
        let (rows, _) = rollups
            .top(Kind::Account, &[Scope::Internet], range, 10, Some(&live))
            .expect("the top");
        let device = Whose::Device(5).key().expect("a key");
        let row = rows.iter().find(|row| row.key == device).expect("the device");
        assert_eq!((row.amounts.sent, row.amounts.received), (tcp.0 + udp.0, tcp.1 + udp.1));
    });
}

#[test]
fn a_connection_that_lasts_counts_before_it_ends() {
    in_namespace(|| {
        let bed = Bed::new();
        let folder = tempfile::tempdir().expect("a folder");
        let flows = room(folder.path());
        flows.start(&options(Source::Conntrack)).expect("it starts");
        look(&flows);
        let (ready, is_ready) = channel();
        let (over, is_over) = channel::<()>();
        let server = bed.outside(move || {
            let listener = TcpListener::bind((SERVER, 8_080)).expect("bound");
            ready.send(()).expect("heard");
            let (mut stream, _) = listener.accept().expect("a connection");
            stream.write_all(&vec![7; 3_000_000]).expect("sent");
            let _ = is_over.recv();
        });
        is_ready.recv().expect("the server listens");
        let stream = bed.inside(|| {
            let mut stream = TcpStream::connect((SERVER, 8_080)).expect("connected");
            stream.read_exact(&mut vec![0; 3_000_000]).expect("read");
            stream
        });
        wait_for("octets on disk while the connection is open", || {
            flows.live();
            carried(&kept(folder.path()), SERVER, HOST, 6).0 > 3_000_000
        });
        let rates = flows.live();
        let device = rates.rows.iter().find(|rate| rate.whose == Whose::Device(5));
        assert!(device.is_some_and(|rate| rate.received > 3_000_000 / 60), "{rates:?}");
        let kernel = flows.status().kernel.expect("it is followed");
        assert_eq!((kernel.account.known, kernel.account.ended), (1, 0));
        drop((stream, over));
        server.join().expect("the server is done");
    });
}

#[test]
fn events_that_had_no_room_are_noticed_and_the_table_is_read_again() {
    in_namespace(|| {
        let _bed = Bed::new();
        let folder = tempfile::tempdir().expect("a folder");
        let flows = room(folder.path());
        // Some kilobytes, which a few events fill.
        flows.start(&super::bed::small_room(options(Source::Conntrack))).expect("it starts");
        look(&flows);
        let socket = UdpSocket::bind("10.77.0.1:0").expect("bound");
        for port in 1..5_000_u16 {
            // Each is a connection of one packet, which is refused.
            let _ = socket.send_to(&[0; 100], (SERVER, port));
        }
        let looked = flows.status().kernel.and_then(|kernel| kernel.looked_at);
        run("conntrack", &["-F"]);
        wait_for("notice of lost events", || {
            flows.status().kernel.is_some_and(|kernel| kernel.overruns > 0)
        });
        wait_for("another look", || {
            flows.status().kernel.is_some_and(|kernel| kernel.looked_at > looked)
        });
    });
}

#[test]
fn without_counters_the_status_says_what_makes_the_router_count() {
    in_namespace(|| {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write("/proc/sys/net/netfilter/nf_conntrack_acct", "0").expect("off");
        nft("add table ip t");
        nft("add chain ip t c { type nat hook output priority -100 ; }");
        let flows = room(folder.path());
        flows.start(&options(Source::Auto)).expect("it starts");
        look(&flows);
        let socket = UdpSocket::bind("127.0.0.1:0").expect("bound");
        socket.send_to(&[0; 100], "127.0.0.1:9").expect("sent");
        wait_for("advice", || {
            let status = flows.status();
            status.failure().is_none() && status.troubles().iter().any(|t| t.contains(ACCOUNTING))
        });
    });
}
