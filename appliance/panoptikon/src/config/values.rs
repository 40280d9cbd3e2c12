//! The types of single settings and how each is read from text.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

/// Why a value is refused, in words that fit after the key's name.
pub(super) type Refusal = String;

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Who may read `/metrics`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MetricsAccess {
    /// Programs on the router itself.
    #[default]
    Loopback,
    /// Any private or link-local address.
    Lan,
    /// Whoever sends the bearer token.
    Token,
    /// Nobody.
    Off,
}

/// A network such as `192.168.1.0/24`, or a single address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    /// Any address in the network.
    pub address: IpAddr,
    /// How many leading bits count: at most 32 for IPv4, 128 for IPv6.
    pub prefix: u8,
}

impl Network {
    /// True when the address lies in this network.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(net), IpAddr::V4(a)) => {
                let mask = u32::MAX
                    .checked_shl(32 - u32::from(self.prefix))
                    .unwrap_or(0);
                Ipv4Addr::to_bits(net) & mask == Ipv4Addr::to_bits(a) & mask
            }
            (IpAddr::V6(net), IpAddr::V6(a)) => {
                let mask = u128::MAX
                    .checked_shl(128 - u32::from(self.prefix))
                    .unwrap_or(0);
                Ipv6Addr::to_bits(net) & mask == Ipv6Addr::to_bits(a) & mask
            }
            _ => false,
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// The single value of a setting that is no list.
pub(super) fn one<'v>(values: &[&'v str]) -> Result<&'v str, Refusal> {
    match values {
        [value] => Ok(value),
        _ => Err("takes exactly one value".to_owned()),
    }
}

/// One of the given words.
pub(super) fn choice<T: Copy>(values: &[&str], words: &[(&str, T)]) -> Result<T, Refusal> {
    let value = one(values)?;
    words
        .iter()
        .find(|(word, _)| *word == value)
        .map(|(_, meaning)| *meaning)
        .ok_or_else(|| format!("`{value}` is not one of them"))
}

/// A whole number between two bounds, both included.
pub(super) fn number(values: &[&str], least: u64, most: u64) -> Result<u64, Refusal> {
    let value = one(values)?;
    let n: u64 = value
        .parse()
        .map_err(|_| format!("`{value}` is no whole number"))?;
    if (least..=most).contains(&n) {
        Ok(n)
    } else {
        Err(format!("{n} is out of range"))
    }
}

/// An absolute path.
pub(super) fn path(values: &[&str]) -> Result<PathBuf, Refusal> {
    let value = one(values)?;
    if value.starts_with('/') {
        Ok(PathBuf::from(value))
    } else {
        Err(format!("`{value}` is no absolute path"))
    }
}

/// An absolute path, or nothing for empty text.
pub(super) fn optional_path(values: &[&str]) -> Result<Option<PathBuf>, Refusal> {
    if is_empty(values) {
        Ok(None)
    } else {
        path(values).map(Some)
    }
}

/// An address with a port.
pub(super) fn endpoint(value: &str) -> Result<SocketAddr, Refusal> {
    value
        .parse()
        .map_err(|_| format!("`{value}` is no address with a port"))
}

/// One endpoint or more, none twice.
pub(super) fn endpoints(values: &[&str]) -> Result<Vec<SocketAddr>, Refusal> {
    let mut found = Vec::new();
    for value in values {
        let endpoint = endpoint(value)?;
        if found.contains(&endpoint) {
            return Err(format!("`{value}` is given twice"));
        }
        found.push(endpoint);
    }
    if found.is_empty() {
        Err("needs at least one address".to_owned())
    } else {
        Ok(found)
    }
}

/// A loopback endpoint, or nothing for empty text.
pub(super) fn loopback(values: &[&str]) -> Result<Option<SocketAddr>, Refusal> {
    if is_empty(values) {
        return Ok(None);
    }
    let value = one(values)?;
    let endpoint = endpoint(value)?;
    if endpoint.ip().is_loopback() {
        Ok(Some(endpoint))
    } else {
        Err(format!(
            "`{value}` is no loopback address, and plain HTTP goes nowhere else"
        ))
    }
}

