//! A chain: its page, what its rules' buttons do, its own settings; chains with names made and
//! deleted.

use axum::extract::Path;
use axum::http::Method;
use axum::response::Response;
use vyos::edit::{ChainEdit, EditError, Place};
use vyos::facts::{Chain, ChainFamily, ChainId, Hook, firewall};

use super::names::{chain_href, chain_title, rule_label};
use super::rule::chain_at;
use super::{Show, card};
use crate::http::{Failure, Route, Routes};
use crate::pages::errors::sentence;
use crate::pages::router::fill::{Fill, plain, some};
use crate::pages::router::{CHANGE, LOOK, counters, propose};
use crate::pages::{Ask, Form, back};
use crate::site::Site;
use crate::view::router::{Control, Deed, Fieldset, FirewallPage, FormPage};
use crate::view::{Link, Tone};

pub(super) fn routes() -> Routes<Site> {
    let (get, post) = (Method::GET, Method::POST);
    let one = "/router/firewall/{family}/{hook}/{chain}";
    let settings = "/router/firewall/{family}/{hook}/{chain}/settings";
    let new = "/router/firewall/chains/new";
    Routes::new()
        .add(Route::new(get.clone(), one, LOOK, show, "A chain of the firewall").query(
            "unused",
            "boolean",
            "Only rules that no packet has met.",
        ))
        .add(Route::new(post.clone(), one, CHANGE, act, "Plan to move or switch a rule").patient())
        .add(Route::new(get.clone(), settings, LOOK, settings_page, "Settings of a chain"))
        .add(
            Route::new(post.clone(), settings, CHANGE, set, "Plan to change or delete a chain")
                .patient(),
        )
        .add(Route::new(get, new, CHANGE, new_page, "A form for a new chain"))
        .add(Route::new(post, new, CHANGE, create, "Plan a new chain").patient())
}

type ChainPath = Path<(String, String, String)>;

async fn show(ask: Ask, Path((family, hook, name)): ChainPath) -> Result<Response, Failure> {
    let id = chain_at(&family, &hook, &name)?;
    let title = chain_title(&id);
    let root = ask.config(&title).await?;
    let firewall = firewall(&root);
    let chain = firewall.chain(&id);
    let chain = chain.ok_or_else(|| Failure::not_found("There is no such chain."))?;
    let look = counters::counters().await;
    let shown = Show::of(&ask.query, look.as_deref().ok());
    let page = FirewallPage {
        parts: Vec::new(),
        missing: look.as_ref().err().cloned().into_iter().collect(),
        unused: shown.filter(&ask.query, std::slice::from_ref(chain)),
        chains: vec![card(chain, &shown, true)],
        is_whole: false,
        global: Vec::new(),
        flowtables: Vec::new(),
        other: Vec::new(),
        empty: None,
        shell: ask.router_shell(&title).await,
        title,
    };
    ask.page(&page)
}

/// The buttons of a chain's rules: `up 10`, `down 10`, `on 10`, `off 10`.
async fn act(
    ask: Ask,
    Path((family, hook, name)): ChainPath,
    form: Form,
) -> Result<Response, Failure> {
    let id = chain_at(&family, &hook, &name)?;
    let known = ask.known(&chain_title(&id)).await?;
    let here = chain_href(&id);
    let firewall = firewall(&known.root);
    let rules = firewall.chain(&id).map(|chain| chain.rules.as_slice()).unwrap_or_default();
    let deed = form.get("do").split_once(' ');
    let deed = deed.and_then(|(verb, number)| Some((verb, number.parse::<u32>().ok()?)));
    let (verb, number) = deed.ok_or_else(|| Failure::bad_request("Press one of the buttons."))?;
    let at = rules.iter().position(|rule| rule.number == number);
    let at =
        at.ok_or_else(|| Failure::not_found("There is no such rule, or it is gone by now."))?;
    let neighbour = |at: Option<usize>| at.and_then(|at| rules.get(at)).map(|rule| rule.number);
    let mut draft = known.draft();
    let (words, done) = match verb {
        "up" => match neighbour(at.checked_sub(1)) {
            Some(other) => {
                ("Move up", draft.move_rule(&id, number, Place::Before(other)).map(drop))
            }
            None => ("Move up", Err(EditError::of("place", "it is the first already"))),
        },
        "down" => match neighbour(at.checked_add(1)) {
            Some(other) => {
                ("Move down", draft.move_rule(&id, number, Place::After(other)).map(drop))
            }
            None => ("Move down", Err(EditError::of("place", "it is the last already"))),
        },
        "on" => ("Switch on", draft.enable_rule(&id, number, true)),
        "off" => ("Switch off", draft.enable_rule(&id, number, false)),
        _ => return Err(Failure::bad_request("Press one of the buttons.")),
    };
    match done {
        Ok(()) => {
            let why = format!("{words} {}", rule_label(&id, number));
            let from = form.back().unwrap_or(&here);
            propose(&ask, &Form::default(), from, why, draft.commands()).await
        }
        Err(error) => Ok(back(&form, &here, Tone::Warn, &words_of(&error))),
    }
}

