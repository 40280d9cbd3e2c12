#![no_main]
//! The payload of a DHCP datagram.

use libfuzzer_sys::fuzz_target;
use panoptikon_discovery_fuzz::check_texts;
use panoptikon_discovery_fuzz::decode::dhcp4;

fuzz_target!(|data: &[u8]| {
    if let Ok(dhcp) = dhcp4::decode(data) {
        assert!(dhcp.client.is_station());
        assert!(dhcp.parameters.len() <= 255);
        assert!(dhcp.client_id.is_none_or(|id| (2..=255).contains(&id.len())));
        check_texts([&dhcp.host_name, &dhcp.vendor_class], 255);
        check_texts([&dhcp.fqdn], 1_020);
    }
});
