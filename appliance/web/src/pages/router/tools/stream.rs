//! Sends the lines of a running tool as they come, or gathers them for a page.

use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use system::tools::Updates;

/// The most lines that a page shows; no tool says more.
const MOST_LINES: usize = 500;

/// Answers with each update's line as it comes. The tool ends when nobody reads any more.
pub(super) fn flowing<T: Send + 'static>(updates: Updates<T>, say: fn(&T) -> String) -> Response {
    let lines = stream::unfold(updates, move |mut updates| async move {
        let update = updates.next().await?;
        let line = Bytes::from(say(&update) + "\n");
        Some((Ok::<_, std::convert::Infallible>(line), updates))
    });
    plain(Body::from_stream(lines))
}

/// The same at its end.
pub(super) async fn gathered<T>(mut updates: Updates<T>, say: fn(&T) -> String) -> Vec<String> {
    let mut lines = Vec::new();
    while let Some(update) = updates.next().await {
        if lines.len() < MOST_LINES {
            lines.push(say(&update));
        }
    }
    lines
}

/// Text for the script. Its kind is one of our own: an error of plain text would be made a page.
pub(in crate::pages) fn plain(body: impl Into<Body>) -> Response {
    let kind = HeaderValue::from_static("text/x-lines; charset=utf-8");
    ([(CONTENT_TYPE, kind)], body.into()).into_response()
}
