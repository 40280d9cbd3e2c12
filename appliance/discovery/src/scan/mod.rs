//! Port scans on demand: which ports of a device are open, and what is behind them.
//!
//! In: a device. Out: a [`PortScan`], kept in the tables, and an event. Only addresses that the
//! device has now, on the link of an interface of ours, are ever asked.

mod connect;
mod tables;
#[cfg(test)]
mod tests;
mod udp;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use model::{DeviceId, NewEvent, Severity, Timestamp};
use nix::errno::Errno;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{StoreError, Writing};

use crate::device::{Address, Device};
use crate::discovery::Discovery;
use crate::error::DiscoveryError;
use crate::ports::{self, PortInfo, Risk, Transport};
use crate::segment::Segment;
use connect::{Answer, Target};

/// A device is not scanned again within this time.
const AGAIN_AFTER: Duration = Duration::from_secs(60);
/// Devices scanned at the same time.
const AT_ONCE: usize = 2;
/// What to wait for when others are being scanned: a scan takes some four seconds.
const A_SCAN: u64 = 5;

/// The scans under way, of all handles: whose, and of which device.
static RUNNING: Mutex<BTreeSet<(usize, DeviceId)>> = Mutex::new(BTreeSet::new());

/// The outcome of a scan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PortScan {
    /// The device.
    pub device: DeviceId,
    /// When it began.
    pub at: Timestamp,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// The address that was asked.
    pub ip: IpAddr,
    /// How many ports were asked.
    pub asked: u32,
    /// How many of them refused.
    pub closed: u32,
    /// How many of them did not answer.
    pub silent: u32,
    /// The open ones, and those that were open the time before, by number.
    pub ports: Vec<PortFinding>,
}

/// A port that is open, or was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortFinding {
    /// Its number.
    pub port: u16,
    /// TCP or UDP.
    pub protocol: Transport,
    /// How it answers now.
    pub state: PortState,
    /// The service behind it, such as `ssh`.
    pub service: String,
    /// Program and version, as it says itself.
    pub version: Option<String>,
    /// How bad it is that it is open.
    #[serde(default)]
    pub risk: Risk,
    /// Why, in a sentence; empty where it is no risk.
    #[serde(default)]
    pub why: String,
}

/// How a port answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PortState {
    /// It takes connections, or answers datagrams.
    Open,
    /// It refuses them.
    Closed,
    /// It does not answer.
    Filtered,
}

impl PortScan {
    /// The ports that are open.
    pub fn open(&self) -> impl Iterator<Item = &PortFinding> {
        self.ports.iter().filter(|p| p.state == PortState::Open)
    }

    fn open_keys(&self) -> BTreeSet<(u16, Transport)> {
        self.open().map(|p| (p.port, p.protocol)).collect()
    }
}

