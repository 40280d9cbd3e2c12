//! What happens on the host: sign-ins, changes of files, lines of logs, processes. Each source is a thread that
//! follows one thing and hands on what it finds; here it is bounded, gathered and made a message.
//!
//! What is watched is the host's own choice and what the appliance wishes, as far as the host
//! allows to show it.

mod auth;
mod change;
mod follow;
mod process;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::Sender;
use wire::{EventItem, EventKind};

use crate::commands::{is_unit, may_show};
use crate::config::Config;
use crate::log;

/// Events and octets in one message, and how long the first event waits for others.
const MESSAGE: usize = 200;
const OCTETS: usize = 64 * 1024;
const GATHER: Duration = Duration::from_secs(1);
/// Events a second, in the long run; what is more is counted and left out.
const RATE: u32 = 500;
/// Units, files and folders that are followed at the same time.
const SOURCES: usize = 32;
const STACK: usize = 256 * 1024;

/// What is to be watched.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Wish {
    auth: bool,
    files: Vec<PathBuf>,
    units: Vec<String>,
    logs: Vec<PathBuf>,
    processes: bool,
}

impl Wish {
    /// What the appliance wishes.
    pub(crate) fn of(watch: &wire::Watch) -> Self {
        let paths = |list: &[String]| list.iter().take(SOURCES).map(PathBuf::from).collect();
        let units = watch.units.iter().take(SOURCES).filter(|name| is_unit(name));
        Self {
            auth: watch.auth,
            files: paths(&watch.files),
            units: units.cloned().collect(),
            logs: paths(&watch.logs),
            processes: watch.processes,
        }
    }

    /// With the host's own choice, and without what the host does not show.
    fn within(mut self, config: &Config) -> Self {
        let tail = config.allow.iter().any(|name| name == wire::command::TAIL);
        if !tail {
            self.units.clear();
            self.logs.clear();
        }
        self.logs.retain(|path| may_show(path, config));
        self.auth |= config.watch_auth;
        // Command lines may hold secrets: the host must allow it, and the appliance ask for it.
        self.processes &= config.watch_processes;
        // Names and hashes tell little, but only what is everybody's to read.
        let fits = |path: &PathBuf| {
            ["/etc", "/usr", "/opt", "/srv", "/var/www"].iter().any(|top| path.starts_with(top))
                && !path.components().any(|part| part.as_os_str() == "..")
        };
        self.files.retain(fits);
        for path in &config.watch_files {
            if !self.files.contains(path) {
                self.files.push(path.clone());
            }
        }
        self
    }
}

/// Watches.
pub(crate) struct Watcher {
    config: Config,
    wish: Option<Wish>,
    stop: Arc<AtomicBool>,
    out: Sender<String>,
}

impl Watcher {
    /// Begins with what the host itself chose.
    pub(crate) fn new(config: &Config, out: Sender<String>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let mut watcher = Self { config: config.clone(), wish: None, stop, out };
        watcher.wish(Wish::default());
        watcher
    }

    /// Watches this from now on.
    pub(crate) fn wish(&mut self, wish: Wish) {
        let wish = wish.within(&self.config);
        if self.wish.as_ref() == Some(&wish) {
            return;
        }
        self.stop.store(true, Ordering::Relaxed);
        self.stop = Arc::new(AtomicBool::new(false));
        if wish != Wish::default() {
            self.begin(&wish);
        }
        self.wish = Some(wish);
    }

