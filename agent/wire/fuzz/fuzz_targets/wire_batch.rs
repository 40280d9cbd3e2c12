#![no_main]
//! A binary frame as it comes, and one whose content is packed right, so that what is behind the
//! packing is reached.

use libfuzzer_sys::fuzz_target;
use panoptikon_wire::{Batch, batch, batch_messages, limits};

fuzz_target!(|data: &[u8]| {
    if let Ok(batch) = Batch::unpack(data) {
        assert!(batch.messages().map(str::len).sum::<usize>() <= limits::UNPACKED);
    }
    let _ = batch_messages(data);
    let Ok(text) = std::str::from_utf8(data) else { return };
    let frame =
        batch(text.split('\n').filter(|line| !line.is_empty()).take(limits::BATCH_MESSAGES));
    let frame = frame.expect("it is short");
    if !text.trim_matches('\n').is_empty() {
        Batch::unpack(&frame).expect("what was packed is unpacked");
    }
    if let Ok((messages, _)) = batch_messages(&frame) {
        assert!(messages.iter().all(|message| message.seq().is_some()));
    }
});
