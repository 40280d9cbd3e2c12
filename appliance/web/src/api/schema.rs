//! What the API takes and gives, for its document. A test holds answers against this.

use serde_json::{Value, json};

use crate::http::{Routes, Schema};
use crate::site::Site;

mod agents;
mod monitoring;
mod rooms;
mod router;

pub(super) use agents::*;
pub(super) use monitoring::*;
pub(super) use rooms::*;
pub(super) use router::*;

/// The schemas that have a name.
pub(super) fn named(table: Routes<Site>) -> Routes<Site> {
    table
        .schema("Device", rooms::device())
        .schema("PortScan", rooms::port_scan())
        .schema("Scanner", rooms::scanner())
        .schema("ScanReport", rooms::scan_report())
        .schema("Agent", agents::agent())
        .schema("AgentToken", agents::agent_token())
        .schema("AgentReport", agents::agent_report())
        .schema("Measured", agents::measured())
        .schema("Event", rooms::event())
        .schema("Alert", rooms::alert())
        .schema("Mute", rooms::mute())
        .schema("Position", rooms::position())
        .schema("Person", person())
        .schema("Session", session())
        .schema("ApiKey", api_key())
        .schema("AuditLine", audit_line())
        .schema("Storage", storage())
        .schema("Backup", backup())
        .schema("Discovery", rooms::discovery_settings())
        .schema("Sessions", sessions_policy())
        .schema("RouterChange", router::router_change())
        .schema("RouterPlan", router::router_plan())
        .schema("RouterService", monitoring::router_service())
}

fn text(about: &str) -> Schema {
    Schema::value("string", about)
}

fn number(about: &str) -> Schema {
    Schema::value("integer", about)
}

fn real(about: &str) -> Schema {
    Schema::value("number", about)
}

fn flag(about: &str) -> Schema {
    Schema::value("boolean", about)
}

fn time(about: &str) -> Schema {
    number(&format!("{about} Milliseconds since the Unix epoch."))
}

/// May be null.
fn maybe(schema: Schema) -> Schema {
    let mut inner = schema.0;
    if let Some(kind) = inner.get("type").filter(|k| k.is_string()).cloned() {
        inner["type"] = json!([kind, "null"]);
        if let Some(words) = inner.get_mut("enum").and_then(Value::as_array_mut) {
            words.push(Value::Null);
        }
        return Schema(inner);
    }
    Schema(json!({ "anyOf": [inner, { "type": "null" }] }))
}

/// One of these words.
fn word(about: &str, words: &[&str]) -> Schema {
    Schema(json!({ "type": "string", "description": about, "enum": words }))
}

/// Any JSON.
fn anything(about: &str) -> Schema {
    Schema(json!({ "description": about }))
}

/// An object whose keys are not known beforehand.
fn map(about: &str, values: Schema) -> Schema {
    Schema(json!({ "type": "object", "description": about, "additionalProperties": values.0 }))
}

fn texts() -> Schema {
    Schema::list(Schema(json!({ "type": "string" })))
}

fn severity() -> Schema {
    word("How bad it is.", &["info", "low", "medium", "high", "critical"])
}

fn role() -> Schema {
    word("What they may do.", &["administrator", "analyst", "responder", "viewer", "auditor"])
}

fn person() -> Schema {
    Schema::object(&[
        ("id", number("Number.")),
        ("name", text("The name to sign in with.")),
        ("role", role()),
        ("disabled", flag("Cannot sign in at present.")),
        ("last_seen_at", maybe(time("When they last used the site."))),
        ("sessions", number("Sessions that stand.")),
        ("api_keys", number("API keys.")),
    ])
}

pub(super) fn new_person() -> Schema {
    Schema::object(&[
        ("name", text("The name to sign in with.")),
        ("role", role()),
        ("password", text("Their first password, at least 12 characters.")),
    ])
}

pub(super) fn person_patch() -> Schema {
    Schema::object(&[("role?", role()), ("disabled?", flag("Cannot sign in at present."))])
}

pub(super) fn new_password() -> Schema {
    Schema::object(&[("password", text("At least 12 characters."))])
}

