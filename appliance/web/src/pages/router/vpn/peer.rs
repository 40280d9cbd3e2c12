//! A peer of a `WireGuard` interface whose key is known.

use axum::response::Response;
use vyos::edit::{Draft, EditError, PeerEdit};
use vyos::facts::{WireGuard, wireguard};

use super::super::filled::{Filled, list, maybe, number};
use super::super::propose;
use super::{HERE, PEER, about};
use crate::http::Failure;
use crate::pages::errors::sentence;
use crate::pages::{Ask, Form, done};
use crate::view::Tone;
use crate::view::router::PeerPage;

/// The fields, as the edit calls them.
const FIELDS: [&str; 7] = [
    "name",
    "description",
    "public_key",
    "allowed_ips",
    "endpoint_address",
    "endpoint_port",
    "keepalive",
];

pub(super) async fn show(ask: Ask) -> Result<Response, Failure> {
    let config = ask.config("VPN").await?;
    let get = |key: &str| ask.query.get(key).unwrap_or_default();
    let one = find(&wireguard(&config), get("interface"))?;
    let page = page(&ask, &one, get("peer"), Filled::fresh(&ask)).await?;
    ask.page(&page)
}

/// The interface of that name.
pub(super) fn find(all: &[WireGuard], name: &str) -> Result<WireGuard, Failure> {
    let found = all.iter().find(|one| one.name == name).cloned();
    found.ok_or_else(|| Failure::not_found("The router has no such WireGuard interface."))
}

async fn page(
    ask: &Ask,
    one: &WireGuard,
    old: &str,
    filled: Filled<'_>,
) -> Result<PeerPage, Failure> {
    let usual = if old.is_empty() {
        PeerEdit::default()
    } else {
        let found = one.peers.iter().find(|peer| peer.name == old);
        found.map(PeerEdit::from).ok_or_else(|| Failure::not_found("There is no such peer."))?
    };
    let text = |value: Option<String>| value.unwrap_or_default();
    let digits = |value: Option<u16>| value.map(|n| n.to_string()).unwrap_or_default();
    let title = if old.is_empty() { format!("A peer of {}", one.name) } else { old.to_owned() };
    Ok(PeerPage {
        said: filled.said(&FIELDS),
        name: filled.field("name", &usual.name),
        description: filled.field("description", &text(usual.description)),
        public_key: filled.field("public_key", &usual.public_key),
        allowed: filled.field("allowed_ips", &usual.allowed_ips.join("\n")),
        endpoint: filled.field("endpoint_address", &text(usual.endpoint_address)),
        port: filled.field("endpoint_port", &digits(usual.endpoint_port)),
        keepalive: filled.field("keepalive", &digits(usual.keepalive)),
        enabled: filled.ticked("enabled", !usual.disabled),
        interface: one.name.clone(),
        old: old.to_owned(),
        shell: ask.router_shell(&title).await,
    })
}

pub(super) async fn set(ask: Ask, form: Form) -> Result<Response, Failure> {
    let config = ask.config("VPN").await?;
    let one = find(&wireguard(&config), form.raw("interface"))?;
    let old = maybe(form.raw("peer"));
    let dialect = ask.dialect(&config).await;
    let mut draft = Draft::new(&config, &dialect);
    let made = read(&form)
        .and_then(|edit| draft.set_peer(&one.name, old.as_deref(), &edit).map(|()| edit));
    match made {
        Ok(edit) => {
            let from = match &old {
                Some(old) => about(PEER, &one.name).with("peer", old),
                None => about(PEER, &one.name),
            };
            let verb = if old.is_some() { "Change" } else { "Add" };
            let why = format!("{verb} the peer {} of {}", edit.name, one.name);
            propose(&ask, &form, &from.href(), why, draft.commands()).await
        }
        Err(error) => {
            let filled = Filled::refused(&ask, &form, &error);
            let page = page(&ask, &one, old.as_deref().unwrap_or_default(), filled).await?;
            ask.refused(&page)
        }
    }
}

fn read(form: &Form) -> Result<PeerEdit, EditError> {
    Ok(PeerEdit {
        name: form.get("name").to_owned(),
        description: maybe(form.raw("description")),
        public_key: form.get("public_key").to_owned(),
        preshared_key: None,
        allowed_ips: list(form.raw("allowed_ips")),
        endpoint_address: maybe(form.raw("endpoint_address")),
        endpoint_port: number(form, "endpoint_port")?,
        keepalive: number(form, "keepalive")?,
        disabled: !form.ticked("enabled"),
    })
}

pub(super) async fn delete(ask: Ask, form: Form) -> Result<Response, Failure> {
    let config = ask.config("VPN").await?;
    let (interface, peer) = (form.raw("interface"), form.raw("peer"));
    let dialect = ask.dialect(&config).await;
    let mut draft = Draft::new(&config, &dialect);
    match draft.delete_peer(interface, peer) {
        Ok(()) => {
            let why = format!("Delete the peer {peer} of {interface}");
            propose(&ask, &Form::default(), HERE, why, draft.commands()).await
        }
        Err(error) => {
            let said = error.fields.iter().map(|one| sentence(&one.message));
            Ok(done(HERE, Tone::Warn, &said.collect::<Vec<_>>().join(" ")))
        }
    }
}
