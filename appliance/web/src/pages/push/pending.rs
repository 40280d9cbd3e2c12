//! What open pages have not been told yet.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use detect::{Alert, AlertChange};
use model::{DeviceId, Event};
use tokio::time::Instant;

use super::{
    ALERTS, CARDS, FIGURES_A_BOARD, FIGURES_A_CHART, OVERVIEW, PERIOD, RELOAD, ROUTER, SERVICES,
    TABLE, Word,
};

/// How long what changed is remembered for a page that is about to connect.
const REMEMBERED: Duration = Duration::from_secs(5);
/// The most that is remembered for it.
const MOST_REMEMBERED: usize = 512;
/// Events shown at a time; a list that gets more has the newest.
const EVENTS: usize = 50;
/// Messages that can pop up after one flush.
const NEWS: usize = 1_000;

/// Something to pop up.
pub(super) enum News {
    Device(Arc<Event>),
    Alert(Arc<AlertChange>),
}

impl News {
    pub(super) fn device(&self) -> Option<&Event> {
        match self {
            Self::Device(event) => Some(event),
            Self::Alert(_) => None,
        }
    }

    pub(super) fn alert(&self) -> Option<&Alert> {
        match self {
            Self::Alert(change) => match change.as_ref() {
                AlertChange::Raised { alert } => Some(alert),
                _ => None,
            },
            Self::Device(_) => None,
        }
    }
}

/// What waits for the next flush, and what was in the last ones.
#[derive(Default)]
#[allow(clippy::struct_excessive_bools)] // each is a thing to do of its own
pub(super) struct Pending {
    /// Devices that changed, and whether they are new.
    pub(super) devices: BTreeMap<DeviceId, bool>,
    pub(super) events: VecDeque<Arc<Event>>,
    pub(super) news: Vec<News>,
    pub(super) count_devices: bool,
    pub(super) count_alerts: bool,
    /// A page has connected that was told no counts yet.
    pub(super) arrived: bool,
    /// Pages to load anew.
    pub(super) reload: BTreeSet<&'static str>,
    /// The router's figures are to be told.
    pub(super) figures: bool,
    told_figures: u32,
    /// Changes were missed: what is new is not known any more.
    pub(super) unsure: bool,
    /// Devices that pages may show already.
    seen: BTreeSet<DeviceId>,
    lately: VecDeque<(Instant, Lately)>,
}

#[derive(Clone)]
enum Lately {
    Device(DeviceId, bool),
    Event(Arc<Event>),
}

impl Pending {
    pub(super) fn take(&mut self, word: Word, at: Instant) {
        match word {
            Word::Device(id) => self.device(id, at),
            Word::Event(event) => {
                // Told once it has said its name; its row is there before.
                if event.kind == "new_device" {
                    self.reload.insert(OVERVIEW);
                    self.tell(News::Device(Arc::clone(&event)));
                }
                self.remember(at, Lately::Event(Arc::clone(&event)));
                self.event(event);
            }
            Word::Alert(change) => {
                self.count_alerts = true;
                self.reload.extend([ALERTS, OVERVIEW]);
                if matches!(*change, AlertChange::Raised { .. }) {
                    self.tell(News::Alert(change));
                }
            }
            Word::Arrived => {
                while self.lately.front().is_some_and(|(then, _)| at - *then > REMEMBERED) {
                    self.lately.pop_front();
                }
                for (_, lately) in self.lately.clone() {
                    match lately {
                        Lately::Device(id, new) => *self.devices.entry(id).or_default() |= new,
                        Lately::Event(event) => self.event(event),
                    }
                }
                (self.count_devices, self.count_alerts, self.arrived) = (true, true, true);
            }
            Word::Figures => {
                self.figures = true;
                self.told_figures = (self.told_figures + 1) % (FIGURES_A_CHART * FIGURES_A_BOARD);
                if self.told_figures.is_multiple_of(FIGURES_A_CHART) {
                    self.reload.insert(ROUTER);
                }
                if self.told_figures.is_multiple_of(FIGURES_A_BOARD) {
                    self.reload.insert(SERVICES);
                }
            }
            Word::Lost => {
                self.reload.extend([TABLE, CARDS, ALERTS, OVERVIEW]);
                (self.count_devices, self.count_alerts) = (true, true);
                self.unsure = true;
            }
        }
    }

