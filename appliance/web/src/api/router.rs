//! The router: how it stands, what it runs, and changes of it, as on its pages: a plan first, then
//! its application with a countdown, then to be kept or undone.

use std::time::Duration;

use access::Permission as P;
use axum::Extension;
use axum::extract::{Path, State};
use axum::http::{Method, StatusCode};
use axum::response::Response;
use model::Explained;
use serde::{Deserialize, Serialize};
use system::routes::Family;
use vyos::client::AskError;
use vyos::config::{Command, commands};
use vyos::{
    Change, ChangeError, Draft, LONGEST_COUNTDOWN, Link, Operator, Origin, Plan, PlanError,
    SHORTEST_COUNTDOWN, USUAL_COUNTDOWN,
};

use super::{Body, Listed, Params, answer, created, done, page_query, schema};
use crate::http::{Entry, Failure, Peer, Route, Routes, Schema, Visitor};
use crate::site::Site;

pub(super) fn routes() -> Routes<Site> {
    let (look, change) = (Entry::Needs(P::RouterRead), Entry::Needs(P::RouterChange));
    let (get, post) = (Method::GET, Method::POST);
    let changed = || Schema::named("RouterChange");
    Routes::new()
        .add(
            Route::new(get.clone(), "/api/v1/router", look, status, "How the router stands")
                .gives(schema::router_status()),
        )
        .add(
            Route::new(
                get.clone(),
                "/api/v1/router/interfaces",
                look,
                interfaces,
                "The router's interfaces, with what they count",
            )
            .gives(Schema::page(schema::router_interface())),
        )
        .add(
            Route::new(
                get.clone(),
                "/api/v1/router/routes",
                look,
                routes_of,
                "The routes that FRR or the kernel has",
            )
            .query("family", "string", "v4 (usual) or v6.")
            .gives(schema::router_routes()),
        )
        .add(
            Route::new(
                get.clone(),
                "/api/v1/router/config",
                look,
                config,
                "What the router runs, secrets struck out",
            )
            .query("path", "string", "Words with a blank between: interfaces ethernet eth0.")
            .gives(schema::router_config()),
        )
        .add(
            Route::new(
                get.clone(),
                "/api/v1/router/changes",
                look,
                changes,
                "Changes of the router, newest first",
            )
            .paged()
            .gives(Schema::page(changed())),
        )
        .add(
            Route::new(
                get.clone(),
                "/api/v1/router/changes/{number}",
                look,
                one_change,
                "A change of the router",
            )
            .gives(changed()),
        )
        .add(
            Route::new(
                post.clone(),
                "/api/v1/router/plans",
                change,
                make_plan,
                "Plan a change: what it would do, and what it puts at risk",
            )
            .takes(schema::new_plan())
            .gives(Schema::named("RouterPlan")),
        )
        .add(
            Route::new(
                get,
                "/api/v1/router/plans/{plan}",
                change,
                one_plan,
                "A plan of one's own, within an hour",
            )
            .gives(Schema::named("RouterPlan")),
        )
        .add(
            Route::new(
                post.clone(),
                "/api/v1/router/plans/{plan}/apply",
                change,
                apply,
                "Apply a plan; it undoes itself unless it is kept in time",
            )
            .takes(schema::apply_plan())
            .gives(changed())
            .patient(),
        )
        .add(
            Route::new(
                post.clone(),
                "/api/v1/router/changes/{number}/keep",
                change,
                keep,
                "Keep a change that waits, and save it",
            )
            .gives(changed())
            .patient(),
        )
        .add(
            Route::new(
                post.clone(),
                "/api/v1/router/changes/{number}/undo",
                change,
                undo,
                "Undo a change that waits",
            )
            .gives(changed())
            .patient(),
        )
        .add(
            Route::new(
                post,
                "/api/v1/router/save",
                change,
                save,
                "Make what the router runs what it starts with",
            )
            .patient(),
        )
}

