//! One's own account: who one is, sessions, password, preferences.

use access::{AccessError, Actor, Permission as P, Preferences, Role, Secret};
use axum::extract::{Path, State};
use axum::http::Method;
use axum::response::Response;
use model::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Body, Listed, answer, done, schema};
use crate::http::{Entry, Failure, Route, Routes, Schema, Visitor};
use crate::site::Site;

pub(super) fn routes() -> Routes<Site> {
    let own = Entry::Needs(P::AccountOwn);
    Routes::new()
        .add(
            Route::new(Method::GET, "/api/v1/me", own, me, "Who is asking, and what they may do")
                .gives(schema::me()),
        )
        .add(
            Route::new(
                Method::PUT,
                "/api/v1/me/password",
                own,
                password,
                "Change one's own password and end one's other sessions; not for keys",
            )
            .takes(schema::password_change()),
        )
        .add(
            Route::new(
                Method::PUT,
                "/api/v1/me/preferences",
                own,
                preferences,
                "Keep how one likes the site; not for keys",
            )
            .takes(schema::preferences()),
        )
        .add(
            Route::new(
                Method::GET,
                "/api/v1/sessions",
                own,
                sessions,
                "One's own sessions; not for keys",
            )
            .gives(Schema::page(Schema::named("Session"))),
        )
        .add(
            Route::new(
                Method::DELETE,
                "/api/v1/sessions",
                own,
                end_others,
                "End one's other sessions; not for keys",
            )
            .gives(schema::ended()),
        )
        .add(Route::new(
            Method::DELETE,
            "/api/v1/sessions/{id}",
            own,
            end,
            "End a session of one's own, or with people:manage anybody's",
        ))
}

#[derive(Serialize)]
struct Me<'a> {
    name: &'a str,
    kind: &'static str,
    id: Option<i64>,
    role: Option<Role>,
    permissions: Vec<P>,
    session: Option<Session>,
}

#[derive(Serialize)]
struct Session {
    id: i64,
    ends_at: Timestamp,
    preferences: Preferences,
}

async fn me(visitor: Visitor) -> Result<Response, Failure> {
    let actor = &visitor.caller.actor;
    let role = match actor {
        Actor::Person { role, .. } | Actor::ApiKey { role, .. } => Some(*role),
        _ => None,
    };
    let session = visitor.session.as_deref().map(|s| Session {
        id: s.session,
        ends_at: s.ends_at,
        preferences: s.preferences,
    });
    answer(&Me {
        name: actor.name(),
        kind: actor.kind(),
        id: actor.id(),
        role,
        permissions: P::ALL.iter().copied().filter(|p| actor.may(*p)).collect(),
        session,
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    current: String,
    new: String,
}

async fn password(
    State(site): State<Site>,
    visitor: Visitor,
    Body(change): Body<Change>,
) -> Result<Response, Failure> {
    let me = visitor.browser()?;
    let (current, new) = (Secret::new(change.current), Secret::new(change.new));
    let (by, now) = (&visitor.caller, Timestamp::now());
    site.access.change_password(me, by, current, new, now).await?;
    Ok(done())
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    #[serde(default)]
    theme: Option<access::Theme>,
    #[serde(default)]
    refresh_seconds: Option<u16>,
    #[serde(default)]
    avatar_hue: Option<u16>,
}

async fn preferences(
    State(site): State<Site>,
    visitor: Visitor,
    Body(wanted): Body<Wanted>,
) -> Result<Response, Failure> {
    let me = visitor.browser()?;
    let old = me.preferences;
    let new = Preferences {
        theme: wanted.theme.unwrap_or(old.theme),
        refresh_seconds: wanted.refresh_seconds.unwrap_or(old.refresh_seconds),
        avatar_hue: wanted.avatar_hue.unwrap_or(old.avatar_hue),
    };
    if new != old {
        site.access.set_preferences(me, &visitor.caller, new, Timestamp::now()).await?;
    }
    Ok(done())
}

async fn sessions(State(site): State<Site>, visitor: Visitor) -> Result<Response, Failure> {
    let me = visitor.browser()?;
    Listed::whole(site.access.sessions(&visitor.caller, me.person, Timestamp::now())?)
}

async fn end_others(State(site): State<Site>, visitor: Visitor) -> Result<Response, Failure> {
    let me = visitor.browser()?;
    let ended = site.access.end_other_sessions(me, &visitor.caller, Timestamp::now()).await?;
    answer(&serde_json::json!({ "sessions": ended }))
}

async fn end(
    State(site): State<Site>,
    visitor: Visitor,
    Path(id): Path<i64>,
) -> Result<Response, Failure> {
    let by = &visitor.caller;
    match site.access.end_session(by, id, Timestamp::now()).await {
        // Whose session a number is, is not for everybody to know.
        Err(AccessError::Forbidden { .. }) => Err(AccessError::NoSuchSession(id).into()),
        outcome => Ok(outcome.map(|()| done())?),
    }
}
