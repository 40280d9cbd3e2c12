//! Servers and routers of a link: the first is taken for the right one, later ones are strangers.

use std::net::IpAddr;
use std::time::Duration;

use model::Timestamp;

/// Strangers remembered; of more, the one unheard for longest is forgotten.
const MAX_KNOWN: usize = 16;
/// A stranger unheard for this long is told of again.
const FORGET: Duration = Duration::from_secs(86_400);
/// The right one may be away for longer; else a stranger would only have to wait a day.
const FORGET_FIRST: Duration = Duration::from_secs(30 * 86_400);

/// Those of one kind on one link.
#[derive(Default)]
pub(super) struct Known {
    first: Option<(IpAddr, Timestamp)>,
    strangers: Vec<(IpAddr, Timestamp)>,
}

impl Known {
    /// One was heard. True when it is a stranger that was not noted yet.
    pub(super) fn is_new_stranger(
        &mut self,
        now: Timestamp,
        ip: IpAddr,
        trust_first: bool,
    ) -> bool {
        self.first = self.first.filter(|(_, heard)| now.since(*heard) < FORGET_FIRST);
        self.strangers.retain(|(_, heard)| now.since(*heard) < FORGET);
        if trust_first && self.first.is_none_or(|(first, _)| first == ip) {
            self.first = Some((ip, now));
            return false;
        }
        match self.strangers.iter_mut().find(|(known, _)| *known == ip) {
            Some((_, heard)) => *heard = now,
            None => return true,
        }
        false
    }

    /// Notes a stranger that was told of.
    pub(super) fn note(&mut self, now: Timestamp, ip: IpAddr) {
        if self.strangers.len() >= MAX_KNOWN
            && let Some(stalest) = (0..self.strangers.len()).min_by_key(|i| self.strangers[*i].1)
        {
            self.strangers.swap_remove(stalest);
        }
        self.strangers.push((ip, now));
    }

    /// The clock was set: nobody was unheard for long by that.
    pub(super) fn clock_stepped(&mut self, now: Timestamp) {
        for (_, heard) in self.first.iter_mut().chain(&mut self.strangers) {
            *heard = now;
        }
    }
}
