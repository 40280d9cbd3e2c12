//! Settings, all of them at once.

use access::audit::{Entry as Line, record};
use access::{Caller, Permission as P, SessionPolicy};
use axum::extract::State;
use axum::http::Method;
use axum::response::Response;
use detect::OfflineAlerts;
use discovery::Settings;
use discovery::settings::SETTINGS_KEY;
use model::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use store::{StoreError, Writing, read_setting, write_setting};

use super::{Body, Listed, Params, answer, page_query, schema};
use crate::http::{Entry, Failure, Route, Routes, Schema, Visitor};
use crate::pages::settings_view::{ALERTS, Number, RETENTION};
use crate::site::Site;

const OFFLINE: &str = "alerts.offline";

pub(super) fn routes() -> Routes<Site> {
    let (read, edit) = (Entry::Needs(P::SettingsRead), Entry::Needs(P::SettingsEdit));
    let path = "/api/v1/settings";
    Routes::new()
        .add(Route::new(Method::GET, path, read, show, "Settings").gives(schema::settings()))
        .add(
            Route::new(Method::PUT, path, edit, put, "Change settings; what is left out stays")
                .takes(schema::settings_change())
                .gives(schema::settings()),
        )
        .add(
            Route::new(
                Method::GET,
                "/api/v1/settings/history",
                edit,
                history,
                "What was set, newest first",
            )
            .query("limit", "integer", "1 to 200; 50 if absent.")
            .gives(Schema::page(schema::setting_version())),
        )
}

/// What is set, or the usual.
#[derive(Debug, Serialize)]
struct Shown {
    discovery: Settings,
    alerts: Map<String, Value>,
    retention: Map<String, Value>,
    sessions: SessionPolicy,
}

/// A setting's name without the family that it belongs to.
fn short(key: &str) -> &str {
    key.split_once('.').map_or(key, |(_, name)| name)
}

async fn shown(site: &Site) -> Result<Shown, Failure> {
    let sessions = site.access.session_policy();
    let shown = site.store.read(move |r| {
        let conn = r.main();
        let numbers = |all: &[Number]| {
            let pairs = all.iter().map(|n| {
                let value: u32 = read_setting(conn, n.key)?.unwrap_or(n.usual);
                Ok::<_, StoreError>((short(n.key).to_owned(), json!(value)))
            });
            pairs.collect::<Result<Map<_, _>, _>>()
        };
        let offline: OfflineAlerts = read_setting(conn, OFFLINE)?.unwrap_or_default();
        let mut alerts = numbers(&ALERTS)?;
        alerts.insert(short(OFFLINE).to_owned(), json!(offline));
        let (discovery, retention) = (Settings::load(conn)?, numbers(&RETENTION)?);
        Ok::<_, StoreError>(Shown { discovery, alerts, retention, sessions })
    });
    Ok(shown.await?)
}

async fn show(State(site): State<Site>) -> Result<Response, Failure> {
    answer(&shown(&site).await?)
}

/// Settings to change; an absent section or field stays as it is.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    #[serde(default)]
    discovery: Option<Map<String, Value>>,
    #[serde(default)]
    alerts: Option<Map<String, Value>>,
    #[serde(default)]
    retention: Option<Map<String, Value>>,
    #[serde(default)]
    sessions: Option<SessionPolicy>,
}

