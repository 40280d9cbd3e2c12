//! Who is on the network: what was heard goes in with the time, changes and events come out.
//!
//! No sockets, no clock, no tables. The service feeds it and stores what it gives; a device that
//! could not be stored stays marked until it is.

mod budget;
mod claims;
mod hear;
mod keeping;
mod kin;
mod merging;
mod strangers;
mod telling;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::time::Duration;

use model::{DeviceId, Mac, NewEvent, Timestamp};

use crate::device::{Device, Personal, Presence};
use crate::enrich::identify;
use crate::segment::Segment;
use crate::settings::Settings;
use budget::Budget;
use claims::Claims;
use kin::Kin;
use strangers::Known;
use telling::{Pace, ToldAddress};

/// The most devices that are kept. For a new one beyond it those go that are not there and that
/// nobody said anything about; without such, it is counted and not kept: somebody is making
/// addresses up.
pub const MAX_DEVICES: usize = 16_384;
/// New devices taken in at once, and how many more each minute.
const NEW_BURST: u32 = 6_000;
const NEW_A_MINUTE: u32 = 600;
/// A refusal is shown for this time.
const TELL_OF_REFUSALS: Duration = Duration::from_secs(3_600);
/// A device keeps the address that it was heard from within this time.
const ADDRESS_IN_USE: Duration = Duration::from_secs(60);
/// A new device is shown at once and told of after this time: by then it has asked for an address
/// and said its name.
const INTRODUCTION: Duration = Duration::from_secs(2);
/// How stale a stored "last seen" may become, so that a quiet network does not wear the flash.
const LAST_SEEN_STALE: Duration = Duration::from_secs(300);
/// The longest name that is kept from a lease.
const MAX_LEASED_NAME: usize = 255;
/// How often all devices are looked through for those that fell silent.
const LOOK: Duration = Duration::from_secs(10);
/// An IPv4 address that was not heard for this long, while another one was, is given up.
const OLD_ADDRESS_V4: Duration = Duration::from_secs(600);
/// The same for IPv6, where several addresses at a time are usual.
const OLD_ADDRESS_V6: Duration = Duration::from_secs(86_400);

/// What changed since it was last asked.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    /// Devices to store, with whether they are new or went or came.
    pub dirty: BTreeSet<DeviceId>,
    /// Devices that came or went, for the state log.
    pub presence: Vec<(DeviceId, Timestamp, bool)>,
    /// Devices that turned out to be others: absorbed, absorbing.
    pub merged: Vec<(DeviceId, DeviceId)>,
    /// Devices that are no longer kept; their rows go.
    pub gone: Vec<DeviceId>,
    /// What happened, for the event log.
    pub events: Vec<NewEvent>,
}

impl Tally {
    /// What to tell people while new stations are being refused: within an hour of the last.
    pub fn flood(&self, now: Timestamp) -> Option<String> {
        let at = self.refused_at.filter(|at| now.since(*at) < TELL_OF_REFUSALS)?;
        let (times, ago) = (self.refused, model::human_age(now.since(at)));
        Some(format!(
            "More new devices appear than can be true: {times} times since the start, last {ago} \
             ago, a new one was not taken in. Somebody may be making addresses up, or a large \
             network was just connected. Up to {NEW_BURST} are taken in at once and {NEW_A_MINUTE} \
             more each minute, {MAX_DEVICES} altogether; a real device is taken in as soon as it \
             is heard again after that"
        ))
    }
}

impl Changes {
    /// True when there is nothing to store.
    pub fn is_empty(&self) -> bool {
        self.dirty.is_empty()
            && self.presence.is_empty()
            && self.merged.is_empty()
            && self.gone.is_empty()
            && self.events.is_empty()
    }

    /// Puts changes that could not be stored back in front of later ones.
    pub fn prepend(&mut self, mut earlier: Self) {
        earlier.dirty.append(&mut self.dirty);
        earlier.presence.append(&mut self.presence);
        earlier.merged.append(&mut self.merged);
        earlier.gone.append(&mut self.gone);
        earlier.events.append(&mut self.events);
        *self = earlier;
    }
}

/// Numbers for people who wonder whether all is well.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Tally {
    /// Devices known.
    pub devices: usize,
    /// Devices online.
    pub online: usize,
    /// Times that a new station was not taken in because there were too many at once.
    pub refused: u64,
    /// When that was the last time.
    pub refused_at: Option<Timestamp>,
    /// Events not told: there were too many, or the disk could not be written for long.
    pub events_lost: u64,
    /// Devices let go because they were silent for very long, or for lack of room.
    pub evicted: u64,
}

