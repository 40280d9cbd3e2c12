//! The last lines of a log, and those that come: a unit's journal or a file below `/var/log` or a
//! folder that the host's owner named.

use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::fd::AsFd as _;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Component, Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Failure, Job};
use crate::config::Config;

const LOGS: &str = "/var/log";
/// As much of a file's end is looked through for lines, octets.
const END: u64 = 256 * 1024;
/// A longer line is cut, octets.
const LINE: usize = 8 * 1024;
const LINES: u32 = 2000;

#[derive(Deserialize)]
struct Arguments {
    unit: Option<String>,
    file: Option<PathBuf>,
    #[serde(default = "hundred")]
    lines: u32,
    #[serde(default)]
    follow: bool,
}

fn hundred() -> u32 {
    100
}

pub(super) fn tail(job: &mut Job, config: &Config) -> Result<Value, Failure> {
    let arguments: Arguments = job.arguments()?;
    let lines = arguments.lines.min(LINES);
    match (&arguments.unit, &arguments.file) {
        (Some(unit), None) => journal(job, unit, lines, arguments.follow),
        (None, Some(path)) => file(job, path, lines, arguments.follow, config),
        _ => Err(Failure::bad("tail takes either a unit or a file")),
    }
}

/// Whether a word can be the name of a unit (systemd.unit(5)).
pub(crate) fn is_unit(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "@._:-\\".contains(c);
    !name.is_empty() && name.len() <= 255 && !name.starts_with('-') && name.chars().all(fits)
}

struct Journal(Child);

impl Drop for Journal {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn journal(job: &mut Job, unit: &str, lines: u32, follow: bool) -> Result<Value, Failure> {
    if !is_unit(unit) {
        return Err(Failure::bad("this is no name of a unit"));
    }
    let mut command = Command::new("/usr/bin/journalctl");
    command.args(["--no-pager", "--quiet", "--output=short-iso"]);
    // One word each, so that a name can never become an option.
    command.arg(format!("--unit={unit}")).arg(format!("--lines={lines}"));
    if follow {
        command.arg("--follow");
    }
    command.env_clear().env("LC_ALL", "C.UTF-8");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let child = command.spawn().map_err(|e| Failure::failed(format!("journalctl: {e}")))?;
    let mut journal = Journal(child);
    let Some(mut out) = journal.0.stdout.take() else {
        return Err(Failure::failed("journalctl says nothing"));
    };
    let mut said = Lines::default();
    let mut octets = vec![0; 16 * 1024];
    loop {
        job.go_on()?;
        let mut fds = [PollFd::new(out.as_fd(), PollFlags::POLLIN)];
        if poll(&mut fds, PollTimeout::from(200_u8)).is_ok_and(|ready| ready == 0) {
            continue;
        }
        let count =
            out.read(&mut octets).map_err(|e| Failure::failed(format!("journalctl: {e}")))?;
        let end = count == 0;
        let lines = said.take(octets.get(..count).unwrap_or_default(), end);
        if !lines.is_empty() {
            job.part(json!({ "lines": lines }))?;
        }
        if end {
            return Ok(json!({}));
        }
    }
}

/// Makes lines of octets as they come.
#[derive(Default)]
pub(crate) struct Lines {
    rest: Vec<u8>,
}

impl Lines {
    /// The whole lines so far; with `end` the last one, too.
    pub(crate) fn take(&mut self, octets: &[u8], end: bool) -> Vec<String> {
        let mut lines = Vec::new();
        for piece in octets.split_inclusive(|octet| *octet == b'\n') {
            let room = LINE.saturating_sub(self.rest.len());
            self.rest.extend(piece.iter().take(room));
            if piece.ends_with(b"\n") {
                lines.push(self.line());
            }
        }
        if end && !self.rest.is_empty() {
            lines.push(self.line());
        }
        lines
    }

