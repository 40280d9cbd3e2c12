//! How a port is listened at: the same way for people's pages and for agents.

use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

/// Listens at an address, also at one that no interface has yet; `backlog` connections wait at most.
/// The listener does not block.
///
/// # Errors
/// What the kernel says, such as that another program has the port.
pub fn listen(address: SocketAddr, backlog: i32) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        // 0.0.0.0 and [::] on the same port are two listeners.
        socket.set_only_v6(true)?;
        socket.set_freebind_v6(true)?;
    } else {
        socket.set_freebind_v4(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(backlog)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_families_have_the_same_port_and_an_address_may_come_later() {
        let four = listen("0.0.0.0:0".parse().unwrap(), 8).unwrap();
        let port = four.local_addr().unwrap().port();
        let six = listen(SocketAddr::new("::".parse().unwrap(), port), 8).unwrap();
        assert_eq!(six.local_addr().unwrap().port(), port);
        listen("192.0.2.77:0".parse().unwrap(), 8).unwrap();
        let taken = listen(SocketAddr::new("0.0.0.0".parse().unwrap(), port), 8);
        assert_eq!(taken.unwrap_err().kind(), io::ErrorKind::AddrInUse);
    }
}
