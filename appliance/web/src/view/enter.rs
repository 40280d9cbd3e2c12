//! Setting up and signing in: the pages that nobody is signed in on.

use askama::Template;

use super::{Field, Shell};

/// `GET /setup`: the first person makes an account with the token from the console.
#[derive(Debug, Clone, Template)]
#[template(path = "enter/setup.html")]
pub struct SetupPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// The setup token; the script fills it from the address's fragment.
    pub token: Field,
    /// The name to sign in with.
    pub name: Field,
    /// Only the error is shown; a password never returns to the page.
    pub password_error: String,
    /// The fewest characters that a password may have.
    pub password_min: u32,
}

/// `GET /sign-in`.
#[derive(Debug, Clone, Template)]
#[template(path = "enter/sign_in.html")]
pub struct SignInPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// The name given before, when the attempt was refused.
    pub name: String,
    /// Why it was refused, such as "Name or password is wrong."; empty at first.
    pub error: String,
    /// Where to go afterwards: a path on this site.
    pub next: String,
    /// Seconds until another attempt is taken; zero for at once.
    pub wait: u32,
    /// The certificate's SHA-256 fingerprint, to compare with the console's; empty to hide.
    pub fingerprint: String,
}
