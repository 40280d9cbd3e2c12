//! Carries out what was judged, in one transaction with the cursor: an event is handled once,
//! whatever happens to the process.

use model::{AlertId, DeviceId, Event, EventId, Timestamp};
use rusqlite::Connection;
use store::StoreError;

use crate::lifecycle::reopen;
use crate::rules::{ABOUT_BEING_THERE, Cause, Effect, FLAPPING, OFFLINE};
use crate::{
    Alert, AlertChange, Decision, Draft, Known, Presence, Recent, Repeat, Settings, Status, cause,
    judge, rows, settle,
};

/// The actor in the history of what nobody did.
pub(crate) const ITSELF: &str = "panoptikon";
/// Events kept as evidence: the first, and the newest.
const EVIDENCE: usize = 20;

/// Handles one event; nothing when it was handled before or is none of ours.
pub(crate) fn handle(conn: &Connection, event: &Event) -> Result<Vec<AlertChange>, StoreError> {
    let Some(cause) = cause(event) else {
        return Ok(Vec::new());
    };
    if rows::cursor(conn, event.id.day())? >= event.id.row() {
        return Ok(Vec::new());
    }
    let now = event.at;
    if cause.rule.effect == Effect::Gone {
        rows::set_cursor(conn, event.id)?;
        return let_go(conn, &cause, now);
    }
    let settings = Settings::load(conn)?;
    let mutes = rows::mutes(conn, now)?;
    let device = event.device.filter(|_| cause.rule.is_presence());
    let mut recent = Recent { latest: rows::known(conn, &cause.key)?, ..Recent::default() };
    if let Some(device) = device {
        recent.flapping = rows::known(conn, &format!("{FLAPPING}:{device}"))?;
        recent.presence = rows::presence(conn, device)?;
    } else {
        recent.group = rows::known(conn, &cause.rule.group_key())?;
        let from = now.minus(Settings::GROUP_SPAN);
        recent.raised = rows::raised(conn, cause.rule.alert, from)?;
    }
    let decision = judge(event, &recent, &settings, &mutes, now);
    let after = Presence::after(recent.presence.as_ref(), cause.rule, event, &settings);
    if let (Some(device), Some(after)) = (device, after) {
        rows::set_presence(conn, device, now, &after)?;
    }
    rows::set_cursor(conn, event.id)?;
    Ok(carry_out(conn, decision, now)?.into_iter().collect())
}

/// Resolves what is open about the being there of a device that is none any more.
fn let_go(
    conn: &Connection,
    cause: &Cause,
    now: Timestamp,
) -> Result<Vec<AlertChange>, StoreError> {
    let device = cause.key.rsplit(':').next().unwrap_or_default();
    let mut changes = Vec::new();
    for kind in ABOUT_BEING_THERE {
        let known = rows::known(conn, &format!("{kind}:{device}"))?;
        if let Some(Known { id, .. }) = known.filter(|k| k.status.is_open()) {
            let note = format!("{}.", cause.rule.title);
            changes.extend(carry_out(conn, Decision::Resolve { id, note }, now)?);
        }
    }
    Ok(changes)
}

/// Looks at devices that flap, as time passes.
pub(crate) fn settle_all(
    conn: &Connection,
    now: Timestamp,
) -> Result<Vec<AlertChange>, StoreError> {
    let mut changes = Vec::new();
    let flapping = rows::open_of_kind(conn, FLAPPING)?;
    if flapping.is_empty() {
        return Ok(changes);
    }
    let settings = Settings::load(conn)?;
    let mutes = rows::mutes(conn, now)?;
    for (alert, device) in flapping.iter().filter_map(|a| Some((a, a.device?))) {
        for decision in settle_one(conn, alert, device, &settings, &mutes, now)? {
            changes.extend(carry_out(conn, decision, now)?);
        }
    }
    Ok(changes)
}

fn settle_one(
    conn: &Connection,
    alert: &Alert,
    device: DeviceId,
    settings: &Settings,
    mutes: &[crate::Mute],
    now: Timestamp,
) -> Result<Vec<Decision>, StoreError> {
    let Some(presence) = rows::presence(conn, device)? else {
        return Ok(Vec::new());
    };
    let Some(flapping) = rows::known(conn, &alert.dedupe_key)? else {
        return Ok(Vec::new());
    };
    let latest = rows::known(conn, &format!("{OFFLINE}:{device}"))?;
    Ok(settle(device, flapping, &presence, latest, settings, mutes, now))
}

