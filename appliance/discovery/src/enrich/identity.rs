//! What was concluded about a device, and on what grounds.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

macro_rules! device_types {
    ($($variant:ident $word:literal $people:literal $doc:literal,)*) => {
        /// What kind of thing a device is.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "lowercase")]
        pub enum DeviceType {
            $(#[doc = $doc] $variant,)*
        }

        impl DeviceType {
            /// All of them, in the order in which they are offered to people.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The word that is stored and that the API uses, such as `iot`.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// The word in a sentence, such as `smart device`.
            pub const fn for_people(self) -> &'static str {
                match self { $(Self::$variant => $people,)* }
            }
        }
    };
}

device_types! {
    Router "router" "router" "Routes between networks.",
    Laptop "laptop" "laptop" "A computer that is carried.",
    Desktop "desktop" "computer" "A computer that stays on a desk.",
    Phone "phone" "phone" "A mobile or desk telephone.",
    Tablet "tablet" "tablet" "A tablet or e-reader.",
    Tv "tv" "TV" "A television, or a box that feeds one.",
    Server "server" "server" "A computer that serves others, single-board computers included.",
    Printer "printer" "printer" "A printer or scanner.",
    Iot "iot" "smart device" "Sensors, switches, lamps, appliances, wearables.",
    Gaming "gaming" "game console" "A game console or handheld.",
    Camera "camera" "camera" "A network camera, doorbell or recorder.",
    Speaker "speaker" "speaker" "A speaker, voice assistant or audio receiver.",
    Network "network" "network device" "A switch or an access point.",
    Nas "nas" "NAS" "Network storage.",
}

impl fmt::Display for DeviceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The word is no device type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no device type: give one of router, laptop, desktop, phone, tablet, tv, server, \
         printer, iot, gaming, camera, speaker, network, nas"
)]
pub struct UnknownDeviceType(pub String);

impl FromStr for DeviceType {
    type Err = UnknownDeviceType;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let word = text.trim();
        Self::ALL
            .iter()
            .copied()
            .find(|kind| kind.as_str().eq_ignore_ascii_case(word))
            .ok_or_else(|| UnknownDeviceType(word.to_owned()))
    }
}

/// Where a conclusion came from, the weakest first: a later one overrides an earlier one.
///
/// DISC-15 asks for DHCP > host name > mDNS > TTL > OUI. The others are placed by who speaks: the
/// gateway's role is a fact of our own; LLDP and CDP are a switch's description of itself, down to
/// its firmware; SSDP texts are often a library's rather than the device's, hence below mDNS;
/// LLMNR and `NetBIOS` only tell that a family of systems is likely.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// What is usual for a conclusion from another source, such as `iOS` being a phone.
    Usual,
    /// The owner of the MAC prefix.
    Oui,
    /// The initial TTL of its packets.
    Ttl,
    /// LLMNR or `NetBIOS`.
    Netbios,
    /// SSDP announcements.
    Ssdp,
    /// Multicast DNS announcements.
    Mdns,
    /// A host name, whatever brought it.
    Hostname,
    /// DHCP options 55 and 60, `DHCPv6` option 16.
    Dhcp,
    /// LLDP or CDP.
    Link,
    /// Its place in the network: it is the gateway.
    Role,
}

impl Source {
    /// The word that is stored and that the API uses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Usual => "usual",
            Self::Oui => "oui",
            Self::Ttl => "ttl",
            Self::Netbios => "netbios",
            Self::Ssdp => "ssdp",
            Self::Mdns => "mdns",
            Self::Hostname => "hostname",
            Self::Dhcp => "dhcp",
            Self::Link => "link",
            Self::Role => "role",
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One concluded field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding<T> {
    /// What was concluded.
    pub value: T,
    /// What it rests on.
    pub source: Source,
    /// How sure that is by itself, 0 to 100.
    pub confidence: u8,
}

/// What a device is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Identity {
    /// Operating system, such as `Windows`, `iOS` or `Linux`.
    pub os_family: Option<Finding<String>>,
    /// Its version as far as it shows, such as `10 or 11`.
    pub os_version: Option<Finding<String>>,
    /// What kind of thing it is.
    pub device_type: Option<Finding<DeviceType>>,
    /// Who sells it, such as `Apple`.
    pub brand: Option<Finding<String>>,
    /// Which one, such as `iPhone 15 Pro`.
    pub model: Option<Finding<String>>,
    /// How sure the whole is, 0 (nothing is known) to 100.
    pub confidence: u8,
    /// Reasons for people, the weightiest first.
    pub because: Vec<String>,
}

impl Identity {
    /// The source of the weightiest field: type, else operating system, brand, model.
    pub fn source(&self) -> Option<Source> {
        self.device_type
            .as_ref()
            .map(|f| f.source)
            .or_else(|| self.os_family.as_ref().map(|f| f.source))
            .or_else(|| self.brand.as_ref().map(|f| f.source))
            .or_else(|| self.model.as_ref().map(|f| f.source))
    }

    /// The device's type.
    pub fn kind(&self) -> Option<DeviceType> {
        self.device_type.as_ref().map(|f| f.value)
    }

    /// The operating system's family.
    pub fn os(&self) -> Option<&str> {
        self.os_family.as_ref().map(|f| f.value.as_str())
    }
}
