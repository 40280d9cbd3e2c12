//! The part of a form that says what packets a rule is for, and how it is read again. Firewall and
//! NAT share it.

use vyos::config::Node;
use vyos::facts::matches::{Icmp, Limit, Time};
use vyos::facts::{
    ChainFamily, GroupKind, GroupMatch, InterfaceMatch, Matches, Side, groups, interfaces,
};

use crate::pages::Form;
use crate::pages::router::fill::{Fill, all_ticked, listed, plain, some};
use crate::view::router::{Control, Fieldset};

/// Whose rule it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::pages::router) enum Of {
    /// The firewall's, of a family.
    Firewall(ChainFamily),
    /// NAT's; for IPv6 or not, looking at where packets came in or else at where they go out.
    Nat {
        /// IPv6.
        is_ipv6: bool,
        /// Packets came in.
        is_inbound: bool,
    },
}

impl Of {
    const fn is_ipv6(self) -> bool {
        matches!(self, Self::Firewall(ChainFamily::Ipv6) | Self::Nat { is_ipv6: true, .. })
    }

    const fn is_nat(self) -> bool {
        matches!(self, Self::Nat { .. })
    }
}

const PROTOCOLS: [&str; 9] =
    ["tcp", "udp", "tcp_udp", "icmp", "ipv6-icmp", "esp", "gre", "igmp", "all"];
const STATES: [(&str, &str); 4] = [
    ("new", "new"),
    ("established", "established"),
    ("related", "related to another"),
    ("invalid", "invalid"),
];

/// Names of interfaces and, as `group NAME`, of groups of them.
pub(super) fn interface_names(root: &Node) -> Vec<String> {
    let mut names: Vec<String> = interfaces(root).into_iter().map(|one| one.name).collect();
    let groups = groups(root).into_iter().filter(|group| group.kind == GroupKind::Interface);
    names.extend(groups.map(|group| format!("group {}", group.name)));
    names
}

/// The fields.
pub(in crate::pages::router) fn conditions(
    fill: &Fill<'_>,
    root: &Node,
    of: Of,
    now: &Matches,
) -> Vec<Fieldset> {
    let names = interface_names(root);
    let hint = "Such as eth0, eth1*, or group WAN; ! in front: all others.";
    let interface = |name: &str, label: &str, now: Option<&InterfaceMatch>| {
        let usual = now.map(interface_text);
        fill.suggest(name, label, usual.as_deref(), &names, hint)
    };
    let inbound = || interface("inbound", "Coming in by", now.inbound.as_ref());
    let outbound = || interface("outbound", "Going out by", now.outbound.as_ref());
    let ways = match of {
        Of::Firewall(_) => vec![inbound(), outbound()],
        Of::Nat { is_inbound: true, .. } => vec![inbound()],
        Of::Nat { .. } => vec![outbound()],
    };
    let protocols: Vec<String> = PROTOCOLS.map(str::to_owned).to_vec();
    let protocol = fill.suggest(
        "protocol",
        "Protocol",
        now.protocol.as_deref(),
        &protocols,
        "Empty: all. Ports need tcp, udp or tcp_udp.",
    );
    let mut which: Vec<Control> = vec![Control::Pair(ways), protocol];
    if !of.is_nat() {
        let boxes = STATES.map(|(v, l)| (v.to_owned(), l.to_owned(), String::new()));
        let legend = "State of the connection; none ticked: all";
        which.push(fill.checks("states", legend, boxes, &now.states));
    }
    let mut sets = vec![
        Fieldset::new("Which packets", which),
        side(fill, root, of, "source", "From", &now.source),
        side(fill, root, of, "destination", "To", &now.destination),
    ];
    if !of.is_nat() {
        sets.push(more(fill, now));
    }
    sets
}

fn side(fill: &Fill<'_>, root: &Node, of: Of, name: &str, legend: &str, now: &Side) -> Fieldset {
    let field = |part: &str| format!("{name}.{part}");
    let address = if of.is_ipv6() {
        "2001:db8::1 or 2001:db8::/64; ! in front: all others."
    } else {
        "192.0.2.1, 192.0.2.0/24 or 192.0.2.1-192.0.2.9; ! in front: all others."
    };
    let chosen = |kinds: &[&str]| {
        let found = now.groups.iter().find(|group| kinds.contains(&group.kind.as_str()));
        found.map(group_text)
    };
    let select = |part: &str, label: &str, kinds: &[&str]| {
        let options = group_options(root, of, kinds);
        fill.select(&field(part), label, chosen(kinds).as_deref(), options, "")
    };
    let mut controls = vec![
        Control::Pair(vec![
            fill.text(&field("address"), "Address", now.address.as_deref(), address),
            fill.text(
                &field("port"),
                "Port",
                now.port.as_deref(),
                "443, 80,443 or 8000-8080; ! in front: all others.",
            ),
        ]),
        Control::Pair(vec![
            select("group", "or a group of addresses", ADDRESSES),
            select("portgroup", "or a group of ports", PORTS),
        ]),
    ];
    if !of.is_nat() {
        let countries = now.countries.join(" ");
        controls.push(Control::Pair(vec![
            fill.text(
                &field("fqdn"),
                "or a name",
                now.fqdn.as_deref(),
                "Resolved every few minutes.",
            ),
            fill.text(
                &field("countries"),
                "or countries",
                Some(&countries),
                "Two letters each: nl de.",
            ),
        ]));
        controls.push(fill.check(
            &field("countries_inverted"),
            "All countries but these",
            now.countries_inverted,
            "",
        ));
    }
    if name == "source" {
        let mut pair = vec![select("macgroup", "Group of hardware addresses", MACS)];
        if !of.is_nat() {
            pair.insert(0, fill.text(&field("mac"), "Hardware address", now.mac.as_deref(), ""));
        }
        controls.push(Control::Pair(pair));
    }
    let error = fill.error(&field("groups"));
    if !error.is_empty()
        && let Some(Control::Pair(pair)) = controls.get_mut(1)
        && let Some(Control::Select(select)) = pair.first_mut()
    {
        select.error = error;
    }
    Fieldset::new(legend, controls)
}

