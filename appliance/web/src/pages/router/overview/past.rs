//! How busy the router was, as far back as it was measured, and values of people's own.

use model::Timestamp;
use system::own::{MOST as MOST_OWN, OWN};
use system::{CPU, DISK, LOAD, MEMORY, SWAP, Snapshot, TEMPERATURE};

use super::lines;
use crate::http::Failure;
use crate::site::Site;
use crate::view::{Lines, Series};

/// Points of a line, and the most lines of a chart.
const POINTS: usize = 180;
const MOST_LINES: usize = 6;

/// A line of a chart: the series, its label, and what people read.
type Line = (&'static str, String, String);

/// How busy the router was in this time, as far as it was measured then.
pub(super) async fn all(
    site: &Site,
    snapshot: &Snapshot,
    time: (Timestamp, Timestamp),
) -> Result<Vec<Lines>, Failure> {
    let router = || "router".to_owned();
    let disks = snapshot.disks.iter().map(|disk| (DISK, disk.path.clone(), disk.path.clone()));
    let sensors = snapshot.temperatures.iter();
    let sensors = sensors.map(|one| (TEMPERATURE, one.name.clone(), one.name.clone()));
    let wanted: [(&str, &str, &str, Vec<Line>); 5] = [
        ("past-cpu", "Processors", "%", vec![(CPU, router(), "busy".to_owned())]),
        (
            "past-memory",
            "Memory",
            "%",
            vec![(MEMORY, router(), "memory".to_owned()), (SWAP, router(), "swap".to_owned())],
        ),
        ("past-load", "Load", "", vec![(LOAD, router(), "of one minute".to_owned())]),
        ("past-disk", "Disks in use", "%", disks.take(MOST_LINES).collect()),
        ("past-heat", "Temperatures", "°C", sensors.take(MOST_LINES).collect()),
    ];
    let mut charts = own(site, time).await?;
    for (id, title, unit, of) in wanted {
        let mut series: Vec<Series> = Vec::new();
        for (name, label, shown) in of {
            let metrics = site.system.metrics();
            let points = metrics.query(name, &label, time.0, time.1, POINTS).await?;
            let values: Vec<(Timestamp, f64)> =
                points.iter().map(|point| (point.at, point.value.avg)).collect();
            if !values.is_empty() {
                series.push((shown, values));
            }
        }
        if !series.is_empty() {
            charts.push(Lines::new(id, title, unit, time, lines::gap(time), &series));
        }
    }
    Ok(charts)
}

/// Values of one's own, a chart each.
pub(super) async fn own(site: &Site, time: (Timestamp, Timestamp)) -> Result<Vec<Lines>, Failure> {
    let metrics = site.system.metrics();
    let mut charts = Vec::new();
    for name in metrics.labels(OWN).await?.into_iter().take(MOST_OWN) {
        let points = metrics.query(OWN, &name, time.0, time.1, POINTS).await?;
        let values: Vec<(Timestamp, f64)> =
            points.iter().map(|point| (point.at, point.value.avg)).collect();
        if !values.is_empty() {
            let (id, series) = (format!("own-{name}"), [(name.clone(), values)]);
            charts.push(Lines::new(id, name, "", time, lines::gap(time), &series));
        }
    }
    Ok(charts)
}
