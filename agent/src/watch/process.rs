//! Processes that begin and end, by a look at `/proc` once a second: what lives shorter is not seen,
//! nor how one ended. The kernel would announce them, but only to who has more rights than the agent.
//!
//! Values of arguments that sound like secrets are left out, as far as they can be told.

use std::collections::HashMap;
use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use wire::{EventItem, EventKind};

use super::{Source, event, line};
use crate::collect::user_names;

const EVERY: Duration = Duration::from_secs(1);
/// The most processes that are followed.
const MOST: usize = 32_768;
/// The longest command line that is read, octets.
const LONGEST: u64 = 4_096;
/// Letters of a command line that are kept until its process ends.
const KEPT: usize = 200;
/// `PF_KTHREAD` of the kernel's `include/linux/sched.h`.
const OF_THE_KERNEL: u64 = 0x0020_0000;
/// An argument whose name has one of these holds what is nobody's business.
const SECRETS: [&str; 6] = ["pass", "secret", "token", "key", "auth", "cred"];

/// Follows until the end.
pub(super) fn follow(source: &Source) {
    let root = Path::new("/proc");
    let users = user_names(&fs::read_to_string("/etc/passwd").unwrap_or_default());
    let mut book = Book::default();
    let mut look = |pid| read(root, pid);
    // Those that run already began before.
    book.look(&pids(root), &mut look, 0);
    while source.goes_on() {
        source.rest(EVERY);
        let now = event(EventKind::Process).at;
        for change in book.look(&pids(root), &mut look, now) {
            source.tell(change.event(&users, now));
        }
    }
}

fn pids(root: &Path) -> Vec<u32> {
    let entries = fs::read_dir(root).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).take(MOST).collect()
}

/// What is known of a process.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Process {
    pub(super) name: String,
    pub(super) command: String,
    pub(super) parent: u32,
    pub(super) user: u32,
    /// A thread of the kernel, which nobody started.
    pub(super) is_kernels: bool,
}

/// Reads one; [`None`] if it is gone or may not be seen.
pub(super) fn read(root: &Path, pid: u32) -> Option<Process> {
    let folder = root.join(pid.to_string());
    let stat = fs::read(folder.join("stat")).ok()?;
    let stat = String::from_utf8_lossy(&stat);
    // proc_pid_stat(5): the name is in parentheses and may hold any character.
    let (name, rest) = stat.split_once('(')?.1.rsplit_once(')')?;
    let mut columns = rest.split_ascii_whitespace();
    let parent = columns.nth(1)?.parse().ok()?;
    let flags: u64 = columns.nth(4)?.parse().ok()?;
    let status = fs::read_to_string(folder.join("status")).unwrap_or_default();
    let user = status.lines().find_map(|line| line.strip_prefix("Uid:"));
    let user = user.and_then(|ids| ids.split_ascii_whitespace().nth(1)?.parse().ok());
    let mut words = Vec::new();
    if let Ok(file) = fs::File::open(folder.join("cmdline")) {
        let _ = file.take(LONGEST).read_to_end(&mut words);
    }
    Some(Process {
        name: line(name),
        command: command(&words),
        parent,
        user: user.unwrap_or_default(),
        is_kernels: flags & OF_THE_KERNEL != 0,
    })
}

/// A command line for people, without values that sound like secrets.
pub(super) fn command(octets: &[u8]) -> String {
    let text = String::from_utf8_lossy(octets);
    let mut words = Vec::new();
    // An argument may be a command line of its own, as that of `sh -c` is.
    let mut all = text.split(['\0', ' ', '\t', '\n']).filter(|word| !word.is_empty());
    while let Some(word) = all.next() {
        let is_client = words.first().is_some_and(|name: &String| {
            let name = name.rsplit('/').next().unwrap_or_default();
            name.starts_with("mysql") || name.starts_with("mariadb")
        });
        if is_client && word.len() > 2 && word.starts_with("-p") {
            words.push("-p…".to_owned());
            continue;
        }
        let shown = blank(word);
        let is_next = shown.is_none() && names_a_secret(word) && word.starts_with('-');
        let hides = is_next || word == "-p" || word.ends_with(':') && names_a_secret(word);
        let is_person = ["-u", "--user"].contains(&word);
        words.push(shown.unwrap_or_else(|| word.to_owned()));
        if is_person && let Some(next) = all.next() {
            // `name:password`
            let name = next.split_once(':').map(|(name, _)| format!("{name}:…"));
            words.push(name.unwrap_or_else(|| next.to_owned()));
        }
        if !hides {
            continue;
        }
        match all.next() {
            // The next switch is no value.
            Some(next) if is_next && next.starts_with('-') => {
                words.push(blank(next).unwrap_or_else(|| next.to_owned()));
            }
            Some(next) => {
                // `Authorization: Bearer …`
                let kinds = ["basic", "bearer", "digest", "token"];
                if word.ends_with(':') && kinds.contains(&next.to_ascii_lowercase().as_str()) {
                    all.next();
                    words.push(next.to_owned());
                }
                words.push("…".to_owned());
            }
            None => {}
        }
    }
    line(&words.join(" "))
}

