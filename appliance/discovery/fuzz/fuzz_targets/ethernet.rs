#![no_main]
//! A whole frame.

use libfuzzer_sys::fuzz_target;
use panoptikon_discovery_fuzz::decode::{Protocol, ethernet};

fuzz_target!(|data: &[u8]| match ethernet(data) {
    Ok(heard) => {
        assert!(heard.source.is_station());
        assert!(heard.vlan.is_none_or(|vlan| (1..4096).contains(&vlan)));
        assert!(heard.ip.is_none_or(|ip| !ip.is_unspecified()));
    }
    Err(error) => assert_eq!(Protocol::ALL[error.protocol as usize], error.protocol),
});
