//! Flows one by one, the latest first, on pages and as files.

use ::flows::query::{Cursor as At, ListQuery, Listed};
use ::flows::{Direction, Flow};
use axum::http::Method;
use axum::response::Response;
use model::Timestamp;

use super::asked::{filter, time};
use super::explore::{kept, ways};
use super::names::{Names, add, protocol, service};
use super::{LOOK, nothing_then, told};
use crate::api::flows::{Form, file};
use crate::http::{Cursor, Failure, PageQuery, Route, Routes};
use crate::pages::Ask;
use crate::site::Site;
use crate::view::flows::{FlowLine, FlowListPage};
use crate::view::{Empty, Moment, Pager, bytes, count, span};

/// TCP's flags by their letters, the lowest bit first.
const FLAGS: &str = "FSRPAUEC";

pub(super) fn routes() -> Routes<Site> {
    let asked = |route: Route<Site>| {
        route
            .query("filter", "string", "Which flows, in the language of filters.")
            .query("range", "string", "A usual time.")
            .query("from", "string", "A chosen time.")
            .query("to", "string", "Its end.")
    };
    Routes::new()
        .add(asked(Route::new(Method::GET, "/flows/list", LOOK, show, "Flows one by one")))
        .add(
            asked(Route::new(Method::GET, "/flows/export", LOOK, export, "Flows as a file"))
                .query("format", "string", "csv (usual), json or ndjson.")
                .patient(),
        )
}

async fn show(ask: Ask) -> Result<Response, Failure> {
    let time = time(&ask.query, ask.now);
    let (which, field) = filter(&ask.query, &ask.site.discovery);
    let wrong = time.wrong || !field.pointer.is_empty();
    let mut page = FlowListPage {
        keep: kept(&ask.query),
        flows: Vec::new(),
        pager: Pager::default(),
        links: ways(&ask.query, true),
        empty: None,
        span: time.span,
        filter: field,
        shell: ask.flows_shell("Flows").await,
    };
    if wrong {
        page.empty = Some(Empty::new(
            "search",
            "Nothing was asked",
            "Correct what is marked above, then show it again.",
        ));
        return ask.refused(&page);
    }
    let cursor = ask.query.get("before").map(str::to_owned);
    let after = PageQuery { limit: None, cursor }.after::<(Timestamp, u64, u64)>()?;
    let after = after.map(|(start, content, alike)| At { start, content, alike });
    let query = ListQuery { range: time.range, filter: which, after, limit: ask.rows() as usize };
    match ask.site.flows.ask(ask.now, move |desk| desk.list(&query)).await {
        Err(error) => page.empty = Some(told(error)?),
        Ok(listed) if listed.flows.is_empty() && page.filter.field.value.is_empty() => {
            page.empty = Some(nothing_then(listed.evidence.kept));
        }
        Ok(listed) if listed.flows.is_empty() => {
            page.empty =
                Some(Empty::no_match(&ask.query.without("filter").without("before").href()));
        }
        Ok(listed) => fill(&ask, &mut page, &listed),
    }
    ask.page(&page)
}

fn fill(ask: &Ask, page: &mut FlowListPage, listed: &Listed) {
    let names = Names::new(&ask.site);
    let all = listed.flows.iter().zip(&listed.mirrored);
    page.flows = all.map(|(flow, mirrored)| line(&names, flow, *mirrored)).collect();
    let next = listed.next.map(|at| Cursor::new(&(at.start, at.content, at.alike)));
    let shown = format!("{} flows", count(page.flows.len() as u64));
    page.pager = Pager::keyset(&ask.query, next.as_ref().map(Cursor::as_str), "Older", shown);
}

fn line(names: &Names<'_>, flow: &Flow, mirrored: bool) -> FlowLine {
    let (mut source, mut destination) = (names.bare(flow.source), names.bare(flow.destination));
    let lower = flow.source_port.min(flow.destination_port);
    let its = service(flow.protocol, lower);
    if matches!(flow.protocol, 6 | 17 | 132) {
        for (who, port) in
            [(&mut source, flow.source_port), (&mut destination, flow.destination_port)]
        {
            let gap = if who.note.is_empty() { "" } else { " " };
            who.note = format!("{}{gap}:{port}", who.note);
        }
    }
    add(&mut source.note, &names.place(flow.source));
    add(&mut destination.note, &names.place(flow.destination));
    let service =
        if its.note.is_empty() { its.label } else { format!("{} ({})", its.label, its.note) };
    let mut notes = Vec::new();
    if flow.input != 0 || flow.output != 0 {
        let name = |index| if index == 0 { "?".to_owned() } else { names.interface(index) };
        notes.push(format!("{} \u{2192} {}", name(flow.input), name(flow.output)));
    }
    if flow.tcp_flags != 0 && flow.protocol == 6 {
        let set = (0..8).filter(|bit| flow.tcp_flags >> bit & 1 == 1);
        notes.push(set.filter_map(|bit| FLAGS.chars().nth(bit)).collect());
    }
    if flow.direction == Direction::Egress {
        notes.push("seen going out".to_owned());
    }
    if mirrored {
        notes.push("told of twice: not counted".to_owned());
    }
    if !flow.sensor.is_unspecified() {
        notes.push(format!("told by {}", names.label(flow.sensor)));
    }
    if flow.vlan != 0 {
        notes.push(format!("VLAN {}", flow.vlan));
    }
    if flow.sampling > 1 {
        notes.push(format!("1 of {} looked at", flow.sampling));
    }
    if let Some(nat) = flow.nat {
        notes.push(format!(
            "translated to {}:{} \u{2192} {}:{}",
            nat.source, nat.source_port, nat.destination, nat.destination_port
        ));
    }
    let lasted = flow.end.since(flow.start);
    FlowLine {
        at: Moment::exact(flow.start),
        lasted: if lasted.as_secs() == 0 {
            format!("{} ms", lasted.as_millis())
        } else {
            span(lasted)
        },
        source,
        destination,
        service: if service.is_empty() { protocol(flow.protocol) } else { service },
        bytes: bytes(flow.bytes),
        packets: count(flow.packets),
        notes: notes.join(", "),
    }
}

async fn export(ask: Ask) -> Result<Response, Failure> {
    let time = time(&ask.query, ask.now);
    let (which, field) = filter(&ask.query, &ask.site.discovery);
    if time.wrong || !field.pointer.is_empty() {
        let all = [&field.field.error, &time.span.from.error, &time.span.to.error];
        let why: Vec<&str> =
            all.into_iter().map(String::as_str).filter(|e| !e.is_empty()).collect();
        return Err(Failure::invalid(why.join(" ")));
    }
    let form = Form::of(ask.query.get("format"))?;
    file(&ask.site, time.range, which, form, ask.now).await
}
