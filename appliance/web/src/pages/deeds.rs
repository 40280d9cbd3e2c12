//! What people do to devices, for pages and the API alike: permission, change and line in the audit
//! log, the latter in the transaction of the change.

use std::time::Duration;

use access::audit::{Entry, record};
use access::{Caller, Permission as P};
use discovery::edit::{DevicePatch, EnrichmentPatch, NewDevice};
use discovery::{Device, DiscoveryError, PortScan, ScanReport, Woken};
use futures_util::future::join_all;
use model::{DeviceId, Timestamp};
use serde_json::{Map, Value, json};
use store::{StoreError, Writing};
use tokio::sync::oneshot;

use crate::http::Failure;
use crate::live::{Audience, Patch};
use crate::site::Site;
use crate::view::live::{self, Toast};

/// How long a person waits for a scan before the page goes on without its result.
const SCAN_PATIENCE: Duration = Duration::from_secs(4);

/// The line of the audit log, to be written where the change is.
pub(crate) fn audited(
    by: &Caller,
    action: &'static str,
    subject: impl Into<String>,
    at: Timestamp,
    detail: Value,
) -> impl FnOnce(&mut Writing<'_>) -> Result<(), StoreError> + Send + 'static {
    let entry = Entry::new(by, action, subject, at).with(detail);
    move |w| record(w, entry).map(drop)
}

/// The device's name in the audit log.
pub(crate) fn device(id: DeviceId) -> String {
    format!("device:{id}")
}

/// Changes what people say about a device.
pub(crate) async fn edit(
    site: &Site,
    by: &Caller,
    id: DeviceId,
    patch: DevicePatch,
    now: Timestamp,
) -> Result<Device, Failure> {
    by.require(P::DevicesEdit)?;
    let old = site.discovery.with(id, |d| serde_json::to_value(&d.person).unwrap_or_default());
    let new = given(serde_json::to_value(&patch).unwrap_or_default());
    let old: Map<String, Value> = match old {
        Some(Value::Object(all)) => all.into_iter().filter(|(k, _)| new.contains_key(k)).collect(),
        _ => Map::new(),
    };
    let detail = json!({ "old": old, "new": new });
    let also = audited(by, "device.edit", device(id), now, detail);
    Ok(site.discovery.edit(id, patch, also).await?)
}

/// Corrects what a device is; an empty correction gives it back to automation.
pub(crate) async fn correct(
    site: &Site,
    by: &Caller,
    id: DeviceId,
    patch: EnrichmentPatch,
    now: Timestamp,
) -> Result<Device, Failure> {
    by.require(P::DevicesEdit)?;
    let old = site.discovery.with(id, |d| d.person.corrected.clone());
    let detail = json!({ "old": old.flatten(), "new": &patch });
    let also = audited(by, "device.correct", device(id), now, detail);
    Ok(site.discovery.correct(id, patch, also).await?)
}

/// Marks devices as known or unknown; how many there were of them.
pub(crate) async fn mark(
    site: &Site,
    by: &Caller,
    ids: &[DeviceId],
    known: bool,
    now: Timestamp,
) -> Result<usize, Failure> {
    by.require(P::DevicesEdit)?;
    let patch = DevicePatch { known: Some(known), ..DevicePatch::default() };
    // Together, so that the writer puts them into one batch.
    let all = ids.iter().map(|id| edit(site, by, *id, patch.clone(), now));
    let mut marked = 0;
    for outcome in join_all(all).await {
        match outcome {
            Ok(_) => marked += 1,
            Err(failure) if failure.status == axum::http::StatusCode::NOT_FOUND => {}
            Err(failure) => return Err(failure),
        }
    }
    Ok(marked)
}

/// Takes in a device that a person enters by hand.
pub(crate) async fn create(
    site: &Site,
    by: &Caller,
    new: NewDevice,
    now: Timestamp,
) -> Result<Device, DiscoveryError> {
    let entry = Entry::new(by, "device.add", "", now).with(json!({ "new": &new }));
    let also = move |w: &mut Writing<'_>, id: DeviceId| {
        record(w, Entry { subject: device(id), ..entry }).map(drop)
    };
    site.discovery.create(new, now, also).await
}

