//! What the settings page shows, and the numbers that its forms take.

use discovery::Settings;
use discovery::edge::{Interface, InterfaceKind};
use store::{StoreError, read_setting};

use super::Ask;
use crate::http::Failure;
use crate::view::{
    AlertsForm, BackupLine, Choice, Field, InterfaceLine, Moment, NamesView, Place, RetentionForm,
    ScanningForm, SessionsForm, SettingsPage, StorageView, Tone, bytes, count,
};

/// The setting that holds for how many days the audit log is kept. Whoever runs maintenance gives
/// it to [`access::audit::AuditLog::prune`].
pub const AUDIT_DAYS: &str = "retention.audit_days";

/// Days for which the audit log is kept where nobody has said otherwise: seven years.
pub const USUAL_AUDIT_DAYS: u32 = 2557;

/// A number of a form, and the setting that holds it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Number {
    /// The form's field.
    pub(crate) field: &'static str,
    /// The setting; empty where a room keeps it in a way of its own.
    pub(crate) key: &'static str,
    /// The value where nobody has set it.
    pub(crate) usual: u32,
    least: u32,
    most: u32,
    unit: &'static str,
}

impl Number {
    const fn new(
        field: &'static str,
        key: &'static str,
        usual: u32,
        (least, most): (u32, u32),
        unit: &'static str,
    ) -> Self {
        Self { field, key, usual, least, most, unit }
    }

    // The same bounds as `discovery::Settings::check`; a test holds them together.
    pub(super) const SCAN_INTERVAL: Self = Self::new("interval", "", 60, (15, 86_400), "seconds");
    pub(super) const SCAN_RATE: Self =
        Self::new("rate", "", 500, (50, 5_000), "questions a second");
    pub(super) const GRACE: Self = Self::new("grace", "", 300, (60, 86_400), "seconds");
    pub(super) const IDLE_HOURS: Self = Self::new("idle", "", 24, (1, 365 * 24), "hours");
    pub(super) const LONGEST_DAYS: Self = Self::new("longest", "", 30, (1, 365), "days");

    /// The number as typed, or a sentence about what would be accepted.
    pub(crate) fn read(self, text: &str) -> Result<u32, String> {
        let Self { least, most, unit, .. } = self;
        let number: Result<u32, _> = text.parse();
        match number {
            Ok(n) if (least..=most).contains(&n) => Ok(n),
            Ok(n) => Err(format!("{n} is out of range: give {least} to {most} {unit}.")),
            Err(_) => Err(format!("Give a whole number, from {least} to {most} {unit}.")),
        }
    }
}

const DAYS: (u32, u32) = (1, 3_660);

/// How long things are kept, in the order of the form.
pub(crate) const RETENTION: [Number; 8] = [
    Number::new("events", "retention.events_days", 30, DAYS, "days"),
    Number::new("presence", "retention.presence_days", 366, DAYS, "days"),
    Number::new("alerts", "retention.alerts_days", 90, DAYS, "days"),
    Number::new("unanswered", "retention.unanswered_alerts_days", 365, DAYS, "days"),
    Number::new("audit", AUDIT_DAYS, USUAL_AUDIT_DAYS, (30, 36_600), "days"),
    Number::new("maintenance", "retention.maintenance_days", 90, DAYS, "days"),
    Number::new("mutes", "retention.mutes_days", 30, DAYS, "days"),
    Number::new("habits", "retention.alert_presence_days", 90, DAYS, "days"),
];

/// How alerts are judged, in the order of the form. The bounds are those of [`detect::Settings`].
pub(crate) const ALERTS: [Number; 3] = [
    Number::new("window", "alerts.window_minutes", 60, (1, 7 * 24 * 60), "minutes"),
    Number::new("flapping", "alerts.flapping_changes", 6, (2, 59), "changes"),
    Number::new("group", "alerts.group_after", 20, (1, 10_000), "alerts"),
];

pub(super) fn offline_choices(chosen: &str) -> Vec<Choice> {
    let all = [
        ("never", "Nobody's"),
        ("important", "That of favourites and of important devices"),
        ("all", "Every device's"),
    ];
    Choice::list(all, chosen)
}

