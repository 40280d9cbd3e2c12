//! What stands in the fields of a form: what was sent and refused, what came along from a review
//! page or a link, or what is so now.

use vyos::edit::{EditError, FieldError};

use super::{FIELD, refusal};
use crate::pages::errors::sentence;
use crate::pages::{Ask, Form};
use crate::view::{Field, Query};

/// The fields of one form.
pub(super) struct Filled<'a> {
    query: &'a Query,
    /// What the router said, where its person comes back to correct it.
    refusal: Option<String>,
    sent: Option<(&'a Form, &'a EditError)>,
}

impl<'a> Filled<'a> {
    /// Of a page that is opened.
    pub(super) fn fresh(ask: &'a Ask) -> Self {
        Self { query: &ask.query, refusal: refusal(ask), sent: None }
    }

    /// Of a form that was refused before it reached the router.
    pub(super) fn refused(ask: &'a Ask, form: &'a Form, error: &'a EditError) -> Self {
        Self { query: &ask.query, refusal: None, sent: Some((form, error)) }
    }

    /// What stands in a field; `usual` where nobody filled it in yet.
    pub(super) fn value(&self, name: &str, usual: &str) -> String {
        match self.sent {
            Some((form, _)) => form.raw(name).trim().replace('\r', ""),
            // An empty field does not come along.
            None if self.is_back() => self.query.get(name).unwrap_or_default().replace('\r', ""),
            None => self.query.get(name).unwrap_or(usual).to_owned(),
        }
    }

    /// A field with what is wrong about it.
    pub(super) fn field(&self, name: &str, usual: &str) -> Field {
        let value = self.value(name, usual);
        match self.sent {
            Some((_, error)) => match error.field(name) {
                Some(said) => Field::refused(value, sentence(said)),
                None => Field::new(value),
            },
            None if self.is_back() && self.query.get(FIELD) == Some(name) => {
                Field::refused(value, self.router_said())
            }
            None => Field::new(value),
        }
    }

    /// Whether a box is ticked.
    pub(super) fn ticked(&self, name: &str, usual: bool) -> bool {
        match self.sent {
            Some((form, _)) => form.ticked(name),
            None if self.is_back() => self.query.get(name).is_some(),
            None => usual,
        }
    }

    /// What is wrong beside the fields that are shown; empty if nothing is.
    pub(super) fn said(&self, shown: &[&str]) -> String {
        match self.sent {
            Some((_, error)) => {
                let about_none = |one: &&FieldError| !shown.contains(&one.field.as_str());
                let all = error.fields.iter().filter(about_none);
                all.map(|one| sentence(&one.message)).collect::<Vec<_>>().join(" ")
            }
            None if self.is_back() => {
                let at = self.query.get(FIELD).unwrap_or_default();
                if shown.contains(&at) { String::new() } else { self.router_said() }
            }
            None => String::new(),
        }
    }

    /// The router refused what was sent, and its person comes back to correct it.
    fn is_back(&self) -> bool {
        self.refusal.is_some()
    }

    /// What the router said when it refused; empty if it did not.
    pub(super) fn router_said(&self) -> String {
        self.refusal.clone().unwrap_or_default()
    }
}

/// The values of a field that takes several, one a line or with blanks or commas between.
pub(super) fn list(text: &str) -> Vec<String> {
    let parts = text.split(|c: char| c.is_whitespace() || c == ',');
    parts.filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// A field's text, unless it is empty.
pub(super) fn maybe(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// A field's number, unless it is empty.
pub(super) fn number<T: std::str::FromStr>(
    form: &Form,
    name: &str,
) -> Result<Option<T>, EditError> {
    let text = form.get(name);
    let wrong = |_| EditError::of(name, "give a number that is not too large");
    maybe(text).map(|text| text.parse().map_err(wrong)).transpose()
}
