//! The words of the language, in one table: the parser's messages and `docs/flow-filters.md` follow
//! from it.

use std::fmt::Write as _;

/// A word that begins a condition, what follows it, and what it asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Word {
    /// The word.
    pub name: &'static str,
    /// Whether `src` or `dst` may stand before it.
    pub sided: bool,
    /// What follows it.
    pub follows: &'static str,
    /// What is asked.
    pub meaning: &'static str,
    /// How it is written.
    pub example: &'static str,
}

const fn word(
    name: &'static str,
    sided: bool,
    follows: &'static str,
    meaning: &'static str,
    example: &'static str,
) -> Word {
    Word { name, sided, follows, meaning, example }
}

/// What can be asked.
pub(super) static WORDS: [Word; 20] = [
    word("host", true, "an address", "one end has this address", "host 10.0.0.5"),
    word("net", true, "a network", "one end lies in this network", "src net 192.168.0.0/16"),
    word(
        "port",
        true,
        "a port, or two with - in between",
        "a port of either end",
        "port 6000-6063",
    ),
    word(
        "country",
        true,
        "two letters",
        "the country of an end, where places are known",
        "dst country DE",
    ),
    word("as", true, "a number", "the autonomous system of an end", "as 3320"),
    word(
        "nat",
        true,
        "an address or a network",
        "one end has it after translation: the face that the other side saw",
        "nat 203.0.113.7",
    ),
    word(
        "natport",
        true,
        "a port, or two with - in between",
        "a port of either end after translation",
        "natport 40000",
    ),
    word("sport", false, "a port, or two with - in between", "short for src port", "sport 53"),
    word("dport", false, "a port, or two with - in between", "short for dst port", "dport 443"),
    word("proto", false, "a name or number", "the IP protocol", "proto tcp"),
    word("ipv4", false, "", "IPv4 only", "ipv4"),
    word("ipv6", false, "", "IPv6 only", "ipv6"),
    word("in", false, "an interface", "came in by this interface", "in eth1"),
    word("out", false, "an interface", "went out by this interface", "out 3"),
    word("iface", false, "an interface", "came in or went out by it", "iface eth1"),
    word("flags", false, "letters of FSRPAUEC", "all these TCP flags were seen", "flags SA"),
    word("tos", false, "a number up to 255", "the octet of DSCP and ECN", "tos 184"),
    word("vlan", false, "a number up to 4095", "the VLAN", "vlan 20"),
    word("bytes", false, "a comparison", "octets, headers of IP included", "bytes > 1M"),
    word("packets", false, "a comparison", "packets", "packets < 3"),
];

/// Set apart because its numbers have units of their own.
pub(super) static DURATION: Word =
    word("duration", false, "a comparison", "from the first packet to the last", "duration > 10s");

/// Protocols by name (IANA).
pub(super) const PROTOCOLS: [(&str, u8); 11] = [
    ("icmp", 1),
    ("igmp", 2),
    ("tcp", 6),
    ("udp", 17),
    ("ipv6", 41),
    ("gre", 47),
    ("esp", 50),
    ("ah", 51),
    ("icmp6", 58),
    ("ospf", 89),
    ("sctp", 132),
];

/// Multiples of numbers.
pub(super) const MULTIPLES: [(&str, u64); 8] = [
    ("k", 1_000),
    ("m", 1_000_000),
    ("g", 1_000_000_000),
    ("t", 1_000_000_000_000),
    ("ki", 1 << 10),
    ("mi", 1 << 20),
    ("gi", 1 << 30),
    ("ti", 1 << 40),
];

/// Units of time, in milliseconds.
pub(super) const UNITS: [(&str, u64); 5] =
    [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

/// TCP's flags by their letters (RFC 9293), the lowest bit first.
pub(super) const FLAGS: &str = "FSRPAUEC";

/// All words that begin a condition.
pub fn words() -> impl Iterator<Item = &'static Word> {
    WORDS.iter().chain([&DURATION])
}

/// The text of `docs/flow-filters.md`.
pub fn reference() -> String {
    let mut text = "# Filters for flows

A filter is one or more conditions. Together they are joined by `and`, `or`, `not` and parentheses; `and` binds closer than `or`. Upper and lower case are alike. An empty filter means all flows. Where something is not understood, the answer names the column and what would be accepted there.

    src 10.0.0.5 and dport 443 and bytes > 1M
    host 2001:db8::7 and not (port 53 or port 123)

| condition | what follows | what it asks | example |
|---|---|---|---|
| *address or network* | | one end has it; after `src` or `dst` that end | `src 10.0.0.5` |
"
    .to_owned();
    for word in WORDS.iter().chain([&DURATION]) {
        let sides = if word.sided { "[`src` or `dst`] " } else { "" };
        let Word { name, follows, meaning, example, .. } = word;
        let _ = writeln!(text, "| {sides}`{name}` | {follows} | {meaning} | `{example}` |");
    }
    let list = |words: Vec<String>| words.join(", ");
    let protocols = list(PROTOCOLS.iter().map(|(name, _)| format!("`{name}`")).collect());
    let multiples = list(MULTIPLES.iter().map(|(name, by)| format!("`{name}` ({by})")).collect());
    let units = list(UNITS.iter().map(|(name, _)| format!("`{name}`")).collect());
    let _ = write!(
        text,
        "
- Comparisons are `<`, `<=`, `=`, `!=`, `>=` and `>`, then a number.
- Numbers may have a multiple: {multiples}.
- Durations may have a unit: {units}. Without one they are seconds.
- Names of protocols: {protocols}. Any other by its number.
- A `host` also goes by a name that somebody on the LAN asked for within a day (setting `dns_names`): `host example.com` means the addresses that were given for it and for names below it, at most 64.
- Interfaces go by name where names are known, else by their index.
- Sampled flows are compared after scaling: `bytes` is what passed, not what was looked at.
"
    );
    text
}
