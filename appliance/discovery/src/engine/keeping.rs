//! Who is kept, who is let go, and what a step of the clock means.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use model::{DeviceId, Mac, Severity, Timestamp};
use serde_json::json;

use super::{Changes, Engine, MAX_DEVICES};
use crate::device::{Device, Personal};

/// Devices let go together when there is no room: looking through all for each would be slow.
const LET_GO_AT_ONCE: usize = 64;
/// After a search for room in vain, the next one comes after this time.
const SEARCH_AGAIN: Duration = Duration::from_secs(10);
/// A device that nobody said anything about is let go after this time of silence.
const KEEP_UNTOUCHED: Duration = Duration::from_secs(365 * 86_400);
/// The same for a randomised address, which will hardly come back.
const KEEP_RANDOMISED: Duration = Duration::from_secs(30 * 86_400);
/// Nobody is let go for age before it had this time to be heard: the clock may have been wrong.
const LISTEN_FIRST: Duration = Duration::from_secs(86_400);
/// Devices let go for their age at each tick.
const AGED_A_TICK: usize = 8;

impl Engine {
    /// Forgets a device; if it is still there it will come back as a new one.
    pub fn forget(&mut self, id: DeviceId) -> Option<Device> {
        let device = self.devices.get(&id)?.clone();
        self.let_go(&[id]);
        Some(device)
    }

    /// Puts a person's merging into effect, after it was stored.
    pub fn merged_by_person(&mut self, absorbed: DeviceId, into: Device) {
        let id = into.id;
        let mut macs = into.macs.clone();
        for of in [absorbed, id] {
            macs.extend(self.devices.get(&of).iter().flat_map(|d| &d.macs));
        }
        self.devices.insert(id, into);
        self.give_macs(&macs, id);
        self.changes.dirty.insert(id);
        self.reindex(id);
        if self.devices.remove(&absorbed).is_some() {
            // Stored already; but what was just being stored may have brought its row back.
            self.drop_traces(absorbed, id);
        }
    }

    /// Changes that could not be stored and have to be taken again.
    pub fn give_back(&mut self, changes: Changes) {
        self.changes.prepend(changes);
        self.mend_changes();
        self.bound_waiting();
    }

    /// The wall clock was set to `now`: what it said before tells nothing about how long ago
    /// something was.
    pub fn clock_stepped(&mut self, now: Timestamp) {
        self.listening_since = now;
        self.nothing_to_let_go = None;
        self.refused_at = self.refused_at.map(|at| at.min(now));
        let of_the_future = std::mem::take(&mut self.of_the_future);
        for (id, presence) in of_the_future {
            let Some(device) = self.devices.get_mut(&id) else { continue };
            if presence.last_seen > now {
                self.of_the_future.insert(id, presence);
                continue;
            }
            device.presence.last_seen = device.presence.last_seen.max(presence.last_seen);
            device.presence.first_seen = presence.first_seen.min(now);
        }
        for device in self.devices.values_mut() {
            if device.clamp_times(now) {
                self.changes.dirty.insert(device.id);
            }
        }
        let times = self.stored_last_seen.values_mut().chain(self.heard_on.values_mut());
        for time in times.chain(self.alarms.values_mut()) {
            *time = (*time).min(now);
        }
        for (_, since) in &mut self.newcomers {
            *since = now;
        }
        for waiting in self.waiting.values_mut() {
            waiting.since = now;
            waiting.device.clamp_times(now);
        }
        for told in self.told_addresses.values_mut() {
            told.clamp(now);
        }
        self.claims.clock_stepped(now);
        for known in self.dhcp_servers.values_mut().chain(self.routers.values_mut()) {
            known.clock_stepped(now);
        }
    }

