//! The DHCP server for IPv4: fixed addresses of stations, pools, what clients are told.

use serde::{Deserialize, Serialize};

use super::draft::below;
use super::{Check, Draft, EditError, value};
use crate::dialect::Dhcp4Form;
use crate::facts::dhcp::Range;
use crate::facts::{Family, StaticMapping, Subnet, dhcp_server, net};

/// A station whose address is fixed, as it shall be.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct StaticMappingEdit {
    /// Its name.
    pub name: String,
    /// Its hardware address.
    pub mac: Option<String>,
    /// Its DHCP identifier instead (1.5 and later).
    pub duid: Option<String>,
    /// An address of the subnet; without one it gets one of the pool.
    pub address: Option<String>,
    /// What to call it (1.5 and later).
    pub description: Option<String>,
    /// Switched off.
    pub disabled: bool,
}

impl From<&StaticMapping> for StaticMappingEdit {
    fn from(mapping: &StaticMapping) -> Self {
        Self {
            name: mapping.name.clone(),
            mac: mapping.mac.clone(),
            duid: mapping.duid.clone(),
            address: mapping.address.clone(),
            description: mapping.description.clone(),
            disabled: mapping.disabled,
        }
    }
}

/// What a subnet gives and tells, as it shall be.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SubnetEdit {
    /// In seconds; none: a day.
    pub lease_seconds: Option<u32>,
    /// Pools, all of them.
    pub ranges: Vec<RangeEdit>,
    /// Addresses within pools that are not given.
    pub excluded: Vec<String>,
    /// The gateway.
    pub default_router: Option<String>,
    /// DNS servers.
    pub name_servers: Vec<String>,
    /// The domain they are in.
    pub domain_name: Option<String>,
    /// Domains that they try.
    pub domain_search: Vec<String>,
    /// Time servers.
    pub ntp_servers: Vec<String>,
}

/// A pool, both ends included.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RangeEdit {
    /// Its name, often a number.
    pub name: String,
    /// The first address.
    pub start: String,
    /// The last address.
    pub stop: String,
}

impl From<&Range> for RangeEdit {
    fn from(range: &Range) -> Self {
        Self {
            name: range.name.clone(),
            start: range.start.clone().unwrap_or_default(),
            stop: range.stop.clone().unwrap_or_default(),
        }
    }
}

impl From<&Subnet> for SubnetEdit {
    fn from(subnet: &Subnet) -> Self {
        let options = subnet.options.clone();
        Self {
            lease_seconds: subnet.lease_seconds,
            ranges: subnet.ranges.iter().map(RangeEdit::from).collect(),
            excluded: subnet.excluded.clone(),
            default_router: options.default_router,
            name_servers: options.name_servers,
            domain_name: options.domain_name,
            domain_search: options.domain_search,
            ntp_servers: options.ntp_servers,
        }
    }
}

