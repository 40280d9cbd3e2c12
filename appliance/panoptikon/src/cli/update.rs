//! `panoptikon update`: checks here, then hands over to a process that outlives this terminal.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::thread;
use std::time::Duration;

use model::Timestamp;
use nix::sys::signal::{SigSet, Signal};
use serde_json::json;

use super::CliError;
use super::offline::{print, print_json};
use super::online::confirmed;
use crate::config::Config;
use crate::control::{self, Request};
use crate::update::machine::{Outcome, State, Which};
use crate::update::tools::Tools;
use crate::update::{Ended, FOLDER, Host, KEY, Shelf, ShelfError, drive, stage, stage_return};

/// There where systemd runs.
const SYSTEMD: &str = "/run/systemd/system";

/// The transient unit in which an update runs.
const UNIT: &str = "panoptikon-updating";

/// A look at how the update is doing.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// How long the process that was handed over to may take to begin.
const LOOKS_UNTIL_BEGUN: u32 = 20;

pub(super) fn run(
    config: &Config,
    matches: &clap::ArgMatches,
    json: bool,
) -> Result<ExitCode, CliError> {
    let file = matches.get_one::<String>("file").map(PathBuf::from);
    if !nix::unistd::geteuid().is_root() {
        return Err(CliError::Failed("an update is root's business: run this as root".to_owned()));
    }
    let shelf = Shelf::open(&config.config_dir, Path::new(FOLDER)).map_err(wrong)?;
    let tools = Tools::new(shelf.log());
    if matches.get_flag("list") {
        return list(&shelf, json);
    }
    if matches.get_flag("resume") {
        return resume(config, &shelf, &tools, json);
    }
    let lock = shelf.lock().map_err(wrong)?;
    let program = std::env::current_exe()
        .map_err(|source| CliError::Io { what: "finding this program".to_owned(), source })?;
    let state = if let Some(file) = file {
        let signature = matches.get_one::<String>("signature").map(PathBuf::from);
        let signature = signature.as_deref();
        stage(config, &shelf, &tools, &file, signature, &program, Path::new(KEY)).map_err(wrong)?
    } else {
        let staged = stage_return(config, &shelf, &tools, &program).map_err(wrong)?;
        let question = format!(
            "This goes back from {} to {} and forgets all data since that update.",
            staged.to, staged.from
        );
        if !matches.get_flag("force") && !confirmed(&question)? {
            return Err(CliError::Failed("nothing was changed".to_owned()));
        }
        staged
    };
    shelf.save(&state).map_err(wrong)?;
    if !Path::new(SYSTEMD).exists() {
        return finish(config, &shelf, &tools, lock, state, json);
    }
    drop(lock);
    hand_over(&shelf)?;
    follow(&shelf, json)
}

fn wrong(error: impl std::fmt::Display) -> CliError {
    CliError::Failed(error.to_string())
}

/// Starts the updater as a unit of its own, which neither this terminal nor the appliance's own
/// stop takes along.
fn hand_over(shelf: &Shelf) -> Result<(), CliError> {
    let unit = format!("--unit={UNIT}");
    // The service's own surroundings.
    let settings = "--property=EnvironmentFile=-/etc/default/panoptikon";
    let words = ["--quiet", "--collect", &unit, "--description=Update of panoptikon", settings];
    let output = Command::new("systemd-run")
        .args(words)
        .arg(shelf.updater())
        .args(["update", "--resume"])
        .output()
        .map_err(|source| CliError::Io { what: "running systemd-run".to_owned(), source })?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(CliError::Failed(format!(
        "the update lies ready but could not be begun: {said}. To begin it: panoptikon update \
         --resume"
    )))
}

