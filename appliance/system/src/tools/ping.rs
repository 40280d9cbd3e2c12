//! Echo requests to a host, each reply told as it comes.

use std::net::IpAddr;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::mpsc::Sender;

use super::target::{check_interface, check_range};
use super::{Target, Tools, Updates};
use crate::SystemError;
use crate::icmp::{EchoSocket, Fate, LONGEST, Plan};
use crate::quality::Measured;
use crate::routes::Family;

/// A reply that takes longer counts as lost.
const PATIENCE: Duration = Duration::from_secs(2);

/// Whom to ping and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PingRequest {
    /// Whom.
    pub target: Target,
    /// By which family, where a name has both.
    pub family: Option<Family>,
    /// How many requests, 1 to 100.
    pub count: u16,
    /// Bytes of data of each, 0 to 1472.
    pub size: usize,
    /// Milliseconds from one to the next, 200 to 10000.
    pub interval_ms: u64,
    /// Out of this interface.
    pub interface: Option<String>,
}

impl PingRequest {
    /// As ping(8) does without options, four times.
    pub const fn new(target: Target) -> Self {
        Self { target, family: None, count: 4, size: 56, interval_ms: 1_000, interface: None }
    }
}

/// What happens while pinging. Requests are numbered from 0.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "what", rename_all = "lowercase")]
pub enum PingUpdate {
    /// The target's address is known.
    Begun {
        /// The address.
        ip: IpAddr,
    },
    /// A reply came.
    Reply {
        /// The request's number.
        number: u16,
        /// Round-trip time in ms.
        ms: f64,
        /// Bytes of data.
        size: usize,
        /// Hops that the reply could still have made, where the kernel tells.
        ttl: Option<u8>,
    },
    /// No reply came within 2 s.
    Lost {
        /// The request's number.
        number: u16,
    },
    /// It could not be sent or delivered.
    Refused {
        /// The request's number.
        number: u16,
        /// What the kernel or a router said.
        why: String,
    },
    /// All are done.
    Ended {
        /// The figures of all.
        measured: Measured,
    },
    /// It could not be begun.
    Failed {
        /// Why.
        why: String,
    },
}

impl Tools {
    /// Pings a host.
    ///
    /// # Errors
    /// Where a value is out of range or too many tools run. What fails later is told as
    /// [`PingUpdate::Failed`].
    pub fn ping(&self, request: PingRequest) -> Result<Updates<PingUpdate>, SystemError> {
        check_range("count", request.count, 1, 100)?;
        check_range("size", request.size, 0, LONGEST)?;
        check_range("interval_ms", request.interval_ms, 200, 10_000)?;
        check_interface(request.interface.as_deref())?;
        let slot = self.slot()?;
        let sending = Duration::from_millis(request.interval_ms) * u32::from(request.count);
        let limit = sending + Duration::from_secs(10);
        Ok(Self::start(slot, limit, move |updates| async move {
            if let Err(error) = ping(&request, &updates).await {
                let _ = updates.send(PingUpdate::Failed { why: error.to_string() }).await;
            }
        }))
    }
}

async fn ping(request: &PingRequest, updates: &Sender<PingUpdate>) -> Result<(), SystemError> {
    let ip = request.target.resolve(request.family).await?;
    let socket = EchoSocket::open(ip, request.interface.as_deref())
        .map_err(SystemError::io("ping", ip.to_string()))?;
    let _ = updates.send(PingUpdate::Begun { ip }).await;
    let plan = Plan {
        count: request.count,
        size: request.size,
        interval: Duration::from_millis(request.interval_ms),
        patience: PATIENCE,
    };
    let mut times = vec![None; request.count.into()];
    let mut run = socket.run(plan);
    while let Some((number, fate)) = run.next().await {
        let update = match fate {
            Fate::Replied { after, size, ttl } => {
                if let Some(place) = times.get_mut(usize::from(number)) {
                    *place = Some(after);
                }
                PingUpdate::Reply { number, ms: after.as_secs_f64() * 1_000.0, size, ttl }
            }
            Fate::Lost => PingUpdate::Lost { number },
            Fate::Refused(why) => PingUpdate::Refused { number, why },
        };
        if updates.send(update).await.is_err() {
            return Ok(());
        }
    }
    let _ = updates.send(PingUpdate::Ended { measured: Measured::new(&times) }).await;
    Ok(())
}
