//! What the appliance may ask for, as far as the host allows it.
//!
//! Each command runs on a thread of its own with a time limit, a limit of octets and a switch to end
//! it. Arguments are values with a type and a range; none of them is ever handed to a shell.

mod jitter;
mod measure;
mod ping;
mod processes;
mod scan;
mod tail;
#[cfg(test)]
mod tests;
mod trace;
pub(crate) mod update;

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::mpsc::Sender;
use wire::command;
use wire::{Answer, AnswerError, Ask};

use crate::config::Config;

/// Commands at the same time.
const AT_ONCE: usize = 4;
/// Enough for what they do.
const STACK: usize = 256 * 1024;
/// Bounds of time limits, seconds.
const LIMIT_S: std::ops::RangeInclusive<u32> = 1..=3600;
/// The most octets of answers to one command.
const LIMIT_OCTETS: u64 = 16 * 1024 * 1024;

/// Why a command does not do what was asked.
#[derive(Debug)]
pub(crate) struct Failure {
    code: &'static str,
    say: String,
}

impl Failure {
    fn new(code: &'static str, say: impl Into<String>) -> Self {
        Self { code, say: say.into() }
    }

    pub(crate) fn bad(say: impl Into<String>) -> Self {
        Self::new("bad", say)
    }

    pub(crate) fn denied(say: impl Into<String>) -> Self {
        Self::new("denied", say)
    }

    pub(crate) fn failed(say: impl Into<String>) -> Self {
        Self::new("failed", say)
    }
}

/// What comes from the threads.
#[derive(Debug)]
pub(crate) enum Said {
    /// For the appliance, as it was linked when the command began.
    Answer(u64, Answer),
    /// The agent is to begin anew.
    Restart,
}

/// What commands may know of the agent.
pub(crate) struct Surroundings {
    /// The host's decisions.
    pub(crate) config: Config,
    /// Folder of newer programs.
    pub(crate) programs: PathBuf,
    /// How TLS to the appliance is made.
    pub(crate) tls: Option<Arc<rustls::ClientConfig>>,
    /// Where the appliance was reached.
    pub(crate) server: String,
    /// Probes are forbidden by the appliance.
    pub(crate) passive: bool,
}

/// A command under way.
pub(crate) struct Job {
    ask: Ask,
    cancelled: Arc<AtomicBool>,
    until: Instant,
    left: u64,
    link: u64,
    out: Sender<Said>,
}

impl Job {
    /// The arguments as this type.
    fn arguments<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        let given = if self.ask.args.is_null() { json!({}) } else { self.ask.args.clone() };
        serde_json::from_value(given)
            .map_err(|error| Failure::bad(format!("the arguments of {}: {error}", self.ask.cmd)))
    }

    /// An error when it is to end; asked at least every half second.
    fn go_on(&self) -> Result<(), Failure> {
        if self.cancelled.load(Ordering::Relaxed) {
            return Err(Failure::new("cancelled", "it was cancelled"));
        }
        if Instant::now() >= self.until {
            return Err(Failure::new(
                "late",
                format!("it took longer than {} s", self.ask.limit_s),
            ));
        }
        Ok(())
    }

    /// The time that is left, at most `most`.
    fn left(&self, most: Duration) -> Duration {
        self.until.saturating_duration_since(Instant::now()).clamp(Duration::from_millis(1), most)
    }

    /// Waits, but not longer than it may.
    fn pause(&self, time: Duration) -> Result<(), Failure> {
        let until = Instant::now() + time;
        while Instant::now() < until {
            self.go_on()?;
            let rest = until.saturating_duration_since(Instant::now());
            std::thread::sleep(self.left(rest.min(Duration::from_millis(200))));
        }
        self.go_on()
    }

    /// Sends a part of the answer.
    fn part(&mut self, value: Value) -> Result<(), Failure> {
        self.go_on()?;
        let octets = value.to_string().len() as u64;
        if octets > self.left {
            return Err(Failure::new("too_much", "the answer is longer than was asked for"));
        }
        self.left -= octets;
        let answer = Answer { id: self.ask.id, part: Some(value), ..Answer::default() };
        let gone = |_| Failure::new("cancelled", "the link is gone");
        self.out.blocking_send(Said::Answer(self.link, answer)).map_err(gone)
    }
}

/// Commands that are under way.
pub(crate) struct Desk {
    running: HashMap<u64, Arc<AtomicBool>>,
    /// Which link: numbers of commands mean nothing on another one.
    link: u64,
    out: Sender<Said>,
}

impl Desk {
    pub(crate) fn new(out: Sender<Said>) -> Self {
        Self { running: HashMap::new(), link: 0, out }
    }

