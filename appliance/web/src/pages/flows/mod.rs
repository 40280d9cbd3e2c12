//! Traffic: who talks to whom, how much, since when. Each page puts its question to the room
//! `flows`, which answers beside the asynchronous side, and gives names to what comes back.

pub(crate) mod asked;
mod device;
mod explore;
mod list;
pub(crate) mod located;
mod locations;
pub(crate) mod map;
pub(crate) mod names;
mod overview;
mod rank;
mod search;
mod sources;
mod words;

pub(super) use overview::figures;

use ::flows::answers::AnswerError;
use ::flows::query::QueryError;
use access::Permission as P;
use axum::http::StatusCode;
use model::Explained;

use super::Ask;
use super::errors::sentence;
use crate::http::{Entry, Failure, Routes};
use crate::site::Site;
use crate::view::{Empty, Place, Shell, Tab};

/// Who may look.
pub(crate) const LOOK: Entry = Entry::Needs(P::FlowsRead);

/// The areas, in the order of their tabs.
const AREAS: &[(&str, &str)] = &[
    ("/flows", "Overview"),
    ("/flows/explore", "Explore"),
    ("/flows/list", "Flows"),
    ("/flows/search", "Who talked"),
    ("/flows/map", "Map"),
    ("/flows/sources", "Sources"),
];

pub(super) fn routes() -> Routes<Site> {
    Routes::new()
        .merge(overview::routes())
        .merge(explore::routes())
        .merge(list::routes())
        .merge(search::routes())
        .merge(map::routes())
        .merge(locations::routes())
        .merge(device::routes())
        .merge(sources::routes())
        .merge(words::routes())
}

impl Ask {
    /// What surrounds a page of traffic.
    async fn flows_shell(&self, title: &str) -> Shell {
        let mut shell = self.shell(title, Some(Place::Flows)).await;
        let here = self.query.bare();
        let tab = |(href, label): &(&str, &str)| Tab {
            label: (*label).to_owned(),
            href: (*href).to_owned(),
            count: None,
            key: "",
            current: *href == here
                || (*href == "/flows/map" && here.starts_with("/flows/locations")),
        };
        shell.areas = AREAS.iter().map(tab).collect();
        shell
    }
}

impl From<AnswerError> for Failure {
    fn from(error: AnswerError) -> Self {
        use AnswerError as E;
        let text = sentence(&error.to_string());
        match error {
            E::Query(QueryError::Days(_)) | E::Rollup(_) | E::Broken => {
                Self::internal("Reading flows", error)
            }
            E::Query(QueryError::TooLong) => {
                let explained = Explained::new("too_long", text);
                Self::new(StatusCode::SERVICE_UNAVAILABLE, explained)
            }
            E::Query(_) => Self::invalid(text),
            E::Busy => {
                let mut failure = Self::unavailable(text);
                failure.retry_after = Some(std::time::Duration::from_secs(5));
                failure
            }
        }
    }
}

/// What a page says in place of an answer where the question was at fault or took too long; other
/// failures are passed on.
fn told(error: AnswerError) -> Result<Empty, Failure> {
    match error {
        AnswerError::Query(ref why) if !matches!(why, QueryError::Days(_)) => {
            Ok(Empty::new("clock", "No answer", sentence(&error.to_string())))
        }
        AnswerError::Busy => Ok(Empty::new("clock", "Not yet", sentence(&error.to_string()))),
        other => Err(other.into()),
    }
}

/// What stands where traffic would, while none is kept.
fn nothing_kept() -> Empty {
    Empty::new(
        "network",
        "No traffic was recorded yet",
        "The router tells of its connections once accounting is on, or it exports flows (NetFlow, \
         IPFIX or sFlow) to this appliance. The first figures come within a minute.",
    )
    .with_action("Where flows come from", "/flows/sources")
}

/// What stands where traffic would, when there is none in the time that was asked for.
fn nothing_then(kept: Option<(model::Timestamp, model::Timestamp)>) -> Empty {
    match kept {
        None => nothing_kept(),
        Some((first, last)) => Empty::new(
            "clock",
            "No traffic in this time",
            format!("Flows are kept from {} to {}.", first.local(), last.local()),
        ),
    }
}
