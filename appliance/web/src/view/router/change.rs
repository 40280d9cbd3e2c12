//! A change on its way: planned, waiting, settled.

use askama::Template;

use crate::view::{Choice, Empty, Moment, Pager, Shell, Tone};

/// A line of a list of commands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandLine {
    /// The command, secrets struck out.
    pub text: String,
    /// `add`, `remove` or `note`, for its colour.
    pub kind: &'static str,
    /// What the router said about it; empty if it did not.
    pub said: String,
}

/// Something that a change puts at risk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RiskLine {
    /// How bad.
    pub tone: Tone,
    /// What may happen.
    pub text: String,
}

/// `GET /router/plans/{id}`: look at it, then apply it.
#[derive(Debug, Clone, Template)]
#[template(path = "router/plan.html")]
pub struct PlanPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// Names the plan.
    pub id: String,
    /// What it is for.
    pub why: String,
    /// Exactly what is sent.
    pub commands: Vec<CommandLine>,
    /// What it puts at risk.
    pub risks: Vec<RiskLine>,
    /// The word that has to be typed where it may cut somebody off; empty if none has.
    pub word: String,
    /// What was typed and is not that word.
    pub typed_wrong: bool,
    /// Whether it is never applied.
    pub refused: bool,
    /// Countdowns.
    pub minutes: Vec<Choice>,
    /// What went wrong when it was applied; empty if nothing did.
    pub said: String,
    /// Back to the form.
    pub cancel: String,
    /// Back to the form with what was filled in; empty where there is none.
    pub correct: String,
}

/// One change in the list.
#[derive(Debug, Clone)]
pub struct ChangeRow {
    /// Its number.
    pub number: i64,
    /// When.
    pub at: Moment,
    /// Who.
    pub actor: String,
    /// From where.
    pub address: String,
    /// What for.
    pub why: String,
    /// The word for how it stands.
    pub state: &'static str,
    /// Its colour.
    pub tone: Tone,
    /// How many commands.
    pub commands: String,
}

/// `GET /router/changes`.
#[derive(Debug, Clone, Template)]
#[template(path = "router/changes.html")]
pub struct ChangesPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// The changes, newest first.
    pub rows: Vec<ChangeRow>,
    /// What stands there if there are none.
    pub empty: Option<Empty>,
    /// Neighbouring pages.
    pub pager: Pager,
}

/// `GET /router/changes/{number}`.
#[derive(Debug, Clone, Template)]
#[template(path = "router/change.html")]
pub struct ChangePage {
    /// What surrounds the page.
    pub shell: Shell,
    /// The change.
    pub row: ChangeRow,
    /// Its commands.
    pub commands: Vec<CommandLine>,
    /// What the router or we have to say.
    pub said: String,
    /// When it was settled.
    pub ended: Option<Moment>,
    /// Whether it can be kept or undone.
    pub waits: bool,
}

/// The page of an area while the router cannot be asked.
#[derive(Debug, Clone, Template)]
#[template(path = "router/trouble.html")]
pub struct TroublePage {
    /// What surrounds the page.
    pub shell: Shell,
    /// The page's name.
    pub title: String,
    /// What is the matter.
    pub text: String,
    /// What to do.
    pub advice: String,
    /// Commands for the console that mend it.
    pub commands: Vec<String>,
}
