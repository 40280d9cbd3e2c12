//! The network as a map: the router in the middle, its subnets around it, devices on the outside.
//!
//! [`arrange`] places everything by itself and puts what a person has moved where they left it.

use std::collections::BTreeMap;
use std::f64::consts::TAU;

use askama::Template;

use super::{Empty, Shell, Tone};

/// `GET /topology`.
#[derive(Debug, Clone, Template)]
#[template(path = "topology/topology.html")]
pub struct TopologyPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// The map.
    pub map: Map,
    /// The same as a table.
    pub groups: Vec<SpotGroup>,
    /// Whether anything was moved by hand, so that it can be reset.
    pub moved: bool,
    /// What to say instead of the map.
    pub empty: Option<Empty>,
}

/// Something on the map.
#[derive(Debug, Clone, PartialEq)]
pub struct Spot {
    /// Its name in saved positions, such as `device-12`; letters, digits, `-`, `.`, `:`.
    pub key: String,
    /// What it is called.
    pub label: String,
    /// A few more words, such as its address.
    pub hint: String,
    /// The icon of the sprite.
    pub icon: String,
    /// Its state in a word, such as `Online`.
    pub state: String,
    /// The colour of that.
    pub tone: Tone,
    /// Where to look closer.
    pub href: String,
    /// Traffic just now in bits per second; the line to it is drawn wider above 100 k, 1 M, 10 M.
    pub bps: u64,
}

/// An interface or subnet and the devices in it.
#[derive(Debug, Clone, PartialEq)]
pub struct SpotGroup {
    /// The group itself.
    pub spot: Spot,
    /// Its devices, in the order to place them.
    pub devices: Vec<Spot>,
}

/// A drawn map.
#[derive(Debug, Clone, PartialEq, Template)]
#[template(path = "topology/map.html")]
pub struct Map {
    view: String,
    orbits: Vec<i64>,
    edges: Vec<Edge>,
    nodes: Vec<Node>,
}

impl askama::filters::HtmlSafe for Map {}

#[derive(Debug, Clone, PartialEq)]
struct Edge {
    from: String,
    to: String,
    path: String,
    tone: Tone,
    width: u8,
}

#[derive(Debug, Clone, PartialEq)]
struct Node {
    spot: Spot,
    kind: &'static str,
    radius: i64,
    x: i64,
    y: i64,
    /// The label's own turn in degrees.
    turn: i64,
    /// Whether the label stands to the left.
    left: bool,
    short: String,
    pinned: bool,
}

impl Node {
    /// Where the label begins, from the middle of the node.
    fn label_x(&self) -> i64 {
        let away = self.radius + 7;
        match self.kind {
            "device" if self.left => -away,
            "device" => away,
            _ => 0,
        }
    }
}

/// The most devices drawn; the rest of a group is one spot that leads to the list.
const MOST: usize = 400;
/// The length of arc that one label needs.
const PITCH: f64 = 24.0;
/// The widest that one group fans out.
const WIDEST: f64 = 3.4;
/// About the width of a letter of a label.
const LETTER: f64 = 6.6;
/// Room around all.
const EDGE: f64 = 16.0;
/// The distance from one ring of devices to the next: a label's length.
const RING: f64 = 165.0;

