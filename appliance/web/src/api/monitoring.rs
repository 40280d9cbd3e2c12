//! The router's own state: load now and over the last ten minutes, connections, traffic, interfaces,
//! services and their processes.

use access::Permission as P;
use axum::extract::{Path, State};
use axum::http::Method;
use axum::response::Response;
use model::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use system::facts::Disk;
use system::interfaces::Scope;
use system::services::Unit;
use system::{LIVE_STEP, Snapshot, Throughput};

use super::system::sizes;
use super::{Body, Listed, answer, schema};
use crate::http::{Entry, Failure, Route, Routes, Schema, Visitor};
use crate::monitor::{act, failed, main_disk, named, service, totals};
use crate::site::Site;

/// Bits of a kilobyte.
const KILOBYTE: f64 = 8_000.0;

pub(super) fn routes() -> Routes<Site> {
    let read = Entry::Needs(P::SystemRead);
    let get = || Method::GET;
    Routes::new()
        .add(
            Route::new(get(), "/api/v1/monitoring/stats", read, stats, "The router's load now")
                .gives(schema::monitoring_stats()),
        )
        .add(
            Route::new(
                get(),
                "/api/v1/monitoring/history",
                read,
                history,
                "The router's load over the last ten minutes, every ten seconds",
            )
            .gives(schema::monitoring_history()),
        )
        .add(
            Route::new(
                get(),
                "/api/v1/monitoring/connections",
                read,
                connections,
                "Connections to the router itself, by service",
            )
            .gives(schema::monitoring_connections()),
        )
        .add(
            Route::new(
                get(),
                "/api/v1/monitoring/traffic",
                read,
                traffic,
                "What the router's interfaces have counted",
            )
            .gives(schema::monitoring_traffic()),
        )
        .add(
            Route::new(
                get(),
                "/api/v1/monitoring/interfaces",
                read,
                interfaces,
                "The router's interfaces, whether they are up and how fast",
            )
            .gives(schema::monitoring_interfaces()),
        )
        .add(
            Route::new(
                get(),
                "/api/v1/monitoring/uptime",
                read,
                uptime,
                "Since when the router runs",
            )
            .gives(schema::monitoring_uptime()),
        )
        .add(
            Route::new(
                get(),
                "/api/v1/monitoring/process/{service}",
                read,
                process,
                "The main process of a service",
            )
            .gives(schema::monitoring_process()),
        )
        .add(
            Route::new(
                get(),
                "/api/v1/monitoring/services",
                read,
                services,
                "The router's services, as systemd has them",
            )
            .gives(schema::monitoring_services()),
        )
        .add(
            Route::new(
                Method::POST,
                "/api/v1/monitoring/services/{service}/{verb}",
                Entry::Needs(P::ServicesManage),
                carry_out,
                "Start, stop or restart a service",
            )
            .takes(schema::service_deed())
            .gives(Schema::named("RouterService"))
            .patient(),
        )
        .add(
            Route::new(
                get(),
                "/api/v1/system/storage",
                read,
                storage,
                "How full the router's disks are, and with what of ours",
            )
            .gives(schema::system_storage()),
        )
        .add(
            Route::new(
                get(),
                "/api/v1/monitoring/tunnels",
                read,
                tunnels,
                "The router's tunnels, and whether they work",
            )
            .gives(Schema::page(schema::monitoring_tunnel())),
        )
}

#[derive(Serialize)]
struct Share {
    total: u64,
    used: u64,
    free: u64,
    percent: f64,
}

impl Share {
    fn of(disk: &Disk) -> Self {
        let used = disk.total.saturating_sub(disk.available);
        Self { total: disk.total, used, free: disk.available, percent: disk.used_percent() }
    }
}

