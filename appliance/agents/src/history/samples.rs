//! What of a report is kept for long: names of series and values.
//!
//! A name is what is measured and, where there may be several, of what: `cpu`, `disk /var`,
//! `received eth0`. Shares are 0 to 100, rates octets a second, temperatures degrees Celsius.

use wire::Report;

/// The most of one kind, such as disks: the first ones that the host names.
const MOST_OF_A_KIND: usize = 16;
/// Kinds of series that have a name behind them.
pub const NAMED: [&str; 6] = ["disk", "received", "sent", "read", "written", "temperature"];

/// Calls `take` with each series that a report has a value of.
pub(crate) fn each(report: &Report, mut take: impl FnMut(&str, f64)) {
    if let Some(cpu) = &report.cpu {
        take("cpu", f64::from(cpu.pct));
        take("load", f64::from(cpu.load[0]));
        if let Some(steal) = cpu.steal {
            take("steal", f64::from(steal));
        }
        if let Some(io) = cpu.io {
            take("iowait", f64::from(io));
        }
    }
    if let Some(share) = memory_share(report) {
        take("memory", share);
    }
    if let Some(mem) = report.mem.as_ref().filter(|mem| mem.swap_total > 0) {
        take("swap", share(mem.swap_used, mem.swap_total));
    }
    if let Some(psi) = &report.psi {
        take("pressure cpu", f64::from(psi.cpu));
        take("pressure memory", f64::from(psi.mem));
        take("pressure io", f64::from(psi.io));
    }
    if let Some(procs) = &report.procs {
        take("processes", f64::from(procs.n));
    }
    for disk in of(report.disks.as_ref()).filter(|disk| disk.total > 0) {
        take(&format!("disk {}", disk.mount), share(disk.used, disk.total));
    }
    for io in of(report.io.as_ref()) {
        take(&format!("read {}", io.dev), io.r_bps as f64);
        take(&format!("written {}", io.dev), io.w_bps as f64);
    }
    for net in of(report.nets.as_ref()) {
        take(&format!("received {}", net.interface), net.rx_bps as f64);
        take(&format!("sent {}", net.interface), net.tx_bps as f64);
    }
    for sensor in of(report.temps.as_ref()) {
        take(&format!("temperature {}", sensor.name), f64::from(sensor.c));
    }
}

fn of<T>(list: Option<&Vec<T>>) -> impl Iterator<Item = &T> {
    list.into_iter().flatten().take(MOST_OF_A_KIND)
}

/// Memory in use, per cent; None where the report does not say.
pub fn memory_share(report: &Report) -> Option<f64> {
    let mem = report.mem.as_ref().filter(|mem| mem.total > 0)?;
    Some(share(mem.total.saturating_sub(mem.avail), mem.total))
}

/// A part of a whole, per cent.
pub fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 * 100.0 / whole as f64 }
}

/// Puts a newer report over what is known: what is absent in it is as before.
pub(crate) fn put_over(known: &mut Report, newer: Report) {
    macro_rules! over {
        ($($part:ident)*) => { $(if newer.$part.is_some() { known.$part = newer.$part; })* };
    }
    (known.seq, known.at, known.up_s) = (newer.seq, newer.at, newer.up_s);
    over!(cpu mem psi disks io nets temps fans power units containers procs ports users sys smart
        zfs md gpus);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(text: &str) -> Report {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_report_becomes_series_with_names() {
        let report = report(
            r#"{"seq":1,"cpu":{"n":2,"pct":12.5,"load":[0.5,0.4,0.3]},
                "mem":{"total":1000,"avail":250,"swap_total":0},
                "disks":[{"mount":"/","total":100,"used":40}],
                "nets":[{"if":"eth0","rx_bps":1000,"tx_bps":20}]}"#,
        );
        let mut found = Vec::new();
        each(&report, |name, value| found.push(format!("{name}={value}")));
        let wanted = [
            "cpu=12.5",
            "load=0.5",
            "memory=75",
            "disk /=40",
            "received eth0=1000",
            "sent eth0=20",
        ];
        assert_eq!(found, wanted);
    }

    #[test]
    fn what_a_newer_report_leaves_out_is_as_before_and_an_empty_list_is_none() {
        let mut known =
            report(r#"{"seq":1,"at":5,"disks":[{"mount":"/"}],"users":[{"name":"ana"}],"up_s":9}"#);
        put_over(&mut known, report(r#"{"seq":2,"at":6,"users":[]}"#));
        assert_eq!((known.seq, known.at), (2, 6));
        assert_eq!(known.disks.map(|d| d.len()), Some(1));
        assert_eq!(known.users.map(|u| u.len()), Some(0));
    }
}
