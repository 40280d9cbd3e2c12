//! Any question about flows: grouped by anything, over any time, narrowed by a filter and by
//! clicking; all of it stands in the address.

use ::flows::query::{Series, SeriesQuery, Top, TopQuery, TopRow};
use axum::http::Method;
use axum::response::Response;

use super::asked::{By, DIMENSIONS, MEASURES, filter, time, word};
use super::names::Names;
use super::rank::{self, Group};
use super::{LOOK, nothing_then, told};
use crate::http::{Failure, Route, Routes};
use crate::pages::Ask;
use crate::site::Site;
use crate::view::flows::{ExplorePage, Ranking};
use crate::view::{Choice, Link, Query, Stack, bytes, count};

/// Rows of the ranking.
const ROWS: usize = 50;

pub(super) fn routes() -> Routes<Site> {
    Routes::new().add(
        Route::new(Method::GET, "/flows/explore", LOOK, show, "Flows grouped by anything")
            .query("filter", "string", "Which flows, in the language of filters.")
            .query("by", "string", "What they are grouped by.")
            .query("measure", "string", "`bytes`, `packets` or `flows`.")
            .query("range", "string", "A usual time.")
            .query("from", "string", "A chosen time.")
            .query("to", "string", "Its end."),
    )
}

/// What was found.
struct Answer {
    rows: Vec<(Group, TopRow)>,
    top: Top,
    series: Series,
}

async fn show(ask: Ask) -> Result<Response, Failure> {
    let time = time(&ask.query, ask.now);
    let (which, field) = filter(&ask.query, &ask.site.discovery);
    let (by_word, by_label, by) = word(&ask.query, "by", &DIMENSIONS);
    let (measure_word, _, measure) = word(&ask.query, "measure", &MEASURES);
    let wrong = time.wrong || !field.pointer.is_empty();
    let mut page = ExplorePage {
        by: Choice::list(DIMENSIONS.map(|(word, label, _)| (word, label)), by_word),
        measure: Choice::list(MEASURES.map(|(word, label, _)| (word, label)), measure_word),
        keep: kept(&ask.query),
        chart: None,
        figures: Vec::new(),
        ranking: Ranking::default(),
        links: ways(&ask.query, false),
        empty: None,
        span: time.span,
        filter: field,
        shell: ask.flows_shell("Explore traffic").await,
    };
    if wrong {
        // An answer to another question than the one that was asked would mislead.
        page.empty = Some(crate::view::Empty::new(
            "search",
            "Nothing was asked",
            "Correct what is marked above, then show it again.",
        ));
        return ask.refused(&page);
    }
    let (range, step) = (time.range, time.step);
    let answer = ask.site.flows.ask(ask.now, move |desk| {
        let mut query = TopQuery {
            range,
            filter: which.clone(),
            by: ::flows::query::Dimension::Host,
            measure,
            limit: ROWS,
        };
        let (rows, top) = match by {
            By::Owner => {
                let (owners, top) = desk.top_owners(&query)?;
                (rank::owners(&owners), top)
            }
            By::Of(dimension) => {
                query.by = dimension;
                let top = desk.top(&query)?;
                (top.rows.iter().map(|row| (Group::Key, *row)).collect(), top)
            }
        };
        let series = SeriesQuery { range, step, filter: which, hosts: Vec::new() };
        Ok(Answer { rows, top, series: desk.series(&series)? })
    });
    match answer.await {
        Err(error) => page.empty = Some(told(error)?),
        Ok(answer) if answer.top.total.flows == 0 && page.filter.field.value.is_empty() => {
            page.empty = Some(nothing_then(answer.top.evidence.kept));
        }
        Ok(answer) => fill(&ask, &mut page, (by, by_label, measure), &answer),
    }
    ask.page(&page)
}

fn fill(
    ask: &Ask,
    page: &mut ExplorePage,
    (by, label, measure): (By, &str, ::flows::query::Measure),
    answer: &Answer,
) {
    let names = Names::new(&ask.site);
    let total = &answer.top.total;
    page.figures = vec![
        ("Bytes", bytes(total.bytes)),
        ("Packets", count(total.packets)),
        ("Flows", count(total.flows)),
        ("Groups", count(answer.top.groups)),
    ];
    let octets = answer.series.points.iter().map(|point| point.sent.bytes).collect();
    let layer = ("All".to_owned(), String::new(), octets);
    let brush = ask.query.without("range").without("from").without("to").href();
    let steps = (answer.series.from, answer.series.step);
    page.chart = Some(Stack::rates("over-time", "Over time", brush, steps, ask.now, vec![layer]));
    page.ranking = rank::groups(&names, (&ask.query, by), measure, &answer.rows, total);
    label.clone_into(&mut page.ranking.title);
    if answer.top.unlisted > 0 {
        "There are more groups than fit in memory: figures of small ones may be too low."
            .clone_into(&mut page.ranking.note);
    }
}

/// What a form keeps of the address besides its own fields.
pub(super) fn kept(query: &Query) -> Vec<(String, String)> {
    let range = query.get("range").map(|range| ("range".to_owned(), range.to_owned()));
    range.into_iter().collect()
}

/// Where else these flows can be looked at.
pub(super) fn ways(query: &Query, listed: bool) -> Vec<Link> {
    let bare = query.without("before");
    let link = |label: &str, query: Query| Link { label: label.to_owned(), href: query.href() };
    let flows = bare.without("by").without("measure");
    let file = |format| flows.moved("/flows/export").with("format", format);
    let other = if listed {
        link("Explore these", bare.moved("/flows/explore"))
    } else {
        link("List the flows", flows.moved("/flows/list"))
    };
    vec![
        other,
        link("CSV", file("csv")),
        link("JSON", file("json")),
        link("NDJSON", file("ndjson")),
    ]
}
