//! The tools against real peers, in namespaces.

mod namespace;

use std::io::{Read, Write};
use std::net::{IpAddr, TcpListener, UdpSocket};
use std::time::Duration;

use namespace::{LIMIT, in_async_namespace, ip, run};
use panoptikon_system::tools::{
    DnsQuestion, PingRequest, PingUpdate, PortQuestion, PortVerdict, RecordKind, Target, Tools,
    TraceRequest, TraceUpdate, Updates,
};

/// Further namespaces, which go away with this.
struct Spaces(Vec<String>);

impl Spaces {
    fn add(&mut self, name: &str) -> String {
        let name = format!("pnk-sys-{name}-{}", std::process::id());
        run(&format!("ip netns add {name}"));
        self.0.push(name.clone());
        // Neighbours are asked at once, not after a second of looking for duplicates.
        run(&format!("ip netns exec {name} sysctl -q -w net.ipv6.conf.default.accept_dad=0"));
        ip(&format!("-n {name} link set lo up"));
        name
    }
}

impl Drop for Spaces {
    fn drop(&mut self) {
        for name in &self.0 {
            let _ = std::process::Command::new("ip").args(["netns", "delete", name]).status();
        }
    }
}

/// This router, then `mid` at 10.8.1.2, then `far` at 10.8.2.2, and the same in IPv6.
fn chain(label: &str) -> Spaces {
    let mut spaces = Spaces(Vec::new());
    run("sysctl -q -w net.ipv6.conf.default.accept_dad=0");
    let (mid, far) = (spaces.add(&format!("m{label}")), spaces.add(&format!("f{label}")));
    ip("link set lo up");
    ip("link add a0 type veth peer name a1");
    ip(&format!("link set a1 netns {mid}"));
    ip("address add 10.8.1.1/24 dev a0");
    ip("address add 2001:db8:1::1/64 dev a0 nodad");
    ip("link set a0 up");
    ip(&format!("-n {mid} link add b0 type veth peer name b1"));
    ip(&format!("-n {mid} link set b1 netns {far}"));
    for (space, link, net, host) in [(&mid, "a1", 1, 2), (&mid, "b0", 2, 1), (&far, "b1", 2, 2)] {
        ip(&format!("-n {space} address add 10.8.{net}.{host}/24 dev {link}"));
        ip(&format!("-n {space} address add 2001:db8:{net}::{host}/64 dev {link} nodad"));
        ip(&format!("-n {space} link set {link} up"));
    }
    run(&format!("ip netns exec {mid} sysctl -q -w net.ipv4.ip_forward=1"));
    run(&format!("ip netns exec {mid} sysctl -q -w net.ipv6.conf.all.forwarding=1"));
    ip("route add default via 10.8.1.2");
    ip("-6 route add default via 2001:db8:1::2");
    ip(&format!("-n {far} route add default via 10.8.2.1"));
    ip(&format!("-n {far} -6 route add default via 2001:db8:2::1"));
    spaces
}

fn target(text: &str) -> Target {
    Target::parse(text).expect("a target")
}

async fn all<T>(mut updates: Updates<T>) -> Vec<T> {
    let mut told = Vec::new();
    while let Some(update) =
        tokio::time::timeout(LIMIT, updates.next()).await.expect("it ends by itself")
    {
        told.push(update);
    }
    told
}

#[test]
fn a_ping_tells_each_reply_and_the_figures_of_all() {
    in_async_namespace(|| async {
        let _spaces = chain("p");
        for host in ["10.8.2.2", "2001:db8:2::2"] {
            let request =
                PingRequest { count: 3, interval_ms: 200, ..PingRequest::new(target(host)) };
            let told = all(Tools::default().ping(request).expect("begun")).await;
            let replies = told.iter().filter(|u| matches!(u, PingUpdate::Reply { size: 56, .. }));
            assert_eq!(replies.count(), 3, "{told:?}");
            let Some(PingUpdate::Ended { measured }) = told.last() else { panic!("{told:?}") };
            assert_eq!((measured.sent, measured.lost), (3, 0));
        }
    });
}

#[test]
fn a_host_that_is_not_there_is_told_as_such() {
    in_async_namespace(|| async {
        let _spaces = chain("n");
        let request = PingRequest { count: 1, ..PingRequest::new(target("10.8.2.77")) };
        let told = all(Tools::default().ping(request).expect("begun")).await;
        let silent = |u: &PingUpdate| {
            matches!(u, PingUpdate::Lost { number: 0 } | PingUpdate::Refused { number: 0, .. })
        };
        assert!(told.iter().any(silent), "{told:?}");
        assert!(matches!(told.last(), Some(PingUpdate::Ended { measured }) if measured.lost == 1));
    });
}

