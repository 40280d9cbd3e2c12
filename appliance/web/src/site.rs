//! What handlers hold: the rooms, and what the binary knows about itself.

use std::sync::{Arc, PoisonError, RwLock};

use access::Access;
use agents::Agents;
use detect::Alerts;
use discovery::Discovery;
use events::Events;
use flows::{Answers, Flows};
use model::Timestamp;
use serde::Serialize;
use store::Store;
use system::System;
use vyos::Router;

use crate::live::Live;
use crate::pages::Recent;
use crate::tls::Tls;

/// The state of all handlers. Cheap to clone.
#[derive(Clone)]
pub struct Site(Arc<Rooms>, Arc<Recent>);

/// The rooms below, and what the binary says about itself.
pub struct Rooms {
    /// The tables.
    pub store: Store,
    /// What happened.
    pub events: Events,
    /// Who may do what.
    pub access: Access,
    /// The devices.
    pub discovery: Discovery,
    /// Who talks to whom.
    pub flows: Answers,
    /// What collects flows.
    pub collectors: Flows,
    /// Hosts with agents.
    pub agents: Agents,
    /// What needs looking at.
    pub alerts: Alerts,
    /// The router that it runs on.
    pub router: Router,
    /// What the router's kernel knows.
    pub system: System,
    /// Open pages.
    pub live: Live,
    /// Certificates; None where only the plain listener is used.
    pub tls: Option<Arc<Tls>>,
    /// About the program and the machine.
    pub facts: Facts,
    /// How each part is doing, asked anew each time.
    pub components: Box<dyn Fn() -> Vec<Component> + Send + Sync>,
    /// What the machine offers and lacks, as `panoptikon doctor` says; takes a moment, and blocks.
    pub capabilities: Box<dyn Fn() -> Vec<Capability> + Send + Sync>,
}

/// The name that people type, which may change while the program runs. Clones are the same name.
#[derive(Debug, Clone, Default)]
pub struct HostName(Arc<RwLock<String>>);

impl HostName {
    /// This name.
    pub fn new(name: String) -> Self {
        Self(Arc::new(RwLock::new(name)))
    }

    /// The name as it is now.
    pub fn get(&self) -> String {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Another name from now on.
    pub fn set(&self, name: String) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = name;
    }
}

impl Serialize for HostName {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.get())
    }
}

/// What hardly changes while the program runs.
#[derive(Debug, Clone, Serialize)]
pub struct Facts {
    /// Release number.
    pub version: &'static str,
    /// The commit it was built from.
    pub git: &'static str,
    /// The day it was built.
    pub built: &'static str,
    /// VyOS version, where it runs on one.
    pub vyos: Option<String>,
    /// The name that people type.
    pub host: HostName,
    /// When it started.
    pub started: Timestamp,
}

/// One part of the appliance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Component {
    /// The room's name.
    pub name: String,
    /// `ok`, `starting`, `stopped` or `degraded`.
    pub status: &'static str,
    /// Why, where it is not well.
    pub message: Option<String>,
    /// Since when.
    pub since: Timestamp,
    /// How often it was restarted after a failure.
    pub restarts: u32,
}

/// One thing the machine should offer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Capability {
    /// What, such as `raw sockets`.
    pub name: String,
    /// `ok`, `degraded` or `missing`.
    pub status: &'static str,
    /// What was found.
    pub found: String,
    /// What to do about it, where something is to be done.
    pub remedy: Option<String>,
}

impl Site {
    /// Puts the state together.
    pub fn new(rooms: Rooms) -> Self {
        Self(Arc::new(rooms), Arc::default())
    }

    /// The last day's presence of devices that were shown lately.
    pub(crate) fn recent(&self) -> &Recent {
        &self.1
    }
}

impl std::ops::Deref for Site {
    type Target = Rooms;

    fn deref(&self) -> &Rooms {
        &self.0
    }
}
