//! Asking round: who is there, by ARP and IPv6 multicast; what they offer, by mDNS and SSDP.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use model::{Mac, Timestamp};
use serde::Serialize;
use tokio::sync::Mutex;

use crate::discovery::Discovery;
use crate::edge::prober::{self, Job};
use crate::edge::{EdgeError, Outcome, nudge};
use crate::error::DiscoveryError;
use crate::segment::Segment;
use crate::settings::{Settings, parse_cidr_v4};
use crate::sweep::frames::{self, Sender};
use crate::sweep::{Pace, Subnet};

/// Networks larger than this are not swept by themselves, only when a person names them: 4 096
/// addresses a minute are the most that a LAN should have to bear.
const LARGEST_BY_ITSELF: u8 = 20;
/// Services are asked for once in so many rounds.
const SERVICE_ROUNDS: u64 = 10;
/// Hosts pinged in one round, for the TTL that tells their kind of system.
const PINGS: usize = 64;
/// Known IPv6 addresses asked for in one round.
const SOLICITATIONS: usize = 256;

/// What to wait before asking for another scan, in seconds.
const A_SCAN: u64 = 5;

/// What a round has found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ScanReport {
    /// When it began.
    pub at: Timestamp,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// Addresses asked for.
    pub asked: u64,
    /// Addresses that answered.
    pub answered: u64,
    /// Requests sent.
    pub sent: u64,
    /// What was left out, and why.
    pub skipped: Vec<String>,
}

/// One round at a time; a person's goes before one on schedule.
#[derive(Default)]
pub(crate) struct Rounds {
    busy: Mutex<()>,
    /// A person's round is under way or waits for its turn.
    wanted: AtomicBool,
    /// The round under way is one on schedule.
    scheduled: AtomicBool,
    call_off: AtomicBool,
}

/// A person's round, until it ends in whichever way.
struct Wanted<'a>(&'a Rounds);

impl Drop for Wanted<'_> {
    fn drop(&mut self) {
        self.0.wanted.store(false, Ordering::Release);
    }
}

impl Discovery {
    /// Asks every address of the local networks at once, at the fast pace, and waits for the end.
    pub async fn scan_now(&self) -> Result<ScanReport, DiscoveryError> {
        self.scan(self.segments()).await
    }

    /// As [`Discovery::scan_now`], for one interface.
    pub async fn scan_interface(&self, name: &str) -> Result<ScanReport, DiscoveryError> {
        let one = self.segments().iter().filter(|s| s.name == name).cloned().collect();
        self.scan(Arc::new(one)).await
    }

    /// Runs to its end even if nobody waits for it any more: what was asked must be heard. One at a
    /// time: who comes meanwhile gets [`DiscoveryError::TooSoon`].
    async fn scan(&self, segments: Arc<Vec<Segment>>) -> Result<ScanReport, DiscoveryError> {
        if self.inner.rounds.wanted.swap(true, Ordering::AcqRel) {
            let what = "a scan is under way already";
            return Err(DiscoveryError::TooSoon { what, seconds: A_SCAN });
        }
        let this = self.clone();
        let scan = tokio::spawn(async move {
            let _wanted = Wanted(&this.inner.rounds);
            this.scan_to_the_end(&segments).await
        });
        scan.await.unwrap_or_else(|_| Err(network("scan", "the scan broke off")))
    }

    async fn scan_to_the_end(
        &self,
        segments: &Arc<Vec<Segment>>,
    ) -> Result<ScanReport, DiscoveryError> {
        let rounds = &self.inner.rounds;
        // A round on schedule makes way.
        rounds.call_off.store(true, Ordering::Relaxed);
        let busy = rounds.busy.lock().await;
        rounds.call_off.store(false, Ordering::Relaxed);
        if segments.is_empty() {
            let why = "there is no LAN interface that is up; see `panoptikon doctor`".to_owned();
            return Err(DiscoveryError::Network { attempt: "scan", why });
        }
        let report = self.round(segments, Pace::FAST, true).await;
        drop(busy);
        let report = report?;
        self.inner.status.send_modify(|s| s.last_scan = Some(report.clone()));
        Ok(report)
    }

    /// The round on schedule.
    pub(crate) async fn scheduled_round(&self, number: u64) {
        let settings = self.settings();
        if !settings.scan_enabled {
            return;
        }
        let Ok(busy) = self.inner.rounds.busy.try_lock() else {
            return;
        };
        self.inner.rounds.scheduled.store(true, Ordering::Relaxed);
        let segments = self.segments();
        let pace = Pace { rate: settings.scan_rate, ..Pace::BACKGROUND };
        match self.round(&segments, pace, number.is_multiple_of(SERVICE_ROUNDS)).await {
            Ok(report) => self.inner.status.send_modify(|s| s.last_scan = Some(report)),
            Err(error) => tracing::warn!(%error, "asking round failed"),
        }
        self.inner.rounds.scheduled.store(false, Ordering::Relaxed);
        drop(busy);
    }

