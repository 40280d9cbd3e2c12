//! How bad something is, on one scale for all sources.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Five levels are stored; pages group them into three colours by [`Severity::tone`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing, nothing to do.
    Info,
    /// Look when there is time.
    Low,
    /// Look today.
    Medium,
    /// Look now.
    High,
    /// Something is broken or being broken.
    Critical,
}

impl Severity {
    /// All levels, mildest first.
    pub const ALL: [Self; 5] = [Self::Info, Self::Low, Self::Medium, Self::High, Self::Critical];

    /// The stored and displayed word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// The three groups in which pages show severities: `info`, `warn` or `bad`.
    pub const fn tone(self) -> &'static str {
        match self {
            Self::Info | Self::Low => "info",
            Self::Medium => "warn",
            Self::High | Self::Critical => "bad",
        }
    }

    /// The number kept in databases, 0 (info) to 4 (critical).
    pub const fn as_level(self) -> u8 {
        self as u8
    }

    /// The inverse of [`Severity::as_level`]; anything above 4 is critical.
    pub const fn from_level(level: u8) -> Self {
        match level {
            0 => Self::Info,
            1 => Self::Low,
            2 => Self::Medium,
            3 => Self::High,
            _ => Self::Critical,
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The text names no severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParseSeverityError;

impl fmt::Display for ParseSeverityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a severity: give info, low, medium, high or critical")
    }
}

impl std::error::Error for ParseSeverityError {}

impl FromStr for Severity {
    type Err = ParseSeverityError;

    fn from_str(text: &str) -> Result<Self, ParseSeverityError> {
        Self::ALL.into_iter().find(|s| s.as_str() == text).ok_or(ParseSeverityError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_severity_survives_text_and_level() {
        for severity in Severity::ALL {
            assert_eq!(severity.as_str().parse(), Ok(severity));
            assert_eq!(Severity::from_level(severity.as_level()), severity);
        }
        assert!("urgent".parse::<Severity>().is_err());
    }
}
