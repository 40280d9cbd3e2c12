//! Opens the rooms, lowest floor first, and hands each what it needs of the others.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use access::{Access, Caller};
use agents::Agents;
use anyhow::{Context as _, Result};
use detect::Alerts;
use discovery::{Device, Discovery, LanOptions};
use events::Events;
use flows::Flows;
use flows::book::Book;
use flows::geo::Atlas;
use model::{DeviceId, Mac, NewEvent, Severity, Timestamp};
use serde_json::json;
use store::{Options, Room, Store, Vault};
use system::System;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use vyos::Router;
use vyos::client::KeySource;

use super::front::{self, Door};
use super::reload::{Current, flows_options, lan_options};
use super::traffic;
use super::{upkeep, watches};
use crate::config::Config;
use crate::health::Health;
use crate::lifecycle::Lifecycle;
use crate::supervisor::Supervisor;
use crate::version;

/// Bytes of a MiB.
pub(super) const MIB: u64 = 1024 * 1024;
/// Free space, in bytes, under which the disk counts as nearly full; less on a small one.
const LITTLE_SPACE: u64 = 64 * MIB;
/// The share of its cap, in percent, from which the database's size is worth a word, and below which
/// it no longer is.
const NEAR_CAP: u64 = 90;
const BELOW_CAP: u64 = 85;
/// How often free space is looked at.
const SPACE_EVERY: Duration = Duration::from_secs(60);
/// How often the access room writes last-seen times and forgets ended sessions.
const ACCESS_EVERY: Duration = Duration::from_secs(60);
/// How often the head of the audit chain is told to the system log.
const HEAD_EVERY_MINUTES: u64 = 60;

/// What the router's API server was started with, its keys included.
const API_STATE: &str = "/run/http-api-state";
/// What a commit on the router keeps locked.
const COMMIT_LOCK: &str = "/opt/vyatta/config/.lock";

/// The tables of all rooms, lowest floor first.
pub(super) fn tables() -> Vec<Room> {
    vec![
        events::ROOM,
        access::ROOM,
        discovery::ROOM,
        system::ROOM,
        vyos::ROOM,
        agents::ROOM,
        detect::ROOM,
    ]
}

/// The rooms once they are open. Cheap to clone.
#[derive(Clone)]
pub(super) struct House {
    pub(super) store: Store,
    pub(super) access: Access,
    pub(super) events: Events,
    pub(super) discovery: Discovery,
    pub(super) alerts: Alerts,
    pub(super) router: Router,
    pub(super) system: System,
    pub(super) flows: Flows,
    pub(super) agents: Agents,
    pub(super) book: Arc<Book>,
    pub(super) atlas: Atlas,
}

/// Where flows lie.
pub(super) fn flows_dir(data_dir: &Path) -> PathBuf {
    data_dir.join("flows")
}

/// When this program was built: no true clock shows an earlier time.
pub(super) fn built() -> Timestamp {
    let day = format!("{}T00:00:00Z", version::BUILD_DATE);
    Timestamp::parse_rfc3339(&day).unwrap_or_default()
}

/// What takes another configuration while a room runs.
type Knobs =
    (watch::Sender<LanOptions>, watch::Sender<flows::Options>, watch::Sender<Vec<SocketAddr>>);

/// Opens everything. Gives back what a reload reaches, besides the rooms.
pub(super) async fn open(
    current: &Current,
    supervisor: &mut Supervisor,
    health: &Health,
) -> Result<(House, Door, Knobs)> {
    let config = &current.config();
    let store = Store::open(Options {
        dir: config.data_dir.clone(),
        rooms: tables(),
        built: built(),
        max_bytes: config.database_max_mb * MIB,
        keep_backups: config.backup_keep as usize,
    })
    .context("opening the database")?;
    let now = Timestamp::now();
    let access = Access::open(store.clone(), access::Options::new(&config.config_dir), now)
        .await
        .context("opening the room access")?;
    upkeep::run(&store, &access, supervisor, health);
    let events = Events::new(store.clone());
    let discovery = Discovery::open(store.clone(), events.clone(), now)
        .context("opening the room discovery")?;
    let alerts = Alerts::new(store.clone(), events.clone());
    let vault = Vault::open(&config.config_dir).context("opening the vault")?;
    let router = Router::open(router_settings(config), store.clone(), events.clone(), vault, now)
        .await
        .context("opening the room vyos")?;
    let looks = system::Options {
        log_dir: config.log_dir.clone(),
        own_values: Some(config.config_dir.join("metrics.d")),
        ..system::Options::default()
    };
    let system =
        System::open(store.clone(), events.clone(), looks).context("opening the room system")?;
    let book = Arc::<Book>::default();
    let flows = Flows::new(&flows_dir(&config.data_dir), Arc::<Book>::clone(&book));
    let places = config.geoip_dir.clone().unwrap_or_else(|| config.config_dir.join("geoip"));
    let atlas = Atlas::new(&places);
    let agents = open_agents(config, &store, &events, &discovery, now)?;
    let house = House {
        store,
        access,
        events,
        discovery,
        alerts,
        router,
        system,
        flows,
        agents,
        book,
        atlas,
    };
    // The front door admits the LAN, and its first certificate has the LAN's addresses.
    if let Err(error) = house.discovery.look_at_interfaces(&lan_options(config)) {
        tracing::warn!(%error, "the interfaces are known a little later");
    }
    let (lan, options) = watch::channel(lan_options(config));
    let (flows, flows_options) = watch::channel(flows_options(config));
    let (agents, agents_listen) = watch::channel(config.agents_listen.clone());
    house.start((options, flows_options, agents_listen), supervisor, health);
    let door =
        front::open(&house, current, supervisor, health).context("opening the front door")?;
    Ok((house, door, (lan, flows, agents)))
}