/// Places the router, its groups and their devices; `saved` holds what was moved by hand, by key.
pub fn arrange(router: &Spot, groups: &[SpotGroup], saved: &BTreeMap<String, (f64, f64)>) -> Map {
    let groups = shortened(groups);
    let total: usize = groups.iter().map(|g| g.devices.len().max(2)).sum();
    let rings = match total {
        0..=90 => 1,
        91..=220 => 2,
        _ => 3,
    };
    let spans: Vec<f64> = groups
        .iter()
        .map(|g| (g.devices.len().max(2) as f64 / total as f64 * TAU * 0.94).clamp(0.3, WIDEST))
        .collect();
    let scale = (TAU * 0.97 / spans.iter().sum::<f64>().max(0.1)).min(1.0);
    let gap = (TAU - spans.iter().sum::<f64>() * scale).max(0.0) / groups.len().max(1) as f64;
    let inner = 110.0 + 14.0 * groups.len() as f64;
    let outer = groups
        .iter()
        .zip(&spans)
        .map(|(g, span)| g.devices.len() as f64 * PITCH / f64::from(rings) / (span * scale))
        .fold(inner + 150.0, f64::max);

    let mut nodes = Vec::new();
    let mut edges = Vec::new();
    let centre = place(saved, &router.key, 0.0, 0.0);
    nodes.push(node(router, "router", 27, centre, None));
    // A single group opens to the right; more go round from there.
    let mut at = -spans.first().map_or(0.0, |s| s * scale / 2.0);
    for (group, span) in groups.iter().zip(&spans) {
        let span = span * scale;
        let middle = at + span / 2.0;
        let hub = place(saved, &group.spot.key, inner * middle.cos(), inner * middle.sin());
        nodes.push(node(&group.spot, "group", 17, hub, None));
        edges.push(edge(router, centre, &group.spot, hub, None));
        for (i, device) in group.devices.iter().enumerate() {
            let angle = at + span * (i as f64 + 0.5) / group.devices.len() as f64;
            let ring = (i % rings as usize) as f64;
            let r = outer + ring * RING;
            let spot = place(saved, &device.key, r * angle.cos(), r * angle.sin());
            let bend = f64::midpoint(inner, outer);
            let bends = (!hub.2 && !spot.2).then(|| {
                [
                    (bend * middle.cos(), bend * middle.sin()),
                    (bend * angle.cos(), bend * angle.sin()),
                ]
            });
            edges.push(edge(&group.spot, hub, device, spot, bends));
            nodes.push(node(device, "device", 10, spot, (!spot.2).then_some(angle)));
        }
        at += span + gap;
    }
    Map {
        view: view(&nodes),
        orbits: if nodes.len() > 1 { vec![inner as i64, outer as i64] } else { Vec::new() },
        edges,
        nodes,
    }
}

/// The groups with no more than [`MOST`] devices in all; where some are left out, a spot says so.
fn shortened(groups: &[SpotGroup]) -> Vec<SpotGroup> {
    let total: usize = groups.iter().map(|g| g.devices.len()).sum();
    let mut groups = groups.to_vec();
    if total <= MOST {
        return groups;
    }
    for group in &mut groups {
        let keep = (group.devices.len() * MOST / total).max(1);
        let left = group.devices.len().saturating_sub(keep);
        if left == 0 {
            continue;
        }
        group.devices.truncate(keep);
        group.devices.push(Spot {
            key: format!("more-{}", group.spot.key),
            label: format!("{left} more"),
            hint: String::new(),
            icon: "devices".to_owned(),
            state: String::new(),
            tone: Tone::Quiet,
            href: group.spot.href.clone(),
            bps: 0,
        });
    }
    groups
}

/// A position, and whether a person chose it.
type Placed = (f64, f64, bool);

fn place(saved: &BTreeMap<String, (f64, f64)>, key: &str, x: f64, y: f64) -> Placed {
    match saved.get(key) {
        Some(&(x, y)) if x.abs() < 20_000.0 && y.abs() < 20_000.0 => (x, y, true),
        _ => (x, y, false),
    }
}

fn node(spot: &Spot, kind: &'static str, radius: i64, at: Placed, angle: Option<f64>) -> Node {
    let degrees = angle.map_or(0.0, f64::to_degrees);
    let left = angle.is_some_and(|a| a.cos() < -1e-9);
    let turn = if left { degrees + 180.0 } else { degrees };
    let short = if spot.label.chars().count() > 22 {
        spot.label.chars().take(21).chain(['…']).collect()
    } else {
        spot.label.clone()
    };
    Node {
        spot: spot.clone(),
        kind,
        radius,
        x: at.0.round() as i64,
        y: at.1.round() as i64,
        turn: turn.round() as i64 % 360,
        left,
        short,
        pinned: at.2,
    }
}

fn edge(near: &Spot, from: Placed, far: &Spot, to: Placed, bends: Option<[(f64, f64); 2]>) -> Edge {
    let at = |x: f64, y: f64| format!("{x:.0} {y:.0}");
    let bends = bends
        .map_or_else(|| "L".to_owned(), |[p, q]| format!("C{} {} ", at(p.0, p.1), at(q.0, q.1)));
    let path = format!("M{}{bends}{}", at(from.0, from.1), at(to.0, to.1));
    Edge {
        from: near.key.clone(),
        to: far.key.clone(),
        path,
        tone: far.tone,
        width: width(far.bps),
    }
}

