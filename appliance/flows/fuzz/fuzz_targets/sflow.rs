#![no_main]
//! Datagrams of sFlow, behind their version.

use libfuzzer_sys::fuzz_target;
use panoptikon_flows_fuzz::feed;

fuzz_target!(|data: &[u8]| feed(data, &[0, 0, 0, 5]));