/// All devices and the rules by which they come, change and go.
pub struct Engine {
    devices: HashMap<DeviceId, Device>,
    by_mac: HashMap<Mac, DeviceId>,
    /// New devices that nobody was told of yet.
    newcomers: Vec<(DeviceId, Timestamp)>,
    /// Randomised addresses that wait a moment to be recognised.
    waiting: BTreeMap<Mac, Waiting>,
    /// Names from the DHCP server's leases of stations that were not heard yet.
    leased: BTreeMap<Mac, String>,
    stored_last_seen: HashMap<DeviceId, Timestamp>,
    /// When each address of devices with several was heard: the one in use is the present one.
    heard_on: HashMap<Mac, Timestamp>,
    own_macs: BTreeSet<Mac>,
    claims: Claims,
    /// Servers and routers by interface.
    dhcp_servers: HashMap<u32, Known>,
    routers: HashMap<u32, Known>,
    /// Alarms raised of late.
    alarms: HashMap<(&'static str, IpAddr), Timestamp>,
    settings: Settings,
    listening_since: Timestamp,
    /// When all devices were last looked through.
    looked_at: Timestamp,
    next_id: i64,
    new_budget: Budget,
    event_budget: Budget,
    alarm_budget: Budget,
    /// Who could be whom.
    kin: Kin,
    told_addresses: HashMap<DeviceId, ToldAddress>,
    paces: HashMap<DeviceId, Pace>,
    /// Somebody has told of a service that nobody knew it for.
    services_told: bool,
    /// What was stored of devices that were last heard after the present time: the clock was wrong
    /// then, or is now.
    of_the_future: HashMap<DeviceId, Presence>,
    /// When nobody was found who could be let go.
    nothing_to_let_go: Option<Timestamp>,
    refused: u64,
    refused_at: Option<Timestamp>,
    events_lost: u64,
    evicted: u64,
    changes: Changes,
}

/// What a station with a randomised address has shown before it was decided who it is.
struct Waiting {
    since: Timestamp,
    device: Device,
}

impl Engine {
    /// An engine that knows the stored devices and listens from `now` on.
    pub fn new(stored: Vec<Device>, next_id: i64, settings: Settings, now: Timestamp) -> Self {
        let mut engine = Self {
            devices: HashMap::new(),
            by_mac: HashMap::new(),
            newcomers: Vec::new(),
            waiting: BTreeMap::new(),
            leased: BTreeMap::new(),
            stored_last_seen: HashMap::new(),
            heard_on: HashMap::new(),
            own_macs: BTreeSet::new(),
            claims: Claims::default(),
            dhcp_servers: HashMap::new(),
            routers: HashMap::new(),
            alarms: HashMap::new(),
            settings,
            listening_since: now,
            looked_at: now,
            next_id,
            new_budget: Budget::new(NEW_BURST, NEW_A_MINUTE, now),
            event_budget: Budget::new(telling::EVENT_BURST, telling::EVENTS_A_MINUTE, now),
            alarm_budget: Budget::new(telling::ALARM_BURST, telling::ALARMS_A_MINUTE, now),
            kin: Kin::default(),
            told_addresses: HashMap::new(),
            paces: HashMap::new(),
            services_told: true,
            of_the_future: HashMap::new(),
            nothing_to_let_go: None,
            refused: 0,
            refused_at: None,
            events_lost: 0,
            evicted: 0,
            changes: Changes::default(),
        };
        for mut device in stored {
            device.bound_macs();
            let presence = device.presence;
            if device.clamp_times(now) {
                engine.of_the_future.insert(device.id, presence);
            }
            for mac in &device.macs {
                engine.by_mac.insert(*mac, device.id);
            }
            engine.stored_last_seen.insert(device.id, device.presence.last_seen);
            engine.next_id = engine.next_id.max(device.id.0 + 1);
            let id = device.id;
            engine.devices.insert(id, device);
            engine.reindex(id);
        }
        engine.claim_stored();
        engine
    }

    /// The router's own addresses; what they send is no device.
    pub fn set_own(&mut self, macs: impl IntoIterator<Item = Mac>) {
        self.own_macs = macs.into_iter().collect();
    }

    /// Takes new settings; they count from now on.
    pub fn set_settings(&mut self, settings: Settings) {
        // Whoever was taken for the right one before the router itself began is a stranger.
        if settings.serves_dhcp && !self.settings.serves_dhcp {
            self.dhcp_servers.clear();
        }
        if settings.forwards_ipv6 && !self.settings.forwards_ipv6 {
            self.routers.clear();
        }
        self.settings = settings;
    }

    /// The settings in force.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// One device.
    pub fn get(&self, id: DeviceId) -> Option<&Device> {
        self.devices.get(&id)
    }

    /// All devices, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Device> {
        self.devices.values()
    }

    /// The device with a MAC address.
    pub fn by_mac(&self, mac: Mac) -> Option<&Device> {
        self.by_mac.get(&mac).and_then(|id| self.devices.get(id))
    }

