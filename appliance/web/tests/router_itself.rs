//! The router itself: what runs on it, what it writes, how loaded it is; over programs that stand in
//! for systemd's.

#![allow(clippy::unwrap_used)] // helpers of tests, outside of #[test]

mod bed;
mod lan;

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use access::Role;
use axum::http::Method;
use bed::{Bed, Browser, NAME};
use lan::front;
use model::Timestamp;
use panoptikon_web::http::{Hosts, Proxies, SESSION_COOKIE};
use panoptikon_web::server::{Limits, Listen, Server};
use serde_json::{Value, json};
use system::services::Programs;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;

const LIMIT: Duration = Duration::from_secs(20);
const HOSTILE: &str = "<script>alert(1)</script>&amp;{{7*7}}";

/// A program of this name that does this; what it is given lies in `NAME.words`.
fn program(folder: &Path, name: &str, does: &str) {
    let words = folder.join(format!("{name}.words"));
    let text = format!("#!/bin/sh\nprintf '%s\\n' \"$@\" >'{}'\n{does}\n", words.display());
    let fresh = folder.join(format!("{name}.new"));
    fs::write(&fresh, text).unwrap();
    fs::set_permissions(&fresh, fs::Permissions::from_mode(0o755)).unwrap();
    fs::rename(fresh, folder.join(name)).unwrap();
}

const UNITS: &str = "Id=ssh.service\nDescription=Shell <b>server</b>\nLoadState=loaded\n\
    ActiveState=active\nSubState=running\nResult=success\nMainPID=0\nNRestarts=2\n\
    MemoryCurrent=5242880\nTasksCurrent=3\n\n\
    Id=chrony.service\nLoadState=loaded\nActiveState=failed\nSubState=failed\nResult=exit-code\n\n\
    Id=dbus.service\nLoadState=loaded\nActiveState=active\nSubState=running\n\n\
    Id=openvpn@vtun0.service\nLoadState=loaded\nActiveState=active\nSubState=running\n";

fn entry(priority: u8, message: &str) -> String {
    json!({
        "MESSAGE": message, "PRIORITY": priority.to_string(), "SYSLOG_IDENTIFIER": "sshd",
        "_PID": "812", "_SYSTEMD_UNIT": "ssh.service", "__REALTIME_TIMESTAMP": "1795273200000000",
    })
    .to_string()
}

/// A site on a router with three services and a log.
async fn site() -> (Bed, Browser, std::path::PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().to_owned();
    let units = UNITS.replace("MainPID=0", &format!("MainPID={}", std::process::id()));
    fs::write(folder.join("units"), units).unwrap();
    program(&folder, "systemctl", &format!("cat '{}'", folder.join("units").display()));
    let lines = [
        entry(6, "Accepted publickey for ada from 203.0.113.9 port 50022"),
        entry(4, "password=hunter2 was tried"),
        entry(3, HOSTILE),
    ];
    fs::write(folder.join("lines"), lines.join("\n") + "\n").unwrap();
    program(&folder, "journalctl", &format!("cat '{}'", folder.join("lines").display()));
    let looks = system::Options {
        programs: Programs {
            systemctl: folder.join("systemctl"),
            journalctl: folder.join("journalctl"),
            helper: None,
        },
        log_dir: Some(folder.join("log")),
        ..system::Options::default()
    };
    let built = Timestamp(Timestamp::now().0 - 1);
    let (bed, ada) = Bed::open(dir, built, looks).await.claimed().await;
    (bed, ada, folder)
}

fn words(folder: &Path, name: &str) -> String {
    fs::read_to_string(folder.join(format!("{name}.words"))).unwrap()
}

#[tokio::test]
async fn what_runs_is_shown_while_the_routers_api_is_down_and_what_failed_stands_first() {
    let (_bed, mut ada, _) = site().await;
    let page = ada.get("/router/services").await.expect(200);
    for text in ["What runs", "ssh.service", "5.0 MiB", "failed: exit-code", "OpenVPN vtun0"] {
        page.says(text);
    }
    page.says("Connections to the router");
    let (failed, ssh) = (page.body.find("chrony.service"), page.body.find("ssh.service"));
    assert!(failed < ssh, "{failed:?} {ssh:?}");
    let page = ada.get("/router/services/unit/ssh.service").await.expect(200);
    for text in ["Open files", "Threads", "Shell &#60;b&#62;server", "Its last words", "Restart"] {
        page.says(text);
    }
    page.says(&std::process::id().to_string());
    page.says("&#60;script&#62;alert(1)");
    assert!(!page.body.contains("<script>alert"));
    ada.get("/router/services/unit/getty@tty1.service").await.expect(404);
    ada.get("/router/services/unit/frr.service").await.expect(404);
}

