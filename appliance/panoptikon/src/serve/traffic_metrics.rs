//! Numbers of the room of flows for Prometheus.

use flows::collect::{KernelStatus, UdpStatus};
use flows::decode::Malformed;
use flows::{Flows, Status};
use web::metrics::{Families, Family, Kind, Metrics};

pub(super) struct FlowsMetrics(pub(super) Flows);

impl Metrics for FlowsMetrics {
    fn collect(&self) -> Families<'_> {
        let flows = self.0.clone();
        Box::pin(async move { families(&flows.status()) })
    }
}

fn counter(name: &'static str, help: &'static str, value: u64) -> Family {
    Family::new(name, Kind::Counter, help).sample(&[], value as f64)
}

fn gauge(name: &'static str, help: &'static str, value: u64) -> Family {
    Family::new(name, Kind::Gauge, help).sample(&[], value as f64)
}

fn families(status: &Status) -> Vec<Family> {
    let kept = &status.kept;
    let mut all = vec![
        counter("panoptikon_flows_kept_total", "Flows taken to be kept.", kept.kept.flows),
        counter(
            "panoptikon_flows_lost_total",
            "Flows lost because the disk could not be written, or not fast enough.",
            kept.kept.lost + kept.dropped,
        ),
        counter(
            "panoptikon_flows_written_bytes_total",
            "Bytes of flows written to disk.",
            kept.kept.written,
        ),
        counter("panoptikon_flows_summed_total", "Flows summed up.", status.sums.counted),
    ];
    all.extend(status.kernel.iter().flat_map(connections));
    all.extend(exporters(status.udp.as_ref().unwrap_or(&UdpStatus::default())));
    all
}

fn connections(kernel: &KernelStatus) -> Vec<Family> {
    let account = &kernel.account;
    vec![
        gauge(
            "panoptikon_flows_accounting",
            "1 while the kernel counts the bytes of connections.",
            u64::from(kernel.is_accounting == Some(true)),
        ),
        gauge("panoptikon_flows_connections", "Connections that are followed.", account.known),
        gauge(
            "panoptikon_flows_connections_uncounted",
            "Connections that the kernel does not count.",
            account.uncounted,
        ),
        counter(
            "panoptikon_flows_connections_ended_total",
            "Connections that ended.",
            account.ended,
        ),
        counter(
            "panoptikon_flows_connections_vanished_total",
            "Connections that were gone without a word, so that their last bytes are not known.",
            account.vanished,
        ),
        counter(
            "panoptikon_flows_connection_events_lost_total",
            "Times the kernel had no room for events of connections.",
            kernel.overruns,
        ),
    ]
}

fn exporters(udp: &UdpStatus) -> Vec<Family> {
    let sum = |of: fn(&flows::decode::ExporterStats) -> u64| {
        udp.exporters.iter().map(|exporter| of(&exporter.stats)).sum::<u64>()
    };
    let mut dropped = Family::new(
        "panoptikon_netflow_datagrams_dropped_total",
        Kind::Counter,
        "Datagrams of exporters that were not decoded, by reason.",
    );
    for (reason, count) in [
        ("queue", udp.dropped),
        ("refused", udp.refused),
        ("unknown", udp.unknown),
        ("exporters", udp.beyond),
    ] {
        dropped = dropped.sample(&[("reason", reason)], count as f64);
    }
    let mut malformed = Family::new(
        "panoptikon_netflow_malformed_total",
        Kind::Counter,
        "What exporters sent that breaks the rules.",
    );
    for (place, reason) in Malformed::ALL.into_iter().enumerate() {
        let counts = udp.exporters.iter().filter_map(|one| one.stats.malformed.get(place));
        malformed = malformed.sample(&[("reason", reason.as_str())], counts.sum::<u64>() as f64);
    }
    vec![
        dropped,
        malformed,
        counter(
            "panoptikon_netflow_flows_received_total",
            "Records of flows received from exporters.",
            sum(|stats| stats.records),
        ),
        counter(
            "panoptikon_netflow_datagrams_received_total",
            "Datagrams received at the ports of exporters.",
            udp.datagrams,
        ),
        counter(
            "panoptikon_netflow_lost_total",
            "Datagrams or records of exporters that never came, by their sequence numbers.",
            sum(|stats| stats.lost),
        ),
        counter(
            "panoptikon_netflow_undecoded_total",
            "Sets of exporters whose template never came.",
            sum(|stats| stats.undecoded),
        ),
        counter(
            "panoptikon_netflow_not_kept_total",
            "Flows of exporters on the router, whose traffic the connections tell already.",
            udp.told_twice,
        ),
        gauge("panoptikon_netflow_exporters", "Exporters heard.", udp.exporters.len() as u64),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_has_a_name_of_its_own() {
        let status = Status { kernel: Some(KernelStatus::default()), ..Status::default() };
        let text: String = families(&status).iter().map(ToString::to_string).collect();
        let mut names: Vec<_> = text.lines().filter(|line| line.starts_with("# TYPE")).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!((names.len(), count), (18, 18));
        assert!(text.contains("panoptikon_netflow_flows_received_total 0"), "{text}");
        assert!(text.contains("panoptikon_netflow_datagrams_dropped_total{reason=\"queue\"} 0"));
    }
}
