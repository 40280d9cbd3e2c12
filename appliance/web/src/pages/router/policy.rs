//! Policy routing: chosen devices go out through another interface, such as a VPN, and nowhere else
//! where the kill switch is on.

use std::collections::BTreeMap;

use axum::extract::Path;
use axum::http::Method;
use axum::response::Response;
use model::Mac;
use vyos::config::{Command, Node};
use vyos::edit::{EditError, Steering, steerings};
use vyos::facts::{Family, Interface, PolicyRoute, interfaces, policy_routes};

use super::fill::{Fill, Known, all_ticked, listed, some};
use super::firewall::words_of;
use super::{CHANGE, LOOK, propose};
use crate::http::{Failure, Route, Routes};
use crate::pages::{Ask, Form, done};
use crate::site::Site;
use crate::view::router::{Deed, Fieldset, FormPage, PolicyPage, SteeringLine};
use crate::view::{Empty, Link, Tone};

const HERE: &str = "/router/policy";
/// Known devices that the form lists; others are named by their addresses.
const MOST_DEVICES: usize = 300;

pub(super) fn routes() -> Routes<Site> {
    let (get, post) = (Method::GET, Method::POST);
    let (new, one) = ("/router/policy/new", "/router/policy/{name}");
    Routes::new()
        .add(Route::new(get.clone(), HERE, LOOK, list, "Devices through other interfaces"))
        .add(
            Route::new(post.clone(), HERE, CHANGE, act, "Plan to switch or remove a policy")
                .patient(),
        )
        .add(
            Route::new(get.clone(), new, CHANGE, new_page, "A form for devices through a VPN")
                .query("devices", "string", "Addresses to start from."),
        )
        .add(Route::new(post.clone(), new, CHANGE, create, "Plan devices through a VPN").patient())
        .add(Route::new(get, one, LOOK, show, "Devices through an interface"))
        .add(Route::new(post, one, CHANGE, edit, "Plan a change of a policy").patient())
}

async fn list(ask: Ask) -> Result<Response, Failure> {
    let root = ask.config("Policy routing").await?;
    let all = steerings(&root);
    let policies = policy_routes(&root);
    let names = Names::of(&ask);
    let foreign = policies.iter().filter(|one| all.iter().all(|s| s.name != one.name));
    let others: Vec<_> = foreign.map(|policy| (title(policy), rules(policy))).collect();
    let may = ask.may(access::Permission::RouterChange);
    let empty = (all.is_empty() && others.is_empty()).then(|| {
        let empty = Empty::new(
            "network",
            "Everything takes the usual way",
            "Chosen devices can go out through a VPN instead, and nowhere else while it is down.",
        );
        if may { empty.with_action("Choose devices", "/router/policy/new") } else { empty }
    });
    let page = PolicyPage {
        steerings: all.iter().map(|one| line(one, &policies, &names)).collect(),
        others,
        empty,
        shell: ask.router_shell("Policy routing").await,
    };
    ask.page(&page)
}

fn title(policy: &PolicyRoute) -> String {
    let family = if policy.family == Family::Ipv4 { "IPv4" } else { "IPv6" };
    format!("{} ({family})", policy.name)
}

/// Rules of a policy route that is not ours, in words.
fn rules(policy: &PolicyRoute) -> Vec<String> {
    let mut lines: Vec<String> = policy
        .rules
        .iter()
        .map(|rule| {
            let mut words = rule.matches.words();
            let sets =
                [("table", &rule.set_table), ("VRF", &rule.set_vrf), ("mark", &rule.set_mark)];
            for (what, value) in sets {
                words.extend(value.as_ref().map(|value| format!("→ {what} {value}")));
            }
            words.extend(rule.action.as_ref().map(|action| format!("→ {action}")));
            words.extend(rule.other.iter().cloned());
            let off = if rule.disabled { " (switched off)" } else { "" };
            format!("{}: {}{off}", rule.number, words.join(", "))
        })
        .collect();
    if !policy.interfaces.is_empty() {
        lines.insert(0, format!("coming in by {}", policy.interfaces.join(", ")));
    }
    lines.extend(policy.other.iter().cloned());
    lines
}

/// Devices by their addresses of any sort.
struct Names(BTreeMap<String, Link>);

impl Names {
    fn of(ask: &Ask) -> Self {
        let mut names = BTreeMap::new();
        ask.site.discovery.with_all(|all| {
            for device in all {
                let link = Link { label: device.name(), href: format!("/devices/{}", device.id) };
                names.insert(device.mac.to_string(), link.clone());
                for address in device.addresses.iter().filter(|address| address.current) {
                    names.insert(address.ip.to_string(), link.clone());
                }
            }
        });
        Self(names)
    }

    /// A device by an address, or that address.
    fn find(&self, address: &str) -> Link {
        let plain = Link { label: address.to_owned(), href: String::new() };
        self.0.get(&address.to_lowercase()).cloned().unwrap_or(plain)
    }
}

fn of_name<'a>(
    policies: &'a [PolicyRoute],
    name: &'a str,
) -> impl Iterator<Item = &'a PolicyRoute> {
    policies.iter().filter(move |policy| policy.name == name)
}

