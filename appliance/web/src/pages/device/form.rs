//! The form that corrects a device, filled and read.

use discovery::Device;
use discovery::edit::{DevicePatch, EnrichmentPatch};
use discovery::enrich::DeviceType;

use crate::pages::Form;
use crate::pages::devices::kind_choices;
use crate::view::{Choice, DeviceForm, Field};

/// How much depends on a device, by its criticality.
const IMPORTANCE: [&str; 5] = ["None", "Low", "Normal", "High", "Critical"];

/// The word for a criticality.
pub(super) fn importance(criticality: u8) -> &'static str {
    IMPORTANCE.get(usize::from(criticality)).unwrap_or(&IMPORTANCE[4])
}

/// What people said so far.
pub(super) fn of(device: &Device) -> DeviceForm {
    let person = &device.person;
    let corrected = person.corrected.clone().unwrap_or_default();
    let field = |text: Option<String>| Field::new(text.unwrap_or_default());
    DeviceForm {
        name: field(person.name.clone()),
        automatic_name: automatic_name(device),
        icons: kind_choices(person.icon.as_deref().unwrap_or_default()),
        kinds: kind_choices(corrected.device_type.map(DeviceType::as_str).unwrap_or_default()),
        os: Field::new(os(device)),
        brand: field(corrected.brand),
        model: field(corrected.model),
        tags: Field::new(person.tags.join(", ")),
        criticality: criticalities(&person.criticality.to_string()),
        notes: Field::new(person.notes.clone()),
        known: person.known,
        favourite: person.favourite,
    }
}

/// The form as it was sent, to be put right.
pub(super) fn sent(device: &Device, form: &Form) -> DeviceForm {
    let field = |name| Field::new(form.raw(name));
    DeviceForm {
        name: field("name"),
        automatic_name: automatic_name(device),
        icons: kind_choices(form.get("icon")),
        kinds: kind_choices(form.get("type")),
        os: field("os"),
        brand: field("brand"),
        model: field("model"),
        tags: field("tags"),
        criticality: criticalities(form.get("criticality")),
        notes: field("notes"),
        known: form.ticked("known"),
        favourite: form.ticked("favourite"),
    }
}

/// What the form says. It is whole: a field that is empty takes its value away.
pub(super) fn read(device: &Device, form: &Form) -> (DevicePatch, EnrichmentPatch) {
    let text = |name| Some(form.get(name).to_owned());
    let tags = form.raw("tags").split(',').map(str::to_owned).collect();
    let now = device.person.criticality;
    let patch = DevicePatch {
        name: text("name"),
        icon: text("icon"),
        notes: Some(form.raw("notes").to_owned()),
        known: Some(form.ticked("known")),
        favourite: Some(form.ticked("favourite")),
        tags: Some(tags),
        criticality: Some(form.get("criticality").parse().unwrap_or(now)),
    };
    // Family and version share a field; what was not touched stays two.
    let corrected = device.person.corrected.clone().unwrap_or_default();
    let untouched = form.get("os") == os(device);
    let (os_family, os_version) =
        if untouched { (corrected.os_family, corrected.os_version) } else { (text("os"), None) };
    let correction = EnrichmentPatch {
        device_type: text("type"),
        os_family,
        os_version,
        brand: text("brand"),
        model: text("model"),
    };
    (patch, correction)
}

/// The field of the form that a refusal is about.
pub(super) fn field<'a>(form: &'a mut DeviceForm, name: &str) -> Option<&'a mut Field> {
    match name {
        "name" => Some(&mut form.name),
        "os_family" | "os_version" => Some(&mut form.os),
        "brand" => Some(&mut form.brand),
        "model" => Some(&mut form.model),
        "tags" => Some(&mut form.tags),
        _ => None,
    }
}

/// The corrected operating system in one line.
fn os(device: &Device) -> String {
    let corrected = device.person.corrected.clone().unwrap_or_default();
    let words = [corrected.os_family, corrected.os_version];
    words.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

fn criticalities(chosen: &str) -> Vec<Choice> {
    Choice::list(IMPORTANCE.iter().enumerate().map(|(n, word)| (n.to_string(), *word)), chosen)
}

/// What it would be called if nobody had named it.
fn automatic_name(device: &Device) -> String {
    let mut unnamed = device.clone();
    unnamed.person.name = None;
    unnamed.name()
}