fn carry_out(
    conn: &Connection,
    decision: Decision,
    now: Timestamp,
) -> Result<Option<AlertChange>, StoreError> {
    match decision {
        Decision::Nothing => Ok(None),
        Decision::Raise(draft) => {
            let mut alert = raised(draft, now);
            rows::insert(conn, &mut alert)?;
            rows::add_history(conn, alert.id, now, ITSELF, "raised", "")?;
            Ok(Some(AlertChange::Raised { alert }))
        }
        Decision::Bump { id, repeat, draft } => bump(conn, id, repeat, draft, now),
        Decision::Resolve { id, note } => {
            let Some(mut alert) = rows::find(conn, id)? else {
                return Ok(None);
            };
            alert.status = Status::Resolved;
            alert.resolved_by = Some(ITSELF.to_owned());
            alert.resolved_at = Some(now);
            alert.resolution.clone_from(&note);
            rows::update(conn, &alert)?;
            rows::add_history(conn, id, now, ITSELF, "resolved", &note)?;
            Ok(Some(AlertChange::Recovered { alert }))
        }
        Decision::Muted { mute } => {
            conn.prepare_cached("UPDATE mutes SET suppressed = suppressed + 1 WHERE id = ?1")?
                .execute([mute])?;
            Ok(None)
        }
    }
}

fn raised(draft: Draft, now: Timestamp) -> Alert {
    Alert {
        id: AlertId(0),
        at: now,
        last_at: now,
        kind: draft.kind.to_owned(),
        severity: draft.severity,
        status: Status::New,
        device: draft.device,
        title: draft.title,
        detail: draft.detail,
        evidence: draft.evidence.into_iter().collect(),
        count: 1,
        recommendation: draft.recommendation.to_owned(),
        read_at: None,
        acknowledged_by: None,
        acknowledged_at: None,
        note: String::new(),
        assignee: None,
        resolved_by: None,
        resolved_at: None,
        resolution: String::new(),
        dedupe_key: draft.key,
    }
}

fn bump(
    conn: &Connection,
    id: AlertId,
    repeat: Repeat,
    draft: Draft,
    now: Timestamp,
) -> Result<Option<AlertChange>, StoreError> {
    let Some(mut alert) = rows::find(conn, id)? else {
        return Ok(None);
    };
    alert.count += 1;
    alert.last_at = alert.last_at.max(now);
    alert.severity = alert.severity.max(draft.severity);
    alert.title = draft.title;
    alert.detail = draft.detail;
    add_evidence(&mut alert.evidence, draft.evidence);
    let renewed = repeat != Repeat::Quiet;
    if renewed {
        alert.read_at = None;
    }
    let change = match repeat {
        Repeat::Quiet => None,
        Repeat::Renewed => Some("seen again"),
        Repeat::Reopened => {
            reopen(&mut alert);
            Some("reopened")
        }
    };
    rows::update(conn, &alert)?;
    if let Some(change) = change {
        rows::add_history(conn, id, now, ITSELF, change, &alert.detail)?;
    }
    Ok(Some(AlertChange::Repeated { alert, renewed }))
}

