//! The handle that other rooms hold: devices to look at, lists, changes by people.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use events::Events;
use model::{DeviceId, Mac, NewEvent, Severity, Timestamp};
use serde_json::json;
use store::{Store, StoreError, Writing};
use tokio::sync::{Notify, broadcast, watch};

use crate::decode::Answers;
use crate::device::{Device, Personal, Presence};
use crate::edge::Interface;
use crate::edit::{DevicePatch, EnrichmentPatch, NewDevice};
use crate::engine::{Changes, Engine, Tally};
use crate::error::DiscoveryError;
use crate::heard_names::HeardNames;
use crate::list::{self, Counts, DeviceFilter, DevicePage, Facets};
use crate::resolver::Resolver;
use crate::rounds::Rounds;
use crate::segment::Segment;
use crate::service::{Status, with_facts};
use crate::settings::Settings;
use crate::tables;
use crate::uptime::{self, Uptime};

/// Changes that a slow listener may fall behind before it has to look anew.
const CHANGES: usize = 1_024;

/// Word that a device has changed and is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceChange {
    /// It is new or different.
    Updated(DeviceId),
    /// It is gone: forgotten, or absorbed by another one.
    Removed(DeviceId),
}

/// All devices. Cheap to clone.
#[derive(Clone)]
pub struct Discovery {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) store: Store,
    pub(crate) events: Events,
    engine: Mutex<Engine>,
    changes: broadcast::Sender<DeviceChange>,
    pub(crate) segments: watch::Sender<Arc<Vec<Segment>>>,
    pub(crate) interfaces: watch::Sender<Arc<Vec<Interface>>>,
    pub(crate) status: watch::Sender<Status>,
    pub(crate) rounds: Rounds,
    pub(crate) resolver: Resolver,
    pub(crate) names: HeardNames,
    /// Wakes the service to store what was not heard but found out.
    pub(crate) wake: Notify,
}

impl Discovery {
    /// Loads the devices from `store`, which must have been opened with [`crate::ROOM`].
    pub fn open(store: Store, events: Events, now: Timestamp) -> Result<Self, DiscoveryError> {
        let (devices, next, settings) = store.read_blocking(|r| {
            let (devices, next) = tables::load(r.main())?;
            Ok::<_, StoreError>((devices, next, with_facts(Settings::load(r.main())?)))
        })?;
        Ok(Self {
            inner: Arc::new(Inner {
                store,
                events,
                engine: Mutex::new(Engine::new(devices, next, settings, now)),
                changes: broadcast::Sender::new(CHANGES),
                segments: watch::Sender::new(Arc::default()),
                interfaces: watch::Sender::new(Arc::default()),
                status: watch::Sender::new(Status::default()),
                rounds: Rounds::default(),
                resolver: Resolver::default(),
                names: HeardNames::default(),
                wake: Notify::new(),
            }),
        })
    }

    /// One device as it is now.
    pub fn get(&self, id: DeviceId) -> Option<Device> {
        self.engine().get(id).cloned()
    }

    /// Looks at one device without copying it.
    pub fn with<T>(&self, id: DeviceId, look: impl FnOnce(&Device) -> T) -> Option<T> {
        self.engine().get(id).map(look)
    }

    /// Looks at all devices, in no order, without copying them.
    pub fn with_all<T>(&self, look: impl FnOnce(&mut dyn Iterator<Item = &Device>) -> T) -> T {
        look(&mut self.engine().iter())
    }

    /// Devices by number, those that exist, in the order asked for.
    pub fn get_all(&self, ids: &[DeviceId]) -> Vec<Device> {
        let engine = self.engine();
        ids.iter().filter_map(|id| engine.get(*id).cloned()).collect()
    }

    /// The device with a MAC address.
    pub fn by_mac(&self, mac: Mac) -> Option<Device> {
        self.engine().by_mac(mac).cloned()
    }

    /// The device that has an IP address now.
    pub fn by_ip(&self, ip: IpAddr) -> Option<DeviceId> {
        self.engine().by_ip(ip).map(|d| d.id)
    }

    /// Takes in what a name server answered to somebody on the LAN.
    pub fn hear_answers(&self, answers: &Answers, now: Timestamp) {
        self.inner.names.hear(answers, now);
    }

