//! What people are told, and how often: nobody on the network may fill the log or wear the flash.

use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::time::Duration;

use model::{DeviceId, NewEvent, Severity, Timestamp};
use serde_json::json;

use super::{Engine, INTRODUCTION};
use crate::device::Device;

/// Events that wait for a disk that cannot be written; beyond it the oldest are lost and counted.
pub(super) const MAX_WAITING_EVENTS: usize = 20_000;
/// Comings and goings that wait likewise.
const MAX_WAITING_PRESENCE: usize = 50_000;
/// Events told at once, and how many more each minute: a network of thousands is told of whole.
pub(super) const EVENT_BURST: u32 = 8_000;
pub(super) const EVENTS_A_MINUTE: u32 = 120;
/// The same for alarms, which a flood of lesser events must not drown.
pub(super) const ALARM_BURST: u32 = 500;
pub(super) const ALARMS_A_MINUTE: u32 = 30;
/// A device's change of address is told at most once within this time.
const TELL_ADDRESS_AGAIN: Duration = Duration::from_secs(600);
/// Times that one device is stored within a minute because it changed its address.
const STORES_A_MINUTE: u32 = 20;

/// The address of a device that was told last.
pub(super) struct ToldAddress {
    at: Timestamp,
    ip: IpAddr,
}

/// How often a device was stored of late because of changes of its address.
pub(super) struct Pace {
    since: Timestamp,
    stores: u32,
    put_off: bool,
}

impl ToldAddress {
    pub(super) fn clamp(&mut self, now: Timestamp) {
        self.at = self.at.min(now);
    }
}

impl Engine {
    /// Tells of newcomers once they had a moment to say their name.
    pub(super) fn introduce(&mut self, now: Timestamp) {
        let due = |since: &Timestamp| now.since(*since) >= INTRODUCTION;
        let ready: Vec<_> = self.newcomers.iter().copied().filter(|(_, at)| due(at)).collect();
        self.newcomers.retain(|(_, at)| !due(at));
        for (id, at) in ready {
            self.tell(id, at, "new_device", Severity::Medium, |d| {
                let place = d.interface.as_deref().unwrap_or("the network");
                (format!("New device on {place}: {}", d.name()), json!({}))
            });
        }
    }

    pub(super) fn came_back(&mut self, id: DeviceId, now: Timestamp) {
        self.note_presence(id, now, true);
        let absent = self.devices.get(&id).map_or(0, |d| {
            d.addresses
                .iter()
                .map(|a| a.last_seen)
                .max()
                .map_or(0, |last| now.since(last).as_secs())
        });
        self.tell(id, now, "device_online", Severity::Info, |d| {
            (format!("{} is online", d.name()), json!({ "absent_seconds": absent }))
        });
    }

    pub(super) fn went(&mut self, id: DeviceId, now: Timestamp) {
        self.note_presence(id, now, false);
        self.tell(id, now, "device_offline", Severity::Low, |d| {
            let silent = model::human_age(now.since(d.presence.last_seen));
            (format!("{} is offline, unheard for {silent}", d.name()), json!({}))
        });
    }

    pub(super) fn note_presence(&mut self, id: DeviceId, now: Timestamp, online: bool) {
        self.changes.dirty.insert(id);
        self.changes.presence.push((id, now, online));
        self.bound_waiting();
    }

    /// Drops the oldest of what waits for too long.
    pub(super) fn bound_waiting(&mut self) {
        let surplus = self.changes.events.len().saturating_sub(MAX_WAITING_EVENTS);
        self.changes.events.drain(..surplus);
        self.events_lost += surplus as u64;
        let surplus = self.changes.presence.len().saturating_sub(MAX_WAITING_PRESENCE);
        self.changes.presence.drain(..surplus);
    }

    /// A device has another IPv4 address: told now, or at the end of the span.
    pub(super) fn address_changed(&mut self, id: DeviceId, now: Timestamp, ip: IpAddr) {
        if let Entry::Vacant(first) = self.told_addresses.entry(id) {
            first.insert(ToldAddress { at: now, ip });
            self.tell_address(id, now, ip);
        }
    }

    /// Tells of addresses that changed again within the span of the last telling.
    pub(super) fn tell_addresses(&mut self, now: Timestamp) {
        let over: Vec<(DeviceId, IpAddr)> = self
            .told_addresses
            .iter()
            .filter(|(_, told)| now.since(told.at) >= TELL_ADDRESS_AGAIN)
            .map(|(id, told)| (*id, told.ip))
            .collect();
        for (id, told) in over {
            self.told_addresses.remove(&id);
            let present = self.devices.get(&id).and_then(present_v4);
            if let Some(ip) = present.filter(|ip| *ip != told) {
                self.address_changed(id, now, ip);
            }
        }
    }

    fn tell_address(&mut self, id: DeviceId, now: Timestamp, ip: IpAddr) {
        self.tell(id, now, "address_changed", Severity::Info, |d| {
            (format!("{} now has the address {ip}", d.name()), json!({ "ip": ip }))
        });
    }

    /// Has a device stored because of what it says: at once, or with the minute if that is often.
    pub(super) fn store_said(&mut self, id: DeviceId, now: Timestamp) {
        if self.changes.dirty.contains(&id) {
            return;
        }
        let fresh = Pace { since: now, stores: 0, put_off: false };
        let pace = self.paces.entry(id).or_insert(fresh);
        pace.stores = pace.stores.saturating_add(1);
        if pace.stores > STORES_A_MINUTE {
            pace.put_off = true;
        } else {
            self.changes.dirty.insert(id);
        }
    }

    /// Has those stored that were put off a minute ago.
    pub(super) fn store_put_off(&mut self, now: Timestamp) {
        let (devices, dirty) = (&self.devices, &mut self.changes.dirty);
        self.paces.retain(|id, pace| {
            // Where the clock was set back, the minute is over as well.
            let over = now < pace.since || now.since(pace.since) >= Duration::from_secs(60);
            if over && pace.put_off && devices.contains_key(id) {
                dirty.insert(*id);
            }
            !over
        });
    }

    pub(super) fn tell(
        &mut self,
        id: DeviceId,
        at: Timestamp,
        kind: &'static str,
        severity: Severity,
        say: impl FnOnce(&Device) -> (String, serde_json::Value),
    ) {
        let Some(device) = self.devices.get(&id) else {
            return;
        };
        let alarm = severity >= Severity::High;
        let budget = if alarm { &mut self.alarm_budget } else { &mut self.event_budget };
        if !budget.take(at) {
            self.events_lost += 1;
            return;
        }
        let (summary, extra) = say(device);
        let mut data = json!({
            "name": device.name(),
            "mac": device.mac,
            "vendor": device.vendor(),
            "hostname": device.hostname(),
            "ip": device.main_address().map(|a| a.ip),
            "interface": device.interface,
            "favourite": device.person.favourite,
            "criticality": device.person.criticality,
            "randomised_mac": device.evidence.randomised_mac,
        });
        if let (Some(data), serde_json::Value::Object(extra)) = (data.as_object_mut(), extra) {
            data.extend(extra);
        }
        let source = "discovery";
        let event = NewEvent { at, source, kind, severity, device: Some(id), summary, data };
        self.changes.events.push(event);
        self.bound_waiting();
    }
}

/// The IPv4 address that a device was heard from last.
fn present_v4(device: &Device) -> Option<IpAddr> {
    let current = device.addresses.iter().filter(|a| a.current && a.ip.is_ipv4());
    current.max_by_key(|a| a.last_seen).map(|a| a.ip)
}
