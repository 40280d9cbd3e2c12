#![no_main]
//! An LLDP data unit.

use libfuzzer_sys::fuzz_target;
use panoptikon_discovery_fuzz::decode::lldp::{self, LldpId};
use panoptikon_discovery_fuzz::{check_text, check_texts};

fuzz_target!(|data: &[u8]| {
    if let Ok(found) = lldp::decode(data) {
        assert!(found.management.len() <= 8);
        let texts = [&found.port_description, &found.system_name, &found.system_description];
        check_texts(texts, 255);
        for id in [&found.chassis, &found.port] {
            if let LldpId::Text(text) = id {
                check_text(text, 255);
            }
        }
    }
});
