//! The name a device is shown under.
//!
//! In: the names it has from all sources. Out: a clean host name, and the one name for people.

use super::identity::DeviceType;

/// Suffixes that home networks put behind every name.
const LOCAL_DOMAINS: &[&str] = &[
    ".local",
    ".lan",
    ".home",
    ".home.arpa",
    ".internal",
    ".localdomain",
    ".fritz.box",
    ".mshome.net",
    ".intranet",
    ".localnet",
    ".speedport.ip",
    ".router",
    ".private",
];

/// Names that name nothing.
const JUNK: &[&str] = &[
    "localhost",
    "localhost.localdomain",
    "localhost4",
    "localhost6",
    "none",
    "(none)",
    "null",
    "(null)",
    "nil",
    "undefined",
    "unknown",
    "unnamed",
    "default",
    "n/a",
    "*",
    "-",
    "?",
    "host",
    "hostname",
    "dhcp-client",
    "ip6-localhost",
    "broadcasthost",
    "workgroup",
];

/// Longest host name (RFC 1123, section 2.1).
const MAX_HOSTNAME: usize = 253;

/// A host name without domain of the house, trailing dot and quotes.
///
/// `None` for what names nothing: `localhost`, `(none)`, `*`, numbers, addresses, and names that
/// only repeat a MAC address.
pub fn clean_hostname(name: &str) -> Option<String> {
    let mut name: String = name.chars().filter(|c| !model::is_hidden(*c)).collect();
    loop {
        let before = name.len();
        let bare = name.trim().trim_matches(['"', '\'', '`']).trim_end_matches('.');
        name = String::from(bare);
        let lower = name.to_ascii_lowercase();
        if let Some(domain) = LOCAL_DOMAINS.iter().find(|domain| lower.ends_with(*domain)) {
            name.truncate(name.len() - domain.len());
        }
        if name.len() == before {
            break;
        }
    }
    let lower = name.to_ascii_lowercase();
    if name.is_empty() || name.len() > MAX_HOSTNAME || JUNK.contains(&lower.as_str()) {
        return None;
    }
    let mut letters = name.chars().filter(|c| c.is_alphanumeric());
    if letters.clone().next().is_none() || letters.all(char::is_numeric) {
        return None;
    }
    if is_address_like(&lower) || name.parse::<std::net::IpAddr>().is_ok() {
        return None;
    }
    Some(name)
}

/// Twelve hex digits with or without separators, or an address spelled as a name such as
/// `dhcp-192-168-1-20`.
fn is_address_like(lower: &str) -> bool {
    let digits: String = lower.chars().filter(|c| !matches!(c, ':' | '-' | '.' | '_')).collect();
    let mac = digits.len() == 12
        && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
        && digits.bytes().any(|byte| byte.is_ascii_digit());
    let rest = ["dhcp-", "ip-", "host-", "client-"]
        .iter()
        .find_map(|prefix| lower.strip_prefix(prefix))
        .unwrap_or(lower);
    let parts: Vec<_> = rest.split(['-', '.']).collect();
    let v4 = parts.len() == 4 && parts.iter().all(|part| part.parse::<u8>().is_ok());
    mac || v4
}

/// All the names that a device has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Names<'a> {
    /// The name that a person gave it.
    pub custom: Option<&'a str>,
    /// DHCP option 12, or the name of its lease.
    pub dhcp: Option<&'a str>,
    /// mDNS instance name or the TXT key `fn`, such as `Living Room TV`.
    pub mdns: Option<&'a str>,
    /// Reverse DNS.
    pub ptr: Option<&'a str>,
    /// `NetBIOS` or LLMNR.
    pub netbios: Option<&'a str>,
    /// The brand from its identity.
    pub brand: Option<&'a str>,
    /// The vendor of its MAC prefix.
    pub vendor: Option<&'a str>,
    /// The type from its identity.
    pub device_type: Option<DeviceType>,
}

/// The best name there is: a person's, then DHCP, mDNS, PTR, `NetBIOS`, and at last who made it
/// and what it is, such as `Apple phone` or `Espressif device`.
pub fn display_name(names: &Names<'_>) -> String {
    let custom = names.custom.map(str::trim).filter(|name| !name.is_empty()).map(Into::into);
    custom
        .or_else(|| names.dhcp.and_then(clean_hostname))
        .or_else(|| names.mdns.and_then(instance_name))
        .or_else(|| names.ptr.and_then(clean_hostname))
        .or_else(|| names.netbios.and_then(clean_hostname))
        .unwrap_or_else(|| wording(names))
}

