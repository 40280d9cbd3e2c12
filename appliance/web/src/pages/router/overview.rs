//! The router at a glance: what it is, how busy it is, how good its lines are. What the kernel knows
//! is shown also while the API is down.

mod past;

use std::time::Duration;

use axum::http::Method;
use axum::response::Response;
use model::Timestamp;
use system::facts::ClockState;
use system::metrics::Point;
use system::{
    CPU, DISK, LIVE_POINTS, LIVE_STEP, LivePoint, MEMORY, Overview, SWAP, Snapshot, TEMPERATURE,
};
use vyos::Link;

use super::{LOOK, changes, lines};
use crate::http::{Failure, Route, Routes};
use crate::pages::Ask;
use crate::site::Site;
use crate::view::router::{Gauge, LinkView, OverviewPage};
use crate::view::{Empty, Lines, Series, Sparkline, Tab, Tone, bytes, count, span};

const HOUR: Duration = Duration::from_secs(3_600);
/// What can be looked back on, with its length in hours.
const RANGES: [(&str, &str, u32); 5] = [
    ("", "Hour", 1),
    ("day", "Day", 24),
    ("week", "Week", 168),
    ("month", "Month", 744),
    ("year", "Year", 8_784),
];
/// Values of the small lines.
const SPARK_POINTS: usize = 60;
/// Changes that are shown.
const FEW: u32 = 5;
/// A share from which a figure is worth a look, and from which it is bad, in percent.
const HIGH: f64 = 80.0;
const VERY_HIGH: f64 = 95.0;
/// Degrees Celsius from which a sensor that knows no limit of its own is hot.
const HOT: f64 = 85.0;
/// Single processors that a chart tells apart, beside all together.
const MOST_CORES: usize = 5;

pub(super) fn routes() -> Routes<Site> {
    Routes::new().add(
        Route::new(Method::GET, "/router", LOOK, show, "The router at a glance").query(
            "range",
            "string",
            "`day`, `week`, `month` or `year` instead of an hour.",
        ),
    )
}

async fn show(ask: Ask) -> Result<Response, Failure> {
    let overview = ask.site.system.overview();
    let snapshot = &overview.snapshot;
    let wanted = ask.query.get("range").unwrap_or_default();
    let length =
        RANGES.iter().find(|(key, ..)| *key == wanted).map_or(HOUR, |(.., hours)| HOUR * *hours);
    let time = (ask.now.minus(length), ask.now);
    let is_now = length == HOUR;
    let mut wans = Vec::new();
    let config = ask.site.router.last_config();
    for wan in &overview.wans {
        let mut view = lines::wan(wan, config.as_deref(), ask.now);
        view.charts = lines::traffic(&ask.site, &view.name, time).await?.into_iter().collect();
        view.charts.extend(lines::delay(&ask.site, &view.name, time).await?);
        wans.push(view);
    }
    let no_wans = wans.is_empty().then(|| {
        Empty::new(
            "network",
            "No line to the Internet",
            "The router has no default route, so there is nothing to measure.",
        )
        .with_action("Look at the configuration", "/router/config")
    });
    let (status, link) = {
        let status = ask.site.router.status();
        let status = status.borrow();
        (status.unsaved, link(&status.link, status.abilities.as_ref()))
    };
    let changes = ask.site.router.changes(None, FEW).await?;
    let page = OverviewPage {
        name: name(&ask.site, snapshot),
        uptime: span(snapshot.load.uptime),
        missing: missing(snapshot),
        gauges: gauges(&ask.site, snapshot, ask.now).await?,
        minutes: if is_now {
            minutes(&ask.site.system.last_minutes(), ask.now)
        } else {
            Vec::new()
        },
        link,
        wans,
        no_wans,
        ranges: RANGES.map(|(key, label, _)| Tab::of(&ask.query, "range", key, label)).into(),
        past: if is_now {
            past::own(&ask.site, time).await?
        } else {
            past::all(&ask.site, snapshot, time).await?
        },
        facts: facts(&ask.site, snapshot),
        changes: changes.iter().map(|change| changes::row(change, &ask)).collect(),
        saved: status.map(|unsaved| !unsaved),
        shell: ask.router_shell("Router").await,
    };
    ask.page(&page)
}

