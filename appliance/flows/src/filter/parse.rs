//! Text becomes a filter.

use std::net::IpAddr;

use super::words::{DURATION, FLAGS, MULTIPLES, PROTOCOLS, UNITS, WORDS};
use super::{Compare, Filter, Side, Test};
use crate::world::Prefix;

/// The longest text, in octets.
const LONGEST: usize = 4_096;
/// How deep parentheses and `not` may be nested.
const DEEPEST: usize = 64;

/// Turns an interface's name into its index.
pub type Interfaces<'a> = &'a dyn Fn(&str) -> Option<u32>;

/// A filter is not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("column {column}: {found}; accepted here: {accepted}")]
pub struct FilterError {
    /// Where, in characters from 1.
    pub column: usize,
    /// What is there.
    pub found: String,
    /// What would be understood.
    pub accepted: String,
}

/// Turns a host's name into its addresses; none where the name is not known.
pub type Hosts<'a> = &'a dyn Fn(&str) -> Vec<IpAddr>;

/// Reads a filter. Names of interfaces are looked up by `interfaces`; hosts go by address.
pub fn parse(text: &str, interfaces: Interfaces<'_>) -> Result<Filter, FilterError> {
    parse_named(text, interfaces, &|_| Vec::new())
}

/// The same, where hosts also go by the names that `hosts` knows.
pub fn parse_named(
    text: &str,
    interfaces: Interfaces<'_>,
    hosts: Hosts<'_>,
) -> Result<Filter, FilterError> {
    if text.len() > LONGEST {
        return Err(FilterError {
            column: LONGEST,
            found: "the filter goes on".to_owned(),
            accepted: format!("at most {LONGEST} characters"),
        });
    }
    let words = split(text);
    let end = text.chars().count() + 1;
    let mut parser = Parser { words: &words, at: 0, end, depth: 0, interfaces, hosts };
    if words.is_empty() {
        return Ok(Filter::default());
    }
    let filter = parser.any()?;
    match parser.peek() {
        None => Ok(filter),
        Some(_) => Err(parser.error("and, or, or the end")),
    }
}

/// Words with their columns. Parentheses and comparisons stand alone, with or without blanks.
fn split(text: &str) -> Vec<(usize, String)> {
    let mut words: Vec<(usize, String)> = Vec::new();
    // What the word that is being collected is made of; None between words.
    let mut kind = None;
    for (column, character) in (1..).zip(text.chars()) {
        let its = match character {
            c if c.is_whitespace() => None,
            '(' | ')' => Some('('),
            '<' | '>' | '=' | '!' => Some('='),
            _ => Some('a'),
        };
        match (its, words.last_mut()) {
            (None, _) => {}
            (Some(_), Some((_, word))) if its == kind && its != Some('(') => {
                word.extend(character.to_lowercase());
            }
            (Some(_), _) => words.push((column, character.to_lowercase().collect())),
        }
        kind = its;
    }
    words
}

