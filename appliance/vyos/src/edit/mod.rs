//! Changes of a configuration in terms that people use. Each is checked as the router would check
//! it, field by field, and then made on a draft; what turns the configuration into the draft are
//! the commands of one transaction.
//!
//! ```
//! # use panoptikon_vyos::{config::Document, dialect::Dialect, edit::Draft};
//! # let document = Document::parse("interfaces {\n ethernet eth0 {\n }\n}\n").unwrap();
//! # let dialect = Dialect::of(&document);
//! let mut draft = Draft::new(&document.root, &dialect);
//! draft.enable_interface("eth0", false)?;
//! let commands = draft.commands();
//! assert_eq!(commands[0].to_string(), "set interfaces ethernet eth0 disable");
//! # Ok::<(), panoptikon_vyos::edit::EditError>(())
//! ```
//!
//! A change takes everything that can be said of a thing at once (`…Edit`); most can be made from
//! the fact they change. What the configuration says beyond it stays as it is. A change that is
//! refused leaves the draft as it was.

mod accounting;
mod container;
mod dhcp;
mod dns;
mod draft;
mod firewall;
mod group;
mod interface;
mod nat;
mod numbering;
mod openvpn;
mod route;
mod rule;
mod service;
mod steer;
pub mod value;
mod wireguard;
mod zone;

pub use dhcp::{RangeEdit, StaticMappingEdit, SubnetEdit, family_of};
pub use dns::{DnsForwardingEdit, DomainEdit, HostMappingEdit, ServerEdit};
pub use draft::Draft;
pub use firewall::{ChainEdit, RuleEdit};
pub use group::GroupEdit;
pub use interface::InterfaceEdit;
pub use nat::{NatRuleEdit, PortForwardEdit};
pub use numbering::Place;
pub use openvpn::OpenVpnEdit;
pub use route::RouteEdit;
pub use service::{HttpsEdit, NtpEdit, SshEdit, TimeServerEdit};
pub use steer::{Steering, steerings};
pub use wireguard::{PeerEdit, WireGuardEdit};
pub use zone::{ZoneEdit, ZoneFromEdit};

use serde::Serialize;

use crate::dialect::DialectError;

/// What is wrong with one field of a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// The field's name in the change; dots lead into parts of it: `source.port`.
    pub field: String,
    /// What is wrong, and what to give instead.
    pub message: String,
}

/// Why a change is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize)]
#[error("{}", self.said())]
pub struct EditError {
    /// All that is wrong; at least one.
    pub fields: Vec<FieldError>,
}

impl EditError {
    /// With one field.
    pub fn of(field: &str, message: impl Into<String>) -> Self {
        Self { fields: vec![FieldError { field: field.to_owned(), message: message.into() }] }
    }

    /// What is wrong with a field; none if nothing.
    pub fn field(&self, name: &str) -> Option<&str> {
        let found = self.fields.iter().find(|error| error.field == name);
        found.map(|error| error.message.as_str())
    }

    fn said(&self) -> String {
        let said = self.fields.iter().map(|error| format!("{}: {}", error.field, error.message));
        said.collect::<Vec<_>>().join("; ")
    }
}

impl From<DialectError> for EditError {
    fn from(error: DialectError) -> Self {
        Self::of("release", error.to_string())
    }
}

/// Collects what is wrong with the fields of a change.
#[derive(Default)]
pub(crate) struct Check {
    errors: Vec<FieldError>,
}

impl Check {
    pub(crate) fn fail(&mut self, field: &str, message: impl Into<String>) {
        let (field, message) = (field.to_owned(), message.into());
        if !self.errors.iter().any(|known| known.field == field) {
            self.errors.push(FieldError { field, message });
        }
    }

    pub(crate) fn that(&mut self, holds: bool, field: &str, message: &str) {
        if !holds {
            self.fail(field, message);
        }
    }

    /// A value by one of the checks in `value`.
    pub(crate) fn is(&mut self, field: &str, value: &str, check: fn(&str) -> Result<(), String>) {
        if let Err(message) = check(value) {
            self.fail(field, message);
        }
    }

    pub(crate) fn each(
        &mut self,
        field: &str,
        values: &[String],
        check: fn(&str) -> Result<(), String>,
    ) {
        for value in values {
            self.is(field, value, check);
        }
        if values.len() > value::MOST {
            self.fail(field, format!("no more than {} values", value::MOST));
        }
        let doubled =
            values.iter().enumerate().find(|(at, v)| values.iter().take(*at).any(|o| o == *v));
        if let Some((_, doubled)) = doubled {
            self.fail(field, format!("`{doubled}` is there twice"));
        }
    }

    /// A text that may be absent.
    pub(crate) fn maybe(
        &mut self,
        field: &str,
        value: Option<&String>,
        check: fn(&str) -> Result<(), String>,
    ) {
        if let Some(value) = value {
            self.is(field, value, check);
        }
    }

    pub(crate) fn range(&mut self, field: &str, value: Option<u32>, low: u32, high: u32) {
        if value.is_some_and(|value| !(low..=high).contains(&value)) {
            self.fail(field, format!("a number from {low} to {high}"));
        }
    }

    pub(crate) fn done(self) -> Result<(), EditError> {
        if self.errors.is_empty() { Ok(()) } else { Err(EditError { fields: self.errors }) }
    }
}
