//! Templates as they come (RFC 3954, 5.2 and 6.1; RFC 7011, 3.4): in go the octets of a template
//! record, out comes the list of its fields, checked.

use super::Version;
use super::stats::Malformed;
use super::wire::Reader;

/// One field of a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Field {
    /// Private enterprise number; 0 is IANA.
    pub(crate) pen: u32,
    /// Information element, without the enterprise bit.
    pub(crate) id: u16,
    /// Octets; [`VARIABLE`] if each record tells.
    pub(crate) length: u16,
}

/// The length of a field that each record tells (RFC 7011, 7).
pub(crate) const VARIABLE: u16 = 0xffff;

/// More fields than any exporter's template has.
pub(crate) const MAX_FIELDS: usize = 256;

/// A template record without its fields, which are in a buffer of the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) id: u16,
    /// Whether its records are options, not traffic.
    pub(crate) options: bool,
    /// How many fields, from the first, are the scope of options.
    pub(crate) scopes: u16,
    /// Whether it takes the template back (RFC 7011, 8.1).
    pub(crate) withdrawn: bool,
}

/// The next template record of a set, or `None` where padding begins. After an error other than
/// `TooMany` nothing more of the set can be read.
pub(crate) fn next(
    reader: &mut Reader<'_>,
    version: Version,
    options: bool,
    fields: &mut Vec<Field>,
) -> Option<Result<Head, Malformed>> {
    fields.clear();
    if reader.len() < 4 {
        return None;
    }
    let id = reader.be16()?;
    let count = reader.be16()?;
    if id < 256 && count == 0 && !(version == Version::Ipfix && (id == 2 || id == 3)) {
        return if id == 0 { None } else { Some(Err(Malformed::Template)) };
    }
    Some(read(reader, version, options, id, count, fields))
}

fn read(
    reader: &mut Reader<'_>,
    version: Version,
    options: bool,
    id: u16,
    count: u16,
    fields: &mut Vec<Field>,
) -> Result<Head, Malformed> {
    let cut = Malformed::Template;
    if version == Version::Ipfix && count == 0 {
        return Ok(Head { id, options, scopes: 0, withdrawn: true });
    }
    let (count, scopes) = match (options, version) {
        (false, _) => (count, 0),
        // Both are lengths in octets; `count` is that of the scopes.
        (true, Version::Netflow9) => {
            let length = reader.be16().ok_or(cut)?;
            if !count.is_multiple_of(4) || !length.is_multiple_of(4) {
                return Err(Malformed::Template);
            }
            (count / 4 + length / 4, count / 4)
        }
        (true, _) => {
            let scopes = reader.be16().ok_or(cut)?;
            if scopes > count {
                return Err(Malformed::Template);
            }
            (count, scopes)
        }
    };
    let mut total: usize = 0;
    for index in 0..count {
        let mut field =
            Field { id: reader.be16().ok_or(cut)?, length: reader.be16().ok_or(cut)?, pen: 0 };
        if version == Version::Ipfix && field.id & 0x8000 != 0 {
            field.id &= 0x7fff;
            field.pen = reader.be32().ok_or(cut)?;
        }
        if version == Version::Netflow9 && index < scopes {
            field.id = scope_element(field.id);
        }
        total += if field.length == VARIABLE { 1 } else { usize::from(field.length) };
        if fields.len() < MAX_FIELDS {
            fields.push(field);
        }
    }
    if usize::from(count) > MAX_FIELDS {
        return Err(Malformed::TooMany);
    }
    // Records without length would never end; longer ones than a set can be never come.
    if id < 256 || total == 0 || total > usize::from(u16::MAX) {
        fields.clear();
        return Err(Malformed::Template);
    }
    Ok(Head { id, options, scopes, withdrawn: false })
}

/// The information element that a scope of v9 (RFC 3954, 6.1) is in IPFIX.
fn scope_element(scope: u16) -> u16 {
    match scope {
        2 => 10,  // interface
        3 => 141, // line card
        5 => 145, // template
        _ => 0,   // system and cache have none
    }
}

/// Splits the next record off a set, if it is whole. `each` gets every field's index and octets.
pub(crate) fn walk<'a>(
    fields: &[Field],
    reader: &mut Reader<'a>,
    mut each: impl FnMut(usize, &'a [u8]),
) -> Option<()> {
    for (index, field) in fields.iter().enumerate() {
        let length = if field.length == VARIABLE {
            match reader.u8()? {
                255 => reader.be16()?,
                length => u16::from(length),
            }
        } else {
            field.length
        };
        each(index, reader.take(usize::from(length))?);
    }
    Some(())
}

/// The least octets that a record has.
pub(crate) fn least(fields: &[Field]) -> usize {
    fields
        .iter()
        .map(|field| if field.length == VARIABLE { 1 } else { usize::from(field.length) })
        .sum()
}
