//! The form of a host's settings: from what is kept, and back.

use agents::{Host, HostSettings, Invalid};

use crate::pages::Form;
use crate::view::{Choice, Field, HostForm};

/// Times between two reports, seconds.
const INTERVALS: [u32; 8] = [1, 2, 5, 10, 30, 60, 120, 300];

/// The form as it is kept.
pub(super) fn of(host: &Host) -> HostForm {
    let settings = &host.settings;
    let limits = &settings.thresholds;
    let maybe = |value: Option<u32>| Field::new(value.map(|v| v.to_string()).unwrap_or_default());
    let lines = |list: &[String]| Field::new(list.join("\n"));
    let words = |seconds: u32| match seconds {
        60.. => format!("{} min", seconds / 60),
        _ => format!("{seconds} s"),
    };
    let mut all = INTERVALS.to_vec();
    if !all.contains(&settings.interval_s) {
        all.push(settings.interval_s);
        all.sort_unstable();
    }
    HostForm {
        name: Field::new(host.name.as_str()),
        note: Field::new(host.note.as_str()),
        interval: Choice::list(
            all.into_iter().map(|s| (s.to_string(), words(s))),
            &settings.interval_s.to_string(),
        ),
        passive: settings.passive,
        auth: settings.watch.auth,
        files: lines(&settings.watch.files),
        units: lines(&settings.watch.units),
        logs: lines(&settings.watch.logs),
        processes: settings.watch.processes,
        processes_allowed: host.hello.abilities.iter().any(|word| word == wire::WATCH_PROCESSES),
        cpu: maybe(limits.cpu_pct.map(u32::from)),
        memory: maybe(limits.memory_pct.map(u32::from)),
        disk: maybe(limits.disk_pct.map(u32::from)),
        temperature: maybe(limits.temperature_c.map(u32::from)),
        duration: maybe(Some(limits.for_s)),
        offline: maybe(limits.offline_s),
        failed_units: limits.units,
    }
}

/// What the form says, over what is kept.
pub(super) fn read(host: &Host, form: &Form) -> Result<HostSettings, (&'static str, String)> {
    let mut settings = host.settings.clone();
    let whole = |field: &'static str| {
        let parsed = match form.get(field) {
            "" => Ok(None),
            text => text.parse().map(Some),
        };
        parsed.map_err(|_| (field, "Give a whole number, or nothing.".to_owned()))
    };
    let small = |field: &'static str| -> Result<Option<u8>, (&'static str, String)> {
        let value: Option<u32> = whole(field)?;
        // What is too large is refused with its bounds.
        Ok(value.map(|v| u8::try_from(v).unwrap_or(u8::MAX)))
    };
    let list = |field: &str| -> Vec<String> {
        let lines = form.raw(field).lines().map(str::trim);
        lines.filter(|line| !line.is_empty()).map(str::to_owned).collect()
    };
    settings.interval_s = whole("interval")?.unwrap_or(10);
    settings.passive = form.ticked("passive");
    settings.watch.auth = form.ticked("auth");
    settings.watch.processes = form.ticked("processes");
    settings.watch.files = list("files");
    settings.watch.units = list("units");
    settings.watch.logs = list("logs");
    let limits = &mut settings.thresholds;
    limits.cpu_pct = small("cpu")?;
    limits.memory_pct = small("memory")?;
    limits.disk_pct = small("disk")?;
    limits.temperature_c = small("temperature")?;
    limits.for_s = whole("duration")?.unwrap_or(0);
    limits.offline_s = whole("offline")?;
    limits.units = form.ticked("failed_units");
    Ok(settings)
}

/// The form as it was sent, with words beside the field that is wrong.
pub(super) fn refused(host: &Host, form: &Form, field: &str, problem: &str) -> HostForm {
    let mut again = of(host);
    for name in FIELDS {
        if let Some(place) = field_of(&mut again, name) {
            *place = Field::new(form.raw(name));
        }
    }
    if let Some(place) = field_of(&mut again, field) {
        problem.clone_into(&mut place.error);
    }
    again
}

const FIELDS: [&str; 11] = [
    "name",
    "note",
    "files",
    "units",
    "logs",
    "cpu",
    "memory",
    "disk",
    "temperature",
    "duration",
    "offline",
];

fn field_of<'a>(form: &'a mut HostForm, name: &str) -> Option<&'a mut Field> {
    Some(match name {
        "name" => &mut form.name,
        "note" => &mut form.note,
        "files" => &mut form.files,
        "units" => &mut form.units,
        "logs" => &mut form.logs,
        "cpu" => &mut form.cpu,
        "memory" => &mut form.memory,
        "disk" => &mut form.disk,
        "temperature" => &mut form.temperature,
        "duration" => &mut form.duration,
        "offline" => &mut form.offline,
        _ => return None,
    })
}

/// The form's name of a field that the room refused.
pub(super) fn named(invalid: &Invalid) -> &'static str {
    match invalid.field {
        "cpu_pct" => "cpu",
        "memory_pct" => "memory",
        "disk_pct" => "disk",
        "temperature_c" => "temperature",
        "for_s" => "duration",
        "offline_s" => "offline",
        other => other,
    }
}
