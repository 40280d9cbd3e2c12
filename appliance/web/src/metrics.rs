//! Numbers for Prometheus: rooms hand in families, out comes text format 0.0.4.
//!
//! A room counts with its own atomics and implements [`Metrics`]; there is no registry.

use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::Value;

/// The content type of the text format.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What kind of number a family holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Goes up and down.
    Gauge,
    /// Only goes up, until a restart.
    Counter,
    /// How observations are spread.
    Histogram,
}

/// Upper bounds in seconds of the buckets in which times are counted.
const BOUNDS: [f64; 11] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0];

/// How long something took, counted in buckets. Lock-free.
#[derive(Debug, Default)]
pub struct Histogram {
    buckets: [AtomicU64; BOUNDS.len()],
    count: AtomicU64,
    micros: AtomicU64,
}

impl Histogram {
    /// Counts one observation.
    pub fn observe(&self, took: Duration) {
        let seconds = took.as_secs_f64();
        if let Some(at) = BOUNDS.iter().position(|b| seconds <= *b) {
            self.buckets[at].fetch_add(1, Ordering::Relaxed);
        }
        self.count.fetch_add(1, Ordering::Relaxed);
        self.micros.fetch_add(took.as_micros() as u64, Ordering::Relaxed);
    }
}

/// One metric with all its series.
#[derive(Debug, Clone, PartialEq)]
pub struct Family {
    name: &'static str,
    kind: Kind,
    help: &'static str,
    /// Suffix and labels as written, and value; a series is written once, the last value wins.
    series: BTreeMap<(usize, String), f64>,
    suffixes: Vec<&'static str>,
}

impl Family {
    /// A family without series yet; one that stays empty is still announced.
    pub fn new(name: &'static str, kind: Kind, help: &'static str) -> Self {
        Self { name, kind, help, series: BTreeMap::new(), suffixes: vec![""] }
    }

    /// Adds a series. One with the same labels is replaced, since a scrape with the same series
    /// twice is refused whole.
    #[must_use]
    pub fn sample(mut self, labels: &[(&str, &str)], value: f64) -> Self {
        self.series.insert((0, written(labels)), value);
        self
    }

    /// Adds a histogram's series.
    #[must_use]
    pub fn histogram(mut self, labels: &[(&str, &str)], histogram: &Histogram) -> Self {
        self.suffixes = vec!["_bucket", "_sum", "_count"];
        // Read before the buckets: a scrape must not see more in a bucket than altogether.
        let mut below = 0;
        let counts = histogram.buckets.each_ref().map(|b| b.load(Ordering::Relaxed));
        let count = histogram.count.load(Ordering::Relaxed).max(counts.iter().sum());
        let mut bucket = |bound: String, value: u64| {
            let mut all = labels.to_vec();
            all.push(("le", &bound));
            self.series.insert((0, written(&all)), value as f64);
        };
        for (bound, n) in BOUNDS.iter().zip(counts) {
            below += n;
            bucket(bound.to_string(), below);
        }
        bucket("+Inf".to_owned(), count);
        let seconds = Duration::from_micros(histogram.micros.load(Ordering::Relaxed));
        self.series.insert((1, written(labels)), seconds.as_secs_f64());
        self.series.insert((2, written(labels)), count as f64);
        self
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            // Some gauges have names that are given and end as counters do. Strict parsers refuse
            // that of a gauge and take it of what has no type.
            Kind::Gauge if self.name.ends_with("_total") => "untyped",
            Kind::Gauge => "gauge",
            Kind::Counter => "counter",
            Kind::Histogram => "histogram",
        };
        let help = self.help.replace('\\', "\\\\").replace('\n', "\\n");
        writeln!(f, "# HELP {} {help}\n# TYPE {} {kind}", self.name, self.name)?;
        for ((suffix, labels), value) in &self.series {
            let suffix = self.suffixes.get(*suffix).copied().unwrap_or_default();
            writeln!(f, "{}{suffix}{labels} {value}", self.name)?;
        }
        Ok(())
    }
}

fn written(labels: &[(&str, &str)]) -> String {
    if labels.is_empty() {
        return String::new();
    }
    let mut out = String::from("{");
    for (at, (name, value)) in labels.iter().enumerate() {
        let comma = if at > 0 { "," } else { "" };
        let _ = write!(out, "{comma}{name}=\"");
        for c in value.chars() {
            match c {
                '\\' => out.push_str("\\\\"),
                '"' => out.push_str("\\\""),
                '\n' => out.push_str("\\n"),
                c => out.push(c),
            }
        }
        out.push('"');
    }
    out.push('}');
    out
}

/// Families that take a moment to gather.
pub type Families<'a> = Pin<Box<dyn Future<Output = Vec<Family>> + Send + 'a>>;

/// A room's numbers.
pub trait Metrics: Send + Sync {
    /// The numbers of this moment. Must not block the thread; what fails is left out.
    fn collect(&self) -> Families<'_>;
}

