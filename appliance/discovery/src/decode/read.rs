//! Walks bytes that a stranger sent: every step is checked, nothing panics.

use std::net::{Ipv4Addr, Ipv6Addr};

use model::{Mac, is_hidden};

use super::Why;

/// A cursor over a packet; each method takes from the front or says [`Why::Truncated`].
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], Why> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(Why::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Why> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(Why::Truncated)?;
        self.rest = rest;
        Ok(*taken)
    }

    pub(super) fn u8(&mut self) -> Result<u8, Why> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(super) fn be16(&mut self) -> Result<u16, Why> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn be32(&mut self) -> Result<u32, Why> {
        self.array().map(u32::from_be_bytes)
    }

    pub(super) fn ipv4(&mut self) -> Result<Ipv4Addr, Why> {
        self.array::<4>().map(Ipv4Addr::from)
    }

    pub(super) fn ipv6(&mut self) -> Result<Ipv6Addr, Why> {
        self.array::<16>().map(Ipv6Addr::from)
    }

    pub(super) fn mac(&mut self) -> Result<Mac, Why> {
        self.array().map(Mac)
    }
}

/// A string from the network made fit to be kept and shown: lossy UTF-8, line ends made blanks,
/// without control and direction-changing characters, trimmed, at most `most` bytes. `None` when nothing is left.
pub(super) fn text(bytes: &[u8], most: usize) -> Option<String> {
    // What is dropped or trimmed is bounded too, so that a long run of it costs no more.
    let bytes = bytes.get(..most.saturating_mul(2)).unwrap_or(bytes);
    let mut kept = String::new();
    for c in String::from_utf8_lossy(bytes).trim_start_matches(is_junk).chars() {
        let c = if c.is_whitespace() { ' ' } else { c };
        if kept.len() + c.len_utf8() > most {
            break;
        }
        if !is_hidden(c) {
            kept.push(c);
        }
    }
    kept.truncate(kept.trim_end().len());
    (!kept.is_empty()).then_some(kept)
}

fn is_junk(c: char) -> bool {
    c.is_whitespace() || is_hidden(c)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn text_loses_what_could_deceive_a_reader() {
        assert_eq!(
            text(b"  Anna's\x00 phone\x1b[31m \r\n", 64).as_deref(),
            Some("Anna's phone[31m")
        );
        assert_eq!(text("a\u{202e}b\u{200b}c".as_bytes(), 64).as_deref(), Some("abc"));
        assert_eq!(text(b"\xff\xfe", 64).as_deref(), Some("\u{fffd}\u{fffd}"));
        assert_eq!(text(b" \0\n", 64), None);
    }

    proptest! {
        #[test]
        fn text_is_bounded_and_clean(bytes: Vec<u8>, most in 1_usize..80) {
            if let Some(kept) = text(&bytes, most) {
                prop_assert!(kept.len() <= most && !kept.is_empty());
                prop_assert!(!kept.chars().any(is_hidden));
            }
        }
    }
}