/// The class of a line's width for its traffic.
const fn width(bps: u64) -> u8 {
    match bps {
        0..100_000 => 0,
        100_000..1_000_000 => 1,
        1_000_000..10_000_000 => 2,
        _ => 3,
    }
}

/// The part of the plane that holds all nodes and their labels.
fn view(nodes: &[Node]) -> String {
    let (mut left, mut top, mut right, mut bottom) = (0.0_f64, 0.0_f64, 0.0_f64, 0.0_f64);
    let mut reach = |x: f64, y: f64| {
        left = left.min(x);
        right = right.max(x);
        top = top.min(y);
        bottom = bottom.max(y);
    };
    for node in nodes {
        let (x, y, radius) = (node.x as f64, node.y as f64, node.radius as f64);
        let long = node.short.chars().count() as f64 * LETTER;
        if node.kind == "device" {
            let turn = (node.turn as f64).to_radians();
            let away = if node.left { -radius - 7.0 - long } else { radius + 7.0 + long };
            reach(x + away * turn.cos(), y + away * turn.sin());
        } else {
            let half = long.max(node.spot.hint.chars().count() as f64 * LETTER) / 2.0;
            reach(x - half, y);
            reach(x + half, y + radius + 32.0);
        }
        reach(x - radius, y - radius);
        reach(x + radius, y + radius);
    }
    format!(
        "{:.0} {:.0} {:.0} {:.0}",
        left - EDGE,
        top - EDGE,
        right - left + 2.0 * EDGE,
        bottom - top + 2.0 * EDGE
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spot(key: &str) -> Spot {
        Spot {
            key: key.to_owned(),
            label: key.to_owned(),
            hint: String::new(),
            icon: "device".to_owned(),
            state: "Online".to_owned(),
            tone: Tone::Ok,
            href: "/".to_owned(),
            bps: 0,
        }
    }

    fn group(key: &str, n: usize) -> SpotGroup {
        let devices = (0..n).map(|i| spot(&format!("{key}-{i}"))).collect();
        SpotGroup { spot: spot(key), devices }
    }

    fn nearest(map: &Map) -> f64 {
        let mut nearest = f64::INFINITY;
        for (i, a) in map.nodes.iter().enumerate() {
            for b in &map.nodes[..i] {
                nearest = nearest.min(((a.x - b.x) as f64).hypot((a.y - b.y) as f64));
            }
        }
        nearest
    }

    #[test]
    fn nothing_lies_on_top_of_anything() {
        for sizes in
            [vec![1], vec![40], vec![40, 2], vec![3, 3, 3], vec![150, 80, 1, 0], vec![5000]]
        {
            let groups: Vec<_> =
                sizes.iter().enumerate().map(|(i, n)| group(&format!("g{i}"), *n)).collect();
            let map = arrange(&spot("router"), &groups, &BTreeMap::new());
            assert!(nearest(&map) > 18.0, "{sizes:?}: {}", nearest(&map));
        }
    }

    #[test]
    fn a_very_large_group_is_cut_and_says_so() {
        let map = arrange(&spot("router"), &[group("g", 5000)], &BTreeMap::new());
        assert!(map.nodes.len() <= MOST + 4);
        assert!(map.nodes.iter().any(|n| n.spot.label == "4600 more"));
    }

    #[test]
    fn what_was_moved_stays_where_it_was_left() {
        let saved = BTreeMap::from([
            ("g-1".to_owned(), (12.0, -340.0)),
            ("g-2".to_owned(), (f64::NAN, 0.0)),
        ]);
        let map = arrange(&spot("router"), &[group("g", 3)], &saved);
        let find = |key: &str| map.nodes.iter().find(|n| n.spot.key == key).expect("a node");
        assert_eq!((find("g-1").x, find("g-1").y, find("g-1").pinned), (12, -340, true));
        assert!(!find("g-2").pinned);
    }

    #[test]
    fn labels_never_stand_on_their_head() {
        let map = arrange(&spot("router"), &[group("a", 30), group("b", 30)], &BTreeMap::new());
        for node in &map.nodes {
            let turn = f64::from(node.turn as i32).to_radians();
            assert!(turn.cos() > -0.02, "{} is turned by {}", node.short, node.turn);
        }
    }

    #[test]
    fn wider_lines_carry_more() {
        assert_eq!([0, 100_000, 5_000_000, 10_000_000].map(width), [0, 1, 2, 3]);
    }
}
