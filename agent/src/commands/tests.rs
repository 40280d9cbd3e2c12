//! Commands as the appliance asks for them, and what they must not do.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::Path;

use serde_json::{Value, json};
use tokio::sync::mpsc::{Receiver, channel};

use super::*;
use crate::config::Config;

struct Host {
    desk: Desk,
    out: Receiver<Said>,
    config: Config,
    passive: bool,
    folder: tempfile::TempDir,
}

impl Host {
    fn new() -> Self {
        let (sender, out) = channel(16);
        let folder = tempfile::tempdir().unwrap();
        let config = Config { folders: vec![folder.path().join("logs")], ..Config::default() };
        fs::create_dir(folder.path().join("logs")).unwrap();
        Self { desk: Desk::new(sender), out, config, passive: false, folder }
    }

    fn ask(&mut self, ask: Ask) -> Option<Answer> {
        let around = Surroundings {
            config: self.config.clone(),
            programs: self.folder.path().join("bin"),
            tls: None,
            server: "127.0.0.1:1".into(),
            passive: self.passive,
        };
        self.desk.begin(ask, around)
    }

    fn next(&mut self) -> Answer {
        let Some(Said::Answer(link, answer)) = self.out.blocking_recv() else { panic!("none") };
        self.desk.answered(link, &answer);
        answer
    }

    /// Parts and the end.
    fn all(&mut self, cmd: &str, args: Value) -> (Vec<Value>, Result<Value, String>) {
        let ask = Ask { id: 1, cmd: cmd.into(), args, limit_s: 20, ..Ask::default() };
        let mut refusal = self.ask(ask);
        let mut parts = Vec::new();
        loop {
            let answer = refusal.take().unwrap_or_else(|| self.next());
            parts.extend(answer.part);
            if let Some(done) = answer.done {
                return (parts, Ok(done));
            }
            if let Some(error) = answer.error {
                return (parts, Err(error.code));
            }
        }
    }

    fn code(&mut self, cmd: &str, args: Value) -> String {
        self.all(cmd, args).1.unwrap_err()
    }
}

#[test]
fn what_the_host_does_not_allow_is_denied_and_what_nobody_knows_unknown() {
    let mut host = Host::new();
    assert_eq!(host.code("shell", json!({ "text": "id" })), "unknown");
    host.config.allow = vec!["ping".into(), "tail".into()];
    assert_eq!(host.code("processes", json!({})), "denied");
    assert_eq!(abilities(&host.config), ["tail", "ping"]);
    host.passive = true;
    assert_eq!(host.code("ping", json!({ "to": "127.0.0.1" })), "denied");
    host.passive = false;
    host.config.passive = true;
    assert_eq!(host.code("ping", json!({ "to": "127.0.0.1" })), "denied");
    assert_eq!(abilities(&host.config), ["tail"]);
}

#[test]
fn a_file_is_shown_only_below_a_folder_that_may_be_shown() {
    let mut host = Host::new();
    let logs = host.folder.path().join("logs");
    fs::write(host.folder.path().join("secret"), "secret\n").unwrap();
    fs::write(logs.join("good"), "1\n2\n3\n4").unwrap();
    symlink("../secret", logs.join("link")).unwrap();
    symlink("good", logs.join("inside")).unwrap();
    symlink("..", logs.join("up")).unwrap();
    nix::unistd::mkfifo(&logs.join("pipe"), nix::sys::stat::Mode::S_IRUSR).unwrap();
    let mut code = |path: &Path| host.code("tail", json!({ "file": path }));
    assert_eq!(code(&logs.join("link")), "denied");
    assert_eq!(code(&logs.join("up/secret")), "denied");
    assert_eq!(code(&logs.join("../secret")), "bad");
    assert_eq!(code(Path::new("/etc/passwd")), "denied");
    assert_eq!(code(Path::new("logs/good")), "bad");
    assert_eq!(code(&logs.join("pipe")), "bad");
    assert_eq!(code(&logs), "bad");
    assert_eq!(code(&logs.join("none")), "failed");
    for name in ["good", "inside"] {
        let (parts, done) = host.all("tail", json!({ "file": logs.join(name), "lines": 2 }));
        assert_eq!((parts, done), (vec![json!({ "lines": ["3", "4"] })], Ok(json!({}))));
    }
    assert_eq!(host.code("tail", json!({})), "bad");
    assert_eq!(host.code("tail", json!({ "unit": "a", "file": "/b" })), "bad");
}

