//! Lines that the firewall and NAT write to the kernel's log:
//! `[ipv4-FWD-filter-10-D]IN=eth0 OUT=eth1 MAC=… SRC=… DST=… PROTO=TCP SPT=… DPT=…`.

use std::net::IpAddr;

use serde::Serialize;

use crate::facts::{ChainFamily, ChainId, Hook};

/// A packet that a rule logged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogLine {
    /// By which counters know the rule as well; what is between the brackets where it is of no
    /// chain.
    pub key: String,
    /// The chain; none for NAT and for the state policy.
    pub chain: Option<ChainId>,
    /// The rule; none for the default action.
    pub rule: Option<u32>,
    /// What became of the packet.
    pub action: Option<LogAction>,
    /// Where it came in.
    pub inbound: Option<String>,
    /// Where it goes out.
    pub outbound: Option<String>,
    /// The hardware address it came from.
    pub mac: Option<String>,
    /// Where it comes from.
    pub source: Option<IpAddr>,
    /// Where it goes.
    pub destination: Option<IpAddr>,
    /// `TCP`, `UDP`, `ICMP` …, or a number.
    pub protocol: Option<String>,
    /// Of it.
    pub source_port: Option<u16>,
    /// Of it.
    pub destination_port: Option<u16>,
    /// In bytes, with its header.
    pub length: Option<u32>,
}

/// What becomes of a packet, by one letter in the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LogAction {
    /// A.
    Accept,
    /// D.
    Drop,
    /// R: rejected or returned, which the line does not tell apart.
    RejectOrReturn,
    /// J.
    Jump,
    /// C.
    Continue,
    /// Q.
    Queue,
    /// O.
    Offload,
    /// S.
    Synproxy,
}

/// Reads a line, which may have the log's own words in front; none if it is no such line.
pub fn parse_log_line(line: &str) -> Option<LogLine> {
    // The kernel's own time stands in brackets too.
    let (prefix, fields) = line.match_indices('[').find_map(|(at, _)| {
        let (prefix, fields) = line.get(at + 1..)?.split_once(']')?;
        fields.trim_start().starts_with("IN=").then_some((prefix, fields))
    })?;
    let known = prefix.len() <= 128 && prefix.contains('-') && !prefix.contains(' ');
    let prefix = known.then_some(prefix)?;
    let field = |name: &str| {
        let mut words = fields.split_ascii_whitespace();
        let value = words.find_map(|word| word.strip_prefix(name)?.strip_prefix('='))?;
        (!value.is_empty()).then(|| value.to_owned())
    };
    let (key, action) = match prefix.rsplit_once('-') {
        Some((key, letter)) if letter.len() == 1 => (key, action(letter)),
        _ => (prefix, None),
    };
    let (chain, rule) = chain(key);
    let key = match (&chain, rule) {
        (Some(chain), Some(rule)) => chain.rule_key(rule),
        (Some(chain), None) => chain.default_key(),
        (None, _) => key.to_owned(),
    };
    let mac = field("MAC").and_then(|all| {
        // Destination, source and type of the frame, one behind the other.
        let mac: Vec<&str> = all.split(':').skip(6).take(6).collect();
        (mac.len() == 6).then(|| mac.join(":"))
    });
    Some(LogLine {
        key,
        chain,
        rule,
        action,
        inbound: field("IN"),
        outbound: field("OUT"),
        mac,
        source: field("SRC").and_then(|text| text.parse().ok()),
        destination: field("DST").and_then(|text| text.parse().ok()),
        protocol: field("PROTO"),
        source_port: field("SPT").and_then(|text| text.parse().ok()),
        destination_port: field("DPT").and_then(|text| text.parse().ok()),
        length: field("LEN").and_then(|text| text.parse().ok()),
    })
}

fn action(letter: &str) -> Option<LogAction> {
    Some(match letter {
        "A" => LogAction::Accept,
        "D" => LogAction::Drop,
        "R" => LogAction::RejectOrReturn,
        "J" => LogAction::Jump,
        "C" => LogAction::Continue,
        "Q" => LogAction::Queue,
        "O" => LogAction::Offload,
        "S" => LogAction::Synproxy,
        _ => return None,
    })
}

/// `ipv4-FWD-filter-10`, `ipv6-NAM-FROM-WAN-20`; names may hold `-` themselves. The default action
/// of a chain with a name lacks the word for the hook, and the name is cut at 19 characters:
/// `ipv4-FROM-WAN-default`.
fn chain(key: &str) -> (Option<ChainId>, Option<u32>) {
    let mut parts = key.splitn(3, '-');
    let family = match parts.next() {
        Some("ipv4") => ChainFamily::Ipv4,
        Some("ipv6") => ChainFamily::Ipv6,
        Some("bri" | "bridge") => ChainFamily::Bridge,
        _ => return (None, key.rsplit('-').next().and_then(|number| number.parse().ok())),
    };
    let word = parts.next().unwrap_or_default();
    let hooks = [Hook::Prerouting, Hook::Forward, Hook::Input, Hook::Output, Hook::Name];
    let hook = hooks.into_iter().find(|hook| hook.short() == word);
    let (Some(hook), Some(rest)) = (hook, parts.next()) else {
        let named = key.split_once('-').and_then(|(_, rest)| rest.strip_suffix("-default"));
        return (named.map(|name| ChainId::named(family, name)), None);
    };
    let Some((name, rule)) = rest.rsplit_once('-') else { return (None, None) };
    (Some(ChainId { family, hook, name: name.to_owned() }), rule.parse().ok())
}
