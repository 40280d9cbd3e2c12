//! The routers on the way: datagrams with a rising time to live, and the errors that come back, read
//! from the socket's error queue (ip(7), `IP_RECVERR`), which needs no right.

use std::io::IoSliceMut;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt, sockopt,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Failure, Job, ms, resolve};

/// Where nobody listens (RFC 1393 and every traceroute since).
const PORT: u16 = 33_434;
const WAIT: Duration = Duration::from_millis(1500);
const TRIES: u32 = 2;

#[derive(Deserialize)]
struct Arguments {
    to: String,
    #[serde(default = "thirty")]
    hops: u32,
}

fn thirty() -> u32 {
    30
}

/// Who answered, and whether that is the end of the way.
struct Hop {
    from: Option<IpAddr>,
    last: bool,
}

pub(super) fn trace(job: &mut Job) -> Result<Value, Failure> {
    let arguments: Arguments = job.arguments()?;
    let to = resolve(&arguments.to)?;
    let mut silent = 0;
    for hop in 1..=arguments.hops.clamp(1, 64) {
        let mut answer = None;
        for _ in 0..TRIES {
            answer = probe(job, to, hop)?;
            if answer.is_some() {
                break;
            }
        }
        silent = if answer.is_some() { 0 } else { silent + 1 };
        let from = answer.as_ref().and_then(|(hop, _)| hop.from).map(|from| from.to_string());
        let took = answer.as_ref().map(|(_, took)| ms(*took));
        job.part(json!({ "hop": hop, "from": from, "ms": took }))?;
        if answer.is_some_and(|(hop, _)| hop.last) {
            return Ok(json!({ "to": to.to_string(), "reached": true, "hops": hop }));
        }
        if silent == 5 {
            break;
        }
    }
    Ok(json!({ "to": to.to_string(), "reached": false }))
}

fn probe(job: &Job, to: IpAddr, hop: u32) -> Result<Option<(Hop, Duration)>, Failure> {
    let failed = |why: &dyn std::fmt::Display| Failure::failed(format!("{to}: {why}"));
    let any: IpAddr =
        if to.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).map_err(|e| failed(&e))?;
    if to.is_ipv4() {
        socket.set_ttl(hop).map_err(|e| failed(&e))?;
        setsockopt(&socket, sockopt::Ipv4RecvErr, &true).map_err(|e| failed(&e))?;
    } else {
        setsockopt(&socket, sockopt::Ipv6Ttl, &(hop as i32)).map_err(|e| failed(&e))?;
        setsockopt(&socket, sockopt::Ipv6RecvErr, &true).map_err(|e| failed(&e))?;
    }
    let began = Instant::now();
    let target = SocketAddr::new(to, PORT + hop as u16);
    if let Err(why) = socket.send_to(b"panoptikon", target) {
        return Err(failed(&why));
    }
    while began.elapsed() < WAIT {
        job.go_on()?;
        let mut fds = [PollFd::new(socket.as_fd(), PollFlags::empty())];
        let ready = poll(&mut fds, PollTimeout::from(200_u8)).unwrap_or(0);
        if ready > 0
            && let Some(hop) = from_queue(&socket, to)
        {
            return Ok(Some((hop, began.elapsed())));
        }
    }
    Ok(None)
}

fn from_queue(socket: &UdpSocket, to: IpAddr) -> Option<Hop> {
    let mut octets = [0; 64];
    let mut parts = [IoSliceMut::new(&mut octets)];
    let mut space = nix::cmsg_space!([u8; 128]);
    let message = recvmsg::<SockaddrStorage>(
        socket.as_raw_fd(),
        &mut parts,
        Some(&mut space),
        MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT,
    )
    .ok()?;
    for control in message.cmsgs().ok()? {
        let from = match &control {
            ControlMessageOwned::Ipv4RecvErr(_, from) => {
                from.map(|from| IpAddr::V4(Ipv4Addr::from(u32::from_be(from.sin_addr.s_addr))))
            }
            ControlMessageOwned::Ipv6RecvErr(_, from) => {
                from.map(|from| IpAddr::V6(Ipv6Addr::from(from.sin6_addr.s6_addr)))
            }
            _ => continue,
        };
        return Some(Hop { last: from == Some(to), from });
    }
    None
}
