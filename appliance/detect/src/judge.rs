//! Judges one event: what becomes of the alerts. Plain functions, so that every case is a test.

use std::time::Duration;

use model::{AlertId, DeviceId, Event, EventId, Severity, Timestamp, human_age};

use crate::rules::{self, Effect, FLAPPING, OFFLINE, Rule};
use crate::{Mute, OfflineAlerts, Settings, Status};

/// What to do about an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Nothing.
    Nothing,
    /// Raise an alert.
    Raise(Draft),
    /// Count it into an alert that there is.
    Bump {
        /// The alert.
        id: AlertId,
        /// How far it comes back to people's attention.
        repeat: Repeat,
        /// What was seen this time.
        draft: Draft,
    },
    /// The cause is over.
    Resolve {
        /// The alert.
        id: AlertId,
        /// Why, for people.
        note: String,
    },
    /// A person wants no word of it.
    Muted {
        /// The mute.
        mute: i64,
    },
}

/// How far a repeated alert comes back to people's attention.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// Only the count grows.
    Quiet,
    /// The cause was away for longer than the window: unread again.
    Renewed,
    /// It had been resolved within the window: open and unread again.
    Reopened,
}

/// An alert as an event would have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// The kind of alert.
    pub kind: &'static str,
    /// Its cause.
    pub key: String,
    /// How bad it is.
    pub severity: Severity,
    /// The device it is about.
    pub device: Option<DeviceId>,
    /// A few words.
    pub title: String,
    /// One sentence.
    pub detail: String,
    /// The event behind it; None where only time has passed.
    pub evidence: Option<EventId>,
    /// What to do.
    pub recommendation: &'static str,
}

/// An alert that there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// Its name.
    pub id: AlertId,
    /// Where it stands.
    pub status: Status,
    /// When its cause was seen last.
    pub last_at: Timestamp,
}

/// What is known before an event is judged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recent {
    /// The newest alert of the same cause, open or resolved.
    pub latest: Option<Known>,
    /// The newest alert that stands for many of the same kind.
    pub group: Option<Known>,
    /// Alerts of the same kind raised within [`Settings::GROUP_SPAN`].
    pub raised: u64,
    /// The device's newest flapping alert; for presence events only.
    pub flapping: Option<Known>,
    /// The device's comings and goings before this event; for presence events only.
    pub presence: Option<Presence>,
}

/// A device's comings and goings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presence {
    /// What it was last.
    pub online: bool,
    /// How bad its absence is; None where nobody minds.
    pub severity: Option<Severity>,
    /// Its name, for titles.
    pub name: String,
    /// When it last came or went, oldest first.
    pub changes: Vec<Timestamp>,
}

impl Presence {
    /// The comings and goings including this event; None for an event that is about none.
    pub fn after(
        before: Option<&Self>,
        rule: &Rule,
        event: &Event,
        settings: &Settings,
    ) -> Option<Self> {
        if !rule.is_presence() {
            return None;
        }
        let online = rule.effect == Effect::Return;
        let mut changes = before.map(|p| p.changes.clone()).unwrap_or_default();
        if before.is_none_or(|p| p.online != online) {
            changes.push(event.at);
        }
        // Counted both ways, so that a clock set back does not keep old changes for ever.
        changes.retain(|at| {
            event.at.since(*at) < Settings::FLAP_SPAN && at.since(event.at) < Settings::FLAP_SPAN
        });
        let surplus = changes.len().saturating_sub(Settings::MAX_FLAPS);
        changes.drain(..surplus);
        Some(Self {
            online,
            severity: absence(event, settings),
            name: rules::subject(rule, event),
            changes,
        })
    }

    fn changes_within(&self, span: Duration, now: Timestamp) -> usize {
        let recent = self.changes.iter().filter(|at| now.since(**at) < span);
        recent.count()
    }
}

/// How bad it is that the event's device is gone; None where nobody minds.
fn absence(event: &Event, settings: &Settings) -> Option<Severity> {
    let number = |field| event.data.get(field).and_then(serde_json::Value::as_u64);
    let flag = |field| event.data.get(field).and_then(serde_json::Value::as_bool);
    let important = match number("criticality").unwrap_or(0) {
        4.. => Some(Severity::High),
        3 => Some(Severity::Medium),
        _ if flag("favourite") == Some(true) => Some(Severity::Medium),
        _ => None,
    };
    match settings.offline {
        OfflineAlerts::Never => None,
        OfflineAlerts::Important => important,
        OfflineAlerts::All => important.or(Some(Severity::Low)),
    }
}

