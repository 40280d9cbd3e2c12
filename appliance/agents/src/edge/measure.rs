//! The router as one end of a measurement: it takes what a host pours into the agents' door, and
//! pours and drips to hosts itself. `docs/agent-protocol.md` says what passes.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::{Instant, sleep_until, timeout};

use super::Guest;
use crate::counts::Counts;

/// How long one step may take.
const WAIT: Duration = Duration::from_secs(5);
/// No measurement takes longer.
const LONGEST: Duration = Duration::from_secs(40);
const PIECE: usize = 64 * 1024;
const HEAD: &str = "pnk-measure 1 ";
/// The longest first line: words and a token of 64.
const LONGEST_LINE: usize = 128;
/// Datagrams, as the protocol has them.
const EVERY: Duration = Duration::from_millis(20);
const DATAGRAM: usize = 172;

/// Whether this connection is one of a measurement, which begins otherwise than TLS. Asked only
/// while one is awaited.
pub(super) async fn is_one(stream: &TcpStream) -> bool {
    let mut first = [0];
    let peeked = timeout(WAIT, stream.peek(&mut first)).await;
    matches!(peeked, Ok(Ok(1))) && HEAD.as_bytes().starts_with(&first)
}

/// Takes what a host pours, if it knows a token that somebody waits for.
pub(super) async fn take(stream: TcpStream, guest: &Guest) {
    let poured = timeout(LONGEST, swallow(stream, guest)).await;
    if !matches!(poured, Ok(Ok(()))) {
        Counts::add(&guest.agents.0.counts.refused, 1);
        tracing::debug!(address = %guest.address, "a measurement broke off");
    }
}

async fn swallow(mut stream: TcpStream, guest: &Guest) -> io::Result<()> {
    let mut opening = [0; LONGEST_LINE];
    let (line, held) = within(first_line(&mut stream, &mut opening)).await?;
    let words = std::str::from_utf8(opening.get(..line).unwrap_or_default()).unwrap_or_default();
    let token = words.strip_prefix(HEAD).and_then(|rest| rest.strip_prefix("throughput "));
    let sink = token.and_then(|token| guest.agents.0.mesh.take_sink(token));
    let sink = sink.ok_or(ErrorKind::PermissionDenied)?;
    // Who is not awaited costs no more than a line.
    let mut piece = vec![0; PIECE];
    let began = Instant::now();
    let mut octets = held.saturating_sub(line + 1) as u64;
    loop {
        match within(stream.read(&mut piece)).await? {
            0 => break,
            length => octets += length as u64,
        }
    }
    let took = began.elapsed();
    within(stream.write_all(&octets.to_be_bytes())).await?;
    // Who waited may have gone.
    let _ = sink.send((octets, took));
    Ok(())
}

/// Reads until a line ends; how long it is, and how many octets were read.
async fn first_line(
    stream: &mut TcpStream,
    opening: &mut [u8; LONGEST_LINE],
) -> io::Result<(usize, usize)> {
    let mut held = 0;
    loop {
        let room = opening.get_mut(held..).unwrap_or_default();
        let length = stream.read(room).await?;
        held += length;
        let so_far = opening.get(..held).unwrap_or_default();
        match so_far.iter().position(|octet| *octet == b'\n') {
            Some(end) => return Ok((end, held)),
            None if length == 0 => return Err(ErrorKind::InvalidData.into()),
            None => {}
        }
    }
}

async fn within<T>(step: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    timeout(WAIT, step).await.unwrap_or_else(|_| Err(ErrorKind::TimedOut.into()))
}

/// Sends zeros to a host that listens; octets that arrived, and in which time.
pub(crate) async fn pour(
    to: SocketAddr,
    token: &str,
    time: Duration,
) -> io::Result<(u64, Duration)> {
    let mut stream = within(TcpStream::connect(to)).await?;
    stream.set_nodelay(true)?;
    within(stream.write_all(format!("{HEAD}throughput {token}\n").as_bytes())).await?;
    let zeros = vec![0; PIECE];
    let began = Instant::now();
    while began.elapsed() < time {
        within(stream.write_all(&zeros)).await?;
    }
    within(stream.shutdown()).await?;
    let mut count = [0; 8];
    within(stream.read_exact(&mut count)).await?;
    Ok((u64::from_be_bytes(count), began.elapsed()))
}

/// Sends datagrams to a host that listens; how many.
pub(crate) async fn drip(to: SocketAddr, token: &str, time: Duration) -> io::Result<u64> {
    let any: IpAddr =
        if to.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).await?;
    socket.connect(to).await?;
    let datagram = |number: u32, clock: Duration| {
        let mut octets = format!("{HEAD}jitter {token}\n").into_bytes();
        octets.extend(number.to_be_bytes());
        octets.extend((clock.as_micros() as u64).to_be_bytes());
        octets.resize(octets.len().max(DATAGRAM), 0);
        octets
    };
    let began = Instant::now();
    let mut sent = 0;
    while began.elapsed() < time {
        socket.send(&datagram(sent, began.elapsed())).await?;
        sent += 1;
        sleep_until(began + EVERY * sent).await;
    }
    for _ in 0..3 {
        tokio::time::sleep(EVERY).await;
        // Who has heard the first one listens no more.
        let _ = socket.send(&datagram(u32::MAX, began.elapsed())).await;
    }
    Ok(sent.into())
}
