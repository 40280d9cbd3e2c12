//! The appliance takes in what exporters send, keeps it, counts it, and goes on after a reload.

mod site;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;
use site::{PROGRAM, Running, Site, text};

fn free_udp() -> u16 {
    UdpSocket::bind("127.0.0.1:0").expect("bound").local_addr().expect("an address").port()
}

fn free_tcp() -> u16 {
    TcpListener::bind("127.0.0.1:0").expect("bound").local_addr().expect("an address").port()
}

/// NetFlow v5 of three flows that an exporter kept in its own tests.
fn datagram() -> Vec<u8> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../flows/tests/vectors");
    fs::read(folder.join("netflow5_test_juniper_mx80.dat")).expect("a vector")
}

/// A number of `/metrics`.
fn number(plain: u16, name: &str) -> Option<f64> {
    let mut stream = TcpStream::connect(("127.0.0.1", plain)).ok()?;
    write!(stream, "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let line = answer.lines().find(|line| line.split(' ').next() == Some(name))?;
    line.split(' ').nth(1)?.parse().ok()
}

fn wait_for(what: &str, running: &Running<'_>, holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(20), "no {what} from {}", running.child.id());
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Octets of all flows in its folder.
fn kept(site: &Site) -> u64 {
    let asked = Command::new(PROGRAM)
        .args(["flows", "query"])
        .arg(site.path("data/flows"))
        .args(["--json", "--top", "protocol", "--from", "2000-01-01T00:00:00Z"])
        .output()
        .expect("the program runs");
    let answer: Value = serde_json::from_slice(&asked.stdout).unwrap_or_default();
    let rows = answer["rows"].as_array();
    rows.and_then(|rows| rows.last()?["bytes"].as_u64()).unwrap_or(0)
}

#[test]
fn flows_of_an_exporter_are_counted_kept_and_there_after_a_restart() {
    let (site, port, plain) = (Site::new(), free_udp(), free_tcp());
    let sender = UdpSocket::bind("127.0.0.1:0").expect("bound");
    let with = |port: u16| {
        move |command: &mut Command| {
            command
                .env("PANOPTIKON_FLOWS_LISTEN", format!("127.0.0.1:{port}"))
                .env("PANOPTIKON_PLAIN_LISTEN", format!("127.0.0.1:{plain}"));
        }
    };
    let mut running = site.start_with(with(port));
    wait_for("open port", &running, || number(plain, "panoptikon_netflow_exporters").is_some());
    sender.send_to(&datagram(), ("127.0.0.1", port)).expect("sent");
    let records = || number(plain, "panoptikon_netflow_flows_received_total");
    wait_for("29 records", &running, || records() == Some(29.0));
    wait_for("flows that are kept", &running, || {
        number(plain, "panoptikon_flows_kept_total") == Some(29.0)
    });
    wait_for("flows on disk", &running, || kept(&site) > 0);
    let before = kept(&site);
    assert_eq!(site.run(&["stop"]).status.code(), Some(0));
    assert_eq!(running.wait().0, Some(0));
    drop(running);
    let running = site.start_with(with(port));
    sender.send_to(&datagram(), ("127.0.0.1", port)).expect("sent");
    wait_for("twice as much", &running, || kept(&site) == 2 * before);
}

#[test]
fn a_reload_listens_elsewhere_and_what_was_kept_stays() {
    let (site, first, second) = (Site::new(), free_udp(), free_udp());
    let sender = UdpSocket::bind("127.0.0.1:0").expect("bound");
    let file = site.path("panoptikon.toml");
    let write = |port: u16| {
        fs::write(&file, format!("flows_listen = [\"127.0.0.1:{port}\"]\n")).expect("written");
    };
    write(first);
    let running = site.start_with(|command| {
        command.env_remove("PANOPTIKON_FLOWS_LISTEN").env("PANOPTIKON_CONFIG", &file);
    });
    sender.send_to(&datagram(), ("127.0.0.1", first)).expect("sent");
    wait_for("flows on disk", &running, || kept(&site) > 0);
    let before = kept(&site);
    write(second);
    let reloaded = site.run(&["reload"]);
    assert!(text(&reloaded.stdout).contains("flows_listen"), "{}", text(&reloaded.stdout));
    // The port opens a moment after the answer.
    wait_for("flows at the other port", &running, || {
        sender.send_to(&datagram(), ("127.0.0.1", second)).expect("sent");
        kept(&site) > before
    });
}
