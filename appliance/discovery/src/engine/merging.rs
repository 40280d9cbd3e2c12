//! Randomised addresses: who is new, and who has only changed its address.

use std::time::Duration;

use model::{DeviceId, Mac, Severity, Timestamp};
use serde_json::json;

use super::{Engine, Waiting};
use crate::device::Device;
use crate::enrich::same_device::{Candidate, Trace, same_device};

/// How long a randomised address may take to show who it is before it becomes a device: a DHCP
/// request is among the first things that a station sends.
const RECOGNITION: Duration = Duration::from_millis(1_500);
/// How long after its first sight a device may still turn out to be another one.
const YOUNG: Duration = Duration::from_secs(3_600);

impl Engine {
    /// Decides about those who waited long enough.
    pub(super) fn settle_waiting(&mut self, now: Timestamp) {
        let due: Vec<Mac> = self
            .waiting
            .iter()
            .filter(|(_, w)| now.since(w.since) >= RECOGNITION)
            .map(|(mac, _)| *mac)
            .collect();
        for mac in due {
            self.settle(mac, now, true);
        }
        self.reconsider_young(now);
    }

    /// Decides about one that waits: a known device if it shows so, a new one if `time_is_up`.
    pub(super) fn settle(&mut self, mac: Mac, now: Timestamp, time_is_up: bool) {
        let Some(waiting) = self.waiting.get(&mac) else {
            return;
        };
        let trace = Self::trace(&waiting.device);
        match same_device(&trace, &self.candidates(&trace, None, now)) {
            Some(merge) => {
                let Some(Waiting { device, .. }) = self.waiting.remove(&mac) else {
                    return;
                };
                self.join(merge.device, &device, now, &merge.reason);
            }
            None if time_is_up => {
                let Some(Waiting { device, .. }) = self.waiting.remove(&mac) else {
                    return;
                };
                self.admit(device, now);
            }
            None => {}
        }
    }

    /// Notes anew by what a device could be recognised. True when that is news.
    pub(super) fn reindex(&mut self, id: DeviceId) -> bool {
        match self.devices.get(&id).filter(|d| d.evidence.randomised_mac) {
            Some(device) => self.kin.note(id, &Self::trace(device)),
            None => false,
        }
    }

    /// A young device with a randomised address has shown more, or one that it could be has fallen
    /// silent: perhaps it is a known one.
    pub(super) fn reconsider(&mut self, id: DeviceId, now: Timestamp) {
        let Some(device) = self.devices.get(&id).filter(|d| may_be_another(d, now)) else {
            self.kin.unwatch(id);
            return;
        };
        if !device.presence.online || device.person.known || device.person.name.is_some() {
            return;
        }
        let trace = Self::trace(device);
        let candidates = self.candidates(&trace, Some(id), now);
        if candidates.is_empty() {
            self.kin.unwatch(id);
            return;
        }
        let Some(merge) = same_device(&trace, &candidates) else {
            return;
        };
        let Some(absorbed) = self.devices.remove(&id) else {
            return;
        };
        self.drop_traces(id, merge.device);
        self.join(merge.device, &absorbed, now, &merge.reason);
    }

    fn reconsider_young(&mut self, now: Timestamp) {
        for id in self.kin.due() {
            self.reconsider(id, now);
        }
    }

    /// Gives the newcomer's address and traces to a known device.
    fn join(&mut self, into: DeviceId, newcomer: &Device, now: Timestamp, reason: &str) {
        let Some(device) = self.devices.get_mut(&into) else {
            return;
        };
        let before = device.mac;
        let mut macs = device.macs.clone();
        device.take_over(newcomer);
        let back = device.presence.heard(newcomer.presence.last_seen.max(now));
        macs.extend(&newcomer.macs);
        self.give_macs(&macs, into);
        self.heard_on.insert(newcomer.mac, now);
        self.reindex(into);
        self.changes.dirty.insert(into);
        if back {
            self.came_back(into, now);
        }
        let mac = newcomer.mac;
        self.tell(into, now, "device_merged", Severity::Info, |d| {
            let text = format!("{} has changed its address to {mac}. {reason}", d.name());
            (text, json!({ "before": before, "absorbed": newcomer.id.0, "reason": reason }))
        });
    }

    /// Has a device's addresses lead to it, and those that it gave up to nobody.
    pub(super) fn give_macs(&mut self, macs: &[Mac], to: DeviceId) {
        let Some(device) = self.devices.get(&to) else { return };
        let (kept, given_up): (Vec<_>, Vec<_>) =
            macs.iter().copied().partition(|mac| device.macs.contains(mac));
        for mac in kept {
            self.by_mac.insert(mac, to);
        }
        let (given_up, present) = (given_up.into_iter().collect(), device.mac);
        self.claims.pass_on(&given_up, present);
        self.drop_macs(&given_up);
    }

    /// The few known devices that a trace could belong to.
    fn candidates(
        &self,
        trace: &Trace,
        except: Option<DeviceId>,
        now: Timestamp,
    ) -> Vec<Candidate> {
        // Everything that is there is asked once a round: two rounds of silence, and it is not.
        let silence = self.settings.interval().max(Duration::from_secs(30)) * 2;
        let silent =
            |d: &Device| now.since(d.presence.last_seen.max(self.listening_since)) >= silence;
        self.kin
            .of(trace, except)
            .into_iter()
            .filter_map(|id| self.devices.get(&id))
            .filter(|d| !d.manual)
            .map(|d| Candidate {
                device: d.id,
                online: d.presence.online && !silent(d),
                trace: Self::trace(d),
            })
            .collect()
    }

    fn trace(device: &Device) -> Trace {
        let dhcp = &device.evidence.dhcp;
        Trace {
            mac: device.mac,
            client_id: device.client_id.clone(),
            hostname: device.hostname().map(str::to_owned),
            parameters: dhcp.parameters.clone(),
            vendor_class: dhcp.vendor_class.clone(),
        }
    }
}

/// True for a device of which it is too early to say that it is none of the known ones.
fn may_be_another(device: &Device, now: Timestamp) -> bool {
    now.since(device.presence.first_seen) < YOUNG
        && device.mac.is_locally_administered()
        && device.macs.len() == 1
}
