//! Which settings of a configuration are secrets, so that they are never shown, logged or kept in
//! the clear.

use std::borrow::Cow;

use crate::config::{Children, Command, Kind, Node};

/// What stands in place of a secret.
pub const STRUCK_OUT: &str = "••••••••";

/// Settings whose value is a secret, by their own name.
const NAMES: &[&str] = &[
    "api-key",
    "auth-key",
    "auth-key-value",
    "auth-password",
    "authentication-key",
    "authkey",
    "cak",
    "cisco-authentication",
    "client-secret",
    "encrypted-key",
    "encrypted-password",
    "group-key",
    "md5-key",
    "openvpn-option",
    "passphrase",
    "password",
    "plaintext-key",
    "plaintext-password",
    "pre-shared-key",
    "pre-shared-secret",
    "preshared-key",
    "privacy-password",
    "private-key",
    "psk",
    "secret",
    "shared-secret",
    "shared-secret-key",
    "token",
    "wep-key",
    "wpa-passphrase",
];

/// Whether a setting of this name holds a secret wherever it stands.
pub fn name_is_secret(name: &str) -> bool {
    let ends = ["password", "passphrase", "secret", "private-key"];
    NAMES.contains(&name) || ends.iter().any(|end| name.ends_with(end))
}

/// Whether the setting at a path holds a secret. The path ends with the setting's name.
pub fn is_secret<S: AsRef<str>>(path: &[S]) -> bool {
    let word = |back: usize| path.len().checked_sub(back + 1).map(|at| path[at].as_ref());
    let Some(name) = word(0) else { return false };
    if name_is_secret(name) {
        return true;
    }
    match name {
        // Those of routes are no secrets.
        "community" => path.iter().any(|word| word.as_ref() == "snmp"),
        // `key` is a secret but where it is a public one: of ssh users, and the word for a tag.
        "key" => !path.iter().any(|word| ["public-keys", "public-key"].contains(&word.as_ref())),
        "plaintext" | "encrypted" | "md5" => {
            word(1).is_some_and(|parent| parent.contains("password"))
        }
        // Of containers, whose secrets mostly come so; which of them are is not to be seen.
        "value" => word(2).is_some_and(|parent| parent == "environment"),
        _ => false,
    }
}

/// Whether what is below a path is named by secrets: SNMP communities are passwords.
pub fn names_are_secret<S: AsRef<str>>(path: &[S]) -> bool {
    matches!(path, [.., service, kind]
        if service.as_ref() == "snmp" && kind.as_ref() == "community")
}

/// A value without the password that an address of a service may carry: `scp://user:…@host/path`.
pub fn without_login(value: &str) -> Cow<'_, str> {
    without_login_as(value, STRUCK_OUT)
}

/// The same with another mark in the password's place.
pub(crate) fn without_login_as<'a>(value: &'a str, mark: &str) -> Cow<'a, str> {
    let plain = || {
        let (scheme, rest) = value.split_once("://")?;
        let end = rest.find('/').unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end)?;
        // A password may hold the sign that ends it: the last one counts.
        let (login, host) = authority.rsplit_once('@')?;
        let (user, _) = login.split_once(':')?;
        Some(format!("{scheme}://{user}:{mark}@{host}{path}"))
    };
    plain().map_or(Cow::Borrowed(value), Cow::Owned)
}

impl Node {
    /// The same configuration with every secret struck out.
    #[must_use]
    pub fn without_secrets(&self) -> Self {
        let mut plain = self.clone();
        strike(&mut plain, &mut Vec::new());
        plain
    }
}

fn strike(node: &mut Node, path: &mut Vec<String>) {
    match &mut node.kind {
        Kind::Leaf(values) if is_secret(path) => {
            for value in values {
                STRUCK_OUT.clone_into(value);
            }
        }
        Kind::Leaf(values) => {
            for value in values {
                if let Cow::Owned(plain) = without_login(value) {
                    *value = plain;
                }
            }
        }
        Kind::Inner(children) | Kind::Tag(children) => {
            if names_are_secret(path) {
                let mut unnamed = Children::new();
                for (at, (_, child)) in children.iter().enumerate() {
                    unnamed.insert(&format!("{STRUCK_OUT}{}", at + 1), child.clone());
                }
                *children = unnamed;
            }
            let names: Vec<String> = children.iter().map(|(name, _)| name.to_owned()).collect();
            for (name, child) in names.into_iter().zip(children.values_mut()) {
                path.push(name);
                strike(child, path);
                path.pop();
            }
        }
    }
}

/// A text of the router about changes, without the secrets that are in these.
pub fn without_secrets_of(commands: &[Command], text: &str) -> String {
    secrets_of(commands).fold(text.to_owned(), |text, secret| text.replace(secret, STRUCK_OUT))
}

/// Whether a text holds a secret that is in the changes.
pub fn holds_secret_of(commands: &[Command], text: &str) -> bool {
    secrets_of(commands).any(|secret| text.contains(secret))
}

fn secrets_of(commands: &[Command]) -> impl Iterator<Item = &str> {
    commands.iter().filter_map(|command| match command {
        Command::Set(path) | Command::Delete(path) => {
            if let Some(at) = (0..path.len()).find(|at| names_are_secret(&path[..*at])) {
                return path.get(at).map(String::as_str);
            }
            let (value, setting) = path.split_last()?;
            (is_secret(setting) && !value.is_empty()).then_some(&**value)
        }
        Command::Comment(..) => None,
    })
}

