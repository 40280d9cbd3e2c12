//! The router behind the API: what runs, what the one session that all clients share has, what is
//! saved, and the states in which requests find it.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use vyos::config::{Children, Command, Document, Node};

use crate::commit::{Outcome, commit};
use crate::files::Files;
use crate::json::Json;
use crate::schema::{self, Def};
use crate::verify::Facts;
use crate::{Options, Release, Seen, SimError, Timing, show, tree};

/// Where a router keeps what it boots with.
pub(crate) const SAVED: &str = "/config/config.boot";
/// What a commit says while another runs.
pub(crate) const LOCKED: &str =
    "Configuration system temporarily locked due to another commit in progress\n";
/// How many requests are remembered.
const REMEMBERED: usize = 10_000;
/// How much of them.
const REMEMBERED_BYTES: usize = 64 * 1024 * 1024;

/// A router and the locks of its server.
pub(crate) struct Shared {
    router: Mutex<Router>,
    /// One change at a time; the others wait.
    pub(crate) changes: tokio::sync::Mutex<()>,
    /// Reads run in the loop that serves all.
    pub(crate) event_loop: tokio::sync::Mutex<()>,
    /// Whether commits wait before they end.
    pub(crate) held: tokio::sync::watch::Sender<bool>,
}

/// A change that goes back by itself unless it is confirmed.
struct Unconfirmed {
    until: Instant,
    before: Node,
}

/// What tests have turned.
pub(crate) struct Knobs {
    pub(crate) refused: Option<Vec<String>>,
    pub(crate) late_load_wins: bool,
    pub(crate) obeys_reboot: bool,
    /// The endpoint whose next answer is lost; an empty one is any.
    pub(crate) lose_next: Option<String>,
    pub(crate) op_answers: Vec<(Vec<String>, String)>,
}

/// The API's server as it was started: a change counts from its next start on.
#[derive(Default)]
pub(crate) struct Server {
    pub(crate) keys: Vec<(String, String)>,
    pub(crate) strict: bool,
    pub(crate) rest: bool,
    /// The configuration asks for one at all.
    pub(crate) present: bool,
    pub(crate) down_until: Option<Instant>,
}

/// All that a router is.
pub(crate) struct Router {
    pub(crate) release: Release,
    pub(crate) def: &'static Def,
    pub(crate) running: Node,
    pub(crate) working: Node,
    footer: Vec<String>,
    pub(crate) files: Files,
    key_file: Option<PathBuf>,
    ports: Vec<String>,
    pub(crate) timing: Timing,
    committing: bool,
    /// Commits that follow answers already given.
    pub(crate) behind: usize,
    /// Counts what makes a commit under way end without effect.
    discards: u64,
    pub(crate) locked_until: Option<Instant>,
    unconfirmed: Option<Unconfirmed>,
    pub(crate) knobs: Knobs,
    pub(crate) server: Server,
    pub(crate) seen: VecDeque<Seen>,
    pub(crate) seen_bytes: usize,
    pub(crate) count: u64,
    pub(crate) at_once: usize,
    pub(crate) most_at_once: usize,
}

impl Shared {
    /// A router that has just booted.
    pub(crate) fn open(options: &Options) -> Result<Self, SimError> {
        let files = Files::below(options.state.clone());
        for folder in ["config/auth", "config/scripts", "tmp"] {
            let folder = options.state.join(folder);
            std::fs::create_dir_all(&folder)
                .map_err(|source| SimError::file("making the folder", &folder, source))?;
        }
        if files.read(SAVED).is_none() {
            files
                .write(SAVED, &options.config, true)
                .map_err(|source| SimError::file("writing", SAVED, source))?;
        }
        let document = Document::parse(&files.read(SAVED).unwrap_or_default())?;
        let def = schema::of(options.release);
        let running = tree::shaped(&document.root, def);
        let mut ports = options.ports.clone();
        if ports.is_empty() {
            let ethernet = running.at(["interfaces", "ethernet"]).and_then(Node::children);
            let names = ethernet.into_iter().flat_map(Children::iter);
            ports = names.map(|(name, _)| name.to_owned()).collect();
        }
        let mut router = Router {
            release: options.release,
            def,
            working: running.clone(),
            running,
            footer: document.footer,
            files,
            key_file: options.key_file.clone(),
            ports,
            timing: options.timing,
            committing: false,
            behind: 0,
            discards: 0,
            locked_until: None,
            unconfirmed: None,
            knobs: Knobs {
                refused: None,
                late_load_wins: true,
                obeys_reboot: false,
                lose_next: None,
                op_answers: Vec::new(),
            },
            server: Server::default(),
            seen: VecDeque::new(),
            seen_bytes: 0,
            count: 0,
            at_once: 0,
            most_at_once: 0,
        };
        router.start_server(Duration::ZERO);
        Ok(Self {
            router: Mutex::new(router),
            changes: tokio::sync::Mutex::new(()),
            event_loop: tokio::sync::Mutex::new(()),
            held: tokio::sync::watch::Sender::new(false),
        })
    }

