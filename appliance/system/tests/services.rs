//! Services and logs by programs that stand in for systemd's: what they are asked, what becomes of
//! their answers, and of those that hang, fail or are not there.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use events::Events;
use model::Timestamp;
use panoptikon_system::logs::{Level, LogQuery, source};
use panoptikon_system::services::{HELPER_SOCKET, Programs, Verb, answer_helper};
use panoptikon_system::{Options, ROOM, System, SystemError, Transport};
use store::Store;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

const LIMIT: Duration = Duration::from_secs(20);

struct Bed {
    folder: tempfile::TempDir,
    store: Store,
    events: Events,
    system: System,
}

impl Bed {
    fn new(helper: Option<PathBuf>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(store::Options {
            dir: folder.path().join("data"),
            rooms: vec![events::ROOM, ROOM],
            built: Timestamp(0),
            max_bytes: 1 << 30,
            keep_backups: 1,
        })
        .expect("a store");
        let events = Events::new(store.clone());
        let programs = Programs {
            systemctl: folder.path().join("systemctl"),
            journalctl: folder.path().join("journalctl"),
            helper,
        };
        let services_every = Some(Duration::from_millis(50));
        let own_values = Some(folder.path().join("metrics.d"));
        let options = Options { programs, services_every, own_values, ..Options::default() };
        let system = System::open(store.clone(), events.clone(), options).expect("the room");
        Self { folder, store, events, system }
    }