impl Draft<'_> {
    /// Makes a station's address fixed in a subnet, or changes that; `old_name` where it gets
    /// another name.
    pub fn set_static_mapping(
        &mut self,
        network: &str,
        prefix: &str,
        old_name: Option<&str>,
        edit: &StaticMappingEdit,
    ) -> Result<(), EditError> {
        let form = self.dialect.dhcp4()?;
        let subnet = self.dhcp_subnet(network, prefix)?;
        check_mapping(form, &subnet, old_name, edit)?;
        let path = subnet_path(network, prefix);
        let path = below(&path, &["static-mapping"]);
        if let Some(old) = old_name.filter(|old| *old != edit.name) {
            let kept = self.take(&below(&path, &[old])).unwrap_or_default();
            self.place(&below(&path, &[&edit.name]), kept);
        }
        let path = below(&path, &[&edit.name]);
        self.node(&path);
        let mac_word = match form {
            Dhcp4Form::Plain => "mac-address",
            Dhcp4Form::Option => "mac",
        };
        self.put(&below(&path, &[mac_word]), edit.mac.as_ref().map(|mac| mac.to_ascii_lowercase()));
        self.put(&below(&path, &["duid"]), edit.duid.as_ref());
        self.put(&below(&path, &["ip-address"]), edit.address.as_ref());
        self.put(&below(&path, &["description"]), edit.description.as_ref());
        self.flag(&below(&path, &["disable"]), edit.disabled);
        Ok(())
    }

    /// Takes a station's fixed address away.
    pub fn delete_static_mapping(
        &mut self,
        network: &str,
        prefix: &str,
        name: &str,
    ) -> Result<(), EditError> {
        let subnet = self.dhcp_subnet(network, prefix)?;
        if !subnet.mappings.iter().any(|mapping| mapping.name == name) {
            return Err(EditError::of("name", format!("there is no {name} in {prefix}")));
        }
        if subnet.ranges.is_empty() && subnet.mappings.len() == 1 {
            let message = "it is the last one, and a subnet needs a pool or a fixed address";
            return Err(EditError::of("name", message));
        }
        self.remove(&below(&subnet_path(network, prefix), &["static-mapping", name]));
        Ok(())
    }

    /// Changes what a subnet gives and tells.
    pub fn edit_dhcp_subnet(
        &mut self,
        network: &str,
        prefix: &str,
        edit: &SubnetEdit,
    ) -> Result<(), EditError> {
        let form = self.dialect.dhcp4()?;
        let subnet = self.dhcp_subnet(network, prefix)?;
        check_subnet(&subnet, edit)?;
        let path = subnet_path(network, prefix);
        self.put(&below(&path, &["lease"]), edit.lease_seconds);
        self.fill(&below(&path, &["exclude"]), &edit.excluded);
        for old in &subnet.ranges {
            if !edit.ranges.iter().any(|range| range.name == old.name) {
                self.remove(&below(&path, &["range", &old.name]));
            }
        }
        for range in &edit.ranges {
            let path = below(&path, &["range", &range.name]);
            self.put(&below(&path, &["start"]), Some(&range.start));
            self.put(&below(&path, &["stop"]), Some(&range.stop));
        }
        let options = match form {
            Dhcp4Form::Plain => path.clone(),
            Dhcp4Form::Option => below(&path, &["option"]),
        };
        self.put(&below(&options, &["default-router"]), edit.default_router.as_ref());
        self.fill(&below(&options, &["name-server"]), &edit.name_servers);
        self.put(&below(&options, &["domain-name"]), edit.domain_name.as_ref());
        self.fill(&below(&options, &["domain-search"]), &edit.domain_search);
        self.fill(&below(&options, &["ntp-server"]), &edit.ntp_servers);
        self.prune(&options, path.len());
        Ok(())
    }

    fn dhcp_subnet(&self, network: &str, prefix: &str) -> Result<Subnet, EditError> {
        let server = dhcp_server(self.tree(), Family::Ipv4);
        let mut networks = server.into_iter().flat_map(|server| server.networks);
        let network = networks.find(|known| known.name == network);
        let network =
            network.ok_or_else(|| EditError::of("network", "there is no such shared network"))?;
        let found = network.subnets.into_iter().find(|known| known.prefix == prefix);
        found.ok_or_else(|| EditError::of("subnet", "there is no such subnet in this network"))
    }
}

fn subnet_path<'a>(network: &'a str, prefix: &'a str) -> Vec<&'a str> {
    vec!["service", "dhcp-server", "shared-network-name", network, "subnet", prefix]
}

fn within(prefix: &str, address: &str) -> bool {
    address.parse().is_ok_and(|address| net::contains(prefix, address) == Some(true))
}

