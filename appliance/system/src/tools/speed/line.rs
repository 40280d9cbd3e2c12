//! Whose line it is: by what the server of a test tells, and by the name of the address. Pure.

use std::net::IpAddr;

use hyper::HeaderMap;

use crate::tools::DnsRecord;

/// Headers in which servers tell who asks them; those of Cloudflare's, and a common one.
const ADDRESS: [&str; 2] = ["cf-meta-ip", "x-your-ip"];
/// The number of the network that this address is in (RFC 6793).
const NETWORK: &str = "cf-meta-asn";
/// The longest name that is kept.
const LONGEST: usize = 253;

/// What a server tells of the one who asks it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) seen_as: Option<IpAddr>,
    pub(super) network: Option<u32>,
}

impl Told {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
        Self {
            seen_as: ADDRESS.iter().find_map(|name| text(name)?.parse().ok()),
            network: text(NETWORK).and_then(|text| text.parse().ok()).filter(|n| *n > 0),
        }
    }
}

/// Whether an address is one of the Internet, so that others can be asked what it is called.
pub(super) fn is_public(ip: &IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, ..] = ip.octets();
            let shared = a == 100 && b & 0xc0 == 64;
            let special = ip.is_private() || ip.is_link_local() || ip.is_loopback();
            !(special || shared || ip.is_documentation() || a == 0 || a >= 224)
        }
        IpAddr::V6(ip) => {
            let [a, b, ..] = ip.segments();
            a & 0xe000 == 0x2000 && (a, b) != (0x2001, 0xdb8)
        }
    }
}

/// The name in an answer about an address.
pub(super) fn name_in(records: &[DnsRecord]) -> Option<String> {
    let found = records.iter().find(|record| record.kind == "PTR")?;
    let name = found.value.trim_end_matches('.');
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    let holds = !name.is_empty() && name.len() <= LONGEST && name.chars().all(plain);
    holds.then(|| name.to_ascii_lowercase())
}

/// The provider's domain in the name of a line, as `provider.example` in
/// `cable-7-1.dyn.provider.example`. Domains of countries often have one level more (`co.uk`).
pub fn provider_in(name: &str) -> Option<&str> {
    let dots: Vec<usize> = name.rmatch_indices('.').map(|(at, _)| at).collect();
    let label = |from: usize, to: usize| name.get(from..to).unwrap_or_default();
    let last = dots.first()?;
    let second = dots.get(1);
    let is_country = name.len() - last - 1 == 2;
    let middle = label(second.map_or(0, |at| at + 1), *last);
    let generic = ["co", "com", "net", "org", "ac", "gov", "edu", "or", "ne", "ad", "go"];
    let start = if is_country && generic.contains(&middle) {
        dots.get(2).map_or(0, |at| at + 1)
    } else {
        second.map_or(0, |at| at + 1)
    };
    name.get(start..).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_tells_who_asks_it() {
        let mut headers = HeaderMap::new();
        assert_eq!(Told::of(&headers), Told::default());
        headers.insert("cf-meta-ip", "203.0.113.9".parse().unwrap());
        headers.insert("cf-meta-asn", "64500".parse().unwrap());
        let told = Told::of(&headers);
        assert_eq!((told.seen_as, told.network), ("203.0.113.9".parse().ok(), Some(64_500)));
        headers.insert("cf-meta-ip", "<script>".parse().unwrap());
        assert_eq!(Told::of(&headers).seen_as, None);
    }

    #[test]
    fn only_addresses_of_the_internet_are_asked_about() {
        for (ip, public) in [
            ("8.8.8.8", true),
            ("2606:4700::1111", true),
            ("192.168.1.1", false),
            ("100.64.0.1", false),
            ("203.0.113.9", false),
            ("127.0.0.1", false),
            ("fd00::1", false),
            ("2001:db8::1", false),
        ] {
            assert_eq!(is_public(&ip.parse().unwrap()), public, "{ip}");
        }
    }

    #[test]
    fn the_provider_is_the_domain_of_the_name() {
        let record = |kind: &str, value: &str| DnsRecord {
            name: "9.113.0.203.in-addr.arpa.".to_owned(),
            kind: kind.to_owned(),
            ttl: 60,
            value: value.to_owned(),
        };
        let name = name_in(&[record("CNAME", "x."), record("PTR", "C-7.dyn.Provider.example.")]);
        assert_eq!(name.as_deref(), Some("c-7.dyn.provider.example"));
        assert_eq!(name_in(&[record("PTR", "<b>.example.")]), None);
        for (name, provider) in [
            ("c-7.dyn.provider.example", Some("provider.example")),
            ("a.b.provider.co.uk", Some("provider.co.uk")),
            ("cable.provider.nl", Some("provider.nl")),
            ("provider.example", Some("provider.example")),
            ("localhost", None),
            ("", None),
        ] {
            assert_eq!(provider_in(name), provider, "{name}");
        }
    }
}
