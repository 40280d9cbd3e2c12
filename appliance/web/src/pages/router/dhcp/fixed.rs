//! Stations whose address is fixed: listed with what they are at odds with, made, changed, taken
//! away.

use axum::http::Method;
use axum::response::Response;
use vyos::config::Node;
use vyos::dialect::{Dhcp4Form, Dhcp6Form, Dialect};
use vyos::edit::{Draft, EditError, StaticMappingEdit, family_of};
use vyos::facts::{Family, StaticMapping, Subnet, dhcp_server};
use vyos::runtime::{Lease, LeaseState};

use super::{device, leases_of, seconds, subnet_of, subnets, tabs};
use crate::http::{Failure, Route, Routes};
use crate::pages::router::filled::{Filled, maybe};
use crate::pages::router::{CHANGE, LOOK, propose};
use crate::pages::{Ask, Form};
use crate::site::Site;
use crate::view::router::{FixedEditPage, FixedPage, FixedRow};
use crate::view::{Choice, Empty, Field, Query};

const HERE: &str = "/router/dhcp/fixed";
const EDIT: &str = "/router/dhcp/fixed/edit";

pub(super) fn routes() -> Routes<Site> {
    let (get, post) = (Method::GET, Method::POST);
    Routes::new()
        .add(Route::new(get.clone(), HERE, LOOK, list, "The fixed addresses"))
        .add(
            Route::new(get, EDIT, CHANGE, edit, "A form for a fixed address")
                .query("place", "string", "Shared network and subnet, a blank between.")
                .query("old", "string", "The name of the one to change."),
        )
        .add(Route::new(post.clone(), EDIT, CHANGE, save, "Plan a fixed address"))
        .add(Route::new(
            post,
            "/router/dhcp/fixed/delete",
            CHANGE,
            delete,
            "Plan to take a fixed address away",
        ))
}

/// A subnet as forms say it. Neither names nor prefixes have blanks.
pub(super) fn place(network: &str, prefix: &str) -> String {
    format!("{network} {prefix}")
}

fn href(network: &str, prefix: &str, name: &str) -> String {
    Query::new(EDIT).with("place", &place(network, prefix)).with("old", name).href()
}

async fn list(ask: Ask) -> Result<Response, Failure> {
    let config = ask.config("Fixed addresses").await?;
    let (mut rows, mut missing) = (Vec::new(), String::new());
    let mut can_add = false;
    for family in [Family::Ipv4, Family::Ipv6] {
        let Some(server) = dhcp_server(&config, family) else { continue };
        can_add |= subnets(&server).next().is_some();
        let (leases, problem) = leases_of(&ask, family).await;
        if missing.is_empty() {
            missing = problem;
        }
        let all: Vec<(&Subnet, &StaticMapping)> = subnets(&server)
            .flat_map(|subnet| subnet.mappings.iter().map(move |mapping| (subnet, mapping)))
            .collect();
        for (subnet, mapping) in &all {
            let mut row = row(subnet, mapping, &ask);
            row.conflicts = conflicts(mapping, &all, &leases, seconds(ask.now));
            rows.push(row);
        }
    }
    let empty = rows.is_empty().then(|| {
        let text = "Stations get whichever address is free. Make one static from the leases.";
        Empty::new("router", "No fixed addresses", text)
            .with_action("Look at the leases", "/router/dhcp/leases")
    });
    let page = FixedPage {
        shell: ask.router_shell("Fixed addresses").await,
        tabs: tabs(HERE),
        rows,
        missing,
        can_add,
        empty,
    };
    ask.page(&page)
}

fn row(subnet: &Subnet, mapping: &StaticMapping, ask: &Ask) -> FixedRow {
    let station = mapping.mac.clone().or_else(|| mapping.duid.clone());
    FixedRow {
        name: mapping.name.clone(),
        description: mapping.description.clone().unwrap_or_default(),
        address: [&mapping.address, &mapping.prefix]
            .into_iter()
            .flatten()
            .cloned()
            .collect::<Vec<_>>()
            .join(", "),
        station: station.unwrap_or_default(),
        device: device(ask, mapping.mac.as_deref()),
        network: subnet.network.clone(),
        subnet: subnet.prefix.clone(),
        disabled: mapping.disabled,
        conflicts: Vec::new(),
        other: mapping.other.clone(),
        href: href(&subnet.network, &subnet.prefix, &mapping.name),
    }
}

