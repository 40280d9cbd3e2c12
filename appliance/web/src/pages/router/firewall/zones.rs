//! Zones: what may pass from one to another, as a matrix; zones made, changed and deleted.

use axum::extract::Path;
use axum::http::Method;
use axum::response::Response;
use vyos::edit::{EditError, ZoneEdit, ZoneFromEdit};
use vyos::facts::{
    ChainFamily, ChainId, Firewall, Hook, Zone, ZoneCell, ZoneMatrix, firewall, interfaces,
};

use super::chain::words_of;
use super::names::{chain_href, segment, verdict_tone};
use super::parts;
use crate::http::{Failure, Route, Routes};
use crate::pages::router::fill::{Fill, Known, all_ticked, plain, some};
use crate::pages::router::{CHANGE, LOOK, propose};
use crate::pages::{Ask, Form, back};
use crate::site::Site;
use crate::view::router::{Control, Deed, Fieldset, FormPage, ZoneLine, ZoneWay, ZonesPage};
use crate::view::{Empty, Link, Tone};

const HERE: &str = "/router/firewall/zones";

pub(super) fn routes() -> Routes<Site> {
    let (get, post) = (Method::GET, Method::POST);
    let (new, one) = ("/router/firewall/zones/new", "/router/firewall/zones/{zone}");
    Routes::new()
        .add(Route::new(get.clone(), HERE, LOOK, list, "Zones of the firewall"))
        .add(Route::new(get.clone(), new, CHANGE, new_page, "A form for a new zone"))
        .add(Route::new(post.clone(), new, CHANGE, create, "Plan a new zone").patient())
        .add(Route::new(get, one, LOOK, show, "A zone of the firewall"))
        .add(Route::new(post, one, CHANGE, edit, "Plan to change or delete a zone").patient())
}

async fn list(ask: Ask) -> Result<Response, Failure> {
    let root = ask.config("Zones").await?;
    let firewall = firewall(&root);
    let matrix = ZoneMatrix::of(&firewall.zones);
    let rows = matrix.zones.iter().zip(&matrix.cells).map(|(from, cells)| {
        let to = matrix.zones.iter().zip(cells);
        (from.clone(), to.map(|(to, cell)| way(cell, from == to)).collect())
    });
    let page = ZonesPage {
        parts: parts(&ask),
        zones: firewall.zones.iter().map(line).collect(),
        rows: rows.collect(),
        empty: firewall.zones.is_empty().then(|| {
            let empty = Empty::new(
                "network",
                "No zones",
                "A zone is a set of interfaces. Between two of them a chain of rules decides what may \
                 pass. Without zones, the chains at forward, input and output decide alone.",
            );
            if ask.may(access::Permission::RouterChange) {
                empty.with_action("Make a zone", "/router/firewall/zones/new")
            } else {
                empty
            }
        }),
        shell: ask.router_shell("Zones").await,
    };
    ask.page(&page)
}

fn way(cell: &ZoneCell, own: bool) -> ZoneWay {
    match cell {
        ZoneCell::Action { action } => {
            ZoneWay { chains: Vec::new(), tone: verdict_tone(action), action: action.clone(), own }
        }
        ZoneCell::Chains { ipv4, ipv6, default_action } => {
            let link = |name: &Option<String>, family| {
                name.as_ref().map(|name| Link {
                    label: name.clone(),
                    href: chain_href(&ChainId::named(family, name)),
                })
            };
            let chains = [link(ipv4, ChainFamily::Ipv4), link(ipv6, ChainFamily::Ipv6)];
            ZoneWay {
                chains: chains.into_iter().flatten().collect(),
                tone: verdict_tone(default_action),
                action: default_action.clone(),
                own,
            }
        }
    }
}

