//! Interfaces: `/proc/net/dev` and `/sys/class/net`.

use wire::report::Net;

use super::tree::{rate, short};

/// More are not reported.
const MOST: usize = 48;

/// Counters since the start of the host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Counters {
    pub(crate) name: String,
    /// The kernel's number of the interface: another one is another interface of the same name.
    pub(crate) index: u32,
    rx: u64,
    tx: u64,
    errors: u64,
    dropped: u64,
}

/// Reads `/proc/net/dev` without the loopback.
pub(crate) fn counters(text: &str) -> Vec<Counters> {
    let mut nets = Vec::new();
    for line in text.lines() {
        let Some((name, rest)) = line.split_once(':') else { continue };
        let columns: Vec<u64> =
            rest.split_ascii_whitespace().map_while(|column| column.parse().ok()).collect();
        let &[rx, _, rx_errors, rx_dropped, _, _, _, _, tx, _, tx_errors, tx_dropped, ..] =
            columns.as_slice()
        else {
            continue;
        };
        let name = name.trim();
        if name != "lo" && nets.len() < MOST {
            nets.push(Counters {
                name: short(name),
                index: 0,
                rx,
                tx,
                errors: rx_errors.saturating_add(tx_errors),
                dropped: rx_dropped.saturating_add(tx_dropped),
            });
        }
    }
    nets
}

/// How many octets passed between two counters. Drivers with counters of 32 bits wrap; one that was
/// reset tells nothing about the time before it, and inventing it would make a spike.
fn passed(before: u64, now: u64) -> u64 {
    const BITS_32: u64 = 1 << 32;
    match now.checked_sub(before) {
        Some(difference) => difference,
        None if before < BITS_32 && before > BITS_32 / 4 * 3 && now < BITS_32 / 4 => {
            now + BITS_32 - before
        }
        None => 0,
    }
}

/// An interface as it goes into a report.
pub(crate) fn between(before: &[Counters], now: &Counters, ms: u64) -> Net {
    let was = before.iter().find(|was| was.name == now.name && was.index == now.index);
    let per_second =
        |of: fn(&Counters) -> u64| was.map_or(0, |was| rate(passed(of(was), of(now)), ms));
    let told = |count: u64| (count > 0).then_some(count);
    Net {
        interface: now.name.clone(),
        rx: now.rx,
        tx: now.tx,
        rx_bps: per_second(|counters| counters.rx),
        tx_bps: per_second(|counters| counters.tx),
        err: told(now.errors),
        drop: told(now.dropped),
        ..Net::default()
    }
}

/// Whether an interface is worth a word: not one that is down and never carried anything.
pub(crate) fn is_told(net: &Net) -> bool {
    net.up || net.rx > 0 || net.tx > 0
}

/// Whether an interface carries traffic: `operstate` (RFC 2863), and `carrier` for those whose
/// driver says "unknown".
pub(crate) fn is_up(operstate: &str, carrier: Option<u8>) -> bool {
    match operstate {
        "up" => true,
        "unknown" => carrier == Some(1),
        _ => false,
    }
}
