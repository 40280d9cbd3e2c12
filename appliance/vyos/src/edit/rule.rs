//! What packets a rule is for: checked and written, for firewall, NAT and policy routes alike.

use super::draft::below;
use super::{Check, Draft, value};
use crate::facts::matches::{GROUP_WORDS, Icmp, InterfaceMatch, Limit, Time};
use crate::facts::{GroupKind, Matches, Side};

/// What the list of a rule allows in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rules {
    /// The firewall of a family.
    Ipv4,
    Ipv6,
    Bridge,
    /// NAT.
    Nat,
    /// NAT of IPv6, where an address is a `prefix`.
    Nat66Source,
    Nat66,
}

impl Rules {
    fn is_ipv6(self) -> bool {
        matches!(self, Self::Ipv6 | Self::Nat66 | Self::Nat66Source)
    }

    fn is_nat(self) -> bool {
        matches!(self, Self::Nat | Self::Nat66 | Self::Nat66Source)
    }
}

const WITH_PORTS: [&str; 3] = ["tcp", "udp", "tcp_udp"];

impl Draft<'_> {
    /// Whether the router would take these conditions.
    pub(super) fn check_matches(&self, check: &mut Check, matches: &Matches, rules: Rules) {
        check.maybe("protocol", matches.protocol.as_ref(), value::protocol);
        let protocol = matches.protocol.as_deref().unwrap_or("all");
        match (protocol, rules.is_ipv6()) {
            ("icmp", true) => check.fail("protocol", "for IPv6 it is ipv6-icmp"),
            ("ipv6-icmp" | "icmpv6", false) if rules == Rules::Ipv4 => {
                check.fail("protocol", "for IPv4 it is icmp");
            }
            _ => {}
        }
        for (name, side) in [("source", &matches.source), ("destination", &matches.destination)] {
            self.check_side(check, name, side, protocol, rules);
        }
        for (name, one) in [("inbound", &matches.inbound), ("outbound", &matches.outbound)] {
            let Some(one) = one else { continue };
            check.maybe(name, one.name.as_ref(), value::rule_interface);
            let is_one = one.name.is_some() != one.group.is_some();
            check.that(is_one, name, "an interface or a group of them, and only one of them");
            if let Some(group) = &one.group {
                let exists = self.exists(&["firewall", "group", "interface-group", group]);
                check.that(exists, name, &format!("there is no interface group {group}"));
            }
        }
        let states = ["established", "invalid", "new", "related"];
        let known = matches.states.iter().all(|state| states.contains(&state.as_str()));
        check.that(known, "states", "established, invalid, new or related");
        check.each("connection_marks", &matches.connection_marks, value::mark);
        let nat = matches.connection_nat.as_deref();
        let known = nat.is_none_or(|nat| ["destination", "source"].contains(&nat));
        check.that(known, "connection_nat", "destination or source");
        check.maybe("mark", matches.mark.as_ref(), value::mark);
        if let Some(Icmp { type_name, kind, code }) = &matches.icmp {
            check.maybe("icmp", type_name.as_ref(), value::icmp_name);
            check.maybe("icmp", kind.as_ref(), value::octet);
            check.maybe("icmp", code.as_ref(), value::octet);
            let either = type_name.is_none() || (kind.is_none() && code.is_none());
            check.that(either, "icmp", "either a name, or type and code as numbers");
            let said = ["icmp", "icmpv6", "ipv6-icmp", "1", "58"].contains(&protocol);
            check.that(said, "protocol", "icmp, as kinds of it are named");
        }
        if let Some(Limit { rate, burst }) = &matches.limit {
            check.maybe("limit", rate.as_ref(), value::rate);
            check.maybe("limit", burst.as_ref(), value::number);
        }
        if let Some(Limit { rate: count, burst: time }) = &matches.recent {
            let count = count.as_deref().and_then(|count| count.parse::<u8>().ok());
            check.that(count.is_some_and(|count| count > 0), "recent", "a count from 1 to 255");
            let unit = ["second", "minute", "hour"].contains(&time.as_deref().unwrap_or_default());
            check.that(unit, "recent", "a count in a second, minute or hour");
        }
        if let Some(time) = &matches.time {
            check.maybe("time", time.start_date.as_ref(), value::date);
            check.maybe("time", time.stop_date.as_ref(), value::date);
            check.maybe("time", time.start_time.as_ref(), value::time_of_day);
            check.maybe("time", time.stop_time.as_ref(), value::time_of_day);
            check.maybe("time", time.weekdays.as_ref(), value::weekdays);
        }
        if rules.is_nat() {
            let more = matches.connection_nat.is_some()
                || matches.mark.is_some()
                || matches.icmp.is_some()
                || matches.limit.is_some()
                || matches.recent.is_some()
                || matches.time.is_some()
                || !matches.states.is_empty()
                || !matches.connection_marks.is_empty();
            check.that(
                !more,
                "protocol",
                "NAT knows addresses, ports, protocols and interfaces only",
            );
        }
    }

    fn check_side(&self, check: &mut Check, name: &str, side: &Side, protocol: &str, rules: Rules) {
        let field = |part: &str| format!("{name}.{part}");
        check.maybe(&field("address"), side.address.as_ref(), value::rule_address);
        if let Some(address) = side.address.as_deref() {
            let fits = rules == Rules::Bridge || address.contains(':') == rules.is_ipv6();
            let family = if rules.is_ipv6() { "IPv6" } else { "IPv4" };
            check.that(fits, &field("address"), &format!("an address of {family}"));
        }
        if rules == Rules::Nat66Source {
            let is_prefix = side.address.as_deref().is_none_or(|address| address.contains('/'));
            check.that(is_prefix, &field("address"), "a network such as 2001:db8::/64");
        }
        check.maybe(&field("port"), side.port.as_ref(), value::ports);
        let mac = |value: &str| value::mac(value.strip_prefix('!').unwrap_or(value));
        check.maybe(&field("mac"), side.mac.as_ref(), mac);
        check.maybe(&field("fqdn"), side.fqdn.as_ref(), value::fqdn);
        check.each(&field("countries"), &side.countries, value::country);
        let mut places = usize::from(side.address.is_some())
            + usize::from(side.fqdn.is_some())
            + usize::from(!side.countries.is_empty());
        let mut has_ports = side.port.is_some();
        for group in &side.groups {
            let kind = kind_of(&group.kind, rules.is_ipv6());
            let exists = kind.is_some_and(|kind| {
                let path = kind.path(&group.name);
                self.exists(&path.iter().map(String::as_str).collect::<Vec<_>>())
            });
            let message = format!("there is no {} {}", group.kind.replace('-', " "), group.name);
            check.that(exists, &field("groups"), &message);
            match group.kind.as_str() {
                "port-group" => {
                    check.that(!has_ports, &field("port"), "either ports or a group of them");
                    has_ports = true;
                }
                "mac-group" => {}
                _ => places += 1,
            }
            let same = side.groups.iter().filter(|other| other.kind == group.kind).count();
            check.that(same == 1, &field("groups"), "one group of a kind");
        }
        let message = "only one of address, name, countries and address or network group";
        check.that(places <= 1, &field("address"), message);
        let fits = !has_ports || WITH_PORTS.contains(&protocol);
        check.that(fits, "protocol", "tcp, udp or tcp_udp, as ports are named");
    }

    /// Writes conditions into a rule. What they do not speak of stays.
    pub(super) fn write_matches(&mut self, rule: &[&str], matches: &Matches, rules: Rules) {
        self.put(&below(rule, &["protocol"]), matches.protocol.as_ref());
        let address = if rules == Rules::Nat66Source { "prefix" } else { "address" };
        for (word, side) in [("source", &matches.source), ("destination", &matches.destination)] {
            self.write_side(&below(rule, &[word]), side, address);
        }
        for (word, one) in
            [("inbound-interface", &matches.inbound), ("outbound-interface", &matches.outbound)]
        {
            let path = below(rule, &[word]);
            let said = |one: &InterfaceMatch, value: &Option<String>| {
                let not = if one.inverted { "!" } else { "" };
                value.as_ref().map(|value| format!("{not}{value}"))
            };
            let name = one.as_ref().and_then(|one| said(one, &one.name));
            let group = one.as_ref().and_then(|one| said(one, &one.group));
            self.put(&below(&path, &["name"]), name);
            self.put(&below(&path, &["group"]), group);
            self.prune(&path, rule.len());
        }
        self.fill(&below(rule, &["state"]), &matches.states);
        self.fill(&below(rule, &["connection-mark"]), &matches.connection_marks);
        self.put(&below(rule, &["mark"]), matches.mark.as_ref());
        let nat = below(rule, &["connection-status"]);
        self.put(&below(&nat, &["nat"]), matches.connection_nat.as_ref());
        self.prune(&nat, rule.len());
        let icmp = matches.icmp.clone().unwrap_or_default();
        let word = if rules.is_ipv6() { "icmpv6" } else { "icmp" };
        self.write_group(
            rule,
            word,
            &[
                ("type-name", icmp.type_name.as_ref()),
                ("type", icmp.kind.as_ref()),
                ("code", icmp.code.as_ref()),
            ],
        );
        let limit = matches.limit.clone().unwrap_or_default();
        let parts = [("rate", limit.rate.as_ref()), ("burst", limit.burst.as_ref())];
        self.write_group(rule, "limit", &parts);
        let recent = matches.recent.clone().unwrap_or_default();
        let parts = [("count", recent.rate.as_ref()), ("time", recent.burst.as_ref())];
        self.write_group(rule, "recent", &parts);
        let Time { start_date, start_time, stop_date, stop_time, weekdays } =
            matches.time.clone().unwrap_or_default();
        self.write_group(
            rule,
            "time",
            &[
                ("startdate", start_date.as_ref()),
                ("starttime", start_time.as_ref()),
                ("stopdate", stop_date.as_ref()),
                ("stoptime", stop_time.as_ref()),
                ("weekdays", weekdays.as_ref()),
            ],
        );
    }

    fn write_group(&mut self, rule: &[&str], word: &str, settings: &[(&str, Option<&String>)]) {
        let path = below(rule, &[word]);
        for (name, value) in settings {
            self.put(&below(&path, &[name]), *value);
        }
        self.prune(&path, rule.len());
    }

    fn write_side(&mut self, path: &[&str], side: &Side, address: &str) {
        self.put(&below(path, &[address]), side.address.as_ref());
        self.put(&below(path, &["port"]), side.port.as_ref());
        self.put(&below(path, &["mac-address"]), side.mac.as_ref());
        self.put(&below(path, &["fqdn"]), side.fqdn.as_ref());
        let geoip = below(path, &["geoip"]);
        self.fill(&below(&geoip, &["country-code"]), &side.countries);
        let inverted = side.countries_inverted && !side.countries.is_empty();
        self.flag(&below(&geoip, &["inverse-match"]), inverted);
        self.prune(&geoip, path.len());
        let groups = below(path, &["group"]);
        for word in GROUP_WORDS {
            let group = side.groups.iter().find(|group| group.kind == *word);
            let said = group.map(|group| {
                let not = if group.inverted { "!" } else { "" };
                format!("{not}{}", group.name)
            });
            self.put(&below(&groups, &[word]), said);
        }
        self.prune(&groups, path.len());
        self.prune(path, path.len().saturating_sub(1));
    }
}

/// The kind of group that a word of a rule means.
fn kind_of(word: &str, is_ipv6: bool) -> Option<GroupKind> {
    Some(match word {
        "address-group" if is_ipv6 => GroupKind::Ipv6Address,
        "network-group" if is_ipv6 => GroupKind::Ipv6Network,
        "address-group" | "ipv4-address-group" => GroupKind::Address,
        "network-group" | "ipv4-network-group" => GroupKind::Network,
        "ipv6-address-group" => GroupKind::Ipv6Address,
        "ipv6-network-group" => GroupKind::Ipv6Network,
        "dynamic-address-group" if is_ipv6 => GroupKind::DynamicIpv6Address,
        "dynamic-address-group" => GroupKind::DynamicAddress,
        "port-group" => GroupKind::Port,
        "mac-group" => GroupKind::Mac,
        "domain-group" => GroupKind::Domain,
        "remote-group" => GroupKind::Remote,
        _ => return None,
    })
}
