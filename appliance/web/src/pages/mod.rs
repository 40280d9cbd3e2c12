//! The pages: handlers that ask the rooms, fill a view and answer with HTML.
//!
//! Every handler of a signed-in page takes an [`Ask`], which knows who asks for what and puts the
//! shell around the page; forms arrive as [`Form`]. A change ends in [`done`], a redirect with a
//! message on the next page. A refused form is its page again, with the words beside the field.

mod about;
mod account;
pub(crate) mod agents;
pub(crate) mod alerts;
mod answer;
mod audit;
pub(crate) mod deeds;
mod device;
mod devices;
mod enter;
mod errors;
mod events;
pub(crate) mod flows;
mod form;
mod overview;
mod people;
mod push;
mod recent;
pub(crate) use router::logs;
mod router;
pub(crate) mod rows;
pub(crate) mod search;
mod settings;
pub(crate) mod settings_view;
mod shell;
pub(crate) mod topology;

pub(crate) use about::numbers;
pub use agents::agent_line;
pub use answer::{back, done, local_path, page, refused, see_other};
pub use errors::error_page;
pub(crate) use errors::{explain, sentence};
pub use form::{Form, local_time};
pub use push::push;
pub(crate) use push::topics;
pub(crate) use recent::Recent;
pub use settings_view::{AUDIT_DAYS, USUAL_AUDIT_DAYS};
pub use shell::{Ask, Guest};

use crate::http::Routes;
use crate::site::Site;

/// All pages and forms.
pub fn routes() -> Routes<Site> {
    Routes::new()
        .merge(enter::routes())
        .merge(account::routes())
        .merge(settings::routes())
        .merge(people::routes())
        .merge(audit::routes())
        .merge(about::routes())
        .merge(devices::routes())
        .merge(device::routes())
        .merge(agents::routes())
        .merge(topology::routes())
        .merge(search::routes())
        .merge(overview::routes())
        .merge(events::routes())
        .merge(flows::routes())
        .merge(alerts::routes())
        .merge(router::routes())
}
