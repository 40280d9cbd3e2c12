//! Netlink messages and their attributes (netlink(7), linux/netlink.h): bytes in, values out.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Bytes of a message's header.
const HEADER: usize = 16;
/// What must be a multiple of this many bytes.
const ALIGNMENT: usize = 4;
/// The bits of an attribute's number that say how to read it: nested, network byte order.
const KIND_MASK: u16 = 0x3fff;

/// A request, and one for all entries of a table.
const FLAG_REQUEST: u16 = 0x01;
const FLAG_DUMP: u16 = 0x300;
/// The table changed while it was read out.
pub const FLAG_INTERRUPTED: u16 = 0x10;

/// Ends of an answer.
pub const ERROR: u16 = 2;
/// See [`ERROR`].
pub const DONE: u16 = 3;

/// One message of a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message<'a> {
    /// What it is.
    pub kind: u16,
    /// Bits that say how it stands to others.
    pub flags: u16,
    /// The number of the question that it answers.
    pub sequence: u32,
    /// What follows the header.
    pub body: &'a [u8],
}

/// The messages of a datagram; ends at the first that is cut short.
pub fn messages(mut rest: &[u8]) -> impl Iterator<Item = Message<'_>> {
    std::iter::from_fn(move || {
        let length = usize::try_from(native_u32(rest, 0)?).ok()?;
        let message = Message {
            kind: native_u16(rest, 4)?,
            flags: native_u16(rest, 6)?,
            sequence: native_u32(rest, 8)?,
            body: rest.get(HEADER..length)?,
        };
        rest = rest.get(length.next_multiple_of(ALIGNMENT)..).unwrap_or_default();
        Some(message)
    })
}

impl<'a> Message<'a> {
    /// The attributes behind a fixed part of this many bytes.
    pub fn attributes(&self, fixed: usize) -> impl Iterator<Item = Attribute<'a>> + use<'a> {
        attributes(self.body.get(fixed..).unwrap_or_default())
    }

    /// The error that an end of an answer carries, as a positive number of errno(3).
    pub fn errno(&self) -> i32 {
        native_u32(self.body, 0).map_or(0, |code| (code as i32).saturating_neg())
    }
}

/// A value with its number (`struct nlattr`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// What it is, without the bits that say how to read it.
    pub kind: u16,
    /// Its octets.
    pub value: &'a [u8],
}

/// The attributes in these bytes; ends at the first that is cut short.
pub fn attributes(mut rest: &[u8]) -> impl Iterator<Item = Attribute<'_>> {
    std::iter::from_fn(move || {
        let length = usize::from(native_u16(rest, 0)?);
        let kind = native_u16(rest, 2)? & KIND_MASK;
        let value = rest.get(4..length)?;
        rest = rest.get(length.next_multiple_of(ALIGNMENT)..).unwrap_or_default();
        Some(Attribute { kind, value })
    })
}

impl<'a> Attribute<'a> {
    /// The attributes inside.
    pub fn nested(&self) -> impl Iterator<Item = Attribute<'a>> + use<'a> {
        attributes(self.value)
    }

    /// One octet.
    pub fn u8(&self) -> Option<u8> {
        self.value.first().copied()
    }

    /// In the machine's byte order.
    pub fn u16(&self) -> Option<u16> {
        native_u16(self.value, 0)
    }

    /// In the machine's byte order.
    pub fn u32(&self) -> Option<u32> {
        native_u32(self.value, 0)
    }

    /// In network byte order, as netfilter writes numbers.
    pub fn be16(&self) -> Option<u16> {
        self.u16().map(u16::from_be)
    }

    /// In network byte order.
    pub fn be32(&self) -> Option<u32> {
        self.u32().map(u32::from_be)
    }

    /// In network byte order.
    pub fn be64(&self) -> Option<u64> {
        let bytes = self.value.get(..8)?.try_into().ok()?;
        Some(u64::from_be_bytes(bytes))
    }

