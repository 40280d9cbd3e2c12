//! The agents' door of a bed, and hosts that come in by it.
#![allow(dead_code, unreachable_pub)] // a module of each test program
#![allow(clippy::unwrap_used)] // helpers of tests, outside of #[test]

use std::net::SocketAddr;
use std::time::Duration;

use agents::{AgentId, TokenWish};
use model::Timestamp;
use tokio::sync::watch;

use crate::agent::{Identity, Link, enrol};
use crate::bed::Bed;

/// A door that is open for as long as this is kept.
pub struct Door {
    pub address: SocketAddr,
    _listen: watch::Sender<Vec<SocketAddr>>,
    _end: watch::Sender<bool>,
}

/// Opens the door.
pub async fn open(bed: &Bed) -> Door {
    let (end, ended) = watch::channel(false);
    let (listen, listening) = watch::channel(vec!["127.0.0.1:0".parse().unwrap()]);
    let agents = bed.site.agents.clone();
    tokio::spawn(async move { agents.run(listening, ended).await.unwrap() });
    until("it listens", || !bed.site.agents.listening().is_empty()).await;
    Door { address: bed.site.agents.listening()[0], _listen: listen, _end: end }
}

/// Waits until something is so.
pub async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..1_000 {
        if is_so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("never so: {what}");
}

/// A host that is enrolled under this name.
pub async fn host(bed: &Bed, door: &Door, name: &str) -> Identity {
    let wish = TokenWish { name: name.into(), lasts: agents::USUAL_LIFE, ..TokenWish::default() };
    let by = access::Caller::console();
    let made = bed.site.agents.make_token(&by, wish, Timestamp::now()).await.unwrap();
    enrol(door.address, &made.text, name).await.unwrap()
}

/// A host that is online and has sent a report with all parts.
pub async fn reporting(bed: &Bed, door: &Door, name: &str) -> (Identity, Link) {
    let mut identity = host(bed, door, name).await;
    let (mut link, _) = identity.link(door.address).await.unwrap();
    let text = serde_json::json!({
        "seq": 1, "at": crate::agent::now_ms(), "up_s": 90_000,
        "cpu": {"n": 4, "pct": 12.5, "load": [0.5, 0.4, 0.3], "steal": 1.0},
        "mem": {"total": 8_000_000_000_u64, "avail": 6_000_000_000_u64,
                "swap_total": 1_000_000_000, "swap_used": 0},
        "psi": {"cpu": 0.5, "mem": 0.0, "io": 1.5},
        "disks": [{"mount": "/srv/<data>", "fs": "ext4", "dev": "sda1", "total": 1000, "used": 400}],
        "io": [{"dev": "sda", "r_bps": 100, "w_bps": 200, "busy_pct": 3.0}],
        "nets": [{"if": "eth0", "up": true, "mbit": 1000, "rx": 1, "tx": 2, "rx_bps": 125_000,
                  "tx_bps": 500, "ips": ["192.0.2.5/24"], "mac": "02:00:00:00:00:07"}],
        "temps": [{"name": "coretemp", "c": 45.0, "crit": 100.0}],
        "fans": [{"name": "fan1", "rpm": 900}],
        "units": {"failed": ["backup.service"], "restarted": [{"name": "web.service", "n": 3}]},
        "containers": [{"id": "abc", "name": "proxy", "image": "nginx:1", "state": "running",
                        "cpu_pct": 1.5, "mem": 1000}],
        "procs": {"n": 210, "top": [{"pid": 7, "name": "postgres", "user": "db",
                                      "cpu_pct": 8.0, "rss": 5000}]},
        "ports": [{"proto": "tcp", "addr": "0.0.0.0", "port": 5432, "pid": 7, "name": "postgres"}],
        "users": [{"name": "ana", "tty": "pts/0", "from": "192.0.2.9"}],
        "sys": {"os": "Debian 12", "kernel": "6.1", "reboot_needed": true, "updates": 4},
        "smart": [{"dev": "sda", "ok": true, "wear_pct": 3.0, "hours": 1234}],
    });
    let report = serde_json::from_value(text).unwrap();
    link.say(&wire::FromAgent::Report(Box::new(report))).await;
    link.acked(1).await.unwrap();
    let id: AgentId = identity.id.parse().unwrap();
    until("it is known", || bed.site.agents.get(id).is_some_and(|h| h.known.seq == 1)).await;
    (identity, link)
}