/// An instance name without the service behind it and the address that some put before it
/// (`F0989D123456@Kitchen` of `AirPlay`).
fn instance_name(name: &str) -> Option<String> {
    let name = name.split("._").next().unwrap_or(name);
    let name = match name.split_once('@') {
        Some((id, rest)) if id.len() == 12 && id.bytes().all(|b| b.is_ascii_hexdigit()) => rest,
        _ => name,
    };
    clean_hostname(name)
}

fn wording(names: &Names<'_>) -> String {
    let kind = names.device_type.map(DeviceType::for_people);
    let maker = names.brand.or(names.vendor).map(str::trim).filter(|maker| !maker.is_empty());
    match (maker, kind) {
        (Some(maker), kind) => format!("{maker} {}", kind.unwrap_or("device")),
        (None, Some(kind)) => {
            let mut letters = kind.chars();
            letters
                .next()
                .map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
        }
        (None, None) => "Unknown device".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_lose_what_the_house_put_behind_them() {
        for (name, expected) in [
            ("Johns-iPhone.local.", "Johns-iPhone"),
            ("nas.lan", "nas"),
            ("\"printer\"", "printer"),
            ("tv.fritz.box", "tv"),
            ("fritz.box", "fritz.box"),
            ("host1.example.com.", "host1.example.com"),
            (" Küche ", "Küche"),
            ("DESKTOP-4F7G2K1", "DESKTOP-4F7G2K1"),
            ("deadbeefcafe", "deadbeefcafe"),
            ("ESP_A1B2C3", "ESP_A1B2C3"),
        ] {
            assert_eq!(clean_hostname(name).as_deref(), Some(expected), "{name}");
        }
    }

    #[test]
    fn what_names_nothing_is_no_name() {
        for name in [
            "",
            " ",
            "localhost",
            "LOCALHOST.localdomain",
            "(none)",
            "*",
            "12345",
            "1-2",
            "...",
            "a0:b1:c2:d3:e4:f5",
            "a0b1c2d3e4f5",
            "A0-B1-C2-D3-E4-F5",
            "192.168.1.20",
            "192-168-1-20",
            "dhcp-192-168-1-20",
            "fe80::1",
            "null",
            ".local",
            "\u{7}",
        ] {
            assert_eq!(clean_hostname(name), None, "{name}");
        }
    }

    #[test]
    fn the_best_name_is_shown() {
        let all = Names {
            custom: Some("Grandma's TV"),
            dhcp: Some("bravia-55"),
            mdns: Some("Living Room TV"),
            ptr: Some("tv.lan"),
            netbios: Some("TV"),
            brand: Some("Sony"),
            vendor: Some("Hon Hai Precision Ind"),
            device_type: Some(DeviceType::Tv),
        };
        let mut names = all;
        assert_eq!(display_name(&names), "Grandma's TV");
        names.custom = Some(" ");
        assert_eq!(display_name(&names), "bravia-55");
        names.dhcp = Some("localhost");
        assert_eq!(display_name(&names), "Living Room TV");
        names.mdns = Some("F0989D123456@Kitchen._raop._tcp.local");
        assert_eq!(display_name(&names), "Kitchen");
        names.mdns = None;
        assert_eq!(display_name(&names), "tv");
        names.ptr = Some("192-168-1-7.lan");
        assert_eq!(display_name(&names), "TV");
        names.netbios = None;
        assert_eq!(display_name(&names), "Sony TV");
        names.brand = None;
        names.device_type = None;
        assert_eq!(display_name(&names), "Hon Hai Precision Ind device");
        names.vendor = None;
        assert_eq!(display_name(&names), "Unknown device");
        names.device_type = Some(DeviceType::Phone);
        assert_eq!(display_name(&names), "Phone");
    }

    proptest! {
        #[test]
        fn a_clean_name_stays_as_it_is(name: String) {
            if let Some(clean) = clean_hostname(&name) {
                prop_assert!(!clean.chars().any(char::is_control));
                prop_assert_eq!(clean_hostname(&clean), Some(clean.clone()));
            }
        }

        #[test]
        fn a_device_always_has_a_name(
            dhcp: Option<String>, mdns: Option<String>, vendor: Option<String>,
        ) {
            let names = Names {
                dhcp: dhcp.as_deref(),
                mdns: mdns.as_deref(),
                vendor: vendor.as_deref(),
                ..Names::default()
            };
            prop_assert!(!display_name(&names).trim().is_empty());
        }
    }
}
