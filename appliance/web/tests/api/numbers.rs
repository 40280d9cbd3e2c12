//! What Prometheus scrapes.

use std::io::Write as _;
use std::process::{Command, Stdio};

use access::Role;

use crate::client::{refused, script, site};

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

#[tokio::test]
async fn strangers_do_not_scrape() {
    let (bed, _, _) = site().await;
    let answer = bed.browser().get("/metrics").await;
    assert_eq!(refused(&answer, 401), "signed_out");
}
