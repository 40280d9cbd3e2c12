#![no_main]
//! Saved templates.

use libfuzzer_sys::fuzz_target;
use model::Timestamp;
use panoptikon_flows_fuzz::decode::Decoder;

fuzz_target!(|data: &[u8]| {
    let mut decoder = Decoder::default();
    if decoder.restore(Timestamp(0), data).is_ok() {
        let saved = decoder.save();
        let mut again = Decoder::default();
        assert!(again.restore(Timestamp(0), &saved).is_ok());
        assert_eq!(again.save().len(), saved.len());
    }
});
