//! A device: who it is, where it is, whether it is there, and what a person says about it.

use std::net::IpAddr;
use std::time::Duration;

use model::{DeviceId, Mac, Timestamp};
use serde::{Deserialize, Serialize};

use crate::enrich::{DeviceType, Evidence, Identity, Names, display_name, identify};

/// Addresses remembered for a device; IPv6 privacy would make them endless.
pub(crate) const MAX_ADDRESSES: usize = 48;
/// MAC addresses remembered for a device; one that randomises takes a new one every few days.
pub(crate) const MAX_MACS: usize = 32;

/// One device of the network.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Device {
    /// Its number.
    pub id: DeviceId,
    /// The MAC address it uses now.
    pub mac: Mac,
    /// All MAC addresses it has used, the present one included.
    pub macs: Vec<Mac>,
    /// Whether it is there.
    pub presence: Presence,
    /// The interface on which it was last heard.
    pub interface: Option<String>,
    /// Its IP addresses, the latest first.
    pub addresses: Vec<Address>,
    /// Its DHCP client identifier (RFC 2132, option 61), type octet first.
    #[serde(skip)]
    pub client_id: Option<Vec<u8>>,
    /// What it has shown of itself.
    pub evidence: Evidence,
    /// What follows from that.
    pub identity: Identity,
    /// What people say; it always wins.
    pub person: Personal,
    /// Entered by a person, never heard yet.
    pub manual: bool,
}

/// Whether a device is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Presence {
    /// Heard within the grace period.
    pub online: bool,
    /// Since when it is so.
    pub since: Timestamp,
    /// When it was first heard.
    pub first_seen: Timestamp,
    /// When it was last heard.
    pub last_seen: Timestamp,
}

impl Presence {
    /// A device that was heard for the first time.
    pub const fn first_heard(now: Timestamp) -> Self {
        Self { online: true, since: now, first_seen: now, last_seen: now }
    }

    /// It was heard. True when that brings it back.
    pub fn heard(&mut self, now: Timestamp) -> bool {
        self.last_seen = self.last_seen.max(now);
        if self.online {
            return false;
        }
        (self.online, self.since) = (true, now);
        true
    }

    /// Time has passed. True when it counts as gone from now on: unheard for longer than `grace`,
    /// counted at the earliest from `listening_since`, because what nobody listened for is no
    /// silence.
    pub fn silent(&mut self, now: Timestamp, grace: Duration, listening_since: Timestamp) -> bool {
        let silence = now.since(self.last_seen.max(listening_since));
        if !self.online || silence <= grace {
            return false;
        }
        (self.online, self.since) = (false, now);
        true
    }
}

/// An IP address of a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Address {
    /// The address.
    pub ip: IpAddr,
    /// The interface behind which it was seen.
    pub interface: String,
    /// When it was first seen here.
    pub first_seen: Timestamp,
    /// When it was last seen here.
    pub last_seen: Timestamp,
    /// True while the device has it, as far as is known.
    pub current: bool,
}

/// What people say about a device.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Personal {
    /// Its name.
    pub name: Option<String>,
    /// The icon to show, one of the device types' words.
    pub icon: Option<String>,
    /// Anything worth noting.
    pub notes: String,
    /// It belongs here.
    pub known: bool,
    /// Shown first, and missed when it goes offline.
    pub favourite: bool,
    /// Words to group it by.
    pub tags: Vec<String>,
    /// How much depends on it, 0 (nothing) to 4.
    pub criticality: u8,
    /// What it really is, where that was corrected: automation never changes it.
    pub corrected: Option<Correction>,
}

/// What a device really is, in a person's words.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Correction {
    /// Its type.
    pub device_type: Option<DeviceType>,
    /// Its operating system's family.
    pub os_family: Option<String>,
    /// Its operating system's version.
    pub os_version: Option<String>,
    /// Who sells it.
    pub brand: Option<String>,
    /// Which one it is.
    pub model: Option<String>,
}

impl Device {
    /// A device that has just been heard for the first time.
    pub fn first_heard(id: DeviceId, mac: Mac, interface: &str, now: Timestamp) -> Self {
        let evidence = Evidence {
            vendor: crate::vendor::lookup(mac).map(str::to_owned),
            randomised_mac: mac.is_locally_administered(),
            ..Evidence::default()
        };
        Self {
            id,
            mac,
            macs: vec![mac],
            presence: Presence::first_heard(now),
            interface: Some(interface.to_owned()),
            addresses: Vec::new(),
            client_id: None,
            identity: identify(&evidence),
            evidence,
            person: Personal::default(),
            manual: false,
        }
    }

