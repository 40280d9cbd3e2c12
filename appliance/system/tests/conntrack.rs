//! Connections of the real kernel, put there by conntrack(8) and by real traffic.

mod namespace;

use std::io::{Read, Write};
use std::net::{IpAddr, TcpListener, TcpStream};

use namespace::{in_namespace, ip, run};
use panoptikon_system::conntrack::{Filter, Order, State, read};

fn insert(words: &str) {
    run(&format!("conntrack -I {words}"));
}

#[test]
fn connections_are_told_as_conntrack_told_the_kernel() {
    in_namespace(|| {
        insert(
            "-p tcp -s 192.168.1.5 -d 192.0.2.9 --sport 40000 --dport 443 --state ESTABLISHED \
             -t 600 -u SEEN_REPLY,ASSURED -m 5 -r 192.0.2.9 -q 198.51.100.7 \
             --reply-port-src 443 --reply-port-dst 50000"
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" ")
                .as_str(),
        );
        insert("-p udp -s 192.168.1.6 -d 192.0.2.53 --sport 5353 --dport 53 -t 30");
        insert("-p udp -s 2001:db8::5 -d 2001:db8::53 --sport 1000 --dport 53 -t 90 -u SEEN_REPLY");
        let all = read(&Filter::default(), Order::Source, 0, 100).expect("the table");
        assert_eq!((all.counts.read, all.counts.translated, all.is_partial), (3, 1, false));
        let tcp = &all.connections[0];
        assert_eq!((tcp.state, tcp.mark), (State::Established, 5));
        assert!(tcp.timeout.is_some_and(|seconds| (590..=600).contains(&seconds)), "{tcp:?}");
        let outside: IpAddr = [198, 51, 100, 7].into();
        assert_eq!(tcp.source_nat(), Some((outside, Some(50_000))));
        assert_eq!(tcp.destination_nat(), None);
        assert_eq!(all.connections[1].state, State::Unreplied);
        assert_eq!(all.connections[2].state, State::Replied);
        assert_eq!(all.counts.by_protocol.get(&17), Some(&2));

        let filter = Filter { address: Some(outside), ..Filter::default() };
        let found = read(&filter, Order::Bytes, 0, 100).expect("the table");
        assert_eq!((found.connections.len(), found.counts.matching), (1, 1));
        let dns = Filter { port: Some(53), protocol: Some(17), ..Filter::default() };
        let second = read(&dns, Order::Timeout, 1, 1).expect("the table");
        assert_eq!((second.counts.matching, second.connections.len()), (2, 1));
        assert_eq!(second.connections[0].original.source, IpAddr::from([192, 168, 1, 6]));
        assert!(all.capacity.is_some());
    });
}

#[test]
fn a_connection_through_nat_is_told_with_its_bytes() {
    in_namespace(|| {
        ip("link set lo up");
        run("nft add table ip t");
        run("nft add chain ip t c { type nat hook output priority -100 ; }");
        run("nft add rule ip t c tcp dport 8080 redirect to :9090");
        std::fs::write("/proc/sys/net/netfilter/nf_conntrack_acct", "1").expect("counting is on");
        let listener = TcpListener::bind("127.0.0.1:9090").expect("bound");
        let mut near = TcpStream::connect("127.0.0.1:8080").expect("connected");
        let (mut far, _) = listener.accept().expect("accepted");
        near.write_all(&[7; 1_000]).expect("sent");
        far.read_exact(&mut [0; 1_000]).expect("received");
        let filter = Filter { only_nat: true, ..Filter::default() };
        let table = read(&filter, Order::Bytes, 0, 10).expect("the table");
        assert_eq!(table.connections.len(), 1, "{table:?}");
        let found = &table.connections[0];
        assert_eq!((found.protocol, found.state), (6, State::Established));
        let real = (IpAddr::from([127, 0, 0, 1]), Some(9_090));
        assert_eq!((found.destination_nat(), found.source_nat()), (Some(real), None));
        assert!(found.bytes().is_some_and(|bytes| bytes > 1_000), "{found:?}");
    });
}
