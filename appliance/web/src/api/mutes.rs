//! Silence for devices or kinds of alerts.

use std::collections::BTreeSet;

use access::Permission as P;
use axum::extract::{Path, State};
use axum::http::Method;
use axum::response::Response;
use detect::{NewMute, RULES};
use discovery::{Device, DiscoveryError};
use model::{AlertId, DeviceId, Timestamp};
use serde::Deserialize;

use super::{Body, Listed, created, done, schema};
use crate::http::{Entry, Failure, Route, Routes, Schema, Visitor};
use crate::pages::alerts::deeds;
use crate::site::Site;

pub(super) fn routes() -> Routes<Site> {
    let (read, manage) = (Entry::Needs(P::AlertsRead), Entry::Needs(P::AlertsManage));
    let path = "/api/v1/mutes";
    Routes::new()
        .add(
            Route::new(Method::GET, path, read, list, "Mutes that hold, the first to end first")
                .gives(Schema::page(Schema::named("Mute"))),
        )
        .add(
            Route::new(Method::POST, path, manage, mute, "Mute a device, a kind, or both")
                .takes(schema::new_mute())
                .gives(Schema::named("Mute")),
        )
        .add(Route::new(Method::DELETE, "/api/v1/mutes/{id}", manage, unmute, "End a mute now"))
}

async fn list(State(site): State<Site>) -> Result<Response, Failure> {
    Listed::whole(site.alerts.mutes(Timestamp::now()).await?)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    #[serde(default)]
    device: Option<DeviceId>,
    #[serde(default)]
    kind: Option<String>,
    until: Timestamp,
    #[serde(default)]
    from: Option<AlertId>,
}

async fn mute(
    State(site): State<Site>,
    visitor: Visitor,
    Body(wanted): Body<Wanted>,
) -> Result<Response, Failure> {
    if let Some(id) = wanted.device {
        site.discovery.with(id, |_: &Device| ()).ok_or(DiscoveryError::NotFound(id))?;
    }
    if let Some(kind) = &wanted.kind
        && !RULES.iter().any(|rule| rule.alert == kind)
    {
        let kinds: BTreeSet<&str> = RULES.iter().map(|rule| rule.alert).collect();
        let kinds: Vec<&str> = kinds.into_iter().collect();
        return Err(Failure::invalid(format!("kind: give one of {}.", kinds.join(", "))));
    }
    let Wanted { device, kind, until, from } = wanted;
    let new = NewMute { device, kind, until, from };
    let mute = deeds::mute(&site, &visitor.caller, new, Timestamp::now()).await?;
    created(&format!("/api/v1/mutes/{}", mute.id), &mute)
}

async fn unmute(
    State(site): State<Site>,
    visitor: Visitor,
    Path(id): Path<i64>,
) -> Result<Response, Failure> {
    deeds::unmute(&site, &visitor.caller, id, Timestamp::now()).await?;
    Ok(done())
}
