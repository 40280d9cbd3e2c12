//! Joining a device with another one that a person knows to be the same.

use axum::extract::Path;
use axum::response::Response;
use discovery::Device;
use model::DeviceId;

use crate::http::Failure;
use crate::pages::{Ask, Form, deeds, done};
use crate::site::Site;
use crate::view::{Choice, ConfirmPage, Place, Tone};

/// The most devices that are offered; the likeliest are among them.
const OFFERED: usize = 50;

/// Other devices that it could be, the likeliest first.
pub(super) fn choices(site: &Site, device: &Device) -> Vec<Choice> {
    let mut others: Vec<(u8, String, DeviceId)> = site.discovery.with_all(|all| {
        let others = all.filter(|other| other.id != device.id);
        others.map(|other| (u8::MAX - likeness(device, other), other.name(), other.id)).collect()
    });
    others.sort_unstable();
    others.truncate(OFFERED);
    let options = others.into_iter().map(|(_, name, id)| {
        let place = site.discovery.with(id, |d| match d.main_address() {
            Some(address) => address.ip.to_string(),
            None => d.mac.to_string(),
        });
        (id.to_string(), format!("{name} ({})", place.unwrap_or_default()))
    });
    Choice::list(options, "")
}

/// How much speaks for two devices being one.
fn likeness(a: &Device, b: &Device) -> u8 {
    let same = |a: Option<&str>, b: Option<&str>| a.is_some() && a == b;
    let points = [
        (8, same(a.hostname(), b.hostname())),
        (2, same(a.model(), b.model())),
        (2, a.device_type().is_some() && a.device_type() == b.device_type()),
        (1, same(a.brand().or(a.vendor()), b.brand().or(b.vendor()))),
        // One device cannot be there twice, or so it mostly is.
        (1, a.presence.online != b.presence.online),
        (1, a.interface == b.interface),
    ];
    points.iter().filter(|(_, fits)| *fits).map(|(points, _)| points).sum()
}

/// The other device, as a form or link names it.
fn other(ask: &Ask, device: &Device, text: &str) -> Option<Device> {
    let id = text.parse().ok().map(DeviceId).filter(|id| *id != device.id)?;
    ask.site.discovery.get(id)
}

fn choose(device: &Device) -> Response {
    done(&format!("/devices/{}", device.id), Tone::Warn, "Choose another device to merge with.")
}

pub(super) async fn ask_merge(ask: Ask, Path(id): Path<String>) -> Result<Response, Failure> {
    let device = super::find(&ask.site, &id).await?;
    let Some(into) = other(&ask, &device, ask.query.get("into").unwrap_or_default()) else {
        return Ok(choose(&device));
    };
    let (gone, stays) = (device.name(), into.name());
    ask.page(&ConfirmPage {
        shell: ask.shell("Merge devices", Some(Place::Devices)).await,
        question: format!("Is \u{201c}{gone}\u{201d} the same device as \u{201c}{stays}\u{201d}?"),
        consequences: vec![
            format!("{stays} keeps its name, notes and corrections."),
            format!(
                "It takes over the addresses and the history of {gone}, which is no longer listed."
            ),
            "Links to either lead to it. This cannot be undone.".to_owned(),
        ],
        action: format!("/devices/{}/merge", device.id),
        fields: vec![("into".to_owned(), into.id.to_string())],
        button: "Merge".to_owned(),
        danger: true,
        cancel: format!("/devices/{}", device.id),
    })
}

pub(super) async fn merge(
    ask: Ask,
    Path(id): Path<String>,
    form: Form,
) -> Result<Response, Failure> {
    let device = super::find(&ask.site, &id).await?;
    let Some(into) = other(&ask, &device, form.get("into")) else {
        return Ok(choose(&device));
    };
    let by = &ask.visitor.caller;
    let merged = deeds::merge(&ask.site, by, device.id, into.id, ask.now).await?;
    let text = format!("{} is part of {} now.", device.name(), merged.name());
    Ok(done(&format!("/devices/{}", merged.id), Tone::Ok, &text))
}
