//! Networks that addresses are given in: made, changed, taken away.

use super::{RangeEdit, SubnetEdit, family_of, has_ends, server_word, subnet_path, within};
use crate::dialect::{Dhcp4Form, Dhcp6Form};
use crate::edit::draft::below;
use crate::edit::{Check, Draft, EditError, value};
use crate::facts::{DhcpOptions, Family, Subnet, dhcp_server, interfaces, net};

impl Draft<'_> {
    /// Gives addresses in one more subnet, in a new shared network or in one that is there.
    pub fn add_dhcp_subnet(
        &mut self,
        network: &str,
        prefix: &str,
        edit: &SubnetEdit,
    ) -> Result<(), EditError> {
        let family = family_of(prefix);
        let has_numbers = match family {
            Family::Ipv4 => self.dialect.dhcp4()? == Dhcp4Form::Option,
            Family::Ipv6 => self.dialect.dhcp6()? == Dhcp6Form::Option,
        };
        let server = dhcp_server(self.tree(), family);
        let others: Vec<&Subnet> =
            server.iter().flat_map(|server| &server.networks).flat_map(|n| &n.subnets).collect();
        let mut check = Check::default();
        check.is("network", network, value::name);
        let is_prefix = match family {
            Family::Ipv4 => value::ipv4_prefix,
            Family::Ipv6 => value::ipv6_prefix,
        };
        check.is("subnet", prefix, is_prefix);
        let overlap = |other: &&&Subnet| {
            let spans = net::span(prefix).zip(net::span(&other.prefix));
            spans.is_some_and(|(one, two)| one.0 <= two.1 && two.0 <= one.1)
        };
        if let Some(other) = others.iter().find(overlap) {
            check.fail("subnet", format!("{} in {} overlaps it", other.prefix, other.network));
        }
        // The server listens where it has an address in a subnet; a relay reaches the other ones.
        let reached = self.is_connected(prefix)
            || others.iter().any(|other| self.is_connected(&other.prefix));
        let message = "no interface of the router has an address in it; give one that first";
        check.that(reached, "subnet", message);
        let blank = blank(network, prefix);
        if let Err(error) = check_subnet(&blank, edit) {
            error.fields.into_iter().for_each(|one| check.fail(&one.field, one.message));
        }
        let number = (1..=u32::MAX).find(|n| !others.iter().any(|other| other.id == Some(*n)));
        check.done()?;
        let path = subnet_path(network, prefix);
        self.node(&path);
        if has_numbers {
            self.put(&below(&path, &["subnet-id"]), number);
        }
        self.write_subnet(&blank, edit)
    }

    /// Gives no addresses in a subnet any more. A network without one goes, and a server without
    /// networks.
    pub fn delete_dhcp_subnet(&mut self, network: &str, prefix: &str) -> Result<(), EditError> {
        self.dhcp_subnet(network, prefix)?;
        let path = subnet_path(network, prefix);
        self.remove(&path);
        let server = dhcp_server(self.tree(), family_of(prefix));
        let left: Vec<(&str, usize)> = server
            .iter()
            .flat_map(|server| &server.networks)
            .map(|network| (network.name.as_str(), network.subnets.len()))
            .collect();
        let is_last = left.iter().all(|(_, subnets)| *subnets == 0);
        let is_bare = left.iter().any(|(name, subnets)| *name == network && *subnets == 0);
        if is_last {
            self.remove(&["service", server_word(family_of(prefix))]);
        } else if is_bare {
            self.remove(path.get(..4).unwrap_or(&path));
        }
        Ok(())
    }

    /// Changes what a subnet gives and tells.
    pub fn edit_dhcp_subnet(
        &mut self,
        network: &str,
        prefix: &str,
        edit: &SubnetEdit,
    ) -> Result<(), EditError> {
        let subnet = self.dhcp_subnet(network, prefix)?;
        check_subnet(&subnet, edit)?;
        self.write_subnet(&subnet, edit)
    }

    fn write_subnet(&mut self, subnet: &Subnet, edit: &SubnetEdit) -> Result<(), EditError> {
        let path = subnet_path(&subnet.network, &subnet.prefix);
        let grouped = match family_of(&subnet.prefix) {
            Family::Ipv4 => {
                self.put(&below(&path, &["lease"]), edit.lease_seconds);
                self.fill(&below(&path, &["exclude"]), &edit.excluded);
                self.write_ranges(&path, subnet, edit);
                self.dialect.dhcp4()? == Dhcp4Form::Option
            }
            Family::Ipv6 => {
                let form = self.dialect.dhcp6()?;
                let lease = below(&path, &["lease-time"]);
                self.put(&below(&lease, &["default"]), edit.lease_seconds);
                self.prune(&lease, path.len());
                match form {
                    Dhcp6Form::Plain => self.write_plain_ranges(&path, subnet, edit),
                    Dhcp6Form::Option => self.write_ranges(&path, subnet, edit),
                }
                form == Dhcp6Form::Option
            }
        };
        let options = if grouped { below(&path, &["option"]) } else { path.clone() };
        self.put(&below(&options, &["default-router"]), edit.default_router.as_ref());
        self.fill(&below(&options, &["name-server"]), &edit.name_servers);
        self.put(&below(&options, &["domain-name"]), edit.domain_name.as_ref());
        self.fill(&below(&options, &["domain-search"]), &edit.domain_search);
        self.fill(&below(&options, &["ntp-server"]), &edit.ntp_servers);
        self.prune(&options, path.len());
        Ok(())
    }

    fn write_ranges(&mut self, path: &[&str], subnet: &Subnet, edit: &SubnetEdit) {
        for old in subnet.ranges.iter().filter(|range| has_ends(range)) {
            if !edit.ranges.iter().any(|range| range.name == old.name) {
                self.remove(&below(path, &["range", &old.name]));
            }
        }
        for range in &edit.ranges {
            let path = below(path, &["range", &range.name]);
            self.put(&below(&path, &["start"]), Some(&range.start));
            self.put(&below(&path, &["stop"]), Some(&range.stop));
        }
    }

    /// Pools of IPv6 in 1.4, which go by their first address.
    fn write_plain_ranges(&mut self, path: &[&str], subnet: &Subnet, edit: &SubnetEdit) {
        let path = below(path, &["address-range"]);
        for old in subnet.ranges.iter().filter(|range| has_ends(range)) {
            if !edit.ranges.iter().any(|range| range.start == old.name) {
                self.remove(&below(&path, &["start", &old.name]));
            }
        }
        for range in &edit.ranges {
            self.put(&below(&path, &["start", &range.start, "stop"]), Some(&range.stop));
        }
        self.prune(&below(&path, &["start"]), path.len() - 1);
    }

    fn is_connected(&self, prefix: &str) -> bool {
        let interfaces = interfaces(self.tree());
        let mut addresses = interfaces.iter().flat_map(|interface| &interface.addresses);
        addresses.any(|address| {
            let address = address.split_once('/').map_or(address.as_str(), |(address, _)| address);
            within(prefix, address)
        })
    }
}

