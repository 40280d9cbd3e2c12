#![no_main]
//! A recording: whatever is in it, each line of the answer is JSON, and so is all that it holds.

use libfuzzer_sys::fuzz_target;
use panoptikon_unifi::offline;

fuzz_target!(|data: &[u8]| {
    let mut lines = 0;
    let count = offline::decode(data, &mut |line| {
        lines += 1;
        let told: serde_json::Value = serde_json::from_str(line).expect("a line is JSON");
        assert!(told["ok"].is_boolean() && !line.contains('\n'));
        true
    });
    assert_eq!(lines, count.good + count.bad);
});
