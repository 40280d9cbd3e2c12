//! Whether the router takes a value, by its own rules for each kind, and whether the way to the
//! router carries it unharmed.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::facts::net;

/// Values of one setting; a bound for requests, far beyond any router.
pub const MOST: usize = 4_096;
/// Characters of a description.
const LONGEST_TEXT: usize = 255;
/// Characters of a name.
const LONGEST_NAME: usize = 63;
/// An interface's name in the kernel is at most this long.
const LONGEST_INTERFACE: usize = 15;

/// A checked value, or what is wrong with it.
pub type Verdict = Result<(), String>;

fn when(holds: bool, message: &str) -> Verdict {
    if holds { Ok(()) } else { Err(message.to_owned()) }
}

/// What the API would refuse, cut or lose: quotes, line breaks, control characters, blanks at the
/// ends, `//` at the start, more than 255 characters; and what could deceive a reader.
pub fn text(value: &str) -> Verdict {
    when(!value.is_empty(), "is empty")?;
    when(value.chars().count() <= LONGEST_TEXT, "at most 255 characters")?;
    when(!value.contains(['\'', '"']), "no quotes: the router refuses them")?;
    when(!value.contains(model::is_hidden), "no line breaks, control or invisible characters")?;
    when(value.trim() == value, "no blanks at the ends: the router cuts them")?;
    when(!value.starts_with("//"), "no `//` at the start: the router would lose it")
}

/// A new name of a rule set, group, zone, pool or peer.
pub fn name(value: &str) -> Verdict {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    when(!value.is_empty() && value.len() <= LONGEST_NAME, "1 to 63 characters")?;
    when(value.chars().all(plain), "letters, digits, `_` and `-` only")?;
    when(value.starts_with(|c: char| c.is_ascii_alphanumeric()), "begins with a letter or digit")
}

/// The name of a host or domain.
pub fn fqdn(value: &str) -> Verdict {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
    when(
        (1..=253).contains(&value.len())
            && value.chars().all(plain)
            && value.starts_with(|c: char| c.is_ascii_alphanumeric())
            && value.split('.').all(|label| label.len() <= 63),
        "a name such as host.example: letters, digits, `-` and `.`",
    )
}

/// The name of a host: a domain name that ends in a letter or digit.
pub fn host(value: &str) -> Verdict {
    fqdn(value)?;
    when(value.ends_with(|c: char| c.is_ascii_alphanumeric()), "ends with a letter or digit")
}

/// A hardware address.
pub fn mac(value: &str) -> Verdict {
    let pair = |part: &str| part.len() == 2 && part.chars().all(|c| c.is_ascii_hexdigit());
    let holds = value.split(':').count() == 6 && value.split(':').all(pair);
    when(holds, "a hardware address such as 02:00:00:aa:bb:01")
}

/// A DHCP identifier.
pub fn duid(value: &str) -> Verdict {
    let pair = |part: &str| part.len() == 2 && part.chars().all(|c| c.is_ascii_hexdigit());
    let holds = value.split(':').count() <= 128 && value.split(':').all(pair);
    when(holds, "pairs of hexadecimal digits with `:` between")
}

/// An address of either family.
pub fn address(value: &str) -> Verdict {
    when(value.parse::<IpAddr>().is_ok(), "an IPv4 or IPv6 address")
}

/// An IPv4 address.
pub fn ipv4(value: &str) -> Verdict {
    when(value.parse::<Ipv4Addr>().is_ok(), "an IPv4 address")
}

/// An IPv6 address.
pub fn ipv6(value: &str) -> Verdict {
    when(value.parse::<Ipv6Addr>().is_ok(), "an IPv6 address")
}

/// An address that a service listens on: also one of a link with its interface behind `%`.
pub fn listen(value: &str) -> Verdict {
    match value.split_once('%') {
        Some((address, name)) => {
            ipv6(address)?;
            interface(name)
        }
        None => address(value),
    }
}

/// An address or a prefix of either family.
pub fn address_or_prefix(value: &str) -> Verdict {
    if value.contains('/') { prefix(value) } else { address(value) }
}

/// A prefix of either family, without bits set behind its length.
pub fn prefix(value: &str) -> Verdict {
    let message = "a network such as 192.0.2.0/24";
    let (address, length) = value.split_once('/').ok_or(message)?;
    when(is_length(length), message)?;
    let address: IpAddr = address.parse().map_err(|_| message.to_owned())?;
    let (low, _) = net::span(value).ok_or(message)?;
    when(low == address, &format!("bits are set behind the length; the network is {low}/{length}"))
}

