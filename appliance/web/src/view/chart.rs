//! Charts as SVG with classes and presentation attributes only: paths are numbers computed here,
//! so they need no escaping and no script.

use std::fmt::Write as _;

use askama::Template;
use model::Timestamp;

use super::{Tone, percent};

/// A line without axes, to sit in a table row or on a card.
#[derive(Debug, Clone, PartialEq, Template)]
#[template(path = "parts/sparkline.html")]
pub struct Sparkline {
    line: String,
    area: String,
    /// What a screen reader says.
    pub label: String,
}

impl askama::filters::HtmlSafe for Sparkline {}

impl Sparkline {
    const WIDTH: f64 = 100.0;
    const HEIGHT: f64 = 28.0;

    /// From values at equal distances, oldest first.
    pub fn new(values: &[f64], label: impl Into<String>) -> Self {
        Self::scaled(values, 1.0, label)
    }

    /// The same, with a top of at least this.
    pub fn scaled(values: &[f64], least_top: f64, label: impl Into<String>) -> Self {
        let top = values.iter().copied().fold(least_top, f64::max);
        let points = points(values, top, Self::WIDTH, Self::HEIGHT - 2.0, 1.0);
        Self { line: line(&points), area: area(&points, Self::HEIGHT), label: label.into() }
    }
}

/// One part of a [`PortionRing`].
#[derive(Debug, Clone, PartialEq)]
pub struct RingPart {
    /// What it is, such as `WAN up`.
    pub label: String,
    /// Its share of the whole ring, any positive scale.
    pub weight: f64,
    /// How much of it is reached, 0 to 1.
    pub reached: f64,
    /// What it was measured from, such as `34 of 36 devices`.
    pub detail: String,
    /// Its colour.
    pub tone: Tone,
    /// Where to look closer; empty for nowhere.
    pub href: String,
}

impl RingPart {
    /// What was reached, as text.
    pub fn percent(&self) -> String {
        percent(self.reached)
    }
}

/// A ring whose arcs are as long as each part weighs and filled as far as each is reached, so that
/// the formula can be seen.
#[derive(Debug, Clone, PartialEq, Template)]
#[template(path = "parts/ring.html")]
pub struct PortionRing {
    /// The weighted mean, 0 to 1.
    pub score: f64,
    arcs: Vec<Arc>,
}

#[derive(Debug, Clone, PartialEq)]
struct Arc {
    track: String,
    fill: String,
    tone: Tone,
    title: String,
}

impl askama::filters::HtmlSafe for PortionRing {}

impl PortionRing {
    const RADIUS: f64 = 52.0;
    /// The gap between two arcs, in radians.
    const GAP: f64 = 0.1;

    /// From the parts of the formula. Parts without weight are left out.
    pub fn new(parts: &[RingPart]) -> Self {
        let parts: Vec<_> = parts.iter().filter(|p| p.weight > 0.0).collect();
        let total: f64 = parts.iter().map(|p| p.weight).sum();
        if total <= 0.0 {
            return Self { score: 0.0, arcs: Vec::new() };
        }
        let mut at = 0.0;
        let mut score = 0.0;
        let gap = if parts.len() > 1 { Self::GAP } else { 0.0 };
        let arcs = parts
            .iter()
            .map(|part| {
                let reached = part.reached.clamp(0.0, 1.0);
                let sweep = part.weight / total * std::f64::consts::TAU;
                score += part.weight / total * reached;
                let (from, to) = (at + gap / 2.0, at + sweep - gap / 2.0);
                at += sweep;
                Arc {
                    track: arc(Self::RADIUS, from, to),
                    fill: if reached > 0.0 {
                        arc(Self::RADIUS, from, from + (to - from) * reached)
                    } else {
                        String::new()
                    },
                    tone: part.tone,
                    title: format!("{}: {}", part.label, part.percent()),
                }
            })
            .collect();
        Self { score, arcs }
    }

    /// The score as a whole number of percent, rounded down so that 100 means all.
    pub fn whole(&self) -> u8 {
        (self.score * 100.0 + 1e-9).floor().clamp(0.0, 100.0) as u8
    }

    /// Above 80 good, above 60 worth a look.
    pub fn tone(&self) -> Tone {
        match self.whole() {
            81.. => Tone::Ok,
            61..=80 => Tone::Warn,
            _ => Tone::Bad,
        }
    }
}

/// When something was there: a bar of equal spans of time, filled where it was.
#[derive(Debug, Clone, PartialEq, Template)]
#[template(path = "parts/strip.html")]
pub struct Strip {
    cells: usize,
    there: String,
    unknown: String,
    /// What a screen reader says, such as `online 96 % of 24 h`; empty to hide it from them.
    pub label: String,
}

impl askama::filters::HtmlSafe for Strip {}

