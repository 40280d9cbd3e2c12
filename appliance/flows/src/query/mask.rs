//! A filter is put to a block: first to its addresses alone, then to whole columns at a time.

use super::rows::Rows;
use super::share::touches;
use super::{Archive, Range};
use crate::Nat;
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
            !dictionary.between(prefix.first(), prefix.last()).is_empty()
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
    let mut mask = narrowing(filter, rows, geo)?;
    if !within(range, entry) {
        let [starts, ends] = rows.times()?;
        let seen = |row: usize| touches((starts[row], ends[row]), (range.from.0, range.to.0));
        mask = Some(match mask {
            None => (0..rows.len()).map(seen).collect(),
            Some(mask) => mask.into_iter().enumerate().map(|(row, met)| met && seen(row)).collect(),
        });
    }
    Ok(mask)
}

impl Archive<'_> {
    /// The rows that count: those of [`mask`], without what another record tells of as well.
    pub(super) fn counted(
        &self,
        filter: &Filter,
        range: Range,
        entry: &Entry,
        rows: &Rows<'_>,
    ) -> Result<Mask, BlockError> {
        let mask = mask(filter, range, entry, rows, self.geo)?;
        if self.interfaces.lan.is_empty() {
            return Ok(mask);
        }
        let (ways, way) = rows.paths()?;
        let counts = self.interfaces.counted(ways, entry.block().is_some());
        if !counts.contains(&false) {
            return Ok(mask);
        }
        let mut mask = mask.unwrap_or_else(|| vec![true; rows.len()]);
        for row in rows.span() {
            mask[row] &= counts[way[row] as usize];
        }
        Ok(Some(mask))
    }
}

/// Whether all flows of a block passed within the range, so that none is cut.
pub(super) fn within(range: Range, entry: &Entry) -> bool {
    entry.first_start >= range.from && entry.last_end < range.to
}

/// Evaluates what all has to be met in turn, addresses first, and narrows the rows each time: of the
/// other columns only those parts are read that may still count.
fn narrowing(filter: &Filter, rows: &Rows<'_>, geo: &dyn Geo) -> Result<Mask, BlockError> {
    let mut all = Vec::new();
    flatten(filter, &mut all);
    all.sort_by_key(|filter| !is_of_addresses(filter));
    let mut mask: Mask = None;
    for filter in all {
        mask = both(mask, evaluate(filter, rows, geo)?);
        if let Some(mask) = &mask {
            rows.narrow(mask);
            if rows.span().is_empty() {
                break;
            }
        }
    }
    Ok(mask)
}

fn flatten<'f>(filter: &'f Filter, into: &mut Vec<&'f Filter>) {
    match filter {
        Filter::All(all) => all.iter().for_each(|filter| flatten(filter, into)),
        other => into.push(other),
    }
}

/// True for what is answered once an address, without another column.
fn is_of_addresses(filter: &Filter) -> bool {
    match filter {
        Filter::All(of) | Filter::Any(of) => of.iter().all(is_of_addresses),
        Filter::Not(filter) => is_of_addresses(filter),
        Filter::Test(test) => {
            matches!(test, Test::Network(..) | Test::Version6(_) | Test::Country(..))
        }
    }
}

fn both(one: Mask, other: Mask) -> Mask {
    match (one, other) {
        (None, other) | (other, None) => other,
        (Some(one), Some(other)) => {
            Some(one.into_iter().zip(other).map(|(one, other)| one && other).collect())
        }
    }
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
                mask = both(mask, evaluate(filter, rows, geo)?);
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
    // Rows that nobody asks for any more meet nothing.
    let mut met = vec![false; rows.len()];
    let span = rows.span();
    let mut each = |test: &dyn Fn(usize) -> bool| {
        for row in span.clone() {
            met[row] = test(row);
        }
    };
    let ends = &rows.ends;
    match test {
        Test::Network(side, prefix) => {
            let known = inside(rows.dictionary, prefix);
            sides(side, &ends.source, &ends.destination, |id| known[*id as usize], &mut each);
        }
        Test::Version6(v6) => {
            let known: Vec<_> = rows.dictionary.iter().map(|a| a.is_ipv6() == v6).collect();
            each(&|row| known[ends.source[row] as usize]);
        }
        Test::Country(side, country) => {
            let places = rows.places(geo);
            let met = |id: &u32| places[*id as usize].country == Some(country);
            sides(side, &ends.source, &ends.destination, met, &mut each);
        }
        Test::System(side, system) => {
            let [from, to] = rows.systems(geo)?;
            sides(side, from, to, |its| *its == system, &mut each);
        }
        Test::Port(side, first, last) => {
            let [from, to] = rows.ports()?;
            sides(side, from, to, |port| (first..=last).contains(port), &mut each);
        }
        Test::Protocol(protocol) => {
            let protocols = rows.protocols()?;
            each(&|row| protocols[row] == protocol);
        }
        Test::Interface(side, index) => {
            let (ways, way) = rows.paths()?;
            let met = |way: &crate::block::Path| match side {
                Side::Source => way.input == index,
                Side::Destination => way.output == index,
                Side::Either => way.input == index || way.output == index,
            };
            let known: Vec<bool> = ways.iter().map(met).collect();
            each(&|row| known[way[row] as usize]);
        }
        Test::Translated(side, prefix) => {
            let met =
                |one: &Nat| on(side, prefix.contains(one.source), prefix.contains(one.destination));
            let nat = rows.translations()?;
            each(&|row| nat[row].as_ref().is_some_and(met));
        }
        Test::TranslatedPort(side, first, last) => {
            let inside = |port| (first..=last).contains(&port);
            let met = |one: &Nat| on(side, inside(one.source_port), inside(one.destination_port));
            let nat = rows.translations()?;
            each(&|row| nat[row].as_ref().is_some_and(met));
        }
        Test::Vlan(vlan) => {
            let (ways, way) = rows.paths()?;
            each(&|row| ways[way[row] as usize].vlan == vlan);
        }
        Test::Flags(flags) => {
            let (flags, its) = (u64::from(flags), rows.flags()?);
            each(&|row| its[row] & flags == flags);
        }
        Test::Tos(tos) => {
            let its = rows.tos()?;
            each(&|row| its[row] == u64::from(tos));
        }
        Test::Bytes(compare, number) => {
            let bytes = rows.bytes()?;
            each(&|row| compare.holds(bytes[row], number));
        }
        Test::Packets(compare, number) => {
            let packets = rows.packets()?;
            each(&|row| compare.holds(packets[row], number));
        }
        Test::Duration(compare, number) => {
            let [starts, ends] = rows.times()?;
            let lasted = |row: usize| ends[row].saturating_sub(starts[row]).max(0) as u64;
            each(&|row| compare.holds(lasted(row), number));
        }
    }
    Ok(met)
}

fn inside(dictionary: &Dictionary, prefix: Prefix) -> Vec<bool> {
    let mut inside = vec![false; dictionary.len()];
    inside[dictionary.between(prefix.first(), prefix.last())].fill(true);
    inside
}

fn on(side: Side, source: bool, destination: bool) -> bool {
    match side {
        Side::Source => source,
        Side::Destination => destination,
        Side::Either => source || destination,
    }
}

fn sides<T>(
    side: Side,
    from: &[T],
    to: &[T],
    met: impl Fn(&T) -> bool,
    each: &mut impl FnMut(&dyn Fn(usize) -> bool),
) {
    match side {
        Side::Source => each(&|row| met(&from[row])),
        Side::Destination => each(&|row| met(&to[row])),
        Side::Either => each(&|row| met(&from[row]) || met(&to[row])),
    }
}