/// What is wrong, without the names of fields.
pub(in crate::pages::router) fn words_of(error: &EditError) -> String {
    let said: Vec<String> = error.fields.iter().map(|field| sentence(&field.message)).collect();
    said.join(" ")
}

async fn settings_page(
    ask: Ask,
    Path((family, hook, name)): ChainPath,
) -> Result<Response, Failure> {
    let id = chain_at(&family, &hook, &name)?;
    let root = ask.config(&chain_title(&id)).await?;
    let all = firewall(&root).chains;
    let found = all.iter().any(|chain| chain.id == id);
    if !found && id.hook == Hook::Name {
        return Err(Failure::not_found("There is no such chain."));
    }
    let page = form_of(&ask, Some(&id), &all, &Fill::of(&ask)).await;
    ask.page(&page)
}

async fn set(
    ask: Ask,
    Path((family, hook, name)): ChainPath,
    form: Form,
) -> Result<Response, Failure> {
    let id = chain_at(&family, &hook, &name)?;
    let known = ask.known(&chain_title(&id)).await?;
    let mut draft = known.draft();
    let deletes = form.get("do") == "delete";
    let (verb, done) = if deletes {
        ("Delete", draft.delete_chain(&id))
    } else {
        ("Change", draft.set_chain(&id, &read(&form)))
    };
    match done {
        Ok(()) => {
            let settings = format!("{}/settings", chain_href(&id));
            let from = if deletes { "/router/firewall" } else { &settings };
            let why = format!("{verb} the chain {}", chain_title(&id));
            // A button has nothing to correct.
            let form = if deletes { Form::default() } else { form };
            propose(&ask, &form, from, why, draft.commands()).await
        }
        Err(error) if deletes => Ok(back(&form, &chain_href(&id), Tone::Warn, &words_of(&error))),
        Err(error) => {
            let all = firewall(&known.root).chains;
            let page = form_of(&ask, Some(&id), &all, &Fill::sent(&form, &error)).await;
            ask.refused(&page)
        }
    }
}

async fn new_page(ask: Ask) -> Result<Response, Failure> {
    let root = ask.config("New chain").await?;
    let page = form_of(&ask, None, &firewall(&root).chains, &Fill::of(&ask)).await;
    ask.page(&page)
}

async fn create(ask: Ask, form: Form) -> Result<Response, Failure> {
    let known = ask.known("New chain").await?;
    let all = firewall(&known.root).chains;
    let family = ChainFamily::ALL.into_iter().find(|family| family.word() == form.get("family"));
    let mut draft = known.draft();
    let made = family.ok_or_else(|| EditError::of("family", "choose one")).and_then(|family| {
        let id = ChainId::named(family, form.get("name"));
        if all.iter().any(|chain| chain.id == id) {
            return Err(EditError::of("name", "there is a chain of this name already"));
        }
        draft.set_chain(&id, &read(&form))?;
        Ok(id)
    });
    match made {
        Ok(id) => {
            let why = format!("New chain {}", chain_title(&id));
            propose(&ask, &form, "/router/firewall/chains/new", why, draft.commands()).await
        }
        Err(error) => {
            let page = form_of(&ask, None, &all, &Fill::sent(&form, &error)).await;
            ask.refused(&page)
        }
    }
}

