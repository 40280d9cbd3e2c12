//! Samples of services that run, their processes, and logs.

use askama::Template;
use panoptikon_web::view::router::*;
use panoptikon_web::view::*;

use super::{Mood, ago, shell};

fn at(mood: Mood, title: &str, path: &str) -> Shell {
    shell(mood, title, Some(Place::Router), path)
}

fn unit(mood: Mood, n: usize) -> UnitRow {
    UnitRow {
        href: "/router/services/unit/ssh.service".to_owned(),
        label: mood.t(["SSH", "Routing (FRR)", "DHCP server"][n % 3]),
        name: mood.t("ssh.service"),
        state: mood.t(["running", "failed: exit-code", "off"][n % 3]),
        tone: [Tone::Ok, Tone::Bad, Tone::Quiet][n % 3],
        since: Some(ago(4_000 * n as u64)),
        restarts: if n % 3 == 1 { "4".to_owned() } else { String::new() },
        pid: "812".to_owned(),
        cpu: "0.3 %".to_owned(),
        memory: "5.0 MiB".to_owned(),
        threads: "3".to_owned(),
    }
}

fn lines(mood: Mood, most: usize) -> Vec<WrittenLine> {
    let line = |n: usize| WrittenLine {
        at: "2026-11-22 10:00:00".to_owned(),
        tone: ["", "warn", "bad", "quiet"][n % 4],
        level: ["info", "warning", "error", "debug"][n % 4],
        program: mood.t("sshd[812]"),
        text: mood.t("Accepted publickey for ada from 192.168.1.20 port 50022 ssh2: ED25519"),
    };
    (0..mood.n(most)).map(line).collect()
}

pub(super) fn board(mood: Mood) -> BoardView {
    let port = |n: usize| PortRow {
        name: mood.t("SSH"),
        port: format!("{}/tcp", 22 + n),
        addresses: vec![mood.t("192.168.1.1"), "fe80::1".to_owned()],
        connections: n.to_string(),
    };
    let tunnel = |n: usize| TunnelRow {
        name: if n == 0 { mood.t("wg0") } else { format!("wg{n}") },
        state: mood.t("up"),
        tone: Tone::Ok,
        addresses: vec![mood.t("10.0.0.1")],
        asked: mood.t("10.0.0.2 answers after 11.2 ms"),
    };
    BoardView {
        units: (0..mood.n(20)).map(|n| unit(mood, n)).collect(),
        missing: if mood == Mood::Empty { "Not known.".to_owned() } else { String::new() },
        ports: (0..mood.n(9)).map(port).collect(),
        connections: mood.t("4 connections of TCP, 3 exchanges of UDP."),
        tunnels: (0..mood.n(2)).map(tunnel).collect(),
    }
}

pub(super) fn pages(mood: Mood) -> Vec<(&'static str, askama::Result<String>)> {
    let deed = |label: &'static str, danger| UnitDeed {
        action: "/router/services/unit/ssh.service/restart".to_owned(),
        label,
        danger,
    };
    let service = ServicePage {
        shell: at(mood, "SSH", "/router/services/unit/ssh.service"),
        row: unit(mood, 0),
        description: mood.t("OpenBSD Secure Shell server"),
        facts: vec![("Process".to_owned(), mood.t("812, sshd"))],
        deeds: if mood == Mood::Empty {
            Vec::new()
        } else {
            vec![deed("Restart", false), deed("Stop", true)]
        },
        typed: mood != Mood::Empty,
        said: if mood == Mood::Hostile { mood.t("") } else { String::new() },
        hands_off: mood.t("It is only looked at."),
        lines: lines(mood, 20),
        log: "/router/logs?service=ssh".to_owned(),
    };
    let logs = LogsPage {
        shell: at(mood, "Logs", "/router/logs"),
        service: Choice::list([("all".to_owned(), mood.t("All of the router"))], "all"),
        lines: Choice::list([("100", "100"), ("500", "500")], "100"),
        query: Query::new("/router/logs").with("q", &mood.t("ssh")),
        rows: lines(mood, 100),
        empty: mood.empty(1, Empty::new("search", "No lines", "None.")),
        following: if mood == Mood::Many { "ssh".to_owned() } else { mood.t("") },
        follow: mood.link("Follow", "/router/logs?live=1"),
        masked: "/router/logs/masked?service=all".to_owned(),
        missing: mood.t("Services are not known."),
    };
    let file = |n: usize| {
        let name = mood.t(&format!("panoptikon-2026-11-{:02}.log", n + 1));
        (name, "/router/logs/files?name=x".to_owned(), "1.2 MiB".to_owned(), ago(9))
    };
    let files = LogFilesPage {
        shell: at(mood, "Files of log", "/router/logs/files"),
        files: (0..mood.n(12)).map(file).collect(),
        empty: mood.empty(1, Empty::new("info", "No files", "None.")),
        name: if mood == Mood::Empty { String::new() } else { mood.t("panoptikon-x.log") },
        lines: vec![mood.t("one"), mood.t("two")],
    };
    vec![
        ("router-service", service.render()),
        ("router-logs", logs.render()),
        ("router-log-files", files.render()),
    ]
}
