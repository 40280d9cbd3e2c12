//! The knowledge in `data/fingerprints.csv`, read once.
//!
//! In: the file's text. Out: rules by the trace they are about. A row that makes no sense is left
//! out and reported; it never stops the others.

use std::sync::LazyLock;

use super::identity::DeviceType;
use super::pattern::Pattern;
use crate::vendor::csv;

static BUILT_IN: LazyLock<Rules> =
    LazyLock::new(|| Rules::read(include_str!("../../data/fingerprints.csv")).0);

/// From this confidence on, a rule is firm; below, it is a hint that any firm rule overrides.
pub(crate) const FIRM: u8 = 50;

macro_rules! traces {
    ($($variant:ident $word:literal $people:literal,)*) => {
        /// Which trace a rule is about.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum On { $($variant,)* }

        impl On {
            fn parse(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)* _ => None }
            }

            /// How a reason calls it.
            pub(crate) const fn for_people(self) -> &'static str {
                match self { $(Self::$variant => $people,)* }
            }
        }

        #[cfg(test)]
        pub(crate) const WORDS: &[&str] = &[$($word),*];
    };
}

traces! {
    DhcpClass "dhcp.class" "DHCP vendor class",
    DhcpParams "dhcp.params" "DHCP parameter list",
    Dhcp6Class "dhcp6.class" "DHCPv6 vendor class",
    Name "name" "Host name",
    MdnsService "mdns.service" "mDNS service",
    MdnsModel "mdns.model" "mDNS model",
    MdnsMaker "mdns.maker" "mDNS manufacturer",
    MdnsCategory "mdns.category" "HomeKit category",
    SsdpServer "ssdp.server" "SSDP server",
    SsdpTarget "ssdp.target" "SSDP type",
    Link "link" "LLDP or CDP description",
    Vendor "vendor" "MAC prefix of",
    Usual "usual" "Operating system",
}

/// One row: a pattern on a trace, and what a match concludes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    pub(crate) on: On,
    pub(crate) pattern: Pattern,
    pub(crate) device_type: Option<DeviceType>,
    pub(crate) os: Option<String>,
    pub(crate) version: Option<String>,
    pub(crate) brand: Option<String>,
    pub(crate) model: Option<String>,
    pub(crate) confidence: u8,
}

/// Why a row was left out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("fingerprints line {line}: {what}")]
pub struct RuleError {
    /// Line in the file, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub what: String,
}

/// All rules of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    rules: Vec<Rule>,
}

impl Rules {
    /// The rules that are compiled in.
    pub fn built_in() -> &'static Self {
        &BUILT_IN
    }

    /// Reads a file of the same form as the one compiled in, and names the rows left out.
    pub fn read(text: &str) -> (Self, Vec<RuleError>) {
        let mut rules = Vec::new();
        let mut errors = Vec::new();
        for (line, fields) in csv::records(text) {
            let first = fields.first().map_or("", String::as_str);
            if first.starts_with('#') || first == "on" {
                continue;
            }
            match parse(&fields) {
                Ok(rule) => rules.push(rule),
                Err(what) => errors.push(RuleError { line, what }),
            }
        }
        (Self { rules }, errors)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    pub(crate) fn on(&self, on: On) -> impl Iterator<Item = &Rule> {
        self.rules.iter().filter(move |rule| rule.on == on)
    }
}

fn parse(fields: &[String]) -> Result<Rule, String> {
    let [on, pattern, kind, os, version, brand, model, confidence] = fields else {
        return Err(format!("{} fields instead of 8", fields.len()));
    };
    let on = On::parse(on).ok_or_else(|| format!("{on:?} is no trace"))?;
    if pattern.is_empty() || *pattern != pattern.to_lowercase() {
        return Err(format!("pattern {pattern:?} is empty or not in lower case"));
    }
    let filled = |text: &String| (!text.is_empty()).then(|| text.clone());
    let device_type = filled(kind)
        .map(|kind| kind.parse::<DeviceType>().map_err(|error| error.to_string()))
        .transpose()?;
    let stars = pattern.matches('*').count();
    for text in [os, version, brand, model] {
        let star = text.strip_prefix('$').and_then(|rest| rest.chars().next()?.to_digit(10));
        if star.is_some_and(|star| star == 0 || star as usize > stars) {
            return Err(format!("{text:?} names a star that {pattern:?} does not have"));
        }
    }
    let confidence = confidence
        .parse()
        .ok()
        .filter(|confidence| *confidence <= 100)
        .ok_or_else(|| format!("confidence {confidence:?} is no number from 0 to 100"))?;
    Ok(Rule {
        on,
        pattern: Pattern::new(pattern),
        device_type,
        os: filled(os),
        version: filled(version),
        brand: filled(brand),
        model: filled(model),
        confidence,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;
    use crate::vendor;

    const FILE: &str = include_str!("../../data/fingerprints.csv");

    #[test]
    fn every_row_of_the_file_is_understood() {
        let (rules, errors) = Rules::read(FILE);
        assert_eq!(errors, []);
        assert!(rules.len() > 400, "{}", rules.len());
        assert_eq!(&rules, Rules::built_in());
        for word in WORDS {
            let on = On::parse(word).unwrap();
            assert!(rules.on(on).count() > 0, "no rule on {word}");
        }
    }

    #[test]
    fn no_row_is_there_twice() {
        let mut seen = HashSet::new();
        for (line, fields) in csv::records(FILE) {
            assert!(seen.insert(fields), "line {line}");
        }
    }

    #[test]
    fn every_vendor_row_matches_a_vendor_of_the_table() {
        let names: Vec<_> = vendor::names().map(str::to_ascii_lowercase).collect();
        for (line, fields) in csv::records(FILE) {
            if fields[0] == "vendor" {
                let pattern = Pattern::new(&fields[1]);
                assert!(names.iter().any(|n| pattern.matches(n)), "line {line}: {}", fields[1]);
            }
        }
    }

    #[test]
    fn a_row_without_sense_is_named_and_left_out() {
        let (rules, errors) = Rules::read(
            "name,good,tv,,,,,50\nnome,x,tv,,,,,50\nname,x,telly,,,,,50\nname,X,tv,,,,,50\n\
             name,x,tv,,,,,101\nname,x*,tv,,$2,,,50\nname,x\n",
        );
        assert_eq!(rules.len(), 1);
        assert_eq!(errors.iter().map(|e| e.line).collect::<Vec<_>>(), [2, 3, 4, 5, 6, 7]);
        assert!(errors[1].to_string().contains("telly"), "{}", errors[1]);
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text: String) {
            let _ = Rules::read(&text);
        }
    }
}
