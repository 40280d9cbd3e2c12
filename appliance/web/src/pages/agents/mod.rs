//! Hosts with agents: the list, adding and removing them, one host.

mod add;
mod ask;
mod form;
mod host;
mod list;
mod mesh;
mod show;

use std::time::Duration;

use access::Permission as P;
use agents::{AgentId, Host};
use axum::extract::Path;
use axum::http::Method;
use axum::response::Response;

use super::errors::sentence;
use super::{Ask, Form, done};
use crate::http::{Entry, Failure, Route, Routes};
use crate::site::Site;
use crate::view::{ConfirmPage, Place, Tone};

pub use add::agent_line;
pub(crate) use add::{line, server};
pub(super) use show::panel;

const HERE: &str = "/agents";
const READ: Entry = Entry::Needs(P::AgentsRead);
const MANAGE: Entry = Entry::Needs(P::AgentsManage);
/// The most hosts that one form names.
const MOST_MARKED: usize = 500;
const HOUR: Duration = Duration::from_secs(3_600);

pub(super) fn routes() -> Routes<Site> {
    let (get, post) = (|| Method::GET, || Method::POST);
    let add = |routes: Routes<Site>, route| routes.add(route);
    let own = [
        Route::new(get(), HERE, READ, list::show, "Hosts with agents"),
        Route::new(get(), "/agents/new", MANAGE, add::form, "A form for a host"),
        Route::new(post(), "/agents/new", MANAGE, add::make, "Make a token for a host"),
        Route::new(post(), "/agents/tokens/revoke", MANAGE, revoke_token, "Take a token back"),
        Route::new(post(), "/agents/delete", MANAGE, delete_many, "Delete hosts"),
        Route::new(get(), "/agents/{id}", READ, host::show, "A host"),
        Route::new(post(), "/agents/{id}/ask", READ, ask::ask, "Ask a host").patient(),
        Route::new(post(), "/agents/{id}/settings", MANAGE, host::save, "Change a host"),
        Route::new(post(), "/agents/{id}/mute", MANAGE, mute, "Mute a host"),
        Route::new(post(), "/agents/{id}/trust", MANAGE, trust, "Trust a host again"),
        Route::new(post(), "/agents/{id}/rotate", MANAGE, rotate, "Have a host make a new key"),
        Route::new(post(), "/agents/{id}/enrol", MANAGE, add::anew, "Enrol a host anew"),
        Route::new(get(), "/agents/{id}/revoke", MANAGE, ask_revoke, "Ask before revoking"),
        Route::new(post(), "/agents/{id}/revoke", MANAGE, revoke, "Revoke a host"),
        Route::new(get(), "/agents/{id}/delete", MANAGE, ask_delete, "Ask before deleting"),
        Route::new(post(), "/agents/{id}/delete", MANAGE, delete, "Delete a host"),
    ];
    own.into_iter().fold(mesh::routes(), add)
}

/// The host of an address.
fn find(ask: &Ask, id: &str) -> Result<Host, Failure> {
    let found = id.parse().ok().and_then(|id: AgentId| ask.site.agents.get(id));
    found.ok_or_else(|| Failure::not_found("There is no such host. It may have been deleted."))
}

fn place(host: &Host) -> String {
    format!("{HERE}/{}", host.id)
}

async fn trust(ask: Ask, Path(id): Path<String>) -> Result<Response, Failure> {
    let host = find(&ask, &id)?;
    ask.site.agents.trust(&ask.visitor.caller, host.id, ask.now).await?;
    let text = "Trusted again: whichever host comes next with this identity is the one.";
    Ok(done(&place(&host), Tone::Ok, text))
}

async fn rotate(ask: Ask, Path(id): Path<String>) -> Result<Response, Failure> {
    let host = find(&ask, &id)?;
    ask.site.agents.rotate(&ask.visitor.caller, host.id, ask.now).await?;
    let text = if host.online {
        "It makes a new key now; the old one is good until it has used the new one."
    } else {
        "It makes a new key when it is online."
    };
    Ok(done(&place(&host), Tone::Ok, text))
}

async fn mute(ask: Ask, Path(id): Path<String>, form: Form) -> Result<Response, Failure> {
    let host = find(&ask, &id)?;
    let hours: u32 = form.get("hours").parse().ok().filter(|h| *h <= 24 * 31).unwrap_or(0);
    let mut settings = host.settings.clone();
    settings.muted_until = (hours > 0).then(|| ask.now.plus(HOUR * hours));
    ask.site.agents.configure(&ask.visitor.caller, host.id, settings, ask.now).await?;
    let text = match hours {
        0 => "No longer muted.".to_owned(),
        1 => "Muted for 1 hour.".to_owned(),
        n => format!("Muted for {n} hours."),
    };
    Ok(done(&place(&host), Tone::Ok, &text))
}

