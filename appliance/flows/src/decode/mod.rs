//! What exporters tell: `NetFlow` v5 and v9, IPFIX and sFlow v5. Datagrams in, flows out; no I/O,
//! no clock, and no allocation for a record.
//!
//! Nothing that is received is trusted: memory is bounded for each exporter and for all, and what
//! is malformed is counted by reason and exporter.

mod build;
mod domain;
mod elements;
mod json;
mod layout;
mod message;
mod options;
pub(crate) mod packet;
mod plan;
mod record;
mod sampling;
mod saved;
mod sequence;
mod sflow;
mod slot;
mod stats;
#[cfg(test)]
mod tests;
mod totals;
mod v5;
mod waiting;
pub(crate) mod wire;

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use model::Timestamp;

use crate::flow::Flow;
use domain::{Domain, Pass};
use options::Names;
use plan::Moment;

pub use options::InterfaceName;
pub use record::{Record, Value};
pub use saved::SavedError;
pub use stats::{ExporterStats, Malformed};

/// What an exporter speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Version {
    /// `NetFlow` version 5.
    Netflow5,
    /// `NetFlow` version 9 (RFC 3954).
    Netflow9,
    /// IPFIX, which is version 10 (RFC 7011).
    Ipfix,
    /// sFlow version 5.
    Sflow5,
}

impl Version {
    /// Its name for people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Netflow5 => "NetFlow v5",
            Self::Netflow9 => "NetFlow v9",
            Self::Ipfix => "IPFIX",
            Self::Sflow5 => "sFlow v5",
        }
    }

    /// The number in its header.
    pub const fn number(self) -> u16 {
        match self {
            Self::Netflow5 | Self::Sflow5 => 5,
            Self::Netflow9 => 9,
            Self::Ipfix => 10,
        }
    }

    /// By the first octets of a datagram; `None` if it is something else.
    fn sniff(bytes: &[u8]) -> Option<Self> {
        match bytes.first_chunk::<4>()? {
            [0, 5, _, _] => Some(Self::Netflow5),
            [0, 9, _, _] => Some(Self::Netflow9),
            [0, 10, _, _] => Some(Self::Ipfix),
            [0, 0, 0, 5] => Some(Self::Sflow5),
            _ => None,
        }
    }
}

/// Whether a datagram, of whatever port, looks like export traffic.
pub fn looks_like_export(bytes: &[u8]) -> bool {
    match Version::sniff(bytes) {
        Some(Version::Netflow5) => v5::looks_like(bytes),
        Some(Version::Sflow5) => sflow::looks_like(bytes),
        Some(version) => message::looks_like(bytes, version),
        None => false,
    }
}

/// Who takes what was decoded.
pub trait Sink {
    /// Traffic in one direction.
    fn flow(&mut self, flow: &Flow);

    /// Whether [`Sink::record`] is wanted, which costs time.
    fn complete(&self) -> bool {
        false
    }

    /// A record as it came, after its flows.
    fn record(&mut self, record: &Record<'_>) {
        let _ = record;
    }
}

impl<F: FnMut(&Flow)> Sink for F {
    fn flow(&mut self, flow: &Flow) {
        self(flow);
    }
}

/// Exporters heard at the same time; more are refused.
const MAX_EXPORTERS: usize = 64;
/// Observation domains of an exporter; the one not heard for longest makes room.
const MAX_DOMAINS: usize = 32;
/// Fields of all templates of an exporter, so that memory stays bounded.
const MAX_FIELDS: usize = 16_384;
/// An exporter silent for this long makes room for a new one, and much sooner if it never told of
/// a flow: so made-up senders do not push out real ones.
const SILENT: Duration = Duration::from_secs(600);
const NEVER_TOLD: Duration = Duration::from_secs(60);

/// All that is known of one exporter.
#[derive(Debug, Default)]
struct Exporter {
    stats: ExporterStats,
    domains: Vec<Domain>,
    names: Names,
    agents: Vec<sflow::Agent>,
    ticks: u64,
}

/// Decodes the datagrams of all exporters.
#[derive(Debug, Default)]
pub struct Decoder {
    exporters: HashMap<IpAddr, Exporter>,
    held: usize,
    unknown: u64,
    refused: u64,
}

