//! Numbers of the rooms and of the process for Prometheus, asked when somebody scrapes.

use access::Caller;
use model::Timestamp;

use crate::metrics::{Families, Family, Kind, Metrics};
use crate::site::Site;

mod process;
mod router;

/// The numbers of all rooms behind the site.
pub struct RoomsMetrics(Site);

impl RoomsMetrics {
    /// Of this site.
    pub fn new(site: &Site) -> Self {
        Self(site.clone())
    }

    async fn all(&self) -> Vec<Family> {
        let mut all = self.devices();
        all.extend(self.discovery());
        all.extend(self.agents());
        all.extend(self.alerts().await);
        all.extend(self.access());
        all.extend(self.store());
        all.extend(self.components());
        all.extend(router::families(&self.0));
        all.extend(router::traffic(&self.0));
        let site = self.0.clone();
        let slow = move || (sizes(&site), process::families());
        // What cannot be looked at is left out.
        if let Ok((sizes, process)) = tokio::task::spawn_blocking(slow).await {
            all.extend(sizes);
            all.extend(process);
        }
        all
    }

    fn agents(&self) -> Vec<Family> {
        let agents = &self.0.agents;
        let (all, online) = agents.online();
        let mut families = vec![
            gauge("panoptikon_agents_total", "Hosts enrolled.", all as f64),
            gauge("panoptikon_agents_online_total", "Agents connected.", online as f64),
            gauge(
                "panoptikon_agents_lag_seconds",
                "Age of the newest report of the connected host that lags most.",
                agents.greatest_lag(Timestamp::now()).as_secs_f64(),
            ),
        ];
        let numbers = agents.counts().numbers().into_iter();
        families.extend(numbers.map(|(name, help, value)| counter(name, help, value as f64)));
        let what = "Links of agents that the appliance closed, by code.";
        let mut closed = Family::new("panoptikon_agents_closed_total", Kind::Counter, what);
        for (code, count) in agents.counts().closures() {
            closed = closed.sample(&[("code", &code.to_string())], count as f64);
        }
        families.push(closed);
        families
    }

    fn devices(&self) -> Vec<Family> {
        let tally = self.0.discovery.tally();
        let (all, online) = (tally.devices, tally.online);
        vec![
            gauge("panoptikon_devices_total", "Devices known.", all as f64),
            gauge("panoptikon_devices_online_total", "Devices online.", online as f64),
            gauge(
                "panoptikon_devices_offline_total",
                "Devices not heard within the grace period.",
                all.saturating_sub(online) as f64,
            ),
            counter(
                "panoptikon_devices_refused_total",
                "Stations not taken in because there were too many at once.",
                tally.refused as f64,
            ),
            counter(
                "panoptikon_discovery_events_lost_total",
                "Events lost because the disk could not be written for long.",
                tally.events_lost as f64,
            ),
        ]
    }

    fn discovery(&self) -> Vec<Family> {
        let status = self.0.discovery.status().borrow().clone();
        let mut malformed = Family::new(
            "panoptikon_discovery_frames_malformed_total",
            Kind::Counter,
            "Frames that broke their protocol's rules.",
        );
        for (protocol, count) in &status.malformed {
            malformed = malformed.sample(&[("protocol", protocol)], *count as f64);
        }
        let mut all = vec![
            malformed,
            gauge("panoptikon_discovery_running", "1 while it listens.", flag(status.running)),
            gauge("panoptikon_discovery_scanning", "1 during a scan.", flag(status.scanning)),
            counter("panoptikon_discovery_frames_total", "Frames read.", status.frames as f64),
            counter(
                "panoptikon_discovery_frames_dropped_total",
                "Frames dropped by the kernel or because the engine was behind.",
                status.dropped as f64,
            ),
            gauge(
                "panoptikon_discovery_interfaces",
                "Interfaces that devices are looked for on.",
                self.0.discovery.segments().len() as f64,
            ),
            gauge(
                "panoptikon_discovery_interfaces_failing",
                "Interfaces that cannot be listened to.",
                status.failures.len() as f64,
            ),
        ];
        if let Some(scan) = &status.last_scan {
            all.extend([
                gauge(
                    "panoptikon_discovery_scan_timestamp_seconds",
                    "When the last scan began.",
                    seconds(scan.at),
                ),
                gauge(
                    "panoptikon_discovery_scan_duration_seconds",
                    "How long the last scan took.",
                    scan.took_ms as f64 / 1_000.0,
                ),
                gauge(
                    "panoptikon_discovery_scan_requests",
                    "Requests sent in the last scan.",
                    scan.sent as f64,
                ),
                gauge(
                    "panoptikon_discovery_scan_answers",
                    "Addresses that answered in the last scan.",
                    scan.answered as f64,
                ),
            ]);
        }
        all
    }

