//! The check in front of each handler: body length, who is calling, whether they may, and the
//! form token.

use std::time::Duration;

use access::{Caller, SetupState};
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_body_util::{BodyExt, Limited};
use model::Timestamp;

use super::caller::{FORM_COOKIE, SESSION_COOKIE, Visitor, cookie};
use super::front::Front;
use super::route::{Declared, Deprecated, Entry};
use super::{Client, Failure};

/// The headers in which scripts may send the form token: the long name for programs, the short one
/// for our own scripts.
const TOKEN_HEADERS: [&str; 2] = ["x-csrf-token", "x-csrf"];

/// The form field of the same.
const TOKEN_FIELD: &str = "csrf";

/// The header with which our own scripts load a page anew by themselves.
const REFRESH_HEADER: &str = "x-refresh";

/// Longest time a handler may take, its body included.
const REQUEST_TIME: Duration = Duration::from_secs(30);

/// Marks the answer of a route that may take as long as bytes move.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patient;

/// What one route demands.
#[derive(Clone)]
pub(crate) struct Rule {
    entry: Entry,
    body_limit: usize,
    patient: bool,
    deprecated: Option<Deprecated>,
    front: Front,
}

impl Rule {
    pub(crate) fn new(declared: &Declared, front: Front) -> Self {
        let Declared { entry, body_limit, patient, deprecated, .. } = *declared;
        Self { entry, body_limit, patient, deprecated, front }
    }
}

/// Lets a request through to its handler, or answers in its place.
pub(crate) async fn check(State(rule): State<Rule>, request: Request, next: Next) -> Response {
    let deprecated = rule.deprecated;
    let mut response = answer(rule, request, next).await;
    if let Some(Deprecated { since, instead }) = deprecated {
        let link = format!("<{instead}>; rel=\"successor-version\"");
        let told = [("deprecation", format!("@{}", since.as_secs())), ("link", link)];
        for (name, value) in told {
            if let Ok(value) = value.parse() {
                response.headers_mut().insert(name, value);
            }
        }
    }
    response
}

async fn answer(rule: Rule, request: Request, next: Next) -> Response {
    let patient = rule.patient;
    let answer = async {
        match admit(&rule, request).await {
            Ok(request) => next.run(request).await,
            Err(failure) => failure.into_response(),
        }
    };
    if patient {
        let mut response = answer.await;
        response.extensions_mut().insert(Patient);
        return response;
    }
    match tokio::time::timeout(REQUEST_TIME, answer).await {
        Ok(response) => response,
        Err(_) => Failure::unavailable("This took too long and was given up.").into_response(),
    }
}

async fn admit(rule: &Rule, mut request: Request) -> Result<Request, Failure> {
    fits(request.headers(), rule.body_limit)?;
    let client = request.extensions().get::<Client>().copied();
    let client = client.ok_or_else(|| Failure::bad_request("The request has no sender."))?;
    let visitor = identify(&rule.front, request.method(), request.headers(), client)?;
    let needed = match rule.entry {
        Entry::Public => None,
        Entry::ScrapersOr(_) if rule.front.may_scrape(client.address) => None,
        Entry::Needs(permission) | Entry::ScrapersOr(permission) => Some(permission),
    };
    if let Some(permission) = needed {
        let Some(visitor) = &visitor else {
            return Err(signed_out(&rule.front, &request));
        };
        if !visitor.may(permission) {
            let name = visitor.caller.actor.name();
            let message = format!(
                "{name} may not do this: it needs {permission}. Ask an administrator for a role \
                 that includes it."
            );
            return Err(Failure::forbidden(message));
        }
    }
    let by_key = visitor.as_ref().is_some_and(|v| v.session.is_none());
    if !request.method().is_safe() && !by_key {
        // On the heap, as most requests only read.
        let checked = check_token(request, visitor.is_some(), rule.body_limit);
        request = Box::pin(checked).await?;
    }
    if let Some(visitor) = visitor {
        request.extensions_mut().insert(visitor);
    }
    Ok(request)
}

fn fits(headers: &HeaderMap, limit: usize) -> Result<(), Failure> {
    let length = headers.get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|l| l > limit as u64) {
        return Err(too_large(limit));
    }
    Ok(())
}

fn too_large(limit: usize) -> Failure {
    Failure::too_large(format!(
        "The request is longer than the {} kB that this takes.",
        limit / 1024
    ))
}

/// The API key of an `Authorization: Bearer pnk_…` header.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, key) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(key.trim())
}

/// A key that is wrong is refused at once: it must not fall back to a cookie.
fn identify(
    front: &Front,
    method: &Method,
    headers: &HeaderMap,
    client: Client,
) -> Result<Option<Visitor>, Failure> {
    let now = Timestamp::now();
    let address = client.address;
    if let Some(key) = bearer(headers) {
        let wrong = || Failure::signed_out("This API key is unknown, revoked or has run out.");
        let actor = front.access().check_key(key, now).ok_or_else(wrong)?;
        let caller = Caller { actor, address: Some(address) };
        return Ok(Some(Visitor { caller, session: None }));
    }
    let session = cookie(headers, SESSION_COOKIE).and_then(|cookie| {
        if by_itself(method, headers) {
            front.access().peek_session(cookie, now)
        } else {
            front.access().check_session(cookie, now)
        }
    });
    Ok(session.map(|s| Visitor::by_session(s, address)))
}

