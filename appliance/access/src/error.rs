//! Why access was not given, or a change not made.

use std::path::PathBuf;
use std::time::Duration;

use model::{Explained, PersonId};
use store::StoreError;

use crate::password::PasswordFault;
use crate::person::NameFault;
use crate::{Permission, Role};

/// Why access was not given, or a change not made.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// The caller's role does not include this.
    #[error("your role does not include {permission}; ask an administrator")]
    Forbidden {
        /// What was needed.
        permission: Permission,
    },
    /// Only a signed-in person can do this, no key and nobody else.
    #[error("this needs a person who is signed in")]
    NeedsPerson,
    /// Unknown name or wrong password; which of them is not told.
    #[error("name and password do not match")]
    WrongCredentials,
    /// The password given as the current one is not.
    #[error("the current password is not right")]
    WrongPassword,
    /// One's own password is changed with the current one, not reset.
    #[error(
        "change your own password with the current one; `panoptikon reset-auth` helps who forgot it"
    )]
    OwnPassword,
    /// The token is not the one on the console.
    #[error("the setup token is not right; `panoptikon setup-token` on the router shows it")]
    WrongSetupToken,
    /// Too many attempts.
    #[error("too many attempts; try again in {} s", retry_after.as_secs().max(1))]
    TooManyAttempts {
        /// When the next attempt is earned.
        retry_after: Duration,
    },
    /// Too many passwords are being checked at this moment.
    #[error("the appliance is busy checking passwords; try again in a few seconds")]
    Busy,
    /// The setup has been done.
    #[error("the setup has been done already; sign in instead")]
    AlreadySetUp,
    /// The new password is refused.
    #[error(transparent)]
    Password(#[from] PasswordFault),
    /// The name is refused.
    #[error(transparent)]
    Name(#[from] NameFault),
    /// Somebody else has that name.
    #[error("there is a person named {name} already")]
    NameTaken {
        /// The name.
        name: String,
    },
    /// There is no such person.
    #[error("there is no person {0}")]
    NoSuchPerson(PersonId),
    /// There is no such session.
    #[error("there is no session {0}; it may have ended")]
    NoSuchSession(i64),
    /// There is no such API key.
    #[error("there is no API key {0}; it may have been revoked")]
    NoSuchKey(i64),
    /// Without an administrator nobody could manage the appliance.
    #[error("{name} is the last administrator; make somebody else administrator first")]
    LastAdministrator {
        /// The person's name.
        name: String,
    },
    /// A key cannot be made for more than its maker may do.
    #[error("a key of yours cannot have the role {role}, which may do more than you")]
    RoleTooHigh {
        /// The role asked for.
        role: Role,
    },
    /// A limit on numbers was reached.
    #[error("there are {limit} {what} already; remove some first")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many there may be.
        limit: usize,
    },
    /// A value is outside its range.
    #[error("{what} must be {accepted}")]
    BadValue {
        /// The value's name.
        what: &'static str,
        /// What would be accepted.
        accepted: &'static str,
    },
    /// What the database holds makes no sense.
    #[error("the database holds a {what} that cannot be read: {detail}")]
    Kept {
        /// What it should be.
        what: &'static str,
        /// What is wrong.
        detail: String,
    },
    /// The kernel gave no random numbers.
    #[error("the kernel gave no random numbers: {0}")]
    Random(String),
    /// argon2 failed.
    #[error("hashing a password failed: {0}")]
    Hashing(String),
    /// The setup token's file could not be used.
    #[error("cannot {attempt} the setup token's file {path}: {source}")]
    TokenFile {
        /// What was attempted.
        attempt: &'static str,
        /// The file.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<rusqlite::Error> for AccessError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}

impl AccessError {
    /// A stable word for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Forbidden { .. }
            | Self::NeedsPerson
            | Self::OwnPassword
            | Self::RoleTooHigh { .. } => "forbidden",
            Self::WrongCredentials => "wrong_credentials",
            Self::WrongPassword => "wrong_password",
            Self::WrongSetupToken => "wrong_setup_token",
            Self::TooManyAttempts { .. } => "too_many_attempts",
            Self::Busy => "busy",
            Self::AlreadySetUp => "already_set_up",
            Self::Password(_) => "bad_password",
            Self::Name(_) => "bad_name",
            Self::NameTaken { .. } => "name_taken",
            Self::NoSuchPerson(_) | Self::NoSuchSession(_) | Self::NoSuchKey(_) => "not_found",
            Self::LastAdministrator { .. } => "last_administrator",
            Self::TooMany { .. } => "limit_reached",
            Self::BadValue { .. } => "bad_value",
            Self::Store(_) => "storage",
            Self::Kept { .. } | Self::Random(_) | Self::Hashing(_) | Self::TokenFile { .. } => {
                "internal"
            }
        }
    }

    /// The error as it is shown.
    pub fn explain(&self) -> Explained {
        Explained::new(self.code(), self.to_string())
    }

    /// How long to wait before the next try, where waiting helps.
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::TooManyAttempts { retry_after } => Some(*retry_after),
            Self::Busy => Some(Duration::from_secs(3)),
            _ => None,
        }
    }
}
