//! What a form sent.

use axum::extract::{FromRequest, RawForm, Request};
use axum::http::header::CONTENT_TYPE;
use bytes::Bytes;
use model::Timestamp;

use super::answer::local_path;
use crate::http::{Failure, multipart};
use crate::view::Query;

/// The fields of a form, an extractor. An absent field reads as empty; a field may come repeatedly.
#[derive(Debug, Clone, Default)]
pub struct Form(Query);

impl<S: Send + Sync> FromRequest<S> for Form {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        if let Some(boundary) = kind.and_then(multipart::boundary).map(str::to_owned) {
            let bytes = Bytes::from_request(request, state).await.map_err(|e| {
                Failure::new(e.status(), model::Explained::new("bad_request", e.body_text()))
            })?;
            let fields = multipart::fields(&boundary, &bytes).map_err(Failure::bad_request)?;
            return Ok(Self(Query::of(fields)));
        }
        let RawForm(bytes) = RawForm::from_request(request, state).await.map_err(|e| {
            Failure::new(e.status(), model::Explained::new("bad_request", e.body_text()))
        })?;
        let text = std::str::from_utf8(&bytes)
            .map_err(|_| Failure::bad_request("The form is not in UTF-8."))?;
        Ok(Self(Query::parse("", text)))
    }
}

impl Form {
    /// A field as it was sent; empty where it was not.
    pub fn raw(&self, name: &str) -> &str {
        self.0.get(name).unwrap_or_default()
    }

    /// A field without blanks around it.
    pub fn get(&self, name: &str) -> &str {
        self.raw(name).trim()
    }

    /// All values of a repeated field.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let pairs = self.0.pairs().iter();
        pairs.filter(move |(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// All fields in the order in which they were sent.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.pairs().iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The same form without one field.
    #[must_use]
    pub fn without(&self, name: &str) -> Self {
        Self(self.0.without(name))
    }

    /// Whether a box was ticked.
    pub fn ticked(&self, name: &str) -> bool {
        matches!(self.get(name), "1" | "on" | "true")
    }

    /// Where the form wants to return to: its `back` field, if that is a path of this site.
    pub fn back(&self) -> Option<&str> {
        local_path(self.get("back"))
    }
}

/// Reads what a `datetime-local` field sends, such as `2026-11-21T14:00`, in the router's zone.
pub fn local_time(text: &str) -> Option<Timestamp> {
    let seconds = if text.len() == "2026-11-21T14:00".len() { ":00" } else { "" };
    let as_utc = Timestamp::parse_rfc3339(&format!("{text}{seconds}Z"))?;
    let shown =
        |t: Timestamp| Timestamp::parse_rfc3339(&format!("{}Z", t.local().replace(' ', "T")));
    // The zone's offset there, looked at twice in case the first guess lies across a change of clocks.
    let guess = Timestamp(as_utc.0 - (shown(as_utc)?.0 - as_utc.0));
    Some(Timestamp(guess.0 - (shown(guess)?.0 - as_utc.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_local_time_is_the_one_that_pages_show() {
        let at = local_time("2026-11-21T14:05").expect("a time");
        assert_eq!(at.local(), "2026-11-21 14:05:00");
        assert_eq!(
            local_time("2026-11-21T14:05:09").expect("a time").local(),
            "2026-11-21 14:05:09"
        );
        for bad in ["", "now", "2026-11-21", "2026-13-01T00:00", "9999999"] {
            assert_eq!(local_time(bad), None, "{bad}");
        }
    }
}
