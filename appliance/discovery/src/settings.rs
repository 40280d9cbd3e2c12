//! What people can set about discovery while it runs.

use std::time::Duration;

use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use store::{StoreError, read_setting};

/// The key under which the settings are kept.
pub const SETTINGS_KEY: &str = "discovery";

/// The largest network that can be swept: 65 536 addresses.
const LARGEST_SUBNET: u8 = 16;

/// What people can set. Every value takes effect within one scan interval, without a restart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools)] // switches of a form, one by one
pub struct Settings {
    /// Look for devices by asking every address of the local networks (ARP, IPv6 multicast).
    pub scan_enabled: bool,
    /// Networks to ask, such as `192.168.1.0/24`; empty for all networks of the local interfaces.
    pub scan_subnets: Vec<String>,
    /// Seconds from one round to the next, 15 to 86400.
    pub scan_interval_seconds: u32,
    /// Also send an ICMP echo to hosts that are there, which tells their kind of system.
    pub ping_sweep_enabled: bool,
    /// Ask by mDNS and SSDP what services there are, every few minutes.
    pub service_queries_enabled: bool,
    /// Ask the router's resolver for the names of addresses.
    pub reverse_dns_enabled: bool,
    /// Seconds of silence after which a device counts as offline, 60 to 86400.
    pub offline_grace_seconds: u32,
    /// ARP requests a second in the background, 50 to 5000.
    pub scan_rate: u32,
    /// The router itself answers DHCP, so that any other server is a stranger. Found out at start.
    #[serde(skip)]
    pub serves_dhcp: bool,
    /// The machine routes IPv6, so that any other router is a stranger. Found out at start.
    #[serde(skip)]
    pub forwards_ipv6: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            scan_enabled: true,
            scan_subnets: Vec::new(),
            scan_interval_seconds: 60,
            ping_sweep_enabled: true,
            service_queries_enabled: true,
            reverse_dns_enabled: true,
            offline_grace_seconds: 300,
            scan_rate: 500,
            serves_dhcp: false,
            forwards_ipv6: false,
        }
    }
}

impl Settings {
    /// The settings as stored, or the defaults.
    pub fn load(conn: &Connection) -> Result<Self, StoreError> {
        Ok(read_setting(conn, SETTINGS_KEY)?.unwrap_or_default())
    }

    /// The time of silence after which a device counts as offline.
    pub fn grace(&self) -> Duration {
        Duration::from_secs(self.offline_grace_seconds.into())
    }

    /// The time from one round of questions to the next.
    pub fn interval(&self) -> Duration {
        Duration::from_secs(self.scan_interval_seconds.into())
    }

    /// The first value that cannot be, with what it may be.
    ///
    /// # Errors
    /// The field's name and a sentence for people.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        let within = |name, value: u32, least: u32, most: u32, unit: &str| {
            let fine = (least..=most).contains(&value);
            let say = || format!("{value} is out of range: give {least} to {most} {unit}");
            if fine { Ok(()) } else { Err((name, say())) }
        };
        within("scan_interval_seconds", self.scan_interval_seconds, 15, 86_400, "seconds")?;
        within("offline_grace_seconds", self.offline_grace_seconds, 60, 86_400, "seconds")?;
        within("scan_rate", self.scan_rate, 50, 5_000, "requests a second")?;
        if self.scan_subnets.len() > 64 {
            return Err(("scan_subnets", "give at most 64 networks".to_owned()));
        }
        for text in &self.scan_subnets {
            match parse_cidr_v4(text) {
                None => {
                    let say =
                        format!("{text:?} is no IPv4 network: give one such as 192.168.1.0/24");
                    return Err(("scan_subnets", say));
                }
                Some((_, prefix)) if prefix < LARGEST_SUBNET => {
                    let say = format!("{text} is too large: give /{LARGEST_SUBNET} or smaller");
                    return Err(("scan_subnets", say));
                }
                Some(_) => {}
            }
        }
        Ok(())
    }
}

/// Reads `192.168.1.0/24`.
pub fn parse_cidr_v4(text: &str) -> Option<(std::net::Ipv4Addr, u8)> {
    let (base, prefix) = text.trim().split_once('/')?;
    let prefix: u8 = prefix.parse().ok().filter(|p| *p <= 32)?;
    Some((base.parse().ok()?, prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_acceptable() {
        assert_eq!(Settings::default().check(), Ok(()));
    }

    #[test]
    fn a_value_out_of_range_is_named_with_its_range() {
        let settings = Settings { scan_interval_seconds: 1, ..Settings::default() };
        let (field, say) = settings.check().expect_err("too short");
        assert_eq!(field, "scan_interval_seconds");
        assert!(say.contains("15 to 86400"), "{say}");
        let settings = Settings { scan_subnets: vec!["lan".into()], ..Settings::default() };
        assert_eq!(settings.check().expect_err("no network").0, "scan_subnets");
    }
}
