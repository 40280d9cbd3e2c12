//! DNS messages as far as the lab needs them (RFC 1035, 2782, 6762): reading questions, writing
//! records. Pure. Names are kept as wire labels without compression; that is legal and simple.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub(crate) const A: u16 = 1;
pub(crate) const PTR: u16 = 12;
pub(crate) const TXT: u16 = 16;
pub(crate) const AAAA: u16 = 28;
pub(crate) const SRV: u16 = 33;
pub(crate) const ANY: u16 = 255;

/// Set in the class of a record that replaces what was known (RFC 6762, 10.2).
const CACHE_FLUSH: u16 = 0x8000;

/// A name as labels, without the closing root label; dots inside a label are just bytes.
pub(crate) type Name = Vec<Vec<u8>>;

/// A name from text, split at its dots; longer labels than 63 bytes are cut.
pub(crate) fn name(text: &str) -> Name {
    text.split('.')
        .filter(|label| !label.is_empty())
        .map(|label| label.bytes().take(63).collect())
        .collect()
}

/// `instance` (which may hold dots and spaces) in front of the name of its service.
pub(crate) fn instance(instance: &str, service: &str) -> Name {
    let mut labels = vec![instance.bytes().take(63).collect()];
    labels.extend(name(service));
    labels
}

/// Names are equal whatever their case (RFC 1035, 2.3.3).
pub(crate) fn same(a: &Name, b: &Name) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.eq_ignore_ascii_case(b))
}

/// One question of a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Question {
    pub(crate) name: Name,
    pub(crate) kind: u16,
    /// The asker wants a direct answer (mDNS "QU").
    pub(crate) unicast: bool,
}

/// Reads identifier and questions of a query; `None` for responses and malformed messages.
pub(crate) fn query(bytes: &[u8]) -> Option<(u16, Vec<Question>)> {
    let half = |at: usize| Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?));
    if half(2)? & 0x8000 != 0 {
        return None;
    }
    let mut at = 12;
    let mut questions = Vec::new();
    for _ in 0..half(4)?.min(64) {
        let (name, after) = read_name(bytes, at)?;
        let class = half(after + 2)?;
        questions.push(Question { name, kind: half(after)?, unicast: class & 0x8000 != 0 });
        at = after + 4;
    }
    Some((half(0)?, questions))
}

/// Reads a name at `at`; pointers go backwards only, so it ends.
fn read_name(bytes: &[u8], mut at: usize) -> Option<(Name, usize)> {
    let mut labels = Name::new();
    let mut after = None;
    loop {
        let length = usize::from(*bytes.get(at)?);
        match length {
            0 => return Some((labels, after.unwrap_or(at + 1))),
            1..=63 => {
                labels.push(bytes.get(at + 1..at + 1 + length)?.to_vec());
                at += 1 + length;
            }
            192.. => {
                let target = (length & 0x3f) << 8 | usize::from(*bytes.get(at + 1)?);
                after = after.or(Some(at + 2));
                if target >= at {
                    return None;
                }
                at = target;
            }
            _ => return None,
        }
        if labels.len() > 127 {
            return None;
        }
    }
}

/// One resource record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    name: Name,
    kind: u16,
    class: u16,
    ttl: u32,
    data: Vec<u8>,
}

impl Record {
    /// `name` points to `to`; shared by many, so it never flushes a cache.
    pub(crate) fn ptr(name: &Name, to: &Name, ttl: u32) -> Self {
        Self { name: name.clone(), kind: PTR, class: 1, ttl, data: labels(to) }
    }

    pub(crate) fn a(name: &Name, address: Ipv4Addr, ttl: u32) -> Self {
        Self {
            name: name.clone(),
            kind: A,
            class: 1 | CACHE_FLUSH,
            ttl,
            data: address.octets().to_vec(),
        }
    }

    pub(crate) fn aaaa(name: &Name, address: Ipv6Addr, ttl: u32) -> Self {
        Self {
            name: name.clone(),
            kind: AAAA,
            class: 1 | CACHE_FLUSH,
            ttl,
            data: address.octets().to_vec(),
        }
    }

    pub(crate) fn address(name: &Name, address: IpAddr, ttl: u32) -> Self {
        match address {
            IpAddr::V4(address) => Self::a(name, address, ttl),
            IpAddr::V6(address) => Self::aaaa(name, address, ttl),
        }
    }

    /// Where a service instance is reached (RFC 2782).
    pub(crate) fn srv(name: &Name, port: u16, host: &Name, ttl: u32) -> Self {
        let mut data = vec![0, 0, 0, 0];
        data.extend(port.to_be_bytes());
        data.extend(labels(host));
        Self { name: name.clone(), kind: SRV, class: 1 | CACHE_FLUSH, ttl, data }
    }

