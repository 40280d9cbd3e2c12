//! NAT: port forwards with what the firewall does with them, and all other rules.

mod forward;
mod rule;

use std::net::IpAddr;

use axum::http::Method;
use axum::response::Response;
use vyos::edit::{EditError, Place};
use vyos::facts::{
    ChainFamily, ChainId, Hook, Nat, NatRule, NatTable, Passage, PortForward, RuleRef, firewall,
    interfaces, nat, port_forwards,
};
use vyos::runtime::Counters;

use super::firewall::{chain_href, chain_title, log_href, rule_href, rule_label, words_of};
use super::{CHANGE, LOOK, counters, propose};
use crate::http::{Failure, Route, Routes};
use crate::pages::{Ask, Form, done};
use crate::site::Site;
use crate::view::router::{ForwardLine, NatLine, NatList, NatPage};
use crate::view::{Empty, Link, Tone};

const HERE: &str = "/router/nat";

pub(super) fn routes() -> Routes<Site> {
    Routes::new()
        .add(Route::new(Method::GET, HERE, LOOK, list, "The router's NAT and port forwards"))
        .add(
            Route::new(
                Method::POST,
                HERE,
                CHANGE,
                act,
                "Plan to move, switch or let in a NAT rule",
            )
            .patient(),
        )
        .merge(forward::routes())
        .merge(rule::routes())
}

/// A table as a part of an address.
const fn word(table: NatTable) -> &'static str {
    match table {
        NatTable::Destination => "destination",
        NatTable::Source => "source",
        NatTable::Static => "static",
        NatTable::Destination66 => "destination66",
        NatTable::Source66 => "source66",
    }
}

fn table_of(text: &str) -> Option<NatTable> {
    NatTable::ALL.into_iter().find(|table| word(*table) == text)
}

const fn title(table: NatTable) -> &'static str {
    match table {
        NatTable::Destination => "Destination NAT",
        NatTable::Source => "Source NAT",
        NatTable::Static => "Static NAT",
        NatTable::Destination66 => "Destination NAT of IPv6",
        NatTable::Source66 => "Source NAT of IPv6",
    }
}

fn href(table: NatTable, number: u32) -> String {
    format!("{HERE}/{}/{number}", word(table))
}

async fn list(ask: Ask) -> Result<Response, Failure> {
    let root = ask.config("NAT").await?;
    let (nat, firewall) = (nat(&root), firewall(&root));
    let look = counters::counters().await;
    let counters = look.as_deref().ok();
    let forwards = port_forwards(&nat, &firewall, &interfaces(&root));
    let forwards: Vec<ForwardLine> = nat
        .of(NatTable::Destination)
        .filter(|rule| is_forward(rule, &forwards))
        .map(|rule| {
            let found = forwards.iter().find(|forward| forward.number == rule.number);
            forward_line(&ask, rule, found, counters)
        })
        .collect();
    let lists: Vec<NatList> = NatTable::ALL
        .into_iter()
        .map(|table| NatList {
            word: word(table),
            title: title(table),
            rules: lines(&nat, table, &forwards, counters),
        })
        .filter(|list| !list.rules.is_empty())
        .collect();
    let empty = (forwards.is_empty() && lists.is_empty()).then(|| {
        let empty = Empty::new(
            "network",
            "No NAT",
            "No address is changed on its way: hosts inside are not hidden behind the router, and \
             nothing from outside is sent on to them.",
        );
        if ask.may(access::Permission::RouterChange) {
            empty.with_action("Make a port forward", "/router/nat/forward/new")
        } else {
            empty
        }
    });
    let page = NatPage {
        missing: look.as_ref().err().cloned().into_iter().collect(),
        counted: counters.is_some(),
        forwards,
        lists,
        other: nat.other.clone(),
        empty,
        shell: ask.router_shell("NAT").await,
    };
    ask.page(&page)
}

/// What goes to one host, also while it is switched off.
fn is_forward(rule: &NatRule, forwards: &[PortForward]) -> bool {
    let host = || rule.translation.address.as_deref().and_then(|a| a.parse::<IpAddr>().ok());
    forwards.iter().any(|forward| forward.number == rule.number)
        || (rule.disabled && !rule.exclude && host().is_some())
}

