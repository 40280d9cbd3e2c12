//! Interfaces: on and off, what they are called, their size of packets and addresses.

use serde::{Deserialize, Serialize};

use super::draft::{below, words};
use super::{Check, Draft, EditError, value};
use crate::facts::{Interface, interfaces};

/// What can be changed about an interface.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct InterfaceEdit {
    /// What to call it.
    pub description: Option<String>,
    /// In bytes, 68 to 16 000; none: that of its kind.
    pub mtu: Option<u32>,
    /// Addresses with their length, `dhcp` or `dhcpv6`.
    pub addresses: Vec<String>,
    /// Switched off.
    pub disabled: bool,
}

impl From<&Interface> for InterfaceEdit {
    fn from(one: &Interface) -> Self {
        Self {
            description: one.description.clone(),
            mtu: one.mtu,
            addresses: one.addresses.clone(),
            disabled: one.disabled,
        }
    }
}

/// Kinds whose addresses come from elsewhere, and that take none.
const WITHOUT_ADDRESSES: [&str; 3] = ["pppoe", "openvpn", "sstpc"];

impl Draft<'_> {
    /// Changes an interface by its name, such as `eth0` or `eth0.7`.
    pub fn edit_interface(&mut self, name: &str, edit: &InterfaceEdit) -> Result<(), EditError> {
        let one = self.interface_of(name)?;
        let mut check = Check::default();
        check.maybe("description", edit.description.as_ref(), value::text);
        check.range("mtu", edit.mtu, 68, 16_000);
        check.each("addresses", &edit.addresses, value::interface_address);
        let takes_dhcp = !["loopback", "dummy", "wireguard", "tunnel", "vti"].contains(&&*one.kind);
        let asks = edit.addresses.iter().any(|address| address.starts_with("dhcp"));
        check.that(takes_dhcp || !asks, "addresses", "this kind of interface cannot ask for one");
        let takes_any = !WITHOUT_ADDRESSES.contains(&one.kind.as_str());
        let has_none = edit.addresses.is_empty() || edit.addresses == one.addresses;
        check.that(
            takes_any || has_none,
            "addresses",
            "this kind of interface gets its address itself",
        );
        let is_loopback = one.kind == "loopback";
        let is_same = edit.mtu == one.mtu && edit.disabled == one.disabled;
        check.that(!is_loopback || is_same, "mtu", "the loopback is always on and has no size");
        if is_member(&one) && !edit.addresses.is_empty() {
            check.fail("addresses", "a member of a bridge or bond has no address of its own");
        }
        let fixed = edit.addresses.iter().any(|a| !a.starts_with("dhcp") && !a.contains(':'));
        let both = fixed && edit.addresses.iter().any(|address| address == "dhcp");
        check.that(!both, "addresses", "either dhcp or fixed IPv4 addresses, not both");
        check.done()?;
        let path = words(&one.path);
        self.put(&below(&path, &["description"]), edit.description.as_ref());
        self.put(&below(&path, &["mtu"]), edit.mtu);
        self.fill(&below(&path, &["address"]), &edit.addresses);
        self.flag(&below(&path, &["disable"]), edit.disabled);
        Ok(())
    }

    /// Switches an interface on or off.
    pub fn enable_interface(&mut self, name: &str, enabled: bool) -> Result<(), EditError> {
        let one = self.interface_of(name)?;
        let edit = InterfaceEdit { disabled: !enabled, ..InterfaceEdit::from(&one) };
        if one.kind == "loopback" && !enabled {
            return Err(EditError::of("disabled", "the loopback is always on"));
        }
        self.flag(&below(&words(&one.path), &["disable"]), edit.disabled);
        Ok(())
    }

    fn interface_of(&self, name: &str) -> Result<Interface, EditError> {
        let found = interfaces(self.tree()).into_iter().find(|one| one.name == name);
        found.ok_or_else(|| EditError::of("name", format!("there is no interface {name}")))
    }
}

fn is_member(one: &Interface) -> bool {
    one.member_of.is_some()
}
