//! Fills forms of the router: with what the router runs, with what the router refused and the
//! person shall correct, or with what we refused just now, the words beside the field.

use std::sync::{Arc, Mutex, PoisonError};

use vyos::config::Node;
use vyos::dialect::Dialect;
use vyos::edit::{Draft, EditError};

use super::{FIELD, refusal};
use crate::http::Failure;
use crate::pages::errors::sentence;
use crate::pages::{Ask, Form};
use crate::view::router::{Control, Input, Select, Tick, Ticks};
use crate::view::{Choice, Field, Query};

/// What the router runs, and how it wants it written.
pub(super) struct Known {
    pub(super) root: Arc<Node>,
    dialect: Dialect,
}

impl Known {
    /// A change of it.
    pub(super) fn draft(&self) -> Draft<'_> {
        Draft::new(&self.root, &self.dialect)
    }
}

impl Ask {
    /// What the router runs, and how it wants it written; or the page of that title that says why
    /// that is not known.
    pub(super) async fn known(&self, title: &str) -> Result<Known, Failure> {
        let root = self.config(title).await?;
        let dialect = self.dialect(&root).await;
        Ok(Known { root, dialect })
    }
}

/// Where the values of a form's fields come from.
enum From<'a> {
    /// What runs, but for what a link gave along.
    Usual(&'a Query),
    /// What the router refused.
    Refused(&'a Query),
    /// What we refused.
    Sent(&'a Form),
}

/// Fills a form field by field; the names are those of the edit that it becomes.
pub(super) struct Fill<'a> {
    from: From<'a>,
    /// Words about fields, each taken by the field that shows it.
    errors: Mutex<Vec<(String, String)>>,
}

impl<'a> Fill<'a> {
    /// For a page that is asked for.
    pub(super) fn of(ask: &'a Ask) -> Self {
        let said = refusal(ask);
        let from = if said.is_some() { From::Refused(&ask.query) } else { From::Usual(&ask.query) };
        let field = ask.query.get(FIELD).unwrap_or_default().to_owned();
        let errors = said.into_iter().map(|said| (field.clone(), said)).collect();
        Self { from, errors: Mutex::new(errors) }
    }

    /// For a form that was sent and is refused.
    pub(super) fn sent(form: &'a Form, error: &EditError) -> Self {
        let errors = error.fields.iter().map(|e| (e.field.clone(), sentence(&e.message)));
        Self { from: From::Sent(form), errors: Mutex::new(errors.collect()) }
    }

    /// What a field holds.
    pub(super) fn value(&self, name: &str, usual: &str) -> String {
        match self.from {
            From::Usual(query) => query.get(name).unwrap_or(usual).to_owned(),
            From::Refused(query) => query.get(name).unwrap_or_default().to_owned(),
            From::Sent(form) => form.raw(name).to_owned(),
        }
    }

    /// What is wrong with a field; empty if nothing is.
    pub(super) fn error(&self, name: &str) -> String {
        let mut errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        let at = errors.iter().position(|(field, _)| field == name);
        at.map(|at| errors.remove(at).1).unwrap_or_default()
    }

    /// What is wrong with no field that was shown. To be asked for last.
    pub(super) fn about(&self) -> String {
        let errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        errors.iter().map(|(_, said)| said.as_str()).collect::<Vec<_>>().join("\n")
    }

    fn input(&self, name: &str, label: &str, usual: Option<&str>, hint: &str) -> Input {
        let value = self.value(name, usual.unwrap_or_default());
        Input {
            name: name.to_owned(),
            label: label.to_owned(),
            field: Field { value, error: self.error(name) },
            hint: hint.to_owned(),
            options: Vec::new(),
        }
    }

    /// A line of text.
    pub(super) fn text(&self, name: &str, label: &str, usual: Option<&str>, hint: &str) -> Control {
        Control::Text(self.input(name, label, usual, hint))
    }

    /// A line of text with suggestions.
    pub(super) fn suggest(
        &self,
        name: &str,
        label: &str,
        usual: Option<&str>,
        options: &[String],
        hint: &str,
    ) -> Control {
        let options = options.to_vec();
        Control::Text(Input { options, ..self.input(name, label, usual, hint) })
    }

    /// Lines of text.
    pub(super) fn area(&self, name: &str, label: &str, usual: Option<&str>, hint: &str) -> Control {
        Control::Area(self.input(name, label, usual, hint))
    }

    /// One of several; what is chosen is among them, whatever it is.
    pub(super) fn select(
        &self,
        name: &str,
        label: &str,
        usual: Option<&str>,
        options: impl IntoIterator<Item = (String, String)>,
        hint: &str,
    ) -> Control {
        let chosen = self.value(name, usual.unwrap_or_default());
        let mut choices = Choice::list(options, &chosen);
        if !chosen.is_empty() && !choices.iter().any(|choice| choice.chosen) {
            choices.push(Choice { label: chosen.clone(), value: chosen, chosen: true });
        }
        Control::Select(Select {
            name: name.to_owned(),
            label: label.to_owned(),
            choices,
            error: self.error(name),
            hint: hint.to_owned(),
        })
    }

    /// Whether a box is ticked.
    pub(super) fn ticked(&self, name: &str, usual: bool) -> bool {
        match self.from {
            From::Usual(query) => query.get(name).map_or(usual, |value| value == "1"),
            From::Refused(query) => query.get(name).is_some(),
            From::Sent(form) => form.ticked(name),
        }
    }

    /// A box to tick.
    pub(super) fn check(&self, name: &str, label: &str, usual: bool, more: &str) -> Control {
        Control::Check(self.tick(name, label, usual, more))
    }

    fn tick(&self, name: &str, label: &str, usual: bool, more: &str) -> Tick {
        Tick {
            name: name.to_owned(),
            label: label.to_owned(),
            more: more.to_owned(),
            on: self.ticked(name, usual),
            error: self.error(name),
        }
    }

    /// Boxes to tick, named as `states.new`: value, words and more words of each.
    pub(super) fn checks(
        &self,
        name: &str,
        legend: &str,
        boxes: impl IntoIterator<Item = (String, String, String)>,
        usual: &[String],
    ) -> Control {
        let tick = |(value, label, more): (String, String, String)| {
            self.tick(&format!("{name}.{value}"), &label, usual.contains(&value), &more)
        };
        Control::Checks(Ticks {
            legend: legend.to_owned(),
            boxes: boxes.into_iter().map(tick).collect(),
            error: self.error(name),
            id: name.to_owned(),
        })
    }
}

/// A field that may be empty.
pub(super) fn some(form: &Form, name: &str) -> Option<String> {
    Some(form.get(name)).filter(|value| !value.is_empty()).map(str::to_owned)
}

/// The values whose boxes were ticked.
pub(super) fn all_ticked(form: &Form, name: &str) -> Vec<String> {
    let prefix = format!("{name}.");
    let ticked = form.pairs().filter(|(_, value)| *value == "1");
    ticked.filter_map(|(name, _)| name.strip_prefix(&prefix).map(str::to_owned)).collect()
}

/// The words of a text of many, separated by blanks, commas or line ends.
pub(super) fn listed(text: &str) -> Vec<String> {
    let words = text.split([' ', ',', '\n', '\r', '\t', ';']).filter(|word| !word.is_empty());
    words.map(str::to_owned).collect()
}

/// Values that are their own words, for a select box.
pub(super) fn plain<'a>(
    values: impl IntoIterator<Item = &'a str>,
) -> impl Iterator<Item = (String, String)> {
    values.into_iter().map(|value| (value.to_owned(), value.to_owned()))
}
