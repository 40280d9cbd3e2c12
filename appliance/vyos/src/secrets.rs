//! Which settings of a configuration are secrets, so that they are never shown, logged or kept in
//! the clear.

use crate::config::{Command, Kind, Node};

/// What stands in place of a secret.
pub const STRUCK_OUT: &str = "••••••••";

/// Settings whose value is a secret, by their own name.
const NAMES: &[&str] = &[
    "authentication-key",
    "auth-key",
    "auth-password",
    "community",
    "encrypted-password",
    "group-key",
    "hash",
    "md5-key",
    "passphrase",
    "password",
    "plaintext-password",
    "pre-shared-key",
    "pre-shared-secret",
    "preshared-key",
    "privacy-password",
    "private-key",
    "psk",
    "secret",
    "shared-secret",
    "token",
    "wpa-passphrase",
];

/// Whether the setting at a path holds a secret. The path ends with the setting's name.
pub fn is_secret<S: AsRef<str>>(path: &[S]) -> bool {
    let word = |back: usize| path.len().checked_sub(back + 1).map(|at| path[at].as_ref());
    let Some(name) = word(0) else { return false };
    if NAMES.contains(&name) {
        return true;
    }
    match name {
        // `key` is a secret but where it is a public one: of ssh users, and the word for a tag.
        "key" => !path.iter().any(|word| ["public-keys", "public-key"].contains(&word.as_ref())),
        "plaintext" | "encrypted" => word(1).is_some_and(|parent| parent.contains("password")),
        _ => false,
    }
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
        Kind::Leaf(_) => {}
        Kind::Inner(children) | Kind::Tag(children) => {
            let names: Vec<String> = children.iter().map(|(name, _)| name.to_owned()).collect();
            for (name, child) in names.into_iter().zip(children.values_mut()) {
                path.push(name);
                strike(child, path);
                path.pop();
            }
        }
    }
}

/// A change as a line for people, logs and tables: secrets struck out.
pub fn shown(command: &Command) -> String {
    let struck = |path: &[String]| {
        let mut path = path.to_vec();
        if let Some((value, setting)) = path.split_last_mut()
            && is_secret(setting)
        {
            STRUCK_OUT.clone_into(value);
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
        for open in ["QQyT=", "AAAA", "public authorization ro"] {
            assert!(all.contains(open), "{open} not in {all}");
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
