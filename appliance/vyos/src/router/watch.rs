//! Looks at the router: what it runs, whether it answers, what others changed.

use std::fmt::Write as _;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, SystemTime};

use model::{NewEvent, Severity, Timestamp};
use serde_json::json;
use tokio::time::{Instant, sleep, sleep_until};

use super::words::trouble;
use super::{Known, Link, Router, Status};
use crate::change::record;
use crate::client::AskError;
use crate::config::{Node, diff};
use crate::secrets::shown;
use crate::{Change, State};

/// How often the router is asked whether somebody else changed it.
const LOOK: Duration = Duration::from_secs(60);
/// How often it is asked again while it cannot be reached.
const LOOK_AGAIN: Duration = Duration::from_secs(10);
/// How often the time of the router's own file is looked at, which costs nothing.
const GLANCE: Duration = Duration::from_secs(2);
/// Commands of a change by others that are written down; the snapshots have the rest.
const MOST_LINES: usize = 500;

impl Router {
    /// Looks at the router whenever there may be something new.
    pub(super) async fn look_on(&self) {
        let mut told = self.inner.changes.told();
        loop {
            let answers = self.look().await.is_ok();
            if answers && self.status().borrow().abilities.is_none() {
                match self.inner.client.probe().await {
                    Ok(found) => self.tell(|status| status.abilities = Some(found)),
                    Err(error) => tracing::warn!(%error, "what the router can do is not known"),
                }
            }
            let file = self.boot_file_time();
            let next = Instant::now() + if answers { LOOK } else { LOOK_AGAIN };
            loop {
                tokio::select! {
                    () = sleep_until(next) => break,
                    changed = told.changed() => {
                        if changed.is_err() {
                            return;
                        }
                        break;
                    }
                    () = sleep(GLANCE) => {
                        self.tell(|_| {});
                        if self.boot_file_time() != file {
                            break;
                        }
                    }
                }
            }
        }
    }

    pub(super) fn boot_file_time(&self) -> Option<SystemTime> {
        let path = self.inner.boot_file.as_ref()?;
        std::fs::metadata(path).and_then(|file| file.modified()).ok()
    }

    /// Reads the router's configuration; tells of what others changed. To its end in any case, for
    /// what it finds out about others must not be lost.
    pub(super) async fn look(&self) -> Result<Arc<Node>, AskError> {
        let own = self.clone();
        let look = tokio::spawn(async move {
            let _alone = own.inner.looking.lock().await;
            own.look_to_the_end().await
        });
        look.await.unwrap_or_else(|e| Err(AskError::Unreadable(e.to_string())))
    }

    pub(super) async fn look_to_the_end(&self) -> Result<Arc<Node>, AskError> {
        let deeds = self.deeds();
        let read = self.inner.changes.read().await;
        let (config, own) = match read {
            Ok(read) => read,
            // That is about us and not about the router.
            Err(error @ AskError::Crowded) => return Err(error),
            Err(error) => {
                let trouble = trouble(&error, self.inner.client.address());
                // Another release may answer next.
                self.tell(|status| {
                    status.link = Link::Down(trouble);
                    status.abilities = None;
                });
                return Err(error);
            }
        };
        let before = self.known();
        let changed = before.as_ref().is_none_or(|before| !before.config.means_the_same(&config));
        // Plans hold on to the configuration that they were made for: the same one is held once.
        let config = match &before {
            Some(before) if !changed => before.config.clone(),
            _ => Arc::new(config),
        };
        let known = Known { config: config.clone(), read: Instant::now(), deeds };
        self.inner.known.lock().unwrap_or_else(PoisonError::into_inner).replace(known);
        if changed {
            let (before, away) = match before {
                Some(before) => (Some(before.config), None),
                None => match self.last_seen().await {
                    Some((at, before)) => (Some(Arc::new(before)), Some(at)),
                    None => (None, None),
                },
            };
            let by_others = before
                .as_ref()
                .map(|before| diff(&own.without(before, &config), &config))
                .unwrap_or_default();
            if !by_others.is_empty() {
                let lines: Vec<String> = by_others.iter().map(shown).collect();
                self.changed_by_others(lines, away).await;
            }
            let is_new = before.is_none_or(|before| !before.means_the_same(&config));
            if !is_new || self.see(config.clone()).await {
                self.inner.changes.seen(own).await;
            }
        } else {
            self.inner.changes.seen(own).await;
        }
        let unsaved = self.boot_document().await.map(|mut file| {
            file.root.forget_remarks();
            !file.root.means_the_same(&config)
        });
        self.tell(|status| {
            status.link = Link::Up;
            status.unsaved = unsaved;
            status.host_name = config.value_at(["system", "host-name"]).map(str::to_owned);
            status.revision += u64::from(changed);
        });
        Ok(config)
    }

