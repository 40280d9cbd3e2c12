//! Ping, the way to a host, names, ports: one form each.

use std::net::IpAddr;

use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use system::SystemError;
use system::routes::Family;
use system::tools::{DnsQuestion, PingRequest, PortQuestion, RecordKind, Target, TraceRequest};

use super::stream::{flowing, gathered, plain};
use super::{TOOLS, note, say, tabs};
use crate::http::{Failure, Route, Routes};
use crate::pages::errors::sentence;
use crate::pages::{Ask, Form};
use crate::site::Site;
use crate::view::router::{ToolForm, ToolsPage};
use crate::view::{Choice, Field, Query, Tab};

const HERE: &str = "/router/tools";
/// The tools of this page.
const KINDS: [(&str, &str); 4] =
    [("ping", "Ping"), ("trace", "Traceroute"), ("dns", "DNS lookup"), ("port", "Port check")];
/// The longest value that is shown again.
const LONGEST: usize = 300;

pub(super) fn routes() -> Routes<Site> {
    Routes::new()
        .add(
            Route::new(Method::GET, HERE, TOOLS, show, "Network tools of the router")
                .query("tool", "string", "`ping`, `trace`, `dns` or `port`.")
                .query("target", "string", "A name or address to begin with."),
        )
        .add(Route::new(Method::POST, HERE, TOOLS, run, "Use a network tool").patient())
}

/// What a tool that runs, or is done, says.
enum Outcome {
    Answer(Response),
    Lines(Vec<String>),
}

async fn show(ask: Ask) -> Result<Response, Failure> {
    let get = |name: &str| ask.query.get(name).map(str::to_owned);
    let page = page(&ask, &get, None, Vec::new()).await;
    ask.page(&page)
}

async fn run(ask: Ask, form: Form) -> Result<Response, Failure> {
    let flow = ask.wants_text();
    let get = |name: &str| Some(form.raw(name).trim().to_owned());
    match attempt(&ask, &form, flow).await? {
        Ok(Outcome::Answer(response)) => Ok(response),
        Ok(Outcome::Lines(lines)) if flow => Ok(plain(lines.join("\n") + "\n")),
        Ok(Outcome::Lines(lines)) => {
            let page = page(&ask, &get, None, lines).await;
            ask.page(&page)
        }
        Err(error) if flow => {
            let text = plain(sentence(&told(&error).1) + "\n");
            Ok((StatusCode::UNPROCESSABLE_ENTITY, text).into_response())
        }
        Err(error) => {
            let page = page(&ask, &get, Some(&error), Vec::new()).await;
            ask.refused(&page)
        }
    }
}

/// The field that an error is about, and what it says.
fn told(error: &SystemError) -> (&'static str, String) {
    match error {
        SystemError::Invalid { field, why } => (field, why.clone()),
        other => ("", other.to_string()),
    }
}

/// Checks, notes and starts.
async fn attempt(
    ask: &Ask,
    form: &Form,
    flow: bool,
) -> Result<Result<Outcome, SystemError>, Failure> {
    macro_rules! checked {
        ($outcome:expr) => {
            match $outcome {
                Ok(value) => value,
                Err(error) => return Ok(Err(error)),
            }
        };
    }
    let target = checked!(Target::parse(form.get("target")));
    let subject = format!("host:{target}");
    let family = match form.get("family") {
        "4" => Some(Family::V4),
        "6" => Some(Family::V6),
        _ => None,
    };
    let interface = Some(form.get("interface").to_owned()).filter(|name| !name.is_empty());
    let out = json!({ "interface": interface });
    let tools = ask.site.system.tools();
    Ok(match form.get("tool") {
        "ping" => {
            let count = checked!(number(form, "count"));
            let size = checked!(number(form, "size"));
            let request =
                PingRequest { family, count, size, interface, ..PingRequest::new(target) };
            let updates = checked!(tools.ping(request));
            note(ask, "router.tool.ping", subject, out).await?;
            Ok(if flow {
                Outcome::Answer(flowing(updates, say::ping))
            } else {
                Outcome::Lines(gathered(updates, say::ping).await)
            })
        }
        "trace" => {
            let hops = checked!(number(form, "hops"));
            let updates = checked!(tools.trace(TraceRequest { target, family, hops, interface }));
            note(ask, "router.tool.trace", subject, out).await?;
            Ok(if flow {
                Outcome::Answer(flowing(updates, say::trace))
            } else {
                Outcome::Lines(gathered(updates, say::trace).await)
            })
        }
        "dns" => {
            let kind = RecordKind::ALL.into_iter().find(|kind| kind.as_str() == form.get("kind"));
            let invalid = |field, why: &str| SystemError::Invalid { field, why: why.to_owned() };
            let kind = checked!(kind.ok_or_else(|| invalid("kind", "choose one of the records")));
            let server = match form.get("server") {
                "" => None,
                text => {
                    let address = text.parse::<IpAddr>();
                    Some(checked!(address.map_err(|_| invalid("server", "give an address"))))
                }
            };
            let detail = json!({ "kind": kind.as_str(), "server": server });
            note(ask, "router.tool.dns", subject, detail).await?;
            let answer = checked!(tools.look_up(DnsQuestion { target, kind, server }).await);
            Ok(Outcome::Lines(say::dns(&answer)))
        }
        "port" => {
            let port = checked!(number(form, "port"));
            let detail = json!({ "port": port, "interface": interface });
            note(ask, "router.tool.port", subject, detail).await?;
            let question = PortQuestion { target, port, family, interface };
            let answer = checked!(tools.check_port(question).await);
            Ok(Outcome::Lines(say::port(&answer, port)))
        }
        _ => return Err(Failure::invalid("There is no such tool.")),
    })
}

