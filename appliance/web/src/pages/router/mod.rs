//! The router: what it is, what it runs and says, and changes of it.
//!
//! Every form of an area ends in [`propose`]: commands become a plan, which its person looks at and
//! applies. A form that the router refused is filled in again by [`filled::Filled`], with the router's words
//! beside the field that caused them.

mod archive;
mod board;
mod changes;
mod commands;
mod config;
mod containers;
mod counters;
mod dhcp;
mod dns;
mod fill;
mod filled;
mod firewall;
mod interfaces;
mod keep;
mod lines;
pub(crate) mod logs;
mod nat;
mod overview;
mod plans;
mod policy;
mod quality;
mod routes;
mod services;
mod snapshots;
mod tools;
mod vpn;

pub(super) use overview::figures;
pub(super) use tools::plain;

use std::sync::Arc;

use access::Permission as P;
use axum::http::StatusCode;
use axum::response::Response;
use vyos::client::AskError;
use vyos::config::{Command, Document, Node};
use vyos::dialect::{Components, Dialect, Release};
use vyos::{Draft, Link, Operator, Origin, Plan, PlanError, Risk, Stake, Trouble};

use super::errors::sentence;
use super::{Ask, Form, done, see_other};
use crate::http::{Entry, Failure, Routes};
use crate::site::Site;
use crate::view::router::{CommandLine, RiskLine, TroublePage};
use crate::view::{Place, Query, Shell, Tab, Tone, Waiting, WaitingChange};

/// The areas, in the order of their tabs.
const AREAS: &[(&str, &str)] = &[
    ("/router", "Overview"),
    ("/router/interfaces", "Interfaces"),
    ("/router/routes", "Routes"),
    ("/router/dhcp", "DHCP"),
    ("/router/dns", "DNS"),
    ("/router/firewall", "Firewall"),
    ("/router/nat", "NAT"),
    ("/router/policy", "Policy routing"),
    ("/router/vpn", "VPN"),
    ("/router/services", "Services"),
    ("/router/containers", "Containers"),
    ("/router/logs", "Logs"),
    ("/router/tools", "Tools"),
    ("/router/config", "Configuration"),
    ("/router/changes", "Changes"),
];

/// The longest value of a form's field that is carried back to it, in bytes.
const MOST_REFILLED: usize = 1_000;

pub(super) fn routes() -> Routes<Site> {
    Routes::new()
        .merge(interfaces::routes())
        .merge(routes::routes())
        .merge(dhcp::routes())
        .merge(dns::routes())
        .merge(services::routes())
        .merge(board::routes())
        .merge(logs::routes())
        .merge(containers::routes())
        .merge(changes::routes())
        .merge(plans::routes())
        .merge(archive::routes())
        .merge(commands::routes())
        .merge(config::routes())
        .merge(snapshots::routes())
        .merge(firewall::routes())
        .merge(nat::routes())
        .merge(policy::routes())
        .merge(overview::routes())
        .merge(quality::routes())
        .merge(vpn::routes())
        .merge(tools::routes())
}

/// Who may look.
pub(super) const LOOK: Entry = Entry::Needs(P::RouterRead);
/// Who may change.
pub(super) const CHANGE: Entry = Entry::Needs(P::RouterChange);

/// What of the router's configuration is not for good yet.
pub(super) fn waiting(site: &Site) -> Waiting {
    let unsaved = {
        let status = site.router.status();
        let status = status.borrow();
        status.unsaved == Some(true) && status.link == Link::Up
    };
    let changes: Vec<WaitingChange> = site
        .router
        .unsettled()
        .into_iter()
        .filter(|change| change.state != vyos::State::Applying)
        .map(|change| {
            let waits = change.state == vyos::State::Waiting;
            WaitingChange {
                number: change.number,
                why: change.why,
                actor: change.actor,
                deadline: waits.then_some(change.deadline.0),
                left: format!("{}:{:02}", change.seconds / 60, change.seconds % 60),
                problem: change.problem.unwrap_or_default(),
            }
        })
        .collect();
    Waiting { unsaved: unsaved && changes.is_empty(), changes }
}

