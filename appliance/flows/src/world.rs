//! What flows need to know of the world and others tell them: which networks are ours, in which
//! country an address is, who runs it.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// Where an address is, as far as known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Place {
    /// ISO 3166-1 alpha-2, such as `DE`.
    pub country: Option<[u8; 2]>,
    /// The number of the autonomous system that announces it.
    pub system: Option<u32>,
}

/// A town, as databases of cities tell it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct City {
    /// Its name in English; empty where only the part of the country is known.
    pub name: String,
    /// The part of the country in which it lies, such as a state; empty where that is not told.
    pub region: String,
    /// Latitude and longitude in degrees.
    pub at: Option<(f64, f64)>,
}

/// Tells where addresses are.
pub trait Geo {
    /// Where an address is; asked once an address and block, not once a flow.
    fn place(&self, address: IpAddr) -> Place;

    /// Why a part of what should be known is not, for people.
    fn problem(&self) -> Option<String> {
        None
    }

    /// In which town an address is. May read a file: to be asked for what is shown, and first where
    /// reading may wait.
    fn city(&self, _address: IpAddr) -> Option<City> {
        None
    }

    /// Who runs an autonomous system.
    fn system_name(&self, _number: u32) -> Option<String> {
        None
    }
}

/// Where there is no database of places.
pub struct NoGeo;

impl Geo for NoGeo {
    fn place(&self, _: IpAddr) -> Place {
        Place::default()
    }
}

/// All addresses that begin alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Prefix {
    first: IpAddr,
    length: u8,
}

impl Prefix {
    /// The network of `length` bits that an address lies in; None where the family has fewer bits.
    pub fn new(address: IpAddr, length: u8) -> Option<Self> {
        let first = match address {
            IpAddr::V4(v4) if length <= 32 => {
                let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
                Ipv4Addr::from_bits(v4.to_bits() & mask).into()
            }
            IpAddr::V6(v6) if length <= 128 => {
                let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
                Ipv6Addr::from_bits(v6.to_bits() & mask).into()
            }
            _ => return None,
        };
        Some(Self { first, length })
    }

    /// One address alone.
    pub fn host(address: IpAddr) -> Self {
        Self { first: address, length: if address.is_ipv4() { 32 } else { 128 } }
    }

    /// How many bits its addresses have in common.
    pub fn length(self) -> u8 {
        self.length
    }

    /// The lowest address.
    pub fn first(self) -> IpAddr {
        self.first
    }

    /// The highest address.
    pub fn last(self) -> IpAddr {
        match self.first {
            IpAddr::V4(v4) => {
                let rest = u32::MAX.checked_shr(self.length.into()).unwrap_or(0);
                Ipv4Addr::from_bits(v4.to_bits() | rest).into()
            }
            IpAddr::V6(v6) => {
                let rest = u128::MAX.checked_shr(self.length.into()).unwrap_or(0);
                Ipv6Addr::from_bits(v6.to_bits() | rest).into()
            }
        }
    }

    /// True when an address lies in it. An address of the other family never does.
    pub fn contains(self, address: IpAddr) -> bool {
        address.is_ipv4() == self.first.is_ipv4() && self.first <= address && address <= self.last()
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.length)
    }
}

/// The text is no network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a network: give an address and a length, such as 10.0.0.0/8 or 2001:db8::/32")]
pub struct ParsePrefixError;

impl FromStr for Prefix {
    type Err = ParsePrefixError;

    /// Reads `10.0.0.0/8`, or an address alone.
    fn from_str(text: &str) -> Result<Self, ParsePrefixError> {
        let Some((address, length)) = text.split_once('/') else {
            return text.parse().map(Self::host).map_err(|_| ParsePrefixError);
        };
        let (address, length) = (address.parse().ok(), length.parse().ok());
        address.zip(length).and_then(|(a, l)| Self::new(a, l)).ok_or(ParsePrefixError)
    }
}

/// The networks that are ours; everything else is remote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ours(Vec<Prefix>);

impl Ours {
    /// These networks, and those of multicast, broadcast and no address, which never leave the link
    /// or have no place in the world.
    pub fn new(mut networks: Vec<Prefix>) -> Self {
        let never_remote = ["224.0.0.0/4", "255.255.255.255", "0.0.0.0", "ff00::/8", "::"];
        networks.extend(never_remote.iter().filter_map(|network| network.parse::<Prefix>().ok()));
        Self(networks)
    }

    /// More networks that are ours.
    pub fn extend(&mut self, networks: impl IntoIterator<Item = Prefix>) {
        self.0.extend(networks);
    }

    /// True for an address of ours.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address))
    }

    /// All of them; they may overlap.
    pub fn networks(&self) -> &[Prefix] {
        &self.0
    }
}

impl Default for Ours {
    /// Addresses that nobody has on the internet: private, shared, link-local and loopback ones.
    fn default() -> Self {
        let networks = [
            "10.0.0.0/8",
            "172.16.0.0/12",
            "192.168.0.0/16",
            "100.64.0.0/10",
            "169.254.0.0/16",
            "127.0.0.0/8",
            "fc00::/7",
            "fe80::/10",
            "::1/128",
        ];
        Self::new(networks.iter().filter_map(|network| network.parse().ok()).collect())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_network_holds_its_own_addresses_and_survives_text(address: IpAddr, length in 0_u8..=128) {
            if let Some(prefix) = Prefix::new(address, length) {
                prop_assert!(prefix.contains(address));
                prop_assert!(prefix.contains(prefix.first()) && prefix.contains(prefix.last()));
                prop_assert_eq!(prefix.to_string().parse(), Ok(prefix));
            } else {
                prop_assert!(address.is_ipv4() && length > 32);
            }
        }

        #[test]
        fn no_text_makes_the_parser_panic(text: String) {
            let _ = text.parse::<Prefix>();
        }
    }

    #[test]
    fn private_addresses_are_ours_and_public_ones_are_not() {
        let ours = Ours::default();
        for address in ["10.1.2.3", "192.168.0.1", "fe80::1", "fd00::1", "ff02::fb", "224.0.0.251"]
        {
            assert!(ours.contains(address.parse().unwrap()), "{address}");
        }
        for address in ["8.8.8.8", "172.32.0.1", "2001:db8::1"] {
            assert!(!ours.contains(address.parse().unwrap()), "{address}");
        }
    }
}