fn same(mine: Option<&String>, theirs: Option<&String>) -> bool {
    mine.zip(theirs).is_some_and(|(mine, theirs)| mine.eq_ignore_ascii_case(theirs))
}

/// What a mapping is at odds with: others, and leases of today.
fn conflicts(
    mapping: &StaticMapping,
    all: &[(&Subnet, &StaticMapping)],
    leases: &[Lease],
    now: u64,
) -> Vec<String> {
    if mapping.disabled {
        return Vec::new();
    }
    let mut found = Vec::new();
    let others = all.iter().map(|(_, other)| *other);
    for other in others.filter(|other| !std::ptr::eq(*other, mapping) && !other.disabled) {
        if same(mapping.address.as_ref(), other.address.as_ref()) {
            found.push(format!("{} has the same address", other.name));
        }
        // In different subnets a station may have an address each.
        let at_once = mapping.address == other.address || mapping.name == other.name;
        if at_once && same(mapping.mac.as_ref(), other.mac.as_ref()) {
            found.push(format!("{} has the same hardware address", other.name));
        }
    }
    found.extend(holder(mapping.address.as_deref(), mapping.mac.as_deref(), leases, now));
    found
}

/// Who else has an address now.
fn holder(address: Option<&str>, mac: Option<&str>, leases: &[Lease], now: u64) -> Option<String> {
    let lease = leases.iter().find(|lease| {
        Some(lease.address.as_str()) == address && lease.state(now) == LeaseState::Active
    })?;
    let theirs = lease.mac.as_deref()?;
    if mac.is_some_and(|mac| mac.eq_ignore_ascii_case(theirs)) {
        return None;
    }
    let name = lease.hostname.as_deref().map(|name| format!(" ({name})")).unwrap_or_default();
    Some(format!("{} is leased to {theirs}{name} now", lease.address))
}

async fn edit(ask: Ask) -> Result<Response, Failure> {
    let config = ask.config("Fixed addresses").await?;
    let old = ask.query.get("old").unwrap_or_default();
    let chosen = ask.query.get("place").unwrap_or_default();
    let page = page(&ask, &config, chosen, old, &Filled::fresh(&ask)).await?;
    ask.page(&page)
}

async fn save(ask: Ask, form: Form) -> Result<Response, Failure> {
    let config = ask.config("Fixed addresses").await?;
    let old = maybe(form.get("old"));
    let chosen = form.get("place");
    let (network, prefix) = chosen.split_once(' ').unwrap_or_default();
    subnet_of(&config, network, prefix)?;
    let (leases, _) = leases_of(&ask, family_of(prefix)).await;
    let edit = StaticMappingEdit {
        name: form.get("name").to_owned(),
        mac: maybe(form.get("mac")),
        duid: maybe(form.get("duid")),
        address: maybe(form.get("address")),
        prefix: maybe(form.get("prefix")),
        description: maybe(form.get("description")),
        disabled: !form.ticked("enabled"),
    };
    let dialect = ask.dialect(&config).await;
    let mut draft = Draft::new(&config, &dialect);
    let taken = holder(edit.address.as_deref(), edit.mac.as_deref(), &leases, seconds(ask.now));
    let made =
        draft.set_static_mapping(network, prefix, old.as_deref(), &edit).and_then(|()| match taken
            .filter(|_| !form.ticked("anyway"))
        {
            Some(taken) => Err(EditError::of("address", taken)),
            None => Ok(()),
        });
    match made {
        Ok(()) => {
            let why = format!("Fixed address of {}", edit.name);
            let from = match &old {
                Some(old) => href(network, prefix, old),
                None => EDIT.to_owned(),
            };
            propose(&ask, &form, &from, why, draft.commands()).await
        }
        Err(error) => {
            let filled = Filled::refused(&ask, &form, &error);
            let old = old.as_deref().unwrap_or_default();
            let mut page = page(&ask, &config, chosen, old, &filled).await?;
            page.leased = page.address.error.contains("is leased to");
            ask.refused(&page)
        }
    }
}