fn line(zone: &Zone) -> ZoneLine {
    let mut members = zone.interfaces.clone();
    members.extend(zone.vrfs.iter().map(|vrf| format!("VRF {vrf}")));
    if zone.is_local {
        members.push("the router itself".to_owned());
    }
    let log = if zone.default_log { ", logged" } else { "" };
    ZoneLine {
        name: zone.name.clone(),
        href: href(&zone.name),
        description: zone.description.clone().unwrap_or_default(),
        members: members.join(", "),
        default: format!("{}{log}", zone.default_verdict()),
        other: zone.other.clone(),
    }
}

fn href(name: &str) -> String {
    format!("{HERE}/{}", segment(name))
}

async fn new_page(ask: Ask) -> Result<Response, Failure> {
    let known = ask.known("New zone").await?;
    let page = form_of(&ask, &known, None, &Fill::of(&ask)).await;
    ask.page(&page)
}

async fn show(ask: Ask, Path(name): Path<String>) -> Result<Response, Failure> {
    let known = ask.known("Zone").await?;
    let page = form_of(&ask, &known, Some(&zone(&known, &name)?), &Fill::of(&ask)).await;
    ask.page(&page)
}

fn zone(known: &Known, name: &str) -> Result<Zone, Failure> {
    let zone = firewall(&known.root).zones.into_iter().find(|zone| zone.name == name);
    zone.ok_or_else(|| Failure::not_found("There is no such zone."))
}

async fn create(ask: Ask, form: Form) -> Result<Response, Failure> {
    let known = ask.known("New zone").await?;
    let (name, firewall) = (form.get("name"), firewall(&known.root));
    let mut draft = known.draft();
    let made = if firewall.zones.iter().any(|zone| zone.name == name) {
        Err(EditError::of("name", "there is a zone of this name already"))
    } else {
        draft.set_zone(name, &read(&form, &firewall, name))
    };
    match made {
        Ok(()) => {
            let why = format!("New zone {name}");
            propose(&ask, &form, "/router/firewall/zones/new", why, draft.commands()).await
        }
        Err(error) => {
            let page = form_of(&ask, &known, None, &Fill::sent(&form, &error)).await;
            ask.refused(&page)
        }
    }
}

async fn edit(ask: Ask, Path(name): Path<String>, form: Form) -> Result<Response, Failure> {
    let known = ask.known("Zone").await?;
    let zone = zone(&known, &name)?;
    let mut draft = known.draft();
    let deletes = form.get("do") == "delete";
    let done = if deletes {
        draft.delete_zone(&name)
    } else {
        draft.set_zone(&name, &read(&form, &firewall(&known.root), &name))
    };
    match done {
        Ok(()) => {
            let (verb, from) =
                if deletes { ("Delete", HERE.to_owned()) } else { ("Change", href(&name)) };
            let form = if deletes { Form::default() } else { form };
            propose(&ask, &form, &from, format!("{verb} the zone {name}"), draft.commands()).await
        }
        Err(error) if deletes => Ok(back(&form, &href(&name), Tone::Warn, &words_of(&error))),
        Err(error) => {
            let page = form_of(&ask, &known, Some(&zone), &Fill::sent(&form, &error)).await;
            ask.refused(&page)
        }
    }
}

fn read(form: &Form, firewall: &Firewall, name: &str) -> ZoneEdit {
    let others = firewall.zones.iter().filter(|zone| zone.name != name);
    let from = others.filter_map(|zone| {
        let ipv4 = some(form, &format!("from.{}.ipv4", zone.name));
        let ipv6 = some(form, &format!("from.{}.ipv6", zone.name));
        let some = ipv4.is_some() || ipv6.is_some();
        some.then(|| ZoneFromEdit { zone: zone.name.clone(), ipv4, ipv6 })
    });
    ZoneEdit {
        description: some(form, "description"),
        interfaces: all_ticked(form, "interfaces"),
        is_local: form.ticked("is_local"),
        default_action: some(form, "default_action"),
        default_log: form.ticked("default_log"),
        intra_action: some(form, "intra_action"),
        from: from.collect(),
    }
}

