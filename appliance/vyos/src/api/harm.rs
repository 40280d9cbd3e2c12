//! What must never be sent, because the router damages it or is damaged by it.
//!
//! Each rule was seen on real servers of 1.4 and 1.5: a value that begins with `//` reads back as
//! nothing and is lost when saved, both kinds of quotes and line ends are refused, blanks in front
//! are cut, a NUL is an internal error, and words of an op-mode command reach a shell.

use crate::config::{Command, DEEPEST};

/// Longer than any value that is worth a line of a configuration, in bytes.
pub(super) const LONGEST_WORD: usize = 64 * 1024;

/// Why something is not sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Harm {
    /// A path without words; asking whether it exists kills the API server.
    #[error("the path is empty")]
    EmptyPath,
    /// A word without characters.
    #[error("a word of the path is empty")]
    EmptyWord,
    /// More words than any path has.
    #[error("the path has more than {DEEPEST} words")]
    TooDeep,
    /// A value longer than any.
    #[error("`{0}…` is longer than {LONGEST_WORD} bytes")]
    TooLong(String),
    /// A value that begins with two slashes.
    #[error("`{0}` begins with //, which VyOS takes for a remark and loses when it saves")]
    Slashes(String),
    /// A quote in a value.
    #[error("`{0}` has a quotation mark, which VyOS does not take")]
    Quote(String),
    /// A line end or other control character in a value.
    #[error("`{0}` has a line end or another control character, which VyOS does not take")]
    Control(String),
    /// Blanks in front of a value.
    #[error("`{0}` begins with a blank, which VyOS cuts off")]
    Blank(String),
    /// A remark that holds the end of a remark.
    #[error("`{0}` has */ in it, which would end the remark there")]
    EndOfRemark(String),
    /// A character in an op-mode word that a shell might act on.
    #[error("`{0}` may have only letters, digits and . _ : / - in a command for the router")]
    Shell(String),
}

/// How much of a value an error repeats.
fn short(word: &str) -> String {
    word.chars().take(40).map(|c| if c.is_control() { '␤' } else { c }).collect()
}

fn check_path(path: &[String]) -> Result<(), Harm> {
    match path.len() {
        0 => return Err(Harm::EmptyPath),
        deep if deep > DEEPEST => return Err(Harm::TooDeep),
        _ => {}
    }
    path.iter().try_for_each(|word| check_word(word))
}

fn check_word(word: &str) -> Result<(), Harm> {
    if word.is_empty() {
        return Err(Harm::EmptyWord);
    }
    if word.len() > LONGEST_WORD {
        return Err(Harm::TooLong(short(word)));
    }
    if word.starts_with("//") {
        return Err(Harm::Slashes(short(word)));
    }
    if word.contains(['"', '\'']) {
        return Err(Harm::Quote(short(word)));
    }
    if word.chars().any(|c| c.is_control() && c != '\t') {
        return Err(Harm::Control(short(word)));
    }
    if word.starts_with([' ', '\t']) {
        return Err(Harm::Blank(short(word)));
    }
    Ok(())
}

/// Whether a change of the configuration arrives as it was meant.
pub fn check_command(command: &Command) -> Result<(), Harm> {
    match command {
        Command::Set(path) => check_path(path),
        // What is there can be taken away whatever it holds.
        Command::Delete(path) if path.is_empty() => Err(Harm::EmptyPath),
        Command::Delete(path) if path.len() > DEEPEST => Err(Harm::TooDeep),
        Command::Delete(path) if path.iter().any(String::is_empty) => Err(Harm::EmptyWord),
        Command::Delete(_) => Ok(()),
        Command::Comment(path, text) => {
            check_path(path)?;
            if text.contains("*/") {
                return Err(Harm::EndOfRemark(short(text)));
            }
            if text.chars().any(char::is_control) {
                return Err(Harm::Control(short(text)));
            }
            if text.len() > LONGEST_WORD {
                return Err(Harm::TooLong(short(text)));
            }
            Ok(())
        }
    }
}

/// Whether the words of an op-mode command are safe for the shell that they reach.
pub fn check_words(words: &[String]) -> Result<(), Harm> {
    if words.is_empty() {
        return Err(Harm::EmptyPath);
    }
    if words.len() > DEEPEST {
        return Err(Harm::TooDeep);
    }
    for word in words {
        let plain = |c: char| c.is_ascii_alphanumeric() || "._:/-".contains(c);
        if word.is_empty() {
            return Err(Harm::EmptyWord);
        }
        if word.len() > 255 || word.starts_with('-') || !word.chars().all(plain) {
            return Err(Harm::Shell(short(word)));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(value: &str) -> Result<(), Harm> {
        let path = ["interfaces", "ethernet", "eth2", "description", value];
        check_command(&Command::Set(path.map(str::to_owned).to_vec()))
    }

    #[test]
    fn values_that_vyos_would_damage_are_refused_with_the_reason() {
        assert!(matches!(set("//slashes"), Err(Harm::Slashes(_))));
        assert!(matches!(set("a \"b\""), Err(Harm::Quote(_))));
        assert!(matches!(set("it's"), Err(Harm::Quote(_))));
        assert!(matches!(set("two\nlines"), Err(Harm::Control(_))));
        assert!(matches!(set("nul\0"), Err(Harm::Control(_))));
        assert!(matches!(set("  spaces"), Err(Harm::Blank(_))));
        assert!(matches!(set(&"x".repeat(64 * 1024 + 1)), Err(Harm::TooLong(_))));
        assert_eq!(set(""), Err(Harm::EmptyWord));
    }

    #[test]
    fn strange_values_that_vyos_keeps_are_sent() {
        for value in [
            "a<b>&c",
            "back\\slash",
            "üñí – ☃",
            "$(id) `id`",
            "{ brace",
            "/* c */",
            "#h",
            "🙂",
            "tab\there",
            "x ",
        ] {
            assert_eq!(set(value), Ok(()), "{value}");
        }
        assert_eq!(set(&"x".repeat(64 * 1024)), Ok(()));
    }

    #[test]
    fn a_long_value_is_not_repeated_whole() {
        let text = set(&format!("//{}", "x".repeat(1000))).unwrap_err().to_string();
        assert!(text.len() < 200, "{text}");
    }

    #[test]
    fn words_for_a_shell_have_a_strict_alphabet() {
        let words = |word: &str| check_words(&["show".to_owned(), word.to_owned()]);
        for good in ["192.0.2.1", "2001:db8::1", "eth0.30", "10.0.0.0/8", "br-lan"] {
            assert_eq!(words(good), Ok(()), "{good}");
        }
        for bad in ["$(reboot)", "a b", "a;b", "`id`", "x|y", "ü", "--raw", "a\nb", "*", "'"] {
            assert!(matches!(words(bad), Err(Harm::Shell(_))), "{bad}");
        }
        assert_eq!(check_words(&[]), Err(Harm::EmptyPath));
    }

    #[test]
    fn an_empty_path_never_leaves() {
        assert_eq!(check_command(&Command::Set(vec![])), Err(Harm::EmptyPath));
        assert_eq!(check_command(&Command::Delete(vec![])), Err(Harm::EmptyPath));
    }
}
