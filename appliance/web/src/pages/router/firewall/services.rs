//! Ports of the router's own services: opened and closed by rules in a range of numbers of their
//! own, which are brought in line when a service's port changes or the service goes.

use axum::http::Method;
use axum::response::Response;
use vyos::config::Node;
use vyos::edit::{Draft, EditError, Place, RuleEdit};
use vyos::facts::{
    ChainFamily, ChainId, Firewall, Hook, Matches, Service, Side, firewall, services,
};

use super::conditions::{interface_names, read_interface};
use super::names::{chain_title, rule_href};
use super::{parts, words_of};
use crate::http::{Failure, Route, Routes};
use crate::pages::router::{CHANGE, LOOK, propose};
use crate::pages::{Ask, Form, done};
use crate::site::Site;
use crate::view::router::{OpeningsPage, ServicePortLine};
use crate::view::{Empty, Link, Tone};

const HERE: &str = "/router/firewall/services";
/// Numbers of these rules.
const FIRST: u32 = 9_000;
const LAST: u32 = 9_499;
/// What their descriptions begin with; the service's word follows.
const MARK: &str = "Service ";

pub(super) fn routes() -> Routes<Site> {
    Routes::new()
        .add(Route::new(Method::GET, HERE, LOOK, list, "Ports of services in the firewall"))
        .add(
            Route::new(Method::POST, HERE, CHANGE, act, "Plan to open or close a service's port")
                .patient(),
        )
}

/// A rule that opens a service's port.
struct Opening {
    service: String,
    chain: ChainId,
    number: u32,
    edit: RuleEdit,
}

fn chains() -> [ChainId; 2] {
    [ChainFamily::Ipv4, ChainFamily::Ipv6].map(|family| ChainId::base(family, Hook::Input))
}

fn openings(firewall: &Firewall) -> Vec<Opening> {
    let mut all = Vec::new();
    for id in chains() {
        let rules = firewall.chain(&id).map(|chain| chain.rules.as_slice()).unwrap_or_default();
        for rule in rules.iter().filter(|rule| (FIRST..=LAST).contains(&rule.number)) {
            let said = rule.description.as_deref().and_then(|said| said.strip_prefix(MARK));
            if let Some(service) = said {
                all.push(Opening {
                    service: service.to_owned(),
                    chain: id.clone(),
                    number: rule.number,
                    edit: RuleEdit::from(rule),
                });
            }
        }
    }
    all
}

/// Protocol and ports of a service; none where it has none or is off.
fn doors(service: &Service) -> Option<(String, String)> {
    let transport = service.transport.as_deref().filter(|_| service.enabled)?;
    // DNS answers long questions by TCP.
    let protocol = if service.name == "dns" { "tcp_udp" } else { transport };
    let ports: Vec<String> = service.ports.iter().map(ToString::to_string).collect();
    (!ports.is_empty()).then(|| (protocol.to_owned(), ports.join(",")))
}

/// Whether a rule opens just what the service has.
fn fits(opening: &Opening, doors: Option<&(String, String)>) -> bool {
    let matches = &opening.edit.matches;
    doors.is_some_and(|(protocol, ports)| {
        matches.protocol.as_deref() == Some(protocol)
            && matches.destination.port.as_deref() == Some(ports)
    })
}

async fn list(ask: Ask) -> Result<Response, Failure> {
    let root = ask.config("Ports of services").await?;
    let rows = rows(&root);
    let page = OpeningsPage {
        parts: parts(&ask),
        stale: rows.iter().any(|row| row.stale),
        empty: rows.is_empty().then(|| {
            Empty::new("lock", "No service with a port", "The router offers none by itself.")
        }),
        rows,
        interfaces: interface_names(&root),
        shell: ask.router_shell("Ports of services").await,
    };
    ask.page(&page)
}

