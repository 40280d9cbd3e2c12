//! What people do with alerts: permission, change and line in the audit log in one transaction.

use access::audit::{Entry, record};
use access::{Caller, Permission as P};
use detect::{Action, Alert, AlertError, AlertQuery, Alerts, Mute, NewMute};
use model::{AlertId, Timestamp};
use serde_json::{Value, json};
use store::Writing;

use crate::http::Failure;
use crate::site::Site;

/// Does something with one alert.
pub(crate) async fn act(
    site: &Site,
    by: &Caller,
    id: AlertId,
    action: Action,
    now: Timestamp,
) -> Result<Alert, Failure> {
    let (word, detail) = match &action {
        Action::Read => ("alert.read", json!({})),
        Action::Acknowledge { note } => ("alert.acknowledge", json!({ "note": note })),
        Action::Assign { to } => ("alert.assign", json!({ "to": to })),
        Action::Resolve { note } => ("alert.resolve", json!({ "note": note })),
        Action::Reopen => ("alert.reopen", json!({})),
    };
    let name = by.actor.name().to_owned();
    let entry = Entry::new(by, word, format!("alert:{id}"), now).with(detail);
    write(site, by, entry, move |alerts, w| alerts.act_in(w, id, action, &name, now)).await
}

/// Deletes one alert.
pub(crate) async fn delete(
    site: &Site,
    by: &Caller,
    id: AlertId,
    now: Timestamp,
) -> Result<Alert, Failure> {
    let name = by.actor.name().to_owned();
    let (store, alerts, by) = (&site.store, site.alerts.clone(), by.clone());
    by.require(P::AlertsManage)?;
    let write = move |w: &mut Writing<'_>| {
        let gone = alerts.delete_in(w, id, &name)?;
        let detail = json!({ "title": gone.title, "kind": gone.kind, "status": gone.status });
        record(w, Entry::new(&by, "alert.delete", format!("alert:{id}"), now).with(detail))?;
        Ok::<_, AlertError>(gone)
    };
    Ok(store.write_synced("alert deletion", write).await?)
}

/// Mutes a device or everything.
pub(crate) async fn mute(
    site: &Site,
    by: &Caller,
    new: NewMute,
    now: Timestamp,
) -> Result<Mute, Failure> {
    let subject = new.device.map(crate::pages::deeds::device).unwrap_or_default();
    let detail = json!({ "kind": new.kind, "until": new.until.rfc3339() });
    let name = by.actor.name().to_owned();
    let entry = Entry::new(by, "alert.mute", subject, now).with(detail);
    write(site, by, entry, move |alerts, w| alerts.mute_in(w, new, &name, now)).await
}

/// Lifts a mute.
pub(crate) async fn unmute(
    site: &Site,
    by: &Caller,
    id: i64,
    now: Timestamp,
) -> Result<Mute, Failure> {
    let name = by.actor.name().to_owned();
    let entry = Entry::new(by, "alert.unmute", format!("mute:{id}"), now);
    write(site, by, entry, move |alerts, w| alerts.unmute_in(w, id, &name, now)).await
}

/// Marks all alerts as read; how many were not.
pub(crate) async fn read_all(site: &Site, by: &Caller, now: Timestamp) -> Result<u64, Failure> {
    by.require(P::AlertsManage)?;
    let unread = site.alerts.unread().await?;
    note(site, by, "alert.read_all", json!({ "count": unread }), now).await?;
    Ok(site.alerts.read_all(by.actor.name(), now).await?)
}

/// Deletes all alerts that match, on all pages; how many.
pub(crate) async fn delete_all(
    site: &Site,
    by: &Caller,
    query: AlertQuery,
    now: Timestamp,
) -> Result<u64, Failure> {
    by.require(P::AlertsManage)?;
    let count = site.alerts.count(query.clone()).await?;
    let detail = json!({
        "count": count,
        "shown": format!("{:?}", query.shown),
        "severity": query.severity,
        "unread": query.unread,
        "device": query.device,
        "text": query.text,
    });
    note(site, by, "alert.delete_all", detail, now).await?;
    Ok(site.alerts.delete_all(query, by.actor.name()).await?)
}

/// What is done in many transactions is written down before the first.
async fn note(
    site: &Site,
    by: &Caller,
    action: &'static str,
    detail: Value,
    now: Timestamp,
) -> Result<(), Failure> {
    site.access.audit().append(Entry::new(by, action, "", now).with(detail)).await?;
    Ok(())
}

async fn write<T: Send + 'static>(
    site: &Site,
    by: &Caller,
    entry: Entry,
    change: impl FnOnce(&Alerts, &mut Writing<'_>) -> Result<T, AlertError> + Send + 'static,
) -> Result<T, Failure> {
    by.require(P::AlertsManage)?;
    let alerts = site.alerts.clone();
    let work = move |w: &mut Writing<'_>| {
        let done = change(&alerts, w)?;
        record(w, entry)?;
        Ok::<_, AlertError>(done)
    };
    Ok(site.store.write_synced("alert", work).await?)
}
