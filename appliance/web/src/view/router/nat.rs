//! NAT: port forwards, and all other rules that change addresses.

use askama::Template;

use crate::view::{Empty, Link, Shell, Tone};

/// `GET /router/nat`.
#[derive(Debug, Clone, Template)]
#[template(path = "router/nat.html")]
pub struct NatPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// What cannot be shown now, and why.
    pub missing: Vec<String>,
    /// Counters are known.
    pub counted: bool,
    /// Port forwards.
    pub forwards: Vec<ForwardLine>,
    /// All lists that have rules.
    pub lists: Vec<NatList>,
    /// What is not understood, in the configuration's words.
    pub other: Vec<String>,
    /// What stands there if there is no rule.
    pub empty: Option<Empty>,
}

/// A port forward.
#[derive(Debug, Clone)]
pub struct ForwardLine {
    /// Its rule's page.
    pub href: String,
    /// Its rule's number.
    pub number: u32,
    /// What somebody said of it.
    pub description: String,
    /// What comes in.
    pub from: String,
    /// Where it goes.
    pub to: String,
    /// The device there.
    pub device: Option<Link>,
    /// What the firewall does with it.
    pub passage: String,
    /// Its colour.
    pub tone: Tone,
    /// The rule that does.
    pub rule: Option<Link>,
    /// The rule that would let it in can be made.
    pub offer: bool,
    /// How it works from inside.
    pub hairpin: String,
    /// How many connections it had; empty where it is not known.
    pub hits: String,
    /// Switched off.
    pub off: bool,
}

/// A list of rules.
#[derive(Debug, Clone)]
pub struct NatList {
    /// What the form calls it: `source` and so on.
    pub word: &'static str,
    /// For people.
    pub title: &'static str,
    /// Its rules.
    pub rules: Vec<NatLine>,
}

/// A rule.
#[derive(Debug, Clone)]
#[allow(clippy::struct_excessive_bools)] // a mark each
pub struct NatLine {
    /// Its page.
    pub href: String,
    /// Its number.
    pub number: u32,
    /// What somebody said of it.
    pub description: String,
    /// What packets it is for.
    pub words: Vec<String>,
    /// What becomes of them.
    pub becomes: String,
    /// How many connections it had.
    pub hits: String,
    /// It had none.
    pub never: bool,
    /// Where its packets are in the log; empty where it does not log.
    pub log: String,
    /// Switched off.
    pub off: bool,
    /// There is a rule before it.
    pub up: bool,
    /// There is a rule behind it.
    pub down: bool,
}