    /// Makes room for a new device where there is none. False where nobody can be let go.
    pub(super) fn make_room(&mut self, now: Timestamp) -> bool {
        if self.devices.len() + self.waiting.len() < MAX_DEVICES {
            return true;
        }
        if self.nothing_to_let_go.is_some_and(|at| now.since(at) < SEARCH_AGAIN) {
            return false;
        }
        let mut idle: Vec<_> = self
            .devices
            .values()
            .filter(|d| may_go(d))
            .map(|d| (!d.evidence.randomised_mac, d.presence.last_seen, d.id))
            .collect();
        if idle.is_empty() {
            self.nothing_to_let_go = Some(now);
            return false;
        }
        model::sort_by(&mut idle, Ord::cmp);
        idle.truncate(LET_GO_AT_ONCE);
        let ids: Vec<_> = idle.into_iter().map(|(_, _, id)| id).collect();
        self.evict(now, &ids);
        true
    }

    /// Lets some of those go that have been silent for very long.
    pub(super) fn let_aged_go(&mut self, now: Timestamp) {
        if now.since(self.listening_since) < LISTEN_FIRST {
            return;
        }
        let aged = |d: &&Device| {
            let keep = if d.evidence.randomised_mac { KEEP_RANDOMISED } else { KEEP_UNTOUCHED };
            may_go(d) && now.since(d.presence.last_seen) > keep
        };
        let ids: Vec<_> =
            self.devices.values().filter(aged).map(|d| d.id).take(AGED_A_TICK).collect();
        if !ids.is_empty() {
            self.evict(now, &ids);
        }
    }

    fn evict(&mut self, now: Timestamp, ids: &[DeviceId]) {
        self.evicted += ids.len() as u64;
        for id in ids {
            self.tell(*id, now, "device_forgotten", Severity::Info, |d| {
                let text = format!("{} was let go: it has been silent for long", d.name());
                (text, json!({ "forgotten": d.id }))
            });
        }
        self.let_go(ids);
    }

    fn let_go(&mut self, ids: &[DeviceId]) {
        let mut macs = BTreeSet::new();
        for id in ids {
            let Some(device) = self.devices.remove(id) else { continue };
            macs.extend(device.macs);
            self.forget_notes(*id);
            self.changes.gone.push(*id);
        }
        self.drop_macs(&macs);
        self.mend_changes();
    }

    /// Nobody has these addresses any more.
    pub(super) fn drop_macs(&mut self, macs: &BTreeSet<Mac>) {
        if macs.is_empty() {
            return;
        }
        for mac in macs {
            self.by_mac.remove(mac);
            self.heard_on.remove(mac);
        }
        self.claims.release(macs);
    }

    /// Drops what was noted of a device that became part of another one.
    pub(super) fn drop_traces(&mut self, absorbed: DeviceId, into: DeviceId) {
        self.forget_notes(absorbed);
        self.changes.merged.push((absorbed, into));
        self.mend_changes();
    }

    fn forget_notes(&mut self, id: DeviceId) {
        self.stored_last_seen.remove(&id);
        self.told_addresses.remove(&id);
        self.paces.remove(&id);
        self.of_the_future.remove(&id);
        self.newcomers.retain(|(of, _)| *of != id);
        self.kin.forget(id);
    }

    /// What waits to be stored must not name a device that is gone: it names the one that has
    /// absorbed it, or none.
    fn mend_changes(&mut self) {
        let (devices, changes) = (&self.devices, &mut self.changes);
        let absorbed: HashMap<_, _> = changes.merged.iter().copied().collect();
        let heir = |id: DeviceId| {
            let chain = std::iter::successors(Some(id), |id| absorbed.get(id).copied());
            chain.take(absorbed.len() + 1).find(|id| devices.contains_key(id))
        };
        changes.dirty.retain(|id| devices.contains_key(id));
        changes.presence.retain_mut(|(id, _, _)| heir(*id).map(|heir| *id = heir).is_some());
        for event in &mut changes.events {
            event.device = event.device.and_then(heir);
        }
        let gone = &mut changes.gone;
        changes.merged.retain_mut(|(absorbed, into)| {
            if let Some(heir) = heir(*into) {
                *into = heir;
                true
            } else {
                gone.push(*absorbed);
                false
            }
        });
    }
}

/// True for a device that is not there and that nobody ever said anything about.
fn may_go(device: &Device) -> bool {
    !device.presence.online && !device.manual && device.person == Personal::default()
}
