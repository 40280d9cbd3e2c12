//! Knows the lines out, takes round after round, and says what is to be told of them. Pure.

use std::collections::BTreeMap;
use std::net::IpAddr;

use model::Timestamp;

use super::probe::{Errand, Outcome};
use super::{Change, Judge, Limits, LineQuality, Role, TargetQuality, target_label};
use crate::routes::Family;
use crate::settings::QualitySettings;
use crate::snapshot::WayOut;

/// The most lines that are watched.
const MOST_LINES: usize = 8;
/// Rounds after which a line that is gone is forgotten.
const FORGET_AFTER: u32 = 360;

#[derive(Default)]
pub(crate) struct Watcher {
    lines: BTreeMap<String, Line>,
}

#[derive(Default)]
struct Line {
    judge: Judge,
    gone: u32,
    shown: Option<LineQuality>,
}

/// A line that has changed, with its interface.
pub(crate) type News = (String, Change);

impl Watcher {
    /// Takes up a line that was degraded when the appliance ended, so that its recovery is told.
    pub(crate) fn remember(&mut self, interface: &str, why: &str, since: Timestamp) {
        if self.lines.len() >= MOST_LINES {
            return;
        }
        let shown = LineQuality {
            interface: interface.to_owned(),
            degraded: Some(why.to_owned()),
            since: Some(since),
            measured_at: None,
            targets: Vec::new(),
        };
        let line = Line { judge: Judge::degraded(), gone: 0, shown: Some(shown) };
        self.lines.insert(interface.to_owned(), line);
    }

    /// Whom to ask in the next round.
    pub(crate) fn errands(ways: &[WayOut], settings: &QualitySettings) -> Vec<Errand> {
        let mut errands: Vec<Errand> = Vec::new();
        let mut lines: Vec<&str> = Vec::new();
        for way in ways.iter().filter(|way| way.is_line) {
            if !lines.contains(&way.interface.as_str()) {
                lines.push(&way.interface);
            }
        }
        for interface in lines.into_iter().take(MOST_LINES) {
            for family in [Family::V4, Family::V6] {
                let mut own =
                    ways.iter().filter(|w| w.interface == *interface && w.family == family);
                let Some(first) = own.next() else {
                    continue;
                };
                let errand = |role, ip| Errand { interface: interface.to_owned(), role, ip };
                errands.extend(first.gateway.map(|ip| errand(Role::Gateway, ip)));
                let is_v4 = family == Family::V4;
                let far = settings.targets.iter().filter(|ip| ip.is_ipv4() == is_v4);
                errands.extend(far.map(|ip| errand(Role::Far, *ip)));
            }
        }
        errands
    }

    /// Takes a round; returns the lines that have changed.
    pub(crate) fn take(
        &mut self,
        now: Timestamp,
        round: Vec<(Errand, Outcome)>,
        settings: &QualitySettings,
    ) -> Vec<News> {
        let limits = Limits { loss_percent: settings.loss_percent, rtt_ms: settings.rtt_ms };
        let mut by_line: BTreeMap<String, Vec<(Role, IpAddr, Outcome)>> = BTreeMap::new();
        for (errand, outcome) in round {
            by_line.entry(errand.interface).or_default().push((errand.role, errand.ip, outcome));
        }
        for interface in by_line.keys() {
            if self.lines.len() < 2 * MOST_LINES {
                self.lines.entry(interface.clone()).or_default();
            }
        }
        let mut news = Vec::new();
        self.lines.retain(|interface, line| {
            let targets = by_line.remove(interface).unwrap_or_default();
            line.gone = if targets.is_empty() { line.gone + 1 } else { 0 };
            let change = line.round(now, interface, targets, limits);
            news.extend(change.map(|change| (interface.clone(), change)));
            line.gone < FORGET_AFTER
        });
        news
    }

    /// How the lines are.
    pub(crate) fn shown(&self) -> Vec<LineQuality> {
        self.lines.values().filter_map(|line| line.shown.clone()).collect()
    }
}

