//! What a page of traffic is asked for: a stretch of time, a filter, words of lists. In comes the
//! query of an address, out go typed values or fields with what is wrong with them.

use ::flows::filter::{self, Filter};
use ::flows::query::{Dimension, Measure, Range};
use ::flows::rollup::Scope;
use discovery::Discovery;
use model::Timestamp;

use crate::pages::local_time;
use crate::view::flows::{FilterField, Span};
use crate::view::{Field, Query, Tab};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

/// Addresses of one name that are looked for.
pub(crate) const MOST_OF_NAME: usize = 64;

/// A usual stretch of time.
struct Usual {
    word: &'static str,
    label: &'static str,
    length: i64,
    step: i64,
}

const fn usual(word: &'static str, label: &'static str, length: i64, step: i64) -> Usual {
    Usual { word, label, length, step }
}

/// The usual ones; the second is shown where nothing is said.
const USUAL: [Usual; 5] = [
    usual("1h", "1 h", HOUR_MS, MINUTE_MS),
    usual("", "24 h", DAY_MS, 10 * MINUTE_MS),
    usual("7d", "7 d", 7 * DAY_MS, HOUR_MS),
    usual("30d", "30 d", 30 * DAY_MS, 6 * HOUR_MS),
    usual("1y", "1 y", 365 * DAY_MS, DAY_MS),
];

/// Steps of a chart over a stretch that somebody chose, in milliseconds.
const STEPS: [i64; 12] = [
    1_000,
    5_000,
    10_000,
    30_000,
    MINUTE_MS,
    5 * MINUTE_MS,
    10 * MINUTE_MS,
    30 * MINUTE_MS,
    HOUR_MS,
    6 * HOUR_MS,
    DAY_MS,
    7 * DAY_MS,
];
/// Points that such a chart has at most.
const POINTS: i64 = 150;

/// A stretch of time, as it was asked for.
pub(super) struct Time {
    pub(super) range: Range,
    /// The step that suits it, in milliseconds.
    pub(super) step: i64,
    /// For the page.
    pub(super) span: Span,
    /// Whether it was not understood.
    pub(super) wrong: bool,
}

/// Reads `range`, or `from` and `to`: milliseconds since the Unix epoch, or a time of the router's
/// clock.
pub(super) fn time(query: &Query, now: Timestamp) -> Time {
    let chosen = query.get("from").is_some() || query.get("to").is_some();
    let word = query.get("range").unwrap_or_default();
    let found =
        USUAL.iter().find(|usual| usual.word == word || usual.label.replace(' ', "") == word);
    let known = found.unwrap_or(&USUAL[1]);
    let bare = query.without("from").without("to").without("before");
    let mut tabs: Vec<Tab> =
        USUAL.iter().map(|u| Tab::of(&bare, "range", u.word, u.label)).collect();
    for (tab, usual) in tabs.iter_mut().zip(&USUAL) {
        tab.current = !chosen && usual.word == known.word;
    }
    let mut range = Range { from: Timestamp(now.0 - known.length), to: now };
    let mut span = Span { tabs, ..Span::default() };
    let mut wrong = false;
    if chosen {
        let mut read = |name: &str, otherwise: Timestamp| {
            let text = query.get(name).unwrap_or_default();
            match (text, moment(text)) {
                ("", _) => (otherwise, Field::default()),
                (_, Some(at)) => (at, Field::new(at.local().replace(' ', "T"))),
                (other, None) => {
                    wrong = true;
                    let shown: String = other.chars().take(60).collect();
                    let why = format!("\u{201c}{shown}\u{201d} is no time.");
                    (otherwise, Field::refused(shown, why))
                }
            }
        };
        (range.to, span.to) = read("to", now);
        (range.from, span.from) = read("from", Timestamp(range.to.0.saturating_sub(known.length)));
    }
    let length = range.to.0.saturating_sub(range.from.0);
    let fits = STEPS.into_iter().find(|step| length / step <= POINTS);
    let step = if chosen { fits.unwrap_or(30 * DAY_MS) } else { known.step };
    span.text = format!("{} to {}", range.from.local(), range.to.local());
    Time { range, step, span, wrong }
}

/// A moment, as milliseconds or as a time of the router's clock.
fn moment(text: &str) -> Option<Timestamp> {
    if !text.is_empty() && text.len() <= 15 && text.bytes().all(|octet| octet.is_ascii_digit()) {
        return text.parse().ok().map(Timestamp);
    }
    // The calendar ends somewhere, and so do the years that people mean.
    local_time(text).filter(|at| at.0 >= 0)
}

