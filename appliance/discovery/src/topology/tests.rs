//! Maps of made-up networks.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::enrich::Link;
use crate::testing::{block_on, device, lan, segment};

fn draw(segments: &[Segment], devices: &[Device]) -> Graph {
    topology("router", segments, devices, &BTreeMap::new(), &BTreeSet::new())
}

fn many(interface: &str, net: u8, count: u32) -> impl Iterator<Item = Device> {
    let interface = interface.to_owned();
    (0..count).map(move |n| {
        let (high, low) = (n / 250, n % 250 + 2);
        let id = i64::from(net) * 10_000 + i64::from(n);
        device(id, &format!("10.{net}.{high}.{low}"), &interface)
    })
}

fn find<'a>(graph: &'a Graph, id: &str) -> &'a Node {
    graph.nodes.iter().find(|n| n.id == id).unwrap_or_else(|| panic!("no {id}"))
}

fn parent<'a>(graph: &'a Graph, id: &str) -> &'a str {
    let edge = graph.edges.iter().find(|e| e.to == id);
    &edge.unwrap_or_else(|| panic!("no line to {id}")).from
}

/// A grid of cells as large as the distance, so that 16 000 nodes are compared in no time.
fn assert_apart(graph: &Graph) {
    let least = SPACING - 0.5; // coordinates are rounded
    let mut cells: BTreeMap<(i64, i64), Vec<&Node>> = BTreeMap::new();
    for node in &graph.nodes {
        let cell = ((node.x / SPACING).floor() as i64, (node.y / SPACING).floor() as i64);
        for (dx, dy) in (-1..=1).flat_map(|dx| (-1..=1).map(move |dy| (dx, dy))) {
            for other in cells.get(&(cell.0 + dx, cell.1 + dy)).into_iter().flatten() {
                let apart = (node.x - other.x).hypot(node.y - other.y);
                assert!(apart >= least, "{} and {}: {apart}", node.id, other.id);
            }
        }
        cells.entry(cell).or_default().push(node);
    }
}

#[test]
fn devices_hang_on_their_subnet_and_that_on_its_interface() {
    let segments = [segment(2, "eth1", "10.1.0.1/16"), segment(3, "eth2", "10.2.0.1/16")];
    let mut devices: Vec<_> = many("eth1", 1, 3).collect();
    devices[2].presence.online = false;
    let graph = draw(&segments, &devices);
    assert_eq!(parent(&graph, "device-10001"), "subnet-eth1-10.1.0.0-16");
    assert_eq!(parent(&graph, "subnet-eth1-10.1.0.0-16"), "interface-eth1");
    assert_eq!(parent(&graph, "interface-eth1"), "router");
    assert_eq!(parent(&graph, "subnet-eth2-10.2.0.0-16"), "interface-eth2", "empty, but there");
    let router = find(&graph, "router");
    assert_eq!((router.devices, router.devices_online), (3, 2));
    assert_eq!(find(&graph, "interface-eth1").detail, "10.1.0.1/16");
    assert_apart(&graph);
}

#[test]
fn a_device_of_no_known_interface_is_not_placed() {
    let graph = draw(&[], &[device(1, "10.0.0.9", "eth9")]);
    assert_eq!(parent(&graph, "device-1"), UNPLACED);
    assert_eq!(parent(&graph, UNPLACED), "router");
    assert_eq!(find(&graph, "router").devices, 1);
}

#[test]
fn the_only_switch_that_is_heard_stands_between() {
    let segments = [segment(2, "eth1", "10.1.0.1/16")];
    let mut devices: Vec<_> = many("eth1", 1, 4).collect();
    devices[0].evidence.link = Some(Link { bridge: true, ..Link::default() });
    devices[1].evidence.link = Some(Link { bridge: true, access_point: true, ..Link::default() });
    let graph = draw(&segments, &devices);
    assert_eq!(parent(&graph, "device-10000"), "interface-eth1");
    assert_eq!(find(&graph, "device-10000").kind, NodeKind::Uplink);
    assert_eq!(parent(&graph, "subnet-eth1-10.1.0.0-16"), "device-10000");
    assert_eq!(parent(&graph, "device-10001"), "subnet-eth1-10.1.0.0-16");
    assert_apart(&graph);

    devices[2].evidence.link = Some(Link { bridge: true, ..Link::default() });
    let graph = draw(&segments, &devices);
    assert_eq!(
        parent(&graph, "device-10000"),
        "subnet-eth1-10.1.0.0-16",
        "of two switches nobody knows which is in front"
    );
}

