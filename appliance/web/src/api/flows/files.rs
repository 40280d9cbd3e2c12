//! Flows as a file, a piece at a time: neither memory nor the time of a request bounds how many.

use std::fmt::Write as _;

use ::flows::filter::Filter;
use ::flows::query::{Cursor, ListQuery, Range};
use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use discovery::export::push_field;
use futures_util::stream;
use model::Timestamp;

use super::{FlowShown, one_of, piece};
use crate::http::Failure;
use crate::site::Site;

/// Flows of a piece.
const PIECE: usize = 5_000;

/// How flows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Csv,
    Json,
    Ndjson,
}

impl Form {
    /// By its word; CSV where there is none.
    pub(crate) fn of(word: Option<&str>) -> Result<Self, Failure> {
        let all = [("csv", Self::Csv), ("json", Self::Json), ("ndjson", Self::Ndjson)];
        one_of("format", word.unwrap_or("csv"), &all)
    }

    fn head(self) -> &'static str {
        match self {
            Self::Csv => {
                "start,end,source,destination,source_port,destination_port,protocol,tcp_flags,tos,\
                 bytes,packets,input,output,sampling,nat,exporter,mirrored,source_country,\
                 source_city,destination_country,destination_city\r\n"
            }
            Self::Json => "[",
            Self::Ndjson => "",
        }
    }

    fn tail(self) -> &'static str {
        if self == Self::Json { "]\n" } else { "" }
    }
}

/// Flows, and where the next ones begin.
type Piece = (Vec<FlowShown>, Option<Cursor>);

struct Writing {
    site: Site,
    query: ListQuery,
    now: Timestamp,
    form: Form,
    first: Option<Piece>,
    begun: bool,
    ended: bool,
}

/// A file of flows. The first piece is read before it begins, so that a question at fault is
/// answered as such.
pub(crate) async fn file(
    site: &Site,
    range: Range,
    filter: Filter,
    form: Form,
    now: Timestamp,
) -> Result<Response, Failure> {
    let query = ListQuery { range, filter, after: None, limit: PIECE };
    let mut writing =
        Writing { site: site.clone(), query, now, form, first: None, begun: false, ended: false };
    writing.first = Some(writing.read().await?);
    let pieces = stream::try_unfold(writing, async |mut writing| {
        // Who reads it learns that it is cut short: the connection breaks off.
        let piece = writing.next().await.map_err(|f| std::io::Error::other(f.explained.message))?;
        Ok::<_, std::io::Error>(piece.map(|piece| (piece, writing)))
    });
    let (kind, ending) = match form {
        Form::Csv => ("text/csv; charset=utf-8", "csv"),
        Form::Json => ("application/json", "json"),
        Form::Ndjson => ("application/x-ndjson", "ndjson"),
    };
    let day = now.local();
    let name = format!("attachment; filename=\"flows-{}.{ending}\"", &day[..day.len().min(10)]);
    let name = HeaderValue::from_str(&name).unwrap_or(HeaderValue::from_static("attachment"));
    let headers = [(CONTENT_TYPE, HeaderValue::from_static(kind)), (CONTENT_DISPOSITION, name)];
    Ok((headers, Body::from_stream(pieces)).into_response())
}

impl Writing {
    async fn read(&self) -> Result<Piece, Failure> {
        let query = self.query.clone();
        Ok(self.site.flows.ask(self.now, move |desk| piece(desk, &query)).await?)
    }

    async fn next(&mut self) -> Result<Option<String>, Failure> {
        if self.ended {
            return Ok(None);
        }
        let (flows, next) = match self.first.take() {
            Some(first) => first,
            None => self.read().await?,
        };
        let mut text = String::with_capacity(flows.len() * 160 + 256);
        let mut separator = if self.begun { "," } else { "" };
        if !std::mem::replace(&mut self.begun, true) {
            text.push_str(self.form.head());
        }
        for flow in &flows {
            match self.form {
                Form::Csv => row(flow, &mut text),
                Form::Json => {
                    text.push_str(separator);
                    text.push_str(&json(flow)?);
                    separator = ",";
                }
                Form::Ndjson => {
                    text.push_str(&json(flow)?);
                    text.push('\n');
                }
            }
        }
        self.query.after = next;
        if next.is_none() {
            text.push_str(self.form.tail());
            self.ended = true;
        }
        Ok(Some(text))
    }
}

fn json(flow: &FlowShown) -> Result<String, Failure> {
    serde_json::to_string(flow).map_err(|error| Failure::internal("Writing JSON", error))
}

/// Names of towns alone may need quotes, or look like a formula.
fn row(flow: &FlowShown, out: &mut String) {
    let _ = write!(
        out,
        "{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}",
        flow.start.rfc3339(),
        flow.end.rfc3339(),
        flow.source,
        flow.destination,
        flow.source_port,
        flow.destination_port,
        flow.protocol,
        flow.tcp_flags,
        flow.tos,
        flow.bytes,
        flow.packets,
        flow.input,
        flow.output,
        flow.sampling,
        flow.nat.as_deref().unwrap_or_default()
    );
    out.push(',');
    if let Some(exporter) = flow.exporter {
        let _ = write!(out, "{exporter}");
    }
    out.push_str(if flow.mirrored { ",true" } else { "," });
    for place in [&flow.source_place, &flow.destination_place] {
        for key in ["country", "city"] {
            let word = place.as_ref().and_then(|place| place[key].as_str());
            out.push(',');
            push_field(out, word.unwrap_or_default());
        }
    }
    out.push_str("\r\n");
}
