//! Answers about flows for people and programs: what pages and the API ask.
//!
//! In come questions as functions of a [`Desk`], which has the files, the sums and what is known of
//! the world at that moment; out go their answers. They are worked on beside the asynchronous side,
//! two at a time, each for a few seconds at most; who comes when there is no room waits a while and
//! is then told so. All works on a folder, whether anything is being collected or not.

mod desk;
mod device;
mod months;
mod overview;
mod subnets;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use model::Timestamp;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;

pub use desk::{Desk, Owner, Searched, of_any_host, of_hosts};
pub use device::{DeviceAnswer, DeviceQuestion};
pub use months::MonthPair;
pub use overview::{Overview, OverviewQuestion};
pub use subnets::{Site, Sites};

use crate::query::QueryError;
use crate::rollup::{AddressBook, Interfaces, RollupError, Whose};
use crate::world::{Geo, NoGeo, Ours};

/// Questions that are worked on at a time.
const AT_ONCE: usize = 2;
/// How long a question waits for its turn.
const PATIENCE: Duration = Duration::from_secs(8);
/// How long a question is worked on.
const LONGEST: Duration = Duration::from_secs(12);

/// What flows are read with: it changes while the program runs, and is asked for with each question.
#[derive(Clone)]
pub struct World {
    /// Which networks are ours.
    pub ours: Ours,
    /// The router's interfaces to them.
    pub interfaces: Interfaces,
    /// Whose addresses were.
    pub book: Arc<dyn AddressBook + Send + Sync>,
    /// Where addresses are.
    pub geo: Arc<dyn Geo + Send + Sync>,
}

/// An address book in which nobody stands: all of ours are unknown.
pub struct Nobody(pub Ours);

impl AddressBook for Nobody {
    fn whose(&self, address: std::net::IpAddr, _: Timestamp) -> Whose {
        if self.0.contains(address) { Whose::Unknown } else { Whose::Remote }
    }
}

impl Default for World {
    fn default() -> Self {
        Self {
            ours: Ours::default(),
            interfaces: Interfaces::default(),
            book: Arc::new(Nobody(Ours::default())),
            geo: Arc::new(NoGeo),
        }
    }
}

/// How fast somebody sends and receives just now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Talker {
    /// Who.
    pub whose: Whose,
    /// Bits a second sent, over the last minute.
    pub sent_bps: f64,
    /// Bits a second received.
    pub received_bps: f64,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// The flows cannot say, or not in time.
    #[error("{0}")]
    Query(#[from] QueryError),
    /// The sums cannot be read.
    #[error("{0}")]
    Rollup(#[from] RollupError),
    /// Others are being answered.
    #[error("other questions about flows are being answered; try again in a moment")]
    Busy,
    /// The work ended without an answer.
    #[error("the question was given up; the log says why")]
    Broken,
}

type Now<T> = Box<dyn Fn() -> T + Send + Sync>;
type Work = Box<dyn FnOnce(&Desk) + Send>;

/// Answers about the flows of a folder. Clones are the same.
#[derive(Clone)]
pub struct Answers(Arc<Inner>);

struct Inner {
    dir: PathBuf,
    world: Now<World>,
    live: Now<Option<Vec<Talker>>>,
    gate: Arc<Semaphore>,
}

impl Answers {
    /// About the flows of a folder, which need not exist yet. `world` is asked with each question,
    /// and `live` for who talks just now; None where nobody counts that.
    pub fn new(
        dir: &Path,
        world: impl Fn() -> World + Send + Sync + 'static,
        live: impl Fn() -> Option<Vec<Talker>> + Send + Sync + 'static,
    ) -> Self {
        let gate = Arc::new(Semaphore::new(AT_ONCE));
        let (world, live) = (Box::new(world), Box::new(live));
        Self(Arc::new(Inner { dir: dir.to_owned(), world, live, gate }))
    }

    /// Who talks just now, the fastest first; None where nobody counts that.
    pub fn talkers(&self) -> Option<Vec<Talker>> {
        let mut all = (self.0.live)()?;
        let fast = |talker: &Talker| talker.sent_bps + talker.received_bps;
        model::sort_by(&mut all, |one, other| fast(other).total_cmp(&fast(one)));
        Some(all)
    }

    /// What is known of the world just now.
    pub fn world(&self) -> World {
        (self.0.world)()
    }

    /// Has a question answered.
    pub async fn ask<T: Send + 'static>(
        &self,
        now: Timestamp,
        question: impl FnOnce(&Desk) -> Result<T, AnswerError> + Send + 'static,
    ) -> Result<T, AnswerError> {
        let (give, answer) = oneshot::channel();
        // Who asked may have gone meanwhile.
        let work: Work = Box::new(move |desk| drop(give.send(question(desk))));
        self.work(now, work).await?;
        answer.await.map_err(|_| AnswerError::Broken)?
    }

    async fn work(&self, now: Timestamp, work: Work) -> Result<(), AnswerError> {
        let turn = timeout(PATIENCE, Arc::clone(&self.0.gate).acquire_owned()).await;
        let turn = turn.map_err(|_| AnswerError::Busy)?.map_err(|_| AnswerError::Busy)?;
        let (dir, world) = (self.0.dir.clone(), self.world());
        let done = tokio::task::spawn_blocking(move || {
            // Held until the work is done, even if nobody waits for it any more.
            let _turn = turn;
            work(&Desk { dir, world, now, deadline: Instant::now() + LONGEST });
        });
        done.await.map_err(|_| AnswerError::Broken)
    }
}
