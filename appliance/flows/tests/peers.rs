//! Real exporters: softflowd and pmacct's nfprobe, which VyOS runs, read a capture and export it;
//! what we make of it is compared with the capture itself and with what nfdump makes of the same
//! datagrams.

#[path = "peers/bed.rs"]
mod bed;
#[path = "peers/ingest.rs"]
mod ingest;
#[path = "peers/kernel.rs"]
mod kernel;

use std::fs;
use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use model::Timestamp;
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use panoptikon_flows::Flow;
use panoptikon_flows::decode::Decoder;

const LIMIT: Duration = Duration::from_secs(30);

/// Runs a test on a thread in a new, empty network namespace with a loopback that is up.
///
/// Without the right to make one the test fails, unless `PANOPTIKON_NO_NETNS=1` says that this
/// machine cannot have any.
fn in_namespace(test: impl FnOnce() + Send + 'static) {
    if std::env::var("PANOPTIKON_NO_NETNS").is_ok_and(|value| value == "1") {
        eprintln!("skipped: PANOPTIKON_NO_NETNS=1");
        return;
    }
    let run = thread::spawn(|| {
        unshare(CloneFlags::CLONE_NEWNET)
            .expect("a new network namespace: run as root, or set PANOPTIKON_NO_NETNS=1");
        run("ip", &["link", "set", "lo", "up"]);
        test();
    });
    if let Err(panic) = run.join() {
        std::panic::resume_unwind(panic);
    }
}

/// pmacctd now and then ends with an error of its own when several run at the same time.
static ONE_PMACCTD: Mutex<()> = Mutex::new(());