struct Parser<'a> {
    words: &'a [(usize, String)],
    at: usize,
    end: usize,
    depth: usize,
    interfaces: Interfaces<'a>,
    hosts: Hosts<'a>,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<&'a str> {
        self.words.get(self.at).map(|(_, word)| word.as_str())
    }

    fn take(&mut self, word: &str) -> bool {
        let found = self.peek() == Some(word);
        self.at += usize::from(found);
        found
    }

    /// That the word here is not what it should be.
    fn error(&self, accepted: impl Into<String>) -> FilterError {
        let (column, found) = match self.words.get(self.at) {
            Some((column, word)) => (*column, format!("`{word}` is not understood")),
            None => (self.end, "the filter ends too early".to_owned()),
        };
        FilterError { column, found, accepted: accepted.into() }
    }

    fn any(&mut self) -> Result<Filter, FilterError> {
        let mut all = vec![self.all()?];
        while self.take("or") || self.take("||") {
            all.push(self.all()?);
        }
        Ok(one_or(all, Filter::Any))
    }

    fn all(&mut self) -> Result<Filter, FilterError> {
        let mut all = vec![self.not()?];
        while self.take("and") || self.take("&&") {
            all.push(self.not()?);
        }
        Ok(one_or(all, Filter::All))
    }

    fn not(&mut self) -> Result<Filter, FilterError> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(self.error(format!("at most {DEEPEST} levels of parentheses and not")));
        }
        let filter = if self.take("not") || self.take("!") {
            Filter::Not(Box::new(self.not()?))
        } else if self.take("(") {
            let inner = self.any()?;
            if !self.take(")") {
                return Err(self.error("and, or, or a closing parenthesis"));
            }
            inner
        } else if let Some(named) = self.named()? {
            named
        } else {
            Filter::Test(self.test()?)
        };
        self.depth -= 1;
        Ok(filter)
    }

    /// A host by its name, which may have several addresses; None where something else stands here.
    fn named(&mut self) -> Result<Option<Filter>, FilterError> {
        let (side, ahead) = match self.peek() {
            Some("src") => (Side::Source, 1),
            Some("dst") => (Side::Destination, 1),
            _ => (Side::Either, 0),
        };
        let word = |at: usize| self.words.get(self.at + at).map(|(_, word)| word.as_str());
        let Some(("host", name)) = word(ahead).zip(word(ahead + 1)) else { return Ok(None) };
        // Letters, and no address that was mistyped.
        let is_name =
            name.contains(|c: char| c.is_ascii_alphabetic()) && !name.contains([':', '/']);
        if !is_name {
            return Ok(None);
        }
        self.at += ahead + 1;
        let addresses = (self.hosts)(name);
        if addresses.is_empty() {
            return Err(self.error(
                "an address, such as 10.0.0.5 or 2001:db8::7, or a name that was asked for lately",
            ));
        }
        self.at += 1;
        let test = |ip| Filter::Test(Test::Network(side, Prefix::host(ip)));
        Ok(Some(one_or(addresses.into_iter().map(test).collect(), Filter::Any)))
    }

    fn test(&mut self) -> Result<Test, FilterError> {
        let side = match self.peek() {
            Some("src") => Some(Side::Source),
            Some("dst") => Some(Side::Destination),
            _ => None,
        };
        self.at += usize::from(side.is_some());
        let sided = side.is_some();
        let side = side.unwrap_or(Side::Either);
        let word = self.peek().unwrap_or_default();
        if let Ok(prefix) = word.parse() {
            self.at += 1;
            return Ok(Test::Network(side, prefix));
        }
        let known = WORDS.iter().chain([&DURATION]);
        if !known.clone().any(|known| known.name == word && (known.sided || !sided)) {
            let words = known.filter(|known| known.sided || !sided).map(|known| known.name);
            let more = if sided { &[][..] } else { &["src", "dst", "not", "("][..] };
            let words: Vec<&str> = words.chain(more.iter().copied()).collect();
            return Err(self.error(format!("an address, a network, {}", words.join(", "))));
        }
        self.at += 1;
        self.field(word, side)
    }

    fn field(&mut self, word: &str, side: Side) -> Result<Test, FilterError> {
        Ok(match word {
            "host" => {
                let read = |word: &str| word.parse().ok().map(Prefix::host);
                Test::Network(
                    side,
                    self.value("an address, such as 10.0.0.5 or 2001:db8::7", read)?,
                )
            }
            "net" => {
                let what = "a network, such as 10.0.0.0/8 or 2001:db8::/32";
                Test::Network(side, self.value(what, |word| word.parse().ok())?)
            }
            "port" => self.port(side)?,
            "sport" => self.port(Side::Source)?,
            "dport" => self.port(Side::Destination)?,
            "country" => Test::Country(side, self.value("two letters, such as DE", country)?),
            "as" => {
                let read = |word: &str| word.strip_prefix("as").unwrap_or(word).parse().ok();
                Test::System(side, self.value("a number, such as 3320", read)?)
            }
            "nat" => {
                let what = "an address or a network, such as 203.0.113.7 or 203.0.113.0/24";
                Test::Translated(side, self.value(what, |word| word.parse().ok())?)
            }
            "natport" => {
                let (first, last) = self.ports()?;
                Test::TranslatedPort(side, first, last)
            }
            "proto" => {
                let names: Vec<&str> = PROTOCOLS.iter().map(|(name, _)| *name).collect();
                let what = format!("a number up to 255, {}", names.join(", "));
                Test::Protocol(self.value(&what, protocol)?)
            }
            "ipv4" => Test::Version6(false),
            "ipv6" => Test::Version6(true),
            "in" => self.interface(Side::Source)?,
            "out" => self.interface(Side::Destination)?,
            "iface" => self.interface(Side::Either)?,
            "flags" => Test::Flags(self.value("letters of FSRPAUEC", flags)?),
            "tos" => Test::Tos(self.value("a number up to 255", |word| word.parse().ok())?),
            "vlan" => {
                let read = |word: &str| word.parse().ok().filter(|vlan| *vlan < 4_096);
                Test::Vlan(self.value("a number up to 4095", read)?)
            }
            "bytes" => Test::Bytes(self.compare()?, self.number()?),
            "packets" => Test::Packets(self.compare()?, self.number()?),
            _ => {
                let compare = self.compare()?;
                let what = "a time, such as 10s, 500ms, 5m or 2h";
                Test::Duration(compare, self.value(what, |word| measured(word, &UNITS, 1_000))?)
            }
        })
    }

    fn value<T>(
        &mut self,
        accepted: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, FilterError> {
        let value = self.peek().and_then(read).ok_or_else(|| self.error(accepted))?;
        self.at += 1;
        Ok(value)
    }

    fn port(&mut self, side: Side) -> Result<Test, FilterError> {
        let (first, last) = self.ports()?;
        Ok(Test::Port(side, first, last))
    }

    fn ports(&mut self) -> Result<(u16, u16), FilterError> {
        let read = |word: &str| {
            let (first, last) = word.split_once('-').unwrap_or((word, word));
            let (first, last) = (first.parse().ok()?, last.parse().ok()?);
            (first <= last).then_some((first, last))
        };
        self.value("a port up to 65535, or two such as 6000-6063", read)
    }

    fn interface(&mut self, side: Side) -> Result<Test, FilterError> {
        let names = self.interfaces;
        let read = |word: &str| word.parse().ok().or_else(|| names(word));
        let index = self.value("the name or the index of an interface", read)?;
        Ok(Test::Interface(side, index))
    }

    fn compare(&mut self) -> Result<Compare, FilterError> {
        self.value("<, <=, =, !=, >= or >", |word| {
            Some(match word {
                "<" => Compare::Less,
                "<=" => Compare::AtMost,
                "=" | "==" => Compare::Equal,
                "!=" => Compare::Unequal,
                ">=" => Compare::AtLeast,
                ">" => Compare::More,
                _ => return None,
            })
        })
    }

    fn number(&mut self) -> Result<u64, FilterError> {
        self.value("a number, such as 1500, 10k or 1M", |word| measured(word, &MULTIPLES, 1))
    }
}

