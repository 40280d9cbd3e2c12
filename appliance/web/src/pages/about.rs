//! What this is, how it is, and what the machine gives it.

use access::Permission as P;
use axum::http::Method;
use axum::response::Response;

use super::Ask;
use super::errors::sentence;
use crate::http::{Entry, Failure, Route, Routes};
use crate::metrics::Shown;
use crate::site::{Component, Site};
use crate::view::{
    AboutPage, CapabilityLine, ComponentLine, NumberRow, NumbersPage, Tone, bytes, count, span,
};

/// Others' work that makes up most of the program; `cargo deny` holds all of it to these licences.
const LICENCES: &[(&str, &str)] = &[
    ("SQLite", "public domain"),
    ("rusqlite", "MIT"),
    ("tokio, axum, hyper, tower", "MIT"),
    ("rustls", "Apache-2.0, ISC or MIT"),
    ("ring", "Apache-2.0 and ISC"),
    ("rcgen", "Apache-2.0 or MIT"),
    ("askama", "Apache-2.0 or MIT"),
    ("argon2, sha2 (RustCrypto)", "Apache-2.0 or MIT"),
    ("serde, serde_json", "Apache-2.0 or MIT"),
    ("jiff", "MIT or Unlicense"),
    ("netlink-packet, nix", "MIT"),
    ("IEEE registration authority's lists of vendors", "public data"),
];

pub(super) fn routes() -> Routes<Site> {
    let read = Entry::Needs(P::SystemRead);
    Routes::new().add(Route::new(Method::GET, "/about", read, about, "About page"))
}

async fn about(ask: Ask) -> Result<Response, Failure> {
    let site = ask.site.clone();
    let looked =
        tokio::task::spawn_blocking(move || ((site.capabilities)(), site.store.sizes(), memory()));
    let (capabilities, sizes, memory) =
        looked.await.map_err(|e| Failure::internal("Looking at the machine", e))?;
    let told = &ask.site.facts;
    let mut facts = vec![
        ("Version", told.version.to_owned()),
        ("Commit", told.git.to_owned()),
        ("Built", told.built.to_owned()),
        ("VyOS", vyos(&ask)),
        ("Name", told.host.get()),
        ("Running for", span(ask.now.since(told.started))),
        ("Devices", count(ask.site.discovery.tally().devices as u64)),
        ("Database", bytes(sizes.main + sizes.days)),
        ("Free on the disk", bytes(sizes.free)),
    ];
    let refused = ask.site.discovery.tally().refused;
    if refused > 0 {
        facts.push(("New devices not taken in", format!("{} times", count(refused))));
    }
    facts.extend(memory.map(|m| ("Memory", bytes(m))));
    let capabilities = capabilities.into_iter().map(|c| CapabilityLine {
        name: c.name,
        have: c.status != "missing",
        text: c.found,
        fix: c.remedy.unwrap_or_default(),
    });
    let owned = |list: &[(&str, &str)]| {
        list.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
    };
    let page = AboutPage {
        shell: ask.shell("About", None).await,
        facts: facts.into_iter().map(|(label, value)| (label.to_owned(), value)).collect(),
        components: (ask.site.components)().iter().map(|c| line(c, &ask)).collect(),
        capabilities: capabilities.collect(),
        licences: owned(LICENCES),
    };
    ask.page(&page)
}

/// Everything that is counted inside, as it is at this moment.
pub(crate) async fn numbers(ask: &Ask, families: Vec<Shown>) -> Result<Response, Failure> {
    let rows = families.into_iter().map(|family| NumberRow {
        name: family.name,
        about: family.help,
        values: family.series.into_iter().map(|(of, value)| (of, told(value))).collect(),
        more: family.more,
    });
    ask.page(&NumbersPage { rows: rows.collect(), shell: ask.shell("Numbers inside", None).await })
}

/// A number as exact as it is.
fn told(value: f64) -> String {
    let is_whole = value.fract() == 0.0 && (0.0..1e15).contains(&value);
    if is_whole { count(value as u64) } else { format!("{value:.3}") }
}

/// What the router says of itself, else what this system is.
fn vyos(ask: &Ask) -> String {
    let status = ask.site.router.status().borrow().clone();
    let said = status.abilities.as_ref().and_then(|abilities| abilities.version.clone());
    match (said, &ask.site.facts.vyos, &status.link) {
        (Some(version), _, _) => version,
        (None, Some(release), _) => release.clone(),
        (None, None, vyos::Link::Up) => "the router answers".to_owned(),
        (None, None, _) => "not on VyOS".to_owned(),
    }
}

fn line(part: &Component, ask: &Ask) -> ComponentLine {
    let since = span(ask.now.since(part.since));
    let restarts = match part.restarts {
        0 => String::new(),
        n => format!(" Restarted {n} times."),
    };
    let why = part.message.as_deref().map(|m| format!(" {}", sentence(m))).unwrap_or_default();
    ComponentLine {
        name: part.name.clone(),
        state: if part.status == "ok" { "running" } else { part.status }.to_owned(),
        tone: match part.status {
            "ok" => Tone::Ok,
            "starting" => Tone::Info,
            _ => Tone::Warn,
        },
        text: format!("For {since}.{restarts}{why}"),
    }
}

/// Resident memory in bytes, from `/proc/self/status` (proc(5)).
fn memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kib * 1024)
}
