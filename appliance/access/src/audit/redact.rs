//! Strikes secrets out of what is to be kept.
//!
//! Rooms do not put secrets into the audit log; this is the net below them.

use serde_json::Value;

/// Stands in a secret's place.
const STRUCK: &str = "(not kept)";

/// Parts of a JSON key that mark its value as a secret.
const KEYS: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "cookie",
    "authorization",
    "credential",
    "private",
    "psk",
    "community",
    "api_key",
    "apikey",
];

/// Words of a VyOS command after which a secret follows.
const WORDS: &[&str] = &[
    "plaintext-password",
    "encrypted-password",
    "password",
    "passphrase",
    "key",
    "private-key",
    "private",
    "preshared-key",
    "pre-shared-key",
    "pre-shared-secret",
    "preshared-secret",
    "secret",
    "shared-secret",
    "shared-key",
    "community",
    "token",
    "bearer-token",
    "api-key",
    "wpa-passphrase",
    "auth-key",
    "md5-key",
    "psk",
    "user-key",
    "auth-password",
    "auth-pass",
    "pass",
];

/// Fields that hold a setting's value, beside a field that names the setting.
const VALUES: &[&str] = &["from", "to", "old", "new", "value"];

/// Longest detail that is kept, bytes of JSON text.
const MAX_DETAIL: usize = 16 * 1024;

/// The detail as JSON text: without secrets, bounded.
///
/// When the subject is a setting whose name marks a secret, its values go as well.
pub(super) fn detail_text(mut detail: Value, subject: &str) -> String {
    if let (true, Value::Object(map)) = (is_secret(subject), &mut detail) {
        strike_values(map);
    }
    strike(&mut detail, 0);
    let text = detail.to_string();
    if text.len() <= MAX_DETAIL {
        return text;
    }
    let kept: String = text.chars().take(MAX_DETAIL / 4).collect();
    serde_json::json!({ "cut_from_bytes": text.len(), "start": kept }).to_string()
}

fn strike(value: &mut Value, depth: usize) {
    // Deeper than anything that is written here; not worth a stack overflow.
    if depth > 32 {
        *value = Value::String(STRUCK.to_owned());
        return;
    }
    match value {
        Value::Object(map) => {
            let names_secret = |k| map.get(k).and_then(Value::as_str).is_some_and(is_secret);
            if names_secret("key") || names_secret("setting") {
                strike_values(map);
            }
            for (key, inner) in map.iter_mut() {
                let holds = matches!(inner, Value::String(_) | Value::Array(_) | Value::Object(_));
                if holds && is_secret(key) {
                    *inner = Value::String(STRUCK.to_owned());
                } else {
                    strike(inner, depth + 1);
                }
            }
        }
        Value::Array(list) => list.iter_mut().for_each(|inner| strike(inner, depth + 1)),
        Value::String(text) => {
            if let Some(clean) = strike_command(text) {
                *text = clean;
            }
        }
        _ => {}
    }
}

/// Whether a field or setting of this name holds a secret.
fn is_secret(name: &str) -> bool {
    let name = name.to_lowercase();
    KEYS.iter().any(|k| name.contains(k))
}

fn strike_values(map: &mut serde_json::Map<String, Value>) {
    for field in VALUES {
        if let Some(value) = map.get_mut(*field).filter(|v| !v.is_null()) {
            *value = Value::String(STRUCK.to_owned());
        }
    }
}

/// A VyOS command without the secret in it; `None` when there is nothing to strike out.
///
/// `key` also names the public half of a key pair: that is struck out too, rather than to guess.
fn strike_command(text: &str) -> Option<String> {
    let first = text.split_whitespace().next()?;
    if !matches!(first, "set" | "delete" | "comment") {
        return None;
    }
    let word = text
        .split_inclusive(char::is_whitespace)
        .scan(0, |end, part| {
            *end += part.len();
            Some((*end, part.trim()))
        })
        .find(|(end, word)| WORDS.contains(word) && !text[*end..].trim().is_empty());
    // All that follows goes, since a quoted secret may contain blanks.
    word.map(|(end, _)| format!("{}{STRUCK}", &text[..end]))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_are_struck_out_and_the_rest_stays() {
        let detail = json!({
            "name": "ada",
            "new_password": "hunter22",
            "nested": [{ "Bot_Token": "123:abc" }, 7],
            "password_changed": true,
        });
        let text = detail_text(detail, "person:1");
        assert!(!text.contains("hunter22") && !text.contains("123:abc"));
        let expected = json!({
            "name": "ada",
            "new_password": STRUCK,
            "nested": [{ "Bot_Token": STRUCK }, 7],
            "password_changed": true,
        });
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), expected);
    }

    #[test]
    fn commands_are_kept_but_for_the_secret_in_them() {
        let keep = ["set firewall group address-group A address 192.0.2.1", "delete vpn", "pass"];
        for command in keep {
            assert_eq!(strike_command(command), None);
        }
        let strike = [
            (
                "set system login user a authentication plaintext-password 'x y z'",
                "set system login user a authentication plaintext-password (not kept)",
            ),
            (
                "set vpn ipsec authentication psk a secret  s3cr3t",
                "set vpn ipsec authentication psk (not kept)",
            ),
            (
                "set service snmp community public authorization ro",
                "set service snmp community (not kept)",
            ),
            (
                "set interfaces wireguard wg0 private-key AAAA=",
                "set interfaces wireguard wg0 private-key (not kept)",
            ),
        ];
        for (command, expected) in strike {
            assert_eq!(strike_command(command).as_deref(), Some(expected));
        }
    }

    #[test]
    fn the_values_of_a_secret_setting_are_struck_out() {
        let struck = json!({ "from": null, "to": STRUCK });
        let text = detail_text(json!({ "from": null, "to": "123:abc" }), "notify.telegram.token");
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), struck);
        let list = json!({ "changes": [{ "key": "smtp.password", "to": "hunter22" }] });
        assert!(!detail_text(list, "").contains("hunter22"));
        let open = json!({ "key": "scan.interval_seconds", "from": 30, "to": 60 });
        assert_eq!(detail_text(open.clone(), ""), open.to_string());
    }

    #[test]
    fn an_endless_detail_is_cut() {
        let text = detail_text(json!({ "commands": vec!["set a b c"; 10_000] }), "");
        assert!(text.len() <= MAX_DETAIL, "{}", text.len());
        assert!(serde_json::from_str::<Value>(&text).unwrap()["cut_from_bytes"].is_u64());
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text: String) {
            let _ = strike_command(&format!("set {text}"));
            let json = detail_text(json!({ "a": text }), "");
            prop_assert!(serde_json::from_str::<Value>(&json).is_ok());
        }
    }
}
