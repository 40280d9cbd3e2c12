//! A form of the router's pages: titled groups of fields, with the words about each beside it.

use askama::Template;

use crate::view::{Choice, Field, Link, Shell};

/// `GET` of any form that ends in a plan.
#[derive(Debug, Clone, Template)]
#[template(path = "router/form.html")]
pub struct FormPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// Where it is sent.
    pub action: String,
    /// The page that it belongs to.
    pub up: Link,
    /// What is changed.
    pub title: String,
    /// What that means; empty where it is plain.
    pub lead: String,
    /// What is wrong with the form as a whole; empty if nothing is.
    pub about: String,
    /// What stands beside it and is not changed by it: name and value.
    pub facts: Vec<(String, String)>,
    /// The fields.
    pub sets: Vec<Fieldset>,
    /// The words on its button.
    pub button: &'static str,
    /// What else can be done, by other forms.
    pub deeds: Vec<Deed>,
    /// Related pages.
    pub links: Vec<Link>,
}

/// A button of its own beside a form: value of the field `do`, words, and whether it takes away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deed {
    /// What the form sends as `do`.
    pub value: String,
    /// What the person reads.
    pub label: String,
    /// It takes something away.
    pub danger: bool,
}

/// A titled group of fields.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fieldset {
    /// Its title; empty for none.
    pub legend: String,
    /// Folded until somebody opens it; then it holds nothing yet.
    pub folded: bool,
    /// Its fields, in order.
    pub controls: Vec<Control>,
}

impl Fieldset {
    /// Puts one together.
    pub fn new(legend: &str, controls: impl IntoIterator<Item = Control>) -> Self {
        let controls = controls.into_iter().collect();
        Self { legend: legend.to_owned(), folded: false, controls }
    }

    /// The same, folded while nothing in it says anything.
    #[must_use]
    pub fn folded(mut self) -> Self {
        self.folded = self.controls.iter().all(Control::is_empty);
        self
    }
}

/// What stands in a group. It writes itself.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "router/control.html")]
pub enum Control {
    /// A line of text.
    Text(Input),
    /// Lines of text.
    Area(Input),
    /// One of several.
    Select(Select),
    /// A box to tick.
    Check(Tick),
    /// Boxes to tick: what they are, the boxes, and what is wrong.
    Checks(Ticks),
    /// Several side by side.
    Pair(Vec<Control>),
    /// Words.
    Note(String),
}

impl askama::filters::HtmlSafe for Control {}

impl Control {
    fn is_empty(&self) -> bool {
        match self {
            Self::Text(i) | Self::Area(i) => i.field.value.is_empty() && i.field.error.is_empty(),
            Self::Select(s) => {
                let first = s.choices.iter().position(|choice| choice.chosen).unwrap_or(0) == 0;
                first && s.error.is_empty()
            }
            Self::Check(tick) => !tick.on && tick.error.is_empty(),
            Self::Checks(ticks) => {
                ticks.error.is_empty() && ticks.boxes.iter().all(|tick| !tick.on)
            }
            Self::Pair(all) => all.iter().all(Self::is_empty),
            Self::Note(_) => true,
        }
    }
}

/// A field for text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Input {
    /// What the form sends it as.
    pub name: String,
    /// What the person reads.
    pub label: String,
    /// What it holds.
    pub field: Field,
    /// What may stand there.
    pub hint: String,
    /// Suggestions.
    pub options: Vec<String>,
}

/// One of several.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Select {
    /// What the form sends it as.
    pub name: String,
    /// What the person reads.
    pub label: String,
    /// The options.
    pub choices: Vec<Choice>,
    /// What is wrong; empty if nothing is.
    pub error: String,
    /// What it means.
    pub hint: String,
}

/// A box to tick.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tick {
    /// What the form sends it as.
    pub name: String,
    /// What the person reads.
    pub label: String,
    /// More about it.
    pub more: String,
    /// It is ticked.
    pub on: bool,
    /// What is wrong; empty if nothing is.
    pub error: String,
}

/// Boxes to tick.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ticks {
    /// What they are.
    pub legend: String,
    /// The boxes.
    pub boxes: Vec<Tick>,
    /// What is wrong; empty if nothing is.
    pub error: String,
    /// Names the words about them.
    pub id: String,
}
