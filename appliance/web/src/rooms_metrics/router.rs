//! The router's own numbers and the traffic of devices. What VyOS's own exporter tells as well stands
//! here under our names alone, so that nothing is told twice under one.

use std::collections::BTreeMap;
use std::net::IpAddr;

use flows::rollup::Whose;

use super::{counter, flag, gauge};
use crate::metrics::{Family, Kind};
use crate::site::Site;

/// Load, disks, interfaces, services, tunnels.
pub(super) fn families(site: &Site) -> Vec<Family> {
    let snapshot = site.system.snapshot();
    if snapshot.at == model::Timestamp::default() {
        return Vec::new(); // not read yet
    }
    let (load, memory) = (&snapshot.load, &snapshot.load.memory);
    let mut all = vec![
        gauge("panoptikon_router_memory_bytes", "Memory of the router.", memory.total as f64),
        gauge(
            "panoptikon_router_memory_available_bytes",
            "Memory that programs can still get.",
            memory.available as f64,
        ),
        gauge("panoptikon_router_swap_bytes", "Swap space.", memory.swap_total as f64),
        gauge("panoptikon_router_swap_free_bytes", "Free of it.", memory.swap_free as f64),
        gauge("panoptikon_router_load1", "Load averaged over a minute.", load.average[0]),
        gauge(
            "panoptikon_router_boot_timestamp_seconds",
            "When the router started.",
            load.booted.0 as f64 / 1_000.0,
        ),
    ];
    if let Some(cpu) = &load.cpu {
        let busy = Family::new(
            "panoptikon_router_cpu_busy_ratio",
            Kind::Gauge,
            "How busy each processor is, 0 to 1.",
        );
        all.push(cpu.cores.iter().enumerate().fold(busy, |family, (core, busy)| {
            family.sample(&[("core", &core.to_string())], busy / 100.0)
        }));
    }
    if let Some(softnet) = load.softnet {
        all.push(counter(
            "panoptikon_router_softnet_dropped_total",
            "Packets dropped because a processor's queue was full.",
            softnet.dropped as f64,
        ));
    }
    all.extend(disks(&snapshot.disks));
    all.extend(interfaces(&snapshot.interfaces));
    let mut heat = Family::new(
        "panoptikon_router_temperature_celsius",
        Kind::Gauge,
        "Temperatures that sensors tell.",
    );
    for sensor in snapshot.temperatures.iter() {
        heat = heat.sample(&[("sensor", &sensor.name)], sensor.celsius);
    }
    all.push(heat);
    all.extend(services(site));
    all
}

fn disks(disks: &[system::facts::Disk]) -> [Family; 2] {
    let mut size =
        Family::new("panoptikon_router_disk_bytes", Kind::Gauge, "Size of file systems.");
    let mut free =
        Family::new("panoptikon_router_disk_free_bytes", Kind::Gauge, "What can be written.");
    for disk in disks {
        let labels = [("path", disk.path.as_str())];
        size = size.sample(&labels, disk.total as f64);
        free = free.sample(&labels, disk.available as f64);
    }
    [size, free]
}

fn interfaces(all: &[system::interfaces::Interface]) -> Vec<Family> {
    type Read = fn(&system::interfaces::Counters) -> u64;
    let tables: [(&'static str, &'static str, Read); 6] = [
        ("panoptikon_interface_receive_bytes_total", "Bytes received.", |c| c.rx_bytes),
        ("panoptikon_interface_transmit_bytes_total", "Bytes sent.", |c| c.tx_bytes),
        ("panoptikon_interface_receive_errors_total", "Broken packets.", |c| c.rx_errors),
        ("panoptikon_interface_transmit_errors_total", "Packets not sent.", |c| c.tx_errors),
        ("panoptikon_interface_receive_drops_total", "Dropped on the way in.", |c| c.rx_dropped),
        ("panoptikon_interface_transmit_drops_total", "Dropped on the way out.", |c| c.tx_dropped),
    ];
    let mut families: Vec<Family> = tables
        .into_iter()
        .map(|(name, help, read)| {
            let family = Family::new(name, Kind::Counter, help);
            all.iter().fold(family, |family, one| {
                family.sample(&[("interface", &one.link.name)], read(&one.counters) as f64)
            })
        })
        .collect();
    let up = Family::new("panoptikon_interface_up", Kind::Gauge, "1 for one that works.");
    families.push(all.iter().fold(up, |family, one| {
        let works = one.link.is_up && one.link.has_carrier;
        family.sample(&[("interface", &one.link.name)], flag(works))
    }));
    families
}

/// As they were last looked at: a scrape starts no program.
fn services(site: &Site) -> [Family; 3] {
    let mut up = Family::new(
        "panoptikon_service_failed",
        Kind::Gauge,
        "1 for a service of the router that has failed.",
    );
    let mut restarts = Family::new(
        "panoptikon_service_restarts_total",
        Kind::Counter,
        "Restarts of a service by itself.",
    );
    for unit in site.system.last_services().iter().flat_map(|board| &board.units) {
        let labels = [("service", unit.name.as_str())];
        up = up.sample(&labels, flag(unit.has_failed()));
        restarts = restarts.sample(&labels, f64::from(unit.restarts));
    }
    let mut tunnels =
        Family::new("panoptikon_tunnel_up", Kind::Gauge, "1 for a tunnel that works.");
    for tunnel in site.system.tunnels().iter() {
        let labels = [("interface", tunnel.interface.as_str())];
        tunnels = tunnels.sample(&labels, flag(tunnel.trouble().is_none()));
    }
    [up, restarts, tunnels]
}

/// What each device receives and sends just now, one series a device. Who is not heard of within the
/// last minute has none. Rates are counted from the first scrape on, for as long as one comes at
/// least every 90 s.
pub(super) fn traffic(site: &Site) -> [Family; 2] {
    let mut received = Family::new(
        "panoptikon_traffic_rx_bps",
        Kind::Gauge,
        "Bits a second that a device receives, over the last minute.",
    );
    let mut sent = Family::new(
        "panoptikon_traffic_tx_bps",
        Kind::Gauge,
        "Bits a second that a device sends, over the last minute.",
    );
    let talkers = site.flows.talkers().unwrap_or_default();
    let addresses: BTreeMap<i64, IpAddr> = site.discovery.with_all(|devices| {
        let address = |device: &discovery::Device| {
            let current = device.addresses.iter().filter(|address| address.current);
            // One that does not change from scrape to scrape: IPv4 first, then the lowest.
            current.map(|address| address.ip).min_by_key(|ip| (ip.is_ipv6(), *ip))
        };
        devices.filter_map(|device| Some((device.id.0, address(device)?))).collect()
    });
    for talker in talkers {
        let Whose::Device(number) = talker.whose else { continue };
        let ip = addresses.get(&number).map(ToString::to_string).unwrap_or_default();
        let labels = [("device_id", number.to_string()), ("ip", ip)];
        let labels = labels.each_ref().map(|(name, value)| (*name, value.as_str()));
        received = received.sample(&labels, talker.received_bps);
        sent = sent.sample(&labels, talker.sent_bps);
    }
    [received, sent]
}