/// Forgets a device with its history.
pub(crate) async fn forget(
    site: &Site,
    by: &Caller,
    id: DeviceId,
    now: Timestamp,
) -> Result<(), Failure> {
    by.require(P::DevicesForget)?;
    let gone = site.discovery.with(id, |d| json!({ "name": d.name(), "mac": d.mac }));
    let also = audited(by, "device.forget", device(id), now, json!({ "old": gone }));
    Ok(site.discovery.forget(id, now, also).await?)
}

/// How far a scan came while somebody waited.
pub(crate) enum Scan {
    /// It ended.
    Done(ScanReport),
    /// It goes on; the person's open pages will be told.
    Running,
}

/// Asks every address of the local networks. The scan goes on where the person does not wait.
pub(crate) async fn scan(site: &Site, by: &Caller, now: Timestamp) -> Result<Scan, Failure> {
    by.require(P::DevicesScan)?;
    site.access.audit().append(Entry::new(by, "device.scan", "", now)).await?;
    let (tell, told) = oneshot::channel();
    let (working, person) = (site.clone(), by.actor.person());
    tokio::spawn(async move {
        let outcome = working.discovery.scan_now().await;
        // Nobody waits any more: tell the person's pages.
        if let (Err(outcome), Some(person)) = (tell.send(outcome), person) {
            let (tone, text) = match outcome {
                Ok(report) => ("ok", scan_words(&report)),
                Err(error) => ("bad", Failure::from(error).explained.message),
            };
            toast(&working, Audience::Person(person), tone, text);
        }
    });
    match tokio::time::timeout(SCAN_PATIENCE, told).await {
        Ok(Ok(outcome)) => Ok(Scan::Done(outcome?)),
        Ok(Err(_)) => Err(Failure::unavailable("The scan ended early; try again.")),
        Err(_) => Ok(Scan::Running),
    }
}

/// What a scan found, in a sentence.
pub(crate) fn scan_words(report: &ScanReport) -> String {
    let seconds = report.took_ms as f64 / 1_000.0;
    let skipped = if report.skipped.is_empty() {
        String::new()
    } else {
        format!(" Left out: {}.", report.skipped.join("; "))
    };
    format!(
        "Scan done: {} of {} addresses answered, in {seconds:.1} s.{skipped}",
        report.answered, report.asked
    )
}

fn toast(site: &Site, audience: Audience, tone: &'static str, text: String) {
    let toast = Toast { tone, text, href: "/devices".to_owned() };
    let patch = live::Patch { toasts: vec![toast], ..live::Patch::default() };
    let json = serde_json::to_string(&patch).unwrap_or_default().into();
    site.live.publish(Patch { audience, topic: super::push::EVERYWHERE.into(), json });
}

/// The fields that a patch gives.
fn given(patch: Value) -> Map<String, Value> {
    match patch {
        Value::Object(all) => all.into_iter().filter(|(_, v)| !v.is_null()).collect(),
        _ => Map::new(),
    }
}

/// Asks a device's ports.
pub(crate) async fn scan_ports(
    site: &Site,
    by: &Caller,
    id: DeviceId,
    now: Timestamp,
) -> Result<PortScan, Failure> {
    by.require(P::DevicesScan)?;
    let also = audited(by, "device.scan_ports", device(id), now, json!({}));
    Ok(site.discovery.scan_ports(id, now, also).await?)
}

/// Sends a device the magic packet.
pub(crate) async fn wake(
    site: &Site,
    by: &Caller,
    id: DeviceId,
    now: Timestamp,
) -> Result<Woken, Failure> {
    by.require(P::DevicesWake)?;
    let also = audited(by, "device.wake", device(id), now, json!({}));
    Ok(site.discovery.wake(id, now, also).await?)
}

/// Joins two devices that are one; `into` stays.
pub(crate) async fn merge(
    site: &Site,
    by: &Caller,
    absorbed: DeviceId,
    into: DeviceId,
    now: Timestamp,
) -> Result<Device, Failure> {
    by.require(P::DevicesEdit)?;
    let gone = site.discovery.with(absorbed, |d| json!({ "name": d.name(), "mac": d.mac }));
    let detail = json!({ "absorbed": absorbed, "old": gone });
    let also = audited(by, "device.merge", device(into), now, detail);
    Ok(site.discovery.merge(absorbed, into, now, also).await?)
}
