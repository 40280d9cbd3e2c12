//! Browsing (RFC 6763, 4): who told a type of service is asked for its instances, since only those
//! tell a name and a model.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::device::Device;
use crate::discovery::Discovery;
use crate::edge::prober;
use crate::segment::Segment;
use crate::sweep::frames::{self, MOST_TYPES, Sender};

/// How often it is looked whether there is something to ask.
const LOOK: Duration = Duration::from_secs(1);
/// The pause after the first question for a type, and the longest (RFC 6762, 5.2).
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(3_600);
/// Types remembered of one link; a hostile host could make them up.
const REMEMBERED: usize = 256;

/// When each type was asked for on one link.
#[derive(Debug, Default)]
struct Browsing {
    asked: BTreeMap<String, Asked>,
    /// When there is something to ask again although nobody tells anything new.
    again: Option<Instant>,
    /// The link was looked at.
    known: bool,
}

#[derive(Debug)]
struct Asked {
    next: Instant,
    pause: Duration,
}

/// What a link offers now.
#[derive(Debug, Default)]
struct Offers {
    /// All types that were told.
    all: BTreeSet<String>,
    /// Those of devices that have told no name.
    nameless: BTreeSet<String>,
}

impl Browsing {
    /// The types to ask for now: new ones, and again, ever more seldom, while who offers it has no
    /// name.
    fn due(&mut self, now: Instant, offers: &Offers) -> Vec<String> {
        self.asked.retain(|kind, _| offers.all.contains(kind));
        self.known = true;
        let mut due = Vec::new();
        for kind in &offers.all {
            if due.len() == MOST_TYPES {
                break;
            }
            let pause = match self.asked.get(kind) {
                None if self.asked.len() >= REMEMBERED => continue,
                None => FIRST_PAUSE,
                Some(asked) if now < asked.next || !offers.nameless.contains(kind) => continue,
                Some(asked) => (asked.pause * 2).min(LONGEST_PAUSE),
            };
            self.asked.insert(kind.clone(), Asked { next: now + pause, pause });
            due.push(kind.clone());
        }
        let waits = offers.nameless.iter().filter_map(|kind| self.asked.get(kind));
        let again = waits.map(|asked| asked.next).min();
        // What did not fit is asked for at the next look.
        self.again = if due.len() == MOST_TYPES { Some(now) } else { again };
        due
    }

    /// Whether looking at all devices of the link is worth it.
    fn wants_look(&self, now: Instant, told: bool) -> bool {
        told || !self.known || self.again.is_some_and(|again| again <= now)
    }
}

impl Offers {
    fn of<'a>(devices: impl Iterator<Item = &'a Device>, segment: &Segment) -> Self {
        let mut offers = Self::default();
        let here = |d: &&Device| {
            d.presence.online && d.interface.as_deref() == Some(segment.name.as_str())
        };
        for device in devices.filter(here) {
            let nameless = device.hostname().is_none();
            for kind in &device.evidence.mdns.services {
                let kind = kind.trim_end_matches(".local");
                if !offers.all.contains(kind) {
                    offers.all.insert(kind.to_owned());
                }
                if nameless && !offers.nameless.contains(kind) {
                    offers.nameless.insert(kind.to_owned());
                }
            }
        }
        offers
    }
}

