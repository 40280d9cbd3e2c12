//! What lies between hosts: a heat map of round trips with its table, and what was tried.

use askama::Template;

use super::{Choice, Empty, Field, Moment, Shell, Tone};

const CELL: (usize, usize) = (54, 30);
const GAP: usize = 2;
/// Room for the names on the left and the numbers on top.
const LEFT: usize = 168;
const TOP: usize = 24;
/// Letters of a name beside the picture; the table has all of it.
const LETTERS: usize = 20;
/// Round trips from which on a cell is as dark as this, ms.
const SHADES: [(f64, &str, &str); 5] = [
    (0.0, ".05", "under 1 ms"),
    (1.0, ".12", "from 1 ms"),
    (5.0, ".2", "from 5 ms"),
    (20.0, ".28", "from 20 ms"),
    (100.0, ".38", "from 100 ms"),
];

/// One pair.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MeshCell {
    /// The mean round trip in ms; None where none is known.
    pub ms: Option<f64>,
    /// Why it is not known, or how it was measured.
    pub about: String,
    /// It was measured, and nobody answered.
    pub failed: bool,
}

impl MeshCell {
    /// The round trip for the table; empty where none is known.
    fn shown(&self) -> String {
        self.ms.map(|ms| format!("{} ms", told(ms))).unwrap_or_default()
    }
}

/// Round trips from the hosts of the rows to the ends of the columns, as SVG of numbers that are
/// computed here.
#[derive(Debug, Clone, PartialEq, Template)]
#[template(path = "parts/heat.html")]
pub struct HeatMap {
    width: usize,
    height: usize,
    columns: Vec<Label>,
    rows: Vec<Label>,
    cells: Vec<Drawn>,
    summary: String,
}

#[derive(Debug, Clone, PartialEq)]
struct Label {
    at: usize,
    text: String,
}

#[derive(Debug, Clone, PartialEq)]
struct Drawn {
    x: usize,
    y: usize,
    shade: &'static str,
    class: &'static str,
    text: String,
    about: String,
}

impl askama::filters::HtmlSafe for HeatMap {}

impl HeatMap {
    /// From the names of the columns, the router first, and the rows with their names: the hosts in
    /// the same order. Their columns are numbered, and the rows begin with the same numbers.
    pub fn new(columns: &[String], rows: &[(String, Vec<MeshCell>)]) -> Self {
        let (width, height) = (CELL.0 + GAP, CELL.1 + GAP);
        let label = |n: usize, name: &str| {
            let short: String = name.chars().take(LETTERS).collect();
            let dots = if short.len() < name.len() { "…" } else { "" };
            format!("{n}  {short}{dots}")
        };
        let head = |n: usize, name: &str| if n == 0 { name.to_owned() } else { n.to_string() };
        let at = |row: usize, column: usize| (LEFT + column * width, TOP + row * height);
        let mut cells = Vec::new();
        for (row, (from, all)) in rows.iter().enumerate() {
            for (column, (cell, to)) in all.iter().zip(columns).enumerate() {
                let (x, y) = at(row, column);
                let (class, text) = match (cell.ms, cell.failed) {
                    (Some(ms), _) => ("", told(ms)),
                    (None, true) => ("bad", "–".to_owned()),
                    (None, false) => ("quiet", String::new()),
                };
                let shade = shade(cell.ms.unwrap_or(100.0));
                let about = format!("{from} to {to}: {}", cell.about);
                cells.push(Drawn { x, y, shade, class, text, about });
            }
        }
        let known: Vec<f64> = rows.iter().flat_map(|(_, all)| all).filter_map(|c| c.ms).collect();
        let slowest = known.iter().copied().fold(0.0, f64::max);
        let summary = format!(
            "Round trips between {} hosts: {} are known, the slowest takes {} ms",
            rows.len(),
            known.len(),
            told(slowest)
        );
        Self {
            width: LEFT + columns.len() * width,
            height: TOP + rows.len() * height,
            columns: columns
                .iter()
                .enumerate()
                .map(|(n, name)| Label { at: at(0, n).0 + CELL.0 / 2, text: head(n, name) })
                .collect(),
            rows: rows
                .iter()
                .enumerate()
                .map(|(n, (name, _))| Label {
                    at: at(n, 0).1 + CELL.1 / 2,
                    text: label(n + 1, name),
                })
                .collect(),
            cells,
            summary,
        }
    }
}

