//! One host: the page, and changing it.

use agents::{AgentsError, Host};
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;

use super::show::Said;
use super::{find, form, place, show};
use crate::http::Failure;
use crate::pages::errors::sentence;
use crate::pages::{Ask, Form, done};
use crate::view::Tone;

pub(super) async fn show(ask: Ask, Path(id): Path<String>) -> Result<Response, Failure> {
    let host = find(&ask, &id)?;
    ask.site.agents.attend(host.id, ask.now);
    let page = show::page(&ask, &host, form::of(&host), Said::default()).await?;
    ask.page(&page)
}

pub(super) async fn save(
    ask: Ask,
    Path(id): Path<String>,
    sent: Form,
) -> Result<Response, Failure> {
    let host = find(&ask, &id)?;
    match save_now(&ask, &host, &sent).await {
        Ok(()) => {
            let text = if host.online {
                "Saved. The host does so from now on."
            } else {
                "Saved. The host does so when it is online."
            };
            Ok(done(&place(&host), Tone::Ok, text))
        }
        Err(Ok((field, problem))) => {
            let again = form::refused(&host, &sent, field, &problem);
            let said = Said { form_error: problem, ..Said::default() };
            let page = show::page(&ask, &host, again, said).await?;
            ask.answer(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
        Err(Err(error)) => Err(error.into()),
    }
}

type Refusal = Result<(&'static str, String), AgentsError>;

async fn save_now(ask: &Ask, host: &Host, sent: &Form) -> Result<(), Refusal> {
    let refuse = |error| match error {
        AgentsError::Invalid(invalid) => Ok((form::named(&invalid), sentence(&invalid.problem))),
        other => Err(other),
    };
    let settings = form::read(host, sent).map_err(Ok)?;
    settings.check().map_err(|invalid| refuse(invalid.into()))?;
    let (agents, by) = (&ask.site.agents, &ask.visitor.caller);
    let (name, note) = (sent.get("name"), sent.get("note"));
    if name != host.name || note != host.note {
        agents.rename(by, host.id, name, note, ask.now).await.map_err(refuse)?;
    }
    if settings != host.settings {
        agents.configure(by, host.id, settings, ask.now).await.map_err(refuse)?;
    }
    Ok(())
}