    /// The room anew over the same tables, as after a restart.
    fn again(&self) -> System {
        let programs = Programs {
            systemctl: self.path("systemctl"),
            journalctl: self.path("journalctl"),
            helper: None,
        };
        let services_every = Some(Duration::from_millis(50));
        let options = Options { programs, services_every, ..Options::default() };
        System::open(self.store.clone(), self.events.clone(), options).expect("the room")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A program of this name that does this; what it is given lies in `NAME.words`.
    fn program(&self, name: &str, does: &str) {
        let path = self.path(name);
        let words = self.path(&format!("{name}.words"));
        let text = format!("#!/bin/sh\nprintf '%s\\n' \"$@\" >'{}'\n{does}\n", words.display());
        // Renamed into place: a file that is being written cannot be run.
        let fresh = self.path(&format!("{name}.new"));
        fs::write(&fresh, text).expect("written");
        fs::set_permissions(&fresh, fs::Permissions::from_mode(0o755)).expect("set");
        fs::rename(fresh, path).expect("renamed");
    }

    fn words(&self, name: &str) -> String {
        fs::read_to_string(self.path(&format!("{name}.words"))).expect("it ran")
    }

    fn unit(&self, active: &str, restarts: u32) {
        let pid = std::process::id();
        self.program(
            "systemctl",
            &format!(
                "printf 'Id=chrony.service\\nLoadState=loaded\\nActiveState={active}\\n\
                 SubState=running\\nResult=exit-code\\nMainPID={pid}\\nNRestarts={restarts}\\n'"
            ),
        );
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        self.store.close();
    }
}

async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let end = Instant::now() + LIMIT;
    while !holds().await {
        assert!(Instant::now() < end, "{what}: not within {LIMIT:?}");
        sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn units_are_asked_for_by_the_list_alone_and_their_process_is_told() {
    let bed = Bed::new(None);
    bed.unit("active", 0);
    let board = bed.system.services().await.expect("asked");
    let unit = board.unit("chrony").expect("there");
    assert!(unit.is_well());
    let process = bed.system.process(unit.main_pid.expect("it runs")).expect("this process");
    assert!(process.threads > 0 && process.memory > 0);
    let words = bed.words("systemctl");
    assert!(words.starts_with("show\n--no-pager\n--property=Id,"), "{words}");
    assert!(words.contains("\n--\n") && words.contains("\nvyos-*.service\n"), "{words}");
}

#[tokio::test]
async fn without_systemd_or_with_one_that_fails_the_reason_is_told() {
    let bed = Bed::new(None);
    let error = bed.system.services().await.expect_err("there is none");
    assert!(matches!(error, SystemError::Missing { .. }), "{error}");
    bed.program("systemctl", "echo 'System has not been booted with systemd' >&2; exit 1");
    let error = bed.system.services().await.expect_err("it fails").to_string();
    assert!(error.ends_with("System has not been booted with systemd"), "{error}");
}

#[tokio::test]
async fn a_service_that_fails_and_returns_is_told_of_each_time_once() {
    let bed = Bed::new(None);
    bed.unit("active", 0);
    let mut bus = bed.events.subscribe();
    let (end, ended) = watch::channel(false);
    let system = bed.system.clone();
    let running = tokio::spawn(async move { system.run(ended).await.expect("it runs") });
    let mut told = async |kind: &str| {
        let heard = async {
            loop {
                let event = bus.recv().await.expect("the bus");
                if event.kind.starts_with("service_") {
                    return event;
                }
            }
        };
        let event = tokio::time::timeout(LIMIT, heard).await.expect("told");
        assert_eq!((event.kind.as_str(), &event.data["unit"]), (kind, &"chrony.service".into()));
    };
    bed.unit("failed", 0);
    told("service_failed").await;
    bed.unit("active", 0);
    told("service_recovered").await;
    bed.unit("active", 9);
    told("service_failed").await;
    end.send(true).expect("it runs");
    running.await.expect("it ends");
}

#[tokio::test]
async fn a_failure_that_was_told_before_a_restart_is_not_told_again_but_its_end_is() {
    let bed = Bed::new(None);
    bed.unit("failed", 0);
    let mut bus = bed.events.subscribe();
    for (state, told) in [("failed", "service_failed"), ("active", "service_recovered")] {
        bed.unit(state, 0);
        let (end, ended) = watch::channel(false);
        let system = bed.again();
        let running = tokio::spawn(async move { system.run(ended).await.expect("it runs") });
        let heard = async {
            loop {
                let event = bus.recv().await.expect("the bus");
                if event.kind.starts_with("service_") {
                    return event.kind.clone();
                }
            }
        };
        let kind = tokio::time::timeout(LIMIT, heard).await.expect("told");
        assert_eq!(kind, told);
        end.send(true).expect("it runs");
        running.await.expect("it ends");
    }
}

#[tokio::test]
async fn only_what_the_list_allows_is_done_and_by_the_helper_where_we_may_not() {
    let bed = Bed::new(None);
    bed.program("systemctl", "exit 0");
    bed.system.act(Verb::Restart, "chrony.service").await.expect("done");
    assert_eq!(bed.words("systemctl"), "--no-ask-password\nrestart\n--\nchrony.service\n");
    for (verb, unit) in [
        (Verb::Stop, "panoptikon.service"),
        (Verb::Restart, "dbus.service"),
        (Verb::Start, "getty@tty1.service"),
        (Verb::Start, "--now"),
    ] {
        let error = bed.system.act(verb, unit).await.expect_err("refused");
        assert!(matches!(error, SystemError::Invalid { .. }), "{error}");
    }

    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("units.sock");
    let bed = Bed::new(Some(socket.clone()));
    let error = bed.system.act(Verb::Restart, "chrony.service").await.expect_err("nobody there");
    assert!(error.to_string().contains("panoptikon-units.socket"), "{error}");
    bed.program("systemctl", "exit 0");
    let (systemctl, failing) = (bed.path("systemctl"), bed.path("failing"));
    bed.program("failing", "echo 'Unit is masked.' >&2; exit 1");
    let listener = std::os::unix::net::UnixListener::bind(&socket).expect("bound");
    let helper = std::thread::spawn(move || {
        for program in [systemctl, failing] {
            let (stream, _) = listener.accept().expect("asked");
            let mut output = stream.try_clone().expect("cloned");
            answer_helper(&program, &mut &stream, &mut output).expect("answered");
        }
    });
    bed.system.act(Verb::Stop, "chrony.service").await.expect("done");
    assert_eq!(bed.words("systemctl"), "--no-ask-password\nstop\n--\nchrony.service\n");
    let error = bed.system.act(Verb::Start, "chrony.service").await.expect_err("refused");
    assert!(error.to_string().ends_with("Unit is masked."), "{error}");
    helper.join().expect("it ended");
    assert_eq!(HELPER_SOCKET, "/run/panoptikon-units.sock", "as in its unit");
}

fn entry(priority: u8, message: &str) -> String {
    format!(
        r#"{{"MESSAGE":"{message}","PRIORITY":"{priority}","__REALTIME_TIMESTAMP":"1700000000000000"}}"#
    )
}

#[tokio::test]
async fn the_newest_lines_of_a_log_are_read_and_searched() {
    let bed = Bed::new(None);
    let lines: Vec<String> = (0..20).map(|n| entry(6, &format!("line {n}"))).collect();
    let text = format!("{}\n{}\n", lines.join("\n"), entry(3, "Disk FULL"));
    fs::write(bed.path("entries"), text).expect("written");
    bed.program("journalctl", &format!("cat '{}'", bed.path("entries").display()));
    let source = source("ssh", None).expect("watched");
    let query = LogQuery { lines: 3, search: String::new() };
    let read = bed.system.log(&source, &query).await.expect("read");
    let messages: Vec<_> = read.iter().map(|line| line.message.as_str()).collect();
    assert_eq!(messages, ["line 18", "line 19", "Disk FULL"]);
    assert_eq!(read[2].level, Level::Error);
    let words = bed.words("journalctl");
    assert!(words.contains("--lines=3\n") && words.contains("--unit=ssh.service\n"), "{words}");
    let query = LogQuery { lines: 100, search: "full".to_owned() };
    let read = bed.system.log(&source, &query).await.expect("read");
    assert_eq!(read.len(), 1);
    assert!(bed.words("journalctl").contains("--lines=5000\n"));

    bed.program("journalctl", "echo 'No journal files were opened' >&2; exit 1");
    let error = bed.system.log(&source, &query).await.expect_err("refused").to_string();
    assert!(error.ends_with("No journal files were opened"), "{error}");
}

fn runs(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    !stat.is_empty() && !stat.contains(") Z ")
}

#[tokio::test]
async fn a_followed_log_tells_lines_as_they_come_and_its_program_ends_with_its_reader() {
    let bed = Bed::new(None);
    let pipe = bed.path("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
    let pid = bed.path("pid");
    bed.program(
        "journalctl",
        &format!("echo $$ >'{}'; exec cat '{}'", pid.display(), pipe.display()),
    );
    let source = source("all", None).expect("all");
    let mut following = bed.system.follow(&source).expect("begun");
    let path: &Path = &pipe;
    let mut end = fs::OpenOptions::new().read(true).write(true).open(path).expect("opened");
    let write = |end: &mut fs::File, text: &str| {
        std::io::Write::write_all(end, format!("{text}\n").as_bytes()).expect("written");
    };
    write(&mut end, &entry(4, "one"));
    write(&mut end, "nonsense");
    write(&mut end, &entry(6, "two"));
    let next = async |following: &mut panoptikon_system::logs::Following| {
        tokio::time::timeout(LIMIT, following.next()).await.expect("in time").expect("a line")
    };
    assert_eq!(next(&mut following).await.level, Level::Warning);
    assert_eq!(next(&mut following).await.message, "two");
    let pid: u32 = fs::read_to_string(pid).expect("it ran").trim().parse().expect("a number");
    assert!(runs(pid));
    drop(following);
    eventually("the program ends", async || !runs(pid)).await;
}

#[tokio::test]
async fn who_is_connected_to_the_router_is_counted_by_port() {
    let bed = Bed::new(None);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let address = listener.local_addr().expect("bound");
    let _client = tokio::net::TcpStream::connect(address).await.expect("connected");
    let _server = listener.accept().await.expect("accepted");
    let udp = loop {
        // One that is no port of somebody who asks.
        let mut octets = [0; 2];
        getrandom::fill(&mut octets).expect("random");
        let port = 10_000 + u16::from_ne_bytes(octets) % 10_000;
        if let Ok(socket) = tokio::net::UdpSocket::bind(("127.0.0.1", port)).await {
            break socket;
        }
    };
    let sockets = bed.system.sockets().await.expect("told");
    let find = |transport, port| {
        sockets.ports.iter().find(|open| open.transport == transport && open.port == port)
    };
    let open = find(Transport::Tcp, address.port()).expect("it listens");
    assert_eq!((open.connections, open.addresses.as_slice()), (1, &[address.ip()][..]));
    assert!(sockets.tcp >= 2);
    let port = udp.local_addr().expect("bound").port();
    assert!(find(Transport::Udp, port).is_some());
}

#[tokio::test]
async fn a_value_of_ones_own_becomes_a_series_and_that_it_cannot_be_had_is_told_once() {
    assert!(nix::unistd::geteuid().is_root(), "only what belongs to root is run");
    let bed = Bed::new(None);
    fs::create_dir(bed.path("metrics.d")).expect("a folder");
    bed.program("metrics.d/queue", "echo 7.5");
    let (_switch, ended) = watch::channel(false);
    let system = bed.system.clone();
    tokio::spawn(async move { system.run(ended).await });
    let told = async |kind: &str| {
        let query = events::EventQuery { kinds: vec![kind.to_owned()], ..Default::default() };
        bed.events.list(query).await.expect("events").events
    };
    let metrics = bed.system.metrics();
    eventually("the value is kept", async || {
        let now = Timestamp::now();
        metrics.flush(now, true).await.expect("stored");
        let from = now.minus(Duration::from_secs(600));
        let to = now.plus(Duration::from_secs(60));
        let points = metrics.query("own_value", "queue", from, to, 10).await.expect("read");
        points.iter().any(|point| (point.value.avg - 7.5).abs() < 1e-9)
    })
    .await;
    bed.program("metrics.d/queue", "echo 'no such queue' >&2; exit 1");
    eventually("it is told", async || !told("own_value_failed").await.is_empty()).await;
    let failed = told("own_value_failed").await;
    assert!(failed[0].summary.contains("no such queue"), "{}", failed[0].summary);
    assert_eq!(failed[0].data["value"], "queue");
    bed.program("metrics.d/queue", "echo 8");
    eventually("so is its return", async || !told("own_value_recovered").await.is_empty()).await;
    assert_eq!(told("own_value_failed").await.len(), 1);
}