fn one_or(mut all: Vec<Filter>, join: fn(Vec<Filter>) -> Filter) -> Filter {
    match all.pop() {
        Some(only) if all.is_empty() => only,
        Some(last) => {
            all.push(last);
            join(all)
        }
        None => Filter::default(),
    }
}

fn country(word: &str) -> Option<[u8; 2]> {
    let upper = word.to_ascii_uppercase();
    let letters: [u8; 2] = upper.as_bytes().try_into().ok()?;
    letters.iter().all(u8::is_ascii_uppercase).then_some(letters)
}

fn protocol(word: &str) -> Option<u8> {
    let named = PROTOCOLS.iter().find(|(name, _)| *name == word).map(|(_, number)| *number);
    named.or_else(|| word.parse().ok())
}

fn flags(word: &str) -> Option<u8> {
    word.chars()
        .try_fold(0, |flags, letter| Some(flags | 1 << FLAGS.find(letter.to_ascii_uppercase())?))
}

/// A number with or without a unit behind it.
fn measured(word: &str, units: &[(&str, u64)], default: u64) -> Option<u64> {
    let digits = word.find(|c: char| !c.is_ascii_digit()).unwrap_or(word.len());
    let (number, unit) = word.split_at(digits);
    let by = match unit {
        "" => default,
        unit => units.iter().find(|(name, _)| *name == unit)?.1,
    };
    number.parse::<u64>().ok()?.checked_mul(by)
}

/// Whether an address is meant, for callers that take one without a filter.
impl From<IpAddr> for Filter {
    fn from(address: IpAddr) -> Self {
        Self::Test(Test::Network(Side::Either, Prefix::host(address)))
    }
}
