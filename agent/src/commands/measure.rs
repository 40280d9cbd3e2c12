//! Latency and throughput between two agents, or an agent and the router, over a TCP connection of
//! its own. One side listens, which the appliance asks first; the other connects.
//!
//! The connecting side begins with `pnk-measure 1 KIND TOKEN` and a newline. For `latency` it then
//! sends octets one by one and each comes back; for `throughput` it sends zeros for so many seconds,
//! closes its direction, and gets the count as 64 bits big endian. What passes is of no worth to
//! anybody, so it is not encrypted; the token only keeps others from being measured by mistake.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{IpAddr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Failure, Job, ms, ping, resolve};
use crate::config::split_server;

const WAIT: Duration = Duration::from_secs(5);

#[derive(Deserialize)]
pub(super) struct Arguments {
    /// The other side, `router` for the appliance; absent for the side that listens.
    pub(super) to: Option<String>,
    #[serde(default)]
    port: u16,
    #[serde(default = "five")]
    seconds: u32,
    token: String,
}

fn five() -> u32 {
    5
}

impl Arguments {
    pub(super) fn time(&self) -> Duration {
        Duration::from_secs(self.seconds.clamp(1, 30).into())
    }

    /// What the side that connects begins with.
    pub(super) fn greeting(&self, kind: &str) -> Result<String, Failure> {
        let plain = |c: char| c.is_ascii_alphanumeric();
        if !(16..=64).contains(&self.token.len()) || !self.token.chars().all(plain) {
            return Err(Failure::bad("the token has 16 to 64 letters and digits"));
        }
        Ok(format!("pnk-measure 1 {kind} {}\n", self.token))
    }

    /// Where the other side listens; `server` is where the appliance was reached.
    pub(super) fn address(&self, to: &str, server: &str) -> Result<SocketAddr, Failure> {
        let (host, port) = match split_server(to) {
            _ if to == "router" => (split_server(server).map_or("", |(host, _)| host), self.port),
            Some((host, port)) => (host, if self.port == 0 { port } else { self.port }),
            None => return Err(Failure::bad("\"to\" is no address with a port")),
        };
        if port == 0 {
            return Err(Failure::bad("\"port\" is missing"));
        }
        Ok(SocketAddr::new(resolve(host)?, port))
    }
}

pub(super) fn measure(job: &mut Job, server: &str) -> Result<Value, Failure> {
    let arguments: Arguments = job.arguments()?;
    let seconds = arguments.time();
    let kind = job.ask.cmd.clone();
    let greeting = arguments.greeting(&kind)?;
    let Some(to) = &arguments.to else { return listen(job, &kind, &greeting) };
    let address = arguments.address(to, server)?;
    let failed = |why: io::Error| Failure::failed(format!("{address}: {why}"));
    let mut stream = TcpStream::connect_timeout(&address, job.left(WAIT)).map_err(failed)?;
    stream.set_nodelay(true).map_err(failed)?;
    stream.set_read_timeout(Some(WAIT)).map_err(failed)?;
    stream.set_write_timeout(Some(WAIT)).map_err(failed)?;
    stream.write_all(greeting.as_bytes()).map_err(failed)?;
    let began = Instant::now();
    if kind == wire::command::LATENCY {
        let mut times = Vec::new();
        while began.elapsed() < seconds {
            let sent = Instant::now();
            let mut octet = [1];
            stream
                .write_all(&octet)
                .and_then(|()| stream.read_exact(&mut octet))
                .map_err(failed)?;
            times.push(sent.elapsed());
            job.pause(Duration::from_millis(100))?;
        }
        return Ok(ping::summary(&times, times.len() as u32, "tcp", &address.to_string()));
    }
    let zeros = vec![0; 64 * 1024];
    while began.elapsed() < seconds {
        job.go_on()?;
        stream.write_all(&zeros).map_err(failed)?;
    }
    stream.shutdown(Shutdown::Write).map_err(failed)?;
    let mut count = [0; 8];
    stream.read_exact(&mut count).map_err(failed)?;
    let (octets, took) = (u64::from_be_bytes(count), began.elapsed());
    let bps = (octets as f64 * 8.0 / took.as_secs_f64()) as u64;
    Ok(json!({ "to": address.to_string(), "octets": octets, "ms": ms(took), "bits_per_s": bps }))
}

/// Waits for one connection that knows the token.
fn listen(job: &mut Job, kind: &str, greeting: &str) -> Result<Value, Failure> {
    let failed = |why: io::Error| Failure::failed(format!("listening: {why}"));
    let any = SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), 0);
    let listener =
        TcpListener::bind(any).or_else(|_| TcpListener::bind(("0.0.0.0", 0))).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    job.part(json!({ "port": listener.local_addr().map_err(failed)?.port() }))?;
    loop {
        job.pause(Duration::from_millis(20))?;
        let Ok((stream, from)) = listener.accept() else { continue };
        match serve(job, stream, kind, greeting) {
            Ok(Some(count)) => {
                let from = from.ip().to_canonical().to_string();
                return Ok(json!({ "from": from, "octets": count }));
            }
            // A stranger, or it broke off: the right one may still come.
            Ok(None) => {}
            Err(failure) => return Err(failure),
        }
    }
}

fn serve(job: &Job, stream: TcpStream, kind: &str, greeting: &str) -> Result<Option<u64>, Failure> {
    let ready = || -> io::Result<BufReader<TcpStream>> {
        stream.set_nonblocking(false)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(WAIT))?;
        stream.set_write_timeout(Some(WAIT))?;
        let mut reader = BufReader::new(stream.try_clone()?);
        let mut line = String::new();
        (&mut reader).take(greeting.len() as u64).read_line(&mut line)?;
        if line == greeting { Ok(reader) } else { Err(io::ErrorKind::PermissionDenied.into()) }
    };
    let Ok(mut reader) = ready() else { return Ok(None) };
    let echoes = kind == wire::command::LATENCY;
    let (mut octets, mut count) = (vec![0; 64 * 1024], 0_u64);
    loop {
        job.go_on()?;
        let Ok(length) = reader.read(&mut octets) else { return Ok(None) };
        if length == 0 {
            break;
        }
        count += length as u64;
        let back = octets.get(..length).unwrap_or_default();
        if echoes && (&stream).write_all(back).is_err() {
            return Ok(None);
        }
    }
    if !echoes && (&stream).write_all(&count.to_be_bytes()).is_err() {
        return Ok(None);
    }
    Ok(Some(count))
}