impl Discovery {
    /// Asks a device's ports, which takes some seconds; goes on to its end even where nobody waits.
    /// `also` runs in the transaction that stores the result, for the audit.
    ///
    /// # Errors
    /// [`DiscoveryError::TooSoon`] within a minute of the last scan and while two others are under
    /// way, [`DiscoveryError::NoAddress`] where the device has no address on a link of ours,
    /// [`DiscoveryError::Network`] where the router itself cannot ask.
    pub async fn scan_ports(
        &self,
        id: DeviceId,
        now: Timestamp,
        also: impl FnOnce(&mut Writing<'_>) -> Result<(), StoreError> + Send + 'static,
    ) -> Result<PortScan, DiscoveryError> {
        let device = self.get(id).ok_or(DiscoveryError::NotFound(id))?;
        let target = target(&device, &self.segments()).ok_or(DiscoveryError::NoAddress(id))?;
        let running = Running::begin(self, id)?;
        let last = self.port_scan(id).await?;
        if let Some(last) = &last
            && last.at <= now
            && now.since(last.at) < AGAIN_AFTER
        {
            let left = AGAIN_AFTER.saturating_sub(now.since(last.at));
            return Err(DiscoveryError::TooSoon {
                what: "the ports of this device were scanned less than a minute ago",
                seconds: left.as_secs().max(1),
            });
        }
        let discovery = self.clone();
        let work = tokio::spawn(async move {
            let _running = running;
            let scan = scan(id, now, &target, last.as_ref()).await?;
            discovery.keep(&device, scan, last, also).await
        });
        work.await.map_err(|error| failed(&error.to_string()))?
    }

    /// The last scan of a device's ports.
    pub async fn port_scan(&self, id: DeviceId) -> Result<Option<PortScan>, DiscoveryError> {
        let last = move |r: &mut store::Reading| tables::last(r.main(), id);
        Ok(self.inner.store.read(last).await?)
    }

    async fn keep(
        &self,
        device: &Device,
        scan: PortScan,
        last: Option<PortScan>,
        also: impl FnOnce(&mut Writing<'_>) -> Result<(), StoreError> + Send + 'static,
    ) -> Result<PortScan, DiscoveryError> {
        let event = event(device, &scan, last.as_ref());
        let events = self.inner.events.clone();
        let write = move |w: &mut Writing<'_>| {
            // It may have been forgotten or absorbed meanwhile.
            if !tables::save(w.main(), &scan)? {
                return Err(DiscoveryError::NotFound(scan.device));
            }
            events.append(w, event)?;
            also(w)?;
            Ok(scan)
        };
        self.inner.store.write_synced("port scan", write).await
    }
}

/// The address to ask: one that the device has now, on the link of an interface of ours.
fn target(device: &Device, segments: &[Segment]) -> Option<Target> {
    let fits = |address: &Address| {
        let segment = segments.iter().find(|s| s.name == address.interface)?;
        let asks = address.current && segment.is_on_link(address.ip) && !segment.is_own(address.ip);
        asks.then(|| Target {
            interface: segment.name.clone(),
            index: segment.index,
            ip: address.ip,
        })
    };
    let rank = |target: &Target| match target.ip {
        IpAddr::V4(ip) if !ip.is_link_local() => 3,
        IpAddr::V6(ip) if !ip.is_unicast_link_local() => 2,
        IpAddr::V6(_) => 1,
        IpAddr::V4(_) => 0,
    };
    // Addresses come latest first, and the last of equals would win.
    device.addresses.iter().rev().filter_map(fits).max_by_key(rank)
}

async fn scan(
    id: DeviceId,
    now: Timestamp,
    target: &Target,
    last: Option<&PortScan>,
) -> Result<PortScan, DiscoveryError> {
    let began = Instant::now();
    let answers = connect::ask_all(target, ports::known())
        .await
        .map_err(|error| failed(&explain(&target.interface, &error)))?;
    let were_open = last.map(PortScan::open_keys).unwrap_or_default();
    let mut scan = PortScan {
        device: id,
        at: now,
        duration_ms: 0,
        ip: target.ip,
        asked: answers.len() as u32,
        closed: 0,
        silent: 0,
        ports: Vec::new(),
    };
    for (port, answer) in answers {
        match answer {
            Answer::Open(_) => {}
            Answer::Closed => scan.closed += 1,
            Answer::Silent => scan.silent += 1,
        }
        if matches!(answer, Answer::Open(_)) || were_open.contains(&(port.port, port.transport)) {
            scan.ports.push(finding(port, answer));
        }
    }
    scan.duration_ms = began.elapsed().as_millis() as u64;
    Ok(scan)
}

fn finding(port: &PortInfo, answer: Answer) -> PortFinding {
    let (mut service, mut version) = (port.service.clone(), None);
    let state = match (answer, port.transport) {
        (Answer::Open(said), Transport::Tcp) => {
            let banner = ports::parse_banner(&service, &said);
            if let Some(proven) = banner.service.filter(|proven| !service.starts_with(proven)) {
                proven.clone_into(&mut service);
            }
            version = banner.version;
            PortState::Open
        }
        (Answer::Open(said), Transport::Udp) => {
            version = udp::version(port.port, &said);
            PortState::Open
        }
        (Answer::Closed, _) => PortState::Closed,
        (Answer::Silent, _) => PortState::Filtered,
    };
    PortFinding {
        port: port.port,
        protocol: port.transport,
        state,
        service,
        version,
        risk: port.risk,
        why: port.why.clone(),
    }
}

/// What happened, for the event log: a port that is newly open is worth a look.
fn event(device: &Device, scan: &PortScan, before: Option<&PortScan>) -> NewEvent {
    let is = scan.open_keys();
    let was = before.map_or_else(|| is.clone(), PortScan::open_keys);
    let opened: Vec<_> = is.difference(&was).collect();
    let closed: Vec<_> = was.difference(&is).collect();
    let name = device.name();
    let list = |ports: &[&(u16, Transport)]| {
        let words: Vec<_> = ports
            .iter()
            .take(8)
            .map(|(port, transport)| {
                let service = ports::service(*port, *transport).unwrap_or("unknown");
                format!("{port}/{transport} ({service})")
            })
            .collect();
        let more = ports.len().saturating_sub(words.len());
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        words.join(", ") + &more
    };
    let (kind, severity, summary) = match (opened.as_slice(), closed.as_slice()) {
        ([], []) => {
            let summary = format!("{name}: {} of {} ports are open", is.len(), scan.asked);
            ("ports_scanned", Severity::Info, summary)
        }
        ([], gone) => {
            let summary = format!("{name} has closed {}", list(gone));
            ("ports_changed", Severity::Info, summary)
        }
        (new, _) => {
            let summary = format!("{name} has newly opened {}", list(new));
            ("ports_changed", Severity::Medium, summary)
        }
    };
    let keys = |ports: &[&(u16, Transport)]| -> Vec<String> {
        ports.iter().map(|(port, transport)| format!("{port}/{transport}")).collect()
    };
    NewEvent {
        at: scan.at,
        source: "discovery",
        kind,
        severity,
        device: Some(device.id),
        summary,
        data: json!({
            "name": name,
            "mac": device.mac,
            "ip": scan.ip,
            "asked": scan.asked,
            "open": keys(&is.iter().collect::<Vec<_>>()),
            "opened": keys(&opened),
            "closed": keys(&closed),
            "duration_ms": scan.duration_ms,
            "criticality": device.person.criticality,
            "favourite": device.person.favourite,
        }),
    }
}

fn failed(why: &str) -> DiscoveryError {
    DiscoveryError::Network { attempt: "scan the ports", why: why.to_owned() }
}

/// What a person can do about it.
fn explain(interface: &str, error: &std::io::Error) -> String {
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::EPERM | Errno::EACCES) => format!(
            "on {interface}: the router's firewall refuses what the router itself sends; allow it \
             in the output rules"
        ),
        Some(Errno::ENODEV) => format!("on {interface}: the interface is gone"),
        _ => format!("on {interface}: {error}"),
    }
}

/// A scan under way; over when this is dropped.
struct Running(usize, DeviceId);

impl Running {
    fn begin(discovery: &Discovery, id: DeviceId) -> Result<Self, DiscoveryError> {
        let whose = Arc::as_ptr(&discovery.inner).addr();
        let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        let others = running.iter().filter(|(of, _)| *of == whose).count();
        let what = if running.contains(&(whose, id)) {
            "the ports of this device are being scanned just now"
        } else if others >= AT_ONCE {
            "the ports of two other devices are being scanned just now"
        } else {
            running.insert((whose, id));
            return Ok(Self(whose, id));
        };
        Err(DiscoveryError::TooSoon { what, seconds: A_SCAN })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        running.remove(&(self.0, self.1));
    }
}
