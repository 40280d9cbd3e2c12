//! A chart of areas upon each other, such as traffic by device: SVG of numbers computed here, a
//! legend, a read-out that the script adds, and a table of the same.

use std::fmt::Write as _;

use askama::Template;
use model::Timestamp;

use super::chart::{nice_ceiling, number, short};
use super::lines::clock;

const WIDTH: f64 = 600.0;
const HEIGHT: f64 = 150.0;
/// Rows of the table.
const ROWS: usize = 12;

/// A layer: its name, where that leads (empty: nowhere), and octets by step, oldest first.
pub type Layer = (String, String, Vec<u64>);

/// Areas over time.
#[derive(Debug, Clone, PartialEq, Template)]
#[template(path = "parts/stack.html")]
pub struct Stack {
    /// The element's name, unique on the page.
    pub id: &'static str,
    /// What is shown.
    pub title: String,
    /// What the values count, such as `Mbit/s`.
    pub unit: &'static str,
    /// Where a chosen stretch of time is looked at, as an address that takes `from` and `to`; empty
    /// for nowhere.
    pub brush: String,
    from: Timestamp,
    step_ms: i64,
    layers: Vec<Drawn>,
    grid: Vec<(String, String)>,
    times: Vec<(String, String)>,
    rows: Vec<(String, Vec<String>)>,
}

#[derive(Debug, Clone, PartialEq)]
struct Drawn {
    label: String,
    href: String,
    path: String,
    values: String,
    highest: String,
}

impl askama::filters::HtmlSafe for Stack {}

impl Stack {
    /// From octets by step, as bits a second in the unit that suits them. The first step begins at
    /// `from`; one that is not over at `now` counts for as long as it has lasted.
    pub fn rates(
        id: &'static str,
        title: &str,
        brush: String,
        (from, step_ms): (Timestamp, i64),
        now: Timestamp,
        layers: Vec<Layer>,
    ) -> Self {
        let step_ms = step_ms.max(1);
        let steps = layers.iter().map(|(_, _, octets)| octets.len()).max().unwrap_or(0);
        let lasted = |i: usize| {
            let begins = from.0.saturating_add(step_ms.saturating_mul(i as i64));
            let lasted = now.0.saturating_sub(begins).clamp(step_ms / 4, step_ms).max(1);
            lasted as f64 / 1_000.0
        };
        let rates: Vec<Vec<f64>> = layers
            .iter()
            .map(|(_, _, octets)| {
                let of = |i: usize| octets.get(i).copied().unwrap_or(0) as f64 * 8.0 / lasted(i);
                (0..steps).map(of).collect()
            })
            .collect();
        let sum = |i: usize| rates.iter().map(|layer| layer[i]).sum::<f64>();
        let highest = (0..steps).map(sum).fold(0.0, f64::max);
        let (unit, size) = match highest {
            top if top >= 2e9 => ("Gbit/s", 1e9),
            top if top >= 2e6 => ("Mbit/s", 1e6),
            _ => ("kbit/s", 1e3),
        };
        let top = nice_ceiling(highest / size);
        let mut floor = vec![0.0; steps];
        let drawn = layers.into_iter().zip(&rates).map(|((label, href, _), rates)| {
            let values: Vec<f64> = rates.iter().map(|rate| rate / size).collect();
            let roof: Vec<f64> = floor.iter().zip(&values).map(|(low, v)| low + v).collect();
            let path = band(&floor, &roof, top);
            floor = roof;
            let highest = number(values.iter().copied().fold(0.0, f64::max));
            let values: Vec<String> = values.into_iter().map(number).collect();
            Drawn { label, href, path, values: values.join(" "), highest }
        });
        let layers: Vec<Drawn> = drawn.collect();
        // Steps that are rounded to whole ones reach a little further than what was asked for.
        let length = step_ms.saturating_mul(steps as i64);
        let told = length.saturating_sub(step_ms);
        let grid = [1.0, 0.5, 0.0]
            .map(|share| (short(HEIGHT * (1.0 - share)), number(top * share)))
            .into();
        let times = (0..=4).map(|i| {
            let at = Timestamp(from.0.saturating_add(length / 4 * i));
            (short(WIDTH * i as f64 / 4.0), clock(at, told))
        });
        let every = steps.div_ceil(ROWS).max(1);
        let rows = (0..steps).step_by(every).map(|i| {
            let at = Timestamp(from.0.saturating_add(step_ms.saturating_mul(i as i64)));
            let mean = |rates: &Vec<f64>| {
                let part = &rates[i..steps.min(i + every)];
                number(part.iter().sum::<f64>() / part.len() as f64 / size)
            };
            (clock(at, told), rates.iter().map(mean).collect())
        });
        Self {
            id,
            title: title.to_owned(),
            unit,
            brush,
            from,
            step_ms,
            layers,
            grid,
            times: times.collect(),
            rows: rows.collect(),
        }
    }

