//! Samples of hosts with agents, of what lies between them, and of what is counted inside.

use askama::Template;
use panoptikon_web::view::mesh::*;
use panoptikon_web::view::*;

use super::{HOSTILE, Mood, ago, shell};

const NAMES: [&str; 4] = ["nas", "web-01", "build-server-of-the-second-floor", "mail"];

fn around(mood: Mood, title: &str, path: &str) -> Shell {
    shell(mood, title, Some(Place::Hosts), path)
}

fn field(mood: Mood, value: &str) -> Field {
    if mood == Mood::Hostile { Field::refused(HOSTILE, HOSTILE) } else { Field::new(value) }
}

fn row(mood: Mood, n: usize) -> HostRow {
    let line = |label: &str| Some(Sparkline::scaled(&[3.0, 14.0, 9.0], 100.0, mood.t(label)));
    HostRow {
        id: format!("{n:016x}"),
        name: mood.t(NAMES[n % NAMES.len()]),
        note: mood.t("in the cellar, beside the heating"),
        state: ["Online", "Offline", "Used twice"][n % 3],
        tone: [Tone::Ok, Tone::Bad, Tone::Bad][n % 3],
        os: mood.t("Debian GNU/Linux 12 (bookworm)"),
        machine: mood.t("x86_64 6.1.0-18-amd64"),
        version: mood.t("0.1.0"),
        update: if n % 2 == 1 { mood.t("0.2.0") } else { String::new() },
        seen: (n != 2).then(|| ago(40 * n as u64)),
        cpu: "9 %".to_owned(),
        cpu_line: line("Processors"),
        memory: "41 %".to_owned(),
        memory_line: line("Memory"),
        troubles: if n % 3 == 1 { vec![mood.t("/srv nearly full")] } else { Vec::new() },
    }
}

fn list(mood: Mood) -> HostsPage {
    let token = |n: usize| TokenLine {
        id: format!("aebagba{n}"),
        name: mood.t("printer-server"),
        until: ago(600),
        by: mood.t("robert"),
    };
    let tab = |label: &str, n| Tab::of(&Query::new("/agents"), "status", "", label).counted(n, "");
    HostsPage {
        shell: around(mood, "Hosts", "/agents"),
        query: Query::new("/agents"),
        tabs: vec![tab("All", 12), tab("Online", 9), tab("Offline", 3)],
        rows: (0..mood.n(12)).map(|n| row(mood, n)).collect(),
        empty: mood.empty(1, Empty::new("server", "No host has an agent yet", "Add one.")),
        pager: Pager { shown: mood.t("12 of 12"), ..Pager::default() },
        versions: (0..mood.n(2)).map(|n| (mood.t("0.1.0"), format!("{n} hosts"))).collect(),
        tokens: (0..mood.n(2)).map(token).collect(),
        can_manage: mood != Mood::Empty,
    }
}

fn token(mood: Mood) -> TokenPage {
    let line = "curl -fsSk --pinnedpubkey 'sha256//x' https://192.0.2.1:8444/install.sh | sh";
    TokenPage {
        shell: around(mood, "Install the agent", "/agents/new"),
        name: mood.t("nas"),
        until: ago(0),
        line: mood.t(line),
        sudo_line: mood.t(line),
        token: mood.t("pa1.aebagbaf.gaytemzugu3doobzmfrggzdfmy.BwcHBwcHBwcHBwcHBwcHBw"),
        server: mood.t("192.0.2.1:8444"),
        fingerprint: "AB:CD:".repeat(10) + "EF",
        pin: mood.t("sha256//BwcHBwcHBwcHBwcHBwcHBw="),
        files: if mood == Mood::Empty { Vec::new() } else { vec![mood.t("x86_64")] },
        files_dir: mood.t("/usr/share/panoptikon/agents"),
    }
}

fn mesh(mood: Mood) -> MeshPage {
    let most = mood.n(20);
    let names: Vec<String> = (0..most).map(|n| mood.t(NAMES[n % NAMES.len()])).collect();
    let cell = |from: usize, to: usize| match (from * 7 + to * 3) % 11 {
        0 => MeshCell { about: mood.t("nobody answered"), failed: true, ms: None },
        1 => MeshCell { about: "not measured".to_owned(), ..MeshCell::default() },
        n => MeshCell {
            ms: Some([0.21, 0.4, 3.0, 12.0, 40.0, 250.0][n % 6]),
            about: mood.t("3 of 3 answered"),
            failed: false,
        },
    };
    let columns: Vec<String> =
        std::iter::once("Router".to_owned()).chain(names.iter().cloned()).collect();
    // A picture of twenty hosts has more bytes than a page of rows: six are enough here.
    let columns: Vec<String> = columns.into_iter().take(7).collect();
    let rows: Vec<(String, Vec<MeshCell>)> = names
        .iter()
        .take(6)
        .enumerate()
        .map(|(from, name)| (name.clone(), (0..columns.len()).map(|to| cell(from, to)).collect()))
        .collect();
    let trial = |n: usize| TrialRow {
        at: ago(400 * n as u64),
        what: ["Throughput", "Datagrams"][n % 2],
        from: mood.t("nas"),
        to: "Router".to_owned(),
        result: mood.t("940 Mbit/s, 560 MiB in all"),
        tone: [Tone::Ok, Tone::Warn, Tone::Bad][n % 3],
        by: mood.t("robert"),
    };
    let ends = || Choice::list([("router".to_owned(), "Router".to_owned())], "router");
    MeshPage {
        shell: around(mood, "Between hosts", "/agents/mesh"),
        heat: HeatMap::new(&columns, &rows),
        columns,
        rows,
        empty: mood.empty(1, Empty::new("server", "No host has an agent yet", "Add one.")),
        note: mood.t("A round is under way: 3 of 42 pairs."),
        can_measure: mood != Mood::Empty,
        can_try: mood != Mood::Empty,
        kinds: Choice::list([("throughput", "Throughput of one TCP connection")], "throughput"),
        from: ends(),
        to: ends(),
        seconds: Choice::list([("5", "5 seconds")], "5"),
        trials: (0..mood.n(12)).map(trial).collect(),
        can_manage: mood != Mood::Empty,
        enabled: mood == Mood::Many,
        every: field(mood, "15"),
        cost: "A round of 42 pairs costs about 74 KiB on the network in all.".to_owned(),
    }
}

fn numbers(mood: Mood) -> NumbersPage {
    let row = |n: usize| NumberRow {
        name: "panoptikon_store_bytes",
        about: "Bytes on disk, by what they hold.",
        values: (0..=n % 3).map(|i| (mood.t("{part=\"main\"}"), i.to_string())).collect(),
        more: n % 2,
    };
    NumbersPage {
        shell: shell(mood, "Numbers inside", None, "/about/numbers"),
        rows: (0..mood.n(50)).map(row).collect(),
    }
}

/// All of them, by name.
pub(super) fn all(mood: Mood) -> Vec<(&'static str, askama::Result<String>)> {
    vec![
        ("hosts", list(mood).render()),
        ("host-token", token(mood).render()),
        ("mesh", mesh(mood).render()),
        ("numbers", numbers(mood).render()),
    ]
}