async fn put(
    State(site): State<Site>,
    visitor: Visitor,
    Body(wanted): Body<Wanted>,
) -> Result<Response, Failure> {
    let (by, now) = (visitor.caller, Timestamp::now());
    by.require(P::SettingsEdit)?;
    // All is checked before anything is kept.
    let mut changes = Vec::new();
    let fields = wanted.discovery.unwrap_or_default();
    check_discovery(&site, &fields)?;
    let mut alerts = wanted.alerts.unwrap_or_default();
    if let Some(offline) = alerts.remove(short(OFFLINE)) {
        let known: Result<OfflineAlerts, _> = serde_json::from_value(offline);
        let known =
            known.map_err(|_| Failure::invalid("alerts.offline: give never, important or all."))?;
        changes.push((OFFLINE, json!(OfflineAlerts::default()), json!(known)));
    }
    numbers("alerts", alerts, &ALERTS, &mut changes)?;
    numbers("retention", wanted.retention.unwrap_or_default(), &RETENTION, &mut changes)?;
    let policy = wanted.sessions.map(SessionPolicy::check).transpose()?;

    let (by_all, store) = (by.clone(), site.store.clone());
    site.store
        .write_synced("settings", move |w| {
            // Into what is stored when its turn comes: of two at once none is lost.
            if !fields.is_empty() {
                let mut all = json!(Settings::load(w.main())?);
                if let Value::Object(all) = &mut all {
                    all.extend(fields);
                }
                changes.push((SETTINGS_KEY, json!(Settings::default()), all));
            }
            let mut any = false;
            for (key, usual, to) in changes {
                any |= keep(w, &by_all, key, usual, to, now)?;
            }
            if any {
                w.after_commit(move || store.announce_settings());
            }
            Ok::<_, StoreError>(())
        })
        .await?;
    if let Some(policy) = policy.filter(|p| *p != site.access.session_policy()) {
        site.access.set_session_policy(&by, policy, now).await?;
    }
    answer(&shown(&site).await?)
}

/// Keeps a value that is new, with its line in the audit log.
fn keep(
    w: &mut Writing<'_>,
    by: &Caller,
    key: &'static str,
    usual: Value,
    to: Value,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let from = read_setting(w.main(), key)?.unwrap_or(usual);
    if from == to {
        return Ok(false);
    }
    write_setting(w.main(), key, &to, now, by.actor.name())?;
    let detail = json!({ "from": from, "to": to });
    record(w, Line::new(by, "settings.change", key, now).with(detail))?;
    Ok(true)
}

/// Refuses fields that discovery's settings do not have, and values that cannot be.
fn check_discovery(site: &Site, fields: &Map<String, Value>) -> Result<(), Failure> {
    let Value::Object(mut all) = json!(site.discovery.settings()) else {
        return Err(Failure::invalid("discovery: give an object."));
    };
    all.extend(fields.clone());
    let new: Settings = serde_json::from_value(Value::Object(all))
        .map_err(|e| Failure::invalid(format!("discovery: {e}.")))?;
    new.check().map_err(|(field, why)| Failure::invalid(format!("discovery.{field}: {why}.")))
}

fn numbers(
    section: &str,
    given: Map<String, Value>,
    known: &[Number],
    changes: &mut Vec<(&'static str, Value, Value)>,
) -> Result<(), Failure> {
    for (name, value) in given {
        let Some(number) = known.iter().find(|n| short(n.key) == name) else {
            let names: Vec<&str> = known.iter().map(|n| short(n.key)).collect();
            let names = names.join(", ");
            return Err(Failure::invalid(format!("{section}.{name}: give one of {names}.")));
        };
        let value = number
            .read(&value.to_string())
            .map_err(|why| Failure::invalid(format!("{section}.{name}: {why}")))?;
        changes.push((number.key, json!(number.usual), json!(value)));
    }
    Ok(())
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct HistoryQuery {
    limit: Option<u32>,
}

async fn history(
    State(site): State<Site>,
    Params(query): Params<HistoryQuery>,
) -> Result<Response, Failure> {
    #[derive(Serialize)]
    struct Version {
        key: String,
        value: Value,
        at: Timestamp,
        by: String,
    }
    let limit = page_query(query.limit, None)?.limit();
    let all = site.store.settings_history(limit).await?.into_iter();
    let items = all.map(|v| Version {
        value: serde_json::from_str(&v.value).unwrap_or(Value::String(v.value)),
        key: v.key,
        at: v.at,
        by: v.by,
    });
    Listed::whole(items.collect())
}
