//! Logs: of the router's services as the journal keeps them, and the appliance's own files.

use std::fmt::Write as _;

use access::Permission as P;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderValue, Method};
use axum::response::{IntoResponse, Response};
use system::logs::{ALIASES, Level, LogLine, LogQuery, LogSource, Redactor, source};

use crate::http::{Entry, Failure, Route, Routes};
use crate::monitor::failed;
use crate::pages::{Ask, sentence};
use crate::site::Site;
use crate::view::router::{LogFilesPage, LogsPage, WrittenLine};
use crate::view::{Choice, Empty, Link, Moment, Query, bytes};

const HERE: &str = "/router/logs";
const FILES: &str = "/router/logs/files";
/// Lines that can be chosen.
const LINES: [usize; 4] = [100, 50, 200, 500];
/// The longest text that is looked for, in characters.
const LONGEST: usize = 200;
/// Who may read.
const READ: Entry = Entry::Needs(P::LogsRead);

pub(super) fn routes() -> Routes<Site> {
    let get = || Method::GET;
    Routes::new()
        .add(
            Route::new(get(), HERE, READ, show, "Logs of the router's services")
                .query("service", "string", "A service, `kernel` or `all`.")
                .query("lines", "integer", "50, 100, 200 or 500.")
                .query("q", "string", "Only lines with this text.")
                .query("live", "string", "`1` to follow it."),
        )
        .add(
            Route::new(get(), "/router/logs/masked", READ, masked, "A log to share, masked")
                .query("service", "string", "As on the page.")
                .query("lines", "integer", "As on the page.")
                .query("q", "string", "As on the page."),
        )
        .add(Route::new(get(), FILES, READ, files, "The appliance's own files of log").query(
            "name",
            "string",
            "The file to show.",
        ))
}

/// The page of a service's log.
pub(super) fn href(service: &str) -> String {
    Query::new(HERE).with("service", service).href()
}

/// Services whose logs can be read, each with what people call it, and why not all are known.
pub(crate) async fn names(site: &Site) -> (Vec<(String, String)>, Option<String>) {
    let mut all = vec![
        ("all".to_owned(), "All of the router".to_owned()),
        ("kernel".to_owned(), "Kernel".to_owned()),
    ];
    let board = match site.system.services().await {
        Ok(board) => board,
        Err(error) => return (all, Some(sentence(&error.to_string()))),
    };
    let mut units: Vec<(String, String)> = Vec::new();
    for unit in &board.units {
        let name = unit.name.trim_end_matches(".service").to_owned();
        let label = format!("{} ({name})", unit.label);
        units.push((name, label));
    }
    let aliases = ALIASES.iter().map(|(alias, _)| (*alias).to_owned());
    for alias in aliases.filter(|alias| source(alias, Some(&board)).is_some()) {
        if !units.iter().any(|(name, _)| *name == alias) {
            units.push((alias.clone(), format!("All of {alias}")));
        }
    }
    model::sort_by_key(&mut units, |(_, label)| label.to_lowercase());
    all.extend(units);
    (all, None)
}

/// What a name stands for; 404 where it is nobody's.
pub(crate) async fn found(site: &Site, name: &str) -> Result<LogSource, Failure> {
    // Names that nobody watches are refused before systemd is asked.
    let is_known = source(name, None).is_some();
    let board = if is_known { site.system.services().await.ok() } else { None };
    let found = if is_known { source(name, board.as_deref()) } else { None };
    found.ok_or_else(|| Failure::not_found("There is no such service here, or it is not watched."))
}

/// A line as pages show it.
pub(crate) fn row(line: &LogLine) -> WrittenLine {
    let program = match line.pid {
        Some(pid) => format!("{}[{pid}]", line.program),
        None => line.program.clone(),
    };
    WrittenLine {
        at: line.timestamp.local(),
        tone: match line.level {
            Level::Error => "bad",
            Level::Warning => "warn",
            Level::Debug => "quiet",
            Level::Info => "",
        },
        level: line.level.as_str(),
        program,
        text: line.message.clone(),
    }
}

/// What the query asks for: whose log, and of what of it.
fn wanted(ask: &Ask) -> (String, LogQuery) {
    let service = ask.query.get("service").filter(|name| !name.is_empty()).unwrap_or("all");
    let lines = ask.query.get("lines").and_then(|n| n.parse().ok());
    let lines = lines.filter(|n| LINES.contains(n)).unwrap_or(LINES[0]);
    let search = ask.query.get("q").unwrap_or_default().trim().chars().take(LONGEST).collect();
    (service.to_owned(), LogQuery { lines, search })
}

