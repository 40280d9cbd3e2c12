//! The little of DNS (RFC 1035) that asking for a name takes: one question out, its answer in.
//! Whatever comes in, nothing panics and the work is bounded by its length.

use std::net::IpAddr;

const PTR: u16 = 12;
const NS: u16 = 2;
const INTERNET: u16 = 1;
const RECURSION_DESIRED: u16 = 0x0100;
const RESPONSE: u16 = 0x8000;
const NAME_ERROR: u16 = 3;
/// Records looked at in an answer.
const MOST_RECORDS: u16 = 32;
const LONGEST_NAME: usize = 255;
/// Compression pointers followed in one name.
const MOST_JUMPS: usize = 16;

/// A question as it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Question {
    id: u16,
    labels: Vec<String>,
    kind: u16,
}

/// What an answer says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reply {
    /// The name, and for how many seconds it holds.
    Name(String, u32),
    /// There is none.
    Nothing,
    /// The server could not tell.
    Failed,
}

impl Question {
    /// The name of an address (RFC 1035, 3.5; RFC 3596, 2.5).
    pub(super) fn name_of(ip: IpAddr, id: u16) -> Self {
        let mut labels: Vec<String> = match ip {
            IpAddr::V4(ip) => ip.octets().iter().rev().map(u8::to_string).collect(),
            IpAddr::V6(ip) => {
                let octets = ip.octets();
                let nibbles = octets.iter().rev().flat_map(|octet| [octet & 15, octet >> 4]);
                nibbles.map(|nibble| format!("{nibble:x}")).collect()
            }
        };
        labels.push(if ip.is_ipv4() { "in-addr" } else { "ip6" }.to_owned());
        labels.push("arpa".to_owned());
        Self { id, labels, kind: PTR }
    }

    /// Who serves the root: any working resolver knows, and it tells nobody anything.
    pub(super) const fn root(id: u16) -> Self {
        Self { id, labels: Vec::new(), kind: NS }
    }

    pub(super) fn message(&self) -> Vec<u8> {
        let header = [self.id, RECURSION_DESIRED, 1, 0, 0, 0];
        let mut message: Vec<u8> = header.iter().flat_map(|word| word.to_be_bytes()).collect();
        for label in &self.labels {
            message.push(label.len() as u8);
            message.extend_from_slice(label.as_bytes());
        }
        message.push(0);
        message.extend([self.kind, INTERNET].iter().flat_map(|word| word.to_be_bytes()));
        message
    }

    /// Understands a message; `None` where it is no sound answer to this question.
    pub(super) fn answer(&self, message: &[u8]) -> Option<Reply> {
        let mut r = Cursor { message, at: 0 };
        let [id, flags, questions, answers] = [r.be16()?, r.be16()?, r.be16()?, r.be16()?];
        r.skip(4)?;
        if id != self.id || flags & RESPONSE == 0 || questions != 1 {
            return None;
        }
        let asked = r.name()?;
        let same = asked.len() == self.labels.len()
            && asked.iter().zip(&self.labels).all(|(a, b)| a.eq_ignore_ascii_case(b.as_bytes()));
        if !same || [r.be16()?, r.be16()?] != [self.kind, INTERNET] {
            return None;
        }
        match flags & 0x0f {
            0 => {}
            NAME_ERROR => return Some(Reply::Nothing),
            _ => return Some(Reply::Failed),
        }
        for _ in 0..answers.min(MOST_RECORDS) {
            // Its owner may be another one, by way of an alias (RFC 2317).
            r.name()?;
            let [kind, class] = [r.be16()?, r.be16()?];
            let ttl = u32::from(r.be16()?) << 16 | u32::from(r.be16()?);
            let length = usize::from(r.be16()?);
            let next = r.at.checked_add(length).filter(|next| *next <= message.len())?;
            if (kind, class) == (PTR, INTERNET) {
                return Some(
                    text(&r.name()?).map_or(Reply::Nothing, |name| Reply::Name(name, ttl)),
                );
            }
            r.at = next;
        }
        Some(Reply::Nothing)
    }
}

/// A name as people write it, without the dot at the end. `None` for one that is no host's: empty,
/// or with other characters than host names have.
fn text(labels: &[&[u8]]) -> Option<String> {
    let fits = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    if labels.is_empty() || !labels.iter().all(|label| label.iter().all(fits)) {
        return None;
    }
    String::from_utf8(labels.join(&b'.')).ok()
}

