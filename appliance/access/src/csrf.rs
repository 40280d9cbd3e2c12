//! Form tokens against cross-site requests.
//!
//! A token is derived from the raw cookie value, which neither the database nor another site
//! knows: the session cookie once signed in, before that a random cookie that the sign-in and
//! setup forms set. The front door also checks `Origin`.

use crate::AccessError;
use crate::secret::{Secret, digest, from_hex, random, same, to_hex};

const DOMAIN: &str = "panoptikon form token 1";

/// A fresh cookie value for forms shown before anybody is signed in: 256 random bits in hex.
pub fn fresh_cookie() -> Result<Secret, AccessError> {
    Ok(Secret::new(to_hex(&random::<32>()?)))
}

/// The token for forms on pages sent to the holder of this cookie; `None` when the cookie is not
/// one of ours.
pub fn token(cookie: &str) -> Option<String> {
    let raw: [u8; 32] = from_hex(cookie)?;
    Some(to_hex(&digest(DOMAIN, &raw)))
}

/// Whether a form that came with this cookie carries its token. Takes the same time whatever is
/// wrong with the token.
pub fn matches(cookie: &str, given: &str) -> bool {
    token(cookie).is_some_and(|expected| same(expected.as_bytes(), given.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_cookies_own_token_matches() {
        let (mine, other) = (fresh_cookie().unwrap(), fresh_cookie().unwrap());
        let token = token(mine.expose()).unwrap();
        assert!(matches(mine.expose(), &token));
        assert!(!matches(other.expose(), &token));
        assert!(!matches(mine.expose(), mine.expose()));
        assert!(!matches(mine.expose(), ""));
        assert!(!matches("", ""));
    }
}
