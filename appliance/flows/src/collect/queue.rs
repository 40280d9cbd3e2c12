//! How many datagrams a socket had no room for, from the kernel's table of sockets. In comes the
//! text of `/proc/net/udp`, out goes a number. Pure, but for [`dropped`].

use std::fs;
use std::os::fd::BorrowedFd;

use nix::sys::stat::fstat;

/// Datagrams that this socket has dropped since it was opened; None where the kernel does not tell.
pub(crate) fn dropped(socket: BorrowedFd<'_>) -> Option<u64> {
    let inode = fstat(socket).ok()?.st_ino;
    ["udp", "udp6"].iter().find_map(|table| {
        let text = fs::read_to_string(format!("/proc/thread-self/net/{table}")).ok()?;
        find(&text, inode)
    })
}

/// The last column of the line whose tenth is the inode (`udp4_format_sock` of the kernel).
fn find(table: &str, inode: u64) -> Option<u64> {
    table.lines().skip(1).find_map(|line| {
        let mut columns = line.split_ascii_whitespace();
        let is_it = columns.nth(9)?.parse() == Ok(inode);
        is_it.then(|| columns.last()?.parse().ok()).flatten()
    })
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::os::fd::AsFd as _;

    use proptest::prelude::*;

    use super::*;

    const TABLE: &str = "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when \
                         retrnsmt   uid  timeout inode ref pointer drops\n  \
                         12: 00000000:0807 00000000:0000 07 00000000:00000000 00:00000000 00000000 \
                         0        0 4711 2 000000 17\n";

    #[test]
    fn a_socket_is_found_by_its_inode() {
        assert_eq!(find(TABLE, 4711), Some(17));
        assert_eq!(find(TABLE, 4712), None);
    }

    #[test]
    fn a_new_socket_has_dropped_nothing() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let socket = UdpSocket::bind(address).unwrap();
            assert_eq!(dropped(socket.as_fd()), Some(0));
        }
    }

    proptest! {
        #[test]
        fn no_text_of_the_kernel_panics(text: String, inode: u64) {
            let _ = find(&text, inode);
        }
    }
}
