//! All traffic at a glance: by device over time, and who and what had the most.

use ::flows::answers::{Overview, OverviewQuestion, Talker};
use ::flows::query::Measure;
use ::flows::rollup::{Amounts, Kind};
use axum::http::Method;
use axum::response::Response;

use super::asked::{By, SCOPES, time, word};
use super::names::Names;
use super::rank::{self, Group, share};
use super::{LOOK, nothing_kept, nothing_then, told};
use crate::http::{Failure, Route, Routes};
use crate::pages::Ask;
use crate::site::Site;
use crate::view::flows::{Rank, Ranking, Span, TalkerLine, TrafficPage};
use crate::view::{Stack, Tab, bytes, rate};

/// Devices with an area of their own, and rows of a ranking.
const LINES: usize = 6;
const ROWS: usize = 8;
/// Who talks just now.
const TALKERS: usize = 8;
/// Up to this long all flows are read for the remotes, which are in no sums.
const REMOTES_MS: i64 = 7 * 86_400_000;

pub(super) fn routes() -> Routes<Site> {
    Routes::new().add(
        Route::new(Method::GET, "/flows", LOOK, show, "Traffic at a glance")
            .query("range", "string", "`1h`, `7d`, `30d` or `1y` instead of a day.")
            .query("scope", "string", "`local`, `router` or `all` instead of the Internet."),
    )
}

async fn show(ask: Ask) -> Result<Response, Failure> {
    let time = time(&ask.query, ask.now);
    let (_, _, scopes) = word(&ask.query, "scope", &SCOPES);
    let question = OverviewQuestion {
        range: time.range,
        step: time.step,
        scopes: scopes.to_vec(),
        lines: LINES,
        rows: ROWS,
        remotes: time.range.to.0.saturating_sub(time.range.from.0) <= REMOTES_MS,
    };
    let answer = ask.site.flows.ask(ask.now, move |desk| desk.overview(&question)).await;
    let mut page = blank(&ask, time.span).await;
    match answer {
        Err(error) => page.empty = Some(told(error)?),
        Ok(answer) if answer.kept.is_none() && answer.sum == Amounts::default() => {
            page.empty = Some(nothing_kept());
        }
        Ok(answer) if answer.sum == Amounts::default() && page.talkers.is_none() => {
            page.empty = Some(nothing_then(answer.kept));
        }
        Ok(answer) => fill(&ask, &mut page, &answer),
    }
    ask.page(&page)
}

async fn blank(ask: &Ask, span: Span) -> TrafficPage {
    let scopes = SCOPES.iter().map(|(word, label, _)| Tab::of(&ask.query, "scope", word, label));
    TrafficPage {
        scopes: scopes.collect(),
        figures: Vec::new(),
        chart: None,
        ways: None,
        talkers: talkers(&ask.site),
        rankings: Vec::new(),
        note: String::new(),
        places: String::new(),
        empty: None,
        span,
        shell: ask.flows_shell("Traffic").await,
    }
}

