//! When and where to dial next: all addresses in order, then a rest whose bound doubles from 1 to
//! 60 s, of which a random part is waited, so that a thousand agents do not come at once.

/// The first and the longest bound, milliseconds.
const FIRST: u64 = 1000;
const LONGEST: u64 = 60_000;
/// A link that held for so long was a good one, milliseconds.
const GOOD: u64 = 10_000;

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Dial {
    /// Try this address now.
    Now(usize),
    /// Rest for so long first, milliseconds.
    Rest(u64),
}

/// The dialler.
#[derive(Debug)]
pub(crate) struct Backoff {
    addresses: usize,
    next: usize,
    bound: u64,
    rested: bool,
    welcomed: Option<u64>,
}

impl Backoff {
    /// For so many addresses.
    pub(crate) fn new(addresses: usize) -> Self {
        Self { addresses, next: 0, bound: FIRST, rested: true, welcomed: None }
    }

    /// What to do next; `random` is any number.
    pub(crate) fn next(&mut self, random: u64) -> Dial {
        if self.next >= self.addresses {
            self.next = 0;
            self.rested = false;
        }
        if self.next == 0 && !self.rested {
            self.rested = true;
            let rest = random % (self.bound + 1);
            self.bound = (self.bound * 2).min(LONGEST);
            return Dial::Rest(rest);
        }
        self.next += 1;
        self.rested = false;
        Dial::Now(self.next - 1)
    }

    /// The appliance said welcome.
    pub(crate) fn welcomed(&mut self, now: u64) {
        self.welcomed = Some(now);
    }

    /// The link is closed: after a good one the rest is short again, and in any case all addresses
    /// are tried from the first.
    pub(crate) fn closed(&mut self, now: u64) {
        if let Some(since) = self.welcomed.take() {
            self.next = 0;
            self.rested = false;
            if now.saturating_sub(since) >= GOOD {
                self.bound = FIRST;
            }
        }
    }

    /// The appliance does not want this agent: come back seldom.
    pub(crate) fn unwanted(&mut self) {
        self.bound = LONGEST;
        self.next = self.addresses;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_addresses_are_tried_before_a_rest_that_grows_to_a_minute() {
        let mut backoff = Backoff::new(2);
        let mut rests = Vec::new();
        for _ in 0..9 {
            assert_eq!(backoff.next(u64::MAX), Dial::Now(0));
            assert_eq!(backoff.next(u64::MAX), Dial::Now(1));
            let before = backoff.bound;
            let Dial::Rest(rest) = backoff.next(before) else { panic!() };
            rests.push(rest);
        }
        assert_eq!(rests, [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000]);
    }

    #[test]
    fn only_a_link_that_held_makes_the_rest_short_again() {
        let mut backoff = Backoff::new(1);
        for _ in 0..20 {
            backoff.next(0);
        }
        while backoff.next(7) != Dial::Now(0) {}
        backoff.welcomed(100);
        backoff.closed(9000);
        assert_eq!(backoff.next(60_000), Dial::Rest(60_000));
        assert_eq!(backoff.next(0), Dial::Now(0));
        backoff.welcomed(10_000);
        backoff.closed(20_000);
        assert_eq!(backoff.next(1000), Dial::Rest(1000));
        assert_eq!(backoff.next(0), Dial::Now(0));
        backoff.unwanted();
        assert_eq!(backoff.next(59_999), Dial::Rest(59_999));
    }
}
