//! Routes from the real FRR and the real kernel.

mod namespace;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use namespace::{in_async_namespace, ip, until};
use panoptikon_system::routes::{self, Family, HopKind, Route, Source, Vtysh};

const DAEMONS: &str = "/usr/lib/frr";

/// A cable, addresses on it.
fn cable() -> BTreeMap<u32, String> {
    ip("link add wan0 type veth peer name far0");
    ip("address add 10.9.0.1/24 dev wan0");
    ip("address add 2001:db8::1/64 dev wan0 nodad");
    ip("link set lo up");
    ip("link set wan0 up");
    ip("link set far0 up");
    let line = ip("-o link show wan0");
    let index = line.split(':').next().and_then(|n| n.parse().ok()).expect("an index");
    BTreeMap::from([(index, "wan0".to_owned())])
}

fn find<'a>(all: &'a [Route], destination: &str) -> &'a Route {
    all.iter().find(|r| r.destination() == destination).unwrap_or_else(|| panic!("{destination}"))
}

fn nowhere() -> Vtysh {
    Vtysh { program: "/nonexistent/vtysh".into(), arguments: Vec::new() }
}

#[test]
fn the_kernel_tells_its_routes_where_there_is_no_frr() {
    in_async_namespace(|| async {
        let links = cable();
        ip("route add default via 10.9.0.2");
        ip("route add 10.60.0.0/16 nexthop via 10.9.0.3 weight 3 nexthop via 10.9.0.4");
        ip("route add blackhole 10.70.0.0/16 metric 7");
        ip("-6 route add default via 2001:db8::2 metric 50");
        let vtysh = nowhere();
        let read = routes::read(&vtysh, Family::V4, BTreeMap::new(), links.clone());
        let v4 = read.await.expect("routes");
        assert_eq!(v4.source, Source::Kernel);
        assert!(v4.note.is_some_and(|why| why.contains("vtysh")));
        let both = find(&v4.routes, "10.60.0.0/16");
        let seen: Vec<_> = both.hops.iter().map(|h| (h.gateway, h.weight)).collect();
        let way = |last: u8, weight: u32| (Some([10, 9, 0, last].into()), weight);
        assert_eq!(seen, [way(3, 3), way(4, 1)]);
        let hole = find(&v4.routes, "10.70.0.0/16");
        assert_eq!((hole.hops[0].kind, hole.metric), (HopKind::Blackhole, 7));
        let own = find(&v4.routes, "10.9.0.0/24");
        assert_eq!(own.hops[0].interface.as_deref(), Some("wan0"));
        let v6 = routes::read(&vtysh, Family::V6, BTreeMap::new(), links).await.expect("routes");
        assert_eq!(find(&v6.routes, "::/0").metric, 50);
        assert!(v6.routes.iter().all(|r| r.network.to_string() != "2001:db8::1"), "{v6:?}");

        let all = routes::gateways().expect("gateways");
        let seen: Vec<_> = all.iter().map(|g| g.ip.expect("a router").to_string()).collect();
        assert_eq!(seen, ["10.9.0.2", "2001:db8::2"]);
    });
}

/// FRR with a name of its own, so that it minds no other.
struct Frr {
    name: String,
    daemons: Vec<Child>,
}

impl Frr {
    fn start() -> Self {
        let name = format!("pnk{}", std::process::id());
        let mut frr = Self { name, daemons: Vec::new() };
        for folder in frr.folders() {
            std::fs::create_dir_all(&folder).expect("a folder");
            let owner = format!("frr:frr {}", folder.display());
            namespace::run(&format!("chown {owner}"));
        }
        for daemon in ["zebra", "staticd"] {
            let child = Command::new(format!("{DAEMONS}/{daemon}"))
                .args(["-N", &frr.name])
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("FRR");
            frr.daemons.push(child);
            let socket = frr.folders()[0].join(format!("{daemon}.vty"));
            until("FRR listens", || socket.exists());
        }
        frr
    }

    fn folders(&self) -> [PathBuf; 2] {
        ["/run/frr", "/etc/frr"].map(|folder| Path::new(folder).join(&self.name))
    }

    fn vtysh(&self) -> Vtysh {
        let arguments = vec!["-N".to_owned(), self.name.clone()];
        Vtysh { program: "/usr/bin/vtysh".into(), arguments }
    }

    fn configure(&self, lines: &[&str]) {
        let mut vtysh = Command::new("/usr/bin/vtysh");
        vtysh.args(["-N", &self.name, "-c", "configure terminal"]);
        for line in lines {
            vtysh.args(["-c", line]);
        }
        assert!(vtysh.output().expect("vtysh").status.success(), "{lines:?}");
    }
}

impl Drop for Frr {
    fn drop(&mut self) {
        for daemon in self.daemons.iter_mut().rev() {
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
        for folder in self.folders() {
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}

#[test]
fn frr_tells_its_routes_with_every_way_their_distance_and_their_age() {
    in_async_namespace(|| async {
        let links = cable();
        let frr = Frr::start();
        frr.configure(&[
            "ip route 0.0.0.0/0 10.9.0.2",
            "ip route 10.60.0.0/16 10.9.0.3",
            "ip route 10.60.0.0/16 10.9.0.4",
            "ip route 10.61.0.0/16 10.9.0.3 10",
            "ip route 10.61.0.0/16 10.9.0.4 200",
            "ip route 10.70.0.0/16 blackhole",
            "ip route 10.80.0.0/16 reject",
            "ipv6 route ::/0 2001:db8::2",
        ]);
        let read = |family| {
            let (vtysh, links) = (frr.vtysh(), links.clone());
            async move { routes::read(&vtysh, family, BTreeMap::new(), links).await.expect("routes") }
        };
        let mut v4 = read(Family::V4).await;
        for _ in 0..100 {
            if v4.routes.iter().any(|r| r.destination() == "10.80.0.0/16" && r.is_installed) {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            v4 = read(Family::V4).await;
        }
        assert_eq!((v4.source, v4.note.as_deref()), (Source::Frr, None));
        let way_out = find(&v4.routes, "0.0.0.0/0");
        assert_eq!((way_out.protocol.as_str(), way_out.distance), ("static", Some(1)));
        assert!(way_out.is_selected && way_out.is_installed && way_out.age.is_some());
        assert_eq!(way_out.hops[0].interface.as_deref(), Some("wan0"));
        let both = find(&v4.routes, "10.60.0.0/16");
        assert_eq!(both.hops.iter().filter(|h| h.is_active && h.is_installed).count(), 2);
        let rivals: Vec<_> = v4
            .routes
            .iter()
            .filter(|r| r.destination() == "10.61.0.0/16")
            .map(|r| (r.distance, r.is_selected))
            .collect();
        assert_eq!(rivals, [(Some(10), true), (Some(200), false)]);
        assert_eq!(find(&v4.routes, "10.70.0.0/16").hops[0].kind, HopKind::Blackhole);
        assert_eq!(find(&v4.routes, "10.80.0.0/16").hops[0].kind, HopKind::Unreachable);
        assert_eq!(find(&v4.routes, "10.9.0.0/24").protocol, "connected");
        let v6 = read(Family::V6).await;
        assert_eq!(find(&v6.routes, "::/0").hops[0].interface.as_deref(), Some("wan0"));
    });
}
