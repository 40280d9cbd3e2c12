//! A filter is put to a block: first to its addresses alone, then to whole columns at a time.

use super::Range;
use super::rows::Rows;
use super::share::touches;
use crate::block::{BlockError, Dictionary};
use crate::days::Entry;
use crate::filter::{Filter, Side, Test};
use crate::world::{Geo, Prefix};

/// False where no row of a block with these addresses can meet the filter.
pub(super) fn may_match(filter: &Filter, dictionary: &Dictionary) -> bool {
    match filter {
        Filter::All(all) => all.iter().all(|filter| may_match(filter, dictionary)),
        Filter::Any(any) => any.iter().any(|filter| may_match(filter, dictionary)),
        Filter::Test(Test::Network(_, prefix)) => {
            dictionary.any_within(prefix.first(), prefix.last())
        }
        Filter::Not(_) | Filter::Test(_) => true,
    }
}

/// Which rows count. None is all of them.
pub(super) type Mask = Option<Vec<bool>>;

/// The rows that meet the filter and were seen in the range.
pub(super) fn mask(
    filter: &Filter,
    range: Range,
    entry: &Entry,
    rows: &Rows<'_>,
    geo: &dyn Geo,
) -> Result<Mask, BlockError> {
    let mut mask = evaluate(filter, rows, geo)?;
    if !within(range, entry) {
        let (starts, ends) = rows.times()?;
        let seen = starts
            .iter()
            .zip(ends)
            .map(|(start, end)| touches((*start, *end), (range.from.0, range.to.0)));
        mask = Some(match mask {
            None => seen.collect(),
            Some(mask) => mask.into_iter().zip(seen).map(|(met, seen)| met && seen).collect(),
        });
    }
    Ok(mask)
}

/// Whether all flows of a block passed within the range, so that none is cut.
pub(super) fn within(range: Range, entry: &Entry) -> bool {
    entry.first_start >= range.from && entry.last_end < range.to
}

fn evaluate(filter: &Filter, rows: &Rows<'_>, geo: &dyn Geo) -> Result<Mask, BlockError> {
    match filter {
        Filter::All(all) => {
            let mut mask: Mask = None;
            for filter in all {
                // Nothing is left to ask the next column about.
                if mask.as_ref().is_some_and(|mask| !mask.contains(&true)) {
                    break;
                }
                mask = match (mask, evaluate(filter, rows, geo)?) {
                    (None, other) | (other, None) => other,
                    (Some(a), Some(b)) => Some(a.into_iter().zip(b).map(|(a, b)| a && b).collect()),
                };
            }
            Ok(mask)
        }
        Filter::Any(any) => {
            let mut mask = vec![false; rows.len()];
            for filter in any {
                let Some(other) = evaluate(filter, rows, geo)? else { return Ok(None) };
                mask.iter_mut().zip(other).for_each(|(met, other)| *met |= other);
            }
            Ok(Some(mask))
        }
        Filter::Not(filter) => {
            let mask = evaluate(filter, rows, geo)?.unwrap_or_else(|| vec![true; rows.len()]);
            Ok(Some(mask.into_iter().map(|met| !met).collect()))
        }
        Filter::Test(test) => answer(*test, rows, geo).map(Some),
    }
}

fn answer(test: Test, rows: &Rows<'_>, geo: &dyn Geo) -> Result<Vec<bool>, BlockError> {
    let ends = &rows.ends;
    // A question about addresses is answered once an address.
    let by_address = |side, known: Vec<bool>| {
        sides(side, &ends.source, &ends.destination, |id: &u32| known[*id as usize])
    };
    Ok(match test {
        Test::Network(side, prefix) => by_address(side, inside(&rows.dictionary, prefix)),
        Test::Version6(v6) => {
            by_address(Side::Source, rows.dictionary.iter().map(|a| a.is_ipv6() == v6).collect())
        }
        Test::Country(side, country) => {
            let places = rows.places(geo);
            by_address(side, places.iter().map(|place| place.country == Some(country)).collect())
        }
        Test::System(side, system) => {
            let [from, to] = rows.systems(geo)?;
            sides(side, from, to, |its| *its == system)
        }
        Test::Port(side, first, last) => {
            let (from, to) = rows.ports()?;
            sides(side, from, to, |port| (first..=last).contains(port))
        }
        Test::Protocol(protocol) => rows.protocols()?.iter().map(|its| *its == protocol).collect(),
        Test::Interface(side, index) => {
            let (ways, way) = rows.paths()?;
            let met = |way: &crate::block::Path| match side {
                Side::Source => way.input == index,
                Side::Destination => way.output == index,
                Side::Either => way.input == index || way.output == index,
            };
            let known: Vec<bool> = ways.iter().map(met).collect();
            way.iter().map(|way| known[*way as usize]).collect()
        }
        Test::Vlan(vlan) => {
            let (ways, way) = rows.paths()?;
            way.iter().map(|way| ways[*way as usize].vlan == vlan).collect()
        }
        Test::Flags(flags) => {
            let flags = u64::from(flags);
            rows.flags()?.iter().map(|its| its & flags == flags).collect()
        }
        Test::Tos(tos) => rows.tos()?.iter().map(|its| *its == u64::from(tos)).collect(),
        Test::Bytes(compare, number) => {
            rows.bytes()?.iter().map(|bytes| compare.holds(*bytes, number)).collect()
        }
        Test::Packets(compare, number) => {
            rows.packets()?.iter().map(|packets| compare.holds(*packets, number)).collect()
        }
        Test::Duration(compare, number) => {
            let (starts, ends) = rows.times()?;
            let lasted = |(start, end): (&i64, &i64)| end.saturating_sub(*start).max(0) as u64;
            starts.iter().zip(ends).map(|row| compare.holds(lasted(row), number)).collect()
        }
    })
}

fn inside(dictionary: &Dictionary, prefix: Prefix) -> Vec<bool> {
    let (first, last) = (prefix.first(), prefix.last());
    let family = first.is_ipv4();
    dictionary.iter().map(|a| a.is_ipv4() == family && first <= a && a <= last).collect()
}

fn sides<T>(side: Side, from: &[T], to: &[T], met: impl Fn(&T) -> bool) -> Vec<bool> {
    match side {
        Side::Source => from.iter().map(met).collect(),
        Side::Destination => to.iter().map(met).collect(),
        Side::Either => from.iter().zip(to).map(|(from, to)| met(from) || met(to)).collect(),
    }
}
