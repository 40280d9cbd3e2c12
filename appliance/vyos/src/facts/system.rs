//! The router itself: its names, clock, people, configuration keeping; and its VRFs.

use serde::Serialize;

use super::read::{Reader, without_password};
use crate::config::Node;

/// What is under `system`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct System {
    /// `vyos` where none is configured.
    pub host_name: Option<String>,
    /// Its domain.
    pub domain_name: Option<String>,
    /// Domains that it tries.
    pub domain_search: Vec<String>,
    /// Servers that it asks, or interfaces whose DHCP servers tell.
    pub name_servers: Vec<String>,
    /// UTC where none is configured.
    pub time_zone: Option<String>,
    /// People who may log in.
    pub users: Vec<User>,
    /// Where each commit is copied to, without passwords.
    pub commit_archive: Vec<String>,
    /// How many commits are kept on the router.
    pub commit_revisions: Option<u32>,
    /// What an unconfirmed commit does: `reload` or `reboot` (newer releases).
    pub commit_confirm_action: Option<String>,
    /// All else, in the configuration's words.
    pub other: Vec<String>,
}

/// Somebody who may log in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct User {
    /// The login name.
    pub name: String,
    /// The person's name.
    pub full_name: Option<String>,
    /// A password is set.
    pub has_password: bool,
    /// A second factor is set.
    pub has_otp: bool,
    /// SSH keys by name and type.
    pub public_keys: Vec<PublicKey>,
    /// Switched off.
    pub disabled: bool,
    /// All else, in the configuration's words.
    pub other: Vec<String>,
}

/// An SSH key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PublicKey {
    /// Its name.
    pub name: String,
    /// Such as `ssh-ed25519`.
    pub kind: Option<String>,
}

/// A routing instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Vrf {
    /// Its name.
    pub name: String,
    /// The kernel's table.
    pub table: Option<u32>,
    /// What somebody said of it.
    pub description: Option<String>,
    /// Switched off.
    pub disabled: bool,
    /// Interfaces in it.
    pub interfaces: Vec<String>,
    /// All else but static routes, in the configuration's words.
    pub other: Vec<String>,
}

/// The router itself.
pub fn system(root: &Node) -> System {
    let mut reader = Reader::of(root.at(["system"]));
    let mut other = Vec::new();
    let mut users = Vec::new();
    if let Some(mut login) = reader.group("login") {
        users = login.each("user").into_iter().map(user).collect();
        login.rest_in("login", &mut other);
    }
    let mut found = System {
        host_name: reader.text("host-name"),
        domain_name: reader.text("domain-name"),
        domain_search: reader.texts("domain-search"),
        name_servers: reader.texts("name-server"),
        time_zone: reader.text("time-zone"),
        users,
        other,
        ..System::default()
    };
    if let Some(mut management) = reader.group("config-management") {
        found.commit_revisions = management.number("commit-revisions");
        if let Some(mut archive) = management.group("commit-archive") {
            let locations = archive.texts("location");
            found.commit_archive = locations.iter().map(|url| without_password(url)).collect();
            archive.rest_in("config-management commit-archive", &mut found.other);
        }
        if let Some(mut confirm) = management.group("commit-confirm") {
            found.commit_confirm_action = confirm.text("action");
            confirm.rest_in("config-management commit-confirm", &mut found.other);
        }
        management.rest_in("config-management", &mut found.other);
    }
    reader.elsewhere(&["static-host-mapping", "ntp"]);
    found.other.extend(reader.rest());
    found
}

fn user((name, mut reader): (String, Reader<'_>)) -> User {
    let mut other = Vec::new();
    let (mut has_password, mut has_otp, mut public_keys) = (false, false, Vec::new());
    if let Some(mut login) = reader.group("authentication") {
        // A single mark stands for a password that nobody has.
        let locked = login.text("encrypted-password").filter(|p| ["!", "*"].contains(&p.as_str()));
        has_password = login.secret("encrypted-password") && locked.is_none();
        has_password |= login.secret("plaintext-password");
        has_otp = login.secret("otp");
        for (name, mut key) in login.each("public-keys") {
            let kind = key.text("type");
            key.secret("key");
            key.rest_in(&format!("authentication public-keys {name}"), &mut other);
            public_keys.push(PublicKey { name, kind });
        }
        login.rest_in("authentication", &mut other);
    }
    let mut found = User {
        name,
        full_name: reader.text("full-name"),
        has_password,
        has_otp,
        public_keys,
        disabled: reader.flag("disable"),
        other,
    };
    found.other.extend(reader.rest());
    found
}

/// All routing instances.
pub fn vrfs(root: &Node) -> Vec<Vrf> {
    let interfaces = super::interfaces::interfaces(root);
    let mut vrfs = Vec::new();
    for (name, mut reader) in Reader::of(root.at(["vrf"])).each("name") {
        let mut other = Vec::new();
        if let Some(mut protocols) = reader.group("protocols") {
            protocols.elsewhere(&["static"]);
            protocols.rest_in("protocols", &mut other);
        }
        let own = interfaces.iter().filter(|one| one.vrf.as_ref() == Some(&name));
        let mut vrf = Vrf {
            interfaces: own.map(|one| one.name.clone()).collect(),
            table: reader.number("table"),
            description: reader.text("description"),
            disabled: reader.flag("disable"),
            other,
            name,
        };
        vrf.other.extend(reader.rest());
        vrfs.push(vrf);
    }
    vrfs
}