    async fn round(
        &self,
        segments: &Arc<Vec<Segment>>,
        pace: Pace,
        services: bool,
    ) -> Result<ScanReport, DiscoveryError> {
        self.inner.status.send_modify(|s| s.scanning = true);
        let began = Timestamp::now();
        let mut report = ScanReport { at: began, ..ScanReport::default() };
        let mut failure = None;
        report.skipped.extend(elsewhere(segments, &self.settings()));
        for segment in segments.iter() {
            if self.inner.rounds.call_off.load(Ordering::Relaxed) {
                report.skipped.push(format!("{}: another scan was started", segment.name));
                break;
            }
            if let Err(error) = self.ask_segment(segment, pace, services, &mut report).await {
                report.skipped.push(format!("{}: {error}", segment.name));
                failure = Some(error);
            }
        }
        self.inner.status.send_modify(|s| s.scanning = false);
        report.took_ms =
            u64::try_from(Timestamp::now().since(began).as_millis()).unwrap_or(u64::MAX);
        match failure {
            // Where nothing could be asked at all, that is what the person wants to know.
            Some(error) if report.sent == 0 => Err(error),
            _ => Ok(report),
        }
    }

    async fn ask_segment(
        &self,
        segment: &Segment,
        pace: Pace,
        services: bool,
        report: &mut ScanReport,
    ) -> Result<(), DiscoveryError> {
        let settings = self.settings();
        let subnets = subnets(segment, &settings, &mut report.skipped);
        let known: Vec<(Ipv4Addr, Mac)> = self
            .engine()
            .known_on(&segment.name)
            .into_iter()
            .filter_map(|(ip, mac)| match ip {
                IpAddr::V4(ip) => Some((ip, mac)),
                IpAddr::V6(_) => None,
            })
            .collect();
        let extra = self.extra_frames(segment, &settings, services);
        let job =
            Job { segment: segment.clone(), subnets, known, pace, seed: Timestamp::now().0 as u64 };
        let this = self.clone();
        let (asked, job) = tokio::task::spawn_blocking(move || {
            let asked = this.ask_by_frames(&job, &extra);
            (asked, job)
        })
        .await
        .map_err(|_| network("scan", "the scan broke off"))?;
        let outcome = match asked {
            Err(denied) if denied.is_denied() && settings.ping_sweep_enabled => {
                self.ask_by_kernel(job, report).await?
            }
            asked => asked.map_err(|error| network("scan", &error.to_string()))?,
        };
        let Some(outcome) = outcome else {
            return Ok(());
        };
        report.asked += u64::from(outcome.progress.addresses);
        report.sent += u64::from(outcome.progress.sent);
        report.answered += outcome.found.len() as u64;
        let now = Timestamp::now();
        let mut engine = self.engine();
        for found in &outcome.found {
            engine.neighbour(now, segment, found.ip.into(), found.mac);
        }
        drop(engine);
        self.inner.wake.notify_one();
        Ok(())
    }

    fn ask_by_frames(&self, job: &Job, extra: &[Vec<u8>]) -> Result<Option<Outcome>, EdgeError> {
        prober::send_once(job.segment.index, extra)?;
        if job.subnets.is_empty() {
            return Ok(None);
        }
        prober::sweep(job, &self.inner.rounds.call_off).map(Some)
    }

    /// Where packet sockets are denied: who answers reaches the engine by the neighbour table.
    async fn ask_by_kernel(
        &self,
        mut job: Job,
        report: &mut ScanReport,
    ) -> Result<Option<Outcome>, DiscoveryError> {
        let name = job.segment.name.clone();
        // Only what is on the link: of a larger network that was named, the part that is.
        let own = prober::subnets(&job.segment);
        let on_link = job.subnets.into_iter().flat_map(|wanted| {
            let covered = own.iter().any(|own| own.covers(wanted));
            let parts = own.iter().copied().filter(move |own| wanted.covers(*own));
            if covered { vec![wanted] } else { parts.collect() }
        });
        let (fitting, large) = on_link.partition(|s: &Subnet| s.prefix() >= nudge::LARGEST_PREFIX);
        job.subnets = fitting;
        report.skipped.extend(large.into_iter().map(|subnet: Subnet| {
            format!(
                "{subnet} on {name}: larger than /{}, which needs raw sockets (CAP_NET_RAW)",
                nudge::LARGEST_PREFIX
            )
        }));
        if job.subnets.is_empty() {
            return Ok(None);
        }
        let this = self.clone();
        let outcome =
            tokio::task::spawn_blocking(move || nudge::sweep(&job, &this.inner.rounds.call_off))
                .await
                .map_err(|_| network("scan", "the scan broke off"))?
                .map_err(|error| network("scan", &error.to_string()))?;
        Ok(Some(outcome))
    }