fn add_evidence(evidence: &mut Vec<EventId>, new: Option<EventId>) {
    evidence.extend(new);
    if evidence.len() > EVIDENCE {
        evidence.remove(1);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use model::Severity;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const NOON: Timestamp = Timestamp(20_000 * 86_400_000 + 43_200_000);

    fn tables() -> Connection {
        let conn = Connection::open_in_memory().unwrap();
        conn.execute_batch(
            "PRAGMA foreign_keys = ON;
             CREATE TABLE settings_versions (id INTEGER PRIMARY KEY, key TEXT, value TEXT);",
        )
        .unwrap();
        conn.execute_batch(include_str!("schema.sql")).unwrap();
        conn
    }

    fn set(conn: &Connection, key: &str, value: &str) {
        conn.execute("INSERT INTO settings_versions (key, value) VALUES (?1, ?2)", [key, value])
            .unwrap();
    }

    /// What happens to a few devices.
    #[derive(Debug, Clone)]
    enum Happening {
        Presence { device: i64, online: bool },
        Other { kind: &'static str, device: i64 },
        PersonResolves { alert: i64 },
        Mute { device: i64 },
        Offline(&'static str),
        Quiet { minutes: u64 },
    }

    fn happening() -> impl Strategy<Value = Happening> {
        let device = 1..4_i64;
        prop_oneof![
            8 => (device.clone(), any::<bool>())
                .prop_map(|(device, online)| Happening::Presence { device, online }),
            2 => (prop::sample::select(vec!["new_device", "ip_conflict", "made_up"]), device.clone())
                .prop_map(|(kind, device)| Happening::Other { kind, device }),
            1 => (1..12_i64).prop_map(|alert| Happening::PersonResolves { alert }),
            1 => device.prop_map(|device| Happening::Mute { device }),
            1 => prop::sample::select(vec!["\"never\"", "\"important\"", "\"all\""])
                .prop_map(Happening::Offline),
            2 => (1..200_u64).prop_map(|minutes| Happening::Quiet { minutes }),
        ]
    }

    struct Run {
        conn: Connection,
        now: Timestamp,
        rows: BTreeMap<i64, i64>,
        online: BTreeMap<i64, bool>,
    }

    impl Run {
        fn event(&mut self, kind: &str, device: i64) {
            let row = self.rows.entry(self.now.day()).or_insert(0);
            *row += 1;
            let event = Event {
                id: EventId::new(self.now.day(), *row),
                at: self.now,
                source: "discovery".to_owned(),
                kind: kind.to_owned(),
                severity: Severity::Info,
                device: Some(DeviceId(device)),
                summary: "something".to_owned(),
                data: json!({ "name": format!("d{device}"), "criticality": device + 1, "absorbed": 3 }),
            };
            handle(&self.conn, &event).unwrap();
            // Told twice, handled once.
            assert_eq!(handle(&self.conn, &event).unwrap(), []);
        }

        fn step(&mut self, happening: &Happening) {
            self.now = self.now.plus(Duration::from_secs(90));
            match happening {
                Happening::Presence { device, online } => {
                    let kind = ["device_offline", "device_online"][usize::from(*online)];
                    self.event(kind, *device);
                    self.online.insert(*device, *online);
                }
                Happening::Other { kind, device } => self.event(kind, *device),
                Happening::PersonResolves { alert } => {
                    self.conn
                        .execute("UPDATE alerts SET status = 'resolved' WHERE id = ?1", [alert])
                        .unwrap();
                }
                Happening::Mute { device } => {
                    let until = self.now.plus(Duration::from_secs(3_600));
                    self.conn
                        .execute(
                            "INSERT INTO mutes (device, until, by, at) VALUES (?1, ?2, 'kim', ?3)",
                            (device, until.0, self.now.0),
                        )
                        .unwrap();
                }
                Happening::Offline(value) => set(&self.conn, "alerts.offline", value),
                Happening::Quiet { minutes } => {
                    for _ in 0..minutes / 10 {
                        self.now = self.now.plus(Duration::from_secs(600));
                        settle_all(&self.conn, self.now).unwrap();
                    }
                }
            }
        }

        fn open(&self, condition: &str) -> Vec<(String, i64)> {
            let sql = format!(
                "SELECT dedupe_key, count(*) FROM alerts
                 WHERE status <> 'resolved' AND {condition} GROUP BY dedupe_key"
            );
            let mut statement = self.conn.prepare(&sql).unwrap();
            let rows = statement.query_map([], |r| Ok((r.get(0)?, r.get(1)?)));
            rows.unwrap().collect::<Result<_, _>>().unwrap()
        }
    }

    fn run() -> Run {
        Run { conn: tables(), now: NOON, rows: BTreeMap::new(), online: BTreeMap::new() }
    }

    #[test]
    fn nothing_stays_open_about_a_device_that_was_forgotten_or_is_part_of_another() {
        for (end, by) in [("device_forgotten", 3), ("device_merged", 4)] {
            let mut run = run();
            for (kind, device) in [("new_device", 3), ("device_offline", 3), ("device_offline", 5)]
            {
                run.event(kind, device);
            }
            assert_eq!(run.open("1").len(), 3);
            run.event(end, by);
            assert_eq!(run.open("1"), [("device_offline:5".to_owned(), 1)], "{end}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn no_cause_has_two_open_alerts_and_nobody_online_has_an_open_offline_alert(
            story in prop::collection::vec(happening(), 1..80)
        ) {
            let mut run = run();
            // The database would refuse a second open alert by itself: that must never be needed.
            run.conn.execute("DROP INDEX alerts_open_cause", []).unwrap();
            for happening in &story {
                run.step(happening);
                for (key, count) in run.open("1") {
                    prop_assert_eq!(count, 1, "{} has two open alerts", key);
                }
                for device in run.online.iter().filter(|(_, online)| **online).map(|(d, _)| d) {
                    let open = run.open(&format!("kind = 'device_offline' AND device = {device}"));
                    prop_assert_eq!(open, [], "device {} is online", device);
                }
            }
            prop_assert_eq!(run.open("kind = 'made_up'"), []);
        }

        #[test]
        fn however_wildly_a_device_flaps_people_hear_of_it_few_times(changes in 20..100_i64) {
            let mut run = run();
            for n in 0..changes {
                run.step(&Happening::Presence { device: 2, online: n % 2 == 1 });
            }
            let alerts: i64 = run
                .conn
                .query_row("SELECT count(*) FROM alerts", [], |r| r.get(0))
                .unwrap();
            prop_assert_eq!(alerts, 2);
            prop_assert_eq!(run.open("kind = 'flapping'").len(), 1);
            run.step(&Happening::Quiet { minutes: 180 });
            prop_assert_eq!(run.open("kind = 'flapping'"), []);
            let away = changes % 2 == 1;
            prop_assert_eq!(run.open("kind = 'device_offline'").len(), usize::from(away));
        }
    }

    #[test]
    fn evidence_keeps_the_first_and_the_newest_events() {
        let mut evidence = vec![EventId(1)];
        for n in 2..=100 {
            add_evidence(&mut evidence, Some(EventId(n)));
        }
        assert_eq!(evidence.len(), EVIDENCE);
        assert_eq!(
            (evidence[0], evidence[1], evidence[EVIDENCE - 1]),
            (EventId(1), EventId(82), EventId(100))
        );
    }
}
