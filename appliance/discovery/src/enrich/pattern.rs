//! Patterns for names: readable, and linear where a regular expression could explode.
//!
//! `*` is any text, `?` one letter or digit, `#` one digit, `%` one hex digit; everything else is
//! itself, capitals of ASCII ignored. A pattern matches the whole subject.

use std::ops::Range;

/// Longer subjects are cut: no name, class or header that tells anything is longer.
pub(crate) const MAX_SUBJECT: usize = 256;

/// A pattern, compiled: the pieces between its stars.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern {
    pieces: Vec<Vec<u8>>,
}

impl Pattern {
    pub(crate) fn new(text: &str) -> Self {
        let lower = text.to_ascii_lowercase();
        Self { pieces: lower.split('*').map(|piece| piece.as_bytes().to_vec()).collect() }
    }

    /// How much it says: the number of characters that are no star.
    pub(crate) fn weight(&self) -> usize {
        self.pieces.iter().map(Vec::len).sum()
    }

    /// Whether it matches, and where in the subject each star stood. Case is that of ASCII ignored.
    pub(crate) fn captures(&self, subject: &str) -> Option<Vec<Range<usize>>> {
        let lower = subject.to_ascii_lowercase();
        let bytes = lower.as_bytes();
        let (first, rest) = self.pieces.split_first()?;
        if !fits(first, bytes) {
            return None;
        }
        let Some((last, middle)) = rest.split_last() else {
            return (first.len() == bytes.len()).then(Vec::new);
        };
        let end = bytes.len().checked_sub(last.len()).filter(|end| *end >= first.len())?;
        if !fits(last, &bytes[end..]) {
            return None;
        }
        let mut at = first.len();
        let mut stars = Vec::with_capacity(rest.len());
        for piece in middle {
            let window = bytes.get(at..end)?;
            let found = (0..=window.len()).find(|skip| fits(piece, &window[*skip..]))?;
            stars.push(at..at + found);
            at += found + piece.len();
        }
        // The tail may only begin where the last piece ended.
        (at <= end).then(|| stars.push(at..end))?;
        Some(stars)
    }

    #[cfg(test)]
    pub(crate) fn matches(&self, subject: &str) -> bool {
        self.captures(subject).is_some()
    }
}

/// Whether `bytes` starts with `piece`.
fn fits(piece: &[u8], bytes: &[u8]) -> bool {
    piece.len() <= bytes.len()
        && piece.iter().zip(bytes).all(|(want, have)| match want {
            b'?' => have.is_ascii_alphanumeric(),
            b'#' => have.is_ascii_digit(),
            b'%' => have.is_ascii_hexdigit(),
            _ => want == have,
        })
}

/// Trimmed, without control characters, and no longer than [`MAX_SUBJECT`] octets.
pub(crate) fn subject(text: &str) -> String {
    let mut clean = String::new();
    for c in text.trim().chars().filter(|c| !c.is_control()) {
        if clean.len() + c.len_utf8() > MAX_SUBJECT {
            break;
        }
        clean.push(c);
    }
    clean
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn stars_and_classes_match_what_they_say() {
        for (pattern, subject, expected) in [
            ("msft 5.0", "msft 5.0", true),
            ("msft 5.0", "msft 5.0 xbox", false),
            ("msft 5.0*", "msft 5.0 xbox", true),
            ("*iphone*", "johns-iphone", true),
            ("*iphone*", "iphone", true),
            ("iphone", "johns-iphone", false),
            ("desktop-???????", "desktop-4f7g2k1", true),
            ("desktop-???????", "desktop-4f7g2k", false),
            ("ps5-###", "ps5-123", true),
            ("ps5-###", "ps5-12a", false),
            ("brw%%%%", "brwa0f9", true),
            ("brw%%%%", "brwa0g9", false),
            ("aba*ba", "aba", false),
            ("*", "", true),
            ("", "", true),
            ("", "x", false),
        ] {
            assert_eq!(Pattern::new(pattern).matches(subject), expected, "{pattern} on {subject}");
        }
    }

    #[test]
    fn stars_keep_what_they_stood_for() {
        let pattern = Pattern::new("mfg=*;typ=printer;mod=*;*");
        let subject = "MFG=HP;TYP=Printer;MOD=LaserJet 4;SER=1;X=2";
        let stars: Vec<_> =
            pattern.captures(subject).unwrap().into_iter().map(|at| &subject[at]).collect();
        assert_eq!(stars, ["HP", "LaserJet 4", "SER=1;X=2"]);
    }

    proptest! {
        #[test]
        fn no_pattern_and_no_subject_make_it_panic(pattern: String, text: String) {
            let _ = Pattern::new(&pattern).captures(&subject(&text));
        }

        #[test]
        fn text_between_stars_is_found_wherever_it_is(
            before in "[a-z-]{0,8}", word in "[a-z]{1,6}", after in "[a-z-]{0,8}",
        ) {
            let whole = format!("{before}{word}{after}");
            let middle = Pattern::new(&format!("*{word}*"));
            let head = Pattern::new(&format!("{before}*"));
            let tail = Pattern::new(&format!("*{after}"));
            prop_assert!(middle.matches(&whole));
            prop_assert!(head.matches(&whole));
            prop_assert!(tail.matches(&whole));
            prop_assert!(Pattern::new(&whole).matches(&whole));
        }

        #[test]
        fn the_stars_and_the_pieces_together_are_the_subject(
            pieces in proptest::collection::vec("[ab]{0,2}", 2..5), text in "[ab]{0,12}",
        ) {
            if let Some(stars) = Pattern::new(&pieces.join("*")).captures(&text) {
                let mut whole = pieces[0].clone();
                for (star, piece) in stars.into_iter().zip(&pieces[1..]) {
                    whole.push_str(&text[star]);
                    whole.push_str(piece);
                }
                prop_assert_eq!(whole, text);
            }
        }
    }
}