async fn revoke_token(ask: Ask, form: Form) -> Result<Response, Failure> {
    ask.site.agents.revoke_token(&ask.visitor.caller, form.get("id"), ask.now).await?;
    Ok(done(HERE, Tone::Ok, "The token was taken back."))
}

async fn ask_revoke(ask: Ask, Path(id): Path<String>) -> Result<Response, Failure> {
    let host = find(&ask, &id)?;
    let consequences = vec![
        "Its agent is let go at once, and never let in again with this key.".to_owned(),
        "What it has reported stays.".to_owned(),
        "To have it back, enrol it anew on its console.".to_owned(),
    ];
    let question = format!("Revoke \u{201c}{}\u{201d}?", host.name);
    confirm(&ask, question, consequences, "Revoke", Vec::new(), place(&host)).await
}

async fn revoke(ask: Ask, Path(id): Path<String>) -> Result<Response, Failure> {
    let host = find(&ask, &id)?;
    ask.site.agents.revoke(&ask.visitor.caller, host.id, ask.now).await?;
    Ok(done(&place(&host), Tone::Ok, &format!("{} is revoked.", host.name)))
}

fn of_deleting() -> Vec<String> {
    vec![
        "All that was reported is deleted, and the agent is never let in again.".to_owned(),
        "Events and the audit log keep what they say about it.".to_owned(),
        "The agent stays on the host: panoptikon-agent uninstall removes it there.".to_owned(),
    ]
}

async fn ask_delete(ask: Ask, Path(id): Path<String>) -> Result<Response, Failure> {
    let host = find(&ask, &id)?;
    let question = format!("Delete \u{201c}{}\u{201d}?", host.name);
    confirm(&ask, question, of_deleting(), "Delete", Vec::new(), place(&host)).await
}

async fn delete(ask: Ask, Path(id): Path<String>) -> Result<Response, Failure> {
    let host = find(&ask, &id)?;
    let name = ask.site.agents.delete(&ask.visitor.caller, host.id, ask.now).await?;
    Ok(done(HERE, Tone::Ok, &format!("{name} was deleted.")))
}

async fn delete_many(ask: Ask, form: Form) -> Result<Response, Failure> {
    let pattern = form.get("pattern");
    let mut ids: Vec<AgentId> = form.all("id").filter_map(|id| id.parse().ok()).collect();
    if !pattern.is_empty() && !form.ticked("sure") {
        // What is shown now is what will go, whatever comes to match meanwhile.
        let found = match ask.site.agents.matching(pattern) {
            Ok(found) => found,
            Err(error) => return Ok(done(HERE, Tone::Bad, &sentence(&error.to_string()))),
        };
        ids = found.into_iter().map(|(id, _)| id).collect();
        if ids.is_empty() {
            let text = format!("No host has a name like {pattern}.");
            return Ok(done(HERE, Tone::Warn, &text));
        }
    }
    ids.truncate(MOST_MARKED);
    if ids.is_empty() {
        return Ok(done(HERE, Tone::Warn, "No host was selected."));
    }
    let hosts = if ids.len() == 1 { "host" } else { "hosts" };
    if !form.ticked("sure") {
        let names: Vec<String> =
            ids.iter().filter_map(|id| Some(ask.site.agents.get(*id)?.name)).collect();
        let mut consequences = of_deleting();
        consequences.insert(0, format!("These are deleted: {}.", names.join(", ")));
        let mut fields: Vec<_> = ids.iter().map(|id| ("id".to_owned(), id.to_string())).collect();
        fields.push(("sure".to_owned(), "1".to_owned()));
        let question = format!("Delete {} {hosts}?", ids.len());
        return confirm(&ask, question, consequences, "Delete", fields, HERE.to_owned()).await;
    }
    let mut gone = 0;
    for id in ids {
        match ask.site.agents.delete(&ask.visitor.caller, id, ask.now).await {
            Ok(_) => gone += 1,
            // By a second click, perhaps.
            Err(agents::AgentsError::NotFound(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(done(HERE, Tone::Ok, &format!("{gone} {hosts} deleted.")))
}

async fn confirm(
    ask: &Ask,
    question: String,
    consequences: Vec<String>,
    button: &str,
    fields: Vec<(String, String)>,
    cancel: String,
) -> Result<Response, Failure> {
    ask.page(&ConfirmPage {
        shell: ask.shell(&question, Some(Place::Hosts)).await,
        question,
        consequences,
        action: ask.query.bare().to_owned(),
        fields,
        button: button.to_owned(),
        danger: true,
        cancel,
    })
}