/// All of its rules are switched off.
fn is_off(policies: &[PolicyRoute], name: &str) -> bool {
    let mut rules = of_name(policies, name).flat_map(|policy| &policy.rules).peekable();
    rules.peek().is_some() && rules.all(|rule| rule.disabled)
}

fn line(one: &Steering, policies: &[PolicyRoute], names: &Names) -> SteeringLine {
    let has = |family| of_name(policies, &one.name).any(|policy| policy.family == family);
    SteeringLine {
        name: one.name.clone(),
        href: href(&one.name),
        devices: one.devices.iter().map(|device| names.find(device)).collect(),
        from: one.from.join(", "),
        via: one.via.clone(),
        table: one.table.map(|table| table.to_string()).unwrap_or_default(),
        kill_switch: one.kill_switch,
        families: match (has(Family::Ipv4), has(Family::Ipv6)) {
            (true, true) => "IPv4 and IPv6",
            (true, false) => "IPv4 only",
            _ => "IPv6 only",
        },
        off: is_off(policies, &one.name),
    }
}

fn href(name: &str) -> String {
    format!("{HERE}/{}", super::firewall::segment(name))
}

/// The buttons of the list: `on NAME`, `off NAME`, `remove NAME`.
async fn act(ask: Ask, form: Form) -> Result<Response, Failure> {
    let known = ask.known("Policy routing").await?;
    let (verb, name) = form
        .get("do")
        .split_once(' ')
        .ok_or_else(|| Failure::bad_request("Press one of the buttons."))?;
    find(&known.root, name)?;
    deed(&ask, &known, verb, name).await
}

async fn deed(ask: &Ask, known: &Known, verb: &str, name: &str) -> Result<Response, Failure> {
    let (words, commands) = match verb {
        "on" => ("Switch on", Ok(switched(&known.root, name, true))),
        "off" => ("Switch off", Ok(switched(&known.root, name, false))),
        "remove" => {
            let mut draft = known.draft();
            let removed = draft.delete_steering(name);
            ("Remove", removed.map(|()| draft.commands()))
        }
        _ => return Err(Failure::bad_request("Press one of the buttons.")),
    };
    match commands {
        Ok(commands) => {
            let why = format!("{words} the policy {name}");
            propose(ask, &Form::default(), HERE, why, commands).await
        }
        Err(error) => Ok(done(HERE, Tone::Warn, &words_of(&error))),
    }
}

/// Switches all rules of a policy on or off; its table stays, unused.
fn switched(root: &Node, name: &str, on: bool) -> Vec<Command> {
    let policies = policy_routes(root);
    let mut commands = Vec::new();
    for policy in of_name(&policies, name) {
        let word = if policy.family == Family::Ipv4 { "route" } else { "route6" };
        for rule in policy.rules.iter().filter(|rule| rule.disabled == on) {
            let number = rule.number.to_string();
            let path =
                ["policy", word, name, "rule", &number, "disable"].map(str::to_owned).to_vec();
            commands.push(if on { Command::Delete(path) } else { Command::Set(path) });
        }
    }
    commands
}

fn find(root: &Node, name: &str) -> Result<Steering, Failure> {
    let found = steerings(root).into_iter().find(|one| one.name == name);
    found.ok_or_else(|| Failure::not_found("There is no such policy, or it is gone by now."))
}

async fn new_page(ask: Ask) -> Result<Response, Failure> {
    let known = ask.known("Devices through a VPN").await?;
    let usual = Steering { kill_switch: true, ..Steering::default() };
    let page = form_of(&ask, &known, false, &usual, &Fill::of(&ask)).await;
    ask.page(&page)
}

async fn show(ask: Ask, Path(name): Path<String>) -> Result<Response, Failure> {
    let known = ask.known("Policy routing").await?;
    let steering = find(&known.root, &name)?;
    let page = form_of(&ask, &known, true, &steering, &Fill::of(&ask)).await;
    ask.page(&page)
}

async fn create(ask: Ask, form: Form) -> Result<Response, Failure> {
    let known = ask.known("Devices through a VPN").await?;
    let edit = read(&form, form.get("name"), None);
    if steerings(&known.root).iter().any(|one| one.name == edit.name) {
        let error = EditError::of("name", "there is a policy of this name already");
        let page = form_of(&ask, &known, false, &edit, &Fill::sent(&form, &error)).await;
        return ask.refused(&page);
    }
    store(&ask, &form, &known, &edit, false).await
}

async fn edit(ask: Ask, Path(name): Path<String>, form: Form) -> Result<Response, Failure> {
    let known = ask.known("Policy routing").await?;
    let was = find(&known.root, &name)?;
    if !form.get("do").is_empty() {
        return deed(&ask, &known, form.get("do"), &name).await;
    }
    store(&ask, &form, &known, &read(&form, &name, was.table), true).await
}

