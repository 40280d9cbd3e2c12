//! One round: every target of every line is asked at the same time.

use std::net::IpAddr;
use std::time::Duration;

use tokio::task::JoinSet;

use super::{Measured, Role};
use crate::icmp::{EchoSocket, Fate, Plan};
use crate::settings::QualitySettings;

/// Bytes of data of a request.
const SIZE: usize = 56;
/// A reply that takes longer counts as lost.
const PATIENCE: Duration = Duration::from_secs(1);

/// Whom to ask, and out of which interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Errand {
    pub(crate) interface: String,
    pub(crate) role: Role,
    pub(crate) ip: IpAddr,
}

/// What came of it: figures, or why nothing could be sent.
pub(crate) type Outcome = Result<Measured, String>;

/// Asks all; ends within the plan's time and [`PATIENCE`].
pub(crate) async fn run(errands: Vec<Errand>, pings: u16) -> Vec<(Errand, Outcome)> {
    let mut asking = JoinSet::new();
    for errand in errands {
        asking.spawn(async move {
            let outcome = ask(&errand, pings).await;
            (errand, outcome)
        });
    }
    asking.join_all().await
}

async fn ask(errand: &Errand, pings: u16) -> Outcome {
    let socket =
        EchoSocket::open(errand.ip, Some(&errand.interface)).map_err(|error| {
            match error.kind() {
                std::io::ErrorKind::PermissionDenied => {
                    "no echo request may be sent: CAP_NET_RAW is missing".to_owned()
                }
                _ => error.to_string(),
            }
        })?;
    let plan =
        Plan { count: pings, size: SIZE, interval: QualitySettings::GAP, patience: PATIENCE };
    let mut times = vec![None; pings.into()];
    let mut run = socket.run(plan);
    while let Some((number, fate)) = run.next().await {
        if let (Fate::Replied { after, .. }, Some(place)) =
            (fate, times.get_mut(usize::from(number)))
        {
            *place = Some(after);
        }
    }
    Ok(Measured::new(&times))
}
