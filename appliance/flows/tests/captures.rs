//! Captures of both formats and of every kind of link, and datagrams that came in pieces.

use std::net::IpAddr;

use panoptikon_flows::pcap::{Capture, Datagrams, PcapError, UdpCounts};
use proptest::collection::vec;
use proptest::prelude::*;

const PAYLOAD: &[u8] = b"what an exporter told";

fn udp(payload: &[u8]) -> Vec<u8> {
    let head = [40_000, 2055, payload.len() as u16 + 8, 0].map(u16::to_be_bytes).concat();
    [&head[..], payload].concat()
}

/// `fragment` is the word of flags and offset.
fn ipv4(fragment: u16, body: &[u8]) -> Vec<u8> {
    let [high, low] = (body.len() as u16 + 20).to_be_bytes();
    let [flags, offset] = fragment.to_be_bytes();
    let head = [0x45, 0, high, low, 0, 77, flags, offset, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2];
    [&head[..], body].concat()
}

fn ipv6(body: &[u8]) -> Vec<u8> {
    // With an empty header of options for the destination.
    let options = [17, 0, 1, 4, 0, 0, 0, 0];
    let [high, low] = (body.len() as u16 + 8).to_be_bytes();
    let head = [0x60, 0, 0, 0, high, low, 60, 64];
    [&head[..], &[0x20; 16], &[0x20; 16], &options, body].concat()
}

fn pcap(link: u32, frames: &[Vec<u8>], big: bool, nanoseconds: bool) -> Vec<u8> {
    let word = |value: u32| if big { value.to_be_bytes() } else { value.to_le_bytes() };
    let half = |value: u16| if big { value.to_be_bytes() } else { value.to_le_bytes() };
    let mut out = word(if nanoseconds { 0xa1b2_3c4d } else { 0xa1b2_c3d4 }).to_vec();
    out.extend([half(2), half(4)].concat());
    out.extend([0, 0, 65_535, link].map(word).concat());
    for frame in frames {
        let size = frame.len() as u32;
        let fraction = if nanoseconds { 250_000_000 } else { 250_000 };
        out.extend([1_700_000_000, fraction, size, size].map(word).concat());
        out.extend(frame);
    }
    out
}

fn block(kind: u32, body: &[u8], big: bool) -> Vec<u8> {
    let word = |value: u32| if big { value.to_be_bytes() } else { value.to_le_bytes() };
    let padding = vec![0; body.len().next_multiple_of(4) - body.len()];
    let length = word((body.len() + padding.len() + 12) as u32);
    [&word(kind)[..], &length, body, &padding, &length].concat()
}

fn pcapng(link: u16, frames: &[Vec<u8>], big: bool) -> Vec<u8> {
    let word = |value: u32| if big { value.to_be_bytes() } else { value.to_le_bytes() };
    let half = |value: u16| if big { value.to_be_bytes() } else { value.to_le_bytes() };
    let mut section = word(0x1a2b_3c4d).to_vec();
    section.extend([half(1), half(0)].concat());
    section.extend([0xff; 8]);
    let mut out = block(0x0a0d_0d0a, &section, big);
    // A clock of nanoseconds.
    let options = [&half(9)[..], &half(1), &[9, 0, 0, 0], &half(0), &half(0)].concat();
    let described = [&half(link)[..], &half(0), &word(0), &options].concat();
    out.extend(block(1, &described, big));
    out.extend(block(5, &[1; 9], big));
    let time = 1_700_000_000_250_000_000_u64;
    for frame in frames {
        let size = frame.len() as u32;
        let head = [0, (time >> 32) as u32, time as u32, size, size].map(word).concat();
        out.extend(block(6, &[&head[..], frame].concat(), big));
    }
    out
}

/// Payloads of UDP datagrams with when they came, in ms.
type Found = Vec<(Vec<u8>, i64)>;

/// What is in a capture, and what became of its frames.
fn read(capture: &[u8]) -> (Found, UdpCounts, Result<(), PcapError>) {
    let mut datagrams = Datagrams::default();
    let mut found = Vec::new();
    let mut take = || {
        let mut capture = Capture::open(capture)?;
        while let Some(frame) = capture.next_frame()? {
            if let Some(datagram) = datagrams.take(&frame) {
                assert!(
                    datagram.source == IpAddr::from([192, 0, 2, 1]) || datagram.source.is_ipv6()
                );
                found.push((datagram.payload.to_vec(), datagram.time.0));
            }
        }
        Ok(())
    };
    let ended = take();
    (found, datagrams.counts(), ended)
}