/// A DNS name of letters, digits, hyphens and dots (RFC 1123, 2.1), or nothing for empty text.
pub(super) fn host_name(values: &[&str]) -> Result<Option<String>, Refusal> {
    if is_empty(values) {
        return Ok(None);
    }
    let value = one(values)?;
    let label_is_fine = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if value.len() <= 253 && value.split('.').all(label_is_fine) {
        Ok(Some(value.to_ascii_lowercase()))
    } else {
        Err(format!("`{value}` is no host name"))
    }
}

/// Addresses and networks.
pub(super) fn networks(values: &[&str]) -> Result<Vec<Network>, Refusal> {
    values.iter().map(|value| network(value)).collect()
}

fn network(value: &str) -> Result<Network, Refusal> {
    let refused = || format!("`{value}` is neither an address nor a network");
    let (address, prefix) = match value.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (value, None),
    };
    let address: IpAddr = address.parse().map_err(|_| refused())?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let prefix = match prefix {
        None => most,
        Some(text) => text
            .parse()
            .ok()
            .filter(|p| *p <= most)
            .ok_or_else(refused)?,
    };
    Ok(Network { address, prefix })
}

/// `auto`, or names of interfaces.
pub(super) fn interfaces(values: &[&str]) -> Result<Option<Vec<String>>, Refusal> {
    match values {
        [] => Err("needs `auto` or at least one name".to_owned()),
        ["auto"] => Ok(None),
        _ if values.contains(&"auto") => Err("`auto` stands alone".to_owned()),
        _ => interface_names(values).map(Some),
    }
}

/// Names that the kernel accepts for an interface: 1 to 15 bytes, no slash, no white space.
pub(super) fn interface_names(values: &[&str]) -> Result<Vec<String>, Refusal> {
    let is_fine = |name: &str| {
        (1..=15).contains(&name.len())
            && name != "."
            && name != ".."
            && name
                .bytes()
                .all(|b| b.is_ascii_graphic() && b != b'/' && b != b':')
    };
    match values.iter().find(|name| !is_fine(name)) {
        Some(name) => Err(format!("`{name}` is no interface name")),
        None => Ok(values.iter().map(ToString::to_string).collect()),
    }
}

fn is_empty(values: &[&str]) -> bool {
    matches!(values, [] | [""])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_contains_what_shares_its_prefix() {
        let net = network("192.168.1.0/24").unwrap();
        assert!(net.contains("192.168.1.77".parse().unwrap()));
        assert!(!net.contains("192.168.2.1".parse().unwrap()));
        assert!(!net.contains("::1".parse().unwrap()));
        let all = network("::/0").unwrap();
        assert!(all.contains("2001:db8::1".parse().unwrap()));
        let single = network("10.0.0.1").unwrap();
        assert!(single.contains("10.0.0.1".parse().unwrap()));
        assert!(!single.contains("10.0.0.2".parse().unwrap()));
    }

    #[test]
    fn a_prefix_longer_than_the_address_is_refused() {
        assert!(network("10.0.0.0/33").is_err());
        assert!(network("::/129").is_err());
        assert!(network("10.0.0.0/").is_err());
    }

    #[test]
    fn plain_http_stays_on_loopback() {
        assert!(loopback(&["127.0.0.1:8080"]).is_ok());
        assert!(loopback(&["[::1]:8080"]).is_ok());
        assert!(loopback(&["0.0.0.0:8080"]).is_err());
        assert!(loopback(&["192.168.1.1:8080"]).is_err());
        assert_eq!(loopback(&[""]), Ok(None));
    }

    #[test]
    fn host_names_follow_rfc_1123() {
        assert_eq!(
            host_name(&["Router.Home.arpa"]),
            Ok(Some("router.home.arpa".to_owned()))
        );
        for bad in ["-a", "a..b", "a_b", "a b", ".", "a."] {
            assert!(host_name(&[bad]).is_err(), "{bad}");
        }
    }

    #[test]
    fn auto_does_not_mix_with_names() {
        assert_eq!(interfaces(&["auto"]), Ok(None));
        assert!(interfaces(&["auto", "eth0"]).is_err());
        assert!(interfaces(&["a-name-far-too-long"]).is_err());
        assert_eq!(
            interfaces(&["eth1.20"]),
            Ok(Some(vec!["eth1.20".to_owned()]))
        );
    }
}
