//! The edge of the link: a WebSocket over TLS 1.3 with this host's certificate.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use rustls::ClientConfig;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};
use wire::limits;

use super::session::Out;
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
    #[error("{server} makes no link: {source}")]
    Upgrade {
        /// Address and port.
        server: String,
        /// Why.
        source: Box<Error>,
    },
    /// No answer.
    #[error("{0} does not answer the request for a link")]
    Late(String),
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
        let failed =
            |source: Error| DialError::Upgrade { server: server.clone(), source: Box::new(source) };
        let mut request =
            format!("wss://{}/link", wire::SERVER_NAME).into_client_request().map_err(failed)?;
        request
            .headers_mut()
            .insert("Sec-WebSocket-Protocol", HeaderValue::from_static(wire::SUBPROTOCOL));
        let config = WebSocketConfig::default()
            .read_buffer_size(4096)
            .write_buffer_size(0)
            .max_write_buffer_size(4 << 20)
            .max_message_size(Some(limits::TEXT))
            .max_frame_size(Some(limits::TEXT));
        let upgrade = tokio_tungstenite::client_async_with_config(request, stream, Some(config));
        match timeout(http::CONNECT, upgrade).await {
            Ok(Ok((socket, _))) => Ok(Self(socket)),
            Ok(Err(source)) => Err(failed(source)),
            Err(_) => Err(DialError::Late(server)),
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
