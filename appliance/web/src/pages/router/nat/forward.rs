//! The form for a new port forward, with the firewall rule that lets it in and the rules that make
//! it work from inside, all in one change.

use axum::http::Method;
use axum::response::Response;
use vyos::config::Node;
use vyos::edit::{Draft, EditError, Place, PortForwardEdit};
use vyos::facts::{ChainFamily, ChainId, Hook, Passage, firewall, interfaces, nat, port_forwards};

use super::HERE;
use crate::http::{Failure, Route, Routes};
use crate::pages::router::fill::{Fill, Known, some};
use crate::pages::router::{CHANGE, propose};
use crate::pages::{Ask, Form};
use crate::site::Site;
use crate::view::Link;
use crate::view::router::{Control, Fieldset, FormPage};

const NEW: &str = "/router/nat/forward/new";

pub(super) fn routes() -> Routes<Site> {
    Routes::new()
        .add(Route::new(Method::GET, NEW, CHANGE, show, "A form for a new port forward").query(
            "target",
            "string",
            "The host to forward to.",
        ))
        .add(Route::new(Method::POST, NEW, CHANGE, create, "Plan a new port forward").patient())
}

async fn show(ask: Ask) -> Result<Response, Failure> {
    let known = ask.known("New port forward").await?;
    let page = form_of(&ask, &known, &Fill::of(&ask)).await;
    ask.page(&page)
}

async fn create(ask: Ask, form: Form) -> Result<Response, Failure> {
    let known = ask.known("New port forward").await?;
    let edit = PortForwardEdit {
        description: some(&form, "description"),
        interface: form.get("interface").to_owned(),
        protocol: form.get("protocol").to_owned(),
        port: form.get("port").to_owned(),
        target: form.get("target").to_owned(),
        target_port: some(&form, "target_port"),
        source: some(&form, "source"),
        with_firewall_rule: form.ticked("with_firewall_rule"),
        hairpin_for: some(&form, "hairpin_for").filter(|_| form.ticked("hairpin")),
    };
    let mut draft = known.draft();
    let made = if form.ticked("hairpin") && edit.hairpin_for.is_none() {
        Err(EditError::of("hairpin_for", "the router's own address outside is needed for that"))
    } else {
        draft.add_port_forward(&edit)
    };
    match made {
        Ok(_) => {
            let name = edit.description.clone().unwrap_or_else(|| format!("port {}", edit.port));
            let why = format!("Port forward {name} to {}", edit.target);
            propose(&ask, &form, NEW, why, draft.commands()).await
        }
        Err(error) => {
            let page = form_of(&ask, &known, &Fill::sent(&form, &error)).await;
            ask.refused(&page)
        }
    }
}

