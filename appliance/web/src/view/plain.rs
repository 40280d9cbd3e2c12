//! Search, about, "are you sure?" and what went wrong.

use askama::Template;
use serde::Serialize;

use super::{Link, Shell, Tone};

/// `GET /search?q=`.
#[derive(Debug, Clone, Template)]
#[template(path = "plain/search.html")]
pub struct SearchPage {
    /// What surrounds the page; its `search` is the text asked for.
    pub shell: Shell,
    /// Whether the text is too short to ask for.
    pub too_short: bool,
    /// What was found, by kind.
    pub groups: Vec<SearchGroup>,
}

/// What was found of one kind. The command palette reads the same as JSON from
/// `/api/v1/search?q=`: `{"groups": [SearchGroup …]}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SearchGroup {
    /// Such as `Devices`.
    pub label: String,
    /// What was found, best first.
    pub items: Vec<SearchHit>,
    /// All of them; empty when these are all.
    pub more: String,
}

/// One thing found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SearchHit {
    /// What it is called.
    pub text: String,
    /// A few more words, such as its address.
    pub hint: String,
    /// Where it is.
    pub href: String,
    /// The icon of the sprite.
    pub icon: String,
}

/// `GET /about`.
#[derive(Debug, Clone, Template)]
#[template(path = "plain/about.html")]
pub struct AboutPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// Version, commit, build day, router's system, running since, memory …
    pub facts: Vec<(String, String)>,
    /// The rooms and how they are.
    pub components: Vec<ComponentLine>,
    /// What `panoptikon doctor` says.
    pub capabilities: Vec<CapabilityLine>,
    /// Others' work inside: name and licence.
    pub licences: Vec<(String, String)>,
}

/// One thing that is counted inside.
#[derive(Debug, Clone)]
pub struct NumberRow {
    /// Its name, as Prometheus reads it.
    pub name: &'static str,
    /// What it counts.
    pub about: &'static str,
    /// Of what, and how much.
    pub values: Vec<(String, String)>,
    /// Values that are left out.
    pub more: usize,
}

/// `GET /about/numbers`.
#[derive(Debug, Clone, Template)]
#[template(path = "plain/numbers.html")]
pub struct NumbersPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// All of them.
    pub rows: Vec<NumberRow>,
}

/// How one room is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComponentLine {
    /// Its name.
    pub name: String,
    /// `running`, `degraded`, `stopped`.
    pub state: String,
    /// Its colour.
    pub tone: Tone,
    /// Why, or what it does just now.
    pub text: String,
}

/// One thing the appliance needs from the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CapabilityLine {
    /// Such as `Raw sockets`.
    pub name: String,
    /// Whether it is there.
    pub have: bool,
    /// What is lost without it, or what it is used for.
    pub text: String,
    /// How to get it; empty when it is there.
    pub fix: String,
}

/// What will happen, before it does. The form posts to `action`.
#[derive(Debug, Clone, Template)]
#[template(path = "plain/confirm.html")]
pub struct ConfirmPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// The question, such as `Forget "TV"?`.
    pub question: String,
    /// What will happen, one sentence each.
    pub consequences: Vec<String>,
    /// Where the form goes.
    pub action: String,
    /// Hidden fields.
    pub fields: Vec<(String, String)>,
    /// The word on the button: the deed, not "OK".
    pub button: String,
    /// Whether the deed destroys something.
    pub danger: bool,
    /// The way back.
    pub cancel: String,
}

/// What went wrong, in words for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The HTTP status.
    pub status: u16,
    /// What happened, in a few words.
    pub title: String,
    /// Why, and what to do.
    pub text: String,
    /// Ways on.
    pub links: Vec<Link>,
    /// A word to look for in the log; empty for none.
    pub reference: String,
}

impl Problem {
    /// The words for a status, with `text` instead of the usual ones where there is something
    /// better to say.
    pub fn of(status: u16, text: &str) -> Self {
        let (title, usual, label, href) = match status {
            400 => (
                "That could not be understood",
                "The request was not complete or not well formed. Go back, reload the page and try again.",
                "Overview",
                "/",
            ),
            401 => ("Please sign in", "Your session has ended.", "Sign in", "/sign-in"),
            403 => (
                "Not for your role",
                "Your role does not allow this. An administrator can change it under Settings, People.",
                "Overview",
                "/",
            ),
            404 => (
                "Nothing lives here",
                "The page may have moved, or what it showed was deleted or forgotten.",
                "Search",
                "/search",
            ),
            409 => (
                "Something changed meanwhile",
                "Somebody else, or the appliance itself, changed this after you opened it. Reload and look before you try again.",
                "Overview",
                "/",
            ),
            413 => {
                ("That is too large", "The form sent more than this page takes.", "Overview", "/")
            }
            429 => (
                "Too many requests",
                "Wait a minute, then try again. The limit protects the router.",
                "Overview",
                "/",
            ),
            503 => (
                "Busy or full",
                "The appliance cannot take this just now. What is shown under About says why.",
                "About",
                "/about",
            ),
            _ => (
                "Something broke",
                "This is the appliance's fault, not yours. It has been logged; the page may work when you try again.",
                "About",
                "/about",
            ),
        };
        Self {
            status,
            title: title.to_owned(),
            text: if text.is_empty() { usual } else { text }.to_owned(),
            links: vec![Link { label: label.to_owned(), href: href.to_owned() }],
            reference: String::new(),
        }
    }

    /// The whole page: inside the site for who is signed in, bare for who is not.
    pub fn page(self, mut shell: Shell) -> Result<String, askama::Error> {
        shell.title.clone_from(&self.title);
        if shell.person.is_some() {
            ProblemPage { shell, problem: self }.render()
        } else {
            BareProblemPage { shell, problem: self }.render()
        }
    }
}

#[derive(Template)]
#[template(path = "plain/problem.html")]
struct ProblemPage {
    shell: Shell,
    problem: Problem,
}

#[derive(Template)]
#[template(path = "plain/problem_bare.html")]
struct BareProblemPage {
    shell: Shell,
    problem: Problem,
}
