//! Whether a host takes connections at a TCP port, and how fast it answers.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use serde::Serialize;
use tokio::net::TcpSocket;
use tokio::time::timeout;

use super::target::check_interface;
use super::{Target, Tools};
use crate::SystemError;
use crate::routes::Family;

/// A host that has not answered by then will not.
const PATIENCE: Duration = Duration::from_secs(5);

/// Which port of whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortQuestion {
    /// Whom.
    pub target: Target,
    /// The port, from 1.
    pub port: u16,
    /// By which family, where a name has both.
    pub family: Option<Family>,
    /// Out of this interface.
    pub interface: Option<String>,
}

/// How a port answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", rename_all = "lowercase")]
pub enum PortVerdict {
    /// It takes connections.
    Open,
    /// The host refuses them.
    Closed,
    /// Nothing came back within 5 s: a firewall, or no host.
    Silent,
    /// The kernel or a router says that it cannot be reached.
    Unreachable {
        /// What it said.
        why: String,
    },
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PortAnswer {
    /// Who was asked.
    pub ip: IpAddr,
    /// How the port answers.
    #[serde(flatten)]
    pub verdict: PortVerdict,
    /// After how many ms.
    pub ms: f64,
}

impl Tools {
    /// Connects to a port and closes the connection at once. Ends within 10 s.
    ///
    /// # Errors
    /// Where a value cannot be, the name has no address, or too many tools run.
    pub async fn check_port(&self, question: PortQuestion) -> Result<PortAnswer, SystemError> {
        check_interface(question.interface.as_deref())?;
        if question.port == 0 {
            return Err(SystemError::invalid("port", "give 1 to 65535"));
        }
        let _slot = self.slot()?;
        let ip = question.target.resolve(question.family).await?;
        let socket = if ip.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() };
        let what = || format!("port {} of {ip}", question.port);
        let socket = socket.map_err(SystemError::io("connect to", what()))?;
        if let Some(interface) = &question.interface {
            let bound = socket.bind_device(Some(interface.as_bytes()));
            bound.map_err(SystemError::io("connect out of", interface.clone()))?;
        }
        let began = Instant::now();
        let connect = socket.connect(SocketAddr::new(ip, question.port));
        let verdict = match timeout(PATIENCE, connect).await {
            Err(_) => PortVerdict::Silent,
            Ok(Ok(_)) => PortVerdict::Open,
            Ok(Err(error)) => judge(&error),
        };
        Ok(PortAnswer { ip, verdict, ms: began.elapsed().as_secs_f64() * 1_000.0 })
    }
}

fn judge(error: &io::Error) -> PortVerdict {
    match error.kind() {
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset => PortVerdict::Closed,
        io::ErrorKind::TimedOut => PortVerdict::Silent,
        _ => {
            let words = error.raw_os_error().map(|code| Errno::from_raw(code).desc().to_owned());
            PortVerdict::Unreachable { why: words.unwrap_or_else(|| error.to_string()) }
        }
    }
}
