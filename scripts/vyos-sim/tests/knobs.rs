//! What tests can bring about: locks, failures, lost answers, restarts, other people's changes.

#![allow(clippy::unwrap_used)] // helpers of tests, outside of #[test]

mod common;

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::net::TcpStream;
use vyos::config::commands;
use vyos_sim::{Release, SimError, Timing};

use common::{Answer, Bed, KEY, post, request, send, talk};

const LOCKED: &str = "Configuration system temporarily locked due to another commit in progress\n";

fn set(line: &str) -> Value {
    json!({"op": "set", "path": line.split(' ').collect::<Vec<_>>()})
}

fn name(bed: &Bed) -> String {
    bed.sim.running().value_at(["system", "host-name"]).unwrap().to_owned()
}

async fn until(what: &str, condition: impl Fn() -> bool) {
    let wait = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), wait).await.unwrap_or_else(|_| panic!("{what}"));
}

#[tokio::test]
async fn a_commit_takes_as_long_as_it_is_told() {
    let bed = Bed::new(Release::Current).await;
    bed.sim.commit_takes(Duration::from_millis(150));
    let start = Instant::now();
    bed.set("system host-name slow").await.data();
    assert!(start.elapsed() >= Duration::from_millis(150));
    assert_eq!(name(&bed), "slow");
}

#[tokio::test]
async fn while_somebody_else_commits_nobody_can_and_the_change_is_dropped() {
    let bed = Bed::new(Release::Current).await;
    bed.sim.lock_for(Duration::from_secs(60));
    assert_eq!(bed.set("system host-name late").await.error(), LOCKED);
    assert_eq!(bed.sim.working(), bed.sim.running());
    bed.sim.lock_for(Duration::ZERO);
    bed.set("system host-name late").await.data();
    assert_eq!(name(&bed), "late");
}

#[tokio::test]
async fn changes_of_others_are_running_at_once_and_leave_alone_what_is_not_committed() {
    let bed = Bed::new(Release::Current).await;
    let lines = "set interfaces ethernet eth2 description 'by hand'\ndelete system name-server";
    bed.sim.change_outside(&commands::parse(lines).unwrap());
    assert_eq!(bed.get("interfaces ethernet eth2 description").await, json!("by hand"));
    assert!(bed.sim.running().at(["system", "name-server"]).is_none());
    assert_ne!(bed.sim.saved(), bed.sim.running());
}

#[tokio::test]
async fn one_part_can_be_refused_while_the_others_are_committed() {
    let bed = Bed::new(Release::Current).await;
    bed.sim.fail_commit_under(Some(vec!["service".into(), "ssh".into()]));
    let both = json!({"commands": [set("service ssh port 2222"), set("system host-name half")]});
    let error = bed.post("/configure", both.clone()).await.error();
    assert!(error.starts_with("[ service ssh ]\n"), "{error}");
    assert!(error.ends_with("[[service ssh]] failed\nCommit failed\n"), "{error}");
    assert_eq!(name(&bed), "half");
    assert_eq!(bed.sim.running().value_at(["service", "ssh", "port"]), Some("22"));
    bed.sim.fail_commit_under(None);
    bed.post("/configure", both).await.data();
    assert_eq!(bed.sim.running().at(["service", "ssh", "port"]).unwrap().values(), ["22", "2222"]);
}

#[tokio::test]
async fn a_lost_answer_was_obeyed_all_the_same() {
    let bed = Bed::new(Release::Sagitta).await;
    bed.sim.lose_next_answer();
    assert_eq!(bed.try_post("/configure", set("system host-name lost")).await, None);
    assert_eq!(name(&bed), "lost");
    assert_eq!(bed.sim.requests()[0].status, Some(200));
    assert_eq!(bed.get("system host-name").await, json!("lost"));
}

#[tokio::test]
async fn a_server_that_is_down_is_nginx_saying_so() {
    let bed = Bed::new(Release::Current).await;
    bed.sim.down_for(Duration::from_secs(60));
    assert_eq!(bed.status().await, 502);
    bed.sim.down_for(Duration::ZERO);
    assert_eq!(bed.status().await, 200);
}

