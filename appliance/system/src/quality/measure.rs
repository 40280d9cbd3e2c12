//! Figures of one round of echo requests. Pure.

use std::time::Duration;

use serde::Serialize;

/// What a round of echo requests tells.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Measured {
    /// Requests sent.
    pub sent: u32,
    /// Requests without a reply.
    pub lost: u32,
    /// Shortest, mean and longest round-trip time in ms; None without a reply.
    pub rtt_min: Option<f64>,
    /// The mean.
    pub rtt_ms: Option<f64>,
    /// The longest.
    pub rtt_max: Option<f64>,
    /// Mean absolute difference of consecutive round-trip times in ms, which is RFC 3550's D
    /// without its smoothing; None with less than two replies.
    pub jitter_ms: Option<f64>,
}

impl Measured {
    /// Of the round-trip times in the order of the requests, None where one was lost.
    pub fn new(round: &[Option<Duration>]) -> Self {
        let times: Vec<f64> =
            round.iter().flatten().map(|after| after.as_secs_f64() * 1_000.0).collect();
        let mean = |values: &[f64]| {
            (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
        };
        let steps: Vec<f64> = times
            .windows(2)
            .filter_map(|pair| Some((pair.get(1)? - pair.first()?).abs()))
            .collect();
        Self {
            sent: round.len() as u32,
            lost: (round.len() - times.len()) as u32,
            rtt_min: times.iter().copied().reduce(f64::min),
            rtt_ms: mean(&times),
            rtt_max: times.iter().copied().reduce(f64::max),
            jitter_ms: mean(&steps),
        }
    }

    /// Share of requests without a reply, in percent.
    pub fn loss_percent(&self) -> f64 {
        100.0 * f64::from(self.lost) / f64::from(self.sent.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(times: &[u64]) -> Vec<Option<Duration>> {
        times.iter().map(|ms| (*ms > 0).then(|| Duration::from_millis(*ms))).collect()
    }

    #[test]
    fn a_round_tells_times_jitter_and_loss() {
        let measured = Measured::new(&round(&[10, 20, 0, 14]));
        assert_eq!((measured.sent, measured.lost, measured.loss_percent()), (4, 1, 25.0));
        assert_eq!((measured.rtt_min, measured.rtt_max), (Some(10.0), Some(20.0)));
        assert!(measured.rtt_ms.is_some_and(|ms| (ms - 44.0 / 3.0).abs() < 1e-9));
        assert_eq!(measured.jitter_ms, Some(8.0));
    }

    #[test]
    fn a_round_without_replies_has_no_times() {
        let measured = Measured::new(&round(&[0, 0]));
        assert_eq!(
            (measured.loss_percent(), measured.rtt_ms, measured.jitter_ms),
            (100.0, None, None)
        );
        assert_eq!(Measured::new(&round(&[7])).jitter_ms, None);
    }
}
