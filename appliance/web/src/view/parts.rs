//! Small pieces that many pages share.

use super::Query;

/// The colour family of a status; a word always stands beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tone {
    /// Good, online.
    Ok,
    /// Worth a look.
    Warn,
    /// Broken, dangerous.
    Bad,
    /// Neutral news.
    Info,
    /// Newly appeared.
    New,
    /// Off, past, unknown.
    #[default]
    Quiet,
}

impl Tone {
    /// The class in the style sheet.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Bad => "bad",
            Self::Info => "info",
            Self::New => "new",
            Self::Quiet => "quiet",
        }
    }

    /// An icon of the sprite that says the same without colour.
    pub const fn icon(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Bad => "bad",
            Self::Info | Self::New | Self::Quiet => "info",
        }
    }
}

impl From<model::Severity> for Tone {
    fn from(severity: model::Severity) -> Self {
        match severity.tone() {
            "bad" => Self::Bad,
            "warn" => Self::Warn,
            _ => Self::Info,
        }
    }
}

impl std::fmt::Display for Tone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A message at the top of a page, about what just happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flash {
    /// How it went.
    pub tone: Tone,
    /// One or two sentences.
    pub text: String,
}

/// A link with words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// What the person reads.
    pub label: String,
    /// Where it goes.
    pub href: String,
}

/// One tab of a row of tabs; a plain link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tab {
    /// What the person reads.
    pub label: String,
    /// Where it goes.
    pub href: String,
    /// How many things are behind it.
    pub count: Option<String>,
    /// The name under which live counts arrive, such as `devices-online`; empty for none.
    pub key: &'static str,
    /// Whether this is the page shown.
    pub current: bool,
}

impl Tab {
    /// The tab for `key=value` of this query; paging starts anew.
    pub fn of(query: &Query, key: &str, value: &str, label: &str) -> Self {
        Self {
            label: label.to_owned(),
            href: query.without("before").with(key, value).href(),
            count: None,
            key: "",
            current: query.get(key).unwrap_or_default() == value,
        }
    }

    /// The same tab with a number, and the name under which the number is kept live.
    #[must_use]
    pub fn counted(mut self, n: u64, key: &'static str) -> Self {
        self.count = Some(super::count(n));
        self.key = key;
        self
    }
}

/// One option of a select box.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// What the form sends.
    pub value: String,
    /// What the person reads.
    pub label: String,
    /// Whether it is the chosen one.
    pub chosen: bool,
}

impl Choice {
    /// Options from pairs of value and label, with the one chosen marked.
    pub fn list<V: Into<String>, L: Into<String>>(
        options: impl IntoIterator<Item = (V, L)>,
        chosen: &str,
    ) -> Vec<Self> {
        options
            .into_iter()
            .map(|(value, label)| {
                let value = value.into();
                Self { chosen: value == chosen, value, label: label.into() }
            })
            .collect()
    }
}

/// A select box of a filter bar. The first choice should be the empty value, "any".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// The query parameter.
    pub name: String,
    /// What the person reads.
    pub label: String,
    /// The options.
    pub choices: Vec<Choice>,
}

impl Filter {
    /// A filter with "Any" first and the query's own value chosen.
    pub fn of<V: Into<String>, L: Into<String>>(
        query: &Query,
        name: &str,
        label: &str,
        options: impl IntoIterator<Item = (V, L)>,
    ) -> Self {
        let chosen = query.get(name).unwrap_or_default();
        let mut choices = Choice::list([("", "Any")], chosen);
        choices.extend(Choice::list(options, chosen));
        Self { name: name.to_owned(), label: label.to_owned(), choices }
    }
}

/// The head of a table column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// What the person reads.
    pub label: String,
    /// Where a click goes: the same page in another order. Empty: not sortable.
    pub href: String,
    /// The value of `aria-sort`: `ascending`, `descending` or empty.
    pub sorted: &'static str,
}

impl Column {
    /// A column that cannot be sorted by.
    pub fn plain(label: &str) -> Self {
        Self { label: label.to_owned(), href: String::new(), sorted: "" }
    }