fn check_mapping(
    form: Dhcp4Form,
    subnet: &Subnet,
    old_name: Option<&str>,
    edit: &StaticMappingEdit,
) -> Result<(), EditError> {
    let mut check = Check::default();
    match form {
        Dhcp4Form::Plain => {
            let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
            let holds = (1..=63).contains(&edit.name.len()) && edit.name.chars().all(plain);
            check.that(holds, "name", "letters, digits, `-`, `_` and `.` only");
            let message = "this release keeps none here";
            check.that(edit.duid.is_none(), "duid", message);
            check.that(edit.description.is_none(), "description", message);
        }
        Dhcp4Form::Option => check.is("name", &edit.name, value::fqdn),
    }
    check.maybe("mac", edit.mac.as_ref(), value::mac);
    check.maybe("duid", edit.duid.as_ref(), value::duid);
    check.maybe("address", edit.address.as_ref(), value::ipv4);
    check.maybe("description", edit.description.as_ref(), value::text);
    let is_one = edit.mac.is_some() != edit.duid.is_some();
    check.that(is_one, "mac", "a hardware address or an identifier, and only one of them");
    if let Some(address) = &edit.address {
        let message = format!("is not in {}", subnet.prefix);
        check.that(within(&subnet.prefix, address), "address", &message);
    }
    let others = subnet.mappings.iter().filter(|other| Some(other.name.as_str()) != old_name);
    for other in others.clone().filter(|other| !other.disabled && !edit.disabled) {
        let same = |mine: &Option<String>, theirs: &Option<String>| match (mine, theirs) {
            (Some(mine), Some(theirs)) => mine.eq_ignore_ascii_case(theirs),
            _ => false,
        };
        let taken = format!("{} has it already", other.name);
        check.that(!same(&edit.mac, &other.mac), "mac", &taken);
        check.that(!same(&edit.duid, &other.duid), "duid", &taken);
        check.that(!same(&edit.address, &other.address), "address", &taken);
    }
    let is_taken = others.clone().any(|other| other.name == edit.name);
    check.that(!is_taken, "name", "there is one of this name");
    let old_exists = old_name.is_none_or(|old| subnet.mappings.iter().any(|m| m.name == old));
    check.that(old_exists, "name", "the one to change is not there any more");
    check.done()
}

fn check_subnet(subnet: &Subnet, edit: &SubnetEdit) -> Result<(), EditError> {
    let mut check = Check::default();
    check.each("excluded", &edit.excluded, value::ipv4);
    check.maybe("default_router", edit.default_router.as_ref(), value::ipv4);
    check.each("name_servers", &edit.name_servers, value::ipv4);
    check.maybe("domain_name", edit.domain_name.as_ref(), value::fqdn);
    check.each("domain_search", &edit.domain_search, value::fqdn);
    check.each("ntp_servers", &edit.ntp_servers, value::ipv4);
    let needed = edit.ranges.is_empty() && subnet.mappings.is_empty();
    check.that(!needed, "ranges", "a subnet needs a pool or a fixed address");
    for (at, range) in edit.ranges.iter().enumerate() {
        check.is("ranges", &range.name, value::name);
        for end in [&range.start, &range.stop] {
            check.is("ranges", end, value::ipv4);
            let message = format!("{end} is not in {}", subnet.prefix);
            check.that(within(&subnet.prefix, end), "ranges", &message);
        }
        let Some(span) = net::span(&format!("{}-{}", range.start, range.stop)) else {
            check.fail("ranges", format!("{} does not end behind its start", range.name));
            continue;
        };
        for other in edit.ranges.iter().take(at) {
            check.that(other.name != range.name, "ranges", "two of one name");
            let theirs = net::span(&format!("{}-{}", other.start, other.stop));
            let overlap = theirs.is_some_and(|(low, high)| span.0 <= high && low <= span.1);
            check.that(!overlap, "ranges", &format!("{} and {} overlap", other.name, range.name));
        }
    }
    for address in &edit.excluded {
        let message = format!("{address} is not in {}", subnet.prefix);
        check.that(within(&subnet.prefix, address), "excluded", &message);
    }
    check.done()
}
