//! Asks the LAN who is there where packet sockets are denied: an empty datagram to every address
//! makes the kernel resolve it, and its neighbour table, which [`super::neighbours`] follows,
//! tells who answered. Slower than [`super::prober`], and each address costs an entry of the
//! kernel's table for some seconds; hence the pace.

use std::io;
use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::prober::{Found, Job, STOP_WITHIN, own_addresses};
use super::{EdgeError, Outcome, neighbours};
use crate::sweep::{Pace, Plan, Step, Sweep};

/// The kernel waits 3 s for each answer and keeps a failed entry for 5 s more: 512 entries at the
/// most, half of what its table holds (`gc_thresh3`).
const PACE: Pace = Pace { rate: 64, passes: 1 };
/// The largest subnet that is asked for this way, which takes 16 s.
pub const LARGEST_PREFIX: u8 = 22;
/// RFC 863: whoever listens there throws it away.
const DISCARD: u16 = 9;
/// So long the last answers may take.
const SETTLE: Duration = Duration::from_millis(500);

/// Asks and waits; takes seconds and blocks. Setting `stop` calls it off. Found is who is
/// reachable to the kernel afterwards, whether it was asked or was speaking with the router
/// anyway. An address that is not on the interface's own networks is passed over, for the datagram
/// would leave by a route.
///
/// # Errors
/// [`EdgeError::Send`] where not one datagram could be sent.
pub fn sweep(job: &Job, stop: &AtomicBool) -> Result<Outcome, EdgeError> {
    let interface = job.segment.index;
    let failed = |source| EdgeError::Send { interface, source };
    let mut sweep = Sweep::new(Plan {
        subnets: job.subnets.clone(),
        own: own_addresses(&job.segment).collect(),
        known: Vec::new(),
        pace: PACE,
        seed: job.seed,
    })?;
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).map_err(failed)?;
    socket.set_nonblocking(true).map_err(failed)?;
    // Old kernels allow this to the privileged only; the addresses are on the link in any case.
    let _ = socket2::SockRef::from(&socket).bind_device(Some(job.segment.name.as_bytes()));
    let began = Instant::now();
    let (mut is_whole, mut sent, mut refusal) = (false, 0_u32, None::<io::Error>);
    while !stop.load(Ordering::Relaxed) {
        let now = Instant::now();
        match sweep.poll(now) {
            Step::Send(probe) if !job.segment.is_on_link(probe.ip.into()) => {}
            Step::Send(probe) => match socket.send_to(&[], (probe.ip, DISCARD)) {
                Ok(_) => sent += 1,
                Err(error) => refusal = Some(error),
            },
            Step::Wait(until) => {
                thread::sleep(until.saturating_duration_since(now).min(STOP_WITHIN));
            }
            Step::Done => {
                is_whole = true;
                break;
            }
        }
    }
    if let Some(refusal) = refusal.filter(|_| sent == 0) {
        return Err(failed(refusal));
    }
    thread::sleep(SETTLE);
    let table = neighbours::table()
        .map_err(|source| EdgeError::Netlink { what: "reading the neighbour table", source })?;
    let reachable = table
        .into_iter()
        .filter(|n| n.interface == interface && n.state == super::NeighbourState::Reachable);
    let found = reachable
        .filter_map(|n| match n.ip {
            IpAddr::V4(ip) => Some(Found { ip, mac: n.mac? }),
            IpAddr::V6(_) => None,
        })
        .collect();
    Ok(Outcome { found, progress: sweep.progress(), took: began.elapsed(), is_whole })
}
