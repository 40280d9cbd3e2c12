//! How the appliance is.

use std::time::{Duration, Instant};

use access::Permission as P;
use axum::extract::State;
use axum::http::Method;
use axum::response::Response;
use discovery::edge::{Interface, InterfaceKind};
use model::Timestamp;
use serde::Serialize;
use serde_json::json;
use store::{Sizes, StoreError};

use super::{Listed, answer, schema};
use crate::http::{Entry, Failure, Route, Routes, Schema};
use crate::site::{Component, Facts, Site};

/// A database that takes longer to answer is worth a word.
const SLOW: Duration = Duration::from_millis(500);
/// Less free space than this share of the disk, in percent, is worth a word.
const LITTLE_FREE: u64 = 5;

pub(super) fn routes() -> Routes<Site> {
    let read = Entry::Needs(P::SystemRead);
    let get = Method::GET;
    Routes::new()
        .add(
            Route::new(get.clone(), "/api/v1/system", read, system, "How the appliance is")
                .gives(schema::system()),
        )
        .add(
            Route::new(
                get.clone(),
                "/api/v1/system/health",
                read,
                health,
                "Checks of all parts, each with its own time",
            )
            .gives(schema::health()),
        )
        .add(
            Route::new(
                get.clone(),
                "/api/v1/system/capabilities",
                read,
                capabilities,
                "What the machine offers and lacks",
            )
            .gives(Schema::page(schema::capability())),
        )
        .add(
            Route::new(
                get.clone(),
                "/api/v1/network/health",
                Entry::Needs(P::DevicesRead),
                network,
                "The network's health score, with its parts and its formula",
            )
            .gives(schema::network_health()),
        )
        .add(
            Route::new(get, "/api/v1/version", read, version, "Version and commit")
                .gives(schema::version()),
        )
}

#[derive(Serialize)]
struct System<'a> {
    #[serde(flatten)]
    facts: &'a Facts,
    uptime_seconds: u64,
    components: Vec<Component>,
    storage: Sizes,
    discovery: discovery::Status,
    tally: discovery::Tally,
    interfaces: Vec<Port>,
}

/// One interface of the router.
#[derive(Serialize)]
struct Port {
    name: String,
    kind: &'static str,
    mac: Option<model::Mac>,
    addresses: Vec<String>,
    up: bool,
    carrier: bool,
    watched: bool,
    trouble: Option<String>,
}

async fn system(State(site): State<Site>) -> Result<Response, Failure> {
    let storage = sizes(&site).await?;
    let status = site.discovery.status().borrow().clone();
    answer(&System {
        facts: &site.facts,
        uptime_seconds: Timestamp::now().since(site.facts.started).as_secs(),
        components: (site.components)(),
        storage,
        tally: site.discovery.tally(),
        interfaces: interfaces(&site, &status),
        discovery: status,
    })
}

/// Bytes on disk, off the async workers.
pub(super) async fn sizes(site: &Site) -> Result<Sizes, Failure> {
    let store = site.store.clone();
    let looked = tokio::task::spawn_blocking(move || store.sizes()).await;
    looked.map_err(|e| Failure::internal("Looking at the disk", e))
}

fn interfaces(site: &Site, status: &discovery::Status) -> Vec<Port> {
    let segments = site.discovery.segments();
    let all = site.discovery.interfaces();
    let port = |i: &Interface| Port {
        name: i.name.clone(),
        kind: match i.kind {
            InterfaceKind::Loopback => "loopback",
            InterfaceKind::Vlan(_) => "vlan",
            InterfaceKind::Bridge => "bridge",
            InterfaceKind::Bond => "bond",
            InterfaceKind::WireGuard => "wireguard",
            InterfaceKind::Ppp => "ppp",
            InterfaceKind::Ethernet => "ethernet",
            InterfaceKind::Veth => "veth",
            InterfaceKind::Other(_) => "other",
        },
        mac: i.mac,
        addresses: i.addresses.iter().map(|(ip, prefix)| format!("{ip}/{prefix}")).collect(),
        up: i.is_up,
        carrier: i.has_carrier,
        watched: segments.iter().any(|s| s.index == i.index),
        trouble: status.failures.get(&i.name).cloned(),
    };
    all.iter().map(port).collect()
}

async fn version(State(site): State<Site>) -> Result<Response, Failure> {
    let Facts { version, git, built, .. } = &site.facts;
    answer(&json!({ "version": version, "git": git, "built": built }))
}

