//! Lists of devices: filtered, sorted and paged in SQL.

use std::time::Duration;

use model::{DeviceId, Timestamp};
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};
use serde::Serialize;
use store::StoreError;

/// The most devices on a page.
pub const MAX_PAGE: usize = 500;
/// How long a device that nobody has confirmed counts as new.
const NEW_FOR: Duration = Duration::from_secs(86_400);

/// Which devices somebody wants to see, in which order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeviceFilter {
    /// By state.
    pub state: State,
    /// Words that must all be found in name, host name, addresses, vendor, services or tags.
    pub search: String,
    /// Of this type only, one of the types' words.
    pub device_type: Option<String>,
    /// Last heard on this interface.
    pub interface: Option<String>,
    /// Of this vendor.
    pub vendor: Option<String>,
    /// By what to sort.
    pub sort: Sort,
    /// The other way round.
    pub descending: bool,
    /// The cursor of the page before, as given in [`DevicePage::next`].
    pub after: Option<String>,
    /// How many, at most 500.
    pub limit: usize,
}

/// States to filter by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum State {
    /// Whatever it is.
    #[default]
    All,
    /// Heard within the grace period.
    Online,
    /// Not heard for longer.
    Offline,
    /// Nobody has said that it belongs here.
    Unknown,
    /// Unknown, and first heard within a day.
    New,
    /// Marked by a person.
    Favourite,
}

impl State {
    /// All states with the words of the query string.
    pub const ALL: [(&'static str, Self); 6] = [
        ("all", Self::All),
        ("online", Self::Online),
        ("offline", Self::Offline),
        ("unknown", Self::Unknown),
        ("new", Self::New),
        ("favourite", Self::Favourite),
    ];
}

/// Orders.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Sort {
    /// By name, without regard to case.
    #[default]
    Name,
    /// By address as a number.
    Ip,
    /// By when it was last heard.
    LastSeen,
    /// By when it was first heard.
    FirstSeen,
    /// By vendor.
    Vendor,
    /// By type.
    Type,
}

impl Sort {
    /// All orders with the words of the query string.
    pub const ALL: [(&'static str, Self); 6] = [
        ("name", Self::Name),
        ("ip", Self::Ip),
        ("last_seen", Self::LastSeen),
        ("first_seen", Self::FirstSeen),
        ("vendor", Self::Vendor),
        ("type", Self::Type),
    ];

    /// The SQL expression; always text, number or blob and never NULL, so that it can be compared.
    const fn expression(self) -> &'static str {
        match self {
            Self::Name => "name COLLATE NOCASE",
            Self::Ip => "coalesce(ip_sort, x'ff')",
            // Of those online the stored time is a little old, but they all come first.
            Self::LastSeen => "(online * 10000000000000 + last_seen)",
            Self::FirstSeen => "first_seen",
            Self::Vendor => "coalesce(vendor, char(0x10ffff)) COLLATE NOCASE",
            Self::Type => "coalesce(device_type, char(0x10ffff))",
        }
    }
}

/// One page of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct DevicePage {
    /// The devices, in order.
    pub ids: Vec<DeviceId>,
    /// The cursor of the next page; None at the end.
    pub next: Option<String>,
}

/// Devices by state, whatever the other filters say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// All.
    pub all: u32,
    /// Online.
    pub online: u32,
    /// Offline.
    pub offline: u32,
    /// Not confirmed by a person.
    pub unknown: u32,
    /// Not confirmed, and first heard within a day.
    pub new: u32,
    /// Marked by a person.
    pub favourite: u32,
}

/// Values to filter by, with how many devices have each.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Facets {
    /// Types.
    pub types: Vec<(String, u32)>,
    /// Interfaces.
    pub interfaces: Vec<(String, u32)>,
    /// Vendors, the most frequent first, at most 100.
    pub vendors: Vec<(String, u32)>,
}

pub(crate) fn page(
    conn: &Connection,
    filter: &DeviceFilter,
    now: Timestamp,
) -> Result<DevicePage, StoreError> {
    let limit = filter.limit.clamp(1, MAX_PAGE);
    let (mut conditions, mut values) = conditions(filter, now);
    let key = filter.sort.expression();
    let (beyond, order) = if filter.descending { ("<", "DESC") } else { (">", "ASC") };
    if let Some((value, id)) = filter.after.as_deref().and_then(Cursor::parse) {
        conditions.push(format!("({key}, id) {beyond} (?, ?)"));
        values.extend([value, Value::from(id)]);
    }
    let conditions = conditions.join(" AND ");
    let sql = format!(
        "SELECT id, {key} FROM devices WHERE {conditions}
         ORDER BY {key} {order}, id {order} LIMIT {}",
        limit + 1
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_map(params_from_iter(values), |row| {
        Ok((DeviceId(row.get(0)?), row.get::<_, Value>(1)?))
    })?;
    let mut rows = rows.collect::<Result<Vec<_>, _>>()?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more).map(|(id, value)| Cursor::print(value, *id));
    Ok(DevicePage { ids: rows.into_iter().map(|(id, _)| id).collect(), next })
}

