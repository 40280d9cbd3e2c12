//! Token buckets: how often somebody may try.
//!
//! Pure: a key and `now` in, allowed or how long to wait out. The map is bounded, so that trying
//! from many addresses costs the appliance no memory.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use model::Timestamp;

/// A bucket's size and how fast it fills.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Attempts that may come at once.
    pub burst: u32,
    /// Time in which one more attempt is earned.
    pub every: Duration,
}

impl Rate {
    /// Signing in, for one address: 5 in 60 s, 10 at once.
    pub const SIGN_IN: Self = Self { burst: 10, every: Duration::from_secs(12) };
    /// Wrong passwords for one account from addresses that it never signed in from. Wide enough
    /// for a forgetful person, narrow enough that many addresses together guess 2 880 a day.
    pub const ACCOUNT: Self = Self { burst: 20, every: Duration::from_secs(30) };
}

/// What a bucket answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Go on; one attempt is used up.
    Allowed,
    /// Too many; nothing is used up.
    Refused {
        /// When the next attempt is earned.
        retry_after: Duration,
        /// True for the first refusal after an allowed attempt: the one worth writing down.
        first: bool,
    },
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    /// When the bucket will be full again, ms since the epoch.
    full_at: i64,
    refusing: bool,
}

/// Buckets by key, at most `capacity` of them.
#[derive(Debug)]
pub struct Limiter<K> {
    rate: Rate,
    capacity: usize,
    buckets: HashMap<K, Bucket>,
}

impl<K: Hash + Eq + Clone> Limiter<K> {
    /// Empty. When more than `capacity` keys are in use, the one nearest to a full bucket is
    /// forgotten: that forgives the least.
    pub fn new(rate: Rate, capacity: usize) -> Self {
        Self { rate, capacity: capacity.max(1), buckets: HashMap::new() }
    }

    /// Uses up one attempt, if there is one.
    pub fn take(&mut self, key: &K, now: Timestamp) -> Verdict {
        let every = ms(self.rate.every).max(1);
        let depth = every.saturating_mul(i64::from(self.rate.burst.max(1)));
        if !self.buckets.contains_key(key) {
            self.make_room(now);
        }
        let bucket =
            self.buckets.entry(key.clone()).or_insert(Bucket { full_at: now.0, refusing: false });
        // The upper bound matters when the clock is set back: nobody waits longer than for an
        // empty bucket.
        let full_at = bucket.full_at.clamp(now.0, now.0.saturating_add(depth));
        let next = full_at.saturating_add(every);
        let over = next.saturating_sub(now.0.saturating_add(depth));
        if over > 0 {
            let first = !std::mem::replace(&mut bucket.refusing, true);
            bucket.full_at = full_at;
            let retry_after = Duration::from_millis(u64::try_from(over).unwrap_or(0));
            return Verdict::Refused { retry_after, first };
        }
        *bucket = Bucket { full_at: next, refusing: false };
        Verdict::Allowed
    }

    /// Returns an attempt that should not have counted.
    pub fn give_back(&mut self, key: &K) {
        let every = ms(self.rate.every).max(1);
        if let Some(bucket) = self.buckets.get_mut(key) {
            bucket.full_at = bucket.full_at.saturating_sub(every);
        }
    }

    /// How many keys are remembered.
    pub fn len(&self) -> usize {
        self.buckets.len()
    }

    /// Whether nobody is remembered.
    pub fn is_empty(&self) -> bool {
        self.buckets.is_empty()
    }

    fn make_room(&mut self, now: Timestamp) {
        if self.buckets.len() < self.capacity {
            return;
        }
        self.buckets.retain(|_, b| b.full_at > now.0);
        while self.buckets.len() >= self.capacity {
            let fullest =
                self.buckets.iter().min_by_key(|(_, b)| b.full_at).map(|(k, _)| k.clone());
            let Some(fullest) = fullest else { return };
            self.buckets.remove(&fullest);
        }
    }
}

