//! IPv4 subnets whose addresses can be swept.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

/// An IPv4 subnet; host bits are cleared when it is made. Shown as `192.0.2.0/24`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subnet {
    network: Ipv4Addr,
    prefix: u8,
}

/// A subnet that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubnetError {
    /// The prefix is too long.
    #[error("prefix length {0} of an IPv4 subnet: give 0 to 32")]
    Prefix(u8),
    /// The text is something else.
    #[error("`{0}` is no IPv4 subnet: give one such as 192.0.2.0/24")]
    Text(String),
}

impl Subnet {
    /// The subnet that an address with a prefix length of at most 32 is in.
    pub fn new(address: Ipv4Addr, prefix: u8) -> Result<Self, SubnetError> {
        if prefix > 32 {
            return Err(SubnetError::Prefix(prefix));
        }
        let network = u32::from(address) & mask(prefix);
        Ok(Self { network: network.into(), prefix })
    }

    /// Its lowest address.
    pub const fn network(self) -> Ipv4Addr {
        self.network
    }

    /// Length of its prefix in bits.
    pub const fn prefix(self) -> u8 {
        self.prefix
    }

    /// Its highest address.
    pub fn last(self) -> Ipv4Addr {
        Ipv4Addr::from(u32::from(self.network) | !mask(self.prefix))
    }

    /// True when the address is in it, network and broadcast address among them.
    pub fn contains(self, address: Ipv4Addr) -> bool {
        u32::from(address) & mask(self.prefix) == u32::from(self.network)
    }

    /// True when all of `other` is in it.
    pub fn covers(self, other: Self) -> bool {
        self.prefix <= other.prefix && self.contains(other.network)
    }

    /// How many hosts it can have: all but network and broadcast address, which /31 (RFC 3021)
    /// and /32 lack.
    pub fn hosts(self) -> u64 {
        let addresses = 1_u64 << (32 - u32::from(self.prefix));
        if self.prefix >= 31 { addresses } else { addresses - 2 }
    }

    /// The host at a number below [`Subnet::hosts`].
    pub(super) fn host(self, at: u32) -> Ipv4Addr {
        Ipv4Addr::from(u32::from(self.network).wrapping_add(at).wrapping_add(self.first_host()))
    }

    /// The inverse of [`Subnet::host`].
    pub(super) fn host_number(self, address: Ipv4Addr) -> Option<u32> {
        let at = u32::from(address).checked_sub(u32::from(self.network))?;
        let at = at.checked_sub(self.first_host())?;
        (u64::from(at) < self.hosts()).then_some(at)
    }

    fn first_host(self) -> u32 {
        u32::from(self.prefix < 31)
    }
}

fn mask(prefix: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(prefix.min(32))).unwrap_or(0)
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.prefix)
    }
}

impl FromStr for Subnet {
    type Err = SubnetError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.trim().split_once('/');
        let parts = parts.and_then(|(a, p)| Some((a.parse().ok()?, p.parse().ok()?)));
        let (address, prefix) = parts.ok_or_else(|| SubnetError::Text(text.to_owned()))?;
        Self::new(address, prefix)
    }
}
