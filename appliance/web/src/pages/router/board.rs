//! Services as they run: the board, one of them with its process, and what people do to it.

use std::collections::HashMap;
use std::fmt::Write as _;

use access::Permission as P;
use axum::extract::Path;
use axum::http::Method;
use axum::response::Response;
use model::Timestamp;
use system::logs::{LogQuery, source};
use system::services::{Guard, Process, Unit, Verb, watched};
use system::{Sockets, Transport};

use super::{LOOK, logs};
use crate::http::{Entry, Failure, Route, Routes};
use crate::monitor;
use crate::pages::{Ask, Form, done, sentence};
use crate::site::Site;
use crate::view::router::{
    BoardView, PortRow, ServicePage, TunnelRow, UnitDeed, UnitRow, WrittenLine,
};
use crate::view::{Moment, Tone, bytes, count, span};

/// Lines of the log that stand on a service's own page.
const LAST_WORDS: usize = 20;

pub(super) fn routes() -> Routes<Site> {
    let manage = Entry::Needs(P::ServicesManage);
    Routes::new()
        .add(Route::new(
            Method::GET,
            "/router/services/unit/{unit}",
            LOOK,
            show,
            "A service with its process and its last words",
        ))
        .add(
            Route::new(
                Method::POST,
                "/router/services/unit/{unit}/{verb}",
                manage,
                carry_out,
                "Start, stop or restart a service",
            )
            .patient(),
        )
}

/// What runs, for the page of services.
pub(super) async fn board(ask: &Ask) -> BoardView {
    let mut view = BoardView::default();
    match ask.site.system.services().await {
        Ok(board) => {
            let processes = processes(&ask.site, &board.units).await;
            let row = |unit: &Unit| row(unit, process_of(unit, &processes), ask.now);
            view.units = board.units.iter().map(row).collect();
            // What is unwell stands first.
            model::sort_by_key(&mut view.units, |row| row.tone != Tone::Bad);
        }
        Err(error) => {
            view.missing =
                format!("Which services run is not known: {}", sentence(&error.to_string()));
        }
    }
    match ask.site.system.sockets().await {
        Ok(sockets) => {
            let config = ask.site.router.last_config();
            let ports = monitor::named(&sockets, config.as_deref());
            view.ports = ports.into_iter().map(port).collect();
            view.connections = connections(&sockets);
        }
        Err(error) => view.connections = sentence(&error.to_string()),
    }
    view.tunnels = ask.site.system.tunnels().iter().map(tunnel).collect();
    view
}

async fn processes(site: &Site, units: &[Unit]) -> HashMap<u32, Process> {
    let pids: Vec<u32> = units.iter().filter_map(|unit| unit.main_pid).collect();
    let site = site.clone();
    let read = tokio::task::spawn_blocking(move || {
        let read = |pid| Some((pid, site.system.process(pid)?));
        pids.into_iter().filter_map(read).collect()
    });
    read.await.unwrap_or_default()
}

fn process_of<'a>(unit: &Unit, all: &'a HashMap<u32, Process>) -> Option<&'a Process> {
    all.get(&unit.main_pid?)
}

fn row(unit: &Unit, process: Option<&Process>, now: Timestamp) -> UnitRow {
    let (tone, state) = state(unit);
    UnitRow {
        href: format!("/router/services/unit/{}", unit.name),
        label: unit.label.clone(),
        name: unit.name.clone(),
        state,
        tone,
        since: unit.since.map(|at| Moment::ago(at, now)),
        restarts: if unit.restarts > 0 { unit.restarts.to_string() } else { String::new() },
        pid: unit.main_pid.map(|pid| pid.to_string()).unwrap_or_default(),
        cpu: process.map(|one| format!("{:.1} %", one.cpu_percent)).unwrap_or_default(),
        memory: unit.memory.or(process.map(|one| one.memory)).map(bytes).unwrap_or_default(),
        threads: unit
            .tasks
            .or(process.map(|one| one.threads.into()))
            .map(|n| n.to_string())
            .unwrap_or_default(),
    }
}

