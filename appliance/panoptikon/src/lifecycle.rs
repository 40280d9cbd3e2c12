//! How the appliance ends: who asks for it, and what is to happen once all is closed.

use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, PoisonError, mpsc};

use model::Explained;
use tokio::sync::watch;

/// What is to happen once every room has ended and the database is closed.
#[derive(Debug)]
pub enum Ending {
    /// End the process.
    Stop,
    /// Start anew in the same process.
    Restart,
    /// Put a backup in the place of the database, then start anew.
    Restore {
        /// The backup.
        file: PathBuf,
        /// Hears how it went, just before the new start.
        reply: mpsc::SyncSender<Result<String, Explained>>,
    },
    /// Remove all data but the backups, then start anew.
    Reset {
        /// Hears how it went, just before the new start.
        reply: mpsc::SyncSender<Result<String, Explained>>,
    },
}

/// What follows once everything is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// The process ends.
    Nothing,
    /// The process starts anew.
    Start,
    /// Files are copied or removed first, which may take its time.
    WorkThenStart,
}

/// Whether an ending is done in moments or copies and removes files first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Haste(bool);

impl Haste {
    /// True when nothing may take long.
    pub fn is_quick(self) -> bool {
        self.0
    }
}

/// The one switch that ends the appliance. Cheap to clone; all clones are one. It works from any
/// thread, inside the async runtime or outside.
#[derive(Clone)]
pub struct Lifecycle {
    ended: Arc<watch::Sender<bool>>,
    asked: Arc<(Mutex<Asked>, Condvar)>,
}

#[derive(Default)]
struct Asked {
    haste: Option<Haste>,
    ending: Option<Ending>,
}

impl Default for Lifecycle {
    fn default() -> Self {
        Self { ended: Arc::new(watch::Sender::new(false)), asked: Arc::default() }
    }
}

impl Lifecycle {
    /// Asks for an end. False when another one was asked for before: the first one counts.
    pub fn end(&self, ending: Ending) -> bool {
        let (slot, asked) = &*self.asked;
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if slot.haste.is_some() {
            return false;
        }
        slot.haste = Some(Haste(matches!(ending, Ending::Stop | Ending::Restart)));
        slot.ending = Some(ending);
        asked.notify_all();
        self.ended.send_replace(true);
        true
    }

    /// True once an end was asked for.
    pub fn has_ended(&self) -> bool {
        *self.ended.borrow()
    }

    /// Waits until an end is asked for. A room ends its work when this returns.
    pub async fn ended(&self) {
        // The sender lives as long as `self`, so waiting cannot fail.
        let _ = self.ended.subscribe().wait_for(|ended| *ended).await;
    }

    /// As [`Lifecycle::ended`], for threads outside the async runtime.
    pub fn wait(&self) -> Haste {
        let (slot, asked) = &*self.asked;
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match slot.haste {
                Some(haste) => return haste,
                None => slot = asked.wait(slot).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    /// What follows the end that was asked for.
    pub fn next(&self) -> Next {
        match &self.asked.0.lock().unwrap_or_else(PoisonError::into_inner).ending {
            None | Some(Ending::Stop) => Next::Nothing,
            Some(Ending::Restart) => Next::Start,
            Some(Ending::Restore { .. } | Ending::Reset { .. }) => Next::WorkThenStart,
        }
    }

    /// What was asked for; once only.
    pub fn take(&self) -> Option<Ending> {
        self.asked.0.lock().unwrap_or_else(PoisonError::into_inner).ending.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_end_counts() {
        let lifecycle = Lifecycle::default();
        assert!(!lifecycle.has_ended());
        assert!(lifecycle.end(Ending::Restart));
        assert_eq!(lifecycle.next(), Next::Start);
        assert!(!lifecycle.end(Ending::Stop));
        assert!(matches!(lifecycle.take(), Some(Ending::Restart)));
        assert!(!lifecycle.end(Ending::Stop), "also after it was taken");
    }

    #[tokio::test]
    async fn all_who_wait_hear_of_it() {
        let lifecycle = Lifecycle::default();
        let waiting = tokio::spawn({
            let lifecycle = lifecycle.clone();
            async move { lifecycle.ended().await }
        });
        lifecycle.end(Ending::Stop);
        waiting.await.expect("the waiter returns");
        lifecycle.ended().await;
    }
}
