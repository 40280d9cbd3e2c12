#![no_main]
//! A text of the other sockets: a frame of Network, of Protect's public socket and of the console,
//! a page of the log, and all that is made of them.

use libfuzzer_sys::fuzz_target;
use model::Timestamp;
use panoptikon_unifi::catalogue::{sentence, severity};
use panoptikon_unifi::console;
use panoptikon_unifi::derive::Watch;
use panoptikon_unifi::network::{frame, log};
use panoptikon_unifi::protect::grow::Growing;
use panoptikon_unifi::protect::packet::Verb;
use panoptikon_unifi::protect::public;
use panoptikon_unifi::{Happening, json};

const NOW: Timestamp = Timestamp(1_700_000_000_000);

fuzz_target!(|data: &[u8]| {
    let mut told: Vec<Happening> = Vec::new();
    let mut watch = Watch::default();
    if let Ok(frame) = frame::decode(data, NOW) {
        told.extend(frame.happenings);
        if let Some((_, rows)) = frame.state {
            for _ in 0..2 {
                told.extend(watch.devices(&rows, NOW));
                told.extend(watch.clients(&rows, true, NOW));
                told.extend(watch.health(&rows, NOW));
            }
        }
    }
    match console::decode(data, NOW) {
        Ok(console::Frame::State(state)) => told.extend(watch.console(&state, NOW)),
        Ok(console::Frame::Happened(happened)) => told.push(happened),
        Err(_) => {}
    }
    let mut growing = Growing::default();
    for item in public::decode(data).into_iter().flatten() {
        told.extend(watch.protect(&item.model, &item.id, &item.object, NOW));
        growing.take(&item.id, item.object, item.verb == Verb::Add, NOW);
    }
    if let Ok(value) = json::parse(data) {
        told.extend(log::page(value, NOW).map(|page| page.rows).unwrap_or_default());
    }
    let saved = watch.save();
    assert_eq!(Watch::restore(&saved).save(), saved);
    for happening in told {
        let said = sentence(&happening, &|_| None);
        assert!(said.chars().count() <= 300 && !said.chars().any(model::is_hidden));
        severity(&happening);
        assert!(!happening.id.is_empty());
    }
});