async fn network(State(site): State<Site>) -> Result<Response, Failure> {
    let found = site.discovery.health(Timestamp::now()).await;
    answer(&json!({
        "score": found.score,
        "word": found.word(),
        "parts": found.parts,
        "formula": discovery::health::FORMULA,
    }))
}

async fn capabilities(State(site): State<Site>) -> Result<Response, Failure> {
    let looked = tokio::task::spawn_blocking(move || (site.capabilities)()).await;
    Listed::whole(looked.map_err(|e| Failure::internal("Looking at the machine", e))?)
}

/// How one thing is: the same record for everything that is checked.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Check {
    name: String,
    status: Wellness,
    message: Option<String>,
    latency_ms: u64,
    timestamp: Timestamp,
}

/// The later in this list, the worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum Wellness {
    Healthy,
    Degraded,
    Unhealthy,
}

#[derive(Serialize)]
struct Health {
    status: Wellness,
    checks: Vec<Check>,
}

async fn health(State(site): State<Site>) -> Result<Response, Failure> {
    let timestamp = Timestamp::now();
    let mut checks: Vec<Check> =
        (site.components)().into_iter().map(|c| component(c, timestamp)).collect();
    let began = Instant::now();
    let read = site.store.read(|r| {
        Ok::<_, StoreError>(r.main().query_row("SELECT 1", [], |row| row.get::<_, i64>(0))?)
    });
    let read = read.await.map(drop).map_err(|e| e.to_string());
    let writer = site.store.health().borrow().clone();
    checks.push(database(read, writer.failing, began.elapsed(), timestamp));
    let began = Instant::now();
    let sizes = sizes(&site).await?;
    checks.push(disk(&sizes, began.elapsed(), timestamp));
    let status = checks.iter().map(|c| c.status).max().unwrap_or(Wellness::Healthy);
    answer(&Health { status, checks })
}

fn component(part: Component, timestamp: Timestamp) -> Check {
    let status = match part.status {
        "ok" => Wellness::Healthy,
        "stopped" => Wellness::Unhealthy,
        _ => Wellness::Degraded,
    };
    Check { name: part.name, status, message: part.message, latency_ms: 0, timestamp }
}

fn database(
    read: Result<(), String>,
    failing: Option<String>,
    took: Duration,
    timestamp: Timestamp,
) -> Check {
    let (status, message) = match (read, failing) {
        (Err(why), _) | (Ok(()), Some(why)) => (Wellness::Unhealthy, Some(why)),
        (Ok(()), None) if took > SLOW => {
            (Wellness::Degraded, Some("it takes long to answer".to_owned()))
        }
        (Ok(()), None) => (Wellness::Healthy, None),
    };
    let latency_ms = took.as_millis() as u64;
    Check { name: "database".to_owned(), status, message, latency_ms, timestamp }
}

fn disk(sizes: &Sizes, took: Duration, timestamp: Timestamp) -> Check {
    let used = sizes.main + sizes.days;
    let little = sizes.disk > 0 && sizes.free < sizes.disk / 100 * LITTLE_FREE;
    let (status, message) = if little {
        let message = format!("{} MiB are free", sizes.free >> 20);
        (Wellness::Degraded, Some(message))
    } else if used > sizes.cap / 10 * 9 {
        let message = "the database has reached nine tenths of its cap".to_owned();
        (Wellness::Degraded, Some(message))
    } else {
        (Wellness::Healthy, None)
    };
    let latency_ms = took.as_millis() as u64;
    Check { name: "disk".to_owned(), status, message, latency_ms, timestamp }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    #[test]
    fn a_database_that_cannot_be_written_is_unhealthy_and_a_slow_one_degraded() {
        let check =
            |read, failing, ms| database(read, failing, Duration::from_millis(ms), NOW).status;
        assert_eq!(check(Ok(()), None, 1), Wellness::Healthy);
        assert_eq!(check(Ok(()), None, 900), Wellness::Degraded);
        assert_eq!(check(Ok(()), Some("full".to_owned()), 1), Wellness::Unhealthy);
        assert_eq!(check(Err("gone".to_owned()), None, 1), Wellness::Unhealthy);
    }

    #[test]
    fn a_disk_is_told_before_it_is_full() {
        let sizes =
            |main, free| Sizes { main, days: 0, backups: 0, cap: 1_000, free, disk: 10_000 };
        let check = |main, free| disk(&sizes(main, free), Duration::ZERO, NOW).status;
        assert_eq!(check(100, 5_000), Wellness::Healthy);
        assert_eq!(check(100, 400), Wellness::Degraded);
        assert_eq!(check(950, 5_000), Wellness::Degraded);
    }
}