    /// The device that has an address now.
    pub fn by_ip(&self, ip: IpAddr) -> Option<&Device> {
        self.claims.holder(ip).and_then(|mac| self.by_mac(mac)).or_else(|| {
            self.devices.values().find(|d| d.addresses.iter().any(|a| a.ip == ip && a.current))
        })
    }

    /// Pairs of address and station on an interface, for asking each directly.
    pub fn known_on(&self, interface: &str) -> Vec<(IpAddr, Mac)> {
        self.devices
            .values()
            .flat_map(|d| d.addresses.iter().map(move |a| (a, d.mac)))
            .filter(|(a, _)| a.current && a.interface == interface)
            .map(|(a, mac)| (a.ip, mac))
            .collect()
    }

    /// How many there are.
    pub fn tally(&self) -> Tally {
        let online = self.devices.values().filter(|d| d.presence.online).count();
        Tally {
            devices: self.devices.len(),
            online,
            refused: self.refused,
            refused_at: self.refused_at,
            events_lost: self.events_lost,
            evicted: self.evicted,
        }
    }

    /// How often a new station was not taken in, and when that was the last time.
    pub fn refusals(&self) -> (u64, Option<Timestamp>) {
        (self.refused, self.refused_at)
    }

    /// Whether a device has told of another service by mDNS since this was last asked.
    pub(crate) fn take_services_told(&mut self) -> bool {
        std::mem::take(&mut self.services_told)
    }

    /// There is something to store.
    pub fn has_changes(&self) -> bool {
        !self.changes.is_empty()
    }

    /// What changed since it was last taken.
    pub fn take_changes(&mut self) -> Changes {
        std::mem::take(&mut self.changes)
    }

    /// A device is in the tables as it was at `last_seen`.
    pub fn stored(&mut self, id: DeviceId, last_seen: Timestamp) {
        if self.devices.contains_key(&id) {
            self.stored_last_seen.insert(id, last_seen);
        }
    }

    /// The kernel's neighbour table has confirmed that a station has an address.
    pub fn neighbour(&mut self, now: Timestamp, segment: &Segment, ip: IpAddr, mac: Mac) {
        if !mac.is_station() || self.own_macs.contains(&mac) || !segment.is_on_link(ip) {
            return;
        }
        self.sight(now, segment, mac);
        self.claim(now, segment, mac, ip);
    }

    /// Time passes: who has been silent too long is gone, who waited long enough is new.
    pub fn tick(&mut self, now: Timestamp) {
        self.settle_waiting(now);
        self.introduce(now);
        self.tell_addresses(now);
        self.store_put_off(now);
        self.claims.forget(now);
        self.lose_dropped(now);
        let rested = self.looked_at > now || now.since(self.looked_at) >= LOOK;
        if rested {
            self.looked_at = now;
            self.look_for_silence(now);
        }
    }

    fn look_for_silence(&mut self, now: Timestamp) {
        let grace = self.settings.grace();
        let mut gone = Vec::new();
        for device in self.devices.values_mut().filter(|d| !d.manual) {
            if device.presence.silent(now, grace, self.listening_since) {
                gone.push(device.id);
            }
            if give_up_addresses(device, now, self.listening_since) {
                self.changes.dirty.insert(device.id);
            }
            let stored = self.stored_last_seen.get(&device.id).copied().unwrap_or_default();
            if device.presence.last_seen.since(stored) >= LAST_SEEN_STALE {
                self.changes.dirty.insert(device.id);
            }
        }
        for id in gone {
            self.went(id, now);
        }
        self.let_aged_go(now);
    }

    /// The end is near: who is new is told of now.
    pub fn finish(&mut self, now: Timestamp) {
        self.settle_waiting(now.plus(INTRODUCTION));
        self.introduce(now.plus(INTRODUCTION));
    }

    /// Applies what a person said, after it was stored. False where the device is gone.
    pub fn set_person(&mut self, id: DeviceId, person: Personal) -> bool {
        let Some(device) = self.devices.get_mut(&id) else {
            return false;
        };
        device.person = person;
        // What was stored with it may already be older than what was heard since.
        self.changes.dirty.insert(id);
        true
    }

    /// Takes in a device that a person entered; it was stored already.
    pub fn insert_manual(&mut self, mut device: Device) {
        self.waiting.remove(&device.mac);
        let heard = self.by_mac.get(&device.mac).and_then(|id| self.devices.get(id)).cloned();
        if let Some(heard) = heard.filter(|heard| heard.id != device.id) {
            // Heard while it was being stored: they are one.
            device.take_over(&heard);
            device.presence = heard.presence;
            self.merged_by_person(heard.id, device);
            return;
        }
        self.by_mac.insert(device.mac, device.id);
        self.stored_last_seen.insert(device.id, device.presence.last_seen);
        let id = device.id;
        self.devices.insert(id, device);
        self.reindex(id);
    }