    /// The name to show: a person's, else the best it gave itself, else one made of what it is.
    pub fn name(&self) -> String {
        display_name(&Names {
            custom: self.person.name.as_deref(),
            dhcp: self.evidence.dhcp.hostname.as_deref(),
            mdns: self.evidence.mdns.friendly_name(),
            ptr: self.evidence.hostnames.first().map(String::as_str),
            netbios: None,
            brand: self.brand(),
            vendor: self.evidence.vendor.as_deref(),
            device_type: self.device_type(),
        })
    }

    /// The host name it goes by, if any.
    pub fn hostname(&self) -> Option<&str> {
        let evidence = &self.evidence;
        evidence.dhcp.hostname.as_deref().or(evidence.hostnames.first().map(String::as_str))
    }

    /// The registered owner of its MAC prefix.
    pub fn vendor(&self) -> Option<&str> {
        self.evidence.vendor.as_deref()
    }

    /// Its type, corrected or concluded.
    pub fn device_type(&self) -> Option<DeviceType> {
        self.corrected().and_then(|c| c.device_type).or_else(|| self.identity.kind())
    }

    /// Its operating system's family, corrected or concluded.
    pub fn os_family(&self) -> Option<&str> {
        let said = self.corrected().and_then(|c| c.os_family.as_deref());
        said.or_else(|| self.identity.os())
    }

    /// Its operating system's version, corrected or concluded.
    pub fn os_version(&self) -> Option<&str> {
        let found = self.identity.os_version.as_ref().map(|f| f.value.as_str());
        // A version concluded for another family would be nonsense beside the corrected one.
        match self.corrected() {
            Some(c) if c.os_family.is_some() => c.os_version.as_deref(),
            Some(c) => c.os_version.as_deref().or(found),
            None => found,
        }
    }

    /// Its brand, corrected or concluded.
    pub fn brand(&self) -> Option<&str> {
        let said = self.corrected().and_then(|c| c.brand.as_deref());
        said.or_else(|| self.identity.brand.as_ref().map(|f| f.value.as_str()))
    }

    /// Its model, corrected or concluded.
    pub fn model(&self) -> Option<&str> {
        let said = self.corrected().and_then(|c| c.model.as_deref());
        said.or_else(|| self.identity.model.as_ref().map(|f| f.value.as_str()))
    }

    /// Services it offers by mDNS, without doubles.
    pub fn services(&self) -> &[String] {
        &self.evidence.mdns.services
    }

    /// The address to show first: a current IPv4, else a current global IPv6, else any.
    pub fn main_address(&self) -> Option<&Address> {
        let rank = |a: &&Address| {
            let kind = match a.ip {
                IpAddr::V4(ip) if !ip.is_link_local() => 3,
                IpAddr::V6(ip) if !ip.is_unicast_link_local() => 2,
                _ => 1,
            };
            (a.current, kind, a.last_seen)
        };
        self.addresses.iter().max_by_key(rank)
    }

    /// Notes an address as in use now. True when that is news: the address is new, back, or heard
    /// behind another interface.
    pub(crate) fn hold(&mut self, ip: IpAddr, interface: &str, now: Timestamp) -> bool {
        if let Some(known) = self.addresses.iter_mut().find(|a| a.ip == ip) {
            let news = !known.current || known.interface != interface;
            (known.current, known.last_seen) = (true, known.last_seen.max(now));
            if news {
                interface.clone_into(&mut known.interface);
            }
            return news;
        }
        if self.addresses.len() >= MAX_ADDRESSES {
            let oldest = (0..self.addresses.len())
                .min_by_key(|i| (self.addresses[*i].current, self.addresses[*i].last_seen));
            self.addresses.remove(oldest.unwrap_or(0));
        }
        let interface = interface.to_owned();
        let address = Address { ip, interface, first_seen: now, last_seen: now, current: true };
        self.addresses.insert(0, address);
        true
    }

    /// Another device has taken the address. True when this one had it.
    pub(crate) fn lose(&mut self, ip: IpAddr) -> bool {
        match self.addresses.iter_mut().find(|a| a.ip == ip && a.current) {
            Some(address) => {
                address.current = false;
                true
            }
            None => false,
        }
    }

