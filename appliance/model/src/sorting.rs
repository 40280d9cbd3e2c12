//! Stable sorting by code that is compiled once: positions are sorted, and values follow by swaps.
//!
//! The standard library's sorts are fast and are compiled anew, at 4 kB, for each type of value and
//! each order. These are for lists as people see them; what is sorted by the thousand a second takes
//! the others.

use std::cmp::Ordering;

/// As [`slice::sort_by`].
pub fn sort_by<T>(list: &mut [T], mut compare: impl FnMut(&T, &T) -> Ordering) {
    let sorted = sorted(list.len(), &mut |a, b| match (list.get(a), list.get(b)) {
        (Some(a), Some(b)) => compare(a, b),
        _ => Ordering::Equal,
    });
    arrange(sorted, &mut |a, b| list.swap(a, b));
}

/// As [`slice::sort_by_key`].
pub fn sort_by_key<T, K: Ord>(list: &mut [T], mut key: impl FnMut(&T) -> K) {
    sort_by(list, |a, b| key(a).cmp(&key(b)));
}

/// As [`slice::sort_by_cached_key`]: for a key that takes work.
pub fn sort_by_cached_key<T, K: Ord>(list: &mut [T], key: impl FnMut(&T) -> K) {
    let keys: Vec<K> = list.iter().map(key).collect();
    let sorted = sorted(keys.len(), &mut |a, b| keys.get(a).cmp(&keys.get(b)));
    arrange(sorted, &mut |a, b| list.swap(a, b));
}

/// The positions in the order of what stands there.
fn sorted(length: usize, compare: &mut dyn FnMut(usize, usize) -> Ordering) -> Vec<usize> {
    let mut positions: Vec<usize> = (0..length).collect();
    positions.sort_by(|a, b| compare(*a, *b));
    positions
}

/// Puts at each place what stood at the position named for it, one cycle after the other.
fn arrange(mut from: Vec<usize>, swap: &mut dyn FnMut(usize, usize)) {
    for start in 0..from.len() {
        let mut place = start;
        while let Some(source) = from.get_mut(place) {
            let next = std::mem::replace(source, place);
            if next == start || next == place {
                break;
            }
            swap(place, next);
            place = next;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn lists_are_sorted_as_by_the_standard_library(list: Vec<(u8, u16)>) {
            let mut wanted = list.clone();
            wanted.sort_by_key(|(key, _)| key % 16);
            let mut found = list.clone();
            sort_by_key(&mut found, |(key, _)| key % 16);
            prop_assert_eq!(&found, &wanted);
            let mut found = list.clone();
            sort_by_cached_key(&mut found, |(key, _)| key % 16);
            prop_assert_eq!(&found, &wanted);
            let (mut found, mut wanted) = (list.clone(), list);
            sort_by(&mut found, |a, b| b.cmp(a));
            wanted.sort_by(|a, b| b.cmp(a));
            prop_assert_eq!(found, wanted);
        }
    }
}
