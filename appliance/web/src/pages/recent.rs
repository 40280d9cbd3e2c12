//! The last day's presence of many devices at a time, for the strips of lists.
//!
//! A device whose state is older than a day needs no table. For the others what the table said is
//! kept for as long as the device neither comes nor goes, so that a list that is looked at again
//! and again asks nothing.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use discovery::uptime::Stretch;
use discovery::{Device, Discovery};
use model::{DeviceId, Timestamp};

use crate::view::{Strip, percent};

/// What a strip shows.
const DAY: Duration = Duration::from_secs(86_400);

/// Half an hour is the shortest time that is seen on a strip.
const CELLS: usize = 48;

/// Devices that are kept; as many as there can be, nearly.
const MOST: usize = 16_384;

/// Presence as the table said, by device.
#[derive(Default)]
pub(crate) struct Recent(Mutex<HashMap<DeviceId, Kept>>);

/// Stretches that ended before the present state began, which names them.
struct Kept {
    since: Timestamp,
    before: Vec<Stretch>,
}

impl Recent {
    /// The strips of the last 24 hours, in the order of the devices.
    pub(crate) async fn strips(
        &self,
        discovery: &Discovery,
        devices: &[Device],
        now: Timestamp,
    ) -> Vec<Strip> {
        let from = now.minus(DAY);
        let unknown: Vec<DeviceId> = {
            let kept = self.kept();
            let wanted = devices.iter().filter(|d| {
                let since = d.presence.since;
                !d.manual
                    && since > from.max(d.presence.first_seen)
                    && kept.get(&d.id).is_none_or(|k| k.since != since)
            });
            wanted.map(|d| d.id).collect()
        };
        let found = match unknown.as_slice() {
            [] => Vec::new(),
            // A strip that is missing for once is no reason to withhold the list.
            ids => discovery.uptimes(ids, from, now).await.unwrap_or_default(),
        };
        let mut kept = self.kept();
        if kept.len() + unknown.len() > MOST {
            kept.clear();
        }
        for (id, uptime) in unknown.into_iter().zip(found) {
            let Some(device) = devices.iter().find(|d| d.id == id) else { continue };
            let since = device.presence.since;
            let mut before = uptime.stretches;
            before.retain(|s| s.from < since);
            if let Some(last) = before.last_mut() {
                last.to = since;
            }
            kept.insert(id, Kept { since, before });
        }
        devices
            .iter()
            .map(|device| {
                let before = kept.get(&device.id).filter(|k| k.since == device.presence.since);
                let before = before.map(|k| k.before.as_slice()).unwrap_or_default();
                strip(device, before, from, now)
            })
            .collect()
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, HashMap<DeviceId, Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn strip(device: &Device, before: &[Stretch], from: Timestamp, now: Timestamp) -> Strip {
    if device.manual {
        return Strip::new(&[None; CELLS], "never seen");
    }
    let state = device.presence;
    let current = Stretch { from: state.since.min(now), to: now, online: state.online };
    let stretches: Vec<Stretch> = before.iter().copied().chain([current]).collect();
    let there = there(&stretches, from, now);
    let label = format!("there {} of 24 h", percent(there));
    Strip::new(&cells(&stretches, state.first_seen, from, now, CELLS), label)
}

/// The share of the time from `from` to `to`, as far as it is known, that was spent online.
fn there(stretches: &[Stretch], from: Timestamp, to: Timestamp) -> f64 {
    let (mut online, mut known) = (0.0, 0.0);
    for s in stretches {
        let length = s.to.min(to).since(s.from.max(from)).as_secs_f64();
        known += length;
        online += if s.online { length } else { 0.0 };
    }
    if known > 0.0 { online / known } else { 0.0 }
}

/// Equal parts of the time from `from` to `to`: there if it was at any moment of it, away if not,
/// `None` for what was before its first sight.
pub(super) fn cells(
    stretches: &[Stretch],
    first_seen: Timestamp,
    from: Timestamp,
    to: Timestamp,
    count: usize,
) -> Vec<Option<bool>> {
    let length = (to.0 - from.0).max(1);
    let at = |i: usize| Timestamp(from.0 + length * i as i64 / count as i64);
    (0..count)
        .map(|i| {
            let (begin, end) = (at(i), at(i + 1));
            if end <= first_seen {
                return None;
            }
            let met = stretches.iter().filter(|s| s.from < end && s.to > begin);
            met.map(|s| s.online).reduce(|a, b| a || b)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stretch(from: i64, to: i64, online: bool) -> Stretch {
        Stretch { from: Timestamp(from), to: Timestamp(to), online }
    }

    #[test]
    fn a_cell_is_there_if_the_device_was_at_any_moment_of_it() {
        let all = [stretch(20, 45, true), stretch(45, 100, false)];
        let cells = cells(&all, Timestamp(20), Timestamp(0), Timestamp(100), 10);
        let told: String = cells
            .iter()
            .map(|c| match c {
                None => '.',
                Some(true) => 'x',
                Some(false) => '-',
            })
            .collect();
        assert_eq!(told, "..xxx-----");
    }

    #[test]
    fn time_before_the_first_sight_does_not_count() {
        let all = [stretch(50, 75, true), stretch(75, 100, false)];
        assert!((there(&all, Timestamp(0), Timestamp(100)) - 0.5).abs() < 1e-9);
        assert!(there(&[], Timestamp(0), Timestamp(100)).abs() < 1e-9);
    }
}