    /// What the router ran when it was last looked at, by the process before this one.
    async fn last_seen(&self) -> Option<(Timestamp, Node)> {
        let seen = self.inner.seen.clone();
        tokio::task::spawn_blocking(move || seen.read()).await.ok().flatten()
    }

    /// Keeps what the router runs on disk; whether that worked.
    async fn see(&self, config: Arc<Node>) -> bool {
        let seen = self.inner.seen.clone();
        let write = move || seen.write(Timestamp::now(), &config);
        let written = tokio::task::spawn_blocking(write).await;
        let written = written.unwrap_or_else(|e| Err(e.into()));
        if let Err(error) = &written {
            tracing::warn!(%error, "what the router runs is not on disk");
        }
        written.is_ok()
    }

    /// `away`: when the router was last looked at before this process did so.
    async fn changed_by_others(&self, lines: Vec<String>, away: Option<Timestamp>) {
        let now = Timestamp::now();
        let count = lines.len();
        let mut commands = lines.iter().take(MOST_LINES).cloned().collect::<Vec<_>>().join("\n");
        if count > MOST_LINES {
            let _ = write!(commands, "\n# and {} more", count - MOST_LINES);
        }
        // The router's own log knows who, if its commit is the newest.
        let newest = self.archive().await.into_iter().next();
        let who = newest.filter(|commit| match away {
            Some(away) => commit.at > away,
            None => now.since(commit.at) < 2 * LOOK,
        });
        let actor = who.map_or_else(|| "outside".to_owned(), |c| format!("{} ({})", c.user, c.via));
        let (why, what) = if away.is_some() {
            ("Changed while Panoptikon did not run", "was changed while Panoptikon did not run")
        } else {
            ("Changed on the router itself or by another program", "was changed outside Panoptikon")
        };
        let row = Change {
            number: 0,
            at: now,
            actor,
            address: None,
            why: why.to_owned(),
            commands,
            state: State::Outside,
            said: String::new(),
            ended: Some(now),
        };
        let store = &self.inner.store;
        let number = store.write("router change", move |w| record::insert(w, &row)).await;
        let number = number.map_err(|error| tracing::error!(%error, "a change is not recorded"));
        let summary = format!(
            "The router's configuration {what}: {}{}",
            lines.first().map_or("", String::as_str),
            if count > 1 { format!(" and {} more", count - 1) } else { String::new() }
        );
        let event = NewEvent {
            at: now,
            source: "router",
            kind: "router_changed_outside",
            severity: Severity::Low,
            device: None,
            summary: summary.chars().take(400).collect(),
            data: json!({ "change": number.ok(), "commands": count }),
        };
        if let Err(error) = self.inner.events.publish(event).await {
            tracing::error!(%error, "an event about the router is lost");
        }
        // Off the path of whoever is waiting for the configuration.
        let own = self.clone();
        tokio::spawn(async move {
            let reason = "after a change by others".to_owned();
            if let Err(error) = own.keep_snapshot("outside", String::new(), reason).await {
                tracing::warn!(%error, "no snapshot after a change by others");
            }
        });
    }

    pub(super) fn tell(&self, change: impl FnOnce(&mut Status)) {
        let unsettled = self.inner.changes.unsettled();
        self.inner.status.send_if_modified(|status| {
            let mut next = (**status).clone();
            change(&mut next);
            next.unsettled = unsettled;
            let differs = next != **status;
            if differs {
                *status = Arc::new(next);
            }
            differs
        });
    }
}
