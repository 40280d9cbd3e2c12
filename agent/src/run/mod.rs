//! The agent at work: one task that waits for whatever comes next, a time to report, a frame, an
//! answer, and hands it to the part that knows what to do.

mod talk;

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use wire::Hello;

use crate::book::Book;
use crate::buffer::{Kind, Outbox};
use crate::collect::{self, Asked, Collector, host};
use crate::commands::update::{PROBATION_MS, Shelf, VERSION};
use crate::commands::{self, Desk, Said};
use crate::config::{Config, ConfigError};
use crate::files::{self, FileError};
use crate::identity::{Identity, IdentityError};
use crate::link::backoff::Backoff;
use crate::link::session::Session;
use crate::link::socket::{Came, DialError, Socket};
use crate::log;
use crate::places::Places;
use crate::watch::Watcher;

/// Until the appliance says another one, seconds.
const INTERVAL_S: u32 = 10;
/// The first report comes so long after the start, because rates need two looks, milliseconds.
const FIRST_REPORT_MS: u64 = 700;
/// How often the certificate's age is looked at, milliseconds.
const RENEWAL_MS: u64 = 3_600_000;

/// Commit and day of the build.
pub(crate) const BUILD: &str = match option_env!("PANOPTIKON_BUILD") {
    Some(build) => build,
    None => "of a working copy",
};

/// The agent cannot run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Who this host is.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// The system.
    #[error("waiting for signals: {0}")]
    Signals(std::io::Error),
}

/// Why the agent ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// It was told to.
    Stop,
    /// It is to begin anew.
    Restart,
}

/// How the running agent is, for `status`.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Pulse {
    pub(crate) pid: u32,
    pub(crate) version: String,
    pub(crate) linked: bool,
    pub(crate) server: String,
    /// Since when this is so, Unix milliseconds.
    pub(crate) since: i64,
    pub(crate) name: String,
    /// Why the last link ended.
    pub(crate) why: String,
}

struct Link {
    socket: Socket,
    session: Session,
    server: String,
}

type Dialling = Pin<Box<dyn Future<Output = (String, Result<Socket, DialError>)>>>;

struct Agent {
    places: Places,
    config: Config,
    identity: Identity,
    collector: Collector,
    outbox: Outbox,
    desk: Desk,
    backoff: Backoff,
    shelf: Shelf,
    watcher: Watcher,
    began: Instant,
    binary: String,
    link: Option<Link>,
    dialling: Option<Dialling>,
    rest_until: u64,
    next_report: u64,
    interval_s: u32,
    attend_until: u64,
    passive: bool,
    renewal: Option<String>,
    next_renewal: u64,
    probation: Option<u64>,
    why: String,
    end: Option<End>,
    asked: Sender<Asked>,
}

/// Runs until it is told to end.
pub(crate) async fn run(places: Places) -> Result<End, RunError> {
    let config = Config::load(&places.config_file())?;
    let identity = Identity::load(&places.identity())?;
    let book = Book::open(&places.book())?;
    let interval_s = book.interval_s.unwrap_or(INTERVAL_S).max(config.fastest_s);
    let outbox = Outbox::open(&places.buffer(), book, config.buffer_mb << 20)?;
    let (said, mut answers) = channel(16);
    let (asked, mut questions) = channel(2);
    let (happened, mut events) = channel(8);
    let shelf = Shelf::new(&places.programs());
    let mut terminate = signal(SignalKind::terminate()).map_err(RunError::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(RunError::Signals)?;
    let mut agent = Agent {
        collector: Collector::new(Path::new("/"), config.containers, config.programs.clone(), 0),
        desk: Desk::new(said),
        backoff: Backoff::new(config.servers.len()),
        probation: shelf.on_probation().then_some(PROBATION_MS),
        watcher: Watcher::new(&config, happened),
        shelf,
        places,
        config,
        identity,
        outbox,
        began: Instant::now(),
        binary: host::own_hash(),
        link: None,
        dialling: None,
        rest_until: 0,
        next_report: FIRST_REPORT_MS,
        interval_s,
        attend_until: 0,
        passive: false,
        renewal: None,
        next_renewal: 0,
        why: String::new(),
        end: None,
        asked,
    };
    log::info(format!("panoptikon-agent {VERSION} watches this host"));
    agent.pulse();
    while agent.end.is_none() {
        agent.due().await;
        let until = Duration::from_millis(agent.wake().saturating_sub(agent.now()));
        let takes = agent.link.as_ref().is_none_or(|link| link.session.takes_answers());
        tokio::select! {
            () = tokio::time::sleep(until) => {}
            outcome = waiting(&mut agent.dialling) => agent.dialled(outcome),
            came = next(&mut agent.link) => agent.came(came).await,
            Some(said) = answers.recv(), if takes => agent.said(said).await,
            Some(asked) = questions.recv() => agent.collector.answered(asked),
            Some(body) = events.recv() => {
                let now = agent.now();
                agent.outbox.push(Kind::Events, body, now);
            }
            _ = terminate.recv() => agent.end = Some(End::Stop),
            _ = interrupt.recv() => agent.end = Some(End::Stop),
        }
    }
    agent.finish(&mut answers).await?;
    Ok(agent.end.unwrap_or(End::Stop))
}

async fn waiting(dialling: &mut Option<Dialling>) -> (String, Result<Socket, DialError>) {
    match dialling {
        Some(dialling) => dialling.await,
        None => std::future::pending().await,
    }
}

async fn next(link: &mut Option<Link>) -> Came {
    match link {
        Some(link) => link.socket.next().await,
        None => std::future::pending().await,
    }
}

fn wall_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}

