//! The system calls that no safe crate offers. Each is one call on memory of its own stack frame.
#![allow(unsafe_code)] // the design's one exception; see the crate's documentation

use std::io;
use std::mem::{MaybeUninit, size_of};
use std::os::fd::{AsRawFd, BorrowedFd};

use libc::{c_int, c_void, socklen_t};

use crate::Statistics;

/// `linux/if_packet.h`; not in the libc crate.
const PACKET_IGNORE_OUTGOING: c_int = 23;

/// Binds a packet socket to all protocols of an interface.
pub(crate) fn bind(socket: BorrowedFd<'_>, interface: c_int) -> io::Result<()> {
    let address = libc::sockaddr_ll {
        sll_family: libc::AF_PACKET as u16,
        sll_protocol: (libc::ETH_P_ALL as u16).to_be(),
        sll_ifindex: interface,
        sll_hatype: 0,
        sll_pkttype: 0,
        sll_halen: 0,
        sll_addr: [0; 8],
    };
    // SAFETY: the pointer is to a whole `sockaddr_ll` that lives until the call is over, and the
    // length is that of this type; the kernel only reads it.
    checked(unsafe {
        libc::bind(
            socket.as_raw_fd(),
            (&raw const address).cast(),
            size_of::<libc::sockaddr_ll>() as socklen_t,
        )
    })
}

/// Hears all multicast groups for as long as the socket is open.
pub(crate) fn join_all_multicast(socket: BorrowedFd<'_>, interface: c_int) -> io::Result<()> {
    let membership = libc::packet_mreq {
        mr_ifindex: interface,
        mr_type: libc::PACKET_MR_ALLMULTI as u16,
        mr_alen: 0,
        mr_address: [0; 8],
    };
    set(socket, libc::PACKET_ADD_MEMBERSHIP, &membership)
}

/// Leaves out the frames that this machine sends.
pub(crate) fn ignore_outgoing(socket: BorrowedFd<'_>) -> io::Result<()> {
    set::<c_int>(socket, PACKET_IGNORE_OUTGOING, &1)
}

/// Reads the counters, which sets them to zero.
pub(crate) fn statistics(socket: BorrowedFd<'_>) -> io::Result<Statistics> {
    let mut counters = MaybeUninit::<libc::tpacket_stats>::zeroed();
    let mut length = size_of::<libc::tpacket_stats>() as socklen_t;
    // SAFETY: the kernel writes at most `length` octets, which is the size of what the pointer is
    // to, and both live until the call is over.
    checked(unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_PACKET,
            libc::PACKET_STATISTICS,
            counters.as_mut_ptr().cast::<c_void>(),
            &raw mut length,
        )
    })?;
    // SAFETY: it consists of two integers, for which every bit pattern is valid, and was zeroed
    // before, so that it is initialised whatever the kernel wrote.
    let counters = unsafe { counters.assume_init() };
    Ok(Statistics { frames: counters.tp_packets, dropped: counters.tp_drops })
}

/// Sets a packet option; `T` must be the plain C type that the option takes.
fn set<T: Copy>(socket: BorrowedFd<'_>, option: c_int, value: &T) -> io::Result<()> {
    // SAFETY: the pointer is to a whole `T` that lives until the call is over, and the length is
    // that of `T`; the kernel only reads it.
    checked(unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_PACKET,
            option,
            (&raw const *value).cast(),
            size_of::<T>() as socklen_t,
        )
    })
}

fn checked(result: c_int) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