fn more(fill: &Fill<'_>, now: &Matches) -> Fieldset {
    let icmp = now.icmp.clone().unwrap_or_default();
    let limit = now.limit.clone().unwrap_or_default();
    let recent = now.recent.clone().unwrap_or_default();
    let time = now.time.clone().unwrap_or_default();
    let icmp_kind = icmp.type_name.clone().or_else(|| {
        let kind = icmp.kind.clone()?;
        Some(icmp.code.map_or(kind.clone(), |code| format!("{kind}/{code}")))
    });
    let marks = now.connection_marks.join(" ");
    let nat =
        [("", "either way"), ("destination", "destination changed"), ("source", "source changed")];
    let pair = |one: Control, two: Control| Control::Pair(vec![one, two]);
    let text = |name: &str, label: &str, usual: Option<&str>, hint: &str| {
        fill.text(name, label, usual, hint)
    };
    Fieldset::new(
        "More conditions",
        [
            pair(
                text("icmp", "Kind of ICMP", icmp_kind.as_deref(), "echo-request, or 8 or 3/4."),
                fill.select(
                    "connection_nat",
                    "Connection with NAT",
                    now.connection_nat.as_deref(),
                    nat.map(|(v, l)| (v.to_owned(), l.to_owned())),
                    "",
                ),
            ),
            pair(
                text("limit", "At most", limit.rate.as_deref(), "10/second, 100/minute."),
                text("limit.burst", "and at once", limit.burst.as_deref(), "Packets over it."),
            ),
            pair(
                text("recent", "Seen more often than", recent.rate.as_deref(), "1 to 255 times."),
                fill.select(
                    "recent.time",
                    "in a",
                    recent.burst.as_deref(),
                    plain(["", "second", "minute", "hour"]),
                    "",
                ),
            ),
            text(
                "time",
                "Days",
                time.weekdays.as_deref(),
                "Mon,Tue,Wed; by the router's clock (UTC).",
            ),
            pair(
                text("time.start", "From time of day", time.start_time.as_deref(), "21:00"),
                text("time.stop", "to", time.stop_time.as_deref(), "06:30"),
            ),
            pair(
                text("time.first", "From day", time.start_date.as_deref(), "2026-11-21"),
                text("time.last", "to", time.stop_date.as_deref(), ""),
            ),
            pair(
                text("mark", "Mark of the packet", now.mark.as_deref(), ""),
                text("connection_marks", "Marks of the connection", Some(&marks), ""),
            ),
        ],
    )
    .folded()
}

const ADDRESSES: &[&str] = &[
    "address-group",
    "network-group",
    "domain-group",
    "dynamic-address-group",
    "remote-group",
    "ipv4-address-group",
    "ipv4-network-group",
    "ipv6-address-group",
    "ipv6-network-group",
];
const PORTS: &[&str] = &["port-group"];
const MACS: &[&str] = &["mac-group"];

/// Kinds of groups that the configuration calls by a word, in a rule of this sort.
fn kind_of(word: &str, of: Of) -> Option<GroupKind> {
    let is_bridge = of == Of::Firewall(ChainFamily::Bridge);
    let either = |v4, v6| Some(if of.is_ipv6() { v6 } else { v4 });
    match word {
        "port-group" => Some(GroupKind::Port),
        "mac-group" => Some(GroupKind::Mac),
        // Releases differ in what a bridge looks at; what a rule has stays.
        _ if is_bridge => None,
        "address-group" => either(GroupKind::Address, GroupKind::Ipv6Address),
        "network-group" => either(GroupKind::Network, GroupKind::Ipv6Network),
        "domain-group" => Some(GroupKind::Domain),
        "dynamic-address-group" if !of.is_nat() => {
            either(GroupKind::DynamicAddress, GroupKind::DynamicIpv6Address)
        }
        "remote-group" if !of.is_nat() => Some(GroupKind::Remote),
        _ => None,
    }
}

