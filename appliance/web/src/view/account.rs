//! The signed-in person's own account.

use askama::Template;

use super::{Choice, Moment, Shell};

/// `GET /account`.
#[derive(Debug, Clone, Template)]
#[template(path = "account/account.html")]
pub struct AccountPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// Why the current password was refused; empty when it was not.
    pub current_error: String,
    /// Why the new password was refused; empty when it was not.
    pub password_error: String,
    /// The fewest characters of a password.
    pub password_min: u32,
    /// Where the person is signed in, this session first.
    pub sessions: Vec<SessionLine>,
    /// The person's API keys.
    pub keys: Vec<KeyLine>,
    /// What a new key may do.
    pub scopes: Vec<Choice>,
    /// How long a new key lasts.
    pub days: Vec<Choice>,
    /// A key just made, shown once.
    pub fresh_key: String,
    /// Theme.
    pub themes: Vec<Choice>,
    /// How often pages refresh where there is no live channel.
    pub refresh: Vec<Choice>,
    /// Rows a page.
    pub rows: Vec<Choice>,
}

/// One session.
#[derive(Debug, Clone)]
pub struct SessionLine {
    /// Its name in addresses; not the secret.
    pub id: String,
    /// Browser and system, as far as known.
    pub agent: String,
    /// From where.
    pub address: String,
    /// Signed in.
    pub since: Moment,
    /// Last request.
    pub seen: Moment,
    /// Whether this request came by it.
    pub current: bool,
}

/// One API key.
#[derive(Debug, Clone)]
pub struct KeyLine {
    /// Its number.
    pub id: i64,
    /// What the person called it.
    pub name: String,
    /// Its first characters.
    pub prefix: String,
    /// What it may do.
    pub scope: String,
    /// When it ends; none for never.
    pub expires: Option<Moment>,
    /// Used last; none for never.
    pub used: Option<Moment>,
}
