//! The list of hosts.

use std::collections::BTreeMap;

use access::Permission as P;
use agents::{AgentFile, Host, Sample, State, Trouble, is_newer};
use axum::response::Response;
use model::Timestamp;

use super::HERE;
use crate::http::Failure;
use crate::pages::Ask;
use crate::view::{
    Empty, HostRow, HostsPage, Moment, Pager, Place, Sparkline, Tab, TokenLine, Tone, count,
};

pub(super) async fn show(ask: Ask) -> Result<Response, Failure> {
    let query = ask.query.clone();
    let hosts = ask.site.agents.all();
    let files = files(&ask).await;
    let total = hosts.len();
    let counted = |wanted: &str| hosts.iter().filter(|h| is_in(h, wanted)).count() as u64;
    let tab = |value: &str, label: &str| {
        Tab::of(&query, "status", value, label).counted(counted(value), "")
    };
    let tabs = vec![
        tab("", "All"),
        tab("online", "Online"),
        tab("offline", "Offline"),
        tab("trouble", "In trouble"),
    ];
    let status = query.get("status").unwrap_or_default();
    let wanted = query.get("q").unwrap_or_default().trim().to_lowercase();
    let found: Vec<&Host> =
        hosts.iter().filter(|h| is_in(h, status) && matches(h, &wanted)).collect();
    let limit = ask.rows() as usize;
    let first: usize = query.get("before").and_then(|n| n.parse().ok()).unwrap_or(0);
    let page: Vec<&&Host> = found.iter().skip(first).take(limit).collect();
    let rows: Vec<HostRow> = page.iter().map(|h| row(h, &files, ask.now)).collect();
    let next = (first + limit < found.len()).then(|| (first + limit).to_string());
    let shown = match rows.len() {
        0 => String::new(),
        n => format!("{n} of {}", count(found.len() as u64)),
    };
    let can_manage = ask.may(P::AgentsManage);
    let empty = rows.is_empty().then(|| match total {
        0 => {
            let text = "A small agent on a host reports its load, disks, services and more, and \
                        links it with its device.";
            let empty = Empty::new("server", "No host has an agent yet", text);
            if can_manage { empty.with_action("Add host", "/agents/new") } else { empty }
        }
        _ => Empty::no_match(HERE),
    });
    let tokens = if can_manage { ask.site.agents.tokens(ask.now).await? } else { Vec::new() };
    let tokens = tokens.into_iter().map(|token| TokenLine {
        id: token.id,
        name: token.name,
        until: Moment::ago(token.until, ask.now),
        by: token.made_by,
    });
    ask.page(&HostsPage {
        tabs,
        empty,
        pager: Pager::keyset(&query, next.as_deref(), "Next", shown),
        versions: versions(&hosts),
        tokens: tokens.collect(),
        rows,
        can_manage,
        shell: ask.shell("Hosts", Some(Place::Hosts)).await,
        query,
    })
}

/// The agents that can be had here.
pub(super) async fn files(ask: &Ask) -> Vec<AgentFile> {
    let shelf = ask.site.agents.shelf().clone();
    // One that cannot be looked at has nothing.
    tokio::task::spawn_blocking(move || shelf.files()).await.unwrap_or_default()
}

fn is_in(host: &Host, status: &str) -> bool {
    match status {
        "online" => host.online,
        "offline" => !host.online,
        "trouble" => host.state != State::Active || !host.troubles.is_empty(),
        _ => true,
    }
}

fn matches(host: &Host, wanted: &str) -> bool {
    let hello = &host.hello;
    let texts = [&host.name, &host.note, &hello.host, &hello.os, &hello.version, &hello.arch];
    let ips = hello.addresses.iter().flat_map(|a| a.ips.iter().chain([&a.mac]));
    wanted.is_empty()
        || texts.into_iter().chain(ips).any(|text| text.to_lowercase().contains(wanted))
}

fn versions(hosts: &[Host]) -> Vec<(String, String)> {
    let mut all: BTreeMap<&str, u64> = BTreeMap::new();
    for host in hosts.iter().filter(|h| !h.hello.version.is_empty()) {
        *all.entry(&host.hello.version).or_default() += 1;
    }
    let of = |n: u64| if n == 1 { "1 host".to_owned() } else { format!("{} hosts", count(n)) };
    all.into_iter().rev().map(|(version, n)| (version.to_owned(), of(n))).collect()
}

/// A host as the list shows it.
pub(crate) fn row(host: &Host, files: &[AgentFile], now: Timestamp) -> HostRow {
    let (state, tone) = match (host.state, host.online) {
        (State::Revoked, _) => ("Revoked", Tone::Quiet),
        (State::Copied, _) => ("Used twice", Tone::Bad),
        (State::Active, true) => ("Online", Tone::Ok),
        (State::Active, false) if host.seen_at.is_none() => ("Not yet seen", Tone::Quiet),
        (State::Active, false) => ("Offline", Tone::Bad),
    };
    let version = &host.hello.version;
    let file = files.iter().find(|file| file.arch == host.hello.arch);
    let update = file.and_then(|file| file.version.clone()).filter(|v| is_newer(v, version));
    let line = |what: &str, value: fn(&Sample) -> f32| {
        let values: Vec<f64> = host.recent.iter().map(|s| f64::from(value(s))).collect();
        let newest = values.last().map(|v| format!("{v:.0} %")).unwrap_or_default();
        let line = (values.len() > 1).then(|| {
            // A chart of its own for each would make the least one look busy.
            let label = format!("{what} of {}, newest {newest}", host.name);
            Sparkline::scaled(&values, 100.0, label)
        });
        (newest, line)
    };
    let (cpu, cpu_line) = line("Processors", |s| s.cpu);
    let (memory, memory_line) = line("Memory", |s| s.memory);
    let hello = &host.hello;
    HostRow {
        id: host.id.to_string(),
        name: host.name.clone(),
        note: host.note.clone(),
        state,
        tone,
        os: hello.os.clone(),
        machine: [hello.arch.as_str(), hello.kernel.as_str()].join(" ").trim().to_owned(),
        version: version.clone(),
        update: update.filter(|_| !version.is_empty()).unwrap_or_default(),
        seen: host.seen_at.map(|at| Moment::ago(at, now)),
        cpu,
        cpu_line,
        memory,
        memory_line,
        troubles: host.troubles.iter().map(trouble).collect(),
    }
}

fn trouble(trouble: &Trouble) -> String {
    match trouble {
        Trouble::Cpu => "busy".to_owned(),
        Trouble::Memory => "memory short".to_owned(),
        Trouble::Disk(mount) => format!("{mount} nearly full"),
        Trouble::Temperature(sensor) => format!("{sensor} hot"),
        Trouble::Unit(unit) => format!("{unit} failed"),
        Trouble::Clock => "clock wrong".to_owned(),
        Trouble::Lag => "lags".to_owned(),
    }
}
