//! Characters with which one text can be made to look like another.

/// Control characters, and those that are not seen but change how what is around them reads: marks
/// of direction (Unicode's UAX 9), blanks without width, tags.
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_seen_is_not_hidden_and_what_deceives_is() {
        assert!(!"Größe 李 שלום 👍🏽 — é".chars().any(is_hidden));
        for text in ["\u{202e}", "\u{200b}", "\u{2066}", "\u{feff}", "\u{e0041}", "\n", "\u{1b}"] {
            assert!(text.chars().all(is_hidden), "{text:?}");
        }
    }
}
