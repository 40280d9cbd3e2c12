//! One device: what is known of it and why, and what people do with it.

mod form;
mod merge;
mod parts;

use std::time::Duration;

use access::Permission as P;
use axum::extract::Path;
use axum::http::Method;
use axum::response::Response;
use discovery::edit::Invalid;
use discovery::{Device, DiscoveryError};
use model::DeviceId;

use super::{Ask, Form, deeds, done, rows, see_other};
use crate::http::{Entry, Failure, Route, Routes};
use crate::site::Site;
use crate::view::{ConfirmPage, DeviceDetailPage, DeviceForm, Flash, Moment, Place, Tone};

/// How long a person waits for a port scan before the page goes on without it.
const SCAN_PATIENCE: Duration = Duration::from_secs(8);

pub(super) fn routes() -> Routes<Site> {
    let needs = Entry::Needs;
    Routes::new()
        .add(Route::new(Method::GET, "/devices/{id}", needs(P::DevicesRead), show, "One device"))
        .add(Route::new(Method::POST, "/devices/{id}", needs(P::DevicesEdit), edit, "Correct it"))
        .add(Route::new(
            Method::POST,
            "/devices/{id}/ports",
            needs(P::DevicesScan),
            scan_ports,
            "Scan its ports",
        ))
        .add(Route::new(Method::POST, "/devices/{id}/wake", needs(P::DevicesWake), wake, "Wake it"))
        .add(Route::new(
            Method::GET,
            "/devices/{id}/merge",
            needs(P::DevicesEdit),
            merge::ask_merge,
            "Ask before joining it with another one",
        ))
        .add(Route::new(
            Method::POST,
            "/devices/{id}/merge",
            needs(P::DevicesEdit),
            merge::merge,
            "Join it with another one",
        ))
        .add(Route::new(
            Method::GET,
            "/devices/{id}/forget",
            needs(P::DevicesForget),
            ask_forget,
            "Ask before forgetting it",
        ))
        .add(Route::new(
            Method::POST,
            "/devices/{id}/forget",
            needs(P::DevicesForget),
            forget,
            "Forget it",
        ))
}

/// The device, or where to look instead: another device that it turned out to be, or nowhere.
pub(super) async fn find(site: &Site, id: &str) -> Result<Device, Failure> {
    let none = || {
        let message = "There is no such device. It may have been forgotten, or it never existed.";
        Failure::not_found(message)
    };
    let id = id.parse().map(DeviceId).map_err(|_| none())?;
    if let Some(device) = site.discovery.get(id) {
        return Ok(device);
    }
    match site.discovery.merged_into(id).await? {
        Some(into) => Err(none().or_go_to(format!("/devices/{into}"))),
        None => Err(none()),
    }
}

async fn show(ask: Ask, Path(id): Path<String>) -> Result<Response, Failure> {
    let device = find(&ask.site, &id).await?;
    let form = form::of(&device);
    let page = detail(&ask, &device, form).await?;
    ask.page(&page)
}

async fn detail(ask: &Ask, device: &Device, form: DeviceForm) -> Result<DeviceDetailPage, Failure> {
    let (site, now, id) = (&ask.site, ask.now, device.id);
    let range = parts::Range::of(ask.query.get("range"));
    let one = std::slice::from_ref(device);
    let name = device.name();
    let (shell, mut strips, presence, scan, story, agent) = tokio::join!(
        ask.shell(&name, Some(Place::Devices)),
        site.recent().strips(&site.discovery, one, now),
        parts::presence(site, device, range, now),
        site.discovery.port_scan(id),
        site.discovery.timeline(id, discovery::TIMELINE),
        super::agents::panel(ask, id),
    );
    let strip = strips.pop().unwrap_or_else(|| crate::view::Strip::new(&[], ""));
    Ok(DeviceDetailPage {
        shell,
        device: rows::row(device, strip, now),
        first_seen: (!device.manual).then(|| Moment::ago(device.presence.first_seen, now)),
        identity: parts::identity(device),
        corrected: device.person.corrected.is_some(),
        addresses: parts::addresses(site, device, now),
        presence: presence?,
        services: parts::services(device, now),
        ports: parts::ports(device, scan?.as_ref(), now),
        notes: device.person.notes.clone(),
        tags: device.person.tags.clone(),
        criticality: form::importance(device.person.criticality).to_owned(),
        story: parts::story(&story?, now),
        form,
        agent,
        merge_choices: if ask.may(P::DevicesEdit) {
            merge::choices(site, device)
        } else {
            Vec::new()
        },
    })
}

