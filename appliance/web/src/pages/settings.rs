//! Settings: where to look, when a device is away, what is an alert, how long things are kept.

use access::audit::{Entry as Line, Outcome, record};
use access::{AccessError, Permission as P, SessionPolicy};
use axum::http::{Method, header};
use axum::response::{IntoResponse, Response};
use discovery::Settings;
use serde_json::{Map, Value, json};
use store::{StoreError, read_setting, write_setting};

use super::errors::sentence;
use super::settings_view::{ALERTS, Number, RETENTION, offline_choices, settings_page};
use super::{Ask, Form, done};
use crate::http::{Entry, Failure, Route, Routes};
use crate::site::Site;
use crate::tls::Ca;
use crate::view::{Field, Tone, bytes};

pub(super) fn routes() -> Routes<Site> {
    let edit = Entry::Needs(P::SettingsEdit);
    let own = Entry::Needs(P::AccountOwn);
    let post = || Method::POST;
    Routes::new()
        .add(Route::new(
            Method::GET,
            "/settings",
            Entry::Needs(P::SettingsRead),
            show,
            "Settings page",
        ))
        .add(Route::new(post(), "/settings/scanning", edit, scanning, "Change scanning"))
        .add(Route::new(post(), "/settings/presence", edit, presence, "Change presence"))
        .add(Route::new(post(), "/settings/alerts", edit, alerts, "Change what is an alert"))
        .add(Route::new(post(), "/settings/retention", edit, retention, "Change retention"))
        .add(Route::new(post(), "/settings/sessions", edit, sessions, "Change session lengths"))
        .add(
            Route::new(
                post(),
                "/settings/vacuum",
                Entry::Needs(P::MaintenanceRun),
                vacuum,
                "Give back free space",
            )
            .patient(),
        )
        .add(
            Route::new(
                post(),
                "/settings/backup",
                Entry::Needs(P::BackupCreate),
                backup,
                "Make a backup",
            )
            .patient(),
        )
        .add(Route::new(
            Method::GET,
            "/settings/ca.crt",
            own,
            ca,
            "Certificate of the appliance's authority",
        ))
        .add(Route::new(
            Method::GET,
            "/settings/ca.mobileconfig",
            own,
            ca_profile,
            "The same as a profile for Apple's systems",
        ))
}

async fn show(ask: Ask) -> Result<Response, Failure> {
    let page = settings_page(&ask).await?;
    ask.page(&page)
}

async fn scanning(ask: Ask, form: Form) -> Result<Response, Failure> {
    let interval = Number::SCAN_INTERVAL.read(form.get("interval"));
    let rate = Number::SCAN_RATE.read(form.get("rate"));
    let subnets: Vec<String> = form
        .raw("subnets")
        .split([',', ' ', '\t', '\r', '\n'])
        .filter(|s| !s.is_empty())
        .map(str::to_owned)
        .collect();
    let only_subnets = Settings { scan_subnets: subnets.clone(), ..Settings::default() };
    let subnets_error = only_subnets.check().err().map(|(_, why)| why);
    let boxes = ["enabled", "sweep", "services", "names"].map(|b| form.ticked(b));
    if let (Ok(interval), Ok(rate), None) = (&interval, &rate, &subnets_error) {
        let (interval, rate) = (*interval, *rate);
        let apply = move |s: &mut Settings| {
            s.scan_subnets = subnets;
            s.scan_interval_seconds = interval;
            s.scan_rate = rate;
            [
                s.scan_enabled,
                s.ping_sweep_enabled,
                s.service_queries_enabled,
                s.reverse_dns_enabled,
            ] = boxes;
        };
        let changed = change_discovery(&ask, apply).await?;
        return Ok(saved("scanning", changed));
    }
    let mut page = settings_page(&ask).await?;
    let shown = &mut page.scanning;
    shown.interval = field(form.get("interval"), interval);
    shown.rate = field(form.get("rate"), rate);
    let raw = form.raw("subnets").chars().take(4096).collect::<String>();
    shown.subnets = Field::refused(raw, subnets_error.map(|e| sentence(&e)).unwrap_or_default());
    [shown.enabled, shown.sweep, shown.services, shown.names] = boxes;
    ask.refused(&page)
}

async fn presence(ask: Ask, form: Form) -> Result<Response, Failure> {
    let grace = Number::GRACE.read(form.get("grace"));
    if let Ok(grace) = grace {
        let apply = move |s: &mut Settings| s.offline_grace_seconds = grace;
        let changed = change_discovery(&ask, apply).await?;
        return Ok(saved("presence", changed));
    }
    let mut page = settings_page(&ask).await?;
    page.grace = field(form.get("grace"), grace);
    ask.refused(&page)
}