    fn extra_frames(&self, segment: &Segment, settings: &Settings, services: bool) -> Vec<Vec<u8>> {
        let mut frames = Vec::new();
        let (mac, v4) = (segment.mac, segment.own_v4());
        if let Some(ip) = segment.own_link_local() {
            frames.push(frames::echo_all_nodes(Sender { mac, ip }, 0x504e, 1));
            frames.push(frames::problem_all_nodes(Sender { mac, ip }, 0x504e, 1));
            if services && settings.service_queries_enabled {
                frames.push(frames::services_query(Sender { mac, ip: ip.into() }));
            }
        }
        if let Some(ip) = segment.own_link_local() {
            let known = self.silent_v6(segment).into_iter();
            frames.extend(known.map(|(target, station)| {
                frames::neighbour_solicitation(Sender { mac, ip }, target, Some(station))
            }));
        }
        let Some(ip) = v4 else { return frames };
        let from = Sender { mac, ip };
        if services && settings.service_queries_enabled {
            frames.push(frames::services_query(Sender { mac, ip: ip.into() }));
            frames.push(frames::ssdp_search(from));
        }
        for (target, target_mac, nameless) in self.unexamined(segment, settings) {
            let to = Sender { mac: target_mac, ip: target };
            if settings.ping_sweep_enabled {
                frames.push(frames::echo_request(from, to, 0x504e, 1));
            }
            if services && nameless {
                frames.push(frames::node_status_request(from, to));
            }
        }
        frames
    }

    /// IPv6 addresses that are known and were silent for longest: not every system answers the
    /// echo to all, and asking one costs the others nothing.
    fn silent_v6(&self, segment: &Segment) -> Vec<(Ipv6Addr, Mac)> {
        let engine = self.engine();
        let mut known: Vec<_> = engine
            .iter()
            .filter(|d| d.presence.online && d.interface.as_deref() == Some(segment.name.as_str()))
            .flat_map(|d| d.addresses.iter().filter(|a| a.current).map(|a| (a, d.mac)))
            .filter_map(|(address, mac)| match address.ip {
                IpAddr::V6(ip) => Some((address.last_seen, ip, mac)),
                IpAddr::V4(_) => None,
            })
            .collect();
        drop(engine);
        model::sort_by(&mut known, Ord::cmp);
        known.into_iter().take(SOLICITATIONS).map(|(_, ip, mac)| (ip, mac)).collect()
    }

    /// Hosts that are there and whose TTL is not known yet.
    fn unexamined(&self, segment: &Segment, settings: &Settings) -> Vec<(Ipv4Addr, Mac, bool)> {
        if !settings.ping_sweep_enabled && !settings.service_queries_enabled {
            return Vec::new();
        }
        let engine = self.engine();
        engine
            .iter()
            .filter(|d| d.presence.online && d.interface.as_deref() == Some(segment.name.as_str()))
            .filter(|d| d.evidence.ttl.is_none())
            .filter_map(|d| match d.main_address()?.ip {
                IpAddr::V4(ip) => Some((ip, d.mac, d.hostname().is_none())),
                IpAddr::V6(_) => None,
            })
            .take(PINGS)
            .collect()
    }
}

pub(crate) fn network(attempt: &'static str, why: &str) -> DiscoveryError {
    DiscoveryError::Network { attempt, why: why.to_owned() }
}

/// The time until the next round on schedule.
pub(crate) fn pause(settings: &Settings) -> Duration {
    settings.interval()
}

fn subnets(segment: &Segment, settings: &Settings, skipped: &mut Vec<String>) -> Vec<Subnet> {
    let own = prober::subnets(segment);
    if settings.scan_subnets.is_empty() {
        let (fitting, large): (Vec<_>, Vec<_>) =
            own.into_iter().partition(|s| s.prefix() >= LARGEST_BY_ITSELF);
        skipped.extend(large.into_iter().map(|s| {
            format!(
                "{s} on {}: larger than /{LARGEST_BY_ITSELF}, name it in the settings",
                segment.name
            )
        }));
        return fitting;
    }
    let named = settings.scan_subnets.iter().filter_map(|text| parse_cidr_v4(text));
    named
        .filter_map(|(base, prefix)| Subnet::new(base, prefix).ok())
        .filter(|wanted| own.iter().any(|own| own.covers(*wanted) || wanted.covers(*own)))
        .collect()
}

/// Networks that were named and are not on any of the interfaces.
fn elsewhere(segments: &[Segment], settings: &Settings) -> Vec<String> {
    let own: Vec<Subnet> = segments.iter().flat_map(prober::subnets).collect();
    let is_here = |wanted: Subnet| own.iter().any(|o| o.covers(wanted) || wanted.covers(*o));
    settings
        .scan_subnets
        .iter()
        .filter(|text| {
            let subnet = parse_cidr_v4(text).and_then(|(base, p)| Subnet::new(base, p).ok());
            !subnet.is_some_and(is_here)
        })
        .map(|text| format!("{text}: not on any LAN interface"))
        .collect()
}