#[test]
fn the_way_to_a_host_is_told_hop_by_hop() {
    in_async_namespace(|| async {
        let _spaces = chain("t");
        for (host, hops) in [
            ("10.8.2.2", ["10.8.1.2", "10.8.2.2"]),
            ("2001:db8:2::2", ["2001:db8:1::2", "2001:db8:2::2"]),
        ] {
            let request =
                TraceRequest { target: target(host), family: None, hops: 30, interface: None };
            let told = all(Tools::default().trace(request).expect("begun")).await;
            let seen: Vec<String> = told
                .iter()
                .filter_map(|update| match update {
                    TraceUpdate::Hop { probes, .. } => {
                        Some(probes.iter().find_map(|p| p.from)?.to_string())
                    }
                    _ => None,
                })
                .collect();
            assert_eq!(seen, hops, "{told:?}");
            assert_eq!(told.last(), Some(&TraceUpdate::Ended { reached: true }));
        }
    });
}

#[test]
fn the_way_to_a_host_behind_a_silent_router_ends() {
    in_async_namespace(|| async {
        let _spaces = chain("s");
        ip("route add 10.9.9.0/24 via 10.8.1.77");
        let request =
            TraceRequest { target: target("10.9.9.9"), family: None, hops: 3, interface: None };
        let told = all(Tools::default().trace(request).expect("begun")).await;
        assert!(
            matches!(
                told.last(),
                Some(TraceUpdate::Ended { reached: false } | TraceUpdate::Failed { .. })
            ),
            "{told:?}"
        );
    });
}

#[test]
fn a_port_is_open_closed_or_out_of_reach() {
    in_async_namespace(|| async {
        ip("link set lo up");
        let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
        let open = listener.local_addr().expect("an address").port();
        let tools = Tools::default();
        let ask = |host: &str, port| {
            let question =
                PortQuestion { target: target(host), port, family: None, interface: None };
            let tools = tools.clone();
            async move { tools.check_port(question).await.expect("an answer").verdict }
        };
        assert_eq!(ask("127.0.0.1", open).await, PortVerdict::Open);
        drop(listener);
        assert_eq!(ask("127.0.0.1", open).await, PortVerdict::Closed);
        assert!(matches!(ask("192.0.2.1", 80).await, PortVerdict::Unreachable { .. }));
    });
}

/// A name server that answers one question by datagram that it was cut, and then by TCP.
fn cutting_server() {
    let socket = UdpSocket::bind("127.0.0.1:53").expect("bound");
    let listener = TcpListener::bind("127.0.0.1:53").expect("bound");
    std::thread::spawn(move || {
        let mut buffer = [0; 512];
        let (length, from) = socket.recv_from(&mut buffer).expect("a question");
        let mut answer = buffer[..length].to_vec();
        answer[2..4].copy_from_slice(&[0x83, 0x80]);
        socket.send_to(&answer, from).expect("answered");
        let (mut stream, _) = listener.accept().expect("a question");
        let mut length = [0; 2];
        stream.read_exact(&mut length).expect("its length");
        let mut question = vec![0; u16::from_be_bytes(length).into()];
        stream.read_exact(&mut question).expect("the question");
        question[2..4].copy_from_slice(&[0x81, 0x80]);
        question[7] = 1;
        question[11] = 0;
        question.truncate(question.len() - 11);
        question.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 80]);
        let mut whole = (question.len() as u16).to_be_bytes().to_vec();
        whole.extend(question);
        stream.write_all(&whole).expect("answered");
    });
}

#[test]
fn a_name_is_looked_up_at_the_chosen_server_and_by_tcp_where_it_does_not_fit() {
    in_async_namespace(|| async {
        ip("link set lo up");
        cutting_server();
        let server = Some(IpAddr::from([127, 0, 0, 1]));
        let question = DnsQuestion { target: target("example.org"), kind: RecordKind::A, server };
        let answer = Tools::default().look_up(question).await.expect("an answer");
        assert!(answer.by_tcp);
        assert_eq!((answer.status.as_str(), answer.records.len()), ("NOERROR", 1));
        assert_eq!(answer.records[0].value, "192.0.2.80");
    });
}

#[test]
fn a_fifth_tool_has_to_wait_and_one_that_nobody_reads_ends() {
    in_async_namespace(|| async {
        let _spaces = chain("w");
        let tools = Tools::default();
        let long = || PingRequest { count: 100, ..PingRequest::new(target("10.8.2.2")) };
        let running: Vec<_> = (0..4).map(|_| tools.ping(long()).expect("begun")).collect();
        assert_eq!(tools.ping(long()).expect_err("busy").explain().code, "busy");
        drop(running);
        let freed = async {
            while tools.ping(long()).is_err() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(LIMIT, freed).await.expect("there is room again");
    });
}

#[tokio::test]
async fn what_would_flood_or_makes_no_sense_is_refused() {
    let tools = Tools::default();
    let request = PingRequest::new(target("192.0.2.1"));
    for wrong in [
        PingRequest { count: 0, ..request.clone() },
        PingRequest { count: 101, ..request.clone() },
        PingRequest { interval_ms: 10, ..request.clone() },
        PingRequest { size: 65_000, ..request.clone() },
        PingRequest { interface: Some("../x".to_owned()), ..request.clone() },
    ] {
        assert_eq!(tools.ping(wrong).expect_err("refused").explain().code, "invalid");
    }
}
