#![no_main]
//! A CDP announcement, behind its SNAP header.

use libfuzzer_sys::fuzz_target;
use panoptikon_discovery_fuzz::check_texts;
use panoptikon_discovery_fuzz::decode::cdp;

fuzz_target!(|data: &[u8]| {
    if let Ok(found) = cdp::decode(data) {
        assert!(found.addresses.len() <= 8);
        check_texts([&found.device_id, &found.port, &found.version, &found.platform], 255);
    }
});