pub(crate) fn counts(conn: &Connection, now: Timestamp) -> Result<Counts, StoreError> {
    let sql =
        "SELECT count(*), total(online), total(1 - known), total(NOT known AND first_seen > ?1),
                      total(favourite)
               FROM devices";
    let new_since = now.minus(NEW_FOR).0;
    let counts = conn.prepare_cached(sql)?.query_row([new_since], |row| {
        let number = |at| row.get::<_, f64>(at).map(|n| n as u32);
        let (all, online): (u32, u32) = (row.get(0)?, number(1)?);
        Ok(Counts {
            all,
            online,
            offline: all - online,
            unknown: number(2)?,
            new: number(3)?,
            favourite: number(4)?,
        })
    })?;
    Ok(counts)
}

pub(crate) fn facets(conn: &Connection) -> Result<Facets, StoreError> {
    let of = |column: &str| -> Result<Vec<(String, u32)>, StoreError> {
        let sql = format!(
            "SELECT {column}, count(*) FROM devices WHERE {column} IS NOT NULL
             GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 100"
        );
        let mut statement = conn.prepare_cached(&sql)?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    };
    Ok(Facets { types: of("device_type")?, interfaces: of("interface")?, vendors: of("vendor")? })
}

fn conditions(filter: &DeviceFilter, now: Timestamp) -> (Vec<String>, Vec<Value>) {
    let (mut sql, mut values) = (vec!["1".to_owned()], Vec::new());
    match filter.state {
        State::All => {}
        State::Online => sql.push("online".to_owned()),
        State::Offline => sql.push("NOT online".to_owned()),
        State::Unknown => sql.push("NOT known".to_owned()),
        State::New => {
            sql.push("NOT known AND first_seen > ?".to_owned());
            values.push(Value::from(now.minus(NEW_FOR).0));
        }
        State::Favourite => sql.push("favourite".to_owned()),
    }
    let columns = [
        ("device_type", &filter.device_type),
        ("interface", &filter.interface),
        ("vendor", &filter.vendor),
    ];
    for (column, wanted) in columns {
        if let Some(wanted) = wanted {
            sql.push(format!("{column} = ?"));
            values.push(Value::from(wanted.clone()));
        }
    }
    let words: Vec<_> = filter.search.split_whitespace().take(8).map(str::to_lowercase).collect();
    if !words.is_empty() {
        // By the index that holds nothing else: the rows are large. And instr takes a word as it
        // is, without wildcards to escape.
        let has = vec!["instr(search, ?) > 0"; words.len()].join(" AND ");
        sql.push(format!("id IN (SELECT id FROM devices WHERE {has})"));
        values.extend(words.into_iter().map(Value::from));
    }
    (sql, values)
}

/// A position in a sorted list: the last row's key and number, as text for a link.
struct Cursor;

impl Cursor {
    fn print(value: &Value, id: DeviceId) -> String {
        let (kind, bytes) = match value {
            Value::Integer(n) => ('i', n.to_string().into_bytes()),
            Value::Text(text) => ('t', text.clone().into_bytes()),
            Value::Blob(bytes) => ('b', bytes.clone()),
            Value::Null | Value::Real(_) => ('t', Vec::new()),
        };
        let hex = bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
        format!("{kind}{hex}.{id}")
    }

    fn parse(text: &str) -> Option<(Value, i64)> {
        let (key, id) = text.split_once('.')?;
        let hex = key.get(1..)?;
        if hex.len() % 2 != 0 || hex.len() > 1_024 || !hex.is_ascii() {
            return None;
        }
        let bytes = (0..hex.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).ok())
            .collect::<Option<Vec<u8>>>()?;
        let value = match key.chars().next()? {
            'i' => Value::from(String::from_utf8(bytes).ok()?.parse::<i64>().ok()?),
            't' => Value::from(String::from_utf8(bytes).ok()?),
            'b' => Value::from(bytes),
            _ => return None,
        };
        Some((value, id.parse().ok()?))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_cursor_returns_as_it_was(text: String, number: i64, bytes: Vec<u8>, id: i64) {
            prop_assume!(text.len() <= 500 && bytes.len() <= 500);
            for value in [Value::from(text), Value::from(number), Value::from(bytes)] {
                let printed = Cursor::print(&value, DeviceId(id));
                prop_assert_eq!(Cursor::parse(&printed), Some((value, id)));
            }
        }

        #[test]
        fn no_cursor_text_panics(text: String) {
            let _ = Cursor::parse(&text);
        }
    }
}
