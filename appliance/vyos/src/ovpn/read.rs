//! Makes a [`Profile`] of directives, one by one, and notes what becomes of each.

use std::net::IpAddr;

use super::lines::{Item, items};
use super::words::{self, Known};
use super::{Fate, Note, Problem, Profile, ProfileError, Transport, pem};
use crate::edit::value;

/// The most servers of a file.
const MOST_HOSTS: usize = 64;
/// The most problems that are told.
const MOST_PROBLEMS: usize = 20;

/// A server as a line names it.
struct Remote {
    line: usize,
    host: String,
    port: Option<u16>,
    transport: Option<Transport>,
}

#[derive(Default)]
struct Reader {
    profile: Profile,
    problems: Vec<Problem>,
    remotes: Vec<Remote>,
    port: Option<u16>,
    transport: Option<Transport>,
    /// The one cipher of older files, and the list of newer ones.
    cipher: Option<&'static str>,
    list: Option<Vec<&'static str>>,
    direction: Option<String>,
    /// The line of `tls-auth`.
    auth_line: usize,
}

pub(super) fn read(text: &str) -> Result<Profile, ProfileError> {
    let items = items(text, 1).map_err(|one| ProfileError { problems: vec![one] })?;
    let mut reader = Reader::default();
    for item in &items {
        reader.take(item);
    }
    reader.finish()
}