    /// A column sorted by `sort=key` or, descending, `sort=-key`. `default` is the order when the
    /// query says nothing.
    pub fn sortable(query: &Query, label: &str, key: &str, default: &str) -> Self {
        let now = query.get("sort").unwrap_or(default);
        let down = format!("-{key}");
        let (sorted, next) = if now == key {
            ("ascending", down.as_str())
        } else if now == down {
            ("descending", key)
        } else {
            ("", key)
        };
        let href = query.without("before").with("sort", next).href();
        Self { label: label.to_owned(), href, sorted }
    }
}

/// Links to the neighbouring pages of a list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pager {
    /// Back to the first page; empty when this is it.
    pub first: String,
    /// The next page; empty when this is the last.
    pub next: String,
    /// The words on the next link, such as `Older`.
    pub next_label: &'static str,
    /// Such as `50 of 1 204`.
    pub shown: String,
}

impl Pager {
    /// Keyset paging by `before`: `cursor` is the last row's key when there are more.
    pub fn keyset(
        query: &Query,
        cursor: Option<&str>,
        next_label: &'static str,
        shown: String,
    ) -> Self {
        Self {
            first: query.get("before").map(|_| query.without("before").href()).unwrap_or_default(),
            next: cursor.map(|c| query.with("before", c).href()).unwrap_or_default(),
            next_label,
            shown,
        }
    }
}

/// What stands where a list would, when there is nothing to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Empty {
    /// An icon of the sprite.
    pub icon: &'static str,
    /// The state in a few words.
    pub title: String,
    /// Why, and what to do.
    pub text: String,
    /// A way on.
    pub action: Option<Link>,
}

impl Empty {
    /// Puts one together.
    pub fn new(icon: &'static str, title: &str, text: impl Into<String>) -> Self {
        Self { icon, title: title.to_owned(), text: text.into(), action: None }
    }

    /// The same with a way on.
    #[must_use]
    pub fn with_action(mut self, label: &str, href: impl Into<String>) -> Self {
        self.action = Some(Link { label: label.to_owned(), href: href.into() });
        self
    }

    /// Filters are set and nothing passes them; `clear` is the page without filters.
    pub fn no_match(clear: &str) -> Self {
        Self::new(
            "search",
            "Nothing matches",
            "No row passes these filters. Loosen one of them or clear them all.",
        )
        .with_action("Clear filters", clear)
    }

    /// Reading failed; the reason in words for people.
    pub fn failed(reason: impl Into<String>) -> Self {
        Self::new("alert", "This list could not be read", reason)
    }

    /// The role may not see this.
    pub fn forbidden(role: &str) -> Self {
        Self::new(
            "lock",
            "Not for your role",
            format!(
                "The role {role} may not see this. An administrator can give you another one under Settings, People."
            ),
        )
    }
}

/// What a text field of a form holds, and what was wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Field {
    /// The value to show.
    pub value: String,
    /// Why it was refused; empty when it was not.
    pub error: String,
}

impl Field {
    /// A value without an error.
    pub fn new(value: impl Into<String>) -> Self {
        Self { value: value.into(), error: String::new() }
    }

    /// A value that was refused, and why.
    pub fn refused(value: impl Into<String>, error: impl Into<String>) -> Self {
        Self { value: value.into(), error: error.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sorted_column_turns_round_and_paging_starts_anew() {
        let query = Query::parse("/devices", "sort=name&before=k&q=tv");
        let name = Column::sortable(&query, "Name", "name", "name");
        assert_eq!((name.sorted, name.href.as_str()), ("ascending", "/devices?q=tv&sort=-name"));
        let seen = Column::sortable(&query, "Seen", "seen", "name");
        assert_eq!((seen.sorted, seen.href.as_str()), ("", "/devices?q=tv&sort=seen"));
    }

    #[test]
    fn a_tab_knows_whether_it_is_shown() {
        let query = Query::parse("/devices", "status=online");
        assert!(Tab::of(&query, "status", "online", "Online").current);
        let all = Tab::of(&query, "status", "", "All");
        assert!(!all.current);
        assert_eq!(all.href, "/devices");
    }

    #[test]
    fn the_pager_offers_only_pages_that_exist() {
        let first = Pager::keyset(&Query::new("/events"), Some("42"), "Older", String::new());
        assert_eq!((first.first.as_str(), first.next.as_str()), ("", "/events?before=42"));
        let last =
            Pager::keyset(&Query::parse("/events", "before=42"), None, "Older", String::new());
        assert_eq!((last.first.as_str(), last.next.as_str()), ("/events", ""));
    }
}
