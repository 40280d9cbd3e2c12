//! How a change ends: kept and saved, or undone, by a person or when its time is up.

use std::time::Duration;

use access::Caller;
use access::audit::Outcome;
use model::Severity;
use tokio::time::{Instant, sleep_until};

use super::book::{Pending, Stage};
use super::commit::{Said, Saved, Undoing, Undone, confirmed, save, undo};
use super::{ChangeError, Changes, LOST, Live, State};
use crate::api::Request;
use crate::client::{AskError, Session};

impl Changes {
    /// Keeps a change: from now on it is the configuration that the router starts with.
    pub(crate) async fn keep(&self, number: i64, by: Caller) -> Result<(), ChangeError> {
        let own = self.clone();
        let work = tokio::spawn(async move { own.keep_to_the_end(number, by).await });
        work.await.unwrap_or_else(|e| Err(ChangeError::NotDone(e.to_string())))
    }

    pub(super) async fn keep_to_the_end(&self, number: i64, by: Caller) -> Result<(), ChangeError> {
        let (pending, _hold) = self.hold(number, Some(Stage::Keeping), |live| {
            live.pending.stage == Stage::Waiting && live.until > Instant::now()
        })?;
        if let Err(error) = self.write_live(number).await {
            self.stage(number, Stage::Waiting);
            self.release(number, None);
            return Err(error.into());
        }
        let kept = self.save(&pending).await;
        let outcome = if matches!(kept, Saved::Whole(_)) { Outcome::Ok } else { Outcome::Failed };
        let (said, result) = match &kept {
            Saved::Whole(said) => ((*said).to_owned(), Ok(())),
            Saved::Not(why) => (
                why.clone(),
                Err(ChangeError::NotDone(format!("it is kept, but not saved yet: {why}"))),
            ),
            Saved::Lost(why) => (why.clone(), Err(ChangeError::NotDone(format!("{LOST}: {why}")))),
        };
        self.note(&by, "router.keep", &pending, outcome, Some(&said)).await;
        self.kept(number, kept).await;
        self.tell();
        result
    }

    /// What follows from how saving ended.
    pub(super) async fn kept(&self, number: i64, how: Saved) {
        match how {
            Saved::Whole(said) => self.settle(number, State::Kept, said).await,
            // It stays kept; saving is tried again.
            Saved::Not(why) => self.again(number, why),
            Saved::Lost(why) => {
                self.stage(number, Stage::Undoing);
                self.write_or_log(number).await;
                self.undo_now(number, &format!("{LOST}: {why}")).await;
            }
        }
    }

    /// Undoes a change that waits.
    pub(crate) async fn undo(&self, number: i64, by: Caller) -> Result<(), ChangeError> {
        let own = self.clone();
        let work = tokio::spawn(async move {
            let waits = |live: &Live| live.pending.stage == Stage::Waiting;
            let (pending, _hold) = own.hold(number, Some(Stage::Undoing), waits)?;
            own.write_or_log(number).await;
            let undone = own.undo_now(number, "").await;
            let outcome = if undone { Outcome::Ok } else { Outcome::Failed };
            own.note(&by, "router.undo", &pending, outcome, None).await;
            own.tell();
            Ok(())
        });
        work.await.unwrap_or_else(|e| Err(ChangeError::NotDone(e.to_string())))
    }

    /// Undoes what nobody kept in time, and finishes what an end of the appliance interrupted.
    /// Never returns.
    pub(crate) async fn run(&self) {
        loop {
            let due: Vec<i64> = {
                let live = self.live();
                let now = Instant::now();
                live.values()
                    .filter(|one| !one.busy && one.until <= now)
                    .map(|one| one.pending.number)
                    .collect()
            };
            for number in due {
                self.finish(number).await;
            }
            let next = self.live().values().filter(|one| !one.busy).map(|one| one.until).min();
            let next = next.unwrap_or_else(|| Instant::now() + Duration::from_secs(3600));
            tokio::select! {
                () = sleep_until(next) => {}
                () = self.inner.wake.notified() => {}
            }
        }
    }

