//! Setting up, signing in and out, staying signed in, and the colours.

use std::time::Duration;

use access::{AccessError, NewSession, Permission as P, Secret, Setup, SetupState, SignIn};
use axum::Json;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::answer::{forget, put_cookie};
use super::errors::sentence;
use super::shell::THEME_COOKIE;
use super::{Ask, Form, Guest, back, done, local_path, see_other};
use crate::http::{Entry, FORM_COOKIE, Failure, Route, Routes, SESSION_COOKIE, set_cookie};
use crate::site::Site;
use crate::view::{Field, SetupPage, SignInPage, Theme, Tone};

/// What the browser may choose for itself is remembered as long as browsers allow.
pub(super) const CHOICE_TIME: Duration = Duration::from_secs(400 * 86_400);

pub(super) fn routes() -> Routes<Site> {
    let own = Entry::Needs(P::AccountOwn);
    Routes::new()
        .add(Route::new(Method::GET, "/setup", Entry::Public, setup, "Setup page"))
        .add(Route::new(Method::POST, "/setup", Entry::Public, set_up, "Make the first account"))
        .add(Route::new(Method::GET, "/sign-in", Entry::Public, sign_in, "Sign-in page"))
        .add(Route::new(Method::POST, "/sign-in", Entry::Public, enter, "Sign in"))
        .add(Route::new(Method::POST, "/sign-out", own, sign_out, "Sign out"))
        .add(Route::new(Method::POST, "/session/extend", own, extend, "Stay signed in"))
        .add(Route::new(Method::POST, "/theme", own, theme, "Choose the colours"))
}

async fn setup(guest: Guest) -> Result<Response, Failure> {
    if guest.site.access.setup_state() == SetupState::Done {
        return Ok(see_other("/sign-in"));
    }
    guest.answer(StatusCode::OK, &setup_page(&guest))
}

fn setup_page(guest: &Guest) -> SetupPage {
    SetupPage {
        shell: guest.shell("Setup"),
        token: Field::default(),
        name: Field::default(),
        password_error: String::new(),
        password_min: access::MIN_CHARS as u32,
    }
}

async fn set_up(guest: Guest, form: Form) -> Result<Response, Failure> {
    let mut page = setup_page(&guest);
    page.token = Field::new(form.get("token"));
    page.name = Field::new(form.get("name"));
    if form.raw("password") != form.raw("again") {
        if guest.site.access.setup_state() == SetupState::Done {
            return Err(AccessError::AlreadySetUp.into());
        }
        "The two passwords differ.".clone_into(&mut page.password_error);
        return guest.answer(StatusCode::UNPROCESSABLE_ENTITY, &page);
    }
    let attempt = Setup {
        token: Secret::new(form.get("token")),
        name: form.get("name").to_owned(),
        password: Secret::new(form.raw("password")),
        address: guest.client.address,
        user_agent: guest.user_agent.clone(),
    };
    let error = match guest.site.access.setup(attempt, guest.now).await {
        Ok(session) => return Ok(welcome(&guest, &session, "/")),
        Err(error) => error,
    };
    let said = sentence(&error.to_string());
    match error {
        AccessError::WrongSetupToken => page.token.error = said,
        AccessError::Name(_) | AccessError::NameTaken { .. } => page.name.error = said,
        AccessError::Password(_) => page.password_error = said,
        other => return Err(other.into()),
    }
    guest.answer(StatusCode::UNPROCESSABLE_ENTITY, &page)
}

async fn sign_in(guest: Guest) -> Result<Response, Failure> {
    let next = guest.query.get("next").unwrap_or_default();
    if guest.visitor.is_some() {
        return Ok(see_other(local_path(next).unwrap_or("/")));
    }
    if guest.site.access.setup_state() == SetupState::First {
        return Ok(see_other("/setup"));
    }
    let mut response = guest.answer(StatusCode::OK, &sign_in_page(&guest, next))?;
    if guest.comes_from_elsewhere() {
        // A link in a message led here, so the browser kept the session's cookie back
        // (SameSite=Strict). It sends it when our own page leads to the same place.
        let again = format!("0; url={}", guest.query.href());
        if let Ok(again) = HeaderValue::from_str(&again) {
            response.headers_mut().insert(header::REFRESH, again);
        }
    }
    Ok(response)
}

