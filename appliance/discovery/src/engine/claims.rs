//! Who has which address: the latest to say so, with a memory for quarrels.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::time::Duration;

use model::{Mac, Severity, Timestamp};
use serde_json::json;

use super::Engine;
use crate::segment::Segment;

/// Two stations that take an address from each other within this time are in conflict.
const QUARREL: Duration = Duration::from_secs(60);
/// Changes of hands within that time that make it one: a laptop that moves from cable to Wi-Fi
/// changes hands once.
const QUARREL_CHANGES: u32 = 3;
/// A conflict is told again after this time.
const TELL_AGAIN: Duration = Duration::from_secs(3_600);
/// Claims kept at the most; the stalest go first.
const MAX_CLAIMS: usize = 65_536;
/// A claim unheard for this long is forgotten.
const STALE: Duration = Duration::from_secs(2 * 86_400);

#[derive(Default)]
pub(super) struct Claims {
    by_ip: HashMap<IpAddr, Claim>,
    /// Claims given up for lack of room, and whose they were.
    dropped: Vec<(IpAddr, Mac)>,
}

struct Claim {
    holder: Mac,
    heard: Timestamp,
    changed: Timestamp,
    changes: u32,
    told: Option<Timestamp>,
}

/// What a claim led to.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    /// Who had the address until now.
    pub(super) lost_by: Option<Mac>,
    /// The two fight over it.
    pub(super) conflict: bool,
}

impl Claims {
    pub(super) fn holder(&self, ip: IpAddr) -> Option<Mac> {
        self.by_ip.get(&ip).map(|claim| claim.holder)
    }

    /// Frees what some stations had.
    pub(super) fn release(&mut self, macs: &BTreeSet<Mac>) {
        self.by_ip.retain(|_, claim| !macs.contains(&claim.holder));
    }

    /// What some stations had is another one's: they are one device, and give up their names.
    pub(super) fn pass_on(&mut self, macs: &BTreeSet<Mac>, to: Mac) {
        if macs.is_empty() {
            return;
        }
        for claim in self.by_ip.values_mut().filter(|claim| macs.contains(&claim.holder)) {
            claim.holder = to;
        }
    }

    /// What was given up since it was last asked: nobody is known to have it now.
    pub(super) fn take_dropped(&mut self) -> Vec<(IpAddr, Mac)> {
        std::mem::take(&mut self.dropped)
    }

    pub(super) fn take(&mut self, now: Timestamp, mac: Mac, ip: IpAddr) -> Outcome {
        let none = Outcome { lost_by: None, conflict: false };
        let Some(claim) = self.by_ip.get_mut(&ip) else {
            if self.by_ip.len() >= MAX_CLAIMS {
                self.drop_stalest();
            }
            let fresh = Claim { holder: mac, heard: now, changed: now, changes: 0, told: None };
            self.by_ip.insert(ip, fresh);
            return none;
        };
        claim.heard = now;
        if claim.holder == mac {
            return none;
        }
        claim.changes = if now.since(claim.changed) <= QUARREL { claim.changes + 1 } else { 1 };
        claim.changed = now;
        let lost_by = Some(std::mem::replace(&mut claim.holder, mac));
        let quiet = claim.told.is_none_or(|told| now.since(told) > TELL_AGAIN);
        let conflict = claim.changes >= QUARREL_CHANGES && quiet;
        if conflict {
            claim.told = Some(now);
        }
        Outcome { lost_by, conflict }
    }

    pub(super) fn forget(&mut self, now: Timestamp) {
        if self.by_ip.len() > MAX_CLAIMS / 2 {
            let stale = self.by_ip.extract_if(|_, claim| now.since(claim.heard) >= STALE);
            self.dropped.extend(stale.map(|(ip, claim)| (ip, claim.holder)));
        }
    }

    /// Makes room, for many at a time: looking through all for each would be slow.
    fn drop_stalest(&mut self) {
        let mut by_age: Vec<(Timestamp, IpAddr)> =
            self.by_ip.iter().map(|(ip, claim)| (claim.heard, *ip)).collect();
        let surplus = MAX_CLAIMS / 16;
        if by_age.len() > surplus {
            by_age.select_nth_unstable(surplus);
            by_age.truncate(surplus);
        }
        for (_, ip) in by_age {
            let dropped = self.by_ip.remove(&ip);
            self.dropped.extend(dropped.map(|claim| (ip, claim.holder)));
        }
    }

    /// The clock was set: no claim is stale for that, and none is of the future.
    pub(super) fn clock_stepped(&mut self, now: Timestamp) {
        for claim in self.by_ip.values_mut() {
            claim.heard = now;
            claim.changed = claim.changed.min(now);
            claim.told = claim.told.map(|told| told.min(now));
        }
    }
}