fn finds_one(capture: &[u8], what: &str) {
    let (found, counts, ended) = read(capture);
    assert!(ended.is_ok(), "{what}: {ended:?}");
    assert_eq!(found, [(PAYLOAD.to_vec(), 1_700_000_000_250)], "{what}: {counts:?}");
}

#[test]
fn both_formats_are_read_in_both_orders_of_octets() {
    let frame = [ipv4(0, &udp(PAYLOAD))];
    for big in [false, true] {
        finds_one(&pcap(101, &frame, big, false), "microseconds");
        finds_one(&pcap(101, &frame, big, true), "nanoseconds");
        finds_one(&pcapng(101, &frame, big), "pcapng");
    }
}

#[test]
fn every_kind_of_link_is_looked_through() {
    let (four, six) = (ipv4(0, &udp(PAYLOAD)), ipv6(&udp(PAYLOAD)));
    let ethernet = |kinds: &[u8], packet: &[u8]| [&[2; 12][..], kinds, packet].concat();
    let links: [(u32, Vec<u8>); 12] = [
        (1, ethernet(&[8, 0], &four)),
        (1, ethernet(&[0x86, 0xdd], &six)),
        (1, ethernet(&[0x81, 0, 0, 7, 8, 0], &four)),
        (1, ethernet(&[0x88, 0xa8, 0, 7, 0x81, 0, 0, 8, 0x86, 0xdd], &six)),
        (1, ethernet(&[0x88, 0x64, 0x11, 0, 0, 1, 0, 80, 0, 0x21], &four)),
        (0, [&[2, 0, 0, 0][..], &four].concat()),
        (108, [&[0, 0, 0, 24][..], &six].concat()),
        (113, [&[0; 14][..], &[8, 0], &four].concat()),
        (276, [&[8, 0][..], &[0; 18], &four].concat()),
        (276, [&[0x81, 0][..], &[0; 18], &[0, 7, 8, 0], &four].concat()),
        (228, four.clone()),
        (229, six.clone()),
    ];
    for (link, frame) in links {
        finds_one(
            &pcap(link, std::slice::from_ref(&frame), false, false),
            &format!("{link} {frame:?}"),
        );
        finds_one(&pcapng(link as u16, &[frame], true), &format!("{link} in pcapng"));
    }
    let (found, counts, _) = read(&pcap(105, &[four], false, false));
    assert_eq!((found.len(), counts.unknown_link), (0, 1));
}

#[test]
fn pieces_are_put_together_in_any_order_and_missing_ones_are_counted() {
    let whole = udp(&[b'x'; 3000]);
    let piece = |from: usize, to: usize, more: bool| {
        let flags = if more { 0x2000 } else { 0 } | (from / 8) as u16;
        ipv4(flags, &whole[from..to.min(whole.len())])
    };
    let pieces = [piece(0, 1480, true), piece(1480, 2960, true), piece(2960, 4000, false)];
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
        let frames = order.map(|at| pieces[at].clone());
        let (found, counts, _) = read(&pcap(101, &frames, false, false));
        assert_eq!(found.len(), 1, "{order:?}");
        assert_eq!(found[0].0, [b'x'; 3000]);
        assert_eq!((counts.datagrams, counts.incomplete), (1, 0));
    }
    let (found, counts, _) =
        read(&pcap(101, &[pieces[0].clone(), pieces[2].clone()], false, false));
    assert_eq!((found.len(), counts.incomplete), (0, 1));
}

#[test]
fn a_capture_that_ends_early_gives_what_it_has_and_says_so() {
    let frames = [ipv4(0, &udp(PAYLOAD)), ipv4(0, &udp(PAYLOAD))];
    for capture in [pcap(101, &frames, false, false), pcapng(101, &frames, false)] {
        let (found, _, ended) = read(&capture[..capture.len() - 10]);
        assert_eq!(found.len(), 1);
        assert!(matches!(ended, Err(PcapError::Cut(1))), "{ended:?}");
    }
    assert!(matches!(read(b"something else").2, Err(PcapError::Foreign)));
    assert!(matches!(read(b"").2, Err(PcapError::Foreign)));
}

proptest! {
    #[test]
    fn any_capture_is_survived(
        start in 0..3_usize, bytes in vec(any::<u8>(), 0..300), frames in vec(vec(any::<u8>(), 0..120), 0..4),
        link in prop_oneof![Just(1_u32), Just(0), Just(101), Just(113), Just(276)],
    ) {
        let magic: &[u8] = [&b"\xd4\xc3\xb2\xa1"[..], b"\x0a\x0d\x0d\x0a", b""][start];
        let _ = read(&[magic, &bytes].concat());
        let _ = read(&[pcapng(1, &[], false), bytes].concat());
        let _ = read(&pcap(link, &frames, true, false));
    }
}
