//! Whether the router's clock follows a time server.
//!
//! VyOS runs chrony, which answers on the loopback (chrony, candm.h: protocol version 6, command 33,
//! "tracking"). Where it does not, the file by which systemd-timesyncd tells is looked for.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use serde::Serialize;
use tokio::net::UdpSocket;
use tokio::time::timeout;

use netlink::wire::native_u16;

const PORT: u16 = 323;
const PATIENCE: Duration = Duration::from_millis(500);

const VERSION: u8 = 6;
const REQUEST: u8 = 1;
const ANSWER: u8 = 2;
const TRACKING: u16 = 33;
const TRACKING_ANSWER: u16 = 5;
/// A request is as long as its answer, so that nobody gets more than they send.
const LENGTH: usize = 104;
/// Bytes before the facts in an answer.
const HEADER: usize = 28;
/// Leap status of a clock that follows nobody.
const UNSYNCHRONISED: u16 = 3;

/// Whether the clock follows a time server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ClockState {
    /// It does.
    Synchronised,
    /// It does not, or not yet.
    Unsynchronised,
    /// Nobody here knows: no time service answers.
    #[default]
    Unknown,
}

/// Asks the time services of this machine.
pub async fn ask_clock() -> ClockState {
    match ask_chrony().await {
        Some(state) => state,
        None => match Path::new("/run/systemd/timesync") {
            folder if folder.join("synchronized").exists() => ClockState::Synchronised,
            folder if folder.exists() => ClockState::Unsynchronised,
            _ => ClockState::Unknown,
        },
    }
}

async fn ask_chrony() -> Option<ClockState> {
    let mut sequence = [0; 4];
    getrandom::fill(&mut sequence).ok()?;
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.ok()?;
    socket.connect(SocketAddr::from((Ipv4Addr::LOCALHOST, PORT))).await.ok()?;
    socket.send(&question(sequence)).await.ok()?;
    let mut answer = [0; 512];
    let length = timeout(PATIENCE, socket.recv(&mut answer)).await.ok()?.ok()?;
    read(answer.get(..length)?, sequence)
}

fn question(sequence: [u8; 4]) -> [u8; LENGTH] {
    let mut bytes = [0; LENGTH];
    bytes[0] = VERSION;
    bytes[1] = REQUEST;
    bytes[4..6].copy_from_slice(&TRACKING.to_be_bytes());
    bytes[8..12].copy_from_slice(&sequence);
    bytes
}

fn read(bytes: &[u8], sequence: [u8; 4]) -> Option<ClockState> {
    let number = |at: usize| native_u16(bytes, at).map(u16::from_be);
    let is_answer = bytes.get(..2)? == [VERSION, ANSWER]
        && number(4)? == TRACKING
        && number(6)? == TRACKING_ANSWER
        && number(8)? == 0
        && bytes.get(16..20)? == sequence;
    // Reference number (4), its address (20), stratum (2), leap status.
    let leap = number(HEADER + 26)?;
    is_answer.then_some(match leap {
        UNSYNCHRONISED => ClockState::Unsynchronised,
        _ => ClockState::Synchronised,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn answer(leap: u16) -> Vec<u8> {
        let mut bytes = vec![0; LENGTH];
        bytes[..2].copy_from_slice(&[6, 2]);
        bytes[4..8].copy_from_slice(&[0, 33, 0, 5]);
        bytes[16..20].copy_from_slice(&[1, 2, 3, 4]);
        bytes[54..56].copy_from_slice(&leap.to_be_bytes());
        bytes
    }

    #[test]
    fn an_answer_tells_whether_the_clock_follows_a_server() {
        assert_eq!(read(&answer(0), [1, 2, 3, 4]), Some(ClockState::Synchronised));
        assert_eq!(read(&answer(3), [1, 2, 3, 4]), Some(ClockState::Unsynchronised));
        assert_eq!(read(&answer(0), [9, 9, 9, 9]), None, "somebody else's answer");
    }

    proptest! {
        #[test]
        fn no_answer_makes_the_reader_panic(bytes: Vec<u8>) {
            let _ = read(&bytes, [0; 4]);
        }
    }
}
