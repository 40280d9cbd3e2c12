//! Round trips by ICMP echo (RFC 792, RFC 4443) over a datagram socket, which needs no right where
//! the kernel's `ping_group_range` allows it; otherwise by how long a TCP connection takes.

use std::io::{self, Read as _};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::{Value, json};
use socket2::{Domain, Protocol, Socket, Type};

use super::{Failure, Job, ms, resolve};

const WAIT: Duration = Duration::from_secs(2);
const MOST: u32 = 100;
/// Ports to try: refusing is an answer, too.
const PORTS: [u16; 2] = [443, 22];

#[derive(Deserialize)]
struct Arguments {
    to: String,
    #[serde(default = "four")]
    count: u32,
}

fn four() -> u32 {
    4
}

pub(super) fn ping(job: &mut Job) -> Result<Value, Failure> {
    let arguments: Arguments = job.arguments()?;
    let to = resolve(&arguments.to)?;
    let count = arguments.count.clamp(1, MOST);
    let socket = socket(to).ok();
    let way = if socket.is_some() { "icmp" } else { "tcp" };
    let mut times = Vec::new();
    for number in 1..=count {
        let took = match &socket {
            Some(socket) => echo(job, socket, to, number as u16)?,
            None => connect(job, to),
        };
        job.part(json!({ "n": number, "ms": took.map(ms) }))?;
        times.extend(took);
        if number < count {
            job.pause(Duration::from_millis(200))?;
        }
    }
    Ok(summary(&times, count, way, &to.to_string()))
}

/// What several round trips come to.
pub(super) fn summary(times: &[Duration], sent: u32, way: &str, to: &str) -> Value {
    let sum: Duration = times.iter().sum();
    let average = sum.checked_div(times.len() as u32).map(ms);
    json!({
        "to": to, "way": way, "sent": sent, "received": times.len(),
        "min_ms": times.iter().min().copied().map(ms), "avg_ms": average,
        "max_ms": times.iter().max().copied().map(ms),
    })
}

fn socket(to: IpAddr) -> io::Result<Socket> {
    let (domain, protocol) = match to {
        IpAddr::V4(_) => (Domain::IPV4, Protocol::ICMPV4),
        IpAddr::V6(_) => (Domain::IPV6, Protocol::ICMPV6),
    };
    Socket::new(domain, Type::DGRAM, Some(protocol))
}

fn echo(job: &Job, socket: &Socket, to: IpAddr, number: u16) -> Result<Option<Duration>, Failure> {
    let (request, reply) = if to.is_ipv4() { (8, 0) } else { (128, 129) };
    let [high, low] = number.to_be_bytes();
    // The kernel fills in checksum and identifier.
    let mut packet = vec![request, 0, 0, 0, 0, 0, high, low];
    packet.extend(*b"panoptikon round trip of 56 octets......................");
    let began = Instant::now();
    if let Err(why) = socket.send_to(&packet, &SocketAddr::new(to, 0).into()) {
        return Err(Failure::failed(format!("{to}: {why}")));
    }
    let mut answer = [0; 256];
    loop {
        job.go_on()?;
        let Some(rest) = WAIT.checked_sub(began.elapsed()).filter(|rest| !rest.is_zero()) else {
            return Ok(None);
        };
        let rest = job.left(rest.min(Duration::from_millis(300)));
        if socket.set_read_timeout(Some(rest)).is_err() {
            return Ok(None);
        }
        // A refusal of the network comes as an error: nobody answers this one.
        let Ok(length) = (&*socket).read(&mut answer) else { continue };
        let head = answer.get(..length).unwrap_or_default();
        if head.first() == Some(&reply) && head.get(6..8) == Some(&[high, low]) {
            return Ok(Some(began.elapsed()));
        }
    }
}

fn connect(job: &Job, to: IpAddr) -> Option<Duration> {
    for port in PORTS {
        let began = Instant::now();
        match TcpStream::connect_timeout(&SocketAddr::new(to, port), job.left(WAIT)) {
            Ok(_) => return Some(began.elapsed()),
            Err(why) if why.kind() == io::ErrorKind::ConnectionRefused => {
                return Some(began.elapsed());
            }
            Err(_) => {}
        }
    }
    None
}
