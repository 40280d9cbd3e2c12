//! Who may sign in: adding and removing people, their roles and passwords.

use access::{AccessError, NewPerson, Permission as P, Role, Secret, csrf};
use axum::extract::Path;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use model::PersonId;

use super::errors::sentence;
use super::{Ask, Form, done};
use crate::http::{Entry, Failure, Route, Routes};
use crate::site::Site;
use crate::view::{Choice, ConfirmPage, Field, Flash, Moment, PeoplePage, PersonLine, Place, Tone};

const HERE: &str = "/settings/people";

pub(super) fn routes() -> Routes<Site> {
    let read = Entry::Needs(P::PeopleRead);
    let manage = Entry::Needs(P::PeopleManage);
    let get = Method::GET;
    let post = Method::POST;
    Routes::new()
        .add(Route::new(get.clone(), HERE, read, list, "People page"))
        .add(Route::new(post.clone(), HERE, manage, add, "Add a person"))
        .add(Route::new(
            post.clone(),
            "/settings/people/{id}/role",
            manage,
            role,
            "Give a person another role",
        ))
        .add(Route::new(
            post.clone(),
            "/settings/people/{id}/enable",
            manage,
            enable,
            "Let a person sign in again",
        ))
        .add(Route::new(
            post.clone(),
            "/settings/people/{id}/disable",
            manage,
            disable,
            "Let a person sign in no longer",
        ))
        .add(Route::new(
            get.clone(),
            "/settings/people/{id}/remove",
            manage,
            ask_remove,
            "Remove a person?",
        ))
        .add(Route::new(
            post.clone(),
            "/settings/people/{id}/remove",
            manage,
            remove,
            "Remove a person",
        ))
        .add(Route::new(get, "/settings/people/{id}/reset", manage, ask_reset, "Reset a password?"))
        .add(Route::new(post, "/settings/people/{id}/reset", manage, reset, "Reset a password"))
}

async fn list(ask: Ask) -> Result<Response, Failure> {
    let page = people_page(&ask).await?;
    ask.page(&page)
}

async fn people_page(ask: &Ask) -> Result<PeoplePage, Failure> {
    let people = ask.site.access.people(&ask.visitor.caller, ask.now)?;
    let admins = people.iter().filter(|p| p.role == Role::Administrator && !p.disabled).count();
    let me = ask.visitor.caller.actor.person();
    let lines = people.into_iter().map(|p| PersonLine {
        id: p.id.0,
        roles: roles(p.role),
        enabled: !p.disabled,
        active: p.last_seen_at.map(|t| Moment::ago(t, ask.now)),
        sessions: p.sessions as u64,
        me: me == Some(p.id),
        last_admin: p.role == Role::Administrator && !p.disabled && admins == 1,
        name: p.name,
    });
    Ok(PeoplePage {
        shell: ask.shell("People", Some(Place::Settings)).await,
        people: lines.collect(),
        name: Field::default(),
        roles: roles(Role::Viewer),
        password_error: String::new(),
        password_min: access::MIN_CHARS as u32,
        meanings: Role::ALL.iter().map(|r| (r.to_string(), meaning(*r).to_owned())).collect(),
        fresh: None,
    })
}

fn roles(chosen: Role) -> Vec<Choice> {
    Choice::list(Role::ALL.iter().map(|r| (r.as_str(), r.as_str())), chosen.as_str())
}

const fn meaning(role: Role) -> &'static str {
    match role {
        Role::Administrator => "Everything, people and settings included.",
        Role::Analyst => "Looks, corrects devices, scans, handles alerts.",
        Role::Responder => "As an analyst, and acts on devices.",
        Role::Viewer => "Looks, changes nothing.",
        Role::Auditor => "Looks, and checks what others did.",
    }
}

async fn add(ask: Ask, form: Form) -> Result<Response, Failure> {
    let role: Role = form.get("role").parse().map_err(|e| Failure::invalid(format!("{e}")))?;
    let new = NewPerson {
        name: form.get("name").to_owned(),
        role,
        password: Secret::new(form.raw("password")),
    };
    let added = ask.site.access.add_person(&ask.visitor.caller, new, ask.now).await;
    let Err(error) = added else {
        let text = format!("{} may sign in now, as {role}.", form.get("name"));
        return Ok(done(HERE, Tone::Ok, &text));
    };
    let mut page = people_page(&ask).await?;
    page.name = Field::new(form.get("name"));
    page.roles = roles(role);
    let said = sentence(&error.to_string());
    match error {
        AccessError::Name(_) | AccessError::NameTaken { .. } => page.name.error = said,
        AccessError::Password(_) => page.password_error = said,
        other => return refuse(&ask, other).await,
    }
    ask.refused(&page)
}