    fn begin(&self, wish: &Wish) {
        let (sender, events) = sync_channel(1024);
        let source = |name: &str, work: Box<dyn FnOnce(&Source) + Send>| {
            let source = Source { stop: Arc::clone(&self.stop), out: sender.clone() };
            let thread = std::thread::Builder::new().name(name.into()).stack_size(STACK);
            if let Err(error) = thread.spawn(move || work(&source)) {
                log::warn(format!("no thread: {error}"));
            }
        };
        if wish.auth {
            source("auth", Box::new(auth::follow));
        }
        if wish.processes {
            source("processes", Box::new(process::follow));
        }
        if !wish.files.is_empty() {
            let files = wish.files.clone();
            source("files", Box::new(move |source| change::follow(source, &files)));
        }
        if !wish.units.is_empty() {
            let units = wish.units.clone();
            source("units", Box::new(move |source| follow::units(source, &units)));
        }
        for path in wish.logs.clone() {
            let config = self.config.clone();
            source("log", Box::new(move |source| follow::file(source, &path, &config)));
        }
        let (out, stop) = (self.out.clone(), Arc::clone(&self.stop));
        let thread = std::thread::Builder::new().name("events".into()).stack_size(STACK);
        if let Err(error) = thread.spawn(move || gather(&events, &out, &stop)) {
            log::warn(format!("no thread: {error}"));
        }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// What a source may do.
struct Source {
    stop: Arc<AtomicBool>,
    out: SyncSender<EventItem>,
}

impl Source {
    /// Whether it is to go on; asked at least every second.
    fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::Relaxed)
    }

    /// Hands on an event; waits while others are handed on.
    fn tell(&self, event: EventItem) {
        let _ = self.out.send(event);
    }

    /// Waits for a while or the end.
    fn rest(&self, time: Duration) {
        let until = Instant::now() + time;
        while self.goes_on() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(200).min(time));
        }
    }
}

/// How many events may pass: a bucket that fills with [`RATE`] a second.
struct Bucket {
    left: f64,
    at: Instant,
}

impl Bucket {
    fn takes(&mut self, now: Instant) -> bool {
        let most = f64::from(RATE) * 10.0;
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.left = (self.left + passed * f64::from(RATE)).min(most);
        self.at = now;
        let takes = self.left >= 1.0;
        if takes {
            self.left -= 1.0;
        }
        takes
    }
}

/// Makes messages of events until all sources are gone.
fn gather(events: &Receiver<EventItem>, out: &Sender<String>, stop: &AtomicBool) {
    let mut bucket = Bucket { left: f64::from(RATE), at: Instant::now() };
    let (mut list, mut octets, mut since, mut surplus) = (Vec::new(), 0, Instant::now(), 0_u64);
    loop {
        let outcome = events.recv_timeout(GATHER);
        let over = matches!(outcome, Err(RecvTimeoutError::Disconnected));
        if let Ok(event) = outcome {
            if list.is_empty() {
                since = Instant::now();
            }
            if bucket.takes(Instant::now()) {
                octets += event.message.len() * 2 + 512;
                list.push(event);
            } else {
                surplus += 1;
            }
        }
        let due = list.len() >= MESSAGE || octets >= OCTETS || since.elapsed() >= GATHER || over;
        if due && surplus > 0 {
            let message = format!("{surplus} events came too fast and were left out");
            list.push(EventItem { severity: "low".into(), message, ..event(EventKind::Log) });
            surplus = 0;
        }
        if due && !list.is_empty() && out.blocking_send(body(&list)).is_ok() {
            list.clear();
            octets = 0;
        }
        if over || out.is_closed() || stop.load(Ordering::Relaxed) && list.is_empty() {
            return;
        }
    }
}

/// The message as the buffer takes it.
fn body(list: &[EventItem]) -> String {
    #[derive(serde::Serialize)]
    struct Body<'a> {
        list: &'a [EventItem],
    }
    serde_json::to_string(&Body { list }).unwrap_or_default()
}

/// An event of now.
fn event(kind: EventKind) -> EventItem {
    let now = std::time::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_millis() as i64);
    EventItem { at: now, kind, severity: "info".into(), ..EventItem::default() }
}

/// A line as it may stand in an event: 1000 letters, no control characters.
fn line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(1000).collect()
}

fn shown(path: &Path) -> String {
    line(&path.to_string_lossy())
}