fn blank(network: &str, prefix: &str) -> Subnet {
    Subnet {
        network: network.to_owned(),
        prefix: prefix.to_owned(),
        id: None,
        description: None,
        disabled: false,
        lease_seconds: None,
        ranges: Vec::new(),
        excluded: Vec::new(),
        options: DhcpOptions::default(),
        mappings: Vec::new(),
        other: Vec::new(),
    }
}

fn check_subnet(subnet: &Subnet, edit: &SubnetEdit) -> Result<(), EditError> {
    let mut check = Check::default();
    let is_v4 = family_of(&subnet.prefix) == Family::Ipv4;
    let address = if is_v4 { value::ipv4 } else { value::ipv6 };
    check.each("excluded", &edit.excluded, address);
    check.maybe("default_router", edit.default_router.as_ref(), address);
    check.each("name_servers", &edit.name_servers, address);
    check.maybe("domain_name", edit.domain_name.as_ref(), value::fqdn);
    check.each("domain_search", &edit.domain_search, value::fqdn);
    check.each("ntp_servers", &edit.ntp_servers, address);
    if is_v4 {
        let needed = edit.ranges.is_empty() && subnet.mappings.is_empty();
        check.that(!needed, "ranges", "a subnet needs a pool or a fixed address");
    } else {
        let message = "DHCP for IPv6 has none here";
        check.that(edit.excluded.is_empty(), "excluded", message);
        let message = "DHCP for IPv6 tells none: router advertisements do";
        check.that(edit.default_router.is_none(), "default_router", message);
        let message = "DHCP for IPv6 tells none here";
        check.that(edit.domain_name.is_none(), "domain_name", message);
        check.that(edit.ntp_servers.is_empty(), "ntp_servers", message);
        check.range("lease_seconds", edit.lease_seconds, 1, u32::MAX);
    }
    for (at, range) in edit.ranges.iter().enumerate() {
        check_range(&mut check, subnet, range, edit.ranges.get(..at).unwrap_or_default(), address);
    }
    for address in &edit.excluded {
        let message = format!("{address} is not in {}", subnet.prefix);
        check.that(within(&subnet.prefix, address), "excluded", &message);
    }
    check.done()
}

fn check_range(
    check: &mut Check,
    subnet: &Subnet,
    range: &RangeEdit,
    others: &[RangeEdit],
    address: fn(&str) -> Result<(), String>,
) {
    // A pool that goes by its first address keeps that name.
    if range.name != range.start {
        check.is("ranges", &range.name, value::name);
    }
    for end in [&range.start, &range.stop] {
        check.is("ranges", end, address);
        let message = format!("{end} is not in {}", subnet.prefix);
        check.that(within(&subnet.prefix, end), "ranges", &message);
    }
    let Some(span) = net::span(&format!("{}-{}", range.start, range.stop)) else {
        return check.fail("ranges", format!("{} does not end behind its start", range.name));
    };
    for other in others {
        check.that(other.name != range.name, "ranges", "two of one name");
        let theirs = net::span(&format!("{}-{}", other.start, other.stop));
        let overlap = theirs.is_some_and(|(low, high)| span.0 <= high && low <= span.1);
        check.that(!overlap, "ranges", &format!("{} and {} overlap", other.name, range.name));
    }
}