async fn role(ask: Ask, Path(id): Path<i64>, form: Form) -> Result<Response, Failure> {
    let role: Role = form.get("role").parse().map_err(|e| Failure::invalid(format!("{e}")))?;
    let name = name_of(&ask, id)?;
    let access = &ask.site.access;
    match access.set_role(&ask.visitor.caller, PersonId(id), role, ask.now).await {
        Ok(()) => Ok(done(HERE, Tone::Ok, &format!("{name} is {role} now."))),
        Err(error) => refuse(&ask, error).await,
    }
}

async fn enable(ask: Ask, Path(id): Path<i64>) -> Result<Response, Failure> {
    set_disabled(ask, id, false).await
}

async fn disable(ask: Ask, Path(id): Path<i64>) -> Result<Response, Failure> {
    set_disabled(ask, id, true).await
}

async fn set_disabled(ask: Ask, id: i64, disabled: bool) -> Result<Response, Failure> {
    let name = name_of(&ask, id)?;
    let access = &ask.site.access;
    match access.set_disabled(&ask.visitor.caller, PersonId(id), disabled, ask.now).await {
        Ok(()) if disabled => {
            let text = format!("{name} may not sign in any more; their sessions have ended.");
            Ok(done(HERE, Tone::Ok, &text))
        }
        Ok(()) => Ok(done(HERE, Tone::Ok, &format!("{name} may sign in again."))),
        Err(error) => refuse(&ask, error).await,
    }
}

async fn ask_remove(ask: Ask, Path(id): Path<i64>) -> Result<Response, Failure> {
    let name = name_of(&ask, id)?;
    let consequences = vec![
        format!("{name} cannot sign in any more, and all their sessions end."),
        "Their API keys stop working.".to_owned(),
        "What they did stays in the audit log.".to_owned(),
    ];
    confirm(&ask, format!("Remove {name}?"), consequences, "Remove").await
}

async fn remove(ask: Ask, Path(id): Path<i64>) -> Result<Response, Failure> {
    let name = name_of(&ask, id)?;
    match ask.site.access.remove_person(&ask.visitor.caller, PersonId(id), ask.now).await {
        Ok(()) => Ok(done(HERE, Tone::Ok, &format!("{name} was removed."))),
        Err(error) => refuse(&ask, error).await,
    }
}

async fn ask_reset(ask: Ask, Path(id): Path<i64>) -> Result<Response, Failure> {
    let name = name_of(&ask, id)?;
    let consequences = vec![
        format!("{name}'s password stops working, and all their sessions end."),
        "A new password is shown once, for you to hand over.".to_owned(),
    ];
    confirm(&ask, format!("Reset {name}'s password?"), consequences, "Reset the password").await
}

/// The new password is in this answer and nowhere else.
async fn reset(ask: Ask, Path(id): Path<i64>) -> Result<Response, Failure> {
    let name = name_of(&ask, id)?;
    let password = fresh_password()?;
    let (by, new) = (&ask.visitor.caller, Secret::new(password.as_str()));
    if let Err(error) = ask.site.access.reset_password(by, PersonId(id), new, ask.now).await {
        return refuse(&ask, error).await;
    }
    let mut page = people_page(&ask).await?;
    page.fresh = Some((name, password));
    ask.page(&page)
}

/// Five groups of four hexadecimal digits: 80 random bits, easy to read aloud.
fn fresh_password() -> Result<String, Failure> {
    let random = csrf::fresh_cookie()?;
    let groups: Vec<&str> = (0..5).filter_map(|i| random.expose().get(i * 4..i * 4 + 4)).collect();
    Ok(groups.join("-"))
}

fn name_of(ask: &Ask, id: i64) -> Result<String, Failure> {
    let people = ask.site.access.people(&ask.visitor.caller, ask.now)?;
    let person = people.into_iter().find(|p| p.id == PersonId(id));
    Ok(person.ok_or(AccessError::NoSuchPerson(PersonId(id)))?.name)
}

/// The page again, with why nothing was done.
async fn refuse(ask: &Ask, error: AccessError) -> Result<Response, Failure> {
    let failure = Failure::from(error);
    if failure.status.is_server_error() {
        return Err(failure);
    }
    let mut page = people_page(ask).await?;
    page.shell.flash.push(Flash { tone: Tone::Bad, text: failure.explained.message });
    ask.answer(failure.status, &page)
}

async fn confirm(
    ask: &Ask,
    question: String,
    consequences: Vec<String>,
    button: &str,
) -> Result<Response, Failure> {
    let page = ConfirmPage {
        shell: ask.shell(&question, Some(Place::Settings)).await,
        question,
        consequences,
        action: ask.query.bare().to_owned(),
        fields: Vec::new(),
        button: button.to_owned(),
        danger: true,
        cancel: HERE.to_owned(),
    };
    ask.answer(StatusCode::OK, &page)
}