#[test]
fn a_log_is_followed_over_its_rotation_until_it_is_cancelled() {
    let mut host = Host::new();
    let path = host.folder.path().join("logs/app.log");
    fs::write(&path, "old\n").unwrap();
    let args = json!({ "file": path, "follow": true, "lines": 1 });
    host.ask(Ask { id: 7, cmd: "tail".into(), args, limit_s: 60, ..Ask::default() });
    assert_eq!(host.next().part, Some(json!({ "lines": ["old"] })));
    fs::File::options().append(true).open(&path).unwrap().write_all(b"new\nhalf").unwrap();
    assert_eq!(host.next().part, Some(json!({ "lines": ["new"] })));
    fs::rename(&path, path.with_extension("1")).unwrap();
    fs::write(&path, "fresh\n").unwrap();
    // What was half a line belongs to the file before.
    let part = host.next().part.unwrap().to_string();
    assert!(part.contains("fresh"), "{part}");
    host.desk.cancel(7);
    assert_eq!(host.next().error.unwrap().code, "cancelled");
    assert!(host.desk.running.is_empty());
}

#[test]
fn a_long_log_gives_its_last_lines_in_parts_and_stops_at_the_limit() {
    let mut host = Host::new();
    let path = host.folder.path().join("logs/long");
    let lines: Vec<String> = (0..40_000).map(|n| format!("line {n} {}", "x".repeat(100))).collect();
    fs::write(&path, lines.join("\n")).unwrap();
    let (parts, done) = host.all("tail", json!({ "file": path, "lines": 1500 }));
    let lines: Vec<&str> = parts
        .iter()
        .flat_map(|part| part["lines"].as_array().unwrap())
        .map(|line| line.as_str().unwrap())
        .collect();
    assert!(done.is_ok() && parts.len() > 1);
    assert!(lines.len() == 1500 && lines[0].starts_with("line 38500 "), "{}", lines.len());
    let args = json!({ "file": path, "lines": 1500 });
    host.ask(Ask { id: 2, cmd: "tail".into(), args, limit_bytes: 1000, ..Ask::default() });
    assert_eq!(host.next().error.unwrap().code, "too_much");
}

#[test]
fn a_name_of_a_unit_can_never_be_an_option() {
    for bad in ["", "--file=/etc/passwd", "a b", "a;b", "a/b", "$(id)", "a\nb", &"x".repeat(300)] {
        assert!(!tail::is_unit(bad), "{bad}");
    }
    for good in ["ssh.service", "user@1000.service", "dev-disk-by\\x2duuid.swap"] {
        assert!(tail::is_unit(good), "{good}");
    }
}

#[test]
fn long_lines_are_cut_and_half_ones_wait() {
    let mut lines = Lines::default();
    assert_eq!(lines.take(b"one\ntw", false), ["one"]);
    assert_eq!(lines.take(b"o\r\n", false), ["two"]);
    let long = lines.take(format!("{}\nend", "x".repeat(20_000)).as_bytes(), true);
    assert_eq!((long[0].len(), long[1].as_str()), (8192, "end"));
}

#[test]
fn a_host_answers_itself_by_icmp_or_tcp() {
    let mut host = Host::new();
    let (parts, done) = host.all("ping", json!({ "to": "127.0.0.1", "count": 2 }));
    let done = done.unwrap();
    assert_eq!((parts.len(), &done["received"]), (2, &json!(2)));
    assert_eq!(host.code("ping", json!({ "to": "a b" })), "bad");
    assert_eq!(host.code("ping", json!({ "to": 7 })), "bad");
}