    /// Takes note of devices that pages show when they load.
    pub(super) fn know(&mut self, ids: impl Iterator<Item = DeviceId>) {
        self.seen.extend(ids);
        self.unsure = false;
    }

    /// Some devices that wait.
    pub(super) fn next_devices(&mut self, most: usize) -> Vec<(DeviceId, bool)> {
        let mut batch = Vec::new();
        while batch.len() < most
            && let Some(next) = self.devices.pop_first()
        {
            batch.push(next);
        }
        batch
    }

    /// When to look again by itself: devices or reloads had to wait.
    pub(super) fn later(&self, flushed: Instant) -> Option<Instant> {
        if !self.devices.is_empty() {
            return Some(flushed + PERIOD);
        }
        (!self.reload.is_empty()).then(|| flushed + RELOAD)
    }

    /// Nobody is connected: nothing waits but what is remembered anyway.
    pub(super) fn forget(&mut self) {
        let (seen, lately) = (std::mem::take(&mut self.seen), std::mem::take(&mut self.lately));
        *self = Self { seen, lately, unsure: self.unsure, ..Self::default() };
    }

    fn device(&mut self, id: DeviceId, at: Instant) {
        let new = self.seen.insert(id);
        if new {
            self.reload.insert(OVERVIEW);
        }
        *self.devices.entry(id).or_default() |= new;
        self.count_devices = true;
        self.remember(at, Lately::Device(id, new));
    }

    fn event(&mut self, event: Arc<Event>) {
        self.events.push_back(event);
        if self.events.len() > EVENTS {
            self.events.pop_front();
        }
    }

    fn tell(&mut self, news: News) {
        if self.news.len() < NEWS {
            self.news.push(news);
        }
    }

    fn remember(&mut self, at: Instant, what: Lately) {
        self.lately.push_back((at, what));
        if self.lately.len() > MOST_REMEMBERED {
            self.lately.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_connects_hears_of_what_changed_while_it_was_on_its_way() {
        let (mut pending, start) = (Pending::default(), Instant::now());
        pending.take(Word::Device(DeviceId(1)), start);
        pending.take(Word::Device(DeviceId(2)), start + Duration::from_secs(6));
        pending.forget();
        assert!(pending.next_devices(9).is_empty());
        pending.take(Word::Arrived, start + Duration::from_secs(7));
        assert_eq!(pending.next_devices(9), [(DeviceId(2), true)]);
        pending.take(Word::Device(DeviceId(2)), start + Duration::from_secs(7));
        assert_eq!(pending.next_devices(9), [(DeviceId(2), false)]);
    }

    #[test]
    fn the_routers_page_gets_figures_often_and_loads_anew_for_its_charts_seldom() {
        let mut pending = Pending::default();
        for round in 1..=FIGURES_A_CHART {
            pending.take(Word::Figures, Instant::now());
            assert!(std::mem::take(&mut pending.figures));
            assert_eq!(pending.reload.contains(ROUTER), round == FIGURES_A_CHART);
        }
    }

    #[test]
    fn many_devices_go_out_bit_by_bit() {
        let mut pending = Pending::default();
        pending.know((0..50).map(DeviceId));
        for id in 0..100 {
            pending.take(Word::Device(DeviceId(id % 50)), Instant::now());
        }
        assert_eq!(pending.next_devices(40).len(), 40);
        assert!(pending.later(Instant::now()).is_some());
        assert_eq!(pending.next_devices(40).len(), 10);
        assert!(pending.later(Instant::now()).is_none());
    }
}
