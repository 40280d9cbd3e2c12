//! Why something asked of the agents' room was not done.

use access::AccessError;
use model::Explained;
use store::StoreError;

use crate::AgentId;
use crate::authority::AuthorityError;
use crate::host::Invalid;

/// Why something asked of the agents' room was not done.
#[derive(Debug, thiserror::Error)]
pub enum AgentsError {
    /// There is no such host.
    #[error("there is no host {0}; it may have been deleted")]
    NotFound(AgentId),
    /// There is no such token.
    #[error("there is no token {0} that could still be used")]
    NoToken(String),
    /// Its agent is not connected.
    #[error("{0} is offline; it can be asked when its agent is connected")]
    Offline(String),
    /// A host that is revoked is not asked or changed.
    #[error("{0} is revoked; enrol it again first")]
    Revoked(String),
    /// The host does not allow this.
    #[error("{host} does not allow `{command}`; `allow` in its agent.toml says what it does")]
    NotAllowed {
        /// The host.
        host: String,
        /// What was asked.
        command: &'static str,
    },
    /// Too much is under way.
    #[error("{0} is busy with what it was asked before; try again in a moment")]
    Busy(String),
    /// One measurement at a time.
    #[error("another measurement is under way, and both would spoil each other; try again later")]
    Measuring,
    /// The host could not do it.
    #[error("{host}: {say}")]
    Failed {
        /// The host.
        host: String,
        /// A word for programs.
        code: String,
        /// A sentence for people.
        say: String,
    },
    /// As many hosts as there may be.
    #[error("there are {0} hosts already, as many as there may be; delete some first")]
    TooMany(usize),
    /// A value that cannot be.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The caller may not do this.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// No certificate could be made.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// There are no random numbers.
    #[error("the kernel gave no random numbers: {0}")]
    Random(String),
    /// A port cannot be listened at.
    #[error(
        "cannot listen for agents at {address}: {source}. Another program may have the port; agents_listen says where else"
    )]
    Listen {
        /// Where.
        address: std::net::SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// TLS cannot be set up.
    #[error("cannot set up TLS for agents: {0}")]
    Tls(String),
    /// The tables refused.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<rusqlite::Error> for AgentsError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}

impl AgentsError {
    /// The error as a person or a script gets it.
    pub fn explain(&self) -> Explained {
        let code = match self {
            Self::NotFound(_) | Self::NoToken(_) => "not_found",
            Self::Offline(_) => "offline",
            Self::Revoked(_) | Self::TooMany(_) => "conflict",
            Self::NotAllowed { .. } => "not_allowed",
            Self::Busy(_) | Self::Measuring => "busy",
            Self::Failed { .. } => "host_failed",
            Self::Invalid(_) => "invalid",
            Self::Access(error) => return error.explain(),
            Self::Authority(_) | Self::Random(_) | Self::Tls(_) => "internal",
            Self::Listen { .. } => "network",
            Self::Store(e) if e.is_full() => "disk_full",
            Self::Store(_) => "storage",
        };
        Explained::new(code, self.to_string())
    }
}