async fn edit(ask: Ask, Path(id): Path<String>, sent: Form) -> Result<Response, Failure> {
    let device = find(&ask.site, &id).await?;
    let (patch, correction) = form::read(&device, &sent);
    // Both are checked before either is stored.
    let fits =
        patch.clone().apply(&mut device.person.clone()).and_then(|()| correction.correction());
    let corrected = match fits {
        Ok(corrected) => corrected,
        Err(invalid) => return refuse(&ask, &device, &sent, &invalid).await,
    };
    let by = &ask.visitor.caller;
    deeds::edit(&ask.site, by, device.id, patch, ask.now).await?;
    if corrected != device.person.corrected {
        deeds::correct(&ask.site, by, device.id, correction, ask.now).await?;
    }
    Ok(done(
        &format!("/devices/{}", device.id),
        Tone::Ok,
        "Saved. Automation leaves this alone now.",
    ))
}

async fn refuse(
    ask: &Ask,
    device: &Device,
    sent: &Form,
    invalid: &Invalid,
) -> Result<Response, Failure> {
    let mut form = form::sent(device, sent);
    let problem = rows::capital(&format!("{}.", invalid.problem));
    let at = form::field(&mut form, invalid.field);
    let beside = at.map(|field| field.error.clone_from(&problem)).is_some();
    let mut page = detail(ask, device, form).await?;
    if !beside {
        let text = rows::capital(&format!("{}: {}", invalid.field, invalid.problem));
        page.shell.flash.push(Flash { tone: Tone::Bad, text });
    }
    ask.refused(&page)
}

async fn scan_ports(ask: Ask, Path(id): Path<String>) -> Result<Response, Failure> {
    let device = find(&ask.site, &id).await?;
    let place = format!("/devices/{}#ports", device.id);
    let work = deeds::scan_ports(&ask.site, &ask.visitor.caller, device.id, ask.now);
    Ok(match tokio::time::timeout(SCAN_PATIENCE, work).await {
        Ok(Ok(scan)) => {
            let open = scan.open().count();
            let ports = if open == 1 { "port" } else { "ports" };
            done(&place, Tone::Ok, &format!("Scan done: {open} open {ports} of {}.", scan.asked))
        }
        // It goes on by itself.
        Err(_) => done(&place, Tone::Info, "The scan takes a while; load this page again."),
        Ok(Err(failure)) => done(&place, Tone::Warn, &failure.explained.message),
    })
}

async fn wake(ask: Ask, Path(id): Path<String>) -> Result<Response, Failure> {
    let device = find(&ask.site, &id).await?;
    let place = format!("/devices/{}", device.id);
    Ok(match deeds::wake(&ask.site, &ask.visitor.caller, device.id, ask.now).await {
        Ok(woken) => {
            let on = woken.interfaces.join(", ");
            let text = format!("The wake-up call was sent on {on}. It may take a minute to boot.");
            done(&place, Tone::Ok, &text)
        }
        Err(failure) => done(&place, Tone::Bad, &failure.explained.message),
    })
}

async fn ask_forget(ask: Ask, Path(id): Path<String>) -> Result<Response, Failure> {
    let device = find(&ask.site, &id).await?;
    let place = format!("/devices/{}", device.id);
    ask.page(&ConfirmPage {
        shell: ask.shell("Forget a device", Some(Place::Devices)).await,
        question: format!("Forget \u{201c}{}\u{201d}?", device.name()),
        consequences: vec![
            "Its name, notes, corrections, addresses, presence and port scans are deleted.".into(),
            "Events and the audit log keep what they say about it.".into(),
            "If it is still attached, it comes back as a new device.".into(),
        ],
        action: format!("{place}/forget"),
        fields: Vec::new(),
        button: "Forget".to_owned(),
        danger: true,
        cancel: place,
    })
}

async fn forget(ask: Ask, Path(id): Path<String>) -> Result<Response, Failure> {
    let device = match find(&ask.site, &id).await {
        Ok(device) => device,
        // Forgotten already, perhaps by a second click.
        Err(failure) if failure.instead.is_none() => return Ok(see_other("/devices")),
        Err(failure) => return Err(failure),
    };
    match deeds::forget(&ask.site, &ask.visitor.caller, device.id, ask.now).await {
        Err(failure)
            if failure.explained.code == DiscoveryError::NotFound(device.id).explain().code =>
        {
            Ok(see_other("/devices"))
        }
        Err(failure) => Err(failure),
        Ok(()) => Ok(done("/devices", Tone::Ok, &format!("{} was forgotten.", device.name()))),
    }
}