/// All families by name. One that two rooms announce is there once, with the series of both.
async fn gathered(rooms: &[Arc<dyn Metrics>]) -> BTreeMap<&'static str, Family> {
    let mut families: BTreeMap<&'static str, Family> = BTreeMap::new();
    for room in rooms {
        for family in room.collect().await {
            match families.get_mut(family.name) {
                Some(known) => known.series.extend(family.series),
                None => {
                    families.insert(family.name, family);
                }
            }
        }
    }
    families
}

/// The whole text.
pub async fn text(rooms: &[Arc<dyn Metrics>]) -> String {
    gathered(rooms).await.values().map(Family::to_string).collect()
}

/// One family for people: its name, what it is, and some of its series with their values.
pub(crate) struct Shown {
    /// Its name.
    pub(crate) name: &'static str,
    /// What it counts.
    pub(crate) help: &'static str,
    /// Labels and value of each series.
    pub(crate) series: Vec<(String, f64)>,
    /// Series that are left out.
    pub(crate) more: usize,
}

/// All families for people, with at most `most` series each. How times are spread is left out.
pub(crate) async fn shown(rooms: &[Arc<dyn Metrics>], most: usize) -> Vec<Shown> {
    let families = gathered(rooms).await;
    let shown = families.values().map(|family| {
        let is_spread = family.suffixes.len() > 1;
        let all: Vec<(String, f64)> = family
            .series
            .iter()
            .filter(|((suffix, _), _)| !is_spread || *suffix > 0)
            .map(|((suffix, labels), value)| {
                let suffix = family.suffixes.get(*suffix).copied().unwrap_or_default();
                (format!("{} {labels}", suffix.trim_start_matches('_')).trim().to_owned(), *value)
            })
            .collect();
        let more = all.len().saturating_sub(most);
        let series = all.into_iter().take(most).collect();
        Shown { name: family.name, help: family.help, series, more }
    });
    shown.filter(|family| !family.series.is_empty()).collect()
}

/// The same as an object: each series by its name, labels included.
pub(crate) async fn object(rooms: &[Arc<dyn Metrics>]) -> serde_json::Map<String, Value> {
    let mut all = serde_json::Map::new();
    for family in gathered(rooms).await.values() {
        for ((suffix, labels), value) in &family.series {
            let suffix = family.suffixes.get(*suffix).copied().unwrap_or_default();
            all.insert(format!("{}{suffix}{labels}", family.name), (*value).into());
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    use super::*;

    struct Room;

    impl Metrics for Room {
        fn collect(&self) -> Families<'_> {
            let times = Histogram::default();
            for ms in [0, 1, 3, 40, 100_000] {
                times.observe(Duration::from_millis(ms));
            }
            let families = vec![
                Family::new("panoptikon_devices_total", Kind::Gauge, "Devices known.")
                    .sample(&[], 3.0),
                Family::new("panoptikon_frames_total", Kind::Counter, "Frames; a \\ and a\nline.")
                    .sample(&[("interface", "eth\"0\\\n"), ("kind", "arp")], 1e15),
                Family::new("panoptikon_wait_seconds", Kind::Histogram, "Waiting.")
                    .histogram(&[("queue", "a")], &times)
                    .histogram(&[("queue", "b")], &Histogram::default()),
            ];
            Box::pin(async move { families })
        }
    }

    #[tokio::test]
    async fn promtool_accepts_the_text() {
        let text = text(&[Arc::new(Room), Arc::new(Room)]).await;
        let tool = Command::new("promtool")
            .args(["check", "metrics"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut tool = tool.expect("promtool comes with Debian's package prometheus");
        tool.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let output = tool.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.is_empty(), "{said}\n{text}");
    }

    #[tokio::test]
    async fn as_an_object_each_series_has_its_name_with_labels() {
        let all = object(&[Arc::new(Room)]).await;
        assert_eq!(all["panoptikon_devices_total"], 3.0);
        assert_eq!(all["panoptikon_wait_seconds_count{queue=\"a\"}"], 5.0);
    }

    #[test]
    fn a_series_is_written_once_and_labels_are_escaped() {
        let family = Family::new("x", Kind::Gauge, "X.")
            .sample(&[("a", "1\"\\\n")], 1.0)
            .sample(&[("a", "1\"\\\n")], 2.0);
        assert_eq!(family.to_string(), "# HELP x X.\n# TYPE x gauge\nx{a=\"1\\\"\\\\\\n\"} 2\n");
    }

    #[test]
    fn buckets_hold_all_below_their_bound() {
        let times = Histogram::default();
        for ms in [1, 3, 3, 60_000] {
            times.observe(Duration::from_millis(ms));
        }
        let text = Family::new("t", Kind::Histogram, "T.").histogram(&[], &times).to_string();
        for line in [
            "t_bucket{le=\"0.001\"} 1",
            "t_bucket{le=\"0.005\"} 3",
            "t_bucket{le=\"30\"} 3",
            "t_bucket{le=\"+Inf\"} 4",
            "t_count 4",
            "t_sum 60.007",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
    }
}