fn number<T: std::str::FromStr>(form: &Form, field: &'static str) -> Result<T, SystemError> {
    let wrong = |_| SystemError::Invalid { field, why: "give a whole number".to_owned() };
    form.get(field).parse().map_err(wrong)
}

async fn page(
    ask: &Ask,
    get: &(dyn Fn(&str) -> Option<String> + Sync),
    error: Option<&SystemError>,
    lines: Vec<String>,
) -> ToolsPage {
    let (at, why) = error.map(told).unwrap_or_default();
    let value = |name: &str, usual: &str| -> String {
        get(name).unwrap_or_else(|| usual.to_owned()).chars().take(LONGEST).collect()
    };
    let field = |name: &str, usual: &str| {
        let value = value(name, usual);
        if at == name { Field::refused(value, sentence(&why)) } else { Field::new(value) }
    };
    let wanted = value("tool", "ping");
    let tool = KINDS.into_iter().find(|(key, _)| *key == wanted).map_or("ping", |(key, _)| key);
    let names = ask.site.system.interfaces().into_iter().map(|one| one.link.name.clone());
    let mut interfaces = vec![(String::new(), "any interface".to_owned())];
    interfaces.extend(names.map(|name| (name.clone(), name)));
    let shown = match tool {
        "ping" => &["target", "count", "size"][..],
        "trace" => &["target", "hops"],
        "dns" => &["target", "server"],
        _ => &["target", "port"],
    };
    let said = if error.is_some() && !shown.contains(&at) { sentence(&why) } else { String::new() };
    let families = [("", "either"), ("4", "IPv4"), ("6", "IPv6")];
    let target = value("target", "");
    let kinds = KINDS.map(|(key, label)| {
        let mut query = Query::new(HERE).with("tool", key);
        if !target.is_empty() {
            query = query.with("target", &target);
        }
        Tab {
            label: label.to_owned(),
            href: query.href(),
            count: None,
            key: "",
            current: key == tool,
        }
    });
    ToolsPage {
        tools: tabs(ask),
        kinds: kinds.into(),
        form: ToolForm {
            tool: tool.to_owned(),
            target: field("target", ""),
            family: Choice::list(families, &value("family", "")),
            interface: Choice::list(interfaces, &value("interface", "")),
            count: field("count", "4"),
            size: field("size", "56"),
            hops: field("hops", "30"),
            port: field("port", ""),
            kind: Choice::list(
                RecordKind::ALL.map(|kind| (kind.as_str(), kind.as_str())),
                &value("kind", "A"),
            ),
            server: field("server", ""),
        },
        said,
        lines,
        shell: ask.router_shell("Tools").await,
    }
}

impl Ask {
    /// Whether the script asks, which shows lines as they come.
    pub(in crate::pages) fn wants_text(&self) -> bool {
        let accept = self.header(&header::ACCEPT);
        accept.is_some_and(|accept| accept.starts_with("text/x-lines"))
    }
}