fn state(unit: &Unit) -> (Tone, String) {
    match (unit.active.as_str(), unit.sub.as_str()) {
        _ if unit.has_failed() => (Tone::Bad, format!("failed: {}", unit.result)),
        ("active", "exited") => (Tone::Quiet, "done".to_owned()),
        ("active", sub) => (Tone::Ok, sub.to_owned()),
        ("inactive", _) => (Tone::Quiet, "off".to_owned()),
        (active, _) => (Tone::Warn, active.to_owned()),
    }
}

fn port(one: monitor::NamedPort) -> PortRow {
    let transport = if one.transport == Transport::Tcp { "tcp" } else { "udp" };
    let address = |ip: &std::net::IpAddr| {
        if ip.is_unspecified() { "all addresses".to_owned() } else { ip.to_string() }
    };
    let mut addresses: Vec<String> = one.addresses.iter().map(address).collect();
    addresses.dedup();
    PortRow {
        name: if one.name.is_empty() { "not known".to_owned() } else { one.name },
        port: format!("{}/{transport}", one.port),
        addresses,
        connections: one.connections.map_or_else(|| "–".to_owned(), count),
    }
}

fn connections(sockets: &Sockets) -> String {
    let udp = sockets.udp.map_or_else(
        || "UDP is not followed by this kernel".to_owned(),
        |n| format!("{} exchanges of UDP", count(n)),
    );
    let mut text = format!("{} connections of TCP, {udp}", count(sockets.tcp));
    if let (Some(followed), Some(capacity)) = (sockets.followed, sockets.capacity) {
        let (followed, capacity) = (count(followed), count(capacity));
        let _ = write!(text, "; the kernel follows {followed} connections in all, of {capacity}");
    }
    if sockets.is_partial {
        text += ", and there are more than were counted";
    }
    text + "."
}

fn tunnel(one: &system::tunnels::Tunnel) -> TunnelRow {
    let trouble = one.trouble();
    let asked = match (one.asked, one.measured) {
        (Some(ip), Some(m)) => match m.rtt_ms {
            Some(ms) => format!("{ip} answers after {ms:.1} ms"),
            None => format!("{ip} does not answer"),
        },
        (Some(ip), None) => format!("{ip} was not asked"),
        (None, _) => "its other end is not known".to_owned(),
    };
    TunnelRow {
        name: one.interface.clone(),
        tone: if trouble.is_some() { Tone::Bad } else { Tone::Ok },
        state: trouble.unwrap_or_else(|| "up".to_owned()),
        addresses: one.addresses.iter().map(ToString::to_string).collect(),
        asked,
    }
}

async fn show(ask: Ask, Path(name): Path<String>) -> Result<Response, Failure> {
    let page = page(&ask, &name, String::new()).await?;
    ask.page(&page)
}

async fn page(ask: &Ask, name: &str, said: String) -> Result<ServicePage, Failure> {
    let unit = monitor::service(&ask.site, name).await?;
    let processes = processes(&ask.site, std::slice::from_ref(&unit)).await;
    let process = process_of(&unit, &processes);
    let guard = monitor::guard(&unit.name);
    let hands_off = match guard {
        Guard::HandsOff => "It is only looked at: everything else needs what it does.",
        Guard::Own => "It is the appliance itself: pages come back after a moment.",
        _ => "",
    };
    let may = ask.may(P::ServicesManage);
    let deed = |verb: Verb| {
        let is_offered = match verb {
            Verb::Start => !unit.is_well(),
            Verb::Stop | Verb::Restart => unit.is_well() || unit.has_failed(),
        };
        let is_allowed = system::services::allowed(verb, &unit.name).is_ok();
        (may && is_offered && is_allowed).then(|| UnitDeed {
            action: format!("/router/services/unit/{}/{verb}", unit.name),
            label: match verb {
                Verb::Start => "Start",
                Verb::Stop => "Stop",
                Verb::Restart => "Restart",
            },
            danger: verb == Verb::Stop,
        })
    };
    let reads = ask.may(P::LogsRead);
    Ok(ServicePage {
        shell: ask.router_shell(&unit.label).await,
        row: row(&unit, process, ask.now),
        description: unit.description.clone(),
        facts: facts(&unit, process, ask.now),
        deeds: Verb::ALL.into_iter().filter_map(deed).collect(),
        typed: guard.is_typed(),
        said,
        hands_off: if may { hands_off.to_owned() } else { String::new() },
        lines: if reads { last_words(&ask.site, &unit.name).await } else { Vec::new() },
        log: if reads { logs::href(unit.name.trim_end_matches(".service")) } else { String::new() },
    })
}

