//! What is written down of changes: in the audit log, and as events.

use access::audit::{Entry, Outcome};
use access::{Actor, Caller};
use model::{NewEvent, Severity, Timestamp};
use serde_json::json;

use super::Changes;
use super::book::Pending;
use crate::secrets::shown;

impl Changes {
    pub(super) async fn note(
        &self,
        by: &Caller,
        action: &'static str,
        change: &Pending,
        outcome: Outcome,
        said: Option<&str>,
    ) {
        let lines: Vec<String> = change.commands.iter().map(shown).collect();
        let detail = json!({
            "why": change.why,
            "commands": lines,
            "seconds": change.seconds,
            "made_by": if by.actor == Actor::System { Some(&change.actor) } else { None },
            "said": said.filter(|said| !said.is_empty()),
        });
        let entry = Entry::new(by, action, format!("change:{}", change.number), Timestamp::now());
        let entry = entry.with(detail).ended(outcome);
        if let Err(error) = self.inner.audit.append(entry).await {
            tracing::error!(%error, change = change.number, action, "not in the audit log");
        }
    }

    pub(super) async fn publish(
        &self,
        kind: &'static str,
        severity: Severity,
        change: &Pending,
        why: &str,
    ) {
        let Pending { number, actor, why: purpose, .. } = change;
        let summary = match kind {
            "router_undo_failing" => {
                format!("Change {number} of {actor} cannot be undone yet: {why}")
            }
            _ => format!("Change {number} of {actor} was undone: {purpose}"),
        };
        let event = NewEvent {
            at: Timestamp::now(),
            source: "router",
            kind,
            severity,
            device: None,
            summary: summary.chars().take(400).collect(),
            data: json!({ "change": number, "actor": actor, "why": why }),
        };
        if let Err(error) = self.inner.events.publish(event).await {
            tracing::error!(%error, "an event about the router is lost");
        }
    }
}