#[test]
fn the_way_to_oneself_is_one_hop() {
    let mut host = Host::new();
    let (parts, done) = host.all("trace", json!({ "to": "127.0.0.1" }));
    assert_eq!(parts[0]["from"], json!("127.0.0.1"));
    assert_eq!(done.unwrap(), json!({ "to": "127.0.0.1", "reached": true, "hops": 1 }));
}

/// One side listens, the other connects; gives what each ends with.
fn measured(kind: &str, token: &str, other: &str) -> (Value, Result<Value, String>) {
    let (mut listener, mut caller) = (Host::new(), Host::new());
    let ask = Ask {
        id: 1,
        cmd: kind.into(),
        args: json!({ "token": token }),
        limit_s: 30,
        ..Ask::default()
    };
    listener.ask(ask);
    let port = listener.next().part.unwrap()["port"].as_u64().unwrap();
    let to = format!("127.0.0.1:{port}");
    let said = caller.all(kind, json!({ "to": to, "seconds": 1, "token": other })).1;
    if said.is_err() {
        listener.desk.cancel(1);
    }
    let answer = listener.next();
    (answer.done.unwrap_or_else(|| json!(answer.error)), said)
}

#[test]
fn latency_and_throughput_are_measured_between_two_agents() {
    let token = "0123456789abcdef";
    let (heard, said) = measured("latency", token, token);
    let said = said.unwrap();
    assert!(said["received"].as_u64().unwrap() > 0 && heard["octets"] == said["received"]);
    let (heard, said) = measured("throughput", token, token);
    let said = said.unwrap();
    assert!(said["octets"].as_u64().unwrap() > 0 && heard["octets"] == said["octets"]);
    assert_eq!(heard["from"], json!("127.0.0.1"));
}

#[test]
fn datagrams_between_two_agents_are_counted_by_who_hears_them() {
    let token = "0123456789abcdef";
    let (heard, said) = measured("jitter", token, token);
    let said = said.unwrap();
    let sent = said["sent"].as_u64().unwrap();
    assert!((1..=50).contains(&sent), "{said}");
    // On the loopback interface none is lost.
    assert_eq!(heard["received"].as_u64(), Some(sent), "{heard}");
    assert!(heard["jitter_ms"].as_f64().is_some() && heard["from"] == json!("127.0.0.1"));
}

#[test]
fn jitter_is_that_of_rfc_3550_whatever_the_clocks_say_and_each_datagram_counts_once() {
    let mut steady = jitter::Arrivals::default();
    for number in 0..100_u32 {
        // The sender's clock is far ahead.
        let sent = 9_000_000 + u64::from(number) * 20_000;
        steady.take(number, sent, u64::from(number) * 20_000);
        steady.take(number, sent, u64::from(number) * 20_000 + 5);
    }
    assert_eq!((steady.received, steady.jitter_us as u64), (100, 0));
    let mut late = jitter::Arrivals::default();
    late.take(0, 0, 100);
    late.take(1, 20_000, 20_100 + 1_600);
    assert!((late.jitter_us - 100.0).abs() < 0.001, "{}", late.jitter_us);
    late.take(u32::MAX - 1, 0, 0);
    assert_eq!(late.received, 2);
}

#[test]
fn a_datagram_without_the_token_or_cut_short_is_not_heard() {
    let head = "pnk-measure 1 jitter 0123456789abcdef\n";
    let mut good = head.as_bytes().to_vec();
    good.extend([0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 9]);
    assert_eq!(jitter::read(&good, head), Some((7, 9)));
    assert_eq!(jitter::read(&good[..good.len() - 1], head), None);
    assert_eq!(jitter::read(&good[1..], head), None);
    assert_eq!(jitter::read(&[], head), None);
}

#[test]
fn who_does_not_know_the_token_measures_nothing() {
    let (heard, said) = measured("latency", "0123456789abcdef", "0123456789abcdee");
    assert_eq!((heard["code"].as_str(), said), (Some("cancelled"), Err("failed".into())));
    assert_eq!(Host::new().code("latency", json!({ "token": "short" })), "bad");
}

