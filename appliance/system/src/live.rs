//! The router's last ten minutes: a point every ten seconds, kept in memory, whoever looks or not.
//!
//! In come readings ([`Snapshot`]) however often they are taken; out go points, each the mean of the
//! readings of its ten seconds. Pure: the time is that of the readings.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use model::Timestamp;
use serde::Serialize;

use crate::Snapshot;
use crate::facts::Disk;
use crate::interfaces::{Interface, Kind};

/// The time that a point stands for.
pub const LIVE_STEP: Duration = Duration::from_secs(10);
/// Points that are kept: ten minutes.
pub const LIVE_POINTS: usize = 60;
/// Milliseconds of a point.
const STEP_MS: i64 = 10_000;

/// What goes through the router's cards, in bits a second.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Throughput {
    /// Received.
    pub rx_bps: f64,
    /// Sent.
    pub tx_bps: f64,
}

impl Throughput {
    /// Of all cards together. What is built on cards, such as VLANs and tunnels, would count twice;
    /// where there is no card, as in a container, the ends of its cables count.
    pub fn of(interfaces: &[Interface]) -> Self {
        cards(interfaces).filter_map(|card| card.rates).fold(Self::default(), |sum, rates| Self {
            rx_bps: sum.rx_bps + rates.rx_bps,
            tx_bps: sum.tx_bps + rates.tx_bps,
        })
    }
}

/// The interfaces that make up what goes through the router, each octet once.
pub fn cards(interfaces: &[Interface]) -> impl Iterator<Item = &Interface> {
    let is_card = |one: &Interface| matches!(one.link.kind, Kind::Ethernet | Kind::Wwan);
    let has_cards = interfaces.iter().any(is_card);
    interfaces.iter().filter(
        move |one| {
            if has_cards { is_card(one) } else { one.link.kind == Kind::Veth }
        },
    )
}

/// How the router was for ten seconds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LivePoint {
    /// When these begin.
    pub at: Timestamp,
    /// How busy the processors were, in percent; None where that was not known.
    pub cpu: Option<f64>,
    /// How busy each processor was, in percent of it.
    pub cores: Vec<f64>,
    /// The share of memory in use, in percent.
    pub memory: f64,
    /// The share of swap space in use, in percent; 0 where there is none.
    pub swap: f64,
    /// Processes that ran or waited, averaged over a minute.
    pub load: f64,
    /// What went through the cards.
    pub through: Throughput,
    /// File systems and how full they were.
    pub disks: Arc<Vec<Disk>>,
}

/// The last points, and the one that is being gathered.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    points: VecDeque<LivePoint>,
    gathering: Option<Gathering>,
}

/// Sums of the readings of ten seconds.
#[derive(Debug)]
struct Gathering {
    number: i64,
    readings: f64,
    busy: f64,
    busy_readings: f64,
    sums: LivePoint,
}

impl Recorder {
    /// Takes a reading. A clock that was set back begins anew.
    pub(crate) fn take(&mut self, snapshot: &Snapshot) {
        let number = snapshot.at.0.div_euclid(STEP_MS);
        match &self.gathering {
            Some(gathering) if number < gathering.number => *self = Self::default(),
            Some(gathering) if number > gathering.number => self.close(),
            _ => {}
        }
        let gathering = self.gathering.get_or_insert_with(|| Gathering {
            number,
            readings: 0.0,
            busy: 0.0,
            busy_readings: 0.0,
            sums: LivePoint::default(),
        });
        gathering.add(snapshot);
    }

    /// The points of the last ten minutes that have ended, oldest first. Times without a reading
    /// have none.
    pub(crate) fn points(&self) -> Vec<LivePoint> {
        self.points.iter().cloned().collect()
    }

    fn close(&mut self) {
        let Some(gathering) = self.gathering.take() else { return };
        let point = gathering.mean();
        let oldest = point.at.0 - STEP_MS * (LIVE_POINTS as i64 - 1);
        self.points.retain(|kept| kept.at.0 >= oldest);
        self.points.push_back(point);
    }
}

impl Gathering {
    fn add(&mut self, snapshot: &Snapshot) {
        let (load, sums) = (&snapshot.load, &mut self.sums);
        self.readings += 1.0;
        if let Some(cpu) = &load.cpu {
            self.busy += cpu.busy;
            self.busy_readings += 1.0;
            sums.cores.resize(cpu.cores.len(), 0.0);
            for (sum, core) in sums.cores.iter_mut().zip(&cpu.cores) {
                *sum += core;
            }
        }
        sums.memory += load.memory.used_percent();
        sums.swap += load.memory.swap_used_percent();
        sums.load += load.average[0];
        let through = Throughput::of(&snapshot.interfaces);
        sums.through.rx_bps += through.rx_bps;
        sums.through.tx_bps += through.tx_bps;
        sums.disks = Arc::clone(&snapshot.disks);
    }

    fn mean(self) -> LivePoint {
        let (sums, n) = (self.sums, self.readings);
        let busy = self.busy_readings;
        LivePoint {
            at: Timestamp(self.number * STEP_MS),
            cpu: (busy > 0.0).then(|| self.busy / busy),
            cores: sums.cores.iter().map(|sum| sum / busy).collect(),
            memory: sums.memory / n,
            swap: sums.swap / n,
            load: sums.load / n,
            through: Throughput {
                rx_bps: sums.through.rx_bps / n,
                tx_bps: sums.through.tx_bps / n,
            },
            disks: sums.disks,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::{CpuUse, Load, Memory};

    const START: i64 = 1_700_000_000_000;

    fn reading(seconds: i64, busy: f64) -> Snapshot {
        let cpu = CpuUse { busy, cores: vec![busy, 0.0], ..CpuUse::default() };
        let memory = Memory { total: 100, available: 25, ..Memory::default() };
        Snapshot {
            at: Timestamp(START + seconds * 1_000),
            load: Load { cpu: Some(cpu), memory, average: [1.5, 0.0, 0.0], ..Load::default() },
            ..Snapshot::default()
        }
    }

    #[test]
    fn sixty_points_are_ten_minutes_however_often_it_is_read() {
        for step in [1, 3, 5] {
            let mut recorder = Recorder::default();
            for seconds in (0..1_200).step_by(step) {
                recorder.take(&reading(seconds, 10.0));
            }
            let points = recorder.points();
            assert_eq!(points.len(), LIVE_POINTS, "every {step} s");
            let span = points[LIVE_POINTS - 1].at.0 - points[0].at.0;
            assert_eq!(span, 590_000, "every {step} s");
            assert!(points.windows(2).all(|two| two[1].at.0 - two[0].at.0 == 10_000));
        }
    }

    #[test]
    fn a_point_is_the_mean_of_its_readings() {
        let mut recorder = Recorder::default();
        for (seconds, busy) in [(0, 10.0), (5, 30.0), (10, 99.0)] {
            recorder.take(&reading(seconds, busy));
        }
        let points = recorder.points();
        assert_eq!(points.len(), 1, "the second has not ended");
        assert_eq!((points[0].cpu, points[0].memory, points[0].load), (Some(20.0), 75.0, 1.5));
        assert_eq!(points[0].cores, [20.0, 0.0]);
    }

    #[test]
    fn time_without_readings_has_no_points_and_a_clock_set_back_begins_anew() {
        let mut recorder = Recorder::default();
        for seconds in [0, 10, 2_000, 2_010] {
            recorder.take(&reading(seconds, 1.0));
        }
        assert_eq!(recorder.points().len(), 1);
        recorder.take(&reading(-500, 1.0));
        assert!(recorder.points().is_empty());
    }
}
