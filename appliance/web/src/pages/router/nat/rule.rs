//! The form of a NAT rule of any list.

use axum::extract::Path;
use axum::http::Method;
use axum::response::Response;
use vyos::config::Node;
use vyos::edit::{EditError, NatRuleEdit};
use vyos::facts::nat::Translation;
use vyos::facts::{NatRule, NatTable, firewall, interfaces, nat, port_forwards};

use super::{HERE, href, passage, table_of, title, word};
use crate::http::{Failure, Route, Routes};
use crate::pages::router::fill::{Fill, Known, some};
use crate::pages::router::firewall::{Of, conditions, place_of, places, read_conditions, words_of};
use crate::pages::router::{CHANGE, LOOK, counters, propose};
use crate::pages::{Ask, Form, done};
use crate::site::Site;
use crate::view::router::{Control, Deed, Fieldset, FormPage};
use crate::view::{Link, Tone};

pub(super) fn routes() -> Routes<Site> {
    let (new, one) = ("/router/nat/{table}/new", "/router/nat/{table}/{number}");
    Routes::new()
        .add(Route::new(Method::GET, new, CHANGE, new_page, "A form for a new NAT rule").query(
            "copy",
            "integer",
            "The rule to start from.",
        ))
        .add(Route::new(Method::POST, new, CHANGE, create, "Plan a new NAT rule").patient())
        .add(Route::new(Method::GET, one, LOOK, show, "A NAT rule"))
        .add(Route::new(Method::POST, one, CHANGE, edit, "Plan a change of a NAT rule").patient())
}

/// What conditions rules of a list have.
fn of(table: NatTable) -> Of {
    Of::Nat {
        is_ipv6: matches!(table, NatTable::Source66 | NatTable::Destination66),
        is_inbound: table.is_inbound(),
    }
}

fn table_at(text: &str) -> Result<NatTable, Failure> {
    table_of(text).ok_or_else(|| Failure::not_found("There is no such list of NAT rules."))
}

fn rule_at(root: &Node, table: NatTable, number: u32) -> Result<NatRule, Failure> {
    let rule = nat(root).rule(table, number).cloned();
    rule.ok_or_else(|| Failure::not_found("There is no such rule, or it is gone by now."))
}

async fn new_page(ask: Ask, Path(table): Path<String>) -> Result<Response, Failure> {
    let table = table_at(&table)?;
    let known = ask.known("New NAT rule").await?;
    let copied = ask.query.get("copy").and_then(|number| number.parse().ok());
    let start = copied.and_then(|number| rule_at(&known.root, table, number).ok());
    let mut start = start.as_ref().map(NatRuleEdit::from).unwrap_or_default();
    if copied.is_none() && matches!(table, NatTable::Source | NatTable::Source66) {
        start.translation.address = Some("masquerade".to_owned());
    }
    let page = form_of(&ask, &known, table, None, &start, &Fill::of(&ask)).await;
    ask.page(&page)
}

async fn create(ask: Ask, Path(table): Path<String>, form: Form) -> Result<Response, Failure> {
    let table = table_at(&table)?;
    let known = ask.known("New NAT rule").await?;
    let edit = read(&form, table, &NatRuleEdit::default());
    let mut draft = known.draft();
    let made = place_of(&form, "place")
        .and_then(|place| draft.add_nat_rule(table, place.unwrap_or_default(), &edit));
    match made {
        Ok(number) => {
            let from = format!("{HERE}/{}/new", word(table));
            let why = why("New", table, number, edit.description.as_deref());
            propose(&ask, &form, &from, why, draft.commands()).await
        }
        Err(error) => {
            let fill = Fill::sent(&form, &error);
            let page = form_of(&ask, &known, table, None, &edit, &fill).await;
            ask.refused(&page)
        }
    }
}

async fn show(ask: Ask, Path((table, number)): Path<(String, u32)>) -> Result<Response, Failure> {
    let table = table_at(&table)?;
    let known = ask.known("NAT rule").await?;
    let rule = rule_at(&known.root, table, number)?;
    let start = NatRuleEdit::from(&rule);
    let page = form_of(&ask, &known, table, Some(&rule), &start, &Fill::of(&ask)).await;
    ask.page(&page)
}

async fn edit(
    ask: Ask,
    Path((table, number)): Path<(String, u32)>,
    form: Form,
) -> Result<Response, Failure> {
    let table = table_at(&table)?;
    let known = ask.known("NAT rule").await?;
    let rule = rule_at(&known.root, table, number)?;
    let was = NatRuleEdit::from(&rule);
    let mut draft = known.draft();
    let (verb, outcome) = match form.get("do") {
        "delete" => ("Delete", draft.delete_nat_rule(table, number)),
        "on" => ("Switch on", draft.enable_nat_rule(table, number, true)),
        "off" => ("Switch off", draft.enable_nat_rule(table, number, false)),
        _ => {
            let change = |draft: &mut vyos::edit::Draft<'_>| -> Result<(), EditError> {
                let place = place_of(&form, "place")?;
                draft.edit_nat_rule(table, number, &read(&form, table, &was))?;
                if let Some(place) = place {
                    draft.move_nat_rule(table, number, place)?;
                }
                Ok(())
            };
            ("Change", change(&mut draft))
        }
    };
    match outcome {
        Ok(()) => {
            let from = if verb == "Change" { href(table, number) } else { HERE.to_owned() };
            let why = why(verb, table, number, rule.description.as_deref());
            // A button has nothing to correct.
            let form = if verb == "Change" { form } else { Form::default() };
            propose(&ask, &form, &from, why, draft.commands()).await
        }
        Err(error) if verb != "Change" => Ok(done(HERE, Tone::Warn, &words_of(&error))),
        Err(error) => {
            let fill = Fill::sent(&form, &error);
            let page = form_of(&ask, &known, table, Some(&rule), &was, &fill).await;
            ask.refused(&page)
        }
    }
}