fn ms(d: Duration) -> i64 {
    i64::try_from(d.as_millis()).unwrap_or(i64::MAX)
}

/// The address, or for IPv6 its /64, since a host chooses the lower half freely.
pub fn address_group(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const T0: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn after(secs: u64) -> Timestamp {
        T0.plus(Duration::from_secs(secs))
    }

    proptest! {
        #[test]
        fn no_schedule_of_attempts_beats_the_rate(
            gaps in proptest::collection::vec(0_u64..40_000, 1..300),
        ) {
            let mut limiter = Limiter::new(Rate::SIGN_IN, 4);
            let (mut now, mut allowed) = (T0, 0_u64);
            for gap in gaps {
                now = now.plus(Duration::from_millis(gap));
                if limiter.take(&1, now) == Verdict::Allowed {
                    allowed += 1;
                }
                prop_assert!(allowed <= 10 + now.since(T0).as_secs() / 12);
            }
        }

        #[test]
        fn waiting_as_told_is_enough_even_if_the_clock_jumped(
            steps in proptest::collection::vec(any::<i64>(), 1..50),
        ) {
            let mut limiter = Limiter::new(Rate::SIGN_IN, 4);
            for at in steps {
                let now = Timestamp(at / 4);
                if let Verdict::Refused { retry_after, .. } = limiter.take(&1, now) {
                    prop_assert!(retry_after <= Rate::SIGN_IN.every);
                    prop_assert_eq!(limiter.take(&1, now.plus(retry_after)), Verdict::Allowed);
                }
            }
        }

        #[test]
        fn the_map_stays_bounded(keys in proptest::collection::vec(any::<u16>(), 0..500)) {
            let mut limiter = Limiter::new(Rate::SIGN_IN, 16);
            for key in keys {
                limiter.take(&key, T0);
                prop_assert!(limiter.len() <= 16);
            }
        }
    }

    #[test]
    fn ten_at_once_then_one_every_twelve_seconds() {
        let mut limiter = Limiter::new(Rate::SIGN_IN, 4);
        for _ in 0..10 {
            assert_eq!(limiter.take(&1, T0), Verdict::Allowed);
        }
        let wait = Duration::from_secs(12);
        assert_eq!(limiter.take(&1, T0), Verdict::Refused { retry_after: wait, first: true });
        assert_eq!(limiter.take(&1, T0), Verdict::Refused { retry_after: wait, first: false });
        assert_eq!(limiter.take(&2, T0), Verdict::Allowed, "another address is not concerned");
        assert_eq!(limiter.take(&1, after(12)), Verdict::Allowed);
        assert!(matches!(limiter.take(&1, after(12)), Verdict::Refused { first: true, .. }));
    }

    #[test]
    fn an_attempt_given_back_does_not_count() {
        let mut limiter = Limiter::new(Rate { burst: 1, every: Duration::from_secs(60) }, 4);
        for _ in 0..5 {
            assert_eq!(limiter.take(&1, T0), Verdict::Allowed);
            limiter.give_back(&1);
        }
    }

    #[test]
    fn a_flood_of_addresses_does_not_forgive_the_worst() {
        let mut limiter = Limiter::new(Rate::SIGN_IN, 8);
        for _ in 0..10 {
            limiter.take(&0, T0);
        }
        for key in 1..1_000 {
            limiter.take(&key, T0);
        }
        assert!(matches!(limiter.take(&0, T0), Verdict::Refused { .. }));
    }

    #[test]
    fn an_ipv6_host_cannot_hop_within_its_prefix() {
        let group = |text: &str| address_group(text.parse().unwrap());
        assert_eq!(group("2001:db8:1:2:3:4:5:6"), group("2001:db8:1:2:ffff::1"));
        assert_ne!(group("2001:db8:1:2::1"), group("2001:db8:1:3::1"));
        assert_eq!(group("::ffff:192.0.2.1"), group("192.0.2.1"));
        assert_ne!(group("192.0.2.1"), group("192.0.2.2"));
    }
}
