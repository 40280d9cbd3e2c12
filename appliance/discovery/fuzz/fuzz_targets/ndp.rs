#![no_main]
//! An ICMPv6 message, behind one octet for the hop limit.

use libfuzzer_sys::fuzz_target;
use panoptikon_discovery_fuzz::decode::ndp::{self, Icmp6};

fuzz_target!(|data: &[u8]| {
    let Some((hop_limit, message)) = data.split_first() else { return };
    match ndp::decode(message, *hop_limit) {
        Ok(Icmp6::RouterAdvertisement(router)) => {
            assert!(router.prefixes.len() <= 16);
            assert!(router.prefixes.iter().all(|prefix| prefix.length <= 128));
        }
        Ok(Icmp6::MldReport(report)) => {
            assert!(report.groups.len() <= 64);
            assert!(report.groups.iter().all(|group| group.is_multicast()));
        }
        _ => {}
    }
});
