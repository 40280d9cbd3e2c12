//! Databases of addresses: what is in them, and towns looked up in the file.

#[allow(dead_code)]
#[path = "../../src/geo/mmdb.rs"]
mod mmdb;
#[allow(dead_code)]
#[path = "../../src/geo/ranges.rs"]
mod ranges;
#[allow(dead_code)]
#[path = "../../src/geo/record.rs"]
mod record;

use std::net::IpAddr;

use ranges::Tables;

/// Reads a database and looks addresses up in it; gives how many of them it knows anything of.
pub fn look_up(mut octets: &[u8], addresses: &[IpAddr]) -> usize {
    let mut tables = Tables::default();
    let length = octets.len() as u64;
    let Ok(about) = mmdb::read(&mut octets, length, &mut tables) else { return 0 };
    tables.finish();
    let known = addresses.iter().filter(|address| {
        let place = tables.place(**address);
        let name = place.system.and_then(|number| tables.system_name(number));
        assert!(name.is_none_or(|name| name.chars().count() <= 80));
        // A file that changes is no reason to believe what it says of a town.
        let city = about.cities.map(|shape| mmdb::city(&mut octets, shape, **address));
        let city = city.and_then(Result::ok).flatten();
        if let Some(city) = &city {
            assert!(city.name.chars().count() <= 80 && city.region.chars().count() <= 80);
            assert!(city.at.is_none_or(|(north, east)| north.abs() <= 90.0 && east.abs() <= 180.0));
        }
        place.country.is_some() || place.system.is_some() || city.is_some()
    });
    known.count()
}
