//! Clients of `OpenVPN` servers: made of a file that is sent here, connected, disconnected, deleted.
//! The file is read and forgotten; its keys go into the plan and nowhere else.

use axum::response::Response;
use vyos::config::Node;
use vyos::edit::{EditError, OpenVpnEdit};
use vyos::facts::vpn;
use vyos::ovpn::{Fate, Note, Profile, ProfileError};

use super::super::filled::{Filled, maybe};
use super::super::{plan_of, propose};
use super::HERE;
use crate::http::Failure;
use crate::pages::errors::sentence;
use crate::pages::{Ask, Form, done};
use crate::view::Tone;
use crate::view::router::{FateLine, OpenVpnPage, OpenVpnReadPage};

pub(super) const OPENVPN: &str = "/router/vpn/openvpn";
/// The longest form: the file, and what stands around it.
pub(super) const LONGEST_FORM: usize = vyos::ovpn::LARGEST + 64 * 1024;
const FIELDS: [&str; 4] = ["name", "description", "username", "password"];
/// Never carried along to fill the form in again.
const SECRETS: [&str; 3] = ["file", "text", "password"];

pub(super) async fn show(ask: Ask) -> Result<Response, Failure> {
    let config = ask.config("VPN").await?;
    let page = page(&ask, &config, Filled::fresh(&ask), None).await;
    ask.page(&page)
}

async fn page(
    ask: &Ask,
    config: &Node,
    filled: Filled<'_>,
    error: Option<&ProfileError>,
) -> OpenVpnPage {
    let taken = vpn(config).openvpn;
    let free = |n: &u32| !taken.iter().any(|one| one.name == format!("vtun{n}"));
    let usual = format!("vtun{}", (0..10_000).find(free).unwrap_or_default());
    let problems = error.into_iter().flat_map(|error| &error.problems);
    OpenVpnPage {
        said: filled.said(&FIELDS),
        problems: problems
            .map(|one| match one.line {
                0 => sentence(&one.text),
                line => format!("Line {line}: {}", one.text),
            })
            .collect(),
        name: filled.field("name", &usual),
        description: filled.field("description", ""),
        username: filled.field("username", ""),
        password_said: filled.field("password", "").error,
        routes: filled.ticked("routes", false),
        shell: ask.router_shell("A client of an OpenVPN server").await,
    }
}

pub(super) async fn set(ask: Ask, form: Form) -> Result<Response, Failure> {
    let known = ask.known("VPN").await?;
    let text = ["file", "text"].into_iter().map(|name| form.raw(name)).find(|t| !t.is_empty());
    let file = match Profile::parse(text.unwrap_or_default()) {
        _ if text.is_none() => {
            return refused(&ask, &form, &known.root, &EditError::of("file", "choose the file"))
                .await;
        }
        Ok(file) => file,
        Err(error) => {
            let none = EditError { fields: Vec::new() };
            let filled = Filled::refused(&ask, &form, &none);
            let page = page(&ask, &known.root, filled, Some(&error)).await;
            return ask.refused(&page);
        }
    };
    let edit = OpenVpnEdit {
        name: form.get("name").to_owned(),
        description: maybe(form.raw("description")),
        username: maybe(form.raw("username")),
        password: Some(form.raw("password")).filter(|text| !text.is_empty()).map(str::to_owned),
        routes: form.ticked("routes"),
    };
    let mut draft = known.draft();
    if let Err(error) = draft.add_openvpn(&file, &edit) {
        return refused(&ask, &form, &known.root, &error).await;
    }
    let harmless = SECRETS.iter().fold(form, |form, name| form.without(name));
    let why = format!("Connect {} to {}", edit.name, file.hosts.join(", "));
    let plan = match plan_of(&ask, &harmless, OPENVPN, why, draft.commands()).await {
        Ok(plan) => plan,
        Err(answer) => return answer,
    };
    let mut options = file.options.clone();
    if edit.routes {
        options.extend(file.routes.iter().cloned());
    } else {
        options.push("route-nopull".to_owned());
    }
    let mut notes = file.notes;
    // What may surprise comes first.
    model::sort_by_key(&mut notes, |note| match note.fate {
        Fate::Left => 0,
        Fate::Route => 1,
        _ => 2,
    });
    let page = OpenVpnReadPage {
        lines: notes.into_iter().map(|note| line(note, edit.routes)).collect(),
        options,
        plan: format!("/router/plans/{}", plan.id),
        shell: ask.router_shell(&format!("What becomes of the file: {}", edit.name)).await,
    };
    ask.page(&page)
}

async fn refused(
    ask: &Ask,
    form: &Form,
    config: &Node,
    error: &EditError,
) -> Result<Response, Failure> {
    let page = page(ask, config, Filled::refused(ask, form, error), None).await;
    ask.refused(&page)
}

fn line(note: Note, routes: bool) -> FateLine {
    let (tone, fate) = match note.fate {
        Fate::Setting => (Tone::Ok, "a setting of the router"),
        Fate::Option => (Tone::Ok, "handed on"),
        Fate::Own => (Tone::Ok, "so in any case"),
        Fate::Route if routes => (Tone::Warn, "handed on"),
        Fate::Route | Fate::Left => (Tone::Quiet, "left out"),
    };
    FateLine {
        line: note.line,
        directive: note.directive.chars().take(60).collect(),
        tone,
        fate: fate.to_owned(),
        text: note.text,
    }
}

/// Connects or disconnects: nothing but its switch is changed.
pub(super) async fn switch(ask: Ask, form: Form) -> Result<Response, Failure> {
    let (name, on) = (form.get("interface"), form.ticked("on"));
    let why = format!("{} {name}", if on { "Connect" } else { "Disconnect" });
    change(&ask, why, |draft| draft.enable_openvpn(name, on)).await
}

pub(super) async fn delete(ask: Ask, form: Form) -> Result<Response, Failure> {
    let name = form.get("interface");
    let why = format!("Delete {name} with its keys");
    change(&ask, why, |draft| draft.delete_openvpn(name)).await
}

async fn change(
    ask: &Ask,
    why: String,
    edit: impl FnOnce(&mut vyos::edit::Draft<'_>) -> Result<(), EditError>,
) -> Result<Response, Failure> {
    let known = ask.known("VPN").await?;
    let mut draft = known.draft();
    match edit(&mut draft) {
        Ok(()) => propose(ask, &Form::default(), HERE, why, draft.commands()).await,
        Err(error) => {
            let said = error.fields.iter().map(|one| sentence(&one.message));
            Ok(done(HERE, Tone::Warn, &said.collect::<Vec<_>>().join(" ")))
        }
    }
}