/// Shows how the update in the other process is doing, to its end.
fn follow(shelf: &Shelf, json: bool) -> Result<ExitCode, CliError> {
    let (mut shown, mut idle) = (None, 0);
    loop {
        thread::sleep(LOOK_EVERY);
        let Some(state) = shelf.state().map_err(wrong)? else {
            let ended = shelf.last().map_err(wrong)?;
            return ended.map_or(Ok(ExitCode::FAILURE), |ended| show(&ended, json));
        };
        if shown != Some(state.phase) && !json {
            say(&format!("{:?}", state.phase));
        }
        shown = Some(state.phase);
        idle = match shelf.lock() {
            Err(ShelfError::Busy) => 0,
            _ => idle + 1,
        };
        if idle > LOOKS_UNTIL_BEGUN {
            let message = format!(
                "the update stopped ({:?}); journalctl -u {UNIT} may say why. To go on with it or \
                 back: panoptikon update --resume",
                state.phase
            );
            return Err(CliError::Failed(message));
        }
    }
}

/// Goes on with an update that lies ready or was interrupted.
fn resume(config: &Config, shelf: &Shelf, tools: &Tools, json: bool) -> Result<ExitCode, CliError> {
    let lock = lock_patiently(shelf)?;
    if let Some(state) = shelf.state().map_err(wrong)? {
        return finish(config, shelf, tools, lock, state, json);
    }
    print("No update waits to be gone on with.\n");
    Ok(ExitCode::SUCCESS)
}

/// Takes the lock, which the one who follows holds for moments, too.
fn lock_patiently(shelf: &Shelf) -> Result<File, CliError> {
    for _ in 0..LOOKS_UNTIL_BEGUN {
        match shelf.lock() {
            Err(ShelfError::Busy) => thread::sleep(LOOK_EVERY / 5),
            outcome => return outcome.map_err(wrong),
        }
    }
    Err(wrong(ShelfError::Busy))
}

/// Carries the update out in this process, which from here on nothing but a kill ends.
fn finish(
    config: &Config,
    shelf: &Shelf,
    tools: &Tools,
    _lock: File,
    mut state: State,
    json: bool,
) -> Result<ExitCode, CliError> {
    let mut signals = SigSet::empty();
    for signal in [Signal::SIGHUP, Signal::SIGINT, Signal::SIGTERM, Signal::SIGQUIT] {
        signals.add(signal);
    }
    signals.thread_block().map_err(wrong)?;
    let tell = |line: &str| {
        if !json {
            say(line);
        }
    };
    let outcome = drive(&mut state, &mut Host { config, shelf, tools, tell: &tell });
    let at = Timestamp::now().rfc3339();
    let State { from, to, why, .. } = state;
    let ended = Ended { from, to, outcome, why, at };
    shelf.end(&ended).map_err(wrong)?;
    // An older release does not know how to write this down.
    let note = Request::Ask(control::Command::Updated(ended.clone()));
    let _ = control::ask(&config.control_socket, &note);
    show(&ended, json)
}

fn show(ended: &Ended, json: bool) -> Result<ExitCode, CliError> {
    if json {
        print_json(ended)?;
    } else {
        print(&format!("{}\n", ended.sentence()));
    }
    let fine = ended.outcome == Outcome::Updated || ended.was_wanted();
    Ok(if fine { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn list(shelf: &Shelf, json: bool) -> Result<ExitCode, CliError> {
    let (state, last) = (shelf.state().map_err(wrong)?, shelf.last().map_err(wrong)?);
    let previous = shelf.package(Which::Previous);
    if json {
        print_json(&json!({ "under_way": state, "last": last, "previous": previous }))?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(state) = state {
        print(&format!("Under way: from {} to {} ({:?})\n", state.from, state.to, state.phase));
    }
    match last {
        Some(ended) => print(&format!("{}  {}\n", ended.at, ended.sentence())),
        None => print("There was no update yet.\n"),
    }
    match previous {
        Some(package) => print(&format!("Previous release: {}\n", package.display())),
        None => print("No previous release is kept.\n"),
    }
    Ok(ExitCode::SUCCESS)
}

/// Progress; the terminal may be gone.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
