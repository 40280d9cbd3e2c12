//! The key of the HTTP API: where a router keeps it, and how it stays out of every log.

use std::fmt;

use serde_json::Value;
use subtle::ConstantTimeEq as _;

/// Longer than any key that a person or a program makes, in bytes.
const LONGEST: usize = 1024;

/// A key of the HTTP API. Every key may do everything on the router.
#[derive(Clone)]
pub struct ApiKey(String);

/// Why there is no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The text holds nothing that could be one.
    #[error("the key is empty, longer than {LONGEST} bytes, or has characters no key has")]
    Unusable,
    /// The state of the API is not what a router writes.
    #[error("the state of the API holds no key; on the router: set service https api keys id …")]
    NoneThere,
}

impl ApiKey {
    /// A key as a person or a file gave it; blanks and line ends around it do not count.
    pub fn new(text: &str) -> Result<Self, KeyError> {
        let key = text.trim();
        let fit = !key.is_empty() && key.len() <= LONGEST && !key.chars().any(char::is_control);
        if fit { Ok(Self(key.to_owned())) } else { Err(KeyError::Unusable) }
    }

    /// The key out of `/run/http-api-state`, which the router's own API server is started with:
    /// `{"keys": {"id": {"NAME": {"key": "…"}}}}`, or a list of objects in older releases. One whose
    /// name is `panoptikon` goes before all others.
    pub fn from_state(text: &str) -> Result<Self, KeyError> {
        let state: Value = serde_json::from_str(text).map_err(|_| KeyError::NoneThere)?;
        let mut found: Vec<(&str, &str)> = Vec::new();
        if let Some(ids) = state.pointer("/keys/id").and_then(Value::as_object) {
            found.extend(ids.iter().filter_map(|(name, id)| Some((&**name, id["key"].as_str()?))));
        }
        for list in [&state["keys"], &state["api_keys"]].into_iter().filter_map(Value::as_array) {
            let named = |one: &'_ Value| -> Option<(String, String)> {
                Some((one["id"].as_str()?.to_owned(), one["key"].as_str()?.to_owned()))
            };
            if let Some((_, key)) = list.iter().filter_map(named).min_by_key(|(id, _)| rank(id)) {
                return Self::new(&key);
            }
        }
        let (_, key) =
            found.into_iter().min_by_key(|(name, _)| rank(name)).ok_or(KeyError::NoneThere)?;
        Self::new(key)
    }

    /// The text itself, for the body of a request and nothing else.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }

    /// The text with every occurrence of the key struck out: what the server says may repeat the
    /// whole request.
    pub fn strike_out(&self, text: &str) -> String {
        text.replace(&self.0, "…")
    }
}

fn rank(name: &str) -> usize {
    usize::from(name != "panoptikon")
}

impl PartialEq for ApiKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Eq for ApiKey {}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_named_after_us_goes_before_others() {
        let state = r#"{"keys":{"id":{"admin":{"key":"aaa"},"panoptikon":{"key":"ppp"}}}}"#;
        assert_eq!(ApiKey::from_state(state).unwrap().expose(), "ppp");
        let state = r#"{"keys":{"id":{"admin":{"key":"aaa"}}},"debug":false}"#;
        assert_eq!(ApiKey::from_state(state).unwrap().expose(), "aaa");
    }

    #[test]
    fn older_releases_keep_a_list_of_keys() {
        let state = r#"{"api_keys":[{"id":"x","key":"one"},{"id":"panoptikon","key":"two"}]}"#;
        assert_eq!(ApiKey::from_state(state).unwrap().expose(), "two");
    }

    #[test]
    fn a_state_without_a_key_says_how_to_make_one() {
        for state in ["", "{}", "[]", r#"{"keys":{"id":{}}}"#, r#"{"keys":{"id":{"a":{}}}}"#] {
            assert_eq!(ApiKey::from_state(state), Err(KeyError::NoneThere), "{state}");
        }
    }

    #[test]
    fn a_key_is_never_printed() {
        let key = ApiKey::new(" s3cret\n").unwrap();
        assert_eq!(format!("{key:?}"), "ApiKey(…)");
        assert_eq!(key.strike_out("'input': {'key': 's3cret'}"), "'input': {'key': '…'}");
        assert_eq!(ApiKey::new(" \n"), Err(KeyError::Unusable));
    }
}
