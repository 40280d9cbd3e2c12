//! Small pieces of HTML that nearly every page holds many of, each rendered by code of its own: a
//! macro of a template is compiled anew wherever it is called. `parts/m.html` calls them.

use std::borrow::Borrow;

use askama::Template;
use askama::filters::HtmlSafe;

use super::{Choice, Empty, Field, Pager, Tab, Tone};

/// The form's token.
#[derive(Template)]
#[template(path = "pieces/csrf.html")]
pub(crate) struct Csrf<'a> {
    token: &'a str,
}

impl HtmlSafe for Csrf<'_> {}

/// The form's token.
pub(crate) fn csrf(token: &str) -> Csrf<'_> {
    Csrf { token }
}

/// Where the answer to the form leads.
#[derive(Template)]
#[template(path = "pieces/back.html")]
pub(crate) struct Back<'a> {
    path: &'a str,
}

impl HtmlSafe for Back<'_> {}

/// Where the answer to the form leads.
pub(crate) fn back(path: &str) -> Back<'_> {
    Back { path }
}

/// A picture of the sprite.
#[derive(Template)]
#[template(path = "pieces/icon.html")]
pub(crate) struct Icon<'a> {
    name: &'a str,
}

impl HtmlSafe for Icon<'_> {}

/// A picture of the sprite.
pub(crate) fn icon(name: &str) -> Icon<'_> {
    Icon { name }
}

/// A message.
#[derive(Template)]
#[template(path = "pieces/flash.html")]
pub(crate) struct Flash<'a> {
    tone: Tone,
    text: &'a str,
}

impl HtmlSafe for Flash<'_> {}

/// A message.
pub(crate) fn flash(tone: impl Borrow<Tone>, text: &str) -> Flash<'_> {
    Flash { tone: *tone.borrow(), text }
}

/// A row of tabs.
#[derive(Template)]
#[template(path = "pieces/tabs.html")]
pub(crate) struct Tabs<'a> {
    list: &'a [Tab],
    label: &'a str,
}

impl HtmlSafe for Tabs<'_> {}

/// A row of tabs.
pub(crate) fn tabs<'a>(list: &'a [Tab], label: &'a str) -> Tabs<'a> {
    Tabs { list, label }
}

/// The way through a list of pages.
#[derive(Template)]
#[template(path = "pieces/pager.html")]
pub(crate) struct Pages<'a> {
    p: &'a Pager,
}

impl HtmlSafe for Pages<'_> {}

/// The way through a list of pages.
pub(crate) fn pager(p: &Pager) -> Pages<'_> {
    Pages { p }
}

/// What stands where a list would.
#[derive(Template)]
#[template(path = "pieces/empty.html")]
pub(crate) struct Nothing<'a> {
    e: &'a Empty,
}

impl HtmlSafe for Nothing<'_> {}

/// What stands where a list would.
pub(crate) fn empty(e: &Empty) -> Nothing<'_> {
    Nothing { e }
}

/// A select box.
#[derive(Template)]
#[template(path = "pieces/select.html")]
pub(crate) struct Select<'a> {
    name: &'a str,
    label: &'a str,
    list: &'a [Choice],
}

impl HtmlSafe for Select<'_> {}

/// A select box.
pub(crate) fn select<'a>(name: &'a str, label: &'a str, list: &'a [Choice]) -> Select<'a> {
    Select { name, label, list }
}

/// A line of text.
#[derive(Template)]
#[template(path = "pieces/input.html")]
pub(crate) struct Input<'a> {
    name: &'a str,
    label: &'a str,
    f: &'a Field,
    hint: &'a str,
    kind: &'a str,
    extra: &'a str,
}

impl HtmlSafe for Input<'_> {}

/// A line of text.
pub(crate) fn input<'a>(
    name: &'a str,
    label: &'a str,
    f: &'a Field,
    hint: &'a str,
    kind: &'a str,
    extra: &'a str,
) -> Input<'a> {
    Input { name, label, f, hint, kind, extra }
}

/// Lines of text.
#[derive(Template)]
#[template(path = "pieces/area.html")]
pub(crate) struct Area<'a> {
    name: &'a str,
    label: &'a str,
    f: &'a Field,
    hint: &'a str,
    rows: &'a str,
}

impl HtmlSafe for Area<'_> {}

/// Lines of text.
pub(crate) fn area<'a>(
    name: &'a str,
    label: &'a str,
    f: &'a Field,
    hint: &'a str,
    rows: &'a str,
) -> Area<'a> {
    Area { name, label, f, hint, rows }
}

/// A box to tick.
#[derive(Template)]
#[template(path = "pieces/check.html")]
pub(crate) struct Check<'a> {
    name: &'a str,
    label: &'a str,
    on: bool,
}

impl HtmlSafe for Check<'_> {}

/// A box to tick.
pub(crate) fn check<'a>(name: &'a str, label: &'a str, on: impl Borrow<bool>) -> Check<'a> {
    Check { name, label, on: *on.borrow() }
}

/// Why the page cannot be changed.
#[derive(Template)]
#[template(path = "pieces/readonly.html")]
pub(crate) struct Readonly<'a> {
    role: &'a str,
    what: &'a str,
}

impl HtmlSafe for Readonly<'_> {}

/// Why the page cannot be changed.
pub(crate) fn readonly<'a>(role: &'a str, what: &'a str) -> Readonly<'a> {
    Readonly { role, what }
}
