#![no_main]
//! The payload of a DHCPv6 datagram.

use libfuzzer_sys::fuzz_target;
use panoptikon_discovery_fuzz::decode::{Duid, dhcp6};
use panoptikon_discovery_fuzz::{check_text, check_texts};

fuzz_target!(|data: &[u8]| {
    if let Ok(Some(dhcp)) = dhcp6::decode(data) {
        assert!(dhcp.addresses.len() <= 16 && dhcp.requested.len() <= 64);
        check_texts([&dhcp.fqdn], 1_020);
        if let Some((_, class)) = &dhcp.vendor_class {
            check_text(class, 255);
        }
        for duid in [dhcp.client, dhcp.server].iter().flatten() {
            assert!(Duid::link_layer(duid).is_none_or(|mac| mac.is_station()));
        }
    }
});