#[tokio::test]
async fn what_carries_people_is_restarted_by_whoever_types_its_name_and_it_is_written_down() {
    let (bed, mut ada, folder) = site().await;
    let at = "/router/services/unit/ssh.service/restart";
    for typed in ["", "ssh", "chrony.service"] {
        let page = ada.post(at, &[("typed", typed)]).await.expect(422);
        page.says("id=\"e-typed\"");
        assert!(words(&folder, "systemctl").starts_with("show\n"), "nothing was done");
    }
    let done = ada.post(at, &[("typed", "ssh.service")]).await;
    assert_eq!(done.location(), "/router/services/unit/ssh.service");
    assert_eq!(words(&folder, "systemctl"), "--no-ask-password\nrestart\n--\nssh.service\n");
    // What carries nobody needs no name.
    ada.post("/router/services/unit/chrony/start", &[]).await.location();
    assert_eq!(words(&folder, "systemctl"), "--no-ask-password\nstart\n--\nchrony.service\n");
    let audit = bed.audit().await.join("\n");
    assert!(audit.contains("service.restart service:ssh.service ok"), "{audit}");
    assert!(audit.contains("service.start service:chrony.service ok"), "{audit}");

    ada.post("/router/services/unit/dbus.service/restart", &[]).await.expect(409);
    ada.post("/router/services/unit/getty@tty1.service/stop", &[]).await.expect(404);
    ada.post("/router/services/unit/ssh.service/mask", &[("typed", "ssh.service")])
        .await
        .expect(404);
    let mut analyst = bed.person(Role::Analyst).await;
    analyst.post(at, &[("typed", "ssh.service")]).await.expect(403);
    let page = analyst.get("/router/services/unit/ssh.service").await.expect(200);
    assert!(!page.body.contains("formaction"), "no button for who may not");
}

#[tokio::test]
async fn a_deed_that_systemd_refuses_is_told_and_written_down_as_failed() {
    let (bed, mut ada, folder) = site().await;
    let does = format!(
        "[ \"$1\" = show ] && exec cat '{}'; echo 'Unit is masked.' >&2; exit 1",
        folder.join("units").display()
    );
    program(&folder, "systemctl", &does);
    let at = "/api/v1/monitoring/services/chrony/restart";
    let said = ada.json(Method::POST, at, &json!({})).await.expect(502);
    assert!(said.body.contains("Unit is masked."), "{}", said.body);
    let audit = bed.audit().await.join("\n");
    assert!(audit.contains("service.restart service:chrony.service failed"), "{audit}");
    let at = "/api/v1/monitoring/services/ssh/stop";
    ada.json(Method::POST, at, &json!({})).await.expect(422).says("ssh.service");
}

#[tokio::test]
async fn a_log_is_shown_newest_last_with_its_levels_and_searched() {
    let (bed, mut ada, folder) = site().await;
    let page = ada.get("/router/logs?service=ssh&lines=50").await.expect(200);
    page.says("Accepted publickey");
    page.says("<span class=\"warn\">");
    page.says("<span class=\"bad\">");
    page.says("&#60;script&#62;alert(1)");
    assert!(!page.body.contains("<script>alert"));
    assert!(page.body.find("Accepted") < page.body.find("hunter2"), "newest last");
    let given = words(&folder, "journalctl");
    assert!(given.contains("--lines=50\n") && given.contains("--unit=ssh.service\n"), "{given}");
    let page = ada.get("/router/logs?service=ssh&q=PUBLICKEY").await.expect(200);
    page.says("Accepted publickey");
    assert!(!page.body.contains("hunter2"));
    ada.get("/router/logs?service=ssh&q=nothing+so").await.expect(200).says("No lines");
    // Any other number of lines is the usual one.
    ada.get("/router/logs?service=ssh&lines=9999999").await.expect(200);
    assert!(words(&folder, "journalctl").contains("--lines=100\n"));
    ada.get("/router/logs?service=openvpn").await.expect(200);
    assert!(words(&folder, "journalctl").contains("--unit=openvpn@vtun0.service\n"));
    for wrong in ["getty@tty1", "frr", "--file%3D%2Fetc%2Fshadow", "hysteria", "..%2Fx"] {
        ada.get(&format!("/router/logs?service={wrong}")).await.expect(404);
    }
    let mut viewer = bed.person(Role::Viewer).await;
    viewer.get("/router/logs?service=ssh").await.expect(403);
    let page = viewer.get("/router/services/unit/ssh.service").await.expect(200);
    assert!(!page.body.contains("Accepted publickey"), "no log for who may not read it");
}