    /// Begins a command, or says at once why not.
    pub(crate) fn begin(&mut self, mut ask: Ask, around: Surroundings) -> Option<Answer> {
        let id = ask.id;
        let refuse = |failure: Failure| Some(error(id, failure));
        if let Err(failure) = allowed(&ask.cmd, &around.config, around.passive) {
            return refuse(failure);
        }
        if self.running.len() >= AT_ONCE {
            return refuse(Failure::new(
                "busy",
                format!("{AT_ONCE} commands are under way already"),
            ));
        }
        if self.running.contains_key(&id) {
            return refuse(Failure::bad("a command with this number is under way"));
        }
        ask.limit_s = if ask.limit_s == 0 { 30 } else { ask.limit_s };
        ask.limit_s = ask.limit_s.clamp(*LIMIT_S.start(), *LIMIT_S.end());
        let left = if ask.limit_bytes == 0 { 1 << 20 } else { ask.limit_bytes.min(LIMIT_OCTETS) };
        let cancelled = Arc::new(AtomicBool::new(false));
        let until = Instant::now() + Duration::from_secs(ask.limit_s.into());
        let (out, flag) = (self.out.clone(), Arc::clone(&cancelled));
        let job = Job { ask, cancelled: flag, until, left, link: self.link, out };
        let thread = std::thread::Builder::new().name("command".into()).stack_size(STACK);
        match thread.spawn(move || carry_out(job, &around)) {
            Ok(_) => {
                self.running.insert(id, cancelled);
                None
            }
            Err(why) => refuse(Failure::failed(format!("no thread: {why}"))),
        }
    }

    /// Ends one.
    pub(crate) fn cancel(&mut self, id: u64) {
        if let Some(cancelled) = self.running.get(&id) {
            cancelled.store(true, Ordering::Relaxed);
        }
    }

    /// Ends all: nobody waits for them any more.
    pub(crate) fn cancel_all(&mut self) {
        for cancelled in self.running.values() {
            cancelled.store(true, Ordering::Relaxed);
        }
        self.running.clear();
        self.link += 1;
    }

    /// Whether an answer is for the link that stands; the last one ends the command.
    pub(crate) fn answered(&mut self, link: u64, answer: &Answer) -> bool {
        if link == self.link && (answer.done.is_some() || answer.error.is_some()) {
            self.running.remove(&answer.id);
        }
        link == self.link
    }
}

fn error(id: u64, failure: Failure) -> Answer {
    let error = AnswerError { code: failure.code.into(), say: failure.say };
    Answer { id, error: Some(error), ..Answer::default() }
}

/// Commands that send packets to others than the appliance.
const PROBES: [&str; 6] = [
    command::PING,
    command::TRACE,
    command::LATENCY,
    command::THROUGHPUT,
    command::JITTER,
    command::SCAN,
];

fn allowed(name: &str, config: &Config, passive: bool) -> Result<(), Failure> {
    if !command::ALL.contains(&name) {
        return Err(Failure::new("unknown", "this agent does not know the command"));
    }
    if !config.allow.iter().any(|allowed| allowed == name) {
        return Err(Failure::denied(format!("this host's agent.toml does not allow {name}")));
    }
    if PROBES.contains(&name) && (passive || config.passive) {
        return Err(Failure::denied("this host only listens (passive)"));
    }
    Ok(())
}

/// What this host allows, for `hello`.
pub(crate) fn abilities(config: &Config) -> Vec<String> {
    let may = |name: &&&str| allowed(name, config, false).is_ok();
    let watch = config.watch_processes.then_some(&wire::WATCH_PROCESSES);
    command::ALL.iter().filter(may).chain(watch).map(|name| (*name).to_owned()).collect()
}

fn carry_out(mut job: Job, around: &Surroundings) {
    let name = job.ask.cmd.clone();
    let outcome = match name.as_str() {
        command::TAIL => tail::tail(&mut job, &around.config),
        command::PROCESSES => processes::processes(&job),
        command::PING => ping::ping(&mut job),
        command::TRACE => trace::trace(&mut job),
        command::LATENCY | command::THROUGHPUT => measure::measure(&mut job, &around.server),
        command::JITTER => jitter::jitter(&mut job, &around.server),
        command::SCAN => scan::scan(&mut job),
        command::UPDATE => update::update(&job, around),
        _ => Ok(json!({})),
    };
    let begin_anew = outcome.is_ok() && matches!(name.as_str(), command::RESTART | command::UPDATE);
    let answer = match outcome {
        Ok(done) => Answer { id: job.ask.id, done: Some(done), ..Answer::default() },
        Err(failure) => error(job.ask.id, failure),
    };
    // Nobody is there any more when this fails.
    let _ = job.out.blocking_send(Said::Answer(job.link, answer));
    if begin_anew {
        let _ = job.out.blocking_send(Said::Restart);
    }
}

pub(crate) use tail::{Lines, is_unit};

/// Opens a log that the host shows; [`None`] if it may not be shown or cannot be read.
pub(crate) fn open_log(path: &std::path::Path, config: &Config) -> Option<std::fs::File> {
    tail::open(path, config).ok()
}

/// Whether a path lies where logs may be shown; links are looked at when it is opened.
pub(crate) fn may_show(path: &std::path::Path, config: &Config) -> bool {
    tail::named_within(path, config)
}

/// The address of a host by name or number.
fn resolve(to: &str) -> Result<IpAddr, Failure> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '_' | '%');
    if to.is_empty() || to.len() > 253 || !to.chars().all(fits) {
        return Err(Failure::bad("\"to\" is no address or name of a host"));
    }
    let addresses = (to, 0).to_socket_addrs();
    let first =
        addresses.ok().and_then(|mut all| all.next()).map(|address: SocketAddr| address.ip());
    first.ok_or_else(|| Failure::failed(format!("{to} is not known here")))
}

fn ms(time: Duration) -> f64 {
    (time.as_secs_f64() * 100_000.0).round() / 100.0
}