fn read(form: &Form) -> ChainEdit {
    ChainEdit {
        default_action: some(form, "default_action"),
        default_jump_target: some(form, "default_jump_target"),
        default_log: form.ticked("default_log"),
        description: some(form, "description"),
    }
}

async fn form_of(ask: &Ask, id: Option<&ChainId>, all: &[Chain], fill: &Fill<'_>) -> FormPage {
    let found = id.and_then(|id| all.iter().find(|chain| chain.id == *id));
    let now = found.map(ChainEdit::from).unwrap_or_default();
    let named = id.is_none_or(|id| id.hook == Hook::Name);
    let usual = if named { ("", "drop, as is usual") } else { ("", "accept, as is usual") };
    let words: &[(&str, &str)] = if named {
        &[
            ("drop", "drop"),
            ("accept", "accept"),
            ("reject", "reject"),
            ("return", "return: the chain before decides"),
            ("continue", "continue"),
            ("jump", "jump: another chain decides"),
        ]
    } else {
        &[("accept", "accept"), ("drop", "drop")]
    };
    let actions = std::iter::once(&usual).chain(words);
    let actions = actions.map(|(value, label)| ((*value).to_owned(), (*label).to_owned()));
    let mut controls = Vec::new();
    if id.is_none() {
        let families = [("ipv4", "IPv4"), ("ipv6", "IPv6"), ("bridge", "Bridge")];
        controls.push(Control::Pair(vec![
            fill.text("name", "Name", None, "Letters, digits, - and _."),
            fill.select(
                "family",
                "For packets of",
                None,
                families.map(|(value, label)| (value.to_owned(), label.to_owned())),
                "",
            ),
        ]));
    }
    controls.push(fill.select(
        "default_action",
        "What no rule decides on",
        now.default_action.as_deref(),
        actions,
        "",
    ));
    if named {
        let targets = all.iter().filter(|chain| {
            chain.id.hook == Hook::Name
                && id.is_none_or(|id| chain.id != *id && chain.id.family == id.family)
        });
        let choices = std::iter::once("").chain(targets.map(|chain| chain.id.name.as_str()));
        controls.push(fill.select(
            "default_jump_target",
            "Chain to jump to",
            now.default_jump_target.as_deref(),
            plain(choices),
            "Only with jump.",
        ));
    }
    controls.push(fill.text("description", "Description", now.description.as_deref(), ""));
    controls.push(fill.check("default_log", "Log what no rule decides on", now.default_log, ""));
    let error = fill.error("chain");
    let about = [error, fill.about()].into_iter().filter(|text| !text.is_empty());
    let about = about.collect::<Vec<_>>().join("\n");
    let title = id.map_or_else(|| "New chain".to_owned(), chain_title);
    let up = match found {
        Some(chain) => Link { label: chain_title(&chain.id), href: chain_href(&chain.id) },
        None => Link { label: "Firewall".to_owned(), href: "/router/firewall".to_owned() },
    };
    let mut facts = Vec::new();
    if let Some(chain) = found {
        if !chain.used_by.is_empty() {
            facts.push(("Used by".to_owned(), chain.used_by.join(", ")));
        }
        facts.extend(chain.other.iter().map(|o| ("Stays as it is".to_owned(), o.clone())));
    }
    let deletable = found.is_some_and(|chain| chain.id.hook == Hook::Name);
    FormPage {
        action: ask.query.bare().to_owned(),
        up,
        shell: ask.router_shell(&title).await,
        title,
        lead: String::new(),
        about,
        facts,
        sets: vec![Fieldset::new("", controls)],
        button: "Review",
        deeds: if deletable {
            vec![Deed {
                value: "delete".to_owned(),
                label: "Delete the chain".to_owned(),
                danger: true,
            }]
        } else {
            Vec::new()
        },
        links: Vec::new(),
    }
}
