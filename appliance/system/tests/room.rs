//! The room at work, in a namespace whose line leads to another one.

mod namespace;

use std::time::Duration;

use events::Events;
use model::Timestamp;
use namespace::{LIMIT, in_async_namespace, ip, run};
use panoptikon_system::settings::{QUALITY_KEY, QualitySettings};
use panoptikon_system::{Options, ROOM, System};
use store::{Store, write_setting};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

/// The Internet: another namespace, which answers for the targets.
struct Internet(String);

impl Internet {
    fn new(name: &str) -> Self {
        let internet = Self(format!("pnk-sys-{name}-{}", std::process::id()));
        run(&format!("ip netns add {}", internet.0));
        ip("link set lo up");
        ip("link add wan0 type veth peer name far0");
        ip(&format!("link set far0 netns {}", internet.0));
        ip("address add 198.51.100.2/24 dev wan0");
        ip("link set wan0 up");
        internet.ip("address add 198.51.100.1/24 dev far0");
        internet.ip("address add 1.1.1.1/32 dev lo");
        internet.ip("address add 9.9.9.9/32 dev lo");
        internet.ip("link set lo up");
        internet.ip("link set far0 up");
        ip("route add default via 198.51.100.1");
        internet
    }

    fn ip(&self, arguments: &str) {
        run(&format!("ip -n {} {arguments}", self.0));
    }

    fn answers(&self, answers: bool) {
        let ignore = if answers { "0" } else { "1" };
        let setting = format!("net.ipv4.icmp_echo_ignore_all={ignore}");
        run(&format!("ip netns exec {} sysctl -q -w {setting}", self.0));
    }
}

impl Drop for Internet {
    fn drop(&mut self) {
        let _ = std::process::Command::new("ip").args(["netns", "delete", &self.0]).status();
    }
}

struct Bed {
    _folder: tempfile::TempDir,
    store: Store,
    events: Events,
    system: System,
    end: watch::Sender<bool>,
    running: tokio::task::JoinHandle<()>,
}

impl Bed {
    async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(store::Options {
            dir: folder.path().to_owned(),
            rooms: vec![events::ROOM, ROOM],
            built: Timestamp(0),
            max_bytes: 1 << 30,
            keep_backups: 1,
        })
        .expect("a store");
        let settings = QualitySettings { pings: 1, ..QualitySettings::default() };
        store
            .write("test", move |w| {
                write_setting(w.main(), QUALITY_KEY, &settings, Timestamp::now(), "test")
            })
            .await
            .expect("set");
        let events = Events::new(store.clone());
        let round_every = Some(Duration::from_millis(100));
        let options = Options { round_every, ..Options::default() };
        let system = System::open(store.clone(), events.clone(), options).expect("the room");
        let (end, ended) = watch::channel(false);
        let theirs = system.clone();
        let running = tokio::spawn(async move { theirs.run(ended).await.expect("it runs") });
        Self { _folder: folder, store, events, system, end, running }
    }

    async fn stop(self) {
        self.end.send(true).expect("it runs");
        self.running.await.expect("it ends");
        self.store.close();
    }
}

async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + LIMIT;
    while !holds() {
        assert!(Instant::now() < end, "{what}: not within {LIMIT:?}");
        sleep(Duration::from_millis(10)).await;
    }
}

#[test]
fn the_line_out_is_found_measured_and_told_of_when_it_breaks_and_mends() {
    in_async_namespace(|| async {
        let internet = Internet::new("line");
        let bed = Bed::start().await;
        let mut bus = bed.events.subscribe();
        let system = &bed.system;
        eventually("the line is measured", || {
            let overview = system.overview();
            let quality = overview.wans.first().and_then(|wan| wan.quality.as_ref());
            quality.is_some_and(|line| {
                line.targets.iter().filter(|t| t.last.is_some_and(|m| m.lost == 0)).count() == 3
            })
        })
        .await;
        let overview = system.overview();
        assert_eq!(overview.wans.len(), 1);
        assert_eq!(overview.wans[0].interface.link.name, "wan0");
        let labels: Vec<_> =
            system.quality()[0].targets.iter().map(|target| target.label.clone()).collect();
        assert_eq!(labels, ["gateway", "1.1.1.1", "9.9.9.9"]);

        internet.answers(false);
        let broken =
            tokio::time::timeout(LIMIT, bus.recv()).await.expect("told").expect("an event");
        assert_eq!(
            (broken.kind.as_str(), broken.data["interface"].as_str()),
            ("wan_degraded", Some("wan0"))
        );
        assert!(system.quality()[0].degraded.is_some());
        internet.answers(true);
        let mended =
            tokio::time::timeout(LIMIT, bus.recv()).await.expect("told").expect("an event");
        assert_eq!(mended.kind, "wan_recovered");
        assert_eq!(system.quality()[0].degraded, None);
        bed.stop().await;
    });
}

#[test]
fn facts_interfaces_and_rates_are_shown_and_minutes_are_stored_at_the_end() {
    in_async_namespace(|| async {
        let _internet = Internet::new("facts");
        let bed = Bed::start().await;
        let system = bed.system.clone();
        let mut snapshots = system.watch();
        // Watched, there is one every three seconds.
        for _ in 0..3 {
            tokio::time::timeout(LIMIT, snapshots.changed()).await.expect("told").expect("it runs");
        }
        drop(snapshots);
        let seen = system.snapshot();
        assert_eq!(seen.failure, None);
        assert!(seen.load.memory.total > 0 && seen.load.cpu.is_some());
        assert!(!seen.identity.kernel.is_empty() && !seen.disks.is_empty());
        assert_eq!(seen.ways_out[0].gateway, Some([198, 51, 100, 1].into()));
        let begun = Timestamp::now().minus(Duration::from_secs(600));
        let end = Instant::now() + LIMIT;
        loop {
            let to = Timestamp::now();
            let history = system.history("wan0", begun, to, 100).await.expect("read");
            if !history.is_empty() {
                break;
            }
            assert!(Instant::now() < end, "no rates within {LIMIT:?}");
            sleep(Duration::from_millis(50)).await;
        }
        let metrics = system.metrics().clone();
        bed.end.send(true).expect("it runs");
        bed.running.await.expect("it ends");
        let to = Timestamp::now();
        let stored = metrics.query("wan_rtt_ms", "wan0 1.1.1.1", begun, to, 100).await;
        assert!(!stored.expect("read").is_empty());
        let stored = metrics.query(panoptikon_system::RX, "wan0", begun, to, 100).await;
        assert!(!stored.expect("read").is_empty());
        bed.store.close();
    });
}