    /// A number for a device that is about to be stored.
    pub fn reserve_id(&mut self) -> DeviceId {
        let id = DeviceId(self.next_id);
        self.next_id += 1;
        id
    }

    /// Notes a reverse-DNS name of an address.
    pub fn named(&mut self, now: Timestamp, ip: IpAddr, name: &str) {
        let named = crate::enrich::clean_hostname(name).zip(self.by_ip(ip).map(|d| d.id));
        let Some((name, id)) = named else { return };
        self.learn(now, id, |evidence| hear::push_new(&mut evidence.hostnames, &name, 8));
    }

    /// Heard from a station: makes it a device, brings it back online, notes the time.
    fn sight(&mut self, now: Timestamp, segment: &Segment, mac: Mac) {
        let Some(id) = self.by_mac.get(&mac).copied() else {
            self.first_sight(now, segment, mac);
            return;
        };
        let Some(device) = self.devices.get_mut(&id) else {
            return;
        };
        let mut dirty = device.manual;
        if device.manual {
            device.manual = false;
            device.presence = Presence { first_seen: now, ..device.presence };
        }
        let back = device.presence.heard(now);
        let mut present = true;
        if device.macs.len() > 1 {
            self.heard_on.insert(mac, now);
            // A laptop on cable and Wi-Fi speaks from both; it must not change with every frame.
            let other = self.heard_on.get(&device.mac).copied().unwrap_or_default();
            present = device.mac == mac || now.since(other) > ADDRESS_IN_USE;
        }
        if present && device.mac != mac {
            device.mac = mac;
            dirty = true;
        }
        if present && device.interface.as_deref() != Some(segment.name.as_str()) {
            device.interface = Some(segment.name.clone());
            dirty = true;
        }
        if back {
            self.came_back(id, now);
        } else if dirty {
            self.store_said(id, now);
        }
    }

    fn first_sight(&mut self, now: Timestamp, segment: &Segment, mac: Mac) {
        if self.waiting.contains_key(&mac) {
            return;
        }
        if !self.new_budget.take(now) || !self.make_room(now) {
            self.refused += 1;
            self.refused_at = Some(now);
            return;
        }
        let device = Device::first_heard(DeviceId(0), mac, &segment.name, now);
        if mac.is_locally_administered() && !self.kin.is_empty() {
            self.waiting.insert(mac, Waiting { since: now, device });
        } else {
            self.admit(device, now);
        }
    }

    fn admit(&mut self, mut device: Device, now: Timestamp) {
        device.id = self.reserve_id();
        self.take_lease(&mut device);
        // What it showed while it waited.
        device.identity = identify(&device.evidence);
        self.services_told |= !device.evidence.mdns.services.is_empty();
        let id = device.id;
        self.by_mac.insert(device.mac, id);
        self.stored_last_seen.insert(id, now);
        self.devices.insert(id, device);
        self.reindex(id);
        self.note_presence(id, now, true);
        self.newcomers.push((id, now));
    }

    /// Adds to what a device has shown; concludes anew where that was news. True when it could now
    /// be recognised by something else than before.
    fn learn(
        &mut self,
        now: Timestamp,
        id: DeviceId,
        add: impl FnOnce(&mut crate::enrich::Evidence) -> bool,
    ) -> bool {
        let Some(device) = self.devices.get_mut(&id) else {
            return false;
        };
        let services = device.evidence.mdns.services.len();
        if !add(&mut device.evidence) {
            return false;
        }
        self.services_told |= device.evidence.mdns.services.len() > services;
        device.identity = identify(&device.evidence);
        self.store_said(id, now);
        self.reindex(id)
    }
}

/// Drops the claim to addresses that were not heard for long, while a later one of their kind was.
fn give_up_addresses(device: &mut Device, now: Timestamp, listening_since: Timestamp) -> bool {
    let latest = |v4: bool| {
        device.addresses.iter().filter(|a| a.ip.is_ipv4() == v4).map(|a| a.last_seen).max()
    };
    let (latest_v4, latest_v6) = (latest(true), latest(false));
    let mut given_up = false;
    for address in device.addresses.iter_mut().filter(|a| a.current) {
        let (latest, age) = match address.ip {
            IpAddr::V4(_) => (latest_v4, OLD_ADDRESS_V4),
            IpAddr::V6(_) => (latest_v6, OLD_ADDRESS_V6),
        };
        let outlived = latest.is_some_and(|latest| latest > address.last_seen);
        if outlived && now.since(address.last_seen.max(listening_since)) > age {
            (address.current, given_up) = (false, true);
        }
    }
    given_up
}
