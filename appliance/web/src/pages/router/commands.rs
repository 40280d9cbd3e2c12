//! Commands of one's own: what is typed or pasted becomes a plan as any other change does.

use axum::http::Method;
use axum::response::Response;
use vyos::config::commands::parse;

use super::filled::Filled;
use super::{CHANGE, propose};
use crate::http::{Failure, Route, Routes};
use crate::pages::errors::sentence;
use crate::pages::{Ask, Form};
use crate::site::Site;
use crate::view::Field;
use crate::view::router::CommandsPage;

const HERE: &str = "/router/config/commands";
/// The longest list that is taken, in bytes; the plan's own limit counts commands.
const LONGEST: usize = 1024 * 1024;

pub(super) fn routes() -> Routes<Site> {
    Routes::new().add(Route::new(Method::GET, HERE, CHANGE, show, "Commands of one's own")).add(
        Route::new(Method::POST, HERE, CHANGE, plan, "Plan commands of one's own")
            .body_limit(4 * LONGEST)
            .patient(),
    )
}

async fn show(ask: Ask) -> Result<Response, Failure> {
    let filled = Filled::fresh(&ask);
    let fields = (filled.field("why", ""), filled.field("commands", ""));
    let said = filled.said(&["why", "commands"]);
    let page = page(&ask, fields, said).await;
    ask.page(&page)
}

async fn plan(ask: Ask, form: Form) -> Result<Response, Failure> {
    let why = form.get("why");
    // Browsers end lines with both characters.
    let text = form.raw("commands").replace('\r', "");
    let refused = match parse(&text) {
        _ if text.len() > LONGEST => "These are more than a megabyte; make several changes.".into(),
        Ok(commands) if commands.is_empty() => "Write at least one command.".to_owned(),
        Ok(commands) => {
            let why = if why.is_empty() { "Commands of one's own" } else { why };
            return propose(&ask, &form, HERE, why, commands).await;
        }
        Err(error) => sentence(&error.to_string()),
    };
    let fields = (Field::new(why), Field::refused(text, refused));
    let page = page(&ask, fields, String::new()).await;
    ask.refused(&page)
}

async fn page(ask: &Ask, (why, commands): (Field, Field), said: String) -> CommandsPage {
    CommandsPage { shell: ask.router_shell("Commands").await, why, commands, said }
}
