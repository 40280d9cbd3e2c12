//! The handle on alerts: listens to the bus, answers questions, does what people ask.

use std::sync::Arc;
use std::time::Duration;

use events::{EventQuery, Events};
use model::{AlertId, Event, EventId, Timestamp};
use rusqlite::params_from_iter;
use store::{Store, StoreError, Writing};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::time::MissedTickBehavior;

use crate::lifecycle::step;
use crate::{
    Action, Alert, AlertChange, AlertDetails, AlertError, AlertPage, AlertQuery, Counts, Mute,
    NewMute, RULES, Rule, Shown, handle, query, rows,
};

/// Changes that a slow listener may fall behind.
const CHANGES: usize = 256;
/// Events handled in one transaction.
const BATCH: usize = 64;
/// Rows marked or deleted in one transaction, so that other writers never wait long.
const ROWS_A_BATCH: usize = 1_000;
/// Deleted alerts that a change lists by name.
const MOST_LISTED: usize = 200;
/// Alerts in the bell menu.
const BELL: usize = 8;
/// How often flapping devices are looked at as time passes.
const SETTLE: Duration = Duration::from_secs(60);
/// The longest mute.
const LONGEST_MUTE: Duration = Duration::from_secs(366 * 86_400);

/// All alerts. Cheap to clone.
#[derive(Clone)]
pub struct Alerts {
    store: Store,
    events: Events,
    changes: broadcast::Sender<Arc<AlertChange>>,
}

impl Alerts {
    /// Alerts kept in `store`, which must have been opened with [`crate::ROOM`].
    pub fn new(store: Store, events: Events) -> Self {
        Self { store, events, changes: broadcast::Sender::new(CHANGES) }
    }

    /// Judges events until `shutdown` is ready. First those that came while nobody listened: which
    /// event was handled last is stored with what it led to, so none is lost and none counts twice.
    ///
    /// `bus` must have been subscribed before the call. To be run once at a time.
    ///
    /// # Errors
    /// [`StoreError`] where the tables cannot be written; run again, it goes on where it stopped.
    pub async fn run(
        self,
        bus: broadcast::Receiver<Arc<Event>>,
        shutdown: impl Future<Output = ()> + Send,
    ) -> Result<(), StoreError> {
        tokio::select! {
            () = shutdown => Ok(()),
            outcome = self.listen(bus) => outcome,
        }
    }

