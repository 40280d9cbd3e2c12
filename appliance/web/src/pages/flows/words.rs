//! The words of the filter.

use ::flows::filter::words;
use axum::http::Method;
use axum::response::Response;

use super::LOOK;
use crate::http::{Failure, Route, Routes};
use crate::pages::Ask;
use crate::site::Site;
use crate::view::flows::FilterWordsPage;

pub(super) fn routes() -> Routes<Site> {
    Routes::new().add(Route::new(Method::GET, "/flows/filters", LOOK, show, "Words of the filter"))
}

async fn show(ask: Ask) -> Result<Response, Failure> {
    let shell = ask.flows_shell("Words of the filter").await;
    ask.page(&FilterWordsPage { shell, words: words().collect() })
}
