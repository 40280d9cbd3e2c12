//! Configurations as they were: kept, compared, brought back.

use access::audit::Entry as Line;
use axum::extract::Path;
use axum::http::Method;
use axum::response::Response;
use serde_json::json;
use vyos::config::{Node, diff};
use vyos::{Kept, Snapshot, SnapshotError};

use super::{CHANGE, LOOK, command_line, propose};
use crate::http::{Failure, Route, Routes};
use crate::pages::errors::sentence;
use crate::pages::{Ask, Form, done};
use crate::site::Site;
use crate::view::router::{DiffPage, SnapshotPage, SnapshotRow, SnapshotsPage};
use crate::view::{Choice, Empty, Moment, Pager, Tone, bytes, count};

const HERE: &str = "/router/config/snapshots";
/// Unnamed snapshots that the comparison offers; the others have it on their own pages.
const MOST_OFFERED: usize = 50;
/// The longest name, in characters.
const LONGEST_NAME: usize = 80;

pub(super) fn routes() -> Routes<Site> {
    let (get, post) = (Method::GET, Method::POST);
    Routes::new()
        .add(Route::new(get.clone(), HERE, LOOK, list, "Snapshots of the configuration"))
        .add(Route::new(post.clone(), HERE, CHANGE, keep, "Keep what runs now").patient())
        .add(Route::new(
            get.clone(),
            "/router/config/snapshots/{number}",
            LOOK,
            show,
            "A snapshot of the configuration",
        ))
        .add(
            Route::new(get, "/router/config/diff", LOOK, compare, "What changed between two")
                .query("from", "string", "A snapshot's number, `running` or `saved`.")
                .query("to", "string", "A snapshot's number, `running` or `saved`."),
        )
        .add(
            Route::new(
                post.clone(),
                "/router/config/snapshots/{number}/restore",
                CHANGE,
                restore,
                "Plan to bring a snapshot back",
            )
            .patient(),
        )
        .add(Route::new(
            post.clone(),
            "/router/config/snapshots/{number}/name",
            CHANGE,
            name,
            "Name a snapshot",
        ))
        .add(Route::new(
            post,
            "/router/config/snapshots/{number}/delete",
            CHANGE,
            delete,
            "Delete a snapshot",
        ))
}

async fn list(ask: Ask) -> Result<Response, Failure> {
    let mut snapshots = ask.site.router.snapshots().await?;
    let mut choices = vec![
        ("running".to_owned(), "what runs now".to_owned()),
        ("saved".to_owned(), "what is saved".to_owned()),
    ];
    let words = |one: &Snapshot| {
        let name = if one.label.is_empty() { &one.reason } else { &one.label };
        format!("{}, {name}", Moment::exact(one.at).text)
    };
    let offered = snapshots.iter().enumerate();
    let offered = offered.filter(|(at, one)| *at < MOST_OFFERED || !one.label.is_empty());
    choices.extend(
        offered.take(2 * MOST_OFFERED).map(|(_, one)| (one.number.to_string(), words(one))),
    );
    let newest = snapshots.first().map(|one| one.number.to_string()).unwrap_or_default();
    let all = snapshots.len();
    if let Some(before) = ask.query.get("before") {
        let before: i64 =
            before.parse().map_err(|_| Failure::bad_request("There is no such page."))?;
        snapshots.retain(|one| one.number < before);
    }
    let more = snapshots.len() > ask.rows() as usize;
    snapshots.truncate(ask.rows() as usize);
    let last = snapshots.last().map(|one| one.number.to_string()).filter(|_| more);
    let shown = format!("{} of {}", count(snapshots.len() as u64), count(all as u64));
    let page = SnapshotsPage {
        pager: Pager::keyset(&ask.query, last.as_deref(), "Older", shown),
        rows: snapshots.iter().map(|one| row(one, &ask)).collect(),
        from: Choice::list(choices.clone(), &newest),
        to: Choice::list(choices, "running"),
        empty: snapshots.is_empty().then(|| {
            Empty::new(
                "clock",
                "No snapshots yet",
                "One is kept before every change, and whenever you keep one under a name.",
            )
        }),
        shell: ask.router_shell("Snapshots").await,
    };
    ask.page(&page)
}

fn row(one: &Snapshot, ask: &Ask) -> SnapshotRow {
    SnapshotRow {
        number: one.number,
        at: Moment::ago(one.at, ask.now),
        author: one.author.clone(),
        label: one.label.clone(),
        reason: one.reason.clone(),
        size: bytes(one.bytes as u64),
    }
}

async fn show(ask: Ask, Path(number): Path<i64>) -> Result<Response, Failure> {
    let (snapshot, mut document) = ask.site.router.snapshot(number).await.map_err(failure)?;
    document.root.forget_remarks();
    let (commands, said) = match ask.site.router.config().await {
        Ok(now) => (diff(&now, &document.root).iter().map(command_line).collect(), String::new()),
        Err(error) => (Vec::new(), sentence(&error.to_string())),
    };
    let title = if snapshot.label.is_empty() { &snapshot.reason } else { &snapshot.label };
    let page = SnapshotPage {
        shell: ask.router_shell(title).await,
        title: title.clone(),
        row: row(&snapshot, &ask),
        commands,
        said,
    };
    ask.page(&page)
}

