//! Errors on their way to a person or a program: one shape for `/api`, one page for the rest.

use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, HeaderName, LOCATION, RETRY_AFTER, SET_COOKIE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use http_body_util::{BodyExt, Limited};
use model::Explained;

/// Longest text of a rejection that is passed on to the person.
const MAX_MESSAGE: usize = 1024;

/// A request that failed. Handlers return it as their error; the front door turns it into
/// `{code,message}` for `/api` and a page elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The answer's status.
    pub status: StatusCode,
    /// What failed and what to do.
    pub explained: Explained,
    /// When to try again.
    pub retry_after: Option<Duration>,
    /// Where a browser should go instead of reading an error page; programs get the error.
    pub instead: Option<String>,
    /// The page that says so, where one was made for who asked.
    pub page: Option<String>,
    /// The whole answer, where the page of what was asked for says so itself.
    ready: Option<Box<Ready>>,
}

/// An answer that is made.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Ready {
    html: String,
    /// The line of a cookie that goes with it.
    cookie: Option<String>,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $status:ident, $code:literal;)+) => {
        impl Failure {
            $($(#[$doc])* pub fn $name(message: impl Into<String>) -> Self {
                Self::new(StatusCode::$status, Explained::new($code, message))
            })+
        }
    };
}

kinds! {
    /// 400: the request makes no sense.
    bad_request = BAD_REQUEST, "bad_request";
    /// 401: nobody is signed in.
    signed_out = UNAUTHORIZED, "signed_out";
    /// 403: signed in, but not allowed.
    forbidden = FORBIDDEN, "forbidden";
    /// 404: there is no such thing.
    not_found = NOT_FOUND, "not_found";
    /// 409: the thing is not in the state that this needs.
    conflict = CONFLICT, "conflict";
    /// 413: the body is too long.
    too_large = PAYLOAD_TOO_LARGE, "too_large";
    /// 422: understood, but a value is wrong.
    invalid = UNPROCESSABLE_ENTITY, "invalid";
    /// 503: not now.
    unavailable = SERVICE_UNAVAILABLE, "unavailable";
}

impl Failure {
    /// Any status and explanation.
    pub fn new(status: StatusCode, explained: Explained) -> Self {
        Self { status, explained, retry_after: None, instead: None, page: None, ready: None }
    }

