//! The machine that an update acts on: stops and starts the appliance, copies, installs, watches.

use std::thread;
use std::time::{Duration, Instant};

use super::database;
use super::drive::World;
use super::machine::{Action, State, Which};
use super::shelf::Shelf;
use super::tools::Tools;
use super::watch::Watch;
use crate::checkup;
use crate::config::Config;
use crate::control::{AskError, Request, ask_within};

/// How long a stopped appliance may still answer.
const SILENT_WITHIN: Duration = Duration::from_secs(15);

/// A look at the new release.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The real machine.
pub struct Host<'a> {
    /// Where the appliance keeps its data, and how it is asked.
    pub config: &'a Config,
    /// Packages and state.
    pub shelf: &'a Shelf,
    /// dpkg and systemctl.
    pub tools: &'a Tools,
    /// Is told what begins, in words.
    pub tell: &'a dyn Fn(&str),
}

impl World for Host<'_> {
    fn save(&mut self, state: &State) -> Result<(), String> {
        self.shelf.save(state).map_err(|error| error.to_string())
    }

    fn act(&mut self, action: &Action, state: &State) -> Result<(), String> {
        let version = |which: Which| match which {
            Which::New => &state.to,
            Which::Previous => &state.from,
        };
        match action {
            Action::Stop => {
                (self.tell)("Stopping the appliance");
                self.stop()
            }
            Action::CopyDatabase => {
                (self.tell)("Copying the database");
                database::copy(&state.data).map_err(|error| error.to_string())
            }
            Action::Install(which) => {
                (self.tell)(&format!("Installing {}", version(*which)));
                let package = self.shelf.package(*which).ok_or("its package is gone")?;
                self.tools.install(&package).map_err(|error| error.to_string())
            }
            Action::Watch(which) => {
                (self.tell)(&format!("Waiting until {} is well", version(*which)));
                self.start()?;
                self.watch(state)
            }
            Action::Keep(which) => self.shelf.keep(*which).map_err(|error| error.to_string()),
            Action::RestoreDatabase => {
                (self.tell)("Putting the database back");
                database::restore(&state.data).map_err(|error| error.to_string())
            }
            Action::Start => {
                (self.tell)("Starting the appliance");
                self.start()
            }
            Action::End(_) => Ok(()),
        }
    }
}

impl Host<'_> {
    /// Stops the appliance and waits until nobody answers any more.
    fn stop(&self) -> Result<(), String> {
        self.tools.service("stop").map_err(|error| error.to_string())?;
        let begun = Instant::now();
        loop {
            let limit = Duration::from_secs(1);
            match ask_within(&self.config.control_socket, &Request::Status, limit) {
                Err(AskError::NotRunning(_)) => return Ok(()),
                _ if begun.elapsed() > SILENT_WITHIN => {
                    return Err("the appliance does not stop".to_owned());
                }
                _ => thread::sleep(Duration::from_millis(100)),
            }
        }
    }

    fn start(&self) -> Result<(), String> {
        // After crashes systemd refuses further starts until it is told to forget them.
        let _ = self.tools.service("reset-failed");
        self.tools.service("start").map_err(|error| error.to_string())
    }

    fn watch(&self, state: &State) -> Result<(), String> {
        let mut watch = Watch::new(state.failing.clone());
        let begun = Instant::now();
        loop {
            let seen = checkup::look(self.config);
            if let Some(decided) = watch.look(begun.elapsed(), &seen) {
                return decided;
            }
            thread::sleep(LOOK_EVERY);
        }
    }
}