    async fn listen(&self, mut bus: broadcast::Receiver<Arc<Event>>) -> Result<(), StoreError> {
        self.catch_up().await?;
        let mut settle = tokio::time::interval(SETTLE);
        settle.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let received = tokio::select! {
                received = bus.recv() => received,
                _ = settle.tick() => {
                    self.settle(Timestamp::now()).await?;
                    continue;
                }
            };
            let (mut batch, mut missed) = (Vec::new(), 0);
            match received {
                Ok(event) => batch.push(event),
                Err(RecvError::Lagged(n)) => missed = n,
                Err(RecvError::Closed) => return Ok(()),
            }
            while missed == 0 && batch.len() < BATCH {
                match bus.try_recv() {
                    Ok(event) => batch.push(event),
                    Err(TryRecvError::Lagged(n)) => missed = n,
                    Err(TryRecvError::Empty | TryRecvError::Closed) => break,
                }
            }
            batch.retain(|e| Rule::of(&e.kind).is_some());
            self.handle(batch).await?;
            if missed > 0 {
                tracing::info!(missed, "alerts fell behind; reading the events from the table");
                self.catch_up().await?;
            }
        }
    }

    /// Handles stored events that nobody has handled yet.
    async fn catch_up(&self) -> Result<(), StoreError> {
        let missed = self.missed().await?;
        for ids in missed.chunks(BATCH) {
            let mut batch = Vec::new();
            for id in ids {
                batch.extend(self.events.get(*id).await?.map(Arc::new));
            }
            self.handle(batch).await?;
        }
        Ok(())
    }

    /// The events to catch up with, oldest first. Names only: they may be many.
    async fn missed(&self) -> Result<Vec<EventId>, StoreError> {
        let handled = self.store.read(|r| rows::cursors(r.main())).await?;
        let (mut missed, mut days, mut before) = (Vec::new(), Vec::new(), None);
        loop {
            let page = self
                .events
                .list(EventQuery {
                    kinds: RULES.iter().map(|r| r.event.to_owned()).collect(),
                    before,
                    limit: 200,
                    ..EventQuery::default()
                })
                .await?;
            let mut done = None;
            for id in page.events.iter().map(|e| e.id) {
                if days.last() != Some(&id.day()) {
                    days.push(id.day());
                }
                if handled.get(&id.day()).is_some_and(|row| *row >= id.row()) {
                    done = Some(id.day());
                } else {
                    missed.push(id);
                }
            }
            before = match page.next {
                None => break,
                // Whatever is older on that day was handled too: on with the day before.
                Some(next) if done == Some(next.day()) => Some(EventId::new(next.day(), 0)),
                next => next,
            };
        }
        self.store.write("alert cursor", move |w| rows::keep_cursors(w.main(), &days)).await?;
        model::sort_by(&mut missed, Ord::cmp);
        Ok(missed)
    }

    async fn handle(&self, batch: Vec<Arc<Event>>) -> Result<(), StoreError> {
        if batch.is_empty() {
            return Ok(());
        }
        match self.handle_together(batch.clone()).await {
            // One event that cannot be handled must not hold up the others for ever.
            Err(error) if is_of_the_event(&error) => {
                for event in batch {
                    self.handle_alone(event).await?;
                }
                Ok(())
            }
            outcome => outcome,
        }
    }

    async fn handle_together(&self, batch: Vec<Arc<Event>>) -> Result<(), StoreError> {
        let alerts = self.clone();
        self.store
            .write("alerts", move |w| {
                for event in &batch {
                    let change = handle::handle(w.main(), event)?;
                    alerts.tell(w, change);
                }
                Ok(())
            })
            .await
    }

    async fn handle_alone(&self, event: Arc<Event>) -> Result<(), StoreError> {
        let (id, kind) = (event.id, event.kind.clone());
        match self.handle_together(vec![event]).await {
            Err(error) if is_of_the_event(&error) => {
                tracing::error!(%id, kind, %error, "an event could not be judged; passing it over");
                self.store.write("alert cursor", move |w| rows::set_cursor(w.main(), id)).await
            }
            outcome => outcome,
        }
    }

    /// Looks at flapping devices as time passes; [`Alerts::run`] does so by itself.
    pub async fn settle(&self, now: Timestamp) -> Result<(), StoreError> {
        let open = |q: &AlertQuery, conn: &_| q.count(conn);
        let query =
            AlertQuery { kinds: vec![crate::rules::FLAPPING.to_owned()], ..AlertQuery::default() };
        if self.store.read(move |r| open(&query, r.main())).await? == 0 {
            return Ok(());
        }
        let alerts = self.clone();
        self.store
            .write("alerts", move |w| {
                let changes = handle::settle_all(w.main(), now)?;
                alerts.tell(w, changes);
                Ok(())
            })
            .await
    }

    fn tell(&self, w: &mut Writing<'_>, changes: impl IntoIterator<Item = AlertChange>) {
        for change in changes {
            let (sender, change) = (self.changes.clone(), Arc::new(change));
            // Nobody listening is fine: the table has it.
            w.after_commit(move || drop(sender.send(change)));
        }
    }

    /// What becomes of alerts from now on, each after its commit.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<AlertChange>> {
        self.changes.subscribe()
    }

    /// A page of alerts, the last seen first.
    pub async fn list(&self, query: AlertQuery) -> Result<AlertPage, StoreError> {
        self.store.read(move |r| query.page(r.main())).await
    }

    /// How many alerts match, on all pages.
    pub async fn count(&self, query: AlertQuery) -> Result<u64, StoreError> {
        self.store.read(move |r| query.count(r.main())).await
    }

    /// One alert with its history and the events behind it; None where there is none.
    pub async fn get(&self, id: AlertId) -> Result<Option<AlertDetails>, StoreError> {
        let found = self
            .store
            .read(move |r| {
                let alert = rows::find(r.main(), id)?;
                Ok::<_, StoreError>((alert, rows::history(r.main(), id)?))
            })
            .await?;
        let (Some(alert), history) = found else {
            return Ok(None);
        };
        let mut evidence = Vec::new();
        for event in &alert.evidence {
            evidence.extend(self.events.get(*event).await?);
        }
        Ok(Some(AlertDetails { alert, history, evidence }))
    }

    /// Alerts by severity and status.
    pub async fn counts(&self) -> Result<Counts, StoreError> {
        self.store.read(|r| query::counts(r.main())).await
    }

    /// Alerts that nobody has read.
    pub async fn unread(&self) -> Result<u64, StoreError> {
        self.count(AlertQuery { shown: Shown::All, unread: true, ..AlertQuery::default() }).await
    }

    /// The last eight, for the bell menu.
    pub async fn last(&self) -> Result<Vec<Alert>, StoreError> {
        let query = AlertQuery { shown: Shown::All, limit: BELL, ..AlertQuery::default() };
        Ok(self.list(query).await?.alerts)
    }

    /// Does something with one alert; the alert as it is then.
    pub async fn act(
        &self,
        id: AlertId,
        action: Action,
        by: &str,
        now: Timestamp,
    ) -> Result<Alert, AlertError> {
        let (alerts, by) = (self.clone(), by.to_owned());
        self.store.write_synced("alert", move |w| alerts.act_in(w, id, action, &by, now)).await
    }

    /// As [`Alerts::act`], inside a transaction of the caller's, for instance with its audit row.
    pub fn act_in(
        &self,
        w: &mut Writing<'_>,
        id: AlertId,
        action: Action,
        by: &str,
        now: Timestamp,
    ) -> Result<Alert, AlertError> {
        let alert = rows::find(w.main(), id)?.ok_or(AlertError::NotFound(id))?;
        let Some((next, line)) = step(&alert, action, by, now)? else {
            return Ok(alert);
        };
        if next.status.is_open() && !alert.status.is_open() {
            let open = rows::known(w.main(), &alert.dedupe_key)?;
            if let Some(newer) = open.filter(|k| k.status.is_open()).map(|k| k.id) {
                return Err(AlertError::Superseded { id, newer });
            }
        }
        rows::update(w.main(), &next)?;
        rows::add_history(w.main(), id, now, by, line.change, &line.note)?;
        let change = AlertChange::Changed { alert: next.clone(), by: by.to_owned() };
        self.tell(w, [change]);
        Ok(next)
    }

    /// Marks all alerts as read; how many had not been.
    pub async fn read_all(&self, by: &str, now: Timestamp) -> Result<u64, AlertError> {
        let mut count = 0;
        loop {
            let by = by.to_owned();
            let marked =
                self.store.write_synced("alerts read", move |w| mark_read(w, &by, now)).await?;
            count += marked as u64;
            if marked < ROWS_A_BATCH {
                break;
            }
        }
        if count > 0 {
            let by = by.to_owned();
            let change = AlertChange::AllRead { count, by };
            drop(self.changes.send(Arc::new(change)));
        }
        Ok(count)
    }

    /// Deletes one alert with its history. Auditing is the caller's.
    pub async fn delete(&self, id: AlertId, by: &str) -> Result<Alert, AlertError> {
        let (alerts, by) = (self.clone(), by.to_owned());
        self.store.write_synced("alert deletion", move |w| alerts.delete_in(w, id, &by)).await
    }

    /// As [`Alerts::delete`], inside a transaction of the caller's.
    pub fn delete_in(
        &self,
        w: &mut Writing<'_>,
        id: AlertId,
        by: &str,
    ) -> Result<Alert, AlertError> {
        let alert = rows::find(w.main(), id)?.ok_or(AlertError::NotFound(id))?;
        w.main().execute("DELETE FROM alerts WHERE id = ?1", [id.0])?;
        let change = AlertChange::Deleted { ids: vec![id], count: 1, by: by.to_owned() };
        self.tell(w, [change]);
        Ok(alert)
    }

    /// Deletes all alerts that match, on all pages; how many. Auditing is the caller's.
    pub async fn delete_all(&self, query: AlertQuery, by: &str) -> Result<u64, AlertError> {
        let mut gone = Vec::new();
        loop {
            let query = query.clone();
            let batch =
                self.store.write_synced("alert deletion", move |w| delete_batch(w, &query)).await?;
            let full = batch.len() == ROWS_A_BATCH;
            gone.extend(batch);
            if !full {
                break;
            }
        }
        let count = gone.len() as u64;
        if count > 0 {
            let ids = if gone.len() > MOST_LISTED { Vec::new() } else { gone };
            let by = by.to_owned();
            let change = AlertChange::Deleted { ids, count, by };
            drop(self.changes.send(Arc::new(change)));
        }
        Ok(count)
    }

    /// Mutes a device, a kind, both or everything, in place of an earlier mute of just the same.
    pub async fn mute(&self, new: NewMute, by: &str, now: Timestamp) -> Result<Mute, AlertError> {
        let (alerts, by) = (self.clone(), by.to_owned());
        self.store.write_synced("mute", move |w| alerts.mute_in(w, new, &by, now)).await
    }

    /// As [`Alerts::mute`], inside a transaction of the caller's.
    pub fn mute_in(
        &self,
        w: &mut Writing<'_>,
        new: NewMute,
        by: &str,
        now: Timestamp,
    ) -> Result<Mute, AlertError> {
        let until = new.until;
        if until <= now || until > now.plus(LONGEST_MUTE) {
            return Err(AlertError::BadMute { until });
        }
        let conn = w.main();
        let device = new.device.map(|d| d.0);
        conn.execute(
            "UPDATE mutes SET until = ?3 WHERE device IS ?1 AND kind IS ?2 AND until > ?3",
            (device, &new.kind, now.0),
        )?;
        conn.execute(
            "INSERT INTO mutes (device, kind, until, by, at) VALUES (?1, ?2, ?3, ?4, ?5)",
            (device, &new.kind, until.0, by, now.0),
        )?;
        let mute = Mute {
            id: conn.last_insert_rowid(),
            device: new.device,
            kind: new.kind,
            until,
            by: by.to_owned(),
            at: now,
            suppressed: 0,
        };
        if let Some(id) = new.from {
            rows::find(conn, id)?.ok_or(AlertError::NotFound(id))?;
            let note = format!("until {until}");
            rows::add_history(conn, id, now, by, "muted", &note)?;
        }
        self.tell(w, [AlertChange::Muted { mute: mute.clone() }]);
        Ok(mute)
    }

    /// Ends a mute now.
    pub async fn unmute(&self, mute: i64, by: &str, now: Timestamp) -> Result<Mute, AlertError> {
        let (alerts, by) = (self.clone(), by.to_owned());
        self.store.write_synced("unmute", move |w| alerts.unmute_in(w, mute, &by, now)).await
    }

    /// As [`Alerts::unmute`], inside a transaction of the caller's.
    pub fn unmute_in(
        &self,
        w: &mut Writing<'_>,
        mute: i64,
        by: &str,
        now: Timestamp,
    ) -> Result<Mute, AlertError> {
        let mut found = rows::mutes(w.main(), now)?
            .into_iter()
            .find(|m| m.id == mute)
            .ok_or(AlertError::NoSuchMute(mute))?;
        found.until = now;
        w.main().execute("UPDATE mutes SET until = ?2 WHERE id = ?1", [mute, now.0])?;
        let change = AlertChange::Unmuted { mute: found.clone(), by: by.to_owned() };
        self.tell(w, [change]);
        Ok(found)
    }

    /// The mutes that hold at `now`, the first to end first.
    pub async fn mutes(&self, now: Timestamp) -> Result<Vec<Mute>, StoreError> {
        self.store.read(move |r| rows::mutes(r.main(), now)).await
    }
}

