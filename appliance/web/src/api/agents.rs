//! Hosts with agents.

mod mesh;

use std::time::Duration;

use access::Permission as P;
use agents::{AgentId, AgentsError, Command, Host, HostSettings, TokenWish};
use axum::extract::{Path, State};
use axum::http::Method;
use axum::response::Response;
use model::Timestamp;
use serde::Deserialize;
use serde_json::json;

use super::{Body, Listed, Params, answer, created, done, page_query, schema, words};
use crate::http::{Entry, Failure, Route, Routes, Schema, Visitor};
use crate::pages::agents::{line, server};
use crate::site::Site;

const ALL: &str = "/api/v1/agents";
const ONE: &str = "/api/v1/agents/{id}";
const TOKENS: &str = "/api/v1/agents/tokens";
const DAY: Duration = Duration::from_secs(86_400);
const MOST_DAYS: u64 = 400;
/// The most hosts of one request.
const MOST_AT_ONCE: usize = 500;

pub(super) fn routes() -> Routes<Site> {
    let (read, manage) = (Entry::Needs(P::AgentsRead), Entry::Needs(P::AgentsManage));
    let (get, post) = (|| Method::GET, || Method::POST);
    let agent = || Schema::named("Agent");
    Routes::new()
        .add(
            Route::new(get(), ALL, read, list, "Hosts with agents, by name")
                .query("q", "string", "Text in the name, system or version.")
                .query("online", "boolean", "Only those that are, or are not, connected.")
                .paged()
                .gives(Schema::page(agent())),
        )
        .add(
            Route::new(get(), TOKENS, manage, tokens, "Tokens that may still be used")
                .gives(Schema::page(Schema::named("AgentToken"))),
        )
        .add(
            Route::new(post(), TOKENS, manage, make_token, "Make a token, which lets one host in")
                .takes(schema::new_agent_token())
                .gives(schema::fresh_agent_token()),
        )
        .add(Route::new(
            Method::DELETE,
            "/api/v1/agents/tokens/{id}",
            manage,
            revoke_token,
            "Take a token back",
        ))
        .add(
            Route::new(get(), "/api/v1/agents/files", read, files, "Agents that hosts can fetch")
                .gives(Schema::page(schema::agent_file())),
        )
        .add(
            Route::new(post(), "/api/v1/agents/delete", manage, delete_many, "Delete hosts")
                .takes(schema::many_agents())
                .gives(schema::agents_gone()),
        )
        .add(Route::new(get(), ONE, read, one, "A host").gives(agent()))
        .add(
            Route::new(Method::PATCH, ONE, manage, patch, "Change a host")
                .takes(schema::agent_patch())
                .gives(agent()),
        )
        .add(Route::new(Method::DELETE, ONE, manage, delete, "Delete a host with its reports"))
        .add(
            Route::new(
                get(),
                "/api/v1/agents/{id}/reports",
                read,
                reports,
                "The newest reports as they came, newest first",
            )
            .query("limit", "integer", "1 to 500; 50 if absent.")
            .gives(Schema::page(Schema::named("AgentReport"))),
        )
        .add(
            Route::new(get(), "/api/v1/agents/{id}/history", read, history, "Series over time")
                .query("series", "string", "Names or kinds, by commas: cpu,memory,disk.")
                .query("from", "integer", "Milliseconds since the Unix epoch; a day ago if absent.")
                .query("to", "integer", "The same; now if absent.")
                .query("points", "integer", "1 to 1000; 180 if absent.")
                .gives(schema::agent_history()),
        )
        .add(
            // Which right is needed hangs on what is asked.
            Route::new(post(), "/api/v1/agents/{id}/ask", read, ask, "Ask a host for something")
                .takes(schema::agent_question())
                .gives(schema::agent_answer())
                .patient(),
        )
        .add(Route::new(post(), "/api/v1/agents/{id}/revoke", manage, revoke, "Revoke a host"))
        .add(Route::new(post(), "/api/v1/agents/{id}/trust", manage, trust, "Trust it again"))
        .add(Route::new(post(), "/api/v1/agents/{id}/rotate", manage, rotate, "Have it make a key"))
        .merge(mesh::routes())
}

/// The id of an address.
fn id(text: &str) -> Result<AgentId, Failure> {
    text.parse().map_err(|_| Failure::not_found("There is no such host."))
}