async fn show(ask: Ask) -> Result<Response, Failure> {
    let (service, query) = wanted(&ask);
    let source = found(&ask.site, &service).await?;
    let (all, missing) = names(&ask.site).await;
    let (rows, trouble) = match ask.site.system.log(&source, &query).await {
        Ok(lines) => (lines.iter().map(row).collect::<Vec<_>>(), String::new()),
        Err(error) => (Vec::new(), sentence(&error.to_string())),
    };
    let has_lines = !rows.is_empty();
    let live = ask.query.get("live") == Some("1");
    let empty = (rows.is_empty() && !live || !trouble.is_empty()).then(|| {
        if trouble.is_empty() {
            Empty::new(
                "search",
                "No lines",
                "The journal has none of this service, or none with this text.",
            )
        } else {
            Empty::new("warn", "This log cannot be read", &trouble)
        }
    });
    let bare = ask.query.without("live");
    let follow = if live {
        Link { label: "Stop following".to_owned(), href: bare.href() }
    } else {
        Link { label: "Follow".to_owned(), href: bare.with("live", "1").href() }
    };
    let masked = Query::new("/router/logs/masked")
        .with("service", &service)
        .with("lines", &query.lines.to_string())
        .with("q", &query.search);
    let mut choices = Choice::list(all, &service);
    if !choices.iter().any(|choice| choice.chosen) {
        choices.push(Choice { value: service.clone(), label: service.clone(), chosen: true });
    }
    let mut counts = LINES;
    counts.sort_unstable();
    let page = LogsPage {
        shell: ask.router_shell("Logs").await,
        service: choices,
        lines: Choice::list(
            counts.map(|n| (n.to_string(), n.to_string())),
            &query.lines.to_string(),
        ),
        query: ask.query.clone(),
        rows,
        empty,
        following: if live { service } else { String::new() },
        follow,
        masked: if has_lines { masked.href() } else { String::new() },
        missing: missing.map(|why| format!("Services are not known: {why}")).unwrap_or_default(),
    };
    ask.page(&page)
}

async fn masked(ask: Ask) -> Result<Response, Failure> {
    let (service, query) = wanted(&ask);
    let source = found(&ask.site, &service).await?;
    let lines = ask.site.system.log(&source, &query).await.map_err(|error| failed(&error))?;
    let mut redactor = Redactor::default();
    let mut text = String::new();
    for line in &lines {
        let at = line.timestamp.rfc3339();
        let said = redactor.line(&line.message);
        let _ = writeln!(text, "{at} {:7} {}: {said}", line.level.as_str(), line.program);
    }
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    let name = HeaderValue::from_static("attachment; filename=\"log-masked.txt\"");
    Ok(([(CONTENT_TYPE, kind), (CONTENT_DISPOSITION, name)], text).into_response())
}

async fn files(ask: Ask) -> Result<Response, Failure> {
    let name = ask.query.get("name").unwrap_or_default().to_owned();
    let (site, wanted) = (ask.site.clone(), name.clone());
    let read = tokio::task::spawn_blocking(move || {
        let lines = if wanted.is_empty() { None } else { site.system.log_file(&wanted)? };
        Ok((site.system.log_files()?, lines))
    });
    let read = read.await.map_err(|error| Failure::internal("Reading files", error))?;
    let (files, lines) = read.map_err(|error| failed(&error))?;
    if !name.is_empty() && lines.is_none() {
        return Err(Failure::not_found("There is no such file of log."));
    }
    let empty = files.is_empty().then(|| {
        Empty::new(
            "info",
            "No files",
            "The appliance writes its log to the journal. With log_dir set, it writes files as well.",
        )
    });
    let row = |file: system::logs::LogFile| {
        let href = Query::new(FILES).with("name", &file.name).href();
        (file.name, href, bytes(file.size), Moment::ago(file.modified, ask.now))
    };
    let page = LogFilesPage {
        shell: ask.router_shell("Files of log").await,
        files: files.into_iter().map(row).collect(),
        empty,
        name,
        lines: lines.unwrap_or_default(),
    };
    ask.page(&page)
}