fn open_agents(
    config: &Config,
    store: &Store,
    events: &Events,
    discovery: &Discovery,
    now: Timestamp,
) -> Result<Agents> {
    let options = agents::Options {
        keys: config.config_dir.join("agents"),
        files: config.agents_dir.clone(),
    };
    let devices = discovery.clone();
    let finder = move |macs: &[Mac], ips: &[IpAddr]| device_of(&devices, macs, ips);
    Agents::open(store.clone(), events.clone(), &options, Box::new(finder), now)
        .context("opening the room agents")
}

/// The device with one of these MAC addresses, or else with one of these addresses.
fn device_of(discovery: &Discovery, macs: &[Mac], ips: &[IpAddr]) -> Option<DeviceId> {
    discovery.with_all(|all| {
        let mut by_address = None;
        for device in all {
            if device.macs.iter().any(|mac| macs.contains(mac)) {
                return Some(device.id);
            }
            let has =
                |device: &Device| device.addresses.iter().any(|a| a.current && ips.contains(&a.ip));
            if by_address.is_none() && has(device) {
                by_address = Some(device.id);
            }
        }
        by_address
    })
}

/// How the router is reached.
pub fn router_settings(config: &Config) -> vyos::Settings {
    let keys = match &config.router_key_file {
        Some(file) => KeySource::File(file.clone()),
        None => KeySource::State(API_STATE.into()),
    };
    vyos::Settings {
        address: config.router_api.0.clone(),
        pinned: config.router_fingerprint,
        keys,
        changes: config.config_dir.join("changes"),
        boot_file: config.router_boot_file.clone(),
        commit_lock: Some(COMMIT_LOCK.into()),
    }
}

impl House {
    fn start(
        &self,
        (lan, traffic, doors): (
            watch::Receiver<LanOptions>,
            watch::Receiver<flows::Options>,
            watch::Receiver<Vec<SocketAddr>>,
        ),
        supervisor: &mut Supervisor,
        health: &Health,
    ) {
        let access = self.access.clone();
        supervisor.room("access", move |lifecycle| keep_access(access.clone(), lifecycle));

        let (alerts, events) = (self.alerts.clone(), self.events.clone());
        supervisor.room("alerts", move |lifecycle| {
            let (alerts, bus) = (alerts.clone(), events.subscribe());
            async move {
                let ended = async move { lifecycle.ended().await };
                Ok(alerts.run(bus, ended).await?)
            }
        });

        let discovery = self.discovery.clone();
        supervisor.room("discovery", move |lifecycle| {
            discover(discovery.clone(), lan.clone(), lifecycle)
        });
        let router = self.router.clone();
        supervisor.room("router", move |lifecycle| {
            let router = router.clone();
            async move {
                router.run(until_ended(&lifecycle)).await;
                Ok(())
            }
        });
        let system = self.system.clone();
        supervisor.room("system", move |lifecycle| {
            let system = system.clone();
            async move { Ok(system.run(until_ended(&lifecycle)).await?) }
        });
        let agents = self.agents.clone();
        supervisor.room("agents", move |lifecycle| {
            let (agents, doors) = (agents.clone(), doors.clone());
            async move { Ok(agents.run(doors, until_ended(&lifecycle)).await?) }
        });
        let (house, flows_health) = (self.clone(), health.clone());
        supervisor.room(traffic::NAME, move |lifecycle| {
            traffic::run(house.clone(), traffic.clone(), flows_health.clone(), lifecycle)
        });
        let (house, health) = (self.clone(), health.clone());
        supervisor.room("listening", move |lifecycle| {
            watch_listening(house.clone(), health.clone(), lifecycle)
        });
        let house = self.clone();
        supervisor.room("space", move |lifecycle| watch_space(house.clone(), lifecycle));
    }

    pub(super) async fn tell(
        &self,
        kind: &'static str,
        severity: Severity,
        summary: String,
        about: &str,
        what: &str,
    ) -> Result<()> {
        let data = json!({ about: what });
        let (at, source) = (Timestamp::now(), "panoptikon");
        self.events
            .publish(NewEvent { at, source, kind, severity, device: None, summary, data })
            .await?;
        Ok(())
    }
}