/// Groups to choose from, each also as what must not be in it.
fn group_options(root: &Node, of: Of, words: &[&str]) -> Vec<(String, String)> {
    let all = groups(root);
    let mut options = vec![(String::new(), "none".to_owned())];
    for word in words {
        let Some(kind) = kind_of(word, of) else { continue };
        for group in all.iter().filter(|group| group.kind == kind) {
            let label = format!("{} ({})", group.name, super::names::kind_words(kind));
            options.push((format!("{word}/{}", group.name), label));
        }
    }
    let inverted: Vec<_> = options
        .iter()
        .skip(1)
        .map(|(value, label)| (format!("!{value}"), format!("not {label}")))
        .collect();
    options.extend(inverted);
    options
}

fn group_text(group: &GroupMatch) -> String {
    let not = if group.inverted { "!" } else { "" };
    format!("{not}{}/{}", group.kind, group.name)
}

fn read_group(text: &str) -> Option<GroupMatch> {
    let plain = text.trim_start_matches('!');
    let (kind, name) = plain.split_once('/')?;
    Some(GroupMatch {
        kind: kind.to_owned(),
        name: name.to_owned(),
        inverted: plain.len() < text.len(),
    })
}

fn interface_text(one: &InterfaceMatch) -> String {
    let not = if one.inverted { "!" } else { "" };
    match (&one.name, &one.group) {
        (Some(name), _) => format!("{not}{name}"),
        (None, Some(group)) => format!("{not}group {group}"),
        (None, None) => String::new(),
    }
}

pub(super) fn read_interface(text: &str) -> Option<InterfaceMatch> {
    let plain = text.trim_start_matches('!').trim();
    if plain.is_empty() {
        return None;
    }
    let group = plain.strip_prefix("group ").map(|name| name.trim().to_owned());
    let name = if group.is_some() { None } else { Some(plain.to_owned()) };
    Some(InterfaceMatch { name, group, inverted: text.trim_start().starts_with('!') })
}

/// What the fields say. What they do not speak of stays as it was.
pub(in crate::pages::router) fn read_conditions(form: &Form, of: Of, was: &Matches) -> Matches {
    let mut now = was.clone();
    now.protocol = some(form, "protocol");
    read_side(form, of, "source", &mut now.source);
    read_side(form, of, "destination", &mut now.destination);
    match of {
        Of::Firewall(_) => {
            now.inbound = read_interface(form.get("inbound"));
            now.outbound = read_interface(form.get("outbound"));
        }
        Of::Nat { is_inbound: true, .. } => now.inbound = read_interface(form.get("inbound")),
        Of::Nat { .. } => now.outbound = read_interface(form.get("outbound")),
    }
    if of.is_nat() {
        return now;
    }
    now.states = all_ticked(form, "states");
    now.connection_nat = some(form, "connection_nat");
    now.connection_marks = listed(form.get("connection_marks"));
    now.mark = some(form, "mark");
    now.icmp = some(form, "icmp").map(|text| {
        let numbers = text.split_once('/').map_or((text.as_str(), None), |(k, c)| (k, Some(c)));
        if text.starts_with(|c: char| c.is_ascii_digit()) {
            let code = numbers.1.map(str::to_owned);
            Icmp { type_name: None, kind: Some(numbers.0.to_owned()), code }
        } else {
            Icmp { type_name: Some(text), ..Icmp::default() }
        }
    });
    let limit = |rate: &str, burst: &str| {
        let limit = Limit { rate: some(form, rate), burst: some(form, burst) };
        (limit.rate.is_some() || limit.burst.is_some()).then_some(limit)
    };
    now.limit = limit("limit", "limit.burst");
    now.recent = limit("recent", "recent.time");
    let time = Time {
        start_date: some(form, "time.first"),
        start_time: some(form, "time.start"),
        stop_date: some(form, "time.last"),
        stop_time: some(form, "time.stop"),
        weekdays: some(form, "time"),
    };
    now.time = (time != Time::default()).then_some(time);
    now
}

fn read_side(form: &Form, of: Of, name: &str, side: &mut Side) {
    let field = |part: &str| some(form, &format!("{name}.{part}"));
    side.address = field("address");
    side.port = field("port");
    let mut groups: Vec<GroupMatch> =
        ["group", "portgroup"].iter().filter_map(|part| read_group(&field(part)?)).collect();
    if name == "source" {
        groups.extend(field("macgroup").and_then(|text| read_group(&text)));
    } else {
        groups.extend(side.groups.iter().filter(|g| MACS.contains(&g.kind.as_str())).cloned());
    }
    side.groups = groups;
    if of.is_nat() {
        return;
    }
    side.fqdn = field("fqdn");
    side.countries = listed(&field("countries").unwrap_or_default().to_lowercase());
    side.countries_inverted = form.ticked(&format!("{name}.countries_inverted"));
    if name == "source" {
        side.mac = field("mac");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interfaces_and_groups_read_as_they_are_shown() {
        for text in ["eth0", "!eth1*", "group WAN", "!group LAN"] {
            assert_eq!(interface_text(&read_interface(text).unwrap()), text);
        }
        assert_eq!(read_interface("  "), None);
        for text in ["address-group/TRUSTED", "!mac-group/BAD"] {
            assert_eq!(group_text(&read_group(text).unwrap()), text);
        }
        assert_eq!(read_group(""), None);
    }
}