fn rows(root: &Node) -> Vec<ServicePortLine> {
    let (firewall, services) = (firewall(root), services(root));
    let openings = openings(&firewall);
    let of = |name: &str| -> Vec<&Opening> {
        openings.iter().filter(|opening| opening.service == name).collect()
    };
    let words =
        |(protocol, ports): (String, String)| format!("{} {ports}", protocol.replace('_', " and "));
    let links = |found: &[&Opening]| -> Vec<Link> {
        let link = |opening: &&Opening| {
            let inbound = opening.edit.matches.inbound.as_ref();
            let from = inbound.map(|one| format!(", by {}", one.words())).unwrap_or_default();
            let label = format!("rule {} of {}{from}", opening.number, chain_title(&opening.chain));
            Link { label, href: rule_href(&opening.chain, opening.number) }
        };
        found.iter().map(link).collect()
    };
    let mut rows = Vec::new();
    for service in &services {
        let (doors, found) = (doors(service), of(&service.name));
        if doors.is_none() && found.is_empty() {
            continue;
        }
        let stale = found.iter().any(|opening| !fits(opening, doors.as_ref()));
        let (verdict, tone) = match (found.is_empty(), stale) {
            (true, _) => ("no rule of its own", Tone::Quiet),
            (false, true) => ("opens something else", Tone::Warn),
            (false, false) => ("open", Tone::Ok),
        };
        rows.push(ServicePortLine {
            name: service.name.clone(),
            label: service.label.clone(),
            ports: doors.map_or_else(|| "switched off".to_owned(), words),
            state: verdict,
            tone,
            rules: links(&found),
            stale,
        });
    }
    let gone = openings.iter().filter(|one| services.iter().all(|s| s.name != one.service));
    for opening in gone {
        if rows.iter().all(|row| row.name != opening.service) {
            rows.push(ServicePortLine {
                name: opening.service.clone(),
                label: opening.service.clone(),
                ports: "not configured any more".to_owned(),
                state: "opens something else",
                tone: Tone::Warn,
                rules: links(&of(&opening.service)),
                stale: true,
            });
        }
    }
    rows
}

/// The buttons: `open ssh` with an interface, `close ssh`, `follow`.
async fn act(ask: Ask, form: Form) -> Result<Response, Failure> {
    let known = ask.known("Ports of services").await?;
    let mut draft = known.draft();
    let (verb, name) = form.get("do").split_once(' ').unwrap_or((form.get("do"), ""));
    let (why, outcome) = match verb {
        "open" => {
            let inbound = form.get(&format!("inbound.{name}")).to_owned();
            (format!("Open the port of {name}"), open(&mut draft, &known.root, name, &inbound))
        }
        "close" => (format!("Close the port of {name}"), close(&mut draft, &known.root, name)),
        "follow" => {
            ("Bring rules in line with services".to_owned(), follow(&mut draft, &known.root))
        }
        _ => return Err(Failure::bad_request("Press one of the buttons.")),
    };
    match outcome {
        Ok(()) => propose(&ask, &Form::default(), HERE, why, draft.commands()).await,
        Err(error) => Ok(done(HERE, Tone::Warn, &words_of(&error))),
    }
}

fn open(draft: &mut Draft<'_>, root: &Node, name: &str, inbound: &str) -> Result<(), EditError> {
    let services = services(root);
    let service = services.iter().find(|service| service.name == name);
    let doors = service.and_then(doors);
    let (protocol, port) =
        doors.ok_or_else(|| EditError::of("service", "this service has no port, or is off"))?;
    let firewall = firewall(root);
    // A chain that is not configured lets everything in.
    let configured = chains().into_iter().filter(|id| firewall.chain(id).is_some());
    let mut any = false;
    for chain in configured {
        let rules = firewall.chain(&chain).map(|c| c.rules.as_slice()).unwrap_or_default();
        let free = (FIRST..=LAST).find(|number| rules.iter().all(|rule| rule.number != *number));
        let free = free.ok_or_else(|| EditError::of("place", "no number is free for it"))?;
        let destination = Side { port: Some(port.clone()), ..Side::default() };
        let edit = RuleEdit {
            action: "accept".to_owned(),
            description: Some(format!("{MARK}{name}")),
            matches: Matches {
                protocol: Some(protocol.clone()),
                inbound: read_interface(inbound),
                destination,
                ..Matches::default()
            },
            ..RuleEdit::default()
        };
        draft.add_rule(&chain, Place::Number(free), &edit)?;
        any = true;
    }
    if any {
        Ok(())
    } else {
        let message = "the input chains are not configured, so that every port is open already";
        Err(EditError::of("chain", message))
    }
}

fn close(draft: &mut Draft<'_>, root: &Node, name: &str) -> Result<(), EditError> {
    let all = openings(&firewall(root));
    let own: Vec<&Opening> = all.iter().filter(|opening| opening.service == name).collect();
    if own.is_empty() {
        return Err(EditError::of("service", "no rule of its own opens it"));
    }
    own.into_iter().try_for_each(|opening| draft.delete_rule(&opening.chain, opening.number))
}

/// Rules of services that moved move along; those of services that went, go.
fn follow(draft: &mut Draft<'_>, root: &Node) -> Result<(), EditError> {
    let services = services(root);
    for opening in openings(&firewall(root)) {
        let service = services.iter().find(|service| service.name == opening.service);
        let doors = service.and_then(doors);
        if fits(&opening, doors.as_ref()) {
            continue;
        }
        match doors {
            Some((protocol, port)) => {
                let mut edit = opening.edit;
                edit.matches.protocol = Some(protocol);
                edit.matches.destination.port = Some(port);
                draft.edit_rule(&opening.chain, opening.number, &edit)?;
            }
            None => draft.delete_rule(&opening.chain, opening.number)?,
        }
    }
    Ok(())
}
