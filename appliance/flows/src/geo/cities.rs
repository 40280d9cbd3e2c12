//! Towns of addresses. A database of them has 60 MB and more, and only what is shown is asked for: so
//! they are looked up in the file itself. In comes an address, out goes a [`City`]; the last ones are
//! remembered, so that a page that is shown again reads nothing.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use super::Pages;
use super::mmdb::{self, Shape};
use crate::world::City;

/// Addresses that are remembered; then it is begun anew.
const MOST_KNOWN: usize = 4_096;

/// A database of towns.
pub(super) struct Cities {
    shape: Shape,
    file: Mutex<(Pages, HashMap<IpAddr, Option<City>>)>,
}

impl Cities {
    pub(super) fn new(shape: Shape, pages: Pages) -> Self {
        Self { shape, file: Mutex::new((pages, HashMap::new())) }
    }

    /// Where an address is. A file that is being replaced knows nothing until it is read anew.
    pub(super) fn city(&self, address: IpAddr) -> Option<City> {
        let address = address.to_canonical();
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let (pages, known) = &mut *file;
        if let Some(city) = known.get(&address) {
            return city.clone();
        }
        let city = mmdb::city(pages, self.shape, address).unwrap_or_else(|error| {
            tracing::debug!(%address, %error, "a town cannot be looked up");
            None
        });
        if known.len() >= MOST_KNOWN {
            known.clear();
        }
        known.insert(address, city.clone());
        city
    }
}

impl fmt::Debug for Cities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cities").field("shape", &self.shape).finish_non_exhaustive()
    }
}
