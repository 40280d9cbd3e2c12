//! The appliance itself: start order, supervision, graceful stop.
//!
//! First the control socket, so that a second appliance is refused before it touches anything;
//! then the database, then the rooms from the lowest floor up. The end runs the other way, within
//! [`LIMIT`], and a thread of its own sees to that when something hangs.

mod alive;
mod answers;
mod data;
mod front;
mod hosts;
mod log;
mod log_file;
mod process;
mod questions;
mod reload;
mod rooms;
mod traffic;
mod traffic_metrics;
mod upkeep;
mod watches;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use model::Explained;
use serde_json::json;
use store::Store;
use tokio::runtime::Runtime;
use tokio::sync::Notify;

use crate::config::{Config, Resolved};
use crate::control::{Control, Desk, Heartbeat, Socket};
use crate::health::Health;
use crate::lifecycle::{Ending, Lifecycle, Next};
use crate::notify::Notifier;
use crate::supervisor::Supervisor;
use crate::{doctor, version};

pub use data::{check_backup, reset, restore};
pub use reload::Reread;
pub use rooms::router_settings;

use answers::Served;
use reload::{Current, Reload};

/// The longest that a stop may take.
const LIMIT: Duration = Duration::from_millis(4_800);

/// What rooms get of that to end by themselves.
const ROOMS_LIMIT: Duration = Duration::from_secs(3);

/// What restoring or resetting may take before the service manager loses patience.
const SLOW_ENDING: Duration = Duration::from_secs(900);

/// What is left behind once the appliance has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The process may end.
    Stop,
    /// The process starts itself anew.
    Restart,
}

/// Runs the appliance until it is told to end. `reread` reads its configuration again.
pub fn serve(resolved: &Resolved, reread: Reread) -> Result<Ended> {
    let config = &resolved.config;
    process::private_files();
    let log = log::start(config);
    tracing::info!(version = version::LINE, data = %config.data_dir.display(), "starting");
    process::raise_file_limit();
    let notifier = Notifier::from_environment().unwrap_or_else(|error| {
        tracing::warn!("{error}; it hears nothing of this start");
        Notifier::default()
    });
    let lifecycle = Lifecycle::default();
    let hung_up = Arc::new(Notify::new());
    process::heed_signals(&lifecycle, &hung_up, LIMIT)?;
    let socket = Socket::bind(&config.control_socket)?;
    let runtime = runtime(config)?;
    let health = Health::default();
    let current = Current::new(resolved.clone());
    let (control, desk) = open_control(&current, socket, &runtime, &health, &lifecycle)?;
    for folder in [&config.data_dir, &config.config_dir] {
        process::make_private_folder(folder)?;
    }
    if let Some(check) = doctor::missing_capability() {
        let (means, remedy) = (check.means.unwrap_or_default(), check.remedy.unwrap_or_default());
        tracing::warn!("{}. {means} To change that: {remedy}", check.found);
    }

    let outcome = runtime.block_on(async {
        let mut supervisor = Supervisor::new(health.clone(), lifecycle.clone());
        let (house, door, (lan, flows, agents)) =
            rooms::open(&current, &mut supervisor, &health).await?;
        let (store, busy) = (house.store.clone(), tokio::sync::Mutex::default());
        let reload = Arc::new(Reload {
            reread,
            current,
            log,
            store: store.clone(),
            lan,
            flows,
            agents,
            door,
            busy,
        });
        desk.open(Arc::new(Served { house, reload: Arc::clone(&reload) }));
        tracing::info!("all rooms are open");
        notifier.ready(&alive::status(&health));
        let signs = alive::keep_telling(notifier.clone(), store.clone(), health.clone());
        let signs = tokio::spawn(signs);
        run(&lifecycle, &hung_up, &reload).await;
        tracing::info!("ending");
        signs.abort();
        tell_the_end(&lifecycle, &notifier);
        close(supervisor, store).await
    });
    runtime.shutdown_timeout(Duration::from_millis(500));
    let ended = finish(config, outcome, &lifecycle);
    drop(control);
    ended
}

/// Reloads whenever somebody hangs up, until the end is asked for.
async fn run(lifecycle: &Lifecycle, hung_up: &Notify, reload: &Arc<Reload>) {
    loop {
        tokio::select! {
            () = lifecycle.ended() => return,
            () = hung_up.notified() => {
                // The log has heard how it went.
                let _ = reload.run().await;
            }
        }
    }
}

/// Closes everything.
async fn close(supervisor: Supervisor, store: Store) -> Result<()> {
    let aborted = supervisor.finish(ROOMS_LIMIT).await;
    if aborted > 0 {
        tracing::warn!(aborted, "rooms did not end in time");
    }
    tokio::task::spawn_blocking(move || store.close()).await.context("closing the database")?;
    Ok(())
}

/// A stop, or a pause before the same process starts anew.
fn tell_the_end(lifecycle: &Lifecycle, notifier: &Notifier) {
    match lifecycle.next() {
        Next::Nothing => notifier.stopping(),
        Next::Start => notifier.reloading(),
        Next::WorkThenStart => {
            notifier.reloading();
            notifier.busy_for(SLOW_ENDING, "Replacing the database");
        }
    }
}

/// Does what the one who asked for the end wants done while everything is closed.
fn finish(config: &Config, outcome: Result<()>, lifecycle: &Lifecycle) -> Result<Ended> {
    let (reply, done) = match lifecycle.take() {
        None | Some(Ending::Stop) => return outcome.map(|()| Ended::Stop),
        Some(Ending::Restart) => return outcome.map(|()| Ended::Restart),
        Some(Ending::Restore { file, reply }) => (reply, restore(&config.data_dir, &file)),
        Some(Ending::Reset { reply }) => (reply, reset(&config.data_dir)),
    };
    if let Err(error) = &done {
        tracing::error!("{error:#}");
    }
    let told = reply.send(done.map_err(|error| Explained::new("refused", format!("{error:#}"))));
    if told.is_ok() {
        // The answer leaves on another thread, which the new start would cut off.
        std::thread::sleep(Duration::from_millis(200));
    }
    Ok(Ended::Restart)
}

/// Replaces this process by a new run of the same command.
pub fn start_anew() -> anyhow::Error {
    process::exec_self()
}

fn open_control(
    current: &Current,
    socket: Socket,
    runtime: &Runtime,
    health: &Health,
    lifecycle: &Lifecycle,
) -> Result<(Control, Arc<Desk>)> {
    let heartbeat = Heartbeat::default();
    runtime.spawn(heartbeat.clone().beat());
    let current = current.clone();
    let facts = move || {
        let config = current.config();
        json!({
            "data_dir": config.data_dir,
            "listen": config.listen,
            "plain_listen": config.plain_listen,
            "hostname": host_name(&config),
        })
    };
    let desk = Arc::new(Desk::new(
        health.clone(),
        lifecycle.clone(),
        heartbeat,
        runtime.handle().clone(),
        Box::new(facts),
    ));
    let control = socket.serve(Arc::clone(&desk))?;
    Ok((control, desk))
}

/// The name that people type: the setting, else the system's host name.
pub fn host_name(config: &Config) -> String {
    let system = || nix::unistd::gethostname().ok()?.into_string().ok();
    config.hostname.clone().or_else(system).unwrap_or_else(|| "localhost".to_owned())
}

fn runtime(config: &Config) -> Result<Runtime> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.enable_all().thread_name("worker");
    if let Some(threads) = config.threads {
        builder.worker_threads(threads);
    }
    builder.build().context("starting the async side")
}
