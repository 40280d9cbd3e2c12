//! People: who may sign in, as what.

use access::{AccessError, NewPerson, Permission as P, Person, Role, Secret};
use axum::extract::{Path, State};
use axum::http::Method;
use axum::response::Response;
use model::{PersonId, Timestamp};
use serde::Deserialize;

use super::{Body, Listed, answer, created, done, schema};
use crate::http::{Entry, Failure, Route, Routes, Schema, Visitor};
use crate::site::Site;

pub(super) fn routes() -> Routes<Site> {
    let (read, manage) = (Entry::Needs(P::PeopleRead), Entry::Needs(P::PeopleManage));
    let (all, one) = ("/api/v1/people", "/api/v1/people/{id}");
    let person = || Schema::named("Person");
    Routes::new()
        .add(
            Route::new(Method::GET, all, read, list, "Everybody, by name")
                .gives(Schema::page(person())),
        )
        .add(
            Route::new(Method::POST, all, manage, add, "Add a person")
                .takes(schema::new_person())
                .gives(person()),
        )
        .add(Route::new(Method::GET, one, read, show, "A person").gives(person()))
        .add(
            Route::new(
                Method::PATCH,
                one,
                manage,
                patch,
                "Change a person's role, or disable them",
            )
            .takes(schema::person_patch())
            .gives(person()),
        )
        .add(Route::new(
            Method::DELETE,
            one,
            manage,
            remove,
            "Remove a person with their sessions and keys",
        ))
        .add(
            Route::new(
                Method::PUT,
                "/api/v1/people/{id}/password",
                manage,
                password,
                "Give somebody else a new password and end their sessions",
            )
            .takes(schema::new_password()),
        )
        .add(
            Route::new(
                Method::GET,
                "/api/v1/people/{id}/sessions",
                manage,
                sessions,
                "A person's sessions",
            )
            .gives(Schema::page(Schema::named("Session"))),
        )
}

fn find(site: &Site, visitor: &Visitor, id: PersonId) -> Result<Person, Failure> {
    let all = site.access.people(&visitor.caller, Timestamp::now())?;
    Ok(all.into_iter().find(|p| p.id == id).ok_or(AccessError::NoSuchPerson(id))?)
}

async fn list(State(site): State<Site>, visitor: Visitor) -> Result<Response, Failure> {
    Listed::whole(site.access.people(&visitor.caller, Timestamp::now())?)
}

async fn show(
    State(site): State<Site>,
    visitor: Visitor,
    Path(id): Path<PersonId>,
) -> Result<Response, Failure> {
    answer(&find(&site, &visitor, id)?)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct New {
    name: String,
    role: Role,
    password: String,
}

async fn add(
    State(site): State<Site>,
    visitor: Visitor,
    Body(New { name, role, password }): Body<New>,
) -> Result<Response, Failure> {
    let new = NewPerson { name, role, password: Secret::new(password) };
    let id = site.access.add_person(&visitor.caller, new, Timestamp::now()).await?;
    created(&format!("/api/v1/people/{id}"), &find(&site, &visitor, id)?)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Patch {
    #[serde(default)]
    role: Option<Role>,
    #[serde(default)]
    disabled: Option<bool>,
}

async fn patch(
    State(site): State<Site>,
    visitor: Visitor,
    Path(id): Path<PersonId>,
    Body(patch): Body<Patch>,
) -> Result<Response, Failure> {
    let (by, now) = (&visitor.caller, Timestamp::now());
    let person = find(&site, &visitor, id)?;
    if let Some(role) = patch.role.filter(|role| *role != person.role) {
        site.access.set_role(by, id, role, now).await?;
    }
    if let Some(disabled) = patch.disabled.filter(|d| *d != person.disabled) {
        site.access.set_disabled(by, id, disabled, now).await?;
    }
    answer(&find(&site, &visitor, id)?)
}

async fn remove(
    State(site): State<Site>,
    visitor: Visitor,
    Path(id): Path<PersonId>,
) -> Result<Response, Failure> {
    site.access.remove_person(&visitor.caller, id, Timestamp::now()).await?;
    Ok(done())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewPassword {
    password: String,
}

async fn password(
    State(site): State<Site>,
    visitor: Visitor,
    Path(id): Path<PersonId>,
    Body(new): Body<NewPassword>,
) -> Result<Response, Failure> {
    let new = Secret::new(new.password);
    site.access.reset_password(&visitor.caller, id, new, Timestamp::now()).await?;
    Ok(done())
}

async fn sessions(
    State(site): State<Site>,
    visitor: Visitor,
    Path(id): Path<PersonId>,
) -> Result<Response, Failure> {
    find(&site, &visitor, id)?;
    Listed::whole(site.access.sessions(&visitor.caller, id, Timestamp::now())?)
}
