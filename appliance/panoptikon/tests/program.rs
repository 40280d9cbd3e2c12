//! The program as people run it: start, questions, stop, restart, restore, reset.

mod site;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::Value;

use self::site::{PROGRAM, Site, json, text};

/// The lines of the audit log, each as its actor and action.
fn audited(site: &Site) -> Vec<String> {
    let path = site.path("data/panoptikon.db");
    let database = rusqlite::Connection::open(path).expect("opens");
    let mut lines =
        database.prepare("SELECT actor || ' ' || action FROM audit ORDER BY seq").expect("SQL");
    let lines = lines.query_map([], |row| row.get(0)).expect("rows");
    lines.collect::<Result<_, _>>().expect("texts")
}

#[test]
fn the_version_names_commit_and_day() {
    let output = Site::new().run(&["--version"]);
    let line = text(&output.stdout);
    let (version, rest) = line.trim().split_once(" (").expect("a bracket");
    assert_eq!(version, format!("panoptikon {}", env!("CARGO_PKG_VERSION")));
    let (hash, day) = rest.trim_end_matches(')').split_once(' ').expect("hash and day");
    assert!(hash == "unknown" || hash.bytes().all(|b| b.is_ascii_hexdigit()), "{hash}");
    assert!(day.len() == 10 && day.starts_with("20"), "{day}");
}

#[test]
fn the_manual_page_has_each_command_and_no_other() {
    let help = text(&Site::new().run(&["--help"]).stdout);
    let commands = help.split("Commands:").nth(1).and_then(|rest| rest.split("\n\n").next());
    let mut commands: Vec<_> =
        commands.expect("a list").lines().filter_map(|l| l.split_whitespace().next()).collect();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../vyos-packaging/debian/panoptikon.8");
    let manual = fs::read_to_string(path).expect("the manual page");
    let told = manual.split(".SH COMMANDS").nth(1).and_then(|rest| rest.split(".SH").next());
    let mut told: Vec<_> =
        told.expect("its commands").lines().filter_map(|l| l.strip_prefix(".B ")).collect();
    commands.sort_unstable();
    told.sort_unstable();
    assert!(commands.len() > 20, "{commands:?}");
    assert_eq!(told, commands);
}

