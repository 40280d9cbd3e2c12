//! Which networks and places talk to which: networks of ours as they are seen in flows, places that
//! people have named, and countries.

use super::{AnswerError, Desk};
use crate::query::{Places, PlacesQuery, Range};
use crate::world::Prefix;

/// A place that people have named, by the networks that are there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// Its number, as whoever asks gives it.
    pub number: u32,
    /// Its networks.
    pub networks: Vec<Prefix>,
}

/// All such places.
pub type Sites = Vec<Site>;

impl Desk {
    /// Which networks and places were seen, and which talked to which.
    pub fn places(&self, range: Range, sites: &Sites) -> Result<Places, AnswerError> {
        let sites = sites
            .iter()
            .flat_map(|site| site.networks.iter().map(|network| (*network, site.number)))
            .collect();
        Ok(self.archive().places(&PlacesQuery { range, sites }, self.now)?)
    }
}