fn run(program: &str, arguments: &[&str]) -> String {
    let _alone =
        (program == "pmacctd").then(|| ONE_PMACCTD.lock().unwrap_or_else(PoisonError::into_inner));
    let output = Command::new(program).args(arguments).output().expect(program);
    let error = String::from_utf8_lossy(&output.stderr);
    // At the end of a capture pmacctd's processes end each other; the status is that of who lost.
    let is_done = output.status.success()
        || program == "pmacctd" && error.contains("Shutting down on user request");
    assert!(is_done, "{program} {arguments:?}: {error}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn wait_for(what: &str, condition: impl Fn() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < LIMIT, "no {what} after {LIMIT:?}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Octets and packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Sum {
    bytes: u64,
    packets: u64,
}

/// Writes a capture of conversations over TCP and UDP in both directions; gives what IPv4 and
/// all of it add up to.
fn write_capture(path: &Path, with_ipv6: bool) -> Sum {
    let mut file = [0xa1b2_c3d4_u32, 0x0002_0004, 0, 0, 65_535, 1].map(u32::to_be_bytes).concat();
    let mut sum = Sum::default();
    for number in 0..3_000_u32 {
        let conversation = number * 5 % 91;
        let (udp, back, six) = (
            conversation.is_multiple_of(3),
            number.is_multiple_of(2),
            with_ipv6 && conversation.is_multiple_of(5),
        );
        let mut ports = [(40_000 + conversation) as u16, 443];
        let host = |net: u8| [net, 0, 113, conversation as u8 + 1];
        let mut addresses = [host(10), host(203)];
        if back {
            ports.reverse();
            addresses.reverse();
        }
        let data = vec![0; (number * 37 % 1200) as usize];
        let ports = ports.map(u16::to_be_bytes).concat();
        let payload = if udp {
            [&ports[..], &(data.len() as u16 + 8).to_be_bytes(), &[0; 2], &data].concat()
        } else {
            [
                &ports[..],
                &number.to_be_bytes(),
                &[0, 0, 0, 0, 0x50, 0x10],
                &[1, 0, 0, 0, 0, 0],
                &data,
            ]
            .concat()
        };
        let protocol = if udp { 17 } else { 6 };
        let length = payload.len() as u16;
        let (kind, packet) = if six {
            let wide = |address: [u8; 4]| [&[0x20, 1, 0x0d, 0xb8][..], &[0; 8], &address].concat();
            let head = [&[0x60, 0, 0, 0][..], &length.to_be_bytes(), &[protocol, 64]].concat();
            (0x86dd_u16, [head, wide(addresses[0]), wide(addresses[1]), payload].concat())
        } else {
            let [high, low] = (length + 20).to_be_bytes();
            let head = [0x45, 0, high, low, 0, 0, 0, 0, 64, protocol, 0, 0];
            (0x0800, [&head[..], &addresses.concat(), &payload].concat())
        };
        sum.bytes += packet.len() as u64;
        sum.packets += 1;
        let frame =
            [&[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2][..], &kind.to_be_bytes(), &packet].concat();
        let time = 1_700_000_000 + number / 60;
        let size = frame.len() as u32;
        file.extend([time, number % 60 * 16_000, size, size].map(u32::to_be_bytes).concat());
        file.extend(frame);
    }
    fs::write(path, file).expect("a capture");
    sum
}

/// The line of the kernel's table of sockets for this port.
fn socket(port: u16) -> Option<String> {
    let table = fs::read_to_string("/proc/thread-self/net/udp").ok()?;
    table.lines().find(|line| line.contains(&format!(":{port:04X} "))).map(str::to_owned)
}

struct Nfcapd(Child);

impl Drop for Nfcapd {
    fn drop(&mut self) {
        let _ = kill(Pid::from_raw(self.0.id().cast_signed()), Signal::SIGTERM);
        let _ = self.0.wait();
    }
}

/// Lets nfcapd take the datagrams and nfdump add them up.
fn by_nfdump(datagrams: &[Vec<u8>], folder: &Path) -> Sum {
    let nfcapd = Command::new("nfcapd")
        .args(["-p", "9995", "-t", "3600", "-w"])
        .arg(folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map(Nfcapd)
        .expect("nfcapd, of Debian's package nfdump");
    wait_for("nfcapd", || socket(9995).is_some());
    let sender = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    for datagram in datagrams {
        sender.send_to(datagram, "127.0.0.1:9995").expect("sent");
        // tx_queue:rx_queue
        wait_for("reading by nfcapd", || {
            socket(9995).is_some_and(|line| line.contains(" 00000000:00000000 "))
        });
    }
    drop(nfcapd);
    let told = run("nfdump", &["-I", "-R", folder.to_str().expect("a name")]);
    let value = |key: &str| {
        let line = told.lines().find_map(|line| line.strip_prefix(key)).expect(&told);
        line.trim().parse().expect("a number")
    };
    Sum { bytes: value("Bytes:"), packets: value("Packets:") }
}

/// What an exporter sends to port 2055 until it ends.
fn sent_by(program: &str, arguments: &[&str]) -> Vec<Vec<u8>> {
    let receiver = UdpSocket::bind("127.0.0.1:2055").expect("a socket");
    receiver.set_nonblocking(true).expect("set");
    run(program, arguments);
    // Over loopback all is there when it has ended.
    let mut datagrams = Vec::new();
    let mut buffer = vec![0; 65_536];
    while let Ok(length) = receiver.recv(&mut buffer) {
        datagrams.push(buffer[..length].to_vec());
    }
    datagrams
}

/// What softflowd exports of the capture.
fn export(capture: &Path, folder: &Path, arguments: &[&str]) -> Vec<Vec<u8>> {
    let name = |name: &str| folder.join(name).to_str().expect("a name").to_owned();
    let (pid, control) = (name("pid"), name("control"));
    let from = capture.to_str().expect("a name");
    let fixed = ["-d", "-p", &pid, "-c", &control, "-r", from, "-n", "127.0.0.1:2055"];
    sent_by("softflowd", &[&fixed, arguments].concat())
}

/// What pmacct's nfprobe exports of the capture.
fn export_by_pmacct(capture: &Path, folder: &Path, version: &str) -> Vec<Vec<u8>> {
    let file = folder.join("pmacctd.conf");
    let text = format!(
        "daemonize: false\npcap_savefile: {}\nplugins: nfprobe\n\
         aggregate: src_host, dst_host, src_port, dst_port, proto, tos, tcpflags\n\
         nfprobe_receiver: 127.0.0.1:2055\nnfprobe_version: {version}\n",
        capture.display()
    );
    fs::write(&file, text).expect("a configuration");
    sent_by("pmacctd", &["-f", file.to_str().expect("a name")])
}

fn decoded(datagrams: &[Vec<u8>]) -> (Decoder, Vec<Flow>) {
    let mut decoder = Decoder::default();
    let mut flows = Vec::new();
    for datagram in datagrams {
        let exporter = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let mut keep = |flow: &Flow| flows.push(*flow);
        decoder.datagram(exporter, Timestamp::now(), datagram, &mut keep);
    }
    (decoder, flows)
}

fn sum(flows: &[Flow]) -> Sum {
    flows.iter().fold(Sum::default(), |sum, flow| Sum {
        bytes: sum.bytes + flow.bytes,
        packets: sum.packets + flow.packets,
    })
}

fn softflowd_agrees(version: &'static str, with_ipv6: bool) {
    in_namespace(move || {
        let folder = tempfile::tempdir().expect("a folder");
        let capture = folder.path().join("capture");
        let there = write_capture(&capture, with_ipv6);
        let datagrams = export(&capture, folder.path(), &["-v", version]);
        assert!(datagrams.len() > 1, "{} datagrams", datagrams.len());
        let (decoder, flows) = decoded(&datagrams);
        assert_eq!(sum(&flows), there, "the capture");
        let into = folder.path().join("nfcapd");
        fs::create_dir(&into).expect("a folder");
        assert_eq!(sum(&flows), by_nfdump(&datagrams, &into), "nfdump");
        let (_, stats) = decoder.exporters().next().expect("an exporter");
        assert_eq!((stats.lost, stats.late, stats.malformed_total()), (0, 0, 0), "{stats:?}");
        // 91 conversations in both directions; the capture lasts 50 s.
        assert_eq!(flows.len(), 182);
        for flow in &flows {
            let lasted = flow.end.since(flow.start);
            assert!(lasted <= Duration::from_secs(51), "{lasted:?}");
            assert!(flow.source_port == 443 || flow.destination_port == 443);
            assert_eq!(flow.source.is_ipv4(), flow.destination.is_ipv4());
        }
        assert_eq!(flows.iter().any(|flow| flow.source.is_ipv6()), with_ipv6);
    });
}

#[test]
fn netflow_5_of_softflowd_adds_up_as_with_nfdump() {
    softflowd_agrees("5", false);
}

#[test]
fn netflow_9_of_softflowd_adds_up_as_with_nfdump() {
    softflowd_agrees("9", true);
}

#[test]
fn ipfix_of_softflowd_adds_up_as_with_nfdump() {
    softflowd_agrees("10", true);
}

#[test]
fn records_of_both_directions_become_two_flows_that_add_up() {
    in_namespace(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let capture = folder.path().join("capture");
        let there = write_capture(&capture, true);
        let datagrams = export(&capture, folder.path(), &["-v", "10", "-b"]);
        let (decoder, flows) = decoded(&datagrams);
        assert_eq!(sum(&flows), there);
        let (_, stats) = decoder.exporters().next().expect("an exporter");
        assert_eq!((stats.records, stats.flows, flows.len()), (91, 182, 182));
    });
}

fn pmacct_agrees(version: &'static str, with_ipv6: bool) {
    in_namespace(move || {
        let folder = tempfile::tempdir().expect("a folder");
        let capture = folder.path().join("capture");
        let there = write_capture(&capture, with_ipv6);
        let datagrams = export_by_pmacct(&capture, folder.path(), version);
        let (decoder, flows) = decoded(&datagrams);
        assert_eq!(sum(&flows), there, "the capture");
        let into = folder.path().join("nfcapd");
        fs::create_dir(&into).expect("a folder");
        assert_eq!(sum(&flows), by_nfdump(&datagrams, &into), "nfdump");
        let (_, stats) = decoder.exporters().next().expect("an exporter");
        assert_eq!((stats.lost, stats.odd_times, stats.malformed_total()), (0, 0, 0), "{stats:?}");
        assert_eq!(flows.len(), 182);
        if version != "5" {
            // It tells times as they are in the capture, long before those of its messages.
            let captured =
                Timestamp::from_secs(1_700_000_000)..=Timestamp::from_secs(1_700_000_051);
            assert!(flows.iter().all(|flow| captured.contains(&flow.start)));
            assert!(flows.iter().all(|flow| captured.contains(&flow.end)));
        }
    });
}

#[test]
fn netflow_5_of_pmacct_adds_up_as_with_nfdump() {
    pmacct_agrees("5", false);
}

#[test]
fn netflow_9_of_pmacct_adds_up_as_with_nfdump() {
    pmacct_agrees("9", true);
}

#[test]
fn ipfix_of_pmacct_adds_up_as_with_nfdump() {
    pmacct_agrees("10", true);
}