async fn store(
    ask: &Ask,
    form: &Form,
    known: &Known,
    edit: &Steering,
    exists: bool,
) -> Result<Response, Failure> {
    let mut draft = known.draft();
    match draft.set_steering(edit) {
        Ok(_) => {
            let from = if exists { href(&edit.name) } else { format!("{HERE}/new") };
            let count = edit.devices.len();
            let devices = if count == 1 { "1 device".into() } else { format!("{count} devices") };
            let why = format!("{}: {devices} through {}", edit.name, edit.via);
            propose(ask, form, &from, why, draft.commands()).await
        }
        Err(error) => {
            let page = form_of(ask, known, exists, edit, &Fill::sent(form, &error)).await;
            ask.refused(&page)
        }
    }
}

fn read(form: &Form, name: &str, table: Option<u32>) -> Steering {
    let mut devices = all_ticked(form, "device");
    for device in listed(form.get("devices")) {
        // However it was typed, it is written as VyOS writes it.
        let device = device.parse::<Mac>().map_or(device, |mac| mac.to_string());
        if !devices.contains(&device) {
            devices.push(device);
        }
    }
    Steering {
        name: name.to_owned(),
        devices,
        from: all_ticked(form, "from"),
        via: form.get("via").to_owned(),
        table: some(form, "table").and_then(|text| text.parse().ok()).or(table),
        kill_switch: form.ticked("kill_switch"),
    }
}

async fn form_of(
    ask: &Ask,
    known: &Known,
    exists: bool,
    now: &Steering,
    fill: &Fill<'_>,
) -> FormPage {
    let all = interfaces(&known.root);
    let mut listed = Vec::new();
    ask.site.discovery.with_all(|devices| {
        for device in devices.take(MOST_DEVICES) {
            let address = device.main_address().map(|address| address.ip.to_string());
            let more = address.unwrap_or_else(|| "no address now".to_owned());
            listed.push((device.mac.to_string(), device.name(), more));
        }
    });
    model::sort_by_key(&mut listed, |(_, name, _)| name.to_lowercase());
    let is_listed =
        |device: &&String| listed.iter().any(|(mac, _, _)| mac == &device.to_lowercase());
    let ticked: Vec<String> =
        now.devices.iter().filter(is_listed).map(|device| device.to_lowercase()).collect();
    let rest: Vec<&str> =
        now.devices.iter().filter(|device| !is_listed(device)).map(String::as_str).collect();
    let rest = rest.join("\n");
    let mut who = Vec::new();
    if !exists {
        who.push(fill.text("name", "Name", None, "Letters, digits, - and _."));
    }
    let label = if listed.is_empty() { "Devices" } else { "and these" };
    if !listed.is_empty() {
        who.push(fill.checks("device", "Devices", listed, &ticked));
    }
    who.push(fill.area(
        "devices",
        label,
        Some(&rest),
        "Addresses, networks or hardware addresses. Only hardware addresses know a device in IPv4 \
         and IPv6 alike.",
    ));
    let said = |one: &Interface| one.description.clone().unwrap_or_default();
    let inside = all.iter().filter(|one| one.name != "lo" && one.kind != "wireguard");
    let inside = inside.map(|one| (one.name.clone(), one.name.clone(), said(one)));
    who.push(fill.checks("from", "They are behind", inside, &now.from));
    let tunnels = ["wireguard", "openvpn", "tunnel", "vti"];
    let mut ways: Vec<&Interface> = all.iter().filter(|one| one.name != "lo").collect();
    model::sort_by_key(&mut ways, |one| !tunnels.contains(&one.kind.as_str()));
    let ways = ways.into_iter().map(|one| {
        let said = one.description.as_ref().map(|said| format!(", {said}")).unwrap_or_default();
        (one.name.clone(), format!("{} ({}{said})", one.name, one.kind))
    });
    let table = now.table.map(|table| table.to_string());
    let way = [
        fill.select("via", "They go out through", Some(&now.via), ways, ""),
        fill.check(
            "kill_switch",
            "Kill switch: nothing of them leaves when that is gone",
            now.kill_switch,
            "A way to nowhere takes over, so that no packet takes the usual way meanwhile.",
        ),
        fill.text(
            "table",
            "Routing table",
            table.as_deref(),
            "1 to 200; empty: the next free one.",
        ),
    ];
    let title = if exists { now.name.clone() } else { "Devices through a VPN".to_owned() };
    let mut deeds = Vec::new();
    if exists {
        let off = is_off(&policy_routes(&known.root), &now.name);
        let toggle = if off { ("on", "Switch it on") } else { ("off", "Switch it off") };
        let deed = |value: &str, label: &str, danger| Deed {
            value: value.to_owned(),
            label: label.to_owned(),
            danger,
        };
        deeds = vec![deed(toggle.0, toggle.1, false), deed("remove", "Remove it", true)];
    }
    let sets = vec![Fieldset::new("Who", who), Fieldset::new("Which way", way)];
    FormPage {
        action: ask.query.bare().to_owned(),
        up: Link { label: "Policy routing".to_owned(), href: HERE.to_owned() },
        lead: "What they send to the router's own networks stays at home, so that printers are \
               still found."
            .to_owned(),
        about: fill.about(),
        facts: Vec::new(),
        sets,
        button: "Review",
        deeds,
        links: Vec::new(),
        shell: ask.router_shell(&title).await,
        title,
    }
}
