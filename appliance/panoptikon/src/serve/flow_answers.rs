//! What answers about flows need of the other rooms: whose addresses are, which networks are ours.

use std::net::IpAddr;
use std::sync::Arc;

use discovery::Discovery;
use flows::Answers;
use flows::answers::World;
use flows::geo::Atlas;
use flows::rollup::{AddressBook, Interfaces, Whose};
use flows::world::Ours;
use model::Timestamp;

use crate::config::Config;

/// Answers about the flows in the data folder.
pub(super) fn answers(config: &Config, discovery: &Discovery) -> Answers {
    let discovery = discovery.clone();
    let usual = || config.config_dir.join("geoip");
    let atlas = Atlas::new(&config.geoip_dir.clone().unwrap_or_else(usual));
    atlas.known();
    let world = move || {
        let segments = discovery.segments();
        World {
            ours: Ours::default(),
            interfaces: Interfaces {
                lan: segments.iter().map(|segment| segment.index).collect(),
                egress: false,
            },
            book: Arc::new(Book { discovery: discovery.clone(), ours: Ours::default() }),
            geo: atlas.known(),
        }
    };
    Answers::new(&config.data_dir.join("flows"), world, || None)
}

/// Whose addresses are, by what discovery knows just now.
struct Book {
    discovery: Discovery,
    ours: Ours,
}

impl AddressBook for Book {
    fn whose(&self, address: IpAddr, _: Timestamp) -> Whose {
        if let Some(id) = self.discovery.by_ip(address) {
            return Whose::Device(id.0);
        }
        let interfaces = self.discovery.interfaces();
        if interfaces.iter().any(|i| i.addresses.iter().any(|(own, _)| *own == address)) {
            Whose::Router
        } else if self.ours.contains(address) {
            Whose::Unknown
        } else {
            Whose::Remote
        }
    }
}
