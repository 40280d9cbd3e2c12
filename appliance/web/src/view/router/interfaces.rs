//! The router's interfaces.

use askama::Template;

use crate::view::{Chart, Empty, Field, Shell, Sparkline, Tone};

/// An interface.
#[derive(Debug, Clone, PartialEq)]
pub struct InterfaceRow {
    /// As the kernel calls it.
    pub name: String,
    /// Its own page.
    pub href: String,
    /// What somebody said of it.
    pub description: String,
    /// What sort it is.
    pub kind: String,
    /// What it is on, in or made of: `VLAN 7 on eth0`, `in br0`.
    pub belongs: Vec<String>,
    /// How it does.
    pub state: String,
    /// The colour of that.
    pub tone: Tone,
    /// Its addresses with their length.
    pub addresses: Vec<String>,
    /// Largest packet in bytes; empty where it is not known.
    pub mtu: String,
    /// The routing instance it is in; empty for the usual one.
    pub vrf: String,
    /// What comes in and goes out now; empty where it is not known.
    pub rates: Option<(String, String)>,
    /// What came in and went out in the last hour, as lines.
    pub hour: Option<Sparkline>,
    /// The configuration has it.
    pub configured: bool,
    /// It is switched off in the configuration.
    pub disabled: bool,
    /// It can be switched off.
    pub switchable: bool,
}

/// `GET /router/interfaces`.
#[derive(Debug, Clone, Template)]
#[template(path = "router/interfaces.html")]
pub struct InterfacesPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// All of them.
    pub rows: Vec<InterfaceRow>,
    /// What is not known and why; empty if all is.
    pub missing: String,
    /// What stands there if there are none.
    pub empty: Option<Empty>,
}

/// What can be changed about an interface.
#[derive(Debug, Clone)]
pub struct InterfaceForm {
    /// What to call it.
    pub description: Field,
    /// Largest packet.
    pub mtu: Field,
    /// One a line.
    pub addresses: Field,
    /// It is on.
    pub enabled: bool,
    /// What is wrong with no field of its own.
    pub said: String,
}

/// What was counted: what, in, out.
pub type CounterLine = (&'static str, String, String);

/// `GET /router/interfaces/{name}`.
#[derive(Debug, Clone, Template)]
#[template(path = "router/interface.html")]
pub struct InterfacePage {
    /// What surrounds the page.
    pub shell: Shell,
    /// The interface.
    pub row: InterfaceRow,
    /// What is known of it: what, and in which words.
    pub facts: Vec<(&'static str, Vec<String>)>,
    /// The last hour, in and out.
    pub charts: Vec<Chart>,
    /// What the kernel counted.
    pub counters: Vec<CounterLine>,
    /// VLANs and members: name and page.
    pub below: Vec<(String, String)>,
    /// What else is configured, in the configuration's words.
    pub other: Vec<String>,
    /// To change it; none where the configuration does not have it.
    pub form: Option<InterfaceForm>,
    /// What is not known and why; empty if all is.
    pub missing: String,
}
