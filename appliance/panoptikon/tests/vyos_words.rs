//! Words of `VyOS`'s command line, events as they come, and the bundle for support.

mod site;

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use self::site::{Site, json, text};

#[test]
fn words_of_vyos_reach_questions_and_nothing_else() {
    let site = Site::new();
    let stopped = site.run(&["op-mode", "show", "devices"]);
    assert_eq!(stopped.status.code(), Some(3));
    assert!(text(&stopped.stderr).contains("the appliance is not running"));
    let silent = site.run(&["op-mode", "complete", "devices"]);
    assert_eq!((silent.status.code(), text(&silent.stderr)), (Some(1), String::new()));

    let _running = site.start();
    for words in ["show status", "show devices json", "show alerts", "show events", "show version"]
    {
        let words: Vec<&str> = ["op-mode"].into_iter().chain(words.split(' ')).collect();
        let output = site.run(&words);
        assert!(output.status.success(), "{words:?}: {}", text(&output.stderr));
        assert!(!output.stdout.is_empty(), "{words:?}");
    }
    let absent = site.run(&["op-mode", "show", "device", "nas"]);
    assert_eq!(absent.status.code(), Some(1));
    assert!(
        text(&absent.stderr).contains("no device is called \"nas\""),
        "{}",
        text(&absent.stderr)
    );
    for wrong in [&["reset-auth"][..], &["show", "status", "--config=/etc/shadow"], &[]] {
        let output = site.run(&[&["op-mode"], wrong].concat());
        assert_eq!(output.status.code(), Some(2));
        assert_eq!(text(&output.stderr), "Invalid command\n");
    }
}

/// Writes events into the tables of an appliance that does not run.
fn plant(site: &Site, summaries: &[&str]) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let store = store::Store::open(store::Options {
            dir: site.path("data"),
            rooms: vec![events::ROOM],
            built: model::Timestamp::default(),
            max_bytes: 64 << 20,
            keep_backups: 1,
        });
        let store = store.expect("opened");
        let log = events::Events::new(store.clone());
        for summary in summaries {
            let event = model::NewEvent {
                at: model::Timestamp::now(),
                source: "test",
                kind: "planted",
                severity: model::Severity::Medium,
                device: None,
                summary: (*summary).to_owned(),
                data: json!({}),
            };
            log.publish(event).await.expect("written");
        }
        tokio::task::spawn_blocking(move || store.close()).await.expect("closed");
    });
}

#[test]
fn events_are_shown_oldest_first_and_followed() {
    let site = Site::new();
    plant(&site, &["the first", "the second", "the third"]);
    let _running = site.start();
    let planted = |text: &str| -> Vec<String> {
        text.lines().filter(|l| l.contains("the ")).map(str::to_owned).collect()
    };
    let shown = planted(&text(&site.run(&["events"]).stdout));
    assert_eq!(shown.len(), 3, "{shown:?}");
    assert!(shown[0].ends_with("  medium    the first"), "{shown:?}");
    let counts = site.run(&["events", "--json", "-n", "200"]);
    assert_eq!(json(&counts)["events"][0]["summary"], "the first");

    let mut command = site.command(&["op-mode", "monitor", "events"]);
    let mut child = command.stdout(Stdio::piped()).spawn().expect("it follows");
    let mut lines = BufReader::new(child.stdout.take().expect("an output")).lines();
    for expected in &shown {
        let line =
            lines.by_ref().find(|line| line.as_ref().is_ok_and(|line| line.contains("the ")));
        assert_eq!(&line.expect("a line").expect("text"), expected);
    }
    assert!(child.try_wait().expect("it can be asked").is_none(), "it goes on");
    child.kill().expect("ended");
    child.wait().expect("ended");
}

#[test]
fn a_support_bundle_says_what_is_in_it_and_holds_no_secret() {
    let site = Site::new();
    let planted = "2026-11-22T00:00:00 panoptikon: new device 203.0.113.9 00:11:22:33:44:55 \
                   api_key=hunter2 pnk_9f8e7d6c5b4a39281706f5e4d3c2b1a0";
    site.fake("journalctl", &format!("echo '{planted}'"));
    let _running = site.start();
    let token = text(&site.run(&["setup-token"]).stdout).trim().to_owned();
    assert!(!token.is_empty());
    let folder = site.path("out");
    fs::create_dir(&folder).expect("made");
    let output = site
        .command(&["support-bundle", "--json", &folder.display().to_string()])
        .env("PATH", site.search_path())
        .output()
        .expect("it runs");
    let path = json(&output)["path"].as_str().expect("a path").to_owned();
    assert_eq!(fs::metadata(&path).expect("written").permissions().mode() & 0o777, 0o600);

    let files = unpacked(Path::new(&path), &site.path("unpacked"));
    let names: Vec<&str> = files.keys().map(String::as_str).collect();
    let expected = [
        "README.txt",
        "configuration.txt",
        "counts.json",
        "doctor.json",
        "events.json",
        "log.txt",
        "status.json",
        "version.txt",
    ];
    assert_eq!(names, expected);
    for name in &expected[1..] {
        assert!(files["README.txt"].contains(name), "{name} is listed");
    }
    let all: String = files.values().cloned().collect();
    for secret in [&token, "hunter2", "9f8e7d6c", "203.0.113.9", "00:11:22:33:44:55"] {
        assert!(!all.contains(secret), "{secret}");
    }
    assert!(files["log.txt"].contains("new device <address"), "{}", files["log.txt"]);
    assert!(
        files["configuration.txt"].contains("backup_keep = 24"),
        "{}",
        files["configuration.txt"]
    );
    assert!(files["status.json"].contains("\"components\""));
}

/// The files of an archive, by their name without its folder; by the system's own tar.
fn unpacked(archive: &Path, into: &Path) -> BTreeMap<String, String> {
    fs::create_dir(into).expect("made");
    let tar = Command::new("tar").arg("-xzf").arg(archive).arg("-C").arg(into).output();
    let tar = tar.expect("tar runs");
    assert!(tar.status.success() && tar.stderr.is_empty(), "{}", text(&tar.stderr));
    let folder = fs::read_dir(into).expect("listed").next().expect("a folder").expect("a folder");
    fs::read_dir(folder.path())
        .expect("listed")
        .map(|file| {
            let file = file.expect("a file");
            let name = file.file_name().to_string_lossy().into_owned();
            (name, fs::read_to_string(file.path()).expect("text"))
        })
        .collect()
}

#[test]
fn completion_is_quick() {
    let site = Site::new();
    let _running = site.start();
    let mut fastest = Duration::MAX;
    for _ in 0..20 {
        let begun = Instant::now();
        assert!(site.run(&["op-mode", "complete", "devices"]).status.success());
        fastest = fastest.min(begun.elapsed());
    }
    // The machine may be busy; the quickest of many shows what it takes.
    assert!(fastest < Duration::from_millis(50), "{fastest:?}");
}