impl Strip {
    /// From spans of equal length, oldest first: present, absent, or `None` for not watched.
    pub fn new(spans: &[Option<bool>], label: impl Into<String>) -> Self {
        Self {
            cells: spans.len().max(1),
            there: runs(spans, |s| s == Some(true)),
            unknown: runs(spans, |s| s.is_none()),
            label: label.into(),
        }
    }
}

/// Lines along the middle of the bar: the style sheet makes them as wide as the bar is high, which
/// takes half the bytes of rectangles.
fn runs(spans: &[Option<bool>], wanted: impl Fn(Option<bool>) -> bool) -> String {
    let mut out = String::new();
    let mut end = None;
    let mut i = 0;
    while i < spans.len() {
        let from = i;
        while i < spans.len() && wanted(spans[i]) {
            i += 1;
        }
        if i > from {
            let _ = match end {
                None => write!(out, "M{from} 4h{}", i - from),
                Some(end) => write!(out, "m{} 0h{}", from - end, i - from),
            };
            end = Some(i);
        }
        i += 1;
    }
    out
}

/// One value over time, with axes, a read-out and a table of the same numbers.
#[derive(Debug, Clone, PartialEq, Template)]
#[template(path = "parts/chart.html")]
pub struct Chart {
    /// The element's name for live patches; unique on the page.
    pub id: &'static str,
    /// What is shown, as the caption.
    pub title: String,
    /// What the values count, such as `online`.
    pub unit: String,
    from: Timestamp,
    step_ms: i64,
    values: Vec<f64>,
    line: String,
    area: String,
    grid: Vec<Tick>,
    times: Vec<Tick>,
}

#[derive(Debug, Clone, PartialEq)]
struct Tick {
    at: String,
    label: String,
}

impl askama::filters::HtmlSafe for Chart {}

impl Chart {
    const WIDTH: f64 = 600.0;
    const HEIGHT: f64 = 150.0;

    /// From values at equal distances, oldest first; the first one belongs to `from`.
    pub fn new(
        id: &'static str,
        title: impl Into<String>,
        unit: impl Into<String>,
        from: Timestamp,
        step_ms: i64,
        values: Vec<f64>,
    ) -> Self {
        let top = nice_ceiling(values.iter().copied().fold(0.0, f64::max));
        let points = points(&values, top, Self::WIDTH, Self::HEIGHT, 0.0);
        let grid = [1.0, 0.5, 0.0]
            .map(|share| Tick {
                at: short(Self::HEIGHT * (1.0 - share)),
                label: number(top * share),
            })
            .into();
        let length = step_ms.saturating_mul(values.len().saturating_sub(1) as i64);
        let times = (0..=4)
            .map(|i| Tick {
                at: short(Self::WIDTH * f64::from(i) / 4.0),
                label: clock(Timestamp(from.0.saturating_add(length / 4 * i64::from(i)))),
            })
            .collect();
        Self {
            id,
            title: title.into(),
            unit: unit.into(),
            from,
            step_ms,
            line: line(&points),
            area: area(&points, Self::HEIGHT),
            values,
            grid,
            times,
        }
    }

    /// The first value's time by the router's wall clock, in milliseconds as if that were UTC: the
    /// script's read-out then agrees with the axis in any browser's zone.
    fn wall_clock(&self) -> i64 {
        let text = format!("{}Z", self.from.local().replace(' ', "T"));
        Timestamp::parse_rfc3339(&text).unwrap_or(self.from).0
    }

    /// All values as the script reads them.
    fn series(&self) -> String {
        self.values.iter().map(|v| number(*v)).collect::<Vec<_>>().join(" ")
    }

    /// At most 13 rows for the table twin: time of day and value.
    fn rows(&self) -> Vec<(String, String)> {
        let every = self.values.len().div_ceil(13).max(1);
        self.values
            .iter()
            .enumerate()
            .step_by(every)
            .map(|(i, v)| {
                let at = self.from.0.saturating_add(self.step_ms.saturating_mul(i as i64));
                (clock(Timestamp(at)), number(*v))
            })
            .collect()
    }

    /// What a screen reader says of the picture.
    fn summary(&self) -> String {
        let last = self.values.last().copied().unwrap_or(0.0);
        let low = self.values.iter().copied().fold(f64::INFINITY, f64::min);
        let high = self.values.iter().copied().fold(0.0, f64::max);
        if self.values.is_empty() {
            return format!("{}: nothing recorded yet", self.title);
        }
        format!(
            "{}: now {}, lowest {}, highest {} {}",
            self.title,
            number(last),
            number(low),
            number(high),
            self.unit
        )
    }
}

/// Hours and minutes in the router's zone.
fn clock(at: Timestamp) -> String {
    at.local().get(11..16).unwrap_or_default().to_owned()
}

