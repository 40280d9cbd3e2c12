//! Echo requests and replies, byte by byte (RFC 792; RFC 4443, 4). Pure.

use netlink::wire::native_u16;

/// The most bytes of data that a request carries: what a packet of 1 500 bytes holds with IPv4.
pub(crate) const LONGEST: usize = 1_472;
/// Bytes before the data.
const HEADER: usize = 8;

/// An echo request with `size` bytes of data. The kernel puts the checksum of IPv6 in.
pub(crate) fn request(is_v6: bool, id: u16, sequence: u16, size: usize) -> Vec<u8> {
    let mut bytes = vec![if is_v6 { 128 } else { 8 }, 0, 0, 0];
    bytes.extend(id.to_be_bytes());
    bytes.extend(sequence.to_be_bytes());
    bytes.extend((0..size.min(LONGEST)).map(|n| n as u8));
    if !is_v6 {
        let sum = checksum(&bytes).to_be_bytes();
        if let Some(place) = bytes.get_mut(2..4) {
            place.copy_from_slice(&sum);
        }
    }
    bytes
}

/// The internet checksum (RFC 1071).
fn checksum(bytes: &[u8]) -> u16 {
    let mut sum: u32 = bytes
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => u32::from(u16::from_be_bytes([*high, *low])),
            [high] => u32::from(*high) << 8,
            _ => 0,
        })
        .sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

/// The reply in a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) id: u16,
    pub(crate) sequence: u16,
    /// Bytes of data.
    pub(crate) size: usize,
    /// Hops that the packet had left, where the header was seen.
    pub(crate) ttl: Option<u8>,
}

/// Reads an echo reply; None for anything else. A raw socket of IPv4 sees the IP header as well.
pub(crate) fn reply(is_v6: bool, has_header: bool, datagram: &[u8]) -> Option<Reply> {
    let (ttl, message) = if has_header && !is_v6 {
        let words = usize::from(datagram.first()? & 0x0f);
        (Some(*datagram.get(8)?), datagram.get(words * 4..)?)
    } else {
        (None, datagram)
    };
    let wanted = if is_v6 { 129 } else { 0 };
    let number = |at: usize| native_u16(message, at).map(u16::from_be);
    let is_reply = *message.first()? == wanted && *message.get(1)? == 0;
    let reply = Reply {
        id: number(4)?,
        sequence: number(6)?,
        size: message.len().checked_sub(HEADER)?,
        ttl,
    };
    is_reply.then_some(reply)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_request_carries_a_checksum_that_adds_up() {
        for size in [0, 1, 56, 57] {
            let bytes = request(false, 0x1234, 7, size);
            assert_eq!(bytes.len(), 8 + size);
            assert_eq!(checksum(&bytes), 0, "{size}");
        }
        assert_eq!(request(true, 1, 2, 0), [128, 0, 0, 0, 0, 1, 0, 2]);
    }

    #[test]
    fn a_reply_is_read_behind_an_ip_header_or_without_one() {
        let bare = [0, 0, 9, 9, 0x12, 0x34, 0, 7, 1, 2];
        let read = reply(false, false, &bare).expect("a reply");
        assert_eq!((read.id, read.sequence, read.size, read.ttl), (0x1234, 7, 2, None));
        let mut whole = vec![0x46, 0, 0, 0, 0, 0, 0, 0, 61, 1];
        whole.resize(24, 0);
        whole.extend(bare);
        assert_eq!(reply(false, true, &whole).expect("a reply").ttl, Some(61));
        assert_eq!(reply(false, false, &[8, 0, 9, 9, 0, 0, 0, 0]), None, "a request");
        assert_eq!(reply(true, false, &bare), None, "of the other protocol");
    }

    proptest! {
        #[test]
        fn no_datagram_makes_the_reader_panic(bytes: Vec<u8>) {
            for (is_v6, has_header) in [(false, false), (false, true), (true, false)] {
                let _ = reply(is_v6, has_header, &bytes);
            }
        }
    }
}
