//! One request a connection, HTTP/1.0, so that the answer ends with the connection; for the
//! enrolment and for newer programs.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::config::split_server;
use crate::tls::server_name;

/// The longest wait for a connection with TLS.
pub(crate) const CONNECT: Duration = Duration::from_secs(10);
const HEAD: usize = 16 * 1024;

/// No answer came.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HttpError {
    /// No connection with TLS.
    #[error("no connection to {server}: {source}")]
    Connect {
        /// Address and port.
        server: String,
        /// Why.
        source: io::Error,
    },
    /// The answer is broken off, too long or none.
    #[error("{server} gave no proper answer: {detail}")]
    Answer {
        /// Address and port.
        server: String,
        /// What is wrong.
        detail: String,
    },
}

/// Connects with TLS to an address of the appliance.
pub(crate) async fn connect(
    server: &str,
    config: Arc<ClientConfig>,
) -> Result<TlsStream<TcpStream>, HttpError> {
    let failed = |source| HttpError::Connect { server: server.to_owned(), source };
    let (host, port) =
        split_server(server).ok_or_else(|| failed(io::ErrorKind::InvalidInput.into()))?;
    let name = server_name().ok_or_else(|| failed(io::ErrorKind::InvalidInput.into()))?;
    let attempt = async {
        let stream = TcpStream::connect((host, port)).await?;
        stream.set_nodelay(true)?;
        TlsConnector::from(config).connect(name, stream).await
    };
    timeout(CONNECT, attempt)
        .await
        .unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::TimedOut, "no answer within 10 s")))
        .map_err(failed)
}

/// Sends a request; gives the status and at most `limit` octets of the body.
pub(crate) async fn request(
    server: &str,
    config: Arc<ClientConfig>,
    method: &str,
    path: &str,
    body: &[u8],
    limit: usize,
    within: Duration,
) -> Result<(u16, Vec<u8>), HttpError> {
    let wrong = |detail: String| HttpError::Answer { server: server.to_owned(), detail };
    let mut stream = connect(server, config).await?;
    let head = format!(
        "{method} {path} HTTP/1.0\r\nHost: {}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n",
        wire::SERVER_NAME,
        body.len()
    );
    let talk = async {
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(body).await?;
        stream.flush().await?;
        let mut answer = Vec::new();
        let most = (HEAD + limit + 1) as u64;
        match (&mut stream).take(most).read_to_end(&mut answer).await {
            // Some servers close without the last word of TLS; the length is checked below.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {}
            other => drop(other?),
        }
        Ok::<_, io::Error>(answer)
    };
    let answer = timeout(within, talk)
        .await
        .map_err(|_| wrong(format!("none within {} s", within.as_secs())))?
        .map_err(|error| wrong(error.to_string()))?;
    parse(&answer, limit).map_err(|detail| wrong(detail.to_owned()))
}

fn parse(answer: &[u8], limit: usize) -> Result<(u16, Vec<u8>), &'static str> {
    let end = answer
        .windows(4)
        .take(HEAD)
        .position(|four| four == b"\r\n\r\n")
        .ok_or("it has no end of its head")?;
    let (head, body) = answer.split_at(end + 4);
    let head = std::str::from_utf8(head).map_err(|_| "its head is no text")?;
    let mut lines = head.split("\r\n");
    let status = lines
        .next()
        .and_then(|line| line.strip_prefix("HTTP/1."))
        .and_then(|line| line.get(2..5))
        .and_then(|code| code.parse().ok())
        .ok_or("it is no HTTP")?;
    let mut length = None;
    for line in lines {
        let Some((name, value)) = line.split_once(':') else { continue };
        if name.eq_ignore_ascii_case("content-length") {
            length = Some(value.trim().parse::<usize>().map_err(|_| "its length is no number")?);
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            return Err("it comes in chunks, which were not asked for");
        }
    }
    if body.len() > limit || length.is_some_and(|length| length > limit) {
        return Err("it is too long");
    }
    // Without a length nobody could tell a whole answer from one that was cut.
    let length = length.ok_or("it does not say its length")?;
    let body = body.get(..length).ok_or("it is broken off")?;
    Ok((status, body.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_taken_whole_or_not_at_all() {
        let good = b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc";
        assert_eq!(parse(good, 3), Ok((200, b"abc".to_vec())));
        assert_eq!(parse(good, 2), Err("it is too long"));
        assert_eq!(parse(&good[..good.len() - 1], 3), Err("it is broken off"));
        assert_eq!(parse(b"HTTP/1.1 200 OK\r\n\r\nabc", 3), Err("it does not say its length"));
        assert_eq!(parse(b"SSH-2.0\r\n\r\n", 3), Err("it is no HTTP"));
        assert!(parse(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 3).is_err());
        for cut in 0..20 {
            assert!(parse(&good[..cut], 3).is_err());
        }
    }
}
