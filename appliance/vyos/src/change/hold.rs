//! Who works on a change right now: one at a time, and nobody for ever.

use tokio::time::Instant;

use super::book::{Pending, Stage};
use super::{AGAIN, ChangeError, Changes, Live};

/// Somebody's work on a change. A panic in the middle of it must not keep the change from being
/// undone: then another takes it up.
pub(super) struct Hold {
    changes: Changes,
    number: i64,
}

impl Drop for Hold {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!(change = self.number, "the work on a change has panicked");
            self.changes.again(self.number, "Panoptikon failed in the middle of it".to_owned());
        }
    }
}

impl Changes {
    /// Marks work on a change that is busy already as one's own.
    pub(super) fn held(&self, number: i64) -> Hold {
        Hold { changes: self.clone(), number }
    }

    /// Takes a change to work on, where the condition holds, and says how far it is from now on.
    fn take(
        &self,
        number: i64,
        stage: Option<Stage>,
        fit: impl FnOnce(&Live) -> bool,
    ) -> Result<Pending, ChangeError> {
        let mut live = self.live();
        match live.get_mut(&number) {
            Some(one) if one.busy => Err(ChangeError::Busy(number)),
            Some(one) if fit(one) => {
                one.busy = true;
                one.pending.stage = stage.unwrap_or(one.pending.stage);
                Ok(one.pending.clone())
            }
            _ => Err(ChangeError::Settled(number)),
        }
    }

    /// The same, and gives it back if its work panics.
    pub(super) fn hold(
        &self,
        number: i64,
        stage: Option<Stage>,
        fit: impl FnOnce(&Live) -> bool,
    ) -> Result<(Pending, Hold), ChangeError> {
        let pending = self.take(number, stage, fit)?;
        Ok((pending, self.held(number)))
    }

    pub(super) fn stage(&self, number: i64, stage: Stage) {
        if let Some(live) = self.live().get_mut(&number) {
            live.pending.stage = stage;
        }
    }

    pub(super) fn release(&self, number: i64, problem: Option<String>) {
        if let Some(live) = self.live().get_mut(&number) {
            live.busy = false;
            live.unsure |= problem.is_some();
            live.problem = problem;
            if live.pending.stage != Stage::Waiting {
                live.until = Instant::now() + AGAIN;
            }
        }
        self.inner.wake.notify_one();
    }

    pub(super) fn again(&self, number: i64, problem: String) {
        self.release(number, Some(problem));
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use events::Events;
    use model::Timestamp;
    use store::Store;

    use super::super::{State, book};
    use super::*;
    use crate::client::{Address, Client, KeySource};

    async fn changes(dir: &Path) -> Changes {
        let store = Store::open(store::Options {
            dir: dir.join("data"),
            rooms: vec![events::ROOM, access::ROOM, crate::ROOM],
            built: Timestamp(0),
            max_bytes: 1 << 30,
            keep_backups: 1,
        });
        let store = store.unwrap();
        let keys = KeySource::File(dir.join("key"));
        let client = Client::new(Address::Socket(dir.join("nobody.sock")), None, keys);
        let events = Events::new(store.clone());
        Changes::open(client, store, events, dir.join("changes"), Timestamp::now()).await.unwrap()
    }

    #[tokio::test]
    async fn a_panic_in_the_middle_of_a_change_leaves_it_to_be_undone() {
        let dir = tempfile::tempdir().unwrap();
        let changes = changes(dir.path()).await;
        let pending = book::example(1);
        let until = Instant::now() + Duration::from_secs(600);
        let live = Live { pending, until, busy: false, unsure: false, problem: None };
        changes.live().insert(1, live);
        let own = changes.clone();
        let work = tokio::spawn(async move {
            let _held = own.hold(1, Some(Stage::Undoing), |_| true).unwrap();
            assert!(matches!(own.take(1, None, |_| true), Err(ChangeError::Busy(1))));
            panic!("as a test of panics does");
        });
        assert!(work.await.unwrap_err().is_panic());
        let waits = changes.unsettled().remove(0);
        assert_eq!(waits.state, State::Undoing);
        assert!(waits.problem.is_some());
        assert!(changes.take(1, None, |_| true).is_ok(), "nobody can take it up");
    }
}
