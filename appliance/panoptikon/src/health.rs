//! How each part of the appliance is doing, for the status command and the pages.
//!
//! Behind a plain lock that is held for moments only, so that it can be read when the async side is
//! stuck.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::Timestamp;
use serde::Serialize;

/// How a part is doing. The later in this list, the worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It does all it is there for.
    Ok,
    /// It is not ready yet.
    Starting,
    /// It was told to end, and did.
    Stopped,
    /// It does less, or is being restarted.
    Degraded,
}

/// One part of the appliance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Component {
    /// The room's name, such as `discovery`.
    pub name: &'static str,
    /// How it is doing.
    pub status: Status,
    /// Why, where it is not well.
    pub message: Option<String>,
    /// Since when it has this status.
    pub since: Timestamp,
    /// How often it was restarted after a failure.
    pub restarts: u32,
}

struct Entry {
    component: Component,
    /// The present trouble is a failure that the supervisor saw, not one that the room reported.
    failed: bool,
}

/// The registry of all parts. Cheap to clone; all clones are one.
#[derive(Clone, Default)]
pub struct Health(Arc<Mutex<BTreeMap<&'static str, Entry>>>);

impl Health {
    /// A part works as it should.
    pub fn ok(&self, name: &'static str) {
        self.set(name, Status::Ok, None);
    }

    /// A part is not ready yet.
    pub fn starting(&self, name: &'static str) {
        self.set(name, Status::Starting, None);
    }

    /// A part does less than it should, with the reason and what to do in one or two sentences.
    pub fn degraded(&self, name: &'static str, message: impl Into<String>) {
        self.set(name, Status::Degraded, Some(message.into()));
    }

    /// A part has ended as it was told to.
    pub fn stopped(&self, name: &'static str) {
        self.set(name, Status::Stopped, None);
    }

    /// All parts, by name.
    pub fn components(&self) -> Vec<Component> {
        self.lock().values().map(|entry| entry.component.clone()).collect()
    }

    /// The worst status of all parts; [`Status::Starting`] while there is none.
    pub fn worst(&self) -> Status {
        self.lock().values().map(|entry| entry.component.status).max().unwrap_or(Status::Starting)
    }

    /// A part failed and will be restarted.
    pub(crate) fn failed(&self, name: &'static str, message: String) {
        self.set(name, Status::Degraded, Some(message));
        if let Some(entry) = self.lock().get_mut(name) {
            entry.failed = true;
            entry.component.restarts += 1;
        }
    }

    /// A restarted part has held for a while. What the room itself reported since stays.
    pub(crate) fn recovered(&self, name: &'static str) {
        if self.lock().get(name).is_some_and(|entry| entry.failed) {
            self.ok(name);
        }
    }

    fn set(&self, name: &'static str, status: Status, message: Option<String>) {
        let now = Timestamp::now();
        let mut entries = self.lock();
        let entry = entries.entry(name).or_insert_with(|| Entry {
            component: Component { name, status, message: None, since: now, restarts: 0 },
            failed: false,
        });
        if entry.component.status != status {
            entry.component.since = now;
        }
        entry.component.status = status;
        entry.component.message = message;
        entry.failed = false;
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_part_speaks_for_all() {
        let health = Health::default();
        assert_eq!(health.worst(), Status::Starting);
        health.ok("store");
        assert_eq!(health.worst(), Status::Ok);
        health.degraded("discovery", "no raw sockets");
        assert_eq!(health.worst(), Status::Degraded);
        assert_eq!(health.components().len(), 2);
    }

    #[test]
    fn recovery_does_not_hide_what_the_room_reported_itself() {
        let health = Health::default();
        health.failed("discovery", "panicked".to_owned());
        health.degraded("discovery", "no raw sockets");
        health.recovered("discovery");
        let [component] = health.components().try_into().expect("one part");
        assert_eq!((component.status, component.restarts), (Status::Degraded, 1));
        assert_eq!(component.message.as_deref(), Some("no raw sockets"));
    }
}
