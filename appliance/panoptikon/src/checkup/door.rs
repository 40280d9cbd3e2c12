//! Knocks at the front door: `GET /health` over TLS, at the address it listens at.
//!
//! Any certificate will do. The question is whether somebody serves there, not who.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConnection, Stream};
use serde_json::Value;

/// Far more than the answer has.
const LARGEST_ANSWER: u64 = 16 * 1024;

/// Why the front door counts as shut.
#[derive(Debug, thiserror::Error)]
pub enum DoorError {
    /// It listens nowhere.
    #[error("no address to listen at is configured")]
    Nowhere,
    /// Nobody is there, or nobody speaks TLS.
    #[error("https://{at}/health does not answer: {source}")]
    Silent {
        /// The address.
        at: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// Somebody else, or the appliance in trouble.
    #[error("https://{at}/health answers something else than the appliance does: {line}")]
    Strange {
        /// The address.
        at: SocketAddr,
        /// The first line of the answer.
        line: String,
    },
}

/// Asks at the first address.
pub(super) fn knock(listen: &[SocketAddr], limit: Duration) -> Result<(), DoorError> {
    let at = listen.first().copied().map(nearest).ok_or(DoorError::Nowhere)?;
    let answer = exchange(at, limit).map_err(|source| DoorError::Silent { at, source })?;
    if is_ours(&answer) {
        return Ok(());
    }
    let line = answer.lines().next().unwrap_or_default();
    let line = line.chars().filter(|c| !c.is_control()).take(80).collect();
    Err(DoorError::Strange { at, line })
}

/// Where to reach what listens at an address: at loopback if it listens everywhere.
fn nearest(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

fn exchange(at: SocketAddr, limit: Duration) -> std::io::Result<String> {
    let mut tcp = TcpStream::connect_timeout(&at, limit)?;
    tcp.set_read_timeout(Some(limit))?;
    tcp.set_write_timeout(Some(limit))?;
    let name = ServerName::from(at.ip());
    let mut tls = ClientConnection::new(vyos::client::any_certificate(), name)
        .map_err(std::io::Error::other)?;
    let mut stream = Stream::new(&mut tls, &mut tcp);
    write!(stream, "GET /health HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    match stream.take(LARGEST_ANSWER).read_to_end(&mut answer) {
        // Some servers hang up without a good-bye.
        Err(error) if answer.is_empty() => Err(error),
        _ => Ok(String::from_utf8_lossy(&answer).into_owned()),
    }
}

fn is_ours(answer: &str) -> bool {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((answer, ""));
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    head.starts_with("HTTP/1.1 200 ") && body["status"].is_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_listens_everywhere_is_asked_on_loopback() {
        for (listen, asked) in [
            ("0.0.0.0:8443", "127.0.0.1:8443"),
            ("[::]:8443", "[::1]:8443"),
            ("192.0.2.1:443", "192.0.2.1:443"),
        ] {
            assert_eq!(nearest(listen.parse().expect("good")), asked.parse().expect("good"));
        }
    }

    #[test]
    fn only_the_appliances_own_answer_counts() {
        assert!(is_ours("HTTP/1.1 200 OK\r\na: b\r\n\r\n{\"status\":\"degraded\"}"));
        for other in [
            "",
            "HTTP/1.1 200 OK\r\n\r\n<html>",
            "HTTP/1.1 503 Service Unavailable\r\n\r\n{\"status\":\"ok\"}",
            "HTTP/1.1 200 OK\r\n\r\n{}",
        ] {
            assert!(!is_ours(other), "{other}");
        }
    }

    #[test]
    fn a_door_that_nobody_opens_is_named() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let at = listener.local_addr().expect("its address");
        drop(listener);
        let error = knock(&[at], Duration::from_secs(1)).expect_err("nobody is there");
        assert!(error.to_string().starts_with(&format!("https://{at}/health")), "{error}");
        assert!(matches!(knock(&[], Duration::from_secs(1)), Err(DoorError::Nowhere)));
    }
}
