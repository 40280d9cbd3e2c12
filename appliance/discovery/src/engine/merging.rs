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
    /// True when there is a device with a randomised address that a newcomer could be.
    pub(super) fn has_merge_candidates(&self) -> bool {
        self.devices.values().any(|d| d.evidence.randomised_mac)
    }

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
        match same_device(&trace, &self.candidates(None, now)) {
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

    /// A young device with a randomised address has shown more: perhaps it is a known one.
    pub(super) fn reconsider(&mut self, id: DeviceId, mac: Mac, now: Timestamp) {
        let Some(device) = self.devices.get(&id) else {
            return;
        };
        let young = now.since(device.presence.first_seen) < YOUNG && device.presence.online;
        let touched = device.person.known || device.person.name.is_some();
        if !young || touched || !mac.is_locally_administered() || device.macs.len() > 1 {
            return;
        }
        let trace = Self::trace(device);
        if trace.client_id.is_none() && trace.hostname.is_none() {
            return;
        }
        let Some(merge) = same_device(&trace, &self.candidates(Some(id), now)) else {
            return;
        };
        let Some(absorbed) = self.devices.remove(&id) else {
            return;
        };
        self.stored_last_seen.remove(&id);
        self.changes.dirty.remove(&id);
        self.newcomers.retain(|(of, _)| *of != id);
        for (of, _, _) in &mut self.changes.presence {
            if *of == id {
                *of = merge.device;
            }
        }
        self.changes.merged.push((id, merge.device));
        self.join(merge.device, &absorbed, now, &merge.reason);
    }

    fn reconsider_young(&mut self, now: Timestamp) {
        let young: Vec<(DeviceId, Mac)> = self
            .devices
            .values()
            .filter(|d| d.evidence.randomised_mac && d.presence.online)
            .filter(|d| now.since(d.presence.first_seen) < YOUNG)
            .map(|d| (d.id, d.mac))
            .collect();
        for (id, mac) in young {
            self.reconsider(id, mac, now);
        }
    }

    /// Gives the newcomer's address and traces to a known device.
    fn join(&mut self, into: DeviceId, newcomer: &Device, now: Timestamp, reason: &str) {
        let Some(device) = self.devices.get_mut(&into) else {
            return;
        };
        let before = device.mac;
        device.take_over(newcomer);
        let back = device.presence.heard(newcomer.presence.last_seen.max(now));
        self.by_mac.insert(newcomer.mac, into);
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

    fn candidates(&self, except: Option<DeviceId>, now: Timestamp) -> Vec<Candidate> {
        // Everything that is there is asked once a round: two rounds of silence, and it is not.
        let silence = self.settings.interval().max(Duration::from_secs(30)) * 2;
        self.devices
            .values()
            .filter(|d| d.evidence.randomised_mac && Some(d.id) != except && !d.manual)
            .map(|d| Candidate {
                device: d.id,
                online: d.presence.online && now.since(d.presence.last_seen) < silence,
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
