//! What `POST /enrol` carries.

use serde::{Deserialize, Serialize};

use crate::Hello;

/// What a host asks with. The token stands here only, so no `Debug`.
#[derive(Serialize, Deserialize)]
pub struct Request {
    /// The token as it was given.
    pub token: String,
    /// The certificate request in PEM (PKCS #10, RFC 2986), P-256.
    pub csr: String,
    /// Who asks.
    #[serde(default)]
    pub hello: Hello,
}

/// What the appliance answers with 200.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Enrolled {
    /// The agent's id, 16 hexadecimal digits.
    pub agent: String,
    /// The certificate chain in PEM, the agent's own first.
    pub certificate: String,
    /// The CA's certificate in PEM.
    pub ca: String,
}

/// What the appliance answers with any other status.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Refused {
    /// Why, for a person.
    #[serde(default)]
    pub error: String,
}
