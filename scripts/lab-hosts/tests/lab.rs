//! Brings a small lab and a bench bed up and down, in namespaces of their own names. Needs root;
//! without it the tests say so and pass, since nothing of the lab works then.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

/// A lab (and the bed `one`) of this test's own; goes down when the test ends, passed or failed.
struct Lab {
    name: String,
    state: PathBuf,
}

impl Lab {
    fn new(what: &str) -> Option<Self> {
        if !nix::unistd::geteuid().is_root() {
            println!("skipped: network namespaces need root");
            return None;
        }
        let name = format!("{what}{}", std::process::id());
        let state = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(&name);
        Some(Self { name, state })
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../lab"))
            .args(arguments)
            .env("LAB_NAME", &self.name)
            .env("LAB_STATE", &self.state)
            .env("LAB_HOSTS_BIN", env!("CARGO_BIN_EXE_lab-hosts"))
            .output()
            .unwrap()
    }

    /// What the command printed; the test fails with its complaint when it fails.
    fn ok(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?}: {complaint}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn namespaces(&self) -> BTreeSet<String> {
        let prefix = format!("pnk-{}-", self.name);
        let Ok(entries) = fs::read_dir("/run/netns") else {
            return BTreeSet::new();
        };
        entries
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .filter(|n| n.starts_with(&prefix))
            .collect()
    }

    /// Processes of this lab that still run, seen by their command lines or recorded pids.
    fn processes(&self) -> Vec<String> {
        let marker = self.state.to_string_lossy().into_owned();
        let processes = fs::read_dir("/proc").unwrap().filter_map(|entry| {
            let line = fs::read_to_string(entry.ok()?.path().join("cmdline")).ok()?;
            (line.contains(&marker) && !line.contains("scripts/lab\0"))
                .then(|| line.replace('\0', " "))
        });
        processes.collect()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.run(&["down"]);
        self.run(&["bed-down", "one"]);
        let _ = fs::remove_dir_all(&self.state);
        let _ = fs::remove_file(self.state.with_extension("lock"));
    }
}

#[test]
fn a_small_home_comes_up_with_leases_and_goes_down_without_a_trace() {
    let Some(lab) = Lab::new("t") else { return };
    lab.ok(&["up", "--hosts", "5", "--load", "20"]);

    let status: Value = serde_json::from_str(&lab.ok(&["status", "--json"])).unwrap();
    let hosts = status["hosts"].as_array().unwrap();
    assert_eq!(hosts.len(), 5);
    let addresses: BTreeSet<&str> =
        hosts.iter().map(|host| host["ipv4"].as_str().unwrap()).collect();
    assert_eq!(addresses.len(), 5);
    assert!(addresses.iter().all(|address| address.starts_with("192.168.50.")), "{addresses:?}");
    assert!(hosts.iter().all(|host| host["state"] == "up"));

    // A host that was never seen: its first frame is between the two readings of the clock.
    let clock = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    let before = clock();
    let instant: u128 =
        lab.ok(&["host", "add", "newcomer", "44:1c:a8:00:00:01"]).trim().parse().unwrap();
    assert!((before..=clock()).contains(&instant));

    // One that leaves is away, one that returns is back.
    let state_of = |name: &str| {
        let status: Value = serde_json::from_str(&lab.ok(&["status", "--json"])).unwrap();
        let host = status["hosts"]
            .as_array()
            .unwrap()
            .iter()
            .find(|host| host["name"] == name)
            .unwrap()
            .clone();
        host["state"].as_str().unwrap().to_owned()
    };
    lab.ok(&["host", "leave", "ipad"]);
    assert_eq!(state_of("ipad"), "away");
    lab.ok(&["host", "join", "ipad"]);

    // The private MAC changes; client id and therefore address stay.
    let told = lab.ok(&["chaos", "randomise"]);
    assert!(told.contains("9a:5c:2e:71:b4:06 is now") && told.contains("192.168.50."), "{told}");

    // Nothing leaves the home: the router knows no way out but the lab's own WAN.
    let routes = lab.ok(&["exec", "router", "ip", "-4", "route", "show", "default"]);
    assert_eq!(routes.trim().lines().count(), 1, "{routes}");
    assert!(routes.starts_with("default "), "{routes}");
    assert!(routes.contains(" via 203.0.113.1 dev wan0 proto static"), "{routes}");

    // The provider announces its networks to the router's FRR.
    let announced = |network: &str| {
        let told = lab.ok(&["vtysh", "-c", &format!("show ip route {network} json")]);
        let told: Value = serde_json::from_str(&told).unwrap();
        let route = &told[network][0];
        route["protocol"] == "bgp" && route["installed"] == true
    };
    for _ in 0..200 {
        if announced("198.51.100.0/24") {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    assert!(announced("198.51.100.0/24") && announced("192.0.2.0/24"));

    lab.ok(&["down"]);
    assert_eq!(lab.namespaces(), BTreeSet::new());
    assert_eq!(lab.processes(), Vec::<String>::new());
    assert_eq!(lab.run(&["status"]).status.code(), Some(3));
}

#[test]
fn a_bed_answers_from_its_simulated_hosts_and_counts() {
    let Some(lab) = Lab::new("b") else { return };
    lab.ok(&["bed", "one", "10.91.0.0/24", "200", "--seed", "4"]);
    let listed = Command::new(env!("CARGO_BIN_EXE_lab-hosts"))
        .args(["respond", "--interface", "none", "--net", "10.91.0.0/24", "--hosts", "200"])
        .args(["--exclude", "10.91.0.1", "--seed", "4", "--list"])
        .output()
        .unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    let (address, mac) = listed.lines().next().unwrap().split_once(' ').unwrap();

    lab.ok(&["exec", "bed-one-r", "ping", "-c", "1", "-W", "2", address]);
    let neighbours = lab.ok(&["exec", "bed-one-r", "ip", "neigh", "show", address]);
    assert!(neighbours.contains(mac), "{neighbours}");

    let counted = lab.ok(&["bed-down", "one"]);
    assert!(counted.contains("answered: 2"), "one ARP, one echo: {counted}");
    assert_eq!(lab.namespaces(), BTreeSet::new());
}
