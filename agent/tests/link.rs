//! The agent as it is shipped against an appliance in this process, over loopback.
#![allow(clippy::unwrap_used)] // these are tests

mod stand;

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::json;
use stand::Stand;
use tempfile::TempDir;
use wire::{Ask, FromAppliance, Set, Token};

const PROGRAM: &str = env!("CARGO_BIN_EXE_panoptikon-agent");

struct Host {
    folder: TempDir,
    child: Option<Child>,
}

impl Host {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), child: None }
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command
            .args(words)
            .env("PANOPTIKON_AGENT_CONFIG", self.folder.path().join("config"))
            .env("PANOPTIKON_AGENT_STATE", self.folder.path().join("state"))
            .env_remove("PANOPTIKON_TOKEN")
            .stdin(Stdio::null());
        command
    }

    fn enrol(&self, server: &str, token: &Token) -> Output {
        let mut command = self.command(&["enrol", "--server", server]);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        writeln!(child.stdin.take().unwrap(), "{token}").unwrap();
        child.wait_with_output().unwrap()
    }

    fn start(&mut self) {
        self.child = Some(self.command(&["run"]).stderr(Stdio::null()).spawn().unwrap());
    }

    /// As kill -9.
    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    fn says(&self, words: &[&str]) -> (bool, String) {
        let done = self.command(words).output().unwrap();
        let text = [done.stdout, done.stderr].concat();
        (done.status.success(), String::from_utf8(text).unwrap())
    }

    fn append_config(&self, text: &str) {
        let path = self.folder.path().join("config/agent.toml");
        let before = std::fs::read_to_string(&path).unwrap();
        std::fs::write(path, before + text).unwrap();
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.kill();
    }
}

async fn enrolled(stand: &Stand) -> Host {
    let mut host = Host::new();
    let (server, token) = (stand.address.to_string(), stand.token());
    host = tokio::task::spawn_blocking(move || {
        let done = host.enrol(&server, &token);
        assert!(done.status.success(), "{done:?}");
        host
    })
    .await
    .unwrap();
    host
}

