//! Who is at the other end: the TCP peer, or whom a trusted proxy speaks for.

use std::convert::Infallible;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;
use std::sync::{PoisonError, RwLock};

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;

/// The TCP peer of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// Its address; IPv4 is never written as IPv6.
    pub address: SocketAddr,
    /// Whether it came through TLS.
    pub tls: bool,
    /// The address of ours that it speaks to.
    pub local: Option<IpAddr>,
}

/// Whom a request is from; an extractor for handlers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Client {
    /// The person's address: the peer, or what a trusted proxy says.
    pub address: IpAddr,
    /// Whether the browser's side is HTTPS; `None` when a trusted proxy does not say.
    pub secure: Option<bool>,
}

impl<S: Sync> FromRequestParts<S> for Client {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        // The front door always sets it; the unspecified address trusts nobody.
        let nobody = Self { address: IpAddr::V4(Ipv4Addr::UNSPECIFIED), secure: Some(false) };
        Ok(parts.extensions.get().copied().unwrap_or(nobody))
    }
}

/// An address range such as `10.0.0.0/8`; a bare address is a range of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    base: IpAddr,
    prefix: u8,
}

impl Network {
    /// Whether the address lies within.
    pub fn contains(&self, address: IpAddr) -> bool {
        let shared = match (self.base, address.to_canonical()) {
            (IpAddr::V4(a), IpAddr::V4(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros(),
            (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros(),
            _ => return false,
        };
        shared >= u32::from(self.prefix)
    }
}

/// The text names no address range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no address range: give an address or a range such as 192.168.1.0/24")]
pub struct ParseNetworkError(String);

impl FromStr for Network {
    type Err = ParseNetworkError;

    fn from_str(text: &str) -> Result<Self, ParseNetworkError> {
        let fail = || ParseNetworkError(text.chars().take(64).collect());
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let base: IpAddr = address.parse().map_err(|_| fail())?;
        let most = if base.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Ok(most), str::parse).map_err(|_| fail())?;
        if prefix > most {
            return Err(fail());
        }
        Ok(Self { base, prefix })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.base, self.prefix)
    }
}

/// The proxies whose word about the client counts, which may change while the program runs. Empty by
/// default.
#[derive(Debug, Default)]
pub struct Proxies(RwLock<Vec<Network>>);

impl Proxies {
    /// Trusts these.
    pub fn new(networks: Vec<Network>) -> Self {
        Self(RwLock::new(networks))
    }

    /// Trusts these from now on, and no others.
    pub fn set(&self, networks: Vec<Network>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = networks;
    }

    /// Whether this peer's headers count.
    pub fn trusts(&self, peer: IpAddr) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).iter().any(|n| n.contains(peer))
    }

    /// Whom a request is from. Only a trusted peer's `X-Forwarded-For` is read, from the right,
    /// and only as far as trusted proxies wrote it; the rest could be anybody's invention.
    pub fn client(&self, peer: Peer, headers: &HeaderMap) -> Client {
        let address = peer.address.ip();
        if !self.trusts(address) {
            return Client { address, secure: Some(peer.tls) };
        }
        let mut client = address;
        let hops = headers.get_all("x-forwarded-for").iter().rev();
        let hops = hops.filter_map(|v| v.to_str().ok()).flat_map(|v| v.rsplit(','));
        for hop in hops {
            let Some(hop) = parse_hop(hop.trim()) else {
                break;
            };
            client = hop;
            if !self.trusts(hop) {
                break;
            }
        }
        let proto = headers.get("x-forwarded-proto").and_then(|v| v.to_str().ok());
        Client { address: client, secure: proto.map(|p| p.trim().eq_ignore_ascii_case("https")) }
    }
}

/// An address as proxies write it: bare, in brackets, or with a port.
fn parse_hop(hop: &str) -> Option<IpAddr> {
    let address = hop.parse::<IpAddr>().ok();
    let address = address.or_else(|| hop.parse::<SocketAddr>().ok().map(|s| s.ip()));
    let bare = || hop.strip_prefix('[')?.strip_suffix(']')?.parse::<IpAddr>().ok();
    address.or_else(bare).map(|a| a.to_canonical())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn peer(address: &str) -> Peer {
        Peer { address: SocketAddr::new(address.parse().unwrap(), 4000), tls: false, local: None }
    }

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        lines.iter().map(|(n, v)| (n.parse().unwrap(), v.parse().unwrap())).collect()
    }

    fn proxies() -> Proxies {
        Proxies::new(vec!["127.0.0.1".parse().unwrap(), "10.0.0.0/8".parse().unwrap()])
    }

    #[test]
    fn a_strangers_forwarding_header_is_ignored() {
        let client =
            proxies().client(peer("192.0.2.7"), &headers(&[("x-forwarded-for", "1.2.3.4")]));
        assert_eq!(client.address.to_string(), "192.0.2.7");
        assert_eq!(client.secure, Some(false));
    }

    #[test]
    fn a_proxy_that_is_trusted_no_longer_is_a_stranger() {
        let proxies = proxies();
        proxies.set(vec!["192.0.2.7".parse().unwrap()]);
        assert!(!proxies.trusts("10.1.1.1".parse().unwrap()));
        assert!(proxies.trusts("192.0.2.7".parse().unwrap()));
    }

    #[test]
    fn a_trusted_proxy_names_the_client_and_an_invented_head_of_the_list_does_not_count() {
        let given = headers(&[
            ("x-forwarded-for", "6.6.6.6, 192.0.2.9"),
            ("x-forwarded-for", "10.1.1.1"),
            ("x-forwarded-proto", "https"),
        ]);
        let client = proxies().client(peer("127.0.0.1"), &given);
        assert_eq!(client.address.to_string(), "192.0.2.9");
        assert_eq!(client.secure, Some(true));
    }

    #[test]
    fn a_proxy_that_says_nothing_or_nonsense_is_itself_the_client() {
        for text in ["", "unknown", "1.2.3.4.5"] {
            let client = proxies().client(peer("10.0.0.1"), &headers(&[("x-forwarded-for", text)]));
            assert_eq!(client.address.to_string(), "10.0.0.1");
        }
        let ported = headers(&[("x-forwarded-for", "[2001:db8::1]:443")]);
        assert_eq!(proxies().client(peer("10.0.0.1"), &ported).address.to_string(), "2001:db8::1");
    }

    #[test]
    fn ranges_hold_what_they_say() {
        let inside = |n: &str, a: &str| n.parse::<Network>().unwrap().contains(a.parse().unwrap());
        assert!(inside("192.168.0.0/16", "192.168.200.1"));
        assert!(!inside("192.168.0.0/16", "192.169.0.1"));
        assert!(inside("0.0.0.0/0", "8.8.8.8") && !inside("0.0.0.0/0", "::1"));
        assert!(inside("fe80::/10", "febf::1") && !inside("fe80::/10", "fec0::1"));
        for bad in ["", "10.0.0.0/33", "10.0.0/8", "a/8", "10.0.0.0/8/8", "::/129"] {
            assert!(bad.parse::<Network>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_header_panics(text in "[ -~]{0,60}") {
            let _ = proxies().client(peer("10.0.0.1"), &headers(&[("x-forwarded-for", &text)]));
        }
    }
}
