//! What people can set about this room while it runs.

use std::net::IpAddr;
use std::time::Duration;

use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use store::{StoreError, read_setting};

use crate::SystemError;

/// The key under which the settings of line quality are kept.
pub const QUALITY_KEY: &str = "system.quality";

/// The most targets that are asked.
const MOST_TARGETS: usize = 8;

/// How the lines out are watched. Every value takes effect at the next round.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct QualitySettings {
    /// Ask at all.
    pub enabled: bool,
    /// Whom to ask beside the gateway, by IPv4 and IPv6; IPv6 only where the line has it.
    pub targets: Vec<IpAddr>,
    /// Seconds from one round to the next, 5 to 300.
    pub interval_seconds: u32,
    /// Echo requests of a round to each target, 1 to 20.
    pub pings: u16,
    /// Loss from which a line counts as degraded, 1 to 100 percent.
    pub loss_percent: f64,
    /// Round-trip time from which a line counts as degraded, 1 to 10000 ms.
    pub rtt_ms: f64,
}

impl Default for QualitySettings {
    fn default() -> Self {
        Self {
            enabled: true,
            targets: vec![IpAddr::from([1, 1, 1, 1]), IpAddr::from([9, 9, 9, 9])],
            interval_seconds: 10,
            pings: 5,
            loss_percent: 20.0,
            rtt_ms: 250.0,
        }
    }
}

impl QualitySettings {
    /// The settings as stored, or the defaults; what is stored but cannot be, is as by default.
    pub fn load(conn: &Connection) -> Result<Self, StoreError> {
        let stored: Option<Self> = read_setting(conn, QUALITY_KEY)?;
        Ok(stored.filter(|settings| settings.check().is_ok()).unwrap_or_default())
    }

    /// From one request to the next of a round.
    pub(crate) const GAP: Duration = Duration::from_millis(200);

    /// From one round to the next.
    pub fn interval(&self) -> Duration {
        Duration::from_secs(self.interval_seconds.into())
    }

    /// The first value that cannot be, with what it may be.
    ///
    /// # Errors
    /// [`SystemError::Invalid`].
    pub fn check(&self) -> Result<(), SystemError> {
        let within = |field, fits: bool, what: &str| {
            if fits { Ok(()) } else { Err(SystemError::invalid(field, format!("give {what}"))) }
        };
        let (interval, pings) = (self.interval_seconds, self.pings);
        within("interval_seconds", (5..=300).contains(&interval), "5 to 300 seconds")?;
        within("pings", (1..=20).contains(&pings), "1 to 20")?;
        let span = u32::from(pings) * QualitySettings::GAP.as_millis() as u32 + 1_000;
        within("pings", span < interval * 1_000, "fewer for this interval, 5 a second at most")?;
        within("loss_percent", (1.0..=100.0).contains(&self.loss_percent), "1 to 100 percent")?;
        within("rtt_ms", (1.0..=10_000.0).contains(&self.rtt_ms), "1 to 10000 ms")?;
        within("targets", self.targets.len() <= MOST_TARGETS, "at most 8 addresses")?;
        for target in &self.targets {
            let fits = !target.is_unspecified() && !target.is_multicast() && !target.is_loopback();
            within("targets", fits, &format!("addresses of single hosts; {target} is none"))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_acceptable_and_values_out_of_range_are_not() {
        let default = QualitySettings::default();
        default.check().expect("fine");
        let wrong = [
            QualitySettings { interval_seconds: 1, ..default.clone() },
            QualitySettings { pings: 20, interval_seconds: 5, ..default.clone() },
            QualitySettings { loss_percent: f64::NAN, ..default.clone() },
            QualitySettings { targets: vec!["224.0.0.1".parse().expect("an address")], ..default },
        ];
        for settings in wrong {
            let error = settings.check().expect_err("refused");
            assert!(error.to_string().contains("give"), "{error}");
        }
    }
}
