//! A `WireGuard` interface: made with its first client, changed, deleted.

use axum::response::Response;
use vyos::config::Node;
use vyos::edit::{Draft, EditError, WireGuardEdit};
use vyos::facts::{WireGuard, wireguard};

use super::super::filled::{Filled, list, maybe, number};
use super::super::propose;
use super::client::{self, Wanted};
use super::keys::PrivateKey;
use super::peer::find;
use super::{HERE, INTERFACE, about};
use crate::http::Failure;
use crate::pages::errors::sentence;
use crate::pages::{Ask, Form, done};
use crate::view::Tone;
use crate::view::router::WgPage;

/// The fields of the interface, as the edit calls them.
const FIELDS: [&str; 5] = ["name", "description", "addresses", "port", "mtu"];
/// The port that is usual (wg-quick and everybody).
const PORT: u16 = 51_820;

pub(super) async fn show(ask: Ask) -> Result<Response, Failure> {
    let config = ask.config("VPN").await?;
    let old = ask.query.get("interface").unwrap_or_default();
    let page = page(&ask, &config, old, Filled::fresh(&ask)).await?;
    ask.page(&page)
}

async fn page(ask: &Ask, config: &Node, old: &str, filled: Filled<'_>) -> Result<WgPage, Failure> {
    let all = wireguard(config);
    let usual = if old.is_empty() {
        fresh(&all)
    } else {
        let one = find(&all, old)?;
        (one.name.clone(), WireGuardEdit::from(&one))
    };
    let (name, usual) = usual;
    let shown: Vec<&str> = FIELDS.into_iter().chain(client::FIELDS).collect();
    let digits = |value: Option<u32>| value.map(|n| n.to_string()).unwrap_or_default();
    let client = client::fields(&filled, &client::usual(ask, &usual.addresses, &[]));
    let title = if old.is_empty() {
        "A new WireGuard interface".to_owned()
    } else {
        format!("Change {old}")
    };
    Ok(WgPage {
        said: filled.said(&shown),
        name: filled.field("name", &name),
        description: filled.field("description", &usual.description.unwrap_or_default()),
        addresses: filled.field("addresses", &usual.addresses.join("\n")),
        port: filled.field("port", &digits(usual.port.map(u32::from))),
        mtu: filled.field("mtu", &digits(usual.mtu)),
        enabled: filled.ticked("enabled", !usual.disabled),
        client,
        old: old.to_owned(),
        shell: ask.router_shell(&title).await,
    })
}

/// What a new interface may be like: the next name, port and network that no other has.
fn fresh(all: &[WireGuard]) -> (String, WireGuardEdit) {
    let number = (0..1_000).find(|n| !all.iter().any(|one| one.name == format!("wg{n}")));
    let number = number.unwrap_or_default();
    let port = (PORT..u16::MAX).find(|port| !all.iter().any(|one| one.port == Some(*port)));
    let net = (9..250).find(|n| {
        let start = format!("10.{n}.");
        !all.iter().any(|one| one.addresses.iter().any(|address| address.starts_with(&start)))
    });
    let addresses = net.map(|n| format!("10.{n}.0.1/24")).into_iter().collect();
    (format!("wg{number}"), WireGuardEdit { addresses, port, ..WireGuardEdit::default() })
}

pub(super) async fn set(ask: Ask, form: Form) -> Result<Response, Failure> {
    let config = ask.config("VPN").await?;
    let old = form.raw("interface").to_owned();
    let dialect = ask.dialect(&config).await;
    let mut draft = Draft::new(&config, &dialect);
    if old.is_empty() {
        let key = PrivateKey::make().map_err(|e| Failure::internal("Making a key", e))?;
        return match make(&form, &mut draft, &key) {
            Ok(wanted) => {
                let name = form.get("name");
                let why = format!("WireGuard {name} with {}", wanted.edit.name);
                client::answer(&ask, &form, INTERFACE, why, draft.commands(), wanted).await
            }
            Err(error) => refused(&ask, &form, &config, &error).await,
        };
    }
    find(&wireguard(&config), &old)?;
    match read(&form).and_then(|edit| draft.set_wireguard(&old, &edit)) {
        Ok(()) => {
            let from = about(INTERFACE, &old).href();
            propose(&ask, &form, &from, format!("Change {old}"), draft.commands()).await
        }
        Err(error) => refused(&ask, &form, &config, &error).await,
    }
}

async fn refused(
    ask: &Ask,
    form: &Form,
    config: &Node,
    error: &EditError,
) -> Result<Response, Failure> {
    let page = page(ask, config, form.raw("interface"), Filled::refused(ask, form, error)).await?;
    ask.refused(&page)
}

/// Makes a new interface and its first client on the draft.
fn make(form: &Form, draft: &mut Draft<'_>, key: &PrivateKey) -> Result<Wanted, EditError> {
    let mut edit = read(form)?;
    let name = form.get("name");
    if wireguard(draft.tree()).iter().any(|one| one.name == name) {
        return Err(EditError::of("name", "there is one of this name"));
    }
    let port = edit.port.ok_or_else(|| EditError::of("port", "clients need a port to call"))?;
    edit.private_key = Some(key.expose());
    // Both are checked before either is refused, so that everything wrong is told at once.
    let interface = draft.set_wireguard(name, &edit);
    let wanted = client::read(form, key.public(), port);
    interface?;
    let wanted = wanted?;
    draft.set_peer(name, None, &wanted.edit).map_err(client::renamed)?;
    Ok(wanted)
}

fn read(form: &Form) -> Result<WireGuardEdit, EditError> {
    Ok(WireGuardEdit {
        description: maybe(form.raw("description")),
        addresses: list(form.raw("addresses")),
        port: number(form, "port")?,
        mtu: number(form, "mtu")?,
        disabled: !form.ticked("enabled"),
        private_key: None,
    })
}

pub(super) async fn delete(ask: Ask, form: Form) -> Result<Response, Failure> {
    let config = ask.config("VPN").await?;
    let name = form.raw("interface");
    let dialect = ask.dialect(&config).await;
    let mut draft = Draft::new(&config, &dialect);
    match draft.delete_wireguard(name) {
        Ok(()) => {
            let why = format!("Delete {name} with its peers");
            propose(&ask, &Form::default(), HERE, why, draft.commands()).await
        }
        Err(error) => {
            let said = error.fields.iter().map(|one| sentence(&one.message));
            Ok(done(HERE, Tone::Warn, &said.collect::<Vec<_>>().join(" ")))
        }
    }
}
