//! A router of the tests and a room that manages it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use access::{Actor, Caller, Role};
use events::Events;
use model::{PersonId, Timestamp};
use panoptikon_vyos::client::{Address, KeySource};
use panoptikon_vyos::config::{Command, Document, commands};
use panoptikon_vyos::{Draft, Operator, Origin, Plan, Router, Settings, State};
use store::{Options as StoreOptions, Store, Vault};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use vyos_sim::{Options, Release, Sim};

/// A countdown that no test waits for.
pub(crate) const LONG: Duration = Duration::from_secs(600);

const SAGITTA: &str =
    include_str!("../../../../scripts/vyos-sim/tests/transcript/sagitta.config.boot");
const CURRENT: &str =
    include_str!("../../../../scripts/vyos-sim/tests/transcript/current.config.boot");

pub(crate) fn list(text: &str) -> Vec<Command> {
    commands::parse(text).unwrap()
}

pub(crate) fn person(name: &str) -> Caller {
    let actor = Actor::Person { id: PersonId(7), name: name.into(), role: Role::Administrator };
    Caller { actor, address: Some("192.168.1.50".parse().unwrap()) }
}

/// Options of a stand-in of a release.
pub(crate) fn options(release: Release, dir: &std::path::Path) -> Options {
    let config = if release == Release::Sagitta { SAGITTA } else { CURRENT };
    let mut options = Options::new(release, config, dir.join("router"));
    options.socket = Some(dir.join("api.sock"));
    options.key_file = Some(dir.join("http-api-state"));
    options.bare_socket = true;
    options
}

pub(crate) struct Bed {
    pub(crate) sim: Sim,
    pub(crate) house: House,
    pub(crate) dir: tempfile::TempDir,
}

/// The appliance's side: what ends and begins anew with it.
pub(crate) struct House {
    pub(crate) router: Router,
    pub(crate) store: Store,
    pub(crate) events: Events,
    running: JoinHandle<()>,
}

impl House {
    pub(crate) async fn open(dir: &std::path::Path) -> Self {
        let now = Timestamp::now();
        let store = Store::open(StoreOptions {
            dir: dir.join("data"),
            rooms: vec![events::ROOM, access::ROOM, panoptikon_vyos::ROOM],
            built: Timestamp(0),
            max_bytes: 1 << 30,
            keep_backups: 1,
        })
        .unwrap();
        let events = Events::new(store.clone());
        let settings = Settings {
            address: Address::Socket(dir.join("api.sock")),
            pinned: None,
            keys: KeySource::State(dir.join("http-api-state")),
            changes: dir.join("changes"),
            boot_file: Some(dir.join("router/config/config.boot")),
            commit_lock: Some(dir.join("commit.lock")),
        };
        std::fs::write(dir.join("commit.lock"), "").unwrap();
        let vault = Vault::open(dir).unwrap();
        let router =
            Router::open(settings, store.clone(), events.clone(), vault, now).await.unwrap();
        let runs = router.clone();
        let running = tokio::spawn(async move {
            let (_flag, ended) = watch::channel(false);
            runs.run(ended).await;
        });
        Self { router, store, events, running }
    }

    /// Ends it as kill -9 does, as far as the router is concerned: nothing is put in order. A look
    /// that is under way would outlive it here, as nothing does there.
    pub(crate) async fn kill(self) {
        self.running.abort();
        let _ = self.running.await;
        self.router.at_rest().await;
        self.store.close();
    }
}

impl Bed {
    pub(crate) async fn new(release: Release) -> Self {
        Self::with(release, |_| {}).await
    }

    pub(crate) async fn with(release: Release, adjust: impl FnOnce(&mut Options)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut options = options(release, dir.path());
        adjust(&mut options);
        let sim = Sim::start(options).await.unwrap();
        let house = House::open(dir.path()).await;
        Self { sim, house, dir }
    }

    pub(crate) fn router(&self) -> &Router {
        &self.house.router
    }

    pub(crate) fn changes_dir(&self) -> PathBuf {
        self.dir.path().join("changes")
    }

    pub(crate) async fn plan(&self, text: &str) -> Arc<Plan> {
        plan(self.router(), text, &person("ana")).await
    }

    /// Plans and applies.
    pub(crate) async fn apply(
        &self,
        text: &str,
        countdown: Duration,
    ) -> Result<i64, panoptikon_vyos::ChangeError> {
        let plan = self.plan(text).await;
        self.router().apply(&plan, countdown, &person("ana")).await
    }

    pub(crate) async fn state(&self, number: i64) -> State {
        self.router().change(number).await.unwrap().unwrap().state
    }

    /// What runs at a path.
    pub(crate) fn runs(&self, path: &str) -> Option<String> {
        self.sim.running().value_at(path.split(' ')).map(str::to_owned)
    }

    /// What somebody does who saves on the router's console.
    pub(crate) fn save_outside(&self) {
        let file = self.dir.path().join("router/config/config.boot");
        let document = Document { root: self.sim.running(), footer: Vec::new() };
        std::fs::write(file, document.print()).unwrap();
    }

    pub(crate) fn saved(&self, path: &str) -> Option<String> {
        self.sim.saved().value_at(path.split(' ')).map(str::to_owned)
    }
}

pub(crate) async fn plan(router: &Router, text: &str, by: &Caller) -> Arc<Plan> {
    let draft = Draft {
        commands: list(text),
        why: "A test".to_owned(),
        origin: Origin { url: "/router".to_owned(), fields: Vec::new() },
    };
    router.plan(draft, by, Operator::default()).await.unwrap()
}

/// Waits until something holds; fails the test if it never does.
pub(crate) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..3_000 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{what} never came");
}