    /// The router, as it is at this moment.
    pub(crate) fn router(&self) -> MutexGuard<'_, Router> {
        let mut router = self.router.lock().unwrap_or_else(PoisonError::into_inner);
        router.catch_up();
        router
    }

    /// Commits what the session has. Fails at once while another commit runs.
    pub(crate) async fn commit(&self) -> Result<String, String> {
        let (discards, snapshot, takes) = {
            let mut router = self.router();
            if router.committing || router.locked_until.is_some() {
                return Err(LOCKED.to_owned());
            }
            router.committing = true;
            let takes = if router.https_changed() {
                router.timing.https_commit
            } else {
                router.timing.commit
            };
            (router.discards, router.working.clone(), takes)
        };
        tokio::time::sleep(takes).await;
        // The sender lives as long as this does.
        let _ = self.held.subscribe().wait_for(|held| !held).await;
        let mut router = self.router();
        router.committing = false;
        if router.discards != discards {
            return Ok(String::new());
        }
        if !router.knobs.late_load_wins {
            router.working = snapshot;
        }
        router.finish()
    }
}

impl Router {
    /// What time alone has brought about.
    fn catch_up(&mut self) {
        let now = Instant::now();
        self.locked_until = self.locked_until.filter(|until| *until > now);
        self.server.down_until = self.server.down_until.filter(|until| *until > now);
        if self.unconfirmed.as_ref().is_some_and(|change| change.until <= now)
            && let Some(change) = self.unconfirmed.take()
        {
            if self.confirm_action() == "reload" {
                self.running = change.before;
                self.discard();
            } else {
                self.reboot();
            }
        }
    }

