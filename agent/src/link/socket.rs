//! The edge of the link: a WebSocket over TLS 1.3 with this host's certificate.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use rustls::ClientConfig;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use wire::limits;

use super::session::Out;
use crate::der::base64;
use crate::http::{self, HttpError};

/// A peer that takes nothing for so long is gone.
const SEND: Duration = Duration::from_secs(15);

/// The link could not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DialError {
    /// No connection with TLS.
    #[error(transparent)]
    Connect(#[from] HttpError),
    /// No WebSocket.
    #[error("{server} makes no link: {why}")]
    Upgrade {
        /// Address and port.
        server: String,
        /// Why.
        why: String,
    },
}

/// What came.
pub(crate) enum Came {
    /// A text frame.
    Text(String),
    /// Anything else that shows that the peer lives.
    Life,
    /// The end, with a code if the peer gave one.
    End(Option<u16>, String),
}

/// An open link.
pub(crate) struct Socket(WebSocketStream<TlsStream<TcpStream>>);

impl Socket {
    /// Dials one address.
    pub(crate) async fn dial(server: String, tls: Arc<ClientConfig>) -> Result<Self, DialError> {
        let stream = http::connect(&server, tls).await?;
        let failed = |why: &str| DialError::Upgrade { server: server.clone(), why: why.to_owned() };
        let config = WebSocketConfig::default()
            .read_buffer_size(4096)
            .write_buffer_size(0)
            .max_write_buffer_size(4 << 20)
            .max_message_size(Some(limits::TEXT))
            .max_frame_size(Some(limits::TEXT));
        match timeout(http::CONNECT, upgrade(stream)).await {
            Ok(Ok((stream, rest))) => {
                let (role, config) = (Role::Client, Some(config));
                Ok(Self(WebSocketStream::from_partially_read(stream, rest, role, config).await))
            }
            Ok(Err(why)) => Err(failed(&why)),
            Err(_) => Err(failed("no answer within 10 s")),
        }
    }

    /// Waits for what comes.
    pub(crate) async fn next(&mut self) -> Came {
        match self.0.next().await {
            Some(Ok(Message::Text(text))) => Came::Text(text.as_str().to_owned()),
            Some(Ok(Message::Close(Some(frame)))) => {
                Came::End(Some(frame.code.into()), frame.reason.as_str().to_owned())
            }
            Some(Ok(Message::Close(None))) | None => Came::End(None, "closed".into()),
            Some(Ok(_)) => Came::Life,
            Some(Err(error)) => Came::End(None, error.to_string()),
        }
    }

    /// Sends what is a frame.
    pub(crate) async fn send(&mut self, out: Out) -> Result<(), String> {
        let message = match out {
            Out::Text(text) => Message::Text(text.into()),
            Out::Binary(octets) => Message::Binary(octets.into()),
            Out::Ping => Message::Ping(Vec::new().into()),
            _ => return Ok(()),
        };
        match timeout(SEND, self.0.send(message)).await {
            Ok(outcome) => outcome.map_err(|error| error.to_string()),
            Err(_) => Err("the appliance takes nothing any more".into()),
        }
    }

    /// Says why and ends it.
    pub(crate) async fn close(mut self, code: u16, why: &str) {
        // RFC 6455, 5.5: a control frame has at most 125 octets.
        let reason: String = why.chars().filter(char::is_ascii).take(100).collect();
        let frame = CloseFrame { code: CloseCode::from(code), reason: reason.into() };
        let _ = timeout(Duration::from_secs(2), self.0.close(Some(frame))).await;
    }
}

/// What is hashed behind the key (RFC 6455, 1.3).
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const HEAD: usize = 8 * 1024;

/// Asks for a WebSocket and checks the answer (RFC 6455, 4.1); gives what came behind it, too.
async fn upgrade(
    mut stream: TlsStream<TcpStream>,
) -> Result<(TlsStream<TcpStream>, Vec<u8>), String> {
    let mut nonce = [0; 16];
    getrandom::fill(&mut nonce).map_err(|error| error.to_string())?;
    let key = base64(&nonce);
    let request = format!(
        "GET /link HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\
         Sec-WebSocket-Protocol: {}\r\n\r\n",
        wire::SERVER_NAME,
        wire::SUBPROTOCOL
    );
    let talk = async {
        stream.write_all(request.as_bytes()).await?;
        stream.flush().await?;
        let mut answer = Vec::new();
        loop {
            if let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") {
                let rest = answer.split_off(end + 4);
                return Ok((answer, rest));
            }
            if answer.len() > HEAD || stream.read_buf(&mut answer).await? == 0 {
                return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof));
            }
        }
    };
    let (head, rest) = talk.await.map_err(|error: std::io::Error| error.to_string())?;
    accepted(&String::from_utf8_lossy(&head), &key)?;
    Ok((stream, rest))
}

fn accepted(head: &str, key: &str) -> Result<(), String> {
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap_or_default();
    if status.split(' ').nth(1) != Some("101") {
        let status: String = status.chars().filter(|c| !c.is_control()).take(100).collect();
        return Err(format!("it answers {status:?}"));
    }
    let fields: Vec<(&str, &str)> = lines.filter_map(|line| line.split_once(':')).collect();
    let field = |name: &str| {
        let found = fields.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.trim()).unwrap_or_default()
    };
    let sum = aead::digest::digest(
        &aead::digest::SHA1_FOR_LEGACY_USE_ONLY,
        format!("{key}{GUID}").as_bytes(),
    );
    if !field("upgrade").eq_ignore_ascii_case("websocket")
        || !field("connection").to_ascii_lowercase().contains("upgrade")
        || field("sec-websocket-accept") != base64(sum.as_ref())
        || field("sec-websocket-protocol") != wire::SUBPROTOCOL
    {
        return Err("its answer is no handshake of this protocol".into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_answer_to_the_key_makes_a_link() {
        // The example of RFC 6455, 1.3.
        let key = "dGhlIHNhbXBsZSBub25jZQ==";
        let good = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
                    Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
                    Sec-WebSocket-Protocol: panoptikon.agent.1\r\n\r\n";
        assert_eq!(accepted(good, key), Ok(()));
        assert!(accepted(good, "AAAAAAAAAAAAAAAAAAAAAA==").is_err());
        assert!(accepted(&good.replace("agent.1", "agent.2"), key).is_err());
        let other = good.replace("101 Switching Protocols", "403 Forbidden");
        assert_eq!(accepted(&other, key), Err("it answers \"HTTP/1.1 403 Forbidden\"".into()));
    }
}