/// Reads `filter`. Where it is not understood, it lets everything through and says so.
pub(super) fn filter(query: &Query, discovery: &Discovery) -> (Filter, FilterField) {
    let text = query.get("filter").unwrap_or_default();
    let interfaces = discovery.interfaces();
    let by_name =
        |name: &str| interfaces.iter().find(|i| i.name.eq_ignore_ascii_case(name)).map(|i| i.index);
    let hosts = |name: &str| discovery.addresses_of_name(name, MOST_OF_NAME);
    match filter::parse_named(text, &by_name, &hosts) {
        Ok(filter) => (filter, FilterField { field: Field::new(text), ..FilterField::default() }),
        Err(error) => {
            // One line, as the column counts it.
            let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
            let before: String = line.chars().take(error.column.saturating_sub(1)).collect();
            let from = before.chars().count().saturating_sub(60);
            let shown: String = line.chars().skip(from).take(120).collect();
            let mark = " ".repeat(before.chars().count() - from);
            let why = super::sentence(&error.to_string());
            let pointer = format!("{shown}\n{mark}^");
            (Filter::default(), FilterField { field: Field::refused(text, why), pointer })
        }
    }
}

/// By what flows are grouped, on pages and in the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    /// By whose the end that is ours was.
    Owner,
    /// By a property of flows.
    Of(Dimension),
}

/// The word of an address, what people read, what is grouped by.
pub(crate) const DIMENSIONS: [(&str, &str, By); 17] = [
    ("device", "Device", By::Owner),
    ("remote", "Remote address", By::Of(Dimension::Remote)),
    ("service", "Service", By::Of(Dimension::Service)),
    ("country", "Country", By::Of(Dimension::Country)),
    ("as", "Autonomous system", By::Of(Dimension::System)),
    ("conversation", "Conversation", By::Of(Dimension::Conversation)),
    ("local", "Local address", By::Of(Dimension::Local)),
    ("host", "Any address", By::Of(Dimension::Host)),
    ("source", "Sender", By::Of(Dimension::Source)),
    ("destination", "Receiver", By::Of(Dimension::Destination)),
    ("pair", "Sender and receiver", By::Of(Dimension::Pair)),
    ("connection", "Connection", By::Of(Dimension::Tuple)),
    ("sport", "Sender's port", By::Of(Dimension::SourcePort)),
    ("dport", "Receiver's port", By::Of(Dimension::DestinationPort)),
    ("protocol", "Protocol", By::Of(Dimension::Protocol)),
    ("in", "Interface in", By::Of(Dimension::Input)),
    ("out", "Interface out", By::Of(Dimension::Output)),
];

/// The word of an address, what people read, what is ranked by.
pub(crate) const MEASURES: [(&str, &str, Measure); 3] = [
    ("bytes", "Bytes", Measure::Bytes),
    ("packets", "Packets", Measure::Packets),
    ("flows", "Flows", Measure::Flows),
];

/// The word of an address, what people read, between whom.
pub(crate) const SCOPES: [(&str, &str, &[Scope]); 4] = [
    ("", "With the Internet", &[Scope::Internet]),
    ("local", "Between our own", &[Scope::Local]),
    ("router", "Of the router", &[Scope::Router]),
    ("all", "All", &[Scope::Internet, Scope::Local, Scope::Router, Scope::Transit]),
];

/// The entry of a word; the first where it is none of them.
pub(super) fn word<T: Copy>(
    query: &Query,
    name: &str,
    all: &[(&'static str, &'static str, T)],
) -> (&'static str, &'static str, T) {
    let word = query.get(name).unwrap_or_default();
    *all.iter().find(|(its, _, _)| *its == word).unwrap_or(&all[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_795_273_200_000);

    fn of(raw: &str) -> Time {
        time(&Query::parse("/flows", raw), NOW)
    }

    #[test]
    fn the_last_day_is_shown_unless_another_time_is_asked_for() {
        let day = of("");
        assert_eq!((NOW.0 - day.range.from.0, day.step), (DAY_MS, 10 * MINUTE_MS));
        assert_eq!(day.span.tabs.iter().position(|tab| tab.current), Some(1));
        assert_eq!(of("range=24h").range, day.range);
        assert_eq!(of("range=nonsense").range, day.range);
        assert_eq!(NOW.0 - of("range=1y").range.from.0, 365 * DAY_MS);
    }

    #[test]
    fn a_chosen_time_is_read_in_milliseconds_or_by_the_routers_clock() {
        let chosen = of("range=1h&from=1795270000000&to=1795270600000");
        assert_eq!(chosen.range.from, Timestamp(1_795_270_000_000));
        assert_eq!((chosen.range.to, chosen.step), (Timestamp(1_795_270_600_000), 5_000));
        assert!(chosen.span.tabs.iter().all(|tab| !tab.current) && !chosen.wrong);
        let text = chosen.span.from.value.clone();
        assert_eq!(of(&format!("from={text}")).range.from, Timestamp(1_795_270_000_000));
    }

    #[test]
    fn what_is_no_time_is_said_beside_its_field() {
        for text in
            ["soon", "-5", "99999999999999999999", "2026-13-01T00:00", "2026-01-01T00:00:99"]
        {
            let wrong = of(&format!("to={text}"));
            assert!(wrong.wrong, "{text}");
            assert!(wrong.span.to.error.contains("is no time"), "{text}");
        }
    }
}