fn label(form: &Form) -> Result<String, Failure> {
    let label = form.get("label");
    if label.chars().count() > LONGEST_NAME || label.chars().any(model::is_hidden) {
        let message = "A name has at most 80 characters, all on one line and none invisible.";
        return Err(Failure::invalid(message));
    }
    Ok(label.to_owned())
}

async fn keep(ask: Ask, form: Form) -> Result<Response, Failure> {
    let label = label(&form)?;
    if label.is_empty() {
        return Err(Failure::invalid("Give the snapshot a name."));
    }
    let by = ask.visitor.caller.actor.name();
    match ask.site.router.keep_snapshot(by, label.clone(), "kept by hand".to_owned()).await {
        Ok(Kept::New(number) | Kept::Same(number)) => {
            note(&ask, "router.snapshot", number, &label).await?;
            Ok(done(HERE, Tone::Ok, "Kept."))
        }
        Err(error) => Ok(done(HERE, Tone::Bad, &sentence(&error.to_string()))),
    }
}

pub(super) async fn note(
    ask: &Ask,
    action: &'static str,
    number: i64,
    label: &str,
) -> Result<(), Failure> {
    let line = Line::new(&ask.visitor.caller, action, format!("snapshot:{number}"), ask.now);
    ask.site.access.audit().append(line.with(json!({ "label": label }))).await?;
    Ok(())
}

async fn name(ask: Ask, Path(number): Path<i64>, form: Form) -> Result<Response, Failure> {
    let label = label(&form)?;
    ask.site.router.name_snapshot(number, label.clone()).await.map_err(failure)?;
    note(&ask, "router.snapshot.name", number, &label).await?;
    Ok(done(HERE, Tone::Ok, "Renamed."))
}

async fn delete(ask: Ask, Path(number): Path<i64>) -> Result<Response, Failure> {
    ask.site.router.delete_snapshot(number).await.map_err(failure)?;
    note(&ask, "router.snapshot.delete", number, "").await?;
    Ok(done(HERE, Tone::Ok, "Deleted."))
}

fn failure(error: SnapshotError) -> Failure {
    match error {
        SnapshotError::Store(error) => error.into(),
        SnapshotError::None(_) => Failure::not_found("There is no such snapshot."),
        other => Failure::conflict(sentence(&other.to_string())),
    }
}

/// One side of a comparison.
struct Side {
    tree: Node,
    words: String,
}

async fn side(ask: &Ask, which: &str) -> Result<Side, Result<Response, Failure>> {
    match which {
        "running" => match ask.config("What changed").await {
            Ok(config) => Ok(Side { tree: (*config).clone(), words: "what runs now".to_owned() }),
            Err(failure) => Err(Err(failure)),
        },
        "saved" => match ask.site.router.boot_document().await {
            Some(mut document) => {
                document.root.forget_remarks();
                Ok(Side { tree: document.root, words: "what is saved".to_owned() })
            }
            None => Err(Err(Failure::unavailable(
                "The file that the router starts with cannot be read from here.",
            ))),
        },
        number => {
            let number = number.parse().ok();
            let number = number.ok_or_else(|| {
                Err(Failure::bad_request("Choose two configurations to compare."))
            })?;
            let found = ask.site.router.snapshot(number).await;
            let (snapshot, mut document) = found.map_err(|error| Err(failure(error)))?;
            document.root.forget_remarks();
            let name = match snapshot.label.as_str() {
                "" => snapshot.reason,
                label => label.to_owned(),
            };
            let words = format!("{name}, {}", Moment::exact(snapshot.at).text);
            Ok(Side { tree: document.root, words })
        }
    }
}

async fn compare(ask: Ask) -> Result<Response, Failure> {
    let which = |key: &str| ask.query.get(key).unwrap_or_default().to_owned();
    let (from, to) = (which("from"), which("to"));
    let older = match side(&ask, &from).await {
        Ok(side) => side,
        Err(answer) => return answer,
    };
    let newer = match side(&ask, &to).await {
        Ok(side) => side,
        Err(answer) => return answer,
    };
    let page = DiffPage {
        commands: diff(&older.tree, &newer.tree).iter().map(command_line).collect(),
        from: older.words,
        to: newer.words,
        restore: from.parse().ok().filter(|_| to == "running"),
        shell: ask.router_shell("What changed").await,
    };
    ask.page(&page)
}

async fn restore(ask: Ask, Path(number): Path<i64>, form: Form) -> Result<Response, Failure> {
    let (snapshot, mut document) = ask.site.router.snapshot(number).await.map_err(failure)?;
    document.root.forget_remarks();
    let now = ask.config("Snapshots").await?;
    let name = if snapshot.label.is_empty() { &snapshot.reason } else { &snapshot.label };
    let why =
        format!("Bring back the configuration of {} ({name})", Moment::exact(snapshot.at).text);
    propose(&ask, &form, HERE, why, diff(&now, &document.root)).await
}