/// What is stored.
struct Stored {
    discovery: Settings,
    offline: String,
    alerts: [u32; ALERTS.len()],
    retention: [u32; RETENTION.len()],
}

async fn stored(ask: &Ask) -> Result<Stored, Failure> {
    let found = ask.site.store.read(|r| {
        let conn = r.main();
        let number = |n: Number| Ok::<_, StoreError>(read_setting(conn, n.key)?.unwrap_or(n.usual));
        let mut alerts = [0; ALERTS.len()];
        for (slot, n) in alerts.iter_mut().zip(ALERTS) {
            *slot = number(n)?;
        }
        let mut retention = [0; RETENTION.len()];
        for (slot, n) in retention.iter_mut().zip(RETENTION) {
            *slot = number(n)?;
        }
        let offline: Option<String> = read_setting(conn, "alerts.offline")?;
        Ok::<_, StoreError>(Stored {
            discovery: Settings::load(conn)?,
            offline: offline.unwrap_or_else(|| "important".to_owned()),
            alerts,
            retention,
        })
    });
    Ok(found.await?)
}

/// The page as things are.
pub(super) async fn settings_page(ask: &Ask) -> Result<SettingsPage, Failure> {
    let Stored { discovery, offline, alerts, retention } = stored(ask).await?;
    let [window, flapping, group] = alerts.map(number);
    let [events, presence, kept_alerts, unanswered, audit, maintenance, mutes, habits] =
        retention.map(number);
    let policy = ask.site.access.session_policy();
    Ok(SettingsPage {
        shell: ask.shell("Settings", Some(Place::Settings)).await,
        scanning: ScanningForm {
            enabled: discovery.scan_enabled,
            subnets: Field::new(discovery.scan_subnets.join("\n")),
            automatic: automatic(ask),
            interval: number(discovery.scan_interval_seconds),
            rate: number(discovery.scan_rate),
            sweep: discovery.ping_sweep_enabled,
            services: discovery.service_queries_enabled,
            names: discovery.reverse_dns_enabled,
            interfaces: interfaces(ask),
        },
        grace: number(discovery.offline_grace_seconds),
        alerts: AlertsForm { offline: offline_choices(&offline), window, flapping, group },
        retention: RetentionForm {
            events,
            presence,
            alerts: kept_alerts,
            unanswered,
            audit,
            maintenance,
            mutes,
            habits,
        },
        storage: storage(ask).await?,
        sessions: SessionsForm {
            idle: Field::new(policy.idle_seconds.div_ceil(3_600).to_string()),
            longest: Field::new(policy.absolute_seconds.div_ceil(86_400).to_string()),
        },
        names: names(ask),
    })
}

fn number(n: u32) -> Field {
    Field::new(n.to_string())
}

/// What an empty list of subnets means just now.
fn automatic(ask: &Ask) -> String {
    let segments = ask.site.discovery.segments();
    let networks = segments.iter().flat_map(|s| {
        let v4 = s.networks.iter().filter(|n| n.own.is_ipv4());
        v4.map(move |n| format!("{} on {}", n.cidr(), s.name))
    });
    let all: Vec<String> = networks.collect();
    if all.is_empty() { "none".to_owned() } else { all.join(", ") }
}

fn interfaces(ask: &Ask) -> Vec<InterfaceLine> {
    let discovery = &ask.site.discovery;
    let (all, segments) = (discovery.interfaces(), discovery.segments());
    let status = discovery.status().borrow().clone();
    let shown = all.iter().filter(|i| i.kind != InterfaceKind::Loopback && i.master.is_none());
    let line = |i: &Interface| {
        let (state, tone) = if let Some(why) = status.failures.get(&i.name) {
            (format!("Not watched: {why}"), Tone::Bad)
        } else if !(i.is_up && i.has_carrier) {
            ("Down".to_owned(), Tone::Quiet)
        } else if segments.iter().any(|s| s.index == i.index) {
            ("Watched".to_owned(), Tone::Ok)
        } else {
            ("Up, not a LAN".to_owned(), Tone::Info)
        };
        let addresses = i.addresses.iter().map(|(ip, prefix)| format!("{ip}/{prefix}"));
        InterfaceLine {
            name: i.name.clone(),
            description: match &i.kind {
                InterfaceKind::Vlan(id) => format!("VLAN {id}"),
                InterfaceKind::Bridge => "Bridge".to_owned(),
                InterfaceKind::Bond => "Bond".to_owned(),
                InterfaceKind::WireGuard => "WireGuard".to_owned(),
                InterfaceKind::Ppp => "PPP".to_owned(),
                _ => String::new(),
            },
            addresses: addresses.collect::<Vec<_>>().join(", "),
            state,
            tone,
            devices: 0,
            href: crate::view::Query::new("/devices").with("interface", &i.name).href(),
        }
    };
    shown.map(line).collect()
}