/// Asks, link by link, for as long as it is polled.
pub(crate) async fn keep_browsing(discovery: Discovery) {
    let mut links: BTreeMap<u32, Browsing> = BTreeMap::new();
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        look.tick().await;
        let settings = discovery.settings();
        if !settings.scan_enabled || !settings.service_queries_enabled {
            continue;
        }
        let segments = discovery.segments();
        links.retain(|index, _| segments.iter().any(|s| s.index == *index));
        let (now, told) = (Instant::now(), discovery.engine().take_services_told());
        for segment in segments.iter() {
            let browsing = links.entry(segment.index).or_default();
            if !browsing.wants_look(now, told) {
                continue;
            }
            let offers = discovery.with_all(|all| Offers::of(all, segment));
            let due = browsing.due(now, &offers);
            let own = [segment.own_v4().map(Into::into), segment.own_link_local().map(Into::into)];
            let questions: Vec<_> = own
                .into_iter()
                .flatten()
                .filter_map(|ip| frames::browse_query(Sender { mac: segment.mac, ip }, &due))
                .collect();
            if questions.is_empty() {
                continue;
            }
            let index = segment.index;
            let sent =
                tokio::task::spawn_blocking(move || prober::send_once(index, &questions)).await;
            if let Ok(Err(error)) = sent {
                tracing::debug!(interface = segment.name, %error, "cannot ask for services");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offers(all: &[&str], nameless: &[&str]) -> Offers {
        let set = |types: &[&str]| types.iter().map(|&t| t.to_owned()).collect();
        Offers { all: set(all), nameless: set(nameless) }
    }

    #[test]
    fn a_type_is_asked_for_once_when_all_who_offer_it_have_names() {
        let (mut browsing, now) = (Browsing::default(), Instant::now());
        let offers = offers(&["_ipp._tcp", "_http._tcp"], &[]);
        assert_eq!(browsing.due(now, &offers), ["_http._tcp", "_ipp._tcp"]);
        assert!(browsing.due(now + LONGEST_PAUSE * 2, &offers).is_empty());
    }

    #[test]
    fn the_type_of_a_nameless_device_is_asked_for_again_ever_more_seldom() {
        let (mut browsing, began) = (Browsing::default(), Instant::now());
        let offers = offers(&["_ipp._tcp"], &["_ipp._tcp"]);
        let mut at = Vec::new();
        for second in 0..4 * 3_600 {
            if !browsing.due(began + Duration::from_secs(second), &offers).is_empty() {
                at.push(second);
            }
        }
        assert_eq!(at[..6], [0, 2, 6, 14, 30, 62]);
        assert!(at.windows(2).all(|pair| pair[1] - pair[0] <= 3_600), "{at:?}");
        assert!(at.len() < 16, "{at:?}");
    }

    #[test]
    fn nobody_is_looked_at_again_before_there_is_something_to_ask() {
        let (mut browsing, now) = (Browsing::default(), Instant::now());
        assert!(browsing.wants_look(now, false), "the link is new");
        browsing.due(now, &offers(&["_ipp._tcp"], &[]));
        assert!(!browsing.wants_look(now + LONGEST_PAUSE * 2, false));
        assert!(browsing.wants_look(now, true), "somebody told something");
        browsing.due(now, &offers(&["_ipp._tcp", "_raop._tcp"], &["_raop._tcp"]));
        assert!(!browsing.wants_look(now + LOOK, false));
        assert!(browsing.wants_look(now + FIRST_PAUSE, false));
    }

    #[test]
    fn a_type_that_went_and_came_back_is_new() {
        let (mut browsing, now) = (Browsing::default(), Instant::now());
        assert_eq!(browsing.due(now, &offers(&["_ipp._tcp"], &[])).len(), 1);
        assert!(browsing.due(now, &offers(&[], &[])).is_empty());
        assert_eq!(browsing.due(now, &offers(&["_ipp._tcp"], &[])).len(), 1);
    }

    #[test]
    fn made_up_types_are_bounded_a_question_and_a_link() {
        let (mut browsing, now) = (Browsing::default(), Instant::now());
        let many: Vec<String> = (0..5_000).map(|i| format!("_t{i}._tcp")).collect();
        let all = offers(&many.iter().map(String::as_str).collect::<Vec<_>>(), &[]);
        for _ in 0..100 {
            assert!(browsing.due(now, &all).len() <= MOST_TYPES);
        }
        assert_eq!(browsing.asked.len(), REMEMBERED);
    }
}
