//! An update from the question to the new program, and back when it does not do. The agent must be
//! built with a release key, whose secret half is named by `AGENT_TEST_KEY`:
//! `scripts/test-long agent-update` does both.
#![allow(clippy::unwrap_used)] // these are tests

mod stand;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use serde_json::json;
use stand::Stand;
use wire::{Ask, FromAppliance};

const PROGRAM: &str = env!("CARGO_BIN_EXE_panoptikon-agent");

struct Host {
    folder: tempfile::TempDir,
    stop: Arc<AtomicBool>,
    starts: Arc<AtomicU32>,
    pid: Arc<AtomicU32>,
}

fn agent(folder: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command
        .args(words)
        .env("PANOPTIKON_AGENT_CONFIG", folder.join("config"))
        .env("PANOPTIKON_AGENT_STATE", folder.join("state"))
        .stdin(Stdio::null());
    command
}

impl Host {
    /// Enrols and runs it as a service manager does: again whenever it ends.
    fn new(stand: &Stand) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = stand.address.to_string();
        let token = stand.token().to_string();
        let enrolled = tokio::task::block_in_place(|| {
            agent(folder.path(), &["enrol", "--server", &server])
                .env("PANOPTIKON_TOKEN", token)
                .output()
        });
        assert!(enrolled.unwrap().status.success());
        let host =
            Self { folder, stop: Arc::default(), starts: Arc::default(), pid: Arc::default() };
        let (stop, starts) = (Arc::clone(&host.stop), Arc::clone(&host.starts));
        let (pid, folder) = (Arc::clone(&host.pid), host.folder.path().to_owned());
        std::thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                starts.fetch_add(1, Ordering::Relaxed);
                let mut child = agent(&folder, &["run"]).spawn().unwrap();
                pid.store(child.id(), Ordering::Relaxed);
                wait(&mut child, &stop);
            }
        });
        host
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join("state").join(path)
    }

    /// The file of the running program.
    fn runs(&self) -> PathBuf {
        let pid = self.pid.load(Ordering::Relaxed);
        std::fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default()
    }
}

fn wait(child: &mut Child, stop: &AtomicBool) {
    while child.try_wait().unwrap().is_none() {
        if stop.load(Ordering::Relaxed) {
            child.kill().unwrap();
            child.wait().unwrap();
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Its folder must not go before it does.
        std::thread::sleep(std::time::Duration::from_millis(300));
    }
}

/// Signs a program as a release does and asks for it.
fn offer(stand: &Stand, program: Vec<u8>, version: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("program");
    std::fs::write(&path, &program).unwrap();
    let arch = std::env::consts::ARCH;
    let comment = format!("panoptikon {version} panoptikon-agent-{version}-{arch}");
    let key = std::env::var("AGENT_TEST_KEY").unwrap();
    let signed = Command::new("minisign")
        .args(["-S", "-s", &key, "-t", &comment, "-m"])
        .arg(&path)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(signed.status.success(), "{signed:?}");
    let minisig = std::fs::read_to_string(path.with_extension("minisig")).unwrap();
    let sha256 = wire::text::sha256_hex(&program);
    stand.tables.lock().unwrap().program = program;
    let args = json!({ "version": version, "sha256": sha256, "minisig": minisig });
    let ask = Ask { id: 1, cmd: "update".into(), args, limit_s: 60, ..Ask::default() };
    stand.say(&FromAppliance::Ask(ask));
}

#[ignore = "wants an agent built with a key: scripts/test-long agent-update"]
#[tokio::test(flavor = "multi_thread")]
async fn a_signed_newer_program_takes_over_and_stays_once_it_is_acknowledged() {
    let stand = Stand::start("127.0.0.1:0").await;
    let host = Host::new(&stand);
    stand.until("a link", |tables| !tables.reports.is_empty()).await;
    // With its symbols a test build is larger than any agent may be.
    let small = host.folder.path().join("small");
    let stripped = Command::new("strip").arg("-o").arg(&small).arg(PROGRAM).status();
    assert!(stripped.unwrap().success());
    offer(&stand, std::fs::read(small).unwrap(), "99.0.0");
    stand.until("a second link", |tables| tables.hellos.len() == 2).await;
    let some = stand.tables.lock().unwrap().reports.len() + 2;
    stand.until("reports of it", |tables| tables.reports.len() >= some).await;
    assert_eq!(host.runs(), host.path("bin/panoptikon-agent").canonicalize().unwrap());
    assert!(!host.path("bin/pending.json").exists());
    // It began anew by itself.
    assert_eq!(host.starts.load(Ordering::Relaxed), 1);
    let tables = stand.tables.lock().unwrap();
    let numbers: Vec<u64> = tables.reports.iter().map(|report| report.seq).collect();
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
}

#[ignore = "wants an agent built with a key: scripts/test-long agent-update"]
#[tokio::test(flavor = "multi_thread")]
async fn a_signed_program_that_crashes_is_taken_back_by_itself() {
    let stand = Stand::start("127.0.0.1:0").await;
    let host = Host::new(&stand);
    stand.until("a link", |tables| !tables.reports.is_empty()).await;
    offer(&stand, b"#!/bin/sh\nexit 1\n".to_vec(), "99.0.1");
    stand.until("a second link", |tables| tables.hellos.len() == 2).await;
    let some = stand.tables.lock().unwrap().reports.len() + 2;
    stand.until("reports after it", |tables| tables.reports.len() >= some).await;
    assert_eq!(host.runs(), Path::new(PROGRAM).canonicalize().unwrap());
    assert!(!host.path("bin/panoptikon-agent").exists() && !host.path("bin/pending.json").exists());
    // Once by itself, twice by who supervises it: the third start of the update takes it back.
    assert_eq!(host.starts.load(Ordering::Relaxed), 3);
}
