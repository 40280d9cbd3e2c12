//! Export traffic from real exporters over real sockets to files: what lies there is compared with
//! what nfdump makes of the same.

use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use panoptikon_flows::collect::{Exporters, Source, Surroundings, UdpStatus};
use panoptikon_flows::{Flows, Options};

use super::bed::{kept, options, room};
use super::{by_nfdump, in_namespace, run, sent_by, sum, wait_for, write_capture};

fn receiving(flows: &Flows) -> UdpStatus {
    flows.status().udp.expect("it receives")
}

fn exporters(ports: &[u16]) -> Options {
    let listen = ports.iter().map(|port| SocketAddr::from(([0, 0, 0, 0], *port))).collect();
    Options { listen, ..options(Source::Exporters) }
}

/// Where a running room listens, at a port of the kernel's choice.
fn start(flows: &Flows, options: &Options) -> SocketAddr {
    flows.start(options).expect("it starts");
    let port = receiving(flows).listening[0].0.port();
    SocketAddr::from(([127, 0, 0, 1], port))
}

/// NetFlow v5 with one flow of so many octets.
fn datagram(sequence: u32, octets: u32) -> Vec<u8> {
    let mut out = vec![0, 5, 0, 1];
    let now = model::Timestamp::now().0;
    for word in [1_000, (now / 1_000) as u32, 0, sequence, 0] {
        out.extend(u32::to_be_bytes(word));
    }
    let mut record = [0; 48];
    record[..8].copy_from_slice(&[10, 77, 0, 5, 192, 0, 2, 9]);
    record[16..20].copy_from_slice(&1_u32.to_be_bytes());
    record[20..24].copy_from_slice(&octets.to_be_bytes());
    record[24..28].copy_from_slice(&900_u32.to_be_bytes());
    record[28..32].copy_from_slice(&1_000_u32.to_be_bytes());
    record[38] = 17;
    out.extend(record);
    out
}

fn through_sockets(
    program: &'static str,
    arguments: impl Fn(&Path, &Path) -> Vec<String> + Send + 'static,
) {
    in_namespace(move || {
        let folder = tempfile::tempdir().expect("a folder");
        let capture = folder.path().join("capture");
        let there = write_capture(&capture, true);
        // Once to see what is sent, for nfdump.
        let words = arguments(&capture, folder.path());
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let datagrams = sent_by(program, &words);
        let into = folder.path().join("nfcapd");
        std::fs::create_dir(&into).expect("a folder");
        assert_eq!(by_nfdump(&datagrams, &into), there);
        // Once more for us.
        let days = folder.path().join("flows");
        let flows = room(&days);
        flows.start(&exporters(&[2_055, 9_995])).expect("it starts");
        run(program, &words);
        wait_for("all datagrams", || receiving(&flows).datagrams >= datagrams.len() as u64);
        wait_for("flows on disk", || {
            let status = flows.status();
            status.kept.kept.flows > 0 && status.kept.kept.flows == receiving(&flows).flows
        });
        let status = receiving(&flows);
        let [exporter] = &status.exporters[..] else { panic!("{:?}", status.exporters) };
        assert!(exporter.is_local);
        assert_eq!((exporter.stats.lost, exporter.stats.malformed_total()), (0, 0));
        assert_eq!((status.dropped, status.refused, status.unknown), (0, 0, 0));
        flows.stop();
        let all = kept(&days);
        assert_eq!((sum(&all), all.len()), (there, 182));
        // nfdump replays to us what it kept of them.
        let again = folder.path().join("again");
        let flows = room(&again);
        flows.start(&exporters(&[2_055])).expect("it starts");
        for file in std::fs::read_dir(&into).expect("files of nfcapd") {
            let from = file.expect("a file").path();
            let from = from.to_str().expect("a name");
            run("nfreplay", &["-H", "127.0.0.1", "-p", "2055", "-v", "9", "-r", from]);
        }
        wait_for("replayed flows", || flows.status().kept.kept.flows >= 182);
        flows.stop();
        assert_eq!(sum(&kept(&again)), there);
    });
}

