#![no_main]
//! Captures, and the UDP datagrams in them.

use libfuzzer_sys::fuzz_target;
use panoptikon_flows_fuzz::pcap::{Capture, Datagrams};

fuzz_target!(|data: &[u8]| {
    let Ok(mut capture) = Capture::open(data) else { return };
    let mut datagrams = Datagrams::default();
    let mut frames = 0;
    while let Ok(Some(frame)) = capture.next_frame() {
        frames += 1;
        datagrams.take(&frame);
    }
    assert_eq!(datagrams.counts().frames, frames);
});
