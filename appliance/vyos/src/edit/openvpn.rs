//! Clients of `OpenVPN` servers: made of a client's file, switched on and off, deleted with the keys
//! that came with them. Secrets pass through here into the commands and are in no error and no debug
//! output.

use std::fmt;

use super::draft::below;
use super::{Check, Draft, EditError, value};
use crate::config::Node;
use crate::dialect::OpenVpnForm;
use crate::ovpn::Profile;

/// The longest name or password that VyOS takes.
const LONGEST_LOGIN: usize = 128;
const INTERFACES: [&str; 2] = ["interfaces", "openvpn"];
/// Where keys and certificates are kept, each below a name.
const KEPT: [&[&str]; 3] =
    [&["pki", "ca"], &["pki", "certificate"], &["pki", "openvpn", "shared-secret"]];
/// The settings that name them.
const USES: [&[&str]; 3] =
    [&["ca-certificate"], &["certificate"], &["auth-key", "crypt-key", "shared-secret-key"]];
/// What the names of keys begin with that are made here.
const KEYS: &str = "openvpn-vtun";

/// A client as it shall be, beside what its file says.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct OpenVpnEdit {
    /// `vtun0`.
    pub name: String,
    /// What to call it.
    pub description: Option<String>,
    /// The name for the server; none: that in the file.
    pub username: Option<String>,
    /// The password for the server; none: that in the file.
    pub password: Option<String>,
    /// Takes the routes that file and server give; else only those of the router itself go through.
    pub routes: bool,
}

impl fmt::Debug for OpenVpnEdit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenVpnEdit")
            .field("name", &self.name)
            .field("routes", &self.routes)
            .finish_non_exhaustive()
    }
}

