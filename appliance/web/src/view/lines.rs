//! A chart of several series over the same time, with gaps where nothing was measured: SVG of
//! numbers computed here, a legend with the newest values, and a table of the same.

use std::fmt::Write as _;

use askama::Template;
use model::Timestamp;

use super::chart::{nice_ceiling, number, short};

const WIDTH: f64 = 600.0;
const HEIGHT: f64 = 150.0;
/// Rows of the table.
const ROWS: i64 = 12;
const DAY_MS: i64 = 86_400_000;

/// A series: its name, and its values with their times, oldest first.
pub type Series = (String, Vec<(Timestamp, f64)>);

/// Several series over the same time.
#[derive(Debug, Clone, PartialEq, Template)]
#[template(path = "parts/lines.html")]
pub struct Lines {
    /// The element's name, unique on the page.
    pub id: String,
    /// What is shown.
    pub title: String,
    /// What the values count, such as `ms`.
    pub unit: String,
    series: Vec<Drawn>,
    grid: Vec<Tick>,
    times: Vec<Tick>,
    rows: Vec<(String, Vec<String>)>,
}

#[derive(Debug, Clone, PartialEq)]
struct Drawn {
    label: String,
    path: String,
    last: String,
}

#[derive(Debug, Clone, PartialEq)]
struct Tick {
    at: String,
    label: String,
}

impl askama::filters::HtmlSafe for Lines {}

impl Lines {
    /// From `from` to `to`. Points of a series further apart than `gap_ms` are not joined.
    pub fn new(
        id: impl Into<String>,
        title: impl Into<String>,
        unit: impl Into<String>,
        (from, to): (Timestamp, Timestamp),
        gap_ms: i64,
        series: &[Series],
    ) -> Self {
        let finite = series.iter().flat_map(|(_, all)| all).map(|(_, v)| *v);
        let top = nice_ceiling(finite.filter(|v| v.is_finite()).fold(0.0, f64::max));
        let length = to.0.saturating_sub(from.0).max(1);
        let drawn = series.iter().map(|(label, values)| Drawn {
            label: label.clone(),
            path: path(values, from, length, gap_ms, top),
            last: values.last().map_or_else(|| "–".to_owned(), |(_, v)| number(*v)),
        });
        let grid = [1.0, 0.5, 0.0]
            .map(|share| Tick { at: short(HEIGHT * (1.0 - share)), label: number(top * share) });
        let times = (0..=4).map(|i| Tick {
            at: short(WIDTH * i as f64 / 4.0),
            label: clock(Timestamp(from.0.saturating_add(length / 4 * i)), length),
        });
        Self {
            id: id.into(),
            title: title.into(),
            unit: unit.into(),
            series: drawn.collect(),
            grid: grid.into(),
            times: times.collect(),
            rows: rows(series, from, length),
        }
    }

    /// Bits a second, in the unit that suits the largest of them.
    pub fn rates(
        id: impl Into<String>,
        title: impl Into<String>,
        time: (Timestamp, Timestamp),
        gap_ms: i64,
        mut series: Vec<Series>,
    ) -> Self {
        let values = series.iter().flat_map(|(_, all)| all).map(|(_, v)| *v);
        let (unit, size) = match values.fold(0.0, f64::max) {
            top if top >= 2e9 => ("Gbit/s", 1e9),
            top if top >= 2e6 => ("Mbit/s", 1e6),
            _ => ("kbit/s", 1e3),
        };
        for (_, v) in series.iter_mut().flat_map(|(_, all)| all) {
            *v /= size;
        }
        Self::new(id, title, unit, time, gap_ms, &series)
    }

    /// What a screen reader says of the picture.
    fn summary(&self) -> String {
        let now = self.series.iter().map(|s| format!("{} {}", s.label, s.last));
        format!("{} in {}, newest: {}", self.title, self.unit, now.collect::<Vec<_>>().join(", "))
    }
}

fn path(
    values: &[(Timestamp, f64)],
    from: Timestamp,
    length: i64,
    gap_ms: i64,
    top: f64,
) -> String {
    let mut out = String::with_capacity(values.len() * 10);
    let mut before: Option<i64> = None;
    for (at, value) in values.iter().filter(|(_, v)| v.is_finite()) {
        let x = (at.0.saturating_sub(from.0)) as f64 / length as f64 * WIDTH;
        let y = HEIGHT * (1.0 - value.clamp(0.0, top) / top);
        let joined = before.is_some_and(|before| at.0.saturating_sub(before) <= gap_ms);
        // A point by itself is a dot: a line of no length with round ends.
        let sign = if joined { "L" } else { "M" };
        let (x, y) = (short(x.clamp(0.0, WIDTH)), short(y));
        let _ = write!(out, "{sign}{x} {y}{}", if joined { "" } else { "h0" });
        before = Some(at.0);
    }
    out
}

fn rows(series: &[Series], from: Timestamp, length: i64) -> Vec<(String, Vec<String>)> {
    let width = (length / ROWS).max(1);
    let mean = |values: &[(Timestamp, f64)], start: i64| {
        let inside = values.iter().filter(|(at, _)| (start..start + width).contains(&at.0));
        let (sum, n) = inside.fold((0.0, 0u32), |(sum, n), (_, v)| (sum + v, n + 1));
        if n == 0 { "–".to_owned() } else { number(sum / f64::from(n)) }
    };
    (0..ROWS)
        .map(|i| {
            let start = from.0.saturating_add(i * width);
            let cells = series.iter().map(|(_, values)| mean(values, start)).collect();
            (clock(Timestamp(start), length), cells)
        })
        .collect()
}

/// Time of day within a day, else the date too, in the router's zone.
pub(super) fn clock(at: Timestamp, length: i64) -> String {
    let local = at.local();
    let (from, to) = match length {
        ..=DAY_MS => (11, 16),
        n if n <= 8 * DAY_MS => (5, 16),
        _ => (5, 10),
    };
    local.get(from..to).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(values: &[(i64, f64)]) -> Lines {
        let values = values.iter().map(|(at, v)| (Timestamp(*at), *v)).collect();
        let time = (Timestamp(0), Timestamp(1_000));
        Lines::new("c", "Delay", "ms", time, 100, &[("far".to_owned(), values)])
    }

    #[test]
    fn points_that_lie_apart_are_not_joined() {
        let chart = lines(&[(0, 1.0), (100, 2.0), (500, 1.0)]);
        assert_eq!(chart.series[0].path, "M0 75h0L60 0M300 75h0");
        assert_eq!(chart.series[0].last, "1");
    }

    #[test]
    fn nothing_and_nonsense_are_drawn_without_harm() {
        for values in [&[][..], &[(5, f64::NAN), (i64::MAX, f64::INFINITY)], &[(-9, -4.0)]] {
            let chart = lines(values);
            assert!(!chart.series[0].path.contains("NaN") && !chart.series[0].path.contains("inf"));
            chart.to_string();
        }
    }

    #[test]
    fn rates_are_told_in_a_unit_that_suits_them() {
        let of = |bps: f64| {
            let series = vec![("in".to_owned(), vec![(Timestamp(1), bps)])];
            let chart = Lines::rates("c", "t", (Timestamp(0), Timestamp(9)), 1, series);
            (chart.unit, chart.series[0].last.clone())
        };
        assert_eq!(of(12_345_000.0), ("Mbit/s".to_owned(), "12.35".to_owned()));
        assert_eq!(of(1_500.0), ("kbit/s".to_owned(), "1.5".to_owned()));
    }
}