/// The next of 1, 2, 4, 5, 10 … times a power of ten that all values stay below.
pub(super) fn nice_ceiling(highest: f64) -> f64 {
    if !highest.is_finite() || highest <= 2.0 {
        return 2.0;
    }
    let power = 10_f64.powf(highest.log10().floor());
    [1.0, 2.0, 4.0, 6.0, 8.0, 10.0]
        .into_iter()
        .map(|step| step * power)
        .find(|ceiling| *ceiling >= highest)
        .unwrap_or(power * 10.0)
}

fn points(values: &[f64], top: f64, width: f64, height: f64, pad: f64) -> Vec<(f64, f64)> {
    let last = values.len().saturating_sub(1).max(1) as f64;
    let top = if top > 0.0 { top } else { 1.0 };
    values
        .iter()
        .enumerate()
        .map(|(i, v)| {
            let v = if v.is_finite() { v.clamp(0.0, top) } else { 0.0 };
            (i as f64 / last * width, pad + height * (1.0 - v / top))
        })
        .collect()
}

fn line(points: &[(f64, f64)]) -> String {
    let mut out = String::with_capacity(points.len() * 9);
    for (i, (x, y)) in points.iter().enumerate() {
        let _ = write!(out, "{}{} {}", if i == 0 { 'M' } else { 'L' }, short(*x), short(*y));
    }
    out
}

fn area(points: &[(f64, f64)], floor: f64) -> String {
    match (points.first(), points.last()) {
        (Some(first), Some(last)) => format!(
            "{}L{} {}L{} {}z",
            line(points),
            short(last.0),
            short(floor),
            short(first.0),
            short(floor)
        ),
        _ => String::new(),
    }
}

/// An arc clockwise from the top, around the origin.
fn arc(radius: f64, from: f64, to: f64) -> String {
    // A full circle's end is its start, which draws nothing: stop just short.
    let to = to.min(from + std::f64::consts::TAU - 0.001);
    let point = |angle: f64| (short(radius * angle.sin()), short(-radius * angle.cos()));
    let (x1, y1) = point(from);
    let (x2, y2) = point(to);
    let large = u8::from(to - from > std::f64::consts::PI);
    format!("M{x1} {y1}A{radius} {radius} 0 {large} 1 {x2} {y2}")
}

/// A coordinate with at most one decimal.
pub(super) fn short(value: f64) -> String {
    let tenths = (value * 10.0).round() as i64;
    let sign = if tenths < 0 { "-" } else { "" };
    match (tenths.unsigned_abs() / 10, tenths.unsigned_abs() % 10) {
        (whole, 0) => format!("{sign}{whole}"),
        (whole, tenth) => format!("{sign}{whole}.{tenth}"),
    }
}

/// A value with at most two decimals and no trailing zeros.
pub(super) fn number(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(weight: f64, reached: f64) -> RingPart {
        RingPart {
            label: "part".into(),
            weight,
            reached,
            detail: String::new(),
            tone: Tone::Ok,
            href: String::new(),
        }
    }

    #[test]
    fn the_score_is_the_weighted_mean_and_all_means_all() {
        assert_eq!(PortionRing::new(&[part(3.0, 1.0), part(1.0, 0.0)]).whole(), 75);
        assert_eq!(PortionRing::new(&[part(0.7, 1.0), part(0.3, 1.0)]).whole(), 100);
        assert_eq!(PortionRing::new(&[part(1.0, 0.999)]).whole(), 99);
        assert_eq!(PortionRing::new(&[]).whole(), 0);
        assert_eq!(PortionRing::new(&[part(1.0, f64::NAN)]).whole(), 0);
    }

    #[test]
    fn a_strip_joins_neighbouring_spans() {
        let strip = Strip::new(&[None, Some(true), Some(true), Some(false), Some(true)], "");
        assert_eq!(strip.there, "M1 4h2m1 0h1");
        assert_eq!(strip.unknown, "M0 4h1");
        assert_eq!(Strip::new(&[], "").there, "");
    }

    #[test]
    fn charts_survive_nothing_one_point_and_nonsense() {
        for values in [vec![], vec![3.0], vec![f64::NAN, f64::INFINITY, -4.0], vec![0.0; 60]] {
            let chart = Chart::new("c", "t", "u", Timestamp(0), 60_000, values.clone());
            let html = chart.to_string();
            assert!(!html.contains("NaN") || values.iter().any(|v| v.is_nan()), "{html}");
            assert!(!chart.line.contains("NaN") && !chart.line.contains("inf"));
            let _ = Sparkline::new(&values, "").to_string();
        }
    }

    #[test]
    fn the_axis_ends_at_a_round_number_above_all_values() {
        let tops = [0.0, 3.0, 37.0, 41.0, 100.0, 101.0].map(nice_ceiling);
        let texts = tops.map(|top| format!("{top:.1}"));
        assert_eq!(texts, ["2.0", "4.0", "40.0", "60.0", "100.0", "200.0"]);
    }

    #[test]
    fn coordinates_are_short() {
        assert_eq!([0.04, -0.04, 1.25, -3.0].map(short), ["0", "0", "1.3", "-3"]);
    }
}