async fn last_words(site: &Site, unit: &str) -> Vec<WrittenLine> {
    let Some(source) = source(unit, None) else { return Vec::new() };
    let query = LogQuery { lines: LAST_WORDS, search: String::new() };
    let lines = site.system.log(&source, &query).await.unwrap_or_default();
    lines.iter().map(logs::row).collect()
}

fn facts(unit: &Unit, process: Option<&Process>, now: Timestamp) -> Vec<(String, String)> {
    let since = |at: Timestamp| format!("{}, {} ago", at.local(), span(now.since(at)));
    let mut all = vec![
        ("State", format!("{} ({})", unit.active, unit.sub)),
        ("Since", unit.since.map(since).unwrap_or_default()),
        ("Ended last", unit.result.clone()),
        ("Starts with the router", unit.starts.clone()),
        ("Restarts by itself", unit.restarts.to_string()),
        ("Memory of all of it", unit.memory.map(bytes).unwrap_or_default()),
        ("Processes and threads", unit.tasks.map(count).unwrap_or_default()),
    ];
    match (unit.main_pid, process) {
        (Some(pid), Some(one)) => all.extend([
            ("Process", format!("{pid}, {}", one.name)),
            ("Its state", one.status.to_owned()),
            (
                "Processor",
                format!("{:.1} % of one, {:.1} s in all", one.cpu_percent, one.cpu_seconds),
            ),
            ("Memory", bytes(one.memory)),
            ("Threads", one.threads.to_string()),
            ("Open files", one.fds.map_or_else(|| "the kernel does not tell".to_owned(), count)),
            ("Began", since(one.started)),
        ]),
        (Some(pid), None) => {
            all.push(("Process", format!("{pid}, of which nothing is shown to us")));
        }
        (None, _) => {}
    }
    let told = all.into_iter().filter(|(_, is)| !is.is_empty());
    told.map(|(what, is)| (what.to_owned(), is)).collect()
}

async fn carry_out(
    ask: Ask,
    Path((name, verb)): Path<(String, String)>,
    form: Form,
) -> Result<Response, Failure> {
    let what = (name.as_str(), verb.as_str());
    let by = &ask.visitor.caller;
    match monitor::act(&ask.site, by, what, form.get("typed"), ask.now).await {
        Ok((unit, verb)) => {
            let place = format!("/router/services/unit/{}", unit.name);
            let word = match verb {
                Verb::Start => "started",
                Verb::Stop => "stopped",
                Verb::Restart => "restarted",
            };
            Ok(done(&place, Tone::Ok, &format!("{} is {word}.", unit.label)))
        }
        // What was typed is to be corrected where it was typed.
        Err(failure) if failure.status.as_u16() == 422 && watched(&full(&name)).is_some() => {
            let page = page(&ask, &name, failure.explained.message).await?;
            ask.refused(&page)
        }
        Err(failure) => Err(failure),
    }
}

fn full(name: &str) -> String {
    if name.ends_with(".service") { name.to_owned() } else { format!("{name}.service") }
}
