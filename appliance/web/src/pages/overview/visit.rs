//! What changed since the person's last visit: since they used the site before this session.

use std::collections::BTreeMap;

use access::Caller;
use access::audit::Filter;
use events::EventQuery;
use model::Timestamp;

use crate::http::Failure;
use crate::pages::Ask;
use crate::view::{Link, Moment, SinceLast, count};

/// Events that are looked at; more is "more than".
const MOST: usize = 200;

/// Kinds that a person wants to hear of, with their words for one and for several.
const TOLD: [(&str, &str, &str); 8] = [
    ("new_device", "new device", "new devices"),
    ("ip_conflict", "address conflict", "address conflicts"),
    ("arp_spoof", "forged address", "forged addresses"),
    ("dhcp_rogue", "foreign DHCP server", "foreign DHCP servers"),
    ("router_advertisement_rogue", "foreign router", "foreign routers"),
    ("ports_changed", "device with changed ports", "devices with changed ports"),
    ("device_merged", "device recognised as another", "devices recognised as others"),
    ("device_forgotten", "device forgotten", "devices forgotten"),
];

/// What changed; None on the first visit, and for keys.
pub(super) async fn since_last(ask: &Ask) -> Result<Option<SinceLast>, Failure> {
    let Some(last) = last_visit(ask).await? else { return Ok(None) };
    let query = EventQuery {
        kinds: TOLD.iter().map(|(kind, ..)| (*kind).to_owned()).collect(),
        from: Some(Timestamp(last.0 + 1)),
        limit: MOST,
        ..EventQuery::default()
    };
    let page = ask.site.events.list(query).await?;
    let mut counts = BTreeMap::<&str, u64>::new();
    for event in &page.events {
        *counts.entry(event.kind.as_str()).or_default() += 1;
    }
    let more = if page.next.is_some() { "more than " } else { "" };
    let changes = TOLD.iter().filter_map(|(kind, one, several)| {
        let n = *counts.get(kind)?;
        let words = if n == 1 { one } else { several };
        let href = match *kind {
            "new_device" => "/devices?sort=-first_seen".to_owned(),
            _ => format!("/events?kind={kind}"),
        };
        Some(Link { label: format!("{more}{} {words}", count(n)), href })
    });
    Ok(Some(SinceLast { at: Moment::ago(last, ask.now), changes: changes.collect() }))
}

/// When they were here before this session: what they used last of other sessions, or, where those
/// have ended, what they did last.
async fn last_visit(ask: &Ask) -> Result<Option<Timestamp>, Failure> {
    let Some(session) = ask.visitor.session.as_deref() else { return Ok(None) };
    let access = &ask.site.access;
    let sessions = access.sessions(&ask.visitor.caller, session.person, ask.now)?;
    let Some(began) = sessions.iter().find(|s| s.id == session.session).map(|s| s.created_at)
    else {
        return Ok(None);
    };
    let others = sessions.iter().filter(|s| s.id != session.session);
    let used = others.map(|s| s.last_seen_at.min(began)).max();
    // One's own lines: whoever may not read the audit log sees no more of them than this time.
    let filter = Filter {
        actor: Some(session.name.to_string()),
        to: Some(began),
        limit: 1,
        ..Filter::default()
    };
    let page = access.audit().page(&Caller::system(), filter).await?;
    let did = page.rows.first().map(|row| row.at);
    Ok(used.max(did))
}
