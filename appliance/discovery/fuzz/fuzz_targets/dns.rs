#![no_main]
//! The payload of an mDNS or LLMNR datagram, or what a name server answers.

use libfuzzer_sys::fuzz_target;
use panoptikon_discovery_fuzz::decode::dns;
use panoptikon_discovery_fuzz::{check_instance, check_name, check_questions};

fuzz_target!(|data: &[u8]| {
    if let Ok(found) = dns::mdns(data) {
        check_questions(&found.questions);
        assert!(found.services.len() <= 64 && found.gone.len() <= 64);
        assert!(found.instances.len() <= 64 && found.addresses.len() <= 64);
        found.services.iter().chain(&found.gone).for_each(|name| check_name(name));
        found.instances.iter().for_each(check_instance);
        found.addresses.iter().for_each(|(name, _)| check_name(name));
    }
    if let Ok(Some(found)) = dns::answers(data) {
        check_name(&found.name);
        assert!((1..=16).contains(&found.addresses.len()));
    }
    if let Ok(found) = dns::llmnr(data) {
        check_questions(&found.questions);
        assert!(found.addresses.len() <= 64);
        found.addresses.iter().for_each(|(name, _)| check_name(name));
    }
});