fn found(site: &Site, text: &str) -> Result<Host, Failure> {
    let id = id(text)?;
    Ok(site.agents.get(id).ok_or(AgentsError::NotFound(id))?)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    q: Option<String>,
    online: Option<bool>,
    limit: Option<u32>,
    cursor: Option<String>,
}

async fn list(
    State(site): State<Site>,
    Params(wanted): Params<Wanted>,
) -> Result<Response, Failure> {
    let paging = page_query(wanted.limit, wanted.cursor)?;
    let after: Option<(String, String)> = paging.after()?;
    let text = wanted.q.unwrap_or_default().to_lowercase();
    let mut hosts = site.agents.all();
    hosts.retain(|host| {
        let hello = &host.hello;
        let texts = [&host.name, &hello.host, &hello.os, &hello.version];
        wanted.online.is_none_or(|online| online == host.online)
            && texts.iter().any(|t| t.to_lowercase().contains(&text))
    });
    let key = |host: &Host| (host.name.to_lowercase(), host.id.to_string());
    let limit = paging.limit() as usize;
    let mut rest = hosts.into_iter().filter(|host| after.as_ref().is_none_or(|a| key(host) > *a));
    let items: Vec<Host> = rest.by_ref().take(limit).collect();
    let next = rest.next().and_then(|_| items.last()).map(key);
    Listed::page(items, next)
}

