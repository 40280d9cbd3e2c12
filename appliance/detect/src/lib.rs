//! Judges what happens: which events become alerts, and what becomes of those.
//!
//! In come [`Event`](model::Event)s from the bus and what people do; out go alerts, at most one open
//! alert a cause, and word of each change ([`AlertChange`]). The judging ([`judge`], [`settle`]) and
//! the moves that people may make ([`Action`]) are plain functions; [`Alerts`] is the edge.

mod alert;
mod error;
mod handle;
mod judge;
mod lifecycle;
mod mute;
mod query;
mod rows;
mod rules;
mod service;
mod settings;
mod tables;

pub use alert::{Alert, AlertChange, AlertDetails, Entry, ParseStatusError, Status};
pub use error::AlertError;
pub use judge::{Decision, Draft, Known, Presence, Recent, Repeat, judge, settle};
pub use lifecycle::Action;
pub use mute::{Mute, NewMute};
pub use query::{AlertPage, AlertQuery, Counts, Cursor, ParseCursorError, Shown};
pub use rules::{Cause, Effect, RULES, Rule, cause};
pub use service::Alerts;
pub use settings::{OfflineAlerts, Settings};
pub use tables::ROOM;