/// Judges an event.
///
/// `now` is the time of the event, so that a backlog is judged as it would have been in time.
pub fn judge(
    event: &Event,
    recent: &Recent,
    settings: &Settings,
    mutes: &[Mute],
    now: Timestamp,
) -> Decision {
    let Some(cause) = rules::cause(event) else {
        return Decision::Nothing;
    };
    let rule = cause.rule;
    let draft = |severity| draft(rule, cause.key.clone(), severity, event);
    match rule.effect {
        // About several alerts at once: the handler's.
        Effect::Gone => Decision::Nothing,
        Effect::Return => over(recent.latest, back_up(event)),
        Effect::Over => over(recent.latest, format!("{}.", rule.title)),
        Effect::Tell(severity) => {
            let draft = grouped(draft(severity), rule, recent, settings, now);
            report(draft.0, draft.1, settings, mutes, now)
        }
        Effect::Newcomer => {
            let random = event.data.get("randomised_mac");
            let random = random.and_then(serde_json::Value::as_bool) == Some(true);
            let severity = if random { Severity::Low } else { Severity::Medium };
            let draft = grouped(draft(severity), rule, recent, settings, now);
            report(draft.0, draft.1, settings, mutes, now)
        }
        Effect::Absence => {
            let Some(after) = Presence::after(recent.presence.as_ref(), rule, event, settings)
            else {
                return Decision::Nothing;
            };
            let Some(severity) = after.severity else {
                return Decision::Nothing;
            };
            let changes = after.changes_within(Settings::FLAP_SPAN, now);
            let flapping = recent.flapping.is_some_and(|k| k.status.is_open());
            if flapping || changes > settings.flap_limit {
                let draft = unstable(draft(severity), &after, changes);
                report(draft, recent.flapping, settings, mutes, now)
            } else {
                report(draft(severity), recent.latest, settings, mutes, now)
            }
        }
    }
}

/// Judges a device with an open flapping alert, as time passes without events: once it is quiet, the
/// alert is over; a device that stayed away then has an ordinary absence.
///
/// `latest` is the device's newest offline alert.
pub fn settle(
    device: DeviceId,
    flapping: Known,
    presence: &Presence,
    latest: Option<Known>,
    settings: &Settings,
    mutes: &[Mute],
    now: Timestamp,
) -> Vec<Decision> {
    if presence.changes_within(Settings::FLAP_SPAN, now) > settings.calm_limit() {
        return Vec::new();
    }
    let state = if presence.online { "online" } else { "offline" };
    let mut decisions = vec![Decision::Resolve {
        id: flapping.id,
        note: format!("Quiet again; it has stayed {state}."),
    }];
    let rule = Rule::of("device_offline").filter(|_| !presence.online);
    if let (Some(rule), Some(severity)) = (rule, presence.severity) {
        let draft = Draft {
            kind: OFFLINE,
            key: format!("{OFFLINE}:{device}"),
            severity,
            device: Some(device),
            title: titled(rule.title, &presence.name),
            detail: "It came and went for a while, and has stayed away.".to_owned(),
            evidence: None,
            recommendation: rule.recommendation,
        };
        decisions.push(report(draft, latest, settings, mutes, now));
    }
    decisions
}

fn over(latest: Option<Known>, note: String) -> Decision {
    latest
        .filter(|known| known.status.is_open())
        .map_or(Decision::Nothing, |known| Decision::Resolve { id: known.id, note })
}

fn back_up(event: &Event) -> String {
    let absent = event.data.get("absent_seconds");
    match absent.and_then(serde_json::Value::as_u64) {
        Some(secs) if secs > 0 => {
            format!("Back up after {}.", human_age(Duration::from_secs(secs)))
        }
        _ => "Back up.".to_owned(),
    }
}

fn report(
    draft: Draft,
    known: Option<Known>,
    settings: &Settings,
    mutes: &[Mute],
    now: Timestamp,
) -> Decision {
    if let Some(mute) = mutes.iter().find(|m| m.covers(draft.kind, draft.device, now)) {
        return Decision::Muted { mute: mute.id };
    }
    let Some(known) = known else {
        return Decision::Raise(draft);
    };
    let within = now.since(known.last_at) < settings.window;
    let repeat = match (known.status.is_open(), within) {
        (true, true) => Repeat::Quiet,
        (true, false) => Repeat::Renewed,
        (false, true) => Repeat::Reopened,
        (false, false) => return Decision::Raise(draft),
    };
    Decision::Bump { id: known.id, repeat, draft }
}

/// The alert that the draft goes to: its own, or that of the many once there are many.
fn grouped(
    draft: Draft,
    rule: &Rule,
    recent: &Recent,
    settings: &Settings,
    now: Timestamp,
) -> (Draft, Option<Known>) {
    if recent.latest.is_some_and(|k| k.status.is_open()) {
        return (draft, recent.latest);
    }
    let ongoing = recent
        .group
        .is_some_and(|g| g.status.is_open() && now.since(g.last_at) < Settings::GROUP_SPAN);
    if !ongoing && recent.raised < settings.group_after {
        return (draft, recent.latest);
    }
    let many = Draft {
        key: rule.group_key(),
        device: None,
        title: format!("Many at once: {}", lower_first(rule.title)),
        detail: format!("{}: {}", draft.title, draft.detail),
        ..draft
    };
    (many, recent.group)
}

fn unstable(draft: Draft, presence: &Presence, changes: usize) -> Draft {
    Draft {
        kind: FLAPPING,
        key: draft.key.replacen(OFFLINE, FLAPPING, 1),
        severity: draft.severity.max(Severity::Medium),
        title: titled("Comes and goes", &presence.name),
        detail: format!("It came or went {changes} times within an hour."),
        recommendation: "Check its cable, its power supply or its Wi-Fi signal. Its absences are \
                         counted here and raise no further alert until it is quiet.",
        ..draft
    }
}

fn draft(rule: &Rule, key: String, severity: Severity, event: &Event) -> Draft {
    Draft {
        kind: rule.alert,
        key,
        severity,
        device: event.device,
        title: titled(rule.title, &rules::subject(rule, event)),
        detail: event.summary.clone(),
        evidence: Some(event.id),
        recommendation: rule.recommendation,
    }
}

fn titled(title: &str, subject: &str) -> String {
    if subject.is_empty() { title.to_owned() } else { format!("{title}: {subject}") }
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}
