//! Addresses, prefixes, ranges and ports as configurations write them.

use std::net::IpAddr;

/// The lowest and highest address of `192.0.2.1`, `192.0.2.0/24` or `192.0.2.1-192.0.2.9`.
pub fn span(text: &str) -> Option<(IpAddr, IpAddr)> {
    if let Some((low, high)) = text.split_once('-') {
        let (low, high): (IpAddr, IpAddr) = (low.parse().ok()?, high.parse().ok()?);
        return (low.is_ipv4() == high.is_ipv4() && low <= high).then_some((low, high));
    }
    let Some((address, length)) = text.split_once('/') else {
        let address = text.parse().ok()?;
        return Some((address, address));
    };
    let length: u32 = length.parse().ok()?;
    match address.parse().ok()? {
        IpAddr::V4(address) => {
            let host = u32::MAX.checked_shr(length).unwrap_or(0);
            let low = address.to_bits() & !host;
            (length <= 32).then(|| (IpAddr::V4(low.into()), IpAddr::V4((low | host).into())))
        }
        IpAddr::V6(address) => {
            let host = u128::MAX.checked_shr(length).unwrap_or(0);
            let low = address.to_bits() & !host;
            (length <= 128).then(|| (IpAddr::V6(low.into()), IpAddr::V6((low | host).into())))
        }
    }
}

/// Whether an address is in an address, prefix or range; none where the text is none of them.
pub fn contains(text: &str, address: IpAddr) -> Option<bool> {
    let (low, high) = span(text)?;
    Some(low.is_ipv4() == address.is_ipv4() && low <= address && address <= high)
}

/// Whether all of one span is within another.
pub fn covers(outer: &str, inner: &str) -> Option<bool> {
    let ((low, high), (from, to)) = (span(outer)?, span(inner)?);
    Some(low.is_ipv4() == from.is_ipv4() && low <= from && to <= high)
}

/// A number, or the well-known name of a service.
pub fn port(text: &str) -> Option<u16> {
    text.parse().ok().or_else(|| {
        let known = WELL_KNOWN.iter().find(|(name, _)| *name == text);
        known.map(|(_, port)| *port)
    })
}

/// The lowest and highest port of `80`, `http` or `8000-8080`.
pub fn ports(text: &str) -> Option<(u16, u16)> {
    if let Some(one) = port(text) {
        return Some((one, one));
    }
    let (low, high) = text.split_once('-')?;
    let (low, high) = (port(low)?, port(high)?);
    (low <= high).then_some((low, high))
}

/// Services that people write by name.
const WELL_KNOWN: &[(&str, u16)] = &[
    ("bgp", 179),
    ("bootpc", 68),
    ("bootps", 67),
    ("domain", 53),
    ("ftp", 21),
    ("ftp-data", 20),
    ("http", 80),
    ("https", 443),
    ("imap", 143),
    ("imap2", 143),
    ("imaps", 993),
    ("isakmp", 500),
    ("l2tp", 1701),
    ("ldap", 389),
    ("ldaps", 636),
    ("microsoft-ds", 445),
    ("ms-wbt-server", 3389),
    ("netbios-ssn", 139),
    ("ntp", 123),
    ("openvpn", 1194),
    ("pop3", 110),
    ("pop3s", 995),
    ("rsync", 873),
    ("sip", 5060),
    ("sip-tls", 5061),
    ("smtp", 25),
    ("snmp", 161),
    ("snmp-trap", 162),
    ("snmptrap", 162),
    ("ssh", 22),
    ("submission", 587),
    ("submissions", 465),
    ("syslog", 514),
    ("telnet", 23),
    ("tftp", 69),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_found_in_what_covers_them() {
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        assert_eq!(contains("192.0.2.0/24", address("192.0.2.255")), Some(true));
        assert_eq!(contains("192.0.2.1/0", address("8.8.8.8")), Some(true));
        assert_eq!(contains("192.0.2.5-192.0.2.9", address("192.0.2.10")), Some(false));
        assert_eq!(contains("2001:db8::/32", address("2001:db8:1::1")), Some(true));
        assert_eq!(contains("::/0", address("192.0.2.1")), Some(false));
        assert_eq!(contains("192.0.2.0/33", address("192.0.2.1")), None);
        assert_eq!(covers("10.0.0.0/8", "10.1.0.0/16"), Some(true));
        assert_eq!(covers("10.1.0.0/16", "10.0.0.0/8"), Some(false));
        assert_eq!(ports("https"), Some((443, 443)));
        assert_eq!(ports("8000-8080"), Some((8000, 8080)));
        assert_eq!(ports("80-1"), None);
    }
}