async fn alerts(ask: Ask, form: Form) -> Result<Response, Failure> {
    let offline = form.get("offline");
    if !offline_choices("").iter().any(|c| c.value == offline) {
        return Err(Failure::invalid("Whose absence is an alert: never, important or all."));
    }
    let read = ALERTS.map(|n| (n, n.read(form.get(n.field))));
    if read.iter().all(|(_, r)| r.is_ok()) {
        let usual = json!(detect::Settings::default().offline);
        let mut wanted = vec![Change { key: "alerts.offline", usual, to: json!(offline) }];
        wanted.extend(changes_of(read));
        let changed = change(&ask, wanted).await?;
        return Ok(saved("alerts", changed));
    }
    let mut page = settings_page(&ask).await?;
    page.alerts.offline = offline_choices(offline);
    let [window, flapping, group] = read.map(|(n, r)| field(form.get(n.field), r));
    (page.alerts.window, page.alerts.flapping, page.alerts.group) = (window, flapping, group);
    ask.refused(&page)
}

async fn retention(ask: Ask, form: Form) -> Result<Response, Failure> {
    let read = RETENTION.map(|n| (n, n.read(form.get(n.field))));
    if read.iter().all(|(_, r)| r.is_ok()) {
        let changed = change(&ask, changes_of(read).collect()).await?;
        return Ok(saved("storage", changed));
    }
    let mut page = settings_page(&ask).await?;
    let [events, presence, alerts, unanswered, audit, maintenance, mutes, habits] =
        read.map(|(n, r)| field(form.get(n.field), r));
    page.retention = crate::view::RetentionForm {
        events,
        presence,
        alerts,
        unanswered,
        audit,
        maintenance,
        mutes,
        habits,
    };
    ask.refused(&page)
}

async fn sessions(ask: Ask, form: Form) -> Result<Response, Failure> {
    let (idle, longest) =
        (Number::IDLE_HOURS.read(form.get("idle")), Number::LONGEST_DAYS.read(form.get("longest")));
    let mut errors = [String::new(), String::new()];
    if let (Ok(hours), Ok(days)) = (&idle, &longest) {
        let policy = SessionPolicy {
            idle_seconds: u64::from(*hours) * 3_600,
            absolute_seconds: u64::from(*days) * 86_400,
        };
        let before = ask.site.access.session_policy();
        if before == policy {
            return Ok(saved("sessions", false));
        }
        let set = ask.site.access.set_session_policy(&ask.visitor.caller, policy, ask.now).await;
        match set {
            Ok(()) => return Ok(saved("sessions", true)),
            Err(error @ AccessError::BadValue { what, .. }) => {
                let at = usize::from(what == "the longest session");
                errors[at] = sentence(&error.to_string());
            }
            Err(other) => return Err(other.into()),
        }
    }
    let mut page = settings_page(&ask).await?;
    page.sessions.idle = field(form.get("idle"), idle);
    page.sessions.longest = field(form.get("longest"), longest);
    let [idle, longest] = errors;
    for (shown, error) in [(&mut page.sessions.idle, idle), (&mut page.sessions.longest, longest)] {
        if !error.is_empty() {
            shown.error = error;
        }
    }
    ask.refused(&page)
}

async fn vacuum(ask: Ask) -> Result<Response, Failure> {
    ask.visitor.caller.require(P::MaintenanceRun)?;
    let before = ask.site.store.sizes().main;
    let line = Line::new(&ask.visitor.caller, "maintenance.vacuum", "", ask.now);
    let log = ask.site.access.audit();
    match ask.site.store.vacuum(ask.now).await {
        Ok(after) => {
            let freed = before.saturating_sub(after.main);
            log.append(line.with(json!({ "bytes_freed": freed }))).await?;
            let text = format!("{} given back to the disk.", bytes(freed));
            Ok(done("/settings#storage", Tone::Ok, &text))
        }
        Err(error) => {
            note_failure(&ask, line, &error).await;
            Err(error.into())
        }
    }
}

async fn backup(ask: Ask) -> Result<Response, Failure> {
    ask.visitor.caller.require(P::BackupCreate)?;
    let line = Line::new(&ask.visitor.caller, "backup.create", "", ask.now);
    match ask.site.store.back_up(ask.now).await {
        Ok(made) => {
            let name = made.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let detail = json!({ "file": name, "bytes": made.bytes });
            ask.site.access.audit().append(line.with(detail)).await?;
            let text = format!("Backup {name} made, {}.", bytes(made.bytes));
            Ok(done("/settings#storage", Tone::Ok, &text))
        }
        Err(error) => {
            note_failure(&ask, line, &error).await;
            Err(error.into())
        }
    }
}

/// On a full disk even this cannot be written, and the error itself says so.
async fn note_failure(ask: &Ask, line: Line, error: &StoreError) {
    let line = line.ended(Outcome::Failed).with(json!({ "error": error.to_string() }));
    if let Err(error) = ask.site.access.audit().append(line).await {
        tracing::warn!(%error, "a failure was not noted in the audit log");
    }
}

