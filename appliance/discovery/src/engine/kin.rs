//! An index of devices that may be one: those that share what would show it.
//!
//! It only finds the few worth judging; [`same_device`](crate::enrich::same_device) judges.

use std::collections::{BTreeSet, HashMap};
use std::ops::Bound;

use model::DeviceId;

use crate::enrich::clean_hostname;
use crate::enrich::same_device::{Trace, is_generic_name, is_stable_client_id};

/// Devices of one key that are still judged. Where more share it, it tells nothing, and somebody
/// may be making devices up.
const MAX_HOLDERS: usize = 16;
/// Devices looked at again at each tick.
const WATCHED_A_TICK: usize = 64;

/// What two traces must share to be one device.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    /// A client identifier that outlives the address.
    Client(Vec<u8>),
    /// Somebody's own host name, parameter list and vendor class.
    Name(String, Vec<u8>, Option<String>),
}

/// Who holds which key.
#[derive(Default)]
pub(super) struct Kin {
    holders: HashMap<Key, BTreeSet<DeviceId>>,
    keys: HashMap<DeviceId, Vec<Key>>,
    /// Devices that share a key with another: worth a look when that one falls silent.
    watched: BTreeSet<DeviceId>,
    /// The last that was looked at.
    looked_at: i64,
}

impl Kin {
    /// True when no known device could be recognised behind another address.
    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Notes what a device shows now. True when that is news.
    pub(super) fn note(&mut self, id: DeviceId, trace: &Trace) -> bool {
        let keys = keys(trace);
        if self.keys.get(&id).map_or(&[][..], Vec::as_slice) == keys {
            return false;
        }
        self.forget(id);
        for key in &keys {
            let holders = self.holders.entry(key.clone()).or_default();
            holders.insert(id);
            if (2..=MAX_HOLDERS).contains(&holders.len()) {
                self.watched.extend(holders.iter());
            }
        }
        if !keys.is_empty() {
            self.keys.insert(id, keys);
        }
        true
    }

    /// Forgets a device.
    pub(super) fn forget(&mut self, id: DeviceId) {
        self.watched.remove(&id);
        for key in self.keys.remove(&id).unwrap_or_default() {
            let Some(holders) = self.holders.get_mut(&key) else { continue };
            holders.remove(&id);
            if holders.is_empty() {
                self.holders.remove(&key);
            } else if (2..=MAX_HOLDERS).contains(&holders.len()) {
                // It may have been one too many.
                self.watched.extend(holders.iter());
            }
        }
    }

    /// Takes a device from those that are looked at again.
    pub(super) fn unwatch(&mut self, id: DeviceId) {
        self.watched.remove(&id);
    }

    /// Those whose turn it is to be looked at again.
    pub(super) fn due(&mut self) -> Vec<DeviceId> {
        let last = DeviceId(self.looked_at);
        let later = (Bound::Excluded(last), Bound::Unbounded);
        let due: Vec<_> = self
            .watched
            .range(later)
            .chain(self.watched.range(..=last))
            .take(WATCHED_A_TICK)
            .copied()
            .collect();
        self.looked_at = due.last().map_or(self.looked_at, |id| id.0);
        due
    }

    /// The other devices that share a key with a trace; few.
    pub(super) fn of(&self, trace: &Trace, except: Option<DeviceId>) -> BTreeSet<DeviceId> {
        keys(trace)
            .iter()
            .filter_map(|key| self.holders.get(key))
            .filter(|holders| holders.len() <= MAX_HOLDERS)
            .flatten()
            .copied()
            .filter(|id| Some(*id) != except)
            .collect()
    }
}

fn keys(trace: &Trace) -> Vec<Key> {
    let client = trace.client_id.as_ref().filter(|id| is_stable_client_id(id)).cloned();
    let name = trace
        .hostname
        .as_deref()
        .filter(|_| !trace.parameters.is_empty())
        .and_then(clean_hostname)
        .map(|name| name.to_lowercase())
        .filter(|name| !is_generic_name(name))
        .map(|name| Key::Name(name, trace.parameters.clone(), trace.vendor_class.clone()));
    client.map(Key::Client).into_iter().chain(name).collect()
}

#[cfg(test)]
mod tests {
    use model::Mac;
    use proptest::prelude::*;

    use super::*;
    use crate::enrich::same_device::{Candidate, same_device};

    fn trace(n: u64, client: u8, name: u8, parameters: u8) -> Trace {
        let client_id = (client > 0).then(|| {
            let mut id = vec![0xff, 0, 0, 0, 1, 0, 4];
            id.extend((0..16).map(|n| n * client));
            id
        });
        let hostname = match name {
            0 => None,
            1 => Some("iPhone".to_owned()),
            n => Some(format!("Kims-{}-tablet", ["violet", "yellow"][usize::from(n % 2)])),
        };
        let parameters = vec![1, 3, 6].into_iter().take(usize::from(parameters)).collect();
        let mac = Mac::from_u64(0x0200_0000_0000 + n);
        Trace { client_id, hostname, parameters, ..Trace::new(mac) }
    }

    proptest! {
        #[test]
        fn the_few_lead_to_the_same_judgement_as_all(
            shown in prop::collection::vec((0_u8..3, 0_u8..4, 0_u8..3, any::<bool>()), 1..10),
        ) {
            let mut kin = Kin::default();
            let all: Vec<Candidate> = (1_u32..).zip(shown).map(|(n, (client, name, list, online))| {
                let device = DeviceId(i64::from(n));
                Candidate { device, online, trace: trace(u64::from(n), client, name, list) }
            }).collect();
            for candidate in &all {
                kin.note(candidate.device, &candidate.trace);
            }
            for newcomer in &all {
                let few = kin.of(&newcomer.trace, Some(newcomer.device));
                let few: Vec<_> = all.iter().filter(|c| few.contains(&c.device)).cloned().collect();
                prop_assert_eq!(same_device(&newcomer.trace, &few), same_device(&newcomer.trace, &all));
            }
            for candidate in &all {
                kin.forget(candidate.device);
            }
            prop_assert!(kin.is_empty() && kin.holders.is_empty() && kin.watched.is_empty());
        }
    }
}
