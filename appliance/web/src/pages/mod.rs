//! The pages: handlers that ask the rooms, fill a view and answer with HTML.
//!
//! Every handler of a signed-in page takes an [`Ask`], which knows who asks for what and puts the
//! shell around the page; forms arrive as [`Form`]. A change ends in [`done`], a redirect with a
//! message on the next page. A refused form is its page again, with the words beside the field.

mod answer;
mod errors;
mod form;
mod shell;

pub use answer::{back, done, local_path, page, refused, see_other};
pub use errors::error_page;
pub use form::Form;
pub use shell::{Ask, Guest};

use crate::http::Routes;
use crate::site::Site;

/// All pages and forms.
pub fn routes() -> Routes<Site> {
    Routes::new()
}