#[tokio::test]
async fn a_log_to_share_has_no_addresses_and_no_secrets() {
    let (_bed, mut ada, _) = site().await;
    let text = ada.get("/router/logs/masked?service=ssh").await.expect(200);
    assert!(text.header("content-disposition").starts_with("attachment"));
    assert!(text.body.contains("<address 1>"), "{}", text.body);
    for secret in ["203.0.113.9", "hunter2"] {
        assert!(!text.body.contains(secret), "{secret} in {}", text.body);
    }
    let lines = ada.get("/api/v1/logs/ssh?redact=true").await.expect(200);
    assert!(!lines.body.contains("203.0.113.9") && !lines.body.contains("hunter2"));
}

#[tokio::test]
async fn the_api_gives_as_many_lines_as_asked_and_knows_only_watched_services() {
    let (_bed, mut ada, folder) = site().await;
    let given = ada.get("/api/v1/logs/ssh?lines=2").await.expect(200).json();
    assert_eq!(given["service"], "ssh");
    let lines = given["lines"].as_array().unwrap();
    assert_eq!(lines.len(), 2);
    assert_eq!((&lines[1]["level"], &lines[1]["pid"]), (&json!("error"), &json!(812)));
    ada.get("/api/v1/logs/ssh?lines=5000").await.expect(200);
    assert!(words(&folder, "journalctl").contains("--lines=5000\n"));
    for wrong in ["0", "5001", "-1", "x"] {
        ada.get(&format!("/api/v1/logs/ssh?lines={wrong}")).await.expect(422);
    }
    ada.get("/api/v1/logs/nosuch").await.expect(404);
    let names = ada.get("/api/v1/logs").await.expect(200).json();
    let names: Vec<_> = names["services"].as_array().unwrap().iter().collect();
    let has = |name: &str| names.iter().any(|one| one["service"] == name);
    assert!(has("ssh") && has("kernel") && has("openvpn") && !has("hysteria"), "{names:?}");
    program(&folder, "journalctl", "echo 'No journal files were opened' >&2; exit 1");
    let said = ada.get("/api/v1/logs/ssh").await;
    assert!(
        said.status.is_server_error() && said.body.contains("No journal files"),
        "{}",
        said.body
    );
    ada.get("/router/logs?service=ssh").await.expect(200).says("No journal files were opened");
}

#[tokio::test]
async fn own_files_of_log_are_listed_and_no_path_leads_out_of_their_folder() {
    let (_bed, mut ada, folder) = site().await;
    ada.get("/router/logs/files").await.expect(200).says("No files");
    fs::create_dir(folder.join("log")).unwrap();
    fs::write(folder.join("log/panoptikon-2026-11-22.log"), format!("one\n{HOSTILE}\n")).unwrap();
    fs::write(folder.join("panoptikon-secret.log"), "secret\n").unwrap();
    ada.get("/router/logs/files").await.expect(200).says("panoptikon-2026-11-22.log");
    let at = "/router/logs/files?name=panoptikon-2026-11-22.log";
    let page = ada.get(at).await.expect(200);
    page.says("&#60;script&#62;alert(1)");
    let listed = ada.get("/api/v1/log-files").await.expect(200).json();
    assert_eq!(listed["items"][0]["name"], "panoptikon-2026-11-22.log");
    let file = ada.get("/api/v1/log-files/panoptikon-2026-11-22.log").await.expect(200).json();
    assert_eq!(file["lines"], json!(["one", HOSTILE]));
    for wrong in ["..%2Fpanoptikon-secret.log", "%2Fetc%2Fpasswd", "x"] {
        ada.get(&format!("/router/logs/files?name={wrong}")).await.expect(404);
        ada.get(&format!("/api/v1/log-files/{wrong}")).await.expect(404);
    }
}

