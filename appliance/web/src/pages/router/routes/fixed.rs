//! Static routes: listed, made, changed and taken away.

use axum::http::Method;
use axum::response::Response;
use vyos::config::Node;
use vyos::edit::{Draft, EditError, RouteEdit};
use vyos::facts::routes::Discard;
use vyos::facts::system::vrfs;
use vyos::facts::{Hop, StaticRoute, Table, interfaces, static_routes};

use crate::http::{Failure, Route, Routes};
use crate::pages::router::filled::{Filled, maybe, number};
use crate::pages::router::{CHANGE, LOOK, propose};
use crate::pages::{Ask, Form};
use crate::site::Site;
use crate::view::router::{HopFields, StaticRoutePage, StaticRoutesPage, StaticRow};
use crate::view::{Choice, Empty, Query};

const HERE: &str = "/router/routes/static";
const EDIT: &str = "/router/routes/static/edit";
/// The most ways that a form has places for.
const MOST_HOPS: usize = 16;
/// Empty places for further ways.
const SPARE_HOPS: usize = 2;

pub(super) fn routes() -> Routes<Site> {
    let (get, post) = (Method::GET, Method::POST);
    Routes::new()
        .add(Route::new(get.clone(), HERE, LOOK, list, "The static routes"))
        .add(
            Route::new(get, EDIT, CHANGE, edit, "A form for a static route")
                .query("old", "string", "The destination of the route to change.")
                .query("old_table", "string", "The table it is in."),
        )
        .add(Route::new(post.clone(), EDIT, CHANGE, save, "Plan a static route"))
        .add(Route::new(
            post,
            "/router/routes/static/delete",
            CHANGE,
            delete,
            "Plan to take a static route away",
        ))
}

async fn list(ask: Ask) -> Result<Response, Failure> {
    let config = ask.config("Static routes").await?;
    let rows: Vec<StaticRow> = static_routes(&config).iter().map(row).collect();
    let empty = rows.is_empty().then(|| {
        let text = "The router knows its own networks, and what DHCP or routing protocols tell it.";
        let none = Empty::new("router", "No static routes", text);
        if ask.may(access::Permission::RouterChange) {
            none.with_action("Add a static route", EDIT)
        } else {
            none
        }
    });
    ask.page(&StaticRoutesPage { shell: ask.router_shell("Static routes").await, rows, empty })
}

async fn edit(ask: Ask) -> Result<Response, Failure> {
    let config = ask.config("Static routes").await?;
    let old = (ask.query.get("old"), ask.query.get("old_table"));
    let page = page(&ask, &config, old, &Filled::fresh(&ask)).await?;
    ask.page(&page)
}

async fn save(ask: Ask, form: Form) -> Result<Response, Failure> {
    let config = ask.config("Static routes").await?;
    let old = (maybe(form.get("old")), maybe(form.get("old_table")));
    let old = (old.0.as_deref(), old.1.as_deref());
    let before = find(&config, old)?;
    let dialect = ask.dialect(&config).await;
    let mut draft = Draft::new(&config, &dialect);
    let made = read(&form, before.as_ref()).and_then(|edit| {
        let is_new = before.as_ref().is_none_or(|before| {
            before.destination != edit.destination || before.table != edit.table
        });
        let taken = static_routes(&config)
            .iter()
            .any(|route| route.destination == edit.destination && route.table == edit.table);
        if is_new && taken {
            return Err(EditError::of("destination", "there is a route to it already"));
        }
        if let (Some(before), true) = (&before, is_new) {
            draft.delete_route(&before.table, &before.destination)?;
        }
        draft.set_route(&edit)?;
        Ok(edit.destination)
    });
    match made {
        Ok(destination) => {
            let verb = if before.is_some() { "Change the" } else { "Add a" };
            let why = format!("{verb} static route to {destination}");
            let from = match &before {
                Some(before) => href(before),
                None => EDIT.to_owned(),
            };
            propose(&ask, &form, &from, why, draft.commands()).await
        }
        Err(error) => {
            let filled = Filled::refused(&ask, &form, &error);
            let mut page = page(&ask, &config, old, &filled).await?;
            page.hops_error =
                error.field("hops").map(crate::pages::errors::sentence).unwrap_or_default();
            page.table_error =
                error.field("table").map(crate::pages::errors::sentence).unwrap_or_default();
            ask.refused(&page)
        }
    }
}

