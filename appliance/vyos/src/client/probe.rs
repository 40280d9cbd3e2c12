//! What this router's API can do, found out and never guessed from a name.

use serde::Serialize;
use serde_json::Value;

use super::{AskError, Client};
use crate::api::OpVerb;
use crate::api::{Answer, Refusal, Request};

/// What was found out.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Abilities {
    /// The version as the router says it, such as `1.4.0` or `1.5-rolling-202410060007`.
    pub version: Option<String>,
    /// Whether a commit can be told to take itself back unless confirmed.
    pub confirm: bool,
    /// Whether keys and certificates can be imported, which tells 1.5 from 1.4.
    pub import_pki: bool,
    /// Whether it answers without a key what it is.
    pub info: bool,
}

impl Client {
    /// Asks the router what it is and what its API offers.
    pub async fn probe(&self) -> Result<Abilities, AskError> {
        let mut found = Abilities::default();
        if let Answer::Data(list) = self.ask(&Request::Endpoints).await? {
            found.import_pki = list.pointer("/paths/~1import-pki").is_some();
            found.info = list.pointer("/paths/~1info").is_some();
            found.confirm = mentions(&list["components"], "confirm_time");
        }
        let words = vec!["version".to_owned()];
        match self.ask(&Request::Op(OpVerb::Show, words)).await {
            Ok(Answer::Data(Value::String(text))) => found.version = version_in(&text),
            Ok(_) | Err(AskError::Refused(Refusal::Said(_))) => {}
            Err(error) => return Err(error),
        }
        if found.version.is_none()
            && found.info
            && let Ok(Answer::Data(info)) = self.ask(&Request::Info).await
        {
            let version = info.pointer("/data/version").or_else(|| info.get("version"));
            found.version = version.and_then(Value::as_str).map(str::to_owned);
        }
        Ok(found)
    }
}

/// Whether a key of that name is anywhere below.
fn mentions(value: &Value, name: &str) -> bool {
    match value {
        Value::Object(all) => {
            all.contains_key(name) || all.values().any(|below| mentions(below, name))
        }
        Value::Array(list) => list.iter().any(|below| mentions(below, name)),
        _ => false,
    }
}

/// The version in the text of `show version`: `Version:          VyOS 1.4.0`.
fn version_in(text: &str) -> Option<String> {
    let line = text.lines().find_map(|line| line.trim().strip_prefix("Version:"))?;
    let version = line.split_whitespace().last()?;
    let plain = version.chars().all(|c| c.is_ascii_alphanumeric() || ".-+_".contains(c));
    (plain && version.len() <= 64).then(|| version.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_stands_in_the_text_that_people_read() {
        let text = "Version:          VyOS 1.5-rolling-202410060007\nRelease train:    current\n";
        assert_eq!(version_in(text).as_deref(), Some("1.5-rolling-202410060007"));
        assert_eq!(version_in("Traceback (most recent call last):\n"), None);
        assert_eq!(version_in("Version: $(reboot)\n"), None);
    }

    #[test]
    fn an_ability_is_read_from_the_servers_own_description() {
        let described = serde_json::json!({
            "schemas": { "Configure": { "properties": { "confirm_time": { "type": "integer" } } } }
        });
        assert!(mentions(&described, "confirm_time"));
        assert!(!mentions(&described, "confirm"));
    }
}
