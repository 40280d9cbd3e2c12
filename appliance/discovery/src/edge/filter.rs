//! Kernel filters (classic BPF, linux/filter.h) for the packet sockets, put together by hand: only
//! frames that [`crate::decode`] understands come up.
//!
//! The kernel takes the outer VLAN tag off before a packet socket sees the frame and keeps it
//! aside. A tagged frame belongs to the VLAN's own interface, so it is dropped here; else a device
//! would appear in the wrong network. VLAN 0 is a mere priority and stays.

use ring::Instruction;

/// The longest frame of an Ethernet with the usual 1500 octets, a tag included; longer ones come
/// cut. mDNS fills them to the last octet.
pub(super) const SNAP_LENGTH: u32 = 1_518;

const ACCEPT: &str = "accept";
const DROP: &str = "drop";
const NEXT: &str = "";

#[derive(Clone, Copy)]
enum Op {
    /// The place that jumps name.
    Label(&'static str),
    /// Code and operand.
    Do(u16, u32),
    /// Code, operand, where to when it holds and when not.
    If(u16, u32, &'static str, &'static str),
}

use Op::{Do, If, Label};

const LOAD_WORD: u16 = 0x20;
const LOAD_HALF: u16 = 0x28;
const LOAD_BYTE: u16 = 0x30;
/// Behind the IPv4 header, whose length [`LOAD_IPV4_LENGTH`] put into X.
const LOAD_HALF_BEHIND: u16 = 0x48;
const LOAD_BYTE_BEHIND: u16 = 0x50;
const LOAD_IPV4_LENGTH: u16 = 0xb1;
const AND: u16 = 0x54;
const EQUALS: u16 = 0x15;
const GREATER: u16 = 0x25;
const ANY_BIT: u16 = 0x45;
const RETURN: u16 = 0x06;

/// Facts beside the frame are at addresses that no frame has.
const ANCILLARY: u32 = 0xffff_f000;
const PACKET_TYPE: u32 = ANCILLARY + 4;
const VLAN_TAG: u32 = ANCILLARY + 44;
const VLAN_TAG_PRESENT: u32 = ANCILLARY + 48;
const OUTGOING: u32 = 4;

/// Incoming frames of the interface itself.
const OWN_FRAMES: &[Op] = &[
    Do(LOAD_WORD, PACKET_TYPE),
    If(EQUALS, OUTGOING, DROP, NEXT),
    Do(LOAD_WORD, VLAN_TAG_PRESENT),
    If(EQUALS, 0, "kind", NEXT),
    Do(LOAD_WORD, VLAN_TAG),
    Do(AND, 0x0fff),
    If(EQUALS, 0, "kind", DROP),
    Label("kind"),
];

const DISCOVERY: &[Op] = &[
    Do(LOAD_HALF, 12),
    If(EQUALS, 0x0806, ACCEPT, NEXT),
    If(EQUALS, 0x88cc, ACCEPT, NEXT),
    If(EQUALS, 0x86dd, "ipv6", NEXT),
    If(EQUALS, 0x0800, "ipv4", NEXT),
    If(GREATER, 1500, DROP, NEXT),
    // 802.2 SNAP, CDP
    Do(LOAD_WORD, 14),
    If(EQUALS, 0xaaaa_0300, NEXT, DROP),
    Do(LOAD_WORD, 18),
    If(EQUALS, 0x000c_2000, ACCEPT, DROP),
    Label("ipv4"),
    Do(LOAD_HALF, 20),
    If(ANY_BIT, 0x3fff, DROP, NEXT), // a fragment
    Do(LOAD_IPV4_LENGTH, 14),
    Do(LOAD_BYTE, 23),
    If(EQUALS, 1, "icmp", NEXT),
    If(EQUALS, 17, NEXT, DROP),
    Do(LOAD_HALF_BEHIND, 16),
    If(EQUALS, 67, ACCEPT, NEXT),
    If(EQUALS, 68, ACCEPT, NEXT),
    If(EQUALS, 137, ACCEPT, NEXT),
    If(EQUALS, 1900, ACCEPT, NEXT),
    If(EQUALS, 5353, ACCEPT, NEXT),
    If(EQUALS, 5355, ACCEPT, NEXT),
    Do(LOAD_HALF_BEHIND, 14),
    If(EQUALS, 137, ACCEPT, NEXT),
    If(EQUALS, 1900, ACCEPT, NEXT),
    If(EQUALS, 5353, ACCEPT, NEXT),
    If(EQUALS, 5355, ACCEPT, DROP),
    Label("icmp"),
    Do(LOAD_BYTE_BEHIND, 14),
    If(EQUALS, 0, ACCEPT, DROP), // echo reply
    Label("ipv6"),
    Do(LOAD_BYTE, 20),
    If(EQUALS, 58, "icmp6", NEXT),
    If(EQUALS, 17, "udp6", NEXT),
    If(EQUALS, 0, NEXT, DROP),
    // Hop-by-hop options of 8 octets with ICMPv6 behind: a listener report.
    Do(LOAD_HALF, 54),
    If(EQUALS, 0x3a00, NEXT, DROP),
    Do(LOAD_BYTE, 62),
    If(EQUALS, 131, ACCEPT, NEXT),
    If(EQUALS, 143, ACCEPT, DROP),
    Label("icmp6"),
    Do(LOAD_BYTE, 54),
    If(EQUALS, 129, ACCEPT, NEXT),
    If(EQUALS, 4, ACCEPT, NEXT), // parameter problem, the answer to an option that nobody knows
    If(GREATER, 136, DROP, NEXT),
    If(GREATER, 132, ACCEPT, DROP), // 133 to 136, neighbour discovery
    Label("udp6"),
    Do(LOAD_HALF, 56),
    If(EQUALS, 546, ACCEPT, NEXT),
    If(EQUALS, 547, ACCEPT, NEXT),
    If(EQUALS, 5353, ACCEPT, NEXT),
    If(EQUALS, 5355, ACCEPT, NEXT),
    If(EQUALS, 1900, ACCEPT, NEXT),
    Do(LOAD_HALF, 54),
    If(EQUALS, 5353, ACCEPT, NEXT),
    If(EQUALS, 5355, ACCEPT, DROP),
];

/// The same, but that outgoing frames are looked at by [`ANSWERS`].
const ALL_FRAMES: &[Op] =
    &[Do(LOAD_WORD, PACKET_TYPE), If(EQUALS, OUTGOING, "outgoing", "incoming"), Label("incoming")];

/// Answers of name servers on their way out to the LAN. What forwarded traffic mostly is, is dropped
/// by its first few loads.
const ANSWERS: &[Op] = &[
    Label("outgoing"),
    Do(LOAD_HALF, 12),
    If(EQUALS, 0x86dd, "outgoing ipv6", NEXT),
    If(EQUALS, 0x0800, NEXT, DROP),
    Do(LOAD_BYTE, 23),
    If(EQUALS, 17, NEXT, DROP),
    Do(LOAD_HALF, 20),
    If(ANY_BIT, 0x3fff, DROP, NEXT), // a fragment
    Do(LOAD_IPV4_LENGTH, 14),
    Do(LOAD_HALF_BEHIND, 14),
    If(EQUALS, 53, "own vlan", DROP),
    Label("outgoing ipv6"),
    Do(LOAD_BYTE, 20),
    If(EQUALS, 17, NEXT, DROP),
    Do(LOAD_HALF, 54),
    If(EQUALS, 53, NEXT, DROP),
    Label("own vlan"),
    Do(LOAD_WORD, VLAN_TAG_PRESENT),
    If(EQUALS, 0, ACCEPT, NEXT),
    Do(LOAD_WORD, VLAN_TAG),
    Do(AND, 0x0fff),
    If(EQUALS, 0, ACCEPT, DROP),
];

const ARP_ONLY: &[Op] = &[Do(LOAD_HALF, 12), If(EQUALS, 0x0806, ACCEPT, DROP)];

const END: &[Op] = &[Label(DROP), Do(RETURN, 0), Label(ACCEPT), Do(RETURN, SNAP_LENGTH)];

/// All that discovery listens to.
pub(super) fn discovery() -> Vec<Instruction> {
    assemble(&[OWN_FRAMES, DISCOVERY, END].concat())
}

/// The same, and the answers of name servers that go out to the LAN.
pub(super) fn discovery_and_names() -> Vec<Instruction> {
    assemble(&[ALL_FRAMES, OWN_FRAMES, DISCOVERY, ANSWERS, END].concat())
}

/// The answers to a sweep.
pub(super) fn arp_only() -> Vec<Instruction> {
    assemble(&[OWN_FRAMES, ARP_ONLY, END].concat())
}

/// Nothing, for a socket that only sends.
pub(super) fn nothing() -> Vec<Instruction> {
    assemble(&[Do(RETURN, 0)])
}

fn assemble(program: &[Op]) -> Vec<Instruction> {
    let mut instructions = Vec::with_capacity(program.len());
    for (at, op) in program.iter().enumerate() {
        let (code, operand, yes, no) = match *op {
            Label(_) => continue,
            Do(code, operand) => (code, operand, NEXT, NEXT),
            If(code, operand, yes, no) => (code, operand, yes, no),
        };
        let [jump_true, jump_false] = [yes, no].map(|label| distance(&program[at + 1..], label));
        instructions.push(Instruction { code, jump_true, jump_false, operand });
    }
    instructions
}

/// How many instructions are between here and a label.
fn distance(rest: &[Op], label: &str) -> u8 {
    if label == NEXT {
        return 0;
    }
    let skipped = rest.iter().take_while(|op| !matches!(op, Label(name) if *name == label));
    skipped.filter(|op| !matches!(op, Label(_))).count() as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is beside the frame: VLAN tag, and whether this machine sent it.
    #[derive(Default)]
    struct Beside {
        tag: Option<u32>,
        is_outgoing: bool,
    }

    /// The part of classic BPF that the filters use. Loads beyond the frame drop it, as in the
    /// kernel.
    fn run(program: &[Instruction], frame: &[u8], beside: &Beside) -> u32 {
        let (mut a, mut x, mut at) = (0_u32, 0_u32, 0_usize);
        let load = |from: u32, length: usize| {
            let bytes = frame.get(from as usize..from as usize + length)?;
            Some(bytes.iter().fold(0, |n, byte| n << 8 | u32::from(*byte)))
        };
        loop {
            let i = program[at];
            at += 1;
            let jump = |holds: bool| usize::from(if holds { i.jump_true } else { i.jump_false });
            let loaded = match i.code {
                LOAD_WORD if i.operand == PACKET_TYPE => {
                    Some(u32::from(beside.is_outgoing) * OUTGOING)
                }
                LOAD_WORD if i.operand == VLAN_TAG => Some(beside.tag.unwrap_or(0)),
                LOAD_WORD if i.operand == VLAN_TAG_PRESENT => Some(u32::from(beside.tag.is_some())),
                LOAD_WORD => load(i.operand, 4),
                LOAD_HALF => load(i.operand, 2),
                LOAD_BYTE => load(i.operand, 1),
                LOAD_HALF_BEHIND => load(x + i.operand, 2),
                LOAD_BYTE_BEHIND => load(x + i.operand, 1),
                LOAD_IPV4_LENGTH => {
                    let Some(first) = load(i.operand, 1) else {
                        return 0;
                    };
                    x = (first & 15) * 4;
                    continue;
                }
                AND => Some(a & i.operand),
                EQUALS => {
                    at += jump(a == i.operand);
                    continue;
                }
                GREATER => {
                    at += jump(a > i.operand);
                    continue;
                }
                ANY_BIT => {
                    at += jump(a & i.operand != 0);
                    continue;
                }
                RETURN => return i.operand,
                other => panic!("code {other:#x}"),
            };
            match loaded {
                Some(value) => a = value,
                None => return 0,
            }
        }
    }

    fn frame(kind: u16, body: &[u8]) -> Vec<u8> {
        [&[2; 12][..], &kind.to_be_bytes(), body].concat()
    }

    fn ipv4(options: usize, protocol: u8, body: &[u8]) -> Vec<u8> {
        let mut header = vec![0; 20 + options * 4];
        header[0] = 0x45 + options as u8;
        header[9] = protocol;
        frame(0x0800, &[&header[..], body, &[0; 8]].concat())
    }

    fn ipv6(next: u8, body: &[u8]) -> Vec<u8> {
        let mut header = [0; 40];
        header[6] = next;
        frame(0x86dd, &[&header[..], body, &[0; 16]].concat())
    }

    fn ports(source: u16, destination: u16) -> Vec<u8> {
        [source.to_be_bytes(), destination.to_be_bytes()].concat()
    }

    fn passes(frame: &[u8]) -> bool {
        run(&discovery(), frame, &Beside::default()) == SNAP_LENGTH
    }

    #[test]
    fn every_label_is_ahead_and_every_jump_short() {
        for parts in [
            &[OWN_FRAMES, DISCOVERY, END][..],
            &[OWN_FRAMES, ARP_ONLY, END],
            &[ALL_FRAMES, OWN_FRAMES, DISCOVERY, ANSWERS, END],
        ] {
            let program = parts.concat();
            assert!(program.len() < 200);
            for (at, op) in program.iter().enumerate() {
                let If(_, _, yes, no) = op else { continue };
                for label in [yes, no].into_iter().filter(|label| **label != NEXT) {
                    let known = |op: &Op| matches!(op, Label(name) if name == label);
                    assert!(program[at..].iter().any(known), "{label} from {at}");
                }
            }
        }
    }

    #[test]
    fn what_discovery_decodes_passes() {
        assert!(passes(&frame(0x0806, &[])));
        assert!(passes(&frame(0x88cc, &[])));
        assert!(passes(&frame(60, &[0xaa, 0xaa, 3, 0, 0, 0x0c, 0x20, 0])));
        for (source, destination) in [
            (68, 67),
            (67, 68),
            (137, 137),
            (40_000, 1900),
            (1900, 40_000),
            (5353, 5353),
            (1, 5355),
        ] {
            assert!(passes(&ipv4(0, 17, &ports(source, destination))), "{source} {destination}");
            assert!(passes(&ipv4(3, 17, &ports(source, destination))), "{source} {destination}");
        }
        for (source, destination) in [(546, 547), (547, 546), (5353, 5353), (1, 5355), (5355, 1)] {
            assert!(passes(&ipv6(17, &ports(source, destination))), "{source} {destination}");
        }
        assert!(passes(&ipv4(0, 1, &[0])));
        for kind in [4, 129, 133, 134, 135, 136] {
            assert!(passes(&ipv6(58, &[kind])), "ICMPv6 {kind}");
        }
        assert!(passes(&ipv6(0, &[58, 0, 5, 2, 0, 0, 1, 0, 143])));
        assert!(passes(&ipv6(0, &[58, 0, 5, 2, 0, 0, 1, 0, 131])));
    }

    #[test]
    fn what_a_router_forwards_does_not() {
        assert!(!passes(&ipv4(0, 6, &ports(443, 40_000))));
        assert!(!passes(&ipv4(0, 17, &ports(443, 40_000))));
        assert!(!passes(&ipv4(0, 17, &ports(53, 40_000))));
        assert!(!passes(&ipv4(0, 1, &[8])));
        assert!(!passes(&ipv6(6, &ports(443, 40_000))));
        assert!(!passes(&ipv6(17, &ports(443, 40_000))));
        for kind in [1, 2, 128, 130, 132, 137] {
            assert!(!passes(&ipv6(58, &[kind])), "ICMPv6 {kind}");
        }
        assert!(!passes(&ipv6(0, &[58, 0, 5, 2, 0, 0, 1, 0, 130])));
        assert!(!passes(&frame(0x8864, &[])));
        assert!(!passes(&frame(38, &[0x42, 0x42, 3, 0, 0, 0, 0, 0])));
        let mut fragment = ipv4(0, 17, &ports(5353, 5353));
        fragment[20] = 0x20;
        assert!(!passes(&fragment));
        assert!(!passes(&[0; 13]));
    }

    #[test]
    fn answers_to_the_lan_pass_where_names_are_wanted_and_nothing_else_that_goes_out() {
        let own = |frame: &[u8], tag| {
            run(&discovery_and_names(), frame, &Beside { tag, is_outgoing: true }) == SNAP_LENGTH
        };
        let (v4, v6) = (ipv4(0, 17, &ports(53, 40_000)), ipv6(17, &ports(53, 40_000)));
        for frame in [&v4, &v6, &ipv4(3, 17, &ports(53, 40_000))] {
            assert!(own(frame, None) && own(frame, Some(0xa000)) && !own(frame, Some(0xa064)));
            assert_eq!(run(&discovery(), frame, &Beside { tag: None, is_outgoing: true }), 0);
            assert!(!passes(frame));
        }
        let mut fragment = v4;
        fragment[20] = 0x20;
        for frame in [
            fragment,
            ipv4(0, 6, &ports(53, 40_000)),
            ipv4(0, 17, &ports(40_000, 53)),
            ipv4(0, 17, &ports(5353, 5353)),
            ipv6(6, &ports(53, 1)),
            ipv6(17, &ports(1, 53)),
            frame(0x0806, &[]),
        ] {
            assert!(!own(&frame, None));
        }
        // What comes in is looked at as ever.
        let arp = frame(0x0806, &[]);
        let all = run(&discovery_and_names(), &arp, &Beside::default());
        assert_eq!((all, passes(&arp)), (SNAP_LENGTH, true));
        let query = ipv4(0, 17, &ports(40_000, 53));
        assert_eq!(run(&discovery_and_names(), &query, &Beside::default()), 0);
    }

    #[test]
    fn tagged_and_outgoing_frames_are_dropped_and_priority_tags_are_not() {
        let arp = frame(0x0806, &[]);
        for program in [discovery(), arp_only()] {
            let length = |tag, is_outgoing| run(&program, &arp, &Beside { tag, is_outgoing });
            assert_eq!(length(None, false), SNAP_LENGTH);
            assert_eq!(length(Some(0xa000), false), SNAP_LENGTH);
            assert_eq!(length(Some(0xa064), false), 0);
            assert_eq!(length(None, true), 0);
        }
        assert_eq!(run(&nothing(), &arp, &Beside::default()), 0);
    }
}