#[test]
fn ipfix_of_softflowd_over_sockets_lies_on_disk_as_with_nfdump() {
    through_sockets("softflowd", |capture, folder| {
        let name = |path: &Path| path.to_str().expect("a name").to_owned();
        let (pid, control) = (name(&folder.join("pid")), name(&folder.join("control")));
        let from = name(capture);
        ["-d", "-p", &pid, "-c", &control, "-r", &from, "-n", "127.0.0.1:2055", "-v", "10"]
            .map(str::to_owned)
            .to_vec()
    });
}

#[test]
fn netflow_9_of_pmacct_over_sockets_lies_on_disk_as_with_nfdump() {
    through_sockets("pmacctd", |capture, folder| {
        let file = folder.join("pmacctd.conf");
        let text = format!(
            "daemonize: false\npcap_savefile: {}\nplugins: nfprobe\n\
             aggregate: src_host, dst_host, src_port, dst_port, proto, tos, tcpflags\n\
             nfprobe_receiver: 127.0.0.1:2055\nnfprobe_version: 9\n",
            capture.display()
        );
        std::fs::write(&file, text).expect("a configuration");
        ["-f", file.to_str().expect("a name")].map(str::to_owned).to_vec()
    });
}

#[test]
fn who_is_not_from_here_is_refused_and_what_is_no_export_traffic_is_counted() {
    in_namespace(|| {
        let folder = tempfile::tempdir().expect("a folder");
        run("ip", &["addr", "add", "198.51.100.9/32", "dev", "lo"]);
        let flows = room(folder.path());
        let at = start(&flows, &exporters(&[0]));
        let stranger = UdpSocket::bind("198.51.100.9:0").expect("bound");
        stranger.send_to(&datagram(1, 100), at).expect("sent");
        let near = UdpSocket::bind("127.0.0.1:0").expect("bound");
        near.send_to(b"hello", at).expect("sent");
        near.send_to(&datagram(1, 200), at).expect("sent");
        wait_for("three datagrams", || receiving(&flows).datagrams == 3);
        wait_for("counters", || receiving(&flows).unknown == 1);
        let status = receiving(&flows);
        assert_eq!((status.refused, status.flows), (1, 1));
        assert_eq!(status.refused_from, Some("198.51.100.9".parse().expect("an address")));
        // Who is named is taken.
        let named = Exporters::These(vec!["198.51.100.0/24".parse().expect("a network")]);
        let at = start(&flows, &Options { exporters: named, ..exporters(&[0]) });
        stranger.send_to(&datagram(1, 100), at).expect("sent");
        wait_for("a flow", || receiving(&flows).flows == 1);
        flows.stop();
        assert_eq!(sum(&kept(folder.path())).bytes, 300);
    });
}

#[test]
fn what_an_exporter_on_this_machine_tells_is_not_counted_twice() {
    in_namespace(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let flows = room(folder.path());
        flows.set_surroundings(Surroundings {
            networks: vec![("127.0.0.0/8".parse().expect("a network"), 1)],
            own: vec!["127.0.0.1".parse().expect("ours")],
        });
        let near = UdpSocket::bind("127.0.0.1:0").expect("bound");
        // The kernel's connections stand by as soon as one is heard.
        let at = start(&flows, &Options { source: Source::Auto, ..exporters(&[0]) });
        let counts = || flows.status().kernel.is_some_and(|kernel| kernel.counts);
        wait_for("the kernel's connections", || {
            flows.live();
            counts()
        });
        near.send_to(&datagram(1, 200), at).expect("sent");
        wait_for("standing by", || {
            flows.live();
            !counts()
        });
        assert_eq!((receiving(&flows).flows, receiving(&flows).told_twice), (1, 0));
        // Or the exporter is heard and not kept.
        let at = start(&flows, &Options { source: Source::Conntrack, ..exporters(&[0]) });
        near.send_to(&datagram(2, 200), at).expect("sent");
        wait_for("an exporter that is not kept", || receiving(&flows).told_twice == 1);
        assert_eq!(receiving(&flows).flows, 0);
    });
}

