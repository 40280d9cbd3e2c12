//! What every request passes before its handler sees it, and what every answer gets before it
//! leaves: client address, host, rate and origin checks, sign-in and permission, security headers
//! and errors in one shape.

mod caller;
mod client;
mod failure;
mod front;
mod guard;
mod guests;
mod handler;
mod headers;
mod host;
pub(crate) mod multipart;
mod origin;
mod paging;
mod route;

pub use caller::{FORM_COOKIE, SESSION_COOKIE, Visitor, cookie, set_cookie};
pub use client::{Client, Network, ParseNetworkError, Peer, Proxies};
pub use failure::Failure;
pub(crate) use front::Class;
pub use front::{Front, FrontOptions, Requests};
pub(crate) use guard::Patient;
pub use guests::{Guest, Guests};
pub use handler::{Answering, Handles, Taken, Taking};
pub use host::Hosts;
pub use paging::{Cursor, Page, PageQuery};
pub use route::{Declared, Deprecated, Entry, Param, Route, Routes, Schema};