#[tokio::test]
async fn without_nginx_a_server_that_is_down_says_nothing_and_large_requests_pass() {
    let bed = Bed::with(Release::Current, |options| options.bare_socket = true).await;
    let large = json!({"op": "exists", "path": ["x".repeat(1_200_000)]});
    assert_eq!(bed.post("/retrieve", large).await.data(), json!(false));
    let answer = bed.send("POST", "/nosuch", &[], b"{}").await.unwrap();
    assert_eq!((answer.status, answer.body.as_str()), (404, "{\"detail\":\"Not Found\"}"));
    bed.sim.down_for(Duration::from_secs(60));
    assert_eq!(bed.try_post("/retrieve", set("system")).await, None);
}

#[tokio::test]
async fn a_reboot_forgets_what_was_not_saved() {
    let bed = Bed::new(Release::Current).await;
    bed.set("system host-name kept").await.data();
    bed.post("/config-file", json!({"op": "save"})).await.data();
    bed.set("system host-name gone").await.data();
    bed.sim.reboot().await;
    bed.settled().await;
    assert_eq!(bed.get("system host-name").await, json!("kept"));
}

#[tokio::test]
async fn a_reboot_can_be_asked_for_through_the_api() {
    let bed = Bed::with(Release::Current, |options| {
        options.timing.boot = Duration::from_secs(60);
    })
    .await;
    bed.sim.obey_reboot(true);
    bed.set("system host-name gone").await.data();
    bed.post("/reboot", json!({"op": "reboot", "path": ["now"]})).await.data();
    assert_eq!(name(&bed), "vyos");
    assert_eq!(bed.status().await, 502);
}

#[tokio::test]
async fn starting_again_on_the_same_folder_is_a_reboot() {
    let bed = Bed::new(Release::Current).await;
    bed.set("system host-name kept").await.data();
    bed.post("/config-file", json!({"op": "save"})).await.data();
    bed.set("system host-name gone").await.data();
    let socket = bed.folder().join("second.sock");
    let mut options =
        vyos_sim::Options::new(Release::Current, common::config(Release::Current), bed.sim.state());
    options.socket = Some(socket.clone());
    let second = vyos_sim::Sim::start(options).await.unwrap();
    let value = json!({"op": "returnValue", "path": ["system", "host-name"]});
    until("it starts", || !second.is_busy()).await;
    assert_eq!(post(&socket, "/retrieve", value).await.unwrap().data(), json!("kept"));
    second.stop().await;
    assert!(!socket.exists());
}

#[tokio::test]
async fn a_wrong_key_is_told_so() {
    let bed = Bed::new(Release::Current).await;
    assert_eq!(bed.sim.key(), KEY);
    bed.sim.only_key("another");
    let answer = bed.post("/retrieve", json!({"op": "exists", "path": ["system"]})).await;
    assert_eq!((answer.status, answer.error().as_str()), (401, "Valid API key is required"));
    assert_eq!(bed.sim.key(), "another");
    assert!(!format!("{:?}", bed.sim).contains("another"));
}

#[tokio::test]
async fn without_rest_there_is_nothing() {
    let bed = Bed::new(Release::Current).await;
    bed.sim.rest(false);
    let answer = bed.post("/retrieve", json!({"op": "exists", "path": ["system"]})).await;
    assert_eq!((answer.status, answer.body.as_str()), (404, "{\"detail\":\"Not Found\"}"));
}

#[tokio::test]
async fn requests_are_counted_and_kept() {
    let bed = Bed::new(Release::Current).await;
    bed.sim.hold_commits(true);
    let ask =
        |n: u32| bed.try_post("/configure", set(&format!("interfaces ethernet eth2 mtu {n}")));
    let go = async {
        until("all three wait", || bed.sim.most_at_once() == 3).await;
        bed.sim.hold_commits(false);
    };
    let (a, b, c, ()) = tokio::join!(ask(1400), ask(1401), ask(1402), go);
    assert!([a, b, c].into_iter().all(|answer| answer.unwrap().status == 200));
    assert_eq!(bed.sim.request_count(), 3);
    assert_eq!(bed.sim.most_at_once(), 3);
    let seen = bed.sim.requests();
    assert!(seen.iter().all(|one| one.path == "/configure" && one.body.contains("mtu")));
    assert!(seen.windows(2).all(|two| two[0].at <= two[1].at));
    assert!(!format!("{seen:?}").contains(KEY));
    bed.sim.forget_requests();
    assert_eq!((bed.sim.request_count(), bed.sim.requests().len()), (0, 0));
}