fn sign_in_page(guest: &Guest, next: &str) -> SignInPage {
    let tls = guest.site.tls.as_ref();
    SignInPage {
        shell: guest.shell("Sign in"),
        name: String::new(),
        error: String::new(),
        next: local_path(next).unwrap_or("/").to_owned(),
        wait: 0,
        fingerprint: tls.map(|t| t.fingerprint()).unwrap_or_default(),
    }
}

async fn enter(guest: Guest, form: Form) -> Result<Response, Failure> {
    let mut page = sign_in_page(&guest, form.get("next"));
    page.name = form.get("name").chars().take(64).collect();
    let attempt = SignIn {
        name: form.get("name").to_owned(),
        password: Secret::new(form.raw("password")),
        address: guest.client.address,
        user_agent: guest.user_agent.clone(),
    };
    let error = match guest.site.access.sign_in(attempt, guest.now).await {
        Ok(session) => return Ok(welcome(&guest, &session, &page.next)),
        Err(error) => error,
    };
    let wait = error.retry_after().map_or(0, |w| w.as_secs().max(1));
    let status = match error {
        AccessError::WrongCredentials => {
            "Name or password is wrong.".clone_into(&mut page.error);
            StatusCode::UNAUTHORIZED
        }
        AccessError::TooManyAttempts { .. } => {
            page.wait = u32::try_from(wait).unwrap_or(u32::MAX);
            StatusCode::TOO_MANY_REQUESTS
        }
        AccessError::Busy => {
            page.error = sentence(&error.to_string());
            StatusCode::SERVICE_UNAVAILABLE
        }
        other => return Err(other.into()),
    };
    let mut response = guest.answer(status, &page)?;
    if wait > 0 {
        let headers = response.headers_mut();
        headers.insert(header::RETRY_AFTER, HeaderValue::from(wait));
    }
    Ok(response)
}

/// Gives the browser its session. The policy may end it earlier than the cookie.
fn welcome(guest: &Guest, session: &NewSession, next: &str) -> Response {
    let mut response = see_other(next);
    let longest = guest.site.access.session_policy().absolute_seconds;
    let longest = Some(Duration::from_secs(longest));
    let cookie = set_cookie(SESSION_COOKIE, session.cookie.expose(), longest);
    put_cookie(&mut response, &cookie);
    put_cookie(&mut response, &forget(FORM_COOKIE));
    response
}

async fn sign_out(ask: Ask) -> Result<Response, Failure> {
    let session = ask.visitor.browser()?.session;
    let by = &ask.visitor.caller;
    if let Err(error) = ask.site.access.end_session(by, session, ask.now).await {
        // It has ended in memory, which is what counts until the next start.
        tracing::warn!(%error, session, "a session's end was not written down");
    }
    let mut response = done("/sign-in", Tone::Ok, "You are signed out.");
    put_cookie(&mut response, &forget(SESSION_COOKIE));
    Ok(response)
}

/// That the request came is enough: the session was used.
async fn extend(ask: Ask, form: Form) -> Result<Response, Failure> {
    let ends = ask.visitor.browser()?.ends_at;
    if ask.wants_json() {
        return Ok(Json(json!({ "expires": ends.0 })).into_response());
    }
    Ok(back(&form, "/", Tone::Ok, "You stay signed in."))
}

async fn theme(ask: Ask, form: Form) -> Response {
    let theme = Theme::from_cookie(form.get("theme"));
    let mut response = if ask.wants_json() {
        StatusCode::NO_CONTENT.into_response()
    } else {
        see_other(form.back().unwrap_or("/"))
    };
    let cookie = set_cookie(THEME_COOKIE, theme.as_str(), Some(CHOICE_TIME));
    put_cookie(&mut response, &cookie);
    response
}