#[test]
fn only_a_small_network_of_an_own_link_is_scanned() {
    let own = [("192.0.2.5".parse().unwrap(), 22), ("10.0.0.1".parse().unwrap(), 30)];
    let code = |text: &str| scan::network(text, &own).map_err(|failure| failure.code);
    assert_eq!(code("192.0.2.77/24"), Ok(("192.0.2.0".parse().unwrap(), 24)));
    assert_eq!(code("192.0.3.0/26"), Ok(("192.0.3.0".parse().unwrap(), 26)));
    assert_eq!(code("192.0.2.9/32"), Ok(("192.0.2.9".parse().unwrap(), 32)));
    assert_eq!(code("192.0.2.0/22"), Err("bad"));
    assert_eq!(code("198.51.100.0/24"), Err("denied"));
    // Larger than the link that it begins in.
    assert_eq!(code("10.0.0.0/24"), Err("denied"));
    for bad in ["", "192.0.2.0", "192.0.2.0/33", "::1/128", "192.0.2.0/24; id"] {
        assert_eq!(code(bad), Err("bad"), "{bad}");
    }
}

#[test]
fn the_kernels_neighbours_are_read() {
    let text = "IP address       HW type     Flags       HW address            Mask     Device\n\
                192.0.2.1        0x1         0x2         02:00:00:00:00:01     *        eth0\n\
                192.0.2.2        0x1         0x0         00:00:00:00:00:00     *        eth0\n";
    let found = scan::neighbours(text);
    assert_eq!(found.len(), 1);
    assert_eq!(found[&"192.0.2.1".parse().unwrap()], "02:00:00:00:00:01");
}

#[test]
fn a_command_ends_at_its_time_and_no_more_than_four_run() {
    let mut host = Host::new();
    let path = host.folder.path().join("logs/quiet");
    fs::write(&path, "").unwrap();
    let ask = |id, limit_s| Ask {
        id,
        cmd: "tail".into(),
        args: json!({ "file": path, "follow": true }),
        limit_s,
        ..Ask::default()
    };
    for id in 1..=4 {
        assert_eq!(host.ask(ask(id, 1)), None);
    }
    assert_eq!(host.ask(ask(5, 1)).unwrap().error.unwrap().code, "busy");
    for _ in 1..=4 {
        assert_eq!(host.next().error.unwrap().code, "late");
    }
    assert_eq!(host.ask(ask(6, 30)), None);
    host.desk.cancel_all();
    assert_eq!(host.next().error.unwrap().code, "cancelled");
}

#[test]
fn an_answer_for_a_link_that_is_gone_does_not_end_a_command_of_the_next_one() {
    let mut host = Host::new();
    let path = host.folder.path().join("logs/quiet");
    fs::write(&path, "").unwrap();
    let args = json!({ "file": path, "follow": true });
    let ask = Ask { id: 1, cmd: "tail".into(), args, limit_s: 30, ..Ask::default() };
    assert_eq!(host.ask(ask.clone()), None);
    host.desk.cancel_all();
    // The number is free again, and what the first one still says is for nobody.
    assert_eq!(host.ask(ask), None);
    let Some(Said::Answer(link, answer)) = host.out.blocking_recv() else { panic!("none") };
    assert!(answer.error.is_some() && !host.desk.answered(link, &answer));
    assert_eq!(host.desk.running.len(), 1);
    host.desk.cancel_all();
}

#[test]
fn an_update_that_is_not_newer_is_refused_before_anything_is_fetched() {
    let mut host = Host::new();
    let args = json!({ "version": "0.0.1", "sha256": "", "minisig": "" });
    assert_eq!(host.code("update", args), "failed");
    assert!(!host.folder.path().join("bin").exists());
}

#[test]
fn to_begin_anew_is_said_after_the_answer() {
    let mut host = Host::new();
    assert_eq!(host.all("restart", json!({})).1, Ok(json!({})));
    assert!(matches!(host.out.blocking_recv(), Some(Said::Restart)));
}
