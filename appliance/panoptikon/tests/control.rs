//! The control socket from both ends: one appliance at a time, errors in words, time limits, and
//! answers although the async side is stuck.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use model::Explained;
use panoptikon::control::{
    Answer, Appliance, AskError, Command, Control, ControlError, Desk, Heartbeat, Request, Socket,
    ask,
};
use panoptikon::health::Health;
use panoptikon::lifecycle::{Ending, Lifecycle};
use serde_json::json;
use tokio::runtime::Runtime;

struct Rooms;

impl Appliance for Rooms {
    fn answer(&self, command: Command) -> Answer {
        Box::pin(async move {
            match command {
                Command::Devices => Ok(json!({ "devices": ["x".repeat(200_000)] })),
                Command::Scan { interface } => Ok(json!({ "message": interface })),
                Command::Backup => panic!("a room breaks"),
                Command::ResetAuth => std::future::pending().await,
                _ => Err(Explained::new("done_before", "setup was finished already")),
            }
        })
    }
}

struct Running {
    runtime: Runtime,
    lifecycle: Lifecycle,
    desk: Arc<Desk>,
    _control: Control,
}

fn run(path: &Path) -> Running {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let (health, lifecycle) = (Health::default(), Lifecycle::default());
    health.ok("store");
    let heartbeat = Heartbeat::default();
    runtime.spawn(heartbeat.clone().beat());
    let handle = runtime.handle().clone();
    let facts = Box::new(|| json!({ "hostname": "router" }));
    let desk = Arc::new(Desk::new(health, lifecycle.clone(), heartbeat, handle, facts));
    let control = Socket::bind(path).expect("bound").serve(Arc::clone(&desk)).expect("served");
    Running { runtime, lifecycle, desk, _control: control }
}

#[test]
fn a_second_appliance_is_refused_and_a_socket_left_behind_is_replaced() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("run/control.sock");
    let first = Socket::bind(&path).expect("bound, with its folder made");
    let mode = std::fs::metadata(&path).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let error = Socket::bind(&path).map(drop).expect_err("refused");
    assert!(matches!(error, ControlError::Running(_)));
    assert!(error.to_string().starts_with("another appliance is running: it holds "), "{error}");
    // Dropped without having served, the socket's file stays, as after a kill.
    drop(first);
    assert!(path.exists());
    Socket::bind(&path).expect("replaced");
}

#[test]
fn what_is_no_socket_or_belongs_to_another_program_is_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    std::fs::write(&file, "precious").expect("written");
    assert!(matches!(Socket::bind(&file), Err(ControlError::NoSocket(_))));
    assert_eq!(std::fs::read_to_string(&file).expect("still there"), "precious");
    let other = folder.path().join("other.sock");
    let _listener = UnixListener::bind(&other).expect("bound");
    assert!(matches!(Socket::bind(&other), Err(ControlError::Running(_))));
}

#[test]
fn answers_and_refusals_come_back_as_they_were_given() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("control.sock");
    let running = run(&path);
    let starting = ask(&path, &Request::Ask(Command::Devices)).expect_err("no rooms yet");
    assert!(matches!(starting, AskError::Refused { ref code, .. } if code == "starting"));
    running.desk.open(Arc::new(Rooms));

    let devices = ask(&path, &Request::Ask(Command::Devices)).expect("answered");
    assert_eq!(devices["devices"][0].as_str().map(str::len), Some(200_000));
    let scan = Command::Scan { interface: Some("eth1".to_owned()) };
    assert_eq!(ask(&path, &Request::Ask(scan)).expect("answered")["message"], "eth1");
    let refused = ask(&path, &Request::Ask(Command::SetupToken)).expect_err("refused");
    assert_eq!(refused.to_string(), "setup was finished already");
    let broken = ask(&path, &Request::Ask(Command::Backup)).expect_err("the room panics");
    assert!(matches!(broken, AskError::Refused { ref code, .. } if code == "internal"));
    let status = ask(&path, &Request::Status).expect("answered");
    assert_eq!((&status["status"], &status["facts"]["hostname"]), (&json!("ok"), &json!("router")));
}

#[test]
fn status_and_stop_work_while_the_async_side_is_stuck() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("control.sock");
    let running = run(&path);
    running.desk.open(Arc::new(Rooms));
    // The only worker is busy for good, and several commands wait for it.
    running.runtime.spawn(async { std::thread::sleep(Duration::from_secs(20)) });
    for _ in 0..10 {
        let path = path.clone();
        std::thread::spawn(move || ask(&path, &Request::Ask(Command::Devices)));
    }
    std::thread::sleep(Duration::from_secs(6));
    let begun = Instant::now();
    let status = ask(&path, &Request::Status).expect("answered");
    assert!(begun.elapsed() < Duration::from_secs(1), "took {:?}", begun.elapsed());
    assert_eq!(status["status"], "degraded");
    assert!(status["async_side"].as_str().is_some_and(|text| text.starts_with("stuck for")));
    let busy = ask(&path, &Request::Ask(Command::Devices)).expect_err("eight wait already");
    assert!(matches!(busy, AskError::Refused { ref code, .. } if code == "busy"));
    ask(&path, &Request::Stop).expect("answered");
    assert!(matches!(running.lifecycle.take(), Some(Ending::Stop)));
    let again = ask(&path, &Request::Stop).expect_err("once is enough");
    assert!(matches!(again, AskError::Refused { ref code, .. } if code == "ending"));
    running.runtime.shutdown_background();
}

#[test]
fn a_room_that_never_answers_runs_into_the_time_limit() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("control.sock");
    let running = run(&path);
    running.desk.open(Arc::new(Rooms));
    let error = ask(&path, &Request::Ask(Command::ResetAuth)).expect_err("no answer");
    assert!(matches!(error, AskError::Refused { ref code, .. } if code == "timeout"), "{error}");
}

#[test]
fn without_an_appliance_the_error_says_how_to_start_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let error = ask(&folder.path().join("none.sock"), &Request::Status).expect_err("nobody");
    assert!(matches!(error, AskError::NotRunning(_)));
    assert!(error.to_string().contains("panoptikon serve"), "{error}");
}