#[derive(Serialize)]
struct Standing {
    link: &'static str,
    trouble: Option<String>,
    host_name: Option<String>,
    version: Option<String>,
    unsaved: Option<bool>,
    uptime_seconds: u64,
    cpu_percent: Option<f64>,
    memory_bytes: u64,
    memory_available_bytes: u64,
    wans: Vec<Line>,
    unsettled: Vec<vyos::Unsettled>,
}

#[derive(Serialize)]
struct Line {
    interface: String,
    addresses: Vec<String>,
    rx_bps: Option<f64>,
    tx_bps: Option<f64>,
}

async fn status(State(site): State<Site>) -> Result<Response, Failure> {
    let status = site.router.status().borrow().clone();
    let overview = site.system.overview();
    let (link, trouble) = match &status.link {
        Link::Asking => ("asking", None),
        Link::Up => ("up", None),
        Link::Down(trouble) => ("down", Some(format!("{} {}", trouble.text, trouble.advice))),
    };
    let load = &overview.snapshot.load;
    let wans = overview.wans.iter().map(|wan| Line {
        interface: wan.interface.link.name.clone(),
        addresses: addresses(&wan.interface),
        rx_bps: wan.interface.rates.map(|rates| rates.rx_bps),
        tx_bps: wan.interface.rates.map(|rates| rates.tx_bps),
    });
    answer(&Standing {
        link,
        trouble,
        version: status.abilities.as_ref().and_then(|found| found.version.clone()),
        host_name: status.host_name.clone(),
        unsaved: status.unsaved,
        uptime_seconds: load.uptime.as_secs(),
        cpu_percent: load.cpu.as_ref().map(|cpu| cpu.busy),
        memory_bytes: load.memory.total,
        memory_available_bytes: load.memory.available,
        wans: wans.collect(),
        unsettled: site.router.unsettled(),
    })
}

fn addresses(interface: &system::interfaces::Interface) -> Vec<String> {
    let all = interface.link.addresses.iter();
    all.map(|address| format!("{}/{}", address.ip, address.prefix)).collect()
}

#[derive(Serialize)]
struct InterfaceNow {
    name: String,
    kind: system::interfaces::Kind,
    description: Option<String>,
    mac: Option<model::Mac>,
    mtu: u32,
    enabled: bool,
    state: system::interfaces::OperState,
    vrf: Option<String>,
    addresses: Vec<String>,
    counters: system::interfaces::Counters,
    rates: Option<system::interfaces::Rates>,
}