impl Draft<'_> {
    /// Makes a client of a file.
    pub fn add_openvpn(&mut self, file: &Profile, edit: &OpenVpnEdit) -> Result<(), EditError> {
        let form = self.dialect.openvpn()?;
        let name = edit.name.as_str();
        let path = below(&INTERFACES, &[name]);
        let mut check = Check::default();
        let number = name.strip_prefix("vtun").filter(|n| n.bytes().all(|b| b.is_ascii_digit()));
        let is_name = number.is_some_and(|number| (1..=11).contains(&number.len()));
        check.that(is_name, "name", "vtun and a number, such as vtun0");
        check.that(!self.exists(&path), "name", "there is one of this name");
        check.maybe("description", edit.description.as_ref(), value::text);
        let username = edit.username.as_ref().or(file.username.as_ref());
        let password = edit.password.as_ref().or(file.password.as_ref());
        check.maybe("username", username, login);
        check.maybe("password", password, login);
        let asked = file.asks_login || username.is_some() || password.is_some();
        check.that(!asked || username.is_some(), "username", "the server asks for one");
        check.that(!asked || password.is_some(), "password", "the server asks for one");
        check.done()?;

        let put = |draft: &mut Self, more: &[&str], value: Option<&str>| {
            draft.put(&below(&path, more), value);
        };
        put(self, &["mode"], Some("client"));
        put(self, &["description"], edit.description.as_deref());
        put(self, &["device-type"], file.tap.then_some("tap"));
        put(self, &["protocol"], file.transport.tcp.then_some("tcp-active"));
        self.fill(&below(&path, &["remote-host"]), &file.hosts);
        self.put(&below(&path, &["remote-port"]), file.port);
        put(self, &["hash"], file.hash);
        put(self, &["tls", "tls-version-min"], file.tls_version_min);
        self.flag(&below(&path, &["persistent-tunnel"]), file.persistent);
        self.flag(&below(&path, &["use-lzo-compression"]), file.lzo);
        put(self, &["authentication", "username"], username.map(String::as_str));
        put(self, &["authentication", "password"], password.map(String::as_str));
        let mut options = file.options.clone();
        if edit.routes {
            options.extend(file.routes.iter().cloned());
        } else {
            options.push("route-nopull".to_owned());
        }
        match (form, file.transport.family) {
            (OpenVpnForm::DataCiphers, Some(family)) => {
                put(self, &["ip-version"], Some(if family == 4 { "ipv4" } else { "ipv6" }));
            }
            (OpenVpnForm::NcpCiphers, Some(family)) => {
                let kind = if file.transport.tcp { "tcp" } else { "udp" };
                let side = if file.transport.tcp { "-client" } else { "" };
                options.push(format!("proto {kind}{family}{side}"));
            }
            _ => {}
        }
        let ciphers = match form {
            OpenVpnForm::NcpCiphers => "ncp-ciphers",
            OpenVpnForm::DataCiphers => "data-ciphers",
        };
        self.fill(&below(&path, &["encryption", ciphers]), &file.ciphers);
        self.fill(&below(&path, &["openvpn-option"]), &options);
        self.keep_keys(file, name);
        Ok(())
    }

    /// Keys and certificates, below names that tell whose they are.
    fn keep_keys(&mut self, file: &Profile, interface: &str) {
        let path = below(&INTERFACES, &[interface, "tls"]);
        let own = format!("openvpn-{interface}");

        let [authorities, certificates, secrets] = KEPT;
        let mut names = Vec::new();
        for (at, authority) in file.authorities.iter().enumerate() {
            let known = self.names(authorities).into_iter().find(|name| {
                let kept = below(authorities, &[name, "certificate"]);
                self.tree().value_at(kept.iter().copied()) == Some(authority)
            });
            // A list of revoked ones goes with its authority, which is then our own.
            let known = known.filter(|_| file.revoked.is_empty());
            let name = known.unwrap_or_else(|| {
                let name = self.free(authorities, &own);
                self.put(&below(authorities, &[&name, "certificate"]), Some(authority));
                if at == 0 {
                    self.fill(&below(authorities, &[&name, "crl"]), &file.revoked);
                }
                name
            });
            names.push(name);
        }
        self.fill(&below(&path, &["ca-certificate"]), &names);
        if let (Some(certificate), Some(key)) = (&file.certificate, &file.private_key) {
            let name = self.free(certificates, &own);
            self.put(&below(certificates, &[&name, "certificate"]), Some(certificate));
            self.put(&below(certificates, &[&name, "private", "key"]), Some(key));
            self.put(&below(&path, &["certificate"]), Some(name));
        }
        let shared = [("auth-key", &file.auth_key), ("crypt-key", &file.crypt_key)];
        for (setting, key) in shared {
            if let Some(key) = key {
                let name = self.free(secrets, &own);
                self.put(&below(secrets, &[&name, "key"]), Some(key));
                self.put(&below(secrets, &[&name, "version"]), Some("1"));
                self.put(&below(&path, &[setting]), Some(name));
            }
        }
    }

    /// A name that nothing there has: this one, or the same with a number.
    fn free(&self, place: &[&str], name: &str) -> String {
        let taken = self.names(place);
        let numbered = (2_u32..).map(|n| format!("{name}-{n}"));
        let mut all = std::iter::once(name.to_owned()).chain(numbered);
        all.find(|name| !taken.contains(name)).unwrap_or_default()
    }

    /// Connects, or disconnects and stays so.
    pub fn enable_openvpn(&mut self, name: &str, on: bool) -> Result<(), EditError> {
        let path = below(&INTERFACES, &[name]);
        if !self.exists(&path) {
            return Err(EditError::of("name", "there is no such interface"));
        }
        self.flag(&below(&path, &["disable"]), !on);
        Ok(())
    }

    /// Takes a client away, and the keys that came with it, unless others use them.
    pub fn delete_openvpn(&mut self, name: &str) -> Result<(), EditError> {
        let path = below(&INTERFACES, &[name]);
        let mode = self.tree().value_at(below(&path, &["mode"]).iter().copied());
        if mode.is_some_and(|mode| mode != "client") {
            let message = "this is no client; delete it under Configuration";
            return Err(EditError::of("name", message));
        }
        let tls = self.tree().at(below(&path, &["tls"]).iter().copied()).cloned();
        self.delete_at(&path, "name")?;
        for (place, settings) in KEPT.into_iter().zip(USES) {
            for setting in settings {
                let used = tls.as_ref().and_then(|tls| tls.at([*setting]));
                for key in used.map(Node::values).unwrap_or_default() {
                    if key.starts_with(KEYS) && !is_used(self.tree(), settings, key) {
                        self.remove(&below(place, &[key]));
                    }
                }
            }
            for end in (2..=place.len()).rev() {
                self.prune(place.get(..end).unwrap_or_default(), 1);
            }
        }
        self.prune(&["pki"], 0);
        Ok(())
    }
}

/// Whether one of these settings names a key.
fn is_used(node: &Node, settings: &[&str], key: &str) -> bool {
    node.children().into_iter().flat_map(crate::config::Children::iter).any(|(name, child)| {
        let names_it = settings.contains(&name) && child.values().iter().any(|value| value == key);
        names_it || is_used(child, settings, key)
    })
}

/// A name or password, as VyOS takes them and its API carries them.
fn login(text: &str) -> Result<(), String> {
    if text.is_empty() || text.len() > LONGEST_LOGIN || !text.is_ascii() {
        return Err(format!("1 to {LONGEST_LOGIN} plain letters, digits and signs"));
    }
    value::text(text)
}