fn is_length(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 3
        && text.bytes().all(|b| b.is_ascii_digit())
        && (text == "0" || !text.starts_with('0'))
}

/// An IPv4 prefix.
pub fn ipv4_prefix(value: &str) -> Verdict {
    prefix(value)?;
    when(!value.contains(':'), "an IPv4 network")
}

/// An IPv6 prefix.
pub fn ipv6_prefix(value: &str) -> Verdict {
    prefix(value)?;
    when(value.contains(':'), "an IPv6 network")
}

/// An interface's own address with its length, `dhcp` or `dhcpv6`.
pub fn interface_address(value: &str) -> Verdict {
    if ["dhcp", "dhcpv6"].contains(&value) {
        return Ok(());
    }
    let message = "an address with its length such as 192.168.1.1/24, or dhcp, or dhcpv6";
    let (_, length) = value.split_once('/').ok_or(message)?;
    when(is_length(length) && net::span(value).is_some(), message)?;
    let (low, high) = net::span(value).ok_or(message)?;
    let address: IpAddr =
        value.split('/').next().unwrap_or_default().parse().map_err(|_| message.to_owned())?;
    let is_end = address.is_ipv4() && low != high && (address == low || address == high);
    // A link between two has no ends.
    when(!is_end || length == "31", "the first and last address of a network are no host's")
}

/// What a rule's source or destination can be: address, prefix or range, `!` in front of it.
pub fn rule_address(value: &str) -> Verdict {
    let plain = value.strip_prefix('!').unwrap_or(value);
    if plain.contains('/') {
        return prefix(plain);
    }
    when(net::span(plain).is_some(), "an address, a network, or a range with `-` between")
}

/// An IPv4 address or range.
pub fn ipv4_or_range(value: &str) -> Verdict {
    let holds = net::span(value).is_some_and(|(low, _)| low.is_ipv4()) && !value.contains('/');
    when(holds, "an IPv4 address, or a range with `-` between")
}

/// An IPv6 address or range.
pub fn ipv6_or_range(value: &str) -> Verdict {
    let holds = net::span(value).is_some_and(|(low, _)| low.is_ipv6()) && !value.contains('/');
    when(holds, "an IPv6 address, or a range with `-` between")
}

/// A port, a service's name, or a range of ports.
pub fn port_range(value: &str) -> Verdict {
    let message = "a port from 1 to 65535, a range such as 8000-8080, or a well-known service";
    when(net::ports(value).is_some_and(|(low, _)| low > 0), message)?;
    let digits = value.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    when(digits || net::port(value).is_some(), message)
}

/// Ports, ranges and services' names with commas between; `!` in front of each.
pub fn ports(value: &str) -> Verdict {
    value.split(',').try_for_each(|part| port_range(part.strip_prefix('!').unwrap_or(part)))
}

/// A protocol of rules, by name or number; `!` in front.
pub fn protocol(value: &str) -> Verdict {
    let plain = value.strip_prefix('!').unwrap_or(value);
    let holds = plain.parse::<u8>().is_ok() || PROTOCOLS.contains(&plain);
    when(holds, "a protocol such as tcp, udp, tcp_udp, icmp or all, or its number")
}

/// An interface: known by how its name begins.
pub fn interface(value: &str) -> Verdict {
    let (base, tags) = value.split_once('.').map_or((value, ""), |(base, tags)| (base, tags));
    let stem = base.trim_end_matches(|c: char| c.is_ascii_digit());
    let holds = value.len() <= LONGEST_INTERFACE
        && INTERFACES.contains(&stem)
        && (base.len() > stem.len() || stem == "lo")
        && tags.chars().all(|c| c.is_ascii_digit() || c == '.');
    when(holds, "an interface such as eth0, eth0.7 or wg0")
}

/// An interface in a rule: also all of a kind (`wg*`); `!` in front.
pub fn rule_interface(value: &str) -> Verdict {
    let plain = value.strip_prefix('!').unwrap_or(value);
    match plain.strip_suffix('*') {
        Some(stem) => {
            let stem = stem.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
            when(INTERFACES.contains(&stem), "an interface such as eth0, or all such as wg*")
        }
        None => interface(plain),
    }
}