#[test]
fn templates_survive_a_restart() {
    in_namespace(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let capture = folder.path().join("capture");
        write_capture(&capture, false);
        let datagrams = super::export(&capture, folder.path(), &["-v", "9"]);
        let days = folder.path().join("flows");
        let flows = room(&days);
        let near = UdpSocket::bind("127.0.0.1:0").expect("bound");
        // The first has the templates.
        let at = start(&flows, &exporters(&[0]));
        near.send_to(&datagrams[0], at).expect("sent");
        wait_for("the templates", || receiving(&flows).datagrams == 1);
        flows.stop();
        let first = kept(&days).len();
        let at = start(&flows, &exporters(&[0]));
        for datagram in &datagrams[1..] {
            near.send_to(datagram, at).expect("sent");
        }
        wait_for("all of them", || receiving(&flows).datagrams == datagrams.len() as u64 - 1);
        flows.stop();
        assert!(first > 0);
        assert_eq!(kept(&days).len(), 182);
    });
}

#[test]
fn a_port_that_is_taken_is_told_and_the_others_are_heard() {
    in_namespace(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let taken = UdpSocket::bind("0.0.0.0:2055").expect("bound");
        let flows = room(folder.path());
        flows.start(&exporters(&[2_055, 9_995])).expect("it starts");
        let status = flows.status();
        assert_eq!(receiving(&flows).failing.len(), 1);
        assert!(status.failure().is_some_and(|why| why.contains(":2055")), "{status:?}");
        let near = UdpSocket::bind("127.0.0.1:0").expect("bound");
        near.send_to(&datagram(1, 200), "127.0.0.1:9995").expect("sent");
        wait_for("a flow", || receiving(&flows).flows == 1);
        drop(taken);
    });
}

/// How often the threads of this process with that name were woken.
fn wakes(name: &str) -> u64 {
    let tasks = std::fs::read_dir("/proc/self/task").expect("threads");
    let status = tasks.filter_map(|task| {
        let path = task.ok()?.path();
        let own = std::fs::read_to_string(path.join("comm")).ok()?.trim() == name;
        own.then(|| std::fs::read_to_string(path.join("status")).ok()).flatten()
    });
    status
        .flat_map(|text| {
            let lines =
                text.lines().filter_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
            lines.filter_map(|count| count.trim().parse::<u64>().ok()).collect::<Vec<_>>()
        })
        .sum()
}

/// Other tests of this program have threads of the same names.
static ALONE: AtomicU32 = AtomicU32::new(0);

#[test]
#[ignore = "alone in its process, by the test below"]
fn idle_threads_are_counted() {
    in_namespace(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let flows = room(folder.path());
        let at = start(&flows, &exporters(&[0]));
        let near = UdpSocket::bind("127.0.0.1:0").expect("bound");
        near.send_to(&datagram(1, 200), at).expect("sent");
        wait_for("the flow in the tail", || kept(folder.path()).len() == 1);
        ALONE.fetch_add(1, Relaxed);
        let before = [wakes("flow-receiver"), wakes("flow-writer")];
        assert!(before.iter().all(|count| *count > 0));
        std::thread::sleep(std::time::Duration::from_secs(3));
        assert_eq!([wakes("flow-receiver"), wakes("flow-writer")], before);
    });
}

#[test]
fn threads_do_not_wake_while_nothing_comes() {
    let own = std::env::current_exe().expect("a test has a path");
    let own = own.to_str().expect("a name");
    run(own, &["--ignored", "--exact", "ingest::idle_threads_are_counted"]);
}
