//! A new network that addresses are given in: a form.

use axum::http::Method;
use axum::response::Response;
use vyos::edit::{Draft, SubnetEdit};

use super::pool::{fields, read};
use crate::http::{Failure, Route, Routes};
use crate::pages::router::filled::Filled;
use crate::pages::router::{CHANGE, propose};
use crate::pages::{Ask, Form};
use crate::site::Site;
use crate::view::router::{NewPool, PoolPage};

const HERE: &str = "/router/dhcp/new";

pub(super) fn routes() -> Routes<Site> {
    Routes::new()
        .add(Route::new(Method::GET, HERE, CHANGE, ask_for, "A form for a network of DHCP"))
        .add(Route::new(Method::POST, HERE, CHANGE, save, "Plan a network of DHCP"))
}

async fn ask_for(ask: Ask) -> Result<Response, Failure> {
    ask.config("DHCP").await?;
    let page = page(&ask, &Filled::fresh(&ask)).await;
    ask.page(&page)
}

async fn save(ask: Ask, form: Form) -> Result<Response, Failure> {
    let config = ask.config("DHCP").await?;
    let (network, prefix) = (form.get("network"), form.get("subnet"));
    let dialect = ask.dialect(&config).await;
    let mut draft = Draft::new(&config, &dialect);
    match read(&form).and_then(|edit| draft.add_dhcp_subnet(network, prefix, &edit)) {
        Ok(()) => propose(&ask, &form, HERE, format!("DHCP in {prefix}"), draft.commands()).await,
        Err(error) => {
            let page = page(&ask, &Filled::refused(&ask, &form, &error)).await;
            ask.refused(&page)
        }
    }
}

async fn page(ask: &Ask, filled: &Filled<'_>) -> PoolPage {
    let new = NewPool { network: filled.field("network", ""), subnet: filled.field("subnet", "") };
    PoolPage {
        shell: ask.router_shell("DHCP").await,
        network: String::new(),
        subnet: String::new(),
        new: Some(new),
        fields: fields(&SubnetEdit::default(), true, filled),
    }
}
