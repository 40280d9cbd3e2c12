//! What a question is worked on with: the flows, their sums, and what is known of the world.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Instant;

use model::Timestamp;

use super::{AnswerError, World};
use crate::filter::{Filter, Side, Test};
use crate::hash::FastMap;
use crate::query::{
    Archive, Dimension, Found, Key, ListQuery, Listed, Measure, SearchQuery, Sensors, SensorsQuery,
    Series, SeriesQuery, Sums, Top, TopQuery,
};
use crate::rollup::{Live, Rollups, Whose};
use crate::world::Prefix;

/// Addresses of ours that are put together by whose they are.
const MOST_LOCAL: usize = 20_000;
/// Addresses of an answer whose towns are looked up with it.
const MOST_LOCATED: usize = 1_000;

/// See [`super::Answers::ask`].
pub struct Desk {
    pub(super) dir: PathBuf,
    pub(super) world: World,
    pub(super) now: Timestamp,
    pub(super) deadline: Instant,
}

/// Who had how much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    /// Who.
    pub whose: Whose,
    /// Their sums.
    pub sums: Sums,
}

impl Desk {
    /// The moment for which it answers.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// What is known of the world.
    pub fn world(&self) -> &World {
        &self.world
    }

    pub(super) fn archive(&self) -> Archive<'_> {
        let geo = self.world.geo.as_ref();
        let archive = Archive::new(&self.dir, self.world.ours.clone(), geo);
        archive.counting_once(self.world.interfaces.clone()).until(self.deadline)
    }

    /// The sums, with what is in none of them yet; None where there are none.
    pub(super) fn rollups(&self) -> Result<Option<(Rollups, Live)>, AnswerError> {
        let Some(rollups) = self.summed()? else { return Ok(None) };
        let World { book, geo, interfaces, .. } = &self.world;
        let live = rollups.live(book.as_ref(), geo.as_ref(), interfaces)?;
        Ok(Some((rollups, live)))
    }

    /// The sums as they were made; None where there are none.
    pub(super) fn summed(&self) -> Result<Option<Rollups>, AnswerError> {
        Ok(Rollups::read(&self.dir)?)
    }

    /// The earliest start and the latest end of the flows that are kept.
    pub fn kept(&self) -> Result<Option<(Timestamp, Timestamp)>, AnswerError> {
        Ok(self.archive().kept()?)
    }

    /// Looks up in which towns these are, here where reading may wait: who shows them finds them
    /// remembered.
    fn locate(&self, addresses: &mut dyn Iterator<Item = IpAddr>) {
        for address in addresses.take(MOST_LOCATED).filter(|a| !self.world.ours.contains(*a)) {
            self.world.geo.city(address);
        }
    }

    /// Ranks groups of flows.
    pub fn top(&self, query: &TopQuery) -> Result<Top, AnswerError> {
        let top = self.archive().top(query, self.now)?;
        self.locate(
            &mut top
                .rows
                .iter()
                .flat_map(|row| match row.key {
                    Key::Address(one) => [Some(one), None],
                    Key::Pair(one, other) | Key::Tuple(one, other, ..) => [Some(one), Some(other)],
                    _ => [None, None],
                })
                .flatten(),
        );
        Ok(top)
    }

    /// Ranks devices and what else has addresses of ours, by whose those were at the end of the
    /// range. What passes between two of ours counts for both.
    pub fn top_owners(&self, query: &TopQuery) -> Result<(Vec<Owner>, Top), AnswerError> {
        let (by, limit) = (Dimension::Local, MOST_LOCAL);
        let mut top = self.archive().top(&TopQuery { by, limit, ..query.clone() }, self.now)?;
        let at = query.range.to.min(self.now);
        let mut owners: FastMap<Whose, Sums> = FastMap::default();
        for row in top.rows.drain(..) {
            if let Key::Address(address) = row.key {
                let whose = match self.world.book.whose(address, at) {
                    Whose::Remote => Whose::Unknown,
                    known => known,
                };
                owners.entry(whose).or_default().add(&row.sums);
            }
        }
        let mut owners: Vec<Owner> =
            owners.into_iter().map(|(whose, sums)| Owner { whose, sums }).collect();
        let order = |owner: &Owner| (std::cmp::Reverse(owner.sums.by(query.measure)), owner.whose);
        model::sort_by_key(&mut owners, order);
        top.groups = owners.len() as u64;
        owners.truncate(query.limit);
        Ok((owners, top))
    }

    /// Sums flows by steps of time.
    pub fn series(&self, query: &SeriesQuery) -> Result<Series, AnswerError> {
        Ok(self.archive().series(query, self.now)?)
    }

    /// Tells what each sensor saw.
    pub fn sensors(&self, query: &SensorsQuery) -> Result<Sensors, AnswerError> {
        Ok(self.archive().sensors(query, self.now)?)
    }

    /// Lists flows.
    pub fn list(&self, query: &ListQuery) -> Result<Listed, AnswerError> {
        let listed = self.archive().list(query, self.now)?;
        self.locate(&mut listed.flows.iter().flat_map(|flow| [flow.source, flow.destination]));
        Ok(listed)
    }

    /// Looks for an address or a pair, with whom the address talked most and by which services.
    pub fn search(&self, query: &SearchQuery, limit: usize) -> Result<Searched, AnswerError> {
        let found = self.archive().search(query, self.now)?;
        self.locate(&mut [query.one].into_iter().chain(query.other));
        let mut searched = Searched { found, peers: Vec::new(), services: Vec::new() };
        if found.seen.is_none() {
            return Ok(searched);
        }
        let filter = of_hosts([query.one].into_iter().chain(query.other));
        let top = |by| {
            let (range, measure, filter) = (query.range, Measure::Bytes, filter.clone());
            Ok::<_, AnswerError>(self.top(&TopQuery { range, filter, by, measure, limit })?.rows)
        };
        for row in top(Dimension::Conversation)? {
            if let Key::Pair(one, other) = row.key {
                let peer = if one == query.one { other } else { one };
                searched.peers.push((peer, row.sums));
            }
        }
        for row in top(Dimension::Service)? {
            if let Key::Service(protocol, port) = row.key {
                searched.services.push((protocol, port, row.sums));
            }
        }
        Ok(searched)
    }
}

/// An address or a pair, and whom it talked to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Searched {
    /// What was found, and how sure that is.
    pub found: Found,
    /// The others, the one with the most octets first.
    pub peers: Vec<(IpAddr, Sums)>,
    /// Protocol and port of what they used.
    pub services: Vec<(u8, u16, Sums)>,
}

/// Flows of which all these hosts are an end.
pub fn of_hosts(hosts: impl Iterator<Item = IpAddr>) -> Filter {
    Filter::All(hosts.map(host).collect())
}

/// Flows of which one of these hosts is an end.
pub fn of_any_host(hosts: impl Iterator<Item = IpAddr>) -> Filter {
    Filter::Any(hosts.map(host).collect())
}

fn host(host: IpAddr) -> Filter {
    Filter::Test(Test::Network(Side::Either, Prefix::host(host)))
}