/// A change as a line for people, logs and tables: secrets struck out.
pub fn shown(command: &Command) -> String {
    let struck = |path: &[String]| {
        let mut path = path.to_vec();
        if let Some((value, setting)) = path.split_last_mut() {
            if is_secret(setting) {
                STRUCK_OUT.clone_into(value);
            } else if let Cow::Owned(plain) = without_login(value) {
                *value = plain;
            }
        }
        if let Some(at) = (0..path.len()).find(|at| names_are_secret(&path[..*at])) {
            STRUCK_OUT.clone_into(&mut path[at]);
        }
        path
    };
    match command {
        Command::Set(path) => {
            Command::Set(struck(path)).to_string().replace(&format!("'{STRUCK_OUT}'"), STRUCK_OUT)
        }
        Command::Delete(path) => Command::Delete(struck(path))
            .to_string()
            .replace(&format!("'{STRUCK_OUT}'"), STRUCK_OUT),
        Command::Comment(..) => command.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Document, commands};

    #[test]
    fn no_secret_of_a_configuration_is_left() {
        let text = r#"
service { https { api { keys { id panoptikon { key "hunter2" } } } }
          snmp { community public { authorization "ro" } } }
interfaces { wireguard wg0 { private-key "iJJy=" peer phone { public-key "QQyT=" preshared-key "zzz=" } } }
system { login { user vyos { authentication { encrypted-password "$6$x" public-keys a { key "AAAA" } } } } }
"#;
        // The file's own form has one thing a line.
        let text = text.replace('{', "{\n").replace('}', "\n}\n").replace("\" ", "\"\n");
        let plain = Document::parse(&text).unwrap().root.without_secrets();
        let lines: Vec<_> = plain.commands().iter().map(ToString::to_string).collect();
        let all = lines.join("\n");
        for secret in ["hunter2", "iJJy=", "zzz=", "$6$x"] {
            assert!(!all.contains(secret), "{secret} in {all}");
        }
        assert!(!all.contains("community public"), "{all}");
        for open in ["QQyT=", "AAAA", "authorization ro"] {
            assert!(all.contains(open), "{open} not in {all}");
        }
    }

    #[test]
    fn what_the_router_says_of_a_secret_does_not_repeat_it() {
        let list =
            commands::parse("set vpn ipsec authentication psk home secret tops3cret").unwrap();
        let text = without_secrets_of(&list, "[psk home secret tops3cret] is not valid");
        assert_eq!(text, format!("[psk home secret {STRUCK_OUT}] is not valid"));
        assert!(holds_secret_of(&list, "secret tops3cret") && !holds_secret_of(&list, "secret"));
    }

    #[test]
    fn less_common_secrets_are_known() {
        for path in [
            "interfaces macsec macsec1 security mka cak",
            "protocols isis area-password md5",
            "container name db environment PASSWORD value",
            "service monitoring telegraf azure-data-explorer authentication client-secret",
        ] {
            assert!(is_secret(&path.split(' ').collect::<Vec<_>>()), "{path}");
        }
    }

    #[test]
    fn what_only_sounds_like_a_secret_is_shown() {
        for open in
            ["vpn ipsec esp-group a proposal 1 hash", "policy route-map a rule 1 set community"]
        {
            assert!(!is_secret(&open.split(' ').collect::<Vec<_>>()), "{open}");
        }
        for secret in [
            "interfaces wireless wlan0 security wep-key",
            "service x api-key",
            "service snmp trap-target a community",
        ] {
            assert!(is_secret(&secret.split(' ').collect::<Vec<_>>()), "{secret}");
        }
    }

    #[test]
    fn what_a_thing_is_named_by_and_what_an_address_carries_may_be_a_secret() {
        let list = commands::parse(
            "set service snmp community s3cret authorization ro\n\
             set system config-management commit-archive location scp://ben:pw1@192.0.2.1/a",
        )
        .unwrap();
        assert_eq!(
            shown(&list[0]),
            format!("set service snmp community {STRUCK_OUT} authorization ro")
        );
        assert!(shown(&list[1]).contains("scp://ben:"), "{}", shown(&list[1]));
        assert!(!shown(&list[1]).contains("pw1"), "{}", shown(&list[1]));
        assert_eq!(
            without_login("scp://ben:p@ss@192.0.2.1/a"),
            format!("scp://ben:{STRUCK_OUT}@192.0.2.1/a")
        );
        for plain in ["http://host/a@b:c", "mail@host", "https://host:8443/", "a:b@c"] {
            assert_eq!(without_login(plain), plain);
        }
    }

    #[test]
    fn a_command_is_shown_without_its_secret() {
        let list = commands::parse(
            "set vpn ipsec authentication psk home secret tops3cret\nset system host-name edge",
        )
        .unwrap();
        assert_eq!(
            shown(&list[0]),
            format!("set vpn ipsec authentication psk home secret {STRUCK_OUT}")
        );
        assert_eq!(shown(&list[1]), "set system host-name edge");
    }
}
