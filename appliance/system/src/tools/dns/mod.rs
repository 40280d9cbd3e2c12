//! Asks a name server and shows what it says. [`message`] writes the question and reads the answer.

mod message;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

pub use message::{DnsRecord, RecordKind};

use super::{Target, Tools};
use crate::SystemError;

const PORT: u16 = 53;
/// How long a server may take, and how often it is asked by datagram.
const PATIENCE: Duration = Duration::from_secs(2);
const ATTEMPTS: usize = 2;

/// What to ask, and whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DnsQuestion {
    /// The name, or for [`RecordKind::Ptr`] an address.
    pub target: Target,
    /// Which records.
    pub kind: RecordKind,
    /// The server; None for the router's own resolver (`/etc/resolv.conf`).
    pub server: Option<IpAddr>,
}

/// What a server says.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DnsAnswer {
    /// Who was asked.
    pub server: IpAddr,
    /// After how many ms it answered.
    pub ms: f64,
    /// The datagram was too short, so that TCP was used.
    pub by_tcp: bool,
    /// How it went, such as `NOERROR` or `NXDOMAIN`.
    pub status: String,
    /// The server is responsible for the name itself.
    pub is_authoritative: bool,
    /// The server has checked the answer by DNSSEC.
    pub is_authentic: bool,
    /// The records.
    pub records: Vec<DnsRecord>,
}

impl Tools {
    /// Asks a name server. Ends within 10 s.
    ///
    /// # Errors
    /// Where the question cannot be asked, nobody answers, or too many tools run.
    pub async fn look_up(&self, question: DnsQuestion) -> Result<DnsAnswer, SystemError> {
        let name = match (&question.target, question.kind) {
            (Target::Ip(ip), RecordKind::Ptr) => reverse(*ip),
            (Target::Ip(_), _) => {
                return Err(SystemError::invalid("kind", "an address has PTR records only"));
            }
            (Target::Name(name), _) => name.clone(),
        };
        let server = match question.server {
            Some(server) if !server.is_unspecified() && !server.is_multicast() => server,
            Some(_) => return Err(SystemError::invalid("server", "give the address of a server")),
            None => own_resolver(),
        };
        let _slot = self.slot()?;
        let mut id = [0; 2];
        getrandom::fill(&mut id)
            .map_err(|e| SystemError::malformed("random numbers", e.to_string()))?;
        let id = u16::from_ne_bytes(id);
        let bytes = message::question(id, &name, question.kind);
        let began = Instant::now();
        let asked = exchange(SocketAddr::new(server, PORT), &bytes, id).await;
        let (reply, by_tcp) = asked.map_err(|error| match error.kind() {
            io::ErrorKind::TimedOut => {
                SystemError::TimedOut { what: format!("the name server {server}"), seconds: 4 }
            }
            _ => SystemError::io("ask the name server", server.to_string())(error),
        })?;
        Ok(DnsAnswer {
            server,
            ms: began.elapsed().as_secs_f64() * 1_000.0,
            by_tcp,
            status: reply.status,
            is_authoritative: reply.is_authoritative,
            is_authentic: reply.is_authentic,
            records: reply.records,
        })
    }
}

/// Asks by datagram, and by TCP where the answer did not fit.
async fn exchange(
    server: SocketAddr,
    question: &[u8],
    id: u16,
) -> io::Result<(message::Reply, bool)> {
    for _ in 0..ATTEMPTS {
        match timeout(PATIENCE, by_datagram(server, question, id)).await {
            Ok(Ok(reply)) if !reply.is_cut => return Ok((reply, false)),
            Ok(Ok(_)) => {
                let reply = timeout(PATIENCE, by_tcp(server, question, id)).await;
                return reply.unwrap_or_else(|_| Err(timed_out())).map(|reply| (reply, true));
            }
            Ok(Err(error)) => return Err(error),
            Err(_) => {}
        }
    }
    Err(timed_out())
}

fn timed_out() -> io::Error {
    io::ErrorKind::TimedOut.into()
}

async fn by_datagram(server: SocketAddr, question: &[u8], id: u16) -> io::Result<message::Reply> {
    let any: IpAddr = match server {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0)).await?;
    socket.connect(server).await?;
    socket.send(question).await?;
    let mut buffer = [0; 4_096];
    loop {
        let length = socket.recv(&mut buffer).await?;
        // Anything else is somebody else's.
        if let Some(reply) = message::read(buffer.get(..length).unwrap_or_default(), id, question) {
            return Ok(reply);
        }
    }
}

async fn by_tcp(server: SocketAddr, question: &[u8], id: u16) -> io::Result<message::Reply> {
    let mut stream = TcpStream::connect(server).await?;
    stream.write_u16(question.len() as u16).await?;
    stream.write_all(question).await?;
    let length = stream.read_u16().await?;
    let mut bytes = vec![0; length.into()];
    stream.read_exact(&mut bytes).await?;
    message::read(&bytes, id, question)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "its answer cannot be read"))
}

/// The name that an address is looked up by (RFC 1035, 3.5; RFC 3596, 2.5).
fn reverse(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, c, d] = ip.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa")
        }
        IpAddr::V6(ip) => {
            let digits =
                ip.octets().into_iter().rev().map(|o| format!("{:x}.{:x}.", o & 15, o >> 4));
            digits.collect::<String>() + "ip6.arpa"
        }
    }
}

/// The first server that resolv.conf(5) names.
fn own_resolver() -> IpAddr {
    let text = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    let mut servers =
        text.lines().filter_map(|line| line.trim().strip_prefix("nameserver")?.trim().parse().ok());
    servers.next().unwrap_or(IpAddr::from(Ipv4Addr::LOCALHOST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_looked_up_by_its_name() {
        assert_eq!(reverse([192, 0, 2, 1].into()), "1.2.0.192.in-addr.arpa");
        let v6 = reverse("2001:db8::1".parse().expect("an address"));
        assert!(v6.starts_with("1.0.0.0.") && v6.ends_with(".8.b.d.0.1.0.0.2.ip6.arpa"), "{v6}");
    }
}
