//! Devices, alerts and events as lists show them: the same on pages, in search and on live pages.

use std::time::Duration;

use detect::{Alert, Status};
use discovery::Device;
use discovery::enrich::DeviceType;
use model::{DeviceId, Event, Timestamp};

use crate::site::Site;
use crate::view::{AlertRow, AlertStatus, BellItem, DeviceRow, EventRow, Link, Moment};
use crate::view::{Presence, Said, Strip};

/// How long a device that nobody has confirmed counts as new.
const NEW_FOR: Duration = Duration::from_secs(86_400);

/// The longest data of an event that a list shows, in characters.
const MOST_DATA: usize = 4_000;

/// Devices by number as rows, in the order asked for; those that are gone meanwhile are left out.
pub(crate) async fn devices(site: &Site, ids: &[DeviceId], now: Timestamp) -> Vec<DeviceRow> {
    let devices = site.discovery.get_all(ids);
    let strips = site.recent().strips(&site.discovery, &devices, now).await;
    devices.iter().zip(strips).map(|(device, strip)| row(device, strip, now)).collect()
}

/// A device as a row.
pub(crate) fn row(device: &Device, strip: Strip, now: Timestamp) -> DeviceRow {
    let address = device.main_address().filter(|a| a.current);
    let current = device.addresses.iter().filter(|a| a.current).count();
    let seen = device.presence.last_seen;
    DeviceRow {
        id: device.id.0,
        name: device.name(),
        icon: icon(device).to_owned(),
        presence: presence(device),
        new: is_new(device, now),
        favourite: device.person.favourite,
        randomised: device.evidence.randomised_mac,
        address: address.map(|a| a.ip.to_string()).unwrap_or_default(),
        more_addresses: u32::try_from(current.saturating_sub(1)).unwrap_or(u32::MAX),
        mac: device.mac.to_string(),
        vendor: device.vendor().unwrap_or_default().to_owned(),
        kind: device.device_type().map(kind).unwrap_or_default(),
        interface: device.interface.clone().unwrap_or_default(),
        strip,
        seen: (seen > Timestamp(0)).then(|| Moment::ago(seen, now)),
    }
}

/// The icon of the sprite: a person's choice, else its type's.
pub(crate) fn icon(device: &Device) -> &str {
    let chosen = device.person.icon.as_deref();
    chosen.or(device.device_type().map(DeviceType::as_str)).unwrap_or("device")
}

/// Whether it is there.
pub(crate) const fn presence(device: &Device) -> Presence {
    match device.presence.online {
        _ if device.manual => Presence::Unknown,
        true => Presence::Online,
        false => Presence::Offline,
    }
}

/// First heard within a day, and nobody has said that it belongs here.
pub(crate) fn is_new(device: &Device, now: Timestamp) -> bool {
    !device.person.known && device.presence.first_seen > now.minus(NEW_FOR)
}

/// A type as a label, such as `Smart device`.
pub(crate) fn kind(kind: DeviceType) -> String {
    capital(kind.for_people())
}

/// A word with a capital.
pub(crate) fn capital(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map(|c| c.to_uppercase().collect::<String>() + chars.as_str()).unwrap_or_default()
}

/// A way to a device, by its name.
pub(crate) fn device_link(site: &Site, id: DeviceId) -> Option<Link> {
    let label = site.discovery.with(id, Device::name)?;
    Some(Link { label, href: format!("/devices/{id}") })
}

/// An event as a row.
pub(crate) fn event(site: &Site, event: &Event, now: Timestamp) -> EventRow {
    let empty = match &event.data {
        serde_json::Value::Null => true,
        serde_json::Value::Object(map) => map.is_empty(),
        _ => false,
    };
    let data = if empty {
        String::new()
    } else {
        let text = serde_json::to_string_pretty(&event.data).unwrap_or_default();
        text.chars().take(MOST_DATA).collect()
    };
    EventRow {
        id: event.id.0,
        at: Moment::ago(event.at, now),
        severity: event.severity.to_string(),
        tone: event.severity.into(),
        source: event.source.clone(),
        kind: event.kind.clone(),
        device: event.device.and_then(|id| device_link(site, id)),
        summary: event.summary.clone(),
        data,
    }
}

/// Where an event stands in the list.
pub(crate) fn event_href(id: model::EventId) -> String {
    // The list before the next number begins with it.
    format!("/events?before={}#event-{id}", id.0 + 1)
}

/// An alert as a row.
pub(crate) fn alert(site: &Site, alert: &Alert, now: Timestamp) -> AlertRow {
    let said = |who: &Option<String>, at: Option<Timestamp>, note: &str| {
        let who = who.clone()?;
        Some(Said { who, at: Moment::ago(at?, now), note: note.to_owned() })
    };
    let evidence = alert.evidence.iter().rev().take(4).enumerate();
    AlertRow {
        id: alert.id.0,
        title: alert.title.clone(),
        text: alert.detail.clone(),
        severity: alert.severity.to_string(),
        tone: alert.severity.into(),
        status: match alert.status {
            Status::New => AlertStatus::Active,
            Status::Acknowledged => AlertStatus::Acknowledged,
            Status::Resolved => AlertStatus::Resolved,
        },
        unread: alert.read_at.is_none(),
        count: alert.count,
        first: Moment::ago(alert.at, now),
        last: Moment::ago(alert.last_at, now),
        device: alert.device.and_then(|id| device_link(site, id)),
        assignee: alert.assignee.clone().unwrap_or_default(),
        acknowledged: said(&alert.acknowledged_by, alert.acknowledged_at, &alert.note),
        resolved: said(&alert.resolved_by, alert.resolved_at, &alert.resolution),
        evidence: evidence
            .map(|(n, id)| Link {
                label: if n == 0 { "Newest event".to_owned() } else { format!("Event {}", n + 1) },
                href: event_href(*id),
            })
            .collect(),
        recommendation: alert.recommendation.clone(),
    }
}

/// An alert as short lists show it: the overview's and the bell's.
pub(crate) fn alert_item(alert: Alert, now: Timestamp) -> BellItem {
    BellItem {
        href: format!("/alerts/{}", alert.id),
        severity: alert.severity.to_string(),
        tone: alert.severity.into(),
        at: Moment::ago(alert.last_at, now),
        unread: alert.read_at.is_none(),
        title: alert.title,
    }
}
