//! One round: every target of every line is asked at the same time.

use std::io;
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

/// What came of it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Outcome {
    /// None where this program may not ask, which says nothing about the line.
    pub(crate) measured: Option<Measured>,
    /// Why a request was refused.
    pub(crate) failure: Option<String>,
}

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
    let mut times = vec![None; pings.into()];
    let socket = match EchoSocket::open(errand.ip, Some(&errand.interface)) {
        Ok(socket) => socket,
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            let failure = "no echo request may be sent: CAP_NET_RAW is missing".to_owned();
            return Outcome { measured: None, failure: Some(failure) };
        }
        // No way to it out of this interface: as good as lost.
        Err(error) => {
            let measured = Some(Measured::new(&times));
            return Outcome { measured, failure: Some(error.to_string()) };
        }
    };
    let interval = QualitySettings::GAP;
    let plan = Plan { count: pings, size: SIZE, interval, patience: PATIENCE };
    let mut run = socket.run(plan);
    let mut failure = None;
    while let Some((number, fate)) = run.next().await {
        match fate {
            Fate::Replied { after, .. } => {
                if let Some(place) = times.get_mut(usize::from(number)) {
                    *place = Some(after);
                }
            }
            Fate::Refused(why) => failure = Some(why),
            Fate::Lost => {}
        }
    }
    Outcome { measured: Some(Measured::new(&times)), failure }
}
