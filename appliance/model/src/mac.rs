//! IEEE 802 MAC-48 addresses.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A MAC-48 address (IEEE 802-2014, clause 8.2), shown as `00:11:22:aa:bb:cc`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// `ff:ff:ff:ff:ff:ff`.
    pub const BROADCAST: Self = Self([0xff; 6]);
    /// `00:00:00:00:00:00`, "unknown" in an ARP request.
    pub const ZERO: Self = Self([0; 6]);

    /// True for multicast and broadcast addresses (I/G bit set).
    pub const fn is_multicast(self) -> bool {
        self.0[0] & 0x01 != 0
    }

    /// True when the U/L bit is set: chosen by software, as phones do to hide who they are.
    pub const fn is_locally_administered(self) -> bool {
        self.0[0] & 0x02 != 0
    }

    /// True for an address that one station can own: neither zero nor multicast.
    pub const fn is_station(self) -> bool {
        let [a, b, c, d, e, f] = self.0;
        !self.is_multicast() && (a | b | c | d | e | f) != 0
    }

    /// The address as a number, most significant octet first.
    pub fn to_u64(self) -> u64 {
        self.0.iter().fold(0, |n, octet| n << 8 | u64::from(*octet))
    }

    /// The inverse of [`Mac::to_u64`]; bits above the 48th are dropped.
    pub const fn from_u64(n: u64) -> Self {
        let [_, _, a, b, c, d, e, f] = n.to_be_bytes();
        Self([a, b, c, d, e, f])
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is no MAC address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParseMacError;

impl fmt::Display for ParseMacError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a MAC address: give twelve hex digits, such as 00:11:22:aa:bb:cc")
    }
}

impl std::error::Error for ParseMacError {}

impl FromStr for Mac {
    type Err = ParseMacError;

    /// Accepts `00:11:22:aa:bb:cc`, `00-11-22-AA-BB-CC`, `0011.22aa.bbcc` and `001122aabbcc`.
    fn from_str(text: &str) -> Result<Self, ParseMacError> {
        let mut digits = 0;
        let mut value = 0_u64;
        for byte in text.trim().bytes() {
            match char::from(byte).to_digit(16) {
                Some(digit) => {
                    digits += 1;
                    value = value << 4 | u64::from(digit);
                }
                None if matches!(byte, b':' | b'-' | b'.') => {}
                None => return Err(ParseMacError),
            }
            if digits > 12 {
                return Err(ParseMacError);
            }
        }
        if digits == 12 { Ok(Self::from_u64(value)) } else { Err(ParseMacError) }
    }
}

impl Serialize for Mac {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Mac {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_address_survives_text_and_number(octets: [u8; 6]) {
            let mac = Mac(octets);
            prop_assert_eq!(mac.to_string().parse(), Ok(mac));
            prop_assert_eq!(Mac::from_u64(mac.to_u64()), mac);
        }

        #[test]
        fn no_text_makes_the_parser_panic(text: String) {
            let _ = text.parse::<Mac>();
        }
    }

    #[test]
    fn the_notations_of_vendors_are_understood() {
        let expected = Ok(Mac([0, 0x11, 0x22, 0xaa, 0xbb, 0xcc]));
        for text in ["00:11:22:AA:bb:cc", "00-11-22-aa-bb-cc", "0011.22aa.bbcc", "001122aabbcc"] {
            assert_eq!(text.parse(), expected, "{text}");
        }
    }

    #[test]
    fn text_of_another_length_is_refused() {
        for text in ["", "00:11:22:aa:bb", "00:11:22:aa:bb:cc:dd", "zz:11:22:aa:bb:cc"] {
            assert_eq!(text.parse::<Mac>(), Err(ParseMacError), "{text}");
        }
    }

    #[test]
    fn only_station_addresses_can_be_devices() {
        assert!(Mac([2, 0, 0, 0, 0, 1]).is_station());
        assert!(!Mac::ZERO.is_station());
        assert!(!Mac::BROADCAST.is_station());
        assert!(!Mac([0x01, 0, 0x5e, 0, 0, 0xfb]).is_station());
    }
}