async fn interfaces(State(site): State<Site>) -> Result<Response, Failure> {
    let config = site.router.last_config();
    let known = config.map(|config| vyos::facts::interfaces(&config)).unwrap_or_default();
    let now = site.system.interfaces().into_iter().map(|interface| {
        let link = interface.link.clone();
        let told = known.iter().find(|one| one.name == link.name);
        InterfaceNow {
            addresses: addresses(&interface),
            description: told.and_then(|one| one.description.clone()).or(link.alias.clone()),
            name: link.name.clone(),
            kind: link.kind,
            mac: link.mac,
            mtu: link.mtu,
            enabled: link.is_up,
            state: link.oper,
            vrf: link.vrf.clone(),
            counters: interface.counters,
            rates: interface.rates,
        }
    });
    Listed::whole(now.collect())
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WhichRoutes {
    family: Option<String>,
}

#[derive(Serialize)]
struct RoutesNow {
    source: system::routes::Source,
    note: Option<String>,
    left_out: u64,
    items: Vec<RouteNow>,
}

#[derive(Serialize)]
struct RouteNow {
    destination: String,
    protocol: String,
    vrf: String,
    selected: bool,
    installed: bool,
    distance: Option<u32>,
    metric: u32,
    age_seconds: Option<u64>,
    hops: Vec<system::routes::NextHop>,
}

async fn routes_of(
    State(site): State<Site>,
    Params(query): Params<WhichRoutes>,
) -> Result<Response, Failure> {
    let families = [("v4", Family::V4), ("v6", Family::V6)];
    let family = super::one_of("family", query.family.as_deref().unwrap_or("v4"), &families)?;
    let read = site.system.routes(family).await;
    let read = read.map_err(|error| Failure::unavailable(format!("{error}.")))?;
    let items = read.routes.into_iter().map(|route| RouteNow {
        destination: route.destination(),
        protocol: route.protocol,
        vrf: route.vrf,
        selected: route.is_selected,
        installed: route.is_installed,
        distance: route.distance,
        metric: route.metric,
        age_seconds: route.age.map(|age| age.as_secs()),
        hops: route.hops,
    });
    let items = items.collect();
    answer(&RoutesNow { source: read.source, note: read.note, left_out: read.left_out, items })
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WhichPart {
    path: Option<String>,
}

async fn config(
    State(site): State<Site>,
    Params(query): Params<WhichPart>,
) -> Result<Response, Failure> {
    let config = site.router.config().await.map_err(unreachable)?;
    let path = query.path.unwrap_or_default();
    let words = path.split(' ').filter(|word| !word.is_empty());
    // What is named by a secret has another name by now, and is not found.
    let bare = config.without_secrets();
    let part = bare.at(words).ok_or_else(|| {
        Failure::not_found(format!("The router's configuration has nothing at `{path}`."))
    })?;
    answer(&serde_json::json!({ "path": path, "config": part.to_json() }))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PageOf {
    limit: Option<u32>,
    cursor: Option<String>,
}

async fn changes(
    State(site): State<Site>,
    Params(query): Params<PageOf>,
) -> Result<Response, Failure> {
    let page = page_query(query.limit, query.cursor)?;
    let limit = page.limit();
    let mut found = site.router.changes(page.after::<i64>()?, limit + 1).await?;
    let more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let next = found.last().map(|change| change.number).filter(|_| more);
    Listed::page(found, next)
}

async fn change_of(site: &Site, number: i64) -> Result<Change, Failure> {
    let found = site.router.change(number).await?;
    found.ok_or_else(|| Failure::not_found(format!("There is no change {number}.")))
}

async fn one_change(
    State(site): State<Site>,
    Path(number): Path<i64>,
) -> Result<Response, Failure> {
    answer(&change_of(&site, number).await?)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewPlan {
    commands: Vec<String>,
    why: String,
}

#[derive(Serialize)]
struct Planned<'a> {
    id: &'a str,
    why: &'a str,
    commands: Vec<String>,
    risks: &'a [vyos::Risk],
    confirm: Option<&'a str>,
    refused: Option<&'a str>,
    change: Option<i64>,
}

impl<'a> Planned<'a> {
    fn of(plan: &'a Plan) -> Self {
        Self {
            id: &plan.id,
            why: &plan.why,
            commands: plan.commands.iter().map(vyos::secrets::shown).collect(),
            risks: &plan.risks,
            confirm: plan.cuts().then_some(&*plan.word),
            refused: plan.refused(),
            change: plan.applied(),
        }
    }
}

/// The longest reason, in characters.
const LONGEST_WHY: usize = 200;

async fn make_plan(
    State(site): State<Site>,
    visitor: Visitor,
    peer: Option<Extension<Peer>>,
    Body(new): Body<NewPlan>,
) -> Result<Response, Failure> {
    let why = new.why.trim().to_owned();
    if why.is_empty() || why.chars().count() > LONGEST_WHY {
        return Err(Failure::invalid(format!("why: 1 to {LONGEST_WHY} characters.")));
    }
    let parsed: Vec<Command> = commands::parse(&new.commands.join("\n"))
        .map_err(|error| Failure::invalid(format!("commands: {error}.")))?;
    let draft = Draft { commands: parsed, why, origin: Origin::default() };
    let local = peer.and_then(|Extension(peer)| peer.local);
    let operator = Operator { address: visitor.caller.address, local };
    let plan = site.router.plan(draft, &visitor.caller, operator).await;
    let plan = plan.map_err(|error| match error {
        PlanError::Ask(error) => unreachable(error),
        PlanError::Nothing => Failure::conflict("Nothing would change: the router is so already."),
        other => Failure::invalid(format!("commands: {other}.")),
    })?;
    created(&format!("/api/v1/router/plans/{}", plan.id), &Planned::of(&plan))
}

fn find(site: &Site, visitor: &Visitor, id: &str) -> Result<std::sync::Arc<Plan>, Failure> {
    let plan = site.router.find_plan(id, &visitor.caller.actor);
    plan.ok_or_else(|| {
        Failure::not_found("There is no such plan of yours, or it is older than an hour.")
    })
}

async fn one_plan(
    State(site): State<Site>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    answer(&Planned::of(&*find(&site, &visitor, &id)?))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Application {
    #[serde(default)]
    seconds: Option<u64>,
    #[serde(default)]
    confirm: Option<String>,
}

async fn apply(
    State(site): State<Site>,
    visitor: Visitor,
    Path(id): Path<String>,
    Body(wanted): Body<Application>,
) -> Result<Response, Failure> {
    let plan = find(&site, &visitor, &id)?;
    let allowed = SHORTEST_COUNTDOWN.as_secs()..=LONGEST_COUNTDOWN.as_secs();
    let seconds = wanted.seconds.unwrap_or(USUAL_COUNTDOWN.as_secs());
    if !allowed.contains(&seconds) {
        let (low, high) = (allowed.start(), allowed.end());
        return Err(Failure::invalid(format!("seconds: give a number from {low} to {high}.")));
    }
    if plan.cuts() && wanted.confirm.as_deref() != Some(&plan.word) {
        return Err(Failure::invalid(format!(
            "confirm: this may cut you off; give `{}` to apply it all the same.",
            plan.word
        )));
    }
    let countdown = Duration::from_secs(seconds);
    let number = site.router.apply(&plan, countdown, &visitor.caller).await.map_err(refused)?;
    created(&format!("/api/v1/router/changes/{number}"), &change_of(&site, number).await?)
}

async fn keep(
    State(site): State<Site>,
    visitor: Visitor,
    Path(number): Path<i64>,
) -> Result<Response, Failure> {
    change_of(&site, number).await?;
    site.router.keep(number, &visitor.caller).await.map_err(refused)?;
    answer(&change_of(&site, number).await?)
}

async fn undo(
    State(site): State<Site>,
    visitor: Visitor,
    Path(number): Path<i64>,
) -> Result<Response, Failure> {
    change_of(&site, number).await?;
    site.router.undo(number, &visitor.caller).await.map_err(refused)?;
    answer(&change_of(&site, number).await?)
}

async fn save(State(site): State<Site>, visitor: Visitor) -> Result<Response, Failure> {
    site.router.save(&visitor.caller).await.map_err(refused)?;
    Ok(done())
}

fn unreachable(error: AskError) -> Failure {
    Failure::unavailable(format!("The router cannot be asked: {error}."))
}

/// Why a change was not made, kept or undone.
fn refused(error: ChangeError) -> Failure {
    use ChangeError as E;
    let said = format!("{error}.");
    match error {
        E::Ask(error) => unreachable(error),
        E::Store(error) => error.into(),
        E::Stale | E::InTheWay { .. } | E::TooMany | E::Settled(_) | E::Busy(_) => {
            Failure::conflict(said)
        }
        E::Harmful(_) | E::Empty | E::NoWayBack(_) => Failure::invalid(said),
        E::Refused(_) | E::NotDone(_) | E::Partly(_) => {
            Failure::new(StatusCode::BAD_GATEWAY, Explained::new("router_refused", said))
        }
        E::Book(error) => Failure::internal("Writing a change down", error),
    }
}