type Outcome = Result<(Fate, &'static str), String>;

impl Reader {
    fn problem(&mut self, line: usize, text: impl Into<String>) {
        if self.problems.len() < MOST_PROBLEMS {
            self.problems.push(Problem { line, text: text.into() });
        }
    }

    fn note(&mut self, line: usize, directive: &str, fate: Fate, text: &str) {
        let (directive, text) = (directive.to_owned(), text.to_owned());
        self.profile.notes.push(Note { line, directive, fate, text });
    }

    fn take(&mut self, item: &Item) {
        let outcome = match &item.block {
            Some(block) => self.block(item, block),
            None => self.directive(item),
        };
        match outcome {
            Ok((fate, text)) => self.note(item.line, &item.name, fate, text),
            Err(said) => self.problem(item.line, said),
        }
    }

    fn directive(&mut self, item: &Item) -> Outcome {
        let name = item.name.as_str();
        let word = |at: usize| item.words.get(at).map(String::as_str).unwrap_or_default();
        let setting = |text: &'static str| Ok((Fate::Setting, text));
        match name {
            "remote" => {
                let port = if word(1).is_empty() { None } else { Some(port(word(1))?) };
                let transport = if word(2).is_empty() { None } else { Some(transport(word(2))?) };
                if value::host(word(0)).is_err() && word(0).parse::<IpAddr>().is_err() {
                    return Err("the server's name or address is not one".to_owned());
                }
                if self.remotes.len() == MOST_HOSTS {
                    return Err(format!("more than {MOST_HOSTS} servers"));
                }
                let host = word(0).to_owned();
                self.remotes.push(Remote { line: item.line, host, port, transport });
                setting("A server to connect to.")
            }
            "proto" => {
                self.transport = Some(transport(word(0))?);
                setting("How the server is reached.")
            }
            "proto-force" => Ok((Fate::Left, "It chooses among the servers of the file.")),
            "port" | "rport" => {
                self.port = Some(port(word(0))?);
                setting("The server's port.")
            }
            "dev" | "dev-type" => self.device(word(0)),
            "cipher" => match words::cipher(word(0)) {
                Some(cipher) => {
                    self.cipher = Some(cipher);
                    setting("Offered to the server, after the better ones of today.")
                }
                None => Ok((Fate::Left, "VyOS has no such cipher; OpenVPN's own choice is used.")),
            },
            "data-ciphers" | "ncp-ciphers" => {
                let all = word(0).split(':').map(|name| name.trim_start_matches('?'));
                self.list = Some(all.filter_map(words::cipher).collect());
                setting("The ciphers to choose from, as far as VyOS has them.")
            }
            "auth" => match words::hash(word(0)) {
                Some(hash) => {
                    self.profile.hash = Some(hash);
                    setting("The hash of packets.")
                }
                None => Ok(self.option(item, "The hash of packets, which VyOS has no word for.")),
            },
            "tls-version-min" => {
                let known = ["1.0", "1.1", "1.2", "1.3"];
                let found = known.into_iter().find(|known| *known == word(0));
                self.profile.tls_version_min = Some(found.ok_or("there is no such TLS")?);
                setting("The oldest TLS that is spoken.")
            }
            "comp-lzo" | "compress" => match (name, word(0)) {
                ("comp-lzo", "no") => {
                    Ok(self.option(item, "Frames for compression, and none of it."))
                }
                ("comp-lzo", _) | (_, "lzo") => {
                    self.profile.lzo = true;
                    setting("Compression, which lets others guess at what is sent. Best without.")
                }
                _ => Ok(self.option(item, "Frames for compression, as the server wants them.")),
            },
            "persist-tun" => {
                self.profile.persistent = true;
                setting("The interface stays while it connects anew.")
            }
            "key-direction" => {
                self.direction = Some(word(0).to_owned());
                Ok((Fate::Own, "VyOS's clients use direction 1."))
            }
            "auth-user-pass" => {
                self.profile.asks_login = true;
                setting("The server asks for a name and a password.")
            }
            "ca" | "cert" | "key" | "extra-certs" | "tls-crypt" | "crl-verify" | "tls-auth"
            | "peer-fingerprint" => {
                if name == "tls-auth" && !word(1).is_empty() {
                    self.direction = Some(word(1).to_owned());
                }
                if word(0) == "[inline]" {
                    return Ok((Fate::Own, "It stands in the file."));
                }
                let place = if word(0).is_empty() { "another file" } else { word(0) };
                Err(format!("`{name}` is in {place}: put its text between <{name}> and </{name}>"))
            }
            _ => self.other(item),
        }
    }

    /// What stands in the table.
    fn other(&mut self, item: &Item) -> Outcome {
        match words::known(&item.name) {
            Some(Known::Runs) => Err(format!(
                "`{}` lets OpenVPN run or load other programs, or be steered by them, which this \
                 router will not do: take the line out if the connection works without",
                item.name
            )),
            Some(Known::Stops(why)) => Err(format!("`{}`: {why}", item.name)),
            Some(Known::Has(Fate::Option, text)) => {
                if item.name == "http-proxy" && item.words.len() > 2 {
                    return Err("a proxy with a password cannot be used".to_owned());
                }
                Ok(self.option(item, text))
            }
            Some(Known::Has(Fate::Route, text)) => match plain(item) {
                Some(option) => {
                    self.profile.routes.push(option);
                    Ok((Fate::Route, text))
                }
                None => Ok((Fate::Left, UNSAFE)),
            },
            Some(Known::Has(fate, text)) => Ok((fate, text)),
            None => Ok((Fate::Left, "Nothing is known of it here.")),
        }
    }

    fn option(&mut self, item: &Item, text: &'static str) -> (Fate, &'static str) {
        match plain(item) {
            Some(option) => {
                if !self.profile.options.contains(&option) {
                    self.profile.options.push(option);
                }
                (Fate::Option, text)
            }
            None => (Fate::Left, UNSAFE),
        }
    }

    fn device(&mut self, word: &str) -> Outcome {
        match word.trim_end_matches(|c: char| c.is_ascii_digit()) {
            "tun" => Ok((Fate::Setting, "A tunnel for IP packets.")),
            "tap" => {
                self.profile.tap = true;
                Ok((Fate::Setting, "A bridge for Ethernet frames."))
            }
            "null" => Err("`dev null` makes no tunnel".to_owned()),
            _ => Ok((Fate::Left, "The router names the interface itself.")),
        }
    }

    fn block(&mut self, item: &Item, block: &str) -> Outcome {
        let certificates = |label: &[&str]| {
            let parts = pem::parts(block);
            let all = parts.iter().filter(|part| label.contains(&part.label));
            all.map(|part| part.base64().ok_or("a part of it cannot be read".to_owned()))
                .collect::<Result<Vec<_>, _>>()
        };
        let some = |all: Vec<String>, what: &str| {
            if all.is_empty() { Err(format!("there is no {what} in it")) } else { Ok(all) }
        };
        let is_certificate = ["CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE"];
        match item.name.as_str() {
            "ca" | "extra-certs" => {
                for one in some(certificates(&is_certificate)?, "certificate")? {
                    if !self.profile.authorities.contains(&one) {
                        self.profile.authorities.push(one);
                    }
                }
                Ok((Fate::Setting, "The authority that vouches for the server, under pki ca."))
            }
            "cert" => {
                let mut all = some(certificates(&is_certificate)?, "certificate")?.into_iter();
                self.profile.certificate = all.next();
                Ok(if all.next().is_some() {
                    (Fate::Setting, "Its first certificate; VyOS takes no chain with it.")
                } else {
                    (Fate::Setting, "The client's certificate, under pki certificate.")
                })
            }
            "key" => {
                self.profile.private_key = Some(pem::private_key(block)?);
                Ok((Fate::Setting, "The client's private key, under pki certificate."))
            }
            "tls-auth" | "tls-crypt" => {
                let key = pem::static_key(block).ok_or("it holds no static key of 2048 bits")?;
                if item.name == "tls-auth" {
                    self.profile.auth_key = Some(key);
                    self.auth_line = item.line;
                } else {
                    self.profile.crypt_key = Some(key);
                }
                Ok((Fate::Setting, "A key that both ends know, under pki openvpn shared-secret."))
            }
            "crl-verify" => {
                self.profile.revoked = some(certificates(&["X509 CRL"])?, "list")?;
                Ok((Fate::Setting, "Certificates that are no longer good."))
            }
            "auth-user-pass" => {
                let mut lines = block.lines().map(str::trim).map(str::to_owned);
                self.profile.asks_login = true;
                self.profile.username = lines.next().filter(|name| !name.is_empty());
                self.profile.password = lines.next().filter(|password| !password.is_empty());
                Ok((Fate::Setting, "The name and password for the server."))
            }
            "connection" => {
                for inner in items(block, item.line + 1).map_err(|problem| problem.text)? {
                    match inner.name.as_str() {
                        "connection" => return Err("a block within itself".to_owned()),
                        // In a block it is about its own server.
                        "proto" | "port" | "rport" => self.amend(&inner)?,
                        _ => self.take(&inner),
                    }
                }
                Ok((Fate::Setting, "A server with what is particular to it."))
            }
            "dh" => Ok((Fate::Left, "Only servers need it.")),
            "peer-fingerprint" => Ok((Fate::Left, "VyOS's clients check by the authority alone.")),
            _ => match words::known(&item.name) {
                Some(Known::Runs | Known::Stops(_)) => self.other(item),
                _ => Ok((Fate::Left, "Nothing is known of it here.")),
            },
        }
    }

    /// Something about the server named last.
    fn amend(&mut self, inner: &Item) -> Result<(), String> {
        let word = inner.words.first().map(String::as_str).unwrap_or_default();
        let last = self.remotes.last_mut().ok_or("name the server first, in `remote`")?;
        if inner.name == "proto" {
            last.transport = Some(transport(word)?);
        } else {
            last.port = Some(port(word)?);
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Profile, ProfileError> {
        self.servers();
        self.profile.ciphers = match (self.list.take(), self.cipher) {
            (Some(list), _) => list,
            // What OpenVPN offers today beside the one of a file of yesterday.
            (None, Some(one)) => {
                let mut all = vec!["aes256gcm", "aes128gcm"];
                all.retain(|known| *known != one);
                all.push(one);
                all
            }
            (None, None) => Vec::new(),
        };
        if self.profile.auth_key.is_some() && self.direction.as_deref() != Some("1") {
            let text = "VyOS uses the key of `tls-auth` in direction 1 only, and this file uses \
                        another: ask for one with `key-direction 1` or with tls-crypt";
            self.problem(self.auth_line, text);
        }
        if self.profile.auth_key.is_some() && self.profile.crypt_key.is_some() {
            self.problem(0, "tls-auth and tls-crypt cannot both be used");
        }
        if self.profile.authorities.is_empty() {
            let text = "the certificate of the server's authority is missing: it stands between \
                        <ca> and </ca>";
            self.problem(0, text);
        }
        if self.profile.certificate.is_some() != self.profile.private_key.is_some() {
            self.problem(0, "certificate and private key belong together, and one is missing");
        }
        if self.profile.certificate.is_none() && !self.profile.asks_login {
            let text = "it has neither a certificate of the client nor `auth-user-pass`: the \
                        server could not know who connects";
            self.problem(0, text);
        }
        if self.problems.is_empty() {
            Ok(self.profile)
        } else {
            Err(ProfileError { problems: self.problems })
        }
    }

    /// VyOS has one port and one protocol for all servers: those of the first.
    fn servers(&mut self) {
        let remotes = std::mem::take(&mut self.remotes);
        let (port, usual) = (self.port, self.transport.unwrap_or_default());
        let Some(first) = remotes.first() else {
            return self.problem(0, "no server to connect to: there is no `remote` in it");
        };
        let of = |remote: &Remote| (remote.port.or(port), remote.transport.unwrap_or(usual));
        (self.profile.port, self.profile.transport) = of(first);
        for remote in &remotes {
            if of(remote) != of(first) {
                let text = "VyOS has one port and protocol for all servers, and this one differs.";
                let at = |note: &&mut Note| note.line == remote.line && note.directive == "remote";
                if let Some(note) = self.profile.notes.iter_mut().find(at) {
                    (note.fate, note.text) = (Fate::Left, text.to_owned());
                }
            } else if !self.profile.hosts.contains(&remote.host) {
                self.profile.hosts.push(remote.host.clone());
            }
        }
    }
}

const UNSAFE: &str = "It has characters that cannot be handed on.";

/// A directive as an option of VyOS. It ends in a line of a unit of systemd, where blanks part words
/// and `%`, `$` and quotes have a meaning.
fn plain(item: &Item) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._:/=,@+-".contains(c);
    let words = || std::iter::once(&item.name).chain(&item.words);
    let holds = words().all(|word| !word.is_empty() && word.chars().all(plain));
    let dashes = item.words.iter().any(|word| word.starts_with("--"));
    let text = words().map(String::as_str).collect::<Vec<_>>().join(" ");
    (holds && !dashes && text.len() <= 255).then_some(text)
}

fn port(word: &str) -> Result<u16, String> {
    let number = word.parse().ok().filter(|port| *port > 0);
    number.ok_or_else(|| "a port is a number from 1 to 65535".to_owned())
}

fn transport(word: &str) -> Result<Transport, String> {
    let word = word.to_ascii_lowercase();
    let word = word.strip_suffix("-client").unwrap_or(&word);
    let (kind, family) = match word.strip_suffix(['4', '6']) {
        Some(kind) => (kind, Some(if word.ends_with('4') { 4 } else { 6 })),
        None => (word, None),
    };
    match kind {
        "udp" => Ok(Transport { tcp: false, family }),
        "tcp" => Ok(Transport { tcp: true, family }),
        _ => Err("the protocol is udp or tcp, of a client".to_owned()),
    }
}