impl Line {
    fn round(
        &mut self,
        now: Timestamp,
        interface: &str,
        mut targets: Vec<(Role, IpAddr, Outcome)>,
        limits: Limits,
    ) -> Option<Change> {
        model::sort_by_key(&mut targets, |(role, ip, _)| (*role, ip.is_ipv6(), *ip));
        let measured = |wanted: Role| {
            let of_role = targets.iter().filter(|(role, ..)| *role == wanted);
            of_role.filter_map(|(.., outcome)| outcome.measured).collect::<Vec<_>>()
        };
        // A gateway that answers says little about what lies behind it.
        let mut judged = measured(Role::Far);
        if judged.is_empty() {
            judged = measured(Role::Gateway);
        }
        let may_ask = targets.is_empty() || !judged.is_empty();
        let change = if may_ask { self.judge.round(&judged, limits) } else { None };
        let before = self.shown.take();
        let (mut degraded, mut since) =
            before.map_or((None, None), |line| (line.degraded, line.since));
        match &change {
            Some(Change::Degraded { why, .. }) => {
                (degraded, since) = (Some(why.clone()), Some(now));
            }
            Some(Change::Recovered) => (degraded, since) = (None, Some(now)),
            None => {}
        }
        let targets = targets.into_iter().map(|(role, ip, outcome)| TargetQuality {
            role,
            ip,
            label: target_label(role, ip),
            last: outcome.measured,
            failure: outcome.failure,
        });
        self.shown = Some(LineQuality {
            interface: interface.to_owned(),
            degraded,
            since,
            measured_at: Some(now),
            targets: targets.collect(),
        });
        change
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::Measured;
    use super::*;

    fn way(interface: &str, family: Family, gateway: &str) -> WayOut {
        let gateway = Some(gateway.parse().expect("an address"));
        let (interface, metric, table) = (interface.to_owned(), 0, 254);
        WayOut { family, interface, gateway, metric, table, vrf: None, is_line: true }
    }

    fn outcome(ms: Option<u64>) -> Outcome {
        let measured = Measured::new(&[ms.map(Duration::from_millis)]);
        Outcome { measured: Some(measured), failure: None }
    }

    #[test]
    fn ipv6_targets_are_asked_only_where_the_line_has_ipv6() {
        let far = ["1.1.1.1", "2620:fe::fe"].map(|ip| ip.parse().expect("an address"));
        let settings = QualitySettings { targets: far.to_vec(), ..QualitySettings::default() };
        let mut ways = vec![way("eth0", Family::V4, "192.0.2.1")];
        let asked = |ways: &[WayOut]| {
            let all = Watcher::errands(ways, &settings);
            all.iter().map(|e| format!("{} {}", e.interface, e.ip)).collect::<Vec<_>>()
        };
        assert_eq!(asked(&ways), ["eth0 192.0.2.1", "eth0 1.1.1.1"]);
        ways.push(way("eth0", Family::V6, "fe80::1"));
        ways.push(way("eth1", Family::V4, "198.51.100.1"));
        assert_eq!(
            asked(&ways),
            [
                "eth0 192.0.2.1",
                "eth0 1.1.1.1",
                "eth0 fe80::1",
                "eth0 2620:fe::fe",
                "eth1 198.51.100.1",
                "eth1 1.1.1.1"
            ]
        );
    }

    #[test]
    fn a_line_whose_route_goes_away_is_degraded_and_fine_again_with_it() {
        let (settings, mut watcher) = (QualitySettings::default(), Watcher::default());
        let ways = [way("eth0", Family::V4, "192.0.2.1")];
        let round = || {
            let errands = Watcher::errands(&ways, &settings).into_iter();
            errands.map(|errand| (errand, outcome(Some(5)))).collect::<Vec<_>>()
        };
        let mut told = Vec::new();
        for number in 0..30 {
            let now = Timestamp(number * 10_000);
            let here = if (10..15).contains(&number) { Vec::new() } else { round() };
            told.extend(watcher.take(now, here, &settings));
        }
        assert!(
            matches!(&told[..], [(a, Change::Degraded { .. }), (b, Change::Recovered)]
                if a == "eth0" && b == "eth0"),
            "{told:?}"
        );
        let shown = watcher.shown();
        assert_eq!((shown.len(), shown[0].degraded.as_deref()), (1, None));
        assert_eq!(shown[0].targets[0].label, "gateway");
    }

    #[test]
    fn a_line_that_was_degraded_before_a_restart_is_told_to_be_fine_again() {
        let (settings, mut watcher) = (QualitySettings::default(), Watcher::default());
        watcher.remember("eth0", "all packets lost", Timestamp(5));
        assert_eq!(watcher.shown()[0].since, Some(Timestamp(5)));
        let ways = [way("eth0", Family::V4, "192.0.2.1")];
        let mut told = Vec::new();
        for number in 0..20 {
            let errands = Watcher::errands(&ways, &settings).into_iter();
            let round = errands.map(|errand| (errand, outcome(Some(5)))).collect();
            told.extend(watcher.take(Timestamp(100 + number), round, &settings));
        }
        assert_eq!(told, [("eth0".to_owned(), Change::Recovered)]);
        assert_eq!(watcher.shown()[0].degraded, None);
    }

    #[test]
    fn without_the_right_to_ask_nothing_is_said_about_the_line() {
        let (settings, mut watcher) = (QualitySettings::default(), Watcher::default());
        let ways = [way("eth0", Family::V4, "192.0.2.1")];
        for number in 0..20 {
            let refused = Outcome { measured: None, failure: Some("missing".to_owned()) };
            let errands = Watcher::errands(&ways, &settings).into_iter();
            let round = errands.map(|errand| (errand, refused.clone())).collect();
            assert_eq!(watcher.take(Timestamp(number), round, &settings), []);
        }
        let shown = watcher.shown();
        assert_eq!(shown[0].targets[0].failure.as_deref(), Some("missing"));
        assert_eq!(shown[0].since, None);
    }
}