/// Discovers, and begins again when the interfaces to do so on have changed.
async fn discover(
    discovery: Discovery,
    mut lan: watch::Receiver<LanOptions>,
    lifecycle: Lifecycle,
) -> Result<()> {
    loop {
        let options = lan.borrow_and_update().clone();
        let (stop, stopped) = watch::channel(false);
        let mut run = pin!(discovery.run(options, stopped));
        let is_end = tokio::select! {
            outcome = &mut run => return Ok(outcome?),
            () = lifecycle.ended() => true,
            // The sender lives as long as the control socket is answered.
            changed = lan.changed() => changed.is_err(),
        };
        stop.send_replace(true);
        run.await?;
        if is_end {
            return Ok(());
        }
    }
}

async fn keep_access(access: Access, lifecycle: Lifecycle) -> Result<()> {
    let mut minute = interval(ACCESS_EVERY);
    minute.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for number in 1_u64.. {
        tokio::select! {
            () = lifecycle.ended() => break,
            _ = minute.tick() => access.keep_house(Timestamp::now(), false).await?,
        }
        if number.is_multiple_of(HEAD_EVERY_MINUTES) {
            access.audit().announce_head().await?;
        }
    }
    access.keep_house(Timestamp::now(), true).await?;
    access.audit().announce_head().await?;
    Ok(())
}

/// Shows interfaces that cannot be listened to and floods of made-up addresses, and tells of the
/// former as events.
async fn watch_listening(house: House, health: Health, lifecycle: Lifecycle) -> Result<()> {
    const NAME: &str = "listening";
    let mut status = house.discovery.status();
    let mut told: BTreeSet<String> = BTreeSet::new();
    loop {
        let failures = status.borrow_and_update().failures.clone();
        let flood = house.discovery.tally().flood(Timestamp::now());
        let failed = failures.iter().next().map(|(interface, why)| format!("{interface}: {why}"));
        match failed.or(flood) {
            Some(why) => health.degraded(NAME, why),
            None => health.ok(NAME),
        }
        for (interface, why) in failures.iter().filter(|(name, _)| !told.contains(*name)) {
            let text = format!("Nothing can be heard on {interface}: {why}");
            house
                .tell("discovery_degraded", Severity::Medium, text, "interface", interface)
                .await?;
        }
        for interface in told.iter().filter(|name| !failures.contains_key(*name)) {
            let text = format!("{interface} is listened to again");
            house.tell("discovery_recovered", Severity::Info, text, "interface", interface).await?;
        }
        told = failures.into_keys().collect();
        tokio::select! {
            () = lifecycle.ended() => return Ok(()),
            changed = status.changed() => if changed.is_err() {
                lifecycle.ended().await;
                return Ok(());
            },
            // A flood is over when nothing more is told of it.
            () = tokio::time::sleep(SPACE_EVERY) => {}
        }
    }
}

/// Warns while there is still room to write a warning.
async fn watch_space(house: House, lifecycle: Lifecycle) -> Result<()> {
    let mut told = false;
    let near = ["storage_near_cap", "storage_below_cap"];
    let mut near = !watches::recall(&house, near, "what").await?.is_empty();
    loop {
        let store = house.store.clone();
        let sizes = tokio::task::spawn_blocking(move || store.sizes()).await?;
        let short = sizes.disk > 0 && sizes.free < LITTLE_SPACE.min(sizes.disk / 20);
        if short && !told {
            let text = format!("Only {} MiB are free where the tables lie", sizes.free / MIB);
            house.tell("storage_failing", Severity::Critical, text, "what", "disk").await?;
        } else if told && !short {
            let text = format!("{} MiB are free again", sizes.free / MIB);
            house.tell("storage_recovered", Severity::Info, text, "what", "disk").await?;
        }
        told = short;
        let used = sizes.main + sizes.days;
        // Maintenance goes well below once the cap was passed.
        let (most, some) = (sizes.cap / 100 * NEAR_CAP, sizes.cap / 100 * BELOW_CAP);
        if used > most && !near {
            near = true;
            let text = format!(
                "The database has {} MiB, of {} MiB that it may have",
                used / MIB,
                sizes.cap / MIB
            );
            house.tell("storage_near_cap", Severity::Medium, text, "what", "database").await?;
        } else if used < some && near {
            near = false;
            let text = format!("The database has {} MiB again", used / MIB);
            house.tell("storage_below_cap", Severity::Info, text, "what", "database").await?;
        }
        tokio::select! {
            () = lifecycle.ended() => return Ok(()),
            () = tokio::time::sleep(SPACE_EVERY) => {}
        }
    }
}

/// A flag that turns true at the end.
pub(super) fn until_ended(lifecycle: &Lifecycle) -> watch::Receiver<bool> {
    let (flag, ended) = watch::channel(false);
    let lifecycle = lifecycle.clone();
    tokio::spawn(async move {
        tokio::select! {
            () = lifecycle.ended() => {
                // Nobody left to tell is fine.
                let _ = flag.send(true);
            }
            () = flag.closed() => {}
        }
    });
    ended
}

/// The console: whoever may use the control socket is root.
pub(super) fn console() -> Caller {
    Caller::console()
}
