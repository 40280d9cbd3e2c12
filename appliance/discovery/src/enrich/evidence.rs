//! All that is known of one device, as the decoders hand it over.

use serde::{Deserialize, Serialize};

/// What one device has shown of itself. Whatever was not seen stays at its default.
///
/// All text is as it came from the network: any case, any length.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[allow(clippy::struct_excessive_bools)] // each is a fact of its own
pub struct Evidence {
    /// The registered owner of the MAC prefix, as [`crate::vendor::lookup`] names it.
    pub vendor: Option<String>,
    /// The MAC address is locally administered: chosen by the device, not by its maker.
    pub randomised_mac: bool,
    /// Host names that did not come by DHCP: PTR, mDNS host, `NetBIOS`, LLMNR, router's own table.
    pub hostnames: Vec<String>,
    /// What it asked the DHCP server.
    pub dhcp: Dhcp,
    /// `DHCPv6` vendor class data (RFC 8415, option 16).
    pub dhcp6_vendor_class: Option<String>,
    /// What it announces by multicast DNS.
    pub mdns: Mdns,
    /// What it announces by SSDP.
    pub ssdp: Ssdp,
    /// It answers or asks by LLMNR (RFC 4795).
    pub llmnr: bool,
    /// It answers or asks by `NetBIOS` name service (RFC 1002).
    pub netbios: bool,
    /// The TTL of a packet it sent itself, as it arrived here over `255 - TTL` hops or fewer.
    pub ttl: Option<u8>,
    /// What it said by LLDP (IEEE 802.1AB) or CDP.
    pub link: Option<Link>,
    /// It is the router that this runs on, or the default gateway of a network.
    pub is_gateway: bool,
}

/// The options of a device's `DHCPv4` requests that tell about it (RFC 2132).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Dhcp {
    /// Host name, option 12.
    pub hostname: Option<String>,
    /// Vendor class identifier, option 60.
    pub vendor_class: Option<String>,
    /// Parameter request list, option 55, in the order of the packet.
    pub parameters: Vec<u8>,
}

/// A device's announcements by multicast DNS and DNS-SD (RFC 6762, RFC 6763).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Mdns {
    /// Service types such as `_ipp._tcp`, with or without `.local`.
    pub services: Vec<String>,
    /// Keys and values of all TXT records.
    pub txt: Vec<(String, String)>,
}

/// A device's announcements by SSDP (`UPnP` Device Architecture 2.0).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ssdp {
    /// Values of `SERVER:` and, in searches, `USER-AGENT:`.
    pub servers: Vec<String>,
    /// Values of `ST:`, `NT:` and the type part of `USN:`.
    pub targets: Vec<String>,
}

/// What a neighbour says of itself on the link.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[allow(clippy::struct_excessive_bools)] // the bits of the capabilities TLV, one by one
pub struct Link {
    /// LLDP system description, or CDP version and platform.
    pub description: String,
    /// Enabled capability: bridge or switch.
    pub bridge: bool,
    /// Enabled capability: router.
    pub router: bool,
    /// Enabled capability: wireless access point.
    pub access_point: bool,
    /// Enabled capability: telephone.
    pub telephone: bool,
}