    /// Up to the first zero byte.
    pub fn text(&self) -> String {
        let end = self.value.iter().position(|b| *b == 0).unwrap_or(self.value.len());
        String::from_utf8_lossy(self.value.get(..end).unwrap_or_default()).into_owned()
    }

    /// An address by its length.
    pub fn ip(&self) -> Option<IpAddr> {
        if let Ok(octets) = <[u8; 4]>::try_from(self.value) {
            return Some(Ipv4Addr::from(octets).into());
        }
        <[u8; 16]>::try_from(self.value).ok().map(|octets| Ipv6Addr::from(octets).into())
    }
}

/// A number in the machine's byte order at this place.
pub fn native_u16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

/// A number in the machine's byte order at this place.
pub fn native_u32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

/// A number in the machine's byte order at this place.
pub fn native_u64(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_ne_bytes(bytes.get(at..at.checked_add(8)?)?.try_into().ok()?))
}

/// A question for all entries of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    bytes: Vec<u8>,
}

impl Request {
    /// Asks for everything that this kind of message names; `fixed` is the part before attributes.
    pub fn all(kind: u16, fixed: &[u8]) -> Self {
        let mut bytes = vec![0; HEADER];
        put(&mut bytes, 4, &kind.to_ne_bytes());
        put(&mut bytes, 6, &(FLAG_REQUEST | FLAG_DUMP).to_ne_bytes());
        bytes.extend_from_slice(fixed);
        bytes.resize(bytes.len().next_multiple_of(ALIGNMENT), 0);
        Self { bytes }
    }

    /// Adds an attribute.
    #[must_use]
    pub fn with(mut self, kind: u16, value: &[u8]) -> Self {
        push_attribute(&mut self.bytes, kind, value);
        self
    }

    /// The bytes to send.
    pub fn finish(mut self, sequence: u32) -> Vec<u8> {
        let length = self.bytes.len() as u32;
        put(&mut self.bytes, 0, &length.to_ne_bytes());
        put(&mut self.bytes, 8, &sequence.to_ne_bytes());
        self.bytes
    }
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    if let Some(place) = bytes.get_mut(at..at + value.len()) {
        place.copy_from_slice(value);
    }
}

/// Appends an attribute with its padding.
pub fn push_attribute(bytes: &mut Vec<u8>, kind: u16, value: &[u8]) {
    let length = (4 + value.len()) as u16;
    bytes.extend_from_slice(&length.to_ne_bytes());
    bytes.extend_from_slice(&kind.to_ne_bytes());
    bytes.extend_from_slice(value);
    bytes.resize(bytes.len().next_multiple_of(ALIGNMENT), 0);
}

/// Appends an attribute that holds others.
pub fn push_nested(bytes: &mut Vec<u8>, kind: u16, inner: &[u8]) {
    push_attribute(bytes, kind | 0x8000, inner);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_put_together_is_read_again() {
        let bytes = Request::all(18, &[7; 6]).with(3, b"eth0\0").with(0x8009, &[1, 2]).finish(5);
        let all: Vec<_> = messages(&bytes).collect();
        assert_eq!(all.len(), 1);
        assert_eq!((all[0].kind, all[0].sequence), (18, 5));
        let attributes: Vec<_> = all[0].attributes(8).collect();
        assert_eq!(attributes.len(), 2);
        assert_eq!(attributes[0].text(), "eth0");
        assert_eq!((attributes[1].kind, attributes[1].value), (9, &[1, 2][..]));
    }

    #[test]
    fn a_length_of_zero_ends_the_reading() {
        assert_eq!(messages(&[0; 64]).count(), 0);
        assert_eq!(attributes(&[0; 64]).count(), 0);
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic_or_go_on_for_ever(bytes: Vec<u8>) {
            for message in messages(&bytes) {
                for attribute in message.attributes(4) {
                    let _ = (attribute.text(), attribute.ip(), attribute.be64(), attribute.be16());
                    prop_assert!(attribute.nested().count() <= bytes.len());
                }
            }
            prop_assert!(messages(&bytes).count() <= bytes.len() / 16 + 1);
        }
    }
}
