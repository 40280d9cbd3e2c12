//! Hosts with agents: the list, adding one, one host.

use askama::Template;

use super::{
    Choice, Empty, Field, Flash, Lines, Moment, Pager, Query, Shell, Sparkline, Tab, Tone,
};

/// One host in the list.
#[derive(Debug, Clone)]
pub struct HostRow {
    /// The id of its agent.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// What people wrote about it.
    pub note: String,
    /// Such as `Online`.
    pub state: &'static str,
    /// Its colour.
    pub tone: Tone,
    /// Operating system.
    pub os: String,
    /// Architecture and kernel.
    pub machine: String,
    /// The agent's version.
    pub version: String,
    /// The version that it could have; empty for none newer.
    pub update: String,
    /// When it was heard last; nothing for never.
    pub seen: Option<Moment>,
    /// Processors, newest, such as `12 %`; empty where unknown.
    pub cpu: String,
    /// Their last values.
    pub cpu_line: Option<Sparkline>,
    /// Memory, newest.
    pub memory: String,
    /// Its last values.
    pub memory_line: Option<Sparkline>,
    /// What is wrong with it, one short phrase each.
    pub troubles: Vec<String>,
}

/// `GET /agents`.
#[derive(Debug, Clone, Template)]
#[template(path = "agents/list.html")]
pub struct HostsPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// This page's own query.
    pub query: Query,
    /// All, online, offline, in trouble.
    pub tabs: Vec<Tab>,
    /// The rows.
    pub rows: Vec<HostRow>,
    /// What to say instead of rows.
    pub empty: Option<Empty>,
    /// The neighbouring pages.
    pub pager: Pager,
    /// Versions in use with how many hosts have each.
    pub versions: Vec<(String, String)>,
    /// Tokens that wait for their host: id, name, until, by whom.
    pub tokens: Vec<TokenLine>,
    /// Whether the person may add and delete hosts.
    pub can_manage: bool,
}

/// A token that may still be used.
#[derive(Debug, Clone)]
pub struct TokenLine {
    /// What names it.
    pub id: String,
    /// For which host.
    pub name: String,
    /// Until when.
    pub until: Moment,
    /// Who made it.
    pub by: String,
}

/// `GET /agents/new`.
#[derive(Debug, Clone, Template)]
#[template(path = "agents/new.html")]
pub struct NewHostPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// The host's name.
    pub name: Field,
    /// What people write about it.
    pub note: Field,
    /// How long the token is good.
    pub lasts: Vec<Choice>,
}

/// The answer to `POST /agents/new`: the only time that the token is seen.
#[derive(Debug, Clone, Template)]
#[template(path = "agents/token.html")]
pub struct TokenPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// For which host; empty for any.
    pub name: String,
    /// Until when the token is good.
    pub until: Moment,
    /// The line for root's shell; it asks for the token.
    pub line: String,
    /// The same for who uses sudo.
    pub sudo_line: String,
    /// The token in clear.
    pub token: String,
    /// Where agents come in, `ADDRESS:PORT`.
    pub server: String,
    /// SHA-256 of the agents' CA.
    pub fingerprint: String,
    /// The pin of the key, as curl takes it.
    pub pin: String,
    /// Architectures of which the appliance has the agent.
    pub files: Vec<String>,
    /// Where their files are to be put.
    pub files_dir: String,
}

/// A table of a host.
#[derive(Debug, Clone, Default)]
pub struct HostTable {
    /// What it holds.
    pub title: &'static str,
    /// The heads of its columns.
    pub heads: &'static [&'static str],
    /// The rows.
    pub rows: Vec<Vec<String>>,
    /// What to say instead of rows.
    pub none: &'static str,
}

/// The form of a host's settings.
#[derive(Debug, Clone)]
#[allow(clippy::struct_excessive_bools)] // each is a box to tick
pub struct HostForm {
    /// What people call it.
    pub name: Field,
    /// What people wrote about it.
    pub note: Field,
    /// Time between two reports.
    pub interval: Vec<Choice>,
    /// Whether it sends no probes.
    pub passive: bool,
    /// Whether it watches sign-ins.
    pub auth: bool,
    /// Files that it watches, one a line.
    pub files: Field,
    /// Units, one a line.
    pub units: Field,
    /// Logs, one a line.
    pub logs: Field,
    /// Whether it is asked for processes that begin and end.
    pub processes: bool,
    /// Whether the host allows that.
    pub processes_allowed: bool,
    /// Limits.
    pub cpu: Field,
    /// Limits.
    pub memory: Field,
    /// Limits.
    pub disk: Field,
    /// Limits.
    pub temperature: Field,
    /// How long a limit must be crossed, seconds.
    pub duration: Field,
    /// How long the host must be gone, seconds.
    pub offline: Field,
    /// Whether failed units are told.
    pub failed_units: bool,
}

/// `GET /agents/{id}`.
#[derive(Debug, Clone, Template)]
#[template(path = "agents/host.html")]
pub struct HostPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// As in the list.
    pub host: HostRow,
    /// The device that it is: its number and name.
    pub device: Option<(i64, String)>,
    /// What is known, as pairs.
    pub facts: Vec<(&'static str, String)>,
    /// What should be known, such as that its clock is wrong.
    pub notices: Vec<Flash>,
    /// Times to choose from.
    pub ranges: Vec<Tab>,
    /// The charts.
    pub charts: Vec<Lines>,
    /// Disks, interfaces, processes and so on.
    pub tables: Vec<HostTable>,
    /// What may be asked of it.
    pub commands: Vec<Choice>,
    /// What was asked about.
    pub target: Field,
    /// What it answered, where that is not shown as it comes.
    pub lines: Vec<String>,
    /// What was wrong with what was asked.
    pub said: String,
    /// Its settings.
    pub form: HostForm,
    /// Until when warnings are silent.
    pub muted: Option<Moment>,
    /// Whether the person may change it.
    pub can_manage: bool,
    /// Its state: active, copied or revoked.
    pub state: &'static str,
}

/// What the page of a device says of its agent.
#[derive(Debug, Clone)]
pub struct AgentPanel {
    /// As in the list.
    pub host: HostRow,
    /// What is known, as pairs.
    pub facts: Vec<(&'static str, String)>,
}