impl Decoder {
    /// Decodes one datagram that came from this exporter at this time.
    pub fn datagram(
        &mut self,
        from: IpAddr,
        received: Timestamp,
        bytes: &[u8],
        sink: &mut dyn Sink,
    ) {
        let Some(version) = Version::sniff(bytes) else {
            self.unknown += 1;
            return;
        };
        let Some(exporter) = exporter(&mut self.exporters, from, received, &mut self.held) else {
            self.refused += 1;
            return;
        };
        let Exporter { stats, domains, names, agents, ticks } = exporter;
        *ticks += 1;
        stats.datagrams += 1;
        stats.last_seen = received;
        stats.version = Some(version);
        let moment = Moment { sent: received, uptime: None, started: None };
        let held = &mut self.held;
        let room = MAX_FIELDS;
        let mut pass = Pass { exporter: from, received, moment, room, stats, names, held, sink };
        let known = match version {
            Version::Sflow5 => sflow::decode(bytes, agents, &mut pass),
            Version::Netflow5 => v5::header(bytes).and_then(|header| {
                pass.clock(header.sent);
                let domain = domain(domains, version, header.domain, *ticks, &mut pass)?;
                v5::decode(&header, bytes, domain, &mut pass);
                Some(())
            }),
            _ => message::header(bytes, version).and_then(|header| {
                pass.clock(Timestamp::from_secs(header.seconds.into()));
                let domain = domain(domains, version, header.domain, *ticks, &mut pass)?;
                message::decode(&header, bytes, domain, &mut pass);
                Some(())
            }),
        };
        if known.is_none() {
            pass.stats.count(Malformed::Header);
        }
    }

    /// Counts as undecoded what has waited too long for its template. To be called now and then.
    pub fn expire(&mut self, now: Timestamp) {
        for exporter in self.exporters.values_mut() {
            for domain in &mut exporter.domains {
                domain.waiting.expire(now, &mut self.held, &mut exporter.stats);
            }
        }
    }

    /// The exporters that were heard, with their counters.
    pub fn exporters(&self) -> impl Iterator<Item = (IpAddr, &ExporterStats)> {
        self.exporters.iter().map(|(address, exporter)| (*address, &exporter.stats))
    }

    /// The names of an exporter's interfaces by index, as it told them.
    pub fn interfaces(&self, exporter: IpAddr) -> impl Iterator<Item = (u32, &InterfaceName)> {
        let names = self.exporters.get(&exporter).map(|exporter| &exporter.names);
        names.into_iter().flatten().map(|(index, name)| (*index, name))
    }

    /// Datagrams that were no export traffic.
    pub const fn unknown(&self) -> u64 {
        self.unknown
    }

    /// Datagrams of exporters beyond those that are kept.
    pub const fn refused(&self) -> u64 {
        self.refused
    }
}

fn exporter<'a>(
    exporters: &'a mut HashMap<IpAddr, Exporter>,
    from: IpAddr,
    now: Timestamp,
    held: &mut usize,
) -> Option<&'a mut Exporter> {
    if exporters.len() >= MAX_EXPORTERS && !exporters.contains_key(&from) {
        let silent = |exporter: &Exporter| {
            let least = if exporter.stats.flows == 0 { NEVER_TOLD } else { SILENT };
            now.since(exporter.stats.last_seen) >= least
        };
        let (oldest, _) = exporters
            .iter()
            .filter(|(_, exporter)| silent(exporter))
            .min_by_key(|(_, exporter)| exporter.stats.last_seen)?;
        let oldest = *oldest;
        let mut gone = exporters.remove(&oldest)?;
        gone.domains.iter_mut().for_each(|domain| domain.waiting.clear(held));
    }
    Some(exporters.entry(from).or_insert_with(|| Exporter {
        stats: ExporterStats { first_seen: now, last_seen: now, ..ExporterStats::default() },
        ..Exporter::default()
    }))
}

/// The domain a message is of, made if it is new.
fn domain<'a>(
    domains: &'a mut Vec<Domain>,
    version: Version,
    id: u32,
    tick: u64,
    pass: &mut Pass<'_>,
) -> Option<&'a mut Domain> {
    let known = domains.iter().position(|known| known.id == id && known.version == version);
    let at = known.unwrap_or_else(|| {
        if domains.len() >= MAX_DOMAINS {
            let oldest = domains.iter().enumerate().min_by_key(|(_, known)| known.used);
            if let Some(oldest) = oldest.map(|(at, _)| at) {
                domains.swap_remove(oldest).waiting.clear(pass.held);
                pass.stats.count(Malformed::TooMany);
            }
        }
        domains.push(Domain::new(version, id));
        domains.len() - 1
    });
    let all = domains.iter().map(Domain::fields).sum::<usize>();
    let domain = domains.get_mut(at)?;
    pass.room = MAX_FIELDS.saturating_sub(all - domain.fields());
    domain.used = tick;
    Some(domain)
}