/// A key of `WireGuard`: base64 of 32 bytes.
pub fn wireguard_key(value: &str) -> Verdict {
    let alphabet = |b: u8| b.is_ascii_alphanumeric() || b == b'+' || b == b'/';
    let bytes = value.as_bytes();
    // The last digit before the sign carries four bits; the two that are left are zero.
    let tail = b"AEIMQUYcgkosw048";
    let holds = bytes.len() == 44
        && bytes.ends_with(b"=")
        && bytes.iter().take(43).all(|b| alphabet(*b))
        && bytes.get(42).is_some_and(|b| tail.contains(b));
    when(holds, "a key of 44 characters that ends with `=`")
}

/// `HH:MM` or `HH:MM:SS`.
pub fn time_of_day(value: &str) -> Verdict {
    let parts: Vec<&str> = value.split(':').collect();
    let number = |part: &str, most: u8| {
        part.len() == 2 && part.parse::<u8>().is_ok_and(|number| number <= most)
    };
    let holds = match parts.as_slice() {
        [hour, rest @ ..] if rest.len() == 1 || rest.len() == 2 => {
            number(hour, 23) && rest.iter().all(|part| number(part, 59))
        }
        _ => false,
    };
    when(holds, "a time such as 21:00")
}

/// `YYYY-MM-DD`.
pub fn date(value: &str) -> Verdict {
    let parts: Vec<&str> = value.split('-').collect();
    let number = |part: &str, digits: usize, most: u16| {
        part.len() == digits && part.parse::<u16>().is_ok_and(|n| (1..=most).contains(&n))
    };
    let holds = matches!(parts.as_slice(), [y, m, d]
        if number(y, 4, 9999) && number(m, 2, 12) && number(d, 2, 31));
    when(holds, "a day such as 2026-11-21")
}

/// `10/second`.
pub fn rate(value: &str) -> Verdict {
    let holds = value.split_once('/').is_some_and(|(count, unit)| {
        count.parse::<u32>().is_ok_and(|count| count > 0)
            && ["second", "minute", "hour", "day"].contains(&unit)
    });
    when(holds, "a rate such as 10/second")
}

/// A number of 32 bits.
pub fn number(value: &str) -> Verdict {
    when(value.parse::<u32>().is_ok(), "a number")
}

/// A packet mark, a range of marks; `!` in front.
pub fn mark(value: &str) -> Verdict {
    let plain = value.strip_prefix('!').unwrap_or(value);
    let one = |text: &str| text.parse::<u32>().is_ok_and(|mark| mark < 1 << 31);
    let holds =
        plain.split_once('-').map_or_else(|| one(plain), |(low, high)| one(low) && one(high));
    when(holds, "a mark from 0 to 2147483647")
}

/// A kind of ICMP by name.
pub fn icmp_name(value: &str) -> Verdict {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    when(
        !value.is_empty() && value.len() < 40 && value.chars().all(plain),
        "a name such as echo-request",
    )
}

/// A number of 8 bits.
pub fn octet(value: &str) -> Verdict {
    when(value.parse::<u8>().is_ok(), "a number from 0 to 255")
}

/// Days of the week with commas between.
pub fn weekdays(value: &str) -> Verdict {
    const DAYS: [&str; 7] =
        ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    let day = |part: &str| {
        let part = part.trim_start_matches('!').to_ascii_lowercase();
        part.len() >= 3 && DAYS.iter().any(|day| day.starts_with(&part))
    };
    when(value.split(',').all(day), "days such as Mon,Tue")
}

/// Two letters of a country.
pub fn country(value: &str) -> Verdict {
    let holds = value.len() == 2 && value.chars().all(|c| c.is_ascii_lowercase());
    when(holds, "two small letters of a country such as nl")
}

/// Beginnings of interfaces' names.
const INTERFACES: &[&str] = &[
    "bond", "br", "dum", "en", "ersp", "eth", "gnv", "ifb", "ipoe", "lan", "l2tp", "l2tpeth", "lo",
    "macsec", "peth", "ppp", "pppoe", "pptp", "sstp", "sstpc", "tun", "veth", "vti", "vtun",
    "vxlan", "wg", "wlan", "wwan",
];