    /// The name under which an address was last given to somebody on the LAN, within a day.
    pub fn name_of_address(&self, ip: IpAddr) -> Option<Arc<str>> {
        self.inner.names.of(ip, Timestamp::now())
    }

    /// Addresses that were given for a name, or for one below it; `most` of them, in order.
    pub fn addresses_of_name(&self, name: &str, most: usize) -> Vec<IpAddr> {
        self.inner.names.addresses(name, most, Timestamp::now())
    }

    /// How many addresses have such a name.
    pub fn named_addresses(&self) -> usize {
        self.inner.names.len()
    }

    /// How many there are.
    pub fn tally(&self) -> Tally {
        self.engine().tally()
    }

    /// The interfaces that devices are looked for on.
    pub fn segments(&self) -> Arc<Vec<Segment>> {
        self.inner.segments.borrow().clone()
    }

    /// All interfaces of the router.
    pub fn interfaces(&self) -> Arc<Vec<Interface>> {
        self.inner.interfaces.borrow().clone()
    }

    /// Word of every device that changes, once it is stored.
    pub fn subscribe(&self) -> broadcast::Receiver<DeviceChange> {
        self.inner.changes.subscribe()
    }

    /// A page of devices.
    pub async fn list(
        &self,
        filter: DeviceFilter,
        now: Timestamp,
    ) -> Result<DevicePage, DiscoveryError> {
        self.inner.store.read(move |r| Ok(list::page(r.main(), &filter, now)?)).await
    }

    /// Devices by state.
    pub async fn counts(&self, now: Timestamp) -> Result<Counts, DiscoveryError> {
        self.inner.store.read(move |r| Ok(list::counts(r.main(), now)?)).await
    }

    /// Values that lists can be filtered by.
    pub async fn facets(&self) -> Result<Facets, DiscoveryError> {
        self.inner.store.read(|r| Ok(list::facets(r.main())?)).await
    }