    /// What brings an unconfirmed change back.
    pub(crate) fn confirm_action(&self) -> &'static str {
        let action = ["system", "config-management", "commit-confirm", "action"];
        if self.running.value_at(action) == Some("reload") { "reload" } else { "reboot" }
    }

    fn finish(&mut self) -> Result<String, String> {
        let https = self.https_changed();
        let Outcome { running, said } = commit(
            &self.running,
            &self.working,
            &Facts { release: self.release, ports: &self.ports },
            self.knobs.refused.as_deref(),
        );
        let before = std::mem::replace(&mut self.running, running);
        if said.is_ok() {
            self.working = self.running.clone();
        }
        let path = ["service", "https"];
        if https && before.at(path) != self.running.at(path) {
            self.start_server(self.timing.restart);
        }
        said
    }

    /// Whether the session changes the API's own part.
    pub(crate) fn https_changed(&self) -> bool {
        let path = ["service", "https"];
        self.running.at(path) != self.working.at(path)
    }

    /// Whether a commit is under way in this session.
    pub(crate) const fn is_committing(&self) -> bool {
        self.committing
    }

    /// Whether anything is under way that no request waits for, or the server is gone.
    pub(crate) const fn is_busy(&self) -> bool {
        self.committing || self.behind > 0 || self.server.down_until.is_some()
    }

    /// Drops what is not committed.
    pub(crate) fn discard(&mut self) {
        self.working = self.running.clone();
        self.discards += 1;
    }

    /// What is saved, as a boot would load it.
    pub(crate) fn saved(&self) -> Node {
        let text = self.files.read(SAVED).unwrap_or_default();
        let root = Document::parse(&text).map(|document| document.root).unwrap_or_default();
        tree::shaped(&root, self.def)
    }

    /// The text of a file with what is running.
    pub(crate) fn boot_text(&self) -> String {
        let mut root = self.running.clone();
        forget_remarks(&mut root);
        Document { root, footer: self.footer.clone() }.print()
    }

    /// Somebody else's commit.
    pub(crate) fn change_outside(&mut self, commands: &[Command]) {
        for command in commands {
            for root in [&mut self.running, &mut self.working] {
                match command {
                    Command::Set(path) => {
                        let _ = tree::set(root, self.def, path);
                    }
                    Command::Delete(path) => {
                        let _ = tree::delete(root, self.def, path);
                    }
                    Command::Comment(path, text) => {
                        tree::comment(root, path, (!text.is_empty()).then_some(text));
                    }
                }
            }
        }
    }

    /// The server starts with what is running, and answers after a while.
    fn start_server(&mut self, after: Duration) {
        let api = self.running.at(["service", "https", "api"]);
        let ids = api.and_then(|api| api.at(["keys", "id"])).and_then(Node::children);
        let key = |(id, node): (&str, &Node)| {
            node.value_at(["key"]).map(|key| (id.to_owned(), key.to_owned()))
        };
        self.server.present = api.is_some();
        self.server.keys = ids.into_iter().flat_map(Children::iter).filter_map(key).collect();
        let own = if self.release == Release::Sagitta { None } else { Some("rest") };
        let rest = api.and_then(|api| api.at(own));
        self.server.rest = rest.is_some();
        self.server.strict = rest.is_some_and(|rest| rest.at(["strict"]).is_some());
        if let Some(place) = &self.key_file {
            let keys = self.server.keys.iter().map(|(id, key)| {
                (id.clone(), Json::Object(vec![("key".to_owned(), Json::text(key.as_str()))]))
            });
            let keys = Json::Object(vec![("id".to_owned(), Json::Object(keys.collect()))]);
            let mut state = vec![("keys".to_owned(), keys)];
            if self.server.rest && self.release != Release::Sagitta {
                state.push(("rest".to_owned(), Json::Object(Vec::new())));
            }
            // A test that needs the file fails for want of it.
            let _ = std::fs::write(place, Json::Object(state).dump());
        }
        self.stop_server(after);
    }

    /// The server is gone for a while, and its session with it.
    pub(crate) fn stop_server(&mut self, duration: Duration) {
        self.server.down_until = Some(Instant::now() + duration);
        self.discard();
    }

    /// Everything but the files starts anew; returns how long that takes.
    pub(crate) fn reboot(&mut self) -> Duration {
        self.running = self.saved();
        self.unconfirmed = None;
        self.locked_until = None;
        self.start_server(self.timing.boot);
        self.timing.boot
    }

    /// The last commit goes back after so many minutes; whether none was waiting already.
    pub(crate) fn confirm_within(&mut self, minutes: u32, before: Node) -> bool {
        if self.unconfirmed.is_some() {
            return false;
        }
        let until = Instant::now() + self.timing.minute * minutes;
        self.unconfirmed = Some(Unconfirmed { until, before });
        true
    }

    /// Keeps the last commit; whether one was waiting.
    pub(crate) fn confirm(&mut self) -> bool {
        self.unconfirmed.take().is_some()
    }

    /// Loads a file into the session, as far as the table of words takes it.
    pub(crate) fn load(&mut self, path: &str) -> Result<(), String> {
        let Some(text) = self.files.read(path) else {
            return Err(format!("No such file '{path}'\n"));
        };
        let begins = format!("Loading configuration from '{path}'\n");
        let document = Document::parse(&text).map_err(|error| match self.release {
            Release::Sagitta => format!(
                "{begins}\nMigration script error: /opt/vyatta/etc/config-migrate/migrate: [Errno 1] \
                 failed to run command\nreturned: \nexit code: 1.\n"
            ),
            _ => format!(
                "{begins}Traceback (most recent call last):\n  File \
                 \"/usr/libexec/vyos/vyos-load-config.py\", line 1, in <module>\nValueError: Failed \
                 to parse config: Syntax error on line {}, character {}: Invalid syntax.\n",
                error.line, error.column
            ),
        })?;
        let mut root = tree::shaped(&document.root, self.def);
        if !document.footer.iter().any(|line| line.contains("vyos-config-version")) {
            // Without versions a file is migrated from the very first, whose https had its address
            // and port elsewhere; that much of the migrations is done here.
            for lost in ["listen-address", "port"] {
                let path = crate::words(&format!("service https {lost}"));
                let _ = tree::delete(&mut root, self.def, &path);
            }
        }
        self.working = root;
        Ok(())
    }

    /// Notes a request, and that it is worked on.
    pub(crate) fn begins(&mut self, seen: Seen) -> u64 {
        self.seen_bytes += seen.body.len();
        self.seen.push_back(seen);
        while self.seen.len() > REMEMBERED || self.seen_bytes > REMEMBERED_BYTES {
            let Some(oldest) = self.seen.pop_front() else { break };
            self.seen_bytes -= oldest.body.len();
        }
        self.count += 1;
        self.at_once += 1;
        self.most_at_once = self.most_at_once.max(self.at_once);
        self.count
    }

    /// Notes how a request was answered.
    pub(crate) fn ends(&mut self, number: u64, status: u16) {
        self.at_once = self.at_once.saturating_sub(1);
        let back = usize::try_from(self.count.saturating_sub(number)).unwrap_or(usize::MAX);
        let at = self.seen.len().checked_sub(back.saturating_add(1));
        if let Some(seen) = at.and_then(|at| self.seen.get_mut(at)) {
            seen.status = Some(status);
        }
    }
}

/// What is written loses values that its reader takes for remarks.
fn forget_remarks(node: &mut Node) {
    match &mut node.kind {
        vyos::config::Kind::Leaf(values) => values.retain(|value| !show::is_lost(value)),
        vyos::config::Kind::Inner(children) | vyos::config::Kind::Tag(children) => {
            let names: Vec<String> = children.iter().map(|(name, _)| name.to_owned()).collect();
            for name in names {
                forget_remarks(children.entry(&name, Node::default).0);
            }
        }
    }
}