fn lines(
    nat: &Nat,
    table: NatTable,
    forwards: &[ForwardLine],
    counters: Option<&Counters>,
) -> Vec<NatLine> {
    let all: Vec<&NatRule> = nat.of(table).collect();
    let last = all.len();
    let shown_above = |rule: &NatRule| {
        table == NatTable::Destination && forwards.iter().any(|f| f.number == rule.number)
    };
    let line = |(at, rule): (usize, &&NatRule)| {
        let counter = counters.and_then(|all| all.get(&table.rule_key(rule.number)));
        let (hits, _) = counters::words(counter);
        let mut words = rule.matches.words();
        words.extend(rule.other.iter().cloned());
        NatLine {
            href: href(table, rule.number),
            number: rule.number,
            description: rule.description.clone().unwrap_or_default(),
            words,
            becomes: becomes(rule),
            hits,
            never: !rule.disabled && counter.is_some_and(|counter| counter.packets == 0),
            log: if rule.log { log_href(&table.rule_key(rule.number)) } else { String::new() },
            off: rule.disabled,
            up: at > 0,
            down: at + 1 < last,
        }
    };
    all.iter().enumerate().filter(|(_, rule)| !shown_above(rule)).map(line).collect()
}

/// What becomes of a rule's packets.
fn becomes(rule: &NatRule) -> String {
    if rule.exclude {
        return "stays as it is (excluded)".to_owned();
    }
    let to = &rule.translation;
    let mut words = Vec::new();
    match to.address.as_deref() {
        Some("masquerade") => words.push("the address of the interface".to_owned()),
        Some(address) => words.push(address.to_owned()),
        None => {}
    }
    words.extend(to.port.iter().map(|port| format!("port {port}")));
    words.extend(to.redirect_port.iter().map(|port| format!("the router's own port {port}")));
    let backends = rule.backends.iter().map(|backend| match backend.weight {
        Some(weight) => format!("{} ({weight} %)", backend.address),
        None => backend.address.clone(),
    });
    words.extend(backends);
    words.extend(to.other.iter().cloned());
    if words.is_empty() { "nothing".to_owned() } else { words.join(", ") }
}

fn forward_line(
    ask: &Ask,
    rule: &NatRule,
    forward: Option<&PortForward>,
    counters: Option<&Counters>,
) -> ForwardLine {
    let mut from: Vec<String> = Vec::new();
    from.extend(rule.matches.protocol.as_ref().map(|p| p.replace('_', " and ")));
    let destination = &rule.matches.destination;
    from.extend(destination.port.as_ref().map(|port| format!("port {port}")));
    from.extend(destination.address.as_ref().map(|address| format!("to {address}")));
    from.extend(rule.matches.inbound.as_ref().map(|one| format!("by {}", one.words())));
    from.extend(rule.matches.source.words().into_iter().map(|words| format!("from {words}")));
    let host = rule.translation.address.clone().unwrap_or_default();
    let to = match &rule.translation.port {
        Some(port) => format!("{host}:{port}"),
        None => host.clone(),
    };
    let device = host.parse().ok().and_then(|address| {
        let id = ask.site.discovery.by_ip(address)?;
        let label = ask.site.discovery.with(id, discovery::Device::name)?;
        Some(Link { label, href: format!("/devices/{id}") })
    });
    let counter = counters.and_then(|all| all.get(&NatTable::Destination.rule_key(rule.number)));
    let (passage, tone, link) = match forward {
        Some(forward) => passage(&forward.firewall),
        None => ("switched off".to_owned(), Tone::Quiet, None),
    };
    let offer = forward.is_some_and(|forward| {
        let kept_out =
            Passage::DroppedByDefault { chain: ChainId::base(ChainFamily::Ipv4, Hook::Forward) };
        forward.firewall == kept_out || matches!(forward.firewall, Passage::Dropped { .. })
    });
    let hairpin = forward.map(|forward| match &forward.hairpin {
        None => "not from inside".to_owned(),
        Some(hairpin) => match hairpin.source_rule {
            Some(_) => "works".to_owned(),
            None => "other networks only".to_owned(),
        },
    });
    ForwardLine {
        href: href(NatTable::Destination, rule.number),
        number: rule.number,
        description: rule.description.clone().unwrap_or_default(),
        from: from.join(" "),
        to,
        device,
        passage,
        tone,
        rule: link,
        offer,
        hairpin: hairpin.unwrap_or_default(),
        hits: counters::words(counter).0,
        off: rule.disabled,
    }
}

