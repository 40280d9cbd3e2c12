//! Writes the vendor table from the IEEE registries as IEEE publishes them.
//!
//! In: the CSV files `oui.csv` (MA-L), `mam.csv` (MA-M), `oui36.csv` (MA-S) and `iab.csv` (IAB),
//! whose header is `Registry,Assignment,Organization Name,Organization Address`. Out: the bytes
//! that [`super::Table`] reads.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{HEADER, LAYOUT, MAGIC, csv, fnv1a, shorten};

/// One row of a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// The prefix's leading octets, the last one's low nibble zero for 28 and 36 bits.
    pub prefix: Vec<u8>,
    /// The organisation as IEEE writes it.
    pub organisation: String,
}

/// Why no table could be made.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum BuildError {
    /// A row that is no assignment.
    #[error("registry line {line}: {text:?} is no prefix of 6, 7 or 9 hex digits")]
    Prefix {
        /// Line in the file, from 1.
        line: usize,
        /// What stood there.
        text: String,
    },
    /// A file without the expected header.
    #[error("registry: the first line does not start with Registry,Assignment,Organization Name")]
    Header,
    /// More than the layout holds.
    #[error("vendor table: {what} do not fit the layout: {count}")]
    TooMany {
        /// Which section.
        what: &'static str,
        /// How many there are.
        count: usize,
    },
}

/// Reads one registry file.
pub fn read_registry(text: &str) -> Result<Vec<Assignment>, BuildError> {
    let mut rows = csv::records(text).into_iter();
    let header = rows.next().map(|(_, fields)| fields).unwrap_or_default();
    if header.get(..3) != Some(&["Registry", "Assignment", "Organization Name"].map(Into::into)) {
        return Err(BuildError::Header);
    }
    rows.map(|(line, fields)| {
        let text = fields.get(1).map(|f| f.trim()).unwrap_or_default();
        let prefix =
            parse_prefix(text).ok_or_else(|| BuildError::Prefix { line, text: text.to_owned() })?;
        let organisation = fields.get(2).cloned().unwrap_or_default();
        Ok(Assignment { prefix, organisation })
    })
    .collect()
}

fn parse_prefix(text: &str) -> Option<Vec<u8>> {
    if !matches!(text.len(), 6 | 7 | 9) {
        return None;
    }
    let mut nibbles: Vec<u8> =
        text.chars().map(|c| c.to_digit(16).map(|digit| digit as u8)).collect::<Option<_>>()?;
    if nibbles.len() % 2 == 1 {
        nibbles.push(0);
    }
    Some(nibbles.as_chunks::<2>().0.iter().map(|[high, low]| high << 4 | low).collect())
}

/// Writes the table. Of several rows for one prefix the first one counts.
pub fn write_table(assignments: &[Assignment]) -> Result<Vec<u8>, BuildError> {
    let mut shortened: HashMap<&str, String> = HashMap::new();
    for row in assignments {
        shortened.entry(&row.organisation).or_insert_with(|| shorten(&row.organisation));
    }
    // Name 0 is the empty one, which `BTreeSet` puts first.
    let names: BTreeSet<&str> = shortened.values().map(String::as_str).chain([""]).collect();
    let numbers: HashMap<&str, usize> = names.iter().enumerate().map(|(n, s)| (*s, n)).collect();
    let too_many = |what, count| BuildError::TooMany { what, count };
    if names.len() > usize::from(u16::MAX) {
        return Err(too_many("names", names.len()));
    }

    let mut rows: BTreeMap<&[u8], u16> = BTreeMap::new();
    for row in assignments {
        let name = shortened.get(row.organisation.as_str()).map_or("", String::as_str);
        let number = numbers.get(name).copied().unwrap_or_default() as u16;
        rows.entry(&row.prefix).or_insert(number);
    }
    let mut counts = [0_u32; 3];
    let mut sections = Vec::new();
    for (count, length) in counts.iter_mut().zip(3..) {
        for (prefix, number) in rows.iter().filter(|(prefix, _)| prefix.len() == length) {
            sections.extend_from_slice(prefix);
            sections.extend_from_slice(&number.to_le_bytes());
            *count += 1;
        }
    }
    let mut text = String::new();
    for name in &names {
        text.push_str(name);
        sections.extend_from_slice(&(text.len() as u32).to_le_bytes()[..3]);
    }
    if text.len() >= 1 << 24 {
        return Err(too_many("bytes of names", text.len()));
    }

    let mut body = Vec::with_capacity(sections.len() + text.len() + HEADER);
    for count in counts.into_iter().chain([names.len() as u32, text.len() as u32]) {
        body.extend_from_slice(&count.to_le_bytes());
    }
    body.extend_from_slice(&sections);
    body.extend_from_slice(text.as_bytes());

    let mut table = MAGIC.to_vec();
    table.extend_from_slice(&LAYOUT.to_le_bytes());
    table.extend_from_slice(&fnv1a(&body).to_le_bytes());
    table.extend_from_slice(&body);
    Ok(table)
}