fn names_a_secret(word: &str) -> bool {
    let word = word.to_ascii_lowercase();
    SECRETS.iter().any(|secret| word.contains(secret))
}

/// A word with what is secret in it left out; None where nothing is.
fn blank(word: &str) -> Option<String> {
    let (mut from, mut shown) = (0, String::new());
    if let Some((scheme, rest)) = word.split_once("://") {
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if let Some((before, _)) = authority.rsplit_once('@') {
            from = scheme.len() + 3 + before.len();
            shown = format!("{scheme}://…");
        } else {
            from = scheme.len() + 3;
            shown.push_str(word.get(..from).unwrap_or_default());
        }
    }
    let rest = word.get(from..).unwrap_or_default();
    for piece in rest.split_inclusive(['=', ':', '&', '?', ';', ',']) {
        shown.push_str(piece);
        let is_named = piece.ends_with(['=', ':']) && names_a_secret(piece);
        if is_named && !word.ends_with(piece) {
            shown.push('…');
            return Some(shown);
        }
    }
    (shown != word).then_some(shown)
}

/// Something that began or ended.
#[derive(Debug, PartialEq)]
pub(super) struct Change {
    pub(super) pid: u32,
    pub(super) process: Process,
    /// How long it lived, seconds; nothing where it begins.
    pub(super) lived_s: Option<i64>,
}

impl Change {
    fn event(&self, users: &HashMap<u32, String>, now: i64) -> EventItem {
        let Process { name, command, parent, user, .. } = &self.process;
        let what = if command.is_empty() { name } else { command };
        let user = users.get(user).cloned().unwrap_or_else(|| user.to_string());
        let (action, message) = match self.lived_s {
            None => ("start", format!("{user} started {what}")),
            Some(_) => ("exit", format!("{what} of {user} has ended")),
        };
        let mut event = event(EventKind::Process);
        event.at = now;
        event.message = line(&message);
        let mut field = |name: &str, value: serde_json::Value| {
            event.fields.insert(name.into(), value);
        };
        field("action", action.into());
        field("pid", self.pid.into());
        field("ppid", (*parent).into());
        field("user", user.into());
        field("name", name.as_str().into());
        field("command", command.as_str().into());
        if let Some(seconds) = self.lived_s.filter(|seconds| *seconds >= 0) {
            field("lived_s", seconds.into());
        }
        event
    }
}

/// Who runs. None is a process that is not to be told.
#[derive(Debug, Default)]
pub(super) struct Book {
    running: HashMap<u32, Option<(Process, i64)>>,
}

impl Book {
    /// What has begun and ended since the last look; `now` is in Unix milliseconds, 0 for the first.
    pub(super) fn look(
        &mut self,
        pids: &[u32],
        read: &mut dyn FnMut(u32) -> Option<Process>,
        now: i64,
    ) -> Vec<Change> {
        let mut before = std::mem::take(&mut self.running);
        let mut changes = Vec::new();
        for pid in pids {
            if let Some(known) = before.remove(pid) {
                self.running.insert(*pid, known);
                continue;
            }
            // One that is gone again already is seen neither now nor later.
            let Some(process) = read(*pid) else { continue };
            let told = (!process.is_kernels).then_some(process);
            if let Some(process) = &told
                && now != 0
            {
                let process = process.clone();
                changes.push(Change { pid: *pid, process, lived_s: None });
            }
            let kept = told.map(|mut process| {
                process.command = process.command.chars().take(KEPT).collect();
                (process, now)
            });
            self.running.insert(*pid, kept);
        }
        for (pid, known) in before {
            if let Some((process, since)) = known {
                // Of who ran at the first look it is not known how long it lived.
                let lived = if since == 0 { -1 } else { (now - since) / 1_000 };
                changes.push(Change { pid, process, lived_s: Some(lived) });
            }
        }
        changes
    }
}