/// The figures of the page that change all the time, by the names of their elements.
pub(in crate::pages) fn figures(site: &Site) -> Vec<(String, String)> {
    let Overview { snapshot, wans } = site.system.overview();
    if snapshot.at == Timestamp::default() {
        return Vec::new();
    }
    let mut all = vec![
        ("router-uptime".to_owned(), span(snapshot.load.uptime)),
        ("router-memory".to_owned(), percent(snapshot.load.memory.used_percent())),
    ];
    if snapshot.load.memory.swap_total > 0 {
        let swap = percent(snapshot.load.memory.swap_used_percent());
        all.push(("router-swap".to_owned(), swap));
    }
    all.extend(snapshot.load.cpu.as_ref().map(|cpu| ("router-cpu".to_owned(), percent(cpu.busy))));
    for wan in &wans {
        let (rx, tx) = lines::rates(&wan.interface);
        let name = &wan.interface.link.name;
        all.push((format!("wan-{name}-rx"), rx));
        all.push((format!("wan-{name}-tx"), tx));
    }
    all
}

fn name(site: &Site, snapshot: &Snapshot) -> String {
    let told = site.router.status().borrow().host_name.clone();
    let told = told.filter(|name| !name.is_empty());
    match told {
        Some(name) => name,
        None if snapshot.identity.hostname.is_empty() => "The router".to_owned(),
        None => snapshot.identity.hostname.clone(),
    }
}

fn missing(snapshot: &Snapshot) -> String {
    match &snapshot.failure {
        Some(why) => format!("A part could not be read from the kernel: {why}"),
        None if snapshot.at == Timestamp::default() => {
            "The kernel has not been asked yet; figures come in a moment.".to_owned()
        }
        None => String::new(),
    }
}

fn link(link: &Link, abilities: Option<&vyos::client::Abilities>) -> LinkView {
    let (tone, state, text) = match link {
        Link::Up => (Tone::Ok, "API answers", String::new()),
        Link::Asking => (Tone::Quiet, "API is being asked", String::new()),
        Link::Down(trouble) => (
            Tone::Bad,
            "API does not answer",
            format!("{} What follows is what the kernel knows.", trouble.text),
        ),
    };
    let offers = abilities.map(|can| {
        let all = [
            (can.confirm, "commit-confirm"),
            (can.import_pki, "import of keys"),
            (can.info, "version without a key"),
        ];
        let mut offers = vec!["configuration".to_owned(), "op-mode".to_owned()];
        offers.extend(all.into_iter().filter(|(can, _)| *can).map(|(_, what)| what.to_owned()));
        offers
    });
    LinkView { tone, state: state.to_owned(), text, abilities: offers.unwrap_or_default() }
}

fn facts(site: &Site, snapshot: &Snapshot) -> Vec<(String, String)> {
    let id = &snapshot.identity;
    let asked = site.router.status().borrow().abilities.clone().and_then(|can| can.version);
    let version = match (&id.vyos, asked) {
        (Some(vyos), _) => format!("VyOS {} ({})", vyos.version, vyos.release_train),
        (None, Some(version)) => format!("VyOS {version}"),
        (None, None) => "not known".to_owned(),
    };
    let built = id.vyos.as_ref().map(|vyos| vyos.built_on.clone()).unwrap_or_default();
    let clock = match snapshot.clock {
        ClockState::Synchronised => "follows a time server",
        ClockState::Unsynchronised => "follows no time server",
        ClockState::Unknown => "no time service answers",
    };
    let cores = snapshot.load.cpu.as_ref().map_or(0, |cpu| cpu.cores.len());
    let processor = match (id.processor.as_str(), cores) {
        ("", 0) => String::new(),
        ("", n) => format!("{n} cores"),
        (name, 0) => name.to_owned(),
        (name, n) => format!("{name}, {n} cores"),
    };
    let booted = snapshot.load.booted;
    let started = if booted == Timestamp::default() { String::new() } else { booted.local() };
    let dropped = snapshot.load.softnet.map(|softnet| {
        format!("{} packets, of {} that came in", count(softnet.dropped), count(softnet.processed))
    });
    let dropped = dropped.unwrap_or_default();
    let all = [
        ("Version", version),
        ("Built", built),
        ("Kernel", format!("{} {}", id.kernel, id.machine).trim().to_owned()),
        ("Processor", processor),
        ("Clock", clock.to_owned()),
        ("Started", started),
        ("Dropped in queues", dropped),
    ];
    let told = all.into_iter().filter(|(_, is)| !is.is_empty());
    told.map(|(what, is)| (what.to_owned(), is)).collect()
}

