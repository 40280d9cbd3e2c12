//! A stand-in for the HTTP API of a `VyOS` router, for tests.
//!
//! It speaks the API as it was recorded from the real servers of 1.4 and 1.5, with a real
//! configuration tree behind it: a session that all clients share, what is running, and what is
//! saved. Failures are a part of it: locks, partial commits, restarts, lost answers. The knobs of
//! [`Sim`] bring them about.
//!
//! Not here: the programs that apply a configuration. Nothing of the host is changed.

mod api;
mod commit;
mod control;
mod files;
mod form;
mod json;
mod opmode;
mod reply;
mod router;
mod schema;
mod server;
mod show;
mod tls;
mod tree;
mod verify;

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use vyos::config::{Command, Node};

use router::Shared;

/// Whose behaviour is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Release {
    /// 1.4.
    Sagitta,
    /// 1.5 and rolling of October 2024.
    Current,
    /// What came later, known by source and not by recordings: `confirm_time`, `confirm` and
    /// `GET /info`.
    Newer,
}

impl Release {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sagitta => "sagitta",
            Self::Current => "current",
            Self::Newer => "newer",
        }
    }
}

/// How long things take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// A commit.
    pub commit: Duration,
    /// A commit that changes `service https`, from the answer to the end of the old server.
    pub https_commit: Duration,
    /// From the end of the server to the start of the next.
    pub restart: Duration,
    /// A read, for which all other requests wait.
    pub retrieve: Duration,
    /// From a reboot to the start of the server.
    pub boot: Duration,
    /// A minute of `confirm_time`.
    pub minute: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            commit: Duration::from_millis(10),
            https_commit: Duration::from_millis(100),
            restart: Duration::from_millis(200),
            retrieve: Duration::ZERO,
            boot: Duration::from_millis(300),
            minute: Duration::from_secs(60),
        }
    }
}

impl Timing {
    /// As it was measured on the recorded servers.
    pub const fn measured() -> Self {
        Self {
            commit: Duration::from_millis(1100),
            https_commit: Duration::from_millis(1100),
            restart: Duration::from_secs(2),
            retrieve: Duration::from_millis(180),
            boot: Duration::from_secs(60),
            minute: Duration::from_secs(60),
        }
    }
}

/// How a stand-in is started.
#[derive(Clone)]
pub struct Options {
    /// Whose behaviour is shown.
    pub release: Release,
    /// The text of a `config.boot`, used where the state folder holds none yet.
    pub config: String,
    /// Where to listen for clients on this host.
    pub socket: Option<PathBuf>,
    /// Where to listen with TLS; port 0 takes a free one.
    pub listen: Option<SocketAddr>,
    /// The root of the router's files: what is saved is in `config/config.boot` below it.
    pub state: PathBuf,
    /// Where to write the server's own state with the keys, as routers do.
    pub key_file: Option<PathBuf>,
    /// The socket behaves as the server itself does, without nginx before it: no limit of size, and
    /// no answer at all while it is down.
    pub bare_socket: bool,
    /// How long things take.
    pub timing: Timing,
    /// The Ethernet ports; without any, those of the configuration.
    pub ports: Vec<String>,
}

impl Options {
    /// A stand-in that listens nowhere yet.
    pub fn new(release: Release, config: impl Into<String>, state: impl Into<PathBuf>) -> Self {
        Self {
            release,
            config: config.into(),
            socket: None,
            listen: None,
            state: state.into(),
            key_file: None,
            bare_socket: false,
            timing: Timing::default(),
            ports: Vec::new(),
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The configuration holds keys.
        f.debug_struct("Options")
            .field("release", &self.release)
            .field("socket", &self.socket)
            .field("listen", &self.listen)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

/// Why a stand-in did not start.
#[derive(Debug, thiserror::Error)]
pub enum SimError {
    /// The configuration does not parse.
    #[error("the configuration to start with: {0}")]
    Config(#[from] vyos::config::SyntaxError),
    /// A file or socket.
    #[error("{what} {path}: {source}")]
    File {
        /// What was attempted.
        what: &'static str,
        /// On what.
        path: String,
        /// Why it failed.
        source: std::io::Error,
    },
    /// The certificate.
    #[error("making a certificate: {0}")]
    Certificate(String),
}

impl SimError {
    fn file(what: &'static str, path: impl std::fmt::Debug, source: std::io::Error) -> Self {
        Self::File { what, path: format!("{path:?}"), source }
    }
}

/// A request as it came in.
#[derive(Clone, PartialEq, Eq)]
pub struct Seen {
    /// When.
    pub at: Instant,
    /// `POST` and the like.
    pub method: String,
    /// Such as `/configure`.
    pub path: String,
    /// What was sent, keys included.
    pub body: String,
    /// The status of the answer, also where the answer was then lost; none while it is worked on.
    pub status: Option<u16>,
}

impl fmt::Debug for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The body holds a key.
        write!(f, "{} {} ({} bytes) -> {:?}", self.method, self.path, self.body.len(), self.status)
    }
}

/// A running stand-in. Dropping it ends it.
pub struct Sim {
    shared: Arc<Shared>,
    server: server::Server,
}

impl fmt::Debug for Sim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sim").field("server", &self.server).finish_non_exhaustive()
    }
}

impl Sim {
    /// Starts one: a router that has just booted with what is saved in its state folder.
    pub async fn start(options: Options) -> Result<Self, SimError> {
        let shared = Arc::new(Shared::open(&options)?);
        let server = server::Server::start(&options, &shared).await?;
        Ok(Self { shared, server })
    }