/// Reports lie once and in order, and nothing is missing.
fn whole(stand: &Stand) {
    let tables = stand.tables.lock().unwrap();
    let numbers: Vec<u64> = tables.reports.iter().map(|report| report.seq).collect();
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
    assert!(tables.reports.windows(2).all(|two| two[0].at < two[1].at));
    assert_eq!((&tables.gaps, &tables.lost), (&vec![], &vec![]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_enrols_with_a_token_and_reports() {
    let stand = Stand::start("127.0.0.1:0").await;
    let mut host = enrolled(&stand).await;
    assert!(host.says(&["check"]).0);
    assert!(host.says(&["status"]).1.contains("not running"));
    host.start();
    stand.until("a report", |tables| !tables.reports.is_empty()).await;
    {
        let tables = stand.tables.lock().unwrap();
        let hello = &tables.hellos[0];
        assert_eq!((hello.counter, hello.first, hello.next), (1, 1, 1));
        assert_eq!(hello.machine.len(), 64);
        assert_eq!(hello.binary.len(), 64);
        let report = &tables.reports[0];
        assert!(report.cpu.as_ref().is_some_and(|cpu| cpu.n > 0), "{report:?}");
        assert!(report.mem.as_ref().is_some_and(|mem| mem.total > mem.avail));
        assert!(report.procs.as_ref().is_some_and(|procs| procs.n > 1));
    }
    let (well, said) = host.says(&["status"]);
    assert!(well && said.contains("linked to"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_gets_no_token_and_is_shown_by_its_fingerprint() {
    let (stand, stranger) = (Stand::start("127.0.0.1:0").await, Stand::start("127.0.0.1:0").await);
    let (token, other) = (stand.token(), stranger.token());
    let server = stranger.address.to_string();
    tokio::task::spawn_blocking(move || {
        let host = Host::new();
        let said = String::from_utf8(host.enrol(&server, &token).stderr).unwrap();
        assert!(said.contains(&wire::text::hex(&token.ca)), "{said}");
        assert!(said.contains(&wire::text::hex(&other.ca)), "{said}");
        assert!(!said.contains(&wire::text::base32(&token.secret)), "{said}");
        assert!(!host.folder.path().join("state/identity.json").exists());
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_good_once_and_the_refusal_is_told() {
    let stand = Stand::start("127.0.0.1:0").await;
    let (server, token) = (stand.address.to_string(), stand.token());
    tokio::task::spawn_blocking(move || {
        let host = Host::new();
        assert!(host.enrol(&server, &token).status.success());
        let said = String::from_utf8(host.enrol(&server, &token).stderr).unwrap();
        assert!(said.contains("the appliance refuses: this token was used"), "{said}");
        let identity = host.folder.path().join("state/identity.json");
        assert_eq!(std::fs::metadata(identity).unwrap().permissions().mode() & 0o777, 0o600);
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn cuts_and_kills_of_either_side_lose_and_repeat_nothing() {
    let stand = Stand::start("127.0.0.1:0").await;
    let mut host = enrolled(&stand).await;
    host.start();
    let mut wanted = 2;
    for round in 0..8 {
        stand.until("more reports", |tables| tables.reports.len() >= wanted).await;
        match round % 4 {
            // The appliance dies with what it has not committed.
            0 => stand.cut(None),
            // It takes, but commits nothing, then dies.
            1 => {
                stand.stuck.store(1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(1500)).await;
                stand.cut(None);
                stand.stuck.store(0, Ordering::Relaxed);
            }
            // The agent is killed, once with reports that nobody acknowledged.
            2 => {
                stand.stuck.store(1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(2500)).await;
                host.kill();
                stand.stuck.store(0, Ordering::Relaxed);
                host.start();
            }
            _ => {
                stand.cut(Some(wire::close::SUPERSEDED));
                host.kill();
                host.start();
            }
        }
        wanted = stand.tables.lock().unwrap().reports.len() + 2;
    }
    stand.until("the last reports", |tables| tables.reports.len() >= wanted).await;
    whole(&stand);
    let counters: Vec<u64> =
        stand.tables.lock().unwrap().hellos.iter().map(|hello| hello.counter).collect();
    assert!(counters.len() > 6 && counters.windows(2).all(|two| two[0] < two[1]), "{counters:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_is_not_wanted_says_why_and_comes_back_seldom() {
    let stand = Stand::start("127.0.0.1:0").await;
    let mut host = enrolled(&stand).await;
    host.start();
    stand.until("a report", |tables| !tables.reports.is_empty()).await;
    stand.say(&FromAppliance::Close("revoked by an administrator".into()));
    // The code comes after the word.
    tokio::time::sleep(Duration::from_millis(300)).await;
    stand.cut(Some(wire::close::REVOKED));
    let mut said = String::new();
    for _ in 0..100 {
        said = host.says(&["status"]).1;
        if said.contains("no link") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(said.contains("revoked by an administrator (4403)"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_made_while_the_appliance_was_away_comes_later() {
    let stand = Stand::start("127.0.0.1:0").await;
    let mut host = enrolled(&stand).await;
    // Its only address leads nowhere for a while.
    let path = host.folder.path().join("config/agent.toml");
    let good = std::fs::read_to_string(&path).unwrap();
    let nowhere = good.replace(&stand.address.to_string(), "127.0.0.1:9");
    host.start();
    stand.until("a report", |tables| !tables.reports.is_empty()).await;
    let before = stand.tables.lock().unwrap().reports.len();
    host.kill();
    std::fs::write(&path, nowhere).unwrap();
    host.start();
    let buffer = host.folder.path().join("state/buffer");
    while kept(&buffer) < 2000 {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let (well, said) = host.says(&["status"]);
    assert!(!well && said.contains("no link: no connection to 127.0.0.1:9"), "{said}");
    host.kill();
    std::fs::write(&path, good).unwrap();
    host.start();
    stand.until("the others", |tables| tables.reports.len() >= before + 3).await;
    whole(&stand);
}

/// Octets in a folder.
fn kept(folder: &Path) -> u64 {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    files.map(|file| file.metadata().map_or(0, |about| about.len())).sum()
}

fn two_keys(tables: &stand::Tables) -> bool {
    tables.certificates.len() >= 2 && tables.certificates[0] != tables.certificates[1]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_grows_old_is_renewed_with_a_new_key() {
    let stand = Stand::start("127.0.0.1:0").await;
    // Of thirty hours 24 are over.
    stand.cert_hours.store(6, Ordering::Relaxed);
    let mut host = enrolled(&stand).await;
    stand.cert_hours.store(720, Ordering::Relaxed);
    host.start();
    stand.until("a link with the new key", two_keys).await;
    let some = stand.tables.lock().unwrap().reports.len() + 2;
    stand.until("reports over it", |tables| tables.reports.len() >= some).await;
    whole(&stand);
    assert_eq!(stand.tables.lock().unwrap().certificates.len(), 2);
    let (_, said) = host.says(&["status"]);
    assert!(said.contains("certificate for 29 more days"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_rotated_when_the_host_says_so() {
    let stand = Stand::start("127.0.0.1:0").await;
    let mut host = enrolled(&stand).await;
    assert!(host.says(&["rotate"]).0);
    host.start();
    stand.until("a link with the new key", two_keys).await;
    stand.until("reports over it", |tables| tables.reports.len() > 1).await;
    whole(&stand);
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_are_answered_and_what_the_host_forbids_is_denied() {
    let stand = Stand::start("127.0.0.1:0").await;
    let mut host = enrolled(&stand).await;
    let folder = host.folder.path().to_owned();
    std::fs::write(folder.join("x.log"), "one\ntwo\nthree\n").unwrap();
    host.append_config(&format!("folders = [{:?}]\n", folder.to_str().unwrap()));
    host.start();
    stand.until("a link", |tables| !tables.reports.is_empty()).await;
    let ask = |id, cmd: &str, args| {
        let ask = Ask { id, cmd: cmd.into(), args, limit_s: 10, ..Ask::default() };
        stand.say(&FromAppliance::Ask(ask));
    };
    ask(1, "processes", json!({ "n": 3 }));
    ask(2, "tail", json!({ "file": folder.join("x.log"), "lines": 2 }));
    ask(3, "shell", json!({ "text": "id" }));
    ask(4, "tail", json!({ "file": "/etc/passwd" }));
    let ended = |id: u64| {
        move |tables: &stand::Tables| {
            tables.answers.iter().any(|a| a.id == id && (a.done.is_some() || a.error.is_some()))
        }
    };
    for id in 1..=4 {
        stand.until("an answer", ended(id)).await;
    }
    ask(5, "ping", json!({ "to": "127.0.0.1", "count": 2 }));
    stand.until("an answer", ended(5)).await;
    let tables = stand.tables.lock().unwrap();
    let of = |id: u64| tables.answers.iter().filter(move |answer| answer.id == id);
    let done = |id| of(id).find_map(|answer| answer.done.clone());
    let error = |id| of(id).find_map(|answer| answer.error.clone()).map(|error| error.code);
    assert!(done(1).unwrap()["top"].as_array().unwrap().len() <= 3);
    assert_eq!(of(2).next().unwrap().part, Some(json!({ "lines": ["two", "three"] })));
    assert_eq!(error(3).as_deref(), Some("unknown"));
    assert_eq!(error(4).as_deref(), Some("denied"));
    assert_eq!(done(5).unwrap()["received"], json!(2));
}

/// A test build knows no release key: so far and no further.
#[tokio::test(flavor = "multi_thread")]
async fn an_update_is_fetched_and_refused_unless_hash_and_signature_are_right() {
    let stand = Stand::start("127.0.0.1:0").await;
    let mut host = enrolled(&stand).await;
    host.start();
    stand.until("a link", |tables| !tables.reports.is_empty()).await;
    stand.tables.lock().unwrap().program = b"a program".to_vec();
    let right = wire::text::sha256_hex(b"a program");
    for (id, sha256, part) in
        [(1, "00".repeat(32), "is not the one that was named"), (2, right, "without a release key")]
    {
        let args = json!({ "version": "99.0.0", "sha256": sha256, "minisig": "x" });
        stand.say(&FromAppliance::Ask(Ask { id, cmd: "update".into(), args, ..Ask::default() }));
        let said = |tables: &stand::Tables| {
            let mut errors =
                tables.answers.iter().filter(|a| a.id == id).filter_map(|a| a.error.clone());
            errors.any(|error| error.say.contains(part))
        };
        stand.until(part, said).await;
    }
    assert!(!host.folder.path().join("state/bin/panoptikon-agent").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_watched_comes_as_events_in_the_same_sequence() {
    let stand = Stand::start("127.0.0.1:0").await;
    let mut host = enrolled(&stand).await;
    let folder = host.folder.path().join("watched");
    std::fs::create_dir(&folder).unwrap();
    host.append_config(&format!("watch_files = [{:?}]\n", folder.to_str().unwrap()));
    host.start();
    stand.until("a link", |tables| !tables.reports.is_empty()).await;
    // It is written until it is watched.
    let told =
        |tables: &stand::Tables| tables.events.iter().any(|body| body.contains("watched/new was "));
    for round in 0..200 {
        std::fs::write(folder.join("new"), format!("{round}")).unwrap();
        tokio::time::sleep(Duration::from_millis(200)).await;
        if told(&stand.tables.lock().unwrap()) {
            break;
        }
    }
    stand.until("the event", told).await;
    let tables = stand.tables.lock().unwrap();
    assert_eq!((tables.gaps.len(), tables.lost.len()), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interval_that_is_set_is_in_force_at_once_and_after_a_restart() {
    let stand = Stand::start("127.0.0.1:0").await;
    stand.interval_s.store(300, Ordering::Relaxed);
    let mut host = enrolled(&stand).await;
    host.start();
    stand.until("the first report", |tables| tables.reports.len() == 1).await;
    stand.say(&FromAppliance::Set(Set { interval_s: Some(1), ..Set::default() }));
    stand.until("more", |tables| tables.reports.len() >= 4).await;
    stand.interval_s.store(1, Ordering::Relaxed);
    host.kill();
    host.start();
    stand.until("a second hello", |tables| tables.hellos.len() == 2).await;
    assert_eq!(stand.tables.lock().unwrap().hellos[1].interval_s, 1);
}

#[test]
fn words_that_make_no_sense_get_the_help_and_a_bad_config_its_line() {
    let host = Host::new();
    let (well, said) = host.says(&["dance"]);
    assert!(!well && said.contains("usage:"));
    let (well, said) = host.says(&["run"]);
    assert!(!well && said.contains("enrol this host first"), "{said}");
    let config = host.folder.path().join("config");
    std::fs::create_dir(&config).unwrap();
    std::fs::write(config.join("agent.toml"), "servers = [\"a:1\"]\nurl = 3\n").unwrap();
    let (well, said) = host.says(&["check"]);
    assert!(!well && said.contains("line 2: unknown field `url`"), "{said}");
}