impl Engine {
    /// A station says that it has an address.
    pub(super) fn claim(&mut self, now: Timestamp, segment: &Segment, mac: Mac, ip: IpAddr) {
        if !segment.is_on_link(ip) || segment.is_own(ip) {
            return;
        }
        if let Some(waiting) = self.waiting.get_mut(&mac) {
            waiting.device.hold(ip, &segment.name, now);
            self.take_from_others(now, mac, ip);
            return;
        }
        let Some(id) = self.by_mac.get(&mac).copied() else {
            return;
        };
        let had_one = self.devices.get(&id).is_some_and(|d| {
            d.addresses.iter().any(|a| a.ip.is_ipv4() == ip.is_ipv4() && a.ip != ip)
        });
        let news = self.devices.get_mut(&id).is_some_and(|d| d.hold(ip, &segment.name, now));
        if news {
            self.store_said(id, now);
            if had_one && ip.is_ipv4() {
                self.address_changed(id, now, ip);
            }
        }
        self.take_from_others(now, mac, ip);
    }

    /// An address is one station's: whoever had it has lost it, also to one that still waits to
    /// become a device.
    fn take_from_others(&mut self, now: Timestamp, mac: Mac, ip: IpAddr) {
        if !is_exclusive(ip) {
            return;
        }
        let outcome = self.claims.take(now, mac, ip);
        self.lose_dropped(now);
        let Some(other) = outcome.lost_by else { return };
        let taker = self.by_mac.get(&mac).copied();
        if taker.is_none() || self.by_mac.get(&other) != taker.as_ref() {
            self.lose(now, other, ip);
        }
        // One that waits has no number yet; then the other one's page tells of it.
        let about = taker.map(|id| (id, mac, other));
        let about = about.or_else(|| Some((self.by_mac.get(&other).copied()?, other, mac)));
        if let (true, Some((id, mac, other))) = (outcome.conflict, about) {
            self.tell(id, now, "ip_conflict", Severity::High, |d| {
                let text = format!("{ip} is used by {} ({mac}) and by {other} at once", d.name());
                (text, json!({ "ip": ip, "other_mac": other }))
            });
        }
    }

    fn lose(&mut self, now: Timestamp, mac: Mac, ip: IpAddr) {
        if let Some(waiting) = self.waiting.get_mut(&mac) {
            waiting.device.lose(ip);
        } else if let Some(id) = self.by_mac.get(&mac).copied()
            && self.devices.get_mut(&id).is_some_and(|d| d.lose(ip))
        {
            self.store_said(id, now);
        }
    }

    /// Whose claim was given up for lack of room has the address no more, or two could have it.
    pub(super) fn lose_dropped(&mut self, now: Timestamp) {
        for (ip, mac) in self.claims.take_dropped() {
            self.lose(now, mac, ip);
        }
    }

    /// Notes what the stored devices have; of two that have one address the one heard last has it.
    pub(super) fn claim_stored(&mut self) {
        let mut held: Vec<_> = self
            .devices
            .values()
            .flat_map(|d| d.addresses.iter().map(|a| (a, d.mac)))
            .filter(|(a, _)| a.current && is_exclusive(a.ip))
            .map(|(a, mac)| (a.last_seen, a.ip, mac))
            .collect();
        model::sort_by(&mut held, Ord::cmp);
        for (heard, ip, mac) in held {
            let outcome = self.claims.take(heard, mac, ip);
            self.lose_dropped(heard);
            if let Some(other) = outcome.lost_by {
                self.lose(heard, other, ip);
            }
        }
    }
}

/// The same link-local address may well exist on two links.
fn is_exclusive(ip: IpAddr) -> bool {
    !matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local())
}

#[cfg(test)]
mod tests {
    use super::*;

    const IP: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));

    fn at(secs: u64) -> Timestamp {
        Timestamp(0).plus(Duration::from_secs(secs))
    }

    #[test]
    fn an_address_belongs_to_the_latest_who_claims_it() {
        let mut claims = Claims::default();
        claims.take(at(0), Mac([2; 6]), IP);
        let outcome = claims.take(at(1_000), Mac([4; 6]), IP);
        assert_eq!(outcome, Outcome { lost_by: Some(Mac([2; 6])), conflict: false });
        assert_eq!(claims.holder(IP), Some(Mac([4; 6])));
    }

    #[test]
    fn the_stalest_claims_make_room_for_new_ones() {
        let mut claims = Claims::default();
        let ip = |n: u32| IpAddr::V4(std::net::Ipv4Addr::from_bits(n));
        let many = u32::try_from(MAX_CLAIMS).expect("fits");
        for n in 0..many + 10 {
            claims.take(at(u64::from(n)), Mac([2; 6]), ip(n));
        }
        assert!(claims.by_ip.len() <= MAX_CLAIMS);
        assert_eq!(claims.holder(ip(many + 9)), Some(Mac([2; 6])));
        assert_eq!(claims.holder(ip(0)), None);
    }

    #[test]
    fn two_that_take_it_from_each_other_are_in_conflict_once_an_hour() {
        let mut claims = Claims::default();
        let told = (0..100)
            .map(|n| claims.take(at(n * 10), Mac([2 + 2 * (n % 2) as u8; 6]), IP).conflict)
            .filter(|told| *told)
            .count();
        assert_eq!(told, 1);
    }
}