async fn stats(State(site): State<Site>) -> Result<Response, Failure> {
    let snapshot = site.system.snapshot();
    let (load, memory) = (&snapshot.load, &snapshot.load.memory);
    let through = Throughput::of(&snapshot.interfaces);
    let counted = totals(&snapshot);
    let cpu = load.cpu.as_ref();
    let disks = snapshot.disks.iter().map(|disk| {
        let mut one = serde_json::to_value(Share::of(disk)).unwrap_or_default();
        one["path"] = json!(disk.path);
        one
    });
    answer(&json!({
        "timestamp": snapshot.at,
        "cpu": {
            "percent": cpu.map(|cpu| cpu.busy),
            "count": cpu.map_or(0, |cpu| cpu.cores.len()),
            "cores": cpu.map(|cpu| cpu.cores.clone()).unwrap_or_default(),
        },
        "load": load.average,
        "memory": {
            "total": memory.total,
            "available": memory.available,
            "used": memory.total.saturating_sub(memory.available),
            "percent": memory.used_percent(),
        },
        "swap": {
            "total": memory.swap_total,
            "used": memory.swap_total.saturating_sub(memory.swap_free),
            "percent": memory.swap_used_percent(),
        },
        "disk": main_disk(&snapshot).map(Share::of),
        "disks": disks.collect::<Vec<Value>>(),
        "network": {
            "bandwidth_in": through.rx_bps / KILOBYTE,
            "bandwidth_out": through.tx_bps / KILOBYTE,
            "bytes_sent": counted.tx_bytes,
            "bytes_recv": counted.rx_bytes,
        },
    }))
}

async fn storage(State(site): State<Site>) -> Result<Response, Failure> {
    let snapshot = site.system.snapshot();
    let disks = snapshot.disks.iter().map(|disk| {
        let mut one = serde_json::to_value(Share::of(disk)).unwrap_or_default();
        one["path"] = json!(disk.path);
        one["device"] = json!(disk.device);
        one["read_only"] = json!(disk.is_read_only);
        one
    });
    let disks: Vec<Value> = disks.collect();
    let database = sizes(&site).await?;
    let folder = site.collectors.dir().to_owned();
    let flows = tokio::task::spawn_blocking(move || below(&folder)).await;
    answer(&json!({
        "disks": disks,
        "database": database,
        "flows_bytes": flows.map_err(|error| Failure::internal("Looking at the disk", error))?,
        // No packets are kept by this release.
        "captures_bytes": null,
    }))
}

/// Bytes of the files of a folder, and of those one folder below.
fn below(folder: &std::path::Path) -> u64 {
    let entries = |folder: &std::path::Path| std::fs::read_dir(folder).into_iter().flatten();
    let size = |entry: &std::fs::DirEntry| entry.metadata().map_or(0, |facts| facts.len());
    let mut sum = 0_u64;
    for entry in entries(folder).flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            sum += entries(&entry.path()).flatten().map(|one| size(&one)).sum::<u64>();
        } else {
            sum += size(&entry);
        }
    }
    sum
}

async fn history(State(site): State<Site>) -> Result<Response, Failure> {
    let points = site.system.last_minutes();
    let points = points.iter().map(|point| {
        json!({
            "timestamp": point.at,
            "cpu": point.cpu,
            "cores": point.cores,
            "memory": point.memory,
            "swap": point.swap,
            "load": point.load,
            "bandwidth_in": point.through.rx_bps / KILOBYTE,
            "bandwidth_out": point.through.tx_bps / KILOBYTE,
            "disks": point.disks.iter().map(|disk| json!({
                "path": disk.path, "percent": disk.used_percent() })).collect::<Vec<_>>(),
        })
    });
    let seconds = LIVE_STEP.as_secs();
    let points: Vec<Value> = points.collect();
    answer(&json!({
        "interval_seconds": seconds,
        "span_seconds": seconds * system::LIVE_POINTS as u64,
        "points": points,
    }))
}

async fn connections(State(site): State<Site>) -> Result<Response, Failure> {
    let sockets = site.system.sockets().await.map_err(|error| failed(&error))?;
    let config = site.router.last_config();
    let services = named(&sockets, config.as_deref()).into_iter().map(|one| {
        json!({
            "service": one.name,
            "protocol": one.transport,
            "port": one.port,
            "addresses": one.addresses,
            "connections": one.connections,
        })
    });
    answer(&json!({
        "total": sockets.tcp + sockets.udp.unwrap_or_default(),
        "tcp": sockets.tcp,
        "udp": sockets.udp,
        "followed": sockets.followed,
        "capacity": sockets.capacity,
        "partial": sockets.is_partial,
        "services": services.collect::<Vec<Value>>(),
    }))
}

