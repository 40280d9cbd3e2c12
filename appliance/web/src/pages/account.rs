//! One's own account: preferences, password, sessions, API keys.

use std::time::Duration;

use access::{AccessError, NewKey, Permission as P, Preferences, Role, Secret, SignedIn};
use axum::extract::Path;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::Response;

use super::answer::put_cookie;
use super::enter::CHOICE_TIME;
use super::errors::sentence;
use super::shell::{ROWS, ROWS_COOKIE, THEME_COOKIE};
use super::{Ask, Form, done};
use crate::http::{Entry, Failure, Route, Routes, set_cookie};
use crate::site::Site;
use crate::view::{
    AccountPage, Choice, ConfirmPage, Flash, KeyLine, Moment, SessionLine, Theme, Tone,
};

const HERE: &str = "/account";

/// Days that a new key can last; 0 is for ever.
const KEY_DAYS: [(u64, &str); 4] =
    [(30, "in 30 days"), (90, "in 90 days"), (365, "in a year"), (0, "never")];

const REFRESH: [(u16, &str); 5] =
    [(0, "never"), (10, "10 s"), (30, "30 s"), (60, "1 min"), (300, "5 min")];

pub(super) fn routes() -> Routes<Site> {
    let own = Entry::Needs(P::AccountOwn);
    let keys = Entry::Needs(P::ApiKeysOwn);
    let revoke_key = "/account/keys/{id}/revoke";
    let post = || Method::POST;
    Routes::new()
        .add(Route::new(Method::GET, HERE, own, account, "Account page"))
        .add(Route::new(post(), "/account/password", own, password, "Change one's password"))
        .add(Route::new(post(), "/account/preferences", own, preferences, "Keep preferences"))
        .add(Route::new(
            post(),
            "/account/sessions/{id}/revoke",
            own,
            revoke,
            "End a session of one's own",
        ))
        .add(Route::new(
            post(),
            "/account/sessions/revoke-others",
            own,
            revoke_others,
            "End one's other sessions",
        ))
        .add(Route::new(post(), "/account/keys", keys, make_key, "Make an API key"))
        .add(Route::new(Method::GET, revoke_key, keys, ask_revoke_key, "Revoke an API key?"))
        .add(Route::new(post(), revoke_key, keys, revoke_one_key, "Revoke an API key"))
}

async fn account(ask: Ask) -> Result<Response, Failure> {
    let page = account_page(&ask, ask.visitor.browser()?).await?;
    ask.page(&page)
}

async fn account_page(ask: &Ask, me: &SignedIn) -> Result<AccountPage, Failure> {
    let (access, by) = (&ask.site.access, &ask.visitor.caller);
    let mut sessions = access.sessions(by, me.person, ask.now)?;
    model::sort_by_key(&mut sessions, |s| s.id != me.session);
    let sessions = sessions.into_iter().map(|s| SessionLine {
        id: s.id.to_string(),
        agent: browser_name(&s.user_agent),
        address: s.address,
        since: Moment::ago(s.created_at, ask.now),
        seen: Moment::ago(s.last_seen_at, ask.now),
        current: s.id == me.session,
    });
    let may_have_keys = ask.may(P::ApiKeysOwn);
    let keys = if may_have_keys { access.keys(by)? } else { Vec::new() };
    let keys = keys.into_iter().filter(|k| k.owner == me.person).map(|k| KeyLine {
        id: k.id,
        name: k.name,
        prefix: k.starts,
        scope: k.role.to_string(),
        expires: k.expires_at.map(|t| Moment::ago(t, ask.now)),
        used: k.last_used_at.map(|t| Moment::ago(t, ask.now)),
    });
    let scopes = Role::ALL.iter().filter(|r| may_have_keys && me.role.covers(**r));
    let number = |n: &dyn std::fmt::Display| n.to_string();
    let refresh = REFRESH.iter().map(|(n, words)| (number(n), *words));
    Ok(AccountPage {
        shell: ask.shell("Your account", None).await,
        current_error: String::new(),
        password_error: String::new(),
        password_min: access::MIN_CHARS as u32,
        sessions: sessions.collect(),
        keys: keys.collect(),
        scopes: Choice::list(scopes.map(|r| (r.as_str(), r.as_str())), Role::Viewer.as_str()),
        days: Choice::list(KEY_DAYS.iter().map(|(n, words)| (number(n), *words)), "90"),
        fresh_key: String::new(),
        themes: Choice::list(
            [("dark", "Dark"), ("light", "Light"), ("auto", "As the system says")],
            ask.theme().as_str(),
        ),
        refresh: Choice::list(refresh, &me.preferences.refresh_seconds.to_string()),
        rows: Choice::list(ROWS.map(|n| (n.to_string(), n.to_string())), &ask.rows().to_string()),
    })
}

