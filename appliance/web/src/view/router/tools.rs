//! Tools to look further from the router: its network tools, its connections, its line's speed.

use askama::Template;

use crate::view::{Choice, Empty, Field, Link, Pager, Shell, Tab, Tone};

/// The forms of the network tools, as they were filled in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ToolForm {
    /// Which tool was used, or `ping`.
    pub tool: String,
    /// Whom.
    pub target: Field,
    /// By which family.
    pub family: Vec<Choice>,
    /// Out of which interface.
    pub interface: Vec<Choice>,
    /// Requests of a ping.
    pub count: Field,
    /// Bytes of each.
    pub size: Field,
    /// The most hops.
    pub hops: Field,
    /// The port.
    pub port: Field,
    /// Which records.
    pub kind: Vec<Choice>,
    /// The name server.
    pub server: Field,
}

/// `GET /router/tools`.
#[derive(Debug, Clone, Template)]
#[template(path = "router/tools.html")]
pub struct ToolsPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// The tools' pages.
    pub tools: Vec<Tab>,
    /// Which of the network tools.
    pub kinds: Vec<Tab>,
    /// Its form.
    pub form: ToolForm,
    /// What is wrong with the whole; empty if nothing.
    pub said: String,
    /// What it said, line by line.
    pub lines: Vec<String>,
}

/// One end of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndView {
    /// Address and port.
    pub address: String,
    /// The device, where it is one of ours.
    pub device: Option<Link>,
    /// What NAT makes of it; empty if nothing.
    pub translated: String,
}

/// A connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionRow {
    /// The protocol.
    pub protocol: String,
    /// Who began, and with whom.
    pub ends: [EndView; 2],
    /// How far it is.
    pub state: String,
    /// The colour of that.
    pub tone: Tone,
    /// Sent; empty where it is not counted.
    pub sent: String,
    /// Received.
    pub received: String,
    /// Until it is forgotten.
    pub left: String,
    /// Its packets bypass the rules.
    pub offloaded: bool,
}

/// `GET /router/tools/connections`.
#[derive(Debug, Clone, Template)]
#[template(path = "router/connections.html")]
pub struct ConnectionsPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// The tools' pages.
    pub tools: Vec<Tab>,
    /// How many of how many there may be.
    pub total: String,
    /// How full the table is, 0 to 100; none where the kernel does not tell.
    pub percent: Option<u8>,
    /// Counts, each a way to those.
    pub counts: Vec<Tab>,
    /// An address.
    pub address: Field,
    /// A port.
    pub port: Field,
    /// Protocols.
    pub protocols: Vec<Choice>,
    /// States.
    pub states: Vec<Choice>,
    /// Orders.
    pub orders: Vec<Choice>,
    /// Only those that NAT has changed.
    pub only_nat: bool,
    /// What one should know of the figures.
    pub notes: Vec<String>,
    /// The connections.
    pub rows: Vec<ConnectionRow>,
    /// What stands there if there are none.
    pub empty: Option<Empty>,
    /// Neighbouring pages.
    pub pager: Pager,
}
