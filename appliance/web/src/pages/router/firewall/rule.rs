//! The form of a rule: made, changed, copied, moved, switched and deleted.

use axum::extract::Path;
use axum::http::Method;
use axum::response::Response;
use vyos::edit::{Draft, EditError, Place, RuleEdit};
use vyos::facts::{Chain, ChainId, Firewall, Hook, Rule, firewall};

use super::conditions::Of;
use super::names::{chain_href, chain_of, chain_title, rule_label};
use super::{conditions, read_conditions};
use crate::http::{Failure, Route, Routes};
use crate::pages::router::fill::{Fill, Known, plain, some};
use crate::pages::router::{CHANGE, LOOK, counters, propose};
use crate::pages::{Ask, Form};
use crate::site::Site;
use crate::view::Link;
use crate::view::router::{Control, Deed, Fieldset, FormPage};

const ACTIONS: [(&str, &str); 7] = [
    ("accept", "accept: let it pass"),
    ("drop", "drop: silently"),
    ("reject", "reject: and tell the sender"),
    ("jump", "jump: another chain decides"),
    ("return", "return: the chain before decides"),
    ("continue", "continue: only count and log"),
    ("queue", "queue: a program decides"),
];

pub(super) fn routes() -> Routes<Site> {
    let new = "/router/firewall/{family}/{hook}/{chain}/new";
    let one = "/router/firewall/{family}/{hook}/{chain}/{number}";
    Routes::new()
        .add(
            Route::new(Method::GET, new, CHANGE, new_page, "A form for a new firewall rule").query(
                "copy",
                "integer",
                "The rule to start from.",
            ),
        )
        .add(Route::new(Method::POST, new, CHANGE, create, "Plan a new firewall rule").patient())
        .add(Route::new(Method::GET, one, LOOK, show, "A firewall rule"))
        .add(
            Route::new(Method::POST, one, CHANGE, edit, "Plan a change of a firewall rule")
                .patient(),
        )
}

type ChainPath = Path<(String, String, String)>;
type RulePath = Path<(String, String, String, u32)>;

/// The chain of an address.
pub(super) fn chain_at(family: &str, hook: &str, name: &str) -> Result<ChainId, Failure> {
    chain_of(family, hook, name).ok_or_else(|| Failure::not_found("There is no such chain."))
}

/// A place as the form sends it.
pub(in crate::pages::router) fn read_place(text: &str) -> Option<Place> {
    match text.split_once(' ') {
        None if text == "first" => Some(Place::First),
        None if text == "last" => Some(Place::Last),
        None => text.parse().ok().map(Place::Number),
        Some(("before", number)) => number.parse().ok().map(Place::Before),
        Some(("after", number)) => number.parse().ok().map(Place::After),
        Some(_) => None,
    }
}

/// Places among the rules of a list.
pub(in crate::pages::router) fn places<'a>(
    rules: impl Iterator<Item = (u32, Option<&'a str>)>,
    but: Option<u32>,
) -> Vec<(String, String)> {
    let mut places = match but {
        Some(_) => vec![(String::new(), "where it is".to_owned())],
        None => vec![("last".to_owned(), "behind all others".to_owned())],
    };
    places.push(("first".to_owned(), "before all others".to_owned()));
    for (number, said) in rules.filter(|(number, _)| Some(*number) != but) {
        let said = said.map(|said| format!(" ({said})")).unwrap_or_default();
        places.push((format!("before {number}"), format!("before rule {number}{said}")));
    }
    if but.is_some() {
        places.push(("last".to_owned(), "behind all others".to_owned()));
    }
    places
}

/// What is known when a form of a rule is shown or read.
struct Bench {
    known: Known,
    firewall: Firewall,
    chain: ChainId,
}

impl Bench {
    async fn of(ask: &Ask, chain: ChainId) -> Result<Self, Failure> {
        let known = ask.known("Firewall rule").await?;
        Ok(Self { firewall: firewall(&known.root), known, chain })
    }

    fn chain(&self) -> Option<&Chain> {
        self.firewall.chain(&self.chain)
    }

    fn rule(&self, number: u32) -> Result<&Rule, Failure> {
        let rule = self.chain().and_then(|chain| chain.rule(number));
        rule.ok_or_else(|| Failure::not_found("There is no such rule, or it is gone by now."))
    }

    /// A chain that is not configured: one that packets pass by themselves can be begun, a named
    /// one cannot.
    fn check(&self) -> Result<(), Failure> {
        if self.chain.hook == Hook::Name && self.chain().is_none() {
            return Err(Failure::not_found("There is no such chain."));
        }
        Ok(())
    }
}