async fn delete(ask: Ask, form: Form) -> Result<Response, Failure> {
    let config = ask.config("Static routes").await?;
    let (destination, table) = (form.get("destination"), form.get("table"));
    let gone = find(&config, (Some(destination), Some(table)))?;
    let gone = gone.ok_or_else(|| Failure::not_found("There is no such route."))?;
    let dialect = ask.dialect(&config).await;
    let mut draft = Draft::new(&config, &dialect);
    draft
        .delete_route(&gone.table, &gone.destination)
        .map_err(|error| Failure::invalid(error.to_string()))?;
    let why = format!("Delete the static route to {}", gone.destination);
    propose(&ask, &form, HERE, why, draft.commands()).await
}

/// The route that is named, if one is.
fn find(
    config: &Node,
    (destination, table): (Option<&str>, Option<&str>),
) -> Result<Option<StaticRoute>, Failure> {
    let Some(destination) = destination else { return Ok(None) };
    let table = table.unwrap_or_default();
    let mut all = static_routes(config).into_iter();
    let found = all.find(|one| one.destination == destination && table_value(&one.table) == table);
    match found {
        Some(route) => Ok(Some(route)),
        None => Err(Failure::not_found("There is no such route, or there is none any more.")),
    }
}

/// A table as forms say it; the main one is an empty text, a VRF's begins with a colon, as no
/// number does.
fn table_value(table: &Table) -> String {
    match table {
        Table::Main => String::new(),
        Table::Number(number) => number.to_string(),
        Table::Vrf(name) => format!(":{name}"),
    }
}

fn table_of(text: &str) -> Result<Table, EditError> {
    match text.strip_prefix(':') {
        Some(vrf) => Ok(Table::Vrf(vrf.to_owned())),
        None if text.is_empty() => Ok(Table::Main),
        None => text
            .parse()
            .map(Table::Number)
            .map_err(|_| EditError::of("table", "there is no such table")),
    }
}

fn table_words(table: &Table) -> String {
    match table {
        Table::Main => String::new(),
        Table::Number(number) => format!("in table {number}"),
        Table::Vrf(name) => format!("in VRF {name}"),
    }
}

fn href(route: &StaticRoute) -> String {
    let query = Query::new(EDIT).with("old", &route.destination);
    query.with("old_table", &table_value(&route.table)).href()
}

fn row(route: &StaticRoute) -> StaticRow {
    let mut hops: Vec<String> = route.hops.iter().map(hop_words).collect();
    for (discard, word) in [(&route.blackhole, "dropped"), (&route.reject, "rejected")] {
        if let Some(discard) = discard {
            hops.push(with_distance(word.to_owned(), discard.distance));
        }
    }
    hops.extend(route.dhcp_interface.as_ref().map(|name| format!("DHCP's gateway on {name}")));
    StaticRow {
        destination: route.destination.clone(),
        table: table_words(&route.table),
        table_value: table_value(&route.table),
        description: route.description.clone().unwrap_or_default(),
        hops,
        other: route.other.clone(),
        href: href(route),
    }
}

fn with_distance(words: String, distance: Option<u8>) -> String {
    match distance {
        Some(distance) => format!("{words}, distance {distance}"),
        None => words,
    }
}

fn hop_words(hop: &Hop) -> String {
    let mut words = hop.gateway.clone().unwrap_or_default();
    if let Some(interface) = &hop.interface {
        let between = if words.is_empty() { "out of " } else { " on " };
        words.push_str(between);
        words.push_str(interface);
    }
    if let Some(vrf) = &hop.vrf {
        words = format!("{words} in VRF {vrf}");
    }
    let mut words = with_distance(words, hop.distance);
    if hop.disabled {
        words.push_str(", switched off");
    }
    for other in &hop.other {
        words = format!("{words}, {other}");
    }
    words
}

