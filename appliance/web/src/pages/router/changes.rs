//! What was changed on the router, by us and by others; keeping and undoing.

use axum::extract::Path;
use axum::http::Method;
use axum::response::Response;
use vyos::{Change, ChangeError, State};

use super::{CHANGE, LOOK, kept_line, state_words};
use crate::http::{Failure, Route, Routes};
use crate::pages::errors::sentence;
use crate::pages::{Ask, Form, back, done};
use crate::site::Site;
use crate::view::router::{ChangePage, ChangeRow, ChangesPage};
use crate::view::{Empty, Moment, Pager, Tone, count};

pub(super) fn routes() -> Routes<Site> {
    let (get, post) = (Method::GET, Method::POST);
    Routes::new()
        .add(Route::new(get.clone(), "/router/changes", LOOK, list, "Changes of the router"))
        .add(Route::new(get, "/router/changes/{number}", LOOK, show, "A change of the router"))
        .add(
            Route::new(
                post.clone(),
                "/router/changes/{number}/keep",
                CHANGE,
                keep,
                "Keep a change",
            )
            .patient(),
        )
        .add(
            Route::new(
                post.clone(),
                "/router/changes/{number}/undo",
                CHANGE,
                undo,
                "Undo a change",
            )
            .patient(),
        )
        .add(Route::new(post, "/router/save", CHANGE, save, "Save what the router runs").patient())
}

async fn list(ask: Ask) -> Result<Response, Failure> {
    let rows = ask.rows();
    let before = match ask.query.get("before") {
        Some(text) => {
            Some(text.parse().map_err(|_| Failure::bad_request("There is no such page."))?)
        }
        None => None,
    };
    let mut changes = ask.site.router.changes(before, rows + 1).await?;
    let more = changes.len() > rows as usize;
    changes.truncate(rows as usize);
    let last = changes.last().map(|change| change.number.to_string()).filter(|_| more);
    let shown = count(changes.len() as u64);
    let empty = changes.is_empty().then(|| {
        Empty::new(
            "router",
            "No changes yet",
            "What is changed here or by others on the router will stand here with its commands.",
        )
    });
    let page = ChangesPage {
        pager: Pager::keyset(&ask.query, last.as_deref(), "Older", shown),
        rows: changes.iter().map(|change| row(change, &ask)).collect(),
        empty,
        shell: ask.router_shell("Changes of the router").await,
    };
    ask.page(&page)
}

async fn show(ask: Ask, Path(number): Path<i64>) -> Result<Response, Failure> {
    let change = ask.site.router.change(number).await?;
    let change = change.ok_or_else(|| Failure::not_found("There is no such change."))?;
    let page = ChangePage {
        row: row(&change, &ask),
        commands: change.commands.lines().map(kept_line).collect(),
        said: change.said.clone(),
        ended: change.ended.filter(|_| change.state != State::Outside).map(Moment::exact),
        waits: ask
            .site
            .router
            .unsettled()
            .iter()
            .any(|one| one.number == number && one.state == State::Waiting),
        shell: ask.router_shell(&change.why).await,
    };
    ask.page(&page)
}

async fn keep(ask: Ask, Path(number): Path<i64>, form: Form) -> Result<Response, Failure> {
    let here = format!("/router/changes/{number}");
    let (tone, text) = match ask.site.router.keep(number, &ask.visitor.caller).await {
        Ok(()) => (Tone::Ok, "It is kept, and saved.".to_owned()),
        Err(error) => told(error)?,
    };
    Ok(back(&form, &here, tone, &text))
}

async fn undo(ask: Ask, Path(number): Path<i64>, form: Form) -> Result<Response, Failure> {
    let here = format!("/router/changes/{number}");
    match ask.site.router.undo(number, &ask.visitor.caller).await {
        Ok(()) => {
            let state = ask.site.router.change(number).await?.map(|change| change.state);
            let (tone, text) = if state == Some(State::Undone) {
                (Tone::Ok, "It is undone.")
            } else {
                (Tone::Warn, "The router did not let it be undone yet; it is tried again.")
            };
            Ok(back(&form, &here, tone, text))
        }
        Err(error) => {
            let (tone, text) = told(error)?;
            Ok(back(&form, &here, tone, &text))
        }
    }
}

async fn save(ask: Ask, form: Form) -> Result<Response, Failure> {
    let (tone, text) = match ask.site.router.save(&ask.visitor.caller).await {
        Ok(()) => (Tone::Ok, "Saved: the router starts with what it runs now.".to_owned()),
        Err(error) => told(error)?,
    };
    match form.back() {
        Some(path) => Ok(done(path, tone, &text)),
        None => Ok(done("/router/config", tone, &text)),
    }
}

/// What went wrong, for the next page.
fn told(error: ChangeError) -> Result<(Tone, String), Failure> {
    match error {
        ChangeError::Store(error) => Err(error.into()),
        ChangeError::Settled(_) | ChangeError::Busy(_) => {
            Ok((Tone::Warn, sentence(&error.to_string())))
        }
        other => Ok((Tone::Bad, sentence(&other.to_string()))),
    }
}

pub(super) fn row(change: &Change, ask: &Ask) -> ChangeRow {
    let (state, tone) = state_words(change.state);
    ChangeRow {
        number: change.number,
        at: Moment::ago(change.at, ask.now),
        actor: change.actor.clone(),
        address: change.address.clone().unwrap_or_default(),
        why: change.why.clone(),
        state,
        tone,
        commands: count(change.commands.lines().count() as u64),
    }
}
