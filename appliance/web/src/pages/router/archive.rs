//! The router's own archive of commits, from which snapshots are taken.

use axum::extract::Path;
use axum::http::Method;
use axum::response::Response;
use vyos::Kept;

use super::{CHANGE, LOOK};
use crate::http::{Failure, Route, Routes};
use crate::pages::errors::sentence;
use crate::pages::{Ask, done};
use crate::site::Site;
use crate::view::router::{ArchivePage, ArchiveRow};
use crate::view::{Empty, Moment, Tone};

/// Commits that are shown; the router itself keeps a hundred.
const MOST: usize = 200;

pub(super) fn routes() -> Routes<Site> {
    Routes::new()
        .add(Route::new(
            Method::GET,
            "/router/config/archive",
            LOOK,
            list,
            "The router's own archive of commits",
        ))
        .add(Route::new(
            Method::POST,
            "/router/config/archive/{revision}",
            CHANGE,
            take,
            "Keep a commit of the router's archive as a snapshot",
        ))
}

async fn list(ask: Ask) -> Result<Response, Failure> {
    let commits = ask.site.router.archive().await;
    let rows = commits.iter().take(MOST).map(|commit| ArchiveRow {
        revision: commit.revision,
        at: Moment::ago(commit.at, ask.now),
        user: commit.user.clone(),
        via: commit.via.clone(),
        comment: commit.comment.clone(),
    });
    let page = ArchivePage {
        rows: rows.collect(),
        empty: commits.is_empty().then(|| {
            Empty::new(
                "clock",
                "No archive",
                "The router keeps one if system config-management commit-revisions is set. Where \
                 Panoptikon cannot read the router's files, as in a container, it is not shown.",
            )
        }),
        shell: ask.router_shell("Archive of commits").await,
    };
    ask.page(&page)
}

async fn take(ask: Ask, Path(revision): Path<usize>) -> Result<Response, Failure> {
    let here = "/router/config/archive";
    let commit = ask.site.router.archive().await.into_iter().find(|c| c.revision == revision);
    let commit = commit.ok_or_else(|| Failure::not_found("There is no such commit."))?;
    let document = match ask.site.router.archived(revision).await {
        Ok(document) => document,
        Err(error) => return Ok(done(here, Tone::Bad, &sentence(&error.to_string()))),
    };
    let reason = format!("the router's archive: {} ({})", commit.comment, commit.via);
    let label = format!("Commit of {} by {}", Moment::exact(commit.at).text, commit.user);
    let kept =
        ask.site.router.keep_document(&commit.user, label, reason, commit.at, document).await;
    match kept {
        Ok(Kept::New(number) | Kept::Same(number)) => {
            super::snapshots::note(&ask, "router.snapshot", number, "from the archive").await?;
            Ok(done(&format!("/router/config/snapshots/{number}"), Tone::Ok, "Kept as a snapshot."))
        }
        Err(error) => Ok(done(here, Tone::Bad, &sentence(&error.to_string()))),
    }
}