async fn storage(ask: &Ask) -> Result<StorageView, Failure> {
    let store = ask.site.store.clone();
    let look = move || (store.sizes(), store.backups().unwrap_or_default());
    let looked = tokio::task::spawn_blocking(look).await;
    let (sizes, backups) = looked.map_err(|e| Failure::internal("Looking at the disk", e))?;
    let all = sizes.main + sizes.days;
    let used = all.saturating_mul(100).checked_div(sizes.cap).unwrap_or(0).min(100);
    let log = ask.site.store.maintenance_log(50).await?;
    let last = |kind: &str| {
        let row = log.iter().find(|r| r.kind == kind);
        row.map_or_else(|| "not yet".to_owned(), |r| format!("{}: {}", r.at.local(), r.details))
    };
    let kinds = vec![
        ("Devices, alerts, people, audit log".to_owned(), bytes(sizes.main)),
        ("Events, a file a day".to_owned(), bytes(sizes.days)),
        (count(backups.len() as u64) + " backups", bytes(sizes.backups)),
        ("Old things deleted last".to_owned(), last("retention")),
        ("Free space given back last".to_owned(), last("vacuum")),
    ];
    let backups = backups.into_iter().map(|b| BackupLine {
        name: b.path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        size: bytes(b.bytes),
        at: Moment::ago(b.at, ask.now),
    });
    Ok(StorageView {
        size: bytes(all),
        used: used as u8,
        of: format!("{} of {}", bytes(all), bytes(sizes.cap)),
        free: bytes(sizes.free),
        kinds,
        backup_dir: ask.site.store.options().dir.join("backups").display().to_string(),
        backups: backups.collect(),
    })
}

fn names(ask: &Ask) -> NamesView {
    let host = ask.site.facts.host.get();
    let segments = ask.site.discovery.segments();
    let own = segments.iter().flat_map(|s| s.networks.iter().map(|n| n.own.to_string()));
    let mut covered = vec![host.clone()];
    covered.extend(own.filter(|ip| !ip.starts_with("fe80:")));
    let tls = ask.site.tls.as_ref();
    let ca = tls.and_then(|t| t.ca());
    let href = |path: &str| if ca.is_some() { path.to_owned() } else { String::new() };
    NamesView {
        name: host,
        covered,
        expires: tls.and_then(|t| t.not_after()).map(|t| Moment::ago(t, ask.now)),
        ca_href: href("/settings/ca.crt"),
        profile_href: href("/settings/ca.mobileconfig"),
        fingerprint: match &ca {
            Some(ca) => ca.fingerprint.to_string(),
            None => tls.map(|t| t.fingerprint()).unwrap_or_default(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_takes_exactly_what_discovery_takes() {
        type Set = fn(&mut Settings, u32);
        let pairs: [(Number, Set); 3] = [
            (Number::SCAN_INTERVAL, |s, n| s.scan_interval_seconds = n),
            (Number::SCAN_RATE, |s, n| s.scan_rate = n),
            (Number::GRACE, |s, n| s.offline_grace_seconds = n),
        ];
        for (number, set) in pairs {
            for n in [number.least - 1, number.least, number.most, number.most + 1, number.usual] {
                let mut settings = Settings::default();
                set(&mut settings, n);
                let fine = number.read(&n.to_string()).is_ok();
                assert_eq!(settings.check().is_ok(), fine, "{} {n}", number.field);
            }
        }
    }

    #[test]
    fn a_number_that_is_none_is_explained() {
        for text in ["", "many", "-1", "1.5", "99999999999999"] {
            let why = RETENTION[0].read(text).expect_err("no number");
            assert!(why.contains("1 to 3660 days"), "{why}");
        }
    }
}