fn session() -> Schema {
    Schema::object(&[
        ("id", number("Number.")),
        ("person", number("Whose.")),
        ("created_at", time("When they signed in.")),
        ("last_seen_at", time("When it was last used.")),
        ("ends_at", time("When it ends unless it is used.")),
        ("address", text("Where they signed in from.")),
        ("user_agent", text("What the browser called itself.")),
    ])
}

fn sessions_policy() -> Schema {
    Schema::object(&[
        ("idle_seconds", number("Without any request, 300 or more.")),
        ("absolute_seconds", number("After signing in, whatever happens; at most a year.")),
    ])
}

fn preference_fields() -> [(&'static str, Schema); 3] {
    [
        ("theme?", word("Colours.", &["system", "dark", "light"])),
        ("refresh_seconds?", number("0 for never, or 5 to 3600.")),
        ("avatar_hue?", number("0 to 359 degrees.")),
    ]
}

pub(super) fn preferences() -> Schema {
    Schema::object(&preference_fields())
}

pub(super) fn me() -> Schema {
    let session = Schema::object(&[
        ("id", number("Number.")),
        ("ends_at", time("When it ends unless it is used.")),
        ("preferences", preferences()),
    ]);
    Schema::object(&[
        ("name", text("Name of the person or key.")),
        ("kind", word("Who.", &["person", "api_key"])),
        ("id", maybe(number("Number of the person or key."))),
        ("role", maybe(role())),
        ("permissions", texts()),
        ("session", maybe(session)),
    ])
}

pub(super) fn password_change() -> Schema {
    Schema::object(&[
        ("current", text("The present password.")),
        ("new", text("At least 12 characters.")),
    ])
}

pub(super) fn ended() -> Schema {
    Schema::object(&[("sessions", number("How many were ended."))])
}

fn key_fields() -> Vec<(&'static str, Schema)> {
    vec![
        ("id", number("Number.")),
        ("starts", text("How the key starts.")),
        ("name", text("What it is for.")),
        ("role", role()),
        ("owner", number("Whose it is.")),
        ("owner_name", text("Their name.")),
        ("created_at", time("When it was made.")),
        ("expires_at", maybe(time("When it stops working."))),
        ("last_used_at", maybe(time("When it was last used."))),
    ]
}

fn api_key() -> Schema {
    Schema::object(&key_fields())
}

pub(super) fn fresh_key() -> Schema {
    let mut fields = key_fields();
    fields.push(("key", text("The key itself; kept nowhere in clear.")));
    Schema::object(&fields)
}

pub(super) fn new_key() -> Schema {
    Schema::object(&[
        ("name", text("What it is for.")),
        ("role", role()),
        ("expires_at?", maybe(time("When it stops working; never if absent."))),
    ])
}

fn audit_line() -> Schema {
    Schema::object(&[
        ("seq", number("Place in the log.")),
        ("at", time("When.")),
        ("actor", text("Who.")),
        ("actor_kind", text("person, api_key, console, system or anonymous.")),
        ("actor_id", maybe(number("Number of the person or key."))),
        ("address", maybe(text("From where."))),
        ("action", text("What, such as device.edit.")),
        ("subject", text("To what, such as device:12.")),
        ("outcome", word("How it ended.", &["ok", "refused", "failed"])),
        ("detail", anything("Further facts.")),
        ("prev_hash", text("Hash of the line before.")),
        ("hash", text("Hash of this line.")),
    ])
}

pub(super) fn audit_verdict() -> Schema {
    Schema::object(&[
        ("intact", flag("Every line is as it was written.")),
        ("rows?", number("Lines checked.")),
        ("head?", text("The newest line's place and hash.")),
        ("fault?", text("What is wrong, at the first wrong place.")),
    ])
}

pub(super) fn settings() -> Schema {
    Schema::object(&[
        ("discovery", Schema::named("Discovery")),
        ("alerts", map("How events are judged.", anything("A number, or a word."))),
        ("retention", map("Days that things are kept.", number("Days."))),
        ("sessions", Schema::named("Sessions")),
    ])
}

pub(super) fn settings_change() -> Schema {
    Schema::object(&[
        ("discovery?", map("Fields of Discovery to change.", anything("The new value."))),
        ("alerts?", map("Fields to change.", anything("The new value."))),
        ("retention?", map("Fields to change.", number("Days."))),
        ("sessions?", Schema::named("Sessions")),
    ])
}

pub(super) fn setting_version() -> Schema {
    Schema::object(&[
        ("key", text("The setting.")),
        ("value", anything("What it was set to.")),
        ("at", time("When.")),
        ("by", text("By whom.")),
    ])
}

fn storage() -> Schema {
    Schema::object(&[
        ("main", number("Bytes of the main database.")),
        ("days", number("Bytes of all day files.")),
        ("backups", number("Bytes of all backups.")),
        ("cap", number("The cap on main and days together.")),
        ("free", number("Free bytes of the file system.")),
        ("disk", number("Size of the file system.")),
    ])
}

fn backup() -> Schema {
    Schema::object(&[
        ("name", text("The file's name.")),
        ("at", time("When it was made.")),
        ("bytes", number("Its size.")),
    ])
}

pub(super) fn maintenance() -> Schema {
    Schema::object(&[
        ("at", time("When it ran.")),
        ("kind", text("What ran.")),
        ("duration_ms", number("How long it took.")),
        ("processed", number("Things looked at.")),
        ("removed", number("Things removed.")),
        ("details", text("A few words.")),
    ])
}

fn version_fields() -> Vec<(&'static str, Schema)> {
    vec![
        ("version", text("Release number.")),
        ("git", text("The commit.")),
        ("built", text("The day of the build.")),
    ]
}

pub(super) fn version() -> Schema {
    Schema::object(&version_fields())
}

pub(super) fn system() -> Schema {
    let component = Schema::object(&[
        ("name", text("The room.")),
        ("status", text("ok, starting, stopped or degraded.")),
        ("message", maybe(text("Why, where it is not well."))),
        ("since", time("Since when.")),
        ("restarts", number("How often it was restarted after a failure.")),
    ]);
    let tally = Schema::object(&[
        ("devices", number("Devices known.")),
        ("online", number("Devices online.")),
        ("refused", number("Stations not taken in because there were too many at once.")),
        ("events_lost", number("Events lost to a flood, or to a disk that stayed full.")),
        ("refused_at", maybe(time("When a new device was not taken in for the last time."))),
        ("evicted", number("Devices long gone that made room for others.")),
    ]);
    let interface = Schema::object(&[
        ("name", text("Name.")),
        ("kind", text("What it is.")),
        ("mac", maybe(text("MAC address."))),
        ("addresses", texts()),
        ("up", flag("It is switched on.")),
        ("carrier", flag("It has a carrier.")),
        ("watched", flag("Devices are looked for on it.")),
        ("trouble", maybe(text("Why it cannot be listened to."))),
    ]);
    let mut fields = version_fields();
    fields.extend([
        ("vyos", maybe(text("VyOS version."))),
        ("host", text("The router's name.")),
        ("started", time("When it started.")),
        ("uptime_seconds", number("For how long it has been running.")),
        ("components", Schema::list(component)),
        ("storage", Schema::named("Storage")),
        ("discovery", Schema::named("Scanner")),
        ("tally", tally),
        ("interfaces", Schema::list(interface)),
    ]);
    Schema::object(&fields)
}

pub(super) fn health() -> Schema {
    let wellness = || word("How it is.", &["healthy", "degraded", "unhealthy"]);
    let check = Schema::object(&[
        ("name", text("What was checked.")),
        ("status", wellness()),
        ("message", maybe(text("Why, where it is not well."))),
        ("latency_ms", number("How long the check took.")),
        ("timestamp", time("When it was checked.")),
    ]);
    Schema::object(&[("status", wellness()), ("checks", Schema::list(check))])
}

pub(super) fn capability() -> Schema {
    Schema::object(&[
        ("name", text("What, such as raw sockets.")),
        ("status", word("How it is.", &["ok", "degraded", "missing"])),
        ("found", text("What was found.")),
        ("remedy", maybe(text("What to do about it."))),
    ])
}

pub(super) fn search() -> Schema {
    let hit = Schema::object(&[
        ("text", text("What it is called.")),
        ("hint", text("A few more words.")),
        ("href", text("Its page.")),
        ("icon", text("Its icon.")),
    ]);
    let group = Schema::object(&[
        ("label", text("What kind.")),
        ("items", Schema::list(hit)),
        ("more", text("All of them; empty when these are all.")),
    ]);
    Schema::object(&[("groups", Schema::list(group))])
}
