//! Services and containers.

use askama::Template;

use super::BoardView;
use crate::view::{Empty, Field, Shell, Tone};

/// A service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceRow {
    /// What people call it.
    pub label: String,
    /// The configuration's word.
    pub name: String,
    /// Whether it is on.
    pub state: &'static str,
    /// The colour of that.
    pub tone: Tone,
    /// Its ports: `22/tcp`.
    pub ports: String,
    /// Addresses and interfaces that it listens on.
    pub listens: Vec<String>,
    /// Who may use it.
    pub allowed: Vec<String>,
    /// What else is to be said.
    pub notes: Vec<String>,
    /// What else is configured, in the configuration's words.
    pub other: Vec<String>,
    /// To change it; empty where that cannot be done here.
    pub href: String,
    /// Where there is more of it; empty if nowhere.
    pub more: String,
}

/// `GET /router/services`.
#[derive(Debug, Clone, Template)]
#[template(path = "router/services.html")]
pub struct ServicesPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// All that are configured, and those that can be set up here.
    pub rows: Vec<ServiceRow>,
    /// What runs of it.
    pub board: BoardView,
    /// Why what is configured is not known; empty if it is.
    pub trouble: String,
}

/// `GET /router/services/ssh`.
#[derive(Debug, Clone, Template)]
#[template(path = "router/ssh.html")]
pub struct SshPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// It runs.
    pub enabled: bool,
    /// Its ports.
    pub ports: Field,
    /// Where it listens.
    pub listen: Field,
    /// Keys only.
    pub keys_only: bool,
    /// What is wrong with no field of its own.
    pub said: String,
}

/// `GET /router/services/https`.
#[derive(Debug, Clone, Template)]
#[template(path = "router/https.html")]
pub struct HttpsPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// Its port.
    pub port: Field,
    /// Where it listens.
    pub listen: Field,
    /// Who may use the API.
    pub allowed: Field,
    /// What is wrong with no field of its own.
    pub said: String,
}

/// `GET /router/services/ntp`.
#[derive(Debug, Clone, Template)]
#[template(path = "router/ntp.html")]
pub struct NtpPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// Servers that it asks.
    pub servers: Field,
    /// Where it listens.
    pub listen: Field,
    /// Who may ask it.
    pub allowed: Field,
    /// What is wrong with no field of its own.
    pub said: String,
}

/// A container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerRow {
    /// Its name.
    pub name: String,
    /// What somebody said of it.
    pub description: String,
    /// How it does.
    pub state: String,
    /// The colour of that.
    pub tone: Tone,
    /// What it runs.
    pub image: String,
    /// Networks, ports, folders and limits, in words.
    pub facts: Vec<String>,
    /// What else is configured, in the configuration's words.
    pub other: Vec<String>,
    /// It is switched off; none where it is not configured.
    pub disabled: Option<bool>,
}

/// An image of containers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageRow {
    /// Its name with its tag.
    pub name: String,
    /// How large it is.
    pub size: String,
    /// Containers that are configured to run it.
    pub used: Vec<String>,
}

/// `GET /router/containers`.
#[derive(Debug, Clone, Template)]
#[template(path = "router/containers.html")]
pub struct ContainersPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// All containers.
    pub rows: Vec<ContainerRow>,
    /// Images, where they are known.
    pub images: Vec<ImageRow>,
    /// Networks of containers: name and prefixes.
    pub networks: Vec<(String, String)>,
    /// What is not known and why; empty if all is.
    pub missing: String,
    /// What stands there if there are none.
    pub empty: Option<Empty>,
}