    /// A device's presence from `from` to `to`.
    pub async fn uptime(
        &self,
        id: DeviceId,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Uptime, DiscoveryError> {
        let first = self.with(id, |d| d.presence.first_seen).ok_or(DiscoveryError::NotFound(id))?;
        self.inner.store.read(move |r| Ok(uptime::query(r.main(), id, first, from, to)?)).await
    }

    /// As [`Discovery::uptime`], for many devices at once and in their order; those that do not
    /// exist have none.
    pub async fn uptimes(
        &self,
        ids: &[DeviceId],
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Uptime>, DiscoveryError> {
        let first: Vec<_> =
            ids.iter().map(|id| (*id, self.with(*id, |d| d.presence.first_seen))).collect();
        let read = move |r: &mut store::Reading| {
            first
                .into_iter()
                .map(|(id, first)| match first {
                    Some(first) => Ok(uptime::query(r.main(), id, first, from, to)?),
                    None => Ok(Uptime::default()),
                })
                .collect()
        };
        self.inner.store.read(read).await
    }

    /// How many devices were online at each of `points` moments of the last `span`, oldest first.
    pub async fn online_history(
        &self,
        now: Timestamp,
        span: Duration,
        points: usize,
    ) -> Result<Vec<(Timestamp, u32)>, DiscoveryError> {
        let online = u32::try_from(self.tally().online).unwrap_or(u32::MAX);
        let read = move |r: &mut store::Reading| {
            Ok(uptime::online_history(r.main(), now, span, points, online)?)
        };
        self.inner.store.read(read).await
    }

    /// The device that has absorbed another one, for old links.
    pub async fn merged_into(&self, id: DeviceId) -> Result<Option<DeviceId>, DiscoveryError> {
        self.inner.store.read(move |r| Ok(tables::merged_into(r.main(), id)?)).await
    }

    /// Changes what people say about a device. `also` runs in the same transaction, for the audit.
    pub async fn edit(
        &self,
        id: DeviceId,
        patch: DevicePatch,
        also: impl FnOnce(&mut Writing<'_>) -> Result<(), StoreError> + Send + 'static,
    ) -> Result<Device, DiscoveryError> {
        self.change_person(id, move |person| Ok(patch.apply(person)?), also).await
    }

    /// Corrects what a device is; automation leaves it alone from then on. An empty correction gives
    /// the device back to automation.
    pub async fn correct(
        &self,
        id: DeviceId,
        patch: EnrichmentPatch,
        also: impl FnOnce(&mut Writing<'_>) -> Result<(), StoreError> + Send + 'static,
    ) -> Result<Device, DiscoveryError> {
        let correction = patch.correction()?;
        let set = move |person: &mut Personal| {
            person.corrected = correction;
            Ok(())
        };
        self.change_person(id, set, also).await
    }

    /// Changes the row as it is when its turn comes, so that of two changes at once none is lost.
    /// The engine follows after the commit, whether somebody still waits for the answer or not.
    async fn change_person(
        &self,
        id: DeviceId,
        change: impl FnOnce(&mut Personal) -> Result<(), DiscoveryError> + Send + 'static,
        also: impl FnOnce(&mut Writing<'_>) -> Result<(), StoreError> + Send + 'static,
    ) -> Result<Device, DiscoveryError> {
        let this = self.clone();
        self.inner
            .store
            .write_synced("device", move |w| {
                let missing = || DiscoveryError::NotFound(id);
                let mut device = this.get(id).ok_or_else(missing)?;
                // Without a row it was only heard a moment ago.
                if let Some(person) = tables::person(w.main(), id)? {
                    device.person = person;
                }
                change(&mut device.person)?;
                tables::upsert(w.main(), &device, true)?;
                also(w)?;
                let person = device.person.clone();
                w.after_commit(move || {
                    this.engine().set_person(id, person);
                    this.announce(DeviceChange::Updated(id));
                });
                Ok(device)
            })
            .await
    }

    /// Takes in a device that a person enters by hand.
    pub async fn create(
        &self,
        new: NewDevice,
        now: Timestamp,
        also: impl FnOnce(&mut Writing<'_>, DeviceId) -> Result<(), StoreError> + Send + 'static,
    ) -> Result<Device, DiscoveryError> {
        if !new.mac.is_station() {
            let problem = format!("{} is no address of a station", new.mac);
            return Err(crate::edit::Invalid { field: "mac", problem }.into());
        }
        let mut device = {
            let mut engine = self.engine();
            if let Some(taken) = engine.by_mac(new.mac) {
                return Err(DiscoveryError::Taken { mac: new.mac, device: taken.id });
            }
            Device::first_heard(engine.reserve_id(), new.mac, "", now)
        };
        device.interface = None;
        device.manual = true;
        device.presence =
            Presence { online: false, since: now, first_seen: now, last_seen: Timestamp(0) };
        let patch = DevicePatch {
            name: new.name,
            notes: new.notes,
            known: Some(true),
            ..DevicePatch::default()
        };
        patch.apply(&mut device.person)?;
        let this = self.clone();
        self.inner
            .store
            .write_synced("device", move |w| {
                if let Some(taken) = this.engine().by_mac(device.mac) {
                    return Err(DiscoveryError::Taken { mac: device.mac, device: taken.id });
                }
                tables::upsert(w.main(), &device, true)?;
                also(w, device.id)?;
                let taken_in = device.clone();
                w.after_commit(move || {
                    let id = taken_in.id;
                    this.engine().insert_manual(taken_in);
                    this.announce(DeviceChange::Updated(id));
                });
                Ok(device)
            })
            .await
    }

    /// Joins two devices that a person knows to be one: `absorbed` becomes part of `into`, which
    /// keeps its name, notes and history. Old links lead to it.
    pub async fn merge(
        &self,
        absorbed: DeviceId,
        into: DeviceId,
        now: Timestamp,
        also: impl FnOnce(&mut Writing<'_>) -> Result<(), StoreError> + Send + 'static,
    ) -> Result<Device, DiscoveryError> {
        if absorbed == into {
            let problem = "give another device".to_owned();
            return Err(crate::edit::Invalid { field: "into", problem }.into());
        }
        let this = self.clone();
        self.inner
            .store
            .write_synced("device", move |w| {
                let (gone, merged) = this.joined(absorbed, into)?;
                let joined = NewEvent {
                    at: now,
                    source: "discovery",
                    kind: "device_merged",
                    severity: Severity::Info,
                    device: Some(into),
                    summary: format!(
                        "{} and {} were joined by a person",
                        merged.name(),
                        gone.name()
                    ),
                    data: json!({ "absorbed": absorbed, "macs": merged.macs }),
                };
                // The one that stays must be there before rows can point to it.
                tables::upsert(w.main(), &merged, true)?;
                tables::absorb(w.main(), absorbed, into, now)?;
                this.inner.events.append(w, joined)?;
                also(w)?;
                w.after_commit(move || {
                    // Both may have been heard since.
                    if let Ok((_, merged)) = this.joined(absorbed, into) {
                        this.engine().merged_by_person(absorbed, merged);
                    }
                    this.announce(DeviceChange::Removed(absorbed));
                    this.announce(DeviceChange::Updated(into));
                });
                Ok(merged)
            })
            .await
    }

    /// Two devices as they are now: the one that goes, and the other with all that it takes over.
    fn joined(
        &self,
        absorbed: DeviceId,
        into: DeviceId,
    ) -> Result<(Device, Device), DiscoveryError> {
        let gone = self.get(absorbed).ok_or(DiscoveryError::NotFound(absorbed))?;
        let mut merged = self.get(into).ok_or(DiscoveryError::NotFound(into))?;
        merged.take_over(&gone);
        merged.presence.first_seen = merged.presence.first_seen.min(gone.presence.first_seen);
        if gone.presence.online && !merged.presence.online {
            merged.presence = Presence { first_seen: merged.presence.first_seen, ..gone.presence };
        }
        Ok((gone, merged))
    }

    /// Forgets a device with its history; where it is still there, it comes back as a new one.
    pub async fn forget(
        &self,
        id: DeviceId,
        now: Timestamp,
        also: impl FnOnce(&mut Writing<'_>) -> Result<(), StoreError> + Send + 'static,
    ) -> Result<(), DiscoveryError> {
        let this = self.clone();
        self.inner
            .store
            .write_synced("device", move |w| {
                let device = this.get(id).ok_or(DiscoveryError::NotFound(id))?;
                let gone = NewEvent {
                    at: now,
                    source: "discovery",
                    kind: "device_forgotten",
                    severity: Severity::Info,
                    device: Some(id),
                    summary: format!("{} was forgotten", device.name()),
                    data: json!({ "name": device.name(), "mac": device.mac, "forgotten": id }),
                };
                tables::delete(w.main(), id)?;
                this.inner.events.append(w, gone)?;
                also(w)?;
                w.after_commit(move || {
                    this.engine().forget(id);
                    this.announce(DeviceChange::Removed(id));
                });
                Ok(())
            })
            .await
    }

    /// The settings in force.
    pub fn settings(&self) -> Settings {
        self.engine().settings().clone()
    }

    pub(crate) fn engine(&self) -> MutexGuard<'_, Engine> {
        // A panic while holding the lock leaves devices as they were: usable.
        self.inner.engine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn announce(&self, change: DeviceChange) {
        // Nobody listening is fine.
        let _ = self.inner.changes.send(change);
    }

    /// Stores what the engine found out. After a failure it is all kept for the next time.
    pub(crate) async fn flush(&self, now: Timestamp) -> Result<(), DiscoveryError> {
        let (changes, devices) = {
            let mut engine = self.engine();
            let changes = engine.take_changes();
            if changes.is_empty() {
                return Ok(());
            }
            let devices: Vec<Device> =
                changes.dirty.iter().filter_map(|id| engine.get(*id).cloned()).collect();
            (Arc::new(changes), devices)
        };
        let seen: Vec<_> = devices.iter().map(|d| (d.id, d.presence.last_seen)).collect();
        let (events, writing) = (self.inner.events.clone(), Arc::clone(&changes));
        let outcome = self
            .inner
            .store
            .write("devices", move |w| {
                tables::save(w.main(), &devices, &writing, now)?;
                for event in &writing.events {
                    events.append(w, event.clone())?;
                }
                Ok::<_, StoreError>(())
            })
            .await;
        if let Err(error) = outcome {
            let changes = Arc::try_unwrap(changes).unwrap_or_else(|shared| Changes::clone(&shared));
            self.engine().give_back(changes);
            return Err(error.into());
        }
        {
            let mut engine = self.engine();
            for (id, last_seen) in seen {
                engine.stored(id, last_seen);
            }
        }
        for id in &changes.gone {
            self.announce(DeviceChange::Removed(*id));
        }
        for (absorbed, into) in &changes.merged {
            self.announce(DeviceChange::Removed(*absorbed));
            self.announce(DeviceChange::Updated(*into));
        }
        for id in &changes.dirty {
            self.announce(DeviceChange::Updated(*id));
        }
        Ok(())
    }
}