async fn new_page(ask: Ask, Path((family, hook, name)): ChainPath) -> Result<Response, Failure> {
    let chain = chain_at(&family, &hook, &name)?;
    let bench = Bench::of(&ask, chain).await?;
    bench.check()?;
    let copied = ask.query.get("copy").and_then(|number| number.parse().ok());
    let start = copied.and_then(|number| Some(RuleEdit::from(bench.rule(number).ok()?)));
    let start =
        start.unwrap_or_else(|| RuleEdit { action: "accept".to_owned(), ..RuleEdit::default() });
    let fill = Fill::of(&ask);
    let page = form(&ask, &bench, None, &start, &fill).await;
    ask.page(&page)
}

async fn create(
    ask: Ask,
    Path((family, hook, name)): ChainPath,
    form: Form,
) -> Result<Response, Failure> {
    let chain = chain_at(&family, &hook, &name)?;
    let bench = Bench::of(&ask, chain).await?;
    bench.check()?;
    let blank = RuleEdit::default();
    let edit = read(&form, &bench.chain, &blank);
    let mut draft = bench.known.draft();
    let made = place_of(&form, "place")
        .and_then(|place| draft.add_rule(&bench.chain, place.unwrap_or_default(), &edit));
    match made {
        Ok(number) => {
            let why = why("New", &bench.chain, number, edit.description.as_deref());
            let from = format!("{}/new", chain_href(&bench.chain));
            propose(&ask, &form, &from, why, draft.commands()).await
        }
        Err(error) => {
            let fill = Fill::sent(&form, &error);
            let page = self::form(&ask, &bench, None, &edit, &fill).await;
            ask.refused(&page)
        }
    }
}

async fn show(ask: Ask, Path((family, hook, name, number)): RulePath) -> Result<Response, Failure> {
    let chain = chain_at(&family, &hook, &name)?;
    let bench = Bench::of(&ask, chain).await?;
    let start = RuleEdit::from(bench.rule(number)?);
    let fill = Fill::of(&ask);
    let page = form(&ask, &bench, Some(number), &start, &fill).await;
    ask.page(&page)
}

async fn edit(
    ask: Ask,
    Path((family, hook, name, number)): RulePath,
    form: Form,
) -> Result<Response, Failure> {
    let chain = chain_at(&family, &hook, &name)?;
    let bench = Bench::of(&ask, chain).await?;
    let was = RuleEdit::from(bench.rule(number)?);
    let mut draft = bench.known.draft();
    let chain = &bench.chain;
    let said = was.description.clone();
    let (verb, done) = match form.get("do") {
        "delete" => ("Delete", draft.delete_rule(chain, number)),
        "on" => ("Switch on", draft.enable_rule(chain, number, true)),
        "off" => ("Switch off", draft.enable_rule(chain, number, false)),
        _ => ("Change", change(&mut draft, chain, number, &form, &was)),
    };
    match done {
        Ok(()) => {
            // A rule that is gone has no page to come back to.
            let from = if verb == "Change" {
                format!("{}/{number}", chain_href(chain))
            } else {
                chain_href(chain)
            };
            let why = why(verb, chain, number, said.as_deref());
            // A button has nothing to correct.
            let form = if verb == "Change" { form } else { Form::default() };
            propose(&ask, &form, &from, why, draft.commands()).await
        }
        Err(error) => {
            let fill = Fill::sent(&form, &error);
            let page = self::form(&ask, &bench, Some(number), &was, &fill).await;
            ask.refused(&page)
        }
    }
}

fn change(
    draft: &mut Draft<'_>,
    chain: &ChainId,
    number: u32,
    form: &Form,
    was: &RuleEdit,
) -> Result<(), EditError> {
    let place = place_of(form, "place")?;
    draft.edit_rule(chain, number, &read(form, chain, was))?;
    if let Some(place) = place {
        draft.move_rule(chain, number, place)?;
    }
    Ok(())
}

/// Where it shall stand; none: where it is.
pub(in crate::pages::router) fn place_of(
    form: &Form,
    name: &str,
) -> Result<Option<Place>, EditError> {
    match form.get(name) {
        "" => Ok(None),
        text => {
            let place = read_place(text).map(Some);
            place.ok_or_else(|| EditError::of(name, "choose one of the places"))
        }
    }
}

fn why(verb: &str, chain: &ChainId, number: u32, said: Option<&str>) -> String {
    let said = said.map(|said| format!(": {said}")).unwrap_or_default();
    format!("{verb} {}{said}", rule_label(chain, number))
}

