//! The router's configuration: as a tree, as text, as it was.

use askama::Template;

use super::CommandLine;
use crate::view::{Choice, Empty, Field, Moment, Pager, Shell};

/// A line of the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigLine {
    /// The path above it, for a search's results; empty in the tree.
    pub above: String,
    /// Its name.
    pub name: String,
    /// Its values; a secret is struck out.
    pub values: Vec<String>,
    /// What somebody noted about it.
    pub remark: String,
    /// Where its own page is; empty for a setting.
    pub href: String,
    /// How many nodes are below.
    pub below: String,
}

/// `GET /router/config`.
#[derive(Debug, Clone, Template)]
#[template(path = "router/config.html")]
pub struct ConfigPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// What is searched for.
    pub search: String,
    /// The way down to here: names and where they lead.
    pub path: Vec<(String, String)>,
    /// What is here, or what was found.
    pub lines: Vec<ConfigLine>,
    /// How many more were found than are shown.
    pub more: usize,
    /// What stands there if nothing is.
    pub empty: Option<Empty>,
    /// The same as commands.
    pub commands: Vec<String>,
    /// How many nodes the whole configuration has.
    pub size: String,
}

/// `GET /router/config/raw`.
#[derive(Debug, Clone, Template)]
#[template(path = "router/raw.html")]
pub struct RawPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// The text.
    pub text: String,
    /// How many lines.
    pub lines: usize,
}

/// `GET /router/config/commands`.
#[derive(Debug, Clone, Template)]
#[template(path = "router/commands_form.html")]
pub struct CommandsPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// What they are for.
    pub why: Field,
    /// The commands, a line each.
    pub commands: Field,
    /// What the router said about them, where no field is to blame.
    pub said: String,
}

/// A snapshot in the list.
#[derive(Debug, Clone)]
pub struct SnapshotRow {
    /// Its number.
    pub number: i64,
    /// When.
    pub at: Moment,
    /// Who.
    pub author: String,
    /// Its name.
    pub label: String,
    /// Why it was taken.
    pub reason: String,
    /// How long.
    pub size: String,
}

/// `GET /router/config/snapshots`.
#[derive(Debug, Clone, Template)]
#[template(path = "router/snapshots.html")]
pub struct SnapshotsPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// All of them, newest first.
    pub rows: Vec<SnapshotRow>,
    /// What can be compared, the older side.
    pub from: Vec<Choice>,
    /// What can be compared, the newer side.
    pub to: Vec<Choice>,
    /// What stands there if there are none.
    pub empty: Option<Empty>,
    /// Neighbouring pages.
    pub pager: Pager,
}

/// `GET /router/config/snapshots/{number}`.
#[derive(Debug, Clone, Template)]
#[template(path = "router/snapshot.html")]
pub struct SnapshotPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// Its name, or why it was taken.
    pub title: String,
    /// The snapshot.
    pub row: SnapshotRow,
    /// What turns what runs now into it.
    pub commands: Vec<CommandLine>,
    /// Why that is not known; empty if it is.
    pub said: String,
}

/// A commit of the router's own archive.
#[derive(Debug, Clone)]
pub struct ArchiveRow {
    /// How many commits there were since.
    pub revision: usize,
    /// When.
    pub at: Moment,
    /// Who.
    pub user: String,
    /// How.
    pub via: String,
    /// What they noted.
    pub comment: String,
}

/// `GET /router/config/archive`.
#[derive(Debug, Clone, Template)]
#[template(path = "router/archive.html")]
pub struct ArchivePage {
    /// What surrounds the page.
    pub shell: Shell,
    /// The commits, newest first.
    pub rows: Vec<ArchiveRow>,
    /// What stands there if there are none.
    pub empty: Option<Empty>,
}

/// `GET /router/config/diff`.
#[derive(Debug, Clone, Template)]
#[template(path = "router/diff.html")]
pub struct DiffPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// The one side.
    pub from: String,
    /// The other side.
    pub to: String,
    /// What turns one into the other, in order.
    pub commands: Vec<CommandLine>,
    /// The snapshot that can be restored; none if the newer side is what runs already.
    pub restore: Option<i64>,
}