/// Whether a page asks by itself, which is no use of a session: a page left open may not keep one
/// from ending. The live channel is opened again by itself too, after each loss.
fn by_itself(method: &Method, headers: &HeaderMap) -> bool {
    let alone = [REFRESH_HEADER, header::UPGRADE.as_str()];
    *method == Method::GET && alone.iter().any(|name| headers.contains_key(*name))
}

fn signed_out(front: &Front, request: &Request) -> Failure {
    let failure = Failure::signed_out("Sign in first, or send an API key.");
    if matches!(front.access().setup_state(), SetupState::First) {
        return failure.or_go_to("/setup");
    }
    let page = request.uri().path_and_query().map_or("/", |p| p.as_str());
    if request.method() == Method::GET && page != "/" {
        return failure.or_go_to(format!("/sign-in?next={}", in_query(page)));
    }
    failure.or_go_to("/sign-in")
}

/// Percent-encodes all but what no query string mistakes for something else.
fn in_query(text: &str) -> String {
    use std::fmt::Write;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                out.push(char::from(byte));
            }
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}

/// Demands the token of the cookie that came along. Before sign-in, a body that is no form needs
/// none: other sites cannot send it without asking first, which nothing here grants.
async fn check_token(request: Request, signed_in: bool, limit: usize) -> Result<Request, Failure> {
    let kind = request.headers().get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or("");
    let parted = super::multipart::boundary(kind).map(str::to_owned);
    let form = kind.starts_with("application/x-www-form-urlencoded") || parted.is_some();
    let json = kind.starts_with("application/json");
    let name = if signed_in { SESSION_COOKIE } else { FORM_COOKIE };
    if !signed_in && json {
        return Ok(request);
    }
    let old = || {
        Failure::forbidden(
            "The form is too old or did not come from this site. Load the page anew and send it again.",
        )
    };
    let secret = cookie(request.headers(), name).ok_or_else(old)?.to_owned();
    if let Some(given) = TOKEN_HEADERS.iter().find_map(|n| request.headers().get(*n)) {
        let given = given.to_str().unwrap_or_default();
        return if access::csrf::matches(&secret, given) { Ok(request) } else { Err(old()) };
    }
    if !form {
        return Err(old());
    }
    let (parts, body) = request.into_parts();
    let whole = Limited::new(body, limit).collect().await.map_err(|e| {
        if e.is::<http_body_util::LengthLimitError>() {
            too_large(limit)
        } else {
            Failure::bad_request("The request ended too early.")
        }
    })?;
    let bytes: Bytes = whole.to_bytes();
    let given = match parted {
        Some(boundary) => {
            let fields =
                super::multipart::fields(&boundary, &bytes).map_err(Failure::bad_request)?;
            fields.into_iter().find_map(|(name, value)| (name == TOKEN_FIELD).then_some(value))
        }
        None => field(&bytes, TOKEN_FIELD).map(str::to_owned),
    };
    if !access::csrf::matches(&secret, &given.ok_or_else(old)?) {
        return Err(old());
    }
    Ok(Request::from_parts(parts, Body::from(bytes)))
}

/// A form field whose value needs no decoding, as a token in hex does not.
fn field<'a>(form: &'a [u8], name: &str) -> Option<&'a str> {
    let form = std::str::from_utf8(form).ok()?;
    form.split('&').filter_map(|p| p.split_once('=')).find_map(|(n, v)| (n == name).then_some(v))
}

/// Whether a request changes something, or opens a channel that can.
pub(crate) fn changes(method: &Method, headers: &HeaderMap) -> bool {
    !method.is_safe() || headers.contains_key(header::UPGRADE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_to_return_to_cannot_break_out_of_the_query() {
        assert_eq!(in_query("/devices?a=1&b=%20#x\""), "/devices%3Fa%3D1%26b%3D%2520%23x%22");
    }

    #[test]
    fn what_a_person_sends_is_never_taken_for_a_page_that_asks_by_itself() {
        let mut headers = HeaderMap::new();
        assert!(!by_itself(&Method::GET, &headers));
        headers.insert(REFRESH_HEADER, "1".parse().unwrap());
        assert!(by_itself(&Method::GET, &headers));
        assert!(!by_itself(&Method::POST, &headers));
    }

    #[test]
    fn a_bearer_key_is_read_whatever_the_case_of_its_scheme() {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, "bearer pnk_1".parse().unwrap());
        assert_eq!(bearer(&headers), Some("pnk_1"));
        headers.insert(AUTHORIZATION, "Basic pnk_1".parse().unwrap());
        assert_eq!(bearer(&headers), None);
    }

    #[test]
    fn the_token_is_found_in_a_form() {
        assert_eq!(field(b"a=1&csrf=ff&b=2", "csrf"), Some("ff"));
        assert_eq!(field(b"xcsrf=ff", "csrf"), None);
        assert_eq!(field(b"\xff", "csrf"), None);
    }
}
