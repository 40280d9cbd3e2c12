#![no_main]
//! A message of Protect's update socket, and payloads in a message whose headers are right.

use libfuzzer_sys::fuzz_target;
use panoptikon_unifi::protect::packet::{Data, LONGEST_PAYLOAD, decode, unpack};

fuzz_target!(|data: &[u8]| {
    check(data);
    // The first octet: formats, whether deflated, and how much of the rest is the action.
    if let Some((how, rest)) = data.split_first() {
        let (action, data) = rest.split_at(rest.len() * usize::from(how >> 4) / 16);
        let frame = |kind, format, payload: &[u8]| {
            let head = [kind, format, how & 1, 0];
            [&head[..], &(payload.len() as u32).to_be_bytes(), payload].concat()
        };
        let known = br#"{"action":"add","newUpdateId":"u","modelKey":"event","id":"e"}"#;
        check(&[frame(1, 1, action), frame(2, how >> 1 & 3, data)].concat());
        let plain = [&[1, 1, 0, 0, 0, 0, 0, known.len() as u8][..], known].concat();
        check(&[plain, frame(2, how >> 1 & 3, data)].concat());
    }
});

fn check(message: &[u8]) {
    if let Ok(payloads) = unpack(message) {
        assert!(payloads.data.len() <= LONGEST_PAYLOAD && payloads.action.len() <= LONGEST_PAYLOAD);
    }
    if let Ok(packet) = decode(message) {
        assert!(message.len() >= 16);
        if let Data::Octets(octets) = packet.data {
            assert!(!octets.is_empty());
        }
    }
}
