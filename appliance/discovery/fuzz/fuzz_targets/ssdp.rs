#![no_main]
//! The payload of an SSDP datagram.

use libfuzzer_sys::fuzz_target;
use panoptikon_discovery_fuzz::check_texts;
use panoptikon_discovery_fuzz::decode::ssdp;

fuzz_target!(|data: &[u8]| {
    if let Ok(found) = ssdp::decode(data) {
        check_texts([&found.target, &found.usn, &found.server, &found.location], 255);
    }
});