/// The shades with what they mean.
pub(crate) fn shades() -> [(&'static str, &'static str); 5] {
    SHADES.map(|(_, shade, about)| (shade, about))
}

fn shade(ms: f64) -> &'static str {
    let fits = SHADES.iter().rev().find(|(least, ..)| ms >= *least);
    fits.map_or(SHADES[0].1, |(_, shade, _)| shade)
}

/// Milliseconds, as exact as it makes sense.
fn told(ms: f64) -> String {
    match ms {
        ms if ms < 10.0 => format!("{ms:.2}"),
        ms if ms < 100.0 => format!("{ms:.1}"),
        ms => format!("{ms:.0}"),
    }
}

/// Something that was tried.
#[derive(Debug, Clone)]
pub struct TrialRow {
    /// When.
    pub at: Moment,
    /// Such as `Throughput`.
    pub what: &'static str,
    /// Who sent.
    pub from: String,
    /// Who received.
    pub to: String,
    /// What came of it.
    pub result: String,
    /// Its colour.
    pub tone: Tone,
    /// Who wanted to know.
    pub by: String,
}

/// `GET /agents/mesh`.
#[derive(Debug, Clone, Template)]
#[template(path = "agents/mesh.html")]
#[allow(clippy::struct_excessive_bools)] // what a person may
pub struct MeshPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// The names of the columns.
    pub columns: Vec<String>,
    /// Names of hosts with a cell for each column.
    pub rows: Vec<(String, Vec<MeshCell>)>,
    /// The same as a picture.
    pub heat: HeatMap,
    /// What to say instead.
    pub empty: Option<Empty>,
    /// What should be known, such as that a round is under way.
    pub note: String,
    /// Whether the person may have round trips measured.
    pub can_measure: bool,
    /// Whether the person may try how much passes.
    pub can_try: bool,
    /// What can be tried.
    pub kinds: Vec<Choice>,
    /// Who sends.
    pub from: Vec<Choice>,
    /// Who receives.
    pub to: Vec<Choice>,
    /// For how long.
    pub seconds: Vec<Choice>,
    /// What was tried, newest first.
    pub trials: Vec<TrialRow>,
    /// Whether the person may change when round trips are measured.
    pub can_manage: bool,
    /// Whether rounds are measured by themselves.
    pub enabled: bool,
    /// How often, minutes.
    pub every: Field,
    /// What a round costs.
    pub cost: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(ms: f64) -> MeshCell {
        MeshCell { ms: Some(ms), about: "3 of 3 answered".to_owned(), failed: false }
    }

    #[test]
    fn a_slow_pair_is_darker_and_every_cell_says_what_it_is() {
        let columns = ["Router".to_owned(), "nas".to_owned(), "web".to_owned()];
        let failed = MeshCell { about: "nobody answered".to_owned(), failed: true, ms: None };
        let rows = [
            ("nas".to_owned(), vec![cell(0.4), MeshCell::default(), cell(250.0)]),
            ("web".to_owned(), vec![cell(7.0), failed, MeshCell::default()]),
        ];
        let heat = HeatMap::new(&columns, &rows);
        assert_eq!(heat.cells.len(), 6);
        let shades: Vec<&str> = heat.cells.iter().map(|c| c.shade).collect();
        assert_eq!((shades[0], shades[2], shades[3]), (".05", ".38", ".2"));
        let classes: Vec<&str> = heat.cells.iter().map(|c| c.class).collect();
        assert_eq!(classes, ["", "quiet", "", "", "bad", "quiet"]);
        assert!(heat.rows[0].text.starts_with("1  nas"), "{}", heat.rows[0].text);
        let heads: Vec<&str> = heat.columns.iter().map(|c| c.text.as_str()).collect();
        assert_eq!(heads, ["Router", "1", "2"]);
        assert!(heat.summary.contains("between 2 hosts: 3 are known"), "{}", heat.summary);
        let svg = heat.to_string();
        assert!(svg.contains("<title>web to nas: nobody answered</title>"), "{svg}");
        assert!(svg.contains(">0.40<") && svg.contains(">250<"), "{svg}");
    }

    #[test]
    fn names_are_cut_and_are_no_markup() {
        let long = "a<b>".repeat(20);
        let heat = HeatMap::new(&["Router".to_owned()], &[(long, vec![MeshCell::default()])]);
        let svg = heat.to_string();
        assert!(!svg.contains("<b>") && svg.contains('…'), "{svg}");
        assert!(HeatMap::new(&[], &[]).to_string().contains("<svg"));
    }
}
