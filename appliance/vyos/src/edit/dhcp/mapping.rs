//! Stations whose address is fixed.

use super::{StaticMappingEdit, family_of, subnet_path, within};
use crate::dialect::{Dhcp4Form, Dhcp6Form, Dialect};
use crate::edit::draft::below;
use crate::edit::{Check, Draft, EditError, value};
use crate::facts::{Family, Subnet, net};

/// What a release calls the parts of a fixed address; none for what it does not have.
struct Words {
    mac: Option<&'static str>,
    duid: Option<&'static str>,
    address: &'static str,
    prefix: Option<&'static str>,
    description: bool,
}

fn words(dialect: &Dialect, family: Family) -> Result<Words, EditError> {
    Ok(match family {
        Family::Ipv4 => {
            let is_new = dialect.dhcp4()? == Dhcp4Form::Option;
            Words {
                mac: Some(if is_new { "mac" } else { "mac-address" }),
                duid: is_new.then_some("duid"),
                address: "ip-address",
                prefix: None,
                description: is_new,
            }
        }
        Family::Ipv6 => {
            let is_new = dialect.dhcp6()? == Dhcp6Form::Option;
            Words {
                mac: is_new.then_some("mac"),
                duid: Some(if is_new { "duid" } else { "identifier" }),
                address: "ipv6-address",
                prefix: Some("ipv6-prefix"),
                description: is_new,
            }
        }
    })
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
        let words = words(self.dialect, family_of(prefix))?;
        let subnet = self.dhcp_subnet(network, prefix)?;
        check(&words, &subnet, old_name, edit)?;
        let path = subnet_path(network, prefix);
        let path = below(&path, &["static-mapping"]);
        if let Some(old) = old_name.filter(|old| *old != edit.name) {
            let kept = self.take(&below(&path, &[old])).unwrap_or_default();
            self.place(&below(&path, &[&edit.name]), kept);
        }
        let path = below(&path, &[&edit.name]);
        self.node(&path);
        let mac = edit.mac.as_ref().map(|mac| mac.to_ascii_lowercase());
        for (word, text) in [
            (words.mac, mac.as_ref()),
            (words.duid, edit.duid.as_ref()),
            (Some(words.address), edit.address.as_ref()),
            (words.prefix, edit.prefix.as_ref()),
            (words.description.then_some("description"), edit.description.as_ref()),
        ] {
            if let Some(word) = word {
                self.put(&below(&path, &[word]), text);
            }
        }
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
        let is_v4 = family_of(prefix) == Family::Ipv4;
        if is_v4 && subnet.ranges.is_empty() && subnet.mappings.len() == 1 {
            let message = "it is the last one, and a subnet needs a pool or a fixed address";
            return Err(EditError::of("name", message));
        }
        self.remove(&below(&subnet_path(network, prefix), &["static-mapping", name]));
        Ok(())
    }
}

fn check(
    words: &Words,
    subnet: &Subnet,
    old_name: Option<&str>,
    edit: &StaticMappingEdit,
) -> Result<(), EditError> {
    let mut check = Check::default();
    let is_v4 = family_of(&subnet.prefix) == Family::Ipv4;
    if words.description {
        check.is("name", &edit.name, value::fqdn);
    } else {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let holds = (1..=63).contains(&edit.name.len()) && edit.name.chars().all(plain);
        check.that(holds, "name", "letters, digits, `-`, `_` and `.` only");
    }
    let message = "this release keeps none here";
    check.that(words.mac.is_some() || edit.mac.is_none(), "mac", message);
    check.that(words.duid.is_some() || edit.duid.is_none(), "duid", message);
    check.that(words.prefix.is_some() || edit.prefix.is_none(), "prefix", message);
    check.that(words.description || edit.description.is_none(), "description", message);
    check.maybe("mac", edit.mac.as_ref(), value::mac);
    check.maybe("duid", edit.duid.as_ref(), value::duid);
    check.maybe("address", edit.address.as_ref(), if is_v4 { value::ipv4 } else { value::ipv6 });
    check.maybe("prefix", edit.prefix.as_ref(), value::ipv6_prefix);
    check.maybe("description", edit.description.as_ref(), value::text);
    let is_one = edit.mac.is_some() != edit.duid.is_some();
    let field = if words.mac.is_some() { "mac" } else { "duid" };
    check.that(is_one, field, "a hardware address or an identifier, and only one of them");
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
        let covers = |one: &Option<String>, two: &Option<String>| {
            let spans = one.as_deref().and_then(net::span).zip(two.as_deref().and_then(net::span));
            spans.is_some_and(|(one, two)| one.0 <= two.1 && two.0 <= one.1)
        };
        let taken = format!("{} has it already", other.name);
        check.that(!same(&edit.mac, &other.mac), "mac", &taken);
        check.that(!same(&edit.duid, &other.duid), "duid", &taken);
        check.that(!same(&edit.address, &other.address), "address", &taken);
        check.that(!covers(&edit.prefix, &other.prefix), "prefix", &taken);
    }
    let is_taken = others.clone().any(|other| other.name == edit.name);
    check.that(!is_taken, "name", "there is one of this name");
    let old_exists = old_name.is_none_or(|old| subnet.mappings.iter().any(|m| m.name == old));
    check.that(old_exists, "name", "the one to change is not there any more");
    check.done()
}