async fn gauges(site: &Site, snapshot: &Snapshot, now: Timestamp) -> Result<Vec<Gauge>, Failure> {
    if snapshot.at == Timestamp::default() {
        return Ok(Vec::new());
    }
    let metrics = site.system.metrics();
    let hour = |name: &'static str, label: String| async move {
        metrics.query(name, &label, now.minus(HOUR), now, SPARK_POINTS).await
    };
    let load = &snapshot.load;
    let [one, five, fifteen] = load.average;
    let busy = load.cpu.as_ref().map(|cpu| cpu.busy);
    let memory = load.memory.used_percent();
    let used = load.memory.total.saturating_sub(load.memory.available);
    let mut all = vec![
        Gauge {
            title: "Processor".to_owned(),
            id: "router-cpu".to_owned(),
            value: busy.map_or_else(|| "–".to_owned(), percent),
            note: format!("Load {one:.2}, {five:.2}, {fifteen:.2} over 1, 5 and 15 min"),
            tone: share_tone(busy.unwrap_or_default()),
            percent: None,
            spark: spark(&hour(CPU, "router".to_owned()).await?, "processor in percent, 60 min"),
        },
        Gauge {
            title: "Memory".to_owned(),
            id: "router-memory".to_owned(),
            value: percent(memory),
            note: format!("{} of {} in use", bytes(used), bytes(load.memory.total)),
            tone: share_tone(memory),
            percent: None,
            spark: spark(&hour(MEMORY, "router".to_owned()).await?, "memory in percent, 60 min"),
        },
    ];
    if load.memory.swap_total > 0 {
        let swap = load.memory.swap_used_percent();
        let used = load.memory.swap_total.saturating_sub(load.memory.swap_free);
        all.push(Gauge {
            title: "Swap".to_owned(),
            id: "router-swap".to_owned(),
            value: percent(swap),
            note: format!("{} of {} in use", bytes(used), bytes(load.memory.swap_total)),
            tone: share_tone(swap),
            percent: None,
            spark: spark(&hour(SWAP, "router".to_owned()).await?, "swap in percent, 60 min"),
        });
    }
    let heat = |t: &system::facts::Temperature| t.celsius / t.critical.unwrap_or(HOT).max(1.0);
    let hottest = snapshot.temperatures.iter().max_by(|a, b| heat(a).total_cmp(&heat(b)));
    if let Some(sensor) = hottest {
        let limit = sensor.critical.map(|at| format!(", critical at {at:.0} °C"));
        let past = hour(TEMPERATURE, sensor.name.clone()).await?;
        all.push(Gauge {
            title: "Temperature".to_owned(),
            id: "router-temperature".to_owned(),
            value: format!("{:.0} °C", sensor.celsius),
            note: format!("{}{}", sensor.name, limit.unwrap_or_default()),
            tone: share_tone(heat(sensor) * VERY_HIGH),
            percent: None,
            spark: spark(&past, "degrees, 60 min"),
        });
    }
    for (i, disk) in snapshot.disks.iter().enumerate() {
        let used = disk.used_percent();
        let read_only = if disk.is_read_only { ", read only" } else { "" };
        all.push(Gauge {
            title: format!("Disk {}", disk.path),
            id: format!("router-disk-{i}"),
            value: percent(used),
            note: format!("{} of {} free{read_only}", bytes(disk.available), bytes(disk.total)),
            tone: share_tone(if disk.is_read_only { 0.0 } else { used }),
            percent: Some(used.clamp(0.0, 100.0) as u8),
            spark: spark(&hour(DISK, disk.path.clone()).await?, "used in percent, 60 min"),
        });
    }
    Ok(all)
}

