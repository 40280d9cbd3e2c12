//! The database's housekeeping: backups, retention, integrity, and word of a writer in trouble.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::time::Duration;

use access::{Access, Caller};
use anyhow::Result;
use model::Timestamp;
use store::Store;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use crate::health::Health;
use crate::lifecycle::Lifecycle;
use crate::supervisor::Supervisor;

/// A backup an hour: no more than that is ever lost.
const BACKUP_EVERY: Duration = Duration::from_secs(3_600);

/// Retention and size cap.
const MAINTAIN_EVERY: Duration = Duration::from_secs(600);

/// A look at every page of the database.
const CHECK_EVERY: Duration = Duration::from_secs(24 * 3_600);

/// Giving free pages back to the file system, counted across restarts.
const VACUUM_EVERY: Duration = Duration::from_secs(7 * 24 * 3_600);

/// A look at whether it is time for that.
const VACUUM_LOOK_EVERY: Duration = Duration::from_secs(3_600);

/// The start is busy enough.
const FIRST_AFTER: Duration = Duration::from_secs(120);

/// The name under which the writer's trouble is shown.
const WRITER: &str = "store";

/// The name under which failing upkeep is shown.
const UPKEEP: &str = "upkeep";

/// The name under which a wrong clock is shown.
const CLOCK: &str = "clock";

/// Starts the two rooms of upkeep.
pub(super) fn run(store: &Store, access: &Access, supervisor: &mut Supervisor, health: &Health) {
    let (kept, access, clock) = (store.clone(), access.clone(), health.clone());
    supervisor.room(UPKEEP, move |lifecycle| {
        keep(kept.clone(), access.clone(), clock.clone(), lifecycle)
    });
    let (watched, health) = (store.clone(), health.clone());
    supervisor.room(WRITER, move |lifecycle| watch(watched.clone(), health.clone(), lifecycle));
}

/// Forgets audit lines past their time. Only to be called while the clock is right.
async fn prune_audit(store: &Store, access: &Access, now: Timestamp) -> Result<()> {
    let days: Option<u32> =
        store.read(|r| store::read_setting(r.main(), web::pages::AUDIT_DAYS)).await?;
    let days = days.unwrap_or(web::pages::USUAL_AUDIT_DAYS).max(1);
    let before = now.minus(Duration::from_secs(u64::from(days) * 86_400));
    access.audit().prune(&Caller::system(), before, now).await?;
    Ok(())
}

/// Which tasks failed when they last ran. One that fails does not keep the others from running.
#[derive(Default)]
struct Troubles(BTreeMap<&'static str, String>);

impl Troubles {
    /// Notes how a task went and shows how all of them are doing.
    fn note<E: Display>(&mut self, task: &'static str, outcome: Result<(), E>, health: &Health) {
        match outcome {
            Ok(()) => drop(self.0.remove(task)),
            Err(error) => {
                let why = format!("{error:#}");
                tracing::error!(task, error = %why, "upkeep failed; it is tried again in its time");
                self.0.insert(task, why);
            }
        }
        if self.0.is_empty() {
            health.ok(UPKEEP);
        } else {
            let all: Vec<_> = self.0.iter().map(|(task, why)| format!("{task}: {why}")).collect();
            health.degraded(UPKEEP, all.join(". "));
        }
    }
}

/// Whether something that last ran at `last` has to run again. A last time in the future was written
/// by a wrong clock and does not count.
fn is_due(last: Option<Timestamp>, now: Timestamp, every: Duration) -> bool {
    last.is_none_or(|last| last > now || now.since(last) >= every)
}

async fn keep(store: Store, access: Access, health: Health, lifecycle: Lifecycle) -> Result<()> {
    let every = |period| {
        let mut ticks = interval_at(Instant::now() + FIRST_AFTER, period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks
    };
    let mut backup = every(BACKUP_EVERY);
    let mut maintain = every(MAINTAIN_EVERY);
    let mut check = every(CHECK_EVERY);
    let mut vacuum = every(VACUUM_LOOK_EVERY);
    let mut troubles = Troubles::default();
    loop {
        let now = Timestamp::now;
        let (task, outcome) = tokio::select! {
            () = lifecycle.ended() => return Ok(()),
            _ = maintain.tick() => ("maintenance", forget(&store, &access, now(), &health).await),
            _ = backup.tick() => ("backup", back_up(&store, now()).await),
            _ = check.tick() => ("integrity check", look(&store, now()).await),
            _ = vacuum.tick() => ("vacuum", give_back(&store, now()).await),
        };
        troubles.note(task, outcome, &health);
    }
}

async fn forget(store: &Store, access: &Access, now: Timestamp, health: &Health) -> Result<()> {
    let mut cleaned = store.maintain(now).await?;
    tracing::debug!(?cleaned, "maintained the database");
    if let Some(why) = cleaned.held_back {
        health.degraded(CLOCK, why);
    } else {
        health.ok(CLOCK);
        if let Err(error) = prune_audit(store, access, now).await {
            cleaned.failed.push(format!("audit log: {error:#}"));
        }
    }
    anyhow::ensure!(cleaned.failed.is_empty(), "{}", cleaned.failed.join("; "));
    Ok(())
}

async fn back_up(store: &Store, now: Timestamp) -> Result<()> {
    store.back_up(now).await?;
    Ok(())
}

async fn look(store: &Store, now: Timestamp) -> Result<()> {
    if let Some(damage) = store.check_integrity(now).await? {
        anyhow::bail!(
            "the database is damaged ({damage}): restore a backup with panoptikon restore FILE; \
             backups lie in {}",
            store.options().dir.join("backups").display()
        );
    }
    Ok(())
}

async fn give_back(store: &Store, now: Timestamp) -> Result<()> {
    if is_due(store.last_maintenance("vacuum").await?, now, VACUUM_EVERY) {
        store.vacuum(now).await?;
    }
    Ok(())
}

/// Shows the writer's trouble as long as it lasts.
async fn watch(store: Store, health: Health, lifecycle: Lifecycle) -> Result<()> {
    let mut state = store.health();
    loop {
        let now = state.borrow_and_update().clone();
        match now.failing {
            Some(error) if now.full => health.degraded(
                WRITER,
                format!("The disk is full: {error}. Free some space; it recovers by itself."),
            ),
            Some(error) => health.degraded(WRITER, error),
            None => health.ok(WRITER),
        }
        tokio::select! {
            () = lifecycle.ended() => return Ok(()),
            changed = state.changed() => {
                if changed.is_err() {
                    // Closed: the end is near.
                    lifecycle.ended().await;
                    return Ok(());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::Status;

    #[test]
    fn a_failing_task_is_shown_until_it_succeeds_whatever_the_others_do() {
        let (health, mut troubles) = (Health::default(), Troubles::default());
        let shown = || health.components().pop().expect("one part");
        troubles.note("backup", Err("no room"), &health);
        troubles.note::<&str>("vacuum", Ok(()), &health);
        assert_eq!(shown().status, Status::Degraded);
        assert_eq!(shown().message.as_deref(), Some("backup: no room"));
        troubles.note::<&str>("backup", Ok(()), &health);
        assert_eq!(shown().status, Status::Ok);
    }

    #[test]
    fn the_week_is_counted_across_restarts() {
        let now = Timestamp(1_800_000_000_000);
        let due = |last| is_due(last, now, VACUUM_EVERY);
        assert!(due(None));
        assert!(!due(Some(now.minus(VACUUM_EVERY / 2))));
        assert!(due(Some(now.minus(VACUUM_EVERY))));
        assert!(due(Some(now.plus(VACUUM_EVERY))));
    }
}