async fn form_of(ask: &Ask, known: &Known, fill: &Fill<'_>) -> FormPage {
    let all = interfaces(&known.root);
    // Where source NAT goes out is outside.
    let outside = nat(&known.root).rules.iter().find_map(|rule| {
        let masquerades = rule.translation.address.as_deref() == Some("masquerade");
        rule.matches.outbound.as_ref().filter(|_| masquerades)?.name.clone()
    });
    let own = outside.as_ref().and_then(|name| all.iter().find(|one| one.name == *name));
    let address = own.and_then(|one| {
        let plain = one.addresses.iter().find(|a| a.contains('.'))?;
        plain.split('/').next().map(str::to_owned)
    });
    let names = all.iter().filter(|one| one.name != "lo").map(|one| {
        let said = one.description.as_ref().map(|said| format!(" ({said})")).unwrap_or_default();
        (one.name.clone(), format!("{}{said}", one.name))
    });
    let protocols = [("tcp", "TCP"), ("udp", "UDP"), ("tcp_udp", "TCP and UDP")];
    let protocols = protocols.map(|(value, label)| (value.to_owned(), label.to_owned()));
    let targets = hosts(ask);
    let from = Fieldset::new(
        "What comes in",
        [
            fill.text("description", "Description", None, "Such as HTTPS to the NAS."),
            Control::Pair(vec![
                fill.select("interface", "Comes in by", outside.as_deref(), names, ""),
                fill.select("protocol", "Protocol", None, protocols, ""),
            ]),
            Control::Pair(vec![
                fill.text("port", "Port", None, "443 or 8000-8080."),
                fill.text("source", "Only from", None, "An address or network; empty: everybody."),
            ]),
        ],
    );
    let to = Fieldset::new(
        "Where it goes",
        [Control::Pair(vec![
            fill.suggest("target", "Host", None, &targets, "Its IPv4 address."),
            fill.text("target_port", "Port there", None, "Empty: the same."),
        ])],
    );
    let beside = Fieldset::new(
        "In the same change",
        [
            fill.check(
                "with_firewall_rule",
                "Let it in through the firewall",
                keeps_out(&known.root),
                "A rule in the forward chain, behind those that look at the state of connections \
                 only. Needed where that chain drops what no rule decides on.",
            ),
            fill.check(
                "hairpin",
                "Make it work from inside as well",
                false,
                "Hosts of the target's own network can then use the router's address outside.",
            ),
            fill.text(
                "hairpin_for",
                "The router's address outside",
                address.as_deref(),
                "For use from inside only; it must not change.",
            ),
        ],
    );
    FormPage {
        action: NEW.to_owned(),
        up: Link { label: "NAT".to_owned(), href: HERE.to_owned() },
        title: "New port forward".to_owned(),
        lead: "What comes to a port of the router goes to a host inside.".to_owned(),
        about: fill.about(),
        facts: Vec::new(),
        sets: vec![from, to, beside],
        button: "Review the port forward",
        deeds: Vec::new(),
        links: Vec::new(),
        shell: ask.router_shell("New port forward").await,
    }
}

/// Whether what no rule lets in is kept out at the forward chain.
fn keeps_out(root: &Node) -> bool {
    let firewall = firewall(root);
    let chain = firewall.chain(&ChainId::base(ChainFamily::Ipv4, Hook::Forward));
    chain.is_some_and(|chain| chain.default_verdict() != "accept")
}

/// IPv4 addresses of known devices, to choose from.
fn hosts(ask: &Ask) -> Vec<String> {
    let mut hosts: Vec<_> = ask.site.discovery.with_all(|all| {
        all.filter_map(|device| device.main_address().map(|address| address.ip))
            .filter(std::net::IpAddr::is_ipv4)
            .take(500)
            .collect()
    });
    model::sort_by(&mut hosts, Ord::cmp);
    hosts.iter().map(ToString::to_string).collect()
}

/// Makes the firewall rule that a port forward lacks: before the one that keeps it out, or else
/// behind those that look at the state of connections only.
pub(super) fn let_in(draft: &mut Draft<'_>, root: &Node, number: u32) -> Result<(), EditError> {
    let rule = draft.firewall_rule_for(number)?;
    let firewall = firewall(root);
    let forwards = port_forwards(&nat(root), &firewall, &interfaces(root));
    let forward = forwards.iter().find(|forward| forward.number == number);
    let (chain, place) = match forward.map(|forward| &forward.firewall) {
        Some(Passage::Dropped { by }) => (by.chain.clone(), Place::Before(by.number)),
        Some(Passage::DroppedByDefault { chain }) => (chain.clone(), Place::Last),
        Some(Passage::Accepted { .. } | Passage::AcceptedByDefault) => {
            return Err(EditError::of("number", "the firewall lets it in already"));
        }
        Some(Passage::DroppedByZone { from, to }) => {
            let message = format!("make a chain from zone {from} to {to} first");
            return Err(EditError::of("number", message));
        }
        _ => (ChainId::base(ChainFamily::Ipv4, Hook::Forward), Place::Last),
    };
    draft.add_rule(&chain, place, &rule).map(drop)
}
