//! The last packets that rules logged, from the kernel's log.

use std::net::IpAddr;

use axum::http::Method;
use axum::response::Response;
use vyos::runtime::{LogAction, LogEntry, LogLine, fetch_firewall_log};

use super::names::{chain_href, chain_title, rule_href};
use super::parts;
use crate::http::{Failure, Route, Routes};
use crate::pages::Ask;
use crate::pages::errors::sentence;
use crate::pages::router::LOOK;
use crate::site::Site;
use crate::view::router::{FirewallLogPage, LogRow};
use crate::view::{Empty, Filter, Link, Moment, Tone, count};

/// Packets that are shown.
const MOST_SHOWN: usize = 200;

pub(super) fn routes() -> Routes<Site> {
    Routes::new().add(
        Route::new(Method::GET, "/router/firewall/log", LOOK, show, "Packets that rules logged")
            .query("rule", "string", "Of this rule only, such as `ipv4-FWD-filter-10`.")
            .query("q", "string", "With this word: an address, a port, an interface."),
    )
}

async fn show(ask: Ask) -> Result<Response, Failure> {
    let look = tokio::task::spawn_blocking(fetch_firewall_log).await;
    let look = match look {
        Ok(Ok(entries)) => Ok(entries),
        Ok(Err(error)) => Err(sentence(&error.to_string())),
        Err(_) => Err("The kernel's log could not be read.".to_owned()),
    };
    let (entries, problem) = match look {
        Ok(entries) => (entries, None),
        Err(problem) => (Vec::new(), Some(problem)),
    };
    let rule = ask.query.get("rule").unwrap_or_default().to_owned();
    let word = ask.query.get("q").unwrap_or_default().trim().to_lowercase();
    let mut keys: Vec<&str> = entries.iter().map(|entry| entry.line.key.as_str()).collect();
    keys.sort_unstable();
    keys.dedup();
    if !rule.is_empty() && !keys.contains(&rule.as_str()) {
        keys.push(&rule);
    }
    let filter = Filter::of(&ask.query, "rule", "Rule", keys.iter().map(|key| (*key, *key)));
    let passes = |entry: &&LogEntry| {
        (rule.is_empty() || entry.line.key == rule)
            && (word.is_empty() || words(&entry.line).to_lowercase().contains(&word))
    };
    let found: Vec<&LogEntry> = entries.iter().filter(passes).collect();
    let shown = found.len().min(MOST_SHOWN);
    let looked = if problem.is_some() {
        String::new()
    } else {
        format!(
            "{} of {} logged packets that the kernel's log still has.",
            count(shown as u64),
            count(entries.len() as u64)
        )
    };
    let empty = match problem {
        Some(problem) => Some(Empty::failed(problem)),
        None if entries.is_empty() => Some(
            Empty::new(
                "events",
                "Nothing logged",
                "Packets stand here once a rule with its log switched on has met some.",
            )
            .with_action("The rules", "/router/firewall"),
        ),
        None if found.is_empty() => Some(Empty::no_match("/router/firewall/log")),
        None => None,
    };
    let page = FirewallLogPage {
        parts: parts(&ask),
        filter,
        rows: found.into_iter().take(MOST_SHOWN).map(|entry| row(entry, &ask)).collect(),
        empty,
        looked,
        query: ask.query.clone(),
        shell: ask.router_shell("Firewall log").await,
    };
    ask.page(&page)
}

/// All that a search looks at.
fn words(line: &LogLine) -> String {
    let texts = [&line.inbound, &line.outbound, &line.mac, &line.protocol];
    let mut words: Vec<String> = texts.into_iter().flatten().cloned().collect();
    words.push(line.key.clone());
    words.extend(line.source.map(|address| address.to_string()));
    words.extend(line.destination.map(|address| address.to_string()));
    let ports = [line.source_port, line.destination_port];
    words.extend(ports.into_iter().flatten().map(|port| port.to_string()));
    words.join(" ")
}

fn row(entry: &LogEntry, ask: &Ask) -> LogRow {
    let line = &entry.line;
    let (action, tone) = match line.action {
        Some(LogAction::Accept) => ("accept", Tone::Ok),
        Some(LogAction::Drop) => ("drop", Tone::Bad),
        Some(LogAction::RejectOrReturn) => ("reject or return", Tone::Warn),
        Some(LogAction::Jump) => ("jump", Tone::Info),
        Some(LogAction::Continue) => ("continue", Tone::Info),
        Some(LogAction::Queue) => ("queue", Tone::Info),
        Some(LogAction::Offload) => ("offload", Tone::Ok),
        Some(LogAction::Synproxy) => ("synproxy", Tone::Info),
        None => ("logged", Tone::Quiet),
    };
    let end = |address: Option<IpAddr>, port: Option<u16>| match (address, port) {
        (Some(IpAddr::V6(address)), Some(port)) => format!("[{address}]:{port}"),
        (Some(address), Some(port)) => format!("{address}:{port}"),
        (Some(address), None) => address.to_string(),
        (None, _) => String::new(),
    };
    let device = |address: Option<IpAddr>| {
        let id = ask.site.discovery.by_ip(address?)?;
        let label = ask.site.discovery.with(id, discovery::Device::name)?;
        Some(Link { label, href: format!("/devices/{id}") })
    };
    let way = match (&line.inbound, &line.outbound) {
        (Some(inbound), Some(outbound)) => format!("{inbound} → {outbound}"),
        (Some(inbound), None) => format!("{inbound} → router"),
        (None, Some(outbound)) => format!("router → {outbound}"),
        (None, None) => String::new(),
    };
    LogRow {
        at: entry.at.map(|at| Moment::ago(at, ask.now)),
        rule: rule_link(line),
        action,
        tone,
        way,
        source: end(line.source, line.source_port),
        source_device: device(line.source),
        destination: end(line.destination, line.destination_port),
        destination_device: device(line.destination),
        protocol: line.protocol.clone().unwrap_or_default(),
    }
}

fn rule_link(line: &LogLine) -> Link {
    match (&line.chain, line.rule) {
        (Some(chain), Some(number)) => Link {
            label: format!("{} {number}", chain_title(chain)),
            href: rule_href(chain, number),
        },
        (Some(chain), None) => {
            Link { label: format!("{}, all others", chain_title(chain)), href: chain_href(chain) }
        }
        (None, number) => {
            let (word, table) = match line.key.split('-').next() {
                Some("DST") => ("Destination NAT", "destination"),
                Some("SRC") => ("Source NAT", "source"),
                Some("STATIC") => ("Static NAT", "static"),
                _ => {
                    return Link { label: line.key.clone(), href: "/router/firewall".to_owned() };
                }
            };
            let table =
                if line.key.contains("NAT66") { format!("{table}66") } else { table.into() };
            match number {
                Some(number) => Link {
                    label: format!("{word} {number}"),
                    href: format!("/router/nat/{table}/{number}"),
                },
                None => Link { label: word.to_owned(), href: "/router/nat".to_owned() },
            }
        }
    }
}