impl Agent {
    fn now(&self) -> u64 {
        self.began.elapsed().as_millis() as u64
    }

    /// When something is due even if nothing comes.
    fn wake(&self) -> u64 {
        let mut wake = self.next_report;
        if let Some(link) = &self.link {
            wake = wake.min(link.session.deadline());
            if self.outbox.impatient() {
                wake = wake.min(self.now() + 500);
            }
        } else if self.dialling.is_none() {
            wake = wake.min(self.rest_until);
        }
        wake
    }

    /// Does what time has come for.
    async fn due(&mut self) {
        let now = self.now();
        if now >= self.next_report {
            self.report(now);
        }
        let linked = self.link.as_ref().is_some_and(|link| link.session.live());
        self.outbox.settle(now, linked);
        if self.probation.is_some_and(|until| now >= until) {
            self.shelf.roll_back();
            self.end = Some(End::Restart);
        }
        if linked && now >= self.next_renewal && self.renewal.is_none() {
            self.next_renewal = now + RENEWAL_MS;
            if self.identity.wants_renewal(wall_ms() / 1000) {
                self.renew();
            }
        }
        self.flush().await;
        if self.link.is_none() && self.dialling.is_none() && now >= self.rest_until {
            self.dial(now);
        }
    }

    fn report(&mut self, now: u64) {
        let attended = now < self.attend_until;
        let report = self.collector.report(now, wall_ms(), attended);
        self.outbox.push(Kind::Report, collect::body(&report), now);
        if let Some(question) = self.collector.question(now, attended) {
            let back = self.asked.clone();
            let thread = std::thread::Builder::new().name("ask".into()).stack_size(256 * 1024);
            let asking = thread.spawn(move || {
                let _ = back.blocking_send(question.ask());
            });
            if let Err(error) = asking {
                log::warn(format!("no thread: {error}"));
                self.collector.answered(Asked::default());
            }
        }
        let interval = u64::from(self.interval_s) * 1000;
        self.next_report += interval;
        if self.next_report <= now {
            // The host slept, or is slow: what was missed is not made up for.
            self.next_report = now + interval;
        }
    }

    fn pulse(&self) {
        self.pulse_as("");
    }

    fn pulse_as(&self, name: &str) {
        let pulse = Pulse {
            pid: std::process::id(),
            version: VERSION.into(),
            linked: self.link.as_ref().is_some_and(|link| link.session.live()),
            server: self.link.as_ref().map(|link| link.server.clone()).unwrap_or_default(),
            since: wall_ms(),
            name: collect::short(name),
            why: self.why.clone(),
        };
        let content = serde_json::to_vec(&pulse).unwrap_or_default();
        // Of no use after a power cut, so it need not be durable.
        if let Err(error) = std::fs::write(self.places.pulse(), content) {
            log::warn(format!("writing {}: {error}", self.places.pulse().display()));
        }
    }

    async fn finish(&mut self, answers: &mut Receiver<Said>) -> Result<(), FileError> {
        self.desk.cancel_all();
        answers.close();
        self.flush().await;
        if let Some(link) = self.link.take() {
            link.socket.close(1000, "the agent ends").await;
        }
        let _ = std::fs::remove_file(self.places.pulse());
        self.outbox.close()
    }
}

/// What `hello` says of the host itself; also at the enrolment.
pub(crate) fn hello(tree: &mut collect::Tree, config: &Config) -> Hello {
    let system = host::system(tree);
    Hello {
        proto: [wire::PROTOCOL, wire::PROTOCOL],
        version: VERSION.into(),
        build: BUILD.into(),
        arch: std::env::consts::ARCH.into(),
        machine: host::machine(tree).unwrap_or_default(),
        at: wall_ms(),
        host: host::name(tree),
        os: system.os,
        kernel: system.kernel,
        virt: host::virtualisation(tree),
        abilities: commands::abilities(config),
        addresses: host::addresses(tree),
        passive: config.passive,
        ..Hello::default()
    }
}

/// How the agent that runs is; [`None`] if none runs.
pub(crate) fn pulse(places: &Places) -> Result<Option<Pulse>, FileError> {
    let content = files::read(&places.pulse(), 64 * 1024)?;
    let pulse = content.and_then(|content| serde_json::from_slice::<Pulse>(&content).ok());
    Ok(pulse.filter(|pulse| Path::new(&format!("/proc/{}", pulse.pid)).exists()))
}
