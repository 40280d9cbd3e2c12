//! Who is calling, as the access room says.

use std::net::IpAddr;
use std::sync::Arc;

use access::{Caller, Permission, SignedIn};
use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::HeaderMap;
use axum::http::header::COOKIE;
use axum::http::request::Parts;

use super::Failure;

/// The session's cookie. The prefix makes browsers insist on HTTPS, this host and path `/`.
pub const SESSION_COOKIE: &str = "__Host-panoptikon";

/// The cookie from which forms shown before sign-in get their token.
pub const FORM_COOKIE: &str = "__Host-panoptikon-form";

/// Somebody who proved who they are; an extractor for handlers.
#[derive(Debug, Clone)]
pub struct Visitor {
    /// Who, and from where: what changes are asked for with.
    pub caller: Caller,
    /// The browser's session; `None` for an API key.
    pub session: Option<Arc<SignedIn>>,
}

impl Visitor {
    /// Whether they may do this.
    pub fn may(&self, permission: Permission) -> bool {
        self.caller.actor.may(permission)
    }

    /// The session of a browser; an API key has no account page, for example.
    pub fn browser(&self) -> Result<&SignedIn, Failure> {
        let session = self.session.as_deref();
        session.ok_or_else(|| {
            Failure::forbidden("This is for people who are signed in, not for keys.")
        })
    }

    pub(crate) fn by_session(session: SignedIn, address: IpAddr) -> Self {
        Self { caller: session.caller(address), session: Some(Arc::new(session)) }
    }
}

impl<S: Sync> FromRequestParts<S> for Visitor {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        let known = parts.extensions.get().cloned();
        known.ok_or_else(|| Failure::signed_out("Sign in first."))
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for Visitor {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Failure> {
        Ok(parts.extensions.get().cloned())
    }
}

/// A cookie's value.
pub fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|v| v.to_str().ok());
    let mut pairs = lines.flat_map(|l| l.split(';')).filter_map(|p| p.trim().split_once('='));
    pairs.find_map(|(n, value)| (n == name).then_some(value))
}

/// The `Set-Cookie` header of one of our cookies; no `max_age` means until the browser closes,
/// zero deletes it.
pub fn set_cookie(name: &str, value: &str, max_age: Option<std::time::Duration>) -> String {
    let age = max_age.map_or_else(String::new, |a| format!("; Max-Age={}", a.as_secs()));
    format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite=Strict{age}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_among_others_by_its_whole_name() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, "x__Host-panoptikon=no; a=b".parse().unwrap());
        headers.append(COOKIE, "__Host-panoptikon-form=f;__Host-panoptikon=s".parse().unwrap());
        assert_eq!(cookie(&headers, SESSION_COOKIE), Some("s"));
        assert_eq!(cookie(&headers, FORM_COOKIE), Some("f"));
        assert_eq!(cookie(&headers, "none"), None);
    }
}
