//! Who may do what, and who did.
//!
//! In come names, passwords, cookies and keys, always with the time; out go people with a role, or
//! a refusal. [`Access`] answers each request from memory; changes go through the store's writer,
//! each with its line in the [`audit`] log in the same transaction. What a role may do is decided
//! in one place, [`Role::may`].

pub mod audit;
pub mod csrf;

mod access;
mod actor;
mod door;
mod error;
mod keys;
mod limit;
mod memory;
mod password;
mod people;
mod person;
mod policy;
mod replaced;
mod role;
mod secret;
mod sessions;
mod setup;
mod sign_in;

pub use access::{Access, Options, ROOM};
pub use actor::{Actor, Caller};
pub use door::listen;
pub use error::AccessError;
pub use keys::{ApiKey, NewKey};
pub use limit::{Limiter, Rate, Verdict, address_group};
pub use password::{Cost, MAX_BYTES, MIN_CHARS, PasswordFault};
pub use person::{NameFault, NewPerson, Person, Preferences, Theme};
pub use policy::SessionPolicy;
pub use replaced::{Readmitted, settle_emptied, settle_restored};
pub use role::{Permission, Role, UnknownWord};
pub use secret::Secret;
pub use sessions::{NewSession, SessionRow, SignedIn};
pub use setup::{Setup, SetupState, TOKEN_FILE};
pub use sign_in::SignIn;
