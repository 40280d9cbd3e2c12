//! Tools to look further from the router. Whoever sends packets with them is in the audit log.

mod connections;
mod device;
mod run;
mod say;
mod speed;
mod stream;

pub(in crate::pages) use stream::plain;

use access::Permission as P;
use access::audit::Entry as Line;
use serde_json::Value;

use crate::http::{Entry, Failure, Routes};
use crate::pages::Ask;
use crate::site::Site;
use crate::view::Tab;

/// Who may use them.
const TOOLS: Entry = Entry::Needs(P::RouterTools);

/// Their pages.
const PAGES: [(&str, &str); 4] = [
    ("/router/tools", "Network"),
    ("/router/tools/connections", "Connections"),
    ("/router/tools/speed", "Speed"),
    ("/router/tools/device", "To this device"),
];

pub(super) fn routes() -> Routes<Site> {
    Routes::new()
        .merge(run::routes())
        .merge(connections::routes())
        .merge(speed::routes())
        .merge(device::routes())
}

/// The ways to the pages of tools.
fn tabs(ask: &Ask) -> Vec<Tab> {
    let tab = |(href, label): (&str, &str)| Tab {
        label: label.to_owned(),
        href: href.to_owned(),
        count: None,
        key: "",
        current: ask.query.bare() == href,
    };
    PAGES.map(tab).into()
}

/// Notes in the audit log that a tool is used.
async fn note(
    ask: &Ask,
    action: &'static str,
    subject: String,
    detail: Value,
) -> Result<(), Failure> {
    let line = Line::new(&ask.visitor.caller, action, subject, ask.now).with(detail);
    ask.site.access.audit().append(line).await?;
    Ok(())
}
