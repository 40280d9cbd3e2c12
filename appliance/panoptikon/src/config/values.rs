//! The types of single settings and how each is read from text.

use std::net::SocketAddr;
use std::path::PathBuf;

use flows::collect::Exporters;
use vyos::client::{Address, Fingerprint};
use web::http::{Guest, Guests, Network};

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
    /// Nobody without an API key.
    Key,
}

/// Where the router's API is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouterApi(pub Address);

impl Default for RouterApi {
    fn default() -> Self {
        Self(Address::Socket("/run/api.sock".into()))
    }
}

/// The port of HTTPS.
const HTTPS: u16 = 443;

/// A unix socket, or an https address.
pub(super) fn router_api(values: &[&str]) -> Result<RouterApi, Refusal> {
    let value = one(values)?;
    let Some(rest) = value.strip_prefix("https://") else {
        return path(values).map(|path| RouterApi(Address::Socket(path)));
    };
    let rest = rest.trim_end_matches('/');
    let bare = rest.trim_start_matches('[').trim_end_matches(']');
    let address = match bare.parse() {
        Ok(ip) => SocketAddr::new(ip, HTTPS),
        Err(_) => rest.parse().map_err(|_| format!("`{value}` is no https address"))?,
    };
    Ok(RouterApi(Address::Https(address)))
}

/// The fingerprint of a certificate, or nothing for empty text.
pub(super) fn fingerprint(values: &[&str]) -> Result<Option<Fingerprint>, Refusal> {
    if is_empty(values) {
        return Ok(None);
    }
    let value = one(values)?;
    value.parse().map(Some).map_err(|why| format!("`{value}` is no fingerprint: {why}"))
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
    let n: u64 = value.parse().map_err(|_| format!("`{value}` is no whole number"))?;
    if (least..=most).contains(&n) { Ok(n) } else { Err(format!("{n} is out of range")) }
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
    if is_empty(values) { Ok(None) } else { path(values).map(Some) }
}

/// An address with a port.
pub(super) fn endpoint(value: &str) -> Result<SocketAddr, Refusal> {
    value.parse().map_err(|_| format!("`{value}` is no address with a port"))
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
    if found.is_empty() { Err("needs at least one address".to_owned()) } else { Ok(found) }
}

/// Endpoints, none twice, or none.
pub(super) fn flow_endpoints(values: &[&str]) -> Result<Vec<SocketAddr>, Refusal> {
    if is_empty(values) { Ok(Vec::new()) } else { endpoints(values) }
}

/// `lan`, `any`, or addresses and networks.
pub(super) fn exporters(values: &[&str]) -> Result<Exporters, Refusal> {
    match values {
        [] | [""] => Err("needs `lan`, `any` or at least one network".to_owned()),
        ["lan"] => Ok(Exporters::Lan),
        ["any"] => Ok(Exporters::Any),
        _ => {
            let read =
                |value: &&str| value.parse().map_err(|error| format!("`{value}` is {error}"));
            values.iter().map(read).collect::<Result<_, _>>().map(Exporters::These)
        }
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
        Err(format!("`{value}` is no loopback address, and plain HTTP goes nowhere else"))
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
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
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
    let read = |value: &&str| value.parse::<Network>().map_err(|e| e.to_string());
    values.iter().map(read).collect()
}

pub(super) fn guests(values: &[&str]) -> Result<Guests, Refusal> {
    if values.is_empty() {
        return Err("needs `private`, `any` or at least one network".to_owned());
    }
    values.iter().map(|value| value.parse::<Guest>().map_err(|e| e.to_string())).collect()
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
            && name.bytes().all(|b| b.is_ascii_graphic() && b != b'/' && b != b':')
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
    fn a_prefix_longer_than_the_address_is_refused() {
        assert!(networks(&["10.0.0.0/8", "::1"]).is_ok());
        for bad in ["10.0.0.0/33", "::/129", "10.0.0.0/", "lan"] {
            assert!(networks(&[bad]).is_err(), "{bad}");
        }
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
        assert_eq!(host_name(&["Router.Home.arpa"]), Ok(Some("router.home.arpa".to_owned())));
        for bad in ["-a", "a..b", "a_b", "a b", ".", "a."] {
            assert!(host_name(&[bad]).is_err(), "{bad}");
        }
    }

    #[test]
    fn exporters_are_a_word_or_networks() {
        assert_eq!(exporters(&["lan"]), Ok(Exporters::Lan));
        assert!(
            matches!(exporters(&["10.0.0.0/8", "::1"]), Ok(Exporters::These(list)) if list.len() == 2)
        );
        for bad in [&["lan", "10.0.0.0/8"][..], &["10.0.0.0/33"], &[""], &[]] {
            assert!(exporters(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn auto_does_not_mix_with_names() {
        assert_eq!(interfaces(&["auto"]), Ok(None));
        assert!(interfaces(&["auto", "eth0"]).is_err());
        assert!(interfaces(&["a-name-far-too-long"]).is_err());
        assert_eq!(interfaces(&["eth1.20"]), Ok(Some(vec!["eth1.20".to_owned()])));
    }
}
