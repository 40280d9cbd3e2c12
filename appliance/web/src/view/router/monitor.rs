//! Services as they run, their processes, who is connected, tunnels, and logs.

use askama::Template;

use crate::view::{Choice, Empty, Link, Moment, Query, Shell, Tone};

/// A service as systemd has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitRow {
    /// Its own page.
    pub href: String,
    /// What people call it.
    pub label: String,
    /// The unit.
    pub name: String,
    /// How it does.
    pub state: String,
    /// The colour of that.
    pub tone: Tone,
    /// Since when.
    pub since: Option<Moment>,
    /// Restarts by itself; empty if none.
    pub restarts: String,
    /// Its main process.
    pub pid: String,
    /// Processor.
    pub cpu: String,
    /// Memory.
    pub memory: String,
    /// Threads.
    pub threads: String,
}

/// A port at which the router waits for somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortRow {
    /// Whose it is.
    pub name: String,
    /// `22/tcp`.
    pub port: String,
    /// Where it waits.
    pub addresses: Vec<String>,
    /// Connections to it.
    pub connections: String,
}

/// A tunnel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TunnelRow {
    /// Its interface.
    pub name: String,
    /// How it does.
    pub state: String,
    /// The colour of that.
    pub tone: Tone,
    /// Its addresses.
    pub addresses: Vec<String>,
    /// Who was asked and what came of it.
    pub asked: String,
}

/// What runs, beside what is configured.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BoardView {
    /// Services.
    pub units: Vec<UnitRow>,
    /// Why they are not known; empty if they are.
    pub missing: String,
    /// Ports.
    pub ports: Vec<PortRow>,
    /// What is to be said of all connections.
    pub connections: String,
    /// Tunnels.
    pub tunnels: Vec<TunnelRow>,
}

/// Something that can be done to a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitDeed {
    /// Where the form goes.
    pub action: String,
    /// The button.
    pub label: &'static str,
    /// Whether it takes something away.
    pub danger: bool,
}

/// A line of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenLine {
    /// Date and time of day.
    pub at: String,
    /// The colour of its level.
    pub tone: &'static str,
    /// Its level.
    pub level: &'static str,
    /// Who wrote it.
    pub program: String,
    /// What.
    pub text: String,
}

/// `GET /router/services/unit/{unit}`.
#[derive(Debug, Clone, Template)]
#[template(path = "router/service.html")]
pub struct ServicePage {
    /// What surrounds the page.
    pub shell: Shell,
    /// The service.
    pub row: UnitRow,
    /// What its author says of it.
    pub description: String,
    /// What is known of it and its process.
    pub facts: Vec<(String, String)>,
    /// What can be done to it, where somebody may.
    pub deeds: Vec<UnitDeed>,
    /// Its name is to be typed.
    pub typed: bool,
    /// What was wrong with what was typed.
    pub said: String,
    /// Why nothing can be done; empty if something can.
    pub hands_off: String,
    /// Its newest lines, where somebody may read them.
    pub lines: Vec<WrittenLine>,
    /// Its log.
    pub log: String,
}

/// `GET /router/logs`.
#[derive(Debug, Clone, Template)]
#[template(path = "router/logs.html")]
pub struct LogsPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// Whose log.
    pub service: Vec<Choice>,
    /// How many lines.
    pub lines: Vec<Choice>,
    /// The query.
    pub query: Query,
    /// The lines, oldest first.
    pub rows: Vec<WrittenLine>,
    /// What stands there if there are none.
    pub empty: Option<Empty>,
    /// What is to be followed; empty if nothing is.
    pub following: String,
    /// To follow, or to end that.
    pub follow: Link,
    /// The same masked, as a file; empty where there is nothing to share.
    pub masked: String,
    /// Why not all services are known; empty if they are.
    pub missing: String,
}

/// `GET /router/logs/files`.
#[derive(Debug, Clone, Template)]
#[template(path = "router/log_files.html")]
pub struct LogFilesPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// Name, address, size and time of each.
    pub files: Vec<(String, String, String, Moment)>,
    /// What stands there if there are none.
    pub empty: Option<Empty>,
    /// The file that is shown.
    pub name: String,
    /// Its lines.
    pub lines: Vec<String>,
}
