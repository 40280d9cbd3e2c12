//! Why something asked of discovery was not done.

use model::{DeviceId, Explained};
use store::StoreError;

use crate::edit::Invalid;

/// Why something asked of discovery was not done.
#[derive(Debug, thiserror::Error)]
pub enum DiscoveryError {
    /// There is no such device.
    #[error("there is no device {0}; it may have been merged or forgotten")]
    NotFound(DeviceId),
    /// A MAC address that a device has already.
    #[error("the address {mac} belongs to device {device} already")]
    Taken {
        /// The address.
        mac: model::Mac,
        /// The device that has it.
        device: DeviceId,
    },
    /// A value that cannot be.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The same thing was done a moment ago.
    #[error("{what}; try again in {seconds} s")]
    TooSoon {
        /// What was done.
        what: &'static str,
        /// Seconds to wait.
        seconds: u64,
    },
    /// The device has no address that could be asked.
    #[error("device {0} has no IPv4 or IPv6 address to ask")]
    NoAddress(DeviceId),
    /// Raw sockets cannot be used, or there is no interface to use them on.
    #[error("cannot {attempt}: {why}")]
    Network {
        /// What was attempted.
        attempt: &'static str,
        /// Why it failed and what to do.
        why: String,
    },
    /// The tables refused.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<rusqlite::Error> for DiscoveryError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}

impl DiscoveryError {
    /// The error as a person or a script gets it.
    pub fn explain(&self) -> Explained {
        let code = match self {
            Self::NotFound(_) => "not_found",
            Self::Taken { .. } => "conflict",
            Self::Invalid(_) => "invalid",
            Self::TooSoon { .. } => "too_soon",
            Self::NoAddress(_) => "no_address",
            Self::Network { .. } => "network",
            Self::Store(e) if e.is_full() => "disk_full",
            Self::Store(_) => "storage",
        };
        Explained::new(code, self.to_string())
    }
}