fn fill(ask: &Ask, page: &mut TrafficPage, answer: &Overview) {
    let names = Names::new(&ask.site);
    let query = ask.query.without("before");
    let octets = |amounts: &Amounts| amounts.sent.saturating_add(amounts.received);
    let all = octets(&answer.sum);
    page.figures = vec![
        ("in all", bytes(all)),
        ("down", bytes(answer.sum.received)),
        ("up", bytes(answer.sum.sent)),
    ];
    let brush = query.moved("/flows/explore").without("scope").without("range").href();
    let steps = (answer.from, answer.step);
    let total: Vec<u64> = answer.total.iter().map(octets).collect();
    let mut rest = total.clone();
    let mut layers = Vec::new();
    for (whose, steps) in &answer.devices {
        let who = names.whose(*whose);
        let octets: Vec<u64> = steps.iter().map(octets).collect();
        for (rest, octets) in rest.iter_mut().zip(&octets) {
            *rest = rest.saturating_sub(*octets);
        }
        layers.push((who.label, who.href, octets));
    }
    if rest.iter().any(|octets| *octets > 0) {
        layers.push(("All others".to_owned(), String::new(), rest));
    }
    page.chart =
        Some(Stack::rates("by-device", "By device", brush.clone(), steps, ask.now, layers));
    let way = |label: &str, of: fn(&Amounts) -> u64| {
        (label.to_owned(), String::new(), answer.total.iter().map(of).collect())
    };
    let ways = vec![way("Down", |a| a.received), way("Up", |a| a.sent)];
    page.ways = Some(Stack::rates("by-way", "Down and up", brush, steps, ask.now, ways));
    let of = |title, kind, rows| rank::sums(&names, title, kind, rows, all, &query);
    page.rankings.push(of("Devices", Kind::Account, &answer.accounts));
    if let Some(top) = &answer.remotes {
        let rows: Vec<(Group, _)> = top.rows.iter().map(|row| (Group::Key, *row)).collect();
        let by = By::Of(::flows::query::Dimension::Remote);
        let bare = query.without("scope");
        let mut ranking = rank::groups(&names, (&bare, by), Measure::Bytes, &rows, &top.total);
        "Remote addresses".clone_into(&mut ranking.title);
        ranking.note = partly(answer);
        page.rankings.push(ranking);
    }
    page.rankings.push(of("Services", Kind::Service, &answer.services));
    if answer.countries.iter().chain(&answer.systems).any(|row| row.key != 0) {
        page.rankings.push(of("Countries", Kind::Country, &answer.countries));
        page.rankings.push(of("Autonomous systems", Kind::System, &answer.systems));
    } else {
        "Countries and who runs them are shown once a database of addresses (GeoLite2 or DB-IP, as \
         .mmdb) lies in the folder geoip beside the appliance's configuration."
            .clone_into(&mut page.places);
    }
    if !answer.interfaces.is_empty() {
        page.rankings.push(of("Interfaces", Kind::Interface, &answer.interfaces));
    }
    let explore = query.moved("/flows/explore").without("scope");
    for ranking in &mut page.rankings {
        let by = DIMENSIONS_OF.iter().find(|(title, _)| *title == ranking.title);
        if let Some((_, by)) = by {
            ranking.href = explore.with("by", by).href();
        }
    }
}

/// By what the explorer shows more of a ranking.
const DIMENSIONS_OF: [(&str, &str); 6] = [
    ("Devices", "device"),
    ("Remote addresses", "remote"),
    ("Services", "service"),
    ("Countries", "country"),
    ("Autonomous systems", "as"),
    ("Interfaces", "in"),
];

/// That single flows do not reach back as far as their sums.
fn partly(answer: &Overview) -> String {
    match answer.kept {
        Some((first, _)) if first > answer.from => {
            format!("From the flows themselves, which are kept since {}.", first.local())
        }
        _ => String::new(),
    }
}

fn talkers(site: &Site) -> Option<Vec<TalkerLine>> {
    let all = site.flows.talkers()?;
    let names = Names::new(site);
    let line = |talker: &Talker| TalkerLine {
        who: names.whose(talker.whose),
        up: rate(talker.sent_bps),
        down: rate(talker.received_bps),
    };
    Some(all.iter().take(TALKERS).map(line).collect())
}

/// The figures of the page that change all the time, by the names of their elements.
pub(in crate::pages) fn figures(site: &Site) -> Vec<(String, String)> {
    let lines = talkers(site).unwrap_or_default();
    let named = lines.into_iter().enumerate().flat_map(|(i, line)| {
        [
            (format!("talker-{i}"), line.who.label),
            (format!("talker-{i}-down"), line.down),
            (format!("talker-{i}-up"), line.up),
        ]
    });
    named.collect()
}

/// A plain ranking of peers or services by octets.
pub(super) fn plain(title: &str, rows: Vec<(crate::view::flows::Who, u64)>, all: u64) -> Ranking {
    let rank = |(who, octets): (crate::view::flows::Who, u64)| Rank {
        who,
        amount: bytes(octets),
        share: share(octets, all),
        ..Rank::default()
    };
    Ranking {
        title: title.to_owned(),
        head: vec!["Bytes"],
        rows: rows.into_iter().map(rank).collect(),
        ..Ranking::default()
    }
}
