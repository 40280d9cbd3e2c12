//! The configuration that the router runs: a tree to walk and search, and its text.

use access::Permission as P;
use access::audit::Entry as Line;
use axum::body::Body;
use axum::http::{HeaderValue, Method, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use vyos::config::{Document, Kind, Node};
use vyos::secrets::{STRUCK_OUT, is_secret, names_are_secret, shown, without_login};

use super::LOOK;
use crate::http::{Failure, Route, Routes};
use crate::pages::Ask;
use crate::pages::errors::sentence;
use crate::site::Site;
use crate::view::router::{ConfigLine, ConfigPage, RawPage};
use crate::view::{Empty, Query, count};

/// Search results that are shown.
const MOST_FOUND: usize = 200;
/// Commands of a part of the tree that are shown.
const MOST_COMMANDS: usize = 2_000;

pub(super) fn routes() -> Routes<Site> {
    let get = Method::GET;
    Routes::new()
        .add(
            Route::new(get.clone(), "/router/config", LOOK, tree, "The router's configuration")
                .query("at", "string", "The path of a node, its words separated by blanks.")
                .query("q", "string", "What to search for."),
        )
        .add(Route::new(get.clone(), "/router/config/raw", LOOK, raw, "The same as text"))
        .add(
            Route::new(
                get,
                "/router/config/download",
                LOOK,
                download,
                "The configuration as a file, secrets struck out",
            )
            .query("secrets", "boolean", "With its secrets, for who may change the router.")
            .query("snapshot", "integer", "A snapshot instead of what runs."),
        )
}

async fn tree(ask: Ask) -> Result<Response, Failure> {
    let config = ask.config("Configuration").await?;
    let search = ask.query.get("q").unwrap_or_default().trim().to_owned();
    let at = ask.query.get("at").unwrap_or_default();
    let words: Vec<String> =
        at.split('\u{1f}').filter(|w| !w.is_empty()).map(str::to_owned).collect();
    let node = config.at(words.iter().map(String::as_str));
    let node = node.ok_or_else(|| {
        Failure::not_found("The router's configuration has no such node, or has it no more.")
    })?;
    let (mut lines, mut more, mut empty) = (Vec::new(), 0, None);
    if search.is_empty() {
        lines = children(node, &words);
        if lines.is_empty() {
            empty = Some(Empty::new(
                "router",
                "Nothing below",
                "This node is set, and has no more to it.",
            ));
        }
    } else {
        find(&config, &search.to_lowercase(), &mut Vec::new(), &mut lines, &mut more);
        if lines.is_empty() {
            empty = Some(Empty::new(
                "search",
                "Nothing found",
                "No name and no value holds these words.",
            ));
        }
    }
    let commands: Vec<String> = if search.is_empty() && !words.is_empty() {
        let below = node.commands().into_iter().take(MOST_COMMANDS);
        below.map(|command| shown(&with_path(&words, command))).collect()
    } else {
        Vec::new()
    };
    let mut path = Vec::new();
    for end in 1..=words.len() {
        path.push((words[end - 1].clone(), href(&words[..end])));
    }
    let page = ConfigPage {
        size: count(config.count() as u64),
        shell: ask.router_shell("Configuration").await,
        search,
        path,
        lines,
        more,
        empty,
        commands,
    };
    ask.page(&page)
}

fn with_path(words: &[String], command: vyos::config::Command) -> vyos::config::Command {
    use vyos::config::Command as C;
    let longer = |path: Vec<String>| [words, &path].concat();
    match command {
        C::Set(path) => C::Set(longer(path)),
        C::Delete(path) => C::Delete(longer(path)),
        C::Comment(path, text) => C::Comment(longer(path), text),
    }
}

fn href(words: &[String]) -> String {
    Query::parse("/router/config", "").with("at", &words.join("\u{1f}")).href()
}

fn children(node: &Node, path: &[String]) -> Vec<ConfigLine> {
    match &node.kind {
        Kind::Leaf(values) => {
            let Some((name, above)) = path.split_last() else { return Vec::new() };
            if values.is_empty() {
                return Vec::new();
            }
            vec![ConfigLine {
                above: String::new(),
                name: name.clone(),
                values: values_of(values, above, name),
                remark: node.comment.clone().unwrap_or_default(),
                href: String::new(),
                below: String::new(),
            }]
        }
        Kind::Inner(all) | Kind::Tag(all) => {
            all.iter().map(|(name, child)| line(name, child, path, String::new())).collect()
        }
    }
}

fn line(name: &str, node: &Node, path: &[String], above: String) -> ConfigLine {
    let below = node.count();
    let leaf = matches!(node.kind, Kind::Leaf(_));
    let own: Vec<String> = path.iter().cloned().chain([name.to_owned()]).collect();
    // What is named by a secret has no page: its address would tell it.
    let hidden = names_are_secret(path);
    ConfigLine {
        above,
        name: if hidden { STRUCK_OUT.to_owned() } else { name.to_owned() },
        values: values_of(node.values(), path, name),
        remark: node.comment.clone().unwrap_or_default(),
        href: if leaf || below == 0 || hidden { String::new() } else { href(&own) },
        below: match below {
            0 => String::new(),
            1 => "1 node".to_owned(),
            n => format!("{} nodes", count(n as u64)),
        },
    }
}

fn values_of(values: &[String], path: &[String], name: &str) -> Vec<String> {
    let words: Vec<&str> = path.iter().map(String::as_str).chain([name]).collect();
    if is_secret(&words) {
        values.iter().map(|_| STRUCK_OUT.to_owned()).collect()
    } else {
        values.iter().map(|value| without_login(value).into_owned()).collect()
    }
}

/// Nodes whose name or value holds the words; secrets are not searched.
fn find(
    node: &Node,
    search: &str,
    path: &mut Vec<String>,
    found: &mut Vec<ConfigLine>,
    more: &mut usize,
) {
    let Some(all) = node.children() else { return };
    for (name, child) in all.iter() {
        let values = values_of(child.values(), path, name);
        if names_are_secret(path) {
            continue;
        }
        let hit = name.to_lowercase().contains(search)
            || values.iter().any(|value| value.to_lowercase().contains(search));
        if hit && found.len() < MOST_FOUND {
            found.push(line(name, child, path, path.join(" ")));
        } else if hit {
            *more += 1;
        }
        path.push(name.to_owned());
        find(child, search, path, found, more);
        path.pop();
    }
}

async fn raw(ask: Ask) -> Result<Response, Failure> {
    let document = match ask.site.router.document().await {
        Ok(document) => document,
        Err(error) => return Err(ask.trouble("Configuration as text", &error).await),
    };
    let text = without_secrets(&document).print();
    let page = RawPage {
        shell: ask.router_shell("Configuration as text").await,
        lines: text.lines().count(),
        text,
    };
    ask.page(&page)
}

fn without_secrets(document: &Document) -> Document {
    Document { root: document.root.without_secrets(), footer: document.footer.clone() }
}

async fn download(ask: Ask) -> Result<Response, Failure> {
    let secrets = ask.query.get("secrets") == Some("1");
    if secrets {
        ask.visitor.caller.require(P::RouterChange)?;
    }
    let (document, name) = match ask.query.get("snapshot") {
        Some(number) => {
            let number: i64 =
                number.parse().map_err(|_| Failure::not_found("There is no such snapshot."))?;
            let found = ask.site.router.snapshot(number).await;
            let (snapshot, document) =
                found.map_err(|error| Failure::not_found(sentence(&error.to_string())))?;
            let day: String = snapshot.at.rfc3339().chars().take(10).collect();
            (document, format!("snapshot-{number}-{day}"))
        }
        None => match ask.site.router.document().await {
            Ok(document) => (document, "config".to_owned()),
            Err(error) => return Err(ask.trouble("Configuration", &error).await),
        },
    };
    let facts = json!({ "file": name, "secrets": secrets });
    let line = Line::new(&ask.visitor.caller, "router.download", "router", ask.now).with(facts);
    ask.site.access.audit().append(line).await?;
    let text = if secrets { document.print() } else { without_secrets(&document).print() };
    let disposition = format!("attachment; filename=\"{name}.boot\"");
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    let disposition =
        HeaderValue::from_str(&disposition).unwrap_or(HeaderValue::from_static("attachment"));
    let headers = [(header::CONTENT_TYPE, kind), (header::CONTENT_DISPOSITION, disposition)];
    Ok((headers, Body::from(text)).into_response())
}
