#![no_main]
//! The payload of a NetBIOS name service datagram.

use libfuzzer_sys::fuzz_target;
use panoptikon_discovery_fuzz::check_text;
use panoptikon_discovery_fuzz::decode::nbns;

fuzz_target!(|data: &[u8]| {
    if let Ok(found) = nbns::decode(data) {
        assert!(found.names.len() <= 64 && found.addresses.len() <= 16);
        found.names.iter().for_each(|name| check_text(&name.name, 45));
    }
});
