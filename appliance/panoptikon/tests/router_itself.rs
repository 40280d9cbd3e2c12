//! What the program does about the router itself: its log in files, logs of services on the console,
//! the helper that acts on services, and numbers that dashboards and rules ask for.

mod site;

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use site::{Site, text};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the workspace").to_owned()
}

#[test]
fn the_log_goes_to_a_file_of_the_day_too_where_that_is_set() {
    let site = Site::new();
    let folder = site.path("kept");
    {
        let _running = site.start_with(|serve| {
            serve.env("PANOPTIKON_LOG_DIR", &folder);
        });
        let files: Vec<_> = fs::read_dir(&folder).expect("a folder").flatten().collect();
        assert_eq!(files.len(), 1, "{files:?}");
        let name = files[0].file_name().into_string().expect("text");
        assert!(name.starts_with("panoptikon-20") && name.strip_suffix(".log").is_some(), "{name}");
        let kept = fs::read_to_string(files[0].path()).expect("a file");
        assert!(kept.contains("all rooms are open"), "{kept}");
        assert!(
            fs::read_to_string(site.path("log")).expect("a log").contains("all rooms are open")
        );
    }
    let other = Site::new();
    let _running = other.start();
    assert!(!other.path("kept").exists(), "nothing is kept where nobody asked for it");
}

#[test]
fn logs_of_watched_services_become_words_for_journalctl_and_others_are_refused() {
    let site = Site::new();
    site.fake("journalctl", "printf '%s\\n' \"$@\"");
    let run = |words: &[&str]| {
        let mut command = site.command(words);
        command.env("PATH", site.search_path()).output().expect("it runs")
    };
    let output = run(&["logs", "ssh", "-n", "5", "-f"]);
    let said = text(&output.stdout);
    let words: Vec<_> = said.lines().collect();
    let expected = ["--no-hostname", "--no-pager", "--lines=5", "--follow", "--unit=ssh.service"];
    assert_eq!(words, expected);
    assert!(text(&run(&["logs"]).stdout).contains("--unit=panoptikon.service"));
    let refused = run(&["logs", "getty@tty1"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("is no service that is watched"), "{refused:?}");
}

#[test]
fn the_helper_refuses_what_is_not_in_its_list_before_anything_is_run() {
    let site = Site::new();
    for wrong in ["restart getty@tty1.service", "stop panoptikon.service", "mask ssh.service", ""] {
        let mut child = site
            .command(&["unit-helper"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it runs");
        child.stdin.take().expect("piped").write_all(wrong.as_bytes()).expect("asked");
        let output = child.wait_with_output().expect("it ends");
        assert!(text(&output.stdout).starts_with("no: "), "{wrong}: {output:?}");
    }
}

/// Words of a text that are names of ours, or of the process.
fn names(of: &str) -> BTreeSet<String> {
    let words = of.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let is_name = |word: &&str| word.starts_with("panoptikon_") || word.starts_with("process_");
    words.filter(is_name).map(str::to_owned).collect()
}

fn scraped(address: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("listens");
    let request = format!("GET /metrics HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("asked");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("answered");
    answer
}

#[test]
fn every_number_that_rules_and_dashboards_ask_for_is_told() {
    let site = Site::new();
    let _running = site.start_with(|serve| {
        serve.env("PANOPTIKON_PLAIN_LISTEN", "127.0.0.1:0");
    });
    let log = fs::read_to_string(site.path("log")).expect("a log");
    let line = log.lines().find(|l| l.contains("serving") && l.contains("plain=true"));
    let address = line.and_then(|l| l.split("address=").nth(1)?.split(' ').next()).expect("told");
    let end = Instant::now() + Duration::from_secs(30);
    let told = loop {
        let text = scraped(address);
        // The router's own come once it was read twice.
        if text.contains("panoptikon_router_cpu_busy_ratio{") {
            break names(&text);
        }
        assert!(Instant::now() < end, "the router was not read");
        std::thread::sleep(Duration::from_millis(200));
    };
    let folder = root().join("docs/prometheus");
    let mut asked = 0;
    for file in ["panoptikon.rules.yml", "grafana-router.json", "grafana-network.json"] {
        let text = fs::read_to_string(folder.join(file)).expect("a file");
        if file.starts_with("grafana-") {
            let board: serde_json::Value = serde_json::from_str(&text).expect("JSON");
            assert!(board["panels"].as_array().is_some_and(|all| all.len() > 5), "{file}");
        }
        for name in names(&text) {
            assert!(told.contains(&name), "{file} asks for {name}");
            asked += 1;
        }
    }
    assert!(asked > 40, "{asked}");
}

#[test]
fn promtool_accepts_the_rules() {
    let rules = root().join("docs/prometheus/panoptikon.rules.yml");
    let output = Command::new("promtool")
        .args(["check", "rules"])
        .arg(rules)
        .output()
        .expect("promtool comes with Debian's package prometheus");
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
}