#[tokio::test]
async fn an_op_mode_command_can_be_given_its_answer() {
    let bed = Bed::new(Release::Current).await;
    bed.sim.op_answer(&["show", "system", "uptime"], "up\n");
    let ask = json!({"op": "show", "path": ["system", "uptime"]});
    assert_eq!(bed.post("/show", ask).await.data(), json!("up\n"));
}

#[tokio::test]
async fn a_server_writes_its_keys_into_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("http-api-state");
    let bed = Bed::with(Release::Current, |options| options.key_file = Some(file.clone())).await;
    let read = || serde_json::from_str::<Value>(&std::fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(read()["keys"]["id"]["panoptikon"]["key"], json!(KEY));
    bed.set("service https api keys id new key NEW").await.data();
    bed.settled().await;
    assert_eq!(read()["keys"]["id"]["new"]["key"], json!("NEW"));
}

#[tokio::test]
async fn a_late_change_that_is_not_confirmed_goes_back() {
    let bed = Bed::with(Release::Newer, |options| {
        options.timing.minute = Duration::from_secs(1);
    })
    .await;
    bed.set("system config-management commit-confirm action reload").await.data();
    let change = json!({"op": "set", "path": ["system", "host-name", "risky"], "confirm_time": 1});
    assert!(bed.post("/configure", change).await.data().is_string());
    assert_eq!(name(&bed), "risky");
    until("it goes back", || name(&bed) == "vyos").await;
    assert!(bed.sim.running().at(["system", "config-management", "commit-confirm"]).is_some());
}

#[tokio::test]
async fn by_default_a_change_that_is_not_confirmed_reboots_the_router() {
    let bed = Bed::with(Release::Newer, |options| {
        options.timing.minute = Duration::from_millis(100);
    })
    .await;
    bed.set("interfaces ethernet eth2 mtu 1400").await.data();
    let change = json!({"op": "set", "path": ["system", "host-name", "risky"], "confirm_time": 1});
    bed.post("/configure", change).await.data();
    until("it goes back", || name(&bed) == "vyos").await;
    assert!(bed.sim.running().at(["interfaces", "ethernet", "eth2", "mtu"]).is_none());
}

#[tokio::test]
async fn a_change_that_is_confirmed_stays() {
    let bed = Bed::with(Release::Newer, |options| {
        options.timing.minute = Duration::from_secs(1);
    })
    .await;
    let change = json!({"op": "set", "path": ["system", "host-name", "good"], "confirm_time": 1});
    bed.post("/configure", change).await.data();
    let again = json!({"op": "set", "path": ["system", "host-name", "better"], "confirm_time": 1});
    assert_eq!(bed.post("/configure", again).await.error(), "Another confirm is pending\n");
    bed.post("/configure", json!({"op": "confirm", "path": []})).await.data();
    // Longer than the minute: what would go back had gone.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert_eq!(name(&bed), "better");
}

#[tokio::test]
async fn older_releases_know_neither_confirm_nor_info() {
    for release in [Release::Sagitta, Release::Current] {
        let bed = Bed::new(release).await;
        let answer = bed.post("/configure", json!({"op": "confirm", "path": ["x"]})).await;
        assert_eq!(answer.error(), "'confirm' is not a valid operation");
        assert_eq!(bed.send("GET", "/info", &[], b"").await.unwrap().status, 404);
    }
    let bed = Bed::new(Release::Newer).await;
    let answer = bed.send("GET", "/info?version=false", &[], b"").await.unwrap();
    assert_eq!(answer.data()["hostname"], json!("vyos"));
    assert_eq!(answer.data()["version"], json!(""));
}

#[tokio::test]
async fn it_speaks_tls_and_sends_those_there_who_do_not() {
    let bed = Bed::with(Release::Current, |options| {
        options.listen = Some("127.0.0.1:0".parse().unwrap());
    })
    .await;
    let address = bed.sim.address().unwrap();
    let mut plain = TcpStream::connect(address).await.unwrap();
    let answer = talk(&mut plain, &request("GET", "/retrieve", &[], b"")).await.unwrap();
    assert_eq!(answer.status, 301);
    assert_eq!(answer.header("location"), format!("https://{address}/retrieve"));
    assert!(answer.body.contains("<h1>301 Moved Permanently</h1>"));

    let answer = over_tls(&bed).await;
    assert_eq!(answer.data(), json!("vyos"));
}