#[test]
fn a_large_group_is_one_node_until_it_is_opened() {
    let segments = [segment(2, "eth1", "10.1.0.1/16")];
    let devices: Vec<_> = many("eth1", 1, 61).collect();
    let graph = draw(&segments, &devices);
    let more = find(&graph, "more-eth1-10.1.0.0-16");
    assert_eq!((more.devices, more.label.as_str()), (61, "61 devices"));
    assert!(!graph.nodes.iter().any(|n| n.kind == NodeKind::Device));

    let open = BTreeSet::from(["subnet-eth1-10.1.0.0-16".to_owned()]);
    let graph = topology("r", &segments, &devices, &BTreeMap::new(), &open);
    assert_eq!(graph.nodes.iter().filter(|n| n.kind == NodeKind::Device).count(), 61);
    assert_apart(&graph);
}

#[test]
fn a_thousand_devices_do_not_touch_and_stay_within_reach() {
    let segments = [segment(2, "eth1", "10.1.0.1/16"), segment(3, "eth2", "10.2.0.1/16")];
    let devices: Vec<_> = many("eth1", 1, 960).chain(many("eth2", 2, 40)).collect();
    let open = BTreeSet::from(["subnet-eth1-10.1.0.0-16".to_owned()]);
    let graph = topology("r", &segments, &devices, &BTreeMap::new(), &open);
    assert_eq!(graph.nodes.iter().filter(|n| n.kind == NodeKind::Device).count(), 1_000);
    assert_apart(&graph);
    let (left, top, right, bottom) = graph.bounds;
    assert!(right - left < 4_000.0 && bottom - top < 4_000.0, "{:?}", graph.bounds);
}

#[test]
fn what_a_person_has_moved_stays_there_and_can_be_reset() {
    let lan = lan(&[device(7, "10.1.0.7", "eth1")], vec![segment(2, "eth1", "10.1.0.1/16")]);
    block_on(async {
        let discovery = &lan.discovery;
        let save = |x| discovery.save_position("device-7", x, -5.0, true, |_| Ok(()));
        save(1.0).await.expect("saved");
        save(12.5).await.expect("saved again");
        let graph = discovery.topology("r", &BTreeSet::new()).await.expect("a map");
        let node = find(&graph, "device-7");
        assert_eq!((node.x, node.y, node.moved, node.pinned), (12.5, -5.0, true, true));
        discovery.reset_positions(|_| Ok(())).await.expect("reset");
        assert!(discovery.positions().await.expect("read").is_empty());
        assert!(save(f64::NAN).await.is_err());
        assert!(discovery.save_position("a b", 0.0, 0.0, false, |_| Ok(())).await.is_err());
        let refused = |_: &mut store::Writing<'_>| {
            Err(store::StoreError::from(rusqlite::Error::InvalidQuery))
        };
        assert!(discovery.save_position("device-7", 1.0, 1.0, false, refused).await.is_err());
        assert!(
            discovery.positions().await.expect("read").is_empty(),
            "without its audit row nothing is stored"
        );
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_network_makes_nodes_touch_or_lose_devices(
        counts in prop::collection::vec((0_u32..70, any::<bool>()), 0..12),
        homeless in 0_u32..5,
    ) {
        let names: Vec<String> = (0..counts.len()).map(|n| format!("eth{n}")).collect();
        let segments: Vec<_> = (1_u32..)
            .zip(&names)
            .map(|(n, name)| segment(n, name, &format!("10.{n}.0.1/16")))
            .collect();
        let mut devices: Vec<_> = many("gone", 99, homeless).collect();
        for ((n, name), (count, switch)) in (1_u8..).zip(&names).zip(&counts) {
            let mut on = many(name, n, *count).collect::<Vec<_>>();
            if let Some(first) = on.first_mut().filter(|_| *switch) {
                first.evidence.link = Some(Link { bridge: true, ..Link::default() });
            }
            devices.extend(on);
        }
        let graph = draw(&segments, &devices);
        assert_apart(&graph);
        prop_assert_eq!(find(&graph, "router").devices, devices.len());
        let shown: usize = graph
            .nodes
            .iter()
            .map(|n| match n.kind {
                NodeKind::Device | NodeKind::More => n.devices,
                NodeKind::Uplink => 1,
                _ => 0,
            })
            .sum();
        prop_assert_eq!(shown, devices.len());
        prop_assert_eq!(graph.edges.len() + 1, graph.nodes.len());
        let ids: BTreeSet<_> = graph.nodes.iter().map(|n| &n.id).collect();
        prop_assert_eq!(ids.len(), graph.nodes.len(), "names are unique");
        prop_assert_eq!(draw(&segments, &devices), graph, "the same each time");
    }
}