#[tokio::test]
async fn the_load_is_told_with_the_fields_that_others_know() {
    let (bed, mut ada, _) = site().await;
    let (_switch, ended) = watch::channel(false);
    let room = bed.site.system.clone();
    tokio::spawn(async move { room.run(ended).await });
    let mut seen = bed.site.system.watch();
    seen.wait_for(|snapshot| snapshot.load.cpu.is_some()).await.unwrap();
    let stats = ada.get("/api/v1/monitoring/stats").await.expect(200).json();
    assert!(stats["cpu"]["percent"].is_number() && stats["cpu"]["count"].as_u64() > Some(0));
    for field in ["total", "available", "used", "percent"] {
        assert!(stats["memory"][field].is_number(), "memory {field}");
    }
    for field in ["total", "used", "free", "percent"] {
        assert!(stats["disk"][field].is_number(), "disk {field}");
    }
    for field in ["bandwidth_in", "bandwidth_out", "bytes_sent", "bytes_recv"] {
        assert!(stats["network"][field].is_number(), "network {field}");
    }
    let up = ada.get("/api/v1/monitoring/uptime").await.expect(200).json();
    let (booted, now) = (up["boot_time"].as_i64().unwrap(), Timestamp::now().0);
    let off = now - booted - up["uptime_seconds"].as_i64().unwrap() * 1_000;
    assert!(off.abs() < 10_000, "{off} ms");
    let history = ada.get("/api/v1/monitoring/history").await.expect(200).json();
    assert_eq!((&history["interval_seconds"], &history["span_seconds"]), (&json!(10), &json!(600)));
    let process = ada.get("/api/v1/monitoring/process/ssh").await.expect(200).json();
    assert_eq!(process["process"]["pid"], std::process::id());
    assert!(process["process"]["fds"].as_u64() > Some(0), "{process}");
    ada.get("/api/v1/monitoring/process/nosuch").await.expect(404);
    let all = ada.get("/api/v1/monitoring/services").await.expect(200).json();
    assert_eq!(all["services"].as_array().unwrap().len(), 4);
    let page = ada.get("/router").await.expect(200);
    page.says("Started");
    page.says("Dropped in queues");
}

#[tokio::test]
async fn what_runs_is_loaded_anew_as_often_as_chosen_and_a_page_with_a_form_is_not() {
    let (_bed, mut ada, _) = site().await;
    for (seconds, told) in [(0, None), (15, Some(15)), (300, Some(300))] {
        let wanted = json!({ "refresh_seconds": seconds });
        ada.json(Method::PUT, "/api/v1/me/preferences", &wanted).await.expect(204);
        for path in ["/router", "/router/services", "/router/logs?service=ssh"] {
            let page = ada.get(path).await.expect(200);
            match told {
                Some(n) => {
                    page.says(&format!("data-refresh=\"{n}\""));
                    page.says(&format!("<noscript><meta http-equiv=\"refresh\" content=\"{n}\">"));
                }
                None => assert!(!page.body.contains("data-refresh"), "{path}"),
            }
        }
        let page = ada.get("/router/services/unit/ssh.service").await.expect(200);
        assert!(!page.body.contains("data-refresh"), "a name may be being typed");
    }
}

/// The site on a socket, with the task that feeds open pages.
fn serve(bed: &Bed) -> SocketAddr {
    let listen = [Listen { address: SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0), plain: true }];
    let tls = Arc::clone(bed.site.tls.as_ref().unwrap());
    let (hosts, proxies) = (Arc::new(Hosts::new([NAME])), Arc::new(Proxies::default()));
    let server = Server::bind(&listen, tls, hosts, proxies, Limits::default()).unwrap();
    let at = server.addresses()[0].address;
    let router = panoptikon_web::router(&bed.site, &front(bed), Vec::new());
    tokio::spawn(server.run(router, std::future::pending()));
    tokio::spawn(panoptikon_web::push(bed.site.clone(), std::future::pending()));
    at
}

/// A tab of the live channel.
struct Tab(TcpStream);

impl Tab {
    /// A tab that shows a page, and says so as the script does.
    async fn on(at: SocketAddr, browser: &Browser, page: &str) -> Self {
        let mut tab = Self::connect(at, browser, "/live").await;
        let word = json!({ "v": 1, "page": page }).to_string();
        // A client's frame is masked; a mask of zeros leaves it readable (RFC 6455, 5.3).
        let mut frame = vec![0x81, 0x80 | u8::try_from(word.len()).unwrap(), 0, 0, 0, 0];
        frame.extend(word.as_bytes());
        tab.0.write_all(&frame).await.unwrap();
        tab
    }

