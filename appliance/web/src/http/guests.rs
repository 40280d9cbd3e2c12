//! Who may connect at all, before anything is said.

use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use super::{Network, ParseNetworkError};

/// Whose connections are taken; by itself nobody's but the router's own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Guests {
    everybody: bool,
    private: bool,
    networks: Vec<Network>,
}

/// One entry of a list of guests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guest {
    /// Everybody.
    Any,
    /// Private addresses, and those of the networks that the router's LAN interfaces are on.
    Private,
    /// An address range.
    Network(Network),
}

impl FromStr for Guest {
    type Err = ParseNetworkError;

    fn from_str(text: &str) -> Result<Self, ParseNetworkError> {
        match text {
            "any" => Ok(Self::Any),
            "private" => Ok(Self::Private),
            range => range.parse().map(Self::Network),
        }
    }
}

impl FromIterator<Guest> for Guests {
    fn from_iter<I: IntoIterator<Item = Guest>>(all: I) -> Self {
        let mut guests = Self::default();
        for guest in all {
            match guest {
                Guest::Any => guests.everybody = true,
                Guest::Private => guests.private = true,
                Guest::Network(range) => guests.networks.push(range),
            }
        }
        guests
    }
}

impl Guests {
    /// Whether a connection from this address is taken. `on_lan` knows the networks of the LAN
    /// interfaces, whose addresses need not be private.
    pub fn admit(&self, address: IpAddr, on_lan: impl FnOnce(IpAddr) -> bool) -> bool {
        let address = address.to_canonical();
        self.everybody
            || address.is_loopback()
            || self.private && (is_private(address) || on_lan(address))
            || self.networks.iter().any(|range| range.contains(address))
    }
}

/// RFC 1918, RFC 3927, RFC 4193, RFC 4291 (link-local).
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(ip) => ip.is_private() || ip.is_link_local(),
        IpAddr::V6(ip) => Ipv6Addr::is_unique_local(&ip) || ip.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guests(list: &[&str]) -> Guests {
        list.iter().map(|text| text.parse::<Guest>().expect("a guest")).collect()
    }

    fn admitted(list: &[&str], address: &str) -> bool {
        let lan: Network = "2001:db8:1::/64".parse().expect("a network");
        guests(list).admit(address.parse().expect("an address"), |ip| lan.contains(ip))
    }

    #[test]
    fn the_internet_stays_outside_unless_it_is_asked_in() {
        for inside in ["127.0.0.1", "192.168.1.7", "10.8.0.2", "172.16.0.1", "::1", "fd00::7"] {
            assert!(admitted(&["private"], inside), "{inside}");
        }
        for inside in ["fe80::1", "2001:db8:1::7", "::ffff:192.168.1.7", "169.254.3.4"] {
            assert!(admitted(&["private"], inside), "{inside}");
        }
        for outside in ["203.0.113.9", "100.64.0.1", "2001:db8:2::7", "::ffff:203.0.113.9"] {
            assert!(!admitted(&["private"], outside), "{outside}");
            assert!(admitted(&["any"], outside), "{outside}");
        }
        assert!(admitted(&["private", "203.0.113.0/24"], "203.0.113.9"));
        assert!(!admitted(&["203.0.113.0/24"], "192.168.1.7"));
    }

    #[test]
    fn the_router_itself_is_never_locked_out() {
        assert!(admitted(&[], "127.0.0.1") && admitted(&["203.0.113.9"], "::1"));
    }
}
