//! Devices for the global search: a few words in, the best few devices out.

use model::{DeviceId, Timestamp};

use crate::device::Device;
use crate::discovery::Discovery;
use crate::error::DiscoveryError;
use crate::list::{self, DeviceFilter};

/// Fewer characters find everything.
const SHORTEST: usize = 2;
const LONGEST: usize = 200;
/// The most that is given back.
const MOST: usize = 50;

impl Discovery {
    /// The devices that fit best: number, name, and a few more words. Nothing for less than two
    /// characters. All characters stand for themselves.
    pub async fn search(
        &self,
        text: &str,
        limit: usize,
    ) -> Result<Vec<(DeviceId, String, String)>, DiscoveryError> {
        let text: String = text.trim().chars().take(LONGEST).collect();
        if text.chars().count() < SHORTEST {
            return Ok(Vec::new());
        }
        let filter =
            DeviceFilter { search: text.clone(), limit: list::MAX_PAGE, ..DeviceFilter::default() };
        // The time is of no account to this filter.
        let found = move |r: &mut store::Reading| list::page(r.main(), &filter, Timestamp(0));
        let page = self.inner.store.read(found).await?;
        let text = text.to_lowercase();
        let mut devices = self.get_all(&page.ids);
        model::sort_by_cached_key(&mut devices, |device| {
            (rank(device, &text), !device.presence.online)
        });
        devices.truncate(limit.min(MOST));
        Ok(devices.iter().map(|d| (d.id, d.name(), detail(d))).collect())
    }
}

/// How well a device fits: its very name or address, one that begins so, one that has it, another
/// trait.
fn rank(device: &Device, text: &str) -> u8 {
    let name = device.name().to_lowercase();
    let address = device.main_address().map(|a| a.ip.to_string()).unwrap_or_default();
    let mac = device.mac.to_string();
    let any = |fits: &dyn Fn(&str) -> bool| [&name, &address, &mac].into_iter().any(|t| fits(t));
    if any(&|t| t == text) {
        0
    } else if any(&|t| t.starts_with(text)) {
        1
    } else if any(&|t| t.contains(text)) {
        2
    } else {
        3
    }
}

fn detail(device: &Device) -> String {
    let address = device.main_address().map(|a| a.ip.to_string());
    let what = device.device_type().map(|t| t.for_people().to_owned());
    let who = device.brand().or(device.vendor()).map(str::to_owned);
    let words: Vec<_> = [address.or_else(|| Some(device.mac.to_string())), what, who]
        .into_iter()
        .flatten()
        .collect();
    words.join(" · ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::ExportFormat;
    use crate::testing::{NOW, block_on, device, lan};

    fn named(id: i64, name: &str) -> Device {
        let mut device = device(id, &format!("10.0.0.{id}"), "eth1");
        device.person.name = Some(name.to_owned());
        device
    }

    #[test]
    fn the_best_devices_come_first_and_wildcards_are_characters() {
        let mut off = named(4, "TV in the kitchen");
        off.presence.online = false;
        let devices =
            [named(1, "Old TV"), named(2, "tv"), off, named(3, "TV upstairs"), named(9, "100 %")];
        let lan = lan(&devices, Vec::new());
        let find = |text, limit| {
            let found = block_on(lan.discovery.search(text, limit)).expect("read");
            found.into_iter().map(|(id, _, _)| id.0).collect::<Vec<_>>()
        };
        assert_eq!(find("TV", 5), [2, 3, 4, 1]);
        assert_eq!(find("tv", 2), [2, 3]);
        assert_eq!(find("10.0.0.9", 5), [9]);
        assert_eq!(find(" %", 5), Vec::<i64>::new(), "one character finds nothing");
        assert_eq!(find("0 %", 5), [9]);
        assert_eq!(find("%%", 5), Vec::<i64>::new());
        assert_eq!(find("t", 5), Vec::<i64>::new());
        let found = block_on(lan.discovery.search("upstairs", 5)).expect("read");
        assert_eq!(found[0].1, "TV upstairs");
        assert!(found[0].2.starts_with("10.0.0.3"), "{}", found[0].2);
    }

    #[test]
    fn an_export_has_all_pages_of_its_filter() {
        let devices: Vec<_> = (1..=1_201).map(|id| device(id, "10.0.0.1", "eth1")).collect();
        let lan = lan(&devices, Vec::new());
        let filter = DeviceFilter { limit: 10, ..DeviceFilter::default() };
        let text = block_on(lan.discovery.export(filter, ExportFormat::Csv, NOW)).expect("read");
        assert_eq!(text.lines().count(), 1 + 1_201);
        let filter = DeviceFilter {
            search: "10.0.0.1".into(),
            state: list::State::Offline,
            ..DeviceFilter::default()
        };
        let text = block_on(lan.discovery.export(filter, ExportFormat::Json, NOW)).expect("read");
        assert_eq!(text, "[]");
    }
}
