//! The overview: is all well, and what is new.

use askama::Template;

use super::{
    BellItem, Chart, DeviceRow, Link, Moment, PortionRing, RingPart, Shell, Sparkline, Tone,
};

/// `GET /`.
#[derive(Debug, Clone, Template)]
#[template(path = "home/overview.html")]
pub struct HomePage {
    /// What surrounds the page.
    pub shell: Shell,
    /// The health score as a ring.
    pub health: PortionRing,
    /// The parts of the formula, in the order of the ring.
    pub parts: Vec<RingPart>,
    /// One sentence on how they are put together.
    pub formula: String,
    /// Router, devices, alerts, LAN activity.
    pub cards: Vec<StatCard>,
    /// Devices online over the last hour; live patches go to `chart-online`.
    pub online: Chart,
    /// The newest alerts, at most six.
    pub alerts: Vec<BellItem>,
    /// The newest devices, at most six.
    pub newest: Vec<DeviceRow>,
    /// How many devices of each type.
    pub kinds: Vec<KindShare>,
    /// What changed since the person's last visit; none on the first.
    pub since: Option<SinceLast>,
    /// The router's watched interfaces.
    pub interfaces: Vec<InterfaceLine>,
}

impl HomePage {
    /// What the ring says in words.
    fn verdict(&self) -> &'static str {
        match self.health.tone() {
            Tone::Ok => "All is well",
            Tone::Warn => "Worth a look",
            _ => "Needs attention",
        }
    }
}

/// One of the linked cards at the top of the overview.
#[derive(Debug, Clone, PartialEq)]
pub struct StatCard {
    /// The name under which live patches arrive, such as `devices`: `card-devices-value`.
    pub key: &'static str,
    /// What it is about.
    pub title: String,
    /// The icon of the sprite.
    pub icon: &'static str,
    /// Where to look closer.
    pub href: String,
    /// The figure, such as `34`.
    pub value: String,
    /// What the figure counts, such as `online`.
    pub unit: String,
    /// Its colour.
    pub tone: Tone,
    /// Two or three smaller facts: words and figure.
    pub facts: Vec<(String, String)>,
    /// A small line, where there is something to draw.
    pub spark: Option<Sparkline>,
}

/// How many devices are of one type.
#[derive(Debug, Clone, PartialEq)]
pub struct KindShare {
    /// Such as `Phones`.
    pub label: String,
    /// The icon of the sprite.
    pub icon: String,
    /// How many.
    pub count: u64,
    /// Length of the bar, 0 to 100; the largest type has 100.
    pub bar: u8,
    /// The list of them.
    pub href: String,
}

impl KindShare {
    /// From label, icon, count and link, largest first; bars are relative to the largest.
    pub fn list(kinds: impl IntoIterator<Item = (String, String, u64, String)>) -> Vec<Self> {
        let mut kinds: Vec<_> = kinds.into_iter().collect();
        model::sort_by(&mut kinds, |a, b| b.2.cmp(&a.2).then_with(|| a.0.cmp(&b.0)));
        let largest = kinds.first().map_or(1, |k| k.2.max(1));
        kinds
            .into_iter()
            .map(|(label, icon, count, href)| {
                let bar = (count.saturating_mul(100) / largest).min(100) as u8;
                Self { label, icon, count, bar, href }
            })
            .collect()
    }
}

/// What changed since the last visit.
#[derive(Debug, Clone)]
pub struct SinceLast {
    /// When that was.
    pub at: Moment,
    /// Such as `3 new devices`, each with the list of them. Empty: nothing changed.
    pub changes: Vec<Link>,
}

/// One interface of the router.
#[derive(Debug, Clone, PartialEq)]
pub struct InterfaceLine {
    /// Such as `eth1.20`.
    pub name: String,
    /// Such as `Guests`; empty when the router has no description.
    pub description: String,
    /// Its addresses with prefix length.
    pub addresses: String,
    /// `Up`, `Down`, `Not watched: CAP_NET_RAW is missing` …
    pub state: String,
    /// Its colour.
    pub tone: Tone,
    /// Devices online on it.
    pub devices: u64,
    /// The list of them.
    pub href: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_type_comes_first_and_has_the_full_bar() {
        let kind = |name: &str, n| (name.to_owned(), String::new(), n, String::new());
        let list = KindShare::list([kind("TV", 1), kind("Phone", 4), kind("Laptop", 1)]);
        let bars: Vec<_> = list.iter().map(|k| (k.label.as_str(), k.bar)).collect();
        assert_eq!(bars, [("Phone", 100), ("Laptop", 25), ("TV", 25)]);
        assert_eq!(KindShare::list([kind("None", 0)])[0].bar, 0);
    }
}
