//! Errors that speak to the person.

use std::fmt;

use serde::Serialize;

/// What failed, on what, and what to do about it. Also the body of an API error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explained {
    /// A stable word for programs, such as `not_found`.
    pub code: &'static str,
    /// What failed, on what, and what to do: one or two sentences.
    pub message: String,
}

impl Explained {
    /// Puts one together.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

impl fmt::Display for Explained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Explained {}
