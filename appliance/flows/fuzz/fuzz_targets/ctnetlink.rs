#![no_main]
//! What the kernel tells of connections: datagrams of netlink, with entries of the table in them.

use libfuzzer_sys::fuzz_target;
use netlink::conntrack::{Connection, DESTROYED, ENTRY, connection};
use netlink::wire::{Message, messages};

fuzz_target!(|data: &[u8]| {
    let mut length = 0;
    for message in messages(data) {
        length += message.body.len();
        if let Some(one) = connection(&message) {
            check(&one);
        }
        message.errno();
    }
    assert!(length <= data.len());
    // The same as the body of an entry, so that what is behind the headers is reached.
    for kind in [ENTRY, DESTROYED] {
        if let Some(one) = connection(&Message { kind, flags: 0, sequence: 1, body: data }) {
            check(&one);
        }
    }
});

fn check(one: &Connection) {
    for tuple in [one.original, one.reply] {
        assert_eq!(tuple.source.is_ipv4(), tuple.destination.is_ipv4());
        assert!(!one.is_echo() || tuple.destination_port.is_none());
    }
    assert!(!one.is_offloaded || one.timeout.is_none());
    let _ = (one.source_nat(), one.destination_nat(), one.bytes(), one.protocol_name());
}
