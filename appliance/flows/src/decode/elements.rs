//! Information elements by number: name and type as in IANA's registry of IPFIX entities, and the
//! few numbers that only NetFlow v9 exporters use.

use std::sync::OnceLock;

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Unsigned,
    Signed,
    Float,
    Boolean,
    Ipv4,
    Ipv6,
    Mac,
    Text,
    Octets,
    Seconds,
    Milliseconds,
    Microseconds,
    Nanoseconds,
}

/// Number, letter of the type and name, a line each, ascending.
const TABLE: &str = include_str!("elements.txt");

fn parsed() -> &'static [(u16, Kind, &'static str)] {
    static PARSED: OnceLock<Vec<(u16, Kind, &'static str)>> = OnceLock::new();
    PARSED.get_or_init(|| TABLE.lines().filter_map(line).collect())
}

fn line(line: &'static str) -> Option<(u16, Kind, &'static str)> {
    let mut words = line.split(' ');
    let number = words.next()?.parse().ok()?;
    let kind = match words.next()? {
        "u" => Kind::Unsigned,
        "i" => Kind::Signed,
        "f" => Kind::Float,
        "b" => Kind::Boolean,
        "4" => Kind::Ipv4,
        "6" => Kind::Ipv6,
        "m" => Kind::Mac,
        "s" => Kind::Text,
        "S" => Kind::Seconds,
        "M" => Kind::Milliseconds,
        "U" => Kind::Microseconds,
        "N" => Kind::Nanoseconds,
        _ => Kind::Octets,
    };
    Some((number, kind, words.next()?))
}

/// Type and name of an element.
pub(crate) fn element(number: u16) -> Option<(Kind, &'static str)> {
    let table = parsed();
    let at = table.binary_search_by_key(&number, |(number, _, _)| *number).ok()?;
    table.get(at).map(|(_, kind, name)| (*kind, *name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_read_and_in_order() {
        assert_eq!(parsed().len(), TABLE.lines().count());
        assert!(parsed().windows(2).all(|pair| pair[0].0 < pair[1].0));
        let mut names: Vec<_> = parsed().iter().map(|(_, _, name)| *name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), parsed().len(), "a name twice");
    }

    #[test]
    fn elements_have_their_names_and_types() {
        assert_eq!(element(1), Some((Kind::Unsigned, "octetDeltaCount")));
        assert_eq!(element(28), Some((Kind::Ipv6, "destinationIPv6Address")));
        assert_eq!(element(152), Some((Kind::Milliseconds, "flowStartMilliseconds")));
        assert_eq!(element(156), Some((Kind::Nanoseconds, "flowStartNanoseconds")));
        assert_eq!(element(227), Some((Kind::Unsigned, "postNAPTSourceTransportPort")));
        assert_eq!(element(82), Some((Kind::Text, "interfaceName")));
        assert_eq!(element(0), None);
        assert_eq!(element(40_100), None);
    }
}