async fn delete(ask: Ask, form: Form) -> Result<Response, Failure> {
    let config = ask.config("Fixed addresses").await?;
    let (network, prefix) = form.get("place").split_once(' ').unwrap_or_default();
    let name = form.get("old");
    let dialect = ask.dialect(&config).await;
    let mut draft = Draft::new(&config, &dialect);
    draft
        .delete_static_mapping(network, prefix, name)
        .map_err(|error| Failure::invalid(error.to_string()))?;
    propose(&ask, &form, HERE, format!("Delete the fixed address of {name}"), draft.commands())
        .await
}

async fn page(
    ask: &Ask,
    config: &Node,
    chosen: &str,
    old: &str,
    filled: &Filled<'_>,
) -> Result<FixedEditPage, Failure> {
    let servers = [Family::Ipv4, Family::Ipv6].map(|family| dhcp_server(config, family));
    let all: Vec<&Subnet> = servers.iter().flatten().flat_map(subnets).collect();
    if all.is_empty() {
        return Err(Failure::not_found("The router has no DHCP server with a subnet."));
    }
    let in_place = all.iter().find(|subnet| place(&subnet.network, &subnet.prefix) == chosen);
    let now = in_place.and_then(|subnet| subnet.mappings.iter().find(|one| one.name == old));
    if !old.is_empty() && now.is_none() {
        return Err(Failure::not_found(
            "There is no such fixed address, or there is none any more.",
        ));
    }
    let dialect: Dialect = ask.dialect(config).await;
    let has = |family: Family| all.iter().any(|one| family_of(&one.prefix) == family);
    // Of one that is there it is known which server it is of; a new one may be of either.
    let is_v6 = in_place.map_or(has(Family::Ipv6), |one| family_of(&one.prefix) == Family::Ipv6);
    let is_v4 = in_place.map_or(has(Family::Ipv4), |one| family_of(&one.prefix) == Family::Ipv4);
    let new_v4 = is_v4 && dialect.dhcp4() == Ok(Dhcp4Form::Option);
    let new_v6 = is_v6 && dialect.dhcp6() == Ok(Dhcp6Form::Option);
    let blank = StaticMapping {
        name: String::new(),
        mac: None,
        duid: None,
        address: None,
        prefix: None,
        description: None,
        disabled: false,
        other: Vec::new(),
    };
    let now = now.unwrap_or(&blank);
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let offered = all.iter().filter(|subnet| {
        // It stays where it is: elsewhere its address would not fit.
        old.is_empty() || place(&subnet.network, &subnet.prefix) == chosen
    });
    let offered = offered.map(|subnet| {
        let words = format!("{} in {}", subnet.prefix, subnet.network);
        (place(&subnet.network, &subnet.prefix), words)
    });
    let field = |there: bool, name: &str, usual: &Option<String>| -> Option<Field> {
        there.then(|| filled.field(name, &text(usual)))
    };
    let (mac, duid) = (is_v4 || new_v6, is_v6 || new_v4);
    let shown: Vec<&str> = [
        ("name", true),
        ("address", true),
        ("mac", mac),
        ("duid", duid),
        ("prefix", is_v6),
        ("description", new_v4 || new_v6),
    ]
    .into_iter()
    .filter_map(|(name, there)| there.then_some(name))
    .collect();
    Ok(FixedEditPage {
        shell: ask.router_shell("Fixed address").await,
        old: old.to_owned(),
        place: chosen.to_owned(),
        subnets: Choice::list(offered, chosen),
        name: filled.field("name", &now.name),
        mac: field(mac, "mac", &now.mac),
        duid: field(duid, "duid", &now.duid),
        address: filled.field("address", &text(&now.address)),
        prefix: field(is_v6, "prefix", &now.prefix),
        description: field(new_v4 || new_v6, "description", &now.description),
        enabled: filled.ticked("enabled", !now.disabled),
        leased: false,
        said: filled.said(&shown),
    })
}