    fn line(&mut self) -> String {
        let line = String::from_utf8_lossy(&self.rest).trim_end_matches(['\n', '\r']).to_owned();
        self.rest.clear();
        line
    }
}

/// Whether a path lies, as it is named, below a folder that may be shown.
pub(super) fn named_within(path: &Path, config: &Config) -> bool {
    let plain = |part: Component<'_>| matches!(part, Component::RootDir | Component::Normal(_));
    let mut folders =
        std::iter::once(Path::new(LOGS)).chain(config.folders.iter().map(PathBuf::as_path));
    path.components().all(plain) && folders.any(|folder| path.starts_with(folder))
}

/// Opens a file if it lies, links resolved, below a folder that may be shown.
pub(crate) fn open(path: &Path, config: &Config) -> Result<File, Failure> {
    let plain = |part: Component<'_>| matches!(part, Component::RootDir | Component::Normal(_));
    if !path.is_absolute() || !path.components().all(plain) {
        return Err(Failure::bad("the file's path must begin with a slash and have no \"..\""));
    }
    let failed = |why: std::io::Error| Failure::failed(format!("{}: {why}", path.display()));
    // A pipe without a writer would wait for ever.
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(nix::libc::O_NONBLOCK | nix::libc::O_NOCTTY)
        .open(path)
        .map_err(failed)?;
    // Where it really lies is asked of the file that is open: a link may be changed meanwhile.
    let real = fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd())).map_err(failed)?;
    let mut folders =
        std::iter::once(Path::new(LOGS)).chain(config.folders.iter().map(PathBuf::as_path));
    let within =
        folders.any(|folder| fs::canonicalize(folder).is_ok_and(|folder| real.starts_with(folder)));
    if !within {
        return Err(Failure::denied(format!(
            "{} is neither below {LOGS} nor below a folder that this host's agent.toml names",
            path.display()
        )));
    }
    if !file.metadata().map_err(failed)?.is_file() {
        return Err(Failure::bad("this is no file with text"));
    }
    Ok(file)
}

fn file(
    job: &mut Job,
    path: &Path,
    lines: u32,
    follow: bool,
    config: &Config,
) -> Result<Value, Failure> {
    let failed = |why: std::io::Error| Failure::failed(format!("{}: {why}", path.display()));
    let mut file = open(path, config)?;
    let size = file.metadata().map_err(failed)?.len();
    let begin = size.saturating_sub(END);
    file.seek(SeekFrom::Start(begin)).map_err(failed)?;
    let mut octets = Vec::new();
    (&file).take(size - begin).read_to_end(&mut octets).map_err(failed)?;
    let mut said = Lines::default();
    let mut last = said.take(&octets, !follow);
    if begin > 0 && !last.is_empty() {
        last.remove(0);
    }
    let surplus = last.len().saturating_sub(lines as usize);
    send(job, last.split_off(surplus))?;
    if !follow {
        return Ok(json!({}));
    }
    loop {
        job.pause(Duration::from_millis(400))?;
        let mut octets = Vec::new();
        (&file).take(64 * 1024).read_to_end(&mut octets).map_err(failed)?;
        let new = said.take(&octets, false);
        send(job, new)?;
        if !octets.is_empty() {
            continue;
        }
        // Rotated or cut: what is there now is read from its beginning.
        let at = file.stream_position().map_err(failed)?;
        let here = file.metadata().map_err(failed)?;
        if here.len() < at {
            file.seek(SeekFrom::Start(0)).map_err(failed)?;
        } else if fs::metadata(path).is_ok_and(|there| there.ino() != here.ino()) {
            file = open(path, config)?;
        }
    }
}

/// Sends lines in parts that fit into a frame.
fn send(job: &mut Job, lines: Vec<String>) -> Result<(), Failure> {
    let mut part: Vec<String> = Vec::new();
    let mut octets = 0;
    for line in lines {
        // A control character takes six octets in JSON.
        octets += line.len() * 2 + 16;
        part.push(line);
        if octets > 64 * 1024 {
            job.part(json!({ "lines": std::mem::take(&mut part) }))?;
            octets = 0;
        }
    }
    if part.is_empty() { Ok(()) } else { job.part(json!({ "lines": part })) }
}
