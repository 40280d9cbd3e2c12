//! The word that lets a host enrol once: `pa1.<id>.<secret>.<SHA-256 of the CA's certificate>`.
//!
//! It holds what the host needs to know the appliance, so that nothing has to be believed. Its
//! secret stands neither in `Debug` nor in errors.

use std::fmt;
use std::str::FromStr;

use crate::text;

const PREFIX: &str = "pa1";

/// A token; [`Token::to_string`] is the whole with its secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    /// What the appliance finds it by; no secret.
    pub id: [u8; 5],
    /// What proves it.
    pub secret: [u8; 16],
    /// SHA-256 of the DER of the certificate of the appliance's CA for agents.
    pub ca: [u8; 32],
}

impl Token {
    /// The id as it stands in the token and in the appliance's table: 8 letters.
    pub fn id_text(&self) -> String {
        text::base32(&self.id)
    }

    /// What the appliance keeps of the secret. Compare it in constant time.
    pub fn secret_hash(&self) -> [u8; 32] {
        text::sha256(&self.secret)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Token({})", self.id_text())
    }
}

impl fmt::Display for Token {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "{PREFIX}.{}.{}.{}",
            text::base32(&self.id),
            text::base32(&self.secret),
            text::base64_url(&self.ca)
        )
    }
}

/// What is wrong with a token; never what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It is of another form.
    #[error("this is no token: one begins with \"pa1.\" and has four parts with dots between")]
    Form,
    /// One part is damaged.
    #[error("the token's {0} is damaged: copy the whole line again")]
    Part(&'static str),
}

impl FromStr for Token {
    type Err = TokenError;

    fn from_str(text: &str) -> Result<Self, TokenError> {
        let mut parts = text.trim().split('.');
        let (Some(PREFIX), Some(id), Some(secret), Some(ca), None) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(TokenError::Form);
        };
        Ok(Self {
            id: text::from_base32(id).ok_or(TokenError::Part("first part"))?,
            secret: text::from_base32(secret).ok_or(TokenError::Part("second part"))?,
            ca: text::from_base64_url(ca).ok_or(TokenError::Part("last part"))?,
        })
    }
}
