//! What the service manager hears of the program: ready, alive, starting anew, stopping.

use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

/// A service manager with one service.
struct Manager {
    folder: TempDir,
    socket: UnixDatagram,
    service: Option<Child>,
}

impl Manager {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let socket = UnixDatagram::bind(folder.path().join("notify")).expect("a socket");
        socket.set_read_timeout(Some(Duration::from_secs(20))).expect("a time limit");
        Self { folder, socket, service: None }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, argument: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_panoptikon"));
        command
            .arg(argument)
            .env_clear()
            .env("PANOPTIKON_DATA_DIR", self.path("data"))
            .env("PANOPTIKON_CONFIG_DIR", self.path("config"))
            .env("PANOPTIKON_CONTROL_SOCKET", self.path("control.sock"))
            .env("PANOPTIKON_LISTEN", "127.0.0.1:0")
            .env("PANOPTIKON_AGENTS_LISTEN", "127.0.0.1:0")
            .env("PANOPTIKON_INTERFACES", "lo")
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .stdout(Stdio::null());
        command
    }

    fn start(&mut self) {
        let service = self
            .command("serve")
            .env("NOTIFY_SOCKET", self.path("notify"))
            .env("WATCHDOG_USEC", "1500000")
            .spawn();
        self.service = Some(service.expect("the program starts"));
    }

    /// Reads until a message says this.
    fn hears(&self, wanted: &str) -> String {
        let begun = Instant::now();
        let mut buffer = [0; 4096];
        while begun.elapsed() < Duration::from_secs(20) {
            let length = self.socket.recv(&mut buffer).expect("the service says something");
            let message = String::from_utf8_lossy(&buffer[..length]).into_owned();
            if message.lines().any(|line| line.starts_with(wanted)) {
                return message;
            }
        }
        panic!("never heard: {wanted}");
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        if let Some(service) = &mut self.service {
            let _ = service.kill();
            let _ = service.wait();
        }
    }
}

#[test]
fn the_service_manager_hears_of_start_life_new_start_and_end() {
    let mut manager = Manager::new();
    manager.start();
    let ready = manager.hears("READY=1");
    assert!(ready.contains("WATCHDOG_USEC=1500000"), "{ready}");
    assert!(manager.path("control.sock").exists(), "ready means that commands are answered");
    for _ in 0..3 {
        manager.hears("WATCHDOG=1");
    }
    assert!(manager.command("restart").status().expect("it runs").success());
    manager.hears("RELOADING=1");
    manager.hears("READY=1");
    manager.hears("WATCHDOG=1");
    let service = manager.service.as_ref().expect("the service");
    let pid = Pid::from_raw(i32::try_from(service.id()).expect("a process id"));
    kill(pid, Signal::SIGTERM).expect("signalled");
    manager.hears("STOPPING=1");
    let code = manager.service.as_mut().expect("the service").wait().expect("ended").code();
    assert_eq!(code, Some(0));
}