/// What the firewall does with a port forward: words, colour, and the rule that does.
fn passage(passage: &Passage) -> (String, Tone, Option<Link>) {
    let rule = |by: &RuleRef| {
        let label = rule_label(&by.chain, by.number);
        Some(Link { label, href: rule_href(&by.chain, by.number) })
    };
    match passage {
        Passage::Accepted { by } => ("lets it in:".to_owned(), Tone::Ok, rule(by)),
        Passage::AcceptedByDefault => ("lets it in, as all else".to_owned(), Tone::Ok, None),
        Passage::Dropped { by } => ("keeps it out:".to_owned(), Tone::Bad, rule(by)),
        Passage::DroppedByDefault { chain } => {
            let link = Link { label: chain_title(chain), href: chain_href(chain) };
            ("not let in: no rule in".to_owned(), Tone::Bad, Some(link))
        }
        Passage::DroppedByZone { from, to } => (
            format!("not let in: no chain from zone {from} to {to}"),
            Tone::Bad,
            Some(Link { label: "zones".to_owned(), href: "/router/firewall/zones".to_owned() }),
        ),
        Passage::Depends { on } => ("depends on the sender:".to_owned(), Tone::Warn, rule(on)),
    }
}

/// The buttons of rules: `up source 100`, `off destination 20`, `let-in destination 20`.
async fn act(ask: Ask, form: Form) -> Result<Response, Failure> {
    let known = ask.known("NAT").await?;
    let words: Vec<&str> = form.get("do").split(' ').collect();
    let odd = || Failure::bad_request("Press one of the buttons.");
    let [verb, table, number] = words.as_slice() else { return Err(odd()) };
    let table = table_of(table).ok_or_else(odd)?;
    let number: u32 = number.parse().map_err(|_| odd())?;
    let nat = nat(&known.root);
    let numbers: Vec<u32> = nat.of(table).map(|rule| rule.number).collect();
    let at = numbers.iter().position(|one| *one == number);
    let at =
        at.ok_or_else(|| Failure::not_found("There is no such rule, or it is gone by now."))?;
    let neighbour = |at: Option<usize>| at.and_then(|at| numbers.get(at)).copied();
    let mut draft = known.draft();
    let no_way = |text: &str| Err(EditError::of("place", text));
    let (words, outcome) = match *verb {
        "up" => (
            "Move up",
            match neighbour(at.checked_sub(1)) {
                Some(other) => draft.move_nat_rule(table, number, Place::Before(other)).map(drop),
                None => no_way("it is the first already"),
            },
        ),
        "down" => (
            "Move down",
            match neighbour(at.checked_add(1)) {
                Some(other) => draft.move_nat_rule(table, number, Place::After(other)).map(drop),
                None => no_way("it is the last already"),
            },
        ),
        "on" => ("Switch on", draft.enable_nat_rule(table, number, true)),
        "off" => ("Switch off", draft.enable_nat_rule(table, number, false)),
        "let-in" if table == NatTable::Destination => {
            ("Let in through the firewall", forward::let_in(&mut draft, &known.root, number))
        }
        _ => return Err(odd()),
    };
    match outcome {
        Ok(()) => {
            let why = format!("{words}: rule {number} of {}", title(table));
            propose(&ask, &Form::default(), HERE, why, draft.commands()).await
        }
        Err(error) => Ok(done(HERE, Tone::Warn, &words_of(&error))),
    }
}