    /// The key of the server named `panoptikon`, or else the first.
    pub fn key(&self) -> String {
        let router = self.shared.router();
        let keys = &router.server.keys;
        let key = keys.iter().find(|(id, _)| id == "panoptikon").or_else(|| keys.first());
        key.map(|(_, key)| key.clone()).unwrap_or_default()
    }

    /// Where it listens with TLS.
    pub const fn address(&self) -> Option<SocketAddr> {
        self.server.address
    }

    /// The certificate it shows there, in DER.
    pub fn certificate(&self) -> Option<&[u8]> {
        self.server.certificate.as_deref()
    }

    /// What is running.
    pub fn running(&self) -> Node {
        self.shared.router().running.clone()
    }

    /// What the session that all clients share has, committed or not.
    pub fn working(&self) -> Node {
        self.shared.router().working.clone()
    }

    /// Whether a commit is under way, also one behind an answer already given, or the server is
    /// gone for a while.
    pub fn is_busy(&self) -> bool {
        self.shared.router().is_busy()
    }

    /// What is saved, as a boot would load it.
    pub fn saved(&self) -> Node {
        self.shared.router().saved()
    }

    /// A file of the router, such as `/config/config.boot`.
    pub fn file(&self, path: &str) -> Option<PathBuf> {
        self.shared.router().files.place(path)
    }

    /// The root of the router's files.
    pub fn state(&self) -> PathBuf {
        let router = self.shared.router();
        Path::new(router.files.root()).to_owned()
    }

    /// Changes how long things take.
    pub fn timing(&self, timing: Timing) {
        self.shared.router().timing = timing;
    }

    /// From now on a commit takes so long.
    pub fn commit_takes(&self, duration: Duration) {
        self.shared.router().timing.commit = duration;
    }

    /// From now on commits begin and do not end, until they are let go.
    pub fn hold_commits(&self, hold: bool) {
        self.shared.held.send_replace(hold);
    }

    /// Somebody on the command line holds the commit lock for so long.
    pub fn lock_for(&self, duration: Duration) {
        self.shared.router().locked_until = Some(Instant::now() + duration);
    }

    /// Somebody on the command line commits these; what the table of words refuses is left out.
    pub fn change_outside(&self, commands: &[Command]) {
        self.shared.router().change_outside(commands);
    }

    /// Every commit of what is under this path fails; none lets all pass again.
    pub fn fail_commit_under(&self, path: Option<Vec<String>>) {
        self.shared.router().knobs.refused = path;
    }

    /// Does what the next request asks, and closes the connection instead of answering.
    pub fn lose_next_answer(&self) {
        self.lose_next_answer_to("");
    }

    /// The same for the next request of an endpoint, such as `/configure`.
    pub fn lose_next_answer_to(&self, endpoint: &str) {
        self.shared.router().knobs.lose_next = Some(endpoint.to_owned());
    }

    /// The server is gone for so long; what its session held is lost.
    pub fn down_for(&self, duration: Duration) {
        self.shared.router().stop_server(duration);
    }

    /// From now on the server takes only this key, whatever the configuration says; until it
    /// starts anew.
    pub fn only_key(&self, key: &str) {
        self.shared.router().server.keys = vec![("only".to_owned(), key.to_owned())];
    }

    /// Whether the server offers REST at all; until it starts anew.
    pub fn rest(&self, on: bool) {
        self.shared.router().server.rest = on;
    }

    /// Whether a `load` that is refused while a commit runs overwrites what that commit commits.
    /// Both was seen of routers, by chance; the harmful one is the default.
    pub fn load_during_commit_overwrites(&self, yes: bool) {
        self.shared.router().knobs.late_load_wins = yes;
    }

    /// Whether `/reboot` with `now` reboots; it only says so by default, as the recorded one did.
    pub fn obey_reboot(&self, yes: bool) {
        self.shared.router().knobs.obeys_reboot = yes;
    }

    /// What an op-mode command (`show`, `interfaces`) answers from now on.
    pub fn op_answer(&self, words: &[&str], text: &str) {
        let words: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
        let answers = &mut self.shared.router().knobs.op_answers;
        answers.retain(|(known, _)| *known != words);
        answers.push((words, text.to_owned()));
    }

    /// The last requests, oldest first; no more than 10 000 or 64 MiB are kept.
    pub fn requests(&self) -> Vec<Seen> {
        self.shared.router().seen.iter().cloned().collect()
    }

    /// How many requests came in, also those no longer kept.
    pub fn request_count(&self) -> u64 {
        self.shared.router().count
    }

    /// The most requests that were worked on at once.
    pub fn most_at_once(&self) -> usize {
        self.shared.router().most_at_once
    }

    /// Forgets the requests seen so far.
    pub fn forget_requests(&self) {
        let mut router = self.shared.router();
        router.seen.clear();
        router.seen_bytes = 0;
        router.count = 0;
        router.most_at_once = router.at_once;
    }

    /// Restarts the router: what was not saved is gone. Returns when the server answers again.
    pub async fn reboot(&self) {
        let boot = self.shared.router().reboot();
        tokio::time::sleep(boot).await;
    }

    /// Ends it. The files in the state folder stay, as a router's disk does.
    pub async fn stop(self) {
        self.server.stop().await;
    }
}

/// The words of a line.
pub(crate) fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}