    /// Brings a change to its end whose time is up, or that a start found unfinished.
    pub(super) async fn finish(&self, number: i64) {
        let Ok((pending, _hold)) = self.hold(number, None, |live| live.until <= Instant::now())
        else {
            return;
        };
        if pending.stage == Stage::Keeping {
            let how = self.save(&pending).await;
            self.kept(number, how).await;
            return self.tell();
        }
        let found = pending.stage;
        self.stage(number, Stage::Undoing);
        self.write_or_log(number).await;
        self.mark(number, State::Undoing, "").await;
        let why = match found {
            Stage::Applying => "Panoptikon was stopped while it was being made.",
            Stage::Waiting => "Nobody kept it in time.",
            Stage::Undoing | Stage::Keeping => "",
        };
        let undone = self.undo_now(number, why).await;
        if undone || found != Stage::Undoing {
            let outcome = if undone { Outcome::Ok } else { Outcome::Failed };
            self.note(&Caller::system(), "router.undo", &pending, outcome, Some(why)).await;
        }
        self.tell();
    }

    /// Undoes; if the router does not let it, together with all that were made after it, for they
    /// may build on it. Whether it is undone.
    pub(super) async fn undo_now(&self, number: i64, why: &str) -> bool {
        let session = self.inner.client.urgent_session().await;
        let found = self.live().get(&number).map(|live| (live.pending.clone(), live.unsure));
        let Some((pending, unsure)) = found else { return false };
        let undoing = Undoing {
            before: &pending.before,
            left: pending.left.as_ref(),
            remarks: &pending.remarks,
            commands: &pending.commands,
            unsure,
        };
        let how = undo(&session, undoing).await;
        self.sent(&pending.commands);
        let problem = match how {
            Undone::Whole(said) => match self.forget_on_the_router(&session, &pending).await {
                Ok(()) => {
                    drop(session);
                    let said = format!("{why} {said}");
                    self.settle(number, State::Undone, said.trim()).await;
                    self.publish("router_change_undone", Severity::Low, &pending, said.trim())
                        .await;
                    return true;
                }
                Err(error) => error.to_string(),
            },
            Undone::Not(Said::Us(problem)) => problem,
            Undone::Not(Said::Router(problem)) => {
                // Only a router that says no may say so because of what was built on it.
                self.bring_forward_later(number);
                problem
            }
        };
        drop(session);
        let first = self.live().get(&number).is_some_and(|live| live.problem.is_none());
        if first {
            self.publish("router_undo_failing", Severity::Critical, &pending, &problem).await;
        }
        self.mark(number, State::Undoing, &problem).await;
        self.again(number, problem);
        false
    }

    /// Ends what else the router has of an undone change: its own waiting, and the file that it
    /// starts with where another change was saved together with this one.
    pub(super) async fn forget_on_the_router(
        &self,
        session: &Session<'_>,
        pending: &Pending,
    ) -> Result<(), AskError> {
        if pending.confirm {
            confirmed(session).await?;
        }
        if pending.saved {
            self.saving(pending.number).await;
            session.ask(&Request::Save).await?;
        }
        Ok(())
    }

    /// Notes of all other changes that are not settled that the file may hold them from now on: to
    /// save is to save all that runs. Only with the turn.
    pub(super) async fn saving(&self, number: i64) {
        let others: Vec<i64> = {
            let mut live = self.live();
            let others = live.values_mut().filter(|one| one.pending.number != number);
            others
                .filter_map(|one| {
                    let known = std::mem::replace(&mut one.pending.saved, true);
                    (!known).then_some(one.pending.number)
                })
                .collect()
        };
        for number in others {
            self.write_or_log(number).await;
        }
    }

    /// Lets the time of all later changes be up.
    pub(super) fn bring_forward_later(&self, number: i64) {
        let mut live = self.live();
        let waiting = |one: &&mut Live| !one.busy && one.pending.stage == Stage::Waiting;
        for (_, later) in live.range_mut(number + 1..) {
            if waiting(&later) {
                later.until = Instant::now();
            }
        }
        drop(live);
        self.inner.wake.notify_one();
    }

    pub(super) async fn save(&self, pending: &Pending) -> Saved {
        let session = self.inner.client.urgent_session().await;
        self.saving(pending.number).await;
        let saved = save(&session, &pending.before, &pending.commands, pending.confirm).await;
        if !matches!(saved, Saved::Whole("")) {
            self.sent(&pending.commands);
        }
        saved
    }
}
