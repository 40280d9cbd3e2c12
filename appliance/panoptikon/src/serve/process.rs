//! What the process asks of the system: limits, signals, private files, a new start.

use std::fs::DirBuilder;
use std::io::IsTerminal as _;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::stat::{Mode, umask};
use tokio::sync::Notify;

use crate::lifecycle::{Ending, Lifecycle};

/// Signals this close together are one wish: Ctrl-C reaches a whole group of processes, and a script
/// among them may pass it on.
const ONE_PRESS: Duration = Duration::from_millis(500);

/// From now on, files are for their owner only.
pub(super) fn private_files() {
    umask(Mode::from_bits_truncate(0o077));
}

/// Makes a folder that only its owner may enter, with what lies above it. One that exists stays.
pub(super) fn make_private_folder(path: &Path) -> Result<()> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.with_context(|| format!("making the folder {}", path.display()))
}

/// Raises the limit of open files as far as the system lets us.
pub(super) fn raise_file_limit() {
    let raised = getrlimit(Resource::RLIMIT_NOFILE).and_then(|(soft, hard)| {
        setrlimit(Resource::RLIMIT_NOFILE, hard, hard).map(|()| (soft, hard))
    });
    match raised {
        Ok((soft, hard)) => tracing::debug!(from = soft, to = hard, "limit of open files raised"),
        Err(error) => tracing::warn!(%error, "the limit of open files stays as it is"),
    }
}

/// Ends the appliance on SIGTERM or SIGINT, at once when one comes again; and ends the process in any
/// case when a stop takes longer than `limit`. SIGHUP tells `hung_up`; where a person started it in a
/// terminal it ends the appliance, because it means that the terminal is gone.
///
/// Waits on a thread of its own, so that it works when the async side is stuck. Must be called
/// before any other thread starts, because threads inherit which signals are blocked.
pub(super) fn heed_signals(
    lifecycle: &Lifecycle,
    hung_up: &Arc<Notify>,
    limit: Duration,
) -> Result<()> {
    let mut signals = SigSet::empty();
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        signals.add(signal);
    }
    signals.thread_block().context("blocking signals")?;
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn({
            let (lifecycle, hung_up) = (lifecycle.clone(), Arc::clone(hung_up));
            let has_terminal = std::io::stdin().is_terminal();
            move || {
                let mut first: Option<Instant> = None;
                while let Ok(signal) = signals.wait() {
                    tracing::info!(%signal, "signal received");
                    if signal == Signal::SIGHUP && !has_terminal {
                        hung_up.notify_one();
                        continue;
                    }
                    if first.is_some_and(|first| first.elapsed() > ONE_PRESS) {
                        std::process::exit(130);
                    }
                    first.get_or_insert_with(Instant::now);
                    lifecycle.end(Ending::Stop);
                }
            }
        })
        .context("starting the thread for signals")?;
    watch_the_end(lifecycle.clone(), limit)
}

/// Ends the process when a stop or restart hangs. Restoring and resetting may take their time.
fn watch_the_end(lifecycle: Lifecycle, limit: Duration) -> Result<()> {
    let watch = move || {
        if !lifecycle.wait().is_quick() {
            return;
        }
        thread::sleep(limit);
        tracing::error!("the stop took too long; ending without it");
        std::process::exit(1);
    };
    thread::Builder::new()
        .name("watchdog".to_owned())
        .spawn(watch)
        .context("starting the watchdog")?;
    Ok(())
}

/// Replaces this process by a new run of the same program with the same arguments. Comes back only
/// with the reason why that failed.
pub(super) fn exec_self() -> anyhow::Error {
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(error) => return anyhow::Error::new(error).context("finding the program"),
    };
    // The kernel's words for a program that was replaced since, by an upgrade for instance.
    let program = program.to_string_lossy().trim_end_matches(" (deleted)").to_owned();
    let mut unblocked = SigSet::empty();
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        unblocked.add(signal);
    }
    if let Err(error) = unblocked.thread_unblock() {
        tracing::warn!(%error, "signals stay blocked");
    }
    let error = Command::new(&program).args(std::env::args_os().skip(1)).exec();
    anyhow::Error::new(error).context(format!("starting {program} anew"))
}