fn read(form: &Form, before: Option<&StaticRoute>) -> Result<RouteEdit, EditError> {
    let kind = form.get("kind");
    let mut hops: Vec<Hop> = Vec::new();
    for place in 1..=MOST_HOPS {
        let field = |name: &str| format!("{name}{place}");
        let (gateway, interface) =
            (maybe(form.get(&field("gateway"))), maybe(form.get(&field("interface"))));
        if kind != "hops" || (gateway.is_none() && interface.is_none()) {
            continue;
        }
        // What the form does not show of a way stays as it is.
        let known = before.and_then(|before| {
            before.hops.iter().find(|hop| hop.gateway == gateway && hop.interface == interface)
        });
        if hops.iter().any(|hop| hop.gateway == gateway && hop.interface == interface) {
            return Err(EditError::of("hops", "the same way is there twice"));
        }
        hops.push(Hop {
            distance: number(form, &field("distance"))
                .map_err(|_| EditError::of("hops", "a distance is a number from 1 to 255"))?,
            disabled: form.ticked(&field("off")),
            vrf: known.and_then(|hop| hop.vrf.clone()),
            other: Vec::new(),
            gateway,
            interface,
        });
    }
    let discard = |word: &str, old: Option<&Discard>| -> Result<Option<Discard>, EditError> {
        if kind != word {
            return Ok(None);
        }
        Ok(Some(Discard { distance: number(form, "distance")?, tag: old.and_then(|old| old.tag) }))
    };
    Ok(RouteEdit {
        destination: form.get("destination").to_owned(),
        table: table_of(form.get("table"))?,
        description: maybe(form.get("description")),
        hops,
        blackhole: discard("blackhole", before.and_then(|route| route.blackhole.as_ref()))?,
        reject: discard("reject", before.and_then(|route| route.reject.as_ref()))?,
    })
}

async fn page(
    ask: &Ask,
    config: &Node,
    old: (Option<&str>, Option<&str>),
    filled: &Filled<'_>,
) -> Result<StaticRoutePage, Failure> {
    let before = find(config, old)?;
    let table = before.as_ref().map(|before| table_value(&before.table)).unwrap_or_default();
    let mut tables = vec![(String::new(), "The main table".to_owned())];
    let mut numbers: Vec<u32> = static_routes(config)
        .iter()
        .filter_map(|route| match route.table {
            Table::Number(number) => Some(number),
            _ => None,
        })
        .collect();
    numbers.sort_unstable();
    numbers.dedup();
    tables.extend(numbers.into_iter().map(|n| (n.to_string(), format!("Table {n}"))));
    tables.extend(
        vrfs(config).into_iter().map(|vrf| (format!(":{}", vrf.name), format!("VRF {}", vrf.name))),
    );
    let kind = match &before {
        Some(StaticRoute { blackhole: Some(_), .. }) => "blackhole",
        Some(StaticRoute { reject: Some(_), .. }) => "reject",
        _ => "hops",
    };
    let kinds = [
        ("hops", "go to the next hops below"),
        ("blackhole", "are dropped without a word"),
        ("reject", "are rejected: their sender is told"),
    ];
    let distance = before.as_ref().and_then(|before| {
        let discard = before.blackhole.as_ref().or(before.reject.as_ref());
        discard.and_then(|discard| discard.distance)
    });
    let text = |number: Option<u8>| number.map(|number| number.to_string()).unwrap_or_default();
    let known: &[Hop] = before.as_ref().map(|before| before.hops.as_slice()).unwrap_or_default();
    let places = (known.len() + SPARE_HOPS).min(MOST_HOPS);
    let hops = (1..=places).map(|place| {
        let hop = known.get(place - 1).cloned().unwrap_or_default();
        HopFields {
            number: place,
            gateway: filled.field(&format!("gateway{place}"), &hop.gateway.unwrap_or_default()),
            interface: filled
                .field(&format!("interface{place}"), &hop.interface.unwrap_or_default()),
            distance: filled.field(&format!("distance{place}"), &text(hop.distance)),
            disabled: filled.ticked(&format!("off{place}"), hop.disabled),
            vrf: hop.vrf.unwrap_or_default(),
        }
    });
    let destination = before.as_ref().map(|before| before.destination.clone()).unwrap_or_default();
    let description = before.as_ref().and_then(|before| before.description.clone());
    Ok(StaticRoutePage {
        shell: ask.router_shell("Static route").await,
        old: destination.clone(),
        old_table: table.clone(),
        destination: filled.field("destination", &destination),
        tables: Choice::list(tables, &filled.value("table", &table)),
        table_error: String::new(),
        description: filled.field("description", &description.unwrap_or_default()),
        kinds: Choice::list(kinds, &filled.value("kind", kind)),
        hops: hops.collect(),
        hops_error: String::new(),
        distance: filled.field("distance", &text(distance)),
        interfaces: interfaces(config).into_iter().map(|one| one.name).collect(),
        said: filled.said(&["destination", "description", "hops", "table", "distance"]),
    })
}