    /// Key and value strings; an empty list is one empty string (RFC 6763, 6.1).
    pub(crate) fn txt(name: &Name, strings: &[String], ttl: u32) -> Self {
        let mut data = Vec::new();
        for text in strings {
            let text = &text.as_bytes()[..text.len().min(255)];
            data.push(text.len() as u8);
            data.extend(text);
        }
        if data.is_empty() {
            data.push(0);
        }
        Self { name: name.clone(), kind: TXT, class: 1 | CACHE_FLUSH, ttl, data }
    }

    /// For plain DNS and LLMNR, where the class has no flush bit.
    pub(crate) fn without_flush(mut self) -> Self {
        self.class &= !CACHE_FLUSH;
        self
    }

    pub(crate) fn name(&self) -> &Name {
        &self.name
    }

    pub(crate) fn kind(&self) -> u16 {
        self.kind
    }
}

/// A message under construction.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    id: u16,
    flags: u16,
    questions: Vec<Question>,
    answers: Vec<Record>,
    additional: Vec<Record>,
}

impl Message {
    /// A multicast response: authoritative, identifier as given (0 on multicast).
    pub(crate) fn response(id: u16) -> Self {
        Self::with_flags(id, 0x8400)
    }

    /// A message with the second header word `flags`.
    pub(crate) fn with_flags(id: u16, flags: u16) -> Self {
        Self { id, flags, questions: Vec::new(), answers: Vec::new(), additional: Vec::new() }
    }

    pub(crate) fn question(mut self, name: &Name, kind: u16) -> Self {
        self.questions.push(Question { name: name.clone(), kind, unicast: false });
        self
    }

    pub(crate) fn answer(mut self, record: Record) -> Self {
        if !self.answers.contains(&record) {
            self.answers.push(record);
        }
        self
    }

    pub(crate) fn additional(mut self, record: Record) -> Self {
        if !self.additional.contains(&record) && !self.answers.contains(&record) {
            self.additional.push(record);
        }
        self
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.answers.is_empty()
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(512);
        for word in [
            self.id,
            self.flags,
            self.questions.len() as u16,
            self.answers.len() as u16,
            0,
            self.additional.len() as u16,
        ] {
            out.extend(word.to_be_bytes());
        }
        for question in &self.questions {
            out.extend(labels(&question.name));
            out.extend(question.kind.to_be_bytes());
            out.extend((1 | if question.unicast { 0x8000_u16 } else { 0 }).to_be_bytes());
        }
        for record in self.answers.iter().chain(&self.additional) {
            out.extend(labels(&record.name));
            out.extend(record.kind.to_be_bytes());
            out.extend(record.class.to_be_bytes());
            out.extend(record.ttl.to_be_bytes());
            out.extend((record.data.len() as u16).to_be_bytes());
            out.extend(&record.data);
        }
        out
    }
}

fn labels(name: &Name) -> Vec<u8> {
    let mut out = Vec::with_capacity(64);
    for label in name {
        out.push(label.len() as u8);
        out.extend(label);
    }
    out.push(0);
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_question_is_read_as_it_was_written() {
        let asked = name("_ipp._tcp.local");
        let bytes = Message::with_flags(7, 0).question(&asked, PTR).bytes();
        assert_eq!(
            query(&bytes),
            Some((7, vec![Question { name: asked, kind: PTR, unicast: false }]))
        );
    }

    #[test]
    fn a_compressed_name_is_followed_backwards_only() {
        let mut bytes =
            Message::with_flags(7, 0).question(&name("a.local"), A).question(&name("x"), A).bytes();
        let second = bytes.len() - 7;
        bytes.splice(second..second + 3, [0xc0, 12]);
        assert_eq!(query(&bytes).unwrap().1[1].name, name("a.local"));
        bytes[second + 1] = second as u8;
        assert_eq!(query(&bytes), None, "a pointer to itself");
    }

    #[test]
    fn a_response_is_no_query() {
        assert_eq!(query(&Message::response(0).bytes()), None);
    }

    #[test]
    fn names_are_equal_whatever_their_case() {
        assert!(same(&name("Printer.LOCAL"), &name("printer.local")));
        assert!(!same(&name("printer.local"), &name("printer")));
    }

    #[test]
    fn an_instance_keeps_its_dots_and_spaces() {
        assert_eq!(instance("HP 4.1 [5A]", "_ipp._tcp.local")[0], b"HP 4.1 [5A]");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = query(&bytes);
        }
    }
}
