//! What the pages show of a line to the Internet: its state, its figures, its charts.

use std::time::Duration;

use model::Timestamp;
use system::Wan;
use system::interfaces::{Interface, Scope};
use system::metrics::Point;
use system::quality::{self, LineQuality, Role, TargetQuality};
use vyos::config::Node;

use crate::http::Failure;
use crate::site::Site;
use crate::view::router::{TargetLine, WanView};
use crate::view::{Lines, Moment, Query, Series, Tone, rate};

/// Points of a chart.
const POINTS: usize = 240;
/// Targets of a chart.
const MOST_SERIES: usize = 6;
/// Loss from which a round is worth a look, and from which it is bad, in percent.
const SOME_LOSS: f64 = 1.0;
const MUCH_LOSS: f64 = 20.0;

/// From when to when.
pub(super) type Time = (Timestamp, Timestamp);

/// A line as it is now, without charts.
pub(super) fn wan(wan: &Wan, config: Option<&Node>, now: Timestamp) -> WanView {
    let link = &wan.interface.link;
    let described = config.and_then(|root| {
        let all = vyos::facts::interfaces(root);
        all.into_iter().find(|one| one.name == link.name)?.description
    });
    let (tone, state, since) = state(&wan.interface, wan.quality.as_ref(), now);
    let (rx, tx) = rates(&wan.interface);
    let addresses = link.addresses.iter().filter(|a| a.scope != Scope::Link);
    let gateways = wan.ways_out.iter().filter_map(|way| way.gateway);
    WanView {
        href: Query::new("/router/quality").with("line", &link.name).href(),
        name: link.name.clone(),
        description: described.or_else(|| link.alias.clone()).unwrap_or_default(),
        tone,
        state,
        since,
        addresses: addresses.map(|a| format!("{}/{}", a.ip, a.prefix)).collect(),
        gateways: gateways.map(|ip| ip.to_string()).collect(),
        rx,
        tx,
        targets: wan.quality.iter().flat_map(|line| &line.targets).map(target).collect(),
        charts: Vec::new(),
    }
}

/// Received and sent just now.
pub(super) fn rates(interface: &Interface) -> (String, String) {
    let told = |bps: Option<f64>| bps.map_or_else(|| "–".to_owned(), rate);
    let rates = interface.rates.as_ref();
    (told(rates.map(|r| r.rx_bps)), told(rates.map(|r| r.tx_bps)))
}

fn state(
    interface: &Interface,
    quality: Option<&LineQuality>,
    now: Timestamp,
) -> (Tone, String, Option<Moment>) {
    let link = &interface.link;
    if !link.is_up || !link.has_carrier {
        return (Tone::Bad, link.oper.as_str().to_owned(), None);
    }
    let Some(measured) = quality else {
        return (Tone::Quiet, "not measured".to_owned(), None);
    };
    let since = measured.since.map(|at| Moment::ago(at, now));
    match &measured.degraded {
        Some(why) => (Tone::Bad, format!("degraded: {why}"), since),
        None if measured.measured_at.is_none() => (Tone::Quiet, "not measured".to_owned(), None),
        None => (Tone::Ok, "fine".to_owned(), since),
    }
}

fn target(target: &TargetQuality) -> TargetLine {
    let ms = |value: Option<f64>| match value {
        None => "–".to_owned(),
        Some(ms) if ms < 1.0 => format!("{ms:.2} ms"),
        Some(ms) => format!("{ms:.1} ms"),
    };
    let last = target.last.as_ref();
    let loss = last.map(system::quality::Measured::loss_percent);
    TargetLine {
        name: match target.role {
            Role::Gateway => "Gateway".to_owned(),
            Role::Far => target.ip.to_string(),
        },
        ip: target.ip.to_string(),
        delay: ms(last.and_then(|m| m.rtt_ms)),
        jitter: ms(last.and_then(|m| m.jitter_ms)),
        loss: loss.map_or_else(|| "–".to_owned(), |percent| format!("{percent:.0} %")),
        tone: match loss {
            None => Tone::Quiet,
            Some(MUCH_LOSS..) => Tone::Bad,
            Some(SOME_LOSS..) => Tone::Warn,
            Some(_) => Tone::Ok,
        },
        failure: target.failure.clone().unwrap_or_default(),
    }
}

/// What went through a line; none where nothing was measured.
pub(super) async fn traffic(site: &Site, line: &str, time: Time) -> Result<Option<Lines>, Failure> {
    let points = site.system.history(line, time.0, time.1, POINTS).await?;
    if points.is_empty() {
        return Ok(None);
    }
    let series = vec![
        ("in".to_owned(), points.iter().map(|p| (p.at, p.rx.avg)).collect()),
        ("out".to_owned(), points.iter().map(|p| (p.at, p.tx.avg)).collect()),
    ];
    let id = format!("traffic-{line}");
    Ok(Some(Lines::rates(id, "Traffic", time, gap(time), series)))
}

/// The delay to each target; none where nothing was measured.
pub(super) async fn delay(site: &Site, line: &str, time: Time) -> Result<Option<Lines>, Failure> {
    let series = by_target(site, quality::RTT, line, time).await?;
    Ok(chart("delay", "Delay", "ms", line, time, &series))
}

/// Its variation.
pub(super) async fn jitter(site: &Site, line: &str, time: Time) -> Result<Option<Lines>, Failure> {
    let series = by_target(site, quality::JITTER, line, time).await?;
    Ok(chart("jitter", "Jitter", "ms", line, time, &series))
}

/// The loss.
pub(super) async fn loss(site: &Site, line: &str, time: Time) -> Result<Option<Lines>, Failure> {
    let series = by_target(site, quality::LOSS, line, time).await?;
    Ok(chart("loss", "Loss", "%", line, time, &series))
}

fn chart(
    id: &str,
    title: &str,
    unit: &str,
    line: &str,
    time: Time,
    series: &[Series],
) -> Option<Lines> {
    let id = format!("{id}-{line}");
    (!series.is_empty()).then(|| Lines::new(id, title, unit, time, gap(time), series))
}

/// The series of a line's targets, gateways first. Only what was measured in this time.
async fn by_target(
    site: &Site,
    name: &'static str,
    line: &str,
    (from, to): Time,
) -> Result<Vec<Series>, Failure> {
    let metrics = site.system.metrics();
    let labels = metrics.labels(name).await?;
    let mut targets: Vec<&str> =
        labels.iter().filter_map(|label| label.strip_prefix(line)?.strip_prefix(' ')).collect();
    model::sort_by_key(&mut targets, |target| (!target.starts_with("gateway"), *target));
    let mut all = Vec::new();
    for target in targets {
        let points: Vec<Point> =
            metrics.query(name, &quality::label(line, target), from, to, POINTS).await?;
        if !points.is_empty() && all.len() < MOST_SERIES {
            let values = points.iter().map(|p| (p.at, p.value.avg)).collect();
            all.push((target.to_owned(), values));
        }
    }
    Ok(all)
}

/// Points are joined unless two are missing between them.
pub(super) fn gap((from, to): Time) -> i64 {
    let step = to.since(from).as_millis() as i64 / POINTS as i64;
    let minute = Duration::from_secs(60).as_millis() as i64;
    let hour = 60 * minute;
    // Beyond some hours a point the metrics have minutes; beyond some days a point, hours.
    let least = if step >= hour { hour } else { minute };
    3 * step.max(least)
}
