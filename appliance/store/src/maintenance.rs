//! Forgetting: rows and days past their time, and the size cap.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use model::Timestamp;
use rusqlite::{OptionalExtension as _, params};
use serde::Serialize;

use crate::{ClockVerdict, DATABASE, DayFile, Retention, Store, StoreError, days, read_setting};

/// Rows deleted in one job, so that other writers never wait long.
const ROWS_A_BATCH: usize = 1_000;
/// After the cap was passed, deleting goes on until this share of it (in percent) is left.
const CAP_TARGET_PERCENT: u64 = 80;
/// Pages given back to the file system in one job.
const PAGES_A_BATCH: u32 = 256;

/// What a round of maintenance did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Cleaned {
    /// Why nothing was deleted by age, if so.
    pub held_back: Option<String>,
    /// Rows deleted from the main database.
    pub rows: u64,
    /// Day files deleted because of their age.
    pub days: u64,
    /// Day files deleted because all tables together were too large.
    pub days_over_cap: u64,
    /// Backups deleted because they are no longer needed or were too large together.
    pub backups: u64,
    /// Which parts failed and why; the others were done all the same.
    pub failed: Vec<String>,
}

impl Cleaned {
    /// The outcome of one part; nothing where it failed, which is noted.
    fn part<T: Default>(&mut self, what: &str, outcome: Result<T, StoreError>) -> T {
        outcome.unwrap_or_else(|error| {
            tracing::error!(%error, what, "a part of the upkeep failed");
            self.failed.push(format!("{what}: {error}"));
            T::default()
        })
    }
}

/// Bytes on disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Sizes {
    /// The main database with its write-ahead log.
    pub main: u64,
    /// All day files.
    pub days: u64,
    /// All backups, which may take as much as the cap once more.
    pub backups: u64,
    /// The cap on main and days together.
    pub cap: u64,
    /// Free space of the file system.
    pub free: u64,
    /// Size of the file system.
    pub disk: u64,
}

/// One line of the log of maintenance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MaintenanceRow {
    /// When it ran.
    pub at: Timestamp,
    /// What ran, such as `retention`.
    pub kind: String,
    /// How long it took, in milliseconds.
    pub duration_ms: i64,
    /// Things looked at.
    pub processed: i64,
    /// Things removed.
    pub removed: i64,
    /// A few words.
    pub details: String,
}

impl Store {
    /// Deletes what is past its time, the oldest days while the cap is passed and surplus backups, and
    /// gives free pages back. Nothing is deleted by age while the clock cannot be trusted. A part that
    /// fails is named in [`Cleaned::failed`] and does not keep the others from their work.
    ///
    /// # Errors
    /// Where the clock could not be judged because the database cannot be read.
    pub async fn maintain(&self, now: Timestamp) -> Result<Cleaned, StoreError> {
        let started = Instant::now();
        let mut cleaned = Cleaned::default();
        let verdict = self.judge_clock(now).await;
        let trusted = matches!(verdict, Ok(ClockVerdict::Trusted));
        // Files first: on a full disk a file can be deleted, but a row needs room in the write-ahead
        // log before it can go.
        if trusted {
            self.forget_days(now, &mut cleaned).await;
        }
        let (gone, outcome) = self.aside(move |store| store.enforce_cap(now)).await?;
        cleaned.days_over_cap = gone;
        cleaned.part("the size cap", outcome);
        let pruned = self.aside(|store| store.prune_backups(None)).await?;
        cleaned.backups = cleaned.part("old backups", pruned);
        if trusted {
            for rule in self.options().rooms.iter().flat_map(|r| r.retention).copied() {
                let gone = self.forget_rows(rule, now).await;
                cleaned.rows += cleaned.part(rule.table, gone);
            }
        }
        let shrunk = self.shrink().await;
        cleaned.part("giving space back", shrunk);
        cleaned.held_back = match verdict? {
            ClockVerdict::Trusted => None,
            ClockVerdict::Behind => {
                Some("the clock is behind; waiting for it to be set".to_owned())
            }
            ClockVerdict::Leapt => {
                Some("the clock has leapt; waiting an hour before believing it".to_owned())
            }
        };
        if trusted {
            let removed = cleaned.rows + cleaned.days + cleaned.days_over_cap + cleaned.backups;
            let details = format!(
                "{} rows, {} days by age, {} days over the cap, {} backups",
                cleaned.rows, cleaned.days, cleaned.days_over_cap, cleaned.backups
            );
            let logged = self.log("retention", now, started, removed, removed, details).await;
            cleaned.part("the log", logged);
        }
        Ok(cleaned)
    }

