//! The database's housekeeping: backups, retention, integrity, and word of a writer in trouble.

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

/// Giving free pages back to the file system.
const VACUUM_EVERY: Duration = Duration::from_secs(7 * 24 * 3_600);

/// The start is busy enough.
const FIRST_AFTER: Duration = Duration::from_secs(120);

/// The name under which the writer's trouble is shown.
const WRITER: &str = "store";

/// The name under which a wrong clock is shown.
const CLOCK: &str = "clock";

/// Starts the two rooms of upkeep.
pub(super) fn run(store: &Store, access: &Access, supervisor: &mut Supervisor, health: &Health) {
    let (kept, access, clock) = (store.clone(), access.clone(), health.clone());
    supervisor.room("upkeep", move |lifecycle| {
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

async fn keep(store: Store, access: Access, health: Health, lifecycle: Lifecycle) -> Result<()> {
    let every = |period| {
        let mut ticks = interval_at(Instant::now() + FIRST_AFTER, period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks
    };
    let mut backup = every(BACKUP_EVERY);
    let mut maintain = every(MAINTAIN_EVERY);
    let mut check = every(CHECK_EVERY);
    let mut vacuum = interval_at(Instant::now() + VACUUM_EVERY, VACUUM_EVERY);
    loop {
        tokio::select! {
            () = lifecycle.ended() => return Ok(()),
            _ = maintain.tick() => {
                let now = Timestamp::now();
                let cleaned = store.maintain(now).await?;
                tracing::debug!(?cleaned, "maintained the database");
                match cleaned.held_back {
                    Some(why) => health.degraded(CLOCK, why),
                    None => {
                        health.ok(CLOCK);
                        prune_audit(&store, &access, now).await?;
                    }
                }
            }
            _ = backup.tick() => {
                store.back_up(Timestamp::now()).await?;
            }
            _ = check.tick() => {
                if let Some(damage) = store.check_integrity(Timestamp::now()).await? {
                    anyhow::bail!(
                        "the database is damaged ({damage}): restore a backup with panoptikon \
                         restore FILE; backups lie in {}",
                        store.options().dir.join("backups").display()
                    );
                }
            }
            _ = vacuum.tick() => {
                store.vacuum(Timestamp::now()).await?;
            }
        }
    }
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