/// Browser and system, as far as the user agent tells; what it says of itself otherwise.
fn browser_name(agent: &str) -> String {
    let first = |list: &[(&str, &'static str)]| {
        list.iter().find(|(mark, _)| agent.contains(mark)).map(|(_, name)| *name)
    };
    // In this order: Edge says that it is Chrome, and Chrome that it is Safari.
    let browser = first(&[
        ("Edg", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
        ("curl/", "curl"),
    ]);
    let system = first(&[
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Android", "Android"),
        ("Windows", "Windows"),
        ("Mac OS X", "Mac"),
        ("CrOS", "ChromeOS"),
        ("Linux", "Linux"),
    ]);
    match (browser, system) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(browser), None) => browser.to_owned(),
        _ if agent.is_empty() => "Unknown browser".to_owned(),
        _ => agent.chars().take(60).collect(),
    }
}

async fn password(ask: Ask, form: Form) -> Result<Response, Failure> {
    let me = ask.visitor.browser()?;
    if form.raw("password") != form.raw("again") {
        let mut page = account_page(&ask, me).await?;
        "The two passwords differ.".clone_into(&mut page.password_error);
        return ask.refused(&page);
    }
    let (current, new) = (Secret::new(form.raw("current")), Secret::new(form.raw("password")));
    let (access, by) = (&ask.site.access, &ask.visitor.caller);
    let error = match access.change_password(me, by, current, new, ask.now).await {
        Ok(()) => {
            let text = "The password is changed; you are signed out everywhere else.";
            return Ok(done(HERE, Tone::Ok, text));
        }
        Err(error) => error,
    };
    let mut page = account_page(&ask, me).await?;
    let said = sentence(&error.to_string());
    let wait = error.retry_after();
    let status = match error {
        AccessError::Password(_) => {
            page.password_error = said;
            StatusCode::UNPROCESSABLE_ENTITY
        }
        AccessError::WrongPassword => {
            page.current_error = said;
            StatusCode::UNPROCESSABLE_ENTITY
        }
        AccessError::TooManyAttempts { .. } => {
            page.current_error = said;
            StatusCode::TOO_MANY_REQUESTS
        }
        other => return Err(other.into()),
    };
    let mut response = ask.answer(status, &page)?;
    if let Some(wait) = wait {
        let seconds = HeaderValue::from(wait.as_secs().max(1));
        response.headers_mut().insert(header::RETRY_AFTER, seconds);
    }
    Ok(response)
}

async fn preferences(ask: Ask, form: Form) -> Result<Response, Failure> {
    let me = ask.visitor.browser()?;
    let theme = Theme::from_cookie(form.get("theme"));
    let refresh = form.get("refresh").parse().ok();
    let refresh = refresh.filter(|n| REFRESH.iter().any(|(known, _)| known == n));
    let wanted = Preferences {
        theme: match theme {
            Theme::Dark => access::Theme::Dark,
            Theme::Light => access::Theme::Light,
            Theme::Auto => access::Theme::System,
        },
        refresh_seconds: refresh
            .ok_or_else(|| Failure::invalid("The refresh interval is not one of those offered."))?,
        ..me.preferences
    };
    if wanted != me.preferences {
        let by = &ask.visitor.caller;
        ask.site.access.set_preferences(me, by, wanted, ask.now).await?;
    }
    let mut response = done(HERE, Tone::Ok, "Your preferences are kept.");
    let cookie = set_cookie(THEME_COOKIE, theme.as_str(), Some(CHOICE_TIME));
    put_cookie(&mut response, &cookie);
    if let Some(rows) = form.get("rows").parse::<u32>().ok().filter(|n| ROWS.contains(n)) {
        let cookie = set_cookie(ROWS_COOKIE, &rows.to_string(), Some(CHOICE_TIME));
        put_cookie(&mut response, &cookie);
    }
    Ok(response)
}

