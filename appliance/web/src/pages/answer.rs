//! Answers: a page, a redirect with a message, a form that was refused.

use std::fmt::Write as _;
use std::time::Duration;

use axum::http::header::{CONTENT_TYPE, LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use super::form::Form;
use crate::http::{Failure, cookie, set_cookie};
use crate::view::{Flash, Html, Tone};

/// The message for the next page.
pub(super) const FLASH_COOKIE: &str = "__Host-panoptikon-flash";

/// A message that no page has shown by then is stale.
const FLASH_TIME: Duration = Duration::from_secs(60);

/// Longest message, in bytes: it has to fit into a cookie.
const MAX_FLASH: usize = 600;

/// Longest path to return to, in bytes.
const MAX_PATH: usize = 2048;

/// A page.
pub fn page(template: &dyn Html) -> Result<Response, Failure> {
    with_status(StatusCode::OK, template)
}

/// A page with a form that was refused: 422, with the words in the template's fields.
pub fn refused(template: &dyn Html) -> Result<Response, Failure> {
    with_status(StatusCode::UNPROCESSABLE_ENTITY, template)
}

pub(super) fn with_status(status: StatusCode, template: &dyn Html) -> Result<Response, Failure> {
    let html = template.html().map_err(|e| Failure::internal("Rendering the page", e))?;
    let kind = HeaderValue::from_static("text/html; charset=utf-8");
    Ok((status, [(CONTENT_TYPE, kind)], html).into_response())
}

/// Go and look there.
pub fn see_other(path: &str) -> Response {
    let place = HeaderValue::from_str(path).unwrap_or(HeaderValue::from_static("/"));
    (StatusCode::SEE_OTHER, [(LOCATION, place)]).into_response()
}

/// Go there, where the next page says how it went.
pub fn done(path: &str, tone: Tone, text: &str) -> Response {
    let mut response = see_other(path);
    let value = write_flash(tone, text);
    put_cookie(&mut response, &set_cookie(FLASH_COOKIE, &value, Some(FLASH_TIME)));
    response
}

/// As [`done`], to the page that the form came from, or else to `otherwise`.
pub fn back(form: &Form, otherwise: &str, tone: Tone, text: &str) -> Response {
    done(form.back().unwrap_or(otherwise), tone, text)
}

/// The text if it is a path of this site: nothing that a browser takes for another host, as
/// `//host`, `/\host` or `/<tab>/host` are.
pub fn local_path(text: &str) -> Option<&str> {
    let plain = text.len() <= MAX_PATH && text.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    (plain && text.starts_with('/') && !text.starts_with("//")).then_some(text)
}

pub(super) fn put_cookie(response: &mut Response, line: &str) {
    if let Ok(value) = HeaderValue::from_str(line) {
        response.headers_mut().append(SET_COOKIE, value);
    }
}

/// The `Set-Cookie` header that forgets a cookie.
pub(super) fn forget(name: &str) -> String {
    set_cookie(name, "", Some(Duration::ZERO))
}

fn write_flash(tone: Tone, text: &str) -> String {
    let mut value = format!("{tone}.");
    let mut end = text.len().min(MAX_FLASH);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    for byte in text[..end].bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => value.push(char::from(byte)),
            b' ' => value.push('+'),
            _ => {
                let _ = write!(value, "%{byte:02X}");
            }
        }
    }
    value
}

/// The message that came along, if any.
pub(super) fn read_flash(headers: &HeaderMap) -> Option<Flash> {
    let (tone, text) = cookie(headers, FLASH_COOKIE)?.split_once('.')?;
    let tone = match tone {
        "ok" => Tone::Ok,
        "warn" => Tone::Warn,
        "bad" => Tone::Bad,
        _ => Tone::Info,
    };
    let decoded = crate::view::Query::parse("", &format!("t={text}"));
    let text = decoded.get("t")?.chars().filter(|c| !c.is_control());
    let text = text.take(MAX_FLASH).collect();
    Some(Flash { tone, text })
}

#[cfg(test)]
mod tests {
    use axum::http::header::COOKIE;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_paths_of_this_site_are_returned_to() {
        for good in ["/", "/devices?q=a%20b&sort=-seen", "/settings#names", "/a//b"] {
            assert_eq!(local_path(good), Some(good));
        }
        for bad in [
            "",
            "//evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "https://evil.example",
            "javascript:alert(1)",
            "/\t/evil.example",
            "/\n/evil.example",
            " //evil.example",
            "devices",
            "/d\u{e9}vices",
        ] {
            assert_eq!(local_path(bad), None, "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn a_message_returns_from_its_cookie(text in "[^\\p{Cc}&=]{1,80}") {
            let mut headers = HeaderMap::new();
            let line = format!("{FLASH_COOKIE}={}", write_flash(Tone::Ok, &text));
            headers.insert(COOKIE, line.parse().unwrap());
            let flash = read_flash(&headers).expect("a message");
            prop_assert_eq!(flash, Flash { tone: Tone::Ok, text });
        }

        #[test]
        fn no_cookie_panics(text in "[ -~]{0,60}") {
            let mut headers = HeaderMap::new();
            if let Ok(value) = format!("{FLASH_COOKIE}={text}").parse() {
                headers.insert(COOKIE, value);
            }
            let _ = read_flash(&headers);
        }
    }
}
