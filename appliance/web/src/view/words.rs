//! Numbers and times as people read them.

use std::time::Duration;

use askama::Template;
use model::{Timestamp, human_age};

/// A point in time as `<time>`: relative words that the script keeps fresh, the exact time in the
/// tool tip.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "parts/time.html")]
pub struct Moment {
    /// RFC 3339 in UTC, to the second.
    pub iso: String,
    /// The exact time in the router's zone.
    pub exact: String,
    /// Such as `3 min ago`, or the exact time where that is what matters.
    pub text: String,
    /// Whether the script keeps `text` fresh.
    pub relative: bool,
}

impl askama::filters::HtmlSafe for Moment {}

impl Moment {
    /// Relative to `now`: `just now`, `3 min ago`, `in 2 h`.
    pub fn ago(at: Timestamp, now: Timestamp) -> Self {
        let text = if at > now {
            format!("in {}", human_age(at.since(now)))
        } else {
            match human_age(now.since(at)).as_str() {
                "now" => "just now".to_owned(),
                age => format!("{age} ago"),
            }
        };
        Self { iso: short_iso(at), exact: at.local(), text, relative: true }
    }

    /// Date and time of day in the router's zone.
    pub fn exact(at: Timestamp) -> Self {
        let exact = at.local();
        Self { iso: short_iso(at), text: exact.clone(), exact, relative: false }
    }
}

/// RFC 3339 to the second: the list of devices holds fifty of them.
fn short_iso(at: Timestamp) -> String {
    Timestamp::from_secs(at.as_secs()).rfc3339().replace(".000Z", "Z")
}

/// Bytes in binary steps with one decimal below ten: `980 B`, `1.4 MiB`, `12 GiB`.
pub fn bytes(n: u64) -> String {
    const UNITS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut value = n as f64;
    let mut unit = 0;
    while value >= 1023.5 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit > 0 && value < 9.95 {
        format!("{value:.1} {}", UNITS[unit])
    } else {
        format!("{value:.0} {}", UNITS[unit])
    }
}

/// A whole number with thin spaces between thousands: `12 345`.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3 * 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out
}

/// A share of one as a percentage: `0 %`, `99.95 %`, `100 %`. Nearly all is never rounded up to
/// all, nor nearly nothing to nothing.
pub fn percent(share: f64) -> String {
    let p = (share * 100.0).clamp(0.0, 100.0);
    if p.is_nan() || p <= 0.0 {
        "0 %".to_owned()
    } else if p >= 100.0 {
        "100 %".to_owned()
    } else if p > 99.0 {
        format!("{:.2} %", p.min(99.99))
    } else if p < 1.0 {
        format!("{:.1} %", p.max(0.1))
    } else {
        format!("{p:.0} %")
    }
}

/// Bits a second in decimal steps, as lines are sold: `0 bit/s`, `940 kbit/s`, `12.4 Mbit/s`.
pub fn rate(bps: f64) -> String {
    const UNITS: [&str; 4] = ["bit/s", "kbit/s", "Mbit/s", "Gbit/s"];
    let (mut value, mut unit) = (bps.max(0.0), 0);
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    let name = UNITS[unit];
    if unit > 0 && value < 99.95 {
        format!("{value:.1} {name}")
    } else {
        format!("{value:.0} {name}")
    }
}

/// A length of time in its two largest units: `45 s`, `3 min 20 s`, `2 d 4 h`.
pub fn span(length: Duration) -> String {
    const UNITS: [(u64, &str); 4] = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")];
    let mut left = length.as_secs();
    let mut words = Vec::with_capacity(2);
    for (size, unit) in UNITS {
        let n = left / size;
        left %= size;
        if n > 0 {
            words.push(format!("{n} {unit}"));
        } else if !words.is_empty() {
            break;
        }
        if words.len() == 2 {
            break;
        }
    }
    if words.is_empty() { "0 s".to_owned() } else { words.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_says_how_long_ago_it_was() {
        let now = Timestamp(1_800_000_000_000);
        let text = |secs: i64| Moment::ago(Timestamp(now.0 - secs * 1000), now).text;
        assert_eq!(text(0), "just now");
        assert_eq!(text(59), "59 s ago");
        assert_eq!(text(7_200), "2 h ago");
        assert_eq!(text(-90), "in 1 min");
    }

    #[test]
    fn bytes_are_short_and_step_at_1024() {
        assert_eq!(bytes(0), "0 B");
        assert_eq!(bytes(1023), "1023 B");
        assert_eq!(bytes(1024), "1.0 KiB");
        assert_eq!(bytes(10_240), "10 KiB");
        assert_eq!(bytes(1_048_575), "1.0 MiB");
        assert_eq!(bytes(u64::MAX), "16384 PiB");
    }

    #[test]
    fn rates_are_told_as_lines_are_sold() {
        assert_eq!(rate(f64::NAN), "0 bit/s");
        assert_eq!(rate(940_000.0), "940 kbit/s");
        assert_eq!(rate(12_400_000.0), "12.4 Mbit/s");
        assert_eq!(rate(2.5e9), "2.5 Gbit/s");
    }

    #[test]
    fn counts_are_grouped_by_thousands() {
        assert_eq!(count(999), "999");
        assert_eq!(count(1_234_567), "1\u{202f}234\u{202f}567");
    }

    #[test]
    fn a_percentage_never_rounds_to_all_or_nothing() {
        assert_eq!(percent(1.0), "100 %");
        assert_eq!(percent(0.999_99), "99.99 %");
        assert_eq!(percent(0.5), "50 %");
        assert_eq!(percent(0.000_01), "0.1 %");
        assert_eq!(percent(f64::NAN), "0 %");
    }

    #[test]
    fn a_span_keeps_its_two_largest_units() {
        assert_eq!(span(Duration::from_secs(0)), "0 s");
        assert_eq!(span(Duration::from_secs(200)), "3 min 20 s");
        assert_eq!(span(Duration::from_secs(86_400 + 60)), "1 d");
    }
}
