#![no_main]
//! What follows the Ethernet type of ARP.

use libfuzzer_sys::fuzz_target;
use panoptikon_discovery_fuzz::decode::arp;

fuzz_target!(|data: &[u8]| {
    if let Ok(arp) = arp::decode(data) {
        assert!(arp.sender.is_station());
    }
});
