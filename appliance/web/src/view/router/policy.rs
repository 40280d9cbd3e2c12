//! Devices that go out through another interface, and other policy routes.

use askama::Template;

use crate::view::{Empty, Link, Shell};

/// `GET /router/policy`.
#[derive(Debug, Clone, Template)]
#[template(path = "router/policy.html")]
pub struct PolicyPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// Devices through an interface.
    pub steerings: Vec<SteeringLine>,
    /// Policy routes that do something else: name and rules.
    pub others: Vec<(String, Vec<String>)>,
    /// What stands there if there is none.
    pub empty: Option<Empty>,
}

/// Devices that go out through an interface.
#[derive(Debug, Clone)]
pub struct SteeringLine {
    /// Of the policy routes that do it.
    pub name: String,
    /// Its page.
    pub href: String,
    /// The devices, those that are known by their names.
    pub devices: Vec<Link>,
    /// Interfaces that they are behind.
    pub from: String,
    /// Where they go out.
    pub via: String,
    /// The routing table.
    pub table: String,
    /// Nothing of them leaves when that is gone.
    pub kill_switch: bool,
    /// IPv4, IPv6 or both.
    pub families: &'static str,
    /// Switched off.
    pub off: bool,
}