async fn revoke(ask: Ask, Path(id): Path<i64>) -> Result<Response, Failure> {
    let me = ask.visitor.browser()?;
    let (access, by) = (&ask.site.access, &ask.visitor.caller);
    let mine = access.sessions(by, me.person, ask.now)?;
    if !mine.iter().any(|s| s.id == id) {
        return Err(AccessError::NoSuchSession(id).into());
    }
    access.end_session(by, id, ask.now).await?;
    Ok(done(HERE, Tone::Ok, "That browser is signed out."))
}

async fn revoke_others(ask: Ask) -> Result<Response, Failure> {
    let me = ask.visitor.browser()?;
    let by = &ask.visitor.caller;
    let ended = ask.site.access.end_other_sessions(me, by, ask.now).await?;
    let text = match ended {
        0 => "You were signed in nowhere else.".to_owned(),
        1 => "One other browser is signed out.".to_owned(),
        n => format!("{n} other browsers are signed out."),
    };
    Ok(done(HERE, Tone::Ok, &text))
}

/// The key is in this answer and nowhere else.
async fn make_key(ask: Ask, form: Form) -> Result<Response, Failure> {
    let me = ask.visitor.browser()?;
    let role: Role = form.get("scope").parse().map_err(|e| Failure::invalid(format!("{e}")))?;
    let days = form.get("days").parse::<u64>().ok();
    let days = days.filter(|n| KEY_DAYS.iter().any(|(known, _)| known == n));
    let days = days.ok_or_else(|| Failure::invalid("A key cannot last for that many days."))?;
    let new = NewKey {
        name: form.get("name").to_owned(),
        role,
        expires_at: (days > 0).then(|| ask.now.plus(Duration::from_secs(days * 86_400))),
    };
    let made = ask.site.access.create_key(&ask.visitor.caller, new, ask.now).await;
    match made {
        Ok((_, key)) => {
            let mut page = account_page(&ask, me).await?;
            key.expose().clone_into(&mut page.fresh_key);
            ask.page(&page)
        }
        Err(error) => {
            let failure = Failure::from(error);
            if failure.status.is_server_error() {
                return Err(failure);
            }
            let mut page = account_page(&ask, me).await?;
            page.shell.flash.push(Flash { tone: Tone::Bad, text: failure.explained.message });
            ask.answer(failure.status, &page)
        }
    }
}

fn key_name(ask: &Ask, id: i64) -> Result<String, Failure> {
    let keys = ask.site.access.keys(&ask.visitor.caller)?;
    let key = keys.into_iter().find(|k| k.id == id);
    Ok(key.ok_or(AccessError::NoSuchKey(id))?.name)
}

async fn ask_revoke_key(ask: Ask, Path(id): Path<i64>) -> Result<Response, Failure> {
    let question = format!("Revoke the key \"{}\"?", key_name(&ask, id)?);
    let page = ConfirmPage {
        shell: ask.shell(&question, None).await,
        question,
        consequences: vec!["Whatever uses it is refused from now on.".to_owned()],
        action: ask.query.bare().to_owned(),
        fields: Vec::new(),
        button: "Revoke".to_owned(),
        danger: true,
        cancel: HERE.to_owned(),
    };
    ask.page(&page)
}

async fn revoke_one_key(ask: Ask, Path(id): Path<i64>) -> Result<Response, Failure> {
    let name = key_name(&ask, id)?;
    ask.site.access.revoke_key(&ask.visitor.caller, id, ask.now).await?;
    Ok(done(HERE, Tone::Ok, &format!("The key \"{name}\" is revoked.")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_known_by_what_it_calls_itself() {
        let firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
        assert_eq!(browser_name(firefox), "Firefox on Linux");
        let edge =
            "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/130.0 Safari/537.36 Edg/130.0";
        assert_eq!(browser_name(edge), "Edge on Windows");
        assert_eq!(browser_name(""), "Unknown browser");
    }
}
