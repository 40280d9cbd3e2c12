//! Client files of `OpenVPN` (`.ovpn`): what one says, in terms of what a router can be told.
//!
//! Text in, a [`Profile`] out, or every line that stands in its way. What `OpenVPN` would run as a
//! program is refused, what VyOS has no setting for is listed with what it means.

mod lines;
mod pem;
mod read;
mod words;

use std::fmt;

use serde::Serialize;

pub use lines::LARGEST;

/// What stands in the way of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Counted from 1; 0 where it is about the whole.
    pub line: usize,
    /// What is wrong, and what to do.
    pub text: String,
}

/// A file that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.said())]
pub struct ProfileError {
    /// At least one.
    pub problems: Vec<Problem>,
}

impl ProfileError {
    fn said(&self) -> String {
        let said = self.problems.iter().map(|one| match one.line {
            0 => one.text.clone(),
            line => format!("line {line}: {}", one.text),
        });
        said.collect::<Vec<_>>().join("; ")
    }
}

/// What becomes of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Fate {
    /// It becomes a setting of the router.
    Setting,
    /// It is handed to `OpenVPN` as it is (`openvpn-option`).
    Option,
    /// VyOS does so in any case.
    Own,
    /// It is about routes, and taken only if that is wanted.
    Route,
    /// It is left out.
    Left,
}

/// What becomes of a directive, without any secret of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Note {
    /// Counted from 1.
    pub line: usize,
    /// Its name.
    pub directive: String,
    /// What becomes of it.
    pub fate: Fate,
    /// What that means.
    pub text: String,
}

/// How the other end is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Transport {
    /// TCP instead of UDP.
    pub tcp: bool,
    /// 4 or 6, where only one family may be used.
    pub family: Option<u8>,
}

/// What a client file says. Its debug output has no secrets.
#[derive(Clone, PartialEq, Eq, Default)]
#[allow(clippy::struct_excessive_bools)] // settings of a file, not a state
pub struct Profile {
    /// Servers, tried in this order.
    pub hosts: Vec<String>,
    /// Their port; none: 1194.
    pub port: Option<u16>,
    /// How they are reached.
    pub transport: Transport,
    /// A bridge (`tap`) instead of a tunnel.
    pub tap: bool,
    /// Ciphers in VyOS's words, the preferred first; none: `OpenVPN`'s own choice.
    pub ciphers: Vec<&'static str>,
    /// The hash in VyOS's words.
    pub hash: Option<&'static str>,
    /// Certificates of the authorities, base64 of DER.
    pub authorities: Vec<String>,
    /// Lists of revoked certificates, base64 of DER.
    pub revoked: Vec<String>,
    /// The client's certificate, base64 of DER.
    pub certificate: Option<String>,
    /// Its private key, base64 of PKCS #8 (RFC 5958).
    pub(crate) private_key: Option<String>,
    /// The key of `tls-auth`, 512 hexadecimal digits.
    pub(crate) auth_key: Option<String>,
    /// The key of `tls-crypt`, 512 hexadecimal digits.
    pub(crate) crypt_key: Option<String>,
    /// The oldest TLS to speak.
    pub tls_version_min: Option<&'static str>,
    /// Compression by LZO.
    pub lzo: bool,
    /// The interface stays while it connects anew.
    pub persistent: bool,
    /// The server asks for name and password.
    pub asks_login: bool,
    /// The name that stands in the file.
    pub username: Option<String>,
    /// The password that stands in the file.
    pub(crate) password: Option<String>,
    /// Handed to `OpenVPN` as they are.
    pub options: Vec<String>,
    /// The same about routes, for whoever wants them.
    pub routes: Vec<String>,
    /// What becomes of each directive, in the file's order.
    pub notes: Vec<Note>,
}

impl Profile {
    /// Reads a file.
    ///
    /// # Errors
    /// Everything that stands in its way, told together.
    pub fn parse(text: &str) -> Result<Self, ProfileError> {
        read::read(text)
    }

    /// Whether name and password stand in the file.
    pub fn has_login(&self) -> bool {
        self.username.is_some() && self.password.is_some()
    }
}

impl fmt::Debug for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Profile")
            .field("hosts", &self.hosts)
            .field("port", &self.port)
            .field("transport", &self.transport)
            .field("ciphers", &self.ciphers)
            .field("options", &self.options)
            .field("notes", &self.notes)
            .finish_non_exhaustive()
    }
}
