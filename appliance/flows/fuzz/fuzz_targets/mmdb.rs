#![no_main]
//! A database of addresses, such as the owner puts into a folder.

use std::net::IpAddr;

use libfuzzer_sys::fuzz_target;
use panoptikon_flows_fuzz::geo::look_up;

fuzz_target!(|data: &[u8]| {
    // Where the seeds know something, and the ends of both families.
    let addresses = [
        IpAddr::from([192, 0, 2, 1]),
        IpAddr::from([0, 0, 0, 0]),
        IpAddr::from([255, 255, 255, 255]),
        IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1]),
        IpAddr::from([0xff; 16]),
    ];
    assert!(look_up(data, &addresses) <= addresses.len());
});
