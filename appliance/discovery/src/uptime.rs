//! How much of the time a device was there, from the log of its comings and goings.

use std::time::Duration;

use model::{DeviceId, Timestamp};
use rusqlite::{Connection, params};
use serde::Serialize;
use store::StoreError;

/// A stretch of time in one state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Stretch {
    /// Its beginning.
    pub from: Timestamp,
    /// Its end.
    pub to: Timestamp,
    /// Whether the device was there.
    pub online: bool,
}

/// A device's presence over a window of time.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Uptime {
    /// Percent of the time since it was first heard, within the window; None where that is nothing.
    pub percent: Option<f64>,
    /// The window's stretches, oldest first, beginning no earlier than its first sight.
    pub stretches: Vec<Stretch>,
}

/// Puts stretches together from changes, oldest first. `before` is the state at the beginning.
/// Time before `first_seen` does not count: nobody knows it.
pub fn uptime(
    first_seen: Timestamp,
    from: Timestamp,
    to: Timestamp,
    before: Option<bool>,
    changes: &[(Timestamp, bool)],
) -> Uptime {
    let start = from.max(first_seen);
    if to <= start {
        return Uptime::default();
    }
    let mut stretches: Vec<Stretch> = Vec::new();
    let mut state = before.unwrap_or(true);
    let mut since = start;
    let mut push = |from: Timestamp, to: Timestamp, online: bool| match stretches
        .last_mut()
        .filter(|last| last.online == online)
    {
        Some(last) => last.to = to,
        None if to > from => stretches.push(Stretch { from, to, online }),
        None => {}
    };
    for (at, online) in changes {
        let at = (*at).clamp(since, to);
        push(since, at, state);
        (since, state) = (at, *online);
    }
    push(since, to, state);
    let there: Duration = stretches.iter().filter(|s| s.online).map(|s| s.to.since(s.from)).sum();
    let percent = there.as_secs_f64() / to.since(start).as_secs_f64() * 100.0;
    Uptime { percent: Some(percent), stretches }
}

pub(crate) fn query(
    conn: &Connection,
    id: DeviceId,
    first_seen: Timestamp,
    from: Timestamp,
    to: Timestamp,
) -> Result<Uptime, StoreError> {
    let mut before = conn.prepare_cached(
        "SELECT online FROM presence_changes WHERE device = ?1 AND at <= ?2
         ORDER BY at DESC, id DESC LIMIT 1",
    )?;
    let before = before.query_map(params![id.0, from.0], |r| r.get(0))?.next().transpose()?;
    let mut statement = conn.prepare_cached(
        "SELECT at, online FROM presence_changes WHERE device = ?1 AND at > ?2 AND at <= ?3
         ORDER BY at, id",
    )?;
    let changes = statement
        .query_map(params![id.0, from.0, to.0], |r| Ok((Timestamp(r.get(0)?), r.get(1)?)))?
        .collect::<Result<Vec<_>, _>>()?;
    Ok(uptime(first_seen, from, to, before, &changes))
}

/// How many devices were online at each of evenly spaced moments, oldest first.
pub(crate) fn online_history(
    conn: &Connection,
    to: Timestamp,
    span: Duration,
    points: usize,
    online_now: u32,
) -> Result<Vec<(Timestamp, u32)>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT at, online FROM presence_changes WHERE at > ?1 ORDER BY at DESC, id DESC",
    )?;
    let changes = statement
        .query_map([to.minus(span).0], |r| Ok((Timestamp(r.get(0)?), r.get::<_, bool>(1)?)))?
        .collect::<Result<Vec<_>, _>>()?;
    let step = span / u32::try_from(points.max(2) - 1).unwrap_or(1);
    let mut history = Vec::with_capacity(points);
    let (mut count, mut next) = (i64::from(online_now), 0);
    for point in 0..points {
        let at = to.minus(step * u32::try_from(point).unwrap_or(0));
        while let Some((_, online)) = changes.get(next).filter(|(changed, _)| *changed > at) {
            count += if *online { -1 } else { 1 };
            next += 1;
        }
        history.push((at, u32::try_from(count.max(0)).unwrap_or(0)));
    }
    history.reverse();
    Ok(history)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOUR: i64 = 3_600_000;

    #[test]
    fn time_before_the_first_sight_is_no_downtime() {
        let up = uptime(Timestamp(6 * HOUR), Timestamp(0), Timestamp(10 * HOUR), None, &[]);
        assert_eq!(up.percent, Some(100.0));
        assert_eq!(up.stretches[0].from, Timestamp(6 * HOUR));
    }

    #[test]
    fn half_a_day_offline_is_half_a_day_offline() {
        let changes = [(Timestamp(6 * HOUR), false), (Timestamp(18 * HOUR), true)];
        let up = uptime(Timestamp(0), Timestamp(0), Timestamp(24 * HOUR), Some(true), &changes);
        assert_eq!(up.percent, Some(50.0));
        assert_eq!(up.stretches.iter().map(|s| s.online).collect::<Vec<_>>(), [true, false, true]);
    }

    #[test]
    fn a_window_before_the_first_sight_tells_nothing() {
        let up = uptime(Timestamp(50 * HOUR), Timestamp(0), Timestamp(10 * HOUR), None, &[]);
        assert_eq!(up, Uptime::default());
    }

    proptest! {
        #[test]
        fn stretches_fill_the_window_and_alternate(
            first in 0_i64..100,
            mut changes in prop::collection::vec((0_i64..100, any::<bool>()), 0..20),
            before: Option<bool>,
        ) {
            changes.sort_unstable_by_key(|(at, _)| *at);
            let changes: Vec<_> = changes.into_iter().map(|(at, on)| (Timestamp(at), on)).collect();
            let up = uptime(Timestamp(first), Timestamp(0), Timestamp(100), before, &changes);
            let percent = up.percent.expect("the window is not empty");
            prop_assert!((0.0..=100.0).contains(&percent));
            prop_assert_eq!(up.stretches.first().map(|s| s.from), Some(Timestamp(first)));
            prop_assert_eq!(up.stretches.last().map(|s| s.to), Some(Timestamp(100)));
            for pair in up.stretches.windows(2) {
                prop_assert_eq!(pair[0].to, pair[1].from);
                prop_assert_ne!(pair[0].online, pair[1].online);
            }
        }
    }
}
