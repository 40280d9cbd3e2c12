//! All that happened to one device, in one list: it came and went, changed its address, was
//! scanned, woken, edited, linked to an agent.

use events::EventQuery;
use model::{DeviceId, Event};
use rusqlite::params;
use store::StoreError;

use crate::discovery::Discovery;
use crate::error::DiscoveryError;

/// Events of a timeline where nobody says how many.
pub const TIMELINE: usize = 50;
const MOST: usize = 200;
/// Devices that this one has absorbed and whose events are its own; the latest ones.
const MOST_ABSORBED: i64 = 16;

impl Discovery {
    /// The last events about a device, newest first, at most 200; those of devices that turned out
    /// to be the same one are among them.
    pub async fn timeline(&self, id: DeviceId, limit: usize) -> Result<Vec<Event>, DiscoveryError> {
        let limit = limit.clamp(1, MOST);
        let absorbed = move |r: &mut store::Reading| {
            let mut statement = r.main().prepare_cached(
                "SELECT absorbed FROM merged_devices WHERE into_device = ?1
                 ORDER BY at DESC LIMIT ?2",
            )?;
            let ids = statement.query_map(params![id.0, MOST_ABSORBED], |row| row.get(0))?;
            Ok::<_, StoreError>(ids.collect::<Result<Vec<i64>, _>>()?)
        };
        let absorbed = self.inner.store.read(absorbed).await?;
        let mut all = Vec::new();
        for of in [id].into_iter().chain(absorbed.into_iter().map(DeviceId)) {
            let query = EventQuery { device: Some(of), limit, ..EventQuery::default() };
            all.extend(self.inner.events.list(query).await?.events);
        }
        model::sort_by_key(&mut all, |event| std::cmp::Reverse((event.at, event.id)));
        all.truncate(limit);
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use model::{NewEvent, Severity};

    use super::*;
    use crate::testing::{NOW, block_on, device, lan};

    #[test]
    fn a_timeline_is_one_devices_newest_first_with_those_it_absorbed() {
        let lan = lan(&[device(1, "10.0.0.1", "eth1"), device(2, "10.0.0.2", "eth1")], Vec::new());
        block_on(async {
            let told =
                [(1, "new_device"), (2, "new_device"), (5, "device_online"), (1, "wake_sent")];
            for (n, (of, kind)) in (0_u64..).zip(told) {
                let event = NewEvent {
                    at: NOW.plus(Duration::from_secs(n)),
                    source: "discovery",
                    kind,
                    severity: Severity::Info,
                    device: Some(DeviceId(of)),
                    summary: String::new(),
                    data: serde_json::json!({}),
                };
                lan.discovery.inner.events.publish(event).await.expect("stored");
            }
            let merge = |w: &mut store::Writing<'_>| {
                let sql = "INSERT INTO merged_devices (absorbed, into_device, at) VALUES (5, 1, 0)";
                w.main().execute(sql, [])?;
                Ok::<_, StoreError>(())
            };
            lan.discovery.inner.store.write("merge", merge).await.expect("stored");
            let kinds = |limit| async move {
                let events = lan.discovery.timeline(DeviceId(1), limit).await.expect("read");
                events.into_iter().map(|e| e.kind).collect::<Vec<_>>()
            };
            assert_eq!(kinds(50).await, ["wake_sent", "device_online", "new_device"]);
        });
    }
}