    /// Takes over the addresses and traces of a device that turned out to be this one. Its present
    /// address becomes the present one, unless this device was heard later.
    pub(crate) fn take_over(&mut self, other: &Self) {
        for mac in &other.macs {
            if !self.macs.contains(mac) {
                self.macs.push(*mac);
            }
        }
        for address in other.addresses.iter().rev() {
            let had = self.addresses.iter().any(|a| a.ip == address.ip && a.current);
            self.hold(address.ip, &address.interface, address.last_seen);
            if !address.current && !had {
                self.lose(address.ip);
            }
        }
        if other.presence.last_seen >= self.presence.last_seen {
            self.mac = other.mac;
            self.interface.clone_from(&other.interface);
        }
        self.bound_macs();
        self.evidence.absorb(&other.evidence);
        self.identity = identify(&self.evidence);
        if other.client_id.is_some() {
            self.client_id.clone_from(&other.client_id);
        }
    }

    /// Gives up the oldest MAC addresses where there are too many, never the present one.
    pub(crate) fn bound_macs(&mut self) {
        while self.macs.len() > MAX_MACS {
            let oldest = self.macs.iter().position(|mac| *mac != self.mac);
            self.macs.remove(oldest.unwrap_or(0));
        }
    }

    /// Nothing was seen in the future: a clock was wrong. True when something was.
    pub(crate) fn clamp_times(&mut self, now: Timestamp) -> bool {
        let presence = &mut self.presence;
        let own = [&mut presence.since, &mut presence.first_seen, &mut presence.last_seen];
        let of_addresses =
            self.addresses.iter_mut().flat_map(|a| [&mut a.first_seen, &mut a.last_seen]);
        let mut clamped = false;
        for time in own.into_iter().chain(of_addresses).filter(|time| **time > now) {
            (*time, clamped) = (now, true);
        }
        clamped
    }

    fn corrected(&self) -> Option<&Correction> {
        self.person.corrected.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GRACE: Duration = Duration::from_secs(300);
    const START: Timestamp = Timestamp(1_000_000);

    fn after(secs: u64) -> Timestamp {
        START.plus(Duration::from_secs(secs))
    }

    #[test]
    fn a_device_is_gone_only_after_the_grace_period() {
        let mut presence = Presence::first_heard(START);
        assert!(!presence.silent(after(300), GRACE, START));
        assert!(presence.silent(after(301), GRACE, START));
        assert!(!presence.silent(after(302), GRACE, START), "only once");
        assert!(presence.heard(after(400)));
        assert_eq!((presence.online, presence.since), (true, after(400)));
    }

    #[test]
    fn time_in_which_nobody_listened_is_no_silence() {
        let mut presence = Presence::first_heard(START);
        let restarted = after(10_000);
        assert!(!presence.silent(after(10_100), GRACE, restarted));
        assert!(presence.silent(after(10_301), GRACE, restarted));
    }

    proptest! {
        #[test]
        fn a_device_heard_within_grace_is_online(gaps in prop::collection::vec(1_u64..900, 1..50)) {
            let mut presence = Presence::first_heard(START);
            let mut now = 0;
            for gap in gaps {
                now += gap;
                presence.silent(after(now), GRACE, START);
                prop_assert_eq!(presence.online, gap <= GRACE.as_secs());
                presence.heard(after(now));
                prop_assert!(presence.online && presence.last_seen == after(now));
            }
        }

        #[test]
        fn addresses_never_pile_up(ips: Vec<u128>) {
            let mut device = Device::first_heard(DeviceId(1), Mac([2; 6]), "lan0", START);
            for (n, ip) in ips.into_iter().enumerate() {
                let ip = std::net::Ipv6Addr::from_bits(ip);
                device.hold(ip.into(), "lan0", after(n as u64));
                prop_assert!(device.addresses.len() <= MAX_ADDRESSES);
                prop_assert!(device.addresses.iter().any(|a| a.ip == ip && a.current));
            }
        }
    }

    #[test]
    fn what_a_person_says_wins() {
        let mut device = Device::first_heard(DeviceId(1), Mac([2; 6]), "lan0", START);
        device.person.name = Some("Kitchen radio".to_owned());
        device.person.corrected =
            Some(Correction { device_type: Some(DeviceType::Speaker), ..Correction::default() });
        assert_eq!(device.name(), "Kitchen radio");
        assert_eq!(device.device_type(), Some(DeviceType::Speaker));
    }

    #[test]
    fn the_main_address_is_a_current_ipv4_one() {
        let mut device = Device::first_heard(DeviceId(1), Mac([2; 6]), "lan0", START);
        for ip in ["fe80::1", "192.168.1.9", "fd00::1", "192.168.1.10"] {
            device.hold(ip.parse().expect("valid"), "lan0", START);
        }
        device.lose("192.168.1.10".parse().expect("valid"));
        let main = device.main_address().map(|a| a.ip.to_string());
        assert_eq!(main.as_deref(), Some("192.168.1.9"));
    }
}
