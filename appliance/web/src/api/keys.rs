//! API keys.

use access::{AccessError, ApiKey, NewKey, Permission as P, Role};
use axum::extract::{Path, State};
use axum::http::Method;
use axum::response::Response;
use model::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Body, Listed, answer, created, done, schema};
use crate::http::{Entry, Failure, Route, Routes, Schema, Visitor};
use crate::site::Site;

pub(super) fn routes() -> Routes<Site> {
    let own = Entry::Needs(P::ApiKeysOwn);
    let path = "/api/v1/api-keys";
    Routes::new()
        .add(
            Route::new(
                Method::GET,
                path,
                own,
                list,
                "One's own API keys, or with people:manage all; without their text",
            )
            .gives(Schema::page(Schema::named("ApiKey"))),
        )
        .add(
            Route::new(
                Method::POST,
                path,
                own,
                make,
                "Make an API key, whose text is in this answer only; not for keys",
            )
            .takes(schema::new_key())
            .gives(schema::fresh_key()),
        )
        .add(
            Route::new(
                Method::POST,
                "/api/v1/api-keys/{id}/rotate",
                own,
                rotate,
                "Give a key of one's own another text; not for keys",
            )
            .gives(schema::fresh_key()),
        )
        .add(Route::new(
            Method::DELETE,
            "/api/v1/api-keys/{id}",
            own,
            revoke,
            "Revoke a key of one's own, or with people:manage anybody's; not for keys",
        ))
}

async fn list(State(site): State<Site>, visitor: Visitor) -> Result<Response, Failure> {
    Listed::whole(site.access.keys(&visitor.caller)?)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct New {
    name: String,
    role: Role,
    #[serde(default)]
    expires_at: Option<Timestamp>,
}

/// A key with its text, which is told once.
#[derive(Serialize)]
struct Fresh<'a> {
    key: &'a str,
    #[serde(flatten)]
    about: ApiKey,
}

fn about(site: &Site, visitor: &Visitor, id: i64) -> Result<ApiKey, Failure> {
    let found = site.access.keys(&visitor.caller)?.into_iter().find(|k| k.id == id);
    Ok(found.ok_or(AccessError::NoSuchKey(id))?)
}

async fn make(
    State(site): State<Site>,
    visitor: Visitor,
    Body(New { name, role, expires_at }): Body<New>,
) -> Result<Response, Failure> {
    let new = NewKey { name, role, expires_at };
    let (id, key) = site.access.create_key(&visitor.caller, new, Timestamp::now()).await?;
    let fresh = Fresh { key: key.expose(), about: about(&site, &visitor, id)? };
    created(&format!("/api/v1/api-keys/{id}"), &fresh)
}

async fn rotate(
    State(site): State<Site>,
    visitor: Visitor,
    Path(id): Path<i64>,
) -> Result<Response, Failure> {
    let key = site.access.rotate_key(&visitor.caller, id, Timestamp::now()).await?;
    answer(&Fresh { key: key.expose(), about: about(&site, &visitor, id)? })
}

async fn revoke(
    State(site): State<Site>,
    visitor: Visitor,
    Path(id): Path<i64>,
) -> Result<Response, Failure> {
    site.access.revoke_key(&visitor.caller, id, Timestamp::now()).await?;
    Ok(done())
}
