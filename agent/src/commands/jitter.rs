//! Loss and jitter of datagrams between two agents, or from the router to one. One side listens,
//! which the appliance asks first; the other sends what a call sends: 172 octets every 20 ms.
//!
//! A datagram is the line `pnk-measure 1 jitter TOKEN`, its number (32 bits big endian), the sender's
//! clock (64 bits, microseconds) and zeros. The number 0xFFFFFFFF says that no more come. Jitter is
//! that of RFC 3550, 6.4.1: differences of transit times, so the two clocks need not agree.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::measure::Arguments;
use super::{Failure, Job, ms};

const EVERY: Duration = Duration::from_millis(20);
const LENGTH: usize = 172;
const END: u32 = u32::MAX;
/// The end is said so often, since it may be lost too.
const ENDS: u32 = 3;
/// Those of the longest time, and some more.
const MOST: usize = 2_000;
/// How long the last ones may be on their way.
const LATE: Duration = Duration::from_secs(3);

pub(super) fn jitter(job: &mut Job, server: &str) -> Result<Value, Failure> {
    let arguments: Arguments = job.arguments()?;
    let head = arguments.greeting(wire::command::JITTER)?;
    let time = arguments.time();
    match &arguments.to {
        None => listen(job, &head, time),
        Some(to) => send(job, arguments.address(to, server)?, &head, time),
    }
}

fn send(job: &Job, to: SocketAddr, head: &str, time: Duration) -> Result<Value, Failure> {
    let failed = |why: io::Error| Failure::failed(format!("{to}: {why}"));
    let any: IpAddr =
        if to.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).map_err(failed)?;
    socket.connect(to).map_err(failed)?;
    let began = Instant::now();
    let mut sent = 0;
    while began.elapsed() < time {
        socket.send(&datagram(head, sent, began.elapsed())).map_err(failed)?;
        sent += 1;
        job.pause((EVERY * sent).saturating_sub(began.elapsed()))?;
    }
    for _ in 0..ENDS {
        job.pause(Duration::from_millis(50))?;
        // Who has heard the first one listens no more.
        let _ = socket.send(&datagram(head, END, began.elapsed()));
    }
    Ok(json!({ "to": to.to_string(), "sent": sent }))
}

fn listen(job: &mut Job, head: &str, time: Duration) -> Result<Value, Failure> {
    let failed = |why: io::Error| Failure::failed(format!("listening: {why}"));
    let socket = UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0))
        .or_else(|_| UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)))
        .map_err(failed)?;
    socket.set_read_timeout(Some(Duration::from_millis(200))).map_err(failed)?;
    job.part(json!({ "port": socket.local_addr().map_err(failed)?.port() }))?;
    let (mut arrivals, mut first) = (Arrivals::default(), None::<(Instant, SocketAddr)>);
    let mut octets = [0; 1024];
    loop {
        job.go_on()?;
        if first.is_some_and(|(at, _)| at.elapsed() >= time + LATE) {
            break;
        }
        let Ok((length, from)) = socket.recv_from(&mut octets) else { continue };
        // Whoever does not know the token is not heard.
        let Some((number, sent_us)) = read(octets.get(..length).unwrap_or_default(), head) else {
            continue;
        };
        let (began, _) = *first.get_or_insert_with(|| (Instant::now(), from));
        if number == END {
            break;
        }
        arrivals.take(number, sent_us, began.elapsed().as_micros() as u64);
    }
    let from = first.map(|(_, from)| from.ip().to_canonical().to_string());
    let jitter = ms(Duration::from_micros(arrivals.jitter_us as u64));
    Ok(json!({ "from": from, "received": arrivals.received, "jitter_ms": jitter }))
}

fn datagram(head: &str, number: u32, clock: Duration) -> Vec<u8> {
    let mut octets = head.as_bytes().to_vec();
    octets.extend(number.to_be_bytes());
    octets.extend((clock.as_micros() as u64).to_be_bytes());
    octets.resize(octets.len().max(LENGTH), 0);
    octets
}

/// Number and clock of a datagram; [`None`] for what is none of this measurement.
pub(super) fn read(octets: &[u8], head: &str) -> Option<(u32, u64)> {
    let (number, rest) = octets.strip_prefix(head.as_bytes())?.split_first_chunk::<4>()?;
    let clock = rest.first_chunk::<8>()?;
    Some((u32::from_be_bytes(*number), u64::from_be_bytes(*clock)))
}

/// What has arrived.
#[derive(Debug, Default)]
pub(super) struct Arrivals {
    seen: Vec<bool>,
    /// Each counted once.
    pub(super) received: u32,
    transit_us: Option<u64>,
    pub(super) jitter_us: f64,
}

impl Arrivals {
    /// Takes a datagram that was sent and arrived then, each by a clock of its own.
    pub(super) fn take(&mut self, number: u32, sent_us: u64, arrived_us: u64) {
        let at = number as usize;
        if at >= MOST {
            return;
        }
        if at >= self.seen.len() {
            self.seen.resize(at + 1, false);
        }
        match self.seen.get_mut(at) {
            Some(seen) if !*seen => *seen = true,
            _ => return,
        }
        self.received += 1;
        // May be less than nothing; differences come out right all the same.
        let transit = arrived_us.wrapping_sub(sent_us);
        if let Some(before) = self.transit_us.replace(transit) {
            let change = transit.wrapping_sub(before).cast_signed().unsigned_abs();
            self.jitter_us += (change as f64 - self.jitter_us) / 16.0;
        }
    }
}
