//! Asks the ports of one host by ordinary sockets, slowly enough that nothing minds.
//!
//! Sockets are bound to the interface, so that nothing ever takes the default route; the router's
//! own firewall rules for output apply.

use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::sync::Arc;
use std::time::Duration;

use nix::errno::Errno;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream, UdpSocket};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout, timeout_at};

use super::udp;
use crate::ports::{Ask, LONGEST_BANNER, PortInfo, Transport};

/// Connections to one host at a time.
const AT_ONCE: usize = 32;
/// From one connection to the next: 100 a second.
const EACH: Duration = Duration::from_millis(10);
/// A host of the same link that has not answered by then will not.
const PATIENCE: Duration = Duration::from_millis(500);
/// How long a program may think before it speaks.
const LISTEN: Duration = Duration::from_millis(300);

/// Whom to ask, and on which interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) interface: String,
    pub(super) index: u32,
    pub(super) ip: IpAddr,
}

/// How a port answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// It takes connections, or has answered a datagram; with what it said.
    Open(Vec<u8>),
    /// It refuses them.
    Closed,
    /// Nothing came back.
    Silent,
}

/// Asks all ports; an error only where no port could be asked at all.
pub(super) async fn ask_all(
    target: &Target,
    ports: &'static [PortInfo],
) -> io::Result<Vec<(&'static PortInfo, Answer)>> {
    let slots = Arc::new(Semaphore::new(AT_ONCE));
    let mut pace = interval(EACH);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut asking = JoinSet::new();
    for port in ports {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else {
            break;
        };
        pace.tick().await;
        let target = target.clone();
        asking.spawn(async move {
            let _slot = slot;
            let answer = match port.transport {
                Transport::Tcp => tcp(&target, port).await,
                Transport::Udp => datagram(&target, port).await,
            };
            (port, answer)
        });
    }
    let mut answers = Vec::with_capacity(ports.len());
    let mut failure = None;
    for (port, answer) in asking.join_all().await {
        match answer {
            Ok(answer) => answers.push((port, answer)),
            Err(error) => failure = Some(error),
        }
    }
    match failure {
        Some(error) if answers.is_empty() => Err(error),
        _ => {
            model::sort_by_key(&mut answers, |(port, _)| (port.port, port.transport));
            Ok(answers)
        }
    }
}

async fn tcp(target: &Target, port: &PortInfo) -> io::Result<Answer> {
    let socket = match target.ip {
        IpAddr::V4(_) => TcpSocket::new_v4()?,
        IpAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.bind_device(Some(target.interface.as_bytes()))?;
    let stream = match timeout(PATIENCE, socket.connect(target.address(port.port))).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return judge(error),
        Err(_) => return Ok(Answer::Silent),
    };
    Ok(Answer::Open(banner(stream, target.ip, port.ask).await))
}

/// What the program says within a moment. That it says nothing, or hangs up, is no error.
async fn banner(mut stream: TcpStream, ip: IpAddr, ask: Ask) -> Vec<u8> {
    let host = match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    };
    let request = format!("HEAD / HTTP/1.0\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    let until = Instant::now() + LISTEN;
    let enough = |heard: &[u8]| match ask {
        Ask::Nothing => true,
        Ask::Greeting => !heard.is_empty(),
        Ask::Http => heard.windows(4).any(|w| w == b"\r\n\r\n"),
    };
    if ask == Ask::Http
        && !matches!(timeout_at(until, stream.write_all(request.as_bytes())).await, Ok(Ok(())))
    {
        return Vec::new();
    }
    let mut buffer = [0; LONGEST_BANNER];
    let mut length = 0;
    while length < buffer.len() && !enough(&buffer[..length]) {
        match timeout_at(until, stream.read(&mut buffer[length..])).await {
            Ok(Ok(read @ 1..)) => length += read,
            _ => break,
        }
    }
    buffer[..length].to_vec()
}

async fn datagram(target: &Target, port: &PortInfo) -> io::Result<Answer> {
    let Some(question) = udp::question(port.port, target.ip) else {
        return Ok(Answer::Silent);
    };
    let any: SocketAddr = match target.ip {
        IpAddr::V4(_) => ([0; 4], 0).into(),
        IpAddr::V6(_) => ([0; 16], 0).into(),
    };
    let socket = UdpSocket::bind(any).await?;
    socket.bind_device(Some(target.interface.as_bytes()))?;
    let mut buffer = [0; 1_500];
    let talk = async {
        socket.connect(target.address(port.port)).await?;
        socket.send(&question).await?;
        socket.recv(&mut buffer).await
    };
    match timeout(PATIENCE, talk).await {
        Ok(Ok(length)) => Ok(Answer::Open(buffer[..length].to_vec())),
        Ok(Err(error)) => judge(error),
        Err(_) => Ok(Answer::Silent),
    }
}

/// An error that tells about the host is an answer; one that tells about this machine stays one.
fn judge(error: io::Error) -> io::Result<Answer> {
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ECONNREFUSED | Errno::ECONNRESET) => Ok(Answer::Closed),
        Some(Errno::EHOSTUNREACH | Errno::ETIMEDOUT | Errno::EHOSTDOWN) => Ok(Answer::Silent),
        _ => Err(error),
    }
}

impl Target {
    fn address(&self, port: u16) -> SocketAddr {
        match self.ip {
            IpAddr::V4(_) => (self.ip, port).into(),
            IpAddr::V6(ip) => {
                let scope = if ip.is_unicast_link_local() { self.index } else { 0 };
                SocketAddrV6::new(ip, port, 0, scope).into()
            }
        }
    }
}
