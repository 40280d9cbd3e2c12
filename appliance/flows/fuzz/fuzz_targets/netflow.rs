#![no_main]
//! Datagrams of NetFlow and IPFIX, and of anything else.

use libfuzzer_sys::fuzz_target;
use panoptikon_flows_fuzz::feed;

fuzz_target!(|data: &[u8]| feed(data, &[]));
