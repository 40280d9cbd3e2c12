//! Places a tree on rings around the router so that no two nodes touch.
//!
//! The devices of all groups share a polar grid of equal angles: neighbours on its innermost ring
//! are [`SPACING`] apart, and so are its rings, so that any two devices are at least that. Hubs
//! stand on rings inside, each in the middle of what hangs on it; a ring is as wide as its closest
//! pair needs.

use std::f64::consts::TAU;

/// No two nodes are closer than this, from middle to middle.
pub const SPACING: f64 = 48.0;
/// Hubs are larger.
const HUB_SPACING: f64 = 72.0;
/// From the ring of one kind of hub to the next, and to the devices.
const RING: f64 = 80.0;
/// Neighbouring devices are at most this far apart, in radians, so that few of them stay together.
const WIDEST_STEP: f64 = 0.28;
/// Rings of hubs: interfaces, uplinks, groups.
const HUB_RINGS: usize = 3;
/// The most rings of devices.
const MOST_ROWS: usize = 8;
/// Devices for which one more ring is worth it grow with the square of the rings.
const A_ROW: f64 = 12.0;

/// Where a node belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Placing {
    /// In the middle.
    Centre,
    /// On a ring of hubs, counted from the inside.
    Ring(usize),
    /// Outside.
    Leaf,
}

impl Placing {
    pub(super) const INTERFACE: Self = Self::Ring(0);
    pub(super) const UPLINK: Self = Self::Ring(1);
    pub(super) const GROUP: Self = Self::Ring(2);
}

/// A hub with its leaves, or one with nothing below it: a wedge of the circle.
#[derive(Debug, Clone)]
struct Fan {
    hub: usize,
    leaves: Vec<usize>,
}

/// Coordinates of nodes of which each but the first comes after its parent, and the children of one
/// parent before those of the next.
pub(super) fn place(placing: &[Placing], parents: &[usize]) -> Vec<(f64, f64)> {
    let fans = fans(placing, parents);
    let leaves: usize = fans.iter().map(|fan| fan.leaves.len()).sum();
    let rows = ((leaves as f64 / A_ROW).sqrt().ceil() as usize).clamp(1, MOST_ROWS);
    let columns = |fan: &Fan| fan.leaves.len().div_ceil(rows).max(1);
    // One column between fans.
    let total: usize = fans.iter().map(|fan| columns(fan) + 1).sum();
    let step = (TAU / total.max(1) as f64).min(WIDEST_STEP);
    let gap = step + (TAU - step * total as f64).max(0.0) / fans.len().max(1) as f64;

    let mut angles: Vec<Option<(f64, f64)>> = vec![None; placing.len()];
    let mut grid = Vec::with_capacity(leaves);
    // The first fan opens to the right.
    let mut at = fans.first().map_or(0.0, |fan| -(columns(fan) as f64) * step / 2.0);
    for fan in &fans {
        let end = at + columns(fan) as f64 * step;
        widen(&mut angles, parents, fan.hub, (at, end));
        for (n, leaf) in fan.leaves.iter().enumerate() {
            grid.push((*leaf, at + ((n / rows) as f64 + 0.5) * step, n % rows));
        }
        at = end + gap;
    }

    let middle = |(from, to): (f64, f64)| f64::midpoint(from, to);
    let mut places = vec![(0.0, 0.0); placing.len()];
    let mut radius = 0.0;
    for ring in 0..HUB_RINGS {
        let on_ring: Vec<(usize, f64)> = (0..placing.len())
            .filter(|node| placing[*node] == Placing::Ring(ring))
            .filter_map(|node| Some((node, middle(angles[node]?))))
            .collect();
        if on_ring.is_empty() {
            continue;
        }
        let closest = closest(on_ring.iter().map(|(_, angle)| *angle));
        radius = f64::max(radius + RING, radius_for(HUB_SPACING, closest));
        for (node, angle) in on_ring {
            places[node] = polar(radius, angle);
        }
    }
    let first = f64::max(radius + RING, radius_for(SPACING, step));
    for (leaf, angle, row) in grid {
        places[leaf] = polar(first + row as f64 * SPACING, angle);
    }
    places
}

/// Hubs that have leaves, or nothing at all, below them, in order.
fn fans(placing: &[Placing], parents: &[usize]) -> Vec<Fan> {
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); placing.len()];
    for (node, parent) in parents.iter().enumerate().skip(1) {
        children[*parent].push(node);
    }
    let is_leaf = |node: &usize| placing[*node] == Placing::Leaf;
    (0..placing.len())
        .filter(|node| matches!(placing[*node], Placing::Ring(_)))
        .map(|hub| Fan { hub, leaves: children[hub].clone() })
        .filter(|fan| fan.leaves.iter().all(is_leaf))
        .collect()
}

/// Gives a hub, and all that it hangs on, a share in a range of angles.
fn widen(angles: &mut [Option<(f64, f64)>], parents: &[usize], hub: usize, (from, to): (f64, f64)) {
    let mut node = hub;
    while node != 0 {
        let (a, b) = angles[node].unwrap_or((from, to));
        angles[node] = Some((a.min(from), b.max(to)));
        node = parents[node];
    }
}

/// The smallest angle between any two of those on a ring; half a turn where there is only one.
fn closest(angles: impl Iterator<Item = f64>) -> f64 {
    let mut angles: Vec<f64> = angles.map(|a| a.rem_euclid(TAU)).collect();
    model::sort_by(&mut angles, f64::total_cmp);
    let round = angles.first().zip(angles.last()).map(|(first, last)| first + TAU - last);
    angles.windows(2).map(|pair| pair[1] - pair[0]).chain(round).fold(TAU / 2.0, f64::min)
}

/// The radius at which an angle spans a chord.
fn radius_for(chord: f64, angle: f64) -> f64 {
    chord / (2.0 * (angle.min(TAU / 2.0) / 2.0).sin())
}

/// To a tenth: more digits would only lengthen the page.
fn polar(radius: f64, angle: f64) -> (f64, f64) {
    let tenth = |v: f64| (v * 10.0).round() / 10.0 + 0.0;
    (tenth(radius * angle.cos()), tenth(radius * angle.sin()))
}