fn why(verb: &str, table: NatTable, number: u32, said: Option<&str>) -> String {
    let said = said.map(|said| format!(": {said}")).unwrap_or_default();
    format!("{verb} rule {number} of {}{said}", title(table))
}

fn read(form: &Form, table: NatTable, was: &NatRuleEdit) -> NatRuleEdit {
    NatRuleEdit {
        description: some(form, "description"),
        disabled: form.ticked("disabled"),
        exclude: form.ticked("exclude"),
        log: form.ticked("log"),
        matches: read_conditions(form, of(table), &was.matches),
        translation: Translation {
            address: some(form, "translation.address"),
            port: some(form, "translation.port"),
            redirect_port: some(form, "translation.redirect_port"),
            other: was.translation.other.clone(),
        },
    }
}

async fn form_of(
    ask: &Ask,
    known: &Known,
    table: NatTable,
    rule: Option<&NatRule>,
    now: &NatRuleEdit,
    fill: &Fill<'_>,
) -> FormPage {
    let number = rule.map(|rule| rule.number);
    let all = nat(&known.root);
    let list: Vec<&NatRule> = all.of(table).collect();
    let places = places(list.iter().map(|r| (r.number, r.description.as_deref())), number);
    let to = &now.translation;
    let is_source = matches!(table, NatTable::Source | NatTable::Source66);
    let suggestions = if is_source { vec!["masquerade".to_owned()] } else { Vec::new() };
    let hint = if is_source {
        "masquerade: the address of the interface that they go out by."
    } else {
        "An address of the same family."
    };
    let mut becomes = vec![Control::Pair(vec![
        fill.suggest("translation.address", "Address", to.address.as_deref(), &suggestions, hint),
        fill.text("translation.port", "Port", to.port.as_deref(), "Empty: stays as it is."),
    ])];
    if table == NatTable::Destination {
        becomes.push(fill.text(
            "translation.redirect_port",
            "or a port of the router itself",
            to.redirect_port.as_deref(),
            "",
        ));
    }
    becomes.push(fill.check(
        "exclude",
        "Leave them as they are",
        now.exclude,
        "And no later rule.",
    ));
    let place = if number.is_some() { "" } else { "last" };
    let about_it = Fieldset::new(
        "About it",
        [
            fill.text("description", "Description", now.description.as_deref(), ""),
            fill.select("place", "It stands", Some(place), places, ""),
            fill.check("log", "Log its packets", now.log, ""),
            fill.check("disabled", "Switched off", now.disabled, ""),
        ],
    );
    let label = if is_source { "Sources become" } else { "Destinations become" };
    let mut sets = vec![about_it];
    sets.extend(conditions(fill, &known.root, of(table), &now.matches));
    sets.push(Fieldset::new(label, becomes));
    let about = fill.about();
    let (mut facts, mut deeds, mut links) = (Vec::new(), Vec::new(), Vec::new());
    if let Some(rule) = rule {
        facts = beside(known, rule).await;
        let deed = |value: &str, label: &str, danger| Deed {
            value: value.to_owned(),
            label: label.to_owned(),
            danger,
        };
        let toggle = if rule.disabled { ("on", "Switch it on") } else { ("off", "Switch it off") };
        deeds = vec![deed(toggle.0, toggle.1, false), deed("delete", "Delete the rule", true)];
        if ask.may(access::Permission::RouterChange) {
            let href = format!("{HERE}/{}/new?copy={}", word(table), rule.number);
            links.push(Link { label: "Copy".to_owned(), href });
        }
    }
    let title = match number {
        Some(number) => format!("Rule {number} of {}", title(table)),
        None => format!("New rule of {}", title(table)),
    };
    FormPage {
        action: ask.query.bare().to_owned(),
        up: Link { label: "NAT".to_owned(), href: HERE.to_owned() },
        lead: String::new(),
        about,
        facts,
        sets,
        button: if number.is_some() { "Review the change" } else { "Review the new rule" },
        deeds,
        links,
        shell: ask.router_shell(&title).await,
        title,
    }
}

/// What is known of a rule beside what its form says.
async fn beside(known: &Known, rule: &NatRule) -> Vec<(String, String)> {
    let mut facts = vec![("Becomes".to_owned(), super::becomes(rule))];
    if rule.table == NatTable::Destination {
        let root = &known.root;
        let forwards = port_forwards(&nat(root), &firewall(root), &interfaces(root));
        if let Some(forward) = forwards.iter().find(|forward| forward.number == rule.number) {
            let (words, _, link) = passage(&forward.firewall);
            let rule = link.map(|link| format!(" {}", link.label)).unwrap_or_default();
            facts.push(("The firewall".to_owned(), format!("{words}{rule}")));
        }
    }
    if let Ok(all) = counters::counters().await
        && let Some(counter) = all.get(&rule.table.rule_key(rule.number))
    {
        let (packets, _) = counters::words(Some(counter));
        facts.push(("Hits".to_owned(), format!("{packets} since it was loaded")));
    }
    let sides = rule.matches.source.other.iter().chain(&rule.matches.destination.other);
    let kept = rule.matches.other.iter().chain(&rule.translation.other).chain(&rule.other);
    for words in kept.chain(sides) {
        facts.push(("Stays as it is".to_owned(), words.clone()));
    }
    facts
}