async fn traffic(State(site): State<Site>) -> Result<Response, Failure> {
    let snapshot = site.system.snapshot();
    let softnet = snapshot.load.softnet;
    let counts = |counters: &system::interfaces::Counters| {
        json!({
            "bytes_recv": counters.rx_bytes,
            "bytes_sent": counters.tx_bytes,
            "packets_recv": counters.rx_packets,
            "packets_sent": counters.tx_packets,
            "errors_in": counters.rx_errors,
            "errors_out": counters.tx_errors,
            "drops_in": counters.rx_dropped,
            "drops_out": counters.tx_dropped,
        })
    };
    let mut all = counts(&totals(&snapshot));
    all["softnet_drops"] = json!(softnet.map(|s| s.dropped));
    all["softnet_squeezed"] = json!(softnet.map(|s| s.squeezed));
    let each = snapshot.interfaces.iter().map(|one| {
        let mut own = counts(&one.counters);
        own["name"] = json!(one.link.name);
        own
    });
    all["interfaces"] = each.collect();
    answer(&all)
}

async fn interfaces(State(site): State<Site>) -> Result<Response, Failure> {
    let snapshot = site.system.snapshot();
    let one = |one: &system::interfaces::Interface| {
        let link = &one.link;
        let shown = link.addresses.iter().filter(|address| address.scope != Scope::Host);
        let of = |v6: bool| {
            let own = shown.clone().filter(move |address| address.ip.is_ipv6() == v6);
            own.map(|address| format!("{}/{}", address.ip, address.prefix)).collect::<Vec<_>>()
        };
        json!({
            "name": link.name,
            "ipv4": of(false),
            "ipv6": of(true),
            "status": if link.is_up && link.has_carrier { "UP" } else { "DOWN" },
            "speed_mbps": link.speed_mbps,
            "bandwidth_in": one.rates.map(|rates| rates.rx_bps / KILOBYTE),
            "bandwidth_out": one.rates.map(|rates| rates.tx_bps / KILOBYTE),
        })
    };
    let through = Throughput::of(&snapshot.interfaces);
    answer(&json!({
        "items": snapshot.interfaces.iter().map(one).collect::<Vec<Value>>(),
        "bandwidth_in": through.rx_bps / KILOBYTE,
        "bandwidth_out": through.tx_bps / KILOBYTE,
    }))
}

async fn uptime(State(site): State<Site>) -> Result<Response, Failure> {
    let snapshot = site.system.snapshot();
    let seconds = snapshot.load.uptime.as_secs();
    answer(&json!({
        "uptime_seconds": seconds,
        "days": seconds / 86_400,
        "hours": seconds / 3_600 % 24,
        "minutes": seconds / 60 % 60,
        "boot_time": booted(&snapshot),
    }))
}

fn booted(snapshot: &Snapshot) -> Option<Timestamp> {
    Some(snapshot.load.booted).filter(|at| *at != Timestamp::default())
}

async fn process(State(site): State<Site>, Path(name): Path<String>) -> Result<Response, Failure> {
    let unit = service(&site, &name).await?;
    let read = match unit.main_pid {
        Some(pid) => {
            let reading = site.clone();
            let read = tokio::task::spawn_blocking(move || reading.system.process(pid)).await;
            read.map_err(|error| Failure::internal("Reading a process", error))?
        }
        None => None,
    };
    answer(&json!({ "service": unit, "process": read }))
}

async fn services(State(site): State<Site>) -> Result<Response, Failure> {
    let (items, trouble): (Vec<Unit>, _) = match site.system.services().await {
        Ok(board) => (board.units.clone(), None),
        Err(error) => (Vec::new(), Some(error.to_string())),
    };
    answer(&json!({ "services": items, "trouble": trouble }))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Deed {
    #[serde(default)]
    confirm: Option<String>,
}

async fn carry_out(
    State(site): State<Site>,
    visitor: Visitor,
    Path((name, verb)): Path<(String, String)>,
    Body(deed): Body<Deed>,
) -> Result<Response, Failure> {
    let typed = deed.confirm.unwrap_or_default();
    let what = (name.as_str(), verb.as_str());
    act(&site, &visitor.caller, what, &typed, Timestamp::now()).await?;
    answer(&service(&site, &name).await?)
}

async fn tunnels(State(site): State<Site>) -> Result<Response, Failure> {
    let all = site.system.tunnels();
    let one = |tunnel: &system::tunnels::Tunnel| {
        json!({
            "interface": tunnel.interface,
            "up": tunnel.is_up,
            "addresses": tunnel.addresses,
            "asked": tunnel.asked,
            "loss_percent": tunnel.measured.map(|m| m.loss_percent()),
            "rtt_ms": tunnel.measured.and_then(|m| m.rtt_ms),
            "trouble": tunnel.trouble(),
        })
    };
    Listed::whole(all.iter().map(one).collect::<Vec<Value>>())
}