    /// Gives all free pages of the main database back to the file system. It does not rebuild the
    /// file: pages that are half empty stay so.
    pub async fn vacuum(&self, now: Timestamp) -> Result<Sizes, StoreError> {
        let started = Instant::now();
        let before = self.aside(Self::sizes).await?;
        while self.shrink_once().await? > 0 {}
        let after = self.aside(Self::sizes).await?;
        let freed = before.main.saturating_sub(after.main);
        self.log("vacuum", now, started, before.main, freed, format!("{freed} bytes freed"))
            .await?;
        Ok(after)
    }

    /// When something of the log of maintenance, such as `vacuum`, ran last.
    pub async fn last_maintenance(
        &self,
        kind: &'static str,
    ) -> Result<Option<Timestamp>, StoreError> {
        self.read(move |r| {
            // The last one written, not the latest: a wrong clock may have written that.
            let sql = "SELECT at FROM maintenance_operations WHERE type = ?1
                       ORDER BY id DESC LIMIT 1";
            let last = r.main().query_row(sql, [kind], |row| row.get(0)).optional()?;
            Ok(last.map(Timestamp))
        })
        .await
    }

    /// Runs something that waits for the disk, off the async workers.
    pub(crate) async fn aside<T: Send + 'static>(
        &self,
        f: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        let store = self.clone();
        let task = tokio::task::spawn_blocking(move || f(&store));
        task.await.map_err(|_| StoreError::Broken("to the data folder"))
    }

    /// Reads every page of the main database and tells what is wrong with it, if anything.
    pub async fn check_integrity(&self, now: Timestamp) -> Result<Option<String>, StoreError> {
        let started = Instant::now();
        let found = self
            .read(|r| {
                let found: String =
                    r.main().query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
                Ok::<_, StoreError>(found)
            })
            .await?;
        let size = self.aside(Self::sizes).await?.main;
        self.log("integrity check", now, started, size, 0, found.clone()).await?;
        Ok((found != "ok").then_some(found))
    }

    /// Bytes on disk, now. Waits for the disk.
    pub fn sizes(&self) -> Sizes {
        let options = self.options();
        let database = options.dir.join(DATABASE);
        let files = days::list(&options.dir).unwrap_or_default();
        let space = nix::sys::statvfs::statvfs(&options.dir).ok();
        let blocks = |n: u64, fragment: u64| n.saturating_mul(fragment);
        Sizes {
            main: ["", "-wal"].iter().map(|t| days::size(&days::sibling(&database, t))).sum(),
            days: files.iter().map(|f| f.bytes).sum(),
            backups: self.backups().unwrap_or_default().iter().map(|b| b.bytes).sum(),
            cap: self.bounds().max_bytes,
            free: space.map_or(0, |s| blocks(s.blocks_available(), s.fragment_size())),
            disk: space.map_or(0, |s| blocks(s.blocks(), s.fragment_size())),
        }
    }

    /// The log of maintenance, newest first.
    pub async fn maintenance_log(&self, limit: u32) -> Result<Vec<MaintenanceRow>, StoreError> {
        self.read(move |r| {
            let mut statement = r.main().prepare_cached(
                "SELECT at, type, duration_ms, processed, removed, details
                 FROM maintenance_operations ORDER BY id DESC LIMIT ?1",
            )?;
            let rows = statement.query_map([limit], |row| {
                Ok(MaintenanceRow {
                    at: Timestamp(row.get(0)?),
                    kind: row.get(1)?,
                    duration_ms: row.get(2)?,
                    processed: row.get(3)?,
                    removed: row.get(4)?,
                    details: row.get(5)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    async fn judge_clock(&self, now: Timestamp) -> Result<ClockVerdict, StoreError> {
        let last = self.last_maintenance("retention").await?;
        let inner = self.inner();
        let mut watch = inner.clock.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(watch.judge(inner.opened.elapsed(), now, self.options().built, last))
    }

    async fn keep_days(&self, setting: &'static str, default: u32) -> Result<u64, StoreError> {
        let set: Option<u32> = self.read(move |r| read_setting(r.main(), setting)).await?;
        Ok(u64::from(set.unwrap_or(default).max(1)))
    }

    async fn forget_rows(&self, rule: Retention, now: Timestamp) -> Result<u64, StoreError> {
        let keep = self.keep_days(rule.setting, rule.default_days).await?;
        let before = now.minus(Duration::from_secs(keep * 86_400));
        let (table, column, only) = (rule.table, rule.column, rule.only);
        let sql = format!(
            "DELETE FROM {table} WHERE rowid IN (
                 SELECT rowid FROM {table} WHERE {column} < ?1 AND ({only}) LIMIT ?2)"
        );
        let mut removed = 0;
        loop {
            let sql = sql.clone();
            let gone = self
                .write("retention", move |w| {
                    let limit = ROWS_A_BATCH as i64;
                    Ok::<_, StoreError>(w.main().execute(&sql, params![before.0, limit])?)
                })
                .await?;
            removed += gone as u64;
            if gone < ROWS_A_BATCH {
                return Ok(removed);
            }
        }
    }

    async fn forget_days(&self, now: Timestamp, cleaned: &mut Cleaned) {
        let kinds: Vec<_> =
            self.options().rooms.iter().flat_map(|r| r.day_kinds).copied().collect();
        for kind in kinds {
            let outcome = match self.keep_days(kind.setting, kind.default_days).await {
                Ok(keep) => {
                    let oldest = now.day() - keep as i64;
                    let old = move |f: &DayFile| f.kind == kind.name && f.day < oldest;
                    self.aside(move |store| store.delete_days(old)).await
                }
                Err(error) => Err(error),
            };
            let (gone, outcome) = outcome.unwrap_or_else(|error| (0, Err(error)));
            cleaned.days += gone;
            cleaned.part(kind.name, outcome);
        }
    }

    /// Deletes the days that `chosen` picks, oldest first; goes on after one that cannot be deleted
    /// and gives back how many are gone, with the first error.
    fn delete_days(
        &self,
        mut chosen: impl FnMut(&DayFile) -> bool,
    ) -> (u64, Result<(), StoreError>) {
        let files = match days::list(&self.options().dir) {
            Ok(files) => files,
            Err(error) => return (0, Err(error)),
        };
        let (mut gone, mut outcome) = (0, Ok(()));
        for file in files.iter().rev().filter(|f| chosen(f)) {
            match days::delete(&file.path) {
                Ok(()) => gone += 1,
                Err(error) => outcome = outcome.and(Err(error)),
            }
        }
        (gone, outcome)
    }

    /// Deletes the oldest days until the tables fit; never the current day.
    fn enforce_cap(&self, now: Timestamp) -> (u64, Result<(), StoreError>) {
        let sizes = self.sizes();
        let mut total = sizes.main + sizes.days;
        if total <= sizes.cap {
            return (0, Ok(()));
        }
        let target = sizes.cap / 100 * CAP_TARGET_PERCENT;
        let outcome = self.delete_days(|file| {
            let chosen = total > target && file.day < now.day();
            if chosen {
                total = total.saturating_sub(file.bytes);
            }
            chosen
        });
        if total > sizes.cap {
            tracing::warn!(bytes = total, cap = sizes.cap, "the tables are larger than the cap");
        }
        outcome
    }

    async fn shrink(&self) -> Result<(), StoreError> {
        // A few rounds an hour are enough to keep up, and spare the flash.
        for _ in 0..8 {
            if self.shrink_once().await? == 0 {
                break;
            }
        }
        Ok(())
    }

    async fn shrink_once(&self) -> Result<u32, StoreError> {
        self.write("vacuum", |w| {
            let mut statement =
                w.main().prepare(&format!("PRAGMA incremental_vacuum({PAGES_A_BATCH})"))?;
            let mut rows = statement.query([])?;
            while rows.next()?.is_some() {}
            Ok::<_, StoreError>(w.main().pragma_query_value(None, "freelist_count", |r| r.get(0))?)
        })
        .await
    }

    async fn log(
        &self,
        kind: &'static str,
        at: Timestamp,
        started: Instant,
        processed: u64,
        removed: u64,
        details: String,
    ) -> Result<(), StoreError> {
        let took = started.elapsed().as_millis() as i64;
        self.write("maintenance log", move |w| {
            w.main().execute(
                "INSERT INTO maintenance_operations
                     (at, type, duration_ms, processed, removed, details)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![at.0, kind, took, processed as i64, removed as i64, details],
            )?;
            Ok(())
        })
        .await
    }
}
