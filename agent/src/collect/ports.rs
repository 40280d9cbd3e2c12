//! Ports that wait for peers: `/proc/net/tcp`, `tcp6`, `udp` and `udp6` (`proc_net(5)`).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// More are not reported.
const MOST: usize = 256;
const LISTEN: &str = "0A";
const CLOSE: &str = "07";

/// An open port.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Open {
    pub(crate) proto: &'static str,
    pub(crate) port: u16,
    pub(crate) address: IpAddr,
    /// The socket, by which its process is found.
    pub(crate) inode: u64,
}

/// Reads one of the files. A port of UDP waits for anybody while it has no peer.
pub(crate) fn parse(text: &str, proto: &'static str, out: &mut Vec<Open>) {
    let waits = if proto == "tcp" { LISTEN } else { CLOSE };
    for line in text.lines().skip(1) {
        let mut columns = line.split_ascii_whitespace().skip(1);
        let (Some(local), Some(peer), Some(state)) =
            (columns.next(), columns.next(), columns.next())
        else {
            continue;
        };
        if state != waits || !peer.ends_with(":0000") || out.len() >= MOST {
            continue;
        }
        let inode = columns.nth(5).and_then(|inode| inode.parse().ok()).unwrap_or(0);
        if let Some((address, port)) = endpoint(local) {
            out.push(Open { proto, port, address, inode });
        }
    }
}

/// `0100007F:1F90`: words of 32 bits in the host's order, in hexadecimal.
fn endpoint(text: &str) -> Option<(IpAddr, u16)> {
    let (address, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |at: usize| u32::from_str_radix(address.get(at..at + 8)?, 16).ok();
    let address = if address.len() == 8 {
        IpAddr::V4(Ipv4Addr::from(word(0)?.to_ne_bytes()))
    } else {
        let mut octets = [0; 16];
        for (at, four) in octets.chunks_exact_mut(4).enumerate() {
            four.copy_from_slice(&word(at * 8)?.to_ne_bytes());
        }
        IpAddr::V6(Ipv6Addr::from(octets)).to_canonical()
    };
    Some((address, port))
}
