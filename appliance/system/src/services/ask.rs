//! Asks systemd for its units, at most every two seconds however many ask us.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use model::Timestamp;
use serde::Serialize;
use tokio::time::Instant;

use super::list::WATCHED;
use super::process::{self, Process, Spent};
use super::show::{self, PROPERTIES, Unit};
use crate::SystemError;
use crate::edge::{self, Bounds};

/// How long an answer counts as new.
const FRESH: Duration = Duration::from_secs(2);
/// systemd answers within a second, a busy one within some.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest answer that is read: some thousand units.
const LONGEST: u64 = 4 << 20;
/// The most processes whose times are remembered.
const MOST_SPENT: usize = 300;

/// Programs that are asked, and who acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Programs {
    /// Tells of units.
    pub systemctl: PathBuf,
    /// Tells what they wrote.
    pub journalctl: PathBuf,
    /// The socket of the one who may act on units; None to run `systemctl` ourselves.
    pub helper: Option<PathBuf>,
}

impl Default for Programs {
    /// Root acts itself; everybody else asks the helper that the package installs.
    fn default() -> Self {
        let is_root = nix::unistd::geteuid().is_root();
        Self {
            systemctl: "/usr/bin/systemctl".into(),
            journalctl: "/usr/bin/journalctl".into(),
            helper: (!is_root).then(|| super::HELPER_SOCKET.into()),
        }
    }
}

/// All services at a moment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Board {
    /// The moment.
    pub at: Timestamp,
    /// The services, by name.
    pub units: Vec<Unit>,
}

impl Board {
    /// A unit by its name, with or without `.service`.
    pub fn unit(&self, name: &str) -> Option<&Unit> {
        let bare = |unit: &Unit| unit.name.strip_suffix(".service") == Some(name);
        self.units.iter().find(|unit| unit.name == name || bare(unit))
    }
}

/// The last answer, and what processes had spent.
#[derive(Default)]
pub(crate) struct Services {
    asked: tokio::sync::Mutex<Option<(Instant, Arc<Board>)>>,
    /// The last answer, for who does not wait for another.
    last: Mutex<Option<Arc<Board>>>,
    spent: Mutex<HashMap<u32, Spent>>,
}

impl Services {
    /// All services.
    pub(crate) async fn board(
        &self,
        programs: &Programs,
        booted: Timestamp,
    ) -> Result<Arc<Board>, SystemError> {
        let mut asked = self.asked.lock().await;
        if let Some((at, board)) = &*asked
            && at.elapsed() < FRESH
        {
            return Ok(Arc::clone(board));
        }
        let mut arguments = vec!["show", "--no-pager", PROPERTIES, "--"];
        arguments.extend(WATCHED.iter().map(|line| line.pattern));
        let bounds = Bounds {
            longest: LONGEST,
            patience: PATIENCE,
            remedy: "services are seen where systemd runs",
        };
        let text = edge::run(&programs.systemctl, &arguments, bounds).await?;
        let board = Board { at: Timestamp::now(), units: show::units(&text, booted) };
        let board = Arc::new(board);
        *asked = Some((Instant::now(), Arc::clone(&board)));
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&board));
        Ok(board)
    }

    /// The last answer, however old, without asking.
    pub(crate) fn last(&self) -> Option<Arc<Board>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Forgets the last answer, since something was done.
    pub(crate) async fn forget(&self) {
        *self.asked.lock().await = None;
    }

    /// A process. Reads two small files.
    pub(crate) fn process(
        &self,
        proc: &std::path::Path,
        pid: u32,
        booted: Timestamp,
    ) -> Option<Process> {
        let before = self.spent().get(&pid).copied();
        let (process, spent) = process::read(proc, pid, (booted, Timestamp::now()), before)?;
        let mut all = self.spent();
        if all.len() >= MOST_SPENT {
            all.clear();
        }
        all.insert(pid, spent);
        Some(process)
    }

    fn spent(&self) -> std::sync::MutexGuard<'_, HashMap<u32, Spent>> {
        self.spent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
