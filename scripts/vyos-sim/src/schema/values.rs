//! Which values a setting takes.
//!
//! A check is a list of alternatives between `|`: words in braces, a number or a range of numbers,
//! or one of the names below. What a failed one prints is what the routers' validators print.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// One way in which a value may be right.
#[derive(Debug, Clone)]
enum Way {
    Words(Vec<String>),
    Range(u64, u64),
    Named(&'static str),
}

/// All ways in which a value may be right; without any, every value is.
#[derive(Debug, Clone, Default)]
pub(super) struct Check(Vec<Way>);

const NAMES: [&str; 28] = [
    "any4",
    "any6",
    "cidr",
    "cidr4",
    "cidr6",
    "dhcp-name",
    "fqdn",
    "group",
    "host",
    "host-name",
    "ip",
    "ip4",
    "ip6",
    "key32",
    "mac",
    "note",
    "notmac",
    "notnet",
    "onoff",
    "port",
    "ports",
    "protocol",
    "range4",
    "range6",
    "ranges",
    "user",
    "zone",
    "",
];

impl Check {
    pub(super) fn read(text: &str) -> Self {
        Self(text.split('|').filter_map(way).collect())
    }

    #[cfg(test)]
    pub(super) fn is_known(text: &str) -> bool {
        text.split('|').all(|one| one.is_empty() || way(one).is_some())
    }