    /// 500: the fault is ours. The error goes to the log, not to the client.
    pub fn internal(what: &'static str, error: impl std::fmt::Display) -> Self {
        tracing::error!(%error, "{what} failed");
        let message = format!("{what} failed; the appliance's log says why.");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, Explained::new("internal", message))
    }

    /// A page that is made already, in place of the one that was asked for, with the line of a cookie.
    pub(crate) fn ready(status: StatusCode, html: String, cookie: Option<String>) -> Self {
        let ready = Some(Box::new(Ready { html, cookie }));
        Self { ready, ..Self::new(status, Explained::new("unavailable", "See the page.")) }
    }

    /// 429: try again after this time.
    pub fn too_many(retry_after: Duration) -> Self {
        let seconds = whole_seconds(retry_after);
        let message = format!("Too many requests from this address; try again in {seconds} s.");
        let explained = Explained::new("too_many_requests", message);
        Self {
            retry_after: Some(retry_after),
            ..Self::new(StatusCode::TOO_MANY_REQUESTS, explained)
        }
    }

    /// Sends browsers elsewhere; programs still get the error.
    #[must_use]
    pub fn or_go_to(mut self, location: impl Into<String>) -> Self {
        self.instead = Some(location.into());
        self
    }

    /// What an answer that no [`Failure`] made says to the client: an extractor's rejection, a
    /// path or method that does not exist. `None` if the answer is fine or has a page of its own.
    pub(crate) async fn of(response: Response) -> Result<Self, Response> {
        let status = response.status();
        if let Some(failure) = response.extensions().get::<Self>() {
            return Ok(failure.clone());
        }
        if !(status.is_client_error() || status.is_server_error()) {
            return Err(response);
        }
        let kind = response.headers().get(CONTENT_TYPE).and_then(|v| v.to_str().ok());
        let plain = kind.is_none_or(|k| k.starts_with("text/plain"));
        if !plain {
            return Err(response);
        }
        let body = Limited::new(response.into_body(), MAX_MESSAGE).collect().await;
        let said = body.map(|b| String::from_utf8_lossy(&b.to_bytes()).into_owned());
        let (code, usual) = usual(status);
        let message = said.ok().filter(|m| !m.trim().is_empty());
        Ok(Self::new(status, Explained::new(code, message.unwrap_or_else(|| usual.to_owned()))))
    }

    /// The answer as programs get it.
    pub(crate) fn json(&self) -> Response {
        let body = serde_json::to_vec(&self.explained).unwrap_or_default();
        self.with_body("application/json", body)
    }

    /// The answer as people get it.
    pub(crate) fn page(&self, page: fn(&Self) -> String) -> Response {
        if let Some(place) = &self.instead
            && let Ok(place) = HeaderValue::from_str(place)
        {
            return (StatusCode::SEE_OTHER, [(LOCATION, place)]).into_response();
        }
        let body = self.page.clone().unwrap_or_else(|| page(self));
        self.with_body("text/html; charset=utf-8", body.into_bytes())
    }

    fn with_body(&self, kind: &'static str, body: Vec<u8>) -> Response {
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        if let Some(wait) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(whole_seconds(wait)));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(
                HeaderName::from_static("www-authenticate"),
                HeaderValue::from_static("Bearer realm=\"panoptikon\""),
            );
        }
        response
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        if let Some(ready) = self.ready {
            let kind = HeaderValue::from_static("text/html; charset=utf-8");
            let mut response = (self.status, [(CONTENT_TYPE, kind)], ready.html).into_response();
            if let Some(line) = ready.cookie.and_then(|line| HeaderValue::from_str(&line).ok()) {
                response.headers_mut().append(SET_COOKIE, line);
            }
            return response;
        }
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

fn whole_seconds(wait: Duration) -> u64 {
    wait.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX).max(1)
}

fn usual(status: StatusCode) -> (&'static str, &'static str) {
    match status {
        StatusCode::NOT_FOUND => ("not_found", "There is nothing at this address."),
        StatusCode::METHOD_NOT_ALLOWED => {
            ("method_not_allowed", "This address does not take this kind of request.")
        }
        StatusCode::PAYLOAD_TOO_LARGE => ("too_large", "The request is longer than this takes."),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            ("unsupported_media_type", "The request's content type is not one that this takes.")
        }
        StatusCode::UNPROCESSABLE_ENTITY => ("invalid", "A value of the request is wrong."),
        StatusCode::UPGRADE_REQUIRED => ("upgrade_required", "This address speaks WebSocket."),
        s if s.is_server_error() => ("internal", "The appliance failed; its log says why."),
        _ => ("bad_request", "The request makes no sense here."),
    }
}

/// The page without the look, for when there is no template to use.
pub(crate) fn bare_page(failure: &Failure) -> String {
    let mut message = String::with_capacity(failure.explained.message.len());
    for c in failure.explained.message.chars() {
        match c {
            '&' => message.push_str("&amp;"),
            '<' => message.push_str("&lt;"),
            '>' => message.push_str("&gt;"),
            c => message.push(c),
        }
    }
    let status = failure.status;
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{status}</title>\
         </head><body><main><h1>{status}</h1><p>{message}</p><p><a href=\"/\">Start page</a></p>\
         </main></body></html>"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bare_page_escapes_what_it_repeats() {
        let page = bare_page(&Failure::bad_request("<script>&"));
        assert!(page.contains("&lt;script&gt;&amp;"));
    }

    #[test]
    fn waiting_is_told_in_whole_seconds_and_never_zero() {
        assert_eq!(whole_seconds(Duration::from_millis(1)), 1);
        assert_eq!(whole_seconds(Duration::from_millis(1001)), 2);
        assert_eq!(whole_seconds(Duration::ZERO), 1);
    }
}
