//! What one device sent and received, with whom and by what.

use ::flows::answers::{DeviceAnswer, DeviceQuestion};
use ::flows::query::{Dimension, Measure, TopRow};
use ::flows::rollup::{Amounts, Whose};
use axum::extract::Path;
use axum::http::Method;
use axum::response::Response;

use super::asked::{By, time};
use super::names::Names;
use super::rank::{self, Group};
use super::{LOOK, nothing_kept, nothing_then, told};
use crate::http::{Failure, Route, Routes};
use crate::pages::{Ask, device, rows};
use crate::site::Site;
use crate::view::flows::DeviceTrafficPage;
use crate::view::{DeviceRow, Place, Shell, Stack, Strip, bytes};

const ROWS: usize = 15;

pub(super) fn routes() -> Routes<Site> {
    let ranged = |route: Route<Site>| {
        route.query("range", "string", "`1h`, `7d`, `30d` or `1y` instead of a day.")
    };
    let get = || Method::GET;
    Routes::new()
        .add(ranged(Route::new(get(), "/devices/{id}/traffic", LOOK, show, "A device's traffic")))
        .add(ranged(Route::new(get(), "/flows/peers/{id}", LOOK, peer, "Traffic of a VPN's peer")))
}

async fn show(ask: Ask, Path(id): Path<String>) -> Result<Response, Failure> {
    let found = device::find(&ask.site, &id).await?;
    let shell = ask.shell(&found.name(), Some(Place::Devices)).await;
    let row = rows::row(&found, Strip::new(&[], ""), ask.now);
    of(ask, shell, Whose::Device(found.id.0), (found.name(), Some(row))).await
}

async fn peer(ask: Ask, Path(id): Path<String>) -> Result<Response, Failure> {
    let number = id.parse().ok().filter(|number| *number >= 0);
    let none = || Failure::not_found("There is no such peer of a VPN.");
    let whose = Whose::VpnPeer(number.ok_or_else(none)?);
    let name = Names::new(&ask.site).whose(whose).label;
    let shell = ask.flows_shell(&name).await;
    of(ask, shell, whose, (name, None)).await
}

async fn of(
    ask: Ask,
    shell: Shell,
    whose: Whose,
    (title, device): (String, Option<DeviceRow>),
) -> Result<Response, Failure> {
    let time = time(&ask.query, ask.now);
    let addresses = Names::new(&ask.site).addresses(whose);
    let question =
        DeviceQuestion { whose, addresses, range: time.range, step: time.step, rows: ROWS };
    let answer = ask.site.flows.ask(ask.now, move |desk| desk.device(&question)).await;
    let mut page = DeviceTrafficPage {
        shell,
        title,
        device,
        span: time.span,
        figures: Vec::new(),
        chart: None,
        rankings: Vec::new(),
        note: String::new(),
        empty: None,
    };
    match answer {
        Err(error) => page.empty = Some(told(error)?),
        Ok(answer) if is_empty(&answer) => {
            let none = answer.kept.is_none();
            page.empty = Some(if none { nothing_kept() } else { nothing_then(answer.kept) });
        }
        Ok(answer) => fill(&ask, whose, &mut page, &answer),
    }
    ask.page(&page)
}

fn is_empty(answer: &DeviceAnswer) -> bool {
    let none = Amounts::default();
    answer.sum == none && answer.local == none && answer.flows.flows == 0
}

fn fill(ask: &Ask, whose: Whose, page: &mut DeviceTrafficPage, answer: &DeviceAnswer) {
    let names = Names::new(&ask.site);
    page.figures = vec![
        ("Down", bytes(answer.sum.received)),
        ("Up", bytes(answer.sum.sent)),
        ("With our own", bytes(answer.local.sent.saturating_add(answer.local.received))),
    ];
    let hosts = rank::of_hosts(&names.addresses(whose)).unwrap_or_default();
    let time = ask.query.moved("/flows/explore").with("filter", &hosts);
    let brush = time.with("by", "remote").without("range").without("from").without("to").href();
    let of = |octets: fn(&Amounts) -> u64| -> Vec<u64> {
        answer.internet.of.iter().flatten().map(octets).collect()
    };
    let layers = vec![
        ("Down".to_owned(), String::new(), of(|amounts| amounts.received)),
        ("Up".to_owned(), String::new(), of(|amounts| amounts.sent)),
    ];
    let steps = (answer.internet.from, answer.internet.length);
    let title = "With the Internet";
    page.chart = Some(Stack::rates("device-traffic", title, brush, steps, ask.now, layers));
    for (title, rows, dimension, word) in [
        ("Remote addresses", &answer.remotes, Dimension::Remote, "remote"),
        ("Services", &answer.services, Dimension::Service, "service"),
    ] {
        let Some(rows) = rows else {
            // Whoever has networks only is in the sums, and is not looked for in the flows.
            if hosts.is_empty() {
                continue;
            }
            "There are too many flows to say with whom; choose a shorter time."
                .clone_into(&mut page.note);
            continue;
        };
        let rows: Vec<(Group, TopRow)> = rows.iter().map(|row| (Group::Key, *row)).collect();
        let by = By::Of(dimension);
        let mut ranking = rank::groups(&names, (&time, by), Measure::Bytes, &rows, &answer.flows);
        title.clone_into(&mut ranking.title);
        ranking.href = time.with("by", word).href();
        if answer.kept.is_some_and(|(first, _)| first > answer.internet.from) {
            let since = answer.kept.map(|(first, _)| first.local()).unwrap_or_default();
            ranking.note = format!("From the flows themselves, which are kept since {since}.");
        }
        page.rankings.push(ranking);
    }
}
