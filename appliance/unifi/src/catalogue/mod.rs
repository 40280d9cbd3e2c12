//! The kinds of events that are known: how bad each is, what is suggested to be done about it, which
//! one it clears, and a sentence for people. A kind in, its entry out; a [`Happening`] in, its
//! sentence out.
//!
//! Suggestions are shown and never applied by themselves.

mod part;
mod sentence;
#[cfg(test)]
mod tests;

use model::Severity;

pub use part::Names;
pub use sentence::sentence;

use crate::{Happening, Source, json};

/// A line a kind, sorted by kind: `kind|severity|suggestion|clears|sentence`. Severities are
/// c(ritical), e(rror), w(arning) and i(nfo), suggestions n(otify), u(nclassified) and i(gnored).
/// `*` stands for the letters of a kind of device. Parts in square brackets are left out when what
/// they name is not told. ASCII only.
const TABLE: &str = include_str!("table.txt");

/// What the catalogue suggests to do with a kind of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suggestion {
    /// Keep it and stay silent.
    Ignored,
    /// Let people judge.
    Unclassified,
    /// Tell people.
    Notify,
}

/// What is known of a kind of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// How bad it is.
    pub severity: Severity,
    /// What is suggested.
    pub suggestion: Suggestion,
    clears: &'static str,
    template: &'static str,
}

impl Entry {
    fn read(line: &'static str) -> Option<Self> {
        let mut fields = line.split('|').skip(1);
        let severity = match fields.next()? {
            "c" => Severity::Critical,
            "e" => Severity::High,
            "w" => Severity::Medium,
            "i" => Severity::Info,
            _ => return None,
        };
        let suggestion = match fields.next()? {
            "n" => Suggestion::Notify,
            "u" => Suggestion::Unclassified,
            "i" => Suggestion::Ignored,
            _ => return None,
        };
        Some(Self { severity, suggestion, clears: fields.next()?, template: fields.next()? })
    }
}

/// The letters of the kind of device in a kind of events (`SW` of `EVT_SW_Connected`), and the rest.
fn family(kind: &str) -> Option<(&str, &str)> {
    kind.strip_prefix("EVT_")?.split_once('_')
}

/// The line of a kind: a search by halves in the text itself.
fn line(kind: &str) -> Option<&'static str> {
    let (mut low, mut high) = (0, TABLE.len());
    while low < high {
        let middle = usize::midpoint(low, high);
        let begin = TABLE.get(low..middle)?.rfind('\n').map_or(low, |at| low + at + 1);
        let end = TABLE.get(middle..)?.find('\n').map_or(TABLE.len(), |at| middle + at);
        let line = TABLE.get(begin..end)?;
        match line.split('|').next()?.cmp(kind) {
            std::cmp::Ordering::Less => low = end + 1,
            std::cmp::Ordering::Greater => high = begin,
            std::cmp::Ordering::Equal => return Some(line),
        }
    }
    None
}

/// What is known of a kind of events; none of one that is not in the catalogue.
pub fn entry(kind: &str) -> Option<Entry> {
    let found = line(kind).or_else(|| line(&format!("EVT_*_{}", family(kind)?.1)));
    Entry::read(found?)
}

/// The kind of events after which this one says that all is well again.
pub fn clears(kind: &str) -> Option<String> {
    let entry = entry(kind).filter(|entry| !entry.clears.is_empty())?;
    let letters = family(kind).map_or("*", |(letters, _)| letters);
    Some(entry.clears.replace('*', letters))
}

/// How bad it is: as the catalogue says, else as the console does.
pub fn severity(happening: &Happening) -> Severity {
    if let Some(entry) = entry(&happening.key) {
        return entry.severity;
    }
    let said = json::text(&happening.facts, "severity").unwrap_or_default();
    match (happening.source, said) {
        (Source::Log, "VERY_HIGH") => Severity::Critical,
        (Source::Log, "HIGH") => Severity::High,
        (Source::Log, "MEDIUM") => Severity::Medium,
        _ if happening.facts.get("is_negative").is_some_and(|is| *is == true) => Severity::Medium,
        _ => Severity::Info,
    }
}