    /// The first step by the router's wall clock, in milliseconds as if that were UTC.
    fn wall_clock(&self) -> i64 {
        let text = format!("{}Z", self.from.local().replace(' ', "T"));
        Timestamp::parse_rfc3339(&text).unwrap_or(self.from).0
    }

    /// What a screen reader says of the picture.
    fn summary(&self) -> String {
        let of = self.layers.iter().map(|layer| format!("{} {}", layer.label, layer.highest));
        let of: Vec<String> = of.collect();
        format!("{} in {}, highest: {}", self.title, self.unit, of.join(", "))
    }
}

/// The area between two lines of values at equal distances, as steps.
fn band(floor: &[f64], roof: &[f64], top: f64) -> String {
    if roof.iter().zip(floor).all(|(high, low)| high <= low) {
        return String::new();
    }
    let last = floor.len().saturating_sub(1).max(1) as f64;
    let x = |i: usize| short(i as f64 / last * WIDTH);
    let y = |value: f64| short(HEIGHT * (1.0 - (value / top).clamp(0.0, 1.0)));
    let mut out = String::with_capacity(roof.len() * 18);
    for (i, value) in roof.iter().enumerate() {
        let _ = write!(out, "{}{} {}", if i == 0 { 'M' } else { 'L' }, x(i), y(*value));
    }
    for (i, value) in floor.iter().enumerate().rev() {
        let _ = write!(out, "L{} {}", x(i), y(*value));
    }
    out.push('z');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stack(layers: &[&[u64]]) -> Stack {
        let layer = |octets: &&[u64]| ("x".to_owned(), String::new(), octets.to_vec());
        let layers = layers.iter().map(layer).collect();
        let now = Timestamp(1_000_000);
        Stack::rates("c", "t", String::new(), (Timestamp(0), 1_000), now, layers)
    }

    #[test]
    fn layers_lie_upon_each_other_in_one_unit() {
        let chart = stack(&[&[125, 250], &[125, 0]]);
        assert_eq!(chart.unit, "kbit/s");
        assert_eq!(chart.layers[0].values, "1 2");
        assert_eq!(chart.layers[0].path, "M0 75L600 0L600 150L0 150z");
        assert_eq!(chart.layers[1].path, "M0 0L600 0L600 0L0 75z");
        assert_eq!(chart.rows.len(), 2);
    }

    #[test]
    fn nothing_uneven_and_the_largest_numbers_are_drawn_without_harm() {
        for layers in [&[][..], &[&[][..]], &[&[1, 2, 3][..], &[u64::MAX][..]], &[&[0, 0][..]]] {
            let chart = stack(layers);
            assert!(chart.layers.iter().all(|layer| !layer.path.contains("NaN")));
            chart.to_string();
        }
    }

    #[test]
    fn a_step_that_is_not_over_counts_for_as_long_as_it_lasted() {
        let layers = vec![("x".to_owned(), String::new(), vec![1_000, 500])];
        let now = Timestamp(1_500);
        let chart = Stack::rates("c", "t", String::new(), (Timestamp(0), 1_000), now, layers);
        assert_eq!(chart.layers[0].values, "8 8");
    }
}