    async fn alerts(&self) -> Vec<Family> {
        let mut all = Vec::new();
        if let Ok(counts) = self.0.alerts.counts().await {
            let mut family = Family::new("panoptikon_alerts_total", Kind::Gauge, "Alerts kept.");
            for (severity, status, count) in counts.iter() {
                let labels = [("severity", severity.as_str()), ("status", status.as_str())];
                family = family.sample(&labels, count as f64);
            }
            all.push(family);
        }
        if let Ok(unread) = self.0.alerts.unread().await {
            let help = "Alerts that nobody has read.";
            all.push(gauge("panoptikon_alerts_unread", help, unread as f64));
        }
        all
    }

    fn access(&self) -> Vec<Family> {
        let Ok(people) = self.0.access.people(&Caller::system(), Timestamp::now()) else {
            return Vec::new();
        };
        let sessions: usize = people.iter().map(|p| p.sessions).sum();
        let keys: usize = people.iter().map(|p| p.api_keys).sum();
        vec![
            gauge("panoptikon_people", "People who have an account.", people.len() as f64),
            gauge("panoptikon_sessions_open", "Sessions that stand.", sessions as f64),
            gauge("panoptikon_api_keys", "API keys.", keys as f64),
        ]
    }

    fn store(&self) -> Vec<Family> {
        let health = self.0.store.health().borrow().clone();
        vec![
            counter(
                "panoptikon_store_commits_total",
                "Batches committed.",
                self.0.store.commits() as f64,
            ),
            gauge(
                "panoptikon_store_writable",
                "0 while the last write has failed.",
                flag(health.failing.is_none()),
            ),
            gauge("panoptikon_store_disk_full", "1 while the disk is full.", flag(health.full)),
        ]
    }

    fn components(&self) -> Vec<Family> {
        let facts = &self.0.facts;
        let mut up =
            Family::new("panoptikon_component_up", Kind::Gauge, "1 for a part that is well.");
        let mut restarts = Family::new(
            "panoptikon_component_restarts_total",
            Kind::Counter,
            "Restarts of a part after a failure.",
        );
        for part in (self.0.components)() {
            let labels = [("component", part.name.as_str())];
            up = up.sample(&labels, flag(part.status == "ok"));
            restarts = restarts.sample(&labels, f64::from(part.restarts));
        }
        let build = [("version", facts.version), ("git", facts.git), ("built", facts.built)];
        let info = Family::new("panoptikon_build_info", Kind::Gauge, "What is running; always 1.");
        vec![up, restarts, info.sample(&build, 1.0)]
    }
}

impl Metrics for RoomsMetrics {
    fn collect(&self) -> Families<'_> {
        Box::pin(self.all())
    }
}

fn sizes(site: &Site) -> Vec<Family> {
    let sizes = site.store.sizes();
    let parts = [("main", sizes.main), ("days", sizes.days), ("backups", sizes.backups)];
    let mut bytes =
        Family::new("panoptikon_store_bytes", Kind::Gauge, "Bytes on disk, by what they hold.");
    for (part, size) in parts {
        bytes = bytes.sample(&[("part", part)], size as f64);
    }
    vec![
        bytes,
        gauge(
            "panoptikon_store_cap_bytes",
            "The cap on the main database and day files together.",
            sizes.cap as f64,
        ),
        gauge("panoptikon_store_disk_bytes", "Size of the file system.", sizes.disk as f64),
        gauge("panoptikon_store_disk_free_bytes", "Free on it.", sizes.free as f64),
    ]
}

fn gauge(name: &'static str, help: &'static str, value: f64) -> Family {
    Family::new(name, Kind::Gauge, help).sample(&[], value)
}

fn counter(name: &'static str, help: &'static str, value: f64) -> Family {
    Family::new(name, Kind::Counter, help).sample(&[], value)
}

const fn flag(yes: bool) -> f64 {
    if yes { 1.0 } else { 0.0 }
}

fn seconds(at: Timestamp) -> f64 {
    at.0 as f64 / 1_000.0
}