/// Names of protocols.
const PROTOCOLS: &[&str] = &[
    "all",
    "ip",
    "hopopt",
    "icmp",
    "igmp",
    "ggp",
    "ipencap",
    "st",
    "tcp",
    "egp",
    "igp",
    "pup",
    "udp",
    "tcp_udp",
    "hmp",
    "xns-idp",
    "rdp",
    "iso-tp4",
    "dccp",
    "xtp",
    "ddp",
    "idpr-cmtp",
    "ipv6",
    "ipv6-route",
    "ipv6-frag",
    "idrp",
    "rsvp",
    "gre",
    "esp",
    "ah",
    "skip",
    "ipv6-icmp",
    "icmpv6",
    "ipv6-nonxt",
    "ipv6-opts",
    "rspf",
    "vmtp",
    "eigrp",
    "ospf",
    "ax.25",
    "ipip",
    "etherip",
    "encap",
    "pim",
    "ipcomp",
    "vrrp",
    "l2tp",
    "isis",
    "sctp",
    "fc",
    "mobility-header",
    "udplite",
    "mpls-in-ip",
    "manet",
    "hip",
    "shim6",
    "wesp",
    "rohc",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_taken_and_refused_as_the_router_does() {
        type Case<'a> = (fn(&str) -> Verdict, &'a [&'a str], &'a [&'a str]);
        let cases: [Case<'_>; 17] = [
            (
                text,
                &["The kids", "a", "50 % off // now"],
                &["", " a", "a ", "//a", "a\"b", "it's", "a\nb", "a\0"],
            ),
            (name, &["LAN-1", "a_b"], &["", "-a", "a b", "a.b", "ü", "a;b"]),
            (fqdn, &["host.example", "a"], &["", "-a", "a_b", "a b", "$(id)"]),
            (
                mac,
                &["02:00:00:AA:bb:01"],
                &["", "02-00-00-aa-bb-01", "02:00:00:aa:bb", "g2:00:00:00:00:00"],
            ),
            (
                prefix,
                &["192.0.2.0/24", "0.0.0.0/0", "2001:db8::/32", "::/0"],
                &[
                    "192.0.2.1/24",
                    "192.0.2.0",
                    "192.0.2.0/33",
                    "192.0.2.0/024",
                    "x/8",
                    "1.1.1.1/+8",
                ],
            ),
            (
                interface_address,
                &[
                    "192.168.1.1/24",
                    "dhcp",
                    "dhcpv6",
                    "10.0.0.0/31",
                    "2001:db8::1/64",
                    "10.0.0.1/32",
                ],
                &["192.168.1.0/24", "192.168.1.255/24", "192.168.1.1", "dhcp6", "::1"],
            ),
            (
                rule_address,
                &["!10.0.0.0/8", "10.0.0.1-10.0.0.9", "2001:db8::1"],
                &["10.0.0.9-10.0.0.1", "any", "10.0.0.1-::1"],
            ),
            (
                ports,
                &["80", "80,443,8000-8080", "!22", "https"],
                &["0", "65536", "80-70", "80,", "", "http-alt-x"],
            ),
            (protocol, &["tcp", "!udp", "47", "ipv6-icmp"], &["", "tcpp", "256"]),
            (
                interface,
                &["eth0", "eth0.7", "eth0.100.7", "lo", "wg12", "pppoe0"],
                &["", "eth", "foo0", "eth0;", "eth0.x", "eth0123456789abc"],
            ),
            (rule_interface, &["!eth0", "wg*", "eth1*"], &["*", "!", "foo*"]),
            (
                wireguard_key,
                &["QQyTOGkXr8o1hyWYCbNBhxNbFhDqXxMRcQ8ODmAgiCc="],
                &[
                    "",
                    "QQyTOGkXr8o1hyWYCbNBhxNbFhDqXxMRcQ8ODmAgiCc",
                    "QQyTOGkXr8o1hyWYCbNBhxNbFhDqXxMRcQ8ODmAgiCd=",
                ],
            ),
            (time_of_day, &["21:00", "06:30:59"], &["24:00", "9:00", "12", "12:60"]),
            (date, &["2026-11-21"], &["2026-13-01", "26-01-01"]),
            (rate, &["10/second"], &["0/second", "10", "10/week"]),
            (weekdays, &["Mon,Tue", "sunday"], &["", "Mo", "Xyz"]),
            (listen, &["127.0.0.1", "fe80::1%eth0"], &["fe80::1%", "localhost"]),
        ];
        for (check, good, bad) in cases {
            for value in good {
                assert_eq!(check(value), Ok(()), "{value}");
            }
            for value in bad {
                assert!(check(value).is_err(), "{value}");
            }
        }
    }
}