async fn ca(ask: Ask) -> Result<Response, Failure> {
    let ca = authority(&ask)?;
    let kind = "application/x-x509-ca-cert";
    Ok(download(kind, "panoptikon-ca.crt", ca.pem.to_string()))
}

async fn ca_profile(ask: Ask) -> Result<Response, Failure> {
    let ca = authority(&ask)?;
    let kind = "application/x-apple-aspen-config";
    Ok(download(kind, "panoptikon-ca.mobileconfig", ca.mobileconfig()))
}

fn authority(ask: &Ask) -> Result<Ca, Failure> {
    let ca = ask.site.tls.as_ref().and_then(|t| t.ca());
    ca.ok_or_else(|| {
        Failure::not_found(
            "This site's certificate was supplied by its operator; there is no authority of the \
             appliance's own to trust.",
        )
    })
}

fn download(kind: &'static str, name: &str, body: String) -> Response {
    let name = format!("attachment; filename=\"{name}\"");
    let headers = [(header::CONTENT_TYPE, kind.to_owned()), (header::CONTENT_DISPOSITION, name)];
    (headers, body).into_response()
}

fn saved(section: &str, changed: bool) -> Response {
    let text = if changed { "Saved." } else { "Nothing was changed." };
    let tone = if changed { Tone::Ok } else { Tone::Info };
    done(&format!("/settings#{section}"), tone, text)
}

fn field(given: &str, read: Result<u32, String>) -> Field {
    let given: String = given.chars().take(64).collect();
    Field::refused(given, read.err().unwrap_or_default())
}

/// A setting's new value.
struct Change {
    key: &'static str,
    /// What it is where nobody has set it.
    usual: Value,
    to: Value,
}

fn changes_of<const N: usize>(
    read: [(Number, Result<u32, String>); N],
) -> impl Iterator<Item = Change> {
    let fine = read.into_iter().filter_map(|(n, r)| Some((n, r.ok()?)));
    fine.map(|(n, to)| Change { key: n.key, usual: json!(n.usual), to: json!(to) })
}

/// Keeps those values that are new, each with its line in the audit log; whether there were any.
async fn change(ask: &Ask, wanted: Vec<Change>) -> Result<bool, Failure> {
    let (by, now) = (ask.visitor.caller.clone(), ask.now);
    by.require(P::SettingsEdit)?;
    let changed = ask
        .site
        .store
        .write_synced("settings", move |w| {
            let mut any = false;
            for Change { key, usual, to } in wanted {
                let from = read_setting(w.main(), key)?.unwrap_or(usual);
                if from == to {
                    continue;
                }
                any = true;
                write_setting(w.main(), key, &to, now, by.actor.name())?;
                let detail = json!({ "from": from, "to": to });
                record(w, Line::new(&by, "settings.change", key, now).with(detail))?;
            }
            Ok::<_, StoreError>(any)
        })
        .await?;
    if changed {
        ask.site.store.announce_settings();
    }
    Ok(changed)
}

/// Changes some of discovery's settings, which are kept as one; whether anything changed.
async fn change_discovery(
    ask: &Ask,
    apply: impl FnOnce(&mut Settings) + Send + 'static,
) -> Result<bool, Failure> {
    let (by, now) = (ask.visitor.caller.clone(), ask.now);
    by.require(P::SettingsEdit)?;
    let key = discovery::settings::SETTINGS_KEY;
    let store = ask.site.store.clone();
    let changed = ask
        .site
        .store
        .write_synced("settings", move |w| {
            let old = Settings::load(w.main())?;
            let mut new = old.clone();
            apply(&mut new);
            if new == old {
                return Ok(false);
            }
            write_setting(w.main(), key, &new, now, by.actor.name())?;
            let (from, to) = differences(&json!(old), &json!(new));
            let detail = json!({ "from": from, "to": to });
            record(w, Line::new(&by, "settings.change", key, now).with(detail))?;
            w.after_commit(move || store.announce_settings());
            Ok::<_, StoreError>(true)
        })
        .await?;
    Ok(changed)
}

/// The fields that differ, as they were and as they are.
fn differences(old: &Value, new: &Value) -> (Value, Value) {
    let (mut from, mut to) = (Map::new(), Map::new());
    for (name, value) in new.as_object().into_iter().flatten() {
        let before = old.get(name).unwrap_or(&Value::Null);
        if before != value {
            from.insert(name.clone(), before.clone());
            to.insert(name.clone(), value.clone());
        }
    }
    (Value::Object(from), Value::Object(to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_written_down() {
        let (from, to) = differences(&json!({"a": 1, "b": 2}), &json!({"a": 1, "b": 3}));
        assert_eq!((from, to), (json!({"b": 2}), json!({"b": 3})));
    }
}
