//! Names of addresses out there, as name servers told them to somebody on the LAN. In come answers,
//! out goes the last name of an address. Kept in memory for a day, bounded, written nowhere, and
//! without who asked.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use model::Timestamp;

use crate::decode::Answers;

/// Addresses that are remembered: about 2 MB.
const MOST: usize = 20_000;
/// How many go at once when there is no room, those longest not heard of first: looking for them
/// costs as much as looking at all.
const AT_ONCE: usize = MOST / 8;
/// How long a name holds.
const LONGEST: Duration = Duration::from_secs(86_400);

#[derive(Default)]
pub(crate) struct HeardNames(RwLock<HashMap<IpAddr, (Arc<str>, Timestamp)>>);

impl HeardNames {
    /// Takes in an answer.
    pub(crate) fn hear(&self, answers: &Answers, now: Timestamp) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let mut name: Option<Arc<str>> = None;
        // Blocking name servers answer with addresses that are nobody's.
        let real = |ip: &&IpAddr| !ip.is_unspecified() && !ip.is_loopback() && !ip.is_multicast();
        for ip in answers.addresses.iter().filter(real) {
            if let Some((its, at)) = known.get_mut(ip)
                && **its == *answers.name
            {
                *at = now;
                continue;
            }
            if known.len() >= MOST {
                make_room(&mut known);
            }
            let name = name.get_or_insert_with(|| Arc::from(answers.name.as_str()));
            known.insert(*ip, (Arc::clone(name), now));
        }
    }

    /// The name of an address.
    pub(crate) fn of(&self, ip: IpAddr, now: Timestamp) -> Option<Arc<str>> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let (name, at) = known.get(&ip)?;
        (now.since(*at) <= LONGEST).then(|| Arc::clone(name))
    }

    /// The addresses of a name and of those below it.
    pub(crate) fn addresses(&self, name: &str, most: usize, now: Timestamp) -> Vec<IpAddr> {
        let name = name.trim_matches('.').to_ascii_lowercase();
        if name.is_empty() {
            return Vec::new();
        }
        let is_it = |its: &str| {
            its.strip_suffix(name.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let fits = known.iter().filter(|(_, (its, at))| is_it(its) && now.since(*at) <= LONGEST);
        let mut found: Vec<IpAddr> = fits.map(|(ip, _)| *ip).collect();
        model::sort_by(&mut found, Ord::cmp);
        found.truncate(most);
        found
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Forgets all of them.
    pub(crate) fn forget(&self) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = HashMap::new();
    }
}

fn make_room(known: &mut HashMap<IpAddr, (Arc<str>, Timestamp)>) {
    let mut times: Vec<(Timestamp, IpAddr)> =
        known.iter().map(|(ip, (_, at))| (*at, *ip)).collect();
    let (gone, _, _) = times.select_nth_unstable(AT_ONCE);
    for (_, ip) in gone {
        known.remove(ip);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_795_000_000_000);

    fn answers(name: &str, addresses: &[&str]) -> Answers {
        let addresses = addresses.iter().map(|text| text.parse().unwrap()).collect();
        Answers { name: name.to_owned(), addresses }
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_has_its_last_name_for_a_day() {
        let names = HeardNames::default();
        names.hear(&answers("one.example", &["192.0.2.1", "2001:db8::1", "0.0.0.0"]), NOW);
        names.hear(&answers("other.example", &["192.0.2.1"]), NOW);
        assert_eq!(names.of(ip("192.0.2.1"), NOW).as_deref(), Some("other.example"));
        let day = NOW.plus(LONGEST);
        assert_eq!(names.of(ip("2001:db8::1"), day).as_deref(), Some("one.example"));
        assert_eq!(names.of(ip("2001:db8::1"), Timestamp(day.0 + 1)), None);
        assert_eq!((names.of(ip("0.0.0.0"), NOW), names.len()), (None, 2));
        names.forget();
        assert_eq!(names.of(ip("192.0.2.1"), NOW), None);
    }

    #[test]
    fn a_name_leads_to_the_addresses_of_all_below_it_and_of_no_other() {
        let names = HeardNames::default();
        names.hear(&answers("www.example.com", &["192.0.2.2"]), NOW);
        names.hear(&answers("example.com", &["192.0.2.1"]), NOW);
        names.hear(&answers("notexample.com", &["192.0.2.3"]), NOW);
        assert_eq!(names.addresses("Example.com.", 9, NOW), [ip("192.0.2.1"), ip("192.0.2.2")]);
        assert_eq!(names.addresses("www.example.com", 9, NOW), [ip("192.0.2.2")]);
        assert_eq!(names.addresses("com", 1, NOW), [ip("192.0.2.1")]);
        assert!(names.addresses(".", 9, NOW).is_empty());
    }

    #[test]
    fn a_flood_of_answers_takes_bounded_room_and_the_latest_stay() {
        let names = HeardNames::default();
        for number in 0..60_000_u32 {
            let ip = IpAddr::from(std::net::Ipv4Addr::from_bits(0x0100_0000 + number));
            let answers = Answers { name: format!("h{number}.example"), addresses: vec![ip] };
            names.hear(&answers, Timestamp(NOW.0 + i64::from(number)));
            assert!(names.len() <= MOST);
        }
        let last = IpAddr::from(std::net::Ipv4Addr::from_bits(0x0100_0000 + 59_999));
        let late = Timestamp(NOW.0 + 60_000);
        assert_eq!(names.of(last, late).as_deref(), Some("h59999.example"));
        assert_eq!(names.of(ip("1.0.0.0"), late), None);
        assert!(names.len() > MOST - AT_ONCE - 2);
    }
}