struct Cursor<'a> {
    message: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let taken = self.message.get(self.at..self.at.checked_add(count)?)?;
        self.at += count;
        Some(taken)
    }

    fn skip(&mut self, count: usize) -> Option<()> {
        self.take(count).map(|_| ())
    }

    fn be16(&mut self) -> Option<u16> {
        let [high, low] = *self.take(2)?.first_chunk()?;
        Some(u16::from_be_bytes([high, low]))
    }

    /// Reads a name and goes on after it. Pointers lead backwards only, so that it ends.
    fn name(&mut self) -> Option<Vec<&'a [u8]>> {
        let mut labels = Vec::new();
        let (mut length, mut jumps) = (0, 0);
        let mut aside = Cursor { message: self.message, at: self.at };
        let mut end = None;
        let mut earliest = self.at;
        loop {
            match aside.take(1)?[0] {
                0 => {
                    self.at = end.unwrap_or(aside.at);
                    return Some(labels);
                }
                size @ 1..=63 => {
                    let label = aside.take(usize::from(size))?;
                    length += label.len() + 1;
                    if length > LONGEST_NAME {
                        return None;
                    }
                    labels.push(label);
                }
                high @ 0xc0.. => {
                    let low = aside.take(1)?[0];
                    end = end.or(Some(aside.at));
                    let to = usize::from(u16::from_be_bytes([high & 0x3f, low]));
                    jumps += 1;
                    if to >= earliest || jumps > MOST_JUMPS {
                        return None;
                    }
                    (earliest, aside.at) = (to, to);
                }
                _ => return None,
            }
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::decode;

    const HOST: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 168, 1, 7));

    /// A server's answer to a question: its flags, and the record after it.
    pub(in super::super) fn reply(question: &[u8], flags: u16, name: Option<&str>) -> Vec<u8> {
        let mut message = question.to_vec();
        message[2..4].copy_from_slice(&flags.to_be_bytes());
        let Some(name) = name else { return message };
        message[7] = 1;
        let mut data = Vec::new();
        for label in name.split('.') {
            data.push(label.len() as u8);
            data.extend_from_slice(label.as_bytes());
        }
        data.push(0);
        message.extend(b"\xc0\x0c\0\x0c\0\x01\0\0\x0e\x10");
        message.extend((data.len() as u16).to_be_bytes());
        message.extend(data);
        message
    }

    #[test]
    fn a_question_names_the_address_backwards() {
        let name = |ip: &str| {
            let question = Question::name_of(ip.parse().expect("valid"), 1).message();
            decode::dns::mdns(&question).expect("sound").questions[0].name.clone()
        };
        assert_eq!(name("192.168.1.7"), "7.1.168.192.in-addr.arpa");
        assert_eq!(
            name("fd00::12"),
            "2.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa"
        );
    }

    #[test]
    fn an_answer_gives_the_name_without_its_dot() {
        let question = Question::name_of(HOST, 7);
        let sent = question.message();
        let name = Reply::Name("nas.home.lan".into(), 3_600);
        assert_eq!(question.answer(&reply(&sent, 0x8180, Some("nas.home.lan"))), Some(name));
        assert_eq!(question.answer(&reply(&sent, 0x8183, None)), Some(Reply::Nothing));
        assert_eq!(question.answer(&reply(&sent, 0x8182, None)), Some(Reply::Failed));
        assert_eq!(question.answer(&reply(&sent, 0x8180, Some("a b"))), Some(Reply::Nothing));
    }

    #[test]
    fn an_answer_to_another_question_is_none() {
        let question = Question::name_of(HOST, 7);
        let other = Question::name_of("192.168.1.8".parse().expect("valid"), 7);
        let id = Question::name_of(HOST, 8);
        for stranger in [other, id, Question::root(7)] {
            let sent = reply(&stranger.message(), 0x8180, Some("evil"));
            assert_eq!(question.answer(&sent), None);
        }
        assert_eq!(question.answer(&question.message()), None, "no response");
    }

    #[test]
    fn a_name_that_points_to_itself_ends() {
        let question = Question::name_of(HOST, 7);
        let mut message = reply(&question.message(), 0x8180, Some("a"));
        let at = message.len() - 3;
        message[at..at + 2].copy_from_slice(&[0xc0, at as u8]);
        assert_eq!(question.answer(&message), None);
    }

    proptest! {
        #[test]
        fn no_message_panics_and_names_are_hosts(
            tail: Vec<u8>,
            flips in prop::collection::vec((0_usize..80, any::<u8>()), 0..6),
        ) {
            let question = Question::name_of(HOST, 7);
            let mut message = reply(&question.message(), 0x8180, Some("nas.lan"));
            message.extend(tail);
            for (at, byte) in flips {
                if let Some(place) = message.get_mut(at) {
                    *place = byte;
                }
            }
            if let Some(Reply::Name(name, _)) = question.answer(&message) {
                prop_assert!(!name.is_empty() && name.len() <= LONGEST_NAME);
                prop_assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)));
            }
        }
    }
}
