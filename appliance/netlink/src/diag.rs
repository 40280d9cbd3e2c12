//! Sockets of the kernel, as `sock_diag` and `linux/inet_diag.h` tell them: bytes in, values out.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::wire::{Message, Request};

/// The kind of message that asks for sockets, and of those that tell them.
const BY_FAMILY: u16 = 20;
/// Bytes of `struct inet_diag_req_v2`.
const REQUEST: usize = 56;
/// IPv4 and IPv6, as `struct inet_diag_msg` numbers families.
const INET: u8 = 2;
const INET6: u8 = 10;

/// A socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InetSocket {
    /// How far it is (`net/tcp_states.h`): 1 is established, 7 unconnected, 10 listens.
    pub state: u8,
    /// Its own address.
    pub local: IpAddr,
    /// Its own port.
    pub port: u16,
    /// The other end's address; unspecified where there is none.
    pub remote: IpAddr,
}

/// Established, or UDP with a fixed other end.
pub const ESTABLISHED: u8 = 1;
/// UDP that takes from anybody.
pub const UNCONNECTED: u8 = 7;
/// TCP that waits for connections.
pub const LISTEN: u8 = 10;

/// Asks for all sockets of a protocol (6 is TCP, 17 UDP) and family in any of these states.
pub fn sockets(protocol: u8, is_v6: bool, states: &[u8]) -> Request {
    let mut fixed = [0; REQUEST];
    fixed[0] = if is_v6 { INET6 } else { INET };
    fixed[1] = protocol;
    let mask = states.iter().fold(0_u32, |mask, state| mask | 1_u32.wrapping_shl((*state).into()));
    fixed[4..8].copy_from_slice(&mask.to_ne_bytes());
    Request::all(BY_FAMILY, &fixed)
}

/// The socket that a message tells (`struct inet_diag_msg`).
pub fn socket(message: &Message<'_>) -> Option<InetSocket> {
    let body = message.body;
    let (family, state) = (*body.first()?, *body.get(1)?);
    let port = u16::from_be_bytes(body.get(4..6)?.try_into().ok()?);
    let address = |at: usize| -> Option<IpAddr> {
        if family == INET {
            let octets: [u8; 4] = body.get(at..at + 4)?.try_into().ok()?;
            return Some(Ipv4Addr::from(octets).into());
        }
        let octets: [u8; 16] = body.get(at..at + 16)?.try_into().ok()?;
        Some(IpAddr::from(Ipv6Addr::from(octets)).to_canonical())
    };
    let is_known = message.kind == BY_FAMILY && (family == INET || family == INET6);
    is_known.then_some(())?;
    Some(InetSocket { state, local: address(8)?, port, remote: address(24)? })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::wire::messages;

    fn message(body: &[u8]) -> Message<'_> {
        Message { kind: BY_FAMILY, flags: 0, sequence: 1, body }
    }

    #[test]
    fn a_question_says_protocol_family_and_states() {
        let bytes = sockets(17, true, &[ESTABLISHED, UNCONNECTED]).finish(3);
        let all: Vec<_> = messages(&bytes).collect();
        assert_eq!((all[0].kind, all[0].body.len()), (20, 56));
        assert_eq!(all[0].body[..2], [10, 17]);
        assert_eq!(u32::from_ne_bytes(all[0].body[4..8].try_into().unwrap()), 0b1000_0010);
    }

    #[test]
    fn a_socket_is_read_with_both_ends() {
        let mut body = vec![0; 72];
        (body[0], body[1]) = (2, 1);
        body[4..6].copy_from_slice(&22_u16.to_be_bytes());
        body[8..12].copy_from_slice(&[192, 0, 2, 1]);
        body[24..28].copy_from_slice(&[198, 51, 100, 7]);
        let told = socket(&message(&body)).expect("a socket");
        assert_eq!((told.state, told.port), (ESTABLISHED, 22));
        assert_eq!(told.local, IpAddr::from([192, 0, 2, 1]));
        assert_eq!(told.remote, IpAddr::from([198, 51, 100, 7]));
        assert_eq!(socket(&message(&body[..30])).map(|_| ()), Some(()));
        assert_eq!(socket(&message(&body[..20])), None);
        body[0] = 1;
        assert_eq!(socket(&message(&body)), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(body: Vec<u8>) {
            let _ = socket(&message(&body));
        }
    }
}
