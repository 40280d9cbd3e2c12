//! What a person is: name, role, preferences.
//!
//! Pure: the rules for names and preferences, and a person as a list shows them.

use model::{PersonId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::memory::{KnownPerson, KnownSession, Memory};
use crate::{AccessError, Role, Secret};

/// Longest name, characters.
const MAX_NAME: usize = 64;

/// Why a name is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameFault {
    /// Nothing but blanks.
    #[error("give a name")]
    Empty,
    /// More than 64 characters.
    #[error("the name is too long: give at most {MAX_NAME} characters")]
    TooLong,
    /// Something other than letters, digits, blank, dot, hyphen, underscore and at sign, or a
    /// first character that is no letter or digit.
    #[error(
        "a name starts with a letter or digit and has only letters, digits, blanks and . _ - @ in it"
    )]
    BadCharacter,
}

/// The name as it is kept.
pub(crate) fn check_name(name: &str) -> Result<String, NameFault> {
    let name = name.trim();
    let first = name.chars().next().ok_or(NameFault::Empty)?;
    if name.chars().count() > MAX_NAME {
        return Err(NameFault::TooLong);
    }
    let fits = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '.' | '_' | '-' | '@');
    if !first.is_alphanumeric() || !name.chars().all(fits) {
        return Err(NameFault::BadCharacter);
    }
    Ok(name.to_owned())
}

/// What makes two names the same.
pub(crate) fn name_key(name: &str) -> String {
    name.trim().to_lowercase()
}

/// Colours of the site.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Theme {
    /// As the browser says.
    System,
    /// Dark.
    #[default]
    Dark,
    /// Light.
    Light,
}

/// How somebody likes the site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Preferences {
    /// Colours.
    pub theme: Theme,
    /// How often pages that are not live load again, seconds; 0 for never.
    pub refresh_seconds: u16,
    /// Colour of the person's mark, degrees of hue.
    pub avatar_hue: u16,
}

impl Default for Preferences {
    fn default() -> Self {
        Self { theme: Theme::default(), refresh_seconds: 30, avatar_hue: 210 }
    }
}

impl Preferences {
    pub(crate) fn check(self) -> Result<Self, AccessError> {
        if self.refresh_seconds != 0 && !(5..=3600).contains(&self.refresh_seconds) {
            let accepted = "0 for never, or from 5 to 3600 seconds";
            return Err(AccessError::BadValue { what: "the refresh interval", accepted });
        }
        if self.avatar_hue >= 360 {
            let accepted = "from 0 to 359 degrees";
            return Err(AccessError::BadValue { what: "the avatar's hue", accepted });
        }
        Ok(self)
    }
}

/// Somebody who may sign in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Person {
    /// The row.
    pub id: PersonId,
    /// The name to sign in with.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// Cannot sign in at present.
    pub disabled: bool,
    /// When they last used the site.
    pub last_seen_at: Option<Timestamp>,
    /// How many sessions of theirs stand.
    pub sessions: usize,
    /// How many API keys they have.
    pub api_keys: usize,
}

impl Person {
    pub(crate) fn of(memory: &Memory, id: PersonId, person: &KnownPerson, now: Timestamp) -> Self {
        let policy = memory.policy;
        let stands =
            |s: &&KnownSession| s.person == id && policy.alive(s.created, s.last_seen(), now);
        Self {
            id,
            name: person.name.as_ref().to_owned(),
            role: person.role,
            disabled: person.disabled,
            last_seen_at: person.seen.at,
            sessions: memory.sessions.values().filter(stands).count(),
            api_keys: memory.keys.values().filter(|k| k.person == id).count(),
        }
    }
}

/// Somebody to add.
#[derive(Debug, Clone)]
pub struct NewPerson {
    /// The name to sign in with.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// Their first password.
    pub password: Secret,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_of_people_pass_and_hostile_ones_do_not() {
        for name in ["ada", " Ada Lovelace ", "jörg", "a@b.example", "李"] {
            assert_eq!(check_name(name).as_deref(), Ok(name.trim()));
        }
        assert_eq!(check_name("  "), Err(NameFault::Empty));
        assert_eq!(check_name(&"a".repeat(65)), Err(NameFault::TooLong));
        for name in ["=cmd()", "-x", "a\nb", "a\u{202e}b", "<b>", "a\0"] {
            assert_eq!(check_name(name), Err(NameFault::BadCharacter), "{name:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_name_rule_panic(text: String) {
            let _ = (check_name(&text), name_key(&text));
        }
    }

    #[test]
    fn preferences_out_of_range_are_refused() {
        let with = |refresh_seconds, avatar_hue| {
            Preferences { refresh_seconds, avatar_hue, ..Preferences::default() }.check().is_ok()
        };
        assert!(with(0, 0) && with(5, 359) && with(3600, 0));
        assert!(!with(4, 0) && !with(3601, 0) && !with(30, 360));
    }
}