async fn form_of(ask: &Ask, known: &Known, zone: Option<&Zone>, fill: &Fill<'_>) -> FormPage {
    let firewall = firewall(&known.root);
    let now = zone.map(ZoneEdit::from).unwrap_or_default();
    let own = zone.map(|zone| zone.name.as_str());
    let boxes = interfaces(&known.root).into_iter().map(|one| {
        let taken = firewall.zones.iter().find(|zone| zone.interfaces.contains(&one.name));
        let taken = taken.filter(|zone| Some(zone.name.as_str()) != own);
        let more = match taken {
            Some(zone) => format!("in {} now", zone.name),
            None => one.description.unwrap_or_default(),
        };
        (one.name.clone(), one.name, more)
    });
    let mut controls = Vec::new();
    if zone.is_none() {
        controls.push(fill.text("name", "Name", None, "Letters, digits, - and _."));
    }
    let choose = |options: &[(&str, &str)]| {
        options.iter().map(|(v, l)| ((*v).to_owned(), (*l).to_owned())).collect::<Vec<_>>()
    };
    let default = choose(&[("", "drop, as is usual"), ("drop", "drop"), ("reject", "reject")]);
    let intra = choose(&[("", "pass, as is usual"), ("accept", "accept"), ("drop", "drop")]);
    controls.extend([
        fill.text("description", "Description", now.description.as_deref(), ""),
        fill.checks("interfaces", "Interfaces", boxes, &now.interfaces),
        fill.check(
            "is_local",
            "It is the router itself",
            now.is_local,
            "Then it has no interfaces.",
        ),
        Control::Pair(vec![
            fill.select(
                "default_action",
                "What comes in without a chain",
                now.default_action.as_deref(),
                default,
                "",
            ),
            fill.select(
                "intra_action",
                "Between its own interfaces",
                now.intra_action.as_deref(),
                intra,
                "",
            ),
        ]),
        fill.check("default_log", "Log what comes in without a chain", now.default_log, ""),
    ]);
    let mut sets = vec![Fieldset::new("", controls)];
    let names = |family| {
        let all = firewall.chains.iter().map(|chain| &chain.id);
        let named = all.filter(move |id| id.hook == Hook::Name && id.family == family);
        plain(std::iter::once("").chain(named.map(|id| id.name.as_str()))).collect::<Vec<_>>()
    };
    let (ipv4, ipv6) = (names(ChainFamily::Ipv4), names(ChainFamily::Ipv6));
    let from = firewall.zones.iter().filter(|zone| Some(zone.name.as_str()) != own).map(|other| {
        let known = now.from.iter().find(|from| from.zone == other.name);
        let select =
            |family: &str, label: &str, usual: Option<&str>, options: &[(String, String)]| {
                let name = format!("from.{}.{family}", other.name);
                fill.select(&name, label, usual, options.to_vec(), "")
            };
        Control::Pair(vec![
            select(
                "ipv4",
                &format!("From {}, IPv4", other.name),
                known.and_then(|from| from.ipv4.as_deref()),
                &ipv4,
            ),
            select(
                "ipv6",
                &format!("From {}, IPv6", other.name),
                known.and_then(|from| from.ipv6.as_deref()),
                &ipv6,
            ),
        ])
    });
    let from: Vec<Control> = from.collect();
    if !from.is_empty() {
        sets.push(Fieldset::new("Chains for what comes from other zones", from));
    }
    let other = zone.map(|zone| zone.other.as_slice()).unwrap_or_default();
    let title = zone.map_or_else(|| "New zone".to_owned(), |zone| format!("Zone {}", zone.name));
    let delete =
        Deed { value: "delete".to_owned(), label: "Delete the zone".to_owned(), danger: true };
    FormPage {
        action: ask.query.bare().to_owned(),
        up: Link { label: "Zones".to_owned(), href: HERE.to_owned() },
        lead: String::new(),
        about: fill.about(),
        facts: other.iter().map(|o| ("Stays as it is".to_owned(), o.clone())).collect(),
        sets,
        button: "Review",
        deeds: zone.map(|_| delete).into_iter().collect(),
        links: Vec::new(),
        shell: ask.router_shell(&title).await,
        title,
    }
}
