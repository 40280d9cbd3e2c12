//! Decides when a line is degraded and when it is fine again. Pure.
//!
//! Judged are the last rounds together, not one: a single lost packet is no news. A line is as good
//! as its best target, because one host that does not answer says nothing about the line. To count
//! as fine again it must be clearly better than the limits for a while.

use std::collections::VecDeque;

use super::Measured;

/// Rounds that are judged together.
const WINDOW: usize = 6;
/// Rounds without which nothing is said.
const LEAST: usize = 3;
/// Bad judgements in a row until a line is degraded.
const BAD_IN_A_ROW: u32 = 2;
/// Good judgements in a row until it is fine again.
const GOOD_IN_A_ROW: u32 = 6;
/// The share of the limits below which a judgement is good.
const CLEARLY_BETTER: f64 = 0.75;

/// From where on a line is bad.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Limits {
    pub(crate) loss_percent: f64,
    pub(crate) rtt_ms: f64,
}

/// A line has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    Degraded { why: String, is_dead: bool },
    Recovered,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Judge {
    /// Of each round: the best target's loss in percent and round-trip time in ms.
    rounds: VecDeque<(f64, Option<f64>)>,
    is_degraded: bool,
    bad: u32,
    good: u32,
}

impl Judge {
    /// Of a line that was degraded when the appliance ended.
    pub(crate) fn degraded() -> Self {
        Self { is_degraded: true, ..Self::default() }
    }

    /// Takes a round of all targets that count; an empty one says that there is no way out at all.
    pub(crate) fn round(&mut self, targets: &[Measured], limits: Limits) -> Option<Change> {
        let loss = targets.iter().map(Measured::loss_percent).reduce(f64::min).unwrap_or(100.0);
        let rtt = targets.iter().filter_map(|m| m.rtt_ms).reduce(f64::min);
        self.rounds.push_back((loss, rtt));
        if self.rounds.len() > WINDOW {
            self.rounds.pop_front();
        }
        if self.rounds.len() < LEAST {
            return None;
        }
        let loss = self.rounds.iter().map(|r| r.0).sum::<f64>() / self.rounds.len() as f64;
        let times: Vec<f64> = self.rounds.iter().filter_map(|r| r.1).collect();
        let rtt = (!times.is_empty()).then(|| times.iter().sum::<f64>() / times.len() as f64);
        let is_bad = loss >= limits.loss_percent || rtt.is_some_and(|ms| ms >= limits.rtt_ms);
        let is_good = loss < limits.loss_percent * CLEARLY_BETTER
            && rtt.is_some_and(|ms| ms < limits.rtt_ms * CLEARLY_BETTER);
        self.bad = if is_bad { self.bad + 1 } else { 0 };
        self.good = if is_good { self.good + 1 } else { 0 };
        if !self.is_degraded && self.bad >= BAD_IN_A_ROW {
            self.is_degraded = true;
            // Counted from now on: an old round must not make it seem alive.
            let is_dead = self.rounds.iter().rev().take(LEAST).all(|r| r.1.is_none());
            return Some(Change::Degraded { why: why(loss, rtt, limits, targets), is_dead });
        }
        if self.is_degraded && self.good >= GOOD_IN_A_ROW {
            self.is_degraded = false;
            return Some(Change::Recovered);
        }
        None
    }
}

fn why(loss: f64, rtt: Option<f64>, limits: Limits, targets: &[Measured]) -> String {
    if targets.is_empty() {
        return "it has no default route".to_owned();
    }
    match rtt {
        Some(ms) if loss < limits.loss_percent => {
            format!("{ms:.0} ms round-trip time, the limit is {:.0} ms", limits.rtt_ms)
        }
        _ => format!("{loss:.0} % of packets lost, the limit is {:.0} %", limits.loss_percent),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const LIMITS: Limits = Limits { loss_percent: 20.0, rtt_ms: 100.0 };

    /// A round of five with so many replies of so many ms.
    fn round(replies: usize, ms: u64) -> Measured {
        let times: Vec<_> =
            (0..5).map(|n| (n < replies).then(|| Duration::from_millis(ms))).collect();
        Measured::new(&times)
    }

    fn feed(judge: &mut Judge, rounds: usize, targets: &[Measured]) -> Vec<(usize, Change)> {
        (0..rounds).filter_map(|n| Some((n, judge.round(targets, LIMITS)?))).collect()
    }

    #[test]
    fn a_dead_line_is_told_within_a_few_rounds_and_once() {
        let mut judge = Judge::default();
        assert_eq!(feed(&mut judge, 10, &[round(5, 10)]), []);
        let told = feed(&mut judge, 20, &[round(0, 0)]);
        assert_eq!(told.len(), 1);
        assert!(told[0].0 <= 3, "{told:?}");
        assert!(matches!(&told[0].1, Change::Degraded { why, .. } if why.contains("lost")));
    }

    #[test]
    fn a_single_lost_packet_is_no_news() {
        let mut judge = Judge::default();
        for _ in 0..20 {
            assert_eq!(feed(&mut judge, 5, &[round(5, 10)]), []);
            assert_eq!(feed(&mut judge, 1, &[round(4, 10)]), []);
        }
    }

    #[test]
    fn a_line_at_its_limit_does_not_flap() {
        let mut judge = Judge::default();
        let mut told = Vec::new();
        for _ in 0..50 {
            told.extend(feed(&mut judge, 1, &[round(5, 101)]));
            told.extend(feed(&mut judge, 1, &[round(5, 99)]));
            told.extend(feed(&mut judge, 1, &[round(5, 103)]));
        }
        assert_eq!(told.len(), 1, "{told:?}");
        let told = feed(&mut judge, 30, &[round(5, 20)]);
        assert_eq!(told.iter().map(|t| &t.1).collect::<Vec<_>>(), [&Change::Recovered]);
        assert!(told[0].0 >= 5, "only after a while");
    }

    #[test]
    fn one_silent_target_says_nothing_about_the_line() {
        let mut judge = Judge::default();
        assert_eq!(feed(&mut judge, 20, &[round(0, 0), round(5, 10)]), []);
    }

    #[test]
    fn a_line_without_a_way_out_is_degraded() {
        let mut judge = Judge::default();
        feed(&mut judge, 6, &[round(5, 10)]);
        let told = feed(&mut judge, 10, &[]);
        assert!(matches!(&told[..], [(_, Change::Degraded { why, .. })] if why.contains("route")));
    }
}
