//! The tables of a host: one a part of its report. What was never reported has no table.

use agents::history::share;
use model::Timestamp;
use wire::Report;

use super::octets;
use crate::view::{HostTable, Moment, bytes, count};

/// The most rows of a table.
const MOST: usize = 200;

fn table<T>(
    list: Option<&Vec<T>>,
    title: &'static str,
    heads: &'static [&'static str],
    none: &'static str,
    row: impl Fn(&T) -> Vec<String>,
) -> Option<HostTable> {
    let rows = list?.iter().take(MOST).map(row).collect();
    Some(HostTable { title, heads, rows, none })
}

fn percent(value: f32) -> String {
    format!("{value:.1} %")
}

/// All of them, in the order of the page.
pub(super) fn all(known: &Report, now: Timestamp) -> Vec<HostTable> {
    let disks = table(
        known.disks.as_ref(),
        "Disks",
        &["Where", "In use", "Of", "Share", "Inodes", "System", "Device"],
        "No file system was reported.",
        |d| {
            let inodes = d.inodes_pct.map(percent).unwrap_or_default();
            let used = share(d.used, d.total) as f32;
            vec![
                d.mount.clone(),
                bytes(d.used),
                bytes(d.total),
                percent(used),
                inodes,
                d.fs.clone(),
                d.dev.clone(),
            ]
        },
    );
    let nets = table(
        known.nets.as_ref(),
        "Interfaces",
        &["Interface", "State", "Speed", "Received", "Sent", "Errors", "Dropped", "Addresses"],
        "No interface was reported.",
        |n| {
            let state = if n.up { "up" } else { "down" };
            let addresses = n.ips.iter().flatten().map(String::as_str).chain(n.mac.as_deref());
            vec![
                n.interface.clone(),
                state.to_owned(),
                n.mbit.map(|m| format!("{m} Mbit/s")).unwrap_or_default(),
                octets(n.rx_bps),
                octets(n.tx_bps),
                n.err.map(count).unwrap_or_default(),
                n.drop.map(count).unwrap_or_default(),
                addresses.collect::<Vec<_>>().join(", "),
            ]
        },
    );
    let top = known.procs.as_ref().and_then(|procs| procs.top.as_ref());
    let processes = table(
        top,
        "Processes",
        &["Process", "Number", "Whose", "Processor", "Memory"],
        "No process was reported.",
        |p| {
            let user = p.user.clone().unwrap_or_default();
            vec![p.name.clone(), p.pid.to_string(), user, percent(p.cpu_pct), bytes(p.rss)]
        },
    );
    let containers = table(
        known.containers.as_ref(),
        "Containers",
        &["Container", "State", "Processor", "Memory", "Image"],
        "It runs no containers.",
        |c| {
            let (state, image) = (c.state.clone(), c.image.clone());
            vec![c.name.clone(), state, percent(c.cpu_pct), bytes(c.mem), image]
        },
    );
    let units = known.units.as_ref().map(|units| {
        let failed = units.failed.iter().map(|name| vec![name.clone(), "failed".to_owned()]);
        let again = units.restarted.iter();
        let again = again.map(|u| vec![u.name.clone(), format!("started {} times anew", u.n)]);
        HostTable {
            title: "Services",
            heads: &["Unit", "State"],
            rows: failed.chain(again).take(MOST).collect(),
            none: "No unit has failed.",
        }
    });
    let ports = table(
        known.ports.as_ref(),
        "Open ports",
        &["Port", "By", "Address", "Process"],
        "Nothing waits for peers.",
        |p| {
            let process = match (&p.name, p.pid) {
                (Some(name), Some(pid)) => format!("{name} ({pid})"),
                (name, pid) => {
                    name.clone().or_else(|| pid.map(|n| n.to_string())).unwrap_or_default()
                }
            };
            vec![p.port.to_string(), p.proto.clone(), p.addr.clone(), process]
        },
    );
    let users = table(
        known.users.as_ref(),
        "Signed in",
        &["Who", "Terminal", "From", "Since"],
        "Nobody is signed in.",
        |u| {
            let since = u.since.map(|at| Moment::ago(Timestamp(at), now).text);
            let text = |value: &Option<String>| value.clone().unwrap_or_default();
            vec![u.name.clone(), text(&u.tty), text(&u.from), since.unwrap_or_default()]
        },
    );
    let all = [
        disks,
        nets,
        processes,
        containers,
        units,
        ports,
        users,
        Some(sensors(known)),
        Some(health(known)),
    ];
    let hidden = |t: &HostTable| !t.rows.is_empty() || !matches!(t.title, "Sensors" | "Storage");
    all.into_iter().flatten().filter(hidden).collect()
}

/// Temperatures, fans, power and graphics processors.
fn sensors(known: &Report) -> HostTable {
    let temps = known.temps.iter().flatten().map(|t| {
        let critical = t.crit.map(|c| format!("critical at {c:.0} °C")).unwrap_or_default();
        vec![t.name.clone(), format!("{:.1} °C", t.c), critical]
    });
    let fans = known.fans.iter().flatten();
    let fans = fans.map(|f| vec![f.name.clone(), format!("{} turns/min", f.rpm), String::new()]);
    let power = known.power.iter().flatten().map(|p| {
        let charge = p.pct.map(|pct| format!("{pct:.0} %")).unwrap_or_default();
        vec![p.name.clone(), charge, p.state.clone()]
    });
    let gpus = known.gpus.iter().flatten().map(|g| {
        let busy = g.busy_pct.map(|b| format!("{b:.0} % busy"));
        let heat = g.c.map(|c| format!("{c:.0} °C"));
        let memory = g.mem_used.zip(g.mem_total);
        let memory = memory.map(|(used, all)| format!("{} of {}", bytes(used), bytes(all)));
        let value = [busy, heat].into_iter().flatten().collect::<Vec<_>>().join(", ");
        vec![g.name.clone(), value, memory.unwrap_or_default()]
    });
    HostTable {
        title: "Sensors",
        heads: &["What", "Value", "Note"],
        rows: temps.chain(fans).chain(power).chain(gpus).take(MOST).collect(),
        none: "",
    }
}

/// What disks, pools and arrays say of their health.
fn health(known: &Report) -> HostTable {
    let smart = known.smart.iter().flatten().map(|s| {
        let state = if s.ok { "well" } else { "failing" };
        let wear = s.wear_pct.map(|w| format!("{w:.0} % worn"));
        let hours = s.hours.map(|h| format!("{} h", count(h)));
        let heat = s.temp.map(|c| format!("{c:.0} °C"));
        let note = [wear, hours, heat].into_iter().flatten().collect::<Vec<_>>().join(", ");
        vec![s.dev.clone(), state.to_owned(), note]
    });
    let pools = known.zfs.iter().flatten();
    let pools = pools.map(|z| vec![z.pool.clone(), z.state.clone(), "ZFS".to_owned()]);
    let arrays = known.md.iter().flatten();
    let arrays = arrays.map(|m| vec![m.dev.clone(), m.state.clone(), "RAID".to_owned()]);
    HostTable {
        title: "Storage",
        heads: &["Device", "State", "Note"],
        rows: smart.chain(pools).chain(arrays).take(MOST).collect(),
        none: "",
    }
}
