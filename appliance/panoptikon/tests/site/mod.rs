//! An appliance with folders of its own, for tests that run the program.

#![allow(dead_code)] // each test uses its part

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;

/// The program under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_panoptikon");

/// An appliance with folders of its own.
pub(crate) struct Site {
    folder: TempDir,
}

impl Site {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder") }
    }

    /// A path in its folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The program with its own folders, ready to run.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command
            .args(arguments)
            .env_clear()
            .env("PANOPTIKON_DATA_DIR", self.path("data"))
            .env("PANOPTIKON_CONFIG_DIR", self.path("config"))
            .env("PANOPTIKON_CONTROL_SOCKET", self.path("control.sock"))
            .env("PANOPTIKON_VYOS_FILE", self.path("run/vyos.toml"))
            .env("PANOPTIKON_LISTEN", "127.0.0.1:0")
            .env("PANOPTIKON_INTERFACES", "lo")
            .env("PANOPTIKON_FLOWS_SOURCE", "exporters")
            .env("PANOPTIKON_FLOWS_LISTEN", "127.0.0.1:0")
            .env("PANOPTIKON_AGENTS_LISTEN", "127.0.0.1:0")
            .stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("the program runs")
    }

    /// A search path with the site's own programs before those of the system.
    pub(crate) fn search_path(&self) -> String {
        let path = std::env::var("PATH").unwrap_or_default();
        format!("{}:{path}", self.path("bin").display())
    }

    /// Puts a shell script in the place of a program.
    pub(crate) fn fake(&self, name: &str, script: &str) {
        let program = self.path("bin").join(name);
        fs::create_dir_all(self.path("bin")).expect("made");
        fs::write(&program, format!("#!/bin/sh\n{script}\n")).expect("written");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("set");
    }

    /// Starts the appliance and waits until it answers.
    pub(crate) fn start(&self) -> Running<'_> {
        self.start_with(|_| {})
    }

    /// As [`Site::start`], after a word with its command.
    pub(crate) fn start_with(&self, change: impl FnOnce(&mut Command)) -> Running<'_> {
        let log = File::create(self.path("log")).expect("a log");
        let mut command = self.command(&["serve"]);
        change(&mut command);
        let child = command.stderr(log).spawn().expect("the program starts");
        let running = Running { site: self, child };
        running.wait_until_open();
        running
    }
}

/// An appliance that runs until this is dropped.
pub(crate) struct Running<'s> {
    site: &'s Site,
    /// Its process.
    pub(crate) child: Child,
}

impl Running<'_> {
    /// Waits until it answers.
    pub(crate) fn wait_until_open(&self) {
        let begun = Instant::now();
        loop {
            let output = self.site.run(&["devices", "--json"]);
            if output.status.code() != Some(3) {
                return;
            }
            let log = fs::read_to_string(self.site.path("log")).unwrap_or_default();
            assert!(begun.elapsed() < Duration::from_secs(20), "it does not start: {log}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits for the process; gives back its exit code and how long that took.
    pub(crate) fn wait(&mut self) -> (Option<i32>, Duration) {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(20) {
            if let Some(status) = self.child.try_wait().expect("it can be waited for") {
                return (status.code(), begun.elapsed());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("it does not end");
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).expect("a process id");
        kill(Pid::from_raw(pid), signal).expect("signalled");
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Output as text.
pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The JSON of a command that went well.
pub(crate) fn json(output: &Output) -> Value {
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}