/// Asks for the host name, and trusts only the certificate that the stand-in says is its own.
async fn over_tls(bed: &Bed) -> Answer {
    use rustls_pki_types::{CertificateDer, ServerName};
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from(bed.sim.certificate().unwrap().to_vec())).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(bed.sim.address().unwrap()).await.unwrap();
    let connector = tokio_rustls::TlsConnector::from(std::sync::Arc::new(config));
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = connector.connect(name, stream).await.unwrap();
    let body =
        json!({"op": "returnValue", "path": ["system", "host-name"], "key": KEY}).to_string();
    talk(&mut stream, &request("POST", "/retrieve", &[], body.as_bytes())).await.unwrap()
}

#[tokio::test]
async fn a_read_holds_up_all_others_and_a_change_does_not() {
    let bed = Bed::new(Release::Current).await;
    bed.sim.timing(Timing { retrieve: Duration::from_millis(60), ..Timing::default() });
    let start = Instant::now();
    let ask = || bed.try_post("/retrieve", json!({"op": "exists", "path": ["system"]}));
    let _ = tokio::join!(ask(), ask(), ask());
    assert!(start.elapsed() >= Duration::from_millis(180));
}

#[tokio::test]
async fn knobs_turn_over_a_socket_of_their_own() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let bed = Bed::new(Release::Current).await;
    let socket = bed.folder().join("control.sock");
    let work = async {
        let mut stream = loop {
            match tokio::net::UnixStream::connect(&socket).await {
                Ok(stream) => break stream,
                Err(_) => tokio::time::sleep(Duration::from_millis(2)).await,
            }
        };
        let lines = "outside set system host-name 'by-hand'\nlock 60000\nfail nat\nturn\nsaved\n";
        stream.write_all(lines.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        text
    };
    let text = tokio::select! {
        text = work => text,
        ended = bed.sim.obey(&socket) => panic!("{ended:?}"),
    };
    assert!(text.starts_with("ok\n.\nok\n.\nok\n.\nerror: `turn` is no knob"), "{text}");
    assert!(text.ends_with("set system time-zone Europe/Amsterdam\n.\n"), "{text}");
    assert_eq!(name(&bed), "by-hand");
    assert_eq!(bed.set("system host-name x").await.error(), LOCKED);
}

#[tokio::test]
async fn the_program_survives_being_killed_as_a_router_does() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    std::fs::write(place("start.boot"), common::config(Release::Current)).unwrap();
    let start = || {
        std::process::Command::new(env!("CARGO_BIN_EXE_vyos-sim"))
            .args(["--release", "current", "--config"])
            .arg(place("start.boot"))
            .arg("--socket")
            .arg(place("api.sock"))
            .arg("--state")
            .arg(place("state"))
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap()
    };
    let ask = async |path: &str, json: Value| {
        for _ in 0..2000 {
            if let Some(answer) = post(&place("api.sock"), path, json.clone()).await {
                return answer.data();
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("no answer");
    };
    let mut first = start();
    ask("/configure", set("system host-name kept")).await;
    ask("/config-file", json!({"op": "save"})).await;
    ask("/configure", set("system host-name gone")).await;
    first.kill().unwrap();
    first.wait().unwrap();
    let mut second = start();
    let value = json!({"op": "returnValue", "path": ["system", "host-name"]});
    let kept = ask("/retrieve", value).await;
    second.kill().unwrap();
    second.wait().unwrap();
    assert_eq!(kept, json!("kept"));
}

#[tokio::test]
async fn what_cannot_be_started_is_refused_with_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let options = vyos_sim::Options::new(Release::Current, "system {", folder.path());
    let error = vyos_sim::Sim::start(options).await.unwrap_err();
    assert!(matches!(error, SimError::Config(_)), "{error}");
    let answer = send(&folder.path().join("api.sock"), "GET", "/", &[], b"").await;
    assert_eq!(answer, None);
}
