//! The first meeting: a token in, an identity out.
//!
//! The token holds the fingerprint of the appliance's CA. Who does not show a certificate with it
//! is not spoken to: neither token nor anything else is sent.

use std::time::Duration;

use wire::enrol::{Enrolled, Refused, Request};
use wire::{Hello, Token, limits};

use crate::http::{self, HttpError};
use crate::identity::{Identity, IdentityError};
use crate::{der, tls};

/// The enrolment did not work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EnrolError {
    /// The server is another one.
    #[error(
        "{server} is not the appliance that made this token: nothing was sent to it.\n  wanted \
         {wanted}\n  saw    {seen}"
    )]
    Stranger {
        /// Address and port.
        server: String,
        /// The fingerprint in the token.
        wanted: String,
        /// Fingerprints that it showed.
        seen: String,
    },
    /// No connection or answer.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The appliance said no.
    #[error("the appliance refuses: {0}")]
    Refused(String),
    /// The answer cannot be used.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// No key could be made.
    #[error(transparent)]
    Key(#[from] der::NoKey),
    /// TLS cannot be set up.
    #[error("TLS cannot be set up: {0}")]
    Tls(rustls::Error),
}

/// Enrols at the first of the servers that can be reached.
pub(crate) async fn enrol(
    servers: &[String],
    token: &Token,
    hello: Hello,
) -> Result<Identity, EnrolError> {
    let fresh = der::fresh_key(wire_name(&hello.host))?;
    let request = Request { token: token.to_string(), csr: fresh.request, hello };
    let body = serde_json::to_vec(&request).unwrap_or_default();
    let mut failed = None;
    for server in servers {
        let (config, seen) = tls::pinned(token.ca).map_err(EnrolError::Tls)?;
        let within = Duration::from_secs(20);
        let asked =
            http::request(server, config, "POST", "/enrol", &body, limits::CERTIFICATE * 3, within);
        match asked.await {
            Ok((200, answer)) => {
                let enrolled: Enrolled =
                    serde_json::from_slice(&answer).map_err(|_| IdentityError::NoCertificate)?;
                // Only the CA that the token names is believed from now on.
                let identity =
                    Identity::new(enrolled.agent, enrolled.ca, fresh.key, enrolled.certificate)?;
                if wire::text::sha256(&identity.credentials()?.ca) != token.ca {
                    return Err(IdentityError::NoCertificate.into());
                }
                return Ok(identity);
            }
            Ok((status, answer)) => {
                let refused =
                    serde_json::from_slice(&answer).unwrap_or(Refused { error: String::new() });
                let why: String =
                    refused.error.chars().filter(|c| !c.is_control()).take(300).collect();
                return Err(EnrolError::Refused(if why.is_empty() {
                    format!("status {status}")
                } else {
                    why
                }));
            }
            Err(error) => {
                let saw = seen.fingerprints();
                let wanted = wire::text::hex(&token.ca);
                if !saw.is_empty() && !saw.contains(&wanted) {
                    let seen = saw.join("\n         ");
                    return Err(EnrolError::Stranger { server: server.clone(), wanted, seen });
                }
                failed = Some(error);
            }
        }
    }
    Err(failed.map_or_else(|| EnrolError::Refused("no server was named".into()), EnrolError::Http))
}

/// The request's common name: the appliance puts the agent's id in its place.
fn wire_name(host: &str) -> &str {
    if host.is_empty() || host.len() > 64 { "host" } else { host }
}