async fn one(State(site): State<Site>, Path(text): Path<String>) -> Result<Response, Failure> {
    answer(&found(&site, &text)?)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Patch {
    name: Option<String>,
    note: Option<String>,
    settings: Option<HostSettings>,
}

async fn patch(
    State(site): State<Site>,
    visitor: Visitor,
    Path(text): Path<String>,
    Body(patch): Body<Patch>,
) -> Result<Response, Failure> {
    let (host, now) = (found(&site, &text)?, Timestamp::now());
    let by = &visitor.caller;
    if let Some(settings) = &patch.settings {
        settings.check().map_err(AgentsError::from)?;
    }
    if patch.name.is_some() || patch.note.is_some() {
        let name = patch.name.unwrap_or(host.name);
        let note = patch.note.unwrap_or(host.note);
        site.agents.rename(by, host.id, &name, &note, now).await?;
    }
    if let Some(settings) = patch.settings {
        site.agents.configure(by, host.id, settings, now).await?;
    }
    answer(&found(&site, &text)?)
}

async fn delete(
    State(site): State<Site>,
    visitor: Visitor,
    Path(text): Path<String>,
) -> Result<Response, Failure> {
    site.agents.delete(&visitor.caller, id(&text)?, Timestamp::now()).await?;
    Ok(done())
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Many {
    #[serde(default)]
    ids: Vec<String>,
    pattern: Option<String>,
    #[serde(default)]
    dry_run: bool,
}

async fn delete_many(
    State(site): State<Site>,
    visitor: Visitor,
    Body(many): Body<Many>,
) -> Result<Response, Failure> {
    if many.ids.len() > MOST_AT_ONCE {
        return Err(Failure::invalid(format!("ids: give at most {MOST_AT_ONCE}.")));
    }
    let parsed = many.ids.iter().map(|text| text.parse::<AgentId>());
    let mut ids: Vec<AgentId> =
        parsed.collect::<Result<_, _>>().map_err(|e| Failure::invalid(format!("ids: {e}.")))?;
    if let Some(pattern) = &many.pattern {
        if !ids.is_empty() {
            return Err(Failure::invalid("pattern: give either ids or a pattern."));
        }
        let found = site.agents.matching(pattern)?;
        ids = found.into_iter().map(|(id, _)| id).take(MOST_AT_ONCE).collect();
    }
    let (mut deleted, mut names) = (0, Vec::new());
    for id in ids {
        if many.dry_run {
            names.extend(site.agents.get(id).map(|host| host.name));
            continue;
        }
        match site.agents.delete(&visitor.caller, id, Timestamp::now()).await {
            Ok(name) => {
                deleted += 1;
                names.push(name);
            }
            Err(AgentsError::NotFound(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    answer(&json!({ "deleted": deleted, "names": names }))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Newest {
    limit: Option<usize>,
}

async fn reports(
    State(site): State<Site>,
    Path(text): Path<String>,
    Params(newest): Params<Newest>,
) -> Result<Response, Failure> {
    let limit = newest.limit.unwrap_or(50);
    if !(1..=500).contains(&limit) {
        return Err(Failure::invalid("limit: give a number from 1 to 500."));
    }
    Listed::whole(site.agents.reports(id(&text)?, limit).await?)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Span {
    series: Option<String>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    points: Option<usize>,
}

async fn history(
    State(site): State<Site>,
    Path(text): Path<String>,
    Params(span): Params<Span>,
) -> Result<Response, Failure> {
    let host = found(&site, &text)?;
    let to = span.to.unwrap_or_else(Timestamp::now);
    let from = span.from.unwrap_or_else(|| to.minus(DAY));
    let points = span.points.unwrap_or(180);
    if !(1..=1_000).contains(&points) {
        return Err(Failure::invalid("points: give a number from 1 to 1000."));
    }
    if from >= to || to.since(from) > DAY * MOST_DAYS as u32 {
        let text =
            format!("from and to: give two times, the second later, by {MOST_DAYS} days at most.");
        return Err(Failure::invalid(text));
    }
    let mut names = words(span.series.as_deref());
    if names.is_empty() {
        names = ["cpu", "memory"].map(str::to_owned).to_vec();
    }
    answer(&site.agents.history(host.id, names, true, (from, to), points).await?)
}

async fn ask(
    State(site): State<Site>,
    visitor: Visitor,
    Path(text): Path<String>,
    Body(command): Body<Command>,
) -> Result<Response, Failure> {
    if matches!(command, Command::Tail { follow: true, .. }) {
        return Err(Failure::invalid("follow: here all is answered at once."));
    }
    let asked = site.agents.ask(&visitor.caller, id(&text)?, command, Timestamp::now()).await?;
    let (parts, done) = asked.all().await?;
    answer(&json!({ "parts": parts, "done": done }))
}

async fn revoke(
    State(site): State<Site>,
    visitor: Visitor,
    Path(text): Path<String>,
) -> Result<Response, Failure> {
    site.agents.revoke(&visitor.caller, id(&text)?, Timestamp::now()).await?;
    Ok(done())
}

async fn trust(
    State(site): State<Site>,
    visitor: Visitor,
    Path(text): Path<String>,
) -> Result<Response, Failure> {
    site.agents.trust(&visitor.caller, id(&text)?, Timestamp::now()).await?;
    Ok(done())
}

async fn rotate(
    State(site): State<Site>,
    visitor: Visitor,
    Path(text): Path<String>,
) -> Result<Response, Failure> {
    site.agents.rotate(&visitor.caller, id(&text)?, Timestamp::now()).await?;
    Ok(done())
}

async fn files(State(site): State<Site>) -> Result<Response, Failure> {
    let shelf = site.agents.shelf().clone();
    let files = tokio::task::spawn_blocking(move || shelf.files()).await;
    Listed::whole(files.map_err(|e| Failure::internal("Looking at the files of agents", e))?)
}

async fn tokens(State(site): State<Site>) -> Result<Response, Failure> {
    Listed::whole(site.agents.tokens(Timestamp::now()).await?)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct New {
    #[serde(default)]
    name: String,
    #[serde(default)]
    note: String,
    minutes: Option<u64>,
    agent: Option<String>,
}

async fn make_token(
    State(site): State<Site>,
    visitor: Visitor,
    Body(new): Body<New>,
) -> Result<Response, Failure> {
    let lasts = new
        .minutes
        .map_or(agents::USUAL_LIFE, |minutes| Duration::from_secs(minutes.min(1 << 20) * 60));
    let agent = new.agent.as_deref().map(id).transpose()?;
    let wish = TokenWish { name: new.name, note: new.note, lasts, agent };
    let made = site.agents.make_token(&visitor.caller, wish, Timestamp::now()).await?;
    let authority = site.agents.authority();
    let pin = format!("sha256//{}", authority.pin());
    let fresh = json!({
        "id": made.row.id,
        "token": made.text,
        "until": made.row.until,
        "fingerprint": wire::text::hex(&authority.fingerprint()),
        "pin": pin,
        "line": line(&server(&site, None), &pin, &made.text),
    });
    created(&format!("{TOKENS}/{}", made.row.id), &fresh)
}

async fn revoke_token(
    State(site): State<Site>,
    visitor: Visitor,
    Path(token): Path<String>,
) -> Result<Response, Failure> {
    site.agents.revoke_token(&visitor.caller, &token, Timestamp::now()).await?;
    Ok(done())
}