impl Ask {
    /// What surrounds a page of the router.
    pub(super) async fn router_shell(&self, title: &str) -> Shell {
        let mut shell = self.shell(title, Some(Place::Router)).await;
        let here = self.query.bare();
        let current = |href: &str| {
            here == href || (href != "/router" && here.starts_with(&format!("{href}/")))
        };
        let may = |href: &str| match href {
            "/router/tools" => self.may(P::RouterTools),
            "/router/logs" => self.may(P::LogsRead),
            _ => true,
        };
        let tabs = AREAS.iter().filter(|(href, _)| may(href)).map(|(href, label)| Tab {
            label: (*label).to_owned(),
            href: (*href).to_owned(),
            count: None,
            key: "",
            current: current(href),
        });
        shell.areas = tabs.collect();
        shell
    }

    /// What the router runs, or the page of that title that says why it is not known.
    pub(super) async fn config(&self, title: &str) -> Result<Arc<Node>, Failure> {
        match self.site.router.config().await {
            Ok(config) => Ok(config),
            Err(error) => Err(self.trouble(title, &error).await),
        }
    }

    /// The page of an area whose router cannot be asked: what is the matter, and what to do.
    pub(super) async fn trouble(&self, title: &str, error: &AskError) -> Failure {
        let trouble = match &self.site.router.status().borrow().link {
            Link::Down(trouble) => trouble.clone(),
            Link::Up | Link::Asking => Trouble {
                text: sentence(&error.to_string()),
                advice: "Try again in a moment.".to_owned(),
                commands: Vec::new(),
            },
        };
        let page = TroublePage {
            shell: self.router_shell(title).await,
            title: title.to_owned(),
            text: trouble.text,
            advice: trouble.advice,
            commands: trouble.commands,
        };
        self.failing(StatusCode::SERVICE_UNAVAILABLE, &page)
    }

    /// How this router wants its configuration written.
    pub(super) async fn dialect(&self, config: &Node) -> Dialect {
        let file = self.site.router.boot_document().await;
        let components = file.as_ref().map(Components::of).unwrap_or_default();
        let status = self.site.router.status().borrow().clone();
        let told = status.abilities.as_ref().and_then(|found| found.version.as_deref());
        let told = told.or_else(|| file.as_ref().and_then(Document::release));
        let release = told.and_then(|text| Release::parse(text).ok());
        Dialect::decide(config, &components, release.as_ref())
    }

    /// Where the one sits who asks.
    pub(super) fn operator(&self) -> Operator {
        Operator { address: self.visitor.caller.address, local: self.local }
    }
}

/// Makes a plan of commands, and shows it to the one who wants it. `form` is the page with the form
/// that they come from; what was in its fields is carried along, to fill it in again.
pub(in crate::pages) async fn propose(
    ask: &Ask,
    form: &Form,
    from: &str,
    why: impl Into<String>,
    commands: Vec<Command>,
) -> Result<Response, Failure> {
    match plan_of(ask, form, from, why.into(), commands).await {
        Ok(plan) => Ok(see_other(&format!("/router/plans/{}", plan.id))),
        Err(answer) => answer,
    }
}