    /// Passes, or fails with what is printed before "Value validation failed".
    pub(super) fn test(&self, value: &str) -> Result<(), String> {
        if self.0.is_empty() || self.0.iter().any(|way| way.takes(value)) {
            return Ok(());
        }
        // Programs that check print first; patterns print nothing.
        let (mut out, mut programs, mut message) = (String::new(), false, "Invalid value");
        for way in &self.0 {
            match way {
                Way::Range(..) => {
                    let said = "Number is not in any of allowed ranges";
                    if !out.contains(said) {
                        out.push_str(said);
                    }
                    programs = true;
                }
                Way::Named("note") => message = "Description too long (limit 255 characters)",
                Way::Named("group") => {
                    message = "Name of firewall group can only contain alphanumeric letters, \
                               hyphen, underscores and dot";
                }
                Way::Words(_)
                | Way::Named("host-name" | "fqdn" | "user" | "dhcp-name" | "onoff") => {}
                Way::Named(name) => {
                    programs = true;
                    let what = match *name {
                        "host" => "IP host",
                        "ip" => "IP address",
                        "ip4" => "IPv4 address",
                        "ip6" => "IPv6 address",
                        "cidr" => "IP prefix",
                        "cidr4" => "IPv4 prefix",
                        "cidr6" => "IPv6 prefix",
                        _ => continue,
                    };
                    let _ = write!(out, "Error: {value} is not a valid {what}");
                }
            }
        }
        if programs {
            out.push_str("\n\n");
        }
        Err(format!("{out}\n\n{message}\n"))
    }
}

fn way(text: &str) -> Option<Way> {
    if let Some(words) = text.strip_prefix('{') {
        let words = words.trim_end_matches('}').split(',').map(str::to_owned).collect();
        return Some(Way::Words(words));
    }
    let numbers = text.split_once('-').unwrap_or((text, text));
    if let (Ok(from), Ok(to)) = (numbers.0.parse(), numbers.1.parse()) {
        return Some(Way::Range(from, to));
    }
    let name = NAMES.into_iter().find(|name| *name == text && !name.is_empty())?;
    Some(Way::Named(name))
}

impl Way {
    fn takes(&self, value: &str) -> bool {
        match self {
            Self::Words(words) => words.iter().any(|word| word == value),
            Self::Range(from, to) => number(value).is_some_and(|n| (*from..=*to).contains(&n)),
            Self::Named(name) => named(name, value),
        }
    }
}

fn named(name: &str, value: &str) -> bool {
    let plain = value.strip_prefix('!').unwrap_or(value);
    match name {
        "ip" => value.parse::<IpAddr>().is_ok(),
        "ip4" => value.parse::<Ipv4Addr>().is_ok(),
        "ip6" => value.parse::<Ipv6Addr>().is_ok(),
        "cidr" => net(value).is_some(),
        "cidr4" => net(value).is_some_and(|(ip, _)| ip.is_ipv4()),
        "cidr6" => net(value).is_some_and(|(ip, _)| ip.is_ipv6()),
        // An address of this host with the length of its network.
        "host" => split(value).is_some(),
        "any4" => plain.parse::<Ipv4Addr>().is_ok() || named("cidr4", plain),
        "any6" => plain.parse::<Ipv6Addr>().is_ok() || named("cidr6", plain),
        "notnet" => named("any4", value) || named("any6", value),
        "range4" => between::<Ipv4Addr>(plain),
        "range6" => between::<Ipv6Addr>(plain),
        "mac" => mac(value),
        "notmac" => mac(plain),
        "note" => value.chars().count() <= 255,
        "onoff" => matches!(value, "enable" | "disable"),
        "port" => ranges(value, 1) || word(value, "_-"),
        "ports" => plain.split(',').all(|one| named("port", one)),
        "ranges" => value.split(',').all(|one| ranges(one.trim_start_matches('!'), 0)),
        "protocol" => word(plain, "_-"),
        "group" => word(value, "_-."),
        "dhcp-name" => word(value, "_-.") && value.len() <= 63,
        "user" => word(value, "_-.") && value.len() <= 100,
        "host-name" => {
            let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
            value.len() <= 63
                && word(value, "-.")
                && edge(value.chars().next())
                && edge(value.chars().next_back())
        }
        "fqdn" => word(value, "-._"),
        "zone" => word(value, "/_-+"),
        "key32" => value.len() == 44 && value.ends_with('=') && word(value, "+/="),
        _ => true,
    }
}

fn word(value: &str, also: &str) -> bool {
    !value.is_empty() && value.chars().all(|c| c.is_ascii_alphanumeric() || also.contains(c))
}

fn number(value: &str) -> Option<u64> {
    value.bytes().all(|b| b.is_ascii_digit()).then(|| value.parse().ok()).flatten()
}

fn ranges(value: &str, least: u64) -> bool {
    let fits = |n: &u64| (least..=65535).contains(n);
    match value.split_once('-') {
        Some((from, to)) => {
            let (from, to) = (number(from).filter(fits), number(to).filter(fits));
            from.zip(to).is_some_and(|(from, to)| from <= to)
        }
        None => number(value).as_ref().is_some_and(fits),
    }
}

fn mac(value: &str) -> bool {
    let octet = |part: &str| part.len() == 2 && part.bytes().all(|b| b.is_ascii_hexdigit());
    value.split(':').count() == 6 && value.split(':').all(octet)
}

fn between<T: std::str::FromStr + PartialOrd>(value: &str) -> bool {
    let ends = value.split_once('-').and_then(|(a, b)| a.parse::<T>().ok().zip(b.parse().ok()));
    ends.is_some_and(|(from, to)| from <= to)
}

/// An address and the length of a network.
fn split(value: &str) -> Option<(IpAddr, u8)> {
    let (ip, length) = value.split_once('/')?;
    let ip: IpAddr = ip.parse().ok()?;
    let length = u8::try_from(number(length)?).ok()?;
    (length <= if ip.is_ipv4() { 32 } else { 128 }).then_some((ip, length))
}

/// The same, with nothing behind the network's part.
fn net(value: &str) -> Option<(IpAddr, u8)> {
    let (ip, length) = split(value)?;
    let rest = match ip {
        IpAddr::V4(ip) => u128::from(ip.to_bits().checked_shl(length.into()).unwrap_or(0)),
        IpAddr::V6(ip) => ip.to_bits().checked_shl(length.into()).unwrap_or(0),
    };
    (rest == 0).then_some((ip, length))
}

/// Whether an address lies in a network.
pub(crate) fn within(ip: &str, network: &str) -> bool {
    match (ip.parse(), split(network)) {
        (Ok(IpAddr::V4(ip)), Some((IpAddr::V4(net), length))) => {
            (ip.to_bits() ^ net.to_bits()).checked_shr(32 - u32::from(length)).unwrap_or(0) == 0
        }
        (Ok(IpAddr::V6(ip)), Some((IpAddr::V6(net), length))) => {
            (ip.to_bits() ^ net.to_bits()).checked_shr(128 - u32::from(length)).unwrap_or(0) == 0
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_pass_or_fail_with_the_routers_own_words() {
        let failed = |check, value| Check::read(check).test(value).unwrap_err();
        assert_eq!(
            failed("host|{dhcp,dhcpv6}", "not-an-ip"),
            "Error: not-an-ip is not a valid IP host\n\n\n\nInvalid value\n"
        );
        assert_eq!(failed("mac", "zz:00:00:00:10:30"), "\n\n\n\nInvalid value\n");
        assert_eq!(failed("host-name", "under_score"), "\n\nInvalid value\n");
        assert!(Check::read("host|{dhcp,dhcpv6}").test("dhcp").is_ok());
        assert!(Check::read("cidr4").test("192.168.1.0/24").is_ok());
        assert!(Check::read("cidr4").test("192.168.1.1/24").is_err());
        assert!(Check::read("cidr").test("0.0.0.0/0").is_ok());
        assert!(Check::read("ports").test("!22,80-90,https").is_ok());
        assert!(Check::read("0|10-20").test("21").is_err());
    }

    #[test]
    fn an_address_is_in_its_network() {
        assert!(within("192.168.1.7", "192.168.1.0/24"));
        assert!(!within("192.168.2.7", "192.168.1.0/24"));
        assert!(within("10.1.1.1", "0.0.0.0/0"));
        assert!(within("2001:db8::1", "2001:db8::/64"));
    }
}