/// The last ten minutes as charts; none before there are two points.
fn minutes(points: &[LivePoint], now: Timestamp) -> Vec<Lines> {
    let (Some(first), true) = (points.first(), points.len() > 1) else { return Vec::new() };
    let length = LIVE_STEP * LIVE_POINTS as u32;
    let time = (now.minus(length).max(first.at), now);
    let gap = LIVE_STEP.as_millis() as i64 * 2;
    let of = |name: &str, value: &dyn Fn(&LivePoint) -> Option<f64>| {
        let values = points.iter().filter_map(|point| Some((point.at, value(point)?)));
        (name.to_owned(), values.collect())
    };
    let cores = points.iter().map(|point| point.cores.len()).max().unwrap_or_default();
    let mut processors: Vec<Series> = vec![of("all", &|point| point.cpu)];
    for core in 0..cores.min(if cores > 1 { MOST_CORES } else { 0 }) {
        processors.push(of(&format!("core {core}"), &|point| point.cores.get(core).copied()));
    }
    let mut memory: Vec<Series> = vec![of("memory", &|point| Some(point.memory))];
    if points.iter().any(|point| point.swap > 0.0) {
        memory.push(of("swap", &|point| Some(point.swap)));
    }
    let through = vec![
        of("in", &|point| Some(point.through.rx_bps)),
        of("out", &|point| Some(point.through.tx_bps)),
    ];
    let load = vec![of("processes", &|point| Some(point.load))];
    vec![
        Lines::new("minutes-cpu", "Processors", "%", time, gap, &processors),
        Lines::new("minutes-memory", "Memory", "%", time, gap, &memory),
        Lines::rates("minutes-through", "Through all cards", time, gap, through),
        Lines::new("minutes-load", "Load over a minute", "", time, gap, &load),
    ]
}

fn spark(points: &[Point], label: &str) -> Option<Sparkline> {
    let values: Vec<f64> = points.iter().map(|point| point.value.avg).collect();
    (values.len() > 1).then(|| Sparkline::new(&values, label))
}

fn percent(value: f64) -> String {
    format!("{:.0} %", value.clamp(0.0, 100.0))
}

fn share_tone(percent: f64) -> Tone {
    match percent {
        VERY_HIGH.. => Tone::Bad,
        HIGH.. => Tone::Warn,
        _ => Tone::Ok,
    }
}

#[cfg(test)]
mod tests {
    use system::Throughput;

    use super::*;

    #[test]
    fn ten_minutes_are_drawn_with_each_core_and_a_table_beside_each_chart() {
        let now = Timestamp(1_795_273_200_000);
        let point = |n: i64| LivePoint {
            at: Timestamp(now.0 - 600_000 + n * 10_000),
            cpu: Some(n as f64),
            cores: vec![n as f64, 0.0],
            memory: 40.0,
            swap: 1.0,
            load: 0.5,
            through: Throughput { rx_bps: 1e6, tx_bps: 2e6 },
            ..LivePoint::default()
        };
        let points: Vec<_> = (0..60).map(point).collect();
        let charts: Vec<String> = minutes(&points, now).iter().map(ToString::to_string).collect();
        assert_eq!(charts.len(), 4);
        for (chart, words) in charts.iter().zip([
            ["core 1", "Processors"],
            ["swap", "Memory"],
            ["out", "Through all cards"],
            ["processes", "Load"],
        ]) {
            assert!(chart.contains("As a table"), "{chart}");
            assert!(words.iter().all(|word| chart.contains(word)), "{words:?} in {chart}");
        }
        assert!(minutes(&points[..1], now).is_empty());
    }
}
