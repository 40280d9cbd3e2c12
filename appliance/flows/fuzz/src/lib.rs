//! The decoders, the codec of blocks and readers of foreign formats alone, so that fuzzing builds no
//! database, and what must hold for whatever they hand on.

#[allow(dead_code, unused_imports, missing_docs)]
#[path = "../../src/block/mod.rs"]
pub mod block;
#[path = "../../src/decode/mod.rs"]
pub mod decode;
#[path = "../../src/flow.rs"]
pub mod flow;
pub mod geo;
#[path = "../../src/hash.rs"]
mod hash;
#[path = "../../src/pcap/mod.rs"]
pub mod pcap;
#[allow(dead_code)]
#[path = "../../src/world.rs"]
pub mod world;

use std::net::{IpAddr, Ipv4Addr};

use decode::{Decoder, Record, Sink};
pub use flow::{Direction, Flow, Nat};
use model::Timestamp;

/// Looks at everything that it is handed.
#[derive(Default)]
pub struct Checked {
    /// Flows so far.
    pub flows: u64,
    line: String,
}

impl Sink for Checked {
    fn flow(&mut self, flow: &Flow) {
        assert!(flow.start <= flow.end && flow.sampling >= 1);
        assert!(flow.bytes != 0 || flow.packets != 0);
        self.flows += 1;
    }

    fn complete(&self) -> bool {
        true
    }

    fn record(&mut self, record: &Record<'_>) {
        self.line.clear();
        record.write_json(&mut self.line);
        assert!(self.line.ends_with('}') && !self.line.contains('\n'));
    }
}

/// Decodes datagrams, each after two octets that say how long it is, and checks what comes out.
pub fn feed(data: &[u8], first: &[u8]) {
    let mut decoder = Decoder::default();
    let mut checked = Checked::default();
    let mut rest = data;
    let mut second = 1_700_000_000;
    while let Some((length, behind)) = rest.split_first_chunk::<2>() {
        let length = usize::from(u16::from_be_bytes(*length)).min(behind.len());
        let (body, behind) = behind.split_at(length);
        rest = behind;
        let datagram = [first, body].concat();
        let exporter = IpAddr::V4(Ipv4Addr::LOCALHOST);
        decoder.datagram(exporter, Timestamp::from_secs(second), &datagram, &mut checked);
        decode::looks_like_export(&datagram);
        second += 7;
    }
    let flows: u64 = decoder.exporters().map(|(_, stats)| stats.flows).sum();
    assert_eq!(flows, checked.flows);
    let saved = decoder.save();
    let mut again = Decoder::default();
    again.restore(Timestamp(0), &saved).expect("what was saved is restored");
    assert_eq!(again.save().len(), saved.len());
}