#[test]
fn a_wrong_configuration_stops_start_and_check_with_code_2() {
    let site = Site::new();
    let file = site.path("panoptikon.toml");
    fs::write(&file, "\nlisen = \"0.0.0.0:1\"\n").expect("written");
    let file = file.display().to_string();
    for command in ["serve", "check-config"] {
        let output = site.run(&[command, "--config", &file]);
        assert_eq!(output.status.code(), Some(2));
        let complaint = text(&output.stderr);
        let expected = format!("{file}:2: unknown key `lisen`; did you mean `listen`?");
        assert!(complaint.starts_with(&expected), "{complaint}");
    }
    assert!(!site.path("data").exists(), "nothing was touched");
    fs::write(&file, b"threads = 1\nhostname = \"b\xf6x\"\n").expect("written");
    let output = site.run(&["check-config", "--config", &file]);
    assert_eq!(output.status.code(), Some(2));
    let complaint = text(&output.stderr);
    assert!(complaint.starts_with(&format!("{file}:2: this is no UTF-8")), "{complaint}");
    let missing = site.run(&["check-config", "--config", "/nowhere/x.toml"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(text(&missing.stderr).contains("/nowhere/x.toml"));
    let accepted = site.run(&["check-config", "--threads", "3"]);
    assert_eq!(accepted.status.code(), Some(0));
    assert!(text(&accepted.stdout).contains("--threads"), "{}", text(&accepted.stdout));
}

#[test]
fn it_starts_answers_and_stops_within_five_seconds() {
    let site = Site::new();
    let not_running = site.run(&["status"]);
    assert_eq!(not_running.status.code(), Some(3));
    assert!(text(&not_running.stderr).contains("the appliance is not running"));

    let mut running = site.start();
    for name in ["data", "config"] {
        let mode = fs::metadata(site.path(name)).expect("made").permissions().mode();
        assert_eq!(mode & 0o777, 0o700, "{name}");
    }
    let status = json(&site.run(&["status", "--json"]));
    assert_eq!(status["pid"], running.child.id());
    assert!(status["components"].as_array().is_some_and(|parts| !parts.is_empty()));
    let people = text(&site.run(&["status"]).stdout);
    assert!(people.contains("PART") && people.contains("store"), "{people}");

    let second = site.run(&["serve"]);
    assert_eq!(second.status.code(), Some(1));
    assert!(text(&second.stderr).contains("another appliance is running"));

    running.signal(Signal::SIGTERM);
    let (code, took) = running.wait();
    assert_eq!(code, Some(0), "{}", fs::read_to_string(site.path("log")).expect("a log"));
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert!(!site.path("control.sock").exists());
}

#[test]
fn the_first_certificate_has_the_lans_address_and_the_next_start_keeps_it() {
    if std::env::var("PANOPTIKON_NO_NETNS").is_ok_and(|value| value == "1") {
        eprintln!("skipped: PANOPTIKON_NO_NETNS=1");
        return;
    }
    let site = Site::new();
    let lan = "ip link add lan0 type veth peer name host0 && ip link set host0 up && \
               ip address add 192.168.50.1/24 dev lan0 && ip link set lan0 up && exec \"$0\" serve";
    let mut certificates = Vec::new();
    for _ in 0..2 {
        let mut running = site.start_with(|serve| {
            let mut inside = Command::new("unshare");
            inside.args(["--net", "sh", "-c", lan, PROGRAM]).env_clear();
            inside.envs(serve.get_envs().filter_map(|(key, value)| Some((key, value?))));
            inside.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
            inside.env("PANOPTIKON_INTERFACES", "lan0").stdin(Stdio::null());
            *serve = inside;
        });
        let kept = fs::read(site.path("config/tls/server.json")).expect("a certificate");
        certificates.push(serde_json::from_slice::<Value>(&kept).expect("JSON"));
        running.signal(Signal::SIGTERM);
        assert_eq!(running.wait().0, Some(0));
    }
    let addresses = &certificates[0]["facts"]["subject"]["addresses"];
    let has_it = addresses.as_array().expect("a list").iter().any(|a| a == "192.168.50.1");
    assert!(has_it, "{addresses}");
    assert!(certificates[0] == certificates[1], "another one for the same names and addresses");
}

#[test]
fn health_is_one_line_and_an_exit_code_whatever_is_wrong() {
    let site = Site::new();
    let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr());
    let listen = port.expect("a free port").to_string();
    let ask = |listen: &str| {
        let begun = Instant::now();
        let output = site.run(&["health", "--listen", listen]);
        assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
        assert_eq!(text(&output.stdout).lines().count(), 1, "{}", text(&output.stdout));
        (output.status.code(), text(&output.stdout))
    };
    let (code, line) = ask(&listen);
    assert_eq!(code, Some(1));
    assert!(line.contains("is not running"), "{line}");

    let mut running = site.start_with(|serve| {
        serve.args(["--listen", &listen]);
    });
    let begun = Instant::now();
    let line = loop {
        let (code, line) = ask(&listen);
        if code == Some(0) {
            break line;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{line}");
    };
    assert!(line.starts_with(&format!("panoptikon {}", env!("CARGO_PKG_VERSION"))), "{line}");

    // It is asked where it listens, wherever the one who asks believes that to be.
    assert_eq!(ask("127.0.0.1:9").0, Some(0));

    // A process that hangs does not answer either.
    running.signal(Signal::SIGSTOP);
    let (code, line) = ask(&listen);
    running.signal(Signal::SIGCONT);
    assert_eq!(code, Some(1), "{line}");
    running.signal(Signal::SIGTERM);
    running.wait();
}

#[test]
fn it_takes_over_after_a_kill_and_stops_when_asked() {
    let site = Site::new();
    let mut killed = site.start();
    killed.signal(Signal::SIGKILL);
    killed.wait();
    assert!(site.path("control.sock").exists());
    let mut running = site.start();
    assert!(site.run(&["stop"]).status.success());
    assert_eq!(running.wait().0, Some(0));
}

#[test]
fn a_restart_keeps_the_process_and_starts_anew() {
    let site = Site::new();
    let running = site.start();
    let before = json(&site.run(&["status", "--json"]));
    assert!(site.run(&["restart"]).status.success());
    let begun = Instant::now();
    loop {
        let output = site.run(&["status", "--json"]);
        if output.status.success() {
            let after = json(&output);
            if after["started"] != before["started"] {
                assert_eq!(after["pid"], before["pid"]);
                break;
            }
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "it does not come back");
        std::thread::sleep(Duration::from_millis(50));
    }
    running.signal(Signal::SIGTERM);
}

#[test]
fn a_backup_comes_back_while_running_and_while_stopped() {
    let site = Site::new();
    let mut running = site.start();
    let before = json(&site.run(&["status", "--json"]))["started"].clone();
    let made = json(&site.run(&["backup", "--json"]));
    let backup = made["path"].as_str().expect("a path").to_owned();
    assert!(Path::new(&backup).exists());

    let bad = site.path("not-a-backup");
    fs::write(&bad, "hello").expect("written");
    let refused = site.run(&["restore", &bad.display().to_string()]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("not a backup"), "{}", text(&refused.stderr));
    let started = |site: &Site| json(&site.run(&["status", "--json"]))["started"].clone();
    assert_eq!(started(&site), before, "a wrong file stops nothing");

    let restored = site.run(&["restore", &backup]);
    assert!(restored.status.success(), "{}", text(&restored.stderr));
    let said = text(&restored.stdout);
    assert!(said.contains("All sessions are ended.") && said.contains("before-restore"), "{said}");
    running.wait_until_open();
    assert!(site.path("data/panoptikon.db.before-restore").exists());
    assert!(audited(&site).iter().any(|line| line == "console database.restore"));

    running.signal(Signal::SIGINT);
    assert_eq!(running.wait().0, Some(0));
    fs::write(site.path("data/panoptikon.db"), "damaged").expect("written");
    let damaged = site.run(&["serve"]);
    assert_eq!(damaged.status.code(), Some(1));
    assert!(text(&damaged.stderr).contains("panoptikon restore"), "{}", text(&damaged.stderr));
    let restored = site.run(&["restore", &backup]);
    assert!(restored.status.success(), "{}", text(&restored.stderr));
    site.start();
}

#[test]
fn promtool_accepts_what_a_running_appliance_gives() {
    let site = Site::new();
    let _running = site.start_with(|serve| {
        serve.env("PANOPTIKON_PLAIN_LISTEN", "127.0.0.1:0");
    });
    let log = fs::read_to_string(site.path("log")).expect("a log");
    let line = log.lines().find(|l| l.contains("serving") && l.contains("plain=true"));
    let address = line.and_then(|l| l.split("address=").nth(1)?.split(' ').next()).expect("told");
    let mut stream = TcpStream::connect(address).expect("listens");
    let request = format!("GET /metrics HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("asked");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("answered");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a body");
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert!(body.contains("# TYPE panoptikon_devices_online_total untyped\n"), "{body}");
    let mut tool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool comes with Debian's package prometheus");
    tool.stdin.take().expect("piped").write_all(body.as_bytes()).expect("read");
    let output = tool.wait_with_output().expect("ends");
    let said = text(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{}: {said}", output.status);
}

#[test]
fn doctor_asks_the_routers_api_where_it_is_configured() {
    let folder = tempfile::tempdir().expect("a folder");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let config = include_str!("../../../scripts/vyos-sim/tests/transcript/sagitta.config.boot");
    let place = folder.path().join("router");
    let mut options = vyos_sim::Options::new(vyos_sim::Release::Sagitta, config.to_owned(), place);
    let (socket, key) = (folder.path().join("api.sock"), folder.path().join("state"));
    options.socket = Some(socket.clone());
    options.key_file = Some(key.clone());
    options.bare_socket = true;
    let sim = runtime.block_on(vyos_sim::Sim::start(options)).expect("a router");
    let site = Site::new();
    let looked = |socket: &Path| {
        let mut doctor = site.command(&["doctor", "--json"]);
        doctor.env("PANOPTIKON_ROUTER_API", socket).env("PANOPTIKON_ROUTER_KEY_FILE", &key);
        let output = doctor.output().expect("the program runs");
        let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let checks = report["checks"].as_array().expect("a list").clone();
        checks.into_iter().find(|check| check["name"] == "VyOS API").expect("looked at")
    };
    let up = looked(&socket);
    assert_eq!(up["state"], "ok", "{up}");
    let found = up["found"].as_str().expect("a text");
    assert!(
        found.contains("VyOS TESTBED-sagitta") && found.contains("api.sock answers"),
        "{found}"
    );
    let nowhere = folder.path().join("other.sock");
    let down = looked(&nowhere);
    assert_eq!(down["state"], "degraded", "{down}");
    assert!(down["found"].as_str().is_some_and(|text| text.contains("other.sock")), "{down}");
    drop(sim);
}

#[test]
fn a_scan_and_a_backup_from_the_console_are_in_the_audit_log() {
    let site = Site::new();
    let _running = site.start();
    site.run(&["scan"]);
    assert!(site.run(&["backup"]).status.success());
    let lines = audited(&site);
    for line in ["console device.scan", "console backup.create"] {
        assert!(lines.iter().any(|l| l == line), "{line}: {lines:?}");
    }
}

#[test]
fn a_reset_asks_first_and_empties_the_database() {
    let site = Site::new();
    let running = site.start();
    let unasked = site.run(&["db", "reset"]);
    assert_eq!(unasked.status.code(), Some(1));
    assert!(text(&unasked.stderr).contains("-f"));
    let made = json(&site.run(&["backup", "--json"]));
    let done = site.run(&["db", "reset", "-f"]);
    assert!(done.status.success(), "{}", text(&done.stderr));
    running.wait_until_open();
    assert!(Path::new(made["path"].as_str().expect("a path")).exists(), "backups stay");
    assert_eq!(audited(&site)[0], "console database.reset");
}

#[test]
fn doctor_without_capabilities_says_what_is_missing_and_how_to_get_it() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).expect("opened to all");
    let program = folder.path().join("panoptikon");
    fs::copy(PROGRAM, &program).expect("copied");
    let (data, config) = (folder.path().join("data"), folder.path().join("config"));
    let mut command = if nix::unistd::geteuid().is_root() {
        let mut command = Command::new("setpriv");
        let drop = ["--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all"];
        command.args(drop).arg(&program);
        command
    } else {
        Command::new(&program)
    };
    let output = command
        .args(["doctor", "--json", "--listen=127.0.0.1:0", "--data-dir"])
        .arg(&data)
        .arg("--config-dir")
        .arg(&config)
        .env_remove("PANOPTIKON_CONFIG")
        .output()
        .expect("the program runs");
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(report["verdict"], "missing");
    let checks = report["checks"].as_array().expect("a list");
    let raw = checks.iter().find(|check| check["name"] == "raw sockets").expect("looked at");
    assert_eq!(raw["state"], "missing");
    let remedy = raw["remedy"].as_str().expect("a remedy");
    assert!(remedy.contains("setcap cap_net_raw+ep"), "{remedy}");
    assert!(remedy.ends_with(&program.display().to_string()), "{remedy}");
    let folder = checks.iter().find(|check| check["name"] == "data directory").expect("looked at");
    assert_eq!(folder["state"], "ok");
}
