//! What Prometheus scrapes.

use std::io::Write as _;
use std::process::{Command, Stdio};

use access::Role;

use crate::client::{Script, refused, script, site};
use crate::hosts;

#[tokio::test]
async fn promtool_accepts_all_numbers_and_every_family_is_there() {
    let (bed, mut ada, _) = site().await;
    let mut scraper = script(&bed, &mut ada, Role::Viewer).await;
    let text = scraper.get("/metrics").await.expect(200).body;
    let mut tool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool comes with Debian's package prometheus");
    tool.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = tool.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}\n{text}");

    for line in [
        "panoptikon_devices_total 3",
        "panoptikon_devices_online_total 3",
        "panoptikon_devices_offline_total 0",
        "panoptikon_agents_online_total 0",
        "panoptikon_sessions_open 1",
        "panoptikon_store_writable 1",
        "panoptikon_component_up{component=\"discovery\"} 1",
        "panoptikon_discovery_frames_total 0",
        "panoptikon_discovery_frames_dropped_total 0",
    ] {
        assert!(text.lines().any(|l| l == line), "{line}\n{text}");
    }
    for family in [
        "panoptikon_discovery_frames_malformed_total",
        "panoptikon_store_bytes",
        "process_resident_memory_bytes",
        "process_cpu_seconds_total",
        "process_threads",
        "process_open_fds",
    ] {
        assert!(text.contains(&format!("# TYPE {family} ")), "{family}\n{text}");
    }
    for severity in ["info", "low", "medium", "high", "critical"] {
        for status in ["new", "acknowledged", "resolved"] {
            let labels = format!("{{severity=\"{severity}\",status=\"{status}\"}}");
            let line = format!("panoptikon_alerts_total{labels} 0");
            assert!(text.lines().any(|l| l == line), "{line}");
        }
    }
}

/// The value of a number without labels.
async fn value(key: &mut Script, name: &str) -> f64 {
    let text = key.get("/metrics").await.expect(200).body;
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
    line.and_then(|value| value.parse().ok()).unwrap_or(f64::NAN)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn agents_online_are_those_that_are_connected_at_this_moment() {
    const ONLINE: &str = "panoptikon_agents_online_total";
    let (bed, _ada, mut key) = site().await;
    let door = hosts::open(&bed).await;
    let mut nas = hosts::host(&bed, &door, "nas").await;
    let mut web = hosts::host(&bed, &door, "web").await;
    hosts::host(&bed, &door, "away").await;
    assert!(value(&mut key, ONLINE).await < 0.5);
    let (to_nas, _) = nas.link(door.address).await.unwrap();
    let (_to_web, _) = web.link(door.address).await.unwrap();
    assert!((value(&mut key, ONLINE).await - 2.0).abs() < 0.1);
    assert!((value(&mut key, "panoptikon_agents_total").await - 3.0).abs() < 0.1);
    assert!(value(&mut key, "panoptikon_agents_lag_seconds").await < 60.0);
    // One that was connected today and is gone counts no more.
    drop(to_nas);
    hosts::until("it is gone", || bed.site.agents.online().1 == 1).await;
    assert!((value(&mut key, ONLINE).await - 1.0).abs() < 0.1);
}

#[tokio::test]
async fn strangers_do_not_scrape() {
    let (bed, _, _) = site().await;
    let answer = bed.browser().get("/metrics").await;
    assert_eq!(refused(&answer, 401), "signed_out");
}

#[tokio::test]
async fn each_device_that_moves_something_has_one_series_and_the_others_none() {
    use flows::answers::Talker;
    use flows::rollup::Whose;
    let (bed, _, mut key) = site().await;
    let talker = |whose, sent_bps, received_bps| Talker { whose, sent_bps, received_bps };
    *bed.talkers.lock().unwrap() = Some(vec![
        talker(Whose::Device(2), 1_000.0, 64_000.0),
        talker(Whose::Router, 5.0, 5.0),
        talker(Whose::Unknown, 7.0, 7.0),
    ]);
    let text = key.get("/metrics").await.expect(200).body;
    let of = |name: &str| {
        let lines = text.lines().filter(|line| line.starts_with(&format!("{name}{{")));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let ip = bed.site.discovery.with(model::DeviceId(2), |device| {
        let mut ips: Vec<_> = device.addresses.iter().map(|address| address.ip).collect();
        ips.sort_by_key(|ip| (ip.is_ipv6(), *ip));
        ips.first().copied()
    });
    let labels = format!("{{device_id=\"2\",ip=\"{}\"}}", ip.flatten().unwrap());
    assert_eq!(
        of("panoptikon_traffic_rx_bps"),
        [format!("panoptikon_traffic_rx_bps{labels} 64000")]
    );
    assert_eq!(
        of("panoptikon_traffic_tx_bps"),
        [format!("panoptikon_traffic_tx_bps{labels} 1000")]
    );
    // Nobody is counted any more: no stale series.
    *bed.talkers.lock().unwrap() = Some(Vec::new());
    let text = key.get("/metrics").await.expect(200).body;
    assert!(text.contains("# TYPE panoptikon_traffic_rx_bps gauge"), "{text}");
    assert!(!text.contains("panoptikon_traffic_rx_bps{"), "{text}");
}

#[tokio::test]
async fn the_routers_own_numbers_are_there_once_it_was_read_and_as_json_too() {
    let (bed, _, mut key) = site().await;
    let text = key.get("/metrics").await.expect(200).body;
    assert!(!text.contains("panoptikon_router_memory_bytes"), "nothing was read yet");
    let (_switch, ended) = tokio::sync::watch::channel(false);
    let system = bed.site.system.clone();
    tokio::spawn(async move { system.run(ended).await });
    let mut seen = bed.site.system.watch();
    seen.wait_for(|snapshot| snapshot.load.cpu.is_some()).await.unwrap();
    let text = key.get("/metrics").await.expect(200).body;
    for series in [
        "panoptikon_router_memory_bytes ",
        "panoptikon_router_boot_timestamp_seconds ",
        "panoptikon_router_cpu_busy_ratio{core=\"0\"} ",
        "panoptikon_router_disk_free_bytes{path=",
        "panoptikon_interface_receive_bytes_total{interface=\"lo\"} ",
        "panoptikon_interface_up{interface=\"lo\"} ",
        "panoptikon_router_softnet_dropped_total ",
    ] {
        assert!(text.lines().any(|line| line.starts_with(series)), "{series}\n{text}");
    }
    let all = key.get("/api/v1/system/metrics").await.expect(200).json();
    assert_eq!(all["panoptikon_devices_total"], 3.0);
    assert!(all["panoptikon_router_memory_bytes"].as_f64() > Some(0.0), "{all}");
    let storage = key.get("/api/v1/system/storage").await.expect(200).json();
    assert!(storage["disks"][0]["total"].as_u64() > Some(0), "{storage}");
    assert!(storage["database"]["main"].as_u64() > Some(0), "{storage}");
}