fn mark_read(w: &mut Writing<'_>, by: &str, now: Timestamp) -> Result<usize, AlertError> {
    let conn = w.main();
    let batch = "SELECT id FROM alerts WHERE read_at IS NULL ORDER BY last_at, id LIMIT ?3";
    let limit = ROWS_A_BATCH as i64;
    conn.execute(
        &format!(
            "INSERT INTO alert_history (alert, at, actor, change, note)
             SELECT id, ?1, ?2, 'read', '' FROM ({batch})"
        ),
        (now.0, by, limit),
    )?;
    let marked = conn.execute(
        &format!("UPDATE alerts SET read_at = ?1 WHERE ?2 <> '' AND id IN ({batch})"),
        (now.0, by, limit),
    )?;
    Ok(marked)
}

fn delete_batch(w: &mut Writing<'_>, query: &AlertQuery) -> Result<Vec<AlertId>, AlertError> {
    let query = AlertQuery { before: None, ..query.clone() };
    let (condition, values) = query.condition();
    let sql = format!(
        "DELETE FROM alerts WHERE id IN (
             SELECT id FROM alerts WHERE {condition} LIMIT {ROWS_A_BATCH}) RETURNING id"
    );
    let mut statement = w.main().prepare(&sql)?;
    let ids = statement.query_map(params_from_iter(values), |row| row.get(0).map(AlertId))?;
    Ok(ids.collect::<Result<_, _>>()?)
}

/// True when another try would fail the same way: not for a full disk or a closed database.
fn is_of_the_event(error: &StoreError) -> bool {
    matches!(error, StoreError::Sqlite(_) | StoreError::Broken(_)) && !error.is_full()
}