fn read(form: &Form, chain: &ChainId, was: &RuleEdit) -> RuleEdit {
    RuleEdit {
        action: form.get("action").to_owned(),
        jump_target: some(form, "jump_target"),
        description: some(form, "description"),
        disabled: form.ticked("disabled"),
        log: form.ticked("log"),
        matches: read_conditions(form, Of::Firewall(chain.family), &was.matches),
    }
}

async fn form(
    ask: &Ask,
    bench: &Bench,
    number: Option<u32>,
    now: &RuleEdit,
    fill: &Fill<'_>,
) -> FormPage {
    let chain = &bench.chain;
    let targets = bench
        .firewall
        .chains
        .iter()
        .map(|one| &one.id)
        .filter(|id| id.hook == Hook::Name && id.family == chain.family && **id != *chain);
    let targets = std::iter::once("").chain(targets.map(|id| id.name.as_str()));
    let actions = ACTIONS.map(|(value, label)| (value.to_owned(), label.to_owned()));
    let rules = bench.chain().map(|chain| chain.rules.as_slice()).unwrap_or_default();
    let places = places(rules.iter().map(|r| (r.number, r.description.as_deref())), number);
    let place = if number.is_some() { "" } else { "last" };
    let act = Fieldset::new(
        "What it does",
        [
            Control::Pair(vec![
                fill.select("action", "Action", Some(&now.action), actions, ""),
                fill.select(
                    "jump_target",
                    "Chain to jump to",
                    now.jump_target.as_deref(),
                    plain(targets),
                    "",
                ),
            ]),
            fill.text("description", "Description", now.description.as_deref(), ""),
            fill.select("place", "It stands", Some(place), places, ""),
            fill.check("log", "Log its packets", now.log, ""),
            fill.check("disabled", "Switched off", now.disabled, ""),
        ],
    );
    let mut sets = vec![act];
    sets.extend(conditions(fill, &bench.known.root, Of::Firewall(chain.family), &now.matches));
    let about = fill.about();
    let (title, button) = match number {
        Some(number) => (rule_title(chain, number), "Review the change"),
        None => (format!("New rule of {}", chain_title(chain)), "Review the new rule"),
    };
    let here = chain_href(chain);
    let rule = number.and_then(|number| bench.rule(number).ok());
    let (mut facts, mut deeds, mut links) = (Vec::new(), Vec::new(), Vec::new());
    if let Some(rule) = rule {
        facts = beside(chain, rule).await;
        let toggle = if rule.disabled { ("on", "Switch it on") } else { ("off", "Switch it off") };
        let deed = |value: &str, label: &str, danger| Deed {
            value: value.to_owned(),
            label: label.to_owned(),
            danger,
        };
        deeds = vec![deed(toggle.0, toggle.1, false), deed("delete", "Delete the rule", true)];
        if rule.log {
            let href = super::names::log_href(&chain.rule_key(rule.number));
            links.push(Link { label: "Its log".to_owned(), href });
        }
        if ask.may(access::Permission::RouterChange) {
            links.push(Link {
                label: "Copy".to_owned(),
                href: format!("{here}/new?copy={}", rule.number),
            });
        }
    }
    FormPage {
        action: ask.query.bare().to_owned(),
        up: Link { label: chain_title(chain), href: here },
        shell: ask.router_shell(&title).await,
        title,
        lead: String::new(),
        about,
        facts,
        sets,
        button,
        deeds,
        links,
    }
}

fn rule_title(chain: &ChainId, number: u32) -> String {
    format!("Rule {number} of {}", chain_title(chain))
}

/// What is known of a rule beside what its form says.
async fn beside(chain: &ChainId, rule: &Rule) -> Vec<(String, String)> {
    let mut facts = Vec::new();
    let words = rule.matches.words();
    let is_for = if words.is_empty() { "every packet".to_owned() } else { words.join(" · ") };
    facts.push(("For".to_owned(), is_for));
    if let Ok(all) = counters::counters().await
        && let Some(counter) = all.rule(chain, rule.number)
    {
        let (packets, bytes) = counters::words(Some(counter));
        let hits = if counter.packets == 0 {
            "none since the firewall was loaded".to_owned()
        } else {
            format!("{packets} packets, {bytes} since the firewall was loaded")
        };
        facts.push(("Hits".to_owned(), hits));
    }
    let kept = rule.matches.other.iter().chain(&rule.matches.source.other);
    let kept = kept.chain(&rule.matches.destination.other).chain(&rule.other);
    for words in kept {
        facts.push(("Stays as it is".to_owned(), words.clone()));
    }
    facts
}