    async fn open(at: SocketAddr, browser: &Browser, topic: &str) -> Self {
        Self::connect(at, browser, &format!("/live?topics={topic}")).await
    }

    async fn connect(at: SocketAddr, browser: &Browser, path: &str) -> Self {
        let mut stream = TcpStream::connect(at).await.unwrap();
        let cookie = &browser.cookies[SESSION_COOKIE];
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: {NAME}\r\nOrigin: http://{NAME}\r\n\
             Cookie: {SESSION_COOKIE}={cookie}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(stream.read_u8().await.unwrap());
        }
        assert!(answer.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&answer));
        Self(stream)
    }

    /// The next message; none within this time.
    async fn next(&mut self, within: Duration) -> Option<Value> {
        let read = async {
            loop {
                let first = self.0.read_u8().await.unwrap();
                let length = match self.0.read_u8().await.unwrap() {
                    126 => usize::from(self.0.read_u16().await.unwrap()),
                    127 => self.0.read_u64().await.unwrap() as usize,
                    short => usize::from(short),
                };
                let mut payload = vec![0; length];
                self.0.read_exact(&mut payload).await.unwrap();
                if first & 15 == 1 {
                    return serde_json::from_slice(&payload).unwrap();
                }
            }
        };
        tokio::time::timeout(within, read).await.ok()
    }
}

fn runs(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    !stat.is_empty() && !stat.contains(") Z ")
}

async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + LIMIT;
    while !holds() {
        assert!(Instant::now() < end, "{what}: not within {LIMIT:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_followed_log_comes_line_by_line_to_who_may_read_it_and_ends_with_its_last_reader() {
    let (bed, ada, folder) = site().await;
    let (pipe, pid) = (folder.join("pipe"), folder.join("pid"));
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let (shown, noted) = (pipe.display(), pid.display());
    program(&folder, "journalctl", &format!("echo $$ >'{noted}'; exec cat '{shown}'"));
    let at = serve(&bed);

    let mut end = fs::OpenOptions::new().read(true).write(true).open(&pipe).unwrap();
    let viewer = bed.person(Role::Viewer).await;
    let mut other = Tab::open(at, &viewer, "log:ssh").await;
    let mut tab = Tab::open(at, &ada, "log:ssh").await;
    eventually("the log is followed", || fs::read(&pid).is_ok_and(|text| text.len() > 1)).await;
    assert!(words(&folder, "journalctl").contains("--follow\n"));
    let line = entry(3, "gone <b>wrong</b>") + "\n";
    std::io::Write::write_all(&mut end, line.as_bytes()).unwrap();
    let told = tab.next(LIMIT).await.expect("a line");
    assert_eq!(told["log"][0]["text"], "gone <b>wrong</b>");
    assert_eq!(told["log"][0]["tone"], "bad");
    // Both are told at the same time by the same ring; who may not read has been passed over.
    assert_eq!(other.next(Duration::from_millis(300)).await, None);

    let pid = fs::read_to_string(pid).unwrap().trim().to_owned();
    assert!(runs(&pid));
    drop((tab, other));
    eventually("the program ends", || !runs(&pid)).await;
}

#[tokio::test]
async fn a_topic_of_no_watched_service_starts_nothing() {
    let (bed, ada, folder) = site().await;
    let at = serve(&bed);
    let _wrong = Tab::open(at, &ada, "log:--file%3D%2Fetc%2Fshadow").await;
    let _right = Tab::open(at, &ada, "log:chrony").await;
    let path = folder.join("journalctl.words");
    eventually("the other is followed", || path.exists()).await;
    assert!(words(&folder, "journalctl").contains("--unit=chrony.service\n"));
    assert!(!words(&folder, "journalctl").contains("shadow"));
}

#[tokio::test]
async fn the_router_is_read_more_often_only_while_a_page_shows_its_figures() {
    let (bed, ada, _) = site().await;
    let at = serve(&bed);
    let other = Tab::on(at, &ada, "/devices").await;
    eventually("the tab is there", || bed.site.live.hearers("devices") == 1).await;
    assert!(!bed.site.system.is_watched());
    let tab = Tab::on(at, &ada, "/router").await;
    eventually("somebody looks", || bed.site.system.is_watched()).await;
    drop(tab);
    eventually("nobody looks", || !bed.site.system.is_watched()).await;
    drop(other);
}