/// The plan that [`propose`] leads to, or the answer where there is none.
async fn plan_of(
    ask: &Ask,
    form: &Form,
    from: &str,
    why: String,
    commands: Vec<Command>,
) -> Result<Arc<Plan>, Result<Response, Failure>> {
    let fields = form
        .pairs()
        .filter(|(name, value)| {
            !matches!(*name, "csrf" | "back")
                && value.len() <= MOST_REFILLED
                && !vyos::secrets::is_secret(&[*name])
                && !vyos::secrets::holds_secret_of(&commands, value)
        })
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let why: String = why.chars().take(200).collect();
    let draft = Draft { commands, why, origin: Origin { url: from.to_owned(), fields } };
    match ask.site.router.plan(draft, &ask.visitor.caller, ask.operator()).await {
        Ok(plan) => Ok(plan),
        Err(PlanError::Nothing) => {
            Err(Ok(done(from, Tone::Info, "Nothing to change: the router is so already.")))
        }
        Err(error @ (PlanError::TooLong | PlanError::Harmful { .. })) => {
            Err(Err(Failure::invalid(sentence(&error.to_string()))))
        }
        Err(PlanError::Ask(error)) => Err(Err(ask.trouble("The router", &error).await)),
    }
}

/// The query parameter that names the plan that was refused, and the one that names the field.
///
/// The words themselves stay with the plan: a link could put any into a page.
const SAID: &str = "said";
const FIELD: &str = "at";

/// The words where the plan is gone.
const FORGOTTEN: &str = "The router did not take this. Send it again to see why.";

/// What was said about what this page is to correct; none where there is nothing to correct.
fn refusal(ask: &Ask) -> Option<String> {
    let plan = ask.site.router.find_plan(ask.query.get(SAID)?, &ask.visitor.caller.actor);
    let said = plan.map(|plan| plan.said()).filter(|said| !said.is_empty());
    Some(said.unwrap_or_else(|| FORGOTTEN.to_owned()))
}

/// The page with the form that a plan comes from, filled in again.
fn refilled(plan: &Plan, culprit: Option<&Command>) -> String {
    let origin = &plan.origin;
    if origin.url.is_empty() || origin.fields.is_empty() {
        return String::new();
    }
    let (path, raw) = origin.url.split_once('?').unwrap_or((&origin.url, ""));
    let mut query = Query::parse(path, raw);
    for (name, value) in &origin.fields {
        query = query.with(name, value);
    }
    // The field whose content is the word that the router does not like.
    let field = culprit.and_then(|command| {
        let (Command::Set(path) | Command::Delete(path) | Command::Comment(path, _)) = command;
        let holds = |(_, value): &&(String, String)| {
            let mut lines = value.lines().map(str::trim).filter(|line| !line.is_empty());
            lines.any(|line| path.iter().any(|word| word == line))
        };
        origin.fields.iter().find(holds).map(|(name, _)| name.clone())
    });
    query.with(SAID, &plan.id).with(FIELD, &field.unwrap_or_default()).href()
}

fn risk_line(risk: &Risk) -> RiskLine {
    let tone = match risk.stake {
        Stake::Note => Tone::Info,
        Stake::Cuts => Tone::Warn,
        Stake::Refused => Tone::Bad,
    };
    RiskLine { tone, text: risk.text.clone() }
}

/// A command for people, secrets struck out.
fn command_line(command: &Command) -> CommandLine {
    let kind = match command {
        Command::Set(_) => "add",
        Command::Delete(_) => "remove",
        Command::Comment(..) => "note",
    };
    CommandLine { text: vyos::secrets::shown(command), kind, said: String::new() }
}

/// A line of a list that was kept as text.
fn kept_line(line: &str) -> CommandLine {
    let kind = match line.split(' ').next() {
        Some("set") => "add",
        Some("delete") => "remove",
        _ => "note",
    };
    CommandLine { text: line.to_owned(), kind, said: String::new() }
}

/// Words and colour for how a change stands.
fn state_words(state: vyos::State) -> (&'static str, Tone) {
    use vyos::State as S;
    match state {
        S::Applying => ("being made", Tone::Info),
        S::Waiting => ("waits to be kept", Tone::Warn),
        S::Kept => ("kept", Tone::Ok),
        S::Undoing => ("being undone", Tone::Warn),
        S::Undone => ("undone", Tone::Quiet),
        S::Refused => ("refused by the router", Tone::Bad),
        S::Failed => ("failed", Tone::Bad),
        S::Outside => ("made by others", Tone::Info),
    }
}
